//! The parts of the page: moves, clauses, workload, breakdown, movers. Each chart has its table.

use super::charts::{self, Pair, Stack, Whisker, grouped, percent};
use super::markup::Markup;
use super::{head, heading};
use crate::compare::clause::ClauseKind;
use crate::compare::report::{AxisTold, CellTold, Comparison, ScoresTold, ShareTold, TableTold, TierLoad};
use crate::compare::workload::Figure;

/// Clauses shown in a chart.
const BARS: usize = 20;
/// Rows of a table on the page; all of them are in the JSON.
const ROWS: usize = 200;

fn kind(axis: &AxisTold) -> (&'static str, &'static str) {
    if axis.id.starts_with("field:") { ("监管级别", "Tiers") } else { ("信用等级", "Grades") }
}

/// Matrices and changes of scores.
pub fn moves(m: &mut Markup, c: &Comparison) {
    heading(m, "h2", "moves", "级别与等级变化", "Moves between tiers and grades");
    for axis in &c.axes {
        let (chinese, english) = kind(axis);
        let title = format!("{}：{chinese}", axis.title);
        let edition = format!("{english}, {} · {} → {}", axis.id, axis.edition_before, axis.edition_after);
        heading(m, "h3", "", &title, &edition);
        let n = axis.moves;
        m.element("p", &[], |m| {
            m.words("span", &[("class", "worse")], &format!("变严/变差 worse {}", grouped(n.worse)));
            m.say("　·　");
            m.words("span", &[("class", "better")], &format!("变宽/变好 better {}", grouped(n.better)));
            m.say("　·　");
            m.words("span", &[("class", "other")], &format!("其他 other {}", grouped(n.other)));
            m.say(&format!("　·　不变 same {}", grouped(n.same)));
        });
        matrix(m, axis);
        if let Some(scores) = &axis.scores {
            score_changes(m, axis, scores);
        }
    }
}

/// The matrix as a heat table. Rows and columns nobody is in are left out.
fn matrix(m: &mut Markup, axis: &AxisTold) {
    let matrix = &axis.matrix;
    let rows: Vec<usize> = (0..matrix.rows.len()).filter(|i| matrix.rows[*i].subjects > 0).collect();
    let columns: Vec<usize> = (0..matrix.columns.len()).filter(|i| matrix.columns[*i].subjects > 0).collect();
    // Grades and tiers are known by their letter or number, the other states by their title.
    let label = |id: &str, title: &str| match id {
        _ if id == title => id.to_owned(),
        "none" | "no-grade" | "cannot-score" | "not-eligible" | "absent" => format!("{title} {id}"),
        _ => format!("{id} {title}"),
    };
    m.element("div", &[("class", "scroll")], |m| {
        m.element("table", &[("class", "heat")], |m| {
            m.words(
                "caption",
                &[],
                "行：前次；列：后次；底色深浅为占该行比例，描边为不变 Rows: first run; columns: second run; shade: share of the row; framed: unchanged",
            );
            let columns_told: Vec<String> =
                columns.iter().map(|i| label(&matrix.columns[*i].id, &matrix.columns[*i].title)).collect();
            let mut heads = vec![("前 ＼ 后", true)];
            heads.extend(columns_told.iter().map(|words| (words.as_str(), false)));
            heads.push(("合计 total", false));
            head(m, &heads);
            m.element("tbody", &[], |m| {
                for i in rows {
                    m.element("tr", &[], |m| {
                        let state = &matrix.rows[i];
                        m.words("th", &[("scope", "row")], &label(&state.id, &state.title));
                        for j in &columns {
                            cell(m, matrix.cells[i][*j], state.subjects, matrix.directions[i][*j]);
                        }
                        m.words("td", &[], &grouped(state.subjects));
                    });
                }
                m.element("tr", &[], |m| {
                    m.words("th", &[("scope", "row")], "合计 total");
                    for j in &columns {
                        m.words("td", &[], &grouped(matrix.columns[*j].subjects));
                    }
                    m.words("td", &[], &grouped(matrix.rows.iter().map(|s| s.subjects).sum()));
                });
            });
        });
    });
}

