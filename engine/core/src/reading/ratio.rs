//! `ratio`: the quotient of two readings of one unit.

use super::{Input, Look, Measured, Reading, Unknown};
use crate::date::Date;
use crate::document::{Check, Fields, Node};
use crate::number::saturate;
use crate::quantity::{Gives, Unit, Watch};
use crate::scope::{Scope, Slot};

/// `of ÷ to` in ten-thousandths, rounded once. Unknown when either is, or when `to` is zero.
#[derive(Clone, Debug)]
pub struct Ratio {
    of: Reading,
    to: Reading,
}

impl Ratio {
    pub(super) fn parse(node: &Node, scope: &mut Scope<'_>) -> Option<(Reading, Gives)> {
        let mut fields = Fields::open(node, "a ratio", &mut scope.faults)?;
        let of = fields.need("of", &mut scope.faults).and_then(|n| Reading::parse_quantity(n, scope));
        let to = fields.need("to", &mut scope.faults).and_then(|n| Reading::parse_quantity(n, scope));
        fields.finish(&mut scope.faults);
        let ((of, of_unit), (to, to_unit)) = (of?, to?);
        if of_unit != to_unit {
            let expected = format!("two readings of one unit, not {} and {}", of_unit.name(), to_unit.name());
            scope.faults.node(node, Check::UnitMismatch, expected);
            return None;
        }
        Some((Reading::Ratio(Box::new(Ratio { of, to })), Gives::Quantity(Unit::Ratio)))
    }

    pub(super) fn slots(&self, visit: &mut dyn FnMut(Slot)) {
        self.of.slots(visit);
        self.to.slots(visit);
    }

    pub(super) fn inputs(&self, visit: &mut dyn FnMut(Input)) {
        self.of.inputs(visit);
        self.to.inputs(visit);
    }

    pub(super) fn measure(&self, look: &Look<'_>, due: &mut Date) -> Measured {
        let of = self.of.measure(look, Watch::Every, due);
        let to = self.to.measure(look, Watch::Every, due);
        match (of, to) {
            (Measured::Known(_), Measured::Known(0)) => Measured::Unknown(Unknown::ZeroDivisor),
            (Measured::Known(of), Measured::Known(to)) => {
                let numerator = i128::from(of) * 10_000 * i128::from(to.signum());
                Measured::Known(saturate(look.rounding.quotient(numerator, i128::from(to).abs())))
            }
            (Measured::Unknown(why), _) | (_, Measured::Unknown(why)) => Measured::Unknown(why),
        }
    }
}
