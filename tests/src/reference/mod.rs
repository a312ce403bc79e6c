//! A second evaluation of standards, written from `docs/standard-format.md` only.
//!
//! It reads the document tree anew at every step, loops over all facts every time, and computes in exact fractions.
//! It is slow on purpose: what it does can be compared with the page line by line. Documents are trusted to be
//! valid; a document that is not makes it panic.

mod calendar;
mod condition;
mod facts;
mod grade;
mod grouped;
mod number;
mod policy;
mod reading;
mod rule;
mod tree;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use hengxin_core::document::{Node, Value};
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::Vocabulary;
use jiff::civil::Date;

pub use calendar::{date, days_after, days_before, days_between, months_before};
pub use number::{Number, parse, round, whole};
pub use policy::{RefTier, classify};

/// One fact as §3 describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefFact {
    /// Its place among the facts of one day.
    pub id: u64,
    /// Fact code.
    pub code: String,
    /// The day it happened or began.
    pub occurred_on: Date,
    /// Last day in force; `None` when open.
    pub ends_on: Option<Date>,
    /// Number in natural units: yuan, a plain count or a plain decimal.
    pub number: Option<Number>,
    /// Reference.
    pub reference: Option<String>,
    /// Enumerated attributes: one value, or the values of a set.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// First day on which it no longer counts; `None` when never repaired.
    pub repaired_on: Option<Date>,
    /// Last day of publicity; `None` when none is set.
    pub publicity_until: Option<Date>,
    /// Objections: first day, and first day after (`None` while open).
    pub objections: Vec<(Date, Option<Date>)>,
}

/// A registration fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefRegistration {
    /// Ledger id; the later wins a tie.
    pub id: u64,
    /// From this day.
    pub occurred_on: Date,
    /// Date of establishment.
    pub established_on: Option<Date>,
    /// Legal form.
    pub legal_form: Option<String>,
    /// Size.
    pub size: Option<String>,
    /// Status.
    pub status: Option<String>,
    /// Region code.
    pub region: Option<String>,
    /// Industry code.
    pub industry: Option<String>,
    /// Capital in yuan.
    pub capital: Option<Number>,
}

/// A register is complete for a region through a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefDelivery {
    /// Register id.
    pub register: String,
    /// Region code, `100000` for the nation.
    pub region: String,
    /// Last complete day.
    pub through: Date,
}

/// Everything known about one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefFile {
    /// The subject's code.
    pub uscc: String,
    /// Facts, in any order.
    pub facts: Vec<RefFact>,
    /// Registrations, in any order.
    pub registrations: Vec<RefRegistration>,
    /// Known deliveries.
    pub deliveries: Vec<RefDelivery>,
}

/// A related subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefRelated {
    /// Kind of the relations that lead to it.
    pub kind: String,
    /// How many relations.
    pub depth: i64,
    /// First day on which the whole path holds.
    pub since: Date,
    /// Last day on which the whole path holds; `None` when open.
    pub until: Option<Date>,
    /// Its file.
    pub file: RefFile,
}

/// A subject's file and those of related subjects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefDossier {
    /// The subject.
    pub file: RefFile,
    /// Subjects reached by relations.
    pub related: Vec<RefRelated>,
}

/// What surrounds an evaluation: the vocabulary, and every edition of every standard.
#[derive(Clone, Debug)]
pub struct World {
    /// Declares registers, units and attributes.
    pub vocabulary: Vocabulary,
    /// All editions of all standards, for nested results.
    pub standards: Vec<Node>,
}

impl World {
    /// §5 `result`: the edition of a standard that is effective on a day.
    pub fn edition(&self, id: &str, on: Date) -> Option<&Node> {
        self.standards.iter().find(|standard| text(standard, "standard") == id && is_effective(standard, on))
    }
}

/// §1 `effective`: both days inclusive, `to` may be absent.
pub fn is_effective(standard: &Node, on: Date) -> bool {
    let effective = need(standard, "effective");
    on >= date(text(effective, "from")) && effective.child("to").is_none_or(|to| on <= date(scalar(to)))
}

/// What became of one indicator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefIndicator {
    /// Its id.
    pub id: String,
    /// Its points; `None` when it was excluded or forbids a score.
    pub points: Option<Number>,
    /// Whether its reading was known.
    pub known: bool,
}