/// A cell shaded by its share of the row.
fn cell(m: &mut Markup, n: u64, of: u64, direction: &'static str) {
    if n == 0 {
        m.words("td", &[("class", "zero")], "0");
        return;
    }
    // From white to the colour of the direction; never so dark that black figures cannot be read.
    let (r, g, b) = match direction {
        "worse" => (222.0, 130.0, 108.0),
        "better" => (112.0, 178.0, 172.0),
        "other" => (214.0, 196.0, 122.0),
        "absent" => (236.0, 239.0, 242.0),
        _ => (186.0, 198.0, 210.0),
    };
    let depth = (n as f64 / of.max(1) as f64).sqrt().max(0.12);
    let mix = |full: f64| (255.0 + (full - 255.0) * depth).round();
    let style = format!("background:rgb({},{},{})", mix(r), mix(g), mix(b));
    let told = format!("{} ({direction})", percent(n as f64 / of.max(1) as f64));
    m.words("td", &[("class", direction_class(direction)), ("style", &style), ("title", &told)], &grouped(n));
}

fn direction_class(direction: &str) -> &'static str {
    if direction == "same" { "same" } else { "" }
}

fn score_changes(m: &mut Markup, axis: &AxisTold, scores: &ScoresTold) {
    let zero = scores.bars.iter().position(|(from, ..)| from == "0");
    if scores.lower + scores.higher == 0 {
        let told = format!("{} 个主体前后均有得分，分数均未变。 No score changed.", grouped(scores.subjects));
        m.words("p", &[("class", "note")], &told);
        return;
    }
    m.element("figure", &[], |m| {
        let title = format!("{} 得分变化分布 distribution of score changes", axis.title);
        charts::histogram(m, &title, &scores.bars, zero);
        let caption = format!(
            "前后均有得分 scored in both: {}；下降 lower {}，上升 higher {}；平均 mean {}；区分到 told apart to {}",
            grouped(scores.subjects),
            grouped(scores.lower),
            grouped(scores.higher),
            scores.mean,
            scores.step
        );
        m.words("figcaption", &[], &caption);
    });
    m.element("table", &[], |m| {
        m.words("caption", &[], "得分变化分位数 Quantiles of the change of score");
        let heads: Vec<String> = scores
            .quantiles
            .iter()
            .map(|(q, _)| match q {
                0 => "最小 least".to_owned(),
                100 => "最大 greatest".to_owned(),
                q => format!("{q}%"),
            })
            .collect();
        head(m, &heads.iter().map(|h| (h.as_str(), false)).collect::<Vec<_>>());
        m.element("tbody", &[], |m| {
            m.element("tr", &[], |m| scores.quantiles.iter().for_each(|(_, v)| m.words("td", &[], v)));
        });
    });
}

