//! From a history and a plan to a model, and the record by which it can be made again.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::bands::bands;
use crate::binning::{Binned, CheckedRules, RuleError, bin_all};
use crate::history::{History, HistoryError, Rows, Split, Table};
use crate::logistic::{Design, Errors, Fitted, Outcome, Sample, SampleError, Separation, fit};
use crate::model::{Feature, Fit, LeftOut, Model, Weights};
use crate::plan::{Plan, PlanError, SplitRule, month};
use crate::scaling::{Card, ScalingError};
use crate::select::{Correlations, Lasso, LassoError, by_information_value, lasso, stepwise};

/// A training that is done: the model, and what it was made of for whoever goes on from here.
pub struct Trained {
    /// The model.
    pub model: Model,
    /// Its rows.
    pub rows: Rows,
    /// Which of them learned.
    pub split: Split,
    /// Its score of every row, in ten-thousandths.
    pub scores: Vec<i64>,
}

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// The plan asks for what cannot be: all faults.
    #[error("{}", told(.0))]
    Plan(Vec<PlanError>),
    /// The history cannot be used.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The learning rows cannot be used.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// A side of the split has no row, or one class only.
    #[error("the rows {side} are {found}, expected some of both classes")]
    Side {
        /// `that learn` or `held out`.
        side: &'static str,
        /// What they are.
        found: String,
    },
    /// A fold of the lasso leaves one class only.
    #[error("`selection.lasso`: {0}")]
    Lasso(LassoError),
    /// No feature is left.
    #[error("no feature is taken; each is left out for a reason: {}{}", reasons(.left_out), also(.findings))]
    NoFeature {
        /// Why each is not.
        left_out: Vec<LeftOut>,
        /// What was found in the data.
        findings: Vec<String>,
    },
    /// A feature tells the classes apart without error and nothing was asked to hold its coefficient.
    #[error(
        "the classes can be told apart without error ({found}), so that coefficients grow without end: the target may be \
         hidden in a feature; exclude it, or ask for a ridge"
    )]
    Separation {
        /// By which features.
        found: String,
    },
    /// Points beyond what a standard may write.
    #[error(transparent)]
    Scaling(#[from] ScalingError),
}

