//! Output of `print`.

use std::{fmt, iter::Sum};

use serde::{Deserialize, Serialize, Serializer};
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

/// Ten-thousandths of a credit: prices have at most four decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Credits(pub u64);

const PER_CREDIT: u64 = 10_000;
const DECIMALS: usize = 4;

impl Credits {
    /// Reads a decimal such as `0.9`; of more than four decimals those beyond are cut off.
    pub fn from_decimal(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return None;
        }
        let parts: u64 = format!("{fraction:0<DECIMALS$}").get(..DECIMALS)?.parse().ok()?;
        whole.parse::<u64>().ok()?.checked_mul(PER_CREDIT)?.checked_add(parts).map(Self)
    }

    /// The price of so many units; saturates far above what any hold may be.
    pub fn times(self, units: u64) -> Self {
        Self(self.0.saturating_mul(units))
    }
}

impl Sum for Credits {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        Self(all.fold(0, |sum, credits| sum.saturating_add(credits.0)))
    }
}

impl fmt::Display for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:0DECIMALS$}", self.0 / PER_CREDIT, self.0 % PER_CREDIT);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Serialize for Credits {
    /// A JSON number, as clients expect it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number: serde_json::Number = self.to_string().parse().map_err(serde::ser::Error::custom)?;
        number.serialize(serializer)
    }
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
    fn decimals_are_exact() {
        for (text, amount) in [("1", 10_000), ("0.9", 9_000), ("2.5625", 25_625), ("0.123456", 1_234)] {
            assert_eq!(Credits::from_decimal(text), Some(Credits(amount)), "{text}");
        }
        for text in ["", ".5", "-1", "1e3", "1,5"] {
            assert_eq!(Credits::from_decimal(text), None, "{text}");
        }
        assert_eq!(
            serde_json::to_string(&[Credits(10_000), Credits(27_000), Credits::default()]).unwrap(),
            "[1,2.7,0]"
        );
    }

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
                Fate::Sent { send_id: "x".into(), cost: Credits(10_000), pages: 1 },
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
