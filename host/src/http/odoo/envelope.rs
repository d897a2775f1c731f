//! The JSON-RPC envelope (protocol reference §2, Odoo 13 to 19).
//!
//! Every application answer has HTTP status 200: an Odoo client never reads the body of another one.
//! `error` is absent on success; `error.data.name` and `.message` are always strings.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    http::header::CONTENT_TYPE,
    response::Response,
};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use super::errors::Wrong;

/// Largest body of the host's own paths.
pub const MAX_BODY: usize = 1 << 20;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request taken apart.
pub struct Envelope {
    /// To be echoed; of any type.
    pub id: Value,
    /// Named arguments.
    pub params: Map<String, Value>,
    /// The same as sent, for exact numbers.
    pub raw_params: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Raw {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    params: Option<Box<RawValue>>,
}

impl Envelope {
    /// Reads a body of at most `max_body` bytes. The error comes with the id, where it could be read.
    pub async fn read(body: Body, max_body: usize) -> Result<Self, (Value, Wrong)> {
        let refused = |message: String| (Value::Null, Wrong::user(message));
        let read = tokio::time::timeout(PATIENCE, to_bytes(body, max_body)).await;
        let bytes = read
            .map_err(|_| refused("the request did not arrive within 30 s; send it again".to_owned()))?
            .map_err(|_| refused(format!("the request has more than {max_body} bytes; send less at once")))?;
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Result<Self, (Value, Wrong)> {
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
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| refused(&error.to_string()))?;
        let Raw { id, params } = raw;
        let raw_params = params.unwrap_or_else(|| RawValue::from_string("{}".to_owned()).expect("it is JSON"));
        match serde_json::from_str(raw_params.get()) {
            Ok(Value::Object(params)) => Ok(Self { id, params, raw_params }),
            Ok(Value::Null) => Ok(Self {
                id,
                params: Map::new(),
                raw_params: RawValue::from_string("{}".to_owned()).expect("it is JSON"),
            }),
            _ => Err((id, Wrong::user("params must be an object of named arguments".to_owned()))),
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
        Envelope::parse(text.as_bytes()).err().expect("wrong").1.message
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
            let Ok(envelope) = Envelope::parse(format!("{{\"id\": {id}, \"extra\": 1}}").as_bytes()) else {
                panic!("id {id} is refused");
            };
            assert_eq!(envelope.id.to_string(), id);
            assert!(envelope.params.is_empty());
        }
        let broken = Envelope::parse(b"{\"id\": 5, \"params\": 3}").err().expect("wrong");
        assert_eq!(broken.0, Value::from(5));
    }
}
