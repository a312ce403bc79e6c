//! Credit reports: ordered, shown as they print, and as a document.

use askama::Template;
use axum::extract::{Form, Path, Query};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hengxin_proto::v1;
use tonic::Status;

use super::{
    grade, is_sum, line_title, measure, points, reading, sign_in, signed, source, status_of_figures,
};
use crate::Named;
use crate::ask::Asking;
use crate::form;
use crate::frame::{Frame, Part};
use crate::problem::{Fault, Page};
use crate::qr;
use crate::when::{When, encoded, shown, written};
use crate::words::Language;

/// What a kind of report is called.
pub(crate) fn kind_title(l: Language, kind: v1::ReportKind) -> &'static str {
    match kind {
        v1::ReportKind::Public => l.say("公共信用信息报告", "Public credit information report"),
        v1::ReportKind::Evaluation => l.say("信用评价报告", "Evaluation report"),
        v1::ReportKind::Special => l.say("专项信用报告", "Special credit report"),
        v1::ReportKind::Unspecified => "",
    }
}

/// For whom a report is ordered.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    enterprise: String,
    field: String,
    as_of: String,
    known_at: String,
}

/// A report issued before.
struct Earlier {
    number: String,
    kind: &'static str,
    as_of: String,
    issued: String,
    valid_until: String,
}

#[derive(Template)]
#[template(path = "report_order.html")]
struct OrderView {
    frame: Frame,
    wanted: Wanted,
    name: String,
    fields: Vec<Named>,
    report_fields: Vec<Named>,
    request_id: String,
    from: String,
    earlier: Vec<Earlier>,
}

/// The form.
pub(crate) async fn order(
    mut asking: Asking,
    Query(wanted): Query<Wanted>,
) -> Result<impl IntoResponse, Fault> {
    let when = When { as_of: wanted.as_of.clone(), known_at: wanted.known_at.clone() };
    let mut headers = HeaderMap::new();
    let view = order_view(&mut asking, wanted, &when, &mut headers).await;
    view.map(|view| Page(headers, view)).map_err(|status| Fault::of(&asking, Part::Find, &when, status))
}

async fn order_view(
    asking: &mut Asking,
    wanted: Wanted,
    when: &When,
    headers: &mut HeaderMap,
) -> Result<OrderView, Status> {
    sign_in::expect_known(asking)?;
    form::prepare(asking, headers)?;
    let l = asking.session.language;
    // By today's name, whatever day is asked for: what is wrong with that is told when the report is ordered.
    let request = v1::GetEnterpriseRequest { name: wanted.enterprise.clone(), ..Default::default() };
    let found = asking.ledger().get_enterprise(asking.request(request)).await?.into_inner();
    let today = found.basis.clone().unwrap_or_default().as_of;
    let as_of = if wanted.as_of.is_empty() { &today } else { &wanted.as_of };
    let request =
        v1::ListReportsRequest { parent: wanted.enterprise.clone(), page_size: 20, ..Default::default() };
    let earlier = asking.reports().list_reports(asking.request(request)).await;
    let earlier = match super::part(l, earlier)? {
        super::Share::There(answer) => answer.into_inner().reports,
        super::Share::Absent(_) => Vec::new(),
    };
    // Two years unless somebody says otherwise; five are the most.
    let from = as_of
        .parse::<jiff::civil::Date>()
        .ok()
        .and_then(|day| day.checked_sub(jiff::Span::new().years(2)).ok());
    Ok(OrderView {
        frame: Frame::of(asking, Part::Find, when),
        name: found.enterprise.unwrap_or_default().display_name,
        fields: asking.setup().fields.clone(),
        report_fields: asking.setup().report_fields.clone(),
        request_id: form::random()?,
        from: from.map(|day| day.to_string()).unwrap_or_default(),
        earlier: earlier
            .into_iter()
            .map(|report| Earlier {
                kind: kind_title(l, report.kind()),
                as_of: report.as_of,
                issued: shown(report.issued_at.as_ref()),
                valid_until: report.valid_until,
                number: report.number,
            })
            .collect(),
        wanted,
    })
}

/// What the form brings.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Order {
    form: String,
    request_id: String,
    enterprise: String,
    kind: String,
    as_of: String,
    known_at: String,
    field: String,
    special_field: String,
    from: String,
    purpose: String,
}

