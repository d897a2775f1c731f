//! Natural keys: what in a request names the work itself, so that a repeat can be recognised.

use std::collections::HashSet;

use serde_json::Value;

use crate::manifest::NaturalKey;

/// Most natural keys of one call.
pub const MAX_KEYS: usize = 20_000;
/// Longest natural key, in bytes.
pub const MAX_KEY: usize = 256;

/// Why the natural keys of a request cannot be used.
///
/// They are refused, not cut: work beyond the cut would be done and charged again by a repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NaturalKeysError {
    /// More than [`MAX_KEYS`].
    #[error("the request names more than 20000 pieces of work; send fewer at once")]
    TooMany,
    /// A key beyond [`MAX_KEY`].
    #[error("a natural key has more than 256 bytes; send a shorter one")]
    TooLong,
}

/// The natural keys of an input, in document order and once each.
///
/// Texts and whole numbers count; absent members, `false`, `null`, empty texts and anything else name nothing. The
/// number 7 and the text "7" are the same key. Of several members the texts are joined with `:`, and a document that
/// lacks one of them has no key; a blob, as doors put it into an input, stands there with its SHA-256.
pub fn natural_keys(declared: &NaturalKey, input: &Value) -> Result<Vec<String>, NaturalKeysError> {
    let mut found = Found::default();
    match declared {
        NaturalKey::At(pointer) => follow(pointer, input, &mut |value| found.add(plain(value)))?,
        NaturalKey::Members { each, members } => {
            follow(each, input, &mut |document| found.add(joined(members, document)))?
        }
    }
    Ok(found.keys)
}

/// The input with only those elements of a list that have one of these keys, where keys are of the elements of one list;
/// any other as it is.
pub fn only(declared: &NaturalKey, mut input: Value, keys: &[String]) -> Value {
    if let NaturalKey::Members { each, members } = declared
        && let Some(list) = each.strip_suffix("/*")
        && let Some(Value::Array(documents)) = input.pointer_mut(list)
    {
        documents.retain(|document| joined(members, document).is_some_and(|key| keys.contains(&key)));
    }
    input
}

fn joined(members: &[String], document: &Value) -> Option<String> {
    let texts: Option<Vec<String>> = members.iter().map(|member| part(document.get(member)?)).collect();
    texts.map(|texts| texts.join(":"))
}

#[derive(Default)]
struct Found {
    keys: Vec<String>,
    seen: HashSet<String>,
}

impl Found {
    fn add(&mut self, key: Option<String>) -> Result<(), NaturalKeysError> {
        let Some(key) = key else { return Ok(()) };
        if key.len() > MAX_KEY {
            return Err(NaturalKeysError::TooLong);
        }
        if self.seen.insert(key.clone()) {
            if self.keys.len() == MAX_KEYS {
                return Err(NaturalKeysError::TooMany);
            }
            self.keys.push(key);
        }
        Ok(())
    }
}

type Visit<'a> = dyn FnMut(&Value) -> Result<(), NaturalKeysError> + 'a;

/// Visits what a JSON Pointer with `*` for "every element of the list" leads to.
fn follow(pointer: &str, input: &Value, visit: &mut Visit<'_>) -> Result<(), NaturalKeysError> {
    let Some(path) = pointer.strip_prefix('/') else { return Ok(()) };
    let segments: Vec<String> = path.split('/').map(unescaped).collect();
    descend(&segments, input, visit)
}

