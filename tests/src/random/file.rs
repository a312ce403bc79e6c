//! Random credit files that aim at edges.

use std::collections::BTreeMap;

use hengxin_core::vocabulary::{Code, FieldKind, Shape, Vocabulary};
use jiff::civil::Date;

use super::selection::{WINDOW_DAYS, WINDOW_MONTHS, WINDOW_YEARS};
use super::source::Random;
use crate::reference::{
    Number, RefDelivery, RefDossier, RefFact, RefFile, RefRegistration, RefRelated, date, days_after,
    days_before, months_before, parse,
};

/// Valid codes of subjects of several kinds; the last kind is evaluated by no random standard.
pub fn subjects() -> Vec<String> {
    use hengxin_core::uscc::Uscc;
    let region = "330106".parse().expect("a region");
    let body = |i: u8| [b'M', b'A', b'0', b'0', b'0', b'0', b'0', b'0' + i];
    [*b"91", *b"91", *b"91", *b"92", *b"93", *b"12", *b"51"]
        .into_iter()
        .zip(0..)
        .map(|(kind, i)| Uscc::assemble(kind, region, body(i)).expect("a valid code").as_str().to_owned())
        .collect()
}

/// A day to evaluate on: month ends, leap days, first days of a year, and any others.
pub fn as_of(random: &mut Random) -> Date {
    const EDGES: [&str; 10] = [
        "2024-02-29",
        "2024-02-28",
        "2025-02-28",
        "2024-03-31",
        "2024-05-31",
        "2024-12-31",
        "2025-01-01",
        "2025-06-30",
        "2025-08-31",
        "2024-07-01",
    ];
    if random.chance(40) {
        return date(random.pick::<&str>(&EDGES));
    }
    days_after(date("2023-06-01"), random.between(0, 1100))
}

/// A date near one of the edges that windows, decay and publicity may have on `as_of`.
fn near_edge(random: &mut Random, as_of: Date) -> Date {
    let edge = match random.between(1, 3) {
        1 => days_before(as_of, *random.pick(&WINDOW_DAYS)),
        2 => months_before(as_of, *random.pick(&WINDOW_MONTHS)),
        _ => months_before(as_of, 12 * *random.pick(&WINDOW_YEARS)),
    };
    shifted(random, edge, 1)
}

/// Up to `n` days earlier or later.
fn shifted(random: &mut Random, date: Date, n: i64) -> Date {
    days_after(days_before(date, n), random.between(0, 2 * n))
}

/// The day of a fact.
fn occurred_on(random: &mut Random, as_of: Date) -> Date {
    match random.between(1, 20) {
        1..=8 => near_edge(random, as_of),
        9 | 10 => {
            let month = months_before(as_of, random.between(-3, 30));
            if random.chance(50) { month.first_of_month() } else { month.last_of_month() }
        }
        11 => date(random.pick::<&str>(&[
            "2024-02-29",
            "2020-02-29",
            "2023-02-28",
            "2024-01-31",
            "2023-12-31",
            "2024-01-01",
        ])),
        12 | 13 => days_after(as_of, random.between(0, 40)),
        14 => shifted(random, as_of, 1),
        _ => days_before(as_of, random.between(0, 1300)),
    }
}

/// A subject with its relations, seen from `as_of`.
pub fn dossier(random: &mut Random, vocabulary: &Vocabulary, as_of: Date) -> RefDossier {
    let subjects = subjects();
    let own = if random.chance(95) { random.index(subjects.len() - 1) } else { subjects.len() - 1 };
    let mut dossier =
        RefDossier { file: file(random, vocabulary, &subjects[own], as_of), related: Vec::new() };
    if random.chance(50) {
        for (i, subject) in subjects.iter().enumerate() {
            if i == own || !random.chance(40) {
                continue;
            }
            let since = if random.chance(70) { date("2015-01-01") } else { occurred_on(random, as_of) };
            let until = random.chance(30).then(|| shifted(random, as_of, 3)).filter(|until| *until >= since);
            dossier.related.push(RefRelated {
                kind: (*random.pick(&["responsible-person", "parent"])).to_owned(),
                depth: random.between(1, 3),
                since,
                until,
                file: file(random, vocabulary, subject, as_of),
            });
        }
    }
    dossier
}

/// One subject's file, seen from `as_of`.
pub fn file(random: &mut Random, vocabulary: &Vocabulary, uscc: &str, as_of: Date) -> RefFile {
    let codes: Vec<&Code> = vocabulary
        .codes
        .iter()
        .filter(|c| matches!(c.shape, Shape::Event | Shape::Status | Shape::Measure))
        .collect();
    let n = random.between(0, 5) * random.between(0, 5);
    let mut ids: Vec<u64> = (0..=u64::try_from(n).expect("few")).map(|i| 10 + 3 * i).collect();
    random.shuffle(&mut ids);
    let mut facts: Vec<RefFact> = Vec::new();
    // Some files are about one code only, so that its rules see many facts.
    let favourite = random.chance(50).then(|| *random.pick(&codes));
    for id in ids.into_iter().skip(1) {
        let code = match favourite {
            Some(code) if random.chance(70) => code,
            _ => *random.pick(&codes),
        };
        let mut fact = fact(random, code, id, as_of);
        if let Some(last) = facts.last()
            && random.chance(25)
        {
            fact.occurred_on = last.occurred_on;
        }
        facts.push(fact);
    }
    RefFile {
        uscc: uscc.to_owned(),
        facts,
        registrations: registrations(random, vocabulary, as_of),
        deliveries: deliveries(random, vocabulary, as_of),
    }
}

