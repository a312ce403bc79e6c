//! How well a score ranks: AUC with its interval, Gini, KS.

use super::Scored;
use crate::distribution::NORMAL_95;

/// Area under the ROC curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Auc {
    /// The chance that a default scores riskier than another row, a tie counting half; 0 to 1.
    pub auc: f64,
    /// Its standard error by DeLong, DeLong and Clarke-Pearson, *Biometrics* 44 (1988); weights as repeated rows.
    pub error: f64,
    /// `auc ± 1.96 error`, within 0 and 1.
    pub interval: (f64, f64),
}

impl Auc {
    /// `2 auc − 1`, also called accuracy ratio: −1 to 1.
    pub fn gini(&self) -> f64 {
        2.0 * self.auc - 1.0
    }
}

/// The greatest distance between the score distributions of defaults and others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ks {
    /// The distance, 0 to 1.
    pub ks: f64,
    /// The risk at which it is reached: defaults lie above it or at it.
    pub at: f64,
}

/// Area under the curve of a scored sample; the same for its rows in any order.
pub fn auc(scored: &Scored) -> Auc {
    let (goods, bads) = (scored.total.goods.value(), scored.total.bads.value());
    // Placement values by tie: the share of the other class that a row outranks.
    let mut goods_below = 0.0;
    let mut bads_below = 0.0;
    let mut area = 0.0;
    let placements: Vec<(f64, f64, f64, f64)> = scored
        .ties
        .iter()
        .map(|tie| {
            let (g, b) = (tie.1.goods.value(), tie.1.bads.value());
            let of_bad = (goods_below + g / 2.0) / goods;
            let of_good = (bads - bads_below - b / 2.0) / bads;
            goods_below += g;
            bads_below += b;
            area += b * of_bad;
            (b, of_bad, g, of_good)
        })
        .collect();
    let auc = area / bads;
    let (mut of_bads, mut of_goods) = (0.0, 0.0);
    for (b, of_bad, g, of_good) in placements {
        of_bads += b * (of_bad - auc) * (of_bad - auc);
        of_goods += g * (of_good - auc) * (of_good - auc);
    }
    // With fewer than two rows of a class there is no variance to estimate.
    let part = |sum: f64, n: f64| if n > 1.0 { sum / (n - 1.0) / n } else { f64::NAN };
    let error = (part(of_bads, bads) + part(of_goods, goods)).sqrt();
    let interval = ((auc - NORMAL_95 * error).max(0.0), (auc + NORMAL_95 * error).min(1.0));
    Auc { auc, error, interval }
}

/// Kolmogorov-Smirnov distance of a scored sample.
pub fn ks(scored: &Scored) -> Ks {
    let (goods, bads) = (scored.total.goods.value(), scored.total.bads.value());
    let mut below = crate::mass::Count::default();
    let mut best = Ks { ks: 0.0, at: f64::NEG_INFINITY };
    for tie in &scored.ties {
        let distance = (below.goods.value() / goods - below.bads.value() / bads).abs();
        if distance > best.ks {
            best = Ks { ks: distance, at: tie.0 };
        }
        below += tie.1;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::SplitMix64;
    use crate::metrics::tests::scored;

    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
    }

    #[test]
    fn small_samples_are_as_counted_by_hand() {
        // Bads at 0.4 and 0.8, goods at 0.1, 0.4 and 0.6: wins 1 + ½ + 0 and 3, of 6.
        let small = scored(&[(0.4, true), (0.8, true), (0.1, false), (0.4, false), (0.6, false)]);
        near(auc(&small).auc, 4.5 / 6.0);
        near(auc(&small).gini(), 0.5);
        // Placements 0.5, 1 and 1, 0.75, 0.5: variances 0.125 and 0.0625.
        near(auc(&small).error, (0.125f64 / 2.0 + 0.0625 / 3.0).sqrt());
        near(ks(&small).ks, 0.5);
        near(ks(&small).at, 0.8);
        let perfect = scored(&[(0.9, true), (0.8, true), (0.1, false)]);
        near(auc(&perfect).auc, 1.0);
        near(ks(&perfect).ks, 1.0);
        let useless = scored(&[(0.5, true), (0.5, false), (0.5, false)]);
        near(auc(&useless).auc, 0.5);
        near(ks(&useless).ks, 0.0);
    }

    #[test]
    fn the_area_is_the_share_of_pairs() {
        for seed in 0..20 {
            let mut random = SplitMix64(seed);
            let rows: Vec<(f64, bool)> = (0..80)
                .map(|i| (random.below(30) as f64, i == 0 || (i > 1 && random.below(3) == 0)))
                .collect();
            let of = |class| rows.iter().filter(move |r| r.1 == class).map(|r| r.0);
            let pairs: Vec<f64> = of(true)
                .flat_map(|b| {
                    of(false).map(move |g| {
                        if b > g {
                            1.0
                        } else if b < g {
                            0.0
                        } else {
                            0.5
                        }
                    })
                })
                .collect();
            let found = auc(&scored(&rows)).auc;
            assert!((found - pairs.iter().sum::<f64>() / pairs.len() as f64).abs() < 1e-12, "seed {seed}");
        }
    }
}
