//! `ReportService`.

use std::sync::Arc;

use hengxin_core::date::Date;
use hengxin_proto::v1;
use hengxin_proto::v1::report_service_server::ReportService;
use hengxin_store::{Job, RequestKey};
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tonic::{Code, Request, Response, Status};

use super::admission::Sight;
use super::convert::report as convert;
use super::gate::Gate;
use super::parse::{Future, Reader, cut};
use super::refusal::fitting;
use super::status::{refuse, status};
use super::{MESSAGE_MAX, decode};
use crate::engine::Engine;
use crate::hex::hex;
use crate::page::{Filter, Listing};
use crate::problem::{Answer, Problem};
use crate::typesetter::{SettingError, Typesetter};
use crate::use_case::report::{self, Asked, PERIOD_MONTHS, Question, known_fields};

/// Most fields a report is asked for.
pub(super) const FIELDS_MAX: usize = 64;
/// Longest text of what a report is for, in characters.
const USE_LONGEST: usize = 200;
/// Longest address of the page that checks reports.
const URL_LONGEST: usize = 200;
/// Longest text that can be a number of a report.
const NUMBER_LONGEST: usize = 40;

/// See the module.
#[derive(Debug)]
pub(super) struct Reports {
    gate: Gate,
    /// `None`: no documents are set here.
    typesetter: Option<Arc<Typesetter>>,
}

impl Reports {
    pub(super) fn new(gate: Gate, typesetter: Option<Arc<Typesetter>>) -> Reports {
        Reports { gate, typesetter }
    }
}

#[tonic::async_trait]
impl ReportService for Reports {
    async fn issue_report(
        &self,
        request: Request<v1::IssueReportRequest>,
    ) -> Result<Response<v1::IssueReportResponse>, Status> {
        let session = self.gate.session::<v1::IssueReportRequest, _>(&request).await?;
        let request = request.into_inner();
        let sight = self.gate.admit_part(&session, &request).await?;
        let issued_for = session.speaks_for().to_owned();
        let issue = self.gate.run(move |engine| issue(engine, &request, sight, issued_for)).await?;
        let number = match issue {
            Issue::IssuedBefore(number) => number,
            Issue::ToIssue(job) => self.gate.write(*job).await?,
        };
        let answer = move |engine: &Engine| {
            let number = String::from_utf8_lossy(&number);
            let (_, body) = report::get(engine, &number, sight)?;
            Ok(v1::IssueReportResponse { report: Some(decode(&body, "a report")?) })
        };
        self.gate.run(answer).await.and_then(fitting)
    }

    async fn get_report(
        &self,
        request: Request<v1::GetReportRequest>,
    ) -> Result<Response<v1::GetReportResponse>, Status> {
        let (request, sight) = self.gate.admit(request).await?;
        let answer = move |engine: &Engine| {
            let (record, body) = report::get(engine, &request.number, sight)?;
            Ok(v1::GetReportResponse {
                report: Some(decode(&body, "a report")?),
                digest: hex(&record.digest),
            })
        };
        self.gate.run(answer).await.and_then(fitting)
    }

    async fn list_reports(
        &self,
        request: Request<v1::ListReportsRequest>,
    ) -> Result<Response<v1::ListReportsResponse>, Status> {
        let (request, _) = self.gate.admit(request).await?;
        self.gate.run(move |engine| list(engine, &request)).await.and_then(fitting)
    }

