//! A copy of a ledger that is in use.

use std::path::Path;
use std::time::Duration;

use crate::db::Access;
use crate::error::{Error, Result};
use crate::place::Place;
use crate::schema;

/// Copies the ledger at `from` into a new file at `to`, as it is at one moment; writers go on meanwhile. Neither keys nor
/// vocabulary are needed, and the keys are not copied.
///
/// The copy is not on disk for good until the caller has synced it.
///
/// # Errors
/// [`Error::Missing`], [`Error::Foreign`], [`Error::Newer`], [`Error::Older`] when the file has no log yet,
/// [`Error::Exists`] when something lies at `to`, and engine failures.
pub fn back_up(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        return Err(Error::Exists { path: to.to_owned() });
    }
    let place = Place::from(from);
    let connection = schema::connect_existing(&place, Access::Read, Duration::from_secs(30))?;
    let found = schema::recognise(&connection, &place)?;
    if found < schema::known_version() {
        return Err(Error::Older { path: from.to_owned(), found, known: schema::known_version() });
    }
    // One read transaction, unlike the engine's page-wise backup, which begins again whenever another process writes.
    let name = to.to_str().ok_or_else(|| {
        let problem = std::io::Error::other("the name of a copy must be UTF-8");
        Error::io(to, problem)
    })?;
    connection.execute("VACUUM INTO ?1", [name])?;
    Ok(())
}
