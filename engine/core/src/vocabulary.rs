//! The vocabulary: which kinds of facts exist, their fields, and how official columns are named.
//!
//! One data file (`standards/vocabulary.yaml`) declares every fact code: its shape, polarity, register, disclosure
//! level, natural key, and fields with the column names authorities use. Ingest, the ledger, standards and the
//! kernel all read the same declaration. Adding a code touches no Rust. Source: `docs/vocabulary.md`.

use std::collections::HashMap;

use crate::document::{self, Check, Fault, Faults, Fields, Node};

/// Index of a fact code in its vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeId(pub u16);

/// Index of a register in its vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegisterId(pub u16);

/// What a fact of a code is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Happened on a day.
    Event,
    /// Holds from a day to a day.
    Status,
    /// A measured number or official grade of a day.
    Measure,
    /// The registration: one snapshot of the subject's attributes from a day on.
    Registration,
    /// A relation of the subject to another subject or person.
    Relation,
    /// Says something about another fact of the same subject.
    Mark(Mark),
}

/// What a mark says about its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Credit repair: the target stops counting from this mark's day.
    Repair,
    /// The target is under objection from this mark's day to its end.
    Objection,
    /// The target was recorded in error and is gone.
    Withdrawal,
}

const SHAPES: [(&str, Shape); 8] = [
    ("event", Shape::Event),
    ("status", Shape::Status),
    ("measure", Shape::Measure),
    ("registration", Shape::Registration),
    ("relation", Shape::Relation),
    ("repair", Shape::Mark(Mark::Repair)),
    ("objection", Shape::Mark(Mark::Objection)),
    ("withdrawal", Shape::Mark(Mark::Withdrawal)),
];

/// Whether a fact speaks for or against its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polarity {
    /// Against.
    Adverse,
    /// For.
    Favourable,
    /// Neither by itself.
    Neutral,
}

/// Who may see facts of a code. Source: record-level publication types, `docs/vocabulary.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disclosure {
    /// 可向社会公开.
    Public,
    /// 特定范围内公开.
    Limited,
    /// 不可公开.
    NotPublic,
}

/// A register: the unit in which data are delivered.
#[derive(Clone, Debug)]
pub struct Register {
    /// Kebab-case id.
    pub id: String,
    /// Chinese title.
    pub title: String,
    /// Days after its last complete day during which the register still counts as delivered.
    pub lag_days: i32,
}

/// One value of an enumeration.
#[derive(Clone, Debug)]
pub struct EnumValue {
    /// Kebab-case id, used in standards.
    pub id: String,
    /// Chinese title.
    pub title: String,
    /// Other spellings found in files (codes such as `02`, older words).
    pub also: Vec<String>,
}

/// What a field holds.
#[derive(Clone, Debug)]
pub enum FieldKind {
    /// Free text of at most so many characters.
    Text(usize),
    /// A date.
    Date,
    /// Money, held in fen.
    Money(MoneyUnit),
    /// A whole number ≥ 0.
    Count,
    /// A decimal, held in ten-thousandths.
    Number,
    /// One of the listed values.
    Enum(Vec<EnumValue>),
    /// Any of the listed values, separated by `;`, `；`, `、` or `,`. At most 63 values.
    Set(Vec<EnumValue>),
    /// GB/T 2260 region.
    Region,
    /// GB/T 4754 industry.
    Industry,
    /// A unified social credit code.
    Uscc,
    /// Identity number of a natural person: never kept in clear.
    PersonId,
}

/// The unit a money column is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoneyUnit {
    /// 元.
    Yuan,
    /// 万元.
    TenThousandYuan,
}

impl MoneyUnit {
    /// Fen in one unit.
    pub const fn fen(self) -> i64 {
        match self {
            MoneyUnit::Yuan => 100,
            MoneyUnit::TenThousandYuan => 1_000_000,
        }
    }
}

/// One field of a fact code.
#[derive(Clone, Debug)]
pub struct Field {
    /// Snake-case id.
    pub id: String,
    /// Chinese title; also accepted as a column name.
    pub title: String,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether a fact without it is refused.
    pub required: bool,
    /// Who may see it, where that is fewer than may see the fact.
    pub disclosure: Option<Disclosure>,
    /// Further column names, such as `CF_WSH`.
    pub columns: Vec<String>,
}

