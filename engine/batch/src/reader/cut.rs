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

use super::convert::{Batch, Converter};
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
    /// The rows of the batch that are not known at the moment.
    dead: Vec<u32>,
    /// The rows so far of a subject that may go on in the next batch.
    carry: Rows,
    carried: Option<Carried>,
    viewer: Viewer,
}

#[derive(Clone, Copy)]
struct Carried {
    subject: Uscc,
    last_day: Date,
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
            dead: Vec::new(),
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
        self.batch.drop_rows(&self.dead);

        let (mut end, mut dead) = (0, self.dead.iter().peekable());
        for (i, (subject, rows)) in self.runs.iter().enumerate() {
            let start = end;
            end += rows.len();
            while dead.next_if(|row| (**row as usize) < rows.end).is_some() {
                end -= 1;
            }
            let goes_on = self.carried.is_some_and(|carried| carried.subject == *subject);
            if !goes_on && let Some(Carried { subject, .. }) = self.carried.take() {
                let rows = 0..self.carry.len();
                self.viewer.hand_over(subject, self.deliveries, &self.carry, rows, book, work)?;
                self.carry.clear();
            }
            // The next batch may go on with the last subject of this one.
            if goes_on || i + 1 == self.runs.len() {
                self.carry.append(&self.batch, &(start..end));
                self.carried = Some(Carried { subject: *subject, last_day });
            } else {
                self.viewer.hand_over(*subject, self.deliveries, &self.batch, start..end, book, work)?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, book: &ClassBook, work: &mut Work<'_>) -> Result<()> {
        match self.carried.take() {
            Some(Carried { subject, .. }) => {
                let rows = 0..self.carry.len();
                self.viewer.hand_over(subject, self.deliveries, &self.carry, rows, book, work)
            }
            None => Ok(()),
        }
    }

    /// Subjects ascend, and the days of each.
    fn check_order(&self, first: u64) -> Result<()> {
        let mut before = self.carried;
        for (subject, rows) in &self.runs {
            let days = &self.batch.occurred_on[rows.clone()];
            let goes_on = before.filter(|before| before.subject == *subject);
            if let Some(Carried { subject: last, .. }) = before.filter(|b| b.subject > *subject) {
                return Err(self.shard.row_error(
                    first + rows.start as u64,
                    "subject",
                    format!("`{subject}` after `{last}`"),
                    "subjects in ascending order, all rows of one together (`hengxin dataset sort` makes it so)",
                ));
            }
            let follows = goes_on.is_none_or(|before| days.first().is_none_or(|day| *day >= before.last_day));
            if !follows || !days.is_sorted() {
                return Err(self.days_error(first, rows, goes_on.map(|before| before.last_day)));
            }
            before =
                days.last().map(|last_day| Carried { subject: *subject, last_day: *last_day }).or(before);
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
        subject: Uscc,
        deliveries: &Deliveries,
        rows: &Rows,
        range: Range<usize>,
        book: &ClassBook,
        work: &mut Work<'_>,
    ) -> Result<()> {
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
        let (at, objections) = rows.objections.within(&range);
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
        let (_, registrations) = rows.registrations.within(&range);
        let file = CreditFile { subject, facts, registrations, deliveries };
        work(book, &SubjectFile { file, digest: digest.value() })
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
