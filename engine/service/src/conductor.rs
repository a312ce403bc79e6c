//! Conducts runs while the service is up: fires schedules, takes over what the dead left, and carries runs out one by
//! one. Blocking; the server calls [`Conductor::turn`] now and then on a thread of its own.
//!
//! It wakes at least once a second, however far the next firing is, so that a clock that was set is noticed.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hengxin_core::date::Moment;
use hengxin_store::{
    Claim, CutOff, Error as LedgerError, Firing, Lead, LockWatch, Missed, Published, RunBook, ScheduleRecord,
};

use crate::engine::Engine;
use crate::heart::{Heart, holder};
use crate::problem::{Answer, Problem};
use crate::runner::{Progress, RunFailure, RunOrder, RunOutcome, RunSource, Runner};
use crate::timetable::Timetable;

/// A firing later than this was missed.
const LATE: i64 = 5 * 60 * 1_000_000;
/// Firings queued in one turn; the rest waits for the next.
const FIRINGS: usize = 100;
/// Longest time between two beats.
const BEAT: Duration = Duration::from_secs(1);

/// How runs are carried out.
#[derive(Clone)]
pub struct RunSetup {
    /// Who carries them out.
    pub runner: Arc<dyn Runner>,
    /// Folder or URL below which every run has a folder for its results, `run-{number}`.
    pub results: String,
    /// How long a lock must stand still before its holder counts as dead. Default 30 s.
    pub patience: Duration,
}

impl RunSetup {
    /// With the usual patience.
    pub fn new(runner: Arc<dyn Runner>, results: impl Into<String>) -> RunSetup {
        RunSetup { runner, results: results.into(), patience: Duration::from_secs(30) }
    }
}

impl std::fmt::Debug for RunSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunSetup")
            .field("results", &self.results)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// See the module.
pub struct Conductor {
    engine: Arc<Engine>,
    setup: RunSetup,
    watch: Mutex<LockWatch>,
    /// Made with the first turn.
    lead: Mutex<Option<Lead>>,
    begun: Instant,
    stopping: AtomicBool,
}

impl Conductor {
    /// A conductor over an engine that writes.
    pub fn new(engine: Arc<Engine>, setup: RunSetup) -> Conductor {
        Conductor {
            engine,
            setup,
            watch: Mutex::default(),
            lead: Mutex::new(None),
            begun: Instant::now(),
            stopping: AtomicBool::new(false),
        }
    }

    /// Makes the run under way end, to be resumed by whoever comes next, and lets none begin.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Takes over from the dead and fires what is due, where this server has the lead among those that share the ledger.
    ///
    /// # Errors
    /// A failing ledger. What one turn leaves undone the next one does.
    pub fn turn(&self) -> Answer<()> {
        if !self.leads()? {
            return Ok(());
        }
        let locks = self.engine.snapshot(None)?.run_locks()?;
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let stale = watch.stale(locks, self.begun.elapsed(), self.setup.patience);
        drop(watch);
        for lock in stale {
            if let Some(run) = self.engine.book(|book| book.take_over(&lock))? {
                tracing::warn!(target: "hengxin::runs", run = run.id, "{}: {}", run.state.id(), run.detail);
            }
        }
        let mut after = String::new();
        loop {
            let schedules = self.engine.snapshot(None)?.schedules(&after, 100)?;
            let Some(last) = schedules.last() else { return Ok(()) };
            after.clone_from(&last.schedule.name);
            for schedule in schedules.iter().filter(|schedule| !schedule.paused) {
                self.fire(schedule)?;
            }
        }
    }

    fn leads(&self) -> Answer<bool> {
        let mut lead = self.lead.lock().unwrap_or_else(PoisonError::into_inner);
        let lead = match &mut *lead {
            Some(lead) => lead,
            none => none.insert(self.engine.ledger().lead()?),
        };
        Ok(lead.holds()?)
    }

    fn fire(&self, seen: &ScheduleRecord) -> Answer<()> {
        let now = self.engine.now();
        let name = &seen.schedule.name;
        let table = match Timetable::read(&seen.schedule.cron, &seen.schedule.time_zone) {
            Ok(table) => table,
            Err(problem) => {
                // Checked when it was made; another build may know fewer time zones.
                tracing::error!(target: "hengxin::runs", schedule = name, "cannot be read: {problem}");
                return Ok(());
            }
        };
        let (due, until) = due(&table, seen, now);
        if due.is_empty() && until == seen.handled_to {
            return Ok(());
        }
        let cut_off = |at| firing(&table, seen.schedule.cut_off, at);
        let firings: Vec<Firing> = due.into_iter().filter_map(cut_off).collect();
        self.engine.look_again()?;
        let known_at = self.engine.moment_of_run(seen.schedule.dataset.as_deref());
        let runs = self.engine.book(|book| book.fire(seen, &firings, known_at, until))?;
        for run in runs {
            tracing::info!(target: "hengxin::runs", schedule = name, run, "queued");
        }
        Ok(())
    }

