//! A provider that takes a message and never says so.

use std::time::Instant;

use iap_tests::{TestHost, odoo::hex32};
use serde_json::json;

use crate::support::{assert_settled, consumed};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_without_an_answer_is_not_charged_and_its_call_says_so() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "10").await;
    let began = Instant::now();
    let uuid = hex32();
    assert_eq!(odoo.send("+32475000505", &uuid).await, "server_error");
    assert!(began.elapsed().as_secs() < 15, "Odoo hangs up after 15 s: {:?}", began.elapsed());
    assert_eq!(host.carrier_received().await["total"], 1, "the carrier has taken it");
    assert_eq!((odoo.balance("sms").await, consumed(&host)), (json!(10.0), 0));
    assert_eq!(host.sql("SELECT state FROM hold"), ["released"]);
    let row = host.sql("SELECT state || ', ' || credits || ': ' || coalesce(problem, '') FROM call");
    assert_eq!(row, ["answered, 0: unknown: a request to the provider was never answered; what it did is not known"]);
    // Whoever asks again takes the risk knowingly; it is charged once.
    assert_eq!(odoo.send("+32475000001", &uuid).await, "success");
    assert_eq!(odoo.send("+32475000001", &uuid).await, "success");
    assert_eq!(consumed(&host), 1_000_000);
    assert_settled(&host);
}
