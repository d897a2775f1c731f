//! The system's clock: the only place that reads it.

use iap_core::{Time, time::Clock};

/// Wall-clock time of the machine.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A moment in RFC 3339, as the API writes it.
pub fn rfc3339(time: Time) -> String {
    jiff::Timestamp::from_millisecond(time.millis()).map_or_else(|_| "never".to_owned(), |time| time.to_string())
}

/// Reads RFC 3339.
pub fn parse_rfc3339(text: &str) -> Option<Time> {
    text.parse::<jiff::Timestamp>().ok().map(|time| Time(time.as_millisecond()))
}
