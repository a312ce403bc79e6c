//! The ledger in a database server: PostgreSQL, spoken to over the wire.
//!
//! Everything of a ledger lies in the schema `hengxin`, so that it may share its database with other things. Writers take
//! turns by an advisory lock of their transaction; readers see one state of the database. Both, and why, in
//! `docs/decisions/0015-postgresql.md`.

mod address;
mod dialect;
mod driver;
mod queue;
mod statement;
mod tables;
mod tls;
mod values;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

pub use address::{Address, AddressError};
pub(super) use statement::{Rows, Statement};
pub(super) use tables::{columns, damage, is_protected, mark, protect, set_mark, settle};
pub(super) use values::value;

use super::{Access, Error, Result};
use driver::wait;
use queue::Queue;
use values::Prepared;

/// Whose turn it is to write: `HXLG` as a number.
const WRITER: i64 = 0x4858_4C47;
/// Who looks after schedules: the number after it.
const LEADER: i64 = WRITER + 1;
/// Whether locks lock at all: the number after that, with a session's own number before it.
const TRIAL: i64 = WRITER + 2;

/// A connection to the server, made again when it was lost and a further write begins.
pub(crate) struct Connection {
    address: Address,
    access: Access,
    busy_wait: Duration,
    client: RefCell<Arc<Client>>,
    statements: RefCell<HashMap<String, Prepared>>,
    state: Cell<State>,
    queue: Queue,
    /// By table: the last number given to a row in this transaction.
    numbers: RefCell<HashMap<String, i64>>,
    /// Whether it has the lead.
    leads: Cell<bool>,
    /// Names of cursors count up.
    cursors: Cell<u64>,
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No transaction.
    Idle,
    /// In a transaction.
    Open,
    /// In a transaction that can only be undone: the server would answer `COMMIT` by undoing it, without a complaint.
    Failed,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("address", &self.address)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) fn open(address: &Address, access: Access, busy_wait: Duration) -> Result<Connection> {
        Ok(Connection {
            address: address.clone(),
            access,
            busy_wait,
            client: RefCell::new(Arc::new(connect(address, access, busy_wait)?)),
            statements: RefCell::default(),
            state: Cell::new(State::Idle),
            queue: Queue::default(),
            numbers: RefCell::default(),
            leads: Cell::new(false),
            cursors: Cell::new(0),
        })
    }

    pub(super) fn prepare(&self, sql: &str) -> Statement<'_> {
        Statement::new(self, sql)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.borrow().is_closed()
    }

    pub(super) fn execute_batch(&self, sql: &str) -> Result<()> {
        let done = wait(self.client.borrow().batch_execute(sql));
        self.answered(done)
    }

    /// Sees what was committed before its first statement, and nothing later.
    pub(super) fn begin_read(&self) -> Result<()> {
        self.afresh(|| self.execute_batch("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"))?;
        self.state.set(State::Open);
        Ok(())
    }

    /// Every statement sees what was committed before it began. While the lock is held that is all there will be; a
    /// transaction with one view for all its statements would have taken it before the lock, too early.
    pub(super) fn begin_write(&self) -> Result<()> {
        let sql = format!("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({WRITER})");
        self.afresh(|| {
            self.numbers.borrow_mut().clear();
            let begun = self.execute_batch(&sql);
            self.state.set(State::Open);
            if begun.is_err() {
                self.roll_back();
            }
            begun
        })
    }

    /// Does what begins something, and once more over a new connection where the old one proves to be lost: nothing that was
    /// begun over it can have been kept.
    fn afresh<T>(&self, begin: impl Fn() -> Result<T>) -> Result<T> {
        if !self.is_closed() {
            match begin() {
                Err(Error::Postgres(error)) if is_lost(&error) => {}
                done => return done,
            }
        }
        self.reconnect()?;
        begin()
    }

    fn reconnect(&self) -> Result<()> {
        let client = connect(&self.address, self.access, self.busy_wait)?;
        self.statements.borrow_mut().clear();
        self.state.set(State::Idle);
        *self.client.borrow_mut() = Arc::new(client);
        Ok(())
    }

    pub(super) fn commit(&self) -> Result<()> {
        self.flush()?;
        if self.state.get() == State::Failed {
            self.roll_back();
            return Err(Error::Undone);
        }
        let kept = self.execute_batch("COMMIT").map_err(|error| match error {
            Error::Postgres(error) => Error::Commit(error),
            other => other,
        });
        if kept.is_ok() {
            self.state.set(State::Idle);
        }
        kept
    }

    pub(super) fn roll_back(&self) {
        // Nobody asks any longer what became of what is on its way.
        let _ = self.queue.drain();
        if !self.is_autocommit() {
            // Where this fails the connection is gone, and the transaction with it.
            let _ = self.execute_batch("ROLLBACK");
        }
        self.state.set(State::Idle);
    }

    pub(super) fn flush(&self) -> Result<()> {
        self.answered(Ok(()))
    }

    pub(super) fn is_autocommit(&self) -> bool {
        self.state.get() == State::Idle || self.is_closed()
    }

    pub(super) fn savepoint(&self) -> Result<()> {
        self.execute_batch("SAVEPOINT part")
    }

    pub(super) fn release(&self) -> Result<()> {
        self.execute_batch("RELEASE SAVEPOINT part")
    }

    pub(super) fn undo(&self) -> Result<()> {
        let _ = self.queue.drain();
        self.numbers.borrow_mut().clear();
        self.execute_batch("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part")?;
        self.state.set(State::Open);
        Ok(())
    }

    /// Takes the lead until the connection ends, unless another one has it; whether it has it.
    pub(super) fn lead(&self) -> Result<bool> {
        // A session that answers still has what it took.
        if self.leads.get() && self.execute_batch("SELECT 1").is_ok() {
            return Ok(true);
        }
        self.leads.set(false);
        let leads = self.afresh(|| {
            self.prepare("SELECT pg_try_advisory_lock(?1)").query([LEADER], false)?.first(|row| row.get(0))
        })?;
        self.leads.set(leads);
        Ok(leads)
    }

    /// An answer, unless one that came before it is a failure.
    fn answered<T>(&self, done: std::result::Result<T, tokio_postgres::Error>) -> Result<T> {
        let earlier = self.queue.drain();
        earlier.and(done).map_err(|error| self.failed(error))
    }

    /// Tries whether a lock that one session holds is kept from another one. Some databases that speak the protocol answer the
    /// calls without locking anything, and two writers would overwrite each other's numbers.
    pub(super) fn try_locks(&self) -> Result<()> {
        let other = Connection::open(&self.address, self.access, self.busy_wait)?;
        let number =
            |sql: &str, key: i64| self.prepare(sql).query([key], false)?.first(|row| row.get::<i64>(0));
        let key = number("SELECT pg_backend_pid() * 4294967296 + ?1", TRIAL)?;
        number("SELECT 1 FROM (SELECT pg_advisory_lock(?1)) AS taken", key)?;
        let taken: bool =
            other.prepare("SELECT pg_try_advisory_lock(?1)").query([key], false)?.first(|row| row.get(0))?;
        number("SELECT pg_advisory_unlock(?1)", key)?;
        if taken { Err(Error::NoLocks) } else { Ok(()) }
    }

    /// Takes note of a failure: a transaction in which a statement failed can only be undone.
    fn failed(&self, error: tokio_postgres::Error) -> Error {
        if self.state.get() == State::Open {
            self.state.set(State::Failed);
        }
        Error::Postgres(error)
    }
}

