//! The comparison as one page: no script, nothing loaded from elsewhere, readable on paper.

#![expect(
    clippy::many_single_char_names,
    reason = "x, y, w and h are the words of pictures, m is the markup everywhere"
)]

mod charts;
mod markup;
mod sections;

use super::report::{Comparison, EditionTold, RunTold};
use charts::grouped;
use markup::Markup;

/// The page, a whole HTML document.
pub fn page(comparison: &Comparison) -> String {
    let mut m = Markup::default();
    m.element("html", &[("lang", "zh-CN")], |m| {
        m.element("head", &[], |m| {
            m.empty("meta", &[("charset", "utf-8")]);
            m.empty("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
            m.words(
                "title",
                &[],
                &format!("衡信 评价结果对比 {} → {}", comparison.before.run, comparison.after.run),
            );
            m.style_sheet(include_str!("style.css"));
        });
        m.element("body", &[], |m| m.element("main", &[], |m| body(m, comparison)));
    });
    format!("<!DOCTYPE html>\n{}\n", m.into_text())
}

/// A heading with its English below it.
fn heading(m: &mut Markup, tag: &'static str, id: &str, chinese: &str, english: &str) {
    let attributes: &[(&'static str, &str)] = if id.is_empty() { &[] } else { &[("id", id)] };
    m.element(tag, attributes, |m| {
        m.say(chinese);
        m.words("small", &[], english);
    });
}

fn body(m: &mut Markup, c: &Comparison) {
    heading(m, "h1", "", "评价结果对比", "Comparison of two evaluation runs");
    m.words(
        "p",
        &[("class", "note")],
        &format!(
            "基准日 as of {} → {}　·　知悉时点 known at {} → {}",
            c.before.as_of,
            c.after.as_of,
            seconds(&c.before.known_at),
            seconds(&c.after.known_at)
        ),
    );
    verdict(m, c);
    facts(m, c);
    m.element("nav", &[("aria-label", "目录 contents")], |m| {
        for (to, words) in [
            ("#runs", "评价依据 Editions"),
            ("#moves", "级别与等级变化 Moves"),
            ("#clauses", "变化原因 Clauses"),
            ("#workload", "检查工作量 Workload"),
            ("#breakdown", "分组 Breakdown"),
            ("#movers", "变化主体 Movers"),
            ("#method", "方法 Method"),
        ] {
            m.words("a", &[("href", to)], words);
        }
    });
    runs(m, c);
    sections::moves(m, c);
    sections::clauses(m, c);
    sections::workload(m, c);
    sections::breakdown(m, c);
    sections::movers(m, c);
    method(m, c);
    m.element("footer", &[], |m| {
        m.say(&format!("衡信 Hengxin {} · {} v{}", env!("CARGO_PKG_VERSION"), c.format, c.version));
    });
}

fn verdict(m: &mut Markup, c: &Comparison) {
    if c.gate.checks.is_empty() {
        return;
    }
    let class = if c.gate.passed { "verdict" } else { "verdict failed" };
    m.element("section", &[("class", class), ("aria-label", "发布门槛 publication gate")], |m| {
        let words = if c.gate.passed {
            "发布门槛：通过 — every limit is kept"
        } else {
            "发布门槛：未通过 — a limit is not kept"
        };
        m.words("strong", &[], words);
        m.element("ul", &[], |m| {
            for check in &c.gate.checks {
                let mark = if check.passed { "✓ " } else { "✗ " };
                m.words("li", &[], &format!("{mark}{}", check.message));
            }
        });
    });
}

fn facts(m: &mut Markup, c: &Comparison) {
    let p = &c.population;
    m.element("div", &[("class", "facts")], |m| {
        let mut fact = |figure: String, words: &str| {
            m.element("div", &[], |m| {
                m.words("b", &[], &figure);
                m.words("span", &[], words);
            });
        };
        fact(grouped(p.both), "两次均有的主体 subjects in both");
        fact(grouped(p.only_before), "仅前次 only in the first");
        fact(grouped(p.only_after), "仅后次 only in the second");
        for axis in c.axes.iter().filter(|a| a.id.starts_with("field:")).take(4) {
            let share = |n: u64| charts::percent(if p.both == 0 { 0.0 } else { n as f64 / p.both as f64 });
            let figure = format!("↑{}　↓{}", share(axis.moves.worse), share(axis.moves.better));
            fact(figure, &format!("{}：变严 / 变宽 stricter / lighter", axis.title));
        }
    });
}

fn runs(m: &mut Markup, c: &Comparison) {
    heading(m, "h2", "runs", "评价依据", "Runs and editions");
    m.element("div", &[("class", "scroll")], |m| {
        m.element("table", &[], |m| {
            head(m, &[("", true), ("前 first", true), ("后 second", true)]);
            m.element("tbody", &[], |m| {
                let mut row = |name: &str, of: fn(&RunTold) -> String| {
                    m.element("tr", &[], |m| {
                        m.words("th", &[("scope", "row")], name);
                        m.words("td", &[("class", "t")], &of(&c.before));
                        m.words("td", &[("class", "t")], &of(&c.after));
                    });
                };
                row("运行 run", |r| r.run.clone());
                row("基准日 as of", |r| r.as_of.clone());
                row("知悉时点 known at", |r| seconds(&r.known_at));
                row("数据来源 source", |r| format!("{} {}", r.source_kind, r.source));
                row("数据摘要 digest", |r| short(&r.source_digest));
            });
        });
        m.element("table", &[], |m| {
            m.words("caption", &[], "标准与分级政策的版本 Editions of standards and tier policies");
            let columns = [
                ("标准或政策", true),
                ("前 first", true),
                ("后 second", true),
                ("状态 status", true),
                ("摘要 digest", true),
            ];
            head(m, &columns);
            m.element("tbody", &[], |m| editions(m, c));
        });
    });
    for lone in &c.not_compared {
        m.words("p", &[("class", "note")], &format!("未比较 not compared: {lone}"));
    }
    let sample = |r: &RunTold| r.standards.iter().chain(&r.policies).any(|e| e.status == "sample");
    if sample(&c.before) || sample(&c.after) {
        m.element("p", &[], |m| {
            m.words("span", &[("class", "tag")], "示例 sample");
            m.say(" 标记为“示例”的文本，其数值为本项目所设，不是官方数值。Figures of editions marked “sample” are the project's own, not official.");
        });
    }
}

fn editions(m: &mut Markup, c: &Comparison) {
    let all = |r: &RunTold| r.standards.iter().chain(&r.policies).cloned().collect::<Vec<EditionTold>>();
    let (before, after) = (all(&c.before), all(&c.after));
    let gone = before.iter().filter(|b| !after.iter().any(|a| a.id == b.id));
    for edition in after.iter().chain(gone) {
        let first = before.iter().find(|b| b.id == edition.id && b.title == edition.title);
        let first = first.or_else(|| before.iter().find(|b| b.id == edition.id));
        let second = after.iter().find(|a| a.id == edition.id && a.title == edition.title);
        m.element("tr", &[], |m| {
            m.words("th", &[("scope", "row")], &format!("{} {}", edition.title, edition.id));
            for side in [first, second] {
                m.words("td", &[("class", "t")], side.map_or("—", |e| &e.edition));
            }
            m.element("td", &[("class", "t")], |m| {
                let class = if edition.status == "sample" { "tag" } else { "tag plain" };
                let word = match edition.status {
                    "sample" => "示例 sample",
                    "reported" => "据报道 reported",
                    _ => "官方 official",
                };
                m.words("span", &[("class", class)], word);
            });
            let digests = match (first, second) {
                (Some(a), Some(b)) if a.digest == b.digest => format!("{} 相同 same", short(&a.digest)),
                (a, b) => {
                    let one = |e: Option<&EditionTold>| e.map_or("—".to_owned(), |e| short(&e.digest));
                    format!("{} → {}", one(a), one(b))
                }
            };
            m.words("td", &[("class", "code")], &digests);
        });
    }
}

/// A moment without a fraction of nothing.
fn seconds(moment: &str) -> String {
    moment.replace(".000000Z", "Z")
}

/// Enough of a digest to tell it apart; the whole stands in the JSON.
fn short(digest: &str) -> String {
    digest.chars().take(16).collect()
}

/// The head of a table; columns are (words, whether they hold text).
fn head(m: &mut Markup, columns: &[(&str, bool)]) {
    m.element("thead", &[], |m| {
        m.element("tr", &[], |m| {
            for (words, text) in columns {
                let class = if *text { "t" } else { "" };
                m.words("th", &[("scope", "col"), ("class", class)], words);
            }
        });
    });
}

fn method(m: &mut Markup, c: &Comparison) {
    heading(m, "h2", "method", "方法", "How it was computed");
    let min = c.breakdown.min_cell;
    let notes = [
        "矩阵：每个主体在每个矩阵中恰好计一次，含仅见于一次运行的主体。 Every subject of either run is in exactly one \
         cell of every matrix."
            .to_owned(),
        "变严/变差：级别数字变大，或等级变低；不同评价体系的等级不作比较，计入“其他”。 Worse: a stricter tier or a lower \
         grade. Letters of different schemes are never compared and count as other."
            .to_owned(),
        "区间：比例后为 Wilson 95% 区间。运行覆盖全体，比例本身是精确的；区间用于判断两组之差是否超出同等规模组的偶然波动。 \
         Wilson's 95 % intervals; shares of the whole population are exact, the interval tells whether two cells of \
         their size differ by more than chance."
            .to_owned(),
        format!(
            "小数隐藏：少于 {min} 个主体的组显示为 <{min}；为避免由总数反推，再隐去其他组（显示为 —），直至任一被隐小组在 1 至 {} \
             之间的每个取值都仍有可能。 Cells below {min} are shown as <{min}; further cells are withheld (—) until every \
             value of every small cell remains possible given all that is shown.",
            min.saturating_sub(1)
        ),
        "矩阵与变化主体名单不作隐藏，仅供有权机关使用；对外发布前以 --movers 0 生成。 Matrices and the list of movers are not \
         suppressed: they are for the authority. Make the page with --movers 0 before it is published."
            .to_owned(),
        "原因：每个变化归于一个条款，按固定次序：参评范围、数据完整度、起决定作用的评价情形、沿变化方向分值变动最大的指标、计分\
         方法、等级划分；级别则先看调整条款。 Each move is laid to one clause, in a fixed order."
            .to_owned(),
        "工作量：各级别主体数 × 政策载明的每年检查次数（下限、上限）与抽查比例之和；未载明数值的级别不计入。 Subjects × \
         inspections a year (least, most) plus sampling ratio; tiers without a figure count nothing."
            .to_owned(),
    ];
    m.element("ul", &[], |m| notes.iter().for_each(|note| m.words("li", &[], note)));
}
