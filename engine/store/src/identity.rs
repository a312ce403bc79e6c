//! Who a code belongs to, and code conflicts: one code for two subjects (一码多赋), one subject with two codes
//! (重复赋码). Found while facts are recorded, listed for people, never merged.
//!
//! A code belongs to two subjects when two registrations under it differ both in name and in establishment date: a
//! change of name alone is a legal event, a change of date alone a correction. A subject has two codes when
//! registrations under both have the same normalised name, region and legal form; the region must be known.

use hengxin_core::date::{Date, Moment};
use hengxin_core::uscc::Uscc;

use crate::db::{Connection, OptionalExtension, Statement};
use crate::encode::{Encoded, Side, push_json};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::name::normalise;
use crate::snapshot::Snapshot;

/// A conflict of codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Its place in the list.
    pub id: u64,
    /// What it is.
    pub kind: ConflictKind,
    /// The code concerned.
    pub subject: Uscc,
    /// What was found, as a JSON object of names, dates and regions.
    pub detail: String,
    /// When it was found.
    pub recorded_at: Moment,
}

/// The two kinds of conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictKind {
    /// 一码多赋: registrations of two subjects under one code.
    OneCodeTwoSubjects,
    /// 重复赋码: one subject registered under this code and another.
    OneSubjectTwoCodes {
        /// The other code, recorded earlier.
        other: Uscc,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    normalised: String,
    name: String,
    region: Option<u32>,
    legal_form: Option<String>,
    established_on: Option<i32>,
    registered: bool,
}

/// Collects the identities of one subject at a time.
pub(crate) struct Identities<'c> {
    moment: Moment,
    subject: Option<(i64, bool)>,
    /// Those on file and those of this batch, once anything was seen.
    known: Option<Vec<Identity>>,
    /// The name as last seen, so that rows that repeat it cost nothing.
    last: Option<Box<str>>,
    conflicts: u64,
    load: Statement<'c>,
    insert: Statement<'c>,
    namesakes: Statement<'c>,
    find: Statement<'c>,
    list: Statement<'c>,
}

