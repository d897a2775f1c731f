//! Tells admins whose credits run out, and forgets mails that were sent long ago.

use std::{sync::Arc, time::Duration};

use iap_core::ids::AccountId;
use iap_store::{
    StoreError,
    repositories::{LowAccount, LowCredit, Mails},
};

use crate::{app::App, payments::counted};

const EVERY: Duration = Duration::from_secs(1);
/// Accounts that are looked at in one round; the next round goes on with those behind them.
const BATCH: i64 = 200;
/// How long mails are kept that were sent or given up, in seconds.
const KEEP: i64 = 30 * 24 * 3600;

/// For ever.
pub(super) async fn serve(app: Arc<App>) {
    let mut after = AccountId(0);
    loop {
        tokio::time::sleep(EVERY).await;
        match round(&app, after).await {
            Ok(next) => after = next,
            Err(error) => tracing::error!(error = %error, "Nobody could be warned of low credits; it is tried again"),
        }
    }
}

/// One round over accounts after an id. Answers where to go on.
async fn round(app: &App, after: AccountId) -> Result<AccountId, StoreError> {
    let accounts = app.store.low_credit().page(after, BATCH).await?;
    for account in &accounts {
        let is_low = account.available < account.threshold;
        if is_low && !account.warned {
            warn(app, account).await?;
        } else if !is_low && account.warned {
            app.store.write(vec![LowCredit::is_no_more(account.id)]).await?;
        }
    }
    let now = app.store.clock().now();
    app.store.write(vec![Mails::sweep(now.plus_seconds(-KEEP), BATCH)]).await?;
    let all = accounts.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
    Ok(accounts.last().filter(|_| !all).map_or(AccountId(0), |last| last.id))
}

async fn warn(app: &App, account: &LowAccount) -> Result<(), StoreError> {
    let Some(service) = app.catalog.by_id(account.service) else { return Ok(()) };
    let outbox = app.outbox();
    let text = super::texts::LowCredit {
        service: &service.title,
        balance: &counted(account.available, &service.unit),
        threshold: &counted(account.threshold, &service.unit),
        link: &outbox.account_link(&service.name, &account.token_sha1),
    };
    let mut statements = vec![LowCredit::told(account.id)];
    statements.extend(outbox.put_to_admins(&account.emails, &text));
    match app.store.write(statements).await {
        Ok(_) => app.ring_for_mail(),
        // Another host was faster.
        Err(StoreError::Conflict(_)) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}
