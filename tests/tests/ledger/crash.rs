//! `kill -9` at any moment: nothing is lost, nobody is charged twice.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use iap_tests::{Odoo, TestHost, host::until, odoo::hex32};
use serde_json::{Value, json};

use crate::support::{assert_settled, consumed, number, rounds};

const SENDERS: usize = 24;

/// Sends one message and asks again until there is an answer that says it was taken.
async fn send_until_answered(odoo: &Odoo, uuid: &str) {
    // The text tells the carrier's page which message it is.
    let params = odoo.sms(uuid, &[("+32475000001", uuid)]);
    let body = json!({ "jsonrpc": "2.0", "method": "call", "params": params, "id": 1 }).to_string();
    for _ in 0..2_000 {
        match odoo.try_post("/api/sms/3/send", body.clone()).await {
            Ok(reply) if reply.json()["result"][0]["state"] == "success" => return,
            Ok(reply) => assert!(reply.json().get("error").is_some(), "{}", reply.text),
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{uuid} is never answered");
}

/// How often the carrier got each text.
async fn received(host: &TestHost) -> BTreeMap<String, u64> {
    let page = host.carrier_received().await;
    let mut times = BTreeMap::new();
    for message in page["messages"].as_array().expect("a list") {
        *times.entry(message["body"].as_str().expect("a text").to_owned()).or_default() += 1;
    }
    times
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_host_that_is_killed_under_load_charges_each_message_once() {
    let mut host = TestHost::start();
    let odoo = host.database_with_credits("sms", "1000000").await;
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    let senders = (0..SENDERS).map(|_| {
        let (odoo, stop, answered) = (odoo.clone(), Arc::clone(&stop), Arc::clone(&answered));
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let uuid = hex32();
                send_until_answered(&odoo, &uuid).await;
                answered.lock().expect("no sender panics with it").push(uuid);
            }
        })
    });
    let senders: Vec<_> = senders.collect();
    for round in 0..rounds() {
        // Never the same moment of the load.
        tokio::time::sleep(Duration::from_millis(300 + round * 137 % 400)).await;
        host.kill();
        host.verify();
        host.restart();
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.expect("every message is answered in the end");
    }

    let answered = answered.lock().expect("nobody has it").clone();
    let count = i64::try_from(answered.len()).expect("some thousands");
    assert!(count > i64::try_from(rounds()).expect("few"), "there was no load: {count}");
    // One capture of one credit a message: in the calls, in the keys and in the postings.
    assert_eq!(number(&host, "SELECT count(*) FROM call WHERE credits = 1000000 AND state = 'captured'"), count);
    assert_eq!(number(&host, "SELECT count(*) FROM call WHERE credits NOT IN (0, 1000000)"), 0);
    assert_eq!(number(&host, "SELECT count(DISTINCT call_id) FROM natural_key"), count);
    assert_eq!(
        number(&host, "SELECT count(*) FROM natural_key k JOIN call c ON c.id = k.call_id WHERE c.state = 'captured'"),
        count
    );
    assert_eq!(consumed(&host), count * 1_000_000);
    let mut keys = host.sql("SELECT key FROM natural_key ORDER BY key");
    let mut uuids = answered.clone();
    keys.sort();
    uuids.sort();
    assert_eq!(keys, uuids);
    // A message may have gone out before a crash and again after it; never one less, and only as often as a crash interrupted it.
    let times = received(&host).await;
    let twice: u64 = times.values().map(|times| times - 1).sum();
    let total: u64 = times.values().sum();
    // The carrier remembers the latest 10,000.
    if total < 10_000 {
        assert!(answered.iter().all(|uuid| times.contains_key(uuid)), "a message was charged and never went out");
    }
    assert!(twice <= rounds() * u64::try_from(SENDERS).expect("few"), "{twice} messages went out again");
    let interrupted = number(&host, "SELECT count(*) FROM call WHERE problem LIKE 'host-fault: the host stopped %'");
    println!("{} kills, {count} messages charged once, {twice} sent again, {interrupted} calls interrupted", rounds());
    assert_settled(&host);
}

