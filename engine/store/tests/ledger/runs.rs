//! Runs: one at a time in a field, once a request, cancelled whole, loaded whole, and watched in one order.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hengxin_core::date::Moment;
use hengxin_core::region::RegionCode;
use hengxin_store::{
    ChangePosition, Claim, CutOff, Error, Firing, Ledger, Loaded, LockWatch, Missed, NewRun, Options,
    Published, RequestKey, RunBook, RunState, RunTier, Schedule, Snapshot, TierFilter,
};

use crate::support::{Folder, Hand, VOCABULARY, append, date, fresh, penalty, region, subject};

pub(crate) const FIELD: &str = "market";

pub(crate) fn order(as_of: &str) -> NewRun {
    NewRun {
        field: FIELD.to_owned(),
        as_of: date(as_of),
        known_at: Moment(5),
        dataset: None,
        incremental: false,
        previous: None,
    }
}

pub(crate) fn request(id: &str) -> RequestKey {
    RequestKey { id: id.to_owned(), method: "StartRun".to_owned(), digest: [7; 32] }
}

pub(crate) fn row(n: u32, tier: Option<u16>) -> RunTier {
    RunTier {
        subject: subject(n),
        policy: "market-regulation".to_owned(),
        edition: "2026.1".to_owned(),
        policy_digest: [3; 32],
        tier,
        previous_tier: None,
        public_grade: Some("A".to_owned()),
        public_score: Some(9_500_000),
        industry_grade: None,
        industry_score: None,
        region: Some(region(330_106)),
        industry: Some("C1411".parse().expect("an industry")),
        horizon: Some(date("2027-01-01")),
    }
}

pub(crate) fn published(rows: u64) -> Published {
    Published { results: "/results".to_owned(), counts: "{}".to_owned(), rows }
}

pub(crate) fn monthly() -> Schedule {
    Schedule {
        name: "monthly".to_owned(),
        fields: vec![FIELD.to_owned(), "tax".to_owned()],
        cron: "0 2 1 * *".to_owned(),
        time_zone: "Asia/Shanghai".to_owned(),
        cut_off: CutOff::PreviousMonthEnd,
        missed: Missed::RunOnce,
        dataset: None,
        incremental: true,
    }
}

/// A published run with changes, and a schedule: for tests that look into every table.
pub(crate) fn one_of_everything(ledger: &Ledger) {
    let mut book = ledger.run_book().expect("a book");
    book.create_schedule(&monthly()).expect("made");
    carry_out(&mut book, "a", "2026-05-31", &[(0, Some(1))]);
}

/// A run carried out and published with these tiers of the subjects 0, 1, 2 …
pub(crate) fn carry_out(book: &mut RunBook, name: &str, as_of: &str, tiers: &[(u32, Option<u16>)]) -> Loaded {
    book.start(&order(as_of), &request(name)).expect("ordered");
    let claim = book.claim(name).expect("a book").expect("a run");
    load(book, &claim, tiers).expect("published")
}

fn load(book: &mut RunBook, claim: &Claim, tiers: &[(u32, Option<u16>)]) -> Result<Loaded, Error> {
    let mut load = book.load(claim, [9; 32])?;
    book.add(&mut load, &mut tiers.iter().map(|(n, tier)| row(*n, *tier)))?;
    book.publish(load, &published(u64::try_from(tiers.len()).expect("few")))
}

fn changes(snapshot: &Snapshot, run: u64) -> Vec<(String, Option<u16>, Option<u16>)> {
    let publication = snapshot.publication_of(run).expect("readable").expect("published");
    let changes = snapshot.run_changes(&publication, None, 1000).expect("readable");
    changes.into_iter().map(|c| (c.subject.to_string(), c.before, c.now)).collect()
}

#[test]
fn a_field_has_one_run_at_a_time_and_a_request_one_run() {
    let (_folder, ledger) = fresh();
    let (mut one, mut two) = (ledger.run_book().expect("a book"), ledger.run_book().expect("another"));
    let first = one.start(&order("2026-06-30"), &request("a")).expect("ordered");
    let again = two.start(&order("2026-06-30"), &request("a")).expect("the same");
    assert_eq!((first.new, again.new, again.run.id), (true, false, first.run.id));
    let other = two.start(&order("2026-06-30"), &request("b")).expect_err("one is queued");
    assert!(other.to_string().contains("run 1 of field `market` is queued"), "{other}");
    let reused = RequestKey { digest: [8; 32], ..request("a") };
    assert!(matches!(two.start(&order("2026-06-30"), &reused), Err(Error::RequestReused { .. })));
    let claim = one.claim("one").expect("a book").expect("the run");
    assert_eq!(two.claim("two").expect("a book"), None, "nothing else waits");
    let other = two.start(&order("2026-06-30"), &request("b")).expect_err("one is running");
    assert!(other.to_string().contains("is running"), "{other}");
    one.fail(&claim, "no such dataset").expect("ended");
    assert!(two.start(&order("2026-06-30"), &request("b")).expect("free again").new);
}

