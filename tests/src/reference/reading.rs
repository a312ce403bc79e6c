//! §5 of the format: readings.

use hengxin_core::document::Node;
use hengxin_core::vocabulary::FieldKind;

use super::calendar::{days_between, whole_months, whole_years};
use super::facts::{Group, delivered, month, registration, select};
use super::number::{Number, round, sum, whole};
use super::{RefFact, RefOutcome, Scene, evaluate, grouped, need, scalar, text};

/// What a known reading gives.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RefValue<'a> {
    /// A quantity in natural units.
    Quantity(Number),
    /// A category.
    Category(String),
    /// A list of facts in order.
    Events(Vec<&'a RefFact>),
}

/// Why a reading is unknown: the page treats the first reason differently inside a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// A register is not delivered.
    NotDelivered,
    /// Anything else.
    NoValue,
}

type Reading<'a> = Result<RefValue<'a>, Unknown>;

/// §5: the reading, of all facts or of one group's facts.
pub(super) fn read<'a>(scene: &Scene<'a>, node: &Node, group: Option<&Group<'_>>) -> Reading<'a> {
    for kind in ["count", "distinct", "sum", "largest", "smallest", "latest", "in_force", "events"] {
        if let Some(codes) = node.child(kind) {
            let facts = select(scene, node, codes, group);
            return of_facts(scene, node, kind, codes, facts);
        }
    }
    if let Some(elapsed) = node.child("elapsed") {
        return read_elapsed(scene, elapsed);
    }
    if let Some(ratio) = node.child("ratio") {
        let of = quantity(scene, need(ratio, "of"), group);
        let to = quantity(scene, need(ratio, "to"), group);
        let (of, to) = both(of, to)?;
        if to == whole(0) {
            return Err(Unknown::NoValue);
        }
        return Ok(RefValue::Quantity(round(&(of / to), 4, scene.rounding())));
    }
    if let Some(readings) = node.child("least") {
        let mut all = all_of(scene, readings, group)?;
        all.sort();
        return Ok(RefValue::Quantity(all.first().expect("at least one reading").clone()));
    }
    if let Some(readings) = node.child("greatest") {
        let mut all = all_of(scene, readings, group)?;
        all.sort();
        return Ok(RefValue::Quantity(all.last().expect("at least one reading").clone()));
    }
    if let Some(grouped) = node.child("grouped") {
        return grouped::read_grouped(scene, grouped).map(RefValue::Quantity);
    }
    if let Some(attribute) = node.child("attribute") {
        return read_attribute(scene, scalar(attribute));
    }
    if let Some(related) = node.child("related") {
        return grouped::read_related(scene, related).map(RefValue::Quantity);
    }
    if let Some(result) = node.child("result") {
        return read_result(scene, result);
    }
    panic!("no reading {}", node.excerpt())
}

/// The reading of a quantity.
pub(super) fn quantity(scene: &Scene<'_>, node: &Node, group: Option<&Group<'_>>) -> Result<Number, Unknown> {
    match read(scene, node, group)? {
        RefValue::Quantity(quantity) => Ok(quantity),
        RefValue::Category(_) | RefValue::Events(_) => panic!("{} gives no quantity", node.excerpt()),
    }
}

/// Two readings; a register that is not delivered is the reason that is passed on.
fn both(a: Result<Number, Unknown>, b: Result<Number, Unknown>) -> Result<(Number, Number), Unknown> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(Unknown::NotDelivered), _) | (_, Err(Unknown::NotDelivered)) => Err(Unknown::NotDelivered),
        (Err(Unknown::NoValue), _) | (_, Err(Unknown::NoValue)) => Err(Unknown::NoValue),
    }
}

/// §5 `least`, `greatest`: all readings, or unknown when any is.
fn all_of(scene: &Scene<'_>, readings: &Node, group: Option<&Group<'_>>) -> Result<Vec<Number>, Unknown> {
    let all: Vec<_> = readings.items().iter().map(|reading| quantity(scene, reading, group)).collect();
    if all.contains(&Err(Unknown::NotDelivered)) {
        return Err(Unknown::NotDelivered);
    }
    all.into_iter().collect()
}

/// §5, the readings over one selection.
fn of_facts<'a>(
    scene: &Scene<'a>,
    node: &Node,
    kind: &str,
    codes: &Node,
    facts: Vec<&'a RefFact>,
) -> Reading<'a> {
    if kind == "in_force" {
        // §5: a fact on record is known whatever was delivered.
        let in_force = facts.iter().any(|fact| fact.ends_on.is_none_or(|last| scene.as_of <= last));
        return match in_force {
            true => Ok(RefValue::Quantity(whole(1))),
            false if delivered(scene, codes) => Ok(RefValue::Quantity(whole(0))),
            false => Err(Unknown::NotDelivered),
        };
    }
    if !delivered(scene, codes) {
        return Err(Unknown::NotDelivered);
    }
    let numbers: Vec<&Number> = facts.iter().filter_map(|fact| fact.number.as_ref()).collect();
    let found = match kind {
        "events" => return Ok(RefValue::Events(facts)),
        "latest" if node.child("take").is_some() => {
            let attribute = text(node, "take");
            let value = facts.last().and_then(|fact| fact.attributes.get(attribute)).and_then(|v| v.first());
            return value.map(|v| RefValue::Category(v.clone())).ok_or(Unknown::NoValue);
        }
        "latest" => facts.last().and_then(|fact| fact.number.clone()),
        "count" => Some(count(facts.len())),
        "distinct" => Some(count(distinct(&facts, text(node, "of")))),
        "sum" => Some(sum(numbers)),
        "largest" => numbers.into_iter().max().cloned(),
        "smallest" => numbers.into_iter().min().cloned(),
        other => panic!("no reading `{other}`"),
    };
    found.map(RefValue::Quantity).ok_or(Unknown::NoValue)
}

