//! Whether probabilities mean what they say.

use super::Scored;
use crate::distribution::chi_squared_tail;
use crate::mass::Count;

/// Mean losses of probabilities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Losses {
    /// Brier score: the mean of `(p − y)²`, 0 to 1.
    pub brier: f64,
    /// The mean of `−ln` of the probability given to what happened, from 0; infinite where certainty was wrong.
    pub log_loss: f64,
}

/// Mean losses of a sample scored with probabilities.
pub fn losses(scored: &Scored) -> Losses {
    let all = scored.total.total().value();
    let (mut brier, mut log_loss) = (0.0, 0.0);
    // Ties stand in the order of their risk, so these sums have one order only.
    for tie in &scored.ties {
        let (p, goods, bads) = (tie.0, tie.1.goods.value(), tie.1.bads.value());
        brier += goods * p * p + bads * (1.0 - p) * (1.0 - p);
        // Nobody in a class adds nothing, also where its logarithm is infinite.
        if bads > 0.0 {
            log_loss -= bads * libm::log(p);
        }
        if goods > 0.0 {
            log_loss -= goods * libm::log1p(-p);
        }
    }
    Losses { brier: brier / all, log_loss: log_loss / all }
}

/// Foretold against observed event rates.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// By ascending risk.
    pub groups: Vec<Group>,
    /// `Σ (b − e)² / (e (1 − e/n))` over groups of `n` rows, `b` defaults and `e` foretold ones (Hosmer and Lemeshow
    /// 1980).
    pub hosmer_lemeshow: f64,
    /// Groups less two on the rows of the fit; for held-out rows take the number of groups.
    pub degrees: usize,
    /// The chance of so great a statistic if the probabilities are right.
    pub p: f64,
}

/// Rows of about one risk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Group {
    /// Least and greatest probability.
    pub risk: (f64, f64),
    /// Rows.
    pub count: Count,
    /// Mean probability.
    pub foretold: f64,
    /// Event rate.
    pub observed: f64,
}

/// Whether a sample is the one that the model was fitted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is.
    Fitted,
    /// It was held out.
    HeldOut,
}

/// Calibration of a sample scored with probabilities, in about `groups` equally heavy groups.
pub fn calibration(scored: &Scored, groups: usize, seen: Seen) -> Calibration {
    let groups: Vec<Group> = scored
        .groups(groups)
        .into_iter()
        .map(|ties| {
            let count: Count = ties.iter().map(|tie| tie.1).sum();
            let foretold: f64 = ties.iter().map(|tie| tie.0 * tie.1.total().value()).sum();
            let risk = ties.first().zip(ties.last()).map_or((0.0, 0.0), |(low, high)| (low.0, high.0));
            Group { risk, count, foretold: foretold / count.total().value(), observed: count.rate() }
        })
        .collect();
    let statistic = groups.iter().map(|group| {
        let n = group.count.total().value();
        let expected = n * group.foretold;
        let miss = group.count.bads.value() - expected;
        // A group of certainties that came true adds nothing.
        if miss == 0.0 { 0.0 } else { miss * miss / (expected * (1.0 - group.foretold)) }
    });
    let hosmer_lemeshow = statistic.sum();
    let degrees = match seen {
        Seen::Fitted => groups.len().saturating_sub(2),
        Seen::HeldOut => groups.len(),
    };
    let p = chi_squared_tail(hosmer_lemeshow, degrees);
    Calibration { groups, hosmer_lemeshow, degrees, p }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::tests::scored;

    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
    }

    #[test]
    fn losses_are_those_of_the_formulas() {
        let found = losses(&scored(&[(0.8, true), (0.4, false), (0.4, true)]));
        near(found.brier, (0.04 + 0.16 + 0.36) / 3.0);
        near(found.log_loss, -((0.8f64).ln() + 0.6f64.ln() + 0.4f64.ln()) / 3.0);
        let wrong = losses(&scored(&[(1.0, false), (0.4, true)]));
        assert!(wrong.log_loss.is_infinite());
        let right = losses(&scored(&[(0.0, false), (1.0, true)]));
        near(right.log_loss, 0.0);
    }

    #[test]
    fn foretold_is_held_against_observed() {
        // Ten rows at 0.2 with three defaults, ten at 0.5 with five.
        let rows: Vec<(f64, bool)> = (0..10).flat_map(|i| [(0.2, i < 3), (0.5, i < 5)]).collect();
        let found = calibration(&scored(&rows), 2, Seen::HeldOut);
        assert_eq!((found.groups.len(), found.degrees), (2, 2));
        near(found.groups[0].observed, 0.3);
        near(found.groups[0].foretold, 0.2);
        near(found.hosmer_lemeshow, 1.0 / (2.0 * 0.8));
        near(found.p, (-0.3125f64).exp());
    }
}
