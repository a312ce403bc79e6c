//! Columns that keep a coefficient when magnitude has a price: the lasso.
//!
//! Made least is the mean loss plus `λ Σ sⱼ |βⱼ|`, `sⱼ` the standard deviation of column `j`, so that no column's unit decides
//! (Tibshirani, *J. R. Stat. Soc. B* 58, 1996); the intercept costs nothing, and bounds of the regression hold. For one λ after the
//! other, from the least that keeps no column, Newton steps are taken whose quadratic is solved by coordinate descent
//! (Friedman, Hastie and Tibshirani, *J. Stat. Software* 33, 2010).
//!
//! Sums over rows are those of the regression's own pass, exact on a grid, and coordinates are visited in the order of the columns:
//! rows in any order and any number of threads give the same bits.

mod search;

use serde::{Deserialize, Serialize};

use crate::exact::SplitMix64;
use crate::logistic::pass::Scaled;
use crate::logistic::{CheckedSettings, Sample, SampleError};
use search::Search;

/// How λ is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Penalty {
    /// The λ of the path with the least Bayesian information criterion: twice the loss plus `ln(n)` for each coefficient that is
    /// not 0 and for the intercept, `n` the weight of the rows. So many is what a lasso's fit costs in degrees of freedom (Zou,
    /// Hastie and Tibshirani, *Ann. Stat.* 35, 2007).
    Bic,
    /// This one, above 0.
    Fixed(f64),
    /// The λ of the path with the least loss on folds that did not learn: a group, such as an enterprise, is in one fold.
    Folds {
        /// From 2 to 20.
        count: u32,
        /// Any number.
        seed: u64,
    },
}

/// Columns chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Lasso {
    /// For each λ tried, the greatest first.
    pub path: Vec<LassoStep>,
    /// The place of the one chosen.
    pub chosen: usize,
    /// Columns with a coefficient at that λ, ascending.
    pub columns: Vec<usize>,
}

/// The optimum at one λ.
#[derive(Clone, Debug, PartialEq)]
pub struct LassoStep {
    /// What a coefficient of 1 of a column with standard deviation 1 costs, against the mean loss.
    pub lambda: f64,
    /// The constant.
    pub intercept: f64,
    /// In the order of the design's columns.
    pub coefficients: Vec<f64>,
    /// Mean loss of a row, without the penalty.
    pub loss: f64,
    /// By which λ is chosen, less is better: the criterion by the weight of the rows, or the mean loss on held-out folds.
    pub criterion: f64,
    /// By how much the conditions of an optimum are missed: the greatest derivative of the mean loss and penalty along which they
    /// still fall, by coefficients of columns that are scaled by a power of two to lie within ±1.
    pub violation: f64,
    /// Newton steps.
    pub steps: usize,
    /// Whether `violation` is at most the `gradient_max` of the settings.
    pub converged: bool,
}

/// Why there is no choice.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LassoError {
    /// A number is out of range.
    #[error("`{setting}` is {found}, expected {expected}")]
    Range {
        /// Which.
        setting: &'static str,
        /// What it is.
        found: f64,
        /// What would do.
        expected: &'static str,
    },
    /// Folds are of groups, and there are none.
    #[error("folds are of groups, and the rows have none; name a `history.group`, or choose by `bic`")]
    NoGroups,
    /// The rows outside a fold cannot be fitted.
    #[error("without fold {fold} of {count}: {source}; ask for fewer folds")]
    Fold {
        /// Which, from 1.
        fold: u32,
        /// Of how many.
        count: u32,
        /// Why.
        source: SampleError,
    },
}

/// How many λ are tried.
const PATH: u32 = 60;
/// The last of them, by the first.
const PATH_END: f64 = 1e-3;

impl Penalty {
    /// # Errors
    /// A number out of range.
    pub(crate) fn check(self) -> Result<(), LassoError> {
        let range = |setting, found, expected| Err(LassoError::Range { setting, found, expected });
        match self {
            Penalty::Fixed(lambda) if !(lambda.is_finite() && lambda > 0.0) => {
                range("fixed", lambda, "a number above 0")
            }
            Penalty::Folds { count, .. } if !(2..=20).contains(&count) => {
                range("folds.count", f64::from(count), "2 to 20")
            }
            Penalty::Bic | Penalty::Fixed(_) | Penalty::Folds { .. } => Ok(()),
        }
    }
}

