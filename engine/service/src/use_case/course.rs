//! An enterprise in a field of supervision from day to day, by what is known at one moment.
//!
//! Every day is resolved anew: the policy in force on it, the editions in force of the standards it names, and what they
//! read. Nothing of that is kept by the engine, whose memory is for the days that everybody asks about.
//!
//! Past the day it is looked ahead from nothing new happens, and a register that is delivered on it goes on being
//! delivered: every register is stale some days ahead, and then nothing would be known of anybody.

use std::sync::Arc;

use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::{CreditFile, Deliveries, Dossier, FactId, Facts, Related};
use hengxin_core::grade::Grade;
use hengxin_core::kernel::{self, Evaluation, Workbench};
use hengxin_core::number::Points;
use hengxin_core::relation::Reach;
use hengxin_core::standard::Standard;
use hengxin_core::tier::{self, Standing, Tier, TierPolicy};
use hengxin_core::trace::{Silent, Trace};
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::{CodeId, RegisterId, Vocabulary};
use hengxin_core::what_if;
use hengxin_standard::NoEdition;
use hengxin_store::{OwnedDossier, OwnedFile, Snapshot};

use super::evaluate::{classes, dossier};
use super::job::next_change;
use crate::engine::Engine;
use crate::problem::Answer;

/// What an enterprise's days are computed from.
pub struct Course<'e> {
    engine: &'e Engine,
    snapshot: Snapshot,
    subject: Uscc,
    field: &'e str,
    /// Later days are looked ahead to.
    present: Date,
    /// What is known, by the relations that are followed: editions may follow others.
    known: Vec<(Reach, Arc<Known>)>,
}

/// A dossier, with its deliveries as they are on days ahead: of the own file first, then of each related one.
pub(super) struct Known {
    pub(super) dossier: OwnedDossier,
    going_on: Vec<Deliveries>,
}

/// What a policy and its standards say on one day.
pub(super) struct Day {
    on: Date,
    pub(super) policy: Option<Arc<TierPolicy>>,
    /// The public standard's and the industry's own.
    pub(super) sides: [Option<Side>; 2],
    /// First later day on which another edition of the policy or of its standards begins or one ends.
    changes: Option<Date>,
    /// Whether it is looked ahead to.
    ahead: bool,
}

/// One standard on one day.
pub(super) struct Side {
    pub(super) bench: Workbench,
    pub(super) known: Arc<Known>,
}

/// A tier with what it comes from.
#[derive(Clone, Debug)]
pub struct Point {
    /// From this day on.
    pub on: Date,
    /// The tier; `None` when the policy gives none or none is in force.
    pub tier: Option<Tier>,
    /// Title of the tier; empty for none.
    pub title: String,
    /// The public result; `None` when no edition is in force.
    pub public: Option<Outcome>,
    /// The industry's own; `None` likewise, and when the policy names none.
    pub industry: Option<Outcome>,
}

/// One of the two results.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The standard.
    pub standard: Arc<Standard>,
    /// What it gave.
    pub evaluation: Evaluation,
}

impl Outcome {
    /// The score, where there is one.
    pub fn score(&self) -> Option<Points> {
        self.evaluation.outcome.score()
    }

    /// The grade, where there is one.
    pub fn grade(&self) -> Option<Grade> {
        self.evaluation.outcome.grade()
    }
}

impl Point {
    /// Whether tier, scores and grades are those of another point.
    pub fn says_the_same(&self, other: &Point) -> bool {
        self.tier == other.tier
            && told(self.public.as_ref()) == told(other.public.as_ref())
            && told(self.industry.as_ref()) == told(other.industry.as_ref())
    }
}

/// A score and a grade, by the scheme it belongs to.
type Told<'o> = (Option<Points>, Option<(&'o str, &'o str)>);

fn told(outcome: Option<&Outcome>) -> Told<'_> {
    let score = outcome.and_then(Outcome::score);
    let grade = outcome.and_then(|outcome| {
        let grades = &outcome.standard.grades;
        Some((grades.scheme.as_str(), grades.id(outcome.grade()?)))
    });
    (score, grade)
}

