//! `account_create`: send a code to a telephone.

use iap_sdk::{falsy, prelude::*};
use serde::Deserialize;

use super::{Output, Pending, pending_key, throttle};
use crate::{
    carrier::{self, Outcome, Sender, Text},
    numbers,
    prices::Prices,
    send::State,
};

/// Seconds that a code is good for.
const CODE_TTL: u32 = 600;

/// Codes in an hour, for an account and for a number: nobody can be flooded through this service.
const CODES_AN_HOUR: usize = 3;

const BUDGET_MS: u32 = 12_000;

/// Input of `account_create`.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// Where the code goes.
    #[serde(default, deserialize_with = "falsy::text")]
    phone_number: Option<String>,
}

/// Sends a code. Costs nothing.
pub fn create(call: &Call, input: Input) -> Result<Output, Failure> {
    if !call.context.is_active() {
        return Ok(Output::new("closed_feature"));
    }
    let Ok(number) = numbers::parse(input.phone_number.as_deref().unwrap_or_default()) else {
        return Ok(Output::new("invalid_phone_number"));
    };
    if Prices::of_release().part(number.country).is_none() {
        return Ok(Output::new("invalid_phone_number"));
    }
    let by_account = format!("codes/account/{}", call.account_ref());
    let by_number = format!("codes/number/{}", number.e164.trim_start_matches('+'));
    if !throttle::take(&by_account, CODES_AN_HOUR)? || !throttle::take(&by_number, CODES_AN_HOUR)? {
        return Ok(Output::new("verification_sms_delivery"));
    }
    let code = new_code();
    let body = format!("Your code to register for text messages is {code}. It is valid for 10 minutes.");
    let text = Text { to: &number.e164, country: number.country, body: &body, status_callback: None };
    match carrier::send_all(&[text], &Sender::of_operator(), BUDGET_MS).first() {
        Some(Outcome::Accepted { .. }) => {}
        Some(Outcome::Refused { state: State::WrongNumberFormat, .. }) => {
            return Ok(Output::new("invalid_phone_number"));
        }
        _ => return Ok(Output::new("verification_sms_delivery")),
    }
    let expires_at = clock::now_ms().saturating_add(u64::from(CODE_TTL) * 1000);
    let pending = Pending { code, number: number.e164, attempts: 0, expires_at };
    store::set_json(Scope::Service, &pending_key(call.account_ref()), &pending, Some(CODE_TTL))?;
    Ok(Output::new("success"))
}

/// Six digits, each as likely as any other to far more than anyone could measure.
fn new_code() -> String {
    let number = random::bytes(8).iter().fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
    format!("{:06}", number % 1_000_000)
}
