//! Reading the log: heads, entries and proofs.

use hengxin_log::{Proof, ProofFile, TreeHead, VerifyingKey, consistency, inclusion};

use super::key::public_key;
use super::seal::KeptNodes;
use super::source::{self, BATCHES};
use crate::db::{Connection, OptionalExtension};
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;
use crate::words::number;

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its position, from 0.
    pub position: u64,
    /// What it says, made from the row it speaks of as that row is now.
    pub text: String,
}

/// The log of a ledger at one moment, for reading.
#[derive(Clone, Copy, Debug)]
pub struct Log<'a> {
    connection: &'a Connection,
}

impl Snapshot {
    /// The log at this moment.
    pub fn log(&self) -> Log<'_> {
        Log { connection: self.connection() }
    }
}

impl<'a> Log<'a> {
    pub(crate) fn new(connection: &'a Connection) -> Log<'a> {
        Log { connection }
    }

    /// The public key of the log.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when there is none; engine failures.
    pub fn key(self) -> Result<VerifyingKey> {
        public_key(self.connection)?.ok_or_else(|| Error::corrupt("the log has no public key"))
    }

    /// How many entries there are.
    ///
    /// # Errors
    /// Engine failures.
    pub fn size(self) -> Result<u64> {
        super::seal::size(self.connection)
    }

    /// The newest signed head, or the newest of at most `size` entries; `None` when there is none.
    ///
    /// # Errors
    /// Engine failures.
    pub fn head(self, size: Option<u64>) -> Result<Option<String>> {
        let most = size.map_or(i64::MAX, |size| i64::try_from(size).unwrap_or(i64::MAX));
        Ok(self
            .connection
            .prepare_cached("SELECT head FROM log_heads WHERE size <= ?1 ORDER BY size DESC LIMIT 1")?
            .query_row([most], |row| row.get(0))
            .optional()?)
    }

    /// The newest head, read.
    fn newest(self) -> Result<(String, TreeHead)> {
        let note = self.head(None)?.ok_or(Error::NoEntry { found: "entries yet, so no head".to_owned() })?;
        let head = TreeHead::open(&note, &self.key()?)
            .map_err(|error| Error::Altered { entry: None, detail: error.to_string() })?;
        Ok((note, head))
    }

    /// The entry at a position; `None` beyond the end.
    ///
    /// # Errors
    /// [`Error::Altered`] when the row it speaks of is gone; engine failures.
    pub fn entry(self, position: u64) -> Result<Option<LogEntry>> {
        let found: Option<(String, i64)> = self
            .connection
            .prepare_cached("SELECT source, source_row FROM log_entries WHERE position = ?1")?
            .query_row([i64::try_from(position).unwrap_or(i64::MAX)], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((table, row)) = found else { return Ok(None) };
        let gone =
            || Error::Altered { entry: Some(position), detail: format!("row {row} of `{table}` is gone") };
        let text = if table == BATCHES.table {
            let text = BATCHES.row(self.connection, row)?.ok_or_else(gone)?;
            source::parts_of(self.connection, row)?.entry(&text)
        } else {
            let source = source::singles().find(|source| source.table == table).ok_or_else(gone)?;
            source.entry(&source.row(self.connection, row)?.ok_or_else(gone)?)
        };
        Ok(Some(LogEntry { position, text }))
    }

    /// The position of the entry that speaks of a row; `None` when there is none.
    fn position(self, table: &str, row: u64) -> Result<Option<u64>> {
        Ok(self
            .connection
            .prepare_cached("SELECT position FROM log_entries WHERE source = ?1 AND source_row = ?2")?
            .query_row((table, i64::try_from(row).unwrap_or(i64::MAX)), |found| number(found, 0))
            .optional()?)
    }

    /// The position of the entry of a stored evaluation; `None` when there is no such evaluation.
    ///
    /// # Errors
    /// Engine failures.
    pub fn position_of_evaluation(self, id: u64) -> Result<Option<u64>> {
        self.position("evaluations", id)
    }

    /// The position of the entry of a stored tier decision; `None` when there is no such decision.
    ///
    /// # Errors
    /// Engine failures.
    pub fn position_of_tier(self, id: u64) -> Result<Option<u64>> {
        self.position("tiers", id)
    }

    /// Shows that the entry at `position` is in the newest tree.
    ///
    /// # Errors
    /// [`Error::NoEntry`], [`Error::Altered`], engine failures.
    pub fn prove_inclusion(self, position: u64) -> Result<ProofFile> {
        let (note, head) = self.newest()?;
        let entry = self
            .entry(position)?
            .filter(|_| position < head.size)
            .ok_or_else(|| Error::NoEntry { found: format!("entry {position} of {}", head.size) })?;
        let hashes = inclusion(&KeptNodes(self.connection), head.size, position)?;
        Ok(ProofFile::Inclusion {
            entry: entry.text,
            position,
            hashes: Proof::from(hashes.as_slice()),
            head: note,
        })
    }

    /// Shows that the newest tree begins with that of an earlier signed head.
    ///
    /// # Errors
    /// [`Error::Altered`] when `earlier` is not a head of this log or larger than it; engine failures.
    pub fn prove_consistency(self, earlier: &str) -> Result<ProofFile> {
        let altered = |detail: String| Error::Altered { entry: None, detail };
        let old = TreeHead::open(earlier, &self.key()?).map_err(|error| altered(error.to_string()))?;
        let (note, head) = self.newest()?;
        let hashes = consistency(&KeptNodes(self.connection), old.size, head.size)?;
        let proof = Proof::from(hashes.as_slice());
        proof.consistent(&old, &head).map_err(|error| altered(error.to_string()))?;
        Ok(ProofFile::Consistency { earlier: earlier.to_owned(), later: note, hashes: proof })
    }
}
