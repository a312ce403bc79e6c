//! Shards to credit files: decodes the columns that are needed, cuts them at a moment, and hands over one subject after
//! another.

mod book;
mod convert;
mod cut;
mod rows;

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, RecordBatch, StringArray};
use arrow_schema::{DataType, TimeUnit};
use hengxin_core::date::Moment;
use hengxin_core::fact::{CreditFile, Deliveries};
use hengxin_core::needs::Needs;
use hengxin_core::uscc::Uscc;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::file::statistics::Statistics;

use crate::columns::{self, Coded};
use crate::error::{Error, Result};
use crate::place::{Place, Source};

pub use book::{Attributes, ClassBook};
use cut::Cut;

/// Rows decoded in one go.
const BATCH: usize = 16_384;

/// Which columns a reader of a shard wants besides subject, class and day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a set of columns, each wanted or not")]
pub struct Wanted {
    /// Last days in force.
    pub ends_on: bool,
    /// Numbers.
    pub number: bool,
    /// References.
    pub reference: bool,
    /// Last days of publicity.
    pub publicity_until: bool,
    /// Objections.
    pub objections: bool,
}

impl Wanted {
    /// Everything the kernel may look at.
    pub const ALL: Wanted =
        Wanted { ends_on: true, number: true, reference: true, publicity_until: true, objections: true };

    /// The columns that are read for it.
    pub fn columns(self) -> Vec<&'static str> {
        let always = [
            "subject",
            "class",
            "occurred_on",
            "repaired_on",
            "known_from",
            "known_until",
            "established_on",
            "region",
            "industry",
            // The number of a registration is its capital, which has no other column.
            "number",
        ];
        let optional = [
            ("ends_on", self.ends_on),
            ("reference", self.reference),
            ("publicity_until", self.publicity_until),
            ("objections", self.objections),
        ];
        let wanted = optional.iter().filter(|(_, wanted)| *wanted).map(|(name, _)| *name);
        always.into_iter().chain(wanted).collect()
    }
}

impl From<Needs> for Wanted {
    fn from(needs: Needs) -> Wanted {
        Wanted {
            ends_on: needs.ends_on,
            number: needs.number,
            reference: needs.reference,
            publicity_until: needs.publicity_until,
            objections: needs.objections,
        }
    }
}

/// One subject as read.
#[derive(Debug)]
pub struct SubjectFile<'a> {
    /// The kernel's view. References are numbered within the file.
    pub file: CreditFile<'a>,
    /// Whether anything of it was known by the moment. Who is unknown has an empty file, but is not one of whom it is
    /// known that there is nothing: nothing may be said of it.
    pub known: bool,
    /// Fingerprint of everything in it.
    pub digest: u64,
}

/// An open shard.
#[derive(Debug)]
pub struct ShardFile {
    name: String,
    source: Source,
    metadata: ArrowReaderMetadata,
}

impl ShardFile {
    /// Opens a shard and checks its columns.
    ///
    /// # Errors
    /// No such file, a damaged footer, a column that is missing or of the wrong type.
    pub fn open(place: &Place, file: &str) -> Result<ShardFile> {
        let name = place.name_of(file);
        let source = place
            .open(file)?
            .ok_or_else(|| Error::content(&name, "no such file", "the shard its manifest names"))?;
        let options = || ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let found = ArrowReaderMetadata::load(&source, options()).map_err(|e| Error::parquet(&name, e))?;
        let schema = columns::readable(found.schema()).map_err(|(column, found, expected)| {
            Error::content(format!("{name}, column `{column}`"), found, expected)
        })?;
        let metadata =
            ArrowReaderMetadata::try_new(Arc::clone(found.metadata()), options().with_schema(schema))
                .map_err(|e| Error::parquet(&name, e))?;
        Ok(ShardFile { name, source, metadata })
    }

    /// Rows by its own account.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.metadata.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// Its name in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has a column.
    pub fn has(&self, column: &str) -> bool {
        self.metadata.schema().field_with_name(column).is_ok()
    }

