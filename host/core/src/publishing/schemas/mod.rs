//! Whether a changed JSON Schema breaks those who relied on the old one.
//!
//! An input breaks if it refuses what it took before, an output if it gives what its readers do not expect. So one
//! schema must be *within* the other: of an input the old one within the new one, of an output the new one
//! within the old one. Two things are not taken by the letter, since every author means them so: a member that
//! an input did not describe was not sent, so that describing one is no break; and a member that an output no
//! longer describes is a break, even where others are allowed.
//!
//! Local references are followed. Where comparing would need to solve logic (`anyOf`, `not`, `if`, …) the two
//! must be the same but for their descriptions; otherwise it is told as a break that says so.

mod limits;
mod refs;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use refs::{Pair, Steps};

/// Deepest nesting that is compared, references counted.
const MAX_DEPTH: usize = 64;
/// Most breaks that are told of a schema.
const MAX_BREAKS: usize = 100;

/// What two schemas may differ in only by descriptions: comparing these in full would need to solve logic.
const OPAQUE: [&str; 20] = [
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "minContains",
    "maxContains",
    "patternProperties",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "prefixItems",
    "additionalItems",
    "contentSchema",
    "$dynamicRef",
    "$recursiveRef",
];
/// What depends on all other keywords of its schema.
const UNEVALUATED: [&str; 2] = ["unevaluatedProperties", "unevaluatedItems"];

/// All types; an integer is a number.
const TYPES: [&str; 6] = ["null", "boolean", "object", "array", "number", "string"];

static ANYTHING: Value = Value::Bool(true);

/// A difference that breaks those who relied on the old schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// JSON Pointer in the new schema; empty for its root.
    pub pointer: String,
    /// What changed.
    pub message: String,
}

/// What a new schema of an input refuses that the old one took. No schema at all is `true`.
pub fn input(old: &Value, new: &Value) -> Vec<Break> {
    compare(Side::Input, old, new)
}

/// What a new schema of an output gives that readers of the old one do not expect. No schema at all is `true`.
pub fn output(old: &Value, new: &Value) -> Vec<Break> {
    compare(Side::Output, old, new)
}

fn compare(side: Side, old: &Value, new: &Value) -> Vec<Break> {
    let mut walk =
        Walk { side, roots: Pair { old, new }, seen: BTreeSet::new(), steps: Steps::default(), breaks: Vec::new() };
    walk.schema(Pair { old, new }, "", 0);
    if walk.steps.are_spent() {
        walk.tell("", "the schema is too large to be compared; make it smaller");
    }
    walk.breaks
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Input,
    Output,
}

/// One walk through both schemas together.
struct Walk<'a> {
    side: Side,
    roots: Pair<&'a Value>,
    /// Pairs that are being or were compared: their breaks are told already, and recursion ends here.
    seen: BTreeSet<(*const Value, *const Value)>,
    steps: Steps,
    breaks: Vec<Break>,
}

impl<'a> Walk<'a> {
    fn tell(&mut self, pointer: &str, message: impl Into<String>) {
        if self.breaks.len() < MAX_BREAKS {
            self.breaks.push(Break { pointer: pointer.to_owned(), message: message.into() });
        }
    }

    /// The text for an input or for an output.
    fn words<'t>(&self, input: &'t str, output: &'t str) -> &'t str {
        match self.side {
            Side::Input => input,
            Side::Output => output,
        }
    }

    /// What must be within the other, and the other.
    fn within<T>(&self, pair: Pair<T>) -> (T, T) {
        match self.side {
            Side::Input => (pair.old, pair.new),
            Side::Output => (pair.new, pair.old),
        }
    }

    fn is_same(&mut self, pair: Pair<&'a Value>) -> bool {
        refs::is_same(self.roots, pair, &mut self.steps)
    }

    fn schema(&mut self, pair: Pair<&'a Value>, at: &str, depth: usize) {
        if [pair.old, pair.new].into_iter().all(|schema| std::ptr::eq(schema, &raw const ANYTHING)) {
            return;
        }
        if !self.seen.insert((std::ptr::from_ref(pair.old), std::ptr::from_ref(pair.new))) || !self.steps.take() {
            return;
        }
        if depth > MAX_DEPTH {
            return self.tell(at, "is nested too deeply to be compared; make the schema flatter");
        }
        let followed = refs::follow(self.roots.old, pair.old)
            .and_then(|(old, _)| refs::follow(self.roots.new, pair.new).map(|(new, hop)| (Pair { old, new }, hop)));
        match followed {
            Ok((target, hop)) if !std::ptr::eq(target.old, pair.old) || !std::ptr::eq(target.new, pair.new) => {
                self.schema(target, hop.as_deref().unwrap_or(at), depth + 1);
            }
            Ok((target, _)) => self.resolved(target, at, depth),
            Err(_) if self.is_same(pair) => {}
            Err(why) => self.tell(at, why),
        }
    }

