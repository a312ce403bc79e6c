//! A small vocabulary, drafts made in one line, folders that vanish, and random numbers with a seed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use hengxin_core::date::{Date, Moment};
use hengxin_core::document::{Faults, Key, Node, Span, Value};
use hengxin_core::draft::{Draft, RegistrationDraft, RelatedTo};
use hengxin_core::fact::Class;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::{FieldKind, Vocabulary};
use hengxin_store::{
    Batch, Clock, Ledger, Options, Origin, Place, Recorder, Report, Submission, SubmittedRow,
};

pub(crate) static VOCABULARY: LazyLock<Arc<Vocabulary>> =
    LazyLock::new(|| vocabulary(include_str!("vocabulary.json")).expect("the test vocabulary is sound"));

/// A vocabulary from JSON: the crate that reads YAML is not needed here.
pub(crate) fn vocabulary(json: &str) -> Result<Arc<Vocabulary>, Faults> {
    fn node(value: &serde_json::Value) -> Node {
        let value = match value {
            serde_json::Value::Array(items) => Value::List(items.iter().map(node).collect()),
            serde_json::Value::Object(map) => Value::Map(
                map.iter().map(|(k, v)| (Key { span: Span::default(), text: k.clone() }, node(v))).collect(),
            ),
            scalar => Value::Scalar(scalar.as_str().map_or_else(|| scalar.to_string(), str::to_owned)),
        };
        Node { span: Span::default(), value }
    }
    Vocabulary::parse(&node(&serde_json::from_str(json).expect("JSON"))).map(Arc::new)
}

/// A valid code for every number.
pub(crate) fn subject(n: u32) -> Uscc {
    let mut body = *b"MA000000";
    let mut rest = n;
    for place in body[2..].iter_mut().rev() {
        *place = b'0' + u8::try_from(rest % 10).expect("one digit");
        rest /= 10;
    }
    Uscc::assemble(*b"91", region(330_106), body).expect("every part is legal")
}

pub(crate) fn region(digits: u32) -> RegionCode {
    RegionCode::from_digits(digits).expect("a region")
}

pub(crate) fn date(text: &str) -> Date {
    text.parse().expect("a date")
}

/// A record of any code, from field ids and canonical texts.
#[derive(Clone, Debug)]
pub(crate) struct Make {
    code: &'static str,
    subject: Uscc,
    fields: Vec<(&'static str, String)>,
}

pub(crate) fn make(code: &'static str, subject: Uscc) -> Make {
    Make { code, subject, fields: vec![("uscc", subject.to_string())] }
}

pub(crate) fn penalty(subject: Uscc, document: &str, decided_on: &str) -> Make {
    make("administrative-penalty", subject).with("document", document).with("decided_on", decided_on)
}

pub(crate) fn mark(kind: &'static str, subject: Uscc, number: &str, target: (&str, &str), on: &str) -> Make {
    let named = make(kind, subject).with("number", number).with("target", target.0);
    named.with("target_key", target.1).with("on", on)
}

impl Make {
    pub(crate) fn with(mut self, field: &'static str, text: impl ToString) -> Make {
        self.fields.retain(|(id, _)| *id != field);
        self.fields.push((field, text.to_string()));
        self
    }

    /// The same record of the subject with a number greater by `base`.
    pub(crate) fn moved(mut self, base: u32) -> Make {
        let digits = self.subject.as_str()[10..16].parse::<u32>().expect("the number of a test subject");
        self.subject = subject(digits + base);
        let code = self.subject;
        self.with("uscc", code)
    }

    fn text(&self, index: usize) -> Option<&str> {
        let code = VOCABULARY.code(VOCABULARY.code_id(self.code)?);
        let id = code.fields.get(index)?.id.as_str();
        self.fields.iter().find(|(field, _)| *field == id).map(|(_, text)| text.as_str())
    }

