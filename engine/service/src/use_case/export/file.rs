//! Reading rows of exports back: a file of one, or any lines of one under the names of its columns.

use std::io::Read;

use super::row::{COLUMNS, MARK, Row};

/// Why a file cannot be read further.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Nothing in it.
    #[error("line 1: found an empty file, expected columns `{}` and `{MARK}`", COLUMNS.join("`, `"))]
    Empty,
    /// A column is missing.
    #[error("line 1: found no column `{column}`, expected `{}` and `{MARK}`", COLUMNS.join("`, `"))]
    NoColumn {
        /// Which.
        column: &'static str,
    },
    /// A column stands there more than once.
    #[error("line 1: found column `{column}` twice, expected it once")]
    Twice {
        /// Which.
        column: &'static str,
    },
    /// A row of another width than the first line.
    #[error("line {line}: found {found} cells, expected {expected}")]
    Width {
        /// Where.
        line: u64,
        /// Its cells.
        found: usize,
        /// Cells of the first line.
        expected: usize,
    },
    /// A cell that is no text.
    #[error("line {line}: field `{column}`: found bytes that are no UTF-8")]
    NotText {
        /// Where.
        line: u64,
        /// In which column.
        column: &'static str,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Unreadable(#[from] csv::Error),
}

/// A row that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it begins, from 1.
    pub line: u64,
    /// The row.
    pub row: Row,
    /// What stands in the column of marks.
    pub mark: String,
}

/// The rows of a file, until the first fault. Columns may stand in any order; those nobody knows are passed over.
#[derive(Debug)]
pub struct Rows<R> {
    reader: csv::Reader<R>,
    width: usize,
    /// Where each of [`COLUMNS`] stands.
    places: [usize; COLUMNS.len()],
    mark: usize,
    ended: bool,
}

impl<R: Read> Rows<R> {
    /// Reads the names of the columns.
    ///
    /// # Errors
    /// An empty file, one without a column or with one twice, and one that cannot be read.
    pub fn open(file: R) -> Result<Rows<R>, FileError> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(file);
        let mut names = csv::ByteRecord::new();
        if !reader.read_byte_record(&mut names)? {
            return Err(FileError::Empty);
        }
        let place = |column: &'static str| {
            // The reader takes a byte order mark away.
            let mut places = names.iter().enumerate().filter(|(_, name)| *name == column.as_bytes());
            match (places.next(), places.next()) {
                (Some((place, _)), None) => Ok(place),
                (None, _) => Err(FileError::NoColumn { column }),
                (Some(_), Some(_)) => Err(FileError::Twice { column }),
            }
        };
        let mut places = [0; COLUMNS.len()];
        for (at, column) in places.iter_mut().zip(COLUMNS) {
            *at = place(column)?;
        }
        let mark = place(MARK)?;
        Ok(Rows { width: names.len(), reader, places, mark, ended: false })
    }

    fn read(&mut self) -> Result<Option<Found>, FileError> {
        let mut record = csv::ByteRecord::new();
        if !self.reader.read_byte_record(&mut record)? {
            return Ok(None);
        }
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != self.width {
            return Err(FileError::Width { line, found: record.len(), expected: self.width });
        }
        let text = |place: usize, column: &'static str| {
            String::from_utf8(record.get(place).unwrap_or_default().to_vec())
                .map_err(|_| FileError::NotText { line, column })
        };
        let mut cells: [String; COLUMNS.len()] = Default::default();
        for ((cell, place), column) in cells.iter_mut().zip(self.places).zip(COLUMNS) {
            *cell = text(place, column)?;
        }
        Ok(Some(Found { line, row: Row(cells), mark: text(self.mark, MARK)? }))
    }
}

impl<R: Read> Iterator for Rows<R> {
    type Item = Result<Found, FileError>;

    fn next(&mut self) -> Option<Result<Found, FileError>> {
        if self.ended {
            return None;
        }
        let read = self.read().transpose();
        self.ended = !matches!(read, Some(Ok(_)));
        read
    }
}