    /// Two schemas that are no references.
    fn resolved(&mut self, pair: Pair<&'a Value>, at: &str, depth: usize) {
        let (narrow, wide) = self.within(pair);
        match (narrow, wide) {
            (_, Value::Bool(true)) | (Value::Bool(false), _) => return,
            (_, Value::Bool(false)) => {
                return self.tell(at, self.words("nothing is taken here any more", "something may be here now"));
            }
            _ => {}
        }
        let none = refs::empty();
        let object = |value: &'a Value| value.as_object().unwrap_or(none);
        let maps = Pair { old: object(pair.old), new: object(pair.new) };
        if UNEVALUATED.iter().any(|keyword| maps.old.contains_key(*keyword) || maps.new.contains_key(*keyword)) {
            if !self.is_same(pair) {
                self.tell(
                    at,
                    "a schema with \"unevaluated…\" changes; that cannot be compared, so it counts as a break",
                );
            }
            return;
        }
        for keyword in OPAQUE {
            let is_same = match (maps.old.get(keyword), maps.new.get(keyword)) {
                (None, None) => true,
                (Some(old), Some(new)) => {
                    refs::is_same_keyword(keyword, self.roots, Pair { old, new }, &mut self.steps)
                }
                _ => false,
            };
            if !is_same {
                self.tell(at, format!("{keyword:?} changes; that cannot be compared, so it counts as a break"));
            }
        }
        let shared = self.types(maps, at);
        self.values(maps, at);
        let has = |kind: &str| shared.contains(kind);
        self.limits(maps, at, &has);
        if has("array") {
            self.items(maps, at, depth);
        }
        if has("object") {
            self.object(maps, at, depth);
        }
    }

    /// Tells types that must not be there; answers those of the narrower schema that may.
    fn types(&mut self, maps: Pair<&'a Map<String, Value>>, at: &str) -> BTreeSet<&'a str> {
        let (narrow, wide) = self.within(maps);
        let all = || BTreeSet::from(TYPES);
        let narrow = types(narrow).unwrap_or_else(all);
        let wide = types(wide).unwrap_or_else(all);
        let fits = |kind: &&str| wide.contains(kind) || (*kind == "integer" && wide.contains("number"));
        let (shared, others): (BTreeSet<&str>, BTreeSet<&str>) = narrow.into_iter().partition(|kind| fits(kind));
        if !others.is_empty() {
            let others = others.into_iter().collect::<Vec<_>>().join(", ");
            self.tell(at, format!("{} {others}", self.words("no longer takes the type", "may now be of type")));
        }
        shared
    }

    /// `enum` and `const`.
    fn values(&mut self, maps: Pair<&'a Map<String, Value>>, at: &str) {
        let (narrow, wide) = self.within(maps);
        let Some(allowed) = values(wide) else { return };
        let Some(given) = values(narrow).or_else(|| values_of_types(narrow)) else {
            let text = self.words("takes only listed values now", "is no longer one of a list of values");
            return self.tell(at, text);
        };
        let others: Vec<&String> = given.difference(&allowed).collect();
        if let Some(first) = others.first() {
            let more = match others.len() {
                1 => String::new(),
                many => format!(" and {} more", many - 1),
            };
            self.tell(at, format!("{} {}{more}", self.words("no longer takes", "may now be"), shortened(first)));
        }
    }

    fn items(&mut self, maps: Pair<&'a Map<String, Value>>, at: &str, depth: usize) {
        let [old, new] = [maps.old, maps.new].map(|map| map.get("items").unwrap_or(&ANYTHING));
        if old.is_array() || new.is_array() {
            // Tuples of older drafts.
            if !refs::is_same_keyword("items", self.roots, Pair { old, new }, &mut self.steps) {
                self.tell(at, "\"items\" changes as a list; that cannot be compared, so it counts as a break");
            }
            return;
        }
        self.schema(Pair { old, new }, &format!("{at}/items"), depth + 1);
    }

    fn object(&mut self, maps: Pair<&'a Map<String, Value>>, at: &str, depth: usize) {
        self.required(maps, at);
        let none = refs::empty();
        let [old, new] =
            [maps.old, maps.new].map(|map| map.get("properties").and_then(Value::as_object).unwrap_or(none));
        let others = |map: &'a Map<String, Value>| map.get("additionalProperties").unwrap_or(&ANYTHING);
        let others = Pair { old: others(maps.old), new: others(maps.new) };
        let has_patterns = maps.old.contains_key("patternProperties");
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let here = format!("{at}/properties/{}", name.replace('~', "~0").replace('/', "~1"));
            let pair = match (old.get(name), new.get(name)) {
                (Some(old), Some(new)) => Pair { old, new },
                _ if has_patterns => {
                    self.tell(at, format!("the member {name:?} comes or goes beside \"patternProperties\"; that cannot be compared, so it counts as a break"));
                    continue;
                }
                (None, Some(new)) => match (self.side, others.old) {
                    // Nobody sent it, or sent it without a meaning.
                    (Side::Input, Value::Bool(_)) | (Side::Output, Value::Bool(true)) => continue,
                    (Side::Output, Value::Bool(false)) => {
                        self.tell(&here, format!("the member {name:?} is new, where no others were to come"));
                        continue;
                    }
                    (_, old) => Pair { old, new },
                },
                (Some(old), None) => match (self.side, others.new) {
                    (Side::Input, Value::Bool(true)) => continue,
                    (Side::Input, Value::Bool(false)) => {
                        self.tell(at, format!("the member {name:?} is refused now"));
                        continue;
                    }
                    (Side::Output, Value::Bool(_)) => {
                        self.tell(at, format!("the member {name:?} is no longer described"));
                        continue;
                    }
                    (_, new) => Pair { old, new },
                },
                (None, None) => continue,
            };
            self.schema(pair, &here, depth + 1);
        }
        let (narrow, wide) = self.within(others);
        if *wide == Value::Bool(false) && *narrow != Value::Bool(false) {
            let text = self
                .words("members that are not described are refused now", "members that are not described may come now");
            return self.tell(at, text);
        }
        self.schema(others, &format!("{at}/additionalProperties"), depth + 1);
    }

