//! `hengxin monitor` and `hengxin contest`: a model in service on new rows, alone and against another one.

use std::path::PathBuf;

use hengxin_batch::place::Place;
use hengxin_models::history::{Codes, Description, History, Rows, Split};
use hengxin_models::model::Model;
use hengxin_models::scoring::encode;
use hengxin_models::training::file_digest;
use hengxin_models::validation::{
    Comparison, Difference, Figure, Monitoring, Request, Subject, compare, monitor,
};

use serde_json::Value;

use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::train::{about, model, read, threads};

/// Hold new rows against what a model learned from: shift of score and features, and, with outcomes, ranking and calibration.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin monitor model/model.json --history 2026-10.parquet --no-outcome
  hengxin monitor model/model.json --history matured.parquet --request limits.json --out monitoring.json
  hengxin monitor model/model.json --history matured.parquet --json

All rows of the files are taken, whatever split the model was trained with. With --no-outcome the files need the columns the
model reads and no others. A request may state the limits psi_max and csi_max, and with outcomes auc_min, auc_low_min, ks_min,
brier_max and calibration_p_min. With a limit that is not kept the exit code is 1.")]
pub struct Monitor {
    /// The model, as `hengxin train` wrote it.
    model: PathBuf,
    /// The Parquet files of the new rows.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    history: Vec<PathBuf>,
    /// It is not known yet which rows default.
    #[arg(long)]
    no_outcome: bool,
    #[command(flatten)]
    rest: Rest,
}

/// Compare a challenger with the champion on rows that neither learned from.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin contest champion/model.json challenger/model.json --history 2026.parquet
  hengxin contest champion/model.json challenger/model.json --history 2026.parquet --out contest.json --json

Both score the same rows, all rows of the files: AUC, KS and Brier score of each, their differences with 95 % intervals, and whose
fate would change if both let in the same share. Both plans must describe target and weight alike.")]
pub struct Contest {
    /// The model in service.
    champion: PathBuf,
    /// The one that would follow it.
    challenger: PathBuf,
    /// The Parquet files of the rows.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    history: Vec<PathBuf>,
    #[command(flatten)]
    rest: Rest,
}

#[derive(clap::Args)]
struct Rest {
    /// What is asked for, a JSON document: limits, seed, resamples.
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// Write everything found into this JSON file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Threads; as many as the machine has processors when absent.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Everything found as one JSON object.
    #[arg(long)]
    json: bool,
}

impl Rest {
    fn request(&self, history: &[PathBuf]) -> Result<Request, Failure> {
        let mut request: Request = match &self.request {
            None => Request::default(),
            Some(path) => serde_json::from_slice(&read(path)?).map_err(|e| about(path, &e))?,
        };
        if request.data.is_empty() {
            for file in history {
                let digest = file_digest(file).map_err(|e| about(file, &e))?;
                request.data.insert(file.display().to_string(), format!("sha256:{digest}"));
            }
        }
        Ok(request)
    }

    /// Writes and tells what was found.
    fn tell(&self, json: serde_json::Result<Value>, print: impl FnOnce()) -> Result<(), Failure> {
        let json = json.map_err(|e| Failure::System(anyhow::Error::new(e)))?;
        if let Some(out) = &self.out {
            let (place, name) = Place::of_file(out)
                .ok_or_else(|| Failure::Input(format!("--out: `{}` names no file", out.display())))?;
            place
                .write(name, format!("{json:#}\n").into_bytes())
                .map_err(|e| Failure::System(anyhow::Error::new(e)))?;
        }
        if self.json {
            output::json(&json);
        } else {
            print();
        }
        Ok(())
    }
}

/// Runs `hengxin monitor`.
pub fn run(arguments: &Monitor) -> Result<(), Failure> {
    let request = arguments.rest.request(&arguments.history)?;
    let read = model(&arguments.model)?;
    let progress = Progress::none();
    progress.endless("monitoring".to_owned());
    let found = watch(&read, &arguments.history, !arguments.no_outcome, &request, arguments.rest.threads)
        .map_err(Failure::Input)?;
    drop(progress);
    arguments.rest.tell(serde_json::to_value(&found), || print_monitoring(&found))?;
    let broken: Vec<&str> = found.checks.iter().filter(|c| !c.met).map(|c| c.message.as_str()).collect();
    if broken.is_empty() {
        return Ok(());
    }
    Err(Failure::System(anyhow::anyhow!("to be looked at: {}", broken.join("\nhengxin: to be looked at: "))))
}

/// Runs `hengxin contest`.
pub fn contest(arguments: &Contest) -> Result<(), Failure> {
    let request = arguments.rest.request(&arguments.history)?;
    let (champion, challenger) = (model(&arguments.champion)?, model(&arguments.challenger)?);
    let progress = Progress::none();
    progress.endless("comparing".to_owned());
    let found = against(&champion, &challenger, &arguments.history, &request, arguments.rest.threads)
        .map_err(Failure::Input)?;
    drop(progress);
    arguments.rest.tell(serde_json::to_value(&found), || print_contest(&found))
}

/// What a model is called in reports.
pub fn name(model: &Model) -> String {
    format!("{} {} ({})", model.plan.title, model.plan.edition, model.plan.id)
}

