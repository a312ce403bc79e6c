//! All names of all enterprises in memory, so that a part of a name is found among a million of them in milliseconds.
//!
//! The names lie in one text in the order of codes, so that a search goes through it once from where the last page
//! ended, and stops as soon as a page is full. What is recorded meanwhile lies beside it, in the same order, until it is
//! merged. A directory never decides: it names candidates, past names and past registrations included, and everything
//! it names is then looked up in the ledger as known at the moment of the question.
//!
//! An enterprise with one name of a dozen characters and one registration takes about 90 bytes; while the directory is
//! made, about 250 more.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use hengxin_core::date::Moment;
use hengxin_core::industry::IndustryCode;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;
use hengxin_store::{DirectoryMark, Noted, Snapshot, normalise};
use memchr::memmem::Finder;

use crate::problem::Answer;

/// Entries beside the great text before they are merged into it: so many, or one for so many within it. Merging copies
/// everything, and what lies beside is gone through for every page.
const BESIDE_MAX: usize = 5_000;
const ONE_FOR: usize = 50;

/// Between two names. No name and no question holds one: blanks are taken out of both.
const END: char = '\n';

/// Where somebody is or was registered.
type Place = (Option<RegionCode>, Option<IndustryCode>);

/// Whom to look for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    text: String,
    region: Option<RegionCode>,
    industry: Option<IndustryCode>,
}

impl Wanted {
    /// Beginning of a code or part of a name, and where.
    pub fn new(text: &str, region: Option<RegionCode>, industry: Option<IndustryCode>) -> Wanted {
        Wanted { text: normalise(text), region, industry }
    }

    fn calls(&self, code: Uscc, name: &str) -> bool {
        code.as_str().starts_with(&self.text) || name.contains(&self.text)
    }

    /// Whether one of these places is a wanted one. A place nobody knows is none.
    fn admits<'p>(&self, places: impl IntoIterator<Item = &'p Place>) -> bool {
        if self.region.is_none() && self.industry.is_none() {
            return true;
        }
        // Of one registration both must be true: all that is asked later is one registration.
        places.into_iter().any(|(region, industry)| {
            self.region.is_none_or(|wide| region.is_some_and(|found| wide.contains(found)))
                && self.industry.is_none_or(|wide| industry.is_some_and(|found| wide.contains(found)))
        })
    }
}

/// What is noted of one enterprise beside the great text.
#[derive(Clone, Debug, Default)]
struct Entry {
    /// Names, each with [`END`] after it.
    names: String,
    places: Vec<Place>,
}

/// Everything noted up to some moment, in the order of codes.
#[derive(Debug, Default)]
struct Book {
    codes: Vec<Uscc>,
    /// All names, each with [`END`] after it.
    names: String,
    /// Where the names of each begin.
    names_from: Vec<usize>,
    places: Vec<Place>,
    /// Where the places of each begin.
    places_from: Vec<u32>,
}

impl Book {
    fn names_of(&self, place: usize) -> &str {
        let until = self.names_from.get(place + 1).copied().unwrap_or(self.names.len());
        &self.names[self.names_from[place]..until]
    }

    fn places_of(&self, place: usize) -> &[Place] {
        let at = |place: usize| {
            self.places_from.get(place).map(|from| usize::try_from(*from).unwrap_or(usize::MAX))
        };
        &self.places[at(place).unwrap_or(0)..at(place + 1).unwrap_or(self.places.len())]
    }

    fn push(&mut self, code: Uscc, names: [&str; 2], places: [&[Place]; 2]) {
        self.codes.push(code);
        self.names_from.push(self.names.len());
        self.names.extend(names);
        self.places_from.push(u32::try_from(self.places.len()).unwrap_or(u32::MAX));
        self.places.extend(places.into_iter().flatten());
    }

    /// This and what lies beside it, in one.
    fn merged(&self, beside: &BTreeMap<Uscc, Entry>) -> Book {
        let count = self.codes.len() + beside.len();
        let mut book = Book {
            codes: Vec::with_capacity(count),
            names: String::with_capacity(
                self.names.len() + beside.values().map(|e| e.names.len()).sum::<usize>(),
            ),
            names_from: Vec::with_capacity(count),
            places: Vec::with_capacity(self.places.len() + beside.len()),
            places_from: Vec::with_capacity(count),
        };
        let mut beside = beside.iter().peekable();
        for (place, code) in self.codes.iter().enumerate() {
            while let Some((new, entry)) = beside.next_if(|(new, _)| *new < code) {
                book.push(*new, [&entry.names, ""], [&entry.places, &[]]);
            }
            let (names, places) = (self.names_of(place), self.places_of(place));
            match beside.next_if(|(new, _)| *new == code) {
                Some((_, entry)) => book.push(*code, [names, &entry.names], [places, &entry.places]),
                None => book.push(*code, [names, ""], [places, &[]]),
            }
        }
        for (new, entry) in beside {
            book.push(*new, [&entry.names, ""], [&entry.places, &[]]);
        }
        book.names.shrink_to_fit();
        book.codes.shrink_to_fit();
        book
    }

