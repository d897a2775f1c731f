use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Call, Failure, HookRequest, HookResponse, Job, Line, json};

/// A service: the operations it answers, the jobs it runs, its hooks.
pub trait Service {
    /// All of them, by the names that `plugin.toml` declares.
    fn operations() -> Operations;
}

type Handler = Box<dyn Fn(&Call) -> Result<Vec<u8>, Failure>>;
type Quoter = Box<dyn Fn(&Call) -> Result<Vec<Line>, Failure>>;
type Runner = Box<dyn Fn(&Job) -> Result<(), Failure>>;
type Hook = Box<dyn Fn(&HookRequest) -> HookResponse>;

/// The functions of a service by name.
#[derive(Default)]
pub struct Operations {
    handlers: Vec<(&'static str, Handler)>,
    quoters: Vec<(&'static str, Quoter)>,
    runners: Vec<(&'static str, Runner)>,
    hooks: Vec<(&'static str, Hook)>,
}

impl Operations {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// An operation. Input that does not fit its type is answered with
    /// [`Failure::BadRequest`] and the path of the wrong member.
    pub fn on<I, O, F>(mut self, operation: &'static str, handle: F) -> Self
    where
        I: DeserializeOwned,
        O: Serialize,
        F: Fn(&Call, I) -> Result<O, Failure> + 'static,
    {
        let handler = move |call: &Call| handle(call, json::parse(&call.input)?).map(|answer| json::write(&answer));
        self.handlers.push((operation, Box::new(handler)));
        self
    }

    /// The lines that an operation would authorize for this input. No effects.
    pub fn quote<I, F>(mut self, operation: &'static str, quote: F) -> Self
    where
        I: DeserializeOwned,
        F: Fn(&Call, I) -> Result<Vec<Line>, Failure> + 'static,
    {
        self.quoters.push((operation, Box::new(move |call: &Call| quote(call, json::parse(&call.input)?))));
        self
    }

    /// A job that [`jobs::enqueue`](crate::jobs::enqueue) names. The host itself enqueues `reconcile`, where an operation
    /// says `on_unknown = "ask"` and a provider never answered.
    pub fn job<P, F>(mut self, name: &'static str, run: F) -> Self
    where
        P: DeserializeOwned,
        F: Fn(&Job, P) -> Result<(), Failure> + 'static,
    {
        self.runners.push((name, Box::new(move |job: &Job| run(job, json::parse(&job.payload)?))));
        self
    }

    /// A hook that `plugin.toml` declares, by its path without leading slash.
    pub fn hook<F>(mut self, path: &'static str, answer: F) -> Self
    where
        F: Fn(&HookRequest) -> HookResponse + 'static,
    {
        self.hooks.push((path, Box::new(answer)));
        self
    }

    /// Answers a call.
    pub(crate) fn answer(&self, call: &Call) -> Result<Vec<u8>, Failure> {
        match find(&self.handlers, &call.operation) {
            Some(handle) => handle(call),
            None => Err(unknown("operation", &call.operation)),
        }
    }

    /// Quotes a call.
    pub(crate) fn lines(&self, call: &Call) -> Result<Vec<Line>, Failure> {
        match find(&self.quoters, &call.operation) {
            Some(quote) => quote(call),
            None if find(&self.handlers, &call.operation).is_some() => {
                Err(Failure::other("no-quote", format!("Operation `{}` gives no quotes.", call.operation)))
            }
            None => Err(unknown("operation", &call.operation)),
        }
    }

    /// Runs a job.
    pub(crate) fn run(&self, job: &Job) -> Result<(), Failure> {
        match find(&self.runners, &job.name) {
            Some(run) => run(job),
            None => Err(unknown("job", &job.name)),
        }
    }

    /// Answers a request to a hook.
    pub(crate) fn respond(&self, request: &HookRequest) -> HookResponse {
        match find(&self.hooks, &request.path) {
            Some(answer) => answer(request),
            None => HookResponse::new(404),
        }
    }
}

fn find<'a, T>(entries: &'a [(&'static str, T)], name: &str) -> Option<&'a T> {
    entries.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn unknown(what: &str, name: &str) -> Failure {
    Failure::refused(format!("This release has no {what} `{name}`."))
}