fn told(faults: &[PlanError]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn reasons(left: &[LeftOut]) -> String {
    let some: Vec<String> = left.iter().take(5).map(|l| format!("`{}` {}", l.column, l.reason)).collect();
    some.join(", ")
}

fn also(findings: &[String]) -> String {
    findings.iter().take(5).map(|finding| format!("; {finding}")).collect()
}

/// Makes a model of a history's files; the same bits on any number of threads and, unless the split goes by the place of the
/// rows, in any order of rows, files and columns.
///
/// # Errors
/// [`TrainingError`].
pub fn train(files: &[PathBuf], plan: &Plan, threads: usize) -> Result<Trained, TrainingError> {
    let faults = plan.faults();
    if !faults.is_empty() {
        return Err(TrainingError::Plan(faults));
    }
    let history = History::open(files, plan.history.clone())?;
    let split = split(&history.rows, &plan.split)?;
    let mut table = history.encode(&split, threads)?;
    table.columns.sort_by(|a, b| a.layout.column.cmp(&b.layout.column));
    table.findings.sort_by_key(ToString::to_string);
    let rules = |column: &str| -> Result<CheckedRules, RuleError> {
        plan.binning_of.get(column).unwrap_or(&plan.binning).clone().check()
    };
    let rules =
        |column: &str| rules(column).unwrap_or_else(|_| unreachable!("all rules of the plan were checked"));
    let binned = bin_all(&table.columns, &history.rows, &split.learn, rules, threads);
    let mut findings: Vec<String> = table.findings.iter().map(ToString::to_string).collect();
    let mut left_out = Vec::new();
    let notes = (&mut left_out, &mut findings);
    let taken = taken(plan, &table, &binned, &history.rows, &split, threads, notes)?;
    if taken.is_empty() {
        return Err(TrainingError::NoFeature { left_out, findings });
    }
    let sample = sample(&table, &binned, &taken, &history.rows, &split)?;
    let settings = plan.regression.clone().check().map_err(|e| TrainingError::Plan(vec![e.into()]))?;
    let fitted = fit(&sample, &settings, threads);
    let names = |places: &[usize]| -> Vec<&str> {
        places.iter().map(|place| table.columns[taken[*place]].layout.column.as_str()).collect()
    };
    if fitted.outcome == Outcome::NoOptimum {
        let found = match &fitted.separation {
            Separation::Partial { columns } if !columns.is_empty() => {
                format!("by {}", names(columns).join(", "))
            }
            _ => "by all features together".to_owned(),
        };
        return Err(TrainingError::Separation { found });
    }
    let mut card =
        Card::new(taken.iter().map(|place| binned[*place].clone()).collect(), &fitted, plan.scaling)?;
    let codes: Vec<_> = taken.iter().map(|place| &table.columns[*place].codes).collect();
    let scores = card.score_all(&codes);
    // What earns nothing is no part of the card.
    let idle: Vec<bool> = fitted.coefficients.iter().map(|coefficient| *coefficient == 0.0).collect();
    for (place, feature) in taken.iter().enumerate().filter(|(place, _)| idle[*place]) {
        let reason = if fitted.dependent.contains(&place) {
            "is a sum of others"
        } else {
            "would count the wrong way round"
        };
        let column = table.columns[*feature].layout.column.clone();
        left_out.push(LeftOut { column, reason: reason.to_owned() });
    }
    let earning: Vec<usize> = (0..idle.len()).filter(|place| !idle[*place]).collect();
    card.features = earning.iter().map(|place| card.features[*place].clone()).collect();
    if card.features.is_empty() {
        return Err(TrainingError::NoFeature { left_out, findings });
    }
    let mut model = model(plan, &card, (&fitted, &earning), &history.rows, &split, left_out, findings);
    model.scores = bands(&scores, &history.rows, &split.learn);
    Ok(Trained { model, rows: history.rows, split, scores })
}

/// The sides of a history's rows.
///
/// # Errors
/// A side that is asked for without both classes.
pub fn split(rows: &Rows, rule: &SplitRule) -> Result<Split, TrainingError> {
    let split = match rule {
        SplitRule::FromMonth(text) => month(text).and_then(|from| Split::at_month(rows, from)),
        SplitRule::Groups { share, seed } => Split::by_group(rows, *share, *seed),
        SplitRule::Rows { share, seed } => Some(Split::by_row(rows, *share, *seed)),
        SplitRule::None => Some(Split::none(rows.len())),
    };
    let split = split.unwrap_or_else(|| unreachable!("what the split needs was checked with the plan"));
    let held_out_asked = !matches!(rule, SplitRule::None);
    for (side, part, asked) in [("that learn", &split.learn, true), ("held out", &split.hold, held_out_asked)]
    {
        let count = rows.count(part);
        let (defaults, others) = (count.bads.value(), count.goods.value());
        if asked && (defaults == 0.0 || others == 0.0) {
            let found = format!("{} with {defaults} defaults and {others} others by weight", part.len());
            return Err(TrainingError::Side { side, found });
        }
    }
    Ok(split)
}

fn sample<'t>(
    table: &'t Table,
    binned: &[Binned],
    taken: &[usize],
    rows: &Rows,
    split: &'t Split,
) -> Result<Sample<'t>, SampleError> {
    let columns =
        taken.iter().map(|place| (&table.columns[*place].codes, binned[*place].woe_by_code())).collect();
    let of = |row: &u32| rows.default[*row as usize];
    let mut sample =
        Sample::new(Design::Coded { columns, rows: &split.learn }, split.learn.iter().map(of).collect())?;
    if rows.weight.is_some() {
        sample = sample.weighted(split.learn.iter().map(|row| rows.mass(*row as usize).value()).collect())?;
    }
    if let Some(groups) = &rows.group {
        sample = sample.grouped(split.learn.iter().map(|row| groups[*row as usize]).collect())?;
    }
    Ok(sample)
}

