//! `hengxin rescore`: everyone in a dataset or the ledger through the kernel, to Parquet.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hengxin_batch::dataset::Dataset;
use hengxin_batch::moment::STILL;
use hengxin_batch::rescore::{Options, Previous, Report, rescore};
use hengxin_batch::run::{NAME, Run};
use hengxin_service::use_case::job::{Wanted, job};
use hengxin_standard::Catalogue;
use serde_json::json;

use crate::data;
use crate::export;
use crate::failure::Failure;
use crate::output;
use crate::place::place;
use crate::progress::Progress;
use crate::question::problem;
use crate::serve::stopped;

/// Subjects in quarantine that are named; the manifest has all.
const QUARANTINE_SHOWN: usize = 10;

/// Score and tier everyone in a dataset or the ledger.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin rescore --dataset world --field food-production --as-of 2026-10-31 --out runs/october
  hengxin rescore --dataset world2 --field food-production --as-of 2026-11-01 --since runs/october --out runs/next
  hengxin rescore --data hengxin-data --field market-regulation --out runs/district
  hengxin rescore --dataset world --standard public-comprehensive@2026.1 --out runs/draft
  hengxin rescore --dataset s3://credit/world2 --field tax --since s3://credit/october --out s3://credit/next

A run that was killed or cancelled goes on when the same command is given again. With --since only those are evaluated
of whom something became known, whose horizon has come, or whose standard changed; the results are those of a full run.")]
pub struct Arguments {
    /// The folder of the dataset, or `s3://BUCKET/PREFIX`.
    #[arg(long, value_name = "FOLDER", required_unless_present = "data")]
    dataset: Option<PathBuf>,
    /// Instead of a dataset: the data folder with the ledger, or with the keys of the one in `HENGXIN_LEDGER`. Its facts are first written to OUT/facts as a dataset.
    #[arg(long, value_name = "FOLDER", conflicts_with = "dataset")]
    data: Option<PathBuf>,
    /// A field of supervision: its policy, and the standards it reads. May be given several times.
    #[arg(long = "field", value_name = "FIELD")]
    fields: Vec<String>,
    /// A standard, `ID` or `ID@EDITION`; a pinned edition takes the place of the one in force. May be given several
    /// times.
    #[arg(long = "standard", value_name = "STANDARD")]
    wanted: Vec<String>,
    /// The day the results are for; today in China when absent.
    #[arg(long, value_name = "YYYY-MM-DD")]
    as_of: Option<String>,
    /// Only what was known at this moment; all of it when absent.
    #[arg(long, value_name = "MOMENT")]
    known_at: Option<String>,
    /// The folder of the run before, or `s3://BUCKET/PREFIX`: only who is due since then is evaluated.
    #[arg(long, value_name = "RUN")]
    since: Option<PathBuf>,
    /// With --since: evaluate everyone, and take only the previous tiers from it.
    #[arg(long, requires = "since")]
    full: bool,
    /// The folder of this run, made when absent; or `s3://BUCKET/PREFIX`, of which the bucket is there.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Threads; as many as the machine has processors when absent.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Do not compare every shard with its digest before it is read.
    #[arg(long)]
    no_verify: bool,
    /// One JSON object: the manifest of the run and how it went.
    #[arg(long)]
    json: bool,
    /// A folder of standards instead of those shipped with this binary.
    #[arg(long)]
    standards: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.fields.is_empty() && arguments.wanted.is_empty() {
        return Err(Failure::Input("found neither --field nor --standard, expected at least one".to_owned()));
    }
    let catalogue = crate::standards::load_or_shipped(arguments.standards.as_deref())?;
    let as_of = data::as_of(arguments.as_of.as_deref())?;
    let known_at = data::known_at(arguments.known_at.as_deref())?.unwrap_or(STILL);
    let wanted = Wanted { fields: arguments.fields.clone(), standards: arguments.wanted.clone() };
    let job = job(&catalogue, &wanted, as_of, known_at).map_err(problem)?;
    let dataset = dataset(arguments, &catalogue)?;
    let previous = arguments.since.as_deref().map(previous).transpose()?;
    let out = place(&arguments.out)?;
    let finished = out.read(NAME).map_err(batch)?.is_some();
    let cancelled = cancelled_by_signal()?;
    let bar = Progress::new("re-scoring".to_owned(), dataset.manifest.subjects);
    let options = Options {
        threads: arguments.threads,
        incremental: previous.is_some() && !arguments.full,
        verify: !arguments.no_verify,
        cancelled,
        progress: &|progress| bar.at(progress.subjects),
    };
    let (run, report) = rescore(&dataset, &job, previous.as_ref(), &out, &options).map_err(batch)?;
    drop(bar);
    if arguments.json {
        output::json(&json!({ "run": run, "report": report }));
    } else {
        print(&run, &report, &out.address());
        if finished {
            println!(
                "this run was finished before; nothing was done. What became known since is in a run of another --out"
            );
        }
    }
    Ok(())
}

