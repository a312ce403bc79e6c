//! What a credit file says.

use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::{Delivery, FactId};
use hengxin_store::OwnedFile;

use crate::support::{append, date, fresh, make, mark, penalty, region, subject};

const PENALTY: &str = "administrative-penalty";

fn days(file: &OwnedFile) -> Vec<String> {
    file.columns.occurred_on.iter().map(Date::to_string).collect()
}

#[test]
fn facts_come_back_sorted_by_day_with_their_columns() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let late =
        penalty(subject(1), "no 2", "2026-02-01").with("severity", "serious").with("kinds", "fine;warning");
    let early = penalty(subject(1), "no 1", "2026-01-01").with("amount", 123_400).with("case", "(2026)浙01");
    let same_case = penalty(subject(1), "no 3", "2026-03-01")
        .with("case", "(2026)浙01")
        .with("publicity_until", "2027-03-01");
    append(&mut recorder, &[late, early, same_case, penalty(subject(2), "no 1", "2026-01-05")]);
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let file = snapshot.credit_file(subject(1)).expect("readable").expect("known");
    assert_eq!(days(&file), ["2026-01-01", "2026-02-01", "2026-03-01"]);
    assert_eq!(file.columns.number, [123_400, i64::MIN, i64::MIN]);
    assert_eq!(file.columns.reference, [1, 0, 1]);
    assert_eq!(file.reference(1), Some("(2026)浙01"));
    assert_eq!((file.reference(0), file.reference(2)), (None, None));
    assert_eq!(file.columns.publicity_until, [Date::FOREVER, Date::FOREVER, date("2027-03-01")]);
    let class = file.classes.class(file.columns.class[1]).expect("a class");
    assert_eq!(*class.values, [3, 0b011], "severity by place, kinds as bits");
    assert!(snapshot.credit_file(subject(3)).expect("readable").is_none());
}

#[test]
fn a_snapshot_shows_what_was_known_at_its_moment_and_says_which() {
    let (_folder, ledger) = fresh();
    assert_eq!(ledger.watermark().expect("readable"), Moment(0));
    let mut recorder = ledger.recorder().expect("a recorder");
    let first =
        append(&mut recorder, &[penalty(subject(1), "no 1", "2026-01-01").with("amount", 1)]).recorded_at;
    let second =
        append(&mut recorder, &[penalty(subject(1), "no 1", "2026-01-01").with("amount", 2)]).recorded_at;
    assert!(first < second);
    let amount = |at: Moment| {
        let snapshot = ledger.snapshot(Some(at)).expect("a snapshot");
        let file = snapshot.credit_file(subject(1)).expect("readable");
        (snapshot.known_at(), file.map(|file| file.columns.number))
    };
    assert_eq!(amount(Moment(first.0 - 1)), (Moment(0), None));
    assert_eq!(amount(first), (first, Some(vec![1])));
    // Between two writes it is the earlier one's moment.
    assert_eq!(amount(Moment(second.0 - 1)), (first, Some(vec![1])));
    assert_eq!(amount(second), (second, Some(vec![2])));
    // A moment nobody has reached yet is cut back to the last one recorded.
    assert_eq!(amount(Moment(i64::MAX)), (second, Some(vec![2])));
}

#[test]
fn an_open_snapshot_does_not_see_later_writes() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    append(&mut recorder, &[penalty(subject(1), "no 1", "2026-01-01")]);
    let before = ledger.snapshot(None).expect("a snapshot");
    append(&mut recorder, &[penalty(subject(1), "no 2", "2026-01-02").with("severity", "minor")]);
    let count = |file: Option<OwnedFile>| file.map_or(0, |file| file.columns.id.len());
    assert_eq!(count(before.credit_file(subject(1)).expect("readable")), 1);
    assert_eq!(
        count(ledger.snapshot(None).expect("a snapshot").credit_file(subject(1)).expect("readable")),
        2
    );
}

