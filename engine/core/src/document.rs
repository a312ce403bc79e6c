//! A parsed document as the checks see it: a tree of nodes with their places, and the faults found in it.
//!
//! The tree knows nothing of YAML; `hengxin-standard` makes it from text. Every kind of rule or reading takes
//! its own part of the tree apart in its own file, so that adding one touches no parser elsewhere.
//! Faults are collected, never returned at the first: the author of a standard sees all of them at once.

use std::fmt;

use crate::date::Date;
use crate::number::{self, Points, Share};

/// A place in the source text: byte offsets, end exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// One node of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// What it holds.
    pub value: Value,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text exactly as written; numbers are not interpreted here.
    Scalar(String),
    /// A list.
    List(Vec<Node>),
    /// Keys in the order written; duplicates are kept so that they can be reported.
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where it stands.
    pub span: Span,
    /// The key as written.
    pub text: String,
}

impl Node {
    /// The scalar text, or `None` for a list or map.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The value under `key`, or `None` when this is no map or has no such key. The first of duplicates wins.
    pub fn child(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, v)| v),
            Value::Scalar(_) | Value::List(_) => None,
        }
    }

    /// The items of a list; a scalar or map counts as a list of one, as authors write `[x]` and `x` alike.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            Value::Scalar(_) | Value::Map(_) => std::slice::from_ref(self),
        }
    }

    /// A short picture of the node for messages.
    pub fn excerpt(&self) -> String {
        match &self.value {
            Value::Scalar(text) => shorten(text),
            Value::List(items) => format!("a list of {}", items.len()),
            Value::Map(entries) => match entries.first() {
                Some((key, _)) => format!("{{{}: …}}", key.text),
                None => "{}".to_owned(),
            },
        }
    }
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= 60 {
        return text.to_owned();
    }
    text.chars().take(57).chain("…".chars()).collect()
}

/// Which check a fault comes from: the row of `docs/standard-format.md` §14.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// Text outside the YAML subset.
    Syntax,
    /// A key this place does not have.
    UnknownKey,
    /// A key written twice.
    DuplicateKey,
    /// A required key is absent.
    MissingKey,
    /// A map where a list was expected, and the like.
    WrongShape,
    /// Not a plain decimal.
    NotANumber,
    /// Not a calendar date.
    NotADate,
    /// Past a stated limit.
    OutOfRange,
    /// A name nobody declared.
    UnknownName,
    /// Rule or comparison cannot take the reading.
    UnitMismatch,
    /// Values between two rows belong to none.
    BandsGap,
    /// Values belong to two rows.
    BandsOverlap,
    /// A row no value can reach.
    BandsUnreachable,
    /// Weights do not sum to 100 %.
    WeightsSum,
    /// A floor above a cap.
    FloorAboveCap,
    /// An indicator that cannot earn its maximum.
    NeverMaximum,
    /// A condition or effect that can never apply.
    NeverApplies,
    /// No source.
    MissingSource,
    /// More adverse facts earn more.
    NotMonotone,
    /// Products that would need rounding.
    Inexact,
    /// Exclusion where maxima are not positive.
    ExcludedSign,
    /// Standards that depend on each other in a ring.
    Cycle,
    /// Two editions effective on one day.
    EditionOverlap,
    /// Editions of a nested standard with different grade schemes.
    SchemeMixed,
    /// A published edition was changed.
    Lock,
}

impl Check {
    /// Every check, in the order of the documentation.
    pub const ALL: [Check; 25] = [
        Check::Syntax,
        Check::UnknownKey,
        Check::DuplicateKey,
        Check::MissingKey,
        Check::WrongShape,
        Check::NotANumber,
        Check::NotADate,
        Check::OutOfRange,
        Check::UnknownName,
        Check::UnitMismatch,
        Check::BandsGap,
        Check::BandsOverlap,
        Check::BandsUnreachable,
        Check::WeightsSum,
        Check::FloorAboveCap,
        Check::NeverMaximum,
        Check::NeverApplies,
        Check::MissingSource,
        Check::NotMonotone,
        Check::Inexact,
        Check::ExcludedSign,
        Check::Cycle,
        Check::EditionOverlap,
        Check::SchemeMixed,
        Check::Lock,
    ];

