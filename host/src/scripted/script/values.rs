//! Values of a script: JSON, credits, times.

use std::{path::Path, time::Duration};

use iap_core::Time;
use serde_json::{Map, Number, Value};

/// A value as JSON. A text is JSON itself, or `file:NAME` for a file of JSON in `folder`.
pub(super) fn json(given: &toml::Value, folder: &Path) -> Result<Value, String> {
    let toml::Value::String(text) = given else { return as_json(given) };
    let text = match text.strip_prefix("file:") {
        Some(name) => {
            let path = folder.join(name);
            std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => text.clone(),
    };
    serde_json::from_str(&text)
        .map_err(|error| format!("a text here is JSON, or file:NAME for a file of JSON beside the script: {error}"))
}

/// A value within a value: texts stand for themselves.
fn as_json(given: &toml::Value) -> Result<Value, String> {
    Ok(match given {
        toml::Value::String(text) => Value::String(text.clone()),
        toml::Value::Integer(number) => Value::from(*number),
        toml::Value::Float(number) => {
            Value::Number(Number::from_f64(*number).ok_or_else(|| format!("JSON has no number {number}"))?)
        }
        toml::Value::Boolean(value) => Value::Bool(*value),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(elements) => Value::Array(elements.iter().map(as_json).collect::<Result<_, _>>()?),
        toml::Value::Table(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| Ok((name.clone(), as_json(value)?)))
                .collect::<Result<Map<_, _>, String>>()?,
        ),
    })
}

/// `250 ms`, `10 s`, `5 min`, `1 h`, `2 days`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let quantity = text.split_once(' ').and_then(|(number, unit)| Some((number.parse::<u64>().ok()?, unit)));
    let duration = quantity.and_then(|(number, unit)| match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "min" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3_600).map(Duration::from_secs),
        "day" | "days" => number.checked_mul(86_400).map(Duration::from_secs),
        _ => None,
    });
    duration.ok_or_else(|| format!("{text:?} is no time; write a whole number and ms, s, min, h or days, as \"1 h\""))
}

/// RFC 3339, as a text or as TOML has it.
pub(super) fn moment(given: &toml::Value) -> Result<Time, String> {
    let text = match given {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    crate::clock::parse_rfc3339(&text)
        .ok_or_else(|| format!("{text} is no moment in RFC 3339; write one such as 2026-01-31T09:00:00Z"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> toml::Value {
        text.parse::<toml::Table>().unwrap().remove("v").unwrap()
    }

    #[test]
    fn tables_are_json_and_so_are_texts() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.json"), "[null]").unwrap();
        let read = |text: &str| json(&value(text), folder.path());
        assert_eq!(
            read(r#"v = { a = [1, 1.5, true, "x"], b = "{}" }"#).unwrap(),
            json!({ "a": [1, 1.5, true, "x"], "b": "{}" })
        );
        assert_eq!(read(r#"v = '{"a": null}'"#).unwrap(), json!({ "a": null }));
        assert_eq!(read(r#"v = "file:a.json""#).unwrap(), json!([null]));
        assert!(read(r#"v = "hello""#).unwrap_err().contains("file:NAME"));
        assert!(read(r#"v = "file:b.json""#).unwrap_err().contains("b.json"));
        assert!(read("v = inf").is_err());
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("250 ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2 days"), Ok(Duration::from_secs(172_800)));
        for wrong in ["", "1", "1h", "-1 s", "1.5 h", "99999999999999999999 s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(moment(&value("v = 1970-01-01T00:00:01Z")), Ok(Time(1000)));
        assert_eq!(moment(&value(r#"v = "1970-01-01T00:00:01+00:00""#)), Ok(Time(1000)));
        assert!(moment(&value("v = 3")).is_err());
    }
}
