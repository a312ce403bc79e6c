//! Dates among the features that lie after the observation: what was to be foretold may be known from them.

use super::error::{Finding, HistoryError};
use super::rows::{Month, month_of_day, month_of_number, month_of_text};
use super::source::{Batch, Shape};
use super::table::History;

impl History {
    /// What is to be said of a feature all of whose values are dates: how many of the learning rows have one after their month, or that
    /// nobody can tell. A month is as far as the description dates a row.
    pub(super) fn future(
        &self,
        column: &str,
        shape: Shape,
        learns: &[bool],
    ) -> Result<Option<Finding>, HistoryError> {
        let Some(months) = &self.rows.month else {
            return Ok(Some(Finding::Dates { column: column.to_owned() }));
        };
        let (mut row, mut rows) = (0, 0);
        let mut look = |month: Option<Month>| {
            rows += u64::from(learns[row] && month.is_some_and(|month| month > months[row]));
            row += 1;
        };
        self.source.visit(column, |_, _, batch| {
            match batch {
                Batch::Numbers(numbers) if shape == Shape::Day => {
                    for day in numbers {
                        look(month_of_day(*day));
                    }
                }
                Batch::Numbers(numbers) => {
                    for number in numbers {
                        look(written(*number));
                    }
                }
                Batch::Texts(texts) => {
                    for text in texts {
                        look(text.and_then(month_of_text));
                    }
                }
            }
            Ok(())
        })?;
        Ok((rows > 0).then(|| Finding::Future { column: column.to_owned(), rows }))
    }
}

/// The month of a number written as `yyyymm` or `yyyymmdd`, of the years 1900 to 2199.
pub(super) fn written(number: f64) -> Option<Month> {
    let day = number % 100.0;
    match number {
        n if (190_001.0..220_000.0).contains(&n) => month_of_number(n),
        n if (19_000_101.0..22_000_000.0).contains(&n) && n.fract() == 0.0 && (1.0..=31.0).contains(&day) => {
            month_of_number((n / 100.0).floor())
        }
        _ => None,
    }
}
