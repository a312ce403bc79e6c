//! What can be wrong with a code, each with its position, what was found and what was expected.

use std::ops::ControlFlow;

use super::Department;
use super::check::{ALPHABET, check, organisation_check, region_digits};
use super::suggest::{fold, is_padding, mistaken_for};
use crate::region::RegionCode;

/// A defect of a text that should be a unified social credit code. Positions count characters from 1, padding
/// around the code not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum UsccError {
    /// Nothing, or nothing but blanks.
    #[error("code is empty; expected 18 characters")]
    Empty,
    /// Blanks or invisible characters around the code.
    #[error(
        "code has {before} blank or invisible characters before it and {after} after it; expected none around \
         the 18 characters"
    )]
    Padding {
        /// How many stand before the code.
        before: usize,
        /// How many stand after it.
        after: usize,
    },
    /// Not 18 characters.
    #[error("code has {found} characters; expected 18")]
    Length {
        /// Characters found, padding not counted.
        found: usize,
    },
    /// A character outside the alphabet of the standard, lower case and full width among them.
    #[error(
        "character {position} is `{}`; expected a digit or a capital letter other than I, O, S, V and Z{}",
        found.escape_debug(),
        hint(*suggestion)
    )]
    Character {
        /// Position of the character.
        position: usize,
        /// The character found.
        found: char,
        /// The likeliest character meant. `None` when nothing comes near.
        suggestion: Option<char>,
    },
    /// A letter among characters 3 to 8.
    #[error(
        "character {position} is `{found}`; expected a digit, because characters 3 to 8 are a region (GB/T 2260)"
    )]
    RegionDigit {
        /// Position of the character, 3 to 8.
        position: usize,
        /// The character found.
        found: char,
    },
    /// Character 1 names no department.
    #[error(
        "character 1 is `{found}`, which is no registering department; expected one of 1 to 9, A, N or Y"
    )]
    Department {
        /// The character found.
        found: char,
    },
    /// Character 2 names no type of entity of the department in character 1.
    #[error(
        "character 2 is `{found}`, which is no type of entity of department `{}` ({}); expected {}",
        department.code(),
        department.name(),
        department.entity_type_list()
    )]
    EntityType {
        /// The department of character 1; [`Department::entity_types`] lists what was expected.
        department: Department,
        /// The character found.
        found: char,
    },
    /// Characters 3 to 8 lie in no province and are not the nation.
    #[error(
        "characters 3 to 8 are `{digits:06}`, a region in no province of GB/T 2260; expected one beginning with \
         11 to 82, or 100000 for national bodies"
    )]
    Region {
        /// The six digits.
        digits: u32,
    },
    /// The inner check, modulus 11 (GB 11714), fails.
    #[error(
        "character 17, the check of the organisation code in characters 9 to 16, is `{found}`; expected `{expected}`"
    )]
    OrganisationCheck {
        /// The character found.
        found: char,
        /// The check character of characters 9 to 16 as they stand.
        expected: char,
    },
    /// The outer check, modulus 31 (GB/T 17710), fails.
    #[error("character 18, the check of characters 1 to 17, is `{found}`; expected `{expected}`")]
    Check {
        /// The character found.
        found: char,
        /// The check character of characters 1 to 17 as they stand.
        expected: char,
    },
}

fn hint(suggestion: Option<char>) -> String {
    suggestion.map_or_else(String::new, |likely| format!("; did you mean `{likely}`"))
}

