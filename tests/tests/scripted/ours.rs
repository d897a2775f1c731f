//! The scripts of our own plugins and examples go well, whatever goes wrong around them.

use crate::support::{ECHO, SMS, folder};

async fn all_stand(package: &str, path: &str, least: usize) {
    let reports = folder(package, path).await;
    assert!(least <= reports.len(), "{path} has {} tests", reports.len());
    for report in reports {
        assert!(report.ok, "{report:#?}");
        assert!(0 < report.faults, "{report:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn echo_stands() {
    all_stand(ECHO, "examples/echo/tests", 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sms_stands() {
    all_stand(SMS, "plugins/sms/tests", 6).await;
}
