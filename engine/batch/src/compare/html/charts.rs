//! Charts as SVG: bars of clauses, a histogram of scores, bars of workload, shares with their intervals.
//!
//! Every chart has a title for those who cannot see it, and stands above a table with the same figures.

use super::markup::Markup;

const WORSE: &str = "#b3402a";
const BETTER: &str = "#1d6f6a";
const OTHER: &str = "#b9a348";
const BEFORE: &str = "#a9b7c6";
const AFTER: &str = "#234a75";
const LINE: &str = "#d9dfe6";

/// Pixels, written the same everywhere.
fn px(x: f64) -> String {
    format!("{x:.1}")
}

fn svg(m: &mut Markup, width: f64, height: f64, title: &str, inside: impl FnOnce(&mut Markup)) {
    let view = format!("0 0 {width} {height}");
    let (w, h) = (width.to_string(), height.to_string());
    let attributes =
        [("viewBox", &*view), ("width", &*w), ("height", &*h), ("role", "img"), ("aria-label", title)];
    m.element("svg", &attributes, |m| {
        m.words("title", &[], title);
        inside(m);
    });
}

fn rect(m: &mut Markup, (x, y): (f64, f64), (w, h): (f64, f64), fill: &str, told: &str) {
    let numbers = [px(x), px(y), px(w.max(0.0)), px(h.max(0.0))];
    let attributes = [
        ("x", &*numbers[0]),
        ("y", &numbers[1]),
        ("width", &numbers[2]),
        ("height", &numbers[3]),
        ("fill", fill),
    ];
    m.element("rect", &attributes, |m| m.words("title", &[], told));
}

fn line(m: &mut Markup, (x1, y1): (f64, f64), (x2, y2): (f64, f64), stroke: &str, width: &str) {
    let n = [px(x1), px(y1), px(x2), px(y2)];
    let attributes = [
        ("x1", &*n[0]),
        ("y1", &n[1]),
        ("x2", &n[2]),
        ("y2", &n[3]),
        ("stroke", stroke),
        ("stroke-width", width),
    ];
    m.empty("line", &attributes);
}

fn text(m: &mut Markup, (x, y): (f64, f64), anchor: &str, class: &str, words: &str) {
    let (x, y) = (px(x), px(y));
    m.words("text", &[("x", &x), ("y", &y), ("text-anchor", anchor), ("class", class)], words);
}

/// A label cut to what fits, counted in half-widths: a Chinese character is as wide as two Latin ones.
fn fitting(words: &str, most: usize) -> String {
    let mut width = 0;
    let mut cut = String::new();
    for c in words.chars() {
        width += if c.is_ascii() { 1 } else { 2 };
        if width > most {
            cut.push('…');
            break;
        }
        cut.push(c);
    }
    cut
}

/// A whole number with thousands apart.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// One bar of [`stacked`]: label, counts for the worse, for the better, without direction.
pub struct Stack {
    /// The label on the left.
    pub label: String,
    /// Worse, better, other.
    pub counts: [u64; 3],
}

/// Horizontal bars of three parts.
pub fn stacked(m: &mut Markup, title: &str, bars: &[Stack]) {
    let (width, left, row) = (1000.0, 330.0, 26.0);
    let most = bars.iter().map(|b| b.counts.iter().sum::<u64>()).max().unwrap_or(0).max(1) as f64;
    let scale = (width - left - 90.0) / most;
    svg(m, width, bars.len() as f64 * row + 30.0, title, |m| {
        legend(m, left, &[(WORSE, "变严/变差 worse"), (BETTER, "变宽/变好 better"), (OTHER, "其他 other")]);
        for (i, bar) in bars.iter().enumerate() {
            let y = 30.0 + i as f64 * row;
            text(m, (left - 8.0, y + 14.0), "end", "", &fitting(&bar.label, 48));
            let mut x = left;
            for ((count, colour), what) in
                bar.counts.iter().zip([WORSE, BETTER, OTHER]).zip(["worse", "better", "other"])
            {
                let w = *count as f64 * scale;
                if *count > 0 {
                    let told = format!("{}: {} {what}", bar.label, grouped(*count));
                    rect(m, (x, y), (w.max(1.0), row - 8.0), colour, &told);
                }
                x += w;
            }
            text(m, (x + 6.0, y + 14.0), "start", "soft", &grouped(bar.counts.iter().sum()));
        }
    });
}

fn legend(m: &mut Markup, left: f64, entries: &[(&str, &str)]) {
    let mut x = left;
    for (colour, words) in entries {
        rect(m, (x, 4.0), (12.0, 12.0), colour, words);
        text(m, (x + 17.0, 14.0), "start", "soft", words);
        let wide: f64 = words.chars().map(|c| if c.is_ascii() { 6.6 } else { 12.0 }).sum();
        x += wide + 40.0;
    }
}

