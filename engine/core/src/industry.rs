//! Codes of industries (GB/T 4754-2017): a section letter, then two to four digits for division, group, class.
//!
//! An industry scopes a standard ("applies to C14") and a list of enterprises. The section follows from the
//! division, so `14` and `C14` are one code and a contradiction such as `C47` is refused. Sections and divisions
//! are checked; whether a group or class exists is not, because the amendments of the standard add some.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A section, division, group or class of GB/T 4754-2017.
///
/// Ordered as in the standard: each code directly before the codes it contains.
///
/// ```
/// use hengxin_core::industry::IndustryCode;
///
/// let food: IndustryCode = "14".parse()?;
/// assert_eq!(food.to_string(), "C14");
/// assert!(food.contains("1411".parse()?));
/// # Ok::<(), hengxin_core::industry::IndustryError>(())
/// ```
// INVARIANT: digits are padded on the right to four with zeros (0 for a section) and lie in the section.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndustryCode {
    section: IndustrySection,
    digits: u16,
    level: IndustryLevel,
}

/// How far down the classification a code reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IndustryLevel {
    /// 门类, a letter: `C`.
    Section,
    /// 大类, two digits: `C14`.
    Division,
    /// 中类, three digits: `C141`.
    Group,
    /// 小类, four digits: `C1411`.
    Class,
}

/// One of the twenty sections, `A` to `T`.
// INVARIANT: an index into SECTIONS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndustrySection(u8);

/// Why a text is not an industry code. Positions count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndustryError {
    /// Nothing, a single digit, or more than four digits.
    #[error(
        "industry code has {digits} digits; expected a section letter A to T, or 2 to 4 digits with or without \
         it (GB/T 4754-2017)"
    )]
    Length {
        /// Characters found after the section letter, if there is one.
        digits: usize,
    },
    /// The first character is neither a section letter nor a digit.
    #[error("character 1 of the industry code is `{}`; expected a section letter A to T or a digit", found.escape_debug())]
    Section {
        /// The character found.
        found: char,
    },
    /// A later character is no ASCII digit.
    #[error("character {position} of the industry code is `{}`; expected a digit 0 to 9", found.escape_debug())]
    Digit {
        /// Position of the character, from 1.
        position: usize,
        /// The character found.
        found: char,
    },
    /// No section has this division.
    #[error("division `{division:02}` does not exist; expected 01 to 97 (GB/T 4754-2017)")]
    Division {
        /// The first two digits.
        division: u16,
    },
    /// The letter and the digits contradict each other.
    #[error(
        "division {division:02} belongs to section {actual}, not {stated}; expected `{actual}{division:02}`, or a \
         division {} in section {stated}",
        stated.divisions_text()
    )]
    SectionMismatch {
        /// The section letter found.
        stated: IndustrySection,
        /// The first two digits.
        division: u16,
        /// The section that has this division.
        actual: IndustrySection,
    },
}

impl IndustryCode {
    /// The section the code lies in, itself if it is one.
    pub const fn section(self) -> IndustrySection {
        self.section
    }

    /// The two-digit division, 1 to 97. `None` for a section.
    pub const fn division(self) -> Option<u16> {
        match self.level {
            IndustryLevel::Section => None,
            IndustryLevel::Division | IndustryLevel::Group | IndustryLevel::Class => Some(self.digits / 100),
        }
    }

    /// The level of the code.
    pub const fn level(self) -> IndustryLevel {
        self.level
    }

    /// Whether `other` is this code or lies inside it.
    pub fn contains(self, other: Self) -> bool {
        // The level decides too: class 1310 lies in group 131, whose padded digits are the same.
        self.level <= other.level
            && match self.level {
                IndustryLevel::Section => self.section == other.section,
                IndustryLevel::Division => self.digits / 100 == other.digits / 100,
                IndustryLevel::Group => self.digits / 10 == other.digits / 10,
                IndustryLevel::Class => self.digits == other.digits,
            }
    }

