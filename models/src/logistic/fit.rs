//! The fit: damped Newton steps on the free coefficients, those at a bound held while the loss pushes them against it.
//!
//! For logistic regression a Newton step is a step of iteratively reweighted least squares (McCullagh and Nelder,
//! *Generalized Linear Models*, 1989, 2.5). Bounds: Bertsekas, "Projected Newton methods for optimization problems with
//! simple constraints", 1982. The matrix of second derivatives costs `k` times as much as
//! the gradient, so it is kept as long as steps with it bring the gradient down fast.

use super::cholesky::Cholesky;
use super::inference::Covariance;
use super::pass::{Pass, Scaled};
use super::sample::Sample;
use super::settings::{CheckedSettings, Intercept, Settings};

/// A pivot below this part of its column's size means that the column is a sum of others.
const DEPENDENT: f64 = 1e-10;
/// The matrix of second derivatives is made anew when a step leaves more than this part of the gradient.
const KEEP: f64 = 0.15;

/// A fitted regression: `ln(p / (1 - p)) = intercept + Σ coefficients · x`, `p` the probability of default.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// The constant.
    pub intercept: f64,
    /// In the order of the design's columns.
    pub coefficients: Vec<f64>,
    /// How the search ended.
    pub outcome: Outcome,
    /// Whether the classes can be told apart without error, which the maximum of the likelihood does not outlive.
    pub separation: Separation,
    /// Columns that are sums of columns before them; their coefficient is 0.
    pub dependent: Vec<usize>,
    /// Columns whose coefficient is held at a bound.
    pub bound: Vec<usize>,
    /// Newton steps taken.
    pub steps: usize,
    /// The greatest derivative of the mean loss by a free coefficient, in the end.
    pub gradient: f64,
    /// Sum over rows of weight times log-likelihood, without the penalty.
    pub log_likelihood: f64,
    /// The same with the constant only, offsets included.
    pub log_likelihood_null: f64,
    /// Sum of the weights.
    pub weight: f64,
    /// How sure the coefficients are.
    pub covariance: Covariance,
}

/// How the search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The gradient is below the stated bound.
    Converged,
    /// There is no finite optimum: see [`Fitted::separation`]. Coefficients are where the search stopped.
    NoOptimum,
    /// The stated number of steps was not enough.
    OutOfSteps,
    /// No step made the loss smaller: the gradient is as small as rounding lets it become.
    Stalled,
}

/// Whether the classes can be told apart without error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Separation {
    /// They overlap.
    None,
    /// All defaults have a greater linear predictor than all others.
    Complete,
    /// The classes touch but do not overlap along these columns, whose coefficients grow without end.
    Partial {
        /// Which, from 0; empty if only all together.
        columns: Vec<usize>,
    },
}

impl Fitted {
    /// The probability of default of a row of numbers, in the order of the columns.
    pub fn probability(&self, row: &[f64], offset: f64) -> f64 {
        super::pass::logistic(self.linear(row, offset)).0
    }

    /// The linear predictor of a row.
    pub fn linear(&self, row: &[f64], offset: f64) -> f64 {
        self.intercept + offset + super::pass::dot(row, &self.coefficients)
    }

    /// The linear predictors of all rows of a design with as many columns.
    pub fn linear_all(&self, design: &super::Design<'_>) -> Vec<f64> {
        let width = design.columns() + 1;
        let theta: Vec<f64> =
            std::iter::once(self.intercept).chain(self.coefficients.iter().copied()).collect();
        let scale = vec![1.0; width];
        let (block, mut rows) = (crate::exact::BLOCK, vec![0.0; crate::exact::BLOCK * width]);
        let mut linear = Vec::with_capacity(design.rows());
        for from in (0..design.rows()).step_by(block) {
            let n = block.min(design.rows() - from);
            design.fill(from, n, &scale, &mut rows);
            linear.extend(rows.chunks_exact(width).take(n).map(|x| super::pass::dot(x, &theta)));
        }
        linear
    }
}

/// The search, in scaled coefficients with the intercept first.
struct Search<'s, 'a> {
    scaled: Scaled<'s, 'a>,
    settings: &'s Settings,
    low: Vec<f64>,
    high: Vec<f64>,
    /// λ in the units of each scaled coefficient.
    ridge: Vec<f64>,
    /// Held at 0 because it depends on others.
    aliased: Vec<bool>,
}

/// Where the search is.
struct Point {
    theta: Vec<f64>,
    pass: Pass,
    /// With the penalty.
    loss: f64,
    gradient: Vec<f64>,
}

