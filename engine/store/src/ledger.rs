//! The ledger file as a process sees it: opened once, shared by all threads.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hengxin_core::date::Moment;
use hengxin_core::fact::Classes;
use hengxin_core::vocabulary::Vocabulary;
use hengxin_log::{SigningKey, TreeHead};

use crate::clock::{Clock, SystemClock};
use crate::db::{Access, Connection, OptionalExtension};
use crate::deliveries::DeliveryBook;
use crate::dictionary::SharedDictionary;
use crate::error::{Error, Result};
use crate::laboratory::LaboratoryBook;
use crate::log;
use crate::place::Place;
use crate::protect::Protector;
use crate::recorder::Recorder;
use crate::run::{Lead, RunBook};
use crate::schema;
use crate::snapshot::Snapshot;

/// How often the newest head is kept beside the ledger.
const REMEMBERED_EVERY: Duration = Duration::from_secs(1);
/// Idle reading connections kept for the next snapshot.
const IDLE: usize = 16;

/// How a ledger is opened.
#[derive(Clone)]
pub struct Options {
    /// How long a write waits for another process's write before [`Error::Busy`]. Default 30 s.
    pub busy_wait: Duration,
    /// Where the moments of recording come from. Default the machine's clock.
    pub clock: Arc<dyn Clock>,
    /// Most pages (of 4 KiB) the file may have; a write beyond it fails with [`Error::Full`]. Default no limit.
    pub pages_max: Option<u32>,
}

impl Default for Options {
    fn default() -> Options {
        Options { busy_wait: Duration::from_secs(30), clock: Arc::new(SystemClock), pages_max: None }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("busy_wait", &self.busy_wait)
            .field("pages_max", &self.pages_max)
            .finish_non_exhaustive()
    }
}

/// An open ledger. Cheap to clone; clones share connections and caches.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) place: Place,
    pub(crate) vocabulary: Arc<Vocabulary>,
    pub(crate) options: Options,
    pub(crate) dictionary: SharedDictionary,
    pub(crate) deliveries: DeliveryBook,
    /// Writers that wait for their turn: a long load lets them in between its parts.
    pub(crate) waiting: AtomicUsize,
    protector: Protector,
    /// Signs tree heads; `None` when nothing is written.
    pub(crate) signer: Option<SigningKey>,
    /// The newest head this process has signed, and when [`Shared::remember`] last wrote one.
    signed: Mutex<(Option<TreeHead>, Option<Instant>)>,
    access: Access,
    idle: Mutex<Vec<Connection>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("place", &self.place)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

impl Ledger {
    /// Opens the ledger at `place`, bringing an earlier schema up to date.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Foreign`], [`Error::Newer`], [`Error::Corrupt`], [`Error::KeyMissing`],
    /// [`Error::KeyWrong`], [`Error::Unreachable`], and [`Error::Vocabulary`] when it holds codes `vocabulary` does not
    /// declare.
    pub fn open(place: impl Into<Place>, vocabulary: Arc<Vocabulary>) -> Result<Ledger> {
        Ledger::open_with(place, vocabulary, Options::default())
    }

