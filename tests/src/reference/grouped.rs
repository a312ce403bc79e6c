//! §5 of the format: `grouped` and `related`.

use std::collections::BTreeSet;

use hengxin_core::document::Node;

use super::facts::{Group, delivered, group_value, select};
use super::number::{Number, round, sum, whole};
use super::reading::{Unknown, compare, path_holds, quantity, unit};
use super::{Scene, integer, need, scalar, text};

/// §5 `grouped`.
pub(super) fn read_grouped(scene: &Scene<'_>, node: &Node) -> Result<Number, Unknown> {
    let by = text(node, "by");
    let reading = need(node, "reading");
    let combine = text(node, "combine");
    let weight = node.child("weight");
    for inner in [Some(reading), weight].into_iter().flatten() {
        if selections(inner).iter().any(|(_, codes)| !delivered(scene, codes)) {
            return Err(Unknown::NotDelivered);
        }
    }
    let mut groups: BTreeSet<String> = BTreeSet::new();
    for (selection, codes) in selections(reading) {
        groups.extend(
            select(scene, selection, codes, None).into_iter().filter_map(|fact| group_value(fact, by)),
        );
    }
    let mut values: Vec<Number> = Vec::new();
    let mut weights: Vec<Number> = Vec::new();
    for value in groups {
        let group = Group { by, value };
        let Ok(value) = quantity(scene, reading, Some(&group)) else { continue };
        match weight {
            None => weights.push(whole(1)),
            Some(weight) => match quantity(scene, weight, Some(&group)) {
                Ok(weight) => weights.push(weight),
                Err(_) => continue,
            },
        }
        values.push(value);
    }
    match combine {
        "count" => {
            let meets = values.iter().filter(|value| compare(value, need(node, "where"))).count();
            Ok(whole(i64::try_from(meets).expect("a small count")))
        }
        "sum" => Ok(sum(&values)),
        _ if values.is_empty() => Err(Unknown::NoValue),
        "min" => Ok(values.iter().min().expect("some").clone()),
        "max" => Ok(values.iter().max().expect("some").clone()),
        "mean" | "weighted_mean" => {
            let total = sum(&weights);
            if total == whole(0) {
                return Err(Unknown::NoValue);
            }
            let products: Vec<Number> =
                values.iter().zip(&weights).map(|(value, weight)| value * weight).collect();
            let places = if unit(scene, reading) == "money" { 2 } else { 4 };
            Ok(round(&(sum(&products) / total), places, scene.rounding()))
        }
        other => panic!("groups cannot be combined by `{other}`"),
    }
}

/// All selections inside a reading, each with its codes.
fn selections(reading: &Node) -> Vec<(&Node, &Node)> {
    for kind in ["count", "distinct", "sum", "largest", "smallest", "latest"] {
        if let Some(codes) = reading.child(kind) {
            return vec![(reading, codes)];
        }
    }
    if let Some(ratio) = reading.child("ratio") {
        return [selections(need(ratio, "of")), selections(need(ratio, "to"))].concat();
    }
    let several = reading.child("least").or_else(|| reading.child("greatest"));
    several.expect("a reading a group can have").items().iter().flat_map(selections).collect()
}

/// §5 `related`.
pub(super) fn read_related(scene: &Scene<'_>, node: &Node) -> Result<Number, Unknown> {
    let by = text(node, "by");
    let depth = integer(need(node, "depth"));
    let mut known: Vec<Number> = Vec::new();
    let mut unknown: Vec<Unknown> = Vec::new();
    for related in &scene.dossier.related {
        if related.kind != by || related.depth > depth || !path_holds(scene, related) {
            continue;
        }
        let theirs = Scene { file: &related.file, ..*scene };
        match quantity(&theirs, need(node, "reading"), None) {
            Ok(value) => known.push(value),
            Err(reason) => unknown.push(reason),
        }
    }
    let combine = scalar(need(node, "combine"));
    let greatest = known.iter().max().cloned();
    match unknown.iter().find(|reason| **reason == Unknown::NotDelivered).or(unknown.first()) {
        Some(_) if combine == "max" && greatest.as_ref().is_some_and(|g| *g > whole(0)) => {}
        Some(reason) => return Err(*reason),
        None => {}
    }
    match combine {
        "sum" => Ok(sum(&known)),
        "max" => Ok(greatest.unwrap_or_else(|| whole(0))),
        other => panic!("related subjects cannot be combined by `{other}`"),
    }
}
