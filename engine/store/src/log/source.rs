//! Which rows are entries of the log, and what an entry says.
//!
//! The text of an entry is JSON on one line: the table, its row, and for a batch of facts a count and a digest of the rows
//! of each table that came with it. Columns stand in the order listed here, so the text of a row is the same for ever: a
//! column that a later schema adds is not in it.

use sha2::{Digest, Sha256};

use crate::db::{Connection, Row, Value};
use crate::encode::hex;
use crate::error::Result;

/// A table whose rows are entries, or belong to the entry of a batch.
pub(super) struct Source {
    /// Its name.
    pub(super) table: &'static str,
    /// The column that numbers its rows in the order they were written.
    pub(super) key: &'static str,
    /// What an entry says of a row, separated by commas.
    pub(super) columns: &'static str,
}

/// Facts and what else comes in batches: one entry each, with the rows of [`PARTS`].
pub(super) const BATCHES: Source =
    Source { table: "batches", key: "recorded_at", columns: "recorded_at, kind, actor, vocabulary" };

/// Rows that came with the batch of the same moment. Of a fact its own digest stands for everything it says: the check
/// of the ledger compares the two.
pub(super) const PARTS: [Source; 7] = [
    Source {
        table: "ingests",
        key: "recorded_at",
        columns: "recorded_at, file_name, file_sha256, layout, vocabulary, accepted, duplicate, corrected, quarantined",
    },
    Source { table: "subjects", key: "id", columns: "id, code, recorded_at" },
    Source { table: "facts", key: "seq", columns: "seq, recorded_at, line, content" },
    Source {
        table: "identities",
        key: "id",
        columns: "id, subject, normalised, name, region, legal_form, established_on, registered, recorded_at",
    },
    Source {
        table: "conflicts",
        key: "id",
        columns: "id, kind, subject, other_subject, detail, recorded_at",
    },
    Source { table: "deliveries", key: "id", columns: "id, register, region, through, recorded_at" },
    Source {
        table: "quarantine",
        key: "id",
        columns: "id, recorded_at, source, line, code, cells, reasons, digest",
    },
];

/// Tables with an entry for every row, in the order in which one commit adds them.
pub(super) const SINGLE: [Source; 17] = [
    Source { table: "quarantine_events", key: "id", columns: "id, entry, status, note, recorded_at" },
    Source {
        table: "evaluations",
        key: "id",
        columns: "id, recorded_at, subject, standard, edition, standard_digest, as_of, known_at, facts_digest, outcome, \
                  score, grade, horizon, body",
    },
    Source {
        table: "tiers",
        key: "id",
        columns: "id, recorded_at, subject, field, policy, edition, policy_digest, as_of, known_at, tier, \
                  public_evaluation, industry_evaluation, region, industry, body",
    },
    Source { table: "schedule_events", key: "id", columns: "id, schedule, kind, at, body" },
    Source {
        table: "runs",
        key: "id",
        columns: "id, field, as_of, known_at, dataset, incremental, schedule, fired_at, request_id, request_digest, \
                  ordered_at",
    },
    Source { table: "run_events", key: "id", columns: "id, run, state, at, detail" },
    Source { table: "row_digests", key: "id", columns: "id, kind, number, rows, digest" },
    Source {
        table: "publications",
        key: "id",
        columns: "id, load, run, field, as_of, known_at, published_at, after_decision, rows, changes",
    },
    Source {
        table: "histories",
        key: "id",
        columns: "id, name, files, description, request, rows_min, events_min, budget, person, registered_at",
    },
    Source {
        table: "studies",
        key: "id",
        columns: "id, kind, history, model, challenger, plan, person, request_id, request_digest, ordered_at",
    },
    Source { table: "study_events", key: "id", columns: "id, study, state, at, detail" },
    Source { table: "models", key: "id", columns: "id, model, edition, title, digest, folder, study" },
    Source { table: "model_events", key: "id", columns: "id, model, act, person, study, note, at" },
    Source { table: "releases", key: "id", columns: "id, history, study, place, of, person, at" },
    Source {
        table: "reports",
        key: "id",
        columns: "id, issued_at, number, kind, subject, as_of, valid_until, issued_for, sight, fields, code_digest, \
                  digest, request_id, body",
    },
    Source {
        table: "exports",
        key: "id",
        columns: "id, begun_at, number, caller, department, purpose, basis, what",
    },
    Source { table: "export_ends", key: "id", columns: "id, export, ended_at, rows, ending, detail" },
];

/// Who asked for what.
pub(super) const AUDIT: Source = Source {
    table: "audit",
    key: "id",
    columns: "id, at, method, caller, department, purpose, basis, subjects, decision, detail",
};

/// All tables with an entry for every row.
pub(super) fn singles() -> impl Iterator<Item = &'static Source> {
    SINGLE.iter().chain([&AUDIT])
}

