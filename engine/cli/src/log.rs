//! `hengxin log`: the log over all history.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use hengxin_log::TreeHead;
use hengxin_store::Archive;
use serde_json::json;

use crate::data::{self, Place};
use crate::failure::Failure;
use crate::output;

/// The log over all history: its key, signed heads, entries and proofs.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin log key > hengxin.pub                the public key, one line; give it away by other means than the ledger
  hengxin log head --out head.txt              the newest signed head; keep it, and `verify --since head.txt` later
  hengxin log entry 17                         what an entry says
  hengxin log prove 17 --out proof.json        that the entry is in the tree of the newest head
  hengxin log prove --since head.txt --out proof.json    that the log begins with what an earlier head speaks of

All of it is read from the file; neither keys nor a running service are needed. See docs/log.md.")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Subcommand)]
enum Command {
    /// The public key.
    Key,
    /// The newest signed head.
    Head {
        /// Only the newest of at most so many entries.
        #[arg(long, value_name = "ENTRIES")]
        size: Option<u64>,
        /// Write it to a file.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// One entry as it is now.
    Entry {
        /// Its position, from 0.
        position: u64,
    },
    /// A proof that can be checked without the ledger.
    Prove {
        /// Position of the entry to prove, from 0.
        #[arg(required_unless_present = "since", conflicts_with = "since")]
        position: Option<u64>,
        /// An earlier signed head to prove consistency with.
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
        /// Write it to a file.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let archive = arguments.place.archive()?;
    match &arguments.command {
        Command::Key => println!("{}", archive.log().key().map_err(data::store)?),
        Command::Head { size, out, json } => head(&archive, *size, out.as_deref(), *json)?,
        Command::Entry { position } => {
            let entry = archive.log().entry(*position).map_err(data::store)?;
            println!(
                "{}",
                entry.ok_or_else(|| Failure::Input(format!("the log has no entry {position}")))?.text
            );
        }
        Command::Prove { position, since, out } => {
            let log = archive.log();
            let proof = match (position, since) {
                (Some(position), _) => log.prove_inclusion(*position),
                (None, Some(head)) => log.prove_consistency(&read(head)?),
                (None, None) => return Err(Failure::Input("expected a position or --since".to_owned())),
            };
            write(out.as_deref(), &pretty(&proof.map_err(data::store)?)?)?;
        }
    }
    Ok(())
}

fn head(archive: &Archive, size: Option<u64>, out: Option<&Path>, json: bool) -> Result<(), Failure> {
    let log = archive.log();
    let note = log.head(size).map_err(data::store)?;
    let note = note.ok_or_else(|| Failure::Input("the log has no entries yet, so no head".to_owned()))?;
    if !json {
        return write(out, &note);
    }
    let key = log.key().map_err(data::store)?;
    let head = TreeHead::open(&note, &key).map_err(|error| Failure::System(anyhow::Error::new(error)))?;
    output::json(&json!({
        "origin": head.origin,
        "number": head.number,
        "entries": head.size,
        "root": head.root.to_string(),
        "at": data::moment(hengxin_core::date::Moment(head.at)),
        "note": note,
    }));
    Ok(())
}

/// A file given by the user, as text.
pub fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::Input(format!("{}: {error}", path.display())))
}

/// A document as JSON for people.
pub fn pretty(value: &impl serde::Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::System(error.into()))?;
    Ok(text + "\n")
}

/// To a file that is not there yet, or to the screen. A head, proof or receipt that was kept is never written over.
pub fn write(out: Option<&Path>, text: &str) -> Result<(), Failure> {
    match out {
        Some(path) => std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .and_then(|mut file| {
                file.write_all(text.as_bytes()).inspect_err(|_| {
                    // A part of it is worth nothing, and would be in the way.
                    let _ = std::fs::remove_file(path);
                })
            })
            .map_err(|error| {
                Failure::Input(format!("--out {}: {error}, expected a free path", path.display()))
            }),
        None => Ok(std::io::stdout().write_all(text.as_bytes())?),
    }
}
