//! Reading: everything known at one moment.

use std::collections::HashMap;
use std::sync::Arc;

use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::{
    Classes, CreditFile, Deliveries, FactColumns, FactId, FactRow, NO_NUMBER, NO_REFERENCE, Registration,
};
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::{Mark, Shape, Vocabulary};
use sha2::{Digest, Sha256};

use crate::append::ingested_before;
use crate::db::{Connection, OptionalExtension, Row};
use crate::deliveries::KnownDeliveries;
use crate::dictionary::{Dictionary, Stored};
use crate::encode::Key;
use crate::error::{Error, Result};
use crate::ledger::Shared;
use crate::resolve::{self, Entry, Standing};
use crate::submission::{FileStamp, Report};

/// A view of the ledger as known at one moment. Holds one read transaction: drop it soon.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) shared: Arc<Shared>,
    // `None` only while being dropped.
    connection: Option<Connection>,
    known_at: Moment,
    watermark: Moment,
}

/// One subject's credit file, owning its columns.
#[derive(Clone, Debug)]
pub struct OwnedFile {
    /// Whose file it is.
    pub subject: Uscc,
    /// Facts of every code but the registration that stand at the moment of the snapshot.
    pub columns: FactColumns,
    /// Registrations that stand, sorted by (since, fact).
    pub registrations: Vec<Registration>,
    /// Texts of the references in `columns.reference`, whose ids count from 1. Ids mean nothing outside this file.
    pub references: Vec<Box<str>>,
    /// The classes `columns.class` speaks of.
    pub classes: Arc<Classes>,
    /// SHA-256 over all entries known about the subject (ids and contents) and the deliveries that concern it: what
    /// a result computed from this file was computed from. Equal digests mean equal files.
    pub digest: [u8; 32],
    known: Arc<KnownDeliveries>,
}

impl OwnedFile {
    /// The kernel's view.
    pub fn as_file(&self) -> CreditFile<'_> {
        CreditFile {
            subject: self.subject,
            facts: self.columns.as_facts(),
            registrations: &self.registrations,
            deliveries: &self.known.deliveries,
        }
    }

    /// The deliveries that concern this subject.
    pub fn deliveries(&self) -> &Deliveries {
        &self.known.deliveries
    }

    /// The text of a reference id of this file.
    pub fn reference(&self, id: u32) -> Option<&str> {
        self.references.get(usize::try_from(id.checked_sub(1)?).ok()?).map(|text| &**text)
    }
}

/// One subject's entries as read: sorted by key, versions in the order recorded.
pub(crate) struct Scan {
    pub(crate) entries: Vec<Entry>,
    pub(crate) rows: Vec<Scanned>,
}

/// What a row holds besides what decides its standing.
pub(crate) struct Scanned {
    pub(crate) seq: i64,
    pub(crate) stored: Stored,
    pub(crate) publicity_until: Date,
    pub(crate) number: Option<i64>,
    pub(crate) recorded_at: Moment,
    pub(crate) reference: Option<Box<str>>,
    pub(crate) content: [u8; 32],
}

impl Snapshot {
    pub(crate) fn begin(shared: Arc<Shared>, known_at: Option<Moment>) -> Result<Snapshot> {
        let connection = shared.reading()?;
        connection.begin_read()?;
        let last = |until: Moment| -> Result<Moment> {
            let found: Option<i64> = connection
                .prepare_cached("SELECT max(recorded_at) FROM batches WHERE recorded_at <= ?1")?
                .query_row([until.0], |row| row.get(0))?;
            Ok(Moment(found.unwrap_or(0)))
        };
        let watermark = last(Moment(i64::MAX))?;
        // Between two writes nothing changes: all moments in between are the earlier write's. Were they kept apart,
        // a question asked for a moment after the last write would be answered differently after the next one.
        let known_at = match known_at {
            Some(asked) if asked < watermark => last(asked)?,
            Some(_) | None => watermark,
        };
        Ok(Snapshot { shared, connection: Some(connection), known_at, watermark })
    }

    /// The moment this view is cut at: that of the last write at or before the one asked for. Asking again with
    /// either gives the same view for ever.
    pub fn known_at(&self) -> Moment {
        self.known_at
    }

