//! JSON in and out, with errors that name the member.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Failure;

/// Reads a request's JSON; empty counts as `null`.
///
/// A wrong member becomes [`Failure::BadRequest`] with its path.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let bytes = if bytes.is_empty() { b"null" } else { bytes };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = match error.path().to_string() {
            whole if whole == "." => String::new(),
            path => path,
        };
        bad_member(path, error.inner())
    })?;
    reader.end().map_err(|error| Failure::bad_request("", format!("nothing may follow the JSON: {error}")))?;
    Ok(value)
}

fn bad_member(path: String, error: &serde_json::Error) -> Failure {
    if !error.is_data() {
        return Failure::bad_request("", format!("the body is not JSON: {error}"));
    }
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&place).unwrap_or(&text);
    // Serde blames the object for a member that is not there; people look for the member.
    match text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        Some(missing) if path.is_empty() => Failure::bad_request(missing, "missing"),
        Some(missing) => Failure::bad_request(format!("{path}.{missing}"), "missing"),
        None => Failure::bad_request(path, text),
    }
}

/// Writes JSON.
///
/// # Panics
///
/// If the value cannot be JSON, as a map whose keys are not strings: a defect
/// that the first test of the plugin shows.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    match serde_json::to_vec(value) {
        Ok(bytes) => bytes,
        Err(error) => panic!("this value cannot be written as JSON: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Batch {
        #[expect(dead_code, reason = "only parsed")]
        messages: Vec<Message>,
    }

    #[derive(Debug, Deserialize)]
    struct Message {
        #[expect(dead_code, reason = "only parsed")]
        number: String,
    }

    fn refused(input: &str) -> (String, String) {
        match parse::<Batch>(input.as_bytes()) {
            Err(Failure::BadRequest { field, message }) => (field, message),
            other => panic!("expected a bad request, got {other:?}"),
        }
    }

    #[test]
    fn a_wrong_member_is_named() {
        let (field, message) = refused(r#"{"messages": [{"number": "1"}, {"number": 2}]}"#);
        assert_eq!(field, "messages[1].number");
        assert_eq!(message, "invalid type: integer `2`, expected a string");
    }

    #[test]
    fn a_missing_member_is_named() {
        assert_eq!(refused(r#"{"messages": [{}]}"#), ("messages[0].number".into(), "missing".into()));
        assert_eq!(refused("{}"), ("messages".into(), "missing".into()));
    }

    #[test]
    fn what_is_not_json_is_said_to_be_not_json() {
        let (field, message) = refused("{");
        assert_eq!(field, "");
        assert!(message.starts_with("the body is not JSON"), "{message}");
        assert!(refused(r#"{"messages": []} x"#).1.starts_with("nothing may follow"));
    }

    #[test]
    fn an_empty_payload_is_null() {
        parse::<()>(b"").unwrap();
        assert_eq!(parse::<Option<u8>>(b""), Ok(None));
    }
}
