//! No input crashes the engine or keeps it for ever: every target of `fuzz/src/lib.rs`, with the inputs of `fuzz/corpus` as
//! they are, and with them and the shipped documents spoiled at random.
//!
//! `HENGXIN_SEED` repeats a run; `HENGXIN_CASES` says how many inputs each target gets, in hundredths of its share. A fuzzer
//! that learns from coverage goes further: `docs/reliability.md`.

// The fuzzers' crate is a workspace of its own, which nobody compiles who does not fuzz; this is its library.
#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fs, process, thread};

use hengxin_standard::lock::Lock;
use hengxin_standard::{Catalogue, folder};
use hengxin_tests::differential::{cases as wanted, seed};
use hengxin_tests::random::Random;

/// What is put in place of something else: ends of ranges, and what the formats give a meaning.
const WORDS: [&str; 44] = [
    "",
    " ",
    "\n",
    "\t",
    "\u{feff}",
    "\u{202e}",
    "-",
    "0",
    "-0",
    "1",
    "99",
    "101",
    "1000000",
    "1000001",
    "-1000000",
    "9223372036854775807",
    "99999999999999999999999",
    "0.0001",
    "0.00001",
    "1e9",
    "NaN",
    "100%",
    "10000%",
    "0%",
    "9999-12-31",
    "2024-02-29",
    "2023-02-29",
    "0001-01-01",
    "none",
    "null",
    "~",
    "{",
    "}",
    "[",
    "]",
    ":",
    "#",
    "&a",
    "*a",
    "!t",
    "---",
    "\"",
    ",",
    "行",
];

/// Spoils bytes in a few places.
fn spoiled(random: &mut Random, input: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..random.between(1, 4) {
        let len = bytes.len();
        let at = random.index(len + 1);
        let end = (at + random.index(9)).min(len);
        match random.between(1, 9) {
            1 if at < len => bytes[at] ^= 1 << random.between(0, 7),
            2 => drop(bytes.splice(at..end, [])),
            3 => bytes.truncate(at),
            4 => {
                let copy: Vec<u8> = bytes[at..(at + 200).min(len)].to_vec();
                let to = random.index(len + 1);
                drop(bytes.splice(to..to, copy));
            }
            5 | 6 => number(random, &mut bytes, at),
            7 => lines(random, &mut bytes),
            8 => drop(bytes.splice(at..end, random.pick(&WORDS).bytes())),
            _ => {
                let noise: Vec<u8> =
                    (0..random.between(1, 6)).map(|_| random.bits().to_le_bytes()[0]).collect();
                drop(bytes.splice(at..end, noise));
            }
        }
    }
    bytes
}

/// Puts a word in place of the next run of digits.
fn number(random: &mut Random, bytes: &mut Vec<u8>, from: usize) {
    let Some(start) = (from..bytes.len()).find(|i| bytes[*i].is_ascii_digit()) else { return };
    let len = bytes[start..].iter().take_while(|b| b.is_ascii_digit() || **b == b'.' || **b == b'-').count();
    bytes.splice(start..start + len, random.pick(&WORDS).bytes());
}

/// Swaps two lines, or repeats one.
fn lines(random: &mut Random, bytes: &mut Vec<u8>) {
    let mut lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').collect();
    let (a, b) = (random.index(lines.len()), random.index(lines.len()));
    if random.chance(50) {
        lines.swap(a, b);
    } else {
        lines.insert(a, lines[b]);
    }
    *bytes = lines.join(&b'\n');
}

/// Hands `share` spoiled inputs to `target`. An input that crashes it is shown, one that keeps it for a minute ends
/// the test.
fn attack(corpus: &[Vec<u8>], share: u64, target: impl Fn(&[u8])) {
    let (seed, share) = (seed(), share * wanted(100) / 100);
    let now = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&now);
    thread::spawn(move || {
        loop {
            let before = seen.load(Ordering::Relaxed);
            thread::sleep(Duration::from_secs(60));
            if before == seen.load(Ordering::Relaxed) && before < share {
                eprintln!("input {before} of seed {seed} has kept its target for a minute");
                process::abort();
            }
        }
    });
    for n in 0..share {
        now.store(n, Ordering::Relaxed);
        let mut random = Random::new(seed.wrapping_add(n));
        let whole = &corpus[random.index(corpus.len())];
        let input = spoiled(&mut random, whole);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(&input))) {
            eprintln!("input {n} of seed {seed}:\n{}", String::from_utf8_lossy(&input));
            resume_unwind(panic);
        }
    }
    now.store(share, Ordering::Relaxed);
}

/// The seeds of a target, by name.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|problem| panic!("{}: {problem}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), fs::read(path).expect("a seed"))).collect()
}

/// Hands a target its seeds, its seeds spoiled, and `more` spoiled.
fn spoil(target: &'static str, share: u64, more: Vec<Vec<u8>>) {
    let corpus: Vec<Vec<u8>> = seeds(target).into_iter().map(|(_, seed)| seed).chain(more).collect();
    attack(&corpus, share, |input| {
        targets::run(target, input);
    });
}

