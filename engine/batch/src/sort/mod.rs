//! Rows in any order to a dataset: sorted in pieces that fit in memory, spilled, and merged.
//!
//! Inputs are Parquet files with the dataset's columns, as other tools write them. The result does not depend on the
//! order of the rows, nor on the memory given.

mod spill;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, RecordBatch};
use arrow_schema::DataType;
use hengxin_core::date::{Date, Moment};
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::Vocabulary;
use serde_json::{Map, Value, json};

use crate::check::Fault;
use crate::columns::{self, Coded};
use crate::error::{Error, Result};
use crate::manifest::{Delivered, Manifest, Shard};
use crate::moment::{self, STILL};
use crate::place::Place;
use crate::reader::{ClassBook, ShardFile};
use crate::writer::{ShardWriter, shard_file};
use crate::{class_text, rows, schema, sharding};
use spill::{Folder, Item, Key, Run, merge};

/// The least memory that is of any use, in bytes.
pub const MEMORY_MIN: usize = 16 << 20;
/// Most runs merged at once: each holds a file open.
const RUNS: usize = 200;

/// How to sort.
#[derive(Clone, Debug)]
pub struct Options {
    /// About how many bytes of rows are held in memory at a time.
    pub memory: usize,
    /// Which registers are complete through which day: rows do not say.
    pub deliveries: Vec<Delivered>,
    /// Where runs are spilled to when the dataset does not go to a folder, in which they are spilled otherwise.
    pub temporary: PathBuf,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// So many rows of so many were read.
    Reading(u64, u64),
    /// So many rows of so many were written.
    Writing(u64, u64),
}

/// What became of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sorted {
    /// Rows read.
    pub read: u64,
    /// Rows that said nothing another did not.
    pub duplicates: u64,
    /// Rows put aside.
    pub quarantined: u64,
    /// Runs spilled to disk.
    pub runs: u64,
}

/// A row that was put aside: what is wrong with it, and what it says.
pub type Quarantine<'q> = &'q mut (dyn FnMut(&Fault, &Map<String, Value>) -> Result<()> + Send);

/// Sorts the rows of `inputs` into a dataset. Without `quarantine` the first bad row is refused; with it, bad rows are
/// handed over and the others written.
///
/// # Errors
/// An input that cannot be read; a bad row, by its place; two rows that say different things about one record at the
/// same moment; a place that cannot be written.
pub fn sort(
    inputs: &[PathBuf],
    vocabulary: &Arc<Vocabulary>,
    options: &Options,
    place: &Place,
    mut quarantine: Option<Quarantine<'_>>,
    progress: &(dyn Fn(Stage) + Sync),
) -> Result<(Manifest, Sorted)> {
    if options.memory < MEMORY_MIN {
        return Err(Error::Refused(format!(
            "found {} bytes of memory, expected at least {MEMORY_MIN}",
            options.memory
        )));
    }
    let _lock = place.lock()?;
    Manifest::none_yet(place)?;
    let files = inputs.iter().map(|path| open(path)).collect::<Result<Vec<_>>>()?;
    let temporary = match place {
        Place::Folder(folder) => folder.clone(),
        Place::Objects(_) => options.temporary.clone(),
    };
    let folder = Folder::new(temporary.join(format!(".sort-{}", std::process::id())))?;
    let mut book = ClassBook::new(Arc::clone(vocabulary));
    let mut sorted = Sorted::default();
    let (runs, rest) = read(&files, &mut book, options, &folder, quarantine.as_mut(), progress, &mut sorted)?;
    let names: Vec<&str> = files.iter().map(ShardFile::name).collect();
    let total = sorted.read - sorted.quarantined;
    let runs = fewer(runs, &folder)?;
    let mut sources: Vec<Box<dyn Iterator<Item = Result<Item>> + Send>> = vec![Box::new(rest.map(Ok))];
    for run in runs {
        sources.push(Box::new(run.read()?));
    }
    let mut output = Output {
        book: &book,
        place,
        names: &names,
        writer: None,
        shards: Vec::new(),
        written: 0,
        known_at: options.deliveries.iter().map(|d| d.recorded_at).max().unwrap_or(Moment(0)),
        quarantine,
        sorted: &mut sorted,
    };
    // Merging on one thread, encoding on another.
    let (send, receive) = sync_channel::<Result<Vec<Item>>>(4);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for group in groups(merge(sources)) {
                // Nobody listens any more: what went wrong is told at the other end.
                if send.send(group).is_err() {
                    return;
                }
            }
        });
        output.all(receive, total, progress)
    })?;
    let Output { shards, known_at, .. } = output;
    let origin = format!("sorted from {} files", inputs.len());
    let manifest = Manifest::new(vocabulary, origin, known_at, options.deliveries.clone(), shards);
    manifest.write(place)?;
    Ok((manifest, sorted))
}

fn open(path: &Path) -> Result<ShardFile> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    if !path.is_file() {
        return Err(Error::content(path.display().to_string(), "no such file", "a Parquet file of facts"));
    }
    ShardFile::open(&folder.into(), name)
}

