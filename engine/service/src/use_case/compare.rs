//! Two editions side by side: what differs in their text, and what that means for given enterprises.

use hengxin_core::date::{Date, Moment};
use hengxin_core::document::{Node, Value};
use hengxin_core::uscc::Uscc;
use hengxin_standard::parse_document;

use super::evaluate::{self, Evaluated, View};
use crate::engine::{Engine, Wanted};
use crate::problem::Answer;

/// One place in which two texts differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Keys and ids that lead there.
    pub path: String,
    /// In the first; `None` when absent there.
    pub before: Option<String>,
    /// In the second.
    pub after: Option<String>,
}

/// Where two documents differ, in the order of the first, then what only the second has.
///
/// Items of a list that have an `id`, `grade`, `tier` or `name` are matched by it, so that an item put in front does
/// not make all others differ.
pub fn differences(before: &str, after: &str) -> Vec<Difference> {
    let leaves = |text: &str| {
        let mut leaves = Vec::new();
        if let Ok(node) = parse_document(text) {
            flatten(&node, "", &mut leaves);
        }
        leaves
    };
    let (before, after) = (leaves(before), leaves(after));
    let mut differences = Vec::new();
    for (path, text) in &before {
        let other = after.iter().find(|(p, _)| p == path).map(|(_, t)| t);
        if other != Some(text) {
            differences.push(Difference {
                path: path.clone(),
                before: Some(text.clone()),
                after: other.cloned(),
            });
        }
    }
    for (path, text) in &after {
        if !before.iter().any(|(p, _)| p == path) {
            differences.push(Difference { path: path.clone(), before: None, after: Some(text.clone()) });
        }
    }
    differences
}

/// The scalars of a document with the keys and ids that lead there; a list of scalars is one of them.
pub(super) fn flatten(node: &Node, path: &str, leaves: &mut Vec<(String, String)>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}/{key}") };
    match &node.value {
        Value::Scalar(text) => leaves.push((path.to_owned(), text.clone())),
        Value::Map(entries) => {
            for (key, inner) in entries {
                flatten(inner, &below(&key.text), leaves);
            }
        }
        Value::List(items) if items.iter().all(|item| item.text().is_some()) => {
            let texts: Vec<&str> = items.iter().filter_map(Node::text).collect();
            leaves.push((path.to_owned(), texts.join(", ")));
        }
        Value::List(items) => {
            for (i, item) in items.iter().enumerate() {
                let named = ["id", "grade", "tier", "name"].iter().find_map(|key| item.child(key)?.text());
                flatten(item, &below(&named.map_or_else(|| (i + 1).to_string(), str::to_owned)), leaves);
            }
        }
    }
}

/// An enterprise by both editions, or why not.
pub type Pair = Answer<(Evaluated, Evaluated)>;

/// Evaluates enterprises by two editions on one date, whether they are in force or not.
///
/// # Errors
/// No such edition, or a failing ledger. An enterprise nobody knows is its own result.
pub fn evaluate_both(
    engine: &Engine,
    base: (&str, &str),
    other: (&str, &str),
    subjects: &[Option<Uscc>],
    as_of: Date,
    known_at: Option<Moment>,
) -> Answer<(Moment, Vec<Option<Pair>>)> {
    let base = engine.prepared(base.0, Wanted::Pinned(base.1), as_of)?;
    let other = engine.prepared(other.0, Wanted::Pinned(other.1), as_of)?;
    let snapshot = engine.snapshot(known_at)?;
    let mut pairs = Vec::with_capacity(subjects.len());
    for subject in subjects {
        let Some(subject) = *subject else {
            pairs.push(None);
            continue;
        };
        let pair = evaluate::evaluate_in(&snapshot, &base, subject, View::Basic)
            .and_then(|first| Ok((first, evaluate::evaluate_in(&snapshot, &other, subject, View::Basic)?)));
        pairs.push(Some(match pair {
            Err(problem) if problem.of_one_enterprise() => Err(problem),
            other => Ok(other?),
        }));
    }
    Ok((snapshot.known_at(), pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_matched_by_id_and_absences_are_told() {
        let before =
            "edition: \"1\"\nindicators:\n  - {id: a, max: 10}\n  - {id: b, max: 20}\nsubjects: [x, y]\n";
        let after = "edition: \"1\"\nindicators:\n  - {id: c, max: 5}\n  - {id: a, max: 10}\n  - {id: b, max: 25}\nsubjects: [x]\n";
        let found = differences(before, after);
        let show: Vec<String> = found
            .iter()
            .map(|d| format!("{} {:?} {:?}", d.path, d.before.as_deref(), d.after.as_deref()))
            .collect();
        assert_eq!(
            show,
            [
                r#"indicators/b/max Some("20") Some("25")"#,
                r#"subjects Some("x, y") Some("x")"#,
                r#"indicators/c/id None Some("c")"#,
                r#"indicators/c/max None Some("5")"#,
            ]
        );
        assert!(differences(before, before).is_empty());
    }
}
