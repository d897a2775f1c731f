//! Natural keys: what in a request names the work itself, so that a repeat can be recognised.

use std::collections::HashSet;

use serde_json::Value;

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

/// The natural keys that a JSON Pointer with `*` for "every element of the list" finds in an input.
///
/// Texts and whole numbers count, in document order and once each; absent members, `false`, `null`,
/// empty texts and anything else name nothing. The number 7 and the text "7" are the same key.
pub fn natural_keys(pointer: &str, input: &Value) -> Result<Vec<String>, NaturalKeysError> {
    let Some(path) = pointer.strip_prefix('/') else {
        return Ok(Vec::new());
    };
    let segments: Vec<String> = path.split('/').map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect();
    let mut found = Vec::new();
    collect(&segments, input, &mut found)?;
    let mut seen = HashSet::new();
    found.retain(|key| seen.insert(key.clone()));
    Ok(found)
}

fn collect(segments: &[String], value: &Value, found: &mut Vec<String>) -> Result<(), NaturalKeysError> {
    let Some((segment, rest)) = segments.split_first() else {
        return take(value, found);
    };
    match value {
        Value::Array(elements) if segment == "*" => {
            elements.iter().try_for_each(|element| collect(rest, element, found))
        }
        Value::Array(elements) => match segment.parse::<usize>().ok().and_then(|index| elements.get(index)) {
            Some(element) => collect(rest, element, found),
            None => Ok(()),
        },
        Value::Object(members) => match members.get(segment) {
            Some(member) => collect(rest, member, found),
            None => Ok(()),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn take(value: &Value, found: &mut Vec<String>) -> Result<(), NaturalKeysError> {
    let key = match value {
        Value::String(text) if !text.is_empty() => text.clone(),
        Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
        _ => return Ok(()),
    };
    if key.len() > MAX_KEY {
        return Err(NaturalKeysError::TooLong);
    }
    if found.len() == MAX_KEYS {
        return Err(NaturalKeysError::TooMany);
    }
    found.push(key);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys(pointer: &str, input: &Value) -> Vec<String> {
        natural_keys(pointer, input).expect("few keys")
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
        assert_eq!(natural_keys("/*", &many(MAX_KEYS + 1)), Err(NaturalKeysError::TooMany));
        assert_eq!(keys("/*", &json!(["x".repeat(MAX_KEY)])).len(), 1);
        assert_eq!(natural_keys("/*", &json!(["x".repeat(MAX_KEY + 1)])), Err(NaturalKeysError::TooLong));
        assert_eq!(
            NaturalKeysError::TooMany.to_string(),
            "the request names more than 20000 pieces of work; send fewer at once"
        );
    }
}
