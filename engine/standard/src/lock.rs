//! `editions.lock`: a published edition is never edited; its digest is pinned here.
//!
//! Facts already recorded are read by the vocabulary of today, so that is pinned too, as far as it has gone: fields
//! and values may be added at the end, nothing before may change. An entry's second word is an edition, and for the
//! vocabulary the number of fields or values pinned.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hengxin_core::vocabulary::{Code, Field, FieldKind, Vocabulary};
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
    /// Two lines of one edition.
    #[error("line {line}: found `{id}` {edition} a second time, expected one line an edition")]
    Twice {
        /// Line of the second, from 1.
        line: usize,
        /// Id.
        id: String,
        /// Edition.
        edition: String,
    },
    /// An entry would change.
    #[error(
        "`{id}` {edition} is pinned as {pinned}, found {found}; a published edition is never edited, write a new one"
    )]
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
    /// The first line that is no entry, or repeats one.
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
            let hexadecimal = digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            if digest.len() != 64 || !hexadecimal {
                return Err(LockError::Line { line: i + 1, found: line.to_owned() });
            }
            let (id, edition) = ((*id).to_owned(), (*edition).to_owned());
            if entries.contains_key(&(id.clone(), edition.clone())) {
                return Err(LockError::Twice { line: i + 1, id, edition });
            }
            entries.insert((id, edition), (*digest).to_owned());
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
            "# Digests of published editions: id, edition, SHA-256 of the file; for the vocabulary: part, how many\n\
             # fields or values, SHA-256 of them. Written by `hengxin standards lock`; a line never changes.\n",
        );
        for ((id, edition), digest) in &self.0 {
            let _ = writeln!(out, "{id} {edition} {digest}");
        }
        out
    }
}

/// One part of a vocabulary as the lock pins it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Such as `code:penalty` or `code:penalty.severity`.
    pub id: String,
    /// What must not change, in order; more may follow.
    pub items: Vec<String>,
}

impl Part {
    /// The digest of the first `n` items; `None` when there are fewer.
    pub fn digest(&self, n: usize) -> Option<String> {
        Some(sha256_hex(self.items.get(..n)?.join("\n").as_bytes()))
    }
}

/// What the lock pins of a vocabulary: registers, codes with the roles and types of their fields, and lists of values.
pub(crate) fn parts(vocabulary: &Vocabulary) -> Vec<Part> {
    let mut parts = Vec::new();
    for register in &vocabulary.registers {
        parts.push(Part {
            id: format!("register:{}", register.id),
            items: vec![register.lag_days.to_string()],
        });
    }
    for code in &vocabulary.codes {
        let fields = code.fields.iter().map(|f| format!("{} {}", f.id, kind_name(f)));
        let head = roles(code, &vocabulary.register(code.register).id);
        parts.push(Part {
            id: format!("code:{}", code.id),
            items: std::iter::once(head).chain(fields).collect(),
        });
        for field in code.fields.iter().filter(|f| !f.values().is_empty()) {
            let items = field.values().iter().map(|v| v.id.clone()).collect();
            parts.push(Part { id: format!("code:{}.{}", code.id, field.id), items });
        }
    }
    parts
}

/// Titles, column names and disclosure may change: they do not change what a recorded fact means.
fn roles(code: &Code, register: &str) -> String {
    let names = |indices: &[usize]| -> String {
        let names: Vec<&str> =
            indices.iter().filter_map(|i| code.fields.get(*i)).map(|f| f.id.as_str()).collect();
        names.join(",")
    };
    let one = |index: Option<usize>| names(index.as_slice());
    format!(
        "register={register} shape={:?} polarity={:?} subject={} occurred_on={} ends_on={} publicity_until={} \
         number={} reference={} key={} target={} relation={}",
        code.shape,
        code.polarity,
        one(Some(code.subject)),
        one(Some(code.occurred_on)),
        one(code.ends_on),
        one(code.publicity_until),
        one(code.number),
        one(code.reference),
        names(&code.key),
        code.target
            .as_ref()
            .map(|(at, key)| format!("{}:{}", one(Some(*at)), names(key)))
            .unwrap_or_default(),
        code.relation.map(|(kind, to)| names(&[kind, to])).unwrap_or_default(),
    )
}

const fn kind_name(field: &Field) -> &'static str {
    match field.kind {
        FieldKind::Text(_) => "text",
        FieldKind::Date => "date",
        FieldKind::Money(_) => "money",
        FieldKind::Count => "count",
        FieldKind::Number => "number",
        FieldKind::Enum(_) => "enum",
        FieldKind::Set(_) => "set",
        FieldKind::Region => "region",
        FieldKind::Industry => "industry",
        FieldKind::Uscc => "uscc",
        FieldKind::PersonId => "person-id",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(c: char) -> String {
        std::iter::repeat_n(c, 64).collect()
    }

    #[test]
    fn a_pinned_edition_cannot_change() {
        let mut lock = Lock::parse(&format!("# x\n\na 1 {}\n", digest('1'))).expect("valid");
        lock.add("a", "2", &digest('2')).expect("new");
        lock.add("a", "1", &digest('1')).expect("same");
        assert!(matches!(lock.add("a", "1", &digest('3')), Err(LockError::Changed { .. })));
        assert_eq!(Lock::parse(&lock.render()), Ok(lock));
    }

    #[test]
    fn a_line_that_pins_nothing_is_refused() {
        for line in
            ["a 1", "a 1 short", "a 1 2 3", &format!("a 1 {}", digest('g')), &format!("a 1 {}", digest('A'))]
        {
            assert_eq!(Lock::parse(line), Err(LockError::Line { line: 1, found: line.to_owned() }));
        }
        let twice = format!("a 1 {}\na 1 {}\n", digest('1'), digest('2'));
        assert!(matches!(Lock::parse(&twice), Err(LockError::Twice { line: 2, .. })));
    }
}
