//! `SupervisionService.ExportTiers`: a bulk export, on record before its first row and again before its last word.
//!
//! A task of its own puts it on record, reads page by page and waits for the client between pages, with nothing of the ledger
//! open. However it ends, how many rows went out is put on record: that is tried until it is done, and a shutdown waits for it.

use std::sync::Arc;
use std::time::Duration;

use hengxin_core::uscc::Uscc;
use hengxin_proto::v1;
use hengxin_proto::v1::export_tiers_response::Part;
use hengxin_store::{Command, Export, ExportEnd, ExportEnding, Job};
use tokio::sync::{OwnedRwLockReadGuard, mpsc, oneshot, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::convert::timestamp;
use super::deadline::{Deadline, LAST_WORD, exceeded};
use super::decode;
use super::gate::{Gate, News};
use super::parse::Reader;
use super::row_limits::Rows;
use super::status::{DOMAIN, refuse};
use super::supervision::{stopping, tiers_wanted};
use crate::access::Caller;
use crate::engine::Engine;
use crate::problem::Answer;
use crate::use_case::export::mark::draw_number;
use crate::use_case::export::row::{FileDigest, Row, marked_line};
use crate::use_case::export::{self, Source};
use crate::use_case::overview::From;

/// How long after a failure the end of an export is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// What the client hears.
pub(super) type Answers = ReceiverStream<Result<v1::ExportTiersResponse, Status>>;

type Sender = mpsc::Sender<Result<v1::ExportTiersResponse, Status>>;

/// An export that is on record, or about to be.
struct Begun {
    source: Arc<Source>,
    number: String,
    caller: Caller,
    owed: Owed,
}

/// What an export holds until its end is on record.
struct Owed {
    /// Others of its caller may not count without its rows before.
    counted: Rows,
    /// A shutdown waits for it.
    _under_way: OwnedRwLockReadGuard<()>,
}

/// Why an export ended early.
enum Ended {
    /// The client is gone.
    Gone,
    /// The service ends it.
    Refused(Status),
}

impl std::convert::From<Status> for Ended {
    fn from(status: Status) -> Ended {
        Ended::Refused(status)
    }
}

/// Begins an export; the stream that it goes on in.
pub(super) async fn export(gate: &Gate, request: Request<v1::ExportTiersRequest>) -> Result<Answers, Status> {
    let deadline = Deadline::of(request.extensions());
    let news = gate.news();
    let session = gate.session::<v1::ExportTiersRequest, _>(&request).await?;
    let request = request.into_inner();
    gate.admit_part(&session, &request).await?;
    let caller = session.caller().clone();
    let (asked, name) = (request.clone(), caller.name.clone());
    let (source, before) = gate
        .run(move |engine| {
            let source = begin(engine, &asked)?;
            Ok((source, export::rows_today(engine, &name)?))
        })
        .await?;
    // Refused at once rather than half way.
    let rows = Rows::new(gate.row_limits(), &caller.name).add(0);
    within_limit(gate, &caller, before.saturating_add(rows).saturating_add(source.expected))?;
    let begun_at = gate.engine().now();
    let (purpose, legal_basis) = session.purpose();
    let record = Export {
        begun_at,
        number: draw_number(gate.engine().today()).map_err(|problem| super::status::status(&problem))?,
        caller: caller.name.clone(),
        department: caller.department.clone(),
        purpose: purpose.to_owned(),
        basis: legal_basis.to_owned(),
        what: source.told(),
    };
    let head = v1::ExportHead {
        number: record.number.clone(),
        caller: record.caller.clone(),
        department: record.department.clone(),
        purpose: record.purpose.clone(),
        legal_basis: record.basis.clone(),
        begun_at: Some(timestamp(begun_at)),
        request: Some(request),
        run: source.run.map(|run| format!("runs/{run}")).unwrap_or_default(),
        rows_expected: source.expected,
    };
    let Ok(under_way) = Arc::clone(gate.exports()).try_read_owned() else { return Err(stopping()) };
    let owed = Owed { counted: Rows::new(gate.row_limits(), &caller.name), _under_way: under_way };
    let begun = Begun { source: Arc::new(source), number: record.number.clone(), caller, owed };
    // One page waits for the client, one is made meanwhile.
    let (answers, stream) = mpsc::channel(1);
    let (tell, told) = oneshot::channel();
    let gate = gate.clone();
    // The call may be lost at any moment, and this with it. What is on record by then must have an end.
    tokio::spawn(async move {
        let noted = note(&gate, Command::BeginExport(record)).await.map_err(|failure| off_record(&failure));
        let ended = noted.clone().err();
        // Who is gone is noticed with the first message.
        let _ = tell.send(noted);
        match ended {
            None => carry_out(&gate, begun, head, deadline, news, &answers).await,
            Some(status) => {
                // A write that failed may be on record all the same: nobody knows of a connection lost while it commits.
                let end = ExportEnd { rows: 0, ending: ExportEnding::CutOff, detail: reason(&status) };
                // A failure is in the log.
                let _ = conclude(gate, begun.number, end, begun.owed).await;
            }
        }
    });
    // A task that is gone has ended with the service.
    told.await.unwrap_or_else(|_| Err(stopping()))?;
    Ok(ReceiverStream::new(stream))
}

fn begin(engine: &Engine, request: &v1::ExportTiersRequest) -> Answer<Source> {
    let mut reader = Reader::new(engine);
    let wanted = tiers_wanted(
        &mut reader,
        &request.field,
        request.tier,
        &request.region,
        &request.industry,
        request.basis,
    );
    let wanted = reader.finish(wanted)?;
    let from = if request.basis() == v1::TierBasis::Run { From::Run } else { From::Decisions };
    export::begin(engine, wanted, from)
}

/// Sends rows and puts on record how that ended.
async fn carry_out(
    gate: &Gate,
    mut begun: Begun,
    head: v1::ExportHead,
    deadline: Deadline,
    mut news: watch::Receiver<News>,
    answers: &Sender,
) {
    let mut sent = 0;
    let sending = send(gate, &mut begun, head, answers, &mut sent);
    let ended = tokio::select! {
        // The deadline ends the call, too: the client did not leave then.
        biased;
        () = tokio::time::sleep_until(deadline.at.into()) => Err(Ended::Refused(exceeded(deadline.allowed))),
        // Also when nobody is left to tell.
        _ = news.wait_for(|news| news.stopping) => Err(Ended::Refused(stopping())),
        ended = sending => ended,
    };
    let (ending, last) = match ended {
        Ok(digest) => {
            let end = v1::ExportEnd { rows: sent, digest };
            (ExportEnding::Complete, Some(Ok(message(Part::End(end)))))
        }
        Err(Ended::Gone) => (ExportEnding::Cancelled, None),
        Err(Ended::Refused(status)) => (ExportEnding::CutOff, Some(Err(status))),
    };
    let detail = match &last {
        Some(Err(status)) => reason(status),
        Some(Ok(_)) | None => String::new(),
    };
    let end = ExportEnd { rows: sent, ending, detail };
    let concluding = tokio::spawn(conclude(gate.clone(), begun.number, end, begun.owed));
    // A client is not kept for longer; the end is tried on without it.
    let last = match tokio::time::timeout(LAST_WORD, concluding).await {
        Ok(Ok(Ok(()))) => last,
        Ok(Ok(Err(failure))) => Some(Err(off_record(&failure))),
        Ok(Err(_)) | Err(_) => Some(Err(off_record(&Status::unavailable("its end waits for the ledger")))),
    };
    if let Some(last) = last {
        // A client that is gone, or reads no further, needs no last word.
        let _ = tokio::time::timeout(LAST_WORD, answers.send(last)).await;
    }
}

/// Sends the head and all rows; the digest over them. `sent` counts rows that were handed over.
async fn send(
    gate: &Gate,
    begun: &mut Begun,
    head: v1::ExportHead,
    answers: &Sender,
    sent: &mut u64,
) -> Result<String, Ended> {
    let told = async |part| answers.send(Ok(message(part))).await.map_err(|_| Ended::Gone);
    told(Part::Head(head)).await?;
    let mut digest = FileDigest::default();
    let mut after: Option<Uscc> = None;
    loop {
        let (source, name) = (Arc::clone(&begun.source), begun.caller.name.clone());
        let (page, before) = gate
            .run(move |engine| {
                Ok((export::page(engine, &source, after, results)?, export::rows_today(engine, &name)?))
            })
            .await?;
        let Some((last, _)) = page.last() else { return Ok(digest.end()) };
        after = Some(*last);
        let count = u64::try_from(page.len()).unwrap_or(u64::MAX);
        let under_way = begun.owed.counted.add(count);
        within_limit(gate, &begun.caller, before.saturating_add(under_way))?;
        let mut rows = Vec::with_capacity(page.len());
        for (_, row) in page {
            let line = row.line();
            let mark = gate.engine().marks().mark(&begun.number, &line);
            digest.add(&marked_line(&line, &mark));
            rows.push(row_message(row, mark));
        }
        told(Part::Rows(v1::ExportRows { rows })).await?;
        *sent += count;
    }
}

/// Refuses more rows a day than agreed. Whoever serves everybody knows no callers to agree with.
fn within_limit(gate: &Gate, caller: &Caller, rows: u64) -> Result<(), Status> {
    let most = gate.row_limits().rows_per_day(caller);
    if !gate.access().is_ruled() || rows <= most {
        return Ok(());
    }
    let name = &caller.name;
    let message = format!(
        "`{name}` would have {rows} rows exported today, expected at most {most}: ask for a narrower export, or tomorrow"
    );
    let mut details = ErrorDetails::with_error_info("EXPORT_LIMIT", DOMAIN, std::collections::HashMap::new());
    details.add_quota_failure_violation(name.clone(), format!("at most {most} exported rows a day"));
    Err(Status::with_error_details(Code::ResourceExhausted, message, details))
}

/// Puts the end of an export on record, however often that has to be tried.
///
/// # Errors
/// When the writer has stopped.
async fn conclude(gate: Gate, number: String, end: ExportEnd, owed: Owed) -> Result<(), Status> {
    let mut told = false;
    loop {
        let (asked, number) = (number.clone(), number.clone());
        let open = gate.run(move |engine| {
            let export = engine.ledger().snapshot(None)?.export(&asked)?;
            // An end that was said to have failed may be there, a beginning too.
            Ok(export.is_some_and(|export| export.end.is_none()))
        });
        let noted = match open.await {
            Ok(true) => note(&gate, Command::EndExport(number.clone(), end.clone())).await,
            Ok(false) => Ok(()),
            Err(failure) => Err(failure),
        };
        let Err(failure) = noted else { break };
        // The writer has stopped.
        if reason(&failure) == "STOPPING" {
            tracing::error!(target: "hengxin::export", %number, "its end is not on record: {}", failure.message());
            return Err(failure);
        }
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(target: "hengxin::export", %number, "its end is tried until it is on record: {}", failure.message());
        }
        tokio::time::sleep(PAUSE).await;
    }
    drop(owed);
    Ok(())
}

