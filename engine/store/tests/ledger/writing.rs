//! Many writers, repeated requests, answers that come after the commit.

use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use hengxin_store::{
    Answer, Command, Error, Fault, Job, Ledger, Options, Origin, Outcome, RequestKey, Result, Writer,
};

use crate::engine::Blocker;
use crate::support::{VOCABULARY, append, batch, batch_of, fresh, options, penalty, subject};

pub(crate) fn key(id: &str, body: u8) -> RequestKey {
    RequestKey { id: id.to_owned(), method: "SubmitFacts".to_owned(), digest: [body; 32] }
}

pub(crate) fn job(request: Option<RequestKey>, n: u32, document: &str) -> Job {
    Job {
        request,
        command: Command::Append(batch(&[penalty(subject(n), document, "2026-01-01")])),
        respond: Box::new(|outcome| format!("{outcome:?}").into_bytes()),
    }
}

fn facts(ledger: &Ledger) -> u64 {
    ledger.snapshot(None).and_then(|s| s.counts()).expect("readable").1
}

#[test]
fn a_repeated_request_has_one_effect_and_the_same_answer() {
    let (_folder, ledger) = fresh();
    let writer = Writer::start(&ledger).expect("a writer");
    let first = writer.call(job(Some(key("a-1", 1)), 1, "no 1")).expect("written");
    assert!(matches!(first.outcome, Some(Outcome::Appended(_))));
    // The reply was lost: the caller asks again, perhaps after a restart.
    writer.stop();
    let writer = Writer::start(&ledger).expect("a writer");
    let again = writer.call(job(Some(key("a-1", 1)), 1, "no 1")).expect("answered");
    assert_eq!(again, Answer { bytes: first.bytes.clone(), outcome: None });
    assert_eq!(facts(&ledger), 1);
    // Without an id the row itself is still recognised, but the answer says so.
    let plain = writer.call(job(None, 1, "no 1")).expect("written");
    assert_ne!(plain.bytes, first.bytes);
    assert_eq!(facts(&ledger), 1);
}

#[test]
fn a_request_id_used_for_something_else_is_refused() {
    let (_folder, ledger) = fresh();
    let writer = Writer::start(&ledger).expect("a writer");
    writer.call(job(Some(key("a-1", 1)), 1, "no 1")).expect("written");
    let error = writer.call(job(Some(key("a-1", 2)), 2, "no 2")).expect_err("another body");
    assert_eq!(error.to_string(), "request id `a-1` was used before for another body, expected a new id");
    assert_eq!(error.fault(), Fault::Caller);
    let elsewhere = RequestKey { method: "Evaluate".to_owned(), ..key("a-1", 1) };
    assert!(matches!(
        writer.call(job(Some(elsewhere), 1, "no 1")),
        Err(Error::RequestReused { what: "method", .. })
    ));
    for bad in ["", "a b", "ö", &"x".repeat(65)] {
        assert!(
            matches!(writer.call(job(Some(key(bad, 1)), 1, "no 1")), Err(Error::RequestForm { .. })),
            "`{bad}`"
        );
    }
    writer.call(job(Some(key(&"x".repeat(64), 1)), 1, "no 1")).expect("the longest id");
    assert_eq!(facts(&ledger), 1);
}

#[test]
fn two_copies_of_a_request_in_one_group_have_one_effect() {
    let (_folder, ledger) = fresh();
    let writer = Writer::start(&ledger).expect("a writer");
    let (sender, receiver) = channel();
    for _ in 0..50 {
        let sender = sender.clone();
        let reply =
            move |answer: Result<Answer>| sender.send(answer.expect("answered")).expect("someone listens");
        writer.submit(job(Some(key("same", 1)), 1, "no 1"), reply).expect("queued");
    }
    let answers: Vec<Answer> = receiver.iter().take(50).collect();
    assert_eq!(answers.iter().filter(|answer| answer.outcome.is_some()).count(), 1);
    assert!(answers.iter().all(|answer| answer.bytes == answers[0].bytes));
}

#[test]
fn a_bad_request_does_not_sink_the_others_of_its_group() {
    let (_folder, ledger) = fresh();
    let writer = Writer::start(&ledger).expect("a writer");
    let (sender, receiver) = channel();
    for n in 0..200u32 {
        let origin = Origin {
            actor: "test".to_owned(),
            file: None,
            resolves: if n % 3 == 0 { vec![999] } else { Vec::new() },
        };
        let fact = penalty(subject(n), "no 1", "2026-01-01")
            .with("severity", ["minor", "general", "serious"][n as usize % 3]);
        let command = Command::Append(batch_of(&[fact], origin));
        let sender = sender.clone();
        let job = Job { request: None, command, respond: Box::new(|_| Vec::new()) };
        writer.submit(job, move |answer| sender.send((n, answer)).expect("someone listens")).expect("queued");
    }
    for (n, answer) in receiver.iter().take(200) {
        match answer {
            Ok(_) => assert_ne!(n % 3, 0),
            Err(error) => assert!(
                n % 3 == 0 && matches!(error, Error::UnknownQuarantine { found: 999 }),
                "{n}: {error}"
            ),
        }
    }
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    for n in 0..200 {
        let file = snapshot.credit_file(subject(n)).expect("readable");
        assert_eq!(file.is_some(), n % 3 != 0);
        let severity = file.map(|file| file.classes.class(file.columns.class[0]).expect("a class").values[0]);
        assert!(severity.is_none_or(|value| value == u64::from(n % 3 + 1)), "classes keep their meaning");
    }
    snapshot.verify().expect("whole");
}

