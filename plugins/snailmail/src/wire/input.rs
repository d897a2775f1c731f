//! Input of `print`.

use iap_sdk::falsy;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Letters, and how they are printed.
#[derive(Debug, Default, Deserialize)]
pub struct Input {
    /// Each with a document.
    #[serde(default, deserialize_with = "falsy::list")]
    pub documents: Vec<Document>,
    /// The same for all.
    #[serde(default, deserialize_with = "or_default")]
    pub options: Options,
}

/// How letters are printed. A database without letters to send has `false` everywhere.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(expecting = "an object or false")]
pub struct Options {
    /// In colour.
    #[serde(default, deserialize_with = "flag")]
    pub color: bool,
    /// With a cover page that bears the address.
    #[serde(default, deserialize_with = "flag")]
    pub cover: bool,
    /// On both sides.
    #[serde(default, deserialize_with = "flag")]
    pub duplex: bool,
}

/// A letter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(expecting = "an object")]
pub struct Document {
    /// What the database knows it by.
    #[serde(default)]
    pub letter_id: Value,
    /// Of which record.
    #[serde(default)]
    pub res_model: Value,
    /// Of which record.
    #[serde(default)]
    pub res_id: Value,
    /// The recipient as it is written.
    #[serde(default, deserialize_with = "falsy::text")]
    pub contact_address: Option<String>,
    /// The recipient.
    #[serde(default, deserialize_with = "or_default")]
    pub address: Address,
    /// What is printed.
    #[serde(default, deserialize_with = "pdf")]
    pub pdf_bin: Pdf,
    /// 0 where the address is in the left window.
    #[serde(default)]
    pub rightaddress: Value,
}

/// An address in parts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(expecting = "an object or false")]
pub struct Address {
    /// Of a person or company.
    #[serde(default, deserialize_with = "falsy::text")]
    pub name: Option<String>,
    /// With its number.
    #[serde(default, deserialize_with = "falsy::text")]
    pub street: Option<String>,
    /// What the street has no room for.
    #[serde(default, deserialize_with = "falsy::text")]
    pub street2: Option<String>,
    /// Postal code.
    #[serde(default, deserialize_with = "falsy::text")]
    pub zip: Option<String>,
    /// Town.
    #[serde(default, deserialize_with = "falsy::text")]
    pub city: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(default, deserialize_with = "falsy::text")]
    pub country_code: Option<String>,
}

/// Where a document is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pdf {
    /// The host has put it into a blob.
    Blob {
        /// Its id.
        id: String,
        /// Of its bytes, in hexadecimal digits.
        sha256: String,
        /// Bytes.
        size: u64,
    },
    /// What was sent is no document.
    Unreadable,
    /// Nothing was sent.
    #[default]
    Missing,
}

impl Document {
    /// Its natural key: the id in the database and what is printed. The host makes the same of them.
    pub fn key(&self) -> Option<String> {
        let id = match &self.letter_id {
            Value::String(text) if !text.is_empty() => text.clone(),
            Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
            _ => return None,
        };
        match &self.pdf_bin {
            Pdf::Blob { sha256, .. } => Some(format!("{id}:{sha256}")),
            Pdf::Unreadable | Pdf::Missing => None,
        }
    }

    /// Whether its address is in the left window.
    pub fn is_left(&self) -> bool {
        match &self.rightaddress {
            Value::Number(number) => number.as_i64() == Some(0),
            _ => false,
        }
    }
}

fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(flag) => flag,
        Value::Number(number) => number.as_i64() != Some(0),
        _ => false,
    })
}

/// `false` and `null` where an object could be are the same as an empty one.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given<T> {
        There(T),
        #[expect(dead_code, reason = "read to tell it from an object")]
        Not(Option<bool>),
    }
    Ok(match Given::deserialize(deserializer)? {
        Given::There(value) => value,
        Given::Not(_) => T::default(),
    })
}

fn pdf<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pdf, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
            match (text("blob"), text("sha256"), members.get("size").and_then(Value::as_u64)) {
                (Some(id), Some(sha256), Some(size)) => Pdf::Blob { id, sha256, size },
                _ => Pdf::Unreadable,
            }
        }
        Value::Null | Value::Bool(false) => Pdf::Missing,
        Value::String(text) if text.is_empty() => Pdf::Missing,
        _ => Pdf::Unreadable,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Input {
        serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
    }

    #[test]
    fn nothing_has_many_spellings() {
        for value in
            [json!({}), json!({ "documents": false, "options": false }), json!({ "documents": null, "options": null })]
        {
            let input = read(value);
            assert!(input.documents.is_empty() && !input.options.color);
        }
        let input = read(json!({
            "documents": [{ "letter_id": 7, "address": false, "contact_address": false, "pdf_bin": false, "pages": false }],
            "options": { "color": false, "cover": null, "duplex": 1, "currency_name": false },
        }));
        assert_eq!(input.documents[0].pdf_bin, Pdf::Missing);
        assert_eq!(input.documents[0].key(), None);
        assert!(input.options.duplex && !input.options.cover);
    }

    #[test]
    fn a_letter_is_known_by_its_id_and_its_document() {
        let blob = json!({ "blob": "b", "size": 9, "sha256": "ab", "content_type": "application/pdf" });
        for (id, key) in
            [(json!(7), Some("7:ab")), (json!("7"), Some("7:ab")), (json!(1.5), None), (json!(false), None)]
        {
            let input = read(json!({ "documents": [{ "letter_id": id, "pdf_bin": blob }] }));
            assert_eq!(input.documents[0].key().as_deref(), key, "{id}");
        }
        for wrong in [json!({ "blob": null, "size": 4, "error": "not-base64" }), json!("text"), json!(5)] {
            let input = read(json!({ "documents": [{ "letter_id": 1, "pdf_bin": wrong }] }));
            assert_eq!(input.documents[0].pdf_bin, Pdf::Unreadable, "{wrong}");
        }
    }

    #[test]
    fn the_window_is_right_unless_it_is_said_to_be_left() {
        for (value, left) in [(json!(0), true), (json!(1), false), (json!(false), false), (json!(null), false)] {
            assert_eq!(
                read(json!({ "documents": [{ "rightaddress": value }] })).documents[0].is_left(),
                left,
                "{value}"
            );
        }
    }
}
