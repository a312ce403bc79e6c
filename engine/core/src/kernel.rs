//! The kernel: one pure, total function from a plan and a dossier to an evaluation.
//!
//! Pure: no clock, no IO, no state but the reused buffers of a [`Workbench`], which never influence a result.
//! Total: a checked [`Standard`](crate::standard::Standard) and any dossier have an answer. "Too little is known"
//! is an answer, not an error. Order of evaluation: `docs/standard-format.md` §3 to §11.

use std::sync::Arc;

use crate::condition::Truth;
use crate::date::Date;
use crate::fact::{Classes, CreditFile, Dossier};
use crate::grade::{Effect, Grade};
use crate::number::Points;
use crate::picker::Picker;
use crate::plan::{Nested, Plan};
use crate::quantity::Watch;
use crate::reading::{Look, Measured, NestedResult};
use crate::scope::Slot;
use crate::selection::Selection;
use crate::standard::Standard;
use crate::trace::{Adjustment, IndicatorLine, Trace};
use crate::tree::{Child, Group, WhenUnknown};
use crate::uscc::Uscc;

/// What a standard says of a subject on a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// The result.
    pub outcome: Outcome,
    /// Findings that apply, a bit each by their place in the standard.
    pub findings: u64,
    /// Findings and nothing else about which too little is known, likewise.
    pub undetermined: u64,
    /// Findings that decided the grade, likewise.
    pub decided: u64,
    /// First date after the as-of date on which the result can change without a new fact; `None`: never.
    pub horizon: Option<Date>,
    /// How many indicators are unknown.
    pub unknown: u16,
}

/// The result of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not evaluated, and why.
    NotEligible(Ineligible),
    /// Too little is known for a score; a veto may still give a grade.
    CannotScore {
        /// The worst grade of the vetoes that apply.
        grade: Option<Grade>,
    },
    /// Evaluated.
    Graded {
        /// The score; `None` in a standard that only gives grades.
        score: Option<Points>,
        /// The grade of the score alone.
        band: Option<Grade>,
        /// The grade after findings; `None` where nothing found means no grade.
        grade: Option<Grade>,
    },
}

impl Outcome {
    /// The score, where there is one.
    pub fn score(self) -> Option<Points> {
        match self {
            Outcome::Graded { score, .. } => score,
            Outcome::NotEligible(_) | Outcome::CannotScore { .. } => None,
        }
    }

    /// The grade, where there is one.
    pub fn grade(self) -> Option<Grade> {
        match self {
            Outcome::Graded { grade, .. } | Outcome::CannotScore { grade } => grade,
            Outcome::NotEligible(_) => None,
        }
    }
}

/// Why a subject is not evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ineligible {
    /// Its kind of subject is not.
    Kind,
    /// The eligibility rule at this place of the standard.
    Rule(u16),
}

/// What one indicator gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndicatorResult {
    /// What was measured.
    pub measured: Measured,
    /// Its points, clipped; `None` when it is left out.
    pub points: Option<Points>,
}

/// Buffers for evaluating one plan, reused from file to file.
#[derive(Clone, Debug)]
pub struct Workbench {
    plan: Arc<Plan>,
    own: Picker,
    related: Vec<Picker>,
    nested: Vec<Option<Workbench>>,
    results: Vec<Option<NestedResult>>,
    related_measured: Vec<Measured>,
    delivered: Vec<bool>,
    indicators: Vec<IndicatorResult>,
    dimensions: Vec<Option<Points>>,
}

