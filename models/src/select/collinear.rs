//! Features that say the same: correlations and variance inflation.

use crate::logistic::Sample;
use crate::logistic::cholesky::Cholesky;
use crate::logistic::pass::products;

/// Correlations of the columns of a sample, weighted; the same for its rows in any order.
#[derive(Clone, Debug, PartialEq)]
pub struct Correlations {
    columns: usize,
    /// `k × k`, row-major.
    cells: Vec<f64>,
}

impl Correlations {
    /// Of a sample's columns. A constant column correlates with nothing.
    pub fn of(sample: &Sample<'_>, threads: usize) -> Correlations {
        let products = products(sample, threads);
        let columns = sample.design().columns();
        let width = columns + 1;
        let weight = products[0];
        let covariance = |i: usize, j: usize| {
            products[(i + 1) * width + j + 1] / weight - products[i + 1] / weight * (products[j + 1] / weight)
        };
        // A variance below rounding is none.
        let spread: Vec<f64> = (0..columns)
            .map(|j| {
                let variance = covariance(j, j);
                if variance > 1e-10 * products[(j + 1) * width + j + 1] / weight {
                    variance.sqrt()
                } else {
                    0.0
                }
            })
            .collect();
        let mut cells = vec![0.0; columns * columns];
        for i in 0..columns {
            for j in 0..columns {
                let scale = spread[i] * spread[j];
                let value = if scale > 0.0 { (covariance(i, j) / scale).clamp(-1.0, 1.0) } else { 0.0 };
                cells[i * columns + j] = if i == j { 1.0 } else { value };
            }
        }
        Correlations { columns, cells }
    }

    /// Between two columns, −1 to 1.
    pub fn between(&self, a: usize, b: usize) -> f64 {
        self.cells[a * self.columns + b]
    }

    /// `1 / (1 − R²)` of each column explained by all others, from 1; infinite for one that others make up (Marquardt,
    /// *Technometrics* 12, 1970). Above 5 or 10 is commonly taken for too much.
    pub fn variance_inflation(&self) -> Vec<f64> {
        let factor = Cholesky::new(&self.cells, self.columns, 1e-10);
        if factor.dependent.is_empty() {
            let inverse = factor.inverse();
            return (0..self.columns).map(|j| inverse[j * self.columns + j].max(1.0)).collect();
        }
        // With dependent columns each is judged against the others alone.
        (0..self.columns).map(|j| self.inflation(j)).collect()
    }

    fn inflation(&self, column: usize) -> f64 {
        let others: Vec<usize> = (0..self.columns).filter(|j| *j != column).collect();
        let matrix: Vec<f64> =
            others.iter().flat_map(|i| others.iter().map(|j| self.between(*i, *j))).collect();
        let with: Vec<f64> = others.iter().map(|j| self.between(*j, column)).collect();
        let solved = Cholesky::new(&matrix, others.len(), 1e-10).solve(&with);
        let explained: f64 = solved.iter().zip(&with).map(|(s, w)| s * w).sum();
        if 1.0 - explained > 1e-9 { 1.0 / (1.0 - explained) } else { f64::INFINITY }
    }

    /// Columns to keep, in the given order of preference, so that no two of them correlate by more than `most` either
    /// way; with each column left out, the kept one that it resembles.
    pub fn thinned(&self, preference: &[usize], most: f64) -> (Vec<usize>, Vec<(usize, usize)>) {
        let (mut kept, mut left): (Vec<usize>, Vec<(usize, usize)>) = (Vec::new(), Vec::new());
        for &column in preference {
            match kept.iter().find(|other| self.between(column, **other).abs() > most) {
                Some(other) => left.push((column, *other)),
                None => kept.push(column),
            }
        }
        (kept, left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::SplitMix64;
    use crate::logistic::Design;
    use ndarray::Array2;

    fn correlations(x: &Array2<f64>) -> Correlations {
        let default = (0..x.nrows()).map(|i| i % 2 == 0).collect();
        Correlations::of(&Sample::new(Design::Dense(x.view()), default).expect("a sample"), 2)
    }

    #[test]
    fn correlations_and_inflation_are_those_of_the_formulas() {
        // Correlation of (1,2,3,4) and (1,3,2,4) is 0.8; VIF of two columns is 1/(1 - r²).
        let x = Array2::from_shape_fn((4, 3), |(i, j)| [[1., 2., 3., 4.], [1., 3., 2., 4.], [5.; 4]][j][i]);
        let found = correlations(&x);
        assert!((found.between(0, 1) - 0.8).abs() < 1e-9);
        assert!(found.between(0, 2) == 0.0 && (found.between(2, 2) - 1.0).abs() < 1e-15);
        let inflation = found.variance_inflation();
        assert!(
            (inflation[0] - 1.0 / 0.36).abs() < 1e-7 && (inflation[2] - 1.0).abs() < 1e-9,
            "{inflation:?}"
        );
    }

    #[test]
    fn a_made_up_column_is_infinitely_inflated_and_thinned_out() {
        let mut random = SplitMix64(3);
        let mut x = Array2::from_shape_fn((500, 4), |_| random.unit());
        for i in 0..500 {
            x[[i, 2]] = x[[i, 0]] + x[[i, 1]];
            x[[i, 3]] = -3.0 * x[[i, 0]] + 1e-3 * x[[i, 3]];
        }
        let found = correlations(&x);
        let inflation = found.variance_inflation();
        assert!(inflation[1].is_infinite() && inflation[2].is_infinite(), "{inflation:?}");
        assert_eq!(found.thinned(&[1, 0, 3], 0.9), (vec![1, 0], vec![(3, 0)]));
    }
}
