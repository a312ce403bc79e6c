//! What went wrong, and what to do about it: a page like any other.

use askama::Template;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tonic::{Code, Status};

use crate::ask::Asking;
use crate::frame::{Frame, Part};
use crate::said::{Said, said};
use crate::when::When;
use crate::words::Language;

/// A page.
pub(crate) struct Page<T>(pub(crate) HeaderMap, pub(crate) T);

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        match self.1.render() {
            Ok(html) => {
                let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
                (self.0, kind, html).into_response()
            }
            Err(error) => {
                tracing::error!(target: "hengxin::web", "a page cannot be rendered: {error}");
                (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "页面无法生成 · this page cannot be made; it is in the log",
                )
                    .into_response()
            }
        }
    }
}

/// What went wrong.
pub(crate) struct Fault {
    frame: Box<Frame>,
    status: Status,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct View<'v> {
    frame: &'v Frame,
    heading: &'v str,
    advice: &'v str,
    /// What the service said, where that helps whoever reads it.
    said: Vec<Said>,
}

impl Fault {
    /// On a page of this part.
    pub(crate) fn of(asking: &Asking, part: Part, when: &When, status: Status) -> Fault {
        Fault { frame: Box::new(Frame::of(asking, part, when)), status }
    }
}

/// What a refusal is called, and what to do.
fn words(l: Language, status: &Status, known: bool) -> (&'static str, &'static str) {
    let say = |heading: (&'static str, &'static str), advice: (&'static str, &'static str)| {
        (l.say(heading.0, heading.1), l.say(advice.0, advice.1))
    };
    match status.code() {
        Code::NotFound => say(
            ("没有找到", "Not found"),
            (
                "请核对代码、编号与日期，或在“查询”中查找。",
                "Check the code, number and date, or look under Find.",
            ),
        ),
        Code::InvalidArgument | Code::OutOfRange => say(
            ("输入有误", "Something in the request is wrong"),
            ("请按下面的说明改正后重试。", "Correct it as said below, and try again."),
        ),
        Code::FailedPrecondition => say(
            ("现在无法办理", "Not possible as things are"),
            (
                "原因见下。换一个日期，或待条件具备后再试。",
                "The reason is below. Try another date, or later.",
            ),
        ),
        Code::Unauthenticated if known => say(
            ("登录已失效", "The session has ended"),
            ("请重新登录。没有任何内容被更改。", "Sign in again. Nothing was changed."),
        ),
        Code::Unauthenticated => say(
            ("请先登录", "Please sign in"),
            ("本系统只对已登记的人员开放。", "This system is open to registered callers only."),
        ),
        Code::PermissionDenied => say(
            ("没有权限", "Not permitted"),
            (
                "您的角色、地区或用途不包括此项。请更换用途，或联系系统管理员。",
                "Your role, region or purpose does not include this. Sign in for another purpose, or ask the operator.",
            ),
        ),
        Code::Aborted => say(
            ("表单已过期", "The form is out of date"),
            (
                "请返回，重新打开页面后再提交。没有任何内容被更改。",
                "Go back, load the page anew and send it again. Nothing was changed.",
            ),
        ),
        Code::AlreadyExists => say(
            ("此请求已经提交过", "This was sent before, with other content"),
            ("请重新打开表单。先前的结果没有改变。", "Open the form anew. The earlier result is unchanged."),
        ),
        Code::ResourceExhausted => say(
            ("请求过多或过大", "Too many requests, or too large"),
            ("请稍后再试，或缩小范围。", "Try again later, or ask for less."),
        ),
        Code::Unavailable | Code::DeadlineExceeded => say(
            ("服务暂时不可用", "The service is not available at the moment"),
            (
                "数据没有丢失。请稍后再试；如持续出现，请通知系统管理员。",
                "No data are lost. Try again soon; if it persists, tell the operator.",
            ),
        ),
        Code::Unimplemented => {
            say(("此处未提供该功能", "Not offered here"), ("请联系系统管理员。", "Ask the operator."))
        }
        Code::Ok | Code::Cancelled | Code::Unknown | Code::Internal | Code::DataLoss => say(
            ("系统出现错误", "Something is wrong with the system"),
            ("已记入日志，请通知系统管理员。", "It is in the log; tell the operator."),
        ),
    }
}

/// The status of the answer a browser gets.
fn http(code: Code) -> StatusCode {
    match code {
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::InvalidArgument | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::FailedPrecondition | Code::Aborted | Code::AlreadyExists => StatusCode::CONFLICT,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable | Code::DeadlineExceeded => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Ok | Code::Cancelled | Code::Unknown | Code::Internal | Code::DataLoss => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let (heading, advice) = words(self.frame.l, &self.status, self.frame.known);
        let ours = matches!(self.status.code(), Code::Internal | Code::Unknown | Code::DataLoss);
        if ours {
            tracing::error!(target: "hengxin::web", "a page failed: {}", self.status.message());
        }
        // What is wrong inside is for the log.
        let said = if ours { Vec::new() } else { said(self.frame.l, &self.status) };
        let view = View { frame: &self.frame, heading, advice, said };
        let mut response = Page(HeaderMap::new(), view).into_response();
        *response.status_mut() = http(self.status.code());
        response
    }
}
