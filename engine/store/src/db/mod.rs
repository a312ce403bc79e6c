//! One connection type over the database engines the ledger can lie in, so that the rest of the crate is written once.
//!
//! The surface is rusqlite's, as far as the crate uses it: statements are prepared once and kept, parameters are `?1`,
//! `?2`, rows are read column by column and may be borrowed from. What engines do differently has a name here
//! (transactions, savepoints) or lies in the file of the engine.

pub(crate) mod postgres;
pub(crate) mod sqlite;
mod value;

use std::time::Duration;

use crate::place::Place;

pub(crate) use value::{FromValue, Kind, Owned, Params, Value};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// What an engine reports.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A row was expected where there is none.
    #[error("no row, expected one")]
    NoRow,
    /// A column holds what its type does not allow. Only damage does that.
    #[error("column {column} of a row holds {found}, expected {expected}")]
    Value { column: usize, found: &'static str, expected: &'static str },
    /// A statement was given another number of parameters than it has: a mistake in this crate.
    #[error("{found} parameters, expected {expected}")]
    Parameters { found: usize, expected: usize },
    /// The log the file must have cannot be turned on.
    #[error("journal mode `{found}`, expected `wal`")]
    JournalMode { found: String },
    /// A column of a type no ledger has.
    #[error("a column of a type that no ledger has, expected integers, texts and bytes")]
    ColumnType,
    /// A database whose texts would not be what they are here.
    #[error("a database of encoding `{found}`, expected `UTF8`")]
    Encoding { found: String },
    /// A text that a server cannot keep.
    #[error("a text with the character U+0000")]
    Nul,
    /// A server whose locks do not lock.
    #[error("a server on which two sessions hold one advisory lock")]
    NoLocks,
    /// There is no connection to the server.
    #[error("{detail}")]
    Unreachable { detail: String },
    /// A statement of the transaction failed, so that nothing of it can be kept.
    #[error("a statement of the transaction failed, nothing of it is kept")]
    Undone,
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Postgres(tokio_postgres::Error),
    /// The server did not say what became of a transaction that was to be kept.
    #[error(transparent)]
    Commit(tokio_postgres::Error),
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Whether what was to be opened is no database at all.
    pub(crate) fn is_no_database(&self) -> bool {
        matches!(self, Error::Sqlite(error)
            if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase))
    }

    /// Whether a row was refused because its key is taken, or because of another rule of its table.
    pub(crate) fn is_constraint(&self) -> bool {
        match self {
            Error::Sqlite(error) => {
                error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
            }
            Error::Postgres(error) => postgres::is_constraint(error),
            _ => false,
        }
    }
}

/// A column of a table.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Whether it is part of the key, whose columns stand in the order of the table.
    pub(crate) key: bool,
}

/// What a database says about itself.
pub(crate) struct Mark {
    /// Whose it is; 0 when nobody has said.
    pub(crate) application: i64,
    /// Which version its tables have; 0 when it has none.
    pub(crate) version: i64,
    /// Whether it has no tables at all.
    pub(crate) empty: bool,
}

/// A connection to the ledger's database.
#[derive(Debug)]
pub(crate) enum Connection {
    Sqlite(rusqlite::Connection),
    Postgres(Box<postgres::Connection>),
}

impl Connection {
    /// Opens a connection. `wait` is how long a write waits for its turn.
    pub(crate) fn open(place: &Place, access: Access, wait: Duration) -> Result<Connection> {
        match place {
            Place::File(path) => sqlite::open(path, access, wait).map(Connection::Sqlite),
            Place::Postgres { address, .. } => {
                postgres::Connection::open(address, access, wait).map(Box::new).map(Connection::Postgres)
            }
        }
    }

