//! What is on record of histories and studies.

use hengxin_core::date::Moment;

use super::model;
use crate::db::{Connection, OptionalExtension, Row};
use crate::error::{Error, Result};
use crate::run::Lock;
use crate::snapshot::Snapshot;
use crate::words::number;
use crate::words::words;

words! {
    /// What a study is for.
    StudyKind {
        /// Makes a model, and validates it on the rows its plan holds out.
        Training = "training",
        /// Holds a model against the limits of a history.
        Validation = "validation",
        /// Holds a challenger against the champion on the same rows.
        Comparison = "comparison",
        /// Holds new rows against what a model learned from.
        Monitoring = "monitoring",
    }
}

words! {
    /// Where a study stands.
    StudyState {
        /// Waits for its turn.
        Queued = "queued",
        /// Under way.
        Running = "running",
        /// Its numbers are there.
        Succeeded = "succeeded",
        /// Ended without numbers.
        Failed = "failed",
    }
}

impl StudyState {
    /// Whether nothing more happens to the study.
    pub const fn is_over(self) -> bool {
        matches!(self, StudyState::Succeeded | StudyState::Failed)
    }
}

/// A file of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryFile {
    /// Where it is.
    pub path: String,
    /// SHA-256 of its bytes when it was registered, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// A registered history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRecord {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its files.
    pub files: Vec<HistoryFile>,
    /// What its columns mean, JSON; `None` where outcomes are not known.
    pub description: Option<String>,
    /// What validations on it are asked for, JSON.
    pub request: String,
    /// The least rows a number rests on.
    pub rows_min: u64,
    /// The least defaults, and rows without one.
    pub events_min: u64,
    /// How many studies may tell of one column.
    pub budget: u64,
    /// Who registered it.
    pub person: String,
    /// When.
    pub registered_at: Moment,
}

/// A study: what was ordered, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudyRecord {
    /// Its number.
    pub id: u64,
    /// What it is for.
    pub kind: StudyKind,
    /// Name of the history.
    pub history: String,
    /// `{model}/editions/{edition}` of the model that is validated or watched, of the champion, or that was made.
    pub model: Option<String>,
    /// The challenger, likewise.
    pub challenger: Option<String>,
    /// The plan of a training, JSON.
    pub plan: Option<String>,
    /// Who ordered it.
    pub person: String,
    /// When.
    pub ordered_at: Moment,
    /// Where it stands.
    pub state: StudyState,
    /// How often it was begun.
    pub attempts: u32,
    /// What is being done, in words.
    pub stage: String,
    /// When it was last begun.
    pub started_at: Option<Moment>,
    /// When it ended.
    pub finished_at: Option<Moment>,
    /// Why it failed or waits again, or which limits are not kept.
    pub detail: String,
    /// Whether every limit was kept, once it has succeeded.
    pub passed: Option<bool>,
}

const STUDY: &str = "SELECT studies.id, kind, histories.name, coalesce(studies.model, made.id), challenger, plan, studies.person,
        ordered_at, state, attempts, stage, started_at, finished_at, detail, passed
    FROM studies JOIN study_states ON study_states.study = studies.id
    JOIN histories ON histories.id = studies.history
    LEFT JOIN models AS made ON made.study = studies.id";

const HISTORY: &str =
    "SELECT id, name, files, description, request, rows_min, events_min, budget, person, registered_at
    FROM histories";

pub(super) fn find_study(connection: &Connection, id: u64) -> Result<Option<StudyRecord>> {
    let mut statement = connection.prepare_cached(&format!("{STUDY} WHERE studies.id = ?1"))?;
    let mut rows = statement.query([i64::try_from(id).unwrap_or(i64::MAX)])?;
    rows.next()?.map(|row| study(connection, row)).transpose()
}

pub(super) fn of_request(connection: &Connection, request: &str) -> Result<Option<(u64, [u8; 32])>> {
    let mut statement =
        connection.prepare_cached("SELECT id, request_digest FROM studies WHERE request_id = ?1")?;
    Ok(statement.query_row([request], |row| Ok((number(row, 0)?, row.get(1)?))).optional()?)
}

pub(super) fn find_history(connection: &Connection, name: &str) -> Result<Option<HistoryRecord>> {
    let mut statement = connection.prepare_cached(&format!("{HISTORY} WHERE name = ?1"))?;
    let mut rows = statement.query([name])?;
    rows.next()?.map(history).transpose()
}

impl Snapshot {
    /// A registered history.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and engine failures; so for all reads of a laboratory.
    pub fn history_of_laboratory(&self, name: &str) -> Result<Option<HistoryRecord>> {
        find_history(self.connection(), name)
    }

