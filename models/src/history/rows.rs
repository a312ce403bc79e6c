//! What is known of each row apart from its features: class, weight, month, group.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::description::{Description, Label};
use super::error::HistoryError;
use super::source::{Batch, Shape, Source};
use crate::mass::{Count, Mass};

/// A month, counted from January of the year 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(pub i32);

impl Month {
    /// The month of a year, `month` from 1 to 12.
    pub fn of(year: i32, month: i32) -> Option<Month> {
        ((1..=12).contains(&month) && (0..=9999).contains(&year)).then(|| Month(year * 12 + month - 1))
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

/// The rows of a history in the order of its files: each list has one entry a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Whether the row defaulted.
    pub default: Vec<bool>,
    /// Its weight; `None` when all weigh one.
    pub weight: Option<Vec<Mass>>,
    /// Its month; `None` when the description names none.
    pub month: Option<Vec<Month>>,
    /// Whom it is about, as 64 bits of a digest of the id; `None` when the description names no group.
    pub group: Option<Vec<u64>>,
}

impl Rows {
    /// How many.
    pub fn len(&self) -> usize {
        self.default.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.default.is_empty()
    }

    /// The weight of a row.
    #[inline]
    pub fn mass(&self, row: usize) -> Mass {
        self.weight.as_ref().map_or(Mass::ONE, |weights| weights[row])
    }

    /// Goods and bads of some rows.
    pub fn count(&self, rows: &[u32]) -> Count {
        let mut count = Count::default();
        for &row in rows {
            count.add(self.default[row as usize], self.mass(row as usize));
        }
        count
    }

