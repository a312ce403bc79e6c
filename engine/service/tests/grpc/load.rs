//! More than it can carry: what cannot begin is refused soon, what has begun is answered right, and afterwards all is as
//! before. The long form, with figures, is `benches/src/bin/overload.rs`.
#![expect(clippy::float_cmp, reason = "counts, as the page of figures writes them")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use hengxin_proto::v1::scoring_service_client::ScoringServiceClient;
use hengxin_service::Load;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

use crate::metrics::{scrape, value};
use crate::raw::{Raw, framed};
use crate::rig::{Rig, code, penalty, question, refusal};
use crate::transport::papers;

const EVALUATE: &str = "/hengxin.v1.ScoringService/Evaluate";

/// A service with so much room, which counts.
async fn rig(load: Load) -> Rig {
    let rig = Rig::with(|_, config| {
        config.load = load;
        config.metrics = Some(([127, 0, 0, 1], 0).into());
    })
    .await;
    rig.registered(&[code(1)]).await;
    rig
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_cannot_begin_is_refused_within_the_patience_of_the_service() {
    let patience = Duration::from_millis(20);
    let rig = rig(Load { under_way: 1, patience, ..Load::default() }).await;
    let held = rig.clock.hold();
    let ask = || {
        let mut scoring = rig.scoring();
        tokio::spawn(async move { scoring.evaluate(question(code(1))).await })
    };
    let first = ask();
    tokio::time::sleep(Duration::from_millis(200)).await;
    for _ in 0..20 {
        let begun = Instant::now();
        let (_, details) = refusal(ask().await.unwrap(), Code::Unavailable, "OVERLOADED");
        assert!(begun.elapsed() >= patience, "it waited for no place: {:?}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
        assert!(details.retry_info().is_some());
    }
    drop(held);
    first.await.unwrap().unwrap();
    rig.evaluated(code(1)).await;
    assert_eq!(value(&scrape(&rig).await, r#"hengxin_calls_refused_total{reason="OVERLOADED"}"#), 20.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_slowly_holds_no_place() {
    let rig = rig(Load { under_way: 1, ..Load::default() }).await;
    let raw = Raw::connect(&rig.address).await;
    let whole = framed(&question(code(1)).encode_to_vec());
    let mut slow = Vec::new();
    for _ in 0..5 {
        slow.push(raw.begin(EVALUATE, whole[..whole.len() / 2].to_vec()).await);
    }
    rig.evaluated(code(1)).await;
}

/// Whether the service has closed the connection without a word.
async fn closed(stream: &mut TcpStream) -> bool {
    let read = tokio::time::timeout(Duration::from_millis(500), stream.read(&mut [0; 64])).await;
    // A connection that is closed with bytes unread is reset.
    matches!(read, Ok(Ok(0) | Err(_)))
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_are_closed_at_once_and_room_is_made_by_those_that_go() {
    // One is the rig's own.
    let rig = rig(Load { connections: 3, ..Load::default() }).await;
    let open = async || TcpStream::connect(rig.address.strip_prefix("http://").unwrap()).await.unwrap();
    let (mut first, mut second, mut third) = (open().await, open().await, open().await);
    assert!(closed(&mut third).await);
    assert!(!closed(&mut first).await && !closed(&mut second).await);
    let text = scrape(&rig).await;
    assert_eq!(value(&text, "hengxin_connections"), 3.0);
    assert_eq!(value(&text, "hengxin_connections_refused_total"), 1.0);
    // It is read only once it has said something.
    first.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    drop(first);
    let begun = Instant::now();
    while closed(&mut open().await).await {
        assert!(begun.elapsed() < Duration::from_secs(10), "no room is made");
    }
    rig.evaluated(code(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_count_before_their_handshake() {
    let folder = tempfile::tempdir().unwrap();
    let tls = papers(folder.path()).tls;
    let rig = Rig::with(|_, config| {
        config.tls = Some(tls);
        config.load.connections = 2;
    })
    .await;
    let open = async || TcpStream::connect(rig.address.strip_prefix("http://").unwrap()).await.unwrap();
    let (mut first, _second, mut third) = (open().await, open().await, open().await);
    assert!(closed(&mut third).await);
    assert!(!closed(&mut first).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_requests_are_refused_before_they_are_unpacked() {
    let rig = rig(Load::default()).await;
    let raw = Raw::connect(&rig.address).await;
    let mut message = framed(&question(code(1)).encode_to_vec());
    // Says that it is compressed.
    message[0] = 1;
    for (named, expected) in [
        (Some("gzip"), Code::Unimplemented),
        (Some("zstd"), Code::Unimplemented),
        (Some("identity"), Code::InvalidArgument),
        (None, Code::InvalidArgument),
    ] {
        let header = named.map(|name| ("grpc-encoding", name));
        let reply = raw.send_with(EVALUATE, header, message.clone()).await;
        assert_eq!(reply.status.code(), expected, "{named:?}: {reply:?}");
        assert!(reply.body.is_empty(), "{named:?}");
    }
    rig.evaluated(code(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_times_the_load_is_shed_and_leaves_nothing_behind() {
    const ENTERPRISES: u32 = 20;
    let load = Load { under_way: 4, waiting: 16, connections: 400, ..Load::default() };
    let rig = rig(load).await;
    let mut expected = Vec::new();
    for n in 1..=ENTERPRISES {
        rig.registered_anew(n).await;
    }
    for n in 1..=ENTERPRISES {
        expected.push(rig.evaluated(code(n)).await);
    }
    let expected = Arc::new(expected);
    let host = rig.address.strip_prefix("http://").unwrap().to_owned();
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(TcpStream::connect(&host).await.unwrap());
    }
    let raw = Raw::connect(&rig.address).await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        slow.push(raw.begin(EVALUATE, vec![0, 0, 0, 0]).await);
    }
    let end = Instant::now() + Duration::from_secs(2);
    let mut tasks = Vec::new();
    for task in 0..64u32 {
        let channel = Channel::from_shared(rig.address.clone()).unwrap().connect().await.unwrap();
        let expected = Arc::clone(&expected);
        tasks.push(tokio::spawn(async move {
            let (mut answered, mut refused) = (0u32, Vec::new());
            let mut scoring = ScoringServiceClient::new(channel);
            while Instant::now() < end {
                let n = 1 + (answered + task) % ENTERPRISES;
                let begun = Instant::now();
                match scoring.evaluate(question(code(n))).await {
                    Ok(answer) => {
                        assert_eq!(answer.into_inner().evaluation.as_ref(), Some(&expected[n as usize - 1]));
                        answered += 1;
                    }
                    Err(status) => {
                        refused.push(begun.elapsed());
                        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
                        assert!(status.get_error_details().retry_info().is_some(), "{status:?}");
                    }
                }
            }
            (answered, refused)
        }));
    }
    let (mut answered, mut refused) = (0, Vec::new());
    for task in tasks {
        let (a, r) = task.await.unwrap();
        answered += a;
        refused.extend(r);
    }
    refused.sort_unstable();
    let slowest = *refused.last().expect("some are refused");
    println!("{answered} answered, {} refused, the slowest after {slowest:?}", refused.len());
    assert!(answered > 0);
    // Client and service share the processors with other tests here; the figure is the long form's business.
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    // Still under load by those that hold on to their connections, it answers at once.
    rig.evaluated(code(1)).await;
    drop((idle, slow, raw));
    let begun = Instant::now();
    loop {
        let text = scrape(&rig).await;
        let left = [
            value(&text, r#"hengxin_calls_under_way{rpc_method="hengxin.v1.ScoringService/Evaluate"}"#),
            value(&text, "hengxin_writes_waiting"),
            value(&text, "hengxin_connections") - 1.0,
        ];
        if left == [0.0; 3] {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "calls, writes and connections left: {left:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Rig {
    /// Registers the n-th enterprise, with n % 3 penalties.
    async fn registered_anew(&self, n: u32) {
        let mut facts = vec![crate::rig::registration(code(n), "甲公司", "330106", "C1411")];
        facts.extend((0..n % 3).map(|i| penalty(code(n), &format!("罚{n}-{i}"), "2026-01-01")));
        self.submit(&format!("anew-{n}"), facts).await.expect("facts");
    }
}
