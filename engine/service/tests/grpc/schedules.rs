//! Schedules: fired by the clock that is handed in, once each, whatever becomes of clock and service.

use std::sync::Arc;
use std::time::Duration;

use hengxin_proto::v1;
use tonic::Code;

use crate::rig::{FIELD, NOON, Rig, refusal, violation};
use crate::runs::{Fake, at, rig};

const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn daily(name: &str, missed: v1::MissedPolicy) -> v1::Schedule {
    v1::Schedule {
        name: name.to_owned(),
        fields: vec![FIELD.to_owned()],
        cron: "0 2 * * *".to_owned(),
        missed: missed.into(),
        ..Default::default()
    }
}

pub(crate) async fn create(rig: &Rig, schedule: v1::Schedule) -> Result<v1::Schedule, tonic::Status> {
    let asked = v1::CreateScheduleRequest { schedule: Some(schedule) };
    Ok(rig.rescoring().create_schedule(asked).await?.into_inner().schedule.unwrap())
}

async fn runs(rig: &Rig) -> Vec<v1::Run> {
    let asked = v1::ListRunsRequest { page_size: 1000, ..Default::default() };
    let mut runs = rig.rescoring().list_runs(asked).await.unwrap().into_inner().runs;
    runs.reverse();
    runs
}

/// The as-of dates of all runs, once there are `count` that have succeeded, and no more for a while.
pub(crate) async fn dates(rig: &Rig, count: usize) -> Vec<String> {
    let over = |run: &v1::Run| run.state() == v1::RunState::Succeeded;
    for _ in 0..500 {
        let found = runs(rig).await;
        if found.len() >= count && found.iter().all(over) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Two turns of whoever fires.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    runs(rig).await.into_iter().map(|run| run.as_of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_fires_once_and_a_clock_set_back_fires_nothing_again() {
    let fake = Arc::new(Fake::default());
    let rig = rig(&fake).await;
    let made = create(&rig, daily("nightly", v1::MissedPolicy::RunOnce)).await.unwrap();
    assert_eq!((made.name.as_str(), made.time_zone.as_str()), ("schedules/nightly", "Asia/Shanghai"));
    assert_eq!(made.cut_off(), v1::CutOff::PreviousDay);
    // 02:00 on 1 July in Shanghai, 14 hours after noon on 30 June.
    assert_eq!(made.next_firing.unwrap().seconds, NOON / 1_000_000 + 14 * 3600);
    assert_eq!(dates(&rig, 0).await, [""; 0]);
    rig.clock.advance(Duration::from_secs(14 * 3600));
    assert_eq!(dates(&rig, 1).await, ["2026-06-30"]);
    let run = runs(&rig).await.remove(0);
    assert_eq!(run.schedule, "schedules/nightly");
    rig.clock.set(NOON);
    assert_eq!(dates(&rig, 1).await.len(), 1);
    rig.clock.advance(DAY);
    assert_eq!(dates(&rig, 1).await, ["2026-06-30"], "the firing that comes again makes no second run");
    rig.clock.advance(DAY);
    assert_eq!(dates(&rig, 2).await, ["2026-06-30", "2026-07-01"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn firings_missed_while_no_service_ran_follow_the_policy() {
    for (missed, expected) in [
        (v1::MissedPolicy::RunOnce, &["2026-07-03"][..]),
        (v1::MissedPolicy::RunAll, &["2026-06-30", "2026-07-01", "2026-07-02", "2026-07-03"]),
        (v1::MissedPolicy::Skip, &[]),
    ] {
        let fake = Arc::new(Fake::default());
        let mut first = rig(&fake).await;
        create(&first, daily("nightly", missed)).await.unwrap();
        first.stop().await.unwrap().unwrap();
        let Rig { folder, clock, engine, .. } = first;
        drop(engine);
        clock.advance(DAY * 4);
        let rig = at(Arc::clone(&folder), Arc::clone(&clock), &fake).await;
        // A second service over the same ledger looks after the same schedules.
        let _other = at(folder, clock, &fake).await;
        assert_eq!(dates(&rig, expected.len()).await, expected, "{missed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_are_listed_paused_resumed_and_deleted() {
    let fake = Arc::new(Fake::default());
    let rig = rig(&fake).await;
    for name in ["b", "a"] {
        create(&rig, daily(name, v1::MissedPolicy::RunAll)).await.unwrap();
    }
    create(&rig, daily("a", v1::MissedPolicy::RunAll)).await.unwrap();
    refusal(create(&rig, daily("a", v1::MissedPolicy::Skip)).await, Code::AlreadyExists, "SCHEDULE_EXISTS");
    let asked = v1::ListSchedulesRequest { page_size: 1, ..Default::default() };
    let page = rig.rescoring().list_schedules(asked).await.unwrap().into_inner();
    assert_eq!(page.schedules[0].name, "schedules/a");
    let asked = v1::ListSchedulesRequest { page_size: 1, page_token: page.next_page_token };
    let page = rig.rescoring().list_schedules(asked).await.unwrap().into_inner();
    assert_eq!((page.schedules[0].name.as_str(), page.next_page_token.as_str()), ("schedules/b", ""));
    let named = |name: &str| name.to_owned();
    let paused = rig.rescoring().pause_schedule(v1::PauseScheduleRequest { name: named("a") }).await.unwrap();
    let paused = paused.into_inner().schedule.unwrap();
    assert!(paused.paused && paused.next_firing.is_none());
    rig.rescoring().delete_schedule(v1::DeleteScheduleRequest { name: named("schedules/b") }).await.unwrap();
    rig.clock.advance(DAY * 2);
    assert_eq!(dates(&rig, 0).await, [""; 0]);
    rig.rescoring().resume_schedule(v1::ResumeScheduleRequest { name: named("a") }).await.unwrap();
    assert_eq!(dates(&rig, 0).await, [""; 0], "what passed while it was paused was not missed");
    let gone = rig.rescoring().delete_schedule(v1::DeleteScheduleRequest { name: named("b") }).await;
    refusal(gone, Code::NotFound, "SCHEDULE_NOT_FOUND");
    let good = || daily("c", v1::MissedPolicy::Skip);
    let wrong = [
        ("schedule.name", v1::Schedule { name: "Ü".to_owned(), ..good() }),
        ("schedule.fields", v1::Schedule { fields: vec![], ..good() }),
        ("schedule.cron", v1::Schedule { cron: "every night".to_owned(), ..good() }),
        ("schedule.time_zone", v1::Schedule { time_zone: "Asia/Peking".to_owned(), ..good() }),
        ("schedule.cut_off", v1::Schedule { cut_off: 99, ..good() }),
    ];
    for (field, schedule) in wrong {
        violation(create(&rig, schedule).await, field);
    }
    let unknown = v1::Schedule { fields: vec!["nowhere".to_owned()], ..good() };
    refusal(create(&rig, unknown).await, Code::NotFound, "FIELD_NOT_FOUND");
}
