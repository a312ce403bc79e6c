//! `hengxin what-if`: what would change the tier of one enterprise in one field.

use std::collections::HashMap;

use hengxin_core::date::Date;
use hengxin_core::fact::FactId;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::{CodeId, Vocabulary};
use hengxin_service::use_case::course::{Outcome, Point};
use hengxin_service::use_case::trace::{self, Change, Traced};
use hengxin_service::use_case::what_if::{self, CountsIn, Fewest, MONTHS, MONTHS_MAX, Part, Record, WhatIf};
use serde_json::{Value, json};

use crate::data;
use crate::failure::Failure;
use crate::output;
use crate::question::{Question, problem};

/// What would change the tier of one enterprise in one field.
///
/// Tells every record that counts, where and until when, and the tier if it were repaired; the fewest repairs that reach a
/// lighter tier; and the days ahead on which the tier changes by itself. Nothing is recorded.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  hengxin what-if 91330199MAY000009F --field environment\n  hengxin what-if 91330199MAY000009F --field environment --months 60 --json"
)]
pub struct Arguments {
    #[command(flatten)]
    question: Question,
    /// The field of supervision.
    #[arg(long)]
    field: String,
    /// How many months are looked ahead.
    #[arg(long, default_value_t = MONTHS, value_parser = clap::value_parser!(i32).range(1..=i64::from(MONTHS_MAX)))]
    months: i32,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let asked = arguments.question.open()?;
    let (subject, as_of, months) = (asked.subject, asked.as_of, arguments.months);
    let field = arguments.field.as_str();
    let question = what_if::Question { subject, field, as_of, known_at: asked.known_at, months };
    let found = what_if::what_if(&asked.engine, &question).map_err(problem)?;
    let to = as_of.months_elapsed_on(months);
    let known_at = Some(found.known_at);
    let period = trace::Question { subject, field, from: as_of, to, known_at, present: as_of };
    let traced = trace::trace(&asked.engine, &period).map_err(problem)?;
    let vocabulary = asked.engine.ledger().vocabulary();
    if arguments.question.json {
        output::json(&told(asked.subject, &found, &traced, vocabulary));
    } else {
        print(&found, &traced, &asked.records(found.known_at)?, to);
    }
    Ok(())
}

fn print(found: &WhatIf, traced: &Traced, names: &HashMap<FactId, String>, to: Date) {
    let policy = &found.policy.policy;
    println!("{} {} ({})", policy.title, policy.edition, policy.status.name());
    println!("as of {}, as known at {}", found.present.on, data::moment(found.known_at));
    println!("now:  {}", words(&found.present));
    let name = |fact: FactId| names.get(&fact).cloned().unwrap_or_else(|| format!("record {}", fact.0));
    if found.records.is_empty() {
        println!("\nno record counts");
    } else {
        println!("\nrecords that count");
        let mut table = output::table(&["id", "since", "record", "where", "until", "tier if repaired"]);
        for record in &found.records {
            let places: Vec<String> = record.counts_in.iter().filter_map(place).collect();
            let until = record.counts_until.map_or_else(|| format!("after {to}"), |day| day.to_string());
            let alone = record.if_repaired.as_ref().map_or_else(|| "-".to_owned(), tier);
            let (id, since) = (record.fact.0.to_string(), record.occurred_on.to_string());
            table.add_row([id, since, name(record.fact), places.join("\n"), until, alone]);
        }
        println!("{table}");
    }
    println!("\n{}", fewest(&found.fewest, &name));
    println!("\nahead to {to}, when nothing new happens");
    for Change { point, begun, ended } in &traced.days {
        println!("  {}  {}", point.on, words(point));
        for (sign, facts) in [('+', begun), ('-', ended)] {
            for (fact, _) in facts {
                println!("              {sign} {}", name(*fact));
            }
        }
    }
    if traced.cut {
        println!("  and more: look fewer months ahead, or from a later day");
    }
}

fn fewest(fewest: &Fewest, name: &impl Fn(FactId) -> String) -> String {
    let Fewest::Searched { found, every_set, tried_through, if_all_repaired } = fewest else {
        return "there is no lighter tier to reach".to_owned();
    };
    let all = format!("with everything repaired that can be: {}", words(if_all_repaired));
    match (found, every_set) {
        (Some((facts, reached)), _) => {
            let names: Vec<String> = facts.iter().map(|fact| format!("\n  {}", name(*fact))).collect();
            let fewest =
                if facts.len() == 1 { "one repair".to_owned() } else { format!("{} repairs", facts.len()) };
            format!(
                "the fewest that reach a lighter tier: {fewest}{}\n  gives {}\n{all}",
                names.concat(),
                words(reached)
            )
        }
        (None, true) => format!("no repairs reach a lighter tier: every set was tried\n{all}"),
        (None, false) => {
            format!("no {tried_through} repairs reach a lighter tier; larger sets are too many to try\n{all}")
        }
    }
}

