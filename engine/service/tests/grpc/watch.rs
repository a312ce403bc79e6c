//! Watching tiers: every change once, in order, as it happens, and without a gap after an interruption.

use std::sync::Arc;
use std::time::Duration;

use hengxin_core::date::Date;
use hengxin_core::uscc::Uscc;
use hengxin_proto::v1;
use hengxin_service::record_tiers;
use tokio_stream::StreamExt as _;
use tonic::{Code, Request, Streaming};

use crate::rig::{FIELD, Rig, code, penalty, refusal, registration, repair, violation};

type Watched = Streaming<v1::WatchTiersResponse>;

fn ask(token: &str) -> v1::WatchTiersRequest {
    v1::WatchTiersRequest {
        field: FIELD.to_owned(),
        resume_token: token.to_owned(),
        ..v1::WatchTiersRequest::default()
    }
}

async fn begin(rig: &Rig, asked: v1::WatchTiersRequest) -> (Watched, String) {
    let mut watched = rig.supervision().watch_tiers(asked).await.unwrap().into_inner();
    let first = next(&mut watched).await;
    assert!(first.tier.is_none() && first.recorded_at.is_none());
    (watched, first.resume_token)
}

async fn next(watched: &mut Watched) -> v1::WatchTiersResponse {
    let answer = tokio::time::timeout(Duration::from_secs(5), watched.next()).await;
    answer.expect("a change in time").expect("the stream goes on").unwrap()
}

#[track_caller]
fn shows(change: &v1::WatchTiersResponse, code: Uscc, before: u32, now: u32) {
    let tier = change.tier.as_ref().unwrap();
    assert_eq!(
        (tier.enterprise.as_str(), change.previous_tier, tier.tier),
        (&*format!("enterprises/{code}"), before, now)
    );
    assert!(change.recorded_at.is_some() && !change.resume_token.is_empty());
}

async fn record(rig: &Rig, as_of: Option<&str>) {
    let engine = Arc::clone(&rig.engine);
    let as_of: Date = as_of.map_or_else(|| engine.today(), |text| text.parse().unwrap());
    tokio::task::spawn_blocking(move || record_tiers(&engine, FIELD, as_of, |_| {})).await.unwrap().unwrap();
}

