//! Facts in Parquet: datasets, and the re-scoring of a whole population.
//!
//! A **dataset** is a folder of *shards* with a manifest; a shard is a Parquet file with all facts of a run of
//! subjects, and the unit of work everywhere. A **run** takes every subject of a dataset (or of a ledger) through the
//! one kernel and leaves a folder of result shards with a manifest of its own. Layouts: `docs/dataset.md`,
//! `docs/runs.md`. This crate knows Parquet and folders; it knows neither SQL nor YAML, and does no arithmetic on
//! points.

pub mod check;
pub mod class_text;
mod columns;
pub mod compare;
pub mod dataset;
pub mod delivered;
pub mod digest;
pub mod due;
mod error;
pub mod evaluator;
pub mod features;
pub mod job;
pub mod layout;
pub mod manifest;
pub mod moment;
pub mod place;
pub mod reader;
pub mod relatives;
pub mod rescore;
pub mod results;
pub mod row;
mod rows;
pub mod run;
pub mod schema;
pub mod sharding;
pub mod sort;
mod target;
mod worker;
pub mod world;
pub mod writer;

pub use error::{Error, Result};
