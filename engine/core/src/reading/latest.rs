//! `latest`: the number or an attribute of the last fact.

use super::{Input, Look, Measured, Reading, Unknown, delivered, enumeration, number_unit, value_of};
use crate::document::{Fields, Node};
use crate::fact::NO_NUMBER;
use crate::quantity::Gives;
use crate::scope::{Scope, Slot};
use crate::selection::Selection;
use crate::vocabulary::CodeId;

/// The last selected fact's value. Unknown when there is no fact or it lacks the value.
#[derive(Clone, Debug)]
pub struct Latest {
    pub(crate) slot: Slot,
    /// `None`: its number.
    attribute: Option<Vec<(CodeId, usize)>>,
}

impl Latest {
    pub(super) fn parse(
        codes: &Node,
        fields: &mut Fields<'_>,
        scope: &mut Scope<'_>,
    ) -> Option<(Reading, Gives)> {
        let take = fields.take("take");
        let selection = Selection::parse(codes, fields, scope)?;
        let (attribute, gives) = match take {
            None => (None, Gives::Quantity(number_unit(codes, &selection, scope)?)),
            Some(node) => {
                let (positions, values) = enumeration(node, &selection, scope)?;
                (Some(positions), Gives::Category(values))
            }
        };
        let slot = scope.slot(selection);
        Some((Reading::Latest(Latest { slot, attribute }), gives))
    }

    pub(super) fn inputs(&self, visit: &mut dyn FnMut(Input)) {
        visit(Input::Day);
        if self.attribute.is_none() {
            visit(Input::Number);
        }
    }

    pub(super) fn measure(&self, look: &Look<'_>) -> Measured {
        delivered(look, self.slot, || {
            let found = look.facts(self.slot).next_back().and_then(|i| match &self.attribute {
                None => Some(look.columns.number[i]).filter(|n| *n != NO_NUMBER),
                Some(positions) => value_of(look.class(i)?, positions),
            });
            found.map_or(Measured::Unknown(Unknown::NoRecord), Measured::Known)
        })
    }
}
