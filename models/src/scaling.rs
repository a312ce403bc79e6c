//! From coefficients to points: integers that add to the score.

use serde::{Deserialize, Serialize};

use crate::binning::Binned;
use crate::history::{Codes, Value};
use crate::logistic::Fitted;

/// What a score means, as a document states it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// The score at the stated odds.
    pub base_points: f64,
    /// Goods for each default at the base points, above 0.
    pub odds: f64,
    /// Points to double the odds, above 0.
    pub points_to_double: f64,
    /// Decimals of the points of a bin, 0 to 4.
    pub decimals: u8,
}

/// Why there is no card.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ScalingError {
    /// A number is out of range.
    #[error("`{setting}` is {found}, expected {expected}")]
    Range {
        /// Which.
        setting: &'static str,
        /// The number found.
        found: f64,
        /// What would do.
        expected: &'static str,
    },
    /// The regression has another number of columns.
    #[error("{found} features for {expected} coefficients")]
    Features {
        /// Features given.
        found: usize,
        /// Coefficients of the regression.
        expected: usize,
    },
    /// Points are beyond what a standard may write.
    #[error("points of {found} are beyond 1,000,000")]
    TooLarge {
        /// The points found.
        found: f64,
    },
}

/// A scorecard. Points are ten-thousandths, as everywhere in the engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// What everybody starts with.
    pub base: i64,
    /// What each feature adds.
    pub features: Vec<CardFeature>,
    /// What the score means.
    pub scaling: Scaling,
}

/// A feature of a card.
#[derive(Clone, Debug, PartialEq)]
pub struct CardFeature {
    /// Its bins.
    pub binned: Binned,
    /// The points of each bin.
    pub points: Vec<i64>,
}

/// Ten-thousandths of a point.
pub(crate) const UNIT: f64 = 10_000.0;
/// The most points, as in `hengxin_core::Points`.
const POINTS_MAX: f64 = 1_000_000.0;

impl Scaling {
    pub(crate) fn check(&self) -> Result<(), ScalingError> {
        let range = |setting, found, expected| Err(ScalingError::Range { setting, found, expected });
        let positive = |v: f64| v.is_finite() && v > 0.0;
        match self {
            s if s.base_points.is_nan() || s.base_points.abs() > POINTS_MAX => {
                range("base_points", s.base_points, "at most 1,000,000 either way")
            }
            s if !positive(s.odds) => range("odds", s.odds, "a number above 0"),
            s if !positive(s.points_to_double) => {
                range("points_to_double", s.points_to_double, "a number above 0")
            }
            s if s.decimals > 4 => range("decimals", f64::from(s.decimals), "0 to 4"),
            _ => Ok(()),
        }
    }

    /// Points for each unit of `ln(odds)`.
    fn factor(&self) -> f64 {
        self.points_to_double / std::f64::consts::LN_2
    }

    /// Rounded to the stated decimals, a tie away from zero, in ten-thousandths.
    #[expect(clippy::cast_possible_truncation, reason = "magnitudes are checked to lie within 10^10")]
    fn round(&self, points: f64) -> Result<i64, ScalingError> {
        // Written so that not-a-number is refused.
        let fits = points.abs() <= POINTS_MAX;
        if !fits {
            return Err(ScalingError::TooLarge { found: points });
        }
        let step = 10i64.pow(u32::from(4 - self.decimals.min(4)));
        Ok((points * UNIT / step as f64).round() as i64 * step)
    }

    /// `ln(p / (1 − p))` of default at a score in ten-thousandths.
    pub fn linear(&self, score: i64) -> f64 {
        (self.base_points - score as f64 / UNIT) / self.factor() - libm::log(self.odds)
    }
}

impl Card {
    /// `score = base + Σ points`, with `score = base_points + points_to_double · log2(odds / stated odds)` up to the
    /// rounding of each bin. The features are the columns of the regression, each a weight of evidence.
    ///
    /// # Errors
    /// A scaling out of range, another number of features, points beyond a million.
    pub fn new(features: Vec<Binned>, fitted: &Fitted, scaling: Scaling) -> Result<Card, ScalingError> {
        scaling.check()?;
        if features.len() != fitted.coefficients.len() {
            let (found, expected) = (features.len(), fitted.coefficients.len());
            return Err(ScalingError::Features { found, expected });
        }
        let factor = scaling.factor();
        // ln(odds of being good) = -η.
        let start = scaling.base_points - factor * (libm::log(scaling.odds) + fitted.intercept);
        let base = scaling.round(start)?;
        let features = features
            .into_iter()
            .zip(&fitted.coefficients)
            .map(|(binned, coefficient)| {
                let points = binned.bins.iter().map(|bin| scaling.round(-factor * coefficient * bin.woe));
                let points = points.collect::<Result<Vec<i64>, ScalingError>>()?;
                Ok(CardFeature { binned, points })
            })
            .collect::<Result<Vec<CardFeature>, ScalingError>>()?;
        Ok(Card { base, features, scaling })
    }