    /// The next wider code: class, group, division, section. `None` for a section.
    pub const fn parent(self) -> Option<Self> {
        let (digits, level) = match self.level {
            IndustryLevel::Section => return None,
            IndustryLevel::Division => (0, IndustryLevel::Section),
            IndustryLevel::Group => (self.digits / 100 * 100, IndustryLevel::Division),
            IndustryLevel::Class => (self.digits / 10 * 10, IndustryLevel::Group),
        };
        Some(Self { section: self.section, digits, level })
    }

    /// The industry one level below `wide` that this one lies in; below nothing, the section. An industry that is known
    /// no more precisely stands for itself. `None` outside `wide`, and of a class, below which there is nothing.
    pub fn below(self, wide: Option<Self>) -> Option<Self> {
        let level = match wide {
            None => IndustryLevel::Section,
            Some(wide) if !wide.contains(self) => return None,
            Some(wide) => match wide.level {
                IndustryLevel::Section => IndustryLevel::Division,
                IndustryLevel::Division => IndustryLevel::Group,
                IndustryLevel::Group => IndustryLevel::Class,
                IndustryLevel::Class => return None,
            },
        };
        let mut found = self;
        while found.level > level {
            found = found.parent()?;
        }
        Some(found)
    }

    /// Name of a section; `None` below, because the names of divisions, groups and classes are amended.
    pub fn name(self) -> Option<&'static str> {
        match self.level {
            IndustryLevel::Section => Some(self.section.name()),
            IndustryLevel::Division | IndustryLevel::Group | IndustryLevel::Class => None,
        }
    }
}

impl From<IndustrySection> for IndustryCode {
    fn from(section: IndustrySection) -> Self {
        Self { section, digits: 0, level: IndustryLevel::Section }
    }
}

impl IndustrySection {
    /// The twenty sections in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=19).map(Self)
    }

    /// The letter, `A` to `T`.
    pub fn letter(self) -> char {
        char::from(b'A' + self.0)
    }

    /// The Chinese name.
    pub const fn name(self) -> &'static str {
        SECTIONS[self.0 as usize].1
    }

    /// The divisions of the section, both ends included.
    pub const fn divisions(self) -> RangeInclusive<u16> {
        let (last, _) = SECTIONS[self.0 as usize];
        let first = if self.0 == 0 { 1 } else { SECTIONS[self.0 as usize - 1].0 + 1 };
        first..=last
    }

    fn of_letter(letter: char) -> Option<Self> {
        Self::all().find(|section| section.letter() == letter)
    }

    fn of_division(division: u16) -> Option<Self> {
        Self::all().find(|section| section.divisions().contains(&division))
    }

    fn divisions_text(self) -> String {
        let divisions = self.divisions();
        if divisions.start() == divisions.end() {
            format!("{:02}", divisions.start())
        } else {
            format!("{:02} to {:02}", divisions.start(), divisions.end())
        }
    }
}

impl FromStr for IndustryCode {
    type Err = IndustryError;

    /// Reads `C`, `14`, `C14`, `141`, `C1411` and the like.
    fn from_str(text: &str) -> Result<Self, IndustryError> {
        let Some(first) = text.chars().next() else { return Err(IndustryError::Length { digits: 0 }) };
        let stated = match first {
            '0'..='9' => None,
            _ => match IndustrySection::of_letter(first) {
                Some(section) => Some(section),
                None => return Err(IndustryError::Section { found: first }),
            },
        };
        let letters = usize::from(stated.is_some());
        let count = text.chars().count() - letters;
        let level = match (stated, count) {
            (Some(section), 0) => return Ok(section.into()),
            (_, 2) => IndustryLevel::Division,
            (_, 3) => IndustryLevel::Group,
            (_, 4) => IndustryLevel::Class,
            _ => return Err(IndustryError::Length { digits: count }),
        };
        let mut digits = 0;
        for (position, found) in (letters + 1..).zip(text.chars().skip(letters)) {
            let digit = match found {
                '0'..='9' => u16::from(found as u8 - b'0'),
                _ => return Err(IndustryError::Digit { position, found }),
            };
            digits = digits * 10 + digit;
        }
        for _ in count..4 {
            digits *= 10;
        }
        let division = digits / 100;
        let Some(actual) = IndustrySection::of_division(division) else {
            return Err(IndustryError::Division { division });
        };
        match stated {
            Some(stated) if stated != actual => {
                Err(IndustryError::SectionMismatch { stated, division, actual })
            }
            _ => Ok(Self { section: actual, digits, level }),
        }
    }
}

