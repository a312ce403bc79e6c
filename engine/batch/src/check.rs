//! Whether a dataset is one: everything is read, and every fault told.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::Vocabulary;
use serde::Serialize;

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::manifest::{Manifest, Shard};
use crate::moment::STILL;
use crate::place::Place;
use crate::reader::{ClassBook, ShardFile};
use crate::row::Row;
use crate::rows;

/// Most faults that are told in full; the rest are counted.
pub const FAULTS_MAX: usize = 200;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file.
    pub file: String,
    /// The row, from 1; `None` when the fault is the file's.
    pub row: Option<u64>,
    /// The column; `None` when the fault is the row's or the file's.
    pub column: Option<String>,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        if let Some(row) = self.row {
            write!(f, ", row {row}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", column `{column}`")?;
        }
        write!(f, ": found {}, expected {}", self.found, self.expected)
    }
}

/// What was looked at, and what is wrong with it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Shards that could be opened.
    pub shards: u64,
    /// Subjects found.
    pub subjects: u64,
    /// Rows found.
    pub rows: u64,
    /// How many faults there are.
    pub fault_count: u64,
    /// The first [`FAULTS_MAX`] of them, by file and row.
    pub faults: Vec<Fault>,
}

impl Report {
    fn add(&mut self, fault: Fault) {
        self.fault_count += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }

    fn join(&mut self, other: Report) {
        self.shards += other.shards;
        self.subjects += other.subjects;
        self.rows += other.rows;
        self.fault_count += other.fault_count;
        let room = FAULTS_MAX.saturating_sub(self.faults.len());
        self.faults.extend(other.faults.into_iter().take(room));
    }
}

/// Checks the dataset of a place. `progress` is told rows done and rows there are.
///
/// # Errors
/// When there is no manifest that can be read at all, or the system fails. Faults of the data are in the report.
pub fn check(
    place: &Place,
    vocabulary: &Arc<Vocabulary>,
    threads: usize,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Report> {
    let manifest = Manifest::parse(place)?;
    let mut report = Report::default();
    let name = place.name_of(crate::manifest::NAME);
    for (found, expected) in manifest.faults() {
        report.add(Fault { file: name.clone(), row: None, column: None, found, expected });
    }
    if manifest.vocabulary != vocabulary.edition {
        report.add(Fault {
            file: name.clone(),
            row: None,
            column: None,
            found: format!("vocabulary {}", manifest.vocabulary),
            expected: format!("vocabulary {}", vocabulary.edition),
        });
    }
    if let Err(problem) = Manifest::deliveries_in(&manifest.deliveries, vocabulary, STILL) {
        report.add(of_error(problem, &name)?);
    }
    let dataset = Dataset { place: place.clone(), manifest, vocabulary: Arc::clone(vocabulary) };
    let shards = &dataset.manifest.shards;
    // Of a manifest that may say anything.
    let total = shards.iter().fold(0u64, |sum, s| sum.saturating_add(s.rows));
    let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
    let reports: Mutex<Vec<(usize, Result<Report>)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(shard) = shards.get(n) else { return };
                    let checked = check_shard(&dataset, shard);
                    progress(done.fetch_add(shard.rows, Ordering::Relaxed) + shard.rows, total);
                    reports.lock().unwrap_or_else(PoisonError::into_inner).push((n, checked));
                }
            });
        }
    });
    let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_unstable_by_key(|(n, _)| *n);
    for (_, shard) in reports {
        report.join(shard?);
    }
    Ok(report)
}

/// A failure that is the data's as a fault; the system's stays a failure.
fn of_error(problem: Error, file: &str) -> Result<Fault> {
    let told = |file: &str, found: String, expected: String| {
        Ok(Fault { file: file.to_owned(), row: None, column: None, found, expected })
    };
    match problem {
        Error::Content { file, found, expected } => told(&file, found, expected),
        Error::Parquet { file, source } => told(&file, source.to_string(), "a whole Parquet file".to_owned()),
        Error::Refused(why) => told(file, why, "a dataset".to_owned()),
        problem @ (Error::Io { .. } | Error::Busy(_) | Error::Cancelled) => Err(problem),
    }
}

