//! `RescoringService`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hengxin_core::uscc::Uscc;
use hengxin_proto::v1;
use hengxin_proto::v1::rescoring_service_server::RescoringService;
use hengxin_proto::v1::watch_run_response::Event;
use hengxin_store::{NewRun, RunFilter, RunRecord, RunState, Schedule};
use tokio::sync::{Notify, mpsc, watch};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::convert::run::{change_summary, cut_off, missed, run, schedule, state};
use super::deadline::Deadline;
use super::gate::{Gate, News};
use super::parse::{Future, Reader, cut};
use super::refusal::fitting;
use super::request_key;
use super::supervision::stopping;
use crate::engine::Engine;
use crate::page::{Filter, Listing};
use crate::problem::Answer;
use crate::timetable::{SHANGHAI, Timetable, TimetableError};
use crate::use_case::runs;

/// Most fields of one schedule.
const FIELDS_MAX: usize = 20;
/// How often a watched run is looked at.
const LOOK: Duration = Duration::from_millis(300);
/// Changes read in one go, and told ahead of a client that reads slowly.
const CHANGES: usize = 500;
/// Longest text that names a dataset.
const PLACE_MAX: usize = 1000;

/// See the module.
#[derive(Debug)]
pub(super) struct Rescoring {
    gate: Gate,
    /// Wakes whoever carries runs out; `None` when nobody does.
    wake: Option<Arc<Notify>>,
}

impl Rescoring {
    pub(super) fn new(gate: Gate, wake: Option<Arc<Notify>>) -> Rescoring {
        Rescoring { gate, wake }
    }

    fn wake(&self) {
        if let Some(wake) = &self.wake {
            wake.notify_one();
        }
    }
}

#[tonic::async_trait]
impl RescoringService for Rescoring {
    async fn start_run(
        &self,
        request: Request<v1::StartRunRequest>,
    ) -> Result<Response<v1::StartRunResponse>, Status> {
        let ((request, _), runs) = (self.gate.admit(request).await?, self.wake.is_some());
        let answer = self.gate.run(move |engine| start(engine, &request, runs)).await?;
        self.wake();
        fitting(answer)
    }

    async fn get_run(
        &self,
        request: Request<v1::GetRunRequest>,
    ) -> Result<Response<v1::GetRunResponse>, Status> {
        let name = self.gate.admit(request).await?.0.name;
        let found = self.gate.run(move |engine| runs::get(engine, number(engine, &name)?)).await?;
        fitting(v1::GetRunResponse { run: Some(run(&found)) })
    }

    async fn list_runs(
        &self,
        request: Request<v1::ListRunsRequest>,
    ) -> Result<Response<v1::ListRunsResponse>, Status> {
        let (request, _) = self.gate.admit(request).await?;
        self.gate.run(move |engine| list(engine, &request)).await.and_then(fitting)
    }

    async fn cancel_run(
        &self,
        request: Request<v1::CancelRunRequest>,
    ) -> Result<Response<v1::CancelRunResponse>, Status> {
        let name = self.gate.admit(request).await?.0.name;
        let found = self.gate.run(move |engine| runs::cancel(engine, number(engine, &name)?)).await?;
        fitting(v1::CancelRunResponse { run: Some(run(&found)) })
    }

    type WatchRunStream = Pin<Box<dyn Stream<Item = Result<v1::WatchRunResponse, Status>> + Send>>;

