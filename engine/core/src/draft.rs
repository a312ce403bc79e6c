//! A record on its way into the ledger: checked against the vocabulary, not yet recorded.
//!
//! The same check serves files and gRPC: fields by id in, a [`Draft`] or every fault of the row out.

use crate::date::Date;
use crate::fact::Class;
use crate::industry::IndustryCode;
use crate::number::{display_decimal, parse_decimal};
use crate::region::RegionCode;
use crate::uscc::Uscc;
use crate::vocabulary::{Code, CodeId, EnumValue, FieldKind, Shape, Vocabulary};

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
    /// Dates are ISO (no end is `2099-12-31`), money plain yuan, enumerations ids, sets ids joined by `;`.
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

/// What is wrong with one cell of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFault {
    /// The field's id.
    pub field: String,
    /// The field's title, as on forms.
    pub title: String,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: String,
}

impl std::fmt::Display for RowFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}): found {}, expected {}", self.title, self.field, self.found, self.expected)
    }
}

/// From this day on, an end date means "long-term": authorities write `2099/12/31`.
fn long_term() -> Date {
    Date::from_ymd(2099, 12, 31).unwrap_or(Date::FOREVER)
}

/// The token that stands for an identity number: `id:` and 32 hexadecimal digits of its keyed digest.
pub fn is_person_token(text: &str) -> bool {
    text.strip_prefix("id:").is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Reads a date in any form authorities write: `2024-01-05`, `2024/1/5`, `2024.1.5`, `20240105`, `2024年1月5日`, each
/// also with a time of midnight.
///
/// # Errors
/// What was expected instead.
pub fn read_date(text: &str) -> Result<Date, String> {
    let form = || "a date such as 2024-01-05, 2024/1/5 or 20240105".to_owned();
    let text = text.trim();
    let day = text.split([' ', 'T']).next().unwrap_or(text);
    if let Some(time) = text.get(day.len() + 1..)
        && !time.trim_end_matches('Z').chars().all(|c| matches!(c, '0' | ':' | '.'))
    {
        return Err("a date without a time of day".to_owned());
    }
    let parts: Vec<&str> = if day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit()) {
        vec![&day[..4], &day[4..6], &day[6..]]
    } else {
        day.trim_end_matches('日').split(['-', '/', '.', '年', '月']).collect()
    };
    let [year, month, day] = parts.as_slice() else { return Err(form()) };
    let number = |text: &str, longest: usize| {
        let digits = !text.is_empty() && text.len() <= longest && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<u32>().ok()).flatten()
    };
    match (number(year, 4).filter(|_| year.len() == 4), number(month, 2), number(day, 2)) {
        (Some(year), Some(month), Some(day)) => Date::from_ymd(year.cast_signed(), month, day)
            .map_err(|problem| format!("a date that exists: {problem}")),
        _ => Err(form()),
    }
}

