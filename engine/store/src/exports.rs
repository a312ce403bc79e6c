//! Bulk exports: who took out rows, what for, and how many went out.
//!
//! An export is on record before its first row goes out, and its end before the message that closes it. One without an end
//! was cut off together with the program that served it; how many of its rows went out is not known.

use hengxin_core::date::Moment;

use crate::db::{Connection, OptionalExtension, Row};
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;
use crate::words::{number, words};

words! {
    /// How an export ended.
    ExportEnding {
        /// All rows were handed over.
        Complete = "complete",
        /// The service ended it: the deadline, a limit, a shutdown, a failure.
        CutOff = "cut-off",
        /// The caller ended it, or was lost.
        Cancelled = "cancelled",
    }
}

/// An export that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// When it was asked for.
    pub begun_at: Moment,
    /// Its number, never used twice.
    pub number: String,
    /// Who called.
    pub caller: String,
    /// The department the caller acts for; empty when none is known.
    pub department: String,
    /// What for; empty when nothing was said.
    pub purpose: String,
    /// On what legal basis; empty when nothing was said.
    pub basis: String,
    /// What was asked for, and where it is read from.
    pub what: String,
}

/// How an export ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportEnd {
    /// Rows that were handed to the connection. No more than these were received.
    pub rows: u64,
    /// How.
    pub ending: ExportEnding,
    /// Why it was cut off; else empty.
    pub detail: String,
}

/// An export on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportRecord {
    /// Its id, ascending.
    pub id: u64,
    /// What it is.
    pub export: Export,
    /// When and how it ended; `None` while it is under way, and for ever when the program was lost meanwhile.
    pub end: Option<(Moment, ExportEnd)>,
}

pub(crate) fn begin(connection: &Connection, export: &Export) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO exports (begun_at, number, caller, department, purpose, basis, what)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            export.begun_at.0,
            &export.number,
            &export.caller,
            &export.department,
            &export.purpose,
            &export.basis,
            &export.what,
        ))?;
    Ok(())
}

pub(crate) fn end(connection: &Connection, at: Moment, number: &str, end: &ExportEnd) -> Result<()> {
    let export: Option<i64> = connection
        .prepare_cached("SELECT id FROM exports WHERE number = ?1")?
        .query_row([number], |row| row.get(0))
        .optional()?;
    let export = export.ok_or_else(|| Error::corrupt(format!("no export `{number}` to end")))?;
    connection
        .prepare_cached(
            "INSERT INTO export_ends (export, ended_at, rows, ending, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((export, at.0, i64::try_from(end.rows).unwrap_or(i64::MAX), end.ending.id(), &end.detail))?;
    Ok(())
}

const RECORD: &str =
    "SELECT exports.id, begun_at, number, caller, department, purpose, basis, what, ended_at, rows, ending, detail
    FROM exports LEFT JOIN export_ends ON export_ends.export = exports.id";

impl Snapshot {
    /// The export with this number; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and engine failures; so for all reads below.
    pub fn export(&self, number: &str) -> Result<Option<ExportRecord>> {
        let mut statement = self.connection().prepare_cached(&format!("{RECORD} WHERE number = ?1"))?;
        let mut rows = statement.query([number])?;
        rows.next()?.map(read).transpose()
    }

    /// Exports, newest first, at most `limit`; of one caller when one is named.
    ///
    /// # Errors
    /// As [`Snapshot::export`].
    pub fn exports(&self, caller: Option<&str>, limit: usize) -> Result<Vec<ExportRecord>> {
        let mut statement = self.connection().prepare_cached(&format!(
            "{RECORD} WHERE (?1 IS NULL OR caller = ?1) ORDER BY exports.id DESC LIMIT ?2"
        ))?;
        let mut rows = statement.query((caller, i64::try_from(limit).unwrap_or(i64::MAX)))?;
        let mut list = Vec::new();
        while let Some(row) = rows.next()? {
            list.push(read(row)?);
        }
        Ok(list)
    }

    /// Rows that went out to a caller by exports begun at `since` or later, and ended.
    ///
    /// # Errors
    /// As [`Snapshot::export`].
    pub fn exported_rows(&self, caller: &str, since: Moment) -> Result<u64> {
        let mut statement = self.connection().prepare_cached(
            "SELECT CAST(sum(rows) AS BIGINT) FROM exports JOIN export_ends ON export_ends.export = exports.id
             WHERE caller = ?1 AND begun_at >= ?2",
        )?;
        let sum: Option<i64> = statement.query_row((caller, since.0), |row| row.get(0))?;
        Ok(sum.map_or(0, |sum| u64::try_from(sum).unwrap_or(0)))
    }
}

fn read(row: Row<'_>) -> Result<ExportRecord> {
    let end = match row.get::<Option<i64>>(8)? {
        None => None,
        Some(ended_at) => {
            let ending: String = row.get(10)?;
            let end = ExportEnd {
                rows: number(row, 9)?,
                ending: ExportEnding::of(&ending)
                    .ok_or_else(|| Error::corrupt(format!("an export that ended `{ending}`")))?,
                detail: row.get(11)?,
            };
            Some((Moment(ended_at), end))
        }
    };
    Ok(ExportRecord {
        id: number(row, 0)?,
        export: Export {
            begun_at: Moment(row.get(1)?),
            number: row.get(2)?,
            caller: row.get(3)?,
            department: row.get(4)?,
            purpose: row.get(5)?,
            basis: row.get(6)?,
            what: row.get(7)?,
        },
        end,
    })
}
