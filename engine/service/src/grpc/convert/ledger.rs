//! Facts and enterprises.

use hengxin_core::date::Date;
use hengxin_core::fact::Registration;
use hengxin_core::industry::IndustryCode;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::{Disclosure, Vocabulary};
use hengxin_proto::v1;
use hengxin_store::{Conflict, ConflictKind, FactRecord};

use super::evaluation::fact_name;
use super::{date, enterprise, optional_date, timestamp};
use crate::use_case::enterprises::Enterprise;
use crate::use_case::quality::Quality;
use crate::use_case::report::printed;
use crate::use_case::search::Found;

pub(in crate::grpc) fn fact(vocabulary: &Vocabulary, record: &FactRecord) -> v1::Fact {
    let code = vocabulary.code(record.code);
    let disclosure = match code.disclosure {
        Disclosure::Public => v1::Disclosure::Public,
        Disclosure::Limited => v1::Disclosure::Limited,
        Disclosure::NotPublic => v1::Disclosure::NotPublic,
    };
    // In the order of the vocabulary, which is the order of the forms.
    let fields = code.fields.iter().filter_map(|field| {
        let (_, value) = record.fields.iter().find(|(id, _)| *id == field.id)?;
        Some(v1::FactField {
            text: printed(field, value),
            id: field.id.clone(),
            title: field.title.clone(),
            value: value.clone(),
            masked: false,
        })
    });
    v1::Fact {
        name: fact_name(record.subject, record.id),
        fact_id: record.id.0,
        code: code.id.clone(),
        title: code.title.clone(),
        occurred_on: date(record.occurred_on),
        ends_on: date(record.ends_on),
        publicity_until: date(record.publicity_until),
        repaired_on: date(record.repaired_on),
        objections: record
            .objections
            .iter()
            .map(|(from, until)| v1::ObjectionPeriod { from: date(*from), until: date(*until) })
            .collect(),
        disclosure: disclosure.into(),
        recorded_at: Some(timestamp(record.recorded_at)),
        fields: fields.collect(),
    }
}

pub(in crate::grpc) fn details(vocabulary: &Vocabulary, found: &Enterprise) -> v1::Enterprise {
    let count = |(code, count): &(_, u64)| {
        let code = vocabulary.code(*code);
        v1::FactCount { code: code.id.clone(), title: code.title.clone(), count: *count }
    };
    v1::Enterprise {
        name: enterprise(found.code),
        code: found.code.to_string(),
        display_name: found.name.clone().unwrap_or_default(),
        kind: found.code.kind().as_str().to_owned(),
        registration: found.registration.as_ref().map(|r| registration(vocabulary, r)),
        fact_counts: found.counts.iter().map(count).collect(),
        masked_codes: Vec::new(),
        conflicts: found.conflicts.iter().map(|conflict| self::conflict(found.code, conflict)).collect(),
    }
}

fn conflict(code: Uscc, conflict: &Conflict) -> v1::CodeConflict {
    let other = match &conflict.kind {
        ConflictKind::OneCodeTwoSubjects => None,
        ConflictKind::OneSubjectTwoCodes { other } if *other == code => Some(conflict.subject),
        ConflictKind::OneSubjectTwoCodes { other } => Some(*other),
    };
    v1::CodeConflict {
        other_code: other.map(|code| code.to_string()).unwrap_or_default(),
        identities: conflict.identities(),
        found_at: Some(timestamp(conflict.recorded_at)),
    }
}

pub(in crate::grpc) fn registration(vocabulary: &Vocabulary, found: &Registration) -> v1::Registration {
    let code = vocabulary.code(vocabulary.registration());
    let value = |field: &str, index: Option<u16>| {
        let (_, declared) = code.field(field)?;
        declared.values().get(usize::from(index?))
    };
    let id = |field, index| value(field, index).map(|value| value.id.clone()).unwrap_or_default();
    let title = |field, index| value(field, index).map(|value| value.title.clone()).unwrap_or_default();
    let since: Date = found.since;
    v1::Registration {
        since: date(since),
        established_on: optional_date(found.established_on),
        legal_form: id("legal_form", found.legal_form),
        size: id("size", found.size),
        status: id("status", found.status),
        legal_form_title: title("legal_form", found.legal_form),
        size_title: title("size", found.size),
        status_title: title("status", found.status),
        region: region(found.region),
        industry: industry(found.industry),
        capital_fen: found.capital,
    }
}

pub(in crate::grpc) fn found(found: &Found) -> v1::EnterpriseSummary {
    v1::EnterpriseSummary {
        name: enterprise(found.entry.code),
        code: found.entry.code.to_string(),
        display_name: found.entry.name.clone().unwrap_or_default(),
        region: region(found.region),
        industry: industry(found.industry),
        tier: found.tier.map(u32::from).unwrap_or_default(),
    }
}

pub(in crate::grpc) fn source_quality(name: &str, quality: &Quality) -> v1::SourceQuality {
    let reason = |(reason, count): &(String, u64)| v1::ReasonCount { reason: reason.clone(), count: *count };
    v1::SourceQuality {
        source: name.to_owned(),
        rows: quality.rows(),
        accepted: quality.accepted,
        duplicates: quality.duplicates,
        corrected: quality.corrected,
        quarantined: quality.quarantined,
        timely: quality.timely,
        late: quality.late,
        median_days: quality.median_days(),
        filled: quality.filled,
        fields: quality.fields,
        reasons: quality.reasons.iter().map(reason).collect(),
        open: quality.open,
    }
}

fn region(region: Option<RegionCode>) -> String {
    region.map(|r| r.to_string()).unwrap_or_default()
}

fn industry(industry: Option<IndustryCode>) -> String {
    industry.map(|i| i.to_string()).unwrap_or_default()
}
