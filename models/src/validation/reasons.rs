//! Which feature most often takes the most points, against its best bin.

use super::Subject;
use super::performance::points;
use super::report::{Figure, Reason};
use crate::scaling::UNIT;
use crate::{Count, Mass};

/// By how often each is first, by weight; among equals in the order of the card.
pub(super) fn rank(subject: &Subject<'_>, rows: &[u32]) -> Vec<Reason> {
    let features = &subject.card.features;
    // Rows where each is first, their weight by class, and what it takes in ten-thousandths times units of weight.
    let mut first = vec![(0u64, Count::default()); features.len()];
    let mut bads = 0u64;
    let mut taken = vec![0i128; features.len()];
    for &row in rows {
        let row = row as usize;
        let mass = subject.rows.mass(row);
        let mut worst: Option<(usize, i64)> = None;
        for (at, feature) in features.iter().enumerate() {
            let bin = usize::from(feature.binned.bin_of[subject.codes[at].at(row)]);
            let loss = feature.points_max() - feature.points[bin];
            taken[at] += i128::from(loss) * i128::from(mass.units());
            if loss > worst.map_or(0, |(_, most)| most) {
                worst = Some((at, loss));
            }
        }
        if let Some((at, _)) = worst {
            first[at].0 += 1;
            first[at].1.add(subject.rows.default[row], mass);
            bads += u64::from(subject.rows.default[row]);
        }
    }
    let weight: Count = first.iter().map(|(_, count)| *count).sum();
    let all: f64 = first.iter().map(|(rows, _)| *rows as f64).sum();
    let whole = subject.rows.count(rows).total();
    let mut ranked: Vec<(Mass, Reason)> = features
        .iter()
        .enumerate()
        .map(|(at, feature)| {
            let (rows, count) = first[at];
            let reason = Reason {
                feature: feature.binned.layout.column.clone(),
                first: rows,
                share: share(count.total(), weight.total(), all),
                share_of_bads: share(count.bads, weight.bads, bads as f64),
                mean_taken: taken[at] as f64 / whole.units().max(1) as f64 / UNIT,
                most: points(feature.points_max() - feature.points.iter().copied().min().unwrap_or(0)),
            };
            (count.total(), reason)
        })
        .collect();
    ranked.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    ranked.into_iter().map(|(_, reason)| reason).collect()
}

/// A share by weight, as sure as so many rows make it.
fn share(part: Mass, whole: Mass, rows: f64) -> Figure {
    if whole == Mass::ZERO {
        return Figure::default();
    }
    Figure::share(part.value() / whole.value() * rows, rows)
}