/// The columns of a sample that a lasso keeps; bounds, intercept and the precision asked for are those of the settings.
///
/// # Errors
/// [`LassoError`].
pub fn lasso(
    sample: &Sample<'_>,
    settings: &CheckedSettings,
    penalty: Penalty,
    threads: usize,
) -> Result<Lasso, LassoError> {
    penalty.check()?;
    let scaled = Scaled::new(sample, threads);
    let mut search = Search::new(&scaled, settings, threads);
    let lambdas = match penalty {
        Penalty::Fixed(lambda) => vec![lambda],
        Penalty::Bic | Penalty::Folds { .. } => path(search.lambda_max()),
    };
    let mut path = search.along(&lambdas);
    match penalty {
        Penalty::Fixed(_) => {}
        Penalty::Bic => {
            for step in &mut path {
                let free = 1 + step.coefficients.iter().filter(|c| **c != 0.0).count();
                step.criterion = 2.0 * step.loss + free as f64 * libm::log(scaled.weight) / scaled.weight;
            }
        }
        Penalty::Folds { count, seed } => {
            let losses = held_out(sample, settings, &lambdas, (count, seed), threads)?;
            for (step, loss) in path.iter_mut().zip(losses) {
                step.criterion = loss / scaled.weight;
            }
        }
    }
    // Among equals the greatest λ.
    let best = (0..path.len()).min_by(|a, b| path[*a].criterion.total_cmp(&path[*b].criterion));
    let chosen = best.unwrap_or(0);
    let columns = (0..sample.design().columns()).filter(|j| path[chosen].coefficients[*j] != 0.0).collect();
    Ok(Lasso { path, chosen, columns })
}

/// From the least λ that keeps no column down, each the same part of the one before.
fn path(first: f64) -> Vec<f64> {
    let part = |i: u32| f64::from(i) / f64::from(PATH - 1);
    (0..PATH).map(|i| first * libm::pow(PATH_END, part(i))).collect()
}

/// The sum of the losses of each fold's rows by what the others learned, for each λ.
fn held_out(
    sample: &Sample<'_>,
    settings: &CheckedSettings,
    lambdas: &[f64],
    (count, seed): (u32, u64),
    threads: usize,
) -> Result<Vec<f64>, LassoError> {
    let groups = sample.groups().ok_or(LassoError::NoGroups)?;
    let fold_of: Vec<u64> = groups
        .iter()
        .map(|group| SplitMix64(group ^ SplitMix64(seed).next()).below(u64::from(count)))
        .collect();
    let whole = Scaled::new(sample, threads);
    let mut losses = vec![0.0; lambdas.len()];
    for fold in 0..count {
        let weight =
            |(row, of): (usize, &u64)| if *of == u64::from(fold) { 0.0 } else { sample.weight_of(row) };
        let others = sample.clone().weighted(fold_of.iter().enumerate().map(weight).collect());
        let others = others.map_err(|source| LassoError::Fold { fold: fold + 1, count, source })?;
        let scaled = Scaled::new(&others, threads);
        let mut search = Search::new(&scaled, settings, threads);
        for (sum, lambda) in losses.iter_mut().zip(lambdas) {
            search.solve(*lambda);
            // Of all rows less that of those that learned; columns are scaled alike on both.
            *sum += whole.pass(&search.point.theta, false).loss - search.point.loss;
        }
    }
    Ok(losses)
}

#[cfg(test)]
mod tests {
    use super::search::Quadratic;
    use super::*;
    use crate::logistic::{Bounds, Design, Settings};
    use ndarray::{Array1, Array2, Axis};

    /// Columns of unlike units, of which the second, the fifth and the sixth matter.
    fn data(seed: u64, rows: usize, columns: usize) -> (Array2<f64>, Vec<bool>) {
        let mut random = SplitMix64(seed);
        let mut x =
            Array2::from_shape_fn((rows, columns), |(_, j)| (random.unit() - 0.4) * [1.0, 40.0, 0.02][j % 3]);
        for i in 0..rows {
            // Two that resemble each other.
            x[[i, 0]] += 0.02 * x[[i, 1]];
        }
        let eta = |i: usize| -1.0 + 0.04 * x[[i, 1]] - 0.03 * x[[i, 4]] + 60.0 * x[[i, 5]];
        let default = (0..rows).map(|i| random.unit() < 1.0 / (1.0 + (-eta(i)).exp())).collect();
        (x, default)
    }

