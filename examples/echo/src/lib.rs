//! A whole paid service: it says what it hears, for a credit a message.

use iap_sdk::prelude::*;
use serde::{Deserialize, Serialize};

struct Echo;

impl Service for Echo {
    fn operations() -> Operations {
        Operations::new().on("say", say).quote("say", |_: &Call, _: Say| Ok(price()))
    }
}

iap_sdk::register_service!(Echo);

#[derive(Deserialize)]
struct Say {
    text: String,
}

#[derive(Serialize)]
struct Said {
    text: String,
    length: usize,
}

fn price() -> Vec<Line> {
    vec![Line::new("message", 1)]
}

fn say(_call: &Call, input: Say) -> Result<Said, Failure> {
    let hold = billing::authorize(&price())?;
    hold.capture()?;
    Ok(Said { length: input.text.chars().count(), text: input.text })
}

#[cfg(test)]
mod tests {
    use iap_sdk::testing::Host;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_costs_a_credit() {
        let host = Host::new();
        host.credits("2").price("message", "1");
        let said = host.call::<Echo>("say", json!({ "text": "héllo" }));
        assert_eq!(said, Ok(json!({ "text": "héllo", "length": 5 })));
        assert_eq!(host.available(), "1");
        assert_eq!(host.quote::<Echo>("say", json!({ "text": "" })), Ok(price()));
    }

    #[test]
    fn without_credits_nothing_is_said() {
        let host = Host::new();
        host.price("message", "1");
        assert_eq!(host.call::<Echo>("say", json!({ "text": "hi" })), Err(Failure::InsufficientCredit));
    }
}
