//! The price table of this release, as the plugin reads it.
//!
//! The host alone sets prices. The plugin reads the same file to know which countries it serves, and to
//! tell a database beforehand what a message will cost.

use std::{collections::BTreeMap, fmt, iter::Sum};

use serde::{Serialize, Serializer};

/// The file that the manifest names as the table of "message part".
const TABLE: &str = include_str!("../prices/sms.csv");

/// Ten-thousandths of a credit: the table has at most four decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Credits(u64);

const PER_CREDIT: u64 = 10_000;
const DECIMALS: usize = 4;

impl Credits {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Reads a decimal such as `0.9`; nothing if it is not one or has more than four decimals.
    fn from_decimal(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let all_digits = whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits || fraction.len() > DECIMALS {
            return None;
        }
        let units: u64 = whole.parse().ok()?;
        let parts: u64 = format!("{fraction:0<DECIMALS$}").parse().ok()?;
        units.checked_mul(PER_CREDIT)?.checked_add(parts).map(Self)
    }

    /// The price of `units` such units; saturates far above what any hold may be.
    pub fn times(self, units: u64) -> Self {
        Self(self.0.saturating_mul(units))
    }
}

impl Sum for Credits {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        Self(all.fold(0, |sum, credits| sum.saturating_add(credits.0)))
    }
}

impl fmt::Display for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:0DECIMALS$}", self.0 / PER_CREDIT, self.0 % PER_CREDIT);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Serialize for Credits {
    /// A JSON number, as clients expect it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number: serde_json::Number = self.to_string().parse().map_err(serde::ser::Error::custom)?;
        number.serialize(serializer)
    }
}

/// Price of one message part by country.
pub struct Prices(BTreeMap<&'static str, Credits>);

impl Prices {
    /// Reads the table of this release.
    pub fn of_release() -> Self {
        Self(rows().filter_map(|(key, credits)| Some((key, Credits::from_decimal(credits)?))).collect())
    }

    /// Price of one part to `country`, if it is served.
    pub fn part(&self, country: &str) -> Option<Credits> {
        self.0.get(country).copied()
    }
}

fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().skip(1).filter_map(|line| line.trim_end().split_once(','))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_is_a_price_between_a_tenth_and_four_credits() {
        assert_eq!(TABLE.lines().next(), Some("key,credits"));
        assert_eq!(rows().count(), TABLE.lines().count() - 1, "each line has two columns");
        for (key, credits) in rows() {
            let price = Credits::from_decimal(credits).unwrap_or_else(|| panic!("{key}: {credits} is no price"));
            assert!(Credits(1_000) <= price && price <= Credits(40_000), "{key}: {credits}");
        }
    }

    #[test]
    fn the_table_has_exactly_the_countries_that_numbers_can_have() {
        let keys: Vec<&str> = rows().map(|(key, _)| key).collect();
        let unique: BTreeSet<&str> = keys.iter().copied().collect();
        assert_eq!(keys.len(), unique.len(), "no country twice");
        assert_eq!(unique, crate::numbers::countries());
    }

    #[test]
    fn decimals_are_exact() {
        for (text, amount) in [("1", 10_000), ("1.0", 10_000), ("0.9", 9_000), ("2.5625", 25_625), ("0.0001", 1)] {
            assert_eq!(Credits::from_decimal(text), Some(Credits(amount)), "{text}");
        }
        for text in ["", ".5", "-1", "+1", "1e3", "0.00001", "1,5", "1.5.5", "٣"] {
            assert_eq!(Credits::from_decimal(text), None, "{text}");
        }
        assert_eq!(Credits(9_000).times(3).to_string(), "2.7");
        assert_eq!(serde_json::to_string(&[Credits(10_000), Credits(27_000), Credits::ZERO]).unwrap(), "[1,2.7,0]");
    }
}
