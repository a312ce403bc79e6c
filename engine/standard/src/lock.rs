//! `editions.lock`: a published edition is never edited; its digest is pinned here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// SHA-256 in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{b:02x}");
        out
    })
}

/// Pinned digests by (id, edition).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock(pub BTreeMap<(String, String), String>);

/// Why a lock file cannot be read or extended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// A line of another form.
    #[error("line {line}: found `{found}`, expected `ID EDITION SHA256`")]
    Line {
        /// Line, from 1.
        line: usize,
        /// Its text.
        found: String,
    },
    /// An entry would change.
    #[error("`{id}` {edition} is pinned as {pinned}, found {found}; a published edition is never edited, write a new one")]
    Changed {
        /// Id.
        id: String,
        /// Edition.
        edition: String,
        /// The pinned digest.
        pinned: String,
        /// The digest of the file.
        found: String,
    },
}

impl Lock {
    /// Reads a lock file.
    ///
    /// # Errors
    /// The first line that is no entry.
    pub fn parse(text: &str) -> Result<Lock, LockError> {
        let mut entries = BTreeMap::new();
        for (i, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let [id, edition, digest] = words.as_slice() else {
                return Err(LockError::Line { line: i + 1, found: line.to_owned() });
            };
            entries.insert(((*id).to_owned(), (*edition).to_owned()), (*digest).to_owned());
        }
        Ok(Lock(entries))
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// When the edition is pinned with another digest.
    pub fn add(&mut self, id: &str, edition: &str, digest: &str) -> Result<(), LockError> {
        let key = (id.to_owned(), edition.to_owned());
        match self.0.get(&key) {
            Some(pinned) if pinned != digest => Err(LockError::Changed {
                id: id.to_owned(),
                edition: edition.to_owned(),
                pinned: pinned.clone(),
                found: digest.to_owned(),
            }),
            Some(_) => Ok(()),
            None => {
                self.0.insert(key, digest.to_owned());
                Ok(())
            }
        }
    }

    /// The file's text.
    pub fn render(&self) -> String {
        let mut out = String::from(
            "# Digests of published editions: id, edition, SHA-256 of the file.\n\
             # Written by `hengxin standards lock`; a line never changes.\n",
        );
        for ((id, edition), digest) in &self.0 {
            let _ = writeln!(out, "{id} {edition} {digest}");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_edition_cannot_change() {
        let mut lock = Lock::parse("# x\na 1 d1\n").expect("valid");
        lock.add("a", "2", "d2").expect("new");
        lock.add("a", "1", "d1").expect("same");
        assert!(matches!(lock.add("a", "1", "other"), Err(LockError::Changed { .. })));
        assert_eq!(Lock::parse(&lock.render()), Ok(lock));
        assert!(matches!(Lock::parse("a 1\n"), Err(LockError::Line { line: 1, .. })));
    }
}
