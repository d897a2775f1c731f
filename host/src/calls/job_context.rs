//! What a job's run needs to know of the call that enqueued it.

use std::sync::Arc;

use iap_core::{
    Credits,
    manifest::{Operation, Rate},
};
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

#[derive(Deserialize)]
struct StoredLine {
    item: String,
    key: String,
    unit_price: Credits,
}

/// The operation with the prices at which the call's lines were authorized: a release that came since may
/// have others, but credits were set aside at these.
pub fn at_prices_of(mut operation: Operation, lines: &str) -> Operation {
    let lines: Vec<StoredLine> = serde_json::from_str(lines).unwrap_or_default();
    for price in &mut operation.prices {
        for line in lines.iter().filter(|line| line.item == price.item) {
            match &mut price.rate {
                Rate::Fixed(credits) => *credits = line.unit_price,
                Rate::Table { rows, .. } => {
                    Arc::make_mut(rows).insert(line.key.clone(), line.unit_price);
                }
                Rate::Variable => {}
            }
        }
    }
    operation
}

#[cfg(test)]
mod tests {
    use iap_core::manifest::{OnUnknown, Price};

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

    #[test]
    fn a_job_captures_at_the_prices_of_its_hold() {
        let rows = [("BE".to_owned(), Credits::whole(2)), ("FR".to_owned(), Credits::whole(3))].into();
        let rate = Rate::Table { file: "prices.csv".to_owned(), rows: Arc::new(rows) };
        let operation = Operation {
            name: "send".to_owned(),
            title: "Send".to_owned(),
            input: None,
            output: None,
            max_per_call: Credits::whole(100),
            free: false,
            natural_key: None,
            blobs: Vec::new(),
            max_body: 1 << 20,
            on_unknown: OnUnknown::Release,
            ask_for: std::time::Duration::from_secs(86_400),
            prices: vec![Price { item: "part".to_owned(), rate }],
        };
        let stored = r#"[{"item": "part", "key": "BE", "units": 5, "unit_price": "1", "credits": "5", "note": ""}]"#;
        let Rate::Table { rows, .. } = &at_prices_of(operation, stored).prices[0].rate else { panic!("a table") };
        assert_eq!((rows["BE"], rows["FR"]), (Credits::whole(1), Credits::whole(3)));
    }
}
