//! Who is in the ledger: listing, and searching by code or name.

use hengxin_core::date::Moment;
use hengxin_core::uscc::Uscc;

use crate::error::Result;
use crate::identity::stored_code;
use crate::name::normalise;
use crate::snapshot::Snapshot;

/// A subject of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectEntry {
    /// Its code.
    pub code: Uscc,
    /// Its last known name: of a registration if there is one, else of any fact.
    pub name: Option<String>,
    /// When the first fact about it was recorded.
    pub recorded_at: Moment,
}

/// Subjects recorded by `?1`; what follows says which of them.
pub(crate) const SUBJECT: &str = "SELECT code, recorded_at,
        (SELECT name FROM identities WHERE identities.subject = subjects.id AND identities.recorded_at <= ?1
         ORDER BY registered DESC, identities.id DESC LIMIT 1)
    FROM subjects WHERE recorded_at <= ?1";

impl Snapshot {
    /// Subjects in the order of their codes, after `after`, at most `limit`.
    ///
    /// # Errors
    /// [`crate::Error::Corrupt`] and engine failures.
    pub fn subjects(&self, after: Option<Uscc>, limit: usize) -> Result<Vec<SubjectEntry>> {
        let mut statement =
            self.connection().prepare_cached(&format!("{SUBJECT} AND code > ?2 ORDER BY code LIMIT ?3"))?;
        let after = after.map(|code| code.to_string()).unwrap_or_default();
        let rows = statement.query((self.known_at().0, after, i64::try_from(limit).unwrap_or(i64::MAX)))?;
        entries(rows)
    }

    /// Subjects whose code begins with `text`, or one of whose names, past ones included, contains it. Blanks,
    /// width and case make no difference. In the order of their codes, after `after`, at most `limit`.
    ///
    /// # Errors
    /// As [`Snapshot::subjects`].
    pub fn search(&self, text: &str, after: Option<Uscc>, limit: usize) -> Result<Vec<SubjectEntry>> {
        let text = normalise(text);
        if text.is_empty() {
            return self.subjects(after, limit);
        }
        let mut statement = self.connection().prepare_cached(&format!(
            "{SUBJECT} AND code > ?2 AND ((code >= ?3 AND code < ?3 || '~')
                OR id IN (SELECT subject FROM identities
                          WHERE instr(normalised, ?3) > 0 AND identities.recorded_at <= ?1))
             ORDER BY code LIMIT ?4"
        ))?;
        let after = after.map(|code| code.to_string()).unwrap_or_default();
        let rows =
            statement.query((self.known_at().0, after, text, i64::try_from(limit).unwrap_or(i64::MAX)))?;
        entries(rows)
    }

    /// How many subjects and facts there are.
    ///
    /// # Errors
    /// As [`Snapshot::subjects`].
    pub fn counts(&self) -> Result<(u64, u64)> {
        let number = |sql: &str| -> Result<u64> {
            let n: Option<i64> = self.connection().prepare_cached(sql)?.query_row([], |row| row.get(0))?;
            Ok(n.map_or(0, |n| u64::try_from(n).unwrap_or(0)))
        };
        // Ids are dense, so the last one is the count.
        Ok((number("SELECT max(id) FROM subjects")?, number("SELECT max(seq) FROM facts")?))
    }
}

pub(crate) fn entries(mut rows: crate::db::Rows<'_>) -> Result<Vec<SubjectEntry>> {
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(SubjectEntry {
            code: stored_code(row.get::<&str>(0)?)?,
            recorded_at: Moment(row.get(1)?),
            name: row.get(2)?,
        });
    }
    Ok(entries)
}
