//! Re-scoring a population from Parquet: full runs against the decode floor, incremental runs against full ones
//! (measures S2, S3, S4).
//!
//! ```text
//! cargo run --release -p hengxin-benches --bin rescoring -- world FOLDER ENTERPRISES [DAY]
//! cargo run --release -p hengxin-benches --bin rescoring -- full FOLDER [ROUNDS]
//! cargo run --release -p hengxin-benches --bin rescoring -- due FOLDER FOLDER-A-DAY-LATER [ROUNDS]
//! ```

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Date32Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, ArrayRef};
use hengxin_batch::dataset::Dataset;
use hengxin_batch::job::Job;
use hengxin_batch::place::Place;
use hengxin_batch::reader::Wanted;
use hengxin_batch::rescore::{Options, Previous, rescore};
use hengxin_batch::world;
use hengxin_core::date::Date;
use hengxin_service::use_case::job;
use hengxin_standard::Catalogue;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DAY: &str = "2026-10-31";
const FIELD: &str = "food-production";
const THREADS: usize = 2;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let catalogue = Catalogue::shipped().expect("the shipped standards are sound");
    match texts.as_slice() {
        ["world", folder, enterprises, rest @ ..] => {
            let through = rest.first().unwrap_or(&DAY).parse().expect("a day");
            let enterprises = enterprises.parse().expect("a number");
            let options = world::Options { enterprises, seed: 7, through, threads: THREADS };
            let start = Instant::now();
            let place = Place::Folder(PathBuf::from(folder));
            let made = world::generate(&catalogue.vocabulary, &options, &place, &|_, _| {}).expect("written");
            let rate = made.rows as f64 / start.elapsed().as_secs_f64() / 1e6;
            println!("{} enterprises, {} facts, {rate:.2} million facts/s", made.subjects, made.rows);
        }
        ["full", folder, rest @ ..] => full(&catalogue, Path::new(folder), rounds(rest)),
        ["due", before, after, rest @ ..] => {
            due(&catalogue, Path::new(before), Path::new(after), rounds(rest));
        }
        _ => println!("world FOLDER ENTERPRISES [DAY] | full FOLDER [ROUNDS] | due FOLDER LATER [ROUNDS]"),
    }
}

fn rounds(rest: &[&str]) -> usize {
    rest.first().map_or(5, |n| n.parse().expect("a number of rounds"))
}

fn open(catalogue: &Catalogue, folder: &Path) -> Dataset {
    Dataset::open(Place::from(folder), Arc::clone(&catalogue.vocabulary)).expect("a dataset")
}

fn the_job(catalogue: &Catalogue, dataset: &Dataset, day: Date) -> Job {
    let wanted = job::Wanted { fields: vec![FIELD.to_owned()], standards: Vec::new() };
    job::job(catalogue, &wanted, day, dataset.manifest.known_at).expect("standards in force")
}

fn last_day(dataset: &Dataset) -> Date {
    dataset.manifest.deliveries.iter().map(|d| d.through).max().expect("deliveries")
}

fn run(dataset: &Dataset, job: &Job, previous: Option<&Previous>, incremental: bool, out: &Path) -> f64 {
    let _ = std::fs::remove_dir_all(out);
    let options = Options {
        threads: THREADS,
        incremental,
        verify: false,
        cancelled: &AtomicBool::new(false),
        progress: &|_| {},
    };
    let start = Instant::now();
    let (_, report) = rescore(dataset, job, previous, &Place::from(out), &options).expect("a run");
    let seconds = start.elapsed().as_secs_f64();
    if incremental {
        println!("  due: {:?}", report.due);
    }
    seconds
}

