//! Receipts: asked for over REST, checked without the host.

use std::{path::Path, process::Command};

use iap_host::secrets::Keys;
use iap_tests::{TestHost, host::binary, odoo::hex32};
use serde_json::{Value, json};

/// `iap receipt verify`: whether it found the receipt right, and what it said.
fn verify(receipt: &Value, folder: &Path, key: Option<&str>) -> (Option<i32>, String) {
    let file = folder.join("receipt.json");
    std::fs::write(&file, receipt.to_string()).expect("the folder is writable");
    let mut command = Command::new(binary());
    command.args(["receipt", "verify"]).arg(&file);
    if let Some(key) = key {
        command.args(["--public-key", key]);
    }
    let output = command.output().expect("it runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captured_call_has_a_receipt_that_anybody_can_check() {
    let host = TestHost::start();
    let operator = host.operator();
    let odoo = host.database_with_credits("sms", "10").await;
    let account = operator.account(&odoo.dbuuid, "sms").await;
    let call = format!("/v1/accounts/{account}/calls/send_v3");
    let numbers = json!([{ "number": "+32475000001", "uuid": hex32() }]);
    let input = json!({ "messages": [{ "content": "a".repeat(161), "numbers": numbers }] });
    let answer = operator.ok("POST", &call, Some(&json!({ "input": input }))).await;
    let id = answer["call_id"].as_str().expect("an id");
    let path = format!("/v1/calls/{id}/receipt");

    let receipt = operator.ok("GET", &path, None).await;
    assert_eq!(receipt["call"], id);
    assert_eq!((&receipt["account"], &receipt["service"]), (&json!(account), &json!("sms")));
    assert_eq!((&receipt["credits"], &receipt["refunded"]), (&json!("2"), &json!("0")));
    assert_eq!((&receipt["operation"], &receipt["lines"]), (&json!("send_v3"), &answer["lines"]));
    assert_eq!((&receipt["lots"][0]["kind"], &receipt["lots"][0]["credits"]), (&json!("gift"), &json!("2")));
    assert_eq!(receipt["entries"].as_array().map(Vec::len), Some(2));
    assert_eq!(receipt["release"]["digest"].as_str().map(str::len), Some(64), "{receipt}");
    assert_eq!(operator.ok("GET", &path, None).await, receipt, "it is the same each time");
    let batch = format!(
        "SELECT lower(hex(hash)) FROM posting_batch WHERE stream = {} AND number = {}",
        receipt["chain"]["stream"], receipt["chain"]["batch"]
    );
    assert_eq!(host.sql(&batch), [receipt["chain"]["batch_hash"].as_str().expect("a hash")]);

    // Others do not learn that there is such a call.
    let bearer = |token: &str| ("Authorization".to_owned(), format!("Bearer {token}"));
    let stranger = host.database_with_credits("sms", "1").await;
    for (token, status) in [(&odoo.token, 200), (&stranger.token, 404)] {
        let (name, value) = bearer(token);
        let request = host.client().get(format!("{}{path}", host.url())).header(name, value);
        let reply = iap_tests::http::try_send(request).await.expect("the host answers");
        assert_eq!(reply.status, status, "{}", reply.text);
    }

    let request = host.client().get(format!("{}/v1/keys", host.url()));
    let keys = iap_tests::http::try_send(request).await.expect("the host answers").json();
    let key = keys["ed25519"].as_str().expect("a key");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (code, said) = verify(&receipt, folder.path(), Some(key));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with(&format!("right: {id} of {account} took 2 credits of sms for send_v3")), "{said}");
    let file = folder.path().join("keys.json");
    std::fs::write(&file, keys.to_string()).expect("the folder is writable");
    assert_eq!(verify(&receipt, folder.path(), file.to_str()).0, Some(0), "a file has the key too");

    for (member, value) in
        [("credits", json!("1")), ("account", json!("acc_1")), ("refunded", json!("2")), ("more", json!(true))]
    {
        let mut forged = receipt.clone();
        forged[member] = value;
        let (code, said) = verify(&forged, folder.path(), Some(key));
        assert_eq!(
            (code, said.trim_end()),
            (Some(1), "WRONG  its signature is wrong: something in it was changed, or another key signed it")
        );
    }
    let (code, said) = verify(&receipt, folder.path(), Some(&hex::encode(Keys::derive(b"another host").public_key())));
    assert!(code == Some(1) && said.contains("it names the public key"), "{said}");
    let (code, said) = verify(&receipt, folder.path(), None);
    assert!(code == Some(1) && said.contains("GET /v1/keys"), "{said}");
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_are_signed_at_the_stop_and_the_trial_balance_balances() {
    let mut host = TestHost::start();
    let operator = host.operator();
    host.database_with_credits("sms", "10").await.send("+32475000001", &hex32()).await;
    let trial = operator.ok("GET", "/v1/ledger/trial-balance", None).await;
    assert_eq!(trial["balanced"], true);
    let book = |name: &str| {
        let books = trial["books"].as_array().cloned().unwrap_or_default();
        books.into_iter().find(|line| line["book"] == name && line["service"] == "sms").unwrap_or_default()
    };
    assert_eq!((&book("issued")["balance"], &book("consumed")["balance"]), (&json!("10"), &json!("1")));
    assert_eq!(book("available")["balance"], "9");
    assert_eq!(operator.ok("GET", "/v1/ledger/trial-balance?date=2000-01-01", None).await["books"], json!([]));
    let refused = operator.send("GET", "/v1/ledger/trial-balance?date=soon", None).await;
    assert_eq!((refused.status, &refused.json()["field"]), (422, &json!("date")));
    let key = operator.ok("GET", "/v1/keys", None).await["ed25519"].as_str().expect("a key").to_owned();
    host.stop();
    let output = Command::new(binary())
        .args(["ledger", "verify", "--json", "--public-key", &key, "--data-dir"])
        .arg(host.data_dir())
        .output()
        .expect("it runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!((&report["clean"], &report["signed_heads"]), (&json!(true), &json!(1)), "{report}");
    assert_eq!(report["public_keys"], json!([key]));
}
