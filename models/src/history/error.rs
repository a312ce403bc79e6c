//! What can be wrong with a history, and what is only worth knowing.

use std::path::PathBuf;

/// Why a history cannot be read. Rows are counted from 1 in their file.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file cannot be opened.
    #[error("`{}` cannot be opened", file.display())]
    Open {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be read as Parquet.
    #[error("`{}` cannot be read as Parquet", file.display())]
    Parquet {
        /// Which.
        file: PathBuf,
        /// Why.
        source: parquet::errors::ParquetError,
    },
    /// A batch of rows cannot be read.
    #[error("`{}`: column `{column}` cannot be read", file.display())]
    Batch {
        /// Which.
        file: PathBuf,
        /// Which column.
        column: String,
        /// Why.
        source: arrow_schema::ArrowError,
    },
    /// A column that the description or the first file names is not there.
    #[error("`{}` has no column `{column}`; it has {}", file.display(), found.join(", "))]
    NoColumn {
        /// Where.
        file: PathBuf,
        /// The column expected.
        column: String,
        /// The columns found.
        found: Vec<String>,
    },
    /// Two columns have one name.
    #[error("`{}` has several columns `{column}`, one is expected", file.display())]
    Ambiguous {
        /// Where.
        file: PathBuf,
        /// The name.
        column: String,
    },
    /// The type of a column cannot serve its part.
    #[error("`{}`: column `{column}` is of type {found}, expected {expected}", file.display())]
    Type {
        /// Where.
        file: PathBuf,
        /// Which column.
        column: String,
        /// The type found.
        found: String,
        /// The types that would do.
        expected: &'static str,
    },
    /// A value cannot serve its part.
    #[error("`{}`: row {row}: column `{column}` holds `{found}`, expected {expected}", file.display())]
    Value {
        /// Where.
        file: PathBuf,
        /// Row, from 1.
        row: u64,
        /// Which column.
        column: String,
        /// The value found.
        found: String,
        /// What would do.
        expected: &'static str,
    },
    /// The target has more than two values, or its value for default is none of them.
    #[error("target `{column}` holds {}, expected `{default}` and one other value", list(found))]
    TargetValues {
        /// Which column.
        column: String,
        /// The value that means default.
        default: String,
        /// The values found, at most eight, with how many rows hold them.
        found: Vec<(String, u64)>,
    },
    /// Nobody defaulted, or everybody.
    #[error("target `{column}` holds `{found}` only, expected two classes")]
    OneClass {
        /// Which column.
        column: String,
        /// The one value.
        found: String,
    },
    /// More categories than codes.
    #[error("column `{column}` has more than {bound} categories; exclude it, or group them")]
    Categories {
        /// Which column.
        column: String,
        /// The most there may be.
        bound: usize,
    },
    /// The weights add to more than can be counted exactly.
    #[error("the weights of column `{column}` add to 2^33 or more")]
    Mass {
        /// Which column.
        column: String,
    },
    /// There is no row, no file, or no feature.
    #[error("the history has no {what}")]
    Empty {
        /// What is missing.
        what: &'static str,
    },
    /// More rows than are numbered.
    #[error("the history has {found} rows, expected fewer than 2^32")]
    TooLong {
        /// How many.
        found: usize,
    },
    /// A setting is out of range.
    #[error("`{setting}` is {found}, expected {expected}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// The value found.
        found: String,
        /// What would do.
        expected: &'static str,
    },
}

fn list(values: &[(String, u64)]) -> String {
    let items: Vec<String> = values.iter().map(|(value, rows)| format!("`{value}` ({rows} rows)")).collect();
    items.join(", ")
}

/// What is worth knowing about a feature before it is used.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// No learning row has a value.
    AllMissing {
        /// The feature.
        column: String,
    },
    /// All learning rows with a value have the same.
    Constant {
        /// The feature.
        column: String,
        /// The value.
        value: String,
    },
    /// So many categories that most hold few rows.
    ManyCategories {
        /// The feature.
        column: String,
        /// How many.
        found: usize,
    },
    /// Each value of the feature belongs to one class, or all but: the target is hidden in it.
    Separates {
        /// The feature.
        column: String,
        /// What it takes for the other class, as a share of the lesser class.
        error: f64,
    },
    /// Some of its dates lie after the observation.
    Future {
        /// The feature.
        column: String,
        /// Learning rows with such a date.
        rows: u64,
    },
    /// Its values are dates, and no row says when it was observed.
    Dates {
        /// The feature.
        column: String,
    },
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Finding::AllMissing { column } => write!(f, "`{column}` is missing in all learning rows"),
            Finding::Constant { column, value } => write!(f, "`{column}` is `{value}` wherever it is known"),
            Finding::ManyCategories { column, found } => write!(f, "`{column}` has {found} categories"),
            Finding::Separates { column, error } => {
                let how = if *error > 0.0 {
                    format!("with an error of {:.1} %", error * 100.0)
                } else {
                    "without error".to_owned()
                };
                write!(f, "`{column}` tells defaults from the rest {how}: the target may be hidden in it")
            }
            Finding::Future { column, rows } => write!(
                f,
                "`{column}` has a date after the month of the row in {rows} learning rows: it may know what is to be foretold"
            ),
            Finding::Dates { column } => write!(
                f,
                "`{column}` holds dates, and the history names no month: whether it knows the future cannot be told"
            ),
        }
    }
}
