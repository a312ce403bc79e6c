//! The report as one page: no script, nothing loaded from elsewhere, readable on paper.

use super::charts;
use super::markup::escape;
use super::report::{FeatureTold, Figure, Performance, Report, Segment, Side, Size};

/// The style of all pages of the project, and what this one adds.
const STYLE: &str = concat!(
    include_str!("../../../engine/batch/src/compare/html/style.css"),
    ".pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:8px 24px}",
    ".feature{break-inside:avoid}",
    "td{white-space:nowrap}td.t{white-space:normal;min-width:14em}",
    "@media print{.pair{grid-template-columns:1fr 1fr}}"
);

/// The page, a whole HTML document.
pub fn page(report: &Report) -> String {
    let mut p = Page(String::new());
    p.0.push_str("<!DOCTYPE html>\n<html lang=\"zh-CN\"><head><meta charset=\"utf-8\"/><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>");
    p.0.push_str(&format!(
        "<title>模型验证 {}</title><style>{STYLE}</style></head><body><main>",
        escape(&report.model)
    ));
    p.head("h1", "", &format!("模型验证：{}", report.model), "Validation of a scorecard");
    if !report.purpose.is_empty() {
        p.words("p", "", &report.purpose);
    }
    p.verdict(report);
    p.summary(report);
    p.findings(report);
    p.ranking(report);
    p.calibration(&report.held);
    p.stability(report);
    p.features(report);
    p.reasons(report);
    p.segments(report);
    p.rejects(report);
    p.challengers(report);
    p.method(report);
    p.0.push_str(&format!(
        "<footer>衡信 Hengxin {} · {}</footer></main></body></html>\n",
        escape(&report.version),
        escape(&report.format)
    ));
    p.0
}

struct Page(String);

impl Page {
    fn words(&mut self, tag: &str, class: &str, words: &str) {
        self.0.push_str(&format!("<{tag} class=\"{class}\">{}</{tag}>", escape(words)));
    }

    fn head(&mut self, tag: &str, id: &str, chinese: &str, english: &str) {
        let id = if id.is_empty() { String::new() } else { format!(" id=\"{id}\"") };
        self.0.push_str(&format!(
            "<{tag}{id}>{} <small>{}</small></{tag}>",
            escape(chinese),
            escape(english)
        ));
    }

    /// A table; the first column of each row names it, `text` columns are set to the left.
    fn table(&mut self, caption: &str, columns: &[&str], text: &[usize], rows: &[Vec<String>]) {
        let class = |at: usize| if at == 0 || text.contains(&at) { " class=\"t\"" } else { "" };
        self.0.push_str("<div class=\"scroll\"><table>");
        if !caption.is_empty() {
            self.words("caption", "", caption);
        }
        self.0.push_str("<thead><tr>");
        for (at, column) in columns.iter().enumerate() {
            self.0.push_str(&format!("<th scope=\"col\"{}>{}</th>", class(at), escape(column)));
        }
        self.0.push_str("</tr></thead><tbody>");
        for row in rows {
            self.0.push_str("<tr>");
            for (at, cell) in row.iter().enumerate() {
                let (tag, scope) = if at == 0 { ("th", " scope=\"row\"") } else { ("td", "") };
                self.0.push_str(&format!("<{tag}{scope}{}>{}</{tag}>", class(at), escape(cell)));
            }
            self.0.push_str("</tr>");
        }
        self.0.push_str("</tbody></table></div>");
    }

    fn figure(&mut self, svg: &str, caption: &str) {
        self.0.push_str(&format!("<figure>{svg}<figcaption>{}</figcaption></figure>", escape(caption)));
    }

    fn verdict(&mut self, report: &Report) {
        if report.checks.is_empty() {
            return self.words(
                "p",
                "note",
                "没有设定门槛。 The request states no limits: this report passes no judgement.",
            );
        }
        let broken = report.checks.iter().filter(|c| !c.met).count();
        let (class, words) = match broken {
            0 => ("verdict", format!("通过 — all {} limits are kept", report.checks.len())),
            n => ("verdict failed", format!("未通过 — {n} of {} limits are broken", report.checks.len())),
        };
        self.0.push_str(&format!("<section class=\"{class}\"><strong>{}</strong><ul>", escape(&words)));
        for check in &report.checks {
            let mark = if check.met { "✓" } else { "✗" };
            self.words("li", "", &format!("{mark} {}", check.message));
        }
        self.0.push_str("</ul></section>");
    }

