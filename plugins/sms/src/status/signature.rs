//! Twilio's request signature: HMAC-SHA1 with the auth token over the URL and the sorted form.

use base64::{Engine, prelude::BASE64_STANDARD};
use iap_sdk::{keys::Algorithm, prelude::*};

/// Whether the carrier sent this request.
pub(super) fn is_valid(request: &HookRequest) -> bool {
    let Some(header) = request.header("x-twilio-signature") else { return false };
    let Ok(signature) = BASE64_STANDARD.decode(header.trim()) else { return false };
    let message = signed_text(&request.url, request.form());
    keys::verify("twilio-auth-token", Algorithm::HmacSha1, message.as_bytes(), &signature).unwrap_or_else(|error| {
        log::error!("signatures of the carrier cannot be verified: {error}");
        false
    })
}

/// The URL with its query, then each name with its value, by name.
fn signed_text(url: &str, mut form: Vec<(String, String)>) -> String {
    form.sort();
    let mut text = url.to_owned();
    for (name, value) in form {
        text.push_str(&name);
        text.push_str(&value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of Twilio's security documentation.
    fn example() -> HookRequest {
        let mut request = HookRequest::new("POST", "status").with_form(&[
            ("To", "+18005551212"),
            ("From", "+14158675310"),
            ("Digits", "1234"),
            ("Caller", "+14158675310"),
            ("CallSid", "CA1234567890ABCDE"),
        ]);
        request.url = "https://mycompany.com/myapp.php?foo=1&bar=2".into();
        request
    }

    fn check(request: &HookRequest) -> bool {
        let host = iap_sdk::testing::Host::new();
        host.secret("twilio-auth-token", "12345");
        host.run(|| is_valid(request))
    }

    const SIGNATURE: &str = "GvWf1cFY/Q7PnoempGyD5oXAezc=";

    #[test]
    fn the_published_example_verifies() {
        assert!(check(&example().with_header("X-Twilio-Signature", SIGNATURE)));
    }

    #[test]
    fn anything_else_does_not() {
        assert!(!check(&example()), "missing");
        for wrong in ["", "GvWf1cFY", "not base64 !", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="] {
            assert!(!check(&example().with_header("X-Twilio-Signature", wrong)), "{wrong}");
        }
        let mut other_url = example().with_header("X-Twilio-Signature", SIGNATURE);
        other_url.url.push_str("&u=1");
        assert!(!check(&other_url));
    }

    #[test]
    fn without_the_secret_nothing_is_valid() {
        let request = example().with_header("X-Twilio-Signature", SIGNATURE);
        assert!(!iap_sdk::testing::Host::new().run(|| is_valid(&request)));
    }
}
