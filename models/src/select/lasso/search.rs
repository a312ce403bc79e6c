//! The way along the path: Newton steps whose quadratic is solved one coordinate at a time.

use super::LassoStep;
use crate::logistic::pass::{Scaled, products};
use crate::logistic::{CheckedSettings, Intercept};

/// The matrix of second derivatives is made anew when a step leaves more than this part of the violation.
const KEEP: f64 = 0.15;

/// The search, in scaled coefficients with the intercept first.
pub(super) struct Search<'s, 'a> {
    scaled: &'s Scaled<'s, 'a>,
    low: Vec<f64>,
    high: Vec<f64>,
    /// What λ = 1 asks for a scaled coefficient of 1, against the sum of the losses.
    cost: Vec<f64>,
    violation_max: f64,
    steps_max: usize,
    pub(super) point: Point,
    /// Second derivatives somewhere before, while steps with them do.
    hessian: Option<Vec<f64>>,
}

pub(super) struct Point {
    pub(super) theta: Vec<f64>,
    /// Without the penalty.
    pub(super) loss: f64,
    gradient: Vec<f64>,
}

impl<'s, 'a> Search<'s, 'a> {
    pub(super) fn new(
        scaled: &'s Scaled<'s, 'a>,
        CheckedSettings(settings): &CheckedSettings,
        threads: usize,
    ) -> Self {
        let products = products(scaled.sample, threads);
        let width = scaled.width();
        let (mut low, mut high, mut cost) = (vec![f64::NEG_INFINITY], vec![f64::INFINITY], vec![0.0]);
        if settings.intercept == Intercept::None {
            (low[0], high[0]) = (0.0, 0.0);
        }
        for j in 1..width {
            let (mean, square) = (products[j] / scaled.weight, products[j * width + j] / scaled.weight);
            let variance = square - mean * mean;
            // A variance below rounding is none, and a constant says nothing.
            let varies = variance > 1e-10 * square;
            let (least, greatest) = if varies { settings.bound(j - 1) } else { (0.0, 0.0) };
            low.push(least / scaled.scale[j]);
            high.push(greatest / scaled.scale[j]);
            cost.push(if varies { scaled.weight * variance.sqrt() * scaled.scale[j] } else { 0.0 });
        }
        let theta: Vec<f64> = low.iter().zip(&high).map(|(l, h)| 0.0f64.max(*l).min(*h)).collect();
        let mut search = Search {
            scaled,
            low,
            high,
            cost,
            violation_max: settings.gradient_max,
            steps_max: settings.steps_max,
            point: Point { theta: Vec::new(), loss: 0.0, gradient: Vec::new() },
            hessian: None,
        };
        search.point = search.at(theta);
        // The constant alone, where every other coefficient costs too much.
        search.solve(f64::INFINITY);
        search
    }

    fn at(&self, theta: Vec<f64>) -> Point {
        let pass = self.scaled.pass(&theta, false);
        Point { theta, loss: pass.loss, gradient: pass.gradient }
    }

    /// The least λ that keeps no column.
    pub(super) fn lambda_max(&self) -> f64 {
        let pull = |j: usize| {
            let gradient = self.point.gradient[j];
            let down = if self.low[j] < 0.0 { gradient } else { 0.0 };
            let up = if self.high[j] > 0.0 { -gradient } else { 0.0 };
            down.max(up) / self.cost[j]
        };
        (1..self.cost.len()).filter(|j| self.cost[*j] > 0.0).map(pull).fold(0.0, f64::max)
    }

    pub(super) fn along(&mut self, lambdas: &[f64]) -> Vec<LassoStep> {
        lambdas
            .iter()
            .map(|lambda| {
                let steps = self.solve(*lambda);
                let unscaled = self.point.theta.iter().zip(&self.scaled.scale).map(|(t, s)| t * s);
                let unscaled: Vec<f64> = unscaled.collect();
                let violation = self.violation(&self.point, *lambda);
                LassoStep {
                    lambda: *lambda,
                    intercept: unscaled[0],
                    coefficients: unscaled[1..].to_vec(),
                    loss: self.point.loss / self.scaled.weight,
                    criterion: 0.0,
                    violation,
                    steps,
                    converged: violation <= self.violation_max,
                }
            })
            .collect()
    }

