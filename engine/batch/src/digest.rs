//! Digests: SHA-256 of files and documents, and a fast 64-bit fingerprint of one subject's facts.

use hengxin_core::date::Date;
use hengxin_core::fact::Registration;
use sha2::{Digest, Sha256};

/// SHA-256 in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 over several texts, each preceded by its length, so that no two lists share their bytes.
pub fn sha256_of(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from(b"0123456789abcdef"[usize::from(n & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// A 64-bit fingerprint under construction: multiply-and-fold, one step for 64 bits of input.
///
/// It tells different inputs apart by chance of 2⁻⁶⁴ and is the same on every machine. It is no seal: whoever wants to
/// forge can. What protects a dataset against change are the SHA-256 digests of its shards.
#[derive(Clone, Copy, Debug)]
pub struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Fingerprint {
        Fingerprint(0x9e37_79b9_7f4a_7c15)
    }
}

/// For tables of codes and numbers, which nobody chooses to make them collide.
impl std::hash::Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.add(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.add(n);
    }
}

impl Fingerprint {
    /// Takes in one number.
    pub fn add(&mut self, n: u64) {
        let product = u128::from(self.0 ^ n).wrapping_mul(0xd6e8_feb8_6659_fd93_a076_1d64_78bd_642f);
        self.0 = low(product) ^ low(product >> 64) ^ self.0.rotate_left(23);
    }

    /// Takes in a text.
    pub fn add_text(&mut self, text: &str) {
        self.add(text.len() as u64);
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.add(u64::from_le_bytes(word));
        }
    }

    /// The fingerprint.
    pub fn value(self) -> u64 {
        self.0
    }
}

/// The lower 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
const fn low(n: u128) -> u64 {
    n as u64
}

/// The fingerprint of a text alone.
pub fn fingerprint(text: &str) -> u64 {
    let mut print = Fingerprint::default();
    print.add_text(text);
    print.value()
}

/// 64 by 64 bits, folded: how two numbers are mixed without waiting for a third.
const fn fold(a: u64, b: u64) -> u64 {
    let product = (a as u128).wrapping_mul(b as u128);
    low(product) ^ low(product >> 64)
}

fn pair(a: Date, b: Date) -> u64 {
    u64::from(a.days().cast_unsigned()) << 32 | u64::from(b.days().cast_unsigned())
}

/// What the kernel is given of one row. No row waits for another, so that a column of them is made at the speed of the
/// multiplier.
#[derive(Clone, Copy, Debug)]
pub struct RowPrint {
    /// Fingerprint of the class's text, so that the numbering of classes does not matter.
    pub class: u64,
    /// The day.
    pub occurred_on: Date,
    /// Last day in force.
    pub ends_on: Date,
    /// The number.
    pub number: i64,
    /// First day repaired.
    pub repaired_on: Date,
    /// Last day of publicity.
    pub publicity_until: Date,
    /// Fingerprint of the reference's text; 0 for none.
    pub reference: u64,
}

impl RowPrint {
    /// The fingerprint.
    #[inline]
    pub fn value(&self) -> u64 {
        let one = fold(
            self.class ^ pair(self.occurred_on, self.ends_on),
            self.number.cast_unsigned() ^ 0xa076_1d64_78bd_642f,
        );
        let other = fold(
            pair(self.repaired_on, self.publicity_until) ^ 0xe703_7ed1_a0b4_28db,
            self.reference ^ 0x8ebc_6af0_9c88_c6e3,
        );
        one ^ other.rotate_left(32)
    }
}

/// The fingerprint of one subject's file under construction, from those of its rows in order.
#[derive(Clone, Copy, Debug, Default)]
pub struct FilePrint(u64);

impl FilePrint {
    /// Takes in a row.
    #[inline]
    pub fn add(&mut self, row: u64) {
        self.0 = (self.0.rotate_left(29) ^ row).wrapping_mul(0xd6e8_feb8_6659_fd93);
    }

    /// Takes in an objection to a fact of the file.
    pub fn add_objection(&mut self, fact: u32, from: Date, until: Date) {
        self.add(fold(u64::from(fact) ^ 0x5896_36e2_7c4f_0d01, pair(from, until)));
    }

    /// The fingerprint.
    pub fn value(self) -> u64 {
        fold(self.0 ^ 0x1d8e_4e27_c47d_124f, 0xeb44_acca_b455_d165)
    }
}

/// The fingerprint of a file and of its subject's relatives.
pub fn both(file: u64, relatives: u64) -> u64 {
    let mut print = FilePrint(file);
    print.add(relatives);
    print.value()
}

/// The fingerprint of a registration, in the place of its row's; `industry` is that of its industry's text, 0 for none.
pub fn registration_print(r: &Registration, industry: u64) -> u64 {
    let mut print = Fingerprint::default();
    let small = |n: Option<u16>| n.map_or(0, |n| u64::from(n) + 1);
    print.add(u64::from(r.since.days().cast_unsigned()));
    print.add(r.established_on.map_or(0, |d| u64::from(d.days().cast_unsigned()) | 1 << 32));
    print.add(small(r.legal_form) << 40 | small(r.size) << 20 | small(r.status));
    print.add(r.region.map_or(0, |region| u64::from(region.digits()) | 1 << 32));
    print.add(industry);
    print.add(r.capital.map_or(1 << 63, i64::cast_unsigned));
    print.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_texts_do_not_run_together() {
        assert_ne!(sha256_of(&["ab", "c"]), sha256_of(&["a", "bc"]));
    }

    #[test]
    fn order_counts_in_a_fingerprint() {
        let of = |numbers: &[u64]| {
            let mut print = Fingerprint::default();
            for n in numbers {
                print.add(*n);
            }
            print.value()
        };
        assert_ne!(of(&[1, 2]), of(&[2, 1]));
        assert_ne!(of(&[0]), of(&[0, 0]));
        assert_ne!(fingerprint("a"), fingerprint("a\0"));
    }

    #[test]
    fn every_column_of_a_row_and_its_place_count() {
        let day = |n| Date::from_days(n);
        let row = RowPrint {
            class: 7,
            occurred_on: day(1),
            ends_on: day(2),
            number: 3,
            repaired_on: day(4),
            publicity_until: day(5),
            reference: 6,
        };
        let others = [
            RowPrint { class: 8, ..row },
            RowPrint { occurred_on: day(2), ends_on: day(1), ..row },
            RowPrint { number: 4, ..row },
            RowPrint { repaired_on: day(5), publicity_until: day(4), ..row },
            RowPrint { reference: 0, ..row },
        ];
        for other in others {
            assert_ne!(row.value(), other.value(), "{other:?}");
        }
        let file = |rows: &[RowPrint]| {
            let mut print = FilePrint::default();
            for row in rows {
                print.add(row.value());
            }
            print.value()
        };
        assert_ne!(file(&[row, others[0]]), file(&[others[0], row]));
        assert_ne!(file(&[row]), file(&[row, row]));
    }
}
