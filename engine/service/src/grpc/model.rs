//! `ModelService`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hengxin_proto::v1;
use hengxin_proto::v1::model_service_server::ModelService;
use hengxin_store::{NewStudy, StudyKind, StudyRecord, Wanted};
use prost::Message;
use tokio::sync::{Notify, mpsc, watch};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::convert::model::{budgets, figure, history, model, released, study};
use super::deadline::Deadline;
use super::gate::{Gate, News};
use super::parse::{Future, Reader, cut};
use super::refusal::fitting;
use super::request_key;
use super::supervision::stopping;
use crate::engine::Engine;
use crate::laboratory::Modeller;
use crate::page::{Filter, Listing};
use crate::problem::{Answer, Problem};
use crate::use_case::laboratory;

/// Most columns of one report.
const COLUMNS_MAX: usize = 200;
/// How often a watched study is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Who carries studies out, and how that one is woken.
#[derive(Clone)]
pub(crate) struct Trainer {
    pub(crate) modeller: Arc<dyn Modeller>,
    pub(crate) wake: Arc<Notify>,
}

/// See the module.
pub(super) struct Models {
    gate: Gate,
    /// `None` when nobody here carries studies out.
    trainer: Option<Trainer>,
}

type Watched = Pin<Box<dyn Stream<Item = Result<v1::WatchStudyResponse, Status>> + Send>>;

impl Models {
    pub(super) fn new(gate: Gate, trainer: Option<Trainer>) -> Models {
        Models { gate, trainer }
    }

    /// Orders a study and wakes who carries it out.
    async fn order<W>(&self, work: W) -> Result<Option<v1::Study>, Status>
    where
        W: FnOnce(&Engine, &dyn Modeller) -> Answer<StudyRecord> + Send + 'static,
    {
        let trainer = self.trainer.clone();
        let ordered = self
            .gate
            .run(move |engine| {
                let trainer = trainer.ok_or(Problem::NoLaboratory)?;
                work(engine, trainer.modeller.as_ref())
            })
            .await?;
        if let Some(trainer) = &self.trainer {
            trainer.wake.notify_one();
        }
        Ok(Some(study(&ordered)))
    }
}

#[tonic::async_trait]
impl ModelService for Models {
    async fn list_histories(
        &self,
        request: Request<v1::ListHistoriesRequest>,
    ) -> Result<Response<v1::ListHistoriesResponse>, Status> {
        let (asked, _) = self.gate.admit(request).await?;
        let work = move |engine: &Engine| {
            let seal = Filter::of([]);
            let mut reader = Reader::new(engine);
            let page = reader.page(asked.page_size, &asked.page_token, Listing::Histories, &seal);
            let (size, after) = reader.finish(page)?;
            let page = laboratory::histories(engine, size, after.as_ref(), &seal)?;
            Ok(v1::ListHistoriesResponse {
                histories: page.rows.iter().map(history).collect(),
                next_page_token: page.next,
            })
        };
        self.gate.run(work).await.and_then(fitting)
    }

    async fn start_training(
        &self,
        request: Request<v1::StartTrainingRequest>,
    ) -> Result<Response<v1::StartTrainingResponse>, Status> {
        let (asked, _) = self.gate.admit(request).await?;
        let work = move |engine: &Engine, modeller: &dyn Modeller| {
            let mut reader = Reader::new(engine);
            let id = reader.request_id(&asked.request_id);
            let person = person(&mut reader, &asked.person);
            let history = history_of(&mut reader, &asked.history);
            let plan = reader.required("plan", &asked.plan, "a plan, JSON");
            let read = (|| Some((id?, person?, history?, plan?)))();
            let (id, person, history, plan) = reader.finish(read)?;
            let key = request_key(id, "hengxin.v1.ModelService/StartTraining", &asked);
            laboratory::train(engine, modeller, (history, plan, person), &key)
        };
        fitting(v1::StartTrainingResponse { study: self.order(work).await? })
    }

    async fn start_validation(
        &self,
        request: Request<v1::StartValidationRequest>,
    ) -> Result<Response<v1::StartValidationResponse>, Status> {
        let (asked, _) = self.gate.admit(request).await?;
        let work = move |engine: &Engine, _: &dyn Modeller| {
            let names = [("model", asked.model.as_str())];
            let ids = (asked.request_id.as_str(), asked.person.as_str(), asked.history.as_str());
            on_models(engine, StudyKind::Validation, ids, &names, &asked)
        };
        fitting(v1::StartValidationResponse { study: self.order(work).await? })
    }