impl fmt::Display for IndustryCode {
    /// The section letter and the digits: `C`, `C14`, `C141`, `C1411`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { section, digits, level } = *self;
        match level {
            IndustryLevel::Section => write!(f, "{section}"),
            IndustryLevel::Division => write!(f, "{section}{:02}", digits / 100),
            IndustryLevel::Group => write!(f, "{section}{:03}", digits / 10),
            IndustryLevel::Class => write!(f, "{section}{digits:04}"),
        }
    }
}

impl fmt::Debug for IndustryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IndustryCode({self})")
    }
}

impl fmt::Display for IndustrySection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.letter())
    }
}

impl fmt::Debug for IndustrySection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IndustrySection({self})")
    }
}

/// Last division and name of each section, A to T (GB/T 4754-2017); a section begins where the last one ended.
const SECTIONS: [(u16, &str); 20] = [
    (5, "农、林、牧、渔业"),
    (12, "采矿业"),
    (43, "制造业"),
    (46, "电力、热力、燃气及水生产和供应业"),
    (50, "建筑业"),
    (52, "批发和零售业"),
    (60, "交通运输、仓储和邮政业"),
    (62, "住宿和餐饮业"),
    (65, "信息传输、软件和信息技术服务业"),
    (69, "金融业"),
    (70, "房地产业"),
    (72, "租赁和商务服务业"),
    (75, "科学研究和技术服务业"),
    (79, "水利、环境和公共设施管理业"),
    (82, "居民服务、修理和其他服务业"),
    (83, "教育"),
    (85, "卫生和社会工作"),
    (90, "文化、体育和娱乐业"),
    (96, "公共管理、社会保障和社会组织"),
    (97, "国际组织"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn industry(text: &str) -> IndustryCode {
        match text.parse() {
            Ok(industry) => industry,
            Err(error) => panic!("`{text}`: {error}"),
        }
    }

    #[track_caller]
    fn check_message(text: &str, message: &str) {
        match text.parse::<IndustryCode>() {
            Ok(industry) => panic!("`{text}` was read as {industry}"),
            Err(error) => assert_eq!(error.to_string(), message),
        }
    }

    #[test]
    fn the_letter_is_optional_before_digits_and_always_written() {
        for (text, written) in [
            ("C", "C"),
            ("14", "C14"),
            ("C14", "C14"),
            ("141", "C141"),
            ("1411", "C1411"),
            ("C1411", "C1411"),
            ("01", "A01"),
            ("0111", "A0111"),
            ("97", "T97"),
        ] {
            assert_eq!(industry(text).to_string(), written);
            assert_eq!(industry(written), industry(text), "{text}");
        }
    }

    #[test]
    fn the_industry_one_level_below_is_found_and_what_is_less_precise_stands_for_itself() {
        for (part, wide, expected) in [
            ("C1411", "", Some("C")),
            ("C", "", Some("C")),
            ("C1411", "C", Some("C14")),
            ("C", "C", Some("C")),
            ("C1411", "C14", Some("C141")),
            ("C14", "C14", Some("C14")),
            ("C1411", "C141", Some("C1411")),
            ("C1411", "C1411", None),
            ("F5211", "C", None),
        ] {
            let wide = (!wide.is_empty()).then(|| industry(wide));
            let found = industry(part).below(wide).map(|code| code.to_string());
            assert_eq!(found.as_deref(), expected, "{part} below {wide:?}");
        }
        assert_eq!((industry("C").name(), industry("C14").name()), (Some("制造业"), None));
    }

    #[test]
    fn divisions_fall_into_the_sections_of_the_standard_at_both_ends() {
        let ends = [
            ('A', 1, 5),
            ('B', 6, 12),
            ('C', 13, 43),
            ('D', 44, 46),
            ('E', 47, 50),
            ('F', 51, 52),
            ('G', 53, 60),
            ('H', 61, 62),
            ('I', 63, 65),
            ('J', 66, 69),
            ('K', 70, 70),
            ('L', 71, 72),
            ('M', 73, 75),
            ('N', 76, 79),
            ('O', 80, 82),
            ('P', 83, 83),
            ('Q', 84, 85),
            ('R', 86, 90),
            ('S', 91, 96),
            ('T', 97, 97),
        ];
        assert_eq!(IndustrySection::all().count(), ends.len());
        for (section, (letter, first, last)) in IndustrySection::all().zip(ends) {
            assert_eq!(section.letter(), letter);
            assert_eq!(section.divisions(), first..=last, "{letter}");
            for division in [first, last] {
                assert_eq!(industry(&format!("{division:02}")).section(), section, "{division}");
            }
        }
        assert_eq!(industry("C").section().name(), "制造业");
    }

    #[test]
    fn a_code_contains_itself_and_what_lies_below_but_not_what_lies_above_or_beside() {
        let chain = ["C", "14", "141", "1411"].map(industry);
        for (index, wide) in chain.iter().enumerate() {
            for (other, narrow) in chain.iter().enumerate() {
                assert_eq!(wide.contains(*narrow), index <= other, "{wide} {narrow}");
            }
        }
        for (wide, beside) in [("C", "44"), ("C", "B"), ("14", "1511"), ("141", "142"), ("1411", "1412")] {
            assert!(!industry(wide).contains(industry(beside)), "{wide} {beside}");
        }
    }

    #[test]
    fn a_class_ending_in_zero_lies_in_its_group_and_not_the_other_way_round() {
        let (group, class) = (industry("131"), industry("1310"));
        assert_ne!(group, class);
        assert!(group.contains(class));
        assert!(!class.contains(group));
    }

    #[test]
    fn order_is_the_order_of_the_standard() {
        let sorted =
            ["A", "A05", "B", "C", "C13", "C131", "C1310", "C1311", "C132", "C14", "T"].map(industry);
        assert!(sorted.is_sorted_by(|left, right| left < right));
    }

    #[test]
    fn parents_lead_to_the_section() {
        let chain = ["C1411", "C141", "C14", "C"].map(industry);
        for pair in chain.windows(2) {
            assert_eq!(pair[0].parent(), Some(pair[1]));
        }
        assert_eq!(chain[3].parent(), None);
        assert_eq!(chain.map(IndustryCode::division), [Some(14), Some(14), Some(14), None]);
    }

    #[test]
    fn every_fault_names_what_was_found_and_what_was_expected() {
        check_message(
            "C47",
            "division 47 belongs to section E, not C; expected `E47`, or a division 13 to 43 in section C",
        );
        check_message(
            "P8210",
            "division 82 belongs to section O, not P; expected `O82`, or a division 83 in section P",
        );
        check_message("98", "division `98` does not exist; expected 01 to 97 (GB/T 4754-2017)");
        check_message("00", "division `00` does not exist; expected 01 to 97 (GB/T 4754-2017)");
        check_message(
            "U",
            "character 1 of the industry code is `U`; expected a section letter A to T or a digit",
        );
        check_message(
            "c14",
            "character 1 of the industry code is `c`; expected a section letter A to T or a digit",
        );
        check_message("C1A", "character 3 of the industry code is `A`; expected a digit 0 to 9");
        check_message("1O", "character 2 of the industry code is `O`; expected a digit 0 to 9");
        for (text, digits) in [("", 0), ("1", 1), ("C1", 1), ("14111", 5), ("C14111", 5)] {
            check_message(
                text,
                &format!(
                    "industry code has {digits} digits; expected a section letter A to T, or 2 to 4 digits with \
                     or without it (GB/T 4754-2017)"
                ),
            );
        }
    }
}
