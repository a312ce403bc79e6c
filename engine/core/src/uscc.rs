//! Unified social credit code (统一社会信用代码, GB 32100-2015): the identity of every subject.
//!
//! ```text
//! 9 1 330100 799655058 B
//! │ │ │      │         └ 18     check character, modulus 31 (GB/T 17710)
//! │ │ │      └────────── 9-17   organisation code (GB 11714), its last character a check modulus 11
//! │ │ └───────────────── 3-8    region of the registering body (GB/T 2260)
//! │ └─────────────────── 2      type of entity, its meaning set by character 1
//! └───────────────────── 1      registering department
//! ```
//!
//! Letters have two values inside one code: the outer check counts along the alphabet without I, O, S, V and Z
//! (`J` = 18), the inner one along the whole alphabet (`J` = 19).
//!
//! **What the checks catch.** Every single wrong character of the alphabet and every transposition of neighbours:
//! the outer weights are powers of 3, so none is zero and no two neighbours are equal modulo the prime 31. The
//! inner check alone misses some (`0` and `B` are equal modulo 11). Two independent errors pass the outer check
//! about once in 31 times, and both checks about once in 341 when the organisation code is hit. A code that passes
//! was formed by the rules; that it was ever assigned to anyone is not known here.

mod check;
mod defect;
mod kind;
mod suggest;

use std::convert::Infallible;
use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;

pub use defect::UsccError;
pub use kind::{Department, SubjectKind, UnknownSubjectKind};

use crate::region::RegionCode;
use check::{DIGITS, check, is_valid, organisation_check, region_digits};

/// Unified social credit code, 18 characters, structure and both checks verified (GB 32100-2015).
///
/// ```
/// use hengxin_core::uscc::{SubjectKind, Uscc};
///
/// let code: Uscc = "91110101MA00000U27".parse()?;
/// assert_eq!(code.kind(), SubjectKind::Enterprise);
/// assert_eq!(code.organisation_code(), "MA00000U2");
/// # Ok::<(), hengxin_core::uscc::UsccError>(())
/// ```
// INVARIANT: is_valid(&self.0); in particular ASCII.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uscc([u8; 18]);

/// The outcome of [`Uscc::check_column`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnCheck {
    /// How many codes are valid.
    pub valid: usize,
    /// Row numbers of the others, from 0, ascending.
    pub invalid: Vec<usize>,
}