impl Draft {
    /// Checks one row against the declaration of its code.
    ///
    /// `cell` gives the text of a field by index, `protect` the token of an identity number, `today` the last day
    /// on which a record may have happened.
    ///
    /// # Errors
    /// Every fault of the row.
    pub fn check<'c>(
        id: CodeId,
        vocabulary: &Vocabulary,
        cell: impl Fn(usize) -> Option<&'c str>,
        protect: &dyn Fn(&str) -> String,
        today: Date,
    ) -> Result<Draft, Vec<RowFault>> {
        let code = vocabulary.code(id);
        let mut row = Row { code, vocabulary, faults: Vec::new(), canonical: vec![None; code.fields.len()] };
        let mut values = vec![0u64; code.class_fields.len()];
        let mut parsed: Vec<Parsed> = Vec::with_capacity(code.fields.len());
        for (i, field) in code.fields.iter().enumerate() {
            let text = cell(i).map(str::trim).filter(|t| !t.is_empty());
            let value = if let Some(text) = text {
                row.read(i, text, protect)
            } else {
                if field.required {
                    row.fault(i, "nothing".to_owned(), "a value".to_owned());
                }
                Parsed::Absent
            };
            if let (Parsed::Bits(bits), Some(position)) =
                (&value, code.class_fields.iter().position(|c| *c == i))
            {
                values[position] = *bits;
            }
            parsed.push(value);
        }
        let occurred_on = row.start(&parsed, today);
        let ends_on = row.end(code.ends_on, &parsed, occurred_on);
        let publicity_until = row.end(code.publicity_until, &parsed, occurred_on);
        let registration = (code.shape == Shape::Registration).then(|| registration(code, &parsed));
        let key = row.key(&code.key);
        let target = match &code.target {
            Some((of, fields)) => row.target(*of, fields),
            None => None,
        };
        let relation = code.relation.and_then(|(kind, _)| row.relation(kind, &parsed));
        let subject = match parsed.get(code.subject) {
            Some(Parsed::Code(subject)) => Some(*subject),
            Some(_) | None => None,
        };
        let number = code.number.and_then(|i| match parsed.get(i) {
            Some(Parsed::Number(n)) => Some(*n),
            Some(_) | None => None,
        });
        let text = |i: Option<usize>| i.and_then(|i| row.canonical[i].clone());
        let (subject_name, reference) = (text(code.subject_name), text(code.reference));
        match (subject, occurred_on, row.faults.is_empty()) {
            (Some(subject), Some(occurred_on), true) => Ok(Draft {
                subject,
                subject_name,
                code: id,
                key,
                occurred_on,
                ends_on,
                publicity_until,
                number,
                class: Class { code: id, values: values.into() },
                reference,
                registration,
                target,
                relation,
                fields: row
                    .canonical
                    .into_iter()
                    .enumerate()
                    .filter_map(|(i, text)| Some((u16::try_from(i).ok()?, text?)))
                    .collect(),
            }),
            _ => Err(row.faults),
        }
    }
}

/// The value of one cell.
enum Parsed {
    Absent,
    Text,
    Date(Date),
    Number(i64),
    /// An enumeration's index plus one, or a set's bits.
    Bits(u64),
    Region(RegionCode),
    Industry(IndustryCode),
    Code(Uscc),
    Person(String),
}

/// A row while it is read.
struct Row<'v> {
    code: &'v Code,
    vocabulary: &'v Vocabulary,
    faults: Vec<RowFault>,
    canonical: Vec<Option<String>>,
}