/// What moved them.
pub fn clauses(m: &mut Markup, c: &Comparison) {
    heading(m, "h2", "clauses", "变化原因", "The clauses that moved them");
    if c.clauses.is_empty() {
        m.words("p", &[], "没有主体发生变化。 Nobody moved.");
        return;
    }
    if c.movers.explained_subjects == 0 {
        m.words(
            "p",
            &[("class", "note")],
            "本次对比仅依据两次结果，未重新评价，故不能归因到指标。 Reasons come from the results alone; nobody was evaluated again, so that no indicator can be named.",
        );
    }
    let axes: Vec<&AxisTold> = c.axes.iter().filter(|a| c.clauses.iter().any(|k| k.axis == a.id)).collect();
    for axis in axes {
        let (chinese, english) = kind(axis);
        heading(m, "h3", "", &format!("{}：{chinese}", axis.title), english);
        let mine: Vec<_> = c.clauses.iter().filter(|k| k.axis == axis.id).collect();
        m.element("figure", &[], |m| {
            let bars: Vec<Stack> = mine
                .iter()
                .take(BARS)
                .map(|k| Stack {
                    label: clause_words(k.kind, &k.title),
                    counts: [k.worse, k.better, k.other],
                })
                .collect();
            charts::stacked(m, &format!("{} 变化主体数，按条款 movers by clause", axis.title), &bars);
        });
        m.element("div", &[("class", "scroll")], |m| {
            m.element("table", &[], |m| {
                head(
                    m,
                    &[
                        ("条款 clause", true),
                        ("依据 source", true),
                        ("变严/变差 worse", false),
                        ("变宽/变好 better", false),
                        ("其他 other", false),
                    ],
                );
                m.element("tbody", &[], |m| {
                    for k in mine.iter().take(ROWS) {
                        m.element("tr", &[], |m| {
                            let id = format!("{}（{}/{}）", clause_words(k.kind, &k.title), k.document, k.id);
                            m.words("td", &[("class", "t wide")], &id);
                            m.words(
                                "td",
                                &[("class", "t wide")],
                                if k.source.is_empty() { "—" } else { &k.source },
                            );
                            for n in [k.worse, k.better, k.other] {
                                m.words("td", &[], &grouped(n));
                            }
                        });
                    }
                });
            });
        });
    }
}

/// What kind of clause, and its title where that says more.
fn clause_words(kind: ClauseKind, title: &str) -> String {
    if kind.title() == title { title.to_owned() } else { format!("{}·{title}", kind.title()) }
}

/// Inspections a year.
pub fn workload(m: &mut Markup, c: &Comparison) {
    heading(m, "h2", "workload", "检查工作量", "Inspections a year");
    for axis in &c.axes {
        let Some(w) = &axis.workload else { continue };
        heading(m, "h3", "", &axis.title, &axis.id);
        let number = |text: &str| text.parse::<f64>().unwrap_or(0.0);
        let stated = |load: &Option<TierLoad>| load.as_ref().is_some_and(|l| l.figure != Figure::None);
        if !w.tiers.iter().any(|t| stated(&t.before) || stated(&t.after)) {
            m.words(
                "p",
                &[],
                "政策未载明检查次数或抽查比例。 The policy states no number of inspections and no ratio.",
            );
            continue;
        }
        m.element("figure", &[], |m| {
            let mut groups: Vec<Pair> = Vec::new();
            for tier in &w.tiers {
                let least =
                    |load: &Option<TierLoad>| load.as_ref().map_or("0".to_owned(), |l| l.least.clone());
                let (b, a) = (least(&tier.before), least(&tier.after));
                groups.push(Pair {
                    label: format!("{}级 {}", tier.tier, tier.title),
                    values: (number(&b), number(&a)),
                    words: (b, a),
                });
            }
            groups.push(Pair {
                label: "合计 total".to_owned(),
                values: (number(&w.least_before), number(&w.least_after)),
                words: (w.least_before.clone(), w.least_after.clone()),
            });
            charts::pairs(
                m,
                &format!("{} 每年检查次数（下限） inspections a year, at least", axis.title),
                &groups,
            );
        });
        let signed = |text: &str| {
            if text.starts_with('-') || text == "0" { text.to_owned() } else { format!("+{text}") }
        };
        m.words(
            "p",
            &[],
            &format!(
                "每年至少 at least {} → {}（{}）；至多 at most {} → {}（{}）；无数值级别的主体 subjects in tiers without a figure {} → {}。",
                w.least_before,
                w.least_after,
                signed(&w.least_change),
                w.most_before,
                w.most_after,
                signed(&w.most_change),
                grouped(w.without_figure_before),
                grouped(w.without_figure_after)
            ),
        );
        m.element("div", &[("class", "scroll")], |m| {
            m.element("table", &[], |m| {
                head(
                    m,
                    &[
                        ("级别 tier", true),
                        ("每户每年 each a year", true),
                        ("主体 前 subjects, first", false),
                        ("后 second", false),
                        ("检查 前 inspections, first", false),
                        ("后 second", false),
                    ],
                );
                m.element("tbody", &[], |m| {
                    for tier in &w.tiers {
                        m.element("tr", &[], |m| {
                            m.words("th", &[("scope", "row")], &format!("{} {}", tier.tier, tier.title));
                            let (b, a) = (each(tier.before.as_ref()), each(tier.after.as_ref()));
                            m.words("td", &[("class", "t")], &if a == b { a } else { format!("{b} → {a}") });
                            for load in [&tier.before, &tier.after] {
                                let n = load.as_ref().map_or("—".to_owned(), |l| grouped(l.subjects));
                                m.words("td", &[], &n);
                            }
                            for load in [&tier.before, &tier.after] {
                                m.words("td", &[], &range(load.as_ref()));
                            }
                        });
                    }
                });
            });
        });
    }
}