#[test]
fn every_target_has_seeds_it_accepts_and_seeds_it_refuses() {
    let mut faults = String::new();
    for (target, run) in targets::TARGETS {
        let (mut good, mut bad) = (0, 0);
        for (name, seed) in seeds(target) {
            let accepted = run(&seed);
            good += usize::from(accepted);
            bad += usize::from(!accepted);
            if name.starts_with(if accepted { "bad-" } else { "good-" }) {
                faults += &format!("{target}/{name} is {}\n", if accepted { "accepted" } else { "refused" });
            }
        }
        if good == 0 || bad == 0 {
            faults += &format!("{target}: {good} seeds accepted and {bad} refused, expected some of both\n");
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn every_target_has_a_fuzzer_and_every_fuzzer_a_target() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/fuzz_targets");
    let names = fs::read_dir(folder).expect("fuzzers").map(|entry| entry.expect("an entry").path());
    let mut names: Vec<String> =
        names.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect();
    names.sort();
    assert_eq!(names, targets::TARGETS.map(|(name, _)| name));
    for name in names {
        let text = fs::read_to_string(format!("{folder}/{name}.rs")).expect("text");
        assert!(text.contains(&format!("hengxin_fuzz::run(\"{name}\"")), "{name}.rs fuzzes something else");
    }
}

#[test]
fn every_request_of_the_contract_is_fuzzed() {
    assert_eq!(targets::forgotten_requests(), Vec::<String>::new());
}

#[test]
fn codes_numbers_and_dates() {
    spoil("codes", 60_000, vec![]);
    spoil("dates", 60_000, vec![]);
}

/// The shipped files whose path meets a condition.
fn shipped(wanted: impl Fn(&str) -> bool) -> Vec<Vec<u8>> {
    folder::shipped()
        .into_iter()
        .filter(|(path, _)| wanted(path))
        .map(|(_, text)| text.into_bytes())
        .collect()
}

fn is_standard(path: &str) -> bool {
    !path.starts_with("policies/")
        && !path.contains("cases")
        && path.contains('/')
        && !path.starts_with("schema/")
}

#[test]
fn standards() {
    spoil("standards", 1_500, shipped(is_standard));
}

#[test]
fn policies_and_features() {
    spoil("policies", 1_000, shipped(|path| path.starts_with("policies/") && !path.contains("cases")));
    spoil("features", 1_000, vec![]);
}

#[test]
fn vocabularies_and_whole_folders() {
    spoil("vocabularies", 150, shipped(|path| path == "vocabulary.yaml"));
    let files: Vec<_> = folder::shipped()
        .into_iter()
        .filter(|(path, _)| ["vocabulary.yaml", "highway-construction/2009.1.yaml"].contains(&path.as_str()))
        .collect();
    attack(&[files[0].1.clone().into_bytes()], 60, |input| {
        let mut changed = files.clone();
        changed[0].1 = targets::text(input);
        if let Err(problem) = Catalogue::from_files(changed) {
            assert!(!problem.to_string().is_empty());
        }
    });
}

#[test]
fn cases_beside_standards() {
    spoil("cases", 60, vec![]);
    let catalogue = Catalogue::shipped().unwrap_or_else(|problem| panic!("{problem}"));
    for edition in catalogue.standards() {
        let path = edition.path.replace(".yaml", ".cases.yaml");
        attack(&shipped(|other| *other == path), 60, |input| {
            targets::cases_of(edition, input);
        });
    }
}

#[test]
fn locks() {
    let mut lock = Lock::default();
    let catalogue = Catalogue::shipped().unwrap_or_else(|problem| panic!("{problem}"));
    catalogue.pin(&mut lock).expect("nothing is pinned");
    spoil("locks", 3_000, vec![lock.render().into_bytes()]);
}

#[test]
fn manifests_plans_and_models() {
    for target in ["manifests", "plans", "histories", "models"] {
        spoil(target, 3_000, vec![]);
    }
}

#[test]
fn keys_notes_heads_and_proofs() {
    for target in ["keys", "notes", "heads", "proofs"] {
        spoil(target, 1_000, vec![]);
    }
}

#[test]
fn what_comes_over_the_wire() {
    for (target, share) in [("requests", 10_000), ("page_tokens", 3_000), ("credentials", 2_000)] {
        spoil(target, share, vec![]);
    }
}

#[test]
fn folders_of_access_rules() {
    spoil("access_rules", 300, vec![]);
}

#[test]
fn csv_files() {
    spoil("csv", 2_500, vec![]);
}

#[test]
fn files_of_exports() {
    spoil("exports", 15_000, vec![]);
}

#[test]
fn workbooks() {
    spoil("workbooks", 1_500, vec![]);
}

#[test]
fn parquet_files() {
    spoil("parquet", 15_000, vec![]);
}
