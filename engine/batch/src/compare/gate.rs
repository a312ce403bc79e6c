//! The publication gate: limits a comparison must keep before an edition or a run may be published.
//!
//! Every limit is tested in integers, and a value exactly at its limit passes.

use std::str::FromStr;

use hengxin_core::number::{Share, display_decimal, parse_decimal};
use serde::Serialize;

use super::axis::{AxisKind, Direction};
use super::result_row::OutcomeKind;
use super::tally::Tally;
use super::workload::{Workload, decimal};

/// A limit in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(Share);

impl FromStr for Limit {
    type Err = String;

    /// Reads `5%`, `0.5%` and `+10%`.
    fn from_str(text: &str) -> Result<Limit, String> {
        let number = text.strip_prefix('+').unwrap_or(text).strip_suffix('%');
        let basis_points = number.and_then(|n| parse_decimal(n, 2).ok()).filter(|n| *n >= 0);
        basis_points.map(|n| Limit(Share::from_basis_points(n))).ok_or_else(|| {
            format!(
                "found `{text}`, expected a percentage of at most two decimals such as `5%`, `0.5%` or `+10%`"
            )
        })
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The limits; `None`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Share of the subjects of both runs that moved, on every axis.
    pub moved: Option<Limit>,
    /// Share of the subjects of both runs that moved to a worse grade or a stricter tier, on every axis.
    pub worse: Option<Limit>,
    /// Growth of the inspections a year of every field.
    pub workload: Option<Limit>,
    /// Share of the eligible subjects of the second run that cannot be scored, by every standard.
    pub unscored: Option<Limit>,
}

/// One limit tested on one axis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// `max-moved`, `max-worse`, `max-workload` or `max-unscored`.
    pub limit: &'static str,
    /// The axis.
    pub axis: String,
    /// At most, such as `5%`.
    pub at_most: String,
    /// What was found, in percent to two decimals.
    pub found: String,
    /// Whether it is kept.
    pub passed: bool,
    /// In words.
    pub message: String,
}

/// `part` of `whole` in percent, rounded half up to two decimals; of nothing it is 0, or "without bound".
fn percent(part: i128, whole: i128) -> String {
    if whole == 0 {
        return if part == 0 { "0%".to_owned() } else { "without bound".to_owned() };
    }
    let hundredths = (part * 20_000 + whole).div_euclid(2 * whole);
    format!("{}%", display_decimal(i64::try_from(hundredths).unwrap_or(i64::MAX), 2))
}

fn kept(part: i128, whole: i128, limit: Limit) -> bool {
    part * i128::from(Share::WHOLE.basis_points()) <= whole * i128::from(limit.0.basis_points())
}

fn share(limit: &'static str, at_most: Limit, axis: &str, what: &str, part: u64, whole: u64) -> Check {
    let (part_, whole_) = (i128::from(part), i128::from(whole));
    let passed = kept(part_, whole_, at_most);
    let found = percent(part_, whole_);
    let relation = if passed { "within" } else { "above" };
    Check {
        limit,
        axis: axis.to_owned(),
        at_most: at_most.to_string(),
        message: format!("{axis}: {part} of {whole} {what} ({found}), {relation} --{limit} {at_most}"),
        found,
        passed,
    }
}

