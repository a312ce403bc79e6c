//! The key that signs tree heads, and the last head this machine has seen.
//!
//! The private key lies beside the ledger, readable by its owner alone; the ledger holds the public one. The last head
//! lies beside it too: a ledger that is put back to an earlier state is noticed by who has kept a later head, and this
//! machine keeps one.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use hengxin_log::{SigningKey, TreeHead, VerifyingKey, root};

use super::seal::{KeptNodes, size};
use crate::db::{Connection, OptionalExtension};
use crate::encode::hex;
use crate::error::{Error, Result};
use crate::place::Place;

const SETTING: &str = "log-key";

/// A file beside another one, with a longer name.
fn longer(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// The public key the ledger was made with; `None` when it has no log yet.
pub(crate) fn public_key(connection: &Connection) -> Result<Option<VerifyingKey>> {
    let text: Option<String> = connection
        .query_row("SELECT value FROM settings WHERE name = ?1", [SETTING], |row| row.get(0))
        .optional()?;
    text.map(|text| text.parse().map_err(|error| Error::corrupt(format!("public key of the log: {error}"))))
        .transpose()
}

/// The signing key; `None` when the ledger has no log yet.
pub(crate) fn check_key(connection: &Connection, place: &Place) -> Result<Option<SigningKey>> {
    let Some(public) = public_key(connection)? else { return Ok(None) };
    let path = place.signing_key();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(Error::KeyMissing { path }),
        Err(error) => return Err(Error::io(&path, error)),
    };
    let wrong = |found: String| Error::KeyWrong { path: path.clone(), found };
    let key = SigningKey::parse(&text).map_err(|error| wrong(error.to_string()))?;
    if *key.public() == public {
        Ok(Some(key))
    } else {
        Err(wrong(format!("it is `{}`, expected `{}`", key.public().label(), public.label())))
    }
}

/// [`check_key`], making key and file for a ledger without a log. Only sound while the write lock is held.
pub(crate) fn ensure_key(connection: &Connection, place: &Place) -> Result<SigningKey> {
    if let Some(key) = check_key(connection, place)? {
        return Ok(key);
    }
    // Who has signed heads of this ledger has seen its log: it was taken away.
    if let Some(seen) = last_seen(place)? {
        return Err(Error::Altered {
            entry: None,
            detail: format!("it is gone, but `{}` names it", seen.display()),
        });
    }
    let path = place.signing_key();
    let failed = |error: std::io::Error| Error::io(&path, error);
    // A key without a log is left over from an attempt that was cut off; it is as good as a new one.
    let key = match std::fs::read_to_string(&path) {
        Ok(text) => SigningKey::parse(&text)
            .map_err(|error| Error::KeyWrong { path: path.clone(), found: error.to_string() })?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut id = [0u8; 8];
            getrandom::fill(&mut id).map_err(|error| failed(std::io::Error::other(error.to_string())))?;
            let key = SigningKey::generate(&format!("hengxin.ledger/{}", hex(&id)))
                .map_err(|error| failed(std::io::Error::other(error.to_string())))?;
            write_new(&path, &format!("{}\n", key.secret_text())).map_err(failed)?;
            key
        }
        Err(error) => return Err(failed(error)),
    };
    connection
        .execute("INSERT INTO settings (name, value) VALUES (?1, ?2)", (SETTING, key.public().to_string()))?;
    Ok(key)
}

/// Lays the key where a ledger at `to` looks for it.
pub(crate) fn bring_key(key: &SigningKey, to: &Place) -> Result<()> {
    let path = to.signing_key();
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim() == key.secret_text() => Ok(()),
        Ok(_) => Err(Error::KeyWrong { path, found: "it is the key of another ledger".to_owned() }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            write_new(&path, &format!("{}\n", key.secret_text())).map_err(|error| Error::io(&path, error))
        }
        Err(error) => Err(Error::io(&path, error)),
    }
}

/// Writes a file that its owner alone can read, whole or not at all; fails when there is one.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let new = longer(path, ".new");
    // Left over from an attempt that was cut off; who may read it is not known.
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(&new)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        // A link, unlike a renaming, never replaces what is there.
        .and_then(|()| std::fs::hard_link(&new, path));
    let removed = std::fs::remove_file(&new);
    written.and(removed)
}

/// Keeps the head for [`ensure_not_backwards`], unless a later one is kept. A failure is no failure of the write it
/// follows: the head of an earlier write stays, which only notices less.
pub(crate) fn remember(place: &Place, key: &SigningKey, head: &TreeHead) {
    let path = place.head();
    let kept = std::fs::read_to_string(&path).ok().and_then(|note| TreeHead::open(&note, key.public()).ok());
    if kept.is_some_and(|kept| kept.size >= head.size) {
        return;
    }
    // Two processes may keep one at once: each writes a file of its own.
    let new = longer(&path, &format!(".{}.new", std::process::id()));
    let _ = std::fs::write(&new, head.sign(key)).and_then(|()| std::fs::rename(&new, &path));
}

/// The file of the last head, when there is one.
fn last_seen(place: &Place) -> Result<Option<PathBuf>> {
    let path = place.head();
    match path.try_exists() {
        Ok(there) => Ok(there.then_some(path)),
        Err(error) => Err(Error::io(&path, error)),
    }
}

/// Refuses a ledger that has fewer entries than this machine has seen, or other ones.
pub(crate) fn ensure_not_backwards(
    connection: &Connection,
    place: &Place,
    public: &VerifyingKey,
) -> Result<()> {
    let Some(path) = last_seen(place)? else { return Ok(()) };
    let note = std::fs::read_to_string(&path).map_err(|error| Error::io(&path, error))?;
    let seen = TreeHead::open(&note, public).map_err(|error| Error::Altered {
        entry: None,
        detail: format!("`{}` is no head of it: {error}", path.display()),
    })?;
    let now = size(connection)?;
    if now < seen.size {
        return Err(Error::Backwards { seen: seen.size, found: now, head: path });
    }
    if root(&KeptNodes(connection), seen.size)? == seen.root {
        Ok(())
    } else {
        Err(Error::Altered {
            entry: None,
            detail: format!("the first {} entries are not those of the head `{}`", seen.size, path.display()),
        })
    }
}
