//! Random readings.

use hengxin_core::vocabulary::{Code, FieldKind, Shape, Vocabulary};

use super::selection::{shared_attributes, shared_single_attributes};
use super::source::Random;
use super::tree::{Tree, map, plain};

/// Unit of a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the units of the format page, section 2")]
pub enum Unit {
    Count,
    Money,
    Ratio,
    Number,
    Points,
    Days,
    Months,
    Years,
}

/// What a reading gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gives {
    /// A quantity, and the greatest one possible when that is small.
    Quantity(Unit, Option<i64>),
    /// One of these categories.
    Category(Vec<String>),
    /// Facts of these codes; true when their number is limited.
    Events(Vec<String>, bool),
}

/// A reading and what it gives.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The document's part.
    pub tree: Tree,
    /// What it gives.
    pub gives: Gives,
}

/// Where a reading stands, which limits what it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In an indicator or condition.
    Top,
    /// Inside `ratio`, `least` or `greatest` of an indicator or condition.
    Inner,
    /// Inside `grouped`.
    Group,
    /// Inside `related`.
    Related,
}

/// What other standards a reading may refer to.
#[derive(Clone, Debug)]
pub struct NestedResult {
    /// Id of the standard.
    pub standard: String,
    /// Its grades, best first.
    pub grades: Vec<String>,
    /// Least and greatest score; `None` when it gives only grades.
    pub scores: Option<(i64, i64)>,
}

/// Makes readings.
#[derive(Clone, Copy, Debug)]
pub struct Readings<'a> {
    /// Codes and attributes.
    pub vocabulary: &'a Vocabulary,
    /// A standard that may be referred to.
    pub nested: Option<&'a NestedResult>,
}

