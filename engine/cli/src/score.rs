//! `hengxin score` and `explain`: what a standard says of one enterprise, and why.

use std::collections::HashMap;
use std::path::Path;

use hengxin_core::date::Date;
use hengxin_core::fact::FactId;
use hengxin_core::kernel::{Evaluation, Ineligible, Outcome};
use hengxin_core::standard::Standard;
use hengxin_service::engine::Wanted;
use hengxin_service::hex::hex;
use hengxin_service::story::{self, Kind, Line, Piece, Reason};
use hengxin_service::use_case::evaluate::{self, Evaluated, Story, View};
use hengxin_service::use_case::stored::outcome_id;
use serde_json::{Value, json};

use crate::data;
use crate::failure::Failure;
use crate::output;
use crate::question::{Asked, Question, problem};

/// Score one enterprise by one standard.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hengxin score 91330199MAY000009F\n  hengxin score 91330199MAY000009F --standard tax-credit --as-of 2026-04-30 --json\n  hengxin explain 91330199MAY000009F --data hengxin-demo    what `hengxin demo` loaded"
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
    pub fn about(code: &str, as_of: Date, data: &Path) -> Arguments {
        Arguments {
            question: Question::about(code, as_of, data),
            standard: "public-comprehensive".to_owned(),
            edition: None,
        }
    }

    fn ask(&self, asked: &Asked, view: View) -> Result<Evaluated, Failure> {
        let question = evaluate::Question {
            subject: asked.subject,
            standard: &self.standard,
            edition: Wanted::of(self.edition.as_deref().unwrap_or_default()),
            as_of: asked.as_of,
            known_at: asked.known_at,
            view,
        };
        evaluate::evaluate(&asked.engine, &question).map_err(problem)
    }
}

/// Runs `score`.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let asked = arguments.question.open()?;
    let evaluated = arguments.ask(&asked, View::Basic)?;
    if arguments.question.json {
        output::json(&head(&evaluated));
    } else {
        print_head(&evaluated);
    }
    Ok(())
}

/// Runs `explain`.
pub fn explain(arguments: &Arguments) -> Result<(), Failure> {
    let asked = arguments.question.open()?;
    let evaluated = arguments.ask(&asked, View::Full)?;
    let Some(story) = evaluated.assessed.story.as_deref() else { return Ok(()) };
    let records = asked.records(evaluated.known_at)?;
    if arguments.question.json {
        output::json(&explained(&evaluated, story, &records));
        return Ok(());
    }
    print_head(&evaluated);
    if evaluated.assessed.prepared.standard.indicators.is_empty() {
        println!(
            "\nthis standard gives no points: its grade follows from the findings alone, and none means no grade"
        );
        return Ok(());
    }
    print_lines(&lines(&evaluated, story), &records);
    print_reasons(&evaluated, story, &records);
    Ok(())
}

fn lines(evaluated: &Evaluated, story: &Story) -> Vec<Line> {
    let assessed = &evaluated.assessed;
    let prepared = &assessed.prepared;
    let file = &story.dossier.file;
    story::lines(&prepared.standard, &prepared.outline, &assessed.evaluation, &story.explanation, file)
}

