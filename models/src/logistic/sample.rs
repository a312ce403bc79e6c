//! The rows that a regression is fitted to.

use ndarray::ArrayView2;

use crate::history::Codes;
use crate::mass::Mass;

/// Explanatory variables: `n` rows, `k` columns, without a column for the intercept.
#[derive(Clone, Debug)]
pub enum Design<'a> {
    /// Columns of codes with a number for each code, and the rows of theirs that count.
    Coded {
        /// Codes of all rows, and what each code counts as.
        columns: Vec<(&'a Codes, Vec<f64>)>,
        /// Which rows, in any order.
        rows: &'a [u32],
    },
    /// Any numbers, `n × k`.
    Dense(ArrayView2<'a, f64>),
}

impl Design<'_> {
    /// How many rows.
    pub fn rows(&self) -> usize {
        match self {
            Design::Coded { rows, .. } => rows.len(),
            Design::Dense(matrix) => matrix.nrows(),
        }
    }

    /// How many columns.
    pub fn columns(&self) -> usize {
        match self {
            Design::Coded { columns, .. } => columns.len(),
            Design::Dense(matrix) => matrix.ncols(),
        }
    }

    /// The same rows with only some of the columns.
    #[must_use]
    pub(crate) fn narrowed(&self, kept: &[usize]) -> Narrowed<'_> {
        match self {
            Design::Coded { columns, rows } => Narrowed::Coded {
                columns: kept.iter().map(|at| (columns[*at].0, columns[*at].1.clone())).collect(),
                rows,
            },
            Design::Dense(matrix) => Narrowed::Dense(matrix.select(ndarray::Axis(1), kept)),
        }
    }

    /// Writes the rows `from..from + n` one after another into `block`, each as a 1 and `k` numbers, column `j` times
    /// `scale[j + 1]`.
    pub(super) fn fill(&self, from: usize, n: usize, scale: &[f64], block: &mut [f64]) {
        let width = self.columns() + 1;
        for row in block.chunks_exact_mut(width).take(n) {
            row[0] = 1.0;
        }
        match self {
            Design::Coded { columns, rows } => {
                let rows = &rows[from..from + n];
                for (j, (codes, numbers)) in columns.iter().enumerate() {
                    let cells = block.iter_mut().skip(j + 1).step_by(width);
                    let scale = scale[j + 1];
                    match codes {
                        Codes::Narrow(codes) => {
                            for (cell, row) in cells.zip(rows) {
                                *cell = numbers[usize::from(codes[*row as usize])] * scale;
                            }
                        }
                        Codes::Wide(codes) => {
                            for (cell, row) in cells.zip(rows) {
                                *cell = numbers[usize::from(codes[*row as usize])] * scale;
                            }
                        }
                    }
                }
            }
            Design::Dense(matrix) => {
                for (i, cells) in block.chunks_exact_mut(width).take(n).enumerate() {
                    for (j, cell) in cells.iter_mut().skip(1).enumerate() {
                        *cell = matrix[[from + i, j]] * scale[j + 1];
                    }
                }
            }
        }
    }

    /// The greatest magnitude in each column.
    pub(super) fn bounds(&self) -> Vec<f64> {
        let greatest = |numbers: &mut dyn Iterator<Item = f64>| numbers.fold(0.0, |m: f64, v| m.max(v.abs()));
        match self {
            // Over all codes, used or not: a bound is enough.
            Design::Coded { columns, .. } => {
                columns.iter().map(|(_, numbers)| greatest(&mut numbers.iter().copied())).collect()
            }
            Design::Dense(matrix) => {
                matrix.columns().into_iter().map(|column| greatest(&mut column.iter().copied())).collect()
            }
        }
    }

    /// The first row and column of a number that is not finite.
    fn unusable(&self) -> Option<(usize, usize)> {
        match self {
            Design::Coded { columns, .. } => {
                columns.iter().position(|(_, numbers)| numbers.iter().any(|v| !v.is_finite())).map(|j| (0, j))
            }
            Design::Dense(matrix) => matrix.indexed_iter().find(|(_, v)| !v.is_finite()).map(|(at, _)| at),
        }
    }
}

/// A design with fewer columns, which a dense one must copy.
pub(crate) enum Narrowed<'a> {
    Coded { columns: Vec<(&'a Codes, Vec<f64>)>, rows: &'a [u32] },
    Dense(ndarray::Array2<f64>),
}

impl Narrowed<'_> {
    pub(crate) fn design(&self) -> Design<'_> {
        match self {
            Narrowed::Coded { columns, rows } => Design::Coded { columns: columns.clone(), rows },
            Narrowed::Dense(matrix) => Design::Dense(matrix.view()),
        }
    }
}

