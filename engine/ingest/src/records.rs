//! Rows checked one by one: a record, or every reason why not.

use hengxin_core::date::Date;
use hengxin_core::draft::{Draft, is_person_token};
use hengxin_core::vocabulary::{FieldKind, Vocabulary};

use crate::mapping::{self, Mapping, QUARANTINE_COLUMN, ROW_COLUMN};
use crate::mask::mask;
use crate::table::{FileError, Row, Table};

/// A row that became a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its line.
    pub line: u64,
    /// The quarantined row it replaces; `None` for a row that comes for the first time.
    pub entry: Option<u64>,
    /// The record.
    pub draft: Draft,
}

/// A row that did not, as it is kept in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its line.
    pub line: u64,
    /// The quarantined row it was to replace; `None` for a row that comes for the first time.
    pub entry: Option<u64>,
    /// (column, cell) in the order of the file; identity numbers as tokens.
    pub cells: Vec<(String, String)>,
    /// Every reason.
    pub reasons: Vec<String>,
}

/// What a row came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// A record.
    Accepted(Accepted),
    /// None.
    Rejected(Rejected),
}

/// What rows are checked against.
pub struct Rules<'a> {
    /// The declarations of the fact codes.
    pub vocabulary: &'a Vocabulary,
    /// Gives the token of an identity number.
    pub protect: &'a dyn Fn(&str) -> String,
    /// The last day on which a record may have happened.
    pub today: Date,
}

/// The rows of a table, checked as they are read: only one is held at a time.
///
/// That two rows say different things of one record is for the ledger to find: it compares all rows of a file.
pub struct Reader<'a> {
    rows: Box<dyn Iterator<Item = Result<Row, FileError>> + Send>,
    header: Vec<String>,
    columns: Columns,
    mapping: &'a Mapping,
    rules: Rules<'a>,
    at: u64,
}

/// Columns that are treated otherwise than others.
struct Columns {
    /// Identity numbers.
    secret: Vec<bool>,
    /// Added by the export of the quarantine.
    ours: Vec<bool>,
    entry: Option<usize>,
    row: Option<usize>,
}

impl<'a> Reader<'a> {
    /// Checks the rows of `table`.
    pub fn new(table: Table, mapping: &'a Mapping, rules: Rules<'a>) -> Reader<'a> {
        let Table { header, rows, .. } = table;
        let code = rules.vocabulary.code(mapping.code);
        let is_secret = |column: usize| {
            let place = mapping.columns.iter().position(|c| *c == Some(column));
            place.is_some_and(|i| matches!(code.fields[i].kind, FieldKind::PersonId))
        };
        let names: Vec<String> = header.iter().map(|name| mapping::normal(name)).collect();
        let place = |name: &str| names.iter().position(|n| n == name);
        let columns = Columns {
            secret: (0..header.len()).map(is_secret).collect(),
            ours: names.iter().map(|name| mapping::is_ours(name)).collect(),
            entry: place(QUARANTINE_COLUMN),
            row: place(ROW_COLUMN),
        };
        Reader { rows, header, columns, mapping, rules, at: 0 }
    }

    /// How far reading has come, of the table's extent.
    pub fn at(&self) -> u64 {
        self.at
    }

    fn check(&self, row: &Row) -> Checked {
        let Rules { vocabulary, protect, today } = self.rules;
        let own = |column: Option<usize>| {
            column.and_then(|c| row.cells.get(c)).map(|c| c.trim()).filter(|c| !c.is_empty())
        };
        let (entry, mut problem) = match own(self.columns.entry).map(str::parse::<u64>) {
            None => (None, row.problem.clone()),
            Some(Ok(entry)) => (Some(entry), row.problem.clone()),
            Some(Err(_)) => {
                let found = own(self.columns.entry).unwrap_or_default();
                let found: String = found.chars().take(60).collect();
                (None, Some(format!("{QUARANTINE_COLUMN}: found `{found}`, expected the number of a row")))
            }
        };
        if problem.is_none() {
            problem = own(self.columns.row).map(str::to_owned);
        }
        let faults = match problem {
            Some(problem) => vec![problem],
            None => {
                let cell =
                    |i: usize| self.mapping.columns[i].and_then(|c| row.cells.get(c)).map(String::as_str);
                match Draft::check(self.mapping.code, vocabulary, cell, protect, today) {
                    Ok(draft) => return Checked::Accepted(Accepted { line: row.line, entry, draft }),
                    Err(faults) => faults.iter().map(ToString::to_string).collect(),
                }
            }
        };
        let reasons = faults.iter().map(|reason| mask(reason, protect)).collect();
        Checked::Rejected(Rejected { line: row.line, entry, cells: self.kept(row), reasons })
    }

    /// The cells as they are kept, without those the export added.
    fn kept(&self, row: &Row) -> Vec<(String, String)> {
        let protect = self.rules.protect;
        let is = |set: &[bool], i: usize| set.get(i).copied().unwrap_or(false);
        let cells = row.cells.iter().enumerate().filter(|(i, _)| !is(&self.columns.ours, *i));
        cells
            .map(|(i, cell)| {
                let name = self.header.get(i).cloned().unwrap_or_default();
                let bare = cell.trim();
                // In a row whose cells have shifted the numbers stand in other columns as well.
                let secret = is(&self.columns.secret, i) && !bare.is_empty() && !is_person_token(bare);
                (name, if secret { protect(bare) } else { mask(cell, protect) })
            })
            .collect()
    }
}

impl Iterator for Reader<'_> {
    type Item = Result<Checked, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.rows.next()?.map(|row| {
            self.at = row.at;
            self.check(&row)
        }))
    }
}

/// The lines of a table, whole, as they would be kept in quarantine: for rows that turn out to be unusable only when
/// all others are known.
///
/// # Errors
/// As those of the rows.
pub fn kept_lines(
    table: Table,
    mapping: &Mapping,
    rules: Rules<'_>,
    wanted: impl Fn(u64) -> bool,
) -> Result<Vec<(u64, Vec<(String, String)>)>, FileError> {
    let mut reader = Reader::new(table, mapping, rules);
    let mut lines = Vec::new();
    while let Some(row) = reader.rows.next() {
        let row = row?;
        if wanted(row.line) {
            lines.push((row.line, reader.kept(&row)));
        }
    }
    Ok(lines)
}
