//! Grades and findings: from a score to a grade, and what moves it besides the score (`docs/standard-format.md` §10).

use crate::condition::Condition;
use crate::document::{self, Check, Fields, Node};
use crate::number::Points;
use crate::quantity::Unit;
use crate::rule::tiling;
use crate::scope::{Scope, Source};

/// A grade: its index in its standard's scheme, 0 for the best. Letters of different schemes never meet.
pub type Grade = u16;

/// A scheme of grades.
#[derive(Clone, Debug)]
pub struct Grades {
    /// Name of the scheme.
    pub scheme: String,
    /// Its source.
    pub source: Source,
    /// Best first.
    pub all: Vec<GradeName>,
    /// (lower bound, grade), best first; empty when there is no score.
    bands: Vec<(Points, Grade)>,
    /// The grade when nothing is found, in a scheme without scores. `None`: no grade.
    start: Option<Grade>,
}

/// One grade's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GradeName {
    /// The id in documents.
    pub id: String,
    /// Its title, when it has one.
    pub title: Option<String>,
}

/// What a finding does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The grade is this one.
    Exactly(Grade),
    /// The grade is at most this one.
    AtMost(Grade),
    /// The grade is at least this one.
    AtLeast(Grade),
    /// So many steps down.
    Downgrade(u16),
    /// Reported only.
    Note,
}

/// A veto, floor, downgrade, limit or note.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Its source.
    pub source: Source,
    /// What it does.
    pub effect: Effect,
    pub(crate) when: Condition,
}

impl Grades {
    /// The id of a grade.
    pub fn id(&self, grade: Grade) -> &str {
        self.all.get(usize::from(grade)).map_or("", |g| g.id.as_str())
    }

    /// The grade with this id.
    pub fn find(&self, id: &str) -> Option<Grade> {
        self.all.iter().position(|g| g.id == id).and_then(|i| Grade::try_from(i).ok())
    }

    /// The grade of the band a score falls in; without a score, the starting one.
    pub(crate) fn band(&self, score: Option<Points>) -> Option<Grade> {
        match score {
            Some(score) => {
                self.bands.iter().find(|(from, _)| *from <= score).or(self.bands.last()).map(|(_, g)| *g)
            }
            None => self.start,
        }
    }

    pub(crate) fn parse(
        node: &Node,
        scored: bool,
        bounds: Option<(Points, Points)>,
        scope: &mut Scope<'_>,
    ) -> Option<Grades> {
        let mut f = Fields::open(node, "grades", &mut scope.faults)?;
        let scheme = f.need_text("scheme", &mut scope.faults);
        let source = Source::need(&mut f, &mut scope.faults);
        let list = f.need(if scored { "bands" } else { "order" }, &mut scope.faults);
        let start = if scored { None } else { f.need("start", &mut scope.faults) };
        f.finish(&mut scope.faults);
        let list = list?;
        let mut all: Vec<GradeName> = Vec::new();
        let mut rows = Vec::new();
        for item in document::list(list, "grades, best first", &mut scope.faults)? {
            let mut f = Fields::open(item, "a grade", &mut scope.faults)?;
            let id = f.need_text("grade", &mut scope.faults);
            let title = f.take_text("title", &mut scope.faults).map(str::to_owned);
            let bounds =
                if scored { tiling::Bounds::take(&mut f, Unit::Points, &mut scope.faults) } else { None };
            f.finish(&mut scope.faults);
            let id = id?;
            if all.iter().any(|g| g.id == id) || id == "none" {
                scope.faults.node(item, Check::DuplicateKey, "each grade once, and none called `none`");
            }
            if let Some(bounds) = bounds.filter(|b| b.from.is_some() || b.to.is_some()) {
                rows.push((item, bounds, Grade::try_from(all.len()).ok()?));
            }
            all.push(GradeName { id: id.to_owned(), title });
        }
        let start = match start {
            None => None,
            Some(node) if node.text() == Some("none") => None,
            Some(node) => {
                let names: Vec<&str> = all.iter().map(|g| g.id.as_str()).collect();
                let i = document::name(node, "a grade, or `none`", &names, &mut scope.faults)?;
                Some(Grade::try_from(i).ok()?)
            }
        };
        if scored && rows.is_empty() && all.len() == 1 {
            // A single grade for every score needs no bounds.
            rows.push((list, tiling::Bounds { from: None, to: None }, 0));
        }
        if let (true, Some((min, max))) = (scored, bounds) {
            let ascending: Vec<_> = rows.iter().rev().map(|(item, bounds, _)| (*item, *bounds)).collect();
            let (least, most) = (min.ten_thousandths(), max.ten_thousandths());
            let show = |q| Points::from_ten_thousandths(q).to_string();
            tiling::check(list, &ascending, Some(least), Some(most), show, &mut scope.faults);
        }
        let low = |b: tiling::Bounds| Points::from_ten_thousandths(b.from.unwrap_or(i64::MIN));
        let bands = rows.iter().map(|(_, bounds, grade)| (low(*bounds), *grade)).collect();
        Some(Grades { scheme: scheme?.to_owned(), source: source?, all, bands, start })
    }

