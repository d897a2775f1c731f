//! Too much, or to where it may not go.

use iap_sdk::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Seen, code, saw, units};

#[derive(Deserialize)]
pub(crate) struct Output {
    /// 64 MiB if absent.
    bytes: Option<usize>,
}

pub(crate) fn huge_output(_call: &Call, input: Output) -> Result<String, Failure> {
    Ok("x".repeat(input.bytes.unwrap_or(64 << 20)))
}

pub(crate) fn flood_log(_call: &Call, _: Value) -> Seen {
    const MESSAGES: u32 = 10_000;
    let long = "flood ".repeat(4 << 10);
    for _ in 0..MESSAGES {
        log::write(log::Level::Info, &long);
    }
    Ok(json!({ "messages": MESSAGES, "bytes_each": long.len() }))
}

/// Writes until refused, at most 64 MiB.
pub(crate) fn big_store(_call: &Call, _: Value) -> Seen {
    let value = vec![b'x'; 32 << 10];
    for written in 0..2048 {
        let outcome = store::set(Scope::Database, &format!("big/{written}"), &value, None);
        if outcome.is_err() {
            return Ok(json!({ "written": written, "code": code(&outcome) }));
        }
    }
    Ok(json!({ "written": 2048, "code": "ok" }))
}

/// Leaves a note for the database, and answers the one that was there.
pub(crate) fn note(_call: &Call, input: Value) -> Seen {
    let before = store::get(Scope::Database, "note")?;
    store::set(Scope::Database, "note", input["note"].as_str().unwrap_or_default().as_bytes(), None)?;
    billing::authorize(&units(1))?.capture()?;
    Ok(json!({ "before": before.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()) }))
}

pub(crate) fn no_hold_http(_call: &Call, _: Value) -> Seen {
    Ok(saw(&http::Request::get("target", "/").send()))
}

pub(crate) fn undeclared_endpoint(_call: &Call, _: Value) -> Seen {
    let _hold = billing::authorize(&units(1))?;
    Ok(saw(&http::Request::get("elsewhere", "/").send()))
}

#[derive(Deserialize)]
pub(crate) struct Visit {
    path: String,
    /// `target` if absent.
    endpoint: Option<String>,
    /// `GET` if absent.
    method: Option<String>,
    /// Whether to capture afterwards; yes if absent.
    capture: Option<bool>,
}

pub(crate) fn hold_and_http(_call: &Call, input: Visit) -> Seen {
    let hold = billing::authorize(&units(1))?;
    let method = input.method.as_deref().unwrap_or("GET");
    let outcome = http::Request::new(method, input.endpoint.as_deref().unwrap_or("target"), input.path).send();
    if let (Some(endpoint), Ok(response)) = (&input.endpoint, &outcome) {
        log::info!("{endpoint} said {}", response.text());
    }
    let captured = if input.capture.unwrap_or(true) { Some(hold.capture()?) } else { None };
    let mut seen = json!({ "code": code(&outcome), "captured": captured });
    match outcome {
        Ok(response) => {
            seen["status"] = response.status.into();
            seen["text"] = response.text().into();
        }
        Err(error) => seen["sent"] = error.sent.into(),
    }
    Ok(seen)
}

/// Takes its credits first and relies on the provider afterwards.
pub(crate) fn careless(_call: &Call, input: Visit) -> Seen {
    billing::authorize(&units(1))?.capture()?;
    let response = http::Request::post("target", input.path).send().expect("the provider answers");
    Ok(json!({ "status": response.status }))
}
