//! Statements, and the rows they give: all at once, or in parts through a cursor.

use std::sync::Arc;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::Connection;
use super::dialect::{numbered, translate};
use super::driver::wait;
use super::values::{Prepared, type_of};
use crate::db::value::Kind;
use crate::db::{Error, Owned, Params, Result, Value};

/// Rows fetched at once through a cursor.
const PART: usize = 500;

/// A statement, prepared when it is first carried out: only then are the types of its parameters known, which the server
/// cannot always guess.
pub(crate) struct Statement<'c> {
    connection: &'c Connection,
    sql: String,
}

impl<'c> Statement<'c> {
    pub(super) fn new(connection: &'c Connection, sql: &str) -> Statement<'c> {
        Statement { connection, sql: translate(sql) }
    }

    /// Its rows. With `in_parts` they need not fit in memory; there must be a transaction then.
    pub(crate) fn query(&mut self, params: impl Params, in_parts: bool) -> Result<Rows<'c>> {
        if !in_parts {
            let rows = self.rows(&self.sql, &params)?;
            return Ok(Rows { here: rows.into_iter(), current: None, cursor: None });
        }
        let number = self.connection.cursors.get() + 1;
        self.connection.cursors.set(number);
        let name = format!("part_{number}");
        // Prepared for this use alone: no other cursor has this name.
        let sql = format!("DECLARE {name} NO SCROLL CURSOR FOR {}", self.sql);
        let declared = self.execute_sql(&sql, &params);
        self.connection.statements.borrow_mut().remove(&sql);
        declared?;
        let cursor = Cursor { connection: self.connection, name, ended: false };
        Ok(Rows { here: Vec::new().into_iter(), current: None, cursor: Some(cursor) })
    }

    pub(crate) fn execute(&mut self, params: &impl Params) -> Result<usize> {
        let changed = self.execute_sql(&self.sql, params)?;
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    pub(crate) fn queue(&mut self, params: &impl Params) -> Result<()> {
        let (prepared, values) = self.prepared(&self.sql, params)?;
        self.send(prepared, values.into_iter().map(Owned::from).collect())
    }

    /// Gives the row its number here: to be told it by the server would be to wait. Sound because nobody else writes
    /// while this transaction does.
    pub(crate) fn insert(&mut self, params: &impl Params) -> Result<i64> {
        let Some(numbered) = numbered(&self.sql) else {
            let sql = format!("{} RETURNING id", self.sql);
            let rows = self.rows(&sql, params)?;
            return Rows { here: rows.into_iter(), current: None, cursor: None }.first(|row| row.get(0));
        };
        let known = self.connection.numbers.borrow().get(&numbered.table).copied();
        let last: i64 = if let Some(last) = known {
            last
        } else {
            let last = format!("SELECT coalesce(max({}), 0) FROM {}", numbered.key, numbered.table);
            self.connection.prepare(&last).query([], false)?.first(|row| row.get(0))?
        };
        let number = last + 1;
        let params = Numbered(params, number);
        let (prepared, values) = self.prepared(&numbered.sql, &params)?;
        self.send(prepared, values.into_iter().map(Owned::from).collect())?;
        self.connection.numbers.borrow_mut().insert(numbered.table, number);
        Ok(number)
    }

    fn send(&self, prepared: Prepared, values: Vec<Owned>) -> Result<()> {
        let client = Arc::clone(&self.connection.client.borrow());
        let sent = self.connection.queue.send(client, prepared.0, values);
        sent.map_err(|error| self.connection.failed(error))
    }

    fn rows(&self, sql: &str, params: &impl Params) -> Result<Vec<Row>> {
        let (prepared, values) = self.prepared(sql, params)?;
        let client = self.connection.client.borrow();
        let done = wait(client.query(&prepared.0, &as_params(&values)));
        self.connection.answered(done)
    }

    fn execute_sql(&self, sql: &str, params: &impl Params) -> Result<u64> {
        let (prepared, values) = self.prepared(sql, params)?;
        let client = self.connection.client.borrow();
        let done = wait(client.execute(&prepared.0, &as_params(&values)));
        self.connection.answered(done)
    }

    fn prepared<'p>(&self, sql: &str, params: &'p impl Params) -> Result<(Prepared, Vec<Value<'p>>)> {
        let (mut kinds, mut values): (Vec<Kind>, Vec<Value<'p>>) = (Vec::new(), Vec::new());
        params.each(&mut |kind, value| {
            if matches!(value, Value::Text(text) if text.contains('\0')) {
                return Err(Error::Nul);
            }
            kinds.push(kind);
            values.push(value);
            Ok(())
        })?;
        if let Some(known) = self.connection.statements.borrow().get(sql) {
            return Ok((known.clone(), values));
        }
        let types: Vec<_> = kinds.into_iter().map(type_of).collect();
        let client = self.connection.client.borrow();
        let prepared = wait(client.prepare_typed(sql, &types));
        let prepared = Prepared(self.connection.answered(prepared)?);
        self.connection.statements.borrow_mut().insert(sql.to_owned(), prepared.clone());
        Ok((prepared, values))
    }
}

/// Parameters, and the number of the row behind them.
struct Numbered<'a, P>(&'a P, i64);

impl<P: Params> Params for Numbered<'_, P> {
    fn each<'p>(&'p self, take: &mut dyn FnMut(Kind, Value<'p>) -> Result<()>) -> Result<()> {
        self.0.each(take)?;
        take(Kind::Integer, Value::Integer(self.1))
    }
}

fn as_params<'v>(values: &'v [Value<'v>]) -> Vec<&'v (dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

/// Rows of a statement.
pub(crate) struct Rows<'c> {
    /// Those that are here.
    here: std::vec::IntoIter<Row>,
    current: Option<Row>,
    /// Where further rows come from; `None` when all are here.
    cursor: Option<Cursor<'c>>,
}

impl Rows<'_> {
    pub(crate) fn next(&mut self) -> Result<Option<&Row>> {
        self.current = self.here.next();
        if self.current.is_none()
            && let Some(cursor) = &mut self.cursor
        {
            self.here = cursor.part()?.into_iter();
            self.current = self.here.next();
        }
        Ok(self.current.as_ref())
    }

    /// What `read` makes of the first row.
    pub(super) fn first<T>(&mut self, read: impl FnOnce(crate::db::Row<'_>) -> Result<T>) -> Result<T> {
        match self.next()? {
            Some(row) => read(crate::db::Row::Postgres(row)),
            None => Err(crate::db::Error::NoRow),
        }
    }
}

struct Cursor<'c> {
    connection: &'c Connection,
    name: String,
    ended: bool,
}

impl Cursor<'_> {
    fn part(&mut self) -> Result<Vec<Row>> {
        if self.ended {
            return Ok(Vec::new());
        }
        let client: &Client = &self.connection.client.borrow();
        let rows =
            self.connection.answered(wait(client.query(&format!("FETCH {PART} FROM {}", self.name), &[])))?;
        self.ended = rows.len() < PART;
        Ok(rows)
    }
}

impl Drop for Cursor<'_> {
    fn drop(&mut self) {
        if self.connection.state.get() == super::State::Open {
            // It ends with its transaction anyway; until then it would hold memory of the server.
            let _ = self.connection.execute_batch(&format!("CLOSE {}", self.name));
        }
    }
}
