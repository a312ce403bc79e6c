//! Observation points: of whom features are wanted, as of which day, as known at which moment.
//!
//! A point that could not have been asked for at the time is refused, not bent until it fits: a `known_at` that is absent,
//! that is a word or a bare day, that lies after everything the source knows, or after the as-of day, would put into the
//! features what nobody knew. Refused rows keep their place and reason.

use std::collections::HashSet;
use std::path::Path;

use hengxin_core::date::{Date, Moment};
use hengxin_core::features::{FeatureSet, RESERVED};
use hengxin_core::uscc::Uscc;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::cells::Cells;
use crate::error::{Error, Result};
use crate::moment;

/// A list of points as it was read.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// What it is called in messages.
    pub file: String,
    /// Its columns, all of the same length.
    pub columns: Vec<(String, Cells)>,
    /// Per row: its line or number in the file.
    pub lines: Vec<u64>,
}

/// What a point must keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The last moment the source knows of.
    pub watermark: Moment,
    /// So many days after the as-of day what became known still counts; 0 is the as-of day itself.
    pub delay_days: u32,
}

/// One point that keeps to the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Of whom.
    pub subject: Uscc,
    /// As of which day.
    pub as_of: Date,
    /// As known at which moment.
    pub known_at: Moment,
}

/// Points in the order of their table: by subject, day, moment, and what they carry.
#[derive(Clone, Debug)]
pub struct Points {
    /// The points.
    pub points: Vec<Point>,
    /// Per point: its row in the columns that are carried along.
    pub rows: Vec<usize>,
    /// Per row of the columns: its line or number in the file.
    pub lines: Vec<u64>,
    /// What is carried along, by column.
    pub carried: Vec<(String, Cells)>,
}

/// The field at fault, what was found, and what was expected.
pub type Fault = (&'static str, String, String);

/// A row that is no point.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rejected {
    /// Its line in a text, its number in a Parquet file.
    pub line: u64,
    /// Its subject, as of and known at as found.
    pub point: [String; 3],
    /// The field that is at fault.
    pub field: &'static str,
    /// What was found in it.
    pub found: String,
    /// What was expected.
    pub expected: String,
}

impl Point {
    /// Whether the point keeps to the rules and to the days of a feature set.
    ///
    /// # Errors
    /// The field at fault, what was found, and what was expected.
    pub fn check(&self, rules: Rules, set: &FeatureSet) -> std::result::Result<(), Fault> {
        let Point { as_of, known_at, .. } = *self;
        let (first, last) = set.effective;
        if as_of < first || as_of > last {
            let last = if last == Date::FOREVER { "on".to_owned() } else { format!("to {last}") };
            let expected =
                format!("a day on which `{}` {} applies, from {first} {last}", set.id, set.edition);
            return Err(("as_of", as_of.to_string(), expected));
        }
        if known_at > rules.watermark {
            let expected = format!(
                "a moment up to {}, the last one the source knows of: what is recorded later would change the row",
                moment::to_text(rules.watermark)
            );
            return Err(("known_at", moment::to_text(known_at), expected));
        }
        let end = end_of(as_of, rules.delay_days);
        if known_at.0 >= end {
            let days = match rules.delay_days {
                0 => "the as-of day ends in China".to_owned(),
                1 => "one day after the as-of day ends in China".to_owned(),
                n => format!("{n} days after the as-of day end in China"),
            };
            let expected = format!("a moment before {}, when {days}", moment::to_text(Moment(end)));
            return Err(("known_at", moment::to_text(known_at), expected));
        }
        Ok(())
    }
}

impl Sheet {
    /// Reads a Parquet file.
    ///
    /// # Errors
    /// What cannot be read, or a column of a type that is not carried along.
    pub fn of_parquet(path: &Path) -> Result<Sheet> {
        let file = path.display().to_string();
        let opened = std::fs::File::open(path).map_err(|e| Error::io(path, e))?;
        let broken = |e| Error::parquet(&file, e);
        let builder = ParquetRecordBatchReaderBuilder::try_new(opened).map_err(broken)?;
        let names: Vec<String> = builder.schema().fields().iter().map(|f| f.name().clone()).collect();
        let mut columns: Vec<Option<Cells>> = vec![None; names.len()];
        let mut rows = 0u64;
        for batch in builder.build().map_err(broken)? {
            let batch = batch.map_err(|e| broken(parquet::errors::ParquetError::from(e)))?;
            for ((name, column), array) in names.iter().zip(&mut columns).zip(batch.columns()) {
                let place = || format!("{file}, column `{name}`");
                let cells = Cells::of_array(array).ok_or_else(|| {
                    let expected = "a text, a number, a truth value, a day or an instant";
                    Error::content(place(), format!("the type {}", array.data_type()), expected)
                })?;
                let cells = cells.map_err(|(row, found)| {
                    let row = rows + row as u64 + 1;
                    Error::content(format!("{file}, row {row}, column `{name}`"), found, "a value of 64 bits")
                })?;
                match column {
                    Some(before) => before.append(cells),
                    None => *column = Some(cells),
                }
            }
            rows += batch.num_rows() as u64;
        }
        let columns = names.into_iter().zip(columns);
        let columns = columns.map(|(name, cells)| (name, cells.unwrap_or(Cells::Text(Vec::new())))).collect();
        Ok(Sheet { file, columns, lines: (1..=rows).collect() })
    }

