//! The tables of the ledger file, how it is recognised, and how an earlier one is brought up to date.
//!
//! Everything a later reader could doubt lies in an append-only table: triggers refuse UPDATE and DELETE, and on our
//! connections `INSERT OR REPLACE` too, which removes rows unasked unless `recursive_triggers` is on. (A trigger upon
//! insertion would refuse that on every connection, but every row inserted would take twice as long.) What is
//! overwritten is a projection that can be made again from its history (`current_tiers`, `schedules`, `run_states`,
//! `study_states`, `log_marks`), the rows of a loaded run, which lie in its results too, or a lock.

use std::io::ErrorKind;
use std::time::Duration;

use crate::db::{Access, Connection, Mark};
use crate::error::{Error, Result};
use crate::place::Place;

/// `HXLG` as a number: how the file says that it is a ledger.
pub(crate) const APPLICATION_ID: i64 = 0x4858_4C47;

/// Steps from an empty file to the newest schema. A published step is never edited; a change is a further step.
const MIGRATIONS: [Step; 6] = [
    Step { sqlite: include_str!("schema/1.sql"), postgres: include_str!("schema/postgres/1.sql") },
    Step { sqlite: include_str!("schema/2.sql"), postgres: include_str!("schema/postgres/2.sql") },
    Step { sqlite: include_str!("schema/3.sql"), postgres: include_str!("schema/postgres/3.sql") },
    Step { sqlite: include_str!("schema/4.sql"), postgres: include_str!("schema/postgres/4.sql") },
    Step { sqlite: include_str!("schema/5.sql"), postgres: include_str!("schema/postgres/5.sql") },
    Step { sqlite: include_str!("schema/6.sql"), postgres: include_str!("schema/postgres/6.sql") },
];

/// One step, for each engine: the same tables with the same columns in the same order.
struct Step {
    sqlite: &'static str,
    postgres: &'static str,
}

impl Step {
    /// Its statements, for the engine of a connection.
    fn of(&self, connection: &Connection) -> &'static str {
        match connection {
            Connection::Sqlite(_) => self.sqlite,
            Connection::Postgres(_) => self.postgres,
        }
    }
}

/// Tables that only grow.
const HISTORY: [&str; 34] = [
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
    "reports",
    "exports",
    "export_ends",
    "audit",
    "row_digests",
    "log_entries",
    "log_nodes",
    "log_heads",
];

/// Tables that change: projections that can be made again, rows on their way in or out, locks and answers. And one that
/// guards itself, because what never took effect may go.
const OTHERS: [&str; 12] = [
    "requests",
    "current_tiers",
    "schedules",
    "run_states",
    "run_locks",
    "run_policies",
    "loads",
    "run_tiers",
    "loaded_runs",
    "run_changes",
    "study_states",
    "log_marks",
];

/// All tables, those that others refer to first; only models and studies refer to each other.
pub(crate) fn tables() -> impl Iterator<Item = &'static str> {
    HISTORY.into_iter().chain(OTHERS)
}

/// A table whose rows can be changed or removed, because what refused it is gone or no longer what ships; `None`: there is
/// none.
pub(crate) fn unguarded(connection: &Connection) -> Result<Option<&'static str>> {
    let scripts = MIGRATIONS.map(|step| step.of(connection)).concat();
    for table in HISTORY.into_iter().chain(["run_changes"]) {
        if !connection.is_protected(table, &scripts)? {
            return Ok(Some(table));
        }
    }
    Ok(None)
}

/// The newest schema version this program knows.
pub(crate) fn known_version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Opens a connection with the settings every connection must have.
pub(crate) fn connect(place: &Place, access: Access, wait: Duration) -> Result<Connection> {
    Connection::open(place, access, wait).map_err(|error| {
        if error.is_no_database() {
            return foreign(place, "a file that is no database".to_owned());
        }
        error.into()
    })
}

/// [`connect`] where a ledger lies already.
pub(crate) fn connect_existing(place: &Place, access: Access, wait: Duration) -> Result<Connection> {
    if let Place::File(path) = place {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Err(foreign(place, "a folder".to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Error::Missing { path: path.clone() });
            }
            Err(error) => return Err(Error::io(path, error)),
        }
    }
    let connection = connect(place, access, wait)?;
    // An empty file is what is left where making a ledger was cut off; an empty database is any database.
    if matches!(place, Place::Postgres { .. }) && recognise(&connection, place)? == 0 {
        return Err(Error::Missing { path: place.shown() });
    }
    Ok(connection)
}

/// [`connect`] where none lies yet.
pub(crate) fn connect_new(place: &Place, wait: Duration) -> Result<Connection> {
    let exists = || Error::Exists { path: place.shown() };
    if let Place::File(path) = place {
        let made = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
        made.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => exists(),
            _ => Error::io(path, error),
        })?;
    }
    let connection = connect(place, Access::Write, wait)?;
    if recognise(&connection, place)? == 0 { Ok(connection) } else { Err(exists()) }
}

/// Refuses a file that is not a ledger or comes from a later program; gives its schema version.
pub(crate) fn recognise(connection: &Connection, place: &Place) -> Result<i64> {
    let Mark { application, version, empty } = connection.mark()?;
    if application != APPLICATION_ID && (application != 0 || version != 0 || !empty) {
        return Err(foreign(place, format!("a database with application id {application:#x}")));
    }
    if version > known_version() {
        return Err(Error::Newer { path: place.shown(), found: version, known: known_version() });
    }
    if version < 0 {
        return Err(Error::corrupt(format!("schema version {version}")));
    }
    Ok(version)
}

/// The error for a file that is something else.
pub(crate) fn foreign(place: &Place, found: String) -> Error {
    Error::Foreign { path: place.shown(), found, expected: format!("{APPLICATION_ID:#x}") }
}

/// Brings the file to the newest schema; `finish` fills the new tables, in the same transaction, and hears the version found. Two processes may try at once: one does it, the other finds it done.
pub(crate) fn migrate(
    connection: &Connection,
    place: &Place,
    wait: Duration,
    finish: impl FnOnce(&Connection, i64) -> Result<()>,
) -> Result<()> {
    connection.settle(wait).map_err(|error| match error.into() {
        Error::Busy { .. } => Error::Busy { waited: Some(wait) },
        error => error,
    })?;
    if recognise(connection, place)? == known_version() {
        return Ok(());
    }
    connection.begin_write()?;
    let done = recognise(connection, place).and_then(|found| {
        make(connection, place)?;
        finish(connection, found)?;
        Ok(connection.commit()?)
    });
    if done.is_err() {
        connection.roll_back();
    }
    done
}

/// Makes what is missing of the newest schema, within a transaction.
pub(crate) fn make(connection: &Connection, place: &Place) -> Result<()> {
    let from = usize::try_from(recognise(connection, place)?).unwrap_or(0);
    for step in MIGRATIONS.iter().skip(from) {
        connection.execute_batch(step.of(connection))?;
    }
    for table in HISTORY {
        connection.protect(table)?;
    }
    connection.set_mark(APPLICATION_ID, known_version())?;
    Ok(())
}
