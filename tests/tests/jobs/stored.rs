//! What is stored of documents: sealed chunks that open only where they belong, within their quota and time.

use iap_tests::{Odoo, TestHost, cluster, host::until, odoo::error_of};
use serde_json::{Value, json};

use crate::support::{ask, host, number, settings};

const CHUNK: u64 = 192 << 10;

async fn put(odoo: &Odoo, size: usize, ttl: u32) -> Value {
    ask(odoo, "put", json!({ "size": size, "ttl": ttl })).await
}

async fn read(odoo: &Odoo, blob: &Value, offset: u64, length: u32) -> Value {
    ask(odoo, "read", json!({ "blob": blob, "offset": offset, "length": length })).await
}

fn bytes(offset: u64, length: u64) -> Value {
    (offset..offset + length).map(|n| n % 251).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_read_across_chunks() {
    read_across_chunks(&host()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_read_across_chunks_on_postgres() {
    let settings = settings("http://127.0.0.1:1").postgres(&cluster::shared().fresh_database());
    let host = TestHost::with(&settings);
    read_across_chunks(&host).await;
    let odoo = host.database_with_credits("worker", "1").await;
    assert_eq!(put(&odoo, 3_000_000, 1).await["code"], "ok");
    assert_eq!(put(&odoo, 5_000_000, 1).await["code"], "over-quota");
    let left = || number(&host, "SELECT sum(bytes) FROM blob_usage WHERE account_id = 0");
    until("its time is up", || async { left() < 3_000_000 }).await;
    assert_eq!(number(&host, "SELECT count(*) FROM blob_chunk"), 3, "its chunks went with it");
}

async fn read_across_chunks(host: &TestHost) {
    let odoo = host.database_with_credits("worker", "1").await;
    let size = 2 * CHUNK + 100;
    let put = put(&odoo, usize::try_from(size).expect("small"), 600).await;
    assert_eq!(put["size"], size, "{put}");
    for (offset, length) in [(0, 5), (CHUNK - 2, 4), (CHUNK, 1), (2 * CHUNK - 1, 101), (size - 1, 1)] {
        let read = read(&odoo, &put["id"], offset, u32::try_from(length).expect("small")).await;
        assert_eq!(read["bytes"], bytes(offset, length), "{offset}+{length}");
    }
    assert_eq!(read(&odoo, &put["id"], size - 3, 100).await["bytes"], bytes(size - 3, 3), "at most what there is");
    assert_eq!(read(&odoo, &put["id"], size, 1).await["bytes"], json!([]));
    assert_eq!(read(&odoo, &put["id"], size + 1, 1).await["code"], "bad-range");
    // It is the account's own.
    let other = host.database_with_credits("worker", "1").await;
    assert_eq!(read(&other, &put["id"], 0, 1).await["code"], "unknown-blob");
}

/// Runs what a thief of the database could, and reads afterwards.
async fn tampered(host: &TestHost, odoo: &Odoo, blob: &Value, sql: &str) {
    host.sql(sql);
    let answer = odoo.call("worker", "read", json!({ "blob": blob, "offset": 0, "length": 400_000 })).await;
    assert!(error_of(&answer).1.starts_with("the host could not"), "{sql}: {answer}");
    assert!(host.log().contains("of a document is missing or was changed"), "{sql}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_that_was_changed_or_moved_is_an_error() {
    let host = host();
    let odoo = host.database_with_credits("worker", "1").await;
    let size = usize::try_from(2 * CHUNK).expect("small");
    for sql in [
        "UPDATE blob_chunk SET number = 3 - number",
        "UPDATE blob_chunk SET sealed = (SELECT sealed FROM blob_chunk WHERE number = 1) WHERE number = 0",
        "UPDATE blob_chunk SET sealed = CAST(substr(sealed, 1, 1000) || x'0000000000000000' || substr(sealed, 1009) AS BLOB) WHERE number = 0",
        "UPDATE blob_chunk SET sealed = CAST(substr(sealed, 1, 1000) AS BLOB) WHERE number = 0",
        "DELETE FROM blob_chunk WHERE number = 1",
        "UPDATE blob SET size = size - 1",
        "UPDATE blob SET salt = zeroblob(16)",
    ] {
        let put = put(&odoo, size, 600).await;
        assert_eq!(read(&odoo, &put["id"], 0, 1).await["code"], "ok", "{put}");
        tampered(&host, &odoo, &put["id"], sql).await;
        host.sql("DELETE FROM blob");
        host.sql("DELETE FROM blob_chunk");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_counted_and_given_back_when_documents_go() {
    let host = host();
    let odoo = host.database_with_credits("worker", "1").await;
    let used = || number(&host, "SELECT coalesce(sum(bytes), 0) FROM blob_usage WHERE account_id = 0");
    put(&odoo, 1_000_000, 600).await;
    put(&odoo, 2_000_000, 1).await;
    assert_eq!(number(&host, "SELECT count(*) FROM blob_chunk"), 6 + 11);
    until("the second one's time is up", || async { used() == 1_000_000 }).await;
    assert_eq!(number(&host, "SELECT count(*) FROM blob_chunk"), 6, "its chunks went with it");
    // 8 MiB for the service, half of them for one account.
    let refused = put(&odoo, 3_200_000, 600).await;
    assert_eq!(refused["code"], "over-quota");
    let message = refused["message"].as_str().unwrap_or_default();
    assert!(message.contains("the account would have 4200000 bytes") && message.contains("8388608"), "{message}");
    assert_eq!(used(), 1_000_000);
    assert_eq!(put(&odoo, 3_000_000, 600).await["code"], "ok");
    // Many small ones are swept too, in bounded batches.
    for _ in 0..25 {
        assert_eq!(put(&odoo, 10, 1).await["code"], "ok");
    }
    until("they are swept", || async { used() == 4_000_000 }).await;
}
