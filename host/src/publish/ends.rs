//! A discontinued service comes to its end: what was bought and not used goes back to those who paid.

use iap_core::{
    Credits,
    ids::{AccountId, ServiceId},
    ledger::{Command, Refusal},
};
use iap_store::{
    Post, PostError,
    repositories::{ServiceRow, Services},
};

use super::decide;
use crate::{app::App, mail::texts as text, payments::counted};

/// Accounts that are looked at at once.
const BATCH: i64 = 200;

/// Ends the services whose time has come. What is done already is not done again: a host that dies here, or two that do the
/// same, refund nobody twice.
pub async fn end(app: &App) -> anyhow::Result<()> {
    let now = app.store.clock().now();
    for service in app.store.services().all().await? {
        if service.ended_at.is_none() && service.ends_at.is_some_and(|end| end <= now) {
            // One that cannot be ended now must not keep others.
            if let Err(error) = end_one(app, &service).await {
                tracing::error!(service = service.name, error = format!("{error:#}"), "A service cannot be ended yet");
            }
        }
    }
    Ok(())
}

async fn end_one(app: &App, service: &ServiceRow) -> anyhow::Result<()> {
    let (mut beyond, mut accounts, mut total) = (AccountId(i64::MIN), 0_u64, Credits::ZERO);
    let mut live = false;
    loop {
        let ids = app.store.accounts().of_service(service.id, beyond, BATCH).await?;
        let Some(last) = ids.last() else { break };
        beyond = *last;
        for account in ids {
            let (refunded, left) = refund_unused(app, service.id, account).await?;
            accounts += u64::from(refunded.is_positive());
            total = total.checked_add(refunded).unwrap_or(Credits::MAX);
            // What is held may still be captured or come back: then it is looked at again.
            live |= left || app.store.accounts().get(account).await?.is_some_and(|row| row.held.is_positive());
        }
    }
    if live {
        return Ok(());
    }
    let detail = format!("{total} bought credits of {accounts} accounts were refunded");
    tracing::info!(service = service.name, detail, "A discontinued service has ended");
    let statements = vec![Services::ended(service.id, app.store.clock().now())];
    decide::change(app, service.id, None, "ended", &detail, "host", statements).await?;
    Ok(())
}

/// Refunds what an account bought and did not use, and tells its admins: how much, and whether something is left.
async fn refund_unused(app: &App, service: ServiceId, account: AccountId) -> anyhow::Result<(Credits, bool)> {
    let (mut refunded, mut left) = (Credits::ZERO, false);
    for (grant, amount) in app.store.grants().unused_purchases(account).await? {
        let post = Post::new(account, Command::RefundCredits { grant, amount })
            .noted("The service was discontinued and has ended");
        let tell = match (app.catalog.by_id(service), app.store.accounts().get(account).await?) {
            (Some(service), Some(row)) => {
                let refunded =
                    format!("{} that you bought and did not use are paid back to you.", counted(amount, &service.unit));
                let text = text::ServiceEnded { service: &service.title, refunded: &refunded };
                app.outbox().put_to_admins(&row.warnings.emails, &text)
            }
            _ => Vec::new(),
        };
        match app.store.post(post.with(move |_| tell.clone())).await {
            Ok(_) => refunded = refunded.checked_add(amount).unwrap_or(Credits::MAX),
            // It was used, or refunded by somebody else, in this moment: the next round looks again.
            Err(PostError::Refused(Refusal::ExceedsGrant { .. })) => left = true,
            // Such as an account that the self-check has stopped: it keeps its credits until the operator lets it go on.
            Err(PostError::Refused(refusal)) => {
                tracing::warn!(%account, %grant, %refusal, "What is left at a service's end is not refunded yet");
                left = true;
            }
            Err(error) => anyhow::bail!("{grant} of {account} was not refunded: {error}"),
        }
    }
    Ok((refunded, left))
}
