//! Receipts: what a call took, in a form that is signed and can be checked without the host.
//!
//! What is signed is the receipt without its member `signature`, as canonical bytes ([`canonical`]): JSON in UTF-8 with the
//! members of every object in the order of their names' bytes, no spaces, numbers whole. Nothing is left out, so
//! that a member that somebody added is noticed as one that was changed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Credits,
    ids::{AccountId, CallId, EntryId, GrantId},
    ledger::GrantKind,
};

/// Version of the form below.
pub const VERSION: u32 = 1;

/// What a call took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// [`VERSION`].
    pub version: u32,
    /// Address of the host that signs.
    pub host: String,
    /// The call.
    pub call: CallId,
    /// Whose credits were taken.
    pub account: AccountId,
    /// Name of the service.
    pub service: String,
    /// What served the call; nothing for a service that runs elsewhere.
    pub release: Option<Release>,
    /// What was called.
    pub operation: String,
    /// By which door.
    pub door: String,
    /// Priced lines, as the call's answer has them.
    pub lines: Vec<Value>,
    /// Credits taken.
    pub credits: Credits,
    /// Of them: given back since.
    pub refunded: Credits,
    /// Which grants they came from, in burn order.
    pub lots: Vec<Lot>,
    /// Entries of the ledger: what set the credits aside, and what last took of them or gave back.
    pub entries: Vec<EntryId>,
    /// When the call ended, RFC 3339.
    pub at: String,
    /// Where the last of the entries is in the hash chain of its stream; nothing if it is from before there were chains.
    pub chain: Option<Position>,
    /// The host's ed25519 key, in hexadecimal.
    pub public_key: String,
}

/// Which release served a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Its version.
    pub version: String,
    /// SHA-256 of its component.
    pub digest: String,
}

/// What was taken of one grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lot {
    /// The grant.
    pub grant: GrantId,
    /// Where it came from.
    pub kind: String,
    /// Credits taken of it.
    pub credits: Credits,
    /// Of them: given back since.
    pub refunded: Credits,
}

impl Lot {
    /// A lot of which credits were taken.
    pub fn new(grant: GrantId, kind: GrantKind, credits: Credits, refunded: Credits) -> Self {
        Self { grant, kind: kind.as_str().to_owned(), credits, refunded }
    }
}

/// A place in a hash chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Stream of the writer.
    pub stream: i64,
    /// Number of its batch.
    pub batch: i64,
    /// Hash of the batch, in hexadecimal.
    pub batch_hash: String,
}

/// Why a document has no canonical bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no whole number: a receipt has none such")]
pub struct NotCanonical(String);

/// The bytes of a document that are signed.
pub fn canonical(document: &Value) -> Result<Vec<u8>, NotCanonical> {
    let mut bytes = Vec::new();
    write(document, &mut bytes)?;
    Ok(bytes)
}

fn write(value: &Value, bytes: &mut Vec<u8>) -> Result<(), NotCanonical> {
    match value {
        Value::Number(number) if !number.is_i64() && !number.is_u64() => return Err(NotCanonical(number.to_string())),
        Value::Null | Value::Bool(_) | Value::Number(_) => bytes.extend(value.to_string().bytes()),
        Value::String(text) => string(text, bytes),
        Value::Array(items) => {
            bytes.push(b'[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    bytes.push(b',');
                }
                write(item, bytes)?;
            }
            bytes.push(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by(|left, right| left.0.as_bytes().cmp(right.0.as_bytes()));
            bytes.push(b'{');
            for (n, (name, value)) in members.into_iter().enumerate() {
                if n > 0 {
                    bytes.push(b',');
                }
                string(name, bytes);
                bytes.push(b':');
                write(value, bytes)?;
            }
            bytes.push(b'}');
        }
    }
    Ok(())
}

/// A text as JSON: only quotes, backslashes and control characters are escaped.
fn string(text: &str, bytes: &mut Vec<u8>) {
    bytes.extend(Value::String(text.to_owned()).to_string().bytes());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_sorted_and_nothing_is_left_out() {
        let document = json!({ "b": [1, null, "é\"\n"], "a": { "z": true, "y": -2 }, "B": "" });
        let bytes = canonical(&document).expect("it is canonical");
        assert_eq!(String::from_utf8(bytes).expect("text"), r#"{"B":"","a":{"y":-2,"z":true},"b":[1,null,"é\"\n"]}"#);
    }

    #[test]
    fn broken_numbers_have_no_canonical_form() {
        let error = canonical(&json!({ "a": 0.5 })).expect_err("it is not whole");
        assert_eq!(error.to_string(), "0.5 is no whole number: a receipt has none such");
    }
}
