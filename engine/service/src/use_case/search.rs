//! The search for enterprises by code, part of a name, region, industry and tier.
//!
//! Candidates come from the directory in memory once it is made, else from the ledger; where few enterprises are in the
//! tier that is wanted, from that tier. Whoever is named is then looked at in the ledger as known at the moment of the
//! listing, so that all ways give the same rows.

use hengxin_core::date::Date;
use hengxin_core::industry::IndustryCode;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;
use hengxin_store::{LoadedRun, Snapshot, SubjectEntry};

use super::loaded::loaded_run;
use super::overview::From;
use crate::directory::{self, Candidates};
use crate::engine::Engine;
use crate::page::{Filter, Listing, Position};
use crate::problem::{Answer, Problem};

/// Enterprises looked at in the ledger for one page. Keeps one request from reading a whole province; the next page goes
/// on where this one ended.
const LOOKED_AT: usize = 20_000;
/// Candidates fetched at once, at most, unless a page has more rows.
const CHUNK_MAX: usize = 1_000;
/// A tier with at most so many enterprises is gone through itself.
const FEW: usize = 5_000;

/// Whom to look for.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// Beginning of a code, or part of a name; empty for all.
    pub text: &'a str,
    /// Registered within this region today.
    pub region: Option<RegionCode>,
    /// Of this industry today.
    pub industry: Option<IndustryCode>,
    /// Tiers to show.
    pub tiers: Option<WantedTiers<'a>>,
}

/// Which tiers are shown.
#[derive(Clone, Copy, Debug)]
pub struct WantedTiers<'a> {
    /// Field of supervision.
    pub field: &'a str,
    /// Where they come from.
    pub from: From,
    /// Only this one.
    pub tier: Option<u16>,
}

/// One enterprise that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Who.
    pub entry: SubjectEntry,
    /// Region it is registered in today.
    pub region: Option<RegionCode>,
    /// Its industry today.
    pub industry: Option<IndustryCode>,
    /// Its tier, when tiers are wanted and it has one.
    pub tier: Option<u16>,
}

/// One page of a search, by code.
#[derive(Clone, Debug)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Found>,
    /// Token of the next page; empty on the last.
    pub next: String,
}

/// Searches.
///
/// # Errors
/// An unknown field, no loaded run when its tiers are wanted, or one that was replaced between two pages; a failing
/// ledger.
pub fn search(
    engine: &Engine,
    wanted: &Wanted<'_>,
    size: usize,
    after: Option<&Position>,
    seal: &Filter,
) -> Answer<Page> {
    if let Some(tiers) = &wanted.tiers {
        engine.known_field(tiers.field)?;
    }
    let snapshot = engine.snapshot(after.map(|position| position.known_at))?;
    let run = match &wanted.tiers {
        Some(WantedTiers { field, from: From::Run, .. }) => Some(loaded_run(&snapshot, field)?),
        Some(WantedTiers { from: From::Decisions, .. }) | None => None,
    };
    let mut last = after.map(|position| begin(position, run.as_ref())).transpose()?.flatten();
    let source = Source::of(engine, &snapshot, wanted)?;
    let today = engine.today();
    let mut rows: Vec<Found> = Vec::new();
    let mut looked_at = 0;
    // One more than is shown says whether there is a next page.
    let mut chunk = size + 1;
    let more = 'page: loop {
        let candidates = source.next(&snapshot, wanted, last, chunk)?;
        let ended = candidates.len() < chunk;
        // Where most candidates are none that are wanted, more of them come at once.
        chunk = chunk.max(CHUNK_MAX.min(2 * chunk));
        for code in candidates {
            looked_at += 1;
            if let Some(found) = look_at(&snapshot, wanted, run.as_ref(), code, today)? {
                if rows.len() == size {
                    break 'page true;
                }
                rows.push(found);
            }
            last = Some(code);
        }
        if ended {
            break false;
        }
        if looked_at >= LOOKED_AT {
            break true;
        }
    };
    // A full page goes on after its last row; one that was cut short, after the last that was looked at.
    let last = if rows.len() == size { rows.last().map(|found| found.entry.code) } else { last };
    let next = match last {
        Some(code) if more => {
            let after = match &run {
                Some(run) => format!("{}/{code}", run.run),
                None => code.to_string(),
            };
            let position = Position { known_at: snapshot.known_at(), after };
            engine.tokens().seal(Listing::Enterprises, seal, &position)
        }
        Some(_) | None => String::new(),
    };
    Ok(Page { rows, next })
}

