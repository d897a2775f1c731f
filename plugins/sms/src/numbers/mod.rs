//! Telephone numbers as people and databases write them, to E.164 and a country.

mod nanp;
mod plans;

use plans::{Country, plan_of};

/// E.164 allows at most 15 digits after the plus sign.
const MOST_DIGITS: usize = 15;

/// A number that a message can be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// `+32475000001`
    pub e164: String,
    /// ISO 3166-1 alpha-2 of the country or territory, which is the key of the price table.
    pub country: &'static str,
}

/// Why no message can be sent to a number, in the order checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// Nothing was given.
    Missing,
    /// Not an international number, or one that its country does not have.
    Format,
    /// A satellite, toll-free or other number that belongs to no country.
    NoCountry,
}

/// Reads an international number (`+…` or `00…`), with any usual separators.
///
/// A number without country is refused rather than guessed: a guess sends a message to a stranger.
pub fn parse(raw: &str) -> Result<Number, NumberError> {
    let raw = raw.trim_matches(is_separator);
    if raw.is_empty() {
        return Err(NumberError::Missing);
    }
    let digits = international_digits(raw).ok_or(NumberError::Format)?;
    let (plan, national) = plan_of(&digits).ok_or(NumberError::Format)?;
    // The length goes first where it is known, so that a typing error is called one.
    if !plan.lengths.contains(&national.len()) {
        return Err(NumberError::Format);
    }
    if national.starts_with('0') && !plan.zero_led {
        return Err(NumberError::Format);
    }
    match plan.country(national) {
        Country::Is(country) => Ok(Number { e164: format!("+{digits}"), country }),
        Country::None => Err(NumberError::NoCountry),
        Country::Invalid => Err(NumberError::Format),
    }
}

/// The digits after `+` or `00`; nothing if there is any other character than digits and separators.
fn international_digits(raw: &str) -> Option<String> {
    let (rest, had_plus) = match raw.strip_prefix('+') {
        Some(rest) => (rest, true),
        None => (raw, false),
    };
    // `+44 (0)20 …` shows the trunk prefix that is not dialled from abroad, except in Italy.
    let italian = rest.trim_start_matches(is_separator).starts_with("39");
    let rest = if italian { rest.to_owned() } else { rest.replacen("(0)", "", 1) };
    let mut digits = String::with_capacity(rest.len());
    for c in rest.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
        } else if !is_separator(c) {
            return None;
        }
    }
    if !had_plus {
        digits = digits.strip_prefix("00")?.to_owned();
    }
    (digits.len() <= MOST_DIGITS).then_some(digits)
}

/// What people write between digits, with the invisible marks that come along when a number is copied.
fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '-' | '.' | '(' | ')' | '/')
        || matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}')
}

/// Every country and territory that [`parse`] can answer.
#[cfg(test)]
pub fn countries() -> std::collections::BTreeSet<&'static str> {
    plans::countries()
}

#[cfg(test)]
mod tests;
