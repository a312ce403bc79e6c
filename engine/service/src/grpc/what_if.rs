//! `TraceTier` and `WhatIf` of `SupervisionService`.

use hengxin_core::fact::FactId;
use hengxin_core::vocabulary::{CodeId, Vocabulary};
use hengxin_proto::v1;

use super::admission::Sight;
use super::convert::evaluation::grade;
use super::convert::tier::reference;
use super::convert::{date, enterprise, optional_date, points, timestamp};
use super::mask::shows;
use super::parse::{Future, Reader};
use crate::engine::Engine;
use crate::problem::Answer;
use crate::use_case::course::{Outcome, Point};
use crate::use_case::trace::{self, MONTHS_MAX};
use crate::use_case::what_if::{
    self as use_case, CountsIn, DOCUMENT_NUMBER, Fewest, MONTHS, Part, Question, Record,
};

/// Most facts told of one change.
const FACTS_MAX: usize = 50;

/// Most records told.
const TOLD: usize = 1000;

pub(super) fn trace(
    engine: &Engine,
    request: &v1::TraceTierRequest,
    sight: Sight,
) -> Answer<v1::TraceTierResponse> {
    let mut reader = Reader::new(engine);
    let subject = reader.enterprise("enterprise", &request.enterprise);
    let field = reader.required("field", &request.field, "a field of supervision");
    let known_at = reader.known_at(request.known_at);
    let mut day = |field: &str, text: &str| {
        reader.required(field, text, "a day").and_then(|text| reader.date(field, text, Future::Allowed))
    };
    let (from, to) = (day("from", &request.from), day("to", &request.to));
    if let (Some(from), Some(to)) = (from, to) {
        let last = from.months_elapsed_on(MONTHS_MAX);
        if to < from {
            reader.refuse("to", format!("found `{to}`, expected a day no earlier than `from`, {from}"));
        } else if to > last {
            let most = format!("{MONTHS_MAX} months after `from`, {last}");
            reader.refuse("to", format!("found `{to}`, expected a day no later than {most}"));
        }
    }
    let read = (|| Some((subject?, field?, from?, to?, known_at?)))();
    let (subject, field, from, to, known_at) = reader.finish(read)?;
    let present = engine.today();
    let traced = trace::trace(engine, &trace::Question { subject, field, from, to, known_at, present })?;
    let vocabulary = engine.ledger().vocabulary();
    let changes = |facts: &[(FactId, CodeId)]| {
        facts.iter().take(FACTS_MAX).map(|fact| change(vocabulary, *fact, sight)).collect()
    };
    let points = traced.days.iter().map(|day| v1::TracedTier {
        point: Some(point(&day.point)),
        begun: changes(&day.begun),
        ended: changes(&day.ended),
    });
    let basis = v1::Basis { as_of: date(to), known_at: Some(timestamp(traced.known_at)) };
    Ok(v1::TraceTierResponse { points: points.collect(), basis: Some(basis), cut: traced.cut })
}

pub(super) fn what_if(
    engine: &Engine,
    request: &v1::WhatIfRequest,
    sight: Sight,
) -> Answer<v1::WhatIfResponse> {
    let mut reader = Reader::new(engine);
    let subject = reader.enterprise("enterprise", &request.enterprise);
    let field = reader.required("field", &request.field, "a field of supervision");
    let as_of = reader.date("as_of", &request.as_of, Future::Refused);
    let known_at = reader.known_at(request.known_at);
    let months = match i32::try_from(request.months) {
        Ok(0) => Some(MONTHS),
        Ok(months) if months <= use_case::MONTHS_MAX => Some(months),
        Ok(_) | Err(_) => {
            let most = use_case::MONTHS_MAX;
            reader.refuse("months", format!("found `{}`, expected at most {most}", request.months));
            None
        }
    };
    let read = (|| Some((subject?, field?, as_of?, known_at?, months?)))();
    let (subject, field, as_of, known_at, months) = reader.finish(read)?;
    let found = use_case::what_if(engine, &Question { subject, field, as_of, known_at, months })?;
    let vocabulary = engine.ledger().vocabulary();
    let seen = |record: &&Record| shows(vocabulary, record.code, sight);
    let shown: Vec<&Record> = found.records.iter().filter(seen).collect();
    let masked = shown.len() < found.records.len();
    let (shown, left_out) = told(shown, &found.fewest);
    let id = |fact: &FactId| if shown.iter().any(|record| record.fact == *fact) { fact.0 } else { 0 };
    Ok(v1::WhatIfResponse {
        enterprise: enterprise(subject),
        field: field.to_owned(),
        policy: Some(reference(&found.policy)),
        basis: Some(v1::Basis { as_of: date(as_of), known_at: Some(timestamp(found.known_at)) }),
        present: Some(point(&found.present)),
        fewest: Some(fewest(&found.fewest, id)),
        masked,
        left_out: u64::try_from(left_out).unwrap_or(u64::MAX),
        records: shown.into_iter().map(|shown| record(vocabulary, shown, sight)).collect(),
    })
}

