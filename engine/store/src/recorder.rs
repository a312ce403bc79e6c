//! Writing: one connection, one transaction at a time, moments that only ascend.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hengxin_core::date::Moment;
use hengxin_core::fact::Delivery;

use crate::append::{self, ClassBook};
use crate::audit::{self, Call};
use crate::db::{Access, Connection};
use crate::error::{Error, Result};
use crate::ledger::Shared;
use crate::log;
use crate::quarantine;
use crate::results::{self, Recorded, Results};
use crate::schema;
use crate::submission::{Batch, Report};

/// How often a transaction is tried that the database undoes.
pub(crate) const ATTEMPTS_MAX: u32 = 8;
/// How long the second attempt is waited with; each further one twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// A connection that writes. Each call is one transaction: all of it is recorded, or nothing.
#[derive(Debug)]
pub struct Recorder {
    pub(crate) shared: Arc<Shared>,
    pub(crate) connection: Connection,
    book: ClassBook,
}

impl Recorder {
    pub(crate) fn new(shared: Arc<Shared>) -> Result<Recorder> {
        let connection = writing(&shared)?;
        Ok(Recorder { shared, connection, book: ClassBook::default() })
    }

    /// Records the rows of `batch`.
    ///
    /// Per record (subject, code and key): the same content as its last version is a *duplicate* and not stored,
    /// other content a *correction*. Rows of this batch that say different things about one record, and marks that
    /// name a record nobody knows, go to quarantine. A file ingested before under the same vocabulary is reported
    /// as such.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Full`], [`Error::UnknownQuarantine`], [`Error::Corrupt`], engine failures. After
    /// an error nothing of the batch is in the ledger.
    pub fn append(&mut self, batch: &Batch) -> Result<Report> {
        self.transact(|recorder| recorder.append_within(batch))
    }

    /// Records that registers were delivered.
    ///
    /// # Errors
    /// As [`Recorder::append`].
    pub fn deliver(&mut self, actor: &str, deliveries: &[Delivery]) -> Result<Moment> {
        self.transact(|recorder| recorder.deliver_within(actor, deliveries))
    }

    /// Records evaluations and tier decisions. One that is on file already, byte for byte, keeps its id.
    ///
    /// # Errors
    /// As [`Recorder::append`], and [`Error::UnknownSubject`].
    pub fn record(&mut self, results: &Results) -> Result<Recorded> {
        self.transact(|recorder| recorder.record_within(results))
    }

    /// Closes a quarantined row that will not be mended. One that was closed before stays as it was.
    ///
    /// # Errors
    /// As [`Recorder::append`], and [`Error::UnknownQuarantine`].
    pub fn dismiss(&mut self, entry: u64, note: &str) -> Result<()> {
        self.transact(|recorder| {
            let moment = recorder.next_moment()?;
            quarantine::event(&recorder.connection, moment, entry, "dismissed", note)
        })
    }

    /// Puts a call in the audit trail.
    ///
    /// # Errors
    /// As [`Recorder::append`].
    pub fn audit(&mut self, call: &Call) -> Result<()> {
        self.transact(|recorder| {
            audit::record(&recorder.connection, recorder.shared.options.clock.now(), call)
        })
    }

    pub(crate) fn append_within(&mut self, batch: &Batch) -> Result<Report> {
        let moment = self.next_moment()?;
        append::append(&self.connection, &mut self.book, moment, &self.shared.vocabulary, batch)
    }

