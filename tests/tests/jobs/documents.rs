//! Documents leave a request at the door and reach the plugin as blobs, by whatever door.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use iap_tests::{Odoo, TestHost, odoo::error_of};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{host, number};

/// Bytes that nobody may find in a file of the host.
const MARK: &str = "a line that stands in no other document";

fn pdf(text: &str) -> Vec<u8> {
    format!("%PDF-1.4\n{text}").into_bytes()
}

fn encoded(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

fn hashed(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Uploads by the route that the release declares; the whole answer.
async fn upload(odoo: &Odoo, mut params: Value) -> Value {
    params["account_token"] = json!(odoo.token);
    params["dbuuid"] = json!(odoo.dbuuid);
    odoo.rpc("/iap/s/worker/upload", &params).await
}

fn consumed(host: &TestHost) -> i64 {
    number(host, "SELECT coalesce(sum(amount), 0) FROM posting WHERE currency IS NULL AND credit = 4") / 1_000_000
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_reaches_the_plugin_as_a_blob_by_both_doors() {
    let host = host();
    let odoo = host.database_with_credits("worker", "10").await;
    let document = pdf(MARK);
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\0";
    let sent = json!([
        { "id": 7, "pdf": encoded(&document) },
        { "id": 8, "pdf": false },
        { "id": 9, "pdf": null },
        { "id": 10 },
        { "id": 11, "pdf": "é is no base64" },
        { "id": 12, "pdf": { "blob": "blob_1", "sha256": "forged" } },
    ]);
    let answer = upload(&odoo, json!({ "documents": sent, "cover": encoded(png), "note": encoded(&document) })).await;
    let by_odoo = answer["result"].clone();
    let account = host.operator().account(&odoo.dbuuid, "worker").await;
    let body =
        json!({ "input": { "documents": sent, "cover": encoded(png), "note": encoded(&document), "charge": false } });
    let path = format!("/v1/accounts/{account}/calls/documents");
    let by_rest = host.operator().ok("POST", &path, Some(&body)).await["output"].clone();
    for (door, result) in [("odoo", &by_odoo), ("rest", &by_rest)] {
        let saw = &result["saw"];
        let first = &saw["documents"][0]["pdf"];
        assert!(first["blob"].as_str().is_some_and(|id| id.starts_with("blob_")), "{door}: {answer}");
        assert_eq!(
            (first["size"].as_u64(), first["sha256"].as_str(), first["content_type"].as_str()),
            (u64::try_from(document.len()).ok(), Some(hashed(&document).as_str()), Some("application/pdf")),
            "{door}"
        );
        assert_eq!((&saw["documents"][1]["pdf"], &saw["documents"][2]["pdf"]), (&json!(false), &Value::Null));
        assert_eq!(saw["documents"][3], json!({ "id": 10 }));
        assert_eq!(saw["documents"][4]["pdf"], json!({ "blob": null, "size": 14, "error": "not-base64" }));
        let forged = &saw["documents"][5]["pdf"];
        assert_eq!((&forged["blob"], &forged["error"]), (&Value::Null, &json!("not-base64")), "{door}");
        assert_eq!(saw["cover"]["content_type"], "image/png");
        assert_eq!(saw["note"], encoded(&document), "what nobody declared stays");
    }
    assert_eq!(by_odoo["starts"], json!(["%PDF-1.4"]));
    // The second was a repeat of the first, by its key.
    assert_eq!((&by_rest["repeats"], consumed(&host)), (&json!(1), 1));
    // What is stored is sealed.
    for file in ["iap.db", "iap.db-wal"] {
        let bytes = std::fs::read(host.data_dir().join(file)).expect("it is there");
        let found = bytes.windows(MARK.len()).any(|window| window == MARK.as_bytes());
        assert!(!found, "{file} holds a document in the clear");
    }
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_of_the_same_number_and_bytes_is_charged_once() {
    let host = host();
    let odoo = host.database_with_credits("worker", "10").await;
    let one = |id: Value, text: &str| json!({ "documents": [{ "id": id, "pdf": encoded(&pdf(text)) }] });
    for (number, (id, text, repeats, charged)) in [
        (json!(7), "a", 0, 1),
        (json!(7), "a", 1, 1),
        (json!("7"), "a", 1, 1),
        (json!(7), "b", 0, 2),
        (json!(8), "a", 0, 3),
    ]
    .into_iter()
    .enumerate()
    {
        let result = upload(&odoo, one(id, text)).await["result"].clone();
        assert_eq!((&result["repeats"], consumed(&host)), (&json!(repeats), charged), "{number}: {result}");
    }
    let both = json!({ "documents": [{ "id": 7, "pdf": encoded(&pdf("a")) }, { "id": 9, "pdf": encoded(&pdf("a")) }] });
    let result = upload(&odoo, both).await["result"].clone();
    assert_eq!((&result["repeats"], consumed(&host)), (&json!(1), 4), "{result}");
    assert_eq!(
        host.sql("SELECT key FROM natural_key ORDER BY key").first().map(String::as_str),
        Some(format!("7:{}", hashed(&pdf("a"))).as_str()).min(Some(format!("7:{}", hashed(&pdf("b"))).as_str()))
    );
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_refused_caller_nothing_is_stored() {
    let host = host();
    let odoo = host.database("odoo_online").await;
    let params = json!({ "documents": [{ "id": 1, "pdf": encoded(&pdf("a")) }], "charge": false });
    let answer = upload(&odoo, params).await;
    if answer.get("error").is_none() {
        assert_eq!(answer["result"]["saw"]["documents"][0]["pdf"]["error"], "not-stored", "{answer}");
        assert_eq!(answer["result"]["starts"], json!([]));
    }
    assert_eq!(number(&host, "SELECT count(*) FROM blob") + number(&host, "SELECT count(*) FROM blob_chunk"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_stay_only_if_the_call_leaves_work() {
    let host = host();
    let odoo = host.database_with_credits("worker", "1").await;
    let stored = || number(&host, "SELECT count(*) FROM blob");
    let send = async |id: u32, charge: bool| {
        upload(&odoo, json!({ "documents": [{ "id": id, "pdf": encoded(&pdf("a")) }], "charge": charge })).await
    };
    assert!(send(1, false).await.get("error").is_none());
    assert_eq!(stored(), 0, "nothing came of it");
    assert!(send(2, true).await.get("error").is_none());
    assert_eq!(stored(), 1);
    // Without credits there is no hold, and so nothing to keep.
    let (class, _) = error_of(&send(3, true).await);
    assert_eq!((class.as_str(), stored()), ("InsufficientCreditError", 1));
    // The plugin may read what its own account stored; others may not.
    let id = upload(&odoo, json!({ "documents": [] })).await;
    assert!(id.get("error").is_none(), "{id}");
    assert_eq!(
        number(&host, "SELECT bytes FROM blob_usage WHERE account_id = 0"),
        i64::try_from(pdf("a").len()).expect("few")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_beyond_the_quota_is_refused_by_its_limit() {
    let host = host();
    let odoo = host.database_with_credits("worker", "10").await;
    let five = encoded(&vec![7; 5 << 20]);
    let (class, message) = error_of(&upload(&odoo, json!({ "documents": [{ "id": 1, "pdf": five }] })).await);
    assert_eq!(class, "UserError");
    assert!(
        message.contains("the documents of the request have no room") && message.contains("[permissions] blobs allows"),
        "{message}"
    );
    assert_eq!(number(&host, "SELECT coalesce(sum(bytes), 0) FROM blob_usage"), 0, "nothing of it is left");
    // Half of it is one account's; another one still finds room.
    let three = encoded(&vec![7; 3 << 20]);
    let one = |id: u32, text: &str| json!({ "documents": [{ "id": id, "pdf": text }] });
    assert!(upload(&odoo, one(2, &three)).await.get("error").is_none());
    assert!(upload(&odoo, one(3, &three)).await.get("error").is_some());
    let other = host.database_with_credits("worker", "10").await;
    let two = encoded(&vec![7; 2 << 20]);
    assert!(upload(&other, one(1, &two)).await.get("error").is_none());
    let account = host.operator().account(&odoo.dbuuid, "worker").await;
    let body = json!({ "input": one(4, &two) });
    let reply = host.operator().send("POST", &format!("/v1/accounts/{account}/calls/documents"), Some(&body)).await;
    assert_eq!((reply.status, reply.json()["code"].as_str()), (503, Some("no-room")), "{}", reply.text);
    assert_eq!(number(&host, "SELECT bytes FROM blob_usage WHERE account_id = 0"), 5 << 20);
    assert_eq!(number(&host, "SELECT count(*) FROM hold WHERE state = 'live'"), 0);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_has_a_largest_size_by_each_door() {
    let host = host();
    let odoo = host.database_with_credits("worker", "1").await;
    let long = "x".repeat((2 << 20) + 1);
    // The route takes 32 MiB, the operation's own path what the operation says.
    let post = async |path: &str, note: &str| {
        let params = json!({ "account_token": odoo.token, "dbuuid": odoo.dbuuid, "documents": [], "note": note });
        let body = json!({ "jsonrpc": "2.0", "method": "call", "params": params, "id": 1 });
        // Who sends too much may find the connection closed before it has sent all.
        let reply = odoo.try_post(path, body.to_string()).await;
        reply.ok().map(|reply| error_of(&reply.json()).1)
    };
    let told = post("/iap/s/worker/marks", &"x".repeat(1 << 20)).await;
    assert!(told.as_ref().is_none_or(|why| why.contains("the request has more than 1048576 bytes")), "{told:?}");
    assert!(upload(&odoo, json!({ "documents": [], "note": long })).await.get("error").is_none());
    let longer = "x".repeat(32 << 20);
    let told = post("/iap/s/worker/upload", &longer).await;
    assert!(told.as_ref().is_none_or(|why| why.contains("the request has more than 33554432 bytes")), "{told:?}");
    let many: Vec<Value> = (0..1_001).map(|id| json!({ "id": id, "pdf": "YQ==" })).collect();
    let (_, message) = error_of(&upload(&odoo, json!({ "documents": many })).await);
    assert!(message.contains("more than 1000 documents"), "{message}");
}
