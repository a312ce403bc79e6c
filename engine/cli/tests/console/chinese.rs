//! A Chinese page speaks Chinese: every page, enterprises of every field and tier, and everything that goes wrong.

use crate::plain::{Visitor, texts};
use crate::served::{AS_OF, code, open, ruled, sample};

/// The first run of three English words. What is no letter, space or mark before a space ends a run: keys such as `a/b`,
/// addresses, codes and figures are none.
fn english(text: &str) -> Option<String> {
    let mut run: Vec<String> = vec![String::new()];
    let mut characters = text.chars().chain(['|']).peekable();
    while let Some(character) = characters.next() {
        let before_space = matches!(characters.peek(), Some(' ' | '|'));
        match character {
            'a'..='z' | 'A'..='Z' | '\'' | '’' | '-' => run.last_mut().unwrap().push(character),
            ' ' | '(' | ')' | '"' | '`' => run.push(String::new()),
            ',' | '.' | ';' | ':' if before_space => run.push(String::new()),
            _ => {
                run.retain(|word| !word.is_empty());
                if run.len() >= 3 {
                    return Some(run.join(" "));
                }
                run = vec![String::new()];
            }
        }
    }
    None
}

#[track_caller]
fn check(path: &str, html: &str) {
    // The runs alone are a part of a page.
    assert!(path == "/runs" || html.contains("<html lang=\"zh-CN\">"), "{path}: {html}");
    for text in texts(html) {
        if let Some(run) = english(&text) {
            panic!("{path} says `{run}` in: {text}");
        }
    }
}

#[test]
fn the_measure_of_english_finds_sentences_and_no_codes() {
    assert_eq!(english("现为 sample points of ours。").as_deref(), Some("sample points of ours"));
    for chinese in [
        "GB/T 45255-2025",
        "A 优 B 良",
        "HX20261031-0000000001 ABCD-EFGH",
        "衡信 Hengxin",
        "https://a.example.cn/b",
    ] {
        assert_eq!(english(chinese), None, "{chinese}");
    }
    let page =
        "<p title=\"now try this\">a <code>not this one at all</code><i class=\"code\">nor this one</i></p>";
    assert_eq!(texts(page), ["now try this", "a"]);
}

#[test]
fn enterprises_of_every_field_and_tier_and_what_would_change_them_are_told_in_chinese() {
    let mut visitor = Visitor::of(&open());
    let overview = visitor.get("/").html();
    let fields: Vec<String> = overview
        .split("/?field=")
        .skip(1)
        .map(|rest| rest.split(['"', '&']).next().unwrap().to_owned())
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    assert!(fields.len() >= 5, "{fields:?}");
    let (mut seen, mut reasons) = (0, 0);
    for field in &fields {
        check("/", &visitor.get(&format!("/?field={field}&as_of={AS_OF}")).html());
        for tier in 1..=4 {
            let found = visitor.get(&format!("/find?field={field}&tier={tier}&as_of={AS_OF}")).html();
            check("/find", &found);
            let Some((_, link)) = found.split_once("<a href=\"/enterprises/") else { continue };
            let code = link.get(..18).unwrap();
            for page in ["", "/change"] {
                let path = format!("/enterprises/{code}{page}?field={field}&as_of={AS_OF}");
                let html = visitor.get(&path).html();
                check(&path, &html);
                reasons += html.matches("满分").count();
            }
            seen += 1;
        }
    }
    // Not every field has somebody in every tier; most have in most, and reasons are told with their figures.
    assert!(seen > 10 && reasons > 20, "{seen} {reasons}");
    // A subject that no standard evaluates, one without registration, and one that is new.
    for n in 4..=6 {
        for field in &fields {
            let path = format!("/enterprises/{}?field={field}&as_of={AS_OF}", code(n));
            check(&path, &visitor.get(&path).html());
        }
    }
}

