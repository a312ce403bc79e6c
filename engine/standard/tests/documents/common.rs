//! What the tests of documents share: the small vocabulary, a standard to read from, and the checks of one document.

use hengxin_core::date::Date;
use hengxin_core::document::Faults;
use hengxin_core::scope::{Peer, Peers};
use hengxin_core::standard::Standard;
use hengxin_core::tier::TierPolicy;
use hengxin_core::vocabulary::Vocabulary;
use hengxin_standard::parse_document;

/// Text of the vocabulary of the documents in `tests/bad` and `tests/data`.
pub(crate) const VOCABULARY: &str = include_str!("../data/vocabulary.yaml");

/// The vocabulary.
pub(crate) fn vocabulary() -> Vocabulary {
    let node = parse_document(VOCABULARY).expect("the test vocabulary is YAML");
    Vocabulary::parse(&node).expect("the test vocabulary is sound")
}

/// The standards that single documents may read.
pub(crate) fn peers() -> Peers {
    let first = "2020-01-01".parse().expect("a date");
    Peers(vec![Peer {
        id: "public-credit".to_owned(),
        edition: "1".to_owned(),
        effective: (first, Date::FOREVER),
        scheme: "example".to_owned(),
        grades: vec!["A".to_owned(), "B".to_owned()],
        findings: vec!["serious-list".to_owned()],
        scored: true,
    }])
}

/// Checks a standard or a tier policy by itself.
pub(crate) fn check_document(text: &str) -> Result<(), Faults> {
    let node = parse_document(text)?;
    if node.child("policy").is_some() {
        return TierPolicy::parse(&node, &peers()).map(|_| ());
    }
    Standard::parse(&node, &vocabulary(), &peers()).map(|_| ())
}
