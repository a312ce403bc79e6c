//! One evaluation by Hengxin and by zen-engine 2.1 on an equal decision graph and the same raw records, one thread, facts
//! in memory (measure S5); and Hengxin's silent against its explained evaluation (measure S6).
//!
//! `cargo run --release --manifest-path benches/peers/zen/Cargo.toml`
//!
//! Twenty indicators (`benches/data/peer.yaml`) over thirty facts. The graph is parsed and compiled once, its days are
//! numbers and the cut-off of each window a constant; records are built once outside the timing and shared, not copied;
//! facts that no longer count are filtered out once per evaluation. The records stay in one list, as they do for Hengxin:
//! handing the peer a list for each code was not tried. The graph yields score and grade; Hengxin gives these and also the
//! horizon and what is unknown. Both must agree on score and grade of 300 enterprises, or nothing is timed.

use std::hint::black_box;
use std::time::Instant;

use hengxin_core::date::Date;
use hengxin_core::fact::{
    Class, Classes, CreditFile, Deliveries, Delivery, Dossier, FactColumns, FactId, FactRow, NO_NUMBER,
    NO_REFERENCE, Registration,
};
use hengxin_core::kernel::{Evaluation, Workbench, evaluate};
use hengxin_core::region::RegionCode;
use hengxin_core::trace::{Explanation, Silent};
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::{CodeId, FieldKind, RegisterId, Shape, Vocabulary};
use hengxin_standard::{Catalogue, folder};
use serde_json::{Map, Value, json};
use tokio::runtime::{Builder, Runtime};
use zen_engine::model::GraphContent;
use zen_engine::{Decision, Variable};

const ENTERPRISES: usize = 300;
const FACTS: usize = 30;
const ROUNDS: usize = 15;
const SLICE_MILLISECONDS: u128 = 200;

/// The indicators of `peer.yaml` in its order. `[24]` stands for the day 24 months before the as-of day, `[A]` for that
/// day itself.
const INDICATORS: [&str; 20] = [
    "max([0, 60 - 20 * count(live, #.code == 'administrative-penalty' and #.severity in ['general', 'serious'] and #.on > [24])])",
    "max([0, 50 - 25 * count(live, #.code == 'administrative-penalty' and #.field in ['tax', 'environment'] and #.on > [36])])",
    "sum(map(filter(live, #.code == 'administrative-penalty' and #.on > [24]), #.number))",
    "some(live, #.code == 'abnormal-operation' and #.until >= [A]) ? 0 : 50",
    "some(live, #.code == 'serious-dishonesty-list' and #.field in ['tax', 'market-regulation', 'wage-arrears'] and #.until >= [A]) ? 0 : 60",
    "max([0, 50 - 10 * count(live, #.code == 'judgment' and #.kind in ['civil', 'criminal'] and #.subject_kind == 'enterprise' and #.on > [36])])",
    "sum(map(filter(live, #.code == 'judgment' and #.kind == 'civil' and #.on > [36]), #.number))",
    "some(live, #.code == 'enforcement-default' and #.kind in ['financing', 'trade'] and #.until >= [A]) ? 0 : 60",
    "max([0, 40 - 15 * count(live, #.code == 'enforcement-default' and #.on > [48])])",
    "max([0, 50 - 10 * count(live, #.code == 'tax-matter' and #.kind in ['late-filing', 'late-payment'] and #.on > [12])])",
    "max([0, 60 - 30 * count(live, #.code == 'tax-matter' and #.kind in ['evasion', 'invoice-breach', 'false-material'] and #.on > [36])])",
    "sum(map(filter(live, #.code == 'tax-matter' and #.on > [24]), #.number))",
    "max([0, 40 - 5 * count(live, #.code == 'social-insurance' and #.state in ['partial', 'unpaid'] and #.on > [12])])",
    "max([0, 50 - 25 * count(live, #.code == 'commitment' and #.fulfilment in ['partial', 'none'] and #.on > [24])])",
    "max([0, 60 - 20 * count(live, #.code == 'contract-performance' and #.result == 'breached' and #.kind in ['government-procurement', 'public-resource'] and #.on > [24])])",
    "some(live, #.code == 'arrears' and #.kind in ['payment-to-sme', 'wages'] and #.until >= [A]) ? 0 : 60",
    "sum(map(filter(live, #.code == 'arrears' and #.on > [24]), #.number))",
    "max([0, 50 - 15 * count(live, #.code == 'inspection' and #.result in ['failed', 'refused'] and #.on > [12])])",
    "max([0, 50 - 25 * count(live, #.code == 'accident' and #.kind in ['work-safety', 'food-safety'] and #.on > [36])])",
    "min([40, 20 * count(live, #.code == 'honour' and #.level in ['national', 'provincial', 'city'] and #.on > [36])])",
];

