//! Making probabilities mean what they say, on rows that the model was not fitted to.

use crate::logistic::{Design, Outcome, Sample, SampleError, Settings, fit};
use crate::mass::Count;
use crate::metrics::Scored;

/// `ln(p / (1 − p)) = intercept + slope · risk`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Platt {
    /// Of the risk; 1 where the risk is a linear predictor that is already right.
    pub slope: f64,
    /// 0 where it is already right.
    pub intercept: f64,
}

/// Why no line was fitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlattError {
    /// A risk is infinite.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// The fit did not end at an optimum.
    #[error("the fit ended as {outcome:?}, expected an optimum")]
    NoOptimum {
        /// How it ended.
        outcome: Outcome,
    },
}

impl Platt {
    /// The line of the greatest likelihood, each row counting `(n + 1) / (n + 2)` for its class of `n` rows and the rest
    /// for the other, so that separated classes have an optimum too (Platt 1999; Lin, Lin and Weng, *Machine Learning*
    /// 68, 2007). The risk should be a linear predictor.
    ///
    /// # Errors
    /// An infinite risk, a fit without an optimum.
    pub fn fit(scored: &Scored) -> Result<Platt, PlattError> {
        let ties = scored.ties();
        let total = scored.total();
        let belief = |n: f64| (n + 1.0) / (n + 2.0);
        let (of_good, of_bad) = (belief(total.goods.value()), belief(total.bads.value()));
        // Each risk twice: what defaulted there, and what did not.
        let risks: Vec<f64> = ties.iter().chain(ties).map(|(risk, _)| *risk).collect();
        let default: Vec<bool> = (0..2 * ties.len()).map(|i| i < ties.len()).collect();
        let bad = |count: &Count| count.bads.value() * of_bad + count.goods.value() * (1.0 - of_good);
        let weight: Vec<f64> = ties
            .iter()
            .map(|(_, count)| bad(count))
            .chain(ties.iter().map(|(_, count)| count.total().value() - bad(count)))
            .collect();
        // One row a tie may weigh more than a row may; only the proportions matter.
        let heaviest = weight.iter().fold(0.0, |m: f64, w| m.max(*w));
        let weight = weight.into_iter().map(|w| w.max(0.0) / heaviest).collect();
        let matrix = ndarray::Array2::from_shape_fn((risks.len(), 1), |(i, _)| risks[i]);
        let sample = Sample::new(Design::Dense(matrix.view()), default)?.weighted(weight)?;
        let settings = Settings::default();
        let fitted = fit(&sample, &crate::logistic::CheckedSettings(settings), 1);
        match fitted.outcome {
            Outcome::Converged | Outcome::Stalled => {
                Ok(Platt { slope: fitted.coefficients[0], intercept: fitted.intercept })
            }
            outcome => Err(PlattError::NoOptimum { outcome }),
        }
    }

    /// The probability of default at a risk.
    pub fn probability(&self, risk: f64) -> f64 {
        crate::logistic::pass::logistic(self.intercept + self.slope * risk).0
    }
}

/// A probability that never falls as the risk rises, and jumps.
#[derive(Clone, Debug, PartialEq)]
pub struct Isotonic {
    /// (from this risk on, rows), by ascending risk and event rate.
    steps: Vec<(f64, Count)>,
}

impl Isotonic {
    /// The rates nearest to what was seen, by squared distance, among all that never fall: neighbours that violate the
    /// order are pooled (Ayer et al., *Annals of Mathematical Statistics* 26, 1955).
    pub fn fit(scored: &Scored) -> Isotonic {
        let mut steps: Vec<(f64, Count)> = Vec::new();
        for &(mut from, mut count) in scored.ties() {
            while let Some((before, pooled)) = steps.last().copied().filter(|(_, s)| s.rate() >= count.rate())
            {
                steps.pop();
                (from, count) = (before, pooled + count);
            }
            steps.push((from, count));
        }
        Isotonic { steps }
    }

    /// The probability of default at a risk: the rate of the step that it is on; below all, of the first.
    pub fn probability(&self, risk: f64) -> f64 {
        let after = self.steps.partition_point(|(from, _)| *from <= risk);
        self.steps.get(after.saturating_sub(1)).map_or(f64::NAN, |(_, count)| count.rate())
    }

    /// How many steps.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Never: a scored sample has rows.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::SplitMix64;
    use crate::mass::Mass;

    fn scored(rows: &[(f64, bool)]) -> Scored {
        Scored::new(rows.iter().map(|(risk, default)| (*risk, *default, Mass::ONE))).expect("two classes")
    }

    #[test]
    fn a_line_straightens_an_exaggerated_risk() {
        let mut random = SplitMix64(9);
        let rows: Vec<(f64, bool)> = (0..20_000)
            .map(|_| {
                let linear = 3.0 * random.unit() - 2.0;
                (2.0 * linear + 1.0, random.unit() < 1.0 / (1.0 + (-linear).exp()))
            })
            .collect();
        let line = Platt::fit(&scored(&rows)).expect("an optimum");
        assert!((line.slope - 0.5).abs() < 0.03 && (line.intercept + 0.5).abs() < 0.05, "{line:?}");
        let apart = Platt::fit(&scored(&[(0.0, false), (1.0, false), (2.0, true), (3.0, true)]));
        assert!(apart.is_ok_and(|line| line.slope > 0.0 && line.slope.is_finite()));
    }

    #[test]
    fn neighbours_out_of_order_are_pooled() {
        let rates = [(1.0, 1, 3), (2.0, 2, 2), (3.0, 1, 3), (4.0, 3, 1), (5.0, 3, 1)];
        let rows: Vec<(f64, bool)> = rates
            .iter()
            .flat_map(|(risk, bads, goods)| {
                let of = |default, n: usize| vec![(*risk, default); n];
                [of(true, *bads), of(false, *goods)].concat()
            })
            .collect();
        let steps = Isotonic::fit(&scored(&rows));
        let check =
            |risk: f64, expected: f64| assert_eq!(steps.probability(risk).to_bits(), expected.to_bits());
        check(0.0, 0.25);
        check(1.5, 0.25);
        check(2.0, 0.375);
        check(3.9, 0.375);
        check(4.0, 0.75);
        check(9.0, 0.75);
        assert_eq!(steps.len(), 3);
    }
}
