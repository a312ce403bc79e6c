//! `hengxin features`: tables for training from the ledger or a dataset, and the check that they know nothing later.

mod check;
mod ledger;
mod make;
mod sheet;
mod source;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hengxin_batch::place::Place;
use hengxin_core::document::{Check, Faults, Span};
use hengxin_standard::report::FaultyFile;
use hengxin_standard::{Catalogue, FeatureEdition};
use serde_json::json;

use crate::failure::Failure;
use crate::output;

/// Features for training, point in time.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Measure the features of observation points and write them as a table.
    #[command(after_help = "\
Examples:
  hengxin features make features.yaml --points points.csv --dataset world --out history.parquet
  hengxin features make features.yaml --points points.parquet --data hengxin-data --out history.parquet --delay-days 30
  hengxin train plan.json --history history.parquet --out model      with \"exclude\": [\"known_at\"], \"group\": \"subject\"

Points have the columns `subject`, `as_of` (a day) and `known_at` (an instant with its offset); every other column, such as the
target, is carried along. A point must not be known later than the source is, nor later than its as-of day (and --delay-days).
Beside the table lie its lineage (.lineage.json) and the rejected rows with the reason (.rejects.csv).")]
    Make(make::Arguments),
    /// Recompute rows of a table, also with everything later taken away, and compare exactly.
    #[command(after_help = "\
Examples:
  hengxin features check history.parquet --features features.yaml --dataset world
  hengxin features check history.parquet --features features.yaml --dataset world --all
  hengxin features check history.parquet --features features.yaml --data hengxin-data --sample 5000 --seed 7

Exit codes: 1 when a value differs, 2 when the table or the features file is not the one of the lineage.")]
    Check(check::Arguments),
    /// Check a features file, all faults at once, and list what it measures.
    #[command(after_help = "\
Examples:
  hengxin features show features.yaml
  hengxin features show features.yaml --json | jq .features[].id")]
    Show {
        /// The features file.
        features: PathBuf,
        /// One JSON object.
        #[arg(long)]
        json: bool,
        /// A folder of standards instead of those shipped with this binary.
        #[arg(long)]
        standards: Option<PathBuf>,
    },
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Make(arguments) => make::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Show { features, json, standards } => {
            let catalogue = crate::standards::load_or_shipped(standards.as_deref())?;
            show(&edition(features, &catalogue)?, *json);
            Ok(())
        }
    }
}

/// Where facts are read.
#[derive(clap::Args)]
struct Facts {
    /// The folder of a dataset, or `s3://BUCKET/PREFIX`.
    #[arg(long, value_name = "FOLDER", required_unless_present = "data")]
    dataset: Option<PathBuf>,
    /// Instead of a dataset: the data folder with the ledger, or with the keys of the one in `HENGXIN_LEDGER`.
    #[arg(long, value_name = "FOLDER", conflicts_with = "dataset")]
    data: Option<PathBuf>,
    /// A folder of standards instead of those shipped with this binary.
    #[arg(long)]
    standards: Option<PathBuf>,
    /// Threads; as many as the machine has processors when absent. The result does not depend on it.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    threads: usize,
}

impl Facts {
    fn catalogue(&self) -> Result<Catalogue, Failure> {
        crate::standards::load_or_shipped(self.standards.as_deref())
    }

    fn threads(&self) -> usize {
        crate::train::threads(self.threads)
    }
}

/// A checked features file. Its faults are shown in full.
fn edition(path: &Path, catalogue: &Catalogue) -> Result<FeatureEdition, Failure> {
    let name = path.display().to_string();
    let bytes = crate::train::read(path)?;
    let checked = match String::from_utf8(bytes) {
        Ok(text) => catalogue.features(&name, &text),
        Err(problem) => {
            let start = problem.utf8_error().valid_up_to();
            let mut faults = Faults::default();
            let span = Span { start, end: start + 1 };
            faults.push(span, Check::Syntax, "bytes that are not UTF-8", "text in UTF-8");
            let text = String::from_utf8_lossy(problem.as_bytes()).into_owned();
            Err(FaultyFile { file: name, text, faults })
        }
    };
    checked.map_err(|faulty| {
        crate::standards::show_faults(&faulty, false);
        Failure::Shown
    })
}

/// The folder of a file, and its name there.
fn beside(path: &Path, argument: &str) -> Result<(Place, String), Failure> {
    crate::place::only_a_folder(argument, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or_else(|| {
        Failure::Input(format!("{argument}: found `{}`, expected the name of a file", path.display()))
    })?;
    Ok((Place::from(folder), name.to_string_lossy().into_owned()))
}

/// The plans of a set on the days of points.
fn plans(
    edition: &FeatureEdition,
    catalogue: &Catalogue,
    points: &[hengxin_batch::features::Point],
) -> hengxin_batch::features::Plans {
    let set = Arc::clone(&edition.set);
    hengxin_batch::features::Plans::new(points.iter().map(|p| p.as_of), |day| {
        catalogue.feature_plan(&set, day)
    })
}

fn show(edition: &FeatureEdition, as_json: bool) {
    let set = &edition.set;
    let unit = hengxin_batch::features::table::unit_name;
    if as_json {
        let features = set.features.iter().map(|feature| {
            json!({
                "id": feature.id, "title": feature.title, "source": feature.source.to_string(),
                "reading": feature.words, "unit": unit(&feature.gives),
            })
        });
        output::json(&json!({
            "feature_set": set.id, "edition": set.edition, "title": set.title, "sha256": edition.file_digest,
            "digest": edition.digest, "features": features.collect::<Vec<_>>(),
        }));
        return;
    }
    println!("{} {} ({})", set.title, set.edition, set.id);
    let mut table = output::table(&["feature", "title", "gives", "reading"]);
    for feature in &set.features {
        table.add_row([&feature.id, &feature.title, unit(&feature.gives), &feature.words]);
    }
    println!("{table}");
}
