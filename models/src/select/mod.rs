//! Which features a model takes: by information value, by correlation, by the price of their coefficients, step by step.

mod collinear;
mod lasso;
mod stepwise;

pub use collinear::Correlations;
pub use lasso::{Lasso, LassoError, LassoStep, Penalty, lasso};
pub use stepwise::{Step, Stepwise, StepwiseError, StepwiseRules, Way, stepwise};

use crate::binning::Binned;

/// The features with an information value of at least `least`, the most informative first; equal ones by their place.
///
/// Usage calls less than 0.02 useless, and more than 0.5 worth a look for a leak (Siddiqi, *Credit Risk Scorecards*, 2006).
pub fn by_information_value(features: &[Binned], least: f64) -> Vec<usize> {
    let mut values: Vec<(usize, f64)> =
        features.iter().enumerate().map(|(at, binned)| (at, binned.information_value())).collect();
    values.retain(|(_, value)| *value >= least);
    values.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    values.into_iter().map(|(at, _)| at).collect()
}
