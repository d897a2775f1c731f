//! Greets people, for a price by the greeting.

use iap_sdk::prelude::*;
use serde::{Deserialize, Serialize};

struct Plugin;

impl Service for Plugin {
    fn operations() -> Operations {
        Operations::new().on("greet", greet).quote("greet", |_: &Call, _: Greet| Ok(price()))
    }
}

iap_sdk::register_service!(Plugin);

#[derive(Deserialize)]
struct Greet {
    name: String,
}

#[derive(Serialize)]
struct Greeted {
    text: String,
}

/// What a call counts: one item of the price table in plugin.toml.
fn price() -> Vec<Line> {
    vec![Line::new("greeting", 1)]
}

fn greet(_call: &Call, input: Greet) -> Result<Greeted, Failure> {
    let name = input.name.trim();
    if name.is_empty() {
        return Err(Failure::bad_request("name", "must not be empty"));
    }
    // Sets the credits aside. If the account has too few, the call ends here; if this function fails later, they go back.
    let hold = billing::authorize(&price())?;
    let text = format!("Hello, {name}!");
    // Delivered: takes the credits.
    hold.capture()?;
    Ok(Greeted { text })
}

#[cfg(test)]
mod tests {
    use iap_sdk::testing::Host;
    use serde_json::json;

    use super::*;

    fn host(credits: &str) -> Host {
        let host = Host::new();
        host.credits(credits).price("greeting", "1");
        host
    }

    #[test]
    fn a_greeting_costs_a_credit() {
        let host = host("5");
        let answer = host.call::<Plugin>("greet", json!({ "name": "Ada" }));
        assert_eq!(answer, Ok(json!({ "text": "Hello, Ada!" })));
        assert_eq!(host.available(), "4");
    }

    #[test]
    fn nobody_is_greeted_on_credit_or_without_a_name() {
        assert_eq!(host("0").call::<Plugin>("greet", json!({ "name": "Ada" })), Err(Failure::InsufficientCredit));
        let host = host("5");
        assert!(host.call::<Plugin>("greet", json!({ "name": " " })).is_err());
        assert_eq!(host.available(), "5");
    }
}