    /// Places from `from` on whose code begins with the text or whose names hold it, in order.
    fn matches<'b>(&'b self, wanted: &'b Wanted, from: usize) -> impl Iterator<Item = usize> + 'b {
        let text = wanted.text.as_str();
        let first = self.codes.partition_point(|code| code.as_str() < text).max(from);
        let last = first
            + self.codes[first.min(self.codes.len())..].partition_point(|c| c.as_str().starts_with(text));
        let mut coded = (first..last).peekable();
        let finder = Finder::new(text.as_bytes()).into_owned();
        let mut next_named = from;
        let mut named = std::iter::from_fn(move || {
            let begin = *self.names_from.get(next_named)?;
            let hit = begin + finder.find(&self.names.as_bytes()[begin..])?;
            // Hits lie close together or are few: either way the next enterprise is near or worth a search.
            let mut place = next_named;
            let mut step = 1;
            while self.names_from.get(place + step).is_some_and(|from| *from <= hit) {
                place += step;
                step *= 2;
            }
            place += self.names_from[place + 1..self.names_from.len().min(place + step + 1)]
                .partition_point(|from| *from <= hit);
            next_named = place + 1;
            Some(place)
        })
        .peekable();
        std::iter::from_fn(move || match (coded.peek().copied(), named.peek().copied()) {
            (Some(coded_at), Some(named_at)) => {
                if coded_at <= named_at {
                    if coded_at == named_at {
                        named.next();
                    }
                    coded.next()
                } else {
                    named.next()
                }
            }
            (Some(_), None) => coded.next(),
            (None, _) => named.next(),
        })
    }
}

/// What a directory knows at some moment.
#[derive(Clone, Debug, Default)]
struct State {
    book: Arc<Book>,
    beside: Arc<BTreeMap<Uscc, Entry>>,
    mark: DirectoryMark,
    /// Everything recorded by this moment has been noted. `None` before it is made.
    through: Option<Moment>,
}

impl State {
    /// Whether so much lies beside the great text that it should be merged.
    fn is_full(&self) -> bool {
        let merged = self.book.codes.len();
        let most = if merged == 0 { 0 } else { BESIDE_MAX.max(merged / ONE_FOR) };
        self.beside.len() > most
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Directory {
    state: Mutex<State>,
    /// Held by whoever brings it up to date; what is known meanwhile can be read.
    updating: Mutex<()>,
}

/// Candidates as a directory knows them at one moment.
#[derive(Debug)]
pub struct Candidates {
    state: State,
    wanted: Wanted,
}

impl Directory {
    /// Notes what was recorded since, makes the directory if it is not made yet, and merges what lies beside it when that
    /// has become much. For a task in the background.
    ///
    /// # Errors
    /// A failing ledger; then everything stays as it was.
    pub fn catch_up(&self, snapshot: &Snapshot) -> Answer<()> {
        let _updating = self.updating.lock().unwrap_or_else(PoisonError::into_inner);
        self.note(snapshot)?;
        let state = self.now();
        if state.is_full() {
            let book = Arc::new(state.book.merged(&state.beside));
            self.put(State { book, beside: Arc::default(), ..state });
        }
        Ok(())
    }

    /// Candidates for a question, if the directory is made. Before it is, others must search.
    ///
    /// # Errors
    /// A failing ledger.
    pub fn candidates(&self, snapshot: &Snapshot, wanted: Wanted) -> Answer<Option<Candidates>> {
        let mut state = self.now();
        let Some(through) = state.through else { return Ok(None) };
        if through < snapshot.known_at() {
            let _updating = self.updating.lock().unwrap_or_else(PoisonError::into_inner);
            self.note(snapshot)?;
            state = self.now();
        }
        Ok(Some(Candidates { state, wanted }))
    }

    /// Whether something is to be done: something was recorded that is not noted, or much lies beside the great text.
    pub fn is_behind(&self, watermark: Moment) -> bool {
        let state = self.now();
        state.through < Some(watermark) || state.is_full()
    }

    /// Everything recorded by this moment has been noted. `None` before it is made.
    pub fn through(&self) -> Option<Moment> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).through
    }

