//! Many at once on credits for few.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use iap_tests::{Odoo, Settings, TestHost, cluster, odoo::error_of, odoo::hex32};
use serde_json::json;

use crate::support::{Rest, assert_settled, consumed, number};

const CONNECTIONS: u64 = 50;
/// Waits of whoever found no room, and of watchers, in milliseconds.
const PAUSE: u64 = 10;

#[derive(Default)]
struct Counts {
    captured: AtomicU64,
    refused: AtomicU64,
}

/// Ends without a charge: no room, or a second over while the call waited for a busy machine.
const AGAIN: [&str; 2] = ["too many calls", "took longer than its time limit; nothing was charged"];

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
            if message.contains("what was delivered before stays charged") {
                counts.captured.fetch_add(1, Ordering::Relaxed);
                return;
            }
            assert!(AGAIN.iter().any(|again| message.contains(again)), "{answer}");
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
                // Captured, and too slow with its answer.
                502 if reply.json()["code"] == "partial" => {
                    counts.captured.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                429 | 502 | 503 if AGAIN.iter().any(|again| reply.text.contains(again)) => {}
                _ => panic!("{}", reply.text),
            }
        }
        tokio::time::sleep(Duration::from_millis(PAUSE)).await;
    }
}

/// Races calls, a credit each, through all hosts at once, until each has been captured or refused.
async fn race(hosts: Vec<TestHost>, credits: u64, calls: u64) {
    let odoo = hosts[0].database_with_credits("echo", &credits.to_string()).await;
    let account = hosts[0].operator().account(&odoo.dbuuid, "echo").await;
    let hosts: Vec<Arc<TestHost>> = hosts.into_iter().map(Arc::new).collect();
    let (counts, done) = (Arc::new(Counts::default()), Arc::new(AtomicBool::new(false)));
    let told = Told(Arc::clone(&done));
    let books = tokio::task::spawn_blocking({
        let (host, done) = (Arc::clone(&hosts[0]), Arc::clone(&done));
        move || watch_books(&host, credits, &done)
    });
    let watchers: Vec<_> = hosts
        .iter()
        .map(|host| tokio::spawn(watch_balance(Arc::clone(host), account.clone(), Arc::clone(&done))))
        .collect();
    let workers = (0..CONNECTIONS).map(|worker| {
        let host = &hosts[usize::try_from(worker).expect("few") % hosts.len()];
        let odoo = Odoo::new(host.client().clone(), host.url()).known_as(&odoo.dbuuid, &odoo.token);
        let (rest, account, counts) = (Rest::of(host), account.clone(), Arc::clone(&counts));
        tokio::spawn(async move {
            for n in 0..calls / CONNECTIONS {
                say(n % 2 == 0, &odoo, &rest, &account, &counts).await;
            }
        })
    });
    let began = Instant::now();
    for worker in workers.collect::<Vec<_>>() {
        worker.await.expect("a worker ends well");
    }
    let took = began.elapsed();
    drop(told);
    let mut seen = 0;
    for watcher in watchers {
        seen += watcher.await.expect("a watcher saw nothing wrong");
    }
    let books = books.await.expect("the watcher of the books saw nothing wrong");
    assert!(0 < seen && 0 < books, "nobody watched");

    let counted = (counts.captured.load(Ordering::Relaxed), counts.refused.load(Ordering::Relaxed));
    assert_eq!(counted, (credits, calls - credits));
    let captured = i64::try_from(credits).expect("some hundreds");
    for host in &hosts {
        assert_eq!(host.operator().credits(&account).await, ("0".to_owned(), "0".to_owned()));
    }
    assert_eq!(odoo.balance("echo").await, json!(0.0));
    let host = &hosts[0];
    assert_eq!(consumed(host), captured * 1_000_000);
    assert_eq!(
        number(host, "SELECT count(*) FROM call WHERE state IN ('captured', 'partial') AND credits = 1000000"),
        captured
    );
    assert_eq!(number(host, "SELECT count(*) FROM hold WHERE state = 'captured'"), captured);
    assert_settled(host);
    println!(
        "{} host(s), {calls} calls in {} ms: {counted:?} captured and refused, balance seen {seen} times, books {books} times",
        hosts.len(),
        took.as_millis()
    );
}

