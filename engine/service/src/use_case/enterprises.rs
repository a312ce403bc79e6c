//! Enterprises: one with its registration, and the search for them.

use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::Registration;
use hengxin_core::industry::IndustryCode;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::CodeId;
use hengxin_store::{Snapshot, SubjectEntry};

use super::facts;
use crate::engine::Engine;
use crate::page::{Filter, Listing, Position};
use crate::problem::{Answer, Problem};

/// Enterprises looked at for one page of a search by region or industry. Keeps one request from reading a whole
/// province; the next page goes on where this one ended.
const LOOKED_AT: usize = 20_000;

/// An enterprise.
#[derive(Clone, Debug)]
pub struct Enterprise {
    /// Its code.
    pub code: Uscc,
    /// Its name as last registered, or as another fact has it.
    pub name: Option<String>,
    /// Registration in force on the date.
    pub registration: Option<Registration>,
    /// Facts by code, in the order of the vocabulary.
    pub counts: Vec<(CodeId, u64)>,
    /// The moment it rests on.
    pub known_at: Moment,
}

/// Everything shown of one enterprise.
///
/// # Errors
/// Nobody of that code, or a failing ledger.
pub fn get(engine: &Engine, code: Uscc, as_of: Date, known_at: Option<Moment>) -> Answer<Enterprise> {
    let snapshot = engine.snapshot(known_at)?;
    let records = facts::standing(&snapshot, code)?;
    let file = snapshot.credit_file(code)?.ok_or(Problem::UnknownEnterprise { code })?;
    let vocabulary = engine.ledger().vocabulary();
    let registration = vocabulary.registration();
    let named = |of_registration: bool| {
        let wanted = records.iter().filter(|r| (r.code == registration) == of_registration);
        let mut names = wanted.filter_map(|record| {
            let declared = vocabulary.code(record.code);
            let field = &declared.fields.get(declared.subject_name?)?.id;
            record.fields.iter().find(|(id, _)| id == field).map(|(_, name)| name.clone())
        });
        names.next_back()
    };
    let mut counts: Vec<(CodeId, u64)> = Vec::new();
    for record in &records {
        match counts.iter_mut().find(|(code, _)| *code == record.code) {
            Some((_, n)) => *n += 1,
            None => counts.push((record.code, 1)),
        }
    }
    counts.sort_unstable();
    Ok(Enterprise {
        code,
        name: named(true).or_else(|| named(false)),
        registration: file.as_file().registration(as_of).cloned(),
        counts,
        known_at: snapshot.known_at(),
    })
}

/// Whom to look for.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// Beginning of a code, or part of a name; empty for all.
    pub text: &'a str,
    /// Registered within this region today.
    pub region: Option<RegionCode>,
    /// Of this industry today.
    pub industry: Option<IndustryCode>,
}

/// One page of a search, by code.
#[derive(Clone, Debug)]
pub struct Page {
    /// The rows with region and industry.
    pub rows: Vec<(SubjectEntry, Option<RegionCode>, Option<IndustryCode>)>,
    /// Token of the next page; empty on the last.
    pub next: String,
}

/// Searches.
///
/// # Errors
/// A failing ledger.
pub fn search(
    engine: &Engine,
    wanted: &Wanted<'_>,
    size: usize,
    after: Option<&Position>,
    seal: &Filter,
) -> Answer<Page> {
    let snapshot = engine.snapshot(after.map(|position| position.known_at))?;
    let mut last: Option<Uscc> = after.and_then(|position| position.after.parse().ok());
    let today = engine.today();
    let mut rows = Vec::new();
    let mut looked_at = 0;
    loop {
        let found = snapshot.search(wanted.text, last, size)?;
        let ended = found.len() < size;
        for entry in found {
            last = Some(entry.code);
            looked_at += 1;
            let (region, industry) = registered(&snapshot, entry.code, today)?;
            let within = wanted.region.is_none_or(|w| region.is_some_and(|r| w.contains(r)));
            let of_industry = wanted.industry.is_none_or(|w| industry.is_some_and(|i| w.contains(i)));
            if within && of_industry {
                rows.push((entry, region, industry));
                if rows.len() == size {
                    break;
                }
            }
        }
        let full = rows.len() == size;
        if full || ended || looked_at >= LOOKED_AT {
            let more = match last {
                Some(code) if full || !ended => !snapshot.search(wanted.text, Some(code), 1)?.is_empty(),
                Some(_) | None => false,
            };
            let next = match last {
                Some(code) if more => {
                    let position = Position { known_at: snapshot.known_at(), after: code.to_string() };
                    engine.tokens().seal(Listing::Enterprises, seal, &position)
                }
                Some(_) | None => String::new(),
            };
            return Ok(Page { rows, next });
        }
    }
}

fn registered(
    snapshot: &Snapshot,
    code: Uscc,
    on: Date,
) -> Answer<(Option<RegionCode>, Option<IndustryCode>)> {
    let file = snapshot.credit_file(code)?;
    let file = file.as_ref().map(hengxin_store::OwnedFile::as_file);
    let registration = file.as_ref().and_then(|f| f.registration(on));
    Ok((registration.and_then(|r| r.region), registration.and_then(|r| r.industry)))
}
