//! Who moved: a bounded list of the furthest moves, the same whatever order they are met in, and a hook for all of them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use hengxin_core::number::Points;
use hengxin_core::uscc::Uscc;

use super::axis::{Axis, Direction};
use super::clause::Clause;
use crate::error::Result;

/// One subject's move on one axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mover {
    /// The subject.
    pub subject: Uscc,
    /// The axis, by its place.
    pub axis: usize,
    /// State in the first run, by its place in [`Axis::before`].
    pub from: usize,
    /// State in the second run, by its place in [`Axis::after`].
    pub to: usize,
    /// Where it goes.
    pub direction: Direction,
    /// How many grades or tiers.
    pub distance: u32,
    /// Scores of both runs on an axis of grades.
    pub scores: (Option<Points>, Option<Points>),
    /// What it is laid to.
    pub cause: Arc<Clause>,
}

impl Mover {
    /// The change of score in ten-thousandths, whatever its sign; 0 without two scores.
    fn score_moved(&self) -> u64 {
        match self.scores {
            (Some(a), Some(b)) => a.ten_thousandths().abs_diff(b.ten_thousandths()),
            _ => 0,
        }
    }

    /// Furthest first, then by the change of score, then by subject and axis: no two movers are equal.
    fn order(&self) -> (Reverse<u32>, Reverse<u64>, Uscc, usize) {
        (Reverse(self.distance), Reverse(self.score_moved()), self.subject, self.axis)
    }
}

impl PartialOrd for Mover {
    fn partial_cmp(&self, other: &Mover) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Mover {
    fn cmp(&self, other: &Mover) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

/// Takes every mover as it is met, in ascending order of subjects.
pub trait MoverSink {
    /// Takes one.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn take(&mut self, axis: &Axis, mover: &Mover) -> Result<()>;
}

/// The first `most` movers by their order.
#[derive(Clone, Debug)]
pub struct Sample {
    most: usize,
    /// The last one by order on top, to be pushed out first.
    kept: BinaryHeap<Mover>,
    total: u64,
}

impl Sample {
    /// An empty one.
    pub fn new(most: usize) -> Sample {
        Sample { most, kept: BinaryHeap::new(), total: 0 }
    }

    /// Takes in a mover.
    pub fn add(&mut self, mover: Mover) {
        self.total += 1;
        self.keep(mover);
    }

    fn keep(&mut self, mover: Mover) {
        if self.kept.len() < self.most {
            self.kept.push(mover);
        } else if let Some(mut last) = self.kept.peek_mut().filter(|last| mover < **last) {
            *last = mover;
        }
    }

    /// Takes in another part's.
    pub fn merge(&mut self, other: Sample) {
        self.total += other.total;
        other.kept.into_iter().for_each(|mover| self.keep(mover));
    }

    /// How many there were.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Those kept, in order.
    pub fn into_sorted(self) -> Vec<Mover> {
        self.kept.into_sorted_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::super::clause::ClauseKind;
    use super::super::fixture;
    use super::*;

    fn mover(n: u32, distance: u32, change: i64) -> Mover {
        Mover {
            subject: fixture::subject(n),
            axis: 0,
            from: 0,
            to: 1,
            direction: Direction::Worse,
            distance,
            scores: (Some(Points::ZERO), Some(Points::from_ten_thousandths(change))),
            cause: Arc::new(Clause::of_document(ClauseKind::Unexplained, "s")),
        }
    }

    #[test]
    fn the_furthest_are_kept_whatever_the_order_and_the_parts() {
        let all: Vec<Mover> = (0..200).map(|n| mover(n, n * 7 % 4, i64::from(n * 13 % 50))).collect();
        let of = |movers: &[Mover]| {
            let mut sample = Sample::new(20);
            for m in movers {
                sample.add(m.clone());
            }
            sample
        };
        let mut sorted = all.clone();
        sorted.sort();
        sorted.truncate(20);
        let backwards: Vec<Mover> = all.iter().rev().cloned().collect();
        assert_eq!(of(&all).into_sorted(), sorted);
        assert_eq!(of(&backwards).into_sorted(), sorted);
        let mut parts = of(&all[150..]);
        parts.merge(of(&all[..150]));
        assert_eq!(parts.total(), 200);
        assert_eq!(parts.into_sorted(), sorted);
        assert!(sorted.iter().all(|m| m.distance == 3));
    }

    #[test]
    fn none_are_kept_when_none_are_wanted() {
        let mut none = Sample::new(0);
        none.add(mover(1, 1, 1));
        assert_eq!((none.total(), none.into_sorted().len()), (1, 0));
    }
}
