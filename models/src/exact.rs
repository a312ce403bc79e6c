//! Sums that come out the same in any order: each contribution is rounded to a grid, and sums on a grid are exact.
//!
//! Floating-point addition is not associative, so a plain sum depends on row order, chunk size and thread count. Here
//! every row's contribution is rounded once to a multiple of a power of two so fine that it costs nothing (2^-43 of
//! the largest contribution possible); up to [`BLOCK`] such numbers add without any error in an `f64`, and the blocks
//! add in an `i128`. The bound that fixes the grid is a maximum over the rows, which is free of order too.
//!
//! Exponentials and logarithms come from `libm`, the same Rust on every machine, never from the system.

/// How many numbers on one grid may be added in an `f64` before the sum moves to an integer.
pub(crate) const BLOCK: usize = 256;

/// The multiples of `2^exponent`, for numbers of a known bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    /// Adding and taking away this number rounds to the grid, to the nearest, ties to even.
    magic: f64,
    exponent: i32,
}

/// Bits between the bound and the spacing. 43 + 8 (a block of 256) leaves one bit of 52 for the sign's sake.
const FINENESS: i32 = 43;

impl Grid {
    /// The grid for numbers with `|v| ≤ bound`; `bound` is finite.
    pub(crate) fn for_bound(bound: f64) -> Grid {
        assert!(bound.is_finite() && bound >= 0.0, "a bound is a finite magnitude, found {bound}");
        // A bound of nothing still needs a grid; the floor keeps the magic number normal.
        let (_, ceiling) = libm::frexp(bound.max(f64::MIN_POSITIVE * 1e20));
        Grid { magic: libm::scalbn(1.5, ceiling + 52 - FINENESS), exponent: ceiling - FINENESS }
    }

    /// `v` on the grid.
    #[inline]
    pub(crate) fn round(self, v: f64) -> f64 {
        (v + self.magic) - self.magic
    }

    /// A sum of at most [`BLOCK`] numbers of the grid, in units of its spacing.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a whole number below 2^53 by construction of the grid"
    )]
    pub(crate) fn units(self, sum: f64) -> i128 {
        libm::scalbn(sum, -self.exponent) as i128
    }

    /// What `units` stand for, rounded once.
    pub(crate) fn value(self, units: i128) -> f64 {
        libm::scalbn(units as f64, self.exponent)
    }
}

/// One running sum on a grid.
#[derive(Clone, Debug)]
pub(crate) struct Sum {
    grid: Grid,
    block: f64,
    filled: usize,
    units: i128,
}

impl Sum {
    pub(crate) fn new(grid: Grid) -> Sum {
        Sum { grid, block: 0.0, filled: 0, units: 0 }
    }

    #[inline]
    pub(crate) fn add(&mut self, v: f64) {
        self.block += self.grid.round(v);
        self.filled += 1;
        if self.filled == BLOCK {
            self.units += self.grid.units(self.block);
            (self.block, self.filled) = (0.0, 0);
        }
    }

    pub(crate) fn value(&self) -> f64 {
        self.grid.value(self.units + self.grid.units(self.block))
    }

    /// The sum of numbers with `|v| ≤ bound`.
    pub(crate) fn of(bound: f64, values: impl IntoIterator<Item = f64>) -> f64 {
        let mut sum = Sum::new(Grid::for_bound(bound));
        values.into_iter().for_each(|v| sum.add(v));
        sum.value()
    }
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): the generator of shuffles and of tests.
#[derive(Clone, Debug)]
pub struct SplitMix64(pub u64);

impl SplitMix64 {
    /// The next 64 bits.
    #[expect(clippy::should_implement_trait, reason = "a generator without an end is no iterator")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in `0..n`, `n` above zero, with a bias below `n / 2^64`.
    pub fn below(&mut self, n: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(n);
        u64::try_from(wide >> 64).unwrap_or(u64::MAX)
    }

    /// Uniform in `[0, 1)`, a multiple of 2^-53.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 * libm::scalbn(1.0, -53)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_the_same_in_any_order() {
        let seed = 7;
        let mut random = SplitMix64(seed);
        let mut values: Vec<f64> = (0..10_000).map(|_| (random.unit() - 0.5) * 3.7).collect();
        let forward = Sum::of(2.0, values.iter().copied());
        for _ in 0..5 {
            for i in (1..values.len()).rev() {
                values.swap(i, usize::try_from(random.below(i as u64 + 1)).expect("small"));
            }
            assert_eq!(forward.to_bits(), Sum::of(2.0, values.iter().copied()).to_bits(), "seed {seed}");
        }
        let plain: f64 = values.iter().sum();
        // 10,000 roundings of at most 2^-43 of the bound.
        assert!((forward - plain).abs() < 1e-8);
    }

    #[test]
    fn whole_numbers_add_exactly() {
        let check = |bound: f64, values: &[f64], expected: f64| {
            assert_eq!(Sum::of(bound, values.iter().copied()).to_bits(), expected.to_bits());
        };
        check(1.0, &[1.0; 1000], 1000.0);
        check(0.0, &[], 0.0);
        check(8.0, &[8.0, -8.0, 0.5], 0.5);
        check(1e18, &[1e18; 3], 3e18);
    }
}
