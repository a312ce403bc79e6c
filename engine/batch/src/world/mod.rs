//! A synthetic world as a dataset: enterprises nobody has, with histories a ledger would have recorded.
//!
//! Nobody real is in it: codes carry regions of cities that Zhejiang does not have and organisation codes of a block far
//! ahead of those in use. The same seed gives the same bytes on every machine and with any number of threads. The
//! world goes on: a later last day gives the same rows, some of them no longer known, and those of the days in between.
//! Proportions are the project's own, chosen so that every grade and tier occurs.

mod dice;
mod history;
mod recipe;
mod subject;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use hengxin_core::date::{Date, Moment};
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::Vocabulary;

use crate::error::{Error, Result};
use crate::manifest::{Delivered, Manifest, Shard};
use crate::place::Place;
use crate::sharding;
use crate::writer::{ShardWriter, shard_file};
use history::Historian;
use recipe::Recipes;
use subject::{Subject, code, places};

/// The first day anything was recorded: 2020-11-01.
pub const BEGIN: Date = Date::from_days(18_567);
/// On this day, 2026-10-31, the world has as many enterprises as were asked for.
pub const REFERENCE: Date = Date::from_days(20_757);
/// Most enterprises of a world: the nation's.
pub const ENTERPRISES_MAX: u64 = 200_000_000;
/// Batches are recorded at this moment of the day, 18:00 in China.
const HOUR: i64 = 10 * 3_600_000_000;

/// Which world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many enterprises it has on [`REFERENCE`]; later there are more, by some 4 % a year.
    pub enterprises: u64,
    /// Which of all worlds.
    pub seed: u64,
    /// The last day anything was recorded.
    pub through: Date,
    /// Threads that write; at least one.
    pub threads: usize,
}

/// Writes the world into a place. `progress` is told how many enterprises are done and how many there are.
///
/// # Errors
/// A number of enterprises or a day out of bounds; a place that cannot be written, or that holds a dataset already.
pub fn generate(
    vocabulary: &Vocabulary,
    options: &Options,
    place: &Place,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Manifest> {
    check(options)?;
    let _lock = place.lock()?;
    Manifest::none_yet(place)?;
    let recipes = Recipes::of(vocabulary);
    let runs = runs(options);
    let total = places(options);
    let next = AtomicUsize::new(0);
    let done = std::sync::atomic::AtomicU64::new(0);
    let shards: Mutex<Vec<(usize, Shard)>> = Mutex::default();
    let failed: Mutex<Option<Error>> = Mutex::default();
    let work = || -> Result<()> {
        let mut historian = Historian::new(options, &recipes);
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some(run) = runs.get(n) else { return Ok(()) };
            let mut writer = ShardWriter::new()?;
            for at in run.clone() {
                for row in historian.rows(at).drain(..) {
                    writer.push(row, vocabulary, &recipes.classes)?;
                }
                if at % 1024 == 0 {
                    progress(done.fetch_add(1024, Ordering::Relaxed).min(total), total);
                }
            }
            if let Some(shard) = writer.finish(vocabulary, &recipes.classes, place, shard_file(n))? {
                shards.lock().unwrap_or_else(PoisonError::into_inner).push((n, shard));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| {
                if let Err(problem) = work() {
                    // The others stop at their next shard.
                    next.store(usize::MAX / 2, Ordering::Relaxed);
                    failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(problem);
                }
            });
        }
    });
    if let Some(problem) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(problem);
    }
    let mut shards = shards.into_inner().unwrap_or_else(PoisonError::into_inner);
    shards.sort_unstable_by_key(|(n, _)| *n);
    let manifest = Manifest::new(
        vocabulary,
        format!(
            "synthetic world, seed {}, {} enterprises, through {}",
            options.seed, options.enterprises, options.through
        ),
        moment(options.through),
        deliveries(vocabulary, options.through),
        shards.into_iter().map(|(_, shard)| shard).collect(),
    );
    manifest.write(place)?;
    Ok(manifest)
}

fn check(options: &Options) -> Result<()> {
    if !(1..=ENTERPRISES_MAX).contains(&options.enterprises) {
        return Err(Error::Refused(format!(
            "found {} enterprises, expected 1 to {ENTERPRISES_MAX}",
            options.enterprises
        )));
    }
    let (first, last) = (BEGIN.plus_days(30), BEGIN.plus_days(20 * 365));
    if !(first..=last).contains(&options.through) {
        return Err(Error::Refused(format!(
            "found {} as the last day, expected {first} to {last}: the world's first records are of {BEGIN}",
            options.through
        )));
    }
    Ok(())
}

/// The moment of a day's batch.
fn moment(day: Date) -> Moment {
    Moment(i64::from(day.days()) * 86_400_000_000 + HOUR)
}

/// The places of each shard. Who opens one is decided by code alone, and only those who are there count.
fn runs(options: &Options) -> Vec<std::ops::Range<u64>> {
    let total = places(options);
    let there = |at: &u64| Subject::recorded_on(options, *at) <= options.through;
    let threads = options.threads.max(1) as u64;
    let part = total.div_ceil(threads);
    let openers = |thread: u64| -> Vec<u64> {
        let range = thread * part..((thread + 1) * part).min(total);
        range.filter(|at| sharding::opens(code(*at, total)) && there(at)).collect()
    };
    let parts: Vec<Vec<u64>> = std::thread::scope(|scope| {
        let spawned: Vec<_> = (0..threads).map(|thread| scope.spawn(move || openers(thread))).collect();
        spawned
            .into_iter()
            .map(|one| one.join().unwrap_or_else(|_| unreachable!("codes of places never fail")))
            .collect()
    });
    let mut starts: Vec<u64> = parts.into_iter().flatten().collect();
    let first = starts.first().copied().unwrap_or(total);
    if (0..first).any(|at| there(&at)) {
        starts.insert(0, 0);
    }
    let ends = starts.iter().skip(1).copied().chain([total]).collect::<Vec<_>>();
    starts.into_iter().zip(ends).map(|(start, end)| start..end).collect()
}

/// Every register, for the whole country, at the end of each month and on the last day.
fn deliveries(vocabulary: &Vocabulary, through: Date) -> Vec<Delivered> {
    let month_ends =
        (BEGIN.days()..through.days()).map(Date::from_days).filter(|d| d.plus_days(1).ymd().2 == 1);
    let one = |day: Date| {
        vocabulary.registers.iter().map(move |register| Delivered {
            register: register.id.clone(),
            region: "000000".to_owned(),
            through: day,
            recorded_at: moment(day),
        })
    };
    month_ends.chain([through]).flat_map(one).collect()
}

/// The code of the n-th enterprise of a world of so many: for examples and tests.
pub fn subject(options: &Options, n: u64) -> Uscc {
    code(n.min(places(options).saturating_sub(1)), places(options))
}
