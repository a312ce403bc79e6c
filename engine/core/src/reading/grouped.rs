//! `grouped`: a reading per group of facts, then one figure of all groups.

use super::{Input, Look, Measured, Named, Reading, Unknown, check_references};
use crate::date::Date;
use crate::document::{self, Check, Fields, Node};
use crate::fact::NO_REFERENCE;
use crate::number::saturate;
use crate::quantity::{Gives, Range, Unit, Watch};
use crate::scope::{Scope, Slot};
use crate::vocabulary::FieldKind;

/// What facts are grouped by.
#[derive(Clone, Debug)]
pub enum GroupBy {
    /// Their reference.
    Reference,
    /// The month they occurred in.
    Month,
    /// A single-valued attribute, by the names of its values.
    Attribute(Vec<Named>),
}

impl GroupBy {
    /// The group of fact `i`, or `None` when it belongs to none.
    pub(crate) fn key(&self, look: &Look<'_>, i: usize) -> Option<i64> {
        match self {
            GroupBy::Reference => {
                Some(look.columns.reference[i]).filter(|r| *r != NO_REFERENCE).map(i64::from)
            }
            GroupBy::Month => Some(i64::from(look.columns.occurred_on[i].month_number())),
            GroupBy::Attribute(named) => Named::single(named, look.class(i)?),
        }
    }
}

/// A figure over groups. The mean is rounded once; everything else is exact.
#[derive(Clone, Debug)]
pub struct Grouped {
    by: GroupBy,
    reading: Reading,
    combine: Combine,
    /// What a mean is multiplied by before the one division.
    scale: i64,
}

#[derive(Clone, Debug)]
enum Combine {
    Mean,
    Sum,
    Min,
    Max,
    WeightedMean(Reading),
    Count(Range),
}

impl Grouped {
    pub(super) fn parse(node: &Node, scope: &mut Scope<'_>) -> Option<(Reading, Gives)> {
        let mut fields = Fields::open(node, "a grouped reading", &mut scope.faults)?;
        let by_node = fields.need("by", &mut scope.faults);
        let reading_node = fields.need("reading", &mut scope.faults);
        let reading = reading_node.and_then(|n| parse_inner(n, scope));
        let combine_node = fields.need("combine", &mut scope.faults);
        let names = ["mean", "sum", "min", "max", "weighted_mean", "count"];
        let combine = combine_node
            .and_then(|n| document::name(n, "a way to combine groups", &names, &mut scope.faults));
        let weight = fields.take("weight");
        let condition = fields.take("where");
        fields.finish(&mut scope.faults);
        let (reading, unit) = reading?;
        let combine = match (combine?, weight, condition) {
            (0, None, None) => Combine::Mean,
            (1, None, None) => Combine::Sum,
            (2, None, None) => Combine::Min,
            (3, None, None) => Combine::Max,
            (4, Some(weight), None) => Combine::WeightedMean(parse_inner(weight, scope)?.0),
            (5, None, Some(condition)) => {
                let mut fields = Fields::open(condition, "a comparison", &mut scope.faults)?;
                let range = Range::parse(&mut fields, unit, &mut scope.faults);
                fields.finish(&mut scope.faults);
                Combine::Count(range?)
            }
            _ => {
                scope.faults.node(
                    node,
                    Check::WrongShape,
                    "`weight` with `weighted_mean` and only there, `where` with `count` and only there",
                );
                return None;
            }
        };
        let by = parse_by(by_node?, &reading, &combine, scope)?;
        let averaged = matches!(combine, Combine::Mean | Combine::WeightedMean(_));
        let whole = matches!(unit, Unit::Count | Unit::Day | Unit::Month | Unit::Year);
        let gives = match combine {
            Combine::Count(_) => Unit::Count,
            _ if averaged && whole => Unit::Number,
            _ => unit,
        };
        let scale = if averaged && whole { 10_000 } else { 1 };
        Some((Reading::Grouped(Box::new(Grouped { by, reading, combine, scale })), Gives::Quantity(gives)))
    }

    pub(super) fn slots(&self, visit: &mut dyn FnMut(Slot)) {
        self.reading.slots(visit);
        if let Combine::WeightedMean(weight) = &self.combine {
            weight.slots(visit);
        }
    }

    pub(super) fn inputs(&self, visit: &mut dyn FnMut(Input)) {
        match self.by {
            GroupBy::Reference => visit(Input::Reference),
            GroupBy::Month => visit(Input::Day),
            GroupBy::Attribute(_) => {}
        }
        self.reading.inputs(visit);
        if let Combine::WeightedMean(weight) = &self.combine {
            weight.inputs(visit);
        }
    }

