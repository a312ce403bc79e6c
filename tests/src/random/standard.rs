//! Random standards: the head, the tree of dimensions, grades and findings.

use hengxin_core::vocabulary::Vocabulary;

use super::reading::{Gives, NestedResult, Reading, Readings, Unit};
use super::rule::Mood;
use super::source::Random;
use super::tree::{Tree, decimal, map, names, plain, quoted};

/// A random standard, and a random one it refers to, each edition as YAML text.
#[derive(Clone, Debug, Default)]
pub struct Standards {
    /// The standard to evaluate by.
    pub main: String,
    /// Editions of the standard whose result it may read.
    pub nested: Vec<String>,
    /// Grades of the main standard, best first.
    pub grades: Vec<String>,
    /// Ids of its findings.
    pub findings: Vec<String>,
    /// Its scale, when it has one.
    pub scores: Option<(i64, i64)>,
}

/// What a standard may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Everything; more adverse facts may earn more points.
    Anything,
    /// Few indicators, all of which fall with adverse facts, and no finding that raises a grade.
    Monotone,
}

/// The grades and scale that all editions of a standard share.
struct Frame {
    id: &'static str,
    grades: Vec<String>,
    /// A grade that only findings reach.
    aside: Option<usize>,
    scores: Option<(i64, i64)>,
}

impl Frame {
    fn random(random: &mut Random, id: &'static str) -> Frame {
        let n = random.index(4) + 2;
        let mut grades: Vec<String> =
            ["A", "B", "C", "D", "E"].iter().take(n).map(|g| (*g).to_owned()).collect();
        let has_scale = random.chance(85);
        let mut aside = None;
        if has_scale && random.chance(25) {
            let at = random.index(n - 1) + 1;
            grades.insert(at, "M".to_owned());
            aside = Some(at);
        }
        let least = *random.pick(&[0, 0, 0, -100, 20]);
        let scores = has_scale.then(|| (least, least + random.between(10, 60) * 10));
        Frame { id, grades, aside, scores }
    }
}

/// Makes a standard and perhaps one it refers to.
pub fn standards(random: &mut Random, vocabulary: &Vocabulary, style: Style) -> Standards {
    let mut nested_editions = Vec::new();
    let mut nested_result = None;
    if style == Style::Anything && random.chance(40) {
        let frame = Frame::random(random, "nested");
        let periods: &[(&str, &str, Option<&str>)] = match random.between(1, 3) {
            1 => &[("1", "2000-01-01", None)],
            2 => &[("1", "2000-01-01", Some("2024-06-30")), ("2", "2024-07-01", None)],
            _ => &[("1", "2020-01-01", Some("2024-02-29")), ("2", "2024-04-01", Some("2025-06-30"))],
        };
        for (edition, from, to) in periods {
            let maker = Readings { vocabulary, nested: None };
            let (tree, _) = edition_tree(random, &maker, &frame, style, edition, from, *to);
            nested_editions.push(tree.to_yaml());
        }
        nested_result =
            Some(NestedResult { standard: frame.id.to_owned(), grades: frame.grades, scores: frame.scores });
    }
    let frame = Frame::random(random, "main");
    let maker = Readings { vocabulary, nested: nested_result.as_ref() };
    let (tree, findings) = edition_tree(random, &maker, &frame, style, "1", "2000-01-01", None);
    Standards {
        main: tree.to_yaml(),
        nested: nested_editions,
        grades: frame.grades,
        findings,
        scores: frame.scores,
    }
}

fn source() -> Tree {
    map([("project", quoted("random"))])
}

