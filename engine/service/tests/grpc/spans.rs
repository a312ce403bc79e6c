//! Spans, as a collector receives them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use hengxin_proto::v1;
use hengxin_proto::v1::ledger_service_client::LedgerServiceClient;
use hengxin_proto::v1::supervision_service_client::SupervisionServiceClient;
use hengxin_service::{Config, Engine, Local, People, ServeError, TraceSetup, bind};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use crate::papers::{Papers, facts_of, identified, supervising, supply};
use crate::raw::{Raw, framed};
use crate::rig::{FIELD, Rig, code, question, registration};

/// A collector on loopback that keeps what it is sent.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn begin() -> (Collector, TraceSetup) {
        let collector = Collector::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let setup = sent_to(listener.local_addr().unwrap());
        let server =
            tonic::transport::Server::builder().add_service(TraceServiceServer::new(collector.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        (collector, setup)
    }

    fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn spans(&self) -> Vec<Span> {
        let resources = self.requests().into_iter().flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// The one span of that name.
    #[track_caller]
    fn span(&self, name: &str) -> Span {
        let mut found: Vec<Span> = self.spans().into_iter().filter(|span| span.name == name).collect();
        assert_eq!(found.len(), 1, "`{name}` in {:#?}", self.spans());
        found.remove(0)
    }

    /// Names of the spans below one, as they began.
    fn children(&self, parent: &Span) -> Vec<Span> {
        let below = |span: &Span| span.parent_span_id == parent.span_id && span.trace_id == parent.trace_id;
        let mut found: Vec<Span> = self.spans().into_iter().filter(below).collect();
        found.sort_by_key(|span| span.start_time_unix_nano);
        found
    }
}

fn sent_to(address: SocketAddr) -> TraceSetup {
    TraceSetup { collector: format!("http://{address}"), ratio: 1.0 }
}

async fn traced(setup: TraceSetup) -> Rig {
    Rig::with(|_, config| config.traces = Some(setup)).await
}

/// The end of the service, by which all spans have been sent.
async fn end(mut rig: Rig) {
    rig.stop().await.unwrap().unwrap();
}

fn attributes(span: &Span) -> BTreeMap<&str, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => panic!("an attribute {other:?}"),
    };
    let pair = |pair: &'_ opentelemetry_proto::tonic::common::v1::KeyValue| {
        text(pair.value.as_ref().unwrap().value.as_ref().unwrap())
    };
    span.attributes.iter().map(|attribute| (attribute.key.as_str(), pair(attribute))).collect()
}

fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

fn is_fault(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
}

fn tier_of(n: u32) -> v1::GetTierRequest {
    v1::GetTierRequest { enterprise: code(n).to_string(), field: FIELD.to_owned(), ..Default::default() }
}

