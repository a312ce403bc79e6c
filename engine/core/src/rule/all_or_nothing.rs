//! `all_or_nothing`: points when a comparison holds, others when it does not.

use super::{Direction, extremes};
use crate::document::{self, Fields, Node};
use crate::number::Points;
use crate::quantity::{Gives, Range};
use crate::scope::Scope;

/// `points` inside the range, `otherwise` outside.
#[derive(Clone, Debug)]
pub struct AllOrNothing {
    range: Range,
    thresholds: [i64; 2],
    points: Points,
    otherwise: Points,
}

impl AllOrNothing {
    pub(super) fn parse(node: &Node, gives: &Gives, scope: &mut Scope<'_>) -> Option<AllOrNothing> {
        let unit = gives.unit(node, &mut scope.faults)?;
        let faults = &mut scope.faults;
        let mut fields = Fields::open(node, "an all-or-nothing rule", faults)?;
        let points = fields.need("points", faults).and_then(|n| document::points(n, faults));
        let otherwise = match fields.take("otherwise") {
            Some(node) => document::points(node, faults),
            None => Some(Points::ZERO),
        };
        let range = Range::parse(&mut fields, unit, faults);
        fields.finish(faults);
        let range = range?;
        Some(AllOrNothing { range, thresholds: range.thresholds(), points: points?, otherwise: otherwise? })
    }

    pub(super) fn points(&self, q: i64) -> Points {
        if self.range.contains(q) { self.points } else { self.otherwise }
    }

    pub(super) fn thresholds(&self) -> &[i64] {
        &self.thresholds
    }

    pub(super) fn range(&self) -> (Points, Points) {
        extremes([self.points, self.otherwise].into_iter())
    }

    pub(super) fn direction(&self) -> Direction {
        let below = (self.range.from > 0).then_some(self.otherwise);
        let above = (self.range.to < i64::MAX).then_some(self.otherwise);
        Direction::of(below.into_iter().chain([self.points]).chain(above))
    }
}
