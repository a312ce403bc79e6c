//! What was handed in within a period, for figures about those who hand in.
//!
//! Facts are numbered in the order they are recorded, so a period is a stretch of numbers, found by halving.

use hengxin_core::date::{Date, Moment};
use hengxin_core::vocabulary::CodeId;

use crate::db::OptionalExtension;
use crate::error::{Error, Result};
use crate::quarantine::{self, Quarantined};
use crate::snapshot::Snapshot;
use crate::words::number;

/// A stretch of what was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Supply {
    /// Facts from this number on, before that one.
    facts: (i64, i64),
    /// Recorded at or after this moment.
    pub from: Moment,
    /// Recorded before this moment.
    pub until: Moment,
    /// Whether more was recorded in the period that was asked for, before `from`.
    pub cut: bool,
}

/// What became of the rows of one submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// When it was recorded; no two have one moment.
    pub recorded_at: Moment,
    /// Who handed it in.
    pub actor: String,
    /// The file it stood in.
    pub file: Option<String>,
    /// Rows that say what the ledger said already.
    pub duplicates: u64,
}

/// A fact as it was handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supplied {
    /// The moment of its submission.
    pub recorded_at: Moment,
    /// Its code.
    pub code: CodeId,
    /// The day it happened or began.
    pub occurred_on: Date,
    /// Whether it replaced an earlier version.
    pub corrects: bool,
    /// Field ids and texts, as a JSON object.
    pub body: String,
}

impl Snapshot {
    /// What was recorded from a moment on, before another: the last `most` facts of it, if there are more. A submission
    /// is in it whole or not at all, unless it has more facts than that by itself.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and engine failures; so for all reads below.
    pub fn supply(&self, from: Moment, until: Moment, most: u64) -> Result<Supply> {
        let until = Moment(until.0.min(self.known_at().0.saturating_add(1)));
        let (first, end) = (self.first_fact(from)?, self.first_fact(until)?);
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        if end - first <= most {
            return Ok(Supply { facts: (first, end), from, until, cut: false });
        }
        let cut = end - most;
        // The submission of the last fact that is left out goes whole.
        let within = self.recorded_from(FACTS, cut - 1)?.map_or(from, |(_, at)| at);
        let next = Moment(within.0.saturating_add(1));
        let whole = self.first_fact(next)?;
        let (first, from) = if whole < end { (whole, next) } else { (cut, within) };
        Ok(Supply { facts: (first, end), from, until, cut: true })
    }

    /// Tells `each` of every submission, in the order they were recorded.
    ///
    /// # Errors
    /// As [`Snapshot::supply`].
    pub fn each_submission(&self, supply: &Supply, mut each: impl FnMut(Submitted)) -> Result<()> {
        let mut statement = self.connection().prepare_cached(
            "SELECT batches.recorded_at, actor, file_name, duplicate FROM batches
             JOIN ingests ON ingests.recorded_at = batches.recorded_at
             WHERE batches.recorded_at >= ?1 AND batches.recorded_at < ?2 ORDER BY batches.recorded_at",
        )?;
        let mut rows = statement.query_in_parts((supply.from.0, supply.until.0))?;
        while let Some(row) = rows.next()? {
            each(Submitted {
                recorded_at: Moment(row.get(0)?),
                actor: row.get(1)?,
                file: row.get(2)?,
                duplicates: number(row, 3)?,
            });
        }
        Ok(())
    }

