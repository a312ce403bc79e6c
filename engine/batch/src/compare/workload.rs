//! How many inspections a year the tiers of a field ask for.
//!
//! A measure `inspections` gives a least and a most; a measure `sampling` with a ratio asks for that share of the tier
//! once a year. Both of one tier add up. What only a text says asks for nothing here, and is counted apart. Counts in
//! ten-thousandths of an inspection, exactly.

use hengxin_core::number::display_decimal;
use hengxin_core::tier::{Measure, MeasureKind};
use serde::Serialize;

/// The inspections a year that one subject of a tier can expect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierWorkload {
    /// At least, in ten-thousandths.
    pub least: i64,
    /// At most, in ten-thousandths; without a stated most the same as `least`.
    pub most: i64,
    /// Whether the tier states a figure at all.
    pub figure: Figure,
}

/// Whether a tier states how often its subjects are inspected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// It does not.
    #[default]
    None,
    /// Only a least: there may be more.
    Least,
    /// A least and a most.
    Range,
}

impl TierWorkload {
    /// What the measures of a tier ask for.
    pub fn of(measures: &[Measure]) -> TierWorkload {
        let mut load = TierWorkload::default();
        let mut open = false;
        for measure in measures {
            match measure.kind {
                // Basis points are ten-thousandths of the whole: a ratio of 20% is 0.2 inspections a year.
                MeasureKind::SamplingRatio(share) => {
                    load.least += share.basis_points();
                    load.most += share.basis_points();
                    load.figure = Figure::Range;
                }
                MeasureKind::SamplingExcluded => load.figure = Figure::Range,
                MeasureKind::Inspections { min, max } => {
                    load.least += min.unwrap_or(0);
                    load.most += max.or(min).unwrap_or(0);
                    load.figure = Figure::Range;
                    open |= max.is_none();
                }
                MeasureKind::Mode(_)
                | MeasureKind::Service
                | MeasureKind::Warning
                | MeasureKind::Restriction => {}
            }
        }
        if open {
            load.figure = Figure::Least;
        }
        load
    }
}

/// The workload of a field in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Per tier from 1: subjects and what one of them can expect.
    pub tiers: Vec<(u64, TierWorkload)>,
}

impl Workload {
    /// Inspections a year, (least, most), in ten-thousandths.
    pub fn total(&self) -> (i128, i128) {
        self.tiers.iter().fold((0, 0), |(least, most), (subjects, load)| {
            let n = i128::from(*subjects);
            (least + n * i128::from(load.least), most + n * i128::from(load.most))
        })
    }

    /// Subjects in tiers that state no figure.
    pub fn without_figure(&self) -> u64 {
        self.tiers.iter().filter(|(_, load)| load.figure == Figure::None).map(|(n, _)| n).sum()
    }
}

/// Ten-thousandths as a plain decimal.
pub(crate) fn decimal(n: i128) -> String {
    // A nation of subjects, each inspected daily, stays a thousand times below the limit.
    display_decimal(i64::try_from(n).unwrap_or(if n < 0 { i64::MIN + 1 } else { i64::MAX }), 4)
}

#[cfg(test)]
mod tests {
    use hengxin_core::number::Share;
    use hengxin_core::scope::Source;

    use super::*;

    #[track_caller]
    fn check(kinds: &[MeasureKind], least: i64, most: i64, figure: Figure) {
        let measure = |kind: &MeasureKind| Measure {
            kind: *kind,
            title: String::new(),
            source: Source::Project { reason: "test".to_owned() },
        };
        let measures: Vec<Measure> = kinds.iter().map(measure).collect();
        assert_eq!(TierWorkload::of(&measures), TierWorkload { least, most, figure });
    }

    #[test]
    fn figures_of_one_tier_add_up() {
        let ratio = MeasureKind::SamplingRatio(Share::from_basis_points(2000));
        check(&[], 0, 0, Figure::None);
        check(&[MeasureKind::Service], 0, 0, Figure::None);
        check(&[MeasureKind::SamplingExcluded], 0, 0, Figure::Range);
        check(&[ratio], 2000, 2000, Figure::Range);
        let at_least = MeasureKind::Inspections { min: Some(10_000), max: None };
        check(&[ratio, at_least], 12_000, 12_000, Figure::Least);
        check(&[MeasureKind::Inspections { min: None, max: Some(10_000) }], 0, 10_000, Figure::Range);
    }

    #[test]
    fn subjects_times_figures() {
        let load = |least, figure| TierWorkload { least, most: least, figure };
        let field = Workload { tiers: vec![(7, load(5000, Figure::Least)), (3, load(0, Figure::None))] };
        assert_eq!(field.total(), (35_000, 35_000));
        assert_eq!(decimal(field.total().0), "3.5");
        assert_eq!(field.without_figure(), 3);
    }
}
