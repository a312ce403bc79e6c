//! What a validation found: plain data, the same in JSON as here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::overlap::Overlap;
use super::paired::Difference;
use crate::Scaling;

/// The name of the format of a report.
pub const FORMAT: &str = "hengxin-validation/1";

/// A report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the headings of the report, explained at their types")]
pub struct Report {
    pub format: String,
    pub version: String,
    pub model: String,
    pub purpose: String,
    pub data: BTreeMap<String, String>,
    pub assumptions: Vec<String>,
    pub scaling: Scaling,
    pub seed: u64,
    pub resamples: u32,
    pub cell_min: u64,
    pub events_min: u64,
    pub checks: Vec<Check>,
    pub findings: Vec<String>,
    pub learned: Performance,
    pub held: Performance,
    pub score_shift: ShiftTold,
    pub vintages: Vec<Vintage>,
    pub features: Vec<FeatureTold>,
    pub reasons: Vec<Reason>,
    pub segments: Vec<Segment>,
    pub rejects: Option<Rejects>,
    pub overlap: Overlap,
    pub challengers: Vec<Challenger>,
}

impl Report {
    /// Whether every limit is kept.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.met)
    }
}

/// A figure with its 95 % interval; no end where the sample is too small for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The figure.
    pub value: f64,
    /// Lower end.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

impl Figure {
    /// A figure with an interval, whose ends are left out unless both are numbers.
    pub fn within(value: f64, (low, high): (f64, f64)) -> Figure {
        let whole = low.is_finite() && high.is_finite();
        Figure { value, low: whole.then_some(low), high: whole.then_some(high) }
    }

    /// A share `events / n` with Wilson's interval.
    pub fn share(events: f64, n: f64) -> Figure {
        if n <= 0.0 {
            return Figure::default();
        }
        let (p, z) = (events / n, crate::NORMAL_95);
        let wide = 1.0 + z * z / n;
        let middle = (p + z * z / (2.0 * n)) / wide;
        let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).max(0.0).sqrt() / wide;
        Figure::within(p, ((middle - half).max(0.0), (middle + half).min(1.0)))
    }
}

/// One limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// The setting of the request.
    pub limit: String,
    /// What it asks for.
    pub bound: f64,
    /// What was found.
    pub found: f64,
    /// Whether it is kept.
    pub met: bool,
    /// Both in words, with the rows that the figure rests on.
    pub message: String,
}

/// Rows of a sample; weighted sums where rows have weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Size {
    /// Rows.
    pub rows: u64,
    /// Their weight.
    pub weight: f64,
    /// Weight of those that defaulted.
    pub bads: f64,
}

/// How a sample is ranked and foretold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Performance {
    /// The sample.
    pub size: Size,
    /// Observed default rate.
    pub rate: Figure,
    /// Mean probability.
    pub foretold: f64,
    /// AUC, interval by DeLong.
    pub auc: Figure,
    /// `2 AUC − 1`.
    pub gini: Figure,
    /// Kolmogorov-Smirnov distance, interval by drawing rows anew within each class.
    pub ks: Figure,
    /// The score below which the distance is reached.
    pub ks_at: f64,
    /// Share of defaults among the riskiest tenth, by that of all; interval likewise.
    pub lift_tenth: Figure,
    /// Brier score.
    pub brier: Figure,
    /// Log loss; `None` if a certainty was wrong.
    pub log_loss: Option<f64>,
    /// Slope of the log-odds on the foretold log-odds; 1 is right. `None` where no line could be fitted.
    pub slope: Option<f64>,
    /// Intercept of that line; 0 is right.
    pub intercept: Option<f64>,
    /// Foretold against observed.
    pub calibration: Vec<CalibrationGroup>,
    /// Hosmer-Lemeshow.
    pub hosmer_lemeshow: f64,
    /// Its degrees of freedom.
    pub degrees: usize,
    /// Its p.
    pub calibration_p: f64,
    /// Riskiest first.
    pub gains: Vec<GainTold>,
    /// Points of the ROC, the CAP and the two distributions, by ascending score.
    pub curve: Vec<CurvePoint>,
    /// Rows of each class by band of scores.
    pub histogram: Vec<Band>,
}

/// Rows of about one probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationGroup {
    /// Rows.
    pub size: Size,
    /// Mean probability.
    pub foretold: f64,
    /// Default rate, Wilson's interval.
    pub observed: Figure,
}

/// A step of the gains table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GainTold {
    /// Scores of the group lie at or below this.
    pub score_to: f64,
    /// Rows.
    pub size: Size,
    /// Default rate.
    pub rate: Figure,
    /// Share of all defaults in this group and those before.
    pub caught: f64,
    /// Rate of this group by that of all; interval by Wilson, the rate of all taken as known.
    pub lift: Figure,
}

/// Shares of the rows at or below a score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// The score.
    pub score: f64,
    /// Of all.
    pub all: f64,
    /// Of the defaults.
    pub bads: f64,
    /// Of the others.
    pub goods: f64,
}

