//! Bins of a feature that is also a segment: they would show what the segment withholds.
//!
//! A bin holds several values of the column. With those of them that the segment shows taken away, what is left is what it withholds.
//! So where a segment withholds anything, the bins of its column are not told at all, and neither are those that are too small.

use super::report::{BinTold, FeatureTold, Report, Size};

impl Report {
    /// The report as it may leave the circle of those who may see the history, as far as its segments go: bins of features that are
    /// segments with small cells are withheld. Months and the bins of all other features stay.
    #[must_use]
    pub fn guarded(&self) -> Report {
        let mut report = self.clone();
        let hidden: Vec<bool> = self.features.iter().map(|feature| self.withholds(feature)).collect();
        for (feature, _) in report.features.iter_mut().zip(hidden).filter(|(_, hidden)| *hidden) {
            feature.withheld = true;
            feature.bins.clear();
            feature.shift.bins.clear();
            feature.inversions.clear();
        }
        report
    }

    /// Whether the bins of a feature would show cells of a segment that are too small.
    pub(super) fn withholds(&self, feature: &FeatureTold) -> bool {
        let segment = self.segments.iter().find(|segment| segment.column == feature.feature);
        let small = |size: Size| {
            let others = size.weight - size.bads;
            let least = self.events_min as f64;
            size.rows > 0 && (size.rows < self.cell_min || size.bads < least || others < least)
        };
        let any_small = |bin: &BinTold| small(bin.learned) || small(bin.held);
        segment.is_some_and(|segment| segment.withheld > 0 || feature.bins.iter().any(any_small))
    }
}
