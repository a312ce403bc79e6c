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
use hengxin_core::tier::Tier;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::RegisterId;

use crate::dataset::Dataset;
use crate::delivered::{DeliveredOn, Standings};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::layout::Layout;
use crate::manifest::{Manifest, Shard};
use crate::moment;
use crate::relatives::Relatives;
use crate::rescore::Previous;
use crate::results::Results;
use crate::run::Shards;

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
    /// Something became known of a related subject.
    pub related: u64,
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
            ("related", self.related),
            ("deliveries", self.deliveries),
            ("carried", self.carried),
        ] {
            if n > 0 {
                *report.entry(name.to_owned()).or_default() += n;
            }
        }
    }
}

/// What a dataset and its later states have in common of their origins: all but how far they go.
fn lineage(origin: &str) -> &str {
    let ends = [", known at", " through", " from"].iter().filter_map(|word| origin.find(word));
    origin.get(..ends.min().unwrap_or(origin.len())).unwrap_or(origin)
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
        reads: &[String],
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
        // Two worlds share codes of enterprises, so that nobody would be missed.
        let (then, today) = (lineage(&run.source.origin), lineage(&dataset.manifest.origin));
        if !then.is_empty() && then != today {
            return refused(
                "over a dataset of",
                format!("`{then}`"),
                format!("an earlier state of `{today}`"),
            );
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
        // Where other facts were read, fingerprints are others, which carried lines would keep.
        let alike = run.rules == job.rules_digest() && run.reads == reads;
        let list = Manifest::deliveries_in(&run.deliveries, &dataset.vocabulary, run.known_at)?;
        Ok(Since {
            previous,
            layout: Arc::clone(layout),
            // By other rules everyone is due; the tiers before are still those of the previous run.
            incremental: incremental && alike,
            known_at: run.known_at,
            delivered: DeliveredOn::new(&list, registers, &dataset.vocabulary, run.as_of),
        })
    }

    /// The moment of the previous run, when those who are not due are carried over.
    pub fn since(&self) -> Option<Moment> {
        self.incremental.then_some(self.known_at)
    }

    /// Whether subjects that are not due are carried over.
    pub fn incremental(&self) -> bool {
        self.incremental
    }

    /// The previous run's results of the subjects that `shard` answers for: those after the shard before it, up to its
    /// own last; the last shard of a dataset answers for all that follow.
    pub(crate) fn before(&self, shards: &[Shard], place: usize) -> Before<'_> {
        let Previous { place: folder, run } = self.previous;
        let after = place.checked_sub(1).and_then(|i| shards.get(i)).map(|shard| shard.last.clone());
        let upto = shards.get(place).filter(|_| place + 1 < shards.len()).map(|shard| shard.last.clone());
        // `~` comes after every character of a code.
        let (first, last) = (after.as_deref().unwrap_or_default(), upto.as_deref().unwrap_or("~"));
        Before {
            shards: Shards::between(folder, run, Arc::clone(&self.layout), first, last),
            carried: self.layout.results(0),
            open: self.layout.results(0),
            at: 0,
            run: 0..0,
            after,
            upto,
        }
    }

    /// Who of a shard is due.
    pub(crate) fn plan(
        &self,
        dataset: &Dataset,
        job: &Job,
        place: usize,
        now: &DeliveredOn,
        relatives: Option<&Relatives>,
    ) -> Result<DuePlan> {
        let shards = &dataset.manifest.shards;
        let shard = &shards[place];
        let file = dataset.shard(shard)?;
        let mut before = self.before(shards, place);
        let mut plan = DuePlan { tiers: vec![Vec::new(); job.policies.len()], ..DuePlan::default() };
        let (mut then, mut today) = (Standings::default(), Standings::default());
        let reach = job.reach();
        let has = |subject| relatives.is_some_and(|relatives| relatives.has(subject, &reach));
        // Relatives may be registered anywhere.
        let elsewhere = !self.delivered.agrees(now);
        let since = (shard.changed_at > self.known_at).then_some(self.known_at);
        file.changes(since, job.known_at, &mut |subject, rows, changed| {
            let Some(row) = before.find(subject)? else {
                plan.due.new += 1;
                plan.fresh(subject, rows, |_| None);
                return Ok(());
            };
            let region = before.open.region[row];
            let reason = if changed {
                Some(&mut plan.due.facts)
            } else if before.open.facts_horizon[row].is_some_and(|horizon| horizon <= job.as_of) {
                Some(&mut plan.due.horizon)
            } else if relatives.is_some_and(|relatives| relatives.changed(subject, &reach)) {
                Some(&mut plan.due.related)
            } else if (elsewhere && has(subject))
                || then.of(&self.delivered, region).delivered != today.of(now, region).delivered
            {
                Some(&mut plan.due.deliveries)
            } else {
                None
            };
            if let Some(count) = reason {
                *count += 1;
                plan.fresh(subject, rows, |field| before.open.fields[field].tier[row]);
            } else {
                plan.due.carried += 1;
                plan.carried();
                before.carry(row);
            }
            Ok(())
        })?;
        plan.carried = before.finish()?;
        for tiers in &mut plan.carried.fields {
            tiers.previous.clone_from(&tiers.tier);
        }
        for row in 0..plan.carried.len() {
            let stale_on = today.of(now, plan.carried.region[row]).stale_on;
            let elsewhere = now.stale_anywhere().filter(|_| has(plan.carried.subject[row]));
            let horizon = plan.carried.facts_horizon[row].into_iter().chain(stale_on).chain(elsewhere);
            plan.carried.horizon[row] = horizon.min();
        }
        Ok(plan)
    }
}

