//! A file as rows of text, whatever its format.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::{columnar, text, workbook};

/// Longest cell, in bytes. Official fields end at 4,000 characters.
pub const CELL_MAX: usize = 64 << 10;
/// Longest row, in bytes.
pub const ROW_MAX: usize = 1 << 20;
/// How a reason begins that concerns a row as such, whatever its cells say.
pub const ROW_FAULT: &str = "the row: ";

/// A table: its header, and its rows as they are read.
pub struct Table {
    /// Column names, trimmed.
    pub header: Vec<String>,
    /// The rows in order. After an error nothing of the file is to be used.
    pub rows: Box<dyn Iterator<Item = Result<Row, FileError>> + Send>,
    /// How far reading will go: bytes of text, or rows.
    pub extent: u64,
    /// Sheets of a workbook that are not read: the first one with content is.
    pub unread_sheets: Vec<String>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its line in the file (row of the sheet, or number of the record), from 1.
    pub line: u64,
    /// Its cells; shorter than the header when cells are missing at the end.
    pub cells: Vec<String>,
    /// Why it cannot be used whatever its cells say; begins with [`ROW_FAULT`].
    pub problem: Option<String>,
    /// How far reading has come, of [`Table::extent`].
    pub at: u64,
}

/// Why a file cannot be read.
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
}

impl FileError {
    /// Whether the system is at fault, not the file or its name.
    pub fn is_systems(&self) -> bool {
        use std::io::ErrorKind::{InvalidData, InvalidInput, IsADirectory, NotFound, PermissionDenied};
        match self {
            FileError::Read { source, .. } => !matches!(
                source.kind(),
                NotFound | PermissionDenied | IsADirectory | InvalidInput | InvalidData
            ),
            FileError::Empty { .. } | FileError::Format { .. } => false,
        }
    }

    pub(crate) fn read(path: &Path, source: std::io::Error) -> FileError {
        FileError::Read { path: path.to_owned(), source }
    }

    pub(crate) fn format(path: &Path, found: impl Into<String>, expected: impl Into<String>) -> FileError {
        FileError::Format { path: path.to_owned(), found: found.into(), expected: expected.into() }
    }
}

/// Opens a file by its name's ending, having looked at its first bytes.
///
/// # Errors
/// See [`FileError`].
pub fn open(path: &Path) -> Result<Table, FileError> {
    let read_error = |source| FileError::read(path, source);
    let mut magic = Vec::new();
    File::open(path).map_err(read_error)?.take(8).read_to_end(&mut magic).map_err(read_error)?;
    if magic.is_empty() {
        return Err(FileError::Empty { path: path.to_owned() });
    }
    let kind = kind_of(&magic);
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    let format = |found: &str, expected: &str| Err(FileError::format(path, found, expected));
    match (ending.as_str(), kind) {
        ("xlsx", Kind::Zip) => workbook::rows(path),
        ("xlsx", other) => format(other.name(), "an XLSX workbook (a ZIP archive)"),
        ("parquet", Kind::Parquet) => columnar::rows(path),
        ("parquet", other) => format(other.name(), "a Parquet file"),
        ("csv" | "txt" | "tsv", Kind::Text) => text::rows(path),
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

/// Refuses rows and cells no record can have, before anything else looks at them; what is kept is cut short.
pub(crate) fn checked(line: u64, at: u64, mut cells: Vec<String>, problem: Option<String>) -> Row {
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
    let problem = too_long.or(problem).map(|problem| format!("{ROW_FAULT}{problem}"));
    Row { line, cells, problem, at }
}
