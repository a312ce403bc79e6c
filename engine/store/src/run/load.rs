//! Loading: the rows of a run come in part by part, and take effect in one transaction.
//!
//! A part is one transaction of bounded size that also counts the rows it brought: a load that was cut off goes on after
//! them, provided that the manifest is the same, since equal manifests give equal rows in equal order. Between parts
//! other writers have their turn. Nothing of a load shows before [`RunBook::publish`] names it.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use hengxin_core::date::Date;
use hengxin_core::region::RegionCode;

use super::book::{Claim, RunBook, signed};
use super::tiers::RunTier;
use crate::db::{self, OptionalExtension};
use crate::error::{Error, Result};
use crate::log::Bulk;
use crate::words::number;

/// Rows of one transaction: some tens of milliseconds.
const PART: i64 = 20_000;
/// Longest time a load stands back for others between two parts.
const STAND_BACK: Duration = Duration::from_secs(2);

/// Rows on their way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    id: i64,
    claim: Claim,
    manifest: [u8; 32],
    /// Rows that are in already: the caller leaves out as many at the beginning.
    pub rows: u64,
    policy: Option<(String, String, [u8; 32], i64)>,
}

impl Load {
    /// The number of a row's policy, when it is the one of the row before.
    fn policy_of(&self, row: &RunTier) -> Option<i64> {
        let (policy, edition, digest, id) = self.policy.as_ref()?;
        ((policy, edition, digest) == (&row.policy, &row.edition, &row.policy_digest)).then_some(*id)
    }
}

/// What a published run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Where the results lie.
    pub results: String,
    /// Counts as JSON.
    pub counts: String,
    /// Rows that must have been loaded.
    pub rows: u64,
}

/// Whether the tiers of a run answer questions from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// They do; so many differ from those before.
    Current {
        /// Number of changes.
        changes: u64,
    },
    /// A later run of the field is loaded: those stay.
    Superseded {
        /// That run.
        by: u64,
    },
}

impl RunBook {
    /// Begins the load of a run's results, or goes on with one that was cut off.
    ///
    /// # Errors
    /// [`Error::LockLost`], [`Error::RunCancelled`], and as [`RunBook::start`].
    pub fn load(&mut self, claim: &Claim, manifest: [u8; 32]) -> Result<Load> {
        self.sweep()?;
        self.transact(|book| {
            book.still_ours(claim)?;
            let found: Option<(i64, u64)> = book
                .connection
                .prepare_cached("SELECT id, rows FROM loads WHERE run = ?1 AND manifest = ?2")?
                .query_row((signed(claim.run.id), manifest), |row| Ok((row.get(0)?, number(row, 1)?)))
                .optional()?;
            let (id, rows) = match found {
                Some(found) => found,
                None => {
                    // Other results of the same run: swept away with the next load.
                    book.connection
                        .prepare_cached("DELETE FROM loads WHERE run = ?1")?
                        .execute([signed(claim.run.id)])?;
                    // Numbers of loads that are gone may still have rows, so they are not given again.
                    let id = book
                        .connection
                        .prepare_cached(
                            "INSERT INTO loads (id, run, manifest, rows) VALUES
                             ((SELECT 1 + coalesce(max(used), 0)
                               FROM (SELECT max(id) AS used FROM loads
                                     UNION ALL SELECT max(load) FROM publications
                                     UNION ALL SELECT max(load) FROM run_tiers) AS numbers), ?1, ?2, 0)",
                        )?
                        .insert((signed(claim.run.id), manifest))?;
                    (id, 0)
                }
            };
            Ok(Load { id, claim: claim.clone(), manifest, rows, policy: None })
        })
    }

