//! What the server took: the latest mails in full, all of them as numbers.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use super::message::Message;
use crate::sync::lock;

/// Mails kept in full; older ones are forgotten, but stay counted.
const KEPT: usize = 2_000;

/// The server's memory. It stays bounded under any load.
#[derive(Default)]
pub(super) struct Inbox {
    mails: Mutex<VecDeque<Message>>,
    connections: AtomicU64,
    taken: AtomicU64,
    refused: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, serde::Serialize)]
pub(super) struct Counters {
    /// Connections.
    pub(super) connections: u64,
    /// Mails taken.
    pub(super) taken: u64,
    /// Recipients and messages refused.
    pub(super) refused: u64,
}

impl Inbox {
    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a mail; answers its number.
    pub(super) fn take(&self, mut message: Message) -> u64 {
        let mut mails = lock(&self.mails);
        message.id = self.taken.fetch_add(1, Ordering::Relaxed) + 1;
        if mails.len() == KEPT {
            mails.pop_front();
        }
        let id = message.id;
        mails.push_back(message);
        id
    }

    /// Kept mails in the order they came, to an address if one is given.
    pub(super) fn to(&self, address: Option<&str>) -> Vec<Message> {
        let wanted = |mail: &&Message| address.is_none_or(|address| mail.to.iter().any(|to| to == address));
        lock(&self.mails).iter().filter(wanted).cloned().collect()
    }

    /// One of them.
    pub(super) fn get(&self, id: u64) -> Option<Message> {
        lock(&self.mails).iter().find(|mail| mail.id == id).cloned()
    }

    pub(super) fn counters(&self) -> Counters {
        Counters {
            connections: self.connections.load(Ordering::Relaxed),
            taken: self.taken.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// Forgets all mails and counts from zero.
    pub(super) fn clear(&self) {
        let mut mails = lock(&self.mails);
        mails.clear();
        for counter in [&self.connections, &self.taken, &self.refused] {
            counter.store(0, Ordering::Relaxed);
        }
    }
}
