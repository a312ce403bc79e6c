//! A model in the words of other programs.

mod sql;
mod standard;

pub use sql::sql;
pub use standard::{ExportError, ExportedFile, code, labels, standard, ten_thousandths};
