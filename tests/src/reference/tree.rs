//! §8 and §9 of the format: indicators, dimensions and the score.

use hengxin_core::document::Node;

use super::condition::holds;
use super::number::{Number, clip, round, sum, whole};
use super::{RefIndicator, Scene, children, need, number_at, parse, reading, rule, scalar, text};

/// §9: the score.
pub(super) enum Score {
    /// The standard gives none.
    NoScale,
    /// The subject cannot be scored.
    Impossible,
    /// The final score.
    Points(Number),
}

/// §9: the score, and what became of every indicator.
pub(super) fn score(scene: &Scene<'_>, scale: &Node, indicators: &mut Vec<RefIndicator>) -> Score {
    let dimensions = children(scene.standard, "dimensions");
    let mut leaves = Vec::new();
    collect_indicators(dimensions, &mut leaves);
    indicators.extend(leaves.iter().map(|leaf| indicator(scene, leaf)));
    for (leaf, outcome) in leaves.iter().zip(indicators.iter()) {
        if !outcome.known && need(leaf, "unknown").text() == Some("cannot_score") {
            return Score::Impossible;
        }
    }
    if let Some(least) = number_at(scene.standard, "minimum_known") {
        let mut known = whole(0);
        let mut all = whole(0);
        for (leaf, outcome) in leaves.iter().zip(indicators.iter()) {
            let max = indicator_max(leaf);
            if max > whole(0) {
                all += &max;
                if outcome.known {
                    known += &max;
                }
            }
        }
        if known < least * all {
            return Score::Impossible;
        }
    }
    let Some(value) = group(scene, dimensions, indicators) else { return Score::Impossible };
    let clipped =
        clip(base(scene, scale) + value, number_at(scale, "min").as_ref(), number_at(scale, "max").as_ref());
    let decimals = text(scale, "decimals").parse().expect("a number of decimals");
    Score::Points(round(&clipped, decimals, text(scale, "rounding")))
}

/// §9 `base`: a number, or the first case whose condition is true, the last without `when`.
fn base(scene: &Scene<'_>, scale: &Node) -> Number {
    let base = need(scale, "base");
    if let Some(number) = base.text() {
        return parse(number);
    }
    let case = base.items().iter().find(|case| match case.child("when") {
        Some(condition) => holds(scene, condition) == Some(true),
        None => true,
    });
    number_at(case.expect("a last case"), "points").expect("points")
}

fn collect_indicators<'n>(nodes: &'n [Node], leaves: &mut Vec<&'n Node>) {
    for node in nodes {
        if node.child("reading").is_some() {
            leaves.push(node);
        }
        collect_indicators(children(node, "indicators"), leaves);
        collect_indicators(children(node, "dimensions"), leaves);
    }
}

/// §8: the value of one child of a group; `None` when it is excluded.
fn child_value(scene: &Scene<'_>, child: &Node, indicators: &[RefIndicator]) -> Option<Number> {
    if child.child("reading").is_some() {
        let outcome = indicators.iter().find(|outcome| outcome.id == text(child, "id"));
        return outcome.expect("every indicator has an outcome").points.clone();
    }
    let inner = if child.child("indicators").is_some() { "indicators" } else { "dimensions" };
    let value = group(scene, children(child, inner), indicators)?;
    Some(clip(value, number_at(child, "min").as_ref(), number_at(child, "max").as_ref()))
}

/// §8: the points of an indicator, clipped to its own [min, max].
fn indicator(scene: &Scene<'_>, node: &Node) -> RefIndicator {
    let id = text(node, "id").to_owned();
    let unclipped = match reading::read(scene, need(node, "reading"), None) {
        Ok(value) => Ok(rule::points(scene, need(node, "rule"), &value)),
        Err(_) => Err(need(node, "unknown").child("points").map(|points| parse(scalar(points)))),
    };
    let known = unclipped.is_ok();
    let points = unclipped.map_or_else(|points| points, Some);
    let points = points.map(|p| clip(p, number_at(node, "min").as_ref(), number_at(node, "max").as_ref()));
    RefIndicator { id, points, known }
}

/// §8: an indicator's greatest points.
fn indicator_max(node: &Node) -> Number {
    number_at(node, "max").unwrap_or_else(|| rule::greatest(need(node, "rule")))
}

/// §8: the greatest points of a child, stated or computed.
fn child_max(child: &Node) -> Number {
    if child.child("reading").is_some() {
        return indicator_max(child);
    }
    if let Some(max) = number_at(child, "max") {
        return max;
    }
    let inner = if child.child("indicators").is_some() { "indicators" } else { "dimensions" };
    let inner = children(child, inner);
    let maxima: Vec<Number> = match weights(inner) {
        None => inner.iter().map(child_max).collect(),
        Some(weights) => inner.iter().zip(weights).map(|(c, w)| child_max(c) * w).collect(),
    };
    // Unweighted maxima have at most four places already: only a weighted one is cut.
    round(&sum(&maxima), 4, "down")
}

/// The weights of a group's children, when they have some.
fn weights(group: &[Node]) -> Option<Vec<Number>> {
    group.iter().map(|child| number_at(child, "weight")).collect()
}

/// §8, value of a group; `None` when all its children are excluded.
fn group(scene: &Scene<'_>, group: &[Node], indicators: &[RefIndicator]) -> Option<Number> {
    let values: Vec<Option<Number>> = group.iter().map(|c| child_value(scene, c, indicators)).collect();
    let maxima: Vec<Number> = group.iter().map(child_max).collect();
    let weights = weights(group);
    let known: Vec<usize> = (0..group.len()).filter(|i| values[*i].is_some()).collect();
    if known.is_empty() {
        return None;
    }
    let complete = known.len() == group.len();
    let mut points = whole(0);
    let mut weight_of_known = whole(0);
    let mut max_of_known = whole(0);
    for i in known {
        let p = values[i].clone().expect("a known child");
        points += match &weights {
            None => p,
            Some(weights) => p * &weights[i],
        };
        weight_of_known += weights.as_ref().map_or_else(|| whole(0), |w| w[i].clone());
        max_of_known += &maxima[i];
    }
    // "No positive maximum" is asked of the divisor: the known maxima together. Weighted groups divide by weights.
    if weights.is_none() && !complete && max_of_known <= whole(0) {
        return None;
    }
    Some(match (weights, complete) {
        (None, true) => points,
        (Some(_), true) => round(&points, 4, scene.rounding()),
        (None, false) => round(&(points * sum(&maxima) / max_of_known), 4, scene.rounding()),
        (Some(_), false) => round(&(points / weight_of_known), 4, scene.rounding()),
    })
}