    /// Registered histories by name, after the one named, at most `limit`.
    ///
    /// # Errors
    /// As [`Snapshot::history_of_laboratory`].
    pub fn histories_of_laboratory(&self, after: &str, limit: usize) -> Result<Vec<HistoryRecord>> {
        let mut statement =
            self.connection().prepare_cached(&format!("{HISTORY} WHERE name > ?1 ORDER BY name LIMIT ?2"))?;
        let mut rows = statement.query((after, i64::try_from(limit).unwrap_or(i64::MAX)))?;
        let mut list = Vec::new();
        while let Some(row) = rows.next()? {
            list.push(history(row)?);
        }
        Ok(list)
    }

    /// A study.
    ///
    /// # Errors
    /// As [`Snapshot::history_of_laboratory`].
    pub fn study(&self, id: u64) -> Result<Option<StudyRecord>> {
        find_study(self.connection(), id)
    }

    /// Studies, newest first, before the one with number `before`, at most `limit`.
    ///
    /// # Errors
    /// As [`Snapshot::history_of_laboratory`].
    pub fn studies(&self, before: Option<u64>, limit: usize) -> Result<Vec<StudyRecord>> {
        let mut statement = self
            .connection()
            .prepare_cached(&format!("{STUDY} WHERE studies.id < ?1 ORDER BY studies.id DESC LIMIT ?2"))?;
        let before = before.and_then(|id| i64::try_from(id).ok()).unwrap_or(i64::MAX);
        let mut rows = statement.query((before, i64::try_from(limit).unwrap_or(i64::MAX)))?;
        let mut list = Vec::new();
        while let Some(row) = rows.next()? {
            list.push(study(self.connection(), row)?);
        }
        Ok(list)
    }

    /// Studies under way, as locks that beat: the field of a lock is the study's own.
    ///
    /// # Errors
    /// As [`Snapshot::history_of_laboratory`].
    pub fn study_locks(&self) -> Result<Vec<Lock>> {
        let mut statement = self.connection().prepare_cached(
            "SELECT study, holder, beats FROM study_states WHERE state = 'running' ORDER BY study",
        )?;
        let rows = statement.query_map([], |row| {
            let run = number(row, 0)?;
            Ok(Lock { field: format!("study {run}"), run, holder: row.get(1)?, beats: number(row, 2)? })
        })?;
        Ok(rows.collect::<crate::db::Result<_>>()?)
    }
}

fn history(row: Row<'_>) -> Result<HistoryRecord> {
    let files: String = row.get(2)?;
    Ok(HistoryRecord {
        id: number(row, 0)?,
        name: row.get(1)?,
        files: read_files(&files)?,
        description: row.get(3)?,
        request: row.get(4)?,
        rows_min: number(row, 5)?,
        events_min: number(row, 6)?,
        budget: number(row, 7)?,
        person: row.get(8)?,
        registered_at: Moment(row.get(9)?),
    })
}

/// Files as JSON.
pub(super) fn write_files(files: &[HistoryFile]) -> String {
    let list: Vec<[&str; 2]> = files.iter().map(|file| [file.path.as_str(), file.sha256.as_str()]).collect();
    serde_json::to_string(&list).unwrap_or_default()
}

fn read_files(text: &str) -> Result<Vec<HistoryFile>> {
    let list: Vec<[String; 2]> =
        serde_json::from_str(text).map_err(|e| Error::corrupt(format!("files of a history: {e}")))?;
    Ok(list.into_iter().map(|[path, sha256]| HistoryFile { path, sha256 }).collect())
}

fn study(connection: &Connection, row: Row<'_>) -> Result<StudyRecord> {
    let (kind, state): (String, String) = (row.get(1)?, row.get(8)?);
    let name = |column: usize| -> Result<Option<String>> {
        row.get::<Option<i64>>(column)?.map(|id| model::name_of(connection, id)).transpose()
    };
    Ok(StudyRecord {
        id: number(row, 0)?,
        kind: StudyKind::of(&kind).ok_or_else(|| Error::corrupt(format!("kind of a study `{kind}`")))?,
        history: row.get(2)?,
        model: name(3)?,
        challenger: name(4)?,
        plan: row.get(5)?,
        person: row.get(6)?,
        ordered_at: Moment(row.get(7)?),
        state: StudyState::of(&state).ok_or_else(|| Error::corrupt(format!("state of a study `{state}`")))?,
        attempts: row.get(9)?,
        stage: row.get(10)?,
        started_at: row.get::<Option<i64>>(11)?.map(Moment),
        finished_at: row.get::<Option<i64>>(12)?.map(Moment),
        detail: row.get(13)?,
        passed: row.get(14)?,
    })
}
