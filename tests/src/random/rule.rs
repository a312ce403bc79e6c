//! Random rules that fit a reading.

use hengxin_core::vocabulary::Code;

use super::condition::{comparison, cuts};
use super::reading::{Gives, NestedResult, Reading, Readings, Unit};
use super::selection::{WINDOW_MONTHS, shared_attributes};
use super::source::Random;
use super::tree::{Tree, decimal, map, names, plain};

/// What points may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mood {
    /// No points below zero, some above: what `exclude` needs.
    pub nonnegative: bool,
    /// More never earns more.
    pub descending: bool,
}

/// A rule and the range of its points, in ten-thousandths. Both ends can be reached.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The document's part.
    pub tree: Tree,
    /// Least points.
    pub least: i64,
    /// Greatest points.
    pub greatest: i64,
}

/// Random points in ten-thousandths, of one to four decimals.
pub fn points(random: &mut Random, mood: Mood) -> i64 {
    let least = if mood.nonnegative { 0 } else { -60 };
    match random.between(1, 10) {
        1 => random.between(least * 10_000, 1_200_000),
        2 | 3 => random.between(least * 10, 1_200) * 1_000,
        _ => random.between(least, 120) * 10_000,
    }
}

/// Some points; when they must not be negative, one of them is clearly above zero; descending when they must be.
fn several(random: &mut Random, mood: Mood, n: usize) -> Vec<i64> {
    let mut all: Vec<i64> = (0..n).map(|_| points(random, mood)).collect();
    if mood.nonnegative {
        all[0] = random.between(10, 120) * 10_000;
        random.shuffle(&mut all);
    }
    if mood.descending {
        all.sort_unstable_by_key(|p| -p);
    }
    all
}

/// The ends of some points.
fn ends(points: &[i64]) -> (i64, i64) {
    (*points.iter().min().expect("some"), *points.iter().max().expect("some"))
}

fn number(ten_thousandths: i64) -> Tree {
    plain(decimal(ten_thousandths))
}