#[test]
fn every_other_page_speaks_chinese() {
    let mut visitor = Visitor::of(&open());
    let standards = visitor.get("/standards").html();
    check("/standards", &standards);
    let editions: Vec<&str> = standards
        .split("<a href=\"/standards/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert!(editions.len() >= 12, "{editions:?}");
    let mut keys = Vec::new();
    for edition in &editions {
        let path = format!("/standards/{edition}");
        let html = visitor.get(&path).html();
        check(&path, &html);
        // What is measured and how it counts is told by titles and words: no key of the file is left.
        for details in html.split("<ul class=\"details\">").skip(1) {
            let told = texts(details.split("</ul>").next().unwrap()).join(" ");
            let key = told
                .split(|c: char| !c.is_ascii_lowercase() && c != '-' && c != '_')
                .find(|word| word.len() > 1);
            keys.extend(key.map(|key| format!("{path} has `{key}`: {told}")));
        }
    }
    assert!(keys.is_empty(), "{keys:#?}");
    let compared = "/standards/compare?base=standards%2Fpublic-comprehensive%2Feditions%2F2019.1&other=standards%2Fpublic-comprehensive%2Feditions%2F2026.1";
    let order = format!("/reports/new?enterprise={}&as_of={AS_OF}", sample());
    let others = [
        "/runs",
        "/find",
        "/find?q=00057",
        compared,
        "/standards/compare",
        "/standards/draft",
        "/quality",
        &order,
        "/verify",
        "/sign-in",
    ];
    for path in others {
        check(path, &visitor.get(path).html());
    }
    for kind in ["public", "evaluation", "special"] {
        let fields = [("enterprise", &*sample()), ("kind", kind), ("as_of", AS_OF), ("from", "2024-11-01")];
        let report = visitor.send(&order, "/reports", &fields).html();
        assert!(report.contains("id=\"number\""), "{kind}: {report}");
        check(kind, &report);
    }
    check("/sign-in", &Visitor::of(&ruled()).get("/sign-in").html());
}

#[test]
fn what_goes_wrong_is_told_in_chinese_with_the_field_and_what_was_found() {
    let mut visitor = Visitor::of(&open());
    let it = format!("/enterprises/{}", sample());
    let wrong = [
        ("/find?q=91330199MAY0005781", "第18位（校验码）有误：现为 1，应为 0"),
        ("/enterprises/91330199MAY000578", "应为18位，现为17位"),
        ("/enterprises/X1330199MAY0005780", "第1位 X 不是登记管理部门代码"),
        (&format!("/enterprises/{}", code(99)), "没有任何记录"),
        (&format!("{it}?as_of=2999-01-01"), "“评价日期”2999-01-01 晚于今天"),
        (&format!("{it}?as_of=yesterday"), "“评价日期”yesterday 不是日期"),
        (&format!("{it}?as_of=2026-02-30"), "2026-02 只有 28 天，没有 30 日"),
        (&format!("{it}?known_at=noon"), "“数据截至时间”noon 不是时间"),
        (&format!("{it}?known_at=2999-01-01T00:00:00Z"), "“数据截至时间”晚于现在"),
        (&format!("{it}?records=AAAA"), "翻页标记已失效"),
        (&format!("{it}/change?field=astrology"), "没有名为 astrology 的监管领域，现有："),
        (&format!("{it}?field=astrology"), "没有名为 astrology 的监管领域，现有："),
        ("/?field=astrology", "没有名为 astrology 的监管领域，现有："),
        ("/find?q=a&region=33O1", "“地区代码”第3位 O 不是数字"),
        ("/find?q=a&region=33010", "“地区代码”应为 2、4 或 6 位数字，现为 5 位"),
        ("/find?q=a&industry=98", "没有行业大类 98"),
        ("/find?tier=x", "“等级”应为该领域的等级，如 4，现为 x"),
        ("/find?q=a&page=AAAA", "翻页标记已失效"),
        (&format!("/find?q={}", "a".repeat(101)), "“查找内容”过长，至多 100 字"),
        ("/quality?from=2026-13-01", "“起始日期”没有 13 月"),
        ("/quality?from=2026-10-02&to=2026-10-01", "“起始日期”2026-10-02 晚于截止日期"),
        ("/standards/nothing/1", "没有名为 nothing 的评价标准"),
        ("/standards/public-comprehensive/1999.1", "public-comprehensive 没有版本 1999.1，现有："),
        ("/standards/compare?base=x&other=y", "请填写“评价标准”"),
        ("/reports/HX20261031-0000009999", "没有编号为 HX20261031-0000009999 的报告"),
        ("/reports/nonsense", "没有编号为 nonsense 的报告"),
        ("/reports/new?enterprise=1", "统一社会信用代码"),
        ("/nowhere", "没有 /nowhere 这一页面"),
        ("/find?q=a&q=b", "网址或表单中有无法读取的内容"),
        ("/reports", "没有这一页面"),
    ];
    for (path, said) in wrong {
        let answer = visitor.get(path);
        let html = answer.html();
        // A field nobody knows is missing from a page that is otherwise whole.
        assert_eq!(
            (400..500).contains(&answer.status),
            !path.contains("?field=astrology") || path.contains("/change"),
            "{path}: {}",
            answer.status
        );
        assert!(texts(&html).concat().contains(said), "{path}: no `{said}` in {:#?}", texts(&html));
        check(path, &html);
    }
}

#[test]
fn what_is_wrong_with_a_form_is_told_in_chinese() {
    let mut visitor = Visitor::of(&open());
    let order = format!("/reports/new?enterprise={}&as_of={AS_OF}", sample());
    let it = sample();
    let mut sent = |page: &str, to: &str, fields: &[(&str, &str)], said: &str| {
        let html = visitor.send(page, to, fields).html();
        assert!(texts(&html).concat().contains(said), "{fields:?}: no `{said}` in {:#?}", texts(&html));
        check(to, &html);
    };
    let reports = [
        (&[("enterprise", &*it), ("kind", "novel")][..], "“报告种类”不合要求，现为 novel"),
        (
            &[("enterprise", &*it), ("kind", "public"), ("as_of", "2999-01-01")],
            "“评价日期”2999-01-01 晚于今天",
        ),
        (
            &[("enterprise", &*it), ("kind", "special"), ("as_of", AS_OF), ("from", "2001-01-01")],
            "“起始日期”2001-01-01 过早，不得早于 2021-10-31",
        ),
        (
            &[("enterprise", &*it), ("kind", "special"), ("as_of", AS_OF), ("from", "2026-11-01")],
            "“起始日期”2026-11-01 过晚，不得晚于 2026-10-31",
        ),
        (&[("enterprise", &*it), ("kind", "special"), ("as_of", AS_OF)], "“起始日期”"),
        (
            &[("enterprise", &*it), ("kind", "special"), ("from", "2026-01-01"), ("special_field", "stars")],
            "“领域”没有 stars 一项，可选：",
        ),
        (&[("enterprise", "1"), ("kind", "public")], "应为18位，现为1位"),
        (&[("enterprise", &*it), ("kind", "public"), ("purpose", "a\nb")], "“用途”过长，至多"),
    ];
    for (fields, said) in reports {
        sent(&order, "/reports", fields, said);
    }
    // A form of another session brings no secret back.
    sent("/verify", "/reports", &[("enterprise", &*it), ("kind", "public")], "表单来自先前的会话或其他页面");
    let draft = "/standards/draft";
    sent(draft, draft, &[("text", "standard: a\ncolour: red\n")], "此处没有这一项");
    sent(draft, draft, &[("text", "a: [")], "文本不合所用的 YAML 子集");
    let shipped = include_str!("../../../../standards/public-comprehensive/2026.1.yaml");
    sent(draft, draft, &[("text", shipped), ("enterprise", "1")], "应为18位，现为1位");
    sent(
        draft,
        draft,
        &[("text", shipped), ("enterprise", &*it), ("as_of", "soon")],
        "“评价日期”soon 不是日期",
    );
    sent(draft, draft, &[("text", shipped), ("enterprise", &*it), ("as_of", AS_OF)], "试用结果");
}
