//! The tier of one enterprise over a period: every day on which something of it changes, and because of which facts.

use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::FactId;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::CodeId;

use super::course::{Course, Evaluated, Point};
use crate::engine::Engine;
use crate::problem::Answer;

/// Most points of one trace.
pub const POINTS_MAX: usize = 400;
/// Longest period, in months.
pub const MONTHS_MAX: i32 = 120;

/// A question about a period.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Whom it is about.
    pub subject: Uscc,
    /// The field of supervision.
    pub field: &'a str,
    /// First day.
    pub from: Date,
    /// Last day.
    pub to: Date,
    /// The moment; `None`: everything recorded so far.
    pub known_at: Option<Moment>,
    /// Later days are looked ahead to: nothing new happens, and what is delivered on this day goes on being delivered.
    pub present: Date,
}

/// The answer to a [`Question`].
#[derive(Clone, Debug)]
pub struct Traced {
    /// The first day, then every day on which something changes.
    pub days: Vec<Change>,
    /// The moment it rests on.
    pub known_at: Moment,
    /// Whether there are more: then they begin after the last day told.
    pub cut: bool,
}

/// A day on which something changes.
#[derive(Clone, Debug)]
pub struct Change {
    /// What it is from then on.
    pub point: Point,
    /// Facts that count from then on, of which kind, by id; none on the first day.
    pub begun: Vec<(FactId, CodeId)>,
    /// Facts that counted until the day before, likewise.
    pub ended: Vec<(FactId, CodeId)>,
}

/// Traces, or tells the first [`POINTS_MAX`] changes.
///
/// # Errors
/// An unknown field, nobody of that code, or a failing ledger.
pub fn trace(engine: &Engine, question: &Question<'_>) -> Answer<Traced> {
    let mut course =
        Course::begin(engine, question.subject, question.field, question.known_at, question.present)?;
    let known_at = course.known_at();
    let mut days: Vec<Change> = Vec::new();
    let mut counting: Vec<FactId> = Vec::new();
    let mut next = Some(question.from);
    while let Some(on) = next.filter(|on| *on <= question.to) {
        let Evaluated { point, counting: now, horizon } = course.on(on)?;
        next = horizon;
        let same = days.last().is_some_and(|last| last.point.says_the_same(&point));
        if same && counting == now {
            continue;
        }
        if days.len() == POINTS_MAX {
            return Ok(Traced { days, known_at, cut: true });
        }
        let told = |facts: &[FactId], before: &[FactId]| -> Vec<(FactId, CodeId)> {
            let new = facts.iter().filter(|fact| before.binary_search(fact).is_err());
            new.filter_map(|fact| Some((*fact, course.code(*fact)?))).collect()
        };
        let first = days.is_empty();
        let begun = if first { Vec::new() } else { told(&now, &counting) };
        days.push(Change { point, begun, ended: told(&counting, &now) });
        counting = now;
    }
    Ok(Traced { days, known_at, cut: false })
}
