//! What a directory of subjects in memory is made from, and what it is held against.
//!
//! The tables behind it only grow and number their rows without gaps, so whoever asks for the rows past the last ones
//! seen has seen them all.

use hengxin_core::industry::IndustryCode;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;

use crate::db::OptionalExtension;
use crate::error::{Error, Result};
use crate::identity::stored_code;
use crate::name::normalise;
use crate::snapshot::Snapshot;
use crate::subjects::{SUBJECT, SubjectEntry, entries};

/// The last rows a directory has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectoryMark {
    subject: i64,
    name: i64,
    registration: i64,
}

/// Something a directory takes note of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted<'r> {
    /// There is such a subject.
    Subject,
    /// It was called this, as [`normalise`] writes names.
    Name(&'r str),
    /// It was registered there.
    Place(Option<RegionCode>, Option<IndustryCode>),
}

impl Snapshot {
    /// Tells `note` of every subject, name and place recorded past `mark`, whatever the moment of the snapshot; gives
    /// the mark to go on from.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and engine failures; so for all reads below.
    pub fn note_subjects(
        &self,
        mark: DirectoryMark,
        mut note: impl FnMut(Uscc, Noted<'_>),
    ) -> Result<DirectoryMark> {
        let mut mark = mark;
        let mut statement =
            self.connection().prepare_cached("SELECT id, code FROM subjects WHERE id > ?1 ORDER BY id")?;
        let mut rows = statement.query_in_parts([mark.subject])?;
        while let Some(row) = rows.next()? {
            mark.subject = row.get(0)?;
            note(stored_code(row.get::<&str>(1)?)?, Noted::Subject);
        }
        drop(rows);
        let mut statement = self.connection().prepare_cached(
            "SELECT identities.id, code, normalised FROM identities JOIN subjects ON subjects.id = subject
             WHERE identities.id > ?1 ORDER BY identities.id",
        )?;
        let mut rows = statement.query_in_parts([mark.name])?;
        while let Some(row) = rows.next()? {
            mark.name = row.get(0)?;
            note(stored_code(row.get::<&str>(1)?)?, Noted::Name(row.get(2)?));
        }
        drop(rows);
        let mut statement = self.connection().prepare_cached(
            "SELECT registrations.seq, code, region, industry FROM registrations
             JOIN facts ON facts.seq = registrations.seq JOIN subjects ON subjects.id = facts.subject
             WHERE registrations.seq > ?1 ORDER BY registrations.seq",
        )?;
        let mut rows = statement.query_in_parts([mark.registration])?;
        while let Some(row) = rows.next()? {
            mark.registration = row.get(0)?;
            let region: Option<u32> = row.get(2)?;
            let region = region
                .map(RegionCode::from_digits)
                .transpose()
                .map_err(|error| Error::corrupt(format!("region of fact {}: {error}", mark.registration)))?;
            let industry: Option<&str> = row.get(3)?;
            let industry = industry.map(str::parse).transpose().map_err(|error| {
                Error::corrupt(format!("industry of fact {}: {error}", mark.registration))
            })?;
            note(stored_code(row.get::<&str>(1)?)?, Noted::Place(region, industry));
        }
        Ok(mark)
    }

    /// The subject with this code if [`Snapshot::search`] for `text` would find it.
    ///
    /// # Errors
    /// As [`Snapshot::note_subjects`].
    pub fn found(&self, code: Uscc, text: &str) -> Result<Option<SubjectEntry>> {
        let text = normalise(text);
        let mut statement = self.connection().prepare_cached(&format!(
            "{SUBJECT} AND code = ?2
             AND ((code >= ?3 AND code < ?3 || '~') OR EXISTS (
                SELECT 1 FROM identities
                WHERE identities.subject = subjects.id AND instr(normalised, ?3) > 0
                  AND identities.recorded_at <= ?1))"
        ))?;
        let rows = statement.query((self.known_at().0, code.as_str(), text))?;
        Ok(entries(rows)?.pop())
    }

    /// The present tier of a subject in a field; `None` when none was decided, `Some(None)` when the policy gave none.
    ///
    /// # Errors
    /// As [`Snapshot::note_subjects`].
    pub fn present_tier(&self, subject: Uscc, field: &str) -> Result<Option<Option<u16>>> {
        let mut statement = self.connection().prepare_cached(
            "SELECT tier FROM current_tiers
             WHERE subject = (SELECT id FROM subjects WHERE code = ?1) AND field = ?2",
        )?;
        Ok(statement.query_row((subject.as_str(), field), |row| row.get(0)).optional()?)
    }

    /// The subjects whose present tier in a field is this one, by code, if they are at most `few`.
    ///
    /// # Errors
    /// As [`Snapshot::note_subjects`].
    pub fn few_in_tier(&self, field: &str, tier: u16, few: usize) -> Result<Option<Vec<Uscc>>> {
        let limit = i64::try_from(few).unwrap_or(i64::MAX - 1);
        // Counted in the index alone, no further than it matters.
        let count: i64 = self
            .connection()
            .prepare_cached(
                "SELECT count(*) FROM (SELECT 1 FROM current_tiers WHERE field = ?1 AND tier = ?2 LIMIT ?3) AS counted",
            )?
            .query_row((field, tier, limit + 1), |row| row.get(0))?;
        if count > limit {
            return Ok(None);
        }
        let mut statement = self.connection().prepare_cached(
            "SELECT code FROM current_tiers JOIN subjects ON subjects.id = subject
             WHERE field = ?1 AND tier = ?2 ORDER BY code",
        )?;
        let mut rows = statement.query((field, tier))?;
        let mut codes = Vec::new();
        while let Some(row) = rows.next()? {
            codes.push(stored_code(row.get::<&str>(0)?)?);
        }
        Ok(Some(codes))
    }
}
