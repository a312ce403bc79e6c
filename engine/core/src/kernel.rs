//! The kernel: one pure, total function from a plan and a dossier to an evaluation.
//!
//! Pure: no clock, no IO, no state but the reused buffers of a [`Workbench`], which never influence a result.
//! Total: a checked [`Standard`](crate::standard::Standard) and any dossier have an answer. "Too little is known"
//! is an answer, not an error. Order of evaluation: `docs/standard-format.md` §3 to §11.

use std::sync::Arc;

use crate::blank::{Blank, BlankId, Blanks, Registers};
use crate::condition::{Condition, Truth};
use crate::date::Date;
use crate::fact::{Classes, Dossier};
use crate::grade::{Effect, Grade};
use crate::number::{Points, Rounding};
use crate::picker::{Lifecycle, Picker};
use crate::plan::{Nested, Plan};
use crate::quantity::Watch;
use crate::readers::{Parts, Readers, contains, places};
use crate::reading::related::Related;
use crate::reading::{Look, Measured, NestedResult};
use crate::scope::Slot;
use crate::standard::{Scale, Standard};
use crate::trace::{Adjustment, IndicatorLine, Looked, Trace};
use crate::tree::{Group, Indicator, Settled, WhenUnknown};
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

/// Buffers for evaluating one plan, and what it says of an empty file, reused from file to file.
#[derive(Clone, Debug)]
pub struct Workbench {
    plan: Arc<Plan>,
    own: Picker,
    related: Vec<Picker>,
    nested: Vec<Option<Workbench>>,
    results: Vec<Option<NestedResult>>,
    related_measured: Vec<Measured>,
    readers: Readers,
    blanks: Blanks,
    /// The parts that are looked at on the present file.
    open: Parts,
    sheet: Sheet,
    dimensions: Vec<Option<Points>>,
    applied: Vec<(usize, Effect)>,
    /// The maxima of the indicators that can earn, summed.
    all_max: Points,
    /// What the last evaluation gave.
    evaluation: Option<Evaluation>,
}

/// What each indicator gave, kept from file to file because most give what they give for an empty one.
#[derive(Clone, Debug)]
struct Sheet {
    results: Vec<IndicatorResult>,
    /// The blank that the other results are of; `None` before the first.
    blank: Option<BlankId>,
    /// The words of the indicators that were looked at.
    written: Parts,
    /// Whether the last subject was eligible.
    shown: bool,
}

impl Sheet {
    /// Makes every result that of the blank, but for those that are `open` and about to be written.
    fn begin(&mut self, id: BlankId, blank: &Blank, open: &[u64]) {
        if self.blank == Some(id) {
            for i in places(&self.written) {
                self.results[i] = blank.indicators[i];
            }
        } else {
            self.results.clone_from(&blank.indicators);
        }
        self.blank = Some(id);
        self.written.copy_from_slice(open);
        self.shown = true;
    }
}