    /// Whether the connection is lost for good.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Connection::Sqlite(_) => false,
            Connection::Postgres(connection) => connection.is_closed(),
        }
    }

    /// The statement, prepared now or kept from an earlier use.
    pub(crate) fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>> {
        match self {
            Connection::Sqlite(connection) => {
                Ok(Statement::Sqlite(connection, connection.prepare_cached(sql)?))
            }
            Connection::Postgres(connection) => Ok(Statement::Postgres(connection.prepare(sql))),
        }
    }

    pub(crate) fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.prepare_cached(sql)?.execute(params)
    }

    pub(crate) fn query_row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.prepare_cached(sql)?.query_row(params, read)
    }

    /// Statements without parameters or results, one after another.
    pub(crate) fn execute_batch(&self, sql: &str) -> Result<()> {
        match self {
            Connection::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Connection::Postgres(connection) => connection.execute_batch(sql),
        }
    }

    /// What the database says about itself.
    pub(crate) fn mark(&self) -> Result<Mark> {
        match self {
            Connection::Sqlite(connection) => sqlite::mark(connection),
            Connection::Postgres(connection) => postgres::mark(connection),
        }
    }

    pub(crate) fn set_mark(&self, application: i64, version: i64) -> Result<()> {
        match self {
            Connection::Sqlite(connection) => sqlite::set_mark(connection, application, version),
            Connection::Postgres(connection) => postgres::set_mark(connection, application, version),
        }
    }

    /// Makes the settings that stay with the database, before its tables are made.
    pub(crate) fn settle(&self, wait: Duration) -> Result<()> {
        match self {
            Connection::Sqlite(connection) => sqlite::into_wal(connection, wait),
            Connection::Postgres(connection) => postgres::settle(connection),
        }
    }

    /// Lets nobody change or remove rows of a table from now on.
    pub(crate) fn protect(&self, table: &str) -> Result<()> {
        match self {
            Connection::Sqlite(connection) => sqlite::protect(connection, table),
            Connection::Postgres(connection) => postgres::protect(connection, table),
        }
    }

    /// Whether rows of a table that [`Connection::protect`] or its own schema guards are guarded still, by the guards
    /// that it or `scripts`, which made the tables, put there.
    pub(crate) fn is_protected(&self, table: &str, scripts: &str) -> Result<bool> {
        match self {
            Connection::Sqlite(connection) => sqlite::is_protected(connection, table, scripts),
            Connection::Postgres(connection) => postgres::is_protected(connection, table, scripts),
        }
    }

    /// The columns of a table.
    pub(crate) fn columns(&self, table: &str) -> Result<Vec<Column>> {
        match self {
            Connection::Sqlite(connection) => sqlite::columns(connection, table),
            Connection::Postgres(connection) => postgres::columns(connection, table),
        }
    }

    /// Lets rows of this transaction refer to rows that come later in it.
    pub(crate) fn defer_references(&self) -> Result<()> {
        self.execute_batch(match self {
            Connection::Sqlite(_) => "PRAGMA defer_foreign_keys = ON",
            Connection::Postgres(_) => "SET CONSTRAINTS ALL DEFERRED",
        })
    }

    /// Makes the settings of a connection that writes. How large a database on a server may grow is for the server to say.
    pub(crate) fn for_writing(&self, pages_max: Option<u32>) -> Result<()> {
        match self {
            Connection::Sqlite(connection) => sqlite::for_writing(connection, pages_max),
            Connection::Postgres(_) => Ok(()),
        }
    }

    /// The first thing found that does not hold together: pages, or rows that refer to rows that are not there. `None`
    /// when all is well.
    pub(crate) fn damage(&self) -> Result<Option<String>> {
        match self {
            Connection::Sqlite(connection) => sqlite::damage(connection),
            Connection::Postgres(connection) => postgres::damage(connection),
        }
    }

    /// Begins a transaction that sees one state of the ledger and changes nothing.
    pub(crate) fn begin_read(&self) -> Result<()> {
        match self {
            Connection::Sqlite(connection) => sqlite::now(connection, "BEGIN"),
            Connection::Postgres(connection) => connection.begin_read(),
        }
    }

    /// Begins a transaction that writes, once no other one does. Waits as long as the connection was opened to wait.
    pub(crate) fn begin_write(&self) -> Result<()> {
        match self {
            Connection::Sqlite(connection) => sqlite::now(connection, "BEGIN IMMEDIATE"),
            Connection::Postgres(connection) => connection.begin_write(),
        }
    }

    pub(crate) fn commit(&self) -> Result<()> {
        match self {
            Connection::Sqlite(connection) => sqlite::now(connection, "COMMIT"),
            Connection::Postgres(connection) => connection.commit(),
        }
    }

    /// Ends the transaction without effect. Some failures have ended it already; then there is nothing left to undo.
    pub(crate) fn roll_back(&self) {
        match self {
            Connection::Sqlite(connection) => {
                if !connection.is_autocommit() {
                    let _ = connection.execute_batch("ROLLBACK");
                }
            }
            Connection::Postgres(connection) => connection.roll_back(),
        }
    }

    /// Whether no transaction is under way.
    pub(crate) fn is_autocommit(&self) -> bool {
        match self {
            Connection::Sqlite(connection) => connection.is_autocommit(),
            Connection::Postgres(connection) => connection.is_autocommit(),
        }
    }

    /// Takes the lead among the servers that share the database, or keeps it; whether it has it.
    pub(crate) fn lead(&self) -> Result<bool> {
        match self {
            Connection::Sqlite(_) => Ok(true),
            Connection::Postgres(connection) => connection.lead(),
        }
    }

    /// Waits for everything that was queued.
    pub(crate) fn flush(&self) -> Result<()> {
        match self {
            Connection::Sqlite(_) => Ok(()),
            Connection::Postgres(connection) => connection.flush(),
        }
    }

    /// Begins a part of the transaction that can be undone alone.
    pub(crate) fn savepoint(&self) -> Result<()> {
        match self {
            Connection::Sqlite(connection) => sqlite::now(connection, "SAVEPOINT part"),
            Connection::Postgres(connection) => connection.savepoint(),
        }
    }

    /// Keeps what was done since [`Connection::savepoint`].
    pub(crate) fn release(&self) -> Result<()> {
        match self {
            Connection::Sqlite(connection) => sqlite::now(connection, "RELEASE part"),
            Connection::Postgres(connection) => connection.release(),
        }
    }

    /// Undoes what was done since [`Connection::savepoint`].
    pub(crate) fn undo(&self) -> Result<()> {
        match self {
            Connection::Sqlite(connection) => Ok(connection.execute_batch("ROLLBACK TO part; RELEASE part")?),
            Connection::Postgres(connection) => connection.undo(),
        }
    }
}