impl Readings<'_> {
    /// A random rule for a reading.
    pub fn rule(&self, random: &mut Random, reading: &Reading, mood: Mood) -> Rule {
        let simple = |random: &mut Random, mood: Mood| match &reading.gives {
            Gives::Quantity(unit, top) => quantity_rule(random, *unit, *top, self.nested, mood),
            Gives::Category(values) => category_rule(random, values, mood),
            Gives::Events(codes, limited) => self.event_table(random, codes, *limited, mood),
        };
        let is_category = matches!(reading.gives, Gives::Category(_));
        match random.between(1, 12) {
            1 | 2 => {
                let rules: Vec<Rule> = (0..random.between(1, 3)).map(|_| simple(random, mood)).collect();
                let greatest = rules.iter().map(|r| r.greatest).max().expect("some");
                let least = rules.iter().map(|r| r.least).max().expect("some");
                let trees = Tree::List(rules.into_iter().map(|r| r.tree).collect());
                Rule { tree: map([("best_of", trees)]), least, greatest }
            }
            // All rules descend, so that the least of their greatest points is reached at the very start.
            3 | 4 if !is_category => {
                let mood = Mood { descending: true, ..mood };
                let rules: Vec<Rule> = (0..random.between(1, 3)).map(|_| simple(random, mood)).collect();
                let greatest = rules.iter().map(|r| r.greatest).min().expect("some");
                let least = rules.iter().map(|r| r.least).min().expect("some");
                let trees = Tree::List(rules.into_iter().map(|r| r.tree).collect());
                Rule { tree: map([("worst_of", trees)]), least, greatest }
            }
            _ => simple(random, mood),
        }
    }

    /// `event_table` with every way to value an event. All its points have one sign.
    fn event_table(&self, random: &mut Random, codes: &[String], limited: bool, mood: Mood) -> Rule {
        let codes: Vec<_> = codes.iter().map(|id| self.code(id)).collect();
        let falls = mood.descending || limited || random.chance(60);
        let sign = if falls { -1 } else { 1 };
        let value = |random: &mut Random| plain(sign * random.between(1, 40));
        let mut each = map([]);
        let attributes = shared_attributes(&codes);
        let units: Vec<_> = codes.iter().map(|c| Readings::number_unit(c)).collect();
        let unit = units[0].filter(|_| units.iter().all(|u| *u == units[0]));
        match random.between(1, 4) {
            1 => each.put("points", value(random)),
            2 if unit.is_some() => {
                each.put("by", plain("amount"));
                let unit = unit.expect("one unit");
                let cuts = cuts(random, unit, None, None);
                let cuts = random.some_of(&cuts, 2);
                let points: Vec<i64> =
                    (0..=cuts.len()).map(|_| sign * random.between(1, 40) * 10_000).collect();
                each.put("bands", bands(random, unit, &cuts, &points));
                each.put("otherwise", value(random));
            }
            _ if attributes.is_empty() => each.put("points", value(random)),
            _ => {
                let (attribute, known) = random.pick(&attributes).clone();
                each.put("by", plain(&attribute));
                let mut table = map([]);
                for name in &known {
                    table.put(name, value(random));
                }
                each.put("points", table);
                let complete = |c: &Code| {
                    let field = c.field(&attribute).expect("a shared attribute").1;
                    field.required && field.values().len() == known.len()
                };
                let required = codes.iter().all(|c| complete(c));
                if !required || random.chance(50) {
                    each.put("otherwise", value(random));
                }
            }
        }
        // Shares are multiples of 5 % and points are whole, so every product is a whole ten-thousandth.
        let full = if falls { random.between(30, 120) } else { random.between(0, 30) };
        let mut body = map([("full", plain(full)), ("each", each)]);
        if random.chance(50) {
            let mut repeats: Vec<i64> =
                (0..random.between(1, 3)).map(|_| random.between(1, 40) * 5).collect();
            if mood.descending {
                repeats.sort_unstable();
            }
            body.put("repeats", names(repeats.into_iter().map(|share| format!("{share}%"))));
        }
        if random.chance(50) {
            let n = random.index(3) + 1;
            let mut share = 100;
            let mut steps = Vec::new();
            for months in random.some_of(&WINDOW_MONTHS, n) {
                steps.push(map([("months", plain(months)), ("share", plain(format!("{share}%")))]));
                share = random.between(1, share / 5) * 5;
            }
            body.put("decay", Tree::List(steps));
        }
        let (least, greatest) = if falls {
            let floor = if mood.nonnegative { random.between(0, 20) } else { random.between(-100, 20) };
            body.put("floor", plain(floor));
            (floor, full)
        } else {
            let cap = full + random.between(1, 100);
            body.put("cap", plain(cap));
            (full, cap)
        };
        Rule { tree: map([("event_table", body)]), least: least * 10_000, greatest: greatest * 10_000 }
    }
}

fn quantity_rule(
    random: &mut Random,
    unit: Unit,
    top: Option<i64>,
    nested: Option<&NestedResult>,
    mood: Mood,
) -> Rule {
    let counted = unit == Unit::Count;
    let kinds =
        [(3, "bands"), (if counted { 4 } else { 0 }, "per_event"), (3, "linear"), (2, "all_or_nothing")];
    let cuts = cuts(random, unit, top, nested);
    match *random.weighted(&kinds) {
        "bands" => {
            let n = random.index(3) + 1;
            let cuts = random.some_of(&cuts, n);
            let points = several(random, mood, cuts.len() + 1);
            let (least, greatest) = ends(&points);
            Rule { tree: map([("bands", bands(random, unit, &cuts, &points))]), least, greatest }
        }
        "per_event" => per_event(random, top, mood),
        "linear" => {
            let mut anchors = cuts;
            if matches!(unit, Unit::Count | Unit::Money | Unit::Ratio | Unit::Days) {
                anchors.insert(0, (0, "0".to_owned()));
            }
            if anchors.len() < 2 {
                let next = anchors[0].0 + 10_000;
                anchors.push((next, decimal(next)));
            }
            let n = random.index(3) + 2;
            let anchors = random.some_of(&anchors, n);
            let points = several(random, mood, anchors.len());
            let (least, greatest) = ends(&points);
            let anchors =
                anchors.iter().zip(&points).map(|(a, p)| map([("at", plain(&a.1)), ("points", number(*p))]));
            Rule { tree: map([("linear", Tree::List(anchors.collect()))]), least, greatest }
        }
        "all_or_nothing" => {
            let mut body = if mood.descending {
                map([("below", plain(&random.pick(&cuts).1))])
            } else {
                comparison(random, unit, top, nested)
            };
            let mut both = several(random, mood, 2);
            body.put("points", number(both[0]));
            if random.chance(70) || mood.descending {
                body.put("otherwise", number(both[1]));
            } else {
                both[1] = 0;
                if mood.nonnegative && both[0] == 0 {
                    both[0] = 500_000;
                    let Tree::Map(entries) = &mut body else { panic!("a map") };
                    entries.retain(|(key, _)| key != "points");
                    body.put("points", number(both[0]));
                }
            }
            let (least, greatest) = ends(&both);
            Rule { tree: map([("all_or_nothing", body)]), least, greatest }
        }
        other => panic!("no rule `{other}`"),
    }
}

