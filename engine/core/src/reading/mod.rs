//! Readings: what is measured of a subject (`docs/standard-format.md` §5).
//!
//! Each kind is one file with its form, check, function and tests; this file lists them.
//! A reading is total: it gives a known value or says why it is unknown. Unknown is never zero.

mod amount;
mod attribute;
mod count;
mod elapsed;
mod extreme;
mod grouped;
mod in_force;
mod latest;
mod ratio;
pub(crate) mod related;
mod result;

use crate::date::Date;
use crate::document::{Check, Fields, Node};
use crate::fact::{Class, Facts, NO_NUMBER, Registration};
use crate::number::{Points, Rounding};
use crate::quantity::{Gives, Unit, Watch};
use crate::scope::{Scope, Slot};
use crate::selection::Selection;
use crate::vocabulary::{FieldKind, Polarity};

/// Why a value is not known. Where several reasons meet in no order of their own, the first of this list is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unknown {
    /// A register of the codes was not delivered through the as-of date.
    NotDelivered,
    /// No fact, no value in it, or no group.
    NoRecord,
    /// A divisor or a total weight of zero.
    ZeroDivisor,
    /// No registration, or not in it.
    NotRegistered,
    /// The other standard gave no such result.
    NoResult,
}

impl Unknown {
    /// Every reason.
    pub const ALL: [Unknown; 5] = [
        Unknown::NotDelivered,
        Unknown::NoRecord,
        Unknown::ZeroDivisor,
        Unknown::NotRegistered,
        Unknown::NoResult,
    ];

    /// A short name for it.
    pub const fn id(self) -> &'static str {
        match self {
            Unknown::NotDelivered => "register-not-delivered",
            Unknown::NoRecord => "no-record",
            Unknown::ZeroDivisor => "zero-divisor",
            Unknown::NotRegistered => "not-registered",
            Unknown::NoResult => "no-result",
        }
    }
}

/// What a reading gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// The value: a quantity of the reading's unit, an index of its category, or the number of events.
    Known(i64),
    /// Why it is not known.
    Unknown(Unknown),
}

/// A reading of a checked standard.
#[derive(Clone, Debug)]
pub enum Reading {
    #[doc(hidden)]
    Count(count::Count),
    #[doc(hidden)]
    Amount(amount::Amount),
    #[doc(hidden)]
    Latest(latest::Latest),
    #[doc(hidden)]
    InForce(in_force::InForce),
    /// The facts themselves, for rules that look at each.
    #[doc(hidden)]
    Events(EventsOf),
    #[doc(hidden)]
    Elapsed(elapsed::Elapsed),
    #[doc(hidden)]
    Ratio(Box<ratio::Ratio>),
    #[doc(hidden)]
    Extreme(extreme::Extreme),
    #[doc(hidden)]
    Grouped(Box<grouped::Grouped>),
    #[doc(hidden)]
    Attribute(attribute::Attribute),
    /// Index into the standard's related readings.
    #[doc(hidden)]
    Related(usize),
    #[doc(hidden)]
    Result(result::ResultOf),
}

/// What a reading or a rule looks at, besides which facts were picked and their classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// The number of a fact.
    Number,
    /// The reference of a fact.
    Reference,
    /// The day of a fact, or its place among the others.
    Day,
    /// The registration in force.
    Registration,
    /// What was measured on related subjects.
    Related,
    /// The result of another standard.
    Result,
}

/// The slot of an `events` reading.
#[derive(Clone, Copy, Debug)]
pub struct EventsOf {
    pub(crate) slot: Slot,
}

/// The result of another standard, as the kernel hands it to its dependants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NestedResult {
    /// Its score.
    pub score: Option<Points>,
    /// Its grade, by index.
    pub grade: Option<u16>,
}

/// Everything a reading may look at.
#[derive(Clone, Copy)]
pub(crate) struct Look<'a> {
    pub as_of: Date,
    pub classes: &'a [Class],
    pub hits: &'a [Vec<u32>],
    /// Per slot: whether all its registers are delivered.
    pub delivered: &'a [bool],
    /// The subject's facts.
    pub columns: &'a Facts<'a>,
    pub registration: Option<&'a Registration>,
    /// Per dependency.
    pub results: &'a [Option<NestedResult>],
    /// Per related reading.
    pub related: &'a [Measured],
    pub rounding: Rounding,
    /// Only facts of this group, inside a grouped reading.
    pub group: Option<(&'a grouped::GroupBy, i64)>,
}