/// Bands over the sums (in fen), by place in [`INDICATORS`].
const BANDS: [(usize, &str); 4] = [
    (2, "i2 < 1000000 ? 50 : i2 < 5000000 ? 30 : 0"),
    (6, "i6 < 2000000 ? 40 : i6 < 8000000 ? 25 : 5"),
    (11, "i11 < 3000000 ? 40 : i11 < 10000000 ? 20 : 0"),
    (16, "i16 < 5000000 ? 40 : 10"),
];

fn main() {
    let mut files = folder::shipped();
    files
        .push(("peer-comparison/2026.1.yaml".to_owned(), include_str!("../../../data/peer.yaml").to_owned()));
    // The lock speaks of the shipped files alone.
    files.retain(|(path, _)| path != "editions.lock");
    let catalogue = match Catalogue::from_files(files) {
        Ok(catalogue) => catalogue,
        Err(error) => panic!("the standard of the comparison is not sound: {error}"),
    };
    let as_of: Date = "2026-10-31".parse().expect("a date");
    let edition = catalogue.standard("peer-comparison", as_of).expect("in force");
    assert_eq!(edition.standard.indicators.len(), INDICATORS.len(), "one expression an indicator");

    let mut classes = Classes::default();
    let mut seed = 20_261_101u64;
    let enterprises: Vec<Vec<FactRow>> =
        (0..ENTERPRISES).map(|_| rows(&catalogue.vocabulary, &mut classes, as_of, &mut seed)).collect();
    let inputs: Vec<Variable> = enterprises
        .iter()
        .map(|rows| Variable::from(records(&catalogue.vocabulary, &classes, rows)))
        .collect();
    let columns: Vec<FactColumns> = enterprises.into_iter().map(FactColumns::from_rows).collect();

    let registers = (0..catalogue.vocabulary.registers.len()).filter_map(|i| u16::try_from(i).ok());
    let deliveries = Deliveries::new(
        registers
            .map(|i| Delivery { register: RegisterId(i), region: RegionCode::NATIONAL, through: as_of })
            .collect(),
    );
    let registration = [Registration {
        fact: FactId(1),
        since: as_of.minus_months(60),
        established_on: Some(as_of.minus_months(60)),
        legal_form: Some(0),
        size: Some(2),
        status: Some(0),
        region: None,
        industry: None,
        capital: Some(100_000_000),
    }];
    let subject: Uscc = "91110101MA00000U27".parse().expect("a valid code");
    let dossier = |n: usize| Dossier {
        file: CreditFile {
            subject,
            facts: columns[n].as_facts(),
            registrations: &registration,
            deliveries: &deliveries,
        },
        related: &[],
    };

    let mut bench = Workbench::new(catalogue.plan(edition, as_of));
    let content: GraphContent = serde_json::from_value(graph(as_of)).expect("a graph");
    let mut decision = Decision::from(content);
    decision.compile();
    decision.validate().expect("a sound graph");
    let runtime = Builder::new_current_thread().build().expect("a runtime");

    let grades = &edition.standard.grades;
    let agree = |bench: &mut Workbench| {
        let mut seen = std::collections::BTreeMap::<String, usize>::new();
        for (n, input) in inputs.iter().enumerate() {
            let ours: Evaluation = evaluate(bench, &classes, &dossier(n), &mut Silent);
            assert_eq!(ours.unknown, 0, "everything is delivered");
            let score = ours.outcome.score().expect("a score").ten_thousandths();
            let grade = grades.id(ours.outcome.grade().expect("a grade")).to_owned();
            let theirs = ask(&runtime, &decision, input).to_value();
            assert_eq!(theirs["score"].as_f64(), Some(score as f64 / 10_000.0), "enterprise {n}: {theirs}");
            assert_eq!(theirs["grade"].as_str(), Some(grade.as_str()), "enterprise {n}: {theirs}");
            *seen.entry(grade).or_default() += 1;
        }
        seen
    };
    println!("equal scores and grades on {ENTERPRISES} enterprises: {:?}", agree(&mut bench));

    let mut runs = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        runs[0].push(per_second(|n| {
            black_box(evaluate(&mut bench, &classes, &dossier(n), &mut Silent));
        }));
        runs[1].push(per_second(|n| {
            let mut story = Explanation::default();
            black_box(evaluate(&mut bench, &classes, &dossier(n), &mut story));
            black_box(story);
        }));
        // Entered once a slice, not once an evaluation.
        runs[2].push(runtime.block_on(async {
            let start = Instant::now();
            let mut done = 0u32;
            while start.elapsed().as_millis() < SLICE_MILLISECONDS {
                for input in &inputs {
                    black_box(decision.evaluate(input.clone()).await.expect("evaluates"));
                    done += 1;
                }
            }
            f64::from(done) / start.elapsed().as_secs_f64()
        }));
    }
    agree(&mut bench);

    println!("{} indicators, {FACTS} facts, {ROUNDS} interleaved rounds, one thread", INDICATORS.len());
    let [silent, explained, zen] = ["hengxin silent", "hengxin explained", "zen-engine"]
        .into_iter()
        .zip(runs)
        .map(|(name, mut runs)| {
            runs.sort_by(f64::total_cmp);
            let median = runs[ROUNDS / 2];
            println!(
                "{name:>17}: median {median:.0}/s (min {:.0}, max {:.0}), {:.2} µs each",
                runs[0],
                runs[ROUNDS - 1],
                1e6 / median
            );
            median
        })
        .collect::<Vec<_>>()
        .try_into()
        .expect("three programs");
    println!("S5: hengxin silent is {:.1} times zen-engine (aim at least 100)", silent / zen);
    println!("    hengxin explained is {:.1} times zen-engine", explained / zen);
    println!("S6: explained costs {:.2} times silent (aim at most 5)", silent / explained);
}

