//! Random files of a whole vocabulary in the kernel's form: a population, where subjects share regions and deliveries
//! and each has facts of any code. What the reference does not read is random here too, so that these files are for
//! comparing the kernel with itself.

use hengxin_core::date::Date;
use hengxin_core::fact::{
    Class, Classes, Deliveries, Delivery, FactColumns, FactId, FactRow, NO_NUMBER, NO_REFERENCE,
    Registration, Related,
};
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::{Code, CodeId, Field, FieldKind, RegisterId, Shape, Vocabulary};

use super::Random;
use super::convert::KernelFile;

const REGIONS: [&str; 5] = ["330106", "330203", "331002", "370102", "110101"];
const INDUSTRIES: [&str; 4] = ["C1311", "E4812", "I6510", "N7711"];

/// A random population around a day.
#[derive(Clone, Debug)]
pub struct Population<'v> {
    vocabulary: &'v Vocabulary,
    /// Every class that was met so far.
    pub classes: Classes,
    random: Random,
    as_of: Date,
    /// Deliveries that many subjects share.
    shared: Vec<Deliveries>,
}

/// A related subject, owning its file.
#[derive(Clone, Debug)]
pub struct OwnedRelated {
    kind: u16,
    depth: u8,
    since: Date,
    until: Date,
    /// Its file.
    pub file: KernelFile,
}

impl OwnedRelated {
    /// The borrowed form that the kernel takes.
    pub fn as_related(&self) -> Related<'_> {
        Related {
            kind: self.kind,
            depth: self.depth,
            since: self.since,
            until: self.until,
            file: self.file.as_file(),
        }
    }
}

