//! Requests recorded from real databases, each answered in the shape that its client reads.

use std::path::{Path, PathBuf};

use iap_tests::{Odoo, Operator, Reply, TestHost, odoo::error_of};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

const DATABASE_17: &str = "9e9025f6-e4dc-11f1-8bbe-02fc00000001";
const TOKEN_17: &str = "69bd4247ec83409caa60db6b26a694f2";
const DATABASE_19: &str = "abd593e6-e4db-11f1-81dd-02fc00000001";
const TOKEN_19: &str = "1e6e1386f9de47d6bb8591b69817cc36";
/// Its account for letters.
const LETTERS_19: &str = "739310d317f84c2482f31fc95f2360b9";

struct Recorded {
    name: String,
    path: String,
    body: Value,
}

fn all() -> Vec<Recorded> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/odoo");
    let files = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let mut files: Vec<PathBuf> = files(&folder).iter().flat_map(|version| files(version)).collect();
    files.sort();
    files.iter().map(|file| read(file.strip_prefix(&folder).unwrap().to_str().unwrap())).collect()
}

fn read(name: &str) -> Recorded {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/odoo").join(name);
    let recorded: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let path = recorded["path"].as_str().unwrap().to_owned();
    Recorded { name: name.to_owned(), path, body: recorded["body"].clone() }
}

impl Recorded {
    fn with(mut self, name: &str, value: &str) -> Self {
        self.body["params"][name] = json!(value);
        self
    }

    /// The whole answer, after what holds for every answer.
    async fn replay(&self, client: &Odoo) -> Value {
        let Reply { status, text, content_type, .. } =
            client.try_post(&self.path, self.body.to_string()).await.unwrap();
        assert_eq!((status, content_type.as_str()), (200, "application/json"), "{}: {text}", self.name);
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{}: {text}", self.name));
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &self.body["id"]), "{}", self.name);
        assert_ne!(
            answer.get("result").is_some(),
            answer.get("error").is_some(),
            "{}: one of both: {answer}",
            self.name
        );
        answer
    }

    async fn result(&self, client: &Odoo) -> Value {
        let answer = self.replay(client).await;
        assert_eq!(answer.get("error"), None, "{}", self.name);
        answer["result"].clone()
    }

    fn uuids(&self) -> Vec<Value> {
        let groups = self.body["params"]["messages"].as_array().unwrap();
        groups
            .iter()
            .flat_map(|group| group["numbers"].as_array().unwrap())
            .map(|number| number["uuid"].clone())
            .collect()
    }
}