impl<'a> Look<'a> {
    /// The selected facts of `slot`, by index, in order.
    pub fn facts(&self, slot: Slot) -> impl DoubleEndedIterator<Item = usize> + use<'a> {
        let look = *self;
        look.hits[slot].iter().map(|i| *i as usize).filter(move |i| match look.group {
            None => true,
            Some((by, key)) => by.key(&look, *i) == Some(key),
        })
    }

    /// The numbers of the selected facts that have one.
    pub fn numbers(&self, slot: Slot) -> impl Iterator<Item = i64> + use<'a> {
        let numbers = self.columns.number;
        self.facts(slot).map(move |i| numbers[i]).filter(|n| *n != NO_NUMBER)
    }

    /// The class of fact `i`.
    pub fn class(&self, i: usize) -> Option<&'a Class> {
        self.classes.get(self.columns.class[i] as usize)
    }
}

const KINDS: [&str; 16] = [
    "count",
    "distinct",
    "sum",
    "largest",
    "smallest",
    "latest",
    "in_force",
    "events",
    "elapsed",
    "ratio",
    "least",
    "greatest",
    "grouped",
    "attribute",
    "related",
    "result",
];

impl Reading {
    /// Takes a reading apart; what it gives, beside it.
    pub(crate) fn parse(node: &Node, scope: &mut Scope<'_>) -> Option<(Reading, Gives)> {
        let mut fields = Fields::open(node, "a reading", &mut scope.faults)?;
        let (kind, value) = fields.one_of(&KINDS, "a kind of reading", &mut scope.faults)?;
        let parsed = match KINDS[kind] {
            "count" => count::Count::parse_count(value, &mut fields, scope),
            "distinct" => count::Count::parse_distinct(value, &mut fields, scope),
            "sum" => amount::Amount::parse(amount::Take::Sum, value, &mut fields, scope),
            "largest" => amount::Amount::parse(amount::Take::Largest, value, &mut fields, scope),
            "smallest" => amount::Amount::parse(amount::Take::Smallest, value, &mut fields, scope),
            "latest" => latest::Latest::parse(value, &mut fields, scope),
            "in_force" => in_force::InForce::parse(value, &mut fields, scope),
            "events" => Selection::parse(value, &mut fields, scope)
                .map(|s| (Reading::Events(EventsOf { slot: scope.slot(s) }), Gives::Events)),
            "elapsed" => elapsed::Elapsed::parse(value, scope),
            "ratio" => ratio::Ratio::parse(value, scope),
            "least" => extreme::Extreme::parse(extreme::End::Least, value, scope),
            "greatest" => extreme::Extreme::parse(extreme::End::Greatest, value, scope),
            "grouped" => grouped::Grouped::parse(value, scope),
            "attribute" => attribute::Attribute::parse(value, scope),
            "related" => related::Related::parse(value, scope),
            _ => result::ResultOf::parse(value, scope),
        };
        fields.finish(&mut scope.faults);
        parsed
    }

    /// The reading `in_force`, its keys written in a place of another kind.
    pub(crate) fn parse_in_force(
        codes: &Node,
        fields: &mut Fields<'_>,
        scope: &mut Scope<'_>,
    ) -> Option<Reading> {
        in_force::InForce::parse(codes, fields, scope).map(|(reading, _)| reading)
    }

    /// Takes a reading of a quantity apart.
    pub(crate) fn parse_quantity(node: &Node, scope: &mut Scope<'_>) -> Option<(Reading, Unit)> {
        let (reading, gives) = Reading::parse(node, scope)?;
        let unit = gives.unit(node, &mut scope.faults)?;
        Some((reading, unit))
    }

