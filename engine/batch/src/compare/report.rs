//! The comparison as it is handed out: the one value behind the JSON, the page and the terminal.
//!
//! Field names are the keys of the JSON, documented in `docs/compare.md`. What is in them: `telling.rs`.

use serde::Serialize;

use super::clause::ClauseKind;
use super::gate::Check;
use super::workload::Figure;

/// A comparison of two runs.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// `hengxin-comparison`.
    pub format: &'static str,
    /// 1.
    pub version: u32,
    /// The first run.
    pub before: RunTold,
    /// The second run.
    pub after: RunTold,
    /// How many subjects.
    pub population: Population,
    /// Fields, then standards.
    pub axes: Vec<AxisTold>,
    /// Fields and standards that only one run has.
    pub not_compared: Vec<String>,
    /// What moved them, most first.
    pub clauses: Vec<ClauseTold>,
    /// Moves by region, industry, size and age.
    pub breakdown: BreakdownTold,
    /// Who moved.
    pub movers: MoversTold,
    /// The publication gate.
    pub gate: Gate,
}

/// A run.
#[derive(Clone, Debug, Serialize)]
pub struct RunTold {
    /// Its id.
    pub run: String,
    /// The day the results are for.
    pub as_of: String,
    /// What was known by this moment counted.
    pub known_at: String,
    /// `dataset` or `ledger`.
    pub source_kind: String,
    /// Where it is.
    pub source: String,
    /// Its digest.
    pub source_digest: String,
    /// Editions of standards.
    pub standards: Vec<EditionTold>,
    /// Editions of tier policies.
    pub policies: Vec<EditionTold>,
}

/// An edition.
#[derive(Clone, Debug, Serialize)]
pub struct EditionTold {
    /// Id of the standard or policy.
    pub id: String,
    /// Edition.
    pub edition: String,
    /// Title.
    pub title: String,
    /// `official`, `reported` or `sample`.
    pub status: &'static str,
    /// Digest.
    pub digest: String,
}

/// Numbers of subjects.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Population {
    /// Of the first run.
    pub before: u64,
    /// Of the second run.
    pub after: u64,
    /// In both.
    pub both: u64,
    /// In the first only.
    pub only_before: u64,
    /// In the second only.
    pub only_after: u64,
    /// In either.
    pub either: u64,
}

/// One axis: the tiers of a field or the grades of a standard.
#[derive(Clone, Debug, Serialize)]
pub struct AxisTold {
    /// `field:…` or `standard:…`.
    pub id: String,
    /// Title.
    pub title: String,
    /// Edition of the first run.
    pub edition_before: String,
    /// Edition of the second run.
    pub edition_after: String,
    /// Moves among subjects of both runs.
    pub moves: Moves,
    /// From each state to each state.
    pub matrix: MatrixTold,
    /// Change of inspection workload; absent on an axis of grades.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<WorkloadTold>,
    /// Change of scores; absent on an axis of tiers, and where no subject has two scores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scores: Option<ScoresTold>,
    /// Kinds of results; absent on an axis of tiers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<OutcomesTold>,
}

/// Counts of moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Moves {
    /// Worse grade, stricter tier.
    pub worse: u64,
    /// Better grade, lighter tier.
    pub better: u64,
    /// Changed without a direction.
    pub other: u64,
    /// The same.
    pub same: u64,
}

/// A matrix.
#[derive(Clone, Debug, Serialize)]
pub struct MatrixTold {
    /// States of the first run.
    pub rows: Vec<StateTold>,
    /// States of the second run.
    pub columns: Vec<StateTold>,
    /// Counts, row by row.
    pub cells: Vec<Vec<u64>>,
    /// Where each cell's move goes: `same`, `worse`, `better`, `other`, or `absent`.
    pub directions: Vec<Vec<&'static str>>,
}

/// A row or column.
#[derive(Clone, Debug, Serialize)]
pub struct StateTold {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Subjects in it.
    pub subjects: u64,
}

/// Inspections a year of a field. All figures are plain decimals.
#[derive(Clone, Debug, Serialize)]
pub struct WorkloadTold {
    /// Tiers of both policies, by number.
    pub tiers: Vec<TierWorkloadTold>,
    /// At least, in the first run.
    pub least_before: String,
    /// At least, in the second run.
    pub least_after: String,
    /// Their difference.
    pub least_change: String,
    /// At most, in the first run.
    pub most_before: String,
    /// At most, in the second run.
    pub most_after: String,
    /// Their difference.
    pub most_change: String,
    /// Subjects of the first run in tiers without a figure.
    pub without_figure_before: u64,
    /// Subjects of the second run in tiers without a figure.
    pub without_figure_after: u64,
}

/// Inspections a year of a tier.
#[derive(Clone, Debug, Serialize)]
pub struct TierWorkloadTold {
    /// The tier.
    pub tier: usize,
    /// Its title.
    pub title: String,
    /// The first run; `None`: its policy has no such tier.
    pub before: Option<TierLoad>,
    /// The second run; `None`: its policy has no such tier.
    pub after: Option<TierLoad>,
}

