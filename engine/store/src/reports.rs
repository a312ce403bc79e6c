//! Credit reports: kept byte for byte as they were issued, under a number that is printed on them.
//!
//! The ledger does not understand a report. It gives the number's sequence and the moment, hears what the report with
//! that number says, and keeps it; whoever issues encodes it. Of the verification code only a digest stands beside the
//! body, so that a look at the table's columns lets nobody pass for a holder of the report.

use std::sync::Arc;

use hengxin_core::date::{Date, Moment};
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::Disclosure;

use crate::db::{Connection, OptionalExtension, Row};
use crate::error::{Error, Result};
use crate::identity::stored_code;
use crate::snapshot::Snapshot;
use crate::words::{number, words};

words! {
    /// Which of the reports.
    ReportKind {
        /// Public credit information: facts, no score and no grade.
        Public = "public",
        /// Scores, tiers and reasons.
        Evaluation = "evaluation",
        /// In place of certificates of no violation: chosen fields and period.
        Special = "special",
    }
}

/// The levels of [`Disclosure`] and their words in the table.
const SIGHTS: [(&str, Disclosure); 3] =
    [("public", Disclosure::Public), ("limited", Disclosure::Limited), ("not-public", Disclosure::NotPublic)];

/// Where and when a report is put on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportPlace {
    /// Its place among all reports, from 1, without a gap.
    pub sequence: u64,
    /// When it is issued.
    pub issued_at: Moment,
}

/// What depends on where and when a report is put on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportText {
    /// Its number.
    pub number: String,
    /// Last day on which it is valid.
    pub valid_until: Date,
    /// SHA-256 of `body`.
    pub digest: [u8; 32],
    /// The report.
    pub body: Vec<u8>,
}

/// A report to put on record.
#[derive(Clone)]
pub struct NewReport {
    /// Whom it is about.
    pub subject: Uscc,
    /// Which report.
    pub kind: ReportKind,
    /// The day it speaks of.
    pub as_of: Date,
    /// The department it is for; empty when nobody is known.
    pub issued_for: String,
    /// The most that it shows.
    pub sight: Disclosure,
    /// Fields asked for, ids without blanks; empty for all.
    pub fields: Vec<String>,
    /// SHA-256 of its verification code.
    pub code_digest: [u8; 32],
    /// The request it answers.
    pub request_id: String,
    /// Writes the report for a place. Runs inside the transaction and must be quick; once more when the transaction has
    /// to be carried out again.
    pub text: Arc<dyn Fn(ReportPlace) -> ReportText + Send + Sync>,
}

impl std::fmt::Debug for NewReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewReport")
            .field("subject", &self.subject)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// A report on record, without what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRecord {
    /// Its place among all reports.
    pub id: u64,
    /// When it was issued.
    pub issued_at: Moment,
    /// Its number.
    pub number: String,
    /// Which report.
    pub kind: ReportKind,
    /// Whom it is about.
    pub subject: Uscc,
    /// The day it speaks of.
    pub as_of: Date,
    /// Last day on which it is valid.
    pub valid_until: Date,
    /// The department it was issued for; empty when nobody is known.
    pub issued_for: String,
    /// The most that it shows.
    pub sight: Disclosure,
    /// Fields it was asked for; empty for all.
    pub fields: Vec<String>,
    /// SHA-256 of its verification code.
    pub code_digest: [u8; 32],
    /// SHA-256 of its body.
    pub digest: [u8; 32],
    /// The request it answered.
    pub request_id: String,
}

