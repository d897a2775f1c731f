//! `keys`: signatures by the name of a secret.
//!
//! How a secret is written: HMAC keys are the text itself, or `hex:…` or `base64:…` for bytes. An
//! ed25519 key is PEM, or 32 bytes as `hex:…` or `base64:…`; `public:hex:…` and `public:base64:…`
//! are public keys, which can only verify.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{
    Signature, Signer as _, SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey as _, spki::DecodePublicKey as _},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq as _;

use crate::{bindings::keys, call::CallState, settings::Permission};

/// Bytes of a message: the work is not interrupted.
const MOST_BYTES: usize = 1 << 20;

impl CallState {
    fn secret(&self, name: &str, message: &[u8]) -> Result<&str, keys::Error> {
        let Some(secret) = self.settings.key(name) else {
            return Err(error("unknown-key", format!("secret {name:?} has no [[secrets]] table in plugin.toml")));
        };
        if self.denied(&Permission::Key(name.to_owned())) {
            return Err(error("not-granted", format!("the operator has not granted secret {name:?} to this service")));
        }
        let Some(secret) = secret else {
            return Err(error("not-granted", format!("secret {name:?} is not set on this host")));
        };
        if message.len() > MOST_BYTES {
            return Err(error("bad-key", format!("message: {} bytes are more than {MOST_BYTES}", message.len())));
        }
        Ok(secret.expose())
    }
}

impl keys::Host for CallState {
    fn sign(
        &mut self,
        key: String,
        algorithm: String,
        message: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, keys::Error>> {
        self.enter()?;
        Ok(self.secret(&key, &message).and_then(|secret| match algorithm.as_str() {
            "ed25519" => Ok(signing_key(&key, secret)?.sign(&message).to_bytes().to_vec()),
            _ => Err(unknown_algorithm(&algorithm, "ed25519")),
        }))
    }

    fn verify(
        &mut self,
        key: String,
        algorithm: String,
        message: Vec<u8>,
        signature: Vec<u8>,
    ) -> wasmtime::Result<Result<bool, keys::Error>> {
        self.enter()?;
        Ok(self.secret(&key, &message).and_then(|secret| {
            if algorithm != "ed25519" {
                return Ok(hmac(&key, secret, &algorithm, &message)?.ct_eq(&signature).into());
            }
            let verifying = verifying_key(&key, secret)?;
            // Strict: a signature has one form only, so a replay cannot look new.
            Ok(Signature::from_slice(&signature)
                .is_ok_and(|signature| verifying.verify_strict(&message, &signature).is_ok()))
        }))
    }

    fn hmac(
        &mut self,
        key: String,
        algorithm: String,
        message: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, keys::Error>> {
        self.enter()?;
        Ok(self.secret(&key, &message).and_then(|secret| hmac(&key, secret, &algorithm, &message)))
    }
}

fn error(code: &str, message: String) -> keys::Error {
    keys::Error { code: code.to_owned(), message }
}

fn unknown_algorithm(given: &str, known: &str) -> keys::Error {
    error("unknown-algorithm", format!("algorithm {given:?} is not one of: {known}"))
}

fn bad_key(name: &str, expected: &str) -> keys::Error {
    error("bad-key", format!("secret {name:?} is not {expected}"))
}

/// Bytes written as `hex:…` or `base64:…`, if it is one of them.
fn encoded(secret: &str) -> Option<Option<Vec<u8>>> {
    if let Some(digits) = secret.strip_prefix("hex:") {
        return Some(hex::decode(digits).ok());
    }
    secret.strip_prefix("base64:").map(|text| STANDARD.decode(text).ok())
}

fn hmac(name: &str, secret: &str, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, keys::Error> {
    let bytes = match encoded(secret) {
        None => secret.as_bytes().to_vec(),
        Some(Some(bytes)) => bytes,
        Some(None) => return Err(bad_key(name, "well-formed hex or base64")),
    };
    macro_rules! mac {
        ($digest:ty) => {{
            let mut mac = Hmac::<$digest>::new_from_slice(&bytes).map_err(|_| bad_key(name, "a usable HMAC key"))?;
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        }};
    }
    match algorithm {
        "hmac-sha1" => Ok(mac!(Sha1)),
        "hmac-sha256" => Ok(mac!(Sha256)),
        "hmac-sha512" => Ok(mac!(Sha512)),
        _ => Err(unknown_algorithm(algorithm, "hmac-sha1, hmac-sha256, hmac-sha512, and to verify ed25519")),
    }
}

fn signing_key(name: &str, secret: &str) -> Result<SigningKey, keys::Error> {
    let key = match encoded(secret) {
        Some(bytes) => {
            bytes.and_then(|bytes| bytes.try_into().ok()).map(|bytes: [u8; 32]| SigningKey::from_bytes(&bytes))
        }
        None => SigningKey::from_pkcs8_pem(secret).ok(),
    };
    key.ok_or_else(|| bad_key(name, "an ed25519 private key: PEM, or 32 bytes as hex:… or base64:…"))
}

fn verifying_key(name: &str, secret: &str) -> Result<VerifyingKey, keys::Error> {
    let public = match secret.strip_prefix("public:") {
        Some(public) => encoded(public).flatten().and_then(|bytes| VerifyingKey::try_from(bytes.as_slice()).ok()),
        None if secret.contains("PUBLIC KEY") => VerifyingKey::from_public_key_pem(secret).ok(),
        None => return signing_key(name, secret).map(|key| key.verifying_key()),
    };
    public.ok_or_else(|| bad_key(name, "an ed25519 public key: PEM, public:hex:… or public:base64:…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_agrees_with_rfc_4231_and_rfc_2202() {
        // Test case 2 of both: key "Jefe".
        let message = b"what do ya want for nothing?";
        for (algorithm, expected) in [
            ("hmac-sha1", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            ("hmac-sha256", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        ] {
            for secret in ["Jefe", "hex:4a656665", "base64:SmVmZQ=="] {
                assert_eq!(hex::encode(hmac("k", secret, algorithm, message).unwrap()), expected, "{secret}");
            }
        }
        assert_eq!(hmac("k", "Jefe", "md5", message).unwrap_err().code, "unknown-algorithm");
        assert_eq!(hmac("k", "hex:zz", "hmac-sha1", message).unwrap_err().code, "bad-key");
    }

    #[test]
    fn ed25519_agrees_with_rfc_8032() {
        // Test 1: the empty message.
        let private = "hex:9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let public = "public:hex:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let signature = signing_key("k", private).unwrap().sign(b"").to_bytes();
        assert!(hex::encode(signature).starts_with("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"));
        assert_eq!(verifying_key("k", private).unwrap(), verifying_key("k", public).unwrap());
        assert_eq!(signing_key("k", public).unwrap_err().code, "bad-key");
        assert_eq!(verifying_key("k", "public:hex:00").unwrap_err().code, "bad-key");
    }
}