    async fn start_comparison(
        &self,
        request: Request<v1::StartComparisonRequest>,
    ) -> Result<Response<v1::StartComparisonResponse>, Status> {
        let (asked, _) = self.gate.admit(request).await?;
        let work = move |engine: &Engine, _: &dyn Modeller| {
            let names = [("champion", asked.champion.as_str()), ("challenger", asked.challenger.as_str())];
            let ids = (asked.request_id.as_str(), asked.person.as_str(), asked.history.as_str());
            on_models(engine, StudyKind::Comparison, ids, &names, &asked)
        };
        fitting(v1::StartComparisonResponse { study: self.order(work).await? })
    }

    async fn start_monitoring(
        &self,
        request: Request<v1::StartMonitoringRequest>,
    ) -> Result<Response<v1::StartMonitoringResponse>, Status> {
        let (asked, _) = self.gate.admit(request).await?;
        let work = move |engine: &Engine, _: &dyn Modeller| {
            let names = [("model", asked.model.as_str())];
            let ids = (asked.request_id.as_str(), asked.person.as_str(), asked.history.as_str());
            on_models(engine, StudyKind::Monitoring, ids, &names, &asked)
        };
        fitting(v1::StartMonitoringResponse { study: self.order(work).await? })
    }

    async fn get_study(
        &self,
        request: Request<v1::GetStudyRequest>,
    ) -> Result<Response<v1::GetStudyResponse>, Status> {
        let name = self.gate.admit(request).await?.0.name;
        let found =
            self.gate.run(move |engine| laboratory::study(engine, number(engine, "name", &name)?)).await?;
        fitting(v1::GetStudyResponse { study: Some(study(&found)) })
    }

    async fn list_studies(
        &self,
        request: Request<v1::ListStudiesRequest>,
    ) -> Result<Response<v1::ListStudiesResponse>, Status> {
        let (asked, _) = self.gate.admit(request).await?;
        let work = move |engine: &Engine| {
            let seal = Filter::of([]);
            let mut reader = Reader::new(engine);
            let page = reader.page(asked.page_size, &asked.page_token, Listing::Studies, &seal);
            let (size, after) = reader.finish(page)?;
            let page = laboratory::studies(engine, size, after.as_ref(), &seal)?;
            let studies = page.rows.iter().map(study).collect();
            Ok(v1::ListStudiesResponse { studies, next_page_token: page.next })
        };
        self.gate.run(work).await.and_then(fitting)
    }

    type WatchStudyStream = Watched;

