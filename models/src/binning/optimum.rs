//! The best way to put neighbouring pieces together into bins, by dynamic programming.
//!
//! Maximised is the information value, the sum over bins of `(g/G − b/B) ln((g/G) / (b/B))`, where `g` and `b` are a
//! bin's goods and bads and `G` and `B` those of all learning rows. A bin's part of it is rounded to 2^-40, so that sums
//! are exact and the optimum is *the* optimum, not the best up to rounding.
//!
//! A state is (number of bins, first and last piece of the last bin, phase of the trend). With the bins that end at a
//! piece sorted by event rate, the best predecessor of every bin is a maximum over a prefix or a suffix of that list;
//! so `n` pieces and `k` bins take `O(n² (k + log n))` steps for each phase.
//!
//! Compare Navas-Palencia, "Optimal binning: mathematical programming formulation" (arXiv 2001.08025), which solves the
//! same problem by constraint programming.

use super::rules::Trend;
use crate::mass::{Count, Mass};

/// What a bin must have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) bins_max: usize,
    pub(super) mass_min: Mass,
    pub(super) bads_min: Mass,
    pub(super) goods_min: Mass,
    pub(super) gap_min: f64,
}

/// Pieces put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Solution {
    /// The first piece of each bin; the first is 0.
    pub(super) starts: Vec<usize>,
    /// Information value in 2^-40ths.
    pub(super) value: i64,
}

/// Information value of one unit.
pub(super) const UNIT: f64 = 1.0 / (1u64 << 40) as f64;

/// Pieces in order, with the sums that make the count of any run of them a difference.
pub(super) struct Pieces {
    sums: Vec<Count>,
    total: Count,
    /// Whether a bin must begin at the piece.
    obliged: Vec<bool>,
}

impl Pieces {
    /// `total` counts all learning rows, also those of no piece.
    pub(super) fn new(counts: &[Count], obliged: Vec<bool>, total: Count) -> Pieces {
        let mut sums = vec![Count::default()];
        sums.extend(counts.iter().scan(Count::default(), |sum, count| {
            *sum += *count;
            Some(*sum)
        }));
        Pieces { sums, total, obliged }
    }

    pub(super) fn len(&self) -> usize {
        self.sums.len() - 1
    }

    /// All learning rows.
    pub(super) fn total(&self) -> Count {
        self.total
    }

    pub(super) fn is_obliged(&self, piece: usize) -> bool {
        self.obliged[piece]
    }

    /// Of the pieces `from..to`.
    pub(super) fn count(&self, from: usize, to: usize) -> Count {
        self.sums[to] - self.sums[from]
    }

    pub(super) fn allows(&self, from: usize, to: usize, limits: &Limits) -> bool {
        let count = self.count(from, to);
        count.total() >= limits.mass_min
            && count.bads >= limits.bads_min
            && count.goods >= limits.goods_min
            && !self.obliged[from + 1..to].contains(&true)
    }

    /// The bin's part of the information value, in units; nothing without goods or without bads.
    pub(super) fn value(&self, from: usize, to: usize) -> i64 {
        value(self.count(from, to), self.total)
    }
}

/// A bin's part of the information value, in units.
#[expect(clippy::cast_possible_truncation, reason = "below 40 * 2^40, as masses lie below 2^53")]
pub(super) fn value(count: Count, total: Count) -> i64 {
    if count.goods == Mass::ZERO || count.bads == Mass::ZERO {
        return 0;
    }
    let goods = count.goods.value() / total.goods.value();
    let bads = count.bads.value() / total.bads.value();
    ((goods - bads) * libm::log(goods / bads) / UNIT).round() as i64
}

/// Which rates may stand before a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Up,
    Down,
    Any,
}

impl Step {
    /// Whether a bin of the rate `after` may follow one of the rate `before`.
    pub(super) fn allows(self, before: f64, after: f64, gap: f64) -> bool {
        match self {
            Step::Up => after - before >= gap,
            Step::Down => before - after >= gap,
            Step::Any => Step::Up.allows(before, after, gap) || Step::Down.allows(before, after, gap),
        }
    }
}

/// The phases of a trend in their order; a step may stay in its phase or go on to the next.
pub(super) fn phases(trend: Trend) -> &'static [Step] {
    match trend {
        Trend::Ascending => &[Step::Up],
        Trend::Descending => &[Step::Down],
        Trend::Peak => &[Step::Up, Step::Down],
        Trend::Valley => &[Step::Down, Step::Up],
        Trend::Free => &[Step::Any],
        Trend::Automatic => unreachable!("automatic is decided among the others"),
    }
}

/// No state.
const NONE: i64 = i64::MIN;

