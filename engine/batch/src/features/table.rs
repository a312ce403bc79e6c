//! The table of features: Parquet that `hengxin train`, pandas and polars read as it is.
//!
//! Its columns are `subject`, `as_of`, `known_at`, one for each feature in the order of the set, and what the points carried.
//! Money is in yuan, shares and measures are decimals, as a standard writes them; a category is the name of its value. What
//! is unknown is null. Rows are in the order of [`Points`], so that the bytes depend on nothing else.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array as _, ArrayRef, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use hengxin_core::date::{Date, Moment};
use hengxin_core::features::{FeatureSet, RESERVED};
use hengxin_core::quantity::{Gives, Unit};
use hengxin_core::reading::Measured;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::points::{Point, Points};
use super::values::Values;
use crate::error::{Error, Result};

/// Rows encoded in one go.
const BATCH: usize = 65_536;
/// Digits of a decimal of 64 bits.
const DIGITS: u8 = 19;

/// How values of a kind are written.
fn data_type(gives: &Gives) -> DataType {
    match gives {
        Gives::Quantity(unit) => match places(*unit) {
            0 => DataType::Int64,
            places => DataType::Decimal128(DIGITS, places),
        },
        Gives::Category(_) | Gives::Events => DataType::Utf8,
    }
}

/// Decimal places of a quantity.
const fn places(unit: Unit) -> i8 {
    match unit {
        Unit::Count | Unit::Day | Unit::Month | Unit::Year => 0,
        Unit::Fen => 2,
        Unit::Ratio | Unit::Number | Unit::Points => 4,
    }
}

/// What the values of a feature are called in a lineage.
pub fn unit_name(gives: &Gives) -> &'static str {
    match gives {
        Gives::Quantity(Unit::Fen) => "yuan",
        Gives::Quantity(unit) => unit.name(),
        Gives::Category(_) => "category",
        Gives::Events => "events",
    }
}

fn schema(set: &FeatureSet, carried: impl Iterator<Item = Field>) -> SchemaRef {
    let [subject, as_of, known_at] = RESERVED;
    let own = [
        Field::new(subject, DataType::Utf8, false),
        Field::new(as_of, DataType::Date32, false),
        Field::new(known_at, crate::schema::moment(), false),
    ];
    let features = set.features.iter().map(|f| Field::new(&f.id, data_type(&f.gives), true));
    Arc::new(Schema::new(own.into_iter().chain(features).chain(carried).collect::<Vec<_>>()))
}

/// The table of the points in `kept`, which are places in `points` and in `values`.
///
/// # Errors
/// When it cannot be encoded.
pub fn encode(set: &FeatureSet, points: &Points, values: &Values, kept: &[usize]) -> Result<Vec<u8>> {
    let carried = points.carried.iter().map(|(name, cells)| Field::new(name, cells.data_type(), true));
    let schema = schema(set, carried);
    let properties = WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .set_created_by(format!("hengxin {}", env!("CARGO_PKG_VERSION")))
        .build();
    let encoded = (|| {
        let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties))?;
        for kept in kept.chunks(BATCH) {
            let batch = RecordBatch::try_new(Arc::clone(&schema), columns(set, points, values, kept))?;
            writer.write(&batch)?;
        }
        writer.into_inner()
    })();
    encoded.map_err(|e| Error::parquet("the table of features", e))
}

fn columns(set: &FeatureSet, points: &Points, values: &Values, kept: &[usize]) -> Vec<ArrayRef> {
    let of = || kept.iter().map(|place| points.points[*place]);
    let known_at = TimestampMicrosecondArray::from_iter_values(of().map(|point| point.known_at.0));
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(of().map(|point| point.subject.to_string()))),
        Arc::new(Date32Array::from_iter_values(of().map(|point| point.as_of.days()))),
        Arc::new(known_at.with_timezone("UTC")),
    ];
    for (i, feature) in set.features.iter().enumerate() {
        let known = kept.iter().map(|place| match values.get(*place, i) {
            Measured::Known(value) => Some(value),
            Measured::Unknown(_) => None,
        });
        columns.push(match &feature.gives {
            Gives::Quantity(unit) => match places(*unit) {
                0 => Arc::new(known.collect::<Int64Array>()),
                places => {
                    let decimals: Decimal128Array = known.map(|value| value.map(i128::from)).collect();
                    Arc::new(decimals.with_precision_and_scale(DIGITS, places).unwrap_or_else(|e| {
                        unreachable!("{DIGITS} digits with {places} places are a decimal: {e}")
                    }))
                }
            },
            Gives::Category(names) => {
                let name = |value: i64| names.get(usize::try_from(value).ok()?).map(String::as_str);
                Arc::new(known.map(|value| name(value?)).collect::<StringArray>())
            }
            Gives::Events => unreachable!("a feature set refuses events"),
        });
    }
    let rows: Vec<usize> = kept.iter().map(|place| points.rows[*place]).collect();
    columns.extend(points.carried.iter().map(|(_, cells)| cells.array(&rows)));
    columns
}

