//! Columns as other tools write them, to the columns the kernel reads.
//!
//! Encodings, page versions and compression are the Parquet library's business. What is decided here is which *types*
//! say what a column must say: texts as strings of any kind, dates as dates or as instants at midnight (Spark's INT96
//! among them), moments as instants of any unit, whole numbers of any width. Everything else is refused by name.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Decimal128Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use hengxin_core::date::Date;

use crate::schema;

/// A day of an instant column is this many of the unit.
const DAY: i64 = 86_400;

/// The schema a file is read with: what it holds, with repeated texts left as dictionaries.
///
/// # Errors
/// The column, what it is, what was expected.
pub fn readable(found: &Schema) -> Result<SchemaRef, (String, String, String)> {
    for name in schema::REQUIRED {
        if found.field_with_name(name).is_err() {
            let names: Vec<&str> = found.fields().iter().map(|f| f.name().as_str()).collect();
            return Err((
                name.to_owned(),
                format!("no such column among `{}`", names.join("`, `")),
                format!("a column `{name}`"),
            ));
        }
    }
    let fields = found.fields().iter().map(|field| {
        let name = field.name().as_str();
        let kind = field.data_type();
        let wrong = |expected: &str| (name.to_owned(), format!("type {kind}"), expected.to_owned());
        let text = matches!(
            kind,
            DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
                | DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
        );
        let read_as = match name {
            "subject" | "class" | "region" | "industry" | "objections" if text => schema::coded_text(),
            "reference" | "related" | "text" if text => DataType::Utf8,
            "subject" if *kind == DataType::FixedSizeBinary(18) => kind.clone(),
            "subject" | "class" | "region" | "industry" | "objections" | "reference" | "related" | "text" => {
                return Err(wrong("text (UTF8)"));
            }
            "occurred_on" | "ends_on" | "publicity_until" | "repaired_on" | "established_on" => match kind {
                DataType::Date32 | DataType::Timestamp(_, _) => kind.clone(),
                _ => return Err(wrong("a date (DATE)")),
            },
            "known_from" | "known_until" => match kind {
                DataType::Timestamp(_, _) => kind.clone(),
                _ => return Err(wrong("an instant (TIMESTAMP)")),
            },
            "number" | "fact" => match kind {
                DataType::Int16
                | DataType::Int32
                | DataType::Int64
                | DataType::UInt16
                | DataType::UInt32
                | DataType::UInt64
                | DataType::Decimal128(_, 0) => kind.clone(),
                _ => return Err(wrong("a whole number (INT64)")),
            },
            // Further columns are nobody's business here; they are not read.
            _ => kind.clone(),
        };
        Ok(Arc::new(Field::new(name, read_as, field.is_nullable())))
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, _>>()?)))
}

/// The first row that cannot be read: its number in the batch, and what was found.
pub type BadRow = (usize, String);

fn fill<T: ArrowPrimitiveType, O: Copy>(
    array: &PrimitiveArray<T>,
    absent: O,
    out: &mut Vec<O>,
    convert: impl Fn(T::Native) -> O,
) {
    out.clear();
    let values = array.values();
    match array.nulls().filter(|n| n.null_count() > 0) {
        None => out.extend(values.iter().map(|v| convert(*v))),
        // What few rows have, or lack, is written alone: the others are one copy.
        Some(nulls) if 2 * nulls.null_count() > array.len() => {
            out.resize(array.len(), absent);
            for row in nulls.valid_indices() {
                out[row] = convert(values[row]);
            }
        }
        Some(nulls) => {
            out.extend(values.iter().map(|v| convert(*v)));
            for row in (!nulls.inner()).set_indices() {
                out[row] = absent;
            }
        }
    }
}

/// Dates; an absent one is `absent`.
///
/// # Errors
/// An instant that is not midnight.
pub fn dates(array: &ArrayRef, absent: Date, out: &mut Vec<Date>) -> Result<(), BadRow> {
    match array.data_type() {
        DataType::Date32 => {
            fill(array.as_primitive::<Date32Type>(), absent, out, Date::from_days);
            Ok(())
        }
        _ => {
            let mut units = Vec::new();
            instants(array, i64::MAX, &mut units)?;
            out.clear();
            let day = DAY * 1_000_000;
            for (row, micros) in units.into_iter().enumerate() {
                if micros == i64::MAX {
                    out.push(absent);
                } else if micros % day == 0 {
                    let days =
                        i32::try_from(micros / day).map_err(|_| (row, format!("the instant {micros} µs")))?;
                    out.push(Date::from_days(days));
                } else {
                    return Err((
                        row,
                        format!(
                            "the instant {} instead of a day",
                            crate::moment::to_text(hengxin_core::date::Moment(micros))
                        ),
                    ));
                }
            }
            Ok(())
        }
    }
}

