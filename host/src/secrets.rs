//! Keys of this host and hashes of what callers present.

use std::{io::Write, path::Path};

use anyhow::Context;
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Digest;

use crate::settings::seal::SealingKey;

/// Keys derived from the master key, one for each purpose.
pub struct Keys {
    token: [u8; 32],
    cache: [u8; 32],
    blob: [u8; 32],
    sign_in: [u8; 32],
    signing: SigningKey,
    sealing: SealingKey,
}

/// What is stored of an account token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenHashes {
    /// Keyed: the look-up key.
    pub mac: String,
    /// Plain SHA-1: what Odoo 19 puts into URLs.
    pub sha1: String,
}

impl Keys {
    /// From the master key.
    pub fn derive(master: &[u8]) -> Self {
        let signing = SigningKey::from_bytes(&mac(master, b"ed25519 signature"));
        Self {
            token: mac(master, b"account token"),
            cache: mac(master, b"compiled code"),
            blob: mac(master, b"documents"),
            sign_in: mac(master, b"codes, forms and networks"),
            signing,
            sealing: sealing(master),
        }
    }

    /// The same, but another key than the master key seals secrets of services: that one can be changed.
    pub fn sealing_with(self, secrets_key: &str) -> anyhow::Result<Self> {
        Ok(Self { sealing: sealing_key(secrets_key)?, ..self })
    }

    /// Seals secrets of services.
    pub fn sealing(&self) -> &SealingKey {
        &self.sealing
    }

    /// From `master_key` if given, else from the file `master.key` in the data folder, which is made
    /// (readable by its owner only) if it is missing.
    pub fn load(master_key: Option<&str>, data_dir: &Path) -> anyhow::Result<Self> {
        if let Some(text) = master_key {
            anyhow::ensure!(
                32 <= text.len(),
                "master_key has {} characters; give at least 32, as from `openssl rand -hex 32`",
                text.len()
            );
            return Ok(Self::derive(text.as_bytes()));
        }
        let path = data_dir.join("master.key");
        if !path.exists() {
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&path).with_context(|| format!("cannot create {}", path.display()))?;
            file.write_all(random_hex::<32>().as_bytes())?;
            file.sync_all()?;
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        anyhow::ensure!(
            32 <= text.trim().len(),
            "{} is too short to be a master key; restore it from your backup",
            path.display()
        );
        Ok(Self::derive(text.trim().as_bytes()))
    }

    /// Hashes of an account token, without its suffix.
    pub fn account_token(&self, token: &str) -> TokenHashes {
        TokenHashes {
            mac: hex::encode(mac(&self.token, token.as_bytes())),
            sha1: hex::encode(sha1::Sha1::digest(token.as_bytes())),
        }
    }

    /// Key that authenticates compiled code on disk.
    pub fn cache(&self) -> [u8; 32] {
        self.cache
    }

    /// Key of one document, from its salt, id and size.
    pub fn blob(&self, salt: &[u8], id: i64, size: i64) -> [u8; 32] {
        let mut of = salt.to_vec();
        of.extend_from_slice(&id.to_be_bytes());
        of.extend_from_slice(&size.to_be_bytes());
        mac(&self.blob, &of)
    }

    /// Keyed hash of what is short or guessable: a mailed code, the network that somebody comes from, a session's forms.
    pub fn sign_in(&self, purpose: &str, value: &str) -> String {
        hex::encode(mac(&self.sign_in, format!("{purpose}\0{value}").as_bytes()))
    }

    /// Public half of the key that signs receipts and heads of hash chains.
    pub fn public_key(&self) -> [u8; 32] {
        self.signing.verifying_key().to_bytes()
    }

    /// ed25519 signature of a message.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }
}

fn sealing(key: &[u8]) -> SealingKey {
    SealingKey::new(&mac(key, b"secrets of services"))
}

/// The key that seals secrets of services, from what a host has or had as `secrets_key` or, without one, `master_key`.
pub fn sealing_key(text: &str) -> anyhow::Result<SealingKey> {
    let text = text.trim();
    anyhow::ensure!(
        32 <= text.len(),
        "the key has {} characters; it must have at least 32, as from `openssl rand -hex 32`",
        text.len()
    );
    Ok(sealing(text.as_bytes()))
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// SHA-256 of a bearer token or service key, as stored.
pub fn bearer_hash(token: &str) -> String {
    hex::encode(sha2::Sha256::digest(token.as_bytes()))
}

/// `N` random bytes in hexadecimal.
pub fn random_hex<const N: usize>() -> String {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sha1_of_a_token_is_the_one_odoo_19_sends() {
        let hashes = Keys::derive(b"any").account_token("0123456789abcdef0123456789abcdef");
        assert_eq!(hashes.sha1, "b1775a785f09a6ebaf2dc33d6eaeb98974d9cdb8");
    }

    #[test]
    fn a_master_key_file_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let first = Keys::load(None, folder.path()).unwrap().account_token("t");
        assert_eq!(Keys::load(None, folder.path()).unwrap().account_token("t"), first);
        assert!(Keys::load(Some("short"), folder.path()).is_err());
    }
}
