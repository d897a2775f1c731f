//! Documents of a request on their way to storage.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iap_core::ids::BlobId;
use iap_store::{Store, repositories::Blobs};

use super::{
    keep::{Kept, Shelf},
    measured::Measured,
};
use crate::{http::upload::Room, secrets::Keys};

/// Seconds that documents of a request are kept: a day.
const KEPT_FOR: i64 = 24 * 3600;

/// Documents of a request. Until they are stored they hold its body, and the room that it takes; they go with the call
/// unless it leaves work behind. Clones are the same documents.
#[derive(Clone, Default)]
pub struct Documents(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    waiting: Vec<(BlobId, Measured)>,
    room: Option<Room>,
    stored: Vec<BlobId>,
    needed: bool,
}

impl std::fmt::Debug for Documents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state();
        f.debug_list().entries(state.waiting.iter().map(|(id, _)| id)).entries(&state.stored).finish()
    }
}

impl Documents {
    pub(super) fn new(waiting: Vec<(BlobId, Measured)>, room: Option<Room>) -> Self {
        Self(Arc::new(Mutex::new(State { waiting, room, ..State::default() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores what is not stored yet, and lets the body go.
    pub async fn store(&self, store: &Store, keys: &Keys, shelf: Shelf) -> Result<(), Kept> {
        let (waiting, room) = {
            let mut state = self.state();
            (std::mem::take(&mut state.waiting), state.room.take())
        };
        let expires_at = store.clock().now().plus_seconds(KEPT_FOR);
        for (id, measured) in waiting {
            let row = shelf.new_row(id, measured.content_type, measured.size, expires_at);
            shelf.put(store, keys, &row, |number| measured.chunk(number)).await?;
            self.state().stored.push(id);
        }
        drop(room);
        Ok(())
    }

    /// The call left work behind that may need them: they stay until their time is up.
    pub fn are_needed(&self) {
        self.state().needed = true;
    }

    /// The call is over: what nobody needs is deleted.
    pub async fn end(&self, store: &Store) {
        let forgotten = {
            let mut state = self.state();
            state.waiting.clear();
            state.room = None;
            if state.needed { Vec::new() } else { std::mem::take(&mut state.stored) }
        };
        if forgotten.is_empty() {
            return;
        }
        let statements = forgotten.into_iter().map(Blobs::delete).collect();
        if let Err(error) = store.write(statements).await {
            tracing::warn!(error = %error, "Documents that nobody needs were not deleted; they go when their time is up");
        }
    }
}
