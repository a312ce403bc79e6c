//! Evaluations and tier decisions: recorded with the digests of what they were computed from.
//!
//! The ledger does not understand them: a body is bytes, the columns beside it are what lists are filtered by.
//! Results are not facts: recording one does not move the moment facts are known at, so asking the same question
//! twice gives the same bytes, and stores them once.

use hengxin_core::date::{Date, Moment};
use hengxin_core::industry::IndustryCode;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;

use crate::db::{Connection, OptionalExtension, Row};
use crate::error::{Error, Result};
use crate::identity::stored_code;
use crate::snapshot::Snapshot;

/// One evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationRecord {
    /// Whom it is about.
    pub subject: Uscc,
    /// Id of the standard.
    pub standard: String,
    /// Its edition.
    pub edition: String,
    /// SHA-256 of the standard.
    pub standard_digest: [u8; 32],
    /// The day it speaks of.
    pub as_of: Date,
    /// The effective moment of the snapshot it was computed from.
    pub known_at: Moment,
    /// Digest of the files it was computed from, see [`crate::OwnedFile::digest`].
    pub facts_digest: [u8; 32],
    /// `graded`, `not-eligible`, `cannot-score` …, as the caller names outcomes.
    pub outcome: String,
    /// Score in ten-thousandths of a point; `None` when there is none.
    pub score: Option<i64>,
    /// Grade; `None` when there is none.
    pub grade: Option<String>,
    /// First day on which the result can change without a new fact; `None` when never.
    pub horizon: Option<Date>,
    /// The whole evaluation, as the caller encodes it.
    pub body: Vec<u8>,
}

/// One tier decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierRecord {
    /// Whom it is about.
    pub subject: Uscc,
    /// Field of supervision.
    pub field: String,
    /// Id of the tier policy.
    pub policy: String,
    /// Its edition.
    pub edition: String,
    /// SHA-256 of the policy.
    pub policy_digest: [u8; 32],
    /// The day it speaks of.
    pub as_of: Date,
    /// The effective moment of the snapshot it was computed from.
    pub known_at: Moment,
    /// The tier, from 1; `None` when the policy gives none.
    pub tier: Option<u16>,
    /// The public evaluation it rests on.
    pub public: Option<EvaluationRef>,
    /// The industry's own evaluation it rests on.
    pub industry: Option<EvaluationRef>,
    /// Region the subject is registered in on that day, for lists.
    pub region: Option<RegionCode>,
    /// Industry the subject is registered in on that day, for lists.
    pub industry_code: Option<IndustryCode>,
    /// The whole decision, as the caller encodes it.
    pub body: Vec<u8>,
}

/// Which evaluation a decision rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvaluationRef {
    /// One on file, by id.
    Stored(u64),
    /// One recorded together with it, by its index in [`Results::evaluations`].
    Together(usize),
}

/// Evaluations and decisions recorded in one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// Evaluations.
    pub evaluations: Vec<EvaluationRecord>,
    /// Decisions.
    pub tiers: Vec<TierRecord>,
}

/// The ids results were recorded under, in the order they were handed in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Evaluation ids.
    pub evaluations: Vec<u64>,
    /// Decision ids.
    pub tiers: Vec<u64>,
}

/// A recorded result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<T> {
    /// Its id.
    pub id: u64,
    /// When it was recorded.
    pub recorded_at: Moment,
    /// What was recorded.
    pub record: T,
}

/// Which current decisions to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TierFilter {
    /// Field of supervision.
    pub field: String,
    /// Only this tier.
    pub tier: Option<u16>,
    /// Only subjects registered within this region.
    pub region: Option<RegionCode>,
    /// Only subjects of this industry.
    pub industry: Option<IndustryCode>,
}

impl TierFilter {
    /// Whether a subject registered there is listed.
    pub fn admits(&self, region: Option<RegionCode>, industry: Option<IndustryCode>) -> bool {
        let within = self.region.is_none_or(|wanted| region.is_some_and(|found| wanted.contains(found)));
        within && self.industry.is_none_or(|wanted| industry.is_some_and(|found| wanted.contains(found)))
    }
}

pub(crate) fn record(connection: &Connection, moment: Moment, results: &Results) -> Result<Recorded> {
    let mut recorded = Recorded::default();
    for evaluation in &results.evaluations {
        let subject = subject_id(connection, evaluation.subject)?;
        let id = match find_evaluation(connection, subject, evaluation)? {
            Some(id) => id,
            None => insert_evaluation(connection, moment, subject, evaluation)?,
        };
        recorded.evaluations.push(unsigned(id));
    }
    for tier in &results.tiers {
        let subject = subject_id(connection, tier.subject)?;
        let resolve = |reference: Option<EvaluationRef>| match reference {
            Some(EvaluationRef::Stored(id)) => Some(signed(id)),
            Some(EvaluationRef::Together(index)) => recorded.evaluations.get(index).map(|id| signed(*id)),
            None => None,
        };
        let (public, industry) = (resolve(tier.public), resolve(tier.industry));
        let id = match find_tier(connection, subject, tier)? {
            Some(id) => id,
            None => insert_tier(connection, moment, subject, tier, public, industry)?,
        };
        recorded.tiers.push(unsigned(id));
    }
    Ok(recorded)
}