/// A host that knows the recorded databases, each with 20 SMS credits; the accounts of 17.0 and 19.0.
async fn host() -> (TestHost, Odoo, Operator, [String; 2]) {
    let host = TestHost::start();
    let (client, operator) = (Odoo::new(host.client().clone(), host.url()), host.operator());
    let mut accounts = Vec::new();
    for (dbuuid, token) in [(DATABASE_17, TOKEN_17), (DATABASE_19, TOKEN_19)] {
        operator.declare(dbuuid, "on_premise").await;
        let odoo = client.known_as(dbuuid, token);
        assert_eq!(odoo.balance("sms").await, json!(0.0));
        accounts.push(operator.grant(&odoo, "sms", "20").await);
    }
    (host, client, operator, accounts.try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_request_is_answered_in_its_shape() {
    let (host, client, operator, _) = host().await;
    let key = operator.register("recorded_provider", "odoo").await;
    let payer = client.known_as("db-uuid-1", "tok-abc");
    payer.balance("recorded_provider").await;
    operator.grant(&payer, "recorded_provider", "10").await;
    let mut transaction = String::new();
    for recorded in all() {
        let (name, path) = (recorded.name.clone(), recorded.path.clone());
        match path.as_str() {
            "/iap/1/balance" => assert!(recorded.result(&client).await.is_f64(), "{name}: a bare number"),
            "/iap/services-token" => assert_eq!(recorded.result(&client).await.as_array().unwrap().len(), 1, "{name}"),
            "/iap/1/get-accounts-information" => {
                assert_eq!(recorded.result(&client).await.as_object().unwrap().len(), 2, "{name}")
            }
            "/iap/update-warning-odoo" | "/iap/1/update-warning-email-alerts" => {
                assert_eq!(recorded.result(&client).await, json!(true), "{name}");
            }
            "/iap/1/authorize" => {
                let answer = recorded.with("key", &key).result(&client).await;
                transaction = answer.as_str().unwrap_or_else(|| panic!("{name}: {answer}")).to_owned();
            }
            "/iap/1/capture" | "/iap/1/cancel" => {
                let recorded = recorded.with("key", &key).with("token", &transaction);
                assert_eq!(recorded.result(&client).await, json!(true), "{name}");
            }
            "/api/sms/3/send" => {
                let items = super::list(recorded.result(&client).await);
                let expected: Vec<Value> = recorded
                    .uuids()
                    .into_iter()
                    .map(|uuid| json!({ "uuid": uuid, "state": "success", "credit": 1 }))
                    .collect();
                assert_eq!(items, expected, "{name}");
            }
            "/api/sms/1/account/create" | "/api/sms/1/account/update_sender" => {
                assert_eq!(recorded.result(&client).await, json!({ "state": "success" }), "{name}");
            }
            // The recorded code is not the one that was sent (but once in a million).
            "/api/sms/2/account/verify" => {
                assert_eq!(recorded.result(&client).await, json!({ "state": "invalid_code" }), "{name}")
            }
            // This account has no stamps; `tests/letters` has those that do.
            "/iap/snailmail/1/print" => {
                let result = recorded.result(&client).await;
                assert_eq!((&result["request_code"], &result["credit_error"]), (&json!(200), &json!(true)), "{name}");
                let letter = &result["request"]["documents"][0];
                let expected = (&json!(1), &json!(false), &json!("CREDIT_ERROR"));
                assert_eq!((&letter["letter_id"], &letter["sent"], &letter["error"]), expected, "{name}");
            }
            "/api/dnb/1/search_by_name" | "/api/website/1/configurator/industries" => {
                let answer = recorded.replay(&client).await;
                let text = format!(
                    "no service answers {path} on this host; check the endpoint in the system parameters, or ask the operator to add the service"
                );
                assert_eq!(error_of(&answer), ("UserError".to_owned(), text), "{name}");
            }
            other => panic!("{name}: say here what {other} must answer"),
        }
    }
    // 17.0 sent three messages; 19.0 seven and a code, which is free.
    assert_eq!(host.carrier_count(None).await, 11);
    assert_eq!(read("v17/003-iap_1_balance.json").result(&client).await, json!(17.0));
    assert_eq!(read("v19/004-iap_1_balance.json").result(&client).await, json!(13.0));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_list_of_17_has_only_keys_that_it_can_store() {
    let (host, client, operator, [account, _]) = host().await;
    let list = read("v17/001-iap_services-token.json");
    let entry = |warn_me: bool, threshold: Value, email: Value| {
        json!([{
            "account_token": TOKEN_17,
            "balance": 20.0,
            "service_name": "sms",
            "description": "SMS",
            "unit_name": "Credits",
            "warn_me": warn_me,
            "warning_threshold": threshold,
            "warning_email": email,
            "account_uuid_hashed": hex::encode(Sha1::digest(TOKEN_17)),
        }])
    };
    assert_eq!(list.result(&client).await, entry(false, json!(0.0), json!(false)));
    assert_eq!(read("v17/002-iap_update-warning-odoo.json").result(&client).await, json!(true));
    assert_eq!(list.result(&client).await, entry(true, json!(5.0), json!("admin@acme.example")));
    let shown = operator.ok("GET", &format!("/v1/accounts/{account}"), None).await;
    assert_eq!(shown["warn_me"], true);
    assert_eq!(shown["warning_threshold"], "5");
    assert_eq!(shown["warning_emails"], json!([{ "email": "admin@acme.example", "lang_code": "en_US" }]));
    // Only what was edited is sent, the rest is null, and stays.
    let edit = json!({ "account_token": TOKEN_17, "dbuuid": DATABASE_17, "warn_me": false, "warning_threshold": null, "warning_email": null });
    assert_eq!(client.result("/iap/update-warning-odoo", &edit).await, json!(true));
    assert_eq!(list.result(&client).await, entry(false, json!(5.0), json!("admin@acme.example")));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_information_of_19_has_the_keys_that_it_needs() {
    let (host, client, operator, [_, account]) = host().await;
    let information = read("v19/002-iap_1_get-accounts-information.json");
    let before = information.result(&client).await;
    assert_eq!(
        before.as_object().unwrap().keys().collect::<Vec<_>>(),
        [TOKEN_19, LETTERS_19],
        "only services of this host"
    );
    let shown = &before[TOKEN_19];
    assert_eq!(
        (&shown["balance"], &shown["warning_threshold"], &shown["registered"], &shown["sender_name"]),
        (&json!(20.0), &json!(0.0), &json!("registered"), &json!(false))
    );
    let starter = json!({ "name": "Starter Pack", "credit": 10.0, "price": "0.90 EUR" });
    assert_eq!((&shown["service"]["description"], &shown["service"]["packs"][0]), (&json!("SMS"), &starter));
    for (name, warn_me, threshold, emails) in [
        ("v19/003-iap_1_update-warning-email-alerts.json", false, "5", json!([])),
        (
            "v19/029-iap_1_update-warning-email-alerts.json",
            true,
            "7.5",
            json!([{ "email": "admin@acme.example", "lang_code": "en_US" }]),
        ),
    ] {
        assert_eq!(read(name).result(&client).await, json!(true));
        let shown = operator.ok("GET", &format!("/v1/accounts/{account}"), None).await;
        assert_eq!(
            (&shown["warn_me"], &shown["warning_threshold"], &shown["warning_emails"]),
            (&json!(warn_me), &json!(threshold), &emails),
            "{name}"
        );
    }
    assert_eq!(information.result(&client).await[TOKEN_19]["warning_threshold"], json!(7.5));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_provider_draws_credits_as_recorded() {
    let (host, client, operator, _) = host().await;
    let key = operator.register("recorded_provider", "odoo").await;
    let payer = client.known_as("db-uuid-1", "tok-abc");
    assert_eq!(payer.balance("recorded_provider").await, json!(0.0));
    let authorize = |name: &str| read(name).with("key", &key);
    // Without credits: what opens the buy dialog of 13 to 18.
    let (class, message) = error_of(&authorize("v17/014-iap_1_authorize.json").replay(&client).await);
    let message: Value = serde_json::from_str(&message).unwrap();
    assert_eq!(class, "InsufficientCreditError");
    assert_eq!(
        message,
        json!({
            "credit": 2.5,
            "service_name": "recorded_provider",
            "base_url": format!("{}/iap/1/credit", host.url()),
            "title": "Insufficient credits",
            "message": "2.5 credits are needed for this service. Buy a pack to go on.",
        })
    );
    let account = operator.grant(&payer, "recorded_provider", "5").await;
    let credits = async |available: &str, held: &str| {
        assert_eq!(operator.credits(&account).await, (available.to_owned(), held.to_owned()));
    };
    let first = authorize("v17/014-iap_1_authorize.json").result(&client).await;
    let first = first.as_str().unwrap();
    credits("2.5", "2.5").await;
    // Less than what was held, twice: the second time changes nothing.
    for _ in 0..2 {
        let capture = authorize("v17/015-iap_1_capture.json").with("token", first);
        assert_eq!(capture.result(&client).await, json!(true));
        credits("3.5", "0").await;
    }
    let second = authorize("v17/016-iap_1_authorize.json").result(&client).await;
    let second = second.as_str().unwrap();
    credits("2.5", "1").await;
    for _ in 0..2 {
        let cancel = authorize("v17/017-iap_1_cancel.json").with("token", second);
        assert_eq!(cancel.result(&client).await, json!(true));
        credits("3.5", "0").await;
    }
    // What ended one way does not end the other way.
    let late = authorize("v17/015-iap_1_capture.json").with("token", second);
    let (class, message) = error_of(&late.replay(&client).await);
    assert_eq!((class.as_str(), message.as_str()), ("AccessError", "token: the hold has ended: it was released"));
    let unknown = authorize("v17/015-iap_1_capture.json");
    let (class, message) = error_of(&unknown.replay(&client).await);
    assert_eq!(
        (class.as_str(), message.as_str()),
        ("AccessError", "token: this service has no such transaction; send the token that authorize answered")
    );
    // The recorded key is of another host.
    for name in ["v17/014-iap_1_authorize.json", "v17/015-iap_1_capture.json", "v17/017-iap_1_cancel.json"] {
        let (class, message) = error_of(&read(name).replay(&client).await);
        let text = "key: this is no service key of this host; ask the operator to register the service or to give it a new key";
        assert_eq!((class.as_str(), message.as_str()), ("AccessError", text), "{name}");
    }
    credits("3.5", "0").await;
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_slashes_are_collapsed_and_a_browser_gets_a_page() {
    let (host, client, ..) = host().await;
    let mut balance = read("v17/003-iap_1_balance.json");
    for path in ["//iap/1/balance", "/iap//1///balance"] {
        balance.path = path.to_owned();
        assert_eq!(balance.result(&client).await, json!(20.0), "{path}");
    }
    let mut send = read("v19/020-api_sms_3_send.json");
    send.path = "//api/sms/3/send".to_owned();
    assert_eq!(send.result(&client).await[0]["state"], "success");
    let page = iap_tests::http::try_send(host.client().get(format!("{}/nothing/here", host.url()))).await.unwrap();
    assert_eq!((page.status, page.content_type.as_str()), (404, "text/html; charset=utf-8"));
    assert!(page.text.starts_with("<!DOCTYPE html>"), "{}", page.text);
    assert!(page.text.contains("There is nothing at /nothing/here."), "{}", page.text);
    assert!(page.text.contains("Check the address, or start from the front page."), "{}", page.text);
    host.verify();
}