/// A day evaluated.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// What it is.
    pub point: Point,
    /// The enterprise's own facts that count, ascending.
    pub counting: Vec<FactId>,
    /// First later day on which any of it can change; `None`: never. May be early, is never late.
    pub horizon: Option<Date>,
}

impl<'e> Course<'e> {
    /// Opens the ledger at a moment; `None`: everything recorded so far. Days past `present` are looked ahead to.
    ///
    /// # Errors
    /// An unknown field, nobody of that code, or a failing ledger.
    pub fn begin(
        engine: &'e Engine,
        subject: Uscc,
        field: &'e str,
        known_at: Option<Moment>,
        present: Date,
    ) -> Answer<Course<'e>> {
        engine.known_field(field)?;
        let snapshot = engine.snapshot(known_at)?;
        let mut course = Course { engine, snapshot, subject, field, present, known: Vec::new() };
        // Says that nobody has the code before any day is looked at.
        course.known(&Reach::default())?;
        Ok(course)
    }

    /// The moment it rests on.
    pub fn known_at(&self) -> Moment {
        self.snapshot.known_at()
    }

    /// The view of the ledger it rests on.
    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// What is known along some relations: read once.
    fn known(&mut self, reach: &Reach) -> Answer<Arc<Known>> {
        if let Some((_, known)) = self.known.iter().find(|(of, _)| of == reach) {
            return Ok(Arc::clone(known));
        }
        let dossier = dossier(&self.snapshot, self.subject, reach)?;
        let vocabulary = &self.engine.catalogue().vocabulary;
        let known = Arc::new(Known::new(dossier, vocabulary, self.present));
        self.known.push((reach.clone(), Arc::clone(&known)));
        Ok(known)
    }

    /// The day resolved, nothing evaluated yet.
    pub(super) fn resolve(&mut self, on: Date) -> Answer<Day> {
        let engine = self.engine;
        let catalogue = engine.catalogue();
        let ahead = on > self.present;
        let policy = match catalogue.policy(self.field, on) {
            Ok(edition) => Arc::clone(&edition.policy),
            Err(NoEdition::Expired { .. } | NoEdition::NotYet { .. }) => {
                let editions = catalogue.policies().filter(|edition| edition.policy.field == self.field);
                let changes = editions.map(|e| e.policy.effective.0).filter(|first| *first > on).min();
                return Ok(Day { on, policy: None, sides: [None, None], changes, ahead });
            }
            Err(other @ (NoEdition::Unknown { .. } | NoEdition::UnknownEdition { .. })) => {
                return Err(other.into());
            }
        };
        let mut sides = [None, None];
        for (side, id) in sides.iter_mut().zip([Some(policy.public.as_str()), policy.industry.as_deref()]) {
            let edition = match id.map(|id| catalogue.standard(id, on)) {
                Some(Ok(edition)) => edition,
                // Policies name standards that exist; what may be missing is an edition in force on the day.
                None | Some(Err(NoEdition::Expired { .. } | NoEdition::NotYet { .. })) => continue,
                Some(Err(other)) => return Err(other.into()),
            };
            let plan = catalogue.plan(edition, on);
            let known = self.known(&plan.reach())?;
            *side = Some(Side { bench: Workbench::new(plan), known });
        }
        let changes = next_change(catalogue, &policy, on);
        Ok(Day { on, policy: Some(policy), sides, changes, ahead })
    }

    /// The day evaluated.
    ///
    /// # Errors
    /// A failing ledger.
    pub fn on(&mut self, on: Date) -> Answer<Evaluated> {
        let mut day = self.resolve(on)?;
        let point = day.evaluate(None);
        Ok(Evaluated { counting: day.counting(), horizon: day.horizon(&point), point })
    }

    /// The code of one of the enterprise's own facts.
    pub fn code(&self, fact: FactId) -> Option<CodeId> {
        let (_, known) = self.known.first()?;
        let facts = known.dossier.file.columns.as_facts();
        let place = facts.id.iter().position(|id| *id == fact)?;
        known.dossier.file.classes.class(*facts.class.get(place)?).map(|class| class.code)
    }
}

