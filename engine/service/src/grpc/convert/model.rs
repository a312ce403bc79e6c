//! Histories, studies, models, and the numbers that leave a laboratory.

use hengxin_proto::v1;
use hengxin_store::{
    FigureRecord, HistoryRecord, ModelRecord, ModelState, ReleaseRecord, StudyKind, StudyRecord, StudyState,
};

use super::timestamp;
use crate::hex::hex;

pub(in crate::grpc) fn study_name(id: u64) -> String {
    format!("studies/{id}")
}

fn history_name(name: &str) -> String {
    format!("histories/{name}")
}

fn model_name(name: &str) -> String {
    format!("models/{name}")
}

pub(in crate::grpc) fn history(history: &HistoryRecord) -> v1::History {
    v1::History {
        name: history_name(&history.name),
        digests: history.files.iter().map(|file| file.sha256.clone()).collect(),
        description: history.description.clone().unwrap_or_default(),
        request: history.request.clone(),
        rows_min: history.rows_min,
        events_min: history.events_min,
        budget: history.budget,
        person: history.person.clone(),
        registered_at: Some(timestamp(history.registered_at)),
    }
}

pub(in crate::grpc) fn study(study: &StudyRecord) -> v1::Study {
    let kind = match study.kind {
        StudyKind::Training => v1::StudyKind::Training,
        StudyKind::Validation => v1::StudyKind::Validation,
        StudyKind::Comparison => v1::StudyKind::Comparison,
        StudyKind::Monitoring => v1::StudyKind::Monitoring,
    };
    let state = match study.state {
        StudyState::Queued => v1::StudyState::Queued,
        StudyState::Running => v1::StudyState::Running,
        StudyState::Succeeded => v1::StudyState::Succeeded,
        StudyState::Failed => v1::StudyState::Failed,
    };
    v1::Study {
        name: study_name(study.id),
        kind: kind.into(),
        history: history_name(&study.history),
        model: study.model.as_deref().map(model_name).unwrap_or_default(),
        challenger: study.challenger.as_deref().map(model_name).unwrap_or_default(),
        person: study.person.clone(),
        ordered_at: Some(timestamp(study.ordered_at)),
        state: state.into(),
        stage: study.stage.clone(),
        attempts: study.attempts,
        started_at: study.started_at.map(timestamp),
        finished_at: study.finished_at.map(timestamp),
        detail: study.detail.clone(),
        passed: study.passed.unwrap_or(false),
    }
}

pub(in crate::grpc) fn model(model: &ModelRecord) -> v1::Model {
    let state = match model.state() {
        ModelState::Draft => v1::ModelState::Draft,
        ModelState::Validated => v1::ModelState::Validated,
        ModelState::Approved => v1::ModelState::Approved,
        ModelState::Retired => v1::ModelState::Retired,
    };
    let event = |event: &hengxin_store::ModelEvent| v1::ModelEvent {
        act: event.act.id().to_owned(),
        person: event.person.clone(),
        study: event.study.map(study_name).unwrap_or_default(),
        note: event.note.clone(),
        at: Some(timestamp(event.at)),
    };
    v1::Model {
        name: model_name(&model.name()),
        title: model.title.clone(),
        state: state.into(),
        digest: hex(&model.digest),
        history: history_name(&model.history),
        study: study_name(model.study),
        events: model.events.iter().map(event).collect(),
    }
}

pub(in crate::grpc) fn figure(figure: &FigureRecord) -> v1::ReportFigure {
    v1::ReportFigure {
        name: figure.name.clone(),
        column: figure.column.clone(),
        value: figure.value.clone().unwrap_or_default(),
        rows: figure.rows,
        defaults: figure.defaults,
        withheld: figure.value.is_none(),
    }
}

pub(in crate::grpc) fn released(release: &ReleaseRecord) -> v1::ReleasedFigure {
    v1::ReleasedFigure {
        history: history_name(&release.history),
        study: study_name(release.study),
        figure: Some(figure(&release.figure)),
        person: release.person.clone(),
        at: Some(timestamp(release.at)),
    }
}

pub(in crate::grpc) fn budgets(left: &[(String, u64)]) -> Vec<v1::ColumnBudget> {
    left.iter().map(|(column, left)| v1::ColumnBudget { column: column.clone(), left: *left }).collect()
}
