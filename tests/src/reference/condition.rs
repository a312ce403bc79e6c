//! §6 of the format: conditions, three-valued.

use hengxin_core::document::Node;
use hengxin_core::industry::IndustryCode;
use hengxin_core::region::RegionCode;

use super::facts::{delivered, registration, select};
use super::number::whole;
use super::reading::{RefValue, compare, quantity, read};
use super::{Scene, scalar};

/// §6: true, false, or `None` for unknown.
pub(super) fn holds(scene: &Scene<'_>, condition: &Node) -> Option<bool> {
    if condition.child("in_force").is_some() {
        return quantity(scene, condition, None).ok().map(|n| n >= whole(1));
    }
    if let Some(codes) = condition.child("exists") {
        return match select(scene, condition, codes, None).is_empty() {
            false => Some(true),
            true if delivered(scene, codes) => Some(false),
            true => None,
        };
    }
    if let Some(reading) = condition.child("reading") {
        return match read(scene, reading, None).ok()? {
            RefValue::Quantity(quantity) => Some(compare(&quantity, condition)),
            RefValue::Category(category) => {
                let listed = condition.child("is").expect("`is` for a category");
                Some(listed.items().iter().any(|c| scalar(c) == category))
            }
            RefValue::Events(_) => panic!("events cannot be compared"),
        };
    }
    if let Some(regions) = condition.child("region") {
        let own: RegionCode = registration(scene)?.region.as_ref()?.parse().expect("a region");
        return Some(
            regions.items().iter().any(|r| scalar(r).parse::<RegionCode>().expect("a region").contains(own)),
        );
    }
    if let Some(industries) = condition.child("industry") {
        let own: IndustryCode = registration(scene)?.industry.as_ref()?.parse().expect("an industry");
        return Some(
            industries
                .items()
                .iter()
                .any(|i| scalar(i).parse::<IndustryCode>().expect("an industry").contains(own)),
        );
    }
    if let Some(all) = condition.child("all") {
        let truths: Vec<_> = all.items().iter().map(|c| holds(scene, c)).collect();
        return if truths.contains(&Some(false)) {
            Some(false)
        } else if truths.contains(&None) {
            None
        } else {
            Some(true)
        };
    }
    if let Some(any) = condition.child("any") {
        let truths: Vec<_> = any.items().iter().map(|c| holds(scene, c)).collect();
        return if truths.contains(&Some(true)) {
            Some(true)
        } else if truths.contains(&None) {
            None
        } else {
            Some(false)
        };
    }
    if let Some(not) = condition.child("not") {
        return holds(scene, not).map(|truth| !truth);
    }
    panic!("no condition {}", condition.excerpt())
}