#[test]
fn a_run_is_loaded_whole_and_its_differences_are_told() {
    let (_folder, ledger) = fresh();
    let mut book = ledger.run_book().expect("a book");
    let first = [(1, Some(1)), (0, Some(2)), (2, None)];
    assert_eq!(carry_out(&mut book, "a", "2026-05-31", &first), Loaded::Current { changes: 3 });
    let before = ledger.snapshot(None).expect("a snapshot");
    let second = [(0, Some(2)), (1, Some(3)), (3, Some(1))];
    assert_eq!(carry_out(&mut book, "b", "2026-06-30", &second), Loaded::Current { changes: 3 });
    assert!(book.sweep().expect("swept") > 0);
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let name = |n| subject(n).to_string();
    assert_eq!(
        changes(&snapshot, 2),
        [(name(1), Some(1), Some(3)), (name(2), None, None), (name(3), None, Some(1))]
    );
    // Who began to read before reads on from the run before, pruned or not.
    let run = before.loaded_run(FIELD).expect("readable").expect("loaded");
    assert_eq!(
        (run.run, before.run_tier(&run, subject(1)).expect("readable").expect("there").tier),
        (1, Some(1))
    );
    let run = snapshot.loaded_run(FIELD).expect("readable").expect("loaded");
    assert_eq!((run.run, run.rows, run.manifest), (2, 3, [9; 32]));
    assert_eq!(snapshot.run_tier(&run, subject(2)).expect("readable"), None);
    let filter = TierFilter { tier: Some(3), ..TierFilter::default() };
    let listed = snapshot.run_tiers(&run, &filter, None, 10).expect("readable");
    assert_eq!(listed, [row(1, Some(3))]);
    assert_eq!(snapshot.verify().expect("whole").facts, 0);
    // A replay of an earlier day is on record and answers nothing.
    drop(before);
    assert_eq!(carry_out(&mut book, "c", "2026-04-30", &first), Loaded::Superseded { by: 2 });
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    assert_eq!(snapshot.loaded_run(FIELD).expect("readable").expect("loaded").run, 2);
    assert_eq!(snapshot.run(3).expect("readable").expect("there").state, RunState::Succeeded);
    assert_eq!(snapshot.publication_of(3).expect("readable"), None);
}

#[test]
fn wrong_results_leave_the_previous_ones_untouched() {
    let (_folder, ledger) = fresh();
    let mut book = ledger.run_book().expect("a book");
    carry_out(&mut book, "a", "2026-05-31", &[(0, Some(1))]);
    book.start(&order("2026-06-30"), &request("b")).expect("ordered");
    let claim = book.claim("b").expect("a book").expect("a run");
    let twice = load(&mut book, &claim, &[(0, Some(2)), (0, Some(2))]).expect_err("twice");
    assert!(twice.to_string().contains("comes twice, expected each subject once"), "{twice}");
    let mut short = book.load(&claim, [9; 32]).expect("begun");
    book.add(&mut short, &mut std::iter::once(row(0, Some(2)))).expect("added");
    let problem = book.publish(short, &published(2)).expect_err("one row is missing");
    assert!(problem.to_string().contains("1 rows, expected 2"), "{problem}");
    book.fail(&claim, &problem.to_string()).expect("ended");
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let run = snapshot.loaded_run(FIELD).expect("readable").expect("loaded");
    assert_eq!((run.run, snapshot.run_tier(&run, subject(0)).expect("readable")), (1, Some(row(0, Some(1)))));
}