/// A prepared statement.
pub(crate) enum Statement<'c> {
    Sqlite(&'c rusqlite::Connection, rusqlite::CachedStatement<'c>),
    Postgres(postgres::Statement<'c>),
}

impl Statement<'_> {
    /// The rows it gives.
    pub(crate) fn query(&mut self, params: impl Params) -> Result<Rows<'_>> {
        match self {
            Statement::Sqlite(_, statement) => {
                sqlite::bind(statement, &params)?;
                Ok(Rows::Sqlite(statement.raw_query()))
            }
            Statement::Postgres(statement) => statement.query(params, false).map(Rows::Postgres),
        }
    }

    /// [`Statement::query`] for results of any size: rows come in parts where they come over a wire. Only within a
    /// transaction.
    pub(crate) fn query_in_parts(&mut self, params: impl Params) -> Result<Rows<'_>> {
        match self {
            Statement::Sqlite(..) => self.query(params),
            Statement::Postgres(statement) => statement.query(params, true).map(Rows::Postgres),
        }
    }

    /// The rows it gives, each turned into something else.
    pub(crate) fn query_map<T, F>(&mut self, params: impl Params, read: F) -> Result<Mapped<'_, F>>
    where
        F: FnMut(Row<'_>) -> Result<T>,
    {
        Ok(Mapped { rows: self.query(params)?, read })
    }

    /// Its first row; [`Error::NoRow`] when it gives none.
    pub(crate) fn query_row<T>(
        &mut self,
        params: impl Params,
        read: impl FnOnce(Row<'_>) -> Result<T>,
    ) -> Result<T> {
        match self.query(params)?.next()? {
            Some(row) => read(row),
            None => Err(Error::NoRow),
        }
    }

    /// Whether it gives a row.
    pub(crate) fn exists(&mut self, params: impl Params) -> Result<bool> {
        Ok(self.query(params)?.next()?.is_some())
    }

    /// Carries it out; the number of rows it changed.
    pub(crate) fn execute(&mut self, params: impl Params) -> Result<usize> {
        match self {
            Statement::Sqlite(_, statement) => {
                sqlite::bind(statement, &params)?;
                Ok(statement.raw_execute()?)
            }
            Statement::Postgres(statement) => statement.execute(&params),
        }
    }

    /// Carries it out like [`Statement::execute`], but does not wait for the answer where that comes over a wire. A failure
    /// shows with a later statement, at the latest with [`Connection::flush`] or when the transaction is committed.
    pub(crate) fn queue(&mut self, params: impl Params) -> Result<()> {
        match self {
            Statement::Sqlite(..) => self.execute(params).map(|_| ()),
            Statement::Postgres(statement) => statement.queue(&params),
        }
    }

    /// Inserts one row; the number it was given: one more than the last row's. Waits as little as [`Statement::queue`].
    pub(crate) fn insert(&mut self, params: impl Params) -> Result<i64> {
        match self {
            Statement::Sqlite(connection, statement) => {
                sqlite::bind(statement, &params)?;
                statement.raw_execute()?;
                Ok(connection.last_insert_rowid())
            }
            Statement::Postgres(statement) => statement.insert(&params),
        }
    }
}

/// Rows as a statement gives them.
pub(crate) enum Rows<'s> {
    Sqlite(rusqlite::Rows<'s>),
    Postgres(postgres::Rows<'s>),
}

impl Rows<'_> {
    pub(crate) fn next(&mut self) -> Result<Option<Row<'_>>> {
        match self {
            Rows::Sqlite(rows) => Ok(rows.next()?.map(Row::Sqlite)),
            Rows::Postgres(rows) => Ok(rows.next()?.map(Row::Postgres)),
        }
    }
}

