//! Signing in with a token, for a purpose; signing out; the language.

use askama::Template;
use axum::extract::{Form, Query};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hengxin_proto::v1;
use hengxin_service::Purpose;
use tonic::Status;

use crate::ask::Asking;
use crate::form;
use crate::frame::{Frame, Part};
use crate::problem::{Fault, Page};
use crate::said::{Said, said};
use crate::session::{Cookies, fits_cookie};
use crate::when::When;
use crate::words::Language;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct View {
    frame: Frame,
    purposes: Vec<Purpose>,
    chosen: (String, String),
    back: String,
    problem: Vec<Said>,
}

/// Where to go afterwards.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Back {
    back: String,
    to: String,
}

/// Only addresses of our own pages: a link must not lead elsewhere by way of us.
fn ours(back: &str) -> &str {
    let within = back.starts_with('/') && !back.starts_with("//") && !back.contains('\\');
    // Browsers drop tabs and line ends before they look where an address leads.
    if within && back.len() <= 2000 && back.bytes().all(|byte| byte.is_ascii_graphic()) { back } else { "/" }
}

fn see(address: &str, cookies: Cookies) -> Response {
    let mut headers = HeaderMap::new();
    cookies.into_headers(&mut headers);
    (StatusCode::SEE_OTHER, headers, [(header::LOCATION, address.to_owned())]).into_response()
}

/// The form.
pub(crate) async fn show(mut asking: Asking, Query(query): Query<Back>) -> Result<impl IntoResponse, Fault> {
    view(&mut asking, &query.back, Vec::new())
}

fn view(asking: &mut Asking, back: &str, problem: Vec<Said>) -> Result<Page<View>, Fault> {
    let mut headers = HeaderMap::new();
    form::prepare(asking, &mut headers)
        .map_err(|status| Fault::of(asking, Part::Other, &When::default(), status))?;
    let view = View {
        frame: Frame::of(asking, Part::Other, &When::default()),
        purposes: asking.setup().access.purposes(),
        chosen: (asking.session.purpose.clone(), asking.session.basis.clone()),
        back: ours(back).to_owned(),
        problem,
    };
    Ok(Page(headers, view))
}

/// What the form brings.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Entry {
    form: String,
    token: String,
    /// `purpose basis`.
    purpose: String,
    back: String,
}

/// A purpose with its basis, when it is one of those there are.
fn chosen<'p>(purposes: &'p [Purpose], text: &str) -> Option<(&'p str, &'p str)> {
    let (purpose, basis) = text.split_once(' ')?;
    let purpose = purposes.iter().find(|known| known.id == purpose)?;
    let basis = purpose.bases.iter().find(|known| *known == basis)?;
    Some((&purpose.id, basis))
}

/// Signs in: the token is tried before it is kept.
pub(crate) async fn enter(mut asking: Asking, Form(entry): Form<Entry>) -> Result<Response, Fault> {
    form::expect(&asking, &entry.form)
        .map_err(|status| Fault::of(&asking, Part::Other, &When::default(), status))?;
    let l = asking.session.language;
    let token = entry.token.trim().trim_start_matches("Bearer ").trim();
    let purposes = asking.setup().access.purposes();
    let Some((purpose, basis)) = chosen(&purposes, &entry.purpose) else {
        let problem = Said::own(l.say("请选择用途与依据。", "Choose a purpose and its basis."));
        return Ok(view(&mut asking, &entry.back, vec![problem])?.into_response());
    };
    // With a certificate no token is needed.
    let by_certificate = token.is_empty() && asking.session.token.is_empty() && asking.is_known();
    let keeps = token.is_empty() && !asking.session.token.is_empty();
    if !keeps {
        token.clone_into(&mut asking.session.token);
    }
    if !fits_cookie(&asking.session.token) {
        asking.session.token.clear();
        let problem = Said::own(l.say("这不是令牌。", "This is no token."));
        return Ok(view(&mut asking, &entry.back, vec![problem])?.into_response());
    }
    if asking.session.token.is_empty() && !by_certificate {
        let problem = Said::own(l.say("请粘贴令牌。", "Paste your token."));
        return Ok(view(&mut asking, &entry.back, vec![problem])?.into_response());
    }
    purpose.clone_into(&mut asking.session.purpose);
    basis.clone_into(&mut asking.session.basis);
    // Whoever is known may read standards.
    let tried = v1::ListStandardsRequest { page_size: 1, ..Default::default() };
    if let Err(status) = asking.standards().list_standards(asking.request(tried)).await {
        asking.session.token.clear();
        let problem = said(l, &status);
        return Ok(view(&mut asking, &entry.back, problem)?.into_response());
    }
    let cookies = Cookies::new(asking.setup().encrypted).signed_in(&asking.session.token, purpose, basis);
    Ok(see(ours(&entry.back), cookies))
}

/// Signs out.
pub(crate) async fn leave(asking: Asking, Form(entry): Form<Entry>) -> Result<Response, Fault> {
    form::expect(&asking, &entry.form)
        .map_err(|status| Fault::of(&asking, Part::Other, &When::default(), status))?;
    Ok(see("/sign-in", Cookies::new(asking.setup().encrypted).signed_out()))
}

/// Changes the language and goes back.
pub(crate) async fn language(asking: Asking, Query(query): Query<Back>) -> Response {
    see(ours(&query.back), Cookies::new(asking.setup().encrypted).language(Language::of(&query.to)))
}

/// Refuses what only somebody known may see, before anything is asked.
///
/// # Errors
/// When nobody is known.
pub(crate) fn expect_known(asking: &Asking) -> Result<(), Status> {
    if asking.is_known() { Ok(()) } else { Err(Status::unauthenticated("nobody has signed in")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_back_never_leads_elsewhere() {
        assert_eq!(ours("/find?q=a"), "/find?q=a");
        for away in
            ["https://x.example", "//x.example", "/\\x.example", "", "x", "/a\nb", "/\t/x.example", "/\u{1}"]
        {
            assert_eq!(ours(away), "/", "{away:?}");
        }
    }
}
