//! `hengxin quarantine`: rows that could not be recorded, from the list to the mended file.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use hengxin_core::vocabulary::{Code, Vocabulary};
use hengxin_ingest::mapping::{QUARANTINE_COLUMN, REASON_COLUMN, ROW_COLUMN};
use hengxin_ingest::table::ROW_FAULT;
use hengxin_store::{Ledger, QuarantineFilter, QuarantineStatus, Quarantined};
use serde_json::{Value, json};

use crate::data::{self, Place};
use crate::failure::Failure;
use crate::intake::{self, title};
use crate::{ingest, output};

/// Rows that could not be recorded: list, export, mend, hand in again.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin quarantine list                      every row that waits, with every reason
  hengxin quarantine show 17                   one row in full
  hengxin quarantine export --out mend         one CSV file for each kind of fact
  hengxin quarantine resubmit mend/*.csv       after mending
  hengxin quarantine dismiss 17 --note \"not of this district\"

An exported file holds the cells as they came, the reasons, and the number of each row. Mend the cells, leave the
number, and resubmit: rows that are good now are recorded and leave the quarantine, the others stay with their new
reasons. Where the column hengxin_row is filled the row itself is broken (cells missing or shifted, or cut short):
clear it once the row is mended. Resubmitting the same file again changes nothing.")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Every row with every reason.
    #[command(after_help = "\
Examples:
  hengxin quarantine list
  hengxin quarantine list --code administrative-penalty --json")]
    List {
        #[command(flatten)]
        which: Which,
        /// One JSON object a row.
        #[arg(long)]
        json: bool,
    },
    /// One row in full.
    #[command(after_help = "\
Examples:
  hengxin quarantine show 17
  hengxin quarantine show 17 --json")]
    Show {
        /// Its number.
        id: u64,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// CSV files for mending, one for each kind of fact.
    #[command(after_help = "\
Examples:
  hengxin quarantine export --out mend
  hengxin quarantine export --out mend --code administrative-penalty")]
    Export {
        #[command(flatten)]
        which: Which,
        /// The folder to write to; made when absent.
        #[arg(long)]
        out: PathBuf,
        /// Replace files of an earlier export, with whatever was mended in them.
        #[arg(long)]
        overwrite: bool,
    },
    /// Mended files into the ledger.
    #[command(after_help = "\
Examples:
  hengxin quarantine resubmit mend/administrative-penalty.csv
  hengxin quarantine resubmit mend/*.csv --json

Exit code 2 when a file cannot be read; rows that are still faulty are no failure.")]
    Resubmit {
        /// Files made by `export`, mended; CSV, or XLSX as a spreadsheet saves it.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// One JSON object a file.
        #[arg(long)]
        json: bool,
    },
    /// Close a row that will not be mended.
    #[command(after_help = "\
Examples:
  hengxin quarantine dismiss 17 --note \"not of this district\"")]
    Dismiss {
        /// Its number.
        id: u64,
        /// Why.
        #[arg(long)]
        note: String,
    },
}

/// Which rows.
#[derive(clap::Args)]
struct Which {
    /// Only those meant for this kind of fact.
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Also those that were resubmitted or dismissed.
    #[arg(long)]
    all: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let catalogue = arguments.place.catalogue()?;
    let vocabulary = &catalogue.vocabulary;
    match &arguments.command {
        Command::List { which, json } => {
            list(&rows(&arguments.place.open(&catalogue)?, which, vocabulary)?, *json);
            Ok(())
        }
        Command::Show { id, json } => {
            let ledger = arguments.place.open(&catalogue)?;
            let row = ledger.snapshot(None).and_then(|s| s.quarantined(*id)).map_err(data::store)?;
            show(&row, *json);
            Ok(())
        }
        Command::Export { which, out, overwrite } => {
            let rows = rows(&arguments.place.open(&catalogue)?, which, vocabulary)?;
            export(&rows, vocabulary, out, *overwrite)
        }
        Command::Resubmit { files, json } => {
            let ledger = arguments.place.create(&catalogue)?;
            ingest::mended(files, &ledger, vocabulary, *json)
        }
        Command::Dismiss { id, note } => {
            let ledger = arguments.place.create(&catalogue)?;
            ledger.recorder().and_then(|mut r| r.dismiss(*id, note)).map_err(data::store)?;
            println!("row {id} is closed");
            Ok(())
        }
    }
}

fn rows(ledger: &Ledger, which: &Which, vocabulary: &Vocabulary) -> Result<Vec<Quarantined>, Failure> {
    if let Some(code) = &which.code {
        intake::code_id(code, "--code", vocabulary)?;
    }
    let filter = if which.all { QuarantineFilter::All } else { QuarantineFilter::Open };
    let snapshot = ledger.snapshot(None).map_err(data::store)?;
    let mut rows = snapshot.quarantine(filter, None, usize::MAX).map_err(data::store)?;
    rows.retain(|row| which.code.is_none() || row.row.code == which.code);
    Ok(rows)
}

fn status(row: &Quarantined) -> &'static str {
    match row.status {
        QuarantineStatus::Open => "open",
        QuarantineStatus::Resubmitted => "resubmitted",
        QuarantineStatus::Dismissed => "dismissed",
    }
}

fn place(row: &Quarantined) -> String {
    format!("{} line {}", row.source.as_deref().unwrap_or("a request"), row.line)
}

fn as_json(row: &Quarantined) -> Value {
    json!({
        "id": row.id, "file": row.source, "line": row.line, "code": row.row.code, "status": status(row),
        "recorded_at": data::moment(row.recorded_at), "reasons": row.row.reasons,
        "cells": row.row.cells.iter().map(|(column, cell)| json!([column, cell])).collect::<Vec<Value>>(),
    })
}

fn list(rows: &[Quarantined], json: bool) {
    if json {
        for row in rows {
            output::json(&as_json(row));
        }
        return;
    }
    if rows.is_empty() {
        println!("no row is in quarantine");
        return;
    }
    let mut table = output::table(&["row", "from", "kind of fact", "status", "reasons"]);
    for row in rows {
        table.add_row([
            row.id.to_string(),
            place(row),
            row.row.code.clone().unwrap_or_else(|| "unknown".to_owned()),
            status(row).to_owned(),
            row.row.reasons.join("\n"),
        ]);
    }
    println!(
        "{table}\n\n{} rows; `hengxin quarantine export --out FOLDER` writes them for mending",
        rows.len()
    );
}

fn show(row: &Quarantined, json: bool) {
    if json {
        output::json(&as_json(row));
        return;
    }
    let code = row.row.code.as_deref().unwrap_or("unknown");
    println!("row {} ({}): {}, meant for {code}", row.id, status(row), place(row));
    println!("set aside at {}\n", data::moment(row.recorded_at));
    for reason in &row.row.reasons {
        println!("  {reason}");
    }
    let mut table = output::table(&["column", "cell"]);
    for (column, cell) in &row.row.cells {
        table.add_row([column, cell]);
    }
    println!("\n{table}");
}

/// Writes one file for each kind of fact. Columns get their official names, whatever the rows' files called them.
fn export(rows: &[Quarantined], vocabulary: &Vocabulary, out: &Path, overwrite: bool) -> Result<(), Failure> {
    let mut kinds: BTreeMap<&str, Vec<&Quarantined>> = BTreeMap::new();
    for row in rows {
        kinds.entry(row.row.code.as_deref().unwrap_or("unknown")).or_default().push(row);
    }
    if kinds.is_empty() {
        println!("no row is in quarantine, nothing was written");
        return Ok(());
    }
    std::fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    let path = |kind: &str| out.join(format!("{kind}.csv"));
    if let Some(path) = kinds.keys().map(|kind| path(kind)).find(|path| path.exists() && !overwrite) {
        return Err(Failure::Input(format!(
            "found {} from an earlier export, expected another folder or --overwrite",
            path.display()
        )));
    }
    for (kind, rows) in kinds {
        let code = vocabulary.code_id(kind).map(|id| vocabulary.code(id));
        write(&path(kind), &sheet(&rows, code)?)?;
        println!("{:>8} rows  {}", rows.len(), path(kind).display());
    }
    Ok(())
}

fn sheet(rows: &[&Quarantined], code: Option<&Code>) -> anyhow::Result<Vec<u8>> {
    let name = |column: &String| code.map_or_else(|| column.clone(), |code| title(code, column));
    let mut columns: Vec<String> =
        code.map(|code| code.fields.iter().map(|f| f.title.clone()).collect()).unwrap_or_default();
    // Columns nobody knows come last, those without a name (cells beyond the header) as one.
    for (column, _) in rows.iter().flat_map(|row| &row.row.cells) {
        let column = name(column);
        if !column.is_empty() && !columns.contains(&column) {
            columns.push(column);
        }
    }
    let mut writer = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    let ours = [QUARANTINE_COLUMN, REASON_COLUMN, ROW_COLUMN].map(str::to_owned);
    writer.write_record(ours.iter().chain(&columns))?;
    for row in rows {
        let broken: Vec<&str> =
            row.row.reasons.iter().filter(|r| r.starts_with(ROW_FAULT)).map(String::as_str).collect();
        let beyond: Vec<&str> =
            row.row.cells.iter().filter(|(c, _)| c.is_empty()).map(|(_, cell)| cell.as_str()).collect();
        let mut reasons = row.row.reasons.join("\n");
        if !beyond.is_empty() {
            reasons.push_str(&format!("\ncells beyond the header: {}", beyond.join(" | ")));
        }
        let mut record = vec![row.id.to_string(), reasons, broken.join("\n")];
        record.extend(columns.iter().map(|column| {
            let cell = row.row.cells.iter().find(|(c, cell)| name(c) == *column && !cell.is_empty());
            cell.map(|(_, cell)| cell.clone()).unwrap_or_default()
        }));
        writer.write_record(&record)?;
    }
    writer.into_inner().context("cannot finish the file")
}

/// Writes a file whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let part = path.with_extension("csv.part");
    let done = std::fs::File::create(&part)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&part, path));
    if done.is_err() {
        // What is left of it is of no use; the first failure is the one to tell.
        let _ = std::fs::remove_file(&part);
    }
    Ok(done.with_context(|| format!("cannot write {}", path.display()))?)
}