    fn summary(&mut self, report: &Report) {
        let held = &report.held;
        self.0.push_str("<div class=\"facts\">");
        let fact = |figure: String, words: String| {
            format!("<div><b>{}</b><span>{}</span></div>", escape(&figure), escape(&words))
        };
        for (name, f) in [("AUC", &held.auc), ("KS", &held.ks), ("Brier", &held.brier)] {
            self.0.push_str(&fact(format!("{:.3}", f.value), format!("{name}, {}", ends(f, three))));
        }
        let rate = format!("{} observed, {} foretold", percent(held.rate.value), percent(held.foretold));
        self.0.push_str(&fact(
            held.size.rows.to_string(),
            format!("held-out rows, {:.0} defaults", held.size.bads),
        ));
        self.0.push_str(&fact(percent(held.rate.value - held.foretold), rate));
        let psi = report.score_shift.index.map_or("—".to_owned(), three);
        let chance = format!("PSI of the score; chance alone up to {}", three(report.score_shift.by_chance));
        self.0.push_str(&fact(psi, chance));
        self.0.push_str("</div>");
    }

    fn findings(&mut self, report: &Report) {
        if report.findings.is_empty() {
            return;
        }
        self.head("h2", "findings", "须知", "What to know before reading on");
        self.0.push_str("<ul>");
        report.findings.iter().for_each(|finding| self.words("li", "", finding));
        self.0.push_str("</ul>");
    }

    fn ranking(&mut self, report: &Report) {
        let (learned, held) = (&report.learned, &report.held);
        self.head("h2", "ranking", "排序能力", "Does the score tell defaults from the rest?");
        self.words(
            "p",
            "",
            "AUC is the chance that a row that defaulted has a lower score than one that did not: 0.5 is a coin, 1 is \
             perfect. KS is the greatest distance between the two groups. Held-out figures count; those of the rows that \
             the model learned from stand beside them to show how much it leans on what it has seen.",
        );
        let both = |name: &str, of: fn(&Performance) -> &Figure| {
            vec![
                name.to_owned(),
                three(of(held).value),
                ends(of(held), three),
                three(of(learned).value),
                ends(of(learned), three),
            ]
        };
        let caption = format!("held out: {}; learned: {}", told(held.size), told(learned.size));
        let rows = [
            both("AUC", |p| &p.auc),
            both("Gini", |p| &p.gini),
            both("KS", |p| &p.ks),
            both("Lift of the riskiest tenth", |p| &p.lift_tenth),
        ];
        self.table(&caption, &["", "held out", "95 % interval", "learned", "95 % interval"], &[], &rows);
        self.0.push_str("<div class=\"pair\">");
        let key = "dark: held out; light: learned; dashed: a score that knows nothing";
        self.figure(&charts::roc(learned, held), &format!("ROC. Up: defaults caught. {key}."));
        self.figure(
            &charts::cap(learned, held),
            &format!("CAP. Up: defaults caught. {key}; dotted: a perfect one."),
        );
        self.figure(
            &charts::ks(held),
            &format!(
                "KS {} at {:.0} points. Red: defaults at or below a score; green: others.",
                three(held.ks.value),
                held.ks_at
            ),
        );
        self.0.push_str("</div>");
        self.figure(
            &charts::histogram(held),
            &format!(
                "Held-out scores. Red: share of the {:.0} defaults; green: share of the others.",
                held.size.bads
            ),
        );
        let rows: Vec<Vec<String>> = held
            .gains
            .iter()
            .map(|gain| {
                vec![
                    format!("to {}", trimmed(gain.score_to)),
                    gain.size.rows.to_string(),
                    format!("{:.0}", gain.size.bads),
                    percent(gain.rate.value),
                    ends(&gain.rate, percent),
                    percent(gain.caught),
                    format!("{:.2}", gain.lift.value),
                    ends(&gain.lift, |v| format!("{v:.2}")),
                ]
            })
            .collect();
        let columns =
            ["score", "rows", "defaults", "rate", "95 % interval", "caught so far", "lift", "95 % interval"];
        self.table("Gains on held-out rows, riskiest first", &columns, &[], &rows);
    }

