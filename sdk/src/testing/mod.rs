//! A scripted host: unit tests of a plugin run natively against it.
//!
//! It prices, holds and captures credits, refuses effects without a hold, and
//! answers HTTP requests as the test says; what the plugin did can be looked at
//! afterwards. It stands in for what the plugin *sees* of a host: the true host
//! also bounds memory, time and volume, checks `plugin.toml`, and undoes what a
//! trapped call wrote. Its clock stands still and its randomness is the same in
//! every run.
//!
//! ```
//! # use iap_sdk::prelude::*;
//! # #[derive(serde::Deserialize)]
//! # struct Text { number: String }
//! # struct Texts;
//! # impl Service for Texts {
//! #     fn operations() -> Operations { Operations::new().on("send", send) }
//! # }
//! fn send(_call: &Call, text: Text) -> Result<u16, Failure> {
//!     let hold = billing::authorize(&[Line::new("part", 1).key("FR")])?;
//!     let response = http::Request::post("carrier", "/send").json(&text.number).send()?;
//!     hold.capture()?;
//!     Ok(response.status)
//! }
//!
//! let host = iap_sdk::testing::Host::new();
//! host.credits("1").price_of("part", "FR", "0.05").answer("carrier", "/send", http::Response::new(201));
//! let status = host.call::<Texts>("send", serde_json::json!({ "number": "+33" })).expect("answers");
//! assert_eq!(status, 201);
//! assert_eq!(host.captured()[0].credits, "0.05");
//! assert_eq!(host.requests()[0].body, b"\"+33\"");
//! ```

mod credits;
pub(crate) mod imports;
mod state;

use std::cell::RefCell;
use std::rc::Rc;

use serde::Serialize;
use serde_json::Value;

use crate::billing::{Line, Remembered};
use crate::callback::Message;
use crate::http::{Error, Request, Response};
use crate::log::Level;
use crate::{Call, Context, Failure, HookRequest, HookResponse, Job, Service, json, store};
use state::{Doing, HoldState, State};

/// Where hooks are, to a plugin under test.
const HOOKS: &str = "https://iap.test/hooks/service/";

/// Credits that the plugin took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// What was delivered.
    pub lines: Vec<Line>,
    /// Credits, as a decimal.
    pub credits: String,
    /// The provider's reference of the work.
    pub reference: Option<String>,
    /// What the provider charged.
    pub cost: Option<String>,
    /// Answers under natural keys.
    pub remembered: Vec<Remembered>,
}

/// A job that the plugin enqueued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enqueued {
    /// As the plugin was answered.
    pub id: String,
    /// Name of the job.
    pub name: String,
    /// JSON.
    pub payload: Vec<u8>,
    /// Seconds to wait before the first run.
    pub delay: u32,
    /// Key against duplicates.
    pub dedupe_key: Option<String>,
    /// A kept hold that the job resumes.
    pub hold: Option<String>,
}

/// A host whose every answer the test decides.
///
/// Setters may be chained, and used again between calls.
#[derive(Clone)]
pub struct Host {
    state: Rc<RefCell<State>>,
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// A host with one active account, no credits, no prices, and the clock at
    /// 2026-01-01 00:00 UTC.
    pub fn new() -> Self {
        Self { state: Rc::new(RefCell::new(State::new())) }
    }

    fn set<T>(&self, change: impl FnOnce(&mut State) -> T) -> &Self {
        change(&mut self.state.borrow_mut());
        self
    }

    /// Sets the credits that the account has available, as a decimal.
    pub fn credits(&self, credits: &str) -> &Self {
        self.set(|state| state.available = credits::parse(credits))
    }

    /// Sets an item's fixed price in credits, as a decimal.
    pub fn price(&self, item: &str, credits: &str) -> &Self {
        self.price_of(item, "", credits)
    }

