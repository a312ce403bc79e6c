//! The audit trail: who asked for what, and was it allowed.
//!
//! An entry is on disk, and in the log, before the call it speaks of is answered; a call whose entry cannot be written is
//! refused by the service. Subjects are named here, so that an enterprise can be told who looked at its records, and
//! nowhere else: not in logs, not in metrics.

use hengxin_core::date::Moment;

use crate::db::Connection;
use crate::error::{Error, Result};
use crate::snapshot::Snapshot;
use crate::words::{number, words};

words! {
    /// What became of a call.
    Decision {
        /// It was carried out.
        Allowed = "allowed",
        /// It was refused.
        Refused = "refused",
    }
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The method, as it is called from outside.
    pub method: String,
    /// Who called.
    pub caller: String,
    /// The department the caller acts for; empty when none is known.
    pub department: String,
    /// What for; empty when nothing was said.
    pub purpose: String,
    /// On what legal basis; empty when nothing was said.
    pub basis: String,
    /// Whom it is about: codes separated by blanks, or empty for a list.
    pub subjects: String,
    /// What became of it.
    pub decision: Decision,
    /// By which rules it was allowed, or why it was refused.
    pub detail: String,
}

/// A call on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its id, ascending.
    pub id: u64,
    /// When it was written.
    pub at: Moment,
    /// What it says.
    pub call: Call,
}

pub(crate) fn record(connection: &Connection, at: Moment, call: &Call) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO audit (at, method, caller, department, purpose, basis, subjects, decision, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute((
            at.0,
            &call.method,
            &call.caller,
            &call.department,
            &call.purpose,
            &call.basis,
            &call.subjects,
            call.decision.id(),
            &call.detail,
        ))?;
    Ok(())
}

impl Snapshot {
    /// Up to `limit` calls after the one with id `after`, oldest first; of one caller when one is named.
    ///
    /// # Errors
    /// Engine failures.
    pub fn audit(&self, caller: Option<&str>, after: u64, limit: usize) -> Result<Vec<AuditRecord>> {
        let mut statement = self.connection().prepare_cached(
            "SELECT id, at, method, caller, department, purpose, basis, subjects, decision, detail FROM audit
             WHERE id > ?1 AND (?2 IS NULL OR caller = ?2) ORDER BY id LIMIT ?3",
        )?;
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let mut rows = statement.query((after, caller, i64::try_from(limit).unwrap_or(i64::MAX)))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let decision: String = row.get(8)?;
            found.push(AuditRecord {
                id: number(row, 0)?,
                at: Moment(row.get(1)?),
                call: Call {
                    method: row.get(2)?,
                    caller: row.get(3)?,
                    department: row.get(4)?,
                    purpose: row.get(5)?,
                    basis: row.get(6)?,
                    subjects: row.get(7)?,
                    decision: Decision::of(&decision)
                        .ok_or_else(|| Error::corrupt(format!("decision `{decision}` in the audit trail")))?,
                    detail: row.get(9)?,
                },
            });
        }
        Ok(found)
    }
}
