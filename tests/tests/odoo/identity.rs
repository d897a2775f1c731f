//! Who a token is: first contact, copies of databases, suffixes, and the trial.

use iap_tests::{Odoo, Settings, TestHost, http, odoo::hex32};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use super::{send_numbered, send_v3};

const GOOD: &str = "+32475000001";
const ELSEWHERE: &str = "this account's token is at home in another database; an admin there (or the operator) must choose share, move or refuse before it can be used here";
const REFUSED: &str =
    "this account belongs to another database, whose admin has refused its use here; use an account of your own";
const DISABLED: &str =
    "this is a neutralized copy of a database: its tokens are disabled, so nothing is done and nothing charged";

fn unregistered(uuid: &str, reason: &str) -> Value {
    json!({ "uuid": uuid, "state": "unregistered", "credit": 0, "failure_reason": reason })
}

async fn accounts(host: &TestHost, dbuuid: &str) -> Vec<Value> {
    let shown = host.operator().ok("GET", &format!("/v1/databases/{dbuuid}"), None).await;
    shown["accounts"].as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_opened_by_whatever_comes_first() {
    let host = TestHost::start();
    for door in ["balance", "information", "send", "create", "buy page"] {
        let odoo = host.database("odoo_online").await;
        assert_eq!(accounts(&host, &odoo.dbuuid).await, [] as [Value; 0], "{door}");
        match door {
            "balance" => assert_eq!(odoo.balance("sms").await, json!(0.0)),
            "information" => {
                let asked =
                    json!({ "iap_accounts": [{ "token": odoo.token, "service": "sms" }], "dbuuid": odoo.dbuuid });
                assert_eq!(
                    odoo.result("/iap/1/get-accounts-information", &asked).await[&odoo.token]["balance"],
                    json!(0.0)
                );
            }
            "send" => assert_eq!(odoo.send(GOOD, &hex32()).await, "insufficient_credit"),
            "create" => {
                let params = json!({ "account_token": odoo.token, "dbuuid": odoo.dbuuid, "phone_number": "12" });
                assert_eq!(odoo.result("/api/sms/1/account/create", &params).await["state"], "invalid_phone_number");
            }
            _ => {
                let url = format!(
                    "{}/iap/1/credit?dbuuid={}&service_name=sms&account_token={}&credit=0",
                    host.url(),
                    odoo.dbuuid,
                    odoo.token
                );
                assert_eq!(http::try_send(host.client().get(url)).await.unwrap().status, 200);
            }
        }
        let opened = accounts(&host, &odoo.dbuuid).await;
        assert_eq!(
            (opened.len(), &opened[0]["service"], &opened[0]["available"]),
            (1, &json!("sms"), &json!("0")),
            "{door}"
        );
        // The same token from now on is the same account.
        host.operator().grant(&odoo, "sms", "3").await;
        assert_eq!(odoo.balance("sms").await, json!(3.0), "{door}");
        assert_eq!(accounts(&host, &odoo.dbuuid).await.len(), 1, "{door}");
    }
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_buy_page_of_19_knows_the_account_by_its_fingerprint() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "12.5").await;
    let page = async |token: &str| {
        let url = format!(
            "{}/iap/1/credit?dbuuid={}&service_name=sms&account_token={token}&hashed=1",
            host.url(),
            odoo.dbuuid
        );
        http::try_send(host.client().get(url)).await.unwrap()
    };
    let known = page(&hex::encode(Sha1::digest(&odoo.token))).await;
    assert_eq!(known.status, 200, "{}", known.text);
    assert!(known.text.contains("12.5"), "{}", known.text);
    // Of a fingerprint that nobody knows no token can be made.
    let unknown = page(&hex::encode(Sha1::digest("somebody else"))).await;
    assert_eq!(unknown.status, 404, "{}", unknown.text);
    assert_eq!(accounts(&host, &odoo.dbuuid).await.len(), 1);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_first_contacts_at_once_open_one_account() {
    let host = TestHost::start();
    let odoo = host.database("on_premise").await;
    let (a, b, c, d) = tokio::join!(odoo.balance("sms"), odoo.balance("sms"), odoo.balance("sms"), odoo.balance("sms"));
    assert_eq!([a, b, c, d], [json!(0.0), json!(0.0), json!(0.0), json!(0.0)]);
    assert_eq!(accounts(&host, &odoo.dbuuid).await.len(), 1);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_spends_nothing_until_somebody_decides() {
    let host = TestHost::start();
    let operator = host.operator();
    let home = host.database_with_credits("sms", "10").await;
    let account = operator.account(&home.dbuuid, "sms").await;
    let copy = home.copy();
    let seen = async |decision: &str| {
        let shown = operator.ok("GET", &format!("/v1/accounts/{account}"), None).await;
        assert_eq!(shown["seen_elsewhere"], json!([{ "database": copy.dbuuid, "decision": decision }]));
        assert_eq!(shown["database"], json!(home.dbuuid));
    };
    let decide = async |other: &Odoo, decision: &str| {
        let path = format!("/v1/accounts/{account}/databases/{}", other.dbuuid);
        operator.ok("POST", &path, Some(&json!({ "decision": decision }))).await
    };
    // A database that has not shown the token cannot be decided about.
    let path = format!("/v1/accounts/{account}/databases/{}", copy.dbuuid);
    assert_eq!(operator.send("POST", &path, Some(&json!({ "decision": "share" }))).await.status, 404);
    let uuid = hex32();
    for _ in 0..2 {
        assert_eq!(send_v3(&copy, "Hello", &[(json!(GOOD), &uuid)]).await, [unregistered(&uuid, ELSEWHERE)]);
        seen("seen_elsewhere").await;
    }
    assert_eq!((home.balance("sms").await, host.carrier_count(None).await), (json!(10.0), 0));
    decide(&copy, "refuse").await;
    assert_eq!(send_v3(&copy, "Hello", &[(json!(GOOD), &uuid)]).await, [unregistered(&uuid, REFUSED)]);
    seen("refused").await;
    decide(&copy, "share").await;
    seen("shared").await;
    assert_eq!(copy.send(GOOD, &uuid).await, "success");
    assert_eq!(home.send(GOOD, &hex32()).await, "success");
    assert_eq!((home.balance("sms").await, copy.balance("sms").await), (json!(8.0), json!(8.0)));
    // After a move the old home is the stranger.
    let moved = decide(&copy, "move").await;
    assert_eq!((&moved["database"], &moved["balance"]), (&json!(copy.dbuuid), &json!("8")));
    assert_eq!(copy.send(GOOD, &hex32()).await, "success");
    let uuid = hex32();
    assert_eq!(send_v3(&home, "Hello", &[(json!(GOOD), &uuid)]).await, [unregistered(&uuid, ELSEWHERE)]);
    assert_eq!((copy.balance("sms").await, host.carrier_count(None).await), (json!(7.0), 3));
    assert_eq!(accounts(&host, &home.dbuuid).await, [] as [Value; 0]);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_neutralized_copy_does_nothing_and_pays_nothing() {
    let host = TestHost::start();
    let operator = host.operator();
    let odoo = host.database_with_credits("sms", "10").await;
    let key = operator.register("provider", "odoo").await;
    odoo.balance("provider").await;
    operator.grant(&odoo, "provider", "10").await;
    let copy = odoo.with_token(&format!("{}+disabled", odoo.token));
    assert_eq!(copy.balance("sms").await, json!(0.0));
    let uuid = hex32();
    assert_eq!(send_v3(&copy, "Hello", &[(json!(GOOD), &uuid)]).await, [unregistered(&uuid, DISABLED)]);
    for (path, state) in [("/iap/sms/2/send", "unregistered"), ("/iap/sms/1/send", "server_error")] {
        let items = send_numbered(&copy, path, &json!([{ "res_id": 1, "number": GOOD, "content": "x" }])).await;
        assert_eq!(items, [json!({ "res_id": 1, "state": state, "credit": 0 })], "{path}");
    }
    let params = json!({ "account_token": copy.token, "numbers": [GOOD], "message": "x" });
    assert_eq!(copy.error("/iap/message_send", &params).await, ("AccessError".to_owned(), DISABLED.to_owned()));
    let params = json!({ "key": key, "account_token": copy.token, "dbuuid": copy.dbuuid, "credit": 1 });
    assert_eq!(copy.error("/iap/1/authorize", &params).await, ("AccessError".to_owned(), DISABLED.to_owned()));
    let asked = json!({ "iap_accounts": [{ "token": copy.token, "service": "sms" }], "dbuuid": copy.dbuuid });
    let information = copy.result("/iap/1/get-accounts-information", &asked).await;
    assert_eq!(information[&copy.token]["balance"], json!(0.0));
    let asked = json!({ "iap_accounts": [copy.token], "dbuuid": copy.dbuuid });
    let list = copy.result("/iap/services-token", &asked).await;
    assert!(
        list.as_array()
            .unwrap()
            .iter()
            .all(|entry| entry["balance"] == json!(0.0) && entry["account_token"] == json!(copy.token)),
        "{list}"
    );
    let warning =
        json!({ "account_token": copy.token, "warning_threshold": 99, "warning_emails": [{ "email": "x@y.example" }] });
    assert_eq!(copy.result("/iap/1/update-warning-email-alerts", &warning).await, json!(true));
    let account = operator.account(&odoo.dbuuid, "sms").await;
    let shown = operator.ok("GET", &format!("/v1/accounts/{account}"), None).await;
    assert_eq!(
        (&shown["available"], &shown["warning_threshold"], &shown["seen_elsewhere"]),
        (&json!("10"), &json!("0"), &json!([]))
    );
    // Tokens that were never in use leave no trace.
    let dummy = host.database("on_premise").await.with_token("dummy_value+disabled");
    assert_eq!(dummy.balance("sms").await, json!(0.0));
    assert_eq!(send_v3(&dummy, "Hello", &[(json!(GOOD), &uuid)]).await, [unregistered(&uuid, DISABLED)]);
    assert_eq!(accounts(&host, &dummy.dbuuid).await, [] as [Value; 0]);
    assert_eq!(
        (host.carrier_count(None).await, odoo.balance("sms").await, odoo.balance("provider").await),
        (0, json!(10.0), json!(10.0))
    );
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn any_other_suffix_is_cut() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "10").await;
    let suffixed = odoo.with_token(&format!("{}+2", odoo.token));
    assert_eq!(suffixed.balance("sms").await, json!(10.0));
    assert_eq!(suffixed.send(GOOD, &hex32()).await, "success");
    assert_eq!(odoo.balance("sms").await, json!(9.0));
    let asked = json!({ "iap_accounts": [{ "token": suffixed.token, "service": "sms" }], "dbuuid": odoo.dbuuid });
    let information = odoo.result("/iap/1/get-accounts-information", &asked).await;
    assert_eq!(information[&suffixed.token]["balance"], json!(9.0), "by the token that was sent");
    assert_eq!(accounts(&host, &odoo.dbuuid).await.len(), 1);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_token_for_two_services_is_two_accounts() {
    let host = TestHost::start();
    host.operator().register("provider", "odoo").await;
    let odoo = host.database_with_credits("sms", "10").await;
    assert_eq!(odoo.balance("provider").await, json!(0.0));
    assert_eq!(odoo.balance("nobody_has_it").await, json!(0.0), "an unknown service has no credits, and is no error");
    let services: Vec<Value> =
        accounts(&host, &odoo.dbuuid).await.iter().map(|account| account["service"].clone()).collect();
    assert_eq!(services, ["sms", "provider"]);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trial_is_given_once_to_a_database_that_may_have_it() {
    let host = TestHost::start();
    let operator = host.operator();
    let declare = async |odoo: &Odoo, edition: &str, valid: bool, purpose: &str| {
        let body =
            json!({ "hosting": "odoo_online", "edition": edition, "subscription_valid": valid, "purpose": purpose });
        operator.ok("PUT", &format!("/v1/databases/{}", odoo.dbuuid), Some(&body)).await;
    };
    for (edition, valid, purpose, trial) in [
        ("enterprise", true, "production", 10.0),
        ("enterprise", false, "production", 0.0),
        ("community", true, "production", 0.0),
        ("community", false, "demo", 0.0),
        ("unknown", true, "production", 0.0),
        ("enterprise", false, "demo", 10.0),
        ("enterprise", false, "training", 10.0),
        ("enterprise", false, "educational", 10.0),
        ("enterprise", false, "one_app_free", 10.0),
    ] {
        let odoo = Odoo::new(host.client().clone(), host.url());
        declare(&odoo, edition, valid, purpose).await;
        for _ in 0..2 {
            assert_eq!(odoo.balance("sms").await, json!(trial), "{edition} {valid} {purpose}");
        }
        let second = odoo.with_token(&hex32());
        assert_eq!(second.balance("sms").await, json!(0.0), "{edition} {valid} {purpose}");
    }
    // Seen first, declared later: at the next contact, whichever it is.
    let odoo = host.database("undeclared").await;
    assert_eq!(odoo.balance("sms").await, json!(0.0));
    declare(&odoo, "enterprise", true, "production").await;
    let uuids = [hex32(), hex32(), hex32()];
    let ask = |n: usize| odoo.send(GOOD, &uuids[n]);
    let (a, b, c) = tokio::join!(ask(0), ask(1), ask(2));
    assert_eq!([a, b, c], ["success", "success", "success"], "the first contact pays for itself");
    assert_eq!(odoo.balance("sms").await, json!(7.0), "given once to three at the same time");
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_names_a_database_gets_neither_its_trial_nor_what_is_kept_for_it() {
    let host = TestHost::with(&Settings { plugins: vec!["iap-guest-hostile"], ..Settings::default() });
    let operator = host.operator();
    let odoo = host.database("on_premise").await;
    odoo.balance("sms").await;
    let thief = odoo.with_token(&hex32());
    thief.balance("sms").await;
    let enterprise = json!({ "hosting": "on_premise", "edition": "enterprise", "subscription_valid": true });
    operator.ok("PUT", &format!("/v1/databases/{}", odoo.dbuuid), Some(&enterprise)).await;
    assert_eq!(thief.balance("sms").await, json!(0.0));
    assert_eq!(odoo.balance("sms").await, json!(10.0), "the first account of the database has the trial");
    assert_eq!(thief.balance("sms").await, json!(0.0));

    // Where a stranger was first, the operator vouches for the right account.
    let robbed = host.database("undeclared").await;
    let stranger = robbed.with_token(&hex32());
    stranger.balance("sms").await;
    let known = operator.account(&robbed.dbuuid, "sms").await;
    robbed.balance("sms").await;
    let listed = operator.ok("GET", &format!("/v1/databases/{}", robbed.dbuuid), None).await["accounts"].clone();
    let ids = listed.as_array().expect("a list").iter().map(|row| row["id"].as_str().expect("an id").to_owned());
    let right = ids.into_iter().find(|id| *id != known).expect("its own account");
    operator.ok("PATCH", &format!("/v1/accounts/{right}"), Some(&json!({ "vouched": true }))).await;
    operator.ok("PUT", &format!("/v1/databases/{}", robbed.dbuuid), Some(&enterprise)).await;
    assert_eq!((stranger.balance("sms").await, robbed.balance("sms").await), (json!(0.0), json!(10.0)));

    let own = operator.account(&odoo.dbuuid, "sms").await;
    let path = format!("/v1/accounts/{own}");
    let refused = operator.send("PATCH", &path, Some(&json!({ "vouched": false }))).await;
    assert_eq!((refused.status, &refused.json()["field"]), (422, &json!("vouched")), "{}", refused.text);
    let authorization = format!("Bearer {}", thief.token);
    let headers = [("Authorization", authorization.as_str())];
    let itself = operator.send_with("PATCH", &path, Some(&json!({ "vouched": true })), &headers).await;
    assert_eq!(itself.status, 403, "nobody vouches for itself: {}", itself.text);

    // Accounts that the database or the operator opened share what a plugin keeps for it; others have a place of their own.
    let open = async || {
        let opened = json!({ "service": "hostile", "database": odoo.dbuuid });
        let account = operator.ok("POST", "/v1/accounts", Some(&opened)).await;
        let id = account["id"].as_str().expect("an id").to_owned();
        operator
            .ok("POST", &format!("/v1/accounts/{id}/grants"), Some(&json!({ "credits": "9", "reason": "test" })))
            .await;
        (id, odoo.with_token(account["account_token"].as_str().expect("a token")))
    };
    let note = async |odoo: &Odoo, note: &str| {
        odoo.call("hostile", "note", json!({ "note": note })).await["result"]["before"].clone()
    };
    let ((_, first), (_, second)) = (open().await, open().await);
    assert_eq!(note(&first, "secret").await, json!(null));
    assert_eq!(note(&second, "secret too").await, json!("secret"));
    let thief = odoo.with_token(&hex32());
    thief.balance("hostile").await;
    let accounts = operator.ok("GET", &format!("/v1/databases/{}", odoo.dbuuid), None).await["accounts"].clone();
    let own = accounts
        .as_array()
        .expect("a list")
        .iter()
        .find(|row| row["service"] == "hostile" && row["balance"] == "0")
        .expect("one");
    let path = format!("/v1/accounts/{}/grants", own["id"].as_str().expect("an id"));
    operator.ok("POST", &path, Some(&json!({ "credits": "9", "reason": "test" }))).await;
    assert_eq!(note(&thief, "mine").await, json!(null));
    assert_eq!(note(&thief, "mine").await, json!("mine"));
    assert_eq!(note(&first, "secret").await, json!("secret too"));
}
