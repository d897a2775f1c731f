//! What a config value may be: its type, and the check of what somebody sets.

use std::{cmp::Ordering, fmt};

use super::{ConfigType, Range, Table};

/// Bytes of a value at most.
const LONGEST: usize = 4_096;
/// Choices of a value at most.
const MOST_CHOICES: usize = 100;
const TYPES: &str = "\"text\", \"number\", \"integer\", \"boolean\", \"url\" or \"choice\"";

/// Reads `type`, `choices`, `min` and `max` of a `[[config]]`.
pub(super) fn config_type(table: &mut Table<'_, '_>) -> ConfigType {
    let name = table.text("type");
    let choices = table.texts("choices");
    let (min, max) = (table.text("min"), table.text("max"));
    let numeric = name.as_ref().is_some_and(|name| matches!(name.value, "number" | "integer"));
    for bound in [&min, &max].into_iter().flatten().filter(|_| !numeric) {
        bound.error("is only for type = \"number\" or \"integer\"; remove it");
    }
    let is_choice = name.as_ref().is_some_and(|name| name.value == "choice");
    if let Some(first) = choices.first().filter(|_| !is_choice) {
        first.error("is only for type = \"choice\"; remove it or say type = \"choice\"");
    }
    let range = |integer: bool| {
        let bound = |bound: &Option<super::Value<'_, '_, &str>>| {
            bound.as_ref()?.read(|text| number(text, integer).map(|_| text.to_owned()))
        };
        let range = Range { min: bound(&min), max: bound(&max) };
        if let (Some(low), Some(high)) = (&range.min, &range.max)
            && compare(low, high) == Ordering::Greater
        {
            table.error(format_args!("min {low} is above max {high}"));
        }
        range
    };
    match name.as_ref().map_or("text", |name| name.value) {
        "text" => ConfigType::Text,
        "number" => ConfigType::Number(range(false)),
        "integer" => ConfigType::Integer(range(true)),
        "boolean" => ConfigType::Boolean,
        "url" => ConfigType::Url,
        "choice" => {
            if choices.is_empty() {
                table.error("\"choices\" is missing; add choices = [\"one\", \"another\"]");
            }
            if MOST_CHOICES < choices.len() {
                table.error(format_args!("has more than {MOST_CHOICES} choices"));
            }
            let read = choices.iter().filter_map(|choice| choice.read(plain));
            ConfigType::Choice(read.collect())
        }
        other => {
            if let Some(name) = &name {
                name.error(format_args!("{other:?} is no type; write {TYPES}"));
            }
            ConfigType::Text
        }
    }
}

impl ConfigType {
    /// Checks a value that somebody sets.
    ///
    /// # Errors
    ///
    /// What it must be, in words that follow the value's name.
    pub fn check(&self, value: &str) -> Result<(), String> {
        let value = plain(value)?;
        match self {
            Self::Text => Ok(()),
            Self::Boolean if matches!(value.as_str(), "true" | "false") => Ok(()),
            Self::Boolean => Err("must be true or false".to_owned()),
            Self::Url => {
                is_url(&value).then_some(()).ok_or_else(|| "must be a URL such as https://example.com/path".to_owned())
            }
            Self::Choice(choices) if choices.contains(&value) => Ok(()),
            Self::Choice(choices) => Err(format!("must be one of {}", choices.join(", "))),
            Self::Number(range) => range.check(&value, false),
            Self::Integer(range) => range.check(&value, true),
        }
    }

    /// As the manifest names it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number(_) => "number",
            Self::Integer(_) => "integer",
            Self::Boolean => "boolean",
            Self::Url => "url",
            Self::Choice(_) => "choice",
        }
    }
}

impl Range {
    fn check(&self, value: &str, integer: bool) -> Result<(), String> {
        number(value, integer)?;
        let below = self.min.as_ref().is_some_and(|min| compare(value, min) == Ordering::Less);
        let above = self.max.as_ref().is_some_and(|max| compare(value, max) == Ordering::Greater);
        if below || above { Err(format!("must be {self}")) } else { Ok(()) }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.min, &self.max) {
            (Some(min), Some(max)) => write!(f, "from {min} to {max}"),
            (Some(min), None) => write!(f, "at least {min}"),
            (None, Some(max)) => write!(f, "at most {max}"),
            (None, None) => f.write_str("any number"),
        }
    }
}

