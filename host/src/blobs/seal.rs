//! Sealing of chunks: AES-256-GCM with a key for each document.
//!
//! The key comes from the host's key and what a document is: a random salt, its id and its size. So a chunk opens
//! only at its place of its document, and a document that was cut does not open at all. The salt keeps keys apart
//! even where ids come again, as after a restored backup. Within a document the number of a chunk is its nonce.

use iap_store::repositories::BlobRow;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::secrets::Keys;

/// Bytes of a chunk in the clear; the last one may have fewer. A multiple of three: it is 256 KiB of base64.
pub(super) const CHUNK: usize = 192 << 10;

/// A chunk that is not what was sealed at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("chunk {0} of a document is missing or was changed")]
pub struct Damaged(pub i64);

/// Key of one document.
pub(super) struct BlobKey {
    key: LessSafeKey,
    place: String,
}

impl BlobKey {
    pub(super) fn of(keys: &Keys, row: &BlobRow) -> Self {
        let bytes = keys.blob(&row.salt, row.id.0, row.size);
        let key = UnboundKey::new(&AES_256_GCM, &bytes).expect("the key has the algorithm's length");
        Self { key: LessSafeKey::new(key), place: format!("{} {}", row.id, row.size) }
    }

    fn nonce(number: i64) -> Nonce {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&number.to_be_bytes());
        Nonce::assume_unique_for_key(nonce)
    }

    fn aad(&self, number: i64) -> Aad<String> {
        Aad::from(format!("{} {number}", self.place))
    }

    /// Seals a chunk at its place.
    pub(super) fn seal(&self, number: i64, mut chunk: Vec<u8>) -> Vec<u8> {
        self.key
            .seal_in_place_append_tag(Self::nonce(number), self.aad(number), &mut chunk)
            .expect("a chunk is far below the algorithm's limit");
        chunk
    }

    /// Opens a chunk that was sealed at its place.
    pub(super) fn open(&self, number: i64, mut sealed: Vec<u8>) -> Result<Vec<u8>, Damaged> {
        let opened = self.key.open_in_place(Self::nonce(number), self.aad(number), &mut sealed);
        let length = opened.map_err(|_| Damaged(number))?.len();
        sealed.truncate(length);
        Ok(sealed)
    }
}

#[cfg(test)]
mod tests {
    use iap_core::{
        Time,
        ids::{BlobId, ServiceId},
    };

    use super::*;

    fn row(id: i64, size: i64, salt: u8) -> BlobRow {
        BlobRow {
            id: BlobId(id),
            service: ServiceId(1),
            account: None,
            content_type: "text/plain".to_owned(),
            size,
            salt: vec![salt; 16],
            expires_at: Time(0),
        }
    }

    #[test]
    fn a_chunk_opens_only_at_its_place_of_its_document() {
        let keys = Keys::derive(b"a master key");
        let own = BlobKey::of(&keys, &row(1, 5, 7));
        let sealed = own.seal(3, b"hello".to_vec());
        assert!(!sealed.windows(5).any(|window| window == b"hello"));
        assert_eq!(own.open(3, sealed.clone()), Ok(b"hello".to_vec()));
        assert_eq!(own.open(2, sealed.clone()), Err(Damaged(2)), "moved");
        for other in [row(2, 5, 7), row(1, 6, 7), row(1, 5, 8)] {
            assert_eq!(BlobKey::of(&keys, &other).open(3, sealed.clone()), Err(Damaged(3)), "{other:?}");
        }
        let other_host = BlobKey::of(&Keys::derive(b"another master key"), &row(1, 5, 7));
        assert_eq!(other_host.open(3, sealed.clone()), Err(Damaged(3)));
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(own.open(3, changed), Err(Damaged(3)), "byte {place}");
        }
        assert_eq!(own.open(3, sealed[..20].to_vec()), Err(Damaged(3)), "cut");
        assert_eq!(own.open(3, Vec::new()), Err(Damaged(3)), "empty");
    }
}
