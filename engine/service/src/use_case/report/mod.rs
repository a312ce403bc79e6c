//! Credit reports: what a report says, chosen from the ledger and the standards at hand, and reports on record.
//!
//! A public report holds facts alone and is the same whoever asks. A special report stands in for certificates of no
//! violation. An evaluation report is of another kind altogether: the tiers with everything behind them. Sources:
//! `docs/reports.md`.

mod choice;
pub mod layout;
pub mod number;

use std::collections::BTreeSet;
use std::sync::Arc;

use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::{FactId, Registration};
use hengxin_core::number::{display_decimal, parse_decimal};
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::{Disclosure, Field, FieldKind, MoneyUnit, RegisterId};
use hengxin_standard::NoEdition;
use hengxin_store::{
    Command, FactRecord, Job, NewReport, Outcome, ReportKind, ReportPlace, ReportRecord, ReportText,
    RequestKey,
};
use sha2::{Digest as _, Sha256};

use super::evaluate::View;
use super::facts;
use super::tier::{self, Decision};
use crate::engine::{Engine, Wanted};
use crate::page::{Filter, Listing, Position};
use crate::problem::{Answer, Problem};
use layout::{LAYOUT, Section};
use number::Code;

pub use choice::known_fields;
pub(crate) use choice::shows_mark;

/// Days a report is valid, from the day of issue. The project's own figure.
pub const VALID_DAYS: i32 = 30;
/// Longest period of a special report, in months: five years (`docs/reports.md`).
pub const PERIOD_MONTHS: i32 = 60;
/// Largest report in bytes: one that is issued fits into a message, with room for what stands around it.
const GREATEST_BYTES: usize = (4 << 20) - 4096;

/// Which report is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Public credit information.
    Public,
    /// Tiers in these fields of supervision; empty for all.
    Evaluation(Vec<String>),
    /// What counts against the enterprise.
    Special {
        /// In these fields, ids of the vocabulary; empty for all.
        fields: Vec<String>,
        /// From this day on.
        from: Date,
    },
}

impl Asked {
    /// Which of the reports.
    pub const fn kind(&self) -> ReportKind {
        match self {
            Asked::Public => ReportKind::Public,
            Asked::Evaluation(_) => ReportKind::Evaluation,
            Asked::Special { .. } => ReportKind::Special,
        }
    }

    /// The fields asked for; empty for all.
    pub fn fields(&self) -> &[String] {
        match self {
            Asked::Public => &[],
            Asked::Evaluation(fields) | Asked::Special { fields, .. } => fields,
        }
    }

