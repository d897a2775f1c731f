//! `POST /check-vat-number`: what is checked, and what is answered.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{Check, Register, failed};

/// Member states, and Northern Ireland.
const COUNTRIES: [&str; 28] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "XI",
];

/// Those that publish no names and addresses.
const SILENT: [&str; 2] = ["DE", "ES"];

/// Numbers of the test service that stand for an error.
const ERRORS: [(&str, &str); 11] = [
    ("201", "INVALID_INPUT"),
    ("202", "INVALID_REQUESTER_INFO"),
    ("300", "SERVICE_UNAVAILABLE"),
    ("301", "MS_UNAVAILABLE"),
    ("302", "TIMEOUT"),
    ("400", "VAT_BLOCKED"),
    ("401", "IP_BLOCKED"),
    ("500", "GLOBAL_MAX_CONCURRENT_REQ"),
    ("501", "GLOBAL_MAX_CONCURRENT_REQ_TIME"),
    ("600", "MS_MAX_CONCURRENT_REQ"),
    ("601", "MS_MAX_CONCURRENT_REQ_TIME"),
];

/// What the API takes. Another member is a mistake of the caller's that is worth seeing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Question {
    country_code: String,
    vat_number: String,
    #[serde(default)]
    requester_member_state_code: Option<String>,
    #[serde(default)]
    requester_number: Option<String>,
}

pub(super) async fn handler(State(register): State<Register>, headers: HeaderMap, body: Bytes) -> Response {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().is_none_or(|kind| kind.trim() != "application/json") {
        return failed(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let Ok(question) = serde_json::from_slice::<Question>(&body) else { return failed(StatusCode::BAD_REQUEST) };
    let found = look_up(&question);
    let answer = match found {
        Ok(true) => "valid",
        Ok(false) => "invalid",
        Err(code) => code,
    };
    let at = format!("{:.3}", Timestamp::now());
    let Question { country_code: country, vat_number: number, .. } = question;
    register.note(Check {
        country: country.clone(),
        number: number.clone(),
        answer: answer.to_owned(),
        at: at.clone(),
    });
    let is_valid = match found {
        Ok(is_valid) => is_valid,
        // The API answers errors with status 200, too.
        Err(code) => {
            return Json(json!({ "actionSucceed": false, "errorWrappers": [{ "error": code }] })).into_response();
        }
    };
    let is_published = is_valid && !SILENT.contains(&country.as_str());
    let (name, address) = if is_published {
        (format!("COMPANY {number}"), format!("MAIN STREET 1\n1000 {country}"))
    } else {
        ("---".to_owned(), "---".to_owned())
    };
    Json(json!({
        "countryCode": country, "vatNumber": number, "requestDate": at, "valid": is_valid, "requestIdentifier": "",
        "name": name, "address": address,
        "traderName": "---", "traderStreet": "---", "traderPostalCode": "---", "traderCity": "---",
        "traderCompanyType": "---", "traderNameMatch": "NOT_PROCESSED", "traderStreetMatch": "NOT_PROCESSED",
        "traderPostalCodeMatch": "NOT_PROCESSED", "traderCityMatch": "NOT_PROCESSED",
        "traderCompanyTypeMatch": "NOT_PROCESSED",
    }))
    .into_response()
}

/// Whether a number is in the register, or why that cannot be said.
fn look_up(question: &Question) -> Result<bool, &'static str> {
    let number = question.vat_number.as_str();
    if !COUNTRIES.contains(&question.country_code.as_str()) {
        return Err("INVALID_INPUT");
    }
    if question.requester_member_state_code.is_some() != question.requester_number.is_some() {
        return Err("INVALID_REQUESTER_INFO");
    }
    if let Some((_, code)) = ERRORS.into_iter().find(|(test, _)| *test == number) {
        return Err(code);
    }
    let allowed = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase() || matches!(b, b'+' | b'*');
    if !(2..=12).contains(&number.len()) || !number.bytes().all(allowed) || number.bytes().all(|b| !b.is_ascii_digit())
    {
        return Err("INVALID_INPUT");
    }
    Ok(number == "100" || !number.ends_with('0'))
}
