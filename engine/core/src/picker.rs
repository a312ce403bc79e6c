//! Picks each selection's facts in one pass over a credit file.
//!
//! Which selections a class of facts belongs to is decided once per class; a fact then costs one look-up, plus a
//! date comparison for each selection it may belong to. What was picked is remembered by slot, so that nobody has to
//! look at the many slots of a file that stay empty. The horizon of windows, validity, repair, publicity and
//! objection is gathered in the same pass.

use crate::date::Date;
use crate::fact::{Class, Facts};
use crate::scope::Slot;
use crate::selection::{Selection, Window};

/// Which facts count at all (`docs/standard-format.md` §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifecycle {
    /// A fact under objection does not count.
    pub objection_suspends: bool,
    /// A fact past its publicity period still counts.
    pub past_publicity_counts: bool,
}

/// Whether a fact counts on a day, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It counts.
    Counts,
    /// Repaired on or before the day.
    Repaired,
    /// Past its publicity period.
    PastPublicity,
    /// Suspended by an objection.
    UnderObjection,
}

impl Lifecycle {
    /// The standing of fact `i` on `as_of`; lowers `due` to the next day on which that can change.
    #[inline]
    pub fn standing(self, facts: &Facts<'_>, i: usize, as_of: Date, due: &mut Date) -> Standing {
        let repaired_on = facts.repaired_on[i];
        if repaired_on <= as_of {
            return Standing::Repaired;
        }
        *due = repaired_on.min(*due);
        if !self.past_publicity_counts {
            let until = facts.publicity_until[i];
            if until < as_of {
                return Standing::PastPublicity;
            }
            *due = until.plus_days(1).min(*due);
        }
        // Few files have an objection at all.
        if self.objection_suspends && !facts.objections.is_empty() && under_objection(facts, i, as_of, due) {
            return Standing::UnderObjection;
        }
        Standing::Counts
    }
}

/// Whether fact `i` is under objection on `as_of`; lowers `due` to the next day on which that can change.
#[cold]
fn under_objection(facts: &Facts<'_>, i: usize, as_of: Date, due: &mut Date) -> bool {
    let mut suspended = false;
    for objection in facts.objections.iter().filter(|o| usize::try_from(o.fact) == Ok(i)) {
        suspended |= objection.from <= as_of && as_of < objection.until;
        for edge in [objection.from, objection.until] {
            if edge > as_of {
                *due = edge.min(*due);
            }
        }
    }
    suspended
}

/// A selection that facts of one class may belong to, on one as-of date.
#[derive(Clone, Copy, Debug)]
struct Place {
    from: Date,
    to: Date,
    slot: u16,
    in_force: bool,
}

/// The places of a class in the list of all places.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    end: u32,
    /// Facts of this day or before are in no window; [`Date::FOREVER`] without places.
    from: Date,
}

/// What is done with a slot's hits after the pass.
#[derive(Clone, Copy, Debug)]
struct Keeping {
    /// Index of the window among the distinct ones.
    window: usize,
    /// Only so many hits are kept, the last.
    last: usize,
}

/// The picking of one list of selections, reused from file to file.
#[derive(Clone, Debug)]
pub(crate) struct Picker {
    as_of: Date,
    /// The distinct windows, and the earliest fact in a slot of each during a pass: only that one can leave first.
    windows: Vec<(Window, Date)>,
    /// The turn of the year, when some window is one of calendar years.
    year_turns: Date,
    /// Per slot: its window on the as-of date.
    bounds: Vec<Place>,
    /// Per slot.
    keeping: Vec<Keeping>,
    /// Per class; grows with the dictionary of classes.
    spans: Vec<Span>,
    /// The places of every class, those of one class from the widest window to the narrowest.
    places: Vec<Place>,
    /// Per slot: indices of the picked facts, in order.
    pub hits: Vec<Vec<u32>>,
    /// The slots that have hits, each once, in no order.
    pub touched: Vec<u16>,
}

impl Picker {
    /// # Panics
    /// With 2¹⁶ selections or more.
    pub fn new(selections: &[Selection], as_of: Date) -> Picker {
        let mut windows: Vec<(Window, Date)> = Vec::new();
        let mut bounds = Vec::new();
        let mut keeping = Vec::new();
        for (slot, selection) in selections.iter().enumerate() {
            let (from, to) = selection.window.resolve(as_of);
            let slot = u16::try_from(slot).expect("fewer than 2^16 selections in a standard");
            bounds.push(Place { from, to, slot, in_force: selection.in_force });
            let window =
                windows.iter().position(|(known, _)| *known == selection.window).unwrap_or_else(|| {
                    windows.push((selection.window, Date::FOREVER));
                    windows.len() - 1
                });
            keeping.push(Keeping { window, last: selection.last.unwrap_or(usize::MAX) });
        }
        let yearly = windows.iter().any(|(window, _)| matches!(window, Window::CalendarYear(_)));
        Picker {
            as_of,
            windows,
            year_turns: if yearly { as_of.start_of_year(1) } else { Date::FOREVER },
            hits: vec![Vec::new(); bounds.len()],
            bounds,
            keeping,
            spans: Vec::new(),
            places: Vec::new(),
            touched: Vec::new(),
        }
    }

