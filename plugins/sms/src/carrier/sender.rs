//! In whose name a message goes out.

use iap_sdk::prelude::*;

/// Countries that refuse names as senders: the United States with its territories, and Canada.
const NUMBERS_ONLY: [&str; 7] = ["US", "CA", "PR", "VI", "GU", "AS", "MP"];

/// Who sends the messages of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// The account's own name.
    name: Option<String>,
    /// Twilio's pool of numbers.
    service: Option<String>,
    /// The operator's number or name.
    default: String,
}

impl Sender {
    /// The account's sender, over the operator's settings.
    pub fn of(account_ref: &str) -> Self {
        let name = store::get_json(Scope::Service, &key(account_ref)).unwrap_or_else(|error| {
            log::warn!("the sender name is not known: {error}");
            None
        });
        Self { name, ..Self::of_operator() }
    }

    /// The operator's sender.
    pub fn of_operator() -> Self {
        let setting = |name| config::get(name).filter(|value| !value.trim().is_empty());
        Self { name: None, service: setting("messaging-service-sid"), default: setting("sender").unwrap_or_default() }
    }

    /// The form field that says so, for a message to `country`.
    pub(super) fn field(&self, country: &str) -> (&'static str, &str) {
        match (&self.name, &self.service) {
            (Some(name), _) if !NUMBERS_ONLY.contains(&country) => ("From", name),
            (_, Some(service)) => ("MessagingServiceSid", service),
            (_, None) => ("From", &self.default),
        }
    }
}

/// Where the store has the name that an account chose, as a JSON string; the manifest shows it to the database.
pub fn key(account_ref: &str) -> String {
    format!("sender/{account_ref}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_used_where_they_may_be() {
        let host = iap_sdk::testing::Host::new();
        host.config("sender", "+32460000000");
        host.run(|| {
            assert_eq!(Sender::of("account").field("BE"), ("From", "+32460000000"));
            store::set_json(Scope::Service, &key("account"), "ACME", None).unwrap();
            assert_eq!(Sender::of("account").field("BE"), ("From", "ACME"));
            assert_eq!(Sender::of("account").field("US"), ("From", "+32460000000"));
            assert_eq!(Sender::of("other").field("BE"), ("From", "+32460000000"));
        });
        host.config("messaging-service-sid", "MG1");
        host.run(|| {
            assert_eq!(Sender::of("account").field("BE"), ("From", "ACME"));
            assert_eq!(Sender::of("account").field("CA"), ("MessagingServiceSid", "MG1"));
            assert_eq!(Sender::of_operator().field("BE"), ("MessagingServiceSid", "MG1"));
        });
        host.config("messaging-service-sid", " ");
        host.run(|| assert_eq!(Sender::of_operator().field("BE"), ("From", "+32460000000")));
    }
}
