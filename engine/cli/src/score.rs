//! `hengxin score`, `explain` and `tier`: what is said of one enterprise, and why.

use std::sync::Arc;

use hengxin_core::date::Date;
use hengxin_core::fact::Dossier;
use hengxin_core::kernel::{Evaluation, Ineligible, Outcome, Workbench, evaluate};
use hengxin_core::quantity::Gives;
use hengxin_core::reading::{Measured, Unknown};
use hengxin_core::standard::Standard;
use hengxin_core::tier::{self, MeasureKind, TierDecision, TierPolicy, classify};
use hengxin_core::trace::{Adjustment, Explanation, Silent};
use hengxin_core::uscc::Uscc;
use hengxin_standard::{Catalogue, Edition};
use hengxin_store::{OwnedFile, Snapshot};
use serde_json::{Value, json};

use crate::data::{self, Place};
use crate::failure::Failure;
use crate::output;

/// Which enterprise, and when.
#[derive(clap::Args)]
pub struct Question {
    /// Unified social credit code.
    code: String,
    /// The day the result is for; today when absent.
    #[arg(long, value_name = "YYYY-MM-DD")]
    as_of: Option<String>,
    /// Only what was recorded by this moment; all of it when absent.
    #[arg(long, value_name = "MOMENT")]
    known_at: Option<String>,
    /// JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Score one enterprise by one standard.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hengxin score 91330199MAY000005R\n  hengxin score 91330199MAY000005R --standard tax-credit --as-of 2026-04-30 --json"
)]
pub struct Arguments {
    #[command(flatten)]
    question: Question,
    /// Id of the standard.
    #[arg(long, default_value = "public-comprehensive")]
    standard: String,
    /// A pinned edition instead of the one in force.
    #[arg(long)]
    edition: Option<String>,
}

impl Arguments {
    /// The question about one enterprise by the public standard.
    pub fn about(code: &str, as_of: &str, data: &str) -> Arguments {
        Arguments {
            question: Question {
                code: code.to_owned(),
                as_of: Some(as_of.to_owned()),
                known_at: None,
                json: false,
                place: Place::at(std::path::Path::new(data)),
            },
            standard: "public-comprehensive".to_owned(),
            edition: None,
        }
    }
}

/// The tier of one enterprise in one field.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hengxin tier 91330199MAY000005R --field environment\n  hengxin tier 91330199MAY000005R --field environment --json"
)]
pub struct TierArguments {
    #[command(flatten)]
    question: Question,
    /// The field of supervision.
    #[arg(long)]
    field: String,
}

/// What was asked, opened.
struct Opened {
    catalogue: Catalogue,
    snapshot: Snapshot,
    file: OwnedFile,
    as_of: Date,
}

impl Question {
    fn open(&self) -> Result<Opened, Failure> {
        let subject: Uscc = self.code.parse().map_err(|problem| {
            let near: Vec<String> = Uscc::suggest(&self.code).iter().map(ToString::to_string).collect();
            let hint = if near.is_empty() {
                String::new()
            } else {
                format!("; did you mean {}?", near.join(" or "))
            };
            Failure::Input(format!("`{}`: {problem}{hint}", self.code))
        })?;
        let as_of = data::as_of(self.as_of.as_deref())?;
        let known_at = data::known_at(self.known_at.as_deref())?;
        let catalogue = self.place.catalogue()?;
        let ledger = self.place.open(&catalogue)?;
        let snapshot = ledger.snapshot(known_at).map_err(data::store)?;
        let file = snapshot.credit_file(subject).map_err(data::store)?.ok_or_else(|| {
            Failure::Input(format!("nothing is known of {subject} at {}", data::moment(snapshot.known_at())))
        })?;
        Ok(Opened { catalogue, snapshot, file, as_of })
    }
}