/// Evaluations a second over all enterprises in rotation.
fn per_second(mut one: impl FnMut(usize)) -> f64 {
    let start = Instant::now();
    let mut done = 0u32;
    while start.elapsed().as_millis() < SLICE_MILLISECONDS {
        for n in 0..ENTERPRISES {
            one(n);
            done += 1;
        }
    }
    f64::from(done) / start.elapsed().as_secs_f64()
}

/// One evaluation by the peer.
fn ask(runtime: &Runtime, decision: &Decision, input: &Variable) -> Variable {
    match runtime.block_on(decision.evaluate(input.clone())) {
        Ok(response) => response.result,
        Err(error) => panic!("the graph does not evaluate: {error:?}"),
    }
}

/// The standard as a decision graph: facts that count, then indicators, bands over sums, score and grade.
fn graph(as_of: Date) -> Value {
    let dated = |text: &str| {
        [12, 24, 36, 48].iter().fold(text.replace("[A]", &as_of.days().to_string()), |text, months| {
            text.replace(&format!("[{months}]"), &as_of.minus_months(*months).days().to_string())
        })
    };
    let total: Vec<String> = (0..INDICATORS.len())
        .map(|i| if BANDS.iter().any(|(at, _)| *at == i) { format!("b{i}") } else { format!("i{i}") })
        .collect();
    let steps: [Vec<(String, String)>; 5] = [
        vec![(
            "live".to_owned(),
            dated("filter(facts, #.on <= [A] and #.repaired_on > [A] and #.public_until >= [A])"),
        )],
        INDICATORS.iter().enumerate().map(|(i, text)| (format!("i{i}"), dated(text))).collect(),
        BANDS.iter().map(|(i, text)| (format!("b{i}"), (*text).to_owned())).collect(),
        vec![("score".to_owned(), format!("max([0, min([1000, {}])])", total.join(" + ")))],
        vec![(
            "grade".to_owned(),
            "score >= 850 ? 'A' : score >= 700 ? 'B' : score >= 550 ? 'C' : 'D'".to_owned(),
        )],
    ];
    let mut nodes = vec![json!({"id": "in", "name": "in", "type": "inputNode", "content": {}})];
    let mut edges = Vec::new();
    let mut before = "in".to_owned();
    for (place, step) in steps.iter().enumerate() {
        let id = format!("step{place}");
        let expressions: Vec<Value> =
            step.iter().map(|(key, value)| json!({"id": key, "key": key, "value": value})).collect();
        // Bands and grade add to what came before them; the other steps replace it.
        let pass_through = matches!(place, 2 | 4);
        nodes.push(json!({
            "id": id, "name": id, "type": "expressionNode",
            "content": {"passThrough": pass_through, "expressions": expressions}
        }));
        edges.push(json!({"id": format!("to-{id}"), "sourceId": before, "targetId": id}));
        before = id;
    }
    nodes.push(json!({"id": "out", "name": "out", "type": "outputNode", "content": {}}));
    edges.push(json!({"id": "to-out", "sourceId": before, "targetId": "out"}));
    json!({"nodes": nodes, "edges": edges})
}

