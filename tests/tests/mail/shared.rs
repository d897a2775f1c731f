//! Several hosts on one outbox.

use std::collections::BTreeSet;

use iap_tests::{Settings, TestHost, cluster, host::until, http};

use crate::support::put;

#[tokio::test(flavor = "multi_thread")]
async fn hosts_share_the_outbox_and_send_each_mail_once() {
    let url = cluster::shared().fresh_database();
    let settings = Settings { mail: true, without_simulators: true, ..Settings::default() }.postgres(&url);
    let first = TestHost::with(&settings);
    let address = http::try_send(first.client().get(format!("{}/address", first.mail_url()))).await.unwrap().json();
    let smtp = address["url"].as_str().unwrap();
    let tables = format!("[mail]\nsmtp_url = {smtp:?}\nfrom = \"IAP <iap@example.com>\"\n");
    let second = TestHost::with(&Settings { mail: false, tables, ..settings.clone() });
    for number in 0..60 {
        put(&first, &format!("reader{number}@b.example"), "Hello", "x");
    }
    until("all are sent", async || first.sql("SELECT count(*) FROM mail WHERE state = 'sent'") == ["60"]).await;
    let mails = first.mails(None).await;
    let recipients: BTreeSet<&str> = mails.iter().filter_map(|mail| mail["to"][0].as_str()).collect();
    assert_eq!((mails.len(), recipients.len()), (60, 60));
    let sent = async |host: &TestHost| {
        let metrics = http::try_send(host.client().get(format!("{}/metrics", host.url()))).await.unwrap().text;
        let line = metrics.lines().find_map(|line| line.strip_prefix("mails_sent_total ")).unwrap().to_owned();
        line.parse::<u64>().unwrap()
    };
    assert_eq!(sent(&first).await + sent(&second).await, 60);
}
