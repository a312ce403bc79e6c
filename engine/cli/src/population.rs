//! Carries out the runs the service orders: a dataset, or the ledger exported to one, through the kernel.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use hengxin_batch::dataset::Dataset;
use hengxin_batch::job::Job;
use hengxin_batch::layout::Layout;
use hengxin_batch::place::Place;
use hengxin_batch::rescore::{Options, Previous, rescore};
use hengxin_batch::results::Results;
use hengxin_batch::run::{Run, read_results};
use hengxin_core::number::Points;
use hengxin_service::use_case::job::{Wanted, job};
use hengxin_service::{Progress, RunFailure, RunOrder, RunOutcome, RunSource, Runner};
use hengxin_standard::Catalogue;
use hengxin_store::{Ledger, RunTier};

use crate::export;
use crate::place::place;

/// A catalogue to evaluate by, and the ledger of the service.
pub struct Population {
    catalogue: Arc<Catalogue>,
    ledger: Ledger,
}

impl Population {
    /// Evaluates by `catalogue`.
    pub fn new(catalogue: Arc<Catalogue>, ledger: Ledger) -> Population {
        Population { catalogue, ledger }
    }

    /// The dataset of an order. The ledger is exported beside the results, once: an order that is given again after a
    /// kill finds it there.
    fn dataset(&self, order: &RunOrder) -> Result<Dataset, RunFailure> {
        let vocabulary = &self.catalogue.vocabulary;
        match &order.source {
            RunSource::Dataset(address) => {
                let place = place(address).map_err(|f| RunFailure::Failed(f.text()))?;
                Dataset::open(place, Arc::clone(vocabulary)).map_err(failed)
            }
            RunSource::Ledger => {
                let facts = Place::Folder(Path::new(&order.results).join("facts"));
                export::once(&self.ledger, Some(order.known_at), vocabulary, &facts)
                    .map_err(|f| RunFailure::Failed(f.text()))
            }
        }
    }
}

fn failed(problem: impl std::fmt::Display) -> RunFailure {
    RunFailure::Failed(problem.to_string())
}

fn batch(problem: hengxin_batch::Error) -> RunFailure {
    match problem {
        hengxin_batch::Error::Cancelled => RunFailure::Cancelled,
        other => failed(other),
    }
}

impl Runner for Population {
    fn run(
        &self,
        order: &RunOrder,
        progress: &(dyn Fn(Progress) + Sync),
        cancelled: &AtomicBool,
    ) -> Result<RunOutcome, RunFailure> {
        let wanted = Wanted { fields: vec![order.field.clone()], standards: Vec::new() };
        let job = job(&self.catalogue, &wanted, order.as_of, order.known_at).map_err(failed)?;
        // Said before the ledger is exported for nothing.
        job.check().map_err(batch)?;
        let dataset = self.dataset(order)?;
        let previous = match &order.previous {
            Some(folder) => {
                let place = Place::from(Path::new(folder));
                Some(Previous { run: Run::read(&place).map_err(batch)?, place })
            }
            None => None,
        };
        let options = Options {
            threads: 0,
            incremental: previous.is_some(),
            verify: true,
            cancelled,
            progress: &|p| progress(Progress { done: p.subjects, total: p.subjects_total }),
        };
        let place = Place::from(Path::new(&order.results));
        let (run, _) = rescore(&dataset, &job, previous.as_ref(), &place, &options).map_err(batch)?;
        outcome(run, place, job, &self.catalogue)
    }
}

fn outcome(run: Run, place: Place, job: Job, catalogue: &Catalogue) -> Result<RunOutcome, RunFailure> {
    let policy = job.policies.first().ok_or_else(|| failed("no policy"))?;
    let tiers = run.counts.tiers.get(&policy.policy.field).into_iter().flatten();
    let tiers = tiers.map(|(tier, n)| (tier.parse().ok(), *n)).collect();
    let policy_digest = bytes_of(&policy.digest)?;
    let layout = Layout::new(&job, &catalogue.vocabulary);
    let (manifest, subjects) = (bytes_of(&run.id)?, run.subjects);
    let shards = run.shards.into_iter();
    let rows = shards.flat_map(move |shard| {
        let rows: Vec<Result<RunTier, RunFailure>> = match read_results(&place, &shard.file, &layout) {
            Ok(results) => {
                (0..results.len()).map(|row| Ok(tier_of(&results, row, &job, policy_digest))).collect()
            }
            Err(problem) => vec![Err(failed(problem))],
        };
        rows
    });
    Ok(RunOutcome { manifest, subjects, tiers, rows: Box::new(rows) })
}

fn tier_of(results: &Results, row: usize, job: &Job, policy_digest: [u8; 32]) -> RunTier {
    let policy = &job.policies[0];
    let side = |place: Option<usize>| {
        let given =
            place.and_then(|i| Some((results.standards.get(i)?, &job.standards.get(i)?.plan.standard)));
        let grade = given.and_then(|(r, standard)| r.grade[row].map(|g| standard.grades.id(g).to_owned()));
        (grade, given.and_then(|(r, _)| r.score[row]).map(Points::ten_thousandths))
    };
    let ((public_grade, public_score), (industry_grade, industry_score)) =
        (side(policy.public), side(policy.industry));
    RunTier {
        subject: results.subject[row],
        policy: policy.policy.id.clone(),
        edition: policy.policy.edition.clone(),
        policy_digest,
        tier: results.fields[0].tier[row].map(u16::from),
        previous_tier: results.fields[0].previous[row].map(u16::from),
        public_grade,
        public_score,
        industry_grade,
        industry_score,
        region: results.region[row],
        industry: results.industry[row],
        horizon: results.horizon[row],
    }
}

fn bytes_of(digest: &str) -> Result<[u8; 32], RunFailure> {
    let mut bytes = [0; 32];
    for (i, byte) in bytes.iter_mut().enumerate() {
        let pair = digest.get(2 * i..2 * i + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        *byte = pair.ok_or_else(|| failed(format!("digest `{digest}`, expected 64 hexadecimal digits")))?;
    }
    Ok(bytes)
}
