//! `hengxin tier`: the supervision tier of one enterprise in one field, and what follows.

use std::path::Path;

use hengxin_core::date::Date;
use hengxin_core::number::display_decimal;
use hengxin_core::tier::{Measure, MeasureKind, Mode};
use hengxin_service::engine::Wanted;
use hengxin_service::hex::hex;
use hengxin_service::use_case::evaluate::{Assessed, View};
use hengxin_service::use_case::tier::{self, Decision, SideResult};
use serde_json::{Value, json};

use crate::data;
use crate::failure::Failure;
use crate::output;
use crate::question::{Question, problem};
use crate::score;

/// The tier of one enterprise in one field.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hengxin tier 91330199MAY000009F --field environment\n  hengxin tier 91330199MAY000009F --field environment --json"
)]
pub struct Arguments {
    #[command(flatten)]
    question: Question,
    /// The field of supervision.
    #[arg(long)]
    field: String,
    /// A pinned edition of the policy instead of the one in force.
    #[arg(long)]
    edition: Option<String>,
}

impl Arguments {
    /// The question about one enterprise in one field.
    pub fn about(code: &str, field: &str, as_of: Date, data: &Path) -> Arguments {
        Arguments { question: Question::about(code, as_of, data), field: field.to_owned(), edition: None }
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let asked = arguments.question.open()?;
    let question = tier::Question {
        subject: asked.subject,
        field: &arguments.field,
        edition: Wanted::of(arguments.edition.as_deref().unwrap_or_default()),
        as_of: asked.as_of,
        known_at: asked.known_at,
        view: View::Basic,
    };
    let decision = tier::tier(&asked.engine, &question).map_err(problem)?;
    if arguments.question.json {
        output::json(&told(&decision));
    } else {
        print(&decision);
    }
    Ok(())
}

fn print(decision: &Decision) {
    let policy = &decision.policy.policy;
    println!("{}  {} {} ({})", decision.subject, policy.title, policy.edition, policy.status.name());
    match decision.decision.tier {
        Some(tier) => println!("tier {tier}: {}", policy.tiers[usize::from(tier) - 1].title),
        None => println!("no tier: the policy says nothing for these results"),
    }
    println!("as of {}, as known at {}", decision.policy.as_of, data::moment(decision.known_at));
    println!("policy {}\nfacts  {}", decision.policy.digest, hex(&decision.facts_digest));
    println!("public:   {}", side(decision.public.as_ref()));
    if policy.industry.is_some() {
        println!("industry: {}", side(decision.industry.as_ref()));
    }
    if let Some(by_method) = decision.decision.by_method {
        println!("by the {} alone: tier {by_method}", policy.method_name().replace('_', " "));
    }
    for place in &decision.decision.overrides {
        println!("override {} [{}]", policy.overrides[*place].id, policy.overrides[*place].source);
    }
    if let Some(horizon) = decision.horizon() {
        println!("may change without a new record on {horizon}");
    }
    let measures = measures(decision);
    if !measures.is_empty() {
        println!("\nmeasures");
        for measure in measures {
            println!("  {} [{}]", words(measure), measure.source);
        }
    }
}

fn side(side: Option<&SideResult>) -> String {
    side.map_or("no edition in force".to_owned(), |side| {
        let Assessed { prepared, evaluation, .. } = &side.assessed;
        let standard = &prepared.standard;
        format!("{} {}: {}", standard.title, standard.edition, score::outcome(standard, evaluation))
    })
}

fn measures(decision: &Decision) -> &[Measure] {
    let row = decision.decision.tier.and_then(|t| decision.policy.policy.tiers.get(usize::from(t) - 1));
    row.map(|row| row.measures.as_slice()).unwrap_or_default()
}

/// A measure with its figure.
fn words(measure: &Measure) -> String {
    let figure = match measure.kind {
        MeasureKind::SamplingRatio(share) => format!(" ({share})"),
        MeasureKind::Inspections { min, max } => {
            let show = |n: Option<i64>| n.map(|n| display_decimal(n, 4));
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
    format!("{}{figure}", measure.title)
}

fn told(decision: &Decision) -> Value {
    let policy = &decision.policy.policy;
    let result = |side: Option<&SideResult>| {
        side.map(|side| {
            let Assessed { prepared, evaluation, .. } = &side.assessed;
            let standard = &prepared.standard;
            json!({
                "standard": standard.id, "edition": standard.edition, "digest": prepared.digest,
                "status": standard.status.name(), "summary": score::outcome(standard, evaluation),
                "score": evaluation.outcome.score().map(|s| s.to_string()), "scheme": standard.grades.scheme,
                "grade": evaluation.outcome.grade().map(|g| standard.grades.id(g)),
            })
        })
    };
    let measures: Vec<Value> = measures(decision)
        .iter()
        .map(|measure| {
            let mut value = json!({"title": measure.title, "source": measure.source.to_string()});
            match measure.kind {
                MeasureKind::SamplingRatio(share) => value["sampling_ratio"] = json!(share.to_string()),
                MeasureKind::SamplingExcluded => value["sampling_excluded"] = json!(true),
                MeasureKind::Inspections { min, max } => {
                    value["inspections_min_per_year"] = json!(min.map(|n| display_decimal(n, 4)));
                    value["inspections_max_per_year"] = json!(max.map(|n| display_decimal(n, 4)));
                }
                MeasureKind::Mode(mode) => {
                    value["mode"] = json!(match mode {
                        Mode::OnSite => "on-site",
                        Mode::Remote => "remote",
                        Mode::Combined => "combined",
                    });
                }
                MeasureKind::Service => value["kind"] = json!("service"),
                MeasureKind::Warning => value["kind"] = json!("warning"),
                MeasureKind::Restriction => value["kind"] = json!("restriction"),
            }
            value
        })
        .collect();
    json!({
        "subject": decision.subject.to_string(), "field": policy.field, "policy": policy.id,
        "edition": policy.edition, "status": policy.status.name(), "digest": decision.policy.digest,
        "facts_digest": hex(&decision.facts_digest), "as_of": decision.policy.as_of.to_string(),
        "known_at": data::moment(decision.known_at), "tier": decision.decision.tier,
        "method": policy.method_name(), "by_method": decision.decision.by_method,
        "overrides": decision.decision.overrides.iter().map(|i| policy.overrides[*i].id.as_str()).collect::<Vec<_>>(),
        "public": result(decision.public.as_ref()), "industry": result(decision.industry.as_ref()),
        "measures": measures, "horizon": decision.horizon().map(|h| h.to_string()),
    })
}
