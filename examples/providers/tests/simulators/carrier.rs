//! The carrier, as a plugin and its hooks meet it.

use std::time::{Duration, Instant};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use iap_providers::carrier::{self, CarrierOptions, MISBEHAVING};
use serde_json::{Value, json};
use sha1::Sha1;

use crate::support::{self, Received, Receiver, Running, client, form};

const SID: &str = "AC11111111111111111111111111111111";
const TOKEN: &str = "the-token";
const GOOD: &str = "+32475000001";

/// Names and values of a form, as a test writes them.
type Pairs<'a> = &'a [(&'a str, &'a str)];
/// A status as a callback reports it, and its error code.
type Reported = (&'static str, Option<&'static str>);

async fn start() -> Running {
    start_with(Duration::from_millis(200)).await
}

async fn start_with(hang: Duration) -> Running {
    let options = CarrierOptions { account_sid: SID.into(), auth_token: TOKEN.into(), hang, ..Default::default() };
    Running::start(|listener, stop| {
        carrier::serve(listener, options, async {
            let _ = stop.await;
        })
    })
    .await
}

fn request(carrier: &Running, pairs: &[(&str, &str)]) -> reqwest::RequestBuilder {
    client()
        .post(format!("{}/2010-04-01/Accounts/{SID}/Messages.json", carrier.base))
        .basic_auth(SID, Some(TOKEN))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form(pairs))
}

async fn send(carrier: &Running, pairs: &[(&str, &str)]) -> (u16, Value) {
    let answer = request(carrier, pairs).send().await.unwrap();
    (answer.status().as_u16(), support::json(answer).await)
}

async fn send_to(carrier: &Running, to: &str, callback: &str) -> (u16, Value) {
    send(carrier, &[("To", to), ("From", "IAP"), ("Body", "Hello"), ("StatusCallback", callback)]).await
}

async fn read(carrier: &Running, path: &str) -> (u16, Value) {
    let request = client().get(format!("{}/2010-04-01/Accounts/{SID}/{path}", carrier.base));
    let answer = request.basic_auth(SID, Some(TOKEN)).send().await.unwrap();
    (answer.status().as_u16(), support::json(answer).await)
}

