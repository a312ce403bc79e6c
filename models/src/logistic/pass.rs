//! One pass over the rows: loss, gradient and, when asked for, the matrix of second derivatives.
//!
//! With `η = offset + xᵀθ` and `p = 1 / (1 + e^-η)`, summed over rows of weight `w`: the loss is
//! `w (ln(1 + e^η) − yη)`, its gradient `w (p − y) x`, its second derivative `w p (1 − p) x xᵀ`. Every row's contribution
//! is rounded to a grid before it is added (`exact`), so the order of rows and the number of threads change nothing.

use super::sample::Sample;
use crate::exact::{BLOCK, Grid};

/// Rows of a block that are worked on together: few enough to stay in the nearest cache.
const PART: usize = 32;

/// A sample with its columns scaled by powers of two, so that no number in it exceeds 1.
pub(crate) struct Scaled<'s, 'a> {
    pub(crate) sample: &'s Sample<'a>,
    /// Of the intercept and each column; exact.
    pub(crate) scale: Vec<f64>,
    /// The greatest weight of a row.
    weight_max: f64,
    offset_max: f64,
    /// The weight of all rows.
    pub(crate) weight: f64,
    threads: usize,
}

/// The sums of a pass, in scaled columns, intercept first.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    pub(crate) loss: f64,
    pub(crate) gradient: Vec<f64>,
    /// Row-major, symmetric, `(k+1) × (k+1)`.
    pub(crate) hessian: Option<Vec<f64>>,
    /// The least linear predictor of a default, the greatest of the others.
    lowest_bad: f64,
    highest_good: f64,
}

impl Pass {
    /// Whether the linear predictor tells the classes apart without error.
    pub(crate) fn separates(&self) -> bool {
        self.lowest_bad > self.highest_good
    }
}

#[derive(Clone, Copy)]
struct Grids {
    loss: Grid,
    gradient: Grid,
    hessian: Grid,
}

/// Integer sums of some blocks.
struct Totals {
    loss: i128,
    gradient: Vec<i128>,
    /// Lower triangle, row by row.
    hessian: Vec<i128>,
    lowest_bad: f64,
    highest_good: f64,
}

impl<'s, 'a> Scaled<'s, 'a> {
    pub(crate) fn new(sample: &'s Sample<'a>, threads: usize) -> Scaled<'s, 'a> {
        let power = |bound: f64| {
            // Columns of zeros stay as they are.
            if bound > 0.0 { libm::scalbn(1.0, -libm::frexp(bound).1) } else { 1.0 }
        };
        let scale = std::iter::once(1.0).chain(sample.design.bounds().into_iter().map(power)).collect();
        let greatest = |list: &Option<Vec<f64>>, default: f64| {
            list.as_ref().map_or(default, |list| list.iter().fold(0.0, |m: f64, v| m.max(v.abs())))
        };
        let weight_max = greatest(&sample.weight, 1.0);
        let rows = sample.design.rows();
        let weights = (0..rows).map(|row| sample.weight_of(row));
        let weight = crate::exact::Sum::of(weight_max, weights);
        let threads = threads.clamp(1, rows.div_ceil(BLOCK).max(1));
        Scaled { sample, scale, weight_max, offset_max: greatest(&sample.offset, 0.0), weight, threads }
    }

    pub(crate) fn width(&self) -> usize {
        self.scale.len()
    }

