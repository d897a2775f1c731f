//! Every capability, from the SDK's types to the host and back.

use super::bindings::iap::service as host;
use super::convert;
use crate::billing::{Authorize, Capture, Line, Refusal, Remembered};
use crate::callback::Message;
use crate::http::{Request, Response};
use crate::imports::Authorized;
use crate::jobs::Options;
use crate::log::Level;
use crate::store::Scope;
use crate::{Error, blobs, http};

/// A hold that the host keeps; dropping it releases it.
#[derive(Debug)]
pub(crate) struct HoldHandle(host::billing::Hold);

impl HoldHandle {
    pub(crate) fn capture(&self, lines: &[Line], details: Capture) -> Result<String, Refusal> {
        let details = host::billing::CaptureDetails {
            provider_reference: details.reference,
            provider_cost: details.cost,
            remember: convert::remembered(&details.remember),
            more: Vec::new(),
        };
        self.0.capture(&convert::lines(lines), &details).map_err(convert::refusal)
    }

    pub(crate) fn release(&self) {
        self.0.release();
    }

    pub(crate) fn keep(&self, ttl: u32, remember: &[Remembered]) -> Result<String, Refusal> {
        self.0.keep(ttl, &convert::remembered(remember)).map_err(convert::refusal)
    }

    pub(crate) fn amount(&self) -> String {
        self.0.amount()
    }
}

pub(crate) fn authorize(lines: &[Line], options: Authorize) -> Result<Authorized, Refusal> {
    let options = host::billing::AuthorizeOptions {
        ttl: options.ttl,
        natural_key: options.natural_key,
        description: options.description,
        more: Vec::new(),
    };
    match host::billing::authorize(&convert::lines(lines), &options) {
        Ok(host::billing::Outcome::Hold(hold)) => Ok(Authorized::Hold(HoldHandle(hold))),
        Ok(host::billing::Outcome::Answered(answer)) => Ok(Authorized::Answered(answer)),
        Err(refusal) => Err(convert::refusal(refusal)),
    }
}

pub(crate) fn resume(id: &str) -> Result<HoldHandle, Refusal> {
    host::billing::resume(id).map(HoldHandle).map_err(convert::refusal)
}

pub(crate) fn balance() -> String {
    host::billing::balance()
}

pub(crate) fn http_send(request: Request) -> Result<Response, http::Error> {
    convert::response(host::http::send(&convert::request(request)))
}

pub(crate) fn http_send_many(requests: Vec<Request>) -> Vec<Result<Response, http::Error>> {
    let requests: Vec<_> = requests.into_iter().map(convert::request).collect();
    host::http::send_many(&requests).into_iter().map(convert::response).collect()
}

/// The capabilities' errors are alike, but each interface has its own type.
macro_rules! error_from {
    ($($interface:ident),+) => {$(
        impl From<host::$interface::Error> for Error {
            fn from(error: host::$interface::Error) -> Self {
                Self { code: error.code, message: error.message }
            }
        }
    )+};
}

error_from!(keys, store, blobs, jobs, callback);

pub(crate) fn key_sign(key: &str, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, Error> {
    Ok(host::keys::sign(key, algorithm, message)?)
}

pub(crate) fn key_verify(key: &str, algorithm: &str, message: &[u8], signature: &[u8]) -> Result<bool, Error> {
    Ok(host::keys::verify(key, algorithm, message, signature)?)
}

pub(crate) fn key_hmac(key: &str, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, Error> {
    Ok(host::keys::hmac(key, algorithm, message)?)
}

fn scope(scope: Scope) -> host::store::Scope {
    match scope {
        Scope::Service => host::store::Scope::Service,
        Scope::Database => host::store::Scope::Database,
    }
}

pub(crate) fn store_get(of: Scope, key: &str) -> Result<Option<Vec<u8>>, Error> {
    Ok(host::store::get(scope(of), key)?)
}

pub(crate) fn store_set(of: Scope, key: &str, value: &[u8], ttl: Option<u32>) -> Result<(), Error> {
    Ok(host::store::set(scope(of), key, value, ttl)?)
}

pub(crate) fn store_compare_and_set(
    of: Scope,
    key: &str,
    expected: Option<&[u8]>,
    value: Option<&[u8]>,
    ttl: Option<u32>,
) -> Result<bool, Error> {
    Ok(host::store::compare_and_set(scope(of), key, expected, value, ttl)?)
}

pub(crate) fn store_delete(of: Scope, key: &str) -> Result<(), Error> {
    Ok(host::store::delete(scope(of), key)?)
}

pub(crate) fn store_list(of: Scope, prefix: &str, start: &str, limit: u32) -> Result<Vec<String>, Error> {
    Ok(host::store::list(scope(of), prefix, start, limit)?)
}

fn info(info: host::blobs::Info) -> blobs::Info {
    blobs::Info { id: info.id, content_type: info.content_type, size: info.size, expires_at: info.expires_at }
}

pub(crate) fn blob_put(content_type: &str, bytes: &[u8], ttl: u32) -> Result<blobs::Info, Error> {
    Ok(info(host::blobs::put(content_type, bytes, ttl)?))
}

pub(crate) fn blob_stat(id: &str) -> Result<blobs::Info, Error> {
    Ok(info(host::blobs::stat(id)?))
}

pub(crate) fn blob_read(id: &str, offset: u64, length: u32) -> Result<Vec<u8>, Error> {
    Ok(host::blobs::read(id, offset, length)?)
}

pub(crate) fn blob_delete(id: &str) -> Result<(), Error> {
    Ok(host::blobs::delete(id)?)
}

pub(crate) fn job_enqueue(name: &str, payload: Vec<u8>, options: Options) -> Result<String, Error> {
    let options = host::jobs::Options {
        delay: options.delay,
        dedupe_key: options.dedupe_key,
        hold: options.hold,
        more: Vec::new(),
    };
    Ok(host::jobs::enqueue(name, &payload, &options)?)
}

pub(crate) fn callback_post(message: Message) -> Result<String, Error> {
    Ok(host::callback::post(&host::callback::Message {
        account_ref: message.account_ref,
        url: message.url,
        content_type: message.content_type,
        body: message.body,
        order: message.order,
        options: convert::named(message.options),
    })?)
}

pub(crate) fn config_get(name: &str) -> Option<String> {
    host::config::get(name)
}

pub(crate) fn config_hook_url(path: &str) -> Option<String> {
    host::config::hook_url(path)
}

pub(crate) fn now_ms() -> u64 {
    host::clock::now()
}

pub(crate) fn random_bytes(length: u32) -> Vec<u8> {
    host::random::bytes(length)
}

pub(crate) fn log_write(level: Level, message: &str) {
    let level = match level {
        Level::Debug => host::log::Level::Debug,
        Level::Info => host::log::Level::Info,
        Level::Warn => host::log::Level::Warn,
        Level::Error => host::log::Level::Error,
    };
    host::log::write(level, message);
}