impl<'c> Identities<'c> {
    pub(crate) fn new(connection: &'c Connection, moment: Moment) -> Result<Identities<'c>> {
        Ok(Identities {
            moment,
            subject: None,
            known: None,
            last: None,
            conflicts: 0,
            load: connection.prepare_cached(
                "SELECT normalised, name, region, legal_form, established_on, registered
                 FROM identities WHERE subject = ?1",
            )?,
            insert: connection.prepare_cached(
                "INSERT INTO identities (subject, normalised, name, region, legal_form, established_on, registered,
                                         recorded_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?,
            namesakes: connection.prepare_cached(
                "SELECT DISTINCT subject FROM identities
                 WHERE normalised = ?1 AND registered = 1 AND region = ?2 AND legal_form IS NOT DISTINCT FROM ?3
                   AND subject <> ?4
                 ORDER BY subject LIMIT 100",
            )?,
            find: connection.prepare_cached(
                "SELECT 1 FROM conflicts WHERE other_subject IS NOT NULL
                 AND ((subject = ?1 AND other_subject = ?2) OR (subject = ?2 AND other_subject = ?1))",
            )?,
            list: connection.prepare_cached(
                "INSERT INTO conflicts (kind, subject, other_subject, detail, recorded_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
        })
    }

    pub(crate) fn begin_subject(&mut self, id: i64, known: bool) {
        self.subject = Some((id, known));
    }

    /// Forgets the subject; gives how many conflicts were found.
    pub(crate) fn finish_subject(&mut self) -> Result<u64> {
        self.subject = None;
        self.known = None;
        self.last = None;
        Ok(std::mem::take(&mut self.conflicts))
    }

    /// Takes note of the name and registration of a row that was recorded.
    pub(crate) fn seen(&mut self, row: &Encoded) -> Result<()> {
        let (Some((subject, known)), Some(name)) = (self.subject, row.name()) else { return Ok(()) };
        let registration = match &row.side {
            Side::Registration(side) => Some(side),
            Side::None | Side::Relation(_) => None,
        };
        if registration.is_none() && self.last.as_deref() == Some(name) {
            return Ok(());
        }
        self.last = Some(Box::from(name));
        if self.known.is_none() {
            self.known = Some(if known { self.load(subject)? } else { Vec::new() });
        }
        let identity = Identity {
            normalised: normalise(name),
            name: name.to_owned(),
            region: registration.and_then(|side| side.region),
            legal_form: registration.and_then(|side| side.legal_form.clone()),
            established_on: registration.and_then(|side| side.established_on).map(Date::days),
            registered: registration.is_some(),
        };
        let others = self.known.get_or_insert_default();
        let new = if identity.registered {
            !others.iter().any(|other| Identity { name: identity.name.clone(), ..other.clone() } == identity)
        } else {
            !others.iter().any(|other| other.normalised == identity.normalised)
        };
        if !new {
            return Ok(());
        }
        if identity.registered {
            self.conflicts(subject, &identity)?;
        }
        self.insert.insert((
            subject,
            &identity.normalised,
            &identity.name,
            identity.region,
            &identity.legal_form,
            identity.established_on,
            identity.registered,
            self.moment.0,
        ))?;
        self.known.get_or_insert_default().push(identity);
        Ok(())
    }

    fn load(&mut self, subject: i64) -> Result<Vec<Identity>> {
        let rows = self.load.query_map([subject], |row| {
            Ok(Identity {
                normalised: row.get(0)?,
                name: row.get(1)?,
                region: row.get(2)?,
                legal_form: row.get(3)?,
                established_on: row.get(4)?,
                registered: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<crate::db::Result<_>>()?)
    }

    fn conflicts(&mut self, subject: i64, identity: &Identity) -> Result<()> {
        let contradicts = |other: &&Identity| {
            other.registered
                && other.normalised != identity.normalised
                && matches!((other.established_on, identity.established_on), (Some(a), Some(b)) if a != b)
        };
        if let Some(other) = self.known.iter().flatten().find(contradicts) {
            self.list.execute((
                "one-code-two-subjects",
                subject,
                None::<i64>,
                detail(&[other, identity]),
                self.moment.0,
            ))?;
            self.conflicts += 1;
        }
        let Some(region) = identity.region else { return Ok(()) };
        let namesakes: Vec<i64> = self
            .namesakes
            .query_map((&identity.normalised, region, &identity.legal_form, subject), |row| row.get(0))?
            .collect::<crate::db::Result<_>>()?;
        for other in namesakes {
            if self.find.query_row((subject, other), |_| Ok(())).optional()?.is_none() {
                let detail = detail(&[identity]);
                self.list.execute(("one-subject-two-codes", subject, other, detail, self.moment.0))?;
                self.conflicts += 1;
            }
        }
        Ok(())
    }
}

fn detail(identities: &[&Identity]) -> String {
    let mut json = String::from("{\"registrations\":[");
    for (i, identity) in identities.iter().enumerate() {
        json.push_str(if i == 0 { "{\"name\":" } else { ",{\"name\":" });
        push_json(&mut json, &identity.name);
        let mut part = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                json.push(',');
                push_json(&mut json, key);
                json.push(':');
                push_json(&mut json, &value);
            }
        };
        part("established_on", identity.established_on.map(|days| Date::from_days(days).to_string()));
        part("region", identity.region.map(|region| region.to_string()));
        part("legal_form", identity.legal_form.clone());
        json.push('}');
    }
    json.push_str("]}");
    json
}

const CONFLICT: &str = "SELECT conflicts.id, kind, subjects.code, others.code, detail, conflicts.recorded_at
    FROM conflicts
    JOIN subjects ON subjects.id = conflicts.subject
    LEFT JOIN subjects AS others ON others.id = conflicts.other_subject";

impl Conflict {
    /// The identities found, each as its parts in one line: name, day of establishment, region, legal form.
    pub fn identities(&self) -> Vec<String> {
        let detail: Value = serde_json::from_str(&self.detail).unwrap_or(Value::Null);
        let lists = detail.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_array());
        let line = |identity: &Value| {
            let part = |key| identity.get(key).and_then(Value::as_str);
            let texts = ["name", "established_on", "region", "legal_form"].into_iter().filter_map(part);
            texts.collect::<Vec<_>>().join(", ")
        };
        lists.flatten().map(line).collect()
    }
}

impl Snapshot {
    /// Conflicts of codes known at the moment of the snapshot, after the one with id `after`, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and engine failures.
    pub fn conflicts(&self, after: Option<u64>, limit: usize) -> Result<Vec<Conflict>> {
        let sql = format!(
            "{CONFLICT} WHERE conflicts.id > ?1 AND conflicts.recorded_at <= ?2 ORDER BY conflicts.id LIMIT ?3"
        );
        let mut statement = self.connection().prepare_cached(&sql)?;
        let after = after.map_or(0, |id| i64::try_from(id).unwrap_or(i64::MAX));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        listed(statement.query((after, self.known_at().0, limit))?)
    }

    /// Those that concern one code, the first `limit`.
    ///
    /// # Errors
    /// As [`Snapshot::conflicts`].
    pub fn conflicts_of(&self, code: Uscc, limit: usize) -> Result<Vec<Conflict>> {
        let sql = format!(
            "{CONFLICT} WHERE (subjects.code = ?1 OR others.code = ?1) AND conflicts.recorded_at <= ?2
             ORDER BY conflicts.id LIMIT ?3"
        );
        let mut statement = self.connection().prepare_cached(&sql)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        listed(statement.query((code.as_str(), self.known_at().0, limit))?)
    }
}

fn listed(mut rows: crate::db::Rows<'_>) -> Result<Vec<Conflict>> {
    let mut conflicts = Vec::new();
    while let Some(row) = rows.next()? {
        let other: Option<String> = row.get(3)?;
        conflicts.push(Conflict {
            id: u64::try_from(row.get::<i64>(0)?).unwrap_or(0),
            kind: match other {
                None => ConflictKind::OneCodeTwoSubjects,
                Some(other) => ConflictKind::OneSubjectTwoCodes { other: stored_code(&other)? },
            },
            subject: stored_code(&row.get::<String>(2)?)?,
            detail: row.get(4)?,
            recorded_at: Moment(row.get(5)?),
        });
    }
    Ok(conflicts)
}

/// A code as stored: it was checked when it came in.
pub(crate) fn stored_code(text: &str) -> Result<Uscc> {
    text.parse().map_err(|error| Error::corrupt(format!("stored code `{text}`: {error}")))
}