/// The places of the features that are taken, ascending by name.
fn taken(
    plan: &Plan,
    table: &Table,
    binned: &[Binned],
    rows: &Rows,
    split: &Split,
    threads: usize,
    (left_out, findings): (&mut Vec<LeftOut>, &mut Vec<String>),
) -> Result<Vec<usize>, TrainingError> {
    let selection = &plan.selection;
    let name = |place: usize| table.columns[place].layout.column.clone();
    let mut leave = |place: usize, reason: String| left_out.push(LeftOut { column: name(place), reason });
    let mut kept = by_information_value(binned, selection.information_value_min);
    let informative: BTreeSet<usize> = kept.iter().copied().collect();
    for place in (0..binned.len()).filter(|place| !informative.contains(place)) {
        let value = binned[place].information_value();
        leave(
            place,
            format!("has an information value of {value:.4}, below {}", selection.information_value_min),
        );
    }
    if let Some(most) = selection.correlation_max
        && kept.len() > 1
    {
        let sample = sample(table, binned, &kept, rows, split)?;
        let (thinned, gone) =
            Correlations::of(&sample, threads).thinned(&(0..kept.len()).collect::<Vec<_>>(), most);
        for (column, other) in gone {
            leave(kept[column], format!("correlates with the more informative `{}`", name(kept[other])));
        }
        kept = thinned.into_iter().map(|place| kept[place]).collect();
    }
    if let Some(most) = selection.inflation_max {
        while kept.len() > 1 {
            let sample = sample(table, binned, &kept, rows, split)?;
            let inflation = Correlations::of(&sample, threads).variance_inflation();
            let worst = inflation.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            let Some((place, value)) = worst.filter(|(_, value)| **value > most) else { break };
            leave(kept[place], format!("has a variance inflation of {value:.1}, above {most}"));
            kept.remove(place);
        }
    }
    kept.sort_unstable();
    if let Some(penalty) = selection.lasso
        && !kept.is_empty()
    {
        let sample = sample(table, binned, &kept, rows, split)?;
        let settings = plan.regression.clone().check().map_err(|e| TrainingError::Plan(vec![e.into()]))?;
        let chosen = lasso(&sample, &settings, penalty, threads).map_err(TrainingError::Lasso)?;
        findings.push(lasso_words(&chosen, kept.len()));
        let lambda = chosen.path[chosen.chosen].lambda;
        for place in (0..kept.len()).filter(|place| !chosen.columns.contains(place)) {
            leave(kept[place], format!("has no coefficient in the lasso at λ {lambda:.3e}"));
        }
        kept = chosen.columns.into_iter().map(|place| kept[place]).collect();
    }
    if let Some(rules) = selection.stepwise
        && !kept.is_empty()
    {
        let sample = sample(table, binned, &kept, rows, split)?;
        let settings = plan.regression.clone().check().map_err(|e| TrainingError::Plan(vec![e.into()]))?;
        let chosen = stepwise(&sample, &settings, rules, threads)
            .map_err(|e| TrainingError::Plan(vec![e.into()]))?
            .columns;
        for place in (0..kept.len()).filter(|place| !chosen.contains(place)) {
            leave(kept[place], format!("adds nothing by the likelihood ratio at {}", rules.enter));
        }
        kept = chosen.into_iter().map(|place| kept[place]).collect();
    }
    Ok(kept)
}

/// What a lasso did, and whether it came to its end.
fn lasso_words(found: &Lasso, of: usize) -> String {
    let step = &found.path[found.chosen];
    let ended = if step.converged { "converged" } else { "did not converge" };
    format!(
        "the lasso keeps {} of {of} features at λ {:.3e} (number {} of {}); it {ended}, with a derivative of at most {:.1e} left",
        found.columns.len(),
        step.lambda,
        found.chosen + 1,
        found.path.len(),
        step.violation
    )
}

