//! Many at once on credits for few.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use iap_tests::{Odoo, Settings, TestHost, odoo::error_of, odoo::hex32};
use serde_json::json;

use crate::support::{Rest, assert_settled, consumed, number};

const CONNECTIONS: u64 = 100;

#[derive(Default)]
struct Counts {
    captured: AtomicU64,
    refused: AtomicU64,
}

/// One call by Odoo's door or by REST, again if the host is busy.
async fn say(by_odoo: bool, odoo: &Odoo, rest: &Rest, account: &str, counts: &Counts) {
    loop {
        if by_odoo {
            let answer = odoo.call("echo", "say", json!({ "text": "hi" })).await;
            if answer["result"]["length"] == 2 {
                counts.captured.fetch_add(1, Ordering::Relaxed);
                return;
            }
            let (class, message) = error_of(&answer);
            if class == "InsufficientCreditError" {
                counts.refused.fetch_add(1, Ordering::Relaxed);
                return;
            }
            assert!(message.contains("too many calls running"), "{answer}");
        } else {
            let path = format!("/v1/accounts/{account}/calls/say");
            let reply = rest.post(&path, &json!({ "input": { "text": "hi" } }), None).await;
            match reply.status {
                200 => {
                    assert_eq!((&reply.json()["credits"], &reply.json()["output"]["length"]), (&json!("1"), &json!(2)));
                    counts.captured.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                402 => {
                    assert_eq!((&reply.json()["needed"], &reply.json()["available"]), (&json!("1"), &json!("0")));
                    counts.refused.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                429 | 503 => {}
                _ => panic!("{}", reply.text),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_calls_on_credits_for_five_hundred_capture_exactly_those() {
    let settings = Settings { plugins: vec!["iap-example-echo"], without_simulators: true, ..Settings::default() };
    let host = Arc::new(TestHost::with(&settings));
    let odoo = host.database_with_credits("echo", "500").await;
    let account = host.operator().account(&odoo.dbuuid, "echo").await;
    let (rest, counts, done) = (Rest::of(&host), Arc::new(Counts::default()), Arc::new(AtomicBool::new(false)));

    let watcher = tokio::task::spawn_blocking({
        let (host, done) = (Arc::clone(&host), Arc::clone(&done));
        move || {
            let mut observations = 0;
            while !done.load(Ordering::Relaxed) {
                // One statement sees one moment: nothing negative, nothing lost between the books.
                let query = "SELECT count(*) FROM credit_grant g JOIN balance b USING (account_id)
                             WHERE min(b.available, b.held, g.available, g.held) < 0 OR b.available + b.held + g.consumed <> 500000000";
                assert_eq!(number(&host, query), 0);
                observations += 1;
            }
            observations
        }
    });
    let workers = (0..CONNECTIONS).map(|worker| {
        let (odoo, rest, account, counts) = (odoo.clone(), rest.clone(), account.clone(), Arc::clone(&counts));
        tokio::spawn(async move {
            for _ in 0..1_000 / CONNECTIONS {
                say(worker % 2 == 0, &odoo, &rest, &account, &counts).await;
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.expect("a worker ends well");
    }
    done.store(true, Ordering::Relaxed);
    assert!(watcher.await.expect("the watcher saw nothing wrong") > 0);

    assert_eq!((counts.captured.load(Ordering::Relaxed), counts.refused.load(Ordering::Relaxed)), (500, 500));
    assert_eq!(odoo.balance("echo").await, json!(0.0));
    assert_eq!(consumed(&host), 500_000_000);
    assert_eq!(number(&host, "SELECT count(*) FROM call WHERE state = 'captured' AND credits = 1000000"), 500);
    assert_eq!(number(&host, "SELECT count(*) FROM hold WHERE state = 'captured'"), 500);
    assert_settled(&host);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_messages_on_credits_for_twenty_send_exactly_those() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "20").await;
    let sends = (0..60).map(|_| {
        let odoo = odoo.clone();
        tokio::spawn(async move { odoo.send("+32475000001", &hex32()).await })
    });
    let mut states = std::collections::BTreeMap::<String, u32>::new();
    for send in sends.collect::<Vec<_>>() {
        *states.entry(send.await.expect("it answers")).or_default() += 1;
    }
    assert_eq!(states, [("insufficient_credit".to_owned(), 40), ("success".to_owned(), 20)].into());
    assert_eq!(host.carrier_received().await["total"], 20);
    assert_eq!((odoo.balance("sms").await, consumed(&host)), (json!(0.0), 20_000_000));
    assert_settled(&host);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_message_that_is_asked_for_by_thirty_at_once_is_sent_and_charged_once() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "20").await;
    host.carrier_faults(&json!({ "delay_ms": 300 })).await;
    let uuid = hex32();
    let sends = (0..30).map(|_| {
        let (odoo, uuid) = (odoo.clone(), uuid.clone());
        tokio::spawn(async move { odoo.send("+32475000001", &uuid).await })
    });
    for send in sends.collect::<Vec<_>>() {
        assert_eq!(send.await.expect("it answers"), "success");
    }
    assert_eq!(host.carrier_received().await["total"], 1);
    assert_eq!((odoo.balance("sms").await, consumed(&host)), (json!(19.0), 1_000_000));
    assert_settled(&host);
}
