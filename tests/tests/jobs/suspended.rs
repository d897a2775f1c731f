//! Jobs of a service that the operator has suspended.

use std::time::Duration;

use iap_tests::TestHost;
use serde_json::json;

use crate::support::{Provider, drained, jobs, later, settings};

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_suspended_service_wait() {
    let (url, provider) = Provider::start().await;
    let host = TestHost::with(&settings(&url));
    let odoo = host.database_with_credits("worker", "1").await;
    later(&odoo, "visit", 0, 3, 2).await;
    host.operator().ok("POST", "/v1/services/worker/suspend", Some(&json!({ "reason": "complaints" }))).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!((jobs(&host, "waiting"), provider.visits().len()), (3, 0), "nothing is done");
    host.operator().ok("POST", "/v1/services/worker/resume", None).await;
    drained(&host, 30).await;
    assert_eq!(provider.visits().len(), 3);
}
