//! One evaluation by the shipped public standard, facts in memory, one thread: silent and with full explanation
//! (measures S5 and S6); then silent evaluations of a mixed population, as a batch meets it.
//!
//! `cargo run --release -p hengxin-benches --bin kernel`

use std::hint::black_box;
use std::ops::Range;
use std::time::Instant;

use hengxin_core::date::Date;
use hengxin_core::fact::{
    Class, Classes, CreditFile, Deliveries, Delivery, Dossier, FactColumns, FactId, FactRow, Facts,
    NO_NUMBER, NO_REFERENCE, Registration,
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

/// Subjects of the mixed population.
const SUBJECTS: usize = 2000;

fn main() {
    let catalogue = Catalogue::shipped().expect("the shipped standards are sound");
    let as_of: Date = "2026-10-31".parse().expect("a date");
    uniform_files(&catalogue, as_of);
    mixed_population(&catalogue, as_of);
}

/// Files of thirty facts each, silent and explained.
fn uniform_files(catalogue: &Catalogue, as_of: Date) {
    let edition = catalogue.standard("public-comprehensive", as_of).expect("in force");
    let mut classes = Classes::default();
    let mut random = Random(20_261_101);
    let codes = usable_codes(&catalogue.vocabulary, 18);
    let files: Vec<FactColumns> = (0..FILES)
        .map(|_| columns(&catalogue.vocabulary, &mut classes, as_of, &codes, FACTS, &mut random))
        .collect();
    let deliveries = national(&catalogue.vocabulary, as_of);
    let registration = [registration(as_of, 60, None)];
    let subject = subject();
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
    print_row("silent", &mut silent);
    print_row("explained", &mut full);
    println!("explained costs {:.1} times silent", silent[ROUNDS / 2] / full[ROUNDS / 2]);
}

/// Subjects as a province has them: most with a few facts of any code, some with very many, in a handful of
/// regions of which one has a register less.
fn mixed_population(catalogue: &Catalogue, as_of: Date) {
    let mut classes = Classes::default();
    let mut random = Random(20_261_102);
    let codes = usable_codes(&catalogue.vocabulary, usize::MAX);
    let regions: Vec<RegionCode> = ["330106", "330203", "330381", "330482", "331002"]
        .map(|region| region.parse().expect("a region"))
        .to_vec();
    // One after the other in the same columns, as a batch reads them.
    let mut all = FactColumns::default();
    let mut files: Vec<(Range<usize>, [Registration; 1])> = Vec::new();
    for _ in 0..SUBJECTS {
        let facts = match random.below(100) {
            0..10 => random.below(3),
            10..82 => 3 + random.below(10),
            82..96 => 13 + random.below(40),
            _ => 53 + random.below(148),
        };
        let facts = usize::try_from(facts).unwrap_or(0);
        let months = 6 + i32::try_from(random.below(240)).unwrap_or(0);
        let region = regions[usize::try_from(random.below(5)).unwrap_or(0)];
        let start = all.id.len();
        append(&mut all, columns(&catalogue.vocabulary, &mut classes, as_of, &codes, facts, &mut random));
        files.push((start..all.id.len(), [registration(as_of, months, Some(region))]));
    }
    let mut sizes: Vec<usize> = files.iter().map(|(range, _)| range.len()).collect();
    sizes.sort_unstable();
    println!(
        "mixed population: {SUBJECTS} subjects, facts a file: mean {:.1}, median {}, greatest {}; {} regions, {} classes",
        all.id.len() as f64 / SUBJECTS as f64,
        sizes[SUBJECTS / 2],
        sizes[SUBJECTS - 1],
        regions.len(),
        classes.as_slice().len()
    );
    let deliveries = regional(&catalogue.vocabulary, as_of, &regions);
    let subject = subject();
    for id in ["public-comprehensive", "food-producers"] {
        let edition = catalogue.standard(id, as_of).expect("in force");
        let mut bench = Workbench::new(catalogue.plan(edition, as_of));
        let mut runs = Vec::new();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let mut done = 0u32;
            while start.elapsed().as_millis() < 200 {
                for (range, registrations) in &files {
                    let file = CreditFile {
                        subject,
                        facts: part(&all, range.clone()),
                        registrations,
                        deliveries: &deliveries,
                    };
                    let dossier = Dossier { file, related: &[] };
                    black_box(evaluate(&mut bench, &classes, &dossier, &mut Silent));
                    done += 1;
                }
            }
            runs.push(f64::from(done) / start.elapsed().as_secs_f64());
        }
        print_row(id, &mut runs);
    }
}

