//! Changes of tiers by loaded runs, and the one order they have with recorded decisions.
//!
//! Decisions have an order of their own, and so have publications; each publication says which decision was the last one
//! before it. A position names how far a reader is in both, and within a publication that is read in parts.

use std::fmt;
use std::str::FromStr;

use hengxin_core::date::{Date, Moment};
use hengxin_core::industry::IndustryCode;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;

use super::book::signed;
use super::tiers::{industry, region};
use crate::db::OptionalExtension;
use crate::error::Result;
use crate::identity::stored_code;
use crate::snapshot::Snapshot;
use crate::words::number;

/// A load that took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Its place among publications.
    pub id: u64,
    load: i64,
    /// The run.
    pub run: u64,
    /// The field.
    pub field: String,
    /// The day it speaks of.
    pub as_of: Date,
    /// Facts recorded later were not looked at.
    pub known_at: Moment,
    /// When it took effect.
    pub published_at: Moment,
    /// The last decision on record then.
    pub after_decision: u64,
}

/// One tier that a run changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunChange {
    /// Whose.
    pub subject: Uscc,
    /// In the run before; `None` when there was none.
    pub before: Option<u16>,
    /// In this run; `None` when there is none.
    pub now: Option<u16>,
    /// Id and edition of the policy; `None`: the subject is no longer in the run.
    pub policy: Option<(String, String)>,
    /// Region of the subject.
    pub region: Option<RegionCode>,
    /// Industry of the subject.
    pub industry: Option<IndustryCode>,
}

/// How far a reader of changes is: everything up to here has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangePosition {
    /// The last decision read.
    pub decision: u64,
    /// The last publication read whole.
    pub publication: u64,
    /// Of the publication after that one: the last subject read.
    pub subject: Option<Uscc>,
}

/// `decision`, `decision/publication` or `decision/publication/subject`.
impl fmt::Display for ChangePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.decision, self.publication)?;
        self.subject.iter().try_for_each(|subject| write!(f, "/{subject}"))
    }
}

/// Why a text is no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no position of changes")]
pub struct PositionError;

impl FromStr for ChangePosition {
    type Err = PositionError;

    /// A text of before there were runs names the decision alone; nothing was published by then.
    fn from_str(text: &str) -> std::result::Result<ChangePosition, PositionError> {
        let mut parts = text.split('/');
        let decision = parts.next().unwrap_or_default().parse().map_err(|_| PositionError)?;
        let mut position = ChangePosition { decision, ..ChangePosition::default() };
        if let Some(publication) = parts.next() {
            position.publication = publication.parse().map_err(|_| PositionError)?;
        }
        if let Some(subject) = parts.next() {
            position.subject = Some(subject.parse().map_err(|_| PositionError)?);
        }
        if parts.next().is_some() { Err(PositionError) } else { Ok(position) }
    }
}

impl Snapshot {
    /// Where a reader stands who has read everything on record.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`] and engine failures; so for all reads below.
    pub fn last_change(&self) -> Result<ChangePosition> {
        let publication = self
            .connection()
            .prepare_cached("SELECT coalesce(max(id), 0) FROM publications")?
            .query_row([], |row| number(row, 0))?;
        Ok(ChangePosition { decision: self.last_tier()?, publication, subject: None })
    }

    /// The first publication after the one with number `after`.
    ///
    /// # Errors
    /// As [`Snapshot::last_change`].
    pub fn publication_after(&self, after: u64) -> Result<Option<Publication>> {
        let mut statement = self.connection().prepare_cached(
            "SELECT id, load, run, field, as_of, known_at, published_at, after_decision FROM publications
             WHERE id > ?1 ORDER BY id LIMIT 1",
        )?;
        let found = statement.query_row([signed(after)], |row| {
            Ok(Publication {
                id: number(row, 0)?,
                load: row.get(1)?,
                run: number(row, 2)?,
                field: row.get(3)?,
                as_of: Date::from_days(row.get(4)?),
                known_at: Moment(row.get(5)?),
                published_at: Moment(row.get(6)?),
                after_decision: number(row, 7)?,
            })
        });
        Ok(found.optional()?)
    }

    /// The publication of a run; `None` when it has not taken effect.
    ///
    /// # Errors
    /// As [`Snapshot::last_change`].
    pub fn publication_of(&self, run: u64) -> Result<Option<Publication>> {
        let mut statement = self.connection().prepare_cached("SELECT id FROM publications WHERE run = ?1")?;
        let found = statement.query_row([signed(run)], |row| number(row, 0)).optional()?;
        found.map_or(Ok(None), |id| self.publication_after(id.saturating_sub(1)))
    }

    /// Changes of a publication in the order of their codes, after `after`, at most `limit`.
    ///
    /// # Errors
    /// As [`Snapshot::last_change`].
    pub fn run_changes(
        &self,
        publication: &Publication,
        after: Option<Uscc>,
        limit: usize,
    ) -> Result<Vec<RunChange>> {
        let mut statement = self.connection().prepare_cached(
            "SELECT subject, before, now, run_policies.policy, edition, region, industry
             FROM run_changes LEFT JOIN run_policies ON run_policies.id = run_changes.policy
             WHERE load = ?1 AND subject > ?2 ORDER BY subject LIMIT ?3",
        )?;
        let after = after.map(|code| code.to_string()).unwrap_or_default();
        let mut rows =
            statement.query((publication.load, after, i64::try_from(limit).unwrap_or(i64::MAX)))?;
        let mut list = Vec::new();
        while let Some(row) = rows.next()? {
            let policy: Option<String> = row.get(3)?;
            list.push(RunChange {
                subject: stored_code(row.get::<&str>(0)?)?,
                before: row.get(1)?,
                now: row.get(2)?,
                policy: policy.zip(row.get(4)?),
                region: region(row, 5)?,
                industry: industry(row, 6)?,
            });
        }
        Ok(list)
    }
}
