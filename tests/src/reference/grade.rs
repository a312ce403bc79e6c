//! §10 of the format: grades and findings.

use hengxin_core::document::Node;

use super::condition::holds;
use super::tree::Score;
use super::{RefIndicator, RefOutcome, Scene, children, integer, need, number_at, scalar, text};

/// Place of a grade in its order: 0 is the best, -1 is "no grade", which is better than every grade.
type Place = i64;

const NO_GRADE: Place = -1;

/// §10: findings, the grade, and the whole outcome.
pub(super) fn outcome(
    scene: &Scene<'_>,
    score: &Score,
    undetermined_rules: Vec<String>,
    indicators: Vec<RefIndicator>,
) -> RefOutcome {
    let mut applying: Vec<&Node> = Vec::new();
    let mut undetermined = Vec::new();
    for finding in children(scene.standard, "findings") {
        match holds(scene, need(finding, "when")) {
            Some(true) => applying.push(finding),
            Some(false) => {}
            None => undetermined.push(text(finding, "id").to_owned()),
        }
    }
    let findings: Vec<String> = applying.iter().map(|finding| text(finding, "id").to_owned()).collect();
    let scheme = need(scene.standard, "grades");
    let order: Vec<&str> = children(scheme, "bands")
        .iter()
        .chain(children(scheme, "order"))
        .map(|grade| text(grade, "grade"))
        .collect();
    let name = |place: Place| usize::try_from(place).ok().map(|i| order[i].to_owned());
    let (score, start) = match score {
        Score::Impossible => {
            // §10, end: only `exactly` applies, the worst of them is the grade.
            let vetoes = applying.iter().filter_map(|finding| effect(finding, "exactly", &order));
            let grade = vetoes.max().and_then(name);
            return RefOutcome::CannotScore { grade, findings, undetermined, undetermined_rules, indicators };
        }
        Score::NoScale => (None, place(text(scheme, "start"), &order)),
        Score::Points(score) => {
            let band = children(scheme, "bands").iter().find(|band| {
                let (from, to) = (number_at(band, "from"), number_at(band, "to"));
                (from.is_some() || to.is_some())
                    && from.is_none_or(|from| from <= *score)
                    && to.is_none_or(|to| *score < to)
            });
            (Some(score.clone()), place(text(band.expect("bands cover the scale"), "grade"), &order))
        }
    };
    let (grade, decided) = decide(&applying, &order, start);
    RefOutcome::Graded {
        band: score.as_ref().and_then(|_| name(start)),
        score,
        grade: name(grade),
        findings,
        decided,
        undetermined,
        undetermined_rules,
        indicators,
    }
}

/// §10, steps 1 to 4: the grade, and the findings that decided it.
fn decide(applying: &[&Node], order: &[&str], g: Place) -> (Place, Vec<String>) {
    let places =
        |key: &str| -> Vec<Place> { applying.iter().filter_map(|f| effect(f, key, order)).collect() };
    // 1. Floors.
    let g1 = places("at_least").into_iter().chain([g]).min().expect("at least g");
    // 2. Vetoes.
    let g2 = places("exactly").into_iter().max().unwrap_or(g1);
    // 3. Candidates.
    let mut candidates = vec![g2];
    candidates.extend(places("at_most"));
    candidates.extend(applying.iter().filter_map(|f| downgraded(f, order, g1)));
    // 4. The worst candidate.
    let grade = candidates.into_iter().max().expect("at least g2");
    let mut decided = Vec::new();
    for finding in applying {
        let deciding = if let Some(floor) = effect(finding, "at_least", order) {
            floor < g && floor == grade
        } else {
            let candidate = effect(finding, "exactly", order)
                .or_else(|| effect(finding, "at_most", order))
                .or_else(|| downgraded(finding, order, g1));
            candidate == Some(grade) && grade != g1
        };
        if deciding {
            decided.push(text(finding, "id").to_owned());
        }
    }
    (grade, decided)
}

/// The grade an effect of this kind names; `None` when the finding has another effect.
fn effect(finding: &Node, kind: &str, order: &[&str]) -> Option<Place> {
    need(finding, "effect").child(kind).map(|grade| place(scalar(grade), order))
}

/// §10 `downgrade`: N steps in the order, not below the worst. From "no grade" the first step leads to the best.
fn downgraded(finding: &Node, order: &[&str], g1: Place) -> Option<Place> {
    let steps = integer(need(finding, "effect").child("downgrade")?);
    let worst = i64::try_from(order.len()).expect("few grades") - 1;
    Some((g1 + steps).min(worst))
}

fn place(grade: &str, order: &[&str]) -> Place {
    if grade == "none" {
        return NO_GRADE;
    }
    let place = order.iter().position(|g| *g == grade).unwrap_or_else(|| panic!("no grade `{grade}`"));
    i64::try_from(place).expect("few grades")
}
