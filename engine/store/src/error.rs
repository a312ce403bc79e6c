//! What can go wrong with the ledger, and whose fault it is.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::db;

/// Who has to act on an error. The service turns this into a gRPC status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request or command was wrong: asking again gives the same answer.
    Caller,
    /// What is stored is wrong or belongs to somebody else: an operator has to look.
    Data,
    /// The machine or another process is in the way: asking again later may succeed.
    System,
}

/// An error of the ledger.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// There is no file to open.
    #[error("no ledger at `{path}`, expected a file made by this program")]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A new ledger was asked for where a file lies already.
    #[error("`{path}` exists already, expected a free path for a new ledger")]
    Exists {
        /// The path in question.
        path: PathBuf,
    },
    /// The file is not a ledger.
    #[error("`{path}` is not a ledger: found {found}, expected application id {expected}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
        /// Our application id, in hexadecimal.
        expected: String,
    },
    /// A later program made the file.
    #[error(
        "`{path}` has schema version {found}, this program knows versions up to {known}: use a newer program"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The file's version.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// The file has an earlier schema and was opened only for reading.
    #[error("`{path}` has schema version {found}, expected {known}: open it once for writing to upgrade it")]
    Older {
        /// The file.
        path: PathBuf,
        /// The file's version.
        found: i64,
        /// The version needed.
        known: i64,
    },
    /// Pages or rows do not hold what they must.
    #[error("the ledger is damaged: {detail}; restore it from a backup")]
    Corrupt {
        /// What was found.
        detail: String,
    },
    /// History no longer says what was logged: somebody changed the file.
    #[error("{}: {detail}; the ledger was changed past this program: keep it as evidence and restore a backup", which(*.entry))]
    Altered {
        /// The first entry of the log that is wrong; `None` when what is wrong lies in no entry.
        entry: Option<u64>,
        /// What was found.
        detail: String,
    },
    /// The ledger holds less than this machine has seen in it.
    #[error(
        "the log went backwards: found {found} entries, expected at least the {seen} of the signed head in `{head}`; a ledger \
         restored on purpose from an earlier backup is opened after that file is moved away"
    )]
    Backwards {
        /// Entries seen before.
        seen: u64,
        /// Entries now.
        found: u64,
        /// Where the head that was seen is kept.
        head: PathBuf,
    },
    /// An entry the log does not have.
    #[error("the log has no {found}")]
    NoEntry {
        /// What was asked for.
        found: String,
    },
    /// The disk, or the size set for the ledger, is used up.
    #[error("no space left for the ledger; nothing of this write was kept")]
    Full,
    /// Another process held the write lock too long.
    #[error("the ledger is locked by another writer{}", how_long(*.waited))]
    Busy {
        /// How long it was waited for, when known.
        waited: Option<Duration>,
    },
    /// The database undid the write in favour of others, again and again.
    #[error(
        "the database undid this write {attempts} times in favour of others, nothing of it was kept: try again later"
    )]
    Undone {
        /// How often it was tried.
        attempts: u32,
    },
    /// The server of the database does not answer, or the connection was lost.
    #[error("no connection to the database: {detail}")]
    Unreachable {
        /// Why, as the server or the system says.
        detail: String,
    },
    /// A text that the database cannot keep.
    #[error("a text holds the character U+0000, which the database cannot keep; expected texts without it")]
    Nul,
    /// The address of the database is none.
    #[error(transparent)]
    Address(#[from] crate::AddressError),
    /// A write through a ledger opened for reading.
    #[error("the ledger is opened for reading only")]
    ReadOnly,
    /// The key that protects identity numbers is not where it should be.
    #[error("no key file at `{path}`, expected the key this ledger was made with")]
    KeyMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The key is malformed or belongs to another ledger.
    #[error("the key file `{path}` does not fit this ledger: {found}")]
    KeyWrong {
        /// The key file.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// The ledger holds facts of a code the vocabulary does not declare.
    #[error("the ledger holds {found}, which vocabulary edition `{edition}` does not declare")]
    Vocabulary {
        /// Code, attribute, value or register.
        found: String,
        /// Edition of the vocabulary in use.
        edition: String,
    },
    /// A request id was used before for something else.
    #[error("request id `{request_id}` was used before for another {what}, expected a new id")]
    RequestReused {
        /// The id.
        request_id: String,
        /// `method` or `body`.
        what: &'static str,
    },
    /// A request id of an unusable form.
    #[error("request id `{found}`: expected 1 to 64 printable ASCII characters")]
    RequestForm {
        /// The id, shortened.
        found: String,
    },
    /// A quarantine entry nobody knows.
    #[error("no quarantined row {found}")]
    UnknownQuarantine {
        /// The id asked for.
        found: u64,
    },
    /// A result was handed in for a subject the ledger has never seen.
    #[error("`{subject}` is not in the ledger, expected a subject with at least one fact")]
    UnknownSubject {
        /// The code.
        subject: String,
    },
    /// Another run of the field is queued or under way.
    #[error("run {run} of field `{field}` is {state}, expected none under way: one run at a time in a field")]
    RunInProgress {
        /// The field.
        field: String,
        /// The run that is in the way.
        run: u64,
        /// `queued` or `running`.
        state: &'static str,
    },
    /// No run has this id.
    #[error("no run {found}")]
    UnknownRun {
        /// The id asked for.
        found: u64,
    },
    /// A run that is over was to be cancelled.
    #[error("run {run} has {state} already, expected one that is queued or running; {published}")]
    RunFinished {
        /// The run.
        run: u64,
        /// How it ended.
        state: &'static str,
        /// Whether its results are published.
        published: &'static str,
    },
    /// An incremental run was to go on from a run that cannot serve.
    #[error("run {run} {found}, expected a run of field `{field}` that succeeded")]
    NotAPrevious {
        /// The run named.
        run: u64,
        /// What it is instead.
        found: String,
        /// The field of the new run.
        field: String,
    },
    /// The lock of a run is held by somebody else now: this process was taken for dead.
    #[error("run {run} is no longer held by this process, expected its lock: somebody else took it over")]
    LockLost {
        /// The run.
        run: u64,
    },
    /// The user asked for the run to be cancelled before it was published.
    #[error("run {run} is cancelled, nothing of it is published")]
    RunCancelled {
        /// The run.
        run: u64,
    },
    /// Results that are not what the run said they are.
    #[error("results of run {run}: {detail}; nothing of them is published")]
    WrongResults {
        /// The run.
        run: u64,
        /// What was found and what was expected.
        detail: String,
    },
    /// No schedule has this name.
    #[error("no schedule `{name}`")]
    UnknownSchedule {
        /// The name asked for.
        name: String,
    },
    /// A schedule of this name is there already.
    #[error("schedule `{name}` exists already, expected a free name")]
    ScheduleExists {
        /// The name.
        name: String,
    },
    /// A laboratory refuses.
    #[error(transparent)]
    Laboratory(#[from] crate::laboratory::LaboratoryError),
    /// The web of relations is too large to follow.
    #[error("more than {limit} relations lead away from `{subject}`")]
    TooManyRelated {
        /// The subject asked about.
        subject: String,
        /// The limit.
        limit: usize,
    },
    /// The queue of writes is full.
    #[error("{waiting} writes are waiting already, expected fewer: try again later")]
    Overloaded {
        /// How many are waiting.
        waiting: usize,
    },
    /// The writer has been stopped.
    #[error("the writer has stopped, nothing of this write was kept")]
    Stopped,
    /// A file beside the database could not be read or written.
    #[error("`{path}`: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Arc<std::io::Error>,
    },
    /// Anything else the database engine reports.
    #[error("the database engine failed: {0}")]
    Engine(Arc<dyn std::error::Error + Send + Sync>),
}

/// The result of anything the ledger does.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Who has to act.
    pub const fn fault(&self) -> Fault {
        match self {
            Error::Missing { .. }
            | Error::Exists { .. }
            | Error::ReadOnly
            | Error::Nul
            | Error::Address(_)
            | Error::RequestReused { .. }
            | Error::RequestForm { .. }
            | Error::UnknownQuarantine { .. }
            | Error::NoEntry { .. }
            | Error::UnknownSubject { .. }
            | Error::RunInProgress { .. }
            | Error::UnknownRun { .. }
            | Error::RunFinished { .. }
            | Error::NotAPrevious { .. }
            | Error::RunCancelled { .. }
            | Error::UnknownSchedule { .. }
            | Error::ScheduleExists { .. }
            | Error::Laboratory(_) => Fault::Caller,
            Error::Foreign { .. }
            | Error::Newer { .. }
            | Error::Older { .. }
            | Error::Corrupt { .. }
            | Error::Altered { .. }
            | Error::Backwards { .. }
            | Error::KeyMissing { .. }
            | Error::KeyWrong { .. }
            | Error::Vocabulary { .. }
            | Error::WrongResults { .. }
            | Error::TooManyRelated { .. } => Fault::Data,
            Error::Full
            | Error::Busy { .. }
            | Error::Undone { .. }
            | Error::Unreachable { .. }
            | Error::Overloaded { .. }
            | Error::Stopped
            | Error::LockLost { .. }
            | Error::Io { .. }
            | Error::Engine(_) => Fault::System,
        }
    }

    /// A stored value that cannot be what it should.
    pub(crate) fn corrupt(detail: impl Into<String>) -> Error {
        Error::Corrupt { detail: detail.into() }
    }

    /// What an engine reports and nobody here has a better word for.
    pub(crate) fn engine(error: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::Engine(Arc::new(error))
    }

    pub(crate) fn io(path: &std::path::Path, source: std::io::Error) -> Error {
        Error::Io { path: path.to_owned(), source: Arc::new(source) }
    }
}

fn which(entry: Option<u64>) -> String {
    entry.map_or_else(|| "the log".to_owned(), |entry| format!("log entry {entry}"))
}

fn how_long(waited: Option<Duration>) -> String {
    waited.map(|w| format!(", waited {:.1} s", w.as_secs_f64())).unwrap_or_default()
}

impl From<db::Error> for Error {
    fn from(error: db::Error) -> Error {
        match error {
            // A value of another type than its column declares can only come from a damaged page.
            db::Error::Value { .. } | db::Error::JournalMode { .. } => Error::corrupt(error.to_string()),
            db::Error::Sqlite(error) => db::sqlite::meaning(error),
            db::Error::Postgres(error) => db::postgres::meaning(error),
            db::Error::Unreachable { detail } => Error::Unreachable { detail },
            db::Error::Commit(error) => db::postgres::meaning_of_commit(error),
            db::Error::Nul => Error::Nul,
            db::Error::NoRow
            | db::Error::NoLocks
            | db::Error::Parameters { .. }
            | db::Error::Encoding { .. }
            | db::Error::ColumnType
            | db::Error::Undone => Error::engine(error),
        }
    }
}
