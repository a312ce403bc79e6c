//! `hengxin receipt`: signed receipts of results on record.

use std::path::PathBuf;
use std::sync::Arc;

use hengxin_core::uscc::Uscc;
use hengxin_service::use_case::receipt;
use hengxin_service::{Engine, EngineOptions};

use crate::data::{self, Place};
use crate::failure::Failure;
use crate::log;
use crate::question::problem;

/// Issue the signed receipt of an evaluation or a tier.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin receipt tier 91110101MA00000U27 --field food-production --out receipt.json
  hengxin receipt evaluation 91110101MA00000U27 12
  hengxin verify receipt receipt.json --key hengxin.pub

A tier is decided and put on record first, once however often it is asked for. The receipt states the digests of standard
and facts, the day, the moment of knowledge and the result, and where it stands in the log.")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Of a stored evaluation.
    Evaluation {
        /// The enterprise's code.
        enterprise: String,
        /// Id of the evaluation, as the service gave it.
        id: u64,
        /// Write it to a file.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Of the tier in a field of supervision.
    Tier {
        /// The enterprise's code.
        enterprise: String,
        /// The field.
        #[arg(long)]
        field: String,
        /// The day. Default today.
        #[arg(long, value_name = "DATE")]
        as_of: Option<String>,
        /// The moment whose knowledge counts. Default everything recorded so far.
        #[arg(long, value_name = "MOMENT")]
        known_at: Option<String>,
        /// Write it to a file.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

fn code(text: &str) -> Result<Uscc, Failure> {
    text.parse().map_err(|error| Failure::Input(format!("enterprise `{text}`: {error}")))
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let catalogue = Arc::new(arguments.place.catalogue()?);
    let ledger = arguments.place.write(&catalogue)?;
    let engine = Engine::open(catalogue, ledger, EngineOptions::default()).map_err(problem)?;
    let (receipt, out) = match &arguments.command {
        Command::Evaluation { enterprise, id, out } => {
            (receipt::of_evaluation(&engine, code(enterprise)?, *id).map_err(problem)?, out)
        }
        Command::Tier { enterprise, field, as_of, known_at, out } => {
            let (as_of, known_at) = (data::as_of(as_of.as_deref())?, data::known_at(known_at.as_deref())?);
            let subject = code(enterprise)?;
            (hengxin_service::tier_receipt(&engine, subject, field, as_of, known_at).map_err(problem)?, out)
        }
    };
    engine.stop_writing();
    log::write(out.as_deref(), &log::pretty(&receipt)?)
}
