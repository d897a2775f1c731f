//! Checks a receipt with nothing but the host's public key.

use ed25519_dalek::{Signature, VerifyingKey};
use iap_core::{
    Credits,
    receipt::{NotCanonical, Receipt, VERSION, canonical},
};
use serde_json::Value;

/// What is wrong with a receipt.
#[derive(Debug, thiserror::Error)]
pub enum Wrong {
    /// It has no form of one.
    #[error("it is no receipt: {0}")]
    Form(String),
    /// Another version of the form.
    #[error("it is of version {0}, and this program knows {VERSION}")]
    Version(u64),
    /// The key that is trusted is no ed25519 key.
    #[error("the given public key is no ed25519 key")]
    BadKey,
    /// Another host signed it, or somebody.
    #[error("it names the public key {found}, not the given one, {given}")]
    OtherKey {
        /// The receipt's.
        found: String,
        /// The trusted one.
        given: String,
    },
    /// The signature is not of these bytes and this key.
    #[error("its signature is wrong: something in it was changed, or another key signed it")]
    Signature,
    /// What it says does not add up, although the host signed it.
    #[error("its lots make {lots} credits, it says {credits}")]
    DoesNotAddUp {
        /// Of the lots.
        lots: Credits,
        /// Of the receipt.
        credits: Credits,
    },
}

impl From<NotCanonical> for Wrong {
    fn from(error: NotCanonical) -> Self {
        Self::Form(error.to_string())
    }
}

/// Checks a receipt against the host's public key.
///
/// # Errors
///
/// Names the first thing that is wrong.
pub fn check(text: &str, public_key: &[u8; 32]) -> Result<Receipt, Wrong> {
    let form = |error: serde_json::Error| Wrong::Form(error.to_string());
    let mut document: Value = serde_json::from_str(text).map_err(form)?;
    match document.get("version").and_then(Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        Some(version) => return Err(Wrong::Version(version)),
        None => return Err(Wrong::Form("it has no version".to_owned())),
    }
    let signature = document.as_object_mut().and_then(|members| members.remove("signature"));
    let signature = signature.as_ref().and_then(Value::as_str).and_then(|text| hex::decode(text).ok());
    let signature = signature.and_then(|bytes| Signature::from_slice(&bytes).ok());
    let signature = signature.ok_or_else(|| Wrong::Form("its signature is not 128 hexadecimal digits".to_owned()))?;
    let key = VerifyingKey::from_bytes(public_key).map_err(|_| Wrong::BadKey)?;
    let given = hex::encode(public_key);
    match document.get("public_key").and_then(Value::as_str) {
        Some(found) if found == given => {}
        found => return Err(Wrong::OtherKey { found: found.unwrap_or("none").to_owned(), given }),
    }
    key.verify_strict(&canonical(&document)?, &signature).map_err(|_| Wrong::Signature)?;
    let receipt: Receipt = serde_json::from_value(document).map_err(form)?;
    let lots = Credits::checked_sum(receipt.lots.iter().map(|lot| lot.credits)).unwrap_or(Credits::MAX);
    if lots != receipt.credits {
        return Err(Wrong::DoesNotAddUp { lots, credits: receipt.credits });
    }
    Ok(receipt)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::secrets::Keys;

    fn signed(keys: &Keys) -> Value {
        let mut document = json!({
            "version": 1, "host": "https://iap.example.com", "call": "call_1", "account": "acc_1", "service": "sms",
            "release": { "version": "1.0.0", "digest": "00" }, "operation": "send", "door": "call",
            "lines": [{ "item": "message part", "units": 2 }], "credits": "0.1", "refunded": "0",
            "lots": [{ "grant": "grant_1", "kind": "purchase", "credits": "0.1", "refunded": "0" }],
            "entries": ["entry_1", "entry_2"], "at": "2026-01-01T00:00:00Z",
            "chain": { "stream": 1, "batch": 7, "batch_hash": "ab" }, "public_key": hex::encode(keys.public_key()),
        });
        let signature = keys.sign(&canonical(&document).expect("it is canonical"));
        document["signature"] = Value::String(hex::encode(signature));
        document
    }

    #[test]
    fn a_receipt_is_checked_and_every_change_is_noticed() {
        let keys = Keys::derive(b"one host");
        let document = signed(&keys);
        let key = keys.public_key();
        assert_eq!(check(&document.to_string(), &key).expect("it is right").credits.to_string(), "0.1");
        for (member, value) in [
            ("credits", json!("0.2")),
            ("call", json!("call_2")),
            ("lots", json!([])),
            ("chain", Value::Null),
            ("note", json!("added")),
        ] {
            let mut forged = document.clone();
            forged[member] = value;
            let wrong = check(&forged.to_string(), &key).expect_err(member);
            assert!(matches!(wrong, Wrong::Signature), "{member}: {wrong}");
        }
        let other = Keys::derive(b"another host").public_key();
        assert!(matches!(check(&document.to_string(), &other), Err(Wrong::OtherKey { .. })));
        let mut taken_over = document.clone();
        taken_over["public_key"] = Value::String(hex::encode(other));
        assert!(matches!(check(&taken_over.to_string(), &other), Err(Wrong::Signature)));
        assert!(matches!(check("[]", &key), Err(Wrong::Form(_))));
    }
}
