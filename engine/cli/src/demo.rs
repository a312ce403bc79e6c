//! `hengxin demo`: the whole way on a synthetic district, from files to tiers, reasons and a running service.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use hengxin_core::date::Date;
use hengxin_core::fact::Delivery;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::RegisterId;
use hengxin_service::conductor::Conductor;
use hengxin_service::use_case::runs;
use hengxin_service::{Access, Config, Engine, EngineOptions, RunSetup, record_tiers};
use hengxin_standard::Catalogue;
use hengxin_store::{Ledger, NewRun, RequestKey, TierFilter};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest as _, Sha256};

use crate::data::{self, Place};
use crate::failure::Failure;
use crate::population::Population;
use crate::question::problem;
use crate::{district, ingest, output, pages, score, serve, tier};

/// Load the sample district, score it, explain one enterprise, and serve.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin demo
  hengxin demo --data /tmp/demo --listen 127.0.0.1:0
  hengxin demo --no-serve

Run again it finds its work done and only shows it. Its data folder is its own: sample records never mix with yours.")]
pub struct Arguments {
    /// The data folder.
    #[arg(long, default_value = "hengxin-demo")]
    data: PathBuf,
    /// How many enterprises.
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u32).range(1..=90_000))]
    enterprises: u32,
    /// End after the explanation instead of serving.
    #[arg(long)]
    no_serve: bool,
    #[command(flatten)]
    socket: serve::Socket,
    /// Where the console is found. Without this 127.0.0.1:8080, or a free port when that is taken.
    #[arg(long, value_name = "ADDRESS:PORT")]
    console: Option<SocketAddr>,
}

/// The strictest tier met, an enterprise in it, and the field.
type Worst = (u16, Uscc, String);

/// The seed of the sample district.
pub const SEED: u64 = 20_261_101;

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let place = Place::at(&arguments.data);
    if std::env::var_os(data::LEDGER).is_some_and(|text| !text.is_empty()) {
        let folder = arguments.data.display();
        eprintln!("{} is not looked at: the demo has a ledger of its own in `{folder}`", data::LEDGER);
    }
    let catalogue = Arc::new(place.catalogue()?);
    let ledger = place.create(&catalogue)?;
    load(arguments, &ledger, &catalogue)?;
    let (year, month, day) = district::LAST_DAY;
    let as_of = Date::from_ymd(year, month, day).map_err(|e| Failure::System(anyhow::Error::new(e)))?;
    deliver(&ledger, as_of)?;
    let fields: Vec<String> = catalogue.fields().map(str::to_owned).collect();
    let access = Arc::new(Access::open());
    let console = arguments.console.unwrap_or_else(|| free(pages::DEFAULT));
    let typesetter = serve::typesetter(None)?;
    let people = pages::people(&catalogue, as_of, &access, Some(console), false, typesetter.is_some(), "");
    let engine = Engine::open(catalogue, ledger, EngineOptions::default()).map_err(problem)?;
    let worst = score_all(&engine, &fields, as_of, arguments.enterprises)?;
    let runner = Population::new(Arc::clone(engine.catalogue()), engine.ledger().clone());
    let setup = RunSetup::new(Arc::new(runner), place.runs());
    run_twice(&engine, &setup, &fields, as_of)?;
    if let Some((tier, code, field)) = &worst {
        println!("\nOne of tier {tier} in {field}, explained:\n");
        tier::run(&tier::Arguments::about(code.as_str(), field, as_of, &arguments.data))?;
        println!();
        score::explain(&score::Arguments::about(code.as_str(), as_of, &arguments.data))?;
        try_next(*code, field, as_of, &arguments.data);
    }
    if arguments.no_serve {
        engine.stop_writing();
        return Ok(());
    }
    let config = Config {
        address: arguments.socket.listen,
        people: Some(people),
        runs: Some(setup),
        typesetter,
        ..Config::default()
    };
    serve::until_stopped(config, engine, |address, console| {
        println!("\nServing on {address} until Ctrl-C. From another terminal:");
        println!("  grpcurl -plaintext {address} list");
        if let Some((_, code, field)) = worst {
            println!(
                "  grpcurl -plaintext -d '{{\"enterprise\": \"enterprises/{code}\", \"field\": \"{field}\", \
                 \"as_of\": \"{as_of}\"}}' {address} hengxin.v1.SupervisionService/GetTier"
            );
        }
        if let Some(console) = console {
            println!(
                "\nThe console, in any browser:\n  http://{console}/?field=market-regulation&as_of={as_of}"
            );
        }
    })
}

