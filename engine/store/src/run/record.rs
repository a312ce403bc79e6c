//! What is on record of runs.

use hengxin_core::date::{Date, Moment};

use crate::db::{Connection, OptionalExtension, Row};
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;
use crate::words::number;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Waits for its turn.
    Queued,
    /// Under way.
    Running,
    /// Published whole.
    Succeeded,
    /// Ended without results.
    Failed,
    /// Ended by a user, without results.
    Cancelled,
}

impl RunState {
    /// As it is written in the ledger.
    pub const fn id(self) -> &'static str {
        match self {
            RunState::Queued => "queued",
            RunState::Running => "running",
            RunState::Succeeded => "succeeded",
            RunState::Failed => "failed",
            RunState::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more happens to the run.
    pub const fn is_over(self) -> bool {
        match self {
            RunState::Queued | RunState::Running => false,
            RunState::Succeeded | RunState::Failed | RunState::Cancelled => true,
        }
    }

    fn read(text: &str) -> Result<RunState> {
        [RunState::Queued, RunState::Running, RunState::Succeeded, RunState::Failed, RunState::Cancelled]
            .into_iter()
            .find(|state| state.id() == text)
            .ok_or_else(|| Error::corrupt(format!("state of a run `{text}`")))
    }
}

/// A run: what was ordered, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRecord {
    /// Its number.
    pub id: u64,
    /// Field of supervision.
    pub field: String,
    /// The day it speaks of.
    pub as_of: Date,
    /// Facts recorded later are not looked at.
    pub known_at: Moment,
    /// Where the facts lie; `None`: in the ledger.
    pub dataset: Option<String>,
    /// Whether it goes on from an earlier run.
    pub incremental: bool,
    /// The schedule and the firing it comes from; `None`: somebody asked for it.
    pub firing: Option<(String, Moment)>,
    /// When it was ordered.
    pub ordered_at: Moment,
    /// Where it stands.
    pub state: RunState,
    /// How often it was begun.
    pub attempts: u32,
    /// Whether a user asked for its end.
    pub cancel_requested: bool,
    /// The run it goes on from, once chosen.
    pub previous: Option<u64>,
    /// Subjects done.
    pub done: u64,
    /// Subjects in all; 0 while unknown.
    pub total: u64,
    /// When it was last begun.
    pub started_at: Option<Moment>,
    /// When it ended.
    pub finished_at: Option<Moment>,
    /// Why it failed, was cancelled or went back into the queue; empty otherwise.
    pub detail: String,
    /// Folder or URL of its results, once it has any.
    pub results: Option<String>,
    /// SHA-256 of its manifest, once it has succeeded.
    pub manifest: Option<[u8; 32]>,
    /// Counts as JSON, once it has succeeded.
    pub counts: Option<String>,
}

/// A change of a run's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEvent {
    /// The state it came to.
    pub state: RunState,
    /// When.
    pub at: Moment,
    /// Why; may be empty.
    pub detail: String,
}

/// Which runs to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Only this field.
    pub field: Option<String>,
    /// Only this state.
    pub state: Option<RunState>,
}

const RUN: &str = "SELECT id, runs.field, as_of, known_at, dataset, incremental, schedule, fired_at, ordered_at, state,
        attempts, cancel_requested, previous, done, total, started_at, finished_at, detail, results, manifest, counts
    FROM runs JOIN run_states ON run_states.run = runs.id";

pub(super) fn find(connection: &Connection, id: u64) -> Result<Option<RunRecord>> {
    let mut statement = connection.prepare_cached(&format!("{RUN} WHERE id = ?1"))?;
    let mut rows = statement.query([i64::try_from(id).unwrap_or(i64::MAX)])?;
    rows.next()?.map(read).transpose()
}

pub(super) fn of_request(connection: &Connection, request: &str) -> Result<Option<(u64, [u8; 32])>> {
    let mut statement =
        connection.prepare_cached("SELECT id, request_digest FROM runs WHERE request_id = ?1")?;
    Ok(statement.query_row([request], |row| Ok((number(row, 0)?, row.get(1)?))).optional()?)
}

impl Snapshot {
    /// The run with this number.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and engine failures; so for all reads below.
    pub fn run(&self, id: u64) -> Result<Option<RunRecord>> {
        find(self.connection(), id)
    }

    /// Runs, newest first, before the one with number `before`, at most `limit`.
    ///
    /// # Errors
    /// As [`Snapshot::run`].
    pub fn runs(&self, filter: &RunFilter, before: Option<u64>, limit: usize) -> Result<Vec<RunRecord>> {
        let mut statement = self.connection().prepare_cached(&format!(
            "{RUN} WHERE (?1 IS NULL OR runs.field = ?1) AND (?2 IS NULL OR state = ?2) AND id < ?3
             ORDER BY id DESC LIMIT ?4"
        ))?;
        let before = before.and_then(|id| i64::try_from(id).ok()).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = statement.query((&filter.field, filter.state.map(RunState::id), before, limit))?;
        let mut list = Vec::new();
        while let Some(row) = rows.next()? {
            list.push(read(row)?);
        }
        Ok(list)
    }

    /// Everything that happened to a run, oldest first.
    ///
    /// # Errors
    /// As [`Snapshot::run`].
    pub fn run_events(&self, id: u64) -> Result<Vec<RunEvent>> {
        let mut statement = self
            .connection()
            .prepare_cached("SELECT state, at, detail FROM run_events WHERE run = ?1 ORDER BY id")?;
        let mut rows = statement.query([i64::try_from(id).unwrap_or(i64::MAX)])?;
        let mut list = Vec::new();
        while let Some(row) = rows.next()? {
            let state = RunState::read(&row.get::<String>(0)?)?;
            list.push(RunEvent { state, at: Moment(row.get(1)?), detail: row.get(2)? });
        }
        Ok(list)
    }
}

fn read(row: Row<'_>) -> Result<RunRecord> {
    let schedule: Option<String> = row.get(6)?;
    let fired_at: Option<i64> = row.get(7)?;
    Ok(RunRecord {
        id: number(row, 0)?,
        field: row.get(1)?,
        as_of: Date::from_days(row.get(2)?),
        known_at: Moment(row.get(3)?),
        dataset: row.get(4)?,
        incremental: row.get(5)?,
        firing: schedule.zip(fired_at.map(Moment)),
        ordered_at: Moment(row.get(8)?),
        state: RunState::read(&row.get::<String>(9)?)?,
        attempts: row.get(10)?,
        cancel_requested: row.get(11)?,
        previous: row.get::<Option<i64>>(12)?.map(|id| u64::try_from(id).unwrap_or(0)),
        done: number(row, 13)?,
        total: number(row, 14)?,
        started_at: row.get::<Option<i64>>(15)?.map(Moment),
        finished_at: row.get::<Option<i64>>(16)?.map(Moment),
        detail: row.get(17)?,
        results: row.get(18)?,
        manifest: row.get(19)?,
        counts: row.get(20)?,
    })
}
