//! `hengxin schedules`: when a running service starts runs by itself.

use hengxin_service::client::NewSchedule;
use hengxin_store::{CutOff, Missed};

use crate::failure::Failure;
use crate::output;
use crate::runs::{Server, show, text};

/// Schedules of a running service.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin schedules add monthly --field market-regulation --cron '0 2 1 * *' --cut-off previous-month-end
  hengxin schedules add nightly --field market-regulation --cron '30 1 * * *' --incremental --missed run-all
  hengxin schedules list --json
  hengxin schedules pause monthly

A time that a change of clocks leaves out fires at the first instant after the gap; one that comes twice, the first time.")]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Subcommand)]
enum What {
    /// Make a schedule.
    Add {
        /// Its name: lower-case letters, digits, `-`.
        name: String,
        /// Field of supervision; may be given several times.
        #[arg(long = "field", required = true)]
        fields: Vec<String>,
        /// Minute, hour, day of the month, month, day of the week.
        #[arg(long)]
        cron: String,
        /// IANA name of the time zone.
        #[arg(long, default_value = "Asia/Shanghai")]
        time_zone: String,
        /// Which day a run decides for, by the day it starts.
        #[arg(long, default_value = "previous-day", value_parser = cut_off)]
        cut_off: CutOff,
        /// What becomes of firings while no service was running.
        #[arg(long, default_value = "run-once", value_parser = missed)]
        missed: Missed,
        /// Folder or URL of a facts dataset instead of the ledger of the service.
        #[arg(long, default_value = "", hide_default_value = true, value_name = "PLACE")]
        dataset: String,
        /// Each run goes on from the last one of its field.
        #[arg(long)]
        incremental: bool,
    },
    /// List schedules by name.
    List,
    /// Stop a schedule from firing.
    Pause {
        /// Its name.
        name: String,
    },
    /// Let a schedule fire again.
    Resume {
        /// Its name.
        name: String,
    },
    /// Remove a schedule; its runs stay.
    Delete {
        /// Its name.
        name: String,
    },
}

fn cut_off(text: &str) -> Result<CutOff, String> {
    let words = CutOff::ALL.iter().map(|one| one.id()).collect::<Vec<_>>().join(", ");
    CutOff::of(text).ok_or_else(|| format!("expected one of {words}"))
}

fn missed(text: &str) -> Result<Missed, String> {
    let words = Missed::ALL.iter().map(|one| one.id()).collect::<Vec<_>>().join(", ");
    Missed::of(text).ok_or_else(|| format!("expected one of {words}"))
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (server, json) = (&arguments.server, arguments.server.json);
    match &arguments.what {
        What::Add { name, fields, cron, time_zone, cut_off, missed, dataset, incremental } => {
            let new = NewSchedule {
                name: name.clone(),
                fields: fields.clone(),
                cron: cron.clone(),
                time_zone: time_zone.clone(),
                cut_off: Some(*cut_off),
                missed: Some(*missed),
                dataset: dataset.clone(),
                incremental: *incremental,
            };
            show(&server.talk(async |client| client.add_schedule(new).await)?, json);
        }
        What::List => {
            let schedules = server.talk(async |client| client.schedules().await)?;
            if json {
                schedules.iter().for_each(output::json);
                return Ok(());
            }
            let mut table = output::table(&["schedule", "fields", "cron", "time zone", "next"]);
            for schedule in &schedules {
                let paused = schedule["paused"] == true;
                let next = if paused { "paused".to_owned() } else { text(&schedule["next_firing"]) };
                let text = |key: &str| text(&schedule[key]);
                table.add_row([text("name"), text("fields"), text("cron"), text("time_zone"), next]);
            }
            println!("{table}");
        }
        What::Pause { name } => {
            show(&server.talk(async |client| client.pause_schedule(name, true).await)?, json);
        }
        What::Resume { name } => {
            show(&server.talk(async |client| client.pause_schedule(name, false).await)?, json);
        }
        What::Delete { name } => server.talk(async |client| client.delete_schedule(name).await)?,
    }
    Ok(())
}
