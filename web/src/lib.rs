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
mod session;
mod statics;
mod when;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, map_response};
use axum::response::Response;
use axum::routing::{get, post};
use hengxin_service::{Access, Local};

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
    /// Where others reach these pages, such as `https://credit.example.cn`, for the QR code of reports; empty: reports hold
    /// number and code alone.
    pub address: String,
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

/// Longest form: a draft of a standard has at most 1 MiB, and grows when it is encoded.
const FORM_MAX: usize = 4 << 20;

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
        .route("/standards/draft", get(page::draft::show).post(page::draft::attempt))
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
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .layer(map_response(guarded))
        .layer(axum::middleware::from_fn(unshared))
        .with_state(app)
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
