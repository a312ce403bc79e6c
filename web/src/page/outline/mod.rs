//! What a line of a standard says besides title and points, in words: what is measured, how it earns points, what happens when
//! it is unknown, when a finding applies and what it does.
//!
//! The service tells it key by key, as written. Here keys become words, ids the titles they have in the vocabulary, and rows
//! phrases. A key nobody knows is shown as it is.

mod keys;
mod tree;

use std::collections::HashMap;

use hengxin_proto::v1;

use self::tree::Tree;
use crate::words::Language;

/// What things are called.
#[derive(Clone, Copy)]
pub(crate) struct Called<'t> {
    /// The language.
    pub(crate) l: Language,
    /// What the vocabulary calls codes, fields and values, as in [`crate::Setup`].
    pub(crate) titles: &'t HashMap<String, String>,
    /// Titles of standards, by id.
    pub(crate) standards: &'t HashMap<String, String>,
    /// Titles of the standard's grades, by id.
    pub(crate) grades: &'t HashMap<String, String>,
}

/// One thing a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// What it is about, such as how points are earned.
    pub(crate) about: String,
    /// What it says.
    pub(crate) words: String,
}

/// The details of a line as phrases.
pub(crate) fn told(called: Called<'_>, details: &[v1::OutlineDetail]) -> Vec<Told> {
    let tree = Tree::of(details.iter().map(|detail| (detail.path.as_str(), detail.value.as_str())));
    let Tree::Map(entries) = &tree else { return Vec::new() };
    let scope = Scope { called, whole: &tree, codes: Vec::new(), attribute: None };
    let about = |key: &str| keys::about(called.l, key).map_or_else(|| key.to_owned(), str::to_owned);
    // What a scheme is called is for programs.
    let entries = entries.iter().filter(|(key, _)| key != "scheme");
    let told = entries.map(|(key, inner)| Told { about: about(key), words: scope.phrase(key, inner) });
    told.filter(|told| !told.words.is_empty()).collect()
}

/// What a line is called that has no title: the word of its key.
pub(crate) fn title(l: Language, id: &str) -> String {
    keys::about(l, id).unwrap_or_default().to_owned()
}

/// Where in a standard something stands, in words: titles where `named` has one for an id, words for keys.
pub(crate) fn place(called: Called<'_>, named: &HashMap<String, String>, path: &str) -> String {
    let steps = path.split('/').map(|step| {
        let word = keys::about(called.l, step).or_else(|| keys::word(called.l, step)).map(str::to_owned);
        let title = || named.get(step).or_else(|| called.titles.get(step)).cloned();
        match step.parse::<u32>() {
            Ok(row) => called.l.row(row),
            Err(_) => word
                .or_else(title)
                .or_else(|| any_value(called.titles, step))
                .unwrap_or_else(|| step.to_owned()),
        }
    });
    steps.collect::<Vec<_>>().join(" › ")
}

/// A value by itself: titles of what is one in the vocabulary, words of the format, else as it is.
pub(crate) fn value(called: Called<'_>, text: &str) -> String {
    let each = text.split(", ").map(|one| {
        let title = called.titles.get(one).or_else(|| called.standards.get(one)).cloned();
        let kind = called.l.subject(one);
        let word = keys::value(called.l, one).map(str::to_owned);
        let kind = (kind != one).then(|| kind.to_owned());
        title.or(word).or_else(|| any_value(called.titles, one)).or(kind).unwrap_or_else(|| one.to_owned())
    });
    each.collect::<Vec<_>>().join(called.l.say("、", ", "))
}

/// What a value is called, when all fields that have it call it alike.
fn any_value(titles: &HashMap<String, String>, id: &str) -> Option<String> {
    let ends = format!(".{id}");
    let mut known = titles.iter().filter(|(key, _)| key.ends_with(&ends)).map(|(_, title)| title);
    let first = known.next()?;
    known.all(|other| other == first).then(|| first.clone())
}

/// A part of a line with the codes and the attribute it speaks of.
struct Scope<'s> {
    called: Called<'s>,
    whole: &'s Tree,
    codes: Vec<&'s str>,
    attribute: Option<&'s str>,
}

impl<'s> Scope<'s> {
    fn l(&self) -> Language {
        self.called.l
    }

    /// `words`, with the punctuation of the language between them.
    fn joined(&self, words: impl IntoIterator<Item = String>) -> String {
        let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
        words.join(self.l().say("，", ", "))
    }

