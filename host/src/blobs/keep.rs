//! Storing documents and reading parts of them.

use iap_core::{
    Time,
    ids::{AccountId, BlobId, ServiceId},
};
use iap_store::{
    Statement, Store, StoreError,
    repositories::{BlobRow, BlobUsage, Blobs},
};

use super::seal::{BlobKey, CHUNK, Damaged};
use crate::secrets::Keys;

/// Chunks that one transaction stores: longer ones would keep calls waiting for the writer.
const AT_ONCE: i64 = 5;
/// Seconds that a document may take to be stored.
const UNFINISHED: i64 = 600;

/// Whose documents, and how much room they have.
#[derive(Clone, Copy, Debug)]
pub struct Shelf {
    /// The service.
    pub service: ServiceId,
    /// The account; nobody in hooks.
    pub account: Option<AccountId>,
    /// `[permissions] blobs`, in bytes.
    pub quota: u64,
}

/// Why a document was not stored or read.
#[derive(Debug, thiserror::Error)]
pub enum Kept {
    /// The service or account has no room for it: one sentence that names the limit.
    #[error("{0}")]
    OverQuota(String),
    /// What is stored is not what was sealed.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Shelf {
    /// A document of this many bytes that is to be stored.
    pub fn new_row(&self, id: BlobId, content_type: &str, size: usize, expires_at: Time) -> BlobRow {
        let mut salt = vec![0; 16];
        getrandom::fill(&mut salt).expect("the system gives random bytes");
        BlobRow {
            id,
            service: self.service,
            account: self.account,
            content_type: content_type.to_owned(),
            size: i64::try_from(size).unwrap_or(i64::MAX),
            salt,
            expires_at,
        }
    }

    fn quota(&self) -> i64 {
        i64::try_from(self.quota).unwrap_or(i64::MAX)
    }

    /// An account may have as much as the service then has left: the more accounts, the less each, and a newcomer
    /// always finds room.
    fn refuses(&self, used: BlobUsage, size: i64) -> Option<String> {
        let quota = self.quota();
        let left = quota.saturating_sub(used.service).saturating_sub(size);
        if left < 0 {
            return Some(format!(
                "{} bytes are stored, {size} more are too many: [permissions] blobs allows {quota}; delete some or raise it",
                used.service
            ));
        }
        let own = used.account.saturating_add(size);
        (left < own).then(|| {
            format!(
                "the account would have {own} bytes and the service {left} left of the {quota} that [permissions] blobs allows; an account may have no more than what is left, so delete some or raise it"
            )
        })
    }

    /// Stores a document of which `next` gives the bytes, [`CHUNK`] at a time.
    pub async fn put(
        &self,
        store: &Store,
        keys: &Keys,
        row: &BlobRow,
        mut next: impl FnMut(usize) -> Vec<u8>,
    ) -> Result<(), Kept> {
        if let Some(why) = self.refuses(store.blobs().usage(self.service, self.account).await?, row.size) {
            return Err(Kept::OverQuota(why));
        }
        let key = BlobKey::of(keys, row);
        let chunks = chunks(row.size);
        let at_once = chunks <= AT_ONCE;
        let until = if at_once { row.expires_at } else { store.clock().now().plus_seconds(UNFINISHED) };
        let mut statements = vec![Blobs::begin(row, at_once, until), Blobs::within(self.service, self.quota())];
        for number in 0..chunks {
            if number != 0 && number % AT_ONCE == 0 {
                self.write(store, row.id, std::mem::take(&mut statements)).await?;
            }
            let plain = next(usize::try_from(number).unwrap_or(usize::MAX));
            statements.push(Blobs::chunk(row.id, number, key.seal(number, plain)));
        }
        if !at_once {
            statements.push(Blobs::complete(row.id, row.expires_at));
        }
        self.write(store, row.id, statements).await
    }

    async fn write(&self, store: &Store, id: BlobId, statements: Vec<Statement>) -> Result<(), Kept> {
        match store.write(statements).await {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict(conflict)) if conflict.constraint.is_empty() => Err(Kept::OverQuota(format!(
                "documents of other calls came first: [permissions] blobs allows {}; delete some or raise it",
                self.quota
            ))),
            Err(error) => {
                // What is there of it would go by itself, later.
                drop(store.write(vec![Blobs::delete(id)]).await);
                Err(error.into())
            }
        }
    }

    /// At most `length` bytes of a document from `offset`; only the chunks that they are in are opened.
    pub async fn read(store: &Store, keys: &Keys, row: &BlobRow, offset: u64, length: u64) -> Result<Vec<u8>, Kept> {
        let size = u64::try_from(row.size).unwrap_or(0);
        let end = offset.saturating_add(length).min(size);
        if end <= offset {
            return Ok(Vec::new());
        }
        let whole = u64::try_from(CHUNK).unwrap_or(u64::MAX);
        let number = |place: u64| i64::try_from(place / whole).unwrap_or(i64::MAX);
        let (first, last) = (number(offset), number(end - 1));
        let key = BlobKey::of(keys, row);
        let mut read = Vec::with_capacity(usize::try_from(end - offset).unwrap_or(0));
        let mut stored = store.blobs().chunks(row.id, first, last).await?.into_iter();
        for wanted in first..=last {
            let (found, sealed) = stored.next().ok_or(Damaged(wanted))?;
            let plain = if found == wanted { key.open(wanted, sealed)? } else { return Err(Damaged(wanted).into()) };
            let start = u64::try_from(wanted).unwrap_or(0) * whole;
            let within = |place: u64| usize::try_from(place.saturating_sub(start).min(whole)).unwrap_or(0);
            read.extend_from_slice(plain.get(within(offset)..within(end)).ok_or(Damaged(wanted))?);
        }
        Ok(read)
    }
}

/// The bytes of `bytes` that [`Shelf::put`] asks for by a number.
pub fn chunk_of(bytes: &[u8], number: usize) -> Vec<u8> {
    bytes.chunks(CHUNK).nth(number).unwrap_or_default().to_vec()
}

fn chunks(size: i64) -> i64 {
    let whole = i64::try_from(CHUNK).unwrap_or(i64::MAX);
    size / whole + i64::from(size % whole != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_leaves_as_much_as_it_takes() {
        let shelf = Shelf { service: ServiceId(1), account: Some(AccountId(1)), quota: 100 };
        let used = |service, account| BlobUsage { service, account };
        assert_eq!(shelf.refuses(used(0, 0), 50), None);
        assert!(shelf.refuses(used(0, 0), 51).is_some_and(|why| why.contains("51 bytes") && why.contains("the 100")));
        assert!(shelf.refuses(used(50, 50), 1).is_some());
        assert_eq!(shelf.refuses(used(50, 0), 25), None, "another account still finds room");
        assert!(shelf.refuses(used(99, 0), 2).is_some_and(|why| why.starts_with("99 bytes are stored, 2 more")));
        assert_eq!(shelf.refuses(used(0, 0), 0), None);
    }

    #[test]
    fn chunks_are_counted() {
        let whole = i64::try_from(CHUNK).unwrap();
        for (size, expected) in [(0, 0), (1, 1), (whole, 1), (whole + 1, 2), (3 * whole, 3)] {
            assert_eq!(chunks(size), expected, "{size}");
        }
    }
}
