//! Standards: the editions, each as a page with its sources, and the differences between two.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use hengxin_proto::v1;
use tonic::Status;

use super::outline::{self, Called, Told};
use super::{sign_in, source, status_of_figures};
use crate::ask::Asking;
use crate::frame::{Frame, Part};
use crate::problem::{Fault, Page};
use crate::shipped;
use crate::when::{When, encoded};
use crate::words::Language;

/// An edition in a list.
struct Listed {
    id: String,
    edition: String,
    title: String,
    authority: String,
    period: String,
    figures: &'static str,
    name: String,
    link: String,
}

#[derive(Template)]
#[template(path = "standards.html")]
struct ListView {
    frame: Frame,
    editions: Vec<Listed>,
}

async fn editions(asking: &Asking, l: Language) -> Result<Vec<Listed>, Status> {
    let mut all = Vec::new();
    let mut token = String::new();
    loop {
        let request = v1::ListStandardsRequest { page_size: 1000, page_token: token, ..Default::default() };
        let answer = asking.standards().list_standards(asking.request(request)).await?.into_inner();
        all.extend(answer.standards.into_iter().map(|standard| edition(l, standard)));
        token = answer.next_page_token;
        if token.is_empty() {
            return Ok(all);
        }
    }
}

fn edition(l: Language, standard: v1::Standard) -> Listed {
    let reference = standard.reference.unwrap_or_default();
    let to = if standard.effective_to.is_empty() { l.say("今", "now") } else { &standard.effective_to };
    Listed {
        period: format!("{} – {to}", standard.effective_from),
        figures: status_of_figures(l, Some(&reference)),
        link: format!("/standards/{}/{}", encoded(&reference.id), encoded(&reference.edition)),
        name: reference.name,
        id: reference.id,
        edition: reference.edition,
        title: reference.title,
        authority: standard.authority,
    }
}

/// All editions.
pub(crate) async fn list(asking: Asking) -> Result<impl IntoResponse, Fault> {
    let when = When::default();
    let fault = |status| Fault::of(&asking, Part::Standards, &when, status);
    sign_in::expect_known(&asking).map_err(fault)?;
    let editions = editions(&asking, asking.session.language).await.map_err(fault)?;
    Ok(Page(HeaderMap::new(), ListView { frame: Frame::of(&asking, Part::Standards, &when), editions }))
}

/// A line of an edition.
struct Row {
    depth: u32,
    kind: &'static str,
    word: &'static str,
    id: String,
    title: String,
    weight: String,
    range: String,
    details: Vec<Told>,
    source: String,
}

#[derive(Template)]
#[template(path = "standard.html")]
struct EditionView {
    frame: Frame,
    standard: v1::Standard,
    reference: v1::EditionReference,
    figures: &'static str,
    rows: Vec<Row>,
    text: String,
    subjects: Vec<String>,
    note: String,
    others: Vec<(String, String)>,
}

/// One edition.
pub(crate) async fn show(
    asking: Asking,
    Path((id, edition)): Path<(String, String)>,
) -> Result<impl IntoResponse, Fault> {
    let when = When::default();
    let view = edition_view(&asking, &id, &edition, &when).await;
    view.map(|view| Page(HeaderMap::new(), view))
        .map_err(|status| Fault::of(&asking, Part::Standards, &when, status))
}

async fn edition_view(asking: &Asking, id: &str, edition: &str, when: &When) -> Result<EditionView, Status> {
    sign_in::expect_known(asking)?;
    let l = asking.session.language;
    let name = format!("standards/{id}/editions/{edition}");
    let request = v1::GetStandardRequest { name: name.clone(), as_of: String::new() };
    let answer = asking.standards().get_standard(asking.request(request)).await?.into_inner();
    let standard = answer.standard.unwrap_or_default();
    let reference = standard.reference.clone().unwrap_or_default();
    let editions = editions(asking, l).await?;
    let standards = titles_of(&editions);
    let grades = answer.outline.iter().filter(|line| line.kind() == v1::OutlineKind::Grade);
    let grades =
        grades.filter(|line| !line.title.is_empty()).map(|line| (line.id.clone(), line.title.clone()));
    let grades = grades.collect();
    let called = Called { l, titles: &asking.setup().titles, standards: &standards, grades: &grades };
    let others = editions.into_iter().filter(|other| other.id == id && other.edition != edition);
    let others = others.map(|other| {
        let address = format!("/standards/compare?base={}&other={}", encoded(&other.name), encoded(&name));
        (other.edition, address)
    });
    Ok(EditionView {
        frame: Frame::of(asking, Part::Standards, when),
        figures: status_of_figures(l, Some(&reference)),
        rows: answer
            .outline
            .iter()
            .filter(|line| !stands_above(line))
            .map(|line| row(called, line))
            .collect(),
        text: answer.text,
        subjects: standard.subjects.iter().map(|kind| l.subject(kind).to_owned()).collect(),
        note: shipped::said(l, &standard.note),
        others: others.collect(),
        standard,
        reference,
    })
}

