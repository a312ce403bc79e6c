//! Charts as figures in whole units of a drawing: bars, a line of days, a waterfall. Drawn by the server as SVG, so that
//! they print, need no script, and stand in the page as text.

use hengxin_proto::v1;

/// A part of a bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Where it begins.
    pub(crate) x: u64,
    /// How wide it is; at least 1 for what is there at all.
    pub(crate) width: u64,
    /// The tier, for its colour.
    pub(crate) tier: u32,
    /// How many.
    pub(crate) count: u64,
}

/// A bar of `width` for the counts of tiers, as wide as their share of `whole`.
pub(crate) fn bar(counts: &[(u32, u64)], whole: u64, width: u64) -> Vec<Part> {
    let whole = u128::from(whole.max(1));
    let at = |sum: u64| u64::try_from(u128::from(sum) * u128::from(width) / whole).unwrap_or(width);
    let mut sum = 0u64;
    let mut parts = Vec::new();
    for (tier, count) in counts.iter().copied().filter(|(_, count)| *count > 0) {
        let x = at(sum);
        sum = sum.saturating_add(count);
        parts.push(Part { x, width: at(sum).saturating_sub(x).max(1), tier, count });
    }
    parts
}

/// Share in hundredths of a percent, rounded half up.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let (part, whole) = (u128::from(part), u128::from(whole));
    let hundredths = (part * 20_000 + whole) / (2 * whole);
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

/// A line through days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// The path, as steps: what holds on a day holds until the next.
    pub(crate) path: String,
    /// The days on which it changes.
    pub(crate) dots: Vec<Dot>,
    /// Marks of the scale: place and figure.
    pub(crate) scale: Vec<(i64, String)>,
    /// Marks of the days: place and day.
    pub(crate) days: Vec<(i64, String)>,
}

/// A day on which it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dot {
    /// Across.
    pub(crate) x: i64,
    /// Down.
    pub(crate) y: i64,
    /// The tier, for its colour.
    pub(crate) tier: u32,
    /// What it says.
    pub(crate) text: String,
}

/// Size of the drawing of a [`Line`], and what is left for its marks.
pub(crate) const LINE: (i64, i64) = (720, 200);
const LEFT: i64 = 46;
const BOTTOM: i64 = 24;
const TOP: i64 = 12;

/// The scores of traced days until `last`, with gaps where there was none; of days without any score the tiers.
pub(crate) fn line(points: &[v1::TracedTier], last: &str) -> Line {
    let told: Vec<(i64, &v1::TierPoint)> =
        points.iter().filter_map(|p| p.point.as_ref()).filter_map(|p| Some((day(&p.on)?, p))).collect();
    let (Some((first, _)), Some(last)) = (told.first(), day(last)) else { return Line::default() };
    let scored = told.iter().any(|(_, point)| point.public_score.is_some());
    // Lighter tiers are drawn higher, as better scores are.
    let value = |point: &v1::TierPoint| match &point.public_score {
        Some(score) => Some((score.ten_thousandths, score.decimal.clone())),
        None if scored || point.tier == 0 => None,
        None => Some((-i64::from(point.tier) * 10_000, point.tier.to_string())),
    };
    let values = told.iter().filter_map(|(_, point)| value(point));
    let Some((low, high)) = values.fold(None, |ends, value| match ends {
        None => Some((value.clone(), value)),
        Some((low, high)) => Some((std::cmp::min(low, value.clone()), std::cmp::max(high, value))),
    }) else {
        return Line::default();
    };
    let ((low, low_figure), (high, high_figure)) = (low, high);
    let span = (high - low).max(10_000);
    let days = (last - first).max(1);
    let (width, height) = LINE;
    let x = |day: i64| LEFT + (day - first) * (width - LEFT - 8) / days;
    let y = |value: i64| TOP + (high - value) * (height - TOP - BOTTOM) / span;
    let mut path = String::new();
    let mut dots = Vec::new();
    let mut drawn = false;
    for (on, point) in &told {
        let across = x(*on);
        if drawn {
            path.push_str(&format!("H{across}"));
        }
        let Some((value, figure)) = value(point) else {
            drawn = false;
            continue;
        };
        let down = y(value);
        path.push_str(&if drawn { format!("V{down}") } else { format!("M{across} {down}") });
        drawn = true;
        let grade = point.public_grade.as_ref().map(|g| g.grade.as_str()).unwrap_or_default();
        let text = format!("{} · {figure} {grade} · {} {}", point.on, point.tier, point.title);
        dots.push(Dot { x: across, y: down, tier: point.tier, text });
    }
    if drawn {
        path.push_str(&format!("H{}", x(last)));
    }
    let mut scale = vec![(y(high), high_figure)];
    if low < high {
        scale.push((y(low), low_figure));
    }
    let years: Vec<(i64, String)> = (0..=days)
        .map(|n| first + n)
        .filter_map(|n| {
            let date = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().try_days(n).ok()?).ok()?;
            (date.day() == 1 && (date.month() == 1 || (days < 800 && date.month() == 7)))
                .then(|| (x(n), date.strftime("%Y-%m").to_string()))
        })
        .collect();
    Line { path, dots, scale, days: years }
}

fn day(text: &str) -> Option<i64> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let since = jiff::civil::date(1970, 1, 1).until(date).ok()?;
    Some(i64::from(since.get_days()))
}

