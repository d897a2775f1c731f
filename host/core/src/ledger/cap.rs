//! Spending caps: how much an account, or one company of it, may spend in a day or a month (UTC).

use crate::words::worded;
use crate::{Credits, Time};

const DAY: i64 = 86_400_000;

worded! {
    /// How often a cap begins anew.
    Period, "period" {
        /// Each day at midnight UTC.
        Day = "day",
        /// On the first of each month at midnight UTC.
        Month = "month",
    }
}

impl Period {
    /// When the period began that a moment lies in.
    pub fn start(self, at: Time) -> Time {
        let days = at.millis().div_euclid(DAY);
        let day_of_month = match self {
            Self::Day => 0,
            Self::Month => day_of_month(days),
        };
        Time((days - day_of_month).saturating_mul(DAY))
    }
}

/// Days since the first of the month, from days since 1970-01-01 (Howard Hinnant, "chrono-compatible
/// low-level date algorithms", `civil_from_days`).
fn day_of_month(days: i64) -> i64 {
    let from_march_0000 = days + 719_468;
    let day_of_era = from_march_0000.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    day_of_year - (153 * month + 2) / 5
}

/// A cap with what was used of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpendingCap {
    /// Whose spending it bounds; `None` is the whole account.
    pub company: Option<String>,
    /// How often it begins anew.
    pub period: Period,
    /// Most that may be held or spent in a period.
    pub credits: Credits,
    /// What is held or spent in the period that began at `window`.
    pub used: Credits,
    /// Start of the period that `used` counts.
    pub window: Time,
}

impl SpendingCap {
    /// Whether it bounds spending for a company (or for none that was said).
    pub fn bounds(&self, company: Option<&str>) -> bool {
        self.company.is_none() || self.company.as_deref() == company
    }

    /// What is used of it at a moment.
    pub fn used_at(&self, now: Time) -> Credits {
        if self.window == self.period.start(now) { self.used } else { Credits::ZERO }
    }

    /// The same cap after `credits` more at a moment, if they fit.
    pub(super) fn with(&self, credits: Credits, now: Time) -> Option<Self> {
        let used = self.used_at(now).checked_add(credits).filter(|used| *used <= self.credits)?;
        Some(Self { used, window: self.period.start(now), ..self.clone() })
    }

    /// The same cap after credits that were set aside at `then` came back; unchanged if that was in an earlier
    /// period.
    pub(super) fn without(&self, credits: Credits, then: Time) -> Self {
        if self.window != self.period.start(then) {
            return self.clone();
        }
        let used = self.used.checked_sub(credits).unwrap_or(Credits::ZERO).max(Credits::ZERO);
        Self { used, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_on_their_first_day() {
        // 2024-02-29T12:00Z, 2024-03-01T00:00Z, 1970-01-31, 2000-12-31T23:59:59.999Z, 1969-12-31.
        for (at, start) in [
            (1_709_208_000_000, 1_706_745_600_000),
            (1_709_251_200_000, 1_709_251_200_000),
            (30 * DAY, 0),
            (978_307_199_999, 975_628_800_000),
            (-DAY, -31 * DAY),
        ] {
            assert_eq!(Period::Month.start(Time(at)), Time(start), "{at}");
        }
        assert_eq!(Period::Day.start(Time(DAY + 1)), Time(DAY));
    }

    #[test]
    fn what_comes_back_counts_only_in_its_own_period() {
        let cap = SpendingCap {
            company: None,
            period: Period::Day,
            credits: Credits::whole(5),
            used: Credits::whole(3),
            window: Time(DAY),
        };
        assert_eq!(cap.with(Credits::whole(3), Time(DAY + 5)), None);
        assert_eq!(cap.with(Credits::whole(3), Time(2 * DAY)).unwrap().used, Credits::whole(3));
        assert_eq!(cap.without(Credits::whole(2), Time(DAY + 9)).used, Credits::whole(1));
        assert_eq!(cap.without(Credits::whole(2), Time(0)).used, Credits::whole(3));
    }
}
