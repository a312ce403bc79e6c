//! The comparison as it is handed out: the one value behind the JSON, the page and the terminal. Keys: `docs/compare.md`.

use hengxin_core::number::Points;
use serde::Serialize;

use super::axis::{ABSENT, AxisKind, Direction};
use super::breakdown::By;
use super::clause::ClauseKind;
use super::distribution::Distribution;
use super::gate::{self, Check, Limits};
use super::interval::wilson;
use super::result_row::OutcomeKind;
use super::run_side::RunSide;
use super::suppression::{Shown, suppress};
use super::tally::Tally;
use super::workload::{Figure, Workload, decimal};
use crate::moment;

/// Bars of a histogram of scores.
const BARS: i64 = 40;

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
    /// Tells what was counted. Cells of fewer than `min_cell` subjects are not shown.
    pub fn new(tally: &Tally, limits: &Limits, min_cell: u64) -> Comparison {
        let [both, only_before, only_after] = tally.population;
        let workloads: Vec<Option<(Workload, Workload)>> =
            (0..tally.frame.axes.len()).map(|i| workloads(tally, i)).collect();
        let checks = gate::checks(tally, limits, &workloads);
        Comparison {
            format: "hengxin-comparison",
            version: 1,
            before: run(&tally.frame.before),
            after: run(&tally.frame.after),
            population: Population {
                before: both + only_before,
                after: both + only_after,
                both,
                only_before,
                only_after,
                either: tally.union(),
            },
            axes: (0..tally.frame.axes.len()).map(|i| axis(tally, i, workloads[i].as_ref())).collect(),
            not_compared: tally.frame.not_shared.clone(),
            clauses: clauses(tally),
            breakdown: breakdown(tally, min_cell),
            movers: movers(tally),
            gate: Gate { passed: checks.iter().all(|c| c.passed), checks },
        }
    }

    /// As JSON, keys in the order of this file.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self)
            .unwrap_or_else(|e| unreachable!("every key is a text and every number finite: {e}"))
    }
}

fn run(side: &RunSide) -> RunTold {
    let standards = side.standards.iter().map(|s| EditionTold {
        id: s.id.clone(),
        edition: s.edition.clone(),
        title: s.title.clone(),
        status: s.status.name(),
        digest: s.digest.clone(),
    });
    let policies = side.fields.iter().map(|f| EditionTold {
        id: f.policy.clone(),
        edition: f.edition.clone(),
        title: f.title.clone(),
        status: f.status.name(),
        digest: f.digest.clone(),
    });
    RunTold {
        run: side.id.clone(),
        as_of: side.as_of.to_string(),
        known_at: moment::to_text(side.known_at),
        source_kind: side.source.0.clone(),
        source: side.source.1.clone(),
        source_digest: side.source_digest.clone(),
        standards: standards.collect(),
        policies: policies.collect(),
    }
}

fn workloads(tally: &Tally, i: usize) -> Option<(Workload, Workload)> {
    let (before, after) = tally.frame.field(&tally.frame.axes[i])?;
    let matrix = &tally.matrices[i];
    let before = before.tiers.iter().enumerate().map(|(t, tier)| (matrix.row_sum(t), tier.workload));
    let after = after.tiers.iter().enumerate().map(|(t, tier)| (matrix.column_sum(t), tier.workload));
    Some((Workload { tiers: before.collect() }, Workload { tiers: after.collect() }))
}

fn axis(tally: &Tally, i: usize, workload: Option<&(Workload, Workload)>) -> AxisTold {
    let axis = &tally.frame.axes[i];
    let matrix = &tally.matrices[i];
    let editions = match axis.kind {
        AxisKind::Field { before, after } => {
            (&tally.frame.before.fields[before].edition, &tally.frame.after.fields[after].edition)
        }
        AxisKind::Standard { before, after } => {
            (&tally.frame.before.standards[before].edition, &tally.frame.after.standards[after].edition)
        }
    };
    let [worse, better, other] = tally.moves(i);
    let state = |state: &super::axis::State, subjects| StateTold {
        id: state.name.id.clone(),
        title: state.name.title.clone(),
        subjects,
    };
    let rows = axis.before.iter().enumerate().map(|(i, s)| state(s, matrix.row_sum(i)));
    let columns = axis.after.iter().enumerate().map(|(i, s)| state(s, matrix.column_sum(i)));
    let direction = |from| {
        (0..axis.after.len()).map(move |to| {
            let absent = axis.absent();
            // Who is in one run only did not stay the same either.
            if from == absent.0 || to == absent.1 { ABSENT } else { axis.direction(from, to).name() }
        })
    };
    let outcomes =
        |[graded, cannot_score, not_eligible]: [u64; 3]| Outcomes { graded, cannot_score, not_eligible };
    AxisTold {
        id: axis.id.clone(),
        title: axis.title.clone(),
        edition_before: editions.0.clone(),
        edition_after: editions.1.clone(),
        moves: Moves { worse, better, other, same: tally.population[0] - worse - better - other },
        matrix: MatrixTold {
            rows: rows.collect(),
            columns: columns.collect(),
            cells: matrix.rows().map(<[u64]>::to_vec).collect(),
            directions: (0..axis.before.len()).map(|from| direction(from).collect()).collect(),
        },
        workload: workload.and_then(|loads| {
            let (before, after) = tally.frame.field(axis)?;
            let title =
                |t: usize| after.tiers.get(t).or(before.tiers.get(t)).map_or("", |t| t.title.as_str());
            Some(told_workload(loads, title))
        }),
        scores: scores(&tally.scores[i]),
        outcomes: matches!(axis.kind, AxisKind::Standard { .. }).then(|| OutcomesTold {
            before: outcomes(tally.outcomes[i][0]),
            after: outcomes(tally.outcomes[i][1]),
        }),
    }
}