impl Field {
    /// The values of an enumeration or set; empty for other kinds.
    pub fn values(&self) -> &[EnumValue] {
        match &self.kind {
            FieldKind::Enum(values) | FieldKind::Set(values) => values,
            FieldKind::Text(_)
            | FieldKind::Date
            | FieldKind::Money(_)
            | FieldKind::Count
            | FieldKind::Number
            | FieldKind::Region
            | FieldKind::Industry
            | FieldKind::Uscc
            | FieldKind::PersonId => &[],
        }
    }

    /// Whether a column of this name (already trimmed) holds this field.
    pub fn is_named(&self, column: &str) -> bool {
        self.id.eq_ignore_ascii_case(column)
            || self.title == column
            || self.columns.iter().any(|c| c.eq_ignore_ascii_case(column))
    }
}

/// One fact code.
#[derive(Clone, Debug)]
pub struct Code {
    /// Kebab-case id.
    pub id: String,
    /// Chinese title.
    pub title: String,
    /// Its register.
    pub register: RegisterId,
    /// What its facts are like.
    pub shape: Shape,
    /// For or against.
    pub polarity: Polarity,
    /// Who may see it.
    pub disclosure: Disclosure,
    /// Where the declaration comes from.
    pub source: String,
    /// All fields.
    pub fields: Vec<Field>,
    /// Index of the field with the subject's code.
    pub subject: usize,
    /// Index of the field with the subject's name.
    pub subject_name: Option<usize>,
    /// Index of the field with the day it happened or began.
    pub occurred_on: usize,
    /// Index of the field with the last day in force.
    pub ends_on: Option<usize>,
    /// Index of the field with the last day of publicity.
    pub publicity_until: Option<usize>,
    /// Index of the field that is the fact's number.
    pub number: Option<usize>,
    /// Index of the field that is the fact's reference.
    pub reference: Option<usize>,
    /// Indices of the fields that identify a record within (subject, code).
    pub key: Vec<usize>,
    /// For marks: field with the target's code, and the fields that make up the target's key.
    pub target: Option<(usize, Vec<usize>)>,
    /// For relations: field with the kind (an enumeration), and field with the other side (code or person).
    pub relation: Option<(usize, usize)>,
    /// Indices of the enumerated fields, in order: what a [`crate::fact::Class`] holds.
    pub class_fields: Vec<usize>,
}

impl Code {
    /// Who may see a field of this code.
    pub fn disclosure_of(&self, field: &Field) -> Disclosure {
        field.disclosure.map_or(self.disclosure, |level| level.max(self.disclosure))
    }

    /// The field with this id.
    pub fn field(&self, id: &str) -> Option<(usize, &Field)> {
        self.fields.iter().enumerate().find(|(_, f)| f.id == id)
    }

    /// Position among [`Code::class_fields`] of the enumerated field with this id.
    pub fn class_position(&self, id: &str) -> Option<usize> {
        let (index, _) = self.field(id)?;
        self.class_fields.iter().position(|f| *f == index)
    }
}

/// A checked vocabulary.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    /// Edition of the file.
    pub edition: String,
    /// All registers.
    pub registers: Vec<Register>,
    /// All codes.
    pub codes: Vec<Code>,
    by_id: HashMap<String, CodeId>,
    registration: CodeId,
    relation: Option<CodeId>,
}

impl Vocabulary {
    /// The code with this id.
    pub fn code_id(&self, id: &str) -> Option<CodeId> {
        self.by_id.get(id).copied()
    }

    /// The declaration of a code.
    ///
    /// # Panics
    /// When `id` comes from another vocabulary.
    pub fn code(&self, id: CodeId) -> &Code {
        &self.codes[usize::from(id.0)]
    }

    /// The declaration of a register.
    ///
    /// # Panics
    /// When `id` comes from another vocabulary.
    pub fn register(&self, id: RegisterId) -> &Register {
        &self.registers[usize::from(id.0)]
    }

    /// The register with this id.
    pub fn register_id(&self, id: &str) -> Option<RegisterId> {
        let index = self.registers.iter().position(|r| r.id == id)?;
        u16::try_from(index).ok().map(RegisterId)
    }

