//! What the schema of a ledger says about itself, and whether its rows hold together.

use super::Connection;
use crate::db::{Column, Error, Kind, Mark, OptionalExtension as _, Result, Row, same_words};

/// What the schema says about itself.
pub(in crate::db) fn mark(connection: &Connection) -> Result<Mark> {
    let number = |sql: &str| connection.prepare(sql).query([], false)?.first(|row| row.get::<i64>(0));
    // Asked of the catalogue's tables, not by `to_regclass`: that answers from memory, which may be older than the lock.
    let tables = number(
        "SELECT count(*) FROM pg_catalog.pg_class
         JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
         WHERE nspname = 'hengxin' AND relkind IN ('r', 'p', 'v', 'm', 'f')",
    )?;
    // Asked for by its columns: somebody else's table of this name is no mark.
    let marked = number(
        "SELECT count(*) FROM pg_catalog.pg_attribute
         JOIN pg_catalog.pg_class ON pg_class.oid = attrelid
         JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
         WHERE nspname = 'hengxin' AND relname = 'mark' AND attname IN ('application', 'version')",
    )?;
    let read = |column: &str| if marked == 2 { number(&format!("SELECT {column} FROM mark")) } else { Ok(0) };
    Ok(Mark { application: read("application")?, version: read("version")?, empty: tables == 0 })
}

pub(in crate::db) fn set_mark(connection: &Connection, application: i64, version: i64) -> Result<()> {
    connection.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS mark (
             only_row    BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
             application BIGINT NOT NULL,
             version     BIGINT NOT NULL
         );
         INSERT INTO mark (application, version) VALUES ({application}, {version})
         ON CONFLICT (only_row) DO UPDATE SET application = excluded.application, version = excluded.version;"
    ))
}

/// Makes the schema where there is none, and refuses a database in which texts would not be what they are here.
pub(in crate::db) fn settle(connection: &Connection) -> Result<()> {
    let encoding: String = connection
        .prepare("SELECT current_setting('server_encoding')")
        .query([], false)?
        .first(|row| row.get(0))?;
    if encoding != "UTF8" {
        return Err(Error::Encoding { found: encoding });
    }
    connection.try_locks()?;
    let there = |connection: &Connection| {
        connection
            .prepare("SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'hengxin')")
            .query([], false)?
            .first(|row| row.get(0))
    };
    if there(connection)? {
        return Ok(());
    }
    connection.begin_write()?;
    let made = (|| {
        // Another process may have made it; to say `IF NOT EXISTS` would need the right to make it even then.
        if !there(connection)? {
            connection.execute_batch("CREATE SCHEMA hengxin")?;
        }
        connection.commit()
    })();
    if made.is_err() {
        connection.roll_back();
    }
    made
}

pub(in crate::db) fn columns(connection: &Connection, table: &str) -> Result<Vec<Column>> {
    let mut statement = connection.prepare(
        "SELECT attname, format_type(atttypid, NULL), coalesce(attnum = ANY (indkey), FALSE)
         FROM pg_catalog.pg_attribute
         LEFT JOIN pg_catalog.pg_index ON indrelid = attrelid AND indisprimary
         WHERE attrelid = to_regclass(?1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
    );
    let mut rows = statement.query([table], false)?;
    let mut columns = Vec::new();
    while let Some(row) = rows.next()? {
        let row = Row::Postgres(row);
        let kind = Kind::of(row.get(1)?).ok_or(Error::ColumnType)?;
        columns.push(Column { name: row.get(0)?, kind, key: row.get(2)? });
    }
    Ok(columns)
}

pub(in crate::db) fn protect(connection: &Connection, table: &str) -> Result<()> {
    connection.execute_batch(&format!(
        "CREATE OR REPLACE TRIGGER {table}_is_history BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
         FOR EACH STATEMENT EXECUTE FUNCTION history_is_kept();"
    ))
}

/// Bits of `tgtype`.
const EACH_ROW: i64 = 1;
const BEFORE: i64 = 2;
const DELETE: i64 = 8;
const UPDATE: i64 = 16;
const TRUNCATE: i64 = 32;

/// What guards a table: the end of the trigger's name, when it fires, and its function.
fn guards(table: &str) -> &'static [(&'static str, i64, &'static str)] {
    match table {
        "run_changes" => &[
            ("is_never_changed", BEFORE | UPDATE | TRUNCATE, "history_is_kept"),
            ("is_never_removed", BEFORE | DELETE | EACH_ROW, "published_changes_are_kept"),
        ],
        _ => &[("is_history", BEFORE | UPDATE | DELETE | TRUNCATE, "history_is_kept")],
    }
}

