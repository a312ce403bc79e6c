//! Rates and errors by region, size, industry or any other column.

use super::performance::{foretold, points, rate, scored, size};
use super::report::{Figure, Segment, SegmentCell};
use super::suppression::{Cell, withheld};
use super::{Request, Subject, ValidationError};
use crate::metrics::auc;

/// A column as names: what each row holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// The column.
    pub column: String,
    /// Its values, ascending.
    pub names: Vec<String>,
    /// For each row the number of its value.
    pub of: Vec<u32>,
}

impl Labels {
    /// From the text of each row.
    ///
    /// # Panics
    /// With 2^32 rows or more; a history has fewer.
    pub fn new(column: &str, texts: &[String]) -> Labels {
        let mut names: Vec<String> = texts.to_vec();
        names.sort();
        names.dedup();
        let at = |text: &String| names.binary_search(text).unwrap_or(0);
        let of = texts.iter().map(|text| u32::try_from(at(text)).expect("fewer than 2^32 rows")).collect();
        Labels { column: column.to_owned(), names, of }
    }

    /// For each row whether it holds this value.
    pub fn equals(&self, value: &str) -> Vec<bool> {
        self.of.iter().map(|of| self.names[*of as usize] == value).collect()
    }
}

pub(super) fn all(
    subject: &Subject<'_>,
    scores: &[i64],
    hold: &[u32],
    request: &Request,
) -> Result<Vec<Segment>, ValidationError> {
    let one = |column: &String| Ok(segment(subject, subject.label(column)?, scores, hold, request));
    request.segments.iter().map(one).collect()
}

fn segment(
    subject: &Subject<'_>,
    labels: &Labels,
    scores: &[i64],
    hold: &[u32],
    request: &Request,
) -> Segment {
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); labels.names.len()];
    for row in hold {
        members[labels.of[*row as usize] as usize].push(*row);
    }
    let bads = |rows: &[u32]| rows.iter().filter(|row| subject.rows.default[**row as usize]).count() as u64;
    let cells: Vec<Cell> =
        members.iter().map(|rows| Cell { rows: rows.len() as u64, bads: bads(rows) }).collect();
    let hidden = withheld(&cells, request.cell_min, request.events_min);
    let told = |name: &str, rows: &[u32]| cell(subject, name, scores, rows);
    let shown = |i: &usize| !hidden[*i];
    let rest: Vec<u32> =
        (0..members.len()).filter(|i| hidden[*i]).flat_map(|i| members[i].iter().copied()).collect();
    let sum = [Cell { rows: rest.len() as u64, bads: bads(&rest) }];
    let rest_small = withheld(&sum, request.cell_min, request.events_min)[0];
    Segment {
        column: labels.column.clone(),
        cells: (0..members.len()).filter(shown).map(|i| told(&labels.names[i], &members[i])).collect(),
        withheld: (0..members.len()).filter(|i| hidden[*i] && cells[*i].rows > 0).count(),
        rest: (!rest_small).then(|| told("all others together", &rest)),
    }
}

fn cell(subject: &Subject<'_>, name: &str, scores: &[i64], rows: &[u32]) -> SegmentCell {
    let size = size(subject.rows, rows);
    let rate = rate(size);
    let foretold = foretold(subject, scores, rows);
    // The interval of the error is that of the observed rate.
    let ends = (foretold - rate.high.unwrap_or(f64::NAN), foretold - rate.low.unwrap_or(f64::NAN));
    let area = scored(subject, scores, rows).ok().map(|scored| auc(&scored));
    let weight = |row: &u32| subject.rows.mass(*row as usize).value();
    let sum: f64 = rows.iter().map(|row| weight(row) * points(scores[*row as usize])).sum();
    SegmentCell {
        value: name.to_owned(),
        size,
        rate,
        foretold,
        error: Figure::within(foretold - rate.value, ends),
        auc: area.map(|area| Figure::within(area.auc, area.interval)),
        mean_score: sum / size.weight,
    }
}
