//! Columns in and out of a regression, one at a time, by likelihood ratio.
//!
//! Fitting every candidate at every step costs a fit each. So candidates are ranked by Rao's score test, which needs one
//! pass over the rows for all of them, and only the best is fitted and judged by its likelihood ratio.

use serde::{Deserialize, Serialize};

use crate::logistic::cholesky::Cholesky;
use crate::logistic::pass::Scaled;
use crate::logistic::{Bounds, CheckedSettings, Errors, Fitted, LikelihoodRatio, Sample, Settings, fit};

/// When a column enters and when it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepwiseRules {
    /// The greatest chance, by the likelihood ratio, with which a column enters.
    pub enter: f64,
    /// The chance above which it leaves; not below `enter`, or a column could go in and out for ever.
    pub leave: f64,
}

impl StepwiseRules {
    /// # Errors
    /// When they are no chances, or `enter` is above `leave`.
    pub(crate) fn check(self) -> Result<(), StepwiseError> {
        let StepwiseRules { enter, leave } = self;
        let ordered = 0.0 < enter && enter <= leave && leave < 1.0;
        if ordered { Ok(()) } else { Err(StepwiseError { enter, leave }) }
    }
}

impl Default for StepwiseRules {
    fn default() -> StepwiseRules {
        StepwiseRules { enter: 0.05, leave: 0.1 }
    }
}

/// `enter` and `leave` are no chances, or in the wrong order.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("columns enter at {enter} and leave at {leave}, expected 0 < enter ≤ leave < 1")]
pub struct StepwiseError {
    /// Found.
    pub enter: f64,
    /// Found.
    pub leave: f64,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The column of the sample.
    pub column: usize,
    /// Which way it went.
    pub way: Way,
    /// With the column against without it.
    pub test: LikelihoodRatio,
}

/// Which way a column went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Into the regression.
    In,
    /// Out of it.
    Out,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stepwise {
    /// The columns chosen, in the order of the sample.
    pub columns: Vec<usize>,
    /// What was done.
    pub steps: Vec<Step>,
    /// The regression on the chosen columns.
    pub fitted: Fitted,
}

/// Chooses columns of `sample`. Tests are exact only without a penalty.
///
/// # Errors
/// Rules that are no chances.
pub fn stepwise(
    sample: &Sample<'_>,
    settings: &CheckedSettings,
    rules: StepwiseRules,
    threads: usize,
) -> Result<Stepwise, StepwiseError> {
    rules.check()?;
    let StepwiseRules { enter, leave } = rules;
    let candidates = sample.design().columns();
    let refit = |columns: &[usize]| {
        let narrowed = sample.design().narrowed(columns);
        let bounds = match &settings.0.bounds {
            Bounds::Each(each) => {
                Bounds::Each(columns.iter().map(|j| each.get(*j).copied().unwrap_or_default()).collect())
            }
            other => other.clone(),
        };
        let settings = CheckedSettings(Settings { bounds, ..settings.0.clone() });
        fit(&sample.with_design(narrowed.design()), &settings, threads)
    };
    let mut state = Stepwise { columns: Vec::new(), steps: Vec::new(), fitted: refit(&[]) };
    // Each column may go in and out a few times; more is going round in circles.
    for _ in 0..3 * candidates {
        let Some(best) = best_by_score(sample, &state, threads) else { break };
        let mut columns = state.columns.clone();
        columns.push(best);
        columns.sort_unstable();
        let larger = refit(&columns);
        let test = larger.likelihood_ratio(&state.fitted);
        // A column that a bound holds at nothing adds no degree of freedom, and nothing else.
        if test.degrees == 0 || test.p > enter {
            break;
        }
        state.steps.push(Step { column: best, way: Way::In, test });
        (state.columns, state.fitted) = (columns, larger);
        while let Some(worst) = worst_by_wald(&state, leave) {
            let columns: Vec<usize> = state.columns.iter().copied().filter(|j| *j != worst).collect();
            let smaller = refit(&columns);
            let test = state.fitted.likelihood_ratio(&smaller);
            if test.p <= leave {
                break;
            }
            state.steps.push(Step { column: worst, way: Way::Out, test });
            (state.columns, state.fitted) = (columns, smaller);
        }
    }
    Ok(state)
}

