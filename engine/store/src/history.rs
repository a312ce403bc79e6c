//! One subject's records through all moments: what stood, from when until when it was known.
//!
//! A view at one moment ([`Snapshot::credit_file`]) is this, cut at that moment. Records that speak of each other (by
//! correction, repair, objection or withdrawal) are resolved together, and only when something about one of them became
//! known: a subject with thousands of records costs thousands of small steps, not millions.

use std::collections::HashMap;
use std::sync::Arc;

use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::{ClassId, Classes, Delivery, Registration};
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::Shape;

use crate::db::OptionalExtension;
use crate::encode::Key;
use crate::error::Result;
use crate::resolve::{self, Entry, Standing};
use crate::snapshot::{Scan, Snapshot, standing_marks};

/// All a subject's records through time.
#[derive(Clone, Debug)]
pub struct History {
    /// Whose they are.
    pub subject: Uscc,
    /// Versions by (day, key, moment). No two versions of one record are known at the same moment.
    pub versions: Vec<RecordVersion>,
    /// The classes `versions` speak of. Later histories of the same ledger may know more of them, never others.
    pub classes: Arc<Classes>,
}

/// What was known about one record, from one moment to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordVersion {
    /// The record.
    pub key: Key,
    /// Class.
    pub class: ClassId,
    /// The day it happened or began.
    pub occurred_on: Date,
    /// Last day in force, or [`Date::FOREVER`].
    pub ends_on: Date,
    /// Last day of publicity, or [`Date::FOREVER`].
    pub publicity_until: Date,
    /// Number, when it has one.
    pub number: Option<i64>,
    /// Reference, when it has one.
    pub reference: Option<Box<str>>,
    /// Of a registration: what it says.
    pub registration: Option<Registration>,
    /// Of a relation: the other side's code, or the person's token.
    pub related: Option<Box<str>>,
    /// Repair date, or [`Date::FOREVER`].
    pub repaired_on: Date,
    /// Objections: first day, and first day after.
    pub objections: Vec<(Date, Date)>,
    /// First moment at which this was known.
    pub known_from: Moment,
    /// First moment at which it no longer was; `None` when it still is.
    pub known_until: Option<Moment>,
}

/// What marks said about an entry, and since when that was known.
struct Open {
    repaired_on: Date,
    objections: Vec<(Date, Date)>,
    since: Moment,
}

impl Snapshot {
    /// The history of `subject` up to the moment of the snapshot; `None` when nothing was known about it.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`] and engine failures.
    pub fn history(&self, subject: Uscc) -> Result<Option<History>> {
        let Some(id) = self.subject_id(subject)? else { return Ok(None) };
        let (scan, dictionary) = self.scan(id)?;
        if scan.rows.is_empty() {
            return Ok(None);
        }
        let mut versions = Vec::with_capacity(scan.rows.len());
        for group in groups(&scan.entries) {
            self.group(&scan, &group, &dictionary.classes, &mut versions)?;
        }
        versions.sort_unstable_by_key(|v: &RecordVersion| (v.occurred_on, v.key, v.known_from));
        Ok(Some(History { subject, versions, classes: Arc::clone(&dictionary.classes) }))
    }

    /// Every delivery known at the moment of the snapshot, in the order recorded.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`] and engine failures.
    pub fn delivery_history(&self) -> Result<Vec<(Delivery, Moment)>> {
        crate::deliveries::all(self.connection(), self.vocabulary(), self.known_at())
    }

    /// Records that speak of each other: their entries, by index, in the order of the scan.
    fn group(
        &self,
        scan: &Scan,
        group: &[usize],
        classes: &Classes,
        versions: &mut Vec<RecordVersion>,
    ) -> Result<()> {
        let mut moments: Vec<Moment> = group.iter().map(|i| scan.rows[*i].recorded_at).collect();
        moments.sort_unstable();
        moments.dedup();
        let mut open: HashMap<usize, Open> = HashMap::new();
        for at in moments {
            let known: Vec<usize> =
                group.iter().copied().filter(|i| scan.rows[*i].recorded_at <= at).collect();
            let entries: Vec<Entry> = known.iter().map(|i| scan.entries[*i]).collect();
            let standings = resolve::standings(&entries);
            let marks = standing_marks(&entries, &standings);
            for (n, i) in known.into_iter().enumerate() {
                let now = (standings[n] == Standing::Stands)
                    .then(|| resolve::marks(&entries[n].key, &entries, &marks));
                let same = match (open.get(&i), &now) {
                    (None, None) => true,
                    (Some(was), Some((repaired_on, objections))) => {
                        was.repaired_on == *repaired_on && was.objections == *objections
                    }
                    _ => false,
                };
                if same {
                    continue;
                }
                if let Some(was) = open.remove(&i) {
                    versions.push(self.version(scan, i, was, Some(at), classes)?);
                }
                if let Some((repaired_on, objections)) = now {
                    open.insert(i, Open { repaired_on, objections, since: at });
                }
            }
        }
        for (i, still) in open {
            versions.push(self.version(scan, i, still, None, classes)?);
        }
        Ok(())
    }

    fn version(
        &self,
        scan: &Scan,
        i: usize,
        open: Open,
        known_until: Option<Moment>,
        classes: &Classes,
    ) -> Result<RecordVersion> {
        let (entry, row) = (&scan.entries[i], &scan.rows[i]);
        let registration = (entry.shape == Shape::Registration)
            .then(|| self.registration(entry, row, classes))
            .transpose()?;
        let related = if entry.shape == Shape::Relation { self.related_side(row.seq)? } else { None };
        Ok(RecordVersion {
            key: entry.key,
            class: row.stored.class,
            occurred_on: entry.occurred_on,
            ends_on: entry.ends_on,
            publicity_until: row.publicity_until,
            number: row.number,
            reference: row.reference.clone(),
            registration,
            related,
            repaired_on: open.repaired_on,
            objections: open.objections,
            known_from: open.since,
            known_until,
        })
    }

    fn related_side(&self, seq: i64) -> Result<Option<Box<str>>> {
        let mut statement = self
            .connection()
            .prepare_cached("SELECT coalesce(related_subject, person) FROM relations WHERE seq = ?1")?;
        let found: Option<String> = statement.query_row([seq], |row| row.get(0)).optional()?;
        Ok(found.map(String::into_boxed_str))
    }
}

/// The entries of records that speak of each other, directly or through others; each group in the order of the scan.
fn groups(entries: &[Entry]) -> Vec<Vec<usize>> {
    let mut numbers: HashMap<Key, usize> = HashMap::new();
    let mut parents: Vec<usize> = Vec::new();
    let mut number = |key: Key, parents: &mut Vec<usize>| {
        *numbers.entry(key).or_insert_with(|| {
            parents.push(parents.len());
            parents.len() - 1
        })
    };
    let mut records = Vec::with_capacity(entries.len());
    for entry in entries {
        let record = number(entry.key, &mut parents);
        if let Some(target) = entry.target {
            let target = number(target, &mut parents);
            let (one, other) = (root(&mut parents, record), root(&mut parents, target));
            parents[one] = other;
        }
        records.push(record);
    }
    let mut places: HashMap<usize, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (i, record) in records.into_iter().enumerate() {
        let of = root(&mut parents, record);
        let place = *places.entry(of).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(i);
    }
    groups
}

fn root(parents: &mut [usize], mut at: usize) -> usize {
    while parents[at] != at {
        parents[at] = parents[parents[at]];
        at = parents[at];
    }
    at
}
