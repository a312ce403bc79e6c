//! The port for people: what a shutdown finishes there, and how long who says nothing is waited for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use h2::client::SendRequest;
use hengxin_proto::v1::scoring_service_client::ScoringServiceClient;
use hengxin_service::{Local, People, Tls};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tonic::codegen::Bytes;
use tonic::codegen::http::Request;

use crate::rig::{Rig, code, question};
use crate::transport::{Papers, papers};

/// How long the pages wait for a word: the limit, and what a busy machine adds.
const SILENCE: std::ops::Range<Duration> = Duration::from_secs(9)..Duration::from_secs(20);

/// Pages: one that asks for an evaluation, one at once, and one after longer than a silence may last.
fn people() -> People {
    let pages = |local: Local| {
        let ask = move || async move {
            let mut client = ScoringServiceClient::new(local);
            client
                .evaluate(question(code(1)))
                .await
                .unwrap()
                .into_inner()
                .evaluation
                .unwrap()
                .score
                .unwrap()
                .decimal
        };
        let long = || async {
            tokio::time::sleep(Duration::from_secs(13)).await;
            "late"
        };
        Router::new().route("/score", get(ask)).route("/soon", get("soon")).route("/long", get(long))
    };
    People { address: ([127, 0, 0, 1], 0).into(), required: true, pages: Arc::new(pages) }
}

/// Asks for the score and waits for all that is said.
fn ask(rig: &Rig) -> JoinHandle<String> {
    let address = rig.people.unwrap();
    tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /score HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        // One that is reset has said what it has said.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_finishes_pages_under_way_though_nobody_calls_from_outside() {
    let mut rig = Rig::with(|_, config| config.people = Some(people())).await;
    rig.registered(&[code(1)]).await;
    let held = rig.clock.hold();
    let page = ask(&rig);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let served = rig.stop();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!served.is_finished(), "it waits for the page");
    assert!(TcpStream::connect(rig.people.unwrap()).await.is_err(), "nobody is let in any more");
    drop(held);
    let page = page.await.unwrap();
    assert!(page.starts_with("HTTP/1.1 200 ") && page.ends_with("\r\n\r\n88"), "{page}");
    tokio::time::timeout(Duration::from_secs(5), served).await.expect("an end").unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_does_not_wait_for_a_page_for_ever() {
    let mut rig = Rig::with(|_, config| {
        config.people = Some(people());
        config.drain = Duration::from_millis(500);
    })
    .await;
    rig.registered(&[code(1)]).await;
    let held = rig.clock.hold();
    let page = ask(&rig);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begun = Instant::now();
    tokio::time::timeout(Duration::from_secs(5), rig.stop()).await.expect("an end").unwrap().unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
    drop(held);
    assert_eq!(page.await.unwrap(), "");
}

/// A connection as a browser makes it, and the moment when it ends.
async fn browser(rig: &Rig, papers: &Papers) -> (SendRequest<Bytes>, JoinHandle<Instant>) {
    let mut trusted = RootCertStore::empty();
    trusted.add(CertificateDer::from_pem_slice(papers.authority.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut client = client.with_root_certificates(trusted).with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(rig.people.unwrap()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    let ended = tokio::spawn(async move {
        // It answers pings all the while.
        let _ = connection.await;
        Instant::now()
    });
    (sender, ended)
}

/// Asks for a page and waits for the whole of it.
async fn page(sender: &SendRequest<Bytes>, path: &str) -> String {
    let request = Request::get(format!("https://localhost{path}")).body(()).unwrap();
    let (answer, _) = sender.clone().ready().await.unwrap().send_request(request, true).unwrap();
    let mut body = answer.await.unwrap().into_body();
    let mut text = Vec::new();
    while let Some(chunk) = body.data().await {
        text.extend_from_slice(&chunk.unwrap());
    }
    String::from_utf8(text).unwrap()
}

/// Waits for the end of a connection: how long after `begun` it came.
async fn end(ended: JoinHandle<Instant>, begun: Instant) -> Duration {
    tokio::time::timeout(Duration::from_secs(40), ended).await.expect("an end").unwrap() - begun
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_connection_that_asks_nothing_is_closed_and_one_that_waits_for_its_page_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let papers = papers(folder.path());
    let tls = Tls { client_authority: None, ..papers.tls.clone() };
    let rig = Rig::with(|_, config| {
        config.people = Some(people());
        config.tls = Some(tls);
    })
    .await;
    let (silent, silent_end) = browser(&rig, &papers).await;
    let silent_begun = Instant::now();
    let (asked, asked_end) = browser(&rig, &papers).await;
    let (waiting, waiting_end) = browser(&rig, &papers).await;
    let waits = tokio::spawn(async move {
        let found = page(&waiting, "/long").await;
        (found, Instant::now(), waiting)
    });
    // A silence begins anew with every answer.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(page(&asked, "/soon").await, "soon");
    let asked_begun = Instant::now();
    assert_eq!(asked.current_max_send_streams(), 16, "so many forms are read at once");
    let (found, waiting_begun, _waiting) = waits.await.unwrap();
    assert_eq!(found, "late");
    for (what, ended, begun) in [
        ("silent", silent_end, silent_begun),
        ("asked", asked_end, asked_begun),
        ("waiting", waiting_end, waiting_begun),
    ] {
        let took = end(ended, begun).await;
        assert!(SILENCE.contains(&took), "{what}: {took:?}");
    }
    drop((silent, asked));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_metrics_and_does_not_finish_is_closed() {
    let rig = Rig::with(|_, config| config.metrics = Some(([127, 0, 0, 1], 0).into())).await;
    let slow = |said: &'static str| {
        let address = rig.metrics.unwrap();
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(said.as_bytes()).await.unwrap();
            let begun = Instant::now();
            let end =
                tokio::time::timeout(Duration::from_secs(40), stream.read_to_end(&mut Vec::new())).await;
            assert!(end.is_ok(), "an end after `{said}`");
            begun.elapsed()
        })
    };
    let said =
        ["", "GET /metrics HTTP/1.1\r\nhost: localh", "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n"];
    for (said, slow) in said.map(|said| (said, slow(said))) {
        let took = slow.await.unwrap();
        assert!(SILENCE.contains(&took), "`{said}`: {took:?}");
    }
}