fn append(all: &mut FactColumns, own: FactColumns) {
    all.id.extend(own.id);
    all.class.extend(own.class);
    all.occurred_on.extend(own.occurred_on);
    all.ends_on.extend(own.ends_on);
    all.number.extend(own.number);
    all.reference.extend(own.reference);
    all.repaired_on.extend(own.repaired_on);
    all.publicity_until.extend(own.publicity_until);
}

fn part(all: &FactColumns, range: Range<usize>) -> Facts<'_> {
    Facts {
        id: &all.id[range.clone()],
        class: &all.class[range.clone()],
        occurred_on: &all.occurred_on[range.clone()],
        ends_on: &all.ends_on[range.clone()],
        number: &all.number[range.clone()],
        reference: &all.reference[range.clone()],
        repaired_on: &all.repaired_on[range.clone()],
        publicity_until: &all.publicity_until[range],
        objections: &[],
    }
}

fn print_row(name: &str, runs: &mut [f64]) {
    runs.sort_by(f64::total_cmp);
    println!(
        "{name:>20}: median {:.0}/s (min {:.0}, max {:.0}), {:.2} µs each",
        runs[runs.len() / 2],
        runs[0],
        runs[runs.len() - 1],
        1e6 / runs[runs.len() / 2]
    );
}

fn subject() -> Uscc {
    "91110101MA00000U27".parse().expect("a valid code")
}

fn registration(as_of: Date, months: i32, region: Option<RegionCode>) -> Registration {
    Registration {
        fact: FactId(1),
        since: as_of.minus_months(months),
        established_on: Some(as_of.minus_months(months)),
        legal_form: Some(0),
        size: Some(2),
        status: Some(0),
        region,
        industry: region.and_then(|_| "C1311".parse().ok()),
        capital: Some(100_000_000),
    }
}

fn registers(vocabulary: &Vocabulary) -> impl Iterator<Item = RegisterId> {
    (0..vocabulary.registers.len()).filter_map(|i| u16::try_from(i).ok()).map(RegisterId)
}

/// Every register, complete everywhere.
fn national(vocabulary: &Vocabulary, as_of: Date) -> Deliveries {
    let region = RegionCode::NATIONAL;
    Deliveries::new(
        registers(vocabulary).map(|register| Delivery { register, region, through: as_of }).collect(),
    )
}

/// Every register of every region, but for the last one's first register.
fn regional(vocabulary: &Vocabulary, as_of: Date, regions: &[RegionCode]) -> Deliveries {
    let mut all = Vec::new();
    for register in registers(vocabulary) {
        let missing = usize::from(register == RegisterId(0));
        for region in &regions[..regions.len() - missing] {
            all.push(Delivery { register, region: *region, through: as_of });
        }
    }
    Deliveries::new(all)
}

/// Numbers of a fixed seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// The first `most` codes that stand for facts of an enterprise.
fn usable_codes(vocabulary: &Vocabulary, most: usize) -> Vec<usize> {
    (0..vocabulary.codes.len())
        .filter(|i| matches!(vocabulary.codes[*i].shape, Shape::Event | Shape::Status | Shape::Measure))
        .take(most)
        .collect()
}

/// Facts of `codes`, spread over four years.
fn columns(
    vocabulary: &Vocabulary,
    classes: &mut Classes,
    as_of: Date,
    codes: &[usize],
    facts: usize,
    random: &mut Random,
) -> FactColumns {
    let mut below = |n| random.below(n);
    let mut rows = Vec::new();
    for n in 0..facts {
        let place = codes[usize::try_from(below(codes.len() as u64)).unwrap_or(0)];
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
