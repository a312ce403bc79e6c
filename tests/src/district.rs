//! Random subjects who share a ledger: as files for the kernel, and as the records that are handed in.
//!
//! The test vocabulary has no key that tells all random facts apart, so that every code but the registration is given
//! a record number here. Facts of one day stand in the order of their records' places, which are computed anew from
//! `docs/standard-format.md` §3.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

use hengxin_core::draft::Draft;
use hengxin_core::fact::{Classes, Delivery, Dossier};
use hengxin_core::kernel::{self, Workbench};
use hengxin_core::number::display_decimal;
use hengxin_core::trace::Silent;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::{FieldKind, Vocabulary};
use hengxin_standard::Catalogue;
use hengxin_store::{Batch, OwnedDossier, Snapshot};
use hengxin_store::{Origin, Submission, SubmittedRow};
use jiff::civil::Date;
use sha2::{Digest as _, Sha256};

use crate::random::convert::{KernelFile, date, related, scaled};
use crate::random::standard::Style;
use crate::random::{Random, Scenario, VOCABULARY, file};
use crate::reference::{
    Number, RefDelivery, RefDossier, RefFact, RefFile, RefRegistration, RefRelated, days_after, days_before,
    whole,
};

/// The test vocabulary with a record number as the key of every event, status and measure.
pub fn vocabulary_text() -> String {
    let mut codes = VOCABULARY.split("\n  - code: ");
    let mut text = codes.next().expect("the head").to_owned();
    for code in codes {
        let keyed = ["event", "status", "measure"].iter().any(|s| code.contains(&format!("shape: {s}\n")));
        let mut code = code.to_owned();
        if keyed {
            let at = code.find("    key: [").expect("a key");
            let end = at + code[at..].find('\n').expect("its end");
            code.replace_range(at..end, "    key: [record]");
            let field =
                "    fields:\n      - {id: record, title: 记录号, type: text, required: true, max: 40}\n";
            code = code.replace("    fields:\n", field);
        }
        let _ = write!(text, "\n  - code: {code}");
    }
    text
}

/// Where a record stands among those of one day: `docs/standard-format.md` §3.
pub fn place(code: &str, key: &str) -> u64 {
    let mut hash = Sha256::new();
    hash.update(u64::try_from(code.len()).expect("short").to_le_bytes());
    hash.update(code.as_bytes());
    hash.update(key.as_bytes());
    hash.finalize().iter().take(8).fold(0, |n, byte| n << 8 | u64::from(*byte))
}

/// A record as it is handed in: its code, and texts by field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Fact code.
    pub code: String,
    /// Field and cell.
    pub cells: BTreeMap<String, String>,
}

impl Record {
    fn new(code: &str, uscc: &str) -> Record {
        Record { code: code.to_owned(), cells: BTreeMap::new() }.with("uscc", uscc)
    }

    fn with(mut self, field: &str, text: impl ToString) -> Record {
        self.cells.insert(field.to_owned(), text.to_string());
        self
    }

    fn with_some(self, field: &str, text: Option<impl ToString>) -> Record {
        match text {
            Some(text) => self.with(field, text),
            None => self,
        }
    }

    /// The record, checked.
    pub fn draft(&self, vocabulary: &Vocabulary) -> Draft {
        let id = vocabulary.code_id(&self.code).expect("a known code");
        let fields = &vocabulary.code(id).fields;
        let cell = |i: usize| self.cells.get(&fields[i].id).map(String::as_str);
        let never = |_: &str| unreachable!("no identity number");
        let today = "2090-01-01".parse().expect("a date");
        let draft = Draft::check(id, vocabulary, cell, &never, today);
        draft.unwrap_or_else(|faults| panic!("{self:?}: {faults:?}"))
    }

    /// Whether it speaks of another record, so that it can come no earlier than that.
    pub fn is_mark(&self) -> bool {
        ["repair", "objection", "withdrawal"].contains(&self.code.as_str())
    }
}

/// A batch of records in their order.
pub fn batch(vocabulary: &Vocabulary, records: &[Record]) -> Batch {
    let rows = records
        .iter()
        .zip(1..)
        .map(|(record, line)| Submission { line, row: SubmittedRow::Draft(record.draft(vocabulary)) });
    Batch::prepare(vocabulary, rows, Origin { actor: "test".to_owned(), ..Origin::default() })
}

