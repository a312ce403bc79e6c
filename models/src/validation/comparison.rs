//! A champion and a challenger on the same new rows: which ranks better, which foretells better, and whose fate would change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::paired::{Difference, auc_difference};
use super::performance::{measure, rate};
use super::report::{Figure, Performance, Size};
use super::{Request, Subject, ValidationError};
use crate::{Count, NORMAL_95};

/// The name of the format of a comparison.
const FORMAT: &str = "hengxin-comparison/1";

/// Shares of the rows that are let in, best scores first.
const ACCEPTED: [f64; 4] = [0.5, 0.7, 0.8, 0.9];

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// `hengxin-comparison/1`.
    pub format: String,
    /// Version of the program.
    pub version: String,
    /// What the model in service is called.
    pub champion: String,
    /// What the other is called.
    pub challenger: String,
    /// Names of the data with their digests.
    pub data: BTreeMap<String, String>,
    /// The rows, the same for both.
    pub size: Size,
    /// How the champion ranks and foretells them.
    pub champion_performance: Performance,
    /// How the challenger does.
    pub challenger_performance: Performance,
    /// AUC of the challenger less that of the champion; `None` with fewer than two rows of a class.
    pub auc: Option<Difference>,
    /// Brier score of the challenger less that of the champion: below zero the challenger foretells better.
    pub brier: Figure,
    /// Whose fate would change.
    pub swaps: Vec<Swap>,
    /// What follows, in words.
    pub findings: Vec<String>,
}

/// Rows let in by one model and not by the other, when both let in the same share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Swap {
    /// The share of the weight that each may let in; rows of one score are let in together or not at all.
    pub accepted: f64,
    /// Rows that both let in.
    pub both: Size,
    /// Rows that only the champion lets in, and their default rate.
    pub champion_only: Size,
    /// Rate of those.
    pub champion_only_rate: Figure,
    /// Rows that only the challenger lets in.
    pub challenger_only: Size,
    /// Rate of those.
    pub challenger_only_rate: Figure,
}

/// Compares two cards on all rows of a history, which must be the same for both subjects.
///
/// # Errors
/// A request out of range, lists of different lengths, rows of one class only.
pub fn compare(
    champion: &Subject<'_>,
    challenger: &Subject<'_>,
    request: &Request,
) -> Result<Comparison, ValidationError> {
    request.check()?;
    champion.check()?;
    challenger.check()?;
    if champion.rows.len() != challenger.rows.len() {
        let (found, expected) = (challenger.rows.len(), champion.rows.len());
        return Err(ValidationError::Length { what: "rows of the challenger", found, expected });
    }
    let rows: Vec<u32> = (0..champion.rows.len()).map(|row| u32::try_from(row).unwrap_or(u32::MAX)).collect();
    let scores = [champion, challenger].map(|subject| subject.card.score_all(subject.codes));
    let of = |subject: &Subject<'_>, scores: &[i64], sample| {
        measure(subject, scores, &rows, request).map_err(|source| ValidationError::Sample { sample, source })
    };
    let first = of(champion, &scores[0], "champion's")?;
    let second = of(challenger, &scores[1], "challenger's")?;
    let known = champion.rows;
    let paired: Vec<(f64, f64, bool, f64)> = (0..rows.len())
        .map(|row| {
            let weight = known.mass(row).value();
            (-(scores[0][row] as f64), -(scores[1][row] as f64), known.default[row], weight)
        })
        .filter(|row| row.3 > 0.0)
        .collect();
    let auc = auc_difference(&paired);
    let brier = brier_difference(champion, challenger, &scores);
    let mut comparison = Comparison {
        format: FORMAT.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        champion: champion.name.to_owned(),
        challenger: challenger.name.to_owned(),
        data: request.data.clone(),
        size: first.size,
        champion_performance: first,
        challenger_performance: second,
        auc,
        brier,
        swaps: ACCEPTED.iter().map(|share| swap(champion, &scores, *share)).collect(),
        findings: Vec::new(),
    };
    comparison.findings = findings(&comparison);
    Ok(comparison)
}