    /// The most that such a report shows to whom may see `sight`. The public one never shows more than what is public.
    pub fn shows(&self, sight: Disclosure) -> Disclosure {
        match self {
            Asked::Public => Disclosure::Public,
            Asked::Evaluation(_) | Asked::Special { .. } => sight,
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Question {
    /// Whom it is about.
    pub subject: Uscc,
    /// Which report.
    pub asked: Asked,
    /// The day it speaks of.
    pub as_of: Date,
    /// The moment; `None`: everything recorded so far.
    pub known_at: Option<Moment>,
    /// The most the caller may see.
    pub sight: Disclosure,
    /// For whom; empty when nobody is known.
    pub issued_for: String,
    /// What for, as its cover says.
    pub purpose: String,
}

/// What a report says, but for its number, code and dates.
#[derive(Clone, Debug)]
pub struct Composed {
    /// The question.
    pub question: Question,
    /// The moment it rests on.
    pub known_at: Moment,
    /// Length of the log at that time.
    pub log_size: u64,
    /// The most that it shows.
    pub sight: Disclosure,
    /// Name on the day; `None` when none is on record that may be shown.
    pub name: Option<String>,
    /// Of a special report: titles of the fields asked for.
    pub field_titles: Vec<String>,
    /// Registration in force on the day.
    pub registration: Option<Registration>,
    /// Sections in order; none in an evaluation report.
    pub sections: Vec<Filled>,
    /// Tiers, by field; in an evaluation report only.
    pub tiers: Vec<Arc<Decision>>,
}

/// A section with its records.
#[derive(Clone, Debug)]
pub struct Filled {
    /// The section.
    pub section: &'static Section,
    /// Its records, newest first.
    pub records: Vec<FactRecord>,
    /// Registers behind it that are not delivered through the day: without them an empty section says nothing.
    pub missing: Vec<RegisterId>,
    /// Whether nothing of it may be shown in this report.
    pub withheld: bool,
}

impl Composed {
    /// What the report says of itself.
    pub fn statements(&self) -> impl Iterator<Item = &'static str> {
        let statements = &LAYOUT.statements;
        let own = match self.question.asked {
            Asked::Public => &statements.public,
            Asked::Evaluation(_) => &statements.evaluation,
            Asked::Special { .. } => &statements.special,
        };
        own.iter().chain(&statements.all).map(String::as_str)
    }
}

/// Chooses what a report says.
///
/// # Errors
/// Nobody of that code, an unknown field, one without a policy on the day, or a failing ledger.
pub fn compose(engine: &Engine, question: Question) -> Answer<Composed> {
    let snapshot = engine.snapshot(question.known_at)?;
    let vocabulary = engine.ledger().vocabulary();
    let mut records = facts::standing(&snapshot, question.subject)?;
    if question.asked == Asked::Public {
        let public = public_today(engine, &question, &records)?;
        records.retain(|record| public.contains(&record.id));
    }
    let file = snapshot
        .credit_file(question.subject)?
        .ok_or(Problem::UnknownEnterprise { code: question.subject })?;
    let registration = file.as_file().registration(question.as_of).cloned();
    let registration = registration.filter(|found| {
        question.asked != Asked::Public || records.iter().any(|record| record.id == found.fact)
    });
    let sight = question.asked.shows(question.sight);
    let mut tiers = Vec::new();
    if let Asked::Evaluation(fields) = &question.asked {
        for policy in policies(engine, fields, question.as_of)? {
            tiers.push(tier::decide_in(&snapshot, &policy, question.subject, View::Full)?);
        }
    }
    let sections: &'static [Section] = match &question.asked {
        Asked::Public => &LAYOUT.public,
        Asked::Special { .. } => &LAYOUT.special,
        Asked::Evaluation(_) => &[],
    };
    let region = registration.as_ref().and_then(|registration| registration.region);
    let sections = sections
        .iter()
        .map(|section| {
            let codes: Vec<_> = section.codes.iter().filter_map(|code| vocabulary.code_id(code)).collect();
            let shown = |code: &&_| vocabulary.code(**code).disclosure <= sight;
            let mut missing: Vec<RegisterId> =
                codes.iter().filter(shown).map(|code| vocabulary.code(*code).register).collect();
            missing.sort_unstable();
            missing.dedup();
            missing.retain(|id| {
                let through = file.deliveries().through(*id, region);
                through.is_none_or(|day| day.plus_days(vocabulary.register(*id).lag_days) < question.as_of)
            });
            let mut found: Vec<FactRecord> = records
                .iter()
                .filter(|record| codes.contains(&record.code))
                .filter(|record| choice::belongs(vocabulary, &question.asked, question.as_of, sight, record))
                .cloned()
                .collect();
            found.reverse();
            Filled { section, missing, withheld: !codes.iter().any(|code| shown(&code)), records: found }
        })
        .collect();
    let field_titles = match &question.asked {
        Asked::Special { fields, .. } => {
            let known = known_fields(vocabulary);
            let title = |field: &String| {
                known.iter().find(|(id, _)| id == field).map(|(_, title)| (*title).to_owned())
            };
            fields.iter().filter_map(title).collect()
        }
        Asked::Public | Asked::Evaluation(_) => Vec::new(),
    };
    Ok(Composed {
        known_at: snapshot.known_at(),
        log_size: snapshot.log().size()?,
        name: choice::name(vocabulary, &records, question.as_of, sight),
        field_titles,
        sight,
        registration,
        sections,
        tiers,
        question,
    })
}

/// Facts that are public today by all that is known today. A report of an earlier day or an earlier state of knowledge does not
/// bring back what was repaired, withdrawn or past its publicity since.
fn public_today(engine: &Engine, question: &Question, records: &[FactRecord]) -> Answer<BTreeSet<FactId>> {
    let known_today = match question.known_at {
        None => None,
        Some(_) => Some(facts::standing(&engine.snapshot(None)?, question.subject)?),
    };
    let (vocabulary, today) = (engine.ledger().vocabulary(), engine.today());
    let public =
        |record: &&FactRecord| choice::belongs(vocabulary, &Asked::Public, today, Disclosure::Public, record);
    let all = known_today.as_deref().unwrap_or(records);
    Ok(all.iter().filter(public).map(|record| record.id).collect())
}

/// The policies of the fields, or of all fields that have one in force on the day.
fn policies(
    engine: &Engine,
    fields: &[String],
    as_of: Date,
) -> Answer<Vec<Arc<crate::engine::PreparedPolicy>>> {
    if !fields.is_empty() {
        return fields.iter().map(|field| engine.policy(field, Wanted::InForce, as_of)).collect();
    }
    let all: BTreeSet<&str> =
        engine.catalogue().policies().map(|edition| edition.policy.field.as_str()).collect();
    let mut found = Vec::new();
    for field in all {
        match engine.policy(field, Wanted::InForce, as_of) {
            Ok(policy) => found.push(policy),
            Err(Problem::NoEdition(NoEdition::Expired { .. } | NoEdition::NotYet { .. })) => {}
            Err(problem) => return Err(problem),
        }
    }
    Ok(found)
}

/// What stands on a report because of where and when it is put on record.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// Its number.
    pub number: String,
    /// Its verification code, as printed.
    pub code: String,
    /// When it was issued.
    pub issued_at: Moment,
    /// Last day on which it is valid.
    pub valid_until: Date,
}