    /// The registration code; every vocabulary has exactly one.
    pub fn registration(&self) -> CodeId {
        self.registration
    }

    /// The relation code, if there is one.
    pub fn relation(&self) -> Option<CodeId> {
        self.relation
    }

    /// Takes a document apart.
    ///
    /// # Errors
    /// All faults of the document.
    pub fn parse(node: &Node) -> Result<Vocabulary, Faults> {
        let mut faults = Faults::default();
        let parsed = parse(node, &mut faults);
        match parsed {
            Some(vocabulary) if faults.is_empty() => Ok(vocabulary),
            Some(_) | None => Err(faults),
        }
    }
}

/// The registration fields the kernel knows; the registration code must declare them all.
pub const REGISTRATION_FIELDS: [&str; 7] =
    ["established_on", "legal_form", "size", "status", "region", "industry", "capital"];

fn parse(node: &Node, faults: &mut Faults) -> Option<Vocabulary> {
    let mut fields = Fields::open(node, "a vocabulary", faults)?;
    fields.need_text("vocabulary", faults);
    let edition = fields.need_text("edition", faults).unwrap_or_default().to_owned();
    let mut registers = Vec::new();
    for item in
        fields.need("registers", faults).map(|n| document::list(n, "registers", faults)).flatten_items()
    {
        registers.extend(parse_register(item, faults));
    }
    let register_ids: Vec<&str> = registers.iter().map(|r: &Register| r.id.as_str()).collect();
    let mut codes: Vec<Code> = Vec::new();
    let mut by_id = HashMap::new();
    for item in fields.need("codes", faults).map(|n| document::list(n, "fact codes", faults)).flatten_items()
    {
        let Some(code) = parse_code(item, &register_ids, faults) else { continue };
        let id = CodeId(u16::try_from(codes.len()).ok()?);
        if by_id.insert(code.id.clone(), id).is_some() {
            faults.push(
                item.span,
                Check::DuplicateKey,
                format!("code `{}` a second time", code.id),
                "each code once",
            );
        }
        codes.push(code);
    }
    fields.finish(faults);
    let find = |shape| {
        let index = codes.iter().position(|c| c.shape == shape)?;
        u16::try_from(index).ok().map(CodeId)
    };
    let Some(registration) = find(Shape::Registration) else {
        faults.push(node.span, Check::MissingKey, "no code of shape `registration`", "exactly one");
        return None;
    };
    let relation = find(Shape::Relation);
    Some(Vocabulary { edition, registers, codes, by_id, registration, relation })
}

/// `Option<Option<&[Node]>>` as a possibly empty run of nodes.
trait FlattenItems<'n> {
    fn flatten_items(self) -> &'n [Node];
}

impl<'n> FlattenItems<'n> for Option<Option<&'n [Node]>> {
    fn flatten_items(self) -> &'n [Node] {
        self.flatten().unwrap_or_default()
    }
}

fn parse_register(node: &Node, faults: &mut Faults) -> Option<Register> {
    let mut fields = Fields::open(node, "a register", faults)?;
    let id = fields.need_text("id", faults);
    let title = fields.need_text("title", faults);
    let lag = fields.need("lag_days", faults).and_then(|n| document::whole(n, 0, 3660, faults));
    fields.finish(faults);
    Some(Register { id: id?.to_owned(), title: title?.to_owned(), lag_days: i32::try_from(lag?).ok()? })
}

const DISCLOSURES: [&str; 3] = ["public", "limited", "not-public"];
const LEVELS: [Disclosure; 3] = [Disclosure::Public, Disclosure::Limited, Disclosure::NotPublic];

