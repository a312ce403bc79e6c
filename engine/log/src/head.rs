//! Tree heads: how large a log is, and the root over all its entries, signed.
//!
//! The text is a checkpoint (<https://c2sp.org/tlog-checkpoint>): origin, size and root, a line each. A fourth line says
//! which head of the log it is and when it was made: `head`, a number from 1, `at`, and microseconds since
//! 1970-01-01T00:00:00Z. Numbers without a gap show that no head was taken away.

use crate::note::{NoteError, SigningKey, VerifyingKey};
use crate::tree::Hash;

/// Most entries of a tree: its nodes, twice as many, are numbered in 63 bits. Larger trees the proofs cannot speak of.
const SIZE_MAX: u64 = 1 << 62;

/// A tree head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// Which log: the name of its key.
    pub origin: String,
    /// The how-many-th head of the log, from 1.
    pub number: u64,
    /// How many entries the tree has.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// When it was made, in microseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
}

/// Why a text is not believed to be a tree head.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Its signature.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Its text.
    #[error("tree head: {field} is `{found}`, expected {expected}")]
    Field {
        /// Which line.
        field: &'static str,
        /// What it says.
        found: String,
        /// What it should say.
        expected: String,
    },
}

impl TreeHead {
    /// The text that is signed.
    fn text(&self) -> String {
        let TreeHead { origin, number, size, root, at } = self;
        format!("{origin}\n{size}\n{root}\nhead {number} at {at}\n")
    }

    /// The head as a signed note.
    pub fn sign(&self, key: &SigningKey) -> String {
        key.sign(&self.text())
    }

    /// Checks a signed note and reads the head in it.
    ///
    /// # Errors
    /// [`HeadError`]: what is wrong with it.
    pub fn open(note: &str, key: &VerifyingKey) -> Result<TreeHead, HeadError> {
        let text = key.open(note)?;
        let mut lines = text.lines();
        let mut line = || lines.next().unwrap_or_default();
        let (origin, size, root, last) = (line(), line(), line(), line());
        let wrong = |field, found: &str, expected: &str| HeadError::Field {
            field,
            found: found.to_owned(),
            expected: expected.to_owned(),
        };
        if origin != key.name() {
            return Err(wrong("origin", origin, &format!("`{}`", key.name())));
        }
        let parts = last.strip_prefix("head ").and_then(|last| last.split_once(" at "));
        let parts = parts.and_then(|(number, at)| Some((number.parse().ok()?, at.parse().ok()?)));
        let (number, at) =
            parts.ok_or_else(|| wrong("last line", last, "`head`, its number, `at` and microseconds"))?;
        let head = TreeHead {
            origin: origin.to_owned(),
            size: size
                .parse()
                .ok()
                .filter(|size| *size <= SIZE_MAX)
                .ok_or_else(|| wrong("size", size, "a number of entries, at most 2^62"))?,
            root: root.parse().map_err(|_| wrong("root", root, "32 bytes in base64"))?,
            number,
            at,
        };
        if text == head.text() {
            Ok(head)
        } else {
            Err(wrong("text", text, "four lines, numbers without leading zeros"))
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;
    use crate::tree::leaf_hash;

    #[test]
    fn a_head_is_read_as_it_was_signed_and_by_its_own_key_alone() {
        let (key, other) = (SigningKey::generate("log").unwrap(), SigningKey::generate("other").unwrap());
        let head = TreeHead {
            origin: "log".to_owned(),
            number: 3,
            size: 7,
            root: leaf_hash(b"x"),
            at: 1_700_000_000_000_000,
        };
        let note = head.sign(&key);
        assert_eq!(TreeHead::open(&note, key.public()), Ok(head.clone()));
        assert!(matches!(TreeHead::open(&note, other.public()), Err(HeadError::Note(_))));
        // A key signs heads of its own log only.
        let foreign = head.sign(&other);
        let error = TreeHead::open(&foreign, other.public()).unwrap_err().to_string();
        assert_eq!(error, "tree head: origin is `log`, expected `other`");
    }

    #[test]
    fn a_signed_text_that_is_no_head_is_refused() {
        let key = SigningKey::generate("log").unwrap();
        for (text, expected) in [
            ("log\n", "last line is ``"),
            ("log\n\n\nhead 1 at 1\n", "size is ``"),
            ("log\n07\nAAAA\nhead 1 at 1\n", "root is `AAAA`"),
            (&format!("log\n07\n{}\nhead 1 at 1\n", leaf_hash(b"")), "leading zeros"),
            (&format!("log\n7\n{}\nat 1\n", leaf_hash(b"")), "last line is `at 1`"),
            (
                &format!("log\n4611686018427387905\n{}\nhead 1 at 1\n", leaf_hash(b"")),
                "size is `4611686018427387905`, expected a number of entries, at most 2^62",
            ),
        ] {
            let error = TreeHead::open(&key.sign(text), key.public()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
