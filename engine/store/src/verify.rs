//! Whether the file still says what was recorded: structure, references between tables, every fact's digest, and the log.

use std::time::Duration;

use hengxin_core::date::Date;
use hengxin_core::draft::RelatedTo;
use hengxin_log::VerifyingKey;

use crate::db::{Access, Connection, Row};
use crate::encode::{self, Content, Key, RegistrationSide, RelationSide, Side};
use crate::error::{Error, Result};
use crate::identity::stored_code;
use crate::log::{self, CheckedLog, Log};
use crate::place::Place;
use crate::schema;
use crate::snapshot::Snapshot;

/// What a check of the whole file found to be in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many facts were compared with their digests.
    pub facts: u64,
    /// What was found of the log.
    pub log: CheckedLog,
}

/// A ledger opened to be checked, not to be used: neither its keys nor its vocabulary are needed. For auditors.
#[derive(Debug)]
pub struct Archive {
    connection: Connection,
    place: Place,
}

impl Archive {
    /// Opens the file for reading.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Foreign`], [`Error::Newer`], and [`Error::Older`] when the file has no log yet.
    pub fn open(place: impl Into<Place>) -> Result<Archive> {
        let place = place.into();
        let connection = schema::connect_existing(&place, Access::Read, Duration::from_secs(30))?;
        let found = schema::recognise(&connection, &place)?;
        if found < schema::known_version() {
            return Err(Error::Older { path: place.shown(), found, known: schema::known_version() });
        }
        // One view for everything that follows, whatever is written meanwhile.
        connection.begin_read()?;
        Ok(Archive { connection, place })
    }

    /// The log.
    pub fn log(&self) -> Log<'_> {
        Log::new(&self.connection)
    }

    /// As [`Snapshot::verify`], against a public key from elsewhere: whoever forges the whole file, key and all, is
    /// found out too.
    ///
    /// # Errors
    /// As [`Snapshot::verify`].
    pub fn verify(&self, key: &VerifyingKey) -> Result<Verified> {
        let verified = verify(&self.connection, key)?;
        // Where the machine that writes is asked, it knows how far the log had come.
        log::ensure_not_backwards(&self.connection, &self.place, key)?;
        guards(&self.connection)?;
        Ok(verified)
    }
}

impl Snapshot {
    /// Reads the whole file. Finds pages that do not hold together, rows that refer to rows that are not there, gaps
    /// in the numbering, facts that no longer match the digest recorded with them, history that is not what the
    /// signed heads of the log speak of, and tables of history that nothing guards any more. Takes seconds per million facts.
    ///
    /// # Errors
    /// [`Error::Corrupt`] or [`Error::Altered`] naming the first thing found; engine failures.
    pub fn verify(&self) -> Result<Verified> {
        let verified = verify(self.connection(), &self.log().key()?)?;
        guards(self.connection())?;
        Ok(verified)
    }
}

fn verify(connection: &Connection, key: &VerifyingKey) -> Result<Verified> {
    structure(connection)?;
    let facts = facts(connection)?;
    Ok(Verified { facts, log: log::check(connection, key)? })
}

/// History is guarded still. Asked last: what was done while a guard was away is worth more to know.
fn guards(connection: &Connection) -> Result<()> {
    match schema::unguarded(connection)? {
        None => Ok(()),
        Some(table) => Err(changed(format!(
            "every row is what was logged, but what keeps rows of `{table}` from being changed was removed or replaced"
        ))),
    }
}

/// Pages hold together, and rows refer to rows that are there.
fn structure(connection: &Connection) -> Result<()> {
    connection.damage()?.map_or(Ok(()), |damage| Err(Error::corrupt(damage)))
}

/// Something that is not as it was left and lies in no entry. Of a fact, its batch has the entry.
fn changed(detail: String) -> Error {
    Error::Altered { entry: None, detail }
}

/// Every fact is what its digest was taken over, and none is missing. How many there are.
fn facts(connection: &Connection) -> Result<u64> {
    let mut last = 0;
    let mut statement = connection.prepare_cached(
        "SELECT facts.seq, subjects.code, key, classes.code, classes.attributes, occurred_on, ends_on,
                publicity_until, number, target, reference, content, body,
                registrations.seq IS NOT NULL, established_on, region, industry, capital,
                relations.kind, related_subject, person,
                relations.seq IS NOT NULL AND (relations.subject <> facts.subject OR registrations.seq IS NOT NULL)
         FROM facts
         JOIN subjects ON subjects.id = facts.subject
         JOIN classes ON classes.id = facts.class
         LEFT JOIN registrations ON registrations.seq = facts.seq
         LEFT JOIN relations ON relations.seq = facts.seq
         ORDER BY facts.seq",
    )?;
    let mut rows = statement.query_in_parts([])?;
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        if seq != last + 1 {
            return Err(changed(format!("fact {} is gone, fact {seq} follows", last + 1)));
        }
        last = seq;
        if row.get(21)? {
            return Err(changed(format!("fact {seq} has the relation of another fact or subject")));
        }
        let side = side(row)?;
        let (subject, key, code): (String, Key, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
        let (attributes, body): (String, String) = (row.get(4)?, row.get(12)?);
        let (target, reference): (Option<Key>, Option<String>) = (row.get(9)?, row.get(10)?);
        let day = |column: usize| -> Result<Date> {
            Ok(row.get::<Option<i32>>(column)?.map_or(Date::FOREVER, Date::from_days))
        };
        let content = encode::content(&Content {
            subject: &subject,
            key: &key,
            code: &code,
            attributes: &attributes,
            occurred_on: day(5)?,
            ends_on: day(6)?,
            publicity_until: day(7)?,
            number: row.get(8)?,
            target: target.as_ref(),
            reference: reference.as_deref(),
            body: &body,
            side: &side,
        });
        if content != row.get::<[u8; 32]>(11)? {
            return Err(changed(format!("fact {seq} does not match its digest")));
        }
    }
    Ok(u64::try_from(last).unwrap_or(0))
}

fn side(row: Row<'_>) -> Result<Side> {
    if row.get(13)? {
        return Ok(Side::Registration(Box::new(RegistrationSide {
            established_on: row.get::<Option<i32>>(14)?.map(Date::from_days),
            // Part of the attributes, not of this table.
            legal_form: None,
            region: row.get(15)?,
            industry: row.get(16)?,
            capital: row.get(17)?,
        })));
    }
    let Some(kind) = row.get::<Option<String>>(18)? else { return Ok(Side::None) };
    let (subject, person): (Option<String>, Option<String>) = (row.get(19)?, row.get(20)?);
    let to = match (subject, person) {
        (Some(code), _) => RelatedTo::Subject(stored_code(&code)?),
        (None, person) => RelatedTo::Person(person.unwrap_or_default()),
    };
    Ok(Side::Relation(Box::new(RelationSide { kind, to })))
}