/// A fact of a code, with every optional part there or not.
pub fn fact(random: &mut Random, code: &Code, id: u64, as_of: Date) -> RefFact {
    let occurred_on = occurred_on(random, as_of);
    let later = |random: &mut Random| match random.between(1, 3) {
        1 => shifted(random, as_of, 2),
        2 => days_after(occurred_on, random.between(0, 900)),
        _ => days_after(as_of, random.between(0, 60)),
    };
    let ends_on =
        code.ends_on.filter(|_| random.chance(70)).map(|_| later(random)).filter(|d| *d >= occurred_on);
    let publicity_until = code.publicity_until.filter(|_| random.chance(35)).map(|_| later(random));
    let repaired_on = random.chance(15).then(|| later(random));
    let mut objections = Vec::new();
    while random.chance(15) {
        let from = later(random);
        let until = random.chance(70).then(|| days_after(from, random.between(1, 60)));
        objections.push((from, until));
    }
    let mut attributes = BTreeMap::new();
    for field in &code.fields {
        let values: Vec<String> = field.values().iter().map(|v| v.id.clone()).collect();
        let chosen = match field.kind {
            FieldKind::Enum(_) if field.required || random.chance(80) => random.some_of(&values, 1),
            FieldKind::Set(_) if random.chance(80) => {
                let n = random.index(values.len()) + 1;
                random.some_of(&values, n)
            }
            _ => continue,
        };
        attributes.insert(field.id.clone(), chosen);
    }
    RefFact {
        id,
        code: code.id.clone(),
        occurred_on,
        ends_on,
        number: number(random, code),
        reference: code.reference.filter(|_| random.chance(85)).map(|_| format!("R{}", random.between(1, 4))),
        attributes,
        repaired_on,
        publicity_until,
        objections,
    }
}

/// Sums at and beside the cuts of random rules, in yuan.
const MONEY: [&str; 12] = [
    "0",
    "0.01",
    "99.99",
    "100",
    "1000",
    "3333.33",
    "9999.99",
    "10000",
    "50000",
    "123456.78",
    "70000.07",
    "1000000",
];
/// Decimals at and beside those cuts, some negative.
const NUMBERS: [&str; 10] =
    ["-5", "-7.0001", "-0.5", "0", "12.5", "50", "50.0001", "60.3333", "80", "99.9999"];

fn number(random: &mut Random, code: &Code) -> Option<Number> {
    let field = &code.fields[code.number.filter(|_| random.chance(85))?];
    Some(match field.kind {
        FieldKind::Money(_) => parse(random.pick::<&str>(&MONEY)),
        FieldKind::Count => parse(&random.between(0, 7).to_string()),
        FieldKind::Number => parse(random.pick::<&str>(&NUMBERS)),
        _ => panic!("`{}` is no number", field.id),
    })
}

fn registrations(random: &mut Random, vocabulary: &Vocabulary, as_of: Date) -> Vec<RefRegistration> {
    let code = vocabulary.code(vocabulary.registration());
    let mut all: Vec<RefRegistration> = Vec::new();
    let n = random.between(0, 3);
    for i in 0..n {
        let mut category = |field: &str| {
            let values = code.field(field).expect("a registration field").1.values();
            let value = random.pick(values).id.clone();
            random.chance(85).then_some(value)
        };
        let (legal_form, size, status) = (category("legal_form"), category("size"), category("status"));
        let since = match all.last() {
            Some(last) if random.chance(20) => last.occurred_on,
            _ if random.chance(60) => days_before(as_of, random.between(400, 4000)),
            _ => occurred_on(random, as_of),
        };
        let established = if random.chance(60) { occurred_on(random, as_of) } else { date("2012-02-29") };
        all.push(RefRegistration {
            id: u64::try_from((i * 7 + 5) % 11).expect("small"),
            occurred_on: since,
            established_on: random.chance(85).then_some(established),
            legal_form,
            size,
            status,
            region: random
                .chance(85)
                .then(|| (*random.pick(&["330106", "330100", "330206", "340100", "110105"])).to_owned()),
            industry: random
                .chance(85)
                .then(|| (*random.pick(&["C1310", "C131", "C13", "C1411", "G54", "G5421"])).to_owned()),
            capital: random
                .chance(85)
                .then(|| parse(random.pick::<&str>(&["0", "10000", "50000", "5000000.5"]))),
        });
    }
    all
}

fn deliveries(random: &mut Random, vocabulary: &Vocabulary, as_of: Date) -> Vec<RefDelivery> {
    let mut all = Vec::new();
    for register in &vocabulary.registers {
        let mut chance = 85;
        while random.chance(chance) {
            let lag = i64::from(register.lag_days);
            let through = match random.between(1, 6) {
                1 => days_before(as_of, lag + 1),
                2 => days_before(as_of, lag),
                3 => days_before(as_of, (lag - 1).max(0)),
                _ => days_after(as_of, random.between(0, 60)),
            };
            let region = *random.weighted(&[(5, "100000"), (1, "330000"), (1, "330100"), (1, "340000")]);
            all.push(RefDelivery { register: register.id.clone(), region: region.to_owned(), through });
            chance = 30;
        }
    }
    random.shuffle(&mut all);
    all
}
