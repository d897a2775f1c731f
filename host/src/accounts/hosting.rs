//! What the operator declares of a database, and what that does to its accounts.

use iap_core::{
    hosting::{Hosting, may_use},
    ids::DatabaseId,
    ledger::Command,
};
use iap_store::{
    Post, StoreError,
    repositories::{AccountRow, DatabaseRow, Declaration},
};

use crate::{
    catalog::{Catalog, Service},
    mail::{Outbox, texts},
    payments::counted,
};

/// Declares a database and suspends or resumes its accounts accordingly: credits stay intact, live
/// holds may still be captured or released. Answers the database and whether it was new.
pub async fn declare(
    outbox: Outbox<'_>,
    catalog: &Catalog,
    dbuuid: &str,
    declaration: &Declaration,
) -> Result<(DatabaseRow, bool), StoreError> {
    let store = outbox.store();
    let databases = store.databases();
    let known = databases.by_dbuuid(dbuuid).await?.is_some();
    store.write(vec![databases.declare(store.ids().database(), dbuuid, declaration, store.clock().now())]).await?;
    let missing = || StoreError::Engine("a database that was just declared is missing".to_owned());
    let row = databases.by_dbuuid(dbuuid).await?.ok_or_else(missing)?;
    resettle(outbox, catalog, row.id, declaration.hosting.parse().unwrap_or(Hosting::Undeclared)).await?;
    Ok((row, !known))
}

/// Suspends or resumes all accounts of a database by the hosting rule.
pub async fn resettle(
    outbox: Outbox<'_>,
    catalog: &Catalog,
    database: DatabaseId,
    hosting: Hosting,
) -> Result<(), StoreError> {
    for account in outbox.store().accounts().of_database(database).await? {
        if let Some(service) = catalog.by_id(account.service) {
            settle_suspension(outbox, &service, &account, hosting).await?;
        }
    }
    Ok(())
}

/// Suspends or resumes one account, and tells its people. Suspension is checked inside the posting, so that no cache can
/// spend what it should not.
pub(super) async fn settle_suspension(
    outbox: Outbox<'_>,
    service: &Service,
    account: &AccountRow,
    hosting: Hosting,
) -> Result<(), StoreError> {
    let refusal = may_use(hosting, service.vendor_kind).err();
    let reason = refusal.as_ref().map(|refusal| refusal.code().to_owned());
    if reason == account.suspended {
        return Ok(());
    }
    let credits = counted(account.available, &service.unit);
    let mails = match &refusal {
        Some(refusal) => {
            let text =
                texts::HostingSuspended { service: &service.title, reason: &refusal.to_string(), credits: &credits };
            outbox.put_to_admins(&account.warnings.emails, &text)
        }
        None => {
            let text = texts::HostingResumed { service: &service.title, credits: &credits };
            outbox.put_to_admins(&account.warnings.emails, &text)
        }
    };
    let suspend = Post::new(account.id, Command::Suspend { reason }).with(move |_| mails.clone());
    outbox.store().post(suspend).await?;
    Ok(())
}
