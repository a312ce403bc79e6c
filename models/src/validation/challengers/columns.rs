//! Columns of a history as challengers see them: numbers as they are, categories as columns of 0 and 1.

use ndarray::Array2;

use crate::history::{History, HistoryError, Kind};
use crate::validation::Labels;

/// The most columns that a category may become; the others are one column together.
const LEVELS_MAX: usize = 30;

/// A column of raw values.
#[derive(Clone, Debug, PartialEq)]
pub struct RawColumn {
    /// Its name in the history.
    pub name: String,
    /// A value a row.
    pub values: Raw,
}

/// Values, one a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    /// Not-a-number is missing.
    Numbers(Vec<f64>),
    /// Any texts.
    Names(Labels),
}

/// All features of a history, also those that the card did not take.
///
/// # Errors
/// A file that cannot be read.
pub fn raw_columns(history: &History) -> Result<Vec<RawColumn>, HistoryError> {
    let read = |name: String| {
        let values = match history.kind(&name)? {
            Kind::Numeric => Raw::Numbers(history.numbers(&name)?),
            Kind::Categorical => Raw::Names(Labels::new(&name, &history.texts(&name)?)),
        };
        Ok(RawColumn { name, values })
    };
    history.features().into_iter().map(read).collect()
}

/// How raw columns become numbers: means, deviations and categories are those of the learning rows.
pub(super) struct Encoding<'r> {
    parts: Vec<Part<'r>>,
}

enum Part<'r> {
    Numbers {
        numbers: &'r [f64],
        mean: f64,
        scale: f64,
        /// Whether a learning row has none.
        gaps: bool,
    },
    /// Whether a row is of this category.
    Level { of: &'r [u32], level: u32 },
}

impl<'r> Encoding<'r> {
    pub(super) fn new(raw: &'r [RawColumn], learn: &[u32]) -> Encoding<'r> {
        let mut parts = Vec::new();
        for column in raw {
            match &column.values {
                Raw::Numbers(numbers) => {
                    let known = || learn.iter().map(|row| numbers[*row as usize]).filter(|v| v.is_finite());
                    let n = known().count().max(1) as f64;
                    let mean = known().sum::<f64>() / n;
                    let deviation = (known().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt();
                    let scale = if deviation > 0.0 { deviation } else { 1.0 };
                    let gaps = learn.iter().any(|row| !numbers[*row as usize].is_finite());
                    parts.push(Part::Numbers { numbers, mean, scale, gaps });
                }
                Raw::Names(labels) => {
                    let mut counts = vec![0usize; labels.names.len()];
                    for row in learn {
                        counts[labels.of[*row as usize] as usize] += 1;
                    }
                    let mut levels: Vec<(u32, usize)> =
                        (0u32..).zip(counts).filter(|(_, n)| *n > 0).collect();
                    levels.sort_by_key(|(level, n)| (std::cmp::Reverse(*n), *level));
                    // The last level is what none of the columns says.
                    levels.truncate(LEVELS_MAX.min(levels.len().saturating_sub(1)));
                    parts.extend(levels.into_iter().map(|(level, _)| Part::Level { of: &labels.of, level }));
                }
            }
        }
        Encoding { parts }
    }

    /// `n × k`, numbers by their deviation from the mean; a missing one as the mean, with a column that says so.
    pub(super) fn standardised(&self, of: &[u32]) -> Array2<f64> {
        let mut columns: Vec<Vec<f64>> = Vec::new();
        for part in &self.parts {
            match part {
                Part::Numbers { numbers, mean, scale, gaps, .. } => {
                    let value = |row: &u32| numbers[*row as usize];
                    let told = |v: f64| if v.is_finite() { (v - mean) / scale } else { 0.0 };
                    columns.push(of.iter().map(|row| told(value(row))).collect());
                    if *gaps {
                        let missing = |row: &u32| f64::from(u8::from(!value(row).is_finite()));
                        columns.push(of.iter().map(missing).collect());
                    }
                }
                Part::Level { .. } => columns.push(part.plain(of).collect()),
            }
        }
        Array2::from_shape_fn((of.len(), columns.len()), |(i, j)| columns[j][i])
    }

    /// Column after column as they are; not-a-number is missing.
    pub(super) fn plain(&self, of: &[u32]) -> Vec<f64> {
        self.parts.iter().flat_map(|part| part.plain(of)).collect()
    }

    /// How many plain columns there are.
    pub(super) fn columns(&self) -> usize {
        self.parts.len()
    }
}

impl Part<'_> {
    fn plain<'p>(&'p self, rows: &'p [u32]) -> Box<dyn Iterator<Item = f64> + 'p> {
        match self {
            Part::Numbers { numbers, .. } => Box::new(rows.iter().map(|row| numbers[*row as usize])),
            Part::Level { of, level } => {
                Box::new(rows.iter().map(|row| f64::from(u8::from(of[*row as usize] == *level))))
            }
        }
    }
}
