//! Why a row was kept aside. Its columns have Chinese titles already; what was found and expected is said here.

use super::number_after;

/// In Chinese: the column, and what is wrong in it.
pub(super) fn chinese(reason: &str) -> String {
    if let (Some(found), Some(width)) =
        (number_after(reason, "found "), number_after(reason, "cells, expected "))
    {
        return format!("有 {found} 个单元格，表头有 {width} 个");
    }
    let Some((place, fault)) = reason.split_once(": ") else {
        return "与其他记录不能并存，或行内有无法读取的内容".to_owned();
    };
    // `处罚金额 (fine)`: the key is for programs.
    let title = place.split(" (").next().unwrap_or(place);
    let expected = fault.split_once("expected ").map(|(_, expected)| expected).unwrap_or_default();
    let wrong = [
        ("a unified social credit code", "不是有效的统一社会信用代码"),
        ("a region code", "不是有效的行政区划代码"),
        ("an industry code", "不是有效的行业代码"),
        ("at most ", "过长"),
        ("one of ", "不在可选的内容之中"),
        ("a kind of fact", "没有这一类记录"),
        ("a day up to", "晚于报送之日"),
        ("a day on or after", "早于起始日期"),
        ("the form YYYY", "不是日期"),
        ("a plain decimal", "不是数"),
        ("a decimal with at most", "小数位数过多"),
        ("a number of at most", "数字过长"),
        ("a date that exists", "没有这一天"),
        ("a date without", "不应带时刻"),
        ("a date", "不是日期"),
        ("an amount that is not negative", "是负数"),
        ("an amount", "不是金额，不应有逗号"),
        ("a whole number", "不是整数"),
        ("a record", "没有对应的记录"),
    ];
    let empty = fault.starts_with("found nothing");
    let wrong = wrong.iter().find(|(start, _)| expected.starts_with(start)).filter(|_| !empty);
    match wrong {
        _ if empty => format!("{title}：没有填写"),
        Some((_, wrong)) => format!("{title}：{wrong}"),
        None => format!("{title}：不合要求"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_names_its_column_and_what_is_wrong() {
        for (reason, expected) in [
            ("处罚金额 (fine): found `…`, expected a plain decimal such as `12.5`", "处罚金额：不是数"),
            (
                "统一社会信用代码 (subject_code): found nothing, expected a value",
                "统一社会信用代码：没有填写",
            ),
            ("found 2 cells, expected 8 as in the header", "有 2 个单元格，表头有 8 个"),
            ("x (y): found `…`, expected the impossible", "x：不合要求"),
            ("the row is odd", "与其他记录不能并存，或行内有无法读取的内容"),
        ] {
            assert_eq!(chinese(reason), expected);
        }
    }
}