    /// Sets a row of an item's price table, in credits, as a decimal.
    pub fn price_of(&self, item: &str, key: &str, credits: &str) -> &Self {
        self.set(|state| state.prices.insert((item.into(), key.into()), credits::parse(credits)))
    }

    /// Sets the most credits that a hold may have, as a decimal.
    pub fn max_per_call(&self, credits: &str) -> &Self {
        self.set(|state| state.max_per_call = Some(credits::parse(credits)))
    }

    /// Declares an operation free: its effects need no hold.
    pub fn free(&self, operation: &str) -> &Self {
        self.set(|state| state.free.insert(operation.into()))
    }

    /// Sets the account's standing, as `account-suspended`; `active` at first.
    pub fn standing(&self, code: &str) -> &Self {
        self.set(|state| state.standing = code.into())
    }

    /// Sets a property of the context, as `country`.
    pub fn property(&self, name: &str, value: &str) -> &Self {
        self.set(|state| state.properties.insert(name.into(), value.into()))
    }

    /// Sets what an earlier call answered under a natural key.
    pub fn remember<T: Serialize + ?Sized>(&self, key: &str, answer: &T) -> &Self {
        self.set(|state| state.remembered.insert(key.into(), json::write(answer)))
    }

    /// Sets the answer to requests to a path of an endpoint. A path without a
    /// query stands for all its queries.
    pub fn answer(&self, endpoint: &str, path: &str, response: Response) -> &Self {
        self.set(|state| state.answers.insert((endpoint.into(), path.into()), Ok(response)))
    }

    /// Makes requests to a path of an endpoint fail.
    pub fn fail(&self, endpoint: &str, path: &str, error: Error) -> &Self {
        self.set(|state| state.answers.insert((endpoint.into(), path.into()), Err(error)))
    }

    /// Answers the requests that [`Host::answer`] and [`Host::fail`] do not. A
    /// request that nothing answers fails the test.
    pub fn respond(&self, responder: impl FnMut(&Request) -> Result<Response, Error> + 'static) -> &Self {
        self.set(|state| state.responder = Some(Box::new(responder)))
    }

    /// Sets a secret for [`keys`](crate::keys): HMAC only.
    pub fn secret(&self, name: &str, value: impl AsRef<[u8]>) -> &Self {
        self.set(|state| state.secrets.insert(name.into(), value.as_ref().to_vec()))
    }

    /// Sets a config value.
    pub fn config(&self, name: &str, value: &str) -> &Self {
        self.set(|state| state.config.insert(name.into(), value.into()))
    }

    /// Moves the clock forward.
    pub fn advance(&self, seconds: u32) -> &Self {
        self.set(|state| {
            state.now = state.now.saturating_add(u64::from(seconds) * 1000);
            state.expire();
        })
    }

    /// Calls an operation.
    ///
    /// # Errors
    ///
    /// What the plugin answers.
    ///
    /// # Panics
    ///
    /// If the plugin panics.
    pub fn call<S: Service>(&self, operation: &str, input: impl Serialize) -> Result<Value, Failure> {
        let free = self.state.borrow().free.contains(operation);
        let call = self.new_call(operation, &input);
        let answer = self.during(Doing::Call, free, || S::operations().answer(&call))?;
        Ok(serde_json::from_slice(&answer).expect("an operation's answer was written as JSON"))
    }

    /// Asks for the lines that an operation would authorize. Nothing with an
    /// effect is allowed meanwhile.
    ///
    /// # Errors
    ///
    /// What the plugin answers.
    pub fn quote<S: Service>(&self, operation: &str, input: impl Serialize) -> Result<Vec<Line>, Failure> {
        let call = self.new_call(operation, &input);
        self.during(Doing::Quote, false, || S::operations().lines(&call))
    }

