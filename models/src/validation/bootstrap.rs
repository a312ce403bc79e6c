//! Intervals of KS and lift by drawing the rows anew within each class (Efron 1979; percentiles).

use crate::exact::SplitMix64;

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
    let mut random = SplitMix64(seed);
    let (mut ks, mut lift) = (Vec::new(), Vec::new());
    for _ in 0..resamples {
        let mut drawn = vec![[0.0; 2]; risks.len()];
        for (at, class) in classes.iter().enumerate() {
            for _ in 0..class.len() {
                let row = usize::try_from(random.below(class.len() as u64)).unwrap_or(0);
                drawn[class[row].0][at] += class[row].1;
            }
        }
        ks.push(distance(&drawn));
        lift.push(lift_tenth(&drawn));
    }
    Spread { ks: middle(ks), lift_tenth: middle(lift) }
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
}
