//! Calls that could not be settled because the database was away for too long.
//!
//! Their host lives, so nobody takes them over. It settles them itself once the database is back, as it would have done
//! before: a repeat with the key gets the answer, which is still in memory. What it cannot settle so it ends as that of a
//! dead host is ended: what was captured stays charged, the rest goes back. If this host ends before, others find
//! what it left.

use std::{sync::Arc, time::Duration};

use iap_core::{
    ids::{AccountId, CallId},
    manifest::Operation,
};
use iap_runtime::Ended;
use iap_store::{StoreError, repositories::CallState};

use super::{CallError, backend::Ledgered, recover, settle};
use crate::app::App;

/// Waits between attempts: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// How often a call is tried to be settled while the database is there and refuses it.
const ATTEMPTS: u32 = 3;

/// What a call is told to have met that was ended and not settled.
const PROBLEM: &str =
    "host-fault: the database was away when the call ended; what was captured stays charged, the rest went back";

/// Settles a call later that could not be settled.
pub(super) fn end_later(on: &Arc<Ledgered>, operation: &Operation, ended: Ended<Vec<u8>>) {
    tokio::spawn(end(Arc::clone(on), Some((operation.clone(), ended))));
}

/// Looks later whether something is left of a call whose plugin was stopped: a step of the ledger may have been under way,
/// and what it came to was not known in time.
pub(super) fn look_again(on: &Arc<Ledgered>) {
    tokio::spawn(end(Arc::clone(on), None));
}

/// A ledger step has a handle of its own, and may outlive the guest that asked for it.
fn is_under_way(on: &Arc<Ledgered>) -> bool {
    Arc::strong_count(on) > 1
}

async fn end(on: Arc<Ledgered>, mut unsettled: Option<(Operation, Ended<Vec<u8>>)>) {
    let (mut pause, longest) = PAUSES;
    let Some(account) = on.account() else { return };
    let mut refused = 0;
    loop {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
        if is_under_way(&on) {
            continue;
        }
        if let Some((operation, ended)) = &unsettled {
            match try_settle(&on, operation, ended).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(call = %on.call, error = %error, "A call could not be settled; it is tried again")
                }
            }
            // The database is there, so it is not what stands in the way.
            refused += u32::from(on.store().write(Vec::new()).await.is_ok());
            if refused == ATTEMPTS {
                unsettled = None;
            }
            continue;
        }
        match try_end(&on.app, on.call, account).await {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(call = %on.call, error = %error, "A call could not be ended; it is tried again")
            }
        }
    }
}

async fn try_settle(on: &Ledgered, operation: &Operation, ended: &Ended<Vec<u8>>) -> Result<(), CallError> {
    // Where it is not known whether the call is stored, settling it finds out.
    let is_known = on.progress().begun && on.progress().lost.is_none();
    if is_known && !is_running(&on.app, on.call).await? {
        return Ok(());
    }
    settle::settle(on, operation, ended).await
}

/// Whether a call began, and has not ended.
async fn is_running(app: &App, call: CallId) -> Result<bool, StoreError> {
    Ok(app.store.calls().get(call).await?.is_some_and(|row| row.state == CallState::Running))
}

async fn try_end(app: &App, call: CallId, account: AccountId) -> Result<(), StoreError> {
    if !is_running(app, call).await? {
        return Ok(());
    }
    recover::end(&app.store, &app.catalog, call, account, PROBLEM).await
}
