//! A run over a dataset: every shard through the kernel on all cores, committed one by one, published when every subject
//! is accounted for.
//!
//! A shard's results are committed under a name made of everything that decides them, so that doing a shard twice is
//! harmless and a killed run goes on where it was. The manifest is written last, and only when the subjects of the
//! results are those of the dataset's manifest, each once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hengxin_core::fact::Delivery;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::KeyValue;
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::delivered::DeliveredOn;
use crate::digest::{sha256, sha256_of};
use crate::due::{self, Due};
use crate::error::{Error, Result};
use crate::evaluator::Evaluator;
use crate::job::Job;
use crate::layout::Layout;
use crate::manifest::Shard;
use crate::place::Place;
use crate::reader::{ClassBook, Wanted};
use crate::results::Results;
use crate::run::{self, Counts, Run, RunShard, RunSource};

/// Where the counts of a shard stand in its file, so that a resumed run need not read its lines.
const COUNTS_KEY: &str = "hengxin.counts";
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
    let started = Instant::now();
    job.check()?;
    run::check_vocabulary(&dataset.manifest.vocabulary, &dataset.vocabulary)?;
    let _lock = out.lock()?;
    let known_at = job.known_at.min(dataset.manifest.known_at);
    let job = &Job { known_at, ..job.clone() };
    let id = run::id(job, &dataset.manifest.digest, previous.map(|p| p.run.id.as_str()));
    if let Some(done) = finished(out, &id)? {
        return Ok(done);
    }
    let known: Vec<Delivery> = dataset.manifest.known_deliveries(&dataset.vocabulary, known_at)?;
    let registers = job.registers();
    let deliveries = DeliveredOn::new(&known, &registers, &dataset.vocabulary, job.as_of);
    let layout = Arc::new(Layout::new(job, &dataset.vocabulary));
    let since = match previous {
        Some(previous) => {
            Some(due::Since::new(previous, job, dataset, &registers, &layout, options.incremental)?)
        }
        None if options.incremental => {
            return Err(Error::Refused(
                "an incremental run needs a previous one to start from (`--since RUN`)".to_owned(),
            ));
        }
        None => None,
    };
    let work =
        Work { dataset, job, deliveries: &deliveries, layout: &layout, since: since.as_ref(), out, id: &id };
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
    let threads = match options.threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        n => n,
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.min(shards.len()).max(1) {
            scope.spawn(|| {
                let mut worker = Worker::new(&work);
                while let Some(place) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let stop = options.cancelled.load(Ordering::Relaxed);
                    let result = if stop { Err(Error::Cancelled) } else { worker.shard(*place, options) };
                    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                    match result {
                        Ok(done) => {
                            state.progress.subjects += done.shard.subjects;
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
    if let Some(error) = state.error {
        return Err(error);
    }
    let done: Vec<Done> = state.done.into_iter().flatten().collect();
    publish(&work, previous, done, started, threads, options)
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

/// Counts, compares with the source, and writes the manifest.
fn publish(
    work: &Work<'_>,
    previous: Option<&Previous>,
    done: Vec<Done>,
    started: Instant,
    threads: usize,
    options: &Options<'_>,
) -> Result<(Run, Report)> {
    let manifest = &work.dataset.manifest;
    let found: u64 = done.iter().map(|d| d.shard.subjects).sum();
    if found != manifest.subjects || done.len() != manifest.shards.len() {
        return Err(Error::content(
            work.out.address(),
            format!("results of {found} subjects in {} shards", done.len()),
            format!(
                "{} subjects in {} shards, as the dataset's manifest says",
                manifest.subjects,
                manifest.shards.len()
            ),
        ));
    }
    let mut counts = Counts::default();
    let mut report = Report { run: work.id.to_owned(), threads, ..Report::default() };
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
    let (standards, policies) = Run::heads(work.job);
    let (format, version) = Run::format();
    let run = Run {
        format,
        version,
        id: work.id.to_owned(),
        as_of: work.job.as_of,
        known_at: work.job.known_at,
        source: RunSource {
            kind: "dataset".to_owned(),
            place: work.dataset.place.address(),
            digest: manifest.digest.clone(),
            rows: manifest.rows,
        },
        rules: work.job.rules_digest(),
        standards,
        policies,
        previous: previous.map(|p| p.run.id.clone()),
        deliveries: manifest
            .deliveries
            .iter()
            .filter(|d| d.recorded_at <= work.job.known_at)
            .cloned()
            .collect(),
        subjects: found,
        counts,
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
    work.out.write(REPORT, to_json(&report))?;
    work.out.publish(run::NAME, to_json(&run))?;
    Ok((run, report))
}

fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// What all threads share.
pub(crate) struct Work<'a> {
    pub(crate) dataset: &'a Dataset,
    pub(crate) job: &'a Job,
    deliveries: &'a DeliveredOn,
    pub(crate) layout: &'a Arc<Layout>,
    since: Option<&'a due::Since<'a>>,
    out: &'a Place,
    id: &'a str,
}

struct State {
    done: Vec<Option<Done>>,
    error: Option<Error>,
    progress: Progress,
}

/// A shard that is done.
#[derive(Clone, Debug)]
struct Done {
    shard: RunShard,
    counts: Counts,
    due: Due,
    resumed: bool,
}

/// One thread.
struct Worker<'a> {
    work: &'a Work<'a>,
    book: ClassBook,
    evaluator: Evaluator<'a>,
    wanted: Wanted,
}

impl<'a> Worker<'a> {
    fn new(work: &'a Work<'a>) -> Worker<'a> {
        let wanted = Wanted::from(work.job.needs());
        let book = ClassBook::new(Arc::clone(&work.dataset.vocabulary));
        Worker { work, book, evaluator: Evaluator::new(work.job, work.deliveries), wanted }
    }

    fn shard(&mut self, place: usize, options: &Options<'_>) -> Result<Done> {
        let shard = &self.work.dataset.manifest.shards[place];
        let key = sha256_of(&["hengxin shard 1", &shard.sha256, self.work.id]);
        let stem = shard.file.rsplit('/').next().unwrap_or(&shard.file).trim_end_matches(".parquet");
        let file = format!("results/{stem}-{}.parquet", &key[..16]);
        if let Some(done) = self.resumed(shard, &file)? {
            return Ok(done);
        }
        if options.verify {
            self.work.dataset.verify(shard)?;
        }
        let (results, due) = match self.work.since {
            Some(since) if since.incremental() => self.due(since, place, options)?,
            _ => self.all(place, options)?,
        };
        check_range(self.work.dataset, shard, &results)?;
        let counts = Counts::of(self.work.job, &results);
        let bytes = encode(self.work.layout, &results, &counts, &file)?;
        let sha256 = sha256(&bytes);
        self.work.out.write(&file, bytes)?;
        Ok(Done { shard: run_shard(shard, file, sha256), counts, due, resumed: false })
    }

    /// The shard as an earlier attempt finished it.
    fn resumed(&self, shard: &Shard, file: &str) -> Result<Option<Done>> {
        let Some(bytes) = self.work.out.read(file)? else { return Ok(None) };
        let digest = sha256(&bytes);
        let name = self.work.out.name_of(file);
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes))
            .map_err(|e| Error::parquet(&name, e))?;
        let metadata = builder.metadata().file_metadata();
        let counts = metadata
            .key_value_metadata()
            .and_then(|all| all.iter().find(|kv| kv.key == COUNTS_KEY))
            .and_then(|kv| serde_json::from_str(kv.value.as_deref()?).ok());
        match counts {
            Some(counts) if u64::try_from(metadata.num_rows()) == Ok(shard.subjects) => {
                let due = Due::default();
                Ok(Some(Done {
                    shard: run_shard(shard, file.to_owned(), digest),
                    counts,
                    due,
                    resumed: true,
                }))
            }
            // Not what we write under this name: done again.
            _ => Ok(None),
        }
    }

    fn all(&mut self, place: usize, options: &Options<'_>) -> Result<(Results, Due)> {
        let shards = &self.work.dataset.manifest.shards;
        let mut results = self.evaluate(&shards[place], None, options)?;
        if let Some(since) = self.work.since {
            since.before(shards, place).previous_tiers(&mut results)?;
        }
        let due = Due { all: results.len() as u64, ..Due::default() };
        Ok((results, due))
    }

    fn due(&mut self, since: &due::Since<'_>, place: usize, options: &Options<'_>) -> Result<(Results, Due)> {
        let shard = &self.work.dataset.manifest.shards[place];
        let plan = since.plan(self.work, place, self.work.deliveries)?;
        let fresh = if plan.rows.is_empty() {
            self.work.layout.results(0)
        } else {
            self.evaluate(shard, Some(&plan.rows), options)?
        };
        plan.merge(fresh, self.work.layout.results(usize::try_from(shard.subjects).unwrap_or(0)))
    }

    /// The results of all subjects, or of those whose rows are given.
    fn evaluate(
        &mut self,
        shard: &Shard,
        rows: Option<&[std::ops::Range<u64>]>,
        options: &Options<'_>,
    ) -> Result<Results> {
        let file = self.work.dataset.shard(shard)?;
        let evaluator = &mut self.evaluator;
        let expected = if rows.is_some() { 0 } else { usize::try_from(shard.subjects).unwrap_or(0) };
        let mut results = self.work.layout.results(expected);
        let settled = evaluator.deliveries().settled();
        file.subjects(
            &mut self.book,
            settled,
            self.wanted,
            rows,
            self.work.job.known_at,
            &mut |book, subject| {
                if results.len().is_multiple_of(1024) && options.cancelled.load(Ordering::Relaxed) {
                    return Err(Error::Cancelled);
                }
                evaluator.add(book.classes(), subject, &mut results);
                Ok(())
            },
        )?;
        Ok(results)
    }
}

/// The subjects of a shard must be those its manifest names.
fn check_range(dataset: &Dataset, shard: &Shard, results: &Results) -> Result<()> {
    let found = (
        results.len() as u64,
        results.subject.first().map(ToString::to_string).unwrap_or_default(),
        results.subject.last().map(ToString::to_string).unwrap_or_default(),
    );
    if found == (shard.subjects, shard.first.clone(), shard.last.clone()) {
        return Ok(());
    }
    Err(Error::content(
        dataset.place.name_of(&shard.file),
        format!("{} subjects from {} to {}", found.0, found.1, found.2),
        format!("{} subjects from {} to {}, as its manifest says", shard.subjects, shard.first, shard.last),
    ))
}

fn run_shard(shard: &Shard, file: String, sha256: String) -> RunShard {
    RunShard {
        file,
        first: shard.first.clone(),
        last: shard.last.clone(),
        subjects: shard.subjects,
        input: shard.sha256.clone(),
        sha256,
    }
}

fn encode(layout: &Layout, results: &Results, counts: &Counts, file: &str) -> Result<Vec<u8>> {
    let notes = vec![KeyValue::new(COUNTS_KEY.to_owned(), serde_json::to_string(counts).unwrap_or_default())];
    let properties = layout.properties(notes);
    let encoded = (|| {
        let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(layout.schema()), Some(properties))?;
        writer.write(&layout.encode(results))?;
        writer.into_inner()
    })();
    encoded.map_err(|e| Error::parquet(file, e))
}
