//! The regression against hand-made results, against linfa-logistic, and against itself in another order.

use hengxin_models::SplitMix64;
use hengxin_models::logistic::{
    Bounds, Design, Errors, Fitted, Intercept, Outcome, Sample, Separation, Settings, fit,
};
use linfa::prelude::*;
use ndarray::{Array1, Array2, array};

fn fitted(sample: &Sample<'_>, settings: Settings) -> Fitted {
    fit(sample, &settings.check().expect("settings in range"), 2)
}

fn sample<'a>(x: &'a Array2<f64>, default: &[bool]) -> Sample<'a> {
    Sample::new(Design::Dense(x.view()), default.to_vec()).expect("a sample")
}

/// `n × k` normal-ish numbers and classes that follow from them.
fn example(seed: u64, n: usize, k: usize) -> (Array2<f64>, Vec<bool>) {
    let mut random = SplitMix64(seed);
    let x = Array2::from_shape_fn((n, k), |_| (0..4).map(|_| random.unit()).sum::<f64>() - 2.0);
    let default = x
        .rows()
        .into_iter()
        .map(|row| {
            let eta: f64 =
                row.iter().zip(1..).map(|(x, j)| x * f64::from(2 - j % 4) * 0.7).sum::<f64>() - 1.0;
            random.unit() < 1.0 / (1.0 + (-eta).exp())
        })
        .collect();
    (x, default)
}

#[track_caller]
fn near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} instead of {expected}");
}

/// 30 goods and 10 bads at x = 0, 20 and 25 at x = 1.
fn two_by_two() -> (Array2<f64>, Vec<bool>) {
    let cells = [(0.0, false, 30), (0.0, true, 10), (1.0, false, 20), (1.0, true, 25)];
    let rows: Vec<(f64, bool)> = cells.iter().flat_map(|(x, y, n)| vec![(*x, *y); *n]).collect();
    (Array2::from_shape_fn((rows.len(), 1), |(i, _)| rows[i].0), rows.iter().map(|r| r.1).collect())
}

#[test]
fn a_table_of_four_cells_gives_odds_ratio_and_its_error() {
    let (x, y) = two_by_two();
    let found = fitted(&sample(&x, &y), Settings::default());
    assert_eq!((found.outcome, &found.separation), (Outcome::Converged, &Separation::None));
    near(found.intercept, (10.0f64 / 30.0).ln(), 1e-8);
    near(found.coefficients[0], (25.0f64 * 30.0 / (20.0 * 10.0)).ln(), 1e-8);
    let wald = found.wald(0, Errors::Model).expect("free");
    near(wald.error, (1.0 / 30.0 + 1.0 / 10.0 + 1.0 / 20.0 + 1.0 / 25.0f64).sqrt(), 1e-8);
    near(found.wald_intercept(Errors::Model).expect("free").error, (1.0 / 30.0 + 1.0 / 10.0f64).sqrt(), 1e-8);
    // Saturated: -2 ln L0/L1 by hand.
    let ll = |bad: f64, good: f64| bad * (bad / (bad + good)).ln() + good * (good / (bad + good)).ln();
    let test = found.likelihood_ratio_null();
    near(test.statistic, 2.0 * (ll(10.0, 30.0) + ll(25.0, 20.0) - ll(35.0, 50.0)), 1e-8);
    assert_eq!(test.degrees, 1);
    // In a saturated model of groups by x, the robust covariance is the model's, but for G/(G-1).
    let robust = found.wald(0, Errors::Clustered).expect("free").error;
    near(robust, wald.error * (85.0f64 / 84.0).sqrt(), 1e-8);
}

#[test]
fn linfa_finds_the_same_optimum() {
    for (seed, n, k, ridge) in [(1, 400, 3, 0.5), (2, 2000, 6, 1.0), (3, 300, 2, 10.0)] {
        let (x, y) = example(seed, n, k);
        let settings = Settings { ridge, ..Settings::default() };
        let ours = fitted(&sample(&x, &y), settings);
        let dataset = Dataset::new(x.clone(), Array1::from(y.clone()));
        // linfa adds alpha/2 times the squares to the sum of the losses, as we do.
        let model = linfa_logistic::LogisticRegression::default()
            .alpha(ridge)
            .gradient_tolerance(1e-9)
            .max_iterations(1000)
            .fit(&dataset)
            .expect("a fit");
        // Its positive class is the more frequent one.
        let sign = if model.labels().pos.class { 1.0 } else { -1.0 };
        near(ours.intercept, sign * model.intercept(), 1e-5);
        for (ours, theirs) in ours.coefficients.iter().zip(model.params()) {
            near(*ours, sign * theirs, 1e-5);
        }
    }
}

