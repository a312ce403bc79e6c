//! The two checks of a code, and the one-pass test for valid codes built from them.

use super::kind::TYPES_OF;
use crate::region::IS_PROVINCE;

pub(super) const DIGITS: &[u8; 10] = b"0123456789";
pub(super) const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
/// 3^(i-1) mod 31 (GB/T 17710).
const WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
/// Weights of characters 9 to 16 (GB 11714).
const ORGANISATION_WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];

/// No character of the alphabet.
const NONE: u32 = u32::MAX;

/// Value under the outer check: the place in the alphabet.
const fn value(byte: u8) -> u32 {
    let (mut place, mut count) = (0, 0);
    while place < ALPHABET.len() {
        if ALPHABET[place] == byte {
            return count;
        }
        place += 1;
        count += 1;
    }
    NONE
}

/// Value under the inner check: letters count on from 10 with no gaps.
const fn organisation_value(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => (byte - b'0') as u32,
        b'A'..=b'Z' => (byte - b'A') as u32 + 10,
        _ => NONE,
    }
}

/// Check character 18 of the first 17: `(31 − Σ mod 31) mod 31`. Characters outside the alphabet count as 0.
pub(super) fn check(code: &[u8; 18]) -> u8 {
    let sum: u32 = WEIGHTS.iter().zip(code).map(|(weight, &byte)| weight * value(byte).min(31) % 31).sum();
    ALPHABET[(31 - sum as usize % 31) % 31]
}

/// Check character 17 of characters 9 to 16: `11 − Σ mod 11`, where 10 is `X` and 11 is `0`. Characters outside
/// the alphabet count as some letter.
pub(super) fn organisation_check(code: &[u8; 18]) -> u8 {
    let body = &code[8..16];
    let sum: u32 = ORGANISATION_WEIGHTS
        .iter()
        .zip(body)
        .map(|(weight, &byte)| weight * organisation_value(byte).min(36))
        .sum();
    match 11 - sum % 11 {
        10 => b'X',
        11 => b'0',
        digit => DIGITS[digit as usize],
    }
}

/// Characters 3 to 8 as a number; they must be digits.
pub(super) fn region_digits(code: &[u8; 18]) -> u32 {
    code[2..8].iter().fold(0, |number, &digit| number * 10 + u32::from(digit.wrapping_sub(b'0')))
}

/// One table look-up a character adds everything that matters about it, each in its own bits of a sum: bits 0-14
/// the outer check, bits 15-26 the inner one, bits 27-31 how many characters are impossible where they stand.
/// Neither part can overflow into the next: 17 × 30 × 30 + 30 < 2^15, 48 × 35 + 10 < 2^12, 18 < 2^5.
static STEPS: [[u32; 256]; 18] = {
    let mut table = [[IMPOSSIBLE; 256]; 18];
    let mut place = 0;
    while place < 18 {
        let mut index = 0;
        while index < ALPHABET.len() {
            let byte = ALPHABET[index];
            let allowed = match place {
                // No type of entity is a letter.
                1..8 => byte.is_ascii_digit(),
                16 => byte.is_ascii_digit() || byte == b'X',
                _ => true,
            };
            if allowed {
                let outer = if place < 17 { WEIGHTS[place] * value(byte) } else { value(byte) };
                let inner = match place {
                    8..16 => ORGANISATION_WEIGHTS[place - 8] * organisation_value(byte),
                    // Here `X` is the remainder 10, not the letter's value of 33.
                    16 if byte == b'X' => 10,
                    16 => organisation_value(byte),
                    _ => 0,
                };
                table[place][byte as usize] = outer | inner << INNER;
            }
            index += 1;
        }
        place += 1;
    }
    table
};
const INNER: u32 = 15;
const IMPOSSIBLE: u32 = 1 << 27;

/// Whether a code has no defect. Written for columns of hundreds of millions: no branch but the last ones.
pub(super) fn is_valid(code: &[u8; 18]) -> bool {
    let sum: u32 = STEPS.iter().zip(code).map(|(step, &byte)| step[usize::from(byte)]).sum();
    if sum >= IMPOSSIBLE {
        return false;
    }
    let outer = sum & ((1 << INNER) - 1);
    let inner = sum >> INNER;
    let type_known = TYPES_OF[usize::from(code[0])] >> (code[1] - b'0') & 1 == 1;
    let province = usize::from(code[2] - b'0') * 10 + usize::from(code[3] - b'0');
    // Both checks make their weighted sum, check character included, vanish.
    outer.is_multiple_of(31)
        && inner.is_multiple_of(11)
        && type_known
        && (IS_PROVINCE[province] || &code[2..8] == b"100000")
}

