//! Picks each selection's facts in one pass over a credit file.
//!
//! Which selections a class of facts belongs to is decided once per class; a fact then costs one look-up, plus a
//! date comparison for each selection it may belong to. The horizon of windows, validity, repair, publicity and
//! objection is gathered in the same pass.

use crate::date::Date;
use crate::fact::{Class, Facts};
use crate::selection::Selection;

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
        if self.objection_suspends && !facts.objections.is_empty() {
            let mut suspended = false;
            for objection in facts.objections.iter().filter(|o| usize::try_from(o.fact) == Ok(i)) {
                suspended |= objection.from <= as_of && as_of < objection.until;
                for edge in [objection.from, objection.until] {
                    if edge > as_of {
                        *due = edge.min(*due);
                    }
                }
            }
            if suspended {
                return Standing::UnderObjection;
            }
        }
        Standing::Counts
    }
}

/// A selection's window on one as-of date.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    from: Date,
    to: Date,
    in_force: bool,
}

/// The picking of one list of selections, reused from file to file.
#[derive(Clone, Debug)]
pub(crate) struct Picker {
    as_of: Date,
    bounds: Vec<Bounds>,
    /// Class → its slots, as ranges of `slots`; grows with the dictionary of classes.
    starts: Vec<u32>,
    slots: Vec<u16>,
    /// Per slot: indices of the picked facts, in order.
    pub hits: Vec<Vec<u32>>,
}

impl Picker {
    pub fn new(selections: &[Selection], as_of: Date) -> Picker {
        let bounds = selections
            .iter()
            .map(|s| {
                let (from, to) = s.window.resolve(as_of);
                Bounds { from, to, in_force: s.in_force }
            })
            .collect::<Vec<_>>();
        Picker { as_of, hits: vec![Vec::new(); bounds.len()], bounds, starts: vec![0], slots: Vec::new() }
    }

    /// Learns the classes that appeared since the last call.
    pub fn admit(&mut self, selections: &[Selection], classes: &[Class]) {
        for class in classes.iter().skip(self.starts.len() - 1) {
            let admitted = selections.iter().enumerate().filter(|(_, s)| s.admits(class));
            self.slots.extend(admitted.filter_map(|(slot, _)| u16::try_from(slot).ok()));
            self.starts
                .push(u32::try_from(self.slots.len()).expect("fewer than 2^32 pairs of class and selection"));
        }
    }

    /// The slots of a class. A class that was never admitted belongs to none.
    pub fn slots_of(&self, class: u32) -> &[u16] {
        let class = class as usize;
        match (self.starts.get(class), self.starts.get(class + 1)) {
            (Some(start), Some(end)) => &self.slots[*start as usize..*end as usize],
            _ => &[],
        }
    }

    /// Whether the window of `slot` holds a fact of these dates.
    pub fn in_window(&self, slot: usize, occurred_on: Date, ends_on: Date) -> bool {
        let bounds = self.bounds[slot];
        bounds.from < occurred_on && occurred_on <= bounds.to && (!bounds.in_force || ends_on >= self.as_of)
    }

    /// Fills `hits` from `facts`; lowers `due`.
    pub fn pick(
        &mut self,
        selections: &[Selection],
        lifecycle: Lifecycle,
        facts: &Facts<'_>,
        due: &mut Date,
    ) {
        for hits in &mut self.hits {
            hits.clear();
        }
        let as_of = self.as_of;
        let known = facts.occurred_on.partition_point(|d| *d <= as_of);
        if let Some(next) = facts.occurred_on.get(known) {
            *due = (*next).min(*due);
        }
        for i in 0..known {
            let class = facts.class[i];
            let (start, end) = match (self.starts.get(class as usize), self.starts.get(class as usize + 1)) {
                (Some(start), Some(end)) if start < end => (*start as usize, *end as usize),
                _ => continue,
            };
            let (occurred_on, ends_on) = (facts.occurred_on[i], facts.ends_on[i]);
            let mut counts = None;
            for slot in start..end {
                let slot = usize::from(self.slots[slot]);
                let bounds = self.bounds[slot];
                if occurred_on <= bounds.from || occurred_on > bounds.to {
                    continue;
                }
                if bounds.in_force {
                    if ends_on < as_of {
                        continue;
                    }
                    *due = ends_on.plus_days(1).min(*due);
                }
                let counts = *counts
                    .get_or_insert_with(|| lifecycle.standing(facts, i, as_of, due) == Standing::Counts);
                if counts {
                    self.hits[slot].push(u32::try_from(i).unwrap_or(u32::MAX));
                }
            }
        }
        for (selection, hits) in selections.iter().zip(&mut self.hits) {
            if let Some(first) = hits.first() {
                *due = selection.window.due(as_of, facts.occurred_on[*first as usize]).min(*due);
            } else if let crate::selection::Window::CalendarYear(_) = selection.window {
                *due = as_of.start_of_year(1).min(*due);
            }
            if let Some(last) = selection.last {
                let surplus = hits.len().saturating_sub(last);
                hits.drain(..surplus);
            }
        }
    }
}