    /// What stands under a key.
    fn phrase(&self, key: &str, inner: &'s Tree) -> String {
        let l = self.l();
        match (key, inner) {
            ("window", Tree::Map(entries)) => self.joined(entries.iter().map(|(unit, n)| window(l, unit, n))),
            ("where" | "except", Tree::Map(_)) if !inner.is_rows() => self.matching(inner),
            ("unknown", Tree::Leaf(what)) => {
                keys::unknown(l, what).map_or_else(|| what.clone(), str::to_owned)
            }
            ("unknown", Tree::Map(_)) => match inner.leaf("points") {
                Some(points) => l.points(points),
                None => self.map(inner),
            },
            ("ratio", Tree::Map(entries)) => {
                let side = |key: &str| {
                    entries.iter().find(|(known, _)| known == key).map(|(_, side)| self.map(side))
                };
                let (of, to) = (side("of").unwrap_or_default(), side("to").unwrap_or_default());
                format!(
                    "{}{of}{} ÷ {}{to}{}",
                    l.say("（", "("),
                    l.say("）", ")"),
                    l.say("（", "("),
                    l.say("）", ")")
                )
            }
            ("category", Tree::Map(entries)) => self.priced(entries, self.taken()),
            ("points", Tree::Map(entries)) => self.priced(entries, self.attribute),
            (_, Tree::Leaf(text)) => self.leaf(key, text),
            (_, Tree::Map(_)) => self.map(inner),
        }
    }

    /// A map, key by key, or its rows.
    fn map(&self, tree: &'s Tree) -> String {
        let Tree::Map(entries) = tree else { return String::new() };
        let l = self.l();
        if tree.is_rows() {
            let rows = entries.iter().map(|(_, row)| self.within(row).row(row));
            return rows.collect::<Vec<_>>().join(l.say("；", "; "));
        }
        let scope = self.within(tree);
        scope.joined(entries.iter().map(|(key, inner)| {
            let said = scope.phrase(key, inner);
            match keys::word(l, key) {
                // What follows says itself what it is.
                Some("") => said,
                Some(word) if said.is_empty() => word.to_owned(),
                Some(word)
                    if matches!(inner, Tree::Map(_))
                        && !["where", "except", "window", "ratio"].contains(&key.as_str()) =>
                {
                    format!("{word}{}{said}{}", l.say("（", " ("), l.say("）", ")"))
                }
                Some(word) => format!("{word} {said}"),
                None => format!("{key} {said}"),
            }
        }))
    }

    /// A row of a list: bands, anchors and steps are said shortly.
    fn row(&self, row: &'s Tree) -> String {
        let l = self.l();
        let said = |key: &str| row.leaf(key);
        let points = said("points").map(|points| l.points(points));
        match (said("from"), said("to"), said("at"), said("months"), points) {
            (from, to, None, None, Some(points)) if from.is_some() || to.is_some() => {
                format!("{} {points}", band(l, from, to))
            }
            (None, None, Some(at), None, Some(points)) => format!("{at} → {points}"),
            (None, None, None, Some(months), None) => {
                let share = said("share").unwrap_or_default();
                format!("{} {share}", window(l, "months", &Tree::Leaf(months.to_owned())))
            }
            _ => self.phrase("", row),
        }
    }

    /// The same with the codes and the attribute a map names.
    fn within(&self, tree: &'s Tree) -> Scope<'s> {
        let codes: Vec<&str> = keys::SELECTIONS
            .iter()
            .filter_map(|key| tree.leaf(key))
            .flat_map(|codes| codes.split(", "))
            .collect();
        Scope {
            called: self.called,
            whole: self.whole,
            codes: if codes.is_empty() { self.codes.clone() } else { codes },
            attribute: tree.leaf("by").or(tree.leaf("take")).or(tree.leaf("attribute")).or(self.attribute),
        }
    }

    /// The attribute that a rule by categories looks at.
    fn taken(&self) -> Option<&'s str> {
        self.whole.find("take").or(self.whole.find("attribute"))
    }

