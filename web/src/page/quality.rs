//! Data quality: how soon, how completely and how correctly each source unit delivers.

use askama::Template;
use axum::extract::Query;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use hengxin_proto::v1;

use super::sign_in;
use crate::ask::Asking;
use crate::chart::percent;
use crate::frame::{Frame, Part};
use crate::problem::{Fault, Page};
use crate::said::{Said, kept_aside};
use crate::when::When;

/// Of which days.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    from: String,
    to: String,
}

struct Row {
    source: String,
    rows: u64,
    timely: String,
    median: String,
    complete: String,
    errors: String,
    duplicates: String,
    corrected: u64,
    open: u64,
    reasons: Vec<(Said, u64)>,
}

#[derive(Template)]
#[template(path = "quality.html")]
struct View {
    frame: Frame,
    wanted: Wanted,
    timely_days: u32,
    calendar: String,
    /// First day whose facts were counted, when there were too many to count all.
    cut: String,
    rows: Vec<Row>,
}

/// The page.
pub(crate) async fn show(asking: Asking, Query(wanted): Query<Wanted>) -> Result<impl IntoResponse, Fault> {
    let when = When::default();
    let fault = |status| Fault::of(&asking, Part::Quality, &when, status);
    sign_in::expect_known(&asking).map_err(fault)?;
    let request =
        v1::SummarizeSourcesRequest { from: wanted.from.trim().to_owned(), to: wanted.to.trim().to_owned() };
    let answer =
        asking.ledger().summarize_sources(asking.request(request)).await.map_err(fault)?.into_inner();
    let l = asking.session.language;
    let rows = answer.sources.into_iter().map(|source| Row {
        timely: percent(source.timely, source.timely + source.late),
        median: source.median_days.map_or_else(|| "–".to_owned(), |days| days.to_string()),
        complete: percent(source.filled, source.fields),
        errors: percent(source.quarantined, source.rows),
        duplicates: percent(source.duplicates, source.rows),
        source: source.source,
        rows: source.rows,
        corrected: source.corrected,
        open: source.open,
        reasons: source.reasons.iter().map(|one| (kept_aside(l, &one.reason), one.count)).collect(),
    });
    let view = View {
        frame: Frame::of(&asking, Part::Quality, &when),
        wanted,
        timely_days: answer.timely_days,
        calendar: answer.calendar,
        cut: crate::when::shown(answer.counted_from.as_ref()),
        rows: rows.collect(),
    };
    Ok(Page(HeaderMap::new(), view))
}
