//! `SupervisionService`.
#![expect(clippy::option_option, reason = "outside: whether it could be read; inside: whether it was stated")]

use std::pin::Pin;
use std::sync::Arc;

use hengxin_proto::v1;
use hengxin_proto::v1::batch_tier::Result as BatchResult;
use hengxin_proto::v1::supervision_service_server::SupervisionService;
use hengxin_store::{ChangePosition, TierFilter};
use tokio::sync::{mpsc, watch};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status};

use super::admission::Sight;
use super::convert::run::{change_summary, from_run, run_reference, run_summary};
use super::convert::tier::{decision, summary};
use super::convert::{date, item_error, timestamp};
use super::deadline::Deadline;
use super::export::{self, Answers};
use super::gate::{Gate, News};
use super::mask::shown_decision;
use super::overview::summarize;
use super::parse::{self, Future, Reader};
use super::refusal::fitting;
use super::status::{refuse, status};
use super::what_if;
use crate::engine::{Engine, Wanted};
use crate::page::{Filter, Listing};
use crate::problem::{Answer, Problem};
use crate::use_case::changes::{self, Cause, Change};
use crate::use_case::evaluate::View;
use crate::use_case::loaded::{self, FromRun};
use crate::use_case::tier::{self, Question};

/// Most enterprises in one batch: their decisions fit into one message.
const BATCH_MAX: usize = 500;

/// Changes told ahead of a client that reads slowly.
const AHEAD: usize = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct Supervision {
    gate: Gate,
}

impl Supervision {
    pub(super) fn new(gate: Gate) -> Supervision {
        Supervision { gate }
    }
}

#[tonic::async_trait]
impl SupervisionService for Supervision {
    async fn get_tier(
        &self,
        request: Request<v1::GetTierRequest>,
    ) -> Result<Response<v1::GetTierResponse>, Status> {
        let (request, sight) = self.gate.admit(request).await?;
        // What was decided before from the same knowledge is answered on the spot: no disk, no other thread.
        if let Some(answer) = at_hand(self.gate.engine(), &request).map_err(|problem| status(&problem))? {
            return Ok(Response::new(answer));
        }
        self.gate.run(move |engine| get(engine, &request, sight)).await.and_then(fitting)
    }

    async fn batch_get_tiers(
        &self,
        request: Request<v1::BatchGetTiersRequest>,
    ) -> Result<Response<v1::BatchGetTiersResponse>, Status> {
        let (request, _) = self.gate.admit(request).await?;
        self.gate.run(move |engine| batch(engine, request)).await.and_then(fitting)
    }

    async fn summarize_tiers(
        &self,
        request: Request<v1::SummarizeTiersRequest>,
    ) -> Result<Response<v1::SummarizeTiersResponse>, Status> {
        let (request, _) = self.gate.admit(request).await?;
        self.gate.run(move |engine| summarize(engine, &request)).await.and_then(fitting)
    }

    async fn trace_tier(
        &self,
        request: Request<v1::TraceTierRequest>,
    ) -> Result<Response<v1::TraceTierResponse>, Status> {
        let (request, sight) = self.gate.admit(request).await?;
        self.gate.run(move |engine| what_if::trace(engine, &request, sight)).await.and_then(fitting)
    }

    async fn what_if(
        &self,
        request: Request<v1::WhatIfRequest>,
    ) -> Result<Response<v1::WhatIfResponse>, Status> {
        let (request, sight) = self.gate.admit(request).await?;
        self.gate.run(move |engine| what_if::what_if(engine, &request, sight)).await.and_then(fitting)
    }

    type WatchTiersStream = Pin<Box<dyn Stream<Item = Result<v1::WatchTiersResponse, Status>> + Send>>;

