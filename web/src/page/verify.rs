//! Whether a report is genuine: for everybody who holds one.

use askama::Template;
use axum::extract::Query;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use hengxin_proto::v1;

use super::report::kind_title;
use crate::ask::Asking;
use crate::frame::{Frame, Part};
use crate::problem::{Fault, Page};
use crate::when::{When, shown};

/// What stands on the report.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    number: String,
    code: String,
}

struct Answer {
    state: v1::ReportState,
    kind: &'static str,
    enterprise: String,
    name: String,
    issued: String,
    valid_until: String,
    as_of: String,
    digest: String,
}

#[derive(Template)]
#[template(path = "verify.html")]
struct View {
    frame: Frame,
    wanted: Wanted,
    answer: Option<Answer>,
}

impl View {
    fn is_valid(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.state == v1::ReportState::Valid)
    }

    fn is_expired(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.state == v1::ReportState::Expired)
    }
}

/// The page.
pub(crate) async fn show(asking: Asking, Query(wanted): Query<Wanted>) -> Result<impl IntoResponse, Fault> {
    let when = When::default();
    let answer = if wanted.number.trim().is_empty() && wanted.code.trim().is_empty() {
        None
    } else {
        let request = v1::VerifyReportRequest {
            number: wanted.number.trim().to_owned(),
            verification_code: wanted.code.trim().to_owned(),
        };
        let answer = asking.reports().verify_report(asking.request(request)).await;
        let answer = answer.map_err(|status| Fault::of(&asking, Part::Verify, &when, status))?.into_inner();
        Some(Answer {
            state: answer.state(),
            kind: kind_title(asking.session.language, answer.kind()),
            enterprise: answer.enterprise,
            name: answer.display_name,
            issued: shown(answer.issued_at.as_ref()),
            valid_until: answer.valid_until,
            as_of: answer.as_of,
            digest: answer.digest,
        })
    };
    Ok(Page(HeaderMap::new(), View { frame: Frame::of(&asking, Part::Verify, &when), wanted, answer }))
}
