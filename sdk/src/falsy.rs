//! Odoo writes `false` where others leave a member out: every such spelling of "nothing" is read as nothing.
//!
//! For `#[serde(default, deserialize_with = "falsy::text")]` and the like.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

/// A text, or nothing for `false`, `null`, `""` and (with `#[serde(default)]`) a missing member.
/// A number becomes its digits, since people type telephone numbers and codes into number fields.
///
/// # Errors
///
/// The value is none of these.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    deserializer.deserialize_any(Text)
}

/// A list, or an empty one for `false`, `null` and (with `#[serde(default)]`) a missing member.
///
/// # Errors
///
/// The value is none of these, or an element is wrong.
pub fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_any(List(PhantomData))
}

/// [`text`] as a type, for elements of lists.
#[derive(Debug, Default)]
pub struct MaybeText(
    /// The text.
    pub Option<String>,
);

impl<'de> Deserialize<'de> for MaybeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer).map(Self)
    }
}

struct Text;

impl<'de> Visitor<'de> for Text {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or false")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok((!text.is_empty()).then_some(text))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        nothing(value, &self).map(|()| None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

struct List<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or false")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            list.push(element);
        }
        Ok(list)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        nothing(value, &self).map(|()| Vec::new())
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }
}

/// `false` is nothing; `true` is a mistake.
fn nothing<'de, E: Error>(value: bool, expected: &impl Visitor<'de>) -> Result<(), E> {
    if value { Err(E::invalid_type(serde::de::Unexpected::Bool(true), expected)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Params {
        #[serde(default, deserialize_with = "text")]
        number: Option<String>,
        #[serde(default, deserialize_with = "list")]
        numbers: Vec<MaybeText>,
    }

    fn read(json: &str) -> Params {
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
    }

    #[test]
    fn nothing_has_many_spellings() {
        for json in
            ["{}", r#"{"number":false,"numbers":false}"#, r#"{"number":null,"numbers":null}"#, r#"{"number":""}"#]
        {
            let params = read(json);
            assert_eq!(params.number, None, "{json}");
            assert!(params.numbers.is_empty(), "{json}");
        }
    }

    #[test]
    fn texts_and_numbers_are_read() {
        let params = read(r#"{"number": 123456, "numbers": ["+32475000001", false, 7]}"#);
        assert_eq!(params.number.as_deref(), Some("123456"));
        let numbers: Vec<_> = params.numbers.into_iter().map(|number| number.0).collect();
        assert_eq!(numbers, [Some("+32475000001".to_owned()), None, Some("7".to_owned())]);
    }

    #[test]
    fn true_and_objects_are_mistakes() {
        for json in [r#"{"number":true}"#, r#"{"number":{}}"#, r#"{"numbers":true}"#, r#"{"numbers":"+32"}"#] {
            assert!(serde_json::from_str::<Params>(json).is_err(), "{json}");
        }
    }
}
