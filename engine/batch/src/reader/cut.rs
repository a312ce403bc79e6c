//! From batches of rows to credit files, cut at a moment.
//!
//! Columns are converted a batch at a time; a subject's file is a slice of them. Only subjects of whom something was
//! not yet or no longer known at the moment, and those that lie across two batches, are copied.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef, RecordBatch, StringArray};
use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::{
    ClassId, CreditFile, Deliveries, FactId, Facts, NO_NUMBER, NO_REFERENCE, Objection, Registration,
};
use hengxin_core::industry::IndustryCode;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;

use super::{ClassBook, ShardFile, SubjectFile, for_each_subject};
use crate::columns::{self, Coded};
use crate::digest::fingerprint;
use crate::error::Result;

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
    reference: Vec<u64>,
    objections: Vec<Option<Box<str>>>,
    established_on: Vec<Date>,
    region: Vec<Option<RegionCode>>,
    industry: Vec<Option<IndustryCode>>,
}

/// "No class of the vocabulary."
const NO_CLASS: ClassId = ClassId::MAX;

/// Copies `from[range]` to the end of `to`, column by column. An empty column is one of absent values: it stays empty
/// unless the other side has any.
macro_rules! append_columns {
    ($to:expr, $from:expr, $range:expr, $(($column:ident, $absent:expr)),+ $(,)?) => {
        let (before, after) = ($to.class.len(), $to.class.len() + $range.len());
        $(
            if $from.$column.is_empty() {
                if !$to.$column.is_empty() {
                    $to.$column.resize(after, $absent);
                }
            } else {
                $to.$column.resize(before, $absent);
                $to.$column.extend_from_slice(&$from.$column[$range]);
            }
        )+
    };
}

macro_rules! clear_columns {
    ($rows:expr, $($column:ident),+) => { $( $rows.$column.clear(); )+ };
}

impl Rows {
    fn append(&mut self, from: &Rows, range: Range<usize>) {
        append_columns!(
            self,
            from,
            range.clone(),
            (occurred_on, Date::FOREVER),
            (ends_on, Date::FOREVER),
            (publicity_until, Date::FOREVER),
            (repaired_on, Date::FOREVER),
            (number, NO_NUMBER),
            (known_from, i64::MAX),
            (known_until, i64::MAX),
            (reference, 0),
            (objections, None),
            (established_on, Date::FOREVER),
            (region, None),
            (industry, None),
            // The length of the others is taken from it: it is the last to grow.
            (class, 0),
        );
    }

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
pub(super) struct Cut<'s> {
    shard: &'s ShardFile,
    deliveries: &'s Deliveries,
    known_at: Moment,
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

impl<'s> Cut<'s> {
    pub(super) fn new(shard: &'s ShardFile, deliveries: &'s Deliveries, known_at: Moment) -> Cut<'s> {
        Cut {
            shard,
            deliveries,
            known_at,
            batch: Rows::default(),
            carry: Rows::default(),
            carried: None,
            scratch: Scratch::default(),
            classes: None,
            last: None,
        }
    }

    pub(super) fn batch(
        &mut self,
        batch: &RecordBatch,
        first: u64,
        book: &mut ClassBook,
        work: &mut dyn FnMut(&ClassBook, &SubjectFile<'_>) -> Result<()>,
    ) -> Result<()> {
        let n = batch.num_rows();
        self.convert(batch, first, book)?;
        let shard = self.shard;
        for_each_subject(shard, batch, first, |subject, rows| {
            self.run(subject, rows.start, rows.end, n, first, book, work)
        })
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
            self.carry.append(&self.batch, start..end);
            self.carried = Some(subject);
            return Ok(());
        }
        self.last = Some(subject);
        let rows = std::mem::take(&mut self.batch);
        let done = self.scratch.hand_over(
            &Whose { shard: self.shard, subject, deliveries: self.deliveries, known_at: self.known_at },
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
            &Whose { shard: self.shard, subject, deliveries: self.deliveries, known_at: self.known_at },
            &self.carry,
            0..n,
            row.saturating_sub(n as u64),
            book,
            work,
        );
        self.carry.clear();
        done
    }

