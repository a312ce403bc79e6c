//! The tables of the ledger file, how it is recognised, and how an earlier one is brought up to date.
//!
//! Everything a later reader could doubt lies in an append-only table: triggers refuse UPDATE and DELETE, and on our
//! connections `INSERT OR REPLACE` too, which removes rows unasked unless `recursive_triggers` is on. (A trigger upon
//! insertion would refuse that on every connection, but every row inserted would take twice as long.) What is
//! overwritten is a projection that can be made again from its history (`current_tiers`, `schedules`, `run_states`,
//! `study_states`, `log_marks`), the rows of a loaded run, which lie in its results too, or a lock.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::error::{Error, Result};

/// `HXLG` as a number: how the file says that it is a ledger.
pub(crate) const APPLICATION_ID: i64 = 0x4858_4C47;

/// Steps from an empty file to the newest schema. A published step is never edited; a change is a further step.
const MIGRATIONS: [&str; 4] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
];

/// Tables that only grow.
const HISTORY: [&str; 31] = [
    "settings",
    "batches",
    "ingests",
    "subjects",
    "classes",
    "facts",
    "registrations",
    "relations",
    "identities",
    "conflicts",
    "deliveries",
    "quarantine",
    "quarantine_events",
    "evaluations",
    "tiers",
    "schedule_events",
    "runs",
    "run_events",
    "publications",
    "histories",
    "models",
    "model_events",
    "studies",
    "study_events",
    "figures",
    "releases",
    "audit",
    "row_digests",
    "log_entries",
    "log_nodes",
    "log_heads",
];

/// The newest schema version this program knows.
pub(crate) fn known_version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// Opens a connection with the settings every connection must have.
pub(crate) fn connect(path: &Path, access: Access, wait: Duration) -> Result<Connection> {
    let flags = match access {
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
    } | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(wait)?;
    connection.set_prepared_statement_cache_capacity(96);
    // The first statement that looks at the file is the one that finds that it is no database.
    let set = connection.execute_batch(
        "PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA mmap_size = 0;
         PRAGMA synchronous = FULL;
         PRAGMA recursive_triggers = ON;
         PRAGMA temp_store = MEMORY;",
    );
    match set {
        Ok(()) => Ok(connection),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            Err(foreign(path, "a file that is no database".to_owned()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Refuses a file that is not a ledger or comes from a later program; gives its schema version.
pub(crate) fn recognise(connection: &Connection, path: &Path) -> Result<i64> {
    let id: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if id != APPLICATION_ID && (id != 0 || tables != 0 || version != 0) {
        return Err(foreign(path, format!("a database with application id {id:#x}")));
    }
    if version > known_version() {
        return Err(Error::Newer { path: path.to_owned(), found: version, known: known_version() });
    }
    if version < 0 {
        return Err(Error::corrupt(format!("schema version {version}")));
    }
    Ok(version)
}

/// The error for a file that is something else.
pub(crate) fn foreign(path: &Path, found: String) -> Error {
    Error::Foreign { path: path.to_owned(), found, expected: format!("{APPLICATION_ID:#x}") }
}

/// Brings the file to the newest schema. Two processes may try at once: one does it, the other finds it done.
pub(crate) fn migrate(connection: &Connection, path: &Path, wait: Duration) -> Result<()> {
    let mode = into_wal(connection, wait)?;
    if mode != "wal" && mode != "memory" {
        return Err(Error::corrupt(format!("journal mode `{mode}`, expected `wal`")));
    }
    if recognise(connection, path)? == known_version() {
        return Ok(());
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let done = migrate_locked(connection, path);
    match done {
        Ok(()) => Ok(connection.execute_batch("COMMIT")?),
        Err(error) => {
            // The failure itself may have ended the transaction; the first error is the one that matters.
            let _ = connection.execute_batch("ROLLBACK");
            Err(error)
        }
    }
}

/// Turns the write-ahead log on. That needs the file alone for an instant, and SQLite refuses at once instead of waiting its
/// time-out: two processes that make one ledger would fail by chance.
fn into_wal(connection: &Connection, wait: Duration) -> Result<String> {
    let begun = Instant::now();
    loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(Error::from) {
            Err(Error::Busy { .. }) if begun.elapsed() < wait => std::thread::sleep(Duration::from_millis(5)),
            Err(Error::Busy { .. }) => return Err(Error::Busy { waited: Some(wait) }),
            mode => return mode,
        }
    }
}

fn migrate_locked(connection: &Connection, path: &Path) -> Result<()> {
    let from = usize::try_from(recognise(connection, path)?).unwrap_or(0);
    for step in MIGRATIONS.iter().skip(from) {
        connection.execute_batch(step)?;
    }
    for table in HISTORY {
        for (verb, name) in [("UPDATE", "changed"), ("DELETE", "removed")] {
            connection.execute_batch(&format!(
                "CREATE TRIGGER IF NOT EXISTS {table}_is_never_{name} BEFORE {verb} ON {table}
                 BEGIN SELECT RAISE(ABORT, '{table}: history is never {name}'); END;"
            ))?;
        }
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", known_version())?;
    Ok(())
}
