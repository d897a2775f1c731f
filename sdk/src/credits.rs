//! Credits, for plugins that tell callers what something costs. The host alone sets prices.

use std::{fmt, iter::Sum};

use serde::{Serialize, Serializer};

const PER_CREDIT: u64 = 1_000_000;
const DECIMALS: usize = 6;

/// An amount of credits, exact: millionths, as the contract's decimals have at most six places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credits(u64);

impl Credits {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many millionths of a credit.
    pub const fn from_millionths(millionths: u64) -> Self {
        Self(millionths)
    }

    /// Reads a decimal such as `0.9`; nothing if it is none, has a sign, or has more than six decimals.
    pub fn from_decimal(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let all_digits = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits || fraction.len() > DECIMALS {
            return None;
        }
        let parts: u64 = format!("{fraction:0<DECIMALS$}").parse().ok()?;
        whole.parse::<u64>().ok()?.checked_mul(PER_CREDIT)?.checked_add(parts).map(Self)
    }

    /// The price of so many units; saturates far above what any hold may be.
    pub const fn times(self, units: u64) -> Self {
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
    /// A JSON number, as databases expect it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number: serde_json::Number = self.to_string().parse().map_err(serde::ser::Error::custom)?;
        number.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        for (text, millionths) in [
            ("0", 0),
            ("1", 1_000_000),
            ("1.0", 1_000_000),
            ("0.9", 900_000),
            ("2.5625", 2_562_500),
            ("0.000001", 1),
            ("0.123456", 123_456),
        ] {
            assert_eq!(Credits::from_decimal(text), Some(Credits(millionths)), "{text}");
        }
        for text in ["", ".5", "-1", "+1", "1e3", "0.0000001", "1,5", "1.5.5", "٣", "18446744073709551615"] {
            assert_eq!(Credits::from_decimal(text), None, "{text}");
        }
        assert_eq!(Credits(900_000).times(3).to_string(), "2.7");
        assert_eq!([Credits(900_000), Credits(100_000)].into_iter().sum::<Credits>().to_string(), "1");
        let numbers = [Credits(1_000_000), Credits(2_700_000), Credits::ZERO];
        assert_eq!(serde_json::to_string(&numbers).expect("numbers"), "[1,2.7,0]");
    }
}
