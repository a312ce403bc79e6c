//! A checked record as the row it becomes: keys, digests and canonical text.
//!
//! All of this is done before the write lock is taken. Codes, fields and values are written by the ids of the
//! vocabulary, never by position: a later vocabulary may have more of them, in another order.

use std::collections::HashMap;

use hengxin_core::date::Date;
use hengxin_core::draft::{Draft, RelatedTo};
use hengxin_core::fact::Class;
use hengxin_core::uscc::Uscc;
use hengxin_core::vocabulary::{Code, FieldKind, Mark, Shape, Vocabulary};
use sha2::{Digest, Sha256};

/// A record's identity within its subject, and its place among the facts of one day.
pub type Key = [u8; 16];

/// A row of `facts`, its subject and class not yet numbered.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    pub(crate) subject: Uscc,
    pub(crate) order: Order,
    pub(crate) key: Key,
    pub(crate) content: [u8; 32],
    pub(crate) line: u64,
    /// Index into [`Encoder::classes`].
    pub(crate) class: usize,
    pub(crate) occurred_on: Date,
    pub(crate) ends_on: Date,
    pub(crate) publicity_until: Date,
    pub(crate) number: Option<i64>,
    pub(crate) target: Option<Key>,
    pub(crate) side: Side,
    texts: Texts,
}

/// The texts of a row in one piece: rows are visited in another order than they were made in, and every further
/// piece is a further wait for memory.
#[derive(Clone, Debug)]
struct Texts {
    /// Body, reference and name one after another.
    all: Box<str>,
    /// Where the body ends.
    body: usize,
    /// Where the reference ends; `None` when there is none.
    reference: Option<usize>,
    /// Whether the rest is a name; otherwise there is no rest.
    named: bool,
}

impl Encoded {
    /// All fields as canonical JSON.
    pub(crate) fn body(&self) -> &str {
        &self.texts.all[..self.texts.body]
    }

    /// The reference, when there is one.
    pub(crate) fn reference(&self) -> Option<&str> {
        self.texts.reference.map(|end| &self.texts.all[self.texts.body..end])
    }

    /// The subject's name as this row has it, when it has one.
    pub(crate) fn name(&self) -> Option<&str> {
        self.texts.named.then(|| &self.texts.all[self.texts.reference.unwrap_or(self.texts.body)..])
    }
}

/// Marks come after what they may speak of, withdrawals after all else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    Fact,
    Mark,
    Withdrawal,
}

