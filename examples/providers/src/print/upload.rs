//! Where documents are put: an address that is signed for one document and a short while.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use axum::{
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Shared,
    auth::Caller,
    error::{ApiError, json_api},
};
use crate::{random, sync::lock};

/// How long an address is good.
const LIFE: Duration = Duration::from_secs(600);

/// Addresses kept; the oldest are forgotten.
const KEPT: usize = 2_000;

/// An address and what was put there.
struct Slot {
    url: String,
    query: String,
    signature: String,
    given: Instant,
    document: Option<Bytes>,
}

/// All addresses.
#[derive(Default)]
pub(super) struct Slots(Mutex<HashMap<String, Slot>>);

impl Slots {
    /// The document of an address that is given with its right signature.
    pub(super) fn document(&self, url: &str, signature: &str) -> Result<Bytes, ApiError> {
        let slots = lock(&self.0);
        let slot = slots.values().find(|slot| slot.url == url);
        let slot = slot.ok_or_else(|| ApiError::member("file_url: not an address that was given out"))?;
        if slot.signature != signature {
            return Err(ApiError::member("file_url_signature: does not belong to the file_url"));
        }
        slot.document.clone().ok_or_else(|| ApiError::member("file_url: nothing was put there"))
    }
}

/// `GET /file-upload`.
pub(super) async fn slot(State(printer): State<Shared>, _: Caller, headers: HeaderMap) -> Response {
    let id = random::hex32();
    let query = random::hex32();
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let url = format!("http://{host}/uploads/{id}?signature={query}");
    // As a hash of a password looks, with all its awkward letters.
    let signature = format!("$2y$10${}/{}", random::hex32(), &id[..8]);
    let slot = Slot { url: url.clone(), query, signature: signature.clone(), given: Instant::now(), document: None };
    let mut slots = lock(&printer.slots.0);
    if slots.len() >= KEPT {
        slots.retain(|_, slot| slot.given.elapsed() < LIFE && slot.document.is_none());
    }
    slots.insert(id.clone(), slot);
    let attributes = json!({ "url": url, "url_signature": signature, "expires_at": "2099-01-01T00:00:00+0100" });
    json_api(StatusCode::OK, &json!({ "data": { "id": id, "type": "file_uploads", "attributes": attributes } }))
}

#[derive(Deserialize)]
pub(super) struct Signed {
    #[serde(default)]
    signature: String,
}

/// `PUT /uploads/{id}?signature=…`: as storages do, without a token.
pub(super) async fn put(
    State(printer): State<Shared>,
    Path(id): Path<String>,
    Query(signed): Query<Signed>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    if headers.contains_key(header::AUTHORIZATION) {
        // A storage takes one proof only.
        return StatusCode::BAD_REQUEST;
    }
    let mut slots = lock(&printer.slots.0);
    match slots.get_mut(&id) {
        Some(slot) if slot.query == signed.signature && slot.given.elapsed() < LIFE => {
            slot.document = Some(body);
            StatusCode::CREATED
        }
        Some(_) => StatusCode::FORBIDDEN,
        None => StatusCode::NOT_FOUND,
    }
}
