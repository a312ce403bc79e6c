//! The date and the moment a page speaks of, carried from page to page in its address.

use jiff::Timestamp;
use tonic::Status;

/// See the module. Both are as typed; the services say what is wrong with them.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub(crate) struct When {
    /// Date evaluated; empty: today.
    pub(crate) as_of: String,
    /// Only what was recorded by this moment; empty: everything so far.
    pub(crate) known_at: String,
}

impl When {
    /// An address on which the page after it speaks of the same date and moment.
    pub(crate) fn on(&self, address: &str) -> String {
        let mut address = address.to_owned();
        for (name, value) in [("as_of", &self.as_of), ("known_at", &self.known_at)] {
            if !value.is_empty() {
                address.push(if address.contains('?') { '&' } else { '?' });
                address.push_str(&format!("{name}={}", encoded(value)));
            }
        }
        address
    }

    /// Refuses a text that is no date, where no service is asked about it.
    ///
    /// # Errors
    /// A text that is no date.
    pub(crate) fn expect_date(&self) -> Result<(), Status> {
        if self.as_of.is_empty() || self.as_of.parse::<jiff::civil::Date>().is_ok() {
            return Ok(());
        }
        Err(Status::invalid_argument(format!(
            "as_of: found `{}`, expected a date such as `2026-10-31`",
            self.as_of.chars().take(60).collect::<String>()
        )))
    }

    /// The moment, for a request.
    ///
    /// # Errors
    /// A text that is no moment.
    pub(crate) fn known_at(&self) -> Result<Option<prost_types::Timestamp>, Status> {
        if self.known_at.is_empty() {
            return Ok(None);
        }
        let moment: Timestamp = self.known_at.parse().map_err(|_| {
            Status::invalid_argument(format!(
                "known_at: found `{}`, expected a moment such as `2026-10-31T08:00:00Z`",
                self.known_at.chars().take(60).collect::<String>()
            ))
        })?;
        Ok(Some(prost_types::Timestamp { seconds: moment.as_second(), nanos: moment.subsec_nanosecond() }))
    }
}

/// A moment as people read it, in China Standard Time.
pub(crate) fn shown(moment: Option<&prost_types::Timestamp>) -> String {
    let Some(moment) = moment else { return String::new() };
    let eight_hours = 8 * 3600;
    match Timestamp::new(moment.seconds.saturating_add(eight_hours), 0) {
        Ok(moment) => moment.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => String::new(),
    }
}

/// A moment as an address has it: asked for again, it gives the same answer.
pub(crate) fn written(moment: Option<&prost_types::Timestamp>) -> String {
    let Some(moment) = moment else { return String::new() };
    Timestamp::new(moment.seconds, moment.nanos).map(|moment| moment.to_string()).unwrap_or_default()
}

/// Text as part of an address.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_what_it_had_and_gains_the_date() {
        let when = When { as_of: "2026-10-31".to_owned(), known_at: "2026-10-31T08:00:00+08:00".to_owned() };
        assert_eq!(
            when.on("/find?q=a"),
            "/find?q=a&as_of=2026-10-31&known_at=2026-10-31T08%3A00%3A00%2B08%3A00"
        );
        assert_eq!(When::default().on("/find"), "/find");
    }

    #[test]
    fn a_moment_is_shown_in_chinese_time_and_read_back_to_the_nanosecond() {
        let moment = prost_types::Timestamp { seconds: 1_793_433_600, nanos: 123_456_000 };
        assert_eq!(shown(Some(&moment)), "2026-10-31 16:00:00");
        let when = When { known_at: written(Some(&moment)), ..When::default() };
        assert_eq!(when.known_at().expect("a moment"), Some(moment));
    }

    #[test]
    fn a_text_that_is_no_moment_is_refused_with_what_was_expected() {
        let when = When { known_at: "yesterday".to_owned(), ..When::default() };
        let refused = when.known_at().expect_err("no moment");
        assert!(refused.message().contains("found `yesterday`, expected a moment"), "{refused}");
    }
}
