//! Reading parameters: every one of them may be `false` or `null` for "absent" (protocol reference §2.1).

use iap_core::{
    Credits,
    identity::{AccountToken, Dbuuid},
};
use serde_json::{Map, Value};

use super::errors::Wrong;

/// Named arguments of a request.
pub struct Params<'a>(pub &'a Map<String, Value>);

impl<'a> Params<'a> {
    fn present(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !matches!(value, Value::Null | Value::Bool(false)))
    }

    /// A text, if there is one.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, Wrong> {
        match self.present(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(Wrong::user(format!("{name} must be a text, not {}", kind(other)))),
        }
    }

    /// A text that must be there.
    pub fn required_text(&self, name: &str) -> Result<&'a str, Wrong> {
        self.text(name)?.ok_or_else(|| Wrong::user(format!("{name} is missing; send it as a text")))
    }

    /// A list; none is empty.
    pub fn list(&self, name: &str) -> Result<&'a [Value], Wrong> {
        match self.present(name) {
            None => Ok(&[]),
            Some(Value::Array(values)) => Ok(values),
            Some(other) => Err(Wrong::user(format!("{name} must be a list, not {}", kind(other)))),
        }
    }

    /// Credits, if given: a number, rounded half-even to six decimals.
    pub fn credits(&self, name: &str) -> Result<Option<Credits>, Wrong> {
        match self.present(name) {
            None => Ok(None),
            Some(Value::Number(number)) => {
                let read = Credits::from_wire_number(&number.to_string());
                read.map(Some).map_err(|error| Wrong::wrong_type(format!("{name} {number} {error}")))
            }
            Some(other) => Err(Wrong::wrong_type(format!("{name} must be a number, not {}", kind(other)))),
        }
    }

    /// The account token.
    pub fn token(&self, name: &str) -> Result<AccountToken, Wrong> {
        AccountToken::parse(self.required_text(name)?).map_err(|error| Wrong::user(format!("{name}: {error}")))
    }

    /// The database, if the request names it, whatever the spelling.
    pub fn dbuuid(&self) -> Result<Option<Dbuuid>, Wrong> {
        for name in ["dbuuid", "db_uuid", "database_id"] {
            if let Some(dbuuid) = self.dbuuid_at(name)? {
                return Ok(Some(dbuuid));
            }
        }
        Ok(None)
    }

    /// The database at one name.
    pub fn dbuuid_at(&self, name: &str) -> Result<Option<Dbuuid>, Wrong> {
        let parsed = self.text(name)?.map(Dbuuid::parse).transpose();
        parsed.map_err(|error| Wrong::user(format!("{name}: {error}")))
    }
}

/// A kind of JSON value, in words.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with<T>(params: Value, read: impl FnOnce(Params<'_>) -> T) -> T {
        read(Params(params.as_object().expect("an object")))
    }

    #[test]
    fn false_null_and_missing_are_absent() {
        for params in [json!({"a": false}), json!({"a": null}), json!({}), json!({"a": ""})] {
            assert_eq!(with(params.clone(), |p| p.text("a").map(|t| t.map(str::to_owned))), Ok(None));
            let message = with(params, |p| p.required_text("a").unwrap_err().message);
            assert_eq!(message, "a is missing; send it as a text");
        }
    }

    #[test]
    fn wrong_types_are_named() {
        let text = |params| with(params, |p| p.text("a").unwrap_err().message);
        assert_eq!(text(json!({"a": 5})), "a must be a text, not a number");
        assert_eq!(text(json!({"a": true})), "a must be a text, not true or false");
        let credits = |params| with(params, |p| p.credits("credit").unwrap_err().message);
        assert_eq!(credits(json!({"credit": "5"})), "credit must be a number, not a text");
        assert_eq!(credits(json!({"credit": 1e300})), "credit 1e+300 is too large");
    }

    #[test]
    fn the_database_has_three_spellings() {
        for name in ["dbuuid", "db_uuid", "database_id"] {
            let found = with(json!({ name: "abd593e6" }), |p| p.dbuuid().unwrap().unwrap().to_string());
            assert_eq!(found, "abd593e6");
        }
        let message = with(json!({"dbuuid": "a b"}), |p| p.dbuuid().unwrap_err().message);
        assert!(message.starts_with("dbuuid: the database identifier must be 1 to 64"), "{message}");
    }

    #[test]
    fn python_floats_are_rounded_to_six_decimals() {
        let params = json!({"credit": 0.1 + 0.2});
        assert_eq!(with(params, |p| p.credits("credit")), Ok(Some(Credits::from_micros(300_000))));
    }
}
