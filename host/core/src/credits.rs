//! Credits: fixed-point, six decimals, checked.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A quantity of credits in micro-credits (10⁻⁶ credit).
///
/// May be negative where it is a difference; balances and prices never are, which their owners check.
/// Written as a decimal string everywhere but on the Odoo door: `"12.5"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credits(i64);

/// Micro-credits in one credit.
pub const MICROS: i64 = 1_000_000;

/// Why a text or number is no quantity of credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseCreditsError {
    /// Not digits with an optional fraction.
    #[error("is not a decimal number such as \"12.5\"")]
    NotADecimal,
    /// More than six decimals.
    #[error("has more than 6 decimals")]
    TooPrecise,
    /// Beyond what 64 bits hold (about 9 million million credits).
    #[error("is too large")]
    TooLarge,
}

impl Credits {
    /// No credits.
    pub const ZERO: Self = Self(0);
    /// The most that can be represented.
    pub const MAX: Self = Self(i64::MAX);

    /// From micro-credits.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole credits; for constants and tests, whose values are known to fit.
    pub const fn whole(credits: i64) -> Self {
        Self(credits * MICROS)
    }

    /// Micro-credits.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// `true` for zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// `true` above zero.
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Sum, or `None` beyond 64 bits.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(n) => Some(Self(n)),
            None => None,
        }
    }

    /// Difference, or `None` beyond 64 bits.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(n) => Some(Self(n)),
            None => None,
        }
    }

    /// This price for `units`, or `None` beyond 64 bits.
    pub fn checked_mul(self, units: u64) -> Option<Self> {
        self.0.checked_mul(i64::try_from(units).ok()?).map(Self)
    }

    /// Sum of many, or `None` beyond 64 bits.
    pub fn checked_sum(items: impl IntoIterator<Item = Self>) -> Option<Self> {
        items.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }

    /// From the text of a JSON number as an Odoo database sends it: rounded half-even to six
    /// decimals, since Python sends `0.1 + 0.2` as `0.30000000000000004`. Exponents are understood.
    pub fn from_wire_number(text: &str) -> Result<Self, ParseCreditsError> {
        Decimal::parse(text)?.round_half_even(6)
    }

    /// As a JSON number for the Odoo door, exact: `12.5`, `3.0`.
    pub fn to_wire_number(self) -> String {
        let text = self.to_string();
        if text.contains('.') { text } else { text + ".0" }
    }
}

/// A decimal text taken apart: `digits × 10^-scale`.
pub(crate) struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    scale: i64,
}

impl Decimal {
    /// Parses `-?digits[.digits][e±digits]`.
    pub(crate) fn parse(text: &str) -> Result<Self, ParseCreditsError> {
        use ParseCreditsError::{NotADecimal, TooLarge};
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => {
                let exponent: i32 = exponent.parse().map_err(|_| NotADecimal)?;
                if exponent.abs() > 400 {
                    return Err(TooLarge);
                }
                (mantissa, i64::from(exponent))
            }
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || mantissa.ends_with('.') {
            return Err(NotADecimal);
        }
        if mantissa.len() > 400 {
            return Err(TooLarge);
        }
        let digits = whole.bytes().chain(fraction.bytes()).map(|b| b - b'0').collect();
        let scale = i64::try_from(fraction.len()).map_err(|_| TooLarge)? - exponent;
        Ok(Self { negative, digits, scale })
    }

    /// Value × 10^`decimals` as an integer and whether anything was cut, plus how the cut part
    /// compares with one half.
    fn split(&self, decimals: i64) -> Result<(i128, std::cmp::Ordering, bool), ParseCreditsError> {
        use std::cmp::Ordering;
        let keep = i64::try_from(self.digits.len()).unwrap_or(i64::MAX) - self.scale + decimals;
        let mut value: i128 = 0;
        for index in 0..keep.max(0) {
            let digit = usize::try_from(index).ok().and_then(|i| self.digits.get(i)).copied().unwrap_or(0);
            value = value
                .checked_mul(10)
                .and_then(|v| v.checked_add(i128::from(digit)))
                .ok_or(ParseCreditsError::TooLarge)?;
        }
        let rest: &[u8] = match usize::try_from(keep) {
            Ok(keep) => self.digits.get(keep..).unwrap_or(&[]),
            Err(_) => &[], // less than a tenth of the last decimal
        };
        let inexact = rest.iter().any(|d| *d != 0) || (keep < 0 && self.digits.iter().any(|d| *d != 0));
        let half = match rest.split_first() {
            Some((first, others)) => {
                first.cmp(&5).then(if others.iter().any(|d| *d != 0) { Ordering::Greater } else { Ordering::Equal })
            }
            None => Ordering::Less,
        };
        Ok((value, half, inexact))
    }

