//! Runs over a real socket and a real ledger, carried out by a runner that a test tells what to find.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hengxin_core::uscc::Uscc;
use hengxin_proto::v1;
use hengxin_proto::v1::watch_run_response::Event;
use hengxin_service::{Progress, RunFailure, RunOrder, RunOutcome, RunSetup, Runner, record_tiers};
use hengxin_store::RunTier;
use tokio_stream::StreamExt as _;
use tonic::Code;

use crate::rig::{FIELD, NOON, Rig, TODAY, TestClock, code, penalty, refusal, violation};

/// Gives every subject the tier a test set, once it is let go.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) tiers: Mutex<BTreeMap<Uscc, u16>>,
    pub(crate) held: AtomicBool,
    pub(crate) orders: Mutex<Vec<RunOrder>>,
    pub(crate) failure: Mutex<Option<String>>,
}

impl Runner for Fake {
    fn run(
        &self,
        order: &RunOrder,
        progress: &(dyn Fn(Progress) + Sync),
        cancelled: &AtomicBool,
    ) -> Result<RunOutcome, RunFailure> {
        self.orders.lock().unwrap().push(order.clone());
        progress(Progress { done: 1, total: 3 });
        while self.held.load(Ordering::SeqCst) && !cancelled.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if cancelled.load(Ordering::SeqCst) {
            return Err(RunFailure::Cancelled);
        }
        if let Some(why) = self.failure.lock().unwrap().take() {
            return Err(RunFailure::Failed(why));
        }
        let tiers = self.tiers.lock().unwrap().clone();
        let mut counts: BTreeMap<Option<u16>, u64> = BTreeMap::new();
        for tier in tiers.values() {
            *counts.entry(Some(*tier)).or_default() += 1;
        }
        let subjects = u64::try_from(tiers.len()).unwrap();
        let rows = tiers.into_iter().map(|(subject, tier)| Ok(row(subject, tier)));
        Ok(RunOutcome {
            manifest: [u8::try_from(order.run % 256).unwrap(); 32],
            subjects,
            tiers: counts.into_iter().collect(),
            rows: Box::new(rows.collect::<Vec<_>>().into_iter()),
        })
    }
}

fn row(subject: Uscc, tier: u16) -> RunTier {
    RunTier {
        subject,
        policy: "test-policy".to_owned(),
        edition: "2026.1".to_owned(),
        policy_digest: [3; 32],
        tier: Some(tier),
        previous_tier: None,
        public_grade: Some("A".to_owned()),
        public_score: Some(9_500_000),
        industry_grade: None,
        industry_score: None,
        region: Some("330106".parse().unwrap()),
        industry: Some("C1411".parse().unwrap()),
        horizon: None,
    }
}

pub(crate) async fn rig(fake: &Arc<Fake>) -> Rig {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    at(folder, TestClock::at(NOON), fake).await
}

pub(crate) async fn at(folder: Arc<tempfile::TempDir>, clock: Arc<TestClock>, fake: &Arc<Fake>) -> Rig {
    let runner = Arc::clone(fake) as Arc<dyn Runner>;
    Rig::at(folder, clock, |_, config| {
        config.runs =
            Some(RunSetup { patience: Duration::from_millis(600), ..RunSetup::new(runner, "/results/") });
    })
    .await
}

pub(crate) fn ask(id: &str) -> v1::StartRunRequest {
    v1::StartRunRequest { request_id: id.to_owned(), field: FIELD.to_owned(), ..Default::default() }
}

async fn start(rig: &Rig, id: &str) -> v1::Run {
    rig.rescoring().start_run(ask(id)).await.unwrap().into_inner().run.unwrap()
}

async fn get(rig: &Rig, name: &str) -> v1::Run {
    let asked = v1::GetRunRequest { name: name.to_owned() };
    rig.rescoring().get_run(asked).await.unwrap().into_inner().run.unwrap()
}