/// A fact as a record.
pub fn fact_record(vocabulary: &Vocabulary, uscc: &str, number: &str, fact: &RefFact) -> Record {
    let code = vocabulary.code(vocabulary.code_id(&fact.code).expect("a known code"));
    let field = |i: Option<usize>| i.map(|i| code.fields[i].id.as_str());
    let mut record = Record::new(&fact.code, uscc).with("record", number);
    record = record.with(&code.fields[code.occurred_on].id, fact.occurred_on);
    for (name, text) in [
        (field(code.ends_on), fact.ends_on.map(|d| d.to_string())),
        (field(code.publicity_until), fact.publicity_until.map(|d| d.to_string())),
        (field(code.reference), fact.reference.clone()),
        (
            field(code.number),
            fact.number.as_ref().map(|n| number_text(&code.fields[code.number.expect("one")].kind, n)),
        ),
    ] {
        if let Some(name) = name {
            record = record.with_some(name, text);
        }
    }
    for (attribute, values) in &fact.attributes {
        record = record.with(attribute, values.join(";"));
    }
    record
}

fn number_text(kind: &FieldKind, number: &Number) -> String {
    match kind {
        FieldKind::Money(unit) => {
            let yuan = number * whole(100) / whole(unit.fen());
            display_decimal(scaled(&yuan, 1_000_000), 6)
        }
        _ => display_decimal(scaled(number, 10_000), 4),
    }
}

/// The marks upon a fact as records.
pub fn mark_records(uscc: &str, number: &str, fact: &RefFact) -> Vec<Record> {
    let upon = |kind: &str| Record::new(kind, uscc).with("target", &fact.code).with("document", number);
    let mut marks: Vec<Record> = Vec::new();
    marks.extend(fact.repaired_on.map(|on| upon("repair").with("repaired_on", on)));
    for (from, until) in &fact.objections {
        let last = until.map(|until| days_before(until, 1));
        marks.push(upon("objection").with("since", from).with_some("until", last));
    }
    marks
}

/// Marks and relations are facts too: no reading asks for them here, but they happen on a day.
pub fn bare_fact(code: &str, key: &[&str], occurred_on: Date, ends_on: Option<Date>) -> RefFact {
    RefFact {
        id: place(code, &key.join("\u{1f}")),
        code: code.to_owned(),
        occurred_on,
        ends_on,
        number: None,
        reference: None,
        attributes: BTreeMap::new(),
        repaired_on: None,
        publicity_until: None,
        objections: Vec::new(),
    }
}

/// The marks upon a fact as facts.
pub fn mark_facts(number: &str, fact: &RefFact) -> Vec<RefFact> {
    let mut facts: Vec<RefFact> = Vec::new();
    facts.extend(fact.repaired_on.map(|on| bare_fact("repair", &[&fact.code, number], on, None)));
    for (from, until) in &fact.objections {
        let last = until.map(|until| days_before(until, 1));
        facts.push(bare_fact("objection", &[&fact.code, number, &from.to_string()], *from, last));
    }
    facts
}

fn relation_fact(related: &RefRelated) -> RefFact {
    let key = [related.kind.as_str(), &related.file.uscc];
    let fact = bare_fact("relation", &key, related.since, related.until);
    RefFact { attributes: BTreeMap::from([("kind".to_owned(), vec![related.kind.clone()])]), ..fact }
}

/// A registration as a record.
pub fn registration_record(uscc: &str, registration: &RefRegistration) -> Record {
    let capital = registration.capital.as_ref().map(|c| display_decimal(scaled(c, 100), 2));
    Record::new("registration", uscc)
        .with("since", registration.occurred_on)
        .with_some("established_on", registration.established_on)
        .with_some("legal_form", registration.legal_form.as_ref())
        .with_some("size", registration.size.as_ref())
        .with_some("status", registration.status.as_ref())
        .with_some("region", registration.region.as_ref())
        .with_some("industry", registration.industry.as_ref())
        .with_some("capital", capital)
}

/// A withdrawal of a record.
pub fn withdrawal_record(uscc: &str, code: &str, number: &str, on: Date) -> Record {
    Record::new("withdrawal", uscc).with("target", code).with("document", number).with("withdrawn_on", on)
}

