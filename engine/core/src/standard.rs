//! A checked standard: who is evaluated, what is measured, how it becomes points and a grade.
//!
//! Only [`Standard::parse`] makes one, so that whatever the kernel relies on has been checked: rules fit their
//! readings, bands tile their range, weights sum to the whole. Source: `docs/standard-format.md`.

use crate::condition::Condition;
use crate::date::Date;
use crate::document::{self, Check, Faults, Fields, Node};
use crate::grade::{Finding, Grades};
use crate::number::{Points, Rounding, Share};
use crate::picker::Lifecycle;
use crate::reading::related::Related;
use crate::scope::{Peer, Peers, Scope, Source};
use crate::selection::Selection;
use crate::tree::{Dimension, Group, Indicator};
use crate::uscc::SubjectKind;
use crate::vocabulary::Vocabulary;

/// How sure the figures of a document are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Read in the official text.
    Official,
    /// From summaries.
    Reported,
    /// The project's own.
    Sample,
}

impl Status {
    /// The words of a document.
    pub const NAMES: [&'static str; 3] = ["official", "reported", "sample"];

    pub(crate) const fn from_index(i: usize) -> Status {
        match i {
            0 => Status::Official,
            1 => Status::Reported,
            _ => Status::Sample,
        }
    }

    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Official => "official",
            Status::Reported => "reported",
            Status::Sample => "sample",
        }
    }
}

/// How often a standard is applied. Informs schedules, never changes a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cycle {
    /// Every month.
    Month,
    /// Every quarter.
    Quarter,
    /// Every year.
    Year,
    /// When something changes.
    Change,
}

/// A document a standard rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegalBasis {
    /// Document number or name.
    pub document: String,
    /// Title.
    pub title: Option<String>,
    /// Where it was read.
    pub url: Option<String>,
}

/// Who is not evaluated, and why.
#[derive(Clone, Debug)]
pub struct Eligibility {
    /// Id.
    pub id: String,
    /// The reason shown.
    pub reason: String,
    /// Its source.
    pub source: Source,
    pub(crate) exclude_when: Condition,
}

/// The scale of scores.
#[derive(Clone, Debug)]
pub struct Scale {
    pub(crate) base: Base,
    /// Source of the base, when it was given.
    pub base_source: Option<Source>,
    /// Least score.
    pub min: Points,
    /// Greatest score.
    pub max: Points,
    /// Decimals of a score, 0 to 4.
    pub decimals: u32,
}

/// What a score starts from: the first case whose condition is true, else the last figure.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    pub cases: Vec<(Condition, Points)>,
    pub otherwise: Points,
}

/// A checked standard.
#[derive(Clone, Debug)]
pub struct Standard {
    /// Id; one for all editions.
    pub id: String,
    /// Edition.
    pub edition: String,
    /// Title.
    pub title: String,
    /// Who issues it.
    pub authority: String,
    /// What it rests on.
    pub legal_basis: Vec<LegalBasis>,
    /// How sure its figures are.
    pub status: Status,
    /// What was not confirmed or left out.
    pub note: Option<String>,
    /// First and last day in force; [`Date::FOREVER`] when open.
    pub effective: (Date, Date),
    /// Who is evaluated.
    pub subjects: Vec<SubjectKind>,
    /// How often.
    pub cycle: Cycle,
    /// Who is not evaluated.
    pub eligibility: Vec<Eligibility>,
    /// Which facts count.
    pub lifecycle: Lifecycle,
    /// The scale; `None` when only grades are given.
    pub scale: Option<Scale>,
    /// How quotients round.
    pub rounding: Rounding,
    /// Least share of the maxima that must be known.
    pub minimum_known: Option<Share>,
    /// All indicators, in document order.
    pub indicators: Vec<Indicator>,
    /// All dimensions, parents before children.
    pub dimensions: Vec<Dimension>,
    /// The top-level dimensions.
    pub(crate) top: Group,
    /// Grades and how a score becomes one.
    pub grades: Grades,
    /// What moves a grade besides the score.
    pub findings: Vec<Finding>,
    /// Ids of the standards whose results it reads.
    pub depends: Vec<String>,
    pub(crate) selections: Vec<Selection>,
    pub(crate) related: Vec<Related>,
    /// Per register of the vocabulary: days after its last complete day during which it counts as delivered.
    pub(crate) lags: Vec<i32>,
}

