//! Changes of tiers, by recorded decisions and by published runs, in one order: what watchers are told.

use hengxin_core::date::Moment;
use hengxin_store::{ChangePosition, Publication, RunChange, Snapshot, Stored, TierFilter, TierRecord};

use crate::engine::Engine;
use crate::page::{Filter, Listing, Position};
use crate::problem::Answer;

/// Decisions or changes of a run looked at in one go.
const LOOKED_AT: usize = 1000;

/// What changed a tier.
#[derive(Clone, Debug)]
pub enum Cause {
    /// A decision.
    Decision(Stored<TierRecord>),
    /// A run.
    Run(Publication, RunChange),
}

/// A tier that is not what it was.
#[derive(Clone, Debug)]
pub struct Change {
    /// The new tier and where it comes from.
    pub now: Cause,
    /// The tier before; `None` when there was none.
    pub before: Option<u16>,
    /// Goes on after this change.
    pub token: String,
}

/// Some of the changes.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// The changes.
    pub changes: Vec<Change>,
    /// Where to go on.
    pub after: ChangePosition,
    /// Whether everything recorded so far has been looked at.
    pub caught_up: bool,
}

/// Where a watch begins: where a token says, or after everything on record.
///
/// # Errors
/// An unknown field, or a failing ledger.
pub fn begin(engine: &Engine, field: &str, resumed: Option<&Position>) -> Answer<ChangePosition> {
    engine.known_field(field)?;
    match resumed.and_then(|position| position.after.parse().ok()) {
        Some(after) => Ok(after),
        None => Ok(engine.snapshot(None)?.last_change()?),
    }
}

/// The token that goes on after a position.
pub fn token(engine: &Engine, after: &ChangePosition, seal: &Filter) -> String {
    // Changes have their own order; no moment of the ledger is needed.
    let position = Position { known_at: Moment(0), after: after.to_string() };
    engine.tokens().seal(Listing::Changes, seal, &position)
}

/// The changes after `after`, as far as one look goes.
///
/// # Errors
/// A failing ledger.
pub fn look(engine: &Engine, wanted: &TierFilter, after: &ChangePosition, seal: &Filter) -> Answer<Stretch> {
    let snapshot = engine.snapshot(None)?;
    let mut stretch = Stretch { changes: Vec::new(), after: after.clone(), caught_up: false };
    let next = snapshot.publication_after(after.publication)?;
    let mut decisions = snapshot.tiers_after(after.decision, LOOKED_AT)?;
    let all = decisions.len() < LOOKED_AT;
    if let Some(next) = &next {
        // Those after the publication come after its changes.
        decisions.retain(|decision| decision.id <= next.after_decision);
    }
    match next {
        Some(next) if decisions.is_empty() => by_run(engine, &snapshot, wanted, next, seal, &mut stretch)?,
        Some(_) => by_decisions(engine, &snapshot, wanted, decisions, seal, &mut stretch)?,
        None => {
            by_decisions(engine, &snapshot, wanted, decisions, seal, &mut stretch)?;
            stretch.caught_up = all;
        }
    }
    Ok(stretch)
}

fn by_decisions(
    engine: &Engine,
    snapshot: &Snapshot,
    wanted: &TierFilter,
    decisions: Vec<Stored<TierRecord>>,
    seal: &Filter,
    stretch: &mut Stretch,
) -> Answer<()> {
    for now in decisions {
        stretch.after.decision = now.id;
        let record = &now.record;
        if record.field != wanted.field || !wanted.admits(record.region, record.industry_code) {
            continue;
        }
        let before = snapshot.tier_before(&now)?.map(|before| before.record);
        let history =
            before.as_ref().is_some_and(|b| (b.as_of, b.known_at) > (record.as_of, record.known_at));
        let same = before.as_ref().is_some_and(|b| b.tier == record.tier);
        let before = before.and_then(|b| b.tier);
        let told = wanted.tier.is_none() || [before, record.tier].contains(&wanted.tier);
        if !history && !same && told {
            let token = token(engine, &stretch.after, seal);
            stretch.changes.push(Change { now: Cause::Decision(now), before, token });
        }
    }
    Ok(())
}

fn by_run(
    engine: &Engine,
    snapshot: &Snapshot,
    wanted: &TierFilter,
    publication: Publication,
    seal: &Filter,
    stretch: &mut Stretch,
) -> Answer<()> {
    let mut whole = true;
    if publication.field == wanted.field {
        let changes = snapshot.run_changes(&publication, stretch.after.subject, LOOKED_AT)?;
        whole = changes.len() < LOOKED_AT;
        for change in changes {
            stretch.after.subject = Some(change.subject);
            let told = wanted.tier.is_none() || [change.before, change.now].contains(&wanted.tier);
            if told && wanted.admits(change.region, change.industry) {
                let token = token(engine, &stretch.after, seal);
                let before = change.before;
                let now = Cause::Run(publication.clone(), change);
                stretch.changes.push(Change { now, before, token });
            }
        }
    }
    if whole {
        stretch.after.publication = publication.id;
        stretch.after.subject = None;
    }
    Ok(())
}
