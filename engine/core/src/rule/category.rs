//! `category`: points by name.

use super::extremes;
use crate::document::{self, Check, Fields, Node, Value};
use crate::number::Points;
use crate::quantity::Gives;
use crate::scope::Scope;

/// Points per category index.
#[derive(Clone, Debug)]
pub struct Category {
    points: Vec<Points>,
}

impl Category {
    pub(super) fn parse(
        node: &Node,
        rule: &mut Fields<'_>,
        gives: &Gives,
        scope: &mut Scope<'_>,
    ) -> Option<Category> {
        let otherwise = rule.take("otherwise").map(|n| document::points(n, &mut scope.faults));
        let Gives::Category(names) = gives else {
            let expected = format!("a rule that takes {}; `category` takes a category", gives.name());
            scope.faults.node(node, Check::UnitMismatch, expected);
            return None;
        };
        let Value::Map(entries) = &node.value else {
            scope.faults.node(node, Check::WrongShape, "a map of categories to points");
            return None;
        };
        // Opening reports duplicate keys.
        Fields::open(node, "categories", &mut scope.faults);
        let mut points: Vec<Option<Points>> = vec![None; names.len()];
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        for (key, value) in entries {
            let earned = document::points(value, &mut scope.faults);
            if let Some(i) = known.iter().position(|n| *n == key.text) {
                points[i] = earned;
                continue;
            }
            let near = document::nearest(&key.text, &known).map(|n| format!("; did you mean `{n}`?"));
            scope.faults.push(
                key.span,
                Check::UnknownName,
                format!("`{}`", key.text),
                format!(
                    "a category of this reading, one of `{}`{}",
                    known.join("`, `"),
                    near.unwrap_or_default()
                ),
            );
        }
        let missing: Vec<&str> =
            known.iter().zip(&points).filter(|(_, p)| p.is_none()).map(|(name, _)| *name).collect();
        if !missing.is_empty() && otherwise.is_none() {
            scope.faults.node(
                node,
                Check::MissingKey,
                format!("points for `{}`, or `otherwise`", missing.join("`, `")),
            );
            return None;
        }
        let otherwise = otherwise.flatten().unwrap_or_default();
        Some(Category { points: points.into_iter().map(|p| p.unwrap_or(otherwise)).collect() })
    }

    pub(super) fn points(&self, index: i64) -> Points {
        usize::try_from(index).ok().and_then(|i| self.points.get(i)).copied().unwrap_or_default()
    }

    pub(super) fn range(&self) -> (Points, Points) {
        extremes(self.points.iter().copied())
    }
}
