//! `hengxin ingest`: files into the ledger, all of a file or nothing of it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use hengxin_core::fact::Delivery;
use hengxin_core::region::RegionCode;
use hengxin_core::vocabulary::RegisterId;
use hengxin_ingest::mapping::Mapping;
use hengxin_ingest::{records, table};
use hengxin_standard::Catalogue;
use hengxin_store::{Batch, FileStamp, Ledger, Origin, Rejected, Report, Submission, SubmittedRow};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::data::{self, Place};
use crate::failure::Failure;
use crate::output;

/// Read files of records into the ledger.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin ingest penalties.csv permits.xlsx
  hengxin ingest --as honour list.csv
  hengxin ingest --deliver administrative-penalties=2026-10-31 penalties.csv

CSV (UTF-8 or GB18030), XLSX and Parquet with the official column names or the vocabulary's. The kind of fact is
recognised from the columns. A file goes in whole; its faulty rows go to quarantine with every reason. Reading the
same file again changes nothing. Exit code 2 when a file cannot be read; quarantined rows are no failure.")]
pub struct Arguments {
    /// Files.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The fact code, when the columns leave it open.
    #[arg(long = "as", value_name = "CODE")]
    code: Option<String>,
    /// State that a register is complete through a day: REGISTER[:REGION]=YYYY-MM-DD, or all=YYYY-MM-DD.
    #[arg(long, value_name = "DELIVERY")]
    deliver: Vec<String>,
    /// One JSON object a file.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let catalogue = arguments.place.catalogue()?;
    let deliveries = arguments
        .deliver
        .iter()
        .map(|text| delivery(text, &catalogue))
        .collect::<Result<Vec<Vec<Delivery>>, Failure>>()?
        .concat();
    let ledger = arguments.place.create(&catalogue)?;
    for path in &arguments.files {
        let report = file(path, arguments.code.as_deref(), &ledger, &catalogue)?;
        show(path, &report, arguments.json);
    }
    if !deliveries.is_empty() {
        let mut recorder = ledger.recorder().map_err(data::store)?;
        recorder.deliver("command line", &deliveries).map_err(data::store)?;
    }
    Ok(())
}

/// Reads one file into the ledger.
pub fn file(
    path: &Path,
    code: Option<&str>,
    ledger: &Ledger,
    catalogue: &Catalogue,
) -> Result<Report, Failure> {
    let input = |problem: String| Failure::Input(problem);
    let vocabulary = &catalogue.vocabulary;
    let opened = table::open(path).map_err(|e| input(e.to_string()))?;
    let mapping = match code {
        Some(id) => {
            let code = vocabulary.code_id(id).ok_or_else(|| {
                let known: Vec<&str> = vocabulary.codes.iter().map(|c| c.id.as_str()).collect();
                input(format!("--as: found `{id}`, expected one of {}", known.join(", ")))
            })?;
            Mapping::to(code, &opened.header, vocabulary)
        }
        None => Mapping::recognise(&opened.header, vocabulary),
    }
    .map_err(|e| input(format!("{}: {e}", path.display())))?;
    let code = vocabulary.code(mapping.code).id.clone();
    let protect = |text: &str| ledger.protector().digest(text);
    let read = records::records(opened, &mapping, vocabulary, &protect, crate::today()?);
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let origin = Origin {
        actor: "command line".to_owned(),
        file: Some(FileStamp { name, sha256: Sha256::digest(&bytes).into(), layout: code.clone() }),
        resolves: Vec::new(),
    };
    let accepted =
        read.accepted.into_iter().map(|a| Submission { line: a.line, row: SubmittedRow::Draft(a.draft) });
    let rejected = read.rejected.into_iter().map(|r| Submission {
        line: r.line,
        row: SubmittedRow::Rejected(Rejected {
            code: Some(code.clone()),
            cells: r.cells,
            reasons: r.reasons,
        }),
    });
    let batch = Batch::prepare(vocabulary, accepted.chain(rejected), origin);
    let mut recorder = ledger.recorder().map_err(data::store)?;
    let mut report = recorder.append(&batch).map_err(data::store)?;
    if !report.already_ingested {
        report.duplicate += read.repeated;
    }
    Ok(report)
}

/// Prints what became of a file.
pub fn show(path: &Path, report: &Report, as_json: bool) {
    if as_json {
        output::json(&json!({
            "file": path.display().to_string(), "accepted": report.accepted, "duplicate": report.duplicate,
            "corrected": report.corrected, "quarantined": report.quarantined, "conflicts": report.conflicts,
            "already_ingested": report.already_ingested, "recorded_at": data::moment(report.recorded_at),
        }));
        return;
    }
    let again = if report.already_ingested { "  (the same file as before: nothing recorded)" } else { "" };
    println!(
        "{}: {} accepted, {} duplicate, {} corrected, {} quarantined{again}",
        path.display(),
        report.accepted,
        report.duplicate,
        report.corrected,
        report.quarantined
    );
}

fn delivery(text: &str, catalogue: &Catalogue) -> Result<Vec<Delivery>, Failure> {
    let form = || Failure::Input(format!("--deliver: found `{text}`, expected REGISTER[:REGION]=YYYY-MM-DD"));
    let (what, through) = text.split_once('=').ok_or_else(form)?;
    let through = through.parse().map_err(|e| Failure::Input(format!("--deliver: {e}")))?;
    let (register, region) = match what.split_once(':') {
        Some((register, region)) => {
            (register, region.parse().map_err(|e| Failure::Input(format!("--deliver: {e}")))?)
        }
        None => (what, RegionCode::NATIONAL),
    };
    let registers = &catalogue.vocabulary.registers;
    if register == "all" {
        let all = (0..registers.len()).filter_map(|i| u16::try_from(i).ok());
        return Ok(all.map(|i| Delivery { register: RegisterId(i), region, through }).collect());
    }
    let register = catalogue.vocabulary.register_id(register).ok_or_else(|| {
        let known: Vec<&str> = registers.iter().map(|r| r.id.as_str()).collect();
        Failure::Input(format!(
            "--deliver: found the register `{register}`, expected one of {}",
            known.join(", ")
        ))
    })?;
    Ok(vec![Delivery { register, region, through }])
}