/// Rows by score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Least score, inside.
    pub from: f64,
    /// Greatest score, outside but for the last.
    pub to: f64,
    /// Share of the defaults.
    pub bads: f64,
    /// Share of the others.
    pub goods: f64,
}

/// How far a distribution has moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShiftTold {
    /// The index; `None` if one side is empty.
    pub index: Option<f64>,
    /// What chance alone exceeds once in twenty: the 95 % point of chi-squared by `1/n + 1/m` (Yurdakul 2018).
    pub by_chance: f64,
    /// Rows before and after.
    pub rows: (u64, u64),
    /// Bin by bin.
    pub bins: Vec<ShiftBin>,
}

/// One bin of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShiftBin {
    /// Its values.
    pub what: String,
    /// Share before.
    pub before: f64,
    /// Share after.
    pub after: f64,
    /// Its part of the index.
    pub part: f64,
}

/// The rows of one month.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vintage {
    /// `yyyy-mm`.
    pub month: String,
    /// Whether all its rows were held out, none, or some.
    pub side: Side,
    /// The sample.
    pub size: Size,
    /// Default rate.
    pub rate: Figure,
    /// Mean probability.
    pub foretold: f64,
    /// AUC; `None` with one class only.
    pub auc: Option<Figure>,
    /// PSI of the score against the learning rows.
    pub psi: Option<f64>,
    /// What chance alone exceeds once in twenty.
    pub psi_by_chance: f64,
}

/// On which side of the split rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// All learned.
    Learned,
    /// All were held out.
    HeldOut,
    /// Some of each.
    Both,
}

/// A feature of the card.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureTold {
    /// Its column.
    pub feature: String,
    /// Information value on the learning rows.
    pub information_value: f64,
    /// The move of its bins.
    pub shift: ShiftTold,
    /// Whether its bins are withheld, since it is also a segment with small cells.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withheld: bool,
    /// Its bins.
    pub bins: Vec<BinTold>,
    /// Neighbouring bins whose order of rates is reversed on the held-out rows.
    pub inversions: Vec<Inversion>,
}

/// A bin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BinTold {
    /// Its values.
    pub what: String,
    /// Points.
    pub points: f64,
    /// Weight of evidence.
    pub woe: f64,
    /// Learning rows.
    pub learned: Size,
    /// Their default rate.
    pub learned_rate: Figure,
    /// Held-out rows.
    pub held: Size,
    /// Their default rate.
    pub held_rate: Figure,
}

/// Two neighbouring bins in another order than when they were learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inversion {
    /// The first bin.
    pub first: String,
    /// The second.
    pub second: String,
    /// p of equal rates on the held-out rows, two-sided.
    pub p: f64,
    /// Whether p is below 0.05.
    pub sure: bool,
}

/// What a feature takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The feature.
    pub feature: String,
    /// Rows where it takes the most points against its best bin; among equals the first of the card.
    pub first: u64,
    /// That, by weight, as a share of the rows that lose points at all.
    pub share: Figure,
    /// The same share among defaults.
    pub share_of_bads: Figure,
    /// Mean points taken, by weight.
    pub mean_taken: f64,
    /// The most points it can take.
    pub most: f64,
}

/// Rates and errors by a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// The column.
    pub column: String,
    /// Its values that may be shown, by name.
    pub cells: Vec<SegmentCell>,
    /// How many are withheld.
    pub withheld: usize,
    /// All withheld ones together, if even their sum may be shown.
    pub rest: Option<SegmentCell>,
}

/// One value of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentCell {
    /// The value.
    pub value: String,
    /// The sample.
    pub size: Size,
    /// Default rate.
    pub rate: Figure,
    /// Mean probability.
    pub foretold: f64,
    /// Foretold less observed: above zero the model is too strict.
    pub error: Figure,
    /// AUC.
    pub auc: Option<Figure>,
    /// Mean score.
    pub mean_score: f64,
}

/// Held-out rows with and without those that were rejected. An assumption, not a measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rejects {
    /// What is assumed, in words.
    pub assumption: String,
    /// Rejected rows.
    pub rejected: u64,
    /// Accepted rows only.
    pub without: RejectMeasures,
    /// With the assumption.
    pub with: RejectMeasures,
}

/// Measures of one of both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RejectMeasures {
    /// Rows.
    pub rows: u64,
    /// Default rate.
    pub rate: f64,
    /// Mean probability.
    pub foretold: f64,
    /// AUC.
    pub auc: f64,
    /// KS.
    pub ks: f64,
    /// Brier score.
    pub brier: f64,
}

/// Another model on the same rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Challenger {
    /// What it is.
    pub name: String,
    /// Its figures; `None` if it could not be fitted.
    pub result: Option<ChallengerResult>,
    /// What the reader must know, and why there is no result.
    pub note: String,
}

/// Figures of a challenger on the held-out rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChallengerResult {
    /// AUC.
    pub auc: Figure,
    /// KS.
    pub ks: f64,
    /// Its AUC less that of the card.
    pub difference: Difference,
}
