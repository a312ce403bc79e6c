//! `elapsed`: whole days, months or years since an event.

use super::{Input, Look, Measured, Reading, Unknown};
use crate::condition::Truth;
use crate::date::Date;
use crate::document::{self, Fields, Node};
use crate::quantity::{Gives, Range, Unit, Watch};
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
            Since::First(_) | Since::Last(_) => visit(Input::Day),
        }
    }

    pub(super) fn measure(&self, look: &Look<'_>, watch: Watch<'_>, due: &mut Date) -> Measured {
        match self.start(look) {
            Ok(start) => self.since(start, look.as_of, watch, due),
            Err(why) => Measured::Unknown(why),
        }
    }

    /// Whether the elapsed time lies in `range`, as by measuring it, but without the calendar where the number of days
    /// decides: conditions such as "established less than a year ago" are asked of every subject.
    pub(crate) fn lies_in(&self, range: Range, look: &Look<'_>, due: &mut Date) -> Truth {
        let Ok(start) = self.start(look) else { return Truth::Unknown };
        let mut reached = |quantity: i64| match (self.unit, i32::try_from(quantity)) {
            (_, Ok(n)) if n <= 0 => Some(true),
            (_, Err(_)) => Some(quantity < 0),
            (Period::Months, Ok(n @ ..=MONTHS_MAX)) => Some(elapsed(n, start, look.as_of, due)),
            (Period::Years, Ok(n @ ..=YEARS_MAX)) => Some(elapsed(12 * n, start, look.as_of, due)),
            (Period::Days | Period::Months | Period::Years, Ok(_)) => None,
        };
        match (reached(range.from), reached(range.to)) {
            (Some(from), Some(to)) => (from && !to).into(),
            (None, _) | (_, None) => match self.since(start, look.as_of, Watch::At(&range.thresholds()), due)
            {
                Measured::Known(value) => range.contains(value).into(),
                Measured::Unknown(_) => Truth::Unknown,
            },
        }
    }

    /// The day it counts from.
    fn start(&self, look: &Look<'_>) -> Result<Date, Unknown> {
        let of = |slot: Slot, fact: Option<usize>| {
            if !look.delivered[slot] {
                return Err(Unknown::NotDelivered);
            }
            fact.map(|i| look.columns.occurred_on[i]).ok_or(Unknown::NoRecord)
        };
        match self.since {
            Since::Established => {
                look.registration.and_then(|r| r.established_on).ok_or(Unknown::NotRegistered)
            }
            Since::First(slot) => of(slot, look.facts(slot).next()),
            Since::Last(slot) => of(slot, look.facts(slot).next_back()),
        }
    }

    fn since(&self, start: Date, as_of: Date, watch: Watch<'_>, due: &mut Date) -> Measured {
        let now = match self.unit {
            Period::Days => as_of.days().saturating_sub(start.days()).max(0),
            Period::Months => as_of.months_since(start),
            Period::Years => as_of.months_since(start) / 12,
        };
        let next =
            watch.next(i64::from(now)).and_then(|n| i32::try_from(n).ok()).filter(|n| *n <= MONTHS_MAX);
        if let Some(n) = next {
            *due = match self.unit {
                Period::Days => start.plus_days(n).min(*due),
                Period::Months => start.months_elapsed_or(n, *due),
                Period::Years if n <= YEARS_MAX => start.months_elapsed_or(12 * n, *due),
                Period::Years => *due,
            };
        }
        Measured::Known(i64::from(now))
    }
}

/// The most months and years that are counted on: thresholds past the calendar are never reached.
const MONTHS_MAX: i32 = 100_000;
const YEARS_MAX: i32 = 8_000;

/// Whether `months` ≥ 1 whole months have elapsed; if not, lowers `due` to the day they have.
fn elapsed(months: i32, start: Date, as_of: Date, due: &mut Date) -> bool {
    let within = as_of.within_months(months, start);
    if within {
        *due = start.months_elapsed_or(months, *due);
    }
    !within
}
