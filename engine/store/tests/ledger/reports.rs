//! Credit reports.

use std::sync::Arc;

use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::Disclosure;
use hengxin_store::{
    Answer, Command, Error, Job, Ledger, NewReport, Outcome, ReportKind, ReportText, RequestKey, Writer,
};

use crate::support::{append, date, fresh, penalty, subject};

fn report(subject: Uscc, says: &'static str) -> NewReport {
    NewReport {
        subject,
        kind: ReportKind::Special,
        as_of: date("2026-06-30"),
        issued_for: "环保局".to_owned(),
        sight: Disclosure::Limited,
        fields: vec!["tax".to_owned(), "environment".to_owned()],
        code_digest: [4; 32],
        request_id: "r-1".to_owned(),
        text: Arc::new(move |place| ReportText {
            number: format!("HX-{}", place.sequence),
            valid_until: date("2026-07-30"),
            digest: [5; 32],
            body: format!("{says} {}", place.sequence).into_bytes(),
        }),
    }
}

fn issue(ledger: &Ledger, id: &str, report: NewReport) -> hengxin_store::Result<Answer> {
    let request = RequestKey { id: id.to_owned(), method: "IssueReport".to_owned(), digest: [1; 32] };
    let job = Job {
        request: Some(request),
        command: Command::Issue(Box::new(report)),
        respond: Box::new(|outcome| match outcome {
            Outcome::Issued(number) => number.clone().into_bytes(),
            other => panic!("{other:?}"),
        }),
    };
    let writer = Writer::start(ledger)?;
    let answer = writer.call(job);
    writer.stop();
    answer
}

/// A report on record, of the first subject.
pub(crate) fn one(ledger: &Ledger) {
    issue(ledger, "report", report(subject(1), "body of more than thirty-two bytes, told by its digest"))
        .expect("issued");
}

#[test]
fn a_report_is_kept_under_its_number_and_a_repeated_request_issues_no_second_one() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    append(
        &mut recorder,
        &[penalty(subject(1), "no 1", "2026-01-01"), penalty(subject(2), "no 1", "2026-01-01")],
    );
    drop(recorder);
    let watermark = ledger.watermark().expect("readable");
    assert_eq!(issue(&ledger, "a", report(subject(1), "one")).expect("issued").bytes, b"HX-1");
    assert_eq!(issue(&ledger, "a", report(subject(1), "two")).expect("answered").bytes, b"HX-1");
    assert_eq!(issue(&ledger, "b", report(subject(2), "three")).expect("issued").bytes, b"HX-2");
    assert_eq!(issue(&ledger, "c", report(subject(1), "four")).expect("issued").bytes, b"HX-3");
    assert_eq!(ledger.watermark().expect("readable"), watermark, "a report is not a fact");
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let found = snapshot.report("HX-3").expect("readable").expect("there");
    assert_eq!((found.kind, found.sight), (ReportKind::Special, Disclosure::Limited));
    assert_eq!((found.subject, found.fields.join("+")), (subject(1), "tax+environment".to_owned()));
    assert_eq!((found.code_digest, found.digest, found.request_id.as_str()), ([4; 32], [5; 32], "r-1"));
    assert_eq!(snapshot.report_body(found.id).expect("readable").expect("there"), b"four 3");
    assert_eq!(snapshot.report("HX-4").expect("readable"), None);
    let numbers = |before, limit| {
        let list = snapshot.reports(subject(1), before, limit).expect("readable");
        list.into_iter().map(|report| report.id).collect::<Vec<_>>()
    };
    assert_eq!((numbers(None, 9), numbers(None, 1), numbers(Some(3), 9)), (vec![3, 1], vec![3], vec![1]));
    snapshot.verify().expect("every report is in the log");
}

#[test]
fn a_report_on_nobody_is_refused() {
    let (_folder, ledger) = fresh();
    let error = issue(&ledger, "a", report(subject(1), "one")).expect_err("nobody");
    assert!(matches!(error, Error::UnknownSubject { .. }), "{error}");
}