fn count(n: usize) -> Number {
    whole(i64::try_from(n).expect("a small count"))
}

/// §5 `distinct`: how many different values; a set contributes each of its values.
fn distinct(facts: &[&RefFact], of: &str) -> usize {
    let mut values: Vec<String> = Vec::new();
    for fact in facts {
        match of {
            "reference" => values.extend(fact.reference.clone()),
            "month" => values.push(month(fact.occurred_on)),
            attribute => values.extend(fact.attributes.get(attribute).cloned().unwrap_or_default()),
        }
    }
    values.sort();
    values.dedup();
    values.len()
}

/// §5 `elapsed`, both forms.
fn read_elapsed<'a>(scene: &Scene<'a>, elapsed: &Node) -> Reading<'a> {
    let start = match text(elapsed, "since") {
        "established" => registration(scene).and_then(|r| r.established_on).ok_or(Unknown::NoValue)?,
        end => {
            let codes = need(elapsed, "of");
            if !delivered(scene, codes) {
                return Err(Unknown::NotDelivered);
            }
            let facts = select(scene, elapsed, codes, None);
            let fact = if end == "first" { facts.first() } else { facts.last() };
            fact.ok_or(Unknown::NoValue)?.occurred_on
        }
    };
    let units = match text(elapsed, "in") {
        _ if start > scene.as_of => 0,
        "days" => days_between(start, scene.as_of),
        "months" => whole_months(start, scene.as_of),
        "years" => whole_years(start, scene.as_of),
        other => panic!("no unit `{other}` of time"),
    };
    Ok(RefValue::Quantity(whole(units)))
}

/// §5 `attribute`.
fn read_attribute<'a>(scene: &Scene<'a>, attribute: &str) -> Reading<'a> {
    let registration = registration(scene).ok_or(Unknown::NoValue)?;
    let category = match attribute {
        "capital" => {
            return registration.capital.clone().map(RefValue::Quantity).ok_or(Unknown::NoValue);
        }
        "size" => &registration.size,
        "legal_form" => &registration.legal_form,
        "status" => &registration.status,
        other => panic!("no attribute `{other}`"),
    };
    category.clone().map(RefValue::Category).ok_or(Unknown::NoValue)
}

/// §5 `result`: another standard at the same day, its edition being the one effective then.
fn read_result<'a>(scene: &Scene<'a>, result: &Node) -> Reading<'a> {
    let edition = scene.world.edition(text(result, "standard"), scene.as_of).ok_or(Unknown::NoValue)?;
    let outcome: RefOutcome = evaluate(scene.world, edition, scene.dossier, scene.as_of);
    match text(result, "take") {
        "score" => outcome.score().cloned().map(RefValue::Quantity),
        "grade" => outcome.grade().map(|grade| RefValue::Category(grade.to_owned())),
        other => panic!("a result has no `{other}`"),
    }
    .ok_or(Unknown::NoValue)
}

/// The unit of a quantity reading, which decides how its mean is rounded (§5).
pub(super) fn unit(scene: &Scene<'_>, node: &Node) -> &'static str {
    for kind in ["count", "distinct", "in_force"] {
        if node.child(kind).is_some() {
            return "count";
        }
    }
    for kind in ["sum", "largest", "smallest", "latest"] {
        if let Some(codes) = node.child(kind) {
            return number_unit(scene, scalar(&codes.items()[0]));
        }
    }
    if let Some(elapsed) = node.child("elapsed") {
        return match text(elapsed, "in") {
            "days" => "days",
            "months" => "months",
            _ => "years",
        };
    }
    if node.child("ratio").is_some() {
        return "ratio";
    }
    for kind in ["least", "greatest"] {
        if let Some(readings) = node.child(kind) {
            return unit(scene, &readings.items()[0]);
        }
    }
    panic!("{} has no unit inside a group", node.excerpt())
}

/// §3: the unit of the one number a fact of this code has.
fn number_unit(scene: &Scene<'_>, code: &str) -> &'static str {
    let vocabulary = &scene.world.vocabulary;
    let code = vocabulary.code(vocabulary.code_id(code).expect("a known code"));
    let field = &code.fields[code.number.expect("a code with a number")];
    match field.kind {
        FieldKind::Money(_) => "money",
        FieldKind::Count => "count",
        FieldKind::Number => "number",
        _ => panic!("`{}` is no number", field.id),
    }
}

/// A comparison of §6 applied to a quantity: one comparison, or a lower and an upper one together.
pub(super) fn compare(quantity: &Number, comparison: &Node) -> bool {
    let bound = |key| super::number_at(comparison, key);
    bound("at_least").is_none_or(|b| *quantity >= b)
        && bound("above").is_none_or(|b| *quantity > b)
        && bound("at_most").is_none_or(|b| *quantity <= b)
        && bound("below").is_none_or(|b| *quantity < b)
        && bound("equals").is_none_or(|b| *quantity == b)
}

/// §3: whether the whole path of relations to a subject holds on the as-of date.
pub(super) fn path_holds(scene: &Scene<'_>, related: &super::RefRelated) -> bool {
    related.since <= scene.as_of && related.until.is_none_or(|until| scene.as_of <= until)
}
