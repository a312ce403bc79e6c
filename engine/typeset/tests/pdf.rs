//! Documents as a reader finds them: their text by `pdftotext`, which Debian's package `poppler-utils` has.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use hengxin_proto::v1;
use hengxin_typeset::{DEFAULT_FONTS, TypesetError, fonts, typeset};
use prost::Message as _;

fn field(title: &str, value: &str) -> v1::FactField {
    v1::FactField {
        id: "x".to_owned(),
        title: title.to_owned(),
        value: value.to_owned(),
        masked: false,
        text: value.to_owned(),
    }
}

fn report() -> v1::Report {
    let record = |n: u64| v1::ReportRecord {
        fact_id: n,
        title: "行政处罚".to_owned(),
        occurred_on: "2026-01-05".to_owned(),
        ends_on: String::new(),
        repaired_on: if n == 2 { "2026-02-01".to_owned() } else { String::new() },
        under_objection: n == 1,
        fields: vec![
            field("行政处罚决定书文号", &format!("杭市监罚〔2026〕{n}号")),
            field("罚款金额(万元)", "1.5"),
        ],
    };
    let section = |title: &str, records: Vec<v1::ReportRecord>| v1::ReportSection {
        id: "x".to_owned(),
        title: title.to_owned(),
        records,
        ..v1::ReportSection::default()
    };
    v1::Report {
        number: "HX20260630-0000000001".to_owned(),
        verification_code: "ABCD-EFGH-JKMN-PQRS".to_owned(),
        kind: v1::ReportKind::Special.into(),
        enterprise: "enterprises/91330106MB00000192".to_owned(),
        display_name: "杭州甲有限公司".to_owned(),
        issued_at: Some(prost_types::Timestamp { seconds: 1_782_792_000, nanos: 0 }),
        valid_until: "2026-07-30".to_owned(),
        issued_for: "市场监管局".to_owned(),
        as_of: "2026-06-30".to_owned(),
        from: "2023-01-01".to_owned(),
        fields: vec!["tax".to_owned()],
        field_titles: vec!["税务".to_owned()],
        r#use: "招标投标".to_owned(),
        sections: vec![
            section("一、行政处罚及行政命令信息", (1..=40).map(record).collect()),
            section("二、严重失信主体名单信息", Vec::new()),
            v1::ReportSection {
                missing_registers: vec!["司法裁判及执行信息".to_owned()],
                not_delivered: true,
                ..section("四、司法判决及执行信息", Vec::new())
            },
        ],
        statements: vec!["本报告所载信息由各数据来源单位提供,内容由数据来源单位负责。".to_owned()],
        engine_version: "0.1.0".to_owned(),
        ..v1::Report::default()
    }
}

fn named(name: &str) -> v1::Report {
    v1::Report { display_name: name.to_owned(), ..report() }
}

fn set(report: &v1::Report) -> Result<Vec<u8>, TypesetError> {
    let files: Vec<PathBuf> = DEFAULT_FONTS.iter().map(PathBuf::from).collect();
    typeset(&report.encode_to_vec(), "https://credit.example.cn/verify", fonts(&files)?)
}

/// The text of a document, without blanks: lines are broken and aligned for the eye.
fn text(pdf: &[u8]) -> String {
    let mut reader = Command::new("pdftotext")
        .args(["-enc", "UTF-8", "-", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("pdftotext, of Debian's package poppler-utils");
    let mut stdin = reader.stdin.take().expect("a pipe");
    let pdf = pdf.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&pdf));
    let output = reader.wait_with_output().expect("read");
    writer.join().expect("joined").expect("written");
    tight(&String::from_utf8(output.stdout).expect("UTF-8"))
}

fn tight(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '\u{200B}').collect()
}