/// A step of a waterfall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Where its bar begins.
    pub(crate) x: i64,
    /// How wide it is.
    pub(crate) width: i64,
    /// `up`, `down` or `sum`.
    pub(crate) kind: &'static str,
}

/// Width of the drawing of a waterfall.
pub(crate) const FALL: i64 = 300;

/// Per line of an explanation its step, where it has one: summands move on from where the last one ended.
pub(crate) fn waterfall(lines: &[v1::ExplanationLine]) -> Vec<Option<Step>> {
    let sums = |kind: v1::LineKind| matches!(kind, v1::LineKind::Dimension | v1::LineKind::Score);
    let mut at = 0i64;
    let (mut low, mut high) = (0i64, 0i64);
    let moves: Vec<Option<(i64, i64, &'static str)>> = lines
        .iter()
        .map(|line| {
            let points = line.points.as_ref()?.ten_thousandths;
            if line.kind() == v1::LineKind::Score {
                high = high.max(points);
                low = low.min(points);
                return Some((0, points, "sum"));
            }
            if sums(line.kind()) {
                return None;
            }
            let from = at;
            at = at.saturating_add(points);
            low = low.min(at);
            high = high.max(at);
            Some((from, at, if points < 0 { "down" } else { "up" }))
        })
        .collect();
    let span = i128::from((high - low).max(1));
    let place = |value: i64| i64::try_from(i128::from(value - low) * i128::from(FALL) / span).unwrap_or(0);
    moves
        .into_iter()
        .map(|step| {
            let (from, to, kind) = step?;
            let (a, b) = (place(from.min(to)), place(from.max(to)));
            (from != to).then_some(Step { x: a, width: (b - a).max(1), kind })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_bar_touch_and_fill_it() {
        let parts = bar(&[(1, 700), (2, 0), (3, 299), (0, 1)], 1000, 200);
        assert_eq!(parts.iter().map(|p| (p.x, p.width)).collect::<Vec<_>>(), [(0, 140), (140, 59), (199, 1)]);
    }

    #[test]
    fn what_is_there_is_seen_however_few_it_is() {
        assert_eq!(bar(&[(4, 1)], 1_000_000, 200), [Part { x: 0, width: 1, tier: 4, count: 1 }]);
        assert!(bar(&[(4, 0)], 0, 200).is_empty());
    }

    #[test]
    fn a_waterfall_ends_where_the_score_is() {
        let line = |kind: v1::LineKind, points: i64| v1::ExplanationLine {
            kind: kind.into(),
            points: Some(v1::Points { decimal: String::new(), ten_thousandths: points }),
            ..Default::default()
        };
        let steps = waterfall(&[
            line(v1::LineKind::Base, 1000),
            line(v1::LineKind::Indicator, -300),
            line(v1::LineKind::Dimension, -300),
            line(v1::LineKind::Indicator, 0),
            line(v1::LineKind::Score, 700),
        ]);
        let steps: Vec<_> = steps.into_iter().map(|s| s.map(|s| (s.x, s.x + s.width, s.kind))).collect();
        assert_eq!(
            steps,
            [Some((0, 300, "up")), Some((210, 300, "down")), None, None, Some((0, 210, "sum"))]
        );
    }

    #[test]
    fn a_line_steps_from_day_to_day_and_runs_to_the_last() {
        let point = |on: &str, score: i64| v1::TracedTier {
            point: Some(v1::TierPoint {
                on: on.to_owned(),
                tier: 1,
                public_score: Some(v1::Points {
                    decimal: score.to_string(),
                    ten_thousandths: score * 10_000,
                }),
                ..Default::default()
            }),
            ..Default::default()
        };
        let line = line(&[point("2026-01-01", 900), point("2026-07-02", 800)], "2026-12-31");
        assert_eq!(line.dots.len(), 2);
        assert!(line.path.starts_with("M46 12H") && line.path.ends_with("H712"), "{}", line.path);
        assert_eq!(line.scale.iter().map(|(_, t)| t.as_str()).collect::<Vec<_>>(), ["900", "800"]);
    }

    #[test]
    fn a_day_without_a_score_is_a_gap_and_no_score_of_nothing() {
        let point = |on: &str, score: Option<i64>| v1::TracedTier {
            point: Some(v1::TierPoint {
                on: on.to_owned(),
                tier: 3,
                public_score: score
                    .map(|s| v1::Points { decimal: s.to_string(), ten_thousandths: s * 10_000 }),
                ..Default::default()
            }),
            ..Default::default()
        };
        let days =
            [point("2026-01-01", Some(900)), point("2026-03-01", None), point("2026-05-01", Some(800))];
        let drawn = line(&days, "2026-12-31");
        assert_eq!(drawn.dots.len(), 2);
        assert_eq!(drawn.path.matches('M').count(), 2, "{}", drawn.path);
        assert_eq!(drawn.scale.iter().map(|(_, t)| t.as_str()).collect::<Vec<_>>(), ["900", "800"]);
        let tiers = line(&[point("2026-01-01", None)], "2026-12-31");
        assert_eq!(tiers.scale.iter().map(|(_, t)| t.as_str()).collect::<Vec<_>>(), ["3"]);
    }

    #[test]
    fn a_share_has_two_places_and_of_nothing_there_is_none() {
        assert_eq!(
            (percent(1, 3), percent(2, 3), percent(0, 0)),
            ("33.33%".to_owned(), "66.67%".to_owned(), "–".to_owned())
        );
    }
}
