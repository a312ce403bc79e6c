//! What is wrong with one field of a request.

use super::{number_after, quoted};

/// What a field is called on the pages; `None` for one that no page has.
pub(super) fn title(field: &str) -> Option<&'static str> {
    let name = field.split(['[', '.']).next().unwrap_or_default();
    Some(match name {
        "enterprise" | "enterprises" | "name" | "parent" => "统一社会信用代码",
        "as_of" => "评价日期",
        "known_at" => "数据截至时间",
        "field" => "监管领域",
        "fields" => "领域",
        "region" => "地区代码",
        "industry" => "行业代码",
        "tier" => "等级",
        "q" | "query" => "查找内容",
        "from" => "起始日期",
        "to" => "截止日期",
        "use" => "用途",
        "kind" => "报告种类",
        "number" => "报告编号",
        "verification_code" => "校验码",
        "page_token" => "翻页标记",
        "page_size" => "每页条数",
        "request_id" => "表单编号",
        "text" | "draft" => "草案",
        "standard" | "base" | "other" => "评价标准",
        "edition" => "版本",
        "verify_url" => "验证网址",
        "months" => "月数",
        "basis" => "等级来源",
        _ => return None,
    })
}

/// In Chinese. What is not known names at least the field and what was found.
pub(super) fn chinese(field: &str, said: &str) -> String {
    let title = title(field).unwrap_or("请求");
    let found = quoted(said).next().unwrap_or_default();
    let expected = said.split_once("expected ").map(|(_, expected)| expected).unwrap_or_default();
    if let Some(defects) = code_defects(said) {
        return defects;
    }
    if let Some(fault) = day(title, said).or_else(|| classification(title, said)) {
        return fault;
    }
    if said.starts_with("found nothing") || said.starts_with("found no edition") {
        return format!("请填写“{title}”");
    }
    let limit = number_after(expected, "at most ");
    match (field, limit) {
        ("text" | "draft", Some(most)) => return format!("“{title}”过大，至多 {most} 字节"),
        ("query" | "q" | "use", Some(most)) => return format!("“{title}”过长，至多 {most} 字，且不能换行"),
        (_, Some(most)) => return format!("“{title}”过多，至多 {most}"),
        (_, None) => {}
    }
    let known = expected.strip_prefix("one of ").map(|known| known.replace(", ", "、"));
    match known {
        Some(known) if !found.is_empty() => format!("“{title}”没有 {found} 一项，可选：{known}"),
        Some(_) | None if field == "page_token" => "翻页标记已失效，请从第一页重新开始".to_owned(),
        Some(_) | None if field == "tier" => format!("“{title}”应为该领域的等级，如 4，现为 {found}"),
        Some(_) | None if said.starts_with("found a tier policy") => "这是监管政策，不是评价标准".to_owned(),
        Some(_) | None if said.starts_with("found fields, expected none") => "公共报告不分领域".to_owned(),
        Some(_) | None if found.is_empty() => format!("“{title}”不合要求"),
        Some(_) | None => format!("“{title}”不合要求，现为 {found}"),
    }
}

/// What is wrong with a date or moment.
fn day(title: &str, said: &str) -> Option<String> {
    let found = quoted(said).next().unwrap_or_default();
    if said.contains("expected a date no later than today") {
        return Some(format!("“{title}”{found} 晚于今天"));
    }
    if said.contains("expected a date") || said.contains("expected the form YYYY-MM-DD") {
        return Some(format!("“{title}”{found} 不是日期，应形如 2026-10-31"));
    }
    if said.contains("expected a moment such as") {
        return Some(format!("“{title}”{found} 不是时间，应形如 2026-10-31T08:00:00Z"));
    }
    if said.contains("malformed timestamp") || said.contains("is outside 1 to 9999") {
        return Some(format!("“{title}”的年份应在 1 至 9999 之间"));
    }
    if said.contains("moment in the future") {
        return Some(format!("“{title}”晚于现在"));
    }
    if let Some(month) = said.strip_prefix("month ").filter(|_| said.ends_with("does not exist")) {
        return Some(format!("“{title}”没有 {} 月", month.split(' ').next().unwrap_or_default()));
    }
    if let (Some((month, _)), Some(last), Some(day)) =
        (said.split_once(" has "), number_after(said, " has "), number_after(said, "found day "))
    {
        return Some(format!("“{title}”：{month} 只有 {last} 天，没有 {day} 日"));
    }
    let bound = |start: &str| {
        let (_, rest) = said.split_once(start)?;
        rest.split([',', ' ']).find(|word| word.len() == 10 && word.starts_with(|c: char| c.is_ascii_digit()))
    };
    if let Some(earliest) = bound("expected a day no earlier than ") {
        return Some(format!("“{title}”{found} 过早，不得早于 {earliest}"));
    }
    if let Some(latest) = bound("expected a day no later than ") {
        return Some(format!("“{title}”{found} 过晚，不得晚于 {latest}"));
    }
    said.contains("expected no day after `to`").then(|| format!("“{title}”{found} 晚于截止日期"))
}