impl Standard {
    /// What other standards may know of this document; `None` when its head cannot be read.
    pub fn head(node: &Node) -> Option<Peer> {
        let text = |key: &str| node.child(key)?.text();
        let effective = node.child("effective")?;
        let from = effective.child("from")?.text()?.parse().ok()?;
        let to = match effective.child("to") {
            Some(to) => to.text()?.parse().ok()?,
            None => Date::FOREVER,
        };
        let grades = node.child("grades")?;
        let listed = grades.child("bands").or(grades.child("order"))?;
        let grade = |n: &Node| n.child("grade")?.text().map(str::to_owned);
        let id = |n: &Node| n.child("id")?.text().map(str::to_owned);
        Some(Peer {
            id: text("standard")?.to_owned(),
            edition: text("edition")?.to_owned(),
            effective: (from, to),
            scheme: grades.child("scheme")?.text()?.to_owned(),
            grades: listed.items().iter().filter_map(grade).collect(),
            findings: node
                .child("findings")
                .map(Node::items)
                .unwrap_or_default()
                .iter()
                .filter_map(id)
                .collect(),
            scored: node.child("scale").is_some(),
        })
    }

    /// Takes a document apart and checks it.
    ///
    /// # Errors
    /// All faults of the document at once.
    pub fn parse(node: &Node, vocabulary: &Vocabulary, peers: &Peers) -> Result<Standard, Faults> {
        let mut scope = Scope {
            vocabulary,
            peers,
            effective: (Date::BEFORE_ALL, Date::FOREVER),
            selections: Vec::new(),
            related: Vec::new(),
            depends: Vec::new(),
            faults: Faults::default(),
        };
        let parsed = parse(node, &mut scope);
        match parsed {
            Some(standard) if scope.faults.is_empty() => Ok(standard),
            Some(_) | None => Err(scope.faults),
        }
    }
}

