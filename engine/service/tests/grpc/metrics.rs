//! What Prometheus is told: every call by method and code, and nothing a client sent.
#![expect(clippy::float_cmp, reason = "counts, as the page of figures writes them")]

use std::time::Duration;

use hengxin_proto::v1;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::raw::{Raw, framed};
use crate::rig::{FIELD, Rig, code, question, registration};

/// The metrics as text.
pub(crate) async fn scrape(rig: &Rig) -> String {
    ask(rig, "/metrics").await.split_once("\r\n\r\n").expect("head and body").1.to_owned()
}

async fn ask(rig: &Rig, path: &str) -> String {
    let mut stream = TcpStream::connect(rig.metrics.expect("a port for metrics")).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// The value of one line.
#[track_caller]
pub(crate) fn value(text: &str, line: &str) -> f64 {
    let found = text.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no `{line}` in\n{text}")).parse().expect("a number")
}

async fn measured() -> Rig {
    let rig = Rig::with(|_, config| config.metrics = Some(([127, 0, 0, 1], 0).into())).await;
    rig.registered(&[code(1)]).await;
    rig
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_counted_by_method_and_code_and_refusals_by_reason() {
    let rig = measured().await;
    rig.evaluated(code(1)).await;
    rig.evaluated(code(1)).await;
    rig.scoring().evaluate(question(code(2))).await.unwrap_err();
    let settings = v1::BatchEvaluateSettings { standard: "nobody".to_owned(), ..Default::default() };
    let batch = v1::BatchEvaluateRequest { settings: Some(settings), enterprises: vec![code(1).to_string()] };
    let mut answers = rig.scoring().batch_evaluate(tokio_stream::once(batch)).await.unwrap().into_inner();
    // A stream says in its trailers how it ended.
    answers.message().await.unwrap_err();
    let text = scrape(&rig).await;
    let count = |method: &str, code: &str| {
        let labels = format!(r#"rpc_method="hengxin.v1.{method}",rpc_response_status_code="{code}""#);
        value(&text, &format!("rpc_server_call_duration_seconds_count{{{labels}}}"))
    };
    assert_eq!(count("ScoringService/Evaluate", "OK"), 2.0);
    assert_eq!(count("ScoringService/Evaluate", "NOT_FOUND"), 1.0);
    assert_eq!(count("LedgerService/SubmitFacts", "OK"), 2.0);
    assert_eq!(count("ScoringService/BatchEvaluate", "NOT_FOUND"), 1.0);
    assert_eq!(value(&text, r#"hengxin_calls_refused_total{reason="ENTERPRISE_NOT_FOUND"}"#), 1.0);
    assert_eq!(value(&text, r#"hengxin_calls_refused_total{reason="STANDARD_NOT_FOUND"}"#), 1.0);
    assert_eq!(
        value(&text, r#"hengxin_calls_under_way{rpc_method="hengxin.v1.ScoringService/Evaluate"}"#),
        0.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_are_told_of_before_they_are_called() {
    let rig = Rig::with(|_, config| config.metrics = Some(([127, 0, 0, 1], 0).into())).await;
    let text = scrape(&rig).await;
    let count = r#"rpc_server_call_duration_seconds_count{rpc_method="hengxin.v1.ScoringService/Evaluate",rpc_response_status_code="OK"}"#;
    assert_eq!(value(&text, count), 0.0);
    // One for each method of ours, and none for what nobody asked: codes that did not occur, other services.
    let series = text.lines().filter(|line| line.starts_with("rpc_server_call_duration_seconds_count"));
    assert!(series.clone().count() > 40, "{text}");
    for line in series {
        assert!(line.contains("hengxin.v1.") && line.contains("\"OK\""), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_is_measured_when_it_is_asked_about() {
    let rig = measured().await;
    let before = scrape(&rig).await;
    rig.clock.advance(Duration::from_secs(90));
    let age = value(&scrape(&rig).await, "hengxin_ledger_watermark_age_seconds");
    assert!((age - 90.0).abs() < 1.0, "{age}");
    rig.submit("one-more", vec![registration(code(9), "甲公司", "330106", "C1411")]).await.unwrap();
    let after = scrape(&rig).await;
    let log = |text| value(text, "hengxin_log_entries");
    // A batch of facts is one entry.
    assert_eq!(log(&after) - log(&before), 1.0);
    assert_eq!(value(&after, "hengxin_writes_waiting"), 0.0);
    assert_eq!(value(&after, "hengxin_audit_failures_total"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_label_says_anything_a_client_sent() {
    let rig = measured().await;
    let name = "独一无二贸易公司";
    rig.submit("named", vec![registration(code(7), name, "330106", "C1411")]).await.unwrap();
    rig.evaluated(code(7)).await;
    let tier = v1::GetTierRequest {
        enterprise: code(7).to_string(),
        field: FIELD.to_owned(),
        ..v1::GetTierRequest::default()
    };
    rig.supervision().get_tier(tier).await.unwrap();
    rig.scoring().evaluate(question(code(8))).await.unwrap_err();
    let raw = Raw::connect(&rig.address).await;
    for path in [format!("/hengxin.v1.ScoringService/{}", code(7)), format!("/{}/Evaluate", code(8))] {
        raw.send(&path, None, framed(name.as_bytes())).await;
    }
    let text = scrape(&rig).await;
    for word in [code(7).to_string(), code(8).to_string(), name.to_owned(), "独".to_owned()] {
        assert!(!text.contains(&word), "`{word}` in\n{text}");
    }
    let unknown = r#"rpc_server_call_duration_seconds_count{rpc_method="_OTHER",rpc_response_status_code="UNIMPLEMENTED"}"#;
    assert_eq!(value(&text, unknown), 2.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_port_of_metrics_answers_nothing_else() {
    let rig = measured().await;
    let head = ask(&rig, "/metrics").await;
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/plain; version=0.0.4"), "{head}");
    for path in ["/", "/hengxin.v1.ScoringService/Evaluate"] {
        let answer = ask(&rig, path).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    }
}