    /// The stable id, as in `docs/standard-format.md` §14.
    pub const fn id(self) -> &'static str {
        match self {
            Check::Syntax => "syntax",
            Check::UnknownKey => "unknown-key",
            Check::DuplicateKey => "duplicate-key",
            Check::MissingKey => "missing-key",
            Check::WrongShape => "wrong-shape",
            Check::NotANumber => "not-a-number",
            Check::NotADate => "not-a-date",
            Check::OutOfRange => "out-of-range",
            Check::UnknownName => "unknown-name",
            Check::UnitMismatch => "unit-mismatch",
            Check::BandsGap => "bands-gap",
            Check::BandsOverlap => "bands-overlap",
            Check::BandsUnreachable => "bands-unreachable",
            Check::WeightsSum => "weights-sum",
            Check::FloorAboveCap => "floor-above-cap",
            Check::NeverMaximum => "never-maximum",
            Check::NeverApplies => "never-applies",
            Check::MissingSource => "missing-source",
            Check::NotMonotone => "not-monotone",
            Check::Inexact => "inexact",
            Check::ExcludedSign => "excluded-sign",
            Check::Cycle => "cycle",
            Check::EditionOverlap => "edition-overlap",
            Check::SchemeMixed => "scheme-mixed",
            Check::Lock => "lock",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// One fault in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub at: Span,
    /// Which check found it.
    pub check: Check,
    /// What was found, in words; the author's own text in backticks.
    pub found: String,
    /// What was expected.
    pub expected: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: found {}, expected {}", self.check, self.found, self.expected)
    }
}

