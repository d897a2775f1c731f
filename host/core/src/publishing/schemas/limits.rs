//! Keywords that bound numbers, texts, lists and objects.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::{Walk, refs::Pair, shortened};

/// Which way a limit allows less.
#[derive(Clone, Copy)]
enum Less {
    /// A lower limit: the higher, the less.
    Up,
    /// An upper limit: the lower, the less.
    Down,
}

const LIMITS: [(&str, &str, Less); 10] = [
    ("number", "minimum", Less::Up),
    ("number", "exclusiveMinimum", Less::Up),
    ("number", "maximum", Less::Down),
    ("number", "exclusiveMaximum", Less::Down),
    ("string", "minLength", Less::Up),
    ("string", "maxLength", Less::Down),
    ("array", "minItems", Less::Up),
    ("array", "maxItems", Less::Down),
    ("object", "minProperties", Less::Up),
    ("object", "maxProperties", Less::Down),
];

/// What is either the same or a break, unless the wider schema does not have it.
const EXACT: [(&str, &str); 5] = [
    ("number", "multipleOf"),
    ("string", "pattern"),
    ("string", "format"),
    ("string", "contentEncoding"),
    ("string", "contentMediaType"),
];

impl<'a> Walk<'a> {
    /// Tells limits of the wider schema that the narrower one does not keep, for the types that both have.
    pub(super) fn limits(&mut self, maps: Pair<&'a Map<String, Value>>, at: &str, has: &dyn Fn(&str) -> bool) {
        let has = |kind: &str| has(kind) || (kind == "number" && has("integer"));
        let (narrow, wide) = self.within(maps);
        let limits = LIMITS.iter().filter(|(kind, ..)| has(kind));
        let limits = limits.filter(|(_, keyword, less)| !keeps(narrow.get(*keyword), wide.get(*keyword), *less));
        let exact = EXACT.iter().filter(|(kind, _)| has(kind));
        let exact = exact.filter(|(_, keyword)| match (narrow.get(*keyword), wide.get(*keyword)) {
            (_, None) => false,
            (Some(Value::Number(a)), Some(Value::Number(b))) => !is_multiple(a, b),
            (narrow, wide) => narrow != wide,
        });
        let unique = ["uniqueItems"].into_iter().filter(|keyword| {
            let is = |map: &Map<String, Value>| map.get(*keyword) == Some(&Value::Bool(true));
            has("array") && is(wide) && !is(narrow)
        });
        let broken: Vec<&str> =
            limits.map(|(_, keyword, _)| *keyword).chain(exact.map(|(_, keyword)| *keyword)).chain(unique).collect();
        for keyword in broken {
            let shown = |map: &Map<String, Value>| {
                map.get(keyword).map_or_else(|| "none".to_owned(), |value| shortened(&value.to_string()))
            };
            self.tell(at, format!("{keyword:?} goes from {} to {}", shown(maps.old), shown(maps.new)));
        }
    }
}

/// Whether the narrower limit allows no more than the wider.
fn keeps(narrow: Option<&Value>, wide: Option<&Value>, less: Less) -> bool {
    match (narrow, wide) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(Value::Number(narrow)), Some(Value::Number(wide))) => match (compare(narrow, wide), less) {
            (Some(order), Less::Up) => order.is_ge(),
            (Some(order), Less::Down) => order.is_le(),
            (None, _) => false,
        },
        // No limits as we know them, such as the booleans of draft 4.
        (Some(narrow), Some(wide)) => narrow == wide,
    }
}

fn compare(a: &Number, b: &Number) -> Option<Ordering> {
    let whole = |number: &Number| number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn is_multiple(number: &Number, of: &Number) -> bool {
    let divides = |number: u64, of: u64| of != 0 && number.is_multiple_of(of);
    number == of || number.as_u64().zip(of.as_u64()).is_some_and(|(number, of)| divides(number, of))
}
