//! Pictures of the report as SVG: they need no script and print as they stand.

use super::markup::{escape, shorten};
use super::report::{FeatureTold, Performance, Vintage};

/// The colours of learning and held-out rows, and of defaults and others; those of the style sheet.
const LEARNED: &str = "#8fa6bf";
const HELD: &str = "#234a75";
const BAD: &str = "#b3402a";
const GOOD: &str = "#1d6f6a";
const LINE: &str = "#d9dfe6";

/// A frame with axes from (left, bottom) to the ranges' ends.
struct Plot {
    text: String,
    x: (f64, f64),
    y: (f64, f64),
    width: f64,
    height: f64,
}

const LEFT: f64 = 52.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 40.0;
const RIGHT: f64 = 14.0;

impl Plot {
    fn new(title: &str, (width, height): (f64, f64), x: (f64, f64), y: (f64, f64)) -> Plot {
        let whole = |r: (f64, f64)| if r.1 - r.0 > 0.0 { r } else { (r.0, r.0 + 1.0) };
        let text = format!(
            "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" role=\"img\" aria-label=\"{}\">",
            escape(title)
        );
        Plot { text, x: whole(x), y: whole(y), width, height }
    }

    fn at_x(&self, x: f64) -> f64 {
        LEFT + (x - self.x.0) / (self.x.1 - self.x.0) * (self.width - LEFT - RIGHT)
    }

    fn at_y(&self, y: f64) -> f64 {
        let inner = self.height - TOP - BOTTOM;
        TOP + inner - (y - self.y.0) / (self.y.1 - self.y.0) * inner
    }

