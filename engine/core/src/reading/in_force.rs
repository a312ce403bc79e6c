//! `in_force`: whether a status holds on the as-of date.

use super::{Look, Measured, Reading, Unknown};
use crate::document::{Check, Fields, Node};
use crate::quantity::{Gives, Unit};
use crate::scope::{Scope, Slot};
use crate::selection::Selection;

/// 1 when a selected fact is in force, else 0.
///
/// A fact on record is known whatever was delivered: a veto must not wait for a register to be complete.
/// Absence is known only when all registers are delivered.
#[derive(Clone, Debug)]
pub struct InForce {
    pub(crate) slot: Slot,
}

impl InForce {
    pub(super) fn parse(
        codes: &Node,
        fields: &mut Fields<'_>,
        scope: &mut Scope<'_>,
    ) -> Option<(Reading, Gives)> {
        let mut selection = Selection::parse(codes, fields, scope)?;
        for (_, code) in selection.declarations(scope) {
            if code.ends_on.is_none() {
                let expected = format!("codes that end; `{}` has no `ends_on`", code.id);
                scope.faults.node(codes, Check::UnitMismatch, expected);
            }
        }
        selection.in_force = true;
        let slot = scope.slot(selection);
        Some((Reading::InForce(InForce { slot }), Gives::Quantity(Unit::Count)))
    }

    pub(super) fn measure(&self, look: &Look<'_>) -> Measured {
        match (look.facts(self.slot).next(), look.delivered[self.slot]) {
            (Some(_), _) => Measured::Known(1),
            (None, true) => Measured::Known(0),
            (None, false) => Measured::Unknown(Unknown::NotDelivered),
        }
    }
}
