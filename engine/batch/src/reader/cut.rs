//! From batches of rows to credit files, cut at a moment.
//!
//! Columns are converted a batch at a time, and rows that were not yet or no longer known at the moment are taken out of
//! the whole batch; a subject's file is then a slice of each column. Only subjects that lie across two batches are
//! copied.

use std::collections::HashMap;
use std::ops::Range;

use arrow_array::RecordBatch;
use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::{CreditFile, Deliveries, FactId, Facts, NO_REFERENCE, Objection};
use hengxin_core::uscc::Uscc;

use super::convert::{Batch, Converter, Dead};
use super::rows::Rows;
use super::{ClassBook, ShardFile, SubjectFile, for_each_subject};
use crate::digest::FilePrint;
use crate::error::Result;

/// Who is handed every subject.
type Work<'w> = dyn FnMut(&ClassBook, &SubjectFile<'_>) -> Result<()> + 'w;

/// A shard on its way through the cut.
pub(super) struct Cut<'s> {
    shard: &'s ShardFile,
    deliveries: &'s Deliveries,
    known_at: Moment,
    converter: Converter,
    /// The runs of rows of one subject in the batch.
    runs: Vec<(Uscc, Range<usize>)>,
    batch: Rows,
    dead: Dead,
    /// The rows so far of a subject that may go on in the next batch.
    carry: Rows,
    carried: Option<Carried>,
    viewer: Viewer,
}

#[derive(Clone, Copy)]
struct Carried {
    subject: Uscc,
    last_day: Date,
    /// Whether anything of it was known by the moment.
    known: bool,
}

impl<'s> Cut<'s> {
    pub(super) fn new(shard: &'s ShardFile, deliveries: &'s Deliveries, known_at: Moment) -> Cut<'s> {
        Cut {
            shard,
            deliveries,
            known_at,
            converter: Converter::default(),
            runs: Vec::new(),
            batch: Rows::default(),
            dead: Dead::default(),
            carry: Rows::default(),
            carried: None,
            viewer: Viewer::default(),
        }
    }

    pub(super) fn batch(
        &mut self,
        columns: &RecordBatch,
        first: u64,
        book: &mut ClassBook,
        work: &mut Work<'_>,
    ) -> Result<()> {
        let batch = Batch { shard: self.shard, columns, first };
        self.runs.clear();
        for_each_subject(self.shard, columns, first, |subject, rows| {
            // A dictionary may have one text twice.
            match self.runs.last_mut() {
                Some((last, before)) if *last == subject => before.end = rows.end,
                _ => self.runs.push((subject, rows)),
            }
            Ok(())
        })?;
        self.converter.convert(batch, book, self.known_at, &mut self.batch, &mut self.dead)?;
        self.check_order(first)?;
        let last_day = self.batch.occurred_on.last().copied().unwrap_or(Date::FOREVER);
        self.batch.drop_rows(&self.dead.rows);

        let mut end = 0;
        for i in 0..self.runs.len() {
            let (subject, rows) = self.runs[i].clone();
            let start = end;
            end = rows.end - count_below(&self.dead.rows, rows.end);
            let unborn =
                count_below(&self.dead.unborn, rows.end) - count_below(&self.dead.unborn, rows.start);
            let known = unborn < rows.len();
            let before = self.carried.filter(|carried| carried.subject == subject);
            if before.is_none() {
                self.hand_over_carried(book, work)?;
            }
            // The next batch may go on with the last subject of this one.
            if before.is_some() || i + 1 == self.runs.len() {
                self.carry.append(&self.batch, &(start..end));
                let known = known || before.is_some_and(|before| before.known);
                self.carried = Some(Carried { subject, last_day, known });
            } else {
                let rows = Of { subject, known, rows: &self.batch, range: start..end };
                self.viewer.hand_over(&rows, self.deliveries, book, work)?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, book: &ClassBook, work: &mut Work<'_>) -> Result<()> {
        self.hand_over_carried(book, work)
    }

    /// Hands over the subject that does not go on.
    fn hand_over_carried(&mut self, book: &ClassBook, work: &mut Work<'_>) -> Result<()> {
        let Some(Carried { subject, known, .. }) = self.carried.take() else { return Ok(()) };
        let rows = Of { subject, known, rows: &self.carry, range: 0..self.carry.len() };
        self.viewer.hand_over(&rows, self.deliveries, book, work)?;
        self.carry.clear();
        Ok(())
    }

    /// Subjects ascend, and the days of each.
    fn check_order(&self, first: u64) -> Result<()> {
        let mut before = self.carried.map(|carried| (carried.subject, carried.last_day));
        for (subject, rows) in &self.runs {
            let days = &self.batch.occurred_on[rows.clone()];
            let goes_on = before.filter(|(last, _)| last == subject);
            if let Some((last, _)) = before.filter(|(last, _)| last > subject) {
                return Err(self.shard.row_error(
                    first + rows.start as u64,
                    "subject",
                    format!("`{subject}` after `{last}`"),
                    "subjects in ascending order, all rows of one together (`hengxin dataset sort` makes it so)",
                ));
            }
            let follows = goes_on.is_none_or(|before| days.first().is_none_or(|day| *day >= before.1));
            if !follows || !days.is_sorted() {
                return Err(self.days_error(first, rows, goes_on.map(|(_, last_day)| last_day)));
            }
            before = days.last().map(|last_day| (*subject, *last_day)).or(before);
        }
        Ok(())
    }

    #[cold]
    fn days_error(&self, first: u64, rows: &Range<usize>, mut before: Option<Date>) -> crate::error::Error {
        for row in rows.clone() {
            let day = self.batch.occurred_on[row];
            if let Some(before) = before.filter(|before| *before > day) {
                return self.shard.row_error(
                    first + row as u64,
                    "occurred_on",
                    format!("{day} after {before}"),
                    "the days of a subject in ascending order (`hengxin dataset sort` makes it so)",
                );
            }
            before = Some(day);
        }
        unreachable!("called for rows whose days do not ascend")
    }
}

/// How many of ascending rows lie below one.
fn count_below(rows: &[u32], row: usize) -> usize {
    rows.partition_point(|one| (*one as usize) < row)
}

/// The rows of one subject.
struct Of<'r> {
    subject: Uscc,
    known: bool,
    rows: &'r Rows,
    range: Range<usize>,
}

