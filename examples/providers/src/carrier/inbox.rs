//! What the carrier accepted: the latest messages in full, all of them as numbers.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
    sync::Mutex,
};

use jiff::Timestamp;

use super::message::{Message, Status};
use crate::sync::lock;

/// Messages kept in full; older ones are forgotten, but stay counted.
pub(super) const KEPT: usize = 10_000;

/// Distinct (recipient, text) pairs counted apart, about 32 bytes each.
const TALLIED: usize = 1_000_000;

/// The carrier's memory. It stays bounded under any load.
#[derive(Default)]
pub(super) struct Inbox {
    inner: Mutex<Inner>,
    hasher: RandomState,
}

#[derive(Default)]
struct Inner {
    messages: VecDeque<Message>,
    /// SID to position, counted from the first message ever; `messages[0]` is at `forgotten`.
    positions: HashMap<String, usize>,
    forgotten: usize,
    total: u64,
    tally: HashMap<(u64, u64), u64>,
    untallied: u64,
}

/// The answer to "how many?".
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Count {
    /// Messages accepted since the last reset that match.
    pub(super) count: u64,
    /// False only after a million distinct (recipient, text) pairs, for a filtered count.
    pub(super) exact: bool,
}

impl Inbox {
    /// Takes a message in.
    pub(super) fn accept(&self, message: Message) {
        let key = (self.hasher.hash_one(&message.to), self.hasher.hash_one(&message.body));
        let mut inner = lock(&self.inner);
        inner.total += 1;
        if inner.tally.len() < TALLIED || inner.tally.contains_key(&key) {
            *inner.tally.entry(key).or_default() += 1;
        } else {
            inner.untallied += 1;
        }
        if inner.messages.len() == KEPT
            && let Some(oldest) = inner.messages.pop_front()
        {
            inner.positions.remove(&oldest.sid);
            inner.forgotten += 1;
        }
        let position = inner.forgotten + inner.messages.len();
        inner.positions.insert(message.sid.clone(), position);
        inner.messages.push_back(message);
    }

    /// One message by SID, if it is still kept.
    pub(super) fn get(&self, sid: &str) -> Option<Message> {
        let inner = lock(&self.inner);
        let position = inner.positions.get(sid)?;
        inner.messages.get(position.checked_sub(inner.forgotten)?).cloned()
    }

    /// Moves a message on.
    pub(super) fn set_status(&self, sid: &str, status: Status) {
        let mut inner = lock(&self.inner);
        let at = inner.positions.get(sid).and_then(|position| position.checked_sub(inner.forgotten));
        if let Some(message) = at.and_then(|index| inner.messages.get_mut(index)) {
            let now = Timestamp::now();
            message.status = status;
            message.updated = now;
            if status == Status::Sent {
                message.sent = Some(now);
            }
        }
    }

    /// The kept messages that `wanted` says yes to, newest first.
    pub(super) fn newest(&self, limit: usize, wanted: impl Fn(&Message) -> bool) -> Vec<Message> {
        lock(&self.inner).messages.iter().rev().filter(|message| wanted(message)).take(limit).cloned().collect()
    }

    /// How many messages were accepted, to `to` or with text `body` if given.
    pub(super) fn count(&self, to: Option<&str>, body: Option<&str>) -> Count {
        let to = to.map(|to| self.hasher.hash_one(to));
        let body = body.map(|body| self.hasher.hash_one(body));
        let inner = lock(&self.inner);
        match (to, body) {
            (None, None) => Count { count: inner.total, exact: true },
            (to, body) => {
                let matches =
                    |key: &(u64, u64)| to.is_none_or(|to| to == key.0) && body.is_none_or(|body| body == key.1);
                let count = inner.tally.iter().filter(|(key, _)| matches(key)).map(|(_, count)| count).sum();
                Count { count, exact: inner.untallied == 0 }
            }
        }
    }

    /// Forgets everything and counts from zero.
    pub(super) fn clear(&self) {
        *lock(&self.inner) = Inner::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carrier::{message::Sender, numbers::Outcome};

    fn message(index: usize) -> Message {
        let now = Timestamp::UNIX_EPOCH;
        Message {
            sid: format!("SM{index}"),
            to: format!("+3247500{:04}", index % 10),
            sender: Sender::From("IAP".into()),
            body: "hello".into(),
            callback: None,
            outcome: Outcome::Delivered,
            status: Status::Queued,
            created: now,
            updated: now,
            sent: None,
        }
    }

    #[test]
    fn the_oldest_are_forgotten_but_stay_counted() {
        let inbox = Inbox::default();
        for index in 0..KEPT + 5 {
            inbox.accept(message(index));
        }
        assert!(inbox.get("SM4").is_none());
        assert_eq!(inbox.get("SM5").unwrap().sid, "SM5");
        inbox.set_status("SM10004", Status::Delivered);
        assert_eq!(inbox.get("SM10004").unwrap().status, Status::Delivered);
        assert_eq!(inbox.newest(usize::MAX, |_| true).len(), KEPT);
        assert_eq!(inbox.count(None, None), Count { count: 10_005, exact: true });
        assert_eq!(inbox.count(Some("+32475000003"), Some("hello")), Count { count: 1_001, exact: true });
        assert_eq!(inbox.count(None, Some("other")).count, 0);
    }
}
