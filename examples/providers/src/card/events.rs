//! Events: what happened, in the very bytes the webhook gets.

use std::{collections::VecDeque, sync::Mutex};

use serde_json::{Value, json};

use super::session::now;
use crate::{random, sync::lock};

/// Events kept; the oldest go first.
const KEPT: usize = 10_000;

/// One event and how its delivery went.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) kind: &'static str,
    /// The body of the webhook. The same bytes at every attempt.
    pub(super) body: String,
    /// Posts made so far.
    pub(super) attempts: u32,
    /// Posts answered 2xx.
    pub(super) deliveries: u32,
    /// The last HTTP status; none before the first answer.
    pub(super) last_status: Option<u16>,
}

/// All events, oldest first.
#[derive(Default)]
pub(super) struct Events(Mutex<VecDeque<Event>>);

impl Events {
    /// Records that `object` was the subject of an event, and answers the event's id.
    pub(super) fn record(&self, kind: &'static str, object: &Value) -> String {
        let id = random::id("evt_1");
        let body = json!({
            "id": id,
            "object": "event",
            "api_version": "2024-06-20",
            "created": now(),
            "data": { "object": object },
            "livemode": false,
            "pending_webhooks": 1,
            "request": { "id": null, "idempotency_key": null },
            "type": kind,
        });
        let event =
            Event { id: id.clone(), kind, body: body.to_string(), attempts: 0, deliveries: 0, last_status: None };
        let mut events = lock(&self.0);
        if events.len() == KEPT {
            events.pop_front();
        }
        events.push_back(event);
        id
    }

    /// One event by id, if it is still kept.
    pub(super) fn get(&self, id: &str) -> Option<Event> {
        lock(&self.0).iter().rev().find(|event| event.id == id).cloned()
    }

    /// All kept events, oldest first.
    pub(super) fn all(&self) -> Vec<Event> {
        lock(&self.0).iter().cloned().collect()
    }

    /// Notes one attempt; `status` is the answer, if there was one.
    pub(super) fn note(&self, id: &str, status: Option<u16>) {
        if let Some(event) = lock(&self.0).iter_mut().rev().find(|event| event.id == id) {
            event.attempts += 1;
            event.last_status = status.or(event.last_status);
            event.deliveries += u32::from(status.is_some_and(is_success));
        }
    }
}

/// Whether an HTTP status is 2xx: the only answer that counts as delivered.
pub(super) fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}
