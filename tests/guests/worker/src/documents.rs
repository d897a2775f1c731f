//! Documents that doors took out of requests.

use iap_sdk::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

/// Answers its input as the plugin sees it, with the first bytes of each document, and which documents are repeats.
pub(crate) fn documents(call: &Call, input: Value) -> Result<Value, Failure> {
    let documents = input["documents"].as_array().cloned().unwrap_or_default();
    let mut repeats = 0;
    let mut starts = Vec::new();
    let mut fresh = Vec::new();
    for document in &documents {
        let pdf = &document["pdf"];
        let key = format!("{}:{}", plain(&document["id"]), pdf["sha256"].as_str().unwrap_or_default());
        if call.remembered(&key).is_some() {
            repeats += 1;
            continue;
        }
        if let Some(id) = pdf["blob"].as_str() {
            starts.push(String::from_utf8_lossy(&blobs::read(id, 0, 8)?).into_owned());
            fresh.push(key);
        }
    }
    if !fresh.is_empty() && input["charge"] != json!(false) {
        let mut capture = Capture::new();
        for key in &fresh {
            capture = capture.remember(key, &json!("seen"));
        }
        let pieces = [Line::new("piece", u64::try_from(fresh.len()).unwrap_or(u64::MAX))];
        billing::authorize(&pieces)?.capture_with(&pieces, capture)?;
    }
    Ok(json!({ "saw": input, "starts": starts, "repeats": repeats, "standing": call.context.standing }))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[derive(Deserialize)]
pub(crate) struct Part {
    blob: String,
    offset: u64,
    length: u32,
}

pub(crate) fn read(_call: &Call, part: Part) -> Result<Value, Failure> {
    Ok(match blobs::read(&part.blob, part.offset, part.length) {
        Ok(bytes) => json!({ "code": "ok", "bytes": bytes }),
        Err(error) => json!({ "code": error.code, "message": error.message }),
    })
}

#[derive(Deserialize)]
pub(crate) struct New {
    size: usize,
    ttl: u32,
}

pub(crate) fn put(_call: &Call, new: New) -> Result<Value, Failure> {
    let bytes: Vec<u8> = (0..new.size).map(|n| u8::try_from(n % 251).unwrap_or(0)).collect();
    Ok(match blobs::put("application/x-test", &bytes, new.ttl) {
        Ok(info) => json!({ "code": "ok", "id": info.id, "size": info.size }),
        Err(error) => json!({ "code": error.code, "message": error.message }),
    })
}
