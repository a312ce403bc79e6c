//! The records of an enterprise, each with what it does in the field that is looked at.

use std::collections::HashMap;

use hengxin_proto::v1;
use tonic::Status;

use super::signed;
use crate::ask::Asking;
use crate::when::{When, encoded, written};
use crate::words::Language;

/// Records on one page.
const RECORDS: i32 = 100;

/// Whose records, and which of them.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Code of the enterprise.
    pub(super) code: &'a str,
    /// The field, to be kept in the address.
    pub(super) field: &'a str,
    /// Token of the page; empty for the first.
    pub(super) page: &'a str,
    /// The date and moment of the page they are on.
    pub(super) when: &'a When,
    /// What that page rests on.
    pub(super) basis: &'a v1::Basis,
}

/// A record.
pub(crate) struct Record {
    pub(crate) on: String,
    pub(crate) title: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) effects: Vec<String>,
    /// What is said when there is no effect to tell.
    pub(crate) otherwise: &'static str,
    pub(crate) counts: bool,
    pub(crate) marks: Vec<String>,
}

/// What each fact does, by its id.
#[derive(Default)]
pub(crate) struct Effects {
    pub(super) told: HashMap<u64, Vec<(String, bool)>>,
    /// First days on which facts count nowhere, as far as they are known.
    pub(super) until: HashMap<u64, String>,
    /// Whether evidence is left out, so that silence says nothing.
    pub(super) masked: bool,
}

impl Effects {
    /// Adds what a piece of evidence tells of its fact at a place.
    pub(super) fn add(&mut self, l: Language, evidence: &v1::Evidence, place: &str) {
        let text = if !evidence.counted {
            format!("{place}：{}", l.not_counted(&evidence.not_counted_reason))
        } else if let Some(points) = &evidence.points {
            format!("{place}：{}", signed(points))
        } else {
            format!("{place}：{}", l.say("计入", "counts"))
        };
        let all = self.told.entry(evidence.fact_id).or_default();
        let new = (text, evidence.counted);
        if !all.contains(&new) {
            all.push(new);
        }
    }
}

/// First days on which facts that count now count nowhere, by id.
pub(super) async fn until(
    asking: &Asking,
    code: &str,
    field: &str,
    basis: &v1::Basis,
) -> Result<HashMap<u64, String>, Status> {
    let request = v1::WhatIfRequest {
        enterprise: code.to_owned(),
        field: field.to_owned(),
        as_of: basis.as_of.clone(),
        known_at: basis.known_at,
        months: 0,
    };
    let answer = asking.supervision().what_if(asking.request(request)).await?.into_inner();
    let days = answer.records.into_iter().filter(|record| !record.counts_until.is_empty());
    Ok(days.map(|record| (record.fact_id, record.counts_until)).collect())
}

/// One page of the records, and the address of the next; empty when there is none.
///
/// # Errors
/// What the service refuses.
pub(super) async fn records(
    asking: &Asking,
    asked: &Asked<'_>,
    effects: &Effects,
) -> Result<(Vec<Record>, String), Status> {
    let Asked { code, field, page, when, basis } = *asked;
    let l = asking.session.language;
    let request = v1::ListFactsRequest {
        parent: code.to_owned(),
        known_at: basis.known_at,
        page_size: RECORDS,
        page_token: page.to_owned(),
        ..Default::default()
    };
    let answer = asking.ledger().list_facts(asking.request(request)).await?.into_inner();
    let records = answer.facts.iter().map(|fact| {
        let until = effects
            .until
            .get(&fact.fact_id)
            .map(|day| format!("{day} {}", l.say("起不再计入", "and later: counts no more")));
        let found = effects.told.get(&fact.fact_id).map(Vec::as_slice).unwrap_or_default();
        let mut marks = Vec::new();
        if !fact.repaired_on.is_empty() {
            marks.push(format!("{} {}", l.say("修复于", "repaired on"), fact.repaired_on));
        }
        for objection in &fact.objections {
            let until =
                if objection.until.is_empty() { l.say("处理中", "open") } else { &objection.until };
            marks.push(format!("{} {} → {until}", l.say("异议", "objection"), objection.from));
        }
        if !fact.publicity_until.is_empty() {
            marks.push(format!("{} {}", l.say("公示至", "public until"), fact.publicity_until));
        }
        if !fact.ends_on.is_empty() {
            marks.push(format!("{} {}", l.say("至", "until"), fact.ends_on));
        }
        Record {
            on: fact.occurred_on.clone(),
            title: fact.title.clone(),
            fields: fact
                .fields
                .iter()
                .filter(|field| field.masked || !field.value.is_empty())
                .filter(|field| field.id != "subject_code" && field.id != "subject_name")
                .map(|field| {
                    let hidden = l.say("（不予显示）", "(not shown)");
                    (field.title.clone(), if field.masked { hidden.to_owned() } else { field.text.clone() })
                })
                .collect(),
            effects: found.iter().map(|(text, _)| text.clone()).chain(until).collect(),
            otherwise: if fact.occurred_on.as_str() > basis.as_of.as_str() {
                l.say("评价日之后的记录", "after the date")
            } else if effects.masked {
                l.say("影响不予显示", "effect not shown")
            } else {
                l.say("不影响本领域的评价", "no effect in this field")
            },
            counts: found.iter().any(|(_, counts)| *counts),
            marks,
        }
    });
    let mut records: Vec<Record> = records.collect();
    let mut more = String::new();
    if answer.next_page_token.is_empty() {
        // All there are: the newest is looked for first.
        if page.is_empty() {
            records.reverse();
        }
    } else {
        let address = format!(
            "/enterprises/{}?field={}&records={}",
            encoded(code),
            encoded(field),
            encoded(&answer.next_page_token)
        );
        let pinned = When { as_of: when.as_of.clone(), known_at: written(basis.known_at.as_ref()) };
        more = format!("{}#records", pinned.on(&address));
    }
    Ok((records, more))
}
