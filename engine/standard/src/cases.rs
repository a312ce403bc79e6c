//! Cases beside a standard: facts, and what the published text says must come of them.
//!
//! Cases are written by people from the official text, never from our output; a case that fails is a question.

use hengxin_core::date::Date;
use hengxin_core::document::{self, Check, Faults, Fields, Node, Value};
use hengxin_core::fact::{
    Class, Classes, CreditFile, Deliveries, Delivery, Dossier, FactColumns, FactId, FactRow, NO_NUMBER,
    NO_REFERENCE, Registration, Related,
};
use hengxin_core::kernel::{Evaluation, Outcome, Workbench, evaluate};
use hengxin_core::number::{Points, parse_decimal};
use hengxin_core::plan::{Nested, Plan};
use hengxin_core::reading::NestedResult;
use hengxin_core::region::RegionCode;
use hengxin_core::standard::Standard;
use hengxin_core::trace::Explanation;
use hengxin_core::uscc::{Department, SubjectKind, Uscc};
use hengxin_core::vocabulary::{Code, FieldKind, RegisterId, Shape, Vocabulary};

use crate::catalogue::{Catalogue, Edition};

/// What became of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseResult {
    /// The case's name.
    pub name: String,
    /// Every expectation that was not met: what, expected, found.
    pub failures: Vec<String>,
}

/// Runs the cases of a document against an edition.
///
/// # Errors
/// All faults of the document.
pub fn run(node: &Node, edition: &Edition, catalogue: &Catalogue) -> Result<Vec<CaseResult>, Faults> {
    let mut faults = Faults::default();
    let mut results = Vec::new();
    let standard = &edition.standard;
    if let Some(mut f) = Fields::open(node, "a file of cases", &mut faults) {
        for (key, expected) in [("standard", &standard.id), ("edition", &standard.edition)] {
            if let Some(node) = f.need(key, &mut faults).filter(|n| n.text() != Some(expected)) {
                faults.node(node, Check::UnknownName, format!("`{expected}`, the file it stands beside"));
            }
        }
        let items = f.need("cases", &mut faults).and_then(|n| document::list(n, "cases", &mut faults));
        f.finish(&mut faults);
        for item in items.unwrap_or_default() {
            results.extend(run_case(item, edition, catalogue, &mut faults));
        }
    }
    if faults.is_empty() { Ok(results) } else { Err(faults) }
}

/// One subject's facts as a case writes them.
#[derive(Default)]
struct Written {
    columns: FactColumns,
    registrations: Vec<Registration>,
}

struct Writer<'v> {
    vocabulary: &'v Vocabulary,
    classes: Classes,
    references: Vec<String>,
    next: u64,
}

