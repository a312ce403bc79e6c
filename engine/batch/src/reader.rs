//! Shards to credit files: decodes the columns that are needed, cuts them at a moment, and hands over one subject after
//! another.
//!
//! Columns are converted a batch at a time; a subject's file is a slice of them. Only subjects of whom something was
//! not yet or no longer known at the moment, and those that lie across two batches, are copied.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef, RecordBatch, StringArray};
use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::{
    ClassId, Classes, CreditFile, Deliveries, FactId, Facts, NO_NUMBER, NO_REFERENCE, Objection, Registration,
};
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::{Shape, Vocabulary};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use crate::class_text;
use crate::columns::{self, Coded};
use crate::digest::fingerprint;
use crate::error::{Error, Result};
use crate::place::{Place, Source};

/// Rows decoded in one go.
const BATCH: usize = 32_768;

/// Which columns a reader of a shard wants besides subject, class and day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// Whether anything changed after this moment.
    pub since: Option<Moment>,
}

impl Wanted {
    /// Everything the kernel may look at.
    pub const ALL: Wanted = Wanted {
        ends_on: true,
        number: true,
        reference: true,
        publicity_until: true,
        objections: true,
        since: None,
    };
}

/// The classes one reader has met, with what is decided once per class.
#[derive(Clone, Debug)]
pub struct ClassBook {
    vocabulary: Arc<Vocabulary>,
    classes: Classes,
    by_text: HashMap<String, ClassId>,
    /// Fingerprint of each class's text; 0 for registrations, which are told apart by what they say.
    prints: Vec<u64>,
    registration: Vec<bool>,
}

impl ClassBook {
    /// An empty book.
    pub fn new(vocabulary: Arc<Vocabulary>) -> ClassBook {
        let (classes, by_text) = (Classes::default(), HashMap::new());
        ClassBook { vocabulary, classes, by_text, prints: Vec::new(), registration: Vec::new() }
    }

    /// The classes, by id.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// The vocabulary.
    pub fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.vocabulary
    }

    /// Fingerprints by class id.
    pub fn prints(&self) -> &[u64] {
        &self.prints
    }

    /// The class of a text, new when it was not met before.
    ///
    /// # Errors
    /// What was found that nobody declared.
    pub fn id(&mut self, text: &str) -> std::result::Result<ClassId, String> {
        if let Some(id) = self.by_text.get(text) {
            return Ok(*id);
        }
        let class = class_text::from_text(&self.vocabulary, text)?;
        // Another spelling of a class already met is the same class.
        let canonical = class_text::to_text(&self.vocabulary, &class);
        let registration = self.vocabulary.code(class.code).shape == Shape::Registration;
        let id = self.classes.intern(class);
        if self.prints.len() == id as usize {
            self.prints.push(if registration { 0 } else { fingerprint(&canonical) });
            self.registration.push(registration);
        }
        self.by_text.insert(text.to_owned(), id);
        Ok(id)
    }

    /// Whether facts of a class are registrations.
    pub fn is_registration(&self, class: ClassId) -> bool {
        self.registration.get(class as usize).copied().unwrap_or(false)
    }
}

