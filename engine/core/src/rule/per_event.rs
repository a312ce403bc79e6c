//! `per_event`: the same points for every event, down to a floor or up to a cap.

use super::{Direction, clip, floor_and_cap};
use crate::document::{self, Check, Fields, Node};
use crate::number::Points;
use crate::quantity::{Gives, Unit};
use crate::scope::Scope;

/// `clip(full + each × n)`.
#[derive(Clone, Debug)]
pub struct PerEvent {
    full: Points,
    each: Points,
    floor: Option<Points>,
    cap: Option<Points>,
}

impl PerEvent {
    pub(super) fn parse(node: &Node, gives: &Gives, scope: &mut Scope<'_>) -> Option<PerEvent> {
        if *gives != Gives::Quantity(Unit::Count) {
            let expected = format!("a rule that takes {}; `per_event` takes a count", gives.name());
            scope.faults.node(node, Check::UnitMismatch, expected);
        }
        let mut fields = Fields::open(node, "points per event", &mut scope.faults)?;
        let full =
            fields.need("full", &mut scope.faults).and_then(|n| document::points(n, &mut scope.faults));
        let each =
            fields.need("each", &mut scope.faults).and_then(|n| document::points(n, &mut scope.faults));
        let (floor, cap) = floor_and_cap(&mut fields, scope);
        let (full, each) = (full?, each?);
        let end = if each < Points::ZERO { ("floor", floor) } else { ("cap", cap) };
        if end.1.is_none() {
            fields.report_missing(end.0, Check::MissingKey, &mut scope.faults);
        }
        fields.finish(&mut scope.faults);
        if each == Points::ZERO {
            scope.faults.node(node, Check::NeverApplies, "`each` other than 0");
        }
        Some(PerEvent { full, each, floor, cap })
    }

    /// Points for `events` events, never negative in number.
    pub(super) fn points(&self, events: i64) -> Points {
        clip(self.full.plus(self.each.times(events)), self.floor, self.cap)
    }

    pub(super) fn effects(&self, events: usize) -> Vec<Points> {
        (1..=events as i64).map(|n| self.points(n).minus(self.points(n - 1))).collect()
    }

    pub(super) fn range(&self) -> (Points, Points) {
        let none = self.points(0);
        if self.each < Points::ZERO {
            (self.floor.unwrap_or(none).min(none), none)
        } else {
            (none, self.cap.unwrap_or(none).max(none))
        }
    }

    pub(super) fn direction(&self) -> Direction {
        Direction::of([Points::ZERO, self.each].into_iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(events: i64, expected: i64) {
        let points = |p: i64| Points::from_ten_thousandths(p * 10_000);
        let rule = PerEvent { full: points(100), each: points(-30), floor: Some(points(20)), cap: None };
        assert_eq!(rule.points(events), points(expected));
        let effects: Points = rule.effects(usize::try_from(events).expect("small")).into_iter().sum();
        assert_eq!(points(100).plus(effects), points(expected), "effects add up");
    }

    #[test]
    fn deduction_stops_at_the_floor() {
        check(0, 100);
        check(2, 40);
        check(3, 20);
        check(300, 20);
    }
}
