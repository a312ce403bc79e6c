//! Identity numbers of natural persons are never kept: only a keyed digest, equal for equal numbers.
//!
//! A plain hash of an 18-digit number could be undone by trying all numbers, so the digest is an HMAC under a random
//! key that lies beside the database, readable by its owner alone. Whoever copies the database without the key
//! learns nothing about the persons in it. The ledger remembers the key's own digest, so that another key is noticed.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::encode::hex;
use crate::error::{Error, Result};

const PREFIX: &str = "id:";
const DIGEST_DIGITS: usize = 32;

/// Makes digests of identity numbers.
#[derive(Clone)]
pub struct Protector {
    mac: Hmac<Sha256>,
}

impl std::fmt::Debug for Protector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Protector")
    }
}

impl Protector {
    /// A protector with a given key. For tests and for tools that have the key from elsewhere.
    pub fn with_key(key: &[u8; 32]) -> Protector {
        // HMAC takes keys of any length; 32 bytes are used as they are.
        Protector {
            mac: Hmac::new_from_slice(key).unwrap_or_else(|_| unreachable!("any key length is legal")),
        }
    }

    /// The digest of an identity number: `id:` and 32 hexadecimal digits (128 bits of the HMAC).
    ///
    /// Blanks around the text and the case of its letters make no difference. A text that is such a digest already
    /// is given back unchanged, so that rows exported from quarantine can be handed in again.
    pub fn digest(&self, text: &str) -> String {
        let text = text.trim();
        if Protector::is_digest(text) {
            return text.to_owned();
        }
        let mut mac = self.mac.clone();
        mac.update(text.to_ascii_uppercase().as_bytes());
        let mut digest = hex(&mac.finalize().into_bytes());
        digest.truncate(DIGEST_DIGITS);
        format!("{PREFIX}{digest}")
    }

    /// Whether a text has the form of a digest.
    pub fn is_digest(text: &str) -> bool {
        text.strip_prefix(PREFIX).is_some_and(|digits| {
            digits.len() == DIGEST_DIGITS && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        })
    }

    /// A secret of this ledger for one use, from which neither the key nor the secret of another use can be found.
    ///
    /// No digest of an identity number is ever such a secret: its letters are made capital before, and `hengxin` has none.
    pub fn secret(&self, what_for: &str) -> [u8; 32] {
        let mut mac = self.mac.clone();
        mac.update(b"hengxin: secret of ");
        mac.update(what_for.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// A public name of the key: tells keys apart, gives nothing about them away.
    pub(crate) fn key_id(&self) -> String {
        let mut mac = self.mac.clone();
        mac.update(b"hengxin: which key is this");
        hex(&mac.finalize().into_bytes())
    }

    /// Reads the key file.
    pub(crate) fn read(path: &Path) -> Result<Protector> {
        let mut text = String::new();
        File::open(path).and_then(|file| file.take(200).read_to_string(&mut text)).map_err(|error| {
            match error.kind() {
                ErrorKind::NotFound => Error::KeyMissing { path: path.to_owned() },
                _ => Error::io(path, error),
            }
        })?;
        let key = unhex(text.trim()).ok_or_else(|| Error::KeyWrong {
            path: path.to_owned(),
            found: "its text is not 64 hexadecimal digits".to_owned(),
        })?;
        Ok(Protector::with_key(&key))
    }

    /// Makes a random key and its file. Fails when the file exists: a key is never overwritten.
    ///
    /// The file appears whole or not at all: half a key, left by a full disk or a lost process, would shut everybody
    /// out of the ledger. The write lock of the ledger keeps two processes from making one at once.
    pub(crate) fn create(path: &Path) -> Result<Protector> {
        let mut key = [0u8; 32];
        getrandom::fill(&mut key)
            .map_err(|error| Error::io(path, std::io::Error::other(error.to_string())))?;
        write(path, format!("{}\n", hex(&key)).as_bytes())?;
        Ok(Protector::with_key(&key))
    }

    /// Lays the key of one ledger where another one looks for it, and where none lies yet.
    pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
        let text = std::fs::read(from).map_err(|error| Error::io(from, error))?;
        write(to, &text)
    }
}

/// Writes a key. It appears whole or not at all, and never in place of another one.
fn write(path: &Path, text: &[u8]) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let written = options
        .open(&new)
        .and_then(|mut file| file.write_all(text).and_then(|()| file.sync_all()))
        // A link, unlike a renaming, never replaces what is there.
        .and_then(|()| std::fs::hard_link(&new, path));
    let removed = std::fs::remove_file(&new);
    written.and(removed).map_err(|error| Error::io(path, error))
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut key = [0u8; 32];
    for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_depends_on_the_key_and_the_number_alone() {
        let protector = Protector::with_key(&[7; 32]);
        let digest = protector.digest("11010519491231002X");
        assert_eq!(digest, protector.digest(" 11010519491231002x "));
        assert_ne!(digest, protector.digest("110105194912310021"));
        assert_ne!(digest, Protector::with_key(&[8; 32]).digest("11010519491231002X"));
        assert!(Protector::is_digest(&digest) && digest.len() == 35, "{digest}");
    }

    #[test]
    fn a_digest_handed_in_again_stays_what_it_is() {
        let protector = Protector::with_key(&[7; 32]);
        let digest = protector.digest("11010519491231002X");
        assert_eq!(protector.digest(&digest), digest);
        assert!(!Protector::is_digest("id:123"));
        assert!(!Protector::is_digest(&digest.to_uppercase()));
    }

    fn counting() -> Protector {
        let mut key = [0u8; 32];
        for (byte, n) in key.iter_mut().zip(0u8..) {
            *byte = n;
        }
        Protector::with_key(&key)
    }

    #[test]
    fn the_digest_is_hmac_sha256() {
        // Computed with another implementation:
        // hmac.new(bytes(range(32)), b"A", "sha256").hexdigest()[:32]
        assert_eq!(counting().digest("a"), "id:ec0626c760e7ad3ea7728029892c94f0");
    }

    #[test]
    fn a_secret_stays_what_it_is_for_one_use() {
        // Marks of exports must be known for ever. Computed with another implementation:
        // hmac.new(bytes(range(32)), b"hengxin: secret of marks of exports", "sha256").hexdigest()
        assert_eq!(
            hex(&counting().secret("marks of exports")),
            "437c9e4b622c594fcda68b278b9322bdc6e940afdba07c10a1b8aa96813bf937"
        );
    }
}
