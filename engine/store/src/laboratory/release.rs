//! Numbers that leave a laboratory: counted against a budget, and logged one by one.

use std::collections::BTreeSet;

use hengxin_core::date::Moment;

use super::book::LaboratoryBook;
use super::error::LaboratoryError;
use super::record::{StudyState, find_history};
use crate::db::Connection;
use crate::error::Result;
use crate::snapshot::Snapshot;
use crate::words::number;

/// How the names of figures end that tell what a bin earns.
const POINTS: &str = ".points";

/// A number of a study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FigureRecord {
    /// Where it stands in the report.
    pub name: String,
    /// The column it tells of; empty for those of all columns together.
    pub column: String,
    /// The number; `None` for one that is withheld because of too few rows.
    pub value: Option<String>,
    /// Rows it rests on; 0 when withheld.
    pub rows: u64,
    /// Defaults among them; 0 when withheld.
    pub defaults: u64,
}

/// Which numbers of a study are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Those of all columns together, and those of the columns named.
    Columns(Vec<String>),
    /// All there are.
    All,
    /// What each bin earns, all or nothing: what a model says when it serves.
    Points,
}

/// What was released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The numbers, in the order of the report.
    pub figures: Vec<FigureRecord>,
    /// For each column they tell of: how many more studies may.
    pub left: Vec<(String, u64)>,
}

/// A number that left, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseRecord {
    /// Its place in the log.
    pub id: u64,
    /// The history it tells of.
    pub history: String,
    /// The study.
    pub study: u64,
    /// The number.
    pub figure: FigureRecord,
    /// Who read it.
    pub person: String,
    /// When.
    pub at: Moment,
}

impl LaboratoryBook {
    /// Lets numbers of a study out, and logs each. A study that has told of a column may do so again at no cost: the numbers
    /// are the same. One that has not counts against the column's budget.
    ///
    /// # Errors
    /// [`LaboratoryError`]: no such study, one without numbers, a column it does not tell of, a budget that is spent. Then
    /// nothing is released.
    pub fn release(&mut self, study: u64, wanted: &Wanted, person: &str) -> Result<Release> {
        self.transact(|book| {
            let record = book.study(study)?;
            if record.state != StudyState::Succeeded {
                return Err(LaboratoryError::NoFigures { study, state: record.state.id() }.into());
            }
            let history = find_history(book.connection(), &record.history)?
                .ok_or_else(|| LaboratoryError::UnknownHistory { name: record.history.clone() })?;
            let mut all = figures(book.connection(), study)?;
            if *wanted == Wanted::Points {
                all.retain(|(_, figure)| figure.name.ends_with(POINTS));
                if let Some((_, small)) = all.iter().find(|(_, figure)| figure.value.is_none()) {
                    let name = small.name.trim_end_matches(POINTS).to_owned();
                    return Err(LaboratoryError::SmallBin { study, name }.into());
                }
            }
            let mut columns: BTreeSet<&str> = all.iter().map(|(_, figure)| figure.column.as_str()).collect();
            if let Wanted::Columns(named) = wanted {
                if let Some(unknown) = named.iter().find(|name| !columns.contains(name.as_str())) {
                    let column = unknown.clone();
                    return Err(LaboratoryError::UnknownColumn { study, column }.into());
                }
                columns.retain(|column| column.is_empty() || named.iter().any(|name| name == column));
            }
            let mut left = Vec::new();
            for column in &columns {
                let told = told(book.connection(), history.id, column)?;
                let after = told.len() as u64 + u64::from(!told.contains(&study));
                if after > history.budget {
                    return Err(LaboratoryError::BudgetSpent {
                        history: history.name.clone(),
                        column: (*column).to_owned(),
                        spent: told.len() as u64,
                        budget: history.budget,
                    }
                    .into());
                }
                left.push(((*column).to_owned(), history.budget - after));
            }
            let released: Vec<(u64, FigureRecord)> =
                all.iter().filter(|(_, figure)| columns.contains(figure.column.as_str())).cloned().collect();
            let now = book.now().0;
            let mut log = book.connection().prepare_cached(
                "INSERT INTO releases (history, study, place, of, person, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for (place, figure) in released.iter().filter(|(_, figure)| figure.value.is_some()) {
                log.execute((
                    signed(history.id),
                    signed(study),
                    signed(*place),
                    &figure.column,
                    person,
                    now,
                ))?;
            }
            drop(log);
            Ok(Release { figures: released.into_iter().map(|(_, figure)| figure).collect(), left })
        })
    }
}

impl Snapshot {
    /// Numbers that left, newest first, before the one with this place in the log, at most `limit`.
    ///
    /// # Errors
    /// As [`Snapshot::history_of_laboratory`].
    pub fn releases(
        &self,
        history: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<ReleaseRecord>> {
        let mut statement = self.connection().prepare_cached(
            "SELECT releases.id, histories.name, releases.study, figures.name, figures.of, value, rows, defaults,
                    releases.person, at
             FROM releases JOIN histories ON histories.id = releases.history
             JOIN figures ON figures.study = releases.study AND figures.place = releases.place
             WHERE (?1 IS NULL OR histories.name = ?1) AND releases.id < ?2 ORDER BY releases.id DESC LIMIT ?3",
        )?;
        let before = before.map_or(i64::MAX, signed);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map((history, before, limit), |row| {
            Ok(ReleaseRecord {
                id: number(row, 0)?,
                history: row.get(1)?,
                study: number(row, 2)?,
                figure: FigureRecord {
                    name: row.get(3)?,
                    column: row.get(4)?,
                    value: row.get(5)?,
                    rows: number(row, 6)?,
                    defaults: number(row, 7)?,
                },
                person: row.get(8)?,
                at: Moment(row.get(9)?),
            })
        })?;
        Ok(rows.collect::<crate::db::Result<_>>()?)
    }
}

/// Studies that have told of a column.
fn told(connection: &Connection, history: u64, column: &str) -> Result<BTreeSet<u64>> {
    let mut statement =
        connection.prepare_cached("SELECT DISTINCT study FROM releases WHERE history = ?1 AND of = ?2")?;
    let rows = statement.query_map((signed(history), column), |row| number(row, 0))?;
    Ok(rows.collect::<crate::db::Result<_>>()?)
}

fn figures(connection: &Connection, study: u64) -> Result<Vec<(u64, FigureRecord)>> {
    let mut statement = connection.prepare_cached(
        "SELECT place, name, of, value, rows, defaults FROM figures WHERE study = ?1 ORDER BY place",
    )?;
    let rows = statement.query_map([signed(study)], |row| {
        let figure = FigureRecord {
            name: row.get(1)?,
            column: row.get(2)?,
            value: row.get(3)?,
            rows: number(row, 4)?,
            defaults: number(row, 5)?,
        };
        Ok((number(row, 0)?, figure))
    })?;
    Ok(rows.collect::<crate::db::Result<_>>()?)
}

pub(super) fn signed(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}
