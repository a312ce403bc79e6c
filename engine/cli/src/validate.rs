//! `hengxin validate`: how a trained model does on a history, for whoever must approve it.

use std::path::{Path, PathBuf};

use hengxin_batch::place::Place;
use hengxin_models::history::History;
use hengxin_models::model::Model;
use hengxin_models::scoring::encode;
use hengxin_models::training::{file_digest, split};
use hengxin_models::validation::{
    Challenger, Labels, Report, Request, Subject, bins_table, challenge, challenger_findings, model_card,
    months_table, page, raw_columns, validate,
};

use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::train::{about, model, read, threads};

/// Validate a trained model on a history in Parquet.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hengxin validate model/model.json --history loans.parquet --out validation
  hengxin validate model/model.json --history loans.parquet --request limits.json --out validation --json
  hengxin validate model/model.json --history loans.parquet --challengers --out validation

A request, of which every part may be left out (docs/validation.md):
  {\"purpose\": \"rank applicants for working-capital loans\", \"segments\": [\"region\", \"size\"],
   \"limits\": {\"auc_min\": 0.75, \"psi_max\": 0.25, \"sure_inversions_max\": 0}}

Written into the folder: report.html for people, report.json, model-card.md, bins.parquet, months.parquet. The rows held out
are those that the model's plan holds out. With a limit that is not kept the exit code is 1 and every such limit is named; the
report is written all the same.")]
pub struct Arguments {
    /// The model, as `hengxin train` wrote it.
    model: PathBuf,
    /// The Parquet files of the history.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    history: Vec<PathBuf>,
    /// What is asked for, a JSON document; the usual measures and no limits when absent.
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// The folder of the results, made when absent.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Threads; as many as the machine has processors when absent.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Fit other models to the same rows: boosted trees, a forest, a tree, a regression on raw values. Takes its time.
    #[arg(long)]
    challengers: bool,
    /// The report as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let report = report(arguments)?;
    let json = write(&report, &arguments.out)?;
    if arguments.json {
        output::json(&json);
    } else {
        print(&report, arguments);
    }
    let broken: Vec<&str> = report.checks.iter().filter(|c| !c.met).map(|c| c.message.as_str()).collect();
    if broken.is_empty() {
        return Ok(());
    }
    Err(Failure::System(anyhow::anyhow!(
        "not to be approved: {}",
        broken.join("\nhengxin: not to be approved: ")
    )))
}

/// Writes everything a report is read as into a folder, without what its segments withhold; gives it as JSON.
pub fn write(report: &Report, folder: &Path) -> Result<serde_json::Value, Failure> {
    let report = &report.guarded();
    let json = serde_json::to_value(report).map_err(|e| Failure::System(anyhow::Error::new(e)))?;
    let parquet = |e| Failure::System(anyhow::Error::new(e));
    let written: [(&str, Vec<u8>); 5] = [
        ("bins.parquet", bins_table(report).map_err(parquet)?),
        ("months.parquet", months_table(report).map_err(parquet)?),
        ("model-card.md", model_card(report).into_bytes()),
        ("report.html", page(report).into_bytes()),
        ("report.json", format!("{json:#}\n").into_bytes()),
    ];
    let place = Place::from(folder);
    for (name, bytes) in written {
        place.write(name, bytes).map_err(|e| Failure::System(anyhow::Error::new(e)))?;
    }
    Ok(json)
}

fn report(arguments: &Arguments) -> Result<Report, Failure> {
    let model = model(&arguments.model)?;
    let mut request = match &arguments.request {
        None => Request::default(),
        Some(path) => serde_json::from_slice(&read(path)?).map_err(|e| about(path, &e))?,
    };
    request.challengers |= arguments.challengers;
    let progress = Progress::none();
    progress.endless("validating".to_owned());
    report_on(&model, &arguments.history, request, arguments.threads)
}

/// Validates a model on the rows of some files that its plan holds out.
pub fn report_on(
    model: &Model,
    files: &[PathBuf],
    mut request: Request,
    asked: usize,
) -> Result<Report, Failure> {
    let input = |problem: &dyn std::fmt::Display| Failure::Input(problem.to_string());
    let card = model.card().map_err(|e| input(&e))?;
    if request.data.is_empty() {
        for file in files {
            let digest = file_digest(file).map_err(|e| about(file, &e))?;
            request.data.insert(file.display().to_string(), format!("sha256:{digest}"));
        }
    }
    let history = History::open(files, model.plan.history.clone()).map_err(|e| input(&e))?;
    let split = split(&history.rows, &model.plan.split).map_err(|e| input(&e))?;
    let (codes, surprises) = encode(files, &card, threads(asked)).map_err(|e| input(&e))?;
    let named = request.segments.iter().chain(request.accepted.iter().map(|accepted| &accepted.column));
    let labels = named.map(|column| Ok(Labels::new(column, &history.texts(column).map_err(|e| input(&e))?)));
    let labels = labels.collect::<Result<Vec<Labels>, Failure>>()?;
    let name = crate::monitor::name(model);
    let subject = Subject {
        name: &name,
        card: &card,
        codes: &codes.iter().collect::<Vec<_>>(),
        rows: &history.rows,
        split: &split,
        labels: &labels,
        digests: &history.digests().map_err(|e| input(&e))?,
    };
    let mut report = validate(&subject, &request).map_err(|e| input(&e))?;
    if request.challengers {
        report.challengers = challengers(&subject, &history, &request)?;
        report.findings.extend(challenger_findings(&report.challengers));
    }
    report.findings.extend(model.findings.iter().map(|finding| format!("in training: {finding}")));
    report.findings.extend(surprises.iter().map(|surprise| {
        format!("{} rows have a value of `{}` that no learning row had", surprise.unseen, surprise.column)
    }));
    Ok(report)
}

/// Other models on the same rows. Where only some rows were accepted only these have a class, for all models alike.
fn challengers(
    subject: &Subject<'_>,
    history: &History,
    request: &Request,
) -> Result<Vec<Challenger>, Failure> {
    let raw = raw_columns(history).map_err(|e| Failure::Input(e.to_string()))?;
    let (learn, hold) = subject.known(request).map_err(|e| Failure::Input(e.to_string()))?;
    Ok(challenge(subject, &raw, &learn, &hold, request))
}

fn print(report: &Report, arguments: &Arguments) {
    println!("{}", report.model);
    let mut table = output::table(&["", "learned", "held out", "95 %"]);
    let (learned, held) = (&report.learned, &report.held);
    for (name, a, b) in [
        ("AUC", &learned.auc, &held.auc),
        ("Gini", &learned.gini, &held.gini),
        ("KS", &learned.ks, &held.ks),
        ("Brier", &learned.brier, &held.brier),
    ] {
        let ends = b.low.zip(b.high).map_or(String::new(), |(low, high)| format!("{low:.3} to {high:.3}"));
        table.add_row([name.to_owned(), format!("{:.3}", a.value), format!("{:.3}", b.value), ends]);
    }
    println!("{table}");
    if !report.challengers.is_empty() {
        let mut table =
            output::table(&["challenger, on the same rows", "AUC", "less the card's", "95 %", "KS"]);
        for challenger in &report.challengers {
            let cells = challenger.result.map_or([const { String::new() }; 4], |result| {
                let gap = &result.difference.auc;
                let ends = gap.low.zip(gap.high).map(|(low, high)| format!("{low:+.3} to {high:+.3}"));
                let (auc, ks) = (format!("{:.3}", result.auc.value), format!("{:.3}", result.ks));
                [auc, format!("{:+.3}", gap.value), ends.unwrap_or_default(), ks]
            });
            table.add_row(std::iter::once(challenger.name.clone()).chain(cells));
        }
        println!("{table}");
    }
    for finding in &report.findings {
        println!("finding: {finding}");
    }
    for check in report.checks.iter().filter(|check| check.met) {
        println!("{}", check.message);
    }
    println!("\n{}", arguments.out.join("report.html").display());
}