#[cfg(test)]
mod tests {
    use super::super::Uscc;
    use super::super::tests::VALID;
    use super::*;

    fn bytes(text: &str) -> [u8; 18] {
        text.as_bytes().try_into().expect("18 bytes")
    }

    #[test]
    fn every_wrong_character_and_every_exchange_of_neighbours_is_caught() {
        for text in VALID {
            let original: [u8; 18] = bytes(text);
            for place in 0..18 {
                for byte in *ALPHABET {
                    let mut wrong = original;
                    wrong[place] = byte;
                    let caught = check(&wrong) != wrong[17];
                    assert_eq!(caught, wrong != original, "{text}: {} at {place}", char::from(byte));
                    assert_eq!(is_valid(&wrong), wrong == original);
                }
                if place > 0 {
                    let mut wrong = original;
                    wrong.swap(place - 1, place);
                    let caught = check(&wrong) != wrong[17];
                    assert_eq!(caught, wrong != original, "{text}: exchanged before {place}");
                }
            }
        }
    }

    #[test]
    fn the_inner_check_alone_misses_some_wrong_characters() {
        // `0` and `B` differ by 11. Such a code passes the inner check, so only the outer one stands between.
        let original = bytes("91110101MA00000U27");
        let mut wrong = original;
        wrong[10] = b'B';
        assert_eq!(organisation_check(&wrong), wrong[16]);
        assert_ne!(check(&wrong), wrong[17]);
    }

    #[test]
    fn two_errors_can_pass_both_checks() {
        // A limit of the standard's design, kept here so that nobody promises more: of all pairs of wrong characters
        // in the organisation body of this code, some pass, in the order of one in 341.
        let original = bytes("91110101MA00000U27");
        let (mut tried, mut passed) = (0, 0);
        for first in 8..16 {
            for second in first + 1..16 {
                for (left, right) in ALPHABET.iter().flat_map(|left| ALPHABET.map(|right| (*left, right))) {
                    let mut wrong = original;
                    wrong[first] = left;
                    wrong[second] = right;
                    if wrong[first] != original[first] && wrong[second] != original[second] {
                        tried += 1;
                        passed += u32::from(is_valid(&wrong));
                    }
                }
            }
        }
        assert_eq!(tried, 28 * 30 * 30);
        assert!((1..tried / 100).contains(&passed), "{passed} of {tried}");
    }

    #[test]
    fn the_fast_path_refuses_exactly_what_has_a_defect() {
        let seed = 0x5eed_0031;
        let mut random = SplitMix(seed);
        let mut refused = 0;
        for round in 0..40_000 {
            let mut code = bytes(VALID[random.below(VALID.len())]);
            for _ in 0..random.below(4) {
                // Half from the alphabet, so that the later defects are reached too.
                code[random.below(18)] = match random.below(2) {
                    0 => ALPHABET[random.below(31)],
                    _ => u8::try_from(random.below(128)).expect("below 128"),
                };
            }
            if random.below(2) == 0 {
                code[16] = organisation_check(&code);
                code[17] = check(&code);
            }
            let text = std::str::from_utf8(&code).expect("ASCII");
            let defects = Uscc::defects(text);
            assert_eq!(
                is_valid(&code),
                defects.is_empty(),
                "seed {seed}, round {round}: {text:?} {defects:?}"
            );
            assert_eq!(text.parse::<Uscc>().err(), defects.first().copied(), "seed {seed}: {text:?}");
            refused += usize::from(!defects.is_empty());
        }
        assert!((10_000..35_000).contains(&refused), "{refused}");
    }

    /// Small generator of random numbers (`SplitMix64`), so that a printed seed repeats a run.
    struct SplitMix(u64);

    impl SplitMix {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            usize::try_from((mixed >> 33) % limit as u64).expect("below a usize")
        }
    }
}
