//! A log that cannot be changed unseen.
//!
//! Whoever keeps a record may be asked, years later, to show that nothing in it was changed. Entries are the leaves of
//! a Merkle tree (RFC 6962 §2.1); a signed *tree head* commits to all of them; a *proof* of a few hashes shows that an
//! entry is in the tree of a head, or that one head's tree begins with another's. Whoever has kept an old head notices
//! when history is rewritten; the public key is all that is needed.
//!
//! ```text
//! entry ─ leaf_hash ▶ Frontier::push ▶ nodes (kept by the store) ─ Frontier::root ▶ TreeHead ─ sign ▶ signed note
//! nodes ─ inclusion / consistency ▶ Proof ─ verify with a head ▶ yes, or what is wrong
//! ```
//!
//! This crate knows no tables, files or requests. The tree's proofs are checked by the `ct-merkle` crate and signatures
//! by `ring`; heads and receipts are signed notes as transparency logs elsewhere write them, so that other tools can
//! check them too.

mod head;
mod note;
mod proof;
mod receipt;
mod tree;

pub use head::{HeadError, TreeHead};
pub use note::{KeyError, NoteError, SigningKey, VerifyingKey};
pub use proof::{Proof, ProofError, ProofFile, Shown};
pub use receipt::{Receipt, ReceiptError, Statement};
pub use tree::{Frontier, Hash, Nodes, consistency, inclusion, leaf_hash, root};
