//! `GET …/Messages/{sid}.json` and `GET …/Messages.json`.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shared, auth::Caller, error::ApiError};

/// One message.
pub(super) async fn one(
    State(carrier): State<Shared>,
    _: Caller,
    Path((account, file)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let sid = file.strip_suffix(".json").unwrap_or(&file);
    let message = carrier
        .inbox
        .get(sid)
        .ok_or_else(|| ApiError::missing(&format!("/2010-04-01/Accounts/{account}/Messages/{file}")))?;
    Ok(Json(message.resource(&account)))
}

/// Filters and page of a list. Numbers come as text so that a bad one gets Twilio's error.
#[derive(Deserialize)]
pub(super) struct Listing {
    #[serde(rename = "To")]
    to: Option<String>,
    #[serde(rename = "From")]
    from: Option<String>,
    #[serde(rename = "PageSize")]
    page_size: Option<String>,
    #[serde(rename = "Page")]
    page: Option<String>,
}

/// The kept messages, newest first, in pages of 50 unless told.
pub(super) async fn list(
    State(carrier): State<Shared>,
    _: Caller,
    Path(account): Path<String>,
    Query(listing): Query<Listing>,
) -> Result<Json<Value>, ApiError> {
    let number = |text: &Option<String>, default: usize| match text {
        Some(text) => text.parse().map_err(|_| ApiError::field(20001, format!("{text} is not a valid page number"))),
        None => Ok(default),
    };
    let size = number(&listing.page_size, 50)?.clamp(1, 1000);
    let page = number(&listing.page, 0)?;
    let start = page.saturating_mul(size);
    let end = start.saturating_add(size);
    let found = carrier.inbox.newest(end.saturating_add(1), |message| {
        listing.to.as_deref().is_none_or(|to| to == message.to)
            && listing.from.as_deref().is_none_or(|from| Some(from) == message.from())
    });
    let more = found.len() > end;
    let messages: Vec<Value> = found.iter().skip(start).take(size).map(|message| message.resource(&account)).collect();
    let uri = |page: usize| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("To", &listing.to), ("From", &listing.from)] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        query.append_pair("PageSize", &size.to_string()).append_pair("Page", &page.to_string());
        format!("/2010-04-01/Accounts/{account}/Messages.json?{}", query.finish())
    };
    Ok(Json(json!({
        "page": page,
        "page_size": size,
        "start": start,
        "end": start.saturating_add(messages.len()).saturating_sub(1),
        "uri": uri(page),
        "first_page_uri": uri(0),
        "previous_page_uri": page.checked_sub(1).map(uri),
        "next_page_uri": more.then(|| uri(page.saturating_add(1))),
        "messages": messages,
    })))
}