fn penalties(n: u32, count: u32) -> Vec<v1::FactInput> {
    (0..count).map(|i| penalty(code(n), &format!("罚{n}-{i}号"), "2026-01-10")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_told_as_they_happen_and_what_stays_the_same_is_not() {
    let rig = Rig::new().await;
    rig.registered(&[code(1), code(2), code(3)]).await;
    let (mut watched, _) = begin(&rig, ask("")).await;
    record(&rig, None).await;
    for n in 1..4 {
        shows(&next(&mut watched).await, code(n), 0, 1);
    }
    rig.submit("two", penalties(2, 2)).await.unwrap();
    record(&rig, None).await;
    // The other two were decided anew, to the same tier.
    shows(&next(&mut watched).await, code(2), 1, 2);
    // An earlier day is history, whatever it says.
    record(&rig, Some("2026-01-05")).await;
    rig.submit("three", penalties(3, 4)).await.unwrap();
    rig.submit("repaired", vec![repair(code(2), "罚2-0号", "2026-06-01")]).await.unwrap();
    record(&rig, None).await;
    shows(&next(&mut watched).await, code(2), 2, 1);
    shows(&next(&mut watched).await, code(3), 1, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_goes_on_after_an_interruption_without_a_gap() {
    let mut rig = Rig::new().await;
    rig.registered(&[code(1), code(2)]).await;
    let (mut watched, begun) = begin(&rig, ask("")).await;
    record(&rig, None).await;
    let first = next(&mut watched).await;
    shows(&first, code(1), 0, 1);
    shows(&next(&mut watched).await, code(2), 0, 1);
    // The service ends and says so; the second change is taken to be lost on the way.
    let served = rig.stop();
    let last = tokio::time::timeout(Duration::from_secs(5), watched.next()).await.unwrap().unwrap();
    refusal(last, Code::Unavailable, "STOPPING");
    tokio::time::timeout(Duration::from_secs(5), served).await.expect("drained").unwrap().unwrap();
    let Rig { folder, clock, engine, .. } = rig;
    drop(engine);
    let rig = Rig::at(folder, clock, |_, _| {}).await;
    rig.submit("one", penalties(1, 2)).await.unwrap();
    record(&rig, None).await;
    let (mut watched, _) = begin(&rig, ask(&first.resume_token)).await;
    shows(&next(&mut watched).await, code(2), 0, 1);
    shows(&next(&mut watched).await, code(1), 1, 2);
    let (mut watched, _) = begin(&rig, ask(&begun)).await;
    for (n, before, now) in [(1, 0, 1), (2, 0, 1), (1, 1, 2)] {
        shows(&next(&mut watched).await, code(n), before, now);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_is_told_what_another_process_records() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let (mut watched, _) = begin(&rig, ask("")).await;
    let elsewhere = Rig::at(Arc::clone(&rig.folder), Arc::clone(&rig.clock), |_, _| {}).await;
    record(&elsewhere, None).await;
    shows(&next(&mut watched).await, code(1), 0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_tells_of_its_tier_region_and_industry_alone() {
    let rig = Rig::new().await;
    let rows = vec![
        registration(code(1), "甲公司", "330106", "C1411"),
        registration(code(2), "乙公司", "330200", "C1411"),
        registration(code(3), "丙公司", "330106", "F5211"),
    ];
    rig.submit("facts", rows).await.unwrap();
    rig.delivered().await;
    record(&rig, None).await;
    let mut filtered = ask("");
    filtered.region = "330100".to_owned();
    filtered.industry = "C".to_owned();
    let (mut of_food, _) = begin(&rig, filtered).await;
    let mut filtered = ask("");
    filtered.tier = 3;
    let (mut of_third, _) = begin(&rig, filtered).await;
    for n in 1..4 {
        rig.submit(&format!("two-{n}"), penalties(n, 2)).await.unwrap();
    }
    record(&rig, None).await;
    rig.submit("more", penalties(3, 4)).await.unwrap();
    record(&rig, None).await;
    rig.submit("last", penalties(1, 4)).await.unwrap();
    record(&rig, None).await;
    shows(&next(&mut of_food).await, code(1), 1, 2);
    shows(&next(&mut of_food).await, code(1), 2, 3);
    shows(&next(&mut of_third).await, code(3), 2, 3);
    shows(&next(&mut of_third).await, code(1), 2, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_at_its_deadline_and_wrong_ones_never_begin() {
    let rig = Rig::new().await;
    let raw = crate::raw::Raw::connect(&rig.address).await;
    let message = prost::Message::encode_to_vec(&ask(""));
    let path = "/hengxin.v1.SupervisionService/WatchTiers";
    let reply = raw.send(path, Some("200m"), crate::raw::framed(&message)).await;
    assert_eq!(reply.status.code(), Code::DeadlineExceeded, "{reply:?}");
    let watch = async |asked: v1::WatchTiersRequest| rig.supervision().watch_tiers(Request::new(asked)).await;
    violation(watch(v1::WatchTiersRequest::default()).await, "field");
    violation(watch(v1::WatchTiersRequest { tier: 256, ..ask("") }).await, "tier");
    violation(watch(ask("forged")).await, "resume_token");
    let unknown = v1::WatchTiersRequest { field: "nowhere".to_owned(), ..ask("") };
    refusal(watch(unknown).await, Code::NotFound, "FIELD_NOT_FOUND");
    // A token of a list is none of a watch.
    rig.registered(&[code(1), code(2)]).await;
    record(&rig, None).await;
    let listed = v1::ListTiersRequest { field: FIELD.to_owned(), page_size: 1, ..Default::default() };
    let token = rig.supervision().list_tiers(listed).await.unwrap().into_inner().next_page_token;
    assert!(!token.is_empty());
    violation(watch(ask(&token)).await, "resume_token");
}
