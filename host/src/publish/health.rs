//! How calls of releases end, counted here and stored every few seconds.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use iap_core::Time;
use iap_runtime::{Ended, Failure, Fault};
use iap_store::{Statement, Store, StoreError, repositories::ReleaseHealth};

/// Calls and failures by release and minute, as far as they are not stored yet.
#[derive(Default)]
pub struct Health(Mutex<HashMap<(i64, i64), (i64, i64)>>);

impl Health {
    /// Counts a call that has ended. What the host, the provider or the caller is to blame for is no failure of the release.
    pub fn count<T>(&self, release: i64, ended: &Ended<T>, at: Time) {
        let failed = match &ended.result {
            Err(Fault::Host(_) | Fault::Busy(_)) => return,
            Err(_) | Ok(Err(Failure::Internal(_))) => 1,
            Ok(_) => 0,
        };
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (calls, failures) = counted.entry((release, at.millis() / 60_000)).or_default();
        *calls += 1;
        *failures += failed;
    }

    /// Stores what was counted; what cannot be stored is counted still.
    pub async fn flush(&self, store: &Store) -> Result<(), StoreError> {
        let counted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if counted.is_empty() {
            return Ok(());
        }
        let add = |(&(release, minute), &(calls, failures))| ReleaseHealth::add(release, minute, calls, failures);
        let statements: Vec<Statement> = counted.iter().map(add).collect();
        let done = store.write(statements).await;
        if done.is_err() {
            let mut again = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, (calls, failures)) in counted {
                let entry = again.entry(key).or_default();
                *entry = (entry.0 + calls, entry.1 + failures);
            }
        }
        done.map(drop)
    }
}
