//! Weight of evidence.

use crate::mass::{Count, Mass};

/// `ln((g' / b') / (G / B))`, with `g' = g + s G/N` and `b' = b + s B/N`: the log-odds of a bin against those of all
/// learning rows, drawn towards them by `prior` pseudo-rows `s > 0` of the average rate.
///
/// Above zero the bin is safer than average. Finite for every count; 0 for a bin without rows. `total` has goods and
/// bads. Shrinkage as in Good, *Probability and the Weighing of Evidence* (1950), with the average rate as the prior.
pub fn weight_of_evidence(count: Count, total: Count, prior: f64) -> f64 {
    if count.total() == Mass::ZERO {
        return 0.0;
    }
    let (goods, bads) = (total.goods.value(), total.bads.value());
    let all = goods + bads;
    let g = count.goods.value() + prior * goods / all;
    let b = count.bads.value() + prior * bads / all;
    libm::log(g / b) - libm::log(goods / bads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_evidence_are_those_of_the_formula() {
        let total = Count::rows(700, 300);
        let check = |count: Count, prior: f64, expected: f64| {
            let found = weight_of_evidence(count, total, prior);
            assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
        };
        check(Count::rows(0, 0), 1.0, 0.0);
        check(Count::rows(70, 30), 5.0, 0.0);
        // ln((90.7 / 10.3) / (7 / 3)).
        check(Count::rows(90, 10), 1.0, 1.328_115_601_498_297);
        // Without defaults it stays finite: ln((10.7 / 0.3) / (7 / 3)).
        check(Count::rows(10, 0), 1.0, 2.726_918_685_406_592_8);
        check(Count::rows(0, 10), 1.0, (0.7f64 / 10.3 / (7.0 / 3.0)).ln());
    }
}
