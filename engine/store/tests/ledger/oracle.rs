//! The ledger against a list: every read at every moment agrees with an obvious, slow computation.
//!
//! The list knows nothing of keys' digests, indexes or classes: it holds the drafts in the order recorded and applies
//! `docs/standard-format.md` §3 rule 1 word by word. `HENGXIN_SEQUENCES` sets the number of random sequences
//! (default 2,000), `HENGXIN_SEED` the first seed.

use std::collections::{BTreeMap, BTreeSet};

use hengxin_core::date::{Date, Moment};
use hengxin_core::draft::Draft;
use hengxin_core::fact::Classes;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::{Mark, Shape};
use hengxin_store::{History, Ledger, RecordVersion, Recorder, Report};

use crate::engine;
use crate::support::{Make, Random, VOCABULARY, append, fresh, make, mark, penalty, setting, subject};

/// What the list says of one file: rows by their natural key, registrations by their first day.
#[derive(Debug, Default, PartialEq, Eq)]
struct Expected {
    facts: BTreeSet<Row>,
    registrations: BTreeMap<Date, (Option<u32>, Option<u16>)>,
}

type Row = (Date, Vec<u64>, u16, Option<i64>, Option<String>, Date, Date, Date, Vec<(Date, Date)>);

#[derive(Default)]
struct List {
    entries: Vec<(Moment, Draft)>,
}

type RecordKey = (Uscc, u16, String);

fn record_key(draft: &Draft) -> RecordKey {
    (draft.subject, draft.code.0, draft.key.clone())
}

fn target_key(draft: &Draft) -> Option<RecordKey> {
    draft.target.as_ref().map(|(code, key)| (draft.subject, code.0, key.clone()))
}

fn shape(draft: &Draft) -> Shape {
    VOCABULARY.code(draft.code).shape
}

impl List {
    /// The last version of every record known at `at`.
    fn versions(&self, at: Moment) -> BTreeMap<RecordKey, &Draft> {
        let known = self.entries.iter().filter(|(moment, _)| *moment <= at);
        known.map(|(_, draft)| (record_key(draft), draft)).collect()
    }

    fn withdrawn(versions: &BTreeMap<RecordKey, &Draft>, key: &RecordKey) -> bool {
        versions.values().any(|draft| {
            shape(draft) == Shape::Mark(Mark::Withdrawal)
                && target_key(draft).as_ref() == Some(key)
                && !List::withdrawn(versions, &record_key(draft))
        })
    }

    fn file(&self, subject: Uscc, at: Moment) -> Expected {
        let versions = self.versions(at);
        let standing: Vec<&Draft> = versions
            .iter()
            .filter(|(key, _)| !List::withdrawn(&versions, key))
            .map(|(_, draft)| *draft)
            .collect();
        let mut expected = Expected::default();
        for draft in standing.iter().filter(|draft| draft.subject == subject) {
            if let Some(registration) = &draft.registration {
                let region = registration.region.map(hengxin_core::region::RegionCode::digits);
                expected.registrations.insert(draft.occurred_on, (region, registration.status));
                continue;
            }
            let upon = |kind: Mark| {
                standing.iter().filter(move |mark| {
                    shape(mark) == Shape::Mark(kind) && target_key(mark) == Some(record_key(draft))
                })
            };
            let repaired_on = upon(Mark::Repair).map(|mark| mark.occurred_on).min().unwrap_or(Date::FOREVER);
            let mut objections: Vec<_> =
                upon(Mark::Objection).map(|mark| (mark.occurred_on, mark.ends_on.plus_days(1))).collect();
            objections.sort_unstable();
            expected.facts.insert((
                draft.occurred_on,
                draft.class.values.to_vec(),
                draft.code.0,
                draft.number,
                draft.reference.clone(),
                draft.ends_on,
                draft.publicity_until,
                repaired_on,
                objections,
            ));
        }
        expected
    }