/// Titles of standards by id.
fn titles_of(editions: &[Listed]) -> HashMap<String, String> {
    editions.iter().map(|edition| (edition.id.clone(), edition.title.clone())).collect()
}

/// What the head of the page says already.
fn stands_above(line: &v1::OutlineLine) -> bool {
    let above = [
        "standard",
        "edition",
        "title",
        "authority",
        "legal_basis",
        "status",
        "note",
        "effective",
        "subjects",
    ];
    line.kind() == v1::OutlineKind::Setting && above.contains(&line.id.as_str())
}

fn row(called: Called<'_>, line: &v1::OutlineLine) -> Row {
    let l = called.l;
    let (kind, word) = match line.kind() {
        v1::OutlineKind::Eligibility => ("eligibility", l.say("不评价", "not evaluated")),
        v1::OutlineKind::Scale => ("scale", l.say("分值", "scale")),
        v1::OutlineKind::Dimension => ("dimension", l.say("维度", "dimension")),
        v1::OutlineKind::Indicator => ("indicator", l.say("指标", "indicator")),
        v1::OutlineKind::Grade => ("grade", l.say("等级", "grade")),
        v1::OutlineKind::Finding => ("finding", l.say("直接认定", "finding")),
        v1::OutlineKind::Setting => ("setting", l.say("设置", "setting")),
        v1::OutlineKind::Unspecified => ("", ""),
    };
    let range = match (&line.min, &line.max) {
        (None, None) => String::new(),
        (Some(min), Some(max)) => format!("{} – {}", min.decimal, max.decimal),
        (Some(min), None) => format!("≥ {}", min.decimal),
        (None, Some(max)) => format!("≤ {}", max.decimal),
    };
    let title = if line.title.is_empty() { outline::title(l, &line.id) } else { line.title.clone() };
    let mut details = outline::told(called, &line.details);
    for told in details.iter_mut().filter(|told| told.about == title) {
        told.about.clear();
    }
    Row {
        depth: line.depth.min(6),
        kind,
        word,
        id: line.id.clone(),
        title,
        weight: line.weight_basis_points.map(|w| format!("{}.{:02}%", w / 100, w % 100)).unwrap_or_default(),
        range,
        details,
        source: source(l, line.source.as_ref()),
    }
}

/// Which two.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Two {
    base: String,
    other: String,
}

#[derive(Template)]
#[template(path = "compare.html")]
struct CompareView {
    frame: Frame,
    two: Two,
    editions: Vec<Listed>,
    differences: Option<Vec<Differs>>,
}

/// One place in which two editions differ, in words and by its keys.
struct Differs {
    place: String,
    path: String,
    before: String,
    after: String,
}

impl CompareView {
    /// What an edition is called; its name where it is none of ours.
    fn title_of(&self, name: &str) -> String {
        let named = self.editions.iter().find(|edition| edition.name == name);
        named.map_or_else(|| name.to_owned(), |edition| format!("{} {}", edition.title, edition.edition))
    }
}

/// Two editions side by side.
pub(crate) async fn compare(asking: Asking, Query(two): Query<Two>) -> Result<impl IntoResponse, Fault> {
    let when = When::default();
    let fault = |status| Fault::of(&asking, Part::Standards, &when, status);
    sign_in::expect_known(&asking).map_err(fault)?;
    let editions = editions(&asking, asking.session.language).await.map_err(fault)?;
    let differences = if two.base.is_empty() || two.other.is_empty() {
        None
    } else {
        let request = v1::CompareStandardsRequest {
            base: two.base.clone(),
            other: two.other.clone(),
            ..Default::default()
        };
        let answer = asking.standards().compare_standards(asking.request(request)).await.map_err(fault)?;
        let mut named = HashMap::new();
        for name in [&two.other, &two.base] {
            let request = v1::GetStandardRequest { name: name.clone(), as_of: String::new() };
            let outline = asking.standards().get_standard(asking.request(request)).await.map_err(fault)?;
            let lines = outline.into_inner().outline.into_iter().filter(|line| !line.title.is_empty());
            named.extend(lines.map(|line| (line.id, line.title)));
        }
        let l = asking.session.language;
        let standards = titles_of(&editions);
        let called = Called { l, titles: &asking.setup().titles, standards: &standards, grades: &named };
        let side = |text: &str| outline::value(called, &shipped::said(l, text));
        let differences = answer.into_inner().differences.into_iter().map(|difference| Differs {
            place: outline::place(called, &named, &difference.path),
            before: side(&difference.before),
            after: side(&difference.after),
            path: difference.path,
        });
        Some(differences.collect())
    };
    let frame = Frame::of(&asking, Part::Standards, &when);
    Ok(Page(HeaderMap::new(), CompareView { frame, two, editions, differences }))
}
