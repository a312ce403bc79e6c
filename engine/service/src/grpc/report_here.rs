//! Reports as the command line issues, shows and checks them: the same requests as a client's, over an engine at hand.

use hengxin_core::date::Moment;
use hengxin_core::vocabulary::Disclosure;
use hengxin_proto::v1;
use prost_types::Timestamp;
use serde_json::{Value, json};

use super::convert::timestamp;
use super::decode;
use super::report::{Issue, issue, verify};
use crate::engine::Engine;
use crate::hex::hex;
use crate::problem::{Answer, Problem};
use crate::use_case::report;

/// A report to issue, as texts that are yet to be checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportOrder {
    /// The enterprise's code.
    pub enterprise: String,
    /// `public`, `evaluation` or `special`.
    pub kind: String,
    /// The day; empty for today.
    pub as_of: String,
    /// The moment; `None`: everything recorded so far.
    pub known_at: Option<Moment>,
    /// Fields; empty for all.
    pub fields: Vec<String>,
    /// First day of the period of a special report; empty otherwise.
    pub from: String,
    /// What for.
    pub purpose: String,
    /// The same id issues no second report; empty for a fresh one.
    pub request_id: String,
}

/// A report on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedReport {
    /// Its number.
    pub number: String,
    /// Its verification code.
    pub verification_code: String,
    /// Its bytes.
    pub body: Vec<u8>,
    /// All of it, and the digest of its bytes.
    pub json: Value,
}

/// Issues a report.
///
/// # Errors
/// What is wrong with the order, an engine that only reads, and a failing ledger.
pub fn issue_report(engine: &Engine, order: ReportOrder) -> Answer<IssuedReport> {
    let kind = match order.kind.as_str() {
        "public" => v1::ReportKind::Public,
        "evaluation" => v1::ReportKind::Evaluation,
        "special" => v1::ReportKind::Special,
        other => {
            let expected = format!("found `{other}`, expected `public`, `evaluation` or `special`");
            return Err(Problem::invalid("kind", expected));
        }
    };
    let request = v1::IssueReportRequest {
        enterprise: order.enterprise,
        kind: kind.into(),
        as_of: order.as_of,
        known_at: order.known_at.map(timestamp),
        fields: order.fields,
        from: order.from,
        r#use: order.purpose,
        request_id: if order.request_id.is_empty() { fresh_id()? } else { order.request_id },
    };
    // Whoever can open the ledger can read all of it.
    let number = match issue(engine, &request, Disclosure::NotPublic, String::new())? {
        Issue::IssuedBefore(number) => number,
        Issue::ToIssue(job) => engine.writer()?.call(*job)?.bytes,
    };
    issued_report(engine, &String::from_utf8_lossy(&number))
}

fn fresh_id() -> Answer<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| Problem::Defect)?;
    Ok(hex(&bytes).chars().take(32).collect())
}

/// A report on record.
///
/// # Errors
/// No such report, or a failing ledger.
pub fn issued_report(engine: &Engine, number: &str) -> Answer<IssuedReport> {
    let (record, body) = report::get(engine, number, Disclosure::NotPublic)?;
    let report: v1::Report = decode(&body, "a report")?;
    let mut json = told(&report);
    json["digest"] = json!(hex(&record.digest));
    Ok(IssuedReport { number: report.number, verification_code: report.verification_code, body, json })
}

/// What is said of a number and a code: the state, and with one that is not `unknown` what was issued.
///
/// # Errors
/// A failing ledger.
pub fn verified_report(engine: &Engine, number: &str, code: &str) -> Answer<Value> {
    let request = v1::VerifyReportRequest { number: number.to_owned(), verification_code: code.to_owned() };
    let answer = verify(engine, &request)?;
    let state = word(answer.state().as_str_name(), "REPORT_STATE_");
    if answer.state() == v1::ReportState::Unknown {
        return Ok(json!({ "state": state }));
    }
    Ok(json!({
        "state": state, "kind": word(answer.kind().as_str_name(), "REPORT_KIND_"), "enterprise": answer.enterprise,
        "display_name": answer.display_name, "issued_at": moment(answer.issued_at), "valid_until": answer.valid_until,
        "as_of": answer.as_of, "digest": answer.digest,
    }))
}