fn parse(node: &Node, scope: &mut Scope<'_>) -> Option<Standard> {
    let mut f = Fields::open(node, "a standard", &mut scope.faults)?;
    let id = f.need_text("standard", &mut scope.faults);
    let edition = f.need_text("edition", &mut scope.faults);
    let title = f.need_text("title", &mut scope.faults);
    let authority = f.need_text("authority", &mut scope.faults);
    let status = f
        .need("status", &mut scope.faults)
        .and_then(|n| document::name(n, "a status", &Status::NAMES, &mut scope.faults));
    let remarks = f.take_text("note", &mut scope.faults).map(str::to_owned);
    let effective =
        f.need("effective", &mut scope.faults).and_then(|n| parse_effective(n, &mut scope.faults));
    if let Some(effective) = effective {
        scope.effective = effective;
    }
    let legal_basis = parse_legal_basis(&mut f, &mut scope.faults);
    let subjects = parse_subjects(&mut f, &mut scope.faults);
    let cycle = match f.take("cycle") {
        Some(node) => parse_cycle(node, &mut scope.faults)?,
        None => Cycle::Year,
    };
    let lifecycle = f.take("lifecycle").map(|n| parse_lifecycle(n, &mut scope.faults)).unwrap_or_default();
    let eligibility = match f.take("eligibility") {
        Some(node) => node.items().iter().filter_map(|n| parse_eligibility(n, scope)).collect(),
        None => Vec::new(),
    };
    let scale_node = f.take("scale");
    let scale = scale_node.and_then(|n| parse_scale(n, scope));
    let minimum_known = f.take("minimum_known").and_then(|n| document::share(n, &mut scope.faults));
    let mut tree = crate::tree::Tree::default();
    let top = match (scale_node, f.take("dimensions")) {
        (Some(_), Some(node)) => tree.parse_top(node, scope),
        (Some(_), None) => {
            f.report_missing("dimensions", Check::MissingKey, &mut scope.faults);
            None
        }
        (None, Some(node)) => {
            scope.faults.node(node, Check::WrongShape, "no `dimensions` in a standard without `scale`");
            None
        }
        (None, None) => Some(Group::default()),
    };
    let bounds = scale.as_ref().map(|(s, _)| (s.min, s.max));
    let grades = f
        .need("grades", &mut scope.faults)
        .and_then(|n| Grades::parse(n, scale_node.is_some(), bounds, scope));
    let mut findings = Vec::new();
    if let (Some(node), Some(grades)) = (f.take("findings"), &grades) {
        for item in node.items() {
            findings.extend(Finding::parse(item, grades, scope));
        }
        if node.items().len() > 64 {
            scope.faults.node(node, Check::OutOfRange, "at most 64 findings");
        }
    }
    f.finish(&mut scope.faults);
    let ids = eligibility.iter().map(|e: &Eligibility| &e.id).chain(findings.iter().map(|f: &Finding| &f.id));
    tree.check_ids(node, ids, &mut scope.faults);
    let (scale, rounding) = match scale {
        Some((scale, rounding)) => (Some(scale), rounding),
        None => (None, Rounding::default()),
    };
    Some(Standard {
        id: id?.to_owned(),
        edition: edition?.to_owned(),
        title: title?.to_owned(),
        authority: authority?.to_owned(),
        legal_basis,
        status: Status::from_index(status?),
        note: remarks,
        effective: effective?,
        subjects,
        cycle,
        eligibility,
        lifecycle,
        scale,
        rounding,
        minimum_known,
        indicators: tree.indicators,
        dimensions: tree.dimensions,
        top: top?,
        grades: grades?,
        findings,
        depends: std::mem::take(&mut scope.depends),
        selections: std::mem::take(&mut scope.selections),
        related: std::mem::take(&mut scope.related),
        lags: scope.vocabulary.registers.iter().map(|r| r.lag_days).collect(),
    })
}

pub(crate) fn parse_effective(node: &Node, faults: &mut Faults) -> Option<(Date, Date)> {
    let mut f = Fields::open(node, "effective dates", faults)?;
    let from = f.need("from", faults).and_then(|n| document::date(n, faults));
    let to = match f.take("to") {
        Some(node) => document::date(node, faults),
        None => Some(Date::FOREVER),
    };
    f.finish(faults);
    let (from, to) = (from?, to?);
    if from > to {
        faults.node(node, Check::NeverApplies, format!("`to` ({to}) on or after `from` ({from})"));
        return None;
    }
    Some((from, to))
}

fn parse_legal_basis(f: &mut Fields<'_>, faults: &mut Faults) -> Vec<LegalBasis> {
    let mut basis = Vec::new();
    for item in f.take("legal_basis").map(Node::items).unwrap_or_default() {
        let Some(mut f) = Fields::open(item, "a legal basis", faults) else { continue };
        let document = f.need_text("document", faults).map(str::to_owned);
        let title = f.take_text("title", faults).map(str::to_owned);
        let url = f.take_text("url", faults).map(str::to_owned);
        f.finish(faults);
        basis.extend(document.map(|document| LegalBasis { document, title, url }));
    }
    basis
}

fn parse_subjects(f: &mut Fields<'_>, faults: &mut Faults) -> Vec<SubjectKind> {
    let names: Vec<&str> = SubjectKind::ALL.iter().map(|k| k.as_str()).collect();
    let items = f.need("subjects", faults).map(Node::items).unwrap_or_default();
    let found = items.iter().filter_map(|n| document::name(n, "a kind of subject", &names, faults));
    found.map(|i| SubjectKind::ALL[i]).collect()
}

fn parse_cycle(node: &Node, faults: &mut Faults) -> Option<Cycle> {
    let mut f = Fields::open(node, "a cycle", faults)?;
    let names = ["month", "quarter", "year", "change"];
    let every = f.need("every", faults).and_then(|n| document::name(n, "a period", &names, faults));
    f.finish(faults);
    Some([Cycle::Month, Cycle::Quarter, Cycle::Year, Cycle::Change][every?])
}

