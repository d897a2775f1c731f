//! What a script expects against what came, as a list of differences for people.

use serde_json::Value;

/// Most differences that are told.
const MOST: usize = 20;
/// Longest value that is told, in characters.
const LONGEST: usize = 200;

/// Where `found` is not as `expected`. Members that an expected object does not name may be there, unless `exactly`.
pub fn differences(expected: &Value, found: &Value, exactly: bool) -> Vec<String> {
    let mut out = Vec::new();
    compare("", expected, found, exactly, &mut out);
    out
}

fn compare(path: &str, expected: &Value, found: &Value, exactly: bool, out: &mut Vec<String>) {
    if MOST <= out.len() {
        return;
    }
    let mut say = |path: &str, text: String| {
        out.push(if path.is_empty() { text } else { format!("{path}: {text}") });
    };
    match (expected, found) {
        (Value::Object(wanted), Value::Object(members)) => {
            if exactly {
                for name in members.keys().filter(|name| !wanted.contains_key(*name)) {
                    say(&join(path, name), "is not expected".to_owned());
                }
            }
            for (name, value) in wanted {
                match members.get(name) {
                    Some(member) => compare(&join(path, name), value, member, exactly, out),
                    None => out.push(format!("{}: expected {}, got nothing", join(path, name), short(value))),
                }
            }
        }
        (Value::Array(wanted), Value::Array(elements)) => {
            if wanted.len() != elements.len() {
                say(path, format!("expected {} elements, got {}: {}", wanted.len(), elements.len(), short(found)));
                return;
            }
            for (place, (value, element)) in wanted.iter().zip(elements).enumerate() {
                compare(&format!("{path}[{place}]"), value, element, exactly, out);
            }
        }
        _ if same(expected, found) => {}
        _ => say(path, format!("expected {}, got {}", short(expected), short(found))),
    }
}

/// 1 and 1.0 are the same number.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        _ => one == other,
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A value in one line.
pub(super) fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_named_may_be_there_unless_exactly() {
        let found = json!({ "a": 1, "b": [{ "c": "x", "d": 2.0 }] });
        assert_eq!(differences(&json!({ "b": [{ "d": 2 }] }), &found, false), Vec::<String>::new());
        assert_eq!(
            differences(&json!({ "b": [{ "d": 2 }] }), &found, true),
            ["a: is not expected", "b[0].c: is not expected"]
        );
    }

    #[test]
    fn a_difference_has_its_place() {
        let found = json!({ "a": [1, 2], "n": null });
        assert_eq!(
            differences(&json!({ "a": [1, 3], "n": null, "z": true }), &found, false),
            ["a[1]: expected 3, got 2", "z: expected true, got nothing"]
        );
        assert_eq!(differences(&json!([1]), &json!([1, 2]), false), ["expected 1 elements, got 2: [1,2]"]);
        assert_eq!(differences(&json!("x"), &json!(1), false), ["expected \"x\", got 1"]);
    }
}