impl<'v> Population<'v> {
    /// The population of a seed.
    pub fn new(vocabulary: &'v Vocabulary, as_of: Date, seed: u64) -> Population<'v> {
        let mut population = Population {
            vocabulary,
            classes: Classes::default(),
            random: Random::new(seed),
            as_of,
            shared: vec![Deliveries::default()],
        };
        for _ in 0..5 {
            let deliveries = population.deliveries();
            population.shared.push(deliveries);
        }
        population
    }

    /// The next subject: its file and those of its related subjects.
    pub fn dossier(&mut self) -> (KernelFile, Vec<OwnedRelated>) {
        let own = self.file();
        let related = match self.random.index(4) {
            0 => (0..self.random.between(1, 3)).map(|_| self.related()).collect(),
            _ => Vec::new(),
        };
        (own, related)
    }

    fn related(&mut self) -> OwnedRelated {
        OwnedRelated {
            kind: u16::try_from(self.random.index(3)).expect("small"),
            depth: u8::try_from(self.random.between(1, 3)).expect("small"),
            since: self.around(400),
            until: if self.random.chance(60) { Date::FOREVER } else { self.around(400) },
            file: self.file(),
        }
    }

    fn file(&mut self) -> KernelFile {
        let facts = match self.random.index(10) {
            0..3 => 0,
            3..9 => self.random.between(1, 12),
            _ => self.random.between(13, 120),
        };
        let rows = (0..facts).map(|n| self.fact(u64::try_from(n).expect("counted"))).collect();
        let mut registrations: Vec<Registration> =
            (0..self.random.between(0, 2)).map(|_| self.registration()).collect();
        registrations.sort_by_key(|r| (r.since, r.fact));
        let deliveries = match self.random.index(3) {
            0 => self.deliveries(),
            _ => self.random.pick(&self.shared).clone(),
        };
        let kind = *self.random.weighted(&[(8, *b"91"), (1, *b"12"), (1, *b"51")]);
        let body = [0; 8].map(|_| b'0' + u8::try_from(self.random.index(10)).expect("a digit"));
        let subject = Uscc::assemble(kind, self.region(), body).expect("a valid code");
        KernelFile { subject, facts: FactColumns::from_rows(rows), registrations, deliveries }
    }

    /// Every register for some regions, fresh or about to be stale, some not at all.
    fn deliveries(&mut self) -> Deliveries {
        let mut all = Vec::new();
        for register in (0..self.vocabulary.registers.len()).filter_map(|i| u16::try_from(i).ok()) {
            for _ in 0..self.random.between(0, 3) {
                let region = if self.random.chance(50) { RegionCode::NATIONAL } else { self.region() };
                let through = self.as_of.plus_days(self.days(-20, 40));
                all.push(Delivery { register: RegisterId(register), region, through });
            }
        }
        Deliveries::new(all)
    }

    fn registration(&mut self) -> Registration {
        let code = self.vocabulary.code(self.vocabulary.registration());
        let [legal_form, size, status] =
            ["legal_form", "size", "status"].map(|name| code.field(name).expect("a registration field").1);
        Registration {
            fact: FactId(1_000_000 + self.random.bits() % 1000),
            since: self.around(1500),
            established_on: self.random.chance(80).then(|| self.around(8000)),
            legal_form: self.category(legal_form),
            size: self.category(size),
            // The first status is that of a subject at work; most are.
            status: if self.random.chance(70) { Some(0) } else { self.category(status) },
            region: self.random.chance(85).then(|| self.region()),
            industry: self.random.chance(85).then(|| self.random.pick(&INDUSTRIES).parse().expect("a code")),
            capital: self.random.chance(70).then(|| self.random.between(0, 100_000_000_000)),
        }
    }

    fn fact(&mut self, id: u64) -> FactRow {
        let codes: Vec<(usize, &Code)> = self.vocabulary.codes.iter().enumerate().collect();
        let (place, code) = loop {
            let (place, code) = *self.random.pick(&codes);
            if matches!(code.shape, Shape::Event | Shape::Status | Shape::Measure) {
                break (place, code);
            }
        };
        let values = code.class_fields.iter().map(|i| self.class_value(&code.fields[*i])).collect();
        let occurred_on = if self.random.chance(10) { self.around(60) } else { self.around(2000) };
        let later = |random: &mut Random| occurred_on.plus_days(days(random, 0, 1500));
        let random = &mut self.random;
        let number =
            code.number.map(|_| if random.chance(90) { random.between(0, 10_000_000) } else { NO_NUMBER });
        FactRow {
            id: FactId(id),
            class: self
                .classes
                .intern(Class { code: CodeId(u16::try_from(place).expect("few codes")), values }),
            occurred_on,
            ends_on: if random.chance(50) { Date::FOREVER } else { later(random) },
            number: number.unwrap_or(NO_NUMBER),
            reference: if random.chance(30) {
                NO_REFERENCE
            } else {
                1 + u32::try_from(random.index(4)).expect("few")
            },
            repaired_on: if random.chance(85) { Date::FOREVER } else { later(random) },
            publicity_until: if random.chance(60) { Date::FOREVER } else { later(random) },
            objections: (0..random.between(-6, 2)).map(|_| (later(random), later(random))).collect(),
        }
    }

    fn class_value(&mut self, field: &Field) -> u64 {
        let values = field.values().len();
        match field.kind {
            FieldKind::Set(_) => self.random.bits() & ((1 << values) - 1),
            _ => self.random.bits() % (values as u64 + 1),
        }
    }

    fn category(&mut self, field: &Field) -> Option<u16> {
        let values = field.values().len();
        self.random.chance(85).then(|| u16::try_from(self.random.index(values)).expect("few values"))
    }

    fn region(&mut self) -> RegionCode {
        self.random.pick(&REGIONS).parse().expect("a region")
    }

    /// Some days before the day, sometimes a few after it.
    fn around(&mut self, before: i64) -> Date {
        self.as_of.plus_days(self.days(-before, 30))
    }

    fn days(&mut self, least: i64, greatest: i64) -> i32 {
        days(&mut self.random, least, greatest)
    }
}

fn days(random: &mut Random, least: i64, greatest: i64) -> i32 {
    i32::try_from(random.between(least, greatest)).expect("a few years")
}
