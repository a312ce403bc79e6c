//! The tiers of loaded runs.

use hengxin_core::date::{Date, Moment};
use hengxin_core::industry::IndustryCode;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;

use crate::db::{OptionalExtension, Row};
use crate::error::{Error, Result};
use crate::identity::stored_code;
use crate::results::TierFilter;
use crate::snapshot::Snapshot;
use crate::words::number;

/// What a run says about one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunTier {
    /// Whom it is about.
    pub subject: Uscc,
    /// Id of the tier policy.
    pub policy: String,
    /// Its edition.
    pub edition: String,
    /// SHA-256 of the policy.
    pub policy_digest: [u8; 32],
    /// The tier, from 1; `None` when the policy gives none.
    pub tier: Option<u16>,
    /// The tier in the run before; `None` when it had none.
    pub previous_tier: Option<u16>,
    /// Grade of the public evaluation.
    pub public_grade: Option<String>,
    /// Its score in ten-thousandths of a point.
    pub public_score: Option<i64>,
    /// Grade of the industry's own evaluation.
    pub industry_grade: Option<String>,
    /// Its score in ten-thousandths of a point.
    pub industry_score: Option<i64>,
    /// Region the subject is registered in on that day.
    pub region: Option<RegionCode>,
    /// Industry the subject is registered in on that day.
    pub industry: Option<IndustryCode>,
    /// First later day on which the tier can change without a new fact; `None` when never.
    pub horizon: Option<Date>,
}

/// The run whose tiers answer for a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedRun {
    pub(crate) load: i64,
    /// The run.
    pub run: u64,
    /// The field.
    pub field: String,
    /// The day it speaks of.
    pub as_of: Date,
    /// Facts recorded later were not looked at.
    pub known_at: Moment,
    /// SHA-256 of its manifest.
    pub manifest: [u8; 32],
    /// Subjects in it.
    pub rows: u64,
}

const ROW: &str =
    "SELECT subject, run_policies.policy, edition, digest, tier, previous_tier, public_grade, public_score,
        industry_grade, industry_score, region, industry, horizon
    FROM run_tiers JOIN run_policies ON run_policies.id = run_tiers.policy";

impl Snapshot {
    /// The run that is loaded for a field.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and engine failures; so for all reads below.
    pub fn loaded_run(&self, field: &str) -> Result<Option<LoadedRun>> {
        let mut statement = self.connection().prepare_cached(
            "SELECT load, publications.run, publications.field, as_of, known_at, manifest, rows
             FROM loaded_runs JOIN publications ON publications.id = publication
             JOIN run_states ON run_states.run = publications.run
             WHERE loaded_runs.field = ?1",
        )?;
        let found = statement.query_row([field], |row| {
            Ok(LoadedRun {
                load: row.get(0)?,
                run: number(row, 1)?,
                field: row.get(2)?,
                as_of: Date::from_days(row.get(3)?),
                known_at: Moment(row.get(4)?),
                manifest: row.get(5)?,
                rows: number(row, 6)?,
            })
        });
        Ok(found.optional()?)
    }

    /// What a loaded run says about a subject. The run must come from this snapshot.
    ///
    /// # Errors
    /// As [`Snapshot::loaded_run`].
    pub fn run_tier(&self, run: &LoadedRun, subject: Uscc) -> Result<Option<RunTier>> {
        let mut statement =
            self.connection().prepare_cached(&format!("{ROW} WHERE load = ?1 AND subject = ?2"))?;
        let mut rows = statement.query((run.load, subject.as_str()))?;
        rows.next()?.map(read).transpose()
    }

    /// Tiers of a loaded run in the order of their codes, after `after`, at most `limit`. The field of the filter is
    /// the run's.
    ///
    /// # Errors
    /// As [`Snapshot::loaded_run`].
    pub fn run_tiers(
        &self,
        run: &LoadedRun,
        filter: &TierFilter,
        after: Option<Uscc>,
        limit: usize,
    ) -> Result<Vec<RunTier>> {
        let mut statement = self.connection().prepare_cached(&format!(
            "{ROW} WHERE load = ?1 AND subject > ?2 AND (?3 IS NULL OR tier = ?3) ORDER BY subject"
        ))?;
        let after = after.map(|code| code.to_string()).unwrap_or_default();
        let mut rows = statement.query_in_parts((run.load, after, filter.tier))?;
        let mut list = Vec::new();
        while list.len() < limit {
            let Some(row) = rows.next()? else { break };
            let found = read(row)?;
            if filter.admits(found.region, found.industry) {
                list.push(found);
            }
        }
        Ok(list)
    }
}

fn read(row: Row<'_>) -> Result<RunTier> {
    Ok(RunTier {
        subject: stored_code(row.get::<&str>(0)?)?,
        policy: row.get(1)?,
        edition: row.get(2)?,
        policy_digest: row.get(3)?,
        tier: row.get(4)?,
        previous_tier: row.get(5)?,
        public_grade: row.get(6)?,
        public_score: row.get(7)?,
        industry_grade: row.get(8)?,
        industry_score: row.get(9)?,
        region: region(row, 10)?,
        industry: industry(row, 11)?,
        horizon: row.get::<Option<i32>>(12)?.map(Date::from_days),
    })
}

pub(super) fn region(row: Row<'_>, column: usize) -> Result<Option<RegionCode>> {
    let digits: Option<u32> = row.get(column)?;
    digits
        .map(RegionCode::from_digits)
        .transpose()
        .map_err(|error| Error::corrupt(format!("region of a run: {error}")))
}

pub(super) fn industry(row: Row<'_>, column: usize) -> Result<Option<IndustryCode>> {
    let text = row.get::<Option<&str>>(column)?;
    text.map(str::parse).transpose().map_err(|error| Error::corrupt(format!("industry of a run: {error}")))
}