impl Workbench {
    /// Buffers for `plan`.
    pub fn new(plan: Arc<Plan>) -> Workbench {
        let standard = &plan.standard;
        let own = Picker::new(&standard.selections, plan.as_of);
        let related = standard.related.iter().map(|r| Picker::new(&r.selections, plan.as_of)).collect();
        let nested = plan
            .nested
            .iter()
            .map(|nested| match nested {
                Nested::Plan(plan) => Some(Workbench::new(Arc::clone(plan))),
                Nested::NoEdition | Nested::Given(_) => None,
            })
            .collect();
        Workbench {
            own,
            related,
            nested,
            results: Vec::new(),
            related_measured: Vec::new(),
            delivered: Vec::new(),
            indicators: Vec::new(),
            dimensions: Vec::new(),
            plan,
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What each indicator gave in the last evaluation; empty when the subject was not eligible.
    pub fn indicators(&self) -> &[IndicatorResult] {
        &self.indicators
    }
}

/// Evaluates one dossier. `classes` must hold every class of its facts; a fact of an unlisted class is not seen.
pub fn evaluate<T: Trace>(
    bench: &mut Workbench,
    classes: &Classes,
    dossier: &Dossier<'_>,
    trace: &mut T,
) -> Evaluation {
    let plan = Arc::clone(&bench.plan);
    let standard: &Standard = &plan.standard;
    let mut due = plan.until;

    let registration = dossier.file.registration(plan.as_of);
    if let Some(next) = dossier.file.registrations.iter().find(|r| r.since > plan.as_of) {
        due = due.min(next.since);
    }
    bench.results.clear();
    for (nested, inner) in plan.nested.iter().zip(&mut bench.nested) {
        bench.results.push(match (nested, inner) {
            (Nested::Given(result), _) => Some(*result),
            (Nested::Plan(_), Some(inner)) => {
                let result = evaluate(inner, classes, dossier, &mut crate::trace::Silent);
                due = result.horizon.unwrap_or(Date::FOREVER).min(due);
                Some(NestedResult { score: result.outcome.score(), grade: result.outcome.grade() })
            }
            (Nested::Plan(_) | Nested::NoEdition, _) => None,
        });
    }
    measure_related(bench, standard, classes, dossier, &mut due);
    bench.own.admit(&standard.selections, classes.as_slice());
    bench.own.pick(&standard.selections, standard.lifecycle, &dossier.file.facts, &mut due);
    delivered(&standard.selections, standard, &dossier.file, plan.as_of, &mut bench.delivered, &mut due);

    let look = Look {
        as_of: plan.as_of,
        classes: classes.as_slice(),
        hits: &bench.own.hits,
        delivered: &bench.delivered,
        file: &dossier.file,
        registration,
        results: &bench.results,
        related: &bench.related_measured,
        rounding: standard.rounding,
        group: None,
    };
    bench.indicators.clear();
    let ineligible = not_eligible(standard, dossier.file.subject, &look, &mut due);
    if let Some(why) = ineligible {
        return Evaluation {
            outcome: Outcome::NotEligible(why),
            findings: 0,
            undetermined: 0,
            decided: 0,
            horizon: horizon(due),
            unknown: 0,
        };
    }
    let mut unknown = 0u16;
    let mut cannot_score = false;
    let (mut known_max, mut all_max) = (Points::ZERO, Points::ZERO);
    for (i, indicator) in standard.indicators.iter().enumerate() {
        let measured = indicator.reading.measure(&look, indicator.rule.watch(), &mut due);
        let raw = match measured {
            Measured::Known(value) => Some(indicator.rule.points(value, &look, standard.rounding, &mut due)),
            Measured::Unknown(_) => match indicator.when_unknown {
                WhenUnknown::Points(points) => Some(points),
                WhenUnknown::Exclude => None,
                WhenUnknown::CannotScore => {
                    cannot_score = true;
                    None
                }
            },
        };
        let points = raw.map(|p| p.clamp(indicator.min.min(indicator.max), indicator.max));
        let known = matches!(measured, Measured::Known(_));
        unknown += u16::from(!known);
        if indicator.max > Points::ZERO {
            all_max = all_max.plus(indicator.max);
            if known {
                known_max = known_max.plus(indicator.max);
            }
        }
        bench.indicators.push(IndicatorResult { measured, points });
        if T::FULL {
            let evidence =
                crate::trace::evidence(standard, i, measured, &look, &bench.own, standard.lifecycle);
            trace.indicator(IndicatorLine { indicator: i, measured, raw, points, evidence });
        }
    }
    let enough = standard.minimum_known.is_none_or(|share| {
        i128::from(known_max.ten_thousandths()) * 10_000
            >= i128::from(share.basis_points()) * i128::from(all_max.ten_thousandths())
    });
    let score = match &standard.scale {
        None => None,
        Some(_) if cannot_score || !enough => Some(None),
        Some(_) => {
            Some(score(bench.indicators.as_slice(), &mut bench.dimensions, standard, &look, &mut due, trace))
        }
    };
    let mut applied: [(usize, Effect); 64] = [(0, Effect::Note); 64];
    let mut count = 0;
    let (mut findings, mut undetermined) = (0u64, 0u64);
    for (i, finding) in standard.findings.iter().enumerate().take(64) {
        match finding.when.truth(&look, &mut due) {
            Truth::True => {
                findings |= 1 << i;
                applied[count] = (i, finding.effect);
                count += 1;
            }
            Truth::Unknown => undetermined |= 1 << i,
            Truth::False => {}
        }
        if T::FULL {
            let evidence = crate::trace::finding_evidence(standard, i, &look);
            trace.finding(i, evidence);
        }
    }
    let applied = &applied[..count];
    let (outcome, decided) = if let Some(None) = score {
        let vetoes: Vec<(usize, Effect)> =
            applied.iter().filter(|(_, e)| matches!(e, Effect::Exactly(_))).copied().collect();
        let (grade, decided) = standard.grades.decide(None, &vetoes);
        (Outcome::CannotScore { grade }, decided)
    } else {
        let score = score.flatten();
        let band = standard.grades.band(score);
        let (grade, decided) = standard.grades.decide(band, applied);
        (Outcome::Graded { score, band, grade }, decided)
    };
    Evaluation { outcome, findings, undetermined, decided, horizon: horizon(due), unknown }
}

fn horizon(due: Date) -> Option<Date> {
    (due < Date::FOREVER).then_some(due)
}

fn not_eligible(standard: &Standard, subject: Uscc, look: &Look<'_>, due: &mut Date) -> Option<Ineligible> {
    if !standard.subjects.contains(&subject.kind()) {
        return Some(Ineligible::Kind);
    }
    let mut first = None;
    for (i, rule) in standard.eligibility.iter().enumerate() {
        let holds = rule.exclude_when.truth(look, due) == Truth::True;
        if holds && first.is_none() {
            first = u16::try_from(i).ok().map(Ineligible::Rule);
        }
    }
    first
}

/// The score, or `None` when everything is excluded.
fn score<T: Trace>(
    indicators: &[IndicatorResult],
    dimensions: &mut Vec<Option<Points>>,
    standard: &Standard,
    look: &Look<'_>,
    due: &mut Date,
    trace: &mut T,
) -> Option<Points> {
    let scale = standard.scale.as_ref()?;
    let mut base = None;
    for (when, points) in &scale.base.cases {
        if when.truth(look, due) == Truth::True && base.is_none() {
            base = Some(*points);
        }
    }
    let base = base.unwrap_or(scale.base.otherwise);
    if T::FULL {
        trace.adjust(Adjustment::Base, base);
    }
    dimensions.clear();
    dimensions.resize(standard.dimensions.len(), None);
    // Children come after their parents in the list, so that going backwards meets them first.
    for i in (0..standard.dimensions.len()).rev() {
        let dimension = &standard.dimensions[i];
        let value = group_value(&dimension.group, Some(i), indicators, dimensions, standard, trace);
        dimensions[i] = value.map(|value| {
            let clipped = dimension.max.map_or(value, |max| value.min(max));
            let clipped = dimension.min.map_or(clipped, |min| clipped.max(min));
            if T::FULL && clipped != value {
                trace.adjust(Adjustment::DimensionClip(i), clipped.minus(value));
            }
            clipped
        });
    }
    let top = group_value(&standard.top, None, indicators, dimensions, standard, trace)?;
    let sum = base.plus(top);
    let clipped = sum.clamp(scale.min, scale.max);
    let rounded = clipped.rounded(scale.decimals, standard.rounding);
    if T::FULL {
        if clipped != sum {
            trace.adjust(Adjustment::ScaleClip, clipped.minus(sum));
        }
        if rounded != clipped {
            trace.adjust(Adjustment::Rounding, rounded.minus(clipped));
        }
    }
    Some(rounded)
}

fn group_value<T: Trace>(
    group: &Group,
    of: Option<usize>,
    indicators: &[IndicatorResult],
    dimensions: &[Option<Points>],
    standard: &Standard,
    trace: &mut T,
) -> Option<Points> {
    let points = |child| match child {
        Child::Indicator(i) => indicators[i].points,
        Child::Dimension(i) => dimensions[i],
    };
    let value = group.value(points, standard.rounding);
    if T::FULL {
        let sum: Points = group.children.iter().filter_map(|m| points(m.child)).sum();
        // A group that is left out takes the points its known children were told with out again.
        let counted = value.unwrap_or(Points::ZERO);
        if sum != counted {
            let excluded = group.children.iter().any(|m| points(m.child).is_none());
            let adjustment = if excluded { Adjustment::Renormalised(of) } else { Adjustment::Weighted(of) };
            trace.adjust(adjustment, counted.minus(sum));
        }
    }
    value
}

/// Per slot: whether every register of its codes is delivered; lowers `due` to the day one grows stale.
fn delivered(
    selections: &[Selection],
    standard: &Standard,
    file: &CreditFile<'_>,
    as_of: Date,
    delivered: &mut Vec<bool>,
    due: &mut Date,
) {
    let region = file.registration(as_of).and_then(|r| r.region);
    delivered.clear();
    for selection in selections {
        let mut all = true;
        for register in &selection.registers {
            let lag = standard.lags.get(usize::from(register.0)).copied().unwrap_or(0);
            let through = file.deliveries.through(*register, region).map(|through| through.plus_days(lag));
            match through {
                Some(through) if through >= as_of => *due = through.plus_days(1).min(*due),
                Some(_) | None => all = false,
            }
        }
        delivered.push(all);
    }
}

fn measure_related(
    bench: &mut Workbench,
    standard: &Standard,
    classes: &Classes,
    dossier: &Dossier<'_>,
    due: &mut Date,
) {
    bench.related_measured.clear();
    let as_of = bench.plan.as_of;
    for (related, picker) in standard.related.iter().zip(&mut bench.related) {
        picker.admit(&related.selections, classes.as_slice());
        let mut measured = Vec::new();
        let mut seen: Vec<Uscc> = Vec::new();
        let mut flags = Vec::new();
        for path in dossier.related.iter().filter(|r| r.kind == related.kind && r.depth <= related.depth) {
            if path.since > as_of {
                *due = path.since.min(*due);
                continue;
            }
            if path.until < as_of {
                continue;
            }
            *due = path.until.plus_days(1).min(*due);
            if seen.contains(&path.file.subject) || path.file.subject == dossier.file.subject {
                continue;
            }
            seen.push(path.file.subject);
            picker.pick(&related.selections, standard.lifecycle, &path.file.facts, due);
            delivered(&related.selections, standard, &path.file, as_of, &mut flags, due);
            if let Some(next) = path.file.registrations.iter().find(|r| r.since > as_of) {
                *due = next.since.min(*due);
            }
            let look = Look {
                as_of,
                classes: classes.as_slice(),
                hits: &picker.hits,
                delivered: &flags,
                file: &path.file,
                registration: path.file.registration(as_of),
                results: &[],
                related: &[],
                rounding: standard.rounding,
                group: None,
            };
            measured.push(related.reading.measure(&look, Watch::Every, due));
        }
        bench.related_measured.push(related.combine(&measured));
    }
}

/// The selections an indicator looks at.
pub(crate) fn slots_of(standard: &Standard, indicator: usize) -> Vec<Slot> {
    let mut slots = Vec::new();
    if let Some(indicator) = standard.indicators.get(indicator) {
        indicator.reading.slots(&mut |slot| slots.push(slot));
    }
    slots.sort_unstable();
    slots.dedup();
    slots
}
