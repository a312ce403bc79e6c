//! Validation in one call: how a card does on rows it did not learn from, what it rests on, and which limits it breaks.
//!
//! [`validate`] takes a card, the rows and codes it is tried on and a [`Request`], and gives a [`Report`]: plain data, to
//! be written as JSON, as one page ([`page`]) or as a [`model_card`]. Nothing here reads files or a clock. The same
//! input gives the same report; what is drawn at random is drawn from the seed of the request.

mod bootstrap;
#[cfg(feature = "challengers")]
mod challengers;
mod charts;
mod comparison;
mod figures;
mod guard;
mod html;
mod limits;
mod markup;
mod monitoring;
mod overlap;
mod paired;
mod performance;
mod reasons;
mod rejects;
mod report;
mod request;
mod segments;
mod stability;
mod story;
mod suppression;
mod tables;

pub use bootstrap::{Spread, spread};
#[cfg(feature = "challengers")]
pub use challengers::{Raw, RawColumn, challenge, challenger_findings, raw_columns};
pub use comparison::{Comparison, Swap, compare};
pub use figures::{Cells, Released, of_comparison, of_monitoring, of_report};
pub use html::page;
pub use monitoring::{FeatureShift, Monitoring, monitor};
pub use overlap::Overlap;
pub use paired::{Difference, auc_difference};
pub use report::*;
pub use request::{Accepted, Inference, Limits, Request, RequestError};
pub use segments::Labels;
pub use story::model_card;
pub use suppression::{Cell, withheld};
pub use tables::{bins_table, months_table};

use crate::Card;
use crate::history::{Codes, Rows, Split};

/// What is validated, and on what.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What the model is called.
    pub name: &'a str,
    /// The card.
    pub card: &'a Card,
    /// The codes of all rows, a list for each feature of the card, in its order and in its layout.
    pub codes: &'a [&'a Codes],
    /// What is known of each row.
    pub rows: &'a Rows,
    /// The rows it learned from, and those it is tried on.
    pub split: &'a Split,
    /// The columns named by the request: segments, and whether a row was accepted.
    pub labels: &'a [Labels],
    /// A digest of each row's features and class, equal for equal rows; empty where it is not known.
    pub digests: &'a [u64],
}

/// Why nothing was validated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ValidationError {
    /// A setting of the request is out of range.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The rows of one side cannot be measured.
    #[error("the {sample} rows cannot be measured: {source}")]
    Sample {
        /// Which side.
        sample: &'static str,
        /// Why.
        source: crate::metrics::ScoredError,
    },
    /// Lists do not fit each other.
    #[error("{found} {what}, expected {expected}")]
    Length {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there must be.
        expected: usize,
    },
    /// A column that the request names was not handed over.
    #[error("column `{column}` is named by the request and was not read")]
    NoColumn {
        /// Which.
        column: String,
    },
}

/// Everything that the request asks for.
///
/// # Errors
/// A request out of range, lists of different lengths, a side with one class only.
pub fn validate(subject: &Subject<'_>, request: &Request) -> Result<Report, ValidationError> {
    request.check()?;
    subject.check()?;
    let accepted = subject.accepted(request)?;
    let (learn, hold) = subject.known(request)?;
    let scores = subject.card.score_all(subject.codes);
    let side = |sample, rows| {
        performance::measure(subject, &scores, rows, request)
            .map_err(|source| ValidationError::Sample { sample, source })
    };
    let (learned, held) = (side("learning", &learn)?, side("held-out", &hold)?);
    let features = stability::features(subject, &learn, &hold);
    let mut report = Report {
        format: FORMAT.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        model: subject.name.to_owned(),
        purpose: request.purpose.clone(),
        data: request.data.clone(),
        assumptions: request.assumptions.clone(),
        scaling: subject.card.scaling,
        seed: request.seed,
        resamples: request.resamples,
        cell_min: request.cell_min,
        events_min: request.events_min,
        score_shift: stability::of_score(&scores, subject.rows, &learn, &hold),
        vintages: performance::vintages(subject, &scores, &learn, &hold),
        reasons: reasons::rank(subject, &hold),
        segments: segments::all(subject, &scores, &hold, request)?,
        rejects: match &accepted {
            None => None,
            Some(accepted) => rejects::infer(subject, &scores, accepted, request),
        },
        overlap: overlap::find(subject),
        challengers: Vec::new(),
        learned,
        held,
        features,
        checks: Vec::new(),
        findings: Vec::new(),
    };
    report.findings = overlap::findings(&report);
    report.checks = limits::checks(&report, &request.limits);
    Ok(report)
}

impl Subject<'_> {
    /// The rows on both sides of the split whose class is known: that of a rejected row is not.
    ///
    /// # Errors
    /// A column that the request names and that was not handed over.
    pub fn known(&self, request: &Request) -> Result<(Vec<u32>, Vec<u32>), ValidationError> {
        let accepted = self.accepted(request)?;
        let known = |rows: &[u32]| -> Vec<u32> {
            let keep = |row: &u32| accepted.as_ref().is_none_or(|a| a[*row as usize]);
            rows.iter().copied().filter(keep).collect()
        };
        Ok((known(&self.split.learn), known(&self.split.hold)))
    }

    /// For each row whether it was accepted, where the request asks for that.
    fn accepted(&self, request: &Request) -> Result<Option<Vec<bool>>, ValidationError> {
        let of = |accepted: &Accepted| Ok(self.label(&accepted.column)?.equals(&accepted.value));
        request.accepted.as_ref().map(of).transpose()
    }

    fn check(&self) -> Result<(), ValidationError> {
        let rows = self.rows.len();
        let length = |what, found, expected| {
            if found == expected { Ok(()) } else { Err(ValidationError::Length { what, found, expected }) }
        };
        length("lists of codes", self.codes.len(), self.card.features.len())?;
        for codes in self.codes {
            length("codes of a feature", codes.len(), rows)?;
        }
        for labels in self.labels {
            length("labels of a column", labels.of.len(), rows)?;
        }
        if self.digests.is_empty() { Ok(()) } else { length("digests of rows", self.digests.len(), rows) }
    }

    fn label(&self, column: &str) -> Result<&Labels, ValidationError> {
        let found = self.labels.iter().find(|labels| labels.column == column);
        found.ok_or_else(|| ValidationError::NoColumn { column: column.to_owned() })
    }

    /// Goods and bads of some rows by bin of a feature.
    fn bin_counts(&self, feature: usize, rows: &[u32]) -> Vec<crate::Count> {
        let binned = &self.card.features[feature].binned;
        let mut counts = vec![crate::Count::default(); binned.bins.len()];
        for &row in rows {
            let row = row as usize;
            let bin = usize::from(binned.bin_of[self.codes[feature].at(row)]);
            counts[bin].add(self.rows.default[row], self.rows.mass(row));
        }
        counts
    }
}
