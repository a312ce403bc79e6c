//! `hengxin bulk`: bulk exports of tiers, fetched, listed, and traced back.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use hengxin_service::client::{Asking, ClientError, ExportOrder, ExportStream};
use hengxin_service::use_case::export::file::{FileError, Found, Rows};
use hengxin_service::use_case::export::mark::{Marks, Origin, Tracer};
use hengxin_service::use_case::export::row::first_line;
use hengxin_store::ExportRecord;
use serde_json::{Value, json};

use crate::data::{self, Place};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::question::problem;
use crate::runs::refused_or_failed;
use crate::{log, output};

/// Bulk exports of tiers: fetch one from a service, list those on record, trace rows back to who fetched them.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin bulk export food-production --region 330100 --out tiers.csv --server https://credit.example:50051 \\
      --ca ca.pem --token-file token
  hengxin bulk list --data d --caller supervision.hangzhou.example
  hengxin bulk trace found.csv --data d

An export is a CSV file and, beside it, FILE.json: its number, who asked for it and what for, rows and digest, which is what
`sha256sum FILE` says. Every row has a mark that ties it to its export. `trace` reads such a file or any lines of one; its
columns may stand in any order, their values must be as they were. See docs/access.md.")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Fetch the tiers of a field from a running service.
    Export(Export),
    /// Exports on record, newest first.
    List {
        /// Only of this caller.
        #[arg(long, value_name = "NAME")]
        caller: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Say of every row of a file to whom it was given. Exit code 2 when one was given to nobody as it stands there.
    Trace {
        /// A CSV file with the columns of an export, or some lines of one.
        file: PathBuf,
        /// One JSON object a row.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
}

/// What to fetch, from where, as whom.
#[derive(clap::Args)]
struct Export {
    /// Field of supervision.
    field: String,
    /// The file to write, which must not be there yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Only this tier.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    tier: u32,
    /// Only enterprises registered within this region, six digits.
    #[arg(long, default_value = "", hide_default_value = true)]
    region: String,
    /// Only enterprises of this industry, such as `C` or `C1411`.
    #[arg(long, default_value = "", hide_default_value = true)]
    industry: String,
    /// The tiers of the loaded run instead of the decisions on record.
    #[arg(long)]
    from_run: bool,
    /// Address of a running `hengxin serve`.
    #[arg(long, default_value = "http://127.0.0.1:50051", value_name = "URL")]
    server: String,
    /// The authority of the service's certificate, PEM; needed with https.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The caller's certificate, PEM.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Its key, PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// A file with the caller's token.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// What for.
    #[arg(long, default_value = "supervision")]
    purpose: String,
    /// On what legal basis.
    #[arg(long, default_value = "statutory-duty")]
    legal_basis: String,
    /// Head and end as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Export(export) => export.run(),
        Command::List { caller, limit, json, place } => list(place, caller.as_deref(), *limit, *json),
        Command::Trace { file, json, place } => trace(place, file, *json),
    }
}

impl Export {
    fn run(&self) -> Result<(), Failure> {
        let (told, part) = (longer(&self.out, ".json"), longer(&self.out, ".part"));
        for path in [&self.out, &told] {
            if path.exists() {
                let path = path.display();
                return Err(Failure::Input(format!("--out: found {path} already, expected a free path")));
            }
        }
        let file = OpenOptions::new().write(true).create_new(true).open(&part);
        let file = file.map_err(|error| {
            let part = part.display();
            Failure::Input(match error.kind() {
                ErrorKind::AlreadyExists => format!(
                    "--out: found {part} already, expected a free path: another export writes it, or one that was cut off \
                     left it to be removed"
                ),
                _ => format!("--out {part}: {error}"),
            })
        })?;
        let done = self.fetch(file).and_then(|head| {
            finish(&part, &self.out, &told, &log::pretty(&head)?)?;
            Ok(head)
        });
        if done.is_err() {
            // The first failure is the one to tell.
            let _ = std::fs::remove_file(&part);
        }
        let head = done?;
        if self.json {
            output::json(&head);
        } else {
            let text = |name: &str| head[name].as_str().unwrap_or_default();
            println!("{}  {} rows in {}", text("number"), head["rows"], self.out.display());
            println!("for {}, {}", of(text("caller"), text("department")), text("purpose"));
            println!("digest {}", text("digest"));
        }
        Ok(())
    }