    async fn render_report(
        &self,
        request: Request<v1::RenderReportRequest>,
    ) -> Result<Response<v1::RenderReportResponse>, Status> {
        let (v1::RenderReportRequest { number, verify_url }, sight) = self.gate.admit(request).await?;
        if !is_address(&verify_url) {
            let expected = format!(
                "found `{}`, expected nothing or http:// or https:// and at most {URL_LONGEST} characters in all",
                cut(&verify_url)
            );
            return Err(status(&Problem::invalid("verify_url", expected)));
        }
        let (_, body) = self.gate.run(move |engine| report::get(engine, &number, sight)).await?;
        let typesetter = self.typesetter.clone();
        // Not at work on the ledger: it takes no turn there.
        let set = tokio::task::spawn_blocking(move || {
            let typesetter = typesetter.ok_or(SettingError::None)?;
            typesetter.set(&body, &verify_url)
        });
        let pdf = set.await.map_err(|_| status(&Problem::Defect))?;
        let pdf = pdf.map_err(|error| status(&Problem::NotSet(error)))?;
        if pdf.len() > MESSAGE_MAX - 1024 {
            let message = format!(
                "the document has {} bytes, a message at most {MESSAGE_MAX}: have it set by `hengxin report show`",
                pdf.len()
            );
            return Err(refuse(Code::ResourceExhausted, "ANSWER_TOO_LARGE", &message));
        }
        Ok(Response::new(v1::RenderReportResponse { pdf }))
    }

    async fn verify_report(
        &self,
        request: Request<v1::VerifyReportRequest>,
    ) -> Result<Response<v1::VerifyReportResponse>, Status> {
        let request = self.gate.admit_anybody(request).await?;
        self.gate.run(move |engine| verify(engine, &request)).await.and_then(fitting)
    }
}

/// What a request to issue comes to before anything is written.
pub(super) enum Issue {
    /// The number of a report that was issued for this request before.
    IssuedBefore(Vec<u8>),
    ToIssue(Box<Job>),
}

pub(super) fn issue(
    engine: &Engine,
    request: &v1::IssueReportRequest,
    sight: Sight,
    issued_for: String,
) -> Answer<Issue> {
    let mut reader = Reader::new(engine);
    let subject = reader.enterprise("enterprise", &request.enterprise);
    let as_of = reader.date("as_of", &request.as_of, Future::Refused);
    let known_at = reader.known_at(request.known_at);
    let asked = asked(engine, &mut reader, request, as_of);
    if request.r#use.chars().count() > USE_LONGEST || request.r#use.chars().any(char::is_control) {
        reader.refuse(
            "use",
            format!("found another text, expected at most {USE_LONGEST} characters on one line"),
        );
    }
    let id = reader.request_id(&request.request_id);
    let read = (|| Some((subject?, as_of?, known_at?, asked?, id?)))();
    let (subject, as_of, known_at, asked, id) = reader.finish(read)?;
    let key = key(id, request, &issued_for);
    // A retry is answered as before, also when a day has passed since.
    if let Some(number) = engine.snapshot(None)?.answered(&key)? {
        return Ok(Issue::IssuedBefore(number));
    }
    let question =
        Question { subject, asked, as_of, known_at, sight, issued_for, purpose: request.r#use.clone() };
    let composed = report::compose(engine, question)?;
    let vocabulary = Arc::clone(engine.ledger().vocabulary());
    let encode = move |composed: &report::Composed, stamp: &report::Stamp| {
        convert::report(&vocabulary, composed, stamp).encode_to_vec()
    };
    Ok(Issue::ToIssue(Box::new(report::job(composed, key, encode)?)))
}

/// The key of a request to issue. The same id from another department is another request, not one sent again.
fn key(id: String, request: &v1::IssueReportRequest, issued_for: &str) -> RequestKey {
    let digest = Sha256::new_with_prefix(issued_for).chain_update([0]).chain_update(request.encode_to_vec());
    RequestKey {
        id,
        method: "hengxin.v1.ReportService/IssueReport".to_owned(),
        digest: digest.finalize().into(),
    }
}

