//! Codes of administrative divisions (GB/T 2260): six digits, two each for province, city and county.
//!
//! A region scopes standards, rights and lists; what a region contains is read from its digits alone. The 34
//! province-level divisions are checked and named. Cities and counties are not: they are renamed, merged and
//! abolished every year, records keep the old codes, and a code that was valid when written must stay readable.

use std::fmt;
use std::str::FromStr;

/// An administrative division of GB/T 2260, or the whole nation.
///
/// Ordered by digits, so that a province sorts before its cities and a city before its counties.
///
/// ```
/// use hengxin_core::region::RegionCode;
///
/// let zhejiang: RegionCode = "33".parse()?;
/// assert_eq!(zhejiang.to_string(), "330000");
/// assert!(zhejiang.contains("330106".parse()?));
/// # Ok::<(), hengxin_core::region::RegionError>(())
/// ```
// INVARIANT: 100000, or six digits whose first two are in PROVINCES.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionCode(u32);

/// How far down the division tree a code reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegionLevel {
    /// The whole nation, `100000`.
    National,
    /// Province, autonomous region, municipality or special administrative region: `330000`.
    Province,
    /// Prefecture-level city and its equals: `330100`.
    City,
    /// County, district or county-level city: `330106`. Divisions run directly by a province (`429004`), and
    /// functional areas coded with city digits `00`, count here.
    County,
}

/// Why a text is not a region code. Positions count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegionError {
    /// Not two, four or six characters.
    #[error("region code has {found} characters; expected 2, 4 or 6 digits (GB/T 2260)")]
    Length {
        /// Characters found.
        found: usize,
    },
    /// A character that is no ASCII digit.
    #[error("character {position} of the region code is `{}`; expected a digit 0 to 9", found.escape_debug())]
    Digit {
        /// Position of the character, from 1.
        position: usize,
        /// The character found.
        found: char,
    },
    /// A number of more than six digits.
    #[error("region number {found} is out of range; expected at most six digits (GB/T 2260)")]
    Range {
        /// The number found.
        found: u32,
    },
    /// No province-level division has these first two digits.
    #[error(
        "region `{digits:06}` lies in no province: `{:02}` is not one of the 34 province-level codes of \
         GB/T 2260 (11 to 82); the nation is `100000`",
        digits / 10_000
    )]
    Province {
        /// All six digits, completed with zeros.
        digits: u32,
    },
}

impl RegionCode {
    /// The whole nation, written `100000`. Also read from `000000`, `00` and `10`.
    pub const NATIONAL: Self = Self(100_000);

    /// The region of a six-digit number, such as `330106`; `0` and `100000` are the nation.
    ///
    /// # Errors
    /// [`RegionError::Range`] above 999999, [`RegionError::Province`] when the province does not exist.
    pub fn from_digits(digits: u32) -> Result<Self, RegionError> {
        match digits {
            0 | 100_000 => Ok(Self::NATIONAL),
            1_000_000.. => Err(RegionError::Range { found: digits }),
            _ if province_name(digits / 10_000).is_some() => Ok(Self(digits)),
            _ => Err(RegionError::Province { digits }),
        }
    }

    /// The six digits as a number: `330106`.
    pub const fn digits(self) -> u32 {
        self.0
    }

    /// Whether this is the whole nation.
    pub const fn is_national(self) -> bool {
        self.0 == Self::NATIONAL.0
    }

    /// The level, read from the trailing zeros.
    pub const fn level(self) -> RegionLevel {
        if self.is_national() {
            RegionLevel::National
        } else if self.0.is_multiple_of(10_000) {
            RegionLevel::Province
        } else if self.0.is_multiple_of(100) {
            RegionLevel::City
        } else {
            RegionLevel::County
        }
    }

    /// Whether `other` is this region or lies inside it. The nation contains everything.
    pub const fn contains(self, other: Self) -> bool {
        match self.level() {
            RegionLevel::National => true,
            // The nation's own digits begin with 10, which is no province, so it falls in none of these.
            RegionLevel::Province => self.0 / 10_000 == other.0 / 10_000,
            RegionLevel::City => self.0 / 100 == other.0 / 100,
            RegionLevel::County => self.0 == other.0,
        }
    }

    /// The next wider region: county, city, province, nation. `None` for the nation.
    ///
    /// A county with city digits `00` answers to its province.
    pub const fn parent(self) -> Option<Self> {
        match self.level() {
            RegionLevel::National => None,
            RegionLevel::Province => Some(Self::NATIONAL),
            RegionLevel::City => Some(Self(self.0 / 10_000 * 10_000)),
            RegionLevel::County => Some(Self(self.0 / 100 * 100)),
        }
    }

