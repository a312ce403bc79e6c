//! "Did you mean": the valid codes near a defective text.

use super::Uscc;
use super::check::{ALPHABET, is_valid};

/// Longer texts are not mistyped codes. In bytes: 18 full-width characters with room for padding.
const LONGEST: usize = 128;

/// Readings of look-alikes tried at most; only `V` has two, so this allows six of them.
const MOST_READINGS: usize = 64;

/// See [`Uscc::suggest`].
pub(super) fn suggest(text: &str) -> Vec<Uscc> {
    if text.len() > LONGEST || Uscc::from_bytes(text.as_bytes()).is_ok() {
        return Vec::new();
    }
    let folded: Vec<char> = text.chars().map(fold).filter(|&each| !is_padding(each) && each != '-').collect();
    let mut readings = vec![Vec::with_capacity(18)];
    let mut clean = folded.len() == 18;
    for character in folded.iter().copied().take(18) {
        let byte = u8::try_from(character).unwrap_or(b'?');
        let own = [byte];
        let legal = ALPHABET.contains(&byte);
        let options = if legal { &own[..] } else { mistaken_for(character) };
        if folded.len() != 18 || options.is_empty() || readings.len() * options.len() > MOST_READINGS {
            return Vec::new();
        }
        clean &= legal;
        readings = readings
            .into_iter()
            .flat_map(|reading: Vec<u8>| {
                options.iter().map(move |&option| [&reading[..], &[option]].concat())
            })
            .collect();
    }
    let found = valid(readings.iter().filter_map(|reading| reading.as_slice().try_into().ok()));
    match readings.as_slice() {
        // A look-alike together with another error would be two errors, and two errors are a guess.
        [reading] if clean && found.is_empty() => {
            reading.as_slice().try_into().map_or_else(|_| Vec::new(), |code| nearby(&code))
        }
        _ => found,
    }
}

/// Codes one exchange of neighbours away, else the only code one character away.
fn nearby(code: &[u8; 18]) -> Vec<Uscc> {
    let exchanged = valid((1..18).map(|place| {
        let mut near = *code;
        near.swap(place - 1, place);
        near
    }));
    if !exchanged.is_empty() {
        return exchanged;
    }
    let replaced = valid((0..18).flat_map(|place| {
        ALPHABET.iter().map(move |&byte| {
            let mut near = *code;
            near[place] = byte;
            near
        })
    }));
    if replaced.len() == 1 { replaced } else { Vec::new() }
}

fn valid(codes: impl Iterator<Item = [u8; 18]>) -> Vec<Uscc> {
    let mut found: Vec<_> = codes.filter(is_valid).map(Uscc).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The capital, ASCII-width form of a character that has one; any other character as it is.
pub(super) fn fold(character: char) -> char {
    // U+FF01 to U+FF5E are the full-width forms of U+0021 to U+007E, in the same order.
    let narrow = match character {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character),
        '\u{2010}'..='\u{2015}' => '-',
        _ => character,
    };
    narrow.to_ascii_uppercase()
}

/// Blanks, control characters and the invisible characters that spreadsheets and web pages leave behind.
pub(super) fn is_padding(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}')
}

/// What a capital letter outside the alphabet is written for, the likeliest first.
pub(super) fn mistaken_for(letter: char) -> &'static [u8] {
    match letter {
        'I' => b"1",
        'O' => b"0",
        'Z' => b"2",
        'S' => b"5",
        'V' => b"UY",
        _ => b"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<_> = Uscc::suggest(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "`{text}`");
    }

    #[test]
    fn look_alikes_lower_case_full_width_and_blanks_lead_back_to_the_code() {
        for text in [
            "9I44O3OO1922O382I6",
            "914403001922038216 ",
            "\u{feff}914403001922038216",
            "９１４４０３００１９２２０３８２１６",
            "91440300-192203821-6",
            "9144 0300 1922 0382 16",
            "91440300I9ZZ038216",
        ] {
            check(text, &["914403001922038216"]);
        }
        check("91330100799655058b", &["91330100799655058B"]);
        check("9S110101MA00000U27", &[]);
    }

    #[test]
    fn a_v_is_read_as_whichever_letter_passes() {
        check("91110101MA00000V27", &["91110101MA00000U27"]);
        check("V1110101MJ0000026L", &["Y1110101MJ0000026L"]);
        check("VVVVVVVVVVVVVVVVVV", &[]);
    }

    #[test]
    fn exchanged_neighbours_are_put_back() {
        check("914403001922083216", &["914403001922038216"]);
        check("91330100799655508B", &["91330100799655058B"]);
        check("91440300192203812６", &["914403001922038216"]);
    }

    #[test]
    fn one_wrong_character_is_suggested_only_when_a_single_code_fits() {
        // In the organisation code both checks bear on it; elsewhere the check character itself may be the wrong one.
        check("91330100799655958B", &["91330100799655058B"]);
        check("914403001922038217", &[]);
    }

    #[test]
    fn nothing_is_suggested_for_a_valid_code_or_a_text_far_from_any() {
        check("914403001922038216", &[]);
        check("", &[]);
        check("9144030019220382", &[]);
        check("某某有限公司", &[]);
        check(&"9".repeat(10_000_000), &[]);
        // A look-alike and an exchange are two errors.
        check("9I4403001922083216", &[]);
    }
}
