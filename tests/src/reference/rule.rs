//! §7 of the format: rules.

use hengxin_core::document::Node;

use super::calendar::months_before;
use super::number::{Number, clip, round, whole};
use super::reading::{RefValue, compare};
use super::{RefFact, Scene, entries, integer, need, number_at, parse, scalar, text};

/// §7: the points a rule gives for a known reading.
pub(super) fn points(scene: &Scene<'_>, rule: &Node, value: &RefValue<'_>) -> Number {
    let (kind, body) = entries(rule).into_iter().find(|(key, _)| *key != "otherwise").expect("a rule");
    match (kind, value) {
        ("bands", RefValue::Quantity(q)) => row(body, q),
        ("per_event", RefValue::Quantity(q)) => {
            let earned = number_at(body, "full").expect("full") + number_at(body, "each").expect("each") * q;
            clip(earned, number_at(body, "floor").as_ref(), number_at(body, "cap").as_ref())
        }
        ("linear", RefValue::Quantity(q)) => on_line(scene, body, q),
        ("category", RefValue::Category(name)) => match body.child(name) {
            Some(points) => parse(scalar(points)),
            None => number_at(rule, "otherwise").expect("otherwise"),
        },
        ("all_or_nothing", RefValue::Quantity(q)) => {
            if compare(q, body) {
                number_at(body, "points").expect("points")
            } else {
                number_at(body, "otherwise").unwrap_or_else(|| whole(0))
            }
        }
        ("event_table", RefValue::Events(events)) => event_table(scene, body, events),
        ("best_of", _) => {
            body.items().iter().map(|r| points(scene, r, value)).max().expect("at least one rule")
        }
        ("worst_of", _) => {
            body.items().iter().map(|r| points(scene, r, value)).min().expect("at least one rule")
        }
        _ => panic!("rule `{kind}` cannot take the reading"),
    }
}

/// §7 `bands`: the points of the row with from ≤ q < to.
fn row(rows: &Node, q: &Number) -> Number {
    let row = rows.items().iter().find(|row| {
        number_at(row, "from").is_none_or(|from| from <= *q) && number_at(row, "to").is_none_or(|to| *q < to)
    });
    number_at(row.expect("rows cover the range"), "points").expect("points")
}

/// §7 `linear`: on the straight line between anchors, rounded once; outside, the points of the nearest anchor.
fn on_line(scene: &Scene<'_>, anchors: &Node, q: &Number) -> Number {
    let anchors: Vec<(Number, Number)> = anchors
        .items()
        .iter()
        .map(|anchor| (number_at(anchor, "at").expect("at"), number_at(anchor, "points").expect("points")))
        .collect();
    let (first, last) = (&anchors[0], &anchors[anchors.len() - 1]);
    if *q <= first.0 {
        return first.1.clone();
    }
    if *q >= last.0 {
        return last.1.clone();
    }
    for pair in anchors.windows(2) {
        let ((x0, y0), (x1, y1)) = (&pair[0], &pair[1]);
        if x0 <= q && q < x1 {
            let exact = y0 + (q - x0) * (y1 - y0) / (x1 - x0);
            return round(&exact, 4, scene.rounding());
        }
    }
    panic!("anchors ascend")
}

/// §7 `event_table`.
fn event_table(scene: &Scene<'_>, table: &Node, events: &[&RefFact]) -> Number {
    let mut total = number_at(table, "full").unwrap_or_else(|| whole(0));
    for (position, event) in events.iter().enumerate() {
        let mut earned = event_points(need(table, "each"), event);
        if let Some(repeats) = table.child("repeats") {
            let repeats = repeats.items();
            earned *= parse(scalar(&repeats[position.min(repeats.len() - 1)]));
        }
        if let Some(decay) = table.child("decay") {
            let step = decay
                .items()
                .iter()
                .find(|step| event.occurred_on > months_before(scene.as_of, integer(need(step, "months"))));
            earned *= match step {
                Some(step) => parse(text(step, "share")),
                None => whole(0),
            };
        }
        total += earned;
    }
    clip(total, number_at(table, "floor").as_ref(), number_at(table, "cap").as_ref())
}

/// §7 `event_table`, `each`: the points of one event before repeats and decay.
fn event_points(each: &Node, event: &RefFact) -> Number {
    let otherwise = || number_at(each, "otherwise").expect("otherwise");
    let Some(by) = each.child("by") else {
        return number_at(each, "points").expect("points");
    };
    if scalar(by) == "amount" {
        return match &event.number {
            Some(amount) => row(need(each, "bands"), amount),
            None => otherwise(),
        };
    }
    let table = need(each, "points");
    let mut greatest: Option<Number> = None;
    for value in event.attributes.get(scalar(by)).into_iter().flatten() {
        let earned = number_at(table, value).unwrap_or_else(otherwise);
        if greatest.as_ref().is_none_or(|g| magnitude(&earned) > magnitude(g)) {
            greatest = Some(earned);
        }
    }
    greatest.unwrap_or_else(otherwise)
}

fn magnitude(n: &Number) -> Number {
    if *n < whole(0) { -n.clone() } else { n.clone() }
}

/// §8 `max`: the rule's own greatest value, the default of an indicator's `max`.
pub(super) fn greatest(rule: &Node) -> Number {
    let (kind, body) = entries(rule).into_iter().find(|(key, _)| *key != "otherwise").expect("a rule");
    let of_items =
        |key: &str| -> Vec<Number> { body.items().iter().filter_map(|i| number_at(i, key)).collect() };
    match kind {
        "bands" | "linear" => of_items("points").into_iter().max().expect("a row"),
        "category" => {
            let mut all: Vec<Number> = entries(body).into_iter().map(|(_, p)| parse(scalar(p))).collect();
            all.extend(number_at(rule, "otherwise"));
            all.into_iter().max().expect("a category")
        }
        "all_or_nothing" => {
            let otherwise = number_at(body, "otherwise").unwrap_or_else(|| whole(0));
            number_at(body, "points").expect("points").max(otherwise)
        }
        "per_event" => {
            let full = number_at(body, "full").expect("full");
            if number_at(body, "each").expect("each") > whole(0) {
                number_at(body, "cap").expect("cap")
            } else {
                clip(full, number_at(body, "floor").as_ref(), number_at(body, "cap").as_ref())
            }
        }
        "event_table" => {
            let rises = event_values(need(body, "each")).iter().any(|p| *p > whole(0));
            let full = number_at(body, "full").unwrap_or_else(|| whole(0));
            match number_at(body, "cap") {
                Some(cap) if rises => cap,
                cap => clip(full, number_at(body, "floor").as_ref(), cap.as_ref()),
            }
        }
        "best_of" => body.items().iter().map(greatest).max().expect("a rule"),
        "worst_of" => body.items().iter().map(greatest).min().expect("a rule"),
        other => panic!("no rule `{other}`"),
    }
}

/// All points one event can have.
fn event_values(each: &Node) -> Vec<Number> {
    let mut all: Vec<Number> = number_at(each, "otherwise").into_iter().collect();
    match (each.child("by"), each.child("bands")) {
        (None, _) => all.extend(number_at(each, "points")),
        (Some(_), Some(rows)) => all.extend(rows.items().iter().filter_map(|row| number_at(row, "points"))),
        (Some(_), None) => {
            all.extend(entries(need(each, "points")).into_iter().map(|(_, p)| parse(scalar(p))));
        }
    }
    all
}
