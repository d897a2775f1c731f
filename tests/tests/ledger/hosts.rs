//! Several hosts on one PostgreSQL database.

use std::time::Duration;

use iap_tests::{Odoo, Settings, TestHost, cluster, host::until, odoo::hex32};
use serde_json::json;

use crate::support::{assert_settled, consumed, number};

/// The same database at another host.
fn at(odoo: &Odoo, host: &TestHost) -> Odoo {
    Odoo::new(host.client().clone(), host.url()).known_as(&odoo.dbuuid, &odoo.token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hosts_charge_one_balance_exactly() {
    let settings = Settings::default().postgres(&cluster::shared().fresh_database());
    let hosts = [TestHost::with(&settings), TestHost::with(&settings)];
    let odoo = hosts[0].database_with_credits("sms", "30").await;
    let sends = (0..60).map(|n| {
        let odoo = at(&odoo, &hosts[n % 2]);
        tokio::spawn(async move { odoo.send("+32475000001", &hex32()).await })
    });
    let sends: Vec<_> = sends.collect();
    let (mut sent, mut lacking) = (0, 0);
    for send in sends {
        match send.await.expect("it is answered").as_str() {
            "success" => sent += 1,
            "insufficient_credit" => lacking += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!((sent, lacking), (30, 30));
    assert_eq!((consumed(&hosts[0]), odoo.balance("sms").await), (30_000_000, json!(0.0)));
    // A message that one host sent is known to the other.
    let uuid = hex32();
    hosts[0].operator().grant(&odoo, "sms", "5").await;
    for host in &hosts {
        assert_eq!(at(&odoo, host).send("+32475000001", &uuid).await, "success");
    }
    assert_eq!(consumed(&hosts[0]), 31_000_000);
    assert_settled(&hosts[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_host_that_is_taken_for_dead_and_lives_charges_nothing() {
    let settings = Settings::default().postgres(&cluster::shared().fresh_database());
    let first = TestHost::with(&settings);
    let stream = first.sql("SELECT max(id) FROM stream").concat();
    let odoo = first.database_with_credits("sms", "10").await;
    let second = TestHost::with(&settings);
    first.carrier_faults(&json!({ "delay_ms": 8000 })).await;
    let uuid = hex32();
    let sending = tokio::spawn({
        let (odoo, uuid) = (odoo.clone(), uuid.clone());
        async move { odoo.send("+32475000001", &uuid).await }
    });
    until("the message is out", || async { number(&first, "SELECT count(*) FROM hold WHERE state = 'live'") == 1 })
        .await;
    // It says that it lives every 5 seconds; the other looks as often.
    let silence = format!("UPDATE stream SET seen_at = 0 WHERE id <= {stream}");
    until("it is taken for dead", || async {
        second.sql(&silence);
        second.sql("SELECT state FROM hold") == ["released"]
    })
    .await;
    assert_eq!(second.sql("SELECT state FROM call"), ["failed"]);
    // The carrier has taken the message; whoever sent it is not charged, since its hold has ended.
    assert_eq!(sending.await.expect("it is answered"), "success");
    assert_eq!((consumed(&first), odoo.balance("sms").await), (0, json!(10.0)));
    first.carrier_faults(&json!({})).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    // It lives on and serves.
    assert_eq!(odoo.send("+32475000001", &uuid).await, "success");
    assert_eq!(consumed(&first), 1_000_000);
    assert_settled(&first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_mailing_of_a_dead_host_goes_on_at_another() {
    let settings = Settings::default().postgres(&cluster::shared().fresh_database());
    let mut first = TestHost::with(&settings);
    let stream = first.sql("SELECT max(id) FROM stream").concat();
    let odoo = first.database_with_credits("sms", "100").await;
    let uuids: Vec<String> = (0..40).map(|_| hex32()).collect();
    let numbers: Vec<(&str, &str)> = uuids.iter().map(|uuid| ("+32475000001", uuid.as_str())).collect();
    first.carrier_faults(&json!({ "delay_ms": 300 })).await;
    odoo.result("/api/sms/3/send", &odoo.sms("Hello", &numbers)).await;
    until("the job is at work", || async { first.carrier_received().await["total"].as_u64() >= Some(1) }).await;
    first.kill();
    let second = TestHost::with(&settings);
    second.sql(&format!("UPDATE stream SET seen_at = 0 WHERE id <= {stream}"));
    until("the mailing is sent", || async {
        number(&second, "SELECT count(*) FROM job WHERE state IN ('waiting', 'running')") == 0
    })
    .await;
    let charged = consumed(&second) / 1_000_000;
    assert!((20..=40).contains(&charged), "a kill loses one chunk of 20 at most: {charged}");
    assert_settled(&second);
}