fn connect(address: &Address, access: Access, busy_wait: Duration) -> Result<Client> {
    let client = driver::connect(address)?;
    // 0 would mean without end.
    let busy_wait = busy_wait.as_millis().clamp(1, 1 << 30);
    let read_only = match access {
        Access::Read => "on",
        Access::Write => "off",
    };
    let set = wait(client.batch_execute(&format!(
        "SET search_path = hengxin, pg_temp;
         SET default_transaction_read_only = {read_only};
         SET lock_timeout = {busy_wait};
         SET synchronous_commit = on;
         SET client_min_messages = warning;"
    )));
    set.map(|()| client).map_err(Error::Postgres)
}

/// Whether the same transaction may succeed when it is tried again: the server undid it in favour of another one.
pub(super) fn is_retryable(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED))
}

pub(super) fn is_constraint(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| code.code().starts_with("23"))
}

/// Whether the connection is gone, or on its way out: the server said that it shuts down.
fn is_lost(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => code.code().starts_with("57P") || code.code().starts_with("08"),
        None => {
            error.is_closed()
                || std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
        }
    }
}

/// What an error means to the ledger.
pub(crate) fn meaning(error: tokio_postgres::Error) -> crate::Error {
    let unreachable = |detail: String| crate::Error::Unreachable { detail };
    let Some(told) = error.as_db_error() else {
        // Without a word from the server: no connection, or one that was lost.
        return if is_lost(&error) { unreachable(whole(&error)) } else { failed(&error) };
    };
    let code = told.code();
    if *code == SqlState::LOCK_NOT_AVAILABLE {
        crate::Error::Busy { waited: None }
    } else if *code == SqlState::DISK_FULL {
        crate::Error::Full
    } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        crate::Error::ReadOnly
    } else if *code == SqlState::DATA_CORRUPTED || *code == SqlState::INDEX_CORRUPTED {
        crate::Error::corrupt(told.message())
    } else if is_retryable(&error) {
        crate::Error::Undone { attempts: 1 }
    } else if ["08", "28", "3D", "53", "57"].iter().any(|class| code.code().starts_with(class)) {
        // Refused, shut down, out of connections: no fault of the statement.
        unreachable(told.message().to_owned())
    } else {
        failed(&error)
    }
}

/// What a failure to commit means: where the connection was lost, nobody knows whether the server had heard of it.
pub(crate) fn meaning_of_commit(error: tokio_postgres::Error) -> crate::Error {
    match meaning(error) {
        crate::Error::Unreachable { detail } => crate::Error::Unreachable {
            detail: format!("{detail}; the write was about to be kept, and may or may not have been"),
        },
        other => other,
    }
}

/// Without what the server adds in detail: it may repeat what a row holds.
fn failed(error: &tokio_postgres::Error) -> crate::Error {
    crate::Error::engine(std::io::Error::other(whole(error)))
}

/// An error with its causes: the driver's own text leaves them out.
fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
