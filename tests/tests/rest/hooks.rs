//! Hooks: a service's provider is believed only with its signature.

use iap_tests::{Reply, TestHost, http, odoo::hex32};
use serde_json::json;

use crate::support::rows;

async fn hook(host: &TestHost, path: &str, signature: Option<&str>, body: String) -> Reply {
    let request =
        host.client().post(format!("{}{path}", host.url())).header("Content-Type", "application/x-www-form-urlencoded");
    let request = match signature {
        Some(signature) => request.header("X-Twilio-Signature", signature),
        None => request,
    };
    http::try_send(request.body(body)).await.expect("the host answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_that_nobody_declared_are_not_there() {
    let host = crate::support::with_echo();
    let before = rows(&host);
    for path in ["/hooks/fax/status", "/hooks/sms/other", "/hooks/sms/status/more", "/hooks/echo/status"] {
        let reply = hook(&host, path, None, String::new()).await;
        assert_eq!((reply.status, reply.text.as_str()), (404, "no service has this hook\n"), "{path}");
        let reply = http::try_send(host.client().get(format!("{}{path}", host.url()))).await.expect("the host answers");
        assert_eq!((reply.status, reply.text.as_str()), (404, "no service has this hook\n"), "{path}");
    }
    let large = hook(&host, "/hooks/sms/status", None, "x".repeat((1 << 20) + 1)).await;
    assert_eq!((large.status, large.text.as_str()), (413, "the body has more than 1 MiB\n"));
    assert_eq!(rows(&host), before);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_without_the_carriers_signature_is_not_passed_on() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "10").await;
    // A number of which the carrier never reports, so that what arrives is ours alone.
    let uuid = hex32();
    let webhook = format!("{}/payments/stripe/webhook", host.url());
    let mut params = odoo.sms("Hello", &[("+32475000700", &uuid)]);
    params["webhook_url"] = json!(webhook);
    assert_eq!(odoo.result("/api/sms/3/send", &params).await[0]["state"], "success");
    let received = host.carrier_received().await;
    let callback = received["messages"][0]["status_callback"].as_str().expect("a callback").to_owned();
    let path = callback.strip_prefix(host.url()).expect("the hook is on this host").to_owned();
    assert!(path.starts_with("/hooks/sms/status?"), "{path}");
    let body = "MessageStatus=delivered&MessageSid=SM00000000000000000000000000000001";
    let before = rows(&host);
    for signature in [None, Some(""), Some("not base64 !"), Some("AAAAAAAAAAAAAAAAAAAAAAAAAAA=")] {
        let reply = hook(&host, &path, signature, body.to_owned()).await;
        assert_eq!((reply.status, reply.content_type.as_str()), (403, "application/problem+json"), "{signature:?}");
        assert_eq!(reply.json(), json!({ "status": 403, "detail": "The signature is missing or wrong." }));
    }
    assert_eq!(rows(&host), before, "no report waits for the database");
    // With the signature it is passed on.
    let signature = signed(
        &callback,
        "simulated-carrier-token",
        &[("MessageSid", "SM00000000000000000000000000000001"), ("MessageStatus", "delivered")],
    );
    let other = signed(
        &callback,
        "another-token",
        &[("MessageSid", "SM00000000000000000000000000000001"), ("MessageStatus", "delivered")],
    );
    assert_eq!(hook(&host, &path, Some(&other), body.to_owned()).await.status, 403);
    assert_eq!(rows(&host), before);
    let reply = hook(&host, &path, Some(&signature), body.to_owned()).await;
    assert!(reply.status < 300, "{} {}", reply.status, reply.text);
    assert_ne!(rows(&host), before);
    assert_eq!(odoo.balance("sms").await, json!(9.0));
    host.verify();
}

/// Twilio's signature of a form, its fields sorted by name.
fn signed(url: &str, token: &str, form: &[(&str, &str)]) -> String {
    use base64::Engine as _;
    use hmac::{KeyInit as _, Mac as _};
    let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(token.as_bytes()).expect("any length");
    mac.update(url.as_bytes());
    for (name, value) in form {
        mac.update(format!("{name}{value}").as_bytes());
    }
    base64::prelude::BASE64_STANDARD.encode(mac.finalize().into_bytes())
}