/// The faults collected so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Adds a fault at `at`.
    pub fn push(&mut self, at: Span, check: Check, found: impl Into<String>, expected: impl Into<String>) {
        self.0.push(Fault { at, check, found: found.into(), expected: expected.into() });
    }

    /// Adds a fault about a whole node, quoting it.
    pub fn node(&mut self, node: &Node, check: Check, expected: impl Into<String>) {
        self.push(node.span, check, format!("`{}`", node.excerpt()), expected);
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many were found.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// A map being taken apart: hands out its values and reports what nobody asked for.
pub struct Fields<'n> {
    node: &'n Node,
    entries: &'n [(Key, Node)],
    taken: Vec<bool>,
    asked: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// Opens `node` as a map. Duplicate keys are reported here. `None` when it is no map.
    pub fn open(node: &'n Node, what: &str, faults: &mut Faults) -> Option<Fields<'n>> {
        let Value::Map(entries) = &node.value else {
            faults.node(node, Check::WrongShape, format!("{what} as a map of keys"));
            return None;
        };
        let mut taken = vec![false; entries.len()];
        for (i, (key, _)) in entries.iter().enumerate() {
            if entries.iter().take(i).any(|(earlier, _)| earlier.text == key.text) {
                taken[i] = true;
                faults.push(
                    key.span,
                    Check::DuplicateKey,
                    format!("`{}` a second time", key.text),
                    "each key once",
                );
            }
        }
        Some(Fields { node, entries, taken, asked: Vec::new() })
    }

    /// The node that was opened.
    pub fn node(&self) -> &'n Node {
        self.node
    }

    /// The value of an optional key.
    pub fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        self.asked.push(key);
        let i = self.entries.iter().position(|(k, _)| k.text == key)?;
        self.taken[i] = true;
        Some(&self.entries[i].1)
    }

    /// Whether the map has `key`; does not count as asking for it.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(k, _)| k.text == key)
    }

    /// The value of a required key; reported when absent.
    pub fn need(&mut self, key: &'static str, faults: &mut Faults) -> Option<&'n Node> {
        let found = self.take(key);
        if found.is_none() {
            self.report_missing(key, Check::MissingKey, faults);
        }
        found
    }

    /// Reports that `key` is absent.
    pub fn report_missing(&self, key: &str, check: Check, faults: &mut Faults) {
        let keys: Vec<&str> = self.entries.iter().map(|(k, _)| k.text.as_str()).collect();
        faults.push(
            self.node.span,
            check,
            format!("keys `{}`", keys.join("`, `")),
            format!("also the key `{key}`"),
        );
    }

    /// The text of a required key.
    pub fn need_text(&mut self, key: &'static str, faults: &mut Faults) -> Option<&'n str> {
        let node = self.need(key, faults)?;
        text(node, faults)
    }

    /// The text of an optional key.
    pub fn take_text(&mut self, key: &'static str, faults: &mut Faults) -> Option<&'n str> {
        let node = self.take(key)?;
        text(node, faults)
    }

    /// Which of `keys` is present; exactly one must be. Its index and value.
    pub fn one_of(
        &mut self,
        keys: &[&'static str],
        what: &str,
        faults: &mut Faults,
    ) -> Option<(usize, &'n Node)> {
        let present: Vec<(usize, &'n Node)> =
            keys.iter().enumerate().filter_map(|(i, key)| self.take(key).map(|node| (i, node))).collect();
        match present.as_slice() {
            [one] => Some(*one),
            [] => {
                let found = match self.entries.iter().find(|(k, _)| !k.text.is_empty()) {
                    Some((key, _)) => format!("`{}`", key.text),
                    None => "nothing".to_owned(),
                };
                for (i, (key, _)) in self.entries.iter().enumerate() {
                    // The wrong word stands for the kind itself: one fault, not two.
                    if nearest(&key.text, keys).is_some() || self.entries.len() == 1 {
                        self.taken[i] = true;
                    }
                }
                faults.push(
                    self.node.span,
                    Check::UnknownKey,
                    found,
                    format!("{what}, one of `{}`", keys.join("`, `")),
                );
                None
            }
            [_, _, ..] => {
                let names: Vec<&str> = present.iter().map(|(i, _)| keys[*i]).collect();
                faults.push(
                    self.node.span,
                    Check::WrongShape,
                    format!("`{}` together", names.join("` and `")),
                    format!("{what}, exactly one of them"),
                );
                None
            }
        }
    }

    /// Reports the keys nobody asked for.
    pub fn finish(self, faults: &mut Faults) {
        for (i, (key, _)) in self.entries.iter().enumerate() {
            if self.taken[i] {
                continue;
            }
            let expected = match nearest(&key.text, &self.asked) {
                Some(near) => format!("a key of this place; did you mean `{near}`?"),
                None => format!("one of `{}`", self.asked.join("`, `")),
            };
            faults.push(key.span, Check::UnknownKey, format!("`{}`", key.text), expected);
        }
    }
}

/// The candidate that differs from `word` by the fewest edits, when that is few enough to be a slip.
pub fn nearest<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let best = candidates.iter().map(|c| (edits(word, c), *c)).min()?;
    (best.0 <= 1 + word.chars().count() / 4).then_some(best.1)
}

fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The text of a scalar; reported when it is none.
pub fn text<'n>(node: &'n Node, faults: &mut Faults) -> Option<&'n str> {
    let found = node.text();
    if found.is_none() {
        faults.node(node, Check::WrongShape, "plain text");
    }
    found
}

/// The items of a list that must be written as one and hold something.
pub fn list<'n>(node: &'n Node, what: &str, faults: &mut Faults) -> Option<&'n [Node]> {
    match &node.value {
        Value::List(items) if !items.is_empty() => Some(items),
        Value::List(_) | Value::Scalar(_) | Value::Map(_) => {
            faults.node(node, Check::WrongShape, format!("a list of {what}, at least one"));
            None
        }
    }
}

/// A plain decimal with at most `places` places and magnitude at most `limit` (in units), scaled by 10^places.
pub fn decimal(node: &Node, places: u32, limit: i64, faults: &mut Faults) -> Option<i64> {
    let found = text(node, faults)?;
    match number::parse_decimal(found, places) {
        Ok(scaled) => {
            let one = 10i64.pow(places);
            if scaled.unsigned_abs() > (limit.unsigned_abs()) * one.unsigned_abs() {
                faults.node(node, Check::OutOfRange, format!("a magnitude of at most {limit}"));
                return None;
            }
            Some(scaled)
        }
        Err(problem) => {
            faults.node(node, Check::NotANumber, problem.to_string());
            None
        }
    }
}