/// What is wrong with the code of a region or an industry.
fn classification(title: &str, said: &str) -> Option<String> {
    let found = quoted(said).next().unwrap_or_default();
    if said.starts_with("region code has") {
        return Some(format!("“{title}”应为 2、4 或 6 位数字，现为 {} 位", number_after(said, "has ")?));
    }
    if said.starts_with("industry code has") {
        return Some(format!("“{title}”应为门类字母（A 至 T）、2 至 4 位数字，或字母加数字"));
    }
    if said.contains("of the region code is") {
        return Some(format!("“{title}”第{}位 {found} 不是数字", number_after(said, "character ")?));
    }
    if said.contains("of the industry code is") {
        let expected = if said.contains("section letter") { "门类字母或数字" } else { "数字" };
        return Some(format!("“{title}”第{}位 {found} 不是{expected}", number_after(said, "character ")?));
    }
    if said.starts_with("division `") {
        return Some(format!("没有行业大类 {found}，应为 01 至 97"));
    }
    let (division, rest) = said.strip_prefix("division ")?.split_once(" belongs to section ")?;
    let (actual, stated) = rest.split_once(", not ")?;
    Some(format!("行业大类 {division} 属于门类 {actual}，不属于 {}", stated.split(';').next()?))
}

/// What is wrong with a unified social credit code: each defect, and what was perhaps meant.
fn code_defects(said: &str) -> Option<String> {
    let mut told = Vec::new();
    let mut near = None;
    let mut rest = said;
    while !rest.is_empty() {
        // A defect goes on over what it expects and what it suggests.
        let end = ["; character", "; code ", "; did you mean"]
            .iter()
            .filter_map(|start| rest.match_indices(start).map(|(at, _)| at).find(|at| *at > 0))
            .min()
            .unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        rest = after.strip_prefix("; ").unwrap_or(after);
        if part.starts_with("did you mean") {
            near = Some(quoted(part).collect::<Vec<_>>().join(" 或 "));
        } else if let Some(defect) = code_defect(part) {
            told.push(defect);
            near = None;
        }
    }
    if told.is_empty() {
        return None;
    }
    let near = near.filter(|near| near.len() >= 18).map(|near| format!("；是否为 {near}？"));
    Some(format!("统一社会信用代码{}{}", told.join("；"), near.unwrap_or_default()))
}

