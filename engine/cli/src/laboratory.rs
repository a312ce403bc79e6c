//! `hengxin laboratory`: histories of this data folder, and the studies and models of a running service.

use std::path::{Path, PathBuf};

use hengxin_models::history::{Description, History};
use hengxin_models::training::file_digest;
use hengxin_models::validation::Request;
use hengxin_service::client::{ClientError, LaboratoryClient};
use hengxin_store::{HistoryFile, NewHistory};
use serde_json::{Value, json};

use crate::data::{Place, store};
use crate::failure::Failure;
use crate::output;
use crate::runs::{fresh_id, refused_or_failed, show, text};
use crate::train::{about, read};

/// A joint laboratory: models trained on registered histories, who answers for them, and what may leave.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin laboratory register loans --history loans.parquet --description history.json --request limits.json --person keeper
  hengxin laboratory train plan.json --history loans --person wang      order a training; follow it with `watch`
  hengxin laboratory watch 1
  hengxin laboratory report 1 --column age --person wang                numbers that may leave; each is logged
  hengxin laboratory approve loans/editions/2026.1 --person li          two people who did not train it
  hengxin laboratory fetch loans/editions/2026.1 --out standards --person li
  hengxin laboratory monitor loans/editions/2026.1 --history new-loans --person wang
  hengxin laboratory releases --json