/// Makes views of rows.
#[derive(Debug, Default)]
struct Viewer {
    objections: Vec<Objection>,
    reference: Vec<u32>,
    references: Vec<u64>,
    /// Constant columns, as long as the longest file so far.
    ids: Vec<FactId>,
    no_reference: Vec<u32>,
}

impl Viewer {
    fn hand_over(
        &mut self,
        of: &Of<'_>,
        deliveries: &Deliveries,
        book: &ClassBook,
        work: &mut Work<'_>,
    ) -> Result<()> {
        let Of { subject, known, rows, ref range } = *of;
        let n = range.len();
        if self.ids.len() < n {
            self.ids.resize(n, FactId(0));
            self.no_reference.resize(n, NO_REFERENCE);
        }
        let mut digest = FilePrint::default();
        for print in &rows.print[range.clone()] {
            digest.add(*print);
        }
        self.objections.clear();
        let (at, objections) = rows.objections.within(range);
        for (row, (from, until)) in at.iter().zip(objections) {
            let fact = u32::try_from(*row as usize - range.start).unwrap_or(u32::MAX);
            self.objections.push(Objection { fact, from: *from, until: *until });
            digest.add_objection(fact, *from, *until);
        }
        let references = &rows.reference[range.clone()];
        let reference: &[u32] = if references.iter().fold(0, |any, print| any | print) == 0 {
            &self.no_reference[..n]
        } else {
            number_references(references, &mut self.reference, &mut self.references);
            &self.reference
        };
        let facts = Facts {
            id: &self.ids[..n],
            class: &rows.class[range.clone()],
            occurred_on: &rows.occurred_on[range.clone()],
            ends_on: &rows.ends_on[range.clone()],
            number: &rows.number[range.clone()],
            reference,
            repaired_on: &rows.repaired_on[range.clone()],
            publicity_until: &rows.publicity_until[range.clone()],
            objections: &self.objections,
        };
        let (_, registrations) = rows.registrations.within(range);
        let file = CreditFile { subject, facts, registrations, deliveries };
        work(book, &SubjectFile { file, known, digest: digest.value() })
    }
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