/// What a receiver computes to know that a callback is the carrier's, from what it got.
fn expected_signature(receiver: &Receiver, got: &Received) -> String {
    let mut params: Vec<_> = url::form_urlencoded::parse(got.body.as_bytes()).into_owned().collect();
    params.sort();
    let text: String = params.into_iter().flat_map(|(name, value)| [name, value]).collect();
    let mut mac = Hmac::<Sha1>::new_from_slice(TOKEN.as_bytes()).unwrap();
    mac.update(format!("{}{}{text}", receiver.base, got.uri).as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

fn statuses(received: &[Received]) -> Vec<String> {
    received.iter().map(|got| got.field("MessageStatus").unwrap()).collect()
}

#[tokio::test]
async fn wrong_credentials_are_refused_before_anything_else() {
    let carrier = start().await;
    let url = |sid: &str| format!("{}/2010-04-01/Accounts/{sid}/Messages.json", carrier.base);
    let other = "AC22222222222222222222222222222222";
    for request in [
        client().post(url(SID)),
        client().post(url(SID)).basic_auth(SID, Some("wrong")),
        client().post(url(SID)).basic_auth(other, Some(TOKEN)),
        client().post(url(SID)).bearer_auth(TOKEN),
        client().post(url(other)).basic_auth(SID, Some(TOKEN)),
        client().get(url(SID)),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert!(answer.headers().contains_key("www-authenticate"));
        let body = support::json(answer).await;
        assert_eq!(body["code"], 20003);
        assert_eq!(body["status"], 401);
        assert_eq!(body["more_info"], "https://www.twilio.com/docs/errors/20003");
    }
    assert_eq!(carrier.get("/received/count").await["count"], 0);
}

#[tokio::test]
async fn each_wrong_field_gets_twilios_code() {
    let carrier = start().await;
    let long = "x".repeat(1601);
    let full = "é".repeat(1600);
    let cases: [(Pairs<'_>, u16, u64); 12] = [
        (&[], 400, 21604),
        (&[("To", ""), ("From", "IAP"), ("Body", "Hi")], 400, 21604),
        (&[("To", GOOD), ("Body", "Hi")], 400, 21603),
        (&[("To", GOOD), ("From", "IAP")], 400, 21602),
        (&[("To", GOOD), ("From", "IAP"), ("Body", "")], 400, 21602),
        (&[("To", GOOD), ("From", "IAP"), ("Body", &long)], 400, 21617),
        (&[("To", "0475000001"), ("From", "IAP"), ("Body", "Hi")], 400, 21211),
        (&[("To", "+32 475 00 00 01"), ("From", "IAP"), ("Body", "Hi")], 400, 21211),
        (&[("To", GOOD), ("From", "much too long a name"), ("Body", "Hi")], 400, 21212),
        (&[("To", GOOD), ("MessagingServiceSid", "MG1"), ("Body", "Hi")], 400, 21701),
        (&[("To", GOOD), ("From", "IAP"), ("Body", "Hi"), ("StatusCallback", "nowhere")], 400, 21609),
        (&[("To", GOOD), ("From", "IAP"), ("Body", &full)], 201, 0),
    ];
    for (pairs, status, code) in cases {
        let (got, body) = send(&carrier, pairs).await;
        assert_eq!((got, body["code"].as_u64().unwrap_or(0)), (status, code), "{pairs:?}");
    }
    let counters = carrier.get("/counters").await;
    assert_eq!(counters, json!({"seen": 12, "accepted": 1, "refused": 11, "in_flight": 0, "max_concurrent": 1}));
}

#[tokio::test]
async fn an_accepted_message_has_the_shape_of_twilios() {
    let carrier = start().await;
    let (status, message) = send(&carrier, &[("To", GOOD), ("From", "+15005550006"), ("Body", "Hello")]).await;
    assert_eq!(status, 201);
    let sid = message["sid"].as_str().unwrap().to_owned();
    assert!(sid.starts_with("SM") && sid.len() == 34, "{sid}");
    let date = message["date_created"].as_str().unwrap();
    assert!(date.ends_with(" +0000") && date.len() == "Thu, 24 Aug 2023 05:01:45 +0000".len(), "{date}");
    let uri = format!("/2010-04-01/Accounts/{SID}/Messages/{sid}");
    assert_eq!(
        message,
        json!({
            "sid": sid, "account_sid": SID, "api_version": "2010-04-01", "to": GOOD, "from": "+15005550006",
            "messaging_service_sid": null, "body": "Hello", "status": "queued", "num_segments": "1", "num_media": "0",
            "direction": "outbound-api", "price": null, "price_unit": "USD", "error_code": null,
            "error_message": null, "date_created": date, "date_updated": date, "date_sent": null,
            "uri": format!("{uri}.json"), "subresource_uris": {"media": format!("{uri}/Media.json")},
        })
    );
    while carrier.get("/received").await["messages"][0]["status"] != "delivered" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (_, later) = read(&carrier, &format!("Messages/{sid}.json")).await;
    assert_eq!(later["status"], "delivered");
    assert!(later["date_sent"].is_string());
    let (status, missing) = read(&carrier, "Messages/SM0.json").await;
    assert_eq!((status, &missing["code"]), (404, &json!(20404)));
}

#[tokio::test]
async fn a_messaging_service_accepts_before_it_counts_parts() {
    let carrier = start().await;
    let service = "MG0123456789abcdef0123456789abcdef";
    let (status, message) = send(&carrier, &[("To", GOOD), ("MessagingServiceSid", service), ("Body", "Hi")]).await;
    assert_eq!(status, 201);
    assert_eq!(message["status"], "accepted");
    assert_eq!(message["num_segments"], "0");
    assert_eq!(message["from"], Value::Null);
    assert_eq!(message["messaging_service_sid"], service);
}

#[tokio::test]
async fn a_list_comes_in_pages_newest_first() {
    let carrier = start().await;
    for body in ["one", "two", "three"] {
        send(&carrier, &[("To", GOOD), ("From", "IAP"), ("Body", body)]).await;
    }
    send(&carrier, &[("To", "+33612345678"), ("From", "IAP"), ("Body", "other")]).await;
    let (_, page) = read(&carrier, "Messages.json?PageSize=2&To=%2B32475000001").await;
    let bodies: Vec<_> = page["messages"].as_array().unwrap().iter().map(|m| m["body"].clone()).collect();
    assert_eq!(bodies, ["three", "two"]);
    let next = page["next_page_uri"].as_str().unwrap().strip_prefix(&format!("/2010-04-01/Accounts/{SID}/")).unwrap();
    let (_, page) = read(&carrier, next).await;
    assert_eq!(page["messages"].as_array().unwrap().len(), 1);
    assert_eq!(page["messages"][0]["body"], "one");
    assert_eq!(page["next_page_uri"], Value::Null);
}

#[tokio::test]
async fn callbacks_come_in_order_and_signed() {
    let (carrier, receiver) = (start().await, Receiver::start().await);
    let callback = format!("{}/hooks/sms/status?uuid=bceddec2e8b34c2b965277452e3eee0d&x=a%20b", receiver.base);
    let (_, message) = send_to(&carrier, GOOD, &callback).await;
    let received = receiver.wait(2).await;
    assert_eq!(statuses(&received), ["sent", "delivered"]);
    for got in &received {
        assert_eq!(got.header("x-twilio-signature"), expected_signature(&receiver, got));
        assert_eq!(got.uri, "/hooks/sms/status?uuid=bceddec2e8b34c2b965277452e3eee0d&x=a%20b");
        for name in ["MessageSid", "SmsSid"] {
            assert_eq!(got.field(name).as_deref(), message["sid"].as_str());
        }
        for (name, value) in [("To", GOOD), ("From", "IAP"), ("AccountSid", SID), ("ApiVersion", "2010-04-01")] {
            assert_eq!(got.field(name).as_deref(), Some(value));
        }
        assert_eq!(got.field("ErrorCode"), None);
    }
    let view = carrier.get("/received").await;
    assert_eq!(view["total"], 1);
    assert_eq!(view["messages"][0]["uuid"], "bceddec2e8b34c2b965277452e3eee0d");
    assert_eq!(view["messages"][0]["status"], "delivered");
}

#[tokio::test]
async fn a_receiver_that_is_down_at_first_still_gets_every_status() {
    let carrier = start().await;
    // Bound, so that nobody else gets the port, and refusing connections until it listens.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    send_to(&carrier, GOOD, &format!("http://{}/status", socket.local_addr().unwrap())).await;
    tokio::time::sleep(Duration::from_millis(120)).await;
    let receiver = Receiver::on(socket.listen(16).unwrap(), &[]);
    assert_eq!(statuses(&receiver.wait(2).await), ["sent", "delivered"]);
}

#[tokio::test]
async fn numbers_that_are_refused_accept_nothing() {
    let carrier = start().await;
    for (suffix, status, code) in
        [("0404", 400, 21211), ("0408", 403, 21408), ("0610", 400, 21610), ("0429", 429, 20429), ("0500", 500, 20500)]
    {
        let (got, body) = send_to(&carrier, &format!("+3247500{suffix}"), "http://127.0.0.1:9/").await;
        assert_eq!((got, &body["code"], &body["status"]), (status, &json!(code), &json!(status)), "{suffix}");
    }
    let counters = carrier.get("/counters").await;
    assert_eq!((&counters["seen"], &counters["accepted"], &counters["refused"]), (&json!(5), &json!(0), &json!(5)));
}

#[tokio::test]
async fn numbers_whose_answer_is_broken_accept_nothing_but_0505() {
    let carrier = start_with(Duration::from_secs(1)).await;
    let pairs = |to: &'static str| [("To", to), ("From", "IAP"), ("Body", "Hello")];

    let garbage = request(&carrier, &pairs("+32475000502")).send().await.unwrap();
    assert_eq!(garbage.status(), 200);
    assert!(garbage.text().await.unwrap().contains("<html>"));

    let dropped = request(&carrier, &pairs("+32475000503")).send().await.unwrap_err();
    assert!(dropped.is_request() && !dropped.is_connect(), "{dropped:?}");

    let hung = Instant::now();
    assert_eq!(send(&carrier, &pairs("+32475000504")).await.0, 504);
    assert!(hung.elapsed() >= Duration::from_secs(1));
    assert_eq!(carrier.get("/received/count").await["count"], 0);

    let unknown = request(&carrier, &pairs("+32475000505")).timeout(Duration::from_millis(500)).send().await;
    assert!(unknown.unwrap_err().is_timeout());
    assert_eq!(carrier.get("/received/count?to=%2B32475000505").await["count"], 1);
    // Whoever waits long enough learns that it was accepted.
    assert_eq!(send(&carrier, &pairs("+32475000505")).await.0, 201);
    assert_eq!(carrier.get("/received/count?to=%2B32475000505").await, json!({"count": 2, "exact": true}));
}

#[tokio::test]
async fn an_accepted_message_may_end_badly() {
    let cases: [(&str, &[Reported]); 2] = [
        ("+32475000666", &[("failed", Some("30007"))]),
        ("+32475000667", &[("sent", None), ("undelivered", Some("30003"))]),
    ];
    for (to, expected) in cases {
        let (carrier, receiver) = (start().await, Receiver::start().await);
        let (status, message) = send_to(&carrier, to, &receiver.base).await;
        assert_eq!(status, 201);
        let received = receiver.wait(expected.len()).await;
        for (got, (status, code)) in received.iter().zip(expected) {
            assert_eq!(got.field("MessageStatus").as_deref(), Some(*status));
            assert_eq!(got.field("ErrorCode").as_deref(), *code);
            assert_eq!(got.header("x-twilio-signature"), expected_signature(&receiver, got));
        }
        let (status, code) = expected.last().unwrap();
        let (_, later) = read(&carrier, &format!("Messages/{}.json", message["sid"].as_str().unwrap())).await;
        assert_eq!(later["status"], *status);
        assert_eq!(later["error_code"].to_string(), code.unwrap());
    }
}

#[tokio::test]
async fn silent_numbers_send_no_status_and_0701_signs_wrongly() {
    let (carrier, receiver) = (start().await, Receiver::start().await);
    assert_eq!(send_to(&carrier, "+32475000700", &format!("{}/silent", receiver.base)).await.0, 201);
    assert_eq!(send_to(&carrier, "+32475000701", &format!("{}/forged", receiver.base)).await.0, 201);
    let received = receiver.wait(2).await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(receiver.all().len(), 2);
    for got in &received {
        assert_eq!(got.uri, "/forged");
        assert_ne!(got.header("x-twilio-signature"), expected_signature(&receiver, got));
    }
}

#[tokio::test]
async fn faults_hit_every_call_until_cleared() {
    let carrier = start().await;
    let pairs = [("To", GOOD), ("From", "IAP"), ("Body", "Hello")];
    assert_eq!(carrier.post("/faults", json!({"status": 503, "delay_ms": 100})).await.0, 200);
    assert_eq!(carrier.get("/faults").await, json!({"status": 503, "delay_ms": 100, "garbage": false, "drop": false}));
    let begun = Instant::now();
    assert_eq!(send(&carrier, &pairs).await.0, 503);
    assert!(begun.elapsed() >= Duration::from_millis(100));
    assert_eq!(read(&carrier, "Messages.json").await.0, 503);

    carrier.post("/faults", json!({"garbage": true})).await;
    let answer = request(&carrier, &pairs).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(serde_json::from_str::<Value>(&answer.text().await.unwrap()).is_err());
    carrier.post("/faults", json!({"drop": true})).await;
    assert!(request(&carrier, &pairs).send().await.is_err());
    assert_eq!(carrier.get("/received/count").await["count"], 0);

    assert_eq!(carrier.post("/faults", json!({"status": 200})).await.0, 400);
    assert_eq!(carrier.post("/faults", json!({"stauts": 500})).await.0, 400);
    carrier.post("/faults", json!({})).await;
    assert_eq!(send(&carrier, &pairs).await.0, 201);
}

#[tokio::test]
async fn requests_at_once_are_counted_and_forgotten_on_demand() {
    let carrier = start().await;
    carrier.post("/faults", json!({"delay_ms": 500})).await;
    let pairs = [("To", GOOD), ("From", "IAP"), ("Body", "Hello")];
    tokio::join!(send(&carrier, &pairs), send(&carrier, &pairs), send(&carrier, &pairs));
    let counters = carrier.get("/counters").await;
    assert_eq!(counters, json!({"seen": 3, "accepted": 3, "refused": 0, "in_flight": 0, "max_concurrent": 3}));
    assert_eq!(carrier.get("/received/count?body=Hello").await["count"], 3);
    assert_eq!(carrier.get("/received/count?body=Bye").await["count"], 0);

    let forgotten = client().delete(format!("{}/received", carrier.base)).send().await.unwrap();
    assert_eq!(forgotten.status(), 204);
    assert_eq!(carrier.get("/received").await, json!({"total": 0, "messages": []}));
    assert_eq!(carrier.get("/counters").await["max_concurrent"], 0);
}

#[tokio::test]
async fn the_front_page_shows_messages_escaped_and_all_numbers() {
    let carrier = start().await;
    send(&carrier, &[("To", GOOD), ("From", "IAP"), ("Body", "<script>alert(1)</script>")]).await;
    let page = carrier.page("/").await;
    assert!(page.contains("&lt;script&gt;alert(1)"));
    assert!(!page.contains("<script"));
    for known in &MISBEHAVING {
        assert!(page.contains(known.suffix) && page.contains(known.effect), "{}", known.suffix);
    }
    let readme = include_str!("../../README.md");
    for known in &MISBEHAVING {
        assert!(readme.contains(&format!("`…{}`", known.suffix)), "README lacks {}", known.suffix);
    }
}

#[tokio::test]
async fn it_stops_at_once_though_a_request_hangs() {
    let carrier = start_with(Duration::from_secs(60)).await;
    let hung = request(&carrier, &[("To", "+32475000504"), ("From", "IAP"), ("Body", "Hello")]);
    let hung = tokio::spawn(hung.send());
    while carrier.get("/counters").await["in_flight"] != 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::timeout(Duration::from_secs(5), carrier.stop()).await.expect("stops within seconds");
    assert!(hung.await.unwrap().is_err());
}