/// Holds all rows of some files against what a model learned from.
pub fn watch(
    model: &Model,
    files: &[PathBuf],
    outcomes: bool,
    request: &Request,
    asked: usize,
) -> Result<Monitoring, String> {
    let card = model.card().map_err(|e| e.to_string())?;
    let (codes, _) = encode(files, &card, threads(asked)).map_err(|e| e.to_string())?;
    let rows = if outcomes {
        History::open(files, model.plan.history.clone()).map_err(|e| e.to_string())?.rows
    } else {
        let n = codes.first().map_or(0, Codes::len);
        Rows { default: vec![false; n], weight: None, month: None, group: None }
    };
    let subject = Subject {
        name: &name(model),
        card: &card,
        codes: &codes.iter().collect::<Vec<_>>(),
        rows: &rows,
        split: &Split::none(rows.len()),
        labels: &[],
        digests: &[],
    };
    monitor(&subject, model, outcomes, request).map_err(|e| e.to_string())
}

/// Compares two models on all rows of some files.
pub fn against(
    champion: &Model,
    challenger: &Model,
    files: &[PathBuf],
    request: &Request,
    asked: usize,
) -> Result<Comparison, String> {
    let outcome = |description: &Description| (description.target.clone(), description.weight.clone());
    let [first, second] = [champion, challenger].map(|model| outcome(&model.plan.history));
    if first != second {
        return Err(format!(
            "the challenger's plan describes target `{}` = {} and weight {:?}, expected those of the champion: target `{}` = {} \
             and weight {:?}",
            second.0.column, second.0.default, second.1, first.0.column, first.0.default, first.1
        ));
    }
    let rows = History::open(files, champion.plan.history.clone()).map_err(|e| e.to_string())?.rows;
    let split = Split::none(rows.len());
    let read = |model: &Model| -> Result<_, String> {
        let card = model.card().map_err(|e| e.to_string())?;
        let (codes, _) = encode(files, &card, threads(asked)).map_err(|e| e.to_string())?;
        Ok((card, codes))
    };
    let ((old, old_codes), (new, new_codes)) = (read(champion)?, read(challenger)?);
    let (old_codes, new_codes): (Vec<_>, Vec<_>) = (old_codes.iter().collect(), new_codes.iter().collect());
    let (old_name, new_name) = (name(champion), name(challenger));
    let subject = Subject {
        name: &old_name,
        card: &old,
        codes: &old_codes,
        rows: &rows,
        split: &split,
        labels: &[],
        digests: &[],
    };
    let other = Subject { name: &new_name, card: &new, codes: &new_codes, ..subject };
    compare(&subject, &other, request).map_err(|e| e.to_string())
}

fn print_monitoring(found: &Monitoring) {
    println!("{}: {} new rows", found.model, found.size.rows);
    let mut table = output::table(&["", "index", "by chance", "unseen"]);
    let index = |index: Option<f64>| index.map_or("-".to_owned(), |index| format!("{index:.3}"));
    if let Some(score) = &found.score {
        let chance = format!("{:.3}", score.by_chance);
        table.add_row(["score".to_owned(), index(score.index), chance, String::new()]);
    }
    for feature in &found.features {
        table.add_row([
            feature.feature.clone(),
            index(feature.shift.index),
            format!("{:.3}", feature.shift.by_chance),
            feature.unseen.to_string(),
        ]);
    }
    println!("{table}");
    if let Some(o) = &found.outcomes {
        println!(
            "AUC {}, KS {}, Brier score {}; {:.4} defaulted, {:.4} foretold, p of calibration {:.4}",
            told(&o.auc),
            told(&o.ks),
            told(&o.brier),
            o.rate.value,
            o.foretold,
            o.calibration_p
        );
    }
    for finding in &found.findings {
        println!("finding: {finding}");
    }
    for check in found.checks.iter().filter(|check| check.met) {
        println!("{}", check.message);
    }
}

fn print_contest(found: &Comparison) {
    println!("{} rows, {:.0} of them defaults", found.size.rows, found.size.bads);
    let mut table = output::table(&["", "champion", "challenger", "difference"]);
    let (a, b) = (&found.champion_performance, &found.challenger_performance);
    let auc = found.auc.as_ref().map_or("-".to_owned(), |d: &Difference| told(&d.auc));
    table.add_row(["model".to_owned(), found.champion.clone(), found.challenger.clone(), String::new()]);
    table.add_row(["AUC".to_owned(), told(&a.auc), told(&b.auc), auc]);
    table.add_row(["KS".to_owned(), told(&a.ks), told(&b.ks), format!("{:+.3}", b.ks.value - a.ks.value)]);
    table.add_row(["Brier score".to_owned(), told(&a.brier), told(&b.brier), told(&found.brier)]);
    println!("{table}");
    let mut table =
        output::table(&["let in", "only champion", "default rate", "only challenger", "default rate"]);
    for swap in &found.swaps {
        table.add_row([
            format!("{:.0} %", swap.accepted * 100.0),
            swap.champion_only.rows.to_string(),
            told(&swap.champion_only_rate),
            swap.challenger_only.rows.to_string(),
            told(&swap.challenger_only_rate),
        ]);
    }
    println!("{table}");
    for finding in &found.findings {
        println!("finding: {finding}");
    }
}

fn told(figure: &Figure) -> String {
    let ends = figure.low.zip(figure.high);
    let ends = ends.map_or(String::new(), |(low, high)| format!(" ({low:.3} to {high:.3})"));
    format!("{:.3}{ends}", figure.value)
}
