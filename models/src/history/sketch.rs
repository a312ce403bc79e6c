//! The distribution of a numeric column in bounded memory, the same whatever the order of its rows.
//!
//! Numbers are ordered by an integer key. As long as there are at most [`CELLS`] distinct keys the sketch is exact.
//! Beyond, the lowest bits of all keys are dropped, one after another, until the keys fit again. The number of bits
//! dropped in the end is the least for which all numbers together fit: a part of them never needs more than the whole.
//! So neither order nor chunks nor the tree of merges can change the result, bit for bit.

/// The most distinct keys that are kept.
pub(crate) const CELLS: usize = 1 << 16;

/// Numbers are sorted in batches of so many.
const BATCH: usize = 1 << 16;

/// Neighbouring numbers that the sketch does not tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    /// Keys of the least and the greatest number.
    low: u64,
    high: u64,
    rows: u64,
}

/// A histogram of numbers. Not-a-number is not counted; both zeros are one.
#[derive(Clone, Debug)]
pub struct Sketch {
    /// By ascending key; the keys without their `dropped` lowest bits differ.
    cells: Vec<Cell>,
    waiting: Vec<u64>,
    dropped: u32,
    cells_max: usize,
}

impl Default for Sketch {
    fn default() -> Sketch {
        Sketch::with_cells(CELLS)
    }
}