    fn say(&mut self, (x, y): (f64, f64), anchor: &str, words: &str) {
        self.text.push_str(&format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"soft\">{}</text>",
            escape(words)
        ));
    }

    fn segment(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, style: &str) {
        let (x1, y1, x2, y2) = (self.at_x(from.0), self.at_y(from.1), self.at_x(to.0), self.at_y(to.1));
        self.text.push_str(&format!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\" {style}/>"
        ));
    }

    fn y_axis(&mut self, told: impl Fn(f64) -> String) {
        for i in 0..=4 {
            let y = self.y.0 + (self.y.1 - self.y.0) * f64::from(i) / 4.0;
            self.segment((self.x.0, y), (self.x.1, y), LINE, "");
            self.say((LEFT - 6.0, self.at_y(y) + 4.0), "end", &told(y));
        }
    }

    fn x_axis(&mut self, name: &str, told: impl Fn(f64) -> String) {
        for i in 0..=4 {
            let x = self.x.0 + (self.x.1 - self.x.0) * f64::from(i) / 4.0;
            let anchor = ["start", "middle", "middle", "middle", "end"][usize::try_from(i).unwrap_or(0)];
            self.say((self.at_x(x), self.height - BOTTOM + 16.0), anchor, &told(x));
        }
        let middle = f64::midpoint(LEFT, self.width - RIGHT);
        self.say((middle, self.height - 6.0), "middle", name);
    }

    fn path(&mut self, points: impl Iterator<Item = (f64, f64)>, colour: &str) {
        let list: Vec<String> =
            points.map(|(x, y)| format!("{:.1},{:.1}", self.at_x(x), self.at_y(y))).collect();
        self.text.push_str(&format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            list.join(" ")
        ));
    }

    /// From the ground to `y`, between two places of the x axis.
    fn bar(&mut self, (from, to): (f64, f64), y: f64, colour: &str) {
        let (x, top, ground) = (self.at_x(from), self.at_y(y), self.at_y(self.y.0));
        self.text.push_str(&format!(
            "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\" fill-opacity=\".85\"/>",
            (self.at_x(to) - x).max(0.5),
            (ground - top).max(0.0)
        ));
    }

    fn whisker(&mut self, x: f64, ends: Option<(f64, f64)>, colour: &str) {
        if let Some((low, high)) = ends {
            let (low, high) = (low.max(self.y.0), high.min(self.y.1));
            self.segment((x, low), (x, high), colour, "stroke-width=\"1.4\"");
        }
    }

    fn dot(&mut self, (x, y): (f64, f64), colour: &str) {
        let (x, y) = (self.at_x(x), self.at_y(y));
        self.text.push_str(&format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>"));
    }

    fn end(mut self) -> String {
        self.text.push_str("</svg>");
        self.text
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn fine_percent(share: f64) -> String {
    if share.abs() < 0.1 { format!("{:.1} %", share * 100.0) } else { percent(share) }
}

const SQUARE: (f64, f64) = (330.0, 300.0);
const WIDE: (f64, f64) = (680.0, 260.0);

/// Defaults caught against others caught, by descending risk.
pub(super) fn roc(learned: &Performance, held: &Performance) -> String {
    let mut plot = Plot::new("ROC curve", SQUARE, (0.0, 1.0), (0.0, 1.0));
    plot.y_axis(percent);
    plot.x_axis("others at or below the score", percent);
    plot.segment((0.0, 0.0), (1.0, 1.0), "#9aa7b5", "stroke-dasharray=\"4 4\"");
    for (sample, colour) in [(learned, LEARNED), (held, HELD)] {
        let points = sample.curve.iter().map(|p| (p.goods, p.bads));
        plot.path(std::iter::once((0.0, 0.0)).chain(points), colour);
    }
    plot.end()
}

/// Defaults caught against all rows looked at.
pub(super) fn cap(learned: &Performance, held: &Performance) -> String {
    let mut plot = Plot::new("CAP curve", SQUARE, (0.0, 1.0), (0.0, 1.0));
    plot.y_axis(percent);
    plot.x_axis("all rows at or below the score", percent);
    plot.segment((0.0, 0.0), (1.0, 1.0), "#9aa7b5", "stroke-dasharray=\"4 4\"");
    let rate = held.rate.value.max(1e-9);
    plot.segment((0.0, 0.0), (rate, 1.0), "#9aa7b5", "stroke-dasharray=\"2 3\"");
    for (sample, colour) in [(learned, LEARNED), (held, HELD)] {
        let points = sample.curve.iter().map(|p| (p.all, p.bads));
        plot.path(std::iter::once((0.0, 0.0)).chain(points), colour);
    }
    plot.end()
}

/// The two distributions of the held-out rows, and where they are furthest apart.
pub(super) fn ks(held: &Performance) -> String {
    let ends = (held.curve.first().map_or(0.0, |p| p.score), held.curve.last().map_or(1.0, |p| p.score));
    let mut plot = Plot::new("KS: the two distributions", SQUARE, ends, (0.0, 1.0));
    plot.y_axis(percent);
    plot.x_axis("score", |score| format!("{score:.0}"));
    plot.path(held.curve.iter().map(|p| (p.score, p.bads)), BAD);
    plot.path(held.curve.iter().map(|p| (p.score, p.goods)), GOOD);
    let widest =
        held.curve.iter().max_by(|a, b| (a.bads - a.goods).abs().total_cmp(&(b.bads - b.goods).abs()));
    if let Some(p) = widest {
        plot.segment((p.score, p.goods), (p.score, p.bads), "#1d2733", "stroke-dasharray=\"3 2\"");
    }
    plot.end()
}

/// Observed against foretold rates of the held-out rows.
pub(super) fn calibration(held: &Performance) -> String {
    let high =
        |g: &super::report::CalibrationGroup| g.observed.high.unwrap_or(g.observed.value).max(g.foretold);
    let most = (held.calibration.iter().map(high).fold(0.0, f64::max) * 1.05).clamp(0.01, 1.0);
    let mut plot = Plot::new("Calibration", SQUARE, (0.0, most), (0.0, most));
    plot.y_axis(fine_percent);
    plot.x_axis("foretold default rate", fine_percent);
    plot.segment((0.0, 0.0), (most, most), "#9aa7b5", "stroke-dasharray=\"4 4\"");
    for group in &held.calibration {
        plot.whisker(group.foretold, group.observed.low.zip(group.observed.high), HELD);
        plot.dot((group.foretold, group.observed.value), HELD);
    }
    plot.end()
}

/// How scores of each class are spread over the held-out rows.
pub(super) fn histogram(held: &Performance) -> String {
    let bands = &held.histogram;
    let most = bands.iter().map(|b| b.bads.max(b.goods)).fold(0.01, f64::max);
    let ends = (bands.first().map_or(0.0, |b| b.from), bands.last().map_or(1.0, |b| b.to));
    let mut plot = Plot::new("Scores by class", WIDE, ends, (0.0, most));
    plot.y_axis(fine_percent);
    plot.x_axis("score", |score| format!("{score:.0}"));
    for band in bands {
        let middle = f64::midpoint(band.from, band.to);
        let gap = (band.to - band.from) * 0.06;
        plot.bar((band.from + gap, middle), band.bads, BAD);
        plot.bar((middle, band.to - gap), band.goods, GOOD);
    }
    plot.end()
}

/// PSI of the score month by month, with what chance alone would exceed once in twenty.
pub(super) fn vintages(vintages: &[Vintage], limit: Option<f64>) -> String {
    let told = |v: &Vintage| v.psi.unwrap_or(0.0).max(v.psi_by_chance);
    let most = vintages.iter().map(told).fold(limit.unwrap_or(0.0).max(0.02), f64::max) * 1.05;
    let mut plot = Plot::new("PSI by month", WIDE, (0.0, vintages.len() as f64), (0.0, most));
    plot.y_axis(|psi| format!("{psi:.3}"));
    for (at, vintage) in vintages.iter().enumerate() {
        let at = at as f64;
        let colour = if vintage.side == super::Side::Learned { LEARNED } else { HELD };
        plot.bar((at + 0.15, at + 0.85), vintage.psi.unwrap_or(0.0), colour);
        let chance = vintage.psi_by_chance;
        plot.segment((at + 0.05, chance), (at + 0.95, chance), BAD, "stroke-width=\"1.6\"");
    }
    if let Some(limit) = limit {
        let end = vintages.len() as f64;
        plot.segment((0.0, limit), (end, limit), "#1d2733", "stroke-dasharray=\"5 3\"");
    }
    let every = vintages.len().div_ceil(12).max(1);
    for (at, vintage) in vintages.iter().enumerate().step_by(every) {
        let place = (plot.at_x(at as f64 + 0.5), plot.height - BOTTOM + 16.0);
        plot.say(place, "middle", &vintage.month);
    }
    plot.end()
}

/// Default rates of a feature's bins, learned and held out.
pub(super) fn bins(feature: &FeatureTold) -> String {
    let shown: Vec<_> = feature.bins.iter().filter(|b| b.learned.rows + b.held.rows > 0).collect();
    let top = |f: &super::Figure| f.high.unwrap_or(f.value);
    let most = shown.iter().map(|b| top(&b.learned_rate).max(top(&b.held_rate))).fold(0.01, f64::max);
    let title = format!("Default rates of {}", feature.feature);
    let mut plot = Plot::new(&title, (680.0, 200.0), (0.0, shown.len() as f64), (0.0, most.min(1.0)));
    plot.y_axis(fine_percent);
    let room = (620.0 / shown.len().max(1) as f64 / 7.6).max(4.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most a hundred characters"
    )]
    let room = room as usize;
    for (at, bin) in shown.iter().enumerate() {
        let x = at as f64;
        plot.bar((x + 0.16, x + 0.48), bin.learned_rate.value, LEARNED);
        plot.bar((x + 0.52, x + 0.84), bin.held_rate.value, HELD);
        plot.whisker(x + 0.32, bin.learned_rate.low.zip(bin.learned_rate.high), "#5b6775");
        plot.whisker(x + 0.68, bin.held_rate.low.zip(bin.held_rate.high), "#1d2733");
        let place = (plot.at_x(x + 0.5), plot.height - BOTTOM + 16.0);
        plot.say(place, "middle", &shorten(&bin.what, room));
    }
    plot.end()
}
