//! Models: what each is, and who did what with it.

use hengxin_core::date::Moment;

use super::book::LaboratoryBook;
use super::error::LaboratoryError;
use crate::db::{Connection, OptionalExtension};
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;
use crate::words::number;
use crate::words::words;

/// How many people must approve a model.
const APPROVERS: usize = 2;

words! {
    /// What somebody did with a model.
    ModelAct {
        /// Ordered the training that made it.
        Trained = "trained",
        /// Ordered a validation that kept all limits.
        Validated = "validated",
        /// Answers for it.
        Approved = "approved",
        /// Took it out of service.
        Retired = "retired",
    }
}

words! {
    /// What may be done with a model.
    ModelState {
        /// It was made.
        Draft = "draft",
        /// It kept all limits of a validation.
        Validated = "validated",
        /// Two people who did not train it answer for it: it may serve.
        Approved = "approved",
        /// It must not serve any longer.
        Retired = "retired",
    }
}

/// An act on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelEvent {
    /// What was done.
    pub act: ModelAct,
    /// By whom.
    pub person: String,
    /// By which study, where it was one.
    pub study: Option<u64>,
    /// Why, in the person's words; may be empty.
    pub note: String,
    /// When.
    pub at: Moment,
}

/// A model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRecord {
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
    /// The training that made it.
    pub study: u64,
    /// Name of the history it learned from.
    pub history: String,
    /// Everything done with it, oldest first.
    pub events: Vec<ModelEvent>,
}

impl ModelRecord {
    /// `{model}/editions/{edition}`.
    pub fn name(&self) -> String {
        format!("{}/editions/{}", self.model, self.edition)
    }

    /// What may be done with it, which follows from what was done.
    pub fn state(&self) -> ModelState {
        let did = |act: ModelAct| self.events.iter().any(|event| event.act == act);
        if did(ModelAct::Retired) {
            ModelState::Retired
        } else if self.approvers().len() >= APPROVERS {
            ModelState::Approved
        } else if did(ModelAct::Validated) {
            ModelState::Validated
        } else {
            ModelState::Draft
        }
    }

    /// Who approved it.
    pub fn approvers(&self) -> Vec<&str> {
        self.people(ModelAct::Approved)
    }

    fn people(&self, act: ModelAct) -> Vec<&str> {
        self.events.iter().filter(|event| event.act == act).map(|event| event.person.as_str()).collect()
    }
}

impl LaboratoryBook {
    /// Takes note that a person answers for a model. It is approved once two have.
    ///
    /// # Errors
    /// [`LaboratoryError`]: no such model, one that is not validated or is retired, a person who trained or approved it.
    pub fn approve(&mut self, name: &str, person: &str, note: &str) -> Result<ModelRecord> {
        self.transact(|book| {
            let model = book.model(name)?;
            if model.state() != ModelState::Validated {
                let (found, expected) = (model.state().id(), "one that is validated and not yet approved");
                return Err(LaboratoryError::State { name: model.name(), found, expected }.into());
            }
            let had_part = |act, part| {
                let same = model.people(act).contains(&person);
                same.then(|| LaboratoryError::SamePerson {
                    person: person.to_owned(),
                    part,
                    name: model.name(),
                })
            };
            if let Some(refused) = had_part(ModelAct::Trained, "ordered the training of")
                .or_else(|| had_part(ModelAct::Approved, "has approved"))
            {
                return Err(refused.into());
            }
            book.act(name, ModelAct::Approved, person, None, note)?;
            book.model(name)
        })
    }

    /// Takes a model out of service, whatever its state.
    ///
    /// # Errors
    /// [`LaboratoryError`]: no such model, one that is retired already.
    pub fn retire(&mut self, name: &str, person: &str, note: &str) -> Result<ModelRecord> {
        self.transact(|book| {
            let model = book.model(name)?;
            if model.state() == ModelState::Retired {
                let (found, expected) = (model.state().id(), "one that is not");
                return Err(LaboratoryError::State { name: model.name(), found, expected }.into());
            }
            book.act(name, ModelAct::Retired, person, None, note)?;
            book.model(name)
        })
    }

    pub(super) fn model(&self, name: &str) -> Result<ModelRecord> {
        let found = find(self.connection(), name)?;
        found.ok_or_else(|| LaboratoryError::UnknownModel { name: name.to_owned() }.into())
    }

