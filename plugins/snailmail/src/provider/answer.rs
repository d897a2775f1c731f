//! What the printer's answers mean.

use iap_sdk::{
    http::{Error, Response},
    log,
};
use serde::Deserialize;

use super::Outcome;
use crate::wire::Code;

/// How far a letter has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Not yet posted.
    Underway,
    /// Given to the post.
    Sent,
    /// It was posted and came back.
    Undeliverable,
    /// It will not be posted; why, in the printer's words.
    Failed(String),
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    id: String,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Default, Deserialize)]
struct Attributes {
    status: Option<String>,
}

#[derive(Deserialize)]
struct Problems {
    errors: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

/// Whether a letter's id may stand in a path and in a key.
pub fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Reads the answer to a letter that was handed over.
pub(super) fn created(answer: &Result<Response, Error>) -> Outcome {
    let response = match answer {
        Ok(response) => response,
        Err(error) => {
            log::warn!("no answer from the printer: {error}");
            return if error.sent { Outcome::Unknown } else { Outcome::NotSent };
        }
    };
    match response.status {
        200..=299 => match response.json::<Answer>() {
            Ok(answer) if is_id(&answer.data.id) => Outcome::Accepted { id: answer.data.id },
            _ => {
                log::error!("the printer answered {} with a body that is not as expected", response.status);
                Outcome::Unknown
            }
        },
        400 | 413 | 415 | 422 => {
            let why = words(response);
            log::warn!("the printer refused a letter: {why}");
            Outcome::Refused(Code::FormatError, format!("The printer refused the letter: {why}"))
        }
        // Too many at once, or the account of the operator is not in order: nothing was taken.
        401 | 402 | 403 | 404 | 405 | 406 | 429 => {
            log::error!("the printer answered {}{}", response.status, remedy(response.status));
            Outcome::NotSent
        }
        status => {
            log::error!("the printer answered {status}");
            Outcome::Unknown
        }
    }
}

/// What an operator can do about a refusal that is not the user's doing.
pub(super) fn remedy(status: u16) -> &'static str {
    match status {
        401 => ": check the config `pingen-client-id` and the secret `pingen-client-secret`",
        402 => ": Pingen's account lacks money",
        403 | 404 => ": check the config `pingen-organisation`, and that the application may use it",
        429 => ": more requests than Pingen allows",
        _ => "",
    }
}

fn words(response: &Response) -> String {
    let problem = response.json::<Problems>().ok().and_then(|problems| problems.errors.into_iter().next());
    match problem {
        Some(Problem { title, detail }) if !detail.is_empty() => cut(&format!("{title}: {detail}")),
        Some(Problem { title, .. }) if !title.is_empty() => cut(&title),
        _ => format!("status {}", response.status),
    }
}

/// The printer's words, as long as a reason may be.
pub fn cut(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

/// Reads what a letter is.
pub(super) fn state(response: &Response) -> Option<State> {
    match response.status {
        200 => {
            let answer = response.json::<Answer>();
            let answer = answer.inspect_err(|error| log::error!("a letter cannot be read: {error}")).ok()?;
            Some(of_status(&answer.data.attributes.status?))
        }
        404 | 410 => Some(State::Failed("the printer does not have it any more".into())),
        status => {
            log::error!("the printer does not say what became of a letter: it answered {status}");
            None
        }
    }
}

/// The meaning of Pingen's words. It publishes no list, so that a word of tomorrow is "not yet".
fn of_status(status: &str) -> State {
    match status {
        "sent" | "delivered" => State::Sent,
        "undeliverable" => State::Undeliverable,
        // Nobody will mend it: databases send letters, people do not look at the printer's pages.
        "action_required" | "invalid" | "unprintable" | "rejected" | "expired" | "cancelled" | "deleted" => {
            State::Failed(status.replace('_', " "))
        }
        _ => State::Underway,
    }
}

#[cfg(test)]
mod tests {
    use iap_sdk::testing::Host;
    use serde_json::{Value, json};

    use super::*;

    fn answer(status: u16, body: &Value) -> Outcome {
        Host::new().run(|| created(&Ok(Response::new(status).with_json(body))))
    }

    #[test]
    fn answers_to_a_new_letter_have_meanings() {
        let letter =
            json!({ "data": { "id": "c0ffee-1", "type": "letters", "attributes": { "status": "validating" } } });
        assert_eq!(answer(201, &letter), Outcome::Accepted { id: "c0ffee-1".into() });
        assert_eq!(answer(200, &letter), Outcome::Accepted { id: "c0ffee-1".into() });
        let refused = json!({ "errors": [{ "code": "1", "title": "Unprocessable", "detail": "No address" }] });
        assert_eq!(
            answer(422, &refused),
            Outcome::Refused(Code::FormatError, "The printer refused the letter: Unprocessable: No address".into())
        );
        for status in [401, 402, 403, 404, 429] {
            assert_eq!(answer(status, &refused), Outcome::NotSent, "{status}");
        }
        for status in [409, 424, 500, 502, 503, 504] {
            assert_eq!(answer(status, &refused), Outcome::Unknown, "{status}");
        }
        assert_eq!(answer(201, &json!({ "data": { "id": "../x" } })), Outcome::Unknown);
        assert_eq!(Host::new().run(|| created(&Ok(Response::new(201).with_body("<html>")))), Outcome::Unknown);
    }

    #[test]
    fn a_request_that_left_may_have_arrived() {
        let outcome = |sent| Host::new().run(|| created(&Err(Error { sent, ..Error::new("timeout", "late") })));
        assert_eq!((outcome(true), outcome(false)), (Outcome::Unknown, Outcome::NotSent));
    }

    #[test]
    fn statuses_have_meanings() {
        for (word, expected) in [
            ("validating", State::Underway),
            ("submitted", State::Underway),
            ("printing", State::Underway),
            ("a-word-of-tomorrow", State::Underway),
            ("sent", State::Sent),
            ("undeliverable", State::Undeliverable),
            ("action_required", State::Failed("action required".into())),
            ("cancelled", State::Failed("cancelled".into())),
        ] {
            assert_eq!(of_status(word), expected, "{word}");
        }
    }
}
