//! From the engine's types to messages, by hand: the one place where both are known.

pub(super) mod evaluation;
pub(super) mod ledger;
pub(super) mod model;
pub(super) mod report;
pub(super) mod run;
pub(super) mod standard;
pub(super) mod tier;

use hengxin_core::date::{Date, Moment};
use hengxin_core::number::Points;
use hengxin_core::scope::Source;
use hengxin_core::standard::Status as FigureStatus;
use hengxin_core::uscc::Uscc;
use hengxin_proto::v1;
use prost_types::Timestamp;

use super::status::{classify, status};
use crate::problem::Problem;

pub(super) fn points(points: Points) -> v1::Points {
    v1::Points { decimal: points.to_string(), ten_thousandths: points.ten_thousandths() }
}

pub(super) fn timestamp(moment: Moment) -> Timestamp {
    let micros = i32::try_from(moment.0.rem_euclid(1_000_000)).unwrap_or(0);
    Timestamp { seconds: moment.0.div_euclid(1_000_000), nanos: micros * 1000 }
}

/// A date; the empty text for no end.
pub(super) fn date(date: Date) -> String {
    if date == Date::FOREVER { String::new() } else { date.to_string() }
}

pub(super) fn optional_date(day: Option<Date>) -> String {
    day.map(date).unwrap_or_default()
}

pub(super) fn enterprise(code: Uscc) -> String {
    format!("enterprises/{code}")
}

pub(super) fn source(source: &Source) -> v1::Source {
    match source {
        Source::Cited { document, clause, url } => v1::Source {
            document: document.clone(),
            clause: clause.clone().unwrap_or_default(),
            url: url.clone().unwrap_or_default(),
            project_reason: String::new(),
        },
        Source::Project { reason } => v1::Source { project_reason: reason.clone(), ..v1::Source::default() },
    }
}

pub(super) fn figure_status(status: FigureStatus) -> i32 {
    let status = match status {
        FigureStatus::Official => v1::FigureStatus::Official,
        FigureStatus::Reported => v1::FigureStatus::Reported,
        FigureStatus::Sample => v1::FigureStatus::Sample,
    };
    status.into()
}

/// Why an item of a batch has no result.
pub(super) fn item_error(problem: &Problem) -> v1::ItemError {
    let (code, reason) = classify(problem);
    v1::ItemError {
        code: code.into(),
        reason: reason.to_owned(),
        message: status(problem).message().to_owned(),
    }
}
