//! Bodies, queries and paths, with every mistake named at its member.

use axum::{
    Json as AxumJson,
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request, path::ErrorKind, rejection::PathRejection},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::problem::{BAD_REQUEST, NOT_FOUND, Problem, TOO_LARGE};

/// Largest body of a request, in bytes.
pub const MAX_BODY: usize = 1 << 20;

/// A JSON body: read with the path of what is wrong, written as it is.
#[derive(Clone, Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Problem::new(TOO_LARGE, format!("the body has more than {MAX_BODY} bytes; send less at once"))
            }
            _ => Problem::new(BAD_REQUEST, "the body broke off; send it again"),
        })?;
        parse(&bytes).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        AxumJson(self.0).into_response()
    }
}

/// Reads a body.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        of_json(&path, error.inner())
    })?;
    reader.end().map_err(|error| of_json(".", &error))?;
    Ok(value)
}

fn of_json(path: &str, error: &serde_json::Error) -> Problem {
    let words = error.to_string();
    if !error.is_data() {
        return Problem::new(BAD_REQUEST, format!("the body is not JSON: {words}"));
    }
    let place = format!(" at line {} column {}", error.line(), error.column());
    of_value(path, words.strip_suffix(&place).unwrap_or(&words))
}

/// A value that its type does not take; `.` is the path of the whole.
fn of_value(path: &str, words: &str) -> Problem {
    let parent = if path == "." { "" } else { path };
    if let Some(name) = named(words, "missing field `") {
        let field = join(parent, name);
        return Problem::new(BAD_REQUEST, format!("{field:?} is missing; send it")).at(field);
    }
    if let Some(name) = named(words, "unknown field `") {
        let above = parent.strip_suffix(name).map_or(parent, |above| above.trim_end_matches('.'));
        let field = join(above, name);
        let known = words.split_once("expected ").map_or("none", |(_, known)| known).replace('`', "\"");
        return Problem::new(BAD_REQUEST, format!("{field:?} is unknown here; send only {known}")).at(field);
    }
    if let Some(name) = named(words, "duplicate field `") {
        let field = join(parent.strip_suffix(name).map_or(parent, |above| above.trim_end_matches('.')), name);
        return Problem::new(BAD_REQUEST, format!("{field:?} is there twice; send it once")).at(field);
    }
    if parent.is_empty() {
        return Problem::new(BAD_REQUEST, format!("the request is wrong: {words}"));
    }
    Problem::new(BAD_REQUEST, format!("{parent:?}: {words}")).at(parent)
}

fn named<'a>(words: &'a str, prefix: &str) -> Option<&'a str> {
    words.strip_prefix(prefix)?.split('`').next()
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

/// The query of an address.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes());
        let reader = serde::de::value::MapDeserializer::<_, serde::de::value::Error>::new(pairs);
        let read = serde_path_to_error::deserialize(reader);
        read.map(Self).map_err(|error| of_value(&error.path().to_string(), &error.inner().to_string()))
    }
}

/// The `{name}` segments of a path; one that cannot be is an address where nothing is.
#[derive(Clone, Debug)]
pub struct Segments<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(segments)) => Ok(Self(segments)),
            Err(PathRejection::FailedToDeserializePathParams(error)) => Err(Problem::new(
                NOT_FOUND,
                match error.into_kind() {
                    ErrorKind::DeserializeError { message, .. } | ErrorKind::Message(message) => message,
                    other => other.to_string(),
                },
            )),
            Err(other) => Err(Problem::host(other)),
        }
    }
}

/// A member that may be absent (with `default`) though not `null`; also a parameter of a query.
pub fn given<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(reader: D) -> Result<Option<T>, D::Error> {
    T::deserialize(reader).map(Some)
}

#[cfg(test)]
mod tests {
    use iap_core::Credits;

    use super::*;
    use crate::http::v1::{page::PageQuery, values};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[serde(deserialize_with = "values::credits")]
        credits: Credits,
        #[serde(default)]
        packs: Vec<Pack>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pack {
        name: String,
    }

    #[tokio::test]
    async fn a_query_is_read_and_what_it_has_too_much_is_named() {
        let read = async |query: &str| {
            let request = axum::http::Request::builder().uri(format!("/v1/databases?{query}")).body(()).unwrap();
            let (mut parts, ()) = request.into_parts();
            Query::<PageQuery>::from_request_parts(&mut parts, &()).await.map(|Query(page)| page)
        };
        let page = read("limit=2&cursor=a%20b").await.unwrap();
        assert_eq!((page.limit.as_deref(), page.cursor.as_deref()), (Some("2"), Some("a b")));
        assert_eq!(read("").await.unwrap().limit, None);
        let problem = read("limt=2").await.unwrap_err();
        assert_eq!(problem.detail, "\"limt\" is unknown here; send only \"cursor\" or \"limit\"");
    }

    fn wrong(body: &str) -> (String, Option<String>) {
        let problem = parse::<Order>(body.as_bytes()).unwrap_err();
        assert_eq!((problem.status, &*problem.code), (400, "bad-request"), "{body}");
        (problem.detail.clone(), problem.field.clone())
    }

    #[test]
    fn a_right_body_is_read() {
        let order: Order = parse(br#" {"credits": "0.5", "packs": [{"name": "a"}]} "#).unwrap();
        assert_eq!((order.credits, &*order.packs[0].name), (Credits::from_micros(500_000), "a"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_path() {
        for (body, detail, field) in [
            ("", "the body is not JSON: EOF while parsing a value at line 1 column 0", None),
            ("{", "the body is not JSON: EOF while parsing an object at line 1 column 1", None),
            ("{}x", "\"credits\" is missing; send it", Some("credits")),
            (r#"{"credits":"1"} x"#, "the body is not JSON: trailing characters at line 1 column 17", None),
            (r#"{"credits": "1.0000001"}"#, "\"credits\": \"1.0000001\" has more than 6 decimals", Some("credits")),
            (
                r#"{"credits": 1.5}"#,
                "\"credits\": invalid type: floating point `1.5`, expected a decimal as text, such as \"12.5\"",
                Some("credits"),
            ),
            (r#"{"credits": "x"}"#, "\"credits\": \"x\" is not a decimal number such as \"12.5\"", Some("credits")),
            (r#"{"credits": "1", "packs": [{}]}"#, "\"packs[0].name\" is missing; send it", Some("packs[0].name")),
            (
                r#"{"credits": "1", "packs": [{"name": 5}]}"#,
                "\"packs[0].name\": invalid type: integer `5`, expected a string",
                Some("packs[0].name"),
            ),
            (r#"{"credits": "1", "credits": "1"}"#, "\"credits\" is there twice; send it once", Some("credits")),
            (
                r#"{"credits": "1", "packs": [{"name": "a", "name": "b"}]}"#,
                "\"packs[0].name\" is there twice; send it once",
                Some("packs[0].name"),
            ),
            (
                r#"{"credits": "1", "packs": [{"nam": "a"}]}"#,
                "\"packs[0].nam\" is unknown here; send only \"name\"",
                Some("packs[0].nam"),
            ),
            (r#"{"credit": "1"}"#, "\"credit\" is unknown here; send only \"credits\" or \"packs\"", Some("credit")),
            ("[1]", "\"[0]\": invalid type: integer `1`, expected a decimal as text, such as \"12.5\"", Some("[0]")),
            ("3", "the request is wrong: invalid type: integer `3`, expected struct Order", None),
        ] {
            assert_eq!(wrong(body), (detail.to_owned(), field.map(str::to_owned)), "{body}");
        }
    }
}