impl Workbench {
    /// Buffers for `plan`.
    pub fn new(plan: Arc<Plan>) -> Workbench {
        let standard = &plan.standard;
        let own = Picker::new(&standard.selections, plan.as_of);
        let related = standard.related.iter().map(|r| Picker::new(&r.selections, plan.as_of)).collect();
        let nested = nested_benches(&plan.nested);
        let readers = Readers::new(standard);
        let sheet = Sheet {
            results: Vec::new(),
            blank: None,
            written: vec![0; readers.indicators.len()],
            shown: false,
        };
        let all_max = standard.indicators.iter().map(|i| i.max.max(Points::ZERO)).sum();
        Workbench {
            own,
            related,
            nested,
            results: Vec::new(),
            related_measured: Vec::new(),
            open: readers.always.clone(),
            readers,
            blanks: Blanks::default(),
            sheet,
            dimensions: Vec::new(),
            applied: Vec::new(),
            all_max,
            evaluation: None,
            plan,
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// What the last evaluation gave; `None` before the first.
    pub fn evaluation(&self) -> Option<&Evaluation> {
        self.evaluation.as_ref()
    }

    /// The workbench of a standard that this one reads the result of, by its id: after an evaluation it holds that of
    /// the other standard on the same file and day, so that who wants both need not evaluate twice. `None` when its
    /// plan has no such part.
    pub fn dependency(&self, id: &str) -> Option<&Workbench> {
        self.nested.iter().flatten().find(|inner| inner.plan.standard.id == id)
    }

    /// What was picked of the subject's own file in the last evaluation.
    pub(crate) fn picked(&self) -> &Picker {
        &self.own
    }

    /// The workbenches of the standards that this one reads the results of.
    pub(crate) fn inner(&self) -> impl Iterator<Item = &Workbench> {
        self.nested.iter().flatten()
    }

    /// What each indicator gave in the last evaluation; empty when the subject was not eligible.
    pub fn indicators(&self) -> &[IndicatorResult] {
        if self.sheet.shown { &self.sheet.results } else { &[] }
    }
}

/// Evaluates one dossier. `classes` must hold every class of its facts; a fact of an unlisted class is not seen.
pub fn evaluate<T: Trace>(
    bench: &mut Workbench,
    classes: &Classes,
    dossier: &Dossier<'_>,
    trace: &mut T,
) -> Evaluation {
    let evaluation = judge(bench, classes, dossier, trace);
    bench.evaluation = Some(evaluation);
    evaluation
}

fn judge<T: Trace>(
    bench: &mut Workbench,
    classes: &Classes,
    dossier: &Dossier<'_>,
    trace: &mut T,
) -> Evaluation {
    let Workbench { plan, own, nested, results, readers, blanks, open, sheet, .. } = bench;
    let standard: &Standard = &plan.standard;
    let mut due = plan.until;

    let (registration, next) = dossier.file.registration_and_next(plan.as_of);
    due = next.unwrap_or(Date::FOREVER).min(due);
    evaluate_nested(&plan.nested, nested, results, classes, dossier, &mut due);
    let manner = Manner::of(standard);
    measure_related(
        &mut bench.related,
        &mut bench.related_measured,
        manner,
        plan.as_of,
        classes,
        dossier,
        &mut due,
    );
    own.admit(&standard.selections, classes.as_slice());
    own.pick(standard.lifecycle, &dossier.file.facts, &mut due);
    let id = blanks.find(plan, readers, dossier.file.deliveries, registration.and_then(|r| r.region));
    let blank = blanks.get(id);
    due = blank.stale_on.min(due);
    if T::FULL {
        // A story tells of everything.
        readers.open_all(open);
    } else {
        open.copy_from_slice(&blank.always);
        for slot in &own.touched {
            readers.open(usize::from(*slot), open);
        }
    }

    let look = Look {
        as_of: plan.as_of,
        classes: classes.as_slice(),
        hits: &own.hits,
        delivered: &blank.delivered,
        columns: &dossier.file.facts,
        registration,
        results,
        related: &bench.related_measured,
        rounding: standard.rounding,
        group: None,
    };
    if let Some(why) =
        not_eligible(standard, dossier.file.subject, &look, blank, &open[readers.rules.clone()], &mut due)
    {
        sheet.shown = false;
        return Evaluation {
            outcome: Outcome::NotEligible(why),
            findings: 0,
            undetermined: 0,
            decided: 0,
            horizon: horizon(due),
            unknown: 0,
        };
    }
    let indicators = &open[readers.indicators.clone()];
    sheet.begin(id, blank, indicators);
    let mut tally = blank.tally;
    let looked = T::FULL.then(|| Looked::new(standard, &look, own));
    for i in places(indicators) {
        let indicator = &standard.indicators[i];
        let (result, raw) = measure_indicator(indicator, &look, &mut due);
        tally.remove(indicator, blank.indicators[i].measured);
        tally.add(indicator, result.measured);
        sheet.results[i] = result;
        if T::FULL {
            let IndicatorResult { measured, points } = result;
            let evidence = looked.as_ref().map(|looked| looked.evidence(standard, i, measured, &look));
            let evidence = evidence.unwrap_or_default();
            trace.indicator(IndicatorLine { indicator: i, measured, raw, points, evidence });
        }
    }
    let enough = standard.minimum_known.is_none_or(|share| {
        i128::from(tally.known_max.ten_thousandths()) * 10_000
            >= i128::from(share.basis_points()) * i128::from(bench.all_max.ten_thousandths())
    });
    let score = match &standard.scale {
        None => None,
        Some(_) if tally.forbidding > 0 || !enough => Some(None),
        Some(scale) => {
            let base = base(scale, &look, blank, &open[readers.cases.clone()], &mut due);
            Some(score(base, scale, &sheet.results, &mut bench.dimensions, standard, trace))
        }
    };
    let looked_at = open[readers.findings.clone()].first().copied().unwrap_or(0);
    let (mut findings, mut undetermined) = (blank.findings & !looked_at, blank.undetermined & !looked_at);
    for i in places(&[looked_at]) {
        match standard.findings[i].when.truth(&look, &mut due) {
            Truth::True => findings |= 1 << i,
            Truth::Unknown => undetermined |= 1 << i,
            Truth::False => {}
        }
        if T::FULL {
            let evidence = crate::trace::finding_evidence(standard, i, &look);
            trace.finding(i, evidence);
        }
    }
    let applied = &mut bench.applied;
    applied.clear();
    applied.extend(places(&[findings]).map(|i| (i, standard.findings[i].effect)));
    let (outcome, decided) = if let Some(None) = score {
        // Without a score only vetoes speak.
        applied.retain(|(_, effect)| matches!(effect, Effect::Exactly(_)));
        let (grade, decided) = standard.grades.decide(None, applied);
        (Outcome::CannotScore { grade }, decided)
    } else {
        let score = score.flatten();
        let band = standard.grades.band(score);
        let (grade, decided) = standard.grades.decide(band, applied);
        (Outcome::Graded { score, band, grade }, decided)
    };
    Evaluation { outcome, findings, undetermined, decided, horizon: horizon(due), unknown: tally.unknown }
}

fn horizon(due: Date) -> Option<Date> {
    (due < Date::FOREVER).then_some(due)
}

/// What an indicator gives, and its points before its own floor and cap; lowers `due`.
pub(crate) fn measure_indicator(
    indicator: &Indicator,
    look: &Look<'_>,
    due: &mut Date,
) -> (IndicatorResult, Option<Points>) {
    let measured = indicator.reading.measure(look, indicator.rule.watch(), due);
    let raw = match measured {
        Measured::Known(value) => Some(indicator.rule.points(value, look, look.rounding, due)),
        Measured::Unknown(_) => match indicator.when_unknown {
            WhenUnknown::Points(points) => Some(points),
            WhenUnknown::Exclude | WhenUnknown::CannotScore => None,
        },
    };
    let points = raw.map(|p| p.clamp(indicator.min.min(indicator.max), indicator.max));
    (IndicatorResult { measured, points }, raw)
}

/// The truth of a condition, looked at only where it is `open`; `blank` is what it is otherwise.
fn truth(condition: &Condition, open: bool, blank: Truth, look: &Look<'_>, due: &mut Date) -> Truth {
    if open { condition.truth(look, due) } else { blank }
}

fn not_eligible(
    standard: &Standard,
    subject: Uscc,
    look: &Look<'_>,
    blank: &Blank,
    open: &[u64],
    due: &mut Date,
) -> Option<Ineligible> {
    if !standard.subjects.contains(&subject.kind()) {
        return Some(Ineligible::Kind);
    }
    let mut first = None;
    for (i, rule) in standard.eligibility.iter().enumerate() {
        let truth = truth(&rule.exclude_when, contains(open, i), blank.rules[i], look, due);
        if truth == Truth::True && first.is_none() {
            first = u16::try_from(i).ok().map(Ineligible::Rule);
        }
    }
    first
}

/// What the score starts from.
fn base(scale: &Scale, look: &Look<'_>, blank: &Blank, open: &[u64], due: &mut Date) -> Points {
    let mut base = None;
    for (i, (when, points)) in scale.base.cases.iter().enumerate() {
        let truth = truth(when, contains(open, i), blank.cases[i], look, due);
        if truth == Truth::True && base.is_none() {
            base = Some(*points);
        }
    }
    base.unwrap_or(scale.base.otherwise)
}

/// The score, or `None` when everything is excluded.
fn score<T: Trace>(
    base: Points,
    scale: &Scale,
    indicators: &[IndicatorResult],
    dimensions: &mut Vec<Option<Points>>,
    standard: &Standard,
    trace: &mut T,
) -> Option<Points> {
    if T::FULL {
        trace.adjust(Adjustment::Base, base);
    }
    dimensions.clear();
    dimensions.resize(standard.dimensions.len(), None);
    // Children come after their parents in the list, so that going backwards meets them first.
    for i in (0..standard.dimensions.len()).rev() {
        let dimension = &standard.dimensions[i];
        let settled = Settled { indicators, dimensions };
        let value = group_value(&dimension.group, Some(i), settled, standard, trace);
        dimensions[i] = value.map(|value| {
            let clipped = dimension.max.map_or(value, |max| value.min(max));
            let clipped = dimension.min.map_or(clipped, |min| clipped.max(min));
            if T::FULL && clipped != value {
                trace.adjust(Adjustment::DimensionClip(i), clipped.minus(value));
            }
            clipped
        });
    }
    let settled = Settled { indicators, dimensions };
    let top = group_value(&standard.top, None, settled, standard, trace)?;
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
    settled: Settled<'_>,
    standard: &Standard,
    trace: &mut T,
) -> Option<Points> {
    let value = group.value(settled, standard.rounding);
    if T::FULL {
        let sum: Points = group.children.iter().filter_map(|m| settled.points(m.child)).sum();
        // A group that is left out takes the points its known children were told with out again.
        let counted = value.unwrap_or(Points::ZERO);
        if sum != counted {
            let excluded = group.children.iter().any(|m| settled.points(m.child).is_none());
            let adjustment = if excluded { Adjustment::Renormalised(of) } else { Adjustment::Weighted(of) };
            trace.adjust(adjustment, counted.minus(sum));
        }
    }
    value
}

/// The results of the standards that are read, each on the same file; lowers `due`.
pub(crate) fn evaluate_nested(
    nested: &[Nested],
    benches: &mut [Option<Workbench>],
    results: &mut Vec<Option<NestedResult>>,
    classes: &Classes,
    dossier: &Dossier<'_>,
    due: &mut Date,
) {
    results.clear();
    for (nested, inner) in nested.iter().zip(benches) {
        results.push(match (nested, inner) {
            (Nested::Given(result), _) => Some(*result),
            (Nested::Plan(_), Some(inner)) => {
                let result = evaluate(inner, classes, dossier, &mut crate::trace::Silent);
                *due = result.horizon.unwrap_or(Date::FOREVER).min(*due);
                Some(NestedResult { score: result.outcome.score(), grade: result.outcome.grade() })
            }
            (Nested::Plan(_) | Nested::NoEdition, _) => None,
        });
    }
}

/// Workbenches of the standards that are read.
pub(crate) fn nested_benches(nested: &[Nested]) -> Vec<Option<Workbench>> {
    let bench = |nested: &Nested| match nested {
        Nested::Plan(plan) => Some(Workbench::new(Arc::clone(plan))),
        Nested::NoEdition | Nested::Given(_) => None,
    };
    nested.iter().map(bench).collect()
}

/// How a document's readings look at facts, whatever it does with what they give.
#[derive(Clone, Copy)]
pub(crate) struct Manner<'s> {
    pub related: &'s [Related],
    pub lifecycle: Lifecycle,
    pub rounding: Rounding,
    /// As [`Standard::lags`].
    pub lags: &'s [i32],
}

impl<'s> Manner<'s> {
    fn of(standard: &'s Standard) -> Manner<'s> {
        let Standard { related, lifecycle, rounding, lags, .. } = standard;
        Manner { related, lifecycle: *lifecycle, rounding: *rounding, lags }
    }
}

/// Per related reading: what it gives over the subjects that its relation leads to.
pub(crate) fn measure_related(
    pickers: &mut [Picker],
    measured: &mut Vec<Measured>,
    manner: Manner<'_>,
    as_of: Date,
    classes: &Classes,
    dossier: &Dossier<'_>,
    due: &mut Date,
) {
    measured.clear();
    for (related, picker) in manner.related.iter().zip(pickers) {
        picker.admit(&related.selections, classes.as_slice());
        let mut each = Vec::new();
        let mut seen: Vec<Uscc> = Vec::new();
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
            picker.pick(manner.lifecycle, &path.file.facts, due);
            let (registration, next) = path.file.registration_and_next(as_of);
            let region = registration.and_then(|r| r.region);
            let registers =
                Registers::new(&related.selections, manner.lags, path.file.deliveries, region, as_of);
            *due = next.unwrap_or(Date::FOREVER).min(registers.stale_on).min(*due);
            let look = Look {
                as_of,
                classes: classes.as_slice(),
                hits: &picker.hits,
                delivered: &registers.delivered,
                columns: &path.file.facts,
                registration,
                results: &[],
                related: &[],
                rounding: manner.rounding,
                group: None,
            };
            each.push(related.reading.measure(&look, Watch::Every, due));
        }
        measured.push(related.combine(&each));
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
