//! Rows that could not be recorded: kept with every reason, exported, mended, handed in again.

use hengxin_core::date::Moment;
use sha2::{Digest, Sha256};

use crate::db::{Connection, OptionalExtension, Row};
use crate::encode::push_json;
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;
use crate::submission::Rejected;

/// A row about to be kept aside.
#[derive(Clone, Debug)]
pub(crate) struct Aside {
    pub(crate) line: u64,
    pub(crate) row: Rejected,
}

/// A quarantined row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Its number.
    pub id: u64,
    /// The file it stood in.
    pub source: Option<String>,
    /// Its line or position there, from 1.
    pub line: u64,
    /// When it was set aside.
    pub recorded_at: Moment,
    /// Fact code, cells and reasons.
    pub row: Rejected,
    /// Whether anything became of it.
    pub status: QuarantineStatus,
}

/// What became of a quarantined row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuarantineStatus {
    /// Nothing yet.
    Open,
    /// Mended rows were handed in for it.
    Resubmitted,
    /// Somebody decided that it is not needed.
    Dismissed,
}

/// Which rows to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuarantineFilter {
    /// Only those nothing became of.
    #[default]
    Open,
    /// All.
    All,
}

/// Keeps rows aside; gives the ids of their entries. A row that lies there already, unresolved and for the same
/// reasons, is not kept a second time.
pub(crate) fn keep(
    connection: &Connection,
    moment: Moment,
    source: Option<&str>,
    rows: Vec<Aside>,
) -> Result<Vec<u64>> {
    let mut find = connection.prepare_cached(
        "SELECT id FROM quarantine WHERE digest = ?1
         AND NOT EXISTS (SELECT 1 FROM quarantine_events WHERE entry = quarantine.id) ORDER BY id DESC LIMIT 1",
    )?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO quarantine (recorded_at, source, line, code, cells, reasons, digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let mut ids = Vec::with_capacity(rows.len());
    for Aside { line, row } in rows {
        let (cells, reasons) = (cells_json(&row.cells), reasons_json(&row.reasons));
        let mut hash = Sha256::new();
        for part in [row.code.as_deref().unwrap_or_default(), &cells, &reasons] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(part.as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        let line = i64::try_from(line).unwrap_or(i64::MAX);
        let id: i64 = match find.query_row([digest], |row| row.get(0)).optional()? {
            Some(id) => id,
            None => insert.insert((moment.0, source, line, &row.code, cells, reasons, digest))?,
        };
        ids.push(u64::try_from(id).unwrap_or(0));
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Marks entries as replaced by the batch of this moment, but for those that came back unchanged.
pub(crate) fn resolve(connection: &Connection, moment: Moment, entries: &[u64], again: &[u64]) -> Result<()> {
    for entry in entries {
        if !again.contains(entry) {
            event(connection, moment, *entry, "resubmitted", "")?;
        }
    }
    Ok(())
}

/// Records what became of an entry. A second event on one entry is left out: the first one decided.
pub(crate) fn event(
    connection: &Connection,
    moment: Moment,
    entry: u64,
    status: &str,
    note: &str,
) -> Result<()> {
    let unknown = Error::UnknownQuarantine { found: entry };
    let id = i64::try_from(entry).map_err(|_| unknown.clone())?;
    let decided: Option<bool> = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM quarantine_events WHERE entry = quarantine.id)
             FROM quarantine WHERE id = ?1",
        )?
        .query_row([id], |row| row.get(0))
        .optional()?;
    if !decided.ok_or(unknown)? {
        connection
            .prepare_cached(
                "INSERT INTO quarantine_events (entry, status, note, recorded_at) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((id, status, note, moment.0))?;
    }
    Ok(())
}

impl Snapshot {
    /// Quarantined rows after the one with id `after`, at most `limit`, in the order they were set aside. Rows are
    /// those set aside by the moment of the snapshot, their status is the present one.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and engine failures.
    pub fn quarantine(
        &self,
        filter: QuarantineFilter,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Quarantined>> {
        let mut statement = self.connection().prepare_cached(&format!(
            "{SELECT} WHERE id > ?1 AND recorded_at <= ?2 AND (?3 = 1 OR status IS NULL) ORDER BY id LIMIT ?4"
        ))?;
        let after = after.map_or(0, |id| i64::try_from(id).unwrap_or(i64::MAX));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = statement.query((after, self.known_at().0, filter == QuarantineFilter::All, limit))?;
        let mut list = Vec::new();
        while let Some(row) = rows.next()? {
            list.push(quarantined(row)?);
        }
        Ok(list)
    }

    /// One quarantined row, whatever became of it.
    ///
    /// # Errors
    /// [`Error::UnknownQuarantine`], and as [`Snapshot::quarantine`].
    pub fn quarantined(&self, id: u64) -> Result<Quarantined> {
        let mut statement =
            self.connection().prepare_cached(&format!("{SELECT} WHERE id = ?1 AND recorded_at <= ?2"))?;
        let number = i64::try_from(id).unwrap_or(i64::MAX);
        let mut rows = statement.query((number, self.known_at().0))?;
        match rows.next()? {
            Some(row) => quarantined(row),
            None => Err(Error::UnknownQuarantine { found: id }),
        }
    }
}

pub(crate) const SELECT: &str = "SELECT id, source, line, recorded_at, code, cells, reasons, status
                      FROM (SELECT quarantine.*, (SELECT status FROM quarantine_events
                                                  WHERE entry = quarantine.id ORDER BY id LIMIT 1) AS status
                            FROM quarantine) AS rows_aside";

pub(crate) fn quarantined(row: Row<'_>) -> Result<Quarantined> {
    let number = |n: i64| u64::try_from(n).unwrap_or(0);
    let (cells, reasons): (String, String) = (row.get(5)?, row.get(6)?);
    let damaged = |error: serde_json::Error| Error::corrupt(format!("a quarantined row: {error}"));
    Ok(Quarantined {
        id: number(row.get(0)?),
        source: row.get(1)?,
        line: number(row.get(2)?),
        recorded_at: Moment(row.get(3)?),
        row: Rejected {
            code: row.get(4)?,
            cells: serde_json::from_str(&cells).map_err(damaged)?,
            reasons: serde_json::from_str(&reasons).map_err(damaged)?,
        },
        status: match row.get::<Option<&str>>(7)? {
            None => QuarantineStatus::Open,
            Some("dismissed") => QuarantineStatus::Dismissed,
            Some(_) => QuarantineStatus::Resubmitted,
        },
    })
}

fn cells_json(cells: &[(String, String)]) -> String {
    let mut json = String::from("[");
    for (i, (column, cell)) in cells.iter().enumerate() {
        json.push_str(if i == 0 { "[" } else { ",[" });
        push_json(&mut json, column);
        json.push(',');
        push_json(&mut json, cell);
        json.push(']');
    }
    json.push(']');
    json
}

fn reasons_json(reasons: &[String]) -> String {
    let mut json = String::from("[");
    for (i, reason) in reasons.iter().enumerate() {
        if i > 0 {
            json.push(',');
        }
        push_json(&mut json, reason);
    }
    json.push(']');
    json
}