    /// The sums at `theta` (scaled, intercept first).
    pub(crate) fn pass(&self, theta: &[f64], second: bool) -> Pass {
        let reach = theta.iter().map(|t| t.abs()).sum::<f64>() + self.offset_max + 1.0;
        let grids = Grids {
            loss: Grid::for_bound(self.weight_max * reach),
            gradient: Grid::for_bound(self.weight_max),
            hessian: Grid::for_bound(self.weight_max / 4.0),
        };
        let blocks = self.sample.design.rows().div_ceil(BLOCK);
        let parts: Vec<Totals> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads)
                .map(|thread| {
                    scope.spawn(move || {
                        let mut totals = Totals::new(theta.len(), second);
                        let mut work = Work::new(theta.len(), second);
                        for block in (thread..blocks).step_by(self.threads) {
                            self.block(block, theta, grids, &mut work, &mut totals);
                        }
                        totals
                    })
                })
                .collect();
            workers.into_iter().map(|worker| worker.join().expect("a pass does not panic")).collect()
        });
        let mut totals = Totals::new(theta.len(), second);
        for part in &parts {
            totals.loss += part.loss;
            add(&mut totals.gradient, &part.gradient);
            add(&mut totals.hessian, &part.hessian);
            totals.lowest_bad = totals.lowest_bad.min(part.lowest_bad);
            totals.highest_good = totals.highest_good.max(part.highest_good);
        }
        Pass {
            loss: grids.loss.value(totals.loss),
            gradient: totals.gradient.iter().map(|g| grids.gradient.value(*g)).collect(),
            hessian: second.then(|| square(&totals.hessian, theta.len(), grids.hessian)),
            lowest_bad: totals.lowest_bad,
            highest_good: totals.highest_good,
        }
    }

    fn block(&self, block: usize, theta: &[f64], grids: Grids, work: &mut Work, totals: &mut Totals) {
        let width = theta.len();
        let first = block * BLOCK;
        let last = (first + BLOCK).min(self.sample.design.rows());
        work.clear();
        let mut loss = 0.0;
        for from in (first..last).step_by(PART) {
            let n = PART.min(last - from);
            self.sample.design.fill(from, n, &self.scale, &mut work.rows);
            for (i, (x, second)) in work.rows.chunks_exact(width).zip(&mut work.second).take(n).enumerate() {
                let row = from + i;
                let weight = self.sample.weight_of(row);
                let default = self.sample.default[row];
                let eta = self.sample.offset.as_ref().map_or(0.0, |offset| offset[row]) + dot(x, theta);
                let (p, log1pexp) = logistic(eta);
                if weight > 0.0 {
                    let bound = if default { &mut totals.lowest_bad } else { &mut totals.highest_good };
                    *bound = if default { bound.min(eta) } else { bound.max(eta) };
                }
                loss += grids.loss.round(weight * (log1pexp - if default { eta } else { 0.0 }));
                let residual = weight * (p - f64::from(u8::from(default)));
                for (sum, x) in work.gradient.iter_mut().zip(x) {
                    *sum += grids.gradient.round(residual * x);
                }
                *second = weight * p * (1.0 - p);
            }
            if !work.hessian.is_empty() {
                outers(&work.second[..n], &work.rows, width, grids.hessian, &mut work.hessian);
            }
        }
        totals.loss += grids.loss.units(loss);
        for (total, sum) in totals.gradient.iter_mut().zip(&work.gradient) {
            *total += grids.gradient.units(*sum);
        }
        for (total, sum) in totals.hessian.iter_mut().zip(&work.hessian) {
            *total += grids.hessian.units(*sum);
        }
    }
}

/// Room for one block.
struct Work {
    rows: Vec<f64>,
    /// Of each row, what its outer product weighs.
    second: [f64; PART],
    gradient: Vec<f64>,
    hessian: Vec<f64>,
}

impl Work {
    fn new(width: usize, second: bool) -> Work {
        let triangle = if second { width * (width + 1) / 2 } else { 0 };
        Work {
            rows: vec![0.0; PART * width],
            second: [0.0; PART],
            gradient: vec![0.0; width],
            hessian: vec![0.0; triangle],
        }
    }

    fn clear(&mut self) {
        self.gradient.fill(0.0);
        self.hessian.fill(0.0);
    }
}

impl Totals {
    fn new(width: usize, second: bool) -> Totals {
        Totals {
            loss: 0,
            gradient: vec![0; width],
            hessian: vec![0; if second { width * (width + 1) / 2 } else { 0 }],
            lowest_bad: f64::INFINITY,
            highest_good: f64::NEG_INFINITY,
        }
    }
}

