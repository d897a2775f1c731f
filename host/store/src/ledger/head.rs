//! Signed heads: the host's word for where a chain stood, which rewriting the whole chain cannot forge.

use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};

/// A head of a stream's chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Stream.
    pub stream: i64,
    /// Number of its batch.
    pub number: i64,
    /// Hash of that batch.
    pub hash: Vec<u8>,
    /// When it was signed, in Unix milliseconds.
    pub signed_at: i64,
}

impl Head {
    /// The bytes that are signed: `iap chain head v1`, stream, number, hash in hexadecimal and time, a line each.
    pub fn message(&self) -> Vec<u8> {
        use std::fmt::Write as _;
        let mut hash = String::with_capacity(64);
        for byte in &self.hash {
            write!(hash, "{byte:02x}").expect("a string takes all");
        }
        format!("iap chain head v1\n{}\n{}\n{hash}\n{}", self.stream, self.number, self.signed_at).into_bytes()
    }

    /// Whether an ed25519 key signed it.
    pub fn is_signed(&self, public_key: &[u8], signature: &[u8]) -> bool {
        let key = <[u8; 32]>::try_from(public_key).ok().and_then(|key| VerifyingKey::from_bytes(&key).ok());
        let (Some(key), Ok(signature)) = (key, Signature::from_slice(signature)) else { return false };
        key.verify(&self.message(), &signature).is_ok()
    }
}
