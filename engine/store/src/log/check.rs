//! Checking the whole log: every row of history against its entry, every entry against the tree, the tree against every
//! signed head, and what is served from projections against history.

use hengxin_log::{Frontier, Hash, Nodes as _, TreeHead, VerifyingKey, leaf_hash};

use super::seal::KeptNodes;
use super::source::{self, BATCHES, Bulk, Parts, Source};
use crate::db::Connection;
use crate::error::{Error, Result};
use crate::words::number;

/// What a check of the log found to be in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedLog {
    /// How many entries.
    pub entries: u64,
    /// How many signed heads.
    pub heads: u64,
    /// The newest head; `None` for a log without entries.
    pub newest: Option<TreeHead>,
}

fn altered(entry: u64, detail: String) -> Error {
    Error::Altered { entry: Some(entry), detail }
}

/// Checks everything against `key`, which should come from elsewhere than the ledger.
pub(crate) fn check(connection: &Connection, key: &VerifyingKey) -> Result<CheckedLog> {
    let own = super::key::public_key(connection)?;
    if own.as_ref() != Some(key) {
        let own = own.map_or_else(|| "none".to_owned(), |own| own.label());
        let detail = format!(
            "its key is `{own}`, expected `{}`: it is another ledger, or its key was exchanged",
            key.label()
        );
        return Err(Error::Altered { entry: None, detail });
    }
    let rows = every_row(connection)?;
    let checked = tree(connection, key)?;
    if rows != checked.entries {
        let detail = format!("{rows} rows have entries, expected {}: one for every entry", checked.entries);
        return Err(Error::Altered { entry: None, detail });
    }
    bulk(connection)?;
    projections(connection)?;
    Ok(checked)
}

/// Every row says what its entry says, and has one. How many rows there are.
fn every_row(connection: &Connection) -> Result<u64> {
    let mut compared = 0;
    let parts = source::read_parts(connection, |_| Some(i64::MIN), |_, _| Ok(()))?;
    let nothing = Parts::default();
    let mut moments = parts.keys().copied().collect::<std::collections::BTreeSet<_>>();
    let entry_of = |source: &Source, row: i64| position(connection, source, row);
    BATCHES.walk(connection, i64::MIN, |moment, _, row| {
        compared += 1;
        moments.remove(&moment);
        let entry = parts.get(&moment).unwrap_or(&nothing).entry(row);
        compare(connection, &BATCHES, moment, entry_of(&BATCHES, moment)?, &entry)
    })?;
    if let Some(moment) = moments.first() {
        return Err(Error::Altered {
            entry: None,
            detail: format!("rows were recorded at moment {moment}, when no batch was"),
        });
    }
    for source in source::singles() {
        source.walk(connection, i64::MIN, |number, _, row| {
            compared += 1;
            compare(connection, source, number, entry_of(source, number)?, &source.entry(row))
        })?;
    }
    every_entry_has_its_row(connection)?;
    marks(connection)?;
    Ok(compared)
}

