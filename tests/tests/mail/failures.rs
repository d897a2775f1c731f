//! Servers that are away, refuse, or say nothing.

use std::time::Duration;

use iap_tests::{Settings, TestHost, host::until};
use serde_json::{Value, json};

use crate::support::{host, put, reaches, shown};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_asked_again() {
    let mut host = host();
    host.stop_mail();
    let id = put(&host, "ann@b.example", "Hello", "x");
    until("it was tried", async || shown(&host, &id).await["attempts"] == json!(2)).await;
    let seen = shown(&host, &id).await;
    assert!(
        seen["state"] == "waiting" && seen["last_error"].as_str().is_some_and(|why| why.contains("onnect")),
        "{seen}"
    );
    host.start_mail();
    assert_eq!(host.mails_to("ann@b.example", 1).await.len(), 1);
    reaches(&host, &id, "sent").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_now_is_tried_again_and_what_is_refused_for_good_is_not() {
    let host = host();
    for (faults, tries) in [
        // That the server does not know this host says nothing of the mail. First, since connections are kept.
        (json!({ "auth": 535, "times": 1 }), 2),
        (json!({ "recipient": 451, "times": 2 }), 3),
        (json!({ "data": 452, "times": 1 }), 2),
        (json!({ "drop_in_data": true, "times": 1 }), 2),
    ] {
        host.mail_faults(&faults).await;
        let id = put(&host, "ann@b.example", &format!("after {tries}"), &faults.to_string());
        let seen = reaches(&host, &id, "sent").await;
        assert!(seen["attempts"].as_i64().is_some_and(|attempts| tries <= attempts), "{faults}: {seen}");
    }
    assert_eq!(host.mails(None).await.len(), 4, "each once");
    // For good, and again when the operator says so.
    let nobody = put(&host, "nobody@b.example", "Hello", "x");
    let seen = reaches(&host, &nobody, "dead").await;
    assert_eq!(seen["attempts"], 1, "{seen}");
    assert!(seen["last_error"].as_str().is_some_and(|why| why.contains("no such mailbox")), "{seen}");
    host.mail_faults(&json!({ "data": 554 })).await;
    let spam = put(&host, "ann@b.example", "Not spam", "x");
    let dead = reaches(&host, &spam, "dead").await;
    host.mail_faults(&json!({})).await;
    let (ok, text) = host.iap(&["mail", "list"]);
    assert!(ok && text.contains(&nobody) && text.contains(&spam), "{text}");
    let (ok, text) = host.iap(&["mail", "retry", &spam]);
    assert!(ok, "{text}");
    let sent = reaches(&host, &spam, "sent").await;
    assert_eq!(sent["created_at"], dead["created_at"], "the same mail, with the same Message-ID");
    let retry = async |id: &str| host.operator().send("POST", &format!("/v1/mails/{id}/retry"), None).await;
    assert_eq!((retry(&spam).await.status, retry("mail_1").await.status), (409, 404));
    assert_eq!(retry(&nobody).await.status, 200);
    reaches(&host, &nobody, "dead").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_operator_sees_the_outbox() {
    let host = host();
    let id = put(&host, "ann@b.example", "Hello", "x");
    for (method, path) in [("GET", "/v1/mails".to_owned()), ("POST", format!("/v1/mails/{id}/retry"))] {
        assert_eq!(host.operator().send_with(method, &path, None, &[]).await.status, 401);
    }
    let wrong = host.operator().send("GET", "/v1/mails?state=lost", None).await;
    assert_eq!((wrong.status, &wrong.json()["field"]), (422, &json!("state")));
}

/// Mails that came, by their Message-ID.
fn ids(mails: &[Value]) -> Vec<&str> {
    mails.iter().filter_map(|mail| mail["message_id"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_dies_before_it_records_sends_again_and_the_repeat_is_known() {
    let mut host = host();
    host.mail_faults(&json!({ "hang_after_data": true, "times": 1 })).await;
    let id = put(&host, "ann@b.example", "Hello", "x");
    assert_eq!(host.mails_to("ann@b.example", 1).await.len(), 1);
    assert_eq!(shown(&host, &id).await["state"], "waiting", "its answer did not come");
    host.kill();
    host.restart();
    let mails = host.mails_to("ann@b.example", 2).await;
    assert_eq!(ids(&mails)[0], ids(&mails)[1]);
    let date = |mail: &Value| mail["headers"].as_array().unwrap().iter().find(|header| header[0] == "Date").cloned();
    assert_eq!(date(&mails[0]), date(&mails[1]));
    reaches(&host, &id, "sent").await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(host.mails(None).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_settings_mails_wait_and_a_developer_reads_them_in_the_log() {
    let mut host = TestHost::with(&Settings { without_simulators: true, ..Settings::default() });
    let id = put(&host, "ann@b.example", "Your code", "It is 123456.");
    until("it was looked at", async || shown(&host, &id).await["last_error"].is_string()).await;
    let seen = shown(&host, &id).await;
    assert_eq!((&seen["state"], &seen["attempts"]), (&json!("waiting"), &json!(0)), "{seen}");
    assert!(seen["last_error"].as_str().is_some_and(|why| why.contains("[mail]")), "{seen}");
    assert!(!host.log().contains("123456"), "a code is for its recipient alone");
    host.stop();
    let dev = TestHost::with(&Settings { without_simulators: true, flags: vec!["--dev"], ..Settings::default() });
    let id = put(&dev, "ann@b.example", "Your code", "It is 123456.");
    reaches(&dev, &id, "sent").await;
    assert!(dev.log().contains("It is 123456."), "{}", dev.log());
}
