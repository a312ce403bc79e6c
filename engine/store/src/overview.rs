//! How many are in which tier: the figures of an overview, counted from the tiers on record or from a loaded run.
//!
//! What is counted is kept as finely as it is stored, by region, industry, tier and grade, so that one pass over a
//! million rows answers every question about a part of them.

use std::collections::HashMap;

use hengxin_core::industry::IndustryCode;
use hengxin_core::region::RegionCode;

use crate::db::{Connection, Row};
use crate::error::{Error, Result};
use crate::run::LoadedRun;
use crate::snapshot::Snapshot;
use crate::words::number;

/// How many subjects are alike in everything an overview shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierCount {
    /// Region they are registered in.
    pub region: Option<RegionCode>,
    /// Their industry.
    pub industry: Option<IndustryCode>,
    /// Their tier; `None` when the policy gives none.
    pub tier: Option<u16>,
    /// Grade of the public evaluation: a place in [`GradedCounts::grades`].
    pub public_grade: Option<u16>,
    /// Grade of the industry's own evaluation, likewise.
    pub industry_grade: Option<u16>,
    /// How many.
    pub count: u64,
}

/// Counts, and the grades they speak of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GradedCounts {
    /// Counts in no particular order; no two are alike.
    pub counts: Vec<TierCount>,
    /// Ids of grades.
    pub grades: Vec<String>,
}

/// How many subjects of one region and industry moved from one tier to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierMove {
    /// Region they are registered in.
    pub region: Option<RegionCode>,
    /// Their industry.
    pub industry: Option<IndustryCode>,
    /// Tier before; `None` for none, and for subjects that were not there.
    pub from: Option<u16>,
    /// Tier now; `None` for none, and for subjects that are no longer there.
    pub to: Option<u16>,
    /// How many.
    pub count: u64,
}

impl Snapshot {
    /// The present tiers of a field, counted. They have no grades.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and engine failures; so for all counts below.
    pub fn count_tiers(&self, field: &str) -> Result<GradedCounts> {
        // A server counts and sends few rows; a file is counted here, because it would sort all rows first.
        let sql = match self.connection() {
            Connection::Sqlite(_) => {
                "SELECT region, industry, tier, NULL, NULL, 1 FROM current_tiers WHERE field = ?1"
            }
            Connection::Postgres(_) => {
                "SELECT region, industry, tier, CAST(NULL AS TEXT), CAST(NULL AS TEXT), count(*) FROM current_tiers
                 WHERE field = ?1 GROUP BY region, industry, tier"
            }
        };
        let mut statement = self.connection().prepare_cached(sql)?;
        let mut rows = statement.query_in_parts([field])?;
        let mut tally = Tally::default();
        while let Some(row) = rows.next()? {
            tally.add(row)?;
        }
        Ok(tally.finish())
    }

    /// The tiers of a loaded run, counted. The run must come from this snapshot.
    ///
    /// # Errors
    /// As [`Snapshot::count_tiers`].
    pub fn count_run_tiers(&self, run: &LoadedRun) -> Result<GradedCounts> {
        let sql = match self.connection() {
            Connection::Sqlite(_) => {
                "SELECT region, industry, tier, public_grade, industry_grade, 1 FROM run_tiers WHERE load = ?1"
            }
            Connection::Postgres(_) => {
                "SELECT region, industry, tier, public_grade, industry_grade, count(*) FROM run_tiers
                 WHERE load = ?1 GROUP BY region, industry, tier, public_grade, industry_grade"
            }
        };
        let mut statement = self.connection().prepare_cached(sql)?;
        let mut rows = statement.query_in_parts([run.load])?;
        let mut tally = Tally::default();
        while let Some(row) = rows.next()? {
            tally.add(row)?;
        }
        Ok(tally.finish())
    }

    /// What a loaded run changed against the run before it in its field, counted. Nothing when it is the first there.
    ///
    /// # Errors
    /// As [`Snapshot::count_tiers`].
    pub fn count_run_moves(&self, run: &LoadedRun) -> Result<Vec<TierMove>> {
        let before = "SELECT 1 FROM publications AS earlier JOIN publications AS this ON this.load = ?1
             WHERE earlier.field = this.field AND earlier.id < this.id LIMIT 1";
        if !self.connection().prepare_cached(before)?.exists([run.load])? {
            return Ok(Vec::new());
        }
        // Who comes or goes without a tier has not moved.
        let mut statement = self.connection().prepare_cached(
            "SELECT region, industry, before, now, count(*) FROM run_changes
             WHERE load = ?1 AND before IS DISTINCT FROM now GROUP BY region, industry, before, now",
        )?;
        let mut rows = statement.query_in_parts([run.load])?;
        let mut moves = Vec::new();
        let mut industries = Industries::default();
        while let Some(row) = rows.next()? {
            moves.push(TierMove {
                region: region(row, 0)?,
                industry: industries.of(row, 1)?,
                from: row.get(2)?,
                to: row.get(3)?,
                count: number(row, 4)?,
            });
        }
        Ok(moves)
    }
}

/// Everything two subjects may differ in, see [`TierCount`].
type Alike = (Option<RegionCode>, Option<IndustryCode>, Option<u16>, Option<u16>, Option<u16>);

#[derive(Default)]
struct Tally {
    counts: HashMap<Alike, u64>,
    industries: Industries,
    grades: Vec<String>,
}

impl Tally {
    fn add(&mut self, row: Row<'_>) -> Result<()> {
        let alike = (
            region(row, 0)?,
            self.industries.of(row, 1)?,
            row.get(2)?,
            self.grade(row.get(3)?)?,
            self.grade(row.get(4)?)?,
        );
        *self.counts.entry(alike).or_default() += number(row, 5)?;
        Ok(())
    }

    fn grade(&mut self, id: Option<&str>) -> Result<Option<u16>> {
        let Some(id) = id else { return Ok(None) };
        // Schemes have a handful of grades.
        let place = match self.grades.iter().position(|known| known == id) {
            Some(place) => place,
            None => {
                self.grades.push(id.to_owned());
                self.grades.len() - 1
            }
        };
        let place =
            u16::try_from(place).map_err(|_| Error::corrupt("a run with more grades than there are"))?;
        Ok(Some(place))
    }

    fn finish(self) -> GradedCounts {
        let counts = self.counts.into_iter();
        let counts = counts.map(|((region, industry, tier, public_grade, industry_grade), count)| {
            TierCount { region, industry, tier, public_grade, industry_grade, count }
        });
        GradedCounts { counts: counts.collect(), grades: self.grades }
    }
}

/// Codes of industries as read before: reading one anew costs more than finding it.
#[derive(Default)]
struct Industries(HashMap<Box<str>, IndustryCode>);

impl Industries {
    fn of(&mut self, row: Row<'_>, column: usize) -> Result<Option<IndustryCode>> {
        let Some(text) = row.get::<Option<&str>>(column)? else { return Ok(None) };
        if let Some(code) = self.0.get(text) {
            return Ok(Some(*code));
        }
        let code =
            text.parse().map_err(|error| Error::corrupt(format!("industry of a tier `{text}`: {error}")))?;
        self.0.insert(text.into(), code);
        Ok(Some(code))
    }
}

fn region(row: Row<'_>, column: usize) -> Result<Option<RegionCode>> {
    let digits: Option<u32> = row.get(column)?;
    digits
        .map(RegionCode::from_digits)
        .transpose()
        .map_err(|error| Error::corrupt(format!("region of a tier: {error}")))
}