#[test]
fn a_document_says_what_its_report_says() {
    let report = report();
    let found = text(&set(&report).expect("set"));
    let mut expected: Vec<String> = [
        "专项信用报告",
        &report.number,
        &report.verification_code,
        "91330106MB00000192",
        &report.display_name,
        "2026-06-30 12:00:00",
        &report.valid_until,
        "2023-01-01 至 2026-06-30",
        "税务",
        &report.issued_for,
        &report.r#use,
        "第 1 页 共",
        "异议处理中",
        "已修复(2026-02-01)",
        "未归集或者未归集到报告所述日期:司法裁判及执行信息。",
        "截至报告所述日期,未查询到此类信息。",
        &report.statements[0],
    ]
    .map(str::to_owned)
    .to_vec();
    for section in &report.sections {
        expected.push(section.title.clone());
        for record in &section.records {
            expected
                .extend(record.fields.iter().flat_map(|field| [field.title.clone(), field.value.clone()]));
        }
    }
    for one in expected {
        assert!(found.contains(&tight(&one)), "`{one}` is not in:\n{found}");
    }
    assert_eq!(found.matches("已修复").count(), 1);
    // Every page has its number.
    let pages = found.matches("页共").count();
    assert!(pages > 2 && found.contains(&format!("第{pages}页共{pages}页")), "{pages} pages");
}

#[test]
fn a_report_with_tiers_prints_results_reasons_indicators_and_measures() {
    let points = |decimal: &str| Some(v1::Points { decimal: decimal.to_owned(), ten_thousandths: 0 });
    let line = |kind: v1::LineKind, title: &str, reading: &str, unknown_reason: &str| v1::ExplanationLine {
        kind: kind.into(),
        title: title.to_owned(),
        reading: reading.to_owned(),
        unknown_reason: unknown_reason.to_owned(),
        points: points("12.5"),
        max: points("40"),
        ..v1::ExplanationLine::default()
    };
    let edition = |title: &str| v1::EditionReference {
        title: title.to_owned(),
        edition: "2026.1".to_owned(),
        digest: "ab".repeat(32),
        ..v1::EditionReference::default()
    };
    let result = v1::Evaluation {
        standard: Some(edition("公共信用综合评价")),
        score: points("871.25"),
        grade: Some(v1::Grade { grade: "B".to_owned(), title: "良".to_owned(), ..v1::Grade::default() }),
        reasons: vec![v1::Reason {
            title: "罚款金额".to_owned(),
            lost: points("15"),
            ..v1::Reason::default()
        }],
        explanation: Some(v1::Explanation {
            lines: vec![
                line(v1::LineKind::Indicator, "成立年限", "15 years", ""),
                line(v1::LineKind::Indicator, "纳税信用", "", "not-delivered"),
                line(v1::LineKind::Score, "", "", ""),
            ],
        }),
        ..v1::Evaluation::default()
    };
    let measure = v1::Measure {
        title: "加大抽查频次".to_owned(),
        source: Some(v1::Source {
            document: "某办法".to_owned(),
            clause: "第九条".to_owned(),
            ..v1::Source::default()
        }),
        ..v1::Measure::default()
    };
    let report = v1::Report {
        kind: v1::ReportKind::Evaluation.into(),
        sections: Vec::new(),
        tiers: vec![v1::TierDecision {
            field: "environment".to_owned(),
            policy: Some(edition("生态环境分级分类监管")),
            tier: 3,
            title: "重点监管".to_owned(),
            public_result: Some(result),
            measures: vec![measure],
            ..v1::TierDecision::default()
        }],
        ..report()
    };
    let found = text(&set(&report).expect("set"));
    for expected in [
        "信用评价报告",
        "生态环境分级分类监管",
        "监管等级3重点监管",
        "公共信用综合评价",
        "得分871.25",
        "等级B良",
        "罚款金额15",
        "成立年限15年12.540",
        "纳税信用未知",
        "总分",
        "加大抽查频次某办法第九条",
    ] {
        assert!(found.contains(expected), "`{expected}` is not in:\n{found}");
    }
}

