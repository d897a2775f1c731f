//! The database's answer to what a job set aside is lost, and cannot be asked for: it goes back, and the job runs again.

use std::time::Duration;

use iap_tests::{Settings, TestHost, between::Between, cluster, host::until};
use serde_json::json;

/// The part of a hold of seven credits of one grant, as it is stored: what the job sets aside.
const SEVEN: &str = ",7000000,0,0]";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_job_set_aside_without_hearing_of_it_goes_back() {
    let url = cluster::shared().fresh_database();
    let (by_way, between) = Between::start(&url, &[SEVEN]).await;
    let settings = Settings { plugins: vec!["iap-guest-asker"], without_simulators: true, ..Settings::default() };
    let host = TestHost::with(&settings.postgres(&by_way));
    let stored = |sql: &str| cluster::query(&url, sql);
    let odoo = host.database_with_credits("asker", "20").await;
    let account = host.operator().account(&odoo.dbuuid, "asker").await;
    let answer = odoo.call("asker", "order_later", json!({ "pieces": 3, "more": 7 })).await;
    assert_eq!(answer["result"]["more"], 7, "{answer}");
    until("the answer is lost", || async { between.has_swallowed() }).await;
    let holds = "SELECT amount / 1000000 || ' ' || state FROM hold ORDER BY id";
    assert_eq!(stored(holds), ["3 live", "7 live"], "it was set aside all the same");
    // The writer asks for 15 s; so does the release of what may have been set aside.
    tokio::time::sleep(Duration::from_secs(20)).await;
    between.open();
    until("it goes back", || async { stored(holds)[1] == "7 released" }).await;
    until("the job runs again", || async { stored("SELECT state FROM job") == ["done"] }).await;
    assert_eq!(stored(holds), ["3 captured", "7 released", "7 captured"]);
    assert_eq!(host.operator().credits(&account).await, ("10".to_owned(), "0".to_owned()));
    // Its lines are all that was taken.
    let lines: serde_json::Value = serde_json::from_str(&stored("SELECT lines FROM call")[0]).expect("JSON");
    let credits: Vec<_> = lines.as_array().expect("a list").iter().map(|line| line["credits"].clone()).collect();
    assert_eq!(credits, [json!("7"), json!("3")]);
    host.verify();
}
