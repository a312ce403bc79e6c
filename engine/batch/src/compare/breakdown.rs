//! Moves broken down by what a subject is: its region, industry, size and age.
//!
//! Counted are subjects of both runs, each in exactly one cell of every table, by what the second run says of them. "Not
//! known" is a cell of its own. Memory: one counter per cell, and there are no more cells than counties.

use std::collections::BTreeMap;
use std::str::FromStr;

use hengxin_core::date::Date;
use hengxin_core::industry::IndustrySection;
use hengxin_core::region::RegionCode;

use super::axis::Direction;
use super::result_row::ResultRow;
use super::run_side::Named;

/// How far down regions are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RegionDepth {
    /// Provinces: two digits.
    Province,
    /// Cities: four digits.
    #[default]
    City,
    /// Counties: all six digits.
    County,
}

impl RegionDepth {
    /// Digits told apart.
    pub const fn digits(self) -> u32 {
        match self {
            RegionDepth::Province => 2,
            RegionDepth::City => 4,
            RegionDepth::County => 6,
        }
    }

    const fn unit(self) -> u32 {
        match self {
            RegionDepth::Province => 10_000,
            RegionDepth::City => 100,
            RegionDepth::County => 1,
        }
    }
}

impl FromStr for RegionDepth {
    type Err = String;

    fn from_str(text: &str) -> Result<RegionDepth, String> {
        match text {
            "2" => Ok(RegionDepth::Province),
            "4" => Ok(RegionDepth::City),
            "6" => Ok(RegionDepth::County),
            _ => Err(format!("found `{text}`, expected 2 (provinces), 4 (cities) or 6 (counties)")),
        }
    }
}

/// By what subjects are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Region of registration.
    Region,
    /// Section of GB/T 4754.
    Industry,
    /// Size of the enterprise.
    Size,
    /// Whole years since it was established, on the day of the second run.
    Age,
}

/// Bands of age: first month, id, title.
const AGES: [(i32, &str, &str); 5] = [
    (0, "under-1", "不满1年 (<1)"),
    (12, "1-3", "1–3年"),
    (36, "3-5", "3–5年"),
    (60, "5-10", "5–10年"),
    (120, "10-up", "10年以上 (≥10)"),
];

impl By {
    /// All, in the order of reports.
    pub const ALL: [By; 4] = [By::Region, By::Industry, By::Size, By::Age];

    /// The word in documents.
    pub const fn name(self) -> &'static str {
        match self {
            By::Region => "region",
            By::Industry => "industry",
            By::Size => "size",
            By::Age => "age",
        }
    }

    /// The cell of a subject; `None`: not known.
    fn key(self, row: &ResultRow, as_of: Date, depth: RegionDepth) -> Option<u32> {
        match self {
            By::Region => row.region.map(|region| region.digits() / depth.unit() * depth.unit()),
            By::Industry => row.industry.map(|industry| u32::from(industry.section().letter())),
            By::Size => row.size.and_then(|size| u32::try_from(size).ok()),
            By::Age => row.established_on.map(|day| {
                let months = as_of.months_since(day);
                let band = AGES.iter().rposition(|(from, ..)| months >= *from).unwrap_or(0);
                u32::try_from(band).unwrap_or(0)
            }),
        }
    }

    /// The name of a cell.
    fn named(self, key: Option<u32>, sizes: &[Named]) -> Named {
        let named = |id: String, title: String| Named { id, title };
        let Some(key) = key else { return named("unknown".to_owned(), "不详 (unknown)".to_owned()) };
        let known = match self {
            By::Region => {
                let id = format!("{key:06}");
                let province = RegionCode::from_digits(key).ok().and_then(RegionCode::province);
                let region = RegionCode::from_digits(key).ok();
                let name = region.and_then(RegionCode::name).or_else(|| province.and_then(RegionCode::name));
                let title = format!("{id} {}", name.unwrap_or_default()).trim_end().to_owned();
                Some(named(id, title))
            }
            By::Industry => IndustrySection::all()
                .find(|section| u32::from(section.letter()) == key)
                .map(|s| named(s.to_string(), format!("{s} {}", s.name()))),
            By::Size => usize::try_from(key).ok().and_then(|i| sizes.get(i)).cloned(),
            By::Age => usize::try_from(key)
                .ok()
                .and_then(|i| AGES.get(i))
                .map(|(_, id, title)| named((*id).to_owned(), (*title).to_owned())),
        };
        known.unwrap_or_else(|| named(key.to_string(), key.to_string()))
    }
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Subjects in it.
    pub subjects: u64,
    /// Per axis, how many moved in each of [`Direction::MOVES`].
    pub moves: Vec<[u64; 3]>,
}

