//! The part of JSON Schema that says what an answer looks like.
//!
//! `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `items`, the bounds of numbers, texts and
//! lists, `allOf`, `anyOf`, `oneOf`, `not` and `$ref` within the file. Other words are not looked at.

use serde_json::Value;

use super::compare::{same, short};

/// Deepest nesting of schemas that is followed, so that one that refers to itself ends.
const DEEPEST: usize = 64;

/// The first way in which a value is not as a schema says, with its place; `None` if it is.
pub fn mismatch(schema: &Value, value: &Value) -> Option<String> {
    let check = Check { root: schema };
    check.value(schema, value, "", 0).err()
}

struct Check<'a> {
    root: &'a Value,
}

type Checked = Result<(), String>;

impl Check<'_> {
    fn value(&self, schema: &Value, value: &Value, path: &str, depth: usize) -> Checked {
        let words = match schema {
            Value::Object(words) => words,
            Value::Bool(false) => return wrong(path, "must not be there".to_owned()),
            _ => return Ok(()),
        };
        if DEEPEST < depth {
            return Ok(());
        }
        let within = |schema: &Value| self.value(schema, value, path, depth + 1);
        if let Some(target) = words.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'))
            && let Some(schema) = self.root.pointer(target)
        {
            within(schema)?;
        }
        if let Some(kinds) = words.get("type")
            && !names(kinds).any(|kind| is(kind, value))
        {
            return wrong(path, format!("must be {kinds}, is {}", short(value)));
        }
        if let Some(wanted) = words.get("const").filter(|wanted| !same(wanted, value)) {
            return wrong(path, format!("must be {wanted}, is {}", short(value)));
        }
        if let Some(Value::Array(wanted)) = words.get("enum")
            && !wanted.iter().any(|wanted| same(wanted, value))
        {
            return wrong(
                path,
                format!("must be one of {}, is {}", short(&Value::Array(wanted.clone())), short(value)),
            );
        }
        bounds(words, value, path)?;
        self.members(words, value, path, depth)?;
        let list = |word: &str| words.get(word).and_then(Value::as_array);
        list("allOf").into_iter().flatten().try_for_each(within)?;
        if let Some(ways) = list("anyOf")
            && !ways.iter().any(|schema| within(schema).is_ok())
        {
            return wrong(path, format!("is none of anyOf: {}", short(value)));
        }
        if let Some(ways) = list("oneOf")
            && ways.iter().filter(|schema| within(schema).is_ok()).count() != 1
        {
            return wrong(path, format!("is not exactly one of oneOf: {}", short(value)));
        }
        match words.get("not") {
            Some(schema) if within(schema).is_ok() => wrong(path, format!("is what not forbids: {}", short(value))),
            _ => Ok(()),
        }
    }

    fn members(&self, words: &serde_json::Map<String, Value>, value: &Value, path: &str, depth: usize) -> Checked {
        match value {
            Value::Object(members) => {
                for name in words.get("required").into_iter().flat_map(names) {
                    if !members.contains_key(name) {
                        return wrong(path, format!("lacks {name:?}"));
                    }
                }
                let known = words.get("properties").and_then(Value::as_object);
                for (name, member) in members {
                    let schema = known.and_then(|known| known.get(name)).or_else(|| words.get("additionalProperties"));
                    if let Some(schema) = schema {
                        let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                        self.value(schema, member, &place, depth + 1)?;
                    }
                }
                Ok(())
            }
            Value::Array(elements) => match words.get("items") {
                Some(schema) => elements.iter().enumerate().try_for_each(|(number, element)| {
                    self.value(schema, element, &format!("{path}[{number}]"), depth + 1)
                }),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

fn bounds(words: &serde_json::Map<String, Value>, value: &Value, path: &str) -> Checked {
    let size = match value {
        Value::String(text) => Some(("minLength", "maxLength", text.chars().count())),
        Value::Array(elements) => Some(("minItems", "maxItems", elements.len())),
        Value::Object(members) => Some(("minProperties", "maxProperties", members.len())),
        _ => None,
    };
    if let Some((least, most, size)) = size {
        let bound = |word: &str| words.get(word).and_then(Value::as_u64).and_then(|bound| usize::try_from(bound).ok());
        if bound(least).is_some_and(|bound| size < bound) {
            return wrong(path, format!("has {size}, less than {least} says"));
        }
        if bound(most).is_some_and(|bound| bound < size) {
            return wrong(path, format!("has {size}, more than {most} says"));
        }
    }
    let Some(number) = value.as_f64() else { return Ok(()) };
    let outside = |word: &str, fits: fn(f64, f64) -> bool| {
        words.get(word).and_then(Value::as_f64).is_some_and(|bound| !fits(number, bound))
    };
    for (word, fits) in [
        ("minimum", (|number, bound| bound <= number) as fn(f64, f64) -> bool),
        ("maximum", |number, bound| number <= bound),
        ("exclusiveMinimum", |number, bound| bound < number),
        ("exclusiveMaximum", |number, bound| number < bound),
    ] {
        if outside(word, fits) {
            return wrong(path, format!("is {value}, against {word} {}", words[word]));
        }
    }
    Ok(())
}

/// A text, or the texts of a list.
fn names(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or(std::slice::from_ref(value));
    list.iter().filter_map(Value::as_str)
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => true,
    }
}

fn wrong(path: &str, what: String) -> Checked {
    Err(if path.is_empty() { what } else { format!("{path} {what}") })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_mismatch_is_told_with_its_place() {
        let schema = json!({
            "type": "array", "maxItems": 2,
            "items": {
                "type": "object", "required": ["state"], "additionalProperties": false,
                "properties": {
                    "state": { "enum": ["success", "failed"] }, "credit": { "type": ["number", "null"], "minimum": 0 },
                    "n": { "type": "integer" }, "next": { "$ref": "#/items" }, "s": { "minLength": 2 },
                },
            },
        });
        let fine = json!([{ "state": "success", "credit": 0.5, "n": 2.0, "next": { "state": "failed" } }, { "state": "failed" }]);
        assert_eq!(mismatch(&schema, &fine), None);
        for (value, expected) in [
            (json!({}), "must be \"array\", is {}"),
            (json!([{}]), "[0] lacks \"state\""),
            (json!([{ "state": "x" }]), "[0].state must be one of [\"success\",\"failed\"], is \"x\""),
            (json!([{ "state": "success", "credit": -1 }]), "[0].credit is -1, against minimum 0"),
            (json!([{ "state": "success", "n": 1.5 }]), "[0].n must be \"integer\", is 1.5"),
            (json!([{ "state": "success", "next": {} }]), "[0].next lacks \"state\""),
            (json!([{ "state": "success", "more": 1 }]), "[0].more must not be there"),
            (json!([{ "state": "success", "s": "é" }]), "[0].s has 1, less than minLength says"),
            (json!([1, 2, 3]), "has 3, more than maxItems says"),
        ] {
            assert_eq!(mismatch(&schema, &value).as_deref(), Some(expected));
        }
    }

    #[test]
    fn ways_are_counted_and_circles_end() {
        let one = json!({ "oneOf": [{ "type": "string" }, { "maxLength": 3 }] });
        assert_eq!(mismatch(&one, &json!("long enough")), None);
        assert!(mismatch(&one, &json!("x")).is_some());
        assert!(mismatch(&json!({ "anyOf": [{ "type": "null" }, { "const": 1 }] }), &json!(2)).is_some());
        assert!(mismatch(&json!({ "not": { "type": "null" } }), &json!(null)).is_some());
        assert_eq!(mismatch(&json!({ "$ref": "#" }), &json!(1)), None);
    }
}