    fn required(&mut self, maps: Pair<&'a Map<String, Value>>, at: &str) {
        let (narrow, wide) = self.within(maps);
        let names = |map: &'a Map<String, Value>| -> BTreeSet<&'a str> {
            map.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
        };
        let sure = names(narrow);
        for name in names(wide).into_iter().filter(|name| !sure.contains(name)) {
            self.tell(at, format!("the member {name:?} is {}", self.words("required now", "no longer always there")));
        }
    }
}

/// Types of a schema; `None` for all.
fn types(map: &Map<String, Value>) -> Option<BTreeSet<&str>> {
    match map.get("type") {
        Some(Value::String(one)) => Some(BTreeSet::from([one.as_str()])),
        Some(Value::Array(several)) => Some(several.iter().filter_map(Value::as_str).collect()),
        _ => {
            let listed = map.get("enum").and_then(Value::as_array);
            let constant = map.get("const");
            (listed.is_some() || constant.is_some())
                .then(|| constant.into_iter().chain(listed.into_iter().flatten()).map(type_of).collect())
        }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The values that a schema lists, as JSON.
fn values(map: &Map<String, Value>) -> Option<BTreeSet<String>> {
    let listed = map.get("enum").and_then(Value::as_array);
    let listed = listed.map(|values| values.iter().map(Value::to_string).collect::<BTreeSet<String>>());
    match (map.get("const").map(Value::to_string), listed) {
        // Both must hold.
        (Some(constant), Some(listed)) => Some(listed.into_iter().filter(|value| *value == constant).collect()),
        (Some(constant), None) => Some(BTreeSet::from([constant])),
        (None, listed) => listed,
    }
}

/// The values of types that have few.
fn values_of_types(map: &Map<String, Value>) -> Option<BTreeSet<String>> {
    let types = types(map)?;
    let few = types.iter().map(|kind| match *kind {
        "null" => Some(&["null"][..]),
        "boolean" => Some(&["true", "false"][..]),
        _ => None,
    });
    let few: Option<Vec<&[&str]>> = few.collect();
    few.map(|few| few.concat().into_iter().map(str::to_owned).collect())
}

/// A JSON text in a message.
fn shortened(json: &str) -> String {
    match json.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &json[..end]),
        None => json.to_owned(),
    }
}

#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;
