//! Features against the kernel: what a reading gives in a table is what an indicator with the same reading is told.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use hengxin_batch::dataset::Dataset;
use hengxin_batch::features::cut_away::{self, Whole};
use hengxin_batch::features::dataset::{self, Options};
use hengxin_batch::features::{Benches, Plans, Point, Values};
use hengxin_batch::moment::STILL;
use hengxin_batch::reader::{ClassBook, Wanted};
use hengxin_batch::relatives::{Relatives, Sight};
use hengxin_batch::world;
use hengxin_core::date::{Date, Moment};
use hengxin_core::document::{Faults, Key, Node, Span, Value};
use hengxin_core::fact::{Deliveries, Dossier};
use hengxin_core::features::FeatureSet;
use hengxin_core::kernel::{Workbench, evaluate};
use hengxin_core::reading::Measured;
use hengxin_core::scope::Peers;
use hengxin_core::standard::Standard;
use hengxin_core::trace::Explanation;
use hengxin_standard::{Catalogue, Edition, parse_document};

const SEED: u64 = 7;

fn catalogue() -> Catalogue {
    let standards = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../standards");
    Catalogue::load(&standards).expect("the shipped standards")
}

fn made(catalogue: &Catalogue, enterprises: u64) -> (tempfile::TempDir, Dataset) {
    let folder = tempfile::tempdir().expect("a folder");
    let options =
        world::Options { enterprises, seed: SEED, through: "2026-10-31".parse().expect("a day"), threads: 2 };
    world::generate(&catalogue.vocabulary, &options, &folder.path().into(), &|_, _| {}).expect("a world");
    let dataset = Dataset::open(folder.path().into(), Arc::clone(&catalogue.vocabulary)).expect("a dataset");
    (folder, dataset)
}

fn values(dataset: &Dataset, plans: &Plans, width: usize, points: &[Point], threads: usize) -> Values {
    let options = Options { threads, cancelled: &AtomicBool::new(false), progress: &|_| {} };
    dataset::values(dataset, plans, width, points, &options).expect("measured")
}

fn scalar(text: &str) -> Node {
    Node { span: Span::default(), value: Value::Scalar(text.to_owned()) }
}

fn map(entries: Vec<(&str, Node)>) -> Node {
    let key = |text: &str| Key { span: Span::default(), text: text.to_owned() };
    let entries = entries.into_iter().map(|(text, node)| (key(text), node)).collect();
    Node { span: Span::default(), value: Value::Map(entries) }
}

/// The readings of a standard's indicators, in document order.
fn readings(node: &Node, found: &mut Vec<Node>) {
    match &node.value {
        Value::Scalar(_) => {}
        Value::List(items) => items.iter().for_each(|item| readings(item, found)),
        Value::Map(entries) => match (node.child("reading"), node.child("rule")) {
            (Some(reading), Some(_)) => found.push(reading.clone()),
            _ => entries.iter().for_each(|(_, value)| readings(value, found)),
        },
    }
}

/// A feature set of all readings of a standard that a feature may have, and of which indicators they are; `None` when there
/// are none.
fn of_standard(edition: &Edition, catalogue: &Catalogue) -> Result<Option<(FeatureSet, Vec<usize>)>, Faults> {
    let document = parse_document(&edition.text).expect("a standard is YAML");
    let mut found = Vec::new();
    readings(document.child("dimensions").unwrap_or(&document), &mut found);
    assert_eq!(found.len(), edition.standard.indicators.len(), "{}", edition.path);
    let kept = found.iter().enumerate().filter(|(_, reading)| reading.child("events").is_none());
    let (places, features): (Vec<usize>, Vec<Node>) = kept
        .map(|(place, reading)| {
            let source = map(vec![("project", scalar("a test"))]);
            let id = scalar(&format!("f{place}"));
            let parts =
                vec![("id", id), ("title", scalar("x")), ("source", source), ("reading", reading.clone())];
            (place, map(parts))
        })
        .unzip();
    if places.is_empty() {
        return Ok(None);
    }
    let mut parts = vec![
        ("feature_set", scalar("all")),
        ("edition", scalar("1")),
        ("title", scalar("x")),
        ("effective", document.child("effective").expect("a part").clone()),
        ("features", Node { span: Span::default(), value: Value::List(features) }),
    ];
    parts.extend(document.child("lifecycle").map(|node| ("lifecycle", node.clone())));
    let rounding = document.child("scale").and_then(|scale| scale.child("rounding"));
    parts.extend(rounding.map(|node| ("rounding", node.clone())));
    let heads = catalogue.standards().filter_map(|e| Standard::head(&parse_document(&e.text).ok()?));
    let set = FeatureSet::parse(&map(parts), &catalogue.vocabulary, &Peers(heads.collect()))?;
    Ok(Some((set, places)))
}