    pub(super) fn measure(&self, look: &Look<'_>, due: &mut Date) -> Measured {
        let mut keys = Vec::new();
        let mut delivered = true;
        self.reading.slots(&mut |slot| keys.extend(look.facts(slot).filter_map(|i| self.by.key(look, i))));
        self.slots(&mut |slot| delivered &= look.delivered[slot]);
        if !delivered {
            return Measured::Unknown(Unknown::NotDelivered);
        }
        keys.sort_unstable();
        keys.dedup();
        let mut values: Vec<(i64, i64)> = Vec::with_capacity(keys.len());
        for key in keys {
            let inside = Look { group: Some((&self.by, key)), ..*look };
            let Measured::Known(value) = self.reading.measure(&inside, Watch::Every, due) else { continue };
            let weight = match &self.combine {
                Combine::WeightedMean(weight) => match weight.measure(&inside, Watch::Every, due) {
                    Measured::Known(weight) => weight,
                    Measured::Unknown(_) => continue,
                },
                Combine::Mean | Combine::Sum | Combine::Min | Combine::Max | Combine::Count(_) => 1,
            };
            values.push((value, weight));
        }
        let sum =
            || values.iter().fold(0i128, |sum, (v, w)| sum.saturating_add(i128::from(*v) * i128::from(*w)));
        let known = match &self.combine {
            Combine::Count(range) => Some(values.iter().filter(|(v, _)| range.contains(*v)).count() as i64),
            Combine::Sum => Some(saturate(sum())),
            Combine::Min => values.iter().map(|(v, _)| *v).min(),
            Combine::Max => values.iter().map(|(v, _)| *v).max(),
            Combine::Mean | Combine::WeightedMean(_) => {
                let total: i128 = values.iter().map(|(_, w)| i128::from(*w)).sum();
                if !values.is_empty() && total == 0 {
                    return Measured::Unknown(Unknown::ZeroDivisor);
                }
                let numerator = sum().saturating_mul(i128::from(self.scale)).saturating_mul(total.signum());
                (total != 0).then(|| saturate(look.rounding.quotient(numerator, total.abs())))
            }
        };
        known.map_or(Measured::Unknown(Unknown::NoRecord), Measured::Known)
    }
}

fn parse_inner(node: &Node, scope: &mut Scope<'_>) -> Option<(Reading, Unit)> {
    let (reading, unit) = Reading::parse_quantity(node, scope)?;
    match reading {
        Reading::Count(_)
        | Reading::Amount(_)
        | Reading::Latest(_)
        | Reading::Ratio(_)
        | Reading::Extreme(_) => Some((reading, unit)),
        Reading::InForce(_)
        | Reading::Events(_)
        | Reading::Elapsed(_)
        | Reading::Grouped(_)
        | Reading::Attribute(_)
        | Reading::Related(_)
        | Reading::Result(_) => {
            scope.faults.node(
                node,
                Check::UnitMismatch,
                "a reading that has groups: `count`, `distinct`, `sum`, `largest`, `smallest`, `latest`, `ratio`, `least` or `greatest`",
            );
            None
        }
    }
}

fn parse_by(node: &Node, reading: &Reading, combine: &Combine, scope: &mut Scope<'_>) -> Option<GroupBy> {
    let name = document::text(node, &mut scope.faults)?;
    let mut codes = Vec::new();
    let mut visit = |slot: Slot| codes.extend(scope.selections[slot].codes.iter().copied());
    reading.slots(&mut visit);
    if let Combine::WeightedMean(weight) = combine {
        weight.slots(&mut visit);
    }
    match name {
        "reference" => {
            check_references(node, &codes, scope);
            return Some(GroupBy::Reference);
        }
        "month" => return Some(GroupBy::Month),
        _ => {}
    }
    let mut names = Vec::new();
    let mut named = Vec::new();
    for id in codes {
        let code = scope.vocabulary.code(id);
        let field = code.field(name).map(|(_, f)| f).filter(|f| matches!(f.kind, FieldKind::Enum(_)));
        let (Some(field), Some(position)) = (field, code.class_position(name)) else {
            let expected = format!("`reference`, `month`, or a single-valued attribute of `{}`", code.id);
            scope.faults.node(node, Check::UnknownName, expected);
            return None;
        };
        named.push(Named::new(id, position, field, &mut names));
    }
    Some(GroupBy::Attribute(named))
}