    fn calibration(&mut self, held: &Performance) {
        self.head("h2", "calibration", "校准", "Do the probabilities mean what they say?");
        let line = match (held.slope, held.intercept) {
            (Some(slope), Some(intercept)) => format!(
                " Log-odds as observed are {slope:.2} times those foretold, plus {intercept:.2}; right are 1 and 0."
            ),
            _ => String::new(),
        };
        let test = if held.calibration_p < 0.05 {
            "the probabilities do not fit the held-out rows"
        } else {
            "the held-out rows do not contradict the probabilities"
        };
        self.words(
            "p",
            "",
            &format!(
                "Hosmer-Lemeshow {:.2} on {} degrees of freedom, p {:.3}: {test} ({}).{line} Brier score {:.4} ({}), log \
                 loss {}.",
                held.hosmer_lemeshow,
                held.degrees,
                held.calibration_p,
                told(held.size),
                held.brier.value,
                ends(&held.brier, |v| format!("{v:.4}")),
                held.log_loss.map_or("infinite: a certainty was wrong".to_owned(), |l| format!("{l:.4}")),
            ),
        );
        self.figure(
            &charts::calibration(held),
            "Ten groups of held-out rows by probability. Up: observed default rate with its interval. On the dashed line \
             foretold and observed are equal.",
        );
        let rows: Vec<Vec<String>> = held
            .calibration
            .iter()
            .map(|group| {
                vec![
                    percent(group.foretold),
                    percent(group.observed.value),
                    ends(&group.observed, percent),
                    group.size.rows.to_string(),
                    format!("{:.0}", group.size.bads),
                ]
            })
            .collect();
        self.table("", &["foretold", "observed", "95 % interval", "rows", "defaults"], &[], &rows);
    }

    fn stability(&mut self, report: &Report) {
        self.head("h2", "stability", "稳定性", "Do people still look as they did?");
        self.words(
            "p",
            "",
            "PSI measures how far the distribution of the score has moved; usage calls 0.1 a little and 0.25 much. Small \
             samples move by chance: the second figure is what chance alone exceeds once in twenty.",
        );
        let shift = &report.score_shift;
        let rows: Vec<Vec<String>> = shift
            .bins
            .iter()
            .map(|b| vec![b.what.clone(), percent(b.before), percent(b.after), format!("{:.4}", b.part)])
            .collect();
        let caption = format!(
            "PSI of the score {}, by chance up to {}; {} learning and {} held-out rows",
            shift.index.map_or("—".to_owned(), three),
            three(shift.by_chance),
            shift.rows.0,
            shift.rows.1
        );
        self.table(&caption, &["score", "learned", "held out", "part"], &[], &rows);
        if report.vintages.is_empty() {
            return;
        }
        let limit = report.checks.iter().find(|c| c.limit == "vintage_psi_max").map(|c| c.bound);
        self.figure(
            &charts::vintages(&report.vintages, limit),
            "PSI of the score by month. Light: months learned from; red: what chance alone exceeds once in twenty; dashed: \
             the limit, if one is stated.",
        );
        let rows: Vec<Vec<String>> = report
            .vintages
            .iter()
            .map(|v| {
                let side = match v.side {
                    Side::Learned => "learned",
                    Side::HeldOut => "held out",
                    Side::Both => "held-out part",
                };
                vec![
                    v.month.clone(),
                    side.to_owned(),
                    v.size.rows.to_string(),
                    format!("{:.0}", v.size.bads),
                    percent(v.rate.value),
                    ends(&v.rate, percent),
                    percent(v.foretold),
                    v.auc.map_or("one class".to_owned(), |a| three(a.value)),
                    v.auc.map_or(String::new(), |a| ends(&a, three)),
                    v.psi.map_or("—".to_owned(), three),
                ]
            })
            .collect();
        let columns = [
            "month",
            "side",
            "rows",
            "defaults",
            "rate",
            "95 % interval",
            "foretold",
            "AUC",
            "95 % interval",
            "PSI",
        ];
        self.table("By month", &columns, &[1], &rows);
    }

