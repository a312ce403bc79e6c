//! Whether score and features still look as they did when they were learned, and whether bins keep their order.

use super::Subject;
use super::performance::{points, rate};
use super::report::{BinTold, FeatureTold, Inversion, ShiftBin, ShiftTold, Size};
use crate::bands::cuts;
use crate::binning::{Bin, What};
use crate::history::{Layout, Rows};
use crate::metrics::population_stability;
use crate::{Count, Mass, chi_squared_tail, normal_two_sided};

/// PSI of the score between two samples.
pub(super) fn of_score(scores: &[i64], rows: &Rows, before: &[u32], after: &[u32]) -> ShiftTold {
    let cuts = cuts(scores, rows, before);
    let mut bins = vec![(Mass::ZERO, Mass::ZERO); cuts.len() + 1];
    let band = |row: &u32| cuts.partition_point(|cut| *cut <= scores[*row as usize]);
    for row in before {
        bins[band(row)].0 += rows.mass(*row as usize);
    }
    for row in after {
        bins[band(row)].1 += rows.mass(*row as usize);
    }
    told(&bins, |at| band_name(&cuts, at), (before.len(), after.len()))
}

/// The scores of the band at a place between cuts, in words.
pub(super) fn band_name(cuts: &[i64], at: usize) -> String {
    match (at.checked_sub(1).and_then(|i| cuts.get(i)), cuts.get(at)) {
        (None, None) => "all scores".to_owned(),
        (None, Some(to)) => format!("below {}", points(*to)),
        (Some(from), None) => format!("{} and above", points(*from)),
        (Some(from), Some(to)) => format!("{} to below {}", points(*from), points(*to)),
    }
}

/// The move between two distributions over the same bins, with the rows that each rests on.
pub(super) fn told(bins: &[(Mass, Mass)], name: impl Fn(usize) -> String, rows: (usize, usize)) -> ShiftTold {
    let found = population_stability(bins.iter().copied());
    let used = bins.iter().filter(|bin| **bin != (Mass::ZERO, Mass::ZERO)).count();
    ShiftTold {
        index: found.as_ref().map(|found| found.psi),
        by_chance: by_chance(used, rows),
        rows: (rows.0 as u64, rows.1 as u64),
        bins: found
            .iter()
            .flat_map(|found| found.shifts.iter().enumerate())
            .map(|(at, s)| ShiftBin { what: name(at), before: s.before, after: s.after, part: s.part })
            .collect(),
    }
}

/// The 95 % point of an index of `bins` bins where nothing has moved: that of chi-squared times `1/n + 1/m`.
fn by_chance(bins: usize, rows: (usize, usize)) -> f64 {
    if bins < 2 || rows.0 == 0 || rows.1 == 0 {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, 10.0 * bins as f64 + 50.0);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if chi_squared_tail(middle, bins - 1) > 0.05 { low = middle } else { high = middle }
    }
    low * (1.0 / rows.0 as f64 + 1.0 / rows.1 as f64)
}

/// What a bin holds, in words.
pub(super) fn what(bin: &Bin, layout: &Layout) -> String {
    match &bin.what {
        What::Range { from: None, to: None } => "any number".to_owned(),
        What::Range { from: None, to: Some(to) } => format!("below {to}"),
        What::Range { from: Some(from), to: None } => format!("{from} and above"),
        What::Range { from: Some(from), to: Some(to) } => format!("{from} to below {to}"),
        What::Categories(names) => names.join(" | "),
        What::Special(at) => {
            layout.special.get(*at).map_or("special".to_owned(), |label| format!("special {label}"))
        }
        What::Missing => "missing".to_owned(),
        What::Unseen => "never seen when learning".to_owned(),
    }
}

/// Every feature of the card: its bins on both samples.
pub(super) fn features(subject: &Subject<'_>, learn: &[u32], hold: &[u32]) -> Vec<FeatureTold> {
    let told_one = |(at, feature): (usize, &crate::CardFeature)| {
        let binned = &feature.binned;
        let (learned, held) = (subject.bin_counts(at, learn), subject.bin_counts(at, hold));
        let pairs: Vec<(Mass, Mass)> =
            learned.iter().zip(&held).map(|(l, h)| (l.total(), h.total())).collect();
        let names: Vec<String> = binned.bins.iter().map(|bin| what(bin, &binned.layout)).collect();
        let size = |count: Count, rows: usize, all: Count| {
            let (weight, all) = (count.total().value(), all.total().value());
            let rows = if all > 0.0 { weight / all * rows as f64 } else { 0.0 };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of rows")]
            Size { rows: rows.round() as u64, weight, bads: count.bads.value() }
        };
        let (all_learned, all_held) = (learned.iter().copied().sum(), held.iter().copied().sum());
        let bins = names
            .iter()
            .enumerate()
            .filter(|(i, _)| pairs[*i] != (Mass::ZERO, Mass::ZERO) || *i < binned.known())
            .map(|(i, name)| {
                let learned = size(learned[i], learn.len(), all_learned);
                let held = size(held[i], hold.len(), all_held);
                BinTold {
                    what: name.clone(),
                    points: points(feature.points[i]),
                    woe: binned.bins[i].woe,
                    learned,
                    learned_rate: rate(learned),
                    held,
                    held_rate: rate(held),
                }
            })
            .collect();
        FeatureTold {
            feature: binned.layout.column.clone(),
            information_value: binned.information_value(),
            shift: told(&pairs, |i| names[i].clone(), (learn.len(), hold.len())),
            withheld: false,
            inversions: inversions(&learned, &held, &names, binned.known()),
            bins,
        }
    };
    subject.card.features.iter().enumerate().map(told_one).collect()
}

