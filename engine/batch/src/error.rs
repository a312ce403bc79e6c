//! What can go wrong with datasets and runs.

use std::path::PathBuf;

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure. Messages name the file, and where it helps the row group, row and column.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A Parquet file cannot be read or written: damaged, cut short, or not Parquet at all.
    #[error("{file}: {source}; expected a whole Parquet file")]
    Parquet {
        /// Which file.
        file: String,
        /// Why.
        source: parquet::errors::ParquetError,
    },
    /// A file is not what its place says it is.
    #[error("{file}: found {found}, expected {expected}")]
    Content {
        /// Which file, and where in it.
        file: String,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// What was asked cannot be done with these inputs.
    #[error("{0}")]
    Refused(String),
    /// Somebody else is at work in the same folder.
    #[error("{}: another process is at work here; wait for it or choose another folder", .0.display())]
    Busy(PathBuf),
    /// The caller asked to stop; what was committed stays and is not done again.
    #[error("cancelled; the shards finished so far are kept, and the same command goes on from there")]
    Cancelled,
}

impl Error {
    pub(crate) fn io(path: &std::path::Path, source: std::io::Error) -> Error {
        Error::Io { path: path.to_owned(), source }
    }

    pub(crate) fn parquet(file: &str, source: parquet::errors::ParquetError) -> Error {
        Error::Parquet { file: file.to_owned(), source }
    }

    pub(crate) fn content(
        file: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Error {
        Error::Content { file: file.into(), found: found.into(), expected: expected.into() }
    }
}