/// All tables whose rows the log speaks of.
pub(super) fn all() -> impl Iterator<Item = &'static Source> {
    PARTS.iter().chain([&BATCHES]).chain(singles())
}

/// The tables with rows after their marks: those that this transaction wrote, or somebody past the log. One question,
/// for a server is a turn away.
pub(super) fn grown(connection: &Connection) -> Result<Vec<(&'static Source, i64)>> {
    let last: Vec<String> =
        all().map(|Source { table, key, .. }| format!("(SELECT max({key}) FROM {table})")).collect();
    let marks = "SELECT source, last FROM log_marks";
    let mut marked = std::collections::HashMap::new();
    let mut statement = connection.prepare_cached(marks)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        marked.insert(row.get::<String>(0)?, row.get::<i64>(1)?);
    }
    drop(rows);
    let mut statement = connection.prepare_cached(&format!("SELECT {}", last.join(", ")))?;
    let mut rows = statement.query([])?;
    let mut grown = Vec::new();
    if let Some(row) = rows.next()? {
        for (place, source) in all().enumerate() {
            let mark = marked.get(source.table).copied();
            if row.get::<Option<i64>>(place)? != mark {
                grown.push((source, mark.unwrap_or(i64::MIN)));
            }
        }
    }
    Ok(grown)
}

impl Source {
    /// Calls `each` with number and text of every row after `after`, in order. Of parts also with their moment.
    pub(super) fn walk(
        &self,
        connection: &Connection,
        after: i64,
        mut each: impl FnMut(i64, Row<'_>, &str) -> Result<()>,
    ) -> Result<()> {
        let Source { table, key, columns } = self;
        let order = format!("SELECT {columns}, {key} FROM {table} WHERE {key} > ?1 ORDER BY {key}");
        let mut statement = connection.prepare_cached(&order)?;
        let names: Vec<&str> = columns.split(", ").collect();
        let mut rows = statement.query_in_parts([after])?;
        let mut text = String::new();
        while let Some(row) = rows.next()? {
            text.clear();
            write_row(&mut text, &names, row)?;
            each(row.get(names.len())?, row, &text)?;
        }
        Ok(())
    }

    /// The text of one row; `None` when there is none.
    pub(super) fn row(&self, connection: &Connection, number: i64) -> Result<Option<String>> {
        let Source { table, key, columns } = self;
        let mut statement =
            connection.prepare_cached(&format!("SELECT {columns} FROM {table} WHERE {key} = ?1"))?;
        let names: Vec<&str> = columns.split(", ").collect();
        let mut rows = statement.query([number])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let mut text = String::new();
        write_row(&mut text, &names, row)?;
        Ok(Some(text))
    }

    /// Which column holds the moment of the batch.
    fn moment_column(&self) -> usize {
        self.columns.split(", ").position(|name| name == "recorded_at").unwrap_or(0)
    }

    /// The entry of a row with this text.
    pub(super) fn entry(&self, row: &str) -> String {
        format!("{{\"table\":\"{}\",\"row\":{row}}}", self.table)
    }
}

/// Rows without entries of their own, whose digest is an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bulk {
    /// The tiers of a published load, which is what a field of supervision is answered from.
    Load,
    /// What a published load changed.
    Changes,
    /// The figures of a study.
    Figures,
}

impl Bulk {
    pub(super) const ALL: [Bulk; 3] = [Bulk::Load, Bulk::Changes, Bulk::Figures];

    /// The word for it in `row_digests`.
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Bulk::Load => "load",
            Bulk::Changes => "changes",
            Bulk::Figures => "figures",
        }
    }

    /// Asks for the numbers whose rows must all be on record: of loads only the ones that answer still have rows.
    pub(super) const fn on_record(self) -> &'static str {
        match self {
            Bulk::Load => "SELECT load FROM loaded_runs JOIN publications ON publications.id = publication",
            Bulk::Changes => "SELECT load FROM publications",
            Bulk::Figures => "SELECT DISTINCT study FROM figures",
        }
    }

    const fn select(self) -> (&'static str, &'static str) {
        match self {
            Bulk::Load => (
                "subject, policy, edition, digest, tier, previous_tier, public_grade, public_score, industry_grade, \
                 industry_score, region, industry, horizon",
                "SELECT subject, run_policies.policy, edition, digest, tier, previous_tier, public_grade,
                        public_score, industry_grade, industry_score, region, industry, horizon
                 FROM run_tiers JOIN run_policies ON run_policies.id = run_tiers.policy
                 WHERE load = ?1 ORDER BY subject",
            ),
            Bulk::Changes => (
                "subject, before, now, policy, region, industry",
                "SELECT subject, before, now, policy, region, industry FROM run_changes
                 WHERE load = ?1 ORDER BY subject",
            ),
            Bulk::Figures => (
                "place, name, of, value, rows, defaults",
                "SELECT place, name, of, value, rows, defaults FROM figures WHERE study = ?1 ORDER BY place",
            ),
        }
    }

    /// Number and digest of the rows there are now.
    pub(super) fn digest(self, connection: &Connection, number: i64) -> Result<(u64, [u8; 32])> {
        let (names, select) = self.select();
        let names: Vec<&str> = names.split(", ").collect();
        let mut statement = connection.prepare_cached(select)?;
        let mut found = statement.query_in_parts([number])?;
        let (mut rows, mut digest, mut text) = (0, Sha256::new(), String::new());
        while let Some(row) = found.next()? {
            text.clear();
            write_row(&mut text, &names, row)?;
            digest.update(text.as_bytes());
            digest.update(b"\n");
            rows += 1;
        }
        Ok((rows, digest.finalize().into()))
    }

    /// Puts the digest of the rows there are now on record. Rows must not change any more.
    pub(crate) fn record(self, connection: &Connection, number: i64) -> Result<()> {
        let (rows, digest) = self.digest(connection, number)?;
        connection
            .prepare_cached("INSERT INTO row_digests (kind, number, rows, digest) VALUES (?1, ?2, ?3, ?4)")?
            .execute((self.kind(), number, i64::try_from(rows).unwrap_or(i64::MAX), digest))?;
        Ok(())
    }
}

