//! A client of `ModelService`.

use hengxin_proto::v1;
use hengxin_proto::v1::model_service_client::ModelServiceClient;
use serde_json::{Value, json};
use tonic::transport::Channel;

use super::{ClientError, Given, channel, moment, word};
use crate::grpc::MESSAGE_MAX;

/// A connection to a running service with a laboratory, on behalf of a person.
#[derive(Clone, Debug)]
pub struct LaboratoryClient {
    client: ModelServiceClient<Channel>,
    person: String,
}

type Listed = Result<Vec<Value>, ClientError>;

/// All rows of a listing up to a limit, page by page.
macro_rules! listed {
    ($self:ident, $call:ident, $asked:ident { $($field:ident: $value:expr),* }, $rows:ident, $limit:ident, $show:expr) => {{
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let page_size = i32::try_from($limit - all.len()).unwrap_or(i32::MAX).min(1000);
            let asked = v1::$asked { page_size, page_token, $($field: $value),* };
            let page = $self.client.$call(asked).await?.into_inner();
            all.extend(page.$rows.into_iter().map($show));
            if page.next_page_token.is_empty() || all.len() >= $limit {
                return Ok(all);
            }
            page_token = page.next_page_token;
        }
    }};
}

impl LaboratoryClient {
    /// Connects to `http://address:port`; `person` stands in every request.
    ///
    /// # Errors
    /// When nobody answers there.
    pub async fn connect(address: &str, person: &str) -> Result<LaboratoryClient, ClientError> {
        let client = ModelServiceClient::new(channel(address).await?).max_decoding_message_size(MESSAGE_MAX);
        Ok(LaboratoryClient { client, person: person.to_owned() })
    }

    /// Registered histories, at most `limit`.
    ///
    /// # Errors
    /// What the service refuses; so for all calls below.
    pub async fn histories(&mut self, limit: usize) -> Listed {
        listed!(self, list_histories, ListHistoriesRequest {}, histories, limit, history)
    }

    /// Orders a training.
    ///
    /// # Errors
    /// As [`LaboratoryClient::histories`].
    pub async fn train(&mut self, request_id: String, history: &str, plan: String) -> Given {
        let (person, history) = (self.person.clone(), history.to_owned());
        let asked = v1::StartTrainingRequest { request_id, person, history, plan };
        Ok(study(self.client.start_training(asked).await?.into_inner().study))
    }

    /// Orders a validation.
    ///
    /// # Errors
    /// As [`LaboratoryClient::histories`].
    pub async fn validate(&mut self, request_id: String, model: &str, history: &str) -> Given {
        let (person, model, history) = (self.person.clone(), model.to_owned(), history.to_owned());
        let asked = v1::StartValidationRequest { request_id, person, model, history };
        Ok(study(self.client.start_validation(asked).await?.into_inner().study))
    }

    /// Orders a comparison.
    ///
    /// # Errors
    /// As [`LaboratoryClient::histories`].
    pub async fn contest(&mut self, request_id: String, models: (&str, &str), history: &str) -> Given {
        let asked = v1::StartComparisonRequest {
            request_id,
            person: self.person.clone(),
            champion: models.0.to_owned(),
            challenger: models.1.to_owned(),
            history: history.to_owned(),
        };
        Ok(study(self.client.start_comparison(asked).await?.into_inner().study))
    }

    /// Orders a monitoring.
    ///
    /// # Errors
    /// As [`LaboratoryClient::histories`].
    pub async fn monitor(&mut self, request_id: String, model: &str, history: &str) -> Given {
        let (person, model, history) = (self.person.clone(), model.to_owned(), history.to_owned());
        let asked = v1::StartMonitoringRequest { request_id, person, model, history };
        Ok(study(self.client.start_monitoring(asked).await?.into_inner().study))
    }

    /// A study.
    ///
    /// # Errors
    /// As [`LaboratoryClient::histories`].
    pub async fn study(&mut self, name: &str) -> Given {
        let asked = v1::GetStudyRequest { name: name.to_owned() };
        Ok(study(self.client.get_study(asked).await?.into_inner().study))
    }

    /// Studies, newest first, at most `limit`.
    ///
    /// # Errors
    /// As [`LaboratoryClient::histories`].
    pub async fn studies(&mut self, limit: usize) -> Listed {
        listed!(self, list_studies, ListStudiesRequest {}, studies, limit, |one| study(Some(one)))
    }

    /// Follows a study to its end; `told` hears how it stands.
    ///
    /// # Errors
    /// As [`LaboratoryClient::histories`], and when the service ends first.
    pub async fn watch(&mut self, name: &str, mut told: impl FnMut(Value)) -> Result<(), ClientError> {
        let asked = v1::WatchStudyRequest { name: name.to_owned() };
        let mut events = self.client.watch_study(asked).await?.into_inner();
        while let Some(event) = events.message().await? {
            told(study(event.study));
        }
        Ok(())
    }