    fn settings(bounds: Bounds) -> CheckedSettings {
        Settings { bounds, ..Settings::default() }.check().expect("in range")
    }

    /// Mean loss and its derivatives by intercept and coefficients, by the formula, row by row.
    fn by_hand(x: &Array2<f64>, default: &[bool], weight: &[f64], step: &LassoStep) -> (f64, Vec<f64>) {
        let total: f64 = weight.iter().sum();
        let (mut loss, mut gradient) = (0.0, vec![0.0; x.ncols() + 1]);
        for (i, row) in x.rows().into_iter().enumerate() {
            let eta = step.intercept + row.iter().zip(&step.coefficients).map(|(x, b)| x * b).sum::<f64>();
            let y = f64::from(u8::from(default[i]));
            loss += weight[i] * ((1.0 + eta.exp()).ln() - y * eta) / total;
            let miss = weight[i] * (1.0 / (1.0 + (-eta).exp()) - y) / total;
            gradient[0] += miss;
            row.iter().zip(&mut gradient[1..]).for_each(|(x, g)| *g += miss * x);
        }
        (loss, gradient)
    }

    fn deviations(x: &Array2<f64>, weight: &[f64]) -> Vec<f64> {
        let total: f64 = weight.iter().sum();
        let of = |column: ndarray::ArrayView1<'_, f64>| {
            let mean = column.iter().zip(weight).map(|(x, w)| x * w).sum::<f64>() / total;
            (column.iter().zip(weight).map(|(x, w)| w * (x - mean) * (x - mean)).sum::<f64>() / total).sqrt()
        };
        x.columns().into_iter().map(of).collect()
    }

    #[test]
    fn every_step_of_the_path_is_an_optimum() {
        let seed = 17;
        let (x, default) = data(seed, 900, 9);
        let mut random = SplitMix64(seed);
        let weight: Vec<f64> = (0..900).map(|_| (random.unit() * 4.0).round()).collect();
        let s = deviations(&x, &weight);
        for bounds in [Bounds::None, Bounds::NotPositive] {
            let sample = Sample::new(Design::Dense(x.view()), default.clone()).expect("a sample");
            let sample = sample.weighted(weight.clone()).expect("weights");
            let found = lasso(&sample, &settings(bounds.clone()), Penalty::Bic, 2).expect("a choice");
            assert_eq!(found.path.len(), 60);
            assert!(found.path[0].coefficients.iter().all(|c| *c == 0.0), "{:?}", found.path[0]);
            assert!(found.path[1].coefficients.iter().any(|c| *c != 0.0), "{:?}", found.path[1]);
            for step in &found.path {
                assert!(step.converged && step.violation <= 1e-9, "seed {seed}: {step:?}");
                let (loss, gradient) = by_hand(&x, &default, &weight, step);
                assert!((loss - step.loss).abs() < 1e-10 && gradient[0].abs() < 1e-8, "{step:?}");
                for (j, b) in step.coefficients.iter().enumerate() {
                    // The derivative of the loss by a standardised coefficient is -λ against its sign, and within ±λ at 0.
                    let g = gradient[j + 1] / s[j];
                    let misses = match *b {
                        b if b > 0.0 => (g + step.lambda).abs(),
                        b if b < 0.0 => (g - step.lambda).abs(),
                        _ if bounds == Bounds::NotPositive => (g - step.lambda).max(0.0),
                        _ => (g.abs() - step.lambda).max(0.0),
                    };
                    // The bound of 1e-9 is for columns within ±1, whose deviations here are from 0.15.
                    assert!(misses < 1e-8, "seed {seed}, λ {}, column {j}: {misses}", step.lambda);
                    assert!(bounds == Bounds::None || *b <= 0.0);
                }
            }
        }
    }

    #[test]
    fn the_criterion_keeps_what_matters_and_the_same_for_rows_in_any_order() {
        let seed = 4;
        let (x, default) = data(seed, 3000, 12);
        let groups: Vec<u64> = (0..3000).map(|i| i / 3).collect();
        let choose = |order: &[usize], penalty: Penalty, threads: usize| {
            let x = x.select(Axis(0), order);
            let sample = Sample::new(Design::Dense(x.view()), order.iter().map(|i| default[*i]).collect());
            let sample = sample.expect("a sample").grouped(order.iter().map(|i| groups[*i]).collect());
            lasso(&sample.expect("groups"), &settings(Bounds::None), penalty, threads).expect("a choice")
        };
        let forward: Vec<usize> = (0..3000).collect();
        let mut random = SplitMix64(seed);
        let mut shuffled = forward.clone();
        for i in (1..3000).rev() {
            shuffled.swap(i, usize::try_from(random.below(i as u64 + 1)).expect("small"));
        }
        for penalty in [Penalty::Bic, Penalty::Folds { count: 5, seed: 1 }, Penalty::Fixed(0.01)] {
            let found = choose(&forward, penalty, 1);
            assert_eq!(found, choose(&shuffled, penalty, 3), "seed {seed}, {penalty:?}");
            assert!([1, 4, 5].iter().all(|j| found.columns.contains(j)), "{penalty:?}: {:?}", found.columns);
        }
        assert_eq!(choose(&forward, Penalty::Bic, 2).columns, [1, 4, 5]);
        // On noise alone nothing is worth its price.
        let mut random = SplitMix64(seed);
        let noise: Vec<bool> = (0..3000).map(|_| random.unit() < 0.3).collect();
        let sample = Sample::new(Design::Dense(x.view()), noise).expect("a sample");
        let found = lasso(&sample, &settings(Bounds::None), Penalty::Bic, 2).expect("a choice");
        assert_eq!((found.chosen, found.columns.len()), (0, 0));
    }

    #[test]
    fn the_quadratic_has_the_optimum_that_linfa_finds() {
        use linfa::prelude::*;
        let (x, default) = data(23, 400, 7);
        let y: Array1<f64> = default.iter().map(|d| f64::from(u8::from(*d))).collect();
        let s = deviations(&x, &[1.0; 400]);
        let mean = x.mean_axis(Axis(0)).expect("rows");
        let standard = (&x - &mean) / Array1::from(s);
        let n = 400.0;
        let centred = &y - y.mean().expect("rows");
        let hessian = standard.t().dot(&standard) / n;
        let gradient = -standard.t().dot(&centred) / n;
        for lambda in [0.002, 0.02, 0.08] {
            let quadratic = Quadratic {
                gradient: gradient.as_slice().expect("contiguous"),
                hessian: hessian.as_slice().expect("contiguous"),
                price: &[lambda; 7],
                low: &[f64::NEG_INFINITY; 7],
                high: &[f64::INFINITY; 7],
            };
            let ours = quadratic.descend(&[0.0; 7], 1e-14);
            let theirs = linfa_elasticnet::ElasticNet::lasso()
                .penalty(lambda)
                .tolerance(1e-12)
                .max_iterations(100_000)
                .fit(&Dataset::new(standard.clone(), y.clone()))
                .expect("fitted");
            for (a, b) in ours.iter().zip(theirs.hyperplane()) {
                // linfa stops at a duality gap of 1e-12 of the sum of squares.
                assert!(
                    (a - b).abs() < 1e-6 && (*a == 0.0) == (b.abs() < 1e-9),
                    "{lambda}: {ours:?} {theirs:?}"
                );
            }
        }
    }

    #[test]
    fn what_cannot_be_chosen_by_is_refused() {
        let (x, default) = data(2, 200, 6);
        let refused = |penalty: Penalty, sample: &Sample<'_>| {
            lasso(sample, &settings(Bounds::None), penalty, 1).expect_err("refused").to_string()
        };
        let sample = Sample::new(Design::Dense(x.view()), default.clone()).expect("a sample");
        assert_eq!(refused(Penalty::Fixed(0.0), &sample), "`fixed` is 0, expected a number above 0");
        assert_eq!(
            refused(Penalty::Folds { count: 1, seed: 0 }, &sample),
            "`folds.count` is 1, expected 2 to 20"
        );
        assert!(refused(Penalty::Folds { count: 5, seed: 0 }, &sample).starts_with("folds are of groups"));
        // One group holds all defaults.
        let groups = default.iter().enumerate().map(|(i, d)| if *d { 1000 } else { i as u64 }).collect();
        let sample = sample.grouped(groups).expect("groups");
        let problem = refused(Penalty::Folds { count: 3, seed: 0 }, &sample);
        assert!(problem.contains("of 3: the sample has one class only"), "{problem}");
    }
}
