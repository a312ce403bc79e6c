//! Civil dates as day numbers, and the calendar arithmetic of `docs/standard-format.md` §2.
//!
//! The kernel compares and subtracts dates far more often than it reads their year, so a date is one integer.
//! The algorithms are the usual days-from-civil pair of the proleptic Gregorian calendar; tests hold them to jiff.

use std::fmt;
use std::str::FromStr;

/// A civil date: days since 1970-01-01. Years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i32);

/// Why a text is not a date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// Not of the form `YYYY-MM-DD`.
    #[error("found `{0}`, expected the form YYYY-MM-DD")]
    Form(String),
    /// The month does not exist.
    #[error("month {0} does not exist")]
    Month(u32),
    /// The day does not exist in that month.
    #[error("{year:04}-{month:02} has {last} days, found day {day}")]
    Day {
        /// Year, 1 to 9999.
        year: i32,
        /// Month, 1 to 12.
        month: u32,
        /// Day as found.
        day: u32,
        /// Last day of that month.
        last: u32,
    },
    /// Year outside 1 to 9999.
    #[error("year {0} is outside 1 to 9999")]
    Year(i32),
}

impl Date {
    /// "No end": later than any date that can be written.
    pub const FOREVER: Date = Date(i32::MAX);
    /// Earlier than any date that can be written.
    pub const BEFORE_ALL: Date = Date(i32::MIN);

    /// The date with this day number (days since 1970-01-01).
    pub const fn from_days(days: i32) -> Date {
        Date(days)
    }

    /// Days since 1970-01-01.
    pub const fn days(self) -> i32 {
        self.0
    }

    /// Year 1–9999, month 1–12, day 1–31.
    ///
    /// # Errors
    /// When the date does not exist.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Result<Date, DateError> {
        if !(1..=9999).contains(&year) {
            return Err(DateError::Year(year));
        }
        if !(1..=12).contains(&month) {
            return Err(DateError::Month(month));
        }
        let last = last_day(year, month);
        if day < 1 || day > last {
            return Err(DateError::Day { year, month, day, last });
        }
        Ok(Date(days_from_civil(year, month, day)))
    }

    /// (year, month 1–12, day 1–31).
    pub const fn ymd(self) -> (i32, u32, u32) {
        civil_from_days(self.0)
    }

    /// The year.
    pub const fn year(self) -> i32 {
        self.ymd().0
    }

    /// Months since year 0, so that months can be compared and grouped: `12 × year + month − 1`.
    pub const fn month_number(self) -> i32 {
        let (year, month, _) = self.ymd();
        year * 12 + month.cast_signed() - 1
    }

    /// `n` days later (earlier when negative). `FOREVER` and `BEFORE_ALL` stay what they are.
    #[must_use]
    pub const fn plus_days(self, n: i32) -> Date {
        if self.0 == i32::MAX || self.0 == i32::MIN {
            return self;
        }
        Date(self.0.saturating_add(n))
    }

    /// `n` months earlier: the same day of that month, or its last day when it has no such day.
    ///
    /// ```
    /// use hengxin_core::date::Date;
    /// let may: Date = "2024-05-31".parse().unwrap();
    /// assert_eq!(may.minus_months(3).to_string(), "2024-02-29");
    /// ```
    #[must_use]
    pub const fn minus_months(self, n: i32) -> Date {
        let (year, month, day) = self.ymd();
        let total = year * 12 + month.cast_signed() - 1 - n;
        let (year, month) = (total.div_euclid(12), total.rem_euclid(12).cast_unsigned() + 1);
        let last = last_day(year, month);
        Date(days_from_civil(year, month, if day < last { day } else { last }))
    }

    /// The first date whose "`n` months before" is not before `self`: when a fact of this date has left a
    /// window of `n` months, and when `n` whole months have elapsed since it.
    #[must_use]
    pub const fn months_elapsed_on(self, n: i32) -> Date {
        if self.0 == i32::MAX || self.0 == i32::MIN {
            return self;
        }
        let (year, month, day) = self.ymd();
        let total = year * 12 + month.cast_signed() - 1 + n;
        let (year, month) = (total.div_euclid(12), total.rem_euclid(12).cast_unsigned() + 1);
        // Going back clamps to the last day, never past it: the same day of that month is the first, and where the
        // month has no such day, the first of the next.
        let (days, last) = (day - 1, last_day(year, month));
        Date(days_from_civil(year, month, 1) + if days < last { days } else { last }.cast_signed())
    }

    /// The earlier of `due` and the date on which `n` ≥ 1 whole months have elapsed since `self`.
    ///
    /// Says the same as [`Date::months_elapsed_on`], without the calendar where `due` is near: mostly it is.
    #[must_use]
    pub(crate) const fn months_elapsed_or(self, n: i32, due: Date) -> Date {
        // Twelve months have one February, which lacks two days of thirty, and seven months that have one more.
        if self.0.saturating_add(30 * n - 2) >= due.0 {
            return due;
        }
        let on = self.months_elapsed_on(n);
        if on.0 < due.0 { on } else { due }
    }

    /// Whether fewer than `n` ≥ 1 whole months have elapsed since `start` on this date.
    ///
    /// Says the same as comparing [`Date::months_since`], without the calendar unless the number of days leaves it open.
    pub(crate) const fn within_months(self, n: i32, start: Date) -> bool {
        let days = self.0.saturating_sub(start.0);
        if days < 30 * n - 2 {
            return true;
        }
        if days > 31 * n {
            return false;
        }
        self.months_since(start) < n
    }

    /// The greatest `n ≥ 0` such that `n` months before `self` is not before `start`; 0 when `start` is later.
    pub const fn months_since(self, start: Date) -> i32 {
        if start.0 >= self.0 {
            return 0;
        }
        let ((year, month, day), (start_year, start_month, start_day)) = (self.ymd(), start.ymd());
        let n = (year - start_year) * 12 + month.cast_signed() - start_month.cast_signed();
        // Going back `n` months arrives in the month of `start`; one month less arrives after it for certain.
        let last = last_day(start_year, start_month);
        let arrived = if day < last { day } else { last };
        if arrived < start_day { n - 1 } else { n }
    }

    /// 1 January of this date's year plus `years`.
    #[must_use]
    pub const fn start_of_year(self, years: i32) -> Date {
        Date(days_from_civil(self.year() + years, 1, 1))
    }
}