/// The marks say how far each table is in the log: one that runs ahead would keep later rows out of it.
fn marks(connection: &Connection) -> Result<()> {
    for source in source::all() {
        let Source { table, key, .. } = source;
        let mut statement = connection.prepare_cached(&format!(
            "SELECT (SELECT last FROM log_marks WHERE source = ?1), (SELECT max({key}) FROM {table})"
        ))?;
        let (mark, last): (Option<i64>, Option<i64>) =
            statement.query_row([table], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if mark != last {
            let said = mark.map_or_else(|| "none".to_owned(), |mark| mark.to_string());
            let detail =
                format!("the last row of `{table}` that is in the log is said to be {said}, which it is not");
            return Err(Error::Altered { entry: None, detail });
        }
    }
    Ok(())
}

fn position(connection: &Connection, source: &Source, row: i64) -> Result<u64> {
    let mut statement = connection
        .prepare_cached("SELECT position FROM log_entries WHERE source = ?1 AND source_row = ?2")?;
    let mut rows = statement.query((source.table, row))?;
    match rows.next()? {
        Some(found) => Ok(number(found, 0)?),
        None => Err(Error::Altered {
            entry: None,
            detail: format!("row {row} of `{}` is in no entry: it was added past the log", source.table),
        }),
    }
}

fn compare(connection: &Connection, source: &Source, row: i64, position: u64, entry: &str) -> Result<()> {
    if KeptNodes(connection).node(2 * position)? == leaf_hash(entry.as_bytes()) {
        return Ok(());
    }
    let what = if source.table == BATCHES.table {
        format!("the batch of moment {row} or a row that came with it")
    } else {
        format!("row {row} of `{}`", source.table)
    };
    Err(altered(position, format!("{what} no longer says what was logged")))
}

fn every_entry_has_its_row(connection: &Connection) -> Result<()> {
    for source in source::singles().chain([&BATCHES]) {
        let Source { table, key, .. } = source;
        let mut statement = connection.prepare_cached(&format!(
            "SELECT position, source_row FROM log_entries
             WHERE source = ?1 AND source_row NOT IN (SELECT {key} FROM {table}) ORDER BY position LIMIT 1"
        ))?;
        let mut rows = statement.query([table])?;
        if let Some(row) = rows.next()? {
            let gone: i64 = row.get(1)?;
            return Err(altered(number(row, 0)?, format!("row {gone} of `{table}` is gone")));
        }
    }
    let mut statement = connection.prepare_cached("SELECT source FROM log_marks")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let found: String = row.get(0)?;
        if source::all().all(|source| source.table != found) {
            let detail = format!("rows of `{found}` are said to be in the log, which it does not speak of");
            return Err(Error::Altered { entry: None, detail });
        }
    }
    Ok(())
}

/// The nodes are those of the leaves, and every head is signed and has the root the tree had at its size.
fn tree(connection: &Connection, key: &VerifyingKey) -> Result<CheckedLog> {
    let mut heads = connection.prepare_cached("SELECT size, head, number FROM log_heads ORDER BY size")?;
    let mut heads = heads.query([])?;
    let mut entries = connection.prepare_cached(
        "SELECT position, hash FROM log_entries LEFT JOIN log_nodes ON id = 2 * position ORDER BY position",
    )?;
    let mut entries = entries.query_in_parts([])?;
    let nodes = KeptNodes(connection);
    let mut frontier = Frontier::default();
    let mut checked = CheckedLog { entries: 0, heads: 0, newest: None };
    while let Some(row) = heads.next()? {
        let (size, note): (u64, String) = (number(row, 0)?, row.get(1)?);
        // Entries between this head and the one before it: a head that does not fit speaks of these.
        let from = frontier.size();
        let wrong = |detail: String| {
            let between = format!("entries {from} to {}: {detail}", size.saturating_sub(1));
            altered(from, between)
        };
        let head = TreeHead::open(&note, key).map_err(|error| wrong(error.to_string()))?;
        let (place, named) = (checked.heads + 1, number(row, 2)?);
        if head.number != place || named != place {
            return Err(wrong(format!("head {place} is gone, what follows is head {}", head.number)));
        }
        if head.size != size {
            return Err(wrong(format!("their head speaks of {} entries", head.size)));
        }
        while frontier.size() < size {
            let at = frontier.size();
            let Some(row) = entries.next()? else {
                return Err(altered(at, format!("it is gone; a signed head speaks of {size} entries")));
            };
            let (position, hash): (u64, Option<[u8; 32]>) = (number(row, 0)?, row.get(1)?);
            if position != at {
                return Err(altered(at, "it is gone".to_owned()));
            }
            let leaf = Hash(hash.ok_or_else(|| altered(at, "its node is missing".to_owned()))?);
            frontier.push(leaf, |id, hash| match nodes.node(id) {
                Ok(kept) if kept == hash => Ok(()),
                Ok(_) => Err(altered(at, format!("node {id} of the tree was changed"))),
                Err(_) => Err(altered(at, format!("node {id} of the tree is missing"))),
            })?;
        }
        if frontier.root() != head.root {
            return Err(wrong("they are not the entries their head was signed over".to_owned()));
        }
        checked.heads += 1;
        checked.newest = Some(head);
    }
    if entries.next()?.is_some() {
        return Err(altered(frontier.size(), "no signed head speaks of it".to_owned()));
    }
    // Every complete subtree has a node; all of them have been met, so a further one is no part of the tree.
    let expected = 2 * frontier.size() - u64::from(frontier.size().count_ones());
    let found = connection.query_row("SELECT count(*) FROM log_nodes", [], |row| number(row, 0))?;
    if found != expected {
        let detail = format!("found {found} nodes of the tree, expected {expected}");
        return Err(Error::Altered { entry: None, detail });
    }
    checked.entries = frontier.size();
    Ok(checked)
}