    /// Decodes `columns`, those there are, batch after batch; with `rows`, only those rows. No batch spans two row groups, so that dictionaries stay
    /// dictionaries. `work` is given the number of the batch's first row (of those that are read).
    ///
    /// # Errors
    /// Damaged pages, and what `work` refuses.
    pub fn batches(
        &self,
        columns: &[&str],
        rows: Option<&[Range<u64>]>,
        mut work: impl FnMut(&RecordBatch, u64) -> Result<()>,
    ) -> Result<()> {
        let descriptor = self.metadata.parquet_schema();
        let mask = ProjectionMask::roots(
            descriptor,
            columns.iter().filter_map(|name| self.metadata.schema().index_of(name).ok()),
        );
        let fail = |e| Error::parquet(&self.name, e);
        let mut first = 0u64;
        let mut begin = 0u64;
        for group in 0..self.metadata.metadata().num_row_groups() {
            let source = match &self.source {
                Source::File(file) => Source::File(
                    file.try_clone().map_err(|e| Error::io(std::path::Path::new(&self.name), e))?,
                ),
                Source::Bytes(bytes) => Source::Bytes(bytes.clone()),
            };
            let rows_here = u64::try_from(self.metadata.metadata().row_group(group).num_rows()).unwrap_or(0);
            let within = begin..begin + rows_here;
            begin = within.end;
            let mut builder =
                ParquetRecordBatchReaderBuilder::new_with_metadata(source, self.metadata.clone())
                    .with_row_groups(vec![group])
                    .with_projection(mask.clone())
                    .with_batch_size(BATCH);
            if let Some(rows) = rows {
                let Some(selection) = selection(rows, &within) else { continue };
                builder = builder.with_row_selection(selection);
            }
            let reader = builder.build().map_err(fail)?;
            for batch in reader {
                let batch = batch.map_err(|e| fail(parquet::errors::ParquetError::from(e)))?;
                work(&batch, first)?;
                first += batch.num_rows() as u64;
            }
        }
        Ok(())
    }

    /// Hands over every subject of the shard in order, or those whose rows are given, cut at `known_at`.
    ///
    /// # Errors
    /// Damaged pages; rows that are not sorted; a value that cannot be; and what `work` refuses.
    pub fn subjects(
        &self,
        book: &mut ClassBook,
        deliveries: &Deliveries,
        wanted: Wanted,
        rows: Option<&[Range<u64>]>,
        known_at: Moment,
        work: &mut dyn FnMut(&ClassBook, &SubjectFile<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut cut = Cut::new(self, deliveries, known_at);
        self.batches(&self.columns(wanted, known_at), rows, |batch, first| {
            cut.batch(batch, first, book, work)
        })?;
        cut.finish(book, work)
    }

    /// The columns read for a cut at `known_at`: since when rows are known is not asked when by the file's statistics all
    /// of them are.
    pub fn columns(&self, wanted: Wanted, known_at: Moment) -> Vec<&'static str> {
        let mut columns = wanted.columns();
        if self.latest("known_from").is_some_and(|latest| latest <= known_at) {
            columns.retain(|name| *name != "known_from");
        }
        columns
    }

    /// The latest instant of a column without nulls, if the statistics tell.
    fn latest(&self, name: &str) -> Option<Moment> {
        let kind = self.metadata.schema().field_with_name(name).ok()?.data_type();
        if !matches!(kind, DataType::Timestamp(TimeUnit::Microsecond, _)) {
            return None;
        }
        let leaves = self.metadata.parquet_schema().columns();
        let place = leaves.iter().position(|leaf| leaf.path().string() == name)?;
        let groups = self.metadata.metadata().row_groups().iter();
        groups
            .map(|group| match group.column(place).statistics()? {
                Statistics::Int64(found) if found.null_count_opt() == Some(0) => found.max_opt().copied(),
                _ => None,
            })
            .try_fold(i64::MIN, |latest, found| Some(latest.max(found?)))
            .map(Moment)
    }

    fn lost(&self, column: &str) -> Error {
        Error::content(format!("{}, column `{column}`", self.name), "no such column", "one")
    }