    fn features(&mut self, report: &Report) {
        self.head("h2", "features", "特征与分箱", "Features and their bins");
        self.words(
            "p",
            "",
            "Default rates of each bin, light: learned, dark: held out, with intervals. A bin that earns more points should \
             default less; where the order of two neighbours is reversed on held-out rows, it is said.",
        );
        report.features.iter().for_each(|feature| self.feature(feature));
    }

    fn feature(&mut self, feature: &FeatureTold) {
        self.0.push_str("<section class=\"feature\">");
        self.words("h3", "", &feature.feature);
        let csi = feature.shift.index.map_or("—".to_owned(), three);
        let mut caption = format!(
            "Information value {}; CSI {csi}, by chance up to {}; {} learning and {} held-out rows.",
            three(feature.information_value),
            three(feature.shift.by_chance),
            feature.shift.rows.0,
            feature.shift.rows.1
        );
        for i in &feature.inversions {
            let sure = if i.sure { "beyond chance" } else { "may be chance" };
            caption.push_str(&format!(" Reversed: {} / {} (p {:.3}, {sure}).", i.first, i.second, i.p));
        }
        if feature.withheld {
            caption.push_str(
                " Its bins are withheld: the column is also a segment, and some of its cells are small.",
            );
            self.words("p", "", &caption);
            self.0.push_str("</section>");
            return;
        }
        self.figure(&charts::bins(feature), &caption);
        let rows: Vec<Vec<String>> = feature
            .bins
            .iter()
            .map(|bin| {
                let rate =
                    |f: &Figure, s: Size| if s.rows == 0 { "—".to_owned() } else { percent(f.value) };
                let ends = |f: &Figure, s: Size| if s.rows == 0 { String::new() } else { ends(f, percent) };
                vec![
                    bin.what.clone(),
                    trimmed(bin.points),
                    bin.learned.rows.to_string(),
                    rate(&bin.learned_rate, bin.learned),
                    ends(&bin.learned_rate, bin.learned),
                    bin.held.rows.to_string(),
                    rate(&bin.held_rate, bin.held),
                    ends(&bin.held_rate, bin.held),
                ]
            })
            .collect();
        let columns =
            ["bin", "points", "learned", "rate", "95 % interval", "held out", "rate", "95 % interval"];
        self.table("", &columns, &[], &rows);
        self.0.push_str("</section>");
    }

    fn reasons(&mut self, report: &Report) {
        self.head("h2", "reasons", "主要扣分原因", "What most often takes the most points");
        let rows: Vec<Vec<String>> = report
            .reasons
            .iter()
            .map(|r| {
                vec![
                    r.feature.clone(),
                    r.first.to_string(),
                    percent(r.share.value),
                    ends(&r.share, percent),
                    percent(r.share_of_bads.value),
                    format!("{:.1}", r.mean_taken),
                    trimmed(r.most),
                ]
            })
            .collect();
        let columns = [
            "feature",
            "first reason",
            "share",
            "95 % interval",
            "of defaults",
            "mean points taken",
            "at most",
        ];
        let caption = format!(
            "Points taken are counted against the best bin of the feature; {} held-out rows",
            report.held.size.rows
        );
        self.table(&caption, &columns, &[], &rows);
    }

    fn segments(&mut self, report: &Report) {
        if report.segments.is_empty() {
            return;
        }
        self.head("h2", "segments", "分组", "By group");
        self.words(
            "p",
            "",
            &format!(
                "Foretold less observed default rate: above zero the model is too strict with a group, below zero too lenient; \
                 an interval that holds zero tells of no error. Groups below {} rows, or with fewer than {} of either class, \
                 are withheld, and others with them so that none can be computed.",
                report.cell_min, report.events_min
            ),
        );
        report.segments.iter().for_each(|segment| self.segment(segment));
    }

    fn segment(&mut self, segment: &Segment) {
        self.words("h3", "", &segment.column);
        let rows: Vec<Vec<String>> = segment
            .cells
            .iter()
            .chain(&segment.rest)
            .map(|cell| {
                vec![
                    cell.value.clone(),
                    cell.size.rows.to_string(),
                    percent(cell.rate.value),
                    ends(&cell.rate, percent),
                    percent(cell.foretold),
                    signed(cell.error.value),
                    ends(&cell.error, signed),
                    cell.auc.map_or("—".to_owned(), |a| three(a.value)),
                    cell.auc.map_or(String::new(), |a| ends(&a, three)),
                    format!("{:.1}", cell.mean_score),
                ]
            })
            .collect();
        let columns = [
            "group",
            "rows",
            "rate",
            "95 % interval",
            "foretold",
            "error",
            "95 % interval",
            "AUC",
            "95 % interval",
            "mean score",
        ];
        let caption = match segment.withheld {
            0 => String::new(),
            n => format!("{n} groups are withheld"),
        };
        self.table(&caption, &columns, &[], &rows);
    }