impl Uscc {
    /// Reads a code from bytes as they stand in a column. Valid codes take a few nanoseconds.
    ///
    /// # Errors
    /// The first defect, as [`FromStr`] gives it. Bytes that are no UTF-8 count as the character `U+FFFD`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, UsccError> {
        match <[u8; 18]>::try_from(bytes) {
            Ok(code) if is_valid(&code) => Ok(Self(code)),
            _ => Err(first_defect(&String::from_utf8_lossy(bytes))),
        }
    }

    /// Checks a column of codes, making neither codes nor errors.
    ///
    /// Explain the rows found invalid with [`Uscc::defects`].
    pub fn check_column<'a>(codes: impl IntoIterator<Item = &'a [u8]>) -> ColumnCheck {
        let mut column = ColumnCheck::default();
        for (row, bytes) in codes.into_iter().enumerate() {
            if <&[u8; 18]>::try_from(bytes).is_ok_and(is_valid) {
                column.valid += 1;
            } else {
                column.invalid.push(row);
            }
        }
        column
    }

    /// All defects of a text, in the order of [`UsccError`]; empty for a valid code.
    ///
    /// At most 28: long texts are not searched beyond their first 18 characters. A check is reported only when all
    /// characters that enter it can be read, in lower case or full width if need be.
    pub fn defects(text: &str) -> Vec<UsccError> {
        let mut defects = Vec::new();
        let ControlFlow::Continue(()) = defect::examine(text, &mut |defect| -> ControlFlow<Infallible> {
            defects.push(defect);
            ControlFlow::Continue(())
        });
        defects
    }

    /// Valid codes the writer of a defective text may have meant, sorted: something to ask, never to assume.
    ///
    /// Tried in this order, and the first that yields a code ends the search:
    /// 1. blanks and hyphens dropped, capitals, ASCII width, and for letters outside the alphabet what they are
    ///    mistaken for: I → 1, O → 0, Z → 2, S → 5, V → U or Y;
    /// 2. two neighbours exchanged;
    /// 3. one character replaced, only if exactly one valid code arises.
    ///
    /// Empty when the text is valid, or nothing fits.
    pub fn suggest(text: &str) -> Vec<Self> {
        suggest::suggest(text)
    }

    /// Forms a code from its parts, computing both check characters. For generators of synthetic data.
    ///
    /// `department_and_type` are characters 1 and 2, `body` characters 9 to 16.
    ///
    /// # Errors
    /// [`UsccError::Character`], [`UsccError::Department`] or [`UsccError::EntityType`] as when reading.
    pub fn assemble(
        department_and_type: [u8; 2],
        region: RegionCode,
        body: [u8; 8],
    ) -> Result<Self, UsccError> {
        let mut code = [b'0'; 18];
        code[..2].copy_from_slice(&department_and_type);
        let mut digits = region.digits();
        for place in code[2..8].iter_mut().rev() {
            *place = DIGITS[digits as usize % 10];
            digits /= 10;
        }
        code[8..16].copy_from_slice(&body);
        code[16] = organisation_check(&code);
        code[17] = check(&code);
        if is_valid(&code) {
            return Ok(Self(code));
        }
        // Each byte stands for one character, so that positions hold for bytes beyond ASCII.
        Err(first_defect(&code.iter().copied().map(char::from).collect::<String>()))
    }

    /// The 18 characters.
    pub fn as_str(&self) -> &str {
        ascii(&self.0)
    }

    /// The 18 characters as bytes.
    pub const fn as_bytes(&self) -> &[u8; 18] {
        &self.0
    }

    /// The department that registered the subject (character 1).
    pub fn department(self) -> Department {
        known(Department::from_code(char::from(self.0[0])))
    }

    /// The Chinese name of the type of entity (character 2 under its department): `企业`.
    pub fn entity_type(self) -> &'static str {
        self.entity().1
    }

    /// The kind of subject, from characters 1 and 2.
    pub fn kind(self) -> SubjectKind {
        self.entity().2
    }

    /// The region of the body that first registered the subject (characters 3 to 8).
    ///
    /// Never the present jurisdiction: a subject keeps its code for life, and the digits do not follow a move.
    /// Jurisdiction is an attribute of the registration.
    pub fn registering_region(self) -> RegionCode {
        known(RegionCode::from_digits(region_digits(&self.0)).ok())
    }

    /// The organisation code (GB 11714) with its check character: characters 9 to 17, without the hyphen that is
    /// sometimes printed before the last.
    pub fn organisation_code(&self) -> &str {
        ascii(&self.0[8..17])
    }

    fn entity(self) -> (char, &'static str, SubjectKind) {
        let code = char::from(self.0[1]);
        known(self.department().entity_types().iter().copied().find(|&(listed, _, _)| listed == code))
    }
}

impl FromStr for Uscc {
    type Err = UsccError;

    /// Reads exactly 18 characters. The error is the first of [`Uscc::defects`].
    fn from_str(text: &str) -> Result<Self, UsccError> {
        Self::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for Uscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Uscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uscc({self})")
    }
}

fn first_defect(text: &str) -> UsccError {
    match defect::examine(text, &mut ControlFlow::Break) {
        ControlFlow::Break(defect) => defect,
        // The fast path and the explanation are held together by a test; parting would lose a refusal's reason.
        ControlFlow::Continue(()) => unreachable!("`{text}` was refused without a defect"),
    }
}