/// The same facts as the peer takes them: days as numbers, "no end" as a far day, enumerated attributes by name.
fn records(vocabulary: &Vocabulary, classes: &Classes, rows: &[FactRow]) -> Value {
    let facts: Vec<Value> = rows
        .iter()
        .map(|row| {
            let class = classes.class(row.class).expect("interned");
            let code = &vocabulary.codes[usize::from(class.code.0)];
            let mut record = Map::new();
            record.insert("code".to_owned(), json!(code.id));
            record.insert("on".to_owned(), json!(row.occurred_on.days()));
            record.insert("until".to_owned(), json!(row.ends_on.days()));
            record.insert("repaired_on".to_owned(), json!(row.repaired_on.days()));
            record.insert("public_until".to_owned(), json!(row.publicity_until.days()));
            record.insert("number".to_owned(), json!(if row.number == NO_NUMBER { 0 } else { row.number }));
            for (at, value) in code.class_fields.iter().zip(class.values.iter()) {
                let field = &code.fields[*at];
                if let (FieldKind::Enum(names), Some(place)) = (&field.kind, value.checked_sub(1)) {
                    let name = usize::try_from(place).ok().and_then(|place| names.get(place));
                    record.insert(field.id.clone(), json!(name.map(|name| &name.id)));
                }
            }
            Value::Object(record)
        })
        .collect();
    json!({"facts": facts})
}

/// Thirty facts of the codes that enterprises have, spread over four years; an attribute that may be absent sometimes is.
fn rows(vocabulary: &Vocabulary, classes: &mut Classes, as_of: Date, seed: &mut u64) -> Vec<FactRow> {
    let mut below = |n: u64| {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) % n
    };
    let usable: Vec<usize> = (0..vocabulary.codes.len())
        .filter(|i| matches!(vocabulary.codes[*i].shape, Shape::Event | Shape::Status | Shape::Measure))
        .take(18)
        .collect();
    (0..FACTS)
        .map(|n| {
            let place = usable[usize::try_from(below(usable.len() as u64)).unwrap_or(0)];
            let code = &vocabulary.codes[place];
            let values = code
                .class_fields
                .iter()
                .map(|i| {
                    let field = &code.fields[*i];
                    let value = below(field.values().len() as u64);
                    match field.kind {
                        FieldKind::Set(_) => 1 << value,
                        _ if !field.required && below(8) == 0 => 0,
                        _ => value + 1,
                    }
                })
                .collect();
            let class = classes.intern(Class { code: CodeId(u16::try_from(place).unwrap_or(0)), values });
            let occurred_on = as_of.plus_days(-i32::try_from(below(1460)).unwrap_or(0));
            FactRow {
                id: FactId(n as u64 + 2),
                class,
                occurred_on,
                ends_on: if below(2) == 0 { Date::FOREVER } else { occurred_on.plus_days(200) },
                number: code.number.map_or(NO_NUMBER, |_| i64::try_from(below(10_000_000)).unwrap_or(0)),
                reference: NO_REFERENCE,
                repaired_on: if below(10) == 0 { occurred_on.plus_days(300) } else { Date::FOREVER },
                publicity_until: if below(3) == 0 { occurred_on.plus_days(700) } else { Date::FOREVER },
                objections: Vec::new(),
            }
        })
        .collect()
}