/// What the kernel tells of every indicator of every subject, by the trace of a full evaluation.
fn traced(
    dataset: &Dataset,
    catalogue: &Catalogue,
    edition: &Edition,
    as_of: Date,
    known_at: Moment,
) -> Vec<(Point, Vec<Measured>)> {
    let plan = catalogue.plan(edition, as_of);
    let reach = plan.reach();
    let sight = Sight { reach: reach.clone(), codes: plan.related_codes(), wanted: Wanted::ALL, known_at };
    let never = AtomicBool::new(false);
    let relatives = Relatives::read(dataset, &sight, None, 1, &never).expect("relatives");
    let delivered = dataset.manifest.known_deliveries(&catalogue.vocabulary, known_at).expect("deliveries");
    let deliveries = Deliveries::new(delivered);
    let (mut book, mut bench) = (relatives.book(), Workbench::new(plan));
    let mut told = Vec::new();
    for shard in &dataset.manifest.shards {
        let file = dataset.shard(shard).expect("a shard");
        file.subjects(&mut book, &deliveries, Wanted::ALL, None, known_at, &mut |book, subject| {
            let mut related = Vec::new();
            if !subject.known
                || relatives.of(subject.file.subject, &reach, &deliveries, &mut related).is_err()
            {
                return Ok(());
            }
            let mut explanation = Explanation::default();
            let dossier = Dossier { file: subject.file, related: &related };
            evaluate(&mut bench, book.classes(), &dossier, &mut explanation);
            // Who is not eligible has no lines.
            if !explanation.indicators.is_empty() {
                let lines = explanation.indicators.iter().map(|line| line.measured).collect();
                told.push((Point { subject: subject.file.subject, as_of, known_at }, lines));
            }
            Ok(())
        })
        .expect("readable");
    }
    told
}

#[test]
fn every_reading_of_every_shipped_standard_gives_in_a_table_what_the_engine_is_told() {
    let catalogue = catalogue();
    let (_folder, dataset) = made(&catalogue, 250);
    let (mut known, mut unknown, mut related, mut results) = (0, 0, 0, 0);
    for edition in catalogue.standards() {
        let found = of_standard(edition, &catalogue);
        let found = found.unwrap_or_else(|faults| panic!("{}: {faults:?}", edition.path));
        let Some((set, places)) = found else { continue };
        let (set, width) = (Arc::new(set), places.len());
        for day in ["2024-06-30", "2026-10-31"] {
            let as_of: Date = day.parse().expect("a day");
            let known_at = Moment(i64::from(as_of.days()) * 86_400_000_000 + 10 * 3_600_000_000);
            let told = traced(&dataset, &catalogue, edition, as_of, known_at);
            let points: Vec<Point> = told.iter().map(|(point, _)| *point).collect();
            let plans = Plans::new([as_of].into_iter(), |day| catalogue.feature_plan(&set, day));
            related += usize::from(!plans.reach_of_all().kinds.is_empty());
            results += usize::from(!set.depends.is_empty());
            let values = values(&dataset, &plans, width, &points, 2);
            assert!(values.refused().is_empty());
            for (row, (point, lines)) in told.iter().enumerate() {
                for (feature, place) in places.iter().enumerate() {
                    let (found, expected) = (values.get(row, feature), lines[*place]);
                    assert_eq!(found, expected, "{} {}, indicator {place}, {point:?}", edition.path, day);
                    match expected {
                        Measured::Known(_) => known += 1,
                        Measured::Unknown(_) => unknown += 1,
                    }
                }
            }
        }
    }
    assert!(known > 20_000 && unknown > 4_000, "{known} known, {unknown} unknown: the world says too little");
    assert!(related > 0 && results > 0, "{related} sets look at relatives, {results} read results");
}

