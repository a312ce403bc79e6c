//! Rows on their way into the ledger, and what became of them.

use std::collections::HashSet;

use hengxin_core::date::Moment;
use hengxin_core::draft::Draft;
use hengxin_core::vocabulary::Vocabulary;

use crate::append::contradiction;
use crate::encode::{Encoded, Encoder, Key, Order};

/// One row handed in.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Its line in the file, or its position in the request, from 1.
    pub line: u64,
    /// The checked record, or why it is none.
    pub row: SubmittedRow,
}

/// A row, checked against the vocabulary.
#[derive(Clone, Debug)]
pub enum SubmittedRow {
    /// It is a record.
    Draft(Draft),
    /// It is not: kept in quarantine with every reason.
    Rejected(Rejected),
}

/// A row that is not a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The fact code it was meant for, when that is known.
    pub code: Option<String>,
    /// Column name and cell as found, in the file's order. Identity numbers are digests already.
    pub cells: Vec<(String, String)>,
    /// Everything that is wrong with it.
    pub reasons: Vec<String>,
}

/// Where rows come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Who handed them in.
    pub actor: String,
    /// The file they stand in; `None` for rows of a request.
    pub file: Option<FileStamp>,
    /// Quarantined rows that these rows replace: resolved when this batch is recorded.
    pub resolves: Vec<u64>,
}

/// What makes a file the same file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStamp {
    /// Its name, for people.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// How it was read: the fact code and template. The same bytes read otherwise are another ingest.
    pub layout: String,
}

/// What became of the rows of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The moment the rows were recorded at; for a file ingested before, that moment.
    pub recorded_at: Moment,
    /// New records.
    pub accepted: u64,
    /// Rows that say exactly what the ledger says already.
    pub duplicate: u64,
    /// New versions of known records.
    pub corrected: u64,
    /// Rows kept aside with their reasons.
    pub quarantined: u64,
    /// Ids of the quarantine entries, ascending, each once.
    pub quarantine: Vec<u64>,
    /// Code conflicts found in this batch and not listed before.
    pub conflicts: u64,
    /// The same file was ingested before, under the same vocabulary: nothing was recorded now.
    pub already_ingested: bool,
}

impl Report {
    /// A report that counts nothing yet.
    pub(crate) fn at(moment: Moment) -> Report {
        Report {
            recorded_at: moment,
            accepted: 0,
            duplicate: 0,
            corrected: 0,
            quarantined: 0,
            quarantine: Vec::new(),
            conflicts: 0,
            already_ingested: false,
        }
    }
}

/// Rows encoded and sorted, ready to be recorded. Holds about 0.5 KB a row.
///
/// Sorting makes fact ids independent of the order of the rows in their file.
#[derive(Clone, Debug)]
pub struct Batch {
    pub(crate) rows: Vec<Encoded>,
    pub(crate) rejected: Vec<(u64, Rejected)>,
    pub(crate) classes: Vec<(String, String)>,
    pub(crate) vocabulary: String,
    pub(crate) origin: Origin,
}

impl Batch {
    /// Encodes rows. Needs no ledger, so that it can be done before any lock is taken, on any thread.
    ///
    /// # Panics
    /// When a draft was made with another vocabulary.
    pub fn prepare(
        vocabulary: &Vocabulary,
        submissions: impl IntoIterator<Item = Submission>,
        origin: Origin,
    ) -> Batch {
        let mut encoder = Encoder::new(vocabulary);
        let mut rows = Vec::new();
        let mut rejected = Vec::new();
        for Submission { line, row } in submissions {
            match row {
                SubmittedRow::Draft(draft) => rows.push(encoder.encode(&draft, line)),
                SubmittedRow::Rejected(row) => rejected.push((line, row)),
            }
        }
        let rows = sorted(rows);
        Batch { rows, rejected, classes: encoder.classes, vocabulary: vocabulary.edition.clone(), origin }
    }

    /// Lines of rows that say different things about one record, each with its reason. Recording the batch sets them
    /// aside as the ledger would write them; whoever still has the file can [`Batch::reject`] them as it has them.
    pub fn contradictions(&self) -> Vec<(u64, String)> {
        let same = |a: &Encoded, b: &Encoded| (a.subject, a.key) == (b.subject, b.key);
        let runs = self.rows.chunk_by(same).filter(|run| run.iter().any(|r| r.content != run[0].content));
        runs.flat_map(|run| {
            let reason = contradiction(run);
            run.iter().map(move |row| (row.line, reason.clone()))
        })
        .collect()
    }

    /// Names quarantined rows that this batch replaces, once all of it has been read.
    pub fn resolves(&mut self, entries: Vec<u64>) {
        self.origin.resolves.extend(entries);
    }

    /// Turns the records on some lines into rejected rows.
    pub fn reject(&mut self, rejected: Vec<(u64, Rejected)>) {
        let lines: HashSet<u64> = rejected.iter().map(|(line, _)| *line).collect();
        self.rows.retain(|row| !lines.contains(&row.line));
        self.rejected.extend(rejected);
    }

    /// How many rows it holds.
    pub fn len(&self) -> usize {
        self.rows.len() + self.rejected.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Rows by (subject, order, key, content, line).
///
/// What decides almost every comparison is laid out densely and sorted with an index: moving whole rows about while
/// sorting costs more than encoding them.
fn sorted(rows: Vec<Encoded>) -> Vec<Encoded> {
    let mut order: Vec<([u8; 18], Order, Key, usize)> =
        rows.iter().enumerate().map(|(i, row)| (*row.subject.as_bytes(), row.order, row.key, i)).collect();
    order.sort_unstable_by(|a, b| {
        (&a.0, a.1, &a.2).cmp(&(&b.0, b.1, &b.2)).then_with(|| {
            let (left, right) = (&rows[a.3], &rows[b.3]);
            (&left.content, left.line).cmp(&(&right.content, right.line))
        })
    });
    let mut rows: Vec<Option<Encoded>> = rows.into_iter().map(Some).collect();
    order.into_iter().filter_map(|(.., i)| rows[i].take()).collect()
}