fn model(
    plan: &Plan,
    card: &Card,
    (fitted, earning): (&Fitted, &[usize]),
    rows: &Rows,
    split: &Split,
    left_out: Vec<LeftOut>,
    findings: Vec<String>,
) -> Model {
    let errors = if rows.group.is_some() { Errors::Clustered } else { Errors::Model };
    let features = card.features.iter().zip(earning).map(|(feature, &place)| {
        let test = fitted.wald(place, errors);
        Feature::of(feature, fitted.coefficients[place], test.map(|t| t.error), test.map(|t| t.p))
    });
    let (format, version) = Model::head();
    Model {
        format,
        version,
        plan: plan.clone(),
        learned: Weights::from(rows.count(&split.learn)),
        held_out: Weights::from(rows.count(&split.hold)),
        base: card.base as f64 / crate::scaling::UNIT,
        intercept: fitted.intercept,
        fit: Fit {
            outcome: String::from(match fitted.outcome {
                Outcome::Converged => "converged",
                Outcome::NoOptimum => "no-optimum",
                Outcome::OutOfSteps => "out-of-steps",
                Outcome::Stalled => "stalled",
            }),
            steps: fitted.steps,
            gradient: fitted.gradient,
            log_likelihood: fitted.log_likelihood,
            log_likelihood_null: fitted.log_likelihood_null,
        },
        features: features.collect(),
        scores: Vec::new(),
        left_out,
        findings,
    }
}

/// By which a training can be repeated and its result recognised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// `hengxin-training`.
    pub format: String,
    /// 1.
    pub version: u32,
    /// Version of the program.
    pub program: String,
    /// What was asked for.
    pub plan: Plan,
    /// The files.
    pub files: Vec<RecordedFile>,
    /// Rows of them.
    pub rows: usize,
    /// SHA-256 of the model's file.
    pub model: String,
}

/// A file is no record of a training, or its data are others now.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is not the JSON of one.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// It is something else, or of another version.
    #[error("`format` is `{found}`, expected `{FORMAT}` version 1")]
    Format {
        /// What it calls itself.
        found: String,
    },
    /// A file cannot be read.
    #[error("`{}` cannot be read: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what it was.
    #[error("`{}` has digest {found}, expected {expected}, that of the file the model was made of", path.display())]
    Changed {
        /// Which.
        path: PathBuf,
        /// What it has.
        found: String,
        /// What it had.
        expected: String,
    },
}

/// A file that a model was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedFile {
    /// Its path, as it was given.
    pub path: PathBuf,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

const FORMAT: &str = "hengxin-training";

impl Record {
    /// The record of a training.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of(files: &[PathBuf], trained: &Trained) -> std::io::Result<Record> {
        let recorded = |path: &PathBuf| Ok(RecordedFile { path: path.clone(), sha256: file_digest(path)? });
        Ok(Record {
            format: FORMAT.to_owned(),
            version: 1,
            program: format!("hengxin {}", env!("CARGO_PKG_VERSION")),
            plan: trained.model.plan.clone(),
            files: files.iter().map(recorded).collect::<std::io::Result<_>>()?,
            rows: trained.rows.len(),
            model: model_digest(&trained.model),
        })
    }

    /// Reads a record from the text of its file.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn read(text: &[u8]) -> Result<Record, RecordError> {
        let record: Record = serde_json::from_slice(text)?;
        if (record.format.as_str(), record.version) != (FORMAT, 1) {
            return Err(RecordError::Format {
                found: format!("{} version {}", record.format, record.version),
            });
        }
        Ok(record)
    }

    /// The files, if they are what they were.
    ///
    /// # Errors
    /// The first that is not.
    pub fn unchanged_files(&self) -> Result<Vec<PathBuf>, RecordError> {
        let unchanged = |file: &RecordedFile| {
            let path = file.path.clone();
            match file_digest(&path) {
                Err(source) => Err(RecordError::File { path, source }),
                Ok(found) if found != file.sha256 => {
                    Err(RecordError::Changed { path, found, expected: file.sha256.clone() })
                }
                Ok(_) => Ok(path),
            }
        };
        self.files.iter().map(unchanged).collect()
    }
}

/// SHA-256 of a model's file.
pub fn model_digest(model: &Model) -> String {
    hex(&Sha256::digest(model.to_json()))
}

/// SHA-256 of a file.
///
/// # Errors
/// When it cannot be read.
pub fn file_digest(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            n => hash.update(&buffer[..n]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
