//! `least` and `greatest` of several readings, such as the lower of what two parties report.

use super::{Input, Look, Measured, Reading};
use crate::date::Date;
use crate::document::{self, Check, Node};
use crate::quantity::{Gives, Watch};
use crate::scope::{Scope, Slot};

/// Which end is taken.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// The least.
    Least,
    /// The greatest.
    Greatest,
}

/// The least or greatest of readings of one unit. Unknown when any is.
#[derive(Clone, Debug)]
pub struct Extreme {
    end: End,
    readings: Vec<Reading>,
}

impl Extreme {
    pub(super) fn parse(end: End, node: &Node, scope: &mut Scope<'_>) -> Option<(Reading, Gives)> {
        let items = document::list(node, "readings", &mut scope.faults)?;
        let parsed: Vec<_> = items.iter().map(|n| Reading::parse_quantity(n, scope)).collect();
        let parsed: Vec<_> = parsed.into_iter().collect::<Option<_>>()?;
        let unit = parsed.first()?.1;
        if parsed.iter().any(|(_, u)| *u != unit) {
            scope.faults.node(node, Check::UnitMismatch, "readings of one unit");
            return None;
        }
        let readings = parsed.into_iter().map(|(reading, _)| reading).collect();
        Some((Reading::Extreme(Extreme { end, readings }), Gives::Quantity(unit)))
    }

    pub(super) fn slots(&self, visit: &mut dyn FnMut(Slot)) {
        for reading in &self.readings {
            reading.slots(visit);
        }
    }

    pub(super) fn inputs(&self, visit: &mut dyn FnMut(Input)) {
        for reading in &self.readings {
            reading.inputs(visit);
        }
    }

    pub(super) fn measure(&self, look: &Look<'_>, due: &mut Date) -> Measured {
        let mut found: Option<i64> = None;
        let mut unknown = None;
        for reading in &self.readings {
            match (reading.measure(look, Watch::Every, due), self.end) {
                (Measured::Unknown(why), _) => unknown = unknown.or(Some(why)),
                (Measured::Known(value), End::Least) => found = Some(found.map_or(value, |f| f.min(value))),
                (Measured::Known(value), End::Greatest) => {
                    found = Some(found.map_or(value, |f| f.max(value)));
                }
            }
        }
        match (unknown, found) {
            (Some(why), _) => Measured::Unknown(why),
            (None, Some(value)) => Measured::Known(value),
            (None, None) => Measured::Unknown(super::Unknown::NoRecord),
        }
    }
}