    async fn watch_study(
        &self,
        request: Request<v1::WatchStudyRequest>,
    ) -> Result<Response<Watched>, Status> {
        let deadline = Deadline::of(request.extensions());
        let news = self.gate.news();
        let name = self.gate.admit(request).await?.0.name;
        let first =
            self.gate.run(move |engine| laboratory::study(engine, number(engine, "name", &name)?)).await?;
        let (answers, stream) = mpsc::channel(16);
        let gate = self.gate.clone();
        tokio::spawn(async move {
            deadline.hold(follow(&gate, first, news, &answers), &answers).await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    async fn read_report(
        &self,
        request: Request<v1::ReadReportRequest>,
    ) -> Result<Response<v1::ReadReportResponse>, Status> {
        let (asked, _) = self.gate.admit(request).await?;
        let work = move |engine: &Engine| {
            let mut reader = Reader::new(engine);
            let study = study_number(&mut reader, "study", &asked.study);
            let person = person(&mut reader, &asked.person);
            if asked.columns.len() > COLUMNS_MAX {
                let found = format!("found {}, expected at most {COLUMNS_MAX}", asked.columns.len());
                reader.refuse("columns", found);
            }
            if asked.all_columns && !asked.columns.is_empty() {
                reader.refuse("columns", "found some beside `all_columns`, expected one or the other");
            }
            if asked.columns.iter().any(String::is_empty) {
                reader.refuse("columns", "found an empty name, expected that of a column");
            }
            let read = (|| Some((study?, person?)))();
            let (study, person) = reader.finish(read)?;
            let wanted = if asked.all_columns { Wanted::All } else { Wanted::Columns(asked.columns.clone()) };
            let out = laboratory::release(engine, study, &wanted, person)?;
            Ok(v1::ReadReportResponse {
                figures: out.figures.iter().map(figure).collect(),
                budgets: budgets(&out.left),
            })
        };
        self.gate.run(work).await.and_then(fitting)
    }

    async fn get_model(
        &self,
        request: Request<v1::GetModelRequest>,
    ) -> Result<Response<v1::GetModelResponse>, Status> {
        let name = self.gate.admit(request).await?.0.name;
        let work = move |engine: &Engine| {
            let mut reader = Reader::new(engine);
            let name = model_of(&mut reader, "name", &name);
            laboratory::model(engine, reader.finish(name)?)
        };
        let found = self.gate.run(work).await?;
        fitting(v1::GetModelResponse { model: Some(model(&found)) })
    }

    async fn list_models(
        &self,
        request: Request<v1::ListModelsRequest>,
    ) -> Result<Response<v1::ListModelsResponse>, Status> {
        let (asked, _) = self.gate.admit(request).await?;
        let work = move |engine: &Engine| {
            let seal = Filter::of([]);
            let mut reader = Reader::new(engine);
            let page = reader.page(asked.page_size, &asked.page_token, Listing::Models, &seal);
            let (size, after) = reader.finish(page)?;
            let page = laboratory::models(engine, size, after.as_ref(), &seal)?;
            let models = page.rows.iter().map(|(_, one)| model(one)).collect();
            Ok(v1::ListModelsResponse { models, next_page_token: page.next })
        };
        self.gate.run(work).await.and_then(fitting)
    }

    async fn approve_model(
        &self,
        request: Request<v1::ApproveModelRequest>,
    ) -> Result<Response<v1::ApproveModelResponse>, Status> {
        let (asked, _) = self.gate.admit(request).await?;
        let work = move |engine: &Engine| {
            let (name, person) = act(engine, &asked.name, &asked.person, &asked.note, false)?;
            engine.laboratory(|book| book.approve(name, person, &asked.note))
        };
        let found = self.gate.run(work).await?;
        fitting(v1::ApproveModelResponse { model: Some(model(&found)) })
    }

    async fn retire_model(
        &self,
        request: Request<v1::RetireModelRequest>,
    ) -> Result<Response<v1::RetireModelResponse>, Status> {
        let (asked, _) = self.gate.admit(request).await?;
        let work = move |engine: &Engine| {
            let (name, person) = act(engine, &asked.name, &asked.person, &asked.note, true)?;
            engine.laboratory(|book| book.retire(name, person, &asked.note))
        };
        let found = self.gate.run(work).await?;
        fitting(v1::RetireModelResponse { model: Some(model(&found)) })
    }

    async fn fetch_model(
        &self,
        request: Request<v1::FetchModelRequest>,
    ) -> Result<Response<v1::FetchModelResponse>, Status> {
        let ((asked, _), trainer) = (self.gate.admit(request).await?, self.trainer.clone());
        let work = move |engine: &Engine| {
            let trainer = trainer.ok_or(Problem::NoLaboratory)?;
            let mut reader = Reader::new(engine);
            let name = model_of(&mut reader, "name", &asked.name);
            let person = person(&mut reader, &asked.person);
            let from = reader.date("effective_from", &asked.effective_from, Future::Allowed);
            let read = (|| Some((name?, person?, from?)))();
            let (name, person, from) = reader.finish(read)?;
            let (files, out) = laboratory::fetch(engine, trainer.modeller.as_ref(), name, person, from)?;
            let files = files.into_iter().map(|(path, content)| v1::ModelFile { path, content }).collect();
            Ok(v1::FetchModelResponse { files, budgets: budgets(&out.left) })
        };
        self.gate.run(work).await.and_then(fitting)
    }

    async fn list_releases(
        &self,
        request: Request<v1::ListReleasesRequest>,
    ) -> Result<Response<v1::ListReleasesResponse>, Status> {
        let (asked, _) = self.gate.admit(request).await?;
        let work = move |engine: &Engine| {
            let seal = Filter::of([asked.history.as_str()]);
            let mut reader = Reader::new(engine);
            let page = reader.page(asked.page_size, &asked.page_token, Listing::Releases, &seal);
            let wanted = if asked.history.is_empty() {
                Some(None)
            } else {
                history_of(&mut reader, &asked.history).map(Some)
            };
            let read = (|| Some((page?, wanted?)))();
            let ((size, after), wanted) = reader.finish(read)?;
            let page = laboratory::releases(engine, wanted, size, after.as_ref(), &seal)?;
            let releases = page.rows.iter().map(released).collect();
            Ok(v1::ListReleasesResponse { releases, next_page_token: page.next })
        };
        self.gate.run(work).await.and_then(fitting)
    }
}

/// Orders a study of one or two models.
fn on_models(
    engine: &Engine,
    kind: StudyKind,
    (id, by, on): (&str, &str, &str),
    names: &[(&str, &str)],
    asked: &impl Message,
) -> Answer<StudyRecord> {
    let mut reader = Reader::new(engine);
    let id = reader.request_id(id);
    let by = person(&mut reader, by);
    let on = history_of(&mut reader, on);
    let models: Vec<Option<&str>> =
        names.iter().map(|(field, name)| model_of(&mut reader, field, name)).collect();
    if let [Some(champion), Some(challenger)] = models.as_slice()
        && champion == challenger
    {
        reader.refuse("challenger", "found the champion itself, expected another model");
    }
    let read = (|| Some((id?, by?, on?, models.into_iter().collect::<Option<Vec<&str>>>()?)))();
    let (id, by, on, models) = reader.finish(read)?;
    let new = NewStudy {
        kind,
        history: on.to_owned(),
        model: models.first().map(|name| (*name).to_owned()),
        challenger: models.get(1).map(|name| (*name).to_owned()),
        plan: None,
        person: by.to_owned(),
    };
    let method = format!("hengxin.v1.ModelService/Start/{}", kind.id());
    laboratory::order(engine, &new, &request_key(id, &method, asked))
}

/// Reads an act on a model; a note may be required.
fn act<'t>(
    engine: &Engine,
    name: &'t str,
    by: &'t str,
    note: &str,
    noted: bool,
) -> Answer<(&'t str, &'t str)> {
    let mut reader = Reader::new(engine);
    let name = model_of(&mut reader, "name", name);
    let by = person(&mut reader, by);
    if noted && note.trim().is_empty() {
        reader.refuse("note", "found nothing, expected why");
    }
    if note.chars().count() > 1000 {
        reader.refuse("note", format!("found {} characters, expected at most 1000", note.chars().count()));
    }
    let read = (|| Some((name?, by?)))();
    reader.finish(read)
}

/// Tells how a study goes until it is over, the client gone or the service stopped.
async fn follow(
    gate: &Gate,
    first: StudyRecord,
    mut news: watch::Receiver<News>,
    answers: &mpsc::Sender<Result<v1::WatchStudyResponse, Status>>,
) -> Result<(), Status> {
    let id = first.id;
    let (mut now, mut told) = (first, None);
    loop {
        if told.as_ref() != Some(&now) {
            let event = v1::WatchStudyResponse { study: Some(study(&now)) };
            if answers.send(Ok(event)).await.is_err() {
                return Ok(());
            }
        }
        if now.state.is_over() {
            return Ok(());
        }
        told = Some(now);
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            stopped = news.wait_for(|news| news.stopping) => {
                drop(stopped);
                return Err(stopping());
            }
            () = answers.closed() => return Ok(()),
        }
        now = gate.run(move |engine| laboratory::study(engine, id)).await?;
    }
}

/// Who asks: some characters a log can hold on one line.
fn person<'t>(reader: &mut Reader<'_>, text: &'t str) -> Option<&'t str> {
    let length = text.chars().count();
    if (1..=60).contains(&length) && text.trim() == text && !text.chars().any(char::is_control) {
        return Some(text);
    }
    let found = if text.is_empty() { "nothing".to_owned() } else { format!("`{}`", cut(text)) };
    let expected = "1 to 60 characters on one line without spaces around them";
    reader.refuse("person", format!("found {found}, expected who asks: {expected}"));
    None
}

/// `histories/{name}` or the bare name.
fn history_of<'t>(reader: &mut Reader<'_>, text: &'t str) -> Option<&'t str> {
    let name = text.strip_prefix("histories/").unwrap_or(text);
    if name.is_empty() || name.contains('/') || name.len() > 60 {
        reader.refuse("history", format!("found `{}`, expected `histories/{{name}}`", cut(text)));
        return None;
    }
    Some(name)
}

/// `models/{model}/editions/{edition}`, also without its first part.
fn model_of<'t>(reader: &mut Reader<'_>, field: &str, text: &'t str) -> Option<&'t str> {
    let name = text.strip_prefix("models/").unwrap_or(text);
    match name.split_once("/editions/") {
        Some((model, edition))
            if ![model, edition].iter().any(|part| part.is_empty() || part.contains('/')) =>
        {
            Some(name)
        }
        _ => {
            let found = format!("found `{}`, expected `models/{{model}}/editions/{{edition}}`", cut(text));
            reader.refuse(field, found);
            None
        }
    }
}

fn number(engine: &Engine, field: &str, text: &str) -> Answer<u64> {
    let mut reader = Reader::new(engine);
    let number = study_number(&mut reader, field, text);
    reader.finish(number)
}

/// `studies/{number}` or the bare number; one study has one name.
fn study_number(reader: &mut Reader<'_>, field: &str, text: &str) -> Option<u64> {
    let digits = text.strip_prefix("studies/").unwrap_or(text);
    let number = digits.parse::<u64>().ok().filter(|number| number.to_string() == digits);
    if number.is_none() {
        reader.refuse(field, format!("found `{}`, expected `studies/{{number}}`", cut(text)));
    }
    number
}
