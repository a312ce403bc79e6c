//! `hengxin dataset`: check a dataset of facts, sort rows into one, or export the ledger as one.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use hengxin_batch::manifest::{Delivered, Manifest};
use hengxin_batch::place::Place;
use hengxin_batch::sort::{self, Stage};
use hengxin_batch::{Error, check};
use hengxin_core::vocabulary::Vocabulary;

use crate::data;
use crate::failure::Failure;
use crate::output;
use crate::place::place;
use crate::progress::Progress;

/// Check a dataset, or make one.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    place: data::Place,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Read all of a dataset and tell every fault: digests, counts, order, codes, classes, contradictions.
    #[command(after_help = "\
Examples:
  hengxin dataset check province
  hengxin dataset check --json province | jq .faults
  hengxin dataset check s3://credit/province

Exit code 2 when there are faults.")]
    Check {
        /// The dataset's folder, or `s3://BUCKET/PREFIX`.
        folder: PathBuf,
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Sort Parquet files with a dataset's columns, rows in any order, into a dataset.
    #[command(after_help = "\
Examples:
  hengxin dataset sort facts.parquet more.parquet --out province
  hengxin dataset sort spark/*.parquet --out province --memory 2GiB --deliveries deliveries.json
  hengxin dataset sort facts.parquet --out province --quarantine bad.jsonl
  TMPDIR=/data/tmp hengxin dataset sort spark/*.parquet --out s3://credit/province

Rows that are the same are written once. A bad row is refused with its file, row and column; with --quarantine it is
put aside and the others are written. What does not fit in memory is spilled beside the dataset; when --out is an object
store, to the folder for temporary files (TMPDIR), which needs room for all rows. The files themselves are local. Rows without a `fact` get an id from what they say. The columns are those of
docs/dataset.md.")]
    Sort {
        /// Parquet files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// The folder of the dataset, made when absent; or `s3://BUCKET/PREFIX`, of which the bucket is there.
        #[arg(long)]
        out: PathBuf,
        /// About how much memory rows may take up.
        #[arg(long, default_value = "512MiB", value_parser = bytes)]
        memory: usize,
        /// Which registers are complete: a JSON list of objects, as in the manifest.
        #[arg(long, value_name = "FILE.json")]
        deliveries: Option<PathBuf>,
        /// Put bad rows aside into this file, one JSON object a row, with the reason.
        #[arg(long, value_name = "FILE.jsonl")]
        quarantine: Option<PathBuf>,
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Export the ledger as a dataset: every version of every record, with the moments it was known at.
    #[command(after_help = "\
Examples:
  hengxin dataset export --data hengxin-data --out province
  hengxin dataset export --out s3://credit/province
  hengxin dataset export --out province --known-at 2026-11-01T00:00:00+08:00")]
    Export {
        /// The folder of the dataset, made when absent; or `s3://BUCKET/PREFIX`, of which the bucket is there.
        #[arg(long)]
        out: PathBuf,
        /// Nothing that was recorded later; all when not given.
        #[arg(long, value_name = "MOMENT")]
        known_at: Option<String>,
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let catalogue = arguments.place.catalogue()?;
    let vocabulary = &catalogue.vocabulary;
    match &arguments.command {
        Command::Check { folder, json } => check_all(folder, vocabulary, *json),
        Command::Export { out, known_at, json } => {
            crate::export::export(&arguments.place, out, data::known_at(known_at.as_deref())?, *json)
        }
        Command::Sort { files, out, memory, deliveries, quarantine, json } => {
            let options = sort::Options {
                memory: *memory,
                deliveries: deliveries.as_deref().map(read_deliveries).transpose()?.unwrap_or_default(),
                temporary: std::env::temp_dir(),
            };
            sort_all(files, out, vocabulary, &options, quarantine.as_deref(), *json)
        }
    }
}

fn check_all(folder: &Path, vocabulary: &Arc<Vocabulary>, json: bool) -> Result<(), Failure> {
    let progress = Progress::new(format!("checking {}", folder.display()), 1);
    let report = check::check(&place(folder)?, vocabulary, threads(), &|done, all| progress.of(done, all))
        .map_err(failure)?;
    drop(progress);
    if json {
        output::json(&serde_json::to_value(&report).context("cannot write the report")?);
    } else {
        for fault in &report.faults {
            println!("{fault}");
        }
        let told = report.faults.len() as u64;
        if report.fault_count > told {
            println!("and {} more", report.fault_count - told);
        }
        println!(
            "{} faults in {} rows of {} subjects in {} shards",
            report.fault_count, report.rows, report.subjects, report.shards
        );
    }
    if report.fault_count == 0 { Ok(()) } else { Err(Failure::Shown) }
}

fn sort_all(
    files: &[PathBuf],
    out: &Path,
    vocabulary: &Arc<Vocabulary>,
    options: &sort::Options,
    quarantine: Option<&Path>,
    json: bool,
) -> Result<(), Failure> {
    let place = place(out)?;
    let mut aside = quarantine
        .map(|path| {
            let made = std::fs::File::create(path).map(std::io::BufWriter::new);
            made.map(|file| (file, path)).with_context(|| format!("cannot write {}", path.display()))
        })
        .transpose()?;
    let mut keep = |fault: &check::Fault, values: &serde_json::Map<String, serde_json::Value>| {
        let Some((file, path)) = &mut aside else { return Ok(()) };
        let line = serde_json::json!({
            "file": fault.file, "row": fault.row, "column": fault.column, "found": fault.found,
            "expected": fault.expected, "values": values,
        });
        writeln!(file, "{line}").map_err(|source| Error::Io { path: path.to_owned(), source })
    };
    let progress = Progress::new("reading rows".to_owned(), 1);
    let begun = Instant::now();
    let (manifest, sorted) =
        sort::sort(files, vocabulary, options, &place, quarantine.is_some().then_some(&mut keep), &|stage| {
            match stage {
                // Reading is half of the work.
                Stage::Reading(done, all) => progress.of(done, all * 2),
                Stage::Writing(done, all) => progress.of(all + done, all * 2),
            }
        })
        .map_err(failure)?;
    drop(progress);
    if let Some((file, path)) = &mut aside {
        file.flush().with_context(|| format!("cannot write {}", path.display()))?;
    }
    told(&manifest, &place, begun.elapsed(), json);
    if !json {
        println!(
            "{} rows read, {} duplicates dropped, {} put aside, {} runs spilled",
            sorted.read, sorted.duplicates, sorted.quarantined, sorted.runs
        );
    }
    Ok(())
}

fn read_deliveries(path: &Path) -> Result<Vec<Delivered>, Failure> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).map_err(|e| {
        Failure::Input(format!(
            "{}: {e}; expected a list of {{\"register\", \"region\", \"through\", \"recorded_at\"}}",
            path.display()
        ))
    })
}

/// `512MiB`, `2GiB`, `800MB`, or a number of bytes.
fn bytes(text: &str) -> Result<usize, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match unit.trim() {
        "" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        _ => None,
    };
    let number: Option<usize> = number.parse().ok();
    number
        .zip(unit)
        .and_then(|(n, unit)| n.checked_mul(unit))
        .ok_or_else(|| format!("found `{text}`, expected a size such as 512MiB or 2GiB"))
}

/// As many threads as the machine has.
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

/// A failure of the library, with the exit code of whoever caused it.
pub fn failure(problem: Error) -> Failure {
    match problem {
        Error::Parquet { .. } | Error::Content { .. } | Error::Refused(_) => {
            Failure::Input(problem.to_string())
        }
        Error::Io { .. } | Error::Busy(_) | Error::Cancelled => Failure::System(anyhow::Error::new(problem)),
    }
}

/// Tells what was written.
pub fn told(manifest: &Manifest, place: &Place, took: Duration, json: bool) {
    let bytes: u64 = manifest.shards.iter().map(|s| s.bytes).sum();
    if json {
        output::json(&serde_json::json!({
            "place": place.address(),
            "origin": manifest.origin,
            "subjects": manifest.subjects,
            "rows": manifest.rows,
            "shards": manifest.shards.len(),
            "bytes": bytes,
            "digest": manifest.digest,
            "seconds": took.as_secs_f64(),
        }));
        return;
    }
    println!("{}: {}", place.address(), manifest.origin);
    println!(
        "{} rows of {} subjects in {} shards, {:.1} MiB, in {:.1} s",
        manifest.rows,
        manifest.subjects,
        manifest.shards.len(),
        bytes as f64 / 1_048_576.0,
        took.as_secs_f64()
    );
    println!("digest {}", manifest.digest);
}
