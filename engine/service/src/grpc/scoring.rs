//! `ScoringService`.

use std::pin::Pin;
use std::sync::Arc;

use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::FactId;
use hengxin_proto::v1;
use hengxin_proto::v1::batch_evaluate_response::Result as BatchResult;
use hengxin_proto::v1::scoring_service_server::ScoringService;
use hengxin_store::Job;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};
use tonic_types::StatusExt as _;

use super::admission::{Session, Sight};
use super::convert::evaluation::evaluation;
use super::convert::{item_error, timestamp};
use super::deadline::Deadline;
use super::gate::Gate;
use super::mask::shown;
use super::parse::{self, Future, Reader, StandardName};
use super::refusal::{fitting, too_large, worded};
use super::status::status;
use super::{MESSAGE_MAX, decode, request_key};
use crate::engine::{Engine, Wanted};
use crate::page::{Filter, Listing};
use crate::problem::{Answer, Problem};
use crate::use_case::evaluate::{self, Question, View};
use crate::use_case::simulate::{self, ADDED_MAX, By, REMOVED_MAX};
use crate::use_case::stored;
use crate::use_case::submit::Row;

/// Most enterprises in one message of a batch.
const BATCH_MAX: usize = 1000;
/// Responses computed ahead of a client that reads slowly.
const AHEAD: usize = 256;

/// See the module.
#[derive(Debug)]
pub(super) struct Scoring {
    gate: Gate,
}

impl Scoring {
    pub(super) fn new(gate: Gate) -> Scoring {
        Scoring { gate }
    }
}

#[tonic::async_trait]
impl ScoringService for Scoring {
    async fn evaluate(
        &self,
        request: Request<v1::EvaluateRequest>,
    ) -> Result<Response<v1::EvaluateResponse>, Status> {
        let (request, sight) = self.gate.admit(request).await?;
        let vocabulary = Arc::clone(self.gate.engine().ledger().vocabulary());
        let seen = |mut answer: v1::EvaluateResponse| {
            answer.evaluation = answer.evaluation.map(|found| shown(found, &vocabulary, sight));
            fitting(answer)
        };
        let bytes = match self.gate.run(move |engine| evaluate_one(engine, request)).await? {
            Evaluation::Answered(answer) => return seen(*answer),
            Evaluation::AnsweredBefore(bytes) => bytes,
            Evaluation::ToStore(job) => self.gate.write(*job).await?,
        };
        let answer = decode(&bytes, "the answer kept for a request");
        answer.map_err(|problem| status(&problem)).and_then(seen)
    }

    type BatchEvaluateStream = Pin<Box<dyn Stream<Item = Result<v1::BatchEvaluateResponse, Status>> + Send>>;