/// A segment of a JSON Pointer as the name that it stands for.
pub fn unescaped(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

fn descend(segments: &[String], value: &Value, visit: &mut Visit<'_>) -> Result<(), NaturalKeysError> {
    let Some((segment, rest)) = segments.split_first() else {
        return visit(value);
    };
    match value {
        Value::Array(elements) if segment == "*" => {
            elements.iter().try_for_each(|element| descend(rest, element, visit))
        }
        Value::Array(elements) => match segment.parse::<usize>().ok().and_then(|index| elements.get(index)) {
            Some(element) => descend(rest, element, visit),
            None => Ok(()),
        },
        Value::Object(members) => match members.get(segment) {
            Some(member) => descend(rest, member, visit),
            None => Ok(()),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

/// A member of a key of several: plain, or the hash of a blob.
fn part(value: &Value) -> Option<String> {
    match value {
        Value::Object(blob) => {
            blob.get("blob")?.as_str()?;
            blob.get("sha256")?.as_str().map(str::to_owned)
        }
        other => plain(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys(pointer: &str, input: &Value) -> Vec<String> {
        natural_keys(&at(pointer), input).expect("few keys")
    }

    fn at(pointer: &str) -> NaturalKey {
        NaturalKey::At(pointer.to_owned())
    }

    #[test]
    fn several_members_make_one_key_and_a_blob_is_its_hash() {
        let members = ["letter_id", "pdf"].map(str::to_owned).to_vec();
        let declared = NaturalKey::Members { each: "/documents/*".to_owned(), members };
        let input = json!({ "documents": [
            { "letter_id": 7, "pdf": { "blob": "blob_1", "size": 3, "sha256": "abc" } },
            { "letter_id": "x", "pdf": "plain" },
            { "letter_id": 8, "pdf": { "blob": null, "size": 3, "error": "not-base64" } },
            { "letter_id": 9, "pdf": false },
            { "letter_id": 10 },
            { "letter_id": 7, "pdf": { "blob": "blob_2", "size": 3, "sha256": "abc" } },
            7,
        ]});
        assert_eq!(natural_keys(&declared, &input), Ok(vec!["7:abc".to_owned(), "x:plain".to_owned()]));
        let one = only(&declared, input.clone(), &["x:plain".to_owned()]);
        assert_eq!(one, json!({ "documents": [{ "letter_id": "x", "pdf": "plain" }] }));
        assert_eq!(only(&at("/documents/*/letter_id"), input.clone(), &["x".to_owned()]), input);
        let long = json!({ "documents": [{ "letter_id": "x".repeat(200), "pdf": "y".repeat(200) }] });
        assert_eq!(natural_keys(&declared, &long), Err(NaturalKeysError::TooLong));
    }

    #[test]
    fn every_element_is_searched_in_order_and_named_once() {
        let input = json!({ "messages": [
            { "numbers": [{ "uuid": "b" }, { "uuid": "a" }, { "uuid": "b" }] },
            { "content": "no numbers" },
            { "numbers": [{ "uuid": 7 }, { "uuid": false }, { "uuid": null }, { "uuid": 1.5 }, { "uuid": "" }, { "uuid": ["x"] }] },
        ]});
        assert_eq!(keys("/messages/*/numbers/*/uuid", &input), ["b", "a", "7"]);
    }

    #[test]
    fn pointers_follow_members_indexes_and_escapes() {
        let input = json!({ "a/b": { "~": ["x", "y"] }, "*": "star", "list": [1, -2] });
        assert_eq!(keys("/a~1b/~0/1", &input), ["y"]);
        assert_eq!(keys("/list/*", &input), ["1", "-2"]);
        assert_eq!(keys("/*", &input), ["star"], "`*` is every element of a list, and else a name");
        for pointer in ["", "list", "/list/9", "/missing/*/x", "/list/0/deeper"] {
            assert!(keys(pointer, &input).is_empty(), "{pointer}");
        }
    }

    #[test]
    fn a_request_beyond_the_bounds_is_refused_rather_than_cut() {
        let many = |count: usize| json!((0..count).collect::<Vec<_>>());
        assert_eq!(keys("/*", &many(MAX_KEYS)).len(), MAX_KEYS);
        assert_eq!(natural_keys(&at("/*"), &many(MAX_KEYS + 1)), Err(NaturalKeysError::TooMany));
        assert_eq!(keys("/*", &json!(["x".repeat(MAX_KEY)])).len(), 1);
        assert_eq!(natural_keys(&at("/*"), &json!(["x".repeat(MAX_KEY + 1)])), Err(NaturalKeysError::TooLong));
        assert_eq!(
            NaturalKeysError::TooMany.to_string(),
            "the request names more than 20000 pieces of work; send fewer at once"
        );
    }
}