/// The run once it is in that state.
pub(crate) async fn once(rig: &Rig, name: &str, state: v1::RunState) -> v1::Run {
    for _ in 0..500 {
        let run = get(rig, name).await;
        if run.state() == state {
            return run;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{name} is not {state:?}: {:?}", get(rig, name).await);
}

pub(crate) fn set(fake: &Fake, tiers: &[(u32, u16)]) {
    *fake.tiers.lock().unwrap() = tiers.iter().map(|(n, tier)| (code(*n), *tier)).collect();
}

fn tier_of(n: u32, basis: v1::TierBasis) -> v1::GetTierRequest {
    v1::GetTierRequest {
        enterprise: code(n).to_string(),
        field: FIELD.to_owned(),
        basis: basis.into(),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_watched_to_its_end_and_its_tiers_are_never_taken_for_live_ones() {
    let fake = Arc::new(Fake::default());
    set(&fake, &[(1, 1), (7, 3), (8, 2)]);
    fake.held.store(true, Ordering::SeqCst);
    let rig = rig(&fake).await;
    rig.registered(&[code(1)]).await;
    let run = start(&rig, "one").await;
    assert_eq!((run.name.as_str(), run.as_of.as_str()), ("runs/1", TODAY));
    assert_eq!(start(&rig, "one").await.name, "runs/1", "the same request is the same run");
    let (message, details) =
        refusal(rig.rescoring().start_run(ask("two")).await, Code::FailedPrecondition, "RUN_IN_PROGRESS");
    assert!(message.contains("run 1 of field `test-field` is"), "{message}");
    assert_eq!(details.error_info().unwrap().metadata.get("run").map(String::as_str), Some("runs/1"));
    let asked = v1::WatchRunRequest { name: run.name.clone() };
    let mut watched = rig.rescoring().watch_run(asked).await.unwrap().into_inner();
    once(&rig, "runs/1", v1::RunState::Running).await;
    fake.held.store(false, Ordering::SeqCst);
    let (mut changes, mut last) = (Vec::new(), None);
    while let Some(event) = watched.next().await {
        match event.unwrap().event.unwrap() {
            Event::Run(run) => last = Some(run),
            Event::Change(change) => changes.push((change.tier.unwrap().enterprise, change.previous_tier)),
        }
    }
    let last = last.unwrap();
    assert_eq!((last.state(), last.done, last.total), (v1::RunState::Succeeded, 3, 3));
    assert_eq!((last.results.as_str(), last.digest), ("/results/run-1", "01".repeat(32)));
    assert_eq!(last.counts.len(), 3);
    let names: Vec<_> = [1, 7, 8].map(|n| (format!("enterprises/{}", code(n)), 0)).to_vec();
    assert_eq!(changes, names);
    // What the ledger knows is live unless the run is asked for; what it does not is the run's.
    let get = async |n, basis| rig.supervision().get_tier(tier_of(n, basis)).await;
    let live = get(1, v1::TierBasis::Unspecified).await.unwrap().into_inner();
    assert_eq!((live.basis(), live.run_result), (v1::TierBasis::Live, None));
    for (n, basis, tier) in [(1, v1::TierBasis::Run, 1), (7, v1::TierBasis::Unspecified, 3)] {
        let answer = get(n, basis).await.unwrap().into_inner();
        assert_eq!((answer.basis(), answer.decision.unwrap().tier), (v1::TierBasis::Run, tier));
        let from = answer.run_result.unwrap().run.unwrap();
        assert_eq!(
            (from.name.as_str(), from.as_of.as_str(), from.digest),
            ("runs/1", TODAY, "01".repeat(32))
        );
    }
    refusal(get(7, v1::TierBasis::Live).await, Code::NotFound, "ENTERPRISE_NOT_FOUND");
    refusal(get(9, v1::TierBasis::Unspecified).await, Code::NotFound, "ENTERPRISE_NOT_FOUND");
    refusal(get(9, v1::TierBasis::Run).await, Code::NotFound, "ENTERPRISE_NOT_IN_RUN");
    let earlier = v1::GetTierRequest { as_of: "2026-01-01".to_owned(), ..tier_of(7, v1::TierBasis::Run) };
    let found = violation(rig.supervision().get_tier(earlier.clone()).await, "as_of");
    assert!(found.contains("expected `2026-06-30` as run 1 has it"), "{found}");
    let other = v1::GetTierRequest { basis: 0, ..earlier };
    refusal(rig.supervision().get_tier(other).await, Code::NotFound, "ENTERPRISE_NOT_FOUND");
    let mut listing = v1::ListTiersRequest {
        field: FIELD.to_owned(),
        page_size: 2,
        basis: v1::TierBasis::Run.into(),
        ..Default::default()
    };
    let page = rig.supervision().list_tiers(listing.clone()).await.unwrap().into_inner();
    assert_eq!((page.tiers.len(), page.tiers[1].run.as_str()), (2, "runs/1"));
    listing.page_token = page.next_page_token;
    let page = rig.supervision().list_tiers(listing.clone()).await.unwrap().into_inner();
    assert_eq!((page.tiers.len(), page.tiers[0].tier, page.next_page_token.as_str()), (1, 2, ""));
    let late = rig.rescoring().cancel_run(v1::CancelRunRequest { name: "1".to_owned() }).await;
    let (message, _) = refusal(late, Code::FailedPrecondition, "RUN_FINISHED");
    assert!(message.contains("published whole"), "{message}");
    // A page of the run before would not fit the next one.
    let run = start(&rig, "three").await;
    once(&rig, &run.name, v1::RunState::Succeeded).await;
    let found = violation(rig.supervision().list_tiers(listing).await, "page_token");
    assert!(found.contains("token of run 1, expected one of run 2"), "{found}");
    let listed = rig.rescoring().list_runs(v1::ListRunsRequest { page_size: 1, ..Default::default() }).await;
    let listed = listed.unwrap().into_inner();
    assert_eq!(listed.runs[0].name, "runs/2");
    let asked =
        v1::ListRunsRequest { page_size: 1, page_token: listed.next_page_token, ..Default::default() };
    let listed = rig.rescoring().list_runs(asked).await.unwrap().into_inner();
    assert_eq!((listed.runs[0].name.as_str(), listed.next_page_token.as_str()), ("runs/1", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_or_fails_and_leaves_what_was_there() {
    let fake = Arc::new(Fake::default());
    set(&fake, &[(1, 1)]);
    let rig = rig(&fake).await;
    let first = start(&rig, "first").await;
    once(&rig, &first.name, v1::RunState::Succeeded).await;
    fake.held.store(true, Ordering::SeqCst);
    set(&fake, &[(1, 2)]);
    let second = start(&rig, "second").await;
    once(&rig, &second.name, v1::RunState::Running).await;
    let asked = v1::CancelRunRequest { name: second.name.clone() };
    let run = rig.rescoring().cancel_run(asked).await.unwrap().into_inner().run.unwrap();
    assert!(run.cancel_requested);
    let run = once(&rig, &second.name, v1::RunState::Cancelled).await;
    assert_eq!(run.detail, "cancelled before it was published");
    fake.held.store(false, Ordering::SeqCst);
    *fake.failure.lock().unwrap() = Some("found no manifest, expected one".to_owned());
    let third = start(&rig, "third").await;
    let run = once(&rig, &third.name, v1::RunState::Failed).await;
    assert_eq!(run.detail, "found no manifest, expected one");
    let answer = rig.supervision().get_tier(tier_of(1, v1::TierBasis::Run)).await.unwrap().into_inner();
    assert_eq!(answer.decision.unwrap().tier, 1);
    // An incremental run goes on from the last that succeeded.
    let asked = v1::StartRunRequest { incremental: true, ..ask("fourth") };
    let run = rig.rescoring().start_run(asked).await.unwrap().into_inner().run.unwrap();
    let run = once(&rig, &run.name, v1::RunState::Succeeded).await;
    assert_eq!(run.previous_run, first.name);
    let order = fake.orders.lock().unwrap().last().cloned().unwrap();
    assert_eq!(order.previous.as_deref(), Some("/results/run-1"));
    let wrong = v1::StartRunRequest { previous_run: "runs/2".to_owned(), ..ask("fifth") };
    let (message, _) =
        refusal(rig.rescoring().start_run(wrong).await, Code::FailedPrecondition, "NO_PREVIOUS_RUN");
    assert!(message.contains("run 2 is cancelled, expected a run of field"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_outlives_its_service_and_wrong_questions_are_refused() {
    let fake = Arc::new(Fake::default());
    set(&fake, &[(1, 1)]);
    fake.held.store(true, Ordering::SeqCst);
    let mut first = rig(&fake).await;
    let run = start(&first, "one").await;
    once(&first, &run.name, v1::RunState::Running).await;
    first.stop().await.unwrap().unwrap();
    let Rig { folder, clock, engine, .. } = first;
    drop(engine);
    fake.held.store(false, Ordering::SeqCst);
    let rig = at(folder, clock, &fake).await;
    let run = once(&rig, &run.name, v1::RunState::Succeeded).await;
    assert_eq!(run.attempts, 1, "a shutdown does not count against a run");
    let orders = fake.orders.lock().unwrap().clone();
    assert_eq!((orders.len(), &orders[0]), (2, &orders[1]), "the very same order");
    for name in ["", "x", "runs/01", "runs/-1"] {
        let asked = v1::GetRunRequest { name: name.to_owned() };
        violation(rig.rescoring().get_run(asked).await, "name");
    }
    let unknown = rig.rescoring().get_run(v1::GetRunRequest { name: "runs/99".to_owned() }).await;
    refusal(unknown, Code::NotFound, "RUN_NOT_FOUND");
    let nowhere = v1::StartRunRequest { field: "nowhere".to_owned(), ..ask("x") };
    refusal(rig.rescoring().start_run(nowhere).await, Code::NotFound, "FIELD_NOT_FOUND");
    violation(
        rig.rescoring().start_run(v1::StartRunRequest { request_id: String::new(), ..ask("") }).await,
        "request_id",
    );
    let other = v1::StartRunRequest { incremental: true, ..ask("one") };
    refusal(rig.rescoring().start_run(other).await, Code::AlreadyExists, "REQUEST_ID_REUSED");
    let without = Rig::new().await;
    refusal(without.rescoring().start_run(ask("x")).await, Code::FailedPrecondition, "NO_RUNS_HERE");
    let none = without.supervision().get_tier(tier_of(1, v1::TierBasis::Run)).await;
    refusal(none, Code::NotFound, "NO_LOADED_RUN");
}

/// Numbers from a seed (xorshift).
fn next(random: &AtomicU64) -> u64 {
    let mut x = random.load(Ordering::Relaxed);
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    random.store(x, Ordering::Relaxed);
    x
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_is_cut_off_again_and_again_is_told_every_change_once_and_in_order() {
    let seed = std::env::var("HENGXIN_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1u64).max(1);
    println!("seed {seed}");
    let random = AtomicU64::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let fake = Arc::new(Fake::default());
    let rig = rig(&fake).await;
    rig.registered(&[code(1), code(2)]).await;
    let watch = async |token: &str| {
        let asked = v1::WatchTiersRequest {
            field: FIELD.to_owned(),
            resume_token: token.to_owned(),
            ..Default::default()
        };
        let mut watched = rig.supervision().watch_tiers(asked).await.unwrap().into_inner();
        let begun = watched.next().await.unwrap().unwrap();
        (watched, begun.resume_token)
    };
    let (_, begun) = watch("").await;
    // Decisions and runs take turns.
    let mut expected = 0;
    for round in 0..5u32 {
        let before = fake.tiers.lock().unwrap().clone();
        let wanted: BTreeMap<Uscc, u16> = (0..60 + u32::try_from(next(&random) % 1500).unwrap())
            .map(|n| (code(n), 1 + u16::try_from(next(&random) % 3).unwrap()))
            .collect();
        let gone = before.keys().filter(|code| !wanted.contains_key(*code)).count();
        expected += gone + wanted.iter().filter(|(code, tier)| before.get(*code) != Some(tier)).count();
        *fake.tiers.lock().unwrap() = wanted;
        let run = start(&rig, &format!("run-{round}")).await;
        once(&rig, &run.name, v1::RunState::Succeeded).await;
        let facts =
            (0..=round).map(|n| penalty(code(1), &format!("罚{round}-{n}号"), "2026-01-10")).collect();
        rig.submit(&format!("facts-{round}"), facts).await.unwrap();
        let engine = Arc::clone(&rig.engine);
        tokio::task::spawn_blocking(move || record_tiers(&engine, FIELD, engine.today(), |_| {}))
            .await
            .unwrap()
            .unwrap();
    }
    let shown = |change: &v1::WatchTiersResponse| {
        let tier = change.tier.clone().unwrap();
        (tier.run, tier.enterprise, change.previous_tier, tier.tier)
    };
    // In one go: what has to be told.
    let (mut whole, _) = watch(&begun).await;
    let mut all = Vec::new();
    while let Ok(Some(change)) = tokio::time::timeout(Duration::from_millis(1500), whole.next()).await {
        all.push(shown(&change.unwrap()));
    }
    let of_runs = all.iter().filter(|(run, ..)| !run.is_empty()).count();
    assert_eq!(of_runs, expected, "seed {seed}");
    assert!(all.len() > of_runs, "seed {seed}: no decision changed a tier");
    let order: Vec<&str> = all.iter().map(|(run, ..)| run.as_str()).collect();
    let mut parts = order.clone();
    parts.dedup();
    assert_eq!(parts.iter().filter(|run| !run.is_empty()).count(), 5, "seed {seed}: {parts:?}");
    // In many pieces: the same.
    let (mut token, mut told, mut cuts) = (begun, Vec::new(), 0);
    while told.len() < all.len() {
        let (mut watched, _) = watch(&token).await;
        for _ in 0..=next(&random) % 400 {
            if told.len() == all.len() {
                break;
            }
            let change = watched.next().await.unwrap().unwrap();
            told.push(shown(&change));
            token = change.resume_token;
        }
        cuts += 1;
    }
    assert_eq!(told, all, "seed {seed}, {cuts} cuts");
    println!("seed {seed}: {} changes, {cuts} cuts", all.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_of_the_command_line_is_told_what_the_service_knows() {
    use hengxin_service::client::{ClientError, NewSchedule, RescoringClient, StartRun};
    let fake = Arc::new(Fake::default());
    set(&fake, &[(1, 2)]);
    let rig = rig(&fake).await;
    let mut client = RescoringClient::connect(&rig.address).await.unwrap();
    let asked = StartRun { request_id: "a".to_owned(), field: FIELD.to_owned(), ..Default::default() };
    let run = client.start(asked).await.unwrap();
    assert_eq!((run["name"].as_str(), run["as_of"].as_str()), (Some("runs/1"), Some(TODAY)));
    let mut told = Vec::new();
    client.watch("runs/1", |event| told.push(event)).await.unwrap();
    let change = told.iter().find_map(|event| event.get("change")).unwrap();
    assert_eq!((&change["previous_tier"], &change["tier"]), (&0.into(), &2.into()));
    let last = &told.last().unwrap()["run"];
    assert_eq!(
        (last["state"].as_str(), last["counts"][0]["enterprises"].as_u64()),
        (Some("succeeded"), Some(1))
    );
    assert_eq!(client.list(FIELD, 10).await.unwrap()[0], client.show("1").await.unwrap());
    assert!(
        matches!(client.cancel("1").await, Err(ClientError::Refused(message)) if message.contains("whole"))
    );
    let new = NewSchedule {
        name: "monthly".to_owned(),
        fields: vec![FIELD.to_owned()],
        cron: "0 2 1 * *".to_owned(),
        cut_off: Some(hengxin_store::CutOff::PreviousMonthEnd),
        ..Default::default()
    };
    let made = client.add_schedule(new).await.unwrap();
    assert_eq!(
        (made["cut_off"].as_str(), made["missed"].as_str()),
        (Some("previous-month-end"), Some("run-once"))
    );
    assert_eq!(client.pause_schedule("monthly", true).await.unwrap()["paused"], true);
    assert_eq!(client.schedules().await.unwrap().len(), 1);
    client.delete_schedule("monthly").await.unwrap();
    assert!(client.schedules().await.unwrap().is_empty());
}