/// A row as a JSON object. A blob longer than a digest is told by its SHA-256.
fn write_row(text: &mut String, names: &[&str], row: Row<'_>) -> Result<()> {
    for (place, name) in names.iter().enumerate() {
        text.push(if place == 0 { '{' } else { ',' });
        text.push('"');
        text.push_str(name);
        text.push_str("\":");
        match row.value(place)? {
            Value::Null => text.push_str("null"),
            Value::Integer(number) => text.push_str(&number.to_string()),
            Value::Text(value) => text.push_str(&serde_json::Value::from(value).to_string()),
            Value::Blob(bytes) if bytes.len() <= 32 => {
                text.push('"');
                text.push_str(&hex(bytes));
                text.push('"');
            }
            Value::Blob(bytes) => {
                text.push_str("{\"sha256\":\"");
                text.push_str(&hex(&Sha256::digest(bytes)));
                text.push_str("\"}");
            }
        }
    }
    text.push('}');
    Ok(())
}

/// What came with one batch, by part.
#[derive(Clone, Default)]
pub(super) struct Parts {
    rows: [(u64, Sha256); PARTS.len()],
}

/// The parts of batches, in the order of their moments.
pub(super) type PartsByMoment = std::collections::BTreeMap<i64, Parts>;

impl Parts {
    /// The entry of a batch whose row has this text.
    pub(super) fn entry(&self, row: &str) -> String {
        let mut text = format!("{{\"table\":\"{}\",\"row\":{row},\"with\":{{", BATCHES.table);
        let mut first = true;
        for (part, (rows, digest)) in PARTS.iter().zip(&self.rows) {
            if *rows == 0 {
                continue;
            }
            if !first {
                text.push(',');
            }
            first = false;
            let digest = hex(&digest.clone().finalize());
            text.push_str(&format!("\"{}\":{{\"rows\":{rows},\"sha256\":\"{digest}\"}}", part.table));
        }
        text.push_str("}}");
        text
    }
}

/// Reads the rows of all parts after the marks, which `after` gives for each table, `None` for one without such rows;
/// `last` hears how far they go.
pub(super) fn read_parts(
    connection: &Connection,
    after: impl Fn(&Source) -> Option<i64>,
    mut last: impl FnMut(&Source, i64) -> Result<()>,
) -> Result<PartsByMoment> {
    let mut found = PartsByMoment::new();
    for (place, part) in PARTS.iter().enumerate() {
        let column = part.moment_column();
        let Some(from) = after(part) else { continue };
        let mut to = from;
        part.walk(connection, from, |number, row, text| {
            let parts = found.entry(row.get(column)?).or_default();
            if let Some((rows, digest)) = parts.rows.get_mut(place) {
                *rows += 1;
                digest.update(text.as_bytes());
                digest.update(b"\n");
            }
            to = number;
            Ok(())
        })?;
        if to != from {
            last(part, to)?;
        }
    }
    Ok(found)
}

/// The parts of the batch of one moment, read on their own. Slow for tables without an index on it.
pub(super) fn parts_of(connection: &Connection, moment: i64) -> Result<Parts> {
    let mut parts = Parts::default();
    for (part, (rows, digest)) in PARTS.iter().zip(&mut parts.rows) {
        let Source { table, key, columns } = part;
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {columns} FROM {table} WHERE recorded_at = ?1 ORDER BY {key}"
        ))?;
        let names: Vec<&str> = columns.split(", ").collect();
        let mut found = statement.query([moment])?;
        let mut text = String::new();
        while let Some(row) = found.next()? {
            text.clear();
            write_row(&mut text, &names, row)?;
            *rows += 1;
            digest.update(text.as_bytes());
            digest.update(b"\n");
        }
    }
    Ok(parts)
}