#[test]
fn waiting_writes_are_finished_when_the_writer_stops_and_later_ones_refused() {
    let (_folder, ledger) = fresh();
    let writer = Writer::start(&ledger).expect("a writer");
    let (sender, receiver) = channel();
    for n in 0..100 {
        let sender = sender.clone();
        writer
            .submit(job(None, n, "no 1"), move |answer| sender.send(answer.is_ok()).expect("someone listens"))
            .expect("queued");
    }
    writer.stop();
    assert_eq!(receiver.try_iter().filter(|ok| *ok).count(), 100);
    assert_eq!(facts(&ledger), 100);
    assert!(matches!(writer.call(job(None, 1, "no 2")), Err(Error::Stopped)));
}

#[test]
fn a_queue_that_is_full_refuses_at_once() {
    let (_folder, ledger) = fresh();
    let writer = Writer::start(&ledger).expect("a writer");
    // Somebody else holds the write lock, so that nothing moves.
    let blocker = Blocker::of(ledger.place());
    let mut refused = None;
    for n in 0..20_000 {
        let empty =
            Job { request: None, command: Command::Append(batch(&[])), respond: Box::new(|_| Vec::new()) };
        if let Err(error) = writer.submit(empty, |_| ()) {
            refused = Some((n, error));
            break;
        }
    }
    let (n, error) = refused.expect("the queue has an end");
    assert!(n > 8000 && matches!(error, Error::Overloaded { .. }), "{n}: {error}");
    blocker.end();
    writer.stop();
}

#[test]
fn a_lock_held_too_long_is_told_as_busy_with_the_time_waited() {
    let (folder, ledger) = fresh();
    drop(ledger);
    let short = Options { busy_wait: Duration::from_millis(200), ..Options::default() };
    let ledger = Ledger::open_with(folder.ledger(), Arc::clone(&VOCABULARY), short).expect("a ledger");
    let mut recorder = ledger.recorder().expect("a recorder");
    let blocker = Blocker::of(&folder.ledger());
    let started = Instant::now();
    let error = recorder.append(&batch(&[penalty(subject(1), "no 1", "2026-01-01")])).expect_err("locked");
    assert_eq!(error.to_string(), "the ledger is locked by another writer, waited 0.2 s");
    assert!(started.elapsed() >= Duration::from_millis(150));
    // Reading goes on meanwhile, and writing once the lock is free.
    assert_eq!(facts(&ledger), 0);
    blocker.end();
    append(&mut recorder, &[penalty(subject(1), "no 1", "2026-01-01")]);
}

#[test]
fn writers_of_several_connections_take_turns_and_lose_nothing() {
    let (folder, ledger) = fresh();
    let start = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4u32)
        .map(|thread| {
            let (path, start) = (folder.ledger(), Arc::clone(&start));
            std::thread::spawn(move || {
                let ledger = Ledger::open_with(&path, Arc::clone(&VOCABULARY), options()).expect("a ledger");
                let mut recorder = ledger.recorder().expect("a recorder");
                start.wait();
                (0..25u32)
                    .map(|n| {
                        // Shared subjects and a shared new class now and then.
                        let fact = penalty(subject(n % 5), &format!("{thread}/{n}"), "2026-01-01");
                        append(
                            &mut recorder,
                            &[fact.with("kinds", ["warning", "fine", "closure"][n as usize % 3])],
                        )
                        .recorded_at
                    })
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    let mut moments: Vec<_> =
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
    assert_eq!(facts(&ledger), 100);
    moments.sort_unstable();
    moments.dedup();
    assert_eq!(moments.len(), 100, "every write has a moment of its own");
    ledger.snapshot(None).and_then(|s| s.verify()).expect("whole");
}

#[test]
fn two_processes_that_make_one_ledger_at_once_agree_on_its_key() {
    let folder = crate::support::Folder::new();
    let start = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (path, start) = (folder.ledger(), Arc::clone(&start));
            std::thread::spawn(move || {
                start.wait();
                let ledger =
                    Ledger::open_or_create(&path, Arc::clone(&VOCABULARY), options()).expect("a ledger");
                ledger.protector().digest("1")
            })
        })
        .collect();
    let mut digests: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
    digests.dedup();
    assert_eq!(digests.len(), 1);
}