fn run_case(
    node: &Node,
    edition: &Edition,
    catalogue: &Catalogue,
    faults: &mut Faults,
) -> Option<CaseResult> {
    let standard = &edition.standard;
    let vocabulary = &catalogue.vocabulary;
    let before = faults.len();
    let mut f = Fields::open(node, "a case", faults)?;
    let name = f.need_text("name", faults)?;
    f.need("why", faults);
    let as_of_node = f.need("as_of", faults);
    let as_of = as_of_node.and_then(|n| document::date(n, faults));
    let (first, last) = standard.effective;
    if let (Some(node), Some(as_of)) = (as_of_node, as_of)
        && (as_of < first || as_of > last)
    {
        faults.node(
            node,
            Check::OutOfRange,
            format!("a day on which the edition is in force, {first} to {last}"),
        );
    }
    let kinds: Vec<&str> = SubjectKind::ALL.iter().map(|k| k.as_str()).collect();
    let kind = match f.take("kind") {
        Some(node) => document::name(node, "a kind of subject", &kinds, faults).map(|i| SubjectKind::ALL[i]),
        None => Some(SubjectKind::Enterprise),
    };
    let mut writer = Writer { vocabulary, classes: Classes::default(), references: Vec::new(), next: 1 };
    let own = writer.subject(&mut f, faults);
    let deliveries = match f.take("delivered") {
        Some(node) if node.text() != Some("all") => delivered(node, vocabulary, faults),
        Some(_) | None => all_delivered(vocabulary),
    };
    let results = f.take("results");
    let related_items = f.take("related").map(Node::items).unwrap_or_default();
    let expect = f.need("expect", faults);
    f.finish(faults);
    let mut related = Vec::new();
    for item in related_items {
        related.extend(writer.related(item, faults));
    }
    if let Some(Node { value: Value::Map(entries), .. }) = results {
        for (key, _) in entries.iter().filter(|(key, _)| !standard.depends.contains(&key.text)) {
            let expected = format!("a standard this one reads, one of `{}`", standard.depends.join("`, `"));
            faults.push(key.span, Check::UnknownName, format!("`{}`", key.text), expected);
        }
    }
    let as_of = as_of?;
    let nested: Vec<Nested> = standard
        .depends
        .iter()
        .map(|id| results.and_then(|n| n.child(id)).and_then(|n| given(n, id, as_of, catalogue, faults)))
        .map(|given| given.map_or(Nested::NoEdition, Nested::Given))
        .collect();
    let expect = expect?;
    if faults.len() > before {
        return None;
    }
    let subject = code_of(kind?, 1)?;
    let plan = Plan::resolve(std::sync::Arc::clone(standard), as_of, nested, Date::FOREVER);
    let mut bench = Workbench::new(std::sync::Arc::new(plan));
    let related_files: Vec<Related<'_>> = related
        .iter()
        .enumerate()
        .filter_map(|(i, (kind, written))| {
            let subject = code_of(SubjectKind::Enterprise, u32::try_from(i + 2).ok()?)?;
            let file = CreditFile {
                subject,
                facts: written.columns.as_facts(),
                registrations: &written.registrations,
                deliveries: &deliveries,
            };
            Some(Related { kind: *kind, depth: 1, since: Date::BEFORE_ALL, until: Date::FOREVER, file })
        })
        .collect();
    let dossier = Dossier {
        file: CreditFile {
            subject,
            facts: own.columns.as_facts(),
            registrations: &own.registrations,
            deliveries: &deliveries,
        },
        related: &related_files,
    };
    let mut story = Explanation::default();
    let evaluation = evaluate(&mut bench, &writer.classes, &dossier, &mut story);
    let mut failures = compare(expect, &evaluation, &bench, standard, faults);
    if let Some(score) = evaluation.outcome.score()
        && story.total() != score
    {
        failures.push(format!("the explanation adds up to {}, the score is {score}", story.total()));
    }
    Some(CaseResult { name: name.to_owned(), failures })
}