/// Hands every defect of `text` to `report`, in the order of [`UsccError`], until it breaks.
pub(super) fn examine<B>(text: &str, report: &mut impl FnMut(UsccError) -> ControlFlow<B>) -> ControlFlow<B> {
    let code = text.trim_matches(is_padding);
    if code.is_empty() {
        return report(UsccError::Empty);
    }
    if code.len() != text.len() {
        let before = text.chars().take_while(|&each| is_padding(each)).count();
        let after = text.chars().rev().take_while(|&each| is_padding(each)).count();
        report(UsccError::Padding { before, after })?;
    }
    let found = code.chars().count();
    if found != 18 {
        report(UsccError::Length { found })?;
    }

    // Lower case and full width are defects with only one reading, so the checks go on with it.
    let mut read = [None; 18];
    for (index, (place, found)) in read.iter_mut().zip(code.chars()).enumerate() {
        *place = alphabetic(fold(found));
        if *place != u8::try_from(found).ok() || place.is_none() {
            let suggestion =
                place.map(char::from).or_else(|| mistaken_for(fold(found)).first().copied().map(char::from));
            report(UsccError::Character { position: index + 1, found, suggestion })?;
        }
    }
    // With a character lost or gained, it is unknown which part each of the others belongs to.
    if found != 18 {
        return ControlFlow::Continue(());
    }
    for (index, place) in read.iter().enumerate().take(8).skip(2) {
        if let Some(letter) = place.filter(|byte| !byte.is_ascii_digit()) {
            report(UsccError::RegionDigit { position: index + 1, found: char::from(letter) })?;
        }
    }
    if let Some(first) = read[0].map(char::from) {
        match (Department::from_code(first), read[1].map(char::from)) {
            (None, _) => report(UsccError::Department { found: first })?,
            (Some(department), Some(found))
                if !department.entity_types().iter().any(|&(listed, _, _)| listed == found) =>
            {
                report(UsccError::EntityType { department, found })?;
            }
            (Some(_), _) => {}
        }
    }

    let bytes = read.map(|place| place.unwrap_or(b'0'));
    if read[2..8].iter().all(|place| place.is_some_and(|byte| byte.is_ascii_digit())) {
        let digits = region_digits(&bytes);
        // Six zeros are the nation elsewhere, but codes write it 100000.
        if digits == 0 || RegionCode::from_digits(digits).is_err() {
            report(UsccError::Region { digits })?;
        }
    }
    if read[8..17].iter().all(Option::is_some) {
        let expected = organisation_check(&bytes);
        if bytes[16] != expected {
            let (found, expected) = (char::from(bytes[16]), char::from(expected));
            report(UsccError::OrganisationCheck { found, expected })?;
        }
    }
    if read.iter().all(Option::is_some) {
        let expected = check(&bytes);
        if bytes[17] != expected {
            let (found, expected) = (char::from(bytes[17]), char::from(expected));
            report(UsccError::Check { found, expected })?;
        }
    }
    ControlFlow::Continue(())
}

fn alphabetic(character: char) -> Option<u8> {
    u8::try_from(character).ok().filter(|byte| ALPHABET.contains(byte))
}

#[cfg(test)]
mod tests {
    use super::super::Uscc;
    use super::*;

    #[track_caller]
    fn check_messages(text: &str, messages: &[&str]) {
        let found: Vec<_> = Uscc::defects(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, messages, "`{text}`");
        let first = text.parse::<Uscc>().expect_err("a defective code").to_string();
        assert_eq!(first, messages[0]);
    }

    #[test]
    fn a_failed_check_names_the_character_that_would_pass() {
        check_messages(
            "91110101MA00000U14",
            &["character 17, the check of the organisation code in characters 9 to 16, is `1`; expected `2`"],
        );
        check_messages(
            "914403001922038217",
            &["character 18, the check of characters 1 to 17, is `7`; expected `6`"],
        );
    }

    #[test]
    fn wrong_length_is_said_before_anything_else() {
        check_messages("9144030019220382", &["code has 16 characters; expected 18"]);
        check_messages("9144030019220382161", &["code has 19 characters; expected 18"]);
        check_messages("", &["code is empty; expected 18 characters"]);
        check_messages(" \t\u{3000}", &["code is empty; expected 18 characters"]);
    }