/// One run's inspections of a tier.
#[derive(Clone, Debug, Serialize)]
pub struct TierLoad {
    /// Subjects.
    pub subjects: u64,
    /// What is stated: `none`, `least`, `range`.
    pub figure: Figure,
    /// A year and subject, at least.
    pub each_least: String,
    /// A year and subject, at most.
    pub each_most: String,
    /// A year, at least.
    pub least: String,
    /// A year, at most.
    pub most: String,
}

/// How scores changed, second less first. All figures but the mean are plain decimals.
#[derive(Clone, Debug, Serialize)]
pub struct ScoresTold {
    /// Subjects with a score in both runs.
    pub subjects: u64,
    /// Lower in the second.
    pub lower: u64,
    /// Higher in the second.
    pub higher: u64,
    /// To which step differences are told apart.
    pub step: String,
    /// Mean difference in points.
    pub mean: f64,
    /// (hundredths, difference): least, quantiles, greatest.
    pub quantiles: Vec<(u64, String)>,
    /// Bars: from, below, subjects.
    pub bars: Vec<(String, String, u64)>,
}

/// Kinds of results of both runs.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OutcomesTold {
    /// Of the first.
    pub before: Outcomes,
    /// Of the second.
    pub after: Outcomes,
}

/// Kinds of results.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Outcomes {
    /// Evaluated.
    pub graded: u64,
    /// Too little is known.
    pub cannot_score: u64,
    /// Not evaluated.
    pub not_eligible: u64,
}

/// How many moved because of a clause.
#[derive(Clone, Debug, Serialize)]
pub struct ClauseTold {
    /// The axis.
    pub axis: String,
    /// What part of the document it is.
    pub kind: ClauseKind,
    /// Id of the standard or policy.
    pub document: String,
    /// Its id there.
    pub id: String,
    /// Title.
    pub title: String,
    /// Legal source.
    pub source: String,
    /// For the worse.
    pub worse: u64,
    /// For the better.
    pub better: u64,
    /// Without a direction.
    pub other: u64,
}

/// The breakdown of moves.
#[derive(Clone, Debug, Serialize)]
pub struct BreakdownTold {
    /// Digits of a region told apart.
    pub region_digits: u32,
    /// Cells below this are not shown.
    pub min_cell: u64,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// One table each for region, industry, size and age.
    pub tables: Vec<TableTold>,
}

/// A table.
#[derive(Clone, Debug, Serialize)]
pub struct TableTold {
    /// `region`, `industry`, `size` or `age`.
    pub by: &'static str,
    /// Subjects in all cells.
    pub subjects: u64,
    /// The cells.
    pub cells: Vec<CellTold>,
}

/// A cell.
#[derive(Clone, Debug, Serialize)]
pub struct CellTold {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Subjects; `None`: not shown.
    pub subjects: Option<u64>,
    /// Why not: `small` or `complementary`; `None`: it is shown.
    pub withheld: Option<&'static str>,
    /// Per axis; empty when not shown.
    pub moves: Vec<CellMoves>,
}

/// Moves within a cell.
#[derive(Clone, Debug, Serialize)]
pub struct CellMoves {
    /// The axis.
    pub axis: String,
    /// For the worse.
    pub worse: ShareTold,
    /// For the better.
    pub better: ShareTold,
    /// How many changed without a direction.
    pub other: u64,
}

/// A share with its interval.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ShareTold {
    /// How many.
    pub subjects: u64,
    /// Of all of the cell, from 0 to 1.
    pub share: f64,
    /// Low end of Wilson's interval.
    pub low: f64,
    /// High end of Wilson's interval.
    pub high: f64,
}

/// Who moved.
#[derive(Clone, Debug, Serialize)]
pub struct MoversTold {
    /// How many moves there were: a subject counts once on each axis it moved on.
    pub total: u64,
    /// Subjects for which reasons were told.
    pub explained_subjects: u64,
    /// The furthest.
    pub listed: Vec<MoverTold>,
}

/// One move.
#[derive(Clone, Debug, Serialize)]
pub struct MoverTold {
    /// Unified social credit code.
    pub subject: String,
    /// The axis.
    pub axis: String,
    /// State in the first run.
    pub from: String,
    /// State in the second run.
    pub to: String,
    /// `worse`, `better` or `other`.
    pub direction: &'static str,
    /// Score in the first run.
    pub score_before: Option<String>,
    /// Score in the second run.
    pub score_after: Option<String>,
    /// Kind of the clause it is laid to.
    pub clause_kind: ClauseKind,
    /// Its document and id.
    pub clause: String,
    /// Its title.
    pub clause_title: String,
    /// Its legal source.
    pub clause_source: String,
}

/// The gate.
#[derive(Clone, Debug, Serialize)]
pub struct Gate {
    /// Whether every limit is kept; `true` when none was set.
    pub passed: bool,
    /// Every limit on every axis it is about.
    pub checks: Vec<Check>,
}

impl Comparison {
    /// As JSON, keys in the order of this file.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self)
            .unwrap_or_else(|e| unreachable!("every key is a text and every number finite: {e}"))
    }
}
