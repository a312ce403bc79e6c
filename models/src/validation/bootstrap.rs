//! Intervals of KS and lift by drawing the rows anew within each class (Efron 1979; percentiles).

use crate::exact::SplitMix64;

/// With so many rows or more to a cell, cells are drawn instead of rows.
const ROWS_A_CELL: usize = 8;

/// 95 % intervals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Of the KS distance.
    pub ks: (f64, f64),
    /// Of the lift of the riskiest tenth.
    pub lift_tenth: (f64, f64),
}

/// `rows` are risk, whether the row defaulted, weight above 0; both classes are there.
pub fn spread(rows: &[(f64, bool, f64)], resamples: u32, seed: u64) -> Spread {
    let mut risks: Vec<f64> = rows.iter().map(|row| row.0).collect();
    risks.sort_by(f64::total_cmp);
    risks.dedup();
    // Rows of each class by the rank of their risk.
    let mut classes: [Vec<(usize, f64)>; 2] = [Vec::new(), Vec::new()];
    for row in rows {
        classes[usize::from(row.1)].push((risks.partition_point(|risk| *risk < row.0), row.2));
    }
    // The same draws whatever the order of the rows.
    for class in &mut classes {
        class.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    }
    let cells = classes.each_ref().map(|class| cells(class));
    let mut random = SplitMix64(seed);
    let (mut ks, mut lift) = (Vec::new(), Vec::new());
    for _ in 0..resamples {
        let mut drawn = vec![[0.0; 2]; risks.len()];
        for (at, (class, cells)) in classes.iter().zip(&cells).enumerate() {
            let rows = class.len() as u64;
            if cells.len() * ROWS_A_CELL <= class.len() {
                // How often each cell is drawn: the draws that are left fall on the rows that are left, all alike.
                let (mut draws, mut left) = (rows, rows);
                for &(risk, weight, of) in cells {
                    let times = binomial(&mut random, draws, of, left);
                    drawn[risk][at] += times as f64 * weight;
                    (draws, left) = (draws - times, left - of);
                }
            } else {
                for _ in 0..rows {
                    let row = usize::try_from(random.below(rows)).unwrap_or(0);
                    drawn[class[row].0][at] += class[row].1;
                }
            }
        }
        ks.push(distance(&drawn));
        lift.push(lift_tenth(&drawn));
    }
    Spread { ks: middle(ks), lift_tenth: middle(lift) }
}

/// Rows of one risk and one weight together: rank of the risk, weight, rows. `class` is sorted.
fn cells(class: &[(usize, f64)]) -> Vec<(usize, f64, u64)> {
    let one = |run: &[(usize, f64)]| (run[0].0, run[0].1, run.len() as u64);
    class.chunk_by(|a, b| a.0 == b.0 && a.1.to_bits() == b.1.to_bits()).map(one).collect()
}

/// How many of `draws` fall on `of` among `all` rows: one number of the binomial distribution.
///
/// A uniform number is used up by the probabilities of the outcomes from the likeliest outwards, some `√draws` of them,
/// each made from its neighbour's.
fn binomial(random: &mut SplitMix64, draws: u64, of: u64, all: u64) -> u64 {
    if draws == 0 || of == 0 {
        return 0;
    }
    if of >= all {
        return draws;
    }
    let (n, share) = (draws as f64, of as f64 / all as f64);
    let odds = share / (1.0 - share);
    let likeliest = ((n + 1.0) * share).floor().min(n);
    let ways = libm::lgamma(n + 1.0) - libm::lgamma(likeliest + 1.0) - libm::lgamma(n - likeliest + 1.0);
    let top = libm::exp(ways + likeliest * libm::log(share) + (n - likeliest) * libm::log1p(-share));
    let mut rest = random.unit() - top;
    let (mut below, mut under) = (likeliest, top);
    let (mut above, mut over) = (likeliest, top);
    let mut found = likeliest;
    while rest >= 0.0 && (under > 0.0 || over > 0.0) {
        if over > 0.0 {
            over *= (n - above) / (above + 1.0) * odds;
            above += 1.0;
            rest -= over;
            found = above;
        }
        if rest >= 0.0 && under > 0.0 {
            under *= below / ((n - below + 1.0) * odds);
            below -= 1.0;
            rest -= under;
            found = below;
        }
    }
    // What rounding leaves of the uniform number when no outcome is left goes to the likeliest.
    let found = if rest < 0.0 { found } else { likeliest };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number from 0 to draws"
    )]
    let times = found as u64;
    times
}

/// KS of weights (goods, bads) by ascending risk.
fn distance(drawn: &[[f64; 2]]) -> f64 {
    let total = total(drawn);
    let (mut below, mut best) = ([0.0; 2], 0.0f64);
    for tie in drawn {
        below = [below[0] + tie[0], below[1] + tie[1]];
        best = best.max((below[0] / total[0] - below[1] / total[1]).abs());
    }
    best
}

