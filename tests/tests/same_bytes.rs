//! The same facts give the same results, byte for byte: in memory, from a ledger however it was filled, and on any
//! number of threads.
//!
//! `HENGXIN_SEED` repeats a run, `HENGXIN_CASES` says how many subjects there are (default 2,000, on 5 days each).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use hengxin_standard::lock::sha256_hex;
use hengxin_store::{Error, Ledger, Options};
use hengxin_tests::differential::{cases, seed};
use hengxin_tests::district::{District, Member, Record, batch, delivery};
use hengxin_tests::random::Random;

/// Subjects of one ledger.
const MEMBERS: usize = 200;
const DAYS: usize = 5;

/// A folder that is removed when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("hengxin-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The text of all members, made piece by piece on `threads` threads.
fn on_threads(threads: usize, members: &[Member], work: impl Fn(&[Member]) -> String + Sync) -> String {
    let size = members.len().div_ceil(threads);
    let pieces: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = members.chunks(size).map(|piece| scope.spawn(|| work(piece))).collect();
        running.into_iter().map(|one| one.join().expect("the thread ends well")).collect()
    });
    // Pieces are by member, answers by day: sorted, they are the same lines.
    let mut lines: Vec<&str> = pieces.iter().flat_map(|piece| piece.lines()).collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// Where the first difference lies, for people.
#[track_caller]
fn check_same(seed: u64, what: &str, found: &str, expected: &str) {
    if sha256_hex(found.as_bytes()) == sha256_hex(expected.as_bytes()) {
        return;
    }
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected, "seed {seed}, {what}");
    }
    panic!("seed {seed}, {what}: {} lines, expected {}", found.lines().count(), expected.lines().count());
}

/// Records cut into batches at random, in random order; a mark comes no earlier than what it speaks of.
fn batches(random: &mut Random, members: &[Member], n: usize) -> Vec<Vec<Record>> {
    let mut batches: Vec<Vec<Record>> = vec![Vec::new(); n];
    for member in members {
        let mut latest = 0;
        for record in &member.records {
            // Marks follow their fact in a member's records.
            let at = if record.is_mark() { latest + random.index(n - latest) } else { random.index(n) };
            if !record.is_mark() {
                latest = at;
            }
            batches[at].push(record.clone());
        }
    }
    for batch in &mut batches {
        random.shuffle(batch);
    }
    batches
}

/// Fills a ledger in `n` batches; with `troubled`, batches run out of room and are repeated, and the file is closed
/// and opened again in between.
fn filled(district: &District, path: &Path, random: &mut Random, n: usize, troubled: bool) -> Ledger {
    let vocabulary = &district.catalogue.vocabulary;
    let options = Options::default();
    let mut ledger = Ledger::create(path, Arc::clone(vocabulary), options.clone()).expect("a new ledger");
    let mut deliveries: Vec<_> = district.deliveries.iter().map(|d| delivery(vocabulary, d)).collect();
    random.shuffle(&mut deliveries);
    ledger.recorder().and_then(|mut r| r.deliver("test", &deliveries)).expect("delivered");
    for records in batches(random, &district.members, n) {
        let rows = batch(vocabulary, &records);
        if troubled {
            drop(ledger);
            let pages = std::fs::metadata(path).expect("a file").len() / 4096;
            let tight = Options { pages_max: u32::try_from(pages + 3).ok(), ..options.clone() };
            let full = Ledger::open_with(path, Arc::clone(vocabulary), tight).expect("opened");
            let cut_off = full.recorder().and_then(|mut r| r.append(&rows));
            assert!(matches!(cut_off, Err(Error::Full)) || records.len() < 30, "{cut_off:?}");
            drop(full);
            ledger = Ledger::open(path, Arc::clone(vocabulary)).expect("opened again");
        }
        let mut recorder = ledger.recorder().expect("a recorder");
        let report = recorder.append(&rows).expect("recorded");
        assert_eq!((report.quarantined, report.corrected), (0, 0), "every record is new");
        if troubled {
            let again = recorder.append(&rows).expect("recorded");
            assert_eq!(
                again.duplicate,
                report.accepted + report.duplicate,
                "a repeated batch says nothing new"
            );
        }
    }
    ledger
}

#[test]
fn memory_ledgers_and_threads_give_the_same_bytes() {
    let (seed, districts) = (seed(), cases(2_000).div_ceil(200));
    (0..districts).for_each(|n| of_one_district(seed.wrapping_add(n)));
}

/// Of two related subjects one has no record and one's register was not delivered: which reason was told once depended on which
/// of them came first, in memory by chance and in a ledger by its code.
#[test]
fn the_order_of_related_subjects_says_nothing() {
    of_one_district(20_260_418);
}

fn of_one_district(seed: u64) {
    let district = District::new(seed, MEMBERS, DAYS);
    let mut random = Random::new(seed);
    let expected = on_threads(1, &district.members, |members| district.answers(members));
    for threads in [2, 8] {
        let found = on_threads(threads, &district.members, |members| district.answers(members));
        check_same(seed, &format!("{threads} threads"), &found, &expected);
    }
    let mut shuffled = district.members.clone();
    random.shuffle(&mut shuffled);
    let found = on_threads(1, &shuffled, |members| district.answers(members));
    check_same(seed, "members in another order", &found, &expected);
    for (name, n, troubled, threads) in
        [("one batch", 1, false, 1), ("four batches", 4, false, 8), ("cut off and repeated", 3, true, 2)]
    {
        let folder = Folder::new(&format!("same-bytes-{seed}"));
        let ledger = filled(&district, &folder.0.join("ledger.db"), &mut random, n, troubled);
        let found = on_threads(threads, &district.members, |members| {
            let snapshot = ledger.snapshot(None).expect("a snapshot");
            district.answers_from(&snapshot, members)
        });
        check_same(seed, name, &found, &expected);
    }
}