impl Row<'_> {
    fn fault(&mut self, i: usize, found: String, expected: String) {
        let field = &self.code.fields[i];
        self.faults.push(RowFault { field: field.id.clone(), title: field.title.clone(), found, expected });
    }

    fn read(&mut self, i: usize, text: &str, protect: &dyn Fn(&str) -> String) -> Parsed {
        match self.parse(i, text, protect) {
            Ok((canonical, parsed)) => {
                self.canonical[i] = Some(canonical);
                parsed
            }
            Err(expected) => {
                // An identity number is never quoted.
                let secret = matches!(self.code.fields[i].kind, FieldKind::PersonId);
                let shown: String = text.chars().take(60).collect();
                let found = if secret { "an identity number".to_owned() } else { format!("`{shown}`") };
                self.fault(i, found, expected);
                Parsed::Absent
            }
        }
    }

    fn parse(
        &self,
        i: usize,
        text: &str,
        protect: &dyn Fn(&str) -> String,
    ) -> Result<(String, Parsed), String> {
        let field = &self.code.fields[i];
        let ends = self.code.ends_on == Some(i) || self.code.publicity_until == Some(i);
        Ok(match &field.kind {
            FieldKind::Text(longest) => {
                let length = text.chars().count();
                if length > *longest {
                    return Err(format!("at most {longest} characters, not {length}"));
                }
                (text.to_owned(), Parsed::Text)
            }
            FieldKind::Date => {
                if ends && matches!(text, "长期" | "永久") {
                    return Ok(("2099-12-31".to_owned(), Parsed::Date(Date::FOREVER)));
                }
                let date = read_date(text)?;
                let held = if ends && date >= long_term() { Date::FOREVER } else { date };
                (date.to_string(), Parsed::Date(held))
            }
            FieldKind::Money(unit) => {
                let places = if unit.fen() == 100 { 2 } else { 6 };
                let fen = amount(text, places)?;
                (display_decimal(fen, 2), Parsed::Number(fen))
            }
            FieldKind::Count => {
                let count = amount(text, 0)?;
                (count.to_string(), Parsed::Number(count))
            }
            FieldKind::Number => {
                let number = parse_decimal(text, 4).map_err(|e| e.to_string())?;
                (display_decimal(number, 4), Parsed::Number(number))
            }
            FieldKind::Enum(values) => {
                let index = find(values, text)?;
                (values[index].id.clone(), Parsed::Bits(index as u64 + 1))
            }
            FieldKind::Set(values) => {
                let words =
                    text.split([';', '；', '、', ',', '，', '|']).map(str::trim).filter(|w| !w.is_empty());
                let mut bits = 0u64;
                for word in words {
                    bits |= 1 << find(values, word)?;
                }
                let names: Vec<&str> = values
                    .iter()
                    .enumerate()
                    .filter(|(i, _)| bits >> i & 1 == 1)
                    .map(|(_, v)| v.id.as_str())
                    .collect();
                (names.join(";"), Parsed::Bits(bits))
            }
            FieldKind::Region => {
                let region: RegionCode = text.parse().map_err(|e| format!("a region code: {e}"))?;
                (region.to_string(), Parsed::Region(region))
            }
            FieldKind::Industry => {
                let industry: IndustryCode = text.parse().map_err(|e| format!("an industry code: {e}"))?;
                (industry.to_string(), Parsed::Industry(industry))
            }
            FieldKind::Uscc => {
                let code: Uscc = text.parse().map_err(|problem| {
                    let near: Vec<String> = Uscc::suggest(text).iter().map(ToString::to_string).collect();
                    let hint = if near.is_empty() {
                        String::new()
                    } else {
                        format!("; did you mean {}?", near.join(" or "))
                    };
                    format!("a unified social credit code: {problem}{hint}")
                })?;
                (code.to_string(), Parsed::Code(code))
            }
            FieldKind::PersonId => {
                let token = if is_person_token(text) { text.to_owned() } else { protect(text) };
                (token.clone(), Parsed::Person(token))
            }
        })
    }

    fn start(&mut self, parsed: &[Parsed], today: Date) -> Option<Date> {
        let i = self.code.occurred_on;
        let Some(Parsed::Date(date)) = parsed.get(i) else {
            if !self.code.fields[i].required {
                self.fault(i, "nothing".to_owned(), "the day it happened".to_owned());
            }
            return None;
        };
        if *date > today {
            self.fault(i, format!("`{date}`, in the future"), format!("a day up to {today}"));
            return None;
        }
        Some(*date)
    }

    fn end(&mut self, field: Option<usize>, parsed: &[Parsed], start: Option<Date>) -> Date {
        let Some((i, Parsed::Date(date))) = field.and_then(|i| Some((i, parsed.get(i)?))) else {
            return Date::FOREVER;
        };
        if let Some(start) = start.filter(|start| *date < *start) {
            let title = &self.code.fields[self.code.occurred_on].title;
            let expected = format!("a day on or after {start} ({title})");
            self.fault(i, format!("`{date}`"), expected);
        }
        *date
    }

    /// The canonical texts of some fields, joined by U+001F.
    fn key(&mut self, fields: &[usize]) -> String {
        let texts: Vec<&str> = fields.iter().map(|i| self.canonical[*i].as_deref().unwrap_or("")).collect();
        let joined = texts.join("\u{1f}");
        if let (Some(first), true) = (fields.first(), texts.iter().all(|t| t.is_empty())) {
            let first = *first;
            if !self.faults.iter().any(|f| f.field == self.code.fields[first].id) {
                self.fault(first, "nothing".to_owned(), "the fields that identify a record".to_owned());
            }
        }
        joined
    }

    fn target(&mut self, of: usize, fields: &[usize]) -> Option<(CodeId, String)> {
        let name = self.canonical[of].clone()?;
        let place = self.vocabulary.codes.iter().position(|c| c.id == name || c.title == name);
        let Some(place) = place.and_then(|p| u16::try_from(p).ok()) else {
            let ids: Vec<&str> = self.vocabulary.codes.iter().map(|c| c.title.as_str()).collect();
            let expected = format!("a kind of fact: {}", ids.join("、"));
            self.fault(of, format!("`{name}`"), expected);
            return None;
        };
        // The fields of the target's key that the mark does not carry are empty there too.
        let target = &self.vocabulary.codes[usize::from(place)];
        let texts: Vec<String> = target
            .key
            .iter()
            .enumerate()
            .map(|(n, _)| fields.get(n).and_then(|i| self.canonical[*i].clone()).unwrap_or_default())
            .collect();
        Some((CodeId(place), texts.join("\u{1f}")))
    }

    fn relation(&mut self, kind: usize, parsed: &[Parsed]) -> Option<(u16, RelatedTo)> {
        let Some(Parsed::Bits(bits)) = parsed.get(kind) else { return None };
        let kind = u16::try_from(bits.checked_sub(1)?).ok()?;
        // Whichever side is given: a person for responsible persons, a code for a parent.
        let person = parsed.iter().find_map(|p| match p {
            Parsed::Person(token) => Some(RelatedTo::Person(token.clone())),
            _ => None,
        });
        let subject = parsed.iter().enumerate().find_map(|(i, p)| match p {
            Parsed::Code(code) if i != self.code.subject => Some(RelatedTo::Subject(*code)),
            _ => None,
        });
        let other = person.or(subject);
        if other.is_none() {
            let to = self.code.relation.map_or(self.code.subject, |(_, to)| to);
            self.fault(to, "nothing".to_owned(), "the person or subject it relates to".to_owned());
        }
        other.map(|other| (kind, other))
    }
}