/// The best bins, or `None` when no way of putting the pieces together keeps to the limits. Of equally good ways the one
/// with fewer bins.
pub(super) fn optimum(pieces: &Pieces, limits: &Limits, trend: Trend) -> Option<Solution> {
    let n = pieces.len();
    let phases = phases(trend);
    let table = Bins::of(pieces, limits);
    let at = |phase: usize, from: usize, to: usize| (phase * (n + 1) + to) * (n + 1) + from;
    let states = phases.len() * (n + 1) * (n + 1);
    // Before a bin no more than `n` others can stand.
    let bins_max = limits.bins_max.min(n);
    // best[at(phase, from, to)]: with `k` bins, the last of them `from..to`.
    let mut best = vec![NONE; states];
    let mut parents: Vec<Vec<u32>> = Vec::new();
    for to in 1..=n {
        if table.value[to * (n + 1)] != NONE {
            best[at(0, 0, to)] = table.value[to * (n + 1)];
        }
    }
    // Where, in the list of bins that end at `from` sorted by rate, those end that a bin may follow.
    let splits: Vec<Vec<(u32, u32)>> = (0..=n).map(|from| table.splits(from, limits.gap_min)).collect();
    let mut found: Option<(i64, usize, usize, usize)> = None;
    for k in 1..=bins_max {
        for phase in 0..phases.len() {
            for from in 0..n {
                let value = best[at(phase, from, n)];
                if value != NONE && found.is_none_or(|(best, ..)| value > best) {
                    found = Some((value, k, phase, from));
                }
            }
        }
        if k == bins_max {
            break;
        }
        let mut next = vec![NONE; states];
        let mut parent = vec![u32::MAX; states];
        for from in 1..n {
            let before = &table.by_rate[from];
            for (phase, step) in phases.iter().enumerate() {
                let sources: &[usize] = if phase == 0 { &[0] } else { &[0, 1] };
                // (value, code of the parent) of the best among the lowest and among the highest rates.
                let mut lows = vec![(NONE, u32::MAX); before.len() + 1];
                let mut highs = lows.clone();
                let states: Vec<(i64, u32)> = before
                    .iter()
                    .map(|start| {
                        let mut top = (NONE, u32::MAX);
                        for &source in sources {
                            let value = best[at(source, *start as usize, from)];
                            if value > top.0 {
                                top = (value, *start * 2 + u32::from(source == 1));
                            }
                        }
                        top
                    })
                    .collect();
                for (i, state) in states.iter().enumerate() {
                    lows[i + 1] = if state.0 > lows[i].0 { *state } else { lows[i] };
                }
                for (i, state) in states.iter().enumerate().rev() {
                    highs[i] = if state.0 > highs[i + 1].0 { *state } else { highs[i + 1] };
                }
                for (to, (low, high)) in (from + 1..=n).zip(&splits[from]) {
                    let value = table.value[to * (n + 1) + from];
                    if value == NONE {
                        continue;
                    }
                    let (low, high) = (lows[*low as usize], highs[*high as usize]);
                    let top = match step {
                        Step::Up => low,
                        Step::Down => high,
                        Step::Any => {
                            if high.0 > low.0 {
                                high
                            } else {
                                low
                            }
                        }
                    };
                    if top.0 != NONE {
                        next[at(phase, from, to)] = top.0 + value;
                        parent[at(phase, from, to)] = top.1;
                    }
                }
            }
        }
        parents.push(parent);
        best = next;
    }
    let (value, k, mut phase, mut from) = found?;
    let mut starts = vec![from];
    let mut to = n;
    for parent in parents[..k - 1].iter().rev() {
        let code = parent[at(phase, from, to)];
        to = from;
        (from, phase) = ((code / 2) as usize, (code % 2) as usize);
        starts.push(from);
    }
    starts.reverse();
    Some(Solution { starts, value })
}

/// All bins that the limits allow.
struct Bins {
    n: usize,
    /// Value of `from..to` at `to * (n + 1) + from`, [`NONE`] if it is not allowed.
    value: Vec<i64>,
    rate: Vec<f64>,
    /// For each end, the starts of the allowed bins, by ascending event rate.
    by_rate: Vec<Vec<u32>>,
}

impl Bins {
    fn of(pieces: &Pieces, limits: &Limits) -> Bins {
        let n = pieces.len();
        let mut value = vec![NONE; (n + 1) * (n + 1)];
        let mut rate = vec![0.0; (n + 1) * (n + 1)];
        let mut by_rate: Vec<Vec<u32>> = vec![Vec::new(); n + 1];
        for (to, starts) in by_rate.iter_mut().enumerate().skip(1) {
            let row = to * (n + 1);
            for from in 0..to {
                if pieces.allows(from, to, limits) {
                    value[row + from] = pieces.value(from, to);
                    rate[row + from] = pieces.count(from, to).rate();
                    starts.push(u32::try_from(from).expect("at most 1,000 pieces"));
                }
            }
            // A stable sort: bins of one rate stay in the order of their starts.
            starts.sort_by(|a, b| rate[row + *a as usize].total_cmp(&rate[row + *b as usize]));
        }
        Bins { n, value, rate, by_rate }
    }

