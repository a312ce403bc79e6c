//! `hengxin export`: a trained model as an evaluation standard, as SQL or as PMML.

use std::path::{Path, PathBuf};

use hengxin_batch::place::Place;
use hengxin_core::date::Date;
use hengxin_models::export::{pmml, sql, standard};
use hengxin_models::model::Model;

use crate::failure::Failure;
use crate::train::model;

/// Write a trained model as an evaluation standard the engine serves, as an SQL query, or as PMML.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin export model/model.json --as standard --from 2026-12-01 --out my-standards
  hengxin standards check my-standards
  hengxin score 91110101MA00000U27 --standard german-credit --standards my-standards --data my-data
  hengxin export model/model.json --as sql > score.sql
  hengxin export model/model.json --as sql --table \"read_parquet('loans.parquet')\" | duckdb
  hengxin export model/model.json --as sql --table applications --out score.sql
  hengxin export model/model.json --as pmml --out score.pmml

A standard comes in a folder with a vocabulary of its own, a code for each feature (docs/training.md). The plan needs
\"decimals\": 4 in its history, so that bins begin where the engine can tell.

The query gives every row as it is, the points of each feature and the score, for DuckDB and others that know isnan. Columns must
have the types they had in training.

PMML 4.4 is a Scorecard whose reason codes are the columns that stay furthest below their most points, in the order in which the
engine ranks the reasons of the standard.")]
pub struct Arguments {
    /// The model, as `hengxin train` wrote it.
    model: PathBuf,
    /// As what.
    #[arg(long = "as", value_enum)]
    form: Form,
    /// With `--as standard`: the first day it is in force; today in China when absent.
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<String>,
    /// With `--as sql`: what stands after FROM.
    #[arg(long, value_name = "TABLE", default_value = "history")]
    table: String,
    /// The file of the query or document, standard output when absent; or the folder of the standard, which must be new or empty.
    #[arg(long, value_name = "PATH", required_if_eq("form", "standard"))]
    out: Option<PathBuf>,
}

/// The words of another program.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Form {
    /// A folder of standards.
    Standard,
    /// A query.
    Sql,
    /// A Scorecard with reason codes.
    Pmml,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let model = model(&arguments.model)?;
    match (arguments.form, &arguments.out) {
        (Form::Sql, out) => text(sql(&model, &arguments.table), out.as_deref())?,
        (Form::Pmml, out) => {
            let document = pmml(&model).map_err(|e| Failure::Input(e.to_string()))?;
            text(document, out.as_deref())?;
        }
        (Form::Standard, None) => return Err(Failure::Input("--as standard needs --out FOLDER".to_owned())),
        (Form::Standard, Some(out)) => folder(&model, arguments.from.as_deref(), out)?,
    }
    Ok(())
}

/// Writes a text to a file, or to standard output.
fn text(text: String, out: Option<&Path>) -> Result<(), Failure> {
    let Some(out) = out else {
        print!("{text}");
        return Ok(());
    };
    let (place, name) = Place::of_file(out)
        .ok_or_else(|| Failure::Input(format!("--out: `{}` names no file", out.display())))?;
    place.write(name, text.into_bytes()).map_err(failed)
}

fn folder(model: &Model, from: Option<&str>, out: &Path) -> Result<(), Failure> {
    let from: Date = match from {
        None => crate::today()?,
        Some(text) => text.parse().map_err(|e| Failure::Input(format!("--from: {e}")))?,
    };
    let files = standard(model, &from.to_string()).map_err(|e| Failure::Input(e.to_string()))?;
    if std::fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some()) {
        // An edition that is in force is never overwritten.
        return Err(Failure::Input(format!(
            "--out: found files in {}, expected a new folder",
            out.display()
        )));
    }
    let place = Place::from(out);
    for (name, text) in &files {
        place.write(name, text.clone().into_bytes()).map_err(failed)?;
    }
    // What is written must be what the engine takes.
    crate::standards::load_or_shipped(Some(out))?;
    for (name, _) in files {
        println!("{}", out.join(name).display());
    }
    Ok(())
}

fn failed(problem: hengxin_batch::Error) -> Failure {
    Failure::System(anyhow::Error::new(problem))
}
