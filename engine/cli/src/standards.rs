//! `hengxin standards`: check, list, show and pin editions.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use hengxin_core::date::Date;
use hengxin_standard::catalogue::LoadError;
use hengxin_standard::lock::Lock;
use hengxin_standard::report::FaultyFile;
use hengxin_standard::{Catalogue, Edition, cases, parse_document};
use serde_json::json;

use crate::failure::Failure;
use crate::output;

/// Check, list, show or pin evaluation standards.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Check a folder of standards and run the cases beside them: all faults at once.
    #[command(
        after_help = "Examples:\n  hengxin standards check standards\n  hengxin standards check --json my-standards | jq .check"
    )]
    Check {
        /// The folder: `vocabulary.yaml`, `ID/EDITION.yaml`, `policies/FIELD/EDITION.yaml`.
        #[arg(default_value = "standards")]
        folder: PathBuf,
        /// One JSON object a fault.
        #[arg(long)]
        json: bool,
    },
    /// List all editions of all standards and tier policies.
    #[command(after_help = "Examples:\n  hengxin standards list\n  hengxin standards list --json")]
    List {
        /// A folder instead of the standards shipped with this binary.
        #[arg(long)]
        folder: Option<PathBuf>,
        /// One JSON object an edition.
        #[arg(long)]
        json: bool,
    },
    /// Show one edition as a readable page, or its text.
    #[command(
        after_help = "Examples:\n  hengxin standards show public-comprehensive\n  hengxin standards show public-comprehensive --as-of 2020-06-30\n  hengxin standards show tax-credit --edition 2025.1 --text"
    )]
    Show {
        /// Id of the standard.
        id: String,
        /// The edition; without it the one in force.
        #[arg(long)]
        edition: Option<String>,
        /// The date on which it is in force, today when absent.
        #[arg(long, value_name = "YYYY-MM-DD")]
        as_of: Option<String>,
        /// The file's text instead.
        #[arg(long)]
        text: bool,
        /// A folder instead of the standards shipped with this binary.
        #[arg(long)]
        folder: Option<PathBuf>,
    },
    /// Pin the digests of new editions in `editions.lock`; a pinned edition never changes.
    Lock {
        /// The folder.
        #[arg(default_value = "standards")]
        folder: PathBuf,
    },
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Check { folder, json } => check(folder, *json),
        Command::List { folder, json } => {
            list(&load_or_shipped(folder.as_deref())?, *json);
            Ok(())
        }
        Command::Show { id, edition, as_of, text, folder } => {
            show(&load_or_shipped(folder.as_deref())?, id, edition.as_deref(), as_of.as_deref(), *text)
        }
        Command::Lock { folder } => lock(folder),
    }
}

/// The given folder, or the standards shipped with this binary.
pub fn load_or_shipped(folder: Option<&Path>) -> Result<Catalogue, Failure> {
    match folder {
        Some(folder) => load(folder),
        None => Catalogue::shipped().map_err(|problem| failed(problem, false)),
    }
}

/// Loads a folder; faults are shown in full.
pub fn load(folder: &Path) -> Result<Catalogue, Failure> {
    Catalogue::load(folder).map_err(|problem| failed(problem, false))
}

fn failed(problem: LoadError, as_json: bool) -> Failure {
    match problem {
        LoadError::Faults(files) => {
            for file in &files {
                show_faults(file, as_json);
            }
            Failure::Shown
        }
        LoadError::Read { .. } => Failure::Input(format!("{problem}; expected a folder of standards")),
        other => Failure::Input(other.to_string()),
    }
}

/// Prints all faults of a document.
pub fn show_faults(file: &FaultyFile, as_json: bool) {
    if as_json {
        for row in file.rows() {
            output::json(&json!({
                "file": row.file, "line": row.line, "column": row.column, "check": row.check,
                "found": row.found, "expected": row.expected,
            }));
        }
    } else if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        print!("{}", file.fancy(true));
    } else {
        print!("{}", file.plain());
    }
}

fn check(folder: &Path, as_json: bool) -> Result<(), Failure> {
    let catalogue = Catalogue::load(folder).map_err(|problem| failed(problem, as_json))?;
    let (mut held, mut failed) = (0, 0);
    for edition in catalogue.standards() {
        let file = edition.path.replace(".yaml", ".cases.yaml");
        let Ok(text) = std::fs::read_to_string(folder.join(&file)) else { continue };
        match parse_document(&text).and_then(|node| cases::run(&node, edition, &catalogue)) {
            Err(faults) => {
                show_faults(&FaultyFile { file, text, faults }, as_json);
                failed += 1;
            }
            Ok(results) => {
                for result in results {
                    if result.failures.is_empty() {
                        held += 1;
                        continue;
                    }
                    failed += 1;
                    for failure in &result.failures {
                        if as_json {
                            output::json(&json!({"file": file, "case": result.name, "failure": failure}));
                        } else {
                            println!("{file}: case `{}`: {failure}", result.name);
                        }
                    }
                }
            }
        }
    }
    let (standards, policies) = (catalogue.standards().count(), catalogue.policies().count());
    if !as_json {
        println!(
            "{standards} standards and {policies} policies without faults; {held} cases hold, {failed} do not"
        );
    }
    if failed > 0 { Err(Failure::Shown) } else { Ok(()) }
}