    pub(crate) fn draft(&self) -> Draft {
        let id = VOCABULARY.code_id(self.code).expect("a code of the vocabulary");
        let code = VOCABULARY.code(id);
        let at = |index: Option<usize>| index.and_then(|i| self.text(i));
        let named = |field: &str| code.field(field).and_then(|(i, _)| self.text(i));
        let position = |field: &str| {
            let (_, field) = code.field(field)?;
            let text = named(&field.id)?;
            u16::try_from(field.values().iter().position(|v| v.id == text)?).ok()
        };
        let key =
            |fields: &[usize]| fields.iter().filter_map(|i| self.text(*i)).collect::<Vec<_>>().join("\u{1f}");
        let values =
            code.class_fields.iter().map(|field| class_value(code.fields.get(*field), self.text(*field)));
        let mut fields: Vec<(u16, String)> = self
            .fields
            .iter()
            .map(|(field, text)| {
                let (index, _) = code.field(field).expect("a field of the code");
                (u16::try_from(index).expect("few fields"), text.clone())
            })
            .collect();
        fields.sort_unstable();
        Draft {
            subject: self.subject,
            subject_name: at(code.subject_name).map(str::to_owned),
            code: id,
            key: key(&code.key),
            occurred_on: date(at(Some(code.occurred_on)).expect("a day")),
            ends_on: at(code.ends_on).map_or(Date::FOREVER, date),
            publicity_until: at(code.publicity_until).map_or(Date::FOREVER, date),
            number: at(code.number).map(|text| text.parse().expect("a number")),
            class: Class { code: id, values: values.collect() },
            reference: at(code.reference).map(str::to_owned),
            registration: (self.code == "registration").then(|| RegistrationDraft {
                established_on: named("established_on").map(date),
                legal_form: position("legal_form"),
                size: position("size"),
                status: position("status"),
                region: named("region").map(|text| text.parse().expect("a region")),
                industry: named("industry").map(|text| text.parse().expect("an industry")),
                capital: named("capital").map(|text| text.parse().expect("fen")),
            }),
            target: code.target.as_ref().map(|(target, parts)| {
                let target = VOCABULARY.code_id(at(Some(*target)).expect("a target")).expect("a code");
                (target, key(parts))
            }),
            relation: code.relation.map(|(_, other)| {
                let other = self.text(other).expect("the other side");
                let to = match other.parse::<Uscc>() {
                    Ok(code) => RelatedTo::Subject(code),
                    Err(_) => RelatedTo::Person(other.to_owned()),
                };
                (position("kind").expect("a kind"), to)
            }),
            fields,
        }
    }
}

fn class_value(field: Option<&hengxin_core::vocabulary::Field>, text: Option<&str>) -> u64 {
    let (Some(field), Some(text)) = (field, text) else { return 0 };
    let index = |id: &str| field.values().iter().position(|v| v.id == id).expect("a value of the field");
    match field.kind {
        FieldKind::Set(_) => text.split(';').map(|id| 1u64 << index(id)).sum(),
        _ => u64::try_from(index(text) + 1).expect("few values"),
    }
}

/// Drafts as the rows 1, 2, 3 … of a request.
pub(crate) fn batch(makes: &[Make]) -> Batch {
    batch_of(makes, Origin { actor: "test".to_owned(), ..Origin::default() })
}

pub(crate) fn batch_of(makes: &[Make], origin: Origin) -> Batch {
    let rows =
        makes.iter().zip(1..).map(|(make, line)| Submission { line, row: SubmittedRow::Draft(make.draft()) });
    Batch::prepare(&VOCABULARY, rows, origin)
}

pub(crate) fn append(recorder: &mut Recorder, makes: &[Make]) -> Report {
    recorder.append(&batch(makes)).expect("the batch is recorded")
}

/// (accepted, duplicate, corrected, quarantined).
pub(crate) fn counts(report: &Report) -> (u64, u64, u64, u64) {
    (report.accepted, report.duplicate, report.corrected, report.quarantined)
}

/// A folder that is removed when the test is over.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    ledger: Place,
}

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("hengxin-store-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for the test");
        let ledger = crate::engine::place(&path);
        Folder { path, ledger }
    }

    /// Where the ledger of the test is to lie.
    pub(crate) fn ledger(&self) -> Place {
        self.ledger.clone()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A clock that stands still until it is told otherwise.
#[derive(Debug, Default)]
pub(crate) struct Hand(pub(crate) AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Moment {
        Moment(self.0.load(Ordering::Relaxed))
    }
}

pub(crate) fn options() -> Options {
    Options { busy_wait: Duration::from_secs(20), ..Options::default() }
}

/// A new ledger in a new folder.
pub(crate) fn fresh() -> (Folder, Ledger) {
    let folder = Folder::new();
    let ledger = Ledger::create(folder.ledger(), Arc::clone(&VOCABULARY), options()).expect("a new ledger");
    (folder, ledger)
}

/// Random numbers from a seed (`SplitMix64`).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).expect("small")).expect("small")
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// The value of a variable, or `default`.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
