//! Find: by code, name or part of a name, with filters; while one types, too.

use askama::Template;
use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use hengxin_proto::v1;

use super::{is_without_run, sign_in};
use crate::Named;
use crate::ask::Asking;
use crate::frame::{Frame, Part};
use crate::problem::{Fault, Page};
use crate::when::{When, encoded};

/// Whom to look for.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    q: String,
    field: String,
    tier: String,
    /// `None`: not asked for, so that it begins at home.
    region: Option<String>,
    industry: String,
    page: String,
    /// [`DECISIONS`] on a further page of them; else empty.
    basis: String,
    as_of: String,
    known_at: String,
}

/// Longest text that is looked for.
const LONGEST: usize = 100;

/// Says in an address that tiers are of the decisions on record: a page goes on where the one before it came from.
const DECISIONS: &str = "decisions";

struct Row {
    code: String,
    name: String,
    region: String,
    industry: String,
    tier: u32,
    link: String,
}

#[derive(Template)]
#[template(path = "find.html")]
struct View {
    frame: Frame,
    wanted: Wanted,
    fields: Vec<Named>,
    rows: Vec<Row>,
    next: String,
    region: String,
    asked: bool,
}

/// The page; a whole code leads to its enterprise at once.
pub(crate) async fn show(
    asking: Asking,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Fault> {
    let when = When { as_of: wanted.as_of.clone(), known_at: wanted.known_at.clone() };
    let typed = headers.contains_key("hx-request");
    let code = wanted.q.trim().to_ascii_uppercase();
    if code.len() == 18 && code.bytes().all(|b| b.is_ascii_alphanumeric()) {
        // A code that is wrong is told so there, with the character that does not fit.
        let address = when.on(&format!("/enterprises/{code}"));
        return Ok(if typed {
            ([("hx-redirect", address)], StatusCode::NO_CONTENT).into_response()
        } else {
            Redirect::to(&address).into_response()
        });
    }
    match view(&asking, wanted, &when).await {
        Ok(view) => Ok(Page(HeaderMap::new(), view).into_response()),
        Err(status) => Err(Fault::of(&asking, Part::Find, &when, status)),
    }
}

async fn view(asking: &Asking, wanted: Wanted, when: &When) -> Result<View, tonic::Status> {
    sign_in::expect_known(asking)?;
    let region =
        wanted.region.clone().or_else(|| asking.session.home()).unwrap_or_default().trim().to_owned();
    if wanted.q.chars().count() > LONGEST {
        return Err(tonic::Status::invalid_argument(format!(
            "q: found {} characters, expected at most {LONGEST}",
            wanted.q.chars().count()
        )));
    }
    let asked =
        [&wanted.q, &wanted.tier, &region, &wanted.industry].iter().any(|text| !text.trim().is_empty());
    let tier = match wanted.tier.trim() {
        "" => 0,
        text => text.parse().map_err(|_| {
            tonic::Status::invalid_argument(format!("tier: found `{text}`, expected a number such as 4"))
        })?,
    };
    let fields = asking.setup().fields.clone();
    let field = asking.field(&wanted.field);
    let (mut rows, mut next) = (Vec::new(), String::new());
    if asked {
        let request = |basis: v1::TierBasis| v1::SearchEnterprisesRequest {
            query: wanted.q.trim().to_owned(),
            region: region.clone(),
            industry: wanted.industry.trim().to_owned(),
            page_size: 30,
            page_token: wanted.page.clone(),
            field: field.clone(),
            tier,
            basis: basis.into(),
        };
        let mut ledger = asking.ledger();
        let mut of_run = None;
        if wanted.basis != DECISIONS {
            let answer = ledger.search_enterprises(asking.request(request(v1::TierBasis::Run))).await;
            of_run = match answer {
                Err(status) if is_without_run(&status) => None,
                other => Some(other?.into_inner()),
            };
        }
        let (answer, basis) = match of_run {
            Some(answer) => (answer, ""),
            None => {
                let request = asking.request(request(v1::TierBasis::Live));
                (ledger.search_enterprises(request).await?.into_inner(), DECISIONS)
            }
        };
        rows = answer
            .enterprises
            .into_iter()
            .map(|found| Row {
                link: when.on(&format!("/enterprises/{}?field={}", encoded(&found.code), encoded(&field))),
                code: found.code,
                name: found.display_name,
                region: found.region,
                industry: found.industry,
                tier: found.tier,
            })
            .collect();
        if !answer.next_page_token.is_empty() {
            // The region is written even when it is empty: without it a list begins at home.
            let mut address = format!(
                "/find?q={}&field={}&region={}",
                encoded(wanted.q.trim()),
                encoded(&field),
                encoded(&region)
            );
            let more = [
                ("tier", wanted.tier.as_str()),
                ("industry", &wanted.industry),
                ("basis", basis),
                ("page", &answer.next_page_token),
            ];
            for (name, value) in more {
                if !value.is_empty() {
                    address.push_str(&format!("&{name}={}", encoded(value)));
                }
            }
            next = when.on(&address);
        }
    }
    Ok(View {
        frame: Frame::of(asking, Part::Find, when),
        wanted: Wanted { field, ..wanted },
        fields,
        rows,
        next,
        region,
        asked,
    })
}