/// Instants in microseconds; an absent one is `absent`.
///
/// # Errors
/// One that microseconds cannot say.
pub fn instants(array: &ArrayRef, absent: i64, out: &mut Vec<i64>) -> Result<(), BadRow> {
    let scale = |from: &[i64], factor: i64| -> Result<Vec<i64>, BadRow> {
        let mut scaled = Vec::with_capacity(from.len());
        for (row, value) in from.iter().enumerate() {
            if array.is_null(row) {
                scaled.push(absent);
                continue;
            }
            let value = value.checked_mul(factor).ok_or_else(|| (row, format!("the instant {value}")))?;
            scaled.push(value);
        }
        Ok(scaled)
    };
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => {
            *out = scale(array.as_primitive::<TimestampSecondType>().values(), 1_000_000)?;
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            *out = scale(array.as_primitive::<TimestampMillisecondType>().values(), 1000)?;
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            fill(array.as_primitive::<TimestampMicrosecondType>(), absent, out, |v| v);
        }
        _ => {
            let array = array.as_primitive::<TimestampNanosecondType>();
            out.clear();
            for (row, value) in array.iter().enumerate() {
                match value {
                    None => out.push(absent),
                    Some(nanos) if nanos % 1000 == 0 => out.push(nanos / 1000),
                    Some(nanos) => {
                        return Err((row, format!("the instant {nanos} ns, finer than microseconds")));
                    }
                }
            }
        }
    }
    Ok(())
}

/// Whole numbers; an absent one is `absent`.
///
/// # Errors
/// One past 64 bits.
pub fn numbers(array: &ArrayRef, absent: i64, out: &mut Vec<i64>) -> Result<(), BadRow> {
    match array.data_type() {
        DataType::Int64 => fill(array.as_primitive::<Int64Type>(), absent, out, |v| v),
        DataType::Int32 => fill(array.as_primitive::<Int32Type>(), absent, out, i64::from),
        DataType::Int16 => fill(array.as_primitive::<Int16Type>(), absent, out, i64::from),
        DataType::UInt16 => fill(array.as_primitive::<UInt16Type>(), absent, out, i64::from),
        DataType::UInt32 => fill(array.as_primitive::<UInt32Type>(), absent, out, i64::from),
        DataType::UInt64 => {
            let array = array.as_primitive::<UInt64Type>();
            if let Some(row) = array.iter().position(|v| v.is_some_and(|v| i64::try_from(v).is_err())) {
                return Err((row, format!("the number {}", array.value(row))));
            }
            fill(array, absent, out, u64::cast_signed);
        }
        _ => {
            let array = array.as_primitive::<Decimal128Type>();
            if let Some(row) = array.iter().position(|v| v.is_some_and(|v| i64::try_from(v).is_err())) {
                return Err((row, format!("the number {}", array.value(row))));
            }
            fill(array, absent, out, |v| i64::try_from(v).unwrap_or(absent));
        }
    }
    Ok(())
}

/// Fact ids: any whole number of 64 bits.
pub fn fact_ids(array: &ArrayRef, out: &mut Vec<u64>) {
    match array.data_type() {
        DataType::UInt64 => fill(array.as_primitive::<UInt64Type>(), 0, out, |v| v),
        _ => {
            let mut signed = Vec::new();
            // Only what does not fit is refused, and of what is not unsigned everything fits.
            let _ = numbers(array, 0, &mut signed);
            out.clear();
            out.extend(signed.into_iter().map(i64::cast_unsigned));
        }
    }
}

/// A dictionary-coded text column: its keys, -1 for absent, and its texts.
pub struct Coded<'a> {
    /// Key of each row.
    pub keys: &'a PrimitiveArray<Int32Type>,
    /// The texts.
    pub values: &'a ArrayRef,
}

impl<'a> Coded<'a> {
    /// The column of an array read with the schema of [`readable`].
    pub fn of(array: &'a ArrayRef) -> Coded<'a> {
        let coded = array.as_dictionary::<Int32Type>();
        Coded { keys: coded.keys(), values: coded.values() }
    }

    /// The text of a row; `None` when it is absent.
    pub fn text(&self, row: usize) -> Option<&'a str> {
        let values: &StringArray = self.values.as_string::<i32>();
        let key = usize::try_from(self.keys.value(row)).unwrap_or(0);
        (!self.keys.is_null(row) && !values.is_null(key)).then(|| values.value(key))
    }
}
