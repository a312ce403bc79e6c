//! Registering histories, ordering studies, carrying them out.

use std::sync::Arc;

use hengxin_core::date::Moment;

use super::error::LaboratoryError;
use super::model::{ModelAct, split};
use super::record::{self, HistoryFile, HistoryRecord, StudyKind, StudyRecord, StudyState};
use super::release::{FigureRecord, signed};
use crate::db::Connection;
use crate::error::{Error, Result};
use crate::ledger::Shared;
use crate::log::Bulk;
use crate::recorder;
use crate::run::Lock;
use crate::words::number;
use crate::writer::RequestKey;

/// A study that was begun so often without an end is not begun again: it may be what ends its process.
const ATTEMPTS_MAX: u32 = 3;

/// A history to be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHistory {
    /// Its name: lower-case letters, digits and `-`.
    pub name: String,
    /// Its files.
    pub files: Vec<HistoryFile>,
    /// What its columns mean, JSON; `None` where outcomes are not known.
    pub description: Option<String>,
    /// What validations on it are asked for, JSON.
    pub request: String,
    /// The least rows a number must rest on to leave, from 1.
    pub rows_min: u64,
    /// The least defaults, and rows without one.
    pub events_min: u64,
    /// How many studies may tell of one column, from 1.
    pub budget: u64,
    /// Who registers it.
    pub person: String,
}

/// A study to be ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewStudy {
    /// What it is for.
    pub kind: StudyKind,
    /// Name of a registered history.
    pub history: String,
    /// `{model}/editions/{edition}`: which model is validated or watched, or the champion. `None` in a training.
    pub model: Option<String>,
    /// The challenger of a comparison.
    pub challenger: Option<String>,
    /// The plan of a training, JSON, with the model and edition it would make.
    pub plan: Option<(String, String, String)>,
    /// Who orders it.
    pub person: String,
}

/// The right to carry a study out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudyClaim {
    /// The study as it began.
    pub study: StudyRecord,
    /// Who holds it.
    pub holder: String,
}

/// A model that a training made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewModel {
    /// Its id.
    pub model: String,
    /// Its edition.
    pub edition: String,
    /// Its title.
    pub title: String,
    /// SHA-256 of its file.
    pub digest: [u8; 32],
    /// The folder its file is in.
    pub folder: String,
}

/// What a study came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The model, of a training.
    pub model: Option<NewModel>,
    /// The numbers, without those that must not leave.
    pub figures: Vec<FigureRecord>,
    /// Whether every limit was kept.
    pub passed: bool,
    /// Which limits are not kept, by name.
    pub detail: String,
}

/// A connection that keeps the book of a laboratory. Each call is one transaction.
#[derive(Debug)]
pub struct LaboratoryBook {
    shared: Arc<Shared>,
    connection: Connection,
}

impl LaboratoryBook {
    pub(crate) fn new(shared: Arc<Shared>) -> Result<LaboratoryBook> {
        let connection = recorder::writing(&shared)?;
        Ok(LaboratoryBook { shared, connection })
    }

    /// Registers a history. The very same one again changes nothing.
    ///
    /// # Errors
    /// [`LaboratoryError::HistoryExists`]; [`Error::Busy`], [`Error::Full`] and engine failures, so for all calls.
    pub fn register(&mut self, new: &NewHistory) -> Result<HistoryRecord> {
        self.transact(|book| {
            if let Some(found) = record::find_history(&book.connection, &new.name)? {
                let same = found.files == new.files
                    && (&found.description, &found.request) == (&new.description, &new.request)
                    && (found.rows_min, found.events_min, found.budget)
                        == (new.rows_min, new.events_min, new.budget);
                let exists = LaboratoryError::HistoryExists { name: new.name.clone() };
                return if same { Ok(found) } else { Err(exists.into()) };
            }
            book.connection
                .prepare_cached(
                    "INSERT INTO histories (name, files, description, request, rows_min, events_min, budget, person,
                                            registered_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )?
                .execute((
                    &new.name,
                    record::write_files(&new.files),
                    &new.description,
                    &new.request,
                    signed(new.rows_min),
                    signed(new.events_min),
                    signed(new.budget),
                    &new.person,
                    book.now().0,
                ))?;
            book.history(&new.name)
        })
    }

