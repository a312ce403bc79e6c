//! What the text of a standard says, line by line in its own order: for pages that show a standard to people.
//!
//! Works from the tree of the text, which was checked when the catalogue was made. What this file has no place of its own for
//! becomes a detail of its line, and a key it does not know a line of its own: nothing that is written is lost.

use hengxin_core::document::{Node, Value};
use hengxin_core::number::{Points, Share, parse_decimal};
use hengxin_core::scope::Source;
use hengxin_standard::parse_document;

use super::compare::flatten;

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A setting of the whole.
    Setting,
    /// Who is not evaluated.
    Eligibility,
    /// Scale and base.
    Scale,
    /// A dimension.
    Dimension,
    /// An indicator.
    Indicator,
    /// A grade.
    Grade,
    /// A finding.
    Finding,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is about.
    pub kind: Kind,
    /// 0 at the top.
    pub depth: u32,
    /// Id of what it is about; of a setting, its key.
    pub id: String,
    /// Title, or the reason of an eligibility rule; empty where there is none.
    pub title: String,
    /// Weight within its group.
    pub weight: Option<Share>,
    /// Least points; of a grade, the least score.
    pub min: Option<Points>,
    /// Most points.
    pub max: Option<Points>,
    /// Everything else it says: keys that lead there, and the text.
    pub details: Vec<(String, String)>,
    /// Where its figures come from.
    pub source: Option<Source>,
}

/// The lines of a text that has been checked. Of one that cannot be read, none.
pub fn lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let Ok(document) = parse_document(text) else { return lines };
    let Value::Map(entries) = &document.value else { return lines };
    for (key, node) in entries {
        match key.text.as_str() {
            "eligibility" => each(node, Kind::Eligibility, &mut lines),
            "findings" => each(node, Kind::Finding, &mut lines),
            "dimensions" => dimensions(node, 0, &mut lines),
            "scale" => lines.push(line(Kind::Scale, "scale", node, 0)),
            "grades" => grades(node, &mut lines),
            key => {
                let mut details = Vec::new();
                flatten(node, key, &mut details);
                let setting = Line { details, ..bare(Kind::Setting, key, 0) };
                lines.push(setting);
            }
        }
    }
    lines
}

fn bare(kind: Kind, id: &str, depth: u32) -> Line {
    Line {
        kind,
        depth,
        id: id.to_owned(),
        title: String::new(),
        weight: None,
        min: None,
        max: None,
        details: Vec::new(),
        source: None,
    }
}

fn each(list: &Node, kind: Kind, lines: &mut Vec<Line>) {
    lines.extend(list.items().iter().map(|node| line(kind, "", node, 0)));
}

fn dimensions(list: &Node, depth: u32, lines: &mut Vec<Line>) {
    for node in list.items() {
        lines.push(line(Kind::Dimension, "", node, depth));
        if let Some(inner) = node.child("dimensions") {
            dimensions(inner, depth + 1, lines);
        }
        if let Some(indicators) = node.child("indicators") {
            lines.extend(indicators.items().iter().map(|n| line(Kind::Indicator, "", n, depth + 1)));
        }
    }
}

/// The scheme with its source, then its grades.
fn grades(node: &Node, lines: &mut Vec<Line>) {
    lines.push(line(Kind::Setting, "grades", node, 0));
    // `bands` where there are scores, `order` where there are none.
    for key in ["bands", "order"] {
        let list = node.child(key).map(Node::items).unwrap_or_default();
        lines.extend(list.iter().map(|node| line(Kind::Grade, "", node, 1)));
    }
}

/// One line. What has a place in it is put there, what has lines of its own is left to them, the rest is told key by key.
fn line(kind: Kind, id: &str, node: &Node, depth: u32) -> Line {
    let mut line = bare(kind, id, depth);
    let Value::Map(entries) = &node.value else {
        flatten(node, id, &mut line.details);
        return line;
    };
    for (key, inner) in entries {
        let told = match (kind, key.text.as_str()) {
            (Kind::Dimension, "dimensions" | "indicators") | (Kind::Setting, "bands" | "order") => true,
            (Kind::Grade, "grade") | (_, "id") => put(&mut line.id, inner.text().map(str::to_owned)),
            (Kind::Eligibility, "reason") | (_, "title") => {
                put(&mut line.title, inner.text().map(str::to_owned))
            }
            (Kind::Scale, "base_source") | (_, "source") => put(&mut line.source, source(inner).map(Some)),
            (_, "weight") => put(&mut line.weight, share(inner).map(Some)),
            (Kind::Grade, "from") | (_, "min") => put(&mut line.min, points(inner).map(Some)),
            (_, "max") => put(&mut line.max, points(inner).map(Some)),
            _ => false,
        };
        if !told {
            flatten(inner, &key.text, &mut line.details);
        }
    }
    line
}

/// Puts a value in its place, if it could be read.
fn put<T>(place: &mut T, value: Option<T>) -> bool {
    let read = value.is_some();
    if let Some(value) = value {
        *place = value;
    }
    read
}

fn points(node: &Node) -> Option<Points> {
    parse_decimal(node.text()?, 4).ok().map(Points::from_ten_thousandths)
}

fn share(node: &Node) -> Option<Share> {
    parse_decimal(node.text()?.strip_suffix('%')?, 2).ok().map(Share::from_basis_points)
}

