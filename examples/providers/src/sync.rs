//! Locking for state that a panic elsewhere cannot leave half-written.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after another thread panicked: every critical section here is a few plain moves.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
