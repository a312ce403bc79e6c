//! From the counts to the comparison that is handed out: shares and intervals, suppression, clauses in order, the gate.

use hengxin_core::number::Points;

use super::axis::{ABSENT, AxisKind, Direction, State};
use super::breakdown::By;
use super::distribution::Distribution;
use super::gate::{self, Limits};
use super::interval::wilson;
use super::report::{
    AxisTold, BreakdownTold, CellMoves, CellTold, ClauseTold, Comparison, EditionTold, Gate, MatrixTold,
    MoverTold, MoversTold, Moves, Outcomes, OutcomesTold, Population, RunTold, ScoresTold, ShareTold,
    StateTold, TableTold, TierLoad, TierWorkloadTold, WorkloadTold,
};
use super::result_row::OutcomeKind;
use super::run_side::RunSide;
use super::suppression::{Shown, suppress};
use super::tally::Tally;
use super::workload::{Workload, decimal};
use crate::moment;

/// Bars of a histogram of scores.
const BARS: i64 = 40;

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
    let state = |state: &State, subjects| StateTold {
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