/// Mean difference of squared errors on the same rows, with the interval of a mean.
fn brier_difference(champion: &Subject<'_>, challenger: &Subject<'_>, scores: &[Vec<i64>; 2]) -> Figure {
    let error = |subject: &Subject<'_>, score: i64, default: bool| {
        let miss = subject.card.probability(score) - f64::from(u8::from(default));
        miss * miss
    };
    let rows = champion.rows;
    let gaps: Vec<(f64, f64)> = (0..rows.len())
        .map(|row| {
            let default = rows.default[row];
            let gap = error(challenger, scores[1][row], default) - error(champion, scores[0][row], default);
            (gap, rows.mass(row).value())
        })
        .collect();
    let weight: f64 = gaps.iter().map(|gap| gap.1).sum();
    let mean = gaps.iter().map(|gap| gap.0 * gap.1).sum::<f64>() / weight;
    let squares: f64 = gaps.iter().map(|gap| gap.1 * (gap.0 - mean) * (gap.0 - mean)).sum();
    let half = NORMAL_95 * (squares / weight / gaps.len() as f64).sqrt();
    Figure::within(mean, (mean - half, mean + half))
}

fn swap(subject: &Subject<'_>, scores: &[Vec<i64>; 2], accepted: f64) -> Swap {
    let rows = subject.rows;
    let lets_in = [0, 1].map(|model| {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|row| (std::cmp::Reverse(scores[model][*row]), *row));
        let whole: u64 = order.iter().map(|row| rows.mass(*row).units()).sum();
        let mut inside = vec![false; rows.len()];
        let mut sum = 0u64;
        for tie in order.chunk_by(|a, b| scores[model][*a] == scores[model][*b]) {
            sum += tie.iter().map(|row| rows.mass(*row).units()).sum::<u64>();
            if sum as f64 > accepted * whole as f64 {
                break;
            }
            for row in tie {
                inside[*row] = true;
            }
        }
        inside
    });
    let size = |first: bool, second: bool| {
        let (mut count, mut n) = (Count::default(), 0);
        for row in (0..rows.len()).filter(|row| (lets_in[0][*row], lets_in[1][*row]) == (first, second)) {
            count.add(rows.default[row], rows.mass(row));
            n += 1;
        }
        Size { rows: n, weight: count.total().value(), bads: count.bads.value() }
    };
    let (champion_only, challenger_only) = (size(true, false), size(false, true));
    Swap {
        accepted,
        both: size(true, true),
        champion_only,
        champion_only_rate: rate(champion_only),
        challenger_only,
        challenger_only_rate: rate(challenger_only),
    }
}