/// Adds `w x xᵀ` of some rows to a lower triangle, four rows at a time: each number is rounded to the grid, where sums are
/// exact, so their order is free.
fn outers(weights: &[f64], rows: &[f64], width: usize, grid: Grid, triangle: &mut [f64]) {
    let (fours, rest) = weights.as_chunks::<4>();
    let (rows_of_four, rows_of_rest) = rows.split_at(4 * fours.len() * width);
    for (w, rows) in fours.iter().zip(rows_of_four.chunks_exact(4 * width)) {
        let (a, others) = rows.split_at(width);
        let (b, others) = others.split_at(width);
        let (c, d) = others.split_at(width);
        let mut triangle = &mut *triangle;
        for j in 0..width {
            let (line, after) = triangle.split_at_mut(j + 1);
            let (wa, wb, wc, wd) = (w[0] * a[j], w[1] * b[j], w[2] * c[j], w[3] * d[j]);
            let columns = a[..=j].iter().zip(&b[..=j]).zip(c[..=j].iter().zip(&d[..=j]));
            for (sum, ((a, b), (c, d))) in line.iter_mut().zip(columns) {
                *sum += (grid.round(wa * a) + grid.round(wb * b)) + (grid.round(wc * c) + grid.round(wd * d));
            }
            triangle = after;
        }
    }
    for (w, x) in rest.iter().zip(rows_of_rest.chunks_exact(width)) {
        outer(*w, x, grid, triangle);
    }
}

/// Adds `w x xᵀ`, each number rounded, to a lower triangle.
#[inline]
fn outer(w: f64, x: &[f64], grid: Grid, triangle: &mut [f64]) {
    let mut rest = triangle;
    for j in 0..x.len() {
        let (line, after) = rest.split_at_mut(j + 1);
        let wx = w * x[j];
        for (sum, x) in line.iter_mut().zip(x) {
            *sum += grid.round(wx * x);
        }
        rest = after;
    }
}

/// Four partial sums in a fixed arrangement: the same for a row wherever it stands.
#[inline]
pub(crate) fn dot(x: &[f64], theta: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (x4, theta4) = (x.chunks_exact(4), theta.chunks_exact(4));
    let rest: f64 = x4.remainder().iter().zip(theta4.remainder()).map(|(x, t)| x * t).sum();
    for (x, t) in x4.zip(theta4) {
        for i in 0..4 {
            sums[i] += x[i] * t[i];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

/// `1 / (1 + e^-η)` and `ln(1 + e^η)`, without overflow.
#[inline]
pub(crate) fn logistic(eta: f64) -> (f64, f64) {
    let e = libm::exp(-eta.abs());
    let p = if eta >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) };
    (p, libm::log1p(e) + eta.max(0.0))
}

fn add(sums: &mut [i128], more: &[i128]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += more;
    }
}

fn square(triangle: &[i128], width: usize, grid: Grid) -> Vec<f64> {
    let mut square = vec![0.0; width * width];
    let mut cells = triangle.iter();
    for i in 0..width {
        for (j, cell) in (0..=i).zip(&mut cells) {
            let value = grid.value(*cell);
            square[i * width + j] = value;
            square[j * width + i] = value;
        }
    }
    square
}

/// Sums over groups of the outer products of each group's gradient, row-major: the middle of the clustered covariance.
///
/// Without groups every row is one.
pub(crate) fn scores(scaled: &Scaled<'_, '_>, theta: &[f64]) -> (Vec<f64>, usize) {
    match &scaled.sample.group {
        Some(groups) => scores_of_groups(scaled, theta, groups),
        None => (scores_of_rows(scaled, theta), scaled.sample.design.rows()),
    }
}

/// What a row's gradient is its columns times: weight times the miss.
fn residual(sample: &Sample<'_>, row: usize, x: &[f64], theta: &[f64]) -> f64 {
    let eta = sample.offset.as_ref().map_or(0.0, |offset| offset[row]) + dot(x, theta);
    sample.weight_of(row) * (logistic(eta).0 - f64::from(u8::from(sample.default[row])))
}