    /// For each end `to` of a bin that starts at `from`: how many of the bins that end at `from` have a rate low enough
    /// to rise from, and the place of the first of those with a rate high enough to fall from.
    fn splits(&self, from: usize, gap: f64) -> Vec<(u32, u32)> {
        let before: Vec<f64> =
            self.by_rate[from].iter().map(|start| self.rate[from * (self.n + 1) + *start as usize]).collect();
        let place = |at: usize| u32::try_from(at).expect("at most 1,000 pieces");
        (from + 1..=self.n)
            .map(|to| {
                let after = self.rate[to * (self.n + 1) + from];
                let low = before.partition_point(|before| Step::Up.allows(*before, after, gap));
                let high = before.partition_point(|before| !Step::Down.allows(*before, after, gap));
                (place(low), place(high))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::SplitMix64;

    /// Every way of putting the pieces together, judged by the definition.
    fn brute_force(pieces: &Pieces, limits: &Limits, trend: Trend) -> Option<i64> {
        let n = pieces.len();
        let mut best = None;
        for mask in 0..1u32 << (n - 1) {
            let mut ends: Vec<usize> = (1..n).filter(|i| mask >> (i - 1) & 1 == 1).collect();
            ends.insert(0, 0);
            ends.push(n);
            let bins: Vec<(usize, usize)> = ends.windows(2).map(|pair| (pair[0], pair[1])).collect();
            if bins.len() > limits.bins_max || !bins.iter().all(|(a, b)| pieces.allows(*a, *b, limits)) {
                continue;
            }
            let rates: Vec<f64> = bins.iter().map(|(a, b)| pieces.count(*a, *b).rate()).collect();
            let follows = |step: Step, rates: &[f64]| {
                rates.windows(2).all(|pair| step.allows(pair[0], pair[1], limits.gap_min))
            };
            let kept = match phases(trend) {
                [only] => follows(*only, &rates),
                [first, second] => (0..rates.len())
                    .any(|turn| follows(*first, &rates[..=turn]) && follows(*second, &rates[turn..])),
                _ => unreachable!("a trend has one phase or two"),
            };
            let value = bins.iter().map(|(a, b)| pieces.value(*a, *b)).sum();
            if kept && best.is_none_or(|best| value > best) {
                best = Some(value);
            }
        }
        best
    }

    #[test]
    fn the_optimum_is_that_of_brute_force() {
        for seed in 0..400 {
            let mut random = SplitMix64(seed);
            let n = 1 + usize::try_from(random.below(10)).expect("small");
            let weight = |random: &mut SplitMix64, most| Mass::from_units(random.below(most) << 19);
            let counts: Vec<Count> = (0..n)
                .map(|_| Count { goods: weight(&mut random, 60), bads: weight(&mut random, 20) })
                .collect();
            let obliged = (0..n).map(|i| i > 0 && random.below(12) == 0).collect();
            let total: Count = counts.iter().copied().sum::<Count>() + Count::rows(3, 1);
            let pieces = Pieces::new(&counts, obliged, total);
            let limits = Limits {
                bins_max: 1 + usize::try_from(random.below(6)).expect("small"),
                mass_min: Mass::rows(random.below(40)),
                bads_min: Mass::from_units(1 + (random.below(6) << 20)),
                goods_min: Mass::from_units(1 + (random.below(10) << 20)),
                gap_min: [0.0, 0.02, 0.1][usize::try_from(random.below(3)).expect("small")],
            };
            for trend in [Trend::Ascending, Trend::Descending, Trend::Peak, Trend::Valley, Trend::Free] {
                let found = optimum(&pieces, &limits, trend);
                let value = found.as_ref().map(|solution| solution.value);
                assert_eq!(value, brute_force(&pieces, &limits, trend), "seed {seed}, {trend:?}");
                // The value reported is that of the bins reported.
                if let Some(Solution { starts, value }) = found {
                    let ends = starts.iter().skip(1).copied().chain([n]);
                    let sum: i64 = starts.iter().zip(ends).map(|(a, b)| pieces.value(*a, b)).sum();
                    assert_eq!(sum, value, "seed {seed}, {trend:?}");
                }
            }
        }
    }

    #[test]
    fn information_value_is_that_of_the_formula() {
        // (80/100 - 10/40) ln(0.8/0.25) by hand: 0.55 * 1.163151.
        let found = value(Count::rows(80, 10), Count::rows(100, 40)) as f64 * UNIT;
        assert!((found - 0.55 * 1.163_150_809_805_681).abs() < 1e-11, "{found}");
        assert_eq!(value(Count::rows(80, 0), Count::rows(100, 40)), 0);
    }
}
