//! What services say is in English; of what people cause most often the pages say it in Chinese first.

/// The Chinese of a fault, when it is one of those; the original stands behind it on the page.
pub(crate) fn in_chinese(said: &str) -> Option<String> {
    let quoted: Vec<&str> = said.split('`').skip(1).step_by(2).collect();
    let position = between(said, "character ", &[' ', ',']);
    if said.contains("; expected `")
        && let (Some(position), [found, expected, ..]) = (position, quoted.as_slice())
    {
        return Some(format!("统一社会信用代码第{position}位（校验码）有误：现为 {found}，应为 {expected}"));
    }
    if let (Some(position), Some(found), true) = (position, quoted.first(), said.contains("; expected ")) {
        return Some(format!("统一社会信用代码第{position}位 {found} 不合编码规则"));
    }
    if let Some(found) =
        between(said, "code has ", &[' ']).filter(|_| said.contains("characters; expected 18"))
    {
        return Some(format!("统一社会信用代码应为18位，现为{found}位"));
    }
    if said.contains("expected a date no later than today") {
        return Some(format!("日期 {} 晚于今天", quoted.first()?));
    }
    if said.contains("expected a date") {
        return Some(format!("“{}”不是日期，应形如 2026-10-31", quoted.first()?));
    }
    if said.contains("is not in the ledger") {
        return Some(format!("{} 在所选时点没有任何记录", quoted.first()?));
    }
    None
}

/// What stands after `start`, up to the first of `ends`.
fn between<'t>(text: &'t str, start: &str, ends: &[char]) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    rest.split(ends).next().filter(|found| !found.is_empty() && found.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(said: &str, chinese: Option<&str>) {
        assert_eq!(in_chinese(said).as_deref(), chinese);
    }

    #[test]
    fn what_people_cause_is_said_in_chinese_and_the_rest_left_as_it_is() {
        check(
            "name: character 18, the check of characters 1 to 17, is `1`; expected `0`",
            Some("统一社会信用代码第18位（校验码）有误：现为 1，应为 0"),
        );
        check(
            "name: character 3 is `X`; expected a digit, because characters 3 to 8 are a region (GB/T 2260)",
            Some("统一社会信用代码第3位 X 不合编码规则"),
        );
        check("name: code has 17 characters; expected 18", Some("统一社会信用代码应为18位，现为17位"));
        check(
            "as_of: found `2999-01-01`, expected a date no later than today, 2026-11-28",
            Some("日期 2999-01-01 晚于今天"),
        );
        check(
            "as_of: found `x`, expected a date such as `2026-10-31`",
            Some("“x”不是日期，应形如 2026-10-31"),
        );
        check(
            "enterprise `91330106MA00000000` is not in the ledger, expected one with at least one fact recorded by then",
            Some("91330106MA00000000 在所选时点没有任何记录"),
        );
        check("the ledger is busy", None);
    }
}