fn parse_code(node: &Node, registers: &[&str], faults: &mut Faults) -> Option<Code> {
    let mut f = Fields::open(node, "a fact code", faults)?;
    let id = f.need_text("code", faults)?.to_owned();
    let title = f.need_text("title", faults).unwrap_or_default().to_owned();
    let register =
        f.need("register", faults).and_then(|n| document::name(n, "a register", registers, faults));
    let shape_names = SHAPES.map(|(name, _)| name);
    let shape = f.need("shape", faults).and_then(|n| document::name(n, "a shape", &shape_names, faults));
    let polarity = f
        .need("polarity", faults)
        .and_then(|n| document::name(n, "a polarity", &["adverse", "favourable", "neutral"], faults));
    let disclosure = f
        .need("disclosure", faults)
        .and_then(|n| document::name(n, "a disclosure level", &DISCLOSURES, faults));
    let source = f.need_text("source", faults).unwrap_or_default().to_owned();
    let mut fields: Vec<Field> = Vec::new();
    for item in f.need("fields", faults).map(|n| document::list(n, "fields", faults)).flatten_items() {
        let Some(field) = parse_field(item, faults) else { continue };
        if fields.iter().any(|earlier| earlier.id == field.id) {
            faults.push(
                item.span,
                Check::DuplicateKey,
                format!("field `{}` a second time", field.id),
                "each field once",
            );
        }
        fields.push(field);
    }
    let names: Vec<&str> = fields.iter().map(|field| field.id.as_str()).collect();
    let field_ref = |f: &mut Fields<'_>, key: &'static str, required: bool, faults: &mut Faults| {
        let node = if required { f.need(key, faults) } else { f.take(key) }?;
        document::name(node, "a field of this code", &names, faults)
    };
    let subject = field_ref(&mut f, "subject", true, faults);
    let subject_name = field_ref(&mut f, "subject_name", false, faults);
    let occurred_on = field_ref(&mut f, "occurred_on", true, faults);
    let ends_on = field_ref(&mut f, "ends_on", false, faults);
    let publicity_until = field_ref(&mut f, "publicity_until", false, faults);
    let number = field_ref(&mut f, "number", false, faults);
    let reference = field_ref(&mut f, "reference", false, faults);
    let target_code = field_ref(&mut f, "target_code", false, faults);
    let relation_kind = field_ref(&mut f, "relation_kind", false, faults);
    let related_to = field_ref(&mut f, "related_to", false, faults);
    let field_list = |f: &mut Fields<'_>, key: &'static str, faults: &mut Faults| -> Vec<usize> {
        let items = f.take(key).map(Node::items).unwrap_or_default();
        items.iter().filter_map(|n| document::name(n, "a field of this code", &names, faults)).collect()
    };
    let key = field_list(&mut f, "key", faults);
    let target_key = field_list(&mut f, "target_key", faults);
    f.finish(faults);
    let shape = SHAPES.get(shape?)?.1;
    if matches!(shape, Shape::Mark(_)) && (target_code.is_none() || target_key.is_empty()) {
        faults.push(
            node.span,
            Check::MissingKey,
            format!("`{id}` is a mark"),
            "`target_code` and `target_key`",
        );
    }
    if shape == Shape::Relation && (relation_kind.is_none() || related_to.is_none()) {
        faults.push(
            node.span,
            Check::MissingKey,
            format!("`{id}` is a relation"),
            "`relation_kind` and `related_to`",
        );
    }
    if shape == Shape::Registration {
        for needed in REGISTRATION_FIELDS {
            if !names.contains(&needed) {
                faults.push(
                    node.span,
                    Check::MissingKey,
                    format!("`{id}` is the registration"),
                    format!("field `{needed}`"),
                );
            }
        }
    }
    for (what, field, kinds) in [
        ("occurred_on", occurred_on, "a date field"),
        ("ends_on", ends_on, "a date field"),
        ("publicity_until", publicity_until, "a date field"),
    ] {
        if field.is_some_and(|i| !matches!(fields[i].kind, FieldKind::Date)) {
            faults.push(node.span, Check::WrongShape, format!("`{what}` of `{id}`"), kinds);
        }
    }
    let class_fields = (0..fields.len())
        .filter(|i| matches!(fields[*i].kind, FieldKind::Enum(_) | FieldKind::Set(_)))
        .collect();
    Some(Code {
        id,
        title,
        register: RegisterId(u16::try_from(register?).ok()?),
        shape,
        polarity: [Polarity::Adverse, Polarity::Favourable, Polarity::Neutral][polarity?],
        disclosure: LEVELS[disclosure?],
        source,
        subject: subject?,
        subject_name,
        occurred_on: occurred_on?,
        ends_on,
        publicity_until,
        number,
        reference,
        key,
        target: target_code.map(|code| (code, target_key)),
        relation: relation_kind.zip(related_to),
        class_fields,
        fields,
    })
}