    /// Moves to the optimum of a λ; how many steps it took.
    pub(super) fn solve(&mut self, lambda: f64) -> usize {
        let price = self.price(lambda);
        let mut fresh = false;
        for steps in 0..self.steps_max {
            let violation = self.violation(&self.point, lambda);
            if violation <= self.violation_max {
                return steps;
            }
            if self.hessian.is_none() {
                self.hessian = self.scaled.pass(&self.point.theta, true).hessian;
                fresh = true;
            }
            let quadratic = Quadratic {
                gradient: &self.point.gradient,
                hessian: self.hessian.as_deref().unwrap_or_default(),
                price: &price,
                low: &self.low,
                high: &self.high,
            };
            let aim = quadratic.descend(&self.point.theta, self.scaled.weight * 1e-14);
            match self.line(&aim, &price, violation, lambda) {
                Some(next) => {
                    if self.violation(&next, lambda) > KEEP * violation {
                        self.hessian = None;
                    }
                    self.point = next;
                }
                // As near as rounding lets it come.
                None if fresh => return steps,
                None => self.hessian = None,
            }
            fresh = false;
        }
        self.steps_max
    }

    fn price(&self, lambda: f64) -> Vec<f64> {
        self.cost.iter().map(|cost| if *cost > 0.0 { lambda * cost } else { 0.0 }).collect()
    }

    /// By how much the mean loss and penalty still fall along one coefficient, at most.
    fn violation(&self, point: &Point, lambda: f64) -> f64 {
        let price = self.price(lambda);
        let of = |j: usize| {
            let (theta, gradient) = (point.theta[j], point.gradient[j]);
            let up = gradient + if theta >= 0.0 { price[j] } else { -price[j] };
            let down = gradient + if theta > 0.0 { price[j] } else { -price[j] };
            let falls_up = if theta < self.high[j] { -up } else { 0.0 };
            let falls_down = if theta > self.low[j] { down } else { 0.0 };
            falls_up.max(falls_down).max(0.0)
        };
        (0..point.theta.len()).map(of).fold(0.0, f64::max) / self.scaled.weight
    }

    /// The first point on the way that makes loss and penalty smaller by a fair part of what it promised; near the optimum, where
    /// losses differ by rounding only, one that misses its conditions by less.
    fn line(&self, aim: &[f64], price: &[f64], violation: f64, lambda: f64) -> Option<Point> {
        let penalty = |theta: &[f64]| -> f64 {
            let paid = theta.iter().zip(price).filter(|(t, _)| **t != 0.0).map(|(t, p)| t.abs() * p);
            paid.sum()
        };
        let (from, paid) = (&self.point, penalty(&self.point.theta));
        let mut length = 1.0;
        for halvings in 0..40 {
            // At full length exactly, so that a coefficient of 0 is 0.
            let theta: Vec<f64> = aim
                .iter()
                .zip(&from.theta)
                .map(|(a, t)| if halvings == 0 { *a } else { t + length * (a - t) })
                .collect();
            if theta == from.theta {
                return None;
            }
            let along = theta.iter().zip(&from.theta).zip(&from.gradient).map(|((t, f), g)| (t - f) * g);
            let promised = along.sum::<f64>() + penalty(&theta) - paid;
            let next = self.at(theta);
            let gained = from.loss + paid - next.loss - penalty(&next.theta);
            let slack = from.loss.abs() * 1e-12;
            if promised < 0.0 && gained >= -1e-4 * promised
                || gained >= -slack && self.violation(&next, lambda) < violation
            {
                return Some(next);
            }
            length /= 2.0;
        }
        None
    }
}

/// `gᵀ(t − θ) + ½ (t − θ)ᵀ H (t − θ) + Σ priceⱼ |tⱼ|`, to be made least within bounds.
pub(super) struct Quadratic<'q> {
    pub(super) gradient: &'q [f64],
    /// Row-major, symmetric, without negative directions.
    pub(super) hessian: &'q [f64],
    pub(super) price: &'q [f64],
    pub(super) low: &'q [f64],
    pub(super) high: &'q [f64],
}

impl Quadratic<'_> {
    /// The optimum, one coordinate at a time, until none moves the gradient by more than `still`.
    pub(super) fn descend(&self, theta: &[f64], still: f64) -> Vec<f64> {
        let width = theta.len();
        let mut t = theta.to_vec();
        // H (t − θ).
        let mut moved = vec![0.0; width];
        for _ in 0..5_000 {
            let mut greatest = 0.0f64;
            for j in 0..width {
                let curvature = self.hessian[j * width + j];
                if curvature <= 0.0 || self.low[j] >= self.high[j] {
                    continue;
                }
                let free = t[j] - (self.gradient[j] + moved[j]) / curvature;
                let threshold = self.price[j] / curvature;
                let shrunk = if free > threshold {
                    free - threshold
                } else if free < -threshold {
                    free + threshold
                } else {
                    0.0
                };
                let next = shrunk.max(self.low[j]).min(self.high[j]);
                let step = next - t[j];
                if step != 0.0 {
                    t[j] = next;
                    for (sum, h) in moved.iter_mut().zip(&self.hessian[j * width..]) {
                        *sum += step * h;
                    }
                    greatest = greatest.max(step.abs() * curvature);
                }
            }
            if greatest <= still {
                break;
            }
        }
        t
    }
}