/// The job that puts a report on record; its answer is the report's number. `encode` writes the report.
///
/// # Errors
/// A report that is too large, and a system without random numbers.
pub fn job(
    composed: Composed,
    request: RequestKey,
    encode: impl Fn(&Composed, &Stamp) -> Vec<u8> + Send + Sync + 'static,
) -> Answer<Job> {
    let code = Code::draw().map_err(|_| Problem::Defect)?;
    let question = &composed.question;
    let mut report = NewReport {
        subject: question.subject,
        kind: question.asked.kind(),
        as_of: question.as_of,
        issued_for: question.issued_for.clone(),
        sight: composed.sight,
        fields: question.asked.fields().to_vec(),
        code_digest: code.digest(),
        request_id: request.id.clone(),
        text: Arc::new(|_| unreachable!("given below")),
    };
    let text = move |place: ReportPlace| {
        let issued_on = crate::engine::day_of(place.issued_at);
        let stamp = Stamp {
            number: number::number(issued_on, place.sequence),
            code: code.printed(),
            issued_at: place.issued_at,
            valid_until: issued_on.plus_days(VALID_DAYS),
        };
        let body = encode(&composed, &stamp);
        ReportText {
            number: stamp.number,
            valid_until: stamp.valid_until,
            digest: Sha256::digest(&body).into(),
            body,
        }
    };
    // Numbers, codes and dates are of one length, so that the size is known before there is a place.
    let size = text(ReportPlace { sequence: u64::MAX, issued_at: Moment(0) }).body.len();
    if size > GREATEST_BYTES {
        return Err(Problem::ReportTooLarge { size, most: GREATEST_BYTES });
    }
    report.text = Arc::new(text);
    let respond = |outcome: &Outcome| match outcome {
        Outcome::Issued(number) => number.clone().into_bytes(),
        Outcome::Appended(_) | Outcome::Delivered(_) | Outcome::Recorded(_) | Outcome::Audited => Vec::new(),
    };
    Ok(Job { request: Some(request), command: Command::Issue(Box::new(report)), respond: Box::new(respond) })
}