    /// What a report must count, for batches without contradictions, and the new entries.
    fn append(&mut self, drafts: &[Draft], report: &Report) {
        let mut counts = (0, 0, 0, 0);
        let mut waiting: Vec<&Draft> = Vec::new();
        let order = |draft: &&Draft| match shape(draft) {
            Shape::Mark(Mark::Withdrawal) => 2,
            Shape::Mark(_) => 1,
            _ => 0,
        };
        waiting.extend(drafts);
        waiting.sort_by_key(order);
        loop {
            let before = waiting.len();
            waiting.retain(|draft| {
                let versions = self.versions(report.recorded_at);
                let last = versions.get(&record_key(draft)).copied();
                if let Some(target) = target_key(draft)
                    && !versions.contains_key(&target)
                {
                    return true;
                }
                match last {
                    Some(last) if last == *draft => counts.1 += 1,
                    Some(_) => counts.2 += 1,
                    None => counts.0 += 1,
                }
                if last != Some(*draft) {
                    self.entries.push((report.recorded_at, (*draft).clone()));
                }
                false
            });
            if waiting.len() == before {
                break;
            }
        }
        counts.3 = u64::try_from(waiting.len()).expect("small");
        let found = (report.accepted, report.duplicate, report.corrected, report.quarantined);
        assert_eq!(found, counts);
    }
}

fn read(ledger: &Ledger, subject: Uscc, at: Moment) -> Expected {
    let snapshot = ledger.snapshot(Some(at)).expect("a snapshot");
    let mut expected = Expected::default();
    let Some(file) = snapshot.credit_file(subject).expect("readable") else { return expected };
    for (i, class) in file.columns.class.iter().enumerate() {
        let class = file.classes.class(*class).expect("a class");
        let index = u32::try_from(i).expect("small");
        let objections = file.columns.objections.iter().filter(|o| o.fact == index);
        expected.facts.insert((
            file.columns.occurred_on[i],
            class.values.to_vec(),
            class.code.0,
            Some(file.columns.number[i]).filter(|n| *n != i64::MIN),
            file.reference(file.columns.reference[i]).map(str::to_owned),
            file.columns.ends_on[i],
            file.columns.publicity_until[i],
            file.columns.repaired_on[i],
            objections.map(|o| (o.from, o.until)).collect(),
        ));
    }
    assert!(file.columns.occurred_on.is_sorted(), "sorted by day");
    for registration in &file.registrations {
        let region = registration.region.map(hengxin_core::region::RegionCode::digits);
        expected.registrations.insert(registration.since, (region, registration.status));
    }
    expected
}

/// What [`read`] reads, out of the history of all moments.
fn cut(history: Option<&History>, at: Moment) -> Expected {
    let mut expected = Expected::default();
    let Some(history) = history else { return expected };
    let known = |v: &&RecordVersion| v.known_from <= at && v.known_until.is_none_or(|until| at < until);
    for version in history.versions.iter().filter(known) {
        if let Some(registration) = &version.registration {
            let region = registration.region.map(hengxin_core::region::RegionCode::digits);
            let before = expected.registrations.insert(registration.since, (region, registration.status));
            assert_eq!(before, None, "one version of a record known at a time");
            continue;
        }
        let class = history.classes.class(version.class).expect("a class");
        expected.facts.insert((
            version.occurred_on,
            class.values.to_vec(),
            class.code.0,
            version.number,
            version.reference.as_deref().map(str::to_owned),
            version.ends_on,
            version.publicity_until,
            version.repaired_on,
            version.objections.clone(),
        ));
    }
    expected
}

/// The facts of a file in the order the kernel sees them, and those of a history in the order of its versions.
fn in_order(ledger: &Ledger, subject: Uscc, history: &History, at: Moment) {
    let snapshot = ledger.snapshot(Some(at)).expect("a snapshot");
    let Some(file) = snapshot.credit_file(subject).expect("readable") else { return };
    let known = |v: &&RecordVersion| v.known_from <= at && v.known_until.is_none_or(|until| at < until);
    let facts = history.versions.iter().filter(known).filter(|v| v.registration.is_none());
    let class = |classes: &Classes, id| classes.class(id).expect("a class").clone();
    let ours: Vec<_> =
        facts.map(|v| (v.occurred_on, class(&history.classes, v.class), v.repaired_on)).collect();
    let columns = &file.columns;
    let theirs: Vec<_> = (0..columns.class.len())
        .map(|i| (columns.occurred_on[i], class(&file.classes, columns.class[i]), columns.repaired_on[i]))
        .collect();
    assert_eq!(ours, theirs, "in the order of day and record");
}