/// Evaluates every field as of a quarter before and as of the last day, so that there is something to compare. Done before
/// it is not done again.
fn run_twice(engine: &Arc<Engine>, setup: &RunSetup, fields: &[String], as_of: Date) -> Result<(), Failure> {
    let bar = ProgressBar::new(2 * fields.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("runs {wide_bar} {pos}/{len}") {
        bar.set_style(style);
    }
    let conductor = Conductor::new(Arc::clone(engine), setup.clone());
    for (day, incremental) in [(as_of.plus_days(-92), false), (as_of, true)] {
        for field in fields {
            let new = NewRun {
                field: field.clone(),
                as_of: day,
                known_at: engine.watermark(),
                dataset: None,
                incremental,
                previous: None,
            };
            // The same for every demo of these data, whatever was recorded since.
            let digest = Sha256::digest(format!("{field} {day}")).into();
            let request = RequestKey { id: format!("{field} {day}"), method: "demo".to_owned(), digest };
            runs::start(engine, &new, &request).map_err(problem)?;
            while conductor.work().map_err(problem)? {}
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// The address if it can be had, else a free port beside it.
fn free(wanted: SocketAddr) -> SocketAddr {
    match std::net::TcpListener::bind(wanted) {
        Ok(_) => wanted,
        Err(_) => SocketAddr::new(wanted.ip(), 0),
    }
}

fn load(arguments: &Arguments, ledger: &Ledger, catalogue: &Catalogue) -> Result<(), Failure> {
    let folder = arguments.data.join("district");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    println!("The sample district: {} enterprises, none of them real.", arguments.enterprises);
    for sheet in district::district(arguments.enterprises, SEED) {
        sheet.write_csv(&folder)?;
        let path = folder.join(format!("{}.csv", sheet.name));
        ingest::show(&path, &ingest::file(&path, None, ledger, catalogue)?, false);
    }
    Ok(())
}

/// States once that every register is complete through the district's last day.
fn deliver(ledger: &Ledger, through: Date) -> Result<(), Failure> {
    let first = district::subject(0).and_then(|c| c.parse().ok());
    let delivered = match first {
        Some(subject) => {
            let snapshot = ledger.snapshot(None).map_err(data::store)?;
            let file = snapshot.credit_file(subject).map_err(data::store)?;
            file.is_some_and(|f| f.deliveries().through(RegisterId(0), None).is_some())
        }
        None => false,
    };
    if delivered {
        return Ok(());
    }
    let registers = (0..ledger.vocabulary().registers.len()).filter_map(|i| u16::try_from(i).ok());
    let all: Vec<Delivery> = registers
        .map(|i| Delivery { register: RegisterId(i), region: RegionCode::NATIONAL, through })
        .collect();
    ledger.recorder().and_then(|mut r| r.deliver("demo", &all)).map_err(data::store)?;
    Ok(())
}

/// Decides and records all tiers, prints how many are in each; one enterprise of the strictest.
fn score_all(
    engine: &Engine,
    fields: &[String],
    as_of: Date,
    enterprises: u32,
) -> Result<Option<Worst>, Failure> {
    let bar = ProgressBar::new(u64::from(enterprises) * fields.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("scoring {wide_bar} {pos}/{len}  {eta} left") {
        bar.set_style(style);
    }
    let mut table = output::table(&["field", "tier 1", "tier 2", "tier 3", "tier 4", "no tier"]);
    let mut worst = None;
    for (field, before) in fields.iter().zip(0u64..) {
        let done = |n| bar.set_position(before * u64::from(enterprises) + n);
        record_tiers(engine, field, as_of, done).map_err(problem)?;
        let counts = count(engine, field, &mut worst)?;
        let cell = |tier: Option<u16>| counts.get(&tier).copied().unwrap_or(0).to_string();
        table.add_row([
            field.clone(),
            cell(Some(1)),
            cell(Some(2)),
            cell(Some(3)),
            cell(Some(4)),
            cell(None),
        ]);
    }
    bar.finish_and_clear();
    println!("\nEnterprises by tier on {as_of}\n\n{table}");
    Ok(worst)
}

fn count(
    engine: &Engine,
    field: &str,
    worst: &mut Option<Worst>,
) -> Result<BTreeMap<Option<u16>, u32>, Failure> {
    let snapshot = engine.ledger().snapshot(None).map_err(data::store)?;
    let filter = TierFilter { field: field.to_owned(), ..TierFilter::default() };
    let mut counts = BTreeMap::new();
    let mut after = None;
    loop {
        let page = snapshot.current_tiers(&filter, after, 1000).map_err(data::store)?;
        let Some(last) = page.last() else { return Ok(counts) };
        after = Some(last.record.subject);
        for stored in &page {
            let tier = stored.record.tier;
            *counts.entry(tier).or_default() += 1;
            if let Some(tier) = tier.filter(|t| worst.as_ref().is_none_or(|(w, ..)| t > w)) {
                *worst = Some((tier, stored.record.subject, field.to_owned()));
            }
        }
    }
}

fn try_next(code: Uscc, field: &str, as_of: Date, data: &Path) {
    let data = data.display();
    println!("\nTry next:");
    println!("  hengxin explain {code} --as-of {as_of} --data {data}");
    println!("  hengxin tier {code} --field {field} --as-of {as_of} --data {data}");
    println!("  hengxin standards show public-comprehensive");
}
