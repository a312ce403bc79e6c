//! Sealing: what a transaction wrote becomes entries, nodes and a signed head, in the same transaction.

use hengxin_core::date::Moment;
use hengxin_log::{Frontier, Hash, Nodes, SigningKey, TreeHead, leaf_hash};

use super::source::{self, BATCHES, Bulk, Parts, Source};
use crate::db::{Connection, OptionalExtension};
use crate::error::{Error, Result};

/// The nodes of the tree, as the ledger keeps them.
pub(super) struct KeptNodes<'a>(pub(super) &'a Connection);

impl Nodes for KeptNodes<'_> {
    type Error = Error;

    fn node(&self, id: u64) -> Result<Hash> {
        let mut statement = self.0.prepare_cached("SELECT hash FROM log_nodes WHERE id = ?1")?;
        let id = i64::try_from(id).unwrap_or(i64::MAX);
        let hash: Option<[u8; 32]> = statement.query_row([id], |row| row.get(0)).optional()?;
        hash.map(Hash).ok_or_else(|| Error::corrupt(format!("node {id} of the log is missing")))
    }
}

/// How many entries the log has.
pub(super) fn size(connection: &Connection) -> Result<u64> {
    let last: Option<i64> = connection
        .prepare_cached("SELECT max(position) FROM log_entries")?
        .query_row([], |row| row.get(0))?;
    Ok(last.map_or(0, |last| u64::try_from(last).map_or(0, |last| last + 1)))
}

/// Refuses to go on where rows lie that no transaction of this program sealed: the next head would vouch for them.
pub(crate) fn expect_sealed(connection: &Connection) -> Result<()> {
    match source::grown(connection)?.first() {
        None => Ok(()),
        Some((source, mark)) => Err(Error::Altered {
            entry: None,
            detail: format!("`{}` does not end with its row {mark}, the last one in the log", source.table),
        }),
    }
}

/// Adds entries for all rows of history that have none yet, and signs the new head. Only sound while the write lock is
/// held, as the last thing before the commit, after [`expect_sealed`] as the first. The new head, when there is one.
pub(crate) fn seal(connection: &Connection, key: &SigningKey, now: Moment) -> Result<Option<TreeHead>> {
    let grown = source::grown(connection)?;
    if grown.is_empty() {
        return Ok(None);
    }
    let mark =
        |table: &Source| grown.iter().find(|(source, _)| source.table == table.table).map(|(_, mark)| *mark);
    let before = size(connection)?;
    let mut tree = Growing { connection, frontier: Frontier::load(&KeptNodes(connection), before)? };
    let mut marks = Vec::new();
    let parts = source::read_parts(connection, mark, |part, last| {
        marks.push((part.table, last));
        Ok(())
    })?;
    let nothing = Parts::default();
    let mut seal_table = |table: &Source, text: &dyn Fn(i64, &str) -> String| -> Result<()> {
        let Some(from) = mark(table) else { return Ok(()) };
        let mut to = from;
        table.walk(connection, from, |number, _, row| {
            to = number;
            tree.add(table.table, number, &text(number, row))
        })?;
        if to != from {
            marks.push((table.table, to));
        }
        Ok(())
    };
    seal_table(&BATCHES, &|moment, row| parts.get(&moment).unwrap_or(&nothing).entry(row))?;
    for table in source::singles() {
        seal_table(table, &|_, row| table.entry(row))?;
    }
    let frontier = tree.frontier;
    if frontier.size() == before {
        return Ok(None);
    }
    let mut set = connection.prepare_cached(
        "INSERT INTO log_marks (source, last) VALUES (?1, ?2)
         ON CONFLICT (source) DO UPDATE SET last = excluded.last",
    )?;
    for (table, last) in marks {
        set.execute((table, last))?;
    }
    let last: Option<i64> =
        connection.prepare_cached("SELECT max(number) FROM log_heads")?.query_row([], |row| row.get(0))?;
    let head_number = last.unwrap_or(0) + 1;
    let head = TreeHead {
        origin: key.public().name().to_owned(),
        number: u64::try_from(head_number).unwrap_or(0),
        size: frontier.size(),
        root: frontier.root(),
        at: now.0,
    };
    connection
        .prepare_cached("INSERT INTO log_heads (number, size, head) VALUES (?1, ?2, ?3)")?
        .execute((head_number, i64::try_from(head.size).unwrap_or(i64::MAX), head.sign(key)))?;
    Ok(Some(head))
}

struct Growing<'a> {
    connection: &'a Connection,
    frontier: Frontier,
}

impl Growing<'_> {
    fn add(&mut self, table: &str, row: i64, entry: &str) -> Result<()> {
        let position = i64::try_from(self.frontier.size()).unwrap_or(i64::MAX);
        self.connection
            .prepare_cached("INSERT INTO log_entries (position, source, source_row) VALUES (?1, ?2, ?3)")?
            .queue((position, table, row))?;
        let mut insert =
            self.connection.prepare_cached("INSERT INTO log_nodes (id, hash) VALUES (?1, ?2)")?;
        self.frontier.push(leaf_hash(entry.as_bytes()), |id, hash| {
            Ok(insert.queue((i64::try_from(id).unwrap_or(i64::MAX), hash.0))?)
        })
    }
}

/// Puts on record what a program that knew no log did not: digests of rows without entries of their own.
pub(crate) fn begin(connection: &Connection) -> Result<()> {
    for bulk in Bulk::ALL {
        let mut numbers = connection.prepare_cached(bulk.on_record())?;
        let mut numbers = numbers.query([])?;
        while let Some(row) = numbers.next()? {
            bulk.record(connection, row.get(0)?)?;
        }
    }
    Ok(())
}
