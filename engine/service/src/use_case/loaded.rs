//! Tiers read from the run that is loaded for a field.

use std::sync::Arc;

use hengxin_core::uscc::Uscc;
use hengxin_store::{LoadedRun, RunTier, Snapshot, TierFilter};

use crate::engine::{Engine, PreparedPolicy, Wanted};
use crate::hex::hex;
use crate::page::{Filter, Listing, Position};
use crate::problem::{Answer, Problem};

/// What a loaded run says of an enterprise.
#[derive(Clone, Debug)]
pub struct FromRun {
    /// The run.
    pub run: LoadedRun,
    /// What it says.
    pub tier: RunTier,
    /// The very policy it was decided by, if the catalogue still has it.
    pub policy: Option<Arc<PreparedPolicy>>,
}

/// What the loaded run says of an enterprise.
///
/// # Errors
/// An unknown field, no loaded run, an enterprise that is not in it, or a failing ledger.
pub fn tier(engine: &Engine, field: &str, subject: Uscc) -> Answer<FromRun> {
    engine.known_field(field)?;
    let snapshot = engine.snapshot(None)?;
    let run = loaded_run(&snapshot, field)?;
    let found = snapshot.run_tier(&run, subject)?;
    let tier = found.ok_or(Problem::NotInRun { code: subject, run: run.run })?;
    // Titles and measures of another text under the same name would not be those of the decision.
    let policy = engine.policy(field, Wanted::Pinned(&tier.edition), run.as_of).ok();
    let policy = policy.filter(|policy| policy.digest == hex(&tier.policy_digest));
    Ok(FromRun { run, tier, policy })
}

/// The run that is loaded for a field.
pub(super) fn loaded_run(snapshot: &Snapshot, field: &str) -> Answer<LoadedRun> {
    snapshot.loaded_run(field)?.ok_or_else(|| Problem::NoLoadedRun { field: field.to_owned() })
}

/// One page of a loaded run.
#[derive(Clone, Debug)]
pub struct Page {
    /// The run.
    pub run: LoadedRun,
    /// The rows.
    pub rows: Vec<RunTier>,
    /// Token of the next page; empty on the last.
    pub next: String,
}

/// Lists the tiers of the loaded run by code.
///
/// # Errors
/// An unknown field, no loaded run, a run that was replaced between two pages, or a failing ledger.
pub fn list(
    engine: &Engine,
    wanted: &TierFilter,
    size: usize,
    after: Option<&Position>,
    seal: &Filter,
) -> Answer<Page> {
    engine.known_field(&wanted.field)?;
    let snapshot = engine.snapshot(None)?;
    let run = loaded_run(&snapshot, &wanted.field)?;
    let after = match after.and_then(|position| position.after.split_once('/')) {
        None => None,
        Some((number, subject)) => {
            if number != run.run.to_string() {
                let found = format!(
                    "found a token of run {number}, expected one of run {}, loaded since: begin anew",
                    run.run
                );
                return Err(Problem::invalid("page_token", found));
            }
            subject.parse().ok()
        }
    };
    let mut rows = snapshot.run_tiers(&run, wanted, after, size.saturating_add(1))?;
    let more = rows.len() > size;
    rows.truncate(size);
    let next = match rows.last() {
        Some(last) if more => {
            let position =
                Position { known_at: snapshot.known_at(), after: format!("{}/{}", run.run, last.subject) };
            engine.tokens().seal(Listing::RunTiers, seal, &position)
        }
        Some(_) | None => String::new(),
    };
    Ok(Page { run, rows, next })
}
