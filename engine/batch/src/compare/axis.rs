//! An axis: one thing in which subjects move from the first run to the second, and the matrix of those moves.
//!
//! Tiers of a field are an axis, and so are the grades of a standard. Every subject of either run is in exactly one cell
//! of every axis's matrix.

use hengxin_core::tier::Tier;

use super::result_row::{OutcomeKind, StandardResult};
use super::run_side::{FieldSide, Named, StandardSide};

/// A row or column of a matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its id in documents.
    pub name: Named,
    /// How strict it is, for comparing; `None`: it cannot be compared, such as "too little is known".
    rank: Option<u32>,
}

/// Where a move goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// The same on both sides.
    Same,
    /// A worse grade, a stricter tier.
    Worse,
    /// A better grade, a lighter tier.
    Better,
    /// Changed, and neither worse nor better: to or from "cannot be scored", or between schemes.
    Other,
}

impl Direction {
    /// The directions in which something changed, in the order of reports.
    pub const MOVES: [Direction; 3] = [Direction::Worse, Direction::Better, Direction::Other];

    /// The word in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Direction::Same => "same",
            Direction::Worse => "worse",
            Direction::Better => "better",
            Direction::Other => "other",
        }
    }

    /// Its place in [`Direction::MOVES`]; `None` when nothing changed.
    pub(crate) const fn place(self) -> Option<usize> {
        match self {
            Direction::Same => None,
            Direction::Worse => Some(0),
            Direction::Better => Some(1),
            Direction::Other => Some(2),
        }
    }
}

/// What an axis is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AxisKind {
    /// Tiers of a field: its places in the two runs.
    Field {
        /// In [`RunSide::fields`](super::RunSide::fields) of the first run.
        before: usize,
        /// In those of the second.
        after: usize,
    },
    /// Grades of a standard: its places in the two runs.
    Standard {
        /// In [`RunSide::standards`](super::RunSide::standards) of the first run.
        before: usize,
        /// In those of the second.
        after: usize,
    },
}

/// An axis with its states on both sides. The last state of each side is "not in this run".
#[derive(Clone, Debug)]
pub struct Axis {
    /// `field:market-regulation` or `standard:public-comprehensive`.
    pub id: String,
    /// Its title in the second run.
    pub title: String,
    /// What it is about.
    pub kind: AxisKind,
    /// States of the first run.
    pub before: Vec<State>,
    /// States of the second run.
    pub after: Vec<State>,
    /// Whether ranks of both sides mean the same.
    comparable: bool,
}

/// The id of the last state of every side.
pub const ABSENT: &str = "absent";

fn state(id: &str, title: &str, rank: Option<u32>) -> State {
    State { name: Named { id: id.to_owned(), title: title.to_owned() }, rank }
}

fn field_states(side: &FieldSide) -> Vec<State> {
    let tiers = side.tiers.iter().zip(1u32..).map(|(tier, n)| state(&n.to_string(), &tier.title, Some(n)));
    tiers.chain([state("none", "无对应级别", None), state(ABSENT, "不在该次运行中", None)]).collect()
}

fn grade_states(side: &StandardSide) -> Vec<State> {
    let grades = side.grades.iter().zip(1u32..).map(|(grade, n)| state(&grade.id, &grade.title, Some(n)));
    // Where nothing found means no grade, having none is better than every grade (format §10).
    let rest = [
        state("no-grade", "无等级", Some(0)),
        state("cannot-score", "信息不足", None),
        state("not-eligible", "不参评", None),
        state(ABSENT, "不在该次运行中", None),
    ];
    grades.chain(rest).collect()
}

impl Axis {
    /// The tiers of a field.
    pub(crate) fn of_field(places: (usize, usize), before: &FieldSide, after: &FieldSide) -> Axis {
        Axis {
            id: format!("field:{}", after.field),
            title: after.title.clone(),
            kind: AxisKind::Field { before: places.0, after: places.1 },
            before: field_states(before),
            after: field_states(after),
            comparable: true,
        }
    }

    /// The grades of a standard.
    pub(crate) fn of_standard(places: (usize, usize), before: &StandardSide, after: &StandardSide) -> Axis {
        let ids = |side: &StandardSide| side.grades.iter().map(|g| g.id.clone()).collect::<Vec<_>>();
        Axis {
            id: format!("standard:{}", after.id),
            title: after.title.clone(),
            kind: AxisKind::Standard { before: places.0, after: places.1 },
            before: grade_states(before),
            after: grade_states(after),
            comparable: before.scheme == after.scheme && ids(before) == ids(after),
        }
    }

    /// Whether its states have an order that both runs share; without one no move is worse or better.
    pub fn comparable(&self) -> bool {
        self.comparable
    }

    /// The place of "not in this run" among the states of the first and the second run.
    pub fn absent(&self) -> (usize, usize) {
        (self.before.len() - 1, self.after.len() - 1)
    }

    /// Where a move between two states goes. To and from "not in this run" is no move.
    pub fn direction(&self, from: usize, to: usize) -> Direction {
        let (Some(a), Some(b)) = (self.before.get(from), self.after.get(to)) else { return Direction::Other };
        if a.name.id == ABSENT || b.name.id == ABSENT {
            return Direction::Same;
        }
        match (a.rank, b.rank) {
            (Some(a), Some(b)) if self.comparable => match a.cmp(&b) {
                std::cmp::Ordering::Less => Direction::Worse,
                std::cmp::Ordering::Greater => Direction::Better,
                std::cmp::Ordering::Equal => Direction::Same,
            },
            (None, None) if a.name.id == b.name.id => Direction::Same,
            (Some(_) | None, Some(_) | None) => Direction::Other,
        }
    }

