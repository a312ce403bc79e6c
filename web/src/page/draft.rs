//! A draft of a standard, checked and tried on one enterprise. Nothing is published or kept.

use askama::Template;
use axum::extract::Form;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use hengxin_proto::v1;
use tonic::{Code, Status};

use super::{grade, line_title, points, reading, sign_in};
use crate::ask::Asking;
use crate::form;
use crate::frame::{Frame, Part};
use crate::problem::{Fault, Page};
use crate::said::{Said, of_draft, said};
use crate::when::When;

/// What the form brings.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Draft {
    form: String,
    text: String,
    enterprise: String,
    as_of: String,
}

/// What trying it gave.
struct Tried {
    score: String,
    grade: String,
    outcome: &'static str,
    actual: String,
    lines: Vec<(u32, String, String, String)>,
}

/// What is wrong at one place of it.
struct Wrong {
    line: u32,
    column: u32,
    said: Said,
    excerpt: String,
}

#[derive(Template)]
#[template(path = "draft.html")]
struct View {
    frame: Frame,
    draft: Draft,
    checked: Option<v1::CheckStandardResponse>,
    faults: Vec<Wrong>,
    tried: Option<Tried>,
    refused: Vec<Said>,
}

/// The empty form.
pub(crate) async fn show(mut asking: Asking) -> Result<impl IntoResponse, Fault> {
    let when = When::default();
    let mut headers = HeaderMap::new();
    sign_in::expect_known(&asking)
        .and_then(|()| form::prepare(&mut asking, &mut headers))
        .map_err(|status| Fault::of(&asking, Part::Standards, &when, status))?;
    let frame = Frame::of(&asking, Part::Standards, &when);
    Ok(Page(
        headers,
        View {
            frame,
            draft: Draft::default(),
            checked: None,
            faults: Vec::new(),
            tried: None,
            refused: Vec::new(),
        },
    ))
}

/// Checks it, and tries it when it has no faults and an enterprise is named.
pub(crate) async fn attempt(asking: Asking, Form(draft): Form<Draft>) -> Result<impl IntoResponse, Fault> {
    let when = When::default();
    let view = view(&asking, draft, &when).await;
    view.map(|view| Page(HeaderMap::new(), view))
        .map_err(|status| Fault::of(&asking, Part::Standards, &when, status))
}

async fn view(asking: &Asking, draft: Draft, when: &When) -> Result<View, Status> {
    sign_in::expect_known(asking)?;
    form::expect(asking, &draft.form)?;
    let frame = Frame::of(asking, Part::Standards, when);
    // Forms end lines as the post does; standards are written with line feeds alone.
    let text = draft.text.replace("\r\n", "\n");
    let request = v1::CheckStandardRequest { text: text.clone() };
    let checked = asking.standards().check_standard(asking.request(request)).await?.into_inner();
    let (mut tried, mut refused) = (None, Vec::new());
    if checked.acceptable && !draft.enterprise.trim().is_empty() {
        match attempt_on(asking, text, &draft).await {
            Ok(answer) => tried = Some(answer),
            Err(status)
                if matches!(
                    status.code(),
                    Code::InvalidArgument
                        | Code::NotFound
                        | Code::FailedPrecondition
                        | Code::PermissionDenied
                ) =>
            {
                refused = said(asking.session.language, &status);
            }
            Err(status) => return Err(status),
        }
    }
    let l = asking.session.language;
    let faults = checked.faults.iter().map(|fault| Wrong {
        line: fault.line,
        column: fault.column,
        said: of_draft(l, fault),
        excerpt: fault.excerpt.clone(),
    });
    Ok(View { frame, draft, faults: faults.collect(), checked: Some(checked), tried, refused })
}

async fn attempt_on(asking: &Asking, text: String, draft: &Draft) -> Result<Tried, Status> {
    let l = asking.session.language;
    let request = v1::SimulateEvaluationRequest {
        enterprise: draft.enterprise.trim().to_owned(),
        as_of: draft.as_of.trim().to_owned(),
        view: v1::EvaluationView::Full.into(),
        draft: text,
        ..Default::default()
    };
    let answer = asking.scoring().simulate_evaluation(asking.request(request)).await?.into_inner();
    let result = answer.simulated.unwrap_or_default();
    let outcome = match result.outcome() {
        v1::Outcome::Evaluated => l.say("已评价", "evaluated"),
        v1::Outcome::NotEligible => l.say("不在评价范围", "not evaluated"),
        v1::Outcome::CannotScore => l.say("已知信息不足", "too little is known"),
        v1::Outcome::Unspecified => "",
    };
    let lines = result.explanation.as_ref().map(|e| e.lines.as_slice()).unwrap_or_default();
    Ok(Tried {
        score: points(result.score.as_ref()),
        grade: grade(result.grade.as_ref()),
        outcome,
        actual: answer
            .actual
            .map(|actual| format!("{} {}", points(actual.score.as_ref()), grade(actual.grade.as_ref())))
            .unwrap_or_default(),
        lines: lines
            .iter()
            .map(|line| {
                (
                    line.depth.min(6),
                    line_title(l, line),
                    reading(l, &line.reading),
                    points(line.points.as_ref()),
                )
            })
            .collect(),
    })
}
