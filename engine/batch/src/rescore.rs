//! Runs over a dataset: every shard through the kernel on all cores, committed one by one, published when every subject is
//! accounted for.
//!
//! A shard's results are committed under a name made of everything that decides them, so that doing a shard twice is
//! harmless and a killed run goes on where it was. The manifest is written last, and only when the subjects of the
//! results are those of the dataset's manifest, each once. Several runs may share one reading of the facts, such as a draft
//! and the edition in force.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::place::Place;
use crate::relatives::Relatives;
use crate::run::{self, Run};
use crate::target::{Finished, Target};
use crate::worker::Worker;

/// How the run went.
pub const REPORT: &str = "report.json";

/// A previous run: what its lines are compared with.
#[derive(Clone, Debug)]
pub struct Previous {
    /// Where it lies.
    pub place: Place,
    /// Its manifest.
    pub run: Run,
}

/// How a run is done; none of it shows in its results.
pub struct Options<'a> {
    /// Threads; 0 for as many as the machine has processors.
    pub threads: usize,
    /// Evaluate only subjects that are due since the previous run.
    pub incremental: bool,
    /// Compare every shard's bytes with the manifest's digest before it is read.
    pub verify: bool,
    /// Asked between subjects' batches: stop?
    pub cancelled: &'a AtomicBool,
    /// Told after every shard.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("threads", &self.threads).finish_non_exhaustive()
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Subjects done.
    pub subjects: u64,
    /// Subjects in all.
    pub subjects_total: u64,
    /// Rows of the shards done.
    pub rows: u64,
    /// Rows in all.
    pub rows_total: u64,
}

/// How a run went: `report.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Id of the run.
    pub run: String,
    /// `full` or `incremental`.
    pub mode: String,
    /// Subjects by why they were evaluated; `carried` those that were not due.
    pub due: BTreeMap<String, u64>,
    /// Shards that an earlier attempt had finished.
    pub shards_resumed: u64,
    /// Shards done now.
    pub shards_done: u64,
    /// Seconds from start to publication.
    pub seconds: f64,
    /// Subjects a second.
    pub subjects_per_second: f64,
    /// Rows a second.
    pub rows_per_second: f64,
    /// Threads.
    pub threads: usize,
}

/// A run that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// What is computed.
    pub job: &'a Job,
    /// The run before, for its tiers and for who is due.
    pub previous: Option<&'a Previous>,
    /// Where the results go.
    pub out: &'a Place,
}

/// Runs a job over a dataset into `out`.
///
/// # Errors
/// Bad input by file, row and column; [`Error::Busy`]; [`Error::Cancelled`]. Nothing is published then; shards already
/// committed stay and are not done again.
pub fn rescore(
    dataset: &Dataset,
    job: &Job,
    previous: Option<&Previous>,
    out: &Place,
    options: &Options<'_>,
) -> Result<(Run, Report)> {
    let mut done = rescore_together(dataset, &[Order { job, previous, out }], options)?;
    Ok(done.pop().unwrap_or_else(|| unreachable!("one run was ordered")))
}

/// Carries out several runs, reading every shard once; they are published in their order.
///
/// # Errors
/// As [`rescore`]; jobs of different dates or moments. Runs before the one that fails are published.
pub fn rescore_together(
    dataset: &Dataset,
    orders: &[Order<'_>],
    options: &Options<'_>,
) -> Result<Vec<(Run, Report)>> {
    let started = Instant::now();
    run::check_vocabulary(&dataset.manifest.vocabulary, &dataset.vocabulary)?;
    check_together(orders)?;
    let _locks = orders.iter().map(|order| order.out.lock()).collect::<Result<Vec<_>>>()?;
    let targets = Target::of(dataset, orders, options)?;
    let open: Vec<&Target<'_>> = targets.iter().filter(|target| target.finished.is_none()).collect();
    let shards = &dataset.manifest.shards;
    let mut done: Vec<Vec<Finished>> = vec![Vec::with_capacity(shards.len()); open.len()];
    if !open.is_empty() {
        let relatives = Target::relatives(dataset, &open, threads(options), options)?;
        for shard in all_shards(dataset, &open, relatives.as_ref(), options)? {
            for (done, shard) in done.iter_mut().zip(shard) {
                done.push(shard);
            }
        }
    }
    let threads = threads(options);
    let mut done = done.into_iter();
    let mut results = Vec::with_capacity(targets.len());
    for target in &targets {
        results.push(match &target.finished {
            Some(run) => run.clone(),
            None => target.publish(dataset, done.next().unwrap_or_default(), started, threads, options)?,
        });
    }
    Ok(results)
}

/// Runs that share a reading are cut alike.
fn check_together(orders: &[Order<'_>]) -> Result<()> {
    let Some((first, others)) = orders.split_first() else { return Ok(()) };
    let cut = |order: &Order<'_>| (order.job.as_of, order.job.known_at);
    if let Some(other) = others.iter().find(|other| cut(other) != cut(first)) {
        return Err(Error::Refused(format!(
            "found runs as of {} and {}, expected one date and one moment of those that share a reading",
            first.job.as_of, other.job.as_of
        )));
    }
    let mut places: Vec<String> = orders.iter().map(|order| order.out.address()).collect();
    places.sort_unstable();
    if let Some([place, ..]) = places.windows(2).find(|pair| pair.first() == pair.last()) {
        return Err(Error::Refused(format!(
            "found two runs into {place}, expected a place of its own for each"
        )));
    }
    Ok(())
}

fn threads(options: &Options<'_>) -> usize {
    match options.threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        n => n,
    }
}

struct State {
    done: Vec<Option<Vec<Finished>>>,
    error: Option<Error>,
    progress: Progress,
}

/// Every shard, with what it gave each target, in the order of the dataset.
fn all_shards(
    dataset: &Dataset,
    targets: &[&Target<'_>],
    relatives: Option<&Relatives>,
    options: &Options<'_>,
) -> Result<Vec<Vec<Finished>>> {
    let shards = &dataset.manifest.shards;
    // The longest first: what is left at the end is short.
    let mut order: Vec<usize> = (0..shards.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(shards[*i].rows));
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let state = Mutex::new(State {
        done: vec![None; shards.len()],
        error: None,
        progress: Progress {
            subjects: 0,
            subjects_total: dataset.manifest.subjects,
            rows: 0,
            rows_total: dataset.manifest.rows,
        },
    });
    std::thread::scope(|scope| {
        for _ in 0..threads(options).min(shards.len()).max(1) {
            scope.spawn(|| {
                let mut worker = Worker::new(dataset, targets, relatives);
                while let Some(place) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let stop = options.cancelled.load(Ordering::Relaxed);
                    let result = if stop { Err(Error::Cancelled) } else { worker.shard(*place, options) };
                    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                    match result {
                        Ok(done) => {
                            state.progress.subjects += shards[*place].subjects;
                            state.progress.rows += shards[*place].rows;
                            state.done[*place] = Some(done);
                            (options.progress)(state.progress);
                        }
                        Err(error) => {
                            failed.store(true, Ordering::Relaxed);
                            state.error.get_or_insert(error);
                        }
                    }
                    if failed.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
        }
    });
    let state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    match state.error {
        Some(error) => Err(error),
        None => Ok(state.done.into_iter().flatten().collect()),
    }
}
