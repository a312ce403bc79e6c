//! What becomes of the rows of a batch.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hengxin_core::date::Moment;
use hengxin_store::{
    Batch, Error, FileStamp, Ledger, Options, Origin, QuarantineFilter, QuarantineStatus, Rejected,
    Submission, SubmittedRow,
};

use crate::support::{
    Folder, Hand, Make, VOCABULARY, append, batch_of, counts, fresh, mark, penalty, subject,
};

const PENALTY: &str = "administrative-penalty";

fn origin(file: Option<FileStamp>, resolves: Vec<u64>) -> Origin {
    Origin { actor: "test".to_owned(), file, resolves }
}

fn stamp(byte: u8) -> FileStamp {
    FileStamp { name: format!("{byte}.csv"), sha256: [byte; 32], layout: "penalties".to_owned() }
}

fn rejected(line: u64, cell: &str) -> Submission {
    let cells = vec![("金额".to_owned(), cell.to_owned())];
    let reasons = vec!["`amount`: found a comma".to_owned(), "no day".to_owned()];
    Submission {
        line,
        row: SubmittedRow::Rejected(Rejected { code: Some(PENALTY.to_owned()), cells, reasons }),
    }
}

#[test]
fn the_same_content_is_a_duplicate_and_other_content_a_correction() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let row = penalty(subject(1), "no 1", "2026-01-01").with("amount", 100);
    assert_eq!(counts(&append(&mut recorder, std::slice::from_ref(&row))), (1, 0, 0, 0));
    assert_eq!(counts(&append(&mut recorder, std::slice::from_ref(&row))), (0, 1, 0, 0));
    let other = row.clone().with("amount", 200);
    assert_eq!(counts(&append(&mut recorder, &[other.clone(), other.clone()])), (0, 1, 1, 0));
    // Back to the first content: a correction again, not a duplicate of a version that no longer stands.
    assert_eq!(counts(&append(&mut recorder, &[row])), (0, 0, 1, 0));
    assert_eq!(ledger.snapshot(None).expect("a snapshot").facts(subject(1)).expect("readable").len(), 3);
}

#[test]
fn one_key_under_two_subjects_or_codes_is_two_records() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let rows = [
        penalty(subject(1), "1", "2026-01-01"),
        penalty(subject(2), "1", "2026-01-01"),
        mark("repair", subject(1), "1", (PENALTY, "1"), "2026-02-01"),
    ];
    assert_eq!(counts(&append(&mut recorder, &rows)), (3, 0, 0, 0));
}

#[test]
fn rows_that_contradict_each_other_are_all_set_aside_with_their_lines() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let row = penalty(subject(1), "no 1", "2026-01-01");
    let rows = [row.clone(), penalty(subject(1), "no 2", "2026-01-01"), row.clone().with("amount", 5), row];
    let report = append(&mut recorder, &rows);
    assert_eq!(counts(&report), (1, 0, 0, 3));
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let aside = snapshot.quarantine(QuarantineFilter::Open, None, 10).expect("readable");
    let reason = "the same record (subject and key) stands on lines 1, 3, 4 with different content, expected each record once";
    assert!(aside.iter().all(|row| row.row.reasons == [reason]), "{aside:?}");
    // Rows 1 and 4 are the same text: kept once.
    assert_eq!(aside.len(), 2);
    assert_eq!(aside[0].row.code.as_deref(), Some(PENALTY));
    assert!(aside[0].row.cells.contains(&("document".to_owned(), "no 1".to_owned())));
}

#[test]
fn a_mark_upon_a_record_nobody_knows_is_set_aside() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let repair = |n: u32, of: &str| mark("repair", subject(n), "r1", (PENALTY, of), "2026-05-01");
    let report = append(
        &mut recorder,
        &[repair(1, "no 1"), penalty(subject(2), "no 1", "2026-01-01"), repair(2, "no 2")],
    );
    assert_eq!(counts(&report), (1, 0, 0, 2));
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let aside = snapshot.quarantine(QuarantineFilter::Open, None, 10).expect("readable");
    assert_eq!(
        aside[0].row.reasons,
        ["names a record that is not in the ledger, expected a known code and key"]
    );
    assert!(
        snapshot.credit_file(subject(1)).expect("readable").is_none(),
        "no trace of a subject without facts"
    );
    drop(snapshot);
    // Once the record is there, the same mark is recorded.
    let report = append(&mut recorder, &[penalty(subject(1), "no 1", "2026-01-01"), repair(1, "no 1")]);
    assert_eq!(counts(&report), (2, 0, 0, 0));
}

#[test]
fn marks_upon_marks_of_one_batch_are_recorded_and_rings_are_not() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let withdraw = |number: &str, of: (&str, &str)| mark("withdrawal", subject(1), number, of, "2026-05-01");
    let chain: Vec<Make> = (1..6)
        .rev()
        .map(|n| match n {
            1 => withdraw("w1", (PENALTY, "no 1")),
            n => withdraw(&format!("w{n}"), ("withdrawal", &format!("w{}", n - 1))),
        })
        .chain([penalty(subject(1), "no 1", "2026-01-01")])
        .collect();
    assert_eq!(counts(&append(&mut recorder, &chain)), (6, 0, 0, 0));
    let ring = append(&mut recorder, &[withdraw("w1", ("withdrawal", "w5"))]);
    assert_eq!(counts(&ring), (0, 0, 0, 1));
    assert_eq!(counts(&append(&mut recorder, &[withdraw("x", ("withdrawal", "x"))])), (0, 0, 0, 1));
}

