//! Sweepers: what is past its time is ended or deleted, in bounded batches.

use std::{sync::Arc, time::Duration};

use iap_core::ledger::Command;
use iap_store::{
    Post, PostError, Store, StoreError,
    repositories::{Blobs, CallState, Calls, Jobs, NaturalKeys, StoreValues},
};

use crate::app::App;

const EVERY: Duration = Duration::from_secs(1);
/// Rows of a kind in one round: keeps the writer free for calls.
const BATCH: i64 = 200;
/// How long jobs that have ended are kept for the operator, in milliseconds.
const KEEP_ENDED: i64 = 28 * 24 * 3600 * 1000;

/// Sweeps for ever.
pub async fn serve(app: Arc<App>) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = sweep(&app.store).await {
            tracing::error!(error = %error, "A sweep failed; it is tried again");
        }
    }
}

/// One round.
pub async fn sweep(store: &Store) -> Result<(), StoreError> {
    let now = store.clock().now();
    for (hold, account) in store.grants().expired_holds(now, BATCH).await? {
        let call = store.grants().hold(hold).await?.and_then(|hold| hold.call);
        // While the call has another live hold it is not over.
        let others = match call {
            Some(call) => store.grants().live_holds_of_call(account, call).await?.iter().any(|other| *other != hold),
            None => false,
        };
        let mut post = Post::new(account, Command::ExpireHold { hold });
        if let Some(call) = call.filter(|_| !others) {
            // What the call's job never confirmed may be asked again.
            let problem = Some("its hold expired and the credits went back".to_owned());
            post = post.with(move |_| {
                vec![NaturalKeys::let_go_provisional(call), Calls::expire(call, CallState::Failed, problem, now)]
            });
        }
        settled(store.post(post).await)?;
    }
    for (grant, account) in store.grants().expired_grants(now, BATCH).await? {
        settled(store.post(Post::new(account, Command::ExpireGrant { grant })).await)?;
    }
    store
        .write(vec![
            NaturalKeys::sweep(now, BATCH),
            StoreValues::sweep(now, BATCH),
            Blobs::sweep(now, BATCH),
            Jobs::sweep(now.plus_millis(-KEEP_ENDED), BATCH),
        ])
        .await?;
    Ok(())
}

/// Somebody may have ended it meanwhile: then there is nothing to do.
fn settled<T>(result: Result<T, PostError>) -> Result<(), StoreError> {
    match result {
        Ok(_) | Err(PostError::Refused(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
