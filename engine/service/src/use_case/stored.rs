//! Evaluations kept for the record: storing one with its request, reading it back, listing.

use hengxin_core::kernel::Outcome as Result;
use hengxin_core::number::Points;
use hengxin_core::uscc::Uscc;
use hengxin_store::{Command, EvaluationRecord, Job, Outcome, RequestKey, Results, Stored};

use super::evaluate::Evaluated;
use crate::engine::Engine;
use crate::hex::unhex;
use crate::page::{self, Filter, Listing, Position};
use crate::problem::{Answer, Problem};

/// The job that records an evaluation and the answer to its request in one transaction.
///
/// `respond` makes the answer's bytes from the id the evaluation got.
pub fn job(
    evaluated: &Evaluated,
    body: Vec<u8>,
    request: RequestKey,
    mut respond: impl FnMut(u64) -> Vec<u8> + Send + 'static,
) -> Job {
    let assessed = &evaluated.assessed;
    let standard = &assessed.prepared.standard;
    let outcome = assessed.evaluation.outcome;
    let record = EvaluationRecord {
        subject: evaluated.subject,
        standard: standard.id.clone(),
        edition: standard.edition.clone(),
        standard_digest: unhex(&assessed.prepared.digest),
        as_of: assessed.prepared.as_of,
        known_at: evaluated.known_at,
        facts_digest: evaluated.facts_digest,
        outcome: outcome_id(outcome).to_owned(),
        score: outcome.score().map(Points::ten_thousandths),
        grade: outcome.grade().map(|grade| standard.grades.id(grade).to_owned()),
        horizon: assessed.evaluation.horizon,
        body,
    };
    let results = Results { evaluations: vec![record], tiers: Vec::new() };
    let respond = move |outcome: &Outcome| match outcome {
        Outcome::Recorded(recorded) => respond(recorded.evaluations.first().copied().unwrap_or_default()),
        Outcome::Appended(_) | Outcome::Delivered(_) | Outcome::Issued(_) | Outcome::Audited => Vec::new(),
    };
    Job { request: Some(request), command: Command::Record(results), respond: Box::new(respond) }
}

/// The word for an outcome in the ledger.
pub const fn outcome_id(outcome: Result) -> &'static str {
    match outcome {
        Result::Graded { .. } => "graded",
        Result::NotEligible(_) => "not-eligible",
        Result::CannotScore { .. } => "cannot-score",
    }
}

/// A stored evaluation of an enterprise.
///
/// # Errors
/// When there is none of that id, or it is another enterprise's.
pub fn get(engine: &Engine, subject: Uscc, id: u64) -> Answer<Stored<EvaluationRecord>> {
    let found = engine.snapshot(None)?.evaluation(id)?;
    found
        .filter(|stored| stored.record.subject == subject)
        .ok_or_else(|| Problem::UnknownEvaluation { name: name(subject, id) })
}

/// The resource name of a stored evaluation.
pub fn name(subject: Uscc, id: u64) -> String {
    format!("enterprises/{subject}/evaluations/{id}")
}

/// One page of stored evaluations, newest first.
#[derive(Clone, Debug)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Stored<EvaluationRecord>>,
    /// Token of the next page; empty on the last.
    pub next: String,
}

/// Lists the stored evaluations of an enterprise.
///
/// # Errors
/// Nobody of that code, an unknown standard, or a failing ledger.
pub fn list(
    engine: &Engine,
    subject: Uscc,
    standard: Option<&str>,
    size: usize,
    after: Option<&Position>,
    seal: &Filter,
) -> Answer<Page> {
    let snapshot = engine.snapshot(None)?;
    if snapshot.credit_file(subject)?.is_none() {
        return Err(Problem::UnknownEnterprise { code: subject });
    }
    let before = after.and_then(|position| position.after.parse().ok());
    let mut rows = snapshot.evaluations(subject, standard, before, size.saturating_add(1))?;
    // What a standard gave while it was in the catalogue is listed for ever.
    if let (Some(id), true) = (standard, rows.is_empty() && after.is_none())
        && !engine.catalogue().standards().any(|edition| edition.standard.id == id)
    {
        // Says which standards there are.
        engine.catalogue().standard(id, engine.today())?;
    }
    let size = size.min(page::fitting(rows.iter().map(|row| row.record.body.len())));
    let more = rows.len() > size;
    rows.truncate(size);
    let next = match rows.last() {
        Some(last) if more => {
            let position = Position { known_at: snapshot.known_at(), after: last.id.to_string() };
            engine.tokens().seal(Listing::Evaluations, seal, &position)
        }
        Some(_) | None => String::new(),
    };
    Ok(Page { rows, next })
}
