//! `POST …/deliveries/letters`: a letter is made of an uploaded document.

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Shared,
    auth::Caller,
    error::{ApiError, json_api},
    letter::{Letter, Status},
    outbox::Known,
    pdf, post,
};
use crate::random;

/// The most pages of a letter.
const MOST_PAGES: usize = 500;

/// The largest document.
const MOST_BYTES: usize = 8_000_000;

#[derive(Deserialize)]
struct Body {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "type")]
    kind: String,
    attributes: Attributes,
}

#[derive(Deserialize)]
struct Attributes {
    file_original_name: String,
    file_url: String,
    file_url_signature: String,
    address_position: String,
    auto_send: bool,
    #[serde(default)]
    delivery_product: Option<String>,
    #[serde(default)]
    print_mode: Option<String>,
    #[serde(default)]
    print_spectrum: Option<String>,
}

pub(super) async fn handler(
    State(printer): State<Shared>,
    _: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let is_json_api =
        |value: &str| value.split(';').next().is_some_and(|kind| kind.trim() == "application/vnd.api+json");
    if !headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(is_json_api) {
        let detail = "Send application/vnd.api+json.";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type", detail));
    }
    let body: Body = serde_json::from_slice(&body).map_err(|error| ApiError::member(error.to_string()))?;
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if key.len() > 64 {
        return Err(ApiError::member("Idempotency-Key: at most 64 characters"));
    }
    let (letter, fingerprint) = check(&printer, body.data, key)?;
    let resource = |letter: &Letter| json!({ "data": letter.resource(&printer.options.organisation) });
    let (id, pages, answer) = (letter.id.clone(), letter.pages, resource(&letter));
    let faults = printer.faults.get();
    if faults.refuse_pages == Some(pages) {
        return Err(ApiError::member("file_url: this letter is not printed"));
    }
    let known = printer.outbox.take(letter, &fingerprint);
    if faults.lose_pages == Some(pages) {
        return Err(ApiError::from_status(StatusCode::BAD_GATEWAY));
    }
    match known {
        Known::New => {
            tracing::info!(letter.id = %id, "Took letter {id}");
            post::schedule(&printer, id);
            Ok(json_api(StatusCode::CREATED, &answer))
        }
        Known::Again(letter) => Ok(json_api(StatusCode::CREATED, &resource(&letter))),
        Known::Other => Err(ApiError::member("Idempotency-Key: another request had it")),
    }
}

fn check(printer: &Shared, data: Data, key: &str) -> Result<(Letter, String), ApiError> {
    if data.kind != "letters" {
        return Err(ApiError::member("data.type: must be letters"));
    }
    let attributes = data.attributes;
    if !(5..=255).contains(&attributes.file_original_name.chars().count()) {
        return Err(ApiError::member("file_original_name: 5 to 255 characters"));
    }
    let position = one_of("address_position", Some(&attributes.address_position), &["left", "right"])?;
    let (product, mode, spectrum) = if attributes.auto_send {
        (
            one_of(
                "delivery_product",
                attributes.delivery_product.as_deref(),
                &["cheap", "fast", "bulk", "premium", "registered"],
            )?,
            one_of("print_mode", attributes.print_mode.as_deref(), &["simplex", "duplex"])?,
            one_of("print_spectrum", attributes.print_spectrum.as_deref(), &["color", "grayscale"])?,
        )
    } else {
        (String::new(), String::new(), String::new())
    };
    let document = printer.slots.document(&attributes.file_url, &attributes.file_url_signature)?;
    if document.len() > MOST_BYTES {
        return Err(ApiError::member("file_url: the document is larger than 8 MB"));
    }
    let pages = pdf::pages(&document).ok_or_else(|| ApiError::member("file_url: what was put there is no PDF"))?;
    if pages > MOST_PAGES {
        return Err(ApiError::member(format!("file_url: {pages} pages are too many")));
    }
    let fingerprint: Value = json!([position, product, mode, spectrum, pages, document.len(), attributes.auto_send]);
    let faults = printer.faults.get();
    let letter = Letter {
        id: uuid(),
        idempotency_key: key.to_owned(),
        document,
        pages,
        file_name: attributes.file_original_name,
        address_position: position,
        delivery_product: product,
        print_mode: mode,
        print_spectrum: spectrum,
        status: Status::Validating,
        fate: faults.fate,
        is_draft: !attributes.auto_send,
        is_held: faults.hold,
        created: Timestamp::now(),
    };
    Ok((letter, fingerprint.to_string()))
}

fn one_of(name: &str, value: Option<&str>, allowed: &[&str]) -> Result<String, ApiError> {
    let value = value.ok_or_else(|| ApiError::member(format!("{name}: required")))?;
    if allowed.contains(&value) {
        return Ok(value.to_owned());
    }
    Err(ApiError::member(format!("{name}: one of {}", allowed.join(", "))))
}

/// An id as the printer's are.
pub(super) fn uuid() -> String {
    let hex = random::hex32();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
