//! `hengxin migrate`: a ledger from one place to another.

use std::path::PathBuf;

use anyhow::Context as _;
use hengxin_store::{Copied, Ledger, transfer};
use serde_json::json;

use crate::data::{self, store};
use crate::failure::Failure;
use crate::output;

/// Copy a ledger from a file to a server, from a server to a file, or from one server to another.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin migrate --from hengxin-data/ledger.sqlite --to postgres://hengxin@localhost/credit
  hengxin migrate --from postgres://hengxin@localhost/credit --to copy/ledger.sqlite

Nothing may lie at the new place yet. Every table is copied row by row, counted and digested at both places; after a failure
there is none. Then the new ledger is verified where it lies. Its keys go along: of a ledger on a server they are
`ledger.key` and `ledger.signing-key` in the data folder, of one in a file they lie beside it. End whatever writes to the old ledger first.")]
pub struct Arguments {
    /// Where the ledger is: `postgres://USER:PASSWORD@HOST/DATABASE`, or a file.
    #[arg(long, value_name = "PLACE")]
    from: String,
    /// Where it goes, likewise.
    #[arg(long, value_name = "PLACE")]
    to: String,
    /// The data folder with the keys of ledgers on servers.
    #[arg(long, default_value = "hengxin-data")]
    data: PathBuf,
    /// A folder of standards instead of those shipped with this binary.
    #[arg(long)]
    standards: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (from, to) =
        (data::ledger(&arguments.from, &arguments.data)?, data::ledger(&arguments.to, &arguments.data)?);
    let catalogue = crate::standards::load_or_shipped(arguments.standards.as_deref())?;
    if let Some(folder) = to.key().parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let copied = transfer(&from, &to).map_err(store)?;
    let verified = Ledger::open(&to, catalogue.vocabulary)
        .and_then(|ledger| ledger.snapshot(None)?.verify())
        .with_context(|| {
            format!("the ledger is at {to}, but could not be checked there; `hengxin verify` checks it")
        })?;
    let rows: u64 = copied.iter().map(|table| table.rows).sum();
    if arguments.json {
        let tables = copied.iter().map(|Copied { table, rows, digest }| {
            json!({ "table": table, "rows": rows, "digest": hengxin_service::hex::hex(digest) })
        });
        output::json(&json!({ "tables": tables.collect::<Vec<_>>(), "facts_verified": verified.facts }));
    } else {
        for Copied { table, rows, digest } in copied.iter().filter(|table| table.rows > 0) {
            println!("{table:<18} {rows:>12}  {}", &hengxin_service::hex::hex(digest)[..16]);
        }
        println!("{rows} rows copied from {from} to {to}; {} facts verified there", verified.facts);
    }
    Ok(())
}