/// Reads `YYYY-MM-DD`, nothing else.
impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Date, DateError> {
        let bytes = text.as_bytes();
        let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = bytes else {
            return Err(DateError::Form(text.chars().take(40).collect()));
        };
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0u32, |n, d| d.is_ascii_digit().then(|| n * 10 + u32::from(d - b'0')))
        };
        match (number(&[*y0, *y1, *y2, *y3]), number(&[*m0, *m1]), number(&[*d0, *d1])) {
            (Some(year), Some(month), Some(day)) => Date::from_ymd(year.cast_signed(), month, day),
            _ => Err(DateError::Form(text.to_owned())),
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Date::FOREVER => f.write_str("no end"),
            Date::BEFORE_ALL => f.write_str("no start"),
            date => {
                let (year, month, day) = date.ymd();
                write!(f, "{year:04}-{month:02}-{day:02}")
            }
        }
    }
}

const fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn last_day(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Whole eras of 400 years put before year 0, so that every date and every year of 32 bits counts upwards.
const ERAS: u64 = 15_000;
/// Days of an era.
const ERA_DAYS: u64 = 146_097;
/// From 1 March of year 0, where years begin here, to 1970-01-01.
const DAYS_TO_1970: u64 = 719_468;

/// Years are counted from March, so that the leap day is the last of its year. Both ways follow Neri and Schneider,
/// "Euclidean affine functions and their application to calendar algorithms" (2022), in 64 bits without a sign.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "what came from 32 bits fits them"
)]
const fn days_from_civil(year: i32, month: u32, day: u32) -> i32 {
    let early = month <= 2;
    let year = (year as i64 + (ERAS * 400) as i64).cast_unsigned() - early as u64;
    let month = if early { month as u64 + 12 } else { month as u64 };
    let century = year / 100;
    let days = 1461 * year / 4 - century + century / 4 + (979 * month - 2919) / 32 + day as u64 - 1;
    (days.cast_signed() - (ERAS * ERA_DAYS + DAYS_TO_1970).cast_signed()) as i32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "what came from 32 bits fits them"
)]
const fn civil_from_days(days: i32) -> (i32, u32, u32) {
    let days = (days as i64 + (ERAS * ERA_DAYS + DAYS_TO_1970).cast_signed()).cast_unsigned();
    let quarters = 4 * days + 3;
    let century = quarters / ERA_DAYS;
    // Quarters of days since the century began; 2_939_745 is 2³² ÷ 1461, rounded up.
    let product = 2_939_745 * ((quarters % ERA_DAYS) | 3);
    let year = 100 * century + (product >> 32);
    let day_of_year = (product & 0xFFFF_FFFF) / 2_939_745 / 4;
    // 2141 ÷ 2¹⁶ is a month of 30.6 days, as five months from March on are 153.
    let shifted = 2141 * day_of_year + 197_913;
    let (month, day) = (shifted >> 16, (shifted & 0xFFFF) / 2141 + 1);
    let early = day_of_year >= 306;
    let month = if early { month - 12 } else { month };
    ((year.cast_signed() + early as i64 - (ERAS * 400) as i64) as i32, month as u32, day as u32)
}

