//! Marks: which export a row comes from, in a form that only the ledger it comes from can make.
//!
//! Values are never altered: what is in an export must stand before a court. So each row has a mark beside it, an HMAC under a
//! secret of the ledger over number of the export and row. Whoever has one row with its mark can be told to whom it was
//! given; nobody who receives rows can make a mark up, for his own export or for another one. Whoever takes the marks away
//! takes the proof away; who exported what is then in the audit trail alone.

use std::collections::HashMap;

use hengxin_core::date::Date;
use hengxin_store::{ExportRecord, Ledger, Snapshot};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::row::Row;
use crate::problem::{Answer, Problem};
use crate::use_case::report::number::ALPHABET;

/// Characters drawn for a number: 50 bits.
const DRAWN: usize = 10;
/// Characters of a seal: 80 bits. Nobody can try so many, for each try must be put before the operator.
const SEAL: usize = 16;

/// The number of a new export: the day in China, and ten characters drawn at random.
///
/// # Errors
/// When the system has no random numbers.
pub fn draw_number(today: Date) -> Answer<String> {
    let mut bytes = [0; DRAWN];
    getrandom::fill(&mut bytes).map_err(|_| Problem::Defect)?;
    let (year, month, day) = today.ymd();
    Ok(format!("HE{year:04}{month:02}{day:02}-{}", characters(&bytes)))
}

/// 256 is a multiple of 32: every character is as likely as any other.
fn characters(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

/// Makes marks.
#[derive(Clone)]
pub struct Marks(Hmac<Sha256>);

impl std::fmt::Debug for Marks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Marks")
    }
}

impl Marks {
    /// The marks of a ledger.
    pub fn of(ledger: &Ledger) -> Marks {
        Marks::new(&ledger.protector().secret("marks of exports"))
    }

    /// Marks under a secret of the ledger.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length.
    pub fn new(secret: &[u8]) -> Marks {
        Marks(Hmac::new_from_slice(secret).expect("HMAC takes keys of any length"))
    }

    /// The mark of a row, given as [`Row::line`], in the export of this number.
    pub fn mark(&self, number: &str, line: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(number.as_bytes());
        // No number holds one.
        mac.update(b"\n");
        mac.update(line.as_bytes());
        let mac = mac.finalize().into_bytes();
        format!("{number}-{}", characters(&mac[..SEAL]))
    }
}

/// Where a row comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From this export, every character of it.
    Export(Box<ExportRecord>),
    /// The mark names this export, which has no such row with such a mark: either was altered, or made up.
    Altered(Box<ExportRecord>),
    /// The mark is one of this ledger, whose export is not on record: the ledger was restored from an older backup.
    Unrecorded(String),
    /// The mark is none of this ledger.
    Foreign,
}

/// Finds out where rows come from.
#[derive(Debug)]
pub struct Tracer<'s> {
    snapshot: &'s Snapshot,
    marks: &'s Marks,
    found: HashMap<String, Option<ExportRecord>>,
}

impl<'s> Tracer<'s> {
    /// Among the exports of a ledger.
    pub fn new(snapshot: &'s Snapshot, marks: &'s Marks) -> Tracer<'s> {
        Tracer { snapshot, marks, found: HashMap::new() }
    }

    /// Where a row comes from.
    ///
    /// # Errors
    /// A failing ledger.
    pub fn trace(&mut self, row: &Row, mark: &str) -> Answer<Origin> {
        let Some((number, _)) = mark.rsplit_once('-') else { return Ok(Origin::Foreign) };
        let found = match self.found.get(number) {
            Some(found) => found.clone(),
            None => {
                let found = self.snapshot.export(number)?;
                // A file of made-up numbers must not fill the memory.
                if found.is_some() {
                    self.found.insert(number.to_owned(), found.clone());
                }
                found
            }
        };
        // Whoever asks holds the ledger: there is nobody to hide the time of a comparison from.
        let own = self.marks.mark(number, &row.line()) == mark;
        Ok(match found.map(Box::new) {
            Some(export) if own => Origin::Export(export),
            Some(export) => Origin::Altered(export),
            None if own => Origin::Unrecorded(number.to_owned()),
            None => Origin::Foreign,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_depends_on_secret_number_and_every_character_of_the_line() {
        let marks = Marks::new(b"one ledger");
        let line = "91330106MB0000012W,甲公司,330106,,test-field,3";
        let mark = marks.mark("HE20260630-0123456789", line);
        assert!(mark.starts_with("HE20260630-0123456789-") && mark.len() == 38, "{mark}");
        assert_eq!(mark, marks.mark("HE20260630-0123456789", line));
        let seal = |marks: &Marks, number: &str, line: &str| {
            marks.mark(number, line).rsplit_once('-').map(|(_, seal)| seal.to_owned())
        };
        let own = seal(&marks, "HE20260630-0123456789", line);
        assert_ne!(own, seal(&marks, "HE20260630-012345678A", line));
        assert_ne!(own, seal(&Marks::new(b"another ledger"), "HE20260630-0123456789", line));
        for (place, character) in line.char_indices() {
            let mut altered = line.to_owned();
            altered.replace_range(place..place + character.len_utf8(), "_");
            assert_ne!(own, seal(&marks, "HE20260630-0123456789", &altered), "at {place}");
        }
    }

    #[test]
    fn a_seal_is_the_first_bytes_of_an_hmac_each_by_its_last_five_bits() {
        // Computed with another implementation:
        // "".join(alphabet[b % 32] for b in hmac.new(b"key", b"HE-1\nline", "sha256").digest()[:16])
        assert_eq!(Marks::new(b"key").mark("HE-1", "line"), "HE-1-9R594MDSCW9J4J4J");
    }

    #[test]
    fn numbers_begin_with_the_day_and_are_never_alike() {
        let day = "2026-06-30".parse().expect("a date");
        let (one, other) = (draw_number(day).expect("drawn"), draw_number(day).expect("drawn"));
        assert!(one.starts_with("HE20260630-") && one.len() == 21, "{one}");
        assert_ne!(one, other);
    }
}
