//! Calendar of the reference, by `jiff`.

use jiff::civil::Date;
use jiff::{Span, ToSpan};

/// A date written `YYYY-MM-DD`.
pub fn date(text: &str) -> Date {
    text.parse().unwrap_or_else(|problem| panic!("`{text}` is no date: {problem}"))
}

/// §2: the same day of the month `n` months earlier, or that month's last day.
pub fn months_before(date: Date, n: i64) -> Date {
    date.checked_sub(n.months()).expect("within the calendar")
}

/// `n` days earlier.
pub fn days_before(date: Date, n: i64) -> Date {
    date.checked_sub(Span::new().days(n)).expect("within the calendar")
}

/// `n` days later.
pub fn days_after(date: Date, n: i64) -> Date {
    date.checked_add(Span::new().days(n)).expect("within the calendar")
}

/// Days from one date to another.
pub fn days_between(from: Date, to: Date) -> i64 {
    i64::from(from.until(to).expect("within the calendar").get_days())
}

/// §5: the greatest N such that N months before `to` is not before `from`; 0 when `from` is later.
pub(super) fn whole_months(from: Date, to: Date) -> i64 {
    let mut n = 0;
    while months_before(to, n + 1) >= from {
        n += 1;
    }
    n
}

/// §5: the greatest N such that 12 N months before `to` is not before `from`; 0 when `from` is later.
pub(super) fn whole_years(from: Date, to: Date) -> i64 {
    let mut n = 0;
    while months_before(to, 12 * (n + 1)) >= from {
        n += 1;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_without_the_day_gives_its_last_day() {
        assert_eq!(months_before(date("2024-05-31"), 3), date("2024-02-29"));
        assert_eq!(months_before(date("2023-05-31"), 3), date("2023-02-28"));
        assert_eq!(months_before(date("2024-02-29"), 12), date("2023-02-28"));
    }

    #[test]
    fn months_elapse_when_the_day_comes_round() {
        assert_eq!(whole_months(date("2024-01-31"), date("2024-02-29")), 0);
        assert_eq!(whole_months(date("2024-01-31"), date("2024-03-30")), 1);
        assert_eq!(whole_months(date("2024-01-31"), date("2024-03-31")), 2);
        assert_eq!(whole_years(date("2024-02-29"), date("2025-02-28")), 0);
        assert_eq!(whole_years(date("2024-02-29"), date("2025-03-01")), 1);
        assert_eq!(whole_months(date("2025-01-01"), date("2024-01-01")), 0);
    }

    #[test]
    fn days_are_counted_across_years() {
        assert_eq!(days_between(date("2023-12-31"), date("2025-01-01")), 367);
    }
}