/// Sends messages in one request; the state of each.
async fn mail(odoo: &Odoo, uuids: &[String]) -> Vec<String> {
    let messages: Vec<Value> = uuids
        .iter()
        .map(|uuid| json!({ "content": uuid, "numbers": [{ "number": "+32475000001", "uuid": uuid }] }))
        .collect();
    let params =
        json!({ "account_token": odoo.token, "dbuuid": odoo.dbuuid, "webhook_url": false, "messages": messages });
    let result = odoo.result("/api/sms/3/send", &params).await;
    result.as_array().expect("a list").iter().map(|item| item["state"].as_str().expect("a state").to_owned()).collect()
}

async fn no_jobs(host: &TestHost) {
    until("the mailing is sent", || async {
        number(host, "SELECT count(*) FROM job WHERE state IN ('waiting', 'running')") == 0
    })
    .await;
    assert_eq!(host.sql("SELECT last_error FROM job WHERE state = 'dead'"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_mailing_goes_on_after_kills_and_charges_each_message_once() {
    const MESSAGES: usize = 120;
    let mut host = TestHost::start();
    let odoo = host.database_with_credits("sms", "1000").await;
    let uuids: Vec<String> = (0..MESSAGES).map(|_| hex32()).collect();
    host.carrier_faults(&json!({ "delay_ms": 150 })).await;
    assert!(mail(&odoo, &uuids).await.iter().all(|state| state == "processing"));
    // While it runs, a repeat is told the same and starts nothing.
    assert!(mail(&odoo, &uuids).await.iter().all(|state| state == "processing"));
    for sent in [1, 25, 70] {
        until("the job is at work", || async { host.carrier_received().await["total"].as_u64() >= Some(sent) }).await;
        host.kill();
        host.verify();
        host.restart();
    }
    no_jobs(&host).await;
    assert_settled(&host);

    let of_job = received(&host).await;
    assert!(of_job.values().all(|times| *times == 1), "the job sent a message twice: {of_job:?}");
    let charged = consumed(&host) / 1_000_000;
    assert_eq!(number(&host, "SELECT credits / 1000000 FROM call WHERE state = 'captured'"), charged);
    assert_eq!(host.sql("SELECT state FROM hold"), ["captured"]);
    let took = "SELECT count(*) FROM natural_key WHERE json_extract(CAST(answer AS TEXT), '$.state') = 'success'";
    assert_eq!(number(&host, took), charged);
    let messages = i64::try_from(MESSAGES).expect("few");
    assert!((messages - 60..messages).contains(&charged), "a kill loses one chunk of 20 at most: {charged}");

    // What was lost is sent when it is asked for again, and charged; the rest is neither.
    host.carrier_faults(&json!({})).await;
    mail(&odoo, &uuids).await;
    no_jobs(&host).await;
    assert_eq!(consumed(&host), messages * 1_000_000);
    for _ in 0..2 {
        assert!(mail(&odoo, &uuids).await.iter().all(|state| state == "success"));
    }
    assert_eq!(consumed(&host), messages * 1_000_000);
    let times = received(&host).await;
    assert!(times.iter().all(|(uuid, times)| *times <= 2 && of_job.contains_key(uuid) || *times == 1), "{times:?}");
    println!("3 kills, {MESSAGES} messages, {charged} charged by the first job");
    assert_settled(&host);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_dead_host_left_is_free_at_once() {
    let mut host = TestHost::start();
    let odoo = host.database_with_credits("sms", "10").await;
    odoo.send("+32475000001", &hex32()).await;
    host.kill();
    // As a crash leaves it between the capture of a call and its end: a key claimed beside those answered.
    let left = hex32();
    let claim = format!(
        "INSERT INTO natural_key (account_id, key, call_id, expires_at) SELECT account_id, '{left}', call_id, 9000000000000 FROM natural_key RETURNING key"
    );
    assert_eq!(host.sql(&claim), [left.as_str()]);
    host.restart();
    assert_eq!(odoo.send("+32475000001", &left).await, "success");
    assert_eq!(consumed(&host), 2_000_000);
    assert_settled(&host);
}
