use serde_json::{Value, json};

use super::*;

fn shown(breaks: &[Break]) -> Vec<String> {
    breaks.iter().map(|one| format!("{}: {}", one.pointer, one.message)).collect()
}

/// What a change breaks as an input, and what as an output.
fn check(old: &Value, new: &Value, as_input: &[&str], as_output: &[&str]) {
    assert_eq!(shown(&input(old, new)), as_input, "input {old} to {new}");
    assert_eq!(shown(&output(old, new)), as_output, "output {old} to {new}");
    assert_eq!(input(old, old), [], "{old} to itself");
    assert_eq!(output(new, new), [], "{new} to itself");
}

#[test]
fn types_and_values() {
    check(&json!({"type": "string"}), &json!({"type": ["string", "null"]}), &[], &[": may now be of type null"]);
    check(&json!({"type": ["string", "null"]}), &json!({"type": "string"}), &[": no longer takes the type null"], &[]);
    check(&json!({"type": "integer"}), &json!({"type": "number"}), &[], &[": may now be of type number"]);
    check(
        &json!({"type": "string"}),
        &json!({"type": "boolean"}),
        &[": no longer takes the type string"],
        &[": may now be of type boolean"],
    );
    check(
        &json!({}),
        &json!({"type": "string"}),
        &[": no longer takes the type array, boolean, null, number, object"],
        &[],
    );
    check(&json!({"enum": ["a", "b"]}), &json!({"enum": ["b", "a"]}), &[], &[]);
    check(
        &json!({"type": "string", "enum": ["a", "b"]}),
        &json!({"type": "string", "enum": ["b", "c", "d"]}),
        &[": no longer takes \"a\""],
        &[": may now be \"c\" and 1 more"],
    );
    check(
        &json!({"type": "string"}),
        &json!({"type": "string", "enum": ["a"]}),
        &[": takes only listed values now"],
        &[],
    );
    check(&json!({"const": 1}), &json!({"type": "integer"}), &[], &[": is no longer one of a list of values"]);
    check(&json!({"type": "boolean"}), &json!({"enum": [true, false]}), &[], &[]);
    check(&json!(true), &json!({}), &[], &[]);
    check(&json!({"type": "string"}), &json!(false), &[": nothing is taken here any more"], &[]);
}

#[test]
fn limits() {
    let text = |keyword: &str, value: Value| json!({"type": "string", keyword: value});
    check(&text("maxLength", json!(20)), &text("maxLength", json!(10)), &[": \"maxLength\" goes from 20 to 10"], &[]);
    check(&text("title", json!("a")), &text("minLength", json!(1)), &[": \"minLength\" goes from none to 1"], &[]);
    check(
        &text("pattern", json!("^a$")),
        &text("pattern", json!("^b$")),
        &[": \"pattern\" goes from \"^a$\" to \"^b$\""],
        &[": \"pattern\" goes from \"^a$\" to \"^b$\""],
    );
    check(&text("format", json!("email")), &text("x", json!(1)), &[], &[": \"format\" goes from \"email\" to none"]);
    let number = |keyword: &str, value: Value| json!({"type": "number", keyword: value});
    check(&number("minimum", json!(0)), &number("minimum", json!(0.5)), &[": \"minimum\" goes from 0 to 0.5"], &[]);
    check(
        &number("exclusiveMaximum", json!(u64::MAX)),
        &number("exclusiveMaximum", json!(-1)),
        &[": \"exclusiveMaximum\" goes from 18446744073709551615 to -1"],
        &[],
    );
    check(
        &number("multipleOf", json!(4)),
        &number("multipleOf", json!(2)),
        &[],
        &[": \"multipleOf\" goes from 4 to 2"],
    );
    let list = |keyword: &str, value: Value| json!({"type": "array", keyword: value});
    check(&list("x", json!(1)), &list("maxItems", json!(5)), &[": \"maxItems\" goes from none to 5"], &[]);
    check(
        &list("uniqueItems", json!(false)),
        &list("uniqueItems", json!(true)),
        &[": \"uniqueItems\" goes from false to true"],
        &[],
    );
    // Limits of a type that is not there have no effect.
    check(&json!({"type": "string"}), &json!({"type": "string", "maximum": 5, "required": ["a"]}), &[], &[]);
}

#[test]
fn members() {
    let old = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let new = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}});
    check(&old, &new, &[], &[]);
    check(&new, &old, &[], &[": the member \"b\" is no longer described"]);
    let required = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    check(&old, &required, &[": the member \"a\" is required now"], &[]);
    check(&required, &old, &[], &[": the member \"a\" is no longer always there"]);
    let closed = json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false});
    check(&old, &closed, &[": members that are not described are refused now"], &[]);
    check(&closed, &old, &[], &[": members that are not described may come now"]);
    check(
        &closed,
        &json!({"type": "object", "properties": {"b/c": {}}, "additionalProperties": false}),
        &[": the member \"a\" is refused now"],
        &[
            ": the member \"a\" is no longer described",
            "/properties/b~1c: the member \"b/c\" is new, where no others were to come",
        ],
    );
    let map = json!({"type": "object", "additionalProperties": {"type": "integer"}});
    check(
        &map,
        &json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "number"}}),
        &["/properties/a: no longer takes the type integer"],
        &["/properties/a: may now be of type string", "/additionalProperties: may now be of type number"],
    );
}

