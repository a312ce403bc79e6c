//! Who is due: subjects of whom something became known since the previous run, whose horizon has come, or whose
//! registers are delivered otherwise than then. Everybody else is carried over.
//!
//! Why that is exact: a result is a function of the rules, the date, the known facts and whether each register counts
//! as delivered. Rules that differ make everyone due. The horizon is the first date on which the date alone changes
//! anything; before it, neither the result nor the horizon itself does. The day on which a delivery grows stale is kept
//! apart from the horizon of the facts, and is added to carried lines anew.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use hengxin_core::date::Moment;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::RegisterId;

use crate::dataset::Dataset;
use crate::delivered::{DeliveredOn, Standings};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::line::{Layout, Line};
use crate::manifest::{Manifest, Shard};
use crate::moment;
use crate::rescore::{Previous, Work};
use crate::run::Lines;

/// How many subjects of a shard were due, and why. Each counts once, under the first reason that holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Everyone: a full run, or one by other rules.
    pub all: u64,
    /// Not in the previous run.
    pub new: u64,
    /// Something became known, or ceased to be.
    pub facts: u64,
    /// The horizon has come.
    pub horizon: u64,
    /// A register is delivered that was not, or the other way round.
    pub deliveries: u64,
    /// Not due.
    pub carried: u64,
}

impl Due {
    /// Adds these to a report.
    pub fn add_to(&self, report: &mut BTreeMap<String, u64>) {
        for (name, n) in [
            ("all", self.all),
            ("new", self.new),
            ("facts", self.facts),
            ("horizon", self.horizon),
            ("deliveries", self.deliveries),
            ("carried", self.carried),
        ] {
            if n > 0 {
                *report.entry(name.to_owned()).or_default() += n;
            }
        }
    }
}

/// A previous run, as the next one sees it.
#[derive(Debug)]
pub struct Since<'p> {
    previous: &'p Previous,
    /// Its layout: that of the same standards and policies, at its editions.
    layout: Arc<Layout>,
    /// Only who is due is evaluated; otherwise everyone is, and only tiers are compared.
    incremental: bool,
    known_at: Moment,
    /// Its deliveries, on its date.
    delivered: DeliveredOn,
}

impl<'p> Since<'p> {
    /// Checks that a run can follow the previous one.
    ///
    /// # Errors
    /// A run by other rules, of a later date or moment, or with other standards or policies.
    pub fn new(
        previous: &'p Previous,
        job: &Job,
        dataset: &Dataset,
        registers: &[RegisterId],
        layout: &Arc<Layout>,
        incremental: bool,
    ) -> Result<Since<'p>> {
        let run = &previous.run;
        let refused = |what: &str, found: String, expected: String| {
            Err(Error::Refused(format!(
                "the previous run {}: {what} {found}, expected {expected}",
                previous.place.address()
            )))
        };
        if run.as_of > job.as_of {
            return refused("as of", run.as_of.to_string(), format!("{} or earlier", job.as_of));
        }
        if run.known_at > job.known_at {
            let (found, expected) = (moment::to_text(run.known_at), moment::to_text(job.known_at));
            return refused("facts known at", found, format!("{expected} or earlier"));
        }
        let names: (Vec<&str>, Vec<&str>) = (
            run.standards.iter().map(|s| s.id.as_str()).collect(),
            run.policies.iter().map(|p| p.field.as_str()).collect(),
        );
        let wanted: (Vec<&str>, Vec<&str>) = (
            job.standards.iter().map(|s| s.plan.standard.id.as_str()).collect(),
            job.policies.iter().map(|p| p.policy.field.as_str()).collect(),
        );
        if names != wanted {
            let text = |(standards, fields): &(Vec<&str>, Vec<&str>)| {
                format!("standards {} and fields {}", standards.join(", "), fields.join(", "))
            };
            return refused("with", text(&names), text(&wanted));
        }
        let same_rules = run.rules == job.rules_digest();
        let list = Manifest::deliveries_in(&run.deliveries, &dataset.vocabulary, run.known_at)?;
        Ok(Since {
            previous,
            layout: Arc::clone(layout),
            // By other rules everyone is due; the tiers before are still those of the previous run.
            incremental: incremental && same_rules,
            known_at: run.known_at,
            delivered: DeliveredOn::new(&list, registers, &dataset.vocabulary, run.as_of),
        })
    }

    /// Whether subjects that are not due are carried over.
    pub fn incremental(&self) -> bool {
        self.incremental
    }

    /// The previous run's lines over a range of subjects.
    pub fn lines(&self, first: &str, last: &str) -> Before<'_> {
        let Previous { place, run } = self.previous;
        let lines = Lines::between(place, run, Arc::clone(&self.layout), first, last);
        Before { lines, waiting: None, first: first.to_owned() }
    }

    /// Who of a shard is due.
    pub(crate) fn plan(&self, work: &Work<'_>, shard: &Shard, now: &DeliveredOn) -> Result<DuePlan> {
        let file = work.dataset.shard(shard)?;
        let mut before = self.lines(&shard.first, &shard.last);
        let mut plan = DuePlan::default();
        let (mut then, mut today) = (Standings::default(), Standings::default());
        let since = (shard.changed_at > self.known_at).then_some(self.known_at);
        file.changes(since, work.job.known_at, &mut |subject, rows, changed| {
            let Some(mut line) = before.find(subject)? else {
                plan.due.new += 1;
                plan.fresh(subject, rows, Vec::new());
                return Ok(());
            };
            let standing = today.of(now, line.region);
            let tiers = line.tiers.iter().map(|(tier, _)| *tier).collect::<Vec<_>>();
            let reason = if changed {
                Some(&mut plan.due.facts)
            } else if line.facts_horizon.is_some_and(|horizon| horizon <= work.job.as_of) {
                Some(&mut plan.due.horizon)
            } else if then.of(&self.delivered, line.region).delivered != standing.delivered {
                Some(&mut plan.due.deliveries)
            } else {
                None
            };
            if let Some(count) = reason {
                *count += 1;
                plan.fresh(subject, rows, tiers);
                return Ok(());
            }
            plan.due.carried += 1;
            for (tier, previous) in &mut line.tiers {
                *previous = *tier;
            }
            line.horizon = line.facts_horizon.into_iter().chain(standing.stale_on).min();
            plan.order.push(Step::Carried(Box::new(line)));
            Ok(())
        })?;
        Ok(plan)
    }
}

