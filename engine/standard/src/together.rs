//! What can only be checked of files together: names, the lock, overlapping editions, rings.

use std::collections::BTreeMap;

use hengxin_core::document::{Check, Faults, Node, Span};
use hengxin_core::scope::Peers;
use hengxin_core::standard::Standard;
use hengxin_core::tier::TierPolicy;
use hengxin_core::vocabulary::Vocabulary;

use crate::catalogue::{Edition, PolicyEdition};
use crate::lock::{Lock, parts};

/// The file of an edition is named after it, so that a folder shows what it holds.
pub(crate) fn check_path(node: &Node, path: &str, folders: &[&str], edition: &str, faults: &mut Faults) {
    let expected = format!("{}/{edition}.yaml", folders.join("/"));
    if path != expected {
        faults.push(
            node.span,
            Check::UnknownName,
            format!("the file `{path}`"),
            format!("its name to be `{expected}`"),
        );
    }
}

pub(crate) fn check_lock(
    node: &Node,
    lock: &Lock,
    id: &str,
    edition: &str,
    digest: &str,
    faults: &mut Faults,
) {
    if let Some(pinned) = lock.0.get(&(id.to_owned(), edition.to_owned())).filter(|pinned| *pinned != digest)
    {
        faults.push(
            node.child("edition").map_or(node.span, |n| n.span),
            Check::Lock,
            format!("`{id}` {edition} with the digest {digest}"),
            format!("{pinned}, as published; a change is a new edition"),
        );
    }
}

/// The lock's (id, edition) of a document, as far as its head can be read.
pub(crate) fn pinned_name(node: &Node) -> Option<(String, String)> {
    let text = |key: &str| node.child(key).and_then(Node::text);
    let id = match (text("standard"), text("field")) {
        (Some(standard), _) => standard.to_owned(),
        (None, Some(field)) => format!("policies/{field}"),
        (None, None) => return None,
    };
    Some((id, text("edition")?.to_owned()))
}

/// The file of a published edition stays: results that cite it must be replayed.
pub(crate) fn check_present(text: &str, unpinned: &Lock, faults: &mut Faults) {
    let editions = unpinned.0.keys().filter(|(id, _)| !id.contains(':'));
    for (id, edition) in editions {
        let start = text.find(&format!("{id} {edition} ")).unwrap_or_default();
        let span = Span { start, end: start + id.len() + 1 + edition.len() };
        faults.push(
            span,
            Check::Lock,
            format!("`{id}` {edition} without a file"),
            "the file of every published edition",
        );
    }
}

/// Every pinned part of the vocabulary is there and begins as it did.
pub(crate) fn check_vocabulary(node: &Node, lock: &Lock, vocabulary: &Vocabulary, faults: &mut Faults) {
    let parts = parts(vocabulary);
    for ((id, n), pinned) in lock.0.iter().filter(|((id, _), _)| id.contains(':')) {
        let part = parts.iter().find(|p| p.id == *id);
        let digest = part.and_then(|p| p.digest(n.parse().ok()?));
        if digest.as_ref() == Some(pinned) {
            continue;
        }
        let code = id.strip_prefix("code:").map(|rest| rest.split_once('.').map_or(rest, |(code, _)| code));
        let declared = node.child("codes").map(Node::items).unwrap_or_default();
        let place = declared.iter().find(|c| c.child("code").and_then(Node::text) == code);
        let found = match part {
            Some(part) => {
                format!("`{id}` with other content or order in its first {n} of {}", part.items.len())
            }
            None => format!("no `{id}`"),
        };
        let expected =
            "what was published, unchanged and in its order; fields and values are added at the end";
        faults.push(place.map_or(node.span, |n| n.span), Check::Lock, found, expected);
    }
}

pub(crate) fn check_policy_overlap(
    node: &Node,
    policy: &TierPolicy,
    earlier: Option<&Vec<PolicyEdition>>,
    faults: &mut Faults,
) {
    for other in earlier.into_iter().flatten().map(|e| &e.policy) {
        let (own, theirs) = (policy.effective, other.effective);
        if own.0 <= theirs.1 && theirs.0 <= own.1 {
            faults.push(
                node.child("effective").map_or(node.span, |n| n.span),
                Check::EditionOverlap,
                format!("the policy of `{}` {} from {} to {}", policy.field, policy.edition, own.0, own.1),
                format!("no day in common with {} ({} to {})", other.edition, theirs.0, theirs.1),
            );
        }
    }
}

pub(crate) fn check_overlap(node: &Node, standard: &Standard, peers: &Peers, faults: &mut Faults) {
    let mut same = 0;
    for peer in peers.overlapping(&standard.id, standard.effective) {
        if peer.edition == standard.edition {
            same += 1;
            if same < 2 {
                continue;
            }
        }
        faults.push(
            node.child("effective").map_or(node.span, |n| n.span),
            Check::EditionOverlap,
            format!(
                "`{}` {} from {} to {}",
                standard.id, standard.edition, standard.effective.0, standard.effective.1
            ),
            format!("no day in common with {} ({} to {})", peer.edition, peer.effective.0, peer.effective.1),
        );
    }
}

/// The ring of ids that leads from `id` back to it, if there is one.
pub(crate) fn ring(id: &str, standards: &BTreeMap<String, Vec<Edition>>) -> Option<Vec<String>> {
    let mut paths = vec![vec![id.to_owned()]];
    while let Some(path) = paths.pop() {
        let last = path.last()?;
        for edition in standards.get(last).into_iter().flatten() {
            for next in &edition.standard.depends {
                let mut longer = path.clone();
                longer.push(next.clone());
                if next == id {
                    return Some(longer);
                }
                if !path.contains(next) {
                    paths.push(longer);
                }
            }
        }
    }
    None
}
