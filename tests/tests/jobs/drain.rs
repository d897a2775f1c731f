//! Long queues: how fast one host empties one, and that three hosts share one though one of them dies.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use iap_tests::{Odoo, Settings, TestHost, cluster};

use crate::support::{Provider, drained, host, is_long, jobs, later, marks, number, settings};

/// Makes all waiting jobs due.
fn release(host: &TestHost) {
    host.sql("UPDATE job SET run_at = created_at WHERE state = 'waiting'");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_jobs_are_drained() {
    let host = host();
    let mut odoos = Vec::new();
    for account in 0..10 {
        let odoo = host.database_with_credits("worker", "1").await;
        later(&odoo, "mark", account * 1_000, 1_000, 3_600).await;
        odoos.push(odoo);
    }
    assert_eq!(jobs(&host, "waiting"), 10_000);
    let began = Instant::now();
    release(&host);
    drained(&host, 60).await;
    let took = began.elapsed();
    println!("10,000 jobs in {took:?}: {} a second", 10_000 * 1_000 / took.as_millis().max(1));
    assert_eq!(jobs(&host, "done"), 10_000);
    let marks = marks(&host);
    assert_eq!((marks.len(), marks.values().filter(|count| **count != 1).count()), (10_000, 0));
    assert!(took < Duration::from_secs(20), "fewer than 500 a second: {took:?}");
}

/// The same database at another host.
fn at(odoo: &Odoo, host: &TestHost) -> Odoo {
    Odoo::new(host.client().clone(), host.url()).known_as(&odoo.dbuuid, &odoo.token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_hosts_share_a_queue_though_one_is_killed() {
    let (url, provider) = Provider::start().await;
    let settings: Settings = settings(&url).postgres(&cluster::shared().fresh_database());
    let mut hosts = [TestHost::with(&settings), TestHost::with(&settings), TestHost::with(&settings)];
    let count: u32 = if is_long() { 10_000 } else { 2_000 };
    let mut first = 0;
    while first < count {
        let odoo = hosts[0].database_with_credits("worker", "1").await;
        later(&at(&odoo, &hosts[usize::try_from(first).unwrap_or(0) % 3]), "visit", first, 500, 3_600).await;
        first += 500;
    }
    provider.delay.store(20, Ordering::SeqCst);
    release(&hosts[0]);
    let began = Instant::now();
    while provider.visits().len() < usize::try_from(count / 4).expect("few") {
        assert!(began.elapsed() < Duration::from_secs(60), "{} visits:\n{}", provider.visits().len(), hosts[0].log());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let runners = hosts[0].sql("SELECT DISTINCT runner FROM job WHERE runner IS NOT NULL");
    hosts[1].kill();
    let left = jobs(&hosts[0], "running");
    drained(&hosts[0], 180).await;
    println!("{count} jobs, {left} running at the kill, in {:?}", began.elapsed());
    assert_eq!(runners.len(), 3, "all hosts took part: {runners:?}");
    assert_eq!(number(&hosts[0], "SELECT count(*) FROM job WHERE state = 'dead'"), 0);
    let visits = provider.visits();
    assert_eq!(visits.len(), usize::try_from(count).expect("few"), "every job ran");
    // Only what the dead host ran, and had not recorded, ran again; and what was recorded was recorded once.
    let again = visits.values().filter(|visits| **visits > 1).count();
    assert!(again <= 48 && visits.values().all(|visits| *visits <= 2), "{again} ran again");
    let marks = marks(&hosts[0]);
    assert_eq!(marks.len(), 2 * visits.len(), "each left its mark, and so did the job that it enqueued");
    assert_eq!(marks.values().filter(|count| **count != 1).count(), 0, "recorded twice");
    hosts[0].verify();
    hosts[1].restart();
    hosts[1].verify();
}