#[test]
fn a_weight_is_so_many_rows() {
    let (x, y) = example(4, 200, 3);
    let weights: Vec<f64> = (0..200).map(|i| f64::from(i % 4)).collect();
    let repeated: Vec<usize> = (0..200).flat_map(|i| vec![i; i % 4]).collect();
    let x_repeated = x.select(ndarray::Axis(0), &repeated);
    let y_repeated: Vec<bool> = repeated.iter().map(|i| y[*i]).collect();
    let one = fitted(&sample(&x, &y).weighted(weights).expect("weights"), Settings::default());
    let two = fitted(&sample(&x_repeated, &y_repeated), Settings::default());
    near(one.log_likelihood, two.log_likelihood, 1e-8);
    for j in 0..3 {
        near(one.coefficients[j], two.coefficients[j], 1e-8);
        let error = |f: &Fitted| f.wald(j, Errors::Model).expect("free").error;
        near(error(&one), error(&two), 1e-8);
    }
}

#[test]
fn copies_of_rows_in_one_group_add_no_certainty() {
    let (x, y) = example(5, 500, 2);
    let twice: Vec<usize> = (0..500).chain(0..500).collect();
    let x_twice = x.select(ndarray::Axis(0), &twice);
    let y_twice: Vec<bool> = twice.iter().map(|i| y[*i]).collect();
    let groups = twice.iter().map(|i| *i as u64 * 7).collect();
    let one = fitted(&sample(&x, &y), Settings::default());
    let two = fitted(&sample(&x_twice, &y_twice).grouped(groups).expect("groups"), Settings::default());
    assert_eq!((one.covariance.groups, two.covariance.groups), (500, 500));
    for j in 0..2 {
        let error = |f: &Fitted, errors| f.wald(j, errors).expect("free").error;
        near(error(&two, Errors::Clustered), error(&one, Errors::Clustered), 1e-8);
        near(error(&two, Errors::Model), error(&one, Errors::Model) / 2.0f64.sqrt(), 1e-8);
    }
}

#[test]
fn an_offset_moves_the_constant() {
    let (x, y) = example(6, 400, 2);
    let plain = fitted(&sample(&x, &y), Settings::default());
    let moved = fitted(&sample(&x, &y).offset(vec![1.5; 400]).expect("offset"), Settings::default());
    near(moved.intercept, plain.intercept - 1.5, 1e-7);
    near(moved.coefficients[0], plain.coefficients[0], 1e-7);
    near(moved.log_likelihood_null, plain.log_likelihood_null, 1e-7);
    // The true contribution of a column as offset: nothing is left of it.
    let known: Vec<f64> = x.column(0).iter().map(|x| x * plain.coefficients[0]).collect();
    let rest = fitted(&sample(&x, &y).offset(known).expect("offset"), Settings::default());
    near(rest.coefficients[0], 0.0, 1e-7);
}

#[test]
fn bounds_hold_and_the_rest_is_optimal() {
    let (x, y) = example(7, 1000, 4);
    // The true signs are +, 0, -, -2, so two columns stop at 0.
    let found = fitted(&sample(&x, &y), Settings { bounds: Bounds::NotNegative, ..Settings::default() });
    assert_eq!(found.outcome, Outcome::Converged);
    assert!(found.coefficients.iter().all(|c| *c >= 0.0) && found.bound.contains(&2));
    assert!(found.wald(2, Errors::Model).is_none());
    let free: Vec<usize> = (0..4).filter(|j| !found.bound.contains(j)).collect();
    let x_free = x.select(ndarray::Axis(1), &free);
    let alone = fitted(&sample(&x_free, &y), Settings::default());
    for (at, j) in free.iter().enumerate() {
        near(found.coefficients[*j], alone.coefficients[at], 1e-7);
    }
    let within = vec![(Some(0.1), Some(0.2)), (None, None), (None, Some(-5.0)), (None, None)];
    let found = fitted(&sample(&x, &y), Settings { bounds: Bounds::Each(within), ..Settings::default() });
    assert_eq!(found.outcome, Outcome::Converged);
    near(found.coefficients[0], 0.2, 1e-12);
    near(found.coefficients[2], -5.0, 1e-12);
}

#[test]
fn without_an_intercept_the_constant_is_nothing() {
    let (x, y) = two_by_two();
    let found = fitted(&sample(&x, &y), Settings { intercept: Intercept::None, ..Settings::default() });
    assert_eq!((found.intercept, found.outcome), (0.0, Outcome::Converged));
    near(found.coefficients[0], (25.0f64 / 20.0).ln(), 1e-8);
}

