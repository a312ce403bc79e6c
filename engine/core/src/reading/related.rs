//! `related`: a reading over the subjects that a relation leads to.
//!
//! The kernel measures it on each related file before the indicators, because each file is picked on its own.

use super::{Measured, Reading};
use crate::document::{self, Check, Fields, Node};
use crate::quantity::Gives;
use crate::scope::Scope;
use crate::selection::Selection;
use crate::vocabulary::Shape;

/// A reading over related subjects, combined to one figure. No related subject: 0.
#[derive(Clone, Debug)]
pub struct Related {
    /// Index of the relation's kind.
    pub(crate) kind: u16,
    /// Greatest number of steps.
    pub(crate) depth: u8,
    /// What is read of each.
    pub(crate) reading: Reading,
    /// Its own selections.
    pub(crate) selections: Vec<Selection>,
    combine: Combine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Combine {
    Sum,
    Max,
}

impl Related {
    pub(super) fn parse(node: &Node, scope: &mut Scope<'_>) -> Option<(Reading, Gives)> {
        let mut fields = Fields::open(node, "a related reading", &mut scope.faults)?;
        let code = scope.vocabulary.codes.iter().find(|c| c.shape == Shape::Relation);
        let kinds: Vec<&str> = code
            .and_then(|c| c.relation.and_then(|(kind, _)| c.fields.get(kind)))
            .map(|f| f.values().iter().map(|v| v.id.as_str()).collect())
            .unwrap_or_default();
        let kind = fields
            .need("by", &mut scope.faults)
            .and_then(|n| document::name(n, "a kind of relation", &kinds, &mut scope.faults));
        let depth = match fields.take("depth") {
            Some(node) => document::whole(node, 1, 3, &mut scope.faults),
            None => Some(1),
        };
        let combine = fields
            .need("combine", &mut scope.faults)
            .and_then(|n| document::name(n, "a way to combine subjects", &["sum", "max"], &mut scope.faults));
        let inner = fields.need("reading", &mut scope.faults);
        fields.finish(&mut scope.faults);
        let inner = inner?;
        // The reading's selections are picked from other files than the standard's own.
        let own = std::mem::take(&mut scope.selections);
        let parsed = Reading::parse_quantity(inner, scope);
        let selections = std::mem::replace(&mut scope.selections, own);
        let (reading, unit) = parsed?;
        if matches!(reading, Reading::Related(_) | Reading::Result(_) | Reading::Grouped(_)) {
            scope.faults.node(inner, Check::UnitMismatch, "a reading of facts or of the registration");
            return None;
        }
        if unit.least().is_none() {
            scope.faults.node(inner, Check::UnitMismatch, "a quantity that is never negative");
            return None;
        }
        let combine = if combine? == 0 { Combine::Sum } else { Combine::Max };
        let related = Related {
            kind: u16::try_from(kind?).ok()?,
            depth: u8::try_from(depth?).ok()?,
            reading,
            selections,
            combine,
        };
        scope.related.push(related);
        Some((Reading::Related(scope.related.len() - 1), Gives::Quantity(unit)))
    }

    /// One figure of what was measured on each related subject.
    pub(crate) fn combine(&self, measured: &[Measured]) -> Measured {
        let mut total = 0i64;
        let mut unknown = None;
        for one in measured {
            match (one, self.combine) {
                (Measured::Known(value), Combine::Sum) => total = total.saturating_add(*value),
                (Measured::Known(value), Combine::Max) => total = total.max(*value),
                // Whichever subject comes first: their order says nothing.
                (Measured::Unknown(why), _) => unknown = unknown.into_iter().chain([*why]).min(),
            }
        }
        match (unknown, self.combine) {
            // What is on record about one subject stands, whatever is not known of another.
            (Some(_), Combine::Max) if total > 0 => Measured::Known(total),
            (Some(why), _) => Measured::Unknown(why),
            (None, _) => Measured::Known(total),
        }
    }
}
