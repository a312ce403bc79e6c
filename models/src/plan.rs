//! What a modeller asks for: the description of a history, and how a card is to be made of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::binning::{RuleError, Rules};
use crate::history::{Description, Month};
use crate::logistic::{Bounds, SettingError, Settings};
use crate::scaling::{Scaling, ScalingError};
use crate::select::{LassoError, Penalty, StepwiseError, StepwiseRules};

/// A training, as a document states it. Nothing else but the data decides the model: not threads, not the machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Id of the model: lower-case letters, digits and `-`.
    pub id: String,
    /// Edition of the model, such as `2026.1`.
    pub edition: String,
    /// Title, as people read it.
    pub title: String,
    /// What the columns of the history mean.
    pub history: Description,
    /// Which rows learn.
    pub split: SplitRule,
    /// How features are binned.
    #[serde(default)]
    pub binning: Rules,
    /// How single features are binned instead.
    #[serde(default)]
    pub binning_of: BTreeMap<String, Rules>,
    /// Which features are taken.
    #[serde(default)]
    pub selection: Selection,
    /// How coefficients are fitted.
    #[serde(default = "regression")]
    pub regression: Settings,
    /// What the score means.
    pub scaling: Scaling,
}

/// With weights of evidence more evidence of safety must never mean more risk, and a little ridge keeps what few rows tell
/// within bounds.
fn regression() -> Settings {
    Settings { bounds: Bounds::NotPositive, ridge: 1.0, ..Settings::default() }
}

/// Which rows learn and which are held out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SplitRule {
    /// Out of time: rows of this month and later are held out.
    FromMonth(String),
    /// This share of the groups is held out, chosen by a digest of id and seed.
    Groups {
        /// Above 0, below 1.
        share: f64,
        /// Any number.
        seed: u64,
    },
    /// This share of the rows of each class is held out, chosen by a digest of place and seed: other orders of the rows give
    /// other models.
    Rows {
        /// Above 0, below 1.
        share: f64,
        /// Any number.
        seed: u64,
    },
    /// All rows learn; the model cannot be tried on rows it has not seen.
    None,
}

/// Which features are taken, in this order; what is absent is not asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    /// The least information value, from 0.
    pub information_value_min: f64,
    /// Of two features whose weights of evidence correlate more than this (0 to 1), the less informative goes.
    pub correlation_max: Option<f64>,
    /// The feature that the others explain best goes while its variance inflation exceeds this, from 1.
    pub inflation_max: Option<f64>,
    /// Features that a lasso gives no coefficient go; the others are fitted anew, without its penalty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lasso: Option<Penalty>,
    /// Step by step by the likelihood ratio.
    pub stepwise: Option<StepwiseRules>,
}

impl Default for Selection {
    fn default() -> Selection {
        Selection {
            information_value_min: 0.02,
            correlation_max: Some(0.95),
            inflation_max: None,
            lasso: None,
            stepwise: None,
        }
    }
}

