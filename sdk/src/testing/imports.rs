//! The scripted host's side of every capability.

use std::cell::RefCell;
use std::rc::Rc;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::state::{Blob, Doing, HoldEntry, HoldState, State, Value, current};
use super::{Captured, Enqueued, HOOKS, credits};
use crate::billing::{Authorize, Capture, Line, Refusal, Remembered};
use crate::callback::Message;
use crate::http::{Request, Response};
use crate::imports::Authorized;
use crate::jobs::Options;
use crate::log::Level;
use crate::store::Scope;
use crate::{Error, blobs, http};

/// A hold of the host that gave it.
pub(crate) struct HoldHandle {
    state: Rc<RefCell<State>>,
    index: usize,
}

impl std::fmt::Debug for HoldHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HoldHandle({})", self.index)
    }
}

impl Drop for HoldHandle {
    fn drop(&mut self) {
        self.end(HoldState::Held);
    }
}

impl HoldHandle {
    /// Returns the credits of a hold that is in this state.
    fn end(&self, from: HoldState) {
        let state = &mut *self.state.borrow_mut();
        let hold = &mut state.holds[self.index];
        if hold.state == from {
            hold.state = HoldState::Ended;
            state.available += hold.amount;
            state.remembered.retain(|key, _| !hold.provisional.contains(key));
        }
    }

    fn live(&self, state: &mut State) -> Result<i64, Refusal> {
        let hold = &state.holds[self.index];
        if hold.state == HoldState::Ended {
            return Err(Refusal::new("hold-ended", "This hold was captured or released already."));
        }
        let amount = hold.amount;
        state.expire();
        match state.holds[self.index].state {
            HoldState::Ended => Err(Refusal::new("hold-expired", "This hold has expired: authorize again.")),
            HoldState::Held | HoldState::Kept => Ok(amount),
        }
    }

    pub(crate) fn capture(&self, lines: &[Line], details: Capture) -> Result<String, Refusal> {
        let state = &mut *self.state.borrow_mut();
        let held = self.live(state)?;
        let taken = state.price(lines).map_err(|(code, message)| Refusal::new(code, message))?;
        if held < taken {
            return Err(Refusal::new(
                "exceeds-hold",
                format!("{} credits were set aside, not {}.", credits::write(held), credits::write(taken)),
            ));
        }
        let hold = &mut state.holds[self.index];
        hold.state = HoldState::Ended;
        state.available += held - taken;
        state.remembered.retain(|key, _| !hold.provisional.contains(key));
        state.remembered.extend(details.remember.iter().map(|each| (each.key.clone(), each.answer.clone())));
        let taken = credits::write(taken);
        state.captured.push(Captured {
            lines: lines.to_vec(),
            credits: taken.clone(),
            reference: details.reference,
            cost: details.cost,
            remembered: details.remember,
        });
        Ok(taken)
    }

    pub(crate) fn release(&self) {
        self.end(HoldState::Held);
        self.end(HoldState::Kept);
    }

    pub(crate) fn keep(&self, ttl: u32, remember: &[Remembered]) -> Result<String, Refusal> {
        let state = &mut *self.state.borrow_mut();
        self.live(state)?;
        let expires_at = after(state.now, ttl);
        let hold = &mut state.holds[self.index];
        hold.state = HoldState::Kept;
        hold.expires_at = Some(expires_at);
        hold.provisional.extend(remember.iter().map(|each| each.key.clone()));
        state.remembered.extend(remember.iter().map(|each| (each.key.clone(), each.answer.clone())));
        Ok(hold_id(self.index))
    }

    pub(crate) fn amount(&self) -> String {
        credits::write(self.state.borrow().holds[self.index].amount)
    }
}

fn hold_id(index: usize) -> String {
    format!("hold_{index}")
}

fn after(now: u64, seconds: u32) -> u64 {
    now.saturating_add(u64::from(seconds) * 1000)
}