    /// Carries out the oldest run that can begin; whether there was one.
    ///
    /// # Errors
    /// A failing ledger.
    pub fn work(&self) -> Answer<bool> {
        if self.stopping.load(Ordering::SeqCst) {
            return Ok(false);
        }
        let holder = holder();
        let Some(claim) = self.engine.book(|book| book.claim(&holder))? else { return Ok(false) };
        tracing::info!(target: "hengxin::runs", run = claim.run.id, field = claim.run.field, "begun");
        match self.carry_out(&claim) {
            // Whoever took it over says what becomes of it.
            Err(Problem::Ledger(LedgerError::LockLost { run })) => {
                tracing::warn!(target: "hengxin::runs", run, "taken over by another process");
            }
            Err(problem) => {
                tracing::error!(target: "hengxin::runs", run = claim.run.id, "failed: {problem}");
                self.engine.book(|book| book.fail(&claim, &problem.to_string()))?;
            }
            Ok(()) => {}
        }
        Ok(true)
    }

    fn carry_out(&self, claim: &Claim) -> Answer<()> {
        // A connection of its own: a load of minutes must not keep questions about runs waiting.
        let mut book = self.engine.ledger().run_book()?;
        let heart = Heart::<Progress>::default();
        std::thread::scope(|scope| {
            scope.spawn(|| self.keep_beating(claim, &heart));
            let done = self.evaluate_and_load(claim, &heart, &mut book);
            heart.stop();
            done
        })?;
        // Rows of the run before, which no longer answer. A later load sweeps, too.
        if let Err(problem) = book.sweep() {
            tracing::warn!(target: "hengxin::runs", "rows of earlier runs stay for now: {problem}");
        }
        Ok(())
    }

    fn evaluate_and_load(&self, claim: &Claim, heart: &Heart<Progress>, book: &mut RunBook) -> Answer<()> {
        let run = &claim.run;
        let previous = match run.previous {
            None => None,
            Some(previous) => self.engine.snapshot(None)?.run(previous)?.and_then(|run| run.results),
        };
        let order = RunOrder {
            run: run.id,
            field: run.field.clone(),
            as_of: run.as_of,
            known_at: run.known_at,
            source: run.dataset.clone().map_or(RunSource::Ledger, RunSource::Dataset),
            previous,
            results: format!("{}/run-{}", self.setup.results.trim_end_matches('/'), run.id),
        };
        let progress = |progress: Progress| heart.set(progress);
        let carried = AssertUnwindSafe(|| self.setup.runner.run(&order, &progress, &heart.cancelled));
        let outcome = std::panic::catch_unwind(carried)
            .unwrap_or_else(|_| Err(RunFailure::Failed("a defect in the engine ended the run".to_owned())));
        let RunOutcome { manifest, subjects, tiers, rows } = match outcome {
            Ok(outcome) => outcome,
            Err(RunFailure::Cancelled) => return self.ended_early(claim, book),
            Err(RunFailure::Failed(why)) => {
                tracing::error!(target: "hengxin::runs", run = run.id, "failed: {why}");
                book.fail(claim, &why)?;
                return Ok(());
            }
        };
        let loaded = (|| {
            let mut load = book.load(claim, manifest)?;
            let mut broken = None;
            let skipped = usize::try_from(load.rows).unwrap_or(usize::MAX);
            let mut sound = rows.skip(skipped).map_while(|row| {
                if heart.cancelled.load(Ordering::Relaxed) {
                    broken = Some(RunFailure::Cancelled);
                    return None;
                }
                row.map_err(|failure| broken = Some(failure)).ok()
            });
            book.add(&mut load, &mut sound)?;
            drop(sound);
            match broken {
                Some(failure) => Ok(Err(failure)),
                None => book
                    .publish(
                        load,
                        &Published { results: order.results, counts: counts(&tiers), rows: subjects },
                    )
                    .map(Ok),
            }
        })();
        match loaded {
            Ok(Ok(loaded)) => {
                tracing::info!(target: "hengxin::runs", run = run.id, ?loaded, "published");
                Ok(())
            }
            Ok(Err(RunFailure::Cancelled)) | Err(LedgerError::RunCancelled { .. }) => {
                self.ended_early(claim, book)
            }
            Ok(Err(RunFailure::Failed(why))) => {
                book.fail(claim, &why)?;
                Ok(())
            }
            Err(problem) => Err(problem.into()),
        }
    }

    /// By a user or a shutdown; if neither, the lock is lost and nothing is left to say.
    fn ended_early(&self, claim: &Claim, book: &mut RunBook) -> Answer<()> {
        if self.stopping.load(Ordering::SeqCst) {
            book.give_back(claim, "the service that carried it out shut down")?;
        } else {
            book.cancelled(claim, "cancelled before it was published")?;
        }
        Ok(())
    }

