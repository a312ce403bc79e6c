//! Bulk exports: whole, marked, on record however they end, and no more of them than agreed.

use std::sync::Arc;
use std::time::Duration;

use hengxin_core::uscc::Uscc;
use hengxin_proto::v1;
use hengxin_proto::v1::export_tiers_response::Part;
use hengxin_proto::v1::supervision_service_client::SupervisionServiceClient;
use hengxin_service::client::{Asking, ClientError, ExportOrder, ExportStream};
use hengxin_service::use_case::export::mark::{Origin, Tracer};
use hengxin_service::use_case::export::row::{COLUMNS, Row, first_line};
use hengxin_service::{Access, Engine, RunSetup, Runner, record_tiers};
use hengxin_store::{ExportEnding, ExportRecord};
use sha2::{Digest as _, Sha256};
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};

use crate::metrics::{scrape, value};
use crate::papers::{HANGZHOU, Papers, asked, granting, supervising, supply};
use crate::rig::{FIELD, NOON, Rig, TestClock, code, refusal, registration, violation};
use crate::runs::{Fake, once};

/// Rows enough that no buffer between service and client holds them.
const MANY: u32 = 8_000;

fn ask(region: &str) -> v1::ExportTiersRequest {
    v1::ExportTiersRequest { field: FIELD.to_owned(), region: region.to_owned(), ..Default::default() }
}

fn from_run() -> v1::ExportTiersRequest {
    v1::ExportTiersRequest { basis: v1::TierBasis::Run.into(), ..ask("") }
}

/// All that was received.
#[derive(Debug, Default)]
struct Received {
    head: v1::ExportHead,
    rows: Vec<v1::ExportedTier>,
    end: v1::ExportEnd,
}

async fn export(channel: Channel, request: Request<v1::ExportTiersRequest>) -> Result<Received, Status> {
    let mut stream = SupervisionServiceClient::new(channel).export_tiers(request).await?.into_inner();
    let mut received = Received::default();
    let mut place = 0;
    while let Some(answer) = stream.message().await? {
        let (kind, part) = (place, answer.part.unwrap());
        place = match part {
            Part::Head(head) if kind == 0 => {
                received.head = head;
                1
            }
            Part::Rows(rows) if kind == 1 && !rows.rows.is_empty() => {
                received.rows.extend(rows.rows);
                1
            }
            Part::End(end) if kind == 1 => {
                received.end = end;
                2
            }
            other => panic!("out of place: {other:?}"),
        };
    }
    assert_eq!(place, 2, "no end");
    Ok(received)
}

/// The cells of a row, written here once more.
fn cells(row: &v1::ExportedTier) -> Vec<String> {
    let tier = row.tier.to_string();
    [
        &row.code,
        &row.name,
        &row.region,
        &row.industry,
        &row.field,
        &tier,
        &row.public_grade,
        &row.public_score,
        &row.industry_grade,
        &row.industry_score,
        &row.policy,
        &row.as_of,
        &row.known_at,
        &row.basis,
    ]
    .map(Clone::clone)
    .to_vec()
}

/// The names of the columns of a file, as `docs/access.md` says them.
const NAMES: &str = "code,name,region,industry,field,tier,public_grade,public_score,industry_grade,industry_score,policy,as_of,\
                     known_at,basis,mark";

