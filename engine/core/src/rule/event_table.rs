//! `event_table`: each event earns points by its own attributes, scaled by repetition and age.

use super::{Direction, clip, floor_and_cap, tiling};
use crate::date::Date;
use crate::document::{self, Check, Fields, Node, Value};
use crate::fact::NO_NUMBER;
use crate::number::{Points, Share};
use crate::quantity::{Gives, Unit};
use crate::reading::{Input, Look, Reading};
use crate::scope::{Scope, Slot};
use crate::vocabulary::{CodeId, FieldKind};

/// `clip(full + Σ points × repeat × decay)`, exact by construction.
#[derive(Clone, Debug)]
pub struct EventTable {
    slot: Slot,
    full: Points,
    each: Each,
    /// First, second, … and every later event.
    repeats: Vec<Share>,
    /// (months, share), ascending; older events earn nothing. Empty: no decay.
    decay: Vec<(i32, Share)>,
    floor: Option<Points>,
    cap: Option<Points>,
}

#[derive(Clone, Debug)]
enum Each {
    Flat(Points),
    /// Per code: position, whether it is a set, points per value.
    ByAttribute(Vec<(CodeId, usize, bool, Vec<Points>)>, Points),
    /// Lower bounds of the rows after the first; points per row.
    ByAmount(Vec<i64>, Vec<Points>, Points),
}

impl Each {
    fn all(&self) -> Vec<Points> {
        match self {
            Each::Flat(points) => vec![*points],
            Each::ByAttribute(tables, otherwise) => {
                tables.iter().flat_map(|t| t.3.iter().copied()).chain([*otherwise]).collect()
            }
            Each::ByAmount(_, points, otherwise) => points.iter().copied().chain([*otherwise]).collect(),
        }
    }

    fn of(&self, look: &Look<'_>, i: usize) -> Points {
        match self {
            Each::Flat(points) => *points,
            Each::ByAmount(starts, points, otherwise) => match look.columns.number[i] {
                NO_NUMBER => *otherwise,
                number => points[starts.partition_point(|start| *start <= number)],
            },
            Each::ByAttribute(tables, otherwise) => {
                let Some(class) = look.class(i) else { return *otherwise };
                let Some((_, position, set, points)) = tables.iter().find(|t| t.0 == class.code) else {
                    return *otherwise;
                };
                let value = class.values.get(*position).copied().unwrap_or(0);
                if value == 0 {
                    return *otherwise;
                }
                if !set {
                    return usize::try_from(value - 1)
                        .ok()
                        .and_then(|v| points.get(v))
                        .copied()
                        .unwrap_or(*otherwise);
                }
                let members =
                    points.iter().enumerate().filter(|(bit, _)| value >> bit & 1 == 1).map(|(_, p)| *p);
                // The first of equal magnitude: the vocabulary's order decides, not the file's.
                members
                    .reduce(|a, b| if b.ten_thousandths().abs() > a.ten_thousandths().abs() { b } else { a })
                    .unwrap_or(*otherwise)
            }
        }
    }
}

