//! ed25519 keys that sign a vendor's releases.

use ed25519_dalek::VerifyingKey;
use iap_store::repositories::{VendorKeyRow, VendorKeys, VendorRow};

use super::{VendorError, commit, members, profile};
use crate::{app::App, mail::texts};

/// Most keys of a vendor that are not revoked.
const MOST: usize = 20;

/// Reads a public key; it comes back in small letters.
pub fn read(text: &str) -> Result<String, VendorError> {
    let wrong = |why: &str| VendorError::invalid("public_key", format!("{text:?} {why}"));
    let bytes = hex::decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let bytes = bytes.ok_or_else(|| wrong("is no ed25519 public key: 64 hexadecimal digits"))?;
    match VerifyingKey::from_bytes(&bytes) {
        // Anybody could sign for a weak one.
        Ok(key) if !key.is_weak() => Ok(hex::encode(bytes)),
        _ => Err(wrong("is no usable ed25519 public key; make a new one")),
    }
}

/// Registers a key; whether it is new. The vendor and its owners are told. The same key again is no mistake.
pub async fn add(
    app: &App,
    vendor: &VendorRow,
    public_key: &str,
    title: &str,
    by: &str,
) -> Result<(VendorKeyRow, bool), VendorError> {
    let public_key = read(public_key)?;
    let title = profile::line("title", title)?;
    let name = &vendor.name;
    let taken = || VendorError::invalid("public_key", "is another vendor's; sign with a key of your own");
    if let Some(known) = app.store.vendor_keys().get(&public_key).await? {
        if known.vendor != *name {
            return Err(taken());
        }
        if known.revoked_at.is_some() {
            return Err(VendorError::invalid("public_key", "was revoked; make a new one"));
        }
        return Ok((known, false));
    }
    let known = app.store.vendor_keys().of_vendor(name).await?;
    if MOST <= known.iter().filter(|key| key.revoked_at.is_none()).count() {
        return Err(VendorError::TooMany(format!("{name:?} has {MOST} keys; revoke one first")));
    }
    let now = app.store.clock().now();
    let row = VendorKeyRow { public_key, vendor: name.clone(), title, created_at: now, revoked_at: None };
    let mut statements = vec![VendorKeys::add(&row.public_key, name, &row.title, now)];
    let text = texts::KeyAdded { vendor: &vendor.profile.title, key: &row.public_key, title: &row.title, by };
    statements.extend(members::told(app, vendor).await?.iter().map(|email| app.outbox().put(email, &text)));
    commit(app, statements, taken).await?;
    app.ring_for_mail();
    tracing::info!(vendor = name, key = row.public_key, by, "A signing key is registered");
    Ok((row, true))
}

/// Revokes a key: what it signs from here on is refused; what it signed before stays.
pub async fn revoke(app: &App, vendor: &str, public_key: &str) -> Result<(), VendorError> {
    let public_key = public_key.to_ascii_lowercase();
    let known = app.store.vendor_keys().get(&public_key).await?.filter(|key| key.vendor == vendor);
    let unknown =
        || VendorError::NotFound(format!("{vendor:?} has no such key; GET /v1/vendors/{vendor}/keys lists them"));
    if known.ok_or_else(unknown)?.revoked_at.is_some() {
        return Ok(());
    }
    let now = app.store.clock().now();
    match commit(app, vec![VendorKeys::revoke(&public_key, vendor, now)], unknown).await {
        // Somebody else revoked it meanwhile.
        Err(VendorError::NotFound(_)) => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_point_that_one_can_hold() {
        let own = hex::encode(ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key().to_bytes());
        assert_eq!(read(&own.to_uppercase()).unwrap(), own);
        let neutral = format!("01{}", "0".repeat(62));
        for wrong in ["", "zz", &own[2..], &neutral] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
