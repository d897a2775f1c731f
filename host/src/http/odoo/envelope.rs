//! The JSON-RPC envelope (protocol reference §2, Odoo 13 to 19).
//!
//! Every application answer has HTTP status 200: an Odoo client never reads the body of another one.
//! `error` is absent on success; `error.data.name` and `.message` are always strings.

use axum::{
    body::{Body, Bytes},
    http::header::CONTENT_TYPE,
    response::Response,
};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use super::errors::Wrong;
use crate::{
    blobs::Taken,
    http::upload::{Budget, Room},
};

/// Largest body of the host's own paths.
pub const MAX_BODY: usize = 1 << 20;

/// Bytes of a body that is read by a thread of its own, so that the others go on serving.
const LARGE: usize = 256 << 10;

/// A request taken apart.
pub struct Envelope {
    /// To be echoed; of any type.
    pub id: Value,
    /// Named arguments; `null` where a document was.
    pub params: Map<String, Value>,
    /// The same as sent, for exact numbers, and its documents.
    pub taken: Taken,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Raw<'a> {
    #[serde(default)]
    id: Value,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

impl Envelope {
    /// Reads a body of at most `max_body` bytes. The error comes with the id, where it could be read.
    pub async fn read(budget: &Budget, body: Body, max_body: usize) -> Result<Self, (Value, Wrong)> {
        Self::read_with(budget, body, max_body, &[]).await
    }

    /// The same, with documents in params where `blobs` say.
    pub async fn read_with(
        budget: &Budget,
        body: Body,
        max_body: usize,
        blobs: &[String],
    ) -> Result<Self, (Value, Wrong)> {
        let refused = |message: String| (Value::Null, Wrong::user(message));
        let upload = budget.read(body, max_body).await.map_err(|error| refused(error.to_string()))?;
        if upload.bytes.len() < LARGE {
            return Self::parse(&upload.bytes, blobs, Some(upload.room));
        }
        let blobs = blobs.to_vec();
        let parsed = tokio::task::spawn_blocking(move || Self::parse(&upload.bytes, &blobs, Some(upload.room))).await;
        parsed.unwrap_or_else(|_| Err(refused("the host could not read the request; try again in a moment".to_owned())))
    }

    fn parse(bytes: &Bytes, blobs: &[String], room: Option<Room>) -> Result<Self, (Value, Wrong)> {
        let refused = |why: &str| {
            let message = format!(
                "the request is not a JSON-RPC object ({why}); send {{\"jsonrpc\": \"2.0\", \"method\": \"call\", \"params\": {{…}}, \"id\": …}}"
            );
            (Value::Null, Wrong::user(message))
        };
        // Members of a struct may also come as a list, for serde; not for JSON-RPC.
        if bytes.trim_ascii_start().starts_with(b"[") {
            return Err(refused("it is a list"));
        }
        let Raw { id, params } = serde_json::from_slice(bytes).map_err(|error| refused(&error.to_string()))?;
        let input = match params.map(RawValue::get) {
            None | Some("null") => Bytes::from_static(b"{}"),
            Some(text) => bytes.slice_ref(text.as_bytes()),
        };
        let wrong = |message: String| (id.clone(), Wrong::user(message));
        let not_named = || wrong("params must be an object of named arguments".to_owned());
        if !input.starts_with(b"{") {
            return Err(not_named());
        }
        let taken = Taken::out_of(&input, blobs, room).map_err(|error| wrong(error.to_string()))?;
        match serde_json::from_slice(&taken.without_documents()) {
            Ok(Value::Object(params)) => Ok(Self { id, params, taken }),
            _ => Err(not_named()),
        }
    }
}

/// An answer with a result.
pub fn success(id: &Value, result: &str) -> Response {
    respond(format!("{{\"jsonrpc\": \"2.0\", \"id\": {id}, \"result\": {result}}}"))
}

/// An answer with an error.
pub fn failure(id: &Value, wrong: &Wrong) -> Response {
    respond(format!("{{\"jsonrpc\": \"2.0\", \"id\": {id}, \"error\": {}}}", wrong.to_json()))
}

/// An answer with either.
pub fn answer(id: &Value, result: Result<Value, Wrong>) -> Response {
    match result {
        Ok(result) => success(id, &result.to_string()),
        Err(wrong) => failure(id, &wrong),
    }
}

fn respond(body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, axum::http::HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        Envelope::parse(&Bytes::from(text.to_owned()), &[], None).err().expect("wrong").1.message
    }

    #[test]
    fn what_is_no_request_is_named() {
        assert!(
            wrong("<html>")
                .starts_with("the request is not a JSON-RPC object (expected value at line 1 column 1); send {")
        );
        assert!(wrong("[1]").starts_with("the request is not a JSON-RPC object"));
        assert_eq!(wrong("{\"params\": [1]}"), "params must be an object of named arguments");
        assert_eq!(wrong("{\"params\": false}"), "params must be an object of named arguments");
    }

    #[test]
    fn any_id_is_echoed_and_missing_params_are_none() {
        for id in ["7", "\"a\"", "null", "{\"x\":1}"] {
            let text = format!("{{\"id\": {id}, \"extra\": 1}}");
            let Ok(envelope) = Envelope::parse(&Bytes::from(text), &[], None) else {
                panic!("id {id} is refused");
            };
            assert_eq!(envelope.id.to_string(), id);
            assert!(envelope.params.is_empty());
        }
        let broken =
            Envelope::parse(&Bytes::from_static(b"{\"id\": 5, \"params\": 3}"), &[], None).err().expect("wrong");
        assert_eq!(broken.0, Value::from(5));
    }
}
