//! Facts in full, with everything that was ever recorded about them: what explanations and audits show.

use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::{ClassId, FactId};
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::CodeId;

use crate::db::OptionalExtension;
use crate::error::{Error, Result};
use crate::identity::stored_code;
use crate::resolve::{self, Standing};
use crate::snapshot::{Snapshot, fact_id, standing_marks};

/// One version of one record, as it was recorded and as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactRecord {
    /// Its place in the ledger.
    pub id: FactId,
    /// Whom it is about.
    pub subject: Uscc,
    /// Its code.
    pub code: CodeId,
    /// Its class, as in [`crate::OwnedFile::classes`].
    pub class: ClassId,
    /// Field id and canonical text of every field present, by field id. Identity numbers are digests.
    pub fields: Vec<(String, String)>,
    /// The day it happened or began.
    pub occurred_on: Date,
    /// Last day in force, or [`Date::FOREVER`].
    pub ends_on: Date,
    /// Last day of publicity, or [`Date::FOREVER`].
    pub publicity_until: Date,
    /// Its number, when it has one.
    pub number: Option<i64>,
    /// Its reference, when it has one.
    pub reference: Option<String>,
    /// When it was recorded.
    pub recorded_at: Moment,
    /// Who handed it in.
    pub actor: String,
    /// The file it stood in, when it came from one.
    pub source: Option<String>,
    /// Its line there, or its position in the request.
    pub line: u64,
    /// SHA-256 of what it says.
    pub content: [u8; 32],
    /// What became of it.
    pub status: FactStatus,
    /// First day on which it no longer counts because of repair, or [`Date::FOREVER`].
    pub repaired_on: Date,
    /// Objections: first day, first day after.
    pub objections: Vec<(Date, Date)>,
    /// Of a mark: the last version of the record it speaks of.
    pub target: Option<FactId>,
}

/// What became of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactStatus {
    /// It stands.
    Standing,
    /// A later version took its place.
    Corrected {
        /// The next version.
        by: FactId,
    },
    /// It was recorded in error.
    Withdrawn {
        /// The withdrawal.
        by: FactId,
    },
}

impl Snapshot {
    /// Everything recorded about `subject`, in the order it was recorded.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and engine failures.
    pub fn facts(&self, subject: Uscc) -> Result<Vec<FactRecord>> {
        let Some(id) = self.subject_id(subject)? else { return Ok(Vec::new()) };
        let (scan, _) = self.scan(id)?;
        let standings = resolve::standings(&scan.entries);
        let marks = standing_marks(&scan.entries, &standings);
        let mut statement = self.connection().prepare_cached(
            "SELECT facts.body, facts.line, batches.actor, ingests.file_name
             FROM facts
             JOIN batches ON batches.recorded_at = facts.recorded_at
             LEFT JOIN ingests ON ingests.recorded_at = facts.recorded_at
             WHERE facts.seq = ?1",
        )?;
        let mut records = Vec::with_capacity(scan.rows.len());
        for ((entry, row), standing) in scan.entries.iter().zip(&scan.rows).zip(&standings) {
            let (body, line, actor, source): (String, i64, String, Option<String>) = statement
                .query_row([row.seq], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
                .optional()?
                .ok_or_else(|| Error::corrupt(format!("fact {} is in the index alone", row.seq)))?;
            let (repaired_on, objections) = resolve::marks(&entry.key, &scan.entries, &marks);
            let by = |index: usize| fact_id(scan.rows[index].seq);
            let target = entry.target.and_then(|key| scan.entries.iter().rposition(|other| other.key == key));
            records.push(FactRecord {
                id: fact_id(row.seq)?,
                subject,
                code: row.stored.code,
                class: row.stored.class,
                fields: fields(&body, row.seq)?,
                occurred_on: entry.occurred_on,
                ends_on: entry.ends_on,
                publicity_until: row.publicity_until,
                number: row.number,
                reference: row.reference.as_deref().map(str::to_owned),
                recorded_at: row.recorded_at,
                actor,
                source,
                line: u64::try_from(line).unwrap_or(0),
                content: row.content,
                status: match *standing {
                    Standing::Stands => FactStatus::Standing,
                    Standing::CorrectedBy(index) => FactStatus::Corrected { by: by(index)? },
                    Standing::WithdrawnBy(index) => FactStatus::Withdrawn { by: by(index)? },
                },
                repaired_on,
                objections,
                target: target.map(by).transpose()?,
            });
        }
        records.sort_unstable_by_key(|record| record.id);
        Ok(records)
    }

    /// The fact with this id; `None` when there is none, or none yet at the moment of the snapshot.
    ///
    /// # Errors
    /// As [`Snapshot::facts`].
    pub fn fact(&self, id: FactId) -> Result<Option<FactRecord>> {
        let Ok(seq) = i64::try_from(id.0) else { return Ok(None) };
        let code: Option<String> = self
            .connection()
            .prepare_cached(
                "SELECT subjects.code FROM facts JOIN subjects ON subjects.id = facts.subject WHERE seq = ?1",
            )?
            .query_row([seq], |row| row.get(0))
            .optional()?;
        let Some(code) = code else { return Ok(None) };
        // Its standing depends on the subject's other entries, so all of them are read.
        Ok(self.facts(stored_code(&code)?)?.into_iter().find(|record| record.id == id))
    }
}

fn fields(body: &str, seq: i64) -> Result<Vec<(String, String)>> {
    let map: std::collections::BTreeMap<String, String> =
        serde_json::from_str(body).map_err(|error| Error::corrupt(format!("body of fact {seq}: {error}")))?;
    Ok(map.into_iter().collect())
}
