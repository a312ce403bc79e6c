//! The book of runs: every change of a run's state is one transaction, and the lock is looked at within it.

use std::sync::Arc;

use hengxin_core::date::{Date, Moment};

use super::lock::Lock;
use super::record::{self, RunRecord, RunState};
use crate::db::{Connection, OptionalExtension};
use crate::error::{Error, Result};
use crate::ledger::Shared;
use crate::recorder;
use crate::words::number;
use crate::writer::RequestKey;

/// How often a run is begun before it counts as one that kills its process.
const ATTEMPTS_MAX: u32 = 3;

/// A run to be ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRun {
    /// Field of supervision.
    pub field: String,
    /// The day it speaks of.
    pub as_of: Date,
    /// Facts recorded later are not looked at.
    pub known_at: Moment,
    /// Where the facts lie; `None`: in the ledger.
    pub dataset: Option<String>,
    /// Whether it goes on from an earlier run.
    pub incremental: bool,
    /// Which one; `None`: the last of its field that has succeeded when it begins.
    pub previous: Option<u64>,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// The run.
    pub run: RunRecord,
    /// Whether it is new; else the same request had ordered it before.
    pub new: bool,
}

/// The right to carry out a run. It ends when somebody else takes the lock over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The run as it began.
    pub run: RunRecord,
    /// Who holds the lock.
    pub holder: String,
}

/// What a holder learns when it says that it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// A user asked for the run to be cancelled.
    pub cancel_requested: bool,
}

/// A connection that keeps the book. Each call is one transaction.
#[derive(Debug)]
pub struct RunBook {
    pub(super) shared: Arc<Shared>,
    pub(super) connection: Connection,
}

impl RunBook {
    pub(crate) fn new(shared: Arc<Shared>) -> Result<RunBook> {
        let connection = recorder::writing(&shared)?;
        Ok(RunBook { shared, connection })
    }

    /// Orders a run somebody asked for. The same request sent again gives the run it ordered, whatever became of it.
    ///
    /// # Errors
    /// [`Error::RunInProgress`], [`Error::NotAPrevious`], [`Error::RequestReused`]; [`Error::Busy`], [`Error::Full`] and
    /// engine failures, so for all calls below.
    pub fn start(&mut self, new: &NewRun, request: &RequestKey) -> Result<Started> {
        self.transact(|book| {
            if let Some((id, digest)) = record::of_request(&book.connection, &request.id)? {
                if digest != request.digest {
                    return Err(Error::RequestReused { request_id: request.id.clone(), what: "body" });
                }
                return Ok(Started { run: book.known(id)?, new: false });
            }
            let open: Option<(u64, String)> = book
                .connection
                .prepare_cached(
                    "SELECT run, state FROM run_states WHERE field = ?1 AND state IN ('queued', 'running')
                     ORDER BY run LIMIT 1",
                )?
                .query_row([&new.field], |row| Ok((number(row, 0)?, row.get(1)?)))
                .optional()?;
            if let Some((run, state)) = open {
                let state = if state == "running" { "running" } else { "queued" };
                return Err(Error::RunInProgress { field: new.field.clone(), run, state });
            }
            if let Some(previous) = new.previous {
                book.check_previous(previous, &new.field)?;
            }
            let id = book.insert(new, None, Some(request))?;
            Ok(Started { run: book.known(id)?, new: true })
        })
    }

    fn check_previous(&self, previous: u64, field: &str) -> Result<()> {
        let wrong = |found: String| Error::NotAPrevious { run: previous, found, field: field.to_owned() };
        match record::find(&self.connection, previous)? {
            None => Err(wrong("does not exist".to_owned())),
            Some(run) if run.field != field => Err(wrong(format!("is of field `{}`", run.field))),
            Some(run) if run.state != RunState::Succeeded => Err(wrong(format!("is {}", run.state.id()))),
            Some(_) => Ok(()),
        }
    }