fn told(report: &v1::Report) -> Value {
    let field = |field: &v1::FactField| json!({ "id": field.id, "title": field.title, "value": field.value });
    let record = |record: &v1::ReportRecord| {
        json!({
            "fact_id": record.fact_id, "title": record.title, "occurred_on": record.occurred_on,
            "ends_on": record.ends_on, "repaired_on": record.repaired_on, "under_objection": record.under_objection,
            "fields": record.fields.iter().map(field).collect::<Vec<_>>(),
        })
    };
    let section = |section: &v1::ReportSection| {
        json!({
            "id": section.id, "title": section.title, "not_delivered": section.not_delivered,
            "missing_registers": section.missing_registers, "withheld": section.withheld,
            "records": section.records.iter().map(record).collect::<Vec<_>>(),
        })
    };
    let registration = report.registration.as_ref().map(|found| {
        json!({
            "since": found.since, "established_on": found.established_on, "legal_form": found.legal_form,
            "size": found.size, "status": found.status, "region": found.region, "industry": found.industry,
            "capital_fen": found.capital_fen,
        })
    });
    json!({
        "number": report.number, "verification_code": report.verification_code,
        "kind": word(report.kind().as_str_name(), "REPORT_KIND_"), "enterprise": report.enterprise,
        "display_name": report.display_name, "issued_at": moment(report.issued_at), "valid_until": report.valid_until,
        "issued_for": report.issued_for, "as_of": report.as_of, "known_at": moment(report.known_at),
        "from": report.from, "fields": report.fields, "field_titles": report.field_titles, "use": report.r#use,
        "registration": registration, "sections": report.sections.iter().map(section).collect::<Vec<_>>(),
        "tiers": report.tiers.iter().map(tier).collect::<Vec<_>>(), "statements": report.statements,
        "engine_version": report.engine_version, "masked": report.masked, "log_size": report.log_size,
    })
}

fn tier(decision: &v1::TierDecision) -> Value {
    let edition = |edition: &Option<v1::EditionReference>| {
        let edition = edition.clone().unwrap_or_default();
        json!({ "id": edition.id, "edition": edition.edition, "title": edition.title, "digest": edition.digest })
    };
    let points = |points: &Option<v1::Points>| points.as_ref().map(|points| points.decimal.clone());
    let result = |found: &v1::Evaluation| {
        let reason = |reason: &v1::Reason| json!({ "id": reason.id, "title": reason.title, "lost": points(&reason.lost), "max": points(&reason.max) });
        json!({
            "standard": edition(&found.standard), "facts_digest": found.facts_digest,
            "score": points(&found.score), "grade": found.grade.as_ref().map(|grade| grade.grade.clone()),
            "findings": found.findings.iter().map(|finding| finding.title.as_str()).collect::<Vec<_>>(),
            "reasons": found.reasons.iter().map(reason).collect::<Vec<_>>(),
        })
    };
    json!({
        "field": decision.field, "tier": decision.tier, "title": decision.title, "policy": edition(&decision.policy),
        "facts_digest": decision.facts_digest, "horizon": decision.horizon,
        "public": decision.public_result.as_ref().map(result),
        "industry": decision.industry_result.as_ref().map(result),
        "measures": decision.measures.iter().map(|measure| measure.title.as_str()).collect::<Vec<_>>(),
    })
}

fn moment(stamp: Option<Timestamp>) -> Value {
    let stamp = stamp.and_then(|stamp| jiff::Timestamp::new(stamp.seconds, stamp.nanos).ok());
    stamp.map_or(Value::Null, |stamp| Value::from(stamp.to_string()))
}

/// The word of an enumeration's value, without its prefix.
fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_lowercase()
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn words_are_those_of_the_command_line() {
        let kind = v1::ReportKind::Evaluation.as_str_name();
        assert_eq!(word(kind, "REPORT_KIND_"), "evaluation");
        let empty = told(&v1::Report::decode(&b""[..]).expect("an empty message"));
        assert_eq!(empty["issued_at"], Value::Null);
    }
}
