//! The examples of `docs/standard-format.md` are what they say.

use hengxin_core::scope::Peers;
use hengxin_core::standard::Standard;
use hengxin_core::vocabulary::Vocabulary;
use hengxin_standard::report::FaultyFile;
use hengxin_standard::{folder, parse_document};

const PAGE: &str = include_str!("../../../../docs/standard-format.md");

/// A standard that lacks only what an example gives.
const AROUND: &str = "\
standard: example
edition: \"1\"
title: 示例
authority: 示例机关
status: sample
effective: {from: 2026-01-01}
subjects: [enterprise]
";
const SCALE: &str = "\
scale: {base: 1000, min: 0, max: 1000, decimals: 0, rounding: half-up}
dimensions:
  - id: law
    title: 守法
    indicators:
      - id: penalties
        title: 行政处罚
        source: {project: 示例}
        reading: {count: administrative-penalty}
        rule: {per_event: {full: 0, each: -20, floor: -1000}}
        unknown: {points: 0}
";
const GRADES: &str = "\
grades: {scheme: example, source: {project: 示例}, order: [{grade: A}], start: A}
";

/// Marked blocks: kind, text, line of the fence.
fn examples() -> Vec<(&'static str, String, usize)> {
    let mut found = Vec::new();
    let mut open: Option<(&str, String, usize)> = None;
    for (i, line) in PAGE.lines().enumerate() {
        match (&mut open, line.strip_prefix("```yaml example=")) {
            (None, Some(kind)) => open = Some((kind, String::new(), i + 1)),
            (Some(_), _) if line == "```" => found.extend(open.take()),
            (Some((_, text, _)), _) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

fn indented(text: &str, by: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("{by}{line}")).collect();
    lines.join("\n") + "\n"
}

#[test]
fn every_marked_example_is_accepted() {
    let shipped = folder::shipped();
    let (_, text) =
        shipped.iter().find(|(path, _)| path == "vocabulary.yaml").expect("a vocabulary is shipped");
    let vocabulary =
        parse_document(text).and_then(|node| Vocabulary::parse(&node)).expect("the vocabulary is sound");
    let examples = examples();
    assert!(examples.len() >= 2, "only {} examples are marked", examples.len());
    for (kind, text, line) in examples {
        let whole = match kind {
            "standard" => text,
            "condition" => format!(
                "{AROUND}eligibility:\n  - id: example\n    reason: 示例\n    source: {{project: 示例}}\n    exclude_when:\n{}{GRADES}",
                indented(&text, "      ")
            ),
            "dimensions" => format!(
                "{AROUND}scale: {{base: 0, min: 0, max: 1000, decimals: 0, rounding: half-up}}\n{text}\
                 grades: {{scheme: example, source: {{project: 示例}}, bands: [{{grade: A}}]}}\n"
            ),
            "grades" => format!("{AROUND}{SCALE}{text}"),
            other => panic!("docs/standard-format.md:{line}: an example of `{other}`, which no test knows"),
        };
        let parsed = parse_document(&whole)
            .and_then(|node| Standard::parse(&node, &vocabulary, &Peers::default()).map(|_| ()));
        if let Err(faults) = parsed {
            let file = format!("docs/standard-format.md:{line}: `{kind}`");
            panic!("{}\n{whole}", FaultyFile { file, text: whole.clone(), faults }.plain());
        }
    }
}
