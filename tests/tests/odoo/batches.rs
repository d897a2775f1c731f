//! Mailings: answered at once, sent by a job, reported to the database, charged to the credit.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use iap_tests::{Odoo, TestHost, Webhook, host::until, odoo::hex32};
use serde_json::{Value, json};

use super::{list, send_numbered};

/// A request of Odoo 17 to 19 with a webhook, and its uuids.
fn mailing(odoo: &Odoo, webhook: &Webhook, numbers: &[String]) -> (Value, Vec<String>) {
    let uuids: Vec<String> = numbers.iter().map(|_| hex32()).collect();
    let messages: Vec<(&str, &str)> =
        numbers.iter().zip(&uuids).map(|(number, uuid)| (number.as_str(), uuid.as_str())).collect();
    let mut params = odoo.sms("Hello", &messages);
    params["webhook_url"] = json!(webhook.url());
    (params, uuids)
}

/// Every message is taken on at one credit, in the order of the uuids.
async fn taken_on(odoo: &Odoo, params: &Value, uuids: &[String]) {
    let items = list(odoo.result("/api/sms/3/send", params).await);
    let expected: Vec<Value> =
        uuids.iter().map(|uuid| json!({ "uuid": uuid, "state": "processing", "credit": 1 })).collect();
    assert_eq!(items, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailing_is_reported_as_sent_and_delivered() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "100").await;
    let account = host.operator().account(&odoo.dbuuid, "sms").await;
    let webhook = Webhook::start();
    // The first report meets a database that is restarting.
    webhook.refuse_next(1);
    let endings = ["0404", "0408", "0500", "0610", "0667"];
    let numbers: Vec<String> = (0..25)
        .map(|n| endings.get(n).map_or_else(|| format!("+324750001{n:02}"), |ending| format!("+3247500{ending}")))
        .collect();
    let (params, uuids) = mailing(&odoo, &webhook, &numbers);
    taken_on(&odoo, &params, &uuids).await;
    // Four are refused at once; the one that fails later was accepted, and is paid.
    let last = |statuses: &BTreeMap<String, Vec<String>>| {
        statuses.values().filter_map(|of| of.last().cloned()).collect::<Vec<_>>()
    };
    let ended =
        ["delivered", "not_delivered", "wrong_number_format", "country_not_supported", "server_error", "rejected"];
    until("all reports are there", async || {
        let last = last(&webhook.statuses());
        last.len() == 25 && last.iter().all(|status| ended.contains(&status.as_str()))
    })
    .await;
    let statuses = webhook.statuses();
    for (n, uuid) in uuids.iter().enumerate() {
        let expected: &[&str] = match n {
            0 => &["wrong_number_format"],
            1 => &["country_not_supported"],
            2 => &["server_error"],
            3 => &["rejected"],
            4 => &["sent", "not_delivered"],
            _ => &["sent", "delivered"],
        };
        // The job and the carrier may both say the same: a database takes the latter for nothing new.
        let mut told = statuses[uuid].clone();
        told.dedup();
        assert_eq!(told, expected, "{}", numbers[n]);
    }
    for report in webhook.received() {
        assert_eq!((&report["jsonrpc"], &report["method"]), (&json!("2.0"), &json!("call")), "{report}");
    }
    assert_eq!(host.operator().credits(&account).await, ("79".to_owned(), "0".to_owned()));
    assert_eq!(host.carrier_count(None).await, 21);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn few_messages_are_reported_too() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "10").await;
    let webhook = Webhook::start();
    let numbers = ["+32475000001", "+32475000666", "+32475000667", "+32475000700", "+32475000701"].map(str::to_owned);
    let (params, uuids) = mailing(&odoo, &webhook, &numbers);
    let items = list(odoo.result("/api/sms/3/send", &params).await);
    assert!(items.iter().all(|item| item["state"] == "success"), "{items:?}");
    until("three are reported on", async || {
        let statuses = webhook.statuses();
        (statuses.get(&uuids[0]).map(Vec::len), statuses.len(), statuses.get(&uuids[2]).map(Vec::len))
            == (Some(2), 3, Some(2))
    })
    .await;
    let statuses = webhook.statuses();
    assert_eq!(statuses[&uuids[0]], ["sent", "delivered"]);
    assert_eq!(statuses[&uuids[1]], ["rejected"]);
    assert_eq!(statuses[&uuids[2]], ["sent", "not_delivered"]);
    // One never gets a status, one gets them with a bad signature: neither is reported.
    assert_eq!(odoo.balance("sms").await, json!(5.0));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailing_of_16_says_success_and_later_failures_are_given_back() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "100").await;
    let account = host.operator().account(&odoo.dbuuid, "sms").await;
    let number = |n: usize| match n {
        3 => "+32475000404".to_owned(),
        11 => "+32475990404".to_owned(),
        // To Switzerland: 0.7.
        17 => "+41791230408".to_owned(),
        18 => "+41791234567".to_owned(),
        20 => "12".to_owned(),
        n => format!("+324750001{n:02}"),
    };
    let messages: Vec<Value> =
        (0..25).map(|n| json!({ "res_id": 0, "number": number(n), "content": format!("Hello {n}") })).collect();
    let items = send_numbered(&odoo, "/iap/sms/2/send", &json!(messages)).await;
    assert_eq!(items.len(), 25);
    for (n, item) in items.iter().enumerate() {
        let (state, credit) = match n {
            17 | 18 => ("success", json!(0.7)),
            20 => ("wrong_number_format", json!(0)),
            _ => ("success", json!(1)),
        };
        assert_eq!(*item, json!({ "res_id": 0, "state": state, "credit": credit }), "{n}");
    }
    // 22 × 1 + 2 × 0.7 are set aside; 20 × 1 + 0.7 are taken.
    let settled = ("79.3".to_owned(), "0".to_owned());
    until("the mailing is captured", async || host.operator().credits(&account).await == settled).await;
    assert_eq!(host.carrier_count(None).await, 21);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_messages_go_in_one_request() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "500").await;
    let account = host.operator().account(&odoo.dbuuid, "sms").await;
    let webhook = Webhook::start();
    // Every tenth number does not exist.
    let numbers: Vec<String> = (0..500)
        .map(|n| if n % 10 == 9 { format!("+32475{n:02}0404", n = n / 10) } else { format!("+3247{n:04}111") })
        .collect();
    let (params, uuids) = mailing(&odoo, &webhook, &numbers);
    taken_on(&odoo, &params, &uuids).await;
    until("the mailing is captured", async || host.operator().credits(&account).await.1 == "0").await;
    assert_eq!(host.operator().credits(&account).await, ("50".to_owned(), "0".to_owned()));
    assert_eq!(host.carrier_count(None).await, 450);
    until("all are reported on", async || webhook.statuses().len() == 500).await;
    let statuses = webhook.statuses();
    for (n, uuid) in uuids.iter().enumerate() {
        let first = if n % 10 == 9 { "wrong_number_format" } else { "sent" };
        assert_eq!(statuses[uuid][0], first, "{}", numbers[n]);
    }
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_messages_go_in_one_request_and_each_goes_once() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "10000").await;
    let account = host.operator().account(&odoo.dbuuid, "sms").await;
    let webhook = Webhook::start();
    // The carrier sends no status for these, so that what is reported is the job's word.
    let numbers: Vec<String> = (0..10_000).map(|n| format!("+324{n:04}0700")).collect();
    let (params, uuids) = mailing(&odoo, &webhook, &numbers);
    let started = Instant::now();
    taken_on(&odoo, &params, &uuids).await;
    assert!(started.elapsed() < Duration::from_secs(15), "a database hangs up after 15 s: {:?}", started.elapsed());
    let (available, held) = host.operator().credits(&account).await;
    assert_eq!((available.as_str(), held.as_str()), ("0", "10000"), "all is set aside before the first is sent");
    // Nobody can say how long ten thousand take on a busy machine.
    let end = Instant::now() + Duration::from_secs(240);
    while host.operator().credits(&account).await.1 != "0" {
        assert!(Instant::now() < end, "{} of 10000 are sent", host.carrier_count(None).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(host.operator().credits(&account).await, ("0".to_owned(), "0".to_owned()));
    let received = host.carrier_received().await;
    let mut to: Vec<&str> =
        received["messages"].as_array().unwrap().iter().map(|message| message["to"].as_str().unwrap()).collect();
    to.sort_unstable();
    assert_eq!((host.carrier_count(None).await, to), (10_000, numbers.iter().map(String::as_str).collect()));
    until("all are reported on", async || webhook.statuses().len() == 10_000).await;
    let statuses = webhook.statuses();
    assert!(uuids.iter().all(|uuid| statuses[uuid] == ["sent"]), "each is reported once");
    // The whole mailing again: answered from memory.
    let again = list(odoo.result("/api/sms/3/send", &params).await);
    let expected: Vec<Value> =
        uuids.iter().map(|uuid| json!({ "uuid": uuid, "state": "success", "credit": 1 })).collect();
    assert_eq!((again, host.carrier_count(None).await), (expected, 10_000));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_most_is_refused_by_number() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "100").await;
    let webhook = Webhook::start();
    let numbers = vec!["+32475000001".to_owned(); 10_001];
    let (params, _) = mailing(&odoo, &webhook, &numbers);
    let user = |text: &str| ("UserError".to_owned(), text.to_owned());
    let too_many = user("messages: 10001 messages are too many: send at most 10000 in one request");
    assert_eq!(odoo.error("/api/sms/3/send", &params).await, too_many);
    let flat: Vec<Value> =
        numbers.iter().map(|number| json!({ "res_id": 0, "number": number, "content": "x" })).collect();
    for path in ["/iap/sms/1/send", "/iap/sms/2/send"] {
        assert_eq!(
            odoo.error(path, &json!({ "account_token": odoo.token, "messages": flat })).await,
            too_many,
            "{path}"
        );
    }
    let plain = json!({ "account_token": odoo.token, "numbers": numbers, "message": "x" });
    let too_many = user("numbers: 10001 messages are too many: send at most 10000 in one request");
    assert_eq!(odoo.error("/iap/message_send", &plain).await, too_many);
    // 10,000 to one number cost more than there is.
    let (params, _) = mailing(&odoo, &webhook, &numbers[1..]);
    let items = list(odoo.result("/api/sms/3/send", &params).await);
    assert!(items.len() == 10_000 && items.iter().all(|item| item["state"] == "insufficient_credit"), "{:?}", items[0]);
    assert_eq!((odoo.balance("sms").await, host.carrier_count(None).await), (json!(100.0), 0));
    host.verify();
}
