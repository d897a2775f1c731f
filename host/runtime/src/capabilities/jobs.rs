//! `jobs`: work after the answer.

use iap_core::ids::HoldId;

use crate::{
    backend::{Denied, JobOptions},
    bindings::jobs,
    call::{CallState, host_fault},
    settings::Permission,
};

const MOST_PAYLOAD: usize = 256 << 10;
const MOST_NAME: usize = 64;
const MOST_KEY: usize = 256;

impl From<Denied> for jobs::Error {
    fn from(denied: Denied) -> Self {
        Self { code: denied.code.to_owned(), message: denied.message }
    }
}

fn error(code: &str, message: impl Into<String>) -> jobs::Error {
    jobs::Error { code: code.to_owned(), message: message.into() }
}

impl CallState {
    fn may_enqueue(&self, name: &str, payload: &[u8], options: &jobs::Options) -> Result<(), jobs::Error> {
        if !self.settings.permissions.jobs {
            return Err(error("not-granted", "plugin.toml declares no [permissions] jobs"));
        }
        if self.denied(&Permission::Jobs) {
            return Err(error("not-granted", "the operator has not granted jobs to this service"));
        }
        self.may_act().map_err(|(code, message)| error(code, message))?;
        if payload.len() > MOST_PAYLOAD {
            return Err(error("too-large", format!("payload: at most {MOST_PAYLOAD} bytes; put documents into blobs")));
        }
        let long_key = options.dedupe_key.as_ref().is_some_and(|key| key.is_empty() || key.len() > MOST_KEY);
        if name.is_empty() || name.len() > MOST_NAME || long_key {
            return Err(error("too-large", "name: 1 to 64 bytes; dedupe-key: 1 to 256 bytes"));
        }
        if self.jobs >= self.budget.jobs {
            return Err(error("too-many-jobs", format!("one call enqueues at most {} jobs", self.budget.jobs)));
        }
        Ok(())
    }
}

impl jobs::Host for CallState {
    async fn enqueue(
        &mut self,
        name: String,
        payload: Vec<u8>,
        options: jobs::Options,
    ) -> wasmtime::Result<Result<String, jobs::Error>> {
        self.enter()?;
        if let Err(error) = self.may_enqueue(&name, &payload, &options) {
            return Ok(Err(error));
        }
        let hold = match options.hold.as_deref().map(str::parse::<HoldId>) {
            None => None,
            Some(Ok(hold)) => Some(hold),
            Some(Err(_)) => return Ok(Err(error("no-hold", "options.hold is not an id that hold.keep answered"))),
        };
        self.jobs += 1;
        let options = JobOptions { delay: options.delay, dedupe_key: options.dedupe_key, hold };
        let answer = self.backend.enqueue(name, payload, options).await.map_err(host_fault)?;
        Ok(answer.map(|id| id.to_string()).map_err(Into::into))
    }
}