    /// [`Ledger::open`] with options.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_with(
        place: impl Into<Place>,
        vocabulary: Arc<Vocabulary>,
        options: Options,
    ) -> Result<Ledger> {
        let place = place.into();
        let connection = schema::connect_existing(&place, Access::Write, options.busy_wait)?;
        Ledger::bring_up(place, vocabulary, options, connection)
    }

    /// Makes a new ledger and its key file.
    ///
    /// # Errors
    /// [`Error::Exists`] when something lies at `place` already; [`Error::Io`] when it cannot be written.
    pub fn create(place: impl Into<Place>, vocabulary: Arc<Vocabulary>, options: Options) -> Result<Ledger> {
        let place = place.into();
        let connection = schema::connect_new(&place, options.busy_wait)?;
        Ledger::bring_up(place, vocabulary, options, connection)
    }

    /// [`Ledger::open_with`] or, when nothing lies there, [`Ledger::create`].
    ///
    /// # Errors
    /// As those two.
    pub fn open_or_create(
        place: impl Into<Place>,
        vocabulary: Arc<Vocabulary>,
        options: Options,
    ) -> Result<Ledger> {
        let place = place.into();
        match Ledger::create(place.clone(), Arc::clone(&vocabulary), options.clone()) {
            Err(Error::Exists { .. }) => Ledger::open_with(place, vocabulary, options),
            result => result,
        }
    }

    /// Opens the ledger for reading: nothing in it is changed, writes fail with [`Error::ReadOnly`].
    ///
    /// # Errors
    /// As [`Ledger::open`], and [`Error::Older`] when it needs an upgrade first.
    pub fn open_read_only(place: impl Into<Place>, vocabulary: Arc<Vocabulary>) -> Result<Ledger> {
        let (place, options) = (place.into(), Options::default());
        let connection = schema::connect_existing(&place, Access::Read, options.busy_wait)?;
        let found = schema::recognise(&connection, &place)?;
        if found < schema::known_version() {
            return Err(Error::Older { path: place.shown(), found, known: schema::known_version() });
        }
        let protector = check_key(&connection, &place)?.ok_or_else(|| Error::corrupt("no id of the key"))?;
        Ledger::finish(place, vocabulary, options, protector, None, connection)
    }

    fn bring_up(
        place: Place,
        vocabulary: Arc<Vocabulary>,
        options: Options,
        connection: Connection,
    ) -> Result<Ledger> {
        schema::recognise(&connection, &place)?;
        // The step that makes the tables of the log makes its key and first entries, too: a ledger that has the tables and
        // no key has lost it to somebody.
        schema::migrate(&connection, &place, options.busy_wait, |connection, found| {
            if found < log::SINCE { begin_log(connection, &place, &options) } else { Ok(()) }
        })?;
        let protector = ensure_key(&connection, &place)?;
        let signer = log::check_key(&connection, &place)?.ok_or_else(|| Error::Altered {
            entry: None,
            detail: "its public key is gone from the settings".to_owned(),
        })?;
        log::ensure_not_backwards(&connection, &place, signer.public())?;
        Ledger::finish(place, vocabulary, options, protector, Some(signer), connection)
    }

    fn finish(
        place: Place,
        vocabulary: Arc<Vocabulary>,
        options: Options,
        protector: Protector,
        signer: Option<SigningKey>,
        connection: Connection,
    ) -> Result<Ledger> {
        let shared = Shared {
            place,
            vocabulary,
            options,
            dictionary: SharedDictionary::default(),
            deliveries: DeliveryBook::default(),
            waiting: AtomicUsize::new(0),
            protector,
            access: if signer.is_some() { Access::Write } else { Access::Read },
            signer,
            signed: Mutex::default(),
            idle: Mutex::new(Vec::new()),
        };
        // A ledger that holds codes nobody declares is refused now, not in the middle of an answer.
        shared.dictionary.refresh(&connection, &shared.vocabulary)?;
        Ok(Ledger { shared: Arc::new(shared) })
    }

    /// Where it lies.
    pub fn place(&self) -> &Place {
        &self.shared.place
    }

    /// The vocabulary it was opened with.
    pub fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.shared.vocabulary
    }

    /// Makes digests of identity numbers with this ledger's key.
    pub fn protector(&self) -> &Protector {
        &self.shared.protector
    }

    /// The key that signs tree heads and receipts; `None` for a ledger opened for reading.
    pub fn signing_key(&self) -> Option<&SigningKey> {
        self.shared.signer.as_ref()
    }

    /// All classes met so far. A file read later may name further ones: it carries its own.
    pub fn classes(&self) -> Arc<Classes> {
        Arc::clone(&self.shared.dictionary.now().classes)
    }

    /// A view of everything known at the last moment anything was recorded up to `known_at`, or ever when none is
    /// asked for. Later writes do not show in it.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and engine failures.
    pub fn snapshot(&self, known_at: Option<Moment>) -> Result<Snapshot> {
        Snapshot::begin(Arc::clone(&self.shared), known_at)
    }

    /// The last moment anything was recorded; `Moment(0)` for an empty ledger.
    ///
    /// # Errors
    /// As [`Ledger::snapshot`].
    pub fn watermark(&self) -> Result<Moment> {
        Ok(self.snapshot(None)?.known_at())
    }

    /// A connection that writes. Several may exist, here and in other processes; they take turns.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] for a ledger opened for reading.
    pub fn recorder(&self) -> Result<Recorder> {
        match self.shared.access {
            Access::Read => Err(Error::ReadOnly),
            Access::Write => Recorder::new(Arc::clone(&self.shared)),
        }
    }

    /// A connection that keeps the book of runs and schedules. It takes turns with the others that write.
    ///
    /// # Errors
    /// As [`Ledger::recorder`].
    pub fn run_book(&self) -> Result<RunBook> {
        match self.shared.access {
            Access::Read => Err(Error::ReadOnly),
            Access::Write => RunBook::new(Arc::clone(&self.shared)),
        }
    }

    /// A candidate for the lead among the servers that share the ledger.
    ///
    /// # Errors
    /// As [`Ledger::recorder`].
    pub fn lead(&self) -> Result<Lead> {
        match self.shared.access {
            Access::Read => Err(Error::ReadOnly),
            Access::Write => Lead::new(&self.shared),
        }
    }

    /// A connection that keeps the book of the laboratory. It takes turns with the others that write.
    ///
    /// # Errors
    /// As [`Ledger::recorder`].
    pub fn laboratory_book(&self) -> Result<LaboratoryBook> {
        match self.shared.access {
            Access::Read => Err(Error::ReadOnly),
            Access::Write => LaboratoryBook::new(Arc::clone(&self.shared)),
        }
    }
}