fn dataset(arguments: &Arguments, catalogue: &Catalogue) -> Result<Dataset, Failure> {
    let vocabulary = &catalogue.vocabulary;
    match (&arguments.dataset, &arguments.data) {
        (Some(dataset), _) => Dataset::open(place(dataset)?, Arc::clone(vocabulary)).map_err(batch),
        (None, Some(data)) => {
            let ledger = data::Place::named(data).open(catalogue)?;
            let known_at = data::known_at(arguments.known_at.as_deref())?;
            export::once(&ledger, known_at, vocabulary, &place(arguments.out.join("facts"))?)
        }
        (None, None) => Err(Failure::Input("expected --dataset or --data".to_owned())),
    }
}

/// A finished run.
pub fn previous(path: &Path) -> Result<Previous, Failure> {
    let place = place(path)?;
    let run = Run::read(&place).map_err(batch)?;
    Ok(Previous { place, run })
}

/// A failure of a dataset or run, with the exit code of whoever caused it.
pub fn batch(problem: hengxin_batch::Error) -> Failure {
    use hengxin_batch::Error;
    match problem {
        Error::Content { .. } | Error::Refused(_) | Error::Parquet { .. } => {
            Failure::Input(problem.to_string())
        }
        Error::Io { .. } | Error::Busy(_) | Error::Cancelled => Failure::System(anyhow::Error::new(problem)),
    }
}

/// Set by the first Ctrl-C or SIGTERM: what is committed stays. A second one ends the process at once, which is harmless
/// too.
pub fn cancelled_by_signal() -> Result<&'static AtomicBool, Failure> {
    static CANCELLED: AtomicBool = AtomicBool::new(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("hengxin-signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            while let Ok(signal) = stopped() {
                signal.await;
                if CANCELLED.swap(true, Ordering::Relaxed) {
                    std::process::exit(1);
                }
                eprintln!("hengxin: stopping; what is finished is kept");
            }
        });
    })?;
    Ok(&CANCELLED)
}

fn print(run: &Run, report: &Report, out: &str) {
    println!("{} subjects as of {}, known at {}", run.subjects, run.as_of, data::moment(run.known_at));
    for standard in &run.standards {
        let id = &standard.id;
        let marked = if standard.status == "sample" { ", sample figures" } else { "" };
        println!("\n{} {} ({id} {}{marked})", standard.title, standard.edition, &standard.digest[..12]);
        table(run.counts.outcomes.get(id));
        table(run.counts.grades.get(id));
    }
    for policy in &run.policies {
        println!("\ntiers of {} ({} {})", policy.field, policy.policy, policy.edition);
        table(run.counts.tiers.get(&policy.field));
        if run.previous.is_some() {
            println!(
                "  {:>12}  moved since the previous run",
                run.counts.moved.get(&policy.field).unwrap_or(&0)
            );
        }
    }
    for one in run.quarantine.iter().take(QUARANTINE_SHOWN) {
        println!("\nnot evaluated: {}, {}", one.subject, one.reason);
    }
    if run.quarantine.len() > QUARANTINE_SHOWN {
        println!("not evaluated: {} in all, listed in run.json", run.quarantine.len());
    }
    let due: Vec<String> = report.due.iter().map(|(why, n)| format!("{n} {why}")).collect();
    println!("\n{} run: {}", report.mode, due.join(", "));
    if report.shards_resumed > 0 {
        println!("{} of {} shards were finished before", report.shards_resumed, run.shards.len());
    }
    println!(
        "{:.1} s, {:.0} subjects/s, {:.0} facts/s, {} threads; {}",
        report.seconds, report.subjects_per_second, report.rows_per_second, report.threads, out
    );
}

fn table(counts: Option<&std::collections::BTreeMap<String, u64>>) {
    for (name, n) in counts.into_iter().flatten() {
        println!("  {n:>12}  {name}");
    }
}
