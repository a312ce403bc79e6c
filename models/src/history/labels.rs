//! Columns that are no features of a model, read for its validation: names of groups, numbers, digests of rows.

use super::error::HistoryError;
use super::rows::digest;
use super::source::Batch;
use super::table::History;
use crate::exact::SplitMix64;

impl History {
    /// Each row's value of any column as text; a missing one is `(missing)`.
    ///
    /// # Errors
    /// No such column, a file that cannot be read.
    pub fn texts(&self, column: &str) -> Result<Vec<String>, HistoryError> {
        let mut texts = Vec::with_capacity(self.rows.len());
        let missing = || "(missing)".to_owned();
        self.source.visit(column, |_, _, batch| {
            match batch {
                Batch::Numbers(numbers) => {
                    texts.extend(numbers.iter().map(|n| if n.is_nan() { missing() } else { n.to_string() }));
                }
                Batch::Texts(found) => {
                    texts.extend(found.iter().map(|text| text.map_or_else(missing, ToOwned::to_owned)));
                }
            }
            Ok(())
        })?;
        Ok(texts)
    }

    /// Each row's value of a column of numbers, dates as days since 1970-01-01; a missing one is not-a-number.
    ///
    /// # Errors
    /// No such column, a file that cannot be read.
    pub fn numbers(&self, column: &str) -> Result<Vec<f64>, HistoryError> {
        let mut numbers = Vec::with_capacity(self.rows.len());
        self.source.visit(column, |_, _, batch| {
            match batch {
                Batch::Numbers(found) => numbers.extend_from_slice(found),
                Batch::Texts(texts) => numbers.extend(texts.iter().map(|_| f64::NAN)),
            }
            Ok(())
        })?;
        Ok(numbers)
    }

    /// A digest of each row's features and class: equal rows have equal digests, and among a million different rows two
    /// alike are a matter of one in thirty million.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn digests(&self) -> Result<Vec<u64>, HistoryError> {
        let mut digests: Vec<u64> = self.rows.default.iter().map(|default| u64::from(*default)).collect();
        let mix = |digest: &mut u64, part: u64| *digest = SplitMix64(digest.rotate_left(17) ^ part).next();
        for column in self.features() {
            let mut row = 0;
            self.source.visit(&column, |_, _, batch| {
                match batch {
                    Batch::Numbers(numbers) => {
                        for number in numbers {
                            // Every not-a-number is the same missing value, and -0 is 0.
                            let bits = if number.is_nan() { u64::MAX } else { (number + 0.0).to_bits() };
                            mix(&mut digests[row], bits);
                            row += 1;
                        }
                    }
                    Batch::Texts(texts) => {
                        for text in texts {
                            mix(&mut digests[row], text.map_or(u64::MAX, |text| digest(&[text.as_bytes()])));
                            row += 1;
                        }
                    }
                }
                Ok(())
            })?;
        }
        Ok(digests)
    }
}