/// Tells watchers to end, however the race does.
struct Told(Arc<AtomicBool>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One statement sees one moment: nothing negative, nothing lost between the books.
fn watch_books(host: &TestHost, credits: u64, done: &AtomicBool) -> u64 {
    let mut observations = 0;
    let query = format!(
        "SELECT count(*) FROM credit_grant g JOIN balance b USING (account_id)
         WHERE b.available < 0 OR b.held < 0 OR g.available < 0 OR g.held < 0 OR b.available + b.held + g.consumed <> {credits} * 1000000"
    );
    while !done.load(Ordering::Relaxed) {
        assert_eq!(number(host, &query), 0);
        observations += 1;
        std::thread::sleep(Duration::from_millis(PAUSE));
    }
    observations
}

/// What a host shows meanwhile is never negative, and never more than there was before.
async fn watch_balance(host: Arc<TestHost>, account: String, done: Arc<AtomicBool>) -> u64 {
    let (mut observations, mut before) = (0, u64::MAX);
    while !done.load(Ordering::Relaxed) {
        let shown = host.operator().ok("GET", &format!("/v1/accounts/{account}"), None).await;
        let read = |name: &str| -> u64 {
            let text = shown[name].as_str().unwrap_or_else(|| panic!("no {name}: {shown}"));
            text.parse().unwrap_or_else(|error| panic!("{name}: {error}: {shown}"))
        };
        let (balance, held, available) = (read("balance"), read("held"), read("available"));
        assert_eq!(balance, held + available, "{shown}");
        assert!(balance <= before, "captured credits came back: {before}, then {shown}");
        before = balance;
        observations += 1;
        tokio::time::sleep(Duration::from_millis(PAUSE)).await;
    }
    observations
}

fn echo() -> Settings {
    Settings { plugins: vec!["iap-example-echo"], without_simulators: true, ..Settings::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_calls_on_credits_for_five_hundred_capture_exactly_those() {
    race(vec![TestHost::with(&echo())], 500, 1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_hosts_race_three_thousand_calls_on_a_thousand_credits() {
    let settings = echo().postgres(&cluster::shared().fresh_database());
    race((0..3).map(|_| TestHost::with(&settings)).collect(), 1_000, 3_000).await;
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

/// Parts of one call are given back at the same time, through all hosts: never more than was taken.
async fn refunds_race(hosts: Vec<TestHost>) {
    let odoo = hosts[0].database_with_credits("echo", "10").await;
    let account = hosts[0].operator().account(&odoo.dbuuid, "echo").await;
    let say = json!({ "input": { "text": "hi" } });
    let said = Rest::of(&hosts[0]).post(&format!("/v1/accounts/{account}/calls/say"), &say, None).await;
    let path = format!("/v1/calls/{}/refund", said.json()["call_id"].as_str().expect("an id"));
    let refund = async |rest: Rest, n: usize, path: &str| {
        let body = json!({ "credits": "0.3", "reason": "it was late" });
        rest.post_until_answered(path, &body, &format!("part-{n}")).await.status
    };
    let rest = |n: usize| Rest::of(&hosts[n % hosts.len()]);
    let parts = (0..40).map(|n| {
        let (rest, path) = (rest(n), path.clone());
        tokio::spawn(async move { refund(rest, n, &path).await })
    });
    let mut answers = Vec::new();
    for part in parts.collect::<Vec<_>>() {
        answers.push(part.await.expect("it is answered"));
    }
    let given = answers.iter().filter(|status| **status == 200).count();
    let refused = answers.iter().filter(|status| **status == 422).count();
    assert_eq!((given, refused), (3, 37), "a credit has three parts of 0.3: {answers:?}");
    for host in &hosts {
        assert_eq!(host.operator().credits(&account).await, ("9.9".to_owned(), "0".to_owned()));
    }
    assert_eq!(number(&hosts[0], "SELECT refunded FROM hold"), 900_000);
    for (n, status) in answers.iter().enumerate() {
        assert_eq!(refund(rest(n + 1), n, &path).await, *status, "a repeat answers the same, at any host");
    }
    assert_eq!(hosts[0].operator().credits(&account).await.0, "9.9");
    assert_settled(&hosts[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parts_of_a_call_that_are_refunded_at_once_are_never_more_than_it_took() {
    refunds_race(vec![TestHost::with(&echo())]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parts_of_a_call_that_two_hosts_refund_at_once_are_never_more_than_it_took() {
    let settings = echo().postgres(&cluster::shared().fresh_database());
    refunds_race((0..2).map(|_| TestHost::with(&settings)).collect()).await;
}
