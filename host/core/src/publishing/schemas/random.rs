//! Random schemas against a naive validator: where no break is told, no value tells one either.

use proptest::{prelude::*, sample::select, strategy::Union};
use serde_json::{Map, Value, json};

use super::*;

type SchemaPair = BoxedStrategy<(Value, Value)>;

/// A keyword of both schemas: mostly none, else mostly the same.
fn keyword(values: impl Strategy<Value = Value> + Clone + 'static) -> BoxedStrategy<(Option<Value>, Option<Value>)> {
    prop_oneof![
        5 => Just((None, None)),
        3 => values.clone().prop_map(|value| (Some(value.clone()), Some(value))),
        1 => (values.clone(), values.clone()).prop_map(|(old, new)| (Some(old), Some(new))),
        1 => values.clone().prop_map(|value| (None, Some(value))),
        1 => values.prop_map(|value| (Some(value), None)),
    ]
    .boxed()
}

fn nested(schemas: SchemaPair) -> BoxedStrategy<(Option<Value>, Option<Value>)> {
    prop_oneof![
        3 => Just((None, None)),
        4 => schemas.clone().prop_map(|(old, new)| (Some(old), Some(new))),
        1 => schemas.clone().prop_map(|(_, new)| (None, Some(new))),
        1 => schemas.prop_map(|(old, _)| (Some(old), None)),
    ]
    .boxed()
}

fn number() -> impl Strategy<Value = Value> + Clone + 'static {
    select(vec![json!(-1), json!(0), json!(1), json!(1.5), json!(2), json!(3)])
}

fn count() -> impl Strategy<Value = Value> + Clone + 'static {
    (0..4u8).prop_map(|count| json!(count))
}

fn scalar() -> impl Strategy<Value = Value> + Clone + 'static {
    select(vec![
        json!(null),
        json!(true),
        json!(false),
        json!(-1),
        json!(1),
        json!(1.5),
        json!(2),
        json!("a"),
        json!("bb"),
    ])
}

fn types_of() -> impl Strategy<Value = Value> + Clone + 'static {
    let kinds = vec!["null", "boolean", "integer", "number", "string", "array", "object"];
    prop_oneof![
        select(kinds.clone()).prop_map(|kind| json!(kind)),
        prop::sample::subsequence(kinds, 1..4).prop_map(|kinds| json!(kinds)),
    ]
}

/// Two schemas that are mostly alike, and go through `$defs` at times.
fn schemas(depth: u32) -> SchemaPair {
    let plain = prop_oneof![12 => Just(None), 1 => any::<(bool, bool)>().prop_map(Some)];
    let plain = plain.prop_map(|both| both.map(|(old, new)| (Value::Bool(old), Value::Bool(new))));
    let mut keywords = vec![
        ("type", keyword(types_of())),
        ("enum", keyword(prop::collection::vec(scalar(), 1..4).prop_map(Value::Array))),
        ("const", keyword(scalar())),
        ("minimum", keyword(number())),
        ("exclusiveMaximum", keyword(number())),
        ("multipleOf", keyword(select(vec![json!(1), json!(2), json!(4)]))),
        ("minLength", keyword(count())),
        ("maxLength", keyword(count())),
        ("maxItems", keyword(count())),
        ("uniqueItems", keyword(any::<bool>().prop_map(Value::Bool))),
        ("minProperties", keyword(count())),
        ("required", keyword(prop::sample::subsequence(vec!["a", "b"], 0..3).prop_map(|names| json!(names)))),
    ];
    if depth > 0 {
        keywords.push(("items", nested(schemas(depth - 1))));
        keywords.push(("a", nested(schemas(depth - 1))));
        keywords.push(("b", nested(schemas(depth - 1))));
        let closed = Just((Value::Bool(false), Value::Bool(false))).boxed();
        keywords.push(("additionalProperties", nested(Union::new([closed, schemas(depth - 1)]).boxed())));
    }
    let (names, values): (Vec<&str>, Vec<_>) = keywords.into_iter().unzip();
    (plain, values)
        .prop_map(move |(plain, values)| {
            plain.unwrap_or_else(|| {
                let (old, new): (Vec<_>, Vec<_>) = values.into_iter().unzip();
                (assemble(&names, old), assemble(&names, new))
            })
        })
        .boxed()
}

fn assemble(names: &[&str], values: Vec<Option<Value>>) -> Value {
    let mut schema = Map::new();
    let mut properties = Map::new();
    for (name, value) in names.iter().zip(values) {
        let Some(value) = value else { continue };
        let place = if matches!(*name, "a" | "b") { &mut properties } else { &mut schema };
        place.insert((*name).to_owned(), value);
    }
    if !properties.is_empty() {
        schema.insert("properties".to_owned(), Value::Object(properties));
    }
    Value::Object(schema)
}