/// The outcome of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefOutcome {
    /// The subject is not evaluated.
    NotEligible {
        /// The eligibility rule; `None` when the kind of subject is not evaluated.
        rule: Option<String>,
    },
    /// No score can be given.
    CannotScore {
        /// The grade of a veto.
        grade: Option<String>,
        /// Findings that apply, in the order of the document.
        findings: Vec<String>,
        /// Findings that are unknown.
        undetermined: Vec<String>,
        /// Eligibility rules that are unknown.
        undetermined_rules: Vec<String>,
        /// All indicators in the order of the document.
        indicators: Vec<RefIndicator>,
    },
    /// Evaluated.
    Graded {
        /// Score; `None` for a standard without a scale.
        score: Option<Number>,
        /// Grade of the band before findings; `None` for a standard without a scale.
        band: Option<String>,
        /// Grade after findings; `None` when there is none.
        grade: Option<String>,
        /// Findings that apply, in the order of the document.
        findings: Vec<String>,
        /// Findings that decided the grade.
        decided: Vec<String>,
        /// Findings that are unknown.
        undetermined: Vec<String>,
        /// Eligibility rules that are unknown.
        undetermined_rules: Vec<String>,
        /// All indicators in the order of the document.
        indicators: Vec<RefIndicator>,
    },
}

impl RefOutcome {
    /// The grade, if the outcome has one.
    pub fn grade(&self) -> Option<&str> {
        match self {
            RefOutcome::NotEligible { .. } => None,
            RefOutcome::CannotScore { grade, .. } | RefOutcome::Graded { grade, .. } => grade.as_deref(),
        }
    }

    /// The score, if the outcome has one.
    pub fn score(&self) -> Option<&Number> {
        match self {
            RefOutcome::NotEligible { .. } | RefOutcome::CannotScore { .. } => None,
            RefOutcome::Graded { score, .. } => score.as_ref(),
        }
    }

    /// The findings that apply.
    pub fn findings(&self) -> &[String] {
        match self {
            RefOutcome::NotEligible { .. } => &[],
            RefOutcome::CannotScore { findings, .. } | RefOutcome::Graded { findings, .. } => findings,
        }
    }
}

/// One evaluation on its way: who is looked at, by which standard, on which day.
#[derive(Clone, Copy)]
struct Scene<'a> {
    world: &'a World,
    standard: &'a Node,
    dossier: &'a RefDossier,
    file: &'a RefFile,
    as_of: Date,
}

impl Scene<'_> {
    /// §9 `scale`: the rounding; a standard without a scale rounds half up.
    fn rounding(&self) -> &str {
        match self.standard.child("scale").and_then(|scale| scale.child("rounding")) {
            Some(rounding) => scalar(rounding),
            None => "half-up",
        }
    }
}

/// Evaluates one subject by one edition of a standard. Order of evaluation: §1 subjects and eligibility, §8 and §9
/// score, §10 grade.
pub fn evaluate(world: &World, standard: &Node, dossier: &RefDossier, as_of: Date) -> RefOutcome {
    let scene = Scene { world, standard, dossier, file: &dossier.file, as_of };
    let kind = dossier.file.uscc.parse::<Uscc>().expect("a valid code").kind().to_string();
    if !need(standard, "subjects").items().iter().any(|subject| scalar(subject) == kind) {
        return RefOutcome::NotEligible { rule: None };
    }
    let mut undetermined_rules = Vec::new();
    for rule in children(standard, "eligibility") {
        match condition::holds(&scene, need(rule, "exclude_when")) {
            Some(true) => return RefOutcome::NotEligible { rule: Some(text(rule, "id").to_owned()) },
            Some(false) => {}
            None => undetermined_rules.push(text(rule, "id").to_owned()),
        }
    }
    let mut indicators = Vec::new();
    let score = match standard.child("scale") {
        None => tree::Score::NoScale,
        Some(scale) => tree::score(&scene, scale, &mut indicators),
    };
    grade::outcome(&scene, &score, undetermined_rules, indicators)
}

// The tree, by name. Every function here panics on a document that is not valid.

fn need<'n>(node: &'n Node, key: &str) -> &'n Node {
    node.child(key).unwrap_or_else(|| panic!("no key `{key}` in {}", node.excerpt()))
}

fn scalar(node: &Node) -> &str {
    node.text().unwrap_or_else(|| panic!("{} is no text", node.excerpt()))
}

fn text<'n>(node: &'n Node, key: &str) -> &'n str {
    scalar(need(node, key))
}

/// The items under a key that may be absent.
fn children<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.child(key).map(Node::items).unwrap_or_default()
}

fn entries(node: &Node) -> Vec<(&str, &Node)> {
    match &node.value {
        Value::Map(entries) => entries.iter().map(|(key, value)| (key.text.as_str(), value)).collect(),
        Value::Scalar(_) | Value::List(_) => panic!("{} is no map", node.excerpt()),
    }
}

fn number_at(node: &Node, key: &str) -> Option<Number> {
    node.child(key).map(|n| parse(scalar(n)))
}

fn integer(node: &Node) -> i64 {
    scalar(node).parse().unwrap_or_else(|_| panic!("`{}` is no whole number", scalar(node)))
}
