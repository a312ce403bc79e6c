//! Changes of recorded tiers, in the order recorded: what watchers are told.

use hengxin_core::date::Moment;
use hengxin_store::{Stored, TierFilter, TierRecord};

use crate::engine::Engine;
use crate::page::{Filter, Listing, Position};
use crate::problem::Answer;

/// Decisions looked at in one go.
const LOOKED_AT: usize = 1000;

/// A tier that is not what it was.
#[derive(Clone, Debug)]
pub struct Change {
    /// The new decision.
    pub now: Stored<TierRecord>,
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
    /// Id of the last decision looked at: where to go on.
    pub after: u64,
    /// Whether everything recorded so far has been looked at.
    pub caught_up: bool,
}

/// Where a watch begins: after the decision a token names, or after the last one on record.
///
/// # Errors
/// An unknown field, or a failing ledger.
pub fn begin(engine: &Engine, field: &str, resumed: Option<&Position>) -> Answer<u64> {
    engine.known_field(field)?;
    match resumed.and_then(|position| position.after.parse().ok()) {
        Some(after) => Ok(after),
        None => Ok(engine.snapshot(None)?.last_tier()?),
    }
}

/// The token that goes on after the decision `after`.
pub fn token(engine: &Engine, after: u64, seal: &Filter) -> String {
    // Decisions have their own order; no moment of the ledger is needed.
    let position = Position { known_at: Moment(0), after: after.to_string() };
    engine.tokens().seal(Listing::Changes, seal, &position)
}

/// The changes among the decisions recorded after `after`, as far as one look goes.
///
/// # Errors
/// A failing ledger.
pub fn look(engine: &Engine, wanted: &TierFilter, after: u64, seal: &Filter) -> Answer<Stretch> {
    let snapshot = engine.snapshot(None)?;
    let decisions = snapshot.tiers_after(after, LOOKED_AT)?;
    let caught_up = decisions.len() < LOOKED_AT;
    let last = decisions.last().map_or(after, |decision| decision.id);
    let mut changes = Vec::new();
    for now in decisions {
        let record = &now.record;
        let within = wanted.region.is_none_or(|w| record.region.is_some_and(|region| w.contains(region)));
        let of_industry =
            wanted.industry.is_none_or(|w| record.industry_code.is_some_and(|code| w.contains(code)));
        if record.field != wanted.field || !within || !of_industry {
            continue;
        }
        let before = snapshot.tier_before(&now)?.map(|before| before.record);
        let history =
            before.as_ref().is_some_and(|b| (b.as_of, b.known_at) > (record.as_of, record.known_at));
        let same = before.as_ref().is_some_and(|b| b.tier == record.tier);
        let before = before.and_then(|b| b.tier);
        let told = wanted.tier.is_none() || [before, record.tier].contains(&wanted.tier);
        if !history && !same && told {
            let token = token(engine, now.id, seal);
            changes.push(Change { now, before, token });
        }
    }
    Ok(Stretch { changes, after: last, caught_up })
}