/// What a regression is fitted to: each list has an entry for each row of the design.
#[derive(Clone, Debug)]
pub struct Sample<'a> {
    pub(super) design: Design<'a>,
    pub(super) default: Vec<bool>,
    pub(super) weight: Option<Vec<f64>>,
    pub(super) offset: Option<Vec<f64>>,
    pub(super) group: Option<Vec<u64>>,
}

/// Why a sample cannot be fitted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SampleError {
    /// A list is not as long as the design has rows.
    #[error("{list} has {found} entries, expected one for each of {expected} rows")]
    Length {
        /// Which list.
        list: &'static str,
        /// Its length.
        found: usize,
        /// The rows of the design.
        expected: usize,
    },
    /// All rows of any weight are of one class.
    #[error("the sample has one class only, expected two")]
    OneClass,
    /// A number is infinite or none.
    #[error("row {row} of column {column} is not finite")]
    NotFinite {
        /// Row, from 0; 0 for a number that a code stands for.
        row: usize,
        /// Column, from 0.
        column: usize,
    },
    /// A weight or an offset cannot be used.
    #[error("row {row}: {list} is {found}, expected {expected}")]
    Number {
        /// Which list.
        list: &'static str,
        /// Row, from 0.
        row: usize,
        /// The number found.
        found: f64,
        /// What would do.
        expected: &'static str,
    },
}

impl<'a> Sample<'a> {
    /// Rows of weight one, `default[i]` the class of row `i`.
    ///
    /// # Errors
    /// Lists of another length, one class only, numbers that are not finite.
    pub fn new(design: Design<'a>, default: Vec<bool>) -> Result<Sample<'a>, SampleError> {
        let sample = Sample { design, default, weight: None, offset: None, group: None };
        sample.fits("default", sample.default.len())?;
        if let Some((row, column)) = sample.design.unusable() {
            return Err(SampleError::NotFinite { row, column });
        }
        sample.two_classes()?;
        Ok(sample)
    }

    /// With the weight of each row, from 0 to 65,536.
    ///
    /// # Errors
    /// A list of another length, a weight out of range, one class only among rows of any weight.
    pub fn weighted(mut self, weight: Vec<f64>) -> Result<Sample<'a>, SampleError> {
        self.fits("weight", weight.len())?;
        if let Some((row, found)) = weight.iter().enumerate().find(|(_, w)| Mass::from_weight(**w).is_none())
        {
            let expected = "a weight from 0 to 65536";
            return Err(SampleError::Number { list: "weight", row, found: *found, expected });
        }
        self.weight = Some(weight);
        self.two_classes()?;
        Ok(self)
    }

    /// With a number for each row that is added to its linear predictor.
    ///
    /// # Errors
    /// A list of another length, a number that is not finite.
    pub fn offset(mut self, offset: Vec<f64>) -> Result<Sample<'a>, SampleError> {
        self.fits("offset", offset.len())?;
        if let Some((row, found)) = offset.iter().enumerate().find(|(_, v)| !v.is_finite()) {
            return Err(SampleError::Number {
                list: "offset",
                row,
                found: *found,
                expected: "a finite number",
            });
        }
        self.offset = Some(offset);
        Ok(self)
    }

    /// With the group of each row; rows of a group may depend on each other.
    ///
    /// # Errors
    /// A list of another length.
    pub fn grouped(mut self, group: Vec<u64>) -> Result<Sample<'a>, SampleError> {
        self.fits("group", group.len())?;
        self.group = Some(group);
        Ok(self)
    }

    /// The explanatory variables.
    pub fn design(&self) -> &Design<'a> {
        &self.design
    }

    /// The same rows, other columns.
    pub(crate) fn with_design<'b>(&self, design: Design<'b>) -> Sample<'b> {
        let Sample { default, weight, offset, group, .. } = self.clone();
        Sample { design, default, weight, offset, group }
    }

    pub(crate) fn groups(&self) -> Option<&[u64]> {
        self.group.as_deref()
    }

    pub(crate) fn weight_of(&self, row: usize) -> f64 {
        self.weight.as_ref().map_or(1.0, |weight| weight[row])
    }

    fn fits(&self, list: &'static str, found: usize) -> Result<(), SampleError> {
        let expected = self.design.rows();
        if found == expected { Ok(()) } else { Err(SampleError::Length { list, found, expected }) }
    }

    fn two_classes(&self) -> Result<(), SampleError> {
        let has =
            |class| self.default.iter().enumerate().any(|(i, d)| *d == class && self.weight_of(i) > 0.0);
        if has(true) && has(false) { Ok(()) } else { Err(SampleError::OneClass) }
    }
}
