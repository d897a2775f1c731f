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
/// How long done jobs are kept, in milliseconds.
const KEEP_DONE: i64 = 7 * 24 * 3600 * 1000;

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
        let call = store.grants().hold(hold).await?.and_then(|(_, call, ..)| call);
        let mut post = Post::new(account, Command::ExpireHold { hold });
        if let Some(call) = call {
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
            Jobs::sweep(now.plus_millis(-KEEP_DONE), BATCH),
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