fn findings(found: &Comparison) -> Vec<String> {
    let sure =
        |figure: &Figure| figure.low.zip(figure.high).is_some_and(|(low, high)| low > 0.0 || high < 0.0);
    let ranking = match found.auc {
        None => "too few rows of a class to compare how the models rank".to_owned(),
        Some(difference) => {
            let gap = difference.auc.value;
            let which = if gap > 0.0 { "challenger" } else { "champion" };
            if sure(&difference.auc) {
                format!("the {which} ranks better, by {:.4} of AUC (p {:.4})", gap.abs(), difference.p)
            } else {
                format!(
                    "the models rank alike within chance: {gap:+.4} of AUC for the challenger (p {:.4})",
                    difference.p
                )
            }
        }
    };
    let gap = found.brier.value;
    let which = if gap < 0.0 { "challenger" } else { "champion" };
    let errors = if sure(&found.brier) {
        format!("the {which} foretells better, by {:.5} of Brier score", gap.abs())
    } else {
        format!("the models foretell alike within chance: {gap:+.5} of Brier score for the challenger")
    };
    vec![ranking, errors]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Codes, Fine, Layout, Rows, Split};
    use crate::{Card, CardFeature, Scaling};

    /// A card that earns `points` in the categories `a`, `b`, `c`.
    fn card(points: [i64; 3]) -> Card {
        let layout = Layout {
            column: "x".to_owned(),
            special: Vec::new(),
            fine: Fine::Categorical { labels: ["a", "b", "c"].map(ToOwned::to_owned).to_vec() },
        };
        let bins = ["a", "b", "c"].map(|name| crate::binning::Bin {
            what: crate::binning::What::Categories(vec![name.to_owned()]),
            count: Count::default(),
            woe: 0.0,
            basis: crate::binning::Basis::Rule,
        });
        let binned = crate::binning::Binned {
            layout,
            bins: bins.to_vec(),
            bin_of: vec![0, 0, 0, 1, 2],
            trend: crate::binning::Trend::Free,
            objective: 0.0,
            search: crate::binning::Search::Given,
            total: Count::default(),
        };
        let scaling = Scaling { base_points: 600.0, odds: 1.0, points_to_double: 20.0, decimals: 0 };
        let points = points.map(|p| p * 10_000).to_vec();
        Card { base: 6_000_000, features: vec![CardFeature { binned, points }], scaling }
    }

    #[test]
    fn swaps_name_who_only_one_model_lets_in() {
        // Ten rows a category; of `a` 8 default, of `b` 5, of `c` 1.
        let categories: Vec<u16> = (0..30).map(|row| 2 + row / 10).collect();
        let default = (0..30).map(|row| row % 10 < [8, 5, 1][row / 10]).collect();
        let rows = Rows { default, weight: None, month: None, group: None };
        let codes = Codes::from_list(5, &categories);
        let split = Split::none(30);
        let (good, bad) = (card([-40, 0, 40]), card([40, 0, -40]));
        let subject = |name, card| Subject {
            name,
            card,
            codes: &[],
            rows: &rows,
            split: &split,
            labels: &[],
            digests: &[],
        };
        let lists = [&codes];
        let (champion, challenger) = (
            Subject { codes: &lists, ..subject("old", &bad) },
            Subject { codes: &lists, ..subject("new", &good) },
        );
        let found = compare(&champion, &challenger, &Request::default()).expect("a comparison");
        // The new one ranks as the rates do, the old one the other way round: 1 − AUC.
        let (first, second) = (found.champion_performance.auc.value, found.challenger_performance.auc.value);
        assert!((first + second - 1.0).abs() < 1e-12 && second > 0.8, "{first} {second}");
        let difference = found.auc.expect("two classes");
        assert!((difference.auc.value - (second - first)).abs() < 1e-12);
        assert!(found.brier.value < 0.0 && found.brier.high.expect("an end") < 0.0, "{:?}", found.brier);
        // A half of 30 rows is 15: one whole category each, and not the same one.
        let half = found.swaps[0];
        assert_eq!((half.both.rows, half.champion_only.rows, half.challenger_only.rows), (0, 10, 10));
        assert_eq!((half.champion_only.bads, half.challenger_only.bads), (8.0, 1.0));
        // 0.7 of them are 21: two categories each, of which `b` is in both.
        assert_eq!((found.swaps[1].both.rows, found.swaps[1].challenger_only.rows), (10, 10));
        assert!(found.findings[0].contains("challenger ranks better"), "{:?}", found.findings);
        assert!(found.findings[1].contains("challenger foretells better"), "{:?}", found.findings);
    }

    #[test]
    fn a_model_against_itself_differs_by_nothing() {
        let categories: Vec<u16> = (0..30).map(|row| 2 + row / 10).collect();
        let default = (0..30).map(|row| row % 10 < [8, 5, 1][row / 10]).collect();
        let rows = Rows { default, weight: None, month: None, group: None };
        let codes = Codes::from_list(5, &categories);
        let (split, card) = (Split::none(30), card([-40, 0, 40]));
        let lists = [&codes];
        let subject = Subject {
            name: "m",
            card: &card,
            codes: &lists,
            rows: &rows,
            split: &split,
            labels: &[],
            digests: &[],
        };
        let found = compare(&subject, &subject, &Request::default()).expect("a comparison");
        assert!(found.auc.expect("two classes").auc.value.abs() < 1e-15);
        assert!(found.brier.value.abs() < 1e-15);
        assert!(found.swaps.iter().all(|s| s.champion_only.rows == 0 && s.challenger_only.rows == 0));
        assert!(found.findings.iter().all(|f| f.contains("within chance")), "{:?}", found.findings);
    }
}
