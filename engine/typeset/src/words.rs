//! Texts made fit for paper: nothing in them may hide, reorder or overflow, and every character must have a glyph.
//!
//! Names and records come from anywhere. A character that is not seen, such as one that turns the direction of writing round,
//! is spelled out; a run of characters that could not be broken at the end of a line may be broken anywhere.

use serde_json::Value;
use typst::text::Font;

use crate::TypesetError;

/// Longest run of characters without a place to break a line.
const UNBROKEN: usize = 16;
/// A place to break a line, not seen.
const BREAK: char = '\u{200B}';

/// Makes all texts fit; `place` is where they stand.
pub(crate) fn fit(value: &mut Value, place: &str, fonts: &[Font]) -> Result<(), TypesetError> {
    match value {
        Value::String(text) => {
            let spelled = spelled(text);
            if let Some(character) = spelled.chars().find(|c| !has_glyph(*c, fonts)) {
                return Err(TypesetError::NoGlyph { character, place: place.to_owned() });
            }
            *text = breakable(&spelled);
        }
        Value::Array(all) => {
            for (n, one) in all.iter_mut().enumerate() {
                fit(one, &format!("{place}[{n}]"), fonts)?;
            }
        }
        Value::Object(all) => {
            for (name, one) in all {
                let dot = if place.is_empty() { "" } else { "." };
                fit(one, &format!("{place}{dot}{name}"), fonts)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

/// Whether a font has the character, or it is one that is not seen by itself.
fn has_glyph(character: char, fonts: &[Font]) -> bool {
    is_variation(character) || fonts.iter().any(|font| font.info().coverage.contains(u32::from(character)))
}

/// Chooses among forms of the character before it.
const fn is_variation(character: char) -> bool {
    matches!(character, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Characters that are not seen, and change how others are.
const fn hides(character: char) -> bool {
    character.is_ascii_control()
        || matches!(character,
            '\u{80}'..='\u{9F}' | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E00FF}')
}

/// The text with what is not seen spelled out, on one line.
fn spelled(text: &str) -> String {
    let mut spelled = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => spelled.push(' '),
            hidden if hides(hidden) => spelled.push_str(&format!("[U+{:04X}]", u32::from(hidden))),
            seen => spelled.push(seen),
        }
    }
    spelled
}

/// The text with places to break a line in runs that have none.
fn breakable(text: &str) -> String {
    let mut broken = String::with_capacity(text.len());
    let mut run = 0;
    for character in text.chars() {
        // Between Chinese characters lines break anyway.
        run = if character == ' ' || character >= '\u{2E80}' { 0 } else { run + 1 };
        if run > UNBROKEN {
            broken.push(BREAK);
        }
        broken.push(character);
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_spelled_out() {
        assert_eq!(
            spelled("甲\u{202E}乙\u{0}\u{200B}\n丙\u{FEFF}"),
            "甲[U+202E]乙[U+0000][U+200B] 丙[U+FEFF]"
        );
        assert_eq!(spelled("葛\u{E0100} #import $x$ <script>"), "葛\u{E0100} #import $x$ <script>");
    }

    #[test]
    fn long_runs_may_be_broken_and_others_stay_as_they_are() {
        let name = "x".repeat(200);
        let broken = breakable(&name);
        assert_eq!(broken.replace(BREAK, ""), name);
        assert_eq!(broken.matches(BREAK).count(), 200 - UNBROKEN);
        for text in ["91330106MB00000192", "杭州某某有限公司 (Hangzhou)"] {
            assert_eq!(breakable(text).replace(BREAK, ""), text);
        }
        assert_eq!(breakable("2026-06-30 12:00:00"), "2026-06-30 12:00:00");
    }
}
