//! The hook `status`: the printer tells what became of letters.

use iap_sdk::{keys::Algorithm, prelude::*};
use serde::Deserialize;
use serde_json::json;

use crate::{provider, records};

/// How long an event is known again, in seconds.
const KNOWN_FOR: u32 = 30 * 24 * 3600;

#[derive(Deserialize)]
struct Event {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    attributes: Attributes,
    #[serde(default)]
    relationships: Relationships,
}

#[derive(Default, Deserialize)]
struct Attributes {
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Relationships {
    letter: Option<Related>,
    /// As newer webhooks name it.
    deliverable: Option<Related>,
    event: Option<Related>,
}

#[derive(Deserialize)]
struct Related {
    data: Option<Identity>,
}

#[derive(Deserialize)]
struct Identity {
    id: String,
}

impl Relationships {
    fn letter(&self) -> Option<&str> {
        let related = self.letter.as_ref().or(self.deliverable.as_ref())?;
        Some(related.data.as_ref()?.id.as_str()).filter(|id| provider::is_id(id))
    }

    fn event(&self) -> Option<&str> {
        Some(self.event.as_ref()?.data.as_ref()?.id.as_str())
    }
}

/// Answers a webhook. Nothing is believed, or stored, before its signature is verified.
pub fn answer(request: &HookRequest) -> HookResponse {
    if !is_signed(request) {
        return problem(403, "The signature is missing or wrong.");
    }
    let Ok(event) = request.json::<Event>() else {
        return problem(400, "The body is no event.");
    };
    let data = event.data;
    let Some(letter) = data.relationships.letter() else {
        // Of something else than letters.
        return HookResponse::ok();
    };
    let name = data.relationships.event().unwrap_or(&data.id);
    let kind = data.kind.strip_prefix("webhook_").unwrap_or(&data.kind);
    if !matches!(kind, "sent" | "delivered" | "issues" | "undeliverable") {
        return HookResponse::ok();
    }
    let reason = provider::cut(data.attributes.reason.as_deref().unwrap_or_default());
    match note(letter, kind, name, &reason) {
        Ok(()) => HookResponse::ok(),
        Err(error) => {
            log::error!("news of a letter are not kept: {error}");
            problem(503, "Try again later.")
        }
    }
}

/// Notes an event once.
fn note(letter: &str, kind: &str, event: &str, reason: &str) -> Result<(), store::Error> {
    let mark = format!("event/{kind}/{}", crate::print::digest(letter, event));
    if store::get(Scope::Service, &mark)?.is_some() {
        return Ok(());
    }
    records::add_news(letter, |news| {
        match kind {
            "sent" | "delivered" => news.sent = true,
            "undeliverable" => news.undeliverable = true,
            // What was posted has no issues any more.
            _ => news.failed = !news.sent,
        }
        if !reason.is_empty() {
            news.reason = reason.to_owned();
        }
    })?;
    store::set(Scope::Service, &mark, b"1", Some(KNOWN_FOR))
}

/// Pingen's signature: the hexadecimal HMAC-SHA256 of the body.
fn is_signed(request: &HookRequest) -> bool {
    let Some(header) = request.header("signature") else { return false };
    let Ok(signature) = hex::decode(header.trim()) else { return false };
    keys::verify("pingen-webhook-secret", Algorithm::HmacSha256, &request.body, &signature).unwrap_or_else(|error| {
        log::error!("signatures of the printer cannot be verified: {error}");
        false
    })
}

fn problem(status: u16, detail: &str) -> HookResponse {
    let body = json!({ "status": status, "detail": detail });
    HookResponse::new(status).with_json(&body).with_header("content-type", "application/problem+json")
}

#[cfg(test)]
mod tests;
