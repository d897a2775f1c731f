//! Trial credits: once per (service, database), at the first contact after the database is eligible.

use iap_core::{
    ledger::{Command, GrantKind, NewGrant},
    trial::{Declared, eligible},
};
use iap_store::{
    Post, PostError, Store, StoreError,
    repositories::{AccountRow, DatabaseRow, Grants},
};

use crate::catalog::Service;

/// Gives the trial if the service has one, the database is eligible and never had it.
pub async fn give_if_due(
    store: &Store,
    service: &Service,
    account: AccountRow,
    database: Option<&DatabaseRow>,
) -> Result<AccountRow, StoreError> {
    let size = service.release.as_ref().and_then(|release| release.manifest().trial);
    let (Some(amount), Some(database)) = (size, database) else { return Ok(account) };
    if account.database != Some(database.id)
        || !is_eligible(database)
        || store.grants().had_trial(service.id, database.id).await?
        || !comes_first(store, &account, database).await?
    {
        return Ok(account);
    }
    let id = store.ids().grant();
    let new = NewGrant { kind: GrantKind::Trial, ..NewGrant::gift(id, amount) };
    let (service_id, database_id) = (service.id, database.id);
    let mut post =
        Post::new(account.id, Command::Grant(new)).with(move |_| vec![Grants::trial(service_id, database_id, id)]);
    post.reason = "trial credits".to_owned();
    match store.post(post).await {
        // Another request gave it in this very moment.
        Ok(_) | Err(PostError::Conflict(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let missing = || StoreError::Engine("an account has vanished".to_owned());
    store.accounts().get(account.id).await?.ok_or_else(missing)
}

/// A dbuuid proves nothing: whoever names one with a token of its own gets no trial that an older account of the database
/// may have, unless the database itself or the operator opened it or vouches for it. That a stranger names a database
/// before it does itself cannot be told from a database with two accounts: then the operator vouches for the right one.
async fn comes_first(store: &Store, account: &AccountRow, database: &DatabaseRow) -> Result<bool, StoreError> {
    if account.vouched {
        return Ok(true);
    }
    let others = store.accounts().of_database(database.id).await?;
    let mut rivals = others.iter().filter(|other| other.service == account.service && other.id != account.id);
    Ok(!rivals.any(|other| other.vouched || (other.created_at, other.id) < (account.created_at, account.id)))
}

fn is_eligible(database: &DatabaseRow) -> bool {
    let said = &database.declaration;
    let (Ok(edition), Ok(purpose)) = (said.edition.parse(), said.purpose.parse()) else { return false };
    database.declared_at.is_some()
        && eligible(Declared { edition, subscription_valid: said.subscription_valid, purpose }).is_ok()
}