/// Runs `score`.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let opened = arguments.question.open()?;
    let edition = chosen(&opened, arguments)?;
    let mut bench = Workbench::new(opened.catalogue.plan(edition, opened.as_of));
    let dossier = Dossier { file: opened.file.as_file(), related: &[] };
    let evaluation = evaluate(&mut bench, &opened.file.classes, &dossier, &mut Silent);
    if arguments.question.json {
        output::json(&head(&opened, edition, &evaluation));
    } else {
        print_head(&opened, edition, &evaluation);
    }
    Ok(())
}

/// Runs `explain`.
pub fn explain(arguments: &Arguments) -> Result<(), Failure> {
    let opened = arguments.question.open()?;
    let edition = chosen(&opened, arguments)?;
    let mut bench = Workbench::new(opened.catalogue.plan(edition, opened.as_of));
    let dossier = Dossier { file: opened.file.as_file(), related: &[] };
    let mut story = Explanation::default();
    let evaluation = evaluate(&mut bench, &opened.file.classes, &dossier, &mut story);
    let standard = &edition.standard;
    if arguments.question.json {
        let mut value = head(&opened, edition, &evaluation);
        value["indicators"] = story
            .indicators
            .iter()
            .map(|line| {
                let indicator = &standard.indicators[line.indicator];
                json!({
                    "id": indicator.id, "title": indicator.title, "measured": measured(&indicator.gives, line.measured),
                    "points": line.points.map(|p| p.to_string()), "max": indicator.max.to_string(),
                    "source": indicator.source.to_string(),
                    "facts": line.evidence.iter().map(|e| json!({
                        "fact": e.fact.0, "standing": format!("{:?}", e.standing),
                        "effect": e.effect.map(|p| p.to_string()),
                    })).collect::<Vec<Value>>(),
                })
            })
            .collect();
        value["adjustments"] = story
            .adjustments
            .iter()
            .map(|(what, points)| json!({"what": adjustment(standard, *what), "points": points.to_string()}))
            .collect();
        output::json(&value);
        return Ok(());
    }
    print_head(&opened, edition, &evaluation);
    print_story(standard, &story);
    Ok(())
}

/// Prints the lines that add up to the score.
fn print_story(standard: &Standard, story: &Explanation) {
    let mut table = output::table(&["points", "of", "indicator", "measured", "facts", "source"]);
    for line in &story.indicators {
        let indicator = &standard.indicators[line.indicator];
        let facts: Vec<String> = line
            .evidence
            .iter()
            .map(|e| {
                let effect = e.effect.map(|p| format!(" ({p})")).unwrap_or_default();
                match e.standing {
                    hengxin_core::picker::Standing::Counts => format!("#{}{effect}", e.fact.0),
                    other => format!("#{} {other:?}", e.fact.0),
                }
            })
            .collect();
        table.add_row([
            line.points.map_or("excluded".to_owned(), |p| p.to_string()),
            indicator.max.to_string(),
            indicator.title.clone(),
            measured(&indicator.gives, line.measured),
            facts.join(", "),
            indicator.source.to_string().chars().take(48).collect(),
        ]);
    }
    println!("\n{table}\n");
    for (what, points) in &story.adjustments {
        println!("{points:>10}  {}", adjustment(standard, *what));
    }
    println!("{:>10}  together", story.total().to_string());
    let lost: Vec<String> = story
        .ranked(standard)
        .into_iter()
        .take(4)
        .map(|(i, points)| format!("{} (−{points})", standard.indicators[i].title))
        .collect();
    if !lost.is_empty() {
        println!("\nmost points lost: {}", lost.join(", "));
    }
}

fn chosen<'o>(opened: &'o Opened, arguments: &Arguments) -> Result<&'o Edition, Failure> {
    match &arguments.edition {
        Some(edition) => opened.catalogue.pinned(&arguments.standard, edition),
        None => opened.catalogue.standard(&arguments.standard, opened.as_of),
    }
    .map_err(|e| Failure::Input(e.to_string()))
}