    pub(super) fn act(
        &self,
        name: &str,
        act: ModelAct,
        person: &str,
        study: Option<u64>,
        note: &str,
    ) -> Result<()> {
        let (model, edition) = split(name);
        self.connection()
            .prepare_cached(
                "INSERT INTO model_events (model, act, person, study, note, at)
                 SELECT id, ?3, ?4, ?5, ?6, ?7 FROM models WHERE model = ?1 AND edition = ?2",
            )?
            .execute((
                model,
                edition,
                act.id(),
                person,
                study.map(|id| i64::try_from(id).unwrap_or(i64::MAX)),
                note,
                self.now().0,
            ))?;
        Ok(())
    }
}

impl Snapshot {
    /// The model of a name, `{model}/editions/{edition}`.
    ///
    /// # Errors
    /// As [`Snapshot::history_of_laboratory`].
    pub fn model(&self, name: &str) -> Result<Option<ModelRecord>> {
        find(self.connection(), name)
    }

    /// Models in the order they were made, newest first, before the one with this place in it, at most `limit`, each with
    /// its place.
    ///
    /// # Errors
    /// As [`Snapshot::history_of_laboratory`].
    pub fn models(&self, before: Option<u64>, limit: usize) -> Result<Vec<(u64, ModelRecord)>> {
        let mut statement = self.connection().prepare_cached(
            "SELECT id, model || '/editions/' || edition FROM models WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        )?;
        let before = before.and_then(|id| i64::try_from(id).ok()).unwrap_or(i64::MAX);
        let rows = statement.query_map((before, i64::try_from(limit).unwrap_or(i64::MAX)), |row| {
            Ok((number(row, 0)?, row.get::<String>(1)?))
        })?;
        let names = rows.collect::<crate::db::Result<Vec<(u64, String)>>>()?;
        let read = |(id, name): (u64, String)| Ok(find(self.connection(), &name)?.map(|model| (id, model)));
        names.into_iter().filter_map(|named| read(named).transpose()).collect()
    }
}

/// `{model}/editions/{edition}` of a number.
pub(super) fn name_of(connection: &Connection, id: i64) -> Result<String> {
    let mut statement =
        connection.prepare_cached("SELECT model || '/editions/' || edition FROM models WHERE id = ?1")?;
    Ok(statement.query_row([id], |row| row.get(0))?)
}

/// Model and edition of a name; an edition of nothing where there is none.
pub(super) fn split(name: &str) -> (&str, &str) {
    name.split_once("/editions/").unwrap_or((name, ""))
}

fn find(connection: &Connection, name: &str) -> Result<Option<ModelRecord>> {
    let (model, edition) = split(name);
    let mut statement = connection.prepare_cached(
        "SELECT models.id, title, digest, folder, study, histories.name
         FROM models JOIN studies ON studies.id = models.study JOIN histories ON histories.id = studies.history
         WHERE models.model = ?1 AND edition = ?2",
    )?;
    let found = statement
        .query_row((model, edition), |row| {
            let record = ModelRecord {
                model: model.to_owned(),
                edition: edition.to_owned(),
                title: row.get(1)?,
                digest: row.get(2)?,
                folder: row.get(3)?,
                study: number(row, 4)?,
                history: row.get(5)?,
                events: Vec::new(),
            };
            Ok((row.get::<i64>(0)?, record))
        })
        .optional()?;
    let Some((id, mut record)) = found else { return Ok(None) };
    let mut statement = connection.prepare_cached(
        "SELECT act, person, study, note, at FROM model_events WHERE model = ?1 ORDER BY id",
    )?;
    let mut rows = statement.query([id])?;
    while let Some(row) = rows.next()? {
        let act: String = row.get(0)?;
        record.events.push(ModelEvent {
            act: ModelAct::of(&act).ok_or_else(|| Error::corrupt(format!("act on a model `{act}`")))?,
            person: row.get(1)?,
            study: row.get::<Option<i64>>(2)?.map(|id| u64::try_from(id).unwrap_or(0)),
            note: row.get(3)?,
            at: Moment(row.get(4)?),
        });
    }
    Ok(Some(record))
}