    /// How far a move goes, in grades or tiers; 0 where that cannot be said.
    pub(crate) fn distance(&self, from: usize, to: usize) -> u32 {
        let rank = |states: &[State], i: usize| states.get(i).and_then(|s| s.rank);
        match (rank(&self.before, from), rank(&self.after, to)) {
            (Some(a), Some(b)) if self.comparable => a.abs_diff(b),
            (Some(_) | None, Some(_) | None) => 0,
        }
    }
}

/// The place of a tier among the states of a field with this many tiers.
pub(crate) fn tier_place(tiers: usize, tier: Option<Tier>) -> usize {
    tier.map_or(tiers, |tier| usize::from(tier).saturating_sub(1).min(tiers))
}

/// The place of a result among the states of a standard with this many grades.
pub(crate) fn grade_place(grades: usize, result: &StandardResult) -> usize {
    match (result.grade, result.outcome) {
        // A veto may give a grade although too little is known for a score: the grade is what counts.
        (Some(grade), OutcomeKind::Graded | OutcomeKind::CannotScore) => usize::from(grade).min(grades),
        (None, OutcomeKind::Graded) => grades,
        (None, OutcomeKind::CannotScore) => grades + 1,
        (_, OutcomeKind::NotEligible) => grades + 2,
    }
}

/// Counts of moves: states before × states after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    columns: usize,
    cells: Vec<u64>,
}

impl Matrix {
    /// All zero.
    pub fn new(rows: usize, columns: usize) -> Matrix {
        Matrix { columns, cells: vec![0; rows * columns] }
    }

    /// Counts one subject.
    pub fn add(&mut self, from: usize, to: usize) {
        self.cells[from * self.columns + to] += 1;
    }

    /// Adds another part's counts.
    pub fn merge(&mut self, other: &Matrix) {
        self.cells.iter_mut().zip(&other.cells).for_each(|(a, b)| *a += b);
    }

    /// One count.
    pub fn cell(&self, from: usize, to: usize) -> u64 {
        self.cells[from * self.columns + to]
    }

    /// Its rows.
    pub fn rows(&self) -> impl Iterator<Item = &[u64]> {
        self.cells.chunks(self.columns)
    }

    /// The sum of all cells.
    pub fn total(&self) -> u64 {
        self.cells.iter().sum()
    }

    /// Sum of a row.
    pub fn row_sum(&self, from: usize) -> u64 {
        self.cells[from * self.columns..][..self.columns].iter().sum()
    }

    /// Sum of a column.
    pub fn column_sum(&self, to: usize) -> u64 {
        self.cells.iter().skip(to).step_by(self.columns).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn tiers_ascend_and_none_is_beside_them() {
        let field = &fixture::side("2026-11-01").fields[0];
        let axis = Axis::of_field((0, 0), field, field);
        let none = 4;
        for (from, to, expected) in [
            (0, 0, Direction::Same),
            (0, 3, Direction::Worse),
            (3, 1, Direction::Better),
            (none, none, Direction::Same),
            (none, 0, Direction::Other),
            (5, 0, Direction::Same),
            (0, 5, Direction::Same),
        ] {
            assert_eq!(axis.direction(from, to), expected, "{from} to {to}");
        }
        assert_eq!(axis.distance(0, 3), 3);
        assert_eq!(axis.absent(), (5, 5));
    }

    #[test]
    fn letters_of_different_schemes_are_never_compared() {
        let standard = &fixture::side("2026-11-01").standards[0];
        let mut other = standard.clone();
        other.scheme = "another".to_owned();
        let same = Axis::of_standard((0, 0), standard, standard);
        let across = Axis::of_standard((0, 0), standard, &other);
        assert_eq!(same.direction(0, 1), Direction::Worse);
        // No grade at all is better than the best.
        assert_eq!(same.direction(4, 0), Direction::Worse);
        assert_eq!(across.direction(0, 1), Direction::Other);
        assert_eq!(across.direction(0, 0), Direction::Other);
        assert_eq!(across.direction(6, 6), Direction::Same);
    }

    #[test]
    fn a_veto_without_a_score_counts_by_its_grade() {
        let result = |outcome, grade| StandardResult { outcome, score: None, grade, findings: 0 };
        assert_eq!(grade_place(4, &result(OutcomeKind::CannotScore, Some(3))), 3);
        assert_eq!(grade_place(4, &result(OutcomeKind::Graded, None)), 4);
        assert_eq!(grade_place(4, &result(OutcomeKind::CannotScore, None)), 5);
        assert_eq!(grade_place(4, &result(OutcomeKind::NotEligible, None)), 6);
    }

    #[test]
    fn sums_of_a_matrix() {
        let mut matrix = Matrix::new(2, 3);
        matrix.add(0, 2);
        matrix.add(1, 2);
        matrix.add(1, 0);
        assert_eq!(
            (matrix.total(), matrix.row_sum(1), matrix.column_sum(2), matrix.cell(0, 2)),
            (3, 2, 2, 1)
        );
    }
}