    /// Takes rows in until they end. Fastest when they ascend by subject; correct in any order.
    ///
    /// # Errors
    /// [`Error::WrongResults`] for a subject that comes twice, [`Error::LockLost`], [`Error::RunCancelled`], and as
    /// [`RunBook::start`].
    pub fn add(&mut self, load: &mut Load, rows: &mut dyn Iterator<Item = RunTier>) -> Result<()> {
        loop {
            self.stand_back();
            // Taken before they are written: the part may have to be written again.
            let part: Vec<RunTier> = rows.take(usize::try_from(PART).unwrap_or(usize::MAX)).collect();
            let part = match self.transact(|book| book.add_part(load, &part)) {
                Err(Error::WrongResults { run, .. }) => {
                    let detail = self.doubled(load, &part)?;
                    return Err(Error::WrongResults { run, detail });
                }
                part => part?,
            };
            load.rows += part;
            if i64::try_from(part).unwrap_or(i64::MAX) < PART {
                return Ok(());
            }
        }
    }

    fn add_part(&mut self, load: &mut Load, rows: &[RunTier]) -> Result<u64> {
        self.still_ours(&load.claim)?;
        // Known from an attempt that was undone, its number may be another one's by now.
        load.policy = None;
        let mut added = 0u64;
        // Rows are queued: which of them the database refuses is looked for afterwards.
        let run = load.claim.run.id;
        let refused = |error: db::Error| {
            if error.is_constraint() {
                return Error::WrongResults { run, detail: String::new() };
            }
            error.into()
        };
        for row in rows {
            let policy = match load.policy_of(row) {
                Some(policy) => policy,
                None => {
                    self.connection.flush().map_err(refused)?;
                    self.policy(load, row)?
                }
            };
            self.connection
                .prepare_cached(
                    "INSERT INTO run_tiers (load, subject, policy, tier, previous_tier, public_grade, public_score,
                                            industry_grade, industry_score, region, industry, horizon)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                )?
                .queue((
                    load.id,
                    row.subject.as_str(),
                    policy,
                    row.tier,
                    row.previous_tier,
                    &row.public_grade,
                    row.public_score,
                    &row.industry_grade,
                    row.industry_score,
                    row.region.map(RegionCode::digits),
                    row.industry.map(|code| code.to_string()),
                    row.horizon.map(Date::days),
                ))
                .map_err(refused)?;
            added += 1;
        }
        self.connection.flush().map_err(refused)?;
        self.connection
            .prepare_cached("UPDATE loads SET rows = rows + ?2 WHERE id = ?1")?
            .execute((load.id, signed(added)))?;
        Ok(added)
    }

    /// Which subject comes twice: within these rows, or in these rows and before them.
    fn doubled(&self, load: &Load, rows: &[RunTier]) -> Result<String> {
        let mut before =
            self.connection.prepare_cached("SELECT 1 FROM run_tiers WHERE load = ?1 AND subject = ?2")?;
        let mut seen = HashSet::new();
        for row in rows {
            if !seen.insert(row.subject) || before.exists((load.id, row.subject.as_str()))? {
                return Ok(format!("`{}` comes twice, expected each subject once", row.subject));
            }
        }
        Ok("a subject comes twice, expected each subject once".to_owned())
    }

    fn policy(&self, load: &mut Load, row: &RunTier) -> Result<i64> {
        let key = (&row.policy, &row.edition, row.policy_digest);
        self.connection
            .prepare_cached(
                "INSERT INTO run_policies (policy, edition, digest) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            )?
            .execute(key)?;
        let id = self
            .connection
            .prepare_cached("SELECT id FROM run_policies WHERE policy = ?1 AND edition = ?2 AND digest = ?3")?
            .query_row(key, |row| row.get(0))?;
        load.policy = Some((row.policy.clone(), row.edition.clone(), row.policy_digest, id));
        Ok(id)
    }

    /// Publishes a loaded run whole: its tiers answer from now on unless a later run's do, its changes are there to be
    /// watched, it has succeeded, and its lock is free. All of it in one transaction.
    ///
    /// # Errors
    /// [`Error::WrongResults`] when the number of rows is another, [`Error::LockLost`], [`Error::RunCancelled`], and as
    /// [`RunBook::start`]. After an error nothing is published.
    pub fn publish(&mut self, load: Load, published: &Published) -> Result<Loaded> {
        let run = &load.claim.run;
        if load.rows != published.rows {
            return Err(Error::WrongResults {
                run: run.id,
                detail: format!("{} rows, expected {}", load.rows, published.rows),
            });
        }
        // One run at a time in a field: while the lock is held nobody else can publish, and what is loaded stays.
        let before = self.transact(|book| {
            book.still_ours(&load.claim)?;
            book.loaded(&run.field)
        })?;
        let later = before.filter(|(_, _, as_of, known_at)| {
            (*as_of, *known_at) > (i64::from(run.as_of.days()), run.known_at.0)
        });
        if later.is_none() {
            self.find_changes(&load, before.map_or(0, |(old, ..)| old))?;
        }
        let loaded = self.transact(|book| {
            book.still_ours(&load.claim)?;
            let loaded = match later {
                Some((_, by, ..)) => Loaded::Superseded { by },
                None => Loaded::Current { changes: book.flip(&load)? },
            };
            book.connection
                .prepare_cached(
                    "UPDATE run_states SET results = ?2, manifest = ?3, counts = ?4, done = ?5, total = ?5 WHERE run = ?1",
                )?
                .execute((
                    signed(run.id),
                    &published.results,
                    load.manifest,
                    &published.counts,
                    signed(load.rows),
                ))?;
            book.connection.prepare_cached("DELETE FROM loads WHERE id = ?1")?.execute([load.id])?;
            book.release(&load.claim)?;
            let detail = match loaded {
                Loaded::Current { .. } => String::new(),
                Loaded::Superseded { by } => format!("run {by}, of a later day or knowledge, keeps answering"),
            };
            book.end(run.id, super::record::RunState::Succeeded, &detail)?;
            Ok(loaded)
        })?;
        Ok(loaded)
    }

    /// Load, run, as-of and known-at of what is loaded for a field.
    fn loaded(&self, field: &str) -> Result<Option<(i64, u64, i64, i64)>> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT load, run, as_of, known_at FROM publications
                 WHERE id = (SELECT publication FROM loaded_runs WHERE field = ?1)",
            )?
            .query_row([field], |row| Ok((row.get(0)?, number(row, 1)?, row.get(2)?, row.get(3)?)))
            .optional()?)
    }

    /// Writes down what differs from the load `old`, part by part. Parts written before an interruption are the same
    /// ones, for a load that was cut off is measured against the same `old`, or else anew.
    fn find_changes(&mut self, load: &Load, old: i64) -> Result<()> {
        // Left over from an attempt that was cut off, perhaps against another load.
        while self.transact(|book| book.remove_part("run_changes", load.id))? > 0 {}
        for (select, of) in [
            (
                "SELECT ?1, n.subject, o.tier, n.tier, n.policy, n.region, n.industry
                 FROM run_tiers AS n LEFT JOIN run_tiers AS o ON o.load = ?2 AND o.subject = n.subject
                 WHERE n.load = ?1 AND n.subject > ?3 AND n.subject <= ?4
                   AND (o.subject IS NULL OR o.tier IS DISTINCT FROM n.tier)",
                load.id,
            ),
            (
                "SELECT ?1, o.subject, o.tier, NULL, NULL, o.region, o.industry FROM run_tiers AS o
                 WHERE o.load = ?2 AND o.subject > ?3 AND o.subject <= ?4
                   AND NOT EXISTS (SELECT 1 FROM run_tiers AS n WHERE n.load = ?1 AND n.subject = o.subject)",
                old,
            ),
        ] {
            let mut after = String::new();
            loop {
                self.stand_back();
                let last = self.transact(|book| {
                    book.still_ours(&load.claim)?;
                    let last: Option<String> = book
                        .connection
                        .prepare_cached(
                            "SELECT max(subject) FROM (SELECT subject FROM run_tiers WHERE load = ?1 AND subject > ?2
                             ORDER BY subject LIMIT ?3) AS part",
                        )?
                        .query_row((of, &after, PART), |row| row.get(0))?;
                    if let Some(last) = &last {
                        book.connection
                            .prepare_cached(&format!(
                                "INSERT INTO run_changes (load, subject, before, now, policy, region, industry) {select}"
                            ))?
                            .execute((load.id, old, &after, last))?;
                    }
                    Ok(last)
                })?;
                let Some(last) = last else { break };
                after = last;
            }
        }
        Ok(())
    }

    fn flip(&self, load: &Load) -> Result<u64> {
        let run = &load.claim.run;
        let changes = self
            .connection
            .prepare_cached("SELECT count(*) FROM run_changes WHERE load = ?1")?
            .query_row([load.id], |row| number(row, 0))?;
        let id = self
            .connection
            .prepare_cached(
                "INSERT INTO publications (load, run, field, as_of, known_at, published_at, after_decision, rows, changes)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, (SELECT coalesce(max(id), 0) FROM tiers), ?7, ?8)",
            )?
            .insert((
                load.id,
                signed(run.id),
                &run.field,
                run.as_of.days(),
                run.known_at.0,
                self.now().0,
                signed(load.rows),
                signed(changes),
            ))?;
        self.connection
            .prepare_cached(
                "INSERT INTO loaded_runs (field, publication) VALUES (?1, ?2)
                 ON CONFLICT (field) DO UPDATE SET publication = excluded.publication",
            )?
            .execute((&run.field, id))?;
        Bulk::Load.record(&self.connection, load.id)?;
        Bulk::Changes.record(&self.connection, load.id)?;
        Ok(changes)
    }

    /// Removes rows of loads that no longer answer, in parts, and changes of loads that never took effect. Cheap when
    /// there is nothing to remove. Gives the number of rows removed.
    ///
    /// # Errors
    /// As [`RunBook::start`].
    pub fn sweep(&mut self) -> Result<u64> {
        let mut removed = 0;
        for (table, kept) in [
            ("run_tiers", "SELECT load FROM publications JOIN loaded_runs ON publication = publications.id"),
            ("run_changes", "SELECT load FROM publications"),
        ] {
            while let Some(load) = self.transact(|book| book.superfluous(table, kept))? {
                loop {
                    self.stand_back();
                    let part = self.transact(|book| book.remove_part(table, load))?;
                    removed += part;
                    if part == 0 {
                        break;
                    }
                }
            }
        }
        Ok(removed)
    }

    /// A load with rows that nobody needs. A load on its way in is needed as long as its run is not over.
    fn superfluous(&self, table: &str, kept: &str) -> Result<Option<i64>> {
        self.connection
            .prepare_cached(
                "DELETE FROM loads WHERE run NOT IN (SELECT run FROM run_states WHERE state IN ('queued', 'running'))",
            )?
            .execute([])?;
        // From load to load along the key: a scan would read every row.
        let mut next = self
            .connection
            .prepare_cached(&format!("SELECT load FROM {table} WHERE load > ?1 ORDER BY load LIMIT 1"))?;
        let mut needed = self.connection.prepare_cached(&format!(
            "SELECT EXISTS (SELECT 1 FROM ({kept}) AS kept WHERE load = ?1) OR EXISTS (SELECT 1 FROM loads WHERE id = ?1)"
        ))?;
        let mut after = 0i64;
        while let Some(load) = next.query_row([after], |row| row.get::<i64>(0)).optional()? {
            if !needed.query_row([load], |row| row.get::<bool>(0))? {
                return Ok(Some(load));
            }
            after = load;
        }
        Ok(None)
    }

    fn remove_part(&self, table: &str, load: i64) -> Result<u64> {
        let removed = self
            .connection
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE load = ?1 AND subject <=
                 (SELECT max(subject) FROM (SELECT subject FROM {table} WHERE load = ?1 ORDER BY subject LIMIT ?2) AS part)"
            ))?
            .execute((load, PART))?;
        Ok(u64::try_from(removed).unwrap_or(0))
    }

    /// Lets those who wait for the write lock have it first: they try again only now and then, and a load that
    /// begins its next part at once would win every time.
    fn stand_back(&self) {
        let since = Instant::now();
        let waiting = || self.shared.waiting.load(std::sync::atomic::Ordering::Relaxed) > 0;
        while waiting() && since.elapsed() < STAND_BACK {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