`register` writes into the data folder on this machine, the others ask a running `hengxin serve` over it. HENGXIN_PERSON names
who asks when --person is absent. The rules are told in docs/laboratory.md.")]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Who asks; what the variable `HENGXIN_PERSON` says when absent.
    #[arg(long, global = true, value_name = "NAME")]
    person: Option<String>,
    /// Address of a running `hengxin serve`.
    #[arg(long, default_value = "http://127.0.0.1:50051", value_name = "URL", global = true)]
    server: String,
    /// One JSON object a line.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum What {
    /// Register a history in the data folder, with the rules for what leaves it. Neither is ever changed.
    Register(Register),
    /// List registered histories.
    Histories,
    /// Order a training by a plan, whose `history` may be left out.
    Train {
        /// The plan, a JSON document (docs/training.md).
        plan: PathBuf,
        /// Name of the history.
        #[arg(long)]
        history: String,
        #[command(flatten)]
        order: Order,
    },
    /// Order a validation of a model against the limits of a history.
    Validate {
        /// `MODEL/editions/EDITION`.
        model: String,
        /// Name of the history.
        #[arg(long)]
        history: String,
        #[command(flatten)]
        order: Order,
    },
    /// Order a comparison of a champion and a challenger on a history that neither learned from.
    Contest {
        /// The model in service.
        champion: String,
        /// The one that would follow it.
        challenger: String,
        /// Name of the history.
        #[arg(long)]
        history: String,
        #[command(flatten)]
        order: Order,
    },
    /// Order a look at whether new rows are as those a model learned from.
    Monitor {
        /// `MODEL/editions/EDITION`.
        model: String,
        /// Name of the history of the new rows.
        #[arg(long)]
        history: String,
        #[command(flatten)]
        order: Order,
    },
    /// List studies, newest first.
    Studies {
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Everything about one study but its numbers.
    Study {
        /// Its number, or `studies/NUMBER`.
        study: String,
    },
    /// Follow a study to its end.
    Watch {
        /// Its number, or `studies/NUMBER`.
        study: String,
    },
    /// Numbers of a study: those of all columns together, and those of the columns named.
    Report {
        /// Its number, or `studies/NUMBER`.
        study: String,
        /// A column to be told of; may be given several times. Counts against its budget.
        #[arg(long = "column", value_name = "COLUMN")]
        columns: Vec<String>,
        /// All columns. Counts against the budget of each.
        #[arg(long, conflicts_with = "columns")]
        all_columns: bool,
    },
    /// List models, newest first.
    Models {
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Everything about one model: its state, and who did what.
    Model {
        /// `MODEL/editions/EDITION`.
        model: String,
    },
    /// Answer for a validated model. It is approved once two have who did not train it.
    Approve {
        /// `MODEL/editions/EDITION`.
        model: String,
        /// Why.
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
    },
    /// Take a model out of service.
    Retire {
        /// `MODEL/editions/EDITION`.
        model: String,
        /// Why.
        #[arg(long)]
        note: String,
    },
    /// Take an approved model as a folder of standards that the engine serves.
    Fetch {
        /// `MODEL/editions/EDITION`.
        model: String,
        /// The folder, new or empty.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
        /// The first day it is in force; today when absent.
        #[arg(long, default_value = "", hide_default_value = true, value_name = "YYYY-MM-DD")]
        from: String,
    },
    /// The numbers that left, newest first.
    Releases {
        /// Only of this history.
        #[arg(long, default_value = "", hide_default_value = true)]
        history: String,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
}

#[derive(clap::Args)]
struct Order {
    /// Id of the request: sent again, it orders no second study. A fresh one when left out.
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
}

impl Order {
    fn id(&self) -> String {
        self.request_id.clone().unwrap_or_else(fresh_id)
    }
}

#[derive(clap::Args)]
struct Register {
    /// Its name: lower-case letters, digits, `-`.
    name: String,
    /// Its Parquet files.
    #[arg(long = "history", value_name = "FILE", num_args = 1.., required = true)]
    files: Vec<PathBuf>,
    /// What its columns mean, a JSON document: the part `history` of a plan (docs/training.md).
    #[arg(long, value_name = "FILE", required_unless_present = "no_outcome")]
    description: Option<PathBuf>,
    /// It is not known yet which rows default: it only serves to watch models.
    #[arg(long, conflicts_with = "description")]
    no_outcome: bool,
    /// What every validation on it is asked for, a JSON document with the limits (docs/validation.md). Without limits nothing
    /// validates a model.
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// The least rows a number must rest on to leave.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rows_min: u64,
    /// The least defaults, and rows without one.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    events_min: u64,
    /// How many studies may tell of one column.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    budget: u64,
    #[command(flatten)]
    place: Place,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.what {
        What::Register(register) => register_history(arguments, register),
        What::Histories => {
            let rows = arguments.ask(async |client| client.histories(usize::MAX).await)?;
            let columns = ["name", "rows_min", "events_min", "budget", "person", "registered_at"];
            arguments.list(&rows, &columns);
            Ok(())
        }
        What::Train { plan, history, order } => {
            let plan = String::from_utf8(read(plan)?).map_err(|e| about(plan, &e))?;
            arguments.told(async |client| client.train(order.id(), history, plan).await)
        }
        What::Validate { model, history, order } => {
            arguments.told(async |client| client.validate(order.id(), model, history).await)
        }
        What::Contest { champion, challenger, history, order } => {
            arguments.told(async |client| client.contest(order.id(), (champion, challenger), history).await)
        }
        What::Monitor { model, history, order } => {
            arguments.told(async |client| client.monitor(order.id(), model, history).await)
        }
        What::Studies { limit } => {
            let rows = arguments.ask(async |client| client.studies(*limit).await)?;
            arguments.list(&rows, &["name", "kind", "history", "model", "state", "passed", "detail"]);
            Ok(())
        }
        What::Study { study } => arguments.told(async |client| client.study(study).await),
        What::Watch { study } => watch(arguments, study),
        What::Report { study, columns, all_columns } => {
            let columns = (!all_columns).then(|| columns.clone());
            let report = arguments.ask(async |client| client.report(study, columns).await)?;
            if arguments.json {
                output::json(&report);
                return Ok(());
            }
            let figures = report["figures"].as_array().cloned().unwrap_or_default();
            arguments.list(&figures, &["name", "value", "rows", "defaults", "withheld"]);
            for budget in report["budgets"].as_array().into_iter().flatten() {
                let column = text(&budget["column"]);
                let column = if column.is_empty() { "all columns together" } else { &column };
                println!("{column}: {} more studies may tell", budget["left"]);
            }
            Ok(())
        }
        What::Models { limit } => {
            let rows = arguments.ask(async |client| client.models(*limit).await)?;
            arguments.list(&rows, &["name", "title", "state", "history", "study"]);
            Ok(())
        }
        What::Model { model } => arguments.model(async |client| client.model(model).await),
        What::Approve { model, note } => arguments.model(async |client| client.approve(model, note).await),
        What::Retire { model, note } => arguments.model(async |client| client.retire(model, note).await),
        What::Fetch { model, out, from } => fetch(arguments, model, out, from),
        What::Releases { history, limit } => {
            let rows = arguments.ask(async |client| client.releases(history, *limit).await)?;
            arguments.list(&rows, &["at", "person", "history", "study", "name", "value", "rows"]);
            Ok(())
        }
    }
}

impl Arguments {
    fn person(&self) -> Result<String, Failure> {
        let named = self.person.clone().or_else(|| std::env::var("HENGXIN_PERSON").ok());
        named.ok_or_else(|| {
            Failure::Input("--person: found nothing, expected who asks, or HENGXIN_PERSON".to_owned())
        })
    }

    fn ask<T>(
        &self,
        ask: impl AsyncFnOnce(&mut LaboratoryClient) -> Result<T, ClientError>,
    ) -> Result<T, Failure> {
        // Lists need no name; what does is refused by the service without one.
        let person = self.person().unwrap_or_default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let answer = runtime.block_on(async {
            let mut client = LaboratoryClient::connect(&self.server, &person).await?;
            ask(&mut client).await
        });
        answer.map_err(refused_or_failed)
    }

    fn told(
        &self,
        ask: impl AsyncFnOnce(&mut LaboratoryClient) -> Result<Value, ClientError>,
    ) -> Result<(), Failure> {
        show(&self.ask(ask)?, self.json);
        Ok(())
    }

    fn model(
        &self,
        ask: impl AsyncFnOnce(&mut LaboratoryClient) -> Result<Value, ClientError>,
    ) -> Result<(), Failure> {
        let mut model = self.ask(ask)?;
        if self.json {
            output::json(&model);
            return Ok(());
        }
        let events = model["events"].take();
        show(&model, false);
        let events = events.as_array().cloned().unwrap_or_default();
        self.list(&events, &["at", "act", "person", "study", "note"]);
        Ok(())
    }

    fn list(&self, rows: &[Value], columns: &[&str]) {
        if self.json {
            rows.iter().for_each(output::json);
            return;
        }
        let mut table = output::table(columns);
        for row in rows {
            table.add_row(columns.iter().map(|column| text(&row[*column])));
        }
        println!("{table}");
    }
}

fn watch(arguments: &Arguments, study: &str) -> Result<(), Failure> {
    let mut last = Value::Null;
    let told = |now: Value| {
        if arguments.json {
            output::json(&now);
        } else {
            let word = |key: &str| text(&now[key]);
            println!("{} {} {} {}", word("name"), word("state"), word("stage"), word("detail"));
        }
        last = now;
    };
    arguments.ask(async |client| client.watch(study, told).await)?;
    if text(&last["state"]) == "succeeded" {
        return Ok(());
    }
    Err(Failure::System(anyhow::anyhow!("the study has {}", text(&last["state"]))))
}

fn fetch(arguments: &Arguments, model: &str, out: &Path, from: &str) -> Result<(), Failure> {
    if std::fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some()) {
        let found = format!("--out: found files in {}, expected a new folder", out.display());
        return Err(Failure::Input(found));
    }
    let files = arguments.ask(async |client| client.fetch(model, from).await)?;
    let place = hengxin_batch::place::Place::from(out);
    for (path, bytes) in &files {
        // What comes over the network names no place outside the folder.
        let inside = Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
        if !inside {
            return Err(Failure::System(anyhow::anyhow!(
                "the service sent `{path}`, expected a path within a folder"
            )));
        }
        place.write(path, bytes.clone()).map_err(|e| Failure::System(anyhow::Error::new(e)))?;
    }
    // What is written must be what the engine takes.
    crate::standards::load_or_shipped(Some(out))?;
    let paths: Vec<String> = files.iter().map(|(path, _)| out.join(path).display().to_string()).collect();
    if arguments.json {
        output::json(&json!({ "files": paths }));
    } else {
        for path in paths {
            println!("{path}");
        }
    }
    Ok(())
}

fn register_history(arguments: &Arguments, asked: &Register) -> Result<(), Failure> {
    let person = arguments.person()?;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !(1..=60).contains(&asked.name.len()) || !asked.name.bytes().all(plain) {
        let expected = "1 to 60 lower-case ASCII letters, digits or `-`";
        return Err(Failure::Input(format!("found name `{}`, expected {expected}", asked.name)));
    }
    let file = |path: &PathBuf| {
        let whole = path.canonicalize().map_err(|e| about(path, &e))?;
        let sha256 = file_digest(&whole).map_err(|e| about(path, &e))?;
        Ok(HistoryFile { path: whole.display().to_string(), sha256 })
    };
    let files = asked.files.iter().map(file).collect::<Result<Vec<HistoryFile>, Failure>>()?;
    let mut rows = None;
    let description = match &asked.description {
        None => None,
        Some(path) => {
            let description: Description =
                serde_json::from_slice(&read(path)?).map_err(|e| about(path, &e))?;
            // A history that cannot be opened would fail every study.
            let history = History::open(&asked.files, description.clone())
                .map_err(|e| Failure::Input(e.to_string()))?;
            rows = Some(history.rows.len());
            Some(serde_json::to_string(&description).map_err(|e| Failure::System(anyhow::Error::new(e)))?)
        }
    };
    let request = match &asked.request {
        None => Request::default(),
        Some(path) => {
            let request: Request = serde_json::from_slice(&read(path)?).map_err(|e| about(path, &e))?;
            request.check().map_err(|e| about(path, &e))?;
            request
        }
    };
    let new = NewHistory {
        name: asked.name.clone(),
        files,
        description,
        request: serde_json::to_string(&request).map_err(|e| Failure::System(anyhow::Error::new(e)))?,
        rows_min: asked.rows_min,
        events_min: asked.events_min,
        budget: asked.budget,
        person,
    };
    let catalogue = std::sync::Arc::new(asked.place.catalogue()?);
    let ledger = asked.place.create(&catalogue)?;
    let made = ledger.laboratory_book().and_then(|mut book| book.register(&new)).map_err(store)?;
    let told = json!({
        "name": format!("histories/{}", made.name), "rows": rows,
        "files": made.files.iter().map(|file| json!({"path": file.path, "sha256": file.sha256})).collect::<Vec<_>>(),
        "rows_min": made.rows_min, "events_min": made.events_min, "budget": made.budget, "person": made.person,
    });
    show(&told, arguments.json);
    Ok(())
}