impl Day {
    /// Evaluates, perhaps with other days of repair than those on record.
    pub(super) fn evaluate(&mut self, repaired_on: Option<&[Date]>) -> Point {
        let ahead = self.ahead;
        let [public, industry] = self.sides.each_mut().map(|side| {
            let Side { bench, known } = side.as_mut()?;
            let evaluation = known.evaluate(bench, ahead, repaired_on, &mut Silent);
            Some(Outcome { standard: Arc::clone(&bench.plan().standard), evaluation })
        });
        Point::of(self.on, self.policy.as_deref(), public, industry)
    }

    /// The facts that counted in the last evaluation.
    fn counting(&self) -> Vec<FactId> {
        let mut counting = Vec::new();
        for Side { bench, known } in self.sides.iter().flatten() {
            let facts = known.dossier.file.columns.as_facts();
            counting.extend(what_if::counting(bench).into_iter().filter_map(|i| facts.id.get(i).copied()));
        }
        counting.sort_unstable();
        counting.dedup();
        counting
    }

    fn horizon(&self, point: &Point) -> Option<Date> {
        let results = [&point.public, &point.industry].into_iter().flatten();
        let due = results.filter_map(|outcome| outcome.evaluation.horizon).chain(self.changes);
        due.filter(|day| *day > self.on).min()
    }
}

impl Point {
    pub(super) fn of(
        on: Date,
        policy: Option<&TierPolicy>,
        public: Option<Outcome>,
        industry: Option<Outcome>,
    ) -> Point {
        let tier = policy.and_then(|policy| {
            let (public, industry) = (public.as_ref().map(standing), industry.as_ref().map(standing));
            tier::classify(policy, public, industry).tier
        });
        let row =
            tier.zip(policy).and_then(|(tier, policy)| policy.tiers.get(usize::from(tier).checked_sub(1)?));
        let title = row.map(|row| row.title.clone()).unwrap_or_default();
        Point { on, tier, title, public, industry }
    }
}

fn standing(outcome: &Outcome) -> Standing<'_> {
    Standing { standard: &outcome.standard, evaluation: &outcome.evaluation }
}

impl Known {
    fn new(dossier: OwnedDossier, vocabulary: &Vocabulary, present: Date) -> Known {
        let fresh = |register: RegisterId, through: Date| {
            through.plus_days(vocabulary.register(register).lag_days) >= present
        };
        let files = std::iter::once(&dossier.file).chain(&dossier.files);
        let going_on = files.map(|file| file.deliveries().going_on(fresh)).collect();
        Known { dossier, going_on }
    }

    /// Evaluates by one standard, perhaps with other days of repair.
    pub(super) fn evaluate<T: Trace>(
        &self,
        bench: &mut Workbench,
        ahead: bool,
        repaired_on: Option<&[Date]>,
        trace: &mut T,
    ) -> Evaluation {
        let mut own = self.file(&self.dossier.file, 0, ahead);
        if let Some(repaired_on) = repaired_on {
            own.facts = Facts { repaired_on, ..own.facts };
        }
        let related: Vec<Related<'_>> = self
            .dossier
            .related
            .iter()
            .filter_map(|path| {
                let file = self.dossier.files.get(path.file)?;
                Some(Related {
                    kind: path.kind,
                    depth: path.depth,
                    since: path.since,
                    until: path.until,
                    file: self.file(file, path.file + 1, ahead),
                })
            })
            .collect();
        kernel::evaluate(bench, classes(&self.dossier), &Dossier { file: own, related: &related }, trace)
    }

    fn file<'f>(&'f self, file: &'f OwnedFile, place: usize, ahead: bool) -> CreditFile<'f> {
        let known = file.as_file();
        match self.going_on.get(place) {
            Some(deliveries) if ahead => CreditFile { deliveries, ..known },
            Some(_) | None => known,
        }
    }
}
