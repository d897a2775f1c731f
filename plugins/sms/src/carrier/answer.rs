//! What the carrier's answers mean.

use iap_sdk::{http::Response, log};
use serde::Deserialize;

use super::Outcome;
use crate::send::State;

/// Members of a message that was accepted.
#[derive(Deserialize)]
struct Message {
    sid: String,
    status: Option<String>,
    price: Option<String>,
    price_unit: Option<String>,
    error_code: Option<u32>,
}

/// Members of a refusal.
#[derive(Deserialize)]
struct Problem {
    code: u32,
}

/// Reads an answer to a posted message.
pub(super) fn read(response: &Response) -> Outcome {
    if response.is_success() { accepted(response) } else { refused(response) }
}

fn accepted(response: &Response) -> Outcome {
    let Ok(message) = response.json::<Message>() else {
        log::error!("the carrier answered {} with a body that is not as expected", response.status);
        return Outcome::Unknown;
    };
    if matches!(message.status.as_deref(), Some("failed" | "undelivered" | "canceled")) {
        return refusal(message.error_code.unwrap_or_default());
    }
    let cost = message.price.zip(message.price_unit);
    // Twilio writes what it charges as a negative amount.
    let cost = cost.map(|(price, unit)| format!("{} {unit}", price.trim_start_matches('-')));
    Outcome::Accepted { sid: message.sid, cost }
}

fn refused(response: &Response) -> Outcome {
    match response.json::<Problem>() {
        Ok(problem) => refusal(problem.code),
        Err(_) => {
            log::error!("the carrier answered {} without a code", response.status);
            server_error(format!("The carrier answered with an error ({}).", response.status))
        }
    }
}

/// The meaning of Twilio's error codes of the Messages resource.
fn refusal(code: u32) -> Outcome {
    let (state, reason) = match code {
        // Not a number, cannot be routed, a short code, the sender itself, not a mobile number, a landline.
        21211 | 21214 | 21217 | 21265 | 21266 | 21604 | 21614 | 21635 => {
            (State::WrongNumberFormat, "No message can be sent to this number")
        }
        // The region is not enabled, or the sender cannot reach it.
        21408 | 21612 => (State::CountryNotSupported, "Messages to this country are not offered"),
        21610 => (State::Rejected, "The recipient does not want messages from this sender"),
        // Without body, or longer than 1,600 characters.
        21602 | 21617 | 21619 => (State::IncompatibleContent, "The message is empty or too long"),
        _ => {
            log::error!("the carrier refused with code {code}{}", remedy(code));
            (State::ServerError, "The carrier did not take the message")
        }
    };
    Outcome::Refused { state, reason: format!("{reason} ({code}).") }
}

fn server_error(reason: String) -> Outcome {
    Outcome::Refused { state: State::ServerError, reason }
}

/// What the operator can do about a refusal that is not the user's doing.
fn remedy(code: u32) -> &'static str {
    match code {
        20003 => ": check the config `twilio-account-sid` and the secret `twilio-auth-token`",
        20429 | 14107 => ": the account sends faster than it may",
        21212 | 21603 | 21606 | 21659 | 21660 => ": check the config `sender`",
        21701 | 21703 | 21705 => ": check the config `messaging-service-sid`",
        21609 => ": this host's public URL is not reachable for the carrier",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use iap_sdk::testing::Host;
    use serde_json::{Value, json};

    use super::*;

    fn answer(status: u16, body: &Value) -> Outcome {
        Host::new().run(|| read(&Response::new(status).with_json(body)))
    }

    fn state(outcome: &Outcome) -> Option<State> {
        match outcome {
            Outcome::Refused { state, .. } => Some(*state),
            _ => None,
        }
    }

    #[test]
    fn an_accepted_message_has_a_reference_and_perhaps_a_price() {
        let body = json!({"sid": "SM1", "status": "queued", "price": null, "price_unit": "USD", "error_code": null});
        assert_eq!(answer(201, &body), Outcome::Accepted { sid: "SM1".into(), cost: None });
        let body = json!({"sid": "SM1", "status": "sent", "price": "-0.0750", "price_unit": "USD"});
        assert_eq!(answer(201, &body), Outcome::Accepted { sid: "SM1".into(), cost: Some("0.0750 USD".into()) });
    }

    #[test]
    fn codes_have_meanings() {
        for (status, code, expected) in [
            (400, 21211, State::WrongNumberFormat),
            (400, 21614, State::WrongNumberFormat),
            (400, 21217, State::WrongNumberFormat),
            (400, 21408, State::CountryNotSupported),
            (400, 21612, State::CountryNotSupported),
            (400, 21610, State::Rejected),
            (400, 21617, State::IncompatibleContent),
            (401, 20003, State::ServerError),
            (429, 20429, State::ServerError),
            (503, 20503, State::ServerError),
            (400, 99999, State::ServerError),
        ] {
            let outcome = answer(status, &json!({"code": code, "message": "…", "status": status}));
            assert_eq!(state(&outcome), Some(expected), "{code}");
        }
    }

    #[test]
    fn garbage_is_unknown_after_a_success_and_an_error_after_an_error() {
        let garbage = |status| Host::new().run(|| read(&Response::new(status).with_body("<html>")));
        assert_eq!(garbage(201), Outcome::Unknown);
        assert_eq!(answer(200, &json!({"queued": true})), Outcome::Unknown);
        assert_eq!(state(&garbage(502)), Some(State::ServerError));
    }

    #[test]
    fn a_message_that_failed_at_once_is_refused() {
        let body = json!({"sid": "SM1", "status": "failed", "error_code": 21610});
        assert_eq!(state(&answer(201, &body)), Some(State::Rejected));
    }

    #[test]
    fn the_operator_learns_what_to_check() {
        let host = Host::new();
        host.run(|| read(&Response::new(401).with_json(&json!({"code": 20003}))));
        assert!(host.logged()[0].1.contains("twilio-auth-token"));
    }
}
