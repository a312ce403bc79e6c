//! Models in the words of other programs, which must give every row the score it has here.
//!
//! `DuckDB` is asked when `HENGXIN_PYTHON` names a Python that has it.

mod common;

use std::process::{Command, Stdio};

use common::Set;
use hengxin_core::date::Date;
use hengxin_core::fact::{
    Class, ClassId, Classes, CreditFile, Deliveries, Delivery, Dossier, FactColumns, FactId, FactRow,
    NO_NUMBER, NO_REFERENCE,
};
use hengxin_core::kernel::{Outcome, Workbench, evaluate};
use hengxin_core::region::RegionCode;
use hengxin_core::trace::Silent;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::RegisterId;
use hengxin_models::export::{code, labels, sql, standard, ten_thousandths};
use hengxin_models::history::Kind;
use hengxin_models::model::{Feature, Model};
use hengxin_models::plan::Plan;
use hengxin_models::training::{Trained, train};

fn trained(set: &Set, folder: &std::path::Path) -> (Trained, std::path::PathBuf) {
    trained_with(set, folder, serde_json::json!({}))
}

/// `columns`: what the plan says of single features.
fn trained_with(
    set: &Set,
    folder: &std::path::Path,
    columns: serde_json::Value,
) -> (Trained, std::path::PathBuf) {
    // Written as Parquet by the same hand as for the other tests.
    drop(set.open(folder));
    let file = folder.join(format!("{}.parquet", set.name));
    let plan: Plan = serde_json::from_value(serde_json::json!({
        "id": set.name, "edition": "1", "title": "It's a \"model\"",
        "history": {"target": {"column": set.target, "default": set.default}, "decimals": 4,
            "columns": columns},
        "split": {"rows": {"share": 0.3, "seed": 42}},
        "scaling": {"base_points": 600, "odds": 50, "points_to_double": 20, "decimals": 2}
    }))
    .expect("a plan");
    (train(std::slice::from_ref(&file), &plan, 2).expect("a model"), file)
}

#[test]
fn duckdb_gives_every_row_the_score_it_has_here() {
    let Some(python) = std::env::var_os("HENGXIN_PYTHON") else {
        println!("SKIPPED: HENGXIN_PYTHON names no Python with DuckDB");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut sets = vec![common::german()];
    sets.extend(common::polish());
    sets.extend(common::card_defaults());
    for set in sets {
        let (trained, file) = trained(&set, folder.path());
        let query = sql(&trained.model, &format!("read_parquet('{}')", file.display()));
        let program = "import duckdb, sys\n\
            for (score,) in duckdb.sql('SELECT CAST(score * 10000 AS BIGINT) FROM (' + open(sys.argv[1]).read() + ')').fetchall():\n\
            \x20   print(score)";
        let text = folder.path().join("query.sql");
        std::fs::write(&text, &query).expect("written");
        let output = Command::new(&python).args(["-c", program]).arg(&text).stderr(Stdio::inherit()).output();
        let told = String::from_utf8(output.expect("run").stdout).expect("text");
        let scores: Vec<i64> = told.lines().map(|line| line.parse().expect("a number")).collect();
        assert!(scores == trained.scores, "{}: {} rows", set.name, scores.len());
        println!("{}: {} rows alike", set.name, scores.len());
    }
}

#[test]
fn names_and_texts_are_quoted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (trained, _) = trained(&common::german(), folder.path());
    let mut model = trained.model;
    model.plan.title = "two\nlines".into();
    let feature = model.features.iter_mut().find(|f| f.column == "purpose").expect("a feature");
    feature.column = "pur\"pose".into();
    for bin in &mut feature.bins {
        if let hengxin_models::model::Values::Categories(names) = &mut bin.values {
            names[0] = "it's".into();
        }
    }
    let query = sql(&model, "history");
    assert!(query.starts_with("-- two lines 1 (german-credit)"), "{query}");
    assert!(
        query.contains("\"pur\"\"pose\" IN ('it''s'") && query.contains("AS \"points:pur\"\"pose\""),
        "{query}"
    );
}

/// The values of a feature as the engine records them: a class and a number a row, or nothing.
fn recorded(
    set: &Set,
    feature: &Feature,
    number_of: ClassId,
    category_of: &[ClassId],
) -> Vec<Option<(ClassId, i64)>> {
    let column = set.names.iter().position(|name| *name == feature.column).expect("a column");
    let known: Vec<String> = labels(feature).map(|(label, _)| label).collect();
    let value = |cell: &String| {
        let missing = cell.is_empty() || cell == "?";
        match feature.kind {
            _ if missing => None,
            Kind::Numeric => {
                let number: f64 = cell.parse().expect("a number");
                // Rounded down, as the standard asks of whoever delivers.
                let down = (number * 10_000.0).floor();
                #[expect(clippy::cast_possible_truncation, reason = "a whole number far below 2^63")]
                Some((number_of, down as i64))
            }
            Kind::Categorical => {
                let place = known.iter().position(|label| label == cell).unwrap_or(known.len());
                Some((category_of[place], NO_NUMBER))
            }
        }
    };
    set.columns[column].iter().map(value).collect()
}

