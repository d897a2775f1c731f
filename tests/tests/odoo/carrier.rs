//! A carrier that refuses, stumbles or says nothing: the right state, and no charge.

use std::time::{Duration, Instant};

use iap_tests::{TestHost, odoo::hex32};
use serde_json::{Value, json};

use super::{send_numbered, send_v3};

const UNANSWERED: &str = "The carrier did not answer; the message was not charged.";

/// Ending of the number, states of v3, v2 and v1, reason of v3.
const REFUSED: [(&str, [&str; 3], &str); 7] = [
    (
        "0404",
        ["wrong_number_format", "wrong_number_format", "wrong_number_format"],
        "No message can be sent to this number (21211).",
    ),
    (
        "0408",
        ["country_not_supported", "wrong_number_format", "wrong_number_format"],
        "Messages to this country are not offered (21408).",
    ),
    (
        "0610",
        ["rejected", "server_error", "server_error"],
        "The recipient does not want messages from this sender (21610).",
    ),
    ("0429", ["server_error"; 3], "The carrier did not take the message (20429)."),
    ("0500", ["server_error"; 3], "The carrier did not take the message (20500)."),
    ("0502", ["server_error"; 3], UNANSWERED),
    ("0503", ["server_error"; 3], UNANSWERED),
];

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_carrier_accepts_is_charged() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "100").await;
    let account = host.operator().account(&odoo.dbuuid, "sms").await;
    // One after the other by each path.
    for (ending, states, reason) in REFUSED {
        let (number, uuid) = (format!("+3247500{ending}"), hex32());
        let expected = json!({ "uuid": uuid, "state": states[0], "credit": 0, "failure_reason": reason });
        assert_eq!(send_v3(&odoo, "Hello", &[(json!(number), &uuid)]).await, [expected], "{ending}");
        for (path, state) in [("/iap/sms/2/send", states[1]), ("/iap/sms/1/send", states[2])] {
            let messages = json!([{ "res_id": 1, "number": number, "content": "Hello" }]);
            let expected = json!({ "res_id": 1, "state": state, "credit": 0 });
            assert_eq!(send_numbered(&odoo, path, &messages).await, [expected], "{path} {ending}");
        }
    }
    assert_eq!(host.operator().credits(&account).await, ("100".to_owned(), "0".to_owned()));
    // All in one request, among three that work: to Belgium 1, Switzerland 0.7, France 0.9.
    let mut numbers: Vec<String> = REFUSED.iter().map(|(ending, ..)| format!("+3247500{ending}")).collect();
    numbers.insert(0, "+32475000001".to_owned());
    numbers.insert(4, "+41791234567".to_owned());
    numbers.push("+33612345678".to_owned());
    let uuids: Vec<String> = numbers.iter().map(|_| hex32()).collect();
    let messages: Vec<(Value, &str)> =
        numbers.iter().zip(&uuids).map(|(number, uuid)| (json!(number), uuid.as_str())).collect();
    let items = send_v3(&odoo, "Hello", &messages).await;
    let states: Vec<(&str, &Value)> =
        items.iter().map(|item| (item["state"].as_str().unwrap(), &item["credit"])).collect();
    let (zero, be, ch, fr) = (json!(0), json!(1), json!(0.7), json!(0.9));
    assert_eq!(
        states,
        [
            ("success", &be),
            ("wrong_number_format", &zero),
            ("country_not_supported", &zero),
            ("rejected", &zero),
            ("success", &ch),
            ("server_error", &zero),
            ("server_error", &zero),
            ("server_error", &zero),
            ("server_error", &zero),
            ("success", &fr),
        ]
    );
    assert_eq!(host.operator().credits(&account).await, ("97.4".to_owned(), "0".to_owned()));
    assert_eq!(host.carrier_count(None).await, 3);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_carrier_is_answered_for_in_time_and_not_charged() {
    let host = TestHost::start();
    // 0504 is refused after a minute, 0505 accepted: either way nobody waits for it.
    let mut waiting = Vec::new();
    for ending in ["0504", "0505"] {
        for path in ["/api/sms/3/send", "/iap/sms/2/send"] {
            let odoo = host.database_with_credits("sms", "10").await;
            let numbers = [format!("+3247500{ending}"), "+32475000001".to_owned()];
            waiting.push(async move {
                let started = Instant::now();
                let items = if path == "/api/sms/3/send" {
                    let (a, b) = (hex32(), hex32());
                    let items = send_v3(&odoo, "Hello", &[(json!(numbers[0]), &a), (json!(numbers[1]), &b)]).await;
                    assert_eq!(
                        items[0],
                        json!({ "uuid": a, "state": "server_error", "credit": 0, "failure_reason": UNANSWERED })
                    );
                    items
                } else {
                    let messages = json!([
                        { "res_id": 1, "number": numbers[0], "content": "Hello" },
                        { "res_id": 2, "number": numbers[1], "content": "Hello" },
                    ]);
                    let items = send_numbered(&odoo, path, &messages).await;
                    assert_eq!(items[0], json!({ "res_id": 1, "state": "server_error", "credit": 0 }));
                    items
                };
                assert!(started.elapsed() < Duration::from_secs(15), "{ending} {path}: {:?}", started.elapsed());
                assert_eq!(
                    (&items[1]["state"], &items[1]["credit"]),
                    (&json!("success"), &json!(1)),
                    "{ending} {path}"
                );
                assert_eq!(odoo.balance("sms").await, json!(9.0), "{ending} {path}");
            });
        }
    }
    let tasks: Vec<_> = waiting.into_iter().map(tokio::spawn).collect();
    for task in tasks {
        task.await.unwrap();
    }
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_that_is_down_moves_nothing() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "10").await;
    let account = host.operator().account(&odoo.dbuuid, "sms").await;
    for (faults, reason) in [
        (json!({ "status": 503 }), "The carrier did not take the message (20503)."),
        (json!({ "garbage": true }), UNANSWERED),
        (json!({ "drop": true }), UNANSWERED),
    ] {
        host.carrier_faults(&faults).await;
        let uuid = hex32();
        let expected = json!({ "uuid": uuid, "state": "server_error", "credit": 0, "failure_reason": reason });
        assert_eq!(send_v3(&odoo, "Hello", &[(json!("+32475000001"), &uuid)]).await, [expected], "{faults}");
        assert_eq!(host.operator().credits(&account).await, ("10".to_owned(), "0".to_owned()), "{faults}");
    }
    host.carrier_faults(&json!({})).await;
    assert_eq!(odoo.send("+32475000001", &hex32()).await, "success");
    assert_eq!(odoo.balance("sms").await, json!(9.0));
    host.verify();
}
