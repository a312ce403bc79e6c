//! The transport: health, reflection, encryption, deadlines, sizes, load, and a shutdown that drains.

use std::path::Path;
use std::time::{Duration, Instant};

use hengxin_proto::v1;
use hengxin_service::{Config, Load, Tls};
use prost::Message as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_stream::StreamExt as _;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_types::StatusExt as _;

use crate::raw::{Raw, framed};
use crate::rig::{Rig, code, penalty, question, refusal};

const SERVICES: [&str; 8] = [
    "hengxin.v1.LedgerService",
    "hengxin.v1.LogService",
    "hengxin.v1.ModelService",
    "hengxin.v1.ReportService",
    "hengxin.v1.RescoringService",
    "hengxin.v1.ScoringService",
    "hengxin.v1.StandardService",
    "hengxin.v1.SupervisionService",
];
const EVALUATE: &str = "/hengxin.v1.ScoringService/Evaluate";

#[tokio::test(flavor = "multi_thread")]
async fn health_serves_until_the_shutdown_begins_and_watchers_do_not_hold_it_up() {
    let mut rig = Rig::with(|_, config| config.notice = Duration::from_millis(500)).await;
    let mut health = HealthClient::new(rig.channel.clone());
    let ask = |service: &str| HealthCheckRequest { service: service.to_owned() };
    for service in SERVICES.iter().chain(&[""]) {
        let answer = health.check(ask(service)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
    assert_eq!(health.check(ask("nobody")).await.unwrap_err().code(), Code::NotFound);
    let mut watched = health.watch(ask("hengxin.v1.ScoringService")).await.unwrap().into_inner();
    assert_eq!(watched.next().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let begun = Instant::now();
    let served = rig.stop();
    assert_eq!(watched.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_eq!(health.check(ask("")).await.unwrap().into_inner().status(), ServingStatus::NotServing);
    // While balancers take notice it still answers.
    rig.standards().list_standards(v1::ListStandardsRequest::default()).await.unwrap();
    served.await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(Endpoint::from_shared(rig.address.clone()).unwrap().connect().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_lists_every_service_and_gives_their_files_with_comments() {
    let rig = Rig::new().await;
    let mut reflection = ServerReflectionClient::new(rig.channel.clone());
    let ask = |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let asked = [
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol("hengxin.v1.ScoringService".to_owned())),
        ask(MessageRequest::FileContainingSymbol("grpc.health.v1.Health".to_owned())),
    ];
    let mut answers =
        reflection.server_reflection_info(tokio_stream::iter(asked)).await.unwrap().into_inner();
    let listed = answers.next().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(listed) = listed else { panic!("{listed:?}") };
    let mut names: Vec<_> = listed.service.into_iter().map(|service| service.name).collect();
    names.sort_unstable();
    let mut expected = SERVICES.to_vec();
    expected.extend(["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"]);
    expected.sort_unstable();
    assert_eq!(names, expected);
    for expected in ["Evaluates one enterprise by one standard", ""] {
        let found = answers.next().await.unwrap().unwrap().message_response.unwrap();
        let MessageResponse::FileDescriptorResponse(found) = found else { panic!("{found:?}") };
        let file = &found.file_descriptor_proto[0];
        assert!(String::from_utf8_lossy(file).contains(expected));
    }
}

/// An authority, a server's pair and a client's, as PEM files in a folder.
pub(crate) struct Papers {
    pub(crate) authority: String,
    pub(crate) tls: Tls,
    client: Identity,
}

pub(crate) fn papers(folder: &Path) -> Papers {
    let issuer = |name: &str| {
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
    };
    let pair = |issuer: &CertifiedIssuer<'static, KeyPair>, name: &str| {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    };
    let (own, clients) = (issuer("own authority"), issuer("authority of clients"));
    let (certificate, key) = pair(&own, "localhost");
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let tls = Tls {
        certificate: write("server.pem", &certificate),
        key: write("server.key", &key),
        client_authority: Some(write("clients.pem", &clients.pem())),
        client_revocations: None,
        client_optional: false,
    };
    let (certificate, key) = pair(&clients, "client");
    Papers { authority: own.pem(), tls, client: Identity::from_pem(certificate, key) }
}

async fn encrypted(rig: &Rig, authority: &str, identity: Option<&Identity>) -> Result<(), tonic::Status> {
    let mut tls =
        ClientTlsConfig::new().domain_name("localhost").ca_certificate(Certificate::from_pem(authority));
    if let Some(identity) = identity {
        tls = tls.identity(identity.clone());
    }
    let address = rig.address.replace("http://", "https://");
    let channel = Channel::from_shared(address).unwrap().tls_config(tls).unwrap().connect_lazy();
    let mut client = v1::standard_service_client::StandardServiceClient::new(channel);
    client.list_standards(v1::ListStandardsRequest::default()).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn encrypted_connections_are_served_and_plain_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let papers = papers(folder.path());
    let open = Tls { client_authority: None, ..papers.tls.clone() };
    let rig = Rig::with(|_, config| config.tls = Some(open)).await;
    encrypted(&rig, &papers.authority, None).await.unwrap();
    // A server signed by somebody else is none.
    let other = tempfile::tempdir().unwrap();
    assert!(encrypted(&rig, &self::papers(other.path()).authority, None).await.is_err());
    assert!(rig.standards().list_standards(v1::ListStandardsRequest::default()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_authority_of_clients_only_those_it_signed_are_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let papers = papers(folder.path());
    let tls = papers.tls.clone();
    let rig = Rig::with(|_, config| config.tls = Some(tls)).await;
    encrypted(&rig, &papers.authority, Some(&papers.client)).await.unwrap();
    assert!(encrypted(&rig, &papers.authority, None).await.is_err());
    let other = tempfile::tempdir().unwrap();
    assert!(encrypted(&rig, &papers.authority, Some(&self::papers(other.path()).client)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn papers_that_cannot_be_used_and_addresses_that_are_taken_are_named() {
    let rig = Rig::new().await;
    let folder = tempfile::tempdir().unwrap();
    let sound = papers(folder.path()).tls;
    let serve = async |address: &str, tls: Option<Tls>| {
        let config = Config { address: address.parse().unwrap(), tls, ..Config::default() };
        let served =
            hengxin_service::serve(config, std::sync::Arc::clone(&rig.engine), std::future::pending());
        tokio::time::timeout(Duration::from_secs(5), served).await.expect("an end").unwrap_err().to_string()
    };
    let missing = Tls { key: folder.path().join("nowhere.key"), ..sound.clone() };
    let found = serve("127.0.0.1:0", Some(missing)).await;
    assert!(found.contains("cannot read") && found.contains("nowhere.key"), "{found}");
    let wrong = folder.path().join("wrong.pem");
    std::fs::write(&wrong, "no certificate").unwrap();
    let found = serve("127.0.0.1:0", Some(Tls { certificate: wrong, ..sound.clone() })).await;
    assert!(found.contains("wrong.pem") && found.contains("found no certificate"), "{found}");
    let taken = rig.address.strip_prefix("http://").unwrap();
    let found = serve(taken, None).await;
    assert!(found.starts_with(&format!("cannot listen on {taken}")), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_passes_is_answered_as_such() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let raw = Raw::connect(&rig.address).await;
    let message = framed(&question(code(1)).encode_to_vec());
    let reply = raw.send(EVALUATE, Some("5S"), message.clone()).await;
    assert_eq!(reply.status.code(), Code::Ok);
    assert!(v1::EvaluateResponse::decode(&reply.body[5..]).unwrap().evaluation.is_some());
    {
        let held = rig.clock.hold();
        // Several times: the transport has a clock of its own, which would answer CANCELLED.
        for _ in 0..10 {
            let begun = Instant::now();
            let reply = raw.send(EVALUATE, Some("50m"), message.clone()).await;
            assert_eq!(reply.status.code(), Code::DeadlineExceeded, "{reply:?}");
            assert!(reply.status.message().starts_with("no answer within 50 ms"), "{reply:?}");
            assert!(reply.status.get_details_error_info().is_some());
            assert!(begun.elapsed() >= Duration::from_millis(50));
        }
        let settings = v1::BatchEvaluateSettings { standard: "public-test".to_owned(), ..Default::default() };
        let first =
            v1::BatchEvaluateRequest { settings: Some(settings), enterprises: vec![code(1).to_string()] };
        let batch = "/hengxin.v1.ScoringService/BatchEvaluate";
        let reply = raw.send(batch, Some("80m"), framed(&first.encode_to_vec())).await;
        assert_eq!(reply.status.code(), Code::DeadlineExceeded, "{reply:?}");
        assert!(reply.status.message().starts_with("no answer within 80 ms"), "{reply:?}");
        drop(held);
    }
    let reply = raw.send(EVALUATE, Some("soon"), message).await;
    assert_eq!(reply.status.code(), Code::InvalidArgument);
    assert_eq!(reply.status.get_details_error_info().unwrap().reason, "MALFORMED_TIMEOUT");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_more_than_four_mebibytes_is_refused_and_one_of_less_is_taken() {
    let rig = Rig::new().await;
    let text = |bytes: usize| v1::CheckStandardRequest { text: "x".repeat(bytes) };
    let large = rig.standards().check_standard(text((4 << 20) + 1)).await;
    let (message, _) = refusal(large, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    assert!(message.contains("4194304"), "{message}");
    crate::rig::violation(rig.standards().check_standard(text((4 << 20) - 100)).await, "text");
    let mut row = penalty(code(1), "罚1号", "2026-01-10");
    row.fields.push(v1::FieldInput { id: "content".to_owned(), value: "x".repeat(10 << 20) });
    refusal(rig.submit("large", vec![row]).await, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
    // The connection goes on.
    rig.standards().list_standards(v1::ListStandardsRequest::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_outgrows_a_message_says_what_to_ask_for_instead() {
    let rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let rows: Vec<_> = (0..40_000).map(|n| penalty(code(1), &format!("罚{n}号"), "2026-01-10")).collect();
    let parts = rows.chunks(8000).enumerate().map(|(n, facts)| v1::SubmitFactsRequest {
        request_id: if n == 0 { "many".to_owned() } else { String::new() },
        facts: facts.to_vec(),
        ..Default::default()
    });
    let parts: Vec<_> = parts.collect();
    rig.ledger().submit_facts(tokio_stream::iter(parts)).await.unwrap();
    let answer = rig.scoring().evaluate(question(code(1))).await;
    let (message, _) = refusal(answer, Code::ResourceExhausted, "ANSWER_TOO_LARGE");
    assert!(message.contains("view BASIC"), "{message}");
    let mut basic = question(code(1));
    basic.view = v1::EvaluationView::Basic.into();
    let told = rig.scoring().evaluate(basic).await.unwrap().into_inner().evaluation.unwrap();
    assert_eq!(told.score.unwrap().decimal, "38");
    let settings = v1::BatchEvaluateSettings {
        standard: "public-test".to_owned(),
        view: v1::EvaluationView::Full.into(),
        ..Default::default()
    };
    let first = v1::BatchEvaluateRequest { settings: Some(settings), enterprises: vec![code(1).to_string()] };
    let mut answers = rig.scoring().batch_evaluate(tokio_stream::once(first)).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap().unwrap().result.unwrap();
    let v1::batch_evaluate_response::Result::Error(error) = answer else { panic!("too large") };
    assert_eq!((error.code, error.reason.as_str()), (8, "ANSWER_TOO_LARGE"));
    assert!(answers.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_finishes_what_is_under_way_and_takes_nothing_new() {
    let mut rig = Rig::new().await;
    rig.registered(&[code(1)]).await;
    let mut scoring = rig.scoring();
    let mut stored = question(code(1));
    stored.store = true;
    stored.request_id = "under-way".to_owned();
    let held = rig.clock.hold();
    let under_way = tokio::spawn(async move { scoring.evaluate(stored).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let served = rig.stop();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!served.is_finished(), "it waits for the request");
    assert!(Endpoint::from_shared(rig.address.clone()).unwrap().connect().await.is_err());
    drop(held);
    let answer = under_way.await.unwrap().unwrap().into_inner();
    assert!(!answer.name.is_empty());
    tokio::time::timeout(Duration::from_secs(5), served).await.unwrap().unwrap().unwrap();
    // What was answered is on disk.
    let snapshot = rig.engine.ledger().snapshot(None).unwrap();
    assert_eq!(snapshot.evaluations(code(1), None, None, 10).unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_does_not_wait_for_ever() {
    let mut rig = Rig::with(|_, config| config.drain = Duration::from_millis(300)).await;
    rig.registered(&[code(1)]).await;
    let held = rig.clock.hold();
    let mut scoring = rig.scoring();
    let hanging = tokio::spawn(async move { scoring.evaluate(question(code(1))).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    tokio::time::timeout(Duration::from_secs(5), rig.stop()).await.expect("an end").unwrap().unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
    drop(held);
    hanging.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_on_is_refused_at_once_with_a_time_to_retry() {
    let load = Load { under_way: 1, waiting: 2, patience: Duration::from_secs(60), ..Load::default() };
    let rig = Rig::with(|_, config| config.load = load).await;
    rig.registered(&[code(1)]).await;
    let held = rig.clock.hold();
    let ask = || {
        let mut scoring = rig.scoring();
        tokio::spawn(async move { scoring.evaluate(question(code(1))).await })
    };
    let mut admitted = Vec::new();
    for _ in 0..3 {
        admitted.push(ask());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for _ in 0..20 {
        let begun = Instant::now();
        let (_, details) = refusal(ask().await.unwrap(), Code::Unavailable, "OVERLOADED");
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        assert!(details.retry_info().is_some());
    }
    // One that gives up makes room.
    admitted.pop().unwrap().abort();
    tokio::time::sleep(Duration::from_millis(200)).await;
    admitted.push(ask());
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(held);
    for answer in admitted {
        answer.await.unwrap().unwrap();
    }
    rig.evaluated(code(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_in_the_middle_of_a_batch_leaves_the_service_as_it_was() {
    let rig = Rig::with(|_, config| config.load = Load { at_work: 2, ..Load::default() }).await;
    rig.registered(&[code(1)]).await;
    for _ in 0..20 {
        let settings = v1::BatchEvaluateSettings { standard: "public-test".to_owned(), ..Default::default() };
        let first = v1::BatchEvaluateRequest {
            settings: Some(settings),
            enterprises: vec![code(1).to_string(); 1000],
        };
        let mut answers =
            rig.scoring().batch_evaluate(Request::new(tokio_stream::once(first))).await.unwrap().into_inner();
        answers.next().await.unwrap().unwrap();
        drop(answers);
    }
    rig.evaluated(code(1)).await;
}