#[test]
fn separation_is_a_result() {
    let x = array![[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]];
    let check = |y: [bool; 6], settings: Settings, outcome, separation| {
        let found = fitted(&sample(&x, &y), settings);
        assert_eq!((found.outcome, found.separation.clone()), (outcome, separation), "{found:?}");
        found
    };
    let (f, t) = (false, true);
    let apart = [f, f, f, t, t, t];
    let found = check(apart, Settings::default(), Outcome::NoOptimum, Separation::Complete);
    assert!(found.wald(0, Errors::Model).is_none());
    let ridge = Settings { ridge: 1.0, ..Settings::default() };
    check(apart, ridge, Outcome::Converged, Separation::Complete);
    check([f, t, f, t, f, t], Settings::default(), Outcome::Converged, Separation::None);
    // Goods up to 3, bads from 3 on: they touch.
    let x = array![[1.0], [2.0], [3.0], [3.0], [4.0], [5.0]];
    let found = fitted(&sample(&x, &[f, f, f, t, t, t]), Settings::default());
    assert_eq!(found.outcome, Outcome::NoOptimum);
    assert_eq!(found.separation, Separation::Partial { columns: vec![0] });
    // A flag that only bads carry.
    let x =
        Array2::from_shape_fn(
            (40, 2),
            |(i, j)| if j == 0 { f64::from(u8::from(i % 8 == 0)) } else { (i % 5) as f64 },
        );
    let y: Vec<bool> = (0..40).map(|i| i % 8 == 0 || i % 3 == 0).collect();
    let found = fitted(&sample(&x, &y), Settings::default());
    assert_eq!(found.separation, Separation::Partial { columns: vec![0] }, "{found:?}");
}

#[test]
fn a_column_that_others_make_up_is_named() {
    let (x, y) = example(8, 300, 2);
    let x = Array2::from_shape_fn((300, 4), |(i, j)| match j {
        0 | 1 => x[[i, j]],
        2 => x[[i, 0]] - 2.0 * x[[i, 1]] + 3.0,
        _ => 5.0,
    });
    let found = fitted(&sample(&x, &y), Settings::default());
    assert_eq!((found.dependent.clone(), found.outcome), (vec![2, 3], Outcome::Converged));
    assert!(found.coefficients[2] == 0.0 && found.wald(2, Errors::Model).is_none());
}

#[test]
fn columns_of_any_size_are_fitted() {
    let (x, y) = example(9, 1000, 3);
    let plain = fitted(&sample(&x, &y), Settings::default());
    let mut scaled = x.clone();
    scaled.column_mut(0).mapv_inplace(|v| v * 1e8);
    scaled.column_mut(1).mapv_inplace(|v| v * 1e-9);
    let found = fitted(&sample(&scaled, &y), Settings::default());
    assert_eq!(found.outcome, Outcome::Converged);
    near(found.coefficients[0] * 1e8, plain.coefficients[0], 1e-6);
    near(found.coefficients[1] * 1e-9, plain.coefficients[1], 1e-6);
}

#[test]
fn too_few_steps_are_a_result() {
    let (x, y) = example(10, 300, 3);
    let found = fitted(&sample(&x, &y), Settings { steps_max: 1, ..Settings::default() });
    assert_eq!(found.outcome, Outcome::OutOfSteps);
    assert!(found.gradient > 1e-9);
}

#[test]
fn order_and_threads_change_no_bit() {
    let (x, y) = example(11, 3000, 5);
    let weights: Vec<f64> = (0..3000).map(|i| 0.5 + f64::from(i % 7) / 3.0).collect();
    let groups: Vec<u64> = (0..3000).map(|i| i / 5).collect();
    let settings = Settings { ridge: 0.1, ..Settings::default() }.check().expect("in range");
    let run = |order: &[usize], threads| {
        let x = x.select(ndarray::Axis(0), order);
        let y: Vec<bool> = order.iter().map(|i| y[*i]).collect();
        let sample = sample(&x, &y)
            .weighted(order.iter().map(|i| weights[*i]).collect())
            .and_then(|s| s.grouped(order.iter().map(|i| groups[*i]).collect()))
            .expect("a sample");
        fit(&sample, &settings, threads)
    };
    let mut order: Vec<usize> = (0..3000).collect();
    let first = run(&order, 1);
    let mut random = SplitMix64(12);
    for i in (1..order.len()).rev() {
        order.swap(i, usize::try_from(random.below(i as u64 + 1)).expect("small"));
    }
    for threads in [1, 2, 5] {
        // Equal as numbers is equal as bits here: no coefficient is zero, none is not a number.
        assert_eq!(run(&order, threads), first, "{threads} threads");
    }
}
