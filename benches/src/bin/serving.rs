//! `GetTier` and `Evaluate` over gRPC against an empty unary call on the same transport, runtime and machine
//! (measures S7 and S8).
//!
//! `cargo run --release -p hengxin-benches --bin serving -- [ENTERPRISES] [FOLDER]`
//!
//! Clients, service and echo share this process and its cores, so that only ratios mean anything. The ledger in FOLDER
//! is made when absent and kept.

use std::convert::Infallible;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hengxin_benches::{median, spread};
use hengxin_core::date::Date;
use hengxin_core::fact::Delivery;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::RegisterId;
use hengxin_proto::v1;
use hengxin_service::use_case::submit::{self, Found, Row};
use hengxin_service::{Config, Engine, EngineOptions, bind};
use hengxin_standard::Catalogue;
use hengxin_store::{Batch, Ledger, Options, Origin, Submission, SubmittedRow};
use prost::Message as _;
use prost::bytes::{Buf as _, BufMut as _};
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::{BoxFuture, Service, http};
use tonic::transport::{Channel, Server};

/// The allocator of the `hengxin` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(3);
const FIELD: &str = "market-regulation";
/// Records per enterprise besides its registration.
const PENALTIES: u32 = 4;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let enterprises: u32 = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let folder = arguments.next().map_or_else(|| std::env::temp_dir().join("hengxin-serving"), PathBuf::from);
    let engine = engine(&folder, enterprises)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(engine, enterprises))
}

/// The kinds of calls compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Echo,
    Tier,
    Evaluate,
}

async fn measure(engine: Arc<Engine>, enterprises: u32) -> Outcome<()> {
    let config = Config { address: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    let bound = bind(config, Arc::clone(&engine))?;
    let service = format!("http://{}", bound.address());
    tokio::spawn(bound.run(std::future::pending()));
    let listener = tonic::transport::server::TcpIncoming::bind(([127, 0, 0, 1], 0).into())?;
    let echo = format!("http://{}", listener.local_addr()?);
    let listener = listener.with_nodelay(Some(true));
    tokio::spawn(Server::builder().add_service(Echo).serve_with_incoming(listener));

    let started = Instant::now();
    decide_all(&service, enterprises).await?;
    println!("every tier asked for once (first answers, from the ledger): {:.1?}", started.elapsed());

    let calls = [Call::Echo, Call::Tier, Call::Evaluate];
    let mut rates: [Vec<f64>; 3] = Default::default();
    for round in 0..ROUNDS {
        for (rates, call) in rates.iter_mut().zip(calls) {
            let address = if call == Call::Echo { &echo } else { &service };
            let load = Load { call, enterprises, seed: round as u64, pace: None };
            rates.push(load.run(address).await?.per_second);
        }
    }
    for (rates, call) in rates.iter().zip(calls) {
        println!("{call:?}: {} calls/s", spread(rates));
    }
    let ratio =
        |i: usize| spread(&rates[i].iter().zip(&rates[0]).map(|(a, b)| 100.0 * a / b).collect::<Vec<_>>());
    println!("S7 GetTier : echo  {} %   aim at least 70", ratio(1));
    println!("S8 Evaluate : echo {} %   aim at least 35", ratio(2));

    // Each at half of what it held.
    let mut tails: [Vec<f64>; 2] = Default::default();
    for round in 0..ROUNDS {
        for (i, (tails, address)) in tails.iter_mut().zip([&echo, &service]).enumerate() {
            let pace = Some(median(&rates[i]) / 2.0);
            let load = Load { call: calls[i], enterprises, seed: 100 + round as u64, pace };
            tails.push(load.run(address).await?.p99_micros);
        }
    }
    println!("p99 at half load: echo {} µs, GetTier {} µs", spread(&tails[0]), spread(&tails[1]));
    let times: Vec<f64> = tails[1].iter().zip(&tails[0]).map(|(a, b)| a / b).collect();
    println!("S7 p99 GetTier : echo {}   aim at most 2", spread(&times));
    Ok(())
}

/// A load of one kind of call on 64 connections, each with one call under way.
#[derive(Clone, Copy)]
struct Load {
    call: Call,
    enterprises: u32,
    seed: u64,
    /// Calls per second of all connections together; `None`: as fast as answers come.
    pace: Option<f64>,
}

struct Measured {
    per_second: f64,
    p99_micros: f64,
}

impl Load {
    async fn run(self, address: &str) -> Outcome<Measured> {
        let mut tasks = Vec::new();
        for connection in 0..CONNECTIONS {
            let channel = Channel::from_shared(address.to_owned())?.connect().await?;
            tasks.push((connection, channel));
        }
        let started = Instant::now();
        let tasks: Vec<_> = tasks
            .into_iter()
            .map(|(n, channel)| tokio::spawn(self.connection(n, channel, started)))
            .collect();
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await??);
        }
        let per_second = latencies.len() as f64 / started.elapsed().as_secs_f64();
        latencies.sort_unstable();
        let p99 = latencies.get(latencies.len() * 99 / 100).copied().unwrap_or_default();
        Ok(Measured { per_second, p99_micros: p99 as f64 })
    }

    /// One connection's calls; their latencies in microseconds, counted from when a paced call was due.
    async fn connection(self, n: usize, channel: Channel, started: Instant) -> Outcome<Vec<u64>> {
        let mut client = Client::new(channel);
        let mut seed = self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(n as u64);
        let mut latencies = Vec::new();
        let interval = self.pace.map(|pace| Duration::from_secs_f64(CONNECTIONS as f64 / pace));
        let mut next = started + interval.unwrap_or_default().mul_f64(n as f64 / CONNECTIONS as f64);
        while started.elapsed() < ROUND {
            let begun = match interval {
                // A late answer counts against the calls that had to wait for it.
                Some(interval) => {
                    tokio::time::sleep_until(next.into()).await;
                    let due = next;
                    next += interval;
                    due
                }
                None => Instant::now(),
            };
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let subject = code(u32::try_from(seed % u64::from(self.enterprises)).unwrap_or(0))?;
            client.call(self.call, subject).await?;
            latencies.push(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
        }
        Ok(latencies)
    }
}