impl EventTable {
    pub(super) fn parse(
        node: &Node,
        reading: &Reading,
        gives: &Gives,
        scope: &mut Scope<'_>,
    ) -> Option<EventTable> {
        let Reading::Events(events) = reading else {
            let expected =
                format!("a rule that takes {}; `event_table` takes the reading `events`", gives.name());
            scope.faults.node(node, Check::UnitMismatch, expected);
            return None;
        };
        let slot = events.slot;
        let mut fields = Fields::open(node, "an event table", &mut scope.faults)?;
        let full =
            fields.need("full", &mut scope.faults).and_then(|n| document::points(n, &mut scope.faults));
        let each = fields.need("each", &mut scope.faults).and_then(|n| parse_each(n, slot, scope));
        let mut repeats = Vec::new();
        if let Some(node) = fields.take("repeats") {
            for item in document::list(node, "shares", &mut scope.faults)? {
                repeats.push(document::share(item, &mut scope.faults)?);
            }
        }
        let mut decay: Vec<(i32, Share)> = Vec::new();
        if let Some(node) = fields.take("decay") {
            for item in document::list(node, "steps `{months, share}`", &mut scope.faults)? {
                let mut step = Fields::open(item, "a step", &mut scope.faults)?;
                let months = step.need("months", &mut scope.faults);
                let months = months.and_then(|n| document::whole(n, 1, 1200, &mut scope.faults));
                let share =
                    step.need("share", &mut scope.faults).and_then(|n| document::share(n, &mut scope.faults));
                step.finish(&mut scope.faults);
                let months = i32::try_from(months?).ok()?;
                if decay.last().is_some_and(|(earlier, _)| *earlier >= months) {
                    scope.faults.node(item, Check::BandsOverlap, "steps of ascending months");
                }
                decay.push((months, share?));
            }
        }
        let (floor, cap) = floor_and_cap(&mut fields, scope);
        let each = each?;
        let all = each.all();
        for (key, end, needed) in [
            ("floor", floor, all.iter().any(|p| *p < Points::ZERO)),
            ("cap", cap, all.iter().any(|p| *p > Points::ZERO)),
        ] {
            if needed && end.is_none() {
                fields.report_missing(key, Check::MissingKey, &mut scope.faults);
            }
        }
        fields.finish(&mut scope.faults);
        let table = EventTable { slot, full: full?, each, repeats, decay, floor, cap };
        table.check_exact(node, scope);
        Some(table)
    }

    fn check_exact(&self, node: &Node, scope: &mut Scope<'_>) {
        let whole = [Share::WHOLE];
        let repeats = if self.repeats.is_empty() { &whole[..] } else { &self.repeats };
        let decays: Vec<Share> =
            if self.decay.is_empty() { whole.to_vec() } else { self.decay.iter().map(|d| d.1).collect() };
        for points in self.each.all() {
            for repeat in repeats {
                for decay in &decays {
                    if exact(points, *repeat, *decay).is_none() {
                        scope.faults.push(
                            node.span,
                            Check::Inexact,
                            format!("`{points}` × {repeat} × {decay}"),
                            "products that are whole ten-thousandths of a point",
                        );
                        return;
                    }
                }
            }
        }
    }

    pub(super) fn inputs(&self, visit: &mut dyn FnMut(Input)) {
        match self.each {
            Each::ByAmount(..) => visit(Input::Number),
            Each::Flat(_) | Each::ByAttribute(..) => {}
        }
        if !(self.repeats.is_empty() && self.decay.is_empty()) {
            visit(Input::Day);
        }
    }

    /// The points of each event, in fact order; lowers `due` to the next step of decay.
    fn each_event<'l>(&'l self, look: &'l Look<'_>, due: &'l mut Date) -> impl Iterator<Item = Points> + 'l {
        look.facts(self.slot).enumerate().map(move |(n, i)| {
            let repeat = self.repeats.get(n).or(self.repeats.last()).copied().unwrap_or(Share::WHOLE);
            let decay = self.decay_of(look.columns.occurred_on[i], look.as_of, due);
            exact(self.each.of(look, i), repeat, decay).expect("checked: products are whole ten-thousandths")
        })
    }

    fn decay_of(&self, occurred_on: Date, as_of: Date, due: &mut Date) -> Share {
        if self.decay.is_empty() {
            return Share::WHOLE;
        }
        match self.decay.iter().find(|(months, _)| as_of.within_months(*months, occurred_on)) {
            Some((months, share)) => {
                *due = occurred_on.months_elapsed_or(*months, *due);
                *share
            }
            None => Share::default(),
        }
    }

    pub(super) fn points(&self, look: &Look<'_>, due: &mut Date) -> Points {
        let sum: Points = self.each_event(look, due).sum();
        clip(self.full.plus(sum), self.floor, self.cap)
    }

