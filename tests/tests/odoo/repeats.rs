//! The same message asked for twice: one text, one charge, one answer.

use iap_tests::{TestHost, host::until, odoo::hex32};
use serde_json::{Value, json};

use super::{send_v3, texts_to};

const GOOD: &str = "+32475000001";

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_uuid_gets_its_first_answer_for_free() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "10").await;
    let (a, b) = (hex32(), hex32());
    let first = send_v3(&odoo, "Hello", &[(json!(GOOD), &a)]).await;
    assert_eq!(first, [json!({ "uuid": a, "state": "success", "credit": 1 })]);
    for _ in 0..2 {
        assert_eq!(send_v3(&odoo, "Hello", &[(json!(GOOD), &a)]).await, first);
    }
    // Whatever else is in the request, even another text for the uuid.
    let both = send_v3(&odoo, "Other", &[(json!(GOOD), &a), (json!("+32475000002"), &b)]).await;
    assert_eq!(both, [first[0].clone(), json!({ "uuid": b, "state": "success", "credit": 1 })]);
    assert_eq!(odoo.balance("sms").await, json!(8.0));
    assert_eq!(texts_to(&host, GOOD).await, ["Hello"]);
    // A uuid is an account's own: that of another database is another message.
    let other = host.database_with_credits("sms", "10").await;
    assert_eq!(send_v3(&other, "Hello", &[(json!(GOOD), &a)]).await, first);
    assert_eq!((other.balance("sms").await, texts_to(&host, GOOD).await.len()), (json!(9.0), 2));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_uuid_twice_in_a_request_is_sent_once() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "10").await;
    let uuid = hex32();
    let item = json!({ "uuid": uuid, "state": "success", "credit": 1 });
    let items = send_v3(&odoo, "Hello", &[(json!(GOOD), &uuid), (json!(GOOD), &uuid)]).await;
    assert_eq!(items, [item.clone(), item]);
    assert_eq!((odoo.balance("sms").await, host.carrier_count(None).await), (json!(9.0), 1));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn identical_requests_at_the_same_time_send_once() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "10").await;
    host.carrier_faults(&json!({ "delay_ms": 400 })).await;
    let (a, b) = (hex32(), hex32());
    let messages = [(json!(GOOD), a.as_str()), (json!("+32475000002"), b.as_str())];
    let ask = || send_v3(&odoo, "Hello", &messages);
    let (one, two, three, four) = tokio::join!(ask(), ask(), ask(), ask());
    let item = |uuid: &str| json!({ "uuid": uuid, "state": "success", "credit": 1 });
    assert_eq!(one, [item(&a), item(&b)]);
    assert_eq!((&one, &one, &one), (&two, &three, &four));
    assert_eq!((odoo.balance("sms").await, host.carrier_count(None).await), (json!(8.0), 2));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_failed_may_be_sent_again() {
    let host = TestHost::start();
    let odoo = host.database("on_premise").await;
    odoo.balance("sms").await;
    let uuid = hex32();
    let mut states = Vec::new();
    states.push(odoo.send(GOOD, &uuid).await);
    host.operator().grant(&odoo, "sms", "10").await;
    states.push(odoo.send("12", &uuid).await);
    states.push(odoo.send("+32475000404", &uuid).await);
    for faults in [json!({ "status": 500 }), json!({ "garbage": true }), json!({ "drop": true })] {
        host.carrier_faults(&faults).await;
        states.push(odoo.send(GOOD, &uuid).await);
    }
    host.carrier_faults(&json!({})).await;
    assert_eq!(odoo.balance("sms").await, json!(10.0));
    states.push(odoo.send(GOOD, &uuid).await);
    states.push(odoo.send(GOOD, &uuid).await);
    assert_eq!(
        states,
        [
            "insufficient_credit",
            "wrong_number_format",
            "wrong_number_format",
            "server_error",
            "server_error",
            "server_error",
            "success",
            "success"
        ]
    );
    assert_eq!((odoo.balance("sms").await, host.carrier_count(None).await), (json!(9.0), 1));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailing_that_is_repeated_while_it_is_sent_is_sent_once() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "100").await;
    host.carrier_faults(&json!({ "delay_ms": 150 })).await;
    let uuids: Vec<String> = (0..25).map(|_| hex32()).collect();
    let numbers: Vec<String> =
        (0..25).map(|n| if n == 7 { "+32475000404".to_owned() } else { format!("+324750001{n:02}") }).collect();
    let messages: Vec<(Value, &str)> =
        numbers.iter().zip(&uuids).map(|(number, uuid)| (json!(number), uuid.as_str())).collect();
    let first = send_v3(&odoo, "Hello", &messages).await;
    assert!(first.iter().all(|item| item["state"] == "processing" && item["credit"] == 1), "{first:?}");
    assert_eq!(send_v3(&odoo, "Hello", &messages).await, first, "while the job sends");
    until("the mailing is captured", async || odoo.balance("sms").await == json!(76.0)).await;
    host.carrier_faults(&json!({})).await;
    let accepted = |n: usize| json!({ "uuid": uuids[n], "state": "success", "credit": 1 });
    let after = send_v3(&odoo, "Hello", &messages).await;
    for (n, item) in after.iter().enumerate() {
        match n {
            7 => assert_eq!(item["state"], "wrong_number_format", "it failed, so it is tried again"),
            n => assert_eq!(*item, accepted(n)),
        }
    }
    assert_eq!((odoo.balance("sms").await, host.carrier_count(None).await), (json!(76.0), 24));
    host.verify();
}