/// Neighbours among the first `known` bins whose rates stand in the opposite order on the held-out rows.
fn inversions(learned: &[Count], held: &[Count], names: &[String], known: usize) -> Vec<Inversion> {
    (1..known)
        .filter_map(|i| {
            let (a, b) = (held[i - 1], held[i]);
            let empty = [a, b, learned[i - 1], learned[i]].iter().any(|c| c.total() == Mass::ZERO);
            let before = learned[i].rate() - learned[i - 1].rate();
            let after = b.rate() - a.rate();
            if empty || before * after >= 0.0 {
                return None;
            }
            let (first, second) = (a.total().value(), b.total().value());
            let pooled = (a + b).rate();
            let error = (pooled * (1.0 - pooled) * (1.0 / first + 1.0 / second)).sqrt();
            let p = if error > 0.0 { normal_two_sided(after / error) } else { 1.0 };
            Some(Inversion { first: names[i - 1].clone(), second: names[i].clone(), p, sure: p < 0.05 })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reversed_order_is_found_and_judged() {
        let names = ["a", "b", "c"].map(ToOwned::to_owned);
        let learned = [Count::rows(90, 10), Count::rows(80, 20), Count::rows(60, 40)];
        // 20 % then 10 % of 100: pooled 15 %, error sqrt(.1275 · .02), z = -1.98; then up again.
        let held = [Count::rows(80, 20), Count::rows(90, 10), Count::rows(60, 40)];
        let found = inversions(&learned, &held, &names, 3);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].first.as_str(), found[0].second.as_str(), found[0].sure), ("a", "b", true));
        let z = 0.1 / (0.15f64 * 0.85 * 0.02).sqrt();
        assert!((found[0].p - normal_two_sided(z)).abs() < 1e-12);
        // The same of a tenth of the rows may be chance.
        let few = [Count::rows(8, 2), Count::rows(9, 1), Count::rows(6, 4)];
        assert!(!inversions(&learned, &few, &names, 3)[0].sure);
        assert!(inversions(&learned, &learned, &names, 3).is_empty());
        // Bins beyond the known ones have no order.
        assert!(inversions(&learned, &held, &names, 1).is_empty());
        let empty = [Count::default(), Count::rows(90, 10), Count::rows(60, 40)];
        assert!(inversions(&learned, &empty, &names, 3).is_empty());
    }

    #[test]
    fn chance_alone_exceeds_its_bound_once_in_twenty() {
        // One degree of freedom: 3.841 (1/100 + 1/100); ten bins: 16.919.
        assert!((by_chance(2, (100, 100)) - 3.841_458_820_694_124 * 0.02).abs() < 1e-9);
        assert!((by_chance(10, (1000, 500)) - 16.918_977_604_620_45 * 0.003).abs() < 1e-9);
    }

    #[test]
    fn bands_of_scores_are_equally_heavy() {
        let n = 100u32;
        let scores: Vec<i64> = (0..200).map(|i| i64::from(i % 100) * 10_000).collect();
        let rows = Rows { default: vec![false; 200], weight: None, month: None, group: None };
        let (before, after): (Vec<u32>, Vec<u32>) = ((0..n).collect(), (n..2 * n).collect());
        let same = of_score(&scores, &rows, &before, &after);
        assert_eq!((same.index, same.bins.len(), same.rows), (Some(0.0), 10, (100, 100)));
        assert!(same.bins.iter().all(|bin| (bin.before - 0.1).abs() < 1e-12));
        // All after in the lowest band: the index of the formula, with half a row for empty bands.
        let low: Vec<u32> = vec![0; 100];
        let found = of_score(&scores, &rows, &before, &low).index.expect("two sides");
        let (p, q) = (100.0 / 104.5, 0.5 / 104.5);
        let expected = (p - 0.1) * (p / 0.1f64).ln() + 9.0 * (q - 0.1) * (q / 0.1f64).ln();
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
}