/// The digest as `docs/access.md` says it, made with another writer of CSV.
fn digest(rows: &[v1::ExportedTier]) -> String {
    let mut writer = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    writer.write_record(NAMES.split(',')).unwrap();
    for row in rows {
        writer.write_record(cells(row).iter().chain([&row.mark])).unwrap();
    }
    let file = writer.into_inner().unwrap();
    Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn on_record(engine: &Engine) -> Vec<ExportRecord> {
    engine.ledger().snapshot(None).unwrap().exports(None, 100).unwrap()
}

/// The newest export once its end is on record.
async fn ended(rig: &Rig) -> (u64, ExportEnding, String) {
    for _ in 0..500 {
        if let Some(ExportRecord { end: Some((_, end)), .. }) = on_record(&rig.engine).into_iter().next() {
            return (end.rows, end.ending, end.detail);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no end on record");
}

/// Enterprises of Hangzhou and one of Guangzhou with decisions on record.
async fn decided(papers: &Papers, rig: &Rig) {
    let facts = vec![
        registration(code(1), "甲公司", HANGZHOU, "C1411"),
        registration(code(2), "乙\"新\"公司,分部", HANGZHOU, "C1411"),
        registration(code(3), "丙公司", HANGZHOU, "F5211"),
        registration(code(4), "丁公司", "440106", "C1411"),
    ];
    supply(papers, rig, "a", facts).await.unwrap();
    let engine = Arc::clone(&rig.engine);
    let done = move || record_tiers(&engine, FIELD, engine.today(), |_| {});
    tokio::task::spawn_blocking(done).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_whole_and_on_record_before_its_rows_and_after_them() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    decided(&papers, &rig).await;
    let regulator = || papers.machine(&rig, "regulator");
    let got = export(regulator(), supervising(ask("330100"))).await.unwrap();
    let head = &got.head;
    assert_eq!((head.caller.as_str(), head.department.as_str()), ("regulator", "regulator's department"));
    assert_eq!((head.purpose.as_str(), head.legal_basis.as_str()), ("supervision", "statutory-duty"));
    assert_eq!((head.request.clone().unwrap(), head.rows_expected), (ask("330100"), 3));
    assert!(head.run.is_empty() && head.begun_at.is_some_and(|at| at.seconds * 1_000_000 == NOON));
    let codes: Vec<&str> = got.rows.iter().map(|row| row.code.as_str()).collect();
    assert_eq!(codes, [1, 2, 3].map(|n| code(n).to_string()));
    assert_eq!((got.end.rows, &got.end.digest), (3, &digest(&got.rows)));
    // What a row says is what other methods say.
    let one = &got.rows[1];
    let asked = v1::GetTierRequest {
        enterprise: one.code.clone(),
        field: FIELD.to_owned(),
        ..v1::GetTierRequest::default()
    };
    let answer = SupervisionServiceClient::new(regulator()).get_tier(supervising(asked)).await.unwrap();
    let decision = answer.into_inner().decision.unwrap();
    let public = decision.public_result.unwrap();
    assert_eq!((one.tier, &one.as_of), (decision.tier, &decision.as_of));
    assert_eq!(one.public_grade, public.grade.map(|grade| grade.grade).unwrap_or_default());
    assert_eq!(one.public_score, public.score.map(|score| score.decimal).unwrap_or_default());
    assert_eq!(one.policy, "policies/test-policy/editions/2026.1");
    assert_eq!((one.name.as_str(), one.region.as_str()), ("乙\"新\"公司,分部", HANGZHOU));
    assert!(one.known_at.ends_with('Z') && one.known_at.len() == 27, "{}", one.known_at);
    assert_eq!((one.industry.as_str(), one.basis.as_str()), ("C1411", "decision"));
    // Filters, and what nobody is in.
    let of = async |tier: u32, industry: &str| {
        let asked = v1::ExportTiersRequest { tier, industry: industry.to_owned(), ..ask("330100") };
        let got = export(regulator(), supervising(asked)).await.unwrap();
        assert_eq!((got.end.rows, got.head.rows_expected), (got.rows.len() as u64, got.end.rows));
        assert_eq!(got.end.digest, digest(&got.rows));
        got.rows.len()
    };
    assert_eq!((of(0, "C").await, of(one.tier, "").await, of(4, "").await), (2, 3, 0));
    let snapshot = rig.engine.ledger().snapshot(None).unwrap();
    let first = on_record(&rig.engine).pop().unwrap();
    assert_eq!(first.export.number, head.number);
    assert_eq!(first.export.what, format!("{FIELD} region=330100 from decisions"));
    assert_eq!((first.export.caller.as_str(), first.export.purpose.as_str()), ("regulator", "supervision"));
    let (_, end) = first.end.unwrap();
    assert_eq!((end.rows, end.ending), (3, ExportEnding::Complete));
    let calls = snapshot.audit(Some("regulator"), 0, 100).unwrap();
    let calls = calls.iter().filter(|record| record.call.method == "SupervisionService.ExportTiers");
    let by: Vec<&str> = calls.map(|record| record.call.detail.as_str()).collect();
    assert_eq!(by, ["regulators-export"; 4]);
    snapshot.verify().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_exports_beyond_region_field_and_purpose_and_banks_never() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    decided(&papers, &rig).await;
    let refused = async |name: &str, request| {
        let answer = export(papers.machine(&rig, name), request).await;
        refusal(answer, Code::PermissionDenied, "NOT_PERMITTED");
    };
    refused("regulator", supervising(ask(""))).await;
    refused("regulator", supervising(ask("330000"))).await;
    refused("elsewhere", supervising(ask("330100"))).await;
    refused("narrow", supervising(ask("330100"))).await;
    refused("regulator", asked(ask("330100"), "credit-report", "statutory-duty")).await;
    refused("bank", granting(ask("330100"))).await;
    refused("bank", supervising(ask("330100"))).await;
    refused("operator", asked(ask(""), "operations", "statutory-duty")).await;
    let regulator = || papers.machine(&rig, "regulator");
    let wrong = v1::ExportTiersRequest { tier: 999, ..ask("330100") };
    violation(export(regulator(), supervising(wrong)).await, "tier");
    let none = v1::ExportTiersRequest { basis: v1::TierBasis::Run.into(), ..ask("330100") };
    refusal(export(regulator(), supervising(none)).await, Code::NotFound, "NO_LOADED_RUN");
    assert!(on_record(&rig.engine).is_empty(), "nothing went out");
    assert_eq!(export(papers.machine(&rig, "nation"), supervising(ask(""))).await.unwrap().rows.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_leads_to_its_export_and_one_that_was_altered_to_none() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    decided(&papers, &rig).await;
    let hangzhou = export(papers.machine(&rig, "regulator"), supervising(ask("330100"))).await.unwrap();
    let nation = export(papers.machine(&rig, "nation"), supervising(ask(""))).await.unwrap();
    let snapshot = rig.engine.ledger().snapshot(None).unwrap();
    let mut tracer = Tracer::new(&snapshot, rig.engine.marks());
    let mut trace =
        |cells: Vec<String>, mark: &str| tracer.trace(&Row(cells.try_into().unwrap()), mark).unwrap();
    for (got, caller) in [(&hangzhou, "regulator"), (&nation, "nation")] {
        for row in &got.rows {
            match trace(cells(row), &row.mark) {
                Origin::Export(found) => {
                    assert_eq!((&found.export.number, &*found.export.caller), (&got.head.number, caller));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    // The same row, given to two: each mark is for one of them.
    let (mine, theirs) = (&hangzhou.rows[1], &nation.rows[1]);
    assert_eq!((cells(mine), mine.mark == theirs.mark), (cells(theirs), false));
    let seal = |mark: &str| mark.rsplit_once('-').unwrap().1.to_owned();
    let blamed = format!("{}-{}", nation.head.number, seal(&mine.mark));
    assert!(matches!(trace(cells(mine), &blamed), Origin::Altered(_)), "blames another caller");
    for place in 0..COLUMNS.len() {
        let mut altered = cells(mine);
        altered[place].push('1');
        match trace(altered, &mine.mark) {
            Origin::Altered(found) => assert_eq!(found.export.number, hangzhou.head.number),
            other => panic!("column {place}: {other:?}"),
        }
    }
    // A character moved from one cell to the next.
    let mut moved = cells(mine);
    let last = moved[2].pop().unwrap();
    moved[3].insert(0, last);
    assert!(matches!(trace(moved, &mine.mark), Origin::Altered(_)));
    let unrecorded = "HE20260629-0123456789";
    let mark = rig.engine.marks().mark(unrecorded, &Row(cells(mine).try_into().unwrap()).line());
    assert_eq!(trace(cells(mine), &mark), Origin::Unrecorded(unrecorded.to_owned()));
    for foreign in ["", "x", "HE20260630-0123456789-0123456789ABCDEF", &seal(&mine.mark)] {
        assert_eq!(trace(cells(mine), foreign), Origin::Foreign, "{foreign}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_exports_no_more_rows_a_day_than_agreed() {
    let papers = Papers::new();
    let path = papers.rules().join("callers.json");
    let mut callers: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    callers["certificates"][2]["exported_rows_per_day"] = 8.into();
    std::fs::write(&path, callers.to_string()).unwrap();
    let (access, tls) = (Arc::new(Access::ruled(&papers.rules()).unwrap()), papers.tls());
    let rig = Rig::with(|_, config| {
        config.access = access;
        config.tls = Some(tls);
        config.load.exported_rows_per_day = 5;
    })
    .await;
    decided(&papers, &rig).await;
    let regulator = || export(papers.machine(&rig, "regulator"), supervising(ask("330100")));
    assert_eq!(regulator().await.unwrap().rows.len(), 3);
    let (message, details) = refusal(regulator().await, Code::ResourceExhausted, "EXPORT_LIMIT");
    let told = "`regulator` would have 6 rows exported today, expected at most 5";
    assert!(message.starts_with(told), "{message}");
    assert_eq!(details.quota_failure().unwrap().violations[0].subject, "regulator");
    assert_eq!(on_record(&rig.engine).len(), 1, "what was refused at once is no export");
    let nation = || export(papers.machine(&rig, "nation"), supervising(ask("")));
    assert_eq!((nation().await.unwrap().rows.len(), nation().await.unwrap().rows.len()), (4, 4));
    refusal(nation().await, Code::ResourceExhausted, "EXPORT_LIMIT");
    // Midnight in China is twelve hours later.
    rig.clock.set(NOON + 12 * 3_600 * 1_000_000 - 1);
    refusal(regulator().await, Code::ResourceExhausted, "EXPORT_LIMIT");
    rig.clock.set(NOON + 12 * 3_600 * 1_000_000);
    regulator().await.unwrap();
}

/// A service with a run of many rows loaded, and a client that takes little ahead.
async fn loaded(change: impl FnOnce(&mut hengxin_service::Config)) -> (Rig, Arc<Fake>, Channel) {
    let fake = Arc::new(Fake::default());
    *fake.tiers.lock().unwrap() = (1..=MANY).map(|n| (code(n), 2)).collect();
    let runner = Arc::clone(&fake) as Arc<dyn Runner>;
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let rig = Rig::at(folder, TestClock::at(NOON), |_, config| {
        config.runs = Some(RunSetup::new(runner, "/results/"));
        change(config);
    })
    .await;
    run(&rig, "runs/1").await;
    let endpoint = Channel::from_shared(rig.address.clone()).unwrap();
    let little = endpoint.initial_stream_window_size(65_535).initial_connection_window_size(65_535);
    let channel = little.connect().await.unwrap();
    (rig, fake, channel)
}

async fn run(rig: &Rig, name: &str) {
    rig.rescoring().start_run(crate::runs::ask(&name.replace('/', "-"))).await.unwrap();
    once(rig, name, v1::RunState::Succeeded).await;
}

/// An export whose head was read, and nothing else.
async fn begun(
    channel: &Channel,
    request: Request<v1::ExportTiersRequest>,
) -> Streaming<v1::ExportTiersResponse> {
    let answer = SupervisionServiceClient::new(channel.clone()).export_tiers(request).await;
    let mut stream = answer.unwrap().into_inner();
    let head = stream.message().await.unwrap().unwrap();
    assert!(
        matches!(head.part, Some(Part::Head(v1::ExportHead { rows_expected, .. })) if rows_expected == u64::from(MANY))
    );
    stream
}

/// Reads to the end of a stream that fails: rows, and why.
async fn rest(mut stream: Streaming<v1::ExportTiersResponse>) -> (u64, Status) {
    let mut rows = 0;
    loop {
        match stream.message().await {
            Ok(Some(v1::ExportTiersResponse { part: Some(Part::Rows(some)) })) => {
                rows += some.rows.len() as u64;
            }
            Ok(other) => panic!("{other:?}"),
            Err(status) => return (rows, status),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_exported_in_the_order_of_codes_and_names_itself() {
    let (rig, _, channel) = loaded(|_| {}).await;
    let got = export(channel, Request::new(from_run())).await.unwrap();
    let codes: Vec<Uscc> = got.rows.iter().map(|row| row.code.parse().unwrap()).collect();
    assert_eq!(codes, (1..=MANY).map(code).collect::<Vec<_>>());
    assert_eq!((got.head.run.as_str(), got.head.caller.as_str()), ("runs/1", "local"));
    let row = &got.rows[0];
    assert_eq!((row.basis.as_str(), row.tier, row.name.as_str()), ("runs/1", 2, ""));
    assert_eq!((row.public_grade.as_str(), row.public_score.as_str()), ("A", "950"));
    assert_eq!((got.end.rows, got.end.digest), (u64::from(MANY), digest(&got.rows)));
    assert_eq!(ended(&rig).await, (u64::from(MANY), ExportEnding::Complete, String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_half_way_is_on_record_with_the_rows_it_may_have() {
    let (rig, _, channel) = loaded(|_| {}).await;
    let mut stream = begun(&channel, Request::new(from_run())).await;
    let Some(Part::Rows(some)) = stream.message().await.unwrap().unwrap().part else { panic!("rows") };
    assert_eq!(on_record(&rig.engine)[0].end, None);
    drop((stream, channel));
    let (rows, ending, detail) = ended(&rig).await;
    assert_eq!((ending, detail.as_str()), (ExportEnding::Cancelled, ""));
    assert!((some.rows.len() as u64..u64::from(MANY)).contains(&rows), "{rows}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_cuts_an_export_off_while_others_write() {
    let (rig, _, channel) = loaded(|_| {}).await;
    let mut request = Request::new(from_run());
    request.set_timeout(Duration::from_millis(1500));
    let stream = begun(&channel, request).await;
    // A client that reads slowly keeps nobody from writing.
    rig.registered(&[code(1)]).await;
    let (rows, ending, detail) = ended(&rig).await;
    assert_eq!((ending, detail.as_str()), (ExportEnding::CutOff, "DEADLINE_EXCEEDED"));
    let (read, status) = rest(stream).await;
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert!(read <= rows && rows < u64::from(MANY), "{read} of {rows}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_run_ends_an_export_of_the_one_before_and_so_does_a_shutdown() {
    let (mut rig, fake, channel) = loaded(|config| config.drain = Duration::from_secs(5)).await;
    let stream = begun(&channel, Request::new(from_run())).await;
    fake.tiers.lock().unwrap().insert(code(1), 3);
    run(&rig, "runs/2").await;
    let (read, status) = rest(stream).await;
    let (message, _) = refusal(Err::<(), _>(status), Code::Aborted, "RUN_REPLACED");
    assert_eq!(message, "run 1 was replaced by run 2 meanwhile: begin anew");
    assert_eq!(ended(&rig).await, (read, ExportEnding::CutOff, "RUN_REPLACED".to_owned()));
    let unread = begun(&channel, Request::new(from_run())).await;
    let stopped = rig.stop();
    let (_, ending, detail) = ended(&rig).await;
    assert_eq!((ending, detail.as_str()), (ExportEnding::CutOff, "STOPPING"));
    drop((unread, channel));
    stopped.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_exports_under_way_count_too() {
    let (papers, rig) = with_a_run_of_the_nation().await;
    let nation = papers.machine(&rig, "nation");
    let mut stream = first_of(&nation).await;
    for _ in 0..2 {
        stream.message().await.unwrap().unwrap();
    }
    refusal(export(nation, supervising(from_run())).await, Code::ResourceExhausted, "EXPORT_LIMIT");
    drop(stream);
}

/// A service with access rules whose callers may export a run of many rows once a day.
async fn with_a_run_of_the_nation() -> (Papers, Rig) {
    let papers = Papers::new();
    let (access, tls) = (Arc::new(Access::ruled(&papers.rules()).unwrap()), papers.tls());
    let fake = Arc::new(Fake::default());
    *fake.tiers.lock().unwrap() = (1..=MANY).map(|n| (code(n), 2)).collect();
    let runner = Arc::clone(&fake) as Arc<dyn Runner>;
    let rig = Rig::with(|_, config| {
        config.runs = Some(RunSetup::new(runner, "/results/"));
        config.access = access;
        config.tls = Some(tls);
        config.load.exported_rows_per_day = u64::from(MANY) + 100;
        config.metrics = Some(([127, 0, 0, 1], 0).into());
    })
    .await;
    let operator = papers.machine(&rig, "operator");
    let mut runs = v1::rescoring_service_client::RescoringServiceClient::new(operator);
    runs.start_run(asked(crate::runs::ask("one"), "operations", "statutory-duty")).await.unwrap();
    (papers, rig)
}

/// An export of the run, once it is loaded.
async fn first_of(nation: &Channel) -> Streaming<v1::ExportTiersResponse> {
    loop {
        let answer =
            SupervisionServiceClient::new(nation.clone()).export_tiers(supervising(from_run())).await;
        match answer {
            Ok(answer) => return answer.into_inner(),
            Err(status) => assert_eq!(status.code(), Code::NotFound, "{status:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_whose_call_is_lost_while_it_goes_on_record_has_an_end() {
    let (rig, _, channel) = loaded(|config| config.metrics = Some(([127, 0, 0, 1], 0).into())).await;
    let call = |request| {
        let mut client = SupervisionServiceClient::new(channel.clone());
        tokio::spawn(async move { client.export_tiers(request).await.map(drop) })
    };
    let other = rusqlite::Connection::open(&rig.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let lost = call(Request::new(from_run()));
    until(&rig, "hengxin_writes_waiting").await;
    lost.abort();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(on_record(&rig.engine).is_empty());
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(ended(&rig).await, (0, ExportEnding::Cancelled, String::new()));

    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut request = Request::new(from_run());
    request.set_timeout(Duration::from_secs(1));
    let late = call(request);
    until(&rig, "hengxin_writes_waiting").await;
    late.await.unwrap().unwrap_err();
    // The client's clock began earlier than the service's.
    tokio::time::sleep(Duration::from_millis(500)).await;
    other.execute_batch("ROLLBACK").unwrap();
    while on_record(&rig.engine).len() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(ended(&rig).await, (0, ExportEnding::CutOff, "DEADLINE_EXCEEDED".to_owned()));
}

/// Waits until a count is above nothing.
async fn until(rig: &Rig, line: &str) {
    for _ in 0..500 {
        if value(&scrape(rig).await, line) > 0.0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no {line}");
}

/// No export can be ended in this ledger until what this gives is dropped from it: `DROP TRIGGER`.
fn without_ends(rig: &Rig) -> rusqlite::Connection {
    let other = rusqlite::Connection::open(&rig.path).unwrap();
    other.busy_timeout(Duration::from_secs(5)).unwrap();
    let trigger = "CREATE TRIGGER no_ends BEFORE INSERT ON export_ends BEGIN SELECT RAISE(ABORT, 'no'); END";
    other.execute_batch(trigger).unwrap();
    other
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_cannot_be_written_is_tried_again_and_its_rows_count_until_then() {
    let (papers, rig) = with_a_run_of_the_nation().await;
    let nation = papers.machine(&rig, "nation");
    let other = without_ends(&rig);
    let mut stream = first_of(&nation).await;
    let mut rows = 0;
    while rows < MANY as usize {
        let answer = stream.message().await.unwrap().unwrap();
        if let Some(Part::Rows(some)) = answer.part {
            rows += some.rows.len();
        }
    }
    until(&rig, "hengxin_audit_failures_total").await;
    let refused = async || {
        refusal(
            export(nation.clone(), supervising(from_run())).await,
            Code::ResourceExhausted,
            "EXPORT_LIMIT",
        )
    };
    refused().await;
    other.execute_batch("DROP TRIGGER no_ends").unwrap();
    let last = stream.message().await.unwrap().unwrap();
    assert!(matches!(last.part, Some(Part::End(end)) if end.rows == u64::from(MANY)));
    assert_eq!(ended(&rig).await, (u64::from(MANY), ExportEnding::Complete, String::new()));
    refused().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_waits_for_the_ends_of_exports() {
    let change = |config: &mut hengxin_service::Config| {
        config.metrics = Some(([127, 0, 0, 1], 0).into());
        config.drain = Duration::from_secs(10);
    };
    let (mut rig, _, channel) = loaded(change).await;
    let other = without_ends(&rig);
    drop((begun(&channel, Request::new(from_run())).await, channel));
    until(&rig, "hengxin_audit_failures_total").await;
    let stopped = rig.stop();
    tokio::time::sleep(Duration::from_secs(2)).await;
    other.execute_batch("DROP TRIGGER no_ends").unwrap();
    stopped.await.unwrap().unwrap();
    let (_, end) = on_record(&rig.engine)[0].end.clone().expect("an end");
    assert_eq!(end.ending, ExportEnding::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_of_the_command_line_makes_the_very_file_over_tls() {
    let papers = Papers::new();
    let rig = papers.serve().await;
    decided(&papers, &rig).await;
    let (certificate, key) = Papers::pair(&papers.clients, "regulator", 7);
    let asking = Asking {
        address: rig.address.replace("http://127.0.0.1", "https://localhost"),
        authority: Some(papers.own.pem().into_bytes()),
        identity: Some((certificate.into_bytes(), key.into_bytes())),
        token: None,
        purpose: "supervision".to_owned(),
        legal_basis: "statutory-duty".to_owned(),
    };
    let order =
        ExportOrder { field: FIELD.to_owned(), region: "330100".to_owned(), ..ExportOrder::default() };
    let mut export = ExportStream::begin(&asking, order.clone()).await.unwrap();
    assert_eq!((export.head["caller"].as_str(), export.expected), (Some("regulator"), 3));
    let mut file = first_line();
    while let Some(lines) = export.lines().await.unwrap() {
        file.extend(lines);
    }
    let digest: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((export.head["digest"].as_str(), file.lines().count()), (Some(digest.as_str()), 4));
    let wider = ExportOrder { region: String::new(), ..order.clone() };
    let refused = ExportStream::begin(&asking, wider).await.unwrap_err();
    assert!(matches!(refused, ClientError::Refused(_)), "{refused:?}");
    let strange = Asking { authority: Some(papers.clients.pem().into_bytes()), ..asking.clone() };
    let failed = ExportStream::begin(&strange, order.clone()).await.unwrap_err();
    assert!(matches!(failed, ClientError::System(_)), "{failed:?}");
    let nameless = Asking { purpose: "监管".to_owned(), ..asking };
    let refused = ExportStream::begin(&nameless, order).await.unwrap_err().to_string();
    assert_eq!(refused, "purpose: found what no header can hold, expected ASCII without controls");
}