/// Rows whose digest is an entry are those it was taken over.
fn bulk(connection: &Connection) -> Result<()> {
    for kind in Bulk::ALL {
        // Of figures those that are gone too; of loads only the last one still has rows.
        let logged = "SELECT number FROM row_digests WHERE kind = ?1 AND kind <> 'load'";
        let mut statement = connection.prepare_cached(&format!(
            "SELECT wanted.number, row_digests.digest FROM ({logged} UNION {}) AS wanted
             LEFT JOIN row_digests ON row_digests.kind = ?1 AND row_digests.number = wanted.number",
            kind.on_record()
        ))?;
        let mut rows = statement.query([kind.kind()])?;
        while let Some(row) = rows.next()? {
            let (number, logged): (i64, Option<[u8; 32]>) = (row.get(0)?, row.get(1)?);
            let (_, found) = kind.digest(connection, number)?;
            if logged != Some(found) {
                return Err(Error::Altered {
                    entry: None,
                    detail: format!("the rows of {} {number} are not those that were logged", kind.kind()),
                });
            }
        }
    }
    Ok(())
}

/// What is answered from, without history of its own, is what history comes to.
fn projections(connection: &Connection) -> Result<()> {
    const CHECKS: [(&str, &str); 5] = [
        (
            "a tier is answered that is not the last one decided",
            "SELECT current_tiers.subject, current_tiers.field
             FROM current_tiers LEFT JOIN tiers ON tiers.id = current_tiers.decision
             WHERE tiers.id IS NULL OR tiers.subject <> current_tiers.subject OR tiers.field <> current_tiers.field
                OR tiers.tier IS DISTINCT FROM current_tiers.tier OR tiers.region IS DISTINCT FROM current_tiers.region
                OR tiers.industry IS DISTINCT FROM current_tiers.industry
                OR EXISTS (SELECT 1 FROM tiers AS later
                           WHERE later.subject = current_tiers.subject AND later.field = current_tiers.field
                             AND (later.as_of, later.known_at, later.id) > (tiers.as_of, tiers.known_at, tiers.id))
             LIMIT 1",
        ),
        (
            "no tier is answered, but one was decided",
            "SELECT subject, field FROM tiers EXCEPT SELECT subject, field FROM current_tiers LIMIT 1",
        ),
        (
            "a field is not answered from its last publication",
            "SELECT publication, field FROM loaded_runs
             WHERE publication IS DISTINCT FROM
                   (SELECT max(id) FROM publications WHERE publications.field = loaded_runs.field)
             UNION ALL SELECT 0, field FROM publications WHERE field NOT IN (SELECT field FROM loaded_runs)
             LIMIT 1",
        ),
        (
            "a run is not in the state of its last event",
            "SELECT run, state FROM run_states
             WHERE state IS DISTINCT FROM
                   (SELECT state FROM run_events WHERE run_events.run = run_states.run ORDER BY id DESC LIMIT 1)
             UNION ALL SELECT id, field FROM runs WHERE id NOT IN (SELECT run FROM run_states)
             LIMIT 1",
        ),
        (
            "a study is not in the state of its last event",
            "SELECT study, state FROM study_states
             WHERE state IS DISTINCT FROM
                   (SELECT state FROM study_events WHERE study_events.study = study_states.study
                    ORDER BY id DESC LIMIT 1)
             UNION ALL SELECT id, kind FROM studies WHERE id NOT IN (SELECT study FROM study_states)
             LIMIT 1",
        ),
    ];
    for (what, query) in CHECKS {
        let mut statement = connection.prepare_cached(query)?;
        let mut rows = statement.query([])?;
        if let Some(row) = rows.next()? {
            let (number, name): (i64, String) = (row.get(0)?, row.get(1)?);
            return Err(Error::Altered { entry: None, detail: format!("{what} ({number}, `{name}`)") });
        }
    }
    Ok(())
}
