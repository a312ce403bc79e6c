//! Several services over one database of a PostgreSQL server, as a department with more than one machine has them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hengxin_proto::v1;
use hengxin_service::RunSetup;
use hengxin_service::conductor::Conductor;
use hengxin_store::{CutOff, Missed, RunFilter, Schedule};

use crate::cluster::{cluster, left_out};
use crate::rig::{FIELD, NOON, Rig, TestClock, code, registration};
use crate::runs::{Fake, at};
use crate::schedules::{create, daily, dates};

/// A folder whose ledger is in a new database; `None` where there is no server.
async fn folder(test: &'static str) -> Option<Arc<tempfile::TempDir>> {
    // Starting the server blocks.
    tokio::task::spawn_blocking(move || new_folder(test)).await.unwrap()
}

fn new_folder(test: &str) -> Option<Arc<tempfile::TempDir>> {
    match cluster() {
        Ok(cluster) => {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("address"), cluster.database()).unwrap();
            Some(Arc::new(folder))
        }
        Err(why) => {
            left_out(test, &format!("no server could be started: {why}"));
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_share_a_database_answer_alike_and_make_one_run_of_a_firing() {
    let Some(folder) = folder("services that share a database").await else { return };
    let (fake, clock) = (Arc::new(Fake::default()), TestClock::at(NOON));
    let mut one = at(Arc::clone(&folder), Arc::clone(&clock), &fake).await;
    let two = at(folder, Arc::clone(&clock), &fake).await;
    // What one records the other knows.
    one.submit("a", vec![registration(code(1), "甲公司", "330106", "C1411")]).await.unwrap();
    two.engine.look_again().unwrap();
    let asked = v1::SearchEnterprisesRequest { query: "甲".to_owned(), ..Default::default() };
    let found = two.ledger().search_enterprises(asked).await.unwrap().into_inner();
    assert_eq!(found.enterprises.len(), 1);
    // The same request sent to both has one effect.
    let again = two.submit("a", vec![registration(code(1), "甲公司", "330106", "C1411")]).await.unwrap();
    assert_eq!((again.accepted, again.duplicates), (1, 0));
    assert_eq!(two.engine.ledger().snapshot(None).unwrap().counts().unwrap(), (1, 1));
    // A firing makes one run, whoever leads; when that one goes, the other one fires the next.
    create(&two, daily("nightly", v1::MissedPolicy::RunOnce)).await.unwrap();
    clock.advance(Duration::from_secs(14 * 3600));
    assert_eq!(dates(&two, 1).await, ["2026-06-30"]);
    one.stop().await.unwrap().unwrap();
    let Rig { engine, .. } = one;
    drop(engine);
    clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(dates(&two, 2).await, ["2026-06-30", "2026-07-01"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_conductors_only_the_one_that_leads_fires() {
    let Some(folder) = folder("conductors that share a database").await else { return };
    let clock = TestClock::at(NOON);
    let (one, two) = (
        Rig::at(Arc::clone(&folder), Arc::clone(&clock), |_, _| {}).await,
        Rig::at(folder, Arc::clone(&clock), |_, _| {}).await,
    );
    let nightly = Schedule {
        name: "nightly".to_owned(),
        fields: vec![FIELD.to_owned()],
        cron: "0 2 * * *".to_owned(),
        time_zone: "Asia/Shanghai".to_owned(),
        cut_off: CutOff::PreviousDay,
        missed: Missed::RunAll,
        dataset: None,
        incremental: false,
    };
    one.engine.book(|book| book.create_schedule(&nightly)).unwrap();
    let fake = Arc::new(Fake::default());
    let conductor = |rig: &Rig| {
        let runner = Arc::clone(&fake) as Arc<dyn hengxin_service::Runner>;
        Arc::new(Conductor::new(Arc::clone(&rig.engine), RunSetup::new(runner, "runs")))
    };
    let count =
        |rig: &Rig| rig.engine.snapshot(None).unwrap().runs(&RunFilter::default(), None, 100).unwrap().len();
    let (first, second) = (conductor(&one), conductor(&two));
    first.turn().unwrap();
    clock.advance(Duration::from_secs(24 * 3600));
    second.turn().unwrap();
    assert_eq!(count(&two), 0, "the other one leads");
    first.turn().unwrap();
    assert_eq!(count(&two), 1);
    drop(first);
    clock.advance(Duration::from_secs(24 * 3600));
    // The server frees the lock when it notices that the session is over, which a busy machine delays.
    let begun = Instant::now();
    loop {
        second.turn().unwrap();
        if count(&two) == 2 {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody took the lead over");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