/// A table as it is read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The points, row by row.
    pub points: Vec<Point>,
    /// Per feature, row by row: its value in the grain of its unit, or its place among the names; `None` for null.
    pub features: Vec<Vec<Option<i64>>>,
}

impl Table {
    /// Reads a table of the features of `set`, called `file` in messages.
    ///
    /// # Errors
    /// What is no such table.
    pub fn decode(file: &str, bytes: Vec<u8>, set: &FeatureSet) -> Result<Table> {
        let broken = |e| Error::parquet(file, e);
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).map_err(broken)?;
        let expected = schema(set, std::iter::empty());
        for field in expected.fields() {
            let name = field.name();
            let found = builder.schema().field_with_name(name).ok().map(Field::data_type);
            if found != Some(field.data_type()) {
                let found = found.map_or("no such column".to_owned(), |found| format!("the type {found}"));
                let place = format!("{file}, column `{name}`");
                return Err(Error::content(place, found, format!("the type {}", field.data_type())));
            }
        }
        let mut table = Table { points: Vec::new(), features: vec![Vec::new(); set.features.len()] };
        let reader = builder.with_batch_size(BATCH).build().map_err(broken)?;
        for batch in reader {
            let batch = batch.map_err(|e| broken(parquet::errors::ParquetError::from(e)))?;
            table.add(file, &batch, set)?;
        }
        Ok(table)
    }

    fn add(&mut self, file: &str, batch: &RecordBatch, set: &FeatureSet) -> Result<()> {
        let first = self.points.len();
        let column = |name: &str| {
            let found = batch.column_by_name(name);
            found.unwrap_or_else(|| unreachable!("the columns were compared with those expected"))
        };
        let bad = |name: &str, row: usize, found: String, expected: &str| {
            Error::content(format!("{file}, row {}, column `{name}`", first + row + 1), found, expected)
        };
        let [subject, as_of, known_at] = RESERVED.map(column);
        let (subjects, days) = (subject.as_string::<i32>(), as_of.as_primitive::<Date32Type>());
        let moments = known_at.as_primitive::<TimestampMicrosecondType>();
        for row in 0..batch.num_rows() {
            if let Some(name) = RESERVED.iter().find(|name| column(name).is_null(row)) {
                return Err(bad(name, row, "nothing".to_owned(), "a value"));
            }
            let text = subjects.value(row);
            let subject = text.parse().map_err(|e| {
                bad("subject", row, format!("`{text}`: {e}"), "a valid unified social credit code")
            })?;
            let (as_of, known_at) = (Date::from_days(days.value(row)), Moment(moments.value(row)));
            self.points.push(Point { subject, as_of, known_at });
        }
        for (feature, values) in set.features.iter().zip(&mut self.features) {
            let array = column(&feature.id);
            match &feature.gives {
                Gives::Quantity(unit) if places(*unit) == 0 => {
                    values.extend(array.as_primitive::<Int64Type>().iter());
                }
                Gives::Quantity(_) => {
                    for (row, value) in array.as_primitive::<Decimal128Type>().iter().enumerate() {
                        let value = value.map(i64::try_from).transpose().map_err(|_| {
                            bad(&feature.id, row, "a number of more than 64 bits".to_owned(), "a value")
                        })?;
                        values.push(value);
                    }
                }
                Gives::Category(names) => {
                    let places: HashMap<&str, i64> = names.iter().map(String::as_str).zip(0..).collect();
                    for (row, name) in array.as_string::<i32>().iter().enumerate() {
                        let place = name.map(|name| places.get(name).copied().ok_or(name));
                        values.push(place.transpose().map_err(|name| {
                            let expected =
                                format!("a value of the vocabulary, one of `{}`", names.join("`, `"));
                            bad(&feature.id, row, format!("`{name}`"), &expected)
                        })?);
                    }
                }
                Gives::Events => unreachable!("a feature set refuses events"),
            }
        }
        Ok(())
    }
}

/// A value as people read it.
pub fn display(gives: &Gives, value: i64) -> String {
    match gives {
        Gives::Quantity(unit) => unit.display(value),
        Gives::Category(names) => {
            let name = usize::try_from(value).ok().and_then(|place| names.get(place));
            name.map_or_else(|| value.to_string(), |name| format!("`{name}`"))
        }
        Gives::Events => value.to_string(),
    }
}