fn value(depth: u32) -> BoxedStrategy<Value> {
    if depth == 0 {
        return scalar().boxed();
    }
    let inner = value(depth - 1);
    let members = prop::collection::btree_map(select(vec!["a", "b", "c"]), inner.clone(), 0..4);
    prop_oneof![
        2 => scalar(),
        1 => prop::collection::vec(inner, 0..4).prop_map(Value::Array),
        2 => members.prop_map(|members| json!(members)),
    ]
    .boxed()
}

/// Whether a value is valid; with `described` only if each of its members is described.
fn is_valid(schema: &Value, value: &Value, described: bool) -> bool {
    let Value::Object(map) = schema else { return *schema == Value::Bool(true) };
    map.iter().all(|(keyword, rule)| holds(map, keyword, rule, value, described)) && {
        let none = Map::new();
        let known = map.get("properties").and_then(Value::as_object).unwrap_or(&none);
        let others = map.get("additionalProperties");
        value.as_object().into_iter().flatten().all(|(name, member)| match (known.get(name), others) {
            (Some(schema), _) => is_valid(schema, member, described),
            (None, Some(schema)) if !schema.is_boolean() || !described => is_valid(schema, member, described),
            (None, _) => !described,
        })
    }
}

fn holds(map: &Map<String, Value>, keyword: &str, rule: &Value, value: &Value, described: bool) -> bool {
    let is = |kind: &Value| match (kind.as_str().expect("a type"), value) {
        ("integer", Value::Number(number)) => !number.is_f64(),
        ("number", Value::Number(_)) => true,
        (kind, value) => kind == type_of(value),
    };
    let number = |value: &Value| value.as_f64();
    let bound = |size: Option<usize>, fits: fn(u64, u64) -> bool| {
        size.is_none_or(|size| fits(u64::try_from(size).expect("small"), rule.as_u64().expect("a count")))
    };
    let length = value.as_str().map(|text| text.chars().count());
    match keyword {
        "type" => rule.as_array().map_or_else(|| is(rule), |kinds| kinds.iter().any(is)),
        "enum" => rule.as_array().expect("a list").contains(value),
        "const" => rule == value,
        "minimum" => number(value).is_none_or(|found| Some(found) >= number(rule)),
        "exclusiveMaximum" => number(value).is_none_or(|found| Some(found) < number(rule)),
        "multipleOf" => match (value.as_i64(), rule.as_i64()) {
            (Some(found), Some(of)) => found % of == 0,
            _ => !value.is_number(),
        },
        "minLength" => bound(length, |size, limit| size >= limit),
        "maxLength" => bound(length, |size, limit| size <= limit),
        "maxItems" => bound(value.as_array().map(Vec::len), |size, limit| size <= limit),
        "minProperties" => bound(value.as_object().map(Map::len), |size, limit| size >= limit),
        "uniqueItems" => {
            let list = value.as_array().map_or(&[][..], Vec::as_slice);
            *rule == Value::Bool(false) || list.iter().enumerate().all(|(index, one)| !list[..index].contains(one))
        }
        "required" => value.as_object().is_none_or(|members| {
            rule.as_array().expect("a list").iter().all(|name| members.contains_key(name.as_str().expect("a name")))
        }),
        "items" => value.as_array().into_iter().flatten().all(|item| is_valid(rule, item, described)),
        // Looked at together, where the members are.
        "properties" | "additionalProperties" => map.contains_key(keyword),
        other => panic!("{other} is no keyword of these tests"),
    }
}

proptest! {
    #[test]
    fn what_is_no_break_breaks_nothing((old, new) in schemas(2), values in prop::collection::vec(value(3), 40)) {
        let (takes_all, gives_no_more) = (input(&old, &new).is_empty(), output(&old, &new).is_empty());
        for value in &values {
            if takes_all && is_valid(&old, value, true) {
                prop_assert!(is_valid(&new, value, false), "{old} takes {value}, {new} does not");
            }
            if gives_no_more && is_valid(&new, value, false) {
                prop_assert!(is_valid(&old, value, false), "{new} gives {value}, {old} does not");
            }
        }
    }

    #[test]
    fn a_schema_is_within_itself_and_behind_a_reference((old, new) in schemas(2)) {
        let behind = |schema: &Value| json!({"$ref": "#/$defs/a", "$defs": {"a": schema}});
        let copy = old.clone();
        prop_assert_eq!((input(&old, &copy), output(&old, &copy)), (vec![], vec![]));
        prop_assert_eq!((input(&behind(&old), &copy), output(&old, &behind(&copy))), (vec![], vec![]));
        prop_assert_eq!(input(&old, &new).len(), input(&behind(&old), &behind(&new)).len());
    }
}