#[test]
fn a_finished_file_is_recognised_unless_it_is_read_otherwise() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let rows = [penalty(subject(1), "no 1", "2026-01-01"), penalty(subject(1), "no 2", "2026-01-01")];
    let first = recorder.append(&batch_of(&rows, origin(Some(stamp(1)), Vec::new()))).expect("recorded");
    assert_eq!((counts(&first), first.already_ingested), ((2, 0, 0, 0), false));
    let again = recorder.append(&batch_of(&rows, origin(Some(stamp(1)), Vec::new()))).expect("recorded");
    assert_eq!((counts(&again), again.already_ingested), ((0, 2, 0, 0), true));
    assert_eq!(again.recorded_at, first.recorded_at);
    let watermark = ledger.watermark().expect("readable");
    assert_eq!(watermark, first.recorded_at, "nothing was recorded");
    let read_otherwise = FileStamp { layout: "permits".to_owned(), ..stamp(1) };
    let other =
        recorder.append(&batch_of(&rows, origin(Some(read_otherwise), Vec::new()))).expect("recorded");
    assert_eq!((counts(&other), other.already_ingested), ((0, 2, 0, 0), false));
}

#[test]
fn quarantined_rows_keep_their_reasons_until_mended_rows_replace_them() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let prepare =
        |rows: Vec<Submission>, resolves: Vec<u64>| Batch::prepare(&VOCABULARY, rows, origin(None, resolves));
    let first = recorder
        .append(&prepare(vec![rejected(2, "1,000"), rejected(3, "2,000")], Vec::new()))
        .expect("recorded");
    assert_eq!(counts(&first), (0, 0, 0, 2));
    let [one, two] = first.quarantine[..] else { panic!("two entries") };
    // The same bad row again is the same entry.
    let again = recorder.append(&prepare(vec![rejected(9, "1,000")], Vec::new())).expect("recorded");
    assert_eq!((counts(&again), &again.quarantine[..]), ((0, 0, 0, 1), &[one][..]));
    let good =
        Submission { line: 1, row: SubmittedRow::Draft(penalty(subject(1), "no 1", "2026-01-01").draft()) };
    // Handed in for both, one of them still bad: that one stays open.
    let mended =
        recorder.append(&prepare(vec![good, rejected(2, "2,000")], vec![one, two])).expect("recorded");
    assert_eq!(counts(&mended), (1, 0, 0, 1));
    let list = |filter| ledger.snapshot(None).and_then(|s| s.quarantine(filter, None, 10)).expect("readable");
    let open = list(QuarantineFilter::Open);
    assert_eq!(open.iter().map(|row| row.id).collect::<Vec<_>>(), [two]);
    assert_eq!(open[0].row.reasons, ["`amount`: found a comma", "no day"]);
    assert_eq!((open[0].line, open[0].row.cells[0].1.as_str()), (3, "2,000"));
    recorder.dismiss(two, "not ours").expect("recorded");
    assert_eq!(list(QuarantineFilter::Open), []);
    let all: Vec<_> = list(QuarantineFilter::All).into_iter().map(|row| row.status).collect();
    assert_eq!(all, [QuarantineStatus::Resubmitted, QuarantineStatus::Dismissed]);
}

#[test]
fn a_batch_with_an_unknown_quarantine_id_leaves_nothing_behind() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let rows = [penalty(subject(1), "no 1", "2026-01-01").with("severity", "minor")];
    let error = recorder.append(&batch_of(&rows, origin(None, vec![7]))).expect_err("no such entry");
    assert_eq!(error.to_string(), "no quarantined row 7");
    assert_eq!(ledger.snapshot(None).expect("a snapshot").counts().expect("readable"), (0, 0));
    // The class numbered in the failed attempt is numbered anew.
    append(&mut recorder, &rows);
    assert!(ledger.snapshot(None).expect("a snapshot").credit_file(subject(1)).expect("readable").is_some());
}

#[test]
fn moments_ascend_even_when_the_clock_stands_still_or_runs_back() {
    let folder = Folder::new();
    let hand = Arc::new(Hand::default());
    let options = Options { clock: Arc::clone(&hand) as Arc<dyn hengxin_store::Clock>, ..Options::default() };
    let ledger = Ledger::create(folder.ledger(), Arc::clone(&VOCABULARY), options).expect("a new ledger");
    let mut recorder = ledger.recorder().expect("a recorder");
    let mut at = |now: i64, n: u32| {
        hand.0.store(now, Ordering::Relaxed);
        append(&mut recorder, &[penalty(subject(n), "no 1", "2026-01-01")]).recorded_at
    };
    let moments = [at(1000, 1), at(1000, 2), at(500, 3), at(5000, 4)];
    assert_eq!(moments, [1000, 1001, 1002, 5000].map(Moment));
}

#[test]
fn a_ledger_opened_for_reading_does_not_write() {
    let (folder, ledger) = fresh();
    append(&mut ledger.recorder().expect("a recorder"), &[penalty(subject(1), "no 1", "2026-01-01")]);
    let reading = Ledger::open_read_only(folder.ledger(), Arc::clone(&VOCABULARY)).expect("a ledger");
    assert!(reading.snapshot(None).expect("a snapshot").credit_file(subject(1)).expect("readable").is_some());
    assert!(matches!(reading.recorder().expect_err("refused"), Error::ReadOnly));
}