    /// Fetches all of it into a file; what the service says of it. Only then is it on the disk.
    fn fetch(&self, file: File) -> Result<Value, Failure> {
        let pem = |path: &Option<PathBuf>| path.as_deref().map(read).transpose();
        let token = self.token_file.as_deref().map(log::read).transpose()?;
        let asking = Asking {
            address: self.server.clone(),
            authority: pem(&self.ca)?,
            identity: pem(&self.cert)?.zip(pem(&self.key)?),
            token: token.map(|token| token.trim().to_owned()),
            purpose: self.purpose.clone(),
            legal_basis: self.legal_basis.clone(),
        };
        let order = ExportOrder {
            field: self.field.clone(),
            tier: self.tier,
            region: self.region.clone(),
            industry: self.industry.clone(),
            from_run: self.from_run,
        };
        let mut file = BufWriter::new(file);
        file.write_all(first_line().as_bytes())?;
        let failed = |problem: ClientError| refused_or_failed(problem);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let head = runtime.block_on(async {
            let mut export = ExportStream::begin(&asking, order).await.map_err(failed)?;
            let progress = Progress::new(format!("exporting {}", self.field), export.expected);
            while let Some(lines) = export.lines().await.map_err(failed)? {
                for line in lines {
                    file.write_all(line.as_bytes())?;
                }
                // Decisions may be recorded meanwhile.
                progress.of(export.rows, export.expected.max(export.rows));
            }
            Ok::<Value, Failure>(export.head)
        })?;
        file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        Ok(head)
    }
}

/// Gives a fetched file its name, with its head beside it; or leaves neither.
fn finish(part: &Path, out: &Path, told: &Path, head: &str) -> Result<(), Failure> {
    log::write(Some(told), head)?;
    // Last: where there is a file, it is whole and its head lies beside it.
    std::fs::rename(part, out).map_err(|error| {
        // Every further try would be refused for it. The first failure is the one to tell.
        let _ = std::fs::remove_file(told);
        Failure::Input(format!("--out {}: {error}", out.display()))
    })
}

/// A file beside another one.
fn longer(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
}

fn list(place: &Place, caller: Option<&str>, limit: usize, json: bool) -> Result<(), Failure> {
    let ledger = place.open(&place.catalogue()?)?;
    let exports = ledger.snapshot(None).and_then(|snapshot| snapshot.exports(caller, limit));
    let exports = exports.map_err(data::store)?;
    if json {
        exports.iter().map(told).for_each(|export| output::json(&export));
        return Ok(());
    }
    let mut table =
        output::table(&["export", "begun", "caller", "department", "purpose", "what", "rows", "end"]);
    for record in &exports {
        let (rows, end) = ending(record);
        let export = &record.export;
        table.add_row([
            export.number.clone(),
            data::moment(export.begun_at),
            export.caller.clone(),
            export.department.clone(),
            export.purpose.clone(),
            export.what.clone(),
            rows,
            end,
        ]);
    }
    println!("{table}");
    Ok(())
}

/// Rows that went out, and how it ended.
fn ending(record: &ExportRecord) -> (String, String) {
    match &record.end {
        None => ("?".to_owned(), "no end on record".to_owned()),
        Some((_, end)) => {
            let why = if end.detail.is_empty() { String::new() } else { format!(" ({})", end.detail) };
            (end.rows.to_string(), format!("{}{why}", end.ending.id()))
        }
    }
}

