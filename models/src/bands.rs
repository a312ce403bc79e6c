//! Bands of the score that are equally heavy on the rows a model learned from: the yardstick of its later scores.

use crate::history::Rows;
use crate::mass::{Count, Mass};
use crate::model::ScoreBand;
use crate::scaling::UNIT;

/// How many bands there are at most; fewer where many rows share a score.
const BANDS: usize = 10;

/// Where a band begins, ascending, in ten-thousandths.
pub(crate) fn cuts(scores: &[i64], rows: &Rows, of: &[u32]) -> Vec<i64> {
    let mut sorted: Vec<(i64, Mass)> =
        of.iter().map(|row| (scores[*row as usize], rows.mass(*row as usize))).collect();
    sorted.sort_unstable();
    let whole: u64 = sorted.iter().map(|s| s.1.units()).sum();
    let mut cuts: Vec<i64> = Vec::new();
    let mut below = 0u64;
    for (score, mass) in &sorted {
        below += mass.units();
        // A band begins with the row in which a tenth ends, so that a row of weight three counts as three.
        while cuts.len() + 1 < BANDS
            && u128::from(below) * BANDS as u128 > u128::from(whole) * (cuts.len() as u128 + 1)
        {
            cuts.push(*score);
        }
    }
    cuts.dedup();
    // Nothing lies below the lowest score: a band there would be empty whatever came.
    cuts.retain(|cut| sorted.first().is_some_and(|lowest| *cut > lowest.0));
    cuts
}

/// How the scores of some rows lie.
pub(crate) fn bands(scores: &[i64], rows: &Rows, of: &[u32]) -> Vec<ScoreBand> {
    let cuts = cuts(scores, rows, of);
    let mut counts = vec![Count::default(); cuts.len() + 1];
    for &row in of {
        let row = row as usize;
        let band = cuts.partition_point(|cut| *cut <= scores[row]);
        counts[band].add(rows.default[row], rows.mass(row));
    }
    let band = |(at, count): (usize, &Count)| ScoreBand {
        below: cuts.get(at).map(|cut| *cut as f64 / UNIT),
        rows: count.total().value(),
        defaults: count.bads.value(),
    };
    counts.iter().enumerate().map(band).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_equally_heavy_and_count_every_row_once() {
        let scores: Vec<i64> = (0..200).map(|i| i64::from(i % 100) * 10_000).collect();
        let default = (0..200).map(|i| i % 100 < 15).collect();
        let rows = Rows { default, weight: None, month: None, group: None };
        let of: Vec<u32> = (0..200).collect();
        let found = bands(&scores, &rows, &of);
        assert_eq!(found.len(), 10);
        assert!(found.iter().all(|band| (band.rows - 20.0).abs() < 1e-12), "{found:?}");
        assert_eq!(found.iter().map(|b| b.defaults).collect::<Vec<_>>()[..3], [20.0, 10.0, 0.0]);
        assert_eq!((found[0].below, found[9].below), (Some(10.0), None));
        // One score for everybody is one band.
        let alike = bands(&[70_000; 200], &rows, &of);
        assert_eq!((alike.len(), alike[0].rows, alike[0].below), (1, 200.0, None));
    }
}
