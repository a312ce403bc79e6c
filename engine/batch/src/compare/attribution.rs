//! Which clause a move is laid to: a pure function of what both editions told about one subject.
//!
//! A change usually has several reasons at once; one is named, by a fixed order: who is evaluated, how much is known,
//! the finding that decided, the indicator that moved furthest in the direction of the move, the scale, the bands. For a
//! tier: the override that decided, the result that moved, the method. It names where the results part, not a culprit:
//! whether the facts or the edition changed behind a clause is seen from the editions and the explanation of the subject.

use std::sync::Arc;

use hengxin_core::grade::Grade;
use hengxin_core::number::Points;
use hengxin_core::tier::Tier;
use hengxin_core::uscc::Uscc;

use super::axis::Direction;
use super::clause::{Clause, ClauseKind};
use super::result_row::OutcomeKind;
use crate::error::Result;

/// What one edition of a standard told about one subject.
#[derive(Clone, Debug)]
pub struct Side {
    /// Id of the standard.
    pub standard: String,
    /// What kind of result it is.
    pub outcome: OutcomeKind,
    /// The score; `None`: there is none.
    pub score: Option<Points>,
    /// The grade; `None`: there is none.
    pub grade: Option<Grade>,
    /// Points per indicator in document order; empty when nobody told.
    pub points: Vec<IndicatorPoints>,
    /// Findings that apply.
    pub findings: Vec<AppliedFinding>,
    /// The rule by which the subject is not evaluated; `None`: it is, or its kind of subject is not.
    pub excluded_by: Option<Arc<Clause>>,
    /// The clause of the edition's bands.
    pub bands: Arc<Clause>,
}

/// What one indicator gave.
#[derive(Clone, Debug)]
pub struct IndicatorPoints {
    /// Its clause.
    pub clause: Arc<Clause>,
    /// Its points in ten-thousandths; `None`: it was left out, too little is known.
    pub points: Option<Points>,
}

/// A finding that applies.
#[derive(Clone, Debug)]
pub struct AppliedFinding {
    /// Its clause.
    pub clause: Arc<Clause>,
    /// Whether it decided the grade (where nobody told: whether it can).
    pub decided: bool,
}

/// What one edition of a tier policy told about one subject.
#[derive(Clone, Debug)]
pub struct FieldTold {
    /// The tier; `None`: the policy says nothing.
    pub tier: Option<Tier>,
    /// The tier by the method alone.
    pub by_method: Option<Tier>,
    /// Overrides that apply.
    pub overrides: Vec<Arc<Clause>>,
    /// The clause of the method.
    pub method: Arc<Clause>,
}

/// What one run told about one subject.
#[derive(Clone, Debug)]
pub struct Told {
    /// In the order of [`RunSide::standards`](super::RunSide::standards).
    pub standards: Vec<Side>,
    /// In the order of [`RunSide::fields`](super::RunSide::fields).
    pub fields: Vec<FieldTold>,
}

/// Tells the reasons behind the results of a subject in both runs.
pub trait Explainer {
    /// Both runs' reasons, first run first. Asked only for subjects that moved, in ascending order. `None`: it cannot
    /// be told for this subject, which then is laid to what the results alone show.
    ///
    /// # Errors
    /// What the source finds wrong.
    fn explain(&mut self, subject: Uscc) -> Result<Option<(Told, Told)>>;
}

/// The clause a change of grade is laid to.
pub fn of_grade(before: &Side, after: &Side, direction: Direction) -> Arc<Clause> {
    let document = |kind| Arc::new(Clause::of_document(kind, &after.standard));
    if before.outcome != after.outcome {
        let one_is = |kind| before.outcome == kind || after.outcome == kind;
        if one_is(OutcomeKind::NotEligible) {
            let rule = after.excluded_by.as_ref().or(before.excluded_by.as_ref());
            return rule.cloned().unwrap_or_else(|| document(ClauseKind::Eligibility));
        }
        // A veto gives the same grade however much is known.
        if let Some(finding) = finding(before, after, direction) {
            return finding;
        }
        return became_known(before, after).unwrap_or_else(|| document(ClauseKind::Coverage));
    }
    if let Some(finding) = finding(before, after, direction) {
        return finding;
    }
    match (before.score, after.score, direction) {
        (Some(old), Some(new), Direction::Worse) if new < old => moved_score(before, after, direction),
        (Some(old), Some(new), Direction::Better) if new > old => moved_score(before, after, direction),
        // The score stands still or goes the other way: the grade moved because the bands did.
        (Some(_), Some(_), Direction::Worse | Direction::Better | Direction::Other) => after.bands.clone(),
        _ => document(ClauseKind::Unexplained),
    }
}