/// Reads the columns a run reads, and looks at every value.
fn floor(dataset: &Dataset, columns: &[&str]) -> f64 {
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(shard) = dataset.manifest.shards.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let path = PathBuf::from(dataset.place.address()).join(&shard.file);
                    let file = std::fs::File::open(path).expect("a shard");
                    let builder = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
                    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
                    let reader =
                        builder.with_projection(mask).with_batch_size(32_768).build().expect("a reader");
                    let mut sum = 0i64;
                    for batch in reader {
                        sum += batch.expect("a batch").columns().iter().map(touch).sum::<i64>();
                    }
                    black_box(sum);
                }
            });
        }
    });
    start.elapsed().as_secs_f64()
}

fn touch(column: &ArrayRef) -> i64 {
    let sum32 = |values: &[i32]| values.iter().map(|v| i64::from(*v)).fold(0, i64::wrapping_add);
    let sum64 = |values: &[i64]| values.iter().copied().fold(0, i64::wrapping_add);
    if let Some(coded) = column.as_dictionary_opt::<Int32Type>() {
        return sum32(coded.keys().values());
    }
    if let Some(days) = column.as_primitive_opt::<Date32Type>() {
        return sum32(days.values());
    }
    if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
        return sum64(numbers.values());
    }
    if let Some(moments) = column.as_primitive_opt::<TimestampMicrosecondType>() {
        return sum64(moments.values());
    }
    column.as_string_opt::<i32>().map_or(column.len() as i64, |t| t.value_data().len() as i64)
}

fn median(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[0], values[values.len() - 1])
}

fn full(catalogue: &Catalogue, folder: &Path, rounds: usize) {
    let dataset = open(catalogue, folder);
    let job = the_job(catalogue, &dataset, last_day(&dataset));
    let shard = dataset.shard(&dataset.manifest.shards[0]).expect("a shard");
    let columns = shard.columns(Wanted::from(job.needs()), job.known_at);
    let out = folder.with_extension("run");
    let (mut floors, mut runs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        floors.push(floor(&dataset, &columns));
        runs.push(run(&dataset, &job, None, false, &out));
    }
    let (f, f_min, f_max) = median(floors);
    let (r, r_min, r_max) = median(runs);
    let rows = dataset.manifest.rows as f64;
    println!(
        "{} subjects, {rows} facts, {} columns, {THREADS} threads",
        dataset.manifest.subjects,
        columns.len()
    );
    println!("  floor {f:.3} s ({f_min:.3}–{f_max:.3})");
    println!("  run   {r:.3} s ({r_min:.3}–{r_max:.3}), {:.1} million facts/s", rows / r / 1e6);
    println!("  S2: {:.2} times the floor", r / f);
    println!("  peak memory {} MiB", peak_mib());
}

fn due(catalogue: &Catalogue, before: &Path, after: &Path, rounds: usize) {
    let (old, new) = (open(catalogue, before), open(catalogue, after));
    let base = before.with_extension("run");
    run(&old, &the_job(catalogue, &old, last_day(&old)), None, false, &base);
    let place = Place::from(base.as_path());
    let previous = Previous { run: hengxin_batch::run::Run::read(&place).expect("a run"), place };
    let job = the_job(catalogue, &new, last_day(&new));
    let (full_out, due_out) = (after.with_extension("full"), after.with_extension("due"));
    let (mut fulls, mut dues) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        fulls.push(run(&new, &job, Some(&previous), false, &full_out));
        dues.push(run(&new, &job, Some(&previous), true, &due_out));
    }
    let (f, f_min, f_max) = median(fulls);
    let (d, d_min, d_max) = median(dues);
    println!("  full {f:.3} s ({f_min:.3}–{f_max:.3}), due {d:.3} s ({d_min:.3}–{d_max:.3})");
    println!("  S4: {:.1} % of the full run; allowed {:.3} s", 100.0 * d / f, 0.03 * f + 1.0);
    let same = ["run.json"]
        .iter()
        .all(|name| std::fs::read(full_out.join(name)).ok() == std::fs::read(due_out.join(name)).ok());
    println!("  the same results, byte for byte: {same}");
}

/// The most memory this process ever had.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) / 1024
}