fn subject_id(connection: &Connection, subject: Uscc) -> Result<i64> {
    connection
        .prepare_cached("SELECT id FROM subjects WHERE code = ?1")?
        .query_row([subject.as_str()], |row| row.get(0))
        .optional()?
        .ok_or_else(|| Error::UnknownSubject { subject: subject.to_string() })
}

fn find_evaluation(connection: &Connection, subject: i64, e: &EvaluationRecord) -> Result<Option<i64>> {
    let mut statement = connection.prepare_cached(
        "SELECT id FROM evaluations
         WHERE subject = ?1 AND standard = ?2 AND as_of = ?3 AND known_at = ?4 AND edition = ?5
           AND standard_digest = ?6 AND facts_digest = ?7 AND outcome = ?8 AND score IS NOT DISTINCT FROM ?9
           AND grade IS NOT DISTINCT FROM ?10 AND horizon IS NOT DISTINCT FROM ?11 AND body = ?12
         ORDER BY id LIMIT 1",
    )?;
    let found = statement.query_row(
        (
            subject,
            &e.standard,
            e.as_of.days(),
            e.known_at.0,
            &e.edition,
            e.standard_digest,
            e.facts_digest,
            &e.outcome,
            e.score,
            &e.grade,
            e.horizon.map(Date::days),
            &e.body,
        ),
        |row| row.get(0),
    );
    Ok(found.optional()?)
}

fn insert_evaluation(
    connection: &Connection,
    moment: Moment,
    subject: i64,
    e: &EvaluationRecord,
) -> Result<i64> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO evaluations (recorded_at, subject, standard, edition, standard_digest, as_of, known_at,
                                  facts_digest, outcome, score, grade, horizon, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    Ok(statement.insert((
        moment.0,
        subject,
        &e.standard,
        &e.edition,
        e.standard_digest,
        e.as_of.days(),
        e.known_at.0,
        e.facts_digest,
        &e.outcome,
        e.score,
        &e.grade,
        e.horizon.map(Date::days),
        &e.body,
    ))?)
}

fn find_tier(connection: &Connection, subject: i64, t: &TierRecord) -> Result<Option<i64>> {
    let mut statement = connection.prepare_cached(
        "SELECT id FROM tiers
         WHERE subject = ?1 AND field = ?2 AND as_of = ?3 AND known_at = ?4 AND policy = ?5 AND edition = ?6
           AND policy_digest = ?7 AND tier IS NOT DISTINCT FROM ?8 AND body = ?9
         ORDER BY id LIMIT 1",
    )?;
    let found = statement.query_row(
        (
            subject,
            &t.field,
            t.as_of.days(),
            t.known_at.0,
            &t.policy,
            &t.edition,
            t.policy_digest,
            t.tier,
            &t.body,
        ),
        |row| row.get(0),
    );
    Ok(found.optional()?)
}

