//! An incremental run is a full run (measure R7), and a run gives the same bytes on any number of threads, interrupted
//! or not (measure R3).
//!
//! A synthetic world lives through days: records come late, are corrected, withdrawn, repaired and objected to. After
//! each step an incremental run is made from the one before and compared with a full run, file by file.
//!
//! Long form: `HENGXIN_DUE_WORLDS=100 HENGXIN_DUE_ENTERPRISES=300 cargo test --release -p hengxin-tests --test due`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hengxin_batch::Error;
use hengxin_batch::dataset::Dataset;
use hengxin_batch::job::{Job, JobStandard};
use hengxin_batch::layout::Layout;
use hengxin_batch::place::Place;
use hengxin_batch::rescore::{Options, Order, Previous, Report, rescore, rescore_together};
use hengxin_batch::results::{Given, Kind, Results};
use hengxin_batch::run::{Run, read_results};
use hengxin_batch::world;
use hengxin_core::date::{Date, Moment};
use hengxin_service::use_case::job;
use hengxin_standard::Catalogue;

fn seed() -> u64 {
    let given = std::env::var("HENGXIN_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        now.as_secs() % 1_000_000_000
    });
    println!("seed {seed}: HENGXIN_SEED={seed} runs this again");
    seed
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn made(catalogue: &Catalogue, folder: &Path, enterprises: u64, seed: u64, through: Date) -> Dataset {
    let place = Place::from(folder);
    let options = world::Options { enterprises, seed, through, threads: 2 };
    world::generate(&catalogue.vocabulary, &options, &place, &|_, _| {}).expect("a world");
    Dataset::open(place, Arc::clone(&catalogue.vocabulary)).expect("a dataset")
}

fn work(catalogue: &Catalogue, dataset: &Dataset, fields: &[&str], as_of: Date) -> Job {
    let fields = fields.iter().map(|f| (*f).to_owned()).collect();
    let wanted = job::Wanted { fields, standards: vec!["energy-contracts".to_owned()] };
    job::job(catalogue, &wanted, as_of, dataset.manifest.known_at).expect("a job")
}

fn run(
    dataset: &Dataset,
    job: &Job,
    previous: Option<&Previous>,
    incremental: bool,
    threads: usize,
    out: &Path,
) -> (Previous, Report) {
    let cancelled = AtomicBool::new(false);
    let options = Options { threads, incremental, verify: true, cancelled: &cancelled, progress: &|_| {} };
    let place = Place::from(out);
    let (run, report) = rescore(dataset, job, previous, &place, &options).expect("a run");
    (Previous { place, run }, report)
}

/// Every file of a run's results and its manifest, by name.
fn files(run: &Previous) -> BTreeMap<String, Vec<u8>> {
    let names = run.run.shards.iter().map(|s| s.file.clone()).chain([hengxin_batch::run::NAME.to_owned()]);
    names.map(|name| (name.clone(), run.place.read(&name).expect("read").expect("there"))).collect()
}

#[test]
fn an_incremental_run_is_a_full_run() {
    let catalogue = Catalogue::shipped().expect("sound");
    let seed = seed();
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    for world in 0..number("HENGXIN_DUE_WORLDS", 2) {
        let folder = tempfile::tempdir().expect("a folder");
        let enterprises = number("HENGXIN_DUE_ENTERPRISES", 250);
        let mut day: Date = "2026-04-02".parse().expect("a date");
        let mut state = seed.wrapping_add(world);
        let mut previous: Option<Previous> = None;
        // Steps of a day to seven weeks, until 400 days are over.
        for step in 0..16 {
            let dataset =
                made(&catalogue, &folder.path().join(format!("w{step}")), enterprises, seed + world, day);
            // The last two look at related subjects.
            let fields = ["food-production", "environment", "market-regulation", "tax"];
            let job = work(&catalogue, &dataset, &fields, day);
            let out = |what: &str| folder.path().join(format!("{what}{step}"));
            let (full, _) = run(&dataset, &job, previous.as_ref(), false, 2, &out("full"));
            if let Some(before) = &previous {
                let (due, report) = run(&dataset, &job, Some(before), true, 1, &out("due"));
                let (full_files, due_files) = (files(&full), files(&due));
                for (name, bytes) in &full_files {
                    assert_eq!(
                        Some(bytes),
                        due_files.get(name),
                        "{name} on {day}, world {world}, seed {seed}"
                    );
                }
                report.due.into_iter().for_each(|(why, n)| *reasons.entry(why).or_default() += n);
            }
            previous = Some(full);
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let days = 1 + i32::try_from((state >> 33) % 50).expect("small");
            day = day.plus_days(days);
        }
    }
    println!("{reasons:?}");
    // A test in which nobody was due, or everybody always, would show nothing.
    for why in ["facts", "horizon", "related", "carried"] {
        assert!(reasons.get(why).is_some_and(|n| *n > 0), "{why} in {reasons:?}, seed {seed}");
    }
}

