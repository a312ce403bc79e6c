//! Carries out the studies the service orders: trains, validates, compares and watches models on registered histories.

use std::path::{Path, PathBuf};

use hengxin_core::date::Date;
use hengxin_models::export;
use hengxin_models::history::Description;
use hengxin_models::model::Model;
use hengxin_models::plan::{Plan, SplitRule};
use hengxin_models::training::{Record, file_digest, model_digest, train};
use hengxin_models::validation::{Cells, Check, Released, Request, of_comparison, of_monitoring, of_report};
use hengxin_service::hex::{hex, unhex};
use hengxin_service::{CheckedPlan, Modeller, StudyOrder};
use hengxin_store::{FigureRecord, Finished, HistoryRecord, ModelRecord, NewModel, StudyKind};

use crate::failure::Failure;
use crate::{monitor, train as training, validate};

/// The file of a model in the folder of its training.
const MODEL: &str = "model.json";

/// Reads histories on this machine.
pub struct Here {
    /// Threads of one study; 0 for as many as there are processors.
    pub threads: usize,
}

impl Modeller for Here {
    fn plan(&self, plan: &str, description: &str) -> Result<CheckedPlan, String> {
        let mut document: serde_json::Value = serde_json::from_str(plan).map_err(|e| e.to_string())?;
        let registered: serde_json::Value = serde_json::from_str(description).map_err(|e| e.to_string())?;
        let Some(parts) = document.as_object_mut() else {
            return Err("found no object, expected a plan (docs/training.md)".to_owned());
        };
        let stated = parts.entry("history").or_insert_with(|| registered.clone());
        let meaning = |value: &serde_json::Value| serde_json::from_value::<Description>(value.clone());
        if meaning(stated).map_err(|e| format!("`history`: {e}"))?
            != meaning(&registered).map_err(|e| e.to_string())?
        {
            return Err(
                "`history` says something else than the registered history, expected the same or nothing"
                    .to_owned(),
            );
        }
        let plan: Plan = serde_json::from_value(document).map_err(|e| e.to_string())?;
        let faults: Vec<String> = plan.faults().iter().map(ToString::to_string).collect();
        if !faults.is_empty() {
            return Err(faults.join("; "));
        }
        if plan.split == SplitRule::None {
            return Err("`split` is `none`, expected one that holds rows out: a model is validated on rows it did not learn \
                        from"
                .to_owned());
        }
        let text = serde_json::to_string(&plan).map_err(|e| e.to_string())?;
        Ok(CheckedPlan { model: plan.id, edition: plan.edition, text })
    }

    fn carry_out(&self, order: &StudyOrder, stage: &(dyn Fn(&str) + Sync)) -> Result<Finished, String> {
        stage("checking the files");
        let files = unchanged(&order.history)?;
        let mut request: Request = serde_json::from_str(&order.history.request)
            .map_err(|e| format!("request of the history: {e}"))?;
        // Documents that stay inside keep to the same rules as the numbers that leave.
        request.cell_min = request.cell_min.max(order.history.rows_min);
        request.events_min = request.events_min.max(order.history.events_min);
        for (file, registered) in files.iter().zip(&order.history.files) {
            request.data.insert(file.display().to_string(), format!("sha256:{}", registered.sha256));
        }
        match order.study.kind {
            StudyKind::Training => self.training(order, &files, request, stage),
            StudyKind::Validation => {
                let model = stored(order.model.as_ref())?;
                stage("validating");
                self.validation(order, &model, &files, request)
            }
            StudyKind::Comparison => {
                let (champion, challenger) =
                    (stored(order.model.as_ref())?, stored(order.challenger.as_ref())?);
                stage("comparing");
                let found = monitor::against(&champion, &challenger, &files, &request, self.threads)?;
                write(order, "comparison.json", serde_json::to_value(&found))?;
                Ok(finished(of_comparison(&found, cells(&order.history)), &[]))
            }
            StudyKind::Monitoring => {
                let model = stored(order.model.as_ref())?;
                stage("monitoring");
                let outcomes = order.history.description.is_some();
                request.limits = request.limits.of_new_rows(outcomes);
                let found = monitor::watch(&model, &files, outcomes, &request, self.threads)?;
                write(order, "monitoring.json", serde_json::to_value(&found))?;
                Ok(finished(of_monitoring(&found, cells(&order.history)), &found.checks))
            }
        }
    }

    fn standard(&self, model: &ModelRecord, from: Date) -> Result<Vec<(String, Vec<u8>)>, String> {
        let files = export::standard(&stored(Some(model))?, &from.to_string()).map_err(|e| e.to_string())?;
        Ok(files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect())
    }
}

