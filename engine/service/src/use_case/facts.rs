//! The facts of an enterprise as known at a moment.

use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::FactId;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::CodeId;
use hengxin_store::{FactRecord, FactStatus, Snapshot};

use crate::engine::Engine;
use crate::page::{self, Filter, Listing, Position};
use crate::problem::{Answer, Problem};

/// One page of facts, by day and id.
#[derive(Clone, Debug)]
pub struct Page {
    /// The rows.
    pub rows: Vec<FactRecord>,
    /// Token of the next page; empty on the last.
    pub next: String,
    /// The moment all pages rest on.
    pub known_at: Moment,
}

/// The facts of an enterprise that stand at the moment of a view, by day and id.
///
/// # Errors
/// Nobody of that code, or a failing ledger.
pub fn standing(snapshot: &Snapshot, subject: Uscc) -> Answer<Vec<FactRecord>> {
    let mut records = snapshot.facts(subject)?;
    if records.is_empty() {
        return Err(Problem::UnknownEnterprise { code: subject });
    }
    records.retain(|record| matches!(record.status, FactStatus::Standing));
    records.sort_unstable_by_key(|record| (record.occurred_on, record.id));
    Ok(records)
}

/// Lists the facts of an enterprise, of some codes or all.
///
/// # Errors
/// Nobody of that code, or a failing ledger.
pub fn list(
    engine: &Engine,
    subject: Uscc,
    codes: &[CodeId],
    known_at: Option<Moment>,
    size: usize,
    after: Option<&Position>,
    seal: &Filter,
) -> Answer<Page> {
    // Later pages look at the ledger as the first one did.
    let snapshot = engine.snapshot(after.map(|position| position.known_at).or(known_at))?;
    let mut rows = standing(&snapshot, subject)?;
    rows.retain(|record| codes.is_empty() || codes.contains(&record.code));
    if let Some(last) = after.and_then(|position| parse_key(&position.after)) {
        rows.retain(|record| (record.occurred_on, record.id) > last);
    }
    let size = size.min(page::fitting(rows.iter().map(weight)));
    let more = rows.len() > size;
    rows.truncate(size);
    let next = match rows.last() {
        Some(last) if more => {
            let after = format!("{} {}", last.occurred_on.days(), last.id.0);
            engine.tokens().seal(Listing::Facts, seal, &Position { known_at: snapshot.known_at(), after })
        }
        Some(_) | None => String::new(),
    };
    Ok(Page { rows, next, known_at: snapshot.known_at() })
}

/// Bytes a fact takes on a page, about.
fn weight(record: &FactRecord) -> usize {
    // With a title to every field, and the dates.
    300 + record.fields.iter().map(|(id, text)| id.len() + text.len() + 80).sum::<usize>()
}

fn parse_key(text: &str) -> Option<(Date, FactId)> {
    let (day, id) = text.split_once(' ')?;
    Some((Date::from_days(day.parse().ok()?), FactId(id.parse().ok()?)))
}