/// Rows as the caller reads them.
pub(crate) struct Mapped<'s, F> {
    rows: Rows<'s>,
    read: F,
}

impl<T, F: FnMut(Row<'_>) -> Result<T>> Iterator for Mapped<'_, F> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        match self.rows.next() {
            Ok(row) => row.map(&mut self.read),
            Err(error) => Some(Err(error)),
        }
    }
}

/// Whether two statements differ in blanks and ends of lines only, as those of earlier programs do.
fn same_words(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

/// One row. Texts and bytes may be borrowed from it.
#[derive(Clone, Copy)]
pub(crate) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

impl<'r> Row<'r> {
    /// The value of a column, counted from 0.
    pub(crate) fn get<T: FromValue<'r>>(self, column: usize) -> Result<T> {
        value::read(column, self.value(column)?)
    }

    /// The value of a column as it is.
    pub(crate) fn value(self, column: usize) -> Result<Value<'r>> {
        match self {
            Row::Sqlite(row) => sqlite::value(row, column),
            Row::Postgres(row) => postgres::value(row, column),
        }
    }
}

/// Turns the absence of a row into `None`.
pub(crate) trait OptionalExtension<T> {
    fn optional(self) -> Result<Option<T>>;
}

impl<T> OptionalExtension<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(Error::NoRow) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