const FEATURES: &str = r#"
feature_set: test
edition: "1"
title: A test
effective: {from: 2021-01-01}
lifecycle: {objection: suspended, past_publicity: ignored}
features:
  - {id: penalties, title: x, source: {project: x}, reading: {count: administrative-penalty, window: {months: 24}}}
  - {id: fines, title: x, source: {project: x}, reading: {sum: administrative-penalty}}
  - {id: abnormal, title: x, source: {project: x}, reading: {in_force: abnormal-operation}}
  - {id: grade, title: x, source: {project: x}, reading: {latest: official-grade, take: grade}}
  - {id: contracts, title: x, source: {project: x}, reading: {ratio: {of: {sum: contract-performance, where: {result: performed}}, to: {sum: contract-performance}}}}
  - {id: reports, title: x, source: {project: x}, reading: {distinct: annual-report, of: reference}}
  - {id: age, title: x, source: {project: x}, reading: {elapsed: {since: established, in: days}}}
  - {id: capital, title: x, source: {project: x}, reading: {attribute: capital}}
  - {id: size, title: x, source: {project: x}, reading: {attribute: size}}
"#;

/// Every subject on many days, each known in the evening.
fn quarters(dataset: &Dataset) -> Vec<Point> {
    let mut points = Vec::new();
    let options = world::Options { enterprises: 300, seed: SEED, through: world::REFERENCE, threads: 1 };
    assert_eq!(dataset.manifest.subjects, 300);
    for n in 0..300 {
        for quarter in 0..14 {
            let as_of = world::BEGIN.plus_days(700 + 90 * quarter);
            let known_at = Moment(i64::from(as_of.days()) * 86_400_000_000 + 12 * 3_600_000_000);
            points.push(Point { subject: world::subject(&options, n), as_of, known_at });
        }
    }
    points.sort_unstable();
    points
}

#[test]
fn values_do_not_depend_on_threads_nor_on_which_points_are_asked_about_together() {
    let catalogue = catalogue();
    let (_folder, dataset) = made(&catalogue, 300);
    let set = catalogue.features("test", FEATURES).expect("sound").set;
    let points = quarters(&dataset);
    let plans = Plans::new(points.iter().map(|p| p.as_of), |day| catalogue.feature_plan(&set, day));
    let all = values(&dataset, &plans, set.features.len(), &points, 1);
    assert_eq!(all, values(&dataset, &plans, set.features.len(), &points, 4));
    assert!(!all.refused().is_empty() && all.refused().len() < points.len() / 2, "{}", all.refused().len());
    let some: Vec<usize> = (0..points.len()).filter(|row| row % 7 == 3).collect();
    let fewer: Vec<Point> = some.iter().map(|row| points[*row]).collect();
    let fewer = values(&dataset, &plans, set.features.len(), &fewer, 3);
    for (row, of_all) in some.iter().enumerate() {
        assert_eq!(fewer.refused().get(&row), all.refused().get(of_all));
        for feature in 0..set.features.len() {
            assert_eq!(fewer.get(row, feature), all.get(*of_all, feature));
        }
    }
}

#[test]
fn what_became_known_later_changes_nothing_whichever_way_it_is_left_out() {
    let catalogue = catalogue();
    let (_folder, dataset) = made(&catalogue, 300);
    let set = catalogue.features("test", FEATURES).expect("sound").set;
    let points = quarters(&dataset);
    let plans = Plans::new(points.iter().map(|p| p.as_of), |day| catalogue.feature_plan(&set, day));
    let width = set.features.len();
    let usual = values(&dataset, &plans, width, &points, 2);
    // With hindsight many rows would say something else: the test would notice a cut that does nothing.
    let hindsight: Vec<Point> = points.iter().map(|p| Point { known_at: STILL, ..*p }).collect();
    let hindsight = values(&dataset, &plans, width, &hindsight, 2);
    let mut subjects: Vec<_> = points.iter().map(|p| p.subject).collect();
    subjects.dedup();
    let deliveries = cut_away::deliveries(&dataset).expect("deliveries");
    let (mut book, mut benches) = (ClassBook::new(Arc::clone(&catalogue.vocabulary)), Benches::new(&plans));
    let (mut compared, mut differs) = (0, 0);
    cut_away::histories(&dataset, &subjects, &mut book, |book, subject, rows| {
        let (classes, vocabulary) = (book.classes(), &*catalogue.vocabulary);
        let whole = Whole { rows, classes, vocabulary, deliveries: &deliveries };
        for (row, point) in points.iter().enumerate().filter(|(_, point)| point.subject == subject) {
            if usual.refused().contains_key(&row) {
                continue;
            }
            let measured = whole.measure(*point, &mut benches);
            for (feature, given) in measured.iter().enumerate() {
                assert_eq!(*given, usual.get(row, feature), "{point:?} {}", set.features[feature].id);
                compared += 1;
                differs += usize::from(*given != hindsight.get(row, feature));
            }
        }
    })
    .expect("readable");
    assert!(compared > 10_000 && differs > 100, "{compared} compared, {differs} differ with hindsight");
}
