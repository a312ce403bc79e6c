//! Codes that do not belong to exactly one subject.

use hengxin_store::{Conflict, ConflictKind, Ledger};

use crate::support::{Make, append, fresh, make, subject};

fn register(n: u32, name: &str, since: &str, established_on: &str) -> Make {
    let named = make("registration", subject(n)).with("name", name).with("since", since);
    named.with("established_on", established_on).with("region", "330106").with("legal_form", "llc")
}

fn conflicts(ledger: &Ledger) -> Vec<Conflict> {
    ledger.snapshot(None).and_then(|s| s.conflicts(None, 100)).expect("readable")
}

#[test]
fn one_code_for_two_subjects_is_listed_once_and_both_are_kept() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let rows = [
        register(1, "甲有限公司", "2020-01-01", "2020-01-01"),
        register(1, "乙有限公司", "2021-01-01", "2021-01-01"),
    ];
    assert_eq!(append(&mut recorder, &rows).conflicts, 1);
    assert_eq!(append(&mut recorder, &rows).conflicts, 0, "handed in again it is the same conflict");
    let found = conflicts(&ledger);
    assert_eq!(
        (found.len(), found[0].kind, found[0].subject),
        (1, ConflictKind::OneCodeTwoSubjects, subject(1))
    );
    assert!(
        found[0].detail.contains("甲有限公司") && found[0].detail.contains("2021-01-01"),
        "{}",
        found[0].detail
    );
    let file =
        ledger.snapshot(None).expect("a snapshot").credit_file(subject(1)).expect("readable").expect("known");
    assert_eq!(file.registrations.len(), 2);
}

#[test]
fn a_change_of_name_or_a_corrected_date_is_no_conflict() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    append(&mut recorder, &[register(1, "甲有限公司", "2020-01-01", "2020-01-01")]);
    append(&mut recorder, &[register(1, "新甲有限公司", "2022-01-01", "2020-01-01")]);
    append(&mut recorder, &[register(2, "丙有限公司", "2020-01-01", "2020-01-01")]);
    append(&mut recorder, &[register(2, "丙 有限公司", "2020-01-01", "2020-02-01")]);
    assert_eq!(conflicts(&ledger), []);
}

#[test]
fn one_subject_with_two_codes_is_listed_for_each_pair_once() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    append(&mut recorder, &[register(1, "甲（杭州）有限公司", "2020-01-01", "2020-01-01")]);
    let report = append(&mut recorder, &[register(2, "甲(杭州) 有限公司", "2021-01-01", "2021-01-01")]);
    assert_eq!(report.conflicts, 1);
    // Another registration of the same subject finds the same pair.
    append(&mut recorder, &[register(2, "甲(杭州)有限公司", "2022-01-01", "2021-01-02")]);
    let found = conflicts(&ledger);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].kind, ConflictKind::OneSubjectTwoCodes { other: subject(1) });
    // Elsewhere, or of another legal form, the name may be taken.
    append(
        &mut recorder,
        &[register(3, "甲(杭州)有限公司", "2021-01-01", "2021-01-01").with("region", "110101")],
    );
    append(
        &mut recorder,
        &[register(4, "甲(杭州)有限公司", "2021-01-01", "2021-01-01").with("legal_form", "jsc")],
    );
    assert_eq!(conflicts(&ledger).len(), 1);
}

#[test]
fn a_conflict_within_one_batch_is_found() {
    let (_folder, ledger) = fresh();
    let rows = [
        register(1, "甲有限公司", "2020-01-01", "2020-01-01"),
        register(2, "甲有限公司", "2020-01-01", "2020-01-01"),
    ];
    assert_eq!(append(&mut ledger.recorder().expect("a recorder"), &rows).conflicts, 1);
}
