//! `hengxin ingest`: files into the ledger, all of a file or nothing of it.

use std::path::{Path, PathBuf};

use hengxin_core::date::Date;
use hengxin_core::fact::Delivery;
use hengxin_core::region::RegionCode;
use hengxin_core::vocabulary::{RegisterId, Vocabulary};
use hengxin_standard::Catalogue;
use hengxin_store::{Ledger, Report};
use serde_json::{Value, json};

use crate::data::{self, Place};
use crate::failure::Failure;
use crate::intake::{self, Intake, Taken};
use crate::output;

/// Read files of records into the ledger.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin ingest penalties.csv permits.xlsx
  hengxin ingest --as honour list.csv
  hengxin ingest --deliver administrative-penalties=2026-10-31 penalties.csv
  hengxin ingest --deliver all=2026-10-31 district/*.csv

CSV (UTF-8 or GB18030), XLSX and Parquet with the official column names or the vocabulary's. The kind of fact is
recognised from the columns. A file goes in whole; its faulty rows go to quarantine with every reason. Reading the
same file again changes nothing, and after a crash the same command completes the work.

Exit code 2 when a file cannot be read (the other files are read all the same, but no delivery is stated), 1 when
the ledger or the system fails. Quarantined rows are no failure: see `hengxin quarantine`.")]
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
    if arguments.files.is_empty() && arguments.deliver.is_empty() {
        return Err(Failure::Input("found no file, expected at least one, or --deliver".to_owned()));
    }
    let catalogue = arguments.place.catalogue()?;
    let vocabulary = &catalogue.vocabulary;
    let today = crate::today()?;
    let deliveries = arguments
        .deliver
        .iter()
        .map(|text| delivery(text, vocabulary, today))
        .collect::<Result<Vec<Vec<Delivery>>, Failure>>()?
        .concat();
    if !arguments.place.exists()? {
        // A mistyped name must not leave a new, empty ledger behind.
        let unreadable: Vec<Failure> =
            arguments.files.iter().filter_map(|path| intake::unreadable(path)).collect();
        if !unreadable.is_empty() && unreadable.len() == arguments.files.len() {
            unreadable.iter().for_each(Failure::report);
            return Err(Failure::Shown);
        }
    }
    let ledger = arguments.place.create(&catalogue)?;
    let intake = Intake { ledger: &ledger, vocabulary, progress: true };
    let whole = each(&arguments.files, arguments.json, |path| intake.take(path, arguments.code.as_deref()));
    if !deliveries.is_empty() {
        // A register whose file was refused is not complete: what is missing would count as "nothing on record".
        whole.inspect_err(|_| eprintln!("hengxin: no delivery was stated, since not all files were read"))?;
        let mut recorder = ledger.recorder().map_err(data::store)?;
        recorder.deliver("command line", &deliveries).map_err(data::store)?;
        return Ok(());
    }
    whole
}

/// Reads mended files, whose rows replace rows in quarantine.
pub fn mended(
    files: &[PathBuf],
    ledger: &Ledger,
    vocabulary: &Vocabulary,
    json: bool,
) -> Result<(), Failure> {
    let intake = Intake { ledger, vocabulary, progress: true };
    each(files, json, |path| intake.take_mended(path))
}

/// Takes one file after the other. One that is refused does not keep the others out; a failing system does.
fn each(
    files: &[PathBuf],
    json: bool,
    take: impl Fn(&Path) -> Result<Taken, Failure>,
) -> Result<(), Failure> {
    let mut refused = Ok(());
    for path in files {
        match take(path) {
            Ok(taken) if json => output::json(&as_json(path, &taken)),
            Ok(taken) => print(path, &taken),
            Err(Failure::System(problem)) => return Err(Failure::System(problem)),
            Err(failure) => {
                if let (Failure::Input(message), true) = (&failure, json) {
                    output::json(&json!({"file": path.display().to_string(), "error": message}));
                }
                failure.report();
                refused = Err(Failure::Shown);
            }
        }
    }
    refused
}

/// Reads one file into the ledger.
pub fn file(
    path: &Path,
    code: Option<&str>,
    ledger: &Ledger,
    catalogue: &Catalogue,
) -> Result<Report, Failure> {
    let intake = Intake { ledger, vocabulary: &catalogue.vocabulary, progress: false };
    Ok(intake.take(path, code)?.report)
}

/// Prints what became of a file.
pub fn show(path: &Path, report: &Report, as_json: bool) {
    if as_json {
        output::json(&counts(path, report));
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

fn counts(path: &Path, report: &Report) -> Value {
    json!({
        "file": path.display().to_string(), "accepted": report.accepted, "duplicate": report.duplicate,
        "corrected": report.corrected, "quarantined": report.quarantined, "conflicts": report.conflicts,
        "already_ingested": report.already_ingested, "recorded_at": data::moment(report.recorded_at),
    })
}

fn as_json(path: &Path, taken: &Taken) -> Value {
    let mut value = counts(path, &taken.report);
    value["code"] = json!(taken.code);
    value["quarantine"] = json!(taken.report.quarantine);
    value["ignored_columns"] = json!(taken.ignored);
    value["unread_sheets"] = json!(taken.unread_sheets);
    value
}

fn print(path: &Path, taken: &Taken) {
    show(path, &taken.report, false);
    if !taken.ignored.is_empty() {
        println!("  columns of no known name were left out: {}", taken.ignored.join(", "));
    }
    if !taken.unread_sheets.is_empty() {
        println!("  only the first sheet was read, not: {}", taken.unread_sheets.join(", "));
    }
    if taken.report.quarantined > 0 && !taken.report.already_ingested {
        println!("  `hengxin quarantine list` tells why rows were set aside");
    }
    if taken.report.conflicts > 0 {
        println!("  {} conflicts of codes: `hengxin conflicts` lists them", taken.report.conflicts);
    }
}

fn delivery(text: &str, vocabulary: &Vocabulary, today: Date) -> Result<Vec<Delivery>, Failure> {
    let form = || Failure::Input(format!("--deliver: found `{text}`, expected REGISTER[:REGION]=YYYY-MM-DD"));
    let (what, through) = text.split_once('=').ok_or_else(form)?;
    let through: Date = through.parse().map_err(|e| Failure::Input(format!("--deliver: {e}")))?;
    if through > today {
        return Err(Failure::Input(format!(
            "--deliver: found {through}, in the future; expected a day up to {today}"
        )));
    }
    let (register, region) = match what.split_once(':') {
        Some((register, region)) => {
            (register, region.parse().map_err(|e| Failure::Input(format!("--deliver: {e}")))?)
        }
        None => (what, RegionCode::NATIONAL),
    };
    let registers = &vocabulary.registers;
    if register == "all" {
        let all = (0..registers.len()).filter_map(|i| u16::try_from(i).ok());
        return Ok(all.map(|i| Delivery { register: RegisterId(i), region, through }).collect());
    }
    let register = vocabulary.register_id(register).ok_or_else(|| {
        let known: Vec<&str> = registers.iter().map(|r| r.id.as_str()).collect();
        Failure::Input(format!(
            "--deliver: found the register `{register}`, expected one of {}",
            known.join(", ")
        ))
    })?;
    Ok(vec![Delivery { register, region, through }])
}
