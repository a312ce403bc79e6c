//! Credit reports.

use hengxin_core::vocabulary::{Disclosure, Field, FieldKind, Mark, Vocabulary};
use hengxin_proto::v1;
use hengxin_store::{FactRecord, ReportKind, ReportRecord};

use super::ledger::registration;
use super::{date, enterprise, tier, timestamp};
use crate::grpc::mask::shown_decision;
use crate::hex::hex;
use crate::use_case::evaluate::View;
use crate::use_case::report::{Asked, Composed, Filled, Stamp, printed, shows_mark};

pub(in crate::grpc) fn kind(kind: ReportKind) -> v1::ReportKind {
    match kind {
        ReportKind::Public => v1::ReportKind::Public,
        ReportKind::Evaluation => v1::ReportKind::Evaluation,
        ReportKind::Special => v1::ReportKind::Special,
    }
}

pub(in crate::grpc) fn report(vocabulary: &Vocabulary, composed: &Composed, stamp: &Stamp) -> v1::Report {
    let question = &composed.question;
    let sight = composed.sight;
    v1::Report {
        number: stamp.number.clone(),
        verification_code: stamp.code.clone(),
        kind: kind(question.asked.kind()).into(),
        enterprise: enterprise(question.subject),
        display_name: composed.name.clone().unwrap_or_default(),
        issued_at: Some(timestamp(stamp.issued_at)),
        valid_until: date(stamp.valid_until),
        issued_for: question.issued_for.clone(),
        as_of: date(question.as_of),
        known_at: Some(timestamp(composed.known_at)),
        from: match &question.asked {
            Asked::Special { from, .. } => date(*from),
            Asked::Public | Asked::Evaluation(_) => String::new(),
        },
        fields: question.asked.fields().to_vec(),
        r#use: question.purpose.clone(),
        registration: composed.registration.as_ref().map(|found| registration(vocabulary, found)),
        sections: composed.sections.iter().map(|filled| section(vocabulary, filled, composed)).collect(),
        tiers: composed
            .tiers
            .iter()
            .map(|decision| {
                shown_decision(tier::decision(vocabulary, decision, View::Full), vocabulary, sight)
            })
            .collect(),
        statements: composed.statements().map(str::to_owned).collect(),
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        masked: sight < Disclosure::NotPublic,
        log_size: composed.log_size,
        field_titles: composed.field_titles.clone(),
    }
}

fn section(vocabulary: &Vocabulary, filled: &Filled, composed: &Composed) -> v1::ReportSection {
    let missing = filled.missing.iter().map(|id| vocabulary.register(*id).title.clone());
    v1::ReportSection {
        id: filled.section.id.clone(),
        title: filled.section.title.clone(),
        records: filled.records.iter().map(|found| record(vocabulary, found, composed)).collect(),
        not_delivered: !filled.missing.is_empty(),
        missing_registers: missing.collect(),
        withheld: filled.withheld,
    }
}

fn record(vocabulary: &Vocabulary, record: &FactRecord, composed: &Composed) -> v1::ReportRecord {
    let code = vocabulary.code(record.code);
    let (sight, as_of) = (composed.sight, composed.question.as_of);
    let shown = |field: &Field| {
        if matches!(field.kind, FieldKind::PersonId) || code.disclosure_of(field) > sight {
            return None;
        }
        let (_, value) = record.fields.iter().find(|(id, _)| *id == field.id)?;
        Some(v1::FactField {
            id: field.id.clone(),
            title: field.title.clone(),
            value: printed(field, value),
            text: printed(field, value),
            masked: false,
        })
    };
    let repaired = record.repaired_on <= as_of && shows_mark(vocabulary, Mark::Repair, sight);
    let objected = record.objections.iter().any(|(from, until)| *from <= as_of && as_of < *until);
    v1::ReportRecord {
        fact_id: record.id.0,
        title: code.title.clone(),
        occurred_on: date(record.occurred_on),
        ends_on: date(record.ends_on),
        repaired_on: if repaired { date(record.repaired_on) } else { String::new() },
        under_objection: objected && shows_mark(vocabulary, Mark::Objection, sight),
        fields: code.fields.iter().filter_map(shown).collect(),
    }
}

pub(in crate::grpc) fn summary(record: &ReportRecord) -> v1::ReportSummary {
    v1::ReportSummary {
        number: record.number.clone(),
        kind: kind(record.kind).into(),
        as_of: date(record.as_of),
        issued_at: Some(timestamp(record.issued_at)),
        valid_until: date(record.valid_until),
        issued_for: record.issued_for.clone(),
    }
}

/// What is said of a report whose number and code are right.
pub(in crate::grpc) fn verified(
    state: v1::ReportState,
    record: &ReportRecord,
    report: v1::Report,
) -> v1::VerifyReportResponse {
    v1::VerifyReportResponse {
        state: state.into(),
        kind: kind(record.kind).into(),
        enterprise: record.subject.to_string(),
        display_name: report.display_name,
        issued_at: Some(timestamp(record.issued_at)),
        valid_until: date(record.valid_until),
        as_of: date(record.as_of),
        digest: hex(&record.digest),
    }
}
