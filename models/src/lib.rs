//! Scorecards from history: Parquet to bins, bins to weights of evidence, weights to a logistic regression, and that to
//! points; with the measures that tell how good the card is.
//!
//! The same data in any row order, in any chunks and on any number of threads gives the same bins, coefficients and
//! points, bit for bit: counts are integers, sums of fractions are made on a grid (see `exact`), and logarithms come
//! from one pure-Rust routine. This is the only crate of the workspace that uses floating point.
//!
//! A [`plan::Plan`] and the files of a history go into [`training::train`]; a [`model::Model`] comes out. Not here: the command
//! line, reports, and the engine that serves a card.

pub mod as_linfa;
mod bands;
pub mod binning;
pub mod calibration;
mod distribution;
mod exact;
pub mod export;
pub mod history;
pub mod logistic;
mod mass;
pub mod metrics;
pub mod model;
pub mod plan;
mod scaling;
pub mod scoring;
pub mod select;
pub mod tables;
pub mod training;
pub mod validation;
mod woe;

pub use distribution::{NORMAL_95, chi_squared_tail, normal_two_sided};
pub use exact::SplitMix64;
pub use mass::{Count, Mass};
pub use scaling::{Card, CardFeature, Scaling, ScalingError};
pub use woe::weight_of_evidence;