    async fn batch_evaluate(
        &self,
        request: Request<Streaming<v1::BatchEvaluateRequest>>,
    ) -> Result<Response<Self::BatchEvaluateStream>, Status> {
        let deadline = Deadline::of(request.extensions());
        let session = self.gate.session::<v1::BatchEvaluateRequest, _>(&request).await?;
        let messages = request.into_inner();
        let (answers, stream) = mpsc::channel(AHEAD);
        let gate = self.gate.clone();
        tokio::spawn(async move {
            deadline.hold(batch(&gate, &session, messages, &answers), &answers).await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    async fn get_evaluation(
        &self,
        request: Request<v1::GetEvaluationRequest>,
    ) -> Result<Response<v1::GetEvaluationResponse>, Status> {
        let (request, sight) = self.gate.admit(request).await?;
        self.gate.run(move |engine| get(engine, &request.name, sight)).await.and_then(fitting)
    }

    async fn list_evaluations(
        &self,
        request: Request<v1::ListEvaluationsRequest>,
    ) -> Result<Response<v1::ListEvaluationsResponse>, Status> {
        let (request, _) = self.gate.admit(request).await?;
        self.gate.run(move |engine| list(engine, &request)).await.and_then(fitting)
    }

    async fn simulate_evaluation(
        &self,
        request: Request<v1::SimulateEvaluationRequest>,
    ) -> Result<Response<v1::SimulateEvaluationResponse>, Status> {
        let (request, sight) = self.gate.admit(request).await?;
        self.gate.run(move |engine| simulate_one(engine, request, sight)).await.and_then(fitting)
    }
}

/// What a request to evaluate comes to before anything is written.
enum Evaluation {
    Answered(Box<v1::EvaluateResponse>),
    AnsweredBefore(Vec<u8>),
    ToStore(Box<Job>),
}

fn evaluate_one(engine: &Engine, request: v1::EvaluateRequest) -> Answer<Evaluation> {
    let mut reader = Reader::new(engine);
    let subject = reader.enterprise("enterprise", &request.enterprise);
    let name = reader.standard_and_edition(&request.standard, &request.edition);
    let as_of = reader.date("as_of", &request.as_of, Future::Refused);
    let known_at = reader.known_at(request.known_at);
    let view = reader.view(request.view);
    let store = match (request.store, request.request_id.is_empty()) {
        (true, _) => reader.request_id(&request.request_id).map(Some),
        (false, true) => Some(None),
        (false, false) => {
            reader.refuse("request_id", "found one without `store`, expected none: nothing is written");
            None
        }
    };
    let read = (|| Some((subject?, name?, as_of?, known_at?, view?, store?)))();
    let (subject, name, as_of, known_at, view, store) = reader.finish(read)?;
    let store = store.map(|id| request_key(id, "hengxin.v1.ScoringService/Evaluate", &request));
    // A retry is answered as before, also when a day has passed or an edition has ended since.
    if let Some(key) = &store
        && let Some(bytes) = engine.snapshot(None)?.answered(key)?
    {
        return Ok(Evaluation::AnsweredBefore(bytes));
    }
    // What is kept can be explained later, however little of it is answered now.
    let told = if store.is_some() { View::Full } else { view };
    let edition = Wanted::of(&name.edition);
    let question = Question { subject, standard: &name.id, edition, as_of, known_at, view: told };
    let evaluated = evaluate::evaluate(engine, &question)?;
    let vocabulary = engine.ledger().vocabulary();
    let answer = evaluation(vocabulary, &evaluated, view);
    let Some(key) = store else {
        let answer = v1::EvaluateResponse { evaluation: Some(answer), name: String::new() };
        return Ok(Evaluation::Answered(Box::new(answer)));
    };
    let body = match view {
        View::Full => answer.encode_to_vec(),
        View::Basic => evaluation(vocabulary, &evaluated, View::Full).encode_to_vec(),
    };
    let mut response = v1::EvaluateResponse { evaluation: Some(answer), name: String::new() };
    let job = stored::job(&evaluated, body, key, move |id| {
        response.name = stored::name(subject, id);
        response.encode_to_vec()
    });
    Ok(Evaluation::ToStore(Box::new(job)))
}

/// What the messages of a batch have in common, once the first has come.
struct Settings {
    name: StandardName,
    as_of: Date,
    known_at: Moment,
    view: View,
}

async fn batch(
    gate: &Gate,
    session: &Session,
    mut messages: Streaming<v1::BatchEvaluateRequest>,
    answers: &mpsc::Sender<Result<v1::BatchEvaluateResponse, Status>>,
) -> Result<(), Status> {
    let mut settings: Option<Arc<Settings>> = None;
    let mut index = 0u64;
    while let Some(message) = messages.next().await {
        let message = message.map_err(worded)?;
        if message.enterprises.len() > BATCH_MAX {
            let found = message.enterprises.len();
            return Err(refused(
                "enterprises",
                &format!("found {found}, expected at most {BATCH_MAX} in one message"),
            ));
        }
        let sight = gate.admit_part(session, &message).await?;
        let agreed = match (settings.take(), message.settings) {
            (None, Some(asked)) => Arc::new(gate.run(move |engine| read_settings(engine, &asked)).await?),
            (Some(agreed), None) => agreed,
            (None, None) => {
                return Err(refused("settings", "found nothing, expected settings in the first message"));
            }
            (Some(_), Some(_)) => {
                return Err(refused("settings", "found them again, expected them in the first message only"));
            }
        };
        settings = Some(Arc::clone(&agreed));
        let first = index;
        index += u64::try_from(message.enterprises.len()).unwrap_or(0);
        let done =
            gate.run(move |engine| evaluate_many(engine, &agreed, message.enterprises, first, sight)).await?;
        for answer in done {
            if answers.send(Ok(answer)).await.is_err() {
                return Ok(());
            }
        }
    }
    match settings {
        Some(_) => Ok(()),
        None => Err(refused("settings", "found an empty stream, expected settings in the first message")),
    }
}

fn refused(field: &str, description: &str) -> Status {
    status(&Problem::invalid(field, description))
}

fn read_settings(engine: &Engine, asked: &v1::BatchEvaluateSettings) -> Answer<Settings> {
    let mut reader = Reader::within(engine, "settings.");
    let name = reader.standard_and_edition(&asked.standard, &asked.edition);
    let as_of = reader.date("as_of", &asked.as_of, Future::Refused);
    let known_at = reader.known_at(asked.known_at);
    let view = reader.view(asked.view);
    let read = (|| Some((name?, as_of?, known_at?, view?)))();
    let (name, as_of, known_at, view) = reader.finish(read)?;
    // Found out now, so that a wrong name is one error and not one per enterprise.
    engine.prepared(&name.id, Wanted::of(&name.edition), as_of)?;
    let known_at = known_at.unwrap_or_else(|| engine.watermark());
    Ok(Settings { name, as_of, known_at, view })
}

fn evaluate_many(
    engine: &Engine,
    settings: &Settings,
    enterprises: Vec<String>,
    first: u64,
    sight: Sight,
) -> Answer<Vec<v1::BatchEvaluateResponse>> {
    let prepared = engine.prepared(&settings.name.id, Wanted::of(&settings.name.edition), settings.as_of)?;
    let snapshot = engine.snapshot(Some(settings.known_at))?;
    let vocabulary = engine.ledger().vocabulary();
    let mut answers = Vec::with_capacity(enterprises.len());
    for (enterprise, index) in enterprises.into_iter().zip(first..) {
        let result = parse::enterprise(&enterprise)
            .map_err(|description| Problem::invalid("enterprises", description))
            .and_then(|subject| evaluate::evaluate_in(&snapshot, &prepared, subject, settings.view));
        let result = match result {
            Ok(evaluated) => {
                fitted(shown(evaluation(vocabulary, &evaluated, settings.view), vocabulary, sight))
            }
            Err(problem) if problem.of_one_enterprise() => BatchResult::Error(item_error(&problem)),
            // The ledger fails for all of them alike.
            Err(problem) => return Err(problem),
        };
        let enterprise = parse::echo(enterprise);
        answers.push(v1::BatchEvaluateResponse { index, enterprise, result: Some(result) });
    }
    Ok(answers)
}

/// An evaluation that fits into one message with room for what stands around it, or why not.
fn fitted(evaluation: v1::Evaluation) -> BatchResult {
    let size = evaluation.encoded_len();
    if size <= MESSAGE_MAX - 1024 {
        return BatchResult::Evaluation(evaluation);
    }
    let status = too_large(size);
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    BatchResult::Error(v1::ItemError {
        code: status.code().into(),
        reason,
        message: status.message().to_owned(),
    })
}

fn get(engine: &Engine, name: &str, sight: Sight) -> Answer<v1::GetEvaluationResponse> {
    let (subject, id) =
        parse::evaluation_name(name).map_err(|description| Problem::invalid("name", description))?;
    let found = stored::get(engine, subject, id)?;
    Ok(v1::GetEvaluationResponse {
        name: stored::name(subject, id),
        evaluation: Some(shown(
            decode(&found.record.body, "a stored evaluation")?,
            engine.ledger().vocabulary(),
            sight,
        )),
        stored_at: Some(timestamp(found.recorded_at)),
    })
}

fn list(engine: &Engine, request: &v1::ListEvaluationsRequest) -> Answer<v1::ListEvaluationsResponse> {
    let filter = Filter::of([request.parent.as_str(), &request.standard]);
    let mut reader = Reader::new(engine);
    let subject = reader.enterprise("parent", &request.parent);
    let standard = match request.standard.as_str() {
        "" => Some(None),
        text => reader.standard("standard", text).map(|name| Some(name.id)),
    };
    let page = reader.page(request.page_size, &request.page_token, Listing::Evaluations, &filter);
    let read = (|| Some((subject?, standard?, page?)))();
    let (subject, standard, (size, after)) = reader.finish(read)?;
    let page = stored::list(engine, subject, standard.as_deref(), size, after.as_ref(), &filter)?;
    let mut evaluations = Vec::with_capacity(page.rows.len());
    for row in page.rows {
        let mut found: v1::Evaluation = decode(&row.record.body, "a stored evaluation")?;
        // Lists show the result; how it came about is read one by one.
        found.reasons.clear();
        found.explanation = None;
        found.findings.iter_mut().for_each(|finding| finding.evidence.clear());
        evaluations.push(v1::StoredEvaluation {
            name: stored::name(subject, row.id),
            evaluation: Some(found),
            stored_at: Some(timestamp(row.recorded_at)),
        });
    }
    Ok(v1::ListEvaluationsResponse { evaluations, next_page_token: page.next })
}

fn simulate_one(
    engine: &Engine,
    request: v1::SimulateEvaluationRequest,
    sight: Sight,
) -> Answer<v1::SimulateEvaluationResponse> {
    let mut reader = Reader::new(engine);
    let subject = reader.enterprise("enterprise", &request.enterprise);
    let name = simulated_by(&mut reader, &request);
    let as_of = reader.date("as_of", &request.as_of, Future::Allowed);
    let known_at = reader.known_at(request.known_at);
    let view = reader.view(request.view);
    if request.added_facts.len() > ADDED_MAX {
        reader.refuse(
            "added_facts",
            format!("found {}, expected at most {ADDED_MAX}", request.added_facts.len()),
        );
    }
    if request.removed_fact_ids.len() > REMOVED_MAX {
        reader.refuse(
            "removed_fact_ids",
            format!("found {}, expected at most {REMOVED_MAX}", request.removed_fact_ids.len()),
        );
    }
    let read = (|| Some((subject?, name?, as_of?, known_at?, view?)))();
    let (subject, name, as_of, known_at, view) = reader.finish(read)?;
    let removed: Vec<FactId> = request.removed_fact_ids.iter().copied().map(FactId).collect();
    let added: Vec<Row> = request.added_facts.into_iter().map(row).collect();
    let simulated = simulate::simulate(
        engine,
        &simulate::Question {
            subject,
            by: match &name {
                Some(name) => By::Edition { standard: &name.id, edition: Wanted::of(&name.edition) },
                None => By::Draft(&request.draft),
            },
            as_of,
            known_at,
            view,
            removed: &removed,
            added: &added,
        },
    )?;
    let vocabulary = engine.ledger().vocabulary();
    Ok(v1::SimulateEvaluationResponse {
        simulated: Some(shown(evaluation(vocabulary, &simulated.simulated, view), vocabulary, sight)),
        actual: simulated.actual.map(|actual| evaluation(vocabulary, &actual, View::Basic)),
    })
}

/// The edition to simulate by; `None` inside for the draft.
#[expect(
    clippy::option_option,
    reason = "outside: whether it could be read; inside: whether it is an edition"
)]
fn simulated_by(
    reader: &mut Reader<'_>,
    request: &v1::SimulateEvaluationRequest,
) -> Option<Option<StandardName>> {
    if request.draft.is_empty() {
        return reader.standard_and_edition(&request.standard, &request.edition).map(Some);
    }
    let mut alone = true;
    for (field, text) in [("standard", &request.standard), ("edition", &request.edition)] {
        if !text.is_empty() {
            reader.refuse(field, format!("found `{}`, expected nothing beside `draft`", parse::cut(text)));
            alone = false;
        }
    }
    alone.then_some(None)
}

/// A fact as the use cases take it.
pub(super) fn row(input: v1::FactInput) -> Row {
    Row { code: input.code, fields: input.fields.into_iter().map(|field| (field.id, field.value)).collect() }
}