/// One line of bounded length.
fn plain(text: &str) -> Result<String, String> {
    if LONGEST < text.len() {
        return Err(format!("has more than {LONGEST} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("must be one line without control characters".to_owned());
    }
    Ok(text.to_owned())
}

/// A decimal in millionths.
fn number(text: &str, integer: bool) -> Result<i128, String> {
    let wrong = || {
        let example =
            if integer { "a whole number such as 12" } else { "a number such as 12 or 0.5, at most 6 decimals" };
        format!("must be {example}")
    };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_point = digits.contains('.');
    let is_number = (1..=15).contains(&whole.len())
        && all_digits(whole)
        && all_digits(part)
        && part.len() <= 6
        && (!has_point || (!integer && !part.is_empty()));
    if !is_number {
        return Err(wrong());
    }
    let millionths: i128 = format!("{whole}{part:0<6}").parse().map_err(|_| wrong())?;
    Ok(if text.starts_with('-') { -millionths } else { millionths })
}

/// Compares two texts that are numbers.
fn compare(a: &str, b: &str) -> Ordering {
    number(a, false).ok().cmp(&number(b, false).ok())
}

/// Whether it is an `http` or `https` URL with a host and without credentials.
fn is_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']' | '_');
    !host.is_empty()
        && host.chars().all(allowed)
        && !host.starts_with([':', '.'])
        && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(ty: &ConfigType, value: &str) -> String {
        ty.check(value).map_or_else(|why| why, |()| "fine".to_owned())
    }

    #[test]
    fn values_are_what_their_type_says() {
        let range =
            |min: Option<&str>, max: Option<&str>| Range { min: min.map(str::to_owned), max: max.map(str::to_owned) };
        let choice = ConfigType::Choice(vec!["eu".to_owned(), "us".to_owned()]);
        for (ty, value, expected) in [
            (ConfigType::Text, "", "fine"),
            (ConfigType::Text, "Ünïcode 100 %", "fine"),
            (ConfigType::Text, "a\nb", "must be one line without control characters"),
            (ConfigType::Boolean, "true", "fine"),
            (ConfigType::Boolean, "yes", "must be true or false"),
            (ConfigType::Url, "https://api.example.com:8443/v1?a=b", "fine"),
            (ConfigType::Url, "http://127.0.0.1:80", "fine"),
            (ConfigType::Url, "https://user:pass@example.com", "must be a URL such as https://example.com/path"),
            (ConfigType::Url, "javascript:alert(1)", "must be a URL such as https://example.com/path"),
            (ConfigType::Url, "https:///path", "must be a URL such as https://example.com/path"),
            (choice.clone(), "eu", "fine"),
            (choice, "EU", "must be one of eu, us"),
            (ConfigType::Integer(range(Some("1"), Some("10"))), "10", "fine"),
            (ConfigType::Integer(range(Some("1"), Some("10"))), "11", "must be from 1 to 10"),
            (ConfigType::Integer(range(Some("-5"), None)), "-6", "must be at least -5"),
            (ConfigType::Integer(range(None, None)), "1.0", "must be a whole number such as 12"),
            (ConfigType::Integer(range(None, None)), "", "must be a whole number such as 12"),
            (ConfigType::Number(range(None, Some("0.5"))), "0.500001", "must be at most 0.5"),
            (ConfigType::Number(range(None, Some("0.5"))), "-100", "fine"),
            (ConfigType::Number(range(None, None)), "1e3", "must be a number such as 12 or 0.5, at most 6 decimals"),
            (ConfigType::Number(range(None, None)), "1.", "must be a number such as 12 or 0.5, at most 6 decimals"),
        ] {
            assert_eq!(answer(&ty, value), expected, "{ty:?} {value:?}");
        }
        assert!(answer(&ConfigType::Text, &"x".repeat(LONGEST + 1)).contains("4096"));
    }
}
