//! The database's answer to a commit is lost, and cannot be asked for: the call fails, and may be made again with its key.

use std::{sync::atomic::Ordering, time::Duration};

use iap_tests::{Settings, TestHost, between::Between, cluster, host::until};
use serde_json::json;

use crate::{
    provider,
    support::{balance, give, open, problem, send_once},
};

/// Key of the call whose commit is not answered.
const KEY: &str = "the-answer-is-lost";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_of_which_nobody_knows_whether_it_began_may_be_made_again() {
    let (provider_url, provider) = provider::start().await;
    let url = cluster::shared().fresh_database();
    let (by_way, between) = Between::start(&url, &[KEY, "order_plainly"]).await;
    let settings = Settings {
        plugins: vec!["iap-guest-asker"],
        tables: format!("[services.asker.base_urls]\nprovider = {provider_url:?}\n"),
        without_simulators: true,
        ..Settings::default()
    };
    let host = TestHost::with(&settings.postgres(&by_way));
    let stored = |sql: &str| cluster::query(&url, sql);
    host.operator().declare("db-a", "on_premise").await;
    let (id, _) = open(&host, "asker", "db-a").await;
    give(&host, &id, "10").await;
    let (path, body) =
        (format!("/v1/accounts/{id}/calls/order_plainly"), json!({ "input": { "id": "o-1", "pieces": 3 } }));
    let (lost, ()) = tokio::join!(send_once(&host, KEY, "POST", &path, &body), async {
        until("the answer is lost", || async { between.has_swallowed() }).await;
        assert_eq!(stored("SELECT state FROM call"), ["running"], "it began all the same");
        assert_eq!(stored("SELECT state FROM hold"), ["live"]);
        // The plugin has 2 s, and what it waits for the ledger is not counted; the writer gives up after 15 s, and the host,
        // which wants to release what it may have, tries for as long and again.
        tokio::time::sleep(Duration::from_secs(20)).await;
        between.open();
    });
    // It was not the plugin's fault.
    assert_eq!((problem(&lost).0, problem(&lost).1.as_str()), (503, "host-failed"), "{}", lost.text);
    assert_eq!(provider.sent.load(Ordering::SeqCst), 0, "nothing was ordered");
    until("it is given back", || async { stored("SELECT state FROM call") == ["failed"] }).await;
    assert_eq!(stored("SELECT state FROM hold"), ["released"]);
    assert_eq!(balance(&host, &id).await, "10");
    let again = send_once(&host, KEY, "POST", &path, &body).await;
    assert_eq!((again.status, &again.json()["credits"]), (200, &json!("3")), "{}", again.text);
    assert_eq!(provider.sent.load(Ordering::SeqCst), 1);
    let pending = "SELECT count(*) FROM job WHERE state IN ('waiting', 'running')";
    until("no question is left", || async { stored(pending) == ["0"] }).await;
    host.verify();
}