    #[test]
    fn a_letter_outside_the_alphabet_comes_with_its_look_alike() {
        check_messages(
            "91440300192203821O",
            &[
                "character 18 is `O`; expected a digit or a capital letter other than I, O, S, V and Z; did you \
               mean `0`",
            ],
        );
        for (wrong, likely) in [('I', '1'), ('O', '0'), ('Z', '2'), ('S', '5'), ('V', 'U'), ('ｓ', '5')] {
            let text = format!("9144030019220{wrong}8216");
            assert_eq!(
                Uscc::defects(&text)[0],
                UsccError::Character { position: 14, found: wrong, suggestion: Some(likely) }
            );
        }
        check_messages(
            "91440300192\u{7f}038216",
            &["character 12 is `\\u{7f}`; expected a digit or a capital letter other than I, O, S, V and Z"],
        );
    }

    #[test]
    fn lower_case_and_full_width_are_defects_but_do_not_hide_the_checks() {
        check_messages(
            "91330100799655058b",
            &[
                "character 18 is `b`; expected a digit or a capital letter other than I, O, S, V and Z; did you \
               mean `B`",
            ],
        );
        check_messages(
            "９1440300192203821７",
            &[
                "character 1 is `９`; expected a digit or a capital letter other than I, O, S, V and Z; did you \
                 mean `9`",
                "character 18 is `７`; expected a digit or a capital letter other than I, O, S, V and Z; did you \
                 mean `7`",
                "character 18, the check of characters 1 to 17, is `7`; expected `6`",
            ],
        );
    }

    #[test]
    fn padding_is_a_defect_and_positions_count_inside_it() {
        check_messages(
            "\u{feff} 91440300192203821O\u{3000}",
            &[
                "code has 2 blank or invisible characters before it and 1 after it; expected none around the 18 \
                 characters",
                "character 18 is `O`; expected a digit or a capital letter other than I, O, S, V and Z; did you \
                 mean `0`",
            ],
        );
    }

    #[test]
    fn department_type_and_region_are_checked_against_their_tables() {
        check_messages(
            "B1440300192203821G",
            &[
                "character 1 is `B`, which is no registering department; expected one of 1 to 9, A, N or Y",
                "character 18, the check of characters 1 to 17, is `G`; expected `4`",
            ],
        );
        assert_eq!(
            Uscc::defects("97440300192203821G")[0].to_string(),
            "character 2 is `7`, which is no type of entity of department `9` (工商); expected 1, 2 or 3"
        );
        assert_eq!(
            Uscc::defects("Y7440300192203821G")[0].to_string(),
            "character 2 is `7`, which is no type of entity of department `Y` (其他); expected 1"
        );
        for digits in ["990101", "000000", "100001", "109999"] {
            let defects = Uscc::defects(&format!("91{digits}192203821G"));
            assert_eq!(
                defects[0].to_string(),
                format!(
                    "characters 3 to 8 are `{digits}`, a region in no province of GB/T 2260; expected one \
                     beginning with 11 to 82, or 100000 for national bodies"
                )
            );
        }
        assert_eq!(
            Uscc::defects("91A40300192203821G")[0].to_string(),
            "character 3 is `A`; expected a digit, because characters 3 to 8 are a region (GB/T 2260)"
        );
    }

    #[test]
    fn all_defects_of_a_code_are_listed_in_order() {
        assert_eq!(
            Uscc::defects(" 9799030019220382a7"),
            [
                UsccError::Padding { before: 1, after: 0 },
                UsccError::Character { position: 17, found: 'a', suggestion: Some('A') },
                UsccError::EntityType { department: Department::MarketRegulation, found: '7' },
                UsccError::Region { digits: 990_300 },
                UsccError::OrganisationCheck { found: 'A', expected: '1' },
                UsccError::Check { found: '7', expected: 'M' },
            ]
        );
    }

    #[test]
    fn a_text_of_any_size_gives_a_short_list() {
        let defects = Uscc::defects(&"信".repeat(3_000_000));
        assert_eq!(defects[0], UsccError::Length { found: 3_000_000 });
        assert_eq!(defects.len(), 19);
    }
}
