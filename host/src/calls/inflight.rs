//! Work that runs on this host right now, so that a repeat waits for the first instead of doing it again.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use iap_core::ids::AccountId;
use tokio::sync::Notify;

type Key = (AccountId, String);

/// Natural and idempotency keys of running calls.
#[derive(Default)]
pub struct Inflight {
    keys: Mutex<HashSet<Key>>,
    freed: Notify,
}

/// Keys held by a call; freed when dropped.
pub struct Held {
    inflight: Arc<Inflight>,
    keys: Vec<Key>,
}

impl Inflight {
    /// Takes all keys at once, waiting for calls that have some of them. `None` if that takes longer
    /// than `patience`.
    pub async fn take(self: &Arc<Self>, account: AccountId, keys: &[String], patience: Duration) -> Option<Held> {
        let wanted: Vec<Key> = keys.iter().map(|key| (account, key.clone())).collect();
        let all = async {
            loop {
                let freed = self.freed.notified();
                tokio::pin!(freed);
                // Registered before the look, so that no freeing in between is missed.
                freed.as_mut().enable();
                if self.try_take(&wanted) {
                    return;
                }
                freed.await;
            }
        };
        tokio::time::timeout(patience, all).await.ok()?;
        Some(Held { inflight: Arc::clone(self), keys: wanted })
    }

    fn try_take(&self, wanted: &[Key]) -> bool {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted.iter().any(|key| keys.contains(key)) {
            return false;
        }
        keys.extend(wanted.iter().cloned());
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.keys.is_empty() {
            return;
        }
        let mut keys = self.inflight.keys.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &self.keys {
            keys.remove(key);
        }
        drop(keys);
        self.inflight.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_repeat_waits_for_the_first_and_others_do_not() {
        let inflight = Arc::new(Inflight::default());
        let keys = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let account = AccountId(1);
        let short = Duration::from_millis(20);
        let first = inflight.take(account, &keys(&["a", "b"]), short).await.expect("free");
        assert!(inflight.take(account, &keys(&["b", "c"]), short).await.is_none());
        let other = inflight.take(AccountId(2), &keys(&["b"]), short).await;
        assert!(other.is_some(), "keys are an account's own");
        assert!(inflight.take(account, &keys(&["c"]), short).await.is_some(), "a failed attempt holds nothing");
        let waiting = tokio::spawn({
            let inflight = Arc::clone(&inflight);
            async move { inflight.take(account, &["b".to_owned()], Duration::from_secs(60)).await.is_some() }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(waiting.await.unwrap());
    }
}