/// An amount ≥ 0 with at most `places` places, scaled.
fn amount(text: &str, places: u32) -> Result<i64, String> {
    if text.contains([',', '，']) {
        return Err("an amount without commas, such as 1234.5".to_owned());
    }
    let scaled = parse_decimal(text, places).map_err(|e| e.to_string())?;
    if scaled < 0 {
        return Err("an amount that is not negative".to_owned());
    }
    Ok(scaled)
}

fn find(values: &[EnumValue], text: &str) -> Result<usize, String> {
    values
        .iter()
        .position(|v| v.id == text || v.title == text || v.also.iter().any(|a| a == text))
        .ok_or_else(|| {
            let titles: Vec<&str> = values.iter().map(|v| v.title.as_str()).collect();
            format!("one of {}", titles.join("、"))
        })
}

fn registration(code: &Code, parsed: &[Parsed]) -> RegistrationDraft {
    let value = |id: &str| code.field(id).and_then(|(i, _)| parsed.get(i));
    let index = |id: &str| match value(id) {
        Some(Parsed::Bits(bits)) => bits.checked_sub(1).and_then(|i| u16::try_from(i).ok()),
        _ => None,
    };
    RegistrationDraft {
        established_on: match value("established_on") {
            Some(Parsed::Date(date)) => Some(*date),
            _ => None,
        },
        legal_form: index("legal_form"),
        size: index("size"),
        status: index("status"),
        region: match value("region") {
            Some(Parsed::Region(region)) => Some(*region),
            _ => None,
        },
        industry: match value("industry") {
            Some(Parsed::Industry(industry)) => Some(*industry),
            _ => None,
        },
        capital: match value("capital") {
            Some(Parsed::Number(fen)) => Some(*fen),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_day_is_written_in_many_ways() {
        let day = "2024-01-05".parse().expect("a date");
        for text in ["2024-01-05", "2024/1/5", "2024.1.5", "20240105", "2024年1月5日", "2024-01-05 00:00:00"]
        {
            assert_eq!(read_date(text), Ok(day), "{text}");
        }
        assert_eq!(
            read_date("2024-02-30"),
            Err("a date that exists: 2024-02 has 29 days, found day 30".to_owned())
        );
        assert_eq!(read_date("24/1/5"), Err("a date such as 2024-01-05, 2024/1/5 or 20240105".to_owned()));
        assert_eq!(read_date("2024-01-05 13:30"), Err("a date without a time of day".to_owned()));
    }

    #[test]
    fn amounts_are_exact_or_refused() {
        assert_eq!(amount("0.2", 6), Ok(200_000), "0.2 of ten thousand yuan is 2,000 yuan");
        assert_eq!(amount("0.000001", 6), Ok(1));
        assert!(amount("0.0000001", 6).is_err());
        assert_eq!(amount("1,000", 2), Err("an amount without commas, such as 1234.5".to_owned()));
        assert_eq!(amount("-1", 2), Err("an amount that is not negative".to_owned()));
    }
}
