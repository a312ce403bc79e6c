//! One subject after another through the kernel: what every thread of a run does.

use hengxin_core::date::Date;
use hengxin_core::fact::{Classes, CreditFile, Dossier, Related};
use hengxin_core::kernel::{Evaluation, Outcome, Workbench, evaluate};
use hengxin_core::relation::Reach;
use hengxin_core::standard::Standard;
use hengxin_core::tier::{Standing as Graded, classify};
use hengxin_core::trace::Silent;

use crate::delivered::{DeliveredOn, Standings};
use crate::digest::both;
use crate::job::{Job, Origin};
use crate::reader::SubjectFile;
use crate::relatives::{Relatives, TooMany};
use crate::results::{Quarantined, Results};

/// Buffers of one thread.
#[derive(Debug)]
pub struct Evaluator<'j> {
    job: &'j Job,
    deliveries: &'j DeliveredOn,
    relatives: Option<&'j Relatives>,
    /// What all its standards follow.
    reach: Reach,
    /// What single ones follow, each once.
    reaches: Vec<Reach>,
    /// Per standard: its own among them; `None` when it looks at no relatives.
    reach_of: Vec<Option<usize>>,
    benches: Vec<Workbench>,
    origins: Vec<Origin>,
    /// The standards, those that are read off others after them.
    order: Vec<usize>,
    evaluations: Vec<Evaluation>,
    /// Per standard: whether the subject at hand was evaluated by it.
    answered: Vec<bool>,
    standings: Standings,
    until: Option<Date>,
}

/// Relatives within one reach, with their fingerprint.
struct Kin<'r> {
    related: Vec<Related<'r>>,
    print: Result<u64, TooMany>,
}

impl<'j> Evaluator<'j> {
    /// Buffers for a job. Files must be read with the classes of the relatives' book, where there are relatives.
    pub fn new(job: &'j Job, deliveries: &'j DeliveredOn, relatives: Option<&'j Relatives>) -> Evaluator<'j> {
        let benches: Vec<Workbench> = job.standards.iter().map(|s| Workbench::new(s.plan.clone())).collect();
        let origins = job.origins(&benches);
        let mut reaches: Vec<Reach> = Vec::new();
        let mut place = |reach: Reach| {
            if reach.kinds.is_empty() {
                return None;
            }
            let known = reaches.iter().position(|known| *known == reach);
            Some(known.unwrap_or_else(|| {
                reaches.push(reach);
                reaches.len() - 1
            }))
        };
        let mut order: Vec<usize> = (0..benches.len()).collect();
        order.sort_by_key(|i| matches!(origins[*i], Origin::Within(_)));
        let reach_of = job.standards.iter().map(|s| place(s.plan.reach())).collect();
        Evaluator {
            job,
            deliveries,
            relatives,
            reach: job.reach(),
            reaches,
            reach_of,
            evaluations: job.standards.iter().map(|s| nothing_known(&s.plan.standard)).collect(),
            answered: vec![false; benches.len()],
            benches,
            origins,
            order,
            standings: Standings::default(),
            until: job.until(),
        }
    }

    /// The deliveries files must be read with.
    pub fn deliveries(&self) -> &'j DeliveredOn {
        self.deliveries
    }

    /// Adds the results of one subject; tiers of a previous run are not known here.
    pub fn add(&mut self, classes: &Classes, subject: &SubjectFile<'_>, results: &mut Results) {
        let file = &subject.file;
        let relatives = self.relatives.filter(|relatives| relatives.has(file.subject, &self.reach));
        let kin =
            relatives.filter(|_| subject.known).map_or(Vec::new(), |relatives| self.kin(relatives, file));
        self.evaluate(classes, subject, &kin);
        if let Some(problem) = kin.iter().find_map(|kin| kin.print.err()) {
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
            let answered = [policy.public, policy.industry].iter().flatten().all(|i| self.answered[*i]);
            let decision = || classify(&policy.policy, graded(policy.public), graded(policy.industry)).tier;
            tiers.tier.push((subject.known && answered).then(decision).flatten());
            tiers.previous.push(None);
        }
        for (given, evaluation) in results.standards.iter_mut().zip(&self.evaluations) {
            given.push(evaluation);
        }
        let registration = file.registration(self.job.as_of);
        let facts_horizon = self.evaluations.iter().filter_map(|e| e.horizon).chain(self.until).min();
        let region = registration.and_then(|r| r.region);
        let stale_on = self.standings.of(self.deliveries, region).stale_on;
        let elsewhere = relatives.and(self.deliveries.stale_anywhere());
        results.subject.push(file.subject);
        results.region.push(region);
        results.industry.push(registration.and_then(|r| r.industry));
        results.size.push(registration.and_then(|r| r.size));
        results.established_on.push(registration.and_then(|r| r.established_on));
        results.horizon.push(facts_horizon.into_iter().chain(stale_on).chain(elsewhere).min());
        results.facts_horizon.push(facts_horizon);
        let prints = kin.iter().filter_map(|kin| kin.print.ok()).filter(|print| *print != 0);
        results.digest.push(prints.fold(subject.digest, both));
    }

    /// The relatives of a subject within each reach.
    fn kin<'r>(&self, relatives: &'r Relatives, file: &CreditFile<'_>) -> Vec<Kin<'r>>
    where
        'j: 'r,
    {
        let of = |reach: &Reach| {
            let mut related = Vec::new();
            let print = relatives.of(file.subject, reach, self.deliveries.settled(), &mut related);
            Kin { related, print }
        };
        self.reaches.iter().map(of).collect()
    }

    /// The evaluations of one subject by every standard, each made once. Relatives are those within its own reach alone, so
    /// that a result does not depend on what else the run computes.
    fn evaluate(&mut self, classes: &Classes, subject: &SubjectFile<'_>, kin: &[Kin<'_>]) {
        let kin_of = |reach: Option<usize>| reach.and_then(|reach| kin.get(reach));
        let related = |reach| kin_of(reach).map_or(&[][..], |kin: &Kin<'_>| &kin.related);
        for (i, answered) in self.answered.iter_mut().enumerate() {
            *answered = subject.known && kin_of(self.reach_of[i]).is_none_or(|kin| kin.print.is_ok());
        }
        for place in 0..self.order.len() {
            let i = self.order[place];
            let standard = &self.job.standards[i].plan.standard;
            let found = match self.origins[i] {
                Origin::Within(other) if self.answered[other] => {
                    self.benches[other].dependency(&standard.id).and_then(Workbench::evaluation).copied()
                }
                Origin::Own | Origin::Within(_) => None,
            };
            self.evaluations[i] = match found {
                _ if !self.answered[i] => nothing_known(standard),
                Some(evaluation) => evaluation,
                None => {
                    let dossier = Dossier { file: subject.file, related: related(self.reach_of[i]) };
                    evaluate(&mut self.benches[i], classes, &dossier, &mut Silent)
                }
            };
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