    /// Tells of every subject in order which rows it has, and whether anything about it became known, or ceased to be,
    /// after `since` and up to `known_at`. Without `since` nothing did, and only the subjects are read.
    ///
    /// # Errors
    /// As [`ShardFile::subjects`].
    pub fn changes(
        &self,
        since: Option<Moment>,
        known_at: Moment,
        work: &mut dyn FnMut(Uscc, Range<u64>, bool) -> Result<()>,
    ) -> Result<()> {
        let names: &[&str] =
            if since.is_some() { &["subject", "known_from", "known_until"] } else { &["subject"] };
        let (mut from, mut until) = (Vec::new(), Vec::new());
        let mut open: Option<(Uscc, Range<u64>, bool)> = None;
        self.batches(names, None, |batch, first| {
            from.clear();
            until.clear();
            let instants = [("known_from", &mut from), ("known_until", &mut until)];
            for (name, out) in instants {
                if let Some(column) = batch.column_by_name(name).filter(|c| c.null_count() < c.len()) {
                    columns::instants(column, i64::MAX, out).map_err(|(row, found)| {
                        self.row_error(first + row as u64, name, found, "a moment")
                    })?;
                }
            }
            let inside = |at: &i64| since.is_some_and(|since| since.0 < *at && *at <= known_at.0);
            for_each_subject(self, batch, first, |subject, rows| {
                let here = rows.start as u64 + first..rows.end as u64 + first;
                let changed =
                    [&from, &until].iter().any(|c| c.get(rows.clone()).is_some_and(|c| c.iter().any(inside)));
                if let Some((known, range, before)) = &mut open
                    && *known == subject
                {
                    range.end = here.end;
                    *before |= changed;
                    return Ok(());
                }
                if let Some((known, range, changed)) = open.replace((subject, here, changed)) {
                    work(known, range, changed)?;
                }
                Ok(())
            })
        })?;
        match open {
            Some((subject, rows, changed)) => work(subject, rows, changed),
            None => Ok(()),
        }
    }

    pub(crate) fn row_error(&self, row: u64, column: &str, found: String, expected: &str) -> Error {
        Error::content(format!("{}, row {}, column `{column}`", self.name, row + 1), found, expected)
    }
}

/// The runs of rows of one subject in a batch.
pub(crate) fn for_each_subject(
    shard: &ShardFile,
    batch: &RecordBatch,
    first: u64,
    mut work: impl FnMut(Uscc, Range<usize>) -> Result<()>,
) -> Result<()> {
    let n = batch.num_rows();
    let subject = batch.column_by_name("subject").ok_or_else(|| shard.lost("subject"))?;
    if let Some(row) = (subject.null_count() > 0).then(|| (0..n).find(|row| subject.is_null(*row))).flatten()
    {
        return Err(shard.row_error(first + row as u64, "subject", "nothing".into(), "a code"));
    }
    let code = |row: usize, bytes: &[u8]| -> Result<Uscc> {
        Uscc::from_bytes(bytes).map_err(|e| {
            let found = format!("`{}`: {e}", String::from_utf8_lossy(bytes));
            shard.row_error(first + row as u64, "subject", found, "a valid unified social credit code")
        })
    };
    let mut start = 0;
    if let Some(fixed) = subject.as_fixed_size_binary_opt() {
        while start < n {
            let same = (start + 1..n).take_while(|row| fixed.value(*row) == fixed.value(start));
            let end = start + 1 + same.count();
            work(code(start, fixed.value(start))?, start..end)?;
            start = end;
        }
        return Ok(());
    }
    let coded = Coded::of(subject);
    let texts: &StringArray = coded.values.as_string::<i32>();
    let keys = coded.keys.values();
    while start < n {
        let key = keys[start];
        let end = start + 1 + keys[start + 1..].iter().take_while(|k| **k == key).count();
        let text = texts.value(usize::try_from(key).unwrap_or(0));
        work(code(start, text.as_bytes())?, start..end)?;
        start = end;
    }
    Ok(())
}

/// The rows of a row group that lie in `rows`; `None` when there are none.
fn selection(rows: &[Range<u64>], within: &Range<u64>) -> Option<RowSelection> {
    let start = rows.partition_point(|r| r.end <= within.start);
    let end = rows.partition_point(|r| r.start < within.end);
    let inside = rows.get(start..end).filter(|inside| !inside.is_empty())?;
    let local = |n: u64| usize::try_from(n.clamp(within.start, within.end) - within.start).unwrap_or(0);
    let ranges = inside.iter().map(|r| local(r.start)..local(r.end));
    Some(RowSelection::from_consecutive_ranges(ranges, local(within.end)))
}
