//! Symmetric positive matrices, row-major: factor, solve, invert.

/// `A = L Lᵀ`, with the columns left out whose pivot vanished.
pub(crate) struct Cholesky {
    n: usize,
    lower: Vec<f64>,
    /// Columns that are sums of those before them: their pivot fell below `tolerance` of their own size.
    pub(crate) dependent: Vec<usize>,
}

impl Cholesky {
    /// Factors the `n × n` matrix `a`.
    pub(crate) fn new(a: &[f64], n: usize, tolerance: f64) -> Cholesky {
        let mut lower = vec![0.0; n * n];
        let mut dependent = Vec::new();
        for j in 0..n {
            let pivot = a[j * n + j] - (0..j).map(|k| lower[j * n + k] * lower[j * n + k]).sum::<f64>();
            // Written so that not-a-number counts as dependent.
            let sound = pivot > tolerance * a[j * n + j] && pivot > 0.0;
            if !sound {
                dependent.push(j);
                continue;
            }
            let root = pivot.sqrt();
            lower[j * n + j] = root;
            for i in j + 1..n {
                let sum = (0..j).map(|k| lower[i * n + k] * lower[j * n + k]).sum::<f64>();
                lower[i * n + j] = (a[i * n + j] - sum) / root;
            }
        }
        Cholesky { n, lower, dependent }
    }

    /// `x` with `A x = b`, 0 in dependent columns.
    pub(crate) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let (n, l) = (self.n, &self.lower);
        let mut x = b.to_vec();
        for i in 0..n {
            let sum: f64 = (0..i).map(|k| l[i * n + k] * x[k]).sum();
            x[i] = if l[i * n + i] > 0.0 { (x[i] - sum) / l[i * n + i] } else { 0.0 };
        }
        for i in (0..n).rev() {
            let sum: f64 = (i + 1..n).map(|k| l[k * n + i] * x[k]).sum();
            x[i] = if l[i * n + i] > 0.0 { (x[i] - sum) / l[i * n + i] } else { 0.0 };
        }
        x
    }

    /// `A⁻¹`, with zeros in the rows and columns of dependent ones.
    pub(crate) fn inverse(&self) -> Vec<f64> {
        let n = self.n;
        let mut inverse = vec![0.0; n * n];
        for j in 0..n {
            if self.dependent.contains(&j) {
                continue;
            }
            let mut unit = vec![0.0; n];
            unit[j] = 1.0;
            for (i, value) in self.solve(&unit).into_iter().enumerate() {
                inverse[i * n + j] = value;
            }
        }
        inverse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        let a = [4.0, 2.0, 0.6, 2.0, 5.0, 1.0, 0.6, 1.0, 3.0];
        let inverse = Cholesky::new(&a, 3, 1e-12).inverse();
        for i in 0..3 {
            for j in 0..3 {
                let cell: f64 = (0..3).map(|k| a[i * 3 + k] * inverse[k * 3 + j]).sum();
                assert!((cell - f64::from(u8::from(i == j))).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn a_repeated_column_is_found() {
        let a = [2.0, 1.0, 2.0, 1.0, 3.0, 1.0, 2.0, 1.0, 2.0];
        let factor = Cholesky::new(&a, 3, 1e-12);
        assert_eq!(factor.dependent, [2]);
        let x = factor.solve(&[3.0, 4.0, 3.0]);
        assert!((x[0] - 1.0).abs() < 1e-14 && (x[1] - 1.0).abs() < 1e-14 && x[2] == 0.0);
    }
}
