//! One subject after another through the kernel: what every thread of a run does.

use hengxin_core::date::Date;
use hengxin_core::fact::{Classes, CreditFile, Dossier};
use hengxin_core::kernel::{Evaluation, Workbench, evaluate};
use hengxin_core::tier::{Standing as Graded, classify};
use hengxin_core::trace::Silent;

use crate::delivered::{DeliveredOn, Standings};
use crate::job::{Job, Origin};
use crate::line::{Line, Result1};

/// Buffers of one thread.
#[derive(Debug)]
pub struct Evaluator<'j> {
    job: &'j Job,
    deliveries: &'j DeliveredOn,
    benches: Vec<Workbench>,
    origins: Vec<Origin>,
    evaluations: Vec<Evaluation>,
    standings: Standings,
    until: Option<Date>,
}

impl<'j> Evaluator<'j> {
    /// Buffers for a job.
    pub fn new(job: &'j Job, deliveries: &'j DeliveredOn) -> Evaluator<'j> {
        let benches: Vec<Workbench> = job.standards.iter().map(|s| Workbench::new(s.plan.clone())).collect();
        let origins = job.origins(&benches);
        let until = job.until();
        Evaluator {
            job,
            deliveries,
            benches,
            origins,
            evaluations: Vec::new(),
            standings: Standings::default(),
            until,
        }
    }

    /// The deliveries files must be read with.
    pub fn deliveries(&self) -> &'j DeliveredOn {
        self.deliveries
    }

    /// The line of one subject; tiers of a previous run are not known here.
    pub fn line(&mut self, classes: &Classes, file: &CreditFile<'_>, digest: u64) -> Line {
        let dossier = Dossier { file: *file, related: &[] };
        self.evaluations.clear();
        let blank = Evaluation {
            outcome: hengxin_core::kernel::Outcome::CannotScore { grade: None },
            findings: 0,
            undetermined: 0,
            decided: 0,
            horizon: None,
            unknown: 0,
        };
        self.evaluations.resize(self.benches.len(), blank);
        for (i, origin) in self.origins.iter().enumerate() {
            if *origin == Origin::Own {
                self.evaluations[i] = evaluate(&mut self.benches[i], classes, &dossier, &mut Silent);
            }
        }
        for (i, origin) in self.origins.iter().enumerate() {
            if let Origin::Within(other) = *origin {
                let id = &self.job.standards[i].plan.standard.id;
                let found = self.benches[other].dependency(id).and_then(Workbench::evaluation);
                self.evaluations[i] = match found {
                    Some(evaluation) => *evaluation,
                    None => evaluate(&mut self.benches[i], classes, &dossier, &mut Silent),
                };
            }
        }
        let tiers = self.job.policies.iter().map(|policy| {
            let graded = |place: Option<usize>| {
                place.map(|i| Graded {
                    standard: &self.job.standards[i].plan.standard,
                    evaluation: &self.evaluations[i],
                })
            };
            (classify(&policy.policy, graded(policy.public), graded(policy.industry)).tier, None)
        });
        let tiers = tiers.collect();
        let registration = file.registration(self.job.as_of);
        let facts_horizon = self.evaluations.iter().filter_map(|e| e.horizon).chain(self.until).min();
        let region = registration.and_then(|r| r.region);
        Line {
            subject: file.subject,
            region,
            industry: registration.and_then(|r| r.industry),
            size: registration.and_then(|r| r.size),
            established_on: registration.and_then(|r| r.established_on),
            results: self.evaluations.iter().map(Result1::from).collect(),
            tiers,
            horizon: facts_horizon
                .into_iter()
                .chain(self.standings.of(self.deliveries, region).stale_on)
                .min(),
            facts_horizon,
            digest,
        }
    }
}