impl Writer<'_> {
    fn subject(&mut self, f: &mut Fields<'_>, faults: &mut Faults) -> Written {
        let mut written = Written::default();
        let registrations = f.take("registration").map(Node::items).unwrap_or_default();
        for item in registrations {
            written.registrations.extend(self.registration(item, faults));
        }
        written.registrations.sort_by_key(|r| (r.since, r.fact));
        let mut rows = Vec::new();
        for item in f.take("facts").map(Node::items).unwrap_or_default() {
            rows.extend(self.fact(item, faults));
        }
        written.columns = FactColumns::from_rows(rows);
        written
    }

    fn id(&mut self) -> FactId {
        self.next += 1;
        FactId(self.next - 1)
    }

    fn registration(&mut self, node: &Node, faults: &mut Faults) -> Option<Registration> {
        let code = self.vocabulary.code(self.vocabulary.registration());
        let fact = self.id();
        let mut f = Fields::open(node, "a registration", faults)?;
        let since = match f.take("since") {
            Some(node) => document::date(node, faults)?,
            None => Date::BEFORE_ALL,
        };
        let mut named = |key: &'static str, faults: &mut Faults| {
            let values: Vec<&str> = code
                .field(key)
                .map(|(_, f)| f.values().iter().map(|v| v.id.as_str()).collect())
                .unwrap_or_default();
            let index = document::name(f.take(key)?, "a value of the vocabulary", &values, faults)?;
            u16::try_from(index).ok()
        };
        let legal_form = named("legal_form", faults);
        let size = named("size", faults);
        let status = named("status", faults);
        let established_on = f.take("established_on").and_then(|n| document::date(n, faults));
        let region = f.take("region").and_then(|n| parsed(n, faults));
        let industry = f.take("industry").and_then(|n| parsed(n, faults));
        let capital = f.take("capital").and_then(|n| document::decimal(n, 2, 1_000_000_000_000, faults));
        f.finish(faults);
        Some(Registration {
            fact,
            since,
            established_on,
            legal_form,
            size,
            status,
            region,
            industry,
            capital,
        })
    }

    fn fact(&mut self, node: &Node, faults: &mut Faults) -> Option<FactRow> {
        let mut f = Fields::open(node, "a fact", faults)?;
        let names: Vec<&str> = self.vocabulary.codes.iter().map(|c| c.id.as_str()).collect();
        let code = f.need("code", faults).and_then(|n| document::name(n, "a fact code", &names, faults));
        let occurred_on = f.need("on", faults).and_then(|n| document::date(n, faults));
        let mut end = |key, faults: &mut Faults| match f.take(key) {
            Some(node) => document::date(node, faults),
            None => Some(Date::FOREVER),
        };
        let ends_on = end("until", faults);
        let publicity_until = end("publicity_until", faults);
        let repaired_on = end("repaired_on", faults);
        let number = f.take("number");
        let reference = f.take_text("reference", faults);
        let attributes = f.take("attributes");
        let objection = f.take("objection");
        f.finish(faults);
        let code_id = self.vocabulary.code_id(names.get(code?)?)?;
        let code = self.vocabulary.code(code_id);
        let number = match number {
            Some(node) => amount(node, code, faults)?,
            None => NO_NUMBER,
        };
        let reference = match reference {
            Some(text) => self.reference(text),
            None => NO_REFERENCE,
        };
        let mut objections = Vec::new();
        for item in objection.map(Node::items).unwrap_or_default() {
            let mut f = Fields::open(item, "an objection", faults)?;
            let from = f.need("from", faults).and_then(|n| document::date(n, faults));
            let to = match f.take("to") {
                Some(node) => document::date(node, faults),
                None => Some(Date::FOREVER),
            };
            f.finish(faults);
            objections.push((from?, to?));
        }
        let values = attributes.map_or_else(
            || Some(vec![0; code.class_fields.len()]),
            |node| class_values(node, code, faults),
        )?;
        let class = self.classes.intern(Class { code: code_id, values: values.into() });
        Some(FactRow {
            id: self.id(),
            class,
            occurred_on: occurred_on?,
            ends_on: ends_on?,
            number,
            reference,
            repaired_on: repaired_on?,
            publicity_until: publicity_until?,
            objections,
        })
    }

    fn reference(&mut self, text: &str) -> u32 {
        let place = self.references.iter().position(|r| r == text).unwrap_or_else(|| {
            self.references.push(text.to_owned());
            self.references.len() - 1
        });
        u32::try_from(place + 1).unwrap_or(u32::MAX)
    }

    fn related(&mut self, node: &Node, faults: &mut Faults) -> Option<(u16, Written)> {
        let mut f = Fields::open(node, "a related subject", faults)?;
        let relation = self.vocabulary.codes.iter().find(|c| c.shape == Shape::Relation);
        let kinds: Vec<&str> = relation
            .and_then(|c| c.fields.get(c.relation?.0))
            .map(|f| f.values().iter().map(|v| v.id.as_str()).collect())
            .unwrap_or_default();
        let kind = f.need("by", faults).and_then(|n| document::name(n, "a kind of relation", &kinds, faults));
        let written = self.subject(&mut f, faults);
        f.finish(faults);
        Some((u16::try_from(kind?).ok()?, written))
    }
}

