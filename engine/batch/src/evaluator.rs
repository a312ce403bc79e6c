//! One subject after another through the kernel: what every thread of a run does.

use hengxin_core::date::Date;
use hengxin_core::fact::{Classes, Dossier};
use hengxin_core::kernel::{Evaluation, Outcome, Workbench, evaluate};
use hengxin_core::standard::Standard;
use hengxin_core::tier::{Standing as Graded, classify};
use hengxin_core::trace::Silent;

use crate::delivered::{DeliveredOn, Standings};
use crate::digest::both;
use crate::job::{Job, Origin};
use crate::reader::SubjectFile;
use crate::relatives::Relatives;
use crate::results::{Quarantined, Results};

/// Buffers of one thread.
#[derive(Debug)]
pub struct Evaluator<'j> {
    job: &'j Job,
    deliveries: &'j DeliveredOn,
    relatives: Option<&'j Relatives>,
    benches: Vec<Workbench>,
    origins: Vec<Origin>,
    evaluations: Vec<Evaluation>,
    standings: Standings,
    until: Option<Date>,
}

impl<'j> Evaluator<'j> {
    /// Buffers for a job. Files must be read with the classes of the relatives' book, where there are relatives.
    pub fn new(job: &'j Job, deliveries: &'j DeliveredOn, relatives: Option<&'j Relatives>) -> Evaluator<'j> {
        let benches: Vec<Workbench> = job.standards.iter().map(|s| Workbench::new(s.plan.clone())).collect();
        let origins = job.origins(&benches);
        let until = job.until();
        Evaluator {
            job,
            deliveries,
            relatives,
            evaluations: job.standards.iter().map(|s| nothing_known(&s.plan.standard)).collect(),
            benches,
            origins,
            standings: Standings::default(),
            until,
        }
    }

    /// The deliveries files must be read with.
    pub fn deliveries(&self) -> &'j DeliveredOn {
        self.deliveries
    }

    /// Adds the results of one subject; tiers of a previous run are not known here.
    pub fn add(&mut self, classes: &Classes, subject: &SubjectFile<'_>, results: &mut Results) {
        let file = &subject.file;
        let mut related = Vec::new();
        let (relatives, settled) = (self.relatives, self.deliveries.settled());
        let print = relatives.map_or(Ok(0), |relatives| relatives.of(file.subject, settled, &mut related));
        let answerable = subject.known && print.is_ok();
        if answerable {
            self.evaluate(classes, &Dossier { file: *file, related: &related });
        } else {
            for (evaluation, standard) in self.evaluations.iter_mut().zip(&self.job.standards) {
                *evaluation = nothing_known(&standard.plan.standard);
            }
        }
        if let (true, Err(problem)) = (subject.known, print) {
            let (subject, reason) = (file.subject.to_string(), problem.to_string());
            results.quarantine.push(Quarantined { subject, reason });
        }
        for (policy, tiers) in self.job.policies.iter().zip(&mut results.fields) {
            let graded = |place: Option<usize>| {
                place.map(|i| Graded {
                    standard: &self.job.standards[i].plan.standard,
                    evaluation: &self.evaluations[i],
                })
            };
            // Of whom nothing can be told a policy says nothing, not even what it says of those without a grade.
            let decision = || classify(&policy.policy, graded(policy.public), graded(policy.industry)).tier;
            tiers.tier.push(answerable.then(decision).flatten());
            tiers.previous.push(None);
        }
        for (given, evaluation) in results.standards.iter_mut().zip(&self.evaluations) {
            given.push(evaluation);
        }
        let registration = file.registration(self.job.as_of);
        let facts_horizon = self.evaluations.iter().filter_map(|e| e.horizon).chain(self.until).min();
        let region = registration.and_then(|r| r.region);
        let stale_on = self.standings.of(self.deliveries, region).stale_on;
        let elsewhere = relatives.filter(|relatives| relatives.has(file.subject));
        let stale_on = stale_on.into_iter().chain(elsewhere.and(self.deliveries.stale_anywhere())).min();
        results.subject.push(file.subject);
        results.region.push(region);
        results.industry.push(registration.and_then(|r| r.industry));
        results.size.push(registration.and_then(|r| r.size));
        results.established_on.push(registration.and_then(|r| r.established_on));
        results.horizon.push(facts_horizon.into_iter().chain(stale_on).min());
        results.facts_horizon.push(facts_horizon);
        results.digest.push(match print {
            Ok(0) | Err(_) => subject.digest,
            Ok(print) => both(subject.digest, print),
        });
    }

    /// The evaluations of one subject by every standard, each made once.
    fn evaluate(&mut self, classes: &Classes, dossier: &Dossier<'_>) {
        for (i, origin) in self.origins.iter().enumerate() {
            if *origin == Origin::Own {
                self.evaluations[i] = evaluate(&mut self.benches[i], classes, dossier, &mut Silent);
            }
        }
        for (i, origin) in self.origins.iter().enumerate() {
            if let Origin::Within(other) = *origin {
                let id = &self.job.standards[i].plan.standard.id;
                let found = self.benches[other].dependency(id).and_then(Workbench::evaluation);
                self.evaluations[i] = match found {
                    Some(evaluation) => *evaluation,
                    None => evaluate(&mut self.benches[i], classes, dossier, &mut Silent),
                };
            }
        }
    }
}

/// What a standard says of a subject of whom nothing was known by the moment, as the ledger then knows no such subject.
fn nothing_known(standard: &Standard) -> Evaluation {
    Evaluation {
        outcome: Outcome::CannotScore { grade: None },
        findings: 0,
        undetermined: 0,
        decided: 0,
        horizon: None,
        unknown: u16::try_from(standard.indicators.len()).unwrap_or(u16::MAX),
    }
}
