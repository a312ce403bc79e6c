//! `hengxin score-history`: the scores of a table's rows by a trained model.

use std::path::PathBuf;

use hengxin_batch::place::Place;
use hengxin_models::scoring::score;
use hengxin_models::tables;
use serde_json::json;

use crate::failure::Failure;
use crate::output;
use crate::train::{model, threads};

/// Score the rows of Parquet files by a trained model.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin score-history model/model.json applications.parquet --out scored.parquet
  hengxin score-history model/model.json 2026-*.parquet --out scored.parquet --json

The files need the columns the model reads, by their names; they may have any others. The result has a row for each of
theirs, in their order.")]
pub struct Arguments {
    /// The model, as `hengxin train` wrote it.
    model: PathBuf,
    /// Parquet files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The Parquet file of the scores.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Threads; as many as the machine has processors when absent.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let model = model(&arguments.model)?;
    let card = model.card().map_err(|e| Failure::Input(e.to_string()))?;
    let (scores, surprises) = score(&arguments.files, &card, threads(arguments.threads))
        .map_err(|e| Failure::Input(e.to_string()))?;
    let bytes = tables::scored(&scores, &model).map_err(|e| Failure::System(anyhow::Error::new(e)))?;
    let (place, name) = Place::of_file(&arguments.out)
        .ok_or_else(|| Failure::Input(format!("--out: `{}` names no file", arguments.out.display())))?;
    place.write(name, bytes).map_err(|e| Failure::System(anyhow::Error::new(e)))?;
    let mean = scores.iter().sum::<i64>() as f64 / scores.len().max(1) as f64 / 10_000.0;
    if arguments.json {
        let new: Vec<_> = surprises.iter().map(|s| json!({"column": s.column, "rows": s.unseen})).collect();
        output::json(&json!({"rows": scores.len(), "mean_score": mean, "not_seen_in_training": new}));
        return Ok(());
    }
    println!("{} rows, mean score {mean:.1}; {}", scores.len(), arguments.out.display());
    for surprise in surprises {
        println!("{} rows have a value of `{}` that no learning row had", surprise.unseen, surprise.column);
    }
    Ok(())
}
