//! The columns of a list of observation points, as they come and as they are carried along.

use std::cmp::Ordering;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Decimal128Type, Float32Type, Float64Type, Int8Type, UInt8Type};
use arrow_array::{
    Array as _, ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow_schema::DataType;
use hengxin_core::date::Date;

use crate::columns;
use crate::moment;

/// The values of a column by row; `None` where there is none.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Texts.
    Text(Vec<Option<String>>),
    /// Whole numbers.
    Whole(Vec<Option<i64>>),
    /// Other numbers; they are carried, never computed with.
    Number(Vec<Option<f64>>),
    /// Truth values.
    Truth(Vec<Option<bool>>),
    /// Days.
    Day(Vec<Option<Date>>),
    /// Instants in microseconds, whose offset from UTC is known.
    Moment(Vec<Option<i64>>),
    /// Instants of which nobody says in which zone; they are refused where a moment is needed.
    Unzoned(Vec<Option<i64>>),
}

impl Cells {
    /// A column of text as what its texts are: whole numbers, numbers, or texts when one of them is neither. A number with a
    /// leading zero or a plus is a text: it may be a code, whose spelling matters.
    pub fn of_texts(texts: Vec<Option<String>>) -> Cells {
        let all = |good: &dyn Fn(&str) -> bool| texts.iter().flatten().all(|text| good(text));
        let some = texts.iter().any(Option::is_some);
        if some && all(&|text| plain_number(text) && text.parse::<i64>().is_ok()) {
            return Cells::Whole(texts.iter().map(|text| text.as_deref()?.parse().ok()).collect());
        }
        if some && all(&plain_number) {
            return Cells::Number(texts.iter().map(|text| text.as_deref()?.parse().ok()).collect());
        }
        Cells::Text(texts)
    }

    /// Appends a part of a Parquet column to `parts` of the same type; `None` for a type that is not carried.
    ///
    /// # Errors
    /// The row, and what was found in it.
    pub(super) fn of_array(array: &ArrayRef) -> Option<Result<Cells, columns::BadRow>> {
        use DataType as T;
        let instants = |array: &ArrayRef| {
            let mut out = Vec::new();
            columns::instants(array, i64::MAX, &mut out)?;
            Ok(out.into_iter().zip(0..).map(|(at, row)| (!array.is_null(row)).then_some(at)).collect())
        };
        Some(Ok(match array.data_type() {
            T::Utf8 | T::LargeUtf8 | T::Utf8View | T::Dictionary(..) => Cells::Text(texts(array)?),
            T::Int8 => {
                Cells::Whole(array.as_primitive::<Int8Type>().iter().map(|v| v.map(i64::from)).collect())
            }
            T::UInt8 => {
                Cells::Whole(array.as_primitive::<UInt8Type>().iter().map(|v| v.map(i64::from)).collect())
            }
            T::Int16 | T::Int32 | T::Int64 | T::UInt16 | T::UInt32 | T::UInt64 | T::Decimal128(_, 0) => {
                let mut out = Vec::new();
                if let Err(bad) = columns::numbers(array, 0, &mut out) {
                    return Some(Err(bad));
                }
                Cells::Whole(
                    out.into_iter().zip(0..).map(|(n, i)| (!array.is_null(i)).then_some(n)).collect(),
                )
            }
            T::Decimal128(_, scale) => {
                let scale = u32::try_from(*scale).ok()?;
                let numbers = array.as_primitive::<Decimal128Type>().iter();
                Cells::Number(numbers.map(|v| decimal(v?, scale)).collect())
            }
            T::Float32 => {
                Cells::Number(array.as_primitive::<Float32Type>().iter().map(|v| v.map(f64::from)).collect())
            }
            T::Float64 => Cells::Number(array.as_primitive::<Float64Type>().iter().collect()),
            T::Boolean => Cells::Truth(array.as_boolean().iter().collect()),
            T::Date32 => {
                let days = array.as_primitive::<arrow_array::types::Date32Type>().iter();
                Cells::Day(days.map(|day| day.map(Date::from_days)).collect())
            }
            T::Timestamp(_, zone) => match instants(array) {
                Ok(values) if zone.is_some() => Cells::Moment(values),
                Ok(values) => Cells::Unzoned(values),
                Err(bad) => return Some(Err(bad)),
            },
            _ => return None,
        }))
    }

    /// Appends rows of the same type.
    pub(super) fn append(&mut self, more: Cells) {
        match (self, more) {
            (Cells::Text(a), Cells::Text(b)) => a.extend(b),
            (Cells::Number(a), Cells::Number(b)) => a.extend(b),
            (Cells::Truth(a), Cells::Truth(b)) => a.extend(b),
            (Cells::Day(a), Cells::Day(b)) => a.extend(b),
            (Cells::Whole(a), Cells::Whole(b))
            | (Cells::Moment(a), Cells::Moment(b))
            | (Cells::Unzoned(a), Cells::Unzoned(b)) => a.extend(b),
            (a, b) => unreachable!("a column of a file has one type, not {} and {}", a.kind(), b.kind()),
        }
    }

