//! What a run computes: standards and policies resolved on one date, and the moment facts are known at.

use std::sync::Arc;

use hengxin_core::date::{Date, Moment};
use hengxin_core::kernel::Workbench;
use hengxin_core::needs::Needs;
use hengxin_core::plan::Plan;
use hengxin_core::relation::Reach;
use hengxin_core::tier::TierPolicy;
use hengxin_core::vocabulary::RegisterId;

use crate::digest::sha256_of;
use crate::error::{Error, Result};
use crate::moment;

/// A standard of a run.
#[derive(Clone, Debug)]
pub struct JobStandard {
    /// The standard on the date.
    pub plan: Arc<Plan>,
    /// SHA-256 over the edition and those it reads.
    pub digest: String,
}

/// A policy of a run.
#[derive(Clone, Debug)]
pub struct JobPolicy {
    /// The policy.
    pub policy: Arc<TierPolicy>,
    /// SHA-256 of its file.
    pub digest: String,
    /// Place of the public standard among the job's; `None` when no edition is in force.
    pub public: Option<usize>,
    /// Place of the industry's own.
    pub industry: Option<usize>,
    /// First later date on which another edition of the policy or of its standards begins.
    pub changes: Option<Date>,
}

/// What a run computes.
#[derive(Clone, Debug)]
pub struct Job {
    /// The date.
    pub as_of: Date,
    /// The moment.
    pub known_at: Moment,
    /// The standards.
    pub standards: Vec<JobStandard>,
    /// The policies.
    pub policies: Vec<JobPolicy>,
}

/// Where the evaluation of a standard comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It is evaluated.
    Own,
    /// The standard at this place reads it and has evaluated it already.
    Within(usize),
}

impl Job {
    /// Refuses a job without work.
    ///
    /// # Errors
    /// No standard.
    pub fn check(&self) -> Result<()> {
        if self.standards.is_empty() {
            return Err(Error::Refused("no standard to evaluate by; name a field or a standard".to_owned()));
        }
        Ok(())
    }

    /// Which columns of the facts can influence its results.
    pub fn needs(&self) -> Needs {
        self.standards.iter().map(|s| s.plan.needs()).fold(Needs::default(), Needs::and)
    }

    /// The relations its standards follow, all together.
    pub fn reach(&self) -> Reach {
        let mut reach = Reach::default();
        self.standards.iter().for_each(|standard| reach.widen(&standard.plan.reach()));
        reach
    }

    /// The registers whose delivery can influence its results.
    pub fn registers(&self) -> Vec<RegisterId> {
        let mut registers: Vec<RegisterId> = self.standards.iter().flat_map(|s| s.plan.registers()).collect();
        registers.sort_unstable();
        registers.dedup();
        registers
    }

    /// First later date on which an edition of anything involved changes.
    pub fn until(&self) -> Option<Date> {
        let standards = self.standards.iter().filter_map(|s| s.plan.until());
        standards.chain(self.policies.iter().filter_map(|p| p.changes)).min()
    }

    /// What decides a result besides facts, dates and deliveries: equal rules give equal results.
    pub fn rules_digest(&self) -> String {
        let date = |date: Option<Date>| date.map(|d| d.to_string()).unwrap_or_default();
        let mut parts = vec!["hengxin rules 1".to_owned()];
        for standard in &self.standards {
            let s = &standard.plan.standard;
            parts.extend([
                "standard".to_owned(),
                s.id.clone(),
                s.edition.clone(),
                standard.digest.clone(),
                date(standard.plan.until()),
            ]);
        }
        for policy in &self.policies {
            let place = |i: Option<usize>| i.map(|i| i.to_string()).unwrap_or_default();
            parts.extend([
                "policy".to_owned(),
                policy.policy.field.clone(),
                policy.policy.edition.clone(),
                policy.digest.clone(),
                place(policy.public),
                place(policy.industry),
                date(policy.changes),
            ]);
        }
        sha256_of(&parts.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Rules and dates.
    pub fn digest(&self) -> String {
        let (as_of, known_at) = (self.as_of.to_string(), moment::to_text(self.known_at));
        sha256_of(&["hengxin job 1", &self.rules_digest(), &as_of, &known_at])
    }

    /// Per standard: whether it is evaluated, or read off another one that depends on it.
    pub(crate) fn origins(&self, benches: &[Workbench]) -> Vec<Origin> {
        let of = |place: usize| {
            let wanted = &self.standards[place].plan;
            let reads = |bench: &Workbench| {
                bench.dependency(&wanted.standard.id).is_some_and(|inner| {
                    Arc::ptr_eq(&inner.plan().standard, &wanted.standard)
                        && inner.plan().as_of == wanted.as_of
                        && inner.plan().until() == wanted.until()
                })
            };
            // Among those that read it, one that is itself evaluated; rings do not exist.
            (0..benches.len()).find(|other| *other != place && reads(&benches[*other]))
        };
        let direct: Vec<Option<usize>> = (0..benches.len()).map(of).collect();
        direct
            .iter()
            .map(|within| match within {
                Some(other) if direct[*other].is_none() => Origin::Within(*other),
                Some(_) | None => Origin::Own,
            })
            .collect()
    }
}