/// Issues it and shows it. The same form sent twice shows the same report.
pub(crate) async fn issue(asking: Asking, Form(order): Form<Order>) -> Result<Response, Fault> {
    let when = When { as_of: order.as_of.clone(), known_at: order.known_at.clone() };
    let number = issue_number(&asking, &order, &when).await;
    let number = number.map_err(|status| Fault::of(&asking, Part::Find, &when, status))?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, format!("/reports/{}", encoded(&number)))])
        .into_response())
}

async fn issue_number(asking: &Asking, order: &Order, when: &When) -> Result<String, Status> {
    sign_in::expect_known(asking)?;
    form::expect(asking, &order.form)?;
    let kind = match order.kind.as_str() {
        "public" => v1::ReportKind::Public,
        "evaluation" => v1::ReportKind::Evaluation,
        "special" => v1::ReportKind::Special,
        other => {
            return Err(Status::invalid_argument(format!(
                "kind: found `{}`, expected public, evaluation or special",
                other.chars().take(40).collect::<String>()
            )));
        }
    };
    let field = match kind {
        v1::ReportKind::Evaluation => &order.field,
        v1::ReportKind::Special => &order.special_field,
        v1::ReportKind::Public | v1::ReportKind::Unspecified => "",
    };
    let request = v1::IssueReportRequest {
        enterprise: order.enterprise.trim().to_owned(),
        kind: kind.into(),
        as_of: order.as_of.trim().to_owned(),
        known_at: when.known_at()?,
        fields: if field.is_empty() { Vec::new() } else { vec![field.to_owned()] },
        from: if kind == v1::ReportKind::Special { order.from.trim().to_owned() } else { String::new() },
        r#use: order.purpose.clone(),
        request_id: order.request_id.clone(),
    };
    let answer = asking.reports().issue_report(asking.request(request)).await?.into_inner();
    Ok(answer.report.unwrap_or_default().number)
}

/// A section as it prints.
struct Section {
    title: String,
    /// Whether nothing of it may be shown here.
    withheld: bool,
    /// Registers behind it that were not delivered.
    missing: String,
    records: Vec<Record>,
}

/// A record as it prints.
struct Record {
    title: String,
    on: String,
    marks: Vec<&'static str>,
    repaired_on: String,
    fields: Vec<(String, String)>,
}

/// A tier as it prints.
struct TierRow {
    field: String,
    name: String,
    tier: u32,
    policy: String,
    figures: &'static str,
    sides: Vec<Side>,
    measures: Vec<String>,
}

/// One of the two results as it prints.
struct Side {
    title: String,
    score: String,
    grade: String,
    findings: Vec<String>,
    lines: Vec<(u32, String, String, String, String)>,
}

#[derive(Template)]
#[template(path = "report.html")]
struct ReportView {
    frame: Frame,
    report: v1::Report,
    kind: &'static str,
    issued: String,
    known_at: String,
    digest: String,
    sections: Vec<Section>,
    tiers: Vec<TierRow>,
    back: String,
    check: String,
    documents: bool,
    /// What a telephone opens; number and code alone where nobody said where these pages are found.
    qr: Option<qr::Drawing>,
}

/// The report as a page that prints.
pub(crate) async fn show(asking: Asking, Path(number): Path<String>) -> Result<impl IntoResponse, Fault> {
    let when = When::default();
    let view = report_view(&asking, number, &when).await;
    view.map(|view| Page(HeaderMap::new(), view))
        .map_err(|status| Fault::of(&asking, Part::Find, &when, status))
}

async fn report_view(asking: &Asking, number: String, when: &When) -> Result<ReportView, Status> {
    sign_in::expect_known(asking)?;
    let answer =
        asking.reports().get_report(asking.request(v1::GetReportRequest { number })).await?.into_inner();
    let report = answer.report.unwrap_or_default();
    let code = report.enterprise.trim_start_matches("enterprises/").to_owned();
    Ok(ReportView {
        frame: Frame::of(asking, Part::Find, when),
        kind: kind_title(Language::Chinese, report.kind()),
        issued: shown(report.issued_at.as_ref()),
        known_at: shown(report.known_at.as_ref()),
        digest: answer.digest,
        sections: report.sections.iter().map(section).collect(),
        tiers: report.tiers.iter().map(|tier| self::tier(asking, tier)).collect(),
        back: When { as_of: report.as_of.clone(), known_at: written(report.known_at.as_ref()) }
            .on(&format!("/enterprises/{}", encoded(&code))),
        check: format!(
            "/verify?number={}&code={}",
            encoded(&report.number),
            encoded(&report.verification_code)
        ),
        documents: asking.setup().documents,
        qr: qr::draw(&checked_at(asking, &report)),
        report,
    })
}

