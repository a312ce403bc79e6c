//! Units, literals of a unit, and comparisons: what readings and rules agree on.

use crate::document::{self, Check, Faults, Fields, Node};
use crate::number;
use crate::vocabulary::FieldKind;

/// The unit of a quantity. Quantities are integers of the unit's grain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Facts, values, groups.
    Count,
    /// Days.
    Day,
    /// Whole months.
    Month,
    /// Whole years.
    Year,
    /// Money in fen.
    Fen,
    /// A quotient in ten-thousandths.
    Ratio,
    /// A measure in ten-thousandths.
    Number,
    /// Points in ten-thousandths.
    Points,
}

impl Unit {
    /// The least value, or `None` when negative ones exist.
    pub const fn least(self) -> Option<i64> {
        match self {
            Unit::Count | Unit::Day | Unit::Month | Unit::Year | Unit::Fen | Unit::Ratio => Some(0),
            Unit::Number | Unit::Points => None,
        }
    }

    /// The unit of a fact's number.
    pub(crate) fn of_field(kind: &FieldKind) -> Option<Unit> {
        match kind {
            FieldKind::Money(_) => Some(Unit::Fen),
            FieldKind::Count => Some(Unit::Count),
            FieldKind::Number => Some(Unit::Number),
            FieldKind::Text(_)
            | FieldKind::Date
            | FieldKind::Enum(_)
            | FieldKind::Set(_)
            | FieldKind::Region
            | FieldKind::Industry
            | FieldKind::Uscc
            | FieldKind::PersonId => None,
        }
    }

    /// The word for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Count => "count",
            Unit::Day => "days",
            Unit::Month => "months",
            Unit::Year => "years",
            Unit::Fen => "money",
            Unit::Ratio => "ratio",
            Unit::Number => "number",
            Unit::Points => "points",
        }
    }

    /// Reads a literal of this unit: whole counts and periods, yuan, shares or decimals.
    pub(crate) fn literal(self, node: &Node, faults: &mut Faults) -> Option<i64> {
        match self {
            Unit::Count | Unit::Day | Unit::Month | Unit::Year => {
                document::whole(node, 0, 1_000_000_000, faults)
            }
            Unit::Fen => document::decimal(node, 2, 1_000_000_000_000, faults),
            Unit::Ratio if node.text().is_some_and(|t| t.ends_with('%')) => {
                document::share(node, faults).map(number::Share::basis_points)
            }
            Unit::Ratio | Unit::Number => document::decimal(node, 4, 1_000_000_000_000, faults),
            Unit::Points => document::points(node, faults).map(number::Points::ten_thousandths),
        }
    }

    /// Writes a quantity of this unit for a reader: `3`, `2000 yuan`, `87.5%`.
    pub fn display(self, quantity: i64) -> String {
        match self {
            Unit::Count => quantity.to_string(),
            Unit::Day => format!("{quantity} days"),
            Unit::Month => format!("{quantity} months"),
            Unit::Year => format!("{quantity} years"),
            Unit::Fen => format!("{} yuan", number::display_decimal(quantity, 2)),
            Unit::Ratio => format!("{}%", number::display_decimal(quantity, 2)),
            Unit::Number | Unit::Points => number::display_decimal(quantity, 4),
        }
    }
}

/// What a reading gives, so that rules and comparisons can be checked against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gives {
    /// A quantity.
    Quantity(Unit),
    /// One of these names, by index.
    Category(Vec<String>),
    /// Facts, one by one, of these codes' selection.
    Events,
}

impl Gives {
    /// The unit, reported at `node` when it is no quantity.
    pub(crate) fn unit(&self, node: &Node, faults: &mut Faults) -> Option<Unit> {
        match self {
            Gives::Quantity(unit) => Some(*unit),
            Gives::Category(_) | Gives::Events => {
                faults.node(node, Check::UnitMismatch, format!("something that takes {}", self.name()));
                None
            }
        }
    }

    /// The word for messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Gives::Quantity(unit) => unit.name(),
            Gives::Category(_) => "a category",
            Gives::Events => "events",
        }
    }
}

/// The quantities q with `from ≤ q < to`. Comparisons on integers are such ranges exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Least inside.
    pub from: i64,
    /// Least above.
    pub to: i64,
}

impl Range {
    /// Whether `quantity` lies inside.
    pub const fn contains(self, quantity: i64) -> bool {
        self.from <= quantity && quantity < self.to
    }

    /// The quantities at which membership changes.
    pub(crate) const fn thresholds(self) -> [i64; 2] {
        [self.from, self.to]
    }

    const KEYS: [&'static str; 5] = ["at_least", "above", "at_most", "below", "equals"];

    /// Takes a comparison out of `fields`: one bound, or a lower and an upper one. Reports one that no quantity meets.
    pub(crate) fn parse(fields: &mut Fields<'_>, unit: Unit, faults: &mut Faults) -> Option<Range> {
        let mut range = Range { from: i64::MIN, to: i64::MAX };
        let (mut lower, mut upper) = (0, 0);
        for key in Range::KEYS {
            let Some(node) = fields.take(key) else { continue };
            let bound = unit.literal(node, faults)?;
            match key {
                "at_least" => (range.from, lower) = (bound, lower + 1),
                "above" => (range.from, lower) = (bound + 1, lower + 1),
                "at_most" => (range.to, upper) = (bound + 1, upper + 1),
                "below" => (range.to, upper) = (bound, upper + 1),
                _ => (range, lower, upper) = (Range { from: bound, to: bound + 1 }, lower + 1, upper + 1),
            }
        }
        if lower + upper == 0 || lower > 1 || upper > 1 {
            faults.node(
                fields.node(),
                Check::WrongShape,
                format!("one comparison (`{}`), or a lower and an upper one", Range::KEYS.join("`, `")),
            );
            return None;
        }
        if range.to <= range.from.max(unit.least().unwrap_or(i64::MIN)) {
            faults.node(
                fields.node(),
                Check::NeverApplies,
                format!("a comparison that some {} can meet", unit.name()),
            );
            return None;
        }
        Some(range)
    }
}

/// Which changes of a quantity matter to whoever reads it: lets `elapsed` say exactly when that is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Watch<'a> {
    /// Every change.
    Every,
    /// Only reaching one of these, in any order.
    At(&'a [i64]),
}

impl Watch<'_> {
    /// The next quantity above `now` that matters.
    pub fn next(self, now: i64) -> Option<i64> {
        match self {
            Watch::Every => Some(now + 1),
            Watch::At(thresholds) => thresholds.iter().copied().filter(|t| *t > now && *t < i64::MAX).min(),
        }
    }
}