fn insert_tier(
    connection: &Connection,
    moment: Moment,
    subject: i64,
    t: &TierRecord,
    public: Option<i64>,
    industry: Option<i64>,
) -> Result<i64> {
    let region = t.region.map(RegionCode::digits);
    let industry_code = t.industry_code.map(|code| code.to_string());
    let mut statement = connection.prepare_cached(
        "INSERT INTO tiers (recorded_at, subject, field, policy, edition, policy_digest, as_of, known_at, tier,
                            public_evaluation, industry_evaluation, region, industry, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    let id = statement.insert((
        moment.0,
        subject,
        &t.field,
        &t.policy,
        &t.edition,
        t.policy_digest,
        t.as_of.days(),
        t.known_at.0,
        t.tier,
        public,
        industry,
        region,
        &industry_code,
        &t.body,
    ))?;
    // A replay of an earlier day or an earlier state of knowledge is history, not the present.
    let mut present = connection.prepare_cached(
        "INSERT INTO current_tiers (subject, field, decision, tier, region, industry)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (subject, field) DO UPDATE
         SET decision = excluded.decision, tier = excluded.tier, region = excluded.region,
             industry = excluded.industry
         WHERE (SELECT (as_of, known_at) <= (?7, ?8) FROM tiers WHERE id = current_tiers.decision)",
    )?;
    present.execute((subject, &t.field, id, t.tier, region, &industry_code, t.as_of.days(), t.known_at.0))?;
    Ok(id)
}

const EVALUATION: &str = "SELECT evaluations.id, evaluations.recorded_at, subjects.code, standard, edition,
        standard_digest, as_of, known_at, facts_digest, outcome, score, grade, horizon, body
    FROM evaluations JOIN subjects ON subjects.id = evaluations.subject";

const TIER: &str = "SELECT tiers.id, tiers.recorded_at, subjects.code, tiers.field, policy, edition, policy_digest,
        as_of, known_at, tiers.tier, public_evaluation, industry_evaluation, tiers.region, tiers.industry, body
    FROM tiers JOIN subjects ON subjects.id = tiers.subject";

impl Snapshot {
    /// The evaluation with this id.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and engine failures; so for all reads below.
    pub fn evaluation(&self, id: u64) -> Result<Option<Stored<EvaluationRecord>>> {
        let mut statement =
            self.connection().prepare_cached(&format!("{EVALUATION} WHERE evaluations.id = ?1"))?;
        let mut rows = statement.query([signed(id)])?;
        rows.next()?.map(read_evaluation).transpose()
    }

    /// The id of an evaluation that is on file byte for byte, so that it need not be written again.
    ///
    /// # Errors
    /// As [`Snapshot::evaluation`].
    pub fn evaluation_like(&self, record: &EvaluationRecord) -> Result<Option<u64>> {
        let Some(subject) = self.subject_id(record.subject)? else { return Ok(None) };
        Ok(find_evaluation(self.connection(), subject, record)?.map(unsigned))
    }

    /// The id of a decision that is on file byte for byte.
    ///
    /// # Errors
    /// As [`Snapshot::evaluation`].
    pub fn tier_like(&self, record: &TierRecord) -> Result<Option<u64>> {
        let Some(subject) = self.subject_id(record.subject)? else { return Ok(None) };
        Ok(find_tier(self.connection(), subject, record)?.map(unsigned))
    }

    /// Evaluations of a subject, newest first, before the one with id `before`, at most `limit`.
    ///
    /// # Errors
    /// As [`Snapshot::evaluation`].
    pub fn evaluations(
        &self,
        subject: Uscc,
        standard: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Stored<EvaluationRecord>>> {
        let Some(subject) = self.subject_id(subject)? else { return Ok(Vec::new()) };
        let mut statement = self.connection().prepare_cached(&format!(
            "{EVALUATION} WHERE evaluations.subject = ?1 AND (?2 IS NULL OR standard = ?2) AND evaluations.id < ?3
             ORDER BY evaluations.id DESC LIMIT ?4"
        ))?;
        let before = before.map_or(i64::MAX, signed);
        let mut rows =
            statement.query((subject, standard, before, i64::try_from(limit).unwrap_or(i64::MAX)))?;
        let mut list = Vec::new();
        while let Some(row) = rows.next()? {
            list.push(read_evaluation(row)?);
        }
        Ok(list)
    }

    /// The present tier of a subject in a field.
    ///
    /// # Errors
    /// As [`Snapshot::evaluation`].
    pub fn current_tier(&self, subject: Uscc, field: &str) -> Result<Option<Stored<TierRecord>>> {
        let Some(subject) = self.subject_id(subject)? else { return Ok(None) };
        let mut statement = self.connection().prepare_cached(&format!(
            "{TIER} WHERE tiers.id = (SELECT decision FROM current_tiers WHERE subject = ?1 AND field = ?2)"
        ))?;
        let mut rows = statement.query((subject, field))?;
        rows.next()?.map(read_tier).transpose()
    }

    /// The decision with this id.
    ///
    /// # Errors
    /// As [`Snapshot::evaluation`].
    pub fn tier(&self, id: u64) -> Result<Option<Stored<TierRecord>>> {
        let mut statement = self.connection().prepare_cached(&format!("{TIER} WHERE tiers.id = ?1"))?;
        let mut rows = statement.query([signed(id)])?;
        rows.next()?.map(read_tier).transpose()
    }

    /// Present tiers of a field, in the order subjects entered the ledger, after `after`, at most `limit`.
    ///
    /// # Errors
    /// As [`Snapshot::evaluation`].
    pub fn current_tiers(
        &self,
        filter: &TierFilter,
        after: Option<Uscc>,
        limit: usize,
    ) -> Result<Vec<Stored<TierRecord>>> {
        let after = match after {
            None => 0,
            // A token for a subject that is gone cannot be: subjects are never removed.
            Some(code) => self.subject_id(code)?.unwrap_or(0),
        };
        let mut statement = self.connection().prepare_cached(&format!(
            "{TIER} JOIN current_tiers ON current_tiers.decision = tiers.id
             WHERE current_tiers.field = ?1 AND (?2 IS NULL OR current_tiers.tier = ?2)
               AND current_tiers.subject > ?3
             ORDER BY current_tiers.subject"
        ))?;
        let mut rows = statement.query_in_parts((&filter.field, filter.tier, after))?;
        let mut list = Vec::new();
        while list.len() < limit {
            let Some(row) = rows.next()? else { break };
            let found = read_tier(row)?;
            if filter.admits(found.record.region, found.record.industry_code) {
                list.push(found);
            }
        }
        Ok(list)
    }

    /// Decisions recorded after the one with id `after`, oldest first, at most `limit`: what watchers ask for.
    ///
    /// # Errors
    /// As [`Snapshot::evaluation`].
    pub fn tiers_after(&self, after: u64, limit: usize) -> Result<Vec<Stored<TierRecord>>> {
        let mut statement = self
            .connection()
            .prepare_cached(&format!("{TIER} WHERE tiers.id > ?1 ORDER BY tiers.id LIMIT ?2"))?;
        let mut rows = statement.query((signed(after), i64::try_from(limit).unwrap_or(i64::MAX)))?;
        let mut list = Vec::new();
        while let Some(row) = rows.next()? {
            list.push(read_tier(row)?);
        }
        Ok(list)
    }

    /// The decision that was the present one when `decision` was recorded; `None` when it is the first of its subject
    /// and field.
    ///
    /// # Errors
    /// As [`Snapshot::evaluation`].
    pub fn tier_before(&self, decision: &Stored<TierRecord>) -> Result<Option<Stored<TierRecord>>> {
        let Some(subject) = self.subject_id(decision.record.subject)? else { return Ok(None) };
        let mut statement = self.connection().prepare_cached(&format!(
            "{TIER} WHERE tiers.subject = ?1 AND tiers.field = ?2 AND tiers.id < ?3
             ORDER BY as_of DESC, known_at DESC, tiers.id DESC LIMIT 1"
        ))?;
        let mut rows = statement.query((subject, &decision.record.field, signed(decision.id)))?;
        rows.next()?.map(read_tier).transpose()
    }

    /// The id of the last decision; 0 when there is none. Where a watcher starts.
    ///
    /// # Errors
    /// As [`Snapshot::evaluation`].
    pub fn last_tier(&self) -> Result<u64> {
        let last: Option<i64> =
            self.connection().prepare_cached("SELECT max(id) FROM tiers")?.query_row([], |row| row.get(0))?;
        Ok(last.map_or(0, unsigned))
    }
}

fn read_evaluation(row: Row<'_>) -> Result<Stored<EvaluationRecord>> {
    Ok(Stored {
        id: unsigned(row.get(0)?),
        recorded_at: Moment(row.get(1)?),
        record: EvaluationRecord {
            subject: stored_code(row.get::<&str>(2)?)?,
            standard: row.get(3)?,
            edition: row.get(4)?,
            standard_digest: row.get(5)?,
            as_of: Date::from_days(row.get(6)?),
            known_at: Moment(row.get(7)?),
            facts_digest: row.get(8)?,
            outcome: row.get(9)?,
            score: row.get(10)?,
            grade: row.get(11)?,
            horizon: row.get::<Option<i32>>(12)?.map(Date::from_days),
            body: row.get(13)?,
        },
    })
}

fn read_tier(row: Row<'_>) -> Result<Stored<TierRecord>> {
    let evaluation = |id: Option<i64>| id.map(|id| EvaluationRef::Stored(unsigned(id)));
    let region: Option<u32> = row.get(12)?;
    let industry = row.get::<Option<&str>>(13)?;
    Ok(Stored {
        id: unsigned(row.get(0)?),
        recorded_at: Moment(row.get(1)?),
        record: TierRecord {
            subject: stored_code(row.get::<&str>(2)?)?,
            field: row.get(3)?,
            policy: row.get(4)?,
            edition: row.get(5)?,
            policy_digest: row.get(6)?,
            as_of: Date::from_days(row.get(7)?),
            known_at: Moment(row.get(8)?),
            tier: row.get(9)?,
            public: evaluation(row.get(10)?),
            industry: evaluation(row.get(11)?),
            region: region
                .map(RegionCode::from_digits)
                .transpose()
                .map_err(|error| Error::corrupt(format!("region of a tier: {error}")))?,
            industry_code: industry
                .map(str::parse)
                .transpose()
                .map_err(|error| Error::corrupt(format!("industry of a tier: {error}")))?,
            body: row.get(14)?,
        },
    })
}

fn signed(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

fn unsigned(id: i64) -> u64 {
    u64::try_from(id).unwrap_or(0)
}
