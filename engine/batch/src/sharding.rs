//! Where one shard ends and the next begins: a property of the subjects alone.
//!
//! A subject whose code's fingerprint falls on a chosen residue opens a new shard. So the number of shards depends on
//! the subjects and never on the machine, no subject is in two of them, and a subject more or less changes one shard
//! and leaves all others byte for byte as they were.

use hengxin_core::uscc::Uscc;

use crate::digest::fingerprint;

/// Subjects of a shard on average.
pub const SUBJECTS: u64 = 16_384;

/// Whether this subject opens a new shard. (The first of all does so too.)
pub fn opens(subject: Uscc) -> bool {
    fingerprint(subject.as_str()).is_multiple_of(SUBJECTS)
}
