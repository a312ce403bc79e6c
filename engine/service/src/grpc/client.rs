//! A client of `RescoringService` and, in files of their own, of `ModelService` and of bulk exports for the command line: texts in, JSON out, so that
//! protobuf stays in here.

mod export;
mod laboratory;

use hengxin_proto::v1;
use hengxin_proto::v1::rescoring_service_client::RescoringServiceClient;
use hengxin_proto::v1::watch_run_response::Event;
use prost_types::Timestamp;
use serde_json::{Value, json};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

pub use export::{Asking, ExportOrder, ExportStream};
pub use laboratory::LaboratoryClient;

/// Why a service gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers there, or it failed.
    #[error("{0}")]
    System(String),
    /// The service refused what was asked.
    #[error("{0}")]
    Refused(String),
}

impl From<Status> for ClientError {
    fn from(status: Status) -> ClientError {
        let told = status.message().to_owned();
        match status.code() {
            Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::Aborted => ClientError::Refused(told),
            code => ClientError::System(format!("{code}: {told}")),
        }
    }
}

/// A run to start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartRun {
    /// The same id starts no second run.
    pub request_id: String,
    /// Field of supervision.
    pub field: String,
    /// Date; empty for today.
    pub as_of: String,
    /// Folder or URL; empty for the ledger.
    pub dataset: String,
    /// Go on from an earlier run.
    pub incremental: bool,
    /// Which one; empty for the last.
    pub previous_run: String,
}

/// A schedule to make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewSchedule {
    /// Its name.
    pub name: String,
    /// Fields of supervision.
    pub fields: Vec<String>,
    /// Cron expression.
    pub cron: String,
    /// IANA name; empty for Asia/Shanghai.
    pub time_zone: String,
    /// Which day its runs speak of.
    pub cut_off: Option<hengxin_store::CutOff>,
    /// What becomes of missed firings.
    pub missed: Option<hengxin_store::Missed>,
    /// Folder or URL; empty for the ledger.
    pub dataset: String,
    /// Whether runs go on from the last one.
    pub incremental: bool,
}

async fn channel(address: &str) -> Result<Channel, ClientError> {
    connected(address, Ok).await
}

/// A connection, set up as `set_up` says.
async fn connected(
    address: &str,
    set_up: impl FnOnce(Endpoint) -> Result<Endpoint, tonic::transport::Error>,
) -> Result<Channel, ClientError> {
    let failed = |problem: tonic::transport::Error| {
        let cause = std::error::Error::source(&problem).map(|cause| format!(": {cause}")).unwrap_or_default();
        ClientError::System(format!("cannot reach `{address}`: {problem}{cause}"))
    };
    let endpoint = Channel::from_shared(address.to_owned()).map_err(|_| {
        ClientError::Refused(format!("found server `{address}`, expected `http://host:port`"))
    })?;
    set_up(endpoint).map_err(failed)?.connect().await.map_err(failed)
}

/// A connection to a running service.
#[derive(Clone, Debug)]
pub struct RescoringClient(RescoringServiceClient<Channel>);

type Given = Result<Value, ClientError>;

impl RescoringClient {
    /// Connects to `http://address:port`.
    ///
    /// # Errors
    /// When nobody answers there.
    pub async fn connect(address: &str) -> Result<RescoringClient, ClientError> {
        Ok(RescoringClient(RescoringServiceClient::new(channel(address).await?)))
    }

    /// Starts a run.
    ///
    /// # Errors
    /// What the service refuses; so for all calls below.
    pub async fn start(&mut self, start: StartRun) -> Given {
        let StartRun { request_id, field, as_of, dataset, incremental, previous_run } = start;
        let asked = v1::StartRunRequest {
            request_id,
            field,
            as_of,
            known_at: None,
            dataset,
            incremental,
            previous_run,
        };
        Ok(run(self.0.start_run(asked).await?.into_inner().run))
    }

    /// Runs, newest first, at most `limit`.
    ///
    /// # Errors
    /// As [`RescoringClient::start`].
    pub async fn list(&mut self, field: &str, limit: i32) -> Result<Vec<Value>, ClientError> {
        let asked = v1::ListRunsRequest { field: field.to_owned(), page_size: limit, ..Default::default() };
        let answer = self.0.list_runs(asked).await?.into_inner();
        Ok(answer.runs.into_iter().map(|one| run(Some(one))).collect())
    }

    /// One run.
    ///
    /// # Errors
    /// As [`RescoringClient::start`].
    pub async fn show(&mut self, name: &str) -> Given {
        let asked = v1::GetRunRequest { name: name.to_owned() };
        Ok(run(self.0.get_run(asked).await?.into_inner().run))
    }

    /// Asks for a run to end.
    ///
    /// # Errors
    /// As [`RescoringClient::start`].
    pub async fn cancel(&mut self, name: &str) -> Given {
        let asked = v1::CancelRunRequest { name: name.to_owned() };
        Ok(run(self.0.cancel_run(asked).await?.into_inner().run))
    }

