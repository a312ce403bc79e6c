//! `count` and `distinct`: how many facts, or how many different values among them.

use super::{Input, Look, Measured, Named, Reading, Unknown, check_references};
use crate::document::{self, Check, Fields, Node};
use crate::fact::NO_REFERENCE;
use crate::quantity::{Gives, Unit};
use crate::scope::{Scope, Slot};
use crate::selection::Selection;

/// A number of facts or of distinct values. Unit: count. Unknown when a register is not delivered.
#[derive(Clone, Debug)]
pub struct Count {
    pub(crate) slot: Slot,
    of: Of,
}

#[derive(Clone, Debug)]
enum Of {
    Facts,
    References,
    Months,
    Attribute(Vec<Named>),
}

impl Count {
    pub(super) fn parse_count(
        codes: &Node,
        fields: &mut Fields<'_>,
        scope: &mut Scope<'_>,
    ) -> Option<(Reading, Gives)> {
        let selection = Selection::parse(codes, fields, scope)?;
        let slot = scope.slot(selection);
        Some((Reading::Count(Count { slot, of: Of::Facts }), Gives::Quantity(Unit::Count)))
    }

    pub(super) fn parse_distinct(
        codes: &Node,
        fields: &mut Fields<'_>,
        scope: &mut Scope<'_>,
    ) -> Option<(Reading, Gives)> {
        let of = fields.need("of", &mut scope.faults);
        let selection = Selection::parse(codes, fields, scope)?;
        let of_node = of?;
        let of = match document::text(of_node, &mut scope.faults)? {
            "reference" => {
                check_references(of_node, &selection.codes, scope);
                Of::References
            }
            "month" => Of::Months,
            name => {
                let mut names = Vec::new();
                let mut named = Vec::new();
                for (id, code) in selection.declarations(scope) {
                    let field = code.field(name).map(|(_, f)| f);
                    match (field, code.class_position(name)) {
                        (Some(field), Some(position)) => {
                            named.push(Named::new(id, position, field, &mut names));
                        }
                        _ => scope.faults.node(
                            of_node,
                            Check::UnknownName,
                            format!("`reference`, `month` or an enumerated attribute of `{}`", code.id),
                        ),
                    }
                }
                Of::Attribute(named)
            }
        };
        let slot = scope.slot(selection);
        Some((Reading::Count(Count { slot, of }), Gives::Quantity(Unit::Count)))
    }

    pub(super) fn inputs(&self, visit: &mut dyn FnMut(Input)) {
        match self.of {
            Of::References => visit(Input::Reference),
            Of::Months => visit(Input::Day),
            Of::Facts | Of::Attribute(_) => {}
        }
    }

    pub(super) fn measure(&self, look: &Look<'_>) -> Measured {
        if !look.delivered[self.slot] {
            return Measured::Unknown(Unknown::NotDelivered);
        }
        let facts = look.columns;
        let n = match &self.of {
            Of::Facts if look.group.is_none() => look.hits[self.slot].len(),
            Of::Facts => look.facts(self.slot).count(),
            Of::References => {
                let keys = look.facts(self.slot).map(|i| facts.reference[i]).filter(|r| *r != NO_REFERENCE);
                distinct(keys.map(i64::from))
            }
            Of::Months => {
                distinct(look.facts(self.slot).map(|i| i64::from(facts.occurred_on[i].month_number())))
            }
            Of::Attribute(named) => distinct(
                look.facts(self.slot)
                    .filter_map(|i| look.class(i))
                    .flat_map(|class| Named::all(named, class)),
            ),
        };
        Measured::Known(n as i64)
    }
}

fn distinct(keys: impl Iterator<Item = i64>) -> usize {
    let mut keys: Vec<i64> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    keys.len()
}
