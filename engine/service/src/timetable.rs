//! When a schedule fires: cron expressions on the wall clock of a time zone, turned into instants.
//!
//! Times that a change of clocks leaves out fire at the first instant after the gap, once however many there are. Times
//! that come twice fire the first time. So instants ascend with wall-clock times, and each firing is one instant.

use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::time::{CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday};
use croner::{Cron, Direction};
use hengxin_core::date::{Date, Moment};
use hengxin_store::CutOff;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// The zone of a schedule that names none.
pub const SHANGHAI: &str = "Asia/Shanghai";

/// Wall clocks have never been set back further.
const FOLD_HOURS: i64 = 25;

/// A cron expression in a time zone.
#[derive(Clone, Debug)]
pub struct Timetable {
    cron: Cron,
    zone: TimeZone,
}

/// Why a schedule cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimetableError {
    /// The expression.
    #[error("found `{found}`, expected five fields such as `0 2 1 * *`: {why}")]
    Cron {
        /// The expression, shortened.
        found: String,
        /// What is wrong.
        why: String,
    },
    /// The time zone.
    #[error("found time zone `{found}`, expected an IANA name such as `{SHANGHAI}`")]
    Zone {
        /// The name, shortened.
        found: String,
    },
}

impl Timetable {
    /// Reads an expression and the name of a zone.
    ///
    /// # Errors
    /// [`TimetableError`].
    pub fn read(cron: &str, zone: &str) -> Result<Timetable, TimetableError> {
        let wrong = |why: String| TimetableError::Cron { found: cron.chars().take(60).collect(), why };
        if cron.split_whitespace().count() != 5 {
            return Err(wrong(format!("{} fields", cron.split_whitespace().count())));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let cron = parser.parse(cron).map_err(|error| wrong(error.to_string()))?;
        let found = || TimetableError::Zone { found: zone.chars().take(60).collect() };
        let zone = TimeZone::get(zone).map_err(|_| found())?;
        Ok(Timetable { cron, zone })
    }

    /// The first firing after `moment`; `None`: never again.
    pub fn after(&self, moment: Moment) -> Option<Moment> {
        let from = self.zone.to_datetime(stamp(moment)?);
        // The wall clock may stand in the second pass of an hour, whose firings were in the first.
        self.cron
            .iter_from(Civil(from), Direction::Forward)
            .filter_map(|civil| self.instant(civil.0))
            .find(|at| *at > moment)
    }

    /// The last firing at or before `moment`.
    pub fn until(&self, moment: Moment) -> Option<Moment> {
        let from = self.zone.to_datetime(stamp(moment)?);
        // In the second pass of an hour, later times of the wall clock have fired in the first.
        let from = from.checked_add(SignedDuration::from_hours(FOLD_HOURS)).ok()?;
        self.cron
            .iter_from(Civil(from), Direction::Backward)
            .filter_map(|civil| self.instant(civil.0))
            .find(|at| *at <= moment)
    }

    /// The day a run speaks of that fires at `moment`.
    pub fn as_of(&self, cut_off: CutOff, moment: Moment) -> Option<Date> {
        let day = self.zone.to_datetime(stamp(moment)?).date();
        let first = |month: i8| {
            Date::from_ymd(day.year().into(), u32::try_from(month).ok()?, 1)
                .ok()
                .map(|first| first.plus_days(-1))
        };
        let today = Date::from_ymd(
            day.year().into(),
            u32::try_from(day.month()).ok()?,
            u32::try_from(day.day()).ok()?,
        )
        .ok()?;
        match cut_off {
            CutOff::SameDay => Some(today),
            CutOff::PreviousDay => Some(today.plus_days(-1)),
            CutOff::PreviousMonthEnd => first(day.month()),
            CutOff::PreviousQuarterEnd => first((day.month() - 1) / 3 * 3 + 1),
            CutOff::PreviousYearEnd => first(1),
        }
    }

    /// The instant a time of the wall clock fires at.
    fn instant(&self, civil: DateTime) -> Option<Moment> {
        let found = self.zone.to_ambiguous_timestamp(civil);
        let at = match found.offset() {
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => found.earlier().ok()?,
            AmbiguousOffset::Gap { .. } => {
                // With the offset of before, a time in the gap is an instant after the change.
                let beyond = found.later().ok()?;
                self.zone
                    .preceding(beyond.checked_add(SignedDuration::from_nanos(1)).ok()?)
                    .next()?
                    .timestamp()
            }
        };
        Some(Moment(at.as_microsecond()))
    }
}

fn stamp(moment: Moment) -> Option<Timestamp> {
    Timestamp::from_microsecond(moment.0).ok()
}

/// A time of the wall clock, as the cron crate asks for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Civil(DateTime);

fn unsigned(part: i8) -> u32 {
    u32::try_from(part).unwrap_or(0)
}

impl CronDateTime for Civil {
    fn to_civil(&self) -> CivilDateTime {
        let at = self.0;
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(at.year().into(), unsigned(at.month()), unsigned(at.day())),
            CivilTime::from_parts_unchecked(
                unsigned(at.hour()),
                unsigned(at.minute()),
                unsigned(at.second()),
            ),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        Weekday::from_days_from_sunday(unsigned(self.0.weekday().to_sunday_zero_offset()))
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Civil>, CronError> {
        let small = |part: u32| i8::try_from(part).map_err(|_| CronError::InvalidTime);
        let year = i16::try_from(civil.year()).map_err(|_| CronError::InvalidDate)?;
        let (month, day) = (small(civil.month())?, small(civil.day())?);
        let (hour, minute, second) = (small(civil.hour())?, small(civil.minute())?, small(civil.second())?);
        let at =
            DateTime::new(year, month, day, hour, minute, second, 0).map_err(|_| CronError::InvalidDate)?;
        Ok(Resolution::Single(Civil(at)))
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Civil> {
        self.0.checked_add(SignedDuration::from_secs(seconds)).ok().map(Civil)
    }

    fn cmp_instant(&self, other: &Civil) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        Moment(text.parse::<Timestamp>().expect("an instant").as_microsecond())
    }

    #[track_caller]
    fn check(cron: &str, zone: &str, from: &str, firings: &[&str]) {
        let table = Timetable::read(cron, zone).expect("a timetable");
        let mut moment = at(from);
        for expected in firings {
            let next = table.after(moment).expect("a firing");
            assert_eq!(next, at(expected), "{} after {}", next.0, moment.0);
            assert_eq!(table.until(next), Some(next));
            assert_eq!(table.until(Moment(next.0 + 1)), Some(next));
            moment = next;
        }
    }

    #[test]
    fn shanghai_is_eight_hours_ahead_all_year() {
        check(
            "0 2 1 * *",
            SHANGHAI,
            "2026-01-31T18:00:00Z",
            &["2026-02-28T18:00:00Z", "2026-03-31T18:00:00Z"],
        );
    }

    #[test]
    fn a_time_in_the_gap_fires_once_at_the_first_instant_after_it() {
        // On 29 March 2026 clocks in Berlin go from 02:00 to 03:00, at 01:00 UTC.
        check(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        );
        check(
            "*/20 2,3 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            &["2026-03-29T01:00:00Z", "2026-03-29T01:20:00Z", "2026-03-29T01:40:00Z", "2026-03-30T00:00:00Z"],
        );
    }

    #[test]
    fn a_time_that_comes_twice_fires_the_first_time() {
        // On 25 October 2026 clocks in Berlin go from 03:00 back to 02:00, at 01:00 UTC.
        check(
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        );
        check("0 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", &["2026-10-25T02:00:00Z"]);
        let table = Timetable::read("30 2 * * *", "Europe/Berlin").expect("a timetable");
        // 02:10 for the second time: 02:30 has fired.
        assert_eq!(table.until(at("2026-10-25T01:10:00Z")), Some(at("2026-10-25T00:30:00Z")));
    }

    #[test]
    fn the_day_a_run_speaks_of_is_counted_in_the_zone_of_its_schedule() {
        let table = Timetable::read("0 2 * * *", SHANGHAI).expect("a timetable");
        // 02:00 on 1 May in Shanghai.
        let moment = at("2026-04-30T18:00:00Z");
        for (cut_off, day) in [
            (CutOff::SameDay, "2026-05-01"),
            (CutOff::PreviousDay, "2026-04-30"),
            (CutOff::PreviousMonthEnd, "2026-04-30"),
            (CutOff::PreviousQuarterEnd, "2026-03-31"),
            (CutOff::PreviousYearEnd, "2025-12-31"),
        ] {
            assert_eq!(
                table.as_of(cut_off, moment).map(|day| day.to_string()),
                Some(day.to_owned()),
                "{cut_off:?}"
            );
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_what_was_expected() {
        for cron in ["", "0 2 1 *", "0 0 2 1 * *", "61 * * * *", "a b c d e", "@daily"] {
            let error = Timetable::read(cron, SHANGHAI).expect_err(cron).to_string();
            assert!(error.contains("expected five fields"), "{error}");
        }
        let error = Timetable::read("0 2 * * *", "Asia/Peking").expect_err("no such zone").to_string();
        assert_eq!(error, "found time zone `Asia/Peking`, expected an IANA name such as `Asia/Shanghai`");
        // 30 February never comes.
        let never = Timetable::read("0 0 30 2 *", SHANGHAI).expect("well-formed");
        assert_eq!(never.after(at("2026-01-01T00:00:00Z")), None);
    }
}
