//! What a validation is asked for, as a document states it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A request. Everything has a default but what the reader must be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Request {
    /// What the model is for, in plain words; printed as it is.
    pub purpose: String,
    /// What is assumed, in plain words; printed as it is.
    pub assumptions: Vec<String>,
    /// Names of the data with their digests; printed as they are.
    pub data: BTreeMap<String, String>,
    /// Columns by which rates and errors are told, such as region, size and industry.
    pub segments: Vec<String>,
    /// Cells of segments with fewer rows are withheld, from 1.
    pub cell_min: u64,
    /// Cells of segments with fewer defaults, or fewer rows without one, are withheld.
    pub events_min: u64,
    /// Which rows were accepted; only these have an outcome.
    pub accepted: Option<Accepted>,
    /// Whether other models are fitted to the same rows, to show what the card pays for being read.
    pub challengers: bool,
    /// What must hold.
    pub limits: Limits,
    /// Of everything drawn at random.
    pub seed: u64,
    /// How often rows are drawn anew for an interval, from 100 to 100,000.
    pub resamples: u32,
}

impl Default for Request {
    fn default() -> Request {
        Request {
            purpose: String::new(),
            assumptions: Vec::new(),
            data: BTreeMap::new(),
            segments: Vec::new(),
            cell_min: 10,
            events_min: 3,
            accepted: None,
            challengers: false,
            limits: Limits::default(),
            seed: 42,
            resamples: 500,
        }
    }
}

/// How it is known that a row was accepted, and what is assumed of the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The column.
    pub column: String,
    /// Its value on accepted rows, as text.
    pub value: String,
    /// What is assumed.
    #[serde(default)]
    pub method: Inference,
    /// By parcelling: rejected rows are taken to default this many times as often as accepted ones of their band of
    /// scores, from 1 to 10.
    #[serde(default = "uplift")]
    pub uplift: f64,
}

fn uplift() -> f64 {
    1.5
}

/// What is assumed of rows without an outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inference {
    /// Each rejected row is in part a default: the rate of its band of scores times the uplift.
    #[default]
    Parcelling,
    /// Accepted rows of a band of scores stand for the rejected ones of that band too.
    Reweighting,
}

/// What must hold for the model to pass. What is not stated is not checked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Least AUC on held-out rows.
    pub auc_min: Option<f64>,
    /// Least lower end of the interval of the AUC.
    pub auc_low_min: Option<f64>,
    /// Least KS on held-out rows.
    pub ks_min: Option<f64>,
    /// Most that the AUC may fall from learning to held-out rows.
    pub auc_drop_max: Option<f64>,
    /// Greatest Brier score on held-out rows.
    pub brier_max: Option<f64>,
    /// Least p of the test of calibration on held-out rows.
    pub calibration_p_min: Option<f64>,
    /// Greatest PSI of the score, learning to held-out rows.
    pub psi_max: Option<f64>,
    /// Greatest PSI of the score in any month, against the learning rows.
    pub vintage_psi_max: Option<f64>,
    /// Greatest CSI of any feature.
    pub csi_max: Option<f64>,
    /// Most neighbouring bins whose order of default rates is reversed.
    pub inversions_max: Option<u32>,
    /// Most of those that are beyond chance.
    pub sure_inversions_max: Option<u32>,
    /// Most groups with rows on both sides of the split.
    pub groups_on_both_sides_max: Option<u64>,
    /// Most held-out rows that equal a learning row.
    pub duplicates_max: Option<u64>,
}

/// Why a request cannot be followed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("`{setting}` is {found}, expected {expected}")]
pub struct RequestError {
    /// Which setting.
    pub setting: &'static str,
    /// The value found.
    pub found: String,
    /// What would do.
    pub expected: &'static str,
}

impl Request {
    /// Whether all settings are in range.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Result<(), RequestError> {
        let refuse = |setting, found: String, expected| Err(RequestError { setting, found, expected });
        if self.cell_min == 0 {
            return refuse("cell_min", self.cell_min.to_string(), "1 or more");
        }
        if !(100..=100_000).contains(&self.resamples) {
            return refuse("resamples", self.resamples.to_string(), "100 to 100000");
        }
        if let Some(accepted) = &self.accepted
            && !(1.0..=10.0).contains(&accepted.uplift)
        {
            return refuse("accepted.uplift", accepted.uplift.to_string(), "1 to 10");
        }
        let limits = &self.limits;
        let shares = [
            ("limits.auc_min", limits.auc_min),
            ("limits.auc_low_min", limits.auc_low_min),
            ("limits.ks_min", limits.ks_min),
            ("limits.auc_drop_max", limits.auc_drop_max),
            ("limits.brier_max", limits.brier_max),
            ("limits.calibration_p_min", limits.calibration_p_min),
        ];
        for (setting, bound) in shares {
            if let Some(bound) = bound.filter(|bound| !(0.0..=1.0).contains(bound)) {
                return refuse(setting, bound.to_string(), "0 to 1");
            }
        }
        let indices = [
            ("limits.psi_max", limits.psi_max),
            ("limits.vintage_psi_max", limits.vintage_psi_max),
            ("limits.csi_max", limits.csi_max),
        ];
        for (setting, bound) in indices {
            if let Some(bound) = bound.filter(|bound| !(*bound >= 0.0 && bound.is_finite())) {
                return refuse(setting, bound.to_string(), "a number from 0");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_out_of_range_names_the_setting() {
        let refused = |text: &str| {
            let request: Request = serde_json::from_str(text).expect("a request");
            request.check().expect_err("refused").to_string()
        };
        assert_eq!(refused(r#"{"cell_min": 0}"#), "`cell_min` is 0, expected 1 or more");
        assert_eq!(refused(r#"{"limits": {"auc_min": 75}}"#), "`limits.auc_min` is 75, expected 0 to 1");
        assert_eq!(
            refused(r#"{"limits": {"psi_max": -1}}"#),
            "`limits.psi_max` is -1, expected a number from 0"
        );
        assert!(serde_json::from_str::<Request>(r#"{"limits": {"auc_mim": 0.7}}"#).is_err());
        assert_eq!(serde_json::from_str::<Request>("{}").expect("all defaults"), Request::default());
    }
}
