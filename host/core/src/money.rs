//! Money: minor units of a currency.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An ISO 4217 code: three capital letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// Why a text is no currency or price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not three capital letters.
    #[error("{0:?} is not an ISO 4217 code such as \"EUR\"")]
    NotACurrency(String),
    /// Not a decimal number.
    #[error("{0:?} is not an amount such as \"0.90\"")]
    NotAnAmount(String),
    /// More decimals than the currency has.
    #[error("{text:?} has more than the {digits} decimals of {currency}")]
    TooPrecise {
        /// The amount as given.
        text: String,
        /// Decimals of the currency.
        digits: u32,
        /// The currency.
        currency: Currency,
    },
}

/// Currencies whose minor unit is not a hundredth (ISO 4217, 2024).
const OTHER_DIGITS: &[(&str, u32)] = &[
    ("BIF", 0),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("ISK", 0),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("PYG", 0),
    ("RWF", 0),
    ("UGX", 0),
    ("UYI", 0),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
    ("BHD", 3),
    ("IQD", 3),
    ("JOD", 3),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("TND", 3),
];

impl Currency {
    /// The code.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("three capital letters are UTF-8")
    }

    /// Decimals of the minor unit.
    pub fn digits(&self) -> u32 {
        OTHER_DIGITS.iter().find(|(code, _)| *code == self.as_str()).map_or(2, |(_, digits)| *digits)
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(text: String) -> Result<Self, MoneyError> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(MoneyError::NotACurrency(text)),
        }
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount in minor units (cents for EUR) of its currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    /// Minor units.
    pub minor: i64,
    /// Of this currency.
    pub currency: Currency,
}

impl Money {
    /// Reads `0.90` in a currency, exactly.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let not_an_amount = || MoneyError::NotAnAmount(text.to_owned());
        let digits = currency.digits();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || text.ends_with('.') {
            return Err(not_an_amount());
        }
        let width = usize::try_from(digits).map_err(|_| not_an_amount())?;
        if fraction.trim_end_matches('0').len() > width {
            return Err(MoneyError::TooPrecise { text: text.to_owned(), digits, currency });
        }
        let minor: String =
            whole.bytes().chain(fraction.bytes().chain(std::iter::repeat(b'0')).take(width)).map(char::from).collect();
        Ok(Self { minor: minor.parse().map_err(|_| not_an_amount())?, currency })
    }

    /// The amount without its currency: `0.90`.
    pub fn amount(&self) -> String {
        let digits = self.currency.digits();
        let unit = 10u64.pow(digits);
        let magnitude = self.minor.unsigned_abs();
        let sign = if self.minor < 0 { "-" } else { "" };
        match usize::try_from(digits) {
            Ok(width) if width > 0 => format!("{sign}{}.{:0width$}", magnitude / unit, magnitude % unit),
            _ => format!("{sign}{magnitude}"),
        }
    }
}

impl fmt::Display for Money {
    /// `0.90 EUR`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::try_from(code.to_owned()).expect("a code")
    }

    #[test]
    fn amounts_are_exact_in_the_minor_unit_of_their_currency() {
        for (text, code, minor, shown) in [
            ("0.90", "EUR", 90, "0.90 EUR"),
            ("1", "USD", 100, "1.00 USD"),
            ("120", "JPY", 120, "120 JPY"),
            ("1.250", "KWD", 1250, "1.250 KWD"),
        ] {
            let money = Money::parse(text, currency(code)).expect(text);
            assert_eq!((money.minor, money.to_string().as_str()), (minor, shown));
        }
    }

    #[test]
    fn wrong_amounts_and_codes_are_named() {
        assert_eq!(
            Money::parse("0.905", currency("EUR")).unwrap_err().to_string(),
            "\"0.905\" has more than the 2 decimals of EUR"
        );
        assert_eq!(
            Money::parse("-1", currency("EUR")).unwrap_err().to_string(),
            "\"-1\" is not an amount such as \"0.90\""
        );
        assert!(Currency::try_from("eur".to_owned()).is_err());
    }
}