/// A record out of few keys, so that versions, marks and marks upon marks meet often.
fn random_row(random: &mut Random, subjects: u32) -> Make {
    let who = subject(u32::try_from(random.below(subjects as usize)).expect("small"));
    let day = |random: &mut Random| format!("2026-0{}-1{}", 1 + random.below(9), random.below(10));
    let on = day(random);
    let number = ["1", "2", "3", "4"][random.below(4)];
    match random.below(10) {
        0..=3 => {
            let mut row = penalty(who, number, &on);
            if random.below(2) == 0 {
                row = row.with("severity", random.pick(&["minor", "general", "serious"]));
            }
            if random.below(3) == 0 {
                row = row.with("kinds", random.pick(&["warning", "warning;fine", "fine;closure"]));
            }
            if random.below(2) == 0 {
                row = row.with("amount", random.below(3)).with("case", random.below(2));
            }
            if random.below(3) == 0 {
                row = row.with("ends_on", day(random)).with("publicity_until", day(random));
            }
            row
        }
        4 => {
            let since = ["2020-01-01", "2021-01-01"][random.below(2)];
            let row = make("registration", who)
                .with("since", since)
                .with("status", random.pick(&["active", "revoked"]));
            row.with("region", random.pick(&["330106", "110101"]))
        }
        5 => {
            let row = make("relation", who).with("kind", "parent").with("other", subject(99));
            row.with("from", random.pick(&["2020-01-01", "2021-01-01"]))
        }
        n => {
            let kind = ["repair", "objection", "withdrawal", "withdrawal"][n - 6];
            // Withdrawals name facts, repairs and withdrawals of a lower number, so that no ring arises.
            let lower =
                (random.below(4) + 1).min(number.parse::<usize>().unwrap_or(1).saturating_sub(1)).to_string();
            let target = match (kind, random.below(4)) {
                ("withdrawal", 0) => ("repair", number.to_owned()),
                ("withdrawal", 1) => ("withdrawal", lower),
                ("withdrawal", 2) => ("registration", "2020-01-01".to_owned()),
                _ => ("administrative-penalty", ["1", "2", "3", "4"][random.below(4)].to_owned()),
            };
            let row = mark(kind, who, number, (target.0, &target.1), &on);
            if kind == "objection" && random.below(2) == 0 { row.with("to", day(random)) } else { row }
        }
    }
}

fn sequence(ledger: &Ledger, recorder: &mut Recorder, base: u32, seed: u64) {
    let mut random = Random::new(seed);
    let mut list = List::default();
    let mut moments = vec![Moment(0)];
    for _ in 0..=random.below(8) {
        let mut rows: Vec<Make> = Vec::new();
        for _ in 0..=random.below(6) {
            let row = random_row(&mut random, 2);
            let key = |make: &Make| record_key(&make.draft());
            // Contradictions within a batch have tests of their own.
            if !rows.iter().any(|other| key(other) == key(&row)) {
                rows.push(row);
            }
        }
        let rows: Vec<Make> = rows.into_iter().map(|row| row.moved(base)).collect();
        let report = append(recorder, &rows);
        let drafts: Vec<Draft> = rows.iter().map(Make::draft).collect();
        list.append(&drafts, &report);
        moments.push(report.recorded_at);
    }
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let histories = [0, 1].map(|n| snapshot.history(subject(base + n)).expect("readable"));
    drop(snapshot);
    let between: Vec<Moment> = moments.iter().map(|moment| Moment(moment.0 - 1)).collect();
    for at in moments.iter().chain(&between) {
        for n in 0..2 {
            let who = subject(base + n);
            assert_eq!(
                read(ledger, who, *at),
                list.file(who, *at),
                "seed {seed}, subject {n}, known at {at:?}"
            );
            let history = histories[n as usize].as_ref();
            assert_eq!(cut(history, *at), list.file(who, *at), "history, seed {seed}, subject {n}, {at:?}");
            if let Some(history) = history {
                in_order(ledger, who, history, *at);
            }
        }
    }
}

#[test]
fn every_read_agrees_with_the_list() {
    let (seed, sequences) = (setting("HENGXIN_SEED", 1), setting("HENGXIN_SEQUENCES", engine::SEQUENCES));
    // One ledger for many sequences, each with subjects of its own: they must not touch each other.
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    for n in 0..sequences {
        sequence(&ledger, &mut recorder, u32::try_from(n).expect("few") * 2 + 1000, seed + n);
    }
    ledger.snapshot(None).and_then(|s| s.verify()).expect("whole");
    println!("seeds {seed} to {}", seed + sequences - 1);
}