/// One subject as read.
#[derive(Debug)]
pub struct SubjectFile<'a> {
    /// The kernel's view. References are numbered within the file.
    pub file: CreditFile<'a>,
    /// Fingerprints of the references' texts, by id from 1.
    pub references: &'a [u64],
    /// Whether anything about it became known, or ceased to be, after [`Wanted::since`] and up to the moment.
    pub changed: bool,
    /// All rows it has, at whatever moment.
    pub rows: usize,
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

    /// Decodes `columns`, those there are, batch after batch. No batch spans two row groups, so that dictionaries stay
    /// dictionaries. `work` is given the number of the batch's first row.
    ///
    /// # Errors
    /// Damaged pages, and what `work` refuses.
    pub fn batches(
        &self,
        columns: &[&str],
        mut work: impl FnMut(&RecordBatch, u64) -> Result<()>,
    ) -> Result<()> {
        let descriptor = self.metadata.parquet_schema();
        let mask = ProjectionMask::roots(
            descriptor,
            columns.iter().filter_map(|name| self.metadata.schema().index_of(name).ok()),
        );
        let fail = |e| Error::parquet(&self.name, e);
        let mut first = 0u64;
        for group in 0..self.metadata.metadata().num_row_groups() {
            let source = match &self.source {
                Source::File(file) => Source::File(
                    file.try_clone().map_err(|e| Error::io(std::path::Path::new(&self.name), e))?,
                ),
                Source::Bytes(bytes) => Source::Bytes(bytes.clone()),
            };
            let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(source, self.metadata.clone())
                .with_row_groups(vec![group])
                .with_projection(mask.clone())
                .with_batch_size(BATCH)
                .build()
                .map_err(fail)?;
            for batch in reader {
                let batch = batch.map_err(|e| fail(parquet::errors::ParquetError::from(e)))?;
                work(&batch, first)?;
                first += batch.num_rows() as u64;
            }
        }
        Ok(())
    }

    /// Hands over every subject of the shard in order, cut at `known_at`.
    ///
    /// # Errors
    /// Damaged pages; rows that are not sorted; a value that cannot be; and what `work` refuses.
    pub fn subjects(
        &self,
        book: &mut ClassBook,
        deliveries: &Deliveries,
        wanted: Wanted,
        known_at: Moment,
        work: &mut dyn FnMut(&ClassBook, &SubjectFile<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut names = vec![
            "subject",
            "class",
            "occurred_on",
            "repaired_on",
            "known_from",
            "known_until",
            "established_on",
            "region",
            "industry",
        ];
        let optional = [
            ("ends_on", wanted.ends_on),
            // The number of a registration is its capital, which has no other column.
            ("number", true),
            ("reference", wanted.reference),
            ("publicity_until", wanted.publicity_until),
            ("objections", wanted.objections),
        ];
        names.extend(optional.iter().filter(|(_, wanted)| *wanted).map(|(name, _)| *name));
        let mut cut = Cut {
            shard: self,
            deliveries,
            known_at,
            since: wanted.since,
            batch: Rows::default(),
            carry: Rows::default(),
            carried: None,
            scratch: Scratch::default(),
            classes: None,
            last: None,
        };
        self.batches(&names, |batch, first| cut.batch(batch, first, book, work))?;
        cut.finish(book, work)
    }

    fn lost(&self, column: &str) -> Error {
        Error::content(format!("{}, column `{column}`", self.name), "no such column", "one")
    }

    pub(crate) fn row_error(&self, row: u64, column: &str, found: String, expected: &str) -> Error {
        Error::content(format!("{}, row {}, column `{column}`", self.name, row + 1), found, expected)
    }
}

/// Columns of rows, converted.
#[derive(Debug, Default)]
struct Rows {
    class: Vec<ClassId>,
    occurred_on: Vec<Date>,
    ends_on: Vec<Date>,
    publicity_until: Vec<Date>,
    repaired_on: Vec<Date>,
    number: Vec<i64>,
    known_from: Vec<i64>,
    known_until: Vec<i64>,
    /// Empty unless some row has one.
    reference: Vec<Option<Box<str>>>,
    objections: Vec<Option<Box<str>>>,
    established_on: Vec<Date>,
    region: Vec<Option<hengxin_core::region::RegionCode>>,
    industry: Vec<Option<hengxin_core::industry::IndustryCode>>,
}

/// Copies `from[range]` to the end of `to`, column by column; an empty column stays empty.
macro_rules! append_columns {
    ($to:expr, $from:expr, $range:expr, $($column:ident),+) => {
        $( if !$from.$column.is_empty() { $to.$column.extend_from_slice(&$from.$column[$range]); } )+
    };
}

macro_rules! clear_columns {
    ($rows:expr, $($column:ident),+) => { $( $rows.$column.clear(); )+ };
}

impl Rows {
    fn clear(&mut self) {
        clear_columns!(
            self,
            class,
            occurred_on,
            ends_on,
            publicity_until,
            repaired_on,
            number,
            known_from,
            known_until,
            reference,
            objections,
            established_on,
            region,
            industry
        );
    }
}

/// A shard on its way through the cut.
struct Cut<'s> {
    shard: &'s ShardFile,
    deliveries: &'s Deliveries,
    known_at: Moment,
    since: Option<Moment>,
    batch: Rows,
    /// The rows so far of a subject that goes on in the next batch.
    carry: Rows,
    carried: Option<Uscc>,
    scratch: Scratch,
    /// The dictionary of classes last met, and what its entries are.
    classes: Option<(ArrayRef, Vec<ClassId>)>,
    /// The last subject handed over.
    last: Option<Uscc>,
}

