//! Digests: SHA-256 of files and documents, and a fast 64-bit fingerprint of one subject's facts.

use hengxin_core::fact::{CreditFile, NO_REFERENCE, Registration};
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

/// The fingerprint of what the kernel is given about one subject.
///
/// `classes` holds the fingerprint of each class's text, by class id, so that the numbering of classes does not matter,
/// and 0 for registrations, which stand among the facts or not; `references` gives that of a reference's text.
pub fn file_fingerprint(file: &CreditFile<'_>, classes: &[u64], references: impl Fn(u32) -> u64) -> u64 {
    let mut print = Fingerprint::default();
    let facts = &file.facts;
    let pair = |a: i32, b: i32| u64::from(a.cast_unsigned()) << 32 | u64::from(b.cast_unsigned());
    for i in 0..facts.len() {
        let class = classes.get(facts.class[i] as usize).copied().unwrap_or(0);
        if class == 0 {
            continue;
        }
        print.add(class);
        print.add(pair(facts.occurred_on[i].days(), facts.ends_on[i].days()));
        print.add(facts.number[i].cast_unsigned());
        print.add(pair(facts.repaired_on[i].days(), facts.publicity_until[i].days()));
        if facts.reference[i] != NO_REFERENCE {
            print.add(references(facts.reference[i]));
        }
    }
    for objection in facts.objections {
        print.add(u64::from(objection.fact));
        print.add(pair(objection.from.days(), objection.until.days()));
    }
    for registration in file.registrations {
        add_registration(&mut print, registration);
    }
    print.value()
}

fn add_registration(print: &mut Fingerprint, r: &Registration) {
    let small = |n: Option<u16>| n.map_or(0, |n| u64::from(n) + 1);
    print.add(u64::from(r.since.days().cast_unsigned()));
    print.add(r.established_on.map_or(0, |d| u64::from(d.days().cast_unsigned()) | 1 << 32));
    print.add(small(r.legal_form) << 40 | small(r.size) << 20 | small(r.status));
    print.add(r.region.map_or(0, |region| u64::from(region.digits()) | 1 << 32));
    print.add_text(&r.industry.map(|industry| industry.to_string()).unwrap_or_default());
    print.add(r.capital.map_or(1 << 63, i64::cast_unsigned));
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
}