pub(crate) fn authorize(lines: &[Line], options: Authorize) -> Result<Authorized, Refusal> {
    let host = current();
    let state = &mut *host.borrow_mut();
    match state.doing {
        Doing::Quote => return Err(Refusal::new("no-effects", "A quote has no effects: answer the lines instead.")),
        Doing::Hook => {
            return Err(Refusal::new("no-account", "A hook has no account: enqueue a job with a kept hold."));
        }
        Doing::Call | Doing::Job => {}
    }
    if state.standing != "active" {
        return Err(Refusal::new(state.standing.clone(), "This account cannot spend."));
    }
    if let Some(answer) = options.natural_key.as_ref().and_then(|key| state.remembered.get(key)) {
        return Ok(Authorized::Answered(answer.clone()));
    }
    state.expire();
    let amount = state.price(lines).map_err(|(code, message)| Refusal::new(code, message))?;
    if state.max_per_call.is_some_and(|most| most < amount) {
        return Err(Refusal::new("over-max-per-call", "More than `max_per_call` of the operation."));
    }
    if state.available < amount {
        return Err(Refusal {
            details: vec![
                ("needed".into(), credits::write(amount)),
                ("available".into(), credits::write(state.available)),
            ],
            ..Refusal::new("insufficient-credit", "The account lacks credits.")
        });
    }
    state.available -= amount;
    state.may_act = true;
    let index = state.holds.len();
    let expires_at = options.ttl.map(|ttl| after(state.now, ttl));
    state.holds.push(HoldEntry { amount, state: HoldState::Held, expires_at, provisional: Vec::new() });
    Ok(Authorized::Hold(HoldHandle { state: Rc::clone(&host), index }))
}

pub(crate) fn resume(id: &str) -> Result<HoldHandle, Refusal> {
    let host = current();
    let state = &mut *host.borrow_mut();
    let Some(index) = (0..state.holds.len()).find(|index| hold_id(*index) == id) else {
        return Err(Refusal::new("unknown-hold", format!("No hold `{id}` was kept.")));
    };
    let before = state.holds[index].state;
    state.expire();
    match (before, state.holds[index].state) {
        (HoldState::Kept, HoldState::Kept) => {}
        (HoldState::Kept, _) => return Err(Refusal::new("hold-expired", "This hold has expired.")),
        (HoldState::Ended, _) => return Err(Refusal::new("hold-ended", "This hold was captured or released already.")),
        (HoldState::Held, _) => return Err(Refusal::new("unknown-hold", format!("No hold `{id}` was kept."))),
    }
    state.may_act = true;
    Ok(HoldHandle { state: Rc::clone(&host), index })
}

pub(crate) fn balance() -> String {
    let host = current();
    let state = &mut *host.borrow_mut();
    state.expire();
    credits::write(state.available)
}

/// No hold, no effect; and a quote has none at all.
fn may_act(state: &State) -> bool {
    match state.doing {
        Doing::Call => state.may_act,
        Doing::Quote => false,
        Doing::Job | Doing::Hook => true,
    }
}

const NO_HOLD: &str = "Nothing with an effect may happen before `billing::authorize` has succeeded.";

pub(crate) fn http_send(request: Request) -> Result<Response, http::Error> {
    let host = current();
    let mut state = host.borrow_mut();
    if !may_act(&state) || state.doing == Doing::Hook {
        return Err(http::Error::new("no-hold", NO_HOLD));
    }
    state.requests.push(request.clone());
    let place = |path: &str| (request.endpoint.clone(), path.to_owned());
    let bare = request.path.split('?').next().unwrap_or_default();
    if let Some(answer) = state.answers.get(&place(&request.path)).or_else(|| state.answers.get(&place(bare))) {
        return answer.clone();
    }
    let Some(mut responder) = state.responder.take() else {
        drop(state);
        panic!("no answer is scripted for {} {} {}", request.method, request.endpoint, request.path);
    };
    // The closure may look at the host.
    drop(state);
    let answer = responder(&request);
    host.borrow_mut().responder = Some(responder);
    answer
}

