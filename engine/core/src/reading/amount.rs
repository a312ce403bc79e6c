//! `sum`, `largest`, `smallest`: over the facts' numbers.

use super::{Look, Measured, Reading, Unknown, delivered, number_unit};
use crate::document::{Fields, Node};
use crate::number::saturate;
use crate::quantity::Gives;
use crate::scope::{Scope, Slot};
use crate::selection::Selection;

/// What is taken of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// Their sum; 0 when there are none.
    Sum,
    /// The greatest; unknown when there are none.
    Largest,
    /// The least; unknown when there are none.
    Smallest,
}

/// A sum or an extreme of numbers, in their unit.
#[derive(Clone, Debug)]
pub struct Amount {
    pub(crate) slot: Slot,
    take: Take,
}

impl Amount {
    pub(super) fn parse(
        take: Take,
        codes: &Node,
        fields: &mut Fields<'_>,
        scope: &mut Scope<'_>,
    ) -> Option<(Reading, Gives)> {
        let selection = Selection::parse(codes, fields, scope)?;
        let unit = number_unit(codes, &selection, scope)?;
        let slot = scope.slot(selection);
        Some((Reading::Amount(Amount { slot, take }), Gives::Quantity(unit)))
    }

    pub(super) fn rises(&self) -> bool {
        self.take != Take::Smallest
    }

    pub(super) fn measure(&self, look: &Look<'_>) -> Measured {
        delivered(look, self.slot, || {
            let mut numbers = look.numbers(self.slot);
            let found = match self.take {
                // Summed in 128 bits: the order of the facts cannot matter, nor can a sum overflow on its way.
                Take::Sum => Some(saturate(numbers.map(i128::from).sum())),
                Take::Largest => numbers.max(),
                Take::Smallest => numbers.by_ref().min(),
            };
            found.map_or(Measured::Unknown(Unknown::NoRecord), Measured::Known)
        })
    }
}
