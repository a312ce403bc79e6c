//! The AUC of one score less that of another on the same rows.

use serde::{Deserialize, Serialize};

use super::report::Figure;
use crate::NORMAL_95;

/// A difference of two areas on the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The second less the first, with its interval by DeLong, DeLong and Clarke-Pearson, *Biometrics* 44 (1988).
    pub auc: Figure,
    /// Of no difference, two-sided; 1 where both rank alike.
    pub p: f64,
}

/// `rows` are two risks, whether the row defaulted, its weight above 0. `None` with fewer than two rows of a class.
pub fn auc_difference(rows: &[(f64, f64, bool, f64)]) -> Option<Difference> {
    let first = placements(rows, |row| row.0);
    let second = placements(rows, |row| row.1);
    let (mut mean, mut weight, mut counts) = ([0.0; 2], [0.0; 2], [0usize; 2]);
    let gaps: Vec<f64> = first.iter().zip(&second).map(|(a, b)| b - a).collect();
    for (gap, row) in gaps.iter().zip(rows) {
        let class = usize::from(row.2);
        mean[class] += gap * row.3;
        weight[class] += row.3;
        counts[class] += 1;
    }
    if counts.iter().any(|n| *n < 2) || weight.iter().any(|w| *w <= 1.0) {
        return None;
    }
    let mean = [mean[0] / weight[0], mean[1] / weight[1]];
    let mut squares = [0.0; 2];
    for (gap, row) in gaps.iter().zip(rows) {
        let class = usize::from(row.2);
        squares[class] += row.3 * (gap - mean[class]) * (gap - mean[class]);
    }
    let variance: f64 = (0..2).map(|class| squares[class] / (weight[class] - 1.0) / weight[class]).sum();
    let (difference, error) = (mean[1], variance.sqrt());
    let interval = (difference - NORMAL_95 * error, difference + NORMAL_95 * error);
    let p = if error > 0.0 { crate::normal_two_sided(difference / error) } else { 1.0 };
    Some(Difference { auc: Figure::within(difference, interval), p })
}

/// Of each row the share of the other class that it stands on the right side of, a tie counting half.
fn placements(rows: &[(f64, f64, bool, f64)], risk: impl Fn(&(f64, f64, bool, f64)) -> f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|a, b| risk(&rows[*a]).total_cmp(&risk(&rows[*b])).then(a.cmp(b)));
    let mass = |class: bool| rows.iter().filter(|r| r.2 == class).map(|r| r.3).sum::<f64>();
    let (goods, bads) = (mass(false), mass(true));
    let mut placed = vec![0.0; rows.len()];
    let (mut goods_below, mut bads_below) = (0.0, 0.0);
    for tie in order.chunk_by(|a, b| risk(&rows[*a]).total_cmp(&risk(&rows[*b])).is_eq()) {
        let of =
            |class: bool| tie.iter().map(|i| &rows[*i]).filter(|r| r.2 == class).map(|r| r.3).sum::<f64>();
        let (g, b) = (of(false), of(true));
        for &i in tie {
            placed[i] = if rows[i].2 {
                (goods_below + g / 2.0) / goods
            } else {
                (bads - bads_below - b / 2.0) / bads
            };
        }
        goods_below += g;
        bads_below += b;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::SplitMix64;

    #[test]
    fn the_difference_is_that_of_all_pairs() {
        // Each of six pairs, counted one by one for both risks.
        let rows = [
            (0.4, 0.9, true, 1.0),
            (0.8, 0.3, true, 1.0),
            (0.1, 0.2, false, 1.0),
            (0.4, 0.3, false, 1.0),
            (0.6, 0.1, false, 1.0),
        ];
        let found = auc_difference(&rows).expect("two of each class");
        // First: wins 1 + ½ + 0 + 3 of 6; second: 3 + 1 + ½ + 1.
        assert!((found.auc.value - (5.5 - 4.5) / 6.0).abs() < 1e-12);
        // Gaps of defaults: 1 − ½, 5/6 − 1: variance 2/9 /… ; of others 0, 0 and 3/4 wins against 0.5 and so on.
        let bads: [f64; 2] = [1.0 - 0.5, 2.5 / 3.0 - 1.0];
        let goods: [f64; 3] = [1.0 - 1.0, 0.75 - 0.75, 1.0 - 0.5];
        let variance = |values: &[f64]| {
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0) / n
        };
        let error = (variance(&bads) + variance(&goods)).sqrt();
        let half = found.auc.high.expect("an end") - found.auc.value;
        assert!((half - NORMAL_95 * error).abs() < 1e-12, "{half}");
    }

    #[test]
    fn a_model_against_itself_differs_by_nothing() {
        let mut random = SplitMix64(3);
        let rows: Vec<_> = (0..50)
            .map(|i| {
                let risk = random.unit();
                (risk, risk * 2.0, i % 3 == 0, 1.0)
            })
            .collect();
        let found = auc_difference(&rows).expect("two of each class");
        assert_eq!((found.auc.value.to_bits(), found.p.to_bits()), (0f64.to_bits(), 1f64.to_bits()));
        assert_eq!(auc_difference(&rows[..2]), None);
    }

    #[test]
    fn the_interval_covers_as_often_as_it_says() {
        // Two risks of equal strength: the true difference is 0. 400 samples; 95 % ± 3.3 % (three standard errors).
        let mut random = SplitMix64(11);
        let mut normal = move || (0..12).map(|_| random.unit()).sum::<f64>() - 6.0;
        let covered = (0..400)
            .filter(|_| {
                let rows: Vec<_> = (0..200)
                    .map(|i| {
                        let bad = i % 4 == 0;
                        let (common, shift) = (normal(), f64::from(u8::from(bad)));
                        (common + normal() + shift, common + normal() + shift, bad, 1.0)
                    })
                    .collect();
                let auc = auc_difference(&rows).expect("two of each class").auc;
                auc.low.is_some_and(|low| low <= 0.0) && auc.high.is_some_and(|high| high >= 0.0)
            })
            .count();
        assert!((367..=393).contains(&covered), "{covered} of 400");
    }
}
