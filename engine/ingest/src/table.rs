//! A file as rows of text, whatever its format.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use calamine::{Data, Reader as _, Xlsx};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader as _, SerializedFileReader};

/// Longest cell, in bytes. Official fields end at 4,000 characters.
pub const CELL_MAX: usize = 64 << 10;
/// Longest row, in bytes.
pub const ROW_MAX: usize = 1 << 20;

/// A table: its header, and its rows as they are read.
pub struct Table {
    /// Column names, trimmed.
    pub header: Vec<String>,
    /// The rows in order.
    pub rows: Box<dyn Iterator<Item = Row> + Send>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its line in the file (row of the sheet, or number of the record), from 1.
    pub line: u64,
    /// Its cells; shorter than the header when cells are missing at the end.
    pub cells: Vec<String>,
    /// Why it cannot be used whatever its cells say.
    pub problem: Option<String>,
}

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system will not read it.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No content.
    #[error("{path}: found an empty file, expected a header and rows")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Its content is of another kind than its name or than what can be read.
    #[error("{path}: found {found}, expected {expected}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// Its columns do not say what it holds.
    #[error("{path}: {problem}")]
    Columns {
        /// The file.
        path: PathBuf,
        /// What is wrong with the header.
        problem: String,
    },
}

/// Opens a file by its name's ending, having looked at its first bytes.
///
/// # Errors
/// See [`FileError`].
pub fn open(path: &Path) -> Result<Table, FileError> {
    let read_error = |source| FileError::Read { path: path.to_owned(), source };
    let mut magic = [0u8; 8];
    let mut file = File::open(path).map_err(read_error)?;
    let n = file.read(&mut magic).map_err(read_error)?;
    if n == 0 {
        return Err(FileError::Empty { path: path.to_owned() });
    }
    let kind = kind_of(&magic[..n]);
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    let format = |found: &str, expected: &str| {
        Err(FileError::Format {
            path: path.to_owned(),
            found: found.to_owned(),
            expected: expected.to_owned(),
        })
    };
    match (ending.as_str(), kind) {
        ("xlsx", Kind::Zip) => xlsx(path),
        ("xlsx", other) => format(other.name(), "an XLSX workbook (a ZIP archive)"),
        ("parquet", Kind::Parquet) => parquet_rows(path),
        ("parquet", other) => format(other.name(), "a Parquet file"),
        ("csv" | "txt" | "tsv", Kind::Text) => csv_rows(path),
        ("csv" | "txt" | "tsv", other) => format(other.name(), "comma-separated text"),
        (_, other) => format(
            &format!("the ending `{ending}` on {}", other.name()),
            "a file ending in .csv, .tsv, .txt, .xlsx or .parquet",
        ),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Zip,
    Parquet,
    Gzip,
    OldOffice,
    Pdf,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Zip => "a ZIP archive (perhaps an XLSX workbook under another name)",
            Kind::Parquet => "a Parquet file",
            Kind::Gzip => "a gzip archive",
            Kind::OldOffice => "an old Office file (such as .xls; save it as .xlsx)",
            Kind::Pdf => "a PDF",
        }
    }
}

fn kind_of(magic: &[u8]) -> Kind {
    match magic {
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Kind::Zip,
        [b'P', b'A', b'R', b'1', ..] => Kind::Parquet,
        [0x1f, 0x8b, ..] => Kind::Gzip,
        [0xd0, 0xcf, 0x11, 0xe0, ..] => Kind::OldOffice,
        [b'%', b'P', b'D', b'F', ..] => Kind::Pdf,
        _ => Kind::Text,
    }
}