const FIELD_TYPES: [&str; 12] = [
    "text",
    "date",
    "money-yuan",
    "money-wan",
    "count",
    "number",
    "enum",
    "set",
    "region",
    "industry",
    "uscc",
    "person-id",
];

fn parse_field(node: &Node, faults: &mut Faults) -> Option<Field> {
    let mut f = Fields::open(node, "a field", faults)?;
    let id = f.need_text("id", faults);
    let title = f.need_text("title", faults);
    let kind = f.need("type", faults).and_then(|n| document::name(n, "a field type", &FIELD_TYPES, faults));
    let required =
        f.take("required").and_then(|n| document::name(n, "`true` or `false`", &["false", "true"], faults));
    let columns = f.take("columns").map(Node::items).unwrap_or_default();
    let columns = columns.iter().filter_map(|n| document::text(n, faults)).map(str::to_owned).collect();
    let max = f.take("max").and_then(|n| document::whole(n, 1, 100_000, faults)).unwrap_or(4000);
    let disclosure = f
        .take("disclosure")
        .and_then(|n| document::name(n, "a disclosure level", &DISCLOSURES, faults))
        .map(|place| LEVELS[place]);
    let mut values = Vec::new();
    if let Some(node) = f.take("values") {
        for item in document::list(node, "values", faults).unwrap_or_default() {
            values.extend(parse_value(item, faults));
        }
    }
    f.finish(faults);
    let kind = match FIELD_TYPES[kind?] {
        "date" => FieldKind::Date,
        "money-yuan" => FieldKind::Money(MoneyUnit::Yuan),
        "money-wan" => FieldKind::Money(MoneyUnit::TenThousandYuan),
        "count" => FieldKind::Count,
        "number" => FieldKind::Number,
        "enum" => FieldKind::Enum(values),
        "set" => FieldKind::Set(values),
        "region" => FieldKind::Region,
        "industry" => FieldKind::Industry,
        "uscc" => FieldKind::Uscc,
        "person-id" => FieldKind::PersonId,
        _ => FieldKind::Text(usize::try_from(max).ok()?),
    };
    let (count, limit) = match &kind {
        FieldKind::Enum(values) => (values.len(), usize::MAX),
        FieldKind::Set(values) => (values.len(), 63),
        _ => (1, usize::MAX),
    };
    if count == 0 || count > limit {
        faults.node(node, Check::WrongShape, "`values`, at least one, and at most 63 for a set");
    }
    let required = required == Some(1);
    Some(Field { id: id?.to_owned(), title: title?.to_owned(), kind, required, disclosure, columns })
}

fn parse_value(node: &Node, faults: &mut Faults) -> Option<EnumValue> {
    let mut f = Fields::open(node, "a value", faults)?;
    let id = f.need_text("id", faults);
    let title = f.need_text("title", faults);
    let also = f.take("also").map(Node::items).unwrap_or_default();
    let also = also.iter().filter_map(|n| document::text(n, faults)).map(str::to_owned).collect();
    f.finish(faults);
    Some(EnumValue { id: id?.to_owned(), title: title?.to_owned(), also })
}

/// Whether two declarations of one published code differ in a way that changes the meaning of old facts:
/// shape, polarity, register, key, or the removal or renaming of a field or value. Used to guard the lock.
pub fn breaking_change(old: &Code, new: &Code) -> Option<String> {
    if old.shape != new.shape || old.polarity != new.polarity {
        return Some(format!("`{}` changed its shape or polarity", old.id));
    }
    for field in &old.fields {
        let Some((_, now)) = new.field(&field.id) else {
            return Some(format!("`{}` lost its field `{}`", old.id, field.id));
        };
        for (i, value) in field.values().iter().enumerate() {
            if now.values().get(i).is_none_or(|v| v.id != value.id) {
                return Some(format!("`{}.{}` lost or moved its value `{}`", old.id, field.id, value.id));
            }
        }
    }
    None
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Faults {
        Faults(vec![fault])
    }
}
