//! Sessions and the answers already given, kept within bounds.

use std::collections::{HashMap, VecDeque};

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{error::ApiError, session::Session};
use crate::form::Form;

/// Sessions and stored answers kept; the oldest go first.
pub(super) const KEPT: usize = 10_000;

/// The longest idempotency key, in bytes.
const LONGEST_KEY: usize = 255;

/// The processor's memory. Whoever changes it holds its lock for the whole change.
#[derive(Default)]
pub(super) struct Books {
    sessions: HashMap<String, Session>,
    session_order: VecDeque<String>,
    /// Payment intent to session.
    intents: HashMap<String, String>,
    answers: HashMap<String, Answer>,
    answer_order: VecDeque<String>,
}

/// A request that carried an idempotency key, and what it was answered.
struct Answer {
    path: &'static str,
    form: Form,
    body: Value,
}

impl Books {
    pub(super) fn session(&self, id: &str) -> Option<&Session> {
        self.sessions.get(id)
    }

    pub(super) fn session_mut(&mut self, id: &str) -> Option<&mut Session> {
        self.sessions.get_mut(id)
    }

    /// The session a payment intent paid.
    pub(super) fn paid_by(&mut self, intent: &str) -> Option<&mut Session> {
        self.sessions.get_mut(self.intents.get(intent)?)
    }

    /// Notes which session an intent paid.
    pub(super) fn note_intent(&mut self, intent: String, session: String) {
        self.intents.insert(intent, session);
    }

    /// The latest sessions, newest first.
    pub(super) fn latest(&self, limit: usize) -> Vec<Session> {
        self.session_order.iter().rev().take(limit).filter_map(|id| self.sessions.get(id)).cloned().collect()
    }

    /// Takes a new session in.
    pub(super) fn add(&mut self, session: Session) {
        if self.session_order.len() == KEPT
            && let Some(oldest) = self.session_order.pop_front()
        {
            self.sessions.remove(&oldest);
            self.intents.retain(|_, session| *session != oldest);
        }
        self.session_order.push_back(session.id.clone());
        self.sessions.insert(session.id.clone(), session);
    }

    /// Does `work` once per idempotency key, or answers a repeat as the first time. As at Stripe, a
    /// refused request leaves its key free, and the same key with other parameters is refused.
    pub(super) fn once(
        &mut self,
        headers: &HeaderMap,
        path: &'static str,
        form: Form,
        work: impl FnOnce(&mut Self, &Form) -> Result<Value, ApiError>,
    ) -> Result<Response, ApiError> {
        let Some(key) = headers.get("idempotency-key") else {
            return Ok(Json(work(self, &form)?).into_response());
        };
        let key = key.to_str().ok().filter(|key| (1..=LONGEST_KEY).contains(&key.len())).ok_or_else(|| {
            ApiError::idempotency(format!("Idempotency-Key must be 1 to {LONGEST_KEY} visible ASCII characters."))
        })?;
        let form = form.sorted();
        if let Some(answer) = self.answers.get(key) {
            if answer.path != path || answer.form != form {
                return Err(ApiError::idempotency(format!(
                    "Keys for idempotent requests can only be used with the same endpoint and parameters they were \
                     first used with. Try using a key other than '{key}' if you meant to execute a different request."
                )));
            }
            let replayed = (HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
            return Ok(([replayed], Json(answer.body.clone())).into_response());
        }
        let body = work(self, &form)?;
        if self.answer_order.len() == KEPT
            && let Some(oldest) = self.answer_order.pop_front()
        {
            self.answers.remove(&oldest);
        }
        self.answer_order.push_back(key.to_owned());
        self.answers.insert(key.to_owned(), Answer { path, form, body: body.clone() });
        Ok(Json(body).into_response())
    }
}
