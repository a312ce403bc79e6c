//! Moving a ledger from one place to another, between engines or within one: every table, row by row, and a digest over
//! both sides at the end.
//!
//! All of it is one transaction of the new place: after a failure there is no ledger there.

use sha2::{Digest, Sha256};

use crate::db::{Access, Column, Connection, Kind, Owned, Params, Row, Value};
use crate::error::{Error, Result};
use crate::ledger::{Options, check_key};
use crate::log;
use crate::place::Place;
use crate::protect::Protector;
use crate::schema;

/// Parameters of one `INSERT`, at most: SQLite takes 32,766 of them, and a statement need not be larger than a page.
const PARAMETERS: usize = 1_000;

/// A table that was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Its name.
    pub table: &'static str,
    /// Its rows.
    pub rows: u64,
    /// SHA-256 over all of them in the order of their keys: equal at both places.
    pub digest: [u8; 32],
}

/// Copies the ledger at `from` to `to`, where there must be none, with its keys. Gives what was copied, table by table.
///
/// What is written to the old place meanwhile is not copied.
///
/// # Errors
/// [`Error::Exists`] when something lies at `to`, [`Error::Older`] for a ledger that was not opened by this release yet;
/// [`Error::KeyWrong`] when another key lies where the key of the new one is to be, and as [`crate::Ledger::open`].
pub fn transfer(from: &Place, to: &Place) -> Result<Vec<Copied>> {
    let wait = Options::default().busy_wait;
    let old = schema::connect_existing(from, Access::Read, wait)?;
    let found = schema::recognise(&old, from)?;
    if found < schema::known_version() {
        return Err(Error::Older { path: from.shown(), found, known: schema::known_version() });
    }
    let protector = check_key(&old, from)?.ok_or_else(|| Error::corrupt("no id of the key"))?;
    let signer = log::check_key(&old, from)?.ok_or_else(|| Error::corrupt("no key of the log"))?;
    let new = schema::connect_new(to, wait)?;
    let copied = (|| {
        bring_key(&protector, from, to)?;
        log::bring_key(&signer, to)?;
        new.settle(wait)?;
        new.begin_write()?;
        schema::make(&new, to)?;
        new.defer_references()?;
        old.begin_read()?;
        let copied = schema::tables().map(|table| copy(&old, &new, table)).collect::<Result<Vec<_>>>()?;
        new.commit()?;
        Ok(copied)
    })();
    if copied.is_err() {
        new.roll_back();
        drop(new);
        forget(to);
    }
    copied
}

/// Lays the key where the new ledger looks for it.
fn bring_key(protector: &Protector, from: &Place, to: &Place) -> Result<()> {
    let (old, new) = (from.key(), to.key());
    match Protector::read(&new) {
        Ok(there) if there.key_id() == protector.key_id() => Ok(()),
        Ok(_) => Err(Error::KeyWrong { path: new, found: "it is the key of another ledger".to_owned() }),
        Err(Error::KeyMissing { .. }) => Protector::copy(&old, &new),
        Err(error) => Err(error),
    }
}

/// Removes the file of a ledger that did not come about.
fn forget(place: &Place) {
    if let Place::File(path) = place {
        for rest in ["", "-wal", "-shm"] {
            let mut name = path.clone().into_os_string();
            name.push(rest);
            // What is left makes the next attempt say that something lies there.
            let _ = std::fs::remove_file(name);
        }
    }
}

fn copy(old: &Connection, new: &Connection, table: &'static str) -> Result<Copied> {
    let columns = new.columns(table)?;
    let width = columns.len();
    let select = select(table, &columns);
    let most = (PARAMETERS / width.max(1)).max(1);
    let (mut rows, mut hash, mut waiting) = (0u64, Sha256::new(), Vec::with_capacity(most * width));
    let mut statement = old.prepare_cached(&select)?;
    let mut found = statement.query_in_parts([])?;
    while let Some(row) = found.next()? {
        rows += 1;
        for (n, column) in columns.iter().enumerate() {
            let value = row.get::<Value<'_>>(n)?;
            digest(&mut hash, value);
            waiting.push((column.kind, Owned::from(value)));
        }
        if waiting.len() == most * width {
            insert(new, table, &columns, &waiting)?;
            waiting.clear();
        }
    }
    if !waiting.is_empty() {
        insert(new, table, &columns, &waiting)?;
    }
    let copied = Copied { table, rows, digest: hash.finalize().into() };
    let written = summary(new, table, &columns)?;
    if written != copied {
        return Err(Error::corrupt(format!(
            "table `{table}` has {} rows at the new place, or others, expected the {rows} of the old one",
            written.rows
        )));
    }
    Ok(copied)
}

/// Counts and digests the rows of a table.
fn summary(connection: &Connection, table: &'static str, columns: &[Column]) -> Result<Copied> {
    let (mut rows, mut hash) = (0u64, Sha256::new());
    let mut statement = connection.prepare_cached(&select(table, columns))?;
    let mut found = statement.query_in_parts([])?;
    while let Some(row) = found.next()? {
        rows += 1;
        digest_row(&mut hash, row, columns.len())?;
    }
    Ok(Copied { table, rows, digest: hash.finalize().into() })
}

fn digest_row(hash: &mut Sha256, row: Row<'_>, width: usize) -> Result<()> {
    for n in 0..width {
        digest(hash, row.get(n)?);
    }
    Ok(())
}

fn select(table: &str, columns: &[Column]) -> String {
    let names = |key: bool| {
        let wanted = columns.iter().filter(|column| !key || column.key);
        wanted.map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ")
    };
    format!("SELECT {} FROM {table} ORDER BY {}", names(false), names(true))
}

fn insert(connection: &Connection, table: &str, columns: &[Column], values: &[(Kind, Owned)]) -> Result<()> {
    let names: Vec<String> = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let mut sql = format!("INSERT INTO {table} ({}) VALUES ", names.join(", "));
    for n in 0..values.len() {
        sql.push_str(match n {
            0 => "(",
            n if n % columns.len() == 0 => "), (",
            _ => ", ",
        });
        sql.push_str(&format!("?{}", n + 1));
    }
    sql.push(')');
    Ok(connection.prepare_cached(&sql)?.queue(Several(values))?)
}

/// Every value with its type and length, so that no two rows share their bytes.
fn digest(hash: &mut Sha256, value: Value<'_>) {
    let (tag, bytes): (u8, &[u8]) = match &value {
        Value::Null => (0, &[]),
        Value::Integer(number) => (1, &number.to_le_bytes()),
        Value::Text(text) => (2, text.as_bytes()),
        Value::Blob(bytes) => (3, bytes),
    };
    hash.update([tag]);
    hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
    hash.update(bytes);
}

/// The values of several rows.
struct Several<'v>(&'v [(Kind, Owned)]);

impl Params for Several<'_> {
    fn each<'p>(
        &'p self,
        take: &mut dyn FnMut(Kind, Value<'p>) -> crate::db::Result<()>,
    ) -> crate::db::Result<()> {
        self.0.iter().try_for_each(|(kind, value)| take(*kind, value.as_value()))
    }
}