/// The ledger knows no subject of whom no row was recorded by then; a dataset of today has its rows all the same.
#[test]
fn who_was_not_known_yet_has_no_tier_until_it_is() {
    let catalogue = Catalogue::shipped().expect("sound");
    let folder = tempfile::tempdir().expect("a folder");
    let day: Date = "2026-10-31".parse().expect("a date");
    let dataset = made(&catalogue, &folder.path().join("w"), 2_000, seed(), day);
    let now = work(&catalogue, &dataset, &["food-production"], day);
    // Five years are in the dataset, and the last enterprises became known in its last days.
    let then = Job { known_at: Moment(dataset.manifest.known_at.0 - 900 * 86_400_000_000), ..now.clone() };
    let (before, _) = run(&dataset, &then, None, false, 2, &folder.path().join("then"));

    let layout = Layout::new(&then, &catalogue.vocabulary);
    let (mut told, mut strangers) = (0, 0);
    for (shard, of) in before.run.shards.iter().zip(&dataset.manifest.shards) {
        let results = read_results(&before.place, &shard.file, &layout).expect("results");
        let mut row = 0;
        let file = dataset.shard(of).expect("a shard");
        // Anything that became known since the beginning of time.
        let beginning = Moment(i64::MIN);
        let each = &mut |subject, _, known| {
            assert_eq!(results.subject[row], subject);
            let silent = results.fields[0].tier[row].is_none()
                && results
                    .standards
                    .iter()
                    .all(|s| s.kind[row] == Kind::CannotScore && s.grade[row].is_none());
            let indicators = |given: &Given, job: &JobStandard| {
                usize::from(given.unknown[row]) == job.plan.standard.indicators.len()
            };
            if known {
                told += u32::from(!silent);
            } else {
                assert!(silent, "{subject} was not known");
                assert!(results.standards.iter().zip(&then.standards).all(|(s, j)| indicators(s, j)));
                strangers += 1;
            }
            row += 1;
            Ok(())
        };
        file.changes(Some(beginning), then.known_at, each).expect("readable");
    }
    assert!(strangers > 0 && told > 0, "{strangers} strangers and {told} tiers show nothing");

    let (full, _) = run(&dataset, &now, Some(&before), false, 2, &folder.path().join("full"));
    let (due, _) = run(&dataset, &now, Some(&before), true, 2, &folder.path().join("due"));
    assert!(files(&full) == files(&due), "known since then, they are due");
}