/// Rows that tile the range; the first begins at zero or is open, where the unit begins at zero.
fn bands(random: &mut Random, unit: Unit, cuts: &[(i64, String)], points: &[i64]) -> Tree {
    let mut rows = Vec::new();
    for (i, earned) in points.iter().enumerate() {
        let mut row = map([]);
        if let Some(from) = i.checked_sub(1).map(|i| &cuts[i].1) {
            row.put("from", plain(from));
        } else if !matches!(unit, Unit::Number | Unit::Points) && random.chance(50) {
            row.put("from", plain(0));
        }
        if let Some((_, to)) = cuts.get(i) {
            row.put("to", plain(to));
        }
        row.put("points", number(*earned));
        rows.push(row);
    }
    Tree::List(rows)
}

fn per_event(random: &mut Random, top: Option<i64>, mood: Mood) -> Rule {
    let step = random.between(1, 400) * 1_000;
    if mood.descending || random.chance(60) {
        let full = random.between(10, 120) * 10_000;
        let floor = if mood.nonnegative { random.between(0, 10) } else { random.between(-100, 10) } * 10_000;
        let mut body = map([("full", number(full)), ("each", number(-step)), ("floor", number(floor))]);
        let mut greatest = full;
        if random.chance(25) {
            greatest = random.between(floor / 10_000, full / 10_000).max(1) * 10_000;
            body.put("cap", number(greatest));
        }
        return Rule { tree: map([("per_event", body)]), least: floor.min(greatest), greatest };
    }
    let full = if mood.nonnegative { random.between(0, 30) } else { random.between(-60, 30) } * 10_000;
    let cap = match top {
        Some(top) => full + step * random.between(1, top),
        None => full + step * random.between(1, 5) + random.between(0, 9) * 100,
    };
    let mut body = map([("full", number(full)), ("each", number(step)), ("cap", number(cap))]);
    let mut least = full;
    if random.chance(25) {
        least = random.between(full.div_euclid(1_000), cap.div_euclid(1_000)) * 1_000;
        body.put("floor", number(least));
    }
    Rule { tree: map([("per_event", body)]), least, greatest: cap }
}

fn category_rule(random: &mut Random, values: &[String], mood: Mood) -> Rule {
    let all = random.chance(50) || values.len() == 1;
    let listed = if all { values.to_vec() } else { random.some_of(values, values.len() - 1) };
    let mut points = several(random, Mood { descending: false, ..mood }, listed.len());
    let mut table = map([]);
    for (value, earned) in listed.iter().zip(&points) {
        table.put(value, number(*earned));
    }
    let mut tree = map([("category", table)]);
    if !all {
        let otherwise = self::points(random, mood);
        tree.put("otherwise", number(otherwise));
        points.push(otherwise);
    }
    let (least, greatest) = ends(&points);
    Rule { tree, least, greatest }
}