fn each(load: Option<&TierLoad>) -> String {
    match load {
        None => "—".to_owned(),
        Some(load) => match load.figure {
            Figure::None => "未载明 no figure".to_owned(),
            Figure::Least => format!("≥ {}", load.each_least),
            Figure::Range if load.each_least == load.each_most => load.each_least.clone(),
            Figure::Range => format!("{} – {}", load.each_least, load.each_most),
        },
    }
}

fn range(load: Option<&TierLoad>) -> String {
    match load {
        None => "—".to_owned(),
        Some(load) if load.figure == Figure::None => "—".to_owned(),
        Some(load) if load.least == load.most => load.least.clone(),
        Some(load) => format!("{} – {}", load.least, load.most),
    }
}

/// Moves by region, industry, size and age.
pub fn breakdown(m: &mut Markup, c: &Comparison) {
    heading(m, "h2", "breakdown", "分组", "Moves by region, industry, size and age");
    let note = format!(
        "按后次登记信息分组，仅含两次均有的主体；线段为 95% 区间；少于 {} 个主体的组不显示。 By the second run; subjects of both runs; \
         whiskers: 95 % intervals; small cells are not shown.",
        c.breakdown.min_cell
    );
    m.words("p", &[("class", "note")], &note);
    for (i, axis) in c.axes.iter().enumerate() {
        let (chinese, english) = kind(axis);
        if axis.moves.worse + axis.moves.better + axis.moves.other == 0 {
            continue;
        }
        heading(m, "h3", "", &format!("{}：{chinese}", axis.title), english);
        for table in &c.breakdown.tables {
            group(m, axis, i, table, c.breakdown.min_cell);
        }
    }
}

