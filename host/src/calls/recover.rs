//! After a crash: calls that began in a process that is dead are ended, in the customer's favour.
//!
//! On SQLite one process serves, so whatever an earlier stream left running is dead. A call's holds are
//! released (what it captured stays captured), its unanswered natural keys are let go, so that the same
//! work may be asked again.

use iap_core::{
    ids::{AccountId, CallId},
    ledger::Command,
};
use iap_store::{
    Post, PostError, Store, StoreError,
    repositories::{CallState, Calls, NaturalKeys},
};

/// Calls looked at in one go.
const BATCH: i64 = 256;

/// Ends all orphaned calls and makes orphaned jobs due. Answers how many calls there were.
pub async fn recover(store: &Store) -> Result<usize, StoreError> {
    let mut ended = 0;
    loop {
        let orphans = store.calls().orphans(store.stream(), BATCH).await?;
        if orphans.is_empty() {
            break;
        }
        for (call, account) in &orphans {
            end(store, *call, *account).await?;
        }
        ended += orphans.len();
    }
    // A call that captured has ended already, yet may have left keys that it was not to answer.
    store.write(vec![NaturalKeys::let_go_before(store.stream()), store.jobs().take_over(store.clock().now())]).await?;
    Ok(ended)
}

async fn end(store: &Store, call: CallId, account: AccountId) -> Result<(), StoreError> {
    for hold in store.grants().live_holds_of_call(account, call).await? {
        match store.post(Post::new(account, Command::Release { hold })).await {
            Ok(_) | Err(PostError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let captured = store.calls().get(call).await?.is_some_and(|row| row.credits.is_positive());
    let state = if captured { CallState::Partial } else { CallState::Failed };
    let problem =
        "host-fault: the host stopped while the call ran; what was captured stays charged, the rest went back"
            .to_owned();
    let mut statements =
        vec![Calls::end(call, state, Some(problem), None, store.clock().now()), NaturalKeys::let_go_provisional(call)];
    if !captured {
        statements.push(Calls::free_key(call));
    }
    store.write(statements).await?;
    Ok(())
}