/// A trigger guards nothing that is switched off, fires at something else or on a condition, or calls a function that does
/// not say what ships.
pub(in crate::db) fn is_protected(connection: &Connection, table: &str, scripts: &str) -> Result<bool> {
    for (name, fires, function) in guards(table) {
        let mut statement = connection.prepare(
            "SELECT prosrc FROM pg_catalog.pg_trigger
             JOIN pg_catalog.pg_proc ON pg_proc.oid = tgfoid
             WHERE tgrelid = to_regclass('hengxin.' || ?1) AND tgname = ?1 || '_' || ?2 AND tgenabled IN ('O', 'A')
               AND tgtype::BIGINT = ?3 AND tgqual IS NULL AND tgattr::TEXT = ''
               AND tgfoid = to_regprocedure('hengxin.' || ?4 || '()')",
        );
        let found: Option<String> =
            statement.query((table, *name, *fires, *function), false)?.first(|row| row.get(0)).optional()?;
        let shipped = scripts
            .split_once(&format!("CREATE FUNCTION {function}()"))
            .and_then(|(_, rest)| rest.split("$$").nth(1));
        if !found.zip(shipped).is_some_and(|(found, shipped)| same_words(&found, shipped)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The first row that refers to a row that is not there. The server keeps this from happening, as long as its own pages
/// are whole and nobody switches its rules off.
pub(in crate::db) fn damage(connection: &Connection) -> Result<Option<String>> {
    let mut references = connection.prepare(
        "SELECT of.relname, other.relname,
                string_agg(format('a.%I = b.%I', mine.attname, theirs.attname), ' AND '),
                string_agg(format('a.%I IS NOT NULL', mine.attname), ' AND ')
         FROM pg_catalog.pg_constraint AS rule
         JOIN pg_catalog.pg_class AS of ON of.oid = rule.conrelid
         JOIN pg_catalog.pg_class AS other ON other.oid = rule.confrelid
         CROSS JOIN LATERAL unnest(rule.conkey, rule.confkey) AS pair (mine, theirs)
         JOIN pg_catalog.pg_attribute AS mine ON mine.attrelid = rule.conrelid AND mine.attnum = pair.mine
         JOIN pg_catalog.pg_attribute AS theirs ON theirs.attrelid = rule.confrelid AND theirs.attnum = pair.theirs
         WHERE rule.contype = 'f' AND rule.connamespace = to_regnamespace('hengxin')
         GROUP BY rule.oid, of.relname, other.relname ORDER BY of.relname, rule.oid",
    );
    let mut rows = references.query([], false)?;
    while let Some(row) = rows.next()? {
        let text = |column| Row::Postgres(row).get::<String>(column);
        let (table, other): (String, String) = (text(0)?, text(1)?);
        let (equal, present): (String, String) = (text(2)?, text(3)?);
        let lost: bool = connection
            .prepare(&format!(
                "SELECT EXISTS (SELECT 1 FROM {table} AS a
                                WHERE {present} AND NOT EXISTS (SELECT 1 FROM {other} AS b WHERE {equal}))"
            ))
            .query([], false)?
            .first(|row| row.get(0))?;
        if lost {
            return Ok(Some(format!("a row of `{table}` refers to a row of `{other}` that is not there")));
        }
    }
    Ok(None)
}
