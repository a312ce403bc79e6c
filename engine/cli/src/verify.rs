//! `hengxin verify`: a ledger, a proof or a receipt, checked offline.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hengxin_log::{ProofFile, Receipt, Shown, TreeHead, VerifyingKey};
use hengxin_service::use_case::receipt::recompute;
use hengxin_service::{Engine, EngineOptions};
use serde_json::json;

use crate::data::{self, Place};
use crate::failure::Failure;
use crate::question::problem;
use crate::{log, output};

/// Check a ledger, a proof or a receipt, offline, with the public key alone.
#[derive(clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  hengxin verify --data hengxin-data --key hengxin.pub                       every row, entry and head of the ledger
  hengxin verify --data hengxin-data --key hengxin.pub --since head.txt      and that it goes on from an earlier head
  hengxin verify proof proof.json --key hengxin.pub
  hengxin verify receipt receipt.json --key hengxin.pub                      signature and place in the log
  hengxin verify receipt receipt.json --key hengxin.pub --recompute --data hengxin-data    and the result, computed again

--key takes the key or a file with it: `hengxin log key` prints it. Without --key the key in the ledger is used, which
shows damage and clumsy changes, but not a forgery of the whole ledger, key and all.

Exit codes: 0 all is well, 1 it is not, 2 bad input."
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    store: Store,
}

#[derive(clap::Args)]
struct Store {
    /// The public key of the log, or a file with it.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A signed head seen earlier.
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
    /// JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Subcommand)]
enum Command {
    /// A proof of inclusion or consistency.
    Proof {
        /// The file.
        file: PathBuf,
        /// The public key of the log, or a file with it.
        #[arg(long, value_name = "KEY")]
        key: String,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// A receipt.
    Receipt {
        /// The file.
        file: PathBuf,
        /// The public key of the log, or a file with it.
        #[arg(long, value_name = "KEY")]
        key: String,
        /// Compute the result again from the ledger that --data or --ledger names.
        #[arg(long)]
        recompute: bool,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        None => store(&arguments.store),
        Some(Command::Proof { file, key, json }) => proof(file, &self::key(key)?, *json),
        Some(Command::Receipt { file, key, recompute, json }) => {
            let place = recompute.then_some(&arguments.store.place);
            receipt(file, &self::key(key)?, place, *json)
        }
    }
}

/// The key itself, or a file with it.
pub fn key(text: &str) -> Result<VerifyingKey, Failure> {
    let text = if text.contains('+') { text.to_owned() } else { log::read(Path::new(text))? };
    text.parse().map_err(|error| Failure::Input(format!("--key: {error}")))
}

/// Something is wrong: exit code 1.
pub fn not_well(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::System(anyhow::Error::new(error))
}

fn store(arguments: &Store) -> Result<(), Failure> {
    let archive = arguments.place.archive()?;
    let (key, own) = match &arguments.key {
        Some(text) => (key(text)?, false),
        None => (archive.log().key().map_err(data::store)?, true),
    };
    let since = match &arguments.since {
        Some(path) => {
            let note = log::read(path)?;
            let head = TreeHead::open(&note, &key)
                .map_err(|error| Failure::Input(format!("{}: {error}", path.display())))?;
            Some((note, head))
        }
        None => None,
    };
    let verified = archive.verify(&key).map_err(not_well)?;
    if let Some((note, _)) = &since {
        archive.log().prove_consistency(note).map_err(not_well)?;
    }
    let entries = verified.log.entries;
    if arguments.json {
        output::json(&json!({
            "facts": verified.facts,
            "entries": entries,
            "heads": verified.log.heads,
            "root": verified.log.newest.as_ref().map(|head| head.root.to_string()),
            "key": key.to_string(),
            "key_from": if own { "ledger" } else { "caller" },
            "since": since.as_ref().map(|(_, head)| head.size),
        }));
        return Ok(());
    }
    println!(
        "{} facts, {entries} entries and {} signed heads are what was recorded.",
        verified.facts, verified.log.heads
    );
    if let Some(head) = &verified.log.newest {
        println!("root {} of {}", head.root, data::moment(hengxin_core::date::Moment(head.at)));
    }
    if let Some((_, head)) = since {
        println!("The first {} entries are those of the earlier head.", head.size);
    }
    if own {
        println!(
            "Checked with the key in the ledger itself, {key}; to rule out a forgery of the whole, pass --key."
        );
    }
    Ok(())
}

fn proof(file: &Path, key: &VerifyingKey, json: bool) -> Result<(), Failure> {
    let proof: ProofFile = parse(file)?;
    let shown = proof.verify(key).map_err(not_well)?;
    let text = match shown {
        Shown::Included { position, head } => {
            format!("entry {position} is in the log of {} entries", head.size)
        }
        Shown::Continued { earlier, later } => {
            format!("the log of {} entries begins with the {} of the earlier head", later.size, earlier.size)
        }
    };
    if json {
        output::json(&json!({ "shown": text }));
    } else {
        println!("{text}");
        if let ProofFile::Inclusion { entry, .. } = proof {
            println!("{entry}");
        }
    }
    Ok(())
}

fn receipt(file: &Path, key: &VerifyingKey, place: Option<&Place>, json: bool) -> Result<(), Failure> {
    let receipt: Receipt = parse(file)?;
    let head = receipt.verify(key).map_err(not_well)?;
    let statement = &receipt.statement;
    if let Some(place) = place {
        let catalogue = Arc::new(place.catalogue()?);
        let ledger = place.open(&catalogue)?;
        let engine = Engine::read_only(catalogue, ledger, EngineOptions::default()).map_err(problem)?;
        let differences = recompute(&engine, statement).map_err(problem)?;
        if let Some(first) = differences.first() {
            return Err(Failure::System(anyhow::anyhow!(
                "computed again, {} is `{}`, but the receipt says `{}`",
                first.field,
                first.computed,
                first.receipt
            )));
        }
    }
    if json {
        output::json(&json!({
            "statement": statement,
            "position": receipt.position,
            "entries": head.size,
            "computed_again": place.is_some(),
        }));
        return Ok(());
    }
    println!("{} of {}: {}", statement.kind, statement.subject, statement.result);
    println!(
        "by {} {} on {}, known at {}",
        statement.standard, statement.edition, statement.as_of, statement.known_at
    );
    println!("signed, and entry {} of a log of {} entries", receipt.position, head.size);
    match place {
        Some(_) => println!("computed again from the ledger: the same"),
        None => println!("not computed again: pass --recompute to do so"),
    }
    Ok(())
}

fn parse<T: serde::de::DeserializeOwned>(file: &Path) -> Result<T, Failure> {
    serde_json::from_str(&log::read(file)?)
        .map_err(|error| Failure::Input(format!("{}: {error}", file.display())))
}