    pub(super) fn effects(&self, look: &Look<'_>) -> Vec<Points> {
        let mut due = Date::FOREVER;
        let mut so_far = self.full;
        let mut shown = clip(so_far, self.floor, self.cap);
        let mut effects = Vec::new();
        for points in self.each_event(look, &mut due) {
            so_far = so_far.plus(points);
            let now = clip(so_far, self.floor, self.cap);
            effects.push(now.minus(shown));
            shown = now;
        }
        effects
    }

    pub(super) fn range(&self) -> (Points, Points) {
        let none = clip(self.full, self.floor, self.cap);
        let all = self.each.all();
        let least =
            if all.iter().any(|p| *p < Points::ZERO) { self.floor.unwrap_or(none).min(none) } else { none };
        let most =
            if all.iter().any(|p| *p > Points::ZERO) { self.cap.unwrap_or(none).max(none) } else { none };
        (least, most)
    }

    pub(super) fn direction(&self) -> Direction {
        self.each
            .all()
            .into_iter()
            .fold(Direction::Flat, |so_far, p| so_far.and(Direction::of([Points::ZERO, p].into_iter())))
    }
}

/// `points × repeat × decay`, or `None` when it is no whole ten-thousandth.
fn exact(points: Points, repeat: Share, decay: Share) -> Option<Points> {
    if repeat == Share::WHOLE && decay == Share::WHOLE {
        return Some(points);
    }
    let product = i128::from(points.ten_thousandths())
        * i128::from(repeat.basis_points())
        * i128::from(decay.basis_points());
    let whole = i128::from(Share::WHOLE.basis_points()).pow(2);
    (product % whole == 0).then(|| Points::from_ten_thousandths(crate::number::saturate(product / whole)))
}

/// The points of an event without the value that is looked at.
#[derive(Clone, Copy)]
enum Otherwise {
    Stated(Points),
    Absent,
}

fn parse_each(node: &Node, slot: Slot, scope: &mut Scope<'_>) -> Option<Each> {
    let mut fields = Fields::open(node, "points of an event", &mut scope.faults)?;
    let by = fields.take_text("by", &mut scope.faults);
    let otherwise = match fields.take("otherwise") {
        Some(node) => Otherwise::Stated(document::points(node, &mut scope.faults)?),
        None => Otherwise::Absent,
    };
    let points = fields.take("points");
    let rows = fields.take("bands");
    fields.finish(&mut scope.faults);
    match (by, points, rows) {
        (None, Some(points), None) => document::points(points, &mut scope.faults).map(Each::Flat),
        (Some("amount"), None, Some(rows)) => parse_amounts(node, rows, otherwise, slot, scope),
        (Some(name), Some(points), None) => parse_attribute(node, name, points, otherwise, slot, scope),
        _ => {
            let expected = "`{points}`, `{by: ATTRIBUTE, points: {…}}` or `{by: amount, bands: […]}`";
            scope.faults.node(node, Check::WrongShape, expected);
            None
        }
    }
}

