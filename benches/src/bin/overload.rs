//! Many times the load a service can carry, with idle and slow connections beside (measure R12).
//!
//! `cargo run --release -p hengxin-benches --bin overload -- [SECONDS] [TIMES]`
//!
//! The service is a process of its own, so that its memory can be read; it shares the processors with the load. First the
//! rate it holds is measured with 64 calls under way, then TIMES (5) as many calls a second are sent for SECONDS (60),
//! each when it is due and not when the one before is answered, while 1,000 connections say nothing and 100 send a
//! request byte by byte. How long a refusal takes counts from when the call was sent.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hengxin_core::date::Date;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;
use hengxin_proto::v1;
use hengxin_proto::v1::scoring_service_client::ScoringServiceClient;
use hengxin_service::use_case::submit::{self, Found, Row};
use hengxin_service::{Config, Engine, EngineOptions, bind};
use hengxin_standard::Catalogue;
use hengxin_store::{Batch, Ledger, Options, Origin, Submission, SubmittedRow};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tonic::Code;
use tonic::transport::Channel;

/// The allocator of the `hengxin` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const ENTERPRISES: u32 = 10_000;
const CONNECTIONS: usize = 64;
/// Calls sent and not yet answered or refused; one that would be more is left out and told.
const OUTSTANDING: usize = 20_000;
const IDLE: usize = 1000;
const SLOW: usize = 100;
/// What a refusal may take.
const REFUSED_WITHIN: Duration = Duration::from_millis(50);

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some("serve") {
        return serve(Path::new(&arguments.next().ok_or("a folder")?));
    }
    let seconds: u64 = first.map_or(Ok(60), |text| text.parse())?;
    let times: f64 = arguments.next().map_or(Ok(5.0), |text| text.parse())?;
    let folder = std::env::temp_dir().join(format!("hengxin-overload-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let (child, address) = start(&folder)?;
    let service = Service(child);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let measured = runtime.block_on(measure(&service, &address, Duration::from_secs(seconds), times));
    drop(service);
    std::fs::remove_dir_all(&folder)?;
    measured
}

/// The child; ended with this.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Service {
    /// Its resident memory in MiB.
    fn memory(&self) -> Outcome<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
    }
}

fn start(folder: &Path) -> Outcome<(Child, String)> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("serve")
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    Ok((child, format!("http://{}", line.trim())))
}

async fn measure(service: &Service, address: &str, duration: Duration, times: f64) -> Outcome<()> {
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        channels.push(Channel::from_shared(address.to_owned())?.connect().await?);
    }
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(closed_loop(&channels, Duration::from_secs(3)).await?);
    }
    held.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (rate, normal) = held.swap_remove(1);
    let (_, normal) =
        paced(&channels, rate / 2.0, Duration::from_secs(5)).await.map(|t| (normal, t.answered))?;
    println!(
        "held: {rate:.0} calls/s with {CONNECTIONS} under way; at half of it p99 {:.1} ms",
        p99(&normal)
    );
    let before = service.memory()?;
    let host = address.trim_start_matches("http://").to_owned();
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.push(TcpStream::connect(&host).await?);
    }
    let slow: Vec<_> = (0..SLOW).map(|_| tokio::spawn(slowly(host.clone()))).collect();
    let told = paced(&channels, rate * times, duration).await?;
    let peak = service.memory()?;
    for slow in slow {
        slow.abort();
    }
    drop(idle);
    let all = told.answered.len() + told.refused.len();
    let per_second = |n: usize| n as f64 / duration.as_secs_f64();
    println!(
        "sent: {:.0} calls/s ({:.1} times the held rate, {} more left out because {OUTSTANDING} were outstanding)",
        per_second(all),
        per_second(all) / rate,
        told.left_out
    );
    println!(
        "answered: {:.0} calls/s, p50 {:.1} ms, p99 {:.1} ms, {:.2} times that at half load",
        per_second(told.answered.len()),
        middle(&told.answered),
        p99(&told.answered),
        p99(&told.answered) / p99(&normal)
    );
    let late = told.refused.iter().filter(|took| Duration::from_micros(**took) > REFUSED_WITHIN).count();
    println!(
        "refused: {:.0} calls/s, p50 {:.1} ms, p99 {:.1} ms, slowest {:.1} ms, {:.2} % after more than {} ms",
        per_second(told.refused.len()),
        middle(&told.refused),
        p99(&told.refused),
        told.refused.last().copied().unwrap_or_default() as f64 / 1e3,
        100.0 * late as f64 / told.refused.len().max(1) as f64,
        REFUSED_WITHIN.as_millis()
    );
    println!("other failures: {}, wrong answers: {}", told.failed, told.wrong);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (after, _) = closed_loop(&channels, Duration::from_secs(3)).await?;
    println!("memory: {before} MiB before, {peak} at the end of the load, {} after 5 s", service.memory()?);
    println!("afterwards it holds {after:.0} calls/s");
    Ok(())
}

