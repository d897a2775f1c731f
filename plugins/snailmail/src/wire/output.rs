//! Output of `print`.

use iap_sdk::Credits;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Document;

/// Why a letter was not sent, as databases know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Code {
    /// Too few credits.
    CreditError,
    /// The account may not spend.
    TrialError,
    /// Letters to this country are not offered.
    NoPriceAvailable,
    /// The address is not complete.
    MissingRequiredFields,
    /// The document cannot be printed.
    FormatError,
    /// Anything else.
    UnknownError,
}

/// What became of a letter.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// The printer has it.
    Sent {
        /// The printer's reference.
        send_id: String,
        /// Credits set aside for it.
        cost: Credits,
        /// Pages printed.
        pages: usize,
    },
    /// As an earlier call answered it.
    Repeat(Value),
    /// It was not sent, and is not charged.
    Refused {
        /// As databases know it.
        code: Code,
        /// For the user.
        reason: String,
    },
    /// Nobody knows yet, or it was not its turn: it stays where it is, and is sent again.
    Open {
        /// For the user.
        reason: &'static str,
    },
}

/// The answer to a request.
#[derive(Debug, Serialize)]
pub struct Printed {
    request_code: u32,
    total_cost: Credits,
    credit_error: bool,
    request: Value,
}

impl Printed {
    /// One entry for each document with a known fate. Databases leave a letter without one in their queue and send
    /// it again; other callers (`tell_all`) are told.
    pub fn new(documents: &[Document], fates: Vec<Fate>, tell_all: bool) -> Self {
        let total_cost = fates
            .iter()
            .map(|fate| match fate {
                Fate::Sent { cost, .. } => *cost,
                Fate::Repeat(_) | Fate::Refused { .. } | Fate::Open { .. } => Credits::default(),
            })
            .sum();
        let credit_error =
            fates.iter().any(|fate| matches!(fate, Fate::Refused { code: Code::CreditError | Code::TrialError, .. }));
        let entries: Vec<Value> =
            documents.iter().zip(fates).filter_map(|(document, fate)| entry(document, fate, tell_all)).collect();
        let request = json!({ "documents": entries, "options": {} });
        Self { request_code: 200, total_cost, credit_error, request }
    }
}

fn entry(document: &Document, fate: Fate, tell_all: bool) -> Option<Value> {
    let outcome = match fate {
        Fate::Sent { send_id, cost, pages } => {
            json!({ "sent": true, "send_id": send_id, "cost": cost, "pages": pages })
        }
        Fate::Repeat(answer) => answer,
        Fate::Refused { code, reason } => json!({ "sent": false, "error": code, "failure_reason": reason }),
        Fate::Open { reason } if tell_all => {
            json!({ "sent": false, "error": Code::UnknownError, "failure_reason": reason })
        }
        Fate::Open { .. } => return None,
    };
    let mut entry = Map::new();
    entry.insert("letter_id".into(), document.letter_id.clone());
    entry.insert("res_model".into(), document.res_model.clone());
    entry.insert("res_id".into(), document.res_id.clone());
    if let Value::Object(outcome) = outcome {
        entry.extend(outcome);
    }
    Some(Value::Object(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_that_databases_know() {
        let codes = [
            Code::CreditError,
            Code::TrialError,
            Code::NoPriceAvailable,
            Code::MissingRequiredFields,
            Code::FormatError,
            Code::UnknownError,
        ];
        assert_eq!(
            serde_json::to_value(codes).unwrap(),
            json!([
                "CREDIT_ERROR",
                "TRIAL_ERROR",
                "NO_PRICE_AVAILABLE",
                "MISSING_REQUIRED_FIELDS",
                "FORMAT_ERROR",
                "UNKNOWN_ERROR"
            ])
        );
    }

    #[test]
    fn an_answer_has_an_entry_for_each_known_fate() {
        let document =
            |id: u64| Document { letter_id: json!(id), res_model: json!("account.move"), ..Document::default() };
        let documents = [document(1), document(2), document(3), document(4)];
        let fates = || {
            vec![
                Fate::Sent { send_id: "x".into(), cost: Credits::from_millionths(1_000_000), pages: 1 },
                Fate::Refused { code: Code::CreditError, reason: "why".into() },
                Fate::Open { reason: "later" },
                Fate::Repeat(json!({ "sent": true, "send_id": "y", "cost": 2, "pages": 3 })),
            ]
        };
        let answer = serde_json::to_value(Printed::new(&documents, fates(), false)).unwrap();
        assert_eq!(
            answer,
            json!({
                "request_code": 200, "total_cost": 1, "credit_error": true,
                "request": { "options": {}, "documents": [
                    { "letter_id": 1, "res_model": "account.move", "res_id": null, "sent": true, "send_id": "x", "cost": 1, "pages": 1 },
                    { "letter_id": 2, "res_model": "account.move", "res_id": null, "sent": false, "error": "CREDIT_ERROR", "failure_reason": "why" },
                    { "letter_id": 4, "res_model": "account.move", "res_id": null, "sent": true, "send_id": "y", "cost": 2, "pages": 3 },
                ]},
            })
        );
        let told = serde_json::to_value(Printed::new(&documents, fates(), true)).unwrap();
        assert_eq!(told["request"]["documents"][2]["error"], "UNKNOWN_ERROR");
    }
}
