//! The directory in memory and the search in the ledger: the same pages, whatever was recorded, and by whom.

use std::sync::Arc;
use std::time::Duration;

use hengxin_proto::v1;
use hengxin_service::Engine;
use hengxin_service::page::Filter;
use hengxin_service::use_case::overview::From;
use hengxin_service::use_case::search::{Found, Wanted, WantedTiers, search};
use hengxin_store::{Ledger, Options};

use crate::rig::{FIELD, Rig, catalogue, code, refusal, registration, violation};

/// Numbers from a seed (xorshift).
struct Random(u64);

impl Random {
    fn seeded() -> Random {
        let seed = std::env::var("HENGXIN_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1u64);
        println!("seed {seed}");
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }

    fn text(&mut self, longest: usize) -> String {
        // Few characters, so that parts of names occur in many; full width, brackets and a blank, which are levelled.
        let letters = ['甲', '乙', '公', '司', 'A', 'ａ', '9', '（', '】', ' ', '\u{3000}'];
        (0..=self.below(longest)).map(|_| letters[self.below(letters.len())]).collect()
    }
}

/// An engine over the same ledger that has no directory.
fn plain(rig: &Rig) -> Arc<Engine> {
    let catalogue = catalogue();
    let ledger =
        Ledger::open_with(&*rig.path, Arc::clone(&catalogue.vocabulary), Options::default()).unwrap();
    Engine::read_only(catalogue, ledger, hengxin_service::EngineOptions::default()).unwrap()
}

async fn made(rig: &Rig) {
    for _ in 0..500 {
        if rig.engine.directory().through().is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the directory is not made");
}

/// All pages. All but the last are full.
fn pages(engine: &Engine, wanted: &Wanted<'_>, size: usize) -> Vec<Found> {
    let seal = Filter::of([]);
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let page = search(engine, wanted, size, after.as_ref(), &seal).unwrap();
        assert!(page.next.is_empty() || page.rows.len() == size, "{wanted:?}: {page:?}");
        rows.extend(page.rows);
        if page.next.is_empty() {
            return rows;
        }
        let listing = hengxin_service::page::Listing::Enterprises;
        after = engine.tokens().open(listing, &seal, &page.next).unwrap();
    }
}

fn codes(rows: &[Found]) -> Vec<String> {
    rows.iter().map(|found| found.entry.code.to_string()).collect()
}

fn renamed(n: u32, name: &str, on: &str, region: &str, industry: &str) -> v1::FactInput {
    let mut fact = registration(code(n), name, region, industry);
    let day = fact.fields.iter_mut().find(|field| field.id == "changed_on").unwrap();
    on.clone_into(&mut day.value);
    fact
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_gives_the_pages_a_search_of_the_ledger_gives() {
    let rig = Rig::new().await;
    made(&rig).await;
    let other = plain(&rig);
    let mut random = Random::seeded();
    let (regions, industries) = (["330106", "330200", "110101", "330000"], ["C1411", "C1310", "F5211", "C"]);
    for round in 0..6 {
        let mut facts = Vec::new();
        for _ in 0..60 {
            // The same enterprises again and again: new ones, other names, other places.
            let n = u32::try_from(random.below(150)).unwrap();
            let day = format!("202{}-0{}-1{}", random.below(6), 1 + random.below(9), random.below(10));
            let (region, industry) = (regions[random.below(4)], industries[random.below(4)]);
            let name = format!("企{}", random.text(6));
            facts.push(renamed(n, &name, &day, region, industry));
        }
        rig.submit(&format!("round-{round}"), facts).await.unwrap();
        if round == 2 {
            let engine = Arc::clone(&rig.engine);
            let today = engine.today();
            let record = move || hengxin_service::record_tiers(&engine, FIELD, today, |_| {});
            tokio::task::spawn_blocking(record).await.unwrap().unwrap();
        }
        other.look_again().unwrap();
        // Merges what has been noted so far, at least the first time.
        rig.engine.keep_directory().unwrap();
        for _ in 0..60 {
            let text = match random.below(8) {
                0 => String::new(),
                1 => "  \u{3000}".to_owned(),
                2 => {
                    code(u32::try_from(random.below(150)).unwrap()).to_string()[..random.below(19)].to_owned()
                }
                _ => random.text(2),
            };
            let region =
                (random.below(3) == 0).then(|| ["33", "330100", "11"][random.below(3)].parse().unwrap());
            let industry =
                (random.below(3) == 0).then(|| ["C", "C14", "F"][random.below(3)].parse().unwrap());
            let tier = [None, Some(1), Some(4)][random.below(3)];
            let tiers = WantedTiers { field: FIELD, from: From::Decisions, tier };
            let tiers = (random.below(3) == 0).then_some(tiers);
            let wanted = Wanted { text: &text, region, industry, tiers };
            let size = 1 + random.below(40);
            assert_eq!(
                pages(&rig.engine, &wanted, size),
                pages(&other, &wanted, size),
                "{wanted:?} by {size}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn past_names_are_found_and_past_places_are_not() {
    let rig = Rig::new().await;
    made(&rig).await;
    let facts = vec![
        renamed(1, "杭州老字号食品公司", "2020-01-01", "330106", "C1411"),
        renamed(1, "宁波新字号商贸公司", "2026-03-01", "330200", "F5211"),
        renamed(2, "杭州老字号分店", "2020-01-01", "330106", "C1411"),
    ];
    rig.submit("facts", facts).await.unwrap();
    let by = |text, region: &str, industry: &str| {
        let (region, industry) = (region.parse().ok(), industry.parse().ok());
        codes(&pages(&rig.engine, &Wanted { text, region, industry, tiers: None }, 10))
    };
    let expected = |n: &[u32]| n.iter().map(|n| code(*n).to_string()).collect::<Vec<_>>();
    assert_eq!(by("老 字号", "", ""), expected(&[1, 2]));
    assert_eq!(by("老字号", "330100", ""), expected(&[2]), "it has moved");
    assert_eq!(by("老字号", "3302", "F"), expected(&[1]));
    assert_eq!(by("号", "", ""), expected(&[1, 2]));
    // Where one name ends and the next begins nothing is found.
    assert_eq!(by("公司宁波", "", ""), expected(&[]));
    assert_eq!(by("店杭", "", ""), expected(&[]));
    assert_eq!(by(" \t", "", ""), expected(&[1, 2]), "blanks alone ask for all");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_records_is_found_and_pages_do_not_move_for_it() {
    let rig = Rig::new().await;
    made(&rig).await;
    let rows = (0..9).map(|n| registration(code(n * 2), "样本公司", "330106", "C1411")).collect();
    rig.submit("facts", rows).await.unwrap();
    let elsewhere = Rig::at(Arc::clone(&rig.folder), Arc::clone(&rig.clock), |_, _| {}).await;
    let wanted = Wanted { text: "样本", ..Wanted::default() };
    let seal = Filter::of([]);
    let first = search(&rig.engine, &wanted, 4, None, &seal).unwrap();
    let rows = (0..9).map(|n| registration(code(n * 2 + 1), "又一样本公司", "330106", "C1411")).collect();
    elsewhere.submit("more", rows).await.unwrap();
    rig.engine.look_again().unwrap();
    assert_eq!(pages(&rig.engine, &wanted, 4).len(), 18);
    let listing = hengxin_service::page::Listing::Enterprises;
    let after = rig.engine.tokens().open(listing, &seal, &first.next).unwrap();
    let second = search(&rig.engine, &wanted, 100, after.as_ref(), &seal).unwrap();
    let expected: Vec<_> = (0..9).map(|n| code(n * 2).to_string()).collect();
    assert_eq!([codes(&first.rows), codes(&second.rows)].concat(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_shows_tiers_of_a_field_and_refuses_a_tier_of_none() {
    let rig = Rig::new().await;
    rig.registered(&[code(1), code(2)]).await;
    rig.submit("list", vec![crate::answers::serious(code(2))]).await.unwrap();
    let engine = Arc::clone(&rig.engine);
    let record = move || hengxin_service::record_tiers(&engine, FIELD, engine.today(), |_| {});
    tokio::task::spawn_blocking(record).await.unwrap().unwrap();
    rig.submit("late", vec![registration(code(3), "丙公司", "330106", "C1411")]).await.unwrap();
    let asked = |field: &str, tier, basis: v1::TierBasis| v1::SearchEnterprisesRequest {
        query: "公司".to_owned(),
        field: field.to_owned(),
        tier,
        basis: basis.into(),
        ..Default::default()
    };
    let shown = async |asked| {
        let found = rig.ledger().search_enterprises(asked).await.unwrap().into_inner().enterprises;
        found.into_iter().map(|e| (e.code, e.tier)).collect::<Vec<_>>()
    };
    let row = |n, tier| (code(n).to_string(), tier);
    assert_eq!(shown(asked("", 0, v1::TierBasis::Unspecified)).await, [row(1, 0), row(2, 0), row(3, 0)]);
    assert_eq!(shown(asked(FIELD, 0, v1::TierBasis::Live)).await, [row(1, 1), row(2, 4), row(3, 0)]);
    assert_eq!(shown(asked(FIELD, 4, v1::TierBasis::Unspecified)).await, [row(2, 4)]);
    let found = violation(rig.ledger().search_enterprises(asked("", 4, v1::TierBasis::Live)).await, "field");
    assert_eq!(found, "found nothing, expected the field of supervision that `tier` belongs to");
    let found = rig.ledger().search_enterprises(asked(FIELD, 300, v1::TierBasis::Live)).await;
    assert!(violation(found, "tier").contains("found `300`"));
    let none = rig.ledger().search_enterprises(asked(FIELD, 0, v1::TierBasis::Run)).await;
    refusal(none, tonic::Code::NotFound, "NO_LOADED_RUN");
    let nowhere = rig.ledger().search_enterprises(asked("nowhere", 0, v1::TierBasis::Live)).await;
    refusal(nowhere, tonic::Code::NotFound, "FIELD_NOT_FOUND");
}