    pub(crate) fn deliver_within(&mut self, actor: &str, deliveries: &[Delivery]) -> Result<Moment> {
        let moment = self.next_moment()?;
        let vocabulary = &self.shared.vocabulary;
        self.connection
            .prepare_cached(
                "INSERT INTO batches (recorded_at, kind, actor, vocabulary) VALUES (?1, 'deliveries', ?2, ?3)",
            )?
            .execute((moment.0, actor, &vocabulary.edition))?;
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO deliveries (register, region, through, recorded_at) VALUES (?1, ?2, ?3, ?4)",
        )?;
        for delivery in deliveries {
            let register = &vocabulary.register(delivery.register).id;
            insert.execute((register, delivery.region.digits(), delivery.through.days(), moment.0))?;
        }
        Ok(moment)
    }

    pub(crate) fn record_within(&mut self, results: &Results) -> Result<Recorded> {
        let moment = self.next_moment()?;
        results::record(&self.connection, moment, results)
    }

    /// The moment of the next write: now, or just after the last one when the clock stands still or runs back.
    /// Only sound while the write lock is held.
    pub(crate) fn next_moment(&self) -> Result<Moment> {
        let last: Option<i64> = self
            .connection
            .prepare_cached("SELECT max(recorded_at) FROM batches")?
            .query_row([], |row| row.get(0))?;
        let now = self.shared.options.clock.now().0;
        Ok(Moment(last.map_or(now.max(1), |last| now.max(last.saturating_add(1)))))
    }

    /// Takes the write lock, waiting for other writers as long as the options say.
    pub(crate) fn begin(&mut self) -> Result<()> {
        begin(&self.shared, &self.connection)?;
        let caught_up = self.book.catch_up(&self.connection);
        if caught_up.is_err() {
            self.roll_back();
        }
        caught_up
    }

    pub(crate) fn commit(&mut self) -> Result<()> {
        commit(&self.shared, &self.connection)
    }

    /// Ends the transaction without effect. Classes numbered in it are forgotten with it.
    pub(crate) fn roll_back(&mut self) {
        self.connection.roll_back();
        self.book = ClassBook::default();
    }

    /// Runs `work` in a savepoint of the running transaction: an error undoes this part alone.
    pub(crate) fn part<T>(&mut self, work: impl FnOnce(&mut Recorder) -> Result<T>) -> Result<T> {
        let classes = self.book.len();
        self.connection.savepoint()?;
        let result = work(self).and_then(|value| Ok(self.connection.flush().map(|()| value)?));
        if result.is_ok() {
            self.connection.release()?;
        } else if !self.connection.is_autocommit() {
            self.connection.undo()?;
            self.book.forget_after(classes);
        }
        result
    }

    fn transact<T>(&mut self, mut work: impl FnMut(&mut Recorder) -> Result<T>) -> Result<T> {
        until_kept(|| {
            self.begin()?;
            let result = work(self).and_then(|value| self.commit().map(|()| value));
            if result.is_err() {
                self.roll_back();
            }
            result
        })
    }
}

/// Carries out a transaction, again when the database undid it in favour of another one, but not for ever.
pub(crate) fn until_kept<T>(mut transaction: impl FnMut() -> Result<T>) -> Result<T> {
    let mut attempts = 1;
    loop {
        match transaction() {
            Err(Error::Undone { .. }) if attempts < ATTEMPTS_MAX => {
                std::thread::sleep(FIRST_PAUSE * 2u32.pow(attempts - 1));
                attempts += 1;
            }
            Err(Error::Undone { .. }) => return Err(Error::Undone { attempts }),
            result => return result,
        }
    }
}

/// Seals what was written since [`begin`] and commits it.
fn commit(shared: &Shared, connection: &Connection) -> Result<()> {
    let head = match &shared.signer {
        Some(key) => log::seal(connection, key, shared.options.clock.now())?,
        None => None,
    };
    if let Some(head) = &head {
        shared.expect_later(head)?;
    }
    connection.commit()?;
    if let Some(head) = head {
        shared.remember(head);
    }
    Ok(())
}

/// Commits what was done since [`begin`], or undoes it.
pub(crate) fn end<T>(shared: &Shared, connection: &Connection, result: Result<T>) -> Result<T> {
    let result = result.and_then(|value| commit(shared, connection).map(|()| value));
    if result.is_err() {
        connection.roll_back();
    }
    result
}

/// A connection that writes.
pub(crate) fn writing(shared: &Shared) -> Result<Connection> {
    let connection = schema::connect(&shared.place, Access::Write, shared.options.busy_wait)?;
    connection.for_writing(shared.options.pages_max)?;
    Ok(connection)
}

/// Takes the write lock, waiting for other writers as long as the options say.
pub(crate) fn begin(shared: &Shared, connection: &Connection) -> Result<()> {
    shared.waiting.fetch_add(1, Ordering::Relaxed);
    let begun = connection.begin_write();
    shared.waiting.fetch_sub(1, Ordering::Relaxed);
    match begun.map_err(Error::from) {
        Err(Error::Busy { .. }) => return Err(Error::Busy { waited: Some(shared.options.busy_wait) }),
        result => result?,
    }
    let sealed = log::expect_sealed(connection);
    if sealed.is_err() {
        connection.roll_back();
    }
    sealed
}