#[test]
fn what_is_not_shown_or_not_delivered_is_said_and_never_looks_clean() {
    let mut report = report();
    report.kind = v1::ReportKind::Public.into();
    report.masked = true;
    report.sections[1].withheld = true;
    let found = text(&set(&report).expect("set"));
    assert!(found.contains("公共信用信息报告") && !found.contains("领域税务"), "{found}");
    assert!(found.contains("二、严重失信主体名单信息不展示"), "{found}");
    assert!(found.contains("四、司法判决及执行信息0条(有未归集)"), "{found}");
    assert!(!found.contains("未查询到此类信息"), "{found}");
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let (one, other) = (set(&report()).expect("set"), set(&report()).expect("set"));
    assert!(one == other, "two documents of one report differ");
    assert!(one != set(&named("another")).expect("set"));
}

#[test]
fn a_character_without_a_glyph_is_named_with_its_place() {
    let error = set(&named("甲😀公司")).expect_err("no glyph");
    assert_eq!(error, TypesetError::NoGlyph { character: '😀', place: "display_name".to_owned() });
    assert!(error.of_the_report());
    let mut report = report();
    report.sections[0].records[3].fields[1].value = "\u{F0000}".to_owned();
    let told = set(&report).expect_err("no glyph").to_string();
    let expected = "sections[0].records[3].fields[1].value: found `\u{F0000}` (U+F0000), expected characters that the fonts have";
    assert_eq!(told, expected);
}

#[test]
fn hostile_names_are_printed_and_do_nothing() {
    for name in [
        "<script>alert(1)</script>",
        "#import \"/etc/passwd\": *",
        "#panic(1) #{while true {}}",
        "$x$ $ #h(1fr) $",
        "*a* _b_ `c` = d @e <f> // g /* h",
        "\\u{41} \\ ~ -- --- ... '\"",
        "https://example.cn/?a=b#c",
        "(甲)有限公司;DROP TABLE reports",
        &"W".repeat(200),
        &"很长的名称".repeat(40),
    ] {
        let mut report = named(name);
        report.sections[0].records[0].fields[0] = field(name, name);
        report.r#use = name.to_owned();
        let found = text(&set(&report).unwrap_or_else(|error| panic!("{name}: {error}")));
        assert!(found.matches(&tight(name)).count() >= 4, "`{name}` is not in:\n{found}");
    }
    // What would turn the direction of writing round, or not be seen, is spelled out.
    let found = text(&set(&named("甲\u{202E}司公限有\u{200B}\0")).expect("set"));
    assert!(found.contains("甲[U+202E]司公限有[U+200B][U+0000]"), "{found}");
    assert!(!found.contains('\u{202E}'));
}

#[test]
fn what_is_no_report_is_refused() {
    for bytes in [&b""[..], b"hello", &[0xFF; 40]] {
        let error = typeset(bytes, "", Vec::new()).expect_err("no report");
        assert!(matches!(error, TypesetError::Unreadable(_)), "{error}");
    }
    let missing = fonts(&[PathBuf::from("/nowhere.ttc")]).expect_err("no font");
    assert!(!missing.of_the_report() && missing.to_string().contains("/nowhere.ttc"), "{missing}");
}

/// The program itself: standard input to standard output, and exit codes that say whose fault it is.
#[test]
fn the_program_reads_a_report_and_writes_a_document() {
    let run = |report: &v1::Report, arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_hengxin-typeset"))
            .args(arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        let mut stdin = program.stdin.take().expect("a pipe");
        // One that fails at once reads nothing.
        let _ = stdin.write_all(&report.encode_to_vec());
        drop(stdin);
        program.wait_with_output().expect("ended")
    };
    let done = run(&report(), &["--verify-url=https://credit.example.cn/verify"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(done.stdout == set(&report()).expect("set"), "the library gives another document");
    let refused = run(&named("😀"), &[]);
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(2), 0));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("display_name: found `😀` (U+1F600)"));
    assert_eq!(run(&report(), &["--font", "/nowhere.ttc"]).status.code(), Some(1));
    assert_eq!(run(&report(), &["--frames"]).status.code(), Some(1));
}
