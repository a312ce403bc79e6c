//! One run of those that share a reading: what it is made with, and its manifest.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use hengxin_core::fact::Delivery;
use hengxin_core::needs::Needs;
use serde::Serialize;

use crate::dataset::Dataset;
use crate::delivered::DeliveredOn;
use crate::due::{self, Due};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::layout::Layout;
use crate::place::Place;
use crate::reader::Wanted;
use crate::relatives::{Relatives, Sight};
use crate::rescore::{Options, Order, Previous, REPORT, Report};
use crate::results::Quarantined;
use crate::run::{self, Counts, Run, RunShard, RunSource};

/// A run in the making.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    /// Its job, at the moment the dataset goes up to at most.
    pub(crate) job: Job,
    pub(crate) id: String,
    pub(crate) out: &'a Place,
    previous: Option<&'a Previous>,
    /// The columns the facts are read by, which are the same for all that share the reading.
    pub(crate) wanted: Wanted,
    reads: Vec<String>,
    pub(crate) deliveries: DeliveredOn,
    pub(crate) layout: Arc<Layout>,
    pub(crate) since: Option<due::Since<'a>>,
    /// The run, when it was finished before.
    pub(crate) finished: Option<(Run, Report)>,
}

/// A shard that is done.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    pub(crate) shard: RunShard,
    pub(crate) counts: Counts,
    pub(crate) due: Due,
    pub(crate) quarantine: Vec<Quarantined>,
    pub(crate) resumed: bool,
}

impl<'a> Target<'a> {
    /// What orders over a dataset come to.
    pub(crate) fn of(
        dataset: &Dataset,
        orders: &[Order<'a>],
        options: &Options<'_>,
    ) -> Result<Vec<Target<'a>>> {
        orders.iter().try_for_each(|order| order.job.check())?;
        let needs = orders.iter().map(|order| order.job.needs()).fold(Needs::default(), Needs::and);
        let wanted = Wanted::from(needs);
        let sight = Sight::of(orders.iter().map(|order| order.job), dataset.manifest.known_at);
        let mut reads: Vec<String> = wanted.columns().into_iter().map(str::to_owned).collect();
        reads.extend(sight.iter().flat_map(Sight::names));
        orders.iter().map(|order| Target::new(dataset, order, wanted, &reads, options)).collect()
    }

    fn new(
        dataset: &Dataset,
        order: &Order<'a>,
        wanted: Wanted,
        reads: &[String],
        options: &Options<'_>,
    ) -> Result<Target<'a>> {
        let known_at = order.job.known_at.min(dataset.manifest.known_at);
        let job = Job { known_at, ..order.job.clone() };
        let id = run::id(&job, &dataset.manifest.digest, order.previous.map(|p| p.run.id.as_str()), reads);
        let known: Vec<Delivery> = dataset.manifest.known_deliveries(&dataset.vocabulary, known_at)?;
        let registers = job.registers();
        let deliveries = DeliveredOn::new(&known, &registers, &dataset.vocabulary, job.as_of);
        let layout = Arc::new(Layout::new(&job, &dataset.vocabulary));
        let finished = finished(order.out, &id)?;
        let since = match order.previous {
            _ if finished.is_some() => None,
            Some(previous) => Some(due::Since::new(
                previous,
                &job,
                reads,
                dataset,
                &registers,
                &layout,
                options.incremental,
            )?),
            None if options.incremental => {
                return Err(Error::Refused(
                    "an incremental run needs a previous one to start from (`--since RUN`)".to_owned(),
                ));
            }
            None => None,
        };
        let (out, previous, reads) = (order.out, order.previous, reads.to_vec());
        Ok(Target { job, id, out, previous, wanted, reads, deliveries, layout, since, finished })
    }

    /// The relatives of everyone, when one of the targets looks at them.
    pub(crate) fn relatives(
        dataset: &Dataset,
        targets: &[&Target<'_>],
        threads: usize,
        options: &Options<'_>,
    ) -> Result<Option<Relatives>> {
        let Some(first) = targets.first() else { return Ok(None) };
        let Some(sight) = Sight::of(targets.iter().map(|target| &target.job), first.job.known_at) else {
            return Ok(None);
        };
        let since = targets.iter().filter_map(|target| target.since.as_ref()?.since()).min();
        Relatives::read(dataset, &sight, since, threads, options.cancelled).map(Some)
    }

    /// Counts, compares with the source, and writes the manifest.
    pub(crate) fn publish(
        &self,
        dataset: &Dataset,
        done: Vec<Finished>,
        started: Instant,
        threads: usize,
        options: &Options<'_>,
    ) -> Result<(Run, Report)> {
        let manifest = &dataset.manifest;
        let found: u64 = done.iter().map(|d| d.shard.subjects).sum();
        if found != manifest.subjects || done.len() != manifest.shards.len() {
            return Err(Error::content(
                self.out.address(),
                format!("results of {found} subjects in {} shards", done.len()),
                format!(
                    "{} subjects in {} shards, as the dataset's manifest says",
                    manifest.subjects,
                    manifest.shards.len()
                ),
            ));
        }
        let mut counts = Counts::default();
        let mut report = Report { run: self.id.clone(), threads, ..Report::default() };
        report.mode = String::from(if options.incremental { "incremental" } else { "full" });
        for one in &done {
            counts.merge(&one.counts);
            if one.resumed {
                report.shards_resumed += 1;
            } else {
                report.shards_done += 1;
            }
            one.due.add_to(&mut report.due);
        }
        let (standards, policies) = Run::heads(&self.job);
        let (format, version) = Run::format();
        let run = Run {
            format,
            version,
            id: self.id.clone(),
            as_of: self.job.as_of,
            known_at: self.job.known_at,
            source: RunSource {
                kind: "dataset".to_owned(),
                place: dataset.place.address(),
                digest: manifest.digest.clone(),
                rows: manifest.rows,
                origin: manifest.origin.clone(),
            },
            rules: self.job.rules_digest(),
            standards,
            policies,
            previous: self.previous.map(|p| p.run.id.clone()),
            deliveries: manifest
                .deliveries
                .iter()
                .filter(|d| d.recorded_at <= self.job.known_at)
                .cloned()
                .collect(),
            reads: self.reads.clone(),
            subjects: found,
            counts,
            quarantine: done.iter().flat_map(|d| d.quarantine.clone()).collect(),
            shards: done.into_iter().map(|d| d.shard).collect(),
        };
        let seconds = started.elapsed().as_secs_f64();
        report.seconds = seconds;
        report.subjects_per_second = found as f64 / seconds;
        report.rows_per_second = manifest.rows as f64 / seconds;
        if options.cancelled.load(Ordering::Relaxed) {
            // Asked to stop before anything was published: nothing is.
            return Err(Error::Cancelled);
        }
        if let Some(shard) = run.shards.first() {
            self.out.settle(&shard.file)?;
        }
        self.out.put(REPORT, to_json(&report))?;
        self.out.publish(run::NAME, to_json(&run))?;
        Ok((run, report))
    }
}

/// The run of this id, when it is finished already.
fn finished(out: &Place, id: &str) -> Result<Option<(Run, Report)>> {
    let Some(bytes) = out.read(run::NAME)? else { return Ok(None) };
    let run = Run::read(out)?;
    if run.id != id {
        let file = out.name_of(run::NAME);
        drop(bytes);
        return Err(Error::content(
            file,
            format!("the finished run {}, as of {}", &run.id[..16.min(run.id.len())], run.as_of),
            "a folder of its own for every run: choose another one",
        ));
    }
    let report = out.read(REPORT)?.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    Ok(Some((run, report)))
}

fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
