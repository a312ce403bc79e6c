//! `hengxin runs`: start, list, show, cancel and watch runs of a running service.

use hengxin_service::client::{ClientError, RescoringClient, StartRun};
use serde_json::Value;

use crate::failure::Failure;
use crate::output;

/// Where the service is.
#[derive(clap::Args)]
pub struct Server {
    /// Address of a running `hengxin serve`.
    #[arg(long, default_value = "http://127.0.0.1:50051", value_name = "URL", global = true)]
    server: String,
    /// One JSON object a line.
    #[arg(long, global = true)]
    pub json: bool,
}

impl Server {
    /// Talks to the service.
    pub fn talk<T>(
        &self,
        talk: impl AsyncFnOnce(&mut RescoringClient) -> Result<T, ClientError>,
    ) -> Result<T, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let answer = runtime.block_on(async {
            let mut client = RescoringClient::connect(&self.server).await?;
            talk(&mut client).await
        });
        answer.map_err(refused_or_failed)
    }
}

/// Runs of a running service: a whole field evaluated anew.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin runs start market-regulation --as-of 2026-06-30
  hengxin runs start market-regulation --dataset /srv/facts --incremental
  hengxin runs watch 12
  hengxin runs list --field market-regulation --json
  hengxin runs cancel 12 --server http://10.0.0.5:50051")]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Subcommand)]
enum What {
    /// Start a run; a field has one at a time.
    Start {
        /// Field of supervision.
        field: String,
        /// Date to decide for; today when left out.
        #[arg(long, default_value = "", hide_default_value = true, value_name = "DATE")]
        as_of: String,
        /// Folder or URL of a facts dataset instead of the ledger of the service.
        #[arg(long, default_value = "", hide_default_value = true, value_name = "PLACE")]
        dataset: String,
        /// Go on from the last run of the field that succeeded.
        #[arg(long)]
        incremental: bool,
        /// Go on from this run.
        #[arg(long, default_value = "", hide_default_value = true, value_name = "RUN")]
        since: String,
        /// Id of the request: sent again, it starts no second run. A fresh one when left out.
        #[arg(long, value_name = "ID")]
        request_id: Option<String>,
    },
    /// List runs, newest first.
    List {
        /// Only this field.
        #[arg(long, default_value = "", hide_default_value = true)]
        field: String,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: i32,
    },
    /// Everything about one run.
    Show {
        /// Its number, or `runs/NUMBER`.
        run: String,
    },
    /// End a run without results.
    Cancel {
        /// Its number, or `runs/NUMBER`.
        run: String,
    },
    /// Watch a run: its progress, the tiers it changed, how it ended.
    Watch {
        /// Its number, or `runs/NUMBER`.
        run: String,
    },
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (server, json) = (&arguments.server, arguments.server.json);
    match &arguments.what {
        What::Start { field, as_of, dataset, incremental, since, request_id } => {
            let start = StartRun {
                request_id: request_id.clone().unwrap_or_else(fresh_id),
                field: field.clone(),
                as_of: as_of.clone(),
                dataset: dataset.clone(),
                incremental: *incremental,
                previous_run: since.clone(),
            };
            show(&server.talk(async |client| client.start(start).await)?, json);
        }
        What::List { field, limit } => {
            let runs = server.talk(async |client| client.list(field, *limit).await)?;
            if json {
                runs.iter().for_each(output::json);
                return Ok(());
            }
            let mut table = output::table(&["run", "field", "as of", "state", "done", "detail"]);
            for run in &runs {
                let done = format!("{}/{}", run["done"], run["total"]);
                let text = |key: &str| text(&run[key]);
                table.add_row([
                    text("name"),
                    text("field"),
                    text("as_of"),
                    text("state"),
                    done,
                    text("detail"),
                ]);
            }
            println!("{table}");
        }
        What::Show { run } => show(&server.talk(async |client| client.show(run).await)?, json),
        What::Cancel { run } => show(&server.talk(async |client| client.cancel(run).await)?, json),
        What::Watch { run } => {
            let mut last = Value::Null;
            let told = |event: Value| {
                if json {
                    output::json(&event);
                } else if let Some(run) = event.get("run") {
                    println!(
                        "{} {} {}/{} {}",
                        text(&run["name"]),
                        text(&run["state"]),
                        run["done"],
                        run["total"],
                        text(&run["detail"])
                    );
                } else {
                    let change = &event["change"];
                    println!(
                        "{} {} -> {}",
                        text(&change["enterprise"]),
                        change["previous_tier"],
                        change["tier"]
                    );
                }
                if let Some(run) = event.get("run") {
                    last.clone_from(run);
                }
            };
            server.talk(async |client| client.watch(run, told).await)?;
            if text(&last["state"]) != "succeeded" {
                return Err(Failure::System(anyhow::anyhow!("the run has {}", text(&last["state"]))));
            }
        }
    }
    Ok(())
}

/// Whose fault it is that a service gave no answer.
pub fn refused_or_failed(problem: ClientError) -> Failure {
    match problem {
        ClientError::Refused(message) => Failure::Input(message),
        system @ ClientError::System(_) => Failure::System(anyhow::Error::new(system)),
    }
}

/// An id no other request has: the time to the nanosecond, and the process.
pub fn fresh_id() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("cli-{:x}-{:x}", since.as_nanos(), std::process::id()).chars().take(36).collect()
}

/// A text as it is; nothing for what is absent.
pub fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| if value.is_null() { String::new() } else { value.to_string() }, str::to_owned)
}

/// All that is not empty, a line each.
pub fn show(value: &Value, json: bool) {
    if json {
        output::json(value);
        return;
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        let text = text(value);
        if !text.is_empty() && text != "[]" {
            println!("{key:<18}{text}");
        }
    }
}