fn edition_tree(
    random: &mut Random,
    maker: &Readings<'_>,
    frame: &Frame,
    style: Style,
    edition: &str,
    from: &str,
    to: Option<&str>,
) -> (Tree, Vec<String>) {
    let mut effective = map([("from", plain(from))]);
    if let Some(to) = to {
        effective.put("to", plain(to));
    }
    let basis = map([("document", quoted("none")), ("title", quoted("made at random"))]);
    let mut doc = map([
        ("standard", plain(frame.id)),
        ("edition", quoted(edition)),
        ("title", quoted("random")),
        ("authority", quoted("random")),
        ("legal_basis", Tree::List(vec![basis])),
        ("status", plain("sample")),
        ("effective", effective),
        ("subjects", names(["enterprise", "individual-business", "cooperative", "public-institution"])),
        ("cycle", map([("every", plain("month"))])),
    ]);
    let eligibility = if style == Style::Anything && random.chance(30) { random.between(1, 2) } else { 0 };
    if eligibility > 0 {
        let rules = (0..eligibility).map(|i| {
            map([
                ("id", plain(format!("rule-{i}"))),
                ("reason", quoted("random")),
                ("source", source()),
                ("exclude_when", maker.condition(random, 1)),
            ])
        });
        let rules = rules.collect();
        doc.put("eligibility", Tree::List(rules));
    }
    if random.chance(60) {
        let mut lifecycle = map([("objection", plain(random.pick(&["counts", "suspended"])))]);
        if random.chance(70) {
            lifecycle.put("past_publicity", plain(random.pick(&["counts", "ignored"])));
        }
        doc.put("lifecycle", lifecycle);
    }
    if let Some(scores) = frame.scores {
        put_scale(random, maker, &mut doc, scores, style);
        if random.chance(25) {
            doc.put("minimum_known", plain(random.pick(&["20%", "50%", "66.67%", "80%", "100%"])));
        }
        let exclusion = random.chance(50);
        let mut tree =
            TreeMaker { maker, style, nonnegative: exclusion, excludes: exclusion, indicators: 0, groups: 0 };
        let depth = if style == Style::Monotone { 0 } else { random.index(3) };
        let (dimensions, _) = tree.dimensions(random, depth);
        doc.put("dimensions", dimensions);
    }
    let start = put_grades(random, &mut doc, frame);
    let mut findings = Vec::new();
    let n = random.between(0, 5);
    let mut trees = Vec::new();
    for i in 0..n {
        let Some(effect) = effect(random, frame, start, style) else { continue };
        let id = format!("finding-{i}");
        let when = match style {
            Style::Anything => maker.condition(random, 2),
            Style::Monotone => map([("in_force", plain("dishonesty-list"))]),
        };
        trees.push(map([
            ("id", plain(&id)),
            ("title", quoted("random")),
            ("source", source()),
            ("when", when),
            ("effect", effect),
        ]));
        findings.push(id);
    }
    if !trees.is_empty() {
        doc.put("findings", Tree::List(trees));
    }
    (doc, findings)
}

fn put_scale(
    random: &mut Random,
    maker: &Readings<'_>,
    doc: &mut Tree,
    (min, max): (i64, i64),
    style: Style,
) {
    let mut base = || plain(decimal(random.between(min.min(0) * 10, max * 5) * 1_000));
    let number = base();
    let cases = [base(), base(), base()];
    let base = if style == Style::Monotone || random.chance(70) {
        number
    } else {
        let mut list = Vec::new();
        let n = random.index(2) + 1;
        for case in cases.iter().take(n) {
            list.push(map([("when", maker.condition(random, 1)), ("points", case.clone())]));
        }
        list.push(map([("points", cases[2].clone())]));
        Tree::List(list)
    };
    let by_cases = matches!(base, Tree::List(_));
    let mut scale = map([
        ("base", base),
        ("min", plain(min)),
        ("max", plain(max)),
        ("decimals", plain(random.between(0, 4))),
        ("rounding", plain(random.pick(&["half-up", "half-even", "down"]))),
    ]);
    if by_cases {
        scale.put("base_source", source());
    }
    doc.put("scale", scale);
}

/// Grades; the place of the start, -1 for none, for a standard that only gives grades.
fn put_grades(random: &mut Random, doc: &mut Tree, frame: &Frame) -> Option<i64> {
    let mut grades = map([("scheme", plain(format!("{}-scheme", frame.id))), ("source", source())]);
    let Some((min, max)) = frame.scores else {
        let order = frame.grades.iter().map(|g| map([("grade", plain(g)), ("title", quoted(g))])).collect();
        grades.put("order", Tree::List(order));
        let start = random.between(-1, i64::try_from(frame.grades.len()).expect("few") - 2);
        let name = usize::try_from(start).map_or("none", |i| frame.grades[i].as_str());
        grades.put("start", plain(name));
        doc.put("grades", grades);
        return Some(start);
    };
    let banded: Vec<usize> = (0..frame.grades.len()).filter(|i| Some(*i) != frame.aside).collect();
    let inside: Vec<i64> = (min + 1..max).collect();
    let mut cuts = random.some_of(&inside, banded.len() - 1);
    cuts.reverse();
    let mut bands = Vec::new();
    for (i, grade) in frame.grades.iter().enumerate() {
        let mut band = map([("grade", plain(grade)), ("title", quoted(grade))]);
        if let Some(place) = banded.iter().position(|b| *b == i) {
            if let Some(from) = cuts.get(place) {
                band.put("from", plain(from));
            }
            if let Some(to) = place.checked_sub(1).map(|p| cuts[p]) {
                band.put("to", plain(to));
            }
        }
        bands.push(band);
    }
    grades.put("bands", Tree::List(bands));
    doc.put("grades", grades);
    None
}

/// An effect that can change a grade.
fn effect(random: &mut Random, frame: &Frame, start: Option<i64>, style: Style) -> Option<Tree> {
    let worst = i64::try_from(frame.grades.len()).expect("few") - 1;
    let kind = match style {
        Style::Anything => *random.pick(&["exactly", "at_most", "at_least", "downgrade", "note"]),
        Style::Monotone => *random.pick(&["at_most", "downgrade"]),
    };
    let (least, greatest) = match (kind, start) {
        ("note", _) => return Some(plain("note")),
        ("downgrade", _) => return Some(map([("downgrade", plain(random.between(1, 2)))])),
        // A veto or limit lies below the start, a floor above it.
        ("at_least", None) => (0, worst - 1),
        ("at_least", Some(start)) => (0, start - 1),
        ("at_most", None) => (1, worst),
        (_, None) => (0, worst),
        (_, Some(start)) => (start + 1, worst),
    };
    if least > greatest {
        return None;
    }
    let place = usize::try_from(random.between(least, greatest)).expect("a place");
    Some(map([(kind, plain(&frame.grades[place]))]))
}

