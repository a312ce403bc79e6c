//! `linear`: straight lines between anchors.

use super::{Direction, extremes};
use crate::document::{self, Check, Fields, Node};
use crate::number::{Points, Rounding, saturate};
use crate::quantity::Gives;
use crate::scope::Scope;

/// Between two anchors on the line through them, rounded once; outside, the nearest anchor's points.
#[derive(Clone, Debug)]
pub struct Linear {
    /// (quantity, points), ascending quantities, at least two.
    anchors: Vec<(i64, Points)>,
}

impl Linear {
    pub(super) fn parse(node: &Node, gives: &Gives, scope: &mut Scope<'_>) -> Option<Linear> {
        let unit = gives.unit(node, &mut scope.faults)?;
        let faults = &mut scope.faults;
        let mut anchors = Vec::new();
        for item in document::list(node, "anchors `{at, points}`", faults)? {
            let mut fields = Fields::open(item, "an anchor", faults)?;
            let at = fields.need("at", faults).and_then(|n| unit.literal(n, faults));
            let points = fields.need("points", faults).and_then(|n| document::points(n, faults));
            fields.finish(faults);
            anchors.push((at?, points?));
        }
        if anchors.len() < 2 {
            faults.node(node, Check::WrongShape, "at least two anchors");
            return None;
        }
        if anchors.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            faults.node(node, Check::BandsOverlap, "anchors in ascending order");
            return None;
        }
        Some(Linear { anchors })
    }

    pub(super) fn points(&self, q: i64, rounding: Rounding) -> Points {
        let above = self.anchors.partition_point(|(at, _)| *at <= q);
        let (Some((x0, y0)), Some((x1, y1))) =
            (above.checked_sub(1).map(|i| self.anchors[i]), self.anchors.get(above))
        else {
            let end = if above == 0 { self.anchors.first() } else { self.anchors.last() };
            return end.map_or(Points::ZERO, |(_, points)| *points);
        };
        let (run, along) = (i128::from(*x1) - i128::from(x0), i128::from(q) - i128::from(x0));
        // One quotient of the whole value, not of the step alone: rounding sees the exact number.
        let value = i128::from(y0.ten_thousandths()) * run
            + i128::from(y1.ten_thousandths() - y0.ten_thousandths()) * along;
        Points::from_ten_thousandths(saturate(rounding.quotient(value, run)))
    }

    pub(super) fn range(&self) -> (Points, Points) {
        extremes(self.anchors.iter().map(|(_, points)| *points))
    }

    pub(super) fn direction(&self) -> Direction {
        Direction::of(self.anchors.iter().map(|(_, points)| *points))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_lie_on_the_line_and_stay_level_outside() {
        let points = Points::from_ten_thousandths;
        let rule = Linear { anchors: vec![(0, points(0)), (3, points(100_000)), (6, points(40_000))] };
        for (q, expected) in
            [(-5, 0), (0, 0), (1, 33_333), (2, 66_667), (3, 100_000), (4, 80_000), (9, 40_000)]
        {
            assert_eq!(rule.points(q, Rounding::HalfUp), points(expected), "{q}");
        }
        assert_eq!(rule.points(2, Rounding::Down), points(66_666));
    }
}
