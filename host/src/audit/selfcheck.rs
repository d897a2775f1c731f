//! The self-check: looks at accounts while they are used, and stops posting where something does not add up.
//!
//! Every second it looks at some accounts that were just posted to and at the next ones in turn. An account must add up by
//! itself, and what was posted since the last look must explain how it changed. Its cost is bounded, not its
//! turn: what moves more often than it can follow is compared by sums only. `iap ledger verify` reads everything.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use iap_core::{
    ids::{AccountId, EntryId},
    ledger::Command,
};
use iap_store::{Post, PostError, Store, StoreError, repositories::Look};

use super::account::{Baseline, contradictions, unexplained};
use crate::app::App;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);
/// Accounts in turn, each time.
const IN_TURN: i64 = 16;
/// Accounts that were just posted to, each time, and postings among which they are found.
const TOUCHED: (usize, i64) = (8, 64);
/// Entries of an account that are followed from one look to the next.
const FOLLOWED: i64 = 128;
/// Accounts whose last look is remembered.
const REMEMBERED: usize = 20_000;
/// Looks at accounts between two at the totals.
const TOTALS: u64 = 60;

/// Violations that were found since the process started.
static VIOLATIONS: AtomicU64 = AtomicU64::new(0);

/// Violations of the ledger's invariants that were found since the process started.
pub fn violations() -> u64 {
    VIOLATIONS.load(Relaxed)
}

/// Checks until it is dropped.
pub async fn serve(app: &Arc<App>) {
    let mut check = SelfCheck::default();
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = check.round(&app.store).await {
            tracing::warn!(error = %error, "The self-check of the ledger could not look; it tries again");
        }
    }
}

#[derive(Default)]
struct SelfCheck {
    looks: u64,
    /// The account that was the last in turn.
    turn: i64,
    /// The newest entry of each of this host's streams that was seen.
    posted: HashMap<i64, EntryId>,
    /// How accounts were at the last look, and since when they are remembered.
    known: HashMap<AccountId, Baseline>,
    oldest: VecDeque<AccountId>,
    totals_differ: bool,
}

impl SelfCheck {
    async fn round(&mut self, store: &Store) -> Result<(), StoreError> {
        let turn = store.self_check().accounts_after(AccountId(self.turn), IN_TURN).await?;
        self.turn = turn.last().map_or(0, |account| account.0);
        let mut touched = Vec::new();
        for stream in store.own_streams() {
            let first = self.posted.get(stream).copied().unwrap_or(EntryId(stream << iap_store::Ids::COUNTER_BITS));
            let (accounts, newest) = store.self_check().posted_since(first, TOUCHED.1).await?;
            self.posted.insert(*stream, newest);
            touched.extend(accounts);
        }
        let mut done = HashSet::new();
        let mut few: Vec<AccountId> = touched.into_iter().filter(|account| done.insert(*account)).collect();
        few.truncate(TOUCHED.0);
        few.extend(turn.into_iter().filter(|account| done.insert(*account)));
        for account in few {
            self.account(store, account).await?;
        }
        if self.looks.is_multiple_of(TOTALS) {
            self.totals(store).await?;
        }
        self.looks += 1;
        Ok(())
    }

    async fn account(&mut self, store: &Store, account: AccountId) -> Result<(), StoreError> {
        let Some((look, mut found)) = judge(store, account, self.known.get(&account)).await? else { return Ok(()) };
        if !found.is_empty() && look.stopped.is_none() {
            // Twice the same, before anybody is stopped.
            found = judge(store, account, self.known.get(&account)).await?.map_or_else(Vec::new, |(_, found)| found);
        }
        if found.is_empty() {
            self.remember(account, Baseline::of(&look));
        } else if look.stopped.is_none() {
            self.forget(account);
            stop(store, account, &found).await;
        }
        Ok(())
    }

    fn remember(&mut self, account: AccountId, baseline: Baseline) {
        if self.known.insert(account, baseline).is_none() {
            self.oldest.push_back(account);
        }
        while REMEMBERED < self.known.len()
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    fn forget(&mut self, account: AccountId) {
        self.known.remove(&account);
        self.oldest.retain(|other| *other != account);
    }

    /// Of every asset as much is debited as credited.
    async fn totals(&mut self, store: &Store) -> Result<(), StoreError> {
        let mut sums: HashMap<_, i128> = HashMap::new();
        for total in store.ledger_totals().all(None).await? {
            let service = if total.currency.is_none() { total.service } else { None };
            *sums.entry((service, total.currency)).or_default() += total.debits - total.credits;
        }
        let differ: Vec<_> = sums.into_iter().filter(|(_, sum)| *sum != 0).collect();
        if !differ.is_empty() && !self.totals_differ {
            VIOLATIONS.fetch_add(1, Relaxed);
            tracing::error!(?differ, "The totals of the ledger's books do not balance. Run `iap ledger verify`");
        }
        self.totals_differ = !differ.is_empty();
        Ok(())
    }
}

/// Looks at an account: how it is, and what is wrong with it.
async fn judge(
    store: &Store,
    account: AccountId,
    before: Option<&Baseline>,
) -> Result<Option<(Look, Vec<String>)>, StoreError> {
    let Some(look) = store.self_check().look(account).await? else { return Ok(None) };
    let mut found = contradictions(&look);
    let known = before.and_then(|before| before.last_entry);
    let moved = store.self_check().moved(account, look.last_entry, known, FOLLOWED).await?;
    if let Some(moved) = moved {
        let empty = Baseline::empty();
        found.extend(unexplained(before.unwrap_or(&empty), &moved, &look));
    }
    Ok(Some((look, found)))
}

/// Stops posting for an account until the operator has repaired it.
async fn stop(store: &Store, account: AccountId, found: &[String]) {
    VIOLATIONS.fetch_add(1, Relaxed);
    let what = found.join("; ");
    tracing::error!(
        account = %account,
        what,
        "The ledger is not consistent: posting is stopped for the account. Run `iap ledger verify`, repair it, then `iap ledger resume {account}`"
    );
    let reason = format!("the self-check of the ledger found: {what}");
    match store.post(Post::new(account, Command::Stop { reason: Some(reason) })).await {
        Ok(_) | Err(PostError::Refused(_)) => {}
        Err(error) => {
            tracing::error!(account = %account, error = %error, "Posting could not be stopped; it is tried again")
        }
    }
}

/// Lets an account post again that adds up.
///
/// # Errors
///
/// The database fails, or the account still does not add up: what differs is named.
pub async fn resume(store: &Store, account: AccountId) -> anyhow::Result<()> {
    let judged = judge(store, account, None).await?;
    let (look, found) = judged.ok_or_else(|| anyhow::anyhow!("there is no account {account}"))?;
    anyhow::ensure!(found.is_empty(), "{account} is still not consistent: {}", found.join("; "));
    anyhow::ensure!(look.stopped.is_some(), "posting is not stopped for {account}");
    store.post(Post::new(account, Command::Stop { reason: None })).await?;
    Ok(())
}
