//! What a job's run needs to know of the call that enqueued it.

use serde::{Deserialize, Serialize};

/// As it is stored with a job, in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobContext {
    /// Properties for the plugin.
    pub properties: Vec<(String, String)>,
    /// What is known of the hold that the job takes up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<OfHold>,
}

/// What is known of a hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfHold {
    /// The priced lines that it was obtained for, as JSON: the prices at which it is captured.
    pub lines: String,
    /// The natural key that it was obtained for; none if it is for all of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl JobContext {
    /// Reads it. Jobs that were enqueued by earlier versions have a list of properties alone.
    pub fn read(text: &str) -> Self {
        serde_json::from_str(text)
            .unwrap_or_else(|_| Self { properties: serde_json::from_str(text).unwrap_or_default(), hold: None })
    }

    /// As it is stored.
    pub fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "[]".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_so_is_what_earlier_versions_wrote() {
        let properties = vec![("door".to_owned(), "odoo".to_owned())];
        let of = OfHold { lines: r#"[{"item":"x"}]"#.to_owned(), key: Some("7:abc".to_owned()) };
        let context = JobContext { properties: properties.clone(), hold: Some(of) };
        assert_eq!(JobContext::read(&context.write()), context);
        assert_eq!(JobContext::read(r#"[["door","odoo"]]"#), JobContext { properties, hold: None });
        assert_eq!(JobContext::read("[]"), JobContext::default());
    }
}
