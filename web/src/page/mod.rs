//! The pages, one file each: what is asked, and how the answers are arranged for their template.

pub(crate) mod change;
mod course;
pub(crate) mod draft;
pub(crate) mod enterprise;
pub(crate) mod find;
mod outline;
pub(crate) mod overview;
pub(crate) mod quality;
mod records;
pub(crate) mod report;
pub(crate) mod sign_in;
pub(crate) mod standards;
pub(crate) mod verify;

use hengxin_proto::v1;
use tonic::{Code, Status};

use crate::ask::Asking;
use crate::frame::Part;
use crate::problem::Fault;
use crate::said;
use crate::shipped;
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
            Code::DeadlineExceeded | Code::ResourceExhausted => Ok(Share::Absent(
                l.say("暂时未能取得，请稍后再试。", "Not available at the moment; try again later.")
                    .to_owned(),
            )),
            Code::NotFound | Code::FailedPrecondition | Code::Unimplemented => {
                Ok(Share::Absent(said::line(l, &status)))
            }
            _ => Err(status),
        },
    }
}

/// Whether a refusal says that no run is loaded, so that the decisions on record are asked instead.
pub(crate) fn is_without_run(status: &Status) -> bool {
    matches!(status.code(), Code::NotFound | Code::FailedPrecondition)
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

/// What a line on the way to a score is called.
pub(crate) fn line_title(l: Language, line: &v1::ExplanationLine) -> String {
    let word = match line.kind() {
        v1::LineKind::Base => l.say("基础分", "base"),
        v1::LineKind::Clip => l.say("上下限调整", "floor or cap"),
        v1::LineKind::Weighting => l.say("权重调整", "weights"),
        v1::LineKind::Renormalised => l.say("缺项重新分配", "unknown left out"),
        v1::LineKind::ScaleClip => l.say("分值范围调整", "ends of the scale"),
        v1::LineKind::Rounding => l.say("取整", "rounding"),
        v1::LineKind::Score => l.say("得分", "score"),
        v1::LineKind::Dimension | v1::LineKind::Indicator | v1::LineKind::Unspecified => "",
    };
    match (word, line.title.as_str()) {
        ("", own) => own.to_owned(),
        (word, "") => word.to_owned(),
        (word, own) => format!("{own} · {word}"),
    }
}

/// Whether a line is a sum of those before it.
pub(crate) fn is_sum(line: &v1::ExplanationLine) -> bool {
    matches!(line.kind(), v1::LineKind::Dimension | v1::LineKind::Score)
}

/// What was measured, with its unit in the language of the page.
pub(crate) fn reading(l: Language, reading: &str) -> String {
    let units = [(" yuan", " 元"), (" days", " 天"), (" months", " 个月"), (" years", " 年")];
    match units.iter().find_map(|(english, chinese)| Some((reading.strip_suffix(english)?, *chinese))) {
        Some((figure, chinese)) if l == Language::Chinese => format!("{figure}{chinese}"),
        Some(_) | None => reading.to_owned(),
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

/// A measure with its figures.
pub(crate) fn measure(l: Language, measure: &v1::Measure) -> String {
    let mut figures = Vec::new();
    if let Some(share) = measure.sampling_basis_points {
        figures.push(format!("{}.{:02}%", share / 100, share % 100));
    }
    if measure.excluded_from_pool {
        figures.push(l.say("不列入抽查对象", "not in the pool that is drawn from").to_owned());
    }
    match (measure.inspections_min_per_year.as_str(), measure.inspections_max_per_year.as_str()) {
        ("", "") => {}
        (least, "") => figures.push(format!("≥ {least} {}", l.say("次/年", "a year"))),
        ("", most) => figures.push(format!("≤ {most} {}", l.say("次/年", "a year"))),
        (least, most) if least == most => figures.push(format!("{least} {}", l.say("次/年", "a year"))),
        (least, most) => figures.push(format!("{least}–{most} {}", l.say("次/年", "a year"))),
    }
    let figures = figures.join(l.say("，", ", "));
    if figures.is_empty() { measure.title.clone() } else { format!("{}（{figures}）", measure.title) }
}

/// A source as people read it.
pub(crate) fn source(l: Language, source: Option<&v1::Source>) -> String {
    match source {
        None => String::new(),
        Some(source) if source.document.is_empty() => {
            format!(
                "{}{}",
                l.say("本项目自定：", "the project's own: "),
                shipped::said(l, &source.project_reason)
            )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_in_the_language_of_the_page() {
        assert_eq!(reading(Language::Chinese, "2000.5 yuan"), "2000.5 元");
        assert_eq!(reading(Language::Chinese, "80%"), "80%");
        assert_eq!(reading(Language::English, "3 months"), "3 months");
    }

    #[test]
    fn what_takes_away_has_the_sign_of_print() {
        let points =
            |decimal: &str, ten_thousandths| v1::Points { decimal: decimal.to_owned(), ten_thousandths };
        assert_eq!(signed(&points("30", 300_000)), "+30");
        assert_eq!(signed(&points("-0.5", -5_000)), "−0.5");
        assert_eq!(signed(&points("0", 0)), "0");
    }
}