    /// The value; lowers `due` to the next date on which it can change, unless the picking already did.
    pub(crate) fn measure(&self, look: &Look<'_>, watch: Watch<'_>, due: &mut Date) -> Measured {
        match self {
            Reading::Count(r) => r.measure(look),
            Reading::Amount(r) => r.measure(look),
            Reading::Latest(r) => r.measure(look),
            Reading::InForce(r) => r.measure(look),
            Reading::Events(r) => {
                delivered(look, r.slot, || Measured::Known(look.facts(r.slot).count() as i64))
            }
            Reading::Elapsed(r) => r.measure(look, watch, due),
            Reading::Ratio(r) => r.measure(look, due),
            Reading::Extreme(r) => r.measure(look, due),
            Reading::Grouped(r) => r.measure(look, due),
            Reading::Attribute(r) => r.measure(look),
            Reading::Related(index) => look.related[*index],
            Reading::Result(r) => r.measure(look),
        }
    }

    /// Calls `visit` for the slot of every selection inside.
    pub(crate) fn slots(&self, visit: &mut dyn FnMut(Slot)) {
        match self {
            Reading::Count(r) => visit(r.slot),
            Reading::Amount(r) => visit(r.slot),
            Reading::Latest(r) => visit(r.slot),
            Reading::InForce(r) => visit(r.slot),
            Reading::Events(r) => visit(r.slot),
            Reading::Elapsed(r) => r.slots(visit),
            Reading::Ratio(r) => r.slots(visit),
            Reading::Extreme(r) => r.slots(visit),
            Reading::Grouped(r) => r.slots(visit),
            Reading::Attribute(_) | Reading::Related(_) | Reading::Result(_) => {}
        }
    }

    /// Calls `visit` for everything it looks at besides the facts picked for its slots; perhaps more than once.
    pub(crate) fn inputs(&self, visit: &mut dyn FnMut(Input)) {
        match self {
            Reading::Count(r) => r.inputs(visit),
            Reading::Amount(_) => visit(Input::Number),
            Reading::Latest(r) => r.inputs(visit),
            Reading::InForce(_) | Reading::Events(_) => {}
            Reading::Elapsed(r) => r.inputs(visit),
            Reading::Ratio(r) => r.inputs(visit),
            Reading::Extreme(r) => r.inputs(visit),
            Reading::Grouped(r) => r.inputs(visit),
            Reading::Attribute(_) => visit(Input::Registration),
            Reading::Related(_) => visit(Input::Related),
            Reading::Result(_) => visit(Input::Result),
        }
    }

    /// The polarity of the facts whose number alone moves this reading upwards: `None` where that is not so simple.
    pub(crate) fn rises_with(&self, scope: &Scope<'_>) -> Option<Polarity> {
        let slot = match self {
            Reading::Count(r) => r.slot,
            Reading::Amount(r) if r.rises() => r.slot,
            Reading::InForce(r) => r.slot,
            Reading::Events(r) => r.slot,
            Reading::Amount(_)
            | Reading::Latest(_)
            | Reading::Elapsed(_)
            | Reading::Ratio(_)
            | Reading::Extreme(_)
            | Reading::Grouped(_)
            | Reading::Attribute(_)
            | Reading::Related(_)
            | Reading::Result(_) => return None,
        };
        let selection = scope.selections.get(slot)?;
        if selection.last.is_some() {
            return None;
        }
        let declarations = selection.declarations(scope);
        let first = declarations.first()?.1.polarity;
        declarations.iter().all(|(_, code)| code.polarity == first).then_some(first)
    }
}

/// The value, unless a register of the selection is not delivered.
fn delivered(look: &Look<'_>, slot: Slot, value: impl FnOnce() -> Measured) -> Measured {
    if look.delivered[slot] { value() } else { Measured::Unknown(Unknown::NotDelivered) }
}

/// The one unit of the numbers of a selection's codes; reported when a code has none or they differ.
fn number_unit(node: &Node, selection: &Selection, scope: &mut Scope<'_>) -> Option<Unit> {
    let mut units = Vec::new();
    for (_, code) in selection.declarations(scope) {
        let unit = code.number.and_then(|i| code.fields.get(i)).and_then(|f| Unit::of_field(&f.kind));
        match unit {
            Some(unit) => units.push(unit),
            None => scope.faults.node(
                node,
                Check::UnitMismatch,
                format!("codes with a number; `{}` has none", code.id),
            ),
        }
    }
    let first = *units.first()?;
    if units.iter().any(|u| *u != first) {
        scope.faults.node(node, Check::UnitMismatch, "codes whose numbers are of one unit");
        return None;
    }
    Some(first)
}