fn asked(
    engine: &Engine,
    reader: &mut Reader<'_>,
    request: &v1::IssueReportRequest,
    as_of: Option<Date>,
) -> Option<Asked> {
    let kind = v1::ReportKind::try_from(request.kind).unwrap_or(v1::ReportKind::Unspecified);
    if request.fields.len() > FIELDS_MAX {
        let found = request.fields.len();
        reader.refuse("fields", format!("found {found}, expected at most {FIELDS_MAX}"));
        return None;
    }
    if kind != v1::ReportKind::Special && !request.from.is_empty() {
        reader.refuse("from", "found a day, expected none: only a special report has a period");
        return None;
    }
    let mut fields = request.fields.clone();
    fields.sort_unstable();
    fields.dedup();
    match kind {
        v1::ReportKind::Public if !fields.is_empty() => {
            reader.refuse("fields", "found fields, expected none: a public report is of all");
            None
        }
        v1::ReportKind::Public => Some(Asked::Public),
        v1::ReportKind::Evaluation => Some(Asked::Evaluation(fields)),
        v1::ReportKind::Special => {
            let known = known_fields(engine.ledger().vocabulary());
            for (place, field) in request.fields.iter().enumerate() {
                if !known.iter().any(|(id, _)| id == field) {
                    let ids: Vec<String> = known.iter().map(|(id, _)| format!("`{id}`")).collect();
                    reader.refuse(
                        &format!("fields[{place}]"),
                        format!("found `{}`, expected one of {}", cut(field), ids.join(", ")),
                    );
                }
            }
            let from = period(reader, &request.from, as_of);
            Some(Asked::Special { fields, from: from? })
        }
        v1::ReportKind::Unspecified => {
            reader.refuse(
                "kind",
                format!(
                    "found `{}`, expected REPORT_KIND_PUBLIC, REPORT_KIND_EVALUATION or REPORT_KIND_SPECIAL",
                    request.kind
                ),
            );
            None
        }
    }
}

/// The first day of the period of a special report.
fn period(reader: &mut Reader<'_>, from: &str, as_of: Option<Date>) -> Option<Date> {
    reader.required("from", from, "the first day of the period")?;
    let from = reader.date("from", from, Future::Refused)?;
    let as_of = as_of?;
    let earliest = as_of.minus_months(PERIOD_MONTHS);
    if from < earliest {
        reader.refuse(
            "from",
            format!("found `{from}`, expected a day no earlier than {earliest}, five years before {as_of}"),
        );
        return None;
    }
    if from > as_of {
        reader.refuse(
            "from",
            format!("found `{from}`, expected a day no later than {as_of}, the day of the report"),
        );
        return None;
    }
    Some(from)
}

fn is_address(url: &str) -> bool {
    let web = url.starts_with("https://") || url.starts_with("http://");
    url.is_empty() || web && url.len() <= URL_LONGEST && url.bytes().all(|byte| byte.is_ascii_graphic())
}

fn list(engine: &Engine, request: &v1::ListReportsRequest) -> Answer<v1::ListReportsResponse> {
    let filter = Filter::of([request.parent.as_str()]);
    let mut reader = Reader::new(engine);
    let subject = reader.enterprise("parent", &request.parent);
    let page = reader.page(request.page_size, &request.page_token, Listing::Reports, &filter);
    let read = (|| Some((subject?, page?)))();
    let (subject, (size, after)) = reader.finish(read)?;
    let page = report::list(engine, subject, size, after.as_ref(), &filter)?;
    Ok(v1::ListReportsResponse {
        reports: page.rows.iter().map(convert::summary).collect(),
        next_page_token: page.next,
    })
}

pub(super) fn verify(engine: &Engine, request: &v1::VerifyReportRequest) -> Answer<v1::VerifyReportResponse> {
    // No number is longer; whoever sends one that is gets the same answer as for any other wrong one.
    let number: String = request.number.trim().chars().take(NUMBER_LONGEST).collect();
    let Some((record, body)) = report::verify(engine, &number, &request.verification_code)? else {
        let unknown = v1::ReportState::Unknown.into();
        return Ok(v1::VerifyReportResponse { state: unknown, ..v1::VerifyReportResponse::default() });
    };
    let state =
        if record.valid_until < engine.today() { v1::ReportState::Expired } else { v1::ReportState::Valid };
    Ok(convert::verified(state, &record, decode(&body, "a report")?))
}