    /// Attributes and the values they must have.
    fn matching(&self, tree: &'s Tree) -> String {
        let Tree::Map(entries) = tree else { return String::new() };
        let l = self.l();
        self.joined(entries.iter().map(|(attribute, values)| match values {
            Tree::Leaf(values) if keys::COMPARISONS.contains(&attribute.as_str()) => {
                format!("{} {values}", keys::word(l, attribute).unwrap_or(attribute))
            }
            Tree::Leaf(values) => {
                let named: Vec<String> =
                    values.split(", ").map(|value| self.value(Some(attribute), value)).collect();
                format!(
                    "{}{}{}",
                    self.attribute(attribute),
                    l.say("为", " is "),
                    named.join(l.say("、", " or "))
                )
            }
            Tree::Map(_) => self.map(values),
        }))
    }

    /// Values with their points.
    fn priced(&self, entries: &'s [(String, Tree)], attribute: Option<&str>) -> String {
        let l = self.l();
        let each = entries.iter().map(|(value, points)| match points {
            Tree::Leaf(points) => format!("{} {}", self.value(attribute, value), l.points(points)),
            Tree::Map(_) => format!("{} {}", self.value(attribute, value), self.map(points)),
        });
        each.collect::<Vec<_>>().join(l.say("、", ", "))
    }

    /// A text under a key.
    fn leaf(&self, key: &str, text: &str) -> String {
        let l = self.l();
        let each = |said: &dyn Fn(&str) -> String| {
            text.split(", ").map(said).collect::<Vec<_>>().join(l.say("、", ", "))
        };
        match key {
            "take" | "by" | "of" | "attribute" if self.whole.find("standard").is_none() || key != "take" => {
                each(&|id| self.attribute(id))
            }
            "exactly" | "at_most" | "at_least" | "start" if self.called.grades.contains_key(text) => {
                self.called.grades.get(text).cloned().unwrap_or_default()
            }
            "standard" => self.called.standards.get(text).cloned().unwrap_or_else(|| text.to_owned()),
            "is" => each(&|value| self.value(self.attribute, value)),
            "points" | "otherwise" | "full" | "floor" | "cap" | "each" => l.points(text),
            key if keys::SELECTIONS.contains(&key) => each(&|code| self.code(code)),
            _ => each(&|value| keys::value(l, value).map_or_else(|| self.code(value), str::to_owned)),
        }
    }