    /// Watches a run to its end; `told` hears `{"run": …}` and `{"change": …}`.
    ///
    /// # Errors
    /// As [`RescoringClient::start`], and when the service ends first.
    pub async fn watch(&mut self, name: &str, mut told: impl FnMut(Value)) -> Result<(), ClientError> {
        let asked = v1::WatchRunRequest { name: name.to_owned() };
        let mut events = self.0.watch_run(asked).await?.into_inner();
        while let Some(event) = events.message().await? {
            told(match event.event {
                Some(Event::Run(one)) => json!({ "run": run(Some(one)) }),
                Some(Event::Change(change)) => {
                    let tier = change.tier.unwrap_or_default();
                    json!({ "change": {
                        "enterprise": tier.enterprise, "previous_tier": change.previous_tier, "tier": tier.tier,
                        "as_of": tier.as_of, "region": tier.region, "industry": tier.industry,
                    } })
                }
                None => continue,
            });
        }
        Ok(())
    }

    /// Makes a schedule.
    ///
    /// # Errors
    /// As [`RescoringClient::start`].
    pub async fn add_schedule(&mut self, new: NewSchedule) -> Given {
        let schedule = v1::Schedule {
            name: new.name,
            fields: new.fields,
            cron: new.cron,
            time_zone: new.time_zone,
            cut_off: new.cut_off.map(super::convert::run::cut_off_message).unwrap_or_default().into(),
            missed: new.missed.map(super::convert::run::missed_message).unwrap_or_default().into(),
            dataset: new.dataset,
            incremental: new.incremental,
            ..v1::Schedule::default()
        };
        let asked = v1::CreateScheduleRequest { schedule: Some(schedule) };
        Ok(schedule_json(self.0.create_schedule(asked).await?.into_inner().schedule))
    }

    /// All schedules.
    ///
    /// # Errors
    /// As [`RescoringClient::start`].
    pub async fn schedules(&mut self) -> Result<Vec<Value>, ClientError> {
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let asked = v1::ListSchedulesRequest { page_size: 1000, page_token };
            let page = self.0.list_schedules(asked).await?.into_inner();
            all.extend(page.schedules.into_iter().map(|one| schedule_json(Some(one))));
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            page_token = page.next_page_token;
        }
    }

    /// Stops a schedule from firing, or lets it fire again.
    ///
    /// # Errors
    /// As [`RescoringClient::start`].
    pub async fn pause_schedule(&mut self, name: &str, paused: bool) -> Given {
        let name = name.to_owned();
        let schedule = if paused {
            self.0.pause_schedule(v1::PauseScheduleRequest { name }).await?.into_inner().schedule
        } else {
            self.0.resume_schedule(v1::ResumeScheduleRequest { name }).await?.into_inner().schedule
        };
        Ok(schedule_json(schedule))
    }

    /// Removes a schedule.
    ///
    /// # Errors
    /// As [`RescoringClient::start`].
    pub async fn delete_schedule(&mut self, name: &str) -> Result<(), ClientError> {
        self.0.delete_schedule(v1::DeleteScheduleRequest { name: name.to_owned() }).await?;
        Ok(())
    }
}

fn moment(stamp: Option<Timestamp>) -> Value {
    let stamp = stamp.and_then(|stamp| jiff::Timestamp::new(stamp.seconds, stamp.nanos).ok());
    stamp.map_or(Value::Null, |stamp| Value::from(stamp.to_string()))
}

/// The word of an enumeration's value, without its prefix.
fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_lowercase().replace('_', "-")
}

fn run(run: Option<v1::Run>) -> Value {
    let run = run.unwrap_or_default();
    let counts: Vec<Value> = run
        .counts
        .iter()
        .map(|count| json!({ "tier": count.tier, "enterprises": count.enterprises }))
        .collect();
    json!({
        "name": run.name, "field": run.field, "state": word(run.state().as_str_name(), "RUN_STATE_"),
        "as_of": run.as_of, "known_at": moment(run.known_at), "dataset": run.dataset,
        "incremental": run.incremental, "previous_run": run.previous_run, "schedule": run.schedule,
        "fired_at": moment(run.fired_at), "ordered_at": moment(run.ordered_at),
        "started_at": moment(run.started_at), "finished_at": moment(run.finished_at), "done": run.done,
        "total": run.total, "attempts": run.attempts, "cancel_requested": run.cancel_requested,
        "detail": run.detail, "results": run.results, "digest": run.digest, "counts": counts,
    })
}

fn schedule_json(schedule: Option<v1::Schedule>) -> Value {
    let schedule = schedule.unwrap_or_default();
    json!({
        "name": schedule.name, "fields": schedule.fields, "cron": schedule.cron, "time_zone": schedule.time_zone,
        "cut_off": word(schedule.cut_off().as_str_name(), "CUT_OFF_"),
        "missed": word(schedule.missed().as_str_name(), "MISSED_POLICY_"), "dataset": schedule.dataset,
        "incremental": schedule.incremental, "paused": schedule.paused,
        "next_firing": moment(schedule.next_firing),
    })
}