    /// The word for its type.
    pub fn kind(&self) -> &'static str {
        match self {
            Cells::Text(_) => "text",
            Cells::Whole(_) => "whole number",
            Cells::Number(_) => "number",
            Cells::Truth(_) => "truth value",
            Cells::Day(_) => "day",
            Cells::Moment(_) => "moment",
            Cells::Unzoned(_) => "instant without a zone",
        }
    }

    /// A value as text; empty where there is none.
    pub fn text(&self, row: usize) -> String {
        match self {
            Cells::Text(cells) => cells.get(row).cloned().flatten(),
            Cells::Whole(cells) => cells.get(row).copied().flatten().map(|n| n.to_string()),
            Cells::Number(cells) => cells.get(row).copied().flatten().map(|n| n.to_string()),
            Cells::Truth(cells) => cells.get(row).copied().flatten().map(|n| n.to_string()),
            Cells::Day(cells) => cells.get(row).copied().flatten().map(|n| n.to_string()),
            Cells::Moment(cells) | Cells::Unzoned(cells) => {
                cells.get(row).copied().flatten().map(|n| moment::to_text(hengxin_core::date::Moment(n)))
            }
        }
        .unwrap_or_default()
    }

    /// The order of two rows, absent values first.
    pub(super) fn compare(&self, a: usize, b: usize) -> Ordering {
        match self {
            Cells::Text(cells) => cells.get(a).cmp(&cells.get(b)),
            Cells::Whole(cells) | Cells::Moment(cells) | Cells::Unzoned(cells) => {
                cells.get(a).cmp(&cells.get(b))
            }
            Cells::Truth(cells) => cells.get(a).cmp(&cells.get(b)),
            Cells::Day(cells) => cells.get(a).cmp(&cells.get(b)),
            Cells::Number(cells) => {
                match (cells.get(a).copied().flatten(), cells.get(b).copied().flatten()) {
                    (Some(a), Some(b)) => a.total_cmp(&b),
                    (a, b) => a.is_some().cmp(&b.is_some()),
                }
            }
        }
    }

    /// Its type in a table.
    pub(super) fn data_type(&self) -> DataType {
        match self {
            Cells::Text(_) => DataType::Utf8,
            Cells::Whole(_) => DataType::Int64,
            Cells::Number(_) => DataType::Float64,
            Cells::Truth(_) => DataType::Boolean,
            Cells::Day(_) => DataType::Date32,
            Cells::Moment(_) => crate::schema::moment(),
            Cells::Unzoned(_) => DataType::Timestamp(arrow_schema::TimeUnit::Microsecond, None),
        }
    }

    /// The values of some rows, in their order.
    pub(super) fn array(&self, rows: &[usize]) -> ArrayRef {
        use std::sync::Arc;
        fn take<T: Clone>(cells: &[Option<T>], rows: &[usize]) -> Vec<Option<T>> {
            rows.iter().map(|row| cells.get(*row).cloned().flatten()).collect()
        }
        match self {
            Cells::Text(cells) => Arc::new(StringArray::from(take(cells, rows))),
            Cells::Whole(cells) => Arc::new(Int64Array::from(take(cells, rows))),
            Cells::Number(cells) => Arc::new(Float64Array::from(take(cells, rows))),
            Cells::Truth(cells) => Arc::new(BooleanArray::from(take(cells, rows))),
            Cells::Day(cells) => {
                let days = take(cells, rows).into_iter().map(|day| day.map(Date::days));
                Arc::new(days.collect::<Date32Array>())
            }
            Cells::Moment(cells) => {
                Arc::new(TimestampMicrosecondArray::from(take(cells, rows)).with_timezone("UTC"))
            }
            Cells::Unzoned(cells) => Arc::new(TimestampMicrosecondArray::from(take(cells, rows))),
        }
    }
}

/// A decimal number as people write it, without what only spelling adds.
fn plain_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    all_digits(whole) && all_digits(fraction) && (whole == "0" || !whole.starts_with('0'))
}

/// The nearest number to `value` ÷ 10^`scale`, by way of its text, which rounds once.
fn decimal(value: i128, scale: u32) -> Option<f64> {
    format!("{value}e-{scale}").parse().ok()
}

/// The texts of a column, however they are coded; `None` when it is a dictionary of something else.
fn texts(array: &ArrayRef) -> Option<Vec<Option<String>>> {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Some(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().map(owned).collect(),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().map(owned).collect(),
        DataType::Utf8View => array.as_string_view().iter().map(owned).collect(),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary_opt()?;
            let values = texts(dictionary.values())?;
            let keys = dictionary.normalized_keys();
            let of = |(row, key): (usize, &usize)| values.get(*key).filter(|_| !array.is_null(row))?.clone();
            keys.iter().enumerate().map(of).collect()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(texts: &[&str], kind: &str) {
        let texts = texts.iter().map(|t| (!t.is_empty()).then(|| (*t).to_owned())).collect();
        assert_eq!(Cells::of_texts(texts).kind(), kind);
    }

    #[test]
    fn texts_are_numbers_only_when_nothing_is_lost() {
        check(&["1", "", "-20"], "whole number");
        check(&["1", "0.50"], "number");
        check(&["007", "1"], "text");
        check(&["1e3"], "text");
        check(&["1", "bad"], "text");
        check(&["", ""], "text");
        check(&["99999999999999999999"], "number");
    }
}