/// Reads all inputs; what does not fit in memory is spilled.
fn read<'i>(
    files: &[ShardFile],
    book: &mut ClassBook,
    options: &Options,
    folder: &Folder,
    mut quarantine: Option<&mut Quarantine<'_>>,
    progress: &(dyn Fn(Stage) + Sync),
    sorted: &mut Sorted,
) -> Result<(Vec<Run>, impl Iterator<Item = Item> + Send + use<'i>)> {
    let total: u64 = files.iter().map(ShardFile::rows).sum();
    // One piece is filled while another is sorted and written, and what grows may hold twice what is in it.
    let piece = options.memory / 4;
    let (send, receive) = sync_channel::<Vec<Item>>(0);
    std::thread::scope(|scope| {
        let spilling = scope.spawn(move || -> Result<Vec<Run>> {
            receive.into_iter().map(|items| folder.spill(in_order(items).map(Ok))).collect()
        });
        let mut items: Vec<Item> = Vec::new();
        let mut size = 0;
        let mut bad = Vec::new();
        let mut all = || -> Result<()> {
            for (n, file) in (0u32..).zip(files) {
                file.batches(rows::columns(), None, |batch, first| {
                    let found = rows::of(batch, book, &mut bad);
                    let mut told = HashSet::new();
                    for value in bad.drain(..) {
                        let fault = Fault {
                            file: file.name().to_owned(),
                            row: Some(first + value.row as u64 + 1),
                            column: Some(value.column.to_owned()),
                            found: value.found,
                            expected: value.expected.to_owned(),
                        };
                        refuse_or_keep(quarantine.as_deref_mut(), &fault, || values(batch, value.row))?;
                        sorted.quarantined += u64::from(told.insert(value.row));
                    }
                    for (row, found) in found {
                        let item = Item { row: found, file: n, number: first + row as u64 + 1 };
                        size += item.size();
                        items.push(item);
                        if size >= piece {
                            size = 0;
                            // When spilling failed, its error is told below.
                            let _ = send.send(std::mem::take(&mut items));
                        }
                    }
                    sorted.read += batch.num_rows() as u64;
                    progress(Stage::Reading(sorted.read, total));
                    Ok(())
                })?;
            }
            Ok(())
        };
        let done = all();
        drop(send);
        let runs = spilling.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        done?;
        sorted.runs = runs.len() as u64;
        Ok((runs, in_order(items)))
    })
}

/// The items of a piece, sorted. Only keys are moved about, rows are large.
fn in_order(items: Vec<Item>) -> impl Iterator<Item = Item> + Send + use<> {
    let mut order: Vec<(Key, usize)> = items.iter().enumerate().map(|(i, item)| (item.key(), i)).collect();
    order.sort_unstable();
    let mut items: Vec<Option<Item>> = items.into_iter().map(Some).collect();
    order.into_iter().filter_map(move |(_, i)| items[i].take())
}

/// Merges runs until few enough are left to be open at once.
fn fewer(mut runs: Vec<Run>, folder: &Folder) -> Result<Vec<Run>> {
    while runs.len() > RUNS {
        let several: Vec<Run> = runs.drain(..RUNS).collect();
        let mut sources: Vec<Box<dyn Iterator<Item = Result<Item>> + Send>> = Vec::new();
        for run in several {
            sources.push(Box::new(run.read()?));
        }
        runs.push(folder.spill(merge(sources))?);
    }
    Ok(runs)
}

/// Whole subjects, several at a time.
fn groups(items: impl Iterator<Item = Result<Item>>) -> impl Iterator<Item = Result<Vec<Item>>> {
    let mut items = items.peekable();
    std::iter::from_fn(move || {
        let mut group: Vec<Item> = Vec::with_capacity(4096);
        loop {
            match items.peek() {
                None => return (!group.is_empty()).then_some(Ok(group)),
                Some(Ok(next))
                    if group.len() >= 4096
                        && group.last().map(|i| i.row.subject) != Some(next.row.subject) =>
                {
                    return Some(Ok(group));
                }
                Some(_) => match items.next()? {
                    Ok(item) => group.push(item),
                    Err(problem) => return Some(Err(problem)),
                },
            }
        }
    })
}

fn refuse_or_keep(
    quarantine: Option<&mut Quarantine<'_>>,
    fault: &Fault,
    values: impl FnOnce() -> Map<String, Value>,
) -> Result<()> {
    match quarantine {
        Some(keep) => keep(fault, &values()),
        None => {
            let mut at = fault.file.clone();
            if let Some(row) = fault.row {
                at.push_str(&format!(", row {row}"));
            }
            if let Some(column) = &fault.column {
                at.push_str(&format!(", column `{column}`"));
            }
            Err(Error::content(at, fault.found.clone(), fault.expected.clone()))
        }
    }
}