/// The outcome in words.
pub fn outcome(standard: &Standard, evaluation: &Evaluation) -> String {
    let grade = |g: Option<u16>| {
        g.map_or("no grade".to_owned(), |g| {
            let title = standard.grades.all.get(usize::from(g)).and_then(|name| name.title.as_deref());
            let id = standard.grades.id(g);
            match title.filter(|title| *title != id) {
                Some(title) => format!("grade {id} ({title})"),
                None => format!("grade {id}"),
            }
        })
    };
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

fn print_head(evaluated: &Evaluated) {
    let prepared = &evaluated.assessed.prepared;
    let standard = &prepared.standard;
    let evaluation = &evaluated.assessed.evaluation;
    println!("{}  {} {} ({})", evaluated.subject, standard.title, standard.edition, standard.status.name());
    println!("{}", outcome(standard, evaluation));
    println!("as of {}, as known at {}", prepared.as_of, data::moment(evaluated.known_at));
    println!("standard {}\nfacts    {}", prepared.digest, hex(&evaluated.facts_digest));
    for (i, finding) in standard.findings.iter().enumerate() {
        let bit = |bits: u64| bits >> i & 1 == 1;
        if bit(evaluation.findings) {
            let decided = if bit(evaluation.decided) { "decided the grade" } else { "applies" };
            println!("finding: {} ({decided}) [{}]", finding.title, finding.source);
        } else if bit(evaluation.undetermined) {
            println!("finding: {} (too little is known to tell)", finding.title);
        }
    }
    if evaluation.unknown > 0 {
        println!("{} of {} indicators unknown", evaluation.unknown, standard.indicators.len());
    }
    if let Some(horizon) = evaluation.horizon {
        println!("may change without a new record on {horizon}");
    }
}

/// Prints the lines; those that are no sums add up to the score.
fn print_lines(lines: &[Line], records: &HashMap<FactId, String>) {
    println!("\n{:>12} {:>10}", "points", "of");
    for line in lines {
        let points = line.points.map_or("–".to_owned(), |p| p.to_string());
        let max = line.max.map_or(String::new(), |p| p.to_string());
        let indent = "  ".repeat(usize::try_from(line.depth).unwrap_or(0));
        let measured = match (&line.reading, line.unknown) {
            (Some(reading), _) => format!(": {reading}"),
            (None, Some(why)) => format!(": unknown, {}", story::unknown_words(why)),
            (None, None) => String::new(),
        };
        let source = line.source.as_ref().map(|source| format!("  [{source}]")).unwrap_or_default();
        println!("{points:>12} {max:>10}  {indent}{}{measured}{source}", name(line));
        for piece in &line.evidence {
            println!("{:>25}{indent}· {}", "", evidence(piece, records));
        }
    }
}

fn name(line: &Line) -> String {
    let title = if line.title.is_empty() { "the whole" } else { &line.title };
    match line.kind {
        Kind::Base => "base".to_owned(),
        Kind::Indicator => title.to_owned(),
        Kind::Clip => format!("floor or cap of {title}"),
        Kind::Weighting => format!("weights of {title}"),
        Kind::Renormalised => format!("share of what is unknown in {title}"),
        Kind::Dimension => format!("= {title}"),
        Kind::ScaleClip => "end of the scale".to_owned(),
        Kind::Rounding => "rounding".to_owned(),
        Kind::Score => "= score".to_owned(),
    }
}

fn evidence(piece: &Piece, records: &HashMap<FactId, String>) -> String {
    let record = records.get(&piece.fact).map_or("", String::as_str);
    let effect = piece.effect.map(|points| format!(": {points} points")).unwrap_or_default();
    let standing = match story::standing_id(piece.standing) {
        "" => String::new(),
        why => format!(" (does not count: {why})"),
    };
    format!("{} {record} #{}{effect}{standing}", piece.occurred_on, piece.fact.0)
}

fn print_reasons(evaluated: &Evaluated, story: &Story, records: &HashMap<FactId, String>) {
    let standard = &evaluated.assessed.prepared.standard;
    let reasons = story::reasons(standard, &evaluated.assessed.evaluation, &story.explanation);
    if reasons.is_empty() {
        return;
    }
    println!("\nreasons, the weightiest first");
    for reason in reasons.iter().take(8) {
        match *reason {
            Reason::Finding(place) => {
                println!("  {}", standard.findings[place].title);
                for piece in story::finding_evidence(&story.explanation, place, &story.dossier.file) {
                    println!("    · {}", evidence(&piece, records));
                }
            }
            Reason::Indicator { place, lost, .. } => {
                println!("  {} points below the most: {}", lost, standard.indicators[place].title);
            }
        }
    }
    if reasons.len() > 8 {
        println!("  and {} more", reasons.len() - 8);
    }
}

/// The result as JSON.
pub fn head(evaluated: &Evaluated) -> Value {
    let assessed = &evaluated.assessed;
    let prepared = &assessed.prepared;
    let standard = &prepared.standard;
    let evaluation = &assessed.evaluation;
    let findings = |bits: u64| -> Vec<&str> {
        let set = standard.findings.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1);
        set.map(|(_, f)| f.id.as_str()).collect()
    };
    let unknown: Vec<Value> = assessed
        .unknown
        .iter()
        .filter_map(|(place, why)| {
            let indicator = standard.indicators.get(usize::from(*place))?;
            Some(json!({"id": indicator.id, "reason": story::unknown_id(*why)}))
        })
        .collect();
    json!({
        "subject": evaluated.subject.to_string(), "standard": standard.id, "edition": standard.edition,
        "status": standard.status.name(), "digest": prepared.digest,
        "facts_digest": hex(&evaluated.facts_digest), "as_of": prepared.as_of.to_string(),
        "known_at": data::moment(evaluated.known_at), "outcome": outcome_id(evaluation.outcome),
        "summary": outcome(standard, evaluation), "score": evaluation.outcome.score().map(|s| s.to_string()),
        "scheme": standard.grades.scheme, "grade": evaluation.outcome.grade().map(|g| standard.grades.id(g)),
        "findings": findings(evaluation.findings), "decided": findings(evaluation.decided),
        "undetermined": findings(evaluation.undetermined), "unknown_indicators": unknown,
        "horizon": evaluation.horizon.map(|h| h.to_string()),
    })
}

fn explained(evaluated: &Evaluated, story: &Story, records: &HashMap<FactId, String>) -> Value {
    let standard = &evaluated.assessed.prepared.standard;
    let pieces = |pieces: &[Piece]| -> Vec<Value> {
        let piece = |p: &Piece| {
            json!({
                "fact": p.fact.0, "record": records.get(&p.fact), "occurred_on": p.occurred_on.to_string(),
                "effect": p.effect.map(|e| e.to_string()), "does_not_count": story::standing_id(p.standing),
            })
        };
        pieces.iter().map(piece).collect()
    };
    let mut value = head(evaluated);
    value["lines"] = lines(evaluated, story)
        .iter()
        .map(|line| {
            json!({
                "kind": format!("{:?}", line.kind).to_lowercase(), "id": line.id, "title": line.title,
                "depth": line.depth, "points": line.points.map(|p| p.to_string()),
                "max": line.max.map(|p| p.to_string()), "reading": line.reading,
                "unknown": line.unknown.map(story::unknown_id),
                "source": line.source.as_ref().map(ToString::to_string), "evidence": pieces(&line.evidence),
            })
        })
        .collect();
    value["reasons"] = story::reasons(standard, &evaluated.assessed.evaluation, &story.explanation)
        .iter()
        .map(|reason| match *reason {
            Reason::Finding(place) => json!({
                "finding": standard.findings[place].id, "title": standard.findings[place].title,
                "evidence": pieces(&story::finding_evidence(&story.explanation, place, &story.dossier.file)),
            }),
            Reason::Indicator { place, lost, points } => json!({
                "indicator": standard.indicators[place].id, "title": standard.indicators[place].title,
                "points": points.to_string(), "lost": lost.to_string(),
            }),
        })
        .collect();
    value
}