/// All four tables.
#[derive(Clone, Debug)]
pub struct Breakdown {
    axes: usize,
    depth: RegionDepth,
    as_of: Date,
    tables: [BTreeMap<Option<u32>, Cell>; 4],
}

impl Breakdown {
    /// Empty tables for so many axes.
    pub fn new(axes: usize, depth: RegionDepth, as_of: Date) -> Breakdown {
        Breakdown { axes, depth, as_of, tables: Default::default() }
    }

    /// How far down regions are told apart.
    pub fn depth(&self) -> RegionDepth {
        self.depth
    }

    /// Counts a subject and where it moved, axis by axis.
    pub fn add(&mut self, row: &ResultRow, directions: &[Direction]) {
        for (by, table) in By::ALL.iter().zip(&mut self.tables) {
            let key = by.key(row, self.as_of, self.depth);
            let empty = || Cell { subjects: 0, moves: vec![[0; 3]; self.axes] };
            let cell = table.entry(key).or_insert_with(empty);
            cell.subjects += 1;
            for (counts, direction) in cell.moves.iter_mut().zip(directions) {
                if let Some(place) = direction.place() {
                    counts[place] += 1;
                }
            }
        }
    }

    /// Adds another part's counts.
    pub fn merge(&mut self, other: &Breakdown) {
        for (table, more) in self.tables.iter_mut().zip(&other.tables) {
            for (key, cell) in more {
                let Some(mine) = table.get_mut(key) else {
                    table.insert(*key, cell.clone());
                    continue;
                };
                mine.subjects += cell.subjects;
                for (counts, more) in mine.moves.iter_mut().zip(&cell.moves) {
                    counts.iter_mut().zip(more).for_each(|(a, b)| *a += b);
                }
            }
        }
    }

    /// The cells of a table in the order of their keys, those not known first.
    pub fn table(&self, by: By, sizes: &[Named]) -> Vec<(Named, &Cell)> {
        let place = By::ALL.iter().position(|b| *b == by).unwrap_or(0);
        self.tables[place].iter().map(|(key, cell)| (by.named(*key, sizes), cell)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[track_caller]
    fn check(by: By, depth: RegionDepth, expected: &str) {
        let mut row = fixture::row(0);
        row.region = "330106".parse().ok();
        row.industry = "C1411".parse().ok();
        row.size = Some(1);
        row.established_on = "2023-11-01".parse().ok();
        let mut tables = Breakdown::new(0, depth, "2026-11-01".parse().unwrap());
        tables.add(&row, &[]);
        let side = fixture::side("2026-11-01");
        let cells = tables.table(by, &side.sizes);
        assert_eq!(cells.len(), 1);
        assert_eq!(cells[0].0.id, expected);
    }

    #[test]
    fn every_table_has_one_cell_for_a_subject() {
        check(By::Region, RegionDepth::Province, "330000");
        check(By::Region, RegionDepth::City, "330100");
        check(By::Region, RegionDepth::County, "330106");
        check(By::Industry, RegionDepth::City, "C");
        check(By::Size, RegionDepth::City, "small");
        check(By::Age, RegionDepth::City, "3-5");
    }

    #[test]
    fn ages_change_on_the_anniversary() {
        let as_of: Date = "2026-11-01".parse().unwrap();
        for (established, expected) in [
            ("2026-12-01", Some(0)),
            ("2025-11-02", Some(0)),
            ("2025-11-01", Some(1)),
            ("2016-11-02", Some(3)),
            ("2016-11-01", Some(4)),
        ] {
            let mut row = fixture::row(0);
            row.established_on = established.parse().ok();
            assert_eq!(By::Age.key(&row, as_of, RegionDepth::City), expected, "{established}");
        }
    }
}