/// What a row says, as well as it can be said.
fn values(batch: &RecordBatch, row: usize) -> Map<String, Value> {
    let one = |column: &arrow_array::ArrayRef| -> Value {
        if column.is_null(row) {
            return Value::Null;
        }
        let cell = column.slice(row, 1);
        match cell.data_type() {
            DataType::Dictionary(_, _) => json!(Coded::of(&cell).text(0)),
            DataType::Utf8 => json!(cell.as_string::<i32>().value(0)),
            DataType::FixedSizeBinary(_) => {
                json!(String::from_utf8_lossy(cell.as_fixed_size_binary().value(0)))
            }
            DataType::Date32 | DataType::Timestamp(_, _) => {
                let (mut days, mut moments) = (Vec::new(), Vec::new());
                if *cell.data_type() == DataType::Date32
                    && columns::dates(&cell, Date::FOREVER, &mut days).is_ok()
                {
                    json!(days.first().map(ToString::to_string))
                } else if columns::instants(&cell, STILL.0, &mut moments).is_ok() {
                    json!(moments.first().map(|m| moment::to_text(Moment(*m))))
                } else {
                    Value::Null
                }
            }
            _ => {
                let mut numbers = Vec::new();
                columns::numbers(&cell, 0, &mut numbers).map_or(Value::Null, |()| json!(numbers.first()))
            }
        }
    };
    let known = schema::COLUMNS.iter().filter_map(|name| Some((*name, batch.column_by_name(name)?)));
    known.map(|(name, column)| (name.to_owned(), one(column))).collect()
}

/// Where sorted rows go.
struct Output<'a, 'q> {
    book: &'a ClassBook,
    place: &'a Place,
    names: &'a [&'a str],
    writer: Option<ShardWriter>,
    shards: Vec<Shard>,
    written: u64,
    known_at: Moment,
    quarantine: Option<Quarantine<'q>>,
    sorted: &'a mut Sorted,
}

impl Output<'_, '_> {
    fn all(
        &mut self,
        groups: Receiver<Result<Vec<Item>>>,
        total: u64,
        progress: &(dyn Fn(Stage) + Sync),
    ) -> Result<()> {
        for group in groups {
            let mut group = group?;
            self.written += group.len() as u64;
            while let Some(subject) = group.first().map(|item| item.row.subject) {
                let n = group.iter().position(|item| item.row.subject != subject).unwrap_or(group.len());
                let rest = group.split_off(n);
                self.subject(subject, std::mem::replace(&mut group, rest))?;
            }
            progress(Stage::Writing(self.written, total));
        }
        self.close()
    }

    fn subject(&mut self, subject: Uscc, mut items: Vec<Item>) -> Result<()> {
        let before = items.len();
        items.dedup_by(|later, earlier| later.row == earlier.row);
        self.sorted.duplicates += (before - items.len()) as u64;
        let mut left_out = HashSet::new();
        loop {
            let kept: Vec<usize> = (0..items.len()).filter(|i| !left_out.contains(i)).collect();
            let found = rows::contradictions(kept.iter().map(|i| &items[*i].row));
            let Some((one, other)) = found.first().map(|(a, b)| (kept[*a], kept[*b])) else { break };
            let (one, later) = (&items[one], &items[other]);
            let fault = Fault {
                file: self.names[later.file as usize].to_owned(),
                row: Some(later.number),
                column: Some("known_from".to_owned()),
                found: format!(
                    "fact {:016x} of {subject}, of which {}, row {} says something else at the same moment",
                    later.row.fact, self.names[one.file as usize], one.number
                ),
                expected: "one version of a record known at a time".to_owned(),
            };
            let values = self.values(later);
            refuse_or_keep(self.quarantine.as_mut(), &fault, || values)?;
            self.sorted.quarantined += 1;
            left_out.insert(other);
        }
        if self.writer.is_none() || sharding::opens(subject) {
            self.close()?;
            self.writer = Some(ShardWriter::new()?);
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        for (i, item) in items.into_iter().enumerate() {
            if left_out.contains(&i) {
                continue;
            }
            self.known_at = self.known_at.max(item.row.known_from);
            if item.row.known_until != STILL {
                self.known_at = self.known_at.max(item.row.known_until);
            }
            writer.push(item.row, self.book.vocabulary(), self.book.classes())?;
        }
        Ok(())
    }

    fn values(&self, item: &Item) -> Map<String, Value> {
        let row = &item.row;
        let class = self.book.classes().class(row.class);
        let values = [
            ("subject", json!(row.subject.as_str())),
            ("class", json!(class.map(|c| class_text::to_text(self.book.vocabulary(), c)))),
            ("occurred_on", json!(row.occurred_on.to_string())),
            ("fact", json!(row.fact)),
            ("known_from", json!(moment::to_text(row.known_from))),
        ];
        values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn close(&mut self) -> Result<()> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let file = shard_file(self.shards.len());
        let shard = writer.finish(self.book.vocabulary(), self.book.classes(), self.place, file)?;
        self.shards.extend(shard);
        Ok(())
    }
}
