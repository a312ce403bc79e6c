//! One row of a dataset: what was known about one record, from one moment to another.
//!
//! A record that was corrected, repaired, objected to or withdrawn has several rows with one fact id; the moments they
//! were known at never overlap. So a view at any moment is a filter, without looking at other rows.

use hengxin_core::date::{Date, Moment};
use hengxin_core::fact::{ClassId, NO_NUMBER};
use hengxin_core::industry::IndustryCode;
use hengxin_core::region::RegionCode;
use hengxin_core::uscc::Uscc;

use crate::moment::STILL;

/// A row. Absent dates are [`Date::FOREVER`], an absent number is [`NO_NUMBER`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The subject.
    pub subject: Uscc,
    /// The record, by the first eight bytes of the digest of its code and natural key: its place among the facts of
    /// one day.
    pub fact: u64,
    /// Class: code and enumerated attributes.
    pub class: ClassId,
    /// The day it happened or began.
    pub occurred_on: Date,
    /// Last day in force.
    pub ends_on: Date,
    /// Last day of publicity.
    pub publicity_until: Date,
    /// First day on which it no longer counts because of repair.
    pub repaired_on: Date,
    /// Objections: first day, and first day after.
    pub objections: Vec<(Date, Date)>,
    /// Fen, count or ten-thousandths, as the code says.
    pub number: i64,
    /// Reference.
    pub reference: Option<Box<str>>,
    /// Of a registration: its attributes beside the class.
    pub registration: Option<Registered>,
    /// Of a relation: the other side, a code or a person's token.
    pub related: Option<Box<str>>,
    /// First moment at which this was known.
    pub known_from: Moment,
    /// First moment at which it was no longer; [`STILL`] when it still is.
    pub known_until: Moment,
    /// The record's fields as canonical JSON, when they are carried along.
    pub text: Option<Box<str>>,
}

/// What a registration says besides its class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registered {
    /// 成立日期.
    pub established_on: Option<Date>,
    /// 所在地.
    pub region: Option<RegionCode>,
    /// 行业.
    pub industry: Option<IndustryCode>,
}

impl Row {
    /// A row with nothing but what every row has.
    pub fn new(subject: Uscc, fact: u64, class: ClassId, occurred_on: Date, known_from: Moment) -> Row {
        Row {
            subject,
            fact,
            class,
            occurred_on,
            ends_on: Date::FOREVER,
            publicity_until: Date::FOREVER,
            repaired_on: Date::FOREVER,
            objections: Vec::new(),
            number: NO_NUMBER,
            reference: None,
            registration: None,
            related: None,
            known_from,
            known_until: STILL,
            text: None,
        }
    }

    /// The order of rows in a shard.
    pub fn order(&self) -> (Uscc, Date, u64, Moment) {
        (self.subject, self.occurred_on, self.fact, self.known_from)
    }
}
