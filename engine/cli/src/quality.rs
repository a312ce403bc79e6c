//! `hengxin quality`: how well source units deliver.

use std::sync::Arc;

use hengxin_core::date::Date;
use hengxin_service::use_case::quality::{self, CALENDAR, Quality, TIMELY_DAYS};
use hengxin_service::{Engine, EngineOptions};
use serde_json::{Value, json};

use crate::data::{self, Place};
use crate::failure::Failure;
use crate::output;
use crate::question::problem;

/// How well source units deliver: how soon, how completely, with how many errors and duplicates.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin quality
  hengxin quality --from 2026-01-01 --to 2026-03-31
  hengxin quality --json

A fact belongs to the unit it names as its source, else to its authority; rows that became no facts belong to whoever sent
them. Timely is what is recorded within 7 working days, Monday to Friday.")]
pub struct Arguments {
    /// Only what was recorded on or after this day.
    #[arg(long)]
    from: Option<String>,
    /// Only what was recorded on or before this day.
    #[arg(long)]
    to: Option<String>,
    /// One JSON object a unit.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let day = |text: &Option<String>| -> Result<Option<Date>, Failure> {
        let read = |text: &String| text.parse().map_err(|error| Failure::Input(format!("`{text}`: {error}")));
        text.as_ref().map(read).transpose()
    };
    let (from, to) = (day(&arguments.from)?, day(&arguments.to)?);
    let catalogue = Arc::new(arguments.place.catalogue()?);
    let ledger = arguments.place.open(&catalogue)?;
    let engine = Engine::read_only(catalogue, ledger, EngineOptions::default()).map_err(problem)?;
    // Nobody else waits for a command.
    let Some(found) = quality::summary(&engine, from, to, || false).map_err(problem)? else { return Ok(()) };
    if arguments.json {
        for (name, unit) in &found.units {
            output::json(&as_json(name, unit));
        }
        return Ok(());
    }
    let header = [
        "source",
        "rows",
        "new",
        "duplicate",
        "corrected",
        "set aside",
        "open",
        "timely",
        "median days",
        "filled",
    ];
    let mut table = output::table(&header);
    for (name, unit) in &found.units {
        table.add_row([
            if name.is_empty() { "(nobody named)".to_owned() } else { name.clone() },
            unit.rows().to_string(),
            unit.accepted.to_string(),
            unit.duplicates.to_string(),
            unit.corrected.to_string(),
            unit.quarantined.to_string(),
            unit.open.to_string(),
            percent(unit.timely, unit.timely + unit.late),
            unit.median_days().map(|days| days.to_string()).unwrap_or_default(),
            percent(unit.filled, unit.fields),
        ]);
    }
    println!("{table}\n\ntimely: within {TIMELY_DAYS} working days. {CALENDAR}");
    if found.cut {
        println!("counted is only what was recorded since {}", data::moment(found.from));
    }
    for (name, unit) in found.units.iter().filter(|(_, unit)| !unit.reasons.is_empty()) {
        println!("\n{name}");
        for (reason, count) in &unit.reasons {
            println!("  {count:>6}  {reason}");
        }
    }
    Ok(())
}

/// Tenths of a percent, cut off: what is not whole is not shown as whole.
fn percent(part: u64, whole: u64) -> String {
    let Some(tenths) = part.saturating_mul(1000).checked_div(whole) else { return String::new() };
    format!("{}.{} %", tenths / 10, tenths % 10)
}

fn as_json(name: &str, unit: &Quality) -> Value {
    let reasons: Vec<Value> =
        unit.reasons.iter().map(|(reason, count)| json!({"reason": reason, "count": count})).collect();
    json!({
        "source": name, "rows": unit.rows(), "accepted": unit.accepted, "duplicates": unit.duplicates,
        "corrected": unit.corrected, "quarantined": unit.quarantined, "open": unit.open, "timely": unit.timely,
        "late": unit.late, "median_days": unit.median_days(), "filled": unit.filled, "fields": unit.fields,
        "reasons": reasons,
    })
}