fn known<T>(part: Option<T>) -> T {
    part.expect("a checked code has a known department, type and province")
}

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("a checked code is ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Real codes seen in public sources, and synthetic ones that begin with A, N, Y, 5 and 93.
    pub(super) const VALID: [&str; 28] = [
        "91110000600037341L",
        "91320100748204660Q",
        "91320281142232229Q",
        "91430122707233692A",
        "11320100MB1886843H",
        "11230500001755309F",
        "91230500MA1B3N1N2M",
        "92610822MA707NAX4Q",
        "91310115MA1K3CUM7M",
        "914403001922038216",
        "9144030071526726XG",
        "9152000071430580XT",
        "91330100799655058B",
        "91110000802100433B",
        "91110108551385082Q",
        "91440300192317458F",
        "91100000100003962T",
        "91440300100012316L",
        "91110000710925462X",
        "12100000400002259P",
        "12100000400000624D",
        "91350100M000100Y43",
        "N2110101MF00000139",
        "Y1110101MJ0000026L",
        "A1110101MA0000031A",
        "91110101MA00000U27",
        "52110000MJ00000A1G",
        "93110101MA00000C5T",
    ];

    #[track_caller]
    fn code(text: &str) -> Uscc {
        match text.parse() {
            Ok(code) => code,
            Err(error) => panic!("`{text}`: {error}"),
        }
    }

    #[test]
    fn known_codes_are_valid_and_written_as_they_were_read() {
        for text in VALID {
            assert_eq!(code(text).to_string(), text);
            assert_eq!(Uscc::defects(text), []);
        }
    }

    #[test]
    fn parts_of_a_code_are_read_from_their_positions() {
        let university = code("12100000400002259P");
        assert_eq!(university.department(), Department::Staffing);
        assert_eq!(university.entity_type(), "事业单位");
        assert_eq!(university.kind(), SubjectKind::PublicInstitution);
        assert_eq!(university.registering_region(), RegionCode::NATIONAL);
        assert_eq!(university.organisation_code(), "400002259");
        let shop = code("92610822MA707NAX4Q");
        assert_eq!(shop.registering_region().digits(), 610_822);
        for (text, kind) in [
            ("92610822MA707NAX4Q", SubjectKind::IndividualBusiness),
            ("93110101MA00000C5T", SubjectKind::Cooperative),
            ("11230500001755309F", SubjectKind::GovernmentOrgan),
            ("52110000MJ00000A1G", SubjectKind::PrivateNonEnterprise),
            ("N2110101MF00000139", SubjectKind::RuralCollective),
            ("A1110101MA0000031A", SubjectKind::Military),
            ("Y1110101MJ0000026L", SubjectKind::Other),
        ] {
            assert_eq!(code(text).kind(), kind, "{text}");
        }
    }

    #[test]
    fn a_code_assembled_from_its_own_parts_is_the_same_code() {
        for text in VALID {
            let read = code(text);
            let bytes = read.as_bytes();
            let front = [bytes[0], bytes[1]];
            let body = bytes[8..16].try_into().expect("eight characters");
            assert_eq!(Uscc::assemble(front, read.registering_region(), body), Ok(read));
        }
    }

    #[test]
    fn impossible_parts_are_refused_with_their_position() {
        let region = RegionCode::NATIONAL;
        assert_eq!(Uscc::assemble(*b"B1", region, *b"MA000001"), Err(UsccError::Department { found: 'B' }));
        assert_eq!(
            Uscc::assemble(*b"97", region, *b"MA000001"),
            Err(UsccError::EntityType { department: Department::MarketRegulation, found: '7' })
        );
        assert_eq!(
            Uscc::assemble(*b"91", region, *b"MA0O0001"),
            Err(UsccError::Character { position: 12, found: 'O', suggestion: Some('0') })
        );
        assert_eq!(
            Uscc::assemble(*b"91", region, *b"MA00000\xe9"),
            Err(UsccError::Character { position: 16, found: 'é', suggestion: None })
        );
    }

    #[test]
    fn a_column_reports_the_rows_that_are_not_codes() {
        let rows: [&[u8]; 5] =
            [VALID[0].as_bytes(), b"91110101MA00000U14", b"", VALID[1].as_bytes(), b"\xff\xfe"];
        assert_eq!(Uscc::check_column(rows), ColumnCheck { valid: 2, invalid: vec![1, 2, 4] });
        assert_eq!(Uscc::from_bytes(b"\xff\xfe"), Err(UsccError::Length { found: 2 }));
    }

    #[test]
    fn codes_sort_as_their_text_does() {
        let mut texts = VALID;
        texts.sort_unstable();
        assert!(texts.map(code).is_sorted());
    }
}
