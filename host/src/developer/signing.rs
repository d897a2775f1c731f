//! The key that signs a developer's releases.

use anyhow::Context as _;
use ed25519_dalek::{Signer as _, SigningKey};

use super::login::Home;

/// Its file in a developer's folder.
const FILE: &str = "signing-key";

/// An ed25519 key.
pub struct Key(SigningKey);

impl Key {
    /// Reads it, or makes one. Whether it is new.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written, or holds no key.
    pub fn load(home: &Home) -> anyhow::Result<(Self, bool)> {
        let path = home.file(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let bytes = hex::decode(text.trim()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
                let bytes = bytes.with_context(|| {
                    format!(
                        "{} holds no signing key; restore it from a backup, or remove it to make a new one",
                        path.display()
                    )
                })?;
                Ok((Self(SigningKey::from_bytes(&bytes)), false))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut bytes = [0; 32];
                getrandom::fill(&mut bytes)
                    .map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
                home.write(FILE, format!("{}\n", hex::encode(bytes)).as_bytes())?;
                Ok((Self(SigningKey::from_bytes(&bytes)), true))
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Its public half, in hexadecimal.
    pub fn public(&self) -> String {
        hex::encode(self.0.verifying_key().to_bytes())
    }

    /// The signature of a release, in hexadecimal.
    pub fn sign(&self, service: &str, version: &str, digest: &str) -> String {
        hex::encode(self.0.sign(message(service, version, digest).as_bytes()).to_bytes())
    }
}

/// What a release's signature is of; `digest` is the SHA-256 of the component in hexadecimal.
pub fn message(service: &str, version: &str, digest: &str) -> String {
    format!("iap release\n{service}\n{version}\n{digest}\n")
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};

    use super::*;

    #[test]
    fn a_key_is_made_once_and_signs() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let (key, is_new) = Key::load(&home).unwrap();
        assert!(is_new);
        let (again, is_new) = Key::load(&home).unwrap();
        assert!(!is_new);
        assert_eq!(key.public(), again.public());
        let public: [u8; 32] = hex::decode(key.public()).unwrap().try_into().unwrap();
        let signature: [u8; 64] = hex::decode(again.sign("hello", "1.0.0", "ab")).unwrap().try_into().unwrap();
        VerifyingKey::from_bytes(&public)
            .unwrap()
            .verify(b"iap release\nhello\n1.0.0\nab\n", &Signature::from_bytes(&signature))
            .unwrap();
        std::fs::write(home.file(FILE), "short").unwrap();
        assert!(Key::load(&home).err().unwrap().to_string().contains("holds no signing key"));
    }
}
