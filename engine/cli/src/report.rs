//! `hengxin report`: credit reports, issued, shown and checked.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hengxin_service::typesetter::{SettingError, Typesetter};
use hengxin_service::{
    Engine, EngineOptions, IssuedReport, Problem, ReportOrder, issue_report, issued_report, verified_report,
};
use serde_json::Value;

use crate::data::{self, Place};
use crate::failure::Failure;
use crate::question::problem;
use crate::{log, output, serve};

/// Issue a credit report, show one, or check number and code of one.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin report issue 91330199MAY000009F --kind public --out report.pdf
  hengxin report issue 91330199MAY000009F --kind special --from 2023-11-01 --field market-regulation --json
  hengxin report show HX20261031-0000000123 --json
  hengxin report verify HX20261031-0000000123 ABCD-EFGH-JKMN-PQRS

A report is kept as it was issued; it is valid for 30 days. A public report has facts that are open to everybody and neither
score nor grade; `evaluation` gives tiers with reasons; `special` has what counts against the enterprise in a period of at
most five years. A PDF needs `hengxin-typeset`, which is built apart (docs/reports.md).")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Issue a report.
    Issue {
        /// The enterprise's code.
        enterprise: String,
        /// public, evaluation or special.
        #[arg(long)]
        kind: String,
        /// The day it speaks of. Default today.
        #[arg(long, value_name = "DATE")]
        as_of: Option<String>,
        /// Only what was recorded by this moment. Default everything recorded so far.
        #[arg(long, value_name = "MOMENT")]
        known_at: Option<String>,
        /// A field; may be repeated. Default all.
        #[arg(long)]
        field: Vec<String>,
        /// First day of the period of a special report.
        #[arg(long, value_name = "DATE")]
        from: Option<String>,
        /// What it is for, as its cover says.
        #[arg(long = "use", value_name = "TEXT")]
        purpose: Option<String>,
        /// The same id issues no second report.
        #[arg(long, value_name = "ID")]
        request_id: Option<String>,
        #[command(flatten)]
        form: Form,
    },
    /// Show a report that was issued.
    Show {
        /// Its number.
        number: String,
        #[command(flatten)]
        form: Form,
    },
    /// Say whether a report with this number and code was issued, and what it was. Exit code 2 when it was not.
    Verify {
        /// Its number.
        number: String,
        /// Its verification code.
        code: String,
        /// One JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// In what form a report is given.
#[derive(clap::Args)]
struct Form {
    /// Write it to a file that is not there yet: `.pdf`, `.json`, or `.bin` for its bytes.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Where the page that checks reports is, for the QR code of a PDF.
    #[arg(long, value_name = "URL", default_value = "")]
    verify_url: String,
    /// The program that sets reports as PDF. Default `hengxin-typeset` beside this program.
    #[arg(long, value_name = "PROGRAM")]
    typesetter: Option<PathBuf>,
    /// All of it as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let catalogue = Arc::new(arguments.place.catalogue()?);
    let reading = || {
        let ledger = arguments.place.open(&catalogue)?;
        Engine::read_only(Arc::clone(&catalogue), ledger, EngineOptions::default()).map_err(problem)
    };
    match &arguments.command {
        Command::Issue { enterprise, kind, as_of, known_at, field, from, purpose, request_id, form } => {
            form.check()?;
            let ledger = arguments.place.write(&catalogue)?;
            let engine =
                Engine::open(Arc::clone(&catalogue), ledger, EngineOptions::default()).map_err(problem)?;
            let text = |given: &Option<String>| given.clone().unwrap_or_default();
            let order = ReportOrder {
                enterprise: enterprise.clone(),
                kind: kind.clone(),
                as_of: text(as_of),
                known_at: data::known_at(known_at.as_deref())?,
                fields: field.clone(),
                from: text(from),
                purpose: text(purpose),
                request_id: text(request_id),
            };
            let issued = issue_report(&engine, order).map_err(problem)?;
            engine.stop_writing();
            form.give(&issued)
        }
        Command::Show { number, form } => {
            form.check()?;
            let issued = issued_report(&*reading()?, number).map_err(problem)?;
            form.give(&issued)
        }
        Command::Verify { number, code, json } => {
            let found = verified_report(&*reading()?, number, code).map_err(problem)?;
            if *json {
                output::json(&found);
            } else {
                print_verified(&found);
            }
            if found["state"] == "unknown" { Err(Failure::Shown) } else { Ok(()) }
        }
    }
}

/// The endings of files a report is written to.
const ENDINGS: [&str; 3] = ["pdf", "json", "bin"];

impl Form {
    /// Refuses what could not be given, before anything is issued.
    fn check(&self) -> Result<(), Failure> {
        let Some(out) = &self.out else { return Ok(()) };
        let ending = out.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if !ENDINGS.contains(&ending) {
            let found = out.display();
            return Err(Failure::Input(format!(
                "--out: found `{found}`, expected a name that ends in .pdf, .json or .bin"
            )));
        }
        if out.exists() {
            return Err(Failure::Input(format!(
                "--out {}: it is there already, expected a free path",
                out.display()
            )));
        }
        if ending == "pdf" {
            self.typesetter()?;
        }
        Ok(())
    }

    fn typesetter(&self) -> Result<Typesetter, Failure> {
        let program = serve::typesetter(self.typesetter.as_deref())?;
        program.map(Typesetter::new).ok_or_else(|| {
            Failure::Input(
                "found no `hengxin-typeset` beside this program, expected one there or --typesetter PROGRAM"
                    .to_owned(),
            )
        })
    }

    fn give(&self, issued: &IssuedReport) -> Result<(), Failure> {
        if let Some(out) = &self.out {
            let bytes = match out.extension().and_then(|ending| ending.to_str()) {
                Some("pdf") => {
                    let set = self.typesetter()?.set(&issued.body, &self.verify_url);
                    set.map_err(|error: SettingError| problem(Problem::NotSet(error)))?
                }
                Some("json") => log::pretty(&issued.json)?.into_bytes(),
                _ => issued.body.clone(),
            };
            write(out, &bytes)?;
        }
        if self.json {
            output::json(&issued.json);
        } else {
            print(issued);
        }
        Ok(())
    }
}

fn write(out: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(out)
        .and_then(|mut file| file.write_all(bytes));
    written.map_err(|error| Failure::Input(format!("--out {}: {error}, expected a free path", out.display())))
}

fn print(issued: &IssuedReport) {
    let text = |name: &str| issued.json[name].as_str().unwrap_or_default().to_owned();
    println!("{}  {} report", issued.number, text("kind"));
    println!("verification code {}", issued.verification_code);
    println!("{}  {}", text("enterprise"), text("display_name"));
    println!("as of {}, as known at {}", text("as_of"), text("known_at"));
    println!("issued at {}, valid until {}", text("issued_at"), text("valid_until"));
    println!("digest {}", text("digest"));
    let none = Vec::new();
    for section in issued.json["sections"].as_array().unwrap_or(&none) {
        let records = section["records"].as_array().map_or(0, Vec::len);
        let said = match (section["withheld"].as_bool(), section["not_delivered"].as_bool()) {
            (Some(true), _) => "not shown in this report".to_owned(),
            (_, Some(true)) => format!("{records} records, not all registers delivered"),
            _ => format!("{records} records"),
        };
        println!("  {}  {said}", section["title"].as_str().unwrap_or_default());
    }
    for tier in issued.json["tiers"].as_array().unwrap_or(&none) {
        let title = tier["title"].as_str().unwrap_or_default();
        println!("  {}: tier {} {title}", tier["field"].as_str().unwrap_or_default(), tier["tier"]);
    }
}

fn print_verified(found: &Value) {
    let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
    if found["state"] == "unknown" {
        println!("no report has this number and this code");
        return;
    }
    println!("{}: {} report on {} {}", text("state"), text("kind"), text("enterprise"), text("display_name"));
    println!("as of {}, issued at {}, valid until {}", text("as_of"), text("issued_at"), text("valid_until"));
    println!("digest {}", text("digest"));
}
