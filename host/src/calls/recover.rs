//! After a crash: calls that began on a host that is dead are ended, in the customer's favour.
//!
//! A call's holds are released (what it captured stays captured), its unanswered natural keys are let go, so
//! that the same work may be asked again; where the operation has unknown outcomes asked for, its plugin is asked, unless a
//! job that is stored already goes on with the hold. On SQLite every earlier start is dead, so this is done once, at the start. On
//! PostgreSQL a host that was silent for a minute is taken for dead, and every host looks now and then. Should
//! it live after all, its call finds its hold ended and itself too: it charges nothing and claims nothing more.

use iap_core::{
    ids::{AccountId, CallId},
    ledger::Command,
    manifest::OnUnknown,
};
use iap_store::{
    Post, PostError, Store, StoreError,
    repositories::{Calls, NaturalKeys},
};

use super::unknown::{self, Asked};
use crate::catalog::Catalog;

/// Calls looked at in one go.
const BATCH: i64 = 256;

/// What an orphan is told to have met.
const PROBLEM: &str =
    "host-fault: the host stopped while the call ran; what was captured stays charged, the rest went back";

/// Ends all orphaned calls and makes orphaned jobs due. Answers how many calls there were.
pub async fn recover(store: &Store, catalog: &Catalog) -> Result<usize, StoreError> {
    let mut ended = 0;
    loop {
        let orphans = store.calls().orphans(BATCH).await?;
        for (call, account) in &orphans {
            end(store, catalog, *call, *account, PROBLEM).await?;
        }
        ended += orphans.len();
        if orphans.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
            break;
        }
    }
    // A call that captured has ended already, yet may have left keys that it was not to answer.
    store.write(vec![store.natural_keys().let_go_of_dead(), store.jobs().take_over(store.clock().now())]).await?;
    Ok(ended)
}

/// Ends one, unless it has ended.
pub(super) async fn end(
    store: &Store,
    catalog: &Catalog,
    call: CallId,
    account: AccountId,
    problem: &str,
) -> Result<(), StoreError> {
    let asked = asked(store, catalog, call, account).await?;
    let left = end_holds(store, asked, call, account).await?;
    if left.is_asked {
        return Ok(());
    }
    let now = store.clock().now();
    let ended = if left.to_jobs {
        vec![Calls::left_to_jobs(call, now), NaturalKeys::let_go(call)]
    } else {
        vec![Calls::end_orphan(call, problem, now), NaturalKeys::let_go_provisional(call)]
    };
    match store.write(ended).await {
        // Another host has ended it, or its own did.
        Err(StoreError::Conflict(_)) => return Ok(()),
        done => drop(done?),
    }
    if left.to_jobs {
        return Ok(());
    }
    // Its host may live after all, and have obtained one more.
    end_holds(store, None, call, account).await.map(drop)
}

/// How its operation wants unknown outcomes asked for, if it does.
async fn asked(
    store: &Store,
    catalog: &Catalog,
    call: CallId,
    account: AccountId,
) -> Result<Option<Asked>, StoreError> {
    let (row, account) = (store.calls().get(call).await?, store.accounts().get(account).await?);
    let (Some(row), Some(account)) = (row, account) else { return Ok(None) };
    let service = catalog.by_id(account.service);
    let operation = service.as_ref().and_then(|service| service.release.as_ref()?.manifest().operation(&row.operation));
    Ok(operation.filter(|operation| operation.on_unknown == OnUnknown::Ask).map(|operation| Asked {
        service: account.service,
        account: account.id,
        call,
        ask_for: operation.ask_for,
    }))
}

/// Who goes on with holds of a call.
#[derive(Clone, Copy, Debug, Default)]
struct Left {
    /// The plugin is asked.
    is_asked: bool,
    /// A job that the call had stored.
    to_jobs: bool,
}

/// Ends a call's live holds, but for those that somebody goes on with.
async fn end_holds(store: &Store, asked: Option<Asked>, call: CallId, account: AccountId) -> Result<Left, StoreError> {
    let mut left = Left::default();
    for hold in store.grants().live_holds_of_call(account, call).await? {
        if let Some(asked) = asked {
            if store.jobs().take_up(account, hold, &unknown::key(hold)).await? {
                store.write(vec![unknown::answered(asked.service, account, hold)]).await?;
                left.to_jobs = true;
                continue;
            }
            if unknown::ask(store, asked, hold).await? {
                left.is_asked = true;
                continue;
            }
        }
        match store.post(Post::new(account, Command::Release { hold })).await {
            Ok(_) | Err(PostError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(left)
}