    pub(super) fn read(source: &Source, description: &Description) -> Result<Rows, HistoryError> {
        Ok(Rows {
            default: read_target(source, description)?,
            weight: description.weight.as_deref().map(|column| read_weights(source, column)).transpose()?,
            month: description.month.as_deref().map(|column| read_months(source, column)).transpose()?,
            group: description.group.as_deref().map(|column| read_groups(source, column)).transpose()?,
        })
    }
}

/// A fault of one value.
fn value(file: &Path, row: u64, column: &str, found: String, expected: &'static str) -> HistoryError {
    HistoryError::Value { file: file.into(), row, column: column.into(), found, expected }
}

fn read_target(source: &Source, description: &Description) -> Result<Vec<bool>, HistoryError> {
    let (column, default) = (description.target.column.as_str(), &description.target.default);
    let mut classes = Vec::with_capacity(source.rows());
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut note = |found: String| {
        if seen.len() < 8 || seen.contains_key(&found) {
            *seen.entry(found).or_default() += 1;
        }
    };
    // Numbers are noted when they change, not a million times.
    let mut last: Option<(u64, u64)> = None;
    let wanted = "one of two values";
    source.visit(column, |file, first, batch| {
        match batch {
            Batch::Numbers(numbers) => {
                let default = default.number();
                for (n, &number) in (0..).zip(numbers) {
                    if number.is_nan() {
                        return Err(value(file, first + n, column, "nothing".into(), wanted));
                    }
                    if last.is_none_or(|(bits, _)| bits != number.to_bits()) {
                        note(number.to_string());
                        last = Some((number.to_bits(), 0));
                    }
                    classes.push(default == Some(number));
                }
            }
            Batch::Texts(texts) => {
                for (n, text) in (0..).zip(texts) {
                    let text =
                        text.ok_or_else(|| value(file, first + n, column, "nothing".into(), wanted))?;
                    note(text.to_owned());
                    classes.push(matches!(default, Label::Text(label) if label == text));
                }
            }
        }
        Ok(())
    })?;
    let bads = classes.iter().filter(|bad| **bad).count();
    let mut found: Vec<(String, u64)> = seen.into_iter().collect();
    if found.len() == 1 {
        return Err(HistoryError::OneClass { column: column.into(), found: found.remove(0).0 });
    }
    if found.len() > 2 || bads == 0 {
        return Err(HistoryError::TargetValues {
            column: column.into(),
            default: default.to_string(),
            found,
        });
    }
    Ok(classes)
}

fn read_weights(source: &Source, column: &str) -> Result<Vec<Mass>, HistoryError> {
    let mut weights = Vec::with_capacity(source.rows());
    let mut total = 0u128;
    let wanted = "a weight from 0 to 65536";
    source.visit(column, |file, first, batch| {
        match batch {
            Batch::Numbers(numbers) => {
                for (n, number) in (0..).zip(numbers) {
                    let mass = Mass::from_weight(*number)
                        .ok_or_else(|| value(file, first + n, column, number.to_string(), wanted))?;
                    total += u128::from(mass.units());
                    weights.push(mass);
                }
            }
            Batch::Texts(texts) => {
                let found = texts.first().copied().flatten().unwrap_or("nothing").to_owned();
                return Err(value(file, first, column, found, wanted));
            }
        }
        Ok(())
    })?;
    if total >= Mass::LIMIT {
        return Err(HistoryError::Mass { column: column.into() });
    }
    Ok(weights)
}

fn read_months(source: &Source, column: &str) -> Result<Vec<Month>, HistoryError> {
    let mut months = Vec::with_capacity(source.rows());
    let wanted = "a date, `yyyymm`, `yyyy-mm` or `yyyy-mm-dd`";
    let shape = source.shape(column)?;
    source.visit(column, |file, first, batch| {
        match batch {
            Batch::Numbers(numbers) => {
                for (n, &number) in (0..).zip(numbers) {
                    let month = match shape {
                        Shape::Day => month_of_day(number),
                        Shape::Number | Shape::Text => month_of_number(number),
                    };
                    months.push(
                        month.ok_or_else(|| value(file, first + n, column, number.to_string(), wanted))?,
                    );
                }
            }
            Batch::Texts(texts) => {
                for (n, text) in (0..).zip(texts) {
                    let text = text.unwrap_or("nothing");
                    let month = month_of_text(text);
                    months.push(month.ok_or_else(|| value(file, first + n, column, text.into(), wanted))?);
                }
            }
        }
        Ok(())
    })?;
    Ok(months)
}

pub(super) fn month_of_text(text: &str) -> Option<Month> {
    let mut parts = text.splitn(3, '-');
    let (year, month) = (parts.next()?, parts.next()?);
    let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
    let day = parts.next().is_none_or(|day| day.len() >= 2 && digits(day.get(..2).unwrap_or(""), 2));
    if !(digits(year, 4) && digits(month, 2) && day) {
        return None;
    }
    Month::of(year.parse().ok()?, month.parse().ok()?)
}

#[expect(clippy::cast_possible_truncation, reason = "a whole number of six digits")]
pub(super) fn month_of_number(number: f64) -> Option<Month> {
    if number.fract() != 0.0 || !(0.0..1e6).contains(&number) {
        return None;
    }
    let number = number as i32;
    Month::of(number / 100, number % 100)
}

/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
#[expect(clippy::cast_possible_truncation, reason = "days of the years 0 to 9999 only")]
pub(super) fn month_of_day(day: f64) -> Option<Month> {
    if !(-719_528.0..2_932_897.0).contains(&day) {
        return None;
    }
    let z = day as i64 + 719_468;
    let (era, day_of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    Month::of(year as i32, month as i32)
}

fn read_groups(source: &Source, column: &str) -> Result<Vec<u64>, HistoryError> {
    let mut groups = Vec::with_capacity(source.rows());
    source.visit(column, |file, first, batch| {
        match batch {
            Batch::Numbers(numbers) => {
                for (n, number) in (0..).zip(numbers) {
                    if number.is_nan() {
                        return Err(value(file, first + n, column, "nothing".into(), "an id"));
                    }
                    groups.push(digest(&[&(number + 0.0).to_bits().to_le_bytes()]));
                }
            }
            Batch::Texts(texts) => {
                for (n, text) in (0..).zip(texts) {
                    let text =
                        text.ok_or_else(|| value(file, first + n, column, "nothing".into(), "an id"))?;
                    groups.push(digest(&[text.as_bytes()]));
                }
            }
        }
        Ok(())
    })?;
    Ok(groups)
}

/// The first 64 bits of SHA-256: among ten million ids two alike are a matter of one in three hundred thousand.
pub(super) fn digest(parts: &[&[u8]]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    let bytes = hash.finalize();
    bytes.iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_read_from_every_form() {
        let march = Month::of(2024, 3);
        assert_eq!(month_of_text("2024-03"), march);
        assert_eq!(month_of_text("2024-03-31"), march);
        assert_eq!(month_of_text("2024-03-31T10:00:00"), march);
        assert_eq!(month_of_number(202_403.0), march);
        assert_eq!(month_of_day(19_783.0), Month::of(2024, 3), "2024-03-01");
        assert_eq!(month_of_day(19_782.0), Month::of(2024, 2), "2024-02-29");
        assert_eq!(month_of_day(0.0), Month::of(1970, 1));
        assert_eq!(month_of_day(-1.0), Month::of(1969, 12));
        for text in ["2024-13", "2024", "24-03", "2024-3", "nothing", "2024-03-3"] {
            assert_eq!(month_of_text(text), None, "{text}");
        }
        for number in [202_400.0, 202_413.0, 202_403.5, f64::NAN, -1.0] {
            assert_eq!(month_of_number(number), None, "{number}");
        }
        assert_eq!(march.map(|m| m.to_string()).as_deref(), Some("2024-03"));
    }
}