fn csv_rows(path: &Path) -> Result<Table, FileError> {
    let read_error = |source| FileError::Read { path: path.to_owned(), source };
    // Valid UTF-8 is read as it comes; anything else is taken for GB18030, the other encoding authorities write.
    let utf8 = is_utf8(path).map_err(read_error)?;
    let file = File::open(path).map_err(read_error)?;
    let source: Box<dyn Read + Send> = if utf8 {
        let mut reader = BufReader::with_capacity(1 << 16, file);
        skip_bom(&mut reader).map_err(read_error)?;
        Box::new(reader)
    } else {
        let mut bytes = Vec::new();
        BufReader::new(file).read_to_end(&mut bytes).map_err(read_error)?;
        let (text, _, broken) = encoding_rs::GB18030.decode(&bytes);
        if broken {
            return Err(FileError::Format {
                path: path.to_owned(),
                found: "text that is neither UTF-8 nor GB18030".to_owned(),
                expected: "one of these encodings".to_owned(),
            });
        }
        Box::new(Cursor::new(text.into_owned().into_bytes()))
    };
    let mut source = source;
    let mut head = vec![0u8; 4096];
    let mut got = 0;
    while got < head.len() {
        match source.read(&mut head[got..]).map_err(read_error)? {
            0 => break,
            n => got += n,
        }
    }
    head.truncate(got);
    let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
    let count = |b: u8| line.iter().filter(|c| **c == b).count();
    let delimiter = [b',', b'\t', b';'].into_iter().max_by_key(|b| (count(*b), *b == b',')).unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(Cursor::new(head).chain(source));
    let mut record = csv::ByteRecord::new();
    let header = match reader.read_byte_record(&mut record) {
        Ok(true) => cells_of(&record).into_iter().map(|c| c.trim().to_owned()).collect::<Vec<_>>(),
        Ok(false) => return Err(FileError::Empty { path: path.to_owned() }),
        Err(problem) => {
            return Err(FileError::Format {
                path: path.to_owned(),
                found: problem.to_string(),
                expected: "comma-separated text".to_owned(),
            });
        }
    };
    let width = header.len();
    let rows = std::iter::from_fn(move || {
        let mut record = csv::ByteRecord::new();
        match reader.read_byte_record(&mut record) {
            Ok(false) => None,
            Ok(true) => {
                let line = record.position().map_or(0, csv::Position::line);
                let cells = cells_of(&record);
                let problem = (cells.len() != width)
                    .then(|| format!("found {} cells, expected {width} as in the header", cells.len()));
                Some(checked(line, cells, problem))
            }
            Err(problem) => Some(Row {
                line: reader.position().line(),
                cells: Vec::new(),
                problem: Some(problem.to_string()),
            }),
        }
    });
    Ok(Table {
        header,
        rows: Box::new(rows.filter(|row| row.problem.is_some() || row.cells.iter().any(|c| !c.is_empty()))),
    })
}

fn cells_of(record: &csv::ByteRecord) -> Vec<String> {
    record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect()
}

/// Refuses rows and cells no record can have, before anything else looks at them; what is kept is cut short.
fn checked(line: u64, mut cells: Vec<String>, problem: Option<String>) -> Row {
    let size: usize = cells.iter().map(String::len).sum();
    let longest = cells.iter().map(String::len).max().unwrap_or(0);
    let too_long = if size > ROW_MAX {
        Some(format!("found a row of {size} bytes, expected at most {ROW_MAX}"))
    } else if longest > CELL_MAX {
        Some(format!("found a cell of {longest} bytes, expected at most {CELL_MAX}"))
    } else {
        None
    };
    if too_long.is_some() {
        for cell in &mut cells {
            if cell.len() > 200 {
                *cell = cell.chars().take(60).chain("…".chars()).collect();
            }
        }
    }
    Row { line, cells, problem: too_long.or(problem) }
}

fn is_utf8(path: &Path) -> std::io::Result<bool> {
    let mut reader = BufReader::with_capacity(1 << 16, File::open(path)?);
    let mut buffer = vec![0u8; 1 << 16];
    let mut kept = 0;
    loop {
        let n = reader.read(&mut buffer[kept..])?;
        let filled = kept + n;
        match std::str::from_utf8(&buffer[..filled]) {
            Ok(_) => kept = 0,
            // A character may be cut by the end of the buffer, but not by the end of the file.
            Err(e) if e.error_len().is_none() && n > 0 => {
                buffer.copy_within(e.valid_up_to()..filled, 0);
                kept = filled - e.valid_up_to();
            }
            Err(_) => return Ok(false),
        }
        if n == 0 {
            return Ok(kept == 0);
        }
    }
}

