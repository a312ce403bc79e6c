//! `hengxin conflicts`: codes that belong to two subjects, and subjects with two codes.

use hengxin_store::{Conflict, ConflictKind};
use serde_json::{Value, json};

use crate::data::{self, Place};
use crate::failure::Failure;
use crate::output;

/// Conflicts of codes found while records came in: listed for people, never merged.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin conflicts
  hengxin conflicts --json

一码多赋: registrations under one code that differ both in name and in day of establishment.
重复赋码: registrations under two codes with the same name, region and legal form.")]
pub struct Arguments {
    /// One JSON object a conflict.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let catalogue = arguments.place.catalogue()?;
    let ledger = arguments.place.open(&catalogue)?;
    let conflicts = ledger.snapshot(None).and_then(|s| s.conflicts(None, usize::MAX)).map_err(data::store)?;
    if arguments.json {
        for conflict in &conflicts {
            output::json(&as_json(conflict));
        }
        return Ok(());
    }
    if conflicts.is_empty() {
        println!("no conflicts of codes");
        return Ok(());
    }
    let mut table = output::table(&["number", "conflict", "code", "other code", "found", "identities"]);
    for conflict in &conflicts {
        let (kind, _, other) = words(conflict);
        table.add_row([
            conflict.id.to_string(),
            kind.to_owned(),
            conflict.subject.to_string(),
            other.unwrap_or_default(),
            data::moment(conflict.recorded_at),
            conflict.identities().join("\n"),
        ]);
    }
    println!("{table}\n\n{} conflicts", conflicts.len());
    Ok(())
}

/// Its kind in words and as a name, and the other code.
fn words(conflict: &Conflict) -> (&'static str, &'static str, Option<String>) {
    match conflict.kind {
        ConflictKind::OneCodeTwoSubjects => ("一码多赋", "one-code-two-subjects", None),
        ConflictKind::OneSubjectTwoCodes { other } => {
            ("重复赋码", "one-subject-two-codes", Some(other.to_string()))
        }
    }
}

fn as_json(conflict: &Conflict) -> Value {
    let (_, kind, other) = words(conflict);
    let detail = serde_json::from_str(&conflict.detail).unwrap_or(Value::Null);
    json!({
        "id": conflict.id, "kind": kind, "code": conflict.subject.to_string(), "other_code": other,
        "detail": detail, "recorded_at": data::moment(conflict.recorded_at),
    })
}