/// Points: at most four places, at most 1,000,000.
pub fn points(node: &Node, faults: &mut Faults) -> Option<Points> {
    decimal(node, 4, Points::LIMIT, faults).map(Points::from_ten_thousandths)
}

/// A whole number between `least` and `greatest`.
pub fn whole(node: &Node, least: i64, greatest: i64, faults: &mut Faults) -> Option<i64> {
    let found = decimal(node, 0, i64::from(u32::MAX), faults)?;
    if found < least || found > greatest {
        faults.node(node, Check::OutOfRange, format!("a whole number from {least} to {greatest}"));
        return None;
    }
    Some(found)
}

/// A share such as `12.5%`, held in basis points, at most 10,000 %.
pub fn share(node: &Node, faults: &mut Faults) -> Option<Share> {
    let found = text(node, faults)?;
    let scaled = found.strip_suffix('%').and_then(|digits| number::parse_decimal(digits, 2).ok());
    match scaled {
        Some(points) if (0..=1_000_000).contains(&points) => Some(Share::from_basis_points(points)),
        Some(_) | None => {
            faults.node(node, Check::NotANumber, "a share such as `12.5%`, from 0% to 10000%");
            None
        }
    }
}

/// A civil date.
pub fn date(node: &Node, faults: &mut Faults) -> Option<Date> {
    let found = text(node, faults)?;
    match found.parse() {
        Ok(date) => Some(date),
        Err(problem) => {
            faults.node(node, Check::NotADate, format!("a date such as 2026-01-31: {problem}"));
            None
        }
    }
}

/// Finds `node`'s text among `names`; an unknown one is reported with the nearest. Its index.
pub fn name(node: &Node, what: &str, names: &[&str], faults: &mut Faults) -> Option<usize> {
    let found = text(node, faults)?;
    if let Some(i) = names.iter().position(|n| *n == found) {
        return Some(i);
    }
    let expected = match nearest(found, names) {
        Some(near) => format!("{what}; did you mean `{near}`?"),
        None if names.len() <= 24 => format!("{what}, one of `{}`", names.join("`, `")),
        None => what.to_owned(),
    };
    faults.node(node, Check::UnknownName, expected);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(text: &str) -> Node {
        Node { span: Span::default(), value: Value::Scalar(text.to_owned()) }
    }

    fn map(entries: &[(&str, &str)]) -> Node {
        let entries = entries
            .iter()
            .map(|(k, v)| (Key { span: Span::default(), text: (*k).to_owned() }, scalar(v)))
            .collect();
        Node { span: Span::default(), value: Value::Map(entries) }
    }

    #[test]
    fn all_wrong_keys_are_reported_with_the_nearest_right_one() {
        let node = map(&[("titel", "x"), ("max", "1"), ("max", "2"), ("zzz", "3")]);
        let mut faults = Faults::default();
        let mut fields = Fields::open(&node, "a thing", &mut faults).expect("is a map");
        fields.take("max");
        assert!(fields.need("title", &mut faults).is_none());
        fields.finish(&mut faults);
        let checks: Vec<&str> = faults.0.iter().map(|f| f.check.id()).collect();
        assert_eq!(checks, ["duplicate-key", "missing-key", "unknown-key", "unknown-key"]);
        assert!(faults.0[2].expected.contains("did you mean `title`"), "{}", faults.0[2]);
    }

    #[test]
    fn shares_are_percentages_with_at_most_two_places() {
        let mut faults = Faults::default();
        assert_eq!(share(&scalar("12.5%"), &mut faults).map(Share::basis_points), Some(1250));
        assert!(faults.is_empty());
        for bad in ["12.5", "-1%", "1.234%", "%", "1e2%"] {
            assert!(share(&scalar(bad), &mut faults).is_none(), "{bad}");
        }
        assert_eq!(faults.len(), 5);
    }

    #[test]
    fn a_far_word_gets_no_suggestion() {
        assert_eq!(nearest("severty", &["severity", "kind"]), Some("severity"));
        assert_eq!(nearest("banana", &["severity", "kind"]), None);
    }
}