/// Every row through the kernel by the exported standard.
fn kernel_scores(set: &Set, model: &Model, folder: &std::path::Path) -> Vec<Option<i64>> {
    for (path, text) in standard(model, "2026-01-01").expect("a standard") {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }
    let catalogue = hengxin_standard::Catalogue::load(folder).unwrap_or_else(|e| panic!("{}: {e}", set.name));
    let day: Date = "2026-06-30".parse().expect("a day");
    let mut classes = Classes::default();
    let columns: Vec<_> = model
        .features
        .iter()
        .enumerate()
        .map(|(place, feature)| {
            let id = catalogue.vocabulary.code_id(&code(place)).expect("a code");
            let fields = catalogue.vocabulary.code(id).class_fields.len();
            let mut class = |value: u64| {
                let values = if fields == 0 { vec![] } else { vec![value] };
                classes.intern(Class { code: id, values: values.into() })
            };
            let number = class(0);
            let categories: Vec<ClassId> = (1..=labels(feature).count() as u64 + 1).map(class).collect();
            recorded(set, feature, number, &categories)
        })
        .collect();
    let edition = catalogue.standard(&model.plan.id, day).expect("in force");
    let mut bench = Workbench::new(catalogue.plan(edition, day));
    let everywhere = RegionCode::NATIONAL;
    let deliveries = (0..2).map(|n| Delivery { register: RegisterId(n), region: everywhere, through: day });
    let deliveries = Deliveries::new(deliveries.collect());
    let subject: Uscc = "91110101MA00000U27".parse().expect("a code");
    let row = |row: usize| {
        let facts = columns.iter().filter_map(|column| column[row]).map(|(class, number)| FactRow {
            id: FactId(0),
            class,
            occurred_on: day,
            ends_on: Date::FOREVER,
            number,
            reference: NO_REFERENCE,
            repaired_on: Date::FOREVER,
            publicity_until: Date::FOREVER,
            objections: Vec::new(),
        });
        let facts = FactColumns::from_rows(facts.collect());
        let file =
            CreditFile { subject, facts: facts.as_facts(), registrations: &[], deliveries: &deliveries };
        let dossier = Dossier { file, related: &[] };
        match evaluate(&mut bench, &classes, &dossier, &mut Silent).outcome {
            Outcome::Graded { score, .. } => score.map(hengxin_core::number::Points::ten_thousandths),
            Outcome::CannotScore { .. } | Outcome::NotEligible(_) => None,
        }
    };
    (0..set.columns[0].len()).map(row).collect()
}

#[test]
fn the_kernel_gives_every_row_the_points_it_has_here() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut sets = vec![common::german()];
    sets.extend(common::polish());
    sets.extend(common::card_defaults());
    for set in sets {
        let (trained, _) = trained(&set, folder.path());
        let found =
            kernel_scores(&set, &trained.model, &folder.path().join(format!("{}-standard", set.name)));
        let differ = found.iter().zip(&trained.scores).filter(|(a, b)| **a != Some(**b)).count();
        assert_eq!(differ, 0, "{} of {} rows of {}", differ, found.len(), set.name);
        println!("{}: {} rows alike", set.name, found.len());
    }
}

#[test]
fn special_values_among_numbers_earn_their_own_points_in_the_kernel() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut set = common::german();
    let amount = set.names.iter().position(|name| name == "credit_amount").expect("a column");
    // One below all amounts, one at the least of them, one amid them and one above.
    let special = ["-1", "250", "2000.5", "99999"];
    for row in 0..1000 {
        if row % 3 == 0 {
            set.columns[amount][row] = special[row / 3 % 4].to_owned();
        }
    }
    let columns = serde_json::json!({"credit_amount": {"special": [99999, -1, 2000.5, 250]}});
    let (trained, _) = trained_with(&set, folder.path(), columns);
    let feature = trained.model.features.iter().find(|f| f.column == "credit_amount").expect("a feature");
    assert_eq!(feature.special.len(), 4);
    let found = kernel_scores(&set, &trained.model, &folder.path().join("standard"));
    let differ = found.iter().zip(&trained.scores).filter(|(a, b)| **a != Some(**b)).count();
    assert_eq!(differ, 0, "{differ} of {} rows", found.len());
    // Between two numbers that the engine holds there is nothing to be special.
    let mut model = trained.model;
    let feature = model.features.iter_mut().find(|f| f.column == "credit_amount").expect("a feature");
    feature.special[1] = hengxin_models::history::Label::Number(-1.00001);
    let problem = standard(&model, "2026-01-01").expect_err("refused").to_string();
    assert!(
        problem.contains("special value `-1.00001` among numbers, expected a number of at most four"),
        "{problem}"
    );
}

#[test]
fn a_cut_beyond_the_engines_decimals_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (trained, _) = trained(&common::german(), folder.path());
    let mut model = trained.model;
    let feature = model.features.iter_mut().find(|f| f.kind == Kind::Numeric).expect("a feature");
    for bin in &mut feature.bins {
        if let hengxin_models::model::Values::Range(from, to) = &mut bin.values {
            *from = from.map(|cut| cut + 0.00001);
            *to = to.map(|cut| cut + 0.00001);
        }
    }
    let problem = standard(&model, "2026-01-01").expect_err("refused").to_string();
    assert!(problem.contains("more than four decimals"), "{problem}");
    assert_eq!([0.1, 1e12, 0.00001, -2.5].map(ten_thousandths), [Some(1_000), None, None, Some(-25_000)]);
}