    /// The province this region lies in, itself if it is one. `None` for the nation.
    pub const fn province(self) -> Option<Self> {
        match self.level() {
            RegionLevel::National => None,
            RegionLevel::Province | RegionLevel::City | RegionLevel::County => {
                Some(Self(self.0 / 10_000 * 10_000))
            }
        }
    }

    /// The region one level below `wide` that this one lies in: of the nation a province, of a province a city, of a
    /// city a county. A region that is known no more precisely stands for itself, and so does a county run by its
    /// province. `None` outside `wide`, and of a county, below which there is nothing.
    pub fn below(self, wide: Self) -> Option<Self> {
        if !wide.contains(self) {
            return None;
        }
        let city = Self(self.0 / 100 * 100);
        match wide.level() {
            RegionLevel::National => Some(self.province().unwrap_or(self)),
            RegionLevel::Province => Some(if city == wide { self } else { city }),
            RegionLevel::City => Some(self),
            RegionLevel::County => None,
        }
    }

    /// The Chinese name of a province or of the nation. `None` for cities and counties, which are not tabled.
    pub fn name(self) -> Option<&'static str> {
        match self.level() {
            RegionLevel::National => Some("全国"),
            RegionLevel::Province => province_name(self.0 / 10_000),
            RegionLevel::City | RegionLevel::County => None,
        }
    }

    /// The 34 province-level divisions in the order of their codes.
    pub fn provinces() -> impl Iterator<Item = Self> {
        PROVINCES.iter().map(|&(code, _)| Self(u32::from(code) * 10_000))
    }
}

impl FromStr for RegionCode {
    type Err = RegionError;

    /// Reads two, four or six digits; missing digits are zeros.
    fn from_str(text: &str) -> Result<Self, RegionError> {
        let found = text.chars().count();
        if !matches!(found, 2 | 4 | 6) {
            return Err(RegionError::Length { found });
        }
        let mut digits = 0;
        for (position, found) in (1..).zip(text.chars()) {
            let digit = match found {
                '0'..='9' => u32::from(found) - u32::from('0'),
                _ => return Err(RegionError::Digit { position, found }),
            };
            digits = digits * 10 + digit;
        }
        let completed = match found {
            2 => digits * 10_000,
            4 => digits * 100,
            _ => digits,
        };
        Self::from_digits(completed)
    }
}

impl fmt::Display for RegionCode {
    /// Always six digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

impl fmt::Debug for RegionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegionCode({self})")
    }
}

fn province_name(code: u32) -> Option<&'static str> {
    PROVINCES.iter().find(|&&(known, _)| u32::from(known) == code).map(|&(_, name)| name)
}

/// Whether the two digits begin the codes of a province: the table of the fast path of identifiers.
pub(crate) const IS_PROVINCE: [bool; 100] = {
    let mut table = [false; 100];
    let mut row = 0;
    while row < PROVINCES.len() {
        table[PROVINCES[row].0 as usize] = true;
        row += 1;
    }
    table
};

