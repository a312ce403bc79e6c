//! Every parser of foreign input, as a function of bytes.
//!
//! A fuzzer drives them (`fuzz_targets/`), and so does a plain test on every run of the tests (`tests/tests/hostile.rs`, which
//! includes this file): both with the inputs of `corpus/`, one folder a target. A target says whether it accepts its input:
//! seeds named `good-…` are accepted and seeds named `bad-…` refused, so that the fuzzer begins behind the first check and not
//! before it. Whatever is accepted is also used, and must come out as it went in where it can be written again.

mod codes;
mod documents;
mod files;
mod json;
mod log;
mod service;

use std::sync::LazyLock;

use hengxin_standard::Catalogue;

pub use documents::cases_of;
pub use service::forgotten_requests;

/// Takes an input to the end, and says whether it was accepted.
pub type Target = fn(&[u8]) -> bool;

/// All targets by name, in the order of the alphabet.
pub const TARGETS: [(&str, Target); 24] = [
    ("access_rules", service::access_rules),
    ("cases", documents::cases),
    ("codes", codes::codes),
    ("credentials", service::credentials),
    ("csv", files::csv),
    ("dates", codes::dates),
    ("exports", files::exports),
    ("features", documents::features),
    ("heads", log::heads),
    ("histories", json::histories),
    ("keys", log::keys),
    ("locks", documents::locks),
    ("manifests", json::manifests),
    ("models", json::models),
    ("notes", log::notes),
    ("page_tokens", service::page_tokens),
    ("parquet", files::parquet),
    ("plans", json::plans),
    ("policies", documents::policies),
    ("proofs", log::proofs),
    ("requests", service::requests),
    ("standards", documents::standards),
    ("vocabularies", documents::vocabularies),
    ("workbooks", files::workbooks),
];

static SHIPPED: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::shipped().unwrap_or_else(|problem| panic!("{problem}")));

/// Takes an input to a target by its name.
///
/// # Panics
/// When there is no such target, or the target is found wanting.
pub fn run(name: &str, input: &[u8]) -> bool {
    let (_, target) =
        TARGETS.iter().find(|(other, _)| *other == name).unwrap_or_else(|| panic!("no target `{name}`"));
    target(input)
}

/// Bytes as text; what is no text is replaced.
pub fn text(input: &[u8]) -> String {
    String::from_utf8_lossy(input).into_owned()
}
