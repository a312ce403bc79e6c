//! `hengxin`: the one binary. Every command reads its arguments, calls the library, and prints.
//!
//! Exit codes: 0 done, 1 failed (the system or the data folder), 2 bad input (arguments, files, codes, documents).

mod backup;
mod bulk;
mod codes;
mod compare;
mod conflicts;
mod data;
mod dataset;
mod demo;
mod district;
mod draft;
mod export;
mod export_model;
mod failure;
mod features;
mod ingest;
mod intake;
mod laboratory;
mod log;
mod migrate;
mod modeller;
mod monitor;
mod output;
mod pages;
mod place;
mod population;
mod progress;
mod quality;
mod quarantine;
mod question;
mod reasons;
mod receipt;
mod report;
mod rescore;
mod restore;
mod runs;
mod schedules;
mod score;
mod score_history;
mod serve;
mod staging;
mod standards;
mod tier;
mod traces;
mod train;
mod validate;
mod verify;
mod what_if;
mod workbook;

use clap::{CommandFactory as _, Parser, Subcommand};

use failure::Failure;

/// An answer is a few hundred small strings, made on one thread and freed on another: the system's allocator spends a
/// tenth of the service's time on them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// 衡信: comprehensive credit evaluation of enterprises, and supervision by tier.
#[derive(Parser)]
#[command(
    name = "hengxin",
    version,
    term_width = 0,
    after_help = "\
Examples:
  hengxin demo                            the whole way on a synthetic district
  hengxin serve                           gRPC over the ledger of ./hengxin-data
  hengxin uscc 91110101MA00000U27         check a unified social credit code
  hengxin standards list                  the editions that ship with this binary
  hengxin standards check my-standards/   all faults of a folder of standards, at once
  hengxin generate --out district         a synthetic district in the official templates
  hengxin rescore --dataset world --field food-production --out run    everyone in a dataset
  hengxin compare run run2 --html moved.html                           who moved, and why

Datasets and runs lie in folders or in S3-compatible object stores: wherever a command takes the folder of one, it takes
s3://BUCKET/PREFIX too. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION say who asks; AWS_ENDPOINT_URL names
another store than Amazon's, AWS_ALLOW_HTTP=true allows one without TLS.

Exit codes: 0 done, 1 failed, 2 bad input."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Load the sample district, score it, explain one enterprise, and serve.
    Demo(demo::Arguments),
    /// Serve gRPC over the ledger of a data folder.
    Serve(serve::Arguments),
    /// Check unified social credit codes: every defect, and what may have been meant.
    Uscc(codes::Arguments),
    /// Check, list, show or pin evaluation standards.
    Standards(standards::Arguments),
    /// Read files of records into the ledger.
    Ingest(ingest::Arguments),
    /// Rows that could not be recorded: list, export, mend, hand in again.
    Quarantine(quarantine::Arguments),
    /// Codes that belong to two subjects, and subjects with two codes.
    Conflicts(conflicts::Arguments),
    /// How well source units deliver: how soon, how completely, with how many errors.
    Quality(quality::Arguments),
    /// Copy a ledger from a file to a PostgreSQL server, or back.
    Migrate(migrate::Arguments),
    /// Score one enterprise by one standard.
    Score(score::Arguments),
    /// Score one enterprise and tell every reason.
    Explain(score::Arguments),
    /// The supervision tier of one enterprise in one field, and what follows.
    Tier(tier::Arguments),
    /// What would change the tier of one enterprise: records, repairs, and time.
    WhatIf(what_if::Arguments),
    /// Score and tier everyone in a dataset, in full or only who is due.
    Rescore(rescore::Arguments),
    /// Start, list, show, cancel and watch runs of a running service.
    Runs(runs::Arguments),
    /// Bulk exports of tiers: fetch one from a service, list those on record, trace rows back to who fetched them.
    Bulk(bulk::Arguments),
    /// When a running service starts runs by itself.
    Schedules(schedules::Arguments),
    /// Compare two runs: who moved, because of which clause, and what it costs the inspectors.
    Compare(compare::Arguments),
    /// Write a synthetic district or world: no real enterprise, the same files for the same seed.
    Generate(district::Arguments),
    /// Check a dataset of facts, sort rows into one, or export the ledger as one.
    Dataset(dataset::Arguments),
    /// Features for training from the ledger or a dataset, as known at past moments; and the check that none knows the future.
    Features(features::Arguments),
    /// Train a scorecard on a history in Parquet.
    Train(train::Arguments),
    /// Validate a trained model on a history in Parquet.
    Validate(validate::Arguments),
    /// Hold new rows against what a model learned from.
    Monitor(monitor::Monitor),
    /// Compare a challenger with the champion on rows that neither learned from.
    Contest(monitor::Contest),
    /// A joint laboratory: models trained on registered histories, who answers for them, and what may leave.
    Laboratory(laboratory::Arguments),
    /// Write a trained model as an evaluation standard the engine serves, or as an SQL query.
    Export(export_model::Arguments),
    /// Score the rows of Parquet files by a trained model.
    ScoreHistory(score_history::Arguments),
    /// The log over all history: its key, signed heads, entries and proofs.
    Log(log::Arguments),
    /// Issue the signed receipt of an evaluation or a tier.
    Receipt(receipt::Arguments),
    /// Issue a credit report, show one, or check number and code of one.
    Report(report::Arguments),
    /// Check a ledger, a proof or a receipt, offline, with the public key alone.
    Verify(verify::Arguments),
    /// Copy a data folder that may be in use, with what is needed to check the copy.
    Backup(backup::Arguments),
    /// Make a data folder from a backup, after the whole of it has been checked.
    Restore(restore::Arguments),
    /// Print a completion script for a shell.
    Completions {
        /// bash, zsh, fish, elvish or powershell.
        shell: clap_complete::Shell,
    },
}