#[test]
fn a_run_is_cancelled_before_it_is_published_or_not_at_all() {
    let (_folder, ledger) = fresh();
    let (mut book, mut other) = (ledger.run_book().expect("a book"), ledger.run_book().expect("another"));
    book.start(&order("2026-06-30"), &request("a")).expect("ordered");
    let claim = book.claim("a").expect("a book").expect("a run");
    let mut load = book.load(&claim, [9; 32]).expect("begun");
    book.add(&mut load, &mut std::iter::once(row(0, Some(2)))).expect("added");
    assert!(other.cancel(1).expect("asked").cancel_requested);
    assert!(book.beat(&claim, 1, 1).expect("alive").cancel_requested);
    assert!(matches!(book.publish(load, &published(1)), Err(Error::RunCancelled { run: 1 })));
    assert_eq!(book.cancelled(&claim, "cancelled").expect("ended").state, RunState::Cancelled);
    assert_eq!(ledger.snapshot(None).expect("a snapshot").loaded_run(FIELD).expect("readable"), None);
    carry_out(&mut book, "b", "2026-06-30", &[(0, Some(1))]);
    let late = other.cancel(2).expect_err("too late");
    assert!(late.to_string().contains("its results are published whole"), "{late}");
}

#[test]
fn a_lock_is_taken_over_from_the_dead_and_never_from_the_living_whatever_the_clock_says() {
    let folder = Folder::new();
    let clock = Arc::new(Hand::default());
    clock.0.store(1_000_000_000, Ordering::Relaxed);
    let options = Options { clock: Arc::clone(&clock) as _, ..Options::default() };
    let ledger = Ledger::create(folder.ledger(), Arc::clone(&VOCABULARY), options).expect("a ledger");
    let (mut holder, mut watcher) = (ledger.run_book().expect("a book"), ledger.run_book().expect("another"));
    let mut watch = LockWatch::default();
    let patience = Duration::from_secs(30);
    let locks = || ledger.snapshot(None).expect("a snapshot").run_locks().expect("readable");
    holder.start(&order("2026-06-30"), &request("a")).expect("ordered");
    let claim = holder.claim("first").expect("a book").expect("a run");
    // A year forward and two back: the holder counts on and keeps its lock.
    for (second, jump) in [(0, 0), (20, 31_536_000_000_000), (40, -63_072_000_000_000), (60, 0)] {
        clock.0.fetch_add(jump, Ordering::Relaxed);
        holder.beat(&claim, 1, 9).expect("still ours");
        assert_eq!(watch.stale(locks(), Duration::from_secs(second), patience), []);
    }
    // It stops counting; a clock far before its last beat is no reason to wait for ever.
    assert_eq!(watch.stale(locks(), Duration::from_secs(89), patience), []);
    let stale = watch.stale(locks(), Duration::from_secs(90), patience);
    assert_eq!(stale.len(), 1);
    let run = watcher.take_over(&stale[0]).expect("a book").expect("taken over");
    assert_eq!((run.state, run.attempts), (RunState::Queued, 1));
    assert!(run.detail.contains("the process that held it is gone (first)"), "{}", run.detail);
    assert_eq!(watcher.take_over(&stale[0]).expect("a book"), None, "somebody did so before");
    let resumed = watcher.claim("second").expect("a book").expect("the same run");
    assert_eq!(resumed.run.id, claim.run.id);
    // Whom everybody took for dead wakes up and finds out before it does harm.
    assert!(matches!(holder.beat(&claim, 2, 9), Err(Error::LockLost { run: 1 })));
    assert!(matches!(holder.load(&claim, [9; 32]), Err(Error::LockLost { run: 1 })));
    assert!(matches!(holder.fail(&claim, "x"), Err(Error::LockLost { run: 1 })));
    watcher.beat(&resumed, 1, 9).expect("ours");
    // A run that kills its process time after time has failed.
    for attempt in 2..4 {
        let lock = locks().remove(0);
        let run = watcher.take_over(&lock).expect("a book").expect("taken over");
        if attempt == 3 {
            assert_eq!(run.state, RunState::Failed);
            assert!(run.detail.starts_with("begun 3 times without an end"), "{}", run.detail);
        } else {
            watcher.claim("again").expect("a book").expect("the same run");
        }
    }
}

#[test]
fn decisions_and_publications_have_one_order() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    append(&mut recorder, &[penalty(subject(0), "1", "2026-01-01"), penalty(subject(1), "2", "2026-01-01")]);
    let mut book = ledger.run_book().expect("a book");
    crate::results::record_one(&mut recorder, subject(0));
    carry_out(&mut book, "a", "2026-05-31", &[(0, Some(1))]);
    crate::results::record_one(&mut recorder, subject(1));
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let publication = snapshot.publication_after(0).expect("readable").expect("one");
    assert_eq!((publication.id, publication.after_decision), (1, 1));
    let last = snapshot.last_change().expect("readable");
    assert_eq!(last, ChangePosition { decision: 2, publication: 1, subject: None });
    for text in ["2/1", "0/0", "7/3/91330106MA0000001X"] {
        let read = text.parse::<ChangePosition>().map(|position| position.to_string());
        assert!(read.is_err() || read.as_deref() == Ok(text), "{text}: {read:?}");
    }
    let within = ChangePosition { subject: Some(subject(5)), ..last.clone() };
    assert_eq!(within.to_string().parse(), Ok(within));
    assert_eq!("7".parse(), Ok(ChangePosition { decision: 7, ..ChangePosition::default() }));
    assert!("".parse::<ChangePosition>().is_err() && "1/2/3/4".parse::<ChangePosition>().is_err());
}