/// A report on record, for one who may see `sight`: what stands beside it, and its bytes.
///
/// # Errors
/// No such report, one that shows more, or a failing ledger.
pub fn get(engine: &Engine, number: &str, sight: Disclosure) -> Answer<(ReportRecord, Vec<u8>)> {
    let snapshot = engine.snapshot(None)?;
    let unknown = || Problem::UnknownReport { number: number.chars().take(60).collect() };
    let record = snapshot.report(number)?.ok_or_else(unknown)?;
    if record.sight > sight {
        return Err(Problem::ReportShowsMore { number: record.number });
    }
    let body = snapshot.report_body(record.id)?.ok_or_else(unknown)?;
    let digest: [u8; 32] = Sha256::digest(&body).into();
    if digest != record.digest {
        return Err(Problem::Damaged { detail: format!("report `{number}` is not what was issued") });
    }
    Ok((record, body))
}

/// The report with this number and code; `None` when there is none with both. The same path for a wrong number as for a
/// wrong code: nobody learns which numbers there are.
///
/// # Errors
/// A failing ledger.
pub fn verify(engine: &Engine, number: &str, code: &str) -> Answer<Option<(ReportRecord, Vec<u8>)>> {
    let snapshot = engine.snapshot(None)?;
    let found = snapshot.report(number)?;
    let expected = found.as_ref().map_or([0; 32], |record| record.code_digest);
    let right = Code::typed(code).is(&expected);
    let Some(record) = found.filter(|_| right) else { return Ok(None) };
    let body = snapshot.report_body(record.id)?;
    Ok(body.map(|body| (record, body)))
}

/// One page of reports, newest first.
#[derive(Clone, Debug)]
pub struct Page {
    /// The rows.
    pub rows: Vec<ReportRecord>,
    /// Token of the next page; empty on the last.
    pub next: String,
}

/// Lists the reports on an enterprise.
///
/// # Errors
/// Nobody of that code, or a failing ledger.
pub fn list(
    engine: &Engine,
    subject: Uscc,
    size: usize,
    after: Option<&Position>,
    seal: &Filter,
) -> Answer<Page> {
    let snapshot = engine.snapshot(None)?;
    if snapshot.credit_file(subject)?.is_none() {
        return Err(Problem::UnknownEnterprise { code: subject });
    }
    let before = after.and_then(|position| position.after.parse().ok());
    let mut rows = snapshot.reports(subject, before, size.saturating_add(1))?;
    let more = rows.len() > size;
    rows.truncate(size);
    let next = match rows.last() {
        Some(last) if more => {
            let position = Position { known_at: snapshot.known_at(), after: last.id.to_string() };
            engine.tokens().seal(Listing::Reports, seal, &position)
        }
        Some(_) | None => String::new(),
    };
    Ok(Page { rows, next })
}

/// A field's value as it is printed: of an enumeration its titles, money in the unit its title names, anything else as it is
/// kept.
pub fn printed(field: &Field, value: &str) -> String {
    match &field.kind {
        FieldKind::Enum(values) | FieldKind::Set(values) => {
            let title = |id: &str| {
                values.iter().find(|one| one.id == id).map_or(id.to_owned(), |one| one.title.clone())
            };
            // Values of a set are kept with a semicolon between them.
            value.split(';').map(title).collect::<Vec<_>>().join("、")
        }
        // Kept in yuan, whatever the column was in.
        FieldKind::Money(MoneyUnit::TenThousandYuan) => {
            parse_decimal(value, 2).map_or_else(|_| value.to_owned(), |fen| display_decimal(fen, 6))
        }
        FieldKind::Text(_)
        | FieldKind::Date
        | FieldKind::Money(MoneyUnit::Yuan)
        | FieldKind::Count
        | FieldKind::Number
        | FieldKind::Region
        | FieldKind::Industry
        | FieldKind::Uscc
        | FieldKind::PersonId => value.to_owned(),
    }
}