fn parse_amounts(
    node: &Node,
    rows: &Node,
    otherwise: Otherwise,
    slot: Slot,
    scope: &mut Scope<'_>,
) -> Option<Each> {
    let selection = scope.selections[slot].clone();
    let mut unit: Option<Unit> = None;
    let mut required = true;
    for (_, code) in selection.declarations(scope) {
        let field = code.number.and_then(|i| code.fields.get(i));
        required &= field.is_some_and(|f| f.required);
        match field.and_then(|f| Unit::of_field(&f.kind)) {
            Some(found) if unit.is_none_or(|u| u == found) => unit = Some(found),
            Some(_) | None => {
                let expected = format!("codes with numbers of one unit; see `{}`", code.id);
                scope.faults.node(rows, Check::UnitMismatch, expected);
                return None;
            }
        }
    }
    let unit = unit?;
    let mut parsed = Vec::new();
    for item in document::list(rows, "rows `{from, to, points}`", &mut scope.faults)? {
        let mut fields = Fields::open(item, "a row", &mut scope.faults)?;
        let bounds = tiling::Bounds::take(&mut fields, unit, &mut scope.faults);
        let points =
            fields.need("points", &mut scope.faults).and_then(|n| document::points(n, &mut scope.faults));
        fields.finish(&mut scope.faults);
        parsed.push((item, bounds?, points?));
    }
    let bounds: Vec<(&Node, tiling::Bounds)> = parsed.iter().map(|(item, b, _)| (*item, *b)).collect();
    if !tiling::check(rows, &bounds, unit.least(), None, |q| unit.display(q), &mut scope.faults) {
        return None;
    }
    let otherwise = otherwise_or_required(node, otherwise, required, scope)?;
    let starts = parsed.iter().skip(1).map(|(_, b, _)| b.from.unwrap_or(i64::MIN)).collect();
    Some(Each::ByAmount(starts, parsed.iter().map(|(_, _, p)| *p).collect(), otherwise))
}

fn parse_attribute(
    node: &Node,
    name: &str,
    points: &Node,
    otherwise: Otherwise,
    slot: Slot,
    scope: &mut Scope<'_>,
) -> Option<Each> {
    let Value::Map(entries) = &points.value else {
        scope.faults.node(points, Check::WrongShape, "a map of values to points");
        return None;
    };
    Fields::open(points, "values", &mut scope.faults);
    let selection = scope.selections[slot].clone();
    let mut required = true;
    let mut complete = true;
    let mut tables = Vec::new();
    for (id, code) in selection.declarations(scope) {
        let found = code.field(name).map(|(_, f)| f).zip(code.class_position(name));
        let Some((field, position)) = found else {
            let names: Vec<&str> = code.class_fields.iter().map(|i| code.fields[*i].id.as_str()).collect();
            let expected =
                format!("`by: amount` or an attribute of `{}`, one of `{}`", code.id, names.join("`, `"));
            scope.faults.push(node.span, Check::UnknownName, format!("`by: {name}`"), expected);
            return None;
        };
        required &= field.required;
        let names: Vec<&str> = field.values().iter().map(|v| v.id.as_str()).collect();
        let mut table: Vec<Option<Points>> = vec![None; names.len()];
        for (key, value) in entries {
            if let Some(i) = names.iter().position(|n| *n == key.text) {
                table[i] = document::points(value, &mut scope.faults);
            } else {
                let near = document::nearest(&key.text, &names).map(|n| format!("; did you mean `{n}`?"));
                scope.faults.push(
                    key.span,
                    Check::UnknownName,
                    format!("`{}`", key.text),
                    format!("a value of `{}.{name}`{}", code.id, near.unwrap_or_default()),
                );
            }
        }
        complete &= table.iter().all(Option::is_some);
        tables.push((id, position, matches!(field.kind, FieldKind::Set(_)), table));
    }
    let otherwise = otherwise_or_required(node, otherwise, required && complete, scope)?;
    let tables = tables
        .into_iter()
        .map(|(id, position, set, table)| {
            (id, position, set, table.into_iter().map(|p| p.unwrap_or(otherwise)).collect())
        })
        .collect();
    Some(Each::ByAttribute(tables, otherwise))
}

fn otherwise_or_required(
    node: &Node,
    otherwise: Otherwise,
    required: bool,
    scope: &mut Scope<'_>,
) -> Option<Points> {
    match otherwise {
        Otherwise::Stated(points) => Some(points),
        Otherwise::Absent if required => Some(Points::ZERO),
        Otherwise::Absent => {
            let expected = "`otherwise`: some events may lack the value, or have one that is not listed";
            scope.faults.node(node, Check::MissingKey, expected);
            None
        }
    }
}