    /// Tells points from rows that are none.
    ///
    /// # Errors
    /// A list without the columns of a point, or with one that is named like a feature or twice.
    pub fn points(self, rules: Rules, set: &FeatureSet) -> Result<(Points, Vec<Rejected>)> {
        self.check_names(set)?;
        let mut columns = self.columns;
        let mut own = |name: &str| {
            let place = columns.iter().position(|(column, _)| column == name);
            place.map(|place| columns.remove(place).1)
        };
        let [Some(subjects), Some(days), Some(moments)] = RESERVED.map(&mut own) else {
            unreachable!("the names were checked");
        };
        let (mut points, mut rejected) = (Vec::new(), Vec::new());
        for (row, line) in self.lines.iter().enumerate() {
            match point(&subjects, &days, &moments, row, rules, set) {
                Ok(point) => points.push((point, row)),
                Err((field, found, expected)) => rejected.push(Rejected {
                    line: *line,
                    point: [&subjects, &days, &moments].map(|cells| cells.text(row)),
                    field,
                    found,
                    expected,
                }),
            }
        }
        points.sort_by(|(a, x), (b, y)| {
            let carried = || columns.iter().map(|(_, cells)| cells.compare(*x, *y));
            a.cmp(b).then_with(|| carried().find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal))
        });
        let (points, rows) = points.into_iter().unzip();
        Ok((Points { points, rows, lines: self.lines, carried: columns }, rejected))
    }

    fn check_names(&self, set: &FeatureSet) -> Result<()> {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        let told = || format!("columns `{}`", names.join("`, `"));
        if let Some(absent) = RESERVED.iter().find(|name| !names.contains(name)) {
            return Err(Error::content(&self.file, told(), format!("also a column `{absent}`")));
        }
        let mut seen = HashSet::new();
        if let Some(twice) = names.iter().find(|name| !seen.insert(**name)) {
            return Err(Error::content(&self.file, format!("column `{twice}` twice"), "each name once"));
        }
        if let Some(same) = set.features.iter().find(|f| names.contains(&f.id.as_str())) {
            let expected = "columns that are named otherwise than the features";
            return Err(Error::content(&self.file, format!("column `{}`", same.id), expected));
        }
        Ok(())
    }
}

impl Points {
    /// The row that a point was made of as a rejected one: something is wrong with it after all.
    pub fn reject(
        &self,
        place: usize,
        field: &'static str,
        found: String,
        expected: &str,
    ) -> Option<Rejected> {
        let point = self.points.get(place)?;
        let line = *self.lines.get(*self.rows.get(place)?)?;
        Some(Rejected {
            line,
            point: [point.subject.to_string(), point.as_of.to_string(), moment::to_text(point.known_at)],
            field,
            found,
            expected: expected.to_owned(),
        })
    }
}

fn point(
    subjects: &Cells,
    days: &Cells,
    moments: &Cells,
    row: usize,
    rules: Rules,
    set: &FeatureSet,
) -> std::result::Result<Point, Fault> {
    let subject = match subjects {
        Cells::Text(texts) => match texts.get(row).and_then(Option::as_deref) {
            None => Err(("nothing".to_owned(), String::new())),
            Some(text) => text.parse::<Uscc>().map_err(|e| (format!("`{text}`"), format!(": {e}"))),
        },
        other => Err((format!("{} `{}`", other.kind(), other.text(row)), String::new())),
    };
    let subject = subject
        .map_err(|(found, why)| ("subject", found, format!("a valid unified social credit code{why}")))?;
    let as_of = as_of(days, row).map_err(|found| ("as_of", found, "a day such as 2026-10-31".to_owned()))?;
    let known_at = known_at(moments, row).map_err(|found| {
        let expected = "an instant with its offset, such as 2026-10-31T18:00:00+08:00: the moment up to which facts were \
                        known when the row was decided upon; a word or a bare day is none";
        ("known_at", found, expected.to_owned())
    })?;
    let point = Point { subject, as_of, known_at };
    point.check(rules, set)?;
    Ok(point)
}

fn as_of(days: &Cells, row: usize) -> std::result::Result<Date, String> {
    match days {
        Cells::Day(days) => days.get(row).copied().flatten().ok_or_else(|| "nothing".to_owned()),
        Cells::Text(texts) => {
            let text = texts.get(row).and_then(Option::as_deref).ok_or_else(|| "nothing".to_owned())?;
            text.parse().map_err(|_| format!("`{text}`"))
        }
        other => Err(format!("{} `{}`", other.kind(), other.text(row))),
    }
}

fn known_at(moments: &Cells, row: usize) -> std::result::Result<Moment, String> {
    match moments {
        Cells::Moment(moments) => {
            moments.get(row).copied().flatten().map(Moment).ok_or_else(|| "nothing".to_owned())
        }
        Cells::Text(texts) => {
            let text = texts.get(row).and_then(Option::as_deref).ok_or_else(|| "nothing".to_owned())?;
            moment::from_text(text).map_err(|_| format!("`{text}`"))
        }
        other => Err(format!("{} `{}`", other.kind(), other.text(row))),
    }
}

const HOUR: i64 = 3_600_000_000;

/// The first microsecond after a day in China (UTC+8) and so many further days.
fn end_of(day: Date, delay_days: u32) -> i64 {
    (i64::from(day.days()) + 1 + i64::from(delay_days)) * 24 * HOUR - 8 * HOUR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight_in_china() {
        let day: Date = "2026-10-31".parse().expect("a day");
        assert_eq!(moment::to_text(Moment(end_of(day, 0))), "2026-10-31T16:00:00.000000Z");
        assert_eq!(moment::to_text(Moment(end_of(day, 2))), "2026-11-02T16:00:00.000000Z");
    }
}
