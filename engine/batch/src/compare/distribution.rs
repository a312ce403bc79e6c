//! How scores changed: an exact histogram of differences in ten-thousandths of a point, within a bound of memory.
//!
//! Differences are counted one by one as long as there are at most [`MOST`] different ones. When there are more, bins
//! become ten times as wide until they fit. The width depends on the differences alone, never on their order, so that
//! parts counted on several threads give the same histogram together.

use std::collections::BTreeMap;

use hengxin_core::number::Points;

/// Most different values that are told apart: 1 MiB or so.
pub const MOST: usize = 16_384;

/// A histogram of differences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// Width of a bin in ten-thousandths; 1: every difference by itself.
    width: i64,
    bins: BTreeMap<i64, u64>,
    ends: Option<(i64, i64)>,
    sum: i128,
    count: u64,
    lower: u64,
    higher: u64,
}

impl Default for Distribution {
    fn default() -> Distribution {
        Distribution { width: 1, bins: BTreeMap::new(), ends: None, sum: 0, count: 0, lower: 0, higher: 0 }
    }
}

impl Distribution {
    /// Counts one change of score.
    pub fn add(&mut self, before: Points, after: Points) {
        let difference = after.ten_thousandths().saturating_sub(before.ten_thousandths());
        *self.bins.entry(difference.div_euclid(self.width)).or_default() += 1;
        self.ends =
            Some(self.ends.map_or((difference, difference), |(least, most)| {
                (least.min(difference), most.max(difference))
            }));
        self.sum += i128::from(difference);
        self.count += 1;
        self.lower += u64::from(difference < 0);
        self.higher += u64::from(difference > 0);
        self.fit();
    }

    /// Adds another part's counts.
    pub fn merge(&mut self, other: &Distribution) {
        while self.width < other.width {
            self.widen();
        }
        let ratio = self.width / other.width;
        for (bin, n) in &other.bins {
            *self.bins.entry(bin.div_euclid(ratio)).or_default() += n;
        }
        self.ends = match (self.ends, other.ends) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, another) => one.or(another),
        };
        self.sum += other.sum;
        self.count += other.count;
        self.lower += other.lower;
        self.higher += other.higher;
        self.fit();
    }

    fn fit(&mut self) {
        while self.bins.len() > MOST {
            self.widen();
        }
    }

    fn widen(&mut self) {
        self.width *= 10;
        let mut wider = BTreeMap::new();
        for (bin, n) in std::mem::take(&mut self.bins) {
            *wider.entry(bin.div_euclid(10)).or_default() += n;
        }
        self.bins = wider;
    }

    /// How many subjects have a score on both sides.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many scores became (lower, higher).
    pub fn moved(&self) -> (u64, u64) {
        (self.lower, self.higher)
    }

    /// Width of its bins.
    pub fn width(&self) -> Points {
        Points::from_ten_thousandths(self.width)
    }

    /// The least and the greatest difference; `None` when nothing was counted.
    pub fn ends(&self) -> Option<(Points, Points)> {
        self.ends.map(|(a, b)| (Points::from_ten_thousandths(a), Points::from_ten_thousandths(b)))
    }

    /// The mean difference in points.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64 / 10_000.0)
    }

    /// The least difference such that at least `hundredths` % of all are not above it, to the width of a bin.
    pub fn quantile(&self, hundredths: u64) -> Option<Points> {
        let needed = (u128::from(self.count) * u128::from(hundredths)).div_ceil(100).max(1);
        let mut seen = 0u128;
        for (bin, n) in &self.bins {
            seen += u128::from(*n);
            if seen >= needed {
                let (least, most) = self.ends?;
                return Some(Points::from_ten_thousandths((bin * self.width).clamp(least, most)));
            }
        }
        None
    }

    /// The counts in about `most` bars of one readable width: `(from, below, count)`, ascending, empty ones included.
    pub fn bars(&self, most: i64) -> Vec<(Points, Points, u64)> {
        let Some((least, greatest)) = self.ends else { return Vec::new() };
        let span = greatest - least + 1;
        let mut width = self.width;
        // 1, 2, 5, 10 … times the bin's width: ends that can be read.
        for factor in [2, 5, 10].iter().cycle().scan(1i64, |unit, factor| {
            let step = *unit * factor;
            if *factor == 10 {
                *unit *= 10;
            }
            Some(step)
        }) {
            if (span + width - 1) / width <= most {
                break;
            }
            width = self.width.saturating_mul(factor);
        }
        let mut bars: BTreeMap<i64, u64> = BTreeMap::new();
        for (bin, n) in &self.bins {
            *bars.entry((bin * self.width).div_euclid(width)).or_default() += n;
        }
        let (first, last) = (least.div_euclid(width), greatest.div_euclid(width));
        (first..=last)
            .map(|bar| {
                let from = Points::from_ten_thousandths(bar * width);
                let below = Points::from_ten_thousandths((bar + 1) * width);
                (from, below, bars.get(&bar).copied().unwrap_or(0))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(differences: &[i64]) -> Distribution {
        let mut all = Distribution::default();
        for d in differences {
            all.add(Points::ZERO, Points::from_ten_thousandths(*d));
        }
        all
    }

    #[track_caller]
    fn check(differences: &[i64], hundredths: u64, expected: i64) {
        let found = of(differences).quantile(hundredths);
        assert_eq!(found, Some(Points::from_ten_thousandths(expected)), "{hundredths} % of {differences:?}");
    }

    #[test]
    fn quantiles_are_values_that_were_counted() {
        check(&[-30, 0, 0, 10], 25, -30);
        check(&[-30, 0, 0, 10], 26, 0);
        check(&[-30, 0, 0, 10], 50, 0);
        check(&[-30, 0, 0, 10], 100, 10);
        check(&[7], 1, 7);
        assert_eq!(Distribution::default().quantile(50), None);
    }

    #[test]
    fn memory_is_bounded_and_order_does_not_matter() {
        let up: Vec<i64> = (0..200_000).map(|i| i * 3 - 250_000).collect();
        let down: Vec<i64> = up.iter().rev().copied().collect();
        let (a, b) = (of(&up), of(&down));
        assert_eq!(a, b);
        assert!(a.bins.len() <= MOST && a.width == 100);
        let mut parts = of(&up[..70_000]);
        parts.merge(&of(&up[70_000..]));
        assert_eq!(parts, a);
        let mut parts = of(&up[..10]);
        parts.merge(&of(&up[10..]));
        assert_eq!(parts, a);
    }

    #[test]
    fn bars_hold_everything() {
        let all = of(&[-45_000, -1, 0, 0, 0, 1, 12_345, 99_999]);
        for most in [5, 10, 40] {
            let bars = all.bars(most);
            assert!(i64::try_from(bars.len()).unwrap() <= most + 1, "{most}: {bars:?}");
            assert_eq!(bars.iter().map(|(_, _, n)| n).sum::<u64>(), 8);
        }
        assert!(Distribution::default().bars(10).is_empty());
    }
}