    /// The grade after all findings that apply, and which of them decided (a bit each), as §10 says.
    pub(crate) fn decide(&self, band: Option<Grade>, applied: &[(usize, Effect)]) -> (Option<Grade>, u64) {
        // "No grade" is better than every grade: ranks are the index plus one.
        let rank = |grade: Option<Grade>| grade.map_or(0, |g| u32::from(g) + 1);
        let worst = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let g = rank(band);
        let floors = applied.iter().filter_map(|(_, e)| match e {
            Effect::AtLeast(grade) => Some(rank(Some(*grade))),
            Effect::Exactly(_) | Effect::AtMost(_) | Effect::Downgrade(_) | Effect::Note => None,
        });
        let raised = floors.fold(g, u32::min);
        let exactly = applied.iter().filter_map(|(_, e)| match e {
            Effect::Exactly(grade) => Some(rank(Some(*grade))),
            Effect::AtLeast(_) | Effect::AtMost(_) | Effect::Downgrade(_) | Effect::Note => None,
        });
        let based = exactly.max().unwrap_or(raised);
        let candidate = |effect: &Effect| match effect {
            Effect::Exactly(grade) | Effect::AtMost(grade) => Some(rank(Some(*grade))),
            Effect::Downgrade(steps) => Some((raised + u32::from(*steps)).min(worst)),
            Effect::AtLeast(_) | Effect::Note => None,
        };
        let result = applied
            .iter()
            .filter(|(_, e)| !matches!(e, Effect::Exactly(_)))
            .filter_map(|(_, e)| candidate(e))
            .fold(based, std::cmp::Ord::max);
        let decided = applied.iter().filter(|(_, effect)| match effect {
            Effect::AtLeast(grade) => {
                let floor = rank(Some(*grade));
                floor < g && floor == result
            }
            Effect::Exactly(_) | Effect::AtMost(_) | Effect::Downgrade(_) => {
                candidate(effect) == Some(result) && result != raised
            }
            Effect::Note => false,
        });
        let bits = decided.fold(0, |bits, (i, _)| bits | 1u64 << i);
        (result.checked_sub(1).and_then(|g| Grade::try_from(g).ok()), bits)
    }
}

impl Finding {
    pub(crate) fn parse(node: &Node, grades: &Grades, scope: &mut Scope<'_>) -> Option<Finding> {
        let mut f = Fields::open(node, "a finding", &mut scope.faults)?;
        let id = f.need_text("id", &mut scope.faults);
        let title = f.need_text("title", &mut scope.faults);
        let source = Source::need(&mut f, &mut scope.faults);
        let when = f.need("when", &mut scope.faults).and_then(|n| Condition::parse(n, scope));
        let effect = f.need("effect", &mut scope.faults).and_then(|n| parse_effect(n, grades, scope));
        f.finish(&mut scope.faults);
        Some(Finding {
            id: id?.to_owned(),
            title: title?.to_owned(),
            source: source?,
            effect: effect?,
            when: when?,
        })
    }
}