/// Tests every limit on every axis it is about.
pub(crate) fn checks(
    tally: &Tally,
    limits: &Limits,
    workloads: &[Option<(Workload, Workload)>],
) -> Vec<Check> {
    let both = tally.population[0];
    let mut checks = Vec::new();
    let of = |place: Direction, moves: [u64; 3]| place.place().map_or(0, |place| moves[place]);
    for (i, axis) in tally.frame.axes.iter().enumerate() {
        let moves = tally.moves(i);
        if let Some(limit) = limits.moved {
            let moved = moves.iter().sum();
            checks.push(share("max-moved", limit, &axis.id, "subjects of both runs moved", moved, both));
        }
        if let (Some(limit), false) = (limits.worse, axis.comparable()) {
            // A gate that cannot judge does not open.
            checks.push(Check {
                limit: "max-worse",
                axis: axis.id.clone(),
                at_most: limit.to_string(),
                found: "no direction".to_owned(),
                passed: false,
                message: format!(
                    "{}: grades of two schemes, so that nobody can say who moved for the worse; --max-worse {limit} cannot be \
                     judged",
                    axis.id
                ),
            });
        } else if let Some(limit) = limits.worse {
            let worse = of(Direction::Worse, moves);
            checks.push(share(
                "max-worse",
                limit,
                &axis.id,
                "subjects of both runs moved for the worse",
                worse,
                both,
            ));
        }
        if let (Some(limit), AxisKind::Standard { .. }) = (limits.unscored, &axis.kind) {
            let after = tally.outcomes[i][1];
            let unscored = after[OutcomeKind::CannotScore.place()];
            let eligible = unscored + after[OutcomeKind::Graded.place()];
            let what = "eligible subjects of the second run cannot be scored";
            checks.push(share("max-unscored", limit, &axis.id, what, unscored, eligible));
        }
        if let (Some(limit), Some((before, after))) = (limits.workload, &workloads[i]) {
            checks.push(growth(limit, &axis.id, before.total(), after.total()));
        }
    }
    checks
}

/// The least or the most of a field's inspections, whichever grows more.
fn growth(limit: Limit, axis: &str, before: (i128, i128), after: (i128, i128)) -> Check {
    let (least, most) = ((before.0, after.0 - before.0), (before.1, after.1 - before.1));
    let grows_more = |(was, more): (i128, i128), (was_, more_): (i128, i128)| more * was_ > more_ * was;
    let kept = |(was, more): (i128, i128)| kept(more, was, limit);
    let tells_most = match (kept(least), kept(most)) {
        (true, false) => true,
        (false, true) => false,
        (true, true) | (false, false) => grows_more(most, least),
    };
    let (which, (was, more)) = if tells_most { ("most", most) } else { ("least", least) };
    let passed = kept((was, more));
    let found = percent(more, was);
    let relation = if passed { "within" } else { "above" };
    Check {
        limit: "max-workload",
        axis: axis.to_owned(),
        at_most: limit.to_string(),
        message: format!(
            "{axis}: inspections a year (at {which}) go from {} to {} ({}{found}), {relation} --max-workload {limit}",
            decimal(was),
            decimal(was + more),
            if more > 0 { "+" } else { "" },
        ),
        found,
        passed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_exactly_or_refused() {
        for (text, expected) in
            [("5%", "5%"), ("+10%", "10%"), ("0.25%", "0.25%"), ("0%", "0%"), ("250%", "250%")]
        {
            assert_eq!(text.parse::<Limit>().map(|l| l.to_string()), Ok(expected.to_owned()));
        }
        for text in ["5", "", "%", "-1%", "0.001%", "5 %", "five%", "++1%"] {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
    }

    #[track_caller]
    fn check(part: u64, whole: u64, limit: &str, passed: bool, found: &str) {
        let check = share("max-moved", limit.parse().unwrap(), "field:x", "moved", part, whole);
        assert_eq!((check.passed, check.found.as_str()), (passed, found), "{}", check.message);
    }

    #[test]
    fn a_share_at_its_limit_passes_and_one_above_does_not() {
        check(5, 100, "5%", true, "5%");
        check(6, 100, "5%", false, "6%");
        check(1, 3, "33.33%", false, "33.33%");
        check(1, 3, "33.34%", true, "33.33%");
        check(0, 0, "0%", true, "0%");
    }

    #[test]
    fn growth_is_that_of_the_end_that_grows_more() {
        let limit: Limit = "10%".parse().unwrap();
        let check = growth(limit, "field:x", (1_000_000, 2_000_000), (1_100_000, 2_000_000));
        assert!(check.passed && check.found == "10%", "{}", check.message);
        let check = growth(limit, "field:x", (1_000_000, 2_000_000), (1_000_000, 2_300_000));
        assert_eq!(
            check.message,
            "field:x: inspections a year (at most) go from 200 to 230 (+15%), above --max-workload 10%"
        );
        let from_nothing = growth(limit, "field:x", (0, 0), (10_000, 10_000));
        assert!(!from_nothing.passed && from_nothing.found == "without bound");
        assert!(growth(limit, "field:x", (0, 0), (0, 0)).passed);
        assert!(growth(limit, "field:x", (10, 10), (5, 5)).passed);
    }
}
