//! One text, all generations of paths: each database gets only states that it knows.

use iap_tests::{TestHost, odoo::hex32};
use serde_json::{Value, json};

use super::{send_numbered, send_v3};

const GOOD: &str = "+32475000001";
/// Inmarsat: a network above all countries.
const SATELLITE: &str = "+870123456789";

const FORMAT: &str = "Give an international number that exists, such as +32 475 00 00 01.";

#[tokio::test(flavor = "multi_thread")]
async fn each_generation_gets_states_that_it_knows() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "100").await;
    // number, content, states of v3, v2 and v1, reason of v3
    let table = [
        (json!(GOOD), "Hello", ["success", "success", "success"], None),
        (json!("+32 475/00.00-02"), "Hello", ["success", "success", "success"], None),
        (json!("0032475000003"), "Hello", ["success", "success", "success"], None),
        (json!(32475000001u64), "Hello", ["wrong_number_format"; 3], Some(FORMAT)),
        (json!("12"), "Hello", ["wrong_number_format"; 3], Some(FORMAT)),
        (json!("0475 00 00 01"), "Hello", ["wrong_number_format"; 3], Some(FORMAT)),
        (json!("+3247500"), "Hello", ["wrong_number_format"; 3], Some(FORMAT)),
        (
            json!(false),
            "Hello",
            ["sms_number_missing", "wrong_number_format", "wrong_number_format"],
            Some("There is no number."),
        ),
        (
            json!(null),
            "Hello",
            ["sms_number_missing", "wrong_number_format", "wrong_number_format"],
            Some("There is no number."),
        ),
        (
            json!(""),
            "Hello",
            ["sms_number_missing", "wrong_number_format", "wrong_number_format"],
            Some("There is no number."),
        ),
        (
            json!(SATELLITE),
            "Hello",
            ["country_not_supported", "wrong_number_format", "wrong_number_format"],
            Some("Messages to this country or network are not offered."),
        ),
        (json!(GOOD), " ", ["incompatible_content", "server_error", "server_error"], Some("The message is empty.")),
    ];
    for (number, content, states, reason) in &table {
        let sent = states[0] == "success";
        let credit = json!(u8::from(sent));
        let uuid = hex32();
        let mut expected = json!({ "uuid": uuid, "state": states[0], "credit": credit });
        if let Some(reason) = reason {
            expected["failure_reason"] = json!(reason);
        }
        assert_eq!(send_v3(&odoo, content, &[(number.clone(), &uuid)]).await, [expected], "{number}");
        for (path, state) in [("/iap/sms/2/send", states[1]), ("/iap/sms/1/send", states[2])] {
            let messages = json!([{ "res_id": 7, "number": number, "content": content }]);
            let expected = json!({ "res_id": 7, "state": state, "credit": credit });
            assert_eq!(send_numbered(&odoo, path, &messages).await, [expected], "{path} {number}");
        }
    }
    // Three numbers that work, by three paths.
    assert_eq!(odoo.balance("sms").await, json!(91.0));
    assert_eq!(host.carrier_count(None).await, 9);
    // 17.0 of before spring 2024 names no database.
    let uuid = hex32();
    let params = json!({ "account_token": odoo.token, "messages": [{ "content": "Hi", "numbers": [{ "number": GOOD, "uuid": uuid }] }] });
    let answer = odoo.result("/iap/sms/3/send", &params).await;
    assert_eq!(answer, json!([{ "uuid": uuid, "state": "success", "credit": 1 }]));
    assert_eq!(odoo.balance("sms").await, json!(90.0));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn old_databases_get_their_record_ids_back_whatever_they_are() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "100").await;
    // 0 for each typed number, the number itself from the test wizard of mailings.
    for path in ["/iap/sms/1/send", "/iap/sms/2/send"] {
        let messages = json!([
            { "res_id": 0, "number": "+32475000001", "content": "A" },
            { "res_id": 0, "number": "+32475000002", "content": "B" },
            { "res_id": "+32475000003", "number": "+32475000003", "content": "C" },
            { "res_id": 41, "number": "12", "content": "D" },
            { "res_id": 42, "number": "+32475000001", "content": "A" },
            { "number": "+32475000001", "content": "no id" },
        ]);
        let item = |id: Value, state: &str, credit: Value| json!({ "res_id": id, "state": state, "credit": credit });
        assert_eq!(
            send_numbered(&odoo, path, &messages).await,
            [
                item(json!(0), "success", json!(1)),
                item(json!(0), "success", json!(1)),
                item(json!("+32475000003"), "success", json!(1)),
                item(json!(41), "wrong_number_format", json!(0)),
                item(json!(42), "success", json!(1)),
                item(Value::Null, "success", json!(1)),
            ],
            "{path}"
        );
    }
    assert_eq!(odoo.balance("sms").await, json!(90.0), "the same id twice is no repeat");
    assert_eq!(host.carrier_count(Some("+32475000001")).await, 6);
    for messages in [json!([]), json!(false), json!(null)] {
        assert_eq!(send_numbered(&odoo, "/iap/sms/2/send", &messages).await, [] as [Value; 0]);
    }
    assert_eq!(odoo.balance("sms").await, json!(90.0));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_price_is_by_country_and_part() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "100").await;
    let cases = [
        ("+32475000001", "a".repeat(160), json!(1)),
        ("+32475000001", "a".repeat(161), json!(2)),
        ("+32475000001", "a".repeat(307), json!(3)),
        // Two septets each.
        ("+32475000001", "€".repeat(81), json!(2)),
        ("+41791234567", "Grüezi".to_owned(), json!(0.7)),
        ("+41791234567", "ж".repeat(70), json!(0.7)),
        ("+41791234567", "ж".repeat(71), json!(1.4)),
        ("+33612345678", "🎉".repeat(36), json!(1.8)),
        ("+12025550123", "Hello".to_owned(), json!(0.2)),
    ];
    for (number, content, price) in cases {
        let uuid = hex32();
        let expected = json!({ "uuid": uuid, "state": "success", "credit": price });
        assert_eq!(send_v3(&odoo, &content, &[(json!(number), &uuid)]).await, [expected], "{number} {content}");
    }
    assert_eq!(odoo.balance("sms").await, json!(87.2), "1+2+3+2+0.7+0.7+1.4+1.8+0.2 = 12.8");
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_credits_send_nothing_in_part() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "1.5").await;
    let (a, b, c) = (hex32(), hex32(), hex32());
    let item = |uuid: &str, state: &str, reason: &str| json!({ "uuid": uuid, "state": state, "credit": 0, "failure_reason": reason });
    let short = "2 credits are needed and 1.5 are available; buy a pack";
    assert_eq!(
        send_v3(&odoo, "Hello", &[(json!(GOOD), &a), (json!("12"), &b), (json!("+32475000002"), &c)]).await,
        [
            item(&a, "insufficient_credit", short),
            item(&b, "wrong_number_format", FORMAT),
            item(&c, "insufficient_credit", short),
        ]
    );
    for path in ["/iap/sms/1/send", "/iap/sms/2/send"] {
        let messages =
            json!([{ "res_id": 1, "number": GOOD, "content": "x" }, { "res_id": 2, "number": GOOD, "content": "y" }]);
        let item = |id: u32| json!({ "res_id": id, "state": "insufficient_credit", "credit": 0 });
        assert_eq!(send_numbered(&odoo, path, &messages).await, [item(1), item(2)], "{path}");
    }
    let params = json!({ "account_token": odoo.token, "numbers": [GOOD, "+32475000002"], "message": "Hello" });
    let (class, message) = odoo.error("/iap/message_send", &params).await;
    assert_eq!(class, "InsufficientCreditError");
    let message: Value = serde_json::from_str(&message).unwrap();
    assert_eq!(
        message,
        json!({
            "credit": 2.0,
            "service_name": "sms",
            "base_url": format!("{}/iap/1/credit", host.url()),
            "title": "Insufficient credits",
            "message": "2 credits are needed for this service. Buy a pack to go on.",
        })
    );
    assert_eq!(host.carrier_count(None).await, 0);
    assert_eq!(odoo.balance("sms").await, json!(1.5));
    // What can be paid goes out.
    assert_eq!(odoo.send(GOOD, &a).await, "success");
    assert_eq!(odoo.balance("sms").await, json!(0.5));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_path_answers_true_or_says_why_not() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "10").await;
    let params =
        |numbers: Value, message: Value| json!({ "account_token": odoo.token, "numbers": numbers, "message": message });
    let path = "/iap/message_send";
    assert_eq!(odoo.result(path, &params(json!([GOOD, "+32475000002"]), json!("Hello"))).await, json!(true));
    assert_eq!(odoo.balance("sms").await, json!(8.0));
    // Those that the carrier took are paid, and there is no state for the other one.
    assert_eq!(odoo.result(path, &params(json!([GOOD, "+32475000404"]), json!("Hello"))).await, json!(true));
    assert_eq!(odoo.balance("sms").await, json!(7.0));
    for (numbers, message, class, text) in [
        (json!([GOOD, "12"]), json!("Hello"), "UserError", format!("numbers[1]: {FORMAT}")),
        (json!([false]), json!("Hello"), "UserError", "numbers[0]: There is no number.".to_owned()),
        (
            json!([SATELLITE]),
            json!("Hello"),
            "UserError",
            "numbers[0]: Messages to this country or network are not offered.".to_owned(),
        ),
        (json!([GOOD]), json!(false), "UserError", "message: The message is empty.".to_owned()),
        (json!([]), json!("Hello"), "UserError", "numbers: give at least one number".to_owned()),
        (
            json!(["+32475000404"]),
            json!("Hello"),
            "UserError",
            "No message can be sent to this number (21211).".to_owned(),
        ),
        (
            json!(["+32475000500"]),
            json!("Hello"),
            "UserError",
            "the service's provider is not available; try again later. Nothing was charged".to_owned(),
        ),
    ] {
        assert_eq!(odoo.error(path, &params(numbers.clone(), message)).await, (class.to_owned(), text), "{numbers}");
    }
    assert_eq!(odoo.balance("sms").await, json!(7.0));
    assert_eq!(host.carrier_count(None).await, 3);
    host.verify();
}
