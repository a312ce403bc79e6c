//! Parquet files of plain columns, read row by row.

use std::fs::File;
use std::path::Path;

use hengxin_core::date::Date;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;

use crate::table::{FileError, Table, checked};

pub(crate) fn rows(path: &Path) -> Result<Table, FileError> {
    let owned = path.to_owned();
    let broken = move |problem: parquet::errors::ParquetError| {
        let found = format!("a Parquet file that cannot be read ({problem})");
        FileError::format(&owned, found, "a complete Parquet file of plain columns")
    };
    let file = File::open(path).map_err(|source| FileError::read(path, source))?;
    let reader = unbroken(|| SerializedFileReader::new(file)).map_err(&broken)?;
    let metadata = reader.metadata().file_metadata();
    let extent = u64::try_from(metadata.num_rows()).unwrap_or(0);
    let header =
        metadata.schema_descr().root_schema().get_fields().iter().map(|f| f.name().to_owned()).collect();
    let mut rows = parquet::record::reader::RowIter::from_file_into(Box::new(reader));
    let mut line = 0u64;
    let rows = std::iter::from_fn(move || {
        line += 1;
        let row = unbroken(|| rows.next().transpose()).transpose()?;
        Some(row.map_err(&broken).map(|row| {
            checked(line, line, row.get_column_iter().map(|(_, field)| field_text(field)).collect(), None)
        }))
    });
    // Nothing is read behind a damaged page: what it would have said is not known.
    let mut failed = false;
    let rows = rows.take_while(move |row| !std::mem::replace(&mut failed, row.is_err()));
    Ok(Table { header, rows: Box::new(rows), extent, unread_sheets: Vec::new() })
}

/// What `read` gives. The reader of Parquet asserts what a damaged file does not hold to: that is a fault of the file.
fn unbroken<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(ParquetError::General("damaged content".to_owned())))
}

fn field_text(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Date(days) => Date::from_days(*days).to_string(),
        Field::TimestampMillis(n) => moment_text(*n, 1000),
        Field::TimestampMicros(n) => moment_text(*n, 1_000_000),
        other => other.to_string().trim_matches('"').to_owned(),
    }
}

/// A day, with the time of day when it is not midnight.
fn moment_text(n: i64, a_second: i64) -> String {
    let seconds = n.div_euclid(a_second);
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let Ok(day) = i32::try_from(day) else { return n.to_string() };
    let date = Date::from_days(day);
    if second == 0 && n.rem_euclid(a_second) == 0 {
        return date.to_string();
    }
    format!("{date} {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}