    fn now(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// With `updating` held.
    fn note(&self, snapshot: &Snapshot) -> Answer<()> {
        let mut state = self.now();
        if state.through >= Some(snapshot.known_at()) {
            return Ok(());
        }
        // Whoever reads meanwhile keeps what it has: this copies at most what lies beside the book.
        let beside = Arc::make_mut(&mut state.beside);
        state.mark = snapshot.note_subjects(state.mark, |code, noted| {
            let entry = beside.entry(code).or_default();
            match noted {
                Noted::Subject => {}
                Noted::Name(name) => {
                    if !entry.names.split(END).any(|known| known == name) {
                        entry.names.push_str(name);
                        entry.names.push(END);
                    }
                }
                Noted::Place(region, industry) => {
                    if !entry.places.contains(&(region, industry)) {
                        entry.places.push((region, industry));
                    }
                }
            }
        })?;
        state.through = state.through.max(Some(snapshot.known_at()));
        self.put(state);
        Ok(())
    }
}

impl Candidates {
    /// Those after `after` in the order of codes, at most `limit`. Fewer: there are no more.
    pub fn next(&self, after: Option<Uscc>, limit: usize) -> Vec<Uscc> {
        let State { book, beside, .. } = &self.state;
        let from = after.map_or(0, |after| book.codes.partition_point(|code| *code <= after));
        let mut old = book.matches(&self.wanted, from).peekable();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut new =
            beside.range((start, Bound::Unbounded)).filter(|(code, e)| self.wanted.calls(**code, &e.names));
        let mut new_next = new.next();
        let mut found = Vec::new();
        while found.len() < limit {
            let old_code = old.peek().map(|place| book.codes[*place]);
            let code = match (old_code, new_next.map(|(code, _)| *code)) {
                (Some(a), Some(b)) => a.min(b),
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => break,
            };
            let mut place = None;
            if old_code == Some(code) {
                place = old.next();
            }
            if new_next.is_some_and(|(new, _)| *new == code) {
                new_next = new.next();
            }
            if self.is_there(code, place) {
                found.push(code);
            }
        }
        found
    }

    /// Whether this one is a candidate.
    pub fn has(&self, code: Uscc) -> bool {
        let State { book, beside, .. } = &self.state;
        let place = book.codes.binary_search(&code).ok();
        let called = place.is_some_and(|place| self.wanted.calls(code, book.names_of(place)))
            || beside.get(&code).is_some_and(|entry| self.wanted.calls(code, &entry.names));
        called && self.is_there(code, place)
    }

    /// Whether it is or was registered where it is wanted.
    fn is_there(&self, code: Uscc, place: Option<usize>) -> bool {
        let State { book, beside, .. } = &self.state;
        if self.wanted.admits(&[]) {
            return true;
        }
        let place = place.or_else(|| book.codes.binary_search(&code).ok());
        let old = place.map(|place| book.places_of(place)).unwrap_or_default();
        let new = beside.get(&code).map(|entry| entry.places.as_slice()).unwrap_or_default();
        self.wanted.admits(old.iter().chain(new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(n: u32) -> Uscc {
        let region = RegionCode::from_digits(330_106).expect("a region");
        let body = format!("MB{n:06}");
        Uscc::assemble(*b"91", region, body.as_bytes().try_into().expect("eight")).expect("a code")
    }

    /// Whatever of it is merged and whatever lies beside: the candidates are those a naive look at all gives.
    #[test]
    fn candidates_are_the_same_however_much_is_merged() {
        let mut seed = 7u64;
        let mut below = move |limit: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from((seed >> 33) % limit).expect("small")
        };
        let letters = ['甲', '乙', '丙', '9', 'B'];
        let places: [Place; 3] = [
            (None, None),
            ("330106".parse().ok(), "C1411".parse().ok()),
            ("110101".parse().ok(), "F5211".parse().ok()),
        ];
        let mut all: BTreeMap<Uscc, Entry> = BTreeMap::new();
        let mut state = State::default();
        for round in 0..200 {
            for _ in 0..below(6) {
                let code = code(u32::try_from(below(60)).expect("small"));
                let name: String = (0..=below(5)).map(|_| letters[below(5)]).chain([END]).collect();
                let place = places[below(3)];
                for entries in [&mut all, Arc::make_mut(&mut state.beside)] {
                    let entry = entries.entry(code).or_default();
                    entry.names.push_str(&name);
                    entry.places.push(place);
                }
            }
            if below(4) == 0 {
                state.book = Arc::new(state.book.merged(&state.beside));
                state.beside = Arc::default();
            }
            let text: String = match below(4) {
                0 => String::new(),
                1 => code(u32::try_from(below(60)).expect("small")).as_str()[..below(19)].to_owned(),
                _ => (0..=below(3)).map(|_| letters[below(5)]).collect(),
            };
            let region = (below(3) == 0).then(|| RegionCode::from_digits(330_000).expect("a region"));
            let wanted = Wanted::new(&text, region, None);
            let naive: Vec<Uscc> = all
                .iter()
                .filter(|(code, entry)| wanted.calls(**code, &entry.names) && wanted.admits(&entry.places))
                .map(|(code, _)| *code)
                .collect();
            let candidates = Candidates { state: state.clone(), wanted };
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = candidates.next(after, 1 + round % 7);
                let Some(last) = page.last() else { break };
                after = Some(*last);
                found.extend(page);
            }
            assert_eq!(found, naive, "`{text}` in round {round}");
            assert!((0..60).map(code).all(|code| candidates.has(code) == naive.contains(&code)), "`{text}`");
        }
    }
}
