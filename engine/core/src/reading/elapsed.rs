//! `elapsed`: whole days, months or years since an event.

use super::{Input, Look, Measured, Reading, Unknown, delivered};
use crate::date::Date;
use crate::document::{self, Fields, Node};
use crate::quantity::{Gives, Unit, Watch};
use crate::scope::{Scope, Slot};
use crate::selection::Selection;

/// Whole units from a date to the as-of date, 0 when it lies later.
#[derive(Clone, Debug)]
pub struct Elapsed {
    since: Since,
    unit: Period,
}

#[derive(Clone, Copy, Debug)]
enum Since {
    Established,
    First(Slot),
    Last(Slot),
}

#[derive(Clone, Copy, Debug)]
enum Period {
    Days,
    Months,
    Years,
}

impl Elapsed {
    pub(super) fn parse(node: &Node, scope: &mut Scope<'_>) -> Option<(Reading, Gives)> {
        let mut fields = Fields::open(node, "an elapsed time", &mut scope.faults)?;
        let since = fields.need("since", &mut scope.faults).and_then(|n| {
            document::name(n, "a starting point", &["established", "first", "last"], &mut scope.faults)
        });
        let unit = fields.need("in", &mut scope.faults).and_then(|n| {
            document::name(n, "a unit of time", &["days", "months", "years"], &mut scope.faults)
        });
        let since = match since {
            Some(0) => Some(Since::Established),
            Some(which) => {
                let codes = fields.need("of", &mut scope.faults);
                let slot = codes.and_then(|n| Selection::parse(n, &mut fields, scope)).map(|s| scope.slot(s));
                slot.map(if which == 1 { Since::First } else { Since::Last })
            }
            None => None,
        };
        fields.finish(&mut scope.faults);
        let (unit, gives) = match unit? {
            0 => (Period::Days, Unit::Day),
            1 => (Period::Months, Unit::Month),
            _ => (Period::Years, Unit::Year),
        };
        Some((Reading::Elapsed(Elapsed { since: since?, unit }), Gives::Quantity(gives)))
    }

    pub(super) fn slots(&self, visit: &mut dyn FnMut(Slot)) {
        match self.since {
            Since::Established => {}
            Since::First(slot) | Since::Last(slot) => visit(slot),
        }
    }

    pub(super) fn inputs(&self, visit: &mut dyn FnMut(Input)) {
        match self.since {
            Since::Established => visit(Input::Registration),
            Since::First(_) | Since::Last(_) => {}
        }
    }

    pub(super) fn measure(&self, look: &Look<'_>, watch: Watch<'_>, due: &mut Date) -> Measured {
        let fact = |slot: Slot, last: bool, due: &mut Date| {
            delivered(look, slot, || {
                let mut facts = look.facts(slot);
                let found = if last { facts.next_back() } else { facts.next() };
                match found {
                    Some(i) => self.since(look.columns.occurred_on[i], look.as_of, watch, due),
                    None => Measured::Unknown(Unknown::NoRecord),
                }
            })
        };
        match self.since {
            Since::Established => match look.registration.and_then(|r| r.established_on) {
                Some(start) => self.since(start, look.as_of, watch, due),
                None => Measured::Unknown(Unknown::NotRegistered),
            },
            Since::First(slot) => fact(slot, false, due),
            Since::Last(slot) => fact(slot, true, due),
        }
    }

    fn since(&self, start: Date, as_of: Date, watch: Watch<'_>, due: &mut Date) -> Measured {
        let now = match self.unit {
            Period::Days => as_of.days().saturating_sub(start.days()).max(0),
            Period::Months => as_of.months_since(start),
            Period::Years => as_of.months_since(start) / 12,
        };
        // Thresholds past the calendar are never reached.
        let next = watch.next(i64::from(now)).and_then(|n| i32::try_from(n).ok()).filter(|n| *n <= 100_000);
        if let Some(n) = next {
            *due = match self.unit {
                Period::Days => start.plus_days(n).min(*due),
                Period::Months => start.months_elapsed_or(n, *due),
                Period::Years if n <= 8_000 => start.months_elapsed_or(12 * n, *due),
                Period::Years => *due,
            };
        }
        Measured::Known(i64::from(now))
    }
}