pub(crate) fn http_send_many(requests: Vec<Request>) -> Vec<Result<Response, http::Error>> {
    requests.into_iter().map(http_send).collect()
}

fn secret(key: &str) -> Result<Vec<u8>, Error> {
    let host = current();
    let state = host.borrow();
    state.secrets.get(key).cloned().ok_or_else(|| Error::new("unknown-key", format!("No secret `{key}`.")))
}

pub(crate) fn key_sign(key: &str, algorithm: &str, _message: &[u8]) -> Result<Vec<u8>, Error> {
    secret(key)?;
    Err(Error::new("unknown-algorithm", format!("The scripted host cannot sign with `{algorithm}`.")))
}

pub(crate) fn key_verify(key: &str, algorithm: &str, message: &[u8], signature: &[u8]) -> Result<bool, Error> {
    Ok(key_hmac(key, algorithm, message)? == signature)
}

pub(crate) fn key_hmac(key: &str, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, Error> {
    let secret = secret(key)?;
    match algorithm {
        "hmac-sha1" => code::<Hmac<Sha1>>(&secret, message),
        "hmac-sha256" => code::<Hmac<Sha256>>(&secret, message),
        "hmac-sha512" => code::<Hmac<Sha512>>(&secret, message),
        _ => Err(Error::new("unknown-algorithm", format!("`{algorithm}` is no HMAC that the scripted host knows."))),
    }
}

fn code<M: Mac + KeyInit>(secret: &[u8], message: &[u8]) -> Result<Vec<u8>, Error> {
    let mut mac = <M as KeyInit>::new_from_slice(secret).map_err(|error| Error::new("bad-key", error.to_string()))?;
    mac.update(message);
    Ok(mac.finalize().into_bytes().to_vec())
}

fn with_store<T>(scope: Scope, use_it: impl FnOnce(&mut State) -> T) -> Result<T, Error> {
    let host = current();
    let state = &mut *host.borrow_mut();
    if scope == Scope::Database && state.doing == Doing::Hook {
        return Err(Error::new("no-database", "A hook has no database: use `Scope::Service`."));
    }
    state.expire();
    Ok(use_it(state))
}

fn put(state: &mut State, scope: Scope, key: &str, value: &[u8], ttl: Option<u32>) {
    let expires_at = ttl.map(|ttl| after(state.now, ttl));
    state.store.insert((scope, key.to_owned()), Value { bytes: value.to_vec(), expires_at });
}

pub(crate) fn store_get(scope: Scope, key: &str) -> Result<Option<Vec<u8>>, Error> {
    with_store(scope, |state| state.store.get(&(scope, key.to_owned())).map(|value| value.bytes.clone()))
}

pub(crate) fn store_set(scope: Scope, key: &str, value: &[u8], ttl: Option<u32>) -> Result<(), Error> {
    with_store(scope, |state| put(state, scope, key, value, ttl))
}

pub(crate) fn store_compare_and_set(
    scope: Scope,
    key: &str,
    expected: Option<&[u8]>,
    value: Option<&[u8]>,
    ttl: Option<u32>,
) -> Result<bool, Error> {
    with_store(scope, |state| {
        let place = (scope, key.to_owned());
        if state.store.get(&place).map(|value| value.bytes.as_slice()) != expected {
            return false;
        }
        match value {
            Some(value) => put(state, scope, key, value, ttl),
            None => drop(state.store.remove(&place)),
        }
        true
    })
}

pub(crate) fn store_delete(scope: Scope, key: &str) -> Result<(), Error> {
    with_store(scope, |state| drop(state.store.remove(&(scope, key.to_owned()))))
}

pub(crate) fn store_list(scope: Scope, prefix: &str, start: &str, limit: u32) -> Result<Vec<String>, Error> {
    let limit = usize::try_from(limit.min(1000)).unwrap_or(1000);
    with_store(scope, |state| {
        let keys = state.store.keys().filter(|(of, key)| *of == scope && key.starts_with(prefix) && start < key);
        keys.take(limit).map(|(_, key)| key.clone()).collect()
    })
}

fn with_blob<T>(id: &str, use_it: impl FnOnce(&Blob) -> Result<T, Error>) -> Result<T, Error> {
    let host = current();
    let state = &mut *host.borrow_mut();
    state.expire();
    match state.blobs.get(id) {
        Some(blob) => use_it(blob),
        None => Err(Error::new("unknown-blob", format!("No blob `{id}`, or it has expired."))),
    }
}

fn info(id: &str, blob: &Blob) -> blobs::Info {
    blobs::Info {
        id: id.to_owned(),
        content_type: blob.content_type.clone(),
        size: blob.bytes.len() as u64,
        expires_at: blob.expires_at,
    }
}

pub(crate) fn blob_put(content_type: &str, bytes: &[u8], ttl: u32) -> Result<blobs::Info, Error> {
    let host = current();
    let state = &mut *host.borrow_mut();
    let id = format!("blob_{}", state.blobs.len());
    let blob = Blob { content_type: content_type.to_owned(), bytes: bytes.to_vec(), expires_at: after(state.now, ttl) };
    let info = info(&id, &blob);
    state.blobs.insert(id, blob);
    Ok(info)
}

pub(crate) fn blob_stat(id: &str) -> Result<blobs::Info, Error> {
    with_blob(id, |blob| Ok(info(id, blob)))
}

pub(crate) fn blob_read(id: &str, offset: u64, length: u32) -> Result<Vec<u8>, Error> {
    with_blob(id, |blob| {
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| blob.bytes.get(offset..))
            .ok_or_else(|| Error::new("bad-range", format!("The blob has {} bytes.", blob.bytes.len())))?;
        Ok(rest[..rest.len().min(length as usize)].to_vec())
    })
}