/// Makes the tree of dimensions.
struct TreeMaker<'a, 'v> {
    maker: &'a Readings<'v>,
    style: Style,
    nonnegative: bool,
    excludes: bool,
    indicators: usize,
    groups: usize,
}

impl TreeMaker<'_, '_> {
    /// A list of dimensions, and the greatest value they can reach together.
    fn dimensions(&mut self, random: &mut Random, depth: usize) -> (Tree, i64) {
        let n = random.index(3) + 1;
        let all = (0..n).map(|_| self.dimension(random, depth)).collect();
        group(random, all)
    }

    /// A dimension and its maximum.
    fn dimension(&mut self, random: &mut Random, depth: usize) -> (Tree, i64) {
        self.groups += 1;
        let mut tree = map([("id", plain(format!("group-{}", self.groups))), ("title", quoted("random"))]);
        let (key, (children, reach)) = if depth > 0 && random.chance(60) {
            ("dimensions", self.dimensions(random, depth - 1))
        } else {
            if self.style == Style::Anything && random.chance(30) {
                self.excludes = !self.excludes;
                self.nonnegative = self.excludes;
            }
            let n = random.index(4) + 1;
            let all = (0..n).map(|_| self.indicator(random)).collect();
            ("indicators", group(random, all))
        };
        let mut max = reach;
        let least = if self.nonnegative { 1 } else { reach - 500_000 };
        if reach >= least && random.chance(40) {
            max = random.between(least, reach);
            tree.put("max", plain(decimal(max)));
            if random.chance(50) {
                let least = if self.nonnegative { 0 } else { max - 700_000 };
                tree.put("min", plain(decimal(random.between(least, max))));
            }
        }
        tree.put(key, children);
        (tree, max)
    }

    /// An indicator and its maximum.
    fn indicator(&mut self, random: &mut Random) -> (Tree, i64) {
        self.indicators += 1;
        let (reading, descending) = match self.style {
            Style::Anything => (self.maker.any(random), false),
            Style::Monotone => (self.adverse(random), true),
        };
        let mood = Mood { nonnegative: self.nonnegative, descending };
        let rule = self.maker.rule(random, &reading, mood);
        let mut tree = map([
            ("id", plain(format!("indicator-{}", self.indicators))),
            ("title", quoted("random")),
            ("source", source()),
            ("reading", reading.tree),
            ("rule", rule.tree),
        ]);
        let least_max = if self.nonnegative { rule.least.max(1) } else { rule.least };
        let max = if random.chance(30) { random.between(least_max, rule.greatest) } else { rule.greatest };
        if max != rule.greatest || random.chance(50) {
            tree.put("max", plain(decimal(max)));
        }
        let mut min = rule.least.min(max);
        if random.chance(20) {
            min = random.between(min, max);
            tree.put("min", plain(decimal(min)));
        }
        let unknown = match random.between(1, 30) {
            1 => plain("cannot_score"),
            2..=20 if self.excludes => plain("exclude"),
            _ => map([("points", plain(decimal(random.between(min, max))))]),
        };
        tree.put("unknown", unknown);
        if self.style == Style::Anything {
            tree.put("monotone", map([("waived", quoted("random"))]));
        }
        (tree, max)
    }

    /// A reading that only grows with adverse facts.
    fn adverse(&self, random: &mut Random) -> Reading {
        let codes = ["penalty", "court-default"].map(|id| self.maker.code(id));
        let code = *random.pick(&codes);
        let (tree, gives) = match random.between(1, 3) {
            1 => return self.maker.events_of(random, code),
            2 => ("count", Unit::Count),
            _ => ("sum", Unit::Money),
        };
        let (tree, _) = self.maker.selection(random, tree, &[code], false);
        Reading { tree, gives: Gives::Quantity(gives, None) }
    }
}

/// The children of a group, sometimes with weights that sum to 100 %, and the greatest value they reach together.
fn group(random: &mut Random, children: Vec<(Tree, i64)>) -> (Tree, i64) {
    let weighted = random.chance(30);
    let mut left = 10_000;
    let mut reach = 0;
    let mut list = Vec::new();
    let mut later = i64::try_from(children.len()).expect("few");
    for (mut child, max) in children {
        later -= 1;
        if weighted {
            let most = left - later;
            let weight = match later {
                0 => left,
                _ if random.chance(50) && most >= 100 => random.between(1, most / 100) * 100,
                _ => random.between(1, most),
            };
            left -= weight;
            child.put("weight", plain(format!("{}%", decimal(weight * 100))));
            reach += (max * weight).div_euclid(10_000);
        } else {
            reach += max;
        }
        list.push(child);
    }
    (Tree::List(list), reach)
}
