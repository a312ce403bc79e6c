//! A damaged ledger: a clear status for what it concerns, and the rest goes on.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;

use hengxin_proto::v1;
use tonic::Code;

use crate::rig::{FIELD, Rig, code, penalty, question, refusal};

/// Overwrites the first page of a table or index.
fn spoil(path: &Path, name: &str) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let size: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let page: u32 = connection.query_row(sql, [name], |row| row.get(0)).unwrap();
    drop(connection);
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(u64::from(page - 1) * u64::from(size))).unwrap();
    file.write_all(&vec![0x5a; usize::try_from(size).unwrap()]).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_facts_are_data_loss_and_no_answer_is_made_up() {
    let mut rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    rig.submit("facts", vec![penalty(code(1), "罚1号", "2026-01-10")]).await.unwrap();
    rig.stop().await.unwrap().unwrap();
    let Rig { folder, clock, path, engine, .. } = rig;
    drop(engine);
    spoil(&path, "facts");
    let rig = Rig::at(Arc::clone(&folder), clock, |_, _| {}).await;
    let reason = "LEDGER_DAMAGED";
    let (message, _) = refusal(rig.scoring().evaluate(question(code(1))).await, Code::DataLoss, reason);
    assert!(message.contains("restore it from a backup"), "{message}");
    assert!(!message.contains(path.to_str().unwrap()), "paths are for the operator's log: {message}");
    let tier = || v1::GetTierRequest {
        enterprise: code(1).to_string(),
        field: FIELD.to_owned(),
        ..Default::default()
    };
    for _ in 0..2 {
        refusal(rig.supervision().get_tier(tier()).await, Code::DataLoss, reason);
    }
    let listed = v1::ListFactsRequest { parent: code(1).to_string(), ..Default::default() };
    refusal(rig.ledger().list_facts(listed).await, Code::DataLoss, reason);
    refusal(rig.submit("more", vec![penalty(code(1), "罚2号", "2026-01-10")]).await, Code::DataLoss, reason);
    // A batch ends: the ledger fails for all alike.
    let tiers = v1::BatchGetTiersRequest {
        enterprises: vec![code(1).to_string()],
        field: FIELD.to_owned(),
        ..Default::default()
    };
    refusal(rig.supervision().batch_get_tiers(tiers).await, Code::DataLoss, reason);
    // What needs no facts is answered.
    rig.standards().list_standards(v1::ListStandardsRequest::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_record_of_evaluations_leaves_evaluating_as_it_was() {
    let mut rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let mut stored = question(code(1));
    stored.store = true;
    stored.request_id = "kept".to_owned();
    let name = rig.scoring().evaluate(stored).await.unwrap().into_inner().name;
    rig.stop().await.unwrap().unwrap();
    let Rig { folder, clock, path, engine, .. } = rig;
    drop(engine);
    spoil(&path, "evaluations");
    let rig = Rig::at(Arc::clone(&folder), clock, |_, _| {}).await;
    let answer = rig.scoring().get_evaluation(v1::GetEvaluationRequest { name }).await;
    refusal(answer, Code::DataLoss, "LEDGER_DAMAGED");
    assert_eq!(rig.evaluated(code(1)).await.score.unwrap().decimal, "88");
}