fn relation_record(uscc: &str, related: &RefRelated) -> Record {
    Record::new("relation", uscc)
        .with("kind", &related.kind)
        .with("other", &related.file.uscc)
        .with("since", related.since)
        .with_some("until", related.until)
}

/// A delivery in the ledger's form.
pub fn delivery(vocabulary: &Vocabulary, delivery: &RefDelivery) -> Delivery {
    Delivery {
        register: vocabulary.register_id(&delivery.register).expect("a known register"),
        region: delivery.region.parse().expect("a region"),
        through: date(delivery.through),
    }
}

/// Subjects, what is known of them, and a standard to evaluate them by.
#[derive(Clone, Debug)]
pub struct District {
    /// What it was made from.
    pub seed: u64,
    /// The standard `main` 1 and those it reads.
    pub catalogue: Catalogue,
    /// What all files share.
    pub deliveries: Vec<RefDelivery>,
    /// The days to evaluate on.
    pub days: Vec<Date>,
    /// The subjects.
    pub members: Vec<Member>,
}

/// A subject of a district.
#[derive(Clone, Debug)]
pub struct Member {
    /// The subject.
    pub uscc: Uscc,
    /// As the kernel is to see it.
    pub dossier: RefDossier,
    /// As it is handed in.
    pub records: Vec<Record>,
}

/// A valid code of the kind of `like`, for every number.
pub fn subject(like: &str, n: u64) -> String {
    let kind: [u8; 2] = [like.as_bytes()[0], like.as_bytes()[1]];
    let body = format!("MA{n:06}");
    let body: [u8; 8] = body.as_bytes().try_into().expect("eight characters");
    Uscc::assemble(kind, "330106".parse().expect("a region"), body).expect("a valid code").to_string()
}

/// A random standard over the vocabulary with record numbers.
pub fn catalogue(seed: u64, style: Style) -> Catalogue {
    let text = vocabulary_text();
    let node = hengxin_standard::parse_document(&text).expect("YAML");
    let vocabulary = Vocabulary::parse(&node).unwrap_or_else(|faults| panic!("{faults:?}"));
    let scenario = Scenario::new(seed, &vocabulary, style);
    let mut files =
        vec![("vocabulary.yaml".to_owned(), text), ("main/1.yaml".to_owned(), scenario.standards.main)];
    for (text, edition) in scenario.standards.nested.iter().zip(1..) {
        files.push((format!("nested/{edition}.yaml"), text.clone()));
    }
    Catalogue::from_files(files).unwrap_or_else(|problem| panic!("seed {seed}: {problem}"))
}

impl District {
    /// The district of a seed, with at most 6 days.
    pub fn new(seed: u64, members: usize, days: usize) -> District {
        let catalogue = catalogue(seed, Style::Anything);
        let vocabulary = Arc::clone(&catalogue.vocabulary);
        let mut random = Random::new(seed.rotate_left(17));
        let base = file::as_of(&mut random);
        let mut district =
            District { seed, catalogue, deliveries: Vec::new(), days: vec![base], members: Vec::new() };
        let offsets = [1, -1, 30, -200, 400];
        district.days.extend(offsets.iter().take(days - 1).map(|n| days_after(base, *n)));
        district.deliveries = file::file(&mut random, &vocabulary, &subject("91", 0), base).deliveries;
        let mut next = 0;
        while district.members.len() < members {
            let dossier = file::dossier(&mut random, &vocabulary, base);
            let member = district.member(&vocabulary, dossier, &mut next);
            // Whom no record names is no subject of a ledger.
            if member.records.iter().any(|r| r.cells["uscc"] == member.uscc.as_str()) {
                district.members.push(member);
            }
        }
        district
    }

