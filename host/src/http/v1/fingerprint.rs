//! Idempotency keys and fingerprints: what tells a repeat from another request.

use std::collections::BTreeMap;

use axum::{extract::FromRequestParts, http::request::Parts};
use serde_json::value::RawValue;
use sha2::Digest;

use super::problem::{BAD_REQUEST, Problem};

/// Longest idempotency key, in characters.
const MAX_KEY: usize = 255;

/// The header `Idempotency-Key`, if it is sent.
#[derive(Clone, Debug)]
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(Self(None)) };
        let fits = |text: &&str| (1..=MAX_KEY).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        match value.to_str().ok().filter(fits) {
            Some(key) => Ok(Self(Some(key.to_owned()))),
            None => {
                let detail = format!(
                    "the header Idempotency-Key must be 1 to {MAX_KEY} visible ASCII characters, such as a UUID"
                );
                Err(Problem::new(BAD_REQUEST, detail).at("Idempotency-Key"))
            }
        }
    }
}

/// Hashes of the members of a request, by their path.
#[derive(Clone, Debug, Default)]
pub struct Fingerprint(BTreeMap<String, String>);

impl Fingerprint {
    /// Takes in a member that is text.
    pub fn text(mut self, member: &str, value: &str) -> Self {
        self.0.insert(member.to_owned(), hash(value));
        self
    }

    /// Takes in a member that may be absent.
    pub fn optional(self, member: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.text(member, &value.to_string()),
            None => self,
        }
    }

    /// Takes in JSON; the members of an object each by itself, as `input.text`.
    pub fn json(mut self, member: &str, value: &RawValue) -> Result<Self, serde_json::Error> {
        // Refuses what is nested too deeply, so that what follows may recurse.
        serde_json::from_str::<serde_json::Value>(value.get())?;
        if let Ok(members) = serde_json::from_str::<BTreeMap<String, &RawValue>>(value.get()) {
            for (name, value) in members {
                self.0.insert(format!("{member}.{name}"), hash(&canonical(value)?));
            }
            return Ok(self);
        }
        Ok(self.text(member, &canonical(value)?))
    }

    /// As JSON: `{member: SHA-256 in hexadecimal}`.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

fn hash(text: &str) -> String {
    hex::encode(sha2::Sha256::digest(text.as_bytes()))
}

/// The same for texts that mean the same: members sorted, no blanks, one way of escaping. Numbers stay
/// as they are written, since reading them as floats would make large ones equal.
fn canonical(value: &RawValue) -> Result<String, serde_json::Error> {
    let text = value.get().trim();
    Ok(match text.as_bytes().first() {
        Some(b'{') => {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
            let each = |(name, value)| Ok(format!("{}:{}", serde_json::to_string(&name)?, canonical(value)?));
            format!("{{{}}}", members.into_iter().map(each).collect::<Result<Vec<_>, serde_json::Error>>()?.join(","))
        }
        Some(b'[') => {
            let elements: Vec<&RawValue> = serde_json::from_str(text)?;
            format!("[{}]", elements.into_iter().map(canonical).collect::<Result<Vec<_>, _>>()?.join(","))
        }
        Some(b'"') => serde_json::to_string(&serde_json::from_str::<String>(text)?)?,
        _ => text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::differing_field;

    fn print(input: &str) -> String {
        let input = RawValue::from_string(input.to_owned()).unwrap();
        Fingerprint::default().text("operation", "send").json("input", &input).unwrap().to_json()
    }

    #[test]
    fn the_same_request_written_otherwise_has_the_same_fingerprint() {
        let one = print(r#"{"a": [1, {"x": "é", "y": null}], "b": true}"#);
        assert_eq!(one, print(r#"{ "b":true,"a":[1,{"y":null,"x":"\u00e9"}] }"#));
        let members: BTreeMap<String, String> = serde_json::from_str(&one).unwrap();
        assert_eq!(members.keys().collect::<Vec<_>>(), ["input.a", "input.b", "operation"]);
        assert_eq!(members["input.b"], hash("true"));
    }

    #[test]
    fn another_request_differs_in_a_member_that_has_a_name() {
        let before = print(r#"{"text": "a", "number": "1"}"#);
        for (input, field) in [
            (r#"{"text": "b", "number": "1"}"#, "input.text"),
            (r#"{"text": "a"}"#, "input.number"),
            (r#"{"text": "a", "number": "1", "to": []}"#, "input.to"),
            (r#"{"text": "a", "number": 1}"#, "input.number"),
        ] {
            assert_eq!(differing_field(&before, &print(input)).as_deref(), Some(field), "{input}");
        }
        let large = |number: &str| print(&format!("{{\"n\": {number}}}"));
        assert_ne!(large("123456789012345678901"), large("123456789012345678902"));
    }

    #[test]
    fn input_that_is_no_object_is_one_member() {
        assert_eq!(differing_field(&print("[1]"), &print("[2]")).as_deref(), Some("input"));
        assert_eq!(print("[1]"), print("[ 1 ]"));
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = RawValue::from_string("[".repeat(20_000) + &"]".repeat(20_000)).unwrap();
        assert!(Fingerprint::default().json("input", &deep).is_err());
    }
}