fn within_trace<T>(mut request: Request<T>, traceparent: &str) -> Request<T> {
    request.metadata_mut().insert("traceparent", traceparent.parse().unwrap());
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_a_span_of_its_callers_trace_and_has_one_for_each_thing_it_waits_for() {
    let (collector, setup) = Collector::begin().await;
    let papers = Papers::new();
    let rig = papers.serve_with(|config| config.traces = Some(setup)).await;
    supply(&papers, &rig, "a", vec![identified(code(1))]).await.unwrap();
    let mut regulator = LedgerServiceClient::new(papers.machine(&rig, "regulator"));
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    regulator.list_facts(within_trace(supervising(facts_of(code(1))), traceparent)).await.unwrap();
    let (host, port) = rig.address.strip_prefix("http://").unwrap().split_once(':').unwrap();
    let (host, port) = (host.to_owned(), port.to_owned());
    end(rig).await;
    let call = collector.span("hengxin.v1.LedgerService/ListFacts");
    assert_eq!(call.kind(), SpanKind::Server);
    assert_eq!(call.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
    assert_eq!(call.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    assert!(!is_fault(&call), "{call:?}");
    let expected = [
        ("rpc.method", "hengxin.v1.LedgerService/ListFacts"),
        ("rpc.response.status_code", "OK"),
        ("rpc.system.name", "grpc"),
        ("server.address", &host),
        ("server.port", &port),
    ];
    let expected = expected.into_iter().map(|(key, value)| (key, value.to_owned())).collect();
    assert_eq!(attributes(&call), expected);
    let children = collector.children(&call);
    assert_eq!(names(&children), ["hengxin.place", "hengxin.rules", "hengxin.audit", "hengxin.use_case"]);
    for child in &children {
        assert_eq!(child.kind(), SpanKind::Internal, "{child:?}");
        assert!(child.attributes.is_empty(), "{child:?}");
        let inside = child.start_time_unix_nano >= call.start_time_unix_nano
            && child.end_time_unix_nano <= call.end_time_unix_nano;
        assert!(inside, "{child:?} within {call:?}");
    }
    // One after the other: each begins when the one before has ended.
    assert!(children.windows(2).all(|pair| pair[0].end_time_unix_nano <= pair[1].start_time_unix_nano));
    let submitted = collector.span("hengxin.v1.LedgerService/SubmitFacts");
    assert!(submitted.parent_span_id.is_empty(), "a call without a trace begins one: {submitted:?}");
    let names = names(&collector.children(&submitted)).join(" ");
    assert!(names.ends_with("hengxin.audit hengxin.use_case hengxin.use_case hengxin.write"), "{names}");
    let resource = collector.requests()[0].resource_spans[0].resource.clone().unwrap();
    let service = resource.attributes.iter().find(|attribute| attribute.key == "service.name").unwrap();
    let Some(Value::StringValue(service)) = service.value.clone().unwrap().value else {
        panic!("{service:?}")
    };
    assert_eq!(service, "hengxin");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_is_to_blame_for_is_a_fault_and_what_a_caller_asked_wrongly_is_none() {
    let (collector, setup) = Collector::begin().await;
    let rig = traced(setup).await;
    rig.registered(&[code(1)]).await;
    rig.scoring().evaluate(question(code(2))).await.unwrap_err();
    let settings = v1::BatchEvaluateSettings { standard: "nobody".to_owned(), ..Default::default() };
    let batch = v1::BatchEvaluateRequest { settings: Some(settings), enterprises: vec![code(1).to_string()] };
    let mut answers = rig.scoring().batch_evaluate(tokio_stream::once(batch)).await.unwrap().into_inner();
    // A stream says in its trailers how it ended.
    answers.message().await.unwrap_err();
    let raw = Raw::connect(&rig.address).await;
    raw.send("/hengxin.v1.ScoringService/Nothing", None, vec![]).await;
    let held = rig.clock.hold();
    let path = "/hengxin.v1.ScoringService/SimulateEvaluation";
    let ask = v1::SimulateEvaluationRequest { enterprise: code(1).to_string(), ..Default::default() };
    let late = raw.send(path, Some("50m"), framed(&ask.encode_to_vec())).await;
    drop(held);
    end(rig).await;
    let told = |name: &str| {
        let span = collector.span(name);
        let found = attributes(&span);
        let text = |key| found.get(key).cloned().unwrap_or_default();
        (text("rpc.method"), text("rpc.response.status_code"), text("error.type"), is_fault(&span))
    };
    let owned = |method: &str, code: &str, error: &str, fault| {
        (method.to_owned(), code.to_owned(), error.to_owned(), fault)
    };
    let method = "hengxin.v1.ScoringService/Evaluate";
    assert_eq!(told(method), owned(method, "NOT_FOUND", "", false));
    let method = "hengxin.v1.ScoringService/BatchEvaluate";
    assert_eq!(told(method), owned(method, "NOT_FOUND", "", false));
    // A method that does not exist may be called anything, so its name is not told.
    assert_eq!(told("grpc"), owned("_OTHER", "UNIMPLEMENTED", "UNIMPLEMENTED", true));
    let method = "hengxin.v1.ScoringService/SimulateEvaluation";
    assert_eq!(late.status.code(), tonic::Code::DeadlineExceeded);
    assert_eq!(told(method), owned(method, "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", true));
    // Which of the things waited for failed can be seen.
    let failed = collector.children(&collector.span("hengxin.v1.ScoringService/Evaluate"));
    let failed: Vec<_> = failed.iter().filter(|span| is_fault(span)).map(|span| span.name.as_str()).collect();
    assert_eq!(failed, ["hengxin.use_case"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_that_is_sent_holds_anything_a_caller_sent() {
    let (collector, setup) = Collector::begin().await;
    let papers = Papers::new();
    let rig = papers.serve_with(|config| config.traces = Some(setup)).await;
    let subject = code(7);
    supply(&papers, &rig, "named", vec![identified(subject)]).await.unwrap();
    let token = papers.token(|claims| claims["regions"] = serde_json::json!(["330100"]));
    let mut person = SupervisionServiceClient::new(papers.channel(&rig, None));
    let mut ask = supervising(tier_of(7));
    let headers = ask.metadata_mut();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    headers.insert("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap());
    headers.insert("tracestate", format!("who={subject}").parse().unwrap());
    headers.insert("baggage", format!("who={subject}").parse().unwrap());
    person.get_tier(ask).await.unwrap();
    let mut wrong = supervising(v1::GetTierRequest { field: "ZhangSan".to_owned(), ..tier_of(7) });
    wrong.metadata_mut().insert("authorization", "Bearer ZhangSan".parse().unwrap());
    person.get_tier(wrong).await.unwrap_err();
    end(rig).await;
    let sent: Vec<u8> = collector.requests().iter().flat_map(Message::encode_to_vec).collect();
    assert!(collector.spans().len() >= 10 && sent.len() > 500);
    let holds = |text: &str| sent.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    // What is there is found this way.
    assert!(holds("hengxin.v1.SupervisionService/GetTier"));
    for private in [
        subject.as_str(),
        "91330106",
        "甲公司",
        "110105",
        "ZhangSan",
        "regulator",
        "supervision\"",
        "statutory",
        FIELD,
        "who",
    ] {
        assert!(!holds(private), "`{private}` was sent: {:#?}", collector.spans());
    }
    assert!(!holds(&token[..20]) && !holds(&token[token.len() - 20..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callers_trace_says_whether_it_is_recorded_and_the_share_says_it_of_all_others() {
    let (recorded, left) = (
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
    );
    for (ratio, traceparent, expected) in
        [(0.0, None, 0), (0.0, Some(recorded), 1), (1.0, Some(left), 0), (1.0, Some("nonsense"), 1)]
    {
        let (collector, setup) = Collector::begin().await;
        let rig = traced(TraceSetup { ratio, ..setup }).await;
        let mut ask = Request::new(v1::ListStandardsRequest::default());
        if let Some(traceparent) = traceparent {
            ask = within_trace(ask, traceparent);
        }
        rig.standards().list_standards(ask).await.unwrap();
        end(rig).await;
        let calls = collector.spans().into_iter().filter(|span| span.kind() == SpanKind::Server).count();
        assert_eq!(calls, expected, "{ratio} {traceparent:?}");
        // Children go with their parent.
        assert_eq!(collector.spans().len(), expected * 3, "{:#?}", collector.spans());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_down_or_takes_nothing_harms_no_call_and_holds_up_no_shutdown() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    // Connections are made, and nothing is ever read from them.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for address in [gone, silent.local_addr().unwrap()] {
        let rig = traced(sent_to(address)).await;
        rig.registered(&[code(1)]).await;
        let mut client = rig.supervision();
        // More spans than the queue holds.
        for _ in 0..1500 {
            client.get_tier(tier_of(1)).await.unwrap();
        }
        let begun = Instant::now();
        end(rig).await;
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_a_span_and_the_calls_it_makes_are_its_children() {
    let (collector, setup) = Collector::begin().await;
    let pages = |local: Local| {
        let ask = move || async move {
            let mut client = SupervisionServiceClient::new(local);
            client.get_tier(tier_of(1)).await.unwrap();
            "a tier"
        };
        Router::new().route("/enterprises/{code}", get(ask))
    };
    let people = People { address: ([127, 0, 0, 1], 0).into(), required: true, pages: Arc::new(pages) };
    let rig = Rig::with(|_, config| {
        config.traces = Some(setup);
        config.people = Some(people);
    })
    .await;
    rig.submit("one", vec![registration(code(1), "甲公司", "330106", "C1411")]).await.unwrap();
    for path in [format!("/enterprises/{}?q={}", code(1), code(2)), format!("/{}", code(3))] {
        let mut stream = TcpStream::connect(rig.people.unwrap()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.read_to_string(&mut String::new()).await.unwrap();
    }
    end(rig).await;
    let page = collector.span("GET /enterprises/{code}");
    assert_eq!(page.kind(), SpanKind::Server);
    let found = attributes(&page);
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/enterprises/{code}"),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(found[key], value);
    }
    let calls = collector.children(&page);
    assert_eq!(names(&calls), ["hengxin.v1.SupervisionService/GetTier"]);
    assert_eq!(attributes(&collector.span("GET"))["http.response.status_code"], "404");
    let sent: Vec<u8> = collector.requests().iter().flat_map(Message::encode_to_vec).collect();
    assert!(!sent.windows(8).any(|bytes| bytes == b"91330106"), "{:#?}", collector.spans());
}

#[tokio::test]
async fn a_collector_that_is_none_is_refused_before_anything_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(&folder);
    for (collector, why) in [
        ("127.0.0.1:4317", "expected `http://` or `https://`, a host and a port"),
        ("http://", "invalid"),
        ("http://a b", "invalid"),
    ] {
        let traces = Some(TraceSetup { collector: collector.to_owned(), ratio: 1.0 });
        let config = Config { address: ([127, 0, 0, 1], 0).into(), traces, ..Config::default() };
        let refused = bind(config, Arc::clone(&engine)).unwrap_err();
        assert!(matches!(refused, ServeError::Traces(_)));
        let refused = refused.to_string();
        assert!(refused.starts_with(&format!("no spans can be sent to `{collector}`: ")), "{refused}");
        assert!(refused.contains(why), "{refused}");
    }
}

fn engine(folder: &tempfile::TempDir) -> Arc<Engine> {
    use hengxin_service::EngineOptions;
    use hengxin_store::{Ledger, Options, Place};
    let catalogue = crate::rig::catalogue();
    let place = Place::from(&folder.path().join("ledger.db"));
    let ledger =
        Ledger::open_or_create(place, Arc::clone(&catalogue.vocabulary), Options::default()).unwrap();
    Engine::open(catalogue, ledger, EngineOptions::default()).unwrap()
}
