//! §3 and §4 of the format: which facts count, which registers are delivered, what a selection picks.

use hengxin_core::document::Node;
use hengxin_core::region::RegionCode;
use jiff::civil::Date;

use super::calendar::{date, days_after, days_before, months_before};
use super::{RefFact, RefRegistration, Scene, entries, integer, scalar};

/// A group of §5 `grouped`: what facts are grouped by, and the value that this group has.
pub(super) struct Group<'a> {
    pub(super) by: &'a str,
    pub(super) value: String,
}

/// §3, 2 to 5: whether a fact counts on the as-of date.
fn counts(scene: &Scene<'_>, fact: &RefFact) -> bool {
    let today = scene.as_of;
    let says = |key: &str, word: &str| {
        let lifecycle = scene.standard.child("lifecycle");
        lifecycle.and_then(|l| l.child(key)).is_some_and(|value| scalar(value) == word)
    };
    if fact.occurred_on > today {
        return false;
    }
    if fact.repaired_on.is_some_and(|repaired| today >= repaired) {
        return false;
    }
    if says("objection", "suspended") {
        for (from, until) in &fact.objections {
            if *from <= today && until.is_none_or(|until| today < until) {
                return false;
            }
        }
    }
    if !says("past_publicity", "counts") && fact.publicity_until.is_some_and(|last| today > last) {
        return false;
    }
    true
}

/// §4, windows: whether a date lies in a window.
fn in_window(window: &Node, occurred_on: Date, today: Date) -> bool {
    let (kind, value) = entries(window)[0];
    occurred_on <= today
        && match kind {
            "days" => occurred_on > days_before(today, integer(value)),
            "months" => occurred_on > months_before(today, integer(value)),
            "years" => occurred_on > months_before(today, 12 * integer(value)),
            "calendar_year" => i64::from(occurred_on.year()) == i64::from(today.year()) + integer(value),
            "since" => occurred_on >= date(scalar(value)),
            other => panic!("no window `{other}`"),
        }
}

/// §4 `where`, one line: whether the fact's attribute has one of the values.
fn matches(fact: &RefFact, attribute: &str, values: &Node) -> bool {
    let Some(has) = fact.attributes.get(attribute) else { return false };
    values.items().iter().any(|value| has.iter().any(|h| h == scalar(value)))
}

/// §4: the facts of a selection, in the order of §3 (occurred-on, then `id`); then those of one group only.
///
/// `selection` is the map beside whose keys `where`, `except`, `window` and `last` may stand; `codes` its codes.
pub(super) fn select<'a>(
    scene: &Scene<'a>,
    selection: &Node,
    codes: &Node,
    group: Option<&Group<'_>>,
) -> Vec<&'a RefFact> {
    let mut selected: Vec<&RefFact> = Vec::new();
    for fact in &scene.file.facts {
        let code = codes.items().iter().any(|code| scalar(code) == fact.code);
        let wanted = match selection.child("where") {
            None => true,
            Some(lines) => entries(lines).iter().all(|(attribute, values)| matches(fact, attribute, values)),
        };
        let left_out = match selection.child("except") {
            None => false,
            Some(lines) => entries(lines).iter().any(|(attribute, values)| matches(fact, attribute, values)),
        };
        let inside = selection.child("window").is_none_or(|w| in_window(w, fact.occurred_on, scene.as_of));
        if code && wanted && !left_out && inside && counts(scene, fact) {
            selected.push(fact);
        }
    }
    selected.sort_by_key(|fact| (fact.occurred_on, fact.id));
    if let Some(last) = selection.child("last") {
        let last = usize::try_from(integer(last)).expect("not negative");
        while selected.len() > last {
            selected.remove(0);
        }
    }
    if let Some(group) = group {
        selected.retain(|fact| group_value(fact, group.by).as_ref() == Some(&group.value));
    }
    selected
}

/// §5 `grouped` and `distinct`: a fact's reference, month, or single-valued attribute.
pub(super) fn group_value(fact: &RefFact, by: &str) -> Option<String> {
    match by {
        "reference" => fact.reference.clone(),
        "month" => Some(month(fact.occurred_on)),
        attribute => fact.attributes.get(attribute).and_then(|values| values.first().cloned()),
    }
}

/// The month of a date.
pub(super) fn month(date: Date) -> String {
    format!("{:04}-{:02}", date.year(), date.month())
}

/// §3, registration: the one in force on the as-of date.
pub(super) fn registration<'a>(scene: &Scene<'a>) -> Option<&'a RefRegistration> {
    let begun = scene.file.registrations.iter().filter(|r| r.occurred_on <= scene.as_of);
    begun.max_by_key(|r| (r.occurred_on, r.id))
}

/// §3, registers: whether the registers of all these codes are delivered.
pub(super) fn delivered(scene: &Scene<'_>, codes: &Node) -> bool {
    codes.items().iter().all(|code| {
        let vocabulary = &scene.world.vocabulary;
        let code = vocabulary.code(vocabulary.code_id(scalar(code)).expect("a known code"));
        let register = vocabulary.register(code.register);
        scene.file.deliveries.iter().any(|delivery| {
            delivery.register == register.id
                && reaches(scene, &delivery.region)
                && days_after(delivery.through, i64::from(register.lag_days)) >= scene.as_of
        })
    })
}

/// Whether a delivery for this region is one for the subject: national ones always are.
fn reaches(scene: &Scene<'_>, delivery: &str) -> bool {
    let delivery: RegionCode = delivery.parse().expect("a region");
    let own = registration(scene).and_then(|r| r.region.as_ref());
    delivery.is_national() || own.is_some_and(|own| delivery.contains(own.parse().expect("a region")))
}