/// A moment: microseconds since 1970-01-01T00:00:00Z. When a fact was recorded; what "known at" is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().expect("a date")
    }

    #[test]
    fn every_day_of_four_centuries_agrees_with_jiff() {
        let mut civil = jiff::civil::date(1895, 1, 1);
        let first = date("1895-01-01").days();
        for n in 0..150_000 {
            let ours = Date::from_days(first + n);
            let theirs = (
                i32::from(civil.year()),
                civil.month().cast_unsigned().into(),
                civil.day().cast_unsigned().into(),
            );
            assert_eq!(ours.ymd(), theirs);
            assert_eq!(Date::from_ymd(theirs.0, theirs.1, theirs.2), Ok(ours));
            civil = civil.tomorrow().expect("in range");
        }
    }

    #[test]
    fn every_number_of_days_has_a_date_and_leads_back() {
        let first = Date::from_ymd(1, 1, 1).expect("the first").days();
        let last = Date::from_ymd(9999, 12, 31).expect("the last").days();
        assert_eq!(last - first, 3_652_058, "days from the first to the last");
        for days in first..=last {
            let (year, month, day) = Date::from_days(days).ymd();
            assert_eq!(Date::from_ymd(year, month, day), Ok(Date::from_days(days)));
        }
        // Beyond what can be written nothing is promised but an answer, the same there and back.
        for days in [i32::MIN, i32::MIN + 1, first - 1, last + 1, i32::MAX - 1, i32::MAX] {
            let (year, month, day) = Date::from_days(days).ymd();
            assert_eq!(days_from_civil(year, month, day), days);
        }
    }

    #[test]
    fn months_back_clamp_to_the_month_end() {
        for (from, n, expected) in [
            ("2024-05-31", 3, "2024-02-29"),
            ("2023-05-31", 3, "2023-02-28"),
            ("2024-02-29", 12, "2023-02-28"),
            ("2026-01-15", 1, "2025-12-15"),
            ("2026-03-31", 13, "2025-02-28"),
            ("2026-12-31", -2, "2027-02-28"),
        ] {
            assert_eq!(date(from).minus_months(n), date(expected), "{from} - {n}");
        }
    }

    #[test]
    fn a_window_edge_is_the_first_day_outside() {
        // By definition, checked day by day around leap days and month ends.
        for start in ["2024-02-29", "2023-08-31", "2024-01-30", "2025-12-31", "2026-06-15"] {
            for n in [1, 2, 6, 12, 24, 36] {
                let edge = date(start).months_elapsed_on(n);
                assert!(edge.minus_months(n) >= date(start));
                assert!(edge.plus_days(-1).minus_months(n) < date(start));
            }
        }
    }

    #[test]
    fn a_due_date_is_lowered_to_the_edge_and_no_further() {
        for start in date("2023-12-01").days()..date("2025-02-01").days() {
            let start = Date::from_days(start);
            for n in 1..40 {
                let edge = start.months_elapsed_on(n);
                assert!(edge.minus_months(n) >= start && edge.plus_days(-1).minus_months(n) < start);
                for due in [Date::FOREVER, edge.plus_days(40), edge.plus_days(1), edge, edge.plus_days(-1)] {
                    assert_eq!(start.months_elapsed_or(n, due), edge.min(due), "{start} + {n}, due {due}");
                }
            }
        }
    }

    #[test]
    fn months_within_are_fewer_than_have_elapsed() {
        for start in date("2023-12-20").days()..date("2024-03-10").days() {
            let start = Date::from_days(start);
            for days in -3..1200 {
                let today = start.plus_days(days);
                for n in [1, 2, 11, 12, 13, 24, 36] {
                    let within = today.minus_months(n) < start;
                    assert_eq!(today.within_months(n, start), within, "{start} + {days} days, {n} months");
                }
            }
        }
    }

    #[test]
    fn whole_months_elapsed_follow_the_same_rule() {
        for start in ["2024-02-29", "2023-08-31", "2026-06-15"] {
            let start = date(start);
            for days in 0..900 {
                let today = start.plus_days(days);
                let n = today.months_since(start);
                assert!(today.minus_months(n) >= start && today.minus_months(n + 1) < start);
            }
        }
        assert_eq!(date("2020-01-01").months_since(date("2021-01-01")), 0);
    }

    #[test]
    fn dates_that_do_not_exist_are_refused_with_the_reason() {
        let message = |text: &str| text.parse::<Date>().expect_err("no date").to_string();
        assert_eq!(message("2024-02-30"), "2024-02 has 29 days, found day 30");
        assert_eq!(message("2024-13-01"), "month 13 does not exist");
        assert_eq!(message("2024-1-1"), "found `2024-1-1`, expected the form YYYY-MM-DD");
        assert_eq!(message("0000-01-01"), "year 0 is outside 1 to 9999");
    }
}