fn code_defect(said: &str) -> Option<String> {
    let mut quoted = quoted(said);
    let found = quoted.next().unwrap_or_default();
    let expected = quoted.next().unwrap_or_default();
    if said.starts_with("code is empty") {
        return Some("没有填写，应为18位".to_owned());
    }
    if said.starts_with("code has") && said.contains("invisible characters") {
        return Some("前后有空格或不可见字符".to_owned());
    }
    if said.starts_with("code has") {
        return Some(format!("应为18位，现为{}位", number_after(said, "code has ")?));
    }
    if said.starts_with("characters 3 to 8") {
        return Some(format!("第3至8位 {found} 不是任何省份的行政区划"));
    }
    let position = number_after(said, "character ").filter(|_| said.starts_with("character "))?;
    if said.contains(" of the region code ") || said.contains(" of the industry code ") {
        return None;
    }
    Some(if said.contains("the check of") {
        format!("第{position}位（校验码）有误：现为 {found}，应为 {expected}")
    } else if said.contains("no registering department") {
        format!("第1位 {found} 不是登记管理部门代码，应为 1 至 9、A、N 或 Y")
    } else if said.contains("no type of entity") {
        format!("第2位 {found} 不是该登记管理部门的机构类别代码")
    } else if said.contains("are a region") {
        format!("第{position}位 {found} 应为数字（第3至8位是行政区划）")
    } else {
        format!("第{position}位 {found} 不合编码规则，应为数字或 I、O、S、V、Z 以外的大写字母")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(field: &str, said: &str, expected: &str) {
        assert_eq!(chinese(field, said), expected);
    }

    #[test]
    fn every_defect_of_a_code_is_said() {
        check(
            "name",
            "character 18, the check of characters 1 to 17, is `1`; expected `0`",
            "统一社会信用代码第18位（校验码）有误：现为 1，应为 0",
        );
        check(
            "name",
            "character 3 is `X`; expected a digit, because characters 3 to 8 are a region (GB/T 2260)",
            "统一社会信用代码第3位 X 应为数字（第3至8位是行政区划）",
        );
        check("name", "code has 17 characters; expected 18", "统一社会信用代码应为18位，现为17位");
        check(
            "enterprise",
            "character 18 is `O`; expected a digit or a capital letter other than I, O, S, V and Z; did you mean `0`; \
             code has 2 characters; expected 18; did you mean `91330199MAY0005780`?",
            "统一社会信用代码第18位 O 不合编码规则，应为数字或 I、O、S、V、Z 以外的大写字母；应为18位，现为2位；\
             是否为 91330199MAY0005780？",
        );
        check(
            "enterprise",
            "character 2 is `7`, which is no type of entity of department `9` (工商); expected 1, 2 or 3",
            "统一社会信用代码第2位 7 不是该登记管理部门的机构类别代码",
        );
    }

    #[test]
    fn days_moments_and_codes_of_regions_and_industries_are_said() {
        check(
            "as_of",
            "found `2999-01-01`, expected a date no later than today, 2026-11-28",
            "“评价日期”2999-01-01 晚于今天",
        );
        check("as_of", "found `x`, expected the form YYYY-MM-DD", "“评价日期”x 不是日期，应形如 2026-10-31");
        check("as_of", "2026-02 has 28 days, found day 30", "“评价日期”：2026-02 只有 28 天，没有 30 日");
        check("to", "month 13 does not exist", "“截止日期”没有 13 月");
        check(
            "from",
            "found `2020-01-01`, expected a day no earlier than 2021-10-31, five years before 2026-10-31",
            "“起始日期”2020-01-01 过早，不得早于 2021-10-31",
        );
        check(
            "region",
            "region code has 5 characters; expected 2, 4 or 6 digits (GB/T 2260)",
            "“地区代码”应为 2、4 或 6 位数字，现为 5 位",
        );
        check(
            "industry",
            "division `98` does not exist; expected 01 to 97 (GB/T 4754-2017)",
            "没有行业大类 98，应为 01 至 97",
        );
        check(
            "industry",
            "division 47 belongs to section E, not C; expected `E47`, or a division 13 to 43 in section C",
            "行业大类 47 属于门类 E，不属于 C",
        );
        check(
            "industry",
            "character 1 of the industry code is `é`; expected a section letter A to T or a digit",
            "“行业代码”第1位 é 不是门类字母或数字",
        );
    }

    #[test]
    fn lists_limits_and_what_nobody_foresaw_are_said_too() {
        check("fields[0]", "found `x`, expected one of tax, food", "“领域”没有 x 一项，可选：tax、food");
        check(
            "query",
            "found a longer text, expected at most 100 characters",
            "“查找内容”过长，至多 100 字，且不能换行",
        );
        check("number", "found nothing, expected the number of a report", "请填写“报告编号”");
        check("tier", "found `x`, expected a number such as 4", "“等级”应为该领域的等级，如 4，现为 x");
        check("settings.depth", "found `9`, expected less", "“请求”不合要求，现为 9");
    }
}