fn head(opened: &Opened, edition: &Edition, evaluation: &Evaluation) -> Value {
    let standard = &edition.standard;
    let findings = |bits: u64| -> Vec<&str> {
        let set = standard.findings.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1);
        set.map(|(_, f)| f.id.as_str()).collect()
    };
    json!({
        "subject": opened.file.subject.to_string(), "standard": standard.id, "edition": standard.edition,
        "status": standard.status.name(), "digest": edition.digest, "as_of": opened.as_of.to_string(),
        "known_at": data::moment(opened.snapshot.known_at()), "outcome": outcome(standard, evaluation),
        "score": evaluation.outcome.score().map(|s| s.to_string()),
        "grade": evaluation.outcome.grade().map(|g| standard.grades.id(g)),
        "findings": findings(evaluation.findings), "decided": findings(evaluation.decided),
        "undetermined": findings(evaluation.undetermined), "unknown_indicators": evaluation.unknown,
        "horizon": evaluation.horizon.map(|h| h.to_string()),
    })
}

fn print_head(opened: &Opened, edition: &Edition, evaluation: &Evaluation) {
    let standard = &edition.standard;
    println!(
        "{} by {} {} ({})",
        opened.file.subject,
        standard.title,
        standard.edition,
        standard.status.name()
    );
    println!("as of {}, known at {}", opened.as_of, data::moment(opened.snapshot.known_at()));
    println!("digest of the standard {}", edition.digest);
    println!("{}", outcome(standard, evaluation));
    for (i, finding) in standard.findings.iter().enumerate() {
        let bit = |bits: u64| bits >> i & 1 == 1;
        if bit(evaluation.findings) {
            let decided = if bit(evaluation.decided) { "decided the grade" } else { "applies" };
            println!("finding {}: {} ({decided}) [{}]", finding.id, finding.title, finding.source);
        } else if bit(evaluation.undetermined) {
            println!("finding {}: {} (too little is known)", finding.id, finding.title);
        }
    }
    if let Some(horizon) = evaluation.horizon {
        println!("may change without a new record on {horizon}");
    }
}

/// The outcome in words.
pub fn outcome(standard: &Standard, evaluation: &Evaluation) -> String {
    let grade =
        |g: Option<u16>| g.map_or("no grade".to_owned(), |g| format!("grade {}", standard.grades.id(g)));
    match evaluation.outcome {
        Outcome::NotEligible(Ineligible::Kind) => "not evaluated: another kind of subject".to_owned(),
        Outcome::NotEligible(Ineligible::Rule(i)) => {
            let reason = standard.eligibility.get(usize::from(i)).map_or("", |e| e.reason.as_str());
            format!("not evaluated: {reason}")
        }
        Outcome::CannotScore { grade: vetoed } => format!("cannot be scored, {}", grade(vetoed)),
        Outcome::Graded { score: Some(score), grade: g, .. } => format!("score {score}, {}", grade(g)),
        Outcome::Graded { score: None, grade: g, .. } => grade(g),
    }
}

fn measured(gives: &Gives, measured: Measured) -> String {
    match (measured, gives) {
        (Measured::Known(value), Gives::Quantity(unit)) => unit.display(value),
        (Measured::Known(value), Gives::Category(names)) => {
            usize::try_from(value).ok().and_then(|i| names.get(i)).cloned().unwrap_or_default()
        }
        (Measured::Known(value), Gives::Events) => format!("{value} events"),
        (Measured::Unknown(why), _) => match why {
            Unknown::NotDelivered => "unknown: register not delivered",
            Unknown::NoRecord => "unknown: no record",
            Unknown::ZeroDivisor => "unknown: nothing to divide by",
            Unknown::NotRegistered => "unknown: not in the registration",
            Unknown::NoResult => "unknown: no result of the other standard",
        }
        .to_owned(),
    }
}

fn adjustment(standard: &Standard, what: Adjustment) -> String {
    let of = |i: Option<usize>| {
        i.and_then(|i| standard.dimensions.get(i)).map_or("the whole".to_owned(), |d| d.title.clone())
    };
    match what {
        Adjustment::Base => "base".to_owned(),
        Adjustment::Weighted(i) => format!("weights of {}", of(i)),
        Adjustment::Renormalised(i) => format!("excluded indicators of {}", of(i)),
        Adjustment::DimensionClip(i) => format!("floor or cap of {}", of(Some(i))),
        Adjustment::ScaleClip => "end of the scale".to_owned(),
        Adjustment::Rounding => "rounding".to_owned(),
    }
}

