//! Rows checked one by one: a record, or every reason why not.

use std::collections::HashMap;

use hengxin_core::date::Date;
use hengxin_core::draft::{Draft, is_person_token};
use hengxin_core::vocabulary::{FieldKind, Vocabulary};

use crate::mapping::Mapping;
use crate::table::{Row, Table};

/// A row that became a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its line.
    pub line: u64,
    /// The record.
    pub draft: Draft,
}

/// A row that did not, as it is kept in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its line.
    pub line: u64,
    /// (column, cell) in the order of the file; identity numbers as tokens.
    pub cells: Vec<(String, String)>,
    /// Every reason.
    pub reasons: Vec<String>,
}

/// A file's rows, sorted into records and rejects.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// Records, in the order of the file; identical repetitions once.
    pub accepted: Vec<Accepted>,
    /// Rejects, in the order of the file.
    pub rejected: Vec<Rejected>,
    /// Rows that repeated an earlier row of the file exactly.
    pub repeated: u64,
}

/// Reads all rows of a table.
///
/// `protect` gives the token of an identity number, `today` is the last day on which a record may have happened.
/// Rows with one natural key and different contents reject each other, naming the other's line: which of them is
/// right is not ours to guess.
pub fn records(
    table: Table,
    mapping: &Mapping,
    vocabulary: &Vocabulary,
    protect: &dyn Fn(&str) -> String,
    today: Date,
) -> Records {
    let mut out = Records::default();
    let code = vocabulary.code(mapping.code);
    // Columns of identity numbers, to be masked in whatever is kept.
    let secret: Vec<bool> = (0..table.header.len())
        .map(|column| {
            let place = mapping.columns.iter().position(|c| *c == Some(column));
            place.is_some_and(|i| matches!(code.fields[i].kind, FieldKind::PersonId))
        })
        .collect();
    let keep = |row: &Row| -> Vec<(String, String)> {
        let mut kept = Vec::new();
        for (i, cell) in row.cells.iter().enumerate() {
            let name = table.header.get(i).cloned().unwrap_or_default();
            let masked = secret.get(i).copied().unwrap_or(false)
                && !cell.trim().is_empty()
                && !is_person_token(cell.trim());
            kept.push((name, if masked { protect(cell.trim()) } else { cell.clone() }));
        }
        kept
    };
    // (subject, key) → place among the accepted.
    let mut seen: HashMap<(hengxin_core::uscc::Uscc, String), usize> = HashMap::new();
    let mut conflicts: HashMap<usize, Vec<u64>> = HashMap::new();
    for row in table.rows {
        if let Some(problem) = &row.problem {
            out.rejected.push(Rejected { line: row.line, cells: keep(&row), reasons: vec![problem.clone()] });
            continue;
        }
        let cell = |i: usize| mapping.columns[i].and_then(|c| row.cells.get(c)).map(String::as_str);
        match Draft::check(mapping.code, vocabulary, cell, protect, today) {
            Err(faults) => {
                let reasons = faults.iter().map(ToString::to_string).collect();
                out.rejected.push(Rejected { line: row.line, cells: keep(&row), reasons });
            }
            Ok(draft) => {
                let key = (draft.subject, draft.key.clone());
                match seen.get(&key).copied() {
                    Some(earlier) if out.accepted[earlier].draft == draft => out.repeated += 1,
                    Some(earlier) => {
                        let other = out.accepted[earlier].line;
                        let reason = format!(
                            "found other content for the record of line {other} (same subject and key), expected one content"
                        );
                        out.rejected.push(Rejected {
                            line: row.line,
                            cells: keep(&row),
                            reasons: vec![reason],
                        });
                        conflicts.entry(earlier).or_default().push(row.line);
                    }
                    None => {
                        seen.insert(key, out.accepted.len());
                        out.accepted.push(Accepted { line: row.line, draft });
                    }
                }
            }
        }
    }
    let mut place = 0;
    let rejected = &mut out.rejected;
    out.accepted.retain(|accepted| {
        let lines = conflicts.get(&place);
        place += 1;
        let Some(lines) = lines else { return true };
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        let reason = format!(
            "found other content for the same record on line {} (same subject and key), expected one content",
            lines.join(", ")
        );
        // Its cells again from the record: rows that agree with their vocabulary need not be held twice.
        let title = |i: u16| code.fields.get(usize::from(i)).map(|f| f.title.clone()).unwrap_or_default();
        let cells = accepted.draft.fields.iter().map(|(i, text)| (title(*i), text.clone())).collect();
        rejected.push(Rejected { line: accepted.line, cells, reasons: vec![reason] });
        false
    });
    out.rejected.sort_by_key(|r| r.line);
    out
}