/// What a row carries besides the columns all rows have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    None,
    Registration(Box<RegistrationSide>),
    Relation(Box<RelationSide>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RegistrationSide {
    pub(crate) established_on: Option<Date>,
    pub(crate) legal_form: Option<String>,
    pub(crate) region: Option<u32>,
    pub(crate) industry: Option<String>,
    pub(crate) capital: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RelationSide {
    pub(crate) kind: String,
    pub(crate) to: RelatedTo,
}

/// Turns drafts into rows, remembering the classes it has seen.
pub(crate) struct Encoder<'v> {
    vocabulary: &'v Vocabulary,
    /// (code id, canonical attributes), by local index.
    pub(crate) classes: Vec<(String, String)>,
    class_index: HashMap<Class, usize>,
    /// For each code, field indices in the order of their ids: the order of the keys of a body.
    field_order: Vec<Vec<usize>>,
}

impl<'v> Encoder<'v> {
    pub(crate) fn new(vocabulary: &'v Vocabulary) -> Encoder<'v> {
        let field_order = vocabulary
            .codes
            .iter()
            .map(|code| {
                let mut order: Vec<usize> = (0..code.fields.len()).collect();
                order.sort_unstable_by(|a, b| code.fields[*a].id.cmp(&code.fields[*b].id));
                order
            })
            .collect();
        Encoder { vocabulary, classes: Vec::new(), class_index: HashMap::new(), field_order }
    }

    pub(crate) fn encode(&mut self, draft: &Draft, line: u64) -> Encoded {
        let code = self.vocabulary.code(draft.code);
        let class = self.class(&draft.class);
        let key = key(&code.id, &draft.key);
        let target =
            draft.target.as_ref().map(|(target, text)| self::key(&self.vocabulary.code(*target).id, text));
        let texts = self.texts(draft, code);
        let side = side(draft, code);
        let mut row = Encoded {
            subject: draft.subject,
            order: order(code.shape),
            key,
            content: [0; 32],
            line,
            class,
            occurred_on: draft.occurred_on,
            ends_on: draft.ends_on,
            publicity_until: draft.publicity_until,
            number: draft.number,
            target,
            side,
            texts,
        };
        let (code, attributes) = &self.classes[class];
        row.content = content(&Content {
            subject: row.subject.as_str(),
            key: &row.key,
            code,
            attributes,
            occurred_on: row.occurred_on,
            ends_on: row.ends_on,
            publicity_until: row.publicity_until,
            number: row.number,
            target: row.target.as_ref(),
            reference: row.reference(),
            body: row.body(),
            side: &row.side,
        });
        row
    }

    fn class(&mut self, class: &Class) -> usize {
        if let Some(known) = self.class_index.get(class) {
            return *known;
        }
        let code = self.vocabulary.code(class.code);
        self.classes.push((code.id.clone(), attributes(code, class)));
        self.class_index.insert(class.clone(), self.classes.len() - 1);
        self.classes.len() - 1
    }

    fn texts(&self, draft: &Draft, code: &Code) -> Texts {
        let (reference, name) = (draft.reference.as_deref(), draft.subject_name.as_deref());
        let rest = reference.map_or(0, str::len) + name.map_or(0, str::len);
        let fields: usize = draft.fields.iter().map(|(_, text)| text.len() + 24).sum();
        let mut body = String::with_capacity(2 + fields + rest);
        body.push('{');
        for field in &self.field_order[usize::from(draft.code.0)] {
            let Some((_, text)) = draft.fields.iter().find(|(index, _)| usize::from(*index) == *field) else {
                continue;
            };
            if body.len() > 1 {
                body.push(',');
            }
            push_json(&mut body, &code.fields[*field].id);
            body.push(':');
            push_json(&mut body, text);
        }
        body.push('}');
        let mut texts =
            Texts { all: Box::default(), body: body.len(), reference: None, named: name.is_some() };
        body.push_str(reference.unwrap_or_default());
        texts.reference = reference.map(|_| body.len());
        body.push_str(name.unwrap_or_default());
        texts.all = body.into_boxed_str();
        texts
    }
}

/// The key of a record: code and natural key. The code's length comes first so that no two pairs share their text.
pub fn key(code: &str, natural: &str) -> Key {
    let mut text = Vec::with_capacity(8 + code.len() + natural.len());
    text.extend_from_slice(&u64::try_from(code.len()).unwrap_or(u64::MAX).to_le_bytes());
    text.extend_from_slice(code.as_bytes());
    text.extend_from_slice(natural.as_bytes());
    let mut key = [0; 16];
    key.copy_from_slice(&Sha256::digest(&text)[..16]);
    key
}

/// Everything one version of a record says.
pub(crate) struct Content<'a> {
    pub(crate) subject: &'a str,
    pub(crate) key: &'a Key,
    pub(crate) code: &'a str,
    pub(crate) attributes: &'a str,
    pub(crate) occurred_on: Date,
    pub(crate) ends_on: Date,
    pub(crate) publicity_until: Date,
    pub(crate) number: Option<i64>,
    pub(crate) target: Option<&'a Key>,
    pub(crate) reference: Option<&'a str>,
    pub(crate) body: &'a str,
    pub(crate) side: &'a Side,
}

/// SHA-256 over all of it, every part preceded by its presence and length.
pub(crate) fn content(content: &Content<'_>) -> [u8; 32] {
    // One buffer and one call: hashing many short pieces costs more than copying them.
    let mut text = Vec::with_capacity(256 + content.body.len());
    text.extend_from_slice(b"hengxin fact 1\n");
    let mut part = |bytes: Option<&[u8]>| match bytes {
        None => text.push(0),
        Some(bytes) => {
            text.push(1);
            text.extend_from_slice(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
            text.extend_from_slice(bytes);
        }
    };
    part(Some(content.subject.as_bytes()));
    part(Some(content.key));
    part(Some(content.code.as_bytes()));
    part(Some(content.attributes.as_bytes()));
    part(Some(&content.occurred_on.days().to_le_bytes()));
    part(Some(&content.ends_on.days().to_le_bytes()));
    part(Some(&content.publicity_until.days().to_le_bytes()));
    part(content.number.map(i64::to_le_bytes).as_ref().map(|b| &b[..]));
    part(content.target.map(|t| &t[..]));
    part(content.reference.map(str::as_bytes));
    part(Some(content.body.as_bytes()));
    match content.side {
        Side::None => part(None),
        Side::Registration(side) => {
            part(Some(b"registration"));
            part(side.established_on.map(|d| d.days().to_le_bytes()).as_ref().map(|b| &b[..]));
            part(side.region.map(u32::to_le_bytes).as_ref().map(|b| &b[..]));
            part(side.industry.as_deref().map(str::as_bytes));
            part(side.capital.map(i64::to_le_bytes).as_ref().map(|b| &b[..]));
        }
        Side::Relation(side) => {
            part(Some(b"relation"));
            part(Some(side.kind.as_bytes()));
            match &side.to {
                RelatedTo::Subject(subject) => part(Some(subject.as_bytes())),
                RelatedTo::Person(person) => {
                    part(None);
                    part(Some(person.as_bytes()));
                }
            }
        }
    }
    Sha256::digest(&text).into()
}

/// The enumerated attributes of a class as canonical JSON, by field id.
pub(crate) fn attributes(code: &Code, class: &Class) -> String {
    let mut present: Vec<(&str, String)> = Vec::new();
    for (field, value) in code.class_fields.iter().zip(&class.values) {
        let field = &code.fields[*field];
        if *value == 0 {
            continue;
        }
        let mut text = String::new();
        if matches!(field.kind, FieldKind::Set(_)) {
            text.push('[');
            for (i, one) in field.values().iter().enumerate().filter(|(i, _)| value >> i & 1 == 1) {
                if value & ((1 << i) - 1) != 0 {
                    text.push(',');
                }
                push_json(&mut text, &one.id);
            }
            text.push(']');
        } else if let Some(one) = usize::try_from(*value - 1).ok().and_then(|i| field.values().get(i)) {
            push_json(&mut text, &one.id);
        } else {
            continue;
        }
        present.push((&field.id, text));
    }
    present.sort_unstable();
    let mut json = String::from("{");
    for (field, value) in present {
        if json.len() > 1 {
            json.push(',');
        }
        push_json(&mut json, field);
        json.push(':');
        json.push_str(&value);
    }
    json.push('}');
    json
}

fn order(shape: Shape) -> Order {
    match shape {
        Shape::Event | Shape::Status | Shape::Measure | Shape::Registration | Shape::Relation => Order::Fact,
        Shape::Mark(Mark::Repair | Mark::Objection) => Order::Mark,
        Shape::Mark(Mark::Withdrawal) => Order::Withdrawal,
    }
}

fn side(draft: &Draft, code: &Code) -> Side {
    if let Some(registration) = &draft.registration {
        let legal_form = registration.legal_form.and_then(|index| {
            let (_, field) = code.field("legal_form")?;
            field.values().get(usize::from(index)).map(|value| value.id.clone())
        });
        return Side::Registration(Box::new(RegistrationSide {
            established_on: registration.established_on,
            legal_form,
            region: registration.region.map(hengxin_core::region::RegionCode::digits),
            industry: registration.industry.map(|industry| industry.to_string()),
            capital: registration.capital,
        }));
    }
    if let Some((kind, to)) = &draft.relation {
        let kind = code.relation.and_then(|(field, _)| code.fields[field].values().get(usize::from(*kind)));
        if let Some(kind) = kind {
            return Side::Relation(Box::new(RelationSide { kind: kind.id.clone(), to: to.clone() }));
        }
    }
    Side::None
}

/// Appends a JSON string. Only what JSON demands is escaped, so that equal texts give equal bytes everywhere.
pub(crate) fn push_json(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    // These bytes are never part of a longer character, so bytes can be looked at one by one.
    while let Some(at) = rest.bytes().position(|b| b < b' ' || b == b'"' || b == b'\\') {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = special.chars();
        match chars.next() {
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(c @ ('"' | '\\')) => out.extend(['\\', c]),
            Some(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from(b"0123456789abcdef"[usize::from(n & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}