    fn signed(&self, value: i128) -> Result<Credits, ParseCreditsError> {
        let value = if self.negative { -value } else { value };
        i64::try_from(value).map(Credits).map_err(|_| ParseCreditsError::TooLarge)
    }

    fn round_half_even(&self, decimals: i64) -> Result<Credits, ParseCreditsError> {
        let (value, half, inexact) = self.split(decimals)?;
        let up = inexact && (half.is_gt() || (half.is_eq() && value % 2 == 1));
        self.signed(value + i128::from(up))
    }

    fn exact(&self, decimals: i64) -> Result<Credits, ParseCreditsError> {
        match self.split(decimals)? {
            (_, _, true) => Err(ParseCreditsError::TooPrecise),
            (value, _, false) => self.signed(value),
        }
    }
}

impl FromStr for Credits {
    type Err = ParseCreditsError;

    /// Exact: refuses more than six decimals, exponents and signs other than a leading minus.
    fn from_str(text: &str) -> Result<Self, ParseCreditsError> {
        if text.contains(['e', 'E']) {
            return Err(ParseCreditsError::NotADecimal);
        }
        Decimal::parse(text)?.exact(6)
    }
}

impl fmt::Display for Credits {
    /// The shortest decimal: `12.5`, `3`, `-0.000001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let (whole, fraction) = (magnitude / MICROS.unsigned_abs(), magnitude % MICROS.unsigned_abs());
        let sign = if self.0 < 0 { "-" } else { "" };
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let decimals = format!("{fraction:06}");
        write!(f, "{sign}{whole}.{}", decimals.trim_end_matches('0'))
    }
}

impl Serialize for Credits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Credits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| D::Error::custom(format!("credits {text:?} {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_decimals_are_read_and_written_as_they_are() {
        for (text, micros) in
            [("0", 0), ("12.5", 12_500_000), ("0.000001", 1), ("-3.25", -3_250_000), ("10", 10_000_000)]
        {
            assert_eq!(text.parse(), Ok(Credits(micros)), "{text}");
            assert_eq!(Credits(micros).to_string(), text);
        }
    }

    #[test]
    fn what_is_not_an_exact_decimal_is_refused_by_name() {
        use ParseCreditsError::*;
        for (text, error) in [
            ("", NotADecimal),
            ("1,5", NotADecimal),
            ("+1", NotADecimal),
            (".5", NotADecimal),
            ("1.", NotADecimal),
            ("1e3", NotADecimal),
            (" 1", NotADecimal),
            ("NaN", NotADecimal),
            ("0.0000001", TooPrecise),
            ("9223372036854.775808", TooLarge),
            ("99999999999999999999", TooLarge),
        ] {
            assert_eq!(text.parse::<Credits>(), Err(error), "{text}");
        }
        assert_eq!("0.1000000".parse(), Ok(Credits(100_000)), "trailing zeros lose nothing");
    }

    #[test]
    fn wire_numbers_round_half_even_to_six_decimals() {
        for (text, micros) in [
            ("0.30000000000000004", 300_000),
            ("2.5", 2_500_000),
            ("1e-6", 1),
            ("5e-7", 0),
            ("1.5e-6", 2),
            ("2.5e-6", 2),
            ("2.5000001e-6", 3),
            ("1E2", 100_000_000),
            ("-0.0000015", -2),
            ("4e-7", 0),
            ("6e-7", 1),
            ("1e-300", 0),
        ] {
            assert_eq!(Credits::from_wire_number(text), Ok(Credits(micros)), "{text}");
        }
        assert_eq!(Credits::from_wire_number("1e300"), Err(ParseCreditsError::TooLarge));
    }

    #[test]
    fn the_odoo_door_gets_a_bare_float() {
        assert_eq!(Credits(42_500_000).to_wire_number(), "42.5");
        assert_eq!(Credits::whole(3).to_wire_number(), "3.0");
    }
}