    pub(super) fn finish(
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
                    ids.push(book.id(text.unwrap_or_default()).unwrap_or(NO_CLASS));
                }
                &self.classes.insert((Arc::clone(class.values), ids)).1
            }
        };
        rows.class.extend(class.keys.values().iter().map(|k| known[usize::try_from(*k).unwrap_or(0)]));
        if let Some(row) = rows.class.iter().position(|id| *id == NO_CLASS) {
            let found = book.id(class.text(row).unwrap_or_default()).err().unwrap_or_default();
            return Err(shard.row_error(first + row as u64, "class", found, "a class of the vocabulary"));
        }
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
            let print = |text: Option<&str>| text.map_or(0, |text| fingerprint(text).max(1));
            rows.reference.extend(column.as_string::<i32>().iter().map(print));
        }
        if let Some(column) = present("objections") {
            let coded = Coded::of(column);
            rows.objections.extend((0..column.len()).map(|row| coded.text(row).map(Box::from)));
        }
        if let Some(column) = present("region") {
            let texts = parsed(column, |text| {
                let digits = text.parse::<u32>().ok().filter(|_| text.len() == 6);
                digits.and_then(|d| RegionCode::from_digits(d).ok())
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
}

impl Scratch {
    fn hand_over(
        &mut self,
        whose: &Whose<'_>,
        rows: &Rows,
        range: Range<usize>,
        row: u64,
        book: &ClassBook,
        work: &mut dyn FnMut(&ClassBook, &SubjectFile<'_>) -> Result<()>,
    ) -> Result<()> {
        let known_at = whose.known_at.0;
        let until = |i: usize| rows.known_until.get(i).copied().unwrap_or(i64::MAX);
        let dead = |i: usize| rows.known_from[i] > known_at || until(i) <= known_at;
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
            let mut start = range.start;
            for i in range.clone().filter(|i| dead(*i)) {
                kept.append(rows, start..i);
                start = i + 1;
            }
            kept.append(rows, start..range.end);
            let n = kept.class.len();
            let done = self.view(whose, &kept, 0..n, row, total, book, work);
            self.kept = kept;
            return done;
        }
        self.view(whose, rows, range, row, total, book, work)
    }

    #[expect(clippy::too_many_arguments, reason = "the second half of the function above")]
    fn view(
        &mut self,
        whose: &Whose<'_>,
        rows: &Rows,
        range: Range<usize>,
        row: u64,
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
        work(book, &SubjectFile { file, references: &self.references, rows: total })
    }
}

/// A part of a column; of one that is empty, as much of absent values.
fn or_constant<'a, T>(column: &'a [T], constant: &'a [T], range: &Range<usize>) -> &'a [T] {
    if column.is_empty() { &constant[..range.len()] } else { &column[range.clone()] }
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

/// References of a file up to which each is compared with each.
const FEW: usize = 48;

/// Numbers the references of one file from 1 in the order they are met. Only equality matters to the kernel; two texts
/// count as one when their 64-bit fingerprints do, by chance once in 10¹⁹ pairs.
fn number_references(prints: &[u64], ids: &mut Vec<u32>, known: &mut Vec<u64>) {
    ids.clear();
    known.clear();
    let mut index: HashMap<u64, u32> = HashMap::new();
    for print in prints {
        if *print == 0 {
            ids.push(NO_REFERENCE);
            continue;
        }
        let next = u32::try_from(known.len()).unwrap_or(u32::MAX - 1) + 1;
        let found = if known.len() < FEW {
            known.iter().position(|k| k == print).and_then(|i| u32::try_from(i + 1).ok())
        } else {
            if index.is_empty() {
                index.extend(known.iter().zip(1..).map(|(k, i)| (*k, i)));
            }
            index.get(print).copied()
        };
        let id = found.unwrap_or_else(|| {
            known.push(*print);
            if !index.is_empty() {
                index.insert(*print, next);
            }
            next
        });
        ids.push(id);
    }
}
