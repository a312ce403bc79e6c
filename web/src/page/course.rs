//! The tier of an enterprise over days, past or ahead: as a line and as rows.

use hengxin_proto::v1;
use jiff::Span;
use jiff::civil::Date;
use tonic::Status;

use super::points;
use crate::ask::Asking;
use crate::chart::{self, Line};
use crate::words::Language;

/// See the module.
pub(crate) struct Course {
    /// The scores as a drawing.
    pub(crate) line: Line,
    /// Every day on which something changes.
    pub(crate) events: Vec<Event>,
    /// Whether there are more days than are told.
    pub(crate) cut: bool,
}

/// A day on which something changes.
pub(crate) struct Event {
    /// The day.
    pub(crate) on: String,
    /// Score and grade of the public evaluation, then those of the industry's own where there is one.
    pub(crate) score: String,
    /// The tier.
    pub(crate) tier: u32,
    /// Its name.
    pub(crate) name: String,
    /// What begins and what ceases to count.
    pub(crate) told: String,
}

/// The years before the day an answer speaks of.
///
/// # Errors
/// What the service refuses.
pub(crate) async fn past(
    asking: &Asking,
    code: &str,
    field: &str,
    basis: &v1::Basis,
    years: i16,
) -> Result<Course, Status> {
    let to = day(basis)?;
    let from = to.checked_sub(Span::new().years(years)).unwrap_or(to);
    course(asking, code, field, basis, (from, to)).await
}

/// The months after it, when nothing new happens.
///
/// # Errors
/// What the service refuses.
pub(crate) async fn ahead(
    asking: &Asking,
    code: &str,
    field: &str,
    basis: &v1::Basis,
    months: i32,
) -> Result<Course, Status> {
    let from = day(basis)?;
    let to = from.checked_add(Span::new().months(months)).unwrap_or(from);
    course(asking, code, field, basis, (from, to)).await
}

fn day(basis: &v1::Basis) -> Result<Date, Status> {
    basis.as_of.parse().map_err(|_| Status::internal("the service gave a date that is none"))
}

async fn course(
    asking: &Asking,
    code: &str,
    field: &str,
    basis: &v1::Basis,
    (from, to): (Date, Date),
) -> Result<Course, Status> {
    let request = v1::TraceTierRequest {
        enterprise: code.to_owned(),
        field: field.to_owned(),
        from: from.to_string(),
        to: to.to_string(),
        known_at: basis.known_at,
    };
    let answer = asking.supervision().trace_tier(asking.request(request)).await?.into_inner();
    let l = asking.session.language;
    Ok(Course {
        events: answer.points.iter().filter_map(|traced| event(l, traced)).collect(),
        line: chart::line(&answer.points, &to.to_string()),
        cut: answer.cut,
    })
}

fn event(l: Language, traced: &v1::TracedTier) -> Option<Event> {
    let point = traced.point.as_ref()?;
    let begun = changes(l, &traced.begun, l.say("计入：", "counts now: "));
    let ended = changes(l, &traced.ended, l.say("不再计入：", "no longer counts: "));
    let told: Vec<String> = [begun, ended].into_iter().flatten().collect();
    let side = |score: Option<&v1::Points>, grade: Option<&v1::Grade>| {
        format!("{} {}", points(score), grade.map(|g| g.grade.as_str()).unwrap_or_default())
    };
    let public = side(point.public_score.as_ref(), point.public_grade.as_ref());
    let industry = (point.industry_score.is_some() || point.industry_grade.is_some())
        .then(|| side(point.industry_score.as_ref(), point.industry_grade.as_ref()));
    Some(Event {
        on: point.on.clone(),
        score: [Some(public), industry].into_iter().flatten().collect::<Vec<_>>().join(" / "),
        tier: point.tier,
        name: l.tier(point.tier, &point.title),
        told: told.join(l.say("；", "; ")),
    })
}

/// The titles of facts that change, each once with its number; `None` when there are none.
fn changes(l: Language, changes: &[v1::FactChange], word: &str) -> Option<String> {
    let mut titles: Vec<(&str, usize)> = Vec::new();
    for change in changes {
        let title =
            if change.title.is_empty() { l.say("（不予显示）", "(not shown)") } else { &change.title };
        match titles.iter_mut().find(|(known, _)| *known == title) {
            Some((_, n)) => *n += 1,
            None => titles.push((title, 1)),
        }
    }
    let named =
        titles.into_iter().map(|(title, n)| if n > 1 { format!("{title} × {n}") } else { title.to_owned() });
    let named: Vec<String> = named.collect();
    (!named.is_empty()).then(|| format!("{word}{}", named.join(l.say("、", ", "))))
}