fn source(node: &Node) -> Option<Source> {
    let text = |key: &str| node.child(key).and_then(Node::text).map(str::to_owned);
    match (text("document"), text("project")) {
        (Some(document), None) => Some(Source::Cited { document, clause: text("clause"), url: text("url") }),
        (None, Some(reason)) => Some(Source::Project { reason }),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hengxin_standard::Catalogue;

    use super::*;

    /// Everything a line says, as texts.
    fn said(line: &Line) -> Vec<String> {
        let mut said = vec![line.id.clone(), line.title.clone()];
        said.extend(line.details.iter().map(|(_, text)| text.clone()));
        match &line.source {
            Some(Source::Cited { document, clause, url }) => {
                said.extend([Some(document), clause.as_ref(), url.as_ref()].into_iter().flatten().cloned());
            }
            Some(Source::Project { reason }) => said.push(reason.clone()),
            None => {}
        }
        said
    }

    fn scalars<'n>(node: &'n Node, found: &mut Vec<&'n str>) {
        match &node.value {
            Value::Scalar(text) => found.push(text),
            Value::List(items) => items.iter().for_each(|item| scalars(item, found)),
            Value::Map(entries) => entries.iter().for_each(|(_, item)| scalars(item, found)),
        }
    }

    #[test]
    fn nothing_that_a_shipped_standard_says_is_lost_and_each_of_its_parts_is_one_line() {
        let catalogue = Catalogue::shipped().expect("sound");
        let mut seen = 0;
        for edition in catalogue.standards() {
            let (standard, lines) = (&edition.standard, lines(&edition.text));
            let name = format!("{} {}", standard.id, standard.edition);
            let ids = |kind: Kind| -> Vec<&str> {
                lines.iter().filter(|line| line.kind == kind).map(|line| line.id.as_str()).collect()
            };
            let same = |told: Vec<&str>, checked: Vec<&str>| {
                let sorted = |mut ids: Vec<&str>| {
                    ids.sort_unstable();
                    ids.join(" ")
                };
                assert_eq!(sorted(told), sorted(checked), "{name}");
            };
            same(ids(Kind::Indicator), standard.indicators.iter().map(|i| i.id.as_str()).collect());
            same(ids(Kind::Dimension), standard.dimensions.iter().map(|d| d.id.as_str()).collect());
            same(ids(Kind::Finding), standard.findings.iter().map(|f| f.id.as_str()).collect());
            same(ids(Kind::Eligibility), standard.eligibility.iter().map(|e| e.id.as_str()).collect());
            // Grades in their own order, best first.
            let grades: Vec<&str> = standard.grades.all.iter().map(|g| g.id.as_str()).collect();
            assert_eq!(ids(Kind::Grade), grades, "{name}");
            let mut texts: Vec<String> = lines.iter().flat_map(said).collect();
            // Lists of scalars are one detail.
            texts.extend(texts.clone().iter().flat_map(|text| text.split(", ").map(str::to_owned)));
            let texts: BTreeSet<String> = texts.into_iter().collect();
            let numbers: BTreeSet<i64> = lines
                .iter()
                .flat_map(|line| [line.min, line.max])
                .flatten()
                .map(Points::ten_thousandths)
                .collect();
            let weights: BTreeSet<i64> =
                lines.iter().filter_map(|line| line.weight).map(Share::basis_points).collect();
            let document = parse_document(&edition.text).expect("checked");
            let mut all = Vec::new();
            scalars(&document, &mut all);
            assert!(all.len() > 50, "{name}");
            for text in all {
                let number = parse_decimal(text, 4).is_ok_and(|n| numbers.contains(&n));
                let weight = text.strip_suffix('%').and_then(|text| parse_decimal(text, 2).ok());
                let told = texts.contains(text) || number || weight.is_some_and(|n| weights.contains(&n));
                assert!(told, "{name}: `{text}` is lost");
                seen += 1;
            }
            // No path twice within a line: a reader could not tell which is meant.
            for line in &lines {
                let paths: BTreeSet<&str> = line.details.iter().map(|(path, _)| path.as_str()).collect();
                assert_eq!(paths.len(), line.details.len(), "{name}: {line:?}");
            }
        }
        assert!(seen > 1000, "{seen}");
    }

    #[test]
    fn an_indicator_says_what_is_measured_key_by_key_and_keeps_what_nobody_knows() {
        let text = "\
standard: x
surprise: {a: [1, 2], b: c}
dimensions:
  - id: d
    title: 维度
    weight: 12.5%
    max: 40
    dimensions:
      - id: e
        indicators:
          - id: i
            title: 指标
            source: {document: 文件, clause: 第一条}
            weight: 100%
            reading: {count: penalty, where: {severity: [general, serious]}}
            rule: {per_event: {full: 120, each: -30, floor: 0}}
            unknown: exclude
scale: {base: 0, min: -5, max: 100, decimals: 2, rounding: half-up}
";
        let lines = lines(text);
        let shown: Vec<String> = lines
            .iter()
            .map(|line| {
                let details: Vec<String> =
                    line.details.iter().map(|(path, text)| format!("{path}={text}")).collect();
                format!("{:?} {} {} {}", line.kind, line.depth, line.id, details.join(" "))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "Setting 0 standard standard=x",
                "Setting 0 surprise surprise/a=1, 2 surprise/b=c",
                "Dimension 0 d ",
                "Dimension 1 e ",
                "Indicator 2 i reading/count=penalty reading/where/severity=general, serious rule/per_event/full=120 \
                 rule/per_event/each=-30 rule/per_event/floor=0 unknown=exclude",
                "Scale 0 scale base=0 decimals=2 rounding=half-up",
            ]
        );
        assert_eq!(lines[2].weight.map(Share::basis_points), Some(1250));
        assert_eq!(lines[2].max.map(|points| points.to_string()).as_deref(), Some("40"));
        let source =
            Source::Cited { document: "文件".to_owned(), clause: Some("第一条".to_owned()), url: None };
        assert_eq!(lines[4].source, Some(source));
        assert_eq!(lines[5].min.map(Points::ten_thousandths), Some(-50_000));
    }
}