    fn code(&self, id: &str) -> String {
        self.called.titles.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    /// Codes something may be declared by: those it stands with, then all of the line, then the registration.
    fn declaring(&self) -> impl Iterator<Item = &str> {
        let all =
            keys::SELECTIONS.iter().flat_map(|key| self.whole.all(key)).flat_map(|codes| codes.split(", "));
        self.codes.iter().copied().chain(all).chain(["registration", "relation"])
    }

    fn attribute(&self, id: &str) -> String {
        let title = self.declaring().find_map(|code| self.called.titles.get(&format!("{code}.{id}")));
        let word = || keys::value(self.l(), id).map(str::to_owned);
        let kind = || self.called.titles.get(&format!("relation.kind.{id}")).cloned();
        title.cloned().or_else(word).or_else(kind).unwrap_or_else(|| self.code(id))
    }

    fn value(&self, attribute: Option<&str>, id: &str) -> String {
        let title = attribute.and_then(|attribute| {
            self.declaring().find_map(|code| self.called.titles.get(&format!("{code}.{attribute}.{id}")))
        });
        title.cloned().or_else(|| any_value(self.called.titles, id)).unwrap_or_else(|| id.to_owned())
    }
}

/// From where to where a row goes: the lower end belongs to it, the upper does not.
fn band(l: Language, from: Option<&str>, to: Option<&str>) -> String {
    match (from, to) {
        (Some(from), Some(to)) => format!("{from} {} {to}{}", l.say("至不满", "to below"), l.say("：", ":")),
        (Some(from), None) => format!("{} {from}{}", l.say("不低于", "from"), l.say("：", ":")),
        (None, Some(to)) => format!("{} {to}{}", l.say("不满", "below"), l.say("：", ":")),
        (None, None) => String::new(),
    }
}

/// Which days facts are of.
fn window(l: Language, unit: &str, n: &Tree) -> String {
    let Tree::Leaf(n) = n else { return String::new() };
    match (l, unit) {
        (Language::Chinese, "days") => format!("近{n}天"),
        (Language::Chinese, "months") => format!("近{n}个月"),
        (Language::Chinese, "years") => format!("近{n}年"),
        (Language::Chinese, "since") => format!("自 {n} 起"),
        (Language::Chinese, _) => match n.as_str() {
            "0" => "本年度".to_owned(),
            "-1" => "上一年度".to_owned(),
            other => format!("{}年前的年度", other.trim_start_matches('-')),
        },
        (Language::English, "days" | "months" | "years") => format!("within {n} {unit}"),
        (Language::English, "since") => format!("since {n}"),
        (Language::English, _) => match n.as_str() {
            "0" => "this calendar year".to_owned(),
            other => format!("the calendar year {} before", other.trim_start_matches('-')),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(l: Language, details: &[(&str, &str)], expected: &[(&str, &str)]) {
        let titles: HashMap<String, String> = [
            ("administrative-penalty", "行政处罚"),
            ("administrative-penalty.severity", "失信程度"),
            ("administrative-penalty.severity.minor", "轻微"),
            ("administrative-penalty.severity.general", "一般"),
            ("registration.status", "登记状态"),
            ("registration.status.revoked", "吊销"),
        ]
        .into_iter()
        .map(|(id, title)| (id.to_owned(), title.to_owned()))
        .collect();
        let standards = HashMap::from([("public".to_owned(), "公共信用综合评价".to_owned())]);
        let details: Vec<v1::OutlineDetail> = details
            .iter()
            .map(|(path, value)| v1::OutlineDetail { path: (*path).to_owned(), value: (*value).to_owned() })
            .collect();
        let grades = HashMap::from([("red".to_owned(), "红牌".to_owned())]);
        let told = told(Called { l, titles: &titles, standards: &standards, grades: &grades }, &details);
        let told: Vec<(&str, &str)> = told.iter().map(|told| (&*told.about, &*told.words)).collect();
        assert_eq!(told, expected);
    }

    const PENALTIES: &[(&str, &str)] = &[
        ("reading/count", "administrative-penalty"),
        ("reading/where/severity", "minor, general"),
        ("reading/window/months", "24"),
        ("rule/per_event/full", "120"),
        ("rule/per_event/each", "-30"),
        ("rule/per_event/floor", "0"),
        ("unknown/points", "60"),
    ];

    #[test]
    fn an_indicator_is_told_in_words() {
        check(
            Language::Chinese,
            PENALTIES,
            &[
                ("读数", "次数 行政处罚，其中 失信程度为轻微、一般，近24个月"),
                ("计分", "按次计分（起点 120 分，每次 −30 分，最低 0 分）"),
                ("未知时", "60 分"),
            ],
        );
        check(
            Language::English,
            PENALTIES,
            &[
                ("reading", "number of 行政处罚, where 失信程度 is 轻微 or 一般, within 24 months"),
                ("points", "per event (starts at 120 points, each −30 points, at least 0 points)"),
                ("if unknown", "60 points"),
            ],
        );
    }

    #[test]
    fn rows_conditions_and_results_of_other_standards_are_told_too() {
        check(
            Language::Chinese,
            &[
                ("reading/result/standard", "public"),
                ("reading/result/take", "score"),
                ("rule/bands/1/to", "60%"),
                ("rule/bands/1/points", "0"),
                ("rule/bands/2/from", "60%"),
                ("rule/bands/2/points", "20"),
                ("unknown", "exclude"),
            ],
            &[
                ("读数", "其他标准的结果（公共信用综合评价，取 得分）"),
                ("计分", "分段（不满 60%： 0 分；不低于 60%： 20 分）"),
                ("未知时", "不计入，其余按比例折算"),
            ],
        );
        check(
            Language::Chinese,
            &[("exclude_when/reading/attribute", "status"), ("exclude_when/is", "revoked")],
            &[("不评价的情形", "登记信息 登记状态，为 吊销")],
        );
    }

    #[test]
    fn a_grade_has_its_title() {
        check(Language::Chinese, &[("effect/exactly", "red")], &[("效果", "直接判为 红牌")]);
        check(Language::Chinese, &[("effect/downgrade", "1")], &[("效果", "降级数 1")]);
    }

    #[test]
    fn a_place_is_told_by_titles_and_words() {
        let (titles, standards) = (HashMap::new(), HashMap::new());
        let called =
            Called { l: Language::Chinese, titles: &titles, standards: &standards, grades: &standards };
        let named = HashMap::from([("penalties".to_owned(), "行政处罚次数".to_owned())]);
        assert_eq!(
            place(called, &named, "dimensions/indicators/penalties/rule/bands/2/points"),
            "维度 › 指标 › 行政处罚次数 › 计分 › 分段 › 第2行 › 分值"
        );
    }
}
