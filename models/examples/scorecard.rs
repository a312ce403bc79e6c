//! From a Parquet table to a scorecard, with the time and memory of each step.
//!
//! ```text
//! cargo run --release -p hengxin-models --example scorecard -- TABLE.parquet TARGET DEFAULT [--exclude a,b] \
//!     [--hold BITS] [--threads N]
//! ```
//!
//! `BITS` is a file of hexadecimal digits, one bit a row, set for the rows held out; without it 30 % of each class are.

use std::path::PathBuf;
use std::time::Instant;

use hengxin_models::binning::{Rules, bin_all};
use hengxin_models::history::{Description, History, Label, Split};
use hengxin_models::logistic::{Design, Sample, Settings, fit};
use hengxin_models::metrics::{Scored, auc, ks};
use hengxin_models::{Card, Scaling};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

struct Arguments {
    table: PathBuf,
    target: String,
    default: Label,
    exclude: Vec<String>,
    hold: Option<PathBuf>,
    threads: usize,
}

fn arguments() -> Result<Arguments> {
    let usage = "usage: scorecard TABLE.parquet TARGET DEFAULT [--exclude a,b] [--hold BITS] [--threads N]";
    let mut words = std::env::args().skip(1);
    let mut word = || words.next().ok_or(usage);
    let (table, target, default) = (PathBuf::from(word()?), word()?, word()?);
    let default = default.parse().map_or(Label::Text(default), Label::Number);
    let mut read = Arguments { table, target, default, exclude: Vec::new(), hold: None, threads: 1 };
    while let Some(option) = words.next() {
        let value = words.next().ok_or(usage)?;
        match option.as_str() {
            "--exclude" => read.exclude = value.split(',').map(ToOwned::to_owned).collect(),
            "--hold" => read.hold = Some(value.into()),
            "--threads" => read.threads = value.parse()?,
            _ => return Err(usage.into()),
        }
    }
    Ok(read)
}

/// Seconds by the clock and of the processor, and the peak of memory, since the program began.
fn usage() -> (f64, u64) {
    let ticks = || -> Option<f64> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
        Some(fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?)
    };
    let peak = || -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
    };
    (ticks().unwrap_or(0.0) / 100.0, peak().unwrap_or(0) / 1024)
}

/// Prints what a step took.
struct Clock(Instant, f64);

impl Clock {
    fn lap(&mut self, step: &str) {
        let (cpu, peak) = usage();
        println!(
            "{step:<10} {:>7.2} s by the clock, {:>7.2} s of the processor, peak {peak} MiB",
            self.0.elapsed().as_secs_f64(),
            cpu - self.1
        );
        *self = Clock(Instant::now(), cpu);
    }
}

fn main() -> Result<()> {
    let arguments = arguments()?;
    let threads = arguments.threads;
    let mut clock = Clock(Instant::now(), 0.0);
    let description = Description {
        exclude: arguments.exclude,
        ..Description::of_target(&arguments.target, arguments.default)
    };
    let history = History::open(&[arguments.table], description)?;
    let split = match arguments.hold {
        None => Split::by_row(&history.rows, 0.3, 42),
        Some(file) => {
            let text = std::fs::read_to_string(file)?;
            let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
            Split::by(history.rows.len(), |row| {
                digits.get(row / 4).is_some_and(|d| d >> (3 - row % 4) & 1 == 1)
            })
        }
    };
    clock.lap("rows");
    let table = history.encode(&split, threads)?;
    for finding in &table.findings {
        println!("finding: {finding}");
    }
    clock.lap("encode");
    let rules = Rules::default().check()?;
    let binned = bin_all(&table.columns, &history.rows, &split.learn, |_| rules.clone(), threads);
    let bins: usize = binned.iter().map(hengxin_models::binning::Binned::known).sum();
    clock.lap("bin");
    let columns: Vec<_> =
        table.columns.iter().zip(&binned).map(|(c, b)| (&c.codes, b.woe_by_code())).collect();
    let learn = Design::Coded { columns: columns.clone(), rows: &split.learn };
    let sample = Sample::new(learn, split.learn.iter().map(|r| history.rows.default[*r as usize]).collect())?;
    let fitted = fit(&sample, &Settings { ridge: 1.0, ..Settings::default() }.check()?, threads);
    clock.lap("fit");
    let scaling = Scaling { base_points: 600.0, odds: 50.0, points_to_double: 20.0, decimals: 0 };
    let card = Card::new(binned, &fitted, scaling)?;
    let codes: Vec<_> = table.columns.iter().map(|column| &column.codes).collect();
    let scores = card.score_all(&codes);
    clock.lap("score");
    let rows = || split.hold.iter().map(|row| *row as usize);
    let linear = fitted.linear_all(&Design::Coded { columns, rows: &split.hold });
    let by = |risk: Vec<f64>| {
        Scored::new(
            rows().zip(risk).map(|(row, risk)| (risk, history.rows.default[row], history.rows.mass(row))),
        )
    };
    let model = by(linear)?;
    let whole = by(rows().map(|row| -(scores[row] as f64)).collect())?;
    clock.lap("measure");
    println!("{} rows, {} features, {bins} bins of known values", history.rows.len(), codes.len());
    println!("{:?} after {} steps, gradient {:.1e}", fitted.outcome, fitted.steps, fitted.gradient);
    for (name, scored) in [("model", model), ("points", whole)] {
        let area = auc(&scored);
        let (low, high) = area.interval;
        println!("held out, {name}: AUC {:.5} ({low:.4} to {high:.4}), KS {:.5}", area.auc, ks(&scored).ks);
    }
    Ok(())
}