/// What is made per subject.
#[derive(Debug, Default)]
struct Scratch {
    kept: Rows,
    registrations: Vec<Registration>,
    objections: Vec<Objection>,
    reference: Vec<u32>,
    references: Vec<u64>,
    /// Constant columns, as long as the longest file so far.
    ids: Vec<FactId>,
    forever: Vec<Date>,
    no_number: Vec<i64>,
    no_reference: Vec<u32>,
}

impl Cut<'_> {
    fn batch(
        &mut self,
        batch: &RecordBatch,
        first: u64,
        book: &mut ClassBook,
        work: &mut dyn FnMut(&ClassBook, &SubjectFile<'_>) -> Result<()>,
    ) -> Result<()> {
        let n = batch.num_rows();
        self.convert(batch, first, book)?;
        let subject = batch.column_by_name("subject").ok_or_else(|| self.shard.lost("subject"))?;
        let mut start = 0;
        let shard = self.shard;
        let code = |row: usize, bytes: Option<&[u8]>| -> Result<Uscc> {
            let bytes = bytes
                .ok_or_else(|| shard.row_error(first + row as u64, "subject", "nothing".into(), "a code"))?;
            Uscc::from_bytes(bytes).map_err(|e| {
                let found = format!("`{}`: {e}", String::from_utf8_lossy(bytes));
                shard.row_error(first + row as u64, "subject", found, "a valid unified social credit code")
            })
        };
        if let Some(fixed) = subject.as_fixed_size_binary_opt() {
            while start < n {
                let mut end = start + 1;
                while end < n && fixed.value(end) == fixed.value(start) {
                    end += 1;
                }
                let present = (!fixed.is_null(start)).then(|| fixed.value(start));
                self.run(code(start, present)?, start, end, n, first, book, work)?;
                start = end;
            }
            return Ok(());
        }
        let coded = Coded::of(subject);
        let texts: &StringArray = coded.values.as_string::<i32>();
        if coded.keys.null_count() > 0 {
            let row = (0..n).find(|row| coded.keys.is_null(*row)).unwrap_or(0);
            return Err(shard.row_error(first + row as u64, "subject", "nothing".into(), "a code"));
        }
        let keys = coded.keys.values();
        while start < n {
            let key = keys[start];
            let mut end = start + 1;
            while end < n && keys[end] == key {
                end += 1;
            }
            let text = texts.value(usize::try_from(key).unwrap_or(0));
            self.run(code(start, Some(text.as_bytes()))?, start, end, n, first, book, work)?;
            start = end;
        }
        Ok(())
    }

    /// Rows `start..end` of the batch belong to `subject`.
    #[expect(clippy::too_many_arguments, reason = "one step of the loop above, called from its two forms")]
    fn run(
        &mut self,
        subject: Uscc,
        start: usize,
        end: usize,
        n: usize,
        first: u64,
        book: &ClassBook,
        work: &mut dyn FnMut(&ClassBook, &SubjectFile<'_>) -> Result<()>,
    ) -> Result<()> {
        let goes_on = self.carried == Some(subject);
        if let Some(carried) = self.carried.filter(|_| !goes_on) {
            self.hand_over_carried(carried, first + start as u64, book, work)?;
        }
        if self.last.is_some_and(|last| last >= subject) {
            let found =
                format!("`{subject}` after `{}`", self.last.map(|l| l.to_string()).unwrap_or_default());
            return Err(self.shard.row_error(
                first + start as u64,
                "subject",
                found,
                "subjects in ascending order, all rows of one together (`hengxin dataset sort` makes it so)",
            ));
        }
        // The next batch may go on with the last subject of this one.
        if goes_on || end == n {
            append_columns!(
                self.carry,
                self.batch,
                start..end,
                class,
                occurred_on,
                ends_on,
                publicity_until,
                repaired_on,
                number,
                known_from,
                known_until,
                reference,
                objections,
                established_on,
                region,
                industry
            );
            self.carried = Some(subject);
            return Ok(());
        }
        self.last = Some(subject);
        let rows = std::mem::take(&mut self.batch);
        let done = self.scratch.hand_over(
            &Whose {
                shard: self.shard,
                subject,
                deliveries: self.deliveries,
                known_at: self.known_at,
                since: self.since,
            },
            &rows,
            start..end,
            first + start as u64,
            book,
            work,
        );
        self.batch = rows;
        done
    }

    fn hand_over_carried(
        &mut self,
        subject: Uscc,
        row: u64,
        book: &ClassBook,
        work: &mut dyn FnMut(&ClassBook, &SubjectFile<'_>) -> Result<()>,
    ) -> Result<()> {
        self.carried = None;
        self.last = Some(subject);
        let n = self.carry.class.len();
        let done = self.scratch.hand_over(
            &Whose {
                shard: self.shard,
                subject,
                deliveries: self.deliveries,
                known_at: self.known_at,
                since: self.since,
            },
            &self.carry,
            0..n,
            row.saturating_sub(n as u64),
            book,
            work,
        );
        self.carry.clear();
        done
    }

    fn finish(
        &mut self,
        book: &ClassBook,
        work: &mut dyn FnMut(&ClassBook, &SubjectFile<'_>) -> Result<()>,
    ) -> Result<()> {
        match self.carried {
            Some(subject) => self.hand_over_carried(subject, self.shard.rows(), book, work),
            None => Ok(()),
        }
    }

    /// Converts the columns of a batch; a column that is absent or all null stays empty.
    fn convert(&mut self, batch: &RecordBatch, first: u64, book: &mut ClassBook) -> Result<()> {
        let shard = self.shard;
        let present = |name: &str| batch.column_by_name(name).filter(|c| c.null_count() < c.len());
        let required = |name: &str| -> Result<&ArrayRef> {
            let column = batch.column_by_name(name).ok_or_else(|| shard.lost(name))?;
            if column.null_count() > 0 {
                let row = (0..column.len()).find(|row| column.is_null(*row)).unwrap_or(0);
                return Err(shard.row_error(
                    first + row as u64,
                    name,
                    "nothing".into(),
                    "a value in every row",
                ));
            }
            Ok(column)
        };
        let rows = &mut self.batch;
        rows.clear();
        let refuse = |column: &'static str, expected: &'static str| {
            move |(row, found): (usize, String)| shard.row_error(first + row as u64, column, found, expected)
        };
        let class = Coded::of(required("class")?);
        let known = match &self.classes {
            Some((values, ids)) if values.to_data().ptr_eq(&class.values.to_data()) => ids,
            _ => {
                let texts: &StringArray = class.values.as_string::<i32>();
                let mut ids = Vec::with_capacity(texts.len());
                for text in texts {
                    // An entry no row uses is no fault: only what a row says is.
                    ids.push(book.id(text.unwrap_or_default()).map_err(|found| {
                        let row = (0..batch.num_rows()).find(|row| class.text(*row) == text).unwrap_or(0);
                        shard.row_error(first + row as u64, "class", found, "a class of the vocabulary")
                    })?);
                }
                &self.classes.insert((Arc::clone(class.values), ids)).1
            }
        };
        rows.class.extend(class.keys.values().iter().map(|k| known[usize::try_from(*k).unwrap_or(0)]));
        columns::dates(required("occurred_on")?, Date::FOREVER, &mut rows.occurred_on)
            .map_err(refuse("occurred_on", "a day"))?;
        for (name, out) in [
            ("ends_on", &mut rows.ends_on),
            ("publicity_until", &mut rows.publicity_until),
            ("repaired_on", &mut rows.repaired_on),
            ("established_on", &mut rows.established_on),
        ] {
            if let Some(column) = present(name) {
                columns::dates(column, Date::FOREVER, out).map_err(refuse(name, "a day"))?;
            }
        }
        if let Some(column) = present("number") {
            columns::numbers(column, NO_NUMBER, &mut rows.number)
                .map_err(refuse("number", "a number of 64 bits"))?;
        }
        columns::instants(required("known_from")?, i64::MAX, &mut rows.known_from)
            .map_err(refuse("known_from", "a moment"))?;
        if let Some(column) = present("known_until") {
            columns::instants(column, i64::MAX, &mut rows.known_until)
                .map_err(refuse("known_until", "a moment"))?;
        }
        if let Some(column) = present("reference") {
            rows.reference.extend(column.as_string::<i32>().iter().map(|t| t.map(Box::from)));
        }
        if let Some(column) = present("objections") {
            let coded = Coded::of(column);
            rows.objections.extend((0..column.len()).map(|row| coded.text(row).map(Box::from)));
        }
        if let Some(column) = present("region") {
            let texts = parsed(column, |text| {
                let digits = text.parse::<u32>().ok().filter(|_| text.len() == 6);
                digits.and_then(|d| hengxin_core::region::RegionCode::from_digits(d).ok())
            });
            rows.region = texts.map_err(refuse("region", "a region of six digits (GB/T 2260)"))?;
        }
        if let Some(column) = present("industry") {
            let texts = parsed(column, |text| text.parse().ok());
            rows.industry = texts.map_err(refuse("industry", "an industry code (GB/T 4754)"))?;
        }
        Ok(())
    }
}

/// A coded text column, each distinct text read once.
fn parsed<T: Copy>(
    column: &ArrayRef,
    read: impl Fn(&str) -> Option<T>,
) -> std::result::Result<Vec<Option<T>>, (usize, String)> {
    let coded = Coded::of(column);
    let texts: &StringArray = coded.values.as_string::<i32>();
    let values: Vec<Option<T>> = texts.iter().map(|text| text.and_then(&read)).collect();
    let one = |row: usize| {
        if coded.keys.is_null(row) {
            return Ok(None);
        }
        let key = usize::try_from(coded.keys.value(row)).unwrap_or(0);
        match values[key] {
            None if !texts.is_null(key) => Err((row, format!("`{}`", texts.value(key)))),
            value => Ok(value),
        }
    };
    (0..column.len()).map(one).collect()
}

/// Whose rows are handed over, and how they are cut.
struct Whose<'a> {
    shard: &'a ShardFile,
    subject: Uscc,
    deliveries: &'a Deliveries,
    known_at: Moment,
    since: Option<Moment>,
}

impl Scratch {
    fn hand_over(
        &mut self,
        whose: &Whose<'_>,
        rows: &Rows,
        range: std::ops::Range<usize>,
        row: u64,
        book: &ClassBook,
        work: &mut dyn FnMut(&ClassBook, &SubjectFile<'_>) -> Result<()>,
    ) -> Result<()> {
        let known_at = whose.known_at.0;
        let until = |i: usize| rows.known_until.get(i).copied().unwrap_or(i64::MAX);
        let dead = |i: usize| rows.known_from[i] > known_at || until(i) <= known_at;
        let changed = whose.since.is_some_and(|since| {
            range.clone().any(|i| {
                (since.0 < rows.known_from[i] && rows.known_from[i] <= known_at)
                    || (since.0 < until(i) && until(i) <= known_at)
            })
        });
        let total = range.len();
        if let Some(i) = range.clone().skip(1).find(|i| rows.occurred_on[*i] < rows.occurred_on[*i - 1]) {
            return Err(whose.shard.row_error(
                row + (i - range.start) as u64,
                "occurred_on",
                format!("{} after {}", rows.occurred_on[i], rows.occurred_on[i - 1]),
                "the days of a subject in ascending order (`hengxin dataset sort` makes it so)",
            ));
        }
        if range.clone().any(dead) {
            let mut kept = std::mem::take(&mut self.kept);
            kept.clear();
            for i in range.filter(|i| !dead(*i)) {
                append_columns!(
                    kept,
                    rows,
                    i..=i,
                    class,
                    occurred_on,
                    ends_on,
                    publicity_until,
                    repaired_on,
                    number,
                    known_from,
                    reference,
                    objections,
                    established_on,
                    region,
                    industry
                );
            }
            let n = kept.class.len();
            let done = self.view(whose, &kept, 0..n, row, changed, total, book, work);
            self.kept = kept;
            return done;
        }
        self.view(whose, rows, range, row, changed, total, book, work)
    }

    #[expect(clippy::too_many_arguments, reason = "the second half of the function above")]
    fn view(
        &mut self,
        whose: &Whose<'_>,
        rows: &Rows,
        range: std::ops::Range<usize>,
        row: u64,
        changed: bool,
        total: usize,
        book: &ClassBook,
        work: &mut dyn FnMut(&ClassBook, &SubjectFile<'_>) -> Result<()>,
    ) -> Result<()> {
        let n = range.len();
        if self.ids.len() < n {
            self.ids.resize(n, FactId(0));
            self.forever.resize(n, Date::FOREVER);
            self.no_number.resize(n, NO_NUMBER);
            self.no_reference.resize(n, NO_REFERENCE);
        }
        self.registrations.clear();
        for i in range.clone() {
            if book.is_registration(rows.class[i]) {
                self.registrations.push(registration(rows, i, book));
            }
        }
        self.objections.clear();
        if !rows.objections.is_empty() {
            for (fact, i) in range.clone().enumerate() {
                let Some(text) = &rows.objections[i] else { continue };
                let fact = u32::try_from(fact).unwrap_or(u32::MAX);
                let found = read_objections(text, fact, &mut self.objections);
                found.ok_or_else(|| {
                    let found = format!("`{text}`");
                    whose.shard.row_error(row, "objections", found, "`from/until` of each, joined by `;`")
                })?;
            }
        }
        let reference: &[u32] = if rows.reference.is_empty() {
            &self.no_reference[..n]
        } else {
            number_references(&rows.reference[range.clone()], &mut self.reference, &mut self.references);
            &self.reference
        };
        fn or_constant<'a, T>(column: &'a [T], constant: &'a [T], range: &std::ops::Range<usize>) -> &'a [T] {
            if column.is_empty() { &constant[..range.len()] } else { &column[range.clone()] }
        }
        let facts = Facts {
            id: &self.ids[..n],
            class: &rows.class[range.clone()],
            occurred_on: &rows.occurred_on[range.clone()],
            ends_on: or_constant(&rows.ends_on, &self.forever, &range),
            number: or_constant(&rows.number, &self.no_number, &range),
            reference,
            repaired_on: or_constant(&rows.repaired_on, &self.forever, &range),
            publicity_until: or_constant(&rows.publicity_until, &self.forever, &range),
            objections: &self.objections,
        };
        let file = CreditFile {
            subject: whose.subject,
            facts,
            registrations: &self.registrations,
            deliveries: whose.deliveries,
        };
        work(book, &SubjectFile { file, references: &self.references, changed, rows: total })
    }
}

fn registration(rows: &Rows, i: usize, book: &ClassBook) -> Registration {
    let class = book.classes().class(rows.class[i]);
    // Enumerated attributes are in the class: index plus one, 0 when absent.
    let attribute = |id: &str| {
        let class = class?;
        let position = book.vocabulary().code(class.code).class_position(id)?;
        u16::try_from(class.values.get(position)?.checked_sub(1)?).ok()
    };
    let number = rows.number.get(i).copied().filter(|n| *n != NO_NUMBER);
    Registration {
        fact: FactId(0),
        since: rows.occurred_on[i],
        established_on: rows.established_on.get(i).copied().filter(|d| *d != Date::FOREVER),
        legal_form: attribute("legal_form"),
        size: attribute("size"),
        status: attribute("status"),
        region: rows.region.get(i).copied().flatten(),
        industry: rows.industry.get(i).copied().flatten(),
        capital: number,
    }
}

fn read_objections(text: &str, fact: u32, out: &mut Vec<Objection>) -> Option<()> {
    for one in text.split(';') {
        let (from, until) = one.split_once('/')?;
        let until = if until.is_empty() { Date::FOREVER } else { until.parse().ok()? };
        out.push(Objection { fact, from: from.parse().ok()?, until });
    }
    Some(())
}

/// Numbers the references of one file from 1 in the order they are met.
fn number_references(texts: &[Option<Box<str>>], ids: &mut Vec<u32>, prints: &mut Vec<u64>) {
    ids.clear();
    prints.clear();
    let mut known: HashMap<&str, u32> = HashMap::new();
    for text in texts {
        let Some(text) = text else {
            ids.push(NO_REFERENCE);
            continue;
        };
        let next = u32::try_from(known.len()).unwrap_or(u32::MAX - 1) + 1;
        let id = *known.entry(text).or_insert_with(|| {
            prints.push(fingerprint(text));
            next
        });
        ids.push(id);
    }
}
