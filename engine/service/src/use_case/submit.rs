//! Facts and deliveries on their way into the ledger.

use hengxin_core::date::Date;
use hengxin_core::document::nearest;
use hengxin_core::draft::Draft;
use hengxin_core::fact::Delivery;
use hengxin_core::region::RegionCode;
use hengxin_core::vocabulary::Vocabulary;
use hengxin_store::{Batch, Command, Job, Ledger, Origin, Outcome, RequestKey, Submission, SubmittedRow};

use crate::engine::Engine;
use crate::problem::{Answer, Problem, Violation};

/// Most facts in one submission.
pub const FACTS_MAX: usize = 1_000_000;
/// Violations kept; the rest is only counted.
const VIOLATIONS_KEPT: usize = 100;

/// A fact as a caller writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Fact code.
    pub code: String,
    /// Field id and text.
    pub fields: Vec<(String, String)>,
}

/// A delivery as a caller writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Register id.
    pub register: String,
    /// Region, six digits.
    pub region: String,
    /// The last day it is complete through.
    pub through: String,
}

/// Everything found wrong so far: the first in full, all counted.
#[derive(Clone, Debug, Default)]
pub struct Found {
    kept: Vec<Violation>,
    all: usize,
}

impl Found {
    /// Adds one.
    pub fn refuse(&mut self, field: &str, description: String) {
        self.push(field.to_owned(), description);
    }

    fn push(&mut self, field: String, description: String) {
        if self.kept.len() < VIOLATIONS_KEPT {
            self.kept.push(Violation { field, description });
        }
        self.all += 1;
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.all == 0
    }

    /// The problem of everything found.
    pub fn problem(self) -> Problem {
        Problem::Invalid(self.kept, self.all)
    }
}

/// Checks one fact against the vocabulary; every fault goes to `found` under `path`.
///
/// `subject` stands in for the field of the subject when the caller left it out.
pub fn check(
    ledger: &Ledger,
    today: Date,
    path: &str,
    row: &Row,
    subject: Option<&str>,
    found: &mut Found,
) -> Option<Draft> {
    let vocabulary: &Vocabulary = ledger.vocabulary();
    let Some(id) = vocabulary.code_id(&row.code) else {
        let ids: Vec<&str> = vocabulary.codes.iter().map(|c| c.id.as_str()).collect();
        let expected = match nearest(&row.code, &ids) {
            Some(near) => format!("a fact code; did you mean `{near}`?"),
            None => format!("a fact code, one of `{}`", ids.join("`, `")),
        };
        found.push(format!("{path}.code"), format!("found `{}`, expected {expected}", cut(&row.code)));
        return None;
    };
    let code = vocabulary.code(id);
    let mut cells: Vec<Option<&str>> = vec![None; code.fields.len()];
    let mut sound = true;
    for (field_id, text) in &row.fields {
        match code.field(field_id) {
            Some((place, _)) if cells[place].is_none() => cells[place] = Some(text),
            Some(_) => {
                sound = false;
                found.push(
                    format!("{path}.{field_id}"),
                    "found a second time, expected each field once".to_owned(),
                );
            }
            None => {
                sound = false;
                let ids: Vec<&str> = code.fields.iter().map(|f| f.id.as_str()).collect();
                let expected = match nearest(field_id, &ids) {
                    Some(near) => format!("a field of `{}`; did you mean `{near}`?", code.id),
                    None => format!("a field of `{}`, one of `{}`", code.id, ids.join("`, `")),
                };
                found.push(
                    format!("{path}.fields"),
                    format!("found `{}`, expected {expected}", cut(field_id)),
                );
            }
        }
    }
    if let (Some(subject), None) = (subject, cells[code.subject]) {
        cells[code.subject] = Some(subject);
    }
    let protect = |text: &str| ledger.protector().digest(text);
    match Draft::check(id, vocabulary, |place| cells.get(place).copied().flatten(), &protect, today) {
        Ok(draft) => sound.then_some(draft),
        Err(faults) => {
            for fault in faults {
                let description =
                    format!("found {}, expected {} ({})", fault.found, fault.expected, fault.title);
                found.push(format!("{path}.{}", fault.field), description);
            }
            None
        }
    }
}

/// Checks one delivery.
pub fn check_delivery(
    vocabulary: &Vocabulary,
    today: Date,
    path: &str,
    row: &DeliveryRow,
    found: &mut Found,
) -> Option<Delivery> {
    let register = vocabulary.register_id(&row.register);
    if register.is_none() {
        let ids: Vec<&str> = vocabulary.registers.iter().map(|r| r.id.as_str()).collect();
        let expected = match nearest(&row.register, &ids) {
            Some(near) => format!("a register; did you mean `{near}`?"),
            None => format!("a register, one of `{}`", ids.join("`, `")),
        };
        found
            .push(format!("{path}.register"), format!("found `{}`, expected {expected}", cut(&row.register)));
    }
    let region = row.region.parse::<RegionCode>();
    if let Err(problem) = &region {
        found.push(format!("{path}.region"), problem.to_string());
    }
    let through = match row.through.parse::<Date>() {
        Ok(date) if date > today => {
            found.push(
                format!("{path}.through"),
                format!("found `{date}`, expected a day no later than {today}"),
            );
            None
        }
        Ok(date) => Some(date),
        Err(problem) => {
            found.push(format!("{path}.through"), problem.to_string());
            None
        }
    };
    Some(Delivery { register: register?, region: region.ok()?, through: through? })
}

/// The job that records checked facts and the answer to their request.
pub fn facts_job(
    engine: &Engine,
    drafts: Vec<Draft>,
    actor: String,
    request: RequestKey,
    respond: impl FnMut(&Outcome) -> Vec<u8> + Send + 'static,
) -> Job {
    let submissions = drafts
        .into_iter()
        .zip(1u64..)
        .map(|(draft, line)| Submission { line, row: SubmittedRow::Draft(draft) });
    let origin = Origin { actor, ..Origin::default() };
    let batch = Batch::prepare(engine.ledger().vocabulary(), submissions, origin);
    Job { request: Some(request), command: Command::Append(batch), respond: Box::new(respond) }
}

/// The job that records deliveries.
pub fn deliveries_job(
    deliveries: Vec<Delivery>,
    actor: String,
    request: RequestKey,
    respond: impl FnMut(&Outcome) -> Vec<u8> + Send + 'static,
) -> Job {
    Job { request: Some(request), command: Command::Deliver(actor, deliveries), respond: Box::new(respond) }
}

/// Takes note of what was written, so that the next answer sees it; the bytes of the answer.
///
/// # Errors
/// A failing ledger.
pub fn note(engine: &Engine, answer: hengxin_store::Answer) -> Answer<Vec<u8>> {
    match &answer.outcome {
        Some(Outcome::Appended(report)) => engine.seen(report.recorded_at),
        Some(Outcome::Delivered(moment)) => engine.seen(*moment),
        // Results are not facts. A repeated answer was seen when it was first given, or by the process that gave it.
        Some(Outcome::Recorded(_) | Outcome::Issued(_) | Outcome::Audited) => {}
        None => engine.look_again()?,
    }
    Ok(answer.bytes)
}

fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}