/// Calls as fast as they are answered; their rate, and their times in ascending order.
async fn closed_loop(channels: &[Channel], duration: Duration) -> Outcome<(f64, Vec<u64>)> {
    let end = Instant::now() + duration;
    let tasks: Vec<_> = channels
        .iter()
        .zip(0u32..)
        .map(|(channel, mut n)| {
            let mut client = ScoringServiceClient::new(channel.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                while Instant::now() < end {
                    n = (n + 7919) % ENTERPRISES;
                    let begun = Instant::now();
                    client.evaluate(question(n)?).await?;
                    times.push(micros(begun));
                }
                Outcome::Ok(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await??);
    }
    times.sort_unstable();
    Ok((times.len() as f64 / duration.as_secs_f64(), times))
}

/// What became of the calls of a load; times in ascending order.
#[derive(Default)]
struct Told {
    answered: Vec<u64>,
    refused: Vec<u64>,
    failed: u64,
    wrong: u64,
    left_out: u64,
}

/// So many calls a second, whatever becomes of them.
async fn paced(channels: &[Channel], rate: f64, duration: Duration) -> Outcome<Told> {
    let (ends, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let (outstanding, left_out) = (Arc::new(AtomicUsize::new(0)), AtomicU64::new(0));
    let collecting = tokio::spawn(async move {
        let mut told = Told::default();
        while let Some((took, end)) = ended.recv().await {
            match end {
                End::Answered => told.answered.push(took),
                End::Refused => told.refused.push(took),
                End::Failed => told.failed += 1,
                End::Wrong => told.wrong += 1,
            }
        }
        told.answered.sort_unstable();
        told.refused.sort_unstable();
        told
    });
    let begun = Instant::now();
    let mut sent = 0u64;
    while begun.elapsed() < duration {
        let now = begun.elapsed().as_secs_f64();
        while (sent as f64) < now * rate {
            sent += 1;
            if outstanding.load(Ordering::Relaxed) >= OUTSTANDING {
                left_out.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            outstanding.fetch_add(1, Ordering::Relaxed);
            let n = u32::try_from(sent * 7919 % u64::from(ENTERPRISES))?;
            let mut client =
                ScoringServiceClient::new(channels[usize::try_from(sent)? % channels.len()].clone());
            let (ends, outstanding) = (ends.clone(), Arc::clone(&outstanding));
            tokio::spawn(async move {
                let Ok(question) = question(n) else { return };
                let expected = question.enterprise.clone();
                let begun = Instant::now();
                let end = match client.evaluate(question).await {
                    Ok(answer) => match answer.into_inner().evaluation {
                        Some(evaluation) if evaluation.enterprise == expected => End::Answered,
                        _ => End::Wrong,
                    },
                    Err(status) if status.code() == Code::Unavailable => End::Refused,
                    Err(_) => End::Failed,
                };
                outstanding.fetch_sub(1, Ordering::Relaxed);
                // The collector outlives all of them.
                let _ = ends.send((micros(begun), end));
            });
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(ends);
    let mut told = collecting.await?;
    told.left_out = left_out.into_inner();
    Ok(told)
}

enum End {
    Answered,
    Refused,
    Failed,
    Wrong,
}

/// A client that sends the beginning of HTTP/2 a byte a second.
async fn slowly(host: String) -> Outcome<()> {
    let mut stream = TcpStream::connect(host).await?;
    for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".iter().cycle() {
        stream.write_all(&[*byte]).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

fn micros(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Of times in ascending order, in milliseconds.
fn p99(times: &[u64]) -> f64 {
    times.get(times.len() * 99 / 100).copied().unwrap_or_default() as f64 / 1e3
}

fn middle(times: &[u64]) -> f64 {
    times.get(times.len() / 2).copied().unwrap_or_default() as f64 / 1e3
}

fn question(n: u32) -> Outcome<v1::EvaluateRequest> {
    Ok(v1::EvaluateRequest {
        enterprise: format!("enterprises/{}", code(n)?),
        standard: "public-comprehensive".to_owned(),
        view: v1::EvaluationView::Full.into(),
        ..v1::EvaluateRequest::default()
    })
}

/// The n-th enterprise.
fn code(n: u32) -> Outcome<Uscc> {
    let body = format!("Y{n:07}");
    Ok(Uscc::assemble(*b"91", RegionCode::from_digits(330_199)?, body.as_bytes().try_into()?)?)
}

/// The service, until its parent is gone.
fn serve(folder: &Path) -> Outcome<()> {
    let catalogue = Arc::new(Catalogue::shipped()?);
    let path = folder.join("ledger.sqlite");
    let ledger = Ledger::create(&path, Arc::clone(&catalogue.vocabulary), Options::default())?;
    fill(&ledger, &catalogue)?;
    let engine = Engine::open(catalogue, ledger, EngineOptions::default())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let bound = bind(Config { address: ([127, 0, 0, 1], 0).into(), ..Config::default() }, engine)?;
        println!("{}", bound.address());
        std::io::stdout().flush()?;
        bound.run(std::future::pending()).await?;
        Ok(())
    })
}

fn fill(ledger: &Ledger, catalogue: &Catalogue) -> Outcome<()> {
    let today: Date = "2025-12-31".parse()?;
    let (mut found, mut rows) = (Found::default(), Vec::new());
    for n in 0..ENTERPRISES {
        let fields = [
            ("subject_code", code(n)?.to_string()),
            ("subject_name", format!("样例企业{n}")),
            ("changed_on", "2015-03-02".to_owned()),
            ("established_on", "2015-03-02".to_owned()),
            ("status", "active".to_owned()),
            ("region", "330106".to_owned()),
            ("industry", "C1411".to_owned()),
        ];
        let fields = fields.into_iter().map(|(id, text)| (id.to_owned(), text)).collect();
        let row = Row { code: "registration".to_owned(), fields };
        rows.extend(submit::check(ledger, today, "row", &row, None, &mut found));
    }
    if !found.is_empty() {
        return Err(Box::new(found.problem()));
    }
    let rows = rows
        .into_iter()
        .zip(1u64..)
        .map(|(draft, line)| Submission { line, row: SubmittedRow::Draft(draft) });
    let origin = Origin { actor: "bench".to_owned(), ..Origin::default() };
    ledger.recorder()?.append(&Batch::prepare(&catalogue.vocabulary, rows, origin))?;
    Ok(())
}
