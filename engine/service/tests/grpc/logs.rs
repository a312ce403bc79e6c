//! Logs: one line a call, and nobody's code, name or number in any of them.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use hengxin_proto::v1;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::raw::Raw;
use crate::rig::{FIELD, Rig, code, penalty, question};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps the lines of this program, at every level.
struct Lines;

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("hengxin")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} {}", event.metadata().level(), event.metadata().target()));
        event.record(&mut line);
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_says_method_code_and_time_and_nothing_of_whom_it_was_about() {
    tracing::subscriber::set_global_default(Lines).unwrap();
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let mut secret = penalty(code(1), "罚某号", "2026-01-10");
    secret.fields.push(v1::FieldInput { id: "representative".to_owned(), value: "张三".to_owned() });
    secret
        .fields
        .push(v1::FieldInput { id: "representative_id".to_owned(), value: "11010519491231002X".to_owned() });
    rig.submit("facts", vec![secret]).await.unwrap();
    rig.evaluated(code(1)).await;
    rig.scoring().evaluate(question(code(2))).await.unwrap_err();
    let mut wrong = question(code(1));
    wrong.enterprise = "张三".to_owned();
    rig.scoring().evaluate(wrong).await.unwrap_err();
    rig.submit("wrong", vec![penalty(code(1), "罚某号", "张三")]).await.unwrap_err();
    let tier =
        v1::GetTierRequest { enterprise: code(1).to_string(), field: FIELD.to_owned(), ..Default::default() };
    rig.supervision().get_tier(tier).await.unwrap();
    let raw = Raw::connect(&rig.address).await;
    for path in [
        format!("/hengxin.v1.{}/Evaluate", code(1)),
        format!("/hengxin.v1.ScoringService/{}", code(1)),
        "/hengxin.v1.ScoringService/ZhangSan".to_owned(),
    ] {
        raw.send(&path, None, vec![]).await;
    }
    // Lines of other tests that run meanwhile are held to the same.
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let calls = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    assert!(calls("INFO hengxin::call") >= 9, "{lines:#?}");
    let refused = "method=hengxin.v1.ScoringService/Evaluate code=5";
    assert!(lines.iter().any(|line| line.contains(refused) && line.contains("micros=")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("method=_OTHER code=12")), "{lines:#?}");
    for line in &lines {
        for private in ["91330106MB", "公司", "张三", "ZhangSan", "罚", "某局", "110105", "127.0.0.1:"]
        {
            let own = line.contains("hengxin::server") && private == "127.0.0.1:";
            assert!(own || !line.contains(private), "`{private}` in: {line}");
        }
    }
}
