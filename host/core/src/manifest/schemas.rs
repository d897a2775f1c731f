//! JSON Schemas of an operation's input and output.

use super::{Value, suggest};
use crate::release::ReleaseFiles;

/// The path of a schema, once it is there and a JSON object.
pub(super) fn schema(path: &Value<'_, '_, &str>, files: &ReleaseFiles) -> Option<String> {
    let Some(text) = files.get(path.value) else {
        let remedy =
            suggest::remedy(path.value, files.iter().map(|(path, _)| path).filter(|path| path.ends_with(".json")));
        path.error(format_args!("{:?} is no file of the release; {remedy}", path.value));
        return None;
    };
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(serde_json::Value::Object(_)) => return Some(path.value.to_owned()),
        Ok(_) => path.error_in(path.value, 1, "must be a JSON Schema in { }"),
        Err(error) => {
            let message = error.to_string();
            let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
            path.error_in(path.value, u64::try_from(error.line()).unwrap_or(1), format_args!("is not JSON: {what}"));
        }
    }
    None
}
