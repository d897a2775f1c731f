//! Asks the European Union's register whether a VAT number is valid. Charged only when the register answers.

use iap_sdk::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

struct VatCheck;

impl Service for VatCheck {
    fn operations() -> Operations {
        Operations::new().on("check", check).quote("check", |_: &Call, _: Input| Ok(vec![Line::new("check", 1)]))
    }
}

iap_sdk::register_service!(VatCheck);

#[derive(Deserialize)]
struct Input {
    country: String,
    number: String,
}

#[derive(Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Answer {
    Checked { valid: bool, name: Option<String>, address: Option<String>, request_date: String },
    Failed { error_wrappers: Vec<Value> },
}

fn check(_call: &Call, input: Input) -> Result<Value, Failure> {
    let hold = billing::authorize(&[Line::new("check", 1)])?;
    match ask(&input.country.trim().to_uppercase(), &input.number.to_uppercase()) {
        Ok(Answer::Checked { valid, name, address, request_date }) => {
            hold.capture()?;
            let mut output = json!({ "valid": valid, "checked_at": request_date });
            let texts = [("name", name), ("address", address)].into_iter().filter_map(|(at, text)| Some((at, text?)));
            for (member, published) in texts.filter(|(_, text)| !matches!(text.as_str(), "" | "---")) {
                output[member] = published.into();
            }
            Ok(output)
        }
        Ok(Answer::Failed { error_wrappers }) if error_wrappers.iter().any(|why| why["error"] == "INVALID_INPUT") => {
            Err(Failure::bad_request("number", "is no VAT number of that country; send both as they are on an invoice"))
        }
        Ok(_) | Err(Failure::ProviderUnavailable { .. }) => Err(Failure::ProviderUnavailable { retry_after: Some(60) }),
        Err(failure) => Err(failure),
    }
}

fn ask(country: &str, number: &str) -> Result<Answer, Failure> {
    let number: String = number.chars().filter(|c| !c.is_whitespace() && !".-".contains(*c)).collect();
    let number = number.strip_prefix(country).unwrap_or(&number);
    // The register knows Greece as EL.
    let question = json!({ "countryCode": country.replace("GR", "EL"), "vatNumber": number });
    Ok(http::Request::post("vies", "/check-vat-number").json(&question).send()?.json()?)
}

#[cfg(test)]
mod tests;
