//! `hengxin demo`: the whole way on a synthetic district, from files to tiers and reasons.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;
use hengxin_core::date::Date;
use hengxin_core::fact::Delivery;
use hengxin_core::region::RegionCode;
use hengxin_core::vocabulary::RegisterId;
use indicatif::{ProgressBar, ProgressStyle};

use crate::data::{self, Place};
use crate::failure::Failure;
use crate::{district, ingest, output, score};

/// Load the sample district, score it, and explain one enterprise.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin demo
  hengxin demo --data /tmp/demo

Run again it finds its work done and only shows it.")]
pub struct Arguments {
    /// The data folder.
    #[arg(long, default_value = "hengxin-data")]
    data: PathBuf,
    /// How many enterprises.
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u32).range(1..=90_000))]
    enterprises: u32,
}

const SEED: u64 = 20_261_101;

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let place = Place::at(&arguments.data);
    let catalogue = place.catalogue()?;
    let ledger = place.create(&catalogue)?;
    let folder = arguments.data.join("district");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    println!("The sample district: {} enterprises, none of them real.", arguments.enterprises);
    for sheet in district::district(arguments.enterprises, SEED) {
        sheet.write_csv(&folder)?;
        let path = folder.join(format!("{}.csv", sheet.name));
        ingest::show(&path, &ingest::file(&path, None, &ledger, &catalogue)?, false);
    }
    let (year, month, day) = district::LAST_DAY;
    let as_of = Date::from_ymd(year, month, day).map_err(|e| Failure::System(anyhow::Error::new(e)))?;
    let first = district::subject(0).and_then(|c| c.parse().ok());
    let delivered = match first {
        Some(subject) => {
            let snapshot = ledger.snapshot(None).map_err(data::store)?;
            let file = snapshot.credit_file(subject).map_err(data::store)?;
            file.is_some_and(|f| f.deliveries().through(RegisterId(0), None).is_some())
        }
        None => false,
    };
    if !delivered {
        let registers = (0..catalogue.vocabulary.registers.len()).filter_map(|i| u16::try_from(i).ok());
        let all: Vec<Delivery> = registers
            .map(|i| Delivery { register: RegisterId(i), region: RegionCode::NATIONAL, through: as_of })
            .collect();
        ledger.recorder().and_then(|mut r| r.deliver("demo", &all)).map_err(data::store)?;
    }
    let snapshot = ledger.snapshot(None).map_err(data::store)?;
    let fields: Vec<String> = catalogue.fields().map(str::to_owned).collect();
    let bar = ProgressBar::new(u64::from(arguments.enterprises));
    if let Ok(style) = ProgressStyle::with_template("scoring {wide_bar} {pos}/{len}  {eta} left") {
        bar.set_style(style);
    }
    // (field, tier) → enterprises; `None` is no tier.
    let mut counts: BTreeMap<(String, Option<u8>), u32> = BTreeMap::new();
    let mut worst: Option<(u8, String)> = None;
    for n in 0..arguments.enterprises {
        bar.inc(1);
        let Some(subject) = district::subject(n).and_then(|c| c.parse().ok()) else { continue };
        let Some(file) = snapshot.credit_file(subject).map_err(data::store)? else { continue };
        for field in &fields {
            let Ok(policy) = catalogue.policy(field, as_of) else { continue };
            let (decision, _) = score::decide(&catalogue, &policy.policy, &file, as_of);
            *counts.entry((field.clone(), decision.tier)).or_default() += 1;
            if let Some(tier) = decision.tier.filter(|t| worst.as_ref().is_none_or(|(w, _)| t > w)) {
                worst = Some((tier, subject.to_string()));
            }
        }
    }
    bar.finish_and_clear();
    let mut table = output::table(&["field", "tier 1", "tier 2", "tier 3", "tier 4", "no tier"]);
    for field in &fields {
        let count = |tier: Option<u8>| counts.get(&(field.clone(), tier)).copied().unwrap_or(0).to_string();
        table.add_row([
            field.clone(),
            count(Some(1)),
            count(Some(2)),
            count(Some(3)),
            count(Some(4)),
            count(None),
        ]);
    }
    println!("\nEnterprises by tier on {as_of}\n\n{table}");
    if let Some((tier, code)) = worst {
        println!("\nOne of tier {tier}, explained:\n");
        let data = arguments.data.to_string_lossy().into_owned();
        let date = as_of.to_string();
        score::explain(&score::Arguments::about(&code, &date, &data))?;
        println!("\nTry next:");
        println!("  hengxin explain {code} --as-of {as_of} --data {data}");
        println!("  hengxin tier {code} --field market-regulation --as-of {as_of} --data {data}");
        println!("  hengxin standards show public-comprehensive");
    }
    Ok(())
}