/// A plan asks for something that cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// A text is not as it must be.
    #[error("`{field}` is `{found}`, expected {expected}")]
    Text {
        /// Which.
        field: &'static str,
        /// What it is.
        found: String,
        /// What would do.
        expected: &'static str,
    },
    /// A number is out of range.
    #[error("`{field}` is {found}, expected {expected}")]
    Range {
        /// Which.
        field: &'static str,
        /// What it is.
        found: f64,
        /// What would do.
        expected: &'static str,
    },
    /// A rule of binning.
    #[error("`{field}`: {source}")]
    Binning {
        /// `binning`, or `binning_of.COLUMN`.
        field: String,
        /// Which rule.
        source: RuleError,
    },
    /// A setting of the regression.
    #[error("`regression`: {0}")]
    Regression(#[from] SettingError),
    /// The scaling.
    #[error("`scaling`: {0}")]
    Scaling(#[from] ScalingError),
    /// The lasso.
    #[error("`selection.lasso`: {0}")]
    Lasso(#[from] LassoError),
    /// The stepwise choice.
    #[error("`selection.stepwise`: {0}")]
    Stepwise(#[from] StepwiseError),
    /// The split asks for a column that the description does not name.
    #[error("`split` needs `history.{field}`, and the description names none")]
    Unnamed {
        /// The part of the description.
        field: &'static str,
    },
}

impl Plan {
    /// All that is wrong with it.
    pub fn faults(&self) -> Vec<PlanError> {
        let mut faults = Vec::new();
        let simple = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.id.is_empty() || !self.id.chars().all(simple) {
            let expected = "lower-case letters, digits and `-`";
            faults.push(PlanError::Text { field: "id", found: self.id.clone(), expected });
        }
        let part = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        if self.edition.is_empty() || !self.edition.chars().all(part) {
            let expected = "letters, digits, `.` and `-`, such as 2026.1";
            faults.push(PlanError::Text { field: "edition", found: self.edition.clone(), expected });
        }
        let of = std::iter::once(("binning".to_owned(), &self.binning));
        let single = self.binning_of.iter().map(|(column, rules)| (format!("binning_of.{column}"), rules));
        for (field, rules) in of.chain(single) {
            faults.extend(rules.clone().check().err().map(|source| PlanError::Binning { field, source }));
        }
        faults.extend(self.regression.faults().err().map(PlanError::from));
        faults.extend(self.scaling.check().err().map(PlanError::from));
        self.split_faults(&mut faults);
        self.selection.faults(&mut faults);
        if matches!(self.selection.lasso, Some(Penalty::Folds { .. })) && self.history.group.is_none() {
            faults.push(PlanError::Lasso(LassoError::NoGroups));
        }
        faults
    }

    fn split_faults(&self, faults: &mut Vec<PlanError>) {
        match &self.split {
            SplitRule::FromMonth(text) => {
                if month(text).is_none() {
                    let expected = "a month such as 2025-07";
                    faults.push(PlanError::Text { field: "split.from-month", found: text.clone(), expected });
                }
                if self.history.month.is_none() {
                    faults.push(PlanError::Unnamed { field: "month" });
                }
            }
            SplitRule::Groups { share, .. } => {
                faults.extend(open_share("split.groups.share", *share));
                if self.history.group.is_none() {
                    faults.push(PlanError::Unnamed { field: "group" });
                }
            }
            SplitRule::Rows { share, .. } => faults.extend(open_share("split.rows.share", *share)),
            SplitRule::None => {}
        }
    }
}

impl Selection {
    fn faults(&self, faults: &mut Vec<PlanError>) {
        let mut check = |field, found: f64, holds: bool, expected| {
            if !holds {
                faults.push(PlanError::Range { field, found, expected });
            }
        };
        let least = self.information_value_min;
        check("selection.information_value_min", least, least >= 0.0, "a number from 0");
        if let Some(most) = self.correlation_max {
            check("selection.correlation_max", most, (0.0..=1.0).contains(&most), "0 to 1");
        }
        if let Some(most) = self.inflation_max {
            check("selection.inflation_max", most, most >= 1.0, "a number from 1");
        }
        if let Some(penalty) = self.lasso {
            faults.extend(penalty.check().err().map(PlanError::from));
        }
        if let Some(steps) = self.stepwise {
            faults.extend(steps.check().err().map(PlanError::from));
        }
    }
}

fn open_share(field: &'static str, share: f64) -> Option<PlanError> {
    let within = share > 0.0 && share < 1.0;
    (!within).then_some(PlanError::Range { field, found: share, expected: "a number above 0 and below 1" })
}

/// A month such as `2025-07`.
pub fn month(text: &str) -> Option<Month> {
    let (year, month) = text.split_once('-')?;
    Month::of(year.parse().ok()?, month.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(change: impl FnOnce(&mut serde_json::Value)) -> Vec<String> {
        let mut document = serde_json::json!({
            "id": "bankruptcy", "edition": "2026.1", "title": "Bankruptcy within a year",
            "history": {"target": {"column": "y", "default": 1}},
            "split": {"rows": {"share": 0.3, "seed": 42}},
            "scaling": {"base_points": 600, "odds": 50, "points_to_double": 20, "decimals": 0}
        });
        change(&mut document);
        let plan: Plan = serde_json::from_value(document).expect("a plan");
        plan.faults().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_plan_says_little_when_the_rest_is_usual() {
        assert_eq!(plan(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let faults = plan(|document| {
            document["id"] = "Bankruptcy!".into();
            document["split"] = serde_json::json!({"from-month": "July"});
            document["binning_of"] = serde_json::json!({"x": {"bins_max": 0}});
            document["scaling"]["odds"] = 0.into();
            document["selection"] = serde_json::json!({"stepwise": {"enter": 0.2, "leave": 0.1}});
        });
        let expected = [
            "`id` is `Bankruptcy!`",
            "`binning_of.x`: `bins_max` is 0",
            "`scaling`: `odds` is 0",
            "`split.from-month` is `July`, expected a month such as 2025-07",
            "`split` needs `history.month`",
            "`selection.stepwise`",
        ];
        assert_eq!(faults.len(), expected.len(), "{faults:#?}");
        for (fault, expected) in faults.iter().zip(expected) {
            assert!(fault.starts_with(expected), "{fault}");
        }
    }
}