    /// The vocabulary of the ledger.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.shared.vocabulary
    }

    /// The report of a file that was ingested before under this vocabulary; `None` for one that was not. Spares reading
    /// it again: recording it would change nothing.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and engine failures.
    pub fn ingested(&self, file: &FileStamp) -> Result<Option<Report>> {
        ingested_before(self.connection(), file, &self.shared.vocabulary.edition)
    }

    pub(crate) fn connection(&self) -> &Connection {
        match &self.connection {
            Some(connection) => connection,
            None => unreachable!("the connection is taken only when the snapshot is dropped"),
        }
    }

    /// The file of `subject`; `None` when nothing was known about it.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and engine failures.
    pub fn credit_file(&self, subject: Uscc) -> Result<Option<OwnedFile>> {
        let Some(id) = self.subject_id(subject)? else { return Ok(None) };
        let (scan, dictionary) = self.scan(id)?;
        if scan.rows.is_empty() {
            return Ok(None);
        }
        let standings = resolve::standings(&scan.entries);
        let marks = standing_marks(&scan.entries, &standings);
        let mut rows = Vec::with_capacity(scan.rows.len());
        let mut registrations = Vec::new();
        let mut references = References::default();
        let mut hash = Sha256::new();
        hash.update(b"hengxin file 1\n");
        hash.update(subject.as_bytes());
        let mut digested = Vec::with_capacity(scan.rows.len() * 40);
        for ((entry, row), standing) in scan.entries.iter().zip(scan.rows).zip(standings) {
            digested.extend_from_slice(&row.seq.to_le_bytes());
            digested.extend_from_slice(&row.content);
            if standing != Standing::Stands {
                continue;
            }
            if entry.shape == Shape::Registration {
                registrations.push(self.registration(entry, &row, &dictionary.classes)?);
                continue;
            }
            let (repaired_on, objections) = if marks.is_empty() {
                (Date::FOREVER, Vec::new())
            } else {
                resolve::marks(&entry.key, &scan.entries, &marks)
            };
            rows.push(FactRow {
                id: fact_id(row.seq)?,
                class: row.stored.class,
                occurred_on: entry.occurred_on,
                ends_on: entry.ends_on,
                number: row.number.unwrap_or(NO_NUMBER),
                reference: references.id(row.reference),
                repaired_on,
                publicity_until: row.publicity_until,
                objections,
            });
        }
        registrations.sort_unstable_by_key(|r: &Registration| (r.since, r.fact));
        let regions: Vec<RegionCode> = registrations.iter().filter_map(|r| r.region).collect();
        let known = self.shared.deliveries.known(
            self.connection(),
            &self.shared.vocabulary,
            self.watermark,
            self.known_at,
            regions,
        )?;
        hash.update(u64::try_from(digested.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(&digested);
        hash.update(known.canonical.as_bytes());
        Ok(Some(OwnedFile {
            subject,
            columns: FactColumns::from_rows(rows),
            registrations,
            references: references.texts,
            classes: Arc::clone(&dictionary.classes),
            digest: hash.finalize().into(),
            known,
        }))
    }

    /// The file of a subject that others name and of whom nothing is recorded: no facts, and the deliveries of the
    /// whole country.
    pub(crate) fn empty_file(&self, subject: Uscc) -> Result<OwnedFile> {
        let known = self.shared.deliveries.known(
            self.connection(),
            &self.shared.vocabulary,
            self.watermark,
            self.known_at,
            Vec::new(),
        )?;
        let mut hash = Sha256::new();
        hash.update(b"hengxin file 1\n");
        hash.update(subject.as_bytes());
        hash.update(0u64.to_le_bytes());
        hash.update(known.canonical.as_bytes());
        Ok(OwnedFile {
            subject,
            columns: FactColumns::default(),
            registrations: Vec::new(),
            references: Vec::new(),
            classes: Arc::clone(&self.shared.dictionary.now().classes),
            digest: hash.finalize().into(),
            known,
        })
    }

    pub(crate) fn subject_id(&self, subject: Uscc) -> Result<Option<i64>> {
        let mut statement = self.connection().prepare_cached("SELECT id FROM subjects WHERE code = ?1")?;
        Ok(statement.query_row([subject.as_str()], |row| row.get(0)).optional()?)
    }

    /// All entries of a subject known at the moment of the cut.
    pub(crate) fn scan(&self, subject: i64) -> Result<(Scan, Arc<Dictionary>)> {
        let mut dictionary = self.shared.dictionary.now();
        let mut statement = self.connection().prepare_cached(
            "SELECT seq, key, class, occurred_on, ends_on, publicity_until, number, recorded_at, target, reference,
                    content
             FROM facts WHERE subject = ?1 AND recorded_at <= ?2 ORDER BY key, seq",
        )?;
        let mut rows = statement.query((subject, self.known_at.0))?;
        let mut scan = Scan { entries: Vec::with_capacity(32), rows: Vec::with_capacity(32) };
        while let Some(row) = rows.next()? {
            let class: i64 = row.get(2)?;
            let stored = match dictionary.stored(class) {
                Some(stored) => stored,
                None => {
                    dictionary =
                        self.shared.dictionary.refresh(self.connection(), &self.shared.vocabulary)?;
                    dictionary.stored(class).ok_or_else(|| {
                        Error::corrupt(format!("a fact of class {class}, which is not recorded"))
                    })?
                }
            };
            let entry = Entry {
                key: row.get(1)?,
                shape: stored.shape,
                occurred_on: Date::from_days(row.get(3)?),
                ends_on: date_or_forever(row, 4)?,
                target: row.get::<Option<Key>>(8)?,
            };
            scan.entries.push(entry);
            scan.rows.push(Scanned {
                seq: row.get(0)?,
                stored,
                publicity_until: date_or_forever(row, 5)?,
                number: row.get(6)?,
                recorded_at: Moment(row.get(7)?),
                reference: row.get::<Option<&str>>(9)?.map(Box::from),
                content: row.get(10)?,
            });
        }
        Ok((scan, dictionary))
    }

    pub(crate) fn registration(
        &self,
        entry: &Entry,
        row: &Scanned,
        classes: &Classes,
    ) -> Result<Registration> {
        let mut statement = self.connection().prepare_cached(
            "SELECT established_on, region, industry, capital FROM registrations WHERE seq = ?1",
        )?;
        let code = self.shared.vocabulary.code(row.stored.code);
        // Enumerated attributes are in the class: index plus one, 0 when absent.
        let attribute = |id: &str| {
            let value = *classes.class(row.stored.class)?.values.get(code.class_position(id)?)?;
            u16::try_from(value.checked_sub(1)?).ok()
        };
        let mut registration = Registration {
            fact: fact_id(row.seq)?,
            since: entry.occurred_on,
            established_on: None,
            legal_form: attribute("legal_form"),
            size: attribute("size"),
            status: attribute("status"),
            region: None,
            industry: None,
            capital: None,
        };
        let mut rows = statement.query([row.seq])?;
        let Some(found) = rows.next()? else {
            return Err(Error::corrupt(format!("fact {} is a registration without its attributes", row.seq)));
        };
        registration.established_on = found.get::<Option<i32>>(0)?.map(Date::from_days);
        let region: Option<u32> = found.get(1)?;
        registration.region = region
            .map(RegionCode::from_digits)
            .transpose()
            .map_err(|error| Error::corrupt(format!("region of fact {}: {error}", row.seq)))?;
        let industry = found.get::<Option<&str>>(2)?;
        registration.industry = industry
            .map(str::parse)
            .transpose()
            .map_err(|error| Error::corrupt(format!("industry of fact {}: {error}", row.seq)))?;
        registration.capital = found.get(3)?;
        Ok(registration)
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // A connection that cannot even end a read transaction is closed, not kept.
            if connection.commit().is_ok() {
                self.shared.give_back(connection);
            }
        }
    }
}

/// Indices of the repairs and objections that stand.
pub(crate) fn standing_marks(entries: &[Entry], standings: &[Standing]) -> Vec<usize> {
    (0..entries.len())
        .filter(|i| standings[*i] == Standing::Stands)
        .filter(|i| matches!(entries[*i].shape, Shape::Mark(Mark::Repair | Mark::Objection)))
        .collect()
}

pub(crate) fn fact_id(seq: i64) -> Result<FactId> {
    u64::try_from(seq).map(FactId).map_err(|_| Error::corrupt(format!("fact number {seq}")))
}

fn date_or_forever(row: Row<'_>, column: usize) -> crate::db::Result<Date> {
    Ok(row.get::<Option<i32>>(column)?.map_or(Date::FOREVER, Date::from_days))
}

/// References numbered within one file.
#[derive(Default)]
struct References {
    texts: Vec<Box<str>>,
    ids: HashMap<Box<str>, u32>,
}

impl References {
    fn id(&mut self, text: Option<Box<str>>) -> u32 {
        let Some(text) = text else { return NO_REFERENCE };
        if let Some(id) = self.ids.get(&text) {
            return *id;
        }
        self.texts.push(text.clone());
        let id = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.ids.insert(text, id);
        id
    }
}
