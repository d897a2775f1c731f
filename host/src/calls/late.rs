//! A hold that was obtained after its call had ended: the database was slow to answer, and the plugin's time was over.
//!
//! Nothing can be done with it any more, so it goes back at once, and the call's keys are free: nobody heard of it.

use std::{sync::Arc, time::Duration};

use iap_core::{
    ids::{AccountId, CallId, HoldId, ServiceId},
    ledger::Command,
};
use iap_store::{
    Post, PostError, StoreError,
    repositories::{Calls, NaturalKeys},
};

use super::{backend::Ledgered, unknown};
use crate::app::App;

/// Waits between attempts: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(15));

/// What such a call is told to have met.
const PROBLEM: &str = "host-fault: the database was away when the call ended; nothing was charged";

struct Late {
    service: ServiceId,
    account: AccountId,
    call: CallId,
    hold: HoldId,
    /// A job obtained it: its call goes on.
    of_job: bool,
}

/// Gives a hold back if its call has ended meanwhile.
pub(super) fn give_back(on: &Ledgered, account: AccountId, hold: HoldId) {
    if on.progress().ended {
        let of_job = on.caller.door == "job";
        let late = Late { service: on.caller.service.id, account, call: on.call, hold, of_job };
        tokio::spawn(late.end(Arc::clone(&on.app)));
    }
}

impl Late {
    async fn end(self, app: Arc<App>) {
        let (mut pause, longest) = PAUSES;
        while let Err(error) = self.try_end(&app).await {
            tracing::warn!(call = %self.call, error = %error, "A late hold could not be given back; it is tried again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }

    async fn try_end(&self, app: &App) -> Result<(), StoreError> {
        match app.store.post(Post::new(self.account, Command::Release { hold: self.hold })).await {
            // Refused: it was never stored, or its time was up.
            Ok(_) | Err(PostError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
        if self.of_job {
            return Ok(());
        }
        let question = unknown::answered(self.service, self.account, self.hold);
        app.store.write(vec![question, NaturalKeys::let_go(self.call)]).await?;
        match app.store.write(vec![Calls::end_orphan(self.call, PROBLEM, app.store.clock().now())]).await {
            // It never began, or its end was recorded.
            Ok(_) | Err(StoreError::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