/// A client that sends messages encoded beforehand and counts the bytes of answers without reading them: what is
/// measured is the service.
struct Client(tonic::client::Grpc<Channel>);

impl Client {
    fn new(channel: Channel) -> Client {
        Client(tonic::client::Grpc::new(channel))
    }

    async fn call(&mut self, call: Call, subject: Uscc) -> Outcome<()> {
        let enterprise = format!("enterprises/{subject}");
        let (path, message) = match call {
            Call::Echo => ("/bench.Echo/Echo", Vec::new()),
            Call::Tier => {
                ("/hengxin.v1.SupervisionService/GetTier", tier_question(enterprise).encode_to_vec())
            }
            Call::Evaluate => {
                ("/hengxin.v1.ScoringService/Evaluate", score_question(enterprise).encode_to_vec())
            }
        };
        self.0.ready().await?;
        let path = http::uri::PathAndQuery::from_static(path);
        let answer = self.0.unary(tonic::Request::new(message), path, Raw).await?.into_inner();
        assert!(call == Call::Echo || answer > 200, "{subject}: an answer of {answer} bytes says nothing");
        Ok(())
    }
}

/// Bytes out, number of bytes in.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = usize;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = tonic::Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = usize;
    type Error = tonic::Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<usize>, tonic::Status> {
        let length = buffer.remaining();
        buffer.advance(length);
        Ok(Some(length))
    }
}

fn score_question(enterprise: String) -> v1::EvaluateRequest {
    v1::EvaluateRequest {
        enterprise,
        standard: "public-comprehensive".to_owned(),
        view: v1::EvaluationView::Full.into(),
        ..v1::EvaluateRequest::default()
    }
}

fn tier_question(enterprise: String) -> v1::GetTierRequest {
    v1::GetTierRequest { enterprise, field: FIELD.to_owned(), ..v1::GetTierRequest::default() }
}