    async fn watch_tiers(
        &self,
        request: Request<v1::WatchTiersRequest>,
    ) -> Result<Response<Self::WatchTiersStream>, Status> {
        let deadline = Deadline::of(request.extensions());
        // Before anything is looked at: what is recorded from here on is noticed.
        let news = self.gate.news();
        let (request, _) = self.gate.admit(request).await?;
        let watch = self.gate.run(move |engine| begin(engine, &request)).await?;
        let (answers, stream) = mpsc::channel(AHEAD);
        let gate = self.gate.clone();
        tokio::spawn(async move {
            deadline.hold(follow(&gate, watch, news, &answers), &answers).await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    type ExportTiersStream = Answers;

    async fn export_tiers(
        &self,
        request: Request<v1::ExportTiersRequest>,
    ) -> Result<Response<Answers>, Status> {
        Ok(Response::new(export::export(&self.gate, request).await?))
    }

    async fn list_tiers(
        &self,
        request: Request<v1::ListTiersRequest>,
    ) -> Result<Response<v1::ListTiersResponse>, Status> {
        let (request, _) = self.gate.admit(request).await?;
        self.gate.run(move |engine| list(engine, &request)).await.and_then(fitting)
    }
}

fn question<'r>(engine: &Engine, request: &'r v1::GetTierRequest) -> Answer<Question<'r>> {
    let mut reader = Reader::new(engine);
    let subject = reader.enterprise("enterprise", &request.enterprise);
    let field = reader.required("field", &request.field, "a field of supervision");
    let as_of = reader.date("as_of", &request.as_of, Future::Refused);
    let known_at = reader.known_at(request.known_at);
    let view = reader.view(request.view);
    let edition = Wanted::of(&request.edition);
    basis(&mut reader, request.basis);
    let read = (|| {
        Some(Question {
            subject: subject?,
            field: field?,
            edition,
            as_of: as_of?,
            known_at: known_at?,
            view: view?,
        })
    })();
    reader.finish(read)
}

fn at_hand(engine: &Engine, request: &v1::GetTierRequest) -> Answer<Option<v1::GetTierResponse>> {
    let question = question(engine, request)?;
    if request.basis() == v1::TierBasis::Run {
        return Ok(None);
    }
    let policy = engine.policy(question.field, question.edition, question.as_of)?;
    let found = tier::at_hand(engine, &policy, &question);
    Ok(found.map(|found| live(decision(engine.ledger().vocabulary(), &found, View::Basic))))
}

fn live(decision: v1::TierDecision) -> v1::GetTierResponse {
    v1::GetTierResponse { decision: Some(decision), basis: v1::TierBasis::Live.into(), run_result: None }
}

fn get(engine: &Engine, request: &v1::GetTierRequest, sight: Sight) -> Answer<v1::GetTierResponse> {
    let question = question(engine, request)?;
    if request.basis() == v1::TierBasis::Run {
        let found = loaded::tier(engine, question.field, question.subject)?;
        fits(&found, request, &question)?;
        return Ok(from_run(&found));
    }
    let unknown = match tier::tier(engine, &question) {
        Ok(found) => {
            let vocabulary = engine.ledger().vocabulary();
            return Ok(live(shown_decision(decision(vocabulary, &found, question.view), vocabulary, sight)));
        }
        Err(unknown @ Problem::UnknownEnterprise { .. }) => unknown,
        Err(problem) => return Err(problem),
    };
    if request.basis() == v1::TierBasis::Live {
        return Err(unknown);
    }
    // A run of another day, edition or knowledge is no answer to what was asked.
    match loaded::tier(engine, question.field, question.subject) {
        Ok(found) if fits(&found, request, &question).is_ok() => Ok(from_run(&found)),
        Ok(_) | Err(Problem::NoLoadedRun { .. } | Problem::NotInRun { .. }) => Err(unknown),
        Err(problem) => Err(problem),
    }
}

/// Refuses what was asked for besides the enterprise and differs from the loaded run.
fn fits(found: &FromRun, request: &v1::GetTierRequest, question: &Question<'_>) -> Answer<()> {
    let (run, tier) = (&found.run, &found.tier);
    let of = format!("as run {} has it, or nothing", run.run);
    if !request.as_of.is_empty() && question.as_of != run.as_of {
        let description = format!("found `{}`, expected `{}` {of}", question.as_of, run.as_of);
        return Err(Problem::invalid("as_of", description));
    }
    if question.known_at.is_some_and(|asked| asked != run.known_at) {
        return Err(Problem::invalid("known_at", format!("found another moment, expected the one {of}")));
    }
    if !request.edition.is_empty() && request.edition != tier.edition {
        let asked: String = request.edition.chars().take(60).collect();
        let description = format!("found `{asked}`, expected `{}` {of}", tier.edition);
        return Err(Problem::invalid("edition", description));
    }
    Ok(())
}

fn batch(engine: &Engine, request: v1::BatchGetTiersRequest) -> Answer<v1::BatchGetTiersResponse> {
    let mut reader = Reader::new(engine);
    let field = reader.required("field", &request.field, "a field of supervision");
    let as_of = reader.date("as_of", &request.as_of, Future::Refused);
    let known_at = reader.known_at(request.known_at);
    if !(1..=BATCH_MAX).contains(&request.enterprises.len()) {
        reader
            .refuse("enterprises", format!("found {}, expected 1 to {BATCH_MAX}", request.enterprises.len()));
    }
    let read = (|| Some((field?, as_of?, known_at?)))();
    let (field, as_of, known_at) = reader.finish(read)?;
    let policy = engine.policy(field, Wanted::of(&request.edition), as_of)?;
    let snapshot = engine.snapshot(known_at)?;
    let vocabulary = engine.ledger().vocabulary();
    let mut tiers = Vec::with_capacity(request.enterprises.len());
    for enterprise in request.enterprises {
        let result = parse::enterprise(&enterprise)
            .map_err(|description| Problem::invalid("enterprises", description))
            .and_then(|subject| tier::decide_in(&snapshot, &policy, subject, View::Basic));
        let result = match result {
            Ok(found) => BatchResult::Decision(decision(vocabulary, &found, View::Basic)),
            Err(problem) if problem.of_one_enterprise() => BatchResult::Error(item_error(&problem)),
            // The ledger fails for all of them alike.
            Err(problem) => return Err(problem),
        };
        tiers.push(v1::BatchTier { enterprise: parse::echo(enterprise), result: Some(result) });
    }
    let basis = v1::Basis { as_of: date(as_of), known_at: Some(timestamp(snapshot.known_at())) };
    Ok(v1::BatchGetTiersResponse { tiers, basis: Some(basis) })
}

/// A watch that has been read and begun.
struct Watch {
    wanted: TierFilter,
    seal: Filter,
    after: ChangePosition,
    token: String,
}

fn begin(engine: &Engine, request: &v1::WatchTiersRequest) -> Answer<Watch> {
    let tier_text = request.tier.to_string();
    let seal = Filter::of([request.field.as_str(), &tier_text, &request.region, &request.industry]);
    let mut reader = Reader::new(engine);
    let field = reader.required("field", &request.field, "a field of supervision");
    let tier = tier_wanted(&mut reader, request.tier);
    let region = reader.region(&request.region);
    let industry = reader.industry(&request.industry);
    let resumed = reader.token("resume_token", &request.resume_token, Listing::Changes, &seal);
    let read = (|| Some((field?, tier?, region?, industry?, resumed?)))();
    let (field, tier, region, industry, resumed) = reader.finish(read)?;
    let after = changes::begin(engine, field, resumed.as_ref())?;
    let token = changes::token(engine, &after, &seal);
    Ok(Watch { wanted: TierFilter { field: field.to_owned(), tier, region, industry }, seal, after, token })
}

/// Tells of changes until the client is gone or the service shuts down.
async fn follow(
    gate: &Gate,
    watch: Watch,
    mut news: watch::Receiver<News>,
    answers: &mpsc::Sender<Result<v1::WatchTiersResponse, Status>>,
) -> Result<(), Status> {
    let Watch { wanted, seal, mut after, token } = watch;
    let begun = v1::WatchTiersResponse { resume_token: token, ..v1::WatchTiersResponse::default() };
    if answers.send(Ok(begun)).await.is_err() {
        return Ok(());
    }
    let (wanted, seal) = (Arc::new(wanted), Arc::new(seal));
    loop {
        if news.borrow_and_update().stopping {
            return Err(stopping());
        }
        let (wanted, seal) = (Arc::clone(&wanted), Arc::clone(&seal));
        let from = after.clone();
        let stretch = gate.run(move |engine| changes::look(engine, &wanted, &from, &seal)).await?;
        after = stretch.after;
        for change in stretch.changes {
            if answers.send(Ok(change_message(change))).await.is_err() {
                return Ok(());
            }
        }
        if stretch.caught_up {
            tokio::select! {
                told = news.changed() => if told.is_err() { return Err(stopping()) },
                () = answers.closed() => return Ok(()),
            }
        }
    }
}

pub(super) fn stopping() -> Status {
    let message = "the service shuts down: go on elsewhere, a watch of tiers with its last `resume_token`";
    refuse(Code::Unavailable, "STOPPING", message)
}

fn change_message(change: Change) -> v1::WatchTiersResponse {
    let (tier, recorded_at) = match &change.now {
        Cause::Decision(now) => (summary(now), now.recorded_at),
        Cause::Run(publication, now) => (change_summary(publication, now), publication.published_at),
    };
    v1::WatchTiersResponse {
        tier: Some(tier),
        previous_tier: change.before.map(u32::from).unwrap_or_default(),
        recorded_at: Some(timestamp(recorded_at)),
        resume_token: change.token,
    }
}

pub(super) fn basis(reader: &mut Reader<'_>, basis: i32) {
    if v1::TierBasis::try_from(basis).is_err() {
        reader
            .refuse("basis", format!("found `{basis}`, expected TIER_BASIS_LIVE, TIER_BASIS_RUN or nothing"));
    }
}

/// A tier to filter by; 0 is none.
pub(super) fn tier_wanted(reader: &mut Reader<'_>, tier: u32) -> Option<Option<u16>> {
    match u16::try_from(tier) {
        Ok(tier) if tier <= 255 => Some((tier > 0).then_some(tier)),
        Ok(_) | Err(_) => {
            reader.refuse("tier", format!("found `{tier}`, expected 0 for all, or a tier of the field"));
            None
        }
    }
}

/// Which tiers of a field are listed, or exported.
pub(super) fn tiers_wanted(
    reader: &mut Reader<'_>,
    field: &str,
    tier: u32,
    region: &str,
    industry: &str,
    from: i32,
) -> Option<TierFilter> {
    let field = reader.required("field", field, "a field of supervision").map(str::to_owned);
    let tier = tier_wanted(reader, tier);
    let region = reader.region(region);
    let industry = reader.industry(industry);
    basis(reader, from);
    Some(TierFilter { field: field?, tier: tier?, region: region?, industry: industry? })
}

fn list(engine: &Engine, request: &v1::ListTiersRequest) -> Answer<v1::ListTiersResponse> {
    let tier_text = request.tier.to_string();
    let filter = Filter::of([request.field.as_str(), &tier_text, &request.region, &request.industry]);
    let mut reader = Reader::new(engine);
    let wanted = tiers_wanted(
        &mut reader,
        &request.field,
        request.tier,
        &request.region,
        &request.industry,
        request.basis,
    );
    let from_run = request.basis() == v1::TierBasis::Run;
    let listing = if from_run { Listing::RunTiers } else { Listing::Tiers };
    let page = reader.page(request.page_size, &request.page_token, listing, &filter);
    let read = (|| Some((wanted?, page?)))();
    let (wanted, (size, after)) = reader.finish(read)?;
    if from_run {
        let page = loaded::list(engine, &wanted, size, after.as_ref(), &filter)?;
        return Ok(v1::ListTiersResponse {
            tiers: page.rows.iter().map(|tier| run_summary(&page.run, tier)).collect(),
            next_page_token: page.next,
            run: Some(run_reference(&page.run)),
        });
    }
    let page = tier::list(engine, &wanted, size, after.as_ref(), &filter)?;
    Ok(v1::ListTiersResponse {
        tiers: page.rows.iter().map(summary).collect(),
        next_page_token: page.next,
        run: None,
    })
}