/// An attribute of one code whose values are told apart by name: each code numbers its own values.
#[derive(Clone, Debug)]
pub struct Named {
    code: crate::vocabulary::CodeId,
    position: usize,
    set: bool,
    /// Per value of the code: its place among all names of the reading.
    keys: Vec<i64>,
}

impl Named {
    /// Adds the field's value names to `names` and remembers their places.
    fn new(
        code: crate::vocabulary::CodeId,
        position: usize,
        field: &crate::vocabulary::Field,
        names: &mut Vec<String>,
    ) -> Named {
        let keys = field
            .values()
            .iter()
            .map(|value| {
                let place = names.iter().position(|n| *n == value.id).unwrap_or_else(|| {
                    names.push(value.id.clone());
                    names.len() - 1
                });
                i64::try_from(place).unwrap_or(i64::MAX)
            })
            .collect();
        Named { code, position, set: matches!(field.kind, FieldKind::Set(_)), keys }
    }

    /// The keys of every value `class` has.
    fn all(named: &[Named], class: &Class) -> Vec<i64> {
        let Some(of) = named.iter().find(|n| n.code == class.code) else { return Vec::new() };
        let value = class.values.get(of.position).copied().unwrap_or(0);
        let has = |i: usize| if of.set { value >> i & 1 == 1 } else { value == i as u64 + 1 };
        of.keys.iter().enumerate().filter(|(i, _)| has(*i)).map(|(_, key)| *key).collect()
    }

    /// The key of the one value `class` has.
    fn single(named: &[Named], class: &Class) -> Option<i64> {
        Named::all(named, class).first().copied()
    }
}

/// Reports the codes that declare no reference: grouping by it would silently give nothing.
fn check_references(node: &Node, codes: &[crate::vocabulary::CodeId], scope: &mut Scope<'_>) {
    for id in codes {
        let code = scope.vocabulary.code(*id);
        if code.reference.is_none() {
            let expected = format!("codes that declare a `reference`; `{}` does not", code.id);
            scope.faults.node(node, Check::UnknownName, expected);
        }
    }
}

/// Where each code of a selection keeps an attribute.
type Positions = Vec<(crate::vocabulary::CodeId, usize)>;

/// The single-valued enumerated attribute `name` of every code of a selection: its positions, and its value names
/// when all codes agree on them.
fn enumeration(
    node: &Node,
    selection: &Selection,
    scope: &mut Scope<'_>,
) -> Option<(Positions, Vec<String>)> {
    let name = crate::document::text(node, &mut scope.faults)?;
    let mut positions = Vec::new();
    let mut values: Option<Vec<String>> = None;
    for (id, code) in selection.declarations(scope) {
        let field = code.field(name).map(|(_, f)| f).filter(|f| matches!(f.kind, FieldKind::Enum(_)));
        let (Some(field), Some(position)) = (field, code.class_position(name)) else {
            let names: Vec<&str> = code.class_fields.iter().map(|i| code.fields[*i].id.as_str()).collect();
            scope.faults.node(
                node,
                Check::UnknownName,
                format!("a single-valued attribute of `{}`, one of `{}`", code.id, names.join("`, `")),
            );
            return None;
        };
        positions.push((id, position));
        let names: Vec<String> = field.values().iter().map(|v| v.id.clone()).collect();
        if values.as_ref().is_some_and(|v| *v != names) {
            scope.faults.node(node, Check::UnitMismatch, "codes that share the values of this attribute");
            return None;
        }
        values = Some(names);
    }
    Some((positions, values?))
}

/// The value (from 0) of an enumerated attribute of a class.
fn value_of(class: &Class, positions: &[(crate::vocabulary::CodeId, usize)]) -> Option<i64> {
    let (_, position) = positions.iter().find(|(code, _)| *code == class.code)?;
    let value = class.values.get(*position).copied().filter(|v| *v > 0)?;
    i64::try_from(value - 1).ok()
}