fn check_shard(dataset: &Dataset, shard: &Shard) -> Result<Report> {
    let mut report = Report::default();
    let file = dataset.place.name_of(&shard.file);
    // Bytes first: what follows may be their fault, and is told all the same.
    if let Err(problem) = dataset.verify(shard) {
        report.add(of_error(problem, &file)?);
    }
    let opened = match ShardFile::open(&dataset.place, &shard.file) {
        Ok(opened) => opened,
        Err(problem) => {
            let fault = of_error(problem, &file)?;
            // A file that is not there was told already.
            if !report.faults.iter().any(|f| f.found == fault.found) {
                report.add(fault);
            }
            return Ok(report);
        }
    };
    report.shards = 1;
    let mut state = State { report, file: file.clone(), first: None, last: None, subject: Vec::new() };
    let mut book = ClassBook::new(Arc::clone(&dataset.vocabulary));
    let mut bad = Vec::new();
    let read = opened.batches(rows::columns(), None, |batch, first| {
        let found = rows::of(batch, &mut book, &mut bad);
        for value in bad.drain(..) {
            state.report.add(Fault {
                file: file.clone(),
                row: Some(first + value.row as u64 + 1),
                column: Some(value.column.to_owned()),
                found: value.found,
                expected: value.expected.to_owned(),
            });
        }
        state.report.rows += batch.num_rows() as u64;
        for (row, value) in found {
            state.row(first + row as u64 + 1, value);
        }
        Ok(())
    });
    state.end_of_subject();
    let State { mut report, first, last, .. } = state;
    if let Err(problem) = read {
        report.add(of_error(problem, &file)?);
    }
    let of_file = |found: String, expected: String| Fault {
        file: file.clone(),
        row: None,
        column: None,
        found,
        expected,
    };
    for (what, found, expected) in
        [("rows", report.rows, shard.rows), ("subjects", report.subjects, shard.subjects)]
    {
        if found != expected {
            report
                .add(of_file(format!("{found} {what}"), format!("{expected} {what}, as its manifest says")));
        }
    }
    for (what, found, expected) in [("first", first, &shard.first), ("last", last, &shard.last)] {
        let found = found.map(|code: Uscc| code.to_string()).unwrap_or_default();
        if found != *expected {
            report.add(of_file(
                format!("`{found}` as its {what} subject"),
                format!("`{expected}`, as its manifest says"),
            ));
        }
    }
    Ok(report)
}

struct State {
    report: Report,
    file: String,
    first: Option<Uscc>,
    last: Option<Uscc>,
    /// Rows of the present subject, with their numbers.
    subject: Vec<(u64, Row)>,
}

impl State {
    fn row(&mut self, number: u64, row: Row) {
        let fault = |file: &str, column: &str, found: String, expected: &str| Fault {
            file: file.to_owned(),
            row: Some(number),
            column: Some(column.to_owned()),
            found,
            expected: expected.to_owned(),
        };
        if let Some((_, before)) = self.subject.last() {
            if before.subject == row.subject {
                if before.order() >= row.order() {
                    let found = format!(
                        "{} {:016x} after {} {:016x}",
                        row.occurred_on, row.fact, before.occurred_on, before.fact
                    );
                    self.report.add(fault(
                        &self.file,
                        "occurred_on",
                        found,
                        "rows ascending by subject, day, fact and moment (`hengxin dataset sort` makes it so)",
                    ));
                }
                self.subject.push((number, row));
                return;
            }
            if before.subject > row.subject {
                let found = format!("`{}` after `{}`", row.subject, before.subject);
                self.report.add(fault(
                    &self.file,
                    "subject",
                    found,
                    "subjects in ascending order, all rows of one together (`hengxin dataset sort` makes it so)",
                ));
            }
        }
        self.end_of_subject();
        self.report.subjects += 1;
        self.first.get_or_insert(row.subject);
        self.last = Some(row.subject);
        self.subject.push((number, row));
    }

    fn end_of_subject(&mut self) {
        for (one, other) in rows::contradictions(self.subject.iter().map(|(_, row)| row)) {
            let ((one, _), (other, row)) = (&self.subject[one], &self.subject[other]);
            self.report.add(Fault {
                file: self.file.clone(),
                row: Some(*other),
                column: Some("known_from".to_owned()),
                found: format!("fact {:016x} of {} known while row {one} was", row.fact, row.subject),
                expected: "one version of a record known at a time".to_owned(),
            });
        }
        self.subject.clear();
    }
}
