//! The standards: listing, reading and checking them.

use hengxin_core::date::Date;
use hengxin_core::document::{Check, Faults, Span};
use hengxin_core::scope::Peers;
use hengxin_core::standard::Standard;
use hengxin_core::tier::TierPolicy;
use hengxin_standard::report::FaultyFile;
use hengxin_standard::{Catalogue, Edition, parse_document};

use super::submit::Found;
use crate::engine::{Engine, Wanted};
use crate::page::{Filter, Listing, Position};
use crate::problem::{Answer, Problem};

/// Longest text that is checked.
pub const TEXT_MAX: usize = 1 << 20;

/// One page of editions, by id and first day.
#[derive(Clone, Debug)]
pub struct Page<'e> {
    /// The rows.
    pub rows: Vec<&'e Edition>,
    /// Token of the next page; empty on the last.
    pub next: String,
}

/// Lists editions, of one standard or all, in force on a date or ever.
///
/// # Errors
/// An unknown standard.
pub fn list<'e>(
    engine: &'e Engine,
    standard: Option<&str>,
    as_of: Option<Date>,
    size: usize,
    after: Option<&Position>,
    seal: &Filter,
) -> Answer<Page<'e>> {
    let catalogue: &Catalogue = engine.catalogue();
    if let Some(id) = standard
        && !catalogue.standards().any(|e| e.standard.id == id)
    {
        // Says which standards there are.
        catalogue.standard(id, engine.today())?;
    }
    let wanted = |e: &&Edition| {
        standard.is_none_or(|id| e.standard.id == id)
            && as_of.is_none_or(|on| e.standard.effective.0 <= on && on <= e.standard.effective.1)
    };
    let key = |e: &Edition| format!("{} {}", e.standard.id, e.standard.edition);
    let mut rows: Vec<&Edition> = catalogue.standards().filter(wanted).collect();
    if let Some(position) = after {
        // The order is that of the catalogue, which changes only when the service is started anew.
        let passed = rows.iter().position(|e| key(e) == position.after).map_or(0, |place| place + 1);
        rows.drain(..passed);
    }
    let more = rows.len() > size;
    rows.truncate(size);
    let next = match rows.last() {
        Some(last) if more => {
            let position = Position { known_at: engine.watermark(), after: key(last) };
            engine.tokens().seal(Listing::Standards, seal, &position)
        }
        Some(_) | None => String::new(),
    };
    Ok(Page { rows, next })
}

/// One edition.
///
/// # Errors
/// When there is none.
pub fn get<'e>(engine: &'e Engine, id: &str, wanted: Wanted<'_>, as_of: Date) -> Answer<&'e Edition> {
    Ok(match wanted {
        Wanted::InForce => engine.catalogue().standard(id, as_of)?,
        Wanted::Pinned(edition) => engine.catalogue().pinned(id, edition)?,
    })
}

/// All faults of a text that should be a standard or tier policy.
///
/// It is held against the vocabulary and the editions of the catalogue. Whether it may stand beside them in a folder
/// (its file name, overlapping dates, the lock) is checked when the folder is loaded.
pub fn check(engine: &Engine, text: &str) -> FaultyFile {
    let faults = read(engine, text).err().unwrap_or_default();
    FaultyFile { file: "text".to_owned(), text: text.to_owned(), faults }
}

/// A text as an edition to try, held against the same as by [`check`].
///
/// # Errors
/// A text that is too long or no standard, with all its faults as violations of `field`.
pub fn draft(engine: &Engine, field: &str, text: &str) -> Answer<Edition> {
    if text.len() > TEXT_MAX {
        let found = text.len();
        return Err(Problem::invalid(field, format!("found {found} bytes, expected at most {TEXT_MAX}")));
    }
    let faults = match read(engine, text) {
        Ok(Checked::Standard(standard)) => return Ok(engine.catalogue().draft(*standard, text)),
        Ok(Checked::Policy) => {
            return Err(Problem::invalid(field, "found a tier policy, expected a standard"));
        }
        Err(faults) => faults,
    };
    let file = FaultyFile { file: field.to_owned(), text: text.to_owned(), faults };
    let mut found = Found::default();
    for row in file.rows() {
        let place = format!("line {}, column {}", row.line, row.column);
        let description = format!("found {}, expected {} ({place}: {})", row.found, row.expected, row.check);
        found.refuse(field, description);
    }
    Err(found.problem())
}

/// What a text without faults is.
enum Checked {
    Standard(Box<Standard>),
    Policy,
}

fn read(engine: &Engine, text: &str) -> Result<Checked, Faults> {
    if text.trim().is_empty() {
        let mut faults = Faults::default();
        faults.push(Span::default(), Check::Syntax, "an empty text", "a standard");
        return Err(faults);
    }
    let node = parse_document(text)?;
    let catalogue = engine.catalogue();
    let own = Standard::head(&node);
    let mut peers: Vec<_> = catalogue
        .standards()
        .filter_map(|edition| Standard::head(&parse_document(&edition.text).ok()?))
        .filter(|peer| own.as_ref().is_none_or(|own| (&own.id, &own.edition) != (&peer.id, &peer.edition)))
        .collect();
    peers.extend(own);
    let peers = Peers(peers);
    if node.child("policy").is_some() {
        TierPolicy::parse(&node, &peers).map(|_| Checked::Policy)
    } else {
        let standard = Standard::parse(&node, &catalogue.vocabulary, &peers)?;
        Ok(Checked::Standard(Box::new(standard)))
    }
}