fn told_workload<'t>(
    (before, after): &(Workload, Workload),
    title: impl Fn(usize) -> &'t str,
) -> WorkloadTold {
    let load = |workload: &Workload, t: usize| {
        workload.tiers.get(t).map(|(subjects, load)| {
            let times = |each: i64| decimal(i128::from(*subjects) * i128::from(each));
            TierLoad {
                subjects: *subjects,
                figure: load.figure,
                each_least: decimal(load.least.into()),
                each_most: decimal(load.most.into()),
                least: times(load.least),
                most: times(load.most),
            }
        })
    };
    let tiers = (0..before.tiers.len().max(after.tiers.len())).map(|t| TierWorkloadTold {
        tier: t + 1,
        title: title(t).to_owned(),
        before: load(before, t),
        after: load(after, t),
    });
    let (b, a) = (before.total(), after.total());
    WorkloadTold {
        tiers: tiers.collect(),
        least_before: decimal(b.0),
        least_after: decimal(a.0),
        least_change: decimal(a.0 - b.0),
        most_before: decimal(b.1),
        most_after: decimal(a.1),
        most_change: decimal(a.1 - b.1),
        without_figure_before: before.without_figure(),
        without_figure_after: after.without_figure(),
    }
}

fn scores(distribution: &Distribution) -> Option<ScoresTold> {
    let (least, greatest) = distribution.ends()?;
    let inner = [1, 5, 25, 50, 75, 95, 99];
    let quantiles = inner.iter().filter_map(|q| Some((*q, distribution.quantile(*q)?.to_string())));
    let (lower, higher) = distribution.moved();
    Some(ScoresTold {
        subjects: distribution.count(),
        lower,
        higher,
        step: distribution.width().to_string(),
        mean: rounded(distribution.mean()?),
        quantiles: [(0, least.to_string())]
            .into_iter()
            .chain(quantiles)
            .chain([(100, greatest.to_string())])
            .collect(),
        bars: distribution.bars(BARS).iter().map(|(a, b, n)| (a.to_string(), b.to_string(), *n)).collect(),
    })
}

fn clauses(tally: &Tally) -> Vec<ClauseTold> {
    let told = tally.clauses().into_iter().map(|count| {
        let [worse, better, other] = count.moves;
        ClauseTold {
            axis: tally.frame.axes[count.axis].id.clone(),
            kind: count.clause.kind,
            document: count.clause.document.clone(),
            id: count.clause.id.clone(),
            title: count.clause.title.clone(),
            source: count.clause.source.clone(),
            worse,
            better,
            other,
        }
    });
    told.collect()
}

fn breakdown(tally: &Tally, min_cell: u64) -> BreakdownTold {
    let share = |subjects: u64, of: u64| {
        let (low, high) = wilson(subjects, of);
        let share = if of == 0 { 0.0 } else { subjects as f64 / of as f64 };
        ShareTold { subjects, share: rounded(share), low: rounded(low), high: rounded(high) }
    };
    let tables = By::ALL.iter().map(|by| {
        let cells = tally.breakdown.table(*by, &tally.frame.after.sizes);
        let sizes: Vec<u64> = cells.iter().map(|(_, cell)| cell.subjects).collect();
        let shown = suppress(&sizes, min_cell);
        let told = cells.iter().zip(&shown).map(|((name, cell), shown)| {
            let withheld = match shown {
                Shown::Whole => None,
                Shown::Small => Some("small"),
                Shown::Withheld => Some("complementary"),
            };
            let moves = cell.moves.iter().zip(&tally.frame.axes).map(|(moves, axis)| CellMoves {
                axis: axis.id.clone(),
                worse: share(moves[0], cell.subjects),
                better: share(moves[1], cell.subjects),
                other: moves[2],
            });
            CellTold {
                id: name.id.clone(),
                title: name.title.clone(),
                subjects: withheld.is_none().then_some(cell.subjects),
                withheld,
                moves: if withheld.is_none() { moves.collect() } else { Vec::new() },
            }
        });
        TableTold { by: by.name(), subjects: sizes.iter().sum(), cells: told.collect() }
    });
    BreakdownTold {
        region_digits: tally.breakdown.depth().digits(),
        min_cell,
        confidence: 0.95,
        tables: tables.collect(),
    }
}

fn movers(tally: &Tally) -> MoversTold {
    let (listed, total) = tally.movers_listed();
    let told = listed.into_iter().map(|mover| {
        let axis = &tally.frame.axes[mover.axis];
        let text = |points: Option<Points>| points.map(|p| p.to_string());
        MoverTold {
            subject: mover.subject.to_string(),
            axis: axis.id.clone(),
            from: axis.before[mover.from].name.id.clone(),
            to: axis.after[mover.to].name.id.clone(),
            direction: mover.direction.name(),
            score_before: text(mover.scores.0),
            score_after: text(mover.scores.1),
            clause_kind: mover.cause.kind,
            clause: format!("{}/{}", mover.cause.document, mover.cause.id),
            clause_title: mover.cause.title.clone(),
            clause_source: mover.cause.source.clone(),
        }
    });
    MoversTold { total, explained_subjects: tally.explained, listed: told.collect() }
}

/// To six decimals: more would only show how one machine rounds.
fn rounded(x: f64) -> f64 {
    (x * 1e6).round() / 1e6
}

// The kinds of results are told by name; a new one must be told too.
const _: () = assert!(OutcomeKind::NAMES.len() == 3 && Direction::MOVES.len() == 3);