pub(crate) fn parse_lifecycle(node: &Node, faults: &mut Faults) -> Lifecycle {
    let Some(mut f) = Fields::open(node, "a lifecycle", faults) else { return Lifecycle::default() };
    let objection =
        f.take("objection").and_then(|n| document::name(n, "an effect", &["counts", "suspended"], faults));
    let past =
        f.take("past_publicity").and_then(|n| document::name(n, "an effect", &["ignored", "counts"], faults));
    f.finish(faults);
    Lifecycle { objection_suspends: objection == Some(1), past_publicity_counts: past == Some(1) }
}

fn parse_eligibility(node: &Node, scope: &mut Scope<'_>) -> Option<Eligibility> {
    let mut f = Fields::open(node, "an eligibility rule", &mut scope.faults)?;
    let id = f.need_text("id", &mut scope.faults);
    let reason = f.need_text("reason", &mut scope.faults);
    let source = Source::need(&mut f, &mut scope.faults);
    let condition = f.need("exclude_when", &mut scope.faults).and_then(|n| Condition::parse(n, scope));
    f.finish(&mut scope.faults);
    Some(Eligibility {
        id: id?.to_owned(),
        reason: reason?.to_owned(),
        source: source?,
        exclude_when: condition?,
    })
}

fn parse_scale(node: &Node, scope: &mut Scope<'_>) -> Option<(Scale, Rounding)> {
    let mut f = Fields::open(node, "a scale", &mut scope.faults)?;
    let base_node = f.need("base", &mut scope.faults);
    let listed = base_node.is_some_and(|n| n.text().is_none());
    let base = base_node.and_then(|n| parse_base(n, scope));
    let base_source = if listed || f.has("base_source") {
        Source::need_key(&mut f, "base_source", &mut scope.faults)
    } else {
        None
    };
    let min = f.need("min", &mut scope.faults).and_then(|n| document::points(n, &mut scope.faults));
    let max = f.need("max", &mut scope.faults).and_then(|n| document::points(n, &mut scope.faults));
    let decimals =
        f.need("decimals", &mut scope.faults).and_then(|n| document::whole(n, 0, 4, &mut scope.faults));
    let rounding = f
        .need("rounding", &mut scope.faults)
        .and_then(|n| document::name(n, "a rounding", &Rounding::NAMES, &mut scope.faults));
    f.finish(&mut scope.faults);
    let (min, max) = (min?, max?);
    if min >= max {
        scope.faults.node(node, Check::FloorAboveCap, format!("`min` ({min}) below `max` ({max})"));
        return None;
    }
    let decimals = u32::try_from(decimals?).ok()?;
    Some((Scale { base: base?, base_source, min, max, decimals }, Rounding::from_index(rounding?)))
}

fn parse_base(node: &Node, scope: &mut Scope<'_>) -> Option<Base> {
    if node.text().is_some() {
        return Some(Base { cases: Vec::new(), otherwise: document::points(node, &mut scope.faults)? });
    }
    let items = document::list(node, "cases `{when, points}`, the last without `when`", &mut scope.faults)?;
    let mut base = Base { cases: Vec::new(), otherwise: Points::ZERO };
    for (i, item) in items.iter().enumerate() {
        let mut f = Fields::open(item, "a case", &mut scope.faults)?;
        let when = f.take("when").map(|n| Condition::parse(n, scope));
        let points = f.need("points", &mut scope.faults).and_then(|n| document::points(n, &mut scope.faults));
        f.finish(&mut scope.faults);
        let last = i + 1 == items.len();
        match (when, last) {
            (Some(when), false) => base.cases.push((when?, points?)),
            (None, true) => base.otherwise = points?,
            _ => {
                scope.faults.node(
                    item,
                    Check::WrongShape,
                    "every case but the last with `when`, the last without",
                );
                return None;
            }
        }
    }
    Some(base)
}
