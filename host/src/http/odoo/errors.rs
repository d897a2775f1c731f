//! What went wrong, as an Odoo client understands it (protocol reference §2.3 and §2.4).

use iap_core::Credits;
use serde_json::{Value, json};

use crate::{accounts::ContactError, calls::CallError};

/// The class that an Odoo client looks at: the last dotted component of `error.data.name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The user can do something about it; shown by Odoo up to 18.
    User,
    /// The caller may not.
    Access,
    /// A value of the wrong type; providers of the authorize API know it.
    Type,
    /// Opens the buy dialog of Odoo 13 to 18.
    InsufficientCredit,
}

impl Class {
    const fn name(self) -> &'static str {
        match self {
            Self::User => "odoo.exceptions.UserError",
            Self::Access => "odoo.exceptions.AccessError",
            Self::Type => "builtins.TypeError",
            // The path that the web clients of 14 to 18 compare with.
            Self::InsufficientCredit => "odoo.addons.iap.tools.iap_tools.InsufficientCreditError",
        }
    }
}

/// An error to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Class.
    pub class: Class,
    /// For the user; of insufficient credit, the JSON that the dialog parses.
    pub message: String,
}

impl Wrong {
    /// The user can do something about it.
    pub fn user(message: String) -> Self {
        Self { class: Class::User, message }
    }

    /// The caller may not.
    pub fn access(message: impl Into<String>) -> Self {
        Self { class: Class::Access, message: message.into() }
    }

    /// A value of the wrong type.
    pub fn wrong_type(message: String) -> Self {
        Self { class: Class::Type, message }
    }

    /// The account lacks credits. `base_url` is this host's own buy page, so that 13 to 18 open the right
    /// one even where only the service's endpoint was changed.
    pub fn insufficient_credit(needed: Credits, service: &str, public_url: &str, trial: bool) -> Self {
        let credit: Value = serde_json::from_str(&needed.to_wire_number()).unwrap_or(Value::Null);
        let mut body = json!({
            "credit": credit,
            "service_name": service,
            "base_url": format!("{public_url}/iap/1/credit"),
            "title": "Insufficient credits",
            "message": format!("{needed} credits are needed for this service. Buy a pack to go on."),
        });
        if trial {
            body["trial"] = Value::Bool(true);
        }
        Self { class: Class::InsufficientCredit, message: body.to_string() }
    }

    /// From a call that gave no answer.
    pub fn from_call(error: CallError, service: &str, public_url: &str) -> Self {
        match error {
            CallError::InsufficientCredit { needed, .. } => {
                Self::insufficient_credit(needed, service, public_url, false)
            }
            CallError::Failure(iap_runtime::Failure::InsufficientCredit) => {
                Self::insufficient_credit(Credits::ZERO, service, public_url, false)
            }
            CallError::Standing { .. } => Self::access(error.to_string()),
            CallError::Host(why) => {
                tracing::error!(error = %why, "A call failed");
                Self::user(
                    "the host could not complete the request; try again in a moment. Nothing is charged twice"
                        .to_owned(),
                )
            }
            other => Self::user(other.to_string()),
        }
    }

    /// From a first contact that was refused.
    pub fn from_contact(error: ContactError) -> Self {
        match error {
            ContactError::Refused { message, .. } => Self::access(message),
            ContactError::Store(cause) => {
                tracing::error!(error = %cause, "A request failed");
                Self::user("the host could not complete the request; try again in a moment".to_owned())
            }
        }
    }

    /// As `error` of the envelope.
    pub fn to_json(&self) -> Value {
        json!({
            "code": 200,
            "message": "Odoo Server Error",
            "data": { "name": self.class.name(), "message": self.message, "debug": "", "arguments": [self.message], "context": {} },
        })
    }
}

impl From<iap_store::StoreError> for Wrong {
    fn from(error: iap_store::StoreError) -> Self {
        Self::from_contact(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn insufficient_credit_carries_json_in_its_message() {
        let wrong =
            Wrong::insufficient_credit(Credits::from_micros(2_500_000), "sms", "https://iap.example.com", false);
        let message: Value = serde_json::from_str(&wrong.message).unwrap();
        assert_eq!(message["credit"], json!(2.5));
        assert_eq!(message["base_url"], "https://iap.example.com/iap/1/credit");
        assert_eq!(message.get("trial"), None);
        let error = wrong.to_json();
        assert!(error["data"]["name"].as_str().unwrap().ends_with(".InsufficientCreditError"));
        assert!(error["data"]["message"].is_string());
    }
}
