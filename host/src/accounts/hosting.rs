//! What the operator declares of a database, and what that does to its accounts.

use iap_core::{
    hosting::{Hosting, may_use},
    ids::DatabaseId,
    ledger::Command,
};
use iap_store::{
    Post, Store, StoreError,
    repositories::{AccountRow, DatabaseRow, Declaration},
};

use crate::catalog::{Catalog, Service};

/// Declares a database and suspends or resumes its accounts accordingly: credits stay intact, live
/// holds may still be captured or released. Answers the database and whether it was new.
pub async fn declare(
    store: &Store,
    catalog: &Catalog,
    dbuuid: &str,
    declaration: &Declaration,
) -> Result<(DatabaseRow, bool), StoreError> {
    let databases = store.databases();
    let known = databases.by_dbuuid(dbuuid).await?.is_some();
    store.write(vec![databases.declare(store.ids().database(), dbuuid, declaration, store.clock().now())]).await?;
    let missing = || StoreError::Engine("a database that was just declared is missing".to_owned());
    let row = databases.by_dbuuid(dbuuid).await?.ok_or_else(missing)?;
    resettle(store, catalog, row.id, declaration.hosting.parse().unwrap_or(Hosting::Undeclared)).await?;
    Ok((row, !known))
}

/// Suspends or resumes all accounts of a database by the hosting rule.
pub async fn resettle(
    store: &Store,
    catalog: &Catalog,
    database: DatabaseId,
    hosting: Hosting,
) -> Result<(), StoreError> {
    for account in store.accounts().of_database(database).await? {
        if let Some(service) = catalog.by_id(account.service) {
            settle_suspension(store, &service, &account, hosting).await?;
        }
    }
    Ok(())
}

/// Suspends or resumes one account. Suspension is checked inside the posting, so that no cache can
/// spend what it should not.
pub(super) async fn settle_suspension(
    store: &Store,
    service: &Service,
    account: &AccountRow,
    hosting: Hosting,
) -> Result<(), StoreError> {
    let reason = may_use(hosting, service.vendor_kind).err().map(|refusal| refusal.code().to_owned());
    if reason == account.suspended {
        return Ok(());
    }
    store.post(Post::new(account.id, Command::Suspend { reason })).await?;
    Ok(())
}
