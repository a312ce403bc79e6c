//! Pages for people: the console and credit reports.
//!
//! ```text
//! browser ─ page (ask, arrange) ▶ services of hengxin.v1, from within ─▶ page ─ template ▶ HTML
//! ```
//!
//! The pages are a client of the gRPC services like any other: they ask in the name of whoever looks at them, and what
//! that person may not know they are not told. Nothing here reads the ledger or computes a point. All of it works
//! without script; a script only saves loading whole pages anew. HTML is named here and nowhere else.

mod ask;
mod chart;
mod form;
mod frame;
mod page;
mod problem;
mod qr;
mod said;
mod session;
mod shipped;
mod statics;
mod when;
mod words;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, FromRequestParts as _, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use hengxin_service::{Access, Local};
use tonic::Status;

use crate::ask::Asking;
use crate::frame::Part;
use crate::problem::Fault;
use crate::when::When;

/// What the pages are told when they are set up.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Fields of supervision, in the order they are shown.
    pub fields: Vec<Named>,
    /// Id of the public comprehensive standard, for callers who may not ask for tiers.
    pub public_standard: String,
    /// Who may ask for what, and for which purposes. The pages only offer them; the services decide.
    pub access: Arc<Access>,
    /// Whether the pages are reached through TLS, so that cookies never travel without.
    pub encrypted: bool,
    /// Whether only this machine reaches the pages: then no other name for it is answered, so that a page from elsewhere
    /// cannot pass for ours by giving its own name our address.
    pub only_here: bool,
    /// Fields a special report can be about, as records name them.
    pub report_fields: Vec<Named>,
    /// What the vocabulary calls fact codes, by id, their fields, by `code.field`, and values, by `code.field.value`.
    pub titles: HashMap<String, String>,
    /// Whether reports can be had as PDF here.
    pub documents: bool,
    /// Where others reach these pages, such as `https://credit.example.cn`, for the QR code of reports; empty: reports hold
    /// number and code alone.
    pub address: String,
}

impl Setup {
    /// What the vocabulary calls something; its id where it does not know it.
    fn title<'t>(&'t self, id: &'t str) -> &'t str {
        self.titles.get(id).map_or(id, String::as_str)
    }

    /// What a field of supervision is called; its id where nobody said.
    fn field_title<'t>(&'t self, id: &'t str) -> &'t str {
        self.fields.iter().find(|field| field.id == id).map_or(id, |field| &field.title)
    }
}

/// An id with its title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
}

/// What every page has at hand.
struct App {
    setup: Setup,
    local: Local,
}

type Shared = Arc<App>;

/// Longest form, in bytes: a token, a code, a few lines. It is read before anybody is known.
const FORM_MAX: usize = 64 << 10;

/// Longest form with a draft of a standard, in bytes: a draft has at most 1 MiB, and grows when it is encoded.
const DRAFT_MAX: usize = 4 << 20;

/// Where drafts are tried.
const DRAFT: &str = "/standards/draft";

/// How long a form may take to arrive.
const FORM_TAKES: Duration = Duration::from_secs(30);

/// What a browser may load: our own files. No inline script or style, no frame around us, no form sent elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// All pages, over the services as somebody within the process reaches them.
pub fn pages(setup: Setup, local: Local) -> Router {
    let app = Arc::new(App { setup, local });
    Router::new()
        .route("/", get(page::overview::show))
        .route("/runs", get(page::overview::runs))
        .route("/find", get(page::find::show))
        .route("/enterprises/{code}", get(page::enterprise::show))
        .route("/enterprises/{code}/change", get(page::change::show))
        .route("/standards", get(page::standards::list))
        .route("/standards/compare", get(page::standards::compare))
        .route(DRAFT, get(page::draft::show).post(page::draft::attempt))
        .route("/standards/{id}/{edition}", get(page::standards::show))
        .route("/quality", get(page::quality::show))
        .route("/reports", post(page::report::issue))
        .route("/reports/new", get(page::report::order))
        .route("/reports/{number}", get(page::report::show))
        .route("/reports/{number}/pdf", get(page::report::pdf))
        .route("/verify", get(page::verify::show))
        .route("/sign-in", get(page::sign_in::show).post(page::sign_in::enter))
        .route("/sign-out", post(page::sign_in::leave))
        .route("/language", get(page::sign_in::language))
        .route("/static/{file}", get(statics::serve))
        .fallback(page::missing)
        // `told` has read the form, as far as it may go.
        .layer(DefaultBodyLimit::disable())
        .layer(map_response(guarded))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&app), told))
        .layer(axum::middleware::from_fn(unshared))
        .with_state(app)
}

