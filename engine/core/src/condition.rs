//! Conditions: three-valued truths about a subject (`docs/standard-format.md` §6).

use crate::date::Date;
use crate::document::{self, Check, Fields, Node};
use crate::industry::IndustryCode;
use crate::quantity::{Gives, Range, Watch};
use crate::reading::{Input, Look, Measured, Reading};
use crate::region::RegionCode;
use crate::scope::{Scope, Slot};
use crate::selection::Selection;

/// Kleene's truth values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Too little is known.
    Unknown,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Truth {
        if holds { Truth::True } else { Truth::False }
    }
}

/// A condition of a checked standard.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    Compare(Reading, Range, [i64; 2]),
    Is(Reading, Vec<i64>),
    Exists(Slot),
    Region(Vec<RegionCode>),
    Industry(Vec<IndustryCode>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

impl Condition {
    pub fn parse(node: &Node, scope: &mut Scope<'_>) -> Option<Condition> {
        let mut fields = Fields::open(node, "a condition", &mut scope.faults)?;
        let kinds = ["in_force", "exists", "reading", "region", "industry", "all", "any", "not"];
        let (kind, value) = fields.one_of(&kinds, "a condition", &mut scope.faults)?;
        let parsed = match kinds[kind] {
            "in_force" => {
                // Written beside the condition's own keys, read as the reading of that name.
                let reading = Reading::parse_in_force(value, &mut fields, scope);
                reading.map(|r| Condition::compare(r, Range { from: 1, to: i64::MAX }))
            }
            "exists" => {
                let selection = Selection::parse(value, &mut fields, scope);
                selection.map(|s| Condition::Exists(scope.slot(s)))
            }
            "reading" => parse_reading(value, &mut fields, scope),
            "region" => codes(value, scope).map(Condition::Region),
            "industry" => codes(value, scope).map(Condition::Industry),
            "all" => parse_list(value, scope).map(Condition::All),
            "any" => parse_list(value, scope).map(Condition::Any),
            _ => Condition::parse(value, scope).map(|c| Condition::Not(Box::new(c))),
        };
        fields.finish(&mut scope.faults);
        parsed
    }

    fn compare(reading: Reading, range: Range) -> Condition {
        Condition::Compare(reading, range, range.thresholds())
    }

    /// Whether it holds; lowers `due` to the next date on which that can change.
    pub fn truth(&self, look: &Look<'_>, due: &mut Date) -> Truth {
        match self {
            Condition::Compare(Reading::Elapsed(elapsed), range, _) => elapsed.lies_in(*range, look, due),
            Condition::Compare(reading, range, thresholds) => {
                match reading.measure(look, Watch::At(thresholds), due) {
                    Measured::Known(value) => range.contains(value).into(),
                    Measured::Unknown(_) => Truth::Unknown,
                }
            }
            Condition::Is(reading, wanted) => match reading.measure(look, Watch::Every, due) {
                Measured::Known(value) => wanted.contains(&value).into(),
                Measured::Unknown(_) => Truth::Unknown,
            },
            Condition::Exists(slot) => match (look.facts(*slot).next(), look.delivered[*slot]) {
                (Some(_), _) => Truth::True,
                (None, true) => Truth::False,
                (None, false) => Truth::Unknown,
            },
            Condition::Region(within) => match look.registration.and_then(|r| r.region) {
                Some(region) => within.iter().any(|w| w.contains(region)).into(),
                None => Truth::Unknown,
            },
            Condition::Industry(within) => match look.registration.and_then(|r| r.industry) {
                Some(industry) => within.iter().any(|w| w.contains(industry)).into(),
                None => Truth::Unknown,
            },
            // Every branch is asked, so that the horizon never depends on the order they are written in.
            Condition::All(all) => {
                all.iter().fold(Truth::True, |so_far, c| match (so_far, c.truth(look, due)) {
                    (Truth::False, _) | (_, Truth::False) => Truth::False,
                    (Truth::Unknown, _) | (_, Truth::Unknown) => Truth::Unknown,
                    (Truth::True, Truth::True) => Truth::True,
                })
            }
            Condition::Any(any) => {
                any.iter().fold(Truth::False, |so_far, c| match (so_far, c.truth(look, due)) {
                    (Truth::True, _) | (_, Truth::True) => Truth::True,
                    (Truth::Unknown, _) | (_, Truth::Unknown) => Truth::Unknown,
                    (Truth::False, Truth::False) => Truth::False,
                })
            }
            Condition::Not(inner) => match inner.truth(look, due) {
                Truth::True => Truth::False,
                Truth::False => Truth::True,
                Truth::Unknown => Truth::Unknown,
            },
        }
    }

    /// Calls `visit` for everything it looks at besides the facts picked for its slots; perhaps more than once.
    pub fn inputs(&self, visit: &mut dyn FnMut(Input)) {
        match self {
            Condition::Compare(reading, _, _) | Condition::Is(reading, _) => reading.inputs(visit),
            Condition::Exists(_) => {}
            Condition::Region(_) | Condition::Industry(_) => visit(Input::Registration),
            Condition::All(inner) | Condition::Any(inner) => inner.iter().for_each(|c| c.inputs(visit)),
            Condition::Not(inner) => inner.inputs(visit),
        }
    }

    /// Calls `visit` for the slot of every selection inside.
    pub fn slots(&self, visit: &mut dyn FnMut(Slot)) {
        match self {
            Condition::Compare(reading, _, _) | Condition::Is(reading, _) => reading.slots(visit),
            Condition::Exists(slot) => visit(*slot),
            Condition::Region(_) | Condition::Industry(_) => {}
            Condition::All(inner) | Condition::Any(inner) => inner.iter().for_each(|c| c.slots(visit)),
            Condition::Not(inner) => inner.slots(visit),
        }
    }
}

fn parse_reading(value: &Node, fields: &mut Fields<'_>, scope: &mut Scope<'_>) -> Option<Condition> {
    let is = fields.take("is");
    let parsed = Reading::parse(value, scope);
    let Some((reading, gives)) = parsed else {
        for key in ["at_least", "above", "at_most", "below", "equals"] {
            fields.take(key);
        }
        return None;
    };
    match (gives, is) {
        (Gives::Category(names), Some(node)) => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut wanted = Vec::new();
            for item in node.items() {
                wanted.extend(document::name(item, "a category of this reading", &names, &mut scope.faults));
            }
            Some(Condition::Is(reading, wanted.into_iter().filter_map(|i| i64::try_from(i).ok()).collect()))
        }
        (Gives::Category(_), None) => {
            scope.faults.node(fields.node(), Check::UnitMismatch, "`is` with a list of categories");
            None
        }
        (gives @ (Gives::Quantity(_) | Gives::Events), _) => {
            let unit = gives.unit(value, &mut scope.faults)?;
            if let Some(node) = is {
                scope.faults.node(
                    node,
                    Check::UnitMismatch,
                    format!("a comparison, as the reading gives {}", unit.name()),
                );
                return None;
            }
            let range = Range::parse(fields, unit, &mut scope.faults)?;
            // A status is in force or not: asking for two of it never holds.
            if matches!(reading, Reading::InForce(_)) && !range.contains(0) && !range.contains(1) {
                scope.faults.node(fields.node(), Check::NeverApplies, "0 or 1, all that `in_force` gives");
            }
            Some(Condition::compare(reading, range))
        }
    }
}

fn parse_list(node: &Node, scope: &mut Scope<'_>) -> Option<Vec<Condition>> {
    let items = document::list(node, "conditions", &mut scope.faults)?;
    let parsed: Vec<Option<Condition>> = items.iter().map(|n| Condition::parse(n, scope)).collect();
    parsed.into_iter().collect()
}

fn codes<C: std::str::FromStr<Err: std::fmt::Display>>(node: &Node, scope: &mut Scope<'_>) -> Option<Vec<C>> {
    let mut codes = Vec::new();
    for item in node.items() {
        match document::text(item, &mut scope.faults)?.parse() {
            Ok(code) => codes.push(code),
            Err(problem) => {
                let problem: C::Err = problem;
                scope.faults.node(item, Check::UnknownName, problem.to_string());
            }
        }
    }
    Some(codes)
}