    fn rejects(&mut self, report: &Report) {
        let Some(rejects) = &report.rejects else { return };
        self.head("h2", "rejects", "拒绝推断（假设）", "Rejected rows: an assumption");
        self.words(
            "p",
            "",
            &format!("{}; {} held-out rows were rejected.", rejects.assumption, rejects.rejected),
        );
        let row = |name: &str, m: &super::RejectMeasures| {
            vec![
                name.to_owned(),
                m.rows.to_string(),
                percent(m.rate),
                percent(m.foretold),
                three(m.auc),
                three(m.ks),
                format!("{:.4}", m.brier),
            ]
        };
        let rows =
            [row("without, accepted rows only", &rejects.without), row("with the assumption", &rejects.with)];
        let columns = ["", "rows", "default rate", "foretold", "AUC", "KS", "Brier"];
        self.table("No intervals: those of an assumption would be too narrow", &columns, &[], &rows);
    }

    fn challengers(&mut self, report: &Report) {
        if report.challengers.is_empty() {
            return;
        }
        self.head("h2", "challengers", "挑战者模型", "The price of interpretability");
        let rows: Vec<Vec<String>> = report
            .challengers
            .iter()
            .map(|c| {
                let of = |f: &dyn Fn(&super::ChallengerResult) -> String| {
                    c.result.as_ref().map_or("—".to_owned(), f)
                };
                vec![
                    c.name.clone(),
                    of(&|r| three(r.auc.value)),
                    of(&|r| ends(&r.auc, three)),
                    of(&|r| three(r.ks)),
                    of(&|r| format!("{:+.3}", r.difference.auc.value)),
                    of(&|r| ends(&r.difference.auc, |v| format!("{v:+.3}"))),
                    of(&|r| format!("{:.3}", r.difference.p)),
                    c.note.clone(),
                ]
            })
            .collect();
        let columns =
            ["model", "AUC", "95 % interval", "KS", "AUC less the card's", "95 % interval", "p", "note"];
        let caption = format!(
            "same rows: {}. An interval that holds zero tells of no difference.",
            told(report.held.size)
        );
        self.table(&caption, &columns, &[7], &rows);
    }

    fn method(&mut self, report: &Report) {
        self.head("h2", "method", "方法与假设", "Method, data, assumptions");
        self.0.push_str("<ul>");
        for (name, digest) in &report.data {
            self.words("li", "", &format!("{name}: {digest}"));
        }
        for assumption in &report.assumptions {
            self.words("li", "", &format!("assumed: {assumption}"));
        }
        let notes = [
            "All intervals are of 95 %. AUC and differences of AUC: DeLong; shares and rates: Wilson; Brier: normal."
                .to_owned(),
            format!(
                "KS and the lift of the riskiest tenth: {} resamples within each class, seed {}.",
                report.resamples, report.seed
            ),
            "Probabilities are those that the whole points of the card mean, as they are served.".to_owned(),
            "Rows of one subject may depend on each other; intervals take them as independent.".to_owned(),
        ];
        for note in &notes {
            self.words("li", "", note);
        }
        self.0.push_str("</ul>");
    }
}

fn three(value: f64) -> String {
    format!("{value:.3}")
}

fn percent(share: f64) -> String {
    format!("{:.1}\u{a0}%", share * 100.0)
}

fn signed(share: f64) -> String {
    format!("{:+.1}\u{a0}%", share * 100.0)
}

/// At most four decimals.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn ends(figure: &Figure, told: impl Fn(f64) -> String) -> String {
    match (figure.low, figure.high) {
        (Some(low), Some(high)) => format!("{} to {}", told(low), told(high)),
        _ => "too few rows".to_owned(),
    }
}

fn told(size: Size) -> String {
    format!("{} rows, {:.0} defaults", size.rows, size.bads)
}
