//! Sealing of secrets: AES-256-GCM, each bound to its service and name.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::Digest as _;

/// Why a sealed secret does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a stored secret was sealed with another key or was changed: it is as if it were not set. Start the host with the key from before, run `iap secrets rotate`, or set the secret again"
)]
pub struct Unreadable;

/// The key that seals secrets of services.
pub struct SealingKey {
    key: LessSafeKey,
    id: String,
}

impl SealingKey {
    /// From 32 bytes that are used for nothing else.
    pub fn new(bytes: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, bytes).expect("the key has the algorithm's length");
        let mut hash = sha2::Sha256::new();
        hash.update(b"id of a key\n");
        hash.update(bytes);
        Self { key: LessSafeKey::new(key), id: hex::encode(&hash.finalize()[..8]) }
    }

    /// Says which key sealed a secret, and nothing of the key.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Seals a value.
    pub fn seal(&self, service: &str, name: &str, value: &str) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).expect("the system gives random bytes");
        let mut sealed = value.as_bytes().to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), place(service, name), &mut sealed)
            .expect("a secret is far below the algorithm's limit");
        [&nonce[..], &sealed].concat()
    }

    /// Opens what was sealed with this key for the same service and name.
    pub fn open(&self, service: &str, name: &str, sealed: &[u8]) -> Result<String, Unreadable> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Unreadable)?;
        let mut opened = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let value = self.key.open_in_place(nonce, place(service, name), &mut opened).map_err(|_| Unreadable)?;
        String::from_utf8(value.to_vec()).map_err(|_| Unreadable)
    }
}

/// Neither name has a line break in it.
fn place(service: &str, name: &str) -> Aad<String> {
    Aad::from(format!("{service}\n{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_only_where_it_was_sealed() {
        let key = SealingKey::new(&[1; 32]);
        let sealed = key.seal("sms", "token", "hunter2");
        assert_ne!(sealed, key.seal("sms", "token", "hunter2"), "each time another nonce");
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
        assert_eq!(key.open("sms", "token", &sealed).as_deref(), Ok("hunter2"));
        assert_eq!(key.open("sms", "other", &sealed), Err(Unreadable));
        assert_eq!(key.open("other", "token", &sealed), Err(Unreadable));
        assert_eq!(SealingKey::new(&[2; 32]).open("sms", "token", &sealed), Err(Unreadable));
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(key.open("sms", "token", &changed), Err(Unreadable), "byte {place}");
        }
        assert_eq!(key.open("sms", "token", &sealed[..10]), Err(Unreadable));
        assert_ne!(key.id(), SealingKey::new(&[2; 32]).id());
        assert_eq!(key.id().len(), 16);
    }
}