/// The previous run's results, asked for in ascending order.
#[derive(Debug)]
pub(crate) struct Before<'r> {
    shards: Shards<'r>,
    /// The results of the shard that is being asked about.
    open: Results,
    /// The next row of it.
    at: usize,
    /// The rows of it that are to be carried over next.
    run: Range<usize>,
    /// What was carried over.
    carried: Results,
    /// Subjects up to this one are another shard's.
    after: Option<String>,
    /// So are those after this one.
    upto: Option<String>,
}

impl Before<'_> {
    /// The row of a subject in the open results; `None` when the previous run does not have it.
    ///
    /// # Errors
    /// A shard of the previous run that cannot be read; a subject of it that is gone from the dataset.
    fn find(&mut self, subject: Uscc) -> Result<Option<usize>> {
        loop {
            let Some(here) = self.open.subject.get(self.at) else {
                if self.turn()? {
                    continue;
                }
                return Ok(None);
            };
            if *here > subject {
                return Ok(None);
            }
            if *here == subject {
                self.at += 1;
                return Ok(Some(self.at - 1));
            }
            self.refuse_vanished(*here)?;
            self.at += 1;
        }
    }

    /// Opens the next shard.
    fn turn(&mut self) -> Result<bool> {
        self.keep();
        let Some(results) = self.shards.next_shard()? else { return Ok(false) };
        (self.open, self.at) = (results, 0);
        Ok(true)
    }

    /// Carries a row over, which was found last.
    fn carry(&mut self, row: usize) {
        if self.run.end != row {
            self.keep();
            self.run.start = row;
        }
        self.run.end = row + 1;
    }

    fn keep(&mut self) {
        self.carried.append(&self.open, self.run.clone());
        self.run = 0..0;
    }

    /// What was carried over; no subject may be left that nobody asked for.
    fn finish(mut self) -> Result<Results> {
        loop {
            while let Some(here) = self.open.subject.get(self.at) {
                self.refuse_vanished(*here)?;
                self.at += 1;
            }
            if !self.turn()? {
                return Ok(self.carried);
            }
        }
    }

    fn refuse_vanished(&self, subject: Uscc) -> Result<()> {
        let earlier = self.after.as_deref().is_some_and(|after| subject.as_str() <= after);
        let later = self.upto.as_deref().is_some_and(|upto| subject.as_str() > upto);
        if earlier || later {
            return Ok(());
        }
        Err(Error::Refused(format!(
            "found no facts of {subject}, whom the previous run has; expected the dataset of that run, grown further"
        )))
    }

    /// Fills in the tiers of the previous run.
    ///
    /// # Errors
    /// As [`Before::find`].
    pub(crate) fn previous_tiers(mut self, results: &mut Results) -> Result<()> {
        for row in 0..results.len() {
            if let Some(earlier) = self.find(results.subject[row])? {
                for (tiers, before) in results.fields.iter_mut().zip(&self.open.fields) {
                    tiers.previous[row] = before.tier[earlier];
                }
            }
        }
        self.finish().map(drop)
    }
}

/// What is done with the subjects of a shard, in order.
#[derive(Debug, Default)]
pub(crate) struct DuePlan {
    /// Rows of those that are evaluated.
    pub(crate) rows: Vec<Range<u64>>,
    steps: Vec<Step>,
    /// Those that are evaluated.
    subjects: Vec<Uscc>,
    /// Their tiers of the previous run, by field.
    tiers: Vec<Vec<Option<Tier>>>,
    carried: Results,
    due: Due,
}

/// So many subjects in a row are treated alike.
#[derive(Clone, Copy, Debug)]
enum Step {
    Carried(usize),
    Fresh(usize),
}

impl DuePlan {
    fn fresh(&mut self, subject: Uscc, rows: Range<u64>, tier: impl Fn(usize) -> Option<Tier>) {
        match self.rows.last_mut() {
            Some(last) if last.end == rows.start => last.end = rows.end,
            _ => self.rows.push(rows),
        }
        self.subjects.push(subject);
        for (field, tiers) in self.tiers.iter_mut().enumerate() {
            tiers.push(tier(field));
        }
        match self.steps.last_mut() {
            Some(Step::Fresh(n)) => *n += 1,
            _ => self.steps.push(Step::Fresh(1)),
        }
    }

    fn carried(&mut self) {
        match self.steps.last_mut() {
            Some(Step::Carried(n)) => *n += 1,
            _ => self.steps.push(Step::Carried(1)),
        }
    }

    /// Carried and fresh results in the order of subjects.
    pub(crate) fn merge(self, mut fresh: Results, mut results: Results) -> Result<(Results, Due)> {
        if fresh.subject != self.subjects {
            let lost = self.subjects.iter().zip(&fresh.subject).find(|(wanted, found)| wanted != found);
            let lost = lost.map(|(wanted, _)| wanted).or(self.subjects.get(fresh.len()));
            let lost = lost.map(ToString::to_string).unwrap_or_default();
            return Err(Error::Refused(format!("the facts of {lost} were read once and not a second time")));
        }
        for (tiers, previous) in fresh.fields.iter_mut().zip(self.tiers) {
            tiers.previous = previous;
        }
        results.quarantine.append(&mut fresh.quarantine);
        let (mut old, mut new) = (0, 0);
        for step in self.steps {
            match step {
                Step::Carried(n) => {
                    results.append(&self.carried, old..old + n);
                    old += n;
                }
                Step::Fresh(n) => {
                    results.append(&fresh, new..new + n);
                    new += n;
                }
            }
        }
        Ok((results, self.due))
    }
}
