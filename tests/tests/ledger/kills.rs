//! `kill -9` of hosts, and of the server, while several hosts work on one PostgreSQL database.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher as _, Hasher as _},
    time::{Duration, Instant},
};

use iap_tests::{
    Odoo, Settings,
    cluster::{self, Options},
};

use crate::{
    fleet::Fleet,
    load::{Accounts, Item, Load, Work},
    support::{assert_settled, consumed, is_long, number},
};

const WORKERS: usize = 24;
/// The carriers remember 10,000 each.
const MESSAGES_A_ROUND: i64 = 200;
/// Verified after as many rounds.
const VERIFIED: u64 = 5;

/// Three databases: one with the account of the messages, two with those of the calls.
struct World {
    fleet: Fleet,
    sms: Odoo,
    echo: Odoo,
    other: Odoo,
}

impl World {
    async fn start(hosts: usize, database: &str) -> Self {
        let settings = Settings { plugins: vec!["iap-example-echo"], ..Settings::default() };
        let fleet = Fleet::start(hosts, settings, database);
        let sms = fleet.hosts[0].database_with_credits("sms", "1000000").await;
        let echo = fleet.hosts[0].database_with_credits("echo", "1000000").await;
        let other = fleet.hosts[0].database_with_credits("echo", "1").await;
        Self { fleet, sms, echo, other }
    }

    async fn load(&self) -> std::sync::Arc<Load> {
        let operator = self.fleet.hosts[0].operator();
        let echo = operator.account(&self.echo.dbuuid, "echo").await;
        let other = operator.account(&self.other.dbuuid, "echo").await;
        Load::new(self.fleet.doors(&self.sms), Accounts { echo, other })
    }

    /// Everything that was answered happened, once; nothing else did.
    async fn check(&self, items: &[Item]) {
        let host = &self.fleet.hosts[0];
        crate::support::wait_for_takeover(host).await;
        let of = |kind: fn(&Work) -> bool| -> BTreeSet<String> {
            let keys = items.iter().filter(|item| kind(&item.work)).map(|item| item.work.key().to_owned());
            keys.collect()
        };
        let rows = |sql: &str| -> Vec<String> {
            let mut rows = host.sql(sql);
            rows.sort();
            rows
        };
        let same = |what: &str, wanted: &BTreeSet<String>, found: Vec<String>| {
            assert!(wanted.iter().eq(&found), "{what}: {}", difference(wanted, &found));
        };
        let messages = of(|work| matches!(work, Work::Message(_)));
        let calls = of(|work| matches!(work, Work::Call(_)));
        let grants = of(|work| matches!(work, Work::Grant(_)));
        let refunds = of(|work| matches!(work, Work::Refund(..)));
        let transfers = of(|work| matches!(work, Work::Transfer(_)));
        for (what, keys) in [
            ("messages", &messages),
            ("calls", &calls),
            ("grants", &grants),
            ("refunds", &refunds),
            ("transfers", &transfers),
        ] {
            assert!(!keys.is_empty(), "there was no load of {what}");
        }
        let charged = "SELECT k.key FROM natural_key k JOIN call c ON c.id = k.call_id WHERE c.credits = 1000000";
        same("messages with a charge", &messages, rows(charged));
        let charged = "SELECT idempotency_key FROM call WHERE idempotency_key IS NOT NULL AND credits = 1000000";
        same("calls with a charge", &calls, rows(charged));
        same("grants", &grants, rows("SELECT reason FROM credit_grant WHERE reason LIKE 'grant-%'"));
        let recorded = |prefix: &str| rows(&format!("SELECT key FROM idempotency WHERE key LIKE '{prefix}-%'"));
        same("recorded refunds", &refunds, recorded("refund"));
        same("recorded transfers", &transfers, recorded("transfer"));

        let count = |keys: &BTreeSet<String>| i64::try_from(keys.len()).expect("some thousands");
        let (charges, given, back, moved) =
            (count(&messages) + count(&calls), count(&grants), count(&refunds), count(&transfers));
        assert_eq!(consumed(host), charges * 1_000_000, "no charge but those that were answered");
        assert_eq!(number(host, "SELECT sum(credits) FROM call"), charges * 1_000_000);
        let returned = "SELECT coalesce(sum(amount), 0) FROM posting WHERE currency IS NULL AND debit = 4";
        assert_eq!(number(host, returned), back * 250_000, "given back");
        assert_eq!(number(host, "SELECT count(*) FROM hold WHERE refunded = 250000"), back);
        assert_eq!(number(host, "SELECT count(*) FROM hold WHERE refunded NOT IN (0, 250000)"), 0);
        let left = |odoo: &Odoo| {
            let sql = "SELECT b.available FROM balance b JOIN account a ON a.id = b.account_id
                       JOIN database d ON d.id = a.database_id WHERE d.dbuuid = ";
            number(host, &format!("{sql}'{}'", odoo.dbuuid))
        };
        let million = 1_000_000_000_000;
        assert_eq!(left(&self.sms), million - count(&messages) * 1_000_000);
        let echo = million - count(&calls) * 1_000_000 + given * 500_000 + back * 250_000 - moved * 125_000;
        assert_eq!(left(&self.echo), echo);
        assert_eq!(left(&self.other), 1_000_000 + moved * 125_000);
        self.check_carriers(items).await;
        assert_settled(host);
        self.fleet.assert_self_check_is_quiet().await;
    }