/// Two runs from one reading say what each says alone, and a draft counts also where another standard reads it.
#[test]
fn a_draft_is_tried_in_the_same_pass() {
    let catalogue = Catalogue::shipped().expect("sound");
    let folder = tempfile::tempdir().expect("a folder");
    let day: Date = "2026-10-31".parse().expect("a date");
    let dataset = made(&catalogue, &folder.path().join("w"), 2_000, seed(), day);
    let by = |standards: &[&str]| {
        let standards = standards.iter().map(|s| (*s).to_owned()).collect();
        let wanted = job::Wanted { fields: vec!["food-production".to_owned()], standards };
        job::job(&catalogue, &wanted, day, dataset.manifest.known_at).expect("a job")
    };
    let jobs = [by(&["public-comprehensive"]), by(&["public-comprehensive@2019.1", "energy-contracts"])];
    let places = ["in-force", "draft"].map(|name| Place::from(folder.path().join(name).as_path()));
    let cancelled = AtomicBool::new(false);
    let options =
        Options { threads: 2, incremental: false, verify: false, cancelled: &cancelled, progress: &|_| {} };
    let orders: Vec<Order<'_>> =
        jobs.iter().zip(&places).map(|(job, out)| Order { job, previous: None, out }).collect();
    let together = rescore_together(&dataset, &orders, &options).expect("runs");

    let read = |run: &Previous, job: &Job| -> Vec<Results> {
        let layout = Layout::new(job, &catalogue.vocabulary);
        let shards = run.run.shards.iter();
        shards.map(|s| read_results(&run.place, &s.file, &layout).expect("results")).collect()
    };
    let mut seen = Vec::new();
    for ((place, (shared, _)), (job, name)) in places.iter().zip(together).zip(jobs.iter().zip(["a", "b"])) {
        let shared = Previous { place: place.clone(), run: shared };
        let (alone, _) = run(&dataset, job, None, false, 1, &folder.path().join(name));
        let (mut shared, mut alone) = (read(&shared, job), read(&alone, job));
        // The second reads numbers and references that the first does not, and fingerprints tell so.
        for results in shared.iter_mut().chain(&mut alone) {
            results.digest.clear();
        }
        assert_eq!(shared, alone);
        seen.push(shared);
    }
    let score = |run: usize, id: &str| {
        let place = jobs[run].standards.iter().position(|s| s.plan.standard.id == id).expect("a standard");
        seen[run].iter().flat_map(|results| results.standards[place].score.clone()).collect::<Vec<_>>()
    };
    assert_ne!(score(0, "food-producers"), score(1, "food-producers"), "it reads the public score");
    let again = rescore_together(&dataset, &orders, &options).expect("finished runs");
    assert!(again.iter().zip(&places).all(|((run, _), place)| *run == Run::read(place).expect("a run")));
}

#[test]
fn threads_and_interruptions_leave_no_trace() {
    let catalogue = Catalogue::shipped().expect("sound");
    let folder = tempfile::tempdir().expect("a folder");
    let day: Date = "2026-10-31".parse().expect("a date");
    let dataset = made(&catalogue, &folder.path().join("w"), 40_000, seed(), day);
    let job = work(&catalogue, &dataset, &["food-production"], day);
    let (one, _) = run(&dataset, &job, None, false, 1, &folder.path().join("one"));
    assert!(one.run.shards.len() > 1, "an interruption needs two shards");
    for threads in [2, 8] {
        let (many, _) = run(&dataset, &job, None, false, threads, &folder.path().join(format!("t{threads}")));
        assert!(files(&one) == files(&many), "{threads} threads");
    }
    // Stopped after the first shard, as often as it takes.
    let out = folder.path().join("stopped");
    let place = Place::from(out.as_path());
    let mut stops = 0;
    let run = loop {
        let cancelled = AtomicBool::new(false);
        let stop = |_| cancelled.store(true, Ordering::Relaxed);
        let options =
            Options { threads: 1, incremental: false, verify: false, cancelled: &cancelled, progress: &stop };
        match rescore(&dataset, &job, None, &place, &options) {
            Err(Error::Cancelled) => {
                stops += 1;
                assert!(Run::read(&place).is_err(), "nothing is published before the end");
            }
            other => break other.expect("a run").0,
        }
        if stops > 2 * one.run.shards.len() {
            let (whole, report) = self::run(&dataset, &job, None, false, 2, &out);
            assert!(report.shards_resumed > 0);
            break whole.run;
        }
    };
    assert!(stops > 0);
    assert!(files(&one) == files(&Previous { place, run }), "stopped {stops} times");
}
