//! What the parts of a standard need to know while they are taken apart: the vocabulary, the other standards, and
//! a place for selections and faults.

use crate::date::Date;
use crate::document::{self, Check, Faults, Fields, Node};
use crate::selection::Selection;
use crate::vocabulary::Vocabulary;

/// Another standard as far as its dependants may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Id.
    pub id: String,
    /// Edition.
    pub edition: String,
    /// First and last day in force.
    pub effective: (Date, Date),
    /// Name of its grade scheme.
    pub scheme: String,
    /// Its grades, best first.
    pub grades: Vec<String>,
    /// Ids of its findings.
    pub findings: Vec<String>,
    /// Whether it gives a score.
    pub scored: bool,
}

/// All editions of all standards that exist.
#[derive(Clone, Debug, Default)]
pub struct Peers(pub Vec<Peer>);

impl Peers {
    /// The editions of `id` in force on some day of `effective`.
    pub fn overlapping<'p>(&'p self, id: &'p str, effective: (Date, Date)) -> impl Iterator<Item = &'p Peer> {
        self.0
            .iter()
            .filter(move |p| p.id == id && p.effective.0 <= effective.1 && effective.0 <= p.effective.1)
    }

    /// The one grade scheme of a standard over a period: reported when it is unknown, absent or mixed.
    pub(crate) fn scheme(
        &self,
        node: &Node,
        id: &str,
        effective: (Date, Date),
        faults: &mut Faults,
    ) -> Option<&Peer> {
        let mut ids: Vec<&str> = self.0.iter().map(|p| p.id.as_str()).collect();
        ids.dedup();
        if !ids.contains(&id) {
            let expected = match document::nearest(id, &ids) {
                Some(near) => format!("the id of a standard; did you mean `{near}`?"),
                None => format!("the id of a standard, one of `{}`", ids.join("`, `")),
            };
            faults.node(node, Check::UnknownName, expected);
            return None;
        }
        let first = self
            .0
            .iter()
            .find(|p| p.id == id && p.effective.0 <= effective.1 && effective.0 <= p.effective.1);
        let Some(first) = first else {
            faults.node(node, Check::NeverApplies, "a standard with an edition in force while this one is");
            return None;
        };
        for other in self.overlapping(id, effective) {
            if other.scheme != first.scheme || other.grades != first.grades {
                faults.push(
                    node.span,
                    Check::SchemeMixed,
                    format!(
                        "`{id}` grades by `{}` in {} and by `{}` in {}",
                        first.scheme, first.edition, other.scheme, other.edition
                    ),
                    "one grade scheme over the whole period; shorten `effective` or take the score",
                );
                return None;
            }
        }
        Some(first)
    }
}

/// Where an item's figures come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A published document.
    Cited {
        /// Document number or name.
        document: String,
        /// Article or clause.
        clause: Option<String>,
        /// Where it was read.
        url: Option<String>,
    },
    /// The project's own figure, and why.
    Project {
        /// The reason.
        reason: String,
    },
}

impl Source {
    /// Takes `source` out of a map that must have it.
    pub(crate) fn need(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Source> {
        Source::need_key(fields, "source", faults)
    }

    pub(crate) fn need_key(
        fields: &mut Fields<'_>,
        key: &'static str,
        faults: &mut Faults,
    ) -> Option<Source> {
        let Some(node) = fields.take(key) else {
            fields.report_missing(key, Check::MissingSource, faults);
            return None;
        };
        Source::parse(node, faults)
    }

    fn parse(node: &Node, faults: &mut Faults) -> Option<Source> {
        let mut fields = Fields::open(node, "a source", faults)?;
        let reason = fields.take_text("project", faults);
        let document = fields.take_text("document", faults);
        let clause = fields.take_text("clause", faults).map(str::to_owned);
        let url = fields.take_text("url", faults).map(str::to_owned);
        fields.finish(faults);
        match (document, reason) {
            (Some(document), None) if !document.is_empty() => {
                Some(Source::Cited { document: document.to_owned(), clause, url })
            }
            (None, Some(reason)) if !reason.is_empty() => Some(Source::Project { reason: reason.to_owned() }),
            _ => {
                faults.node(node, Check::MissingSource, "either `document` or `project` with a reason");
                None
            }
        }
    }
}

/// One line: the document and clause, or the project's reason.
impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Cited { document, clause: Some(clause), url: _ } => write!(f, "{document} {clause}"),
            Source::Cited { document, clause: None, url: _ } => f.write_str(document),
            Source::Project { reason } => write!(f, "project: {reason}"),
        }
    }
}

/// The state of taking one standard apart.
pub(crate) struct Scope<'a> {
    pub vocabulary: &'a Vocabulary,
    pub peers: &'a Peers,
    pub effective: (Date, Date),
    /// Selections of the readings taken apart so far.
    pub selections: Vec<Selection>,
    /// The `related` readings taken apart so far.
    pub related: Vec<crate::reading::related::Related>,
    /// Ids of the standards whose results are read, in order of first use.
    pub depends: Vec<String>,
    pub faults: Faults,
}

/// Index of a selection in its reader.
pub(crate) type Slot = usize;

impl Scope<'_> {
    /// Registers a selection; equal ones share a slot, so that their facts are picked once.
    pub fn slot(&mut self, selection: Selection) -> Slot {
        if let Some(slot) = self.selections.iter().position(|s| *s == selection) {
            return slot;
        }
        self.selections.push(selection);
        self.selections.len() - 1
    }
}
