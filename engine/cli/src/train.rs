//! `hengxin train`: a scorecard from a history in Parquet.

use std::path::{Path, PathBuf};
use std::time::Instant;

use hengxin_batch::place::Place;
use hengxin_models::model::Model;
use hengxin_models::plan::Plan;
use hengxin_models::tables;
use hengxin_models::training::{Record, Trained, TrainingError, model_digest, train};
use serde_json::json;

use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;

/// Train a scorecard on a history in Parquet.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin train plan.json --history loans.parquet --out model
  hengxin train plan.json --history 2023.parquet 2024.parquet --out model --json
  hengxin train --from-record model/record.json --out again      the same once more, and whether it is the same

A plan, of which all but these parts may be left out (docs/training.md):
  {\"id\": \"default\", \"edition\": \"2026.1\", \"title\": \"Default within a year\",
   \"history\": {\"target\": {\"column\": \"bad\", \"default\": 1}, \"month\": \"observed\", \"group\": \"enterprise\"},
   \"split\": {\"from-month\": \"2025-01\"},
   \"scaling\": {\"base_points\": 600, \"odds\": 50, \"points_to_double\": 20, \"decimals\": 0}}

Written into the folder: model.json, record.json, bins.parquet, scores.parquet.")]
pub struct Arguments {
    /// What is asked for: a JSON document.
    #[arg(required_unless_present = "from_record")]
    plan: Option<PathBuf>,
    /// The Parquet files of the history, all with the same columns.
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "from_record")]
    history: Vec<PathBuf>,
    /// Repeat the training that this record.json is of: the same plan on the same files.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["plan", "history"])]
    from_record: Option<PathBuf>,
    /// The folder of the results, made when absent.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Threads; as many as the machine has processors when absent. The result does not depend on it.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// One JSON object: the model, the record, and the seconds it took.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let begun = Instant::now();
    let (plan, files, expected) = match (&arguments.from_record, &arguments.plan) {
        (Some(path), _) => {
            let record = Record::read(&read(path)?).map_err(|e| about(path, &e))?;
            let files = record.unchanged_files().map_err(|e| about(path, &e))?;
            (record.plan, files, Some(record.model))
        }
        (None, Some(path)) => {
            let plan: Plan = serde_json::from_slice(&read(path)?).map_err(|e| about(path, &e))?;
            (plan, arguments.history.clone(), None)
        }
        (None, None) => return Err(Failure::Input("expected a plan, or --from-record".to_owned())),
    };
    let threads = threads(arguments.threads);
    let progress = Progress::none();
    progress.endless("training".to_owned());
    let trained = train(&files, &plan, threads).map_err(training)?;
    let record = Record::of(&files, &trained)?;
    drop(progress);
    write(&trained, &record, &arguments.out)?;
    let seconds = begun.elapsed().as_secs_f64();
    let same = expected.map(|expected| expected == model_digest(&trained.model));
    if arguments.json {
        let told = json!({"model": trained.model, "record": record, "seconds": seconds, "same_model": same});
        output::json(&told);
    } else {
        print(&trained, seconds, &arguments.out);
    }
    match same {
        Some(true) => {
            if !arguments.json {
                println!("the same model, byte for byte");
            }
            Ok(())
        }
        Some(false) => Err(Failure::System(anyhow::anyhow!(
            "found a model with digest {}, expected that of the record ({}, now {})",
            model_digest(&trained.model),
            record.program,
            env!("CARGO_PKG_VERSION")
        ))),
        None => Ok(()),
    }
}

/// Writes everything a training comes to into a folder.
pub fn write(trained: &Trained, record: &Record, folder: &Path) -> Result<(), Failure> {
    let parquet = |e| Failure::System(anyhow::Error::new(e));
    let written: [(&str, Vec<u8>); 4] = [
        ("bins.parquet", tables::bins(&trained.model).map_err(parquet)?),
        ("scores.parquet", tables::trained(trained).map_err(parquet)?),
        ("model.json", trained.model.to_json().into_bytes()),
        ("record.json", pretty(record)),
    ];
    let place = Place::from(folder);
    for (name, bytes) in written {
        place.write(name, bytes).map_err(|e| Failure::System(anyhow::Error::new(e)))?;
    }
    Ok(())
}

/// A file, whole.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|e| Failure::Input(format!("{}: {e}", path.display())))
}

/// What is wrong with a file.
pub fn about(path: &Path, problem: &dyn std::fmt::Display) -> Failure {
    Failure::Input(format!("{}: {problem}", path.display()))
}

/// A model's file.
pub fn model(path: &Path) -> Result<Model, Failure> {
    Model::read(&read(path)?).map_err(|e| about(path, &e))
}

/// As many threads as are asked for, or as there are processors.
pub fn threads(asked: usize) -> usize {
    if asked > 0 { asked } else { std::thread::available_parallelism().map_or(1, std::num::NonZero::get) }
}

/// Everything that can go wrong in a training is in the plan or in the data.
pub fn training(problem: TrainingError) -> Failure {
    let mut text = problem.to_string();
    let mut cause = std::error::Error::source(&problem);
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    Failure::Input(text.replace('\n', "\nhengxin: "))
}

fn pretty(record: &Record) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(record).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn print(trained: &Trained, seconds: f64, out: &Path) {
    let Model { plan, learned, held_out, features, left_out, findings, fit, .. } = &trained.model;
    println!("{} {} ({})", plan.title, plan.edition, plan.id);
    println!(
        "{} rows learned ({} defaults), {} held out ({} defaults); {} in {} steps\n",
        learned.rows, learned.defaults, held_out.rows, held_out.defaults, fit.outcome, fit.steps
    );
    let mut table = output::table(&["feature", "bins", "trend", "information", "coefficient", "p", "points"]);
    for feature in features {
        let points = feature.bins.iter().map(|bin| bin.points);
        let (least, most) = points.fold((f64::MAX, f64::MIN), |(a, b), p| (a.min(p), b.max(p)));
        table.add_row([
            feature.column.clone(),
            feature.bins.len().to_string(),
            format!("{:?}", feature.trend).to_lowercase(),
            format!("{:.3}", feature.information_value),
            format!("{:.3}", feature.coefficient),
            feature.p.map_or(String::new(), |p| format!("{p:.1e}")),
            format!("{least} to {most}"),
        ]);
    }
    println!("{table}");
    for left in left_out.iter().take(10) {
        println!("left out: `{}` {}", left.column, left.reason);
    }
    if left_out.len() > 10 {
        println!("left out: {} in all, listed in model.json", left_out.len());
    }
    for finding in findings {
        println!("finding: {finding}");
    }
    println!("\n{seconds:.1} s; {}", out.display());
}
