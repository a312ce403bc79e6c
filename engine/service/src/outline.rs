//! The shape of a document as a reader sees it: which indicators stand under which dimension, what an override asks for.
//!
//! Checked types keep what the kernel alone may use to themselves. An explanation wants to show the document's own
//! order and figures, and takes them from the document's text, which has been checked when the catalogue was made.

use hengxin_core::document::{Node, Value};
use hengxin_core::standard::Standard;
use hengxin_core::tier::Tier;
use hengxin_standard::parse_document;

/// The tree of a standard: its top-level dimensions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline(pub Vec<Branch>);

/// A dimension with what it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Its place in [`Standard::dimensions`].
    pub dimension: usize,
    /// Its children in the order written.
    pub children: Vec<Child>,
}

/// A child of a dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Child {
    /// A further dimension.
    Branch(Branch),
    /// An indicator, by its place in [`Standard::indicators`].
    Indicator(usize),
}

impl Outline {
    /// The outline of a checked standard from the text it was checked from.
    pub fn of(standard: &Standard, text: &str) -> Outline {
        let Ok(document) = parse_document(text) else { return Outline::default() };
        let top = document.child("dimensions").map(Node::items).unwrap_or_default();
        Outline(top.iter().filter_map(|node| branch(standard, node)).collect())
    }
}

fn branch(standard: &Standard, node: &Node) -> Option<Branch> {
    let id = node.child("id")?.text()?;
    let dimension = standard.dimensions.iter().position(|d| d.id == id)?;
    let children = match (node.child("indicators"), node.child("dimensions")) {
        (Some(indicators), _) => indicators
            .items()
            .iter()
            .filter_map(|n| {
                let id = n.child("id")?.text()?;
                standard.indicators.iter().position(|i| i.id == id).map(Child::Indicator)
            })
            .collect(),
        (None, Some(inner)) => {
            inner.items().iter().filter_map(|n| branch(standard, n).map(Child::Branch)).collect()
        }
        (None, None) => Vec::new(),
    };
    Some(Branch { dimension, children })
}

/// What the text of a tier policy says beyond its checked form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyOutline {
    /// Per override: the tier it asks for, and which way.
    pub overrides: Vec<(Tier, Direction)>,
    /// Worst-of: tier by public grade, `none` among them.
    pub public_tiers: Vec<(String, Tier)>,
    /// Worst-of: tier by industry grade.
    pub industry_tiers: Vec<(String, Tier)>,
}

/// Which way an override moves a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// At least to its tier.
    Raises,
    /// At most to its tier.
    Lowers,
}

impl PolicyOutline {
    /// From the text a policy was checked from.
    pub fn of(text: &str) -> PolicyOutline {
        let Ok(document) = parse_document(text) else { return PolicyOutline::default() };
        let tier = |node: &Node| node.text()?.parse::<Tier>().ok();
        let overrides = document.child("overrides").map(Node::items).unwrap_or_default();
        let overrides = overrides
            .iter()
            .filter_map(|node| match (node.child("tier"), node.child("at_most")) {
                (Some(raised), _) => Some((tier(raised)?, Direction::Raises)),
                (None, lowered) => Some((tier(lowered?)?, Direction::Lowers)),
            })
            .collect();
        let worst = document.child("method").and_then(|m| m.child("worst_of"));
        let table = |side: &str| -> Vec<(String, Tier)> {
            match worst.and_then(|w| w.child(side)).map(|n| &n.value) {
                Some(Value::Map(entries)) => {
                    entries.iter().filter_map(|(key, node)| Some((key.text.clone(), tier(node)?))).collect()
                }
                Some(_) | None => Vec::new(),
            }
        };
        PolicyOutline { overrides, public_tiers: table("public"), industry_tiers: table("industry") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_and_tables_of_a_policy_are_read_in_order() {
        let text = "\
method:
  worst_of:
    public: {A: 1, D: 4, none: 2}
overrides:
  - {id: a, tier: 4}
  - {id: b, at_most: 2}
";
        let outline = PolicyOutline::of(text);
        assert_eq!(outline.overrides, [(4, Direction::Raises), (2, Direction::Lowers)]);
        assert_eq!(outline.public_tiers, [("A".to_owned(), 1), ("D".to_owned(), 4), ("none".to_owned(), 2)]);
        assert!(outline.industry_tiers.is_empty());
    }
}
