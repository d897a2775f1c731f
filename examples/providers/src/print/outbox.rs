//! What the printer has: the latest letters in full, all of them as a number.

use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
};

use super::letter::{Letter, Status};
use crate::sync::lock;

/// Letters kept in full; older ones are forgotten, but stay counted.
const KEPT: usize = 2_000;

/// The printer's memory. It stays bounded under any load.
#[derive(Default)]
pub(super) struct Outbox(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    letters: VecDeque<Letter>,
    /// Idempotency key to the request it came with and the letter that was made.
    keys: HashMap<String, (String, String)>,
    total: u64,
    posted: u64,
}

/// What an idempotency key is known by.
pub(super) enum Known {
    /// It is new: the letter was taken.
    New,
    /// The letter that was made of it.
    Again(Box<Letter>),
    /// Another request had it.
    Other,
}

impl Outbox {
    /// Takes a letter, once for each key: `fingerprint` says what was asked for.
    pub(super) fn take(&self, letter: Letter, fingerprint: &str) -> Known {
        let mut inner = lock(&self.0);
        if !letter.idempotency_key.is_empty()
            && let Some((request, id)) = inner.keys.get(&letter.idempotency_key)
        {
            let known = inner.letters.iter().find(|other| other.id == *id).filter(|_| request == fingerprint);
            return known.map_or(Known::Other, |letter| Known::Again(Box::new(letter.clone())));
        }
        if inner.letters.len() == KEPT
            && let Some(oldest) = inner.letters.pop_front()
        {
            inner.keys.remove(&oldest.idempotency_key);
        }
        inner.keys.insert(letter.idempotency_key.clone(), (fingerprint.to_owned(), letter.id.clone()));
        inner.letters.push_back(letter);
        inner.total += 1;
        Known::New
    }

    /// One letter.
    pub(super) fn get(&self, id: &str) -> Option<Letter> {
        lock(&self.0).letters.iter().find(|letter| letter.id == id).cloned()
    }

    /// Changes a letter; what it is then.
    pub(super) fn change(&self, id: &str, change: impl FnOnce(&mut Letter)) -> Option<Letter> {
        let mut inner = lock(&self.0);
        let letter = inner.letters.iter_mut().find(|letter| letter.id == id)?;
        let before = letter.status;
        change(letter);
        let letter = letter.clone();
        if letter.status == Status::Sent && before != Status::Sent {
            inner.posted += 1;
        }
        Some(letter)
    }

    /// The kept letters, newest first.
    pub(super) fn newest(&self, limit: usize) -> Vec<Letter> {
        lock(&self.0).letters.iter().rev().take(limit).cloned().collect()
    }

    /// Letters taken, and letters posted, since the last reset.
    pub(super) fn counts(&self) -> (u64, u64) {
        let inner = lock(&self.0);
        (inner.total, inner.posted)
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        *lock(&self.0) = Inner::default();
    }
}
