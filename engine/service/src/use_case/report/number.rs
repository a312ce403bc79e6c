//! Number and verification code: what is printed on a report, and with which anybody who holds it can check it.
//!
//! The code is drawn at random for every report. It could be computed from the number under a secret of the ledger; then a
//! ledger put back from an older backup would give a later report the number *and* the code of one that was issued before
//! and is lost, and the paper of the one would vouch for the other.

use hengxin_core::date::Date;
use sha2::{Digest as _, Sha256};

/// Digits and letters that are not mistaken for each other: no I, L, O and U (Crockford's base 32).
pub(in crate::use_case) const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters of a code: 80 bits.
const LENGTH: usize = 16;

/// A verification code, as it is compared: [`LENGTH`] characters of [`ALPHABET`].
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code")
    }
}

impl Code {
    /// Draws a code.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn draw() -> Result<Code, getrandom::Error> {
        let mut bytes = [0; LENGTH];
        getrandom::fill(&mut bytes)?;
        // 256 is a multiple of 32: every character is as likely as any other.
        Ok(Code(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()))
    }

    /// As somebody typed it: blanks, hyphens and case make no difference, nor do O for 0, I and L for 1.
    pub fn typed(text: &str) -> Code {
        let kept = text.chars().filter(|c| !c.is_whitespace() && *c != '-').take(LENGTH + 1);
        Code(
            kept.map(|c| match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect(),
        )
    }

    /// In groups of four, as it is printed.
    pub fn printed(&self) -> String {
        let characters: Vec<char> = self.0.chars().collect();
        let groups: Vec<String> = characters.chunks(4).map(|group| group.iter().collect()).collect();
        groups.join("-")
    }

    /// What is kept of it.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// Whether it is the code with this digest, in a time that does not tell how much of it is right.
    pub fn is(&self, digest: &[u8; 32]) -> bool {
        let different =
            self.digest().iter().zip(digest).fold(0, |different, (one, other)| different | (one ^ other));
        std::hint::black_box(different) == 0
    }
}

/// The number of a report: day of issue in China, and its place among all reports.
pub fn number(issued_on: Date, sequence: u64) -> String {
    let (year, month, day) = issued_on.ymd();
    format!("HX{year:04}{month:02}{day:02}-{sequence:010}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_day_and_ten_digits() {
        let day = "2026-10-31".parse().expect("a date");
        assert_eq!(number(day, 123), "HX20261031-0000000123");
    }

    #[test]
    fn a_code_is_read_back_however_it_is_typed_and_no_other_passes() {
        let code = Code::draw().expect("drawn");
        let printed = code.printed();
        assert_eq!((printed.len(), printed.matches('-').count()), (19, 3), "{printed}");
        let digest = code.digest();
        for typed in [
            printed.clone(),
            printed.to_lowercase(),
            printed.replace('-', " "),
            format!(" {}\n", printed.replace('-', "")),
            printed.replace('0', "o").replace('1', "l"),
        ] {
            assert!(Code::typed(&typed).is(&digest), "{typed}");
        }
        let last = if printed.ends_with('0') { "2" } else { "0" };
        for other in ["", &printed[..18], &format!("{printed}0"), &format!("{}{last}", &printed[..18])] {
            assert!(!Code::typed(other).is(&digest), "{other}");
        }
        assert_ne!(Code::draw().expect("drawn"), code);
    }
}
