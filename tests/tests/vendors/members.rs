//! Who acts for a vendor, and what each role may do.

use iap_tests::Settings;
use serde_json::{Value, json};

use crate::support::{ALL, KEY, World, on_postgres, problem, world};

const ANN: &str = "ann@acme.example";
const DEV: &str = "dave@acme.example";
const FIN: &str = "fay@acme.example";

/// A vendor with an owner, a developer and a finance member; their tokens.
async fn acme(world: &World) -> (String, String, String) {
    assert_eq!(world.sign_up("acme", ANN).await, "approved");
    let owner = world.token(ANN, &ALL).await;
    world.invite(&owner, "acme", DEV, "developer").await;
    world.invite(&owner, "acme", FIN, "finance").await;
    let developer = world.token(DEV, &ALL).await;
    let finance = world.token(FIN, &ALL).await;
    (owner, developer, finance)
}

async fn member(world: &World, token: &str, email: &str) -> String {
    let members = world.send_as(token, "GET", "/v1/vendors/acme/members", None).await.json();
    let items = members["items"].as_array().cloned().expect("a list");
    let found = items.iter().find(|member| member["email"] == email).expect("a member");
    found["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_may_do_its_own_work() {
    let world = world("vendor_signup = \"open\"\n").await;
    let (owner, developer, finance) = acme(&world).await;
    let key = json!({ "public_key": KEY, "title": "laptop" });
    let invitation = json!({ "email": "x@acme.example", "role": "developer" });
    let profile = json!({ "title": "Acme Labs" });
    let cases: [(&str, &str, Option<&Value>, [u16; 3]); 8] = [
        ("GET", "/v1/vendors/acme", None, [200, 200, 200]),
        ("GET", "/v1/vendors/acme/members", None, [200, 200, 200]),
        ("GET", "/v1/vendors/acme/balance", None, [200, 403, 200]),
        ("POST", "/v1/vendors/acme/reauthenticate", None, [200, 403, 200]),
        ("POST", "/v1/vendors/acme/keys", Some(&key), [201, 403, 403]),
        ("POST", "/v1/vendors/acme/members", Some(&invitation), [201, 403, 403]),
        ("PATCH", "/v1/vendors/acme", Some(&profile), [200, 403, 403]),
        ("GET", "/v1/vendors", None, [403, 403, 403]),
    ];
    for (method, path, body, expected) in cases {
        for (token, status) in [&developer, &finance, &owner].into_iter().zip([expected[1], expected[2], expected[0]]) {
            let reply = world.send_as(token, method, path, body).await;
            assert_eq!(reply.status, status, "{method} {path}: {}", reply.text);
        }
    }
    // What does not fit a role was left out of its token.
    let scopes = async |token: &str| {
        let tokens = world.send_as(token, "GET", "/v1/tokens", None).await.json();
        let items = tokens["items"].as_array().cloned().expect("a list");
        assert!(items.iter().all(|one| one.get("token").is_none()), "{tokens}");
        (items.len(), items[0]["scopes"].clone())
    };
    assert_eq!(scopes(&developer).await, (1, json!(["read", "publish", "settings"])));
    assert_eq!(scopes(&finance).await, (1, json!(["read", "finance"])), "nothing to publish with");
    assert_eq!(scopes(&owner).await.0, 3, "an owner sees all");
    // Another vendor's members see nothing of it.
    assert_eq!(world.sign_up("other", "o@other.example").await, "approved");
    let other = world.token("o@other.example", &ALL).await;
    for path in ["/v1/vendors/acme", "/v1/vendors/acme/members", "/v1/tokens?vendor=acme"] {
        assert_eq!(problem(&world.send_as(&other, "GET", path, None).await), (403, "forbidden".to_owned()), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_keeps_an_owner_and_who_goes_can_do_nothing_more() {
    let world = world("vendor_signup = \"open\"\n").await;
    let (owner, developer, finance) = acme(&world).await;
    let remove = async |token: &str, id: &str| {
        world.send_as(token, "DELETE", &format!("/v1/vendors/acme/members/{id}"), None).await
    };
    let ann = member(&world, &owner, ANN).await;
    assert_eq!(problem(&remove(&owner, &ann).await), (409, "last-owner".to_owned()));
    assert_eq!(world.send_as(&owner, "GET", "/v1/vendors/acme", None).await.status, 200, "nothing was done");
    let (dave, fay) = (member(&world, &owner, DEV).await, member(&world, &owner, FIN).await);
    assert_eq!(remove(&finance, &dave).await.status, 403);
    assert_eq!(remove(&finance, &fay).await.status, 204, "everybody may leave");
    assert_eq!(remove(&owner, &dave).await.status, 204);
    for token in [&developer, &finance] {
        assert_eq!(
            problem(&world.send_as(token, "GET", "/v1/tokens", None).await),
            (401, "unauthenticated".to_owned())
        );
    }
    assert_eq!(remove(&owner, &dave).await.status, 404);
    // Somebody who was only invited is no owner yet.
    let body = json!({ "email": DEV, "role": "owner", "code": world.proof(&owner, "acme").await });
    assert_eq!(world.send_as(&owner, "POST", "/v1/vendors/acme/members", Some(&body)).await.status, 201);
    assert_eq!(problem(&remove(&owner, &ann).await), (409, "last-owner".to_owned()));
    let code = world.code(DEV, 3).await;
    world.confirm("acme", DEV, &code).await;
    world.settled().await;
    let told = world.mails(ANN).await.len();
    assert_eq!(remove(&owner, &ann).await.status, 204);
    for (email, count) in [(ANN, told + 1), (DEV, 4)] {
        let mail = world.mail(email, count).await;
        assert!(mail.contains("ann@acme.example has removed ann@acme.example (owner)"), "{mail}");
    }
    let seen = world.host.operator().ok("GET", "/v1/vendors/acme", None).await;
    assert_eq!(seen["email"], json!(DEV), "mails go to an owner who is there: {seen}");
    assert!(seen["payouts_held_until"].is_string(), "{seen}");
}

async fn mighty_members_take_a_code(world: &World) {
    assert_eq!(world.sign_up("acme", ANN).await, "approved");
    let owner = world.token(ANN, &["read", "admin"]).await;
    let invite = async |body: &Value| world.send_as(&owner, "POST", "/v1/vendors/acme/members", Some(body)).await;
    for role in ["owner", "finance"] {
        let mut body = json!({ "email": FIN, "role": role });
        let without = invite(&body).await;
        assert_eq!((without.status, &without.json()["field"]), (422, &json!("code")), "{}", without.text);
        body["code"] = json!("12345678");
        assert_eq!(problem(&invite(&body).await), (403, "wrong-code".to_owned()), "{role}");
    }
    assert_eq!(world.mails(FIN).await.len(), 0, "nobody was invited");
    // Inviting a developer first is no way around it.
    assert_eq!(invite(&json!({ "email": FIN, "role": "developer" })).await.status, 201);
    assert_eq!(invite(&json!({ "email": FIN, "role": "finance" })).await.status, 422);
    let told = world.mails(ANN).await.len();
    let code = world.proof(&owner, "acme").await;
    let body = json!({ "email": FIN, "role": "finance", "code": code });
    assert_eq!(invite(&body).await.status, 201);
    let mail = world.mail(ANN, told + 2).await;
    assert!(mail.contains("ann@acme.example has invited fay@acme.example"), "the owners are told: {mail}");
    assert_eq!(problem(&invite(&body).await), (403, "wrong-code".to_owned()), "a code is used once");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_move_money_is_invited_with_a_code() {
    mighty_members_take_a_code(&world("vendor_signup = \"open\"\n").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_move_money_is_invited_with_a_code_on_postgres() {
    mighty_members_take_a_code(&on_postgres("vendor_signup = \"open\"\n").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_with_less_than_its_role_removes_nobody() {
    let world = world("vendor_signup = \"open\"\n").await;
    let (owner, developer, _) = acme(&world).await;
    let dave = member(&world, &owner, DEV).await;
    let less = world.token(DEV, &["read"]).await;
    let leave =
        async |token: &str| world.send_as(token, "DELETE", &format!("/v1/vendors/acme/members/{dave}"), None).await;
    let refused = leave(&less).await;
    assert_eq!(problem(&refused), (403, "forbidden".to_owned()));
    assert!(refused.text.contains("read, publish, settings"), "{}", refused.text);
    assert_eq!(leave(&developer).await.status, 204);
    assert_eq!(problem(&leave(&less).await), (401, "unauthenticated".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_vendor_changes_nothing_but_takes_back() {
    let world = world("vendor_signup = \"open\"\n").await;
    let (_, developer, _) = acme(&world).await;
    world.host.sql(
        "INSERT INTO service (id, name, title, vendor_name, kind, unit, created_at) VALUES (999999, 'acmes', 'Acme', 'acme', 'plugin', 'credit', 1) RETURNING id",
    );
    let packs = json!({ "packs": [] });
    let config = json!({ "value": "1" });
    let percent = json!({ "percent": 50 });
    let reason = json!({ "reason": "It was wrong." });
    let path = |rest: &str| format!("/v1/services/acmes/{rest}");
    let send =
        async |method: &str, rest: &str, body: &Value| world.send_as(&developer, method, &path(rest), Some(body)).await;
    let refused = async || {
        let mut all = Vec::new();
        for (method, rest, body) in [
            ("PUT", "packs", &packs),
            ("PUT", "config/colour", &config),
            ("POST", "releases/1.0.0/rollout", &percent),
            ("POST", "releases/1.0.0/yank", &reason),
        ] {
            let reply = send(method, rest, body).await;
            all.push(reply.status == 403 && reply.text.contains("was refused by the operator"));
        }
        all
    };
    assert_eq!(refused().await, [false; 4]);
    let because = json!({ "reason": "It sells nothing." });
    world.host.operator().ok("POST", "/v1/vendors/acme/refuse", Some(&because)).await;
    assert_eq!(refused().await, [true, true, true, false]);
    assert_eq!(send("POST", "releases/1.0.0/yank", &reason).await.status, 404, "a yank only misses its release");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_invites_the_first_owner_of_a_vendor_of_the_settings() {
    let settings = Settings {
        tables: "[vendors.labs]\ntitle = \"Labs\"\nkind = \"first_party\"\n".to_owned(),
        ..Settings::default()
    };
    let world = World::with(settings).await;
    let operator = world.host.operator();
    let labs = operator.ok("GET", "/v1/vendors/labs", None).await;
    assert_eq!((&labs["state"], &labs["kind"]), (&json!("approved"), &json!("first_party")));
    for vendor in ["labs", "odoo"] {
        let email = format!("ann@{vendor}.example");
        let body = json!({ "email": email, "role": "owner" });
        operator.ok("POST", &format!("/v1/vendors/{vendor}/members"), Some(&body)).await;
        let code = world.code(&email, 1).await;
        assert_eq!(world.confirm(vendor, &email, &code).await, "approved");
        let token = world.token(&email, &ALL).await;
        let seen = world.send_as(&token, "GET", &format!("/v1/vendors/{vendor}"), None).await.json();
        assert_eq!(seen["email"], json!(email), "its first owner is where mails go");
    }
    let taken = world.send("POST", "/v1/vendors", Some(&crate::support::asking("labs", ANN))).await;
    assert_eq!(problem(&taken), (409, "name-taken".to_owned()));
    let refused = operator.send("POST", "/v1/vendors/labs/refuse", Some(&json!({}))).await;
    assert_eq!(problem(&refused), (409, "wrong-state".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_registered_told_and_revoked() {
    let world = world("vendor_signup = \"open\"\n").await;
    world.sign_up("acme", ANN).await;
    let owner = world.token(ANN, &ALL).await;
    let before = world.mails(ANN).await.len();
    let add = async |key: &str, title: &str| {
        let body = json!({ "public_key": key, "title": title });
        world.send_as(&owner, "POST", "/v1/vendors/acme/keys", Some(&body)).await
    };
    for wrong in ["", "abc", &"0".repeat(64), &format!("{KEY}00")] {
        let reply = add(wrong, "laptop").await;
        assert_eq!((reply.status, &reply.json()["field"]), (422, &json!("public_key")), "{wrong}");
    }
    assert_eq!(add(&KEY.to_uppercase(), "laptop").await.status, 201);
    assert!(world.mail(ANN, before + 1).await.contains(KEY));
    assert_eq!(add(KEY, "laptop").await.status, 200, "it is there");
    // All owners are told, not only where mails go.
    world.invite(&owner, "acme", DEV, "owner").await;
    let (told, second) =
        (world.mails(DEV).await.len(), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    assert_eq!(add(second, "desk").await.status, 201);
    assert!(world.mail(DEV, told + 1).await.contains(second));
    assert_eq!(world.sign_up("other", "o@other.example").await, "approved");
    let other = world.token("o@other.example", &ALL).await;
    let body = json!({ "public_key": KEY, "title": "mine" });
    assert_eq!(world.send_as(&other, "POST", "/v1/vendors/other/keys", Some(&body)).await.status, 422);
    let path = format!("/v1/vendors/acme/keys/{KEY}");
    assert_eq!(world.send_as(&other, "DELETE", &path, None).await.status, 403);
    for _ in 0..2 {
        assert_eq!(world.send_as(&owner, "DELETE", &path, None).await.status, 204);
    }
    let keys = world.send_as(&owner, "GET", "/v1/vendors/acme/keys", None).await.json();
    assert!(keys["items"][0]["revoked_at"].is_string(), "{keys}");
    assert_eq!(add(KEY, "again").await.status, 422, "what was revoked stays so");
}