    /// Inserts a run with its first event; its number.
    pub(super) fn insert(
        &self,
        new: &NewRun,
        firing: Option<(&str, Moment)>,
        request: Option<&RequestKey>,
    ) -> Result<u64> {
        let now = self.now();
        let id = self
            .connection
            .prepare_cached(
                "INSERT INTO runs (field, as_of, known_at, dataset, incremental, schedule, fired_at, request_id,
                                   request_digest, ordered_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .insert((
                &new.field,
                new.as_of.days(),
                new.known_at.0,
                &new.dataset,
                new.incremental,
                firing.map(|(schedule, _)| schedule),
                firing.map(|(_, at)| at.0),
                request.map(|request| &request.id),
                request.map(|request| request.digest),
                now.0,
            ))?;
        self.connection
            .prepare_cached(
                "INSERT INTO run_states (run, field, state, attempts, cancel_requested, previous, done, total, detail)
                 VALUES (?1, ?2, 'queued', 0, 0, ?3, 0, 0, '')",
            )?
            .execute((id, &new.field, new.previous.map(signed)))?;
        let id = u64::try_from(id).unwrap_or(0);
        self.event(id, RunState::Queued, "")?;
        Ok(id)
    }

    /// Takes the lock of the oldest run in the queue whose field is free, and begins it. `holder` must differ from that
    /// of every other process and claim. `None` when nothing can begin.
    ///
    /// # Errors
    /// As [`RunBook::start`].
    pub fn claim(&mut self, holder: &str) -> Result<Option<Claim>> {
        self.transact(|book| {
            let next: Option<u64> = book
                .connection
                .prepare_cached(
                    "SELECT run FROM run_states WHERE state = 'queued'
                       AND field NOT IN (SELECT field FROM run_locks) ORDER BY run LIMIT 1",
                )?
                .query_row([], |row| number(row, 0))
                .optional()?;
            let Some(id) = next else { return Ok(None) };
            let now = book.now();
            book.connection
                .prepare_cached(
                    "INSERT INTO run_locks (field, run, holder, beats, beat_at)
                     SELECT field, run, ?2, 0, ?3 FROM run_states WHERE run = ?1",
                )?
                .execute((signed(id), holder, now.0))?;
            // Chosen once: a run that is resumed goes on from the same run as before.
            book.connection
                .prepare_cached(
                    "UPDATE run_states SET state = 'running', attempts = attempts + 1, started_at = ?2, detail = '',
                         previous = coalesce(previous,
                             (SELECT max(earlier.run) FROM run_states AS earlier
                              WHERE earlier.field = run_states.field AND earlier.state = 'succeeded'
                                AND (SELECT incremental FROM runs WHERE id = ?1) = 1))
                     WHERE run = ?1",
                )?
                .execute((signed(id), now.0))?;
            book.event(id, RunState::Running, holder)?;
            Ok(Some(Claim { run: book.known(id)?, holder: holder.to_owned() }))
        })
    }

    /// Says that the holder lives, and how far it is.
    ///
    /// # Errors
    /// [`Error::LockLost`], and as [`RunBook::start`].
    pub fn beat(&mut self, claim: &Claim, done: u64, total: u64) -> Result<Beat> {
        let id = claim.run.id;
        self.transact(|book| {
            let now = book.now();
            let held = book
                .connection
                .prepare_cached(
                    "UPDATE run_locks SET beats = beats + 1, beat_at = ?3 WHERE run = ?1 AND holder = ?2",
                )?
                .execute((signed(id), &claim.holder, now.0))?;
            if held == 0 {
                return Err(Error::LockLost { run: id });
            }
            book.connection
                .prepare_cached("UPDATE run_states SET done = ?2, total = ?3 WHERE run = ?1")?
                .execute((signed(id), signed(done), signed(total)))?;
            Ok(Beat { cancel_requested: book.known(id)?.cancel_requested })
        })
    }

    /// Puts the run of a lock that has stood still back into the queue, if the lock is still as it was seen. A run that
    /// was begun too often has failed. `None` when the holder lives after all.
    ///
    /// # Errors
    /// As [`RunBook::start`].
    pub fn take_over(&mut self, lock: &Lock) -> Result<Option<RunRecord>> {
        self.transact(|book| {
            let freed = book
                .connection
                .prepare_cached(
                    "DELETE FROM run_locks WHERE field = ?1 AND run = ?2 AND holder = ?3 AND beats = ?4",
                )?
                .execute((&lock.field, signed(lock.run), &lock.holder, signed(lock.beats)))?;
            if freed == 0 {
                return Ok(None);
            }
            let run = book.known(lock.run)?;
            let gone = format!("the process that held it is gone ({})", lock.holder);
            if run.cancel_requested {
                book.end(lock.run, RunState::Cancelled, &gone)?;
            } else if run.attempts >= ATTEMPTS_MAX {
                let detail = format!("begun {} times without an end: {gone}", run.attempts);
                book.end(lock.run, RunState::Failed, &detail)?;
            } else {
                book.requeue(lock.run, &gone)?;
            }
            Ok(Some(book.known(lock.run)?))
        })
    }

    /// Gives a run back unfinished: the process shuts down, another one or the next one resumes it.
    ///
    /// # Errors
    /// [`Error::LockLost`], and as [`RunBook::start`].
    pub fn give_back(&mut self, claim: &Claim, why: &str) -> Result<()> {
        let id = claim.run.id;
        self.transact(|book| {
            book.release(claim)?;
            // A shutdown is no sign that the run kills its process.
            book.connection
                .prepare_cached("UPDATE run_states SET attempts = attempts - 1 WHERE run = ?1")?
                .execute([signed(id)])?;
            if book.known(id)?.cancel_requested {
                return book.end(id, RunState::Cancelled, "cancelled before it was published");
            }
            book.requeue(id, why)
        })
    }

    /// Ends a run without results.
    ///
    /// # Errors
    /// [`Error::LockLost`], and as [`RunBook::start`].
    pub fn fail(&mut self, claim: &Claim, why: &str) -> Result<RunRecord> {
        self.finish(claim, RunState::Failed, why)
    }

    /// Ends a run a user asked to cancel.
    ///
    /// # Errors
    /// As [`RunBook::fail`].
    pub fn cancelled(&mut self, claim: &Claim, why: &str) -> Result<RunRecord> {
        self.finish(claim, RunState::Cancelled, why)
    }

    fn finish(&mut self, claim: &Claim, state: RunState, why: &str) -> Result<RunRecord> {
        self.transact(|book| {
            book.release(claim)?;
            book.end(claim.run.id, state, why)?;
            book.known(claim.run.id)
        })
    }

    /// Asks for a run to end. One in the queue ends at once; one under way when its holder hears of it, unless it is
    /// published before: the run then has succeeded.
    ///
    /// # Errors
    /// [`Error::UnknownRun`], [`Error::RunFinished`], and as [`RunBook::start`].
    pub fn cancel(&mut self, id: u64) -> Result<RunRecord> {
        self.transact(|book| {
            let run = book.known(id)?;
            match run.state {
                RunState::Queued => book.end(id, RunState::Cancelled, "cancelled before it began")?,
                RunState::Running => {
                    book.connection
                        .prepare_cached("UPDATE run_states SET cancel_requested = 1 WHERE run = ?1")?
                        .execute([signed(id)])?;
                }
                // Asked twice, it ends once.
                RunState::Cancelled => {}
                RunState::Succeeded => {
                    let published = "its results are published whole";
                    return Err(Error::RunFinished { run: id, state: "succeeded", published });
                }
                RunState::Failed => {
                    let published = "nothing of it is published";
                    return Err(Error::RunFinished { run: id, state: "failed", published });
                }
            }
            book.known(id)
        })
    }

    pub(super) fn known(&self, id: u64) -> Result<RunRecord> {
        record::find(&self.connection, id)?.ok_or(Error::UnknownRun { found: id })
    }

    pub(super) fn now(&self) -> Moment {
        self.shared.options.clock.now()
    }

    /// Gives the lock up; fails when it is not held.
    pub(super) fn release(&self, claim: &Claim) -> Result<()> {
        let held = self
            .connection
            .prepare_cached("DELETE FROM run_locks WHERE run = ?1 AND holder = ?2")?
            .execute((signed(claim.run.id), &claim.holder))?;
        if held == 0 { Err(Error::LockLost { run: claim.run.id }) } else { Ok(()) }
    }

    /// Fails unless the lock is held, or when a user asked for the run to be cancelled.
    pub(super) fn still_ours(&self, claim: &Claim) -> Result<()> {
        let id = claim.run.id;
        let held: Option<bool> = self
            .connection
            .prepare_cached(
                "SELECT cancel_requested FROM run_locks JOIN run_states USING (run) WHERE run = ?1 AND holder = ?2",
            )?
            .query_row((signed(id), &claim.holder), |row| row.get(0))
            .optional()?;
        match held {
            None => Err(Error::LockLost { run: id }),
            Some(true) => Err(Error::RunCancelled { run: id }),
            Some(false) => Ok(()),
        }
    }

    pub(super) fn end(&self, id: u64, state: RunState, detail: &str) -> Result<()> {
        self.connection
            .prepare_cached("UPDATE run_states SET state = ?2, finished_at = ?3, detail = ?4 WHERE run = ?1")?
            .execute((signed(id), state.id(), self.now().0, detail))?;
        self.event(id, state, detail)
    }

    fn requeue(&self, id: u64, detail: &str) -> Result<()> {
        self.connection
            .prepare_cached("UPDATE run_states SET state = 'queued', detail = ?2 WHERE run = ?1")?
            .execute((signed(id), detail))?;
        self.event(id, RunState::Queued, detail)
    }

    fn event(&self, id: u64, state: RunState, detail: &str) -> Result<()> {
        self.connection
            .prepare_cached("INSERT INTO run_events (run, state, at, detail) VALUES (?1, ?2, ?3, ?4)")?
            .execute((signed(id), state.id(), self.now().0, detail))?;
        Ok(())
    }

    pub(super) fn transact<T>(&mut self, mut work: impl FnMut(&mut RunBook) -> Result<T>) -> Result<T> {
        recorder::until_kept(|| {
            recorder::begin(&self.shared, &self.connection)?;
            let result = work(self);
            recorder::end(&self.shared, &self.connection, result)
        })
    }
}

pub(super) fn signed(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}
