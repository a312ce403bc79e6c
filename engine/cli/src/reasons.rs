//! Why somebody moved: both runs' subjects evaluated once more, indicator by indicator, a shard at a time.
//!
//! Nothing of this is stored with a run: reasons are computed again from the dataset and the editions its manifest names.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use hengxin_batch::compare::{
    AppliedFinding, Clause, ClauseKind, Explainer, FieldSide, FieldTold, IndicatorPoints, OutcomeKind,
    RunSide, Side, StandardSide, Told,
};
use hengxin_batch::dataset::Dataset;
use hengxin_batch::delivered::DeliveredOn;
use hengxin_batch::job::Job;
use hengxin_batch::reader::{ClassBook, Wanted};
use hengxin_batch::relatives::{Relatives, Sight};
use hengxin_batch::{Error, Result};
use hengxin_core::fact::Dossier;
use hengxin_core::kernel::{Evaluation, Ineligible, Outcome, Workbench, evaluate};
use hengxin_core::number::Points;
use hengxin_core::relation::Reach;
use hengxin_core::tier::{Standing, classify};
use hengxin_core::trace::Silent;
use hengxin_core::uscc::Uscc;
use hengxin_service::use_case::job::{self, job};
use hengxin_standard::Catalogue;

use crate::place::place;

/// The reasons of two runs.
pub struct Reasons {
    before: Half,
    after: Half,
}

impl Reasons {
    /// Reasons for the runs of two sides.
    ///
    /// # Errors
    /// A dataset that is not where the run found it, or not the same any more.
    pub fn new(catalogue: &Catalogue, before: &RunSide, after: &RunSide) -> Result<Reasons> {
        Ok(Reasons { before: Half::new(catalogue, before)?, after: Half::new(catalogue, after)? })
    }
}

