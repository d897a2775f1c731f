//! What a provider delivers.

use iap_sdk::prelude::*;
use serde_json::json;

/// Believes what is signed, and counts it; the body `later` is put off, `job` enqueues one.
pub(crate) fn event(request: &HookRequest) -> HookResponse {
    answer(request).unwrap_or_else(|failure| HookResponse::new(500).with_text(failure.to_string()))
}

fn answer(request: &HookRequest) -> Result<HookResponse, Failure> {
    let given = request.header("x-provider-signature").unwrap_or_default();
    let signature =
        (0..given.len()).step_by(2).map(|at| given.get(at..at + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok()));
    let Some(signature) = signature.collect::<Option<Vec<u8>>>() else { return Ok(HookResponse::new(403)) };
    if !keys::verify("hook-key", keys::Algorithm::HmacSha256, &request.body, &signature)? {
        return Ok(HookResponse::new(403));
    }
    if request.body == b"later" {
        return Ok(HookResponse::new(503));
    }
    let counted = count(&format!("events/{}", request.path))?;
    if request.body == b"job" {
        jobs::enqueue("mark", &json!({ "number": counted }))?;
    }
    Ok(HookResponse::ok().with_header("cache-control", "no-store").with_json(&json!({ "counted": counted })))
}

fn count(key: &str) -> Result<u32, Failure> {
    let before = store::get(Scope::Service, key)?.and_then(|bytes| Some(u32::from_be_bytes(bytes.try_into().ok()?)));
    let counted = before.unwrap_or(0) + 1;
    store::set(Scope::Service, key, &counted.to_be_bytes(), None)?;
    Ok(counted)
}
