//! Which feature most often takes the most points, against its best bin.

use super::Subject;
use super::performance::points;
use super::report::{Figure, Reason};

/// By how often each is first; among equals in the order of the card.
pub(super) fn rank(subject: &Subject<'_>, rows: &[u32]) -> Vec<Reason> {
    let features = &subject.card.features;
    let (mut first, mut first_bads) = (vec![0u64; features.len()], vec![0u64; features.len()]);
    let mut taken = vec![0i64; features.len()];
    for &row in rows {
        let row = row as usize;
        let mut worst: Option<(usize, i64)> = None;
        for (at, feature) in features.iter().enumerate() {
            let bin = usize::from(feature.binned.bin_of[subject.codes[at].at(row)]);
            let loss = feature.points_max() - feature.points[bin];
            taken[at] += loss;
            if loss > worst.map_or(0, |(_, most)| most) {
                worst = Some((at, loss));
            }
        }
        if let Some((at, _)) = worst {
            first[at] += 1;
            first_bads[at] += u64::from(subject.rows.default[row]);
        }
    }
    let all: u64 = first.iter().sum();
    let all_bads: u64 = first_bads.iter().sum();
    let mut ranked: Vec<Reason> = features
        .iter()
        .enumerate()
        .map(|(at, feature)| Reason {
            feature: feature.binned.layout.column.clone(),
            first: first[at],
            share: Figure::share(first[at] as f64, all as f64),
            share_of_bads: Figure::share(first_bads[at] as f64, all_bads as f64),
            mean_taken: points(taken[at]) / rows.len().max(1) as f64,
            most: points(feature.points_max() - feature.points.iter().copied().min().unwrap_or(0)),
        })
        .collect();
    ranked.sort_by_key(|reason| std::cmp::Reverse(reason.first));
    ranked
}