/// A histogram: bars of (from, below, count), those below zero in the colour of worse. `marks` are labelled places,
/// as shares of the axis from 0 to 1.
pub fn histogram(m: &mut Markup, title: &str, bars: &[(String, String, u64)], zero_at: Option<usize>) {
    let (width, height, bottom, left) = (1000.0, 230.0, 196.0, 60.0);
    let most = bars.iter().map(|(_, _, n)| *n).max().unwrap_or(0).max(1);
    // A square root shows a hundred movers beside a million who stood still; the axis says so.
    let tall = |n: u64| (n as f64 / most as f64).sqrt() * 160.0;
    let step = (width - left - 20.0) / bars.len().max(1) as f64;
    svg(m, width, height, title, |m| {
        for part in [100, 4, 1] {
            let n = most / part;
            if n == 0 {
                continue;
            }
            let y = bottom - tall(n);
            line(m, (left, y), (width - 20.0, y), LINE, "1");
            text(m, (left - 6.0, y + 4.0), "end", "soft", &grouped(n));
        }
        for (i, (from, below, n)) in bars.iter().enumerate() {
            let colour = match zero_at {
                Some(zero) if i < zero => WORSE,
                Some(zero) if i == zero => BEFORE,
                None if from.starts_with('-') => WORSE,
                Some(_) | None => BETTER,
            };
            let (x, h) = (left + i as f64 * step, tall(*n));
            let told = format!("{from} … <{below}: {}", grouped(*n));
            if *n > 0 {
                rect(
                    m,
                    (x + 0.5, bottom - h.max(1.0)),
                    ((step - 1.0).clamp(1.0, 60.0), h.max(1.0)),
                    colour,
                    &told,
                );
            }
            if i % (bars.len().div_ceil(10)).max(1) == 0 {
                text(m, (x + 0.5, bottom + 16.0), "middle", "soft", from);
            }
        }
        line(m, (left, bottom), (width - 20.0, bottom), "#5b6775", "1");
        text(
            m,
            (width - 20.0, bottom + 30.0),
            "end",
            "soft",
            "分数变化（后 − 前） change of score; 高度按平方根 heights: square root",
        );
    });
}

/// One group of [`pairs`]: label, figure before, figure after, and how they are written.
pub struct Pair {
    /// The label on the left.
    pub label: String,
    /// Before and after.
    pub values: (f64, f64),
    /// The same in words.
    pub words: (String, String),
}

/// Horizontal bars before and after.
pub fn pairs(m: &mut Markup, title: &str, groups: &[Pair]) {
    let (width, left, row) = (1000.0, 250.0, 44.0);
    let most = groups.iter().map(|g| g.values.0.max(g.values.1)).fold(0.0, f64::max);
    let scale = if most > 0.0 { (width - left - 150.0) / most } else { 0.0 };
    svg(m, width, groups.len() as f64 * row + 28.0, title, |m| {
        legend(m, left, &[(BEFORE, "前 before"), (AFTER, "后 after")]);
        for (i, group) in groups.iter().enumerate() {
            let y = 28.0 + i as f64 * row;
            text(m, (left - 8.0, y + 21.0), "end", "", &fitting(&group.label, 36));
            let both = [(group.values.0, &group.words.0, BEFORE), (group.values.1, &group.words.1, AFTER)];
            for (j, (value, words, colour)) in both.into_iter().enumerate() {
                let y = y + j as f64 * 16.0;
                rect(m, (left, y), (value * scale, 14.0), colour, &format!("{}: {words}", group.label));
                text(m, (left + value * scale + 6.0, y + 11.5), "start", "soft", words);
            }
        }
    });
}

/// One row of [`whiskers`]: label, subjects, and share, low, high for the worse and for the better.
pub struct Whisker {
    /// The label on the left.
    pub label: String,
    /// For the worse.
    pub worse: (f64, f64, f64),
    /// For the better.
    pub better: (f64, f64, f64),
}

/// Shares with their intervals, worse to the left of the middle and better to the right.
pub fn whiskers(m: &mut Markup, title: &str, rows: &[Whisker]) {
    let (width, left, row) = (1000.0, 210.0, 24.0);
    let (middle, half) = ((left + width - 20.0) / 2.0, (width - 20.0 - left) / 2.0 - 6.0);
    let most = rows.iter().map(|r| r.worse.2.max(r.better.2)).fold(0.0, f64::max);
    let top = nice_share(most);
    let bottom = 30.0 + rows.len() as f64 * row;
    svg(m, width, bottom + 24.0, title, |m| {
        legend(m, left, &[(WORSE, "← 变严/变差 worse"), (BETTER, "变宽/变好 better →")]);
        for part in [-1.0, -0.5, 0.0, 0.5, 1.0] {
            let x = middle + half * part;
            line(m, (x, 26.0), (x, bottom), if part == 0.0 { "#5b6775" } else { LINE }, "1");
            text(m, (x, bottom + 16.0), "middle", "soft", &percent(top * part.abs()));
        }
        for (i, r) in rows.iter().enumerate() {
            let y = 30.0 + i as f64 * row + 11.0;
            text(m, (left - 8.0, y + 4.0), "end", "", &fitting(&r.label, 32));
            for ((share, low, high), sign, colour) in [(r.worse, -1.0, WORSE), (r.better, 1.0, BETTER)] {
                let x = |share: f64| middle + sign * half * (share / top);
                let (from, wide) = (x(share).min(middle), (x(share) - middle).abs());
                let told = format!("{}: {} ({} – {})", r.label, percent(share), percent(low), percent(high));
                rect(m, (from, y - 5.0), (wide, 10.0), colour, &told);
                line(m, (x(low), y), (x(high), y), "#1d2733", "1.4");
                for end in [low, high] {
                    line(m, (x(end), y - 4.0), (x(end), y + 4.0), "#1d2733", "1.4");
                }
            }
        }
    });
}

/// The next readable share above.
fn nice_share(most: f64) -> f64 {
    let steps = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5];
    steps.into_iter().find(|s| *s >= most).unwrap_or(1.0)
}

/// A share in percent, with as many places as small shares need.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let text = if percent < 1.0 { format!("{percent:.2}") } else { format!("{percent:.1}") };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_readable() {
        assert_eq!(["0", "999", "1,000", "12,345,678"], [0, 999, 1_000, 12_345_678].map(grouped));
        assert_eq!(["0%", "0.12%", "5%", "12.3%", "100%"], [0.0, 0.0012, 0.05, 0.123, 1.0].map(percent));
        assert_eq!(fitting("行政处罚 penalty", 10), "行政处罚 p…");
        assert_eq!(fitting("short", 10), "short");
    }
}
