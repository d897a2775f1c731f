//! What is no request, or a wrong one: the class that Odoo knows, a text with the remedy, and nothing moved.

use iap_tests::{TestHost, odoo::error_of};
use serde_json::{Value, json};

const NO_OBJECT: &str = "send {\"jsonrpc\": \"2.0\", \"method\": \"call\", \"params\": {…}, \"id\": …}";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_answered_so_that_odoo_can_read_it() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "10").await;
    let cases = [
        (
            "",
            format!("the request is not a JSON-RPC object (EOF while parsing a value at line 1 column 0); {NO_OBJECT}"),
            Value::Null,
        ),
        (
            "<html>",
            format!("the request is not a JSON-RPC object (expected value at line 1 column 1); {NO_OBJECT}"),
            Value::Null,
        ),
        (
            "\"text\"",
            format!(
                "the request is not a JSON-RPC object (invalid type: string \"text\", expected an object at line 1 column 6); {NO_OBJECT}"
            ),
            Value::Null,
        ),
        (r#"{"id": 7, "params": [1]}"#, "params must be an object of named arguments".to_owned(), json!(7)),
        (r#"{"id": "x", "params": "a"}"#, "params must be an object of named arguments".to_owned(), json!("x")),
        (r#"{"id": null, "params": false}"#, "params must be an object of named arguments".to_owned(), Value::Null),
        (
            r#"{"id": {"a": [1]}, "params": {}}"#,
            "account_token is missing; send it as a text".to_owned(),
            json!({ "a": [1] }),
        ),
        (r#"{"id": 1.5}"#, "account_token is missing; send it as a text".to_owned(), json!(1.5)),
    ];
    for path in ["/iap/1/balance", "/api/sms/3/send"] {
        for (body, text, id) in &cases {
            let reply = odoo.try_post(path, (*body).to_owned()).await.unwrap();
            assert_eq!((reply.status, &reply.json()["id"]), (200, id), "{path} {body}");
            assert_eq!(error_of(&reply.json()), ("UserError".to_owned(), text.clone()), "{path} {body}");
        }
    }
    assert_eq!(odoo.balance("sms").await, json!(10.0));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_values_are_named() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "10").await;
    let token = odoo.token.as_str();
    let visible =
        "account_token: the account token has a character other than visible ASCII at position 2; copy it again";
    let dbuuid = "dbuuid: the database identifier must be 1 to 64 of 0-9, A-Z, a-z, \"-\", \"_\" and \".\"; send the system parameter database.uuid";
    let number = json!({ "number": "+32475000001", "uuid": "bceddec2e8b34c2b965277452e3eee0d" });
    let of_service = |name: &str, value: Value| {
        let mut params = json!({ "account_token": token, "dbuuid": odoo.dbuuid, "messages": [{ "content": "x", "numbers": [number] }] });
        params[name] = value;
        params
    };
    let balance = |name: &str, value: Value| {
        let mut params = json!({ "account_token": token, "dbuuid": odoo.dbuuid, "service_name": "sms" });
        params[name] = value;
        params
    };
    let warning = |name: &str, value: Value| {
        let mut params = json!({ "account_token": token, "warning_threshold": 5, "warning_emails": [] });
        params[name] = value;
        params
    };
    let cases = [
        (
            "/iap/1/balance",
            balance("account_token", json!(false)),
            "UserError",
            "account_token is missing; send it as a text",
        ),
        (
            "/iap/1/balance",
            balance("account_token", json!(null)),
            "UserError",
            "account_token is missing; send it as a text",
        ),
        (
            "/iap/1/balance",
            balance("account_token", json!("")),
            "UserError",
            "account_token is missing; send it as a text",
        ),
        (
            "/iap/1/balance",
            balance("account_token", json!(5)),
            "UserError",
            "account_token must be a text, not a number",
        ),
        (
            "/iap/1/balance",
            balance("account_token", json!(["a"])),
            "UserError",
            "account_token must be a text, not a list",
        ),
        ("/iap/1/balance", balance("account_token", json!("ab c")), "UserError", visible),
        (
            "/iap/1/balance",
            balance("account_token", json!("+disabled")),
            "UserError",
            "account_token: the account token is empty; open the IAP account in Odoo and save it again",
        ),
        (
            "/iap/1/balance",
            balance("account_token", json!("a".repeat(129))),
            "UserError",
            "account_token: the account token has more than 128 characters; copy it again",
        ),
        ("/iap/1/balance", balance("dbuuid", json!("a b")), "UserError", dbuuid),
        ("/iap/1/balance", balance("dbuuid", json!("a".repeat(65))), "UserError", dbuuid),
        ("/iap/1/balance", balance("dbuuid", json!(true)), "UserError", "dbuuid must be a text, not true or false"),
        (
            "/iap/1/balance",
            balance("service_name", json!(false)),
            "UserError",
            "service_name is missing; send it as a text",
        ),
        ("/iap/services-token", json!({ "iap_accounts": "x" }), "UserError", "iap_accounts must be a list, not a text"),
        (
            "/iap/1/get-accounts-information",
            json!({ "iap_accounts": {} }),
            "UserError",
            "iap_accounts must be a list, not an object",
        ),
        (
            "/iap/1/update-warning-email-alerts",
            warning("warning_threshold", json!("5")),
            "TypeError",
            "warning_threshold must be a number, not a text",
        ),
        (
            "/iap/1/update-warning-email-alerts",
            warning("warning_threshold", json!(-1)),
            "UserError",
            "warning_threshold must be 0 (no alert) or more",
        ),
        (
            "/iap/1/update-warning-email-alerts",
            warning("warning_emails", json!("a@b.example")),
            "UserError",
            "warning_emails must be a list, not a text",
        ),
        (
            "/iap/1/update-warning-email-alerts",
            warning("account_token", json!("never-seen")),
            "UserError",
            "account_token: no account has been opened with this token yet; use the service or open the buy page once",
        ),
        (
            "/api/sms/3/send",
            of_service("account_token", json!(7)),
            "UserError",
            "account_token must be a text, not a number",
        ),
        ("/api/sms/3/send", of_service("account_token", json!("ab\u{e9}")), "UserError", visible),
        ("/api/sms/3/send", of_service("dbuuid", json!([])), "UserError", "dbuuid must be a text, not a list"),
        (
            "/api/sms/3/send",
            of_service("webhook_url", json!({})),
            "UserError",
            "webhook_url must be a text, not an object",
        ),
        (
            "/api/sms/3/send",
            of_service("messages", json!("x")),
            "UserError",
            "messages: invalid type: string \"x\", expected a list or false",
        ),
        (
            "/api/sms/3/send",
            of_service("messages", json!([{ "content": "x", "numbers": [{ "number": "+32475000001" }] }])),
            "UserError",
            "messages[0].numbers[0].uuid: missing: give each message a uuid of its own",
        ),
        (
            "/api/sms/3/send",
            of_service("messages", json!([{ "content": {}, "numbers": [number] }])),
            "UserError",
            "messages[0].content: invalid type: map, expected a string or false",
        ),
        (
            "/iap/sms/2/send",
            json!({ "account_token": token, "messages": [{ "res_id": 1, "number": ["+32"] }] }),
            "UserError",
            "messages[0].number: invalid type: sequence, expected a string or false",
        ),
        (
            "/iap/sms/1/send",
            json!({ "account_token": token, "messages": [7] }),
            "UserError",
            "messages[0]: invalid type: integer `7`, expected an object",
        ),
        (
            "/iap/message_send",
            json!({ "account_token": token, "numbers": true, "message": "x" }),
            "UserError",
            "numbers: invalid type: boolean `true`, expected a list or false",
        ),
        (
            "/api/sms/9/send",
            json!({}),
            "UserError",
            "no service answers /api/sms/9/send on this host; check the endpoint in the system parameters, or ask the operator to add the service",
        ),
        (
            "/iap/s/sms/nothing",
            json!({}),
            "UserError",
            "no service answers /iap/s/sms/nothing on this host; check the endpoint in the system parameters, or ask the operator to add the service",
        ),
    ];
    let mut wrong = Vec::new();
    for (path, params, class, text) in &cases {
        let found = odoo.error(path, params).await;
        if found != ((*class).to_owned(), (*text).to_owned()) {
            wrong.push(format!("{path} {params}\n  answers {found:?}\n  and not {:?}", (class, text)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((odoo.balance("sms").await, host.carrier_count(None).await), (json!(10.0), 0));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_are_told_what_is_wrong_with_a_transaction() {
    let host = TestHost::start();
    let operator = host.operator();
    let key = operator.register("provider", "odoo").await;
    let other = operator.register("other_provider", "odoo").await;
    let odoo = host.database_with_credits("provider", "10").await;
    let account = operator.account(&odoo.dbuuid, "provider").await;
    let authorize = |name: &str, value: Value| {
        let mut params =
            json!({ "key": key, "account_token": odoo.token, "dbuuid": odoo.dbuuid, "credit": 2, "ttl": 1 });
        params[name] = value;
        params
    };
    let hold = odoo.result("/iap/1/authorize", &authorize("description", json!(false))).await;
    let end = |name: &str, value: Value| {
        let mut params = json!({ "key": key, "token": hold, "credit_to_capture": false });
        params[name] = value;
        params
    };
    let no_key =
        "key: this is no service key of this host; ask the operator to register the service or to give it a new key";
    let no_hold = "token: this service has no such transaction; send the token that authorize answered";
    for (path, params, class, text) in [
        ("/iap/1/authorize", authorize("credit", json!("2")), "TypeError", "credit must be a number, not a text"),
        ("/iap/1/authorize", authorize("credit", json!(false)), "TypeError", "credit must be a number above 0"),
        ("/iap/1/authorize", authorize("credit", json!(0)), "TypeError", "credit must be a number above 0, not 0"),
        ("/iap/1/authorize", authorize("credit", json!(-1)), "TypeError", "credit must be a number above 0, not -1"),
        ("/iap/1/authorize", authorize("credit", json!(1e300)), "TypeError", "credit 1e+300 is too large"),
        ("/iap/1/authorize", authorize("ttl", json!("day")), "UserError", "ttl must be a number of hours, not a text"),
        ("/iap/1/authorize", authorize("ttl", json!(0)), "UserError", "ttl must be a number of hours above 0, not 0"),
        ("/iap/1/authorize", authorize("key", json!("service-key-1")), "AccessError", no_key),
        ("/iap/1/authorize", authorize("key", json!(null)), "AccessError", no_key),
        (
            "/iap/1/authorize",
            authorize("account_token", json!(false)),
            "UserError",
            "account_token is missing; send it as a text",
        ),
        (
            "/iap/1/authorize",
            authorize("description", json!(5)),
            "UserError",
            "description must be a text, not a number",
        ),
        ("/iap/1/capture", end("token", json!("nothing")), "AccessError", no_hold),
        ("/iap/1/capture", end("token", json!(false)), "UserError", "token is missing; send it as a text"),
        ("/iap/1/capture", end("key", json!(other)), "AccessError", no_hold),
        ("/iap/1/cancel", end("key", json!(other)), "AccessError", no_hold),
        (
            "/iap/1/capture",
            end("credit_to_capture", json!(-1)),
            "UserError",
            "credit_to_capture must be above 0, not -1",
        ),
        (
            "/iap/1/capture",
            end("credit_to_capture", json!("1")),
            "TypeError",
            "credit_to_capture must be a number, not a text",
        ),
        (
            "/iap/1/capture",
            end("credit_to_capture", json!(2.000001)),
            "AccessError",
            "token: 2.000001 credits were asked of a hold that has 2",
        ),
    ] {
        assert_eq!(odoo.error(path, &params).await, (class.to_owned(), text.to_owned()), "{path} {params}");
    }
    for token in ["ab c", &"x".repeat(200)] {
        let (class, _) = odoo.error("/iap/1/authorize", &authorize("account_token", json!(token))).await;
        assert_eq!(class, "InsufficientCreditError", "no such account has credits");
    }
    assert_eq!(operator.credits(&account).await, ("8".to_owned(), "2".to_owned()));
    // Python's 0.1 + 0.2 is 0.3 credits.
    let python = odoo.result("/iap/1/authorize", &authorize("credit", json!(0.300_000_000_000_000_04))).await;
    assert_eq!(operator.credits(&account).await, ("7.7".to_owned(), "2.3".to_owned()));
    assert_eq!(odoo.result("/iap/1/capture", &end("token", python)).await, json!(true));
    assert_eq!(odoo.result("/iap/1/cancel", &end("token", hold.clone())).await, json!(true));
    assert_eq!(operator.credits(&account).await, ("9.7".to_owned(), "0".to_owned()));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_refused_with_the_limit() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "10").await;
    for (path, limit) in [
        ("/iap/1/balance", 1 << 20),
        ("/api/sms/3/send", 4 << 20),
        ("/iap/s/sms/send_v3", 1 << 20),
        ("/nobody", 1 << 20),
    ] {
        let mut params = odoo.sms("x", &[("+32475000001", "bceddec2e8b34c2b965277452e3eee0d")]);
        params["filler"] = json!("x".repeat(limit));
        let body = json!({ "jsonrpc": "2.0", "method": "call", "params": params, "id": "1" });
        let reply = odoo.try_post(path, body.to_string()).await.expect("an answer, not a broken connection");
        assert_eq!(reply.status, 200, "{path}");
        let text = format!("the request has more than {limit} bytes; send less at once");
        assert_eq!(error_of(&reply.json()), ("UserError".to_owned(), text), "{path}");
    }
    assert_eq!((odoo.balance("sms").await, host.carrier_count(None).await), (json!(10.0), 0));
    host.verify();
}