    /// Tells `each` of every fact, in the order they were recorded, until it has heard enough and gives false.
    ///
    /// # Errors
    /// As [`Snapshot::supply`].
    pub fn each_supplied(&self, supply: &Supply, mut each: impl FnMut(Supplied) -> bool) -> Result<()> {
        // All classes there are, before the first row: no other statement runs while rows come in.
        let dictionary = self.shared.dictionary.refresh(self.connection(), &self.shared.vocabulary)?;
        // Earlier versions are looked for only where a submission has both new records and new versions.
        let mut statement = self.connection().prepare_cached(
            "SELECT facts.recorded_at, class, occurred_on, body,
                    CAST(CASE WHEN ingests.corrected = 0 THEN 0 WHEN ingests.accepted = 0 THEN 1
                              WHEN EXISTS (SELECT 1 FROM facts AS earlier
                                           WHERE earlier.subject = facts.subject AND earlier.key = facts.key
                                             AND earlier.seq < facts.seq) THEN 1
                              ELSE 0 END AS BIGINT)
             FROM facts LEFT JOIN ingests ON ingests.recorded_at = facts.recorded_at
             WHERE facts.seq >= ?1 AND facts.seq < ?2 ORDER BY facts.seq",
        )?;
        let mut rows = statement.query_in_parts(supply.facts)?;
        while let Some(row) = rows.next()? {
            let class: i64 = row.get(1)?;
            let stored = dictionary
                .stored(class)
                .ok_or_else(|| Error::corrupt(format!("a fact of class {class}, which is not recorded")))?;
            let supplied = Supplied {
                recorded_at: Moment(row.get(0)?),
                code: stored.code,
                occurred_on: Date::from_days(row.get(2)?),
                corrects: number(row, 4)? > 0,
                body: row.get(3)?,
            };
            if !each(supplied) {
                break;
            }
        }
        Ok(())
    }

    /// Tells `each` of the rows that were kept aside, in the order they were, until it has heard enough and gives false.
    ///
    /// # Errors
    /// As [`Snapshot::supply`].
    pub fn each_kept_aside(&self, supply: &Supply, mut each: impl FnMut(Quarantined) -> bool) -> Result<()> {
        let (first, end) = (self.first(ASIDE, supply.from)?, self.first(ASIDE, supply.until)?);
        let mut statement = self
            .connection()
            .prepare_cached(&format!("{} WHERE id >= ?1 AND id < ?2 ORDER BY id", quarantine::SELECT))?;
        let mut rows = statement.query_in_parts((first, end))?;
        while let Some(row) = rows.next()? {
            if !each(quarantine::quarantined(row)?) {
                break;
            }
        }
        Ok(())
    }

    fn first_fact(&self, at: Moment) -> Result<i64> {
        self.first(FACTS, at)
    }

    /// The number of the first row recorded at a moment or later; one past the last when there is none.
    fn first(&self, numbered: Numbered, at: Moment) -> Result<i64> {
        let last: Option<i64> =
            self.connection().prepare_cached(numbered.last)?.query_row([], |row| row.get(0))?;
        let (mut low, mut high) = (1, last.unwrap_or(0) + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.recorded_from(numbered, middle)? {
                Some((found, recorded_at)) if recorded_at < at => low = found + 1,
                Some(_) | None => high = middle,
            }
        }
        Ok(low)
    }

    /// The first row with this number or a higher one, and when it was recorded.
    fn recorded_from(&self, numbered: Numbered, from: i64) -> Result<Option<(i64, Moment)>> {
        let mut statement = self.connection().prepare_cached(numbered.from)?;
        let found = statement.query_row([from], |row| Ok((row.get(0)?, Moment(row.get(1)?))));
        Ok(found.optional()?)
    }
}

/// How rows of a table are found by the order they were recorded in.
#[derive(Clone, Copy)]
struct Numbered {
    last: &'static str,
    from: &'static str,
}

const FACTS: Numbered = Numbered {
    last: "SELECT max(seq) FROM facts",
    from: "SELECT seq, recorded_at FROM facts WHERE seq >= ?1 ORDER BY seq LIMIT 1",
};

const ASIDE: Numbered = Numbered {
    last: "SELECT max(id) FROM quarantine",
    from: "SELECT id, recorded_at FROM quarantine WHERE id >= ?1 ORDER BY id LIMIT 1",
};
