//! SplitMix64: tiny, well-mixed, and the same on every machine.

/// A sequence of numbers that depends on nothing but where it was begun.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// The sequence of one part (`what`) of one thing (`of`) under a seed: parts do not disturb each other, so that a
    /// world that goes on longer begins alike.
    pub(super) fn new(seed: u64, of: u64, what: u64) -> Dice {
        let mut dice = Dice(seed);
        for part in [of, what] {
            let stirred = dice.next();
            dice.0 = stirred ^ part.wrapping_mul(0xd6e8_feb8_6659_fd93);
        }
        dice.next();
        dice
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `n` − 1.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// A number from `low` to `high`.
    pub(super) fn between(&mut self, low: i32, high: i32) -> i32 {
        let width = u64::try_from(high - low).unwrap_or(0) + 1;
        low + i32::try_from(self.below(width)).unwrap_or(0)
    }

    /// True in `share` of a thousand.
    pub(super) fn permille(&mut self, share: u64) -> bool {
        self.below(1000) < share
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap_or(0)]
    }

    /// An index into ascending sums of weights, as often as its weight says.
    pub(super) fn weighted(&mut self, sums: &[u32]) -> usize {
        let at = self.below(u64::from(sums.last().copied().unwrap_or(1)));
        sums.iter().position(|sum| at < u64::from(*sum)).unwrap_or(0)
    }
}

/// Ascending sums of weights.
pub(super) fn sums(weights: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let add = |sum: &mut u32, weight: u32| {
        *sum += weight;
        Some(*sum)
    };
    weights.into_iter().scan(0, add).collect()
}
