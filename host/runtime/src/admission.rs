//! Who may run now: the account, then the plugin, then the host must have room.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use iap_core::ids::AccountId;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use crate::ended::Busy;

/// How many calls run at once, and how many wait.
#[derive(Clone, Copy, Debug)]
pub struct Admission {
    /// On this host; at most 1,024.
    pub host: usize,
    /// Of one plugin.
    pub plugin: usize,
    /// Of one account.
    pub account: usize,
    /// Calls that wait, on this host; more are refused at once.
    pub queue: usize,
    /// Longest wait.
    pub wait: Duration,
}

impl Default for Admission {
    fn default() -> Self {
        Self { host: 256, plugin: 64, account: 16, queue: 1_024, wait: Duration::from_secs(5) }
    }
}

/// The host's gate.
#[derive(Debug)]
pub(crate) struct Gate {
    limits: Admission,
    host: Arc<Semaphore>,
    waiting: AtomicUsize,
    accounts: Mutex<HashMap<AccountId, Arc<Semaphore>>>,
}

/// Room to run; given back when dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    _host: OwnedSemaphorePermit,
    _plugin: OwnedSemaphorePermit,
    _account: Option<AccountPermit>,
}

#[derive(Debug)]
struct AccountPermit {
    gate: Arc<Gate>,
    account: AccountId,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for AccountPermit {
    fn drop(&mut self) {
        drop(self.permit.take());
        let mut accounts = self.gate.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        // Others that wait or run have their own reference, so the last one leaves nothing behind.
        if accounts.get(&self.account).is_some_and(|semaphore| Arc::strong_count(semaphore) == 1) {
            accounts.remove(&self.account);
        }
    }
}

impl Gate {
    pub(crate) fn new(limits: Admission) -> Self {
        Self {
            limits,
            host: Arc::new(Semaphore::new(limits.host)),
            waiting: AtomicUsize::new(0),
            accounts: Mutex::default(),
        }
    }

    /// The semaphore of a newly loaded plugin.
    pub(crate) fn of_plugin(&self) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(self.limits.plugin))
    }

    pub(crate) async fn admit(
        self: &Arc<Self>,
        plugin: &Arc<Semaphore>,
        account: Option<AccountId>,
    ) -> Result<Admitted, Busy> {
        let until = Instant::now() + self.limits.wait;
        let account = match account {
            None => None,
            Some(account) => {
                let semaphore = self.of_account(account);
                let mut permit = AccountPermit { gate: self.clone(), account, permit: None };
                permit.permit = Some(self.acquire(semaphore, until, Busy::Account).await?);
                Some(permit)
            }
        };
        let plugin = self.acquire(plugin.clone(), until, Busy::Plugin).await?;
        let host = self.acquire(self.host.clone(), until, Busy::Host).await?;
        Ok(Admitted { _host: host, _plugin: plugin, _account: account })
    }

    fn of_account(&self, account: AccountId) -> Arc<Semaphore> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.entry(account).or_insert_with(|| Arc::new(Semaphore::new(self.limits.account))).clone()
    }

    async fn acquire(
        &self,
        semaphore: Arc<Semaphore>,
        until: Instant,
        busy: Busy,
    ) -> Result<OwnedSemaphorePermit, Busy> {
        if let Ok(permit) = semaphore.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let _place = Place::take(&self.waiting, self.limits.queue).ok_or(busy)?;
        match tokio::time::timeout_at(until, semaphore.acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(busy),
        }
    }
}

/// A place in the queue.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, most: usize) -> Option<Self> {
        let place = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(host: usize, plugin: usize, account: usize, queue: usize, millis: u64) -> (Arc<Gate>, Arc<Semaphore>) {
        let limits = Admission { host, plugin, account, queue, wait: Duration::from_millis(millis) };
        let gate = Arc::new(Gate::new(limits));
        let plugin = gate.of_plugin();
        (gate, plugin)
    }

    const ALICE: Option<AccountId> = Some(AccountId(1));
    const BOB: Option<AccountId> = Some(AccountId(2));

    #[tokio::test]
    async fn the_fullest_of_the_three_is_named() {
        let (gate, plugin) = gate(3, 2, 1, 8, 5);
        let other = gate.of_plugin();
        let _first = gate.admit(&plugin, ALICE).await.unwrap();
        assert_eq!(gate.admit(&plugin, ALICE).await.unwrap_err(), Busy::Account);
        let _second = gate.admit(&plugin, BOB).await.unwrap();
        assert_eq!(gate.admit(&plugin, None).await.unwrap_err(), Busy::Plugin);
        let _third = gate.admit(&other, None).await.unwrap();
        assert_eq!(gate.admit(&other, None).await.unwrap_err(), Busy::Host);
    }

    #[tokio::test]
    async fn one_that_waits_gets_the_room_that_comes_free() {
        let (gate, plugin) = gate(1, 1, 1, 8, 5_000);
        let first = gate.admit(&plugin, ALICE).await.unwrap();
        let waiting = tokio::spawn({
            let (gate, plugin) = (gate.clone(), plugin.clone());
            async move { gate.admit(&plugin, ALICE).await.map(drop) }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert_eq!(waiting.await.unwrap(), Ok(()));
        assert_eq!(gate.accounts.lock().unwrap().len(), 0, "an idle account is forgotten");
        assert_eq!(gate.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let (gate, plugin) = gate(1, 1, 1, 0, 60_000);
        let _first = gate.admit(&plugin, None).await.unwrap();
        assert_eq!(gate.admit(&plugin, None).await.unwrap_err(), Busy::Plugin);
    }
}
