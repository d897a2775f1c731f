//! What arrives.

use serde_json::json;

use crate::support::{host, put, reaches};

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_arrives_once_and_what_it_says_is_not_kept() {
    let host = host();
    let id = put(&host, "ann@b.example", "Hello", "One\n.\n..two\n\nFrom here\n");
    let mails = host.mails_to("ann@b.example", 1).await;
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!((&mail["subject"], &mail["body"]), (&json!("Hello"), &json!("One\n.\n..two\n\nFrom here\n")));
    assert_eq!((&mail["from"], &mail["to"]), (&json!("iap@example.com"), &json!(["ann@b.example"])));
    assert_eq!(mail["message_id"], format!("<{id}.18bcfe56800@example.com>"));
    let header = |wanted: &str| {
        let headers = mail["headers"].as_array().unwrap().iter();
        headers
            .filter(|header| header[0] == wanted)
            .map(|header| header[1].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(header("From"), ["IAP <iap@example.com>"]);
    assert_eq!(header("Auto-Submitted"), ["auto-generated"]);
    assert_eq!(header("Bcc").len() + header("Cc").len() + header("Reply-To").len(), 0);
    let seen = reaches(&host, &id, "sent").await;
    assert_eq!((&seen["attempts"], seen.get("last_error"), seen.get("body")), (&json!(1), None, None), "{seen}");
    assert_eq!(host.sql("SELECT body FROM mail"), [""], "it may have been a code");
    let metrics = iap_tests::http::try_send(host.client().get(format!("{}/metrics", host.url()))).await.unwrap().text;
    for line in ["mails_waiting 0", "mails_dead 0", "mails_sent_total 1", "mails_failed_total 0"] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_eq!(host.mails(None).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_beyond_ascii_and_long_lines_arrive_as_they_are() {
    let host = host();
    let subject = "Crédits épuisés — ☂ ".repeat(6).trim().to_owned();
    let body = format!("Bientôt vide: 2 €.\n{}\n日本語\n", "mot ".repeat(900).trim());
    put(&host, "zoe@b.example", &subject, &body);
    let mails = host.mails_to("zoe@b.example", 1).await;
    assert_eq!((&mails[0]["subject"], &mails[0]["body"]), (&json!(subject), &json!(body)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_adds_a_header_or_a_recipient() {
    let host = host();
    let evil = [
        put(&host, "a@b.example\r\nBcc: c@d.example", "s", "b"),
        put(&host, "a@b.example, c@d.example", "s", "b"),
        put(&host, "a@b.example> NOTIFY=SUCCESS <c@d.example", "s", "b"),
        put(&host, "a@b.example", "s\r\nBcc: c@d.example", "b"),
        put(&host, "a@b.example", "s\nX: y", "b"),
        put(&host, "a@b.example", "s\rX: y", "b"),
    ];
    for id in &evil {
        let seen = reaches(&host, id, "dead").await;
        assert_eq!(seen["attempts"], 1, "no repeat helps: {seen}");
    }
    // What a body says stays in it, also what would end it.
    let body = "\r\n.\r\nMAIL FROM:<x@y.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nSubject: smuggled\r\n\r\n.\r\n";
    put(&host, "a@b.example", "s", body);
    let mails = host.mails_to("a@b.example", 1).await;
    assert_eq!(host.mails(None).await.len(), 1, "{mails:?}");
    assert!(mails[0]["body"].as_str().unwrap().contains("MAIL FROM:<x@y.example>"), "{}", mails[0]);
    let list = host.iap(&["mail", "list"]);
    assert!(list.0 && list.1.lines().count() == evil.len(), "{}", list.1);
}
