//! Writes: one effect and one answer, however often and in whatever order they are sent.

use std::time::Duration;

use hengxin_proto::v1;
use prost::Message as _;
use tonic::{Code, Status};

use crate::rig::{Rig, code, fact, penalty, question, refusal, registration, violations};

fn stored(as_of: &str, id: &str) -> v1::EvaluateRequest {
    v1::EvaluateRequest {
        as_of: as_of.to_owned(),
        store: true,
        request_id: id.to_owned(),
        ..question(code(1))
    }
}

async fn count(rig: &Rig) -> (u64, usize) {
    let (_, facts) = rig.engine.ledger().snapshot(None).unwrap().counts().unwrap();
    let asked =
        v1::ListEvaluationsRequest { parent: code(1).to_string(), page_size: 1000, ..Default::default() };
    (facts, rig.scoring().list_evaluations(asked).await.unwrap().into_inner().evaluations.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_sent_again_has_the_same_answer_and_no_second_effect() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let facts = || vec![penalty(code(1), "罚1号", "2026-01-10"), penalty(code(1), "罚2号", "2026-01-10")];
    let first = rig.submit("facts", facts()).await.unwrap();
    let answer = rig.scoring().evaluate(stored("", "kept")).await.unwrap().into_inner();
    let before = count(&rig).await;
    rig.clock.advance(Duration::from_secs(5));
    let again = rig.submit("facts", facts()).await.unwrap();
    // Not `duplicates: 2`: it is the first answer, not an answer to a second request.
    assert_eq!(again.encode_to_vec(), first.encode_to_vec());
    assert_eq!((again.accepted, again.duplicates), (2, 0));
    let same = rig.scoring().evaluate(stored("", "kept")).await.unwrap().into_inner();
    assert_eq!(same.encode_to_vec(), answer.encode_to_vec());
    assert_eq!(count(&rig).await, before);
    // The same rows under another id are duplicates.
    let other = rig.submit("other", facts()).await.unwrap();
    assert_eq!((other.accepted, other.duplicates), (0, 2));
    let rig = rig.restarted().await;
    let same = rig.scoring().evaluate(stored("", "kept")).await.unwrap().into_inner();
    assert_eq!(same.encode_to_vec(), answer.encode_to_vec());
    assert_eq!(rig.submit("facts", facts()).await.unwrap().encode_to_vec(), first.encode_to_vec());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_answered_as_before_after_the_standard_ended_and_new_facts_came() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let asked = || v1::EvaluateRequest { standard: "industry-test".to_owned(), ..stored("", "kept") };
    let answer = rig.scoring().evaluate(asked()).await.unwrap().into_inner();
    rig.submit("later", vec![penalty(code(1), "罚1号", "2026-01-10")]).await.unwrap();
    rig.clock.advance(Duration::from_secs(200 * 86_400));
    let again = rig.scoring().evaluate(asked()).await.unwrap().into_inner();
    assert_eq!(again.encode_to_vec(), answer.encode_to_vec());
    let new = v1::EvaluateRequest { request_id: "new".to_owned(), ..asked() };
    refusal(rig.scoring().evaluate(new).await, Code::FailedPrecondition, "STANDARD_EXPIRED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_used_for_something_else_is_refused_and_nothing_is_written() {
    let rig = Rig::new().await;
    rig.registered(&[code(1), code(2)]).await;
    rig.submit("facts", vec![penalty(code(1), "罚1号", "2026-01-10")]).await.unwrap();
    rig.scoring().evaluate(stored("", "kept")).await.unwrap();
    let before = count(&rig).await;
    let reused = |answer: Result<(), Status>| {
        let (message, details) = refusal(answer, Code::AlreadyExists, "REQUEST_ID_REUSED");
        assert_eq!(violations(&details)[0].0, "request_id");
        message
    };
    let body = rig.submit("facts", vec![penalty(code(1), "罚2号", "2026-01-10")]).await;
    assert!(reused(body.map(drop)).contains("another body"));
    // Another view or date is another question.
    let mut viewed = stored("", "kept");
    viewed.view = v1::EvaluationView::Basic.into();
    reused(rig.scoring().evaluate(viewed).await.map(drop));
    reused(rig.scoring().evaluate(stored("2026-06-29", "kept")).await.map(drop));
    let method = rig.submit("kept", vec![penalty(code(1), "罚2号", "2026-01-10")]).await;
    assert!(reused(method.map(drop)).contains("another method"));
    reused(rig.scoring().evaluate(stored("", "facts")).await.map(drop));
    assert_eq!(count(&rig).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_submission_is_cut_into_messages_makes_no_difference() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let rows: Vec<_> = (0..6).map(|n| penalty(code(1), &format!("罚{n}号"), "2026-01-10")).collect();
    let whole = rig.submit("facts", rows.clone()).await.unwrap();
    let parts: Vec<_> = rows
        .chunks(2)
        .enumerate()
        .map(|(n, facts)| v1::SubmitFactsRequest {
            request_id: if n == 0 { "facts".to_owned() } else { String::new() },
            source: if n == 0 { "test".to_owned() } else { String::new() },
            facts: facts.to_vec(),
            deliveries: vec![],
        })
        .collect();
    let again = rig.ledger().submit_facts(tokio_stream::iter(parts)).await.unwrap().into_inner();
    assert_eq!((again, whole.accepted), (whole, 6));
    // Cut elsewhere between source and rows it is another submission.
    let other = v1::SubmitFactsRequest {
        request_id: "facts".to_owned(),
        source: "tes".to_owned(),
        facts: rows,
        deliveries: vec![],
    };
    let answer = rig.ledger().submit_facts(tokio_stream::once(other)).await;
    refusal(answer, Code::AlreadyExists, "REQUEST_ID_REUSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_many_times_at_once_has_one_effect() {
    let rig = std::sync::Arc::new(Rig::new().await);
    rig.registered(&[code(1)]).await;
    let send = |kind: usize| {
        let rig = std::sync::Arc::clone(&rig);
        tokio::spawn(async move {
            match kind {
                0 => rig
                    .submit("facts", vec![penalty(code(1), "罚1号", "2026-01-10")])
                    .await
                    .unwrap()
                    .encode_to_vec(),
                // Its answer must not depend on when the facts come in between.
                _ => rig.scoring().evaluate(stored("", "kept")).await.unwrap().into_inner().encode_to_vec(),
            }
        })
    };
    let sent: Vec<_> = (0..64).map(|n| (n % 2, send(n % 2))).collect();
    let mut answers = [Vec::new(), Vec::new()];
    for (kind, answer) in sent {
        answers[kind].push(answer.await.unwrap());
    }
    for same in answers {
        assert_eq!(same.len(), 32);
        assert!(same.iter().all(|answer| *answer == same[0]));
    }
    assert_eq!(count(&rig).await, (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_after_the_commit_is_given_to_the_retry() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let (before, _) = count(&rig).await;
    let facts = || vec![penalty(code(1), "罚1号", "2026-01-10")];
    // Another process holds the ledger, so that the request is cut off while its write waits.
    let other = rusqlite::Connection::open(&rig.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let cut = tokio::time::timeout(Duration::from_millis(300), rig.submit("lost", facts())).await;
    assert!(cut.is_err());
    assert_eq!(count(&rig).await.0, before);
    other.execute_batch("ROLLBACK").unwrap();
    // Nobody waits for it, and it is committed all the same.
    let committed = async {
        while count(&rig).await.0 == before {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), committed).await.expect("committed");
    let retried = rig.submit("lost", facts()).await.unwrap();
    assert_eq!((retried.accepted, retried.duplicates), (1, 0));
    assert_eq!(count(&rig).await.0, before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_answered_while_writes_wait_for_another_process() {
    let rig = std::sync::Arc::new(Rig::new().await);
    rig.registered(&[code(1)]).await;
    let other = rusqlite::Connection::open(&rig.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let writes: Vec<_> = (0..40)
        .map(|n| {
            let rig = std::sync::Arc::clone(&rig);
            let rows = vec![penalty(code(1), &format!("罚{n}号"), "2026-01-10")];
            tokio::spawn(async move { rig.submit(&format!("waiting-{n}"), rows).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let asked = rig.evaluated(code(1));
    let told = tokio::time::timeout(Duration::from_secs(2), asked).await.expect("answered at once");
    assert_eq!(told.score.unwrap().decimal, "88");
    other.execute_batch("ROLLBACK").unwrap();
    for write in writes {
        assert_eq!(write.await.unwrap().unwrap().accepted, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_held_too_long_by_another_is_unavailable_with_a_time_to_retry() {
    let rig = Rig::with(|options, _| options.busy_wait = Duration::from_millis(100)).await;
    rig.registered(&[code(1)]).await;
    let other = rusqlite::Connection::open(&rig.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = rig.submit("busy", vec![penalty(code(1), "罚1号", "2026-01-10")]).await;
    let (_, details) = refusal(answer, Code::Unavailable, "LEDGER_BUSY");
    assert!(details.retry_info().unwrap().retry_delay.unwrap() > Duration::ZERO);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(rig.submit("busy", vec![penalty(code(1), "罚1号", "2026-01-10")]).await.unwrap().accepted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_as_such_and_half_of_a_write_is_never_kept() {
    let rig = Rig::with(|options, _| options.pages_max = Some(120)).await;
    rig.registered(&[code(1)]).await;
    let before = count(&rig).await;
    let rows = || (0..2000).map(|n| penalty(code(1), &format!("罚{n}号"), "2026-01-10")).collect();
    refusal(rig.submit("large", rows()).await, Code::ResourceExhausted, "DISK_FULL");
    assert_eq!(count(&rig).await, before);
    assert_eq!(rig.evaluated(code(1)).await.score.unwrap().decimal, "88");
    assert_eq!(rig.submit("small", vec![penalty(code(1), "罚1号", "2026-01-10")]).await.unwrap().accepted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_and_corrections_in_any_order_of_rows_come_to_the_same_file() {
    let rows = vec![
        registration(code(1), "甲公司", "330106", "C1411"),
        penalty(code(1), "罚1号", "2026-01-10"),
        penalty(code(1), "罚2号", "2025-12-01"),
        crate::rig::repair(code(1), "罚1号", "2026-02-01"),
        fact(
            "abnormal-operation",
            &[("subject_code", code(1).as_str()), ("document_number", "异1号"), ("listed_on", "2026-03-01")],
        ),
    ];
    let mut answers = Vec::new();
    for turn in 0..rows.len() {
        let rig = Rig::new().await;
        let mut rows = rows.clone();
        rows.rotate_left(turn);
        rig.submit("facts", rows).await.unwrap();
        rig.delivered().await;
        answers.push(rig.evaluated(code(1)).await.encode_to_vec());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_holds_facts_or_deliveries_and_at_least_one() {
    let rig = Rig::new().await;
    let delivery = v1::DeliveryInput {
        register: "registration".to_owned(),
        region: "100000".to_owned(),
        through: "2026-06-30".to_owned(),
    };
    let both = v1::SubmitFactsRequest {
        request_id: "both".to_owned(),
        source: "test".to_owned(),
        facts: vec![registration(code(1), "甲公司", "330106", "C1411")],
        deliveries: vec![delivery.clone()],
    };
    crate::rig::violation(rig.ledger().submit_facts(tokio_stream::once(both)).await, "deliveries");
    crate::rig::violation(rig.submit("none", vec![]).await, "facts");
    let empty = tokio_stream::iter(Vec::<v1::SubmitFactsRequest>::new());
    crate::rig::violation(rig.ledger().submit_facts(empty).await, "request_id");
    let wrong = v1::DeliveryInput {
        register: "registratoin".to_owned(),
        region: "3x".to_owned(),
        through: "2026-07-01".to_owned(),
    };
    let message = v1::SubmitFactsRequest {
        request_id: "wrong".to_owned(),
        source: "test".to_owned(),
        facts: vec![],
        deliveries: vec![delivery, wrong],
    };
    let answer = rig.ledger().submit_facts(tokio_stream::once(message)).await;
    let (_, details) = refusal(answer, Code::InvalidArgument, "INVALID_REQUEST");
    let fields: Vec<_> = violations(&details).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["deliveries[1].register", "deliveries[1].region", "deliveries[1].through"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_repeated_and_in_any_order_come_to_the_same_result() {
    let requests = [
        ("a", vec![penalty(code(1), "罚1号", "2026-01-10")]),
        ("b", vec![penalty(code(1), "罚2号", "2025-12-01"), penalty(code(1), "罚3号", "2026-02-01")]),
        (
            "c",
            vec![penalty(code(1), "罚3号", "2026-02-01"), crate::rig::repair(code(1), "罚3号", "2026-03-01")],
        ),
    ];
    for order in ["abc", "acb", "bac", "bca", "cab", "cba", "aabbcc", "abcabc", "cbabc"] {
        let rig = Rig::new().await;
        rig.registered(&[code(1)]).await;
        let mut first = std::collections::BTreeMap::new();
        for id in order.chars() {
            let (id, rows) = requests.iter().find(|(known, _)| known.starts_with(id)).unwrap();
            let answer = rig.submit(id, rows.clone()).await.unwrap();
            assert_eq!(*first.entry(id).or_insert(answer), answer, "{order}");
        }
        // Two of three penalties count.
        assert_eq!(rig.evaluated(code(1)).await.score.unwrap().decimal, "73", "{order}");
        assert_eq!(count(&rig).await.0, 1 + 4, "{order}");
        assert_eq!(first.values().map(|answer| answer.accepted).sum::<u64>(), 4, "{order}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_that_comes_before_its_record_is_kept_aside_and_taken_when_sent_anew() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let mark = || vec![crate::rig::repair(code(1), "罚1号", "2026-03-01")];
    let early = rig.submit("early", mark()).await.unwrap();
    assert_eq!((early.accepted, early.quarantined), (0, 1));
    rig.submit("record", vec![penalty(code(1), "罚1号", "2026-01-10")]).await.unwrap();
    assert_eq!(rig.submit("early", mark()).await.unwrap(), early);
    assert_eq!(rig.evaluated(code(1)).await.score.unwrap().decimal, "85.5");
    assert_eq!(rig.submit("anew", mark()).await.unwrap().accepted, 1);
    assert_eq!(rig.evaluated(code(1)).await.score.unwrap().decimal, "88");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_cut_off_between_its_messages_leaves_nothing() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let before = count(&rig).await;
    let message = |id: &str, number: &str| v1::SubmitFactsRequest {
        request_id: id.to_owned(),
        facts: vec![penalty(code(1), number, "2026-01-10")],
        ..Default::default()
    };
    // Many times: the transport may take a stream that was cancelled for one that ended.
    let mut open = Vec::new();
    for _ in 0..30 {
        let (messages, stream) = tokio::sync::mpsc::channel(4);
        messages.send(message("cut", "罚1号")).await.unwrap();
        let mut ledger = rig.ledger();
        let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
        let sending = tokio::spawn(async move { ledger.submit_facts(stream).await });
        tokio::time::sleep(Duration::from_millis(20)).await;
        sending.abort();
        // Dropped, it would end its stream in good order.
        open.push(messages);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(count(&rig).await, before);
    // A later message that is wrong takes the earlier ones with it.
    let mut wrong = message("", "罚2号");
    wrong.facts[0].code = "flood".to_owned();
    let parts = tokio_stream::iter([message("wrong", "罚1号"), wrong]);
    crate::rig::violation(rig.ledger().submit_facts(parts).await, "facts[1].code");
    let other = tokio_stream::iter([message("one", "罚1号"), message("two", "罚2号")]);
    crate::rig::violation(rig.ledger().submit_facts(other).await, "request_id");
    assert_eq!(count(&rig).await, before);
    let parts = tokio_stream::iter([message("cut", "罚1号"), message("", "罚2号")]);
    assert_eq!(rig.ledger().submit_facts(parts).await.unwrap().into_inner().accepted, 2);
}