    /// The score of one row, in ten-thousandths; values in the order of the features. A feature without a value counts
    /// as missing.
    pub fn score(&self, values: &[Value<'_>]) -> i64 {
        let of = |(i, feature): (usize, &CardFeature)| {
            feature
                .points_of_code(feature.binned.layout.code(values.get(i).copied().unwrap_or(Value::Missing)))
        };
        self.base + self.features.iter().enumerate().map(of).sum::<i64>()
    }

    /// The scores of all rows; codes in the order of the features, each in the layout of its feature.
    pub fn score_all(&self, codes: &[&Codes]) -> Vec<i64> {
        let rows = codes.first().map_or(0, |codes| codes.len());
        let mut scores = vec![self.base; rows];
        for (feature, codes) in self.features.iter().zip(codes) {
            let points: Vec<i64> =
                (0..feature.binned.layout.len()).map(|code| feature.points_of_code(code)).collect();
            match codes {
                Codes::Narrow(codes) => {
                    for (score, code) in scores.iter_mut().zip(codes) {
                        *score += points[usize::from(*code)];
                    }
                }
                Codes::Wide(codes) => {
                    for (score, code) in scores.iter_mut().zip(codes) {
                        *score += points[usize::from(*code)];
                    }
                }
            }
        }
        scores
    }

    /// The probability of default at a score in ten-thousandths.
    pub fn probability(&self, score: i64) -> f64 {
        crate::logistic::pass::logistic(self.scaling.linear(score)).0
    }
}

impl CardFeature {
    pub(crate) fn points_of_code(&self, code: usize) -> i64 {
        self.points[usize::from(self.binned.bin_of[code])]
    }

    /// The most points a value of this feature earns.
    pub fn points_max(&self) -> i64 {
        self.points.iter().copied().max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binning::{Rules, bin};
    use crate::history::{Fine, Layout};
    use crate::logistic::{Design, Sample, Settings, fit};
    use crate::mass::Count;

    const SCALING: Scaling = Scaling { base_points: 600.0, odds: 50.0, points_to_double: 20.0, decimals: 0 };

    /// One feature of two bins, 90 % and 60 % good.
    fn card(scaling: Scaling) -> Result<(Card, Fitted), ScalingError> {
        let layout = Layout { column: "x".into(), special: vec![], fine: Fine::Numeric { edges: vec![1.0] } };
        let counts = [(0, 0), (0, 0), (60, 40), (90, 10)].map(|(g, b)| Count::rows(g, b));
        let binned = bin(&layout, &counts, &Rules::default().check().expect("in range"));
        let codes: Vec<u16> = (0..200).map(|i| if i < 100 { 2 } else { 3 }).collect();
        let codes = Codes::from_list(4, &codes);
        let default = (0..200).map(|i| i < 40 || (100..110).contains(&i)).collect();
        let rows: Vec<u32> = (0..200).collect();
        let design = Design::Coded { columns: vec![(&codes, binned.woe_by_code())], rows: &rows };
        let sample = Sample::new(design, default).expect("a sample");
        let fitted = fit(&sample, &Settings::default().check().expect("in range"), 1);
        Ok((Card::new(vec![binned], &fitted, scaling)?, fitted))
    }

    #[test]
    fn points_double_the_odds_as_stated() {
        let (card, _) = card(Scaling { decimals: 4, ..SCALING }).expect("a card");
        // Odds of 9 and of 1.5 against 50 at 600.
        let check = |value: f64, odds: f64| {
            let score = card.score(&[Value::Number(value)]);
            let expected = 600.0 + 20.0 * (odds / 50.0f64).log2();
            assert!((score as f64 / 1e4 - expected).abs() < 2e-4, "{score} instead of {expected}");
            let p = card.probability(score);
            assert!((p - 1.0 / (1.0 + odds)).abs() < 1e-5, "{p}");
        };
        check(2.0, 9.0);
        check(0.5, 1.5);
    }

    #[test]
    fn points_are_whole_and_add_to_the_score() {
        let (card, _) = card(SCALING).expect("a card");
        assert!(card.base % 10_000 == 0 && card.features[0].points.iter().all(|p| p % 10_000 == 0));
        let codes = Codes::from_list(4, &[0, 1, 2, 3]);
        let values = [Value::Missing, Value::Text("?"), Value::Number(0.0), Value::Number(1.0)];
        let single: Vec<i64> = values.iter().map(|v| card.score(&[*v])).collect();
        assert_eq!(card.score_all(&[&codes]), single);
        assert_eq!(single[0], card.base);
        assert_eq!(single[3], card.base + card.features[0].points_max());
    }

    #[test]
    fn a_scaling_out_of_range_is_refused() {
        let refused = |scaling: Scaling| card(scaling).expect_err("refused").to_string();
        assert_eq!(refused(Scaling { odds: 0.0, ..SCALING }), "`odds` is 0, expected a number above 0");
        assert_eq!(refused(Scaling { decimals: 5, ..SCALING }), "`decimals` is 5, expected 0 to 4");
        let large = refused(Scaling { points_to_double: 1e7, ..SCALING });
        assert!(large.ends_with("are beyond 1,000,000"), "{large}");
    }
}
