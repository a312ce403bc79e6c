//! The source of randomness: a counter that is mixed (`SplitMix64`), so that a seed is one printed number.

/// A stream of random numbers that depends on its seed only.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from `least` to `greatest`, both included.
    pub fn between(&mut self, least: i64, greatest: i64) -> i64 {
        assert!(least <= greatest, "nothing between {least} and {greatest}");
        let width = u64::try_from(greatest - least).expect("ordered") + 1;
        least + i64::try_from(self.bits() % width).expect("less than the width")
    }

    /// True with a chance of `percent` in a hundred.
    pub fn chance(&mut self, percent: i64) -> bool {
        self.between(1, 100) <= percent
    }

    /// An index below `len`.
    pub fn index(&mut self, len: usize) -> usize {
        assert!(len > 0, "nothing to choose from");
        usize::try_from(self.bits() % u64::try_from(len).expect("fits")).expect("below len")
    }

    /// One of some things.
    pub fn pick<'t, T>(&mut self, things: &'t [T]) -> &'t T {
        &things[self.index(things.len())]
    }

    /// One of some things, each with its weight.
    pub fn weighted<'t, T>(&mut self, things: &'t [(i64, T)]) -> &'t T {
        let total = things.iter().map(|(weight, _)| weight).sum();
        let mut at = self.between(1, total);
        for (weight, thing) in things {
            at -= weight;
            if at <= 0 {
                return thing;
            }
        }
        unreachable!("the weights sum to the total")
    }

    /// `n` different things, in their order (all when there are fewer).
    pub fn some_of<T: Clone>(&mut self, things: &[T], n: usize) -> Vec<T> {
        let mut chosen: Vec<usize> = (0..things.len()).collect();
        while chosen.len() > n {
            let at = self.index(chosen.len());
            chosen.remove(at);
        }
        chosen.into_iter().map(|i| things[i].clone()).collect()
    }

    /// The things in random order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for i in (1..things.len()).rev() {
            let j = self.index(i + 1);
            things.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_fixes_the_stream() {
        let (mut a, mut b, mut c) = (Random::new(7), Random::new(7), Random::new(8));
        let first: Vec<u64> = (0..5).map(|_| a.bits()).collect();
        assert_eq!(first, (0..5).map(|_| b.bits()).collect::<Vec<_>>());
        assert_ne!(first, (0..5).map(|_| c.bits()).collect::<Vec<_>>());
    }

    #[test]
    fn both_ends_are_reached() {
        let mut random = Random::new(1);
        let drawn: Vec<i64> = (0..200).map(|_| random.between(-1, 1)).collect();
        for n in -1..=1 {
            assert!(drawn.contains(&n));
        }
    }
}
