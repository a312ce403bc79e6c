//! Subjects reached by relations.

use hengxin_core::date::{Date, Moment};
use hengxin_core::uscc::Uscc;
use hengxin_store::{Error, Ledger, OwnedDossier};

use crate::support::{Make, append, date, fresh, make, penalty, subject};

const PERSON: u16 = 0;
const PARENT: u16 = 1;

fn relate(n: u32, kind: &str, other: &str, from: &str, to: Option<&str>) -> Make {
    let relation = make("relation", subject(n)).with("kind", kind).with("other", other).with("from", from);
    match to {
        Some(to) => relation.with("to", to),
        None => relation,
    }
}

fn dossier(ledger: &Ledger, n: u32, kinds: &[u16], depth: u8, at: Option<Moment>) -> OwnedDossier {
    ledger.snapshot(at).and_then(|s| s.dossier(subject(n), kinds, depth)).expect("readable").expect("known")
}

fn paths(dossier: &OwnedDossier) -> Vec<(u16, u8, Uscc, Date, Date)> {
    dossier.with(|d| d.related.iter().map(|r| (r.kind, r.depth, r.file.subject, r.since, r.until)).collect())
}

#[test]
fn a_shared_person_joins_two_companies_for_the_days_both_name_them() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let person = ledger.protector().digest("11010519491231002X");
    let first =
        append(&mut recorder, &[relate(1, "responsible-person", &person, "2020-01-01", Some("2023-12-31"))]);
    append(
        &mut recorder,
        &[
            relate(2, "responsible-person", &person, "2022-01-01", None),
            relate(3, "responsible-person", &person, "2024-01-01", None),
            penalty(subject(2), "no 1", "2026-01-01"),
        ],
    );
    let found = dossier(&ledger, 1, &[PERSON], 1, None);
    assert_eq!(paths(&found), [(PERSON, 1, subject(2), date("2022-01-01"), date("2023-12-31"))]);
    assert_eq!(found.files[0].columns.id.len(), 2, "the related file is whole");
    // From the other side, and a step further: 3 is reached from 1 by way of 2, on no day at all.
    assert_eq!(paths(&dossier(&ledger, 1, &[PERSON], 3, None)).len(), 1);
    let from_two: Vec<_> = paths(&dossier(&ledger, 2, &[PERSON], 1, None)).into_iter().map(|p| p.2).collect();
    assert_eq!(from_two, [subject(1), subject(3)]);
    assert_eq!(paths(&dossier(&ledger, 1, &[PERSON], 3, Some(first.recorded_at))), []);
    assert_eq!(paths(&dossier(&ledger, 1, &[PARENT], 3, None)), []);
}

#[test]
fn parents_are_followed_upwards_to_the_depth_asked_for() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let up = |n: u32, to: u32, from: &str| relate(n, "parent", subject(to).as_str(), from, None);
    let rows =
        [up(1, 2, "2020-01-01"), up(2, 3, "2021-01-01"), up(3, 4, "2022-01-01"), up(4, 1, "2023-01-01")];
    append(&mut recorder, &rows);
    let reached = |depth: u8| {
        paths(&dossier(&ledger, 1, &[PARENT], depth, None))
            .into_iter()
            .map(|p| (p.1, p.2, p.3))
            .collect::<Vec<_>>()
    };
    assert_eq!(reached(0), []);
    assert_eq!(reached(1), [(1, subject(2), date("2020-01-01"))]);
    assert_eq!(
        reached(3),
        [
            (1, subject(2), date("2020-01-01")),
            (2, subject(3), date("2021-01-01")),
            (3, subject(4), date("2022-01-01"))
        ],
        "the ring does not lead back to the subject itself"
    );
    assert_eq!(reached(9).len(), 3);
}

#[test]
fn a_withdrawn_relation_leads_nowhere() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    append(
        &mut recorder,
        &[
            relate(1, "parent", subject(2).as_str(), "2020-01-01", None),
            penalty(subject(2), "no 1", "2026-01-01"),
        ],
    );
    assert_eq!(paths(&dossier(&ledger, 1, &[PARENT], 1, None)).len(), 1);
    let plain = dossier(&ledger, 1, &[], 1, None);
    let with = dossier(&ledger, 1, &[PARENT], 1, None);
    assert_eq!(plain.digest(), plain.file.digest);
    assert_ne!(with.digest(), plain.digest(), "what was found elsewhere counts too");
    let key = format!("parent\u{1f}{}\u{1f}2020-01-01", subject(2));
    append(
        &mut recorder,
        &[crate::support::mark("withdrawal", subject(1), "w", ("relation", &key), "2026-01-01")],
    );
    assert_eq!(paths(&dossier(&ledger, 1, &[PARENT], 1, None)), []);
}

#[test]
fn a_person_named_by_a_whole_province_is_refused_rather_than_cut_short() {
    let (_folder, ledger) = fresh();
    let everyone = |n: u32| relate(n, "responsible-person", "id:everyone", "2020-01-01", None);
    let rows: Vec<Make> = (0..5001).map(everyone).collect();
    let mut recorder = ledger.recorder().expect("a recorder");
    append(&mut recorder, &rows);
    assert_eq!(dossier(&ledger, 1, &[PERSON], 1, None).related.len(), 5000);
    append(&mut recorder, &[everyone(5001)]);
    let error = ledger
        .snapshot(None)
        .and_then(|s| s.dossier(subject(1), &[PERSON], 1))
        .map(|_| ())
        .expect_err("too many");
    assert!(matches!(error, Error::TooManyRelated { .. }), "{error}");
}

#[test]
fn a_parent_of_whom_nothing_is_recorded_is_there_with_an_empty_file() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    append(&mut recorder, &[relate(1, "parent", subject(2).as_str(), "2020-01-01", None)]);
    let found = dossier(&ledger, 1, &[PARENT], 1, None);
    assert_eq!(paths(&found), [(PARENT, 1, subject(2), date("2020-01-01"), Date::FOREVER)]);
    assert!(found.files[0].columns.id.is_empty() && found.files[0].registrations.is_empty());
}