/// The column outside with the greatest score statistic `u² / (V_jj − V_jA V_AA⁻¹ V_Aj)`.
fn best_by_score(sample: &Sample<'_>, state: &Stepwise, threads: usize) -> Option<usize> {
    let scaled = Scaled::new(sample, threads);
    let width = scaled.width();
    let mut theta = vec![0.0; width];
    theta[0] = state.fitted.intercept;
    for (j, coefficient) in state.columns.iter().zip(&state.fitted.coefficients) {
        theta[j + 1] = coefficient / scaled.scale[j + 1];
    }
    let pass = scaled.pass(&theta, true);
    let hessian = pass.hessian.unwrap_or_default();
    let inside: Vec<usize> = std::iter::once(0).chain(state.columns.iter().map(|j| j + 1)).collect();
    let cell = |i: usize, j: usize| hessian[i * width + j];
    let matrix: Vec<f64> = inside.iter().flat_map(|i| inside.iter().map(|j| cell(*i, *j))).collect();
    let factor = Cholesky::new(&matrix, inside.len(), 1e-12);
    let mut best: Option<(f64, usize)> = None;
    for j in (1..width).filter(|j| !inside.contains(j)) {
        let with: Vec<f64> = inside.iter().map(|i| cell(*i, j)).collect();
        let explained: f64 = factor.solve(&with).iter().zip(&with).map(|(s, w)| s * w).sum();
        let rest = cell(j, j) - explained;
        // What others make up has nothing of its own.
        if rest <= 1e-9 * cell(j, j) {
            continue;
        }
        let statistic = pass.gradient[j] * pass.gradient[j] / rest;
        if best.is_none_or(|(most, _)| statistic > most) {
            best = Some((statistic, j - 1));
        }
    }
    best.map(|(_, column)| column)
}

fn worst_by_wald(state: &Stepwise, leave: f64) -> Option<usize> {
    let tests = state.columns.iter().enumerate().filter_map(|(at, column)| {
        let p = state.fitted.wald(at, Errors::Model)?.p;
        (p > leave).then_some((p, *column))
    });
    tests.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, column)| column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::SplitMix64;
    use crate::logistic::Design;
    use ndarray::Array2;

    #[test]
    fn columns_that_matter_come_in_and_copies_stay_out() {
        let seed = 5;
        let mut random = SplitMix64(seed);
        let mut x = Array2::from_shape_fn((3000, 6), |_| random.unit() - 0.5);
        for i in 0..3000 {
            x[[i, 3]] = 2.0 * x[[i, 1]];
        }
        let default: Vec<bool> = (0..3000)
            .map(|i| random.unit() < 1.0 / (1.0 + (1.0 - 3.0 * x[[i, 1]] + 2.0 * x[[i, 4]]).exp()))
            .collect();
        let sample = Sample::new(Design::Dense(x.view()), default).expect("a sample");
        let settings = Settings::default().check().expect("in range");
        let rules = StepwiseRules { enter: 0.001, leave: 0.01 };
        let found = stepwise(&sample, &settings, rules, 2).expect("rules in order");
        assert_eq!(found.columns, [1, 4], "seed {seed}: {:?}", found.steps);
        assert!(found.steps.iter().all(|step| step.way == Way::In && step.test.degrees == 1));
        let error =
            stepwise(&sample, &settings, StepwiseRules { enter: 0.2, leave: 0.1 }, 1).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "columns enter at 0.2 and leave at 0.1, expected 0 < enter ≤ leave < 1"
        );
    }
}