    /// A message went out once, and once more at most for each time that nobody was told whether it had.
    async fn check_carriers(&self, items: &[Item]) {
        let mut sent: BTreeMap<String, u64> = self.fleet.received().await;
        let (mut again, mut allowed) = (0, 0);
        for item in items.iter().filter(|item| matches!(item.work, Work::Message(_))) {
            let times = sent.remove(item.work.key()).unwrap_or_default();
            let most = 1 + item.lost;
            assert!((1..=most).contains(&times), "sent {times} times, at most {most} expected: {item:?}");
            again += times - 1;
            allowed += item.lost;
        }
        assert!(sent.is_empty(), "nobody asked for these: {sent:?}");
        println!("messages sent again: {again}, of {allowed} whose answer was lost");
    }
}

fn difference(wanted: &BTreeSet<String>, found: &[String]) -> String {
    let twice: Vec<_> = found.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    let known: BTreeSet<&String> = found.iter().collect();
    let missing: Vec<_> = wanted.iter().filter(|key| !known.contains(key)).collect();
    let more: Vec<_> = found.iter().filter(|key| !wanted.contains(*key)).collect();
    format!("missing {missing:?}, doubled {twice:?}, not asked for {more:?}")
}

/// Any number: the hash of nothing under keys that the system draws anew each time.
fn random(below: u64) -> u64 {
    std::hash::RandomState::new().build_hasher().finish() % below
}

fn summary(what: &str, rounds: u64, began: Instant, items: &[Item]) {
    let count = |kind: fn(&Work) -> bool| items.iter().filter(|item| kind(&item.work)).count();
    let partial = items.iter().filter(|item| item.answer["code"] == "partial").count();
    println!(
        "{rounds} kills of {what} in {} s: {} messages, {} calls ({partial} partial), {} grants, {} refunds, {} transfers; {} had no answer at first",
        began.elapsed().as_secs(),
        count(|work| matches!(work, Work::Message(_))),
        count(|work| matches!(work, Work::Call(_))),
        count(|work| matches!(work, Work::Grant(_))),
        count(|work| matches!(work, Work::Refund(..))),
        count(|work| matches!(work, Work::Transfer(_))),
        items.iter().filter(|item| 0 < item.lost).count(),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hosts_that_are_killed_in_turn_lose_nothing_and_double_nothing() {
    let rounds = if is_long() { 50 } else { 3 };
    let began = Instant::now();
    let mut world = World::start(3, &cluster::shared().fresh_database()).await;
    let load = world.load().await;
    let workers = load.start(WORKERS);
    for round in 0..rounds {
        load.allow_messages(MESSAGES_A_ROUND);
        let before = load.counts().0;
        tokio::time::sleep(Duration::from_millis(300 + random(500))).await;
        let host = usize::try_from(random(3)).expect("few");
        world.fleet.kill(host);
        // In the long run every other host is taken over only when it was really silent for a minute.
        if !is_long() || round % 2 == 0 {
            world.fleet.let_a_minute_pass(host);
        }
        // The others go on without it for a while.
        tokio::time::sleep(Duration::from_millis(random(400))).await;
        world.fleet.restart(host);
        assert!(before < load.counts().0, "round {round} did nothing");
        if round % VERIFIED == VERIFIED - 1 {
            world.fleet.hosts[host].verify();
        }
    }
    let items = load.finish(workers).await;
    summary("hosts", rounds, began, &items);
    world.check(&items).await;
    println!("checked after {} s", began.elapsed().as_secs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_is_killed_under_its_hosts_loses_nothing_and_doubles_nothing() {
    let rounds = if is_long() { 10 } else { 2 };
    let began = Instant::now();
    // With flushes, as in production.
    let cluster = Options::default().start();
    let world = World::start(2, &cluster.fresh_database()).await;
    let load = world.load().await;
    let workers = load.start(WORKERS);
    for round in 0..rounds {
        load.allow_messages(MESSAGES_A_ROUND);
        let before = load.counts().0;
        tokio::time::sleep(Duration::from_millis(400 + random(600))).await;
        cluster.kill();
        tokio::time::sleep(Duration::from_millis(random(1_000))).await;
        cluster.restart();
        assert!(before < load.counts().0, "round {round} did nothing");
        if round % VERIFIED == VERIFIED - 1 {
            world.fleet.hosts[0].verify();
        }
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let items = load.finish(workers).await;
    summary("the server", rounds, began, &items);
    world.check(&items).await;
    println!("checked after {} s", began.elapsed().as_secs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_that_a_long_outage_caught_are_ended_by_their_own_host() {
    let began = Instant::now();
    let cluster = Options::default().start();
    let world = World::start(1, &cluster.fresh_database()).await;
    let load = world.load().await;
    let workers = load.start(WORKERS);
    load.allow_messages(MESSAGES_A_ROUND);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    cluster.kill();
    // Writers try again for 15 s; what they were to end is still open then.
    tokio::time::sleep(Duration::from_secs(18)).await;
    cluster.restart();
    let back = Instant::now();
    let items = load.finish(workers).await;
    summary("the server for 18 s", 1, began, &items);
    world.check(&items).await;
    println!("all was answered and ended {} s after it was back", back.elapsed().as_secs());
    assert!(back.elapsed() < Duration::from_secs(60), "what the outage caught was left to its deadlines");
}