impl Explainer for Reasons {
    fn explain(&mut self, subject: Uscc) -> Result<Option<(Told, Told)>> {
        let (before, after) = (self.before.told(subject)?, self.after.told(subject)?);
        Ok(before.zip(after))
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// What one standard gave for one subject: the evaluation, and the points of each indicator.
type Given = (Evaluation, Vec<Option<Points>>);

/// One run.
struct Half {
    dataset: Dataset,
    job: Job,
    deliveries: DeliveredOn,
    book: ClassBook,
    relatives: Option<Relatives>,
    benches: Vec<Workbench>,
    standards: Vec<StandardSide>,
    fields: Vec<FieldSide>,
    /// Clauses of the indicators of each standard.
    indicators: Vec<Vec<Option<Arc<Clause>>>>,
    /// The shard at hand, and everyone in it.
    shard: Option<usize>,
    subjects: Vec<(Uscc, Vec<Given>)>,
}

impl Half {
    fn new(catalogue: &Catalogue, side: &RunSide) -> Result<Half> {
        let wanted = job::Wanted {
            fields: side.fields.iter().map(|f| f.field.clone()).collect(),
            standards: side.standards.iter().map(|s| format!("{}@{}", s.id, s.edition)).collect(),
        };
        let job = job(catalogue, &wanted, side.as_of, side.known_at)
            .map_err(|problem| Error::Refused(problem.to_string()))?;
        let place = place(&side.source.1).map_err(|failure| Error::Refused(failure.text()))?;
        let dataset = Dataset::open(place, Arc::clone(&catalogue.vocabulary))?;
        if dataset.manifest.digest != side.source_digest {
            return Err(Error::Content {
                file: dataset.place.address(),
                found: format!("a dataset with digest {}", dataset.manifest.digest),
                expected: format!("{}, that of the run's source", side.source_digest),
            });
        }
        let known = dataset.manifest.known_deliveries(&catalogue.vocabulary, job.known_at)?;
        let never = AtomicBool::new(false);
        let sight = Sight::of(std::iter::once(&job), job.known_at.min(dataset.manifest.known_at));
        let relatives = match &sight {
            Some(sight) => Some(Relatives::read(&dataset, sight, None, threads(), &never)?),
            None => None,
        };
        let empty = || ClassBook::new(Arc::clone(&catalogue.vocabulary));
        let clauses = |standard: &hengxin_core::standard::Standard| {
            (0..standard.indicators.len()).map(|i| StandardSide::indicator_clause(standard, i)).collect()
        };
        Ok(Half {
            deliveries: DeliveredOn::new(&known, &job.registers(), &catalogue.vocabulary, job.as_of),
            book: relatives.as_ref().map_or_else(empty, Relatives::book),
            relatives,
            benches: job.standards.iter().map(|s| Workbench::new(Arc::clone(&s.plan))).collect(),
            indicators: job.standards.iter().map(|s| clauses(&s.plan.standard)).collect(),
            standards: side.standards.clone(),
            fields: side.fields.clone(),
            dataset,
            job,
            shard: None,
            subjects: Vec::new(),
        })
    }

    /// Evaluates everyone of a shard: movers come in ascending order, so each shard is read once.
    fn load(&mut self, place: usize) -> Result<()> {
        self.subjects.clear();
        let Some(shard) = self.dataset.manifest.shards.get(place) else { return Ok(()) };
        let file = self.dataset.shard(shard)?;
        let (benches, subjects) = (&mut self.benches, &mut self.subjects);
        let wanted = Wanted::from(self.job.needs());
        let reaches: Vec<Reach> = self.job.standards.iter().map(|s| s.plan.reach()).collect();
        let (settled, relatives) = (self.deliveries.settled(), self.relatives.as_ref());
        file.subjects(&mut self.book, settled, wanted, None, self.job.known_at, &mut |book, subject| {
            let mut given = Vec::with_capacity(benches.len());
            for (bench, reach) in benches.iter_mut().zip(&reaches) {
                let mut related = Vec::new();
                let told =
                    relatives.map_or(Ok(0), |r| r.of(subject.file.subject, reach, settled, &mut related));
                // Of whom nobody knew, or who has too many relations, no clause says anything.
                if !subject.known || told.is_err() {
                    return Ok(());
                }
                let dossier = Dossier { file: subject.file, related: &related };
                let evaluation = evaluate(bench, book.classes(), &dossier, &mut Silent);
                given.push((evaluation, bench.indicators().iter().map(|i| i.points).collect()));
            }
            subjects.push((subject.file.subject, given));
            Ok(())
        })?;
        self.shard = Some(place);
        Ok(())
    }

    fn told(&mut self, subject: Uscc) -> Result<Option<Told>> {
        let place =
            self.dataset.manifest.shards.partition_point(|shard| shard.last.as_str() < subject.as_str());
        if self.shard != Some(place) {
            self.load(place)?;
        }
        let Ok(found) = self.subjects.binary_search_by_key(&subject, |(subject, _)| *subject) else {
            return Ok(None);
        };
        let given = &self.subjects[found].1;
        let standards = given.iter().enumerate().map(|(i, given)| self.side(i, given)).collect();
        let fields = (0..self.fields.len()).map(|i| self.field(i, given)).collect();
        Ok(Some(Told { standards, fields }))
    }

    fn side(&self, place: usize, (evaluation, points): &Given) -> Side {
        let standard = &self.job.standards[place].plan.standard;
        let side = &self.standards[place];
        let applied = side.findings.iter().enumerate().filter(|(i, _)| evaluation.findings >> i & 1 == 1);
        let excluded_by = match evaluation.outcome {
            Outcome::NotEligible(Ineligible::Rule(rule)) => standard.eligibility.get(usize::from(rule)),
            Outcome::NotEligible(Ineligible::Kind) | Outcome::CannotScore { .. } | Outcome::Graded { .. } => {
                None
            }
        };
        Side {
            standard: standard.id.clone(),
            outcome: OutcomeKind::of(evaluation.outcome),
            score: evaluation.outcome.score(),
            grade: evaluation.outcome.grade(),
            points: points
                .iter()
                .zip(&self.indicators[place])
                .filter_map(|(points, clause)| {
                    Some(IndicatorPoints { clause: clause.clone()?, points: *points })
                })
                .collect(),
            findings: applied
                .map(|(i, finding)| AppliedFinding {
                    clause: Arc::clone(&finding.clause),
                    decided: evaluation.decided >> i & 1 == 1,
                })
                .collect(),
            excluded_by: excluded_by.map(|rule| {
                Arc::new(Clause {
                    kind: ClauseKind::Eligibility,
                    document: standard.id.clone(),
                    id: rule.id.clone(),
                    title: rule.reason.clone(),
                    source: rule.source.to_string(),
                })
            }),
            bands: Arc::clone(&side.bands),
        }
    }

    fn field(&self, place: usize, given: &[Given]) -> FieldTold {
        let policy = &self.job.policies[place];
        let graded = |i: Option<usize>| {
            i.map(|i| Standing { standard: &self.job.standards[i].plan.standard, evaluation: &given[i].0 })
        };
        let decision = classify(&policy.policy, graded(policy.public), graded(policy.industry));
        let clause = |i: &usize| FieldSide::override_clause(&policy.policy, *i);
        FieldTold {
            tier: decision.tier,
            by_method: decision.by_method,
            overrides: decision.overrides.iter().filter_map(clause).collect(),
            method: Arc::clone(&self.fields[place].method),
        }
    }
}
