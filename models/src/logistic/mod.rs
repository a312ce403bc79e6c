//! Logistic regression: weighted, with ridge, bounds and offsets, fitted to a stated gradient, with standard errors.

pub(crate) mod cholesky;
mod fit;
mod inference;
pub(crate) mod pass;
mod sample;
mod settings;

pub use fit::{Fitted, Outcome, Separation, fit};
pub use inference::{Covariance, Errors, LikelihoodRatio, Wald};
pub use sample::{Design, Sample, SampleError};
pub use settings::{Bounds, CheckedSettings, Intercept, SettingError, Settings};
