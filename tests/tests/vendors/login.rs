//! Programs that log in (RFC 8628), and their tokens.

use serde_json::json;

use crate::support::{ALL, World, on_postgres, problem, world};

const ANN: &str = "ann@acme.example";

async fn logs_in(world: &World) {
    assert_eq!(world.sign_up("acme", ANN).await, "approved");
    let mut browser = world.browser();
    // Who is not signed in is asked to, and comes back to the code.
    let (device, user) = world.begin(&["read", "publish", "read"]).await;
    let page = browser.get(&format!("/login/device?user_code={user}")).await;
    assert!(page.text.contains("A program waits for your word"), "{}", page.text);
    let page = browser.send(&page, "/vendors/sign-in", &[("email", ANN)]).await;
    let code = world.code(ANN, 2).await;
    let page = browser.send(&page, "/vendors/sign-in/code", &[("code", &code)]).await;
    assert!(page.text.contains(&user) && page.text.contains("iap of a test"), "{}", page.text);

    assert_eq!(problem(&world.ask(&device).await), (400, "authorization-pending".to_owned()));
    let soon = world.ask(&device).await;
    assert_eq!(problem(&soon), (429, "slow-down".to_owned()), "asked again at once");
    browser.send(&page, "/login/device/decide", &[("decision", "yes")]).await;
    let granted = world.ask(&device).await;
    assert_eq!(granted.status, 200, "{}", granted.text);
    let shown = granted.json();
    assert_eq!((&shown["vendor"], &shown["email"]), (&json!("acme"), &json!(ANN)));
    assert_eq!(shown["scopes"], json!(["read", "publish"]));
    let token = shown["token"].as_str().expect("a token");
    assert!(token.starts_with("iap_vn_"), "{token}");
    let kept = world.host.sql("SELECT count(*) FROM token WHERE kind = 'vendor' AND hash NOT LIKE 'iap%'");
    assert_eq!(kept, ["1"], "only its hash is kept");
    assert_eq!(problem(&world.ask(&device).await), (400, "expired-token".to_owned()), "it is given once");
    assert_eq!(world.send_as(token, "GET", "/v1/vendors/acme", None).await.status, 200);
    let key = json!({ "public_key": "", "title": "" });
    let keys = world.send_as(token, "POST", "/v1/vendors/acme/keys", Some(&key)).await;
    assert_eq!(problem(&keys), (403, "forbidden".to_owned()), "an owner's token has its scopes only");

    let (device, user) = world.begin(&["read"]).await;
    let page = browser.get(&format!("/login/device?user_code={}", user.to_lowercase().replace('-', ""))).await;
    browser.send(&page, "/login/device/decide", &[("decision", "no")]).await;
    assert_eq!(problem(&world.ask(&device).await), (403, "access-denied".to_owned()));

    let (device, user) = world.begin(&["read"]).await;
    world.host.sql("UPDATE device_login SET expires_at = created_at WHERE state = 'waiting' RETURNING user_code");
    assert_eq!(problem(&world.ask(&device).await), (400, "expired-token".to_owned()));
    let page = browser.get(&format!("/login/device?user_code={user}")).await;
    assert_eq!(page.status, 404, "{}", page.text);
    assert!(page.text.contains("No program waits with this code"), "{}", page.text);
    assert_eq!(problem(&world.ask("unknown").await), (400, "expired-token".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_logs_in_by_a_browser() {
    logs_in(&world("vendor_signup = \"open\"\n").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_logs_in_by_a_browser_on_postgres() {
    logs_in(&on_postgres("vendor_signup = \"open\"\n").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_issued_with_fewer_scopes_and_revoked() {
    let world = world("vendor_signup = \"open\"\n").await;
    world.sign_up("acme", ANN).await;
    let token = world.token(ANN, &["read", "publish"]).await;
    let issue = async |token: &str, body| world.send_as(token, "POST", "/v1/tokens", Some(&body)).await;
    let more = issue(&token, json!({ "title": "ci", "scopes": ["admin"] })).await;
    assert_eq!((more.status, &more.json()["field"]), (422, &json!("scopes")), "{}", more.text);
    for days in [0, 366] {
        let wrong = issue(&token, json!({ "title": "ci", "scopes": ["read"], "expires_in_days": days })).await;
        assert_eq!((wrong.status, &wrong.json()["field"]), (422, &json!("expires_in_days")));
    }
    let issued = issue(&token, json!({ "title": "ci", "scopes": ["read"], "expires_in_days": 1 })).await.json();
    let (second, id) = (issued["token"].as_str().expect("a token"), issued["id"].as_str().expect("an id"));
    assert_eq!(world.send_as(second, "GET", "/v1/vendors/acme", None).await.status, 200);
    let other = world.send_as(&token, "DELETE", &format!("/v1/tokens/{id}"), None).await;
    assert_eq!(problem(&other), (403, "forbidden".to_owned()), "without `admin` a token revokes only itself");
    assert_eq!(world.send_as(second, "DELETE", &format!("/v1/tokens/{id}"), None).await.status, 204);
    let refused = world.send_as(second, "GET", "/v1/vendors/acme", None).await;
    assert_eq!(problem(&refused), (401, "unauthenticated".to_owned()), "a revoked token opens nothing");
    assert_eq!(world.send_as(&token, "DELETE", &format!("/v1/tokens/{id}"), None).await.status, 404);
    let listed = world.send_as(&token, "GET", "/v1/tokens", None).await.json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");

    // Another vendor's owner can neither see nor revoke it.
    world.sign_up("other", "o@other.example").await;
    let other = world.token("o@other.example", &ALL).await;
    let id = listed["items"][0]["id"].as_str().expect("an id");
    assert_eq!(world.send_as(&other, "DELETE", &format!("/v1/tokens/{id}"), None).await.status, 404);
    world.host.sql("UPDATE token SET expires_at = created_at WHERE kind = 'vendor' RETURNING id");
    let late = world.send_as(&token, "GET", "/v1/vendors/acme", None).await;
    assert_eq!(problem(&late), (401, "unauthenticated".to_owned()), "an expired token opens nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_not_outlive_the_one_that_asked_for_it() {
    let world = world("vendor_signup = \"open\"\n").await;
    world.sign_up("acme", ANN).await;
    let token = world.token(ANN, &["read", "admin"]).await;
    // Ten days and some minutes are left of it.
    world.host.sql("UPDATE token SET expires_at = created_at + 864600000 WHERE kind = 'vendor' RETURNING id");
    let issue = async |days: serde_json::Value| {
        let body = json!({ "title": "ci", "scopes": ["read"], "expires_in_days": days });
        world.send_as(&token, "POST", "/v1/tokens", Some(&body)).await
    };
    let longer = issue(json!(11)).await;
    assert_eq!((longer.status, &longer.json()["field"]), (422, &json!("expires_in_days")), "{}", longer.text);
    assert!(longer.text.contains("must be at most 10"), "{}", longer.text);
    assert_eq!(issue(json!(10)).await.status, 201);
    let body = json!({ "title": "ci", "scopes": ["read"] });
    let rest = world.send_as(&token, "POST", "/v1/tokens", Some(&body)).await;
    assert_eq!(rest.status, 201, "{}", rest.text);
    let until =
        "SELECT count(*) FROM token t JOIN token o ON o.expires_at = t.expires_at + 1000 WHERE t.kind = 'vendor'";
    assert_eq!(world.host.sql(until), ["1"], "where nobody says how long, it ends just before the first");
    // One with `admin` revokes the others.
    let id = rest.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(world.send_as(&token, "DELETE", &format!("/v1/tokens/{id}"), None).await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_network_has_only_so_many_logins_open() {
    let world = world("").await;
    for _ in 0..20 {
        world.begin(&["read"]).await;
    }
    let body = json!({ "client": "one more", "scopes": ["read"] });
    let refused = world.send("POST", "/v1/login/device", Some(&body)).await;
    assert_eq!(problem(&refused), (429, "too-many".to_owned()));
    let elsewhere = [("X-Forwarded-For", "198.51.100.7")];
    let other = world.host.operator().send_with("POST", "/v1/login/device", Some(&body), &elsewhere).await;
    assert_eq!(other.status, 200, "{}", other.text);
    for (body, field) in [
        (json!({ "client": "c", "scopes": [] }), "scopes"),
        (json!({ "client": "a\nb", "scopes": ["read"] }), "client"),
    ] {
        let wrong = world.host.operator().send_with("POST", "/v1/login/device", Some(&body), &elsewhere).await;
        assert_eq!((wrong.status, &wrong.json()["field"]), (422, &json!(field)));
    }
}
