//! Sweepers: what is past its time is ended or deleted, in bounded batches.

use std::{sync::Arc, time::Duration};

use iap_core::{
    Time,
    ids::{AccountId, CallId},
    ledger::{Command, HoldState},
};
use iap_store::{
    Post, PostError, Statement, Store, StoreError,
    repositories::{Blobs, CallState, Calls, HookDeliveries, Jobs, NaturalKeys, StoreValues},
};

use crate::app::App;

const EVERY: Duration = Duration::from_secs(1);
/// Rows of a kind in one round: keeps the writer free for calls.
const BATCH: i64 = 200;
/// Documents in one round: a large one is many rows.
const BLOBS: i64 = 16;
/// How long jobs are kept for the operator that were done, in seconds.
const KEEP_DONE: i64 = 3 * 24 * 3600;
/// And those that failed for good.
const KEEP_DEAD: i64 = 28 * 24 * 3600;

/// Sweeps for ever.
pub async fn serve(app: Arc<App>) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = sweep(&app.store).await {
            tracing::error!(error = %error, "A sweep failed; it is tried again");
        }
    }
}

/// What is said of a call whose outcome could not be found out.
pub(super) const NOBODY_KNOWS: &str =
    "unknown: nobody could say in time what the provider did; its hold expired and the credits went back";

/// The end of a call whose last hold expired: of one that is asked about, or of one that goes on, whichever it is.
fn expired(call: CallId, unknown: bool, now: Time) -> [Statement; 2] {
    let why = if unknown { NOBODY_KNOWS } else { "its hold expired and the credits went back" };
    [Calls::came_to_nothing(call, why, now), Calls::expire(call, CallState::Failed, Some(why.to_owned()), now)]
}

/// One round.
pub async fn sweep(store: &Store) -> Result<(), StoreError> {
    let now = store.clock().now();
    for (hold, account) in store.grants().expired_holds(now, BATCH).await? {
        let found = store.grants().hold(hold).await?;
        let (call, unknown) =
            (found.and_then(|hold| hold.call), found.is_some_and(|hold| hold.state == HoldState::Unknown));
        // While the call has another live hold it is not over.
        let others = match call {
            Some(call) => store.grants().live_holds_of_call(account, call).await?.iter().any(|other| *other != hold),
            None => false,
        };
        let mut post = Post::new(account, Command::ExpireHold { hold });
        if let Some(call) = call.filter(|_| !others) {
            // What the call's job never confirmed may be asked again.
            post = post.with(move |_| {
                let [asked, goes_on] = expired(call, unknown, now);
                vec![NaturalKeys::let_go_provisional(call), asked, goes_on]
            });
        }
        settled(store.post(post).await, account);
    }
    for (grant, account) in store.grants().expired_grants(now, BATCH).await? {
        settled(store.post(Post::new(account, Command::ExpireGrant { grant })).await, account);
    }
    let mut statements = vec![
        NaturalKeys::sweep(now, BATCH),
        StoreValues::sweep(now, BATCH),
        Blobs::sweep(now, BLOBS),
        HookDeliveries::sweep(now, BATCH),
        Jobs::end_leases(now, BATCH),
        Jobs::find_forgotten(now, BATCH),
    ];
    statements.extend(crate::vendors::sweep(now, BATCH));
    statements.extend(Jobs::sweep(now.plus_seconds(-KEEP_DONE), now.plus_seconds(-KEEP_DEAD), BATCH));
    store.write(statements).await?;
    Ok(())
}

/// Somebody may have ended it meanwhile: then there is nothing to do. An account that fails keeps nobody else waiting.
fn settled<T>(result: Result<T, PostError>, account: AccountId) {
    match result {
        Ok(_) | Err(PostError::Refused(_)) => {}
        Err(error) => {
            tracing::error!(%account, error = %error, "What is past its time was not ended; it is tried again")
        }
    }
}
