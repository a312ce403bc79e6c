//! How sure the coefficients are: covariances, Wald tests, likelihood-ratio tests.

use super::cholesky::Cholesky;
use super::fit::Fitted;
use super::pass::{Scaled, scores};
use crate::distribution::{NORMAL_95, chi_squared_tail, normal_two_sided};

/// Covariances of intercept (first) and coefficients: `(k+1) × (k+1)`, row-major, 0 for a coefficient that did not move
/// freely.
#[derive(Clone, Debug, PartialEq)]
pub struct Covariance {
    /// Rows of the matrices.
    pub width: usize,
    /// `H⁻¹`, `H` the second derivative of the penalised loss at the optimum. Empty when there is no optimum.
    pub model: Vec<f64>,
    /// `G/(G-1) · H⁻¹ (Σ_g s_g s_gᵀ) H⁻¹`, `s_g` the gradient of the loss of group `g` of `G`: true also when the rows
    /// of a group depend on each other. Without groups each row is one (White 1982; Liang and Zeger, *Biometrika* 73,
    /// 1986). Empty when there is no optimum.
    pub clustered: Vec<f64>,
    /// How many groups.
    pub groups: usize,
}

/// Which errors to test with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errors {
    /// Rows are independent and the model is right.
    Model,
    /// Groups are independent.
    Clustered,
}

/// The test that one coefficient is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wald {
    /// Standard error.
    pub error: f64,
    /// Coefficient by standard error.
    pub z: f64,
    /// Two-sided, of the normal distribution.
    pub p: f64,
    /// The interval that holds it with 95 %.
    pub interval: (f64, f64),
}

/// The test that some columns of a larger model explain nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LikelihoodRatio {
    /// Twice the difference of the log-likelihoods, not below 0.
    pub statistic: f64,
    /// The difference of the numbers of free coefficients.
    pub degrees: usize,
    /// Of the chi-squared distribution.
    pub p: f64,
}

impl Covariance {
    pub(super) fn none(width: usize) -> Covariance {
        Covariance { width, model: Vec::new(), clustered: Vec::new(), groups: 0 }
    }

    pub(super) fn new(
        scaled: &Scaled<'_, '_>,
        theta: &[f64],
        free: &[usize],
        factor: &Cholesky,
    ) -> Covariance {
        let width = scaled.width();
        let inverse = factor.inverse();
        let mut bread = vec![0.0; width * width];
        for (i, at) in free.iter().enumerate() {
            for (j, to) in free.iter().enumerate() {
                bread[at * width + to] = inverse[i * free.len() + j];
            }
        }
        let (meat, groups) = scores(scaled, theta);
        let correction = if groups > 1 { groups as f64 / (groups - 1) as f64 } else { f64::NAN };
        let mut sandwich = product(&product(&bread, &meat, width), &bread, width);
        for cell in &mut sandwich {
            *cell *= correction;
        }
        let unscale = |mut matrix: Vec<f64>| {
            for i in 0..width {
                for j in 0..width {
                    matrix[i * width + j] *= scaled.scale[i] * scaled.scale[j];
                }
            }
            matrix
        };
        Covariance { width, model: unscale(bread), clustered: unscale(sandwich), groups }
    }

    /// The variance of the intercept (`at` 0) or of coefficient `at - 1`; `None` if it did not move freely.
    fn variance(&self, at: usize, errors: Errors) -> Option<f64> {
        let matrix = match errors {
            Errors::Model => &self.model,
            Errors::Clustered => &self.clustered,
        };
        matrix.get(at * self.width + at).copied().filter(|variance| *variance > 0.0)
    }
}

fn product(a: &[f64], b: &[f64], n: usize) -> Vec<f64> {
    let mut c = vec![0.0; n * n];
    for i in 0..n {
        for k in 0..n {
            for j in 0..n {
                c[i * n + j] += a[i * n + k] * b[k * n + j];
            }
        }
    }
    c
}

impl Fitted {
    /// The test of a coefficient; `None` if it did not move freely or the fit has no optimum.
    pub fn wald(&self, column: usize, errors: Errors) -> Option<Wald> {
        wald(*self.coefficients.get(column)?, self.covariance.variance(column + 1, errors)?)
    }

    /// The test of the intercept.
    pub fn wald_intercept(&self, errors: Errors) -> Option<Wald> {
        wald(self.intercept, self.covariance.variance(0, errors)?)
    }

    /// How many coefficients moved freely, without the intercept.
    pub fn free(&self) -> usize {
        self.coefficients.len() - self.dependent.len() - self.bound.len()
    }

    /// The test of this model against one with some of its columns on the same rows. The statistic is chi-squared only
    /// for fits without a penalty, and with independent rows (Wilks 1938).
    pub fn likelihood_ratio(&self, smaller: &Fitted) -> LikelihoodRatio {
        let degrees = self.free().saturating_sub(smaller.free());
        likelihood_ratio(self.log_likelihood, smaller.log_likelihood, degrees)
    }

    /// The test of this model against the constant alone.
    pub fn likelihood_ratio_null(&self) -> LikelihoodRatio {
        likelihood_ratio(self.log_likelihood, self.log_likelihood_null, self.free())
    }
}

fn likelihood_ratio(larger: f64, smaller: f64, degrees: usize) -> LikelihoodRatio {
    let statistic = (2.0 * (larger - smaller)).max(0.0);
    LikelihoodRatio { statistic, degrees, p: chi_squared_tail(statistic, degrees) }
}

fn wald(value: f64, variance: f64) -> Option<Wald> {
    let error = variance.sqrt();
    let z = value / error;
    let interval = (value - NORMAL_95 * error, value + NORMAL_95 * error);
    Some(Wald { error, z, p: normal_two_sided(z), interval })
}
