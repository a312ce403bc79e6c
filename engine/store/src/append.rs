//! Recording a batch of facts inside a write transaction.

use std::collections::HashMap;

use hengxin_core::date::{Date, Moment};
use hengxin_core::draft::RelatedTo;
use hengxin_core::number::{display_decimal, parse_decimal};
use hengxin_core::vocabulary::{FieldKind, Vocabulary};

use crate::db::{Connection, OptionalExtension, Statement};
use crate::encode::{Encoded, Key, Order, Side};
use crate::error::{Error, Result};
use crate::identity::Identities;
use crate::quarantine::{self, Aside};
use crate::submission::{Batch, FileStamp, Rejected, Report};

/// Longest chain of marks upon marks.
const CHAIN_MAX: usize = 1000;

/// The numbers of stored classes, as the writing connection knows them.
#[derive(Debug, Default)]
pub(crate) struct ClassBook {
    ids: HashMap<(String, String), i64>,
    order: Vec<(String, String)>,
}

impl ClassBook {
    /// How many are known: a mark to come back to.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Forgets classes whose transaction was undone.
    pub(crate) fn forget_after(&mut self, len: usize) {
        for class in self.order.drain(len.min(self.order.len())..) {
            self.ids.remove(&class);
        }
    }

    /// Learns the classes other writers added. Called once the write lock is held.
    pub(crate) fn catch_up(&mut self, connection: &Connection) -> Result<()> {
        let mut statement = connection
            .prepare_cached("SELECT id, code, attributes FROM classes WHERE id > ?1 ORDER BY id")?;
        let mut rows = statement.query([i64::try_from(self.order.len()).unwrap_or(i64::MAX)])?;
        while let Some(row) = rows.next()? {
            self.learn(row.get(0)?, (row.get(1)?, row.get(2)?))?;
        }
        Ok(())
    }

    fn learn(&mut self, id: i64, class: (String, String)) -> Result<()> {
        self.order.push(class.clone());
        if usize::try_from(id) != Ok(self.order.len()) {
            return Err(Error::corrupt(format!("class {id} follows class {}", self.order.len() - 1)));
        }
        self.ids.insert(class, id);
        Ok(())
    }

    fn number(&mut self, connection: &Connection, class: &(String, String)) -> Result<i64> {
        if let Some(id) = self.ids.get(class) {
            return Ok(*id);
        }
        let id = i64::try_from(self.order.len() + 1).unwrap_or(i64::MAX);
        connection
            .prepare_cached("INSERT INTO classes (id, code, attributes) VALUES (?1, ?2, ?3)")?
            .execute((id, &class.0, &class.1))?;
        self.learn(id, class.clone())?;
        Ok(id)
    }
}

/// Records `batch` at `moment`.
pub(crate) fn append<'c>(
    connection: &'c Connection,
    book: &mut ClassBook,
    moment: Moment,
    vocabulary: &'c Vocabulary,
    batch: &'c Batch,
) -> Result<Report> {
    if let Some(file) = &batch.origin.file
        && let Some(report) = ingested_before(connection, file, &batch.vocabulary)?
    {
        return Ok(report);
    }
    connection
        .prepare_cached(
            "INSERT INTO batches (recorded_at, kind, actor, vocabulary) VALUES (?1, 'facts', ?2, ?3)",
        )?
        .execute((moment.0, &batch.origin.actor, &batch.vocabulary))?;
    let classes = batch
        .classes
        .iter()
        .map(|class| Ok((book.number(connection, class)?, class.0.as_str())))
        .collect::<Result<Vec<_>>>()?;
    let mut appender = Appender::new(connection, moment, vocabulary, classes)?;
    for rows in batch.rows.chunk_by(|a, b| a.subject == b.subject) {
        appender.subject(rows)?;
    }
    let Appender { mut report, aside, .. } = appender;
    let rejected = batch.rejected.iter().map(|(line, row)| Aside { line: *line, row: row.clone() });
    let aside: Vec<Aside> = rejected.chain(aside).collect();
    report.quarantined = u64::try_from(aside.len()).unwrap_or(u64::MAX);
    let source = batch.origin.file.as_ref().map(|file| file.name.as_str());
    report.quarantine = quarantine::keep(connection, moment, source, aside)?;
    quarantine::resolve(connection, moment, &batch.origin.resolves, &report.quarantine)?;
    let file = batch.origin.file.as_ref();
    connection
        .prepare_cached(
            "INSERT INTO ingests (recorded_at, file_name, file_sha256, layout, vocabulary, accepted, duplicate,
                                  corrected, quarantined)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute((
            moment.0,
            source,
            file.map(|f| f.sha256),
            file.map(|f| f.layout.as_str()),
            &batch.vocabulary,
            count(report.accepted),
            count(report.duplicate),
            count(report.corrected),
            count(report.quarantined),
        ))?;
    Ok(report)
}

