//! Signatures by the name of a secret, which the plugin never sees.
//!
//! Codes of errors: `unknown-key`, `not-granted`, `unknown-algorithm`, `bad-key`.

use crate::imports;

pub use crate::Error;

/// How to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-1: old webhooks.
    HmacSha1,
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
    /// Ed25519.
    Ed25519,
}

impl Algorithm {
    /// As the contract names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "hmac-sha1",
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha512 => "hmac-sha512",
            Self::Ed25519 => "ed25519",
        }
    }
}

/// Signs with a private key: [`Algorithm::Ed25519`].
///
/// # Errors
///
/// See the module.
pub fn sign(key: &str, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, Error> {
    imports::key_sign(key, algorithm.name(), message)
}

/// Whether the signature is right. Takes constant time.
///
/// # Errors
///
/// See the module. A wrong signature is `Ok(false)`.
pub fn verify(key: &str, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<bool, Error> {
    imports::key_verify(key, algorithm.name(), message, signature)
}

/// A message's code under a shared secret: one of the HMAC algorithms.
///
/// # Errors
///
/// See the module.
pub fn hmac(key: &str, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, Error> {
    imports::key_hmac(key, algorithm.name(), message)
}
