//! Sealing all secrets anew, after the key has changed.

use iap_store::{Store, StoreError, repositories::ServiceSecrets};

use super::seal::SealingKey;

/// Secrets that are sealed anew in one commit.
const BATCH: i64 = 200;

/// What a rotation did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Secrets that the new key seals now.
    pub resealed: usize,
    /// Those that it sealed already.
    pub current: i64,
    /// `service/name` of those that no given key opens.
    pub unreadable: Vec<String>,
}

/// Seals all secrets anew that one of the `old` keys opens. Safe to repeat, and to end in the middle: each secret is
/// readable with the one key or the other.
pub async fn rotate(store: &Store, old: &[&SealingKey], new: &SealingKey) -> Result<Rotated, StoreError> {
    let secrets = store.service_secrets();
    let mut rotated = Rotated { current: secrets.count_of_key(new.id()).await?, ..Rotated::default() };
    let mut after = (0, String::new());
    loop {
        let rows = secrets.of_other_keys(new.id(), (after.0, &after.1), BATCH).await?;
        let Some(last) = rows.last() else { return Ok(rotated) };
        after = (last.service.0, last.row.name.clone());
        let mut statements = Vec::new();
        for found in rows {
            let (service, row) = (&found.service_name, &found.row);
            match old.iter().find_map(|key| key.open(service, &row.name, &row.sealed).ok()) {
                Some(value) => {
                    let sealed = new.seal(service, &row.name, &value);
                    // Only if nobody has set it meanwhile.
                    statements.push(ServiceSecrets::reseal(found.service, row, sealed, new.id()));
                }
                None => rotated.unreadable.push(format!("{service}/{}", row.name)),
            }
        }
        let written = store.write(statements).await?;
        rotated.resealed += written.iter().map(|written| written.affected).sum::<usize>();
    }
}

/// `service/name` of secrets that a key has not sealed.
pub async fn unreadable(store: &Store, key: &SealingKey) -> Result<Vec<String>, StoreError> {
    let mut named = Vec::new();
    let mut after = (0, String::new());
    loop {
        let rows = store.service_secrets().of_other_keys(key.id(), (after.0, &after.1), BATCH).await?;
        let Some(last) = rows.last() else { return Ok(named) };
        after = (last.service.0, last.row.name.clone());
        named.extend(rows.iter().map(|found| format!("{}/{}", found.service_name, found.row.name)));
    }
}