/// What the frame of the server refuses by itself, as a page like any other: addresses and forms that cannot be read, methods a
/// page does not have.
async fn told(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    if app.setup.only_here && !is_here(&app.setup, &parts.headers) {
        return (
            StatusCode::MISDIRECTED_REQUEST,
            "此地址不是本服务 · this is not the address of this service",
        )
            .into_response();
    }
    let asking = match Asking::from_request_parts(&mut parts, &app).await {
        Ok(asking) => asking,
        Err(fault) => return fault.into_response(),
    };
    let body = if parts.method == Method::POST {
        let most = if parts.uri.path() == DRAFT { DRAFT_MAX } else { FORM_MAX };
        // A form is read as a whole before anything is done with it, and for so long only.
        match tokio::time::timeout(FORM_TAKES, to_bytes(body, most)).await {
            Ok(Ok(form)) => Body::from(form),
            // A connection that was cut off is told so in vain.
            Ok(Err(_)) => return too_long(&asking, most),
            Err(_) => return late(&asking),
        }
    } else {
        // No page looks at what comes with another method, so nobody reads it.
        Body::empty()
    };
    let response = next.run(Request::from_parts(parts, body)).await;
    let kind =
        response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !response.status().is_client_error() || kind.starts_with("text/html") {
        return response;
    }
    refused(&asking, response.status())
}

/// A form that did not come to its end in time. What is left of it is not waited for.
fn late(asking: &Asking) -> Response {
    let status = Status::deadline_exceeded("the form took too long");
    let mut page = fault(asking, StatusCode::REQUEST_TIMEOUT, status);
    page.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    page
}

/// A form of more than `most` bytes.
fn too_long(asking: &Asking, most: usize) -> Response {
    let status = Status::resource_exhausted(format!("the form has more than {most} bytes"));
    fault(asking, StatusCode::PAYLOAD_TOO_LARGE, status)
}

/// The page of what never reached one.
fn refused(asking: &Asking, code: StatusCode) -> Response {
    let status = match code {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Status::not_found("no such page"),
        _ => Status::invalid_argument("the address or the form has a part that cannot be read"),
    };
    fault(asking, code, status)
}

fn fault(asking: &Asking, code: StatusCode, status: Status) -> Response {
    let mut page = Fault::of(asking, Part::Other, &When::default(), status).into_response();
    *page.status_mut() = code;
    page
}

/// Whether a request names this machine.
fn is_here(setup: &Setup, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let ours = setup
        .address
        .split_once("://")
        .map_or("", |(_, rest)| rest.split([':', '/']).next().unwrap_or_default());
    ["127.0.0.1", "::1", "localhost"].contains(&name) || (!ours.is_empty() && name.eq_ignore_ascii_case(ours))
}

/// What every answer says to the browser.
async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 4] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Pages hold what this person may see: nobody keeps them for others.
async fn unshared(request: Request, next: Next) -> Response {
    let kept = request.uri().path().starts_with("/static/");
    let mut response = next.run(request).await;
    if !kept {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_this_machine_and_of_the_console_are_answered() {
        let setup = Setup {
            fields: Vec::new(),
            public_standard: String::new(),
            access: Arc::new(Access::open()),
            encrypted: false,
            only_here: true,
            report_fields: Vec::new(),
            titles: HashMap::new(),
            documents: false,
            address: "https://credit.example.cn:8443".to_owned(),
        };
        let named = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_str(host).expect("text"));
            is_here(&setup, &headers)
        };
        for ours in ["127.0.0.1:8080", "localhost", "[::1]:8080", "Credit.Example.cn:8443"] {
            assert!(named(ours), "{ours}");
        }
        for other in ["evil.example:8080", "127.0.0.1.evil.example", "", "credit.example.cn.evil.example"] {
            assert!(!named(other), "{other}");
        }
    }
}
