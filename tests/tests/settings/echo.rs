//! A provider that answers with the credentials that it was sent.

use iap_tests::TestHost;

use crate::support::{Echo, ask, database, set_token, settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_the_provider_echoes_reaches_neither_guest_nor_log_nor_customer() {
    let token = "tk/echo-42+secret";
    let echo = Echo::start();
    let host = TestHost::with(&settings(&echo, ""));
    let odoo = database(&host).await;
    set_token(&host, token).await;
    let answer = ask(&host, &odoo).await;
    assert_eq!(echo.last(), Some(format!("Bearer {token}")), "the provider itself gets it");
    let text = answer.to_string();
    assert!(text.contains("Bearer *****************"), "the guest saw what was overwritten: {text}");
    let plugin_log = host.sql("SELECT message FROM plugin_log").join("\n");
    let calls = host.sql("SELECT count(*) FROM call").join("");
    assert_ne!(calls, "0");
    let everything = format!("{text}\n{}\n{plugin_log}", host.log());
    let encoded = |offset: usize| {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        STANDARD.encode(&token[offset..])[..16].to_owned()
    };
    for (what, bad) in [
        ("plain", token.to_owned()),
        ("in a query", token.replace('/', "%2F").replace('+', "%2B")),
        ("in a path", token.replace('/', "%2F")),
        ("hexadecimal", hex::encode(token)),
        ("base64", encoded(0)),
        ("base64, behind others", encoded(1)),
        ("base64, behind others", encoded(2)),
    ] {
        assert!(!everything.contains(&bad), "{what}: {bad} is in\n{everything}");
    }
    assert!(everything.contains("guarded said"), "the guest did log it:\n{everything}");
}