/// Province-level divisions of GB/T 2260 with their names.
const PROVINCES: [(u8, &str); 34] = [
    (11, "北京市"),
    (12, "天津市"),
    (13, "河北省"),
    (14, "山西省"),
    (15, "内蒙古自治区"),
    (21, "辽宁省"),
    (22, "吉林省"),
    (23, "黑龙江省"),
    (31, "上海市"),
    (32, "江苏省"),
    (33, "浙江省"),
    (34, "安徽省"),
    (35, "福建省"),
    (36, "江西省"),
    (37, "山东省"),
    (41, "河南省"),
    (42, "湖北省"),
    (43, "湖南省"),
    (44, "广东省"),
    (45, "广西壮族自治区"),
    (46, "海南省"),
    (50, "重庆市"),
    (51, "四川省"),
    (52, "贵州省"),
    (53, "云南省"),
    (54, "西藏自治区"),
    (61, "陕西省"),
    (62, "甘肃省"),
    (63, "青海省"),
    (64, "宁夏回族自治区"),
    (65, "新疆维吾尔自治区"),
    (71, "台湾省"),
    (81, "香港特别行政区"),
    (82, "澳门特别行政区"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn region(text: &str) -> RegionCode {
        match text.parse() {
            Ok(region) => region,
            Err(error) => panic!("`{text}`: {error}"),
        }
    }

    #[track_caller]
    fn check_message(text: &str, message: &str) {
        match text.parse::<RegionCode>() {
            Ok(region) => panic!("`{text}` was read as {region}"),
            Err(error) => assert_eq!(error.to_string(), message),
        }
    }

    #[test]
    fn short_codes_are_completed_with_zeros() {
        assert_eq!(region("33"), region("330000"));
        assert_eq!(region("3301"), region("330100"));
        assert_eq!(region("330106").to_string(), "330106");
    }

    #[test]
    fn a_region_contains_itself_and_what_lies_below_but_not_what_lies_above_or_beside() {
        let (province, city, county) = (region("33"), region("3301"), region("330106"));
        for (wide, narrow) in [(province, city), (province, county), (city, county)] {
            assert!(wide.contains(narrow), "{wide} {narrow}");
            assert!(!narrow.contains(wide), "{narrow} {wide}");
        }
        for each in [province, city, county, RegionCode::NATIONAL] {
            assert!(each.contains(each), "{each}");
            assert!(RegionCode::NATIONAL.contains(each), "{each}");
        }
        assert!(!province.contains(RegionCode::NATIONAL));
        assert!(!province.contains(region("340100")));
        assert!(!city.contains(region("330206")));
        assert!(!county.contains(region("330105")));
    }

    #[test]
    fn both_spellings_of_the_nation_are_one_region() {
        for text in ["100000", "000000", "00", "10", "1000"] {
            assert_eq!(region(text), RegionCode::NATIONAL, "{text}");
        }
        assert_eq!(RegionCode::NATIONAL.to_string(), "100000");
        check_message(
            "100001",
            "region `100001` lies in no province: `10` is not one of the 34 province-level codes of GB/T 2260 \
             (11 to 82); the nation is `100000`",
        );
    }

    #[test]
    fn levels_and_parents_follow_the_zeros() {
        let chain = [region("330106"), region("330100"), region("330000"), RegionCode::NATIONAL];
        for pair in chain.windows(2) {
            assert_eq!(pair[0].parent(), Some(pair[1]));
        }
        assert_eq!(RegionCode::NATIONAL.parent(), None);
        assert_eq!(
            chain.map(RegionCode::level),
            [RegionLevel::County, RegionLevel::City, RegionLevel::Province, RegionLevel::National]
        );
    }

    #[test]
    fn a_county_run_by_its_province_stays_inside_the_province() {
        let area = region("440003");
        assert_eq!(area.level(), RegionLevel::County);
        assert_eq!(area.parent(), Some(region("44")));
        assert!(region("44").contains(area));
        assert!(!area.contains(region("440103")));
    }

    #[test]
    fn the_region_one_level_below_is_found_and_what_is_less_precise_stands_for_itself() {
        let below = |part: &str, wide: &str| region(part).below(region(wide)).map(|r| r.to_string());
        for (part, wide, expected) in [
            ("330106", "100000", Some("330000")),
            ("100000", "100000", Some("100000")),
            ("330106", "330000", Some("330100")),
            ("330100", "330000", Some("330100")),
            ("330000", "330000", Some("330000")),
            ("440003", "440000", Some("440003")),
            ("330106", "330100", Some("330106")),
            ("330100", "330100", Some("330100")),
            ("330106", "330106", None),
            ("340100", "330000", None),
        ] {
            assert_eq!(below(part, wide).as_deref(), expected, "{part} below {wide}");
        }
    }

    #[test]
    fn provinces_are_thirty_four_named_and_sorted() {
        let provinces: Vec<_> = RegionCode::provinces().collect();
        assert_eq!(provinces.len(), 34);
        assert!(provinces.is_sorted());
        assert!(provinces.iter().all(|province| province.name().is_some()));
        assert_eq!(region("33").name(), Some("浙江省"));
        assert_eq!(region("330100").name(), None);
        assert_eq!(region("330106").province(), Some(region("33")));
    }

    #[test]
    fn every_fault_names_what_was_found_and_what_was_expected() {
        check_message("", "region code has 0 characters; expected 2, 4 or 6 digits (GB/T 2260)");
        check_message("33010", "region code has 5 characters; expected 2, 4 or 6 digits (GB/T 2260)");
        check_message("3301061", "region code has 7 characters; expected 2, 4 or 6 digits (GB/T 2260)");
        check_message("33O1", "character 3 of the region code is `O`; expected a digit 0 to 9");
        check_message("３3", "character 1 of the region code is `３`; expected a digit 0 to 9");
        check_message(
            "99",
            "region `990000` lies in no province: `99` is not one of the 34 province-level codes of GB/T 2260 \
             (11 to 82); the nation is `100000`",
        );
        let range = RegionCode::from_digits(1_000_000).map_err(|error| error.to_string());
        assert_eq!(
            range,
            Err("region number 1000000 is out of range; expected at most six digits (GB/T 2260)".to_owned())
        );
        assert!(RegionCode::from_digits(999_999).is_err());
        assert!(RegionCode::from_digits(1).is_err());
    }
}