    /// Numbers of a study: `{"figures": […], "budgets": […]}`. All columns when `columns` is `None`.
    ///
    /// # Errors
    /// As [`LaboratoryClient::histories`].
    pub async fn report(&mut self, name: &str, columns: Option<Vec<String>>) -> Given {
        let asked = v1::ReadReportRequest {
            study: name.to_owned(),
            person: self.person.clone(),
            all_columns: columns.is_none(),
            columns: columns.unwrap_or_default(),
        };
        let answer = self.client.read_report(asked).await?.into_inner();
        let figures: Vec<Value> = answer.figures.into_iter().map(figure).collect();
        Ok(json!({ "figures": figures, "budgets": budgets(answer.budgets) }))
    }

    /// A model.
    ///
    /// # Errors
    /// As [`LaboratoryClient::histories`].
    pub async fn model(&mut self, name: &str) -> Given {
        let asked = v1::GetModelRequest { name: name.to_owned() };
        Ok(model(self.client.get_model(asked).await?.into_inner().model))
    }

    /// Models, newest first, at most `limit`.
    ///
    /// # Errors
    /// As [`LaboratoryClient::histories`].
    pub async fn models(&mut self, limit: usize) -> Listed {
        listed!(self, list_models, ListModelsRequest {}, models, limit, |one| model(Some(one)))
    }

    /// Answers for a model.
    ///
    /// # Errors
    /// As [`LaboratoryClient::histories`].
    pub async fn approve(&mut self, name: &str, note: &str) -> Given {
        let (name, note) = (name.to_owned(), note.to_owned());
        let asked = v1::ApproveModelRequest { name, person: self.person.clone(), note };
        Ok(model(self.client.approve_model(asked).await?.into_inner().model))
    }

    /// Takes a model out of service.
    ///
    /// # Errors
    /// As [`LaboratoryClient::histories`].
    pub async fn retire(&mut self, name: &str, note: &str) -> Given {
        let (name, note) = (name.to_owned(), note.to_owned());
        let asked = v1::RetireModelRequest { name, person: self.person.clone(), note };
        Ok(model(self.client.retire_model(asked).await?.into_inner().model))
    }

    /// An approved model as files of a folder of standards: path and bytes.
    ///
    /// # Errors
    /// As [`LaboratoryClient::histories`].
    pub async fn fetch(&mut self, name: &str, from: &str) -> Result<Vec<(String, Vec<u8>)>, ClientError> {
        let (name, effective_from) = (name.to_owned(), from.to_owned());
        let asked = v1::FetchModelRequest { name, person: self.person.clone(), effective_from };
        let answer = self.client.fetch_model(asked).await?.into_inner();
        Ok(answer.files.into_iter().map(|file| (file.path, file.content)).collect())
    }

    /// Numbers that left, newest first, at most `limit`.
    ///
    /// # Errors
    /// As [`LaboratoryClient::histories`].
    pub async fn releases(&mut self, history: &str, limit: usize) -> Listed {
        let show = |one: v1::ReleasedFigure| {
            let mut shown = figure(one.figure.unwrap_or_default());
            shown["history"] = json!(one.history);
            shown["study"] = json!(one.study);
            shown["person"] = json!(one.person);
            shown["at"] = moment(one.at);
            shown
        };
        listed!(
            self,
            list_releases,
            ListReleasesRequest { history: history.to_owned() },
            releases,
            limit,
            show
        )
    }
}

fn history(history: v1::History) -> Value {
    json!({
        "name": history.name, "digests": history.digests, "description": history.description,
        "request": history.request, "rows_min": history.rows_min, "events_min": history.events_min,
        "budget": history.budget, "person": history.person, "registered_at": moment(history.registered_at),
    })
}

fn study(study: Option<v1::Study>) -> Value {
    let study = study.unwrap_or_default();
    json!({
        "name": study.name, "kind": word(study.kind().as_str_name(), "STUDY_KIND_"), "history": study.history,
        "model": study.model, "challenger": study.challenger, "person": study.person,
        "ordered_at": moment(study.ordered_at), "state": word(study.state().as_str_name(), "STUDY_STATE_"),
        "stage": study.stage, "attempts": study.attempts, "started_at": moment(study.started_at),
        "finished_at": moment(study.finished_at), "passed": study.passed, "detail": study.detail,
    })
}

fn figure(figure: v1::ReportFigure) -> Value {
    json!({
        "name": figure.name, "column": figure.column, "value": figure.value, "rows": figure.rows,
        "defaults": figure.defaults, "withheld": figure.withheld,
    })
}

fn budgets(budgets: Vec<v1::ColumnBudget>) -> Vec<Value> {
    budgets.into_iter().map(|one| json!({ "column": one.column, "left": one.left })).collect()
}

fn model(model: Option<v1::Model>) -> Value {
    let model = model.unwrap_or_default();
    let event = |event: &v1::ModelEvent| {
        json!({
            "act": event.act, "person": event.person, "study": event.study, "note": event.note,
            "at": moment(event.at),
        })
    };
    json!({
        "name": model.name, "title": model.title, "state": word(model.state().as_str_name(), "MODEL_STATE_"),
        "digest": model.digest, "history": model.history, "study": model.study,
        "events": model.events.iter().map(event).collect::<Vec<_>>(),
    })
}