/// The report for a file that is in the ledger already: every row a duplicate, but for those then set aside.
pub(crate) fn ingested_before(
    connection: &Connection,
    file: &FileStamp,
    vocabulary: &str,
) -> Result<Option<Report>> {
    let mut statement = connection.prepare_cached(
        "SELECT recorded_at, accepted + duplicate + corrected, quarantined FROM ingests
         WHERE file_sha256 = ?1 AND layout = ?2 AND vocabulary = ?3 ORDER BY recorded_at LIMIT 1",
    )?;
    let number = |n: i64| u64::try_from(n).unwrap_or(0);
    let report = statement
        .query_row((file.sha256, &file.layout, vocabulary), |row| {
            Ok(Report {
                duplicate: number(row.get(1)?),
                quarantined: number(row.get(2)?),
                already_ingested: true,
                ..Report::at(Moment(row.get(0)?))
            })
        })
        .optional()?;
    Ok(report)
}

struct Appender<'c> {
    moment: Moment,
    vocabulary: &'c Vocabulary,
    /// By local index: number in the file, and fact code.
    classes: Vec<(i64, &'c str)>,
    find_subject: Statement<'c>,
    new_subject: Statement<'c>,
    find_version: Statement<'c>,
    new_fact: Statement<'c>,
    new_registration: Statement<'c>,
    new_relation: Statement<'c>,
    identities: Identities<'c>,
    report: Report,
    aside: Vec<Aside>,
}

/// The last version of a record.
struct Version {
    content: [u8; 32],
    target: Option<Key>,
}

/// What a subject is to the ledger while its rows are recorded.
#[derive(Clone, Copy)]
struct Subject {
    id: i64,
    /// It had facts before this batch, so that earlier versions must be looked for.
    known: bool,
}

