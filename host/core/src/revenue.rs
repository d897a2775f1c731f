//! The platform's part of what a vendor's service earns.

use crate::Time;

/// The platform's part where nobody agreed on another, in basis points: 25 %.
pub const USUAL_FEE: u16 = 2_500;

/// A fee that was agreed on, from a moment on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareRow {
    /// For this service; `None` for all of the vendor that have no row of their own.
    pub service: Option<String>,
    /// It counts from this moment.
    pub from: Time,
    /// The platform's part, in basis points.
    pub fee_bps: u16,
}

/// The fee for a service at a moment: of the rows for that very service the latest that counts, else of
/// the vendor's, else `usual`.
pub fn fee_at(rows: &[ShareRow], service: &str, at: Time, usual: u16) -> u16 {
    let latest = |name: Option<&str>| {
        let counts = rows.iter().filter(|row| row.service.as_deref() == name && row.from <= at);
        counts.max_by_key(|row| row.from).map(|row| row.fee_bps)
    };
    latest(Some(service)).or_else(|| latest(None)).unwrap_or(usual)
}

/// Basis points from `25 %` or `12.5 %`: at most 100 %, with at most 2 decimals.
pub fn parse_percent(text: &str) -> Result<u16, String> {
    let wrong = || format!("{text:?} is no part such as \"25 %\"; write 0 to 100 with at most 2 decimals and %");
    let number = text.strip_suffix('%').ok_or_else(wrong)?.trim_end();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || fraction.len() > 2 || !digits(whole) || !digits(fraction) {
        return Err(wrong());
    }
    let read = |text: &str| text.parse::<u16>().map_err(|_| wrong());
    let bps = read(whole)? * 100 + read(&format!("{fraction:0<2}"))?;
    if bps <= 10_000 { Ok(bps) } else { Err(wrong()) }
}

/// Basis points as people write them: `12.5 %`.
pub fn show_percent(bps: u16) -> String {
    let fraction = format!("{:02}", bps % 100);
    match fraction.trim_end_matches('0') {
        "" => format!("{} %", bps / 100),
        fraction => format!("{}.{fraction} %", bps / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(service: Option<&str>, from: i64, fee_bps: u16) -> ShareRow {
        ShareRow { service: service.map(str::to_owned), from: Time(from), fee_bps }
    }

    #[test]
    fn the_service_beats_its_vendor_and_the_latest_that_counts_beats_those_before() {
        let rows = [row(None, 10, 2_000), row(None, 30, 1_500), row(Some("sms"), 20, 1_000), row(Some("sms"), 40, 900)];
        for (service, at, fee) in [
            ("sms", 9, USUAL_FEE),
            ("sms", 10, 2_000),
            ("sms", 19, 2_000),
            ("sms", 20, 1_000),
            ("sms", 39, 1_000),
            ("sms", 40, 900),
            ("letters", 29, 2_000),
            ("letters", 30, 1_500),
        ] {
            assert_eq!(fee_at(&rows, service, Time(at), USUAL_FEE), fee, "{service} at {at}");
        }
        assert_eq!(fee_at(&[], "sms", Time(0), 3_000), 3_000);
    }

    #[test]
    fn parts_are_read_exactly_and_shown_as_people_write_them() {
        for (text, bps, shown) in [
            ("25 %", 2_500, "25 %"),
            ("0%", 0, "0 %"),
            ("12.5 %", 1_250, "12.5 %"),
            ("0.05 %", 5, "0.05 %"),
            ("100.00 %", 10_000, "100 %"),
        ] {
            assert_eq!((parse_percent(text), show_percent(bps).as_str()), (Ok(bps), shown));
        }
        for wrong in ["25", "-1 %", "100.01 %", "1.005 %", "%", "a %", "1000 %", ". %"] {
            assert!(parse_percent(wrong).is_err(), "{wrong}");
        }
    }
}
