//! What a run over a population computes, resolved from the catalogue.

use std::sync::Arc;

use hengxin_batch::job::{Job, JobPolicy, JobStandard};
use hengxin_core::date::{Date, Moment};
use hengxin_core::tier::TierPolicy;
use hengxin_standard::{Catalogue, Edition, NoEdition};

use crate::problem::Answer;

/// What is asked for: fields, each with its policy and standards, and standards of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Fields of supervision.
    pub fields: Vec<String>,
    /// Standards: an id for the edition in force, or `id@edition`.
    pub standards: Vec<String>,
}

/// The job for `wanted` on a date.
///
/// A field brings its policy and the editions in force of the standards it reads; one that is pinned under `standards`
/// takes the place of the edition in force, also where another standard reads it, so that a draft can be tried on everyone.
///
/// # Errors
/// A field or standard nobody knows, or without an edition on the date.
pub fn job(catalogue: &Catalogue, wanted: &Wanted, as_of: Date, known_at: Moment) -> Answer<Job> {
    let mut job = Job { as_of, known_at, standards: Vec::new(), policies: Vec::new() };
    let mut pinned = Vec::new();
    let mut named = Vec::new();
    for text in &wanted.standards {
        named.push(match text.split_once('@') {
            Some((id, edition)) => {
                let edition = catalogue.pinned(id, edition)?;
                pinned.push(edition);
                edition
            }
            None => catalogue.standard(text, as_of)?,
        });
    }
    for edition in named {
        place(&mut job, catalogue, edition, &pinned);
    }
    for field in &wanted.fields {
        let edition = catalogue.policy(field, as_of)?;
        let policy = &edition.policy;
        let mut side = |id: &str| -> Answer<Option<usize>> {
            if let Some(i) = job.standards.iter().position(|s| s.plan.standard.id == id) {
                return Ok(Some(i));
            }
            match catalogue.standard(id, as_of) {
                Ok(edition) => Ok(Some(place(&mut job, catalogue, edition, &pinned))),
                // Policies name standards that exist; what may be missing is an edition in force on the date.
                Err(NoEdition::Expired { .. } | NoEdition::NotYet { .. }) => Ok(None),
                Err(other) => Err(other.into()),
            }
        };
        let public = side(&policy.public)?;
        let industry = policy.industry.as_deref().map(side).transpose()?.flatten();
        let changes = next_change(catalogue, policy, as_of);
        job.policies.push(JobPolicy {
            policy: Arc::clone(policy),
            digest: edition.digest.clone(),
            public,
            industry,
            changes,
        });
    }
    Ok(job)
}

/// The place of an edition among the job's standards; it is added when it is not there.
fn place(job: &mut Job, catalogue: &Catalogue, edition: &Edition, pinned: &[&Edition]) -> usize {
    let same = |s: &JobStandard| Arc::ptr_eq(&s.plan.standard, &edition.standard);
    if let Some(i) = job.standards.iter().position(same) {
        return i;
    }
    let plan = catalogue.plan_with(edition, job.as_of, pinned);
    job.standards.push(JobStandard { plan, digest: edition.digest.clone() });
    job.standards.len() - 1
}

/// First date after `as_of` on which another edition of the policy or of its standards begins, or the policy ends.
pub fn next_change(catalogue: &Catalogue, policy: &TierPolicy, as_of: Date) -> Option<Date> {
    let policies = catalogue.policies().map(|p| &p.policy).filter(|p| p.field == policy.field);
    let own = policies.map(|p| p.effective.0);
    let standards = catalogue.standards().map(|e| &e.standard);
    let read = standards.filter(|s| s.id == policy.public || Some(&s.id) == policy.industry.as_ref());
    let end = Some(policy.effective.1).filter(|end| *end < Date::FOREVER).map(|end| end.plus_days(1));
    own.chain(read.map(|s| s.effective.0)).chain(end).filter(|first| *first > as_of).min()
}