/// Fits `sample`; the same bits for the rows in any order and on any number of threads.
pub fn fit(sample: &Sample<'_>, settings: &CheckedSettings, threads: usize) -> Fitted {
    let mut search = Search::new(sample, &settings.0, threads);
    let mut point = search.start();
    search.find_dependent(&point);
    let log_likelihood_null = -search.null_loss();
    let mut factor: Option<Cholesky> = None;
    let mut fresh = false;
    let mut steps = 0;
    let mut norm = search.norm(&point);
    let penalised = search.settings.ridge > 0.0;
    let outcome = loop {
        if point.pass.separates() && !penalised && search.unbounded() {
            break Outcome::NoOptimum;
        }
        if norm <= search.settings.gradient_max {
            break Outcome::Converged;
        }
        if steps == search.settings.steps_max {
            break Outcome::OutOfSteps;
        }
        let free = search.free(&point);
        if factor.is_none() {
            if point.pass.hessian.is_none() {
                point = search.at(point.theta, true);
            }
            factor = Some(search.factor(&point, &free));
            fresh = true;
        }
        let step = factor.as_ref().map(|f| search.direction(f, &point, &free)).unwrap_or_default();
        steps += 1;
        match search.line(&point, &step, norm) {
            Some(next) => {
                let after = search.norm(&next);
                if after > KEEP * norm || search.free(&next) != free {
                    factor = None;
                }
                fresh = false;
                (point, norm) = (next, after);
            }
            None if fresh => break Outcome::Stalled,
            None => factor = None,
        }
    };
    search.finish(point, outcome, steps, norm, log_likelihood_null)
}

impl<'s, 'a> Search<'s, 'a> {
    fn new(sample: &'s Sample<'a>, settings: &'s Settings, threads: usize) -> Search<'s, 'a> {
        let scaled = Scaled::new(sample, threads);
        let (mut low, mut high) = (vec![f64::NEG_INFINITY], vec![f64::INFINITY]);
        if settings.intercept == Intercept::None {
            (low[0], high[0]) = (0.0, 0.0);
        }
        let mut ridge = vec![0.0];
        for (j, scale) in scaled.scale.iter().skip(1).enumerate() {
            let (least, greatest) = settings.bound(j);
            // A coefficient is the scaled one times its column's scale.
            low.push(least / scale);
            high.push(greatest / scale);
            ridge.push(settings.ridge * scale * scale);
        }
        let aliased = vec![false; scaled.width()];
        Search { scaled, settings, low, high, ridge, aliased }
    }

    fn at(&self, theta: Vec<f64>, second: bool) -> Point {
        let pass = self.scaled.pass(&theta, second);
        let penalty: f64 = theta.iter().zip(&self.ridge).map(|(t, r)| r * t * t / 2.0).sum();
        let gradient = pass.gradient.iter().zip(theta.iter().zip(&self.ridge)).map(|(g, (t, r))| g + r * t);
        Point { loss: pass.loss + penalty, gradient: gradient.collect(), pass, theta }
    }

    fn start(&self) -> Point {
        self.at(self.start_at(), true)
    }

    /// The log-odds of the sample, all else as near 0 as its bounds let it.
    fn start_at(&self) -> Vec<f64> {
        let sample = self.scaled.sample;
        let bads =
            (0..sample.design.rows()).filter(|row| sample.default[*row]).map(|row| sample.weight_of(row));
        let bound =
            sample.weight.as_ref().map_or(1.0, |weights| weights.iter().fold(0.0, |m: f64, w| m.max(*w)));
        let bads = crate::exact::Sum::of(bound, bads);
        let mut theta: Vec<f64> =
            self.low.iter().zip(&self.high).map(|(l, h)| 0.0f64.max(*l).min(*h)).collect();
        theta[0] = libm::log(bads / (self.scaled.weight - bads)).max(self.low[0]).min(self.high[0]);
        theta
    }

    fn find_dependent(&mut self, start: &Point) {
        let width = self.scaled.width();
        let hessian = start.pass.hessian.as_deref().unwrap_or_default();
        let mut matrix = hessian.to_vec();
        for j in 0..width {
            matrix[j * width + j] += self.ridge[j];
        }
        if self.settings.intercept == Intercept::None {
            // A constant that is not fitted explains nothing.
            for j in 1..width {
                (matrix[j], matrix[j * width]) = (0.0, 0.0);
            }
        }
        for j in Cholesky::new(&matrix, width, DEPENDENT).dependent {
            self.aliased[j] = true;
            (self.low[j], self.high[j]) = (start.theta[j], start.theta[j]);
        }
    }

    /// The loss of the best constant.
    fn null_loss(&self) -> f64 {
        let mut theta = vec![0.0; self.scaled.width()];
        let mut best = f64::INFINITY;
        // Offsets move the constant away from the log-odds; a few Newton steps in one unknown find it.
        theta[0] = if self.settings.intercept == Intercept::None { 0.0 } else { self.start_at()[0] };
        for _ in 0..50 {
            let needs = self.scaled.sample.offset.is_some() && self.settings.intercept == Intercept::Fitted;
            let pass = self.scaled.pass(&theta, needs);
            best = best.min(pass.loss);
            let Some(hessian) = pass.hessian else { break };
            let step = pass.gradient[0] / hessian[0];
            theta[0] -= step.clamp(-2.0, 2.0);
            if step.abs() < 1e-10 {
                break;
            }
        }
        best
    }