fn skip_bom(reader: &mut BufReader<File>) -> std::io::Result<()> {
    use std::io::BufRead as _;
    if reader.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    Ok(())
}

fn xlsx(path: &Path) -> Result<Table, FileError> {
    let broken = |problem: String| FileError::Format {
        path: path.to_owned(),
        found: format!("a workbook that cannot be read ({problem})"),
        expected: "a complete XLSX workbook".to_owned(),
    };
    let file = File::open(path).map_err(|source| FileError::Read { path: path.to_owned(), source })?;
    let mut book = Xlsx::new(BufReader::new(file)).map_err(|e| broken(e.to_string()))?;
    let names = book.sheet_names();
    for name in names {
        let range = book.worksheet_range(&name).map_err(|e| broken(e.to_string()))?;
        let first = range.start().map_or(0, |(row, _)| u64::from(row)) + 1;
        let mut rows = range.rows().map(|row| row.iter().map(cell_text).collect::<Vec<String>>());
        let Some(header) = rows.next().filter(|h| h.iter().any(|c| !c.is_empty())) else { continue };
        let header: Vec<String> = header.into_iter().map(|c| c.trim().to_owned()).collect();
        let rows: Vec<Row> = rows
            .enumerate()
            .filter(|(_, cells)| cells.iter().any(|c| !c.is_empty()))
            .map(|(i, cells)| checked(first + 1 + i as u64, cells, None))
            .collect();
        return Ok(Table { header, rows: Box::new(rows.into_iter()) });
    }
    Err(FileError::Empty { path: path.to_owned() })
}

/// A cell as a person reads it: whole numbers without `.0`, dates as ISO dates.
fn cell_text(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::String(text) => text.trim().to_owned(),
        Data::Int(n) => n.to_string(),
        Data::Float(f) => f.to_string(),
        Data::Bool(b) => b.to_string(),
        Data::DateTime(date) => {
            let (year, month, day, hour, minute, second, _) = date.to_ymd_hms_milli();
            let time = if (hour, minute, second) == (0, 0, 0) {
                String::new()
            } else {
                format!(" {hour:02}:{minute:02}:{second:02}")
            };
            format!("{year:04}-{month:02}-{day:02}{time}")
        }
        Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Error(problem) => format!("#{problem}"),
    }
}

fn parquet_rows(path: &Path) -> Result<Table, FileError> {
    let broken = |problem: String| FileError::Format {
        path: path.to_owned(),
        found: format!("a Parquet file that cannot be read ({problem})"),
        expected: "a complete Parquet file of plain columns".to_owned(),
    };
    let file = File::open(path).map_err(|source| FileError::Read { path: path.to_owned(), source })?;
    let reader = unbroken(|| SerializedFileReader::new(file)).map_err(|e| broken(e.to_string()))?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let header = schema.root_schema().get_fields().iter().map(|f| f.name().to_owned()).collect();
    let mut rows = parquet::record::reader::RowIter::from_file_into(Box::new(reader));
    let (mut line, mut damaged) = (0, false);
    let rows = std::iter::from_fn(move || {
        // Behind a damaged page the reader reports the same fault for ever.
        if damaged {
            return None;
        }
        line += 1;
        let row = unbroken(|| rows.next().transpose()).transpose()?;
        damaged = row.is_err();
        Some(match row {
            Ok(row) => {
                checked(line, row.get_column_iter().map(|(_, field)| field_text(field)).collect(), None)
            }
            Err(problem) => Row { line, cells: Vec::new(), problem: Some(problem.to_string()) },
        })
    });
    Ok(Table { header, rows: Box::new(rows) })
}

/// What `read` gives. The reader of Parquet asserts what a damaged file does not hold to: that is a fault of the file.
fn unbroken<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(ParquetError::General("damaged content".to_owned())))
}

fn field_text(field: &parquet::record::Field) -> String {
    match field {
        parquet::record::Field::Null => String::new(),
        parquet::record::Field::Str(text) => text.clone(),
        other => other.to_string().trim_matches('"').to_owned(),
    }
}
