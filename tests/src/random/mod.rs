//! Random standards, credit files and tier policies, the same for the same seed.
//!
//! What is generated is valid by `docs/standard-format.md` §14 and aims at edges: month ends, leap days, window
//! edges to the day, ties on one date, registers just stale, numbers just at a cut.

pub mod change;
pub mod condition;
pub mod convert;
pub mod file;
pub mod policy;
pub mod population;
pub mod reading;
pub mod rule;
pub mod scenario;
pub mod selection;
pub mod source;
pub mod standard;
pub mod tree;

pub use scenario::{Scenario, Subject};
pub use source::Random;
pub use tree::Tree;

use hengxin_core::vocabulary::Vocabulary;

/// The text of the test vocabulary.
pub const VOCABULARY: &str = include_str!("../../data/vocabulary.yaml");

/// The test vocabulary, through the real parser.
pub fn vocabulary() -> Vocabulary {
    let node = hengxin_standard::parse_document(VOCABULARY).expect("the test vocabulary is YAML");
    Vocabulary::parse(&node).unwrap_or_else(|faults| panic!("the test vocabulary is faulty: {faults:?}"))
}