    /// Orders a study, or gives the one the same request ordered before.
    ///
    /// # Errors
    /// [`LaboratoryError`]: a history or model nobody knows, an edition that exists, a history without outcomes that is to be
    /// learned from, a comparison on rows a model learned from; [`Error::RequestReused`].
    pub fn order(&mut self, new: &NewStudy, request: &RequestKey) -> Result<StudyRecord> {
        self.transact(|book| {
            if let Some((id, digest)) = record::of_request(&book.connection, &request.id)? {
                if digest != request.digest {
                    return Err(Error::RequestReused { request_id: request.id.clone(), what: "body" });
                }
                return book.study(id);
            }
            let history = book.history(&new.history)?;
            if history.description.is_none() && new.kind != StudyKind::Monitoring {
                return Err(LaboratoryError::NoOutcomes { name: history.name }.into());
            }
            if let Some((_, model, edition)) = &new.plan {
                book.free(&format!("{model}/editions/{edition}"))?;
            }
            for name in new.model.iter().chain(&new.challenger) {
                let model = book.model(name)?;
                if new.kind == StudyKind::Comparison {
                    // The same file under another name is the same rows.
                    let learned = book.history(&model.history)?.files;
                    let shared =
                        |file: &HistoryFile| learned.iter().any(|other| other.sha256 == file.sha256);
                    if history.files.iter().any(shared) {
                        let (model, history) = (model.name(), history.name);
                        return Err(LaboratoryError::LearnedFrom { model, history }.into());
                    }
                }
            }
            let id = book
                .connection
                .prepare_cached(
                    "INSERT INTO studies (kind, history, model, challenger, plan, person, request_id, request_digest,
                                          ordered_at)
                     VALUES (?1, ?2, (SELECT id FROM models WHERE model = ?3 AND edition = ?4),
                             (SELECT id FROM models WHERE model = ?5 AND edition = ?6), ?7, ?8, ?9, ?10, ?11)",
                )?
                .insert((
                    new.kind.id(),
                    signed(history.id),
                    new.model.as_deref().map(|name| split(name).0),
                    new.model.as_deref().map(|name| split(name).1),
                    new.challenger.as_deref().map(|name| split(name).0),
                    new.challenger.as_deref().map(|name| split(name).1),
                    new.plan.as_ref().map(|plan| &plan.0),
                    &new.person,
                    &request.id,
                    request.digest,
                    book.now().0,
                ))?;
            let id = u64::try_from(id).unwrap_or(0);
            book.connection
                .prepare_cached(
                    "INSERT INTO study_states (study, state, attempts, beats, stage, detail)
                     VALUES (?1, 'queued', 0, 0, '', '')",
                )?
                .execute([signed(id)])?;
            book.event(id, StudyState::Queued, "")?;
            book.study(id)
        })
    }

    /// Begins the oldest study that waits; `None` when none does. `holder` must differ from that of every other process.
    ///
    /// # Errors
    /// As [`LaboratoryBook::register`].
    pub fn claim(&mut self, holder: &str) -> Result<Option<StudyClaim>> {
        self.transact(|book| {
            let begun = book
                .connection
                .prepare_cached(
                    "UPDATE study_states SET state = 'running', attempts = attempts + 1, holder = ?1, started_at = ?2,
                                             stage = '', detail = ''
                     WHERE study = (SELECT min(study) FROM study_states WHERE state = 'queued') RETURNING study",
                )?
                .query_map((holder, book.now().0), |row| number(row, 0))?
                .next()
                .transpose()?;
            let Some(id) = begun else { return Ok(None) };
            book.event(id, StudyState::Running, holder)?;
            Ok(Some(StudyClaim { study: book.study(id)?, holder: holder.to_owned() }))
        })
    }

    /// Says that the holder lives, and what it does.
    ///
    /// # Errors
    /// [`LaboratoryError::NotHeld`].
    pub fn beat(&mut self, claim: &StudyClaim, stage: &str) -> Result<()> {
        self.transact(|book| {
            book.hold(claim)?;
            book.connection
                .prepare_cached("UPDATE study_states SET beats = beats + 1, stage = ?2 WHERE study = ?1")?
                .execute((signed(claim.study.id), stage))?;
            Ok(())
        })
    }

    /// Puts a study whose holder has not been heard of back into the queue, if it is still as it was seen.
    ///
    /// # Errors
    /// As [`LaboratoryBook::register`].
    pub fn take_over(&mut self, lock: &Lock) -> Result<Option<StudyRecord>> {
        self.transact(|book| {
            let study = book.study(lock.run)?;
            let (state, detail) = if study.attempts >= ATTEMPTS_MAX {
                (StudyState::Failed, format!("begun {} times without an end", study.attempts))
            } else {
                (StudyState::Queued, format!("the process that held it is gone ({})", lock.holder))
            };
            let freed = book
                .connection
                .prepare_cached(
                    "UPDATE study_states SET state = ?4, holder = NULL, detail = ?5,
                                             finished_at = CASE ?4 WHEN 'failed' THEN ?6 END
                     WHERE study = ?1 AND holder = ?2 AND beats = ?3 AND state = 'running'",
                )?
                .execute((
                    signed(lock.run),
                    &lock.holder,
                    signed(lock.beats),
                    state.id(),
                    &detail,
                    book.now().0,
                ))?;
            if freed == 0 {
                return Ok(None);
            }
            book.event(lock.run, state, &detail)?;
            Ok(Some(book.study(lock.run)?))
        })
    }

    /// Ends a study with its numbers and, after a training, its model. A training or validation that kept its limits
    /// validates the model.
    ///
    /// # Errors
    /// [`LaboratoryError::NotHeld`], [`LaboratoryError::ModelExists`].
    pub fn finish(&mut self, claim: &StudyClaim, done: &Finished) -> Result<StudyRecord> {
        let study = &claim.study;
        self.transact(|book| {
            book.hold(claim)?;
            let mut insert = book.connection.prepare_cached(
                "INSERT INTO figures (study, place, name, of, value, rows, defaults)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            for (place, figure) in done.figures.iter().enumerate() {
                insert.execute((
                    signed(study.id),
                    signed(place as u64),
                    &figure.name,
                    &figure.column,
                    &figure.value,
                    signed(figure.rows),
                    signed(figure.defaults),
                ))?;
            }
            drop(insert);
            Bulk::Figures.record(&book.connection, signed(study.id))?;
            let mut subject = study.model.clone();
            if let Some(new) = &done.model {
                let name = format!("{}/editions/{}", new.model, new.edition);
                book.free(&name)?;
                book.connection
                    .prepare_cached(
                        "INSERT INTO models (model, edition, title, digest, folder, study)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    )?
                    .execute((
                        &new.model,
                        &new.edition,
                        &new.title,
                        new.digest,
                        &new.folder,
                        signed(study.id),
                    ))?;
                book.act(&name, ModelAct::Trained, &study.person, Some(study.id), "")?;
                subject = Some(name);
            }
            let validates = matches!(study.kind, StudyKind::Training | StudyKind::Validation);
            if let Some(name) = subject.filter(|_| validates && done.passed) {
                book.act(&name, ModelAct::Validated, &study.person, Some(study.id), "")?;
            }
            book.connection
                .prepare_cached("UPDATE study_states SET passed = ?2 WHERE study = ?1")?
                .execute((signed(study.id), done.passed))?;
            book.end(study.id, StudyState::Succeeded, &done.detail)?;
            book.study(study.id)
        })
    }

    /// Ends a study without numbers.
    ///
    /// # Errors
    /// [`LaboratoryError::NotHeld`].
    pub fn fail(&mut self, claim: &StudyClaim, why: &str) -> Result<StudyRecord> {
        self.transact(|book| {
            book.hold(claim)?;
            book.end(claim.study.id, StudyState::Failed, why)?;
            book.study(claim.study.id)
        })
    }

    fn free(&self, name: &str) -> Result<()> {
        match self.model(name) {
            Ok(_) => Err(LaboratoryError::ModelExists { name: name.to_owned() }.into()),
            Err(Error::Laboratory(LaboratoryError::UnknownModel { .. })) => Ok(()),
            Err(other) => Err(other),
        }
    }

    fn history(&self, name: &str) -> Result<HistoryRecord> {
        let found = record::find_history(&self.connection, name)?;
        found.ok_or_else(|| LaboratoryError::UnknownHistory { name: name.to_owned() }.into())
    }

    pub(super) fn study(&self, id: u64) -> Result<StudyRecord> {
        let found = record::find_study(&self.connection, id)?;
        found.ok_or_else(|| LaboratoryError::UnknownStudy { found: id }.into())
    }

    /// Fails unless the study is held by the claim.
    fn hold(&self, claim: &StudyClaim) -> Result<()> {
        let held: i64 = self
            .connection
            .prepare_cached(
                "SELECT count(*) FROM study_states WHERE study = ?1 AND holder = ?2 AND state = 'running'",
            )?
            .query_row((signed(claim.study.id), &claim.holder), |row| row.get(0))?;
        if held == 0 { Err(LaboratoryError::NotHeld { study: claim.study.id }.into()) } else { Ok(()) }
    }

    fn end(&self, id: u64, state: StudyState, detail: &str) -> Result<()> {
        self.connection
            .prepare_cached(
                "UPDATE study_states SET state = ?2, finished_at = ?3, detail = ?4, holder = NULL, stage = ''
                 WHERE study = ?1",
            )?
            .execute((signed(id), state.id(), self.now().0, detail))?;
        self.event(id, state, detail)
    }

    fn event(&self, id: u64, state: StudyState, detail: &str) -> Result<()> {
        self.connection
            .prepare_cached("INSERT INTO study_events (study, state, at, detail) VALUES (?1, ?2, ?3, ?4)")?
            .execute((signed(id), state.id(), self.now().0, detail))?;
        Ok(())
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn now(&self) -> Moment {
        self.shared.options.clock.now()
    }

    pub(super) fn transact<T>(
        &mut self,
        mut work: impl FnMut(&mut LaboratoryBook) -> Result<T>,
    ) -> Result<T> {
        recorder::until_kept(|| {
            recorder::begin(&self.shared, &self.connection)?;
            let result = work(self);
            recorder::end(&self.shared, &self.connection, result)
        })
    }
}