fn parsed<C: std::str::FromStr<Err: std::fmt::Display>>(node: &Node, faults: &mut Faults) -> Option<C> {
    match document::text(node, faults)?.parse::<C>() {
        Ok(code) => Some(code),
        Err(problem) => {
            faults.node(node, Check::UnknownName, problem.to_string());
            None
        }
    }
}

fn amount(node: &Node, code: &Code, faults: &mut Faults) -> Option<i64> {
    let kind = code.number.and_then(|i| code.fields.get(i)).map(|f| &f.kind);
    let places = match kind {
        Some(FieldKind::Money(_)) => 2,
        Some(FieldKind::Count) => 0,
        Some(FieldKind::Number) => 4,
        Some(_) | None => {
            faults.node(node, Check::UnitMismatch, format!("no number, as `{}` has none", code.id));
            return None;
        }
    };
    document::decimal(node, places, 1_000_000_000_000, faults)
}

fn class_values(node: &Node, code: &Code, faults: &mut Faults) -> Option<Vec<u64>> {
    let Value::Map(entries) = &node.value else {
        faults.node(node, Check::WrongShape, "a map of attributes to values");
        return None;
    };
    let mut values = vec![0u64; code.class_fields.len()];
    for (key, value) in entries {
        let Some(position) = code.class_position(&key.text) else {
            faults.push(
                key.span,
                Check::UnknownName,
                format!("`{}`", key.text),
                format!("an enumerated attribute of `{}`", code.id),
            );
            return None;
        };
        let field = &code.fields[code.class_fields[position]];
        let names: Vec<&str> = field.values().iter().map(|v| v.id.as_str()).collect();
        for item in value.items() {
            let index = document::name(item, "a value of this attribute", &names, faults)?;
            match field.kind {
                FieldKind::Set(_) => values[position] |= 1 << index,
                _ => values[position] = index as u64 + 1,
            }
        }
    }
    Some(values)
}

fn all_delivered(vocabulary: &Vocabulary) -> Deliveries {
    let all = (0..vocabulary.registers.len()).filter_map(|i| u16::try_from(i).ok());
    Deliveries::new(
        all.map(|i| Delivery {
            register: RegisterId(i),
            region: RegionCode::NATIONAL,
            through: Date::FOREVER,
        })
        .collect(),
    )
}

fn delivered(node: &Node, vocabulary: &Vocabulary, faults: &mut Faults) -> Deliveries {
    let names: Vec<&str> = vocabulary.registers.iter().map(|r| r.id.as_str()).collect();
    let found = node.items().iter().filter_map(|n| document::name(n, "a register", &names, faults));
    let register = |i: usize| u16::try_from(i).ok().map(RegisterId);
    Deliveries::new(
        found
            .filter_map(register)
            .map(|register| Delivery { register, region: RegionCode::NATIONAL, through: Date::FOREVER })
            .collect(),
    )
}

/// The stated result of a standard that this one reads.
fn given(
    node: &Node,
    id: &str,
    as_of: Date,
    catalogue: &Catalogue,
    faults: &mut Faults,
) -> Option<NestedResult> {
    let mut f = Fields::open(node, "a result", faults)?;
    let score = f.take("score").and_then(|n| document::points(n, faults));
    let grade = f.take("grade").filter(|n| n.text() != Some("none"));
    f.finish(faults);
    let grade = match grade {
        None => None,
        Some(node) => {
            let grades = catalogue.standard(id, as_of).ok().map(|e| &e.standard.grades);
            let found = grades.and_then(|g| g.find(node.text()?));
            if found.is_none() {
                faults.node(node, Check::UnknownName, format!("a grade of `{id}` on {as_of}"));
            }
            found
        }
    };
    Some(NestedResult { score, grade })
}

