//! What would change it: every record that counts, until when, what its repair would give, the fewest repairs that reach a
//! lighter tier, and the days ahead.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use hengxin_proto::v1;
use tonic::Status;

use super::course::{self, Course};
use super::{Share, grade, part, points, sign_in, signed};
use crate::Named;
use crate::ask::Asking;
use crate::frame::{Frame, Part};
use crate::problem::{Fault, Page};
use crate::when::{When, encoded, shown};
use crate::words::Language;

/// What is looked at.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    field: String,
    as_of: String,
    known_at: String,
}

/// How far ahead it is looked.
const MONTHS: u16 = 36;

/// Score, grade and tier at one time.
struct Point {
    score: String,
    grade: String,
    tier: u32,
    name: String,
}

struct Record {
    id: u64,
    on: String,
    title: String,
    /// Number of its document; empty where none was delivered or is shown.
    number: String,
    places: Vec<String>,
    until: String,
    repaired: Option<Point>,
    lighter: bool,
}

#[derive(Template)]
#[template(path = "change.html")]
struct View {
    frame: Frame,
    code: String,
    name: String,
    fields: Vec<(Named, String, bool)>,
    back: String,
    as_of: String,
    known_at: String,
    present: Point,
    records: Vec<Record>,
    search: v1::RepairSearch,
    fewest: Vec<String>,
    reached: Option<Point>,
    if_all: Option<Point>,
    tried: u32,
    masked: bool,
    left_out: u64,
    ahead: Share<Course>,
}

impl View {
    fn nothing_lighter(&self) -> bool {
        self.search == v1::RepairSearch::NothingLighter
    }

    fn impossible(&self) -> bool {
        self.search == v1::RepairSearch::Impossible
    }

    fn too_many(&self) -> bool {
        self.search == v1::RepairSearch::TooMany
    }
}

/// The page.
pub(crate) async fn show(
    asking: Asking,
    Path(code): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<impl IntoResponse, Fault> {
    let when = When { as_of: wanted.as_of.clone(), known_at: wanted.known_at.clone() };
    let view = view(&asking, &code, &wanted, &when).await;
    view.map(|view| Page(HeaderMap::new(), view))
        .map_err(|status| Fault::of(&asking, Part::Find, &when, status))
}

async fn view(asking: &Asking, code: &str, wanted: &Wanted, when: &When) -> Result<View, Status> {
    sign_in::expect_known(asking)?;
    let l = asking.session.language;
    let fields = &asking.setup().fields;
    let field = asking.field(&wanted.field);
    let request = v1::WhatIfRequest {
        enterprise: code.to_owned(),
        field: field.clone(),
        as_of: when.as_of.clone(),
        known_at: when.known_at()?,
        months: MONTHS.into(),
    };
    let answer = asking.supervision().what_if(asking.request(request)).await?.into_inner();
    let basis = answer.basis.clone().unwrap_or_default();
    let request = v1::GetEnterpriseRequest {
        name: code.to_owned(),
        as_of: basis.as_of.clone(),
        known_at: basis.known_at,
    };
    let named = asking.ledger().get_enterprise(asking.request(request)).await;
    let named = part(l, named.map(|answer| answer.into_inner().enterprise.unwrap_or_default().display_name))?;
    let present = answer.present.clone().unwrap_or_default();
    let fewest = answer.fewest.clone().unwrap_or_default();
    let records: Vec<Record> = answer.records.iter().map(|record| arrange(l, record, present.tier)).collect();
    let told = |id: &u64| match records.iter().find(|record| record.id == *id) {
        Some(record) => format!("{} {} {}", record.on, record.title, record.number).trim_end().to_owned(),
        None => l.say("（不予显示的记录）", "(a record that is not shown)").to_owned(),
    };
    Ok(View {
        frame: Frame::of(asking, Part::Find, when),
        code: code.to_owned(),
        name: match named {
            Share::There(name) => name,
            Share::Absent(_) => String::new(),
        },
        fields: fields
            .iter()
            .map(|f| {
                let link =
                    when.on(&format!("/enterprises/{}/change?field={}", encoded(code), encoded(&f.id)));
                (f.clone(), link, f.id == field)
            })
            .collect(),
        back: when.on(&format!("/enterprises/{}?field={}", encoded(code), encoded(&field))),
        as_of: basis.as_of.clone(),
        known_at: shown(basis.known_at.as_ref()),
        present: point(l, &present),
        search: fewest.search(),
        fewest: fewest.fact_ids.iter().map(told).collect(),
        reached: fewest.reached.as_ref().map(|reached| point(l, reached)),
        if_all: fewest.if_all_repaired.as_ref().map(|all| point(l, all)),
        tried: fewest.tried_through,
        masked: answer.masked,
        left_out: answer.left_out,
        ahead: part(l, course::ahead(asking, code, &field, &basis, MONTHS.into()).await)?,
        records,
    })
}

fn point(l: Language, point: &v1::TierPoint) -> Point {
    let both = |public: String, industry: String| {
        if industry == "–" { public } else { format!("{public} / {industry}") }
    };
    Point {
        score: both(points(point.public_score.as_ref()), points(point.industry_score.as_ref())),
        grade: both(grade(point.public_grade.as_ref()), grade(point.industry_grade.as_ref())),
        tier: point.tier,
        name: l.tier(point.tier, &point.title),
    }
}

fn arrange(l: Language, record: &v1::CountingRecord, present: u32) -> Record {
    let places = record.counts_in.iter().map(|place| match &place.effect {
        Some(effect) => format!("{}：{}", place.title, signed(effect)),
        None if place.finding && place.applies => format!("{}：{}", place.title, l.say("触发", "applies")),
        None if place.finding => {
            format!("{}：{}", place.title, l.say("被查看，未触发", "looked at, does not apply"))
        }
        None => format!("{}：{}", place.title, l.say("计入", "counts")),
    });
    let mut named: Vec<String> = Vec::new();
    for place in places {
        // The same finding may stand in both standards.
        if !named.contains(&place) {
            named.push(place);
        }
    }
    Record {
        id: record.fact_id,
        on: record.occurred_on.clone(),
        title: record.title.clone(),
        number: record.document_number.clone(),
        places: named,
        until: record.counts_until.clone(),
        lighter: record.if_repaired.as_ref().is_some_and(|then| then.tier > 0 && then.tier < present),
        repaired: record.if_repaired.as_ref().map(|then| point(l, then)),
    }
}
