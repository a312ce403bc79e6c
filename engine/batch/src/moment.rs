//! Moments in documents: RFC 3339 with microseconds, always in UTC.

use hengxin_core::date::Moment;

/// "Still known": later than any moment that can be written.
pub const STILL: Moment = Moment(i64::MAX);

/// The moment as text, such as `2026-10-31T16:00:00.000000Z`.
pub fn to_text(moment: Moment) -> String {
    match jiff::Timestamp::from_microsecond(moment.0) {
        Ok(stamp) => format!("{stamp:.6}"),
        Err(_) => moment.0.to_string(),
    }
}

/// Reads what [`to_text`] writes, and any other RFC 3339 instant of whole microseconds.
///
/// # Errors
/// What was expected instead.
pub fn from_text(text: &str) -> std::result::Result<Moment, String> {
    let expected = || format!("found `{text}`, expected an instant such as 2026-10-31T16:00:00Z");
    let stamp: jiff::Timestamp = text.parse().map_err(|_| expected())?;
    if stamp.as_nanosecond() % 1000 != 0 {
        return Err(format!("found `{text}`, expected an instant of whole microseconds"));
    }
    Ok(Moment(stamp.as_microsecond()))
}

/// `serde` of moments as text.
pub mod as_text {
    use hengxin_core::date::Moment;
    use serde::{Deserialize as _, Deserializer, Serializer};

    /// Writes RFC 3339.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(moment: &Moment, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&super::to_text(*moment))
    }

    /// Reads RFC 3339.
    ///
    /// # Errors
    /// A text that is no instant.
    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Moment, D::Error> {
        let text = String::deserialize(from)?;
        super::from_text(&text).map_err(serde::de::Error::custom)
    }
}

/// `serde` of dates as text.
pub mod date_as_text {
    use hengxin_core::date::Date;
    use serde::{Deserialize as _, Deserializer, Serializer};

    /// Writes `YYYY-MM-DD`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(date: &Date, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&date.to_string())
    }

    /// Reads `YYYY-MM-DD`.
    ///
    /// # Errors
    /// A text that is no date.
    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Date, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_back_from_their_text() {
        for micros in [0, 1, 1_793_462_400_000_000, 1_793_462_400_000_001] {
            assert_eq!(from_text(&to_text(Moment(micros))), Ok(Moment(micros)));
        }
        assert!(from_text("2026-10-31").is_err());
        assert!(from_text("2026-10-31T00:00:00.0000001Z").is_err());
    }
}
