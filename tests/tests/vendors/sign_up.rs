//! Signing up by REST: codes, policies, names.

use serde_json::json;

use crate::support::{World, asking, on_postgres, problem, world};

const ANN: &str = "ann@acme.example";

async fn signs_up_and_is_approved(world: &World) {
    let operator = world.host.operator();
    let asked = asking("acme", "Ann@Acme.example");
    let reply = world.send("POST", "/v1/vendors", Some(&asked)).await;
    assert_eq!((reply.status, reply.json()), (201, json!({ "vendor": "acme", "state": "unconfirmed" })));
    let first = world.code(ANN, 1).await;
    // As if another host had made it, whose ids are larger.
    world.host.sql("UPDATE mail_code SET id = id + 4503599627370496 RETURNING id");
    // A newer code takes the place of the one before.
    assert_eq!(world.send("POST", "/v1/vendors", Some(&asked)).await.status, 201);
    let code = world.code(ANN, 2).await;
    let confirm = async |code: &str| {
        let body = json!({ "email": ANN, "code": code });
        world.send("POST", "/v1/vendors/acme/confirm", Some(&body)).await
    };
    if first != code {
        assert_eq!(problem(&confirm(&first).await), (403, "wrong-code".to_owned()));
    }
    // An unconfirmed vendor cannot be approved.
    let early = operator.send("POST", "/v1/vendors/acme/approve", None).await;
    assert_eq!(problem(&early), (409, "wrong-state".to_owned()), "{}", early.text);
    let (left, right) = code.split_at(3);
    assert_eq!(confirm(&format!(" {left} {right} ")).await.json()["state"], "waiting");
    assert_eq!(problem(&confirm(&code).await), (403, "wrong-code".to_owned()), "a code is used once");

    let waiting = operator.ok("GET", "/v1/vendors?state=waiting", None).await;
    let seen = &waiting["items"][0];
    assert_eq!((&seen["vendor"], &seen["vat_number"]), (&json!("acme"), &json!("BE0477472701")), "{waiting}");
    assert_eq!(waiting["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(operator.ok("POST", "/v1/vendors/acme/approve", None).await["state"], "approved");
    assert!(world.mail(ANN, 3).await.contains("You can publish services now"));
    assert_eq!(operator.ok("POST", "/v1/vendors/acme/approve", None).await["state"], "approved", "again");

    // Nobody else gets the name, and its owner is told nothing.
    let taken = world.send("POST", "/v1/vendors", Some(&asking("acme", "eve@evil.example"))).await;
    assert_eq!(problem(&taken), (409, "name-taken".to_owned()));
    assert_eq!(world.mails("eve@evil.example").await.len(), 0);
    let refused = operator.ok("POST", "/v1/vendors/acme/refuse", Some(&json!({ "reason": "It sells nothing." }))).await;
    assert_eq!(refused["state"], "refused");
    assert!(world.mail(ANN, 4).await.contains("It sells nothing."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_signs_up_and_waits_for_the_operator() {
    signs_up_and_is_approved(&world("").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_signs_up_and_waits_for_the_operator_on_postgres() {
    signs_up_and_is_approved(&on_postgres("").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_has_five_tries_and_half_an_hour() {
    let world = world("vendor_signup = \"open\"\n").await;
    let confirm = async |code: &str| {
        let body = json!({ "email": ANN, "code": code });
        problem(&world.send("POST", "/v1/vendors/acme/confirm", Some(&body)).await)
    };
    let wrong = (403, "wrong-code".to_owned());
    world.send("POST", "/v1/vendors", Some(&asking("acme", ANN))).await;
    let code = world.code(ANN, 1).await;
    let other = if code == "12345678" { "87654321" } else { "12345678" };
    for _ in 0..5 {
        assert_eq!(confirm(other).await, wrong);
    }
    assert_eq!(confirm(&code).await, wrong, "five tries were all");

    world.send("POST", "/v1/vendors", Some(&asking("acme", ANN))).await;
    let code = world.code(ANN, 2).await;
    let lifetime = "SELECT (expires_at - created_at) / 60000 FROM mail_code ORDER BY created_at DESC LIMIT 1";
    assert_eq!(world.host.sql(lifetime), ["30"]);
    world.host.sql("UPDATE mail_code SET expires_at = created_at RETURNING id");
    assert_eq!(confirm(&code).await, wrong, "too late");

    world.send("POST", "/v1/vendors", Some(&asking("acme", ANN))).await;
    let code = world.code(ANN, 3).await;
    assert_eq!(world.confirm("acme", ANN, &code).await, "approved", "open to everybody");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_codes_are_mailed_to_one_address() {
    let world = world("").await;
    for n in 0..6 {
        assert_eq!(world.send("POST", "/v1/vendors", Some(&asking(&format!("acme{n}"), ANN))).await.status, 201);
    }
    let reply = world.send("POST", "/v1/vendors", Some(&asking("acme6", ANN))).await;
    assert_eq!(problem(&reply), (429, "too-often".to_owned()));
    assert_eq!(world.host.sql("SELECT count(*) FROM vendor WHERE name = 'acme6'"), ["0"]);
    let bob = world.send("POST", "/v1/vendors", Some(&asking("bobs", "bob@b.example"))).await;
    assert_eq!(bob.status, 201, "others go on: {}", bob.text);
}

async fn kinds_are_counted_apart(world: &World) {
    assert_eq!(world.sign_up("acme", ANN).await, "approved");
    let owner = world.token(ANN, &["read", "finance"]).await;
    let mut anybody = world.browser();
    let page = anybody.get("/vendors/sign-in").await;
    for _ in 0..6 {
        anybody.send(&page, "/vendors/sign-in", &[("email", ANN)]).await;
    }
    assert_eq!(world.host.sql("SELECT count(*) FROM mail_code WHERE purpose = 'sign_in'"), ["6"], "no more to sign in");
    for _ in 0..6 {
        world.proof(&owner, "acme").await;
    }
    let more = world.send_as(&owner, "POST", "/v1/vendors/acme/reauthenticate", None).await;
    assert_eq!(problem(&more), (429, "too-often".to_owned()));
    let again = world.send("POST", "/v1/vendors", Some(&asking("second", ANN))).await;
    assert_eq!(again.status, 201, "{}", again.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_codes_to_sign_in_hinders_nothing_else() {
    kinds_are_counted_apart(&world("vendor_signup = \"open\"\n").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_codes_to_sign_in_hinders_nothing_else_on_postgres() {
    kinds_are_counted_apart(&on_postgres("vendor_signup = \"open\"\n").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_host_takes_nobody() {
    let world = world("vendor_signup = \"closed\"\n").await;
    let reply = world.send("POST", "/v1/vendors", Some(&asking("acme", ANN))).await;
    assert_eq!(problem(&reply), (403, "sign-up-closed".to_owned()));
    let page = world.browser().get("/vendors/sign-up").await;
    assert!(page.text.contains("takes no new vendors") && !page.text.contains("<form"), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named() {
    let world = world("").await;
    for (field, value, status) in [
        ("name", json!("Acme"), 422),
        ("name", json!("odoo"), 409),
        ("name", json!("dev"), 409),
        ("title", json!(" "), 422),
        ("email", json!("ann"), 422),
        ("email", json!("ann@acme.example\nBcc: all@b.example"), 422),
        ("organisation", json!(""), 422),
        ("country", json!("UK"), 422),
        ("vat_number", json!("BE0477472702"), 422),
        ("vat_number", json!("FR83404833048"), 422),
        ("terms_version", json!("0"), 422),
        ("terms_accepted", json!(false), 422),
    ] {
        let mut asked = asking("acme", ANN);
        asked[field] = value.clone();
        let reply = world.send("POST", "/v1/vendors", Some(&asked)).await;
        assert_eq!((reply.status, &reply.json()["field"]), (status, &json!(field)), "{field} {value}: {}", reply.text);
    }
    assert_eq!(world.mails(ANN).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_with_its_key_mails_no_second_code() {
    let world = world("").await;
    let (operator, asked) = (world.host.operator(), asking("acme", ANN));
    let key = [("Idempotency-Key", "k1")];
    for _ in 0..2 {
        let sent = operator.send_with("POST", "/v1/vendors", Some(&asked), &key).await;
        assert_eq!(sent.status, 201);
    }
    let mut other = asked.clone();
    other["title"] = json!("Other");
    let reused = operator.send_with("POST", "/v1/vendors", Some(&other), &key).await;
    assert_eq!(problem(&reused), (409, "idempotency-key-reused".to_owned()));
    world.code(ANN, 1).await;
    assert_eq!(world.host.sql("SELECT count(*) FROM mail_code"), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_nobody_confirmed_is_free_after_a_day() {
    let world = world("vendor_signup = \"open\"\n").await;
    world.send("POST", "/v1/vendors", Some(&asking("acme", "eve@evil.example"))).await;
    let early = world.send("POST", "/v1/vendors", Some(&asking("acme", ANN))).await;
    assert_eq!(problem(&early), (409, "name-taken".to_owned()));
    world.host.sql("UPDATE vendor SET created_at = created_at - 86400001 WHERE name = 'acme' RETURNING name");
    assert_eq!(world.sign_up("acme", ANN).await, "approved");
    let code = world.code("eve@evil.example", 1).await;
    let body = json!({ "email": "eve@evil.example", "code": code });
    let late = world.send("POST", "/v1/vendors/acme/confirm", Some(&body)).await;
    assert_eq!(problem(&late), (403, "wrong-code".to_owned()), "the first one is no member any more");
}