/// Puts a report on record; its number. Only sound while the write lock is held.
pub(crate) fn issue(connection: &Connection, issued_at: Moment, report: &NewReport) -> Result<String> {
    let subject: i64 = connection
        .prepare_cached("SELECT id FROM subjects WHERE code = ?1")?
        .query_row([report.subject.as_str()], |row| row.get(0))
        .optional()?
        .ok_or_else(|| Error::UnknownSubject { subject: report.subject.to_string() })?;
    let last: Option<i64> =
        connection.prepare_cached("SELECT max(id) FROM reports")?.query_row([], |row| row.get(0))?;
    let id = last.unwrap_or(0) + 1;
    let sequence = u64::try_from(id).map_err(|_| Error::corrupt(format!("report {id}")))?;
    let text = (report.text)(ReportPlace { sequence, issued_at });
    let sight =
        SIGHTS.iter().find(|(_, level)| *level == report.sight).map_or("not-public", |(word, _)| word);
    connection
        .prepare_cached(
            "INSERT INTO reports (id, issued_at, number, kind, subject, as_of, valid_until, issued_for, sight, fields,
                                  code_digest, digest, request_id, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute((
            id,
            issued_at.0,
            &text.number,
            report.kind.id(),
            subject,
            report.as_of.days(),
            text.valid_until.days(),
            &report.issued_for,
            sight,
            report.fields.join(" "),
            report.code_digest,
            text.digest,
            &report.request_id,
            &text.body,
        ))?;
    Ok(text.number)
}

const RECORD: &str =
    "SELECT reports.id, issued_at, number, kind, subjects.code, as_of, valid_until, issued_for, sight,
        fields, code_digest, digest, request_id
    FROM reports JOIN subjects ON subjects.id = reports.subject";

impl Snapshot {
    /// The report with this number, without what it says; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and engine failures; so for all reads below.
    pub fn report(&self, number: &str) -> Result<Option<ReportRecord>> {
        let mut statement = self.connection().prepare_cached(&format!("{RECORD} WHERE number = ?1"))?;
        let mut rows = statement.query([number])?;
        rows.next()?.map(read).transpose()
    }

    /// What a report says, byte for byte as it was issued.
    ///
    /// # Errors
    /// As [`Snapshot::report`].
    pub fn report_body(&self, id: u64) -> Result<Option<Vec<u8>>> {
        let mut statement = self.connection().prepare_cached("SELECT body FROM reports WHERE id = ?1")?;
        let id = i64::try_from(id).unwrap_or(i64::MAX);
        Ok(statement.query_row([id], |row| row.get(0)).optional()?)
    }

    /// Reports on a subject, newest first, before the one with id `before`, at most `limit`.
    ///
    /// # Errors
    /// As [`Snapshot::report`].
    pub fn reports(&self, subject: Uscc, before: Option<u64>, limit: usize) -> Result<Vec<ReportRecord>> {
        let Some(subject) = self.subject_id(subject)? else { return Ok(Vec::new()) };
        let mut statement = self.connection().prepare_cached(&format!(
            "{RECORD} WHERE reports.subject = ?1 AND reports.id < ?2 ORDER BY reports.id DESC LIMIT ?3"
        ))?;
        let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
        let mut rows = statement.query((subject, before, i64::try_from(limit).unwrap_or(i64::MAX)))?;
        let mut list = Vec::new();
        while let Some(row) = rows.next()? {
            list.push(read(row)?);
        }
        Ok(list)
    }
}

fn read(row: Row<'_>) -> Result<ReportRecord> {
    let (kind, sight): (String, String) = (row.get(3)?, row.get(8)?);
    let level = SIGHTS.iter().find(|(word, _)| *word == sight).map(|(_, level)| *level);
    let fields: String = row.get(9)?;
    Ok(ReportRecord {
        id: number(row, 0)?,
        issued_at: Moment(row.get(1)?),
        number: row.get(2)?,
        kind: ReportKind::of(&kind).ok_or_else(|| Error::corrupt(format!("a report of kind `{kind}`")))?,
        subject: stored_code(row.get::<&str>(4)?)?,
        as_of: Date::from_days(row.get(5)?),
        valid_until: Date::from_days(row.get(6)?),
        issued_for: row.get(7)?,
        sight: level.ok_or_else(|| Error::corrupt(format!("a report that shows `{sight}`")))?,
        fields: fields.split_ascii_whitespace().map(str::to_owned).collect(),
        code_digest: row.get(10)?,
        digest: row.get(11)?,
        request_id: row.get(12)?,
    })
}