/// The code to go on after. Tiers of two runs do not belong on the pages of one listing.
fn begin(position: &Position, run: Option<&LoadedRun>) -> Answer<Option<Uscc>> {
    let Some(run) = run else { return Ok(position.after.parse().ok()) };
    match position.after.split_once('/') {
        Some((number, code)) if number == run.run.to_string() => Ok(code.parse().ok()),
        Some((number, _)) => Err(Problem::invalid(
            "page_token",
            format!(
                "found a token of run {number}, expected one of run {}, loaded since: begin anew",
                run.run
            ),
        )),
        None => Ok(None),
    }
}

/// Where candidates come from.
enum Source {
    /// The ledger.
    Ledger,
    /// The directory.
    Directory(Candidates),
    /// All of a small tier that the directory has for candidates, by code.
    Tier(Vec<Uscc>),
}

impl Source {
    fn of(engine: &Engine, snapshot: &Snapshot, wanted: &Wanted<'_>) -> Answer<Source> {
        let whom = directory::Wanted::new(wanted.text, wanted.region, wanted.industry);
        let Some(candidates) = engine.directory().candidates(snapshot, whom)? else {
            return Ok(Source::Ledger);
        };
        if let Some(WantedTiers { field, from: From::Decisions, tier: Some(tier) }) = wanted.tiers
            && let Some(mut codes) = snapshot.few_in_tier(field, tier, FEW)?
        {
            codes.retain(|code| candidates.has(*code));
            return Ok(Source::Tier(codes));
        }
        Ok(Source::Directory(candidates))
    }

    fn next(
        &self,
        snapshot: &Snapshot,
        wanted: &Wanted<'_>,
        after: Option<Uscc>,
        limit: usize,
    ) -> Answer<Vec<Uscc>> {
        Ok(match self {
            Source::Ledger => {
                snapshot.search(wanted.text, after, limit)?.into_iter().map(|entry| entry.code).collect()
            }
            Source::Directory(candidates) => candidates.next(after, limit),
            Source::Tier(codes) => {
                let from = after.map_or(0, |after| codes.partition_point(|code| *code <= after));
                codes.iter().skip(from).take(limit).copied().collect()
            }
        })
    }
}

/// What the ledger says of a candidate; `None` when it is not one that is wanted.
fn look_at(
    snapshot: &Snapshot,
    wanted: &Wanted<'_>,
    run: Option<&LoadedRun>,
    code: Uscc,
    today: Date,
) -> Answer<Option<Found>> {
    let mut tier = None;
    // The tier first: of all that may rule a candidate out it is read the quickest.
    if let Some(tiers) = &wanted.tiers {
        tier = match run {
            Some(run) => snapshot.run_tier(run, code)?.and_then(|found| found.tier),
            None => snapshot.present_tier(code, tiers.field)?.flatten(),
        };
        if tiers.tier.is_some() && tiers.tier != tier {
            return Ok(None);
        }
    }
    let Some(entry) = snapshot.found(code, wanted.text)? else { return Ok(None) };
    let file = snapshot.credit_file(code)?;
    let file = file.as_ref().map(hengxin_store::OwnedFile::as_file);
    let registration = file.as_ref().and_then(|file| file.registration(today));
    let (region, industry) =
        (registration.and_then(|found| found.region), registration.and_then(|found| found.industry));
    let within = wanted.region.is_none_or(|wide| region.is_some_and(|found| wide.contains(found)));
    let of_industry = wanted.industry.is_none_or(|wide| industry.is_some_and(|found| wide.contains(found)));
    Ok((within && of_industry).then_some(Found { entry, region, industry, tier }))
}
