//! What a purchase is bought under: how its revenue is shared, and how long its credits may be used.

use iap_core::{
    Time,
    ids::AccountId,
    ledger::{Breakage, Share},
    revenue::fee_at,
};

use super::order::SettleError;
use crate::app::App;

/// How the revenue of a purchase is shared and until when its credits may be used, as it is now: what comes later
/// does not change it.
pub(super) async fn terms(app: &App, account: AccountId) -> Result<(Share, Time), SettleError> {
    let missing = || SettleError::Failed(format!("{account} is missing"));
    let account = app.store.accounts().get(account).await?.ok_or_else(missing)?;
    let services = app.store.services().all().await?;
    let service = services.into_iter().find(|service| service.id == account.service).ok_or_else(missing)?;
    let now = app.store.clock().now();
    let rows = app.store.revenue_shares().of_vendor(&service.vendor).await?;
    let fee_bps = fee_at(&rows, &service.name, now, app.config.revenue.platform_fee.0);
    // What its own release promises, which may be of an older major version.
    let loaded = app.catalog.by_id(account.service).map(|usual| app.catalog.serving(&usual, Some(&account)));
    let declared =
        loaded.as_ref().and_then(|service| service.release.as_ref()).map(|release| &release.manifest().service);
    let breakage_to = declared.map_or(Breakage::Host, |declared| declared.breakage);
    let lasts = declared.and_then(|declared| declared.credits_expire);
    let expires_at =
        lasts.map_or(Time::NEVER, |time| now.plus_seconds(i64::try_from(time.as_secs()).unwrap_or(i64::MAX)));
    Ok((Share { fee_bps, breakage_to }, expires_at))
}
