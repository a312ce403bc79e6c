//! `bands`: half-open rows that tile the range of a quantity.

use super::{Direction, extremes, tiling};
use crate::document::{self, Fields, Node};
use crate::number::Points;
use crate::quantity::Gives;
use crate::scope::Scope;

/// Rows of points: the row with `from ≤ q < to`.
#[derive(Clone, Debug)]
pub struct Bands {
    /// Lower bounds of the rows after the first, ascending.
    starts: Vec<i64>,
    /// One more than `starts`.
    points: Vec<Points>,
}

impl Bands {
    pub(super) fn parse(node: &Node, gives: &Gives, scope: &mut Scope<'_>) -> Option<Bands> {
        let unit = gives.unit(node, &mut scope.faults)?;
        let faults = &mut scope.faults;
        let items = document::list(node, "rows `{from, to, points}`", faults)?;
        let mut rows = Vec::new();
        for item in items {
            let mut fields = Fields::open(item, "a row", faults)?;
            let span = tiling::Bounds::take(&mut fields, unit, faults);
            let points = fields.need("points", faults).and_then(|n| document::points(n, faults));
            fields.finish(faults);
            rows.push((item, span?, points?));
        }
        let bounds: Vec<(&Node, tiling::Bounds)> =
            rows.iter().map(|(item, bounds, _)| (*item, *bounds)).collect();
        if !tiling::check(node, &bounds, unit.least(), None, |q| unit.display(q), faults) {
            return None;
        }
        Some(Bands {
            starts: rows.iter().skip(1).map(|(_, bounds, _)| bounds.from.unwrap_or(i64::MIN)).collect(),
            points: rows.iter().map(|(_, _, points)| *points).collect(),
        })
    }

    pub(super) fn points(&self, q: i64) -> Points {
        self.points[self.starts.partition_point(|start| *start <= q)]
    }

    pub(super) fn thresholds(&self) -> &[i64] {
        &self.starts
    }

    pub(super) fn range(&self) -> (Points, Points) {
        extremes(self.points.iter().copied())
    }

    pub(super) fn direction(&self) -> Direction {
        Direction::of(self.points.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(q: i64, expected: i64) {
        let points = [120, 90, 0].map(|p| Points::from_ten_thousandths(p * 10_000)).to_vec();
        let bands = Bands { starts: vec![1, 3], points };
        assert_eq!(bands.points(q), Points::from_ten_thousandths(expected * 10_000));
    }

    #[test]
    fn rows_are_closed_below_and_open_above() {
        check(0, 120);
        check(1, 90);
        check(2, 90);
        check(3, 0);
        check(i64::MAX, 0);
        check(i64::MIN, 120);
    }
}