    /// Runs a job by name, as if a call with a hold had enqueued it.
    ///
    /// # Errors
    ///
    /// What the plugin answers.
    pub fn run_job<S: Service>(&self, name: &str, payload: impl Serialize) -> Result<(), Failure> {
        let job = Job {
            context: self.context(),
            id: "job".into(),
            name: name.into(),
            payload: json::write(&payload),
            attempt: 1,
            hold: None,
        };
        self.during(Doing::Job, true, || S::operations().run(&job))
    }

    /// Runs a job that the plugin enqueued: see [`Host::jobs`]. It stays in the list.
    ///
    /// # Errors
    ///
    /// What the plugin answers.
    pub fn run_enqueued<S: Service>(&self, job: &Enqueued, attempt: u32) -> Result<(), Failure> {
        let job = Job {
            context: self.context(),
            id: job.id.clone(),
            name: job.name.clone(),
            payload: job.payload.clone(),
            attempt,
            hold: job.hold.clone(),
        };
        self.during(Doing::Job, true, || S::operations().run(&job))
    }

    /// Sends a request to a hook. A request without a URL gets that of its path.
    pub fn request<S: Service>(&self, mut request: HookRequest) -> HookResponse {
        if request.url.is_empty() {
            request.url = format!("{HOOKS}{}", request.path);
        }
        self.during(Doing::Hook, false, || S::operations().respond(&request))
    }

    /// Runs a test's own code as if within a call, so that parts of a plugin can
    /// be tested alone.
    pub fn run<T>(&self, code: impl FnOnce() -> T) -> T {
        self.during(Doing::Call, false, code)
    }

    /// Credits available, without those held.
    pub fn available(&self) -> String {
        credits::write(self.state.borrow().available)
    }

    /// Credits set aside.
    pub fn held(&self) -> String {
        let state = self.state.borrow();
        credits::write(state.holds.iter().filter(|hold| hold.state != HoldState::Ended).map(|hold| hold.amount).sum())
    }

    /// What was captured so far.
    pub fn captured(&self) -> Vec<Captured> {
        self.state.borrow().captured.clone()
    }

    /// Requests sent so far.
    pub fn requests(&self) -> Vec<Request> {
        self.state.borrow().requests.clone()
    }

    /// Jobs enqueued so far.
    pub fn jobs(&self) -> Vec<Enqueued> {
        self.state.borrow().jobs.clone()
    }

    /// Callbacks posted so far.
    pub fn callbacks(&self) -> Vec<Message> {
        self.state.borrow().callbacks.clone()
    }

    /// Messages logged so far.
    pub fn logged(&self) -> Vec<(Level, String)> {
        self.state.borrow().log.clone()
    }

    /// A stored value.
    pub fn stored(&self, scope: store::Scope, key: &str) -> Option<Vec<u8>> {
        self.state.borrow().store.get(&(scope, key.into())).map(|value| value.bytes.clone())
    }

    fn during<T>(&self, doing: Doing, may_act: bool, code: impl FnOnce() -> T) -> T {
        self.set(|state| {
            state.doing = doing;
            state.may_act = may_act;
        });
        let _entered = state::enter(&self.state);
        code()
    }

    fn context(&self) -> Context {
        let state = self.state.borrow();
        Context {
            call_id: "call".into(),
            account_ref: "account".into(),
            standing: state.standing.clone(),
            properties: state.properties.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        }
    }

    fn new_call(&self, operation: &str, input: &impl Serialize) -> Call {
        let input = json::write(input);
        let mut texts = Vec::new();
        collect_texts(&serde_json::from_slice(&input).expect("just written"), &mut texts);
        // The host finds natural keys by their path; here any text of the input may be one.
        let repeats =
            self.state.borrow().remembered.iter().filter(|(key, _)| texts.contains(key)).map(repeat).collect();
        Call { context: self.context(), operation: operation.into(), input, repeats }
    }
}

fn repeat((key, answer): (&String, &Vec<u8>)) -> Remembered {
    Remembered { key: key.clone(), answer: answer.clone() }
}

fn collect_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Value::Object(members) => members.values().for_each(|member| collect_texts(member, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests;