/// A place by its title; a finding that does not apply is told to scripts only.
fn place(place: &CountsIn) -> Option<String> {
    let standard = &place.standard;
    let title = match place.part {
        Part::Indicator(n) => &standard.indicators.get(n)?.title,
        Part::Finding(n, true) => &standard.findings.get(n)?.title,
        Part::Finding(_, false) => return None,
    };
    let effect = place.effect.map(|points| format!(" {points}")).unwrap_or_default();
    Some(format!("{title}{effect}"))
}

fn tier(point: &Point) -> String {
    point.tier.map_or_else(|| "none".to_owned(), |tier| tier.to_string())
}

/// A point in words: the tier, then what each side gave.
fn words(point: &Point) -> String {
    let head = match point.tier {
        Some(tier) => format!("tier {tier} {}", point.title),
        None => "no tier".to_owned(),
    };
    let sides = [("public", &point.public), ("industry", &point.industry)];
    let sides = sides.iter().filter_map(|(side, outcome)| Some((side, outcome.as_ref()?)));
    let told = sides.map(|(side, outcome)| {
        let score = outcome.score().map(|score| format!(" {score}")).unwrap_or_default();
        let grade = outcome.grade().map_or("no grade", |grade| outcome.standard.grades.id(grade));
        format!("; {side}{score} {grade}")
    });
    format!("{head}{}", told.collect::<String>())
}

fn told(subject: Uscc, found: &WhatIf, traced: &Traced, vocabulary: &Vocabulary) -> Value {
    let policy = &found.policy.policy;
    let records: Vec<Value> = found.records.iter().map(|record| told_record(record, vocabulary)).collect();
    let fewest = match &found.fewest {
        Fewest::NothingLighter => json!({"search": "nothing-lighter"}),
        Fewest::Searched { found, every_set, tried_through, if_all_repaired } => {
            let search = match (found, every_set) {
                (Some(_), _) => "found",
                (None, true) => "impossible",
                (None, false) => "too-many",
            };
            let facts = found.iter().flat_map(|(facts, _)| facts).map(|fact| fact.0);
            json!({
                "search": search, "repairs": facts.collect::<Vec<_>>(), "tried_through": tried_through,
                "reached": found.as_ref().map(|(_, reached)| told_point(reached)),
                "if_all_repaired": told_point(if_all_repaired),
            })
        }
    };
    let facts = |facts: &[(FactId, CodeId)]| -> Vec<Value> {
        facts.iter().map(|(fact, code)| json!({"id": fact.0, "code": vocabulary.code(*code).id})).collect()
    };
    let days: Vec<Value> = traced
        .days
        .iter()
        .map(|day| {
            let mut value = told_point(&day.point);
            value["begun"] = json!(facts(&day.begun));
            value["ended"] = json!(facts(&day.ended));
            value
        })
        .collect();
    json!({
        "subject": subject.to_string(), "field": policy.field, "policy": policy.id, "edition": policy.edition, "digest": found.policy.digest,
        "as_of": found.present.on.to_string(), "known_at": data::moment(found.known_at),
        "present": told_point(&found.present), "records": records, "fewest": fewest, "days": days, "cut": traced.cut,
    })
}

fn told_record(record: &Record, vocabulary: &Vocabulary) -> Value {
    let places = record.counts_in.iter().map(|place| {
        let standard = &place.standard;
        let (id, kind, applies) = match place.part {
            Part::Indicator(n) => (standard.indicators.get(n).map(|i| i.id.as_str()), "indicator", None),
            Part::Finding(n, applies) => {
                (standard.findings.get(n).map(|f| f.id.as_str()), "finding", Some(applies))
            }
        };
        json!({
            "standard": standard.id, "edition": standard.edition, "kind": kind, "id": id,
            "effect": place.effect.map(|points| points.to_string()), "applies": applies,
        })
    });
    json!({
        "id": record.fact.0, "code": vocabulary.code(record.code).id, "occurred_on": record.occurred_on.to_string(),
        "counts_in": places.collect::<Vec<_>>(), "counts_until": record.counts_until.map(|day| day.to_string()),
        "if_repaired": record.if_repaired.as_ref().map(told_point),
    })
}

fn told_point(point: &Point) -> Value {
    let side = |outcome: Option<&Outcome>| {
        outcome.map(|outcome| {
            json!({
                "score": outcome.score().map(|score| score.to_string()),
                "grade": outcome.grade().map(|grade| outcome.standard.grades.id(grade)),
            })
        })
    };
    json!({
        "on": point.on.to_string(), "tier": point.tier, "title": point.title,
        "public": side(point.public.as_ref()), "industry": side(point.industry.as_ref()),
    })
}
