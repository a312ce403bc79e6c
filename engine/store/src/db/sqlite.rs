//! The ledger in a file: SQLite.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags, OptionalExtension as _, Row};

use super::{Access, Column, Error, Kind, Mark, Params, Result, Value, same_words};

/// Opens a connection with the settings every connection must have.
pub(super) fn open(path: &Path, access: Access, wait: Duration) -> Result<Connection> {
    let flags = match access {
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
    } | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(wait)?;
    connection.set_prepared_statement_cache_capacity(96);
    // The first statement that looks at the file is the one that finds that it is no database.
    connection.execute_batch(
        "PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA mmap_size = 0;
         PRAGMA synchronous = FULL;
         PRAGMA recursive_triggers = ON;
         PRAGMA temp_store = MEMORY;",
    )?;
    Ok(connection)
}

/// What the file says about itself.
pub(super) fn mark(connection: &Connection) -> Result<Mark> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    Ok(Mark {
        application: number("PRAGMA application_id")?,
        version: number("PRAGMA user_version")?,
        empty: number("SELECT count(*) FROM sqlite_schema")? == 0,
    })
}

pub(super) fn set_mark(connection: &Connection, application: i64, version: i64) -> Result<()> {
    connection.pragma_update(None, "application_id", application)?;
    Ok(connection.pragma_update(None, "user_version", version)?)
}

/// Turns the write-ahead log on. That needs the file alone for an instant, and SQLite refuses at once instead of
/// waiting its time-out: two processes that make one ledger would fail by chance.
pub(super) fn into_wal(connection: &Connection, wait: Duration) -> Result<()> {
    let begun = Instant::now();
    loop {
        let mode: String = match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)) {
            Err(error) if is_busy(&error) && begun.elapsed() < wait => {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
            mode => mode?,
        };
        let done = matches!(mode.as_str(), "wal" | "memory");
        return if done { Ok(()) } else { Err(Error::JournalMode { found: mode }) };
    }
}

pub(super) fn columns(connection: &Connection, table: &str) -> Result<Vec<Column>> {
    let mut statement =
        connection.prepare("SELECT name, type, pk > 0 FROM pragma_table_info(?1) ORDER BY cid")?;
    let rows = statement.query_map([table], |row| {
        let (name, of, key): (String, String, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Kind::of(&of).map(|kind| Column { name, kind, key }))
    })?;
    rows.map(|column| column?.ok_or(Error::ColumnType)).collect()
}

pub(super) fn protect(connection: &Connection, table: &str) -> Result<()> {
    for (name, guard) in guards(table) {
        connection.execute_batch(&format!("CREATE TRIGGER IF NOT EXISTS {name} {guard};"))?;
    }
    Ok(())
}

/// The triggers of a table that only grows: the name of each, and what it does.
fn guards(table: &str) -> [(String, String); 2] {
    [("UPDATE", "changed"), ("DELETE", "removed")].map(|(verb, done)| {
        let guard = format!(
            "BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{table}: history is never {done}'); END"
        );
        (format!("{table}_is_never_{done}"), guard)
    })
}

/// A trigger of the right name may guard nothing. The file keeps the statement that made it, so that is compared.
pub(super) fn is_protected(connection: &Connection, table: &str, scripts: &str) -> Result<bool> {
    let mut statement = connection.prepare_cached(
        "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 AND name = ?2",
    )?;
    for (name, guard) in guards(table) {
        let head = format!("CREATE TRIGGER {name} ");
        // Some tables bring guards of their own, which `protect` does not write.
        let own = scripts.split_once(&head).and_then(|(_, rest)| rest.split_once("END;"));
        let expected = head + &own.map_or(guard, |(text, _)| format!("{text}END"));
        let found: Option<String> = statement.query_row([table, &name], |row| row.get(0)).optional()?;
        if !found.is_some_and(|found| same_words(&found, &expected)) {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn for_writing(connection: &Connection, pages_max: Option<u32>) -> Result<()> {
    // A large batch dirties many pages; those that do not fit here are written twice. The log a large batch
    // leaves behind is cut back to a size that later commits reuse.
    connection.execute_batch("PRAGMA cache_size = -262144; PRAGMA journal_size_limit = 67108864;")?;
    if let Some(pages) = pages_max {
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(())
}

pub(super) fn damage(connection: &Connection) -> Result<Option<String>> {
    let found: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Ok(Some(found));
    }
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
    Ok(Some(format!("a row of `{table}` refers to a row of `{parent}` that is not there")))
}

/// Carries out a statement without parameters, prepared once: some are on every path.
pub(super) fn now(connection: &Connection, sql: &str) -> Result<()> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// What an error means to the ledger.
pub(crate) fn meaning(error: rusqlite::Error) -> crate::Error {
    match &error {
        rusqlite::Error::SqliteFailure(failure, message) => match failure.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => crate::Error::Busy { waited: None },
            ErrorCode::DiskFull => crate::Error::Full,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                crate::Error::corrupt(message.clone().unwrap_or_else(|| failure.to_string()))
            }
            ErrorCode::ReadOnly => crate::Error::ReadOnly,
            _ => crate::Error::engine(error),
        },
        // A value of another type than its column declares can only come from a damaged page.
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..)
        | rusqlite::Error::InvalidColumnType(..) => crate::Error::corrupt(error.to_string()),
        _ => crate::Error::engine(error),
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

pub(super) fn bind(statement: &mut CachedStatement<'_>, params: &impl Params) -> Result<()> {
    let mut found = 0;
    params.each(&mut |_, value| {
        found += 1;
        Ok(statement.raw_bind_parameter(found, value)?)
    })?;
    let expected = statement.parameter_count();
    if found == expected { Ok(()) } else { Err(Error::Parameters { found, expected }) }
}

pub(super) fn value<'r>(row: &'r Row<'r>, column: usize) -> Result<Value<'r>> {
    let wrong = |found| Error::Value { column, found, expected: "an integer, a text or bytes" };
    Ok(match row.get_ref(column)? {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Text(text) => {
            Value::Text(str::from_utf8(text).map_err(|_| wrong("a text that is not UTF-8"))?)
        }
        ValueRef::Blob(bytes) => Value::Blob(bytes),
        ValueRef::Real(_) => return Err(wrong("a fraction")),
    })
}
