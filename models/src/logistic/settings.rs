//! How a regression is to be fitted.

use serde::{Deserialize, Serialize};

/// The settings of a fit, as a document states them. [`Settings::check`] makes them usable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whether a constant is fitted. It is never penalised.
    pub intercept: Intercept,
    /// λ of the penalty `λ/2 Σ β²` that is added to the sum of the losses, from 0.
    pub ridge: f64,
    /// What coefficients may be.
    pub bounds: Bounds,
    /// The fit has converged when no derivative of the mean loss by a free coefficient exceeds this, columns scaled by
    /// a power of two to lie within ±1. From 1e-13 to 0.1.
    pub gradient_max: f64,
    /// The most steps, from 1.
    pub steps_max: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            intercept: Intercept::Fitted,
            ridge: 0.0,
            bounds: Bounds::None,
            gradient_max: 1e-9,
            steps_max: 100,
        }
    }
}

/// Whether a constant is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Intercept {
    /// It is.
    Fitted,
    /// It is 0.
    None,
}

/// What coefficients may be; the intercept is free.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bounds {
    /// Anything.
    None,
    /// At most 0: with weights of evidence, more evidence of safety never means more risk.
    NotPositive,
    /// At least 0.
    NotNegative,
    /// Least and greatest value of each, `null` where there is no end.
    Each(Vec<(Option<f64>, Option<f64>)>),
}

/// Settings that are in range. Only [`Settings::check`] makes them.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedSettings(pub(crate) Settings);

/// A setting is out of range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SettingError {
    /// A number is.
    #[error("`{setting}` is {found}, expected {expected}")]
    Range {
        /// Which.
        setting: &'static str,
        /// The number found.
        found: f64,
        /// What would do.
        expected: &'static str,
    },
    /// A least value lies above the greatest, or is no number.
    #[error("bounds of column {column} are {least} and {greatest}, expected them in this order")]
    Bounds {
        /// Column, from 0.
        column: usize,
        /// The least value stated.
        least: f64,
        /// The greatest.
        greatest: f64,
    },
}

impl Settings {
    /// The settings, if all are in range.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(self) -> Result<CheckedSettings, SettingError> {
        self.faults()?;
        Ok(CheckedSettings(self))
    }

    pub(crate) fn faults(&self) -> Result<(), SettingError> {
        let range = |setting, found, expected| Err(SettingError::Range { setting, found, expected });
        if !(self.ridge.is_finite() && self.ridge >= 0.0) {
            return range("ridge", self.ridge, "a number from 0");
        }
        if !(1e-13..=0.1).contains(&self.gradient_max) {
            return range("gradient_max", self.gradient_max, "1e-13 to 0.1");
        }
        if self.steps_max == 0 {
            return range("steps_max", 0.0, "a number from 1");
        }
        if let Bounds::Each(bounds) = &self.bounds {
            for (column, (least, greatest)) in bounds.iter().enumerate() {
                let least = least.unwrap_or(f64::NEG_INFINITY);
                let greatest = greatest.unwrap_or(f64::INFINITY);
                // Written so that not-a-number is refused.
                let ordered = least <= greatest;
                if !ordered {
                    return Err(SettingError::Bounds { column, least, greatest });
                }
            }
        }
        Ok(())
    }

    /// Least and greatest value of column `j`.
    pub(crate) fn bound(&self, j: usize) -> (f64, f64) {
        const FREE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
        match &self.bounds {
            Bounds::None => FREE,
            Bounds::NotPositive => (FREE.0, 0.0),
            Bounds::NotNegative => (0.0, FREE.1),
            Bounds::Each(bounds) => {
                bounds.get(j).map_or(FREE, |(a, b)| (a.unwrap_or(FREE.0), b.unwrap_or(FREE.1)))
            }
        }
    }
}
