//! Compiled code on disk. A bad or stale entry is a miss, never an error.
//!
//! Loading compiled code means running it, so an entry is authenticated: HMAC-SHA256 over its name and
//! bytes, with a key that the host derives from its master key. The name holds the digest of the
//! component, the exact version of wasmtime and everything that changes code generation.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

const MAC: usize = 32;

/// A directory of compiled components.
pub(crate) struct Cache {
    directory: PathBuf,
    key: [u8; 32],
    tag: String,
}

impl Cache {
    /// `tag` names compiler and configuration.
    pub(crate) fn open(directory: PathBuf, key: [u8; 32], tag: &str) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        Ok(Self { directory, key, tag: hex::encode(&Sha256::digest(tag.as_bytes())[..8]) })
    }

    fn name(&self, component: &[u8]) -> String {
        format!("{}-{}.cwasm", hex::encode(Sha256::digest(component)), self.tag)
    }

    fn mac(&self, name: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(name.as_bytes());
        Some(mac)
    }

    /// The compiled code of `component`, if there is an authentic entry.
    pub(crate) fn get(&self, component: &[u8]) -> Option<Vec<u8>> {
        let name = self.name(component);
        let mut entry = fs::read(self.directory.join(&name)).ok()?;
        let tag = entry.get(..MAC)?.to_vec();
        let mut mac = self.mac(&name)?;
        mac.update(&entry[MAC..]);
        // What is verified is what is loaded: the bytes in memory, whatever happens to the file.
        match mac.verify_slice(&tag) {
            Ok(()) => {
                entry.drain(..MAC);
                Some(entry)
            }
            Err(_) => {
                tracing::warn!(entry = name, "a compiled component is not authentic and is compiled again");
                None
            }
        }
    }

    /// Keeps compiled code. The whole entry appears at once; a process that reads the old one keeps it.
    pub(crate) fn put(&self, component: &[u8], code: &[u8]) -> io::Result<()> {
        let name = self.name(component);
        let mut mac = self.mac(&name).ok_or_else(|| io::Error::other("HMAC takes keys of any length"))?;
        mac.update(code);
        let mut suffix = [0; 8];
        getrandom::fill(&mut suffix).map_err(|error| io::Error::other(error.to_string()))?;
        let temporary = self.directory.join(format!(".{}", hex::encode(suffix)));
        let written = write(&temporary, &mac.finalize().into_bytes(), code)
            .and_then(|()| fs::rename(&temporary, self.directory.join(&name)));
        if written.is_err() {
            drop(fs::remove_file(&temporary));
        }
        written
    }
}

fn write(path: &Path, mac: &[u8], code: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(mac)?;
    file.write_all(code)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_authentic_entry_of_the_same_configuration_is_a_hit() {
        let directory = tempfile::tempdir().unwrap();
        let open = |key, tag| Cache::open(directory.path().to_owned(), [key; 32], tag).unwrap();
        let cache = open(1, "48.0.8");
        assert_eq!(cache.get(b"component"), None);
        cache.put(b"component", b"code").unwrap();
        assert_eq!(cache.get(b"component").as_deref(), Some(&b"code"[..]));
        assert_eq!(cache.get(b"another"), None);
        assert_eq!(open(2, "48.0.8").get(b"component"), None, "another key");
        assert_eq!(open(1, "48.0.9").get(b"component"), None, "another compiler");

        let path = directory.path().join(cache.name(b"component"));
        let mut bytes = fs::read(&path).unwrap();
        bytes[MAC] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(cache.get(b"component"), None, "changed");
        fs::write(&path, b"short").unwrap();
        assert_eq!(cache.get(b"component"), None, "cut off");
        cache.put(b"component", b"code").unwrap();
        assert_eq!(cache.get(b"component").as_deref(), Some(&b"code"[..]));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no temporary file stays");
    }
}
