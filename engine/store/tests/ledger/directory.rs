//! What a directory of subjects is made from, and what it is held against.

use hengxin_core::date::Moment;
use hengxin_core::uscc::Uscc;
use hengxin_store::{DirectoryMark, Ledger, Noted, Results, TierRecord};

use crate::support::{Make, append, date, fresh, make, penalty, region, subject};

fn registered(n: u32, name: &str, changed_on: &str, at: &str) -> Make {
    let registration = make("registration", subject(n)).with("name", name).with("since", changed_on);
    registration.with("region", at).with("industry", "C1411")
}

/// Everything noted past a mark, and the mark after it.
fn noted(ledger: &Ledger, mark: DirectoryMark) -> (Vec<String>, DirectoryMark) {
    let mut all = Vec::new();
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let mark = snapshot
        .note_subjects(mark, |code, noted| {
            let what = match noted {
                Noted::Subject => "is there".to_owned(),
                Noted::Name(name) => format!("is called {name}"),
                Noted::Place(region, industry) => {
                    let region = region.map(|region| region.to_string()).unwrap_or_default();
                    format!("is in {region} {}", industry.map(|code| code.to_string()).unwrap_or_default())
                }
            };
            all.push(format!("{} {what}", if code == subject(1) { "one" } else { "two" }));
        })
        .expect("readable");
    (all, mark)
}

#[test]
fn a_directory_hears_of_everything_once_whoever_records_it() {
    let (folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    append(
        &mut recorder,
        &[registered(1, "Ａ 公司", "2020-01-01", "330106"), penalty(subject(2), "no 1", "2026-01-01")],
    );
    let (all, mark) = noted(&ledger, DirectoryMark::default());
    assert_eq!(all, ["one is there", "two is there", "one is called A公司", "one is in 330106 C1411"]);
    assert_eq!(noted(&ledger, mark), (Vec::new(), mark), "nothing is new");
    // Another process.
    let other =
        Ledger::open(folder.ledger(), std::sync::Arc::clone(&crate::support::VOCABULARY)).expect("open");
    let mut elsewhere = other.recorder().expect("a recorder");
    append(&mut elsewhere, &[registered(1, "乙公司", "2026-01-01", "110101")]);
    let (all, mark) = noted(&ledger, mark);
    assert_eq!(all, ["one is called 乙公司", "one is in 110101 C1411"]);
    assert_eq!(noted(&ledger, mark).0, [""; 0]);
}

#[test]
fn a_candidate_is_found_if_a_search_would_find_it_at_that_moment() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    let first = append(&mut recorder, &[registered(1, "甲公司", "2020-01-01", "330106")]).recorded_at;
    append(
        &mut recorder,
        &[registered(1, "乙公司", "2026-01-01", "330106"), registered(2, "丙公司", "2020-01-01", "330106")],
    );
    let code = subject(1).to_string();
    for (known_at, text, one, two) in [
        (None, "公 司", true, true),
        (None, "甲", true, false),
        (None, "", true, true),
        (None, &code[..12], true, true),
        (None, &code, true, false),
        (None, "丁", false, false),
        (Some(first), "乙", false, false),
        (Some(first), "公司", true, false),
    ] {
        let snapshot = ledger.snapshot(known_at).expect("a snapshot");
        let listed: Vec<Uscc> =
            snapshot.search(text, None, 10).expect("readable").into_iter().map(|entry| entry.code).collect();
        for (n, expected) in [(1, one), (2, two)] {
            let found = snapshot.found(subject(n), text).expect("readable");
            assert_eq!((found.is_some(), listed.contains(&subject(n))), (expected, expected), "`{text}` {n}");
        }
    }
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    assert_eq!(
        snapshot.found(subject(1), "甲").expect("readable"),
        snapshot.search("甲", None, 1).expect("readable").pop()
    );
    assert_eq!(snapshot.found(subject(3), "").expect("readable"), None);
}

#[test]
fn a_tier_is_read_alone_and_a_small_one_whole() {
    let (_folder, ledger) = fresh();
    let mut recorder = ledger.recorder().expect("a recorder");
    // Entered in another order than that of their codes.
    for n in [4, 2, 3, 1] {
        append(&mut recorder, &[penalty(subject(n), "no 1", "2026-01-01")]);
    }
    let tiers = [(4, Some(2)), (2, Some(2)), (3, None)].map(|(n, tier)| TierRecord {
        subject: subject(n),
        field: "market".to_owned(),
        policy: "market-regulation".to_owned(),
        edition: "2026.1".to_owned(),
        policy_digest: [3; 32],
        as_of: date("2026-06-30"),
        known_at: Moment(5),
        tier,
        public: None,
        industry: None,
        region: Some(region(330_106)),
        industry_code: None,
        body: Vec::new(),
    });
    recorder.record(&Results { evaluations: Vec::new(), tiers: tiers.into() }).expect("recorded");
    let snapshot = ledger.snapshot(None).expect("a snapshot");
    let tier = |n, field| snapshot.present_tier(subject(n), field).expect("readable");
    assert_eq!((tier(4, "market"), tier(3, "market"), tier(1, "market")), (Some(Some(2)), Some(None), None));
    assert_eq!((tier(4, "tax"), tier(9, "market")), (None, None));
    let few = |tier, most| snapshot.few_in_tier("market", tier, most).expect("readable");
    assert_eq!(few(2, 2), Some(vec![subject(2), subject(4)]));
    assert_eq!(few(2, 1), None, "more than few");
    assert_eq!(few(1, 1), Some(Vec::new()));
}