/// The clause a change of tier is laid to. `results` are those the policy looks at, each on both sides, the industry's
/// first, with the direction its grade moved in.
pub fn of_tier(
    before: &FieldTold,
    after: &FieldTold,
    direction: Direction,
    results: &[(&Side, &Side, Direction)],
) -> Arc<Clause> {
    if let Some(rule) = override_that_differs(before, after, direction) {
        return rule;
    }
    // A result that moved as the tier did, before one that changed without a direction. The industry's is the first in
    // the list, because in the policies seen it leads and the public one corrects.
    // One that shows its reason comes before one that does not.
    let mut unexplained = None;
    for wanted in [direction, Direction::Other] {
        for (before, after, moved) in results.iter().filter(|(_, _, moved)| *moved == wanted) {
            let cause = of_grade(before, after, *moved);
            if cause.kind != ClauseKind::Unexplained {
                return cause;
            }
            unexplained.get_or_insert(cause);
        }
    }
    if let Some(cause) = unexplained {
        return cause;
    }
    // A policy that weighs scores moves a tier although no grade moved.
    let by_score = results.iter().find_map(|(before, after, _)| match (before.score, after.score) {
        (Some(old), Some(new)) => {
            let moves =
                (new < old && direction == Direction::Worse) || (new > old && direction == Direction::Better);
            moves.then(|| moved_score(before, after, direction))
        }
        _ => None,
    });
    by_score.unwrap_or_else(|| after.method.clone())
}

/// The override that holds on one side only, when the tier of that side comes from overrides.
fn override_that_differs(before: &FieldTold, after: &FieldTold, direction: Direction) -> Option<Arc<Clause>> {
    let only = |one: &FieldTold, other: &FieldTold| {
        let new = |rule: &&Arc<Clause>| !other.overrides.iter().any(|o| o.key() == rule.key());
        (one.tier != one.by_method).then(|| one.overrides.iter().find(new).cloned()).flatten()
    };
    let (came, went) = (only(after, before), only(before, after));
    match direction {
        Direction::Better => went.or(came),
        Direction::Worse | Direction::Other | Direction::Same => came.or(went),
    }
}

/// The finding that decided on one side only: the one that came for the worse, the one that went for the better.
fn finding(before: &Side, after: &Side, direction: Direction) -> Option<Arc<Clause>> {
    let only = |one: &Side, other: &Side| {
        let decided =
            |clause: &Clause| other.findings.iter().any(|f| f.decided && f.clause.key() == clause.key());
        let new = |f: &&AppliedFinding| f.decided && !decided(&f.clause);
        one.findings.iter().find(new).map(|f| f.clause.clone())
    };
    let (came, went) = (only(after, before), only(before, after));
    match direction {
        Direction::Better => went.or(came),
        Direction::Worse | Direction::Other | Direction::Same => came.or(went),
    }
}

/// The first indicator that is known on one side only.
fn became_known(before: &Side, after: &Side) -> Option<Arc<Clause>> {
    let differs = |now: &&IndicatorPoints| {
        let then = before.points.iter().find(|then| then.clause.key() == now.clause.key());
        then.is_some_and(|then| then.points.is_some() != now.points.is_some())
    };
    after.points.iter().find(differs).map(|now| now.clause.clone())
}

