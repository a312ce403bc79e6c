//! Parquet files read one column at a time, batch by batch.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal128Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use super::error::HistoryError;

/// Rows read at once.
const BATCH: usize = 16_384;

/// The files of a history, each with its footer.
pub(crate) struct Source {
    files: Vec<(PathBuf, ArrowReaderMetadata)>,
    rows: usize,
}

/// What a column of a file can be read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Number,
    /// Days since 1970-01-01.
    Day,
    Text,
}

/// A part of a column.
pub(crate) enum Batch<'a> {
    /// Not-a-number where the value is missing.
    Numbers(&'a [f64]),
    /// Texts by row.
    Texts(&'a [Option<&'a str>]),
}

impl Source {
    pub(crate) fn open(files: &[PathBuf]) -> Result<Source, HistoryError> {
        let mut opened = Vec::new();
        let mut rows = 0;
        for file in files {
            let reader =
                File::open(file).map_err(|source| HistoryError::Open { file: file.clone(), source })?;
            let metadata = ArrowReaderMetadata::load(&reader, ArrowReaderOptions::default())
                .map_err(|source| HistoryError::Parquet { file: file.clone(), source })?;
            rows += usize::try_from(metadata.metadata().file_metadata().num_rows()).unwrap_or(0);
            opened.push((file.clone(), metadata));
        }
        match (opened.is_empty(), rows) {
            (true, _) => Err(HistoryError::Empty { what: "file" }),
            (false, 0) => Err(HistoryError::Empty { what: "row" }),
            (false, rows) if u32::try_from(rows).is_err() => Err(HistoryError::TooLong { found: rows }),
            (false, _) => Ok(Source { files: opened, rows }),
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The columns of the first file, in its order.
    pub(super) fn columns(&self) -> Vec<String> {
        let first = self.files.first().map(|(_, metadata)| metadata.schema().fields());
        first.into_iter().flatten().map(|field| field.name().clone()).collect()
    }

    /// Where a column stands in a file, and what it can be read as.
    fn find(
        file: &Path,
        metadata: &ArrowReaderMetadata,
        column: &str,
    ) -> Result<(usize, Shape), HistoryError> {
        let fields = metadata.schema().fields();
        let mut found = fields.iter().enumerate().filter(|(_, field)| field.name() == column);
        let Some((at, field)) = found.next() else {
            let found = fields.iter().map(|field| format!("`{}`", field.name())).collect();
            return Err(HistoryError::NoColumn { file: file.into(), column: column.into(), found });
        };
        if found.next().is_some() {
            return Err(HistoryError::Ambiguous { file: file.into(), column: column.into() });
        }
        let shape = shape(field.data_type()).ok_or_else(|| HistoryError::Type {
            file: file.into(),
            column: column.into(),
            found: field.data_type().to_string(),
            expected: "a number, a truth value, a date, a time or a text",
        })?;
        Ok((at, shape))
    }

    /// What a column can be read as; the same in all files.
    pub(super) fn shape(&self, column: &str) -> Result<Shape, HistoryError> {
        let mut first = None;
        for (file, metadata) in &self.files {
            let (at, shape) = Source::find(file, metadata, column)?;
            if *first.get_or_insert(shape) != shape {
                return Err(HistoryError::Type {
                    file: file.clone(),
                    column: column.into(),
                    found: metadata.schema().field(at).data_type().to_string(),
                    expected: "the kind of type that it has in the first file",
                });
            }
        }
        first.ok_or(HistoryError::Empty { what: "file" })
    }

    /// Shows a column to `visit` in the order of its rows: file, number of the batch's first row in it, values.
    pub(crate) fn visit<F>(&self, column: &str, mut visit: F) -> Result<(), HistoryError>
    where
        F: FnMut(&Path, u64, Batch<'_>) -> Result<(), HistoryError>,
    {
        for (file, metadata) in &self.files {
            let (at, shape) = Source::find(file, metadata, column)?;
            let parquet = |source| HistoryError::Parquet { file: file.clone(), source };
            // A file of its own: readers on several threads must not share a position.
            let reader =
                File::open(file).map_err(|source| HistoryError::Open { file: file.clone(), source })?;
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(reader, metadata.clone());
            let mask = ProjectionMask::roots(builder.parquet_schema(), [at]);
            let batches = builder.with_projection(mask).with_batch_size(BATCH).build().map_err(parquet)?;
            let mut first_row = 1;
            let mut numbers = Vec::new();
            for batch in batches {
                let batch = batch.map_err(|source| HistoryError::Batch {
                    file: file.clone(),
                    column: column.into(),
                    source,
                })?;
                let values = batch.column(0);
                if shape == Shape::Text {
                    visit(file, first_row, Batch::Texts(&texts(values)))?;
                } else {
                    numbers.clear();
                    read_numbers(values, &mut numbers);
                    visit(file, first_row, Batch::Numbers(&numbers))?;
                }
                first_row += batch.num_rows() as u64;
            }
        }
        Ok(())
    }
}

fn shape(data_type: &DataType) -> Option<Shape> {
    use DataType as T;
    match data_type {
        T::Boolean
        | T::Int8
        | T::Int16
        | T::Int32
        | T::Int64
        | T::UInt8
        | T::UInt16
        | T::UInt32
        | T::UInt64
        | T::Float16
        | T::Float32
        | T::Float64
        | T::Decimal128(..) => Some(Shape::Number),
        T::Date32 | T::Date64 | T::Timestamp(..) => Some(Shape::Day),
        T::Utf8 | T::LargeUtf8 | T::Utf8View => Some(Shape::Text),
        T::Dictionary(_, values) if matches!(**values, T::Utf8 | T::LargeUtf8 | T::Utf8View) => {
            Some(Shape::Text)
        }
        _ => None,
    }
}

/// Appends the values as `f64`, missing ones as not-a-number. Integers beyond 2^53 are rounded to the nearest, which
/// keeps their order.
fn read_numbers(array: &ArrayRef, numbers: &mut Vec<f64>) {
    use DataType as T;
    /// Values of a primitive type, converted one by one.
    macro_rules! primitive {
        ($kind:ty, $convert:expr) => {{
            let array = array.as_primitive::<$kind>();
            let convert = $convert;
            if array.null_count() == 0 {
                numbers.extend(array.values().iter().map(|v| convert(*v)));
            } else {
                numbers.extend(array.iter().map(|v| v.map_or(f64::NAN, convert)));
            }
        }};
    }
    let day = |ticks: i64, of_a_day: i64| ticks.div_euclid(of_a_day) as f64;
    match array.data_type() {
        T::Boolean => {
            numbers.extend(array.as_boolean().iter().map(|v| v.map_or(f64::NAN, |v| f64::from(u8::from(v)))));
        }
        T::Int8 => primitive!(Int8Type, |v: i8| f64::from(v)),
        T::Int16 => primitive!(Int16Type, |v: i16| f64::from(v)),
        T::Int32 => primitive!(Int32Type, |v: i32| f64::from(v)),
        T::Int64 => primitive!(Int64Type, |v: i64| v as f64),
        T::UInt8 => primitive!(UInt8Type, |v: u8| f64::from(v)),
        T::UInt16 => primitive!(UInt16Type, |v: u16| f64::from(v)),
        T::UInt32 => primitive!(UInt32Type, |v: u32| f64::from(v)),
        T::UInt64 => primitive!(UInt64Type, |v: u64| v as f64),
        T::Float16 => {
            primitive!(Float16Type, |v: <Float16Type as arrow_array::ArrowPrimitiveType>::Native| {
                f64::from(v)
            });
        }
        T::Float32 => primitive!(Float32Type, |v: f32| f64::from(v)),
        T::Float64 => primitive!(Float64Type, |v: f64| v),
        T::Decimal128(_, scale) => {
            // Two roundings, of the integer and of the quotient; the power of ten is exact up to 10^22.
            let unit = (0..scale.unsigned_abs()).fold(1.0, |unit, _| unit * 10.0);
            let negative = *scale < 0;
            primitive!(Decimal128Type, |v: i128| if negative { v as f64 * unit } else { v as f64 / unit });
        }
        T::Date32 => primitive!(Date32Type, |v: i32| f64::from(v)),
        T::Date64 => primitive!(Date64Type, |v: i64| day(v, 86_400_000)),
        T::Timestamp(TimeUnit::Second, _) => primitive!(TimestampSecondType, |v: i64| day(v, 86_400)),
        T::Timestamp(TimeUnit::Millisecond, _) => {
            primitive!(TimestampMillisecondType, |v: i64| day(v, 86_400_000));
        }
        T::Timestamp(TimeUnit::Microsecond, _) => {
            primitive!(TimestampMicrosecondType, |v: i64| day(v, 86_400_000_000));
        }
        T::Timestamp(TimeUnit::Nanosecond, _) => {
            primitive!(TimestampNanosecondType, |v: i64| day(v, 86_400_000_000_000));
        }
        other => unreachable!("the type {other} has no shape, so its column is refused before it is read"),
    }
}

fn texts(array: &ArrayRef) -> Vec<Option<&str>> {
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().collect(),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().collect(),
        DataType::Utf8View => array.as_string_view().iter().collect(),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            if dictionary.values().is_empty() {
                return vec![None; array.len()];
            }
            let values = texts(dictionary.values());
            let keys = dictionary.normalized_keys();
            keys.iter()
                .enumerate()
                .map(|(row, key)| if array.is_null(row) { None } else { values[*key] })
                .collect()
        }
        other => unreachable!("the type {other} is not of the shape of texts"),
    }
}
