//! An example of an operation's input, from its schema.

use serde_json::{Map, Value};

/// Deepest nesting that is followed.
const DEEPEST: usize = 32;

/// The first of the schema's `examples`; else one that is composed of the examples, constants, first choices and defaults
/// of its members, with one element in each list. `None` where a required member, or the whole, has none.
pub fn example(schema: &Value) -> Option<Value> {
    of(schema, schema, 0)
}

fn of(root: &Value, schema: &Value, depth: usize) -> Option<Value> {
    if DEEPEST < depth {
        return None;
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#')) {
        return of(root, root.pointer(target)?, depth + 1);
    }
    let first = |word: &str| schema.get(word).and_then(Value::as_array).and_then(|list| list.first());
    let given =
        first("examples").or_else(|| schema.get("const")).or_else(|| schema.get("default")).or_else(|| first("enum"));
    if let Some(given) = given {
        return Some(given.clone());
    }
    if let Some(members) = schema.get("properties").and_then(Value::as_object) {
        let composed: Map<String, Value> =
            members.iter().filter_map(|(name, member)| Some((name.clone(), of(root, member, depth + 1)?))).collect();
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let complete = required.into_iter().all(|name| composed.contains_key(name));
        return (complete && !composed.is_empty()).then_some(Value::Object(composed));
    }
    let element = of(root, schema.get("items")?, depth + 1)?;
    Some(Value::Array(vec![element]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_example_is_given_or_composed() {
        assert_eq!(example(&json!({ "examples": [{ "a": 1 }, 2] })), Some(json!({ "a": 1 })));
        let schema = json!({
            "required": ["text"],
            "properties": {
                "text": { "examples": ["hello"] },
                "list": { "items": { "properties": { "kind": { "enum": ["x", "y"] } } } },
                "unknown": { "type": "string" },
            },
        });
        assert_eq!(example(&schema), Some(json!({ "text": "hello", "list": [{ "kind": "x" }] })));
        assert_eq!(example(&json!({ "required": ["a"], "properties": { "a": {}, "b": { "const": 1 } } })), None);
        assert_eq!(example(&json!({ "type": "object" })), None);
        assert_eq!(example(&json!({ "$ref": "#" })), None);
    }
}