    async fn watch_run(
        &self,
        request: Request<v1::WatchRunRequest>,
    ) -> Result<Response<Self::WatchRunStream>, Status> {
        let deadline = Deadline::of(request.extensions());
        let news = self.gate.news();
        let name = self.gate.admit(request).await?.0.name;
        let first = self.gate.run(move |engine| runs::get(engine, number(engine, &name)?)).await?;
        let (answers, stream) = mpsc::channel(CHANGES);
        let gate = self.gate.clone();
        tokio::spawn(async move {
            deadline.hold(follow(&gate, first, news, &answers), &answers).await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    async fn create_schedule(
        &self,
        request: Request<v1::CreateScheduleRequest>,
    ) -> Result<Response<v1::CreateScheduleResponse>, Status> {
        let ((request, _), runs) = (self.gate.admit(request).await?, self.wake.is_some());
        let answer = self.gate.run(move |engine| create(engine, request, runs)).await?;
        self.wake();
        fitting(v1::CreateScheduleResponse { schedule: Some(answer) })
    }

    async fn list_schedules(
        &self,
        request: Request<v1::ListSchedulesRequest>,
    ) -> Result<Response<v1::ListSchedulesResponse>, Status> {
        let (request, _) = self.gate.admit(request).await?;
        self.gate.run(move |engine| schedules(engine, &request)).await.and_then(fitting)
    }

    async fn pause_schedule(
        &self,
        request: Request<v1::PauseScheduleRequest>,
    ) -> Result<Response<v1::PauseScheduleResponse>, Status> {
        let name = self.gate.admit(request).await?.0.name;
        let schedule = self.gate.run(move |engine| pause(engine, &name, true)).await?;
        fitting(v1::PauseScheduleResponse { schedule: Some(schedule) })
    }

    async fn resume_schedule(
        &self,
        request: Request<v1::ResumeScheduleRequest>,
    ) -> Result<Response<v1::ResumeScheduleResponse>, Status> {
        let name = self.gate.admit(request).await?.0.name;
        let schedule = self.gate.run(move |engine| pause(engine, &name, false)).await?;
        self.wake();
        fitting(v1::ResumeScheduleResponse { schedule: Some(schedule) })
    }

    async fn delete_schedule(
        &self,
        request: Request<v1::DeleteScheduleRequest>,
    ) -> Result<Response<v1::DeleteScheduleResponse>, Status> {
        let name = self.gate.admit(request).await?.0.name;
        let work = move |engine: &Engine| {
            let name = schedule_name(engine, &name)?;
            engine.book(|book| book.delete_schedule(&name))
        };
        self.gate.run(work).await?;
        fitting(v1::DeleteScheduleResponse {})
    }
}

/// `runs/{number}` or the bare number; one run has one name.
fn read_number(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("runs/").unwrap_or(text);
    digits.parse::<u64>().ok().filter(|number| number.to_string() == digits)
}

fn number(engine: &Engine, name: &str) -> Answer<u64> {
    let mut reader = Reader::new(engine);
    let number = read_number(name);
    if number.is_none() {
        reader.refuse("name", format!("found `{}`, expected `runs/{{number}}`", cut(name)));
    }
    reader.finish(number)
}

fn start(engine: &Engine, request: &v1::StartRunRequest, runs: bool) -> Answer<v1::StartRunResponse> {
    let mut reader = Reader::new(engine);
    let id = reader.request_id(&request.request_id);
    let field = reader.required("field", &request.field, "a field of supervision");
    let as_of = reader.date("as_of", &request.as_of, Future::Refused);
    let known_at = reader.known_at(request.known_at);
    place(&mut reader, "dataset", &request.dataset);
    let previous = read_number(&request.previous_run);
    if previous.is_none() && !request.previous_run.is_empty() {
        let found = format!("found `{}`, expected `runs/{{number}}` or nothing", cut(&request.previous_run));
        reader.refuse("previous_run", found);
    }
    let read = (|| Some((id?, field?, as_of?, known_at?)))();
    let (id, field, as_of, known_at) = reader.finish(read)?;
    runs::can_run(runs)?;
    engine.look_again()?;
    let dataset = (!request.dataset.is_empty()).then(|| request.dataset.clone());
    let new = NewRun {
        field: field.to_owned(),
        as_of,
        known_at: known_at.unwrap_or_else(|| engine.moment_of_run(dataset.as_deref())),
        dataset,
        incremental: request.incremental || previous.is_some(),
        previous,
    };
    let key = request_key(id, "hengxin.v1.RescoringService/StartRun", request);
    Ok(v1::StartRunResponse { run: Some(run(&runs::start(engine, &new, &key)?)) })
}

fn list(engine: &Engine, request: &v1::ListRunsRequest) -> Answer<v1::ListRunsResponse> {
    let state_text = request.state.to_string();
    let seal = Filter::of([request.field.as_str(), &state_text]);
    let mut reader = Reader::new(engine);
    if v1::RunState::try_from(request.state).is_err() {
        reader.refuse("state", format!("found `{}`, expected a RunState", request.state));
    }
    let page = reader.page(request.page_size, &request.page_token, Listing::Runs, &seal);
    let (size, after) = reader.finish(page)?;
    let field = (!request.field.is_empty()).then(|| request.field.clone());
    let wanted = RunFilter { field, state: state(request.state()) };
    let page = runs::list(engine, &wanted, size, after.as_ref(), &seal)?;
    Ok(v1::ListRunsResponse { runs: page.rows.iter().map(run).collect(), next_page_token: page.next })
}

/// Tells how a run goes until it is over, the client gone or the service stopped.
async fn follow(
    gate: &Gate,
    first: RunRecord,
    mut news: watch::Receiver<News>,
    answers: &mpsc::Sender<Result<v1::WatchRunResponse, Status>>,
) -> Result<(), Status> {
    let id = first.id;
    let (mut now, mut told) = (first, None);
    loop {
        if now.state == RunState::Succeeded && !tell_changes(gate, id, answers).await? {
            return Ok(());
        }
        if told.as_ref() != Some(&now) {
            let event = v1::WatchRunResponse { event: Some(Event::Run(run(&now))) };
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
        now = gate.run(move |engine| runs::get(engine, id)).await?;
    }
}

/// Tells of the tiers a run changed; whether the client still listens.
async fn tell_changes(
    gate: &Gate,
    id: u64,
    answers: &mpsc::Sender<Result<v1::WatchRunResponse, Status>>,
) -> Result<bool, Status> {
    let mut after: Option<Uscc> = None;
    loop {
        let Some((publication, changes)) =
            gate.run(move |engine| runs::changes(engine, id, after, CHANGES)).await?
        else {
            // A later run answers: this one changed nothing.
            return Ok(true);
        };
        for change in &changes {
            after = Some(change.subject);
            let message = v1::RunTierChange {
                tier: Some(change_summary(&publication, change)),
                previous_tier: change.before.map(u32::from).unwrap_or_default(),
            };
            let event = v1::WatchRunResponse { event: Some(Event::Change(message)) };
            if answers.send(Ok(event)).await.is_err() {
                return Ok(false);
            }
        }
        if changes.len() < CHANGES {
            return Ok(true);
        }
    }
}

fn create(engine: &Engine, request: v1::CreateScheduleRequest, runs: bool) -> Answer<v1::Schedule> {
    let asked = request.schedule.unwrap_or_default();
    let mut reader = Reader::within(engine, "schedule.");
    let name = name_of(&mut reader, "name", &asked.name);
    if !(1..=FIELDS_MAX).contains(&asked.fields.len()) {
        reader.refuse("fields", format!("found {}, expected 1 to {FIELDS_MAX}", asked.fields.len()));
    }
    let twice = asked.fields.iter().enumerate().find(|(place, field)| asked.fields[..*place].contains(field));
    if let Some((_, field)) = twice {
        reader.refuse("fields", format!("found `{}` a second time, expected each field once", cut(field)));
    }
    place(&mut reader, "dataset", &asked.dataset);
    if v1::CutOff::try_from(asked.cut_off).is_err() {
        reader.refuse("cut_off", format!("found `{}`, expected a CutOff", asked.cut_off));
    }
    if v1::MissedPolicy::try_from(asked.missed).is_err() {
        reader.refuse("missed", format!("found `{}`, expected a MissedPolicy", asked.missed));
    }
    let zone = if asked.time_zone.is_empty() { SHANGHAI } else { &asked.time_zone };
    match Timetable::read(&asked.cron, zone) {
        Ok(_) => {}
        Err(problem @ TimetableError::Cron { .. }) => reader.refuse("cron", problem.to_string()),
        Err(problem @ TimetableError::Zone { .. }) => reader.refuse("time_zone", problem.to_string()),
    }
    let schedule_asked = Schedule {
        name: reader.finish(name)?,
        cut_off: cut_off(asked.cut_off()),
        missed: missed(asked.missed()),
        time_zone: zone.to_owned(),
        dataset: (!asked.dataset.is_empty()).then_some(asked.dataset),
        incremental: asked.incremental,
        fields: asked.fields,
        cron: asked.cron,
    };
    runs::can_run(runs)?;
    Ok(schedule(&runs::create_schedule(engine, &schedule_asked)?, engine.now()))
}

fn schedules(engine: &Engine, request: &v1::ListSchedulesRequest) -> Answer<v1::ListSchedulesResponse> {
    let seal = Filter::of([]);
    let mut reader = Reader::new(engine);
    let page = reader.page(request.page_size, &request.page_token, Listing::Schedules, &seal);
    let (size, after) = reader.finish(page)?;
    let page = runs::schedules(engine, size, after.as_ref(), &seal)?;
    let now = engine.now();
    let schedules = page.rows.iter().map(|record| schedule(record, now)).collect();
    Ok(v1::ListSchedulesResponse { schedules, next_page_token: page.next })
}

fn pause(engine: &Engine, name: &str, paused: bool) -> Answer<v1::Schedule> {
    let name = schedule_name(engine, name)?;
    Ok(schedule(&engine.book(|book| book.pause_schedule(&name, paused))?, engine.now()))
}

fn schedule_name(engine: &Engine, name: &str) -> Answer<String> {
    let mut reader = Reader::new(engine);
    let name = name_of(&mut reader, "name", name);
    reader.finish(name)
}

/// `schedules/{name}` or the bare name.
fn name_of(reader: &mut Reader<'_>, field: &str, text: &str) -> Option<String> {
    let name = text.strip_prefix("schedules/").unwrap_or(text);
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=60).contains(&name.len()) && name.bytes().all(plain) {
        return Some(name.to_owned());
    }
    let expected = "1 to 60 lower-case ASCII letters, digits or `-`";
    reader.refuse(field, format!("found `{}`, expected {expected}", cut(text)));
    None
}

fn place(reader: &mut Reader<'_>, field: &str, text: &str) {
    if text.len() > PLACE_MAX || text.chars().any(char::is_control) {
        let found = format!("found `{}`, expected a folder or URL of at most {PLACE_MAX} bytes", cut(text));
        reader.refuse(field, found);
    }
}
