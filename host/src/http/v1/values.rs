//! Values of the API: credits as decimals, times as RFC 3339, words of closed sets.

use std::fmt;

use iap_core::{
    Credits, Time,
    hosting::Hosting,
    trial::{Edition, Purpose},
};
use serde::{Deserialize, Deserializer, de};
use utoipa::openapi::{ObjectBuilder, Type, schema::Object};

use crate::clock::{parse_rfc3339, rfc3339};

/// Longest name of a company, in characters.
pub const MAX_COMPANY: usize = 100;

/// Longest reason, in characters.
pub const MAX_REASON: usize = iap_store::repositories::EntryNotes::LONGEST;

struct DecimalText;

impl de::Visitor<'_> for DecimalText {
    type Value = Credits;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal as text, such as \"12.5\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Credits, E> {
        text.parse().map_err(|error| E::custom(format_args!("{text:?} {error}")))
    }
}

/// Credits from a decimal text.
pub fn credits<'de, D: Deserializer<'de>>(reader: D) -> Result<Credits, D::Error> {
    reader.deserialize_str(DecimalText)
}

#[derive(Deserialize)]
struct Decimal(#[serde(deserialize_with = "credits")] Credits);

/// Credits, if they are given.
pub fn credits_if_given<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Credits>, D::Error> {
    Ok(Option::<Decimal>::deserialize(reader)?.map(|Decimal(credits)| credits))
}

/// Credits of a member that may be absent, though not `null`.
pub fn credits_given<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Credits>, D::Error> {
    credits(reader).map(Some)
}

/// A moment, if it is given.
pub fn time_if_given<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<Time>, D::Error> {
    let Some(text) = Option::<String>::deserialize(reader)? else { return Ok(None) };
    let wrong = || de::Error::custom(format_args!("{text:?} is no time such as \"2030-12-31T23:59:59Z\""));
    parse_rfc3339(&text).map(Some).ok_or_else(wrong)
}

/// When something ends; `None` for never.
pub fn end(time: Time) -> Option<String> {
    (time != Time::NEVER).then(|| rfc3339(time))
}

fn words<'a>(about: &str, known: impl Iterator<Item = &'a str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).description(Some(about)).enum_values(Some(known)).build()
}

/// Words of [`Hosting`].
pub fn hosting_words() -> Object {
    words(
        "Where it runs: on Odoo Online, and where nobody said, a database uses first-party services only.",
        Hosting::ALL.iter().map(|word| word.as_str()),
    )
}

/// Words of [`Edition`].
pub fn edition_words() -> Object {
    words("Odoo's edition; `unknown` by default.", Edition::ALL.iter().map(|word| word.as_str()))
}

/// Words of [`Purpose`].
pub fn purpose_words() -> Object {
    words("What it is for; `production` by default.", Purpose::ALL.iter().map(|word| word.as_str()))
}

/// A shown text: 1 to `longest` characters in one line, without blanks around it.
pub fn shown(text: &str, longest: usize) -> Result<(), String> {
    if text.is_empty() || text.trim() != text || text.chars().any(char::is_control) {
        return Err("must be a text in one line without blanks around it".to_owned());
    }
    match text.chars().count() {
        length if longest < length => Err(format!("has {length} characters; write at most {longest}")),
        _ => Ok(()),
    }
}

/// A name on the wire: 1 to `longest` of `a-z`, `0-9`, `_` and, where allowed, `-`, beginning with a letter.
pub fn name(text: &str, longest: usize, hyphen: bool) -> Result<(), String> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || (hyphen && b == b'-');
    if text.starts_with(|c: char| c.is_ascii_lowercase()) && text.len() <= longest && text.bytes().all(allowed) {
        return Ok(());
    }
    let alphabet = if hyphen { "a-z, 0-9, \"_\" and \"-\"" } else { "a-z, 0-9 and \"_\"" };
    Err(format!("{text:?} must be 1 to {longest} of {alphabet}, beginning with a letter"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_none_is_refused_and_never_is_left_out() {
        let read = |text: &str| time_if_given(&mut serde_json::Deserializer::from_str(text));
        assert_eq!(read("\"2030-01-01T00:00:00Z\"").unwrap(), Some(Time(1_893_456_000_000)));
        assert_eq!(read("null").unwrap(), None);
        let error = read("\"tomorrow\"").unwrap_err().to_string();
        assert!(error.starts_with("\"tomorrow\" is no time such as \"2030-12-31T23:59:59Z\""), "{error}");
        assert_eq!(end(Time::NEVER), None);
        assert_eq!(end(Time(1_893_456_000_000)).as_deref(), Some("2030-01-01T00:00:00Z"));
    }

    #[test]
    fn names_and_texts_have_a_form() {
        assert_eq!(name("print_at_home", 40, false), Ok(()));
        assert_eq!(name("acme-labs", 60, true), Ok(()));
        for wrong in ["", "Print", "9lives", "acme-labs", "a b"] {
            assert!(name(wrong, 40, false).is_err(), "{wrong}");
        }
        assert_eq!(shown("Print at home", 20), Ok(()));
        assert_eq!(shown("Print at home", 5), Err("has 13 characters; write at most 5".to_owned()));
        assert!(shown(" ", 20).is_err());
    }
}