    /// Whether nothing keeps coefficients from growing.
    fn unbounded(&self) -> bool {
        self.low
            .iter()
            .zip(&self.high)
            .zip(&self.aliased)
            .skip(1)
            .all(|((l, h), aliased)| *aliased || (l.is_infinite() && h.is_infinite()))
    }

    /// Which coefficients move: not at a bound against which the loss pushes them.
    fn free(&self, point: &Point) -> Vec<usize> {
        (0..self.scaled.width())
            .filter(|j| {
                let (theta, gradient) = (point.theta[*j], point.gradient[*j]);
                let held =
                    (theta <= self.low[*j] && gradient >= 0.0) || (theta >= self.high[*j] && gradient <= 0.0);
                self.low[*j] < self.high[*j] && !held
            })
            .collect()
    }

    fn norm(&self, point: &Point) -> f64 {
        let greatest = self.free(point).into_iter().map(|j| point.gradient[j].abs()).fold(0.0, f64::max);
        greatest / self.scaled.weight
    }

    fn factor(&self, point: &Point, free: &[usize]) -> Cholesky {
        let width = self.scaled.width();
        let hessian = point.pass.hessian.as_deref().unwrap_or_default();
        let mut matrix = Vec::with_capacity(free.len() * free.len());
        for i in free {
            for j in free {
                let ridge = if i == j { self.ridge[*i] } else { 0.0 };
                matrix.push(hessian[i * width + j] + ridge);
            }
        }
        // Far out, all weights vanish; only a pivot of nothing stops the search.
        Cholesky::new(&matrix, free.len(), 1e-14)
    }

    fn direction(&self, factor: &Cholesky, point: &Point, free: &[usize]) -> Vec<f64> {
        let gradient: Vec<f64> = free.iter().map(|j| -point.gradient[*j]).collect();
        let mut step = vec![0.0; self.scaled.width()];
        for (j, value) in free.iter().zip(factor.solve(&gradient)) {
            step[*j] = value;
        }
        step
    }

    /// The first of ever shorter steps that makes the loss smaller by a fair part of what it promised; near the
    /// optimum, where losses differ by rounding only, one that makes the gradient smaller.
    fn line(&self, point: &Point, step: &[f64], norm: f64) -> Option<Point> {
        let mut length = 1.0;
        for _ in 0..40 {
            let theta: Vec<f64> = (0..step.len())
                .map(|j| (point.theta[j] + length * step[j]).max(self.low[j]).min(self.high[j]))
                .collect();
            let promised: f64 =
                theta.iter().zip(&point.theta).zip(&point.gradient).map(|((t, p), g)| (t - p) * g).sum();
            if theta == point.theta {
                return None;
            }
            let next = self.at(theta, false);
            let slack = point.loss.abs() * 1e-12;
            if next.loss <= point.loss + 1e-4 * promised && promised < 0.0
                || next.loss <= point.loss + slack && self.norm(&next) < norm
            {
                return Some(next);
            }
            length /= 2.0;
        }
        None
    }

    fn finish(self, point: Point, outcome: Outcome, steps: usize, norm: f64, null: f64) -> Fitted {
        let point = if point.pass.hessian.is_some() { point } else { self.at(point.theta, true) };
        let free = self.free(&point);
        let factor = self.factor(&point, &free);
        let complete = point.pass.separates();
        let (mut outcome, mut separation) = (outcome, Separation::None);
        if complete {
            separation = Separation::Complete;
        } else if self.settings.ridge == 0.0 {
            // At an optimum the next step is nothing. Where the likelihood only creeps to its limit, each step moves
            // the rows at the edge by about 1 although the gradient has all but vanished.
            let step = self.direction(&factor, &point, &free);
            let lost: Vec<usize> = factor.dependent.iter().map(|at| free[*at]).collect();
            let moving = |j: &usize| step[*j].abs() > 0.05 || lost.contains(j);
            let columns: Vec<usize> = (1..step.len()).filter(moving).map(|j| j - 1).collect();
            let ended = matches!(outcome, Outcome::Converged | Outcome::Stalled) || norm < 1e-6;
            if ended && (!columns.is_empty() || step[0].abs() > 0.05) {
                outcome = Outcome::NoOptimum;
                separation = Separation::Partial { columns };
            }
        }
        let scale = &self.scaled.scale;
        let unscaled: Vec<f64> = point.theta.iter().zip(scale).map(|(t, s)| t * s).collect();
        let covariance = if outcome == Outcome::NoOptimum {
            Covariance::none(scale.len())
        } else {
            Covariance::new(&self.scaled, &point.theta, &free, &factor)
        };
        let at_bound = |j: &usize| !self.aliased[*j] && !free.contains(j);
        let before = |j: usize| j - 1;
        Fitted {
            intercept: unscaled[0],
            coefficients: unscaled[1..].to_vec(),
            outcome,
            separation,
            dependent: (1..scale.len()).filter(|j| self.aliased[*j]).map(before).collect(),
            bound: (1..scale.len()).filter(at_bound).map(before).collect(),
            steps,
            gradient: norm,
            log_likelihood: -point.pass.loss,
            log_likelihood_null: null,
            weight: self.scaled.weight,
            covariance,
        }
    }
}
