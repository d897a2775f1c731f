//! Jobs and callbacks.

use iap_sdk::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Jobs to enqueue: `count` of one name, with numbers from `first`.
#[derive(Deserialize)]
pub(crate) struct Later {
    job: String,
    count: u32,
    #[serde(default)]
    first: u32,
    #[serde(default)]
    delay: u32,
    #[serde(default)]
    dedupe_key: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Numbered {
    number: u32,
}

/// Answers how many were enqueued, and why no more were.
pub(crate) fn later(_call: &Call, later: Later) -> Result<Value, Failure> {
    let mut enqueued = 0;
    for number in later.first..later.first + later.count {
        let mut options = jobs::Options::new().delay(later.delay);
        if let Some(key) = &later.dedupe_key {
            options = options.dedupe_key(key.clone());
        }
        match jobs::enqueue_with(&later.job, &Numbered { number }, options) {
            Ok(_) => enqueued += 1,
            Err(error) => return Ok(json!({ "enqueued": enqueued, "code": error.code, "message": error.message })),
        }
    }
    Ok(json!({ "enqueued": enqueued }))
}

/// Leaves a mark: one for each run that was recorded.
pub(crate) fn mark(job: &Job, numbered: Numbered) -> Result<(), Failure> {
    store::set(Scope::Service, &format!("mark/{:06}/{}", numbered.number, job.id), &job.attempt.to_be_bytes(), None)?;
    Ok(())
}

/// Tells the provider, then leaves a mark and enqueues one more job, which leaves another: what was recorded twice
/// would have two.
pub(crate) fn visit(job: &Job, numbered: Numbered) -> Result<(), Failure> {
    http::Request::post("provider", format!("/visit/{}", numbered.number)).send()?;
    mark(job, Numbered { number: numbered.number })?;
    jobs::enqueue("mark", &Numbered { number: 100_000 + numbered.number })?;
    Ok(())
}

/// Fails for good, unless the provider says that all is well.
pub(crate) fn fail(_job: &Job, _: Numbered) -> Result<(), Failure> {
    match http::Request::get("provider", "/well").send() {
        Ok(response) if response.status == 200 => Ok(()),
        _ => Err(Failure::refused("It does not work.")),
    }
}

/// Enqueues itself again and again.
pub(crate) fn chain(_job: &Job, numbered: Numbered) -> Result<(), Failure> {
    let number = numbered.number + 1;
    match jobs::enqueue("chain", &Numbered { number }) {
        Ok(_) => Ok(()),
        Err(error) => {
            store::set(
                Scope::Service,
                "chain",
                format!("{number}: {}: {}", error.code, error.message).as_bytes(),
                None,
            )?;
            Ok(())
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Paid {
    key: String,
}

/// Sets one credit aside for a job that delivers.
pub(crate) fn paid_later(_call: &Call, paid: Paid) -> Result<Value, Failure> {
    let id = billing::authorize(&[Line::new("piece", 1)])?.keep(3_600, &[])?;
    jobs::enqueue_with("deliver", &paid, jobs::Options::new().hold(id))?;
    Ok(json!({ "queued": paid.key }))
}

/// Has the provider do the work, and captures.
pub(crate) fn deliver(job: &Job, paid: Paid) -> Result<(), Failure> {
    let Some(id) = &job.hold else { return Err(Failure::refused("There is no hold.")) };
    let hold = match billing::resume(id) {
        Ok(hold) => hold,
        // It was captured by a run whose end was not recorded.
        Err(refusal) if refusal.code == "hold-ended" => return Ok(()),
        Err(refusal) => return Err(refusal.into()),
    };
    http::Request::post("provider", format!("/visit/{}", paid.key)).send()?;
    hold.capture_lines(&[Line::new("piece", 1)])?;
    Ok(())
}

#[derive(Deserialize)]
pub(crate) struct CallBack {
    url: String,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    order: Option<String>,
    /// Not the caller's own.
    #[serde(default)]
    account: Option<String>,
}

pub(crate) fn call_back(call: &Call, message: CallBack) -> Result<Value, Failure> {
    let account = message.account.unwrap_or_else(|| call.context.account_ref.clone());
    let mut post = callback::Message::json(account, message.url, &message.body);
    if let Some(order) = message.order {
        post = post.order(order);
    }
    Ok(match callback::post(post) {
        Ok(_) => json!({ "code": "ok" }),
        Err(error) => json!({ "code": error.code, "message": error.message }),
    })
}

/// Keys of the service's store with a prefix.
pub(crate) fn marks(_call: &Call, input: Value) -> Result<Value, Failure> {
    let text = |name: &str| input[name].as_str().unwrap_or_default().to_owned();
    let keys = store::list(Scope::Service, &text("prefix"), &text("after"), 1_000)?;
    let first = match keys.first() {
        Some(key) => store::get(Scope::Service, key)?.map(|value| String::from_utf8_lossy(&value).into_owned()),
        None => None,
    };
    Ok(json!({ "keys": keys, "first": first }))
}