    /// Gives a random dossier codes of its own, and facts the ids that their records' places are.
    fn member(&self, vocabulary: &Vocabulary, mut dossier: RefDossier, next: &mut u64) -> Member {
        let mut records = Vec::new();
        let mut files = vec![&mut dossier.file];
        files.extend(dossier.related.iter_mut().map(|r| &mut r.file));
        for file in files {
            *next += 1;
            file.uscc = subject(&file.uscc, *next);
            file.deliveries.clone_from(&self.deliveries);
            tidy(file);
            let mut marks = Vec::new();
            for fact in &mut file.facts {
                let number = format!("N{}", fact.id);
                fact.id = place(&fact.code, &number);
                records.push(fact_record(vocabulary, &file.uscc, &number, fact));
                marks.extend(mark_facts(&number, fact));
                records.extend(mark_records(&file.uscc, &number, fact));
            }
            file.facts.append(&mut marks);
            records.extend(file.registrations.iter().map(|r| registration_record(&file.uscc, r)));
        }
        for related in &mut dossier.related {
            // Chains of relations have tests of their own in the store.
            related.depth = 1;
            dossier.file.facts.push(relation_fact(related));
            records.push(relation_record(&dossier.file.uscc, related));
        }
        Member { uscc: dossier.file.uscc.parse().expect("a code"), dossier, records }
    }

    /// What the kernel says of the members from `members` on all days, straight from their files.
    pub fn answers(&self, members: &[Member]) -> String {
        let vocabulary = &self.catalogue.vocabulary;
        let mut text = String::new();
        for day in &self.days {
            let mut bench = bench(&self.catalogue, *day);
            let (mut classes, mut references) = (Classes::default(), HashMap::new());
            for member in members {
                let answer =
                    answer_of(&mut bench, vocabulary, &mut classes, &mut references, &member.dossier);
                let _ = writeln!(text, "{} {day} {answer}", member.uscc);
            }
        }
        text
    }

    /// The same from a ledger.
    pub fn answers_from(&self, snapshot: &Snapshot, members: &[Member]) -> String {
        let mut text = String::new();
        for day in &self.days {
            let mut bench = bench(&self.catalogue, *day);
            for member in members {
                let dossier = dossier(snapshot, member.uscc);
                let answer = dossier.map(|d| answer_from(&mut bench, &d));
                let _ = writeln!(text, "{} {day} {}", member.uscc, answer.unwrap_or_default());
            }
        }
        text
    }
}

/// What two records of one key would be is not what files are about: of such, one stays.
fn tidy(file: &mut RefFile) {
    let mut days = BTreeSet::new();
    file.registrations.sort_by_key(|r| (r.occurred_on, r.id));
    file.registrations.retain(|r| days.insert(r.occurred_on));
    for fact in &mut file.facts {
        let mut from = BTreeSet::new();
        fact.objections.retain(|(first, _)| from.insert(*first));
        // Nothing ends before it begins; such a record is refused.
        fact.ends_on = fact.ends_on.filter(|last| *last >= fact.occurred_on);
        fact.publicity_until = fact.publicity_until.filter(|last| *last >= fact.occurred_on);
    }
}

/// Buffers for the standard `main` on a day.
pub fn bench(catalogue: &Catalogue, day: Date) -> Workbench {
    let edition = catalogue.pinned("main", "1").expect("the main standard");
    Workbench::new(catalogue.plan(edition, date(day)))
}

/// The kernel's answer on a dossier, written out: every figure of it.
pub fn answer_of(
    bench: &mut Workbench,
    vocabulary: &Vocabulary,
    classes: &mut Classes,
    references: &mut HashMap<String, u32>,
    dossier: &RefDossier,
) -> String {
    let own = KernelFile::new(vocabulary, classes, references, &dossier.file);
    let files: Vec<KernelFile> =
        dossier.related.iter().map(|r| KernelFile::new(vocabulary, classes, references, &r.file)).collect();
    let others: Vec<_> =
        dossier.related.iter().zip(&files).map(|(r, file)| related(vocabulary, r, file)).collect();
    answer(bench, classes, &Dossier { file: own.as_file(), related: &others })
}

/// The kernel's answer on a dossier of a ledger.
pub fn answer_from(bench: &mut Workbench, dossier: &OwnedDossier) -> String {
    dossier.with(|d| answer(bench, &dossier.file.classes, d))
}

fn answer(bench: &mut Workbench, classes: &Classes, dossier: &Dossier<'_>) -> String {
    let evaluation = kernel::evaluate(bench, classes, dossier, &mut Silent);
    format!("{evaluation:?} {:?}", bench.indicators())
}

/// A subject's dossier with everybody one step away.
pub fn dossier(snapshot: &Snapshot, uscc: Uscc) -> Option<OwnedDossier> {
    snapshot.dossier(uscc, &[0, 1], 1).unwrap_or_else(|problem| panic!("{uscc}: {problem}"))
}
