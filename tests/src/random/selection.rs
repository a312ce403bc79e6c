//! Random selections: codes, filters and windows.

use hengxin_core::vocabulary::{Code, FieldKind};

use super::reading::Readings;
use super::source::Random;
use super::tree::{Tree, map, names, plain};

/// Lengths of windows in days; files put facts on both sides of these edges.
pub const WINDOW_DAYS: [i64; 6] = [1, 7, 30, 90, 180, 365];
/// Lengths of windows and decay steps in months.
pub const WINDOW_MONTHS: [i64; 8] = [1, 2, 3, 6, 12, 18, 24, 36];
/// Lengths of windows in years.
pub const WINDOW_YEARS: [i64; 4] = [1, 2, 3, 5];

impl<'a> Readings<'a> {
    /// One or two codes.
    pub fn pick_codes(&self, random: &mut Random, of: &[&'a Code]) -> Vec<&'a Code> {
        let n = if random.chance(70) { 1 } else { 2 };
        random.some_of(of, n)
    }

    /// A selection under a key, and the N of `last`.
    pub fn selection(
        &self,
        random: &mut Random,
        key: &str,
        codes: &[&Code],
        last: bool,
    ) -> (Tree, Option<i64>) {
        let ids: Vec<&str> = codes.iter().map(|c| c.id.as_str()).collect();
        let ids = if ids.len() == 1 && random.chance(70) { plain(ids[0]) } else { names(&ids) };
        let mut tree = map([(key, ids)]);
        let attributes = shared_attributes(codes);
        for (word, chance) in [("where", 30), ("except", 15)] {
            if attributes.is_empty() || !random.chance(chance) {
                continue;
            }
            let n = if word == "where" { 1 } else { 2 };
            let mut lines = map([]);
            for (attribute, values) in random.some_of(&attributes, n) {
                let n = random.index(values.len().min(2)) + 1;
                let values = random.some_of(&values, n);
                let values =
                    if values.len() == 1 && random.chance(50) { plain(&values[0]) } else { names(&values) };
                lines.put(&attribute, values);
            }
            tree.put(word, lines);
        }
        if random.chance(60) {
            tree.put("window", window(random));
        }
        let n = (last && random.chance(15)).then(|| random.between(1, 4));
        if let Some(n) = n {
            tree.put("last", plain(n));
        }
        (tree, n)
    }
}

/// A window of any kind.
pub fn window(random: &mut Random) -> Tree {
    match random.between(1, 8) {
        1 | 2 => map([("days", plain(random.pick(&WINDOW_DAYS)))]),
        3..=5 => map([("months", plain(random.pick(&WINDOW_MONTHS)))]),
        6 => map([("years", plain(random.pick(&WINDOW_YEARS)))]),
        7 => map([("calendar_year", plain(random.between(-2, 0)))]),
        _ => map([("since", plain(random.pick(&["2023-01-31", "2024-02-29", "2024-06-01", "2025-01-01"])))]),
    }
}

/// Enumerated attributes that all codes have, with the values all of them know.
pub fn shared_attributes(codes: &[&Code]) -> Vec<(String, Vec<String>)> {
    let mut shared = Vec::new();
    for field in codes.first().map(|c| c.fields.as_slice()).unwrap_or_default() {
        let values = field.values().iter().map(|v| v.id.clone());
        let values: Vec<String> = values
            .filter(|v| {
                codes
                    .iter()
                    .all(|c| c.field(&field.id).is_some_and(|(_, f)| f.values().iter().any(|w| w.id == *v)))
            })
            .collect();
        if !values.is_empty() {
            shared.push((field.id.clone(), values));
        }
    }
    shared
}

/// Those that hold one value only.
pub fn shared_single_attributes(codes: &[&Code]) -> Vec<String> {
    let single = |id: &str| {
        codes.iter().all(|c| c.field(id).is_some_and(|(_, f)| matches!(f.kind, FieldKind::Enum(_))))
    };
    shared_attributes(codes).into_iter().map(|(id, _)| id).filter(|id| single(id)).collect()
}