#[test]
fn a_firing_makes_its_runs_once_however_many_look_after_it() {
    let (_folder, ledger) = fresh();
    let (mut one, mut two) = (ledger.run_book().expect("a book"), ledger.run_book().expect("another"));
    let schedule = monthly();
    let seen = one.create_schedule(&schedule).expect("made");
    assert_eq!(two.create_schedule(&schedule).expect("the same"), seen);
    let other = Schedule { cron: "0 3 1 * *".to_owned(), ..schedule.clone() };
    assert!(matches!(two.create_schedule(&other), Err(Error::ScheduleExists { .. })));
    let at = Moment(seen.handled_to.0 + 1_000_000);
    let firings = [Firing { at, as_of: date("2026-05-31") }];
    assert_eq!(one.fire(&seen, &firings, Moment(5), at).expect("fired"), [1, 2]);
    assert_eq!(two.fire(&seen, &firings, Moment(5), at).expect("looked"), [0u64; 0]);
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let run = snapshot.run(2).expect("readable").expect("there");
    assert_eq!((run.field.as_str(), run.firing), ("tax", Some(("monthly".to_owned(), at))));
    assert!(one.pause_schedule("monthly", true).expect("paused").paused);
    one.delete_schedule("monthly").expect("removed");
    assert!(matches!(two.pause_schedule("monthly", true), Err(Error::UnknownSchedule { .. })));
}

#[test]
fn a_loaded_run_is_counted_with_its_grades_and_what_it_moved() {
    let (_folder, ledger) = fresh();
    let mut book = ledger.run_book().expect("a book");
    let mut run = |name: &str, rows: Vec<RunTier>| {
        book.start(&order("2026-06-30"), &request(name)).expect("ordered");
        let claim = book.claim(name).expect("a book").expect("a run");
        let mut load = book.load(&claim, [9; 32]).expect("begun");
        let count = u64::try_from(rows.len()).expect("few");
        book.add(&mut load, &mut rows.into_iter()).expect("added");
        book.publish(load, &published(count)).expect("published");
        let snapshot = ledger.snapshot(None).expect("a snapshot");
        let run = snapshot.loaded_run(FIELD).expect("readable").expect("loaded");
        let counted = snapshot.count_run_tiers(&run).expect("readable");
        let grade = |place: Option<u16>| place.map(|place| counted.grades[usize::from(place)].clone());
        let mut counts: Vec<_> = counted
            .counts
            .iter()
            .map(|c| (c.tier, grade(c.public_grade), grade(c.industry_grade), c.count))
            .collect();
        counts.sort_unstable();
        let mut moves: Vec<_> = snapshot
            .count_run_moves(&run)
            .expect("readable")
            .iter()
            .map(|m| (m.region.map(RegionCode::digits), m.from, m.to, m.count))
            .collect();
        moves.sort_unstable();
        (counts, moves)
    };
    let graded = |n, tier, own: &str| RunTier { industry_grade: Some(own.to_owned()), ..row(n, tier) };
    let a = || Some("A".to_owned());
    let first = vec![row(0, Some(1)), row(1, Some(1)), graded(2, Some(1), "A"), row(3, None)];
    let (counts, moves) = run("a", first);
    assert_eq!(counts, [(None, a(), None, 1), (Some(1), a(), None, 2), (Some(1), a(), a(), 1)]);
    assert_eq!(moves, [], "before the first run nobody was anywhere");
    // One stays, two move, one is gone who had no tier, one is new without a tier.
    let second = vec![row(0, Some(1)), row(1, Some(2)), row(2, Some(2)), row(9, None)];
    let (counts, moves) = run("b", second);
    assert_eq!(counts, [(None, a(), None, 1), (Some(1), a(), None, 1), (Some(2), a(), None, 2)]);
    assert_eq!(moves, [(Some(330_106), Some(1), Some(2), 2)]);
}
