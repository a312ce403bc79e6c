//! One evaluation by the shipped public standard, facts in memory, one thread: silent and with full explanation
//! (measures S5 and S6).
//!
//! `cargo run --release -p hengxin-benches --bin kernel`

use std::hint::black_box;
use std::time::Instant;

use hengxin_core::date::Date;
use hengxin_core::fact::{
    Class, Classes, CreditFile, Deliveries, Delivery, Dossier, FactColumns, FactId, FactRow, NO_NUMBER,
    NO_REFERENCE, Registration,
};
use hengxin_core::kernel::{Workbench, evaluate};
use hengxin_core::region::RegionCode;
use hengxin_core::trace::{Explanation, Silent};
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::{CodeId, FieldKind, RegisterId, Shape, Vocabulary};
use hengxin_standard::Catalogue;

const FILES: usize = 256;
const FACTS: usize = 30;
const ROUNDS: usize = 15;

fn main() {
    let catalogue = Catalogue::shipped().expect("the shipped standards are sound");
    let as_of: Date = "2026-10-31".parse().expect("a date");
    let edition = catalogue.standard("public-comprehensive", as_of).expect("in force");
    let mut classes = Classes::default();
    let mut seed = 20_261_101u64;
    let files: Vec<FactColumns> =
        (0..FILES).map(|_| columns(&catalogue.vocabulary, &mut classes, as_of, &mut seed)).collect();
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
    let mut bench = Workbench::new(catalogue.plan(edition, as_of));
    let mut per_second = |full: bool| {
        let start = Instant::now();
        let mut done = 0u32;
        while start.elapsed().as_millis() < 200 {
            for columns in &files {
                let file = CreditFile {
                    subject,
                    facts: columns.as_facts(),
                    registrations: &registration,
                    deliveries: &deliveries,
                };
                let dossier = Dossier { file, related: &[] };
                if full {
                    let mut story = Explanation::default();
                    black_box(evaluate(&mut bench, &classes, &dossier, &mut story));
                    black_box(story);
                } else {
                    black_box(evaluate(&mut bench, &classes, &dossier, &mut Silent));
                }
                done += 1;
            }
        }
        f64::from(done) / start.elapsed().as_secs_f64()
    };
    let mut silent = Vec::new();
    let mut full = Vec::new();
    for _ in 0..ROUNDS {
        silent.push(per_second(false));
        full.push(per_second(true));
    }
    let indicators = edition.standard.indicators.len();
    println!(
        "{indicators} indicators, {FACTS} facts a file, {FILES} files in rotation, {ROUNDS} rounds, one thread"
    );
    for (name, runs) in [("silent", &mut silent), ("explained", &mut full)] {
        runs.sort_by(f64::total_cmp);
        println!(
            "{name:>10}: median {:.0}/s (min {:.0}, max {:.0}), {:.2} µs each",
            runs[ROUNDS / 2],
            runs[0],
            runs[ROUNDS - 1],
            1e6 / runs[ROUNDS / 2]
        );
    }
    println!("explained costs {:.1} times silent", silent[ROUNDS / 2] / full[ROUNDS / 2]);
}

/// Thirty facts of the codes that enterprises have, spread over four years.
fn columns(vocabulary: &Vocabulary, classes: &mut Classes, as_of: Date, seed: &mut u64) -> FactColumns {
    let mut below = |n: u64| {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) % n
    };
    let usable: Vec<usize> = (0..vocabulary.codes.len())
        .filter(|i| matches!(vocabulary.codes[*i].shape, Shape::Event | Shape::Status | Shape::Measure))
        .take(18)
        .collect();
    let mut rows = Vec::new();
    for n in 0..FACTS {
        let place = usable[usize::try_from(below(usable.len() as u64)).unwrap_or(0)];
        let code = &vocabulary.codes[place];
        let values = code
            .class_fields
            .iter()
            .map(|i| {
                let field = &code.fields[*i];
                let value = below(field.values().len() as u64);
                if matches!(field.kind, FieldKind::Set(_)) { 1 << value } else { value + 1 }
            })
            .collect();
        let class = classes.intern(Class { code: CodeId(u16::try_from(place).unwrap_or(0)), values });
        let occurred_on = as_of.plus_days(-i32::try_from(below(1460)).unwrap_or(0));
        rows.push(FactRow {
            id: FactId(n as u64 + 2),
            class,
            occurred_on,
            ends_on: if below(2) == 0 { Date::FOREVER } else { occurred_on.plus_days(200) },
            number: code.number.map_or(NO_NUMBER, |_| i64::try_from(below(10_000_000)).unwrap_or(0)),
            reference: NO_REFERENCE,
            repaired_on: if below(10) == 0 { occurred_on.plus_days(300) } else { Date::FOREVER },
            publicity_until: if below(3) == 0 { occurred_on.plus_days(700) } else { Date::FOREVER },
            objections: Vec::new(),
        });
    }
    FactColumns::from_rows(rows)
}