fn scores_of_rows(scaled: &Scaled<'_, '_>, theta: &[f64]) -> Vec<f64> {
    let width = scaled.width();
    let rows = scaled.sample.design.rows();
    let row_grid = Grid::for_bound(scaled.weight_max);
    let grid = Grid::for_bound(scaled.weight_max * scaled.weight_max);
    let cells = width * (width + 1) / 2;
    let share = |thread: usize| {
        let (mut triangle, mut totals) = (vec![0.0; cells], vec![0i128; cells]);
        let mut block = vec![0.0; PART * width];
        for first in (thread * BLOCK..rows).step_by(scaled.threads * BLOCK) {
            let last = (first + BLOCK).min(rows);
            for from in (first..last).step_by(PART) {
                let n = PART.min(last - from);
                scaled.sample.design.fill(from, n, &scaled.scale, &mut block);
                for (i, x) in block.chunks_exact_mut(width).take(n).enumerate() {
                    let residual = residual(scaled.sample, from + i, x, theta);
                    for x in x.iter_mut() {
                        *x = row_grid.round(residual * *x);
                    }
                }
                outers(&[1.0; PART][..n], &block, width, grid, &mut triangle);
            }
            flush(&mut triangle, &mut totals, grid);
        }
        totals
    };
    let mut totals = vec![0i128; cells];
    std::thread::scope(|scope| {
        let share = &share;
        let workers: Vec<_> = (0..scaled.threads).map(|thread| scope.spawn(move || share(thread))).collect();
        for worker in workers {
            add(&mut totals, &worker.join().expect("a pass does not panic"));
        }
    });
    square(&totals, width, grid)
}

fn scores_of_groups(scaled: &Scaled<'_, '_>, theta: &[f64], groups: &[u64]) -> (Vec<f64>, usize) {
    let width = scaled.width();
    let sample = scaled.sample;
    let mut groups: Vec<(u64, u32)> = groups.iter().copied().zip(0..).collect();
    groups.sort_unstable();
    let members = |run: &[(u64, u32)]| run.len();
    let largest = groups.chunk_by(|a, b| a.0 == b.0).map(members).max().unwrap_or(1);
    let row_grid = Grid::for_bound(scaled.weight_max);
    let bound = scaled.weight_max * largest as f64;
    let grid = Grid::for_bound(bound * bound);
    let (mut triangle, mut totals) =
        (vec![0.0; width * (width + 1) / 2], vec![0i128; width * (width + 1) / 2]);
    let mut x = vec![0.0; width];
    let mut units = vec![0i128; width];
    let mut count = 0;
    for run in groups.chunk_by(|a, b| a.0 == b.0) {
        units.fill(0);
        for (_, row) in run {
            let row = *row as usize;
            sample.design.fill(row, 1, &scaled.scale, &mut x);
            let residual = residual(sample, row, &x, theta);
            for (sum, x) in units.iter_mut().zip(&x) {
                *sum += row_grid.units(row_grid.round(residual * x));
            }
        }
        let score: Vec<f64> = units.iter().map(|u| row_grid.value(*u)).collect();
        outer(1.0, &score, grid, &mut triangle);
        count += 1;
        if count % BLOCK == 0 {
            flush(&mut triangle, &mut totals, grid);
        }
    }
    flush(&mut triangle, &mut totals, grid);
    (square(&totals, width, grid), count)
}

fn flush(triangle: &mut [f64], totals: &mut [i128], grid: Grid) {
    for (sum, total) in triangle.iter_mut().zip(totals) {
        *total += grid.units(*sum);
        *sum = 0.0;
    }
}

/// Weighted sums of products of the columns, intercept first, row-major, unscaled: for correlations.
pub(crate) fn products(sample: &Sample<'_>, threads: usize) -> Vec<f64> {
    // The second derivative at θ = 0 without offset is a quarter of them.
    let plain = Sample { offset: None, ..sample.clone() };
    let scaled = Scaled::new(&plain, threads);
    let width = scaled.width();
    let pass = scaled.pass(&vec![0.0; width], true);
    let mut products = pass.hessian.unwrap_or_default();
    for i in 0..width {
        for j in 0..width {
            products[i * width + j] *= 4.0 / (scaled.scale[i] * scaled.scale[j]);
        }
    }
    products
}
