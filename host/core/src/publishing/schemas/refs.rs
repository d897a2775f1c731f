//! References within a schema, and whether two schemas are the same but for their descriptions.

use std::{collections::BTreeSet, sync::LazyLock};

use serde_json::{Map, Value};

/// Most schemas that are looked at in one comparison.
const MAX_STEPS: usize = 100_000;
/// Most references that lead to one another.
const MAX_HOPS: usize = 32;
/// Deepest nesting in which sameness is looked for.
const MAX_DEPTH: usize = 200;

/// Keywords that allow and refuse nothing by themselves.
const SILENT: [&str; 14] = [
    "$schema",
    "$id",
    "id",
    "$comment",
    "$anchor",
    "$defs",
    "definitions",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
];

/// An old and a new thing.
#[derive(Clone, Copy)]
pub(super) struct Pair<T> {
    pub(super) old: T,
    pub(super) new: T,
}

/// What a comparison may still look at: a hostile schema ends it.
pub(super) struct Steps(usize);

impl Default for Steps {
    fn default() -> Self {
        Self(MAX_STEPS)
    }
}

impl Steps {
    /// Whether there was one left.
    pub(super) fn take(&mut self) -> bool {
        let had = self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        had
    }

    pub(super) fn are_spent(&self) -> bool {
        self.0 == 0
    }
}

/// An object without members.
pub(super) fn empty() -> &'static Map<String, Value> {
    static EMPTY: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    &EMPTY
}

/// The schema that a reference means, with its pointer if there was a reference; or why it cannot be known.
pub(super) fn follow<'a>(root: &'a Value, schema: &'a Value) -> Result<(&'a Value, Option<String>), String> {
    let mut at = None;
    let mut schema = schema;
    for _ in 0..MAX_HOPS {
        let Some(map) = schema.as_object() else { return Ok((schema, at)) };
        let Some(reference) = map.get("$ref") else { return Ok((schema, at)) };
        if map.keys().any(|keyword| keyword != "$ref" && !SILENT.contains(&keyword.as_str())) {
            return Err(
                "a \"$ref\" beside other keywords changes; that cannot be compared, so it counts as a break".to_owned()
            );
        }
        let (target, pointer) = local(root, reference).ok_or_else(|| {
            format!("the \"$ref\" {reference} cannot be followed; put what it means below \"$defs\" of this schema")
        })?;
        (schema, at) = (target, Some(pointer.to_owned()));
    }
    Err("has references that only lead to one another".to_owned())
}

/// The target and its pointer of a reference such as `#/$defs/address`.
fn local<'a, 'r>(root: &'a Value, reference: &'r Value) -> Option<(&'a Value, &'r str)> {
    let pointer = reference.as_str()?.strip_prefix('#')?;
    // An anchor (`#name`) has no slash; escapes of addresses are not read.
    let is_pointer = (pointer.is_empty() || pointer.starts_with('/')) && !pointer.contains('%');
    is_pointer.then(|| root.pointer(pointer)).flatten().map(|target| (target, pointer))
}

/// Whether two schemas are the same but for their descriptions, with references followed.
pub(super) fn is_same(roots: Pair<&Value>, pair: Pair<&Value>, steps: &mut Steps) -> bool {
    Same { roots, seen: BTreeSet::new(), steps }.schema(pair, 0)
}

/// As [`is_same`], for the values of a keyword.
pub(super) fn is_same_keyword(keyword: &str, roots: Pair<&Value>, pair: Pair<&Value>, steps: &mut Steps) -> bool {
    Same { roots, seen: BTreeSet::new(), steps }.keyword(keyword, pair, 0)
}

struct Same<'a, 's> {
    roots: Pair<&'a Value>,
    /// Pairs that are being or were found the same: one difference ends it all.
    seen: BTreeSet<(*const Value, *const Value)>,
    steps: &'s mut Steps,
}

impl<'a> Same<'a, '_> {
    fn schema(&mut self, pair: Pair<&'a Value>, depth: usize) -> bool {
        if !self.seen.insert((std::ptr::from_ref(pair.old), std::ptr::from_ref(pair.new))) {
            return true;
        }
        if !self.steps.take() || depth > MAX_DEPTH {
            return false;
        }
        let follow = |root, schema| follow(root, schema).map_or(schema, |(target, _)| target);
        let target = Pair { old: follow(self.roots.old, pair.old), new: follow(self.roots.new, pair.new) };
        if !std::ptr::eq(target.old, pair.old) || !std::ptr::eq(target.new, pair.new) {
            return self.schema(target, depth + 1);
        }
        let (Value::Object(old), Value::Object(new)) = (pair.old, pair.new) else { return pair.old == pair.new };
        let mut keywords: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        keywords.retain(|keyword| !SILENT.contains(&keyword.as_str()));
        keywords.into_iter().all(|keyword| match (old.get(keyword), new.get(keyword)) {
            (Some(old), Some(new)) => self.keyword(keyword, Pair { old, new }, depth + 1),
            _ => false,
        })
    }

    fn keyword(&mut self, keyword: &str, pair: Pair<&'a Value>, depth: usize) -> bool {
        match keyword {
            "$ref" => self.reference(pair, depth),
            "not"
            | "if"
            | "then"
            | "else"
            | "contains"
            | "propertyNames"
            | "additionalProperties"
            | "additionalItems"
            | "contentSchema"
            | "unevaluatedProperties"
            | "unevaluatedItems" => self.schema(pair, depth),
            "allOf" | "anyOf" | "oneOf" | "prefixItems" | "items" => match (pair.old, pair.new) {
                (Value::Array(old), Value::Array(new)) => {
                    let mut pairs = old.iter().zip(new).map(|(old, new)| Pair { old, new });
                    old.len() == new.len() && pairs.all(|pair| self.schema(pair, depth))
                }
                _ => self.schema(pair, depth),
            },
            "properties" | "patternProperties" | "dependentSchemas" | "dependencies" => match (pair.old, pair.new) {
                (Value::Object(old), Value::Object(new)) => {
                    old.len() == new.len()
                        && old
                            .iter()
                            .all(|(name, old)| new.get(name).is_some_and(|new| self.schema(Pair { old, new }, depth)))
                }
                _ => pair.old == pair.new,
            },
            _ => pair.old == pair.new,
        }
    }

    fn reference(&mut self, pair: Pair<&'a Value>, depth: usize) -> bool {
        let local = |root, reference| local(root, reference).map(|(target, _)| target);
        match (local(self.roots.old, pair.old), local(self.roots.new, pair.new)) {
            (Some(old), Some(new)) => self.schema(Pair { old, new }, depth),
            // What stands elsewhere under a full address is taken to stay as it is; another file of the release may
            // have changed.
            (None, None) => pair.old == pair.new && pair.old.as_str().is_some_and(|text| text.contains("://")),
            _ => false,
        }
    }
}