#[test]
fn what_is_nested_has_its_place() {
    let letters = |id: Value| json!({"type": "object", "properties": {"documents": {"type": ["array", "null"], "items": {"type": "object", "properties": {"id": id}}}}});
    check(
        &letters(json!({"type": ["integer", "string"]})),
        &letters(json!({"type": "integer"})),
        &["/properties/documents/items/properties/id: no longer takes the type string"],
        &[],
    );
}

#[test]
fn local_references_are_followed() {
    let old = json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "object", "properties": {"next": {"$ref": "#/$defs/a"}, "n": {"type": "integer"}}}}});
    let inlined = json!({"type": "object", "properties": {"n": {"type": "integer"}, "next": {"$ref": "#"}}});
    check(&old, &inlined, &[], &[]);
    let narrower = json!({"$ref": "#/definitions/b", "definitions": {"b": {"type": "object", "properties": {"next": {"$ref": "#/definitions/b"}, "n": {"type": "integer", "minimum": 1}}}}});
    check(&old, &narrower, &["/definitions/b/properties/n: \"minimum\" goes from none to 1"], &[]);
    let file = "the \"$ref\" \"letter.json\" cannot be followed; put what it means below \"$defs\" of this schema";
    let breaks = input(&json!({"$ref": "letter.json"}), &json!({"$ref": "letter.json"}));
    assert_eq!(shown(&breaks), [format!(": {file}")]);
    let address = json!({"$ref": "https://example.com/address.json"});
    check(&address, &address, &[], &[]);
    let round = json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}});
    assert_eq!(shown(&input(&json!({}), &round)), [": has references that only lead to one another"]);
}

#[test]
fn logic_must_stay_the_same_but_for_descriptions() {
    let either = |kind: &str, about: &str| {
        json!({
            "anyOf": [{"type": kind, "description": about}, {"$ref": "#/$defs/a"}],
            "$defs": {"a": {"properties": {"description": {"const": "x"}}}},
        })
    };
    check(&either("string", "old"), &either("string", "new"), &[], &[]);
    let text = ": \"anyOf\" changes; that cannot be compared, so it counts as a break";
    check(&either("string", "old"), &either("null", "old"), &[text], &[text]);
    let mut other = either("string", "old");
    other["$defs"]["a"]["properties"]["description"]["const"] = json!("y");
    check(&either("string", "old"), &other, &[text], &[text]);
    for keyword in OPAQUE {
        let with = json!({keyword: {"type": "string"}, "type": "object"});
        let message = format!(": {keyword:?} changes; that cannot be compared, so it counts as a break");
        check(&json!({"type": "object"}), &with, &[&message], &[&message]);
        let other = json!({keyword: {"type": "null"}, "type": "object"});
        check(&other, &with, &[&message], &[&message]);
    }
    let unevaluated = |more: Value| json!({"unevaluatedProperties": false, "properties": {"a": more}});
    let message = ": a schema with \"unevaluated…\" changes; that cannot be compared, so it counts as a break";
    check(&unevaluated(json!({})), &unevaluated(json!({"type": "null"})), &[message], &[message]);
    let beside = |limit: u32| json!({"properties": {"a": {"$ref": "#/$defs/a", "maximum": limit}}, "$defs": {"a": {"type": "integer"}}});
    let message =
        "/properties/a: a \"$ref\" beside other keywords changes; that cannot be compared, so it counts as a break";
    check(&beside(1), &beside(2), &[message], &[message]);
    let patterns = |properties: Value| json!({"patternProperties": {"^x": {"type": "null"}}, "properties": properties});
    let message = ": the member \"xa\" comes or goes beside \"patternProperties\"; that cannot be compared, so it counts as a break";
    check(&patterns(json!({})), &patterns(json!({"xa": {}})), &[message], &[message]);
}

#[test]
fn hostile_schemas_end() {
    let deep = (0..120).fold(json!({"type": "string"}), |inner, _| json!({"items": inner}));
    let deeper = (0..120).fold(json!({"type": "null"}), |inner, _| json!({"items": inner}));
    let breaks = input(&deep, &deeper);
    assert!(breaks.len() == 1 && breaks[0].message.starts_with("is nested too deeply"), "{breaks:?}");
    let wide: Map<String, Value> = (0..110_000).map(|n| (n.to_string(), json!({"type": "string"}))).collect();
    let wide = json!({"properties": wide});
    let breaks = input(&wide, &wide);
    assert_eq!(shown(&breaks), [": the schema is too large to be compared; make it smaller"]);
    let many: Map<String, Value> = (0..1_000).map(|n| (n.to_string(), json!({"type": "string"}))).collect();
    let less: Map<String, Value> = (0..1_000).map(|n| (n.to_string(), json!({"type": "null"}))).collect();
    assert_eq!(input(&json!({"properties": many}), &json!({"properties": less})).len(), MAX_BREAKS);
    // Each reference doubles what is below it.
    let defs = |end: &str| {
        let mut defs: Map<String, Value> = (0..25)
            .map(|n| (format!("d{n}"), json!({"properties": {"a": {"$ref": format!("#/$defs/d{}", n + 1)}, "b": {"$ref": format!("#/$defs/d{}", n + 1)}}})))
            .collect();
        defs.insert("d25".to_owned(), json!({"type": end}));
        json!({"$ref": "#/$defs/d0", "$defs": defs})
    };
    assert!(!input(&defs("string"), &defs("null")).is_empty());
    assert_eq!(input(&defs("string"), &defs("string")), []);
}