#[test]
fn marks_act_on_their_record() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    // Marks of a batch come after its facts, wherever they stand.
    append(
        &mut recorder,
        &[
            mark("repair", subject(1), "r1", (PENALTY, "no 1"), "2026-05-01"),
            mark("repair", subject(1), "r2", (PENALTY, "no 1"), "2026-04-01"),
            mark("objection", subject(1), "o1", (PENALTY, "no 2"), "2026-03-01").with("to", "2026-03-10"),
            mark("objection", subject(1), "o2", (PENALTY, "no 2"), "2026-06-01"),
            penalty(subject(1), "no 1", "2026-01-01"),
            penalty(subject(1), "no 2", "2026-01-02"),
            penalty(subject(1), "no 3", "2026-01-03"),
            mark("withdrawal", subject(1), "w1", (PENALTY, "no 3"), "2026-07-01"),
        ],
    );
    let file =
        ledger.snapshot(None).expect("a snapshot").credit_file(subject(1)).expect("readable").expect("known");
    assert_eq!(days(&file)[..2], ["2026-01-01", "2026-01-02"]);
    assert_eq!(file.columns.id.len(), 7, "two penalties and five marks: the third penalty is gone");
    assert_eq!(file.columns.repaired_on[..2], [date("2026-04-01"), Date::FOREVER]);
    let objections: Vec<_> = file.columns.objections.iter().map(|o| (o.fact, o.from, o.until)).collect();
    assert_eq!(
        objections,
        [(1, date("2026-03-01"), date("2026-03-11")), (1, date("2026-06-01"), Date::FOREVER)],
        "the kernel is told the first day after"
    );
    // Taking back the repair of April leaves the one of May; taking back the withdrawal brings the penalty back.
    append(
        &mut recorder,
        &[
            mark("withdrawal", subject(1), "w2", ("repair", "r2"), "2026-08-01"),
            mark("withdrawal", subject(1), "w3", ("withdrawal", "w1"), "2026-08-01"),
        ],
    );
    let file =
        ledger.snapshot(None).expect("a snapshot").credit_file(subject(1)).expect("readable").expect("known");
    assert_eq!(file.columns.repaired_on[0], date("2026-05-01"));
    assert_eq!(days(&file)[2], "2026-01-03");
}

#[test]
fn registrations_are_apart_and_sorted_by_their_first_day() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let register = |since: &str| make("registration", subject(1)).with("since", since);
    append(
        &mut recorder,
        &[
            register("2022-03-01").with("region", "330106").with("status", "revoked"),
            register("2020-01-01")
                .with("established_on", "2019-12-31")
                .with("legal_form", "jsc")
                .with("size", "small")
                .with("region", "110101")
                .with("industry", "C1411")
                .with("capital", 500_000_000_i64),
        ],
    );
    let file =
        ledger.snapshot(None).expect("a snapshot").credit_file(subject(1)).expect("readable").expect("known");
    assert!(file.columns.id.is_empty());
    let [first, second] = &file.registrations[..] else { panic!("two registrations") };
    assert_eq!((first.since, second.since), (date("2020-01-01"), date("2022-03-01")));
    assert_eq!((first.legal_form, first.size, first.status), (Some(1), Some(0), None));
    assert_eq!((second.legal_form, second.size, second.status), (None, None, Some(1)));
    assert_eq!(first.established_on, Some(date("2019-12-31")));
    assert_eq!((first.region, first.capital), (Some(region(110_101)), Some(500_000_000)));
    assert_eq!(first.industry.map(|i| i.to_string()), Some("C1411".to_owned()));
    assert_eq!(file.as_file().registration(date("2021-01-01")).map(|r| r.fact), Some(first.fact));
}

#[test]
fn deliveries_reach_the_subjects_of_their_region_from_the_moment_they_are_known() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let register =
        |n: u32, at: &str| make("registration", subject(n)).with("since", "2020-01-01").with("region", at);
    append(
        &mut recorder,
        &[register(1, "330106"), register(2, "110101"), penalty(subject(3), "no 1", "2026-01-01")],
    );
    let penalties = ledger.vocabulary().register_id("penalties").expect("a register");
    let delivery = |digits: u32, through: &str| Delivery {
        register: penalties,
        region: region(digits),
        through: date(through),
    };
    let first = recorder
        .deliver("test", &[delivery(330_000, "2026-06-30"), delivery(330_100, "2026-05-31")])
        .expect("recorded");
    let second = recorder
        .deliver("test", &[delivery(330_000, "2026-03-31"), delivery(100_000, "2025-12-31")])
        .expect("recorded");
    let through = |n: u32, at: Moment| {
        let snapshot = ledger.snapshot(Some(at)).expect("a snapshot");
        let file = snapshot.credit_file(subject(n)).expect("readable").expect("known");
        let region = file.registrations.first().and_then(|r| r.region);
        file.deliveries().through(penalties, region).map(|date| date.to_string())
    };
    let day = |text: &str| Some(text.to_owned());
    assert_eq!(through(1, Moment(first.0 - 1)), None);
    assert_eq!((through(1, first), through(2, first), through(3, first)), (day("2026-06-30"), None, None));
    // A later delivery that reaches less far takes nothing away.
    assert_eq!((through(1, second), through(2, second)), (day("2026-06-30"), day("2025-12-31")));
    assert_eq!(through(3, second), day("2025-12-31"), "without a region only what holds for the nation");
}