fn parse_effect(node: &Node, grades: &Grades, scope: &mut Scope<'_>) -> Option<Effect> {
    if node.text() == Some("note") {
        return Some(Effect::Note);
    }
    let mut f = Fields::open(node, "an effect", &mut scope.faults)?;
    let kinds = ["exactly", "at_most", "at_least", "downgrade"];
    let (kind, value) = f.one_of(&kinds, "an effect (or the word `note`)", &mut scope.faults)?;
    f.finish(&mut scope.faults);
    let last = grades.all.len().saturating_sub(1);
    if kinds[kind] == "downgrade" {
        let steps = document::whole(value, 1, 100, &mut scope.faults)?;
        return Some(Effect::Downgrade(u16::try_from(steps).ok()?));
    }
    let names: Vec<&str> = grades.all.iter().map(|g| g.id.as_str()).collect();
    let index = document::name(value, "a grade of this standard", &names, &mut scope.faults)?;
    let grade = Grade::try_from(index).ok()?;
    let pointless = match kinds[kind] {
        "at_most" => index == 0 && (grades.start.is_some() || !grades.bands.is_empty()),
        "at_least" => index == last,
        _ => false,
    };
    if pointless {
        scope.faults.node(node, Check::NeverApplies, "a grade that leaves something to change");
        return None;
    }
    Some(match kinds[kind] {
        "exactly" => Effect::Exactly(grade),
        "at_most" => Effect::AtMost(grade),
        _ => Effect::AtLeast(grade),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheme(n: usize) -> Grades {
        let all = (0..n).map(|i| GradeName { id: format!("g{i}"), title: None }).collect();
        let source = Source::Project { reason: "test".to_owned() };
        Grades { scheme: "test".to_owned(), source, all, bands: Vec::new(), start: None }
    }

    #[track_caller]
    fn check(band: Option<Grade>, effects: &[Effect], expected: Option<Grade>, decided: u64) {
        let applied: Vec<(usize, Effect)> = effects.iter().copied().enumerate().collect();
        assert_eq!(scheme(4).decide(band, &applied), (expected, decided));
    }

    #[test]
    fn the_strictest_decides() {
        check(Some(0), &[], Some(0), 0);
        check(Some(0), &[Effect::AtMost(1), Effect::AtMost(2)], Some(2), 0b10);
        check(Some(1), &[Effect::Downgrade(1), Effect::Downgrade(1)], Some(2), 0b11);
        check(Some(3), &[Effect::Downgrade(2)], Some(3), 0);
        check(Some(2), &[Effect::AtMost(1)], Some(2), 0);
    }

    #[test]
    fn a_floor_cannot_undo_a_veto() {
        check(Some(3), &[Effect::AtLeast(1)], Some(1), 0b1);
        check(Some(3), &[Effect::AtLeast(1), Effect::Exactly(3)], Some(3), 0b10);
        check(Some(3), &[Effect::AtLeast(0), Effect::AtMost(2)], Some(2), 0b10);
    }

    #[test]
    fn exactly_may_also_raise() {
        check(Some(3), &[Effect::Exactly(1)], Some(1), 0b1);
        check(Some(3), &[Effect::Exactly(1), Effect::AtMost(2)], Some(2), 0b10);
    }

    #[test]
    fn no_grade_is_better_than_every_grade() {
        check(None, &[], None, 0);
        check(None, &[Effect::Exactly(0)], Some(0), 0b1);
        check(None, &[Effect::Downgrade(2)], Some(1), 0b1);
    }
}
