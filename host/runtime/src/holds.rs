//! The holds of one call. They are kept outside the guest, since a trap runs no guest destructor.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use iap_core::{Credits, ids::HoldId};
use tokio::{sync::Semaphore, time::Instant};

use crate::{backend::HostFault, limits::MAX_LIVE_HOLDS};

/// What the guest's handle of a hold stands for; its representation is the place in the list.
pub struct Held;

/// Longest wait, at the end of a call, for a ledger step that is under way.
const LAST_STEP: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    Captured,
    Released,
    Kept,
    /// The guest let go of it and the host decides, once it knows how the guest has ended.
    Dropped,
    /// Kept or dropped, then taken up again in the same call: a later entry says how it ended.
    TakenUp,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    pub id: HoldId,
    pub amount: Credits,
    /// Taken up from an earlier call.
    pub resumed: bool,
    pub state: State,
}

/// How long the guest has waited for the ledger.
#[derive(Debug, Default)]
struct Waits {
    /// In all, but for the step under way.
    over: Duration,
    /// When that one began.
    since: Option<Instant>,
}

/// Shared with the ledger steps under way, which may outlive the guest that asked for them.
#[derive(Clone, Debug)]
pub(crate) struct Holds {
    list: Arc<Mutex<Vec<Hold>>>,
    waits: Arc<Mutex<Waits>>,
    /// Most waiting that is not counted as the guest's own time.
    patience: Duration,
    /// One permit: a guest is single-threaded, so at most one step is under way.
    steps: Arc<Semaphore>,
}

impl Holds {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { list: Arc::default(), waits: Arc::default(), patience, steps: Arc::new(Semaphore::new(1)) }
    }

    fn waits(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time that the guest has waited for the ledger, as far as it is not counted as its own.
    pub(crate) fn waited(&self) -> Duration {
        let waits = self.waits();
        (waits.over + waits.since.map_or(Duration::ZERO, |since| since.elapsed())).min(self.patience)
    }

    fn list(&self) -> MutexGuard<'_, Vec<Hold>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an open hold and answers its place.
    pub(crate) fn add(&self, id: HoldId, amount: Credits, resumed: bool) -> u32 {
        let mut list = self.list();
        list.push(Hold { id, amount, resumed, state: State::Open });
        // The budget ends a call long before 2^32 holds.
        u32::try_from(list.len() - 1).unwrap_or(u32::MAX)
    }

    /// Adds a hold that was kept, here or by an earlier call.
    pub(crate) fn add_resumed(&self, id: HoldId, amount: Credits) -> u32 {
        for hold in
            self.list().iter_mut().filter(|hold| hold.id == id && matches!(hold.state, State::Kept | State::Dropped))
        {
            hold.state = State::TakenUp;
        }
        self.add(id, amount, true)
    }

    /// Whether the guest has the hold in its hands.
    pub(crate) fn is_open(&self, id: HoldId) -> bool {
        self.list().iter().any(|hold| hold.id == id && hold.state == State::Open)
    }

    pub(crate) fn get(&self, place: u32) -> Option<Hold> {
        self.list().get(usize::try_from(place).ok()?).copied()
    }

    pub(crate) fn set(&self, place: u32, state: State) {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        if let Some(hold) = self.list().get_mut(place) {
            hold.state = state;
        }
    }

    /// Whether one more may live, and one more be obtained in all.
    pub(crate) fn has_room(&self, most: u32) -> bool {
        let list = self.list();
        let live = list.iter().filter(|hold| hold.state == State::Open).count();
        live < MAX_LIVE_HOLDS && list.len() < usize::try_from(most).unwrap_or(usize::MAX)
    }

    /// Whether this call has ever obtained or resumed a hold.
    pub(crate) fn any(&self) -> bool {
        !self.list().is_empty()
    }

    pub(crate) fn snapshot(&self) -> Vec<Hold> {
        self.list().clone()
    }

    /// Runs a ledger step to its end even if the guest's time runs out meanwhile: credits may have
    /// moved by then, and the list must say so.
    pub(crate) async fn step<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, HostFault>> + Send + 'static,
    ) -> Result<T, HostFault> {
        let closed = || HostFault(anyhow::anyhow!("the call has ended"));
        let permit = self.steps.clone().acquire_owned().await.map_err(|_| closed())?;
        let began = Instant::now();
        self.waits().since = Some(began);
        let holds = self.clone();
        let step = tokio::spawn(async move {
            let answer = work.await;
            let mut waits = holds.waits();
            (waits.over, waits.since) = (waits.over + began.elapsed(), None);
            drop(waits);
            drop(permit);
            answer
        });
        match step.await {
            Ok(answer) => answer,
            Err(_) => Err(HostFault(anyhow::anyhow!("a ledger step panicked"))),
        }
    }

    /// Waits for the step under way, if there is one.
    pub(crate) async fn settle(&self) {
        if self.steps.available_permits() == 0 && tokio::time::timeout(LAST_STEP, self.steps.acquire()).await.is_err() {
            tracing::error!("a ledger step is still under way {LAST_STEP:?} after its call has ended");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_step_ends_although_nobody_waits_for_it() {
        let holds = Holds::new(Duration::ZERO);
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let step = holds.step({
            let holds = holds.clone();
            async move {
                gone.await.ok();
                Ok(holds.add(HoldId(7), Credits::whole(1), false))
            }
        });
        // The guest's time is out.
        assert!(tokio::time::timeout(Duration::from_millis(5), step).await.is_err());
        assert!(!holds.any());
        go.send(()).unwrap();
        holds.settle().await;
        assert_eq!(holds.snapshot()[0].id, HoldId(7));
    }

    #[tokio::test]
    async fn waiting_for_the_ledger_is_told_up_to_a_bound() {
        let holds = Holds::new(Duration::from_millis(60));
        let step = || {
            holds.step(async {
                tokio::time::sleep(Duration::from_millis(40)).await;
                Ok(())
            })
        };
        step().await.unwrap();
        let waited = holds.waited();
        assert!(Duration::from_millis(40) <= waited, "{waited:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(holds.waited(), waited, "only while a step is under way");
        // One that nobody waits for any more.
        assert!(tokio::time::timeout(Duration::from_millis(1), step()).await.is_err());
        assert!(waited < holds.waited());
        holds.settle().await;
        assert_eq!(holds.waited(), Duration::from_millis(60));
    }

    #[test]
    fn live_holds_and_all_holds_are_bounded() {
        let holds = Holds::new(Duration::ZERO);
        for n in 0..64 {
            assert!(holds.has_room(1_000));
            holds.add(HoldId(n), Credits::ZERO, false);
        }
        assert!(!holds.has_room(1_000));
        holds.set(0, State::Released);
        assert!(holds.has_room(1_000));
        assert!(!holds.has_room(64));
    }
}
