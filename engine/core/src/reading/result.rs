//! `result`: the score or grade of another standard on the same date.

use super::{Look, Measured, Reading, Unknown};
use crate::document::{self, Check, Fields, Node};
use crate::quantity::{Gives, Unit};
use crate::scope::Scope;

/// Another standard's result. Unknown when it has no edition in force or gave no such result.
#[derive(Clone, Copy, Debug)]
pub struct ResultOf {
    /// Index into the standard's dependencies.
    dependency: usize,
    take: Take,
}

#[derive(Clone, Copy, Debug)]
enum Take {
    Score,
    Grade,
}

impl ResultOf {
    pub(super) fn parse(node: &Node, scope: &mut Scope<'_>) -> Option<(Reading, Gives)> {
        let mut fields = Fields::open(node, "a result", &mut scope.faults)?;
        let id_node = fields.need("standard", &mut scope.faults);
        let take = fields
            .need("take", &mut scope.faults)
            .and_then(|n| document::name(n, "what is taken", &["score", "grade"], &mut scope.faults));
        fields.finish(&mut scope.faults);
        let id_node = id_node?;
        let id = document::text(id_node, &mut scope.faults)?;
        let (take, gives) = if take? == 0 {
            // Scores need no common grade scheme, only scores.
            let unscored = scope.peers.overlapping(id, scope.effective).any(|p| !p.scored);
            if unscored {
                scope.faults.node(id_node, Check::UnitMismatch, "a standard that gives a score");
            }
            if !scope.peers.0.iter().any(|p| p.id == id) {
                scope.peers.scheme(id_node, id, scope.effective, &mut scope.faults);
            }
            (Take::Score, Gives::Quantity(Unit::Points))
        } else {
            let peer = scope.peers.scheme(id_node, id, scope.effective, &mut scope.faults)?;
            (Take::Grade, Gives::Category(peer.grades.clone()))
        };
        let dependency = scope.depends.iter().position(|d| d == id).unwrap_or_else(|| {
            scope.depends.push(id.to_owned());
            scope.depends.len() - 1
        });
        Some((Reading::Result(ResultOf { dependency, take }), gives))
    }

    pub(super) fn measure(self, look: &Look<'_>) -> Measured {
        let found = look.results.get(self.dependency).copied().flatten().and_then(|r| match self.take {
            Take::Score => r.score.map(crate::number::Points::ten_thousandths),
            Take::Grade => r.grade.map(i64::from),
        });
        found.map_or(Measured::Unknown(Unknown::NoResult), Measured::Known)
    }
}