/// What was measured, or that it is unknown.
fn read(l: Language, line: &v1::ExplanationLine) -> String {
    if line.unknown_reason.is_empty() {
        reading(l, &line.reading)
    } else {
        l.say("未知", "unknown").to_owned()
    }
}

/// What the QR code holds.
fn checked_at(asking: &Asking, report: &v1::Report) -> String {
    match asking.setup().address.as_str() {
        "" => format!("{} {}", report.number, report.verification_code),
        address => format!(
            "{address}/verify?number={}&code={}",
            encoded(&report.number),
            encoded(&report.verification_code)
        ),
    }
}

fn section(section: &v1::ReportSection) -> Section {
    let records = section.records.iter().map(|record| Record {
        title: record.title.clone(),
        on: record.occurred_on.clone(),
        marks: [(!record.repaired_on.is_empty(), "已修复"), (record.under_objection, "异议处理中")]
            .into_iter()
            .filter_map(|(holds, word)| holds.then_some(word))
            .collect(),
        repaired_on: record.repaired_on.clone(),
        fields: record
            .fields
            .iter()
            .filter(|field| field.masked || !field.value.is_empty())
            .map(|field| {
                (
                    field.title.clone(),
                    if field.masked { "（不予公开）".to_owned() } else { field.value.clone() },
                )
            })
            .collect(),
    });
    Section {
        title: section.title.clone(),
        withheld: section.withheld,
        missing: section.missing_registers.join("、"),
        records: records.collect(),
    }
}

fn tier(asking: &Asking, decision: &v1::TierDecision) -> TierRow {
    // A report is in one language, whoever looks at it.
    let l = Language::Chinese;
    let sides = [&decision.public_result, &decision.industry_result];
    TierRow {
        field: asking.setup().field_title(&decision.field).to_owned(),
        name: l.tier(decision.tier, &decision.title),
        tier: decision.tier,
        policy: decision.policy.as_ref().map(|p| format!("{} {}", p.title, p.edition)).unwrap_or_default(),
        figures: status_of_figures(l, decision.policy.as_ref()),
        sides: sides.into_iter().flatten().map(|result| side(l, result)).collect(),
        measures: decision.measures.iter().map(|one| measure(l, one)).collect(),
    }
}

fn side(l: Language, result: &v1::Evaluation) -> Side {
    let standard = result.standard.clone().unwrap_or_default();
    let lines = result.explanation.as_ref().map(|e| e.lines.as_slice()).unwrap_or_default();
    Side {
        title: format!("{} {}", standard.title, standard.edition),
        score: points(result.score.as_ref()),
        grade: grade(result.grade.as_ref()),
        findings: result
            .findings
            .iter()
            .map(|finding| format!("{} [{}]", finding.title, source(l, finding.source.as_ref())))
            .collect(),
        lines: lines
            .iter()
            .map(|line| {
                let sum = is_sum(line);
                let value = line
                    .points
                    .as_ref()
                    .map_or_else(|| "–".to_owned(), |p| if sum { p.decimal.clone() } else { signed(p) });
                let title = line_title(l, line);
                (line.depth.min(6), title, read(l, line), value, source(l, line.source.as_ref()))
            })
            .collect(),
    }
}

/// The report as a document.
pub(crate) async fn pdf(asking: Asking, Path(number): Path<String>) -> Result<Response, Fault> {
    let when = When::default();
    let fault = |status| Fault::of(&asking, Part::Find, &when, status);
    sign_in::expect_known(&asking).map_err(fault)?;
    let address = &asking.setup().address;
    let verify_url = if address.is_empty() { String::new() } else { format!("{address}/verify") };
    let request = v1::RenderReportRequest { number: number.clone(), verify_url };
    let answer = asking.reports().render_report(asking.request(request)).await.map_err(fault)?.into_inner();
    // The number is one the service knows, so that it is of plain characters.
    let headers = [
        (header::CONTENT_TYPE, "application/pdf".to_owned()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"{}.pdf\"", encoded(&number))),
    ];
    Ok((headers, answer.pdf).into_response())
}