    fn keep_beating(&self, claim: &Claim, heart: &Heart<Progress>) {
        let pause = BEAT.min(self.setup.patience / 10);
        // A connection of its own: a transaction of the load may take longer than a beat.
        let mut book = None;
        while !heart.pause(pause) {
            if self.stopping.load(Ordering::SeqCst) {
                heart.cancelled.store(true, Ordering::SeqCst);
            }
            let now = heart.told();
            let beat = match &mut book {
                None => self
                    .engine
                    .ledger()
                    .run_book()
                    .and_then(|opened| book.insert(opened).beat(claim, now.done, now.total)),
                Some(book) => book.beat(claim, now.done, now.total),
            };
            match beat {
                Ok(beat) if !beat.cancel_requested => {}
                Ok(_) | Err(LedgerError::LockLost { .. }) => heart.cancelled.store(true, Ordering::SeqCst),
                // A full disk or a busy ledger may pass before anybody loses patience.
                Err(problem) => {
                    tracing::warn!(target: "hengxin::runs", run = claim.run.id, "no beat: {problem}");
                }
            }
        }
    }
}

/// The instants to fire at, and the moment up to which the schedule then has been dealt with.
fn due(table: &Timetable, seen: &ScheduleRecord, now: Moment) -> (Vec<Moment>, Moment) {
    if seen.handled_to > now {
        // The clock was set back. Its firings come again and make no second runs: each run says which firing it is of.
        return (Vec::new(), now);
    }
    match seen.schedule.missed {
        Missed::RunAll => {
            let next = |at: &Moment| table.after(*at).filter(|next| *next <= now);
            let due: Vec<Moment> =
                std::iter::successors(next(&seen.handled_to), next).take(FIRINGS).collect();
            let until = due.last().copied().unwrap_or(seen.handled_to);
            (due, until)
        }
        Missed::RunOnce | Missed::Skip => {
            let last = table.until(now).filter(|at| *at > seen.handled_to);
            let until = last.unwrap_or(seen.handled_to);
            let fires = |at: &Moment| seen.schedule.missed == Missed::RunOnce || now.0 - at.0 <= LATE;
            (last.filter(fires).into_iter().collect(), until)
        }
    }
}

fn firing(table: &Timetable, cut_off: CutOff, at: Moment) -> Option<Firing> {
    Some(Firing { at, as_of: table.as_of(cut_off, at)? })
}

fn counts(tiers: &[(Option<u16>, u64)]) -> String {
    let rows = tiers.iter().map(|(tier, n)| serde_json::json!({ "tier": tier, "enterprises": n }));
    rows.collect::<serde_json::Value>().to_string()
}

#[cfg(test)]
mod tests {
    use hengxin_store::Schedule;

    use super::*;

    /// Firings of a schedule at 02:00 every day that was last dealt with at `handled`, looked at at `now`.
    fn check(missed: Missed, handled: &str, now: &str) -> (Vec<String>, String) {
        let at = |text: &str| Moment(text.parse::<jiff::Timestamp>().expect("an instant").as_microsecond());
        let show = |at: Moment| jiff::Timestamp::from_microsecond(at.0).expect("an instant").to_string();
        let schedule = Schedule {
            name: "daily".to_owned(),
            fields: vec!["market".to_owned()],
            cron: "0 2 * * *".to_owned(),
            time_zone: "UTC".to_owned(),
            cut_off: CutOff::PreviousDay,
            missed,
            dataset: None,
            incremental: false,
        };
        let table = Timetable::read(&schedule.cron, &schedule.time_zone).expect("a timetable");
        let seen =
            ScheduleRecord { schedule, paused: false, handled_to: at(handled), created_at: at(handled) };
        let (due, until) = due(&table, &seen, at(now));
        (due.into_iter().map(show).collect(), show(until))
    }

    #[test]
    fn missed_firings_are_dealt_with_as_the_schedule_says() {
        let (handled, now) = ("2026-06-01T02:00:00Z", "2026-06-04T12:00:00Z");
        let all = ["2026-06-02T02:00:00Z", "2026-06-03T02:00:00Z", "2026-06-04T02:00:00Z"];
        assert_eq!(check(Missed::RunAll, handled, now), (all.map(str::to_owned).to_vec(), all[2].to_owned()));
        assert_eq!(check(Missed::RunOnce, handled, now), (vec![all[2].to_owned()], all[2].to_owned()));
        assert_eq!(check(Missed::Skip, handled, now), (vec![], all[2].to_owned()));
    }

    #[test]
    fn a_firing_that_is_a_little_late_was_not_missed() {
        let fired = vec!["2026-06-04T02:00:00Z".to_owned()];
        assert_eq!(check(Missed::Skip, "2026-06-01T02:00:00Z", "2026-06-04T02:05:00Z").0, fired);
        assert_eq!(check(Missed::Skip, "2026-06-01T02:00:00Z", "2026-06-04T02:05:00.000001Z").0.len(), 0);
        assert_eq!(check(Missed::RunOnce, "2026-06-03T02:00:00Z", "2026-06-04T01:59:59Z").0.len(), 0);
    }

    #[test]
    fn a_clock_set_back_fires_nothing_and_waits_for_no_future() {
        let (due, until) = check(Missed::RunAll, "2099-06-01T02:00:00Z", "2026-06-04T02:00:00Z");
        assert_eq!((due.len(), until.as_str()), (0, "2026-06-04T02:00:00Z"));
    }
}
