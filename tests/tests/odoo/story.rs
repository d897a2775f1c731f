//! The first story: an Odoo database sends a charged SMS.

use iap_tests::TestHost;
use iap_tests::odoo::hex32;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_database_sends_a_charged_sms() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "10").await;
    assert_eq!(odoo.send("+32475000001", &hex32()).await, "success");
    assert_eq!(odoo.balance("sms").await, json!(9.0));
    assert_eq!(host.carrier_received().await["total"], 1);
    host.verify();
}
