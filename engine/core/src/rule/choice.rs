//! `best_of`, `worst_of`: the greatest or least points of several rules.

use super::{Direction, Rule};
use crate::date::Date;
use crate::document::{self, Node};
use crate::number::{Points, Rounding};
use crate::quantity::Gives;
use crate::reading::{Input, Look, Reading};
use crate::scope::Scope;

/// Which end is taken.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// The greatest.
    Best,
    /// The least.
    Worst,
}

/// One figure of several rules on one reading.
#[derive(Clone, Debug)]
pub struct Choice {
    end: End,
    rules: Vec<Rule>,
}

impl Choice {
    pub(super) fn parse(
        end: End,
        node: &Node,
        reading: &Reading,
        gives: &Gives,
        scope: &mut Scope<'_>,
    ) -> Option<Choice> {
        let items = document::list(node, "rules", &mut scope.faults)?;
        let rules: Vec<Option<Rule>> = items.iter().map(|n| Rule::parse(n, reading, gives, scope)).collect();
        Some(Choice { end, rules: rules.into_iter().collect::<Option<_>>()? })
    }

    pub(super) fn inputs(&self, visit: &mut dyn FnMut(Input)) {
        for rule in &self.rules {
            rule.inputs(visit);
        }
    }

    fn pick(&self, points: impl Iterator<Item = Points>) -> Points {
        match self.end {
            End::Best => points.max(),
            End::Worst => points.min(),
        }
        .unwrap_or_default()
    }

    pub(super) fn points(&self, value: i64, look: &Look<'_>, rounding: Rounding, due: &mut Date) -> Points {
        self.pick(self.rules.iter().map(|rule| rule.points(value, look, rounding, due)))
    }

    pub(super) fn range(&self) -> (Points, Points) {
        (self.pick(self.rules.iter().map(|r| r.range().0)), self.pick(self.rules.iter().map(|r| r.range().1)))
    }

    pub(super) fn direction(&self) -> Direction {
        self.rules.iter().fold(Direction::Flat, |so_far, rule| so_far.and(rule.direction()))
    }
}