fn group(m: &mut Markup, axis: &AxisTold, i: usize, table: &TableTold, min_cell: u64) {
    let (chinese, english) = match table.by {
        "region" => ("按地区", "by region"),
        "industry" => ("按行业", "by industry"),
        "size" => ("按规模", "by size"),
        _ => ("按成立年限", "by age"),
    };
    // The largest cells; a page with three thousand counties is read by nobody.
    let mut shown: Vec<&CellTold> = table.cells.iter().filter(|cell| cell.withheld.is_none()).collect();
    shown.sort_by_key(|cell| std::cmp::Reverse(cell.subjects));
    let whiskers: Vec<Whisker> = shown
        .iter()
        .take(BARS)
        .filter_map(|cell| {
            let moves = cell.moves.get(i)?;
            let of = |s: ShareTold| (s.share, s.low, s.high);
            Some(Whisker { label: cell.title.clone(), worse: of(moves.worse), better: of(moves.better) })
        })
        .collect();
    let title = format!("{} {chinese} {english}", axis.title);
    if !whiskers.is_empty() {
        m.element("figure", &[], |m| {
            charts::whiskers(m, &title, &whiskers);
            let most = if shown.len() > BARS { "（主体最多的20组 the 20 largest）" } else { "" };
            m.words("figcaption", &[], &format!("{chinese} {english}{most}"));
        });
    }
    m.element("details", &[], |m| {
        m.words("summary", &[], &format!("{chinese}数据表 table {english}"));
        m.element("table", &[], |m| {
            m.words("caption", &[], &title);
            head(
                m,
                &[
                    ("组 cell", true),
                    ("主体 subjects", false),
                    ("变严/变差 worse", false),
                    ("95%", false),
                    ("变宽/变好 better", false),
                    ("95%", false),
                    ("其他 other", false),
                ],
            );
            m.element("tbody", &[], |m| {
                for cell in table.cells.iter().take(ROWS) {
                    m.element("tr", &[], |m| {
                        m.words("th", &[("scope", "row")], &cell.title);
                        row(m, cell, i, min_cell);
                    });
                }
            });
        });
        if table.cells.len() > ROWS {
            let rest = format!("其余 {} 组见 JSON。 The rest is in the JSON.", table.cells.len() - ROWS);
            m.words("p", &[("class", "note")], &rest);
        }
    });
}

fn row(m: &mut Markup, cell: &CellTold, i: usize, min_cell: u64) {
    let Some(moves) = cell.moves.get(i) else {
        let words = if cell.withheld == Some("small") { format!("<{min_cell}") } else { "—".to_owned() };
        m.words("td", &[], &words);
        (0..5).for_each(|_| m.words("td", &[], "—"));
        return;
    };
    m.words("td", &[], &cell.subjects.map_or("—".to_owned(), grouped));
    for share in [moves.worse, moves.better] {
        m.words("td", &[], &format!("{} ({})", percent(share.share), grouped(share.subjects)));
        m.words("td", &[], &format!("{} – {}", percent(share.low), percent(share.high)));
    }
    m.words("td", &[], &grouped(moves.other));
}

/// Who moved.
pub fn movers(m: &mut Markup, c: &Comparison) {
    heading(m, "h2", "movers", "变化主体", "Who moved");
    let shown = c.movers.listed.len().min(ROWS);
    m.words(
        "p",
        &[],
        &format!(
            "共 {} 次变化（一个主体在每个领域或标准上各计一次），列出变化最大的 {} 次。 {} moves in all; the {} furthest are listed.",
            grouped(c.movers.total),
            shown,
            grouped(c.movers.total),
            shown
        ),
    );
    if shown == 0 {
        return;
    }
    m.element("div", &[("class", "scroll")], |m| {
        m.element("table", &[], |m| {
            head(
                m,
                &[
                    ("统一社会信用代码 code", true),
                    ("领域或标准 axis", true),
                    ("变化 move", true),
                    ("得分 score", true),
                    ("原因 clause", true),
                ],
            );
            m.element("tbody", &[], |m| {
                for mover in c.movers.listed.iter().take(ROWS) {
                    m.element("tr", &[], |m| {
                        m.words("td", &[("class", "code")], &mover.subject);
                        m.words("td", &[("class", "t")], &mover.axis);
                        let class = format!("t {}", mover.direction);
                        m.words("td", &[("class", &class)], &format!("{} → {}", mover.from, mover.to));
                        let score = |s: &Option<String>| s.clone().unwrap_or_else(|| "—".to_owned());
                        let scores = match (&mover.score_before, &mover.score_after) {
                            (None, None) => String::new(),
                            (a, b) => format!("{} → {}", score(a), score(b)),
                        };
                        m.words("td", &[("class", "t")], &scores);
                        let clause = clause_words(mover.clause_kind, &mover.clause_title);
                        m.words("td", &[("class", "t"), ("title", &mover.clause_source)], &clause);
                    });
                }
            });
        });
    });
}
