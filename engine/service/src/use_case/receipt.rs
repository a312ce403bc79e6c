//! Receipts: issued for what is on record, and computed again years later.

use hengxin_core::date::Moment;
use hengxin_core::kernel::Outcome as Scored;
use hengxin_core::number::Points;
use hengxin_core::uscc::Uscc;
use hengxin_log::{ProofFile, Receipt, Statement};
use hengxin_store::{Command, Error as LedgerError, Job, Outcome, Results};

use super::evaluate::{self, View};
use super::stored::{self, outcome_id};
use super::tier::{self, Decision};
use crate::engine::{Engine, Wanted};
use crate::hex::hex;
use crate::problem::{Answer, Problem};

/// The word for an evaluation in [`Statement::kind`].
const EVALUATION: &str = "evaluation";
/// The word for a tier.
const TIER: &str = "tier";

/// The receipt of a stored evaluation.
///
/// # Errors
/// No such evaluation, a ledger opened for reading, or a failing one.
pub fn of_evaluation(engine: &Engine, subject: Uscc, id: u64) -> Answer<Receipt> {
    let found = stored::get(engine, subject, id)?;
    let record = &found.record;
    let statement = Statement {
        kind: EVALUATION.to_owned(),
        id,
        subject: subject.to_string(),
        standard: record.standard.clone(),
        edition: record.edition.clone(),
        standard_digest: hex(&record.standard_digest),
        field: None,
        facts_digest: Some(hex(&record.facts_digest)),
        as_of: record.as_of.to_string(),
        known_at: instant(record.known_at),
        recorded_at: instant(found.recorded_at),
        result: result(
            &record.outcome,
            record.grade.as_deref(),
            record.score.map(Points::from_ten_thousandths),
        ),
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    sign(engine, statement, |log| log.position_of_evaluation(id))
}

/// The receipt of a tier: the decision is recorded first, once however often it is asked for.
///
/// # Errors
/// As [`tier::tier`], and a ledger opened for reading.
pub fn of_tier(
    engine: &Engine,
    question: &tier::Question<'_>,
    encode: impl Fn(&Decision) -> Vec<u8>,
) -> Answer<Receipt> {
    let decision = tier::tier(engine, question)?;
    let record = tier::record(&decision, encode(&decision));
    let results = Results { evaluations: Vec::new(), tiers: vec![record] };
    let job = Job { request: None, command: Command::Record(results), respond: Box::new(|_| Vec::new()) };
    let id = match engine.writer()?.call(job)?.outcome {
        Some(Outcome::Recorded(recorded)) => recorded.tiers.first().copied().ok_or(Problem::Defect)?,
        _ => return Err(Problem::Defect),
    };
    let found = engine.snapshot(None)?.tier(id)?.ok_or(Problem::Defect)?;
    let record = &found.record;
    let statement = Statement {
        kind: TIER.to_owned(),
        id,
        subject: record.subject.to_string(),
        standard: record.policy.clone(),
        edition: record.edition.clone(),
        standard_digest: hex(&record.policy_digest),
        field: Some(record.field.clone()),
        facts_digest: Some(hex(&decision.facts_digest)),
        as_of: record.as_of.to_string(),
        known_at: instant(record.known_at),
        recorded_at: instant(found.recorded_at),
        result: tier_text(record.tier),
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    sign(engine, statement, |log| log.position_of_tier(id))
}

fn sign(
    engine: &Engine,
    statement: Statement,
    position: impl Fn(hengxin_store::Log<'_>) -> hengxin_store::Result<Option<u64>>,
) -> Answer<Receipt> {
    let key = engine.ledger().signing_key().ok_or(LedgerError::ReadOnly)?;
    let snapshot = engine.snapshot(None)?;
    let log = snapshot.log();
    let position =
        position(log)?.ok_or(LedgerError::NoEntry { found: "entry for this result".to_owned() })?;
    match log.prove_inclusion(position)? {
        ProofFile::Inclusion { entry, position, hashes, head } => {
            Ok(Receipt::sign(key, statement, entry, position, hashes, head))
        }
        ProofFile::Consistency { .. } => Err(Problem::Defect),
    }
}

/// What differs when a statement is computed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What of it.
    pub field: &'static str,
    /// What the receipt says.
    pub receipt: String,
    /// What the ledger and the standards at hand give.
    pub computed: String,
}

/// Computes again what a receipt states, from the ledger and the standards at hand: same edition, same day, same moment of
/// knowledge. Empty when everything agrees.
///
/// # Errors
/// A statement that cannot be read, an edition or enterprise that is not at hand, or a failing ledger.
pub fn recompute(engine: &Engine, statement: &Statement) -> Answer<Vec<Difference>> {
    let wrong = |field: &str, found: &str, expected: &str| {
        Problem::invalid(field, format!("found `{found}`, expected {expected}"))
    };
    let subject: Uscc =
        statement.subject.parse().map_err(|error| Problem::invalid("subject", format!("{error}")))?;
    let as_of = statement.as_of.parse().map_err(|error| Problem::invalid("as_of", format!("{error}")))?;
    let known_at = statement
        .known_at
        .parse::<jiff::Timestamp>()
        .map_err(|_| wrong("known_at", &statement.known_at, "a moment in RFC 3339"))?;
    let known_at = Some(Moment(known_at.as_microsecond()));
    let edition = Wanted::Pinned(&statement.edition);
    let (digest, facts, found) = match (statement.kind.as_str(), &statement.field) {
        (EVALUATION, None) => {
            let standard = statement.standard.as_str();
            let question =
                evaluate::Question { subject, standard, edition, as_of, known_at, view: View::Basic };
            let evaluated = evaluate::evaluate(engine, &question)?;
            let assessed = &evaluated.assessed;
            let outcome: Scored = assessed.evaluation.outcome;
            let grade = outcome.grade().map(|grade| assessed.prepared.standard.grades.id(grade));
            let text = result(outcome_id(outcome), grade, outcome.score());
            (assessed.prepared.digest.clone(), hex(&evaluated.facts_digest), text)
        }
        (TIER, Some(field)) => {
            let question = tier::Question { subject, field, edition, as_of, known_at, view: View::Basic };
            let decision = tier::tier(engine, &question)?;
            let text = tier_text(decision.decision.tier.map(u16::from));
            (decision.policy.digest.clone(), hex(&decision.facts_digest), text)
        }
        (kind, _) => return Err(wrong("kind", kind, "`evaluation`, or `tier` with its field")),
    };
    let receipt_facts = statement.facts_digest.clone().unwrap_or_default();
    let all = [
        ("standard_digest", statement.standard_digest.clone(), digest),
        ("facts_digest", receipt_facts, facts),
        ("result", statement.result.clone(), found),
    ];
    Ok(all
        .into_iter()
        .filter(|(_, receipt, computed)| receipt != computed)
        .map(|(field, receipt, computed)| Difference { field, receipt, computed })
        .collect())
}

fn result(outcome: &str, grade: Option<&str>, score: Option<Points>) -> String {
    let parts = [Some(outcome.to_owned()), grade.map(str::to_owned), score.map(|score| score.to_string())];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn tier_text(tier: Option<u16>) -> String {
    tier.map_or_else(|| "no tier".to_owned(), |tier| format!("tier {tier}"))
}

/// A moment in RFC 3339, UTC.
fn instant(moment: Moment) -> String {
    jiff::Timestamp::from_microsecond(moment.0).map_or_else(|_| moment.0.to_string(), |t| t.to_string())
}