fn list(catalogue: &Catalogue, as_json: bool) {
    let mut table = output::table(&["kind", "id", "edition", "in force", "status", "title"]);
    let period = |(from, to): (Date, Date)| match to {
        Date::FOREVER => format!("{from} –"),
        to => format!("{from} – {to}"),
    };
    for edition in catalogue.standards() {
        let s = &edition.standard;
        if as_json {
            output::json(&json!({
                "kind": "standard", "id": s.id, "edition": s.edition, "from": s.effective.0.to_string(),
                "to": end(s.effective.1), "status": s.status.name(), "title": s.title, "digest": edition.digest,
            }));
        }
        table.add_row(["standard", &s.id, &s.edition, &period(s.effective), s.status.name(), &s.title]);
    }
    for edition in catalogue.policies() {
        let p = &edition.policy;
        if as_json {
            output::json(&json!({
                "kind": "policy", "id": p.field, "edition": p.edition, "from": p.effective.0.to_string(),
                "to": end(p.effective.1), "status": p.status.name(), "title": p.title, "digest": edition.digest,
            }));
        }
        table.add_row(["policy", &p.field, &p.edition, &period(p.effective), p.status.name(), &p.title]);
    }
    if !as_json {
        println!("{table}");
    }
}

fn end(date: Date) -> Option<String> {
    (date != Date::FOREVER).then(|| date.to_string())
}

fn show(
    catalogue: &Catalogue,
    id: &str,
    edition: Option<&str>,
    as_of: Option<&str>,
    text: bool,
) -> Result<(), Failure> {
    let as_of = match as_of {
        Some(text) => text.parse().map_err(|e| Failure::Input(format!("--as-of: {e}")))?,
        None => crate::today()?,
    };
    let found = match edition {
        Some(edition) => catalogue.pinned(id, edition),
        None => catalogue.standard(id, as_of),
    };
    let found: &Edition = found.map_err(|e| Failure::Input(e.to_string()))?;
    if text {
        print!("{}", found.text);
        return Ok(());
    }
    let s = &found.standard;
    println!("{} ({} {}), {}", s.title, s.id, s.edition, s.authority);
    println!(
        "in force from {} to {}; status {}; digest {}",
        s.effective.0,
        s.effective.1,
        s.status.name(),
        found.digest
    );
    if let Some(note) = &s.note {
        println!("note: {note}");
    }
    if let Some(scale) = &s.scale {
        println!("scores from {} to {}", scale.min, scale.max);
    }
    let mut table = output::table(&["indicator", "title", "points", "source"]);
    for indicator in &s.indicators {
        table.add_row([
            indicator.id.as_str(),
            &indicator.title,
            &format!("{} to {}", indicator.min, indicator.max),
            &indicator.source.to_string(),
        ]);
    }
    println!("\n{table}");
    let grades: Vec<String> = s
        .grades
        .all
        .iter()
        .map(|g| g.title.as_ref().map_or(g.id.clone(), |title| format!("{} ({title})", g.id)))
        .collect();
    println!("\ngrades, best first: {}", grades.join(", "));
    for finding in &s.findings {
        println!("finding {}: {} [{}]", finding.id, finding.title, finding.source);
    }
    Ok(())
}

fn lock(folder: &Path) -> Result<(), Failure> {
    let catalogue = load(folder)?;
    let path = folder.join("editions.lock");
    let mut lock = match std::fs::read_to_string(&path) {
        Ok(text) => Lock::parse(&text).map_err(|e| Failure::Input(e.to_string()))?,
        Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => Lock::default(),
        Err(problem) => return Err(problem.into()),
    };
    let before = lock.0.len();
    catalogue.pin(&mut lock).map_err(|e| Failure::Input(e.to_string()))?;
    // Written beside and renamed: a lock is whole or as it was.
    let beside = folder.join("editions.lock.new");
    std::fs::write(&beside, lock.render()).with_context(|| format!("cannot write {}", beside.display()))?;
    std::fs::rename(&beside, &path).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{} lines pinned, {} of them new", lock.0.len(), lock.0.len() - before);
    Ok(())
}