    /// Learns the classes that appeared since the last call.
    #[inline]
    pub fn admit(&mut self, selections: &[Selection], classes: &[Class]) {
        // Nearly always nothing is new.
        if self.spans.len() < classes.len() {
            self.learn(selections, classes);
        }
    }

    fn learn(&mut self, selections: &[Selection], classes: &[Class]) {
        for class in classes.iter().skip(self.spans.len()) {
            let here = |n: usize| u32::try_from(n).expect("fewer than 2^32 pairs of class and selection");
            let first = self.places.len();
            let admitted = self.bounds.iter().zip(selections).filter(|(_, s)| s.admits(class));
            self.places.extend(admitted.map(|(place, _)| *place));
            let own = &mut self.places[first..];
            own.sort_by_key(|place| place.from);
            let from = own.first().map_or(Date::FOREVER, |place| place.from);
            self.spans.push(Span { start: here(first), end: here(self.places.len()), from });
        }
    }

    /// The slots of a class. A class that was never admitted belongs to none.
    pub fn slots_of(&self, class: u32) -> impl Iterator<Item = Slot> {
        let span = self.spans.get(class as usize);
        let places = span.map_or(&[][..], |span| &self.places[span.start as usize..span.end as usize]);
        places.iter().map(|place| usize::from(place.slot))
    }

    /// Whether the window of `slot` holds a fact of these dates.
    pub fn in_window(&self, slot: Slot, occurred_on: Date, ends_on: Date) -> bool {
        let bounds = self.bounds[slot];
        bounds.from < occurred_on && occurred_on <= bounds.to && (!bounds.in_force || ends_on >= self.as_of)
    }

    /// Fills `hits` and `touched` from `facts`; lowers `due`.
    pub fn pick(&mut self, lifecycle: Lifecycle, facts: &Facts<'_>, due: &mut Date) {
        for slot in self.touched.drain(..) {
            self.hits[usize::from(slot)].clear();
        }
        let as_of = self.as_of;
        let days = facts.occurred_on;
        // Seldom is anything in a file later than the day that is asked about.
        let known = match days.last() {
            Some(last) if *last > as_of => days.partition_point(|d| *d <= as_of),
            Some(_) | None => days.len(),
        };
        if let Some(next) = days.get(known) {
            *due = (*next).min(*due);
        }
        for (i, (class, occurred_on)) in facts.class.iter().zip(&days[..known]).enumerate() {
            let Some(span) = self.spans.get(*class as usize).filter(|span| span.from < *occurred_on) else {
                continue;
            };
            let mut counts = None;
            for place in &self.places[span.start as usize..span.end as usize] {
                if *occurred_on <= place.from {
                    // The windows that follow are narrower still.
                    break;
                }
                if *occurred_on > place.to {
                    continue;
                }
                if place.in_force {
                    let ends_on = facts.ends_on[i];
                    if ends_on < as_of {
                        continue;
                    }
                    *due = ends_on.plus_days(1).min(*due);
                }
                let counts = *counts
                    .get_or_insert_with(|| lifecycle.standing(facts, i, as_of, due) == Standing::Counts);
                if counts {
                    let hits = &mut self.hits[usize::from(place.slot)];
                    if hits.is_empty() {
                        self.touched.push(place.slot);
                    }
                    hits.push(u32::try_from(i).unwrap_or(u32::MAX));
                }
            }
        }
        self.keep(days, due);
    }

    /// Drops what `last` drops; lowers `due` to the day the first fact leaves its window.
    fn keep(&mut self, days: &[Date], due: &mut Date) {
        for slot in &self.touched {
            let slot = usize::from(*slot);
            let (keeping, hits) = (self.keeping[slot], &mut self.hits[slot]);
            let earliest = &mut self.windows[keeping.window].1;
            *earliest = days[hits[0] as usize].min(*earliest);
            // The window is asked about its first fact, dropped or not: a horizon may be early, never late.
            let surplus = hits.len().saturating_sub(keeping.last);
            if surplus > 0 {
                hits.drain(..surplus);
            }
        }
        for (window, earliest) in &mut self.windows {
            if *earliest < Date::FOREVER {
                *due = window.due(self.as_of, *earliest).min(*due);
                *earliest = Date::FOREVER;
            }
        }
        // A year turns whether or not it holds a fact.
        *due = self.year_turns.min(*due);
    }
}
