//! Whether the file still says what was recorded: structure, references between tables, and every fact's digest.

use hengxin_core::date::Date;
use hengxin_core::draft::RelatedTo;

use crate::encode::{self, Content, Key, RegistrationSide, RelationSide, Side};
use crate::error::{Error, Result};
use crate::identity::stored_code;
use crate::snapshot::Snapshot;

/// What a check of the whole file found to be in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many facts were compared with their digests.
    pub facts: u64,
}

impl Snapshot {
    /// Reads the whole file. Finds pages that do not hold together, rows that refer to rows that are not there, gaps
    /// in the numbering, and facts that no longer match the digest recorded with them. Takes seconds per million
    /// facts.
    ///
    /// This finds damage. It does not find a careful forgery: digests lie in the file they speak of.
    ///
    /// # Errors
    /// [`Error::Corrupt`] naming the first thing found; engine failures.
    pub fn verify(&self) -> Result<Verified> {
        if let Some(damage) = self.connection().damage()? {
            return Err(Error::corrupt(damage));
        }
        let mut last = 0;
        let mut statement = self.connection().prepare_cached(
            "SELECT facts.seq, subjects.code, key, classes.code, classes.attributes, occurred_on, ends_on,
                    publicity_until, number, target, reference, content, body,
                    registrations.seq IS NOT NULL, established_on, region, industry, capital,
                    relations.kind, related_subject, person
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
                return Err(Error::corrupt(format!("fact {seq} follows fact {last}")));
            }
            last = seq;
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
                return Err(Error::corrupt(format!("fact {seq} does not match its digest")));
            }
        }
        Ok(Verified { facts: u64::try_from(last).unwrap_or(0) })
    }
}

fn side(row: crate::db::Row<'_>) -> Result<Side> {
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