/// An integer that orders as the number does.
fn key(number: f64) -> u64 {
    // Adding zero turns the negative zero into the positive one.
    let bits = (number + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn number(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

impl Sketch {
    /// A sketch of at most so many cells, at least two.
    pub fn with_cells(cells_max: usize) -> Sketch {
        Sketch { cells: Vec::new(), waiting: Vec::new(), dropped: 0, cells_max: cells_max.max(2) }
    }

    /// Counts a number.
    #[inline]
    pub fn add(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        self.waiting.push(key(value));
        if self.waiting.len() >= BATCH {
            self.settle();
        }
    }

    /// Counts what another sketch has counted.
    pub fn merge(&mut self, mut other: Sketch) {
        self.settle();
        other.settle();
        self.dropped = self.dropped.max(other.dropped);
        let cells = std::mem::take(&mut self.cells);
        self.cells = self.joined(&cells, &other.cells);
        self.coarsen();
    }

    fn settle(&mut self) {
        self.waiting.sort_unstable();
        let mut fresh: Vec<Cell> = Vec::new();
        for &key in &self.waiting {
            match fresh.last_mut() {
                Some(cell) if cell.high >> self.dropped == key >> self.dropped => {
                    cell.high = key;
                    cell.rows += 1;
                }
                _ => fresh.push(Cell { low: key, high: key, rows: 1 }),
            }
        }
        self.waiting.clear();
        let cells = std::mem::take(&mut self.cells);
        self.cells = self.joined(&cells, &fresh);
        self.coarsen();
    }

    /// Two ascending lists as one, equal keys together.
    fn joined(&self, a: &[Cell], b: &[Cell]) -> Vec<Cell> {
        let mut joined: Vec<Cell> = Vec::with_capacity(a.len() + b.len());
        let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
        loop {
            let next = match (a.peek(), b.peek()) {
                (Some(x), Some(y)) if y.low < x.low => b.next(),
                (Some(_), _) => a.next(),
                (None, _) => b.next(),
            };
            let Some(next) = next else { return joined };
            match joined.last_mut() {
                Some(cell) if cell.low >> self.dropped == next.low >> self.dropped => {
                    cell.low = cell.low.min(next.low);
                    cell.high = cell.high.max(next.high);
                    cell.rows += next.rows;
                }
                _ => joined.push(*next),
            }
        }
    }

    /// Drops the fewest bits with which the cells fit.
    fn coarsen(&mut self) {
        if self.cells.len() <= self.cells_max {
            return;
        }
        // Neighbours become one when the highest bit in which they differ is dropped.
        let mut merge_at = [0usize; 65];
        for pair in self.cells.windows(2) {
            let differ = pair[0].low ^ pair[1].low;
            merge_at[(u64::BITS - differ.leading_zeros()) as usize] += 1;
        }
        let mut left = self.cells.len();
        for (bits, merged) in (0u32..).zip(merge_at) {
            left -= merged;
            if left <= self.cells_max {
                self.dropped = bits;
                break;
            }
        }
        let cells = std::mem::take(&mut self.cells);
        self.cells = self.joined(&cells, &[]);
    }

    /// Numbers at which fine bins begin, ascending: at most `bins - 1`, so that the bins hold about equally many
    /// rows. With no more cells than bins each has its own. Every number is the plainest decimal that parts its
    /// neighbours.
    pub(crate) fn edges(mut self, bins: u16) -> Vec<f64> {
        self.settle();
        let rows: u128 = self.cells.iter().map(|cell| u128::from(cell.rows)).sum();
        let all = self.cells.len() <= usize::from(bins);
        let (mut before, mut last) = (0u128, None);
        let mut edges = Vec::new();
        let mut left: Option<Cell> = None;
        for cell in self.cells {
            // The bin in which the middle row of the cell falls.
            let bin = (2 * before + u128::from(cell.rows)) * u128::from(bins) / (2 * rows);
            before += u128::from(cell.rows);
            if let Some(left) = left
                && (all || last != Some(bin))
            {
                edges.push(plainest(number(left.high), number(cell.low)));
            }
            (last, left) = (Some(bin), Some(cell));
        }
        edges
    }

    /// The only number counted, if there is one only.
    pub(crate) fn constant(&mut self) -> Option<f64> {
        self.settle();
        match self.cells.as_slice() {
            [cell] if cell.low == cell.high => Some(number(cell.low)),
            _ => None,
        }
    }

    /// Whether nothing was counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.waiting.is_empty()
    }
}

/// A number `x` with `below < x ≤ above` that takes few digits to write: the bound rounded, or the middle.
fn plainest(below: f64, above: f64) -> f64 {
    let middle = below / 2.0 + above / 2.0;
    for digits in 0..16 {
        for candidate in [above, middle] {
            let written = format!("{candidate:.digits$e}");
            match written.parse::<f64>() {
                Ok(read) if below < read && read <= above => return read,
                _ => {}
            }
        }
    }
    above
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact::SplitMix64;

    #[test]
    fn keys_order_as_numbers_do() {
        let numbers = [f64::NEG_INFINITY, -3.5, -1e-300, 0.0, 5e-324, 1.0, 1e300, f64::INFINITY];
        assert!(numbers.windows(2).all(|pair| key(pair[0]) < key(pair[1])));
        assert!(numbers.iter().all(|n| number(key(*n)).to_bits() == n.to_bits()));
        assert_eq!(key(-0.0), key(0.0));
    }

    #[test]
    fn order_chunks_and_merges_change_nothing() {
        for seed in 0..20 {
            let mut random = SplitMix64(seed);
            let scale = libm::exp(10.0 * random.unit());
            let n = 3000;
            let mut values: Vec<f64> = (0..n).map(|_| libm::exp(scale * (random.unit() - 0.3))).collect();
            let build = |values: &[f64]| {
                let mut sketch = Sketch::with_cells(64);
                for v in values {
                    sketch.add(*v);
                }
                sketch.settle();
                (sketch.cells.clone(), sketch.dropped)
            };
            let whole = build(&values);
            for i in (1..n).rev() {
                values.swap(i, usize::try_from(random.below(i as u64 + 1)).expect("small"));
            }
            let mut parts = Sketch::with_cells(64);
            for chunk in values.chunks(1 + usize::try_from(random.below(900)).expect("small")) {
                let mut part = Sketch::with_cells(64);
                for v in chunk {
                    part.add(*v);
                    if random.below(50) == 0 {
                        part.settle();
                    }
                }
                parts.merge(part);
            }
            assert_eq!((parts.cells, parts.dropped), whole, "seed {seed}");
        }
    }

    #[test]
    fn few_values_have_a_bin_each_and_many_share_them_evenly() {
        let edges = |values: &[f64], bins| {
            let mut sketch = Sketch::default();
            for v in values {
                sketch.add(*v);
            }
            sketch.edges(bins)
        };
        assert_eq!(edges(&[3.0, 1.0, 2.0, 1.0], 10), [2.0, 3.0]);
        assert_eq!(edges(&[0.0, 1.0], 10), [1.0]);
        assert_eq!(edges(&[5.0; 9], 10), [0.0; 0]);
        assert_eq!(edges(&[], 10), [0.0; 0]);
        let thousand: Vec<f64> = (0..1000).map(f64::from).collect();
        assert_eq!(edges(&thousand, 4), [250.0, 500.0, 750.0]);
        // A value that half of the rows share keeps a bin of its own.
        let heavy: Vec<f64> = (0..1000).map(|i| f64::from(i).max(500.0)).collect();
        assert!(edges(&heavy, 10).contains(&501.0));
    }

    #[test]
    fn edges_are_plain_decimals_between_their_neighbours() {
        let check = |below: f64, above: f64, expected: f64| {
            assert_eq!(plainest(below, above).to_bits(), expected.to_bits());
        };
        check(3.0, 4.0, 4.0);
        check(4.0, 5.0, 5.0);
        check(0.123_456, 0.234_567, 0.2);
        check(-0.5, 0.5, 0.5);
        check(202_311.0, 202_312.0, 202_312.0);
        check(1.0, 1.0 + f64::EPSILON, 1.0 + f64::EPSILON);
    }
}
