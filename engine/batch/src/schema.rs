//! The columns of a shard, version 1 (`docs/dataset.md`).

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// Version of the columns, their meaning and their order.
pub const VERSION: u32 = 1;

/// Names of the columns, in order. What is read for scoring comes first, text last.
pub const COLUMNS: [&str; 17] = [
    "subject",
    "class",
    "occurred_on",
    "ends_on",
    "publicity_until",
    "repaired_on",
    "number",
    "known_from",
    "known_until",
    "reference",
    "objections",
    "established_on",
    "region",
    "industry",
    "related",
    "fact",
    "text",
];

/// Columns a shard must have; each other one may be absent, which says the same as a column of nulls.
pub const REQUIRED: [&str; 4] = ["subject", "class", "occurred_on", "known_from"];

/// A dictionary-coded text.
pub fn coded_text() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// A moment.
pub fn moment() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))
}

/// The Arrow schema of a shard as this program writes it.
pub fn schema() -> SchemaRef {
    let field = |name: &str| {
        let (kind, nullable) = match name {
            "subject" | "class" => (coded_text(), false),
            "reference" | "text" | "related" => (DataType::Utf8, true),
            "objections" | "region" | "industry" => (coded_text(), true),
            "occurred_on" => (DataType::Date32, false),
            "number" => (DataType::Int64, true),
            "known_from" => (moment(), false),
            "known_until" => (moment(), true),
            "fact" => (DataType::UInt64, false),
            _ => (DataType::Date32, true),
        };
        Field::new(name, kind, nullable)
    };
    Arc::new(Schema::new(COLUMNS.map(field).to_vec()))
}
