//! `iap serve --dev`: a vendor that is there without being set up.

use iap_store::repositories::{MemberRow, Members, VendorProfiles};

use super::VendorError;
use crate::app::App;

/// Its name.
pub const VENDOR: &str = "dev";
/// Address of its owner.
pub const EMAIL: &str = "dev@localhost";

/// The owner of the vendor `dev`, made on demand.
pub async fn member(app: &App) -> Result<MemberRow, VendorError> {
    let known = app.store.members().find(VENDOR, EMAIL).await?;
    if let Some(member) = known.filter(|member| member.confirmed_at.is_some()) {
        return Ok(member);
    }
    let now = app.store.clock().now();
    let kind = app.config.vendor_kind(VENDOR).as_str();
    let made = app.store.write(vec![
        VendorProfiles::known(VENDOR, app.config.vendor_title(VENDOR), kind, now),
        Members::invite(app.store.ids().next(), VENDOR, EMAIL, "owner", now),
        Members::confirm(VENDOR, EMAIL, now),
        VendorProfiles::first_email(VENDOR, EMAIL),
    ]);
    match made.await {
        // Somebody else made it at the same moment.
        Ok(_) | Err(iap_store::StoreError::Conflict(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let made = app.store.members().find(VENDOR, EMAIL).await?;
    made.ok_or_else(|| VendorError::NotFound("the vendor of --dev is gone".to_owned()))
}