pub(crate) fn blob_delete(id: &str) -> Result<(), Error> {
    with_blob(id, |_| Ok(()))?;
    current().borrow_mut().blobs.remove(id);
    Ok(())
}

pub(crate) fn job_enqueue(name: &str, payload: Vec<u8>, options: Options) -> Result<String, Error> {
    let host = current();
    let state = &mut *host.borrow_mut();
    if !may_act(state) {
        return Err(Error::new("no-hold", NO_HOLD));
    }
    let twin = |job: &&Enqueued| job.dedupe_key.is_some() && job.dedupe_key == options.dedupe_key;
    if let Some(job) = state.jobs.iter().find(twin) {
        return Ok(job.id.clone());
    }
    let id = format!("job_{}", state.jobs.len());
    state.jobs.push(Enqueued {
        id: id.clone(),
        name: name.to_owned(),
        payload,
        delay: options.delay,
        dedupe_key: options.dedupe_key,
        hold: options.hold,
    });
    Ok(id)
}

pub(crate) fn callback_post(message: Message) -> Result<String, Error> {
    let host = current();
    let state = &mut *host.borrow_mut();
    if !may_act(state) {
        return Err(Error::new("no-hold", NO_HOLD));
    }
    state.callbacks.push(message);
    Ok(format!("callback_{}", state.callbacks.len() - 1))
}

pub(crate) fn config_get(name: &str) -> Option<String> {
    current().borrow().config.get(name).cloned()
}

#[expect(clippy::unnecessary_wraps, reason = "the real host answers none for an undeclared hook")]
pub(crate) fn config_hook_url(path: &str) -> Option<String> {
    Some(format!("{HOOKS}{path}"))
}

pub(crate) fn now_ms() -> u64 {
    current().borrow().now
}

pub(crate) fn random_bytes(length: u32) -> Vec<u8> {
    let host = current();
    let state = &mut *host.borrow_mut();
    (0..length)
        .map(|_| {
            // SplitMix64: the same bytes in every run of a test.
            state.random = state.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (state.random ^ (state.random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            (mixed >> 56) as u8
        })
        .collect()
}

pub(crate) fn log_write(level: Level, message: &str) {
    current().borrow_mut().log.push((level, message.to_owned()));
}