/// A code of this kind, different for each `n`.
fn code_of(kind: SubjectKind, n: u32) -> Option<Uscc> {
    let (department, entity) = Department::ALL.iter().find_map(|department| {
        let (code, _, _) = department.entity_types().iter().find(|(_, _, k)| *k == kind)?;
        Some((department.code(), *code))
    })?;
    let body = format!("MA0{n:05}");
    let parts = [u8::try_from(department).ok()?, u8::try_from(entity).ok()?];
    Uscc::assemble(parts, RegionCode::from_digits(110_000).ok()?, body.as_bytes().try_into().ok()?).ok()
}

fn compare(
    node: &Node,
    evaluation: &Evaluation,
    bench: &Workbench,
    standard: &Standard,
    faults: &mut Faults,
) -> Vec<String> {
    let mut failures = Vec::new();
    let Some(mut f) = Fields::open(node, "expectations", faults) else { return failures };
    if matches!(&node.value, Value::Map(entries) if entries.is_empty()) {
        faults.push(node.span, Check::MissingKey, "no expectation", "at least one, such as `grade`");
    }
    let mut expect = |what: &str, expected: String, found: String| {
        if expected != found {
            failures.push(format!("{what}: expected {expected}, found {found}"));
        }
    };
    let outcome = match evaluation.outcome {
        Outcome::NotEligible(_) => "not-eligible",
        Outcome::CannotScore { .. } => "cannot-score",
        Outcome::Graded { .. } => "graded",
    };
    if let Some(node) = f.take("outcome") {
        let words = ["graded", "not-eligible", "cannot-score"];
        if let Some(i) = document::name(node, "an outcome", &words, faults) {
            expect("outcome", words[i].to_owned(), outcome.to_owned());
        }
    }
    let show = |score: Option<Points>| score.map_or("none".to_owned(), |s| s.to_string());
    let written = |text: &str| match parse_decimal(text, 4) {
        Ok(n) => Points::from_ten_thousandths(n).to_string(),
        Err(_) => text.to_owned(),
    };
    if let Some(text) = f.take_text("score", faults) {
        expect("score", written(text), show(evaluation.outcome.score()));
    }
    if let Some(text) = f.take_text("grade", faults) {
        let found = evaluation.outcome.grade().map_or("none", |g| standard.grades.id(g));
        expect("grade", text.to_owned(), found.to_owned());
    }
    for (key, bits) in [
        ("findings", evaluation.findings),
        ("undetermined", evaluation.undetermined),
        ("decided", evaluation.decided),
    ] {
        if let Some(node) = f.take(key) {
            let names: Vec<&str> = standard.findings.iter().map(|f| f.id.as_str()).collect();
            let listed = node.items().iter().filter(|n| n.text() != Some(""));
            let found = listed.filter_map(|n| document::name(n, "a finding of the standard", &names, faults));
            let mut expected: Vec<&str> = found.map(|i| names[i]).collect();
            expected.sort_unstable();
            let set = standard.findings.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1);
            let mut found: Vec<&str> = set.map(|(_, finding)| finding.id.as_str()).collect();
            found.sort_unstable();
            expect(key, expected.join(", "), found.join(", "));
        }
    }
    if let Some(text) = f.take_text("horizon", faults) {
        let found = evaluation.horizon.map_or("none".to_owned(), |h| h.to_string());
        expect("horizon", text.to_owned(), found);
    }
    if let Some(Value::Map(entries)) = f.take("indicators").map(|n| &n.value) {
        for (key, value) in entries {
            let place = standard.indicators.iter().position(|i| i.id == key.text);
            let Some(place) = place else {
                faults.push(
                    key.span,
                    Check::UnknownName,
                    format!("`{}`", key.text),
                    "an indicator of the standard",
                );
                continue;
            };
            let found = bench.indicators().get(place).and_then(|r| r.points);
            let text = value.text().unwrap_or_default();
            let expected = if text == "excluded" { "none".to_owned() } else { written(text) };
            expect(&format!("indicator `{}`", key.text), expected, show(found));
        }
    }
    f.finish(faults);
    failures
}