/// Runs `tier`.
pub fn tier(arguments: &TierArguments) -> Result<(), Failure> {
    let opened = arguments.question.open()?;
    let policy =
        opened.catalogue.policy(&arguments.field, opened.as_of).map_err(|e| Failure::Input(e.to_string()))?;
    let (decision, results) = decide(&opened.catalogue, &policy.policy, &opened.file, opened.as_of);
    let policy = &policy.policy;
    let measures: Vec<String> = decision
        .tier
        .map(|t| policy.tiers[usize::from(t) - 1].measures.iter().map(measure).collect())
        .unwrap_or_default();
    if arguments.question.json {
        output::json(&json!({
            "subject": opened.file.subject.to_string(), "field": policy.field, "policy": policy.id,
            "edition": policy.edition, "status": policy.status.name(), "as_of": opened.as_of.to_string(),
            "known_at": data::moment(opened.snapshot.known_at()), "tier": decision.tier,
            "by_method": decision.by_method, "method": policy.method_name(),
            "overrides": decision.overrides.iter().map(|i| policy.overrides[*i].id.as_str()).collect::<Vec<_>>(),
            "results": results, "measures": measures,
        }));
        return Ok(());
    }
    println!("{} in {} ({})", opened.file.subject, policy.title, policy.status.name());
    for result in &results {
        println!("  {result}");
    }
    match decision.tier {
        Some(t) => println!("tier {t}: {}", policy.tiers[usize::from(t) - 1].title),
        None => println!("no tier: the policy says nothing for these results"),
    }
    for place in &decision.overrides {
        println!("  override {} [{}]", policy.overrides[*place].id, policy.overrides[*place].source);
    }
    for measure in measures {
        println!("  {measure}");
    }
    Ok(())
}

/// The tier of a file, and its two results in words.
pub fn decide(
    catalogue: &Catalogue,
    policy: &Arc<TierPolicy>,
    file: &OwnedFile,
    as_of: Date,
) -> (TierDecision, Vec<String>) {
    let dossier = Dossier { file: file.as_file(), related: &[] };
    let mut words = Vec::new();
    let mut result = |id: Option<&String>| {
        let edition = catalogue.standard(id?, as_of).ok()?;
        let mut bench = Workbench::new(catalogue.plan(edition, as_of));
        let evaluation = evaluate(&mut bench, &file.classes, &dossier, &mut Silent);
        let standard = &edition.standard;
        words.push(format!("{} {}: {}", standard.title, standard.edition, outcome(standard, &evaluation)));
        Some((Arc::clone(standard), evaluation))
    };
    let public = result(Some(&policy.public));
    let industry = result(policy.industry.as_ref());
    let decision = classify(
        policy,
        public.as_ref().map(|(standard, evaluation)| tier::Standing { standard, evaluation }),
        industry.as_ref().map(|(standard, evaluation)| tier::Standing { standard, evaluation }),
    );
    (decision, words)
}

fn measure(measure: &tier::Measure) -> String {
    let figure = match measure.kind {
        MeasureKind::SamplingRatio(share) => format!(" ({share})"),
        MeasureKind::Inspections { min, max } => {
            let show = |n: Option<i64>| n.map(|n| hengxin_core::number::display_decimal(n, 4));
            match (show(min), show(max)) {
                (Some(min), Some(max)) => format!(" ({min} to {max} a year)"),
                (Some(min), None) => format!(" (at least {min} a year)"),
                (None, Some(max)) => format!(" (at most {max} a year)"),
                (None, None) => String::new(),
            }
        }
        MeasureKind::SamplingExcluded
        | MeasureKind::Mode(_)
        | MeasureKind::Service
        | MeasureKind::Warning
        | MeasureKind::Restriction => String::new(),
    };
    format!("{}{figure} [{}]", measure.title, measure.source)
}