/// The records that are told, by day and id, and how many are not: an answer must fit into a message.
fn told<'r>(mut records: Vec<&'r Record>, fewest: &Fewest) -> (Vec<&'r Record>, usize) {
    let left_out = records.len().saturating_sub(TOLD);
    if left_out > 0 {
        let repairs: &[FactId] = match fewest {
            Fewest::Searched { found: Some((facts, _)), .. } => facts,
            Fewest::Searched { found: None, .. } | Fewest::NothingLighter => &[],
        };
        let key = |record: &&Record| (record.occurred_on, record.fact);
        records.sort_by_key(|record| {
            (!repairs.contains(&record.fact), std::cmp::Reverse((record.occurred_on, record.fact)))
        });
        records.truncate(TOLD);
        records.sort_by_key(key);
    }
    (records, left_out)
}

fn fewest(fewest: &Fewest, id: impl Fn(&FactId) -> u64) -> v1::FewestRepairs {
    let Fewest::Searched { found, every_set, tried_through, if_all_repaired } = fewest else {
        let search = v1::RepairSearch::NothingLighter.into();
        return v1::FewestRepairs { search, ..v1::FewestRepairs::default() };
    };
    let search = match (found, every_set) {
        (Some(_), _) => v1::RepairSearch::Found,
        (None, true) => v1::RepairSearch::Impossible,
        (None, false) => v1::RepairSearch::TooMany,
    };
    v1::FewestRepairs {
        search: search.into(),
        fact_ids: found.iter().flat_map(|(facts, _)| facts).map(id).collect(),
        reached: found.as_ref().map(|(_, reached)| point(reached)),
        tried_through: u32::try_from(*tried_through).unwrap_or(u32::MAX),
        if_all_repaired: Some(point(if_all_repaired)),
    }
}

fn point(of: &Point) -> v1::TierPoint {
    let side = |outcome: Option<&Outcome>| {
        let score = outcome.and_then(Outcome::score).map(points);
        (score, outcome.and_then(|outcome| Some(grade(&outcome.standard, outcome.grade()?))))
    };
    let (public_score, public_grade) = side(of.public.as_ref());
    let (industry_score, industry_grade) = side(of.industry.as_ref());
    v1::TierPoint {
        on: date(of.on),
        tier: of.tier.map(u32::from).unwrap_or_default(),
        title: of.title.clone(),
        public_score,
        public_grade,
        industry_score,
        industry_grade,
    }
}

fn change(vocabulary: &Vocabulary, (fact, code): (FactId, CodeId), sight: Sight) -> v1::FactChange {
    if !shows(vocabulary, code, sight) {
        return v1::FactChange::default();
    }
    let code = vocabulary.code(code);
    v1::FactChange { fact_id: fact.0, code: code.id.clone(), title: code.title.clone() }
}

fn record(vocabulary: &Vocabulary, record: &Record, sight: Sight) -> v1::CountingRecord {
    let code = vocabulary.code(record.code);
    let numbered = code.field(DOCUMENT_NUMBER).is_some_and(|(_, field)| code.disclosure_of(field) <= sight);
    v1::CountingRecord {
        fact_id: record.fact.0,
        code: code.id.clone(),
        title: code.title.clone(),
        occurred_on: date(record.occurred_on),
        counts_in: record.counts_in.iter().filter_map(counts_in).collect(),
        counts_until: optional_date(record.counts_until),
        repairable: record.if_repaired.is_some(),
        if_repaired: record.if_repaired.as_ref().map(point),
        document_number: if numbered { record.document_number.clone() } else { String::new() },
    }
}

fn counts_in(place: &CountsIn) -> Option<v1::CountsIn> {
    let standard = &place.standard;
    let (id, title, finding, applies) = match place.part {
        Part::Indicator(n) => {
            let indicator = standard.indicators.get(n)?;
            (&indicator.id, &indicator.title, false, false)
        }
        Part::Finding(n, applies) => {
            let finding = standard.findings.get(n)?;
            (&finding.id, &finding.title, true, applies)
        }
    };
    Some(v1::CountsIn {
        standard: format!("standards/{}/editions/{}", standard.id, standard.edition),
        id: id.clone(),
        title: title.clone(),
        effect: place.effect.map(points),
        finding,
        applies,
    })
}
