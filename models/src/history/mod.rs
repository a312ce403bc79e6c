//! A history: Parquet tables of any column names and types, read into small integer codes.
//!
//! The owner says by a [`Description`] what the columns mean. [`History::open`] reads what is known of each row apart
//! from its features; a [`Split`] says which rows learn; [`History::encode`] turns every feature into codes.

mod codes;
mod description;
mod error;
mod future;
mod labels;
mod rows;
mod sketch;
mod source;
mod split;
mod table;

pub(crate) use codes::Coder;
pub use codes::{Codes, Fine, Layout, Place, Value};
pub use description::{Description, Feature, Kind, Label, Target};
pub use error::{Finding, HistoryError};
pub use rows::{Month, Rows};
pub use sketch::Sketch;
pub(crate) use source::{Batch, Source};
pub use split::Split;
pub(crate) use table::refuse_infinities;
pub use table::{Column, History, Table};