/// The indicator whose points moved furthest in the direction of the score; one that only one edition has counts with
/// all its points. Of equals the first in document order, those of the second edition before the rest.
fn moved_score(before: &Side, after: &Side, direction: Direction) -> Arc<Clause> {
    let document = |kind| Arc::new(Clause::of_document(kind, &after.standard));
    if before.points.is_empty() || after.points.is_empty() {
        return document(ClauseKind::Score);
    }
    let counted = |p: Option<Points>| p.unwrap_or(Points::ZERO).ten_thousandths();
    let points_in = |side: &Side, key| {
        side.points.iter().find(|p| p.clause.key() == key).map_or(0, |p| counted(p.points))
    };
    let now = after.points.iter().map(|p| (&p.clause, counted(p.points) - points_in(before, p.clause.key())));
    let gone =
        before.points.iter().filter(|p| !after.points.iter().any(|o| o.clause.key() == p.clause.key()));
    let gone = gone.map(|p| (&p.clause, -counted(p.points)));
    let mut furthest: Option<(&Arc<Clause>, i64)> = None;
    for (clause, change) in now.chain(gone) {
        let change = if direction == Direction::Worse { -change } else { change };
        if change > furthest.map_or(0, |(_, most)| most) {
            furthest = Some((clause, change));
        }
    }
    furthest.map_or_else(|| document(ClauseKind::Scale), |(clause, _)| clause.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(kind: ClauseKind, id: &str) -> Arc<Clause> {
        let (title, source) = (format!("title of {id}"), format!("article {id}"));
        Arc::new(Clause { kind, document: "s".to_owned(), id: id.to_owned(), title, source })
    }

    fn side(score: i64, grade: Grade, points: &[(&str, Option<i64>)]) -> Side {
        let points = points.iter().map(|(id, points)| IndicatorPoints {
            clause: clause(ClauseKind::Indicator, id),
            points: points.map(Points::from_ten_thousandths),
        });
        Side {
            standard: "s".to_owned(),
            outcome: OutcomeKind::Graded,
            score: Some(Points::from_ten_thousandths(score)),
            grade: Some(grade),
            points: points.collect(),
            findings: Vec::new(),
            excluded_by: None,
            bands: clause(ClauseKind::Bands, "grades"),
        }
    }

    fn with(mut side: Side, findings: &[(&str, bool)]) -> Side {
        let applied = findings.iter().map(|(id, decided)| AppliedFinding {
            clause: clause(ClauseKind::Finding, id),
            decided: *decided,
        });
        side.findings = applied.collect();
        side
    }

    #[track_caller]
    fn check(before: &Side, after: &Side, direction: Direction, kind: ClauseKind, id: &str) {
        let found = of_grade(before, after, direction);
        assert_eq!((found.kind, found.id.as_str()), (kind, id));
    }

    #[test]
    fn the_indicator_that_moved_furthest_in_the_direction() {
        let before = side(900, 0, &[("a", Some(100)), ("b", Some(50)), ("c", Some(0))]);
        // `c` moves furthest of all, but the other way.
        let after = side(860, 1, &[("a", Some(80)), ("b", Some(20)), ("c", Some(90))]);
        check(&before, &after, Direction::Worse, ClauseKind::Indicator, "b");
        check(&after, &before, Direction::Better, ClauseKind::Indicator, "b");
    }

    #[test]
    fn of_equals_the_first_and_one_that_is_new_or_gone_with_all_its_points() {
        let before = side(900, 0, &[("a", Some(10)), ("b", Some(10))]);
        check(
            &before,
            &side(880, 1, &[("a", Some(0)), ("b", Some(0))]),
            Direction::Worse,
            ClauseKind::Indicator,
            "a",
        );
        let new = side(880, 1, &[("a", Some(9)), ("b", Some(10)), ("n", Some(-30))]);
        check(&before, &new, Direction::Worse, ClauseKind::Indicator, "n");
        let gone = side(880, 1, &[("a", Some(9))]);
        check(&before, &gone, Direction::Worse, ClauseKind::Indicator, "b");
        let unknown = side(880, 1, &[("a", Some(5)), ("b", None)]);
        check(&before, &unknown, Direction::Worse, ClauseKind::Indicator, "b");
    }

    #[test]
    fn the_finding_that_decided_comes_before_points() {
        let before = side(900, 0, &[("a", Some(10))]);
        let after = with(side(700, 3, &[("a", Some(0))]), &[("note", false), ("veto", true)]);
        check(&before, &after, Direction::Worse, ClauseKind::Finding, "veto");
        check(&after, &before, Direction::Better, ClauseKind::Finding, "veto");
        // A floor that no longer holds lets the grade fall.
        let lifted = with(side(700, 1, &[]), &[("floor", true)]);
        check(&lifted, &side(700, 3, &[]), Direction::Worse, ClauseKind::Finding, "floor");
    }

    #[test]
    fn the_same_score_in_other_bands_and_a_score_that_moved_by_itself() {
        let before = side(900, 0, &[("a", Some(10))]);
        check(&before, &side(900, 1, &[("a", Some(10))]), Direction::Worse, ClauseKind::Bands, "grades");
        check(&before, &side(910, 1, &[("a", Some(20))]), Direction::Worse, ClauseKind::Bands, "grades");
        check(&before, &side(880, 1, &[("a", Some(10))]), Direction::Worse, ClauseKind::Scale, "scale");
        check(&side(900, 0, &[]), &side(880, 1, &[]), Direction::Worse, ClauseKind::Score, "score");
    }

    #[test]
    fn who_is_evaluated_and_how_much_is_known() {
        let before = side(900, 0, &[("a", Some(10)), ("b", Some(5))]);
        let mut out = side(0, 0, &[]);
        (out.outcome, out.score, out.grade) = (OutcomeKind::NotEligible, None, None);
        check(&before, &out, Direction::Other, ClauseKind::Eligibility, "eligibility");
        out.excluded_by = Some(clause(ClauseKind::Eligibility, "deregistered"));
        check(&before, &out, Direction::Other, ClauseKind::Eligibility, "deregistered");
        let mut unknown = side(0, 0, &[("a", Some(10)), ("b", None)]);
        (unknown.outcome, unknown.score, unknown.grade) = (OutcomeKind::CannotScore, None, None);
        check(&before, &unknown, Direction::Other, ClauseKind::Indicator, "b");
        unknown.points.clear();
        check(&before, &unknown, Direction::Other, ClauseKind::Coverage, "coverage");
    }

    fn told(tier: Tier, by_method: Tier, overrides: &[&str]) -> FieldTold {
        FieldTold {
            tier: Some(tier),
            by_method: Some(by_method),
            overrides: overrides.iter().map(|id| clause(ClauseKind::Override, id)).collect(),
            method: clause(ClauseKind::Method, "matrix"),
        }
    }

    #[test]
    fn a_tier_by_its_override_its_results_or_its_method() {
        let (good, bad) = (side(900, 0, &[("a", Some(10))]), side(800, 1, &[("a", Some(0))]));
        let of = |before: &FieldTold, after: &FieldTold, results: &[(&Side, &Side, Direction)]| {
            let found = of_tier(before, after, Direction::Worse, results);
            (found.kind, found.id.clone())
        };
        let moved = [(&good, &good, Direction::Same), (&good, &bad, Direction::Worse)];
        let still = [(&good, &good, Direction::Same)];
        let name = |kind, id: &str| (kind, id.to_owned());
        let raised = of(&told(1, 1, &[]), &told(4, 2, &["list"]), &moved);
        assert_eq!(raised, name(ClauseKind::Override, "list"));
        // An override that applies and changes nothing is no reason.
        assert_eq!(of(&told(1, 1, &[]), &told(4, 4, &["list"]), &moved), name(ClauseKind::Indicator, "a"));
        assert_eq!(of(&told(1, 1, &[]), &told(2, 2, &[]), &still), name(ClauseKind::Method, "matrix"));
        // The industry's grade fell for no reason that was told; the public one shows its own.
        let mut fell = good.clone();
        fell.grade = Some(3);
        (fell.score, fell.outcome) = (None, OutcomeKind::Graded);
        let mut unscored = good.clone();
        unscored.score = None;
        let shown = [(&unscored, &fell, Direction::Worse), (&good, &bad, Direction::Worse)];
        assert_eq!(of(&told(1, 1, &[]), &told(4, 4, &[]), &shown), name(ClauseKind::Indicator, "a"));
        // Weighted scores: no grade moved, a score did.
        let scores = [(&good, &bad, Direction::Same)];
        assert_eq!(of(&told(1, 1, &[]), &told(2, 2, &[]), &scores), name(ClauseKind::Indicator, "a"));
    }
}
