//! Rules: how a reading earns points (`docs/standard-format.md` §7).
//!
//! Each kind is one file with its form, check, function and tests; this file lists them. A rule is total over
//! every value its reading can give.

mod all_or_nothing;
mod bands;
mod category;
mod choice;
mod event_table;
mod linear;
mod per_event;
pub(crate) mod tiling;

use crate::date::Date;
use crate::document::{Check, Fields, Node};
use crate::number::{Points, Rounding};
use crate::quantity::{Gives, Watch};
use crate::reading::{Input, Look, Reading};
use crate::scope::Scope;

/// A rule of a checked standard.
#[derive(Clone, Debug)]
pub enum Rule {
    #[doc(hidden)]
    Bands(bands::Bands),
    #[doc(hidden)]
    PerEvent(per_event::PerEvent),
    #[doc(hidden)]
    Linear(linear::Linear),
    #[doc(hidden)]
    Category(category::Category),
    #[doc(hidden)]
    AllOrNothing(all_or_nothing::AllOrNothing),
    #[doc(hidden)]
    EventTable(event_table::EventTable),
    #[doc(hidden)]
    Choice(choice::Choice),
}

/// How points move as a quantity grows or events are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Never.
    Flat,
    /// Never down.
    Rising,
    /// Never up.
    Falling,
    /// Both ways.
    Mixed,
}

impl Direction {
    /// The direction of points listed in order.
    fn of(points: impl Iterator<Item = Points>) -> Direction {
        let points: Vec<Points> = points.collect();
        points.windows(2).fold(Direction::Flat, |so_far, pair| match pair[0].cmp(&pair[1]) {
            std::cmp::Ordering::Less => so_far.and(Direction::Rising),
            std::cmp::Ordering::Equal => so_far,
            std::cmp::Ordering::Greater => so_far.and(Direction::Falling),
        })
    }

    /// The direction of both together.
    fn and(self, other: Direction) -> Direction {
        match (self, other) {
            (Direction::Flat, direction) | (direction, Direction::Flat) => direction,
            (Direction::Rising, Direction::Rising) => Direction::Rising,
            (Direction::Falling, Direction::Falling) => Direction::Falling,
            (Direction::Mixed, _)
            | (_, Direction::Mixed)
            | (Direction::Rising, Direction::Falling)
            | (Direction::Falling, Direction::Rising) => Direction::Mixed,
        }
    }
}

const KINDS: [&str; 8] =
    ["bands", "per_event", "linear", "category", "all_or_nothing", "event_table", "best_of", "worst_of"];

impl Rule {
    /// Takes a rule apart and checks it against what its reading gives.
    pub(crate) fn parse(
        node: &Node,
        reading: &Reading,
        gives: &Gives,
        scope: &mut Scope<'_>,
    ) -> Option<Rule> {
        let mut fields = Fields::open(node, "a rule", &mut scope.faults)?;
        let (kind, value) = fields.one_of(&KINDS, "a kind of rule", &mut scope.faults)?;
        let parsed = match KINDS[kind] {
            "bands" => bands::Bands::parse(value, gives, scope).map(Rule::Bands),
            "per_event" => per_event::PerEvent::parse(value, gives, scope).map(Rule::PerEvent),
            "linear" => linear::Linear::parse(value, gives, scope).map(Rule::Linear),
            "category" => category::Category::parse(value, &mut fields, gives, scope).map(Rule::Category),
            "all_or_nothing" => {
                all_or_nothing::AllOrNothing::parse(value, gives, scope).map(Rule::AllOrNothing)
            }
            "event_table" => {
                event_table::EventTable::parse(value, reading, gives, scope).map(Rule::EventTable)
            }
            "best_of" => {
                choice::Choice::parse(choice::End::Best, value, reading, gives, scope).map(Rule::Choice)
            }
            _ => choice::Choice::parse(choice::End::Worst, value, reading, gives, scope).map(Rule::Choice),
        };
        fields.finish(&mut scope.faults);
        parsed
    }

