//! Random comparisons and conditions.

use super::reading::{Gives, NestedResult, Place, Readings, Unit};
use super::source::Random;
use super::tree::{Tree, decimal, map, names, plain, quoted};

/// Values at which something may change, ascending, as (ten-thousandths, text). All can be reached.
pub fn cuts(
    random: &mut Random,
    unit: Unit,
    top: Option<i64>,
    nested: Option<&NestedResult>,
) -> Vec<(i64, String)> {
    let whole = |values: &[i64]| -> Vec<(i64, String)> {
        values.iter().map(|n| (n * 10_000, n.to_string())).collect()
    };
    let texts = |values: &[(i64, &str)]| -> Vec<(i64, String)> {
        values.iter().map(|(n, text)| (*n, (*text).to_owned())).collect()
    };
    match unit {
        Unit::Count => whole(&(1..=top.unwrap_or(5).min(5)).collect::<Vec<_>>()),
        Unit::Number if top.is_some() => whole(&(1..=top.unwrap_or(1).min(3)).collect::<Vec<_>>()),
        Unit::Number => {
            texts(&[(-50_000, "-5"), (0, "0"), (125_000, "12.5"), (500_001, "50.0001"), (800_000, "80")])
        }
        Unit::Money => texts(&[
            (100, "0.01"),
            (1_000_000, "100"),
            (99_999_900, "9999.99"),
            (100_000_000, "10000"),
            (500_000_000, "50000"),
            (1_234_567_800, "123456.78"),
        ]),
        Unit::Ratio => texts(&[
            (1_250, "12.5%"),
            (3_333, "0.3333"),
            (5_000, "50%"),
            (7_500, "0.75"),
            (10_000, "100%"),
            (15_000, "150%"),
        ]),
        Unit::Days => whole(&[1, 30, 31, 90, 365, 1000]),
        Unit::Months => whole(&[1, 3, 6, 12, 24, 36]),
        Unit::Years => whole(&[1, 2, 3, 5, 10]),
        Unit::Points => {
            let (min, max) = nested.and_then(|n| n.scores).unwrap_or((0, 100));
            let mut drawn: Vec<i64> =
                (0..4).map(|_| random.between(min * 10 + 1, max * 10 - 1) * 1000).collect();
            drawn.sort_unstable();
            drawn.dedup();
            drawn.into_iter().map(|n| (n, decimal(n))).collect()
        }
    }
}

/// One comparison, or a lower and an upper one. It can be true, and it can be false.
pub fn comparison(random: &mut Random, unit: Unit, top: Option<i64>, nested: Option<&NestedResult>) -> Tree {
    let cuts = cuts(random, unit, top, nested);
    if cuts.len() >= 2 && top.is_none() && random.chance(20) {
        let pair = random.some_of(&cuts, 2);
        let (lower, upper) =
            *random.pick(&[("at_least", "below"), ("at_least", "at_most"), ("above", "at_most")]);
        return map([(lower, plain(&pair[0].1)), (upper, plain(&pair[1].1))]);
    }
    let words: &[&str] = match top {
        Some(_) => &["at_least", "below", "equals"],
        None => &["at_least", "above", "below", "at_most", "equals"],
    };
    map([(*random.pick(words), plain(&random.pick(&cuts).1))])
}

impl Readings<'_> {
    /// A random condition of at most this depth.
    pub fn condition(&self, random: &mut Random, depth: usize) -> Tree {
        let deeper = if depth == 0 { 0 } else { 2 };
        let kinds = [
            (3, "in_force"),
            (3, "exists"),
            (6, "compare"),
            (2, "is"),
            (1, "region"),
            (1, "industry"),
            (deeper, "all"),
            (deeper, "any"),
            (deeper, "not"),
        ];
        match *random.weighted(&kinds) {
            "in_force" => {
                let statuses: Vec<_> = self.codes().into_iter().filter(|c| c.ends_on.is_some()).collect();
                let codes = self.pick_codes(random, &statuses);
                self.selection(random, "in_force", &codes, false).0
            }
            "exists" => {
                let codes = self.pick_codes(random, &self.codes());
                self.selection(random, "exists", &codes, false).0
            }
            "compare" => {
                let reading = self.quantity(random, Place::Top);
                let Gives::Quantity(unit, top) = reading.gives else { panic!("a quantity") };
                let mut tree = map([("reading", reading.tree)]);
                let Tree::Map(comparison) = comparison(random, unit, top, self.nested) else {
                    panic!("a map")
                };
                for (key, value) in comparison {
                    tree.put(&key, value);
                }
                tree
            }
            "is" => {
                let reading = self.category(random);
                let Gives::Category(values) = reading.gives else { panic!("a category") };
                let n = random.index(values.len() - 1) + 1;
                map([("reading", reading.tree), ("is", names(random.some_of(&values, n)))])
            }
            "region" => {
                let n = random.index(2) + 1;
                let codes = random.some_of(&["330000", "330100", "330106", "340000"], n);
                map([("region", Tree::List(codes.into_iter().map(quoted).collect()))])
            }
            "industry" => {
                let n = random.index(2) + 1;
                map([("industry", names(random.some_of(&["C", "C13", "C131", "G54"], n)))])
            }
            "not" => map([("not", self.condition(random, depth - 1))]),
            several => {
                let n = random.between(2, 3);
                let conditions = (0..n).map(|_| self.condition(random, depth - 1)).collect();
                map([(several, Tree::List(conditions))])
            }
        }
    }
}