/// The previous run's lines, asked for in ascending order.
#[derive(Debug)]
pub struct Before<'r> {
    lines: Lines<'r>,
    waiting: Option<Line>,
    /// Lines before this subject belong to other shards.
    first: String,
}

impl Before<'_> {
    /// The line of a subject; `None` when the previous run does not have it.
    ///
    /// # Errors
    /// A shard of the previous run that cannot be read; a subject of it that is gone from the dataset.
    pub fn find(&mut self, subject: Uscc) -> Result<Option<Line>> {
        loop {
            let line = match self.waiting.take() {
                Some(line) => line,
                None => match self.lines.next_line()? {
                    Some(line) => line,
                    None => return Ok(None),
                },
            };
            if line.subject == subject {
                return Ok(Some(line));
            }
            if line.subject > subject {
                self.waiting = Some(line);
                return Ok(None);
            }
            if line.subject.as_str() >= self.first.as_str() {
                return Err(Error::Refused(format!(
                    "found no facts of {}, whom the previous run has; expected the dataset of that run, grown further",
                    line.subject
                )));
            }
        }
    }
}

/// Fills in the tiers of the previous run.
///
/// # Errors
/// As [`Before::find`].
pub fn previous_tiers(before: &mut Before<'_>, line: &mut Line) -> Result<()> {
    if let Some(earlier) = before.find(line.subject)? {
        for ((_, previous), (tier, _)) in line.tiers.iter_mut().zip(&earlier.tiers) {
            *previous = *tier;
        }
    }
    Ok(())
}

/// What is done with each subject of a shard, in order.
#[derive(Debug, Default)]
pub(crate) struct DuePlan {
    /// Rows of those that are evaluated.
    pub(crate) rows: Vec<Range<u64>>,
    order: Vec<Step>,
    due: Due,
}

#[derive(Debug)]
enum Step {
    Carried(Box<Line>),
    /// Evaluated; with the tiers of the previous run, if it has the subject.
    Fresh(Uscc, Vec<Option<hengxin_core::tier::Tier>>),
}

impl DuePlan {
    fn fresh(&mut self, subject: Uscc, rows: Range<u64>, tiers: Vec<Option<hengxin_core::tier::Tier>>) {
        match self.rows.last_mut() {
            Some(last) if last.end == rows.start => last.end = rows.end,
            _ => self.rows.push(rows),
        }
        self.order.push(Step::Fresh(subject, tiers));
    }

    /// Carried and fresh lines in the order of subjects.
    pub(crate) fn merge(self, fresh: Vec<Line>) -> Result<(Vec<Line>, Due)> {
        let mut fresh = fresh.into_iter();
        let lines = self.order.into_iter().map(|step| match step {
            Step::Carried(line) => Ok(*line),
            Step::Fresh(subject, tiers) => {
                let mut line = fresh.next().filter(|line| line.subject == subject).ok_or_else(|| {
                    Error::Refused(format!("the facts of {subject} were read once and not a second time"))
                })?;
                for ((_, previous), tier) in line.tiers.iter_mut().zip(tiers) {
                    *previous = tier;
                }
                Ok(line)
            }
        });
        Ok((lines.collect::<Result<Vec<Line>>>()?, self.due))
    }
}