    /// Points for a known value; lowers `due` where time alone changes them.
    pub(crate) fn points(&self, value: i64, look: &Look<'_>, rounding: Rounding, due: &mut Date) -> Points {
        match self {
            Rule::Bands(rule) => rule.points(value),
            Rule::PerEvent(rule) => rule.points(value),
            Rule::Linear(rule) => rule.points(value, rounding),
            Rule::Category(rule) => rule.points(value),
            Rule::AllOrNothing(rule) => rule.points(value),
            Rule::EventTable(rule) => rule.points(look, due),
            Rule::Choice(rule) => rule.points(value, look, rounding, due),
        }
    }

    /// What each event changed, in fact order: the points of that many events less those of one fewer.
    /// `None` when points are not earned event by event.
    pub(crate) fn effects(&self, events: usize, look: &Look<'_>) -> Option<Vec<Points>> {
        match self {
            Rule::PerEvent(rule) => Some(rule.effects(events)),
            Rule::EventTable(rule) => Some(rule.effects(look)),
            Rule::Bands(_)
            | Rule::Linear(_)
            | Rule::Category(_)
            | Rule::AllOrNothing(_)
            | Rule::Choice(_) => None,
        }
    }

    /// Calls `visit` for what it looks at besides the value and the facts its reading picks; perhaps more than once.
    pub(crate) fn inputs(&self, visit: &mut dyn FnMut(Input)) {
        match self {
            Rule::EventTable(rule) => rule.inputs(visit),
            Rule::Choice(rule) => rule.inputs(visit),
            Rule::Bands(_)
            | Rule::PerEvent(_)
            | Rule::Linear(_)
            | Rule::Category(_)
            | Rule::AllOrNothing(_) => {}
        }
    }

    /// Which changes of the value matter.
    pub(crate) fn watch(&self) -> Watch<'_> {
        match self {
            Rule::Bands(rule) => Watch::At(rule.thresholds()),
            Rule::AllOrNothing(rule) => Watch::At(rule.thresholds()),
            Rule::PerEvent(_)
            | Rule::Linear(_)
            | Rule::Category(_)
            | Rule::EventTable(_)
            | Rule::Choice(_) => Watch::Every,
        }
    }

    /// Least and greatest points.
    pub(crate) fn range(&self) -> (Points, Points) {
        match self {
            Rule::Bands(rule) => rule.range(),
            Rule::PerEvent(rule) => rule.range(),
            Rule::Linear(rule) => rule.range(),
            Rule::Category(rule) => rule.range(),
            Rule::AllOrNothing(rule) => rule.range(),
            Rule::EventTable(rule) => rule.range(),
            Rule::Choice(rule) => rule.range(),
        }
    }

    /// How points move as the value grows.
    pub(crate) fn direction(&self) -> Direction {
        match self {
            Rule::Bands(rule) => rule.direction(),
            Rule::PerEvent(rule) => rule.direction(),
            Rule::Linear(rule) => rule.direction(),
            Rule::Category(_) => Direction::Mixed,
            Rule::AllOrNothing(rule) => rule.direction(),
            Rule::EventTable(rule) => rule.direction(),
            Rule::Choice(rule) => rule.direction(),
        }
    }
}

/// Least and greatest of some points; zero for none.
fn extremes(points: impl Iterator<Item = Points> + Clone) -> (Points, Points) {
    (points.clone().min().unwrap_or_default(), points.max().unwrap_or_default())
}

/// Optional `floor` and `cap`; a floor above its cap is reported.
fn floor_and_cap(fields: &mut Fields<'_>, scope: &mut Scope<'_>) -> (Option<Points>, Option<Points>) {
    let floor = fields.take("floor").and_then(|n| crate::document::points(n, &mut scope.faults));
    let cap = fields.take("cap").and_then(|n| crate::document::points(n, &mut scope.faults));
    if let (Some(floor), Some(cap)) = (floor, cap)
        && floor > cap
    {
        scope.faults.push(
            fields.node().span,
            Check::FloorAboveCap,
            format!("floor `{floor}` and cap `{cap}`"),
            "a floor no higher than the cap",
        );
    }
    (floor, cap)
}

/// `points` within optional bounds.
fn clip(points: Points, floor: Option<Points>, cap: Option<Points>) -> Points {
    let points = floor.map_or(points, |f| points.max(f));
    cap.map_or(points, |c| points.min(c))
}