impl Here {
    fn training(
        &self,
        order: &StudyOrder,
        files: &[PathBuf],
        request: Request,
        stage: &(dyn Fn(&str) + Sync),
    ) -> Result<Finished, String> {
        let plan = order.study.plan.as_deref().unwrap_or_default();
        let plan: Plan = serde_json::from_str(plan).map_err(|e| e.to_string())?;
        stage("training");
        let trained = train(files, &plan, training::threads(self.threads))
            .map_err(|problem| told(&training::training(problem)))?;
        let record = Record::of(files, &trained).map_err(|e| e.to_string())?;
        training::write(&trained, &record, &order.folder).map_err(|e| told(&e))?;
        stage("validating");
        let mut done = self.validation(order, &trained.model, files, request)?;
        done.model = Some(NewModel {
            model: plan.id,
            edition: plan.edition,
            title: plan.title,
            digest: unhex(&model_digest(&trained.model)),
            folder: order.folder.display().to_string(),
        });
        Ok(done)
    }

    fn validation(
        &self,
        order: &StudyOrder,
        model: &Model,
        files: &[PathBuf],
        request: Request,
    ) -> Result<Finished, String> {
        let report = validate::report_on(model, files, request, self.threads).map_err(|e| told(&e))?;
        validate::write(&report, &order.folder).map_err(|e| told(&e))?;
        let mut done = finished(of_report(&report, cells(&order.history)), &report.checks);
        if report.checks.is_empty() {
            // Nothing was asked of it: nothing is proven.
            done.passed = false;
            "the history states no limits, so that nothing validates a model".clone_into(&mut done.detail);
        }
        Ok(done)
    }
}

fn cells(history: &HistoryRecord) -> Cells {
    Cells { rows_min: history.rows_min, events_min: history.events_min }
}

/// The files of a history, if they are what they were when it was registered.
fn unchanged(history: &HistoryRecord) -> Result<Vec<PathBuf>, String> {
    let one = |file: &hengxin_store::HistoryFile| {
        let path = PathBuf::from(&file.path);
        // Who asks over the network learns which file of the history it is, not where it lies.
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match file_digest(&path) {
            Err(e) => Err(format!("file `{name}` of the history cannot be read: {e}")),
            Ok(found) if found != file.sha256 => Err(format!(
                "file `{name}` of the history has digest {found}, expected {}, that of its registration",
                file.sha256
            )),
            Ok(_) => Ok(path),
        }
    };
    history.files.iter().map(one).collect()
}

/// The model of a record, if its file is what it was.
fn stored(record: Option<&ModelRecord>) -> Result<Model, String> {
    let record = record.ok_or("the study names no model")?;
    let bytes = std::fs::read(Path::new(&record.folder).join(MODEL))
        .map_err(|e| format!("the file of model `{}` cannot be read: {e}", record.name()))?;
    let model = Model::read(&bytes).map_err(|e| format!("the file of model `{}`: {e}", record.name()))?;
    let (found, expected) = (model_digest(&model), hex(&record.digest));
    if found != expected {
        return Err(format!(
            "the file of model `{}` has digest {found}, expected {expected}, that of the model that was trained",
            record.name()
        ));
    }
    Ok(model)
}

fn write(order: &StudyOrder, name: &str, json: serde_json::Result<serde_json::Value>) -> Result<(), String> {
    let bytes = format!("{:#}\n", json.map_err(|e| e.to_string())?).into_bytes();
    let place = hengxin_batch::place::Place::from(order.folder.as_path());
    place.write(name, bytes).map_err(|e| e.to_string())
}

fn finished(figures: Vec<Released>, checks: &[Check]) -> Finished {
    let broken: Vec<&str> =
        checks.iter().filter(|check| !check.met).map(|check| check.limit.as_str()).collect();
    let detail = if broken.is_empty() { String::new() } else { format!("not kept: {}", broken.join(", ")) };
    let record = |figure: Released| FigureRecord {
        name: figure.name,
        column: figure.column.unwrap_or_default(),
        value: figure.value,
        rows: figure.rows,
        defaults: figure.defaults,
    };
    Finished {
        model: None,
        figures: figures.into_iter().map(record).collect(),
        passed: broken.is_empty(),
        detail,
    }
}

fn told(failure: &Failure) -> String {
    match failure {
        Failure::Input(text) => text.replace("\nhengxin: ", "; "),
        Failure::Shown => "failed".to_owned(),
        Failure::System(problem) => format!("{problem:#}"),
    }
}