/// Share of the defaults among the riskiest tenth of the weight, by a tenth. A tie at the border is taken in part.
pub(super) fn lift_tenth(drawn: &[[f64; 2]]) -> f64 {
    let total = total(drawn);
    let mut left = (total[0] + total[1]) / 10.0;
    let mut caught = 0.0;
    for tie in drawn.iter().rev() {
        let weight = tie[0] + tie[1];
        if weight >= left {
            caught += if weight > 0.0 { tie[1] * left / weight } else { 0.0 };
            break;
        }
        caught += tie[1];
        left -= weight;
    }
    caught / total[1] * 10.0
}

fn total(drawn: &[[f64; 2]]) -> [f64; 2] {
    drawn.iter().fold([0.0; 2], |sum, tie| [sum[0] + tie[0], sum[1] + tie[1]])
}

/// The middle 95 % of some values.
fn middle(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let cut = values.len() / 40;
    let at = |i: usize| values.get(i).copied().unwrap_or(f64::NAN);
    (at(cut), at(values.len().saturating_sub(1 + cut)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lift_of_the_riskiest_tenth_is_as_counted() {
        // 20 rows, 4 defaults; the two riskiest rows are a default and none.
        let mut drawn = vec![[1.0, 0.0]; 20];
        for at in [3, 8, 12, 19] {
            drawn[at] = [0.0, 1.0];
        }
        assert!((lift_tenth(&drawn) - (1.0 / 4.0) / 0.1).abs() < 1e-12);
        // All in one tie: no lift.
        assert!((lift_tenth(&[[16.0, 4.0]]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn intervals_hold_the_figure_and_narrow_with_more_rows() {
        let rows = |n: u32| -> Vec<(f64, bool, f64)> {
            let mut random = SplitMix64(5);
            (0..n).map(|i| (random.unit() + f64::from(u8::from(i % 4 == 0)) * 0.4, i % 4 == 0, 1.0)).collect()
        };
        // Two uniforms 0.4 apart: the distance is 0.4.
        let (few, many) = (spread(&rows(200), 400, 1), spread(&rows(5000), 400, 1));
        assert!(many.ks.0 < 0.42 && many.ks.1 > 0.38, "{many:?}");
        assert!(many.ks.1 - many.ks.0 < (few.ks.1 - few.ks.0) / 2.0, "{few:?} {many:?}");
        let mut turned = rows(200);
        turned.reverse();
        assert_eq!(spread(&turned, 400, 1), few);
        assert_ne!(spread(&turned, 400, 2), few);
    }

    #[test]
    fn binomial_numbers_have_their_distribution() {
        let seed = 11;
        let mut random = SplitMix64(seed);
        for (draws, of, all) in
            [(1, 1, 3), (7, 2, 5), (40, 1, 40), (3000, 1, 2), (100_000, 999, 1000), (700_000, 3, 7000)]
        {
            let (n, share) = (draws as f64, of as f64 / all as f64);
            let (mean, variance) = (n * share, n * share * (1.0 - share));
            let times = 4000;
            let (mut sum, mut squares) = (0.0, 0.0);
            for _ in 0..times {
                let found = binomial(&mut random, draws, of, all);
                assert!(found <= draws);
                let miss = found as f64 - mean;
                (sum, squares) = (sum + miss, squares + miss * miss);
            }
            let count = f64::from(times);
            // Five standard errors of the mean; a standard error of the variance is about 2 % of it.
            assert!((sum / count).abs() < 5.0 * (variance / count).sqrt(), "{draws} {of}/{all}, seed {seed}");
            assert!((squares / count / variance - 1.0).abs() < 0.2, "{draws} {of}/{all}, seed {seed}");
        }
        // Of three draws at one in two: 1, 3, 3 and 1 in eight.
        let mut seen = [0; 4];
        for _ in 0..80_000 {
            seen[usize::try_from(binomial(&mut random, 3, 1, 2)).expect("small")] += 1;
        }
        for (seen, expected) in seen.iter().zip([10_000.0, 30_000.0, 30_000.0, 10_000.0]) {
            assert!((f64::from(*seen) - expected).abs() < 5.0 * f64::sqrt(expected), "{seen}, seed {seed}");
        }
        let sure =
            [(9, 4, 4), (0, 1, 4), (9, 0, 4)].map(|(draws, of, all)| binomial(&mut random, draws, of, all));
        assert_eq!(sure, [9, 0, 0]);
    }

    #[test]
    fn drawing_cells_gives_the_intervals_of_drawing_rows() {
        // The same rows, once with ties and once with risks just far enough apart that every row is a cell.
        let rows = |apart: f64| -> Vec<(f64, bool, f64)> {
            let mut random = SplitMix64(5);
            (0..6000u32)
                .map(|i| {
                    let risk = random.below(20) as f64 + f64::from(u8::from(i % 4 == 0)) * 4.0;
                    (risk + f64::from(i) * apart, i % 4 == 0, 1.0)
                })
                .collect()
        };
        let (tied, single) = (spread(&rows(0.0), 1000, 1), spread(&rows(1e-9), 1000, 1));
        let near = |a: (f64, f64), b: (f64, f64), by: f64| (a.0 - b.0).abs() < by && (a.1 - b.1).abs() < by;
        assert!(near(tied.lift_tenth, single.lift_tenth, 0.1), "{tied:?} {single:?}");
        assert!(near(tied.ks, single.ks, 0.01), "{tied:?} {single:?}");
    }
}
