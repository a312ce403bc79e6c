//! Runs and schedules: ordering, asking, ending.

use hengxin_store::{NewRun, RequestKey, RunFilter, RunRecord, Schedule, ScheduleRecord};

use crate::engine::{Engine, Wanted};
use crate::page::{Filter, Listing, Position};
use crate::problem::{Answer, Problem};

/// Orders a run, or gives the one the same request ordered before.
///
/// # Errors
/// An unknown field, no policy in force, another run under way, or a failing ledger.
pub fn start(engine: &Engine, new: &NewRun, request: &RequestKey) -> Answer<RunRecord> {
    engine.policy(&new.field, Wanted::InForce, new.as_of)?;
    Ok(engine.book(|book| book.start(new, request))?.run)
}

/// A run.
///
/// # Errors
/// No such run, or a failing ledger.
pub fn get(engine: &Engine, id: u64) -> Answer<RunRecord> {
    let found = engine.snapshot(None)?.run(id)?;
    Ok(found.ok_or(hengxin_store::Error::UnknownRun { found: id })?)
}

/// Asks for a run to end.
///
/// # Errors
/// No such run, one that is over, or a failing ledger.
pub fn cancel(engine: &Engine, id: u64) -> Answer<RunRecord> {
    engine.book(|book| book.cancel(id))
}

/// One page.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Token of the next page; empty on the last.
    pub next: String,
}

pub(super) fn page<T>(
    engine: &Engine,
    mut rows: Vec<T>,
    size: usize,
    listing: Listing,
    seal: &Filter,
    key: impl Fn(&T) -> String,
) -> Page<T> {
    let more = rows.len() > size;
    rows.truncate(size);
    let next = match rows.last() {
        Some(last) if more => {
            let position = Position { known_at: engine.watermark(), after: key(last) };
            engine.tokens().seal(listing, seal, &position)
        }
        Some(_) | None => String::new(),
    };
    Page { rows, next }
}

/// Lists runs, newest first.
///
/// # Errors
/// An unknown field, or a failing ledger.
pub fn list(
    engine: &Engine,
    wanted: &RunFilter,
    size: usize,
    after: Option<&Position>,
    seal: &Filter,
) -> Answer<Page<RunRecord>> {
    if let Some(field) = &wanted.field {
        engine.known_field(field)?;
    }
    let before = after.and_then(|position| position.after.parse().ok());
    let rows = engine.snapshot(None)?.runs(wanted, before, size.saturating_add(1))?;
    Ok(page(engine, rows, size, Listing::Runs, seal, |run| run.id.to_string()))
}

/// Makes a schedule whose expression and zone have been read.
///
/// # Errors
/// An unknown field, a name that is taken, or a failing ledger.
pub fn create_schedule(engine: &Engine, schedule: &Schedule) -> Answer<ScheduleRecord> {
    for field in &schedule.fields {
        engine.known_field(field)?;
    }
    engine.book(|book| book.create_schedule(schedule))
}

/// Lists schedules by name.
///
/// # Errors
/// A failing ledger.
pub fn schedules(
    engine: &Engine,
    size: usize,
    after: Option<&Position>,
    seal: &Filter,
) -> Answer<Page<ScheduleRecord>> {
    let after = after.map(|position| position.after.clone()).unwrap_or_default();
    let rows = engine.snapshot(None)?.schedules(&after, size.saturating_add(1))?;
    Ok(page(engine, rows, size, Listing::Schedules, seal, |record| record.schedule.name.clone()))
}

/// The tiers a published run changed, after a subject, as far as one look goes; empty for one that changed none.
///
/// # Errors
/// A failing ledger.
pub fn changes(
    engine: &Engine,
    run: u64,
    after: Option<hengxin_core::uscc::Uscc>,
    limit: usize,
) -> Answer<Option<(hengxin_store::Publication, Vec<hengxin_store::RunChange>)>> {
    let snapshot = engine.snapshot(None)?;
    let Some(publication) = snapshot.publication_of(run)? else { return Ok(None) };
    let changes = snapshot.run_changes(&publication, after, limit)?;
    Ok(Some((publication, changes)))
}

/// Refuses when nobody here carries runs out.
///
/// # Errors
/// [`Problem::NoRunner`].
pub fn can_run(runs: bool) -> Answer<()> {
    if runs { Ok(()) } else { Err(Problem::NoRunner) }
}
