//! Identity numbers where nobody expects them: in a column of another name, or in a row whose cells have shifted.
//!
//! What is rejected is kept as it was found, so it is here that such numbers are replaced by their tokens.

use hengxin_core::uscc::Uscc;

/// `text` with everything that looks like the number of an identity card replaced by its token.
pub(crate) fn mask(text: &str, protect: &dyn Fn(&str) -> String) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        let run = &rest[start..];
        let end = run.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(run.len());
        masked.push_str(&rest[..start]);
        let word = &run[..end];
        if is_identity_number(word) {
            masked.push_str(&protect(word));
        } else {
            masked.push_str(word);
        }
        rest = &run[end..];
    }
    masked.push_str(rest);
    masked
}

/// Eighteen characters of GB 11643: region, date of birth, serial number, check. The check is not asked for: a
/// number with a typing error in it says as much about a person.
fn is_identity_number(word: &str) -> bool {
    let bytes = word.as_bytes();
    let number = |from: usize, to: usize| word.get(from..to).and_then(|t| t.parse::<u32>().ok()).unwrap_or(0);
    bytes.len() == 18
        && bytes[..17].iter().all(u8::is_ascii_digit)
        && matches!(bytes[17], b'0'..=b'9' | b'X' | b'x')
        && matches!(number(6, 8), 18..=20)
        && matches!(number(10, 12), 1..=12)
        && matches!(number(12, 14), 1..=31)
        && word.parse::<Uscc>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(mask(text, &|_| "TOKEN".to_owned()), expected);
    }

    #[test]
    fn identity_numbers_are_replaced_wherever_they_stand() {
        check("110101199001011234", "TOKEN");
        check("found `11010519491231002x`, expected a date", "found `TOKEN`, expected a date");
        check("张三(110101199001011234)、李四", "张三(TOKEN)、李四");
    }

    #[test]
    fn codes_and_longer_numbers_are_left_alone() {
        for text in ["91110101MA00000U27", "1101011990010112345", "33019920261031000001", "abc", ""] {
            check(text, text);
        }
    }
}