/// Puts on record that an export begins or ended.
async fn note(gate: &Gate, command: Command) -> Result<(), Status> {
    let job = Job { request: None, command, respond: Box::new(|_| Vec::new()) };
    gate.write(job).await.map(drop).inspect_err(|_| gate.metrics().audit_failed())
}

fn off_record(failure: &Status) -> Status {
    let message = format!("the export cannot be put on record, so it is refused: {}", failure.message());
    refuse(Code::Unavailable, "AUDIT_UNAVAILABLE", &message)
}

/// The word for why a stream ended.
fn reason(status: &Status) -> String {
    let info = status.get_details_error_info();
    info.map_or_else(|| format!("{:?}", status.code()), |info| info.reason)
}

fn message(part: Part) -> v1::ExportTiersResponse {
    v1::ExportTiersResponse { part: Some(part) }
}

/// Grades and scores in the body of a decision.
fn results(body: &[u8]) -> Answer<[String; 4]> {
    let decision: v1::TierDecision = decode(body, "a decision")?;
    let told = |evaluation: Option<v1::Evaluation>| {
        let evaluation = evaluation.unwrap_or_default();
        let grade = evaluation.grade.map(|grade| grade.grade).unwrap_or_default();
        (grade, evaluation.score.map(|score| score.decimal).unwrap_or_default())
    };
    let (public, industry) = (told(decision.public_result), told(decision.industry_result));
    Ok([public.0, public.1, industry.0, industry.1])
}

fn row_message(row: Row, mark: String) -> v1::ExportedTier {
    let [
        code,
        name,
        region,
        industry,
        field,
        tier,
        public_grade,
        public_score,
        industry_grade,
        industry_score,
        policy,
        as_of,
        known_at,
        basis,
    ] = row.0;
    v1::ExportedTier {
        code,
        name,
        region,
        industry,
        field,
        // Written from a number.
        tier: tier.parse().unwrap_or_default(),
        public_grade,
        public_score,
        industry_grade,
        industry_score,
        policy,
        as_of,
        known_at,
        basis,
        mark,
    }
}

/// The row of a message, for who receives it.
pub(super) fn row_of(tier: v1::ExportedTier) -> (Row, String) {
    let row = Row([
        tier.code,
        tier.name,
        tier.region,
        tier.industry,
        tier.field,
        tier.tier.to_string(),
        tier.public_grade,
        tier.public_score,
        tier.industry_grade,
        tier.industry_score,
        tier.policy,
        tier.as_of,
        tier.known_at,
        tier.basis,
    ]);
    (row, tier.mark)
}
