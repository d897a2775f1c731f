//! Documents taken out of an input, as doors do: the plugin gets where they are.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use iap_core::{Time, ids::BlobId, natural_keys::unescaped};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::world::{Blob, World};

/// Puts a description of the blob in place of each document that `pointers` lead to: a text in base64, or
/// `file:NAME` for a file in `folder`.
pub(super) fn take(world: &mut World, pointers: &[String], input: &mut Value, folder: &Path) -> Result<(), String> {
    for pointer in pointers {
        let segments: Vec<String> = pointer.split('/').skip(1).map(unescaped).collect();
        visit(&segments, input, &mut |place| {
            if let Some(described) = described(world, place, folder)? {
                *place = described;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn described(world: &mut World, place: &Value, folder: &Path) -> Result<Option<Value>, String> {
    let Value::String(text) = place else { return Ok(None) };
    let bytes = match text.strip_prefix("file:") {
        Some(name) => {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|error| format!("document {}: {error}", path.display()))?
        }
        None => match STANDARD.decode(text) {
            Ok(bytes) => bytes,
            Err(_) => return Ok(Some(json!({ "blob": null, "size": text.len(), "error": "not-base64" }))),
        },
    };
    let id = BlobId(world.id());
    let content_type = crate::blobs::content_type(&bytes);
    let described = json!({
        "blob": id, "size": bytes.len(), "sha256": hex::encode(Sha256::digest(&bytes)), "content_type": content_type,
    });
    world.blobs.insert(id, Blob { content_type: content_type.to_owned(), bytes, expires_at: Time::NEVER });
    Ok(Some(described))
}

type Visit<'a> = dyn FnMut(&mut Value) -> Result<(), String> + 'a;

fn visit(segments: &[String], value: &mut Value, with: &mut Visit<'_>) -> Result<(), String> {
    let Some((first, rest)) = segments.split_first() else { return with(value) };
    match value {
        Value::Object(members) => match members.get_mut(first) {
            Some(member) => visit(rest, member, with),
            None => Ok(()),
        },
        Value::Array(elements) if first == "*" => {
            elements.iter_mut().try_for_each(|element| visit(rest, element, with))
        }
        Value::Array(elements) => match first.parse::<usize>().ok().and_then(|place| elements.get_mut(place)) {
            Some(element) => visit(rest, element, with),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}
