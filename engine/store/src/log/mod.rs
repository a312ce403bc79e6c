//! The log over all history: an entry for every row, a signed tree head for every commit.
//!
//! ```text
//! rows of history ─ source (their text) ▶ seal (entries, nodes, signed head; in the transaction that wrote the rows)
//! Snapshot ─ read ▶ heads, entries, proofs        Snapshot::verify ─ check ▶ every row against entry, tree and heads
//! ```
//!
//! The triggers upon history keep honest programs from changing it. Who can write the file can remove triggers; that
//! such a change is seen is the business of this module. Source: RFC 6962, and `docs/log.md`.

mod check;
mod key;
mod read;
mod seal;
mod source;

/// The schema version that brought the log.
pub(crate) const SINCE: i64 = 4;

pub use check::CheckedLog;
pub use read::{Log, LogEntry};

pub(crate) use check::check;
pub(crate) use key::{bring_key, check_key, ensure_key, ensure_not_backwards, remember};
pub(crate) use seal::{begin, expect_sealed, seal};
pub(crate) use source::Bulk;