#[test]
fn the_digest_of_a_file_changes_with_what_it_holds_and_not_otherwise() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    append(&mut recorder, &[penalty(subject(1), "no 1", "2026-01-01")]);
    let digest = || {
        let snapshot = ledger.snapshot(None).expect("a snapshot");
        snapshot.credit_file(subject(1)).expect("readable").expect("known").digest
    };
    let first = digest();
    append(&mut recorder, &[penalty(subject(2), "no 1", "2026-01-01")]);
    assert_eq!(digest(), first, "another subject's facts do not matter");
    append(&mut recorder, &[mark("repair", subject(1), "r1", (PENALTY, "no 1"), "2026-05-01")]);
    let second = digest();
    assert_ne!(second, first);
    let registration = ledger.vocabulary().register_id("penalties").expect("a register");
    let delivery = Delivery { register: registration, region: region(100_000), through: date("2026-06-30") };
    recorder.deliver("test", &[delivery]).expect("recorded");
    assert_ne!(digest(), second, "a delivery decides whether nothing means none");
}

#[test]
fn ids_do_not_depend_on_the_order_of_the_rows() {
    let rows: Vec<_> = (0..20).map(|n| penalty(subject(n % 3), &format!("no {n}"), "2026-01-01")).collect();
    let mut turned = rows.clone();
    turned.reverse();
    turned.swap(3, 11);
    let files = [rows, turned].map(|rows| {
        let (_folder, ledger) = fresh();
        append(&mut ledger.recorder().expect("a recorder"), &rows);
        let snapshot = ledger.snapshot(None).expect("a snapshot");
        (0..3)
            .map(|n| snapshot.credit_file(subject(n)).expect("readable").expect("known"))
            .map(|f| (f.columns, f.digest))
            .collect::<Vec<_>>()
    });
    assert_eq!(files[0], files[1]);
    assert_eq!(files[0][0].0.id[0], FactId(1));
}

#[test]
fn a_reader_learns_of_classes_another_process_added() {
    let (folder, ledger) = fresh();
    append(
        &mut ledger.recorder().expect("a recorder"),
        &[penalty(subject(1), "no 1", "2026-01-01").with("severity", "minor")],
    );
    let elsewhere = hengxin_store::Ledger::open(folder.ledger(), std::sync::Arc::clone(ledger.vocabulary()))
        .expect("a ledger");
    append(
        &mut elsewhere.recorder().expect("a recorder"),
        &[penalty(subject(1), "no 2", "2026-01-02").with("severity", "serious")],
    );
    let file =
        ledger.snapshot(None).expect("a snapshot").credit_file(subject(1)).expect("readable").expect("known");
    let severities: Vec<u64> =
        file.columns.class.iter().map(|id| file.classes.class(*id).expect("a class").values[0]).collect();
    assert_eq!(severities, [1, 3]);
    // And a recorder that numbered its own classes before goes on with the numbers of the other.
    append(
        &mut ledger.recorder().expect("a recorder"),
        &[penalty(subject(1), "no 3", "2026-01-03").with("severity", "general")],
    );
    let file = elsewhere
        .snapshot(None)
        .expect("a snapshot")
        .credit_file(subject(1))
        .expect("readable")
        .expect("known");
    assert_eq!(file.classes.class(file.columns.class[2]).expect("a class").values[0], 2);
}

#[test]
fn subjects_are_found_by_code_and_by_name_past_names_included() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let register = |n: u32, name: &str, since: &str| {
        make("registration", subject(n)).with("since", since).with("name", name)
    };
    append(
        &mut recorder,
        &[register(1, "杭州衡信（样本）有限公司", "2020-01-01"), register(2, "ACME工贸", "2020-01-01")],
    );
    append(
        &mut recorder,
        &[register(1, "杭州新名有限公司", "2024-01-01"), penalty(subject(3), "no 1", "2026-01-01")],
    );
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let found = |text: &str| -> Vec<_> {
        snapshot.search(text, None, 10).expect("readable").into_iter().map(|s| s.code).collect()
    };
    assert_eq!(found("衡信(样本)"), [subject(1)]);
    assert_eq!(found(" acme "), [subject(2)]);
    assert_eq!(found("91330106").len(), 3);
    assert_eq!(found("91330107"), []);
    assert_eq!(found(subject(3).as_str()), [subject(3)]);
    let all = snapshot.subjects(None, 2).expect("readable");
    assert_eq!(
        all.iter().map(|s| s.name.as_deref()).collect::<Vec<_>>(),
        [Some("杭州新名有限公司"), Some("ACME工贸")]
    );
    let rest = snapshot.subjects(Some(all[1].code), 2).expect("readable");
    assert_eq!((rest.len(), rest[0].name.as_deref()), (1, None));
    assert_eq!(snapshot.counts().expect("readable"), (3, 4));
}