impl<'a> Readings<'a> {
    /// Codes of facts that can be selected.
    pub fn codes(&self) -> Vec<&'a Code> {
        let all = self.vocabulary.codes.iter();
        all.filter(|c| matches!(c.shape, Shape::Event | Shape::Status | Shape::Measure)).collect()
    }

    /// The code with this id.
    pub fn code(&self, id: &str) -> &'a Code {
        self.vocabulary.code(self.vocabulary.code_id(id).expect("a known code"))
    }

    /// The unit of the number that facts of a code have; `None` when they have none.
    pub fn number_unit(code: &Code) -> Option<Unit> {
        Some(match code.fields[code.number?].kind {
            FieldKind::Money(_) => Unit::Money,
            FieldKind::Count => Unit::Count,
            FieldKind::Number => Unit::Number,
            _ => return None,
        })
    }

    /// A random quantity, category or list of events.
    pub fn any(&self, random: &mut Random) -> Reading {
        match random.between(1, 10) {
            1..=6 => self.quantity(random, Place::Top),
            7 => self.category(random),
            _ => self.events(random),
        }
    }

    /// A random quantity.
    pub fn quantity(&self, random: &mut Random, place: Place) -> Reading {
        let top = place == Place::Top;
        let kinds = [
            (4, "count"),
            (3, "distinct"),
            (4, "number"),
            (if place == Place::Group { 0 } else { 2 }, "in_force"),
            (if place == Place::Group { 0 } else { 3 }, "elapsed"),
            (if place == Place::Inner { 0 } else { 3 }, "ratio"),
            (if place == Place::Inner { 0 } else { 2 }, "extreme"),
            (i64::from(place != Place::Group), "capital"),
            (if top { 5 } else { 0 }, "grouped"),
            (if top { 3 } else { 0 }, "related"),
            (if top && self.nested.is_some_and(|n| n.scores.is_some()) { 4 } else { 0 }, "result"),
        ];
        match *random.weighted(&kinds) {
            "ratio" => self.ratio(random, place),
            "extreme" => self.extreme(random, place),
            "grouped" => self.grouped(random),
            "related" => self.related(random),
            "result" => self.result(random, "score"),
            simple => self.simple(random, simple),
        }
    }

    /// A reading that holds no other.
    fn simple(&self, random: &mut Random, kind: &str) -> Reading {
        let anything = self.codes();
        let (tree, unit, top) = match kind {
            "count" => {
                let codes = self.pick_codes(random, &anything);
                let (tree, last) = self.selection(random, "count", &codes, true);
                (tree, Unit::Count, last)
            }
            "distinct" => {
                let codes = self.pick_codes(random, &anything);
                let mut of = vec!["month".to_owned()];
                if codes.iter().all(|c| c.reference.is_some()) {
                    of.push("reference".to_owned());
                }
                of.extend(shared_attributes(&codes).into_iter().map(|(name, _)| name));
                let (mut tree, last) = self.selection(random, "distinct", &codes, true);
                tree.put("of", plain(random.pick(&of)));
                (tree, Unit::Count, Some(last.unwrap_or(2).min(2)))
            }
            "number" => {
                let unit = *random.weighted(&[(4, Unit::Money), (2, Unit::Number), (1, Unit::Count)]);
                return self.number(random, unit);
            }
            "in_force" => {
                let statuses: Vec<_> = anything.into_iter().filter(|c| c.ends_on.is_some()).collect();
                let codes = self.pick_codes(random, &statuses);
                let (tree, _) = self.selection(random, "in_force", &codes, false);
                (tree, Unit::Count, Some(1))
            }
            "elapsed" => {
                let (word, unit) =
                    *random.pick(&[("days", Unit::Days), ("months", Unit::Months), ("years", Unit::Years)]);
                let mut inner = map([]);
                if random.chance(50) {
                    inner.put("since", plain("established"));
                } else {
                    let codes = self.pick_codes(random, &anything);
                    inner = self.selection(random, "of", &codes, false).0;
                    inner.put("since", plain(random.pick(&["first", "last"])));
                }
                inner.put("in", plain(word));
                (map([("elapsed", inner)]), unit, None)
            }
            "capital" => (map([("attribute", plain("capital"))]), Unit::Money, None),
            other => panic!("no simple reading `{other}`"),
        };
        Reading { tree, gives: Gives::Quantity(unit, top) }
    }

    /// `sum`, `largest`, `smallest` or `latest` of a unit.
    fn number(&self, random: &mut Random, unit: Unit) -> Reading {
        let kind = *random.weighted(&[(3, "sum"), (1, "largest"), (1, "smallest"), (2, "latest")]);
        let of_unit: Vec<_> =
            self.codes().into_iter().filter(|c| Self::number_unit(c) == Some(unit)).collect();
        let codes = self.pick_codes(random, &of_unit);
        let (tree, _) = self.selection(random, kind, &codes, true);
        Reading { tree, gives: Gives::Quantity(unit, None) }
    }

    /// A quantity of one unit, for readings that hold several. Never one that may be negative.
    fn of_unit(&self, random: &mut Random, unit: Unit, place: Place) -> Tree {
        let kind = match unit {
            Unit::Money if place == Place::Group || random.chance(80) => "number",
            Unit::Money => "capital",
            _ => *random.pick(&["count", "distinct"]),
        };
        if kind == "number" { self.number(random, unit).tree } else { self.simple(random, kind).tree }
    }

    fn ratio(&self, random: &mut Random, place: Place) -> Reading {
        let unit = *random.pick(&[Unit::Money, Unit::Count]);
        let of = self.of_unit(random, unit, place);
        let to = self.of_unit(random, unit, place);
        let tree = map([("ratio", map([("of", of), ("to", to)]))]);
        Reading { tree, gives: Gives::Quantity(Unit::Ratio, None) }
    }

    fn extreme(&self, random: &mut Random, place: Place) -> Reading {
        let unit = *random.pick(&[Unit::Money, Unit::Count, Unit::Ratio]);
        let n = random.between(1, 3);
        let readings = (0..n).map(|_| match unit {
            Unit::Ratio => self.ratio(random, place).tree,
            _ => self.of_unit(random, unit, place),
        });
        let readings = Tree::List(readings.collect());
        let top = (unit == Unit::Count).then_some(1);
        let tree = map([(*random.pick(&["least", "greatest"]), readings)]);
        Reading { tree, gives: Gives::Quantity(unit, top) }
    }

    fn grouped(&self, random: &mut Random) -> Reading {
        // Every code has a month; for the other ways to group, redraw until all codes inside have the value.
        let reading = self.quantity(random, Place::Group);
        let Gives::Quantity(unit, top) = reading.gives else { panic!("a quantity") };
        let combine = *random.pick(&["mean", "sum", "min", "max", "weighted_mean", "count"]);
        let mut inner = map([]);
        let weight = (combine == "weighted_mean").then(|| {
            let unit = *random.pick(&[Unit::Money, Unit::Count]);
            self.of_unit(random, unit, Place::Group)
        });
        let mut codes: Vec<&Code> = Vec::new();
        for part in [Some(&reading.tree), weight.as_ref()].into_iter().flatten() {
            for id in codes_inside(part) {
                codes.push(self.code(&id));
            }
        }
        let mut by = vec!["month".to_owned()];
        if codes.iter().all(|c| c.reference.is_some()) {
            by.extend(["reference".to_owned(), "reference".to_owned()]);
        }
        by.extend(shared_single_attributes(&codes));
        inner.put("by", plain(random.pick(&by)));
        inner.put("reading", reading.tree);
        inner.put("combine", plain(combine));
        if let Some(weight) = weight {
            inner.put("weight", weight);
        }
        let (unit, top) = match combine {
            "count" => {
                let comparison = super::condition::comparison(random, unit, top, None);
                inner.put("where", comparison);
                (Unit::Count, None)
            }
            "mean" | "weighted_mean" => match unit {
                Unit::Count => (Unit::Number, Some(top.unwrap_or(3))),
                unit => (unit, None),
            },
            "sum" => (unit, None),
            _ => (unit, top),
        };
        Reading { tree: map([("grouped", inner)]), gives: Gives::Quantity(unit, top) }
    }

    fn related(&self, random: &mut Random) -> Reading {
        // "No related subject: 0" and the short cut of `max` make sense for quantities that are never negative.
        let (reading, unit, top) = loop {
            let reading = self.quantity(random, Place::Related);
            let Gives::Quantity(unit, top) = reading.gives else { panic!("a quantity") };
            if unit != Unit::Number {
                break (reading, unit, top);
            }
        };
        let combine = *random.pick(&["sum", "max"]);
        let inner = map([
            ("by", plain(random.pick(&["responsible-person", "parent"]))),
            ("depth", plain(random.between(1, 3))),
            ("reading", reading.tree),
            ("combine", plain(combine)),
        ]);
        let top = if combine == "max" { top } else { None };
        Reading { tree: map([("related", inner)]), gives: Gives::Quantity(unit, top) }
    }

    fn result(&self, random: &mut Random, take: &str) -> Reading {
        let nested = self.nested.expect("a standard to refer to");
        let _ = random;
        let tree = map([("result", map([("standard", plain(&nested.standard)), ("take", plain(take))]))]);
        let gives = match take {
            "score" => Gives::Quantity(Unit::Points, None),
            _ => Gives::Category(nested.grades.clone()),
        };
        Reading { tree, gives }
    }

    /// A random category.
    pub fn category(&self, random: &mut Random) -> Reading {
        match random.between(1, 3) {
            1 => {
                let attribute = *random.pick(&["size", "legal_form", "status"]);
                let registration = self.vocabulary.code(self.vocabulary.registration());
                let field = registration.field(attribute).expect("a registration field").1;
                let values = field.values().iter().map(|v| v.id.clone()).collect();
                Reading { tree: map([("attribute", plain(attribute))]), gives: Gives::Category(values) }
            }
            2 if self.nested.is_some() => self.result(random, "grade"),
            _ => {
                let code = *random.pick(&self.codes());
                let singles = shared_single_attributes(&[code]);
                let attribute = random.pick(&singles).clone();
                let (mut tree, _) = self.selection(random, "latest", &[code], true);
                tree.put("take", plain(&attribute));
                let values = code.field(&attribute).expect("a field").1.values();
                Reading { tree, gives: Gives::Category(values.iter().map(|v| v.id.clone()).collect()) }
            }
        }
    }

    /// Random events.
    pub fn events(&self, random: &mut Random) -> Reading {
        let codes = self.pick_codes(random, &self.codes());
        let (tree, last) = self.selection(random, "events", &codes, true);
        let ids = codes.iter().map(|c| c.id.clone()).collect();
        Reading { tree, gives: Gives::Events(ids, last.is_some()) }
    }

    /// All events of one code, or some of them.
    pub fn events_of(&self, random: &mut Random, code: &Code) -> Reading {
        let (tree, _) = self.selection(random, "events", &[code], false);
        Reading { tree, gives: Gives::Events(vec![code.id.clone()], false) }
    }
}

/// The codes of all selections in a reading.
fn codes_inside(tree: &Tree) -> Vec<String> {
    const KEYS: [&str; 6] = ["count", "distinct", "sum", "largest", "smallest", "latest"];
    match tree {
        Tree::Map(entries) => entries
            .iter()
            .flat_map(|(key, value)| match value {
                _ if KEYS.contains(&key.as_str()) => texts(value),
                Tree::List(_) | Tree::Map(_) => codes_inside(value),
                Tree::Plain(_) | Tree::Quoted(_) => Vec::new(),
            })
            .collect(),
        Tree::List(items) => items.iter().flat_map(codes_inside).collect(),
        Tree::Plain(_) | Tree::Quoted(_) => Vec::new(),
    }
}

fn texts(tree: &Tree) -> Vec<String> {
    match tree {
        Tree::Plain(text) | Tree::Quoted(text) => vec![text.clone()],
        Tree::List(items) => items.iter().flat_map(texts).collect(),
        Tree::Map(_) => Vec::new(),
    }
}