async fn decide_all(address: &str, enterprises: u32) -> Outcome<()> {
    let share = enterprises.div_ceil(16);
    let tasks: Vec<_> = (0..16)
        .map(|n| {
            let address = address.to_owned();
            tokio::spawn(async move {
                let channel = Channel::from_shared(address)?.connect().await?;
                let mut client = Client::new(channel);
                for i in n * share..enterprises.min((n + 1) * share) {
                    client.call(Call::Tier, code(i)?).await?;
                }
                Outcome::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

/// An empty unary call on the same transport: what any service costs here.
#[derive(Clone)]
struct Echo;

impl tonic::server::NamedService for Echo {
    const NAME: &'static str = "bench.Echo";
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        struct Nothing;
        impl tonic::server::UnaryService<()> for Nothing {
            type Response = ();
            type Future = BoxFuture<tonic::Response<()>, tonic::Status>;

            fn call(&mut self, _: tonic::Request<()>) -> Self::Future {
                Box::pin(async { Ok(tonic::Response::new(())) })
            }
        }
        Box::pin(async move {
            let codec = tonic_prost::ProstCodec::<(), ()>::default();
            Ok(tonic::server::Grpc::new(codec).unary(Nothing, request).await)
        })
    }
}

/// The n-th enterprise.
fn code(n: u32) -> Outcome<Uscc> {
    let region = RegionCode::from_digits(330_199)?;
    let body = format!("Y{n:07}");
    Ok(Uscc::assemble(*b"91", region, body.as_bytes().try_into()?)?)
}

fn engine(folder: &Path, enterprises: u32) -> Outcome<Arc<Engine>> {
    let catalogue = Arc::new(Catalogue::shipped()?);
    let made = folder.join(enterprises.to_string());
    if !made.exists() {
        // Made beside and renamed: a ledger that is there is whole.
        let making = folder.join(format!("{enterprises}.making"));
        if making.exists() {
            std::fs::remove_dir_all(&making)?;
        }
        std::fs::create_dir_all(&making)?;
        fill(&making.join("ledger.sqlite"), &catalogue, enterprises)?;
        std::fs::rename(&making, &made)?;
    }
    let path = made.join("ledger.sqlite");
    let ledger = Ledger::open_or_create(&path, Arc::clone(&catalogue.vocabulary), Options::default())?;
    let engine = Engine::open(catalogue, ledger, EngineOptions::default())?;
    // Every register is complete through today, whenever this is run.
    let registers = 0..engine.ledger().vocabulary().registers.len();
    let all: Vec<Delivery> = registers
        .filter_map(|i| u16::try_from(i).ok())
        .map(|i| Delivery { register: RegisterId(i), region: RegionCode::NATIONAL, through: engine.today() })
        .collect();
    engine.ledger().recorder()?.deliver("bench", &all)?;
    engine.look_again()?;
    Ok(engine)
}

fn fill(path: &Path, catalogue: &Catalogue, enterprises: u32) -> Outcome<()> {
    let ledger = Ledger::open_or_create(path, Arc::clone(&catalogue.vocabulary), Options::default())?;
    let mut recorder = ledger.recorder()?;
    // Records end in 2025.
    let today: Date = "2025-12-31".parse()?;
    for chunk in 0..enterprises.div_ceil(100_000) {
        let mut found = Found::default();
        let mut rows = Vec::new();
        for n in chunk * 100_000..enterprises.min((chunk + 1) * 100_000) {
            for row in records(code(n)?, n) {
                rows.extend(submit::check(&ledger, today, "row", &row, None, &mut found));
            }
        }
        if !found.is_empty() {
            return Err(Box::new(found.problem()));
        }
        let rows = rows
            .into_iter()
            .zip(1u64..)
            .map(|(draft, line)| Submission { line, row: SubmittedRow::Draft(draft) });
        recorder.append(&Batch::prepare(
            &catalogue.vocabulary,
            rows,
            Origin { actor: "bench".to_owned(), ..Origin::default() },
        ))?;
        eprintln!("{} enterprises in the ledger", enterprises.min((chunk + 1) * 100_000));
    }
    Ok(())
}

fn records(subject: Uscc, n: u32) -> Vec<Row> {
    let row = |code: &str, fields: &[(&str, String)]| Row {
        code: code.to_owned(),
        fields: fields.iter().map(|(id, text)| ((*id).to_owned(), text.clone())).collect(),
    };
    let name = format!("样例企业{n}");
    let mut rows = vec![row(
        "registration",
        &[
            ("subject_code", subject.to_string()),
            ("subject_name", name.clone()),
            ("changed_on", "2015-03-02".to_owned()),
            ("established_on", "2015-03-02".to_owned()),
            ("status", "active".to_owned()),
            ("region", "330106".to_owned()),
            ("industry", "C1411".to_owned()),
        ],
    )];
    for i in 0..PENALTIES.min(n % (2 * PENALTIES + 1)) {
        rows.push(row(
            "administrative-penalty",
            &[
                ("subject_code", subject.to_string()),
                ("subject_name", name.clone()),
                ("document_number", format!("罚〔{n}〕{i}号")),
                ("kinds", "fine".to_owned()),
                ("fine", "1.5".to_owned()),
                ("decided_on", format!("202{}-0{}-15", 2 + i % 4, 1 + n % 9)),
                ("authority", "样例局".to_owned()),
            ],
        ));
    }
    rows
}
