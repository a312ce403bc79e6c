//! A record on its way into the ledger: checked against the vocabulary, not yet recorded.
//!
//! The same check serves files and gRPC: fields by id in, a [`Draft`] or every fault of the row out.

use crate::date::Date;
use crate::fact::Class;
use crate::industry::IndustryCode;
use crate::region::RegionCode;
use crate::uscc::Uscc;
use crate::vocabulary::CodeId;

/// A checked record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The subject.
    pub subject: Uscc,
    /// The subject's name as this record has it.
    pub subject_name: Option<String>,
    /// The fact code.
    pub code: CodeId,
    /// Natural key within (subject, code): the canonical key fields joined by U+001F.
    pub key: String,
    /// The day it happened or began.
    pub occurred_on: Date,
    /// Last day in force; [`Date::FOREVER`] when open or long-term.
    pub ends_on: Date,
    /// Last day of publicity; [`Date::FOREVER`] when none.
    pub publicity_until: Date,
    /// The number (fen, count, ten-thousandths), when there is one.
    pub number: Option<i64>,
    /// Code and enumerated attributes.
    pub class: Class,
    /// The reference, when there is one.
    pub reference: Option<String>,
    /// For a registration: its attributes.
    pub registration: Option<RegistrationDraft>,
    /// For a mark: the code and natural key of the record it speaks of.
    pub target: Option<(CodeId, String)>,
    /// For a relation: index of its kind, and the other side (a code, or the digest of an identity number).
    pub relation: Option<(u16, RelatedTo)>,
    /// All fields present, in canonical text, by field index in ascending order. Identity numbers are digests.
    pub fields: Vec<(u16, String)>,
}

/// The registration's attributes, indices as in the vocabulary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistrationDraft {
    /// 成立日期.
    pub established_on: Option<Date>,
    /// 法律形式.
    pub legal_form: Option<u16>,
    /// 规模.
    pub size: Option<u16>,
    /// 登记状态.
    pub status: Option<u16>,
    /// 所在地.
    pub region: Option<RegionCode>,
    /// 行业.
    pub industry: Option<IndustryCode>,
    /// 注册资本, fen.
    pub capital: Option<i64>,
}

/// The other side of a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelatedTo {
    /// Another subject.
    Subject(Uscc),
    /// A natural person, by the keyed digest of the identity number.
    Person(String),
}
