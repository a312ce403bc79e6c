//! From text to checked standards: the YAML subset, diagnostics, the catalogue of editions, the lock, and cases.
//!
//! The catalogue reads a folder once, checks every file of it together, and answers which edition is in force on a
//! date. It never falls back: an expired standard is refused with its last day. Source: `docs/standard-format.md`.

pub mod cases;
pub mod catalogue;
pub mod features;
pub mod folder;
pub mod lock;
pub mod report;
mod together;
mod yaml;

pub use catalogue::{Catalogue, Edition, NoEdition, PolicyEdition};
pub use features::FeatureEdition;
pub use yaml::parse_document;