fn told(record: &ExportRecord) -> Value {
    let (export, end) = (&record.export, record.end.as_ref());
    json!({
        "number": export.number, "begun_at": data::moment(export.begun_at), "caller": export.caller,
        "department": export.department, "purpose": export.purpose, "legal_basis": export.basis, "what": export.what,
        "ended_at": end.map(|(at, _)| data::moment(*at)), "rows": end.map(|(_, end)| end.rows),
        "ending": end.map(|(_, end)| end.ending.id()), "detail": end.map(|(_, end)| &end.detail),
    })
}

/// A caller, with its department where it has one.
fn of(caller: &str, department: &str) -> String {
    if department.is_empty() { caller.to_owned() } else { format!("{caller} ({department})") }
}

fn trace(place: &Place, path: &Path, json: bool) -> Result<(), Failure> {
    let file = File::open(path).map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
    let ledger = place.open(&place.catalogue()?)?;
    let snapshot = ledger.snapshot(None).map_err(data::store)?;
    let marks = Marks::of(&ledger);
    let mut tracer = Tracer::new(&snapshot, &marks);
    let mut given: BTreeMap<String, (ExportRecord, u64)> = BTreeMap::new();
    let mut lost = 0u64;
    let wrong = |error: FileError| Failure::Input(format!("{}: {error}", path.display()));
    for found in Rows::open(file).map_err(wrong)? {
        let Found { line, row, mark } = found.map_err(wrong)?;
        let code = row.0.first().cloned().unwrap_or_default();
        let origin = tracer.trace(&row, &mark).map_err(problem)?;
        if json {
            let (word, export) = match &origin {
                Origin::Export(export) => ("export", Some(told(export))),
                Origin::Altered(export) => ("altered", Some(told(export))),
                Origin::Unrecorded(_) => ("unrecorded", None),
                Origin::Foreign => ("foreign", None),
            };
            output::json(&json!({ "line": line, "code": code, "origin": word, "export": export }));
        } else {
            let said = match &origin {
                Origin::Export(export) => export.export.number.clone(),
                Origin::Altered(export) => format!(
                    "altered or made up: its mark names {}, which has no such row",
                    export.export.number
                ),
                Origin::Unrecorded(number) => {
                    format!("from {number}, which is not on record: this ledger comes from an older backup")
                }
                Origin::Foreign => "its mark is none of this ledger".to_owned(),
            };
            println!("line {line}  {code}  {said}");
        }
        match origin {
            Origin::Export(export) => {
                given.entry(export.export.number.clone()).or_insert((*export, 0)).1 += 1;
            }
            Origin::Altered(_) | Origin::Unrecorded(_) | Origin::Foreign => lost += 1,
        }
    }
    if !json {
        for (number, (record, count)) in &given {
            let export = &record.export;
            println!("\n{number}: {count} of these rows");
            println!("  given to {}", of(&export.caller, &export.department));
            println!("  for {} on {}, {}", export.purpose, export.basis, data::moment(export.begun_at));
            let (rows, end) = ending(record);
            println!("  {}, {rows} rows, {end}", export.what);
        }
    }
    if lost > 0 { Err(Failure::Shown) } else { Ok(()) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_have_its_name_leaves_no_head_behind() {
        let folder = tempfile::tempdir().unwrap();
        let [part, out, told] = ["a.part", "a", "a.json"].map(|name| folder.path().join(name));
        std::fs::write(&part, "rows").unwrap();
        std::fs::create_dir(&out).unwrap();
        assert!(
            matches!(finish(&part, &out, &told, "{}"), Err(Failure::Input(said)) if said.contains("--out"))
        );
        assert!(!told.exists());
        std::fs::remove_dir(&out).unwrap();
        assert!(finish(&part, &out, &told, "{}").is_ok());
        assert_eq!(
            (std::fs::read(&out).unwrap(), std::fs::read(&told).unwrap()),
            (b"rows".to_vec(), b"{}".to_vec())
        );
        // A head that is there already is somebody else's.
        std::fs::write(&part, "more").unwrap();
        assert!(finish(&part, &out, &told, "{}").is_err() && told.exists());
    }
}