fn main() -> std::process::ExitCode {
    end_quietly_when_nobody_reads();
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Uscc(arguments) => codes::run(&arguments),
        Command::Standards(arguments) => standards::run(&arguments),
        Command::Ingest(arguments) => ingest::run(&arguments),
        Command::Quarantine(arguments) => quarantine::run(&arguments),
        Command::Conflicts(arguments) => conflicts::run(&arguments),
        Command::Quality(arguments) => quality::run(&arguments),
        Command::Migrate(arguments) => migrate::run(&arguments),
        Command::Score(arguments) => score::run(&arguments),
        Command::Explain(arguments) => score::explain(&arguments),
        Command::Tier(arguments) => tier::run(&arguments),
        Command::WhatIf(arguments) => what_if::run(&arguments),
        Command::Rescore(arguments) => rescore::run(&arguments),
        Command::Runs(arguments) => runs::run(&arguments),
        Command::Bulk(arguments) => bulk::run(&arguments),
        Command::Schedules(arguments) => schedules::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Generate(arguments) => district::run(&arguments),
        Command::Dataset(arguments) => dataset::run(&arguments),
        Command::Features(arguments) => features::run(&arguments),
        Command::Train(arguments) => train::run(&arguments),
        Command::Export(arguments) => export_model::run(&arguments),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Monitor(arguments) => monitor::run(&arguments),
        Command::Laboratory(arguments) => laboratory::run(&arguments),
        Command::Contest(arguments) => monitor::contest(&arguments),
        Command::ScoreHistory(arguments) => score_history::run(&arguments),
        Command::Log(arguments) => log::run(&arguments),
        Command::Receipt(arguments) => receipt::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Backup(arguments) => backup::run(&arguments),
        Command::Restore(arguments) => restore::run(&arguments),
        Command::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut self::Arguments::command(),
                "hengxin",
                &mut std::io::stdout(),
            );
            Ok(())
        }
    };
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}

/// `hengxin … | head` closes our output early; that is no failure and deserves no backtrace.
fn end_quietly_when_nobody_reads() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let text = info.payload().downcast_ref::<String>().map_or("", String::as_str);
        if text.contains("failed printing to stdout") {
            std::process::exit(0);
        }
        report(info);
    }));
}

/// The day in China, where every date of this system is counted.
fn today() -> Result<hengxin_core::date::Date, Failure> {
    // China has one time zone and no summer time since 1991: UTC+8 needs no time-zone data.
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    let date = jiff::Timestamp::now().to_zoned_datetime(zone).date();
    date.to_string().parse().map_err(|e| Failure::System(anyhow::Error::new(e)))
}