impl Shared {
    /// A reading connection: an idle one or a new one.
    pub(crate) fn reading(&self) -> Result<Connection> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                Some(connection) if connection.is_closed() => {}
                Some(connection) => return Ok(connection),
                None => return schema::connect(&self.place, Access::Read, self.options.busy_wait),
            }
        }
    }

    /// Refuses a head that does not come after the last one this process has signed: the ledger was put back under it.
    pub(crate) fn expect_later(&self, head: &TreeHead) -> Result<()> {
        let signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        match &signed.0 {
            Some(last) if head.number <= last.number || head.size <= last.size => {
                Err(Error::Backwards { seen: last.size, found: head.size, head: self.place.head() })
            }
            _ => Ok(()),
        }
    }

    /// Keeps a new head beside the ledger: at most once a second, and the last one when the ledger is closed.
    pub(crate) fn remember(&self, head: TreeHead) {
        let Some(key) = &self.signer else { return };
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        if signed.1.is_none_or(|at| at.elapsed() >= REMEMBERED_EVERY) {
            log::remember(&self.place, key, &head);
            signed.1 = Some(Instant::now());
        }
        if signed.0.as_ref().is_none_or(|last| last.number < head.number) {
            signed.0 = Some(head);
        }
    }

    /// Keeps a reading connection for the next snapshot.
    pub(crate) fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(connection);
        }
    }
}

/// The key the ledger was made with; `None` when it has none yet.
pub(crate) fn check_key(connection: &Connection, place: &Place) -> Result<Option<Protector>> {
    let id: Option<String> = connection
        .query_row("SELECT value FROM settings WHERE name = 'key-id'", [], |row| row.get(0))
        .optional()?;
    let Some(id) = id else { return Ok(None) };
    let file = place.key();
    let protector = Protector::read(&file)?;
    if protector.key_id() == id {
        return Ok(Some(protector));
    }
    Err(Error::KeyWrong { path: file, found: "it is the key of another ledger".to_owned() })
}

/// [`check_key`], making key and file for a new ledger. The write lock keeps two processes from making two.
fn ensure_key(connection: &Connection, place: &Place) -> Result<Protector> {
    if let Some(protector) = check_key(connection, place)? {
        return Ok(protector);
    }
    connection.begin_write()?;
    let made = (|| {
        if let Some(protector) = check_key(connection, place)? {
            return Ok(protector);
        }
        let file = place.key();
        // A key without a ledger is left over from an attempt that was cut off; it is as good as a new one.
        let protector = match Protector::read(&file) {
            Err(Error::KeyMissing { .. }) => Protector::create(&file)?,
            result => result?,
        };
        connection
            .execute("INSERT INTO settings (name, value) VALUES ('key-id', ?1)", [protector.key_id()])?;
        connection.commit()?;
        Ok(protector)
    })();
    if made.is_err() {
        connection.roll_back();
    }
    made
}

impl Drop for Shared {
    fn drop(&mut self) {
        let signed = self.signed.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let (Some(key), Some(head)) = (&self.signer, &signed.0) {
            log::remember(&self.place, key, head);
        }
    }
}

/// Begins the log of a ledger that has none: everything on record becomes its first entries. Within the transaction that
/// makes its tables.
fn begin_log(connection: &Connection, place: &Place, options: &Options) -> Result<()> {
    let key = log::ensure_key(connection, place)?;
    log::begin(connection)?;
    log::seal(connection, &key, options.clock.now())?;
    Ok(())
}