impl<'c> Appender<'c> {
    fn new(
        connection: &'c Connection,
        moment: Moment,
        vocabulary: &'c Vocabulary,
        classes: Vec<(i64, &'c str)>,
    ) -> Result<Appender<'c>> {
        Ok(Appender {
            moment,
            vocabulary,
            classes,
            find_subject: connection.prepare_cached("SELECT id FROM subjects WHERE code = ?1")?,
            new_subject: connection.prepare_cached("INSERT INTO subjects (code, recorded_at) VALUES (?1, ?2)")?,
            find_version: connection.prepare_cached(
                "SELECT content, target FROM facts WHERE subject = ?1 AND key = ?2 ORDER BY seq DESC LIMIT 1",
            )?,
            new_fact: connection.prepare_cached(
                "INSERT INTO facts (subject, key, class, occurred_on, ends_on, publicity_until, number, recorded_at,
                                    target, reference, content, line, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?,
            new_registration: connection.prepare_cached(
                "INSERT INTO registrations (seq, established_on, region, industry, capital)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
            new_relation: connection.prepare_cached(
                "INSERT INTO relations (seq, subject, kind, related_subject, person) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
            identities: Identities::new(connection, moment)?,
            report: Report::at(moment),
            aside: Vec::new(),
        })
    }

    /// All rows of one subject, sorted by (order, key).
    fn subject(&mut self, rows: &[Encoded]) -> Result<()> {
        let mut subject = None;
        let mut marks: Vec<&Encoded> = Vec::new();
        for versions in rows.chunk_by(|a, b| a.key == b.key) {
            let [row, rest @ ..] = versions else { continue };
            if rest.iter().any(|other| other.content != row.content) {
                self.contradiction(versions);
                continue;
            }
            self.report.duplicate += u64::try_from(rest.len()).unwrap_or(u64::MAX);
            if row.order == Order::Fact {
                let subject = match subject {
                    Some(subject) => subject,
                    None => *subject.insert(self.open(row)?),
                };
                self.write(subject, row)?;
            } else {
                marks.push(row);
            }
        }
        if !marks.is_empty() {
            self.marks(subject, marks)?;
        }
        let conflicts = self.identities.finish_subject()?;
        self.report.conflicts += conflicts;
        Ok(())
    }

    /// Finds or numbers the subject of a row that will be recorded.
    fn open(&mut self, row: &Encoded) -> Result<Subject> {
        let code = row.subject.as_str();
        let found: Option<i64> = self.find_subject.query_row([code], |row| row.get(0)).optional()?;
        let subject = match found {
            Some(id) => Subject { id, known: true },
            None => Subject { id: self.new_subject.insert((code, self.moment.0))?, known: false },
        };
        self.identities.begin_subject(subject.id, subject.known);
        Ok(subject)
    }

    /// Marks whose target is known are recorded; a mark may speak of another mark of the same batch, so this goes on
    /// until nothing more is found.
    fn marks(&mut self, subject: Option<Subject>, mut marks: Vec<&Encoded>) -> Result<()> {
        let subject = match (subject, marks.first()) {
            (Some(subject), _) => Some(subject),
            // Only marks: a subject nobody knows has no records to speak of.
            (None, Some(row)) => {
                let id: Option<i64> =
                    self.find_subject.query_row([row.subject.as_str()], |row| row.get(0)).optional()?;
                let subject = id.map(|id| Subject { id, known: true });
                if let Some(subject) = subject {
                    self.identities.begin_subject(subject.id, true);
                }
                subject
            }
            (None, None) => None,
        };
        if let Some(subject) = subject {
            // Rows of this batch count as earlier versions' neighbours: they are looked up like those before it.
            let subject = Subject { known: true, ..subject };
            loop {
                let before = marks.len();
                let mut waiting = Vec::new();
                for row in marks {
                    match self.mark(subject, row)? {
                        Marked::Done => {}
                        Marked::TargetUnknown => waiting.push(row),
                    }
                }
                marks = waiting;
                if marks.is_empty() || marks.len() == before {
                    break;
                }
            }
        }
        for row in marks {
            self.set_aside(
                row,
                "names a record that is not in the ledger, expected a known code and key".to_owned(),
            );
        }
        Ok(())
    }

    fn mark(&mut self, subject: Subject, row: &Encoded) -> Result<Marked> {
        let Some(target) = row.target else {
            self.set_aside(row, "is a mark that names no record".to_owned());
            return Ok(Marked::Done);
        };
        let mut next = Some(target);
        let mut first = true;
        let mut steps = 0;
        // Rings are refused when they would close, so this walk ends; the limit is for damaged files.
        while let Some(key) = next {
            steps += 1;
            if key == row.key || steps > CHAIN_MAX {
                self.set_aside(row, "would take back itself by way of what it names".to_owned());
                return Ok(Marked::Done);
            }
            let version = self.version(subject.id, &key)?;
            if first && version.is_none() {
                return Ok(Marked::TargetUnknown);
            }
            first = false;
            next = version.and_then(|version| version.target);
        }
        self.write(subject, row)?;
        Ok(Marked::Done)
    }

    fn version(&mut self, subject: i64, key: &Key) -> Result<Option<Version>> {
        let version = self
            .find_version
            .query_row((subject, key), |row| Ok(Version { content: row.get(0)?, target: row.get(1)? }))
            .optional()?;
        Ok(version)
    }

    fn write(&mut self, subject: Subject, row: &Encoded) -> Result<()> {
        let earlier = if subject.known { self.version(subject.id, &row.key)? } else { None };
        match earlier {
            Some(version) if version.content == row.content => {
                self.report.duplicate += 1;
                return Ok(());
            }
            Some(_) => self.report.corrected += 1,
            None => self.report.accepted += 1,
        }
        let seq = self.new_fact.insert((
            subject.id,
            &row.key,
            self.classes[row.class].0,
            row.occurred_on.days(),
            end(row.ends_on),
            end(row.publicity_until),
            row.number,
            self.moment.0,
            row.target,
            row.reference(),
            row.content,
            i64::try_from(row.line).unwrap_or(i64::MAX),
            row.body(),
        ))?;
        match &row.side {
            Side::None => {}
            Side::Registration(side) => {
                self.new_registration.queue((
                    seq,
                    side.established_on.map(Date::days),
                    side.region,
                    side.industry.as_deref(),
                    side.capital,
                ))?;
            }
            Side::Relation(side) => {
                let (related, person) = match &side.to {
                    RelatedTo::Subject(subject) => (Some(subject.as_str()), None),
                    RelatedTo::Person(person) => (None, Some(person.as_str())),
                };
                self.new_relation.queue((seq, subject.id, &side.kind, related, person))?;
            }
        }
        self.identities.seen(row)
    }

    fn contradiction(&mut self, rows: &[Encoded]) {
        let reason = contradiction(rows);
        for row in rows {
            self.set_aside(row, reason.clone());
        }
    }

    fn set_aside(&mut self, row: &Encoded, reason: String) {
        let fields: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(row.body()).unwrap_or_default();
        let code = self.classes[row.class].1;
        let declared = self.vocabulary.code_id(code).map(|id| self.vocabulary.code(id));
        let cells = fields
            .into_iter()
            .map(|(id, value)| {
                let text = value.as_str().unwrap_or_default();
                let field = declared.and_then(|code| code.field(&id)).map(|(_, field)| field);
                let cell = field.map_or_else(|| text.to_owned(), |field| as_handed_in(&field.kind, text));
                (id, cell)
            })
            .collect();
        let row = Aside {
            line: row.line,
            row: Rejected { code: Some(code.to_owned()), cells, reasons: vec![reason] },
        };
        self.aside.push(row);
    }
}

/// What is wrong with rows of one batch that say different things about one record: nobody can tell which is meant.
pub(crate) fn contradiction(rows: &[Encoded]) -> String {
    let mut lines: Vec<u64> = rows.iter().map(|row| row.line).collect();
    lines.sort_unstable();
    let shown: Vec<String> = lines.iter().take(10).map(u64::to_string).collect();
    let more = if lines.len() > 10 { format!(" and {} more", lines.len() - 10) } else { String::new() };
    format!(
        "the same record (subject and key) stands on lines {}{more} with different content, expected each record once",
        shown.join(", ")
    )
}

/// The canonical text of a field as a cell that gives the same field when it is handed in again. Only money is kept
/// in another unit than some columns are written in.
fn as_handed_in(kind: &FieldKind, text: &str) -> String {
    match kind {
        FieldKind::Money(unit) => {
            // A unit of 10ⁿ fen makes a fen the n-th place after the point.
            let places = unit.fen().ilog10();
            parse_decimal(text, 2).map_or_else(|_| text.to_owned(), |fen| display_decimal(fen, places))
        }
        FieldKind::Text(_)
        | FieldKind::Date
        | FieldKind::Count
        | FieldKind::Number
        | FieldKind::Enum(_)
        | FieldKind::Set(_)
        | FieldKind::Region
        | FieldKind::Industry
        | FieldKind::Uscc
        | FieldKind::PersonId => text.to_owned(),
    }
}

enum Marked {
    Done,
    TargetUnknown,
}

fn end(date: Date) -> Option<i32> {
    (date != Date::FOREVER).then(|| date.days())
}

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use hengxin_core::vocabulary::MoneyUnit;

    use super::*;

    #[test]
    fn money_is_given_back_in_the_unit_of_its_column() {
        for (unit, yuan, cell) in [
            (MoneyUnit::TenThousandYuan, "2000", "0.2"),
            (MoneyUnit::TenThousandYuan, "0.01", "0.000001"),
            (MoneyUnit::Yuan, "2000.5", "2000.5"),
        ] {
            assert_eq!(as_handed_in(&FieldKind::Money(unit), yuan), cell);
        }
    }
}
