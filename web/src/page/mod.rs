//! The pages, one file each: what is asked, and how the answers are arranged for their template.

pub(crate) mod change;
pub(crate) mod draft;
pub(crate) mod enterprise;
pub(crate) mod find;
pub(crate) mod overview;
pub(crate) mod quality;
pub(crate) mod report;
pub(crate) mod sign_in;
pub(crate) mod standards;
pub(crate) mod verify;

use hengxin_proto::v1;
use tonic::{Code, Status};

use crate::ask::Asking;
use crate::frame::Part;
use crate::problem::Fault;
use crate::when::When;
use crate::words::Language;

/// No page has this address.
pub(crate) async fn missing(asking: Asking) -> Fault {
    let status =
        Status::not_found(format!("no page `{}`", asking.here.chars().take(100).collect::<String>()));
    Fault::of(&asking, Part::Other, &When::default(), status)
}

/// What may be missing for this person or at this place: an answer, or why there is none, in words.
pub(crate) enum Share<T> {
    /// The answer.
    There(T),
    /// Why there is none.
    Absent(String),
}

/// Turns a refusal that concerns only one part of a page into words; what concerns the whole page stays a failure.
pub(crate) fn part<T>(l: Language, answer: Result<T, Status>) -> Result<Share<T>, Status> {
    match answer {
        Ok(answer) => Ok(Share::There(answer)),
        Err(status) => match status.code() {
            Code::PermissionDenied => Ok(Share::Absent(
                l.say("您的角色或用途不包括此项。", "Your role or purpose does not include this.").to_owned(),
            )),
            Code::NotFound | Code::FailedPrecondition | Code::Unimplemented => {
                Ok(Share::Absent(status.message().to_owned()))
            }
            _ => Err(status),
        },
    }
}

/// Points as people read them.
pub(crate) fn points(points: Option<&v1::Points>) -> String {
    points.map_or_else(|| "–".to_owned(), |points| points.decimal.clone())
}

/// Points with their sign: what something adds or takes.
pub(crate) fn signed(points: &v1::Points) -> String {
    if points.ten_thousandths > 0 {
        format!("+{}", points.decimal)
    } else {
        points.decimal.replace('-', "−")
    }
}

/// A grade with its title.
pub(crate) fn grade(grade: Option<&v1::Grade>) -> String {
    match grade {
        None => "–".to_owned(),
        Some(grade) if grade.title.is_empty() => grade.grade.clone(),
        Some(grade) => format!("{} {}", grade.grade, grade.title),
    }
}

/// A source as people read it.
pub(crate) fn source(l: Language, source: Option<&v1::Source>) -> String {
    match source {
        None => String::new(),
        Some(source) if source.document.is_empty() => {
            format!("{}{}", l.say("本项目自定：", "the project's own: "), source.project_reason)
        }
        Some(source) => [source.document.as_str(), &source.clause].join(" ").trim().to_owned(),
    }
}

/// How far figures can be relied on, in words.
pub(crate) fn status_of_figures(l: Language, edition: Option<&v1::EditionReference>) -> &'static str {
    match edition.map(v1::EditionReference::status) {
        Some(v1::FigureStatus::Official) => l.say("依据公布文本", "figures from the official text"),
        Some(v1::FigureStatus::Reported) => {
            l.say("依据公开报道的摘要", "figures from summaries of the official text")
        }
        Some(v1::FigureStatus::Sample) => {
            l.say("样例数值，非官方标准", "sample figures, not an official standard")
        }
        Some(v1::FigureStatus::Unspecified) | None => "",
    }
}
