//! Where documents are put before a letter is made of them: an address that Pingen signs for each.

use iap_sdk::{
    http::{Error, Request, Response, send_many},
    prelude::*,
};
use serde::Deserialize;

use super::{Deadline, request, token};

/// Where one document goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// As Pingen named it.
    pub(super) url: String,
    /// Proof of that.
    pub(super) signature: String,
    /// What of it goes to the endpoint `upload`.
    path: String,
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    attributes: Attributes,
}

#[derive(Deserialize)]
struct Attributes {
    url: String,
    url_signature: String,
}

/// So many slots, and the token that they were given for.
pub(super) fn slots(count: usize, token: String, deadline: Deadline) -> Option<(String, Vec<Option<Slot>>)> {
    let ask = |token: &str, timeout: u32| {
        send_many((0..count).map(|_| request("GET", "/file-upload", token).timeout_ms(timeout)).collect())
    };
    let (mut token, mut answers) = (token.clone(), ask(&token, deadline.left(4_000)?));
    if answers.iter().any(|answer| answer.as_ref().is_ok_and(|response| response.status == 401)) {
        token = token::anew(deadline)?;
        answers = ask(&token, deadline.left(4_000)?);
    }
    let origin = config::get("upload-origin").unwrap_or_default();
    Some((token, answers.iter().map(|answer| slot(answer, &origin)).collect()))
}

fn slot(answer: &Result<Response, Error>, origin: &str) -> Option<Slot> {
    let response = answer.as_ref().inspect_err(|error| log::warn!("no place for a document: {error}")).ok()?;
    if !response.is_success() {
        log::error!(
            "no place for a document: Pingen answered {}{}",
            response.status,
            super::answer::remedy(response.status)
        );
        return None;
    }
    let answer: Answer = response.json().inspect_err(|error| log::error!("no place for a document: {error}")).ok()?;
    let Attributes { url, url_signature: signature } = answer.data.attributes;
    let Some(path) = path_below(&url, origin) else {
        let named = url.split('/').take(3).collect::<Vec<_>>().join("/");
        log::error!(
            "documents would go to {named}, which is not the config `upload-origin`; set it, and the base URL of the endpoint `upload`, to that"
        );
        return None;
    };
    let path = path.to_owned();
    Some(Slot { url, signature, path })
}

/// Path and query of an address of this origin, and of no other.
fn path_below<'a>(url: &'a str, origin: &str) -> Option<&'a str> {
    let origin = origin.trim_end_matches('/');
    url.strip_prefix(origin).filter(|path| !origin.is_empty() && path.starts_with('/') && !path.starts_with("//"))
}

/// Puts documents there; those that arrived.
pub(super) fn put_all(documents: Vec<(usize, Slot, Vec<u8>)>, deadline: Deadline) -> Vec<(usize, Slot)> {
    let Some(timeout) = deadline.left(10_000) else { return Vec::new() };
    let (mut slots, mut requests) = (Vec::new(), Vec::new());
    for (position, slot, bytes) in documents {
        requests
            .push(Request::new("PUT", "upload", slot.path.as_str()).body("application/pdf", bytes).timeout_ms(timeout));
        slots.push((position, slot));
    }
    if requests.is_empty() {
        return Vec::new();
    }
    let arrived = |answer: &Result<Response, Error>| match answer {
        Ok(response) if response.is_success() => true,
        Ok(response) => {
            log::error!("a document was not taken: the storage answered {}", response.status);
            false
        }
        Err(error) => {
            log::warn!("a document was not taken: {error}");
            false
        }
    };
    let answers = send_many(requests);
    slots.into_iter().zip(&answers).filter_map(|(slot, answer)| arrived(answer).then_some(slot)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_go_to_the_configured_origin_only() {
        let origin = "https://storage.example";
        assert_eq!(path_below("https://storage.example/b/x?sig=1", origin), Some("/b/x?sig=1"));
        assert_eq!(path_below("https://storage.example/b", "https://storage.example/"), Some("/b"));
        for url in [
            "https://storage.example.evil.test/b",
            "https://storage.example@evil.test/b",
            "https://storage.example:444/b",
            "https://storage.example",
            "https://storage.example//evil.test",
            "http://storage.example/b",
            "/b",
        ] {
            assert_eq!(path_below(url, origin), None, "{url}");
        }
        assert_eq!(path_below("https://storage.example/b", ""), None);
    }
}
