//! The operator's day: databases, tokens, accounts, credits, remote providers.

use iap_tests::TestHost;
use iap_tests::odoo::hex32;
use serde_json::{Value, json};

use crate::support::{balance, field, give, open, problem, send_as, send_once, text, with_echo};

#[tokio::test(flavor = "multi_thread")]
async fn databases_are_declared_and_listed() {
    let host = TestHost::start();
    let operator = host.operator();
    let first = operator.send("PUT", "/v1/databases/db-a", Some(&json!({ "hosting": "on_premise" }))).await;
    assert_eq!(first.status, 201, "{}", first.text);
    let mut shown = first.json();
    for time in ["first_seen_at", "declared_at"] {
        assert!(shown[time].as_str().is_some_and(|text| text.ends_with('Z')), "{shown}");
        shown[time] = Value::Null;
    }
    assert_eq!(
        shown,
        json!({
            "dbuuid": "db-a", "hosting": "on_premise", "edition": "unknown", "subscription_valid": false, "purpose": "production",
            "first_seen_at": null, "declared_at": null, "accounts": [],
        })
    );

    let full = json!({
        "hosting": "odoo_sh", "edition": "enterprise", "subscription_valid": true, "purpose": "demo", "country": "BE",
        "base_url": "https://db-a.example.com",
    });
    let again = operator.send("PUT", "/v1/databases/db-a", Some(&full)).await;
    assert_eq!(again.status, 200, "{}", again.text);
    for (member, value) in full.as_object().expect("an object") {
        assert_eq!(&again.json()[member], value, "{member}");
    }
    let again = operator.ok("PUT", "/v1/databases/db-a", Some(&json!({ "hosting": "on_premise" }))).await;
    assert_eq!(
        (&again["edition"], again.get("country")),
        (&json!("unknown"), None),
        "what is left out takes its default: {again}"
    );

    let seen = host.database("undeclared").await;
    seen.balance("sms").await;
    operator.declare("db-b", "odoo_online").await;
    let names = async |query: &str| {
        let list = operator.ok("GET", &format!("/v1/databases{query}"), None).await;
        let items = list["items"].as_array().expect("items").clone();
        let names: Vec<String> = items.iter().map(|item| text(&item["dbuuid"])).collect();
        (names, list["next_cursor"].as_str().map(str::to_owned))
    };
    let all = vec!["db-a".to_owned(), seen.dbuuid.clone(), "db-b".to_owned()];
    assert_eq!(names("").await, (all.clone(), None));
    assert_eq!(names("?declared=false").await, (vec![seen.dbuuid.clone()], None));
    assert_eq!(names("?declared=true").await, (vec!["db-a".to_owned(), "db-b".to_owned()], None));
    let mut walked = Vec::new();
    let mut cursor = None;
    loop {
        let query = cursor.map_or_else(String::new, |cursor: String| format!("&cursor={cursor}"));
        let (page, next) = names(&format!("?limit=1{query}")).await;
        assert_eq!(page.len(), 1);
        walked.extend(page);
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(walked, all);
    let undeclared = operator.ok("GET", &format!("/v1/databases/{}", seen.dbuuid), None).await;
    assert_eq!((&undeclared["hosting"], undeclared.get("declared_at")), (&json!("undeclared"), None));
    assert_eq!(undeclared["accounts"][0]["service"], "sms");

    for (method, path, body, expected, at) in [
        (
            "GET",
            "/v1/databases?declared=maybe",
            None,
            (422, "invalid", r#""declared": "maybe" must be true or false"#),
            "declared",
        ),
        (
            "GET",
            "/v1/databases/db-z",
            None,
            (
                404,
                "not-found",
                r#"no database "db-z" has been seen or declared; declare it with PUT /v1/databases/db-z"#,
            ),
            "",
        ),
        (
            "POST",
            "/v1/databases/db-z/tokens",
            None,
            (
                404,
                "not-found",
                r#"no database "db-z" has been seen or declared; declare it with PUT /v1/databases/db-z"#,
            ),
            "",
        ),
        (
            "PUT",
            "/v1/databases/db-z",
            Some(json!({ "hosting": "on_premise", "country": "Belgium" })),
            (422, "invalid", r#""country": "Belgium" is no ISO 3166-1 code such as "BE""#),
            "country",
        ),
        (
            "PUT",
            "/v1/databases/db-z",
            Some(json!({ "hosting": "on_premise", "base_url": "ftp://x" })),
            (422, "invalid", r#""base_url": "ftp://x" is no address such as "https://mycompany.example.com""#),
            "base_url",
        ),
    ] {
        let reply = operator.send(method, path, body.as_ref()).await;
        let (status, code, detail) = expected;
        assert_eq!(problem(&reply), (status, code.to_owned(), detail.to_owned()), "{method} {path}");
        assert_eq!(field(&reply), at, "{method} {path}");
    }
    assert_eq!(names("").await.0, all, "a refused declaration records nothing");
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_shown_once_and_kept_as_hashes() {
    let host = TestHost::start();
    let operator = host.operator();
    operator.declare("db-a", "on_premise").await;
    let issued = operator.send("POST", "/v1/databases/db-a/tokens", None).await;
    assert_eq!(issued.status, 201, "{}", issued.text);
    let token = text(&issued.json()["token"]);
    assert!(token.starts_with("iap_db_") && token.len() == 7 + 48, "{token}");
    let second = text(&operator.ok("POST", "/v1/databases/db-a/tokens", None).await["token"]);
    assert_ne!(token, second);
    let (id, account_token) = open(&host, "sms", "db-a").await;
    assert!(account_token.starts_with("iap_ac_") && account_token.len() == 7 + 48, "{account_token}");
    for opened in [&token, &second] {
        assert_eq!(send_as(&host, opened, "GET", "/v1/databases/db-a", None).await.status, 200);
    }
    assert_eq!(send_as(&host, &account_token, "GET", &format!("/v1/accounts/{id}"), None).await.status, 200);
    assert!(!operator.send("GET", &format!("/v1/accounts/{id}"), None).await.text.contains("iap_ac_"));
    for secret in [&token, &second, &account_token] {
        for file in ["iap.db", "iap.db-wal"] {
            let bytes = std::fs::read(host.data_dir().join(file)).unwrap_or_default();
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} is in {file}");
        }
        assert!(!host.log().contains(secret.as_str()), "a token is in the log");
    }
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_open_and_are_set_up() {
    let host = TestHost::start();
    let operator = host.operator();
    operator.declare("db-a", "odoo_online").await;
    let reply = operator
        .send("POST", "/v1/accounts", Some(&json!({ "service": "sms", "database": "db-a", "companies": ["1", "2"] })))
        .await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let mut opened = reply.json();
    let (id, token) = (text(&opened["id"]), text(&opened["account_token"]));
    assert!(id.starts_with("acc_"), "{id}");
    for varies in ["id", "account_token", "created_at"] {
        opened[varies] = Value::Null;
    }
    let expected = json!({
        "account_token": null, "id": null, "service": "sms", "database": "db-a", "companies": ["1", "2"], "balance": "0", "held": "0",
        "available": "0", "warn_me": false, "warning_threshold": "0", "warning_emails": [], "enabled": true,
        "version_requirement": "^current", "release": "1.0.0", "vouched": true, "seen_elsewhere": [], "created_at": null,
    });
    assert_eq!(opened, expected);

    let path = format!("/v1/accounts/{id}");
    let changes = json!({
        "warn_me": true, "warning_threshold": "2.5", "warning_emails": [{ "email": "a@b.example", "lang_code": "fr_BE" }],
        "version_requirement": "~1.0",
    });
    let changed = send_as(&host, &token, "PATCH", &path, Some(&changes)).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let shown = operator.ok("GET", &path, None).await;
    for (member, value) in changes.as_object().expect("an object") {
        assert_eq!(&shown[member], value, "{member}");
    }
    operator.ok("PATCH", &path, Some(&json!({ "enabled": false }))).await;
    let refused = operator.send("POST", &format!("{path}/quotes/send_v3"), Some(&json!({ "input": {} }))).await;
    let told = "SMS is not enabled on this account; PATCH it with {\"enabled\": true} to consent";
    assert_eq!(problem(&refused), (403, "consent-needed".to_owned(), told.to_owned()));
    let on = operator.ok("PATCH", &path, Some(&json!({ "enabled": true }))).await;
    assert_eq!((&on["enabled"], &on["warning_threshold"]), (&json!(true), &json!("2.5")), "what is left out stays");

    for (body, status, detail, at) in [
        (
            json!({ "service": "sms", "database": "db-z" }),
            422,
            r#""database": db-z has not been seen or declared; declare it with PUT /v1/databases/db-z"#,
            "database",
        ),
        (
            json!({ "service": "fax", "database": "db-a" }),
            422,
            r#""service": there is no service "fax"; GET /v1/catalog lists them"#,
            "service",
        ),
        (
            json!({ "service": "sms", "database": "db-a", "companies": [] }),
            422,
            r#""companies": must name 1 to 100; leave it out for all"#,
            "companies",
        ),
        (json!({ "service": "sms" }), 400, r#""database" is missing; send it"#, "database"),
    ] {
        let reply = operator.send("POST", "/v1/accounts", Some(&body)).await;
        let (found, _, text) = problem(&reply);
        assert_eq!((found, text.as_str(), field(&reply).as_str()), (status, detail, at));
    }
    let company = |company: &str| json!({ "input": { "messages": [] }, "company": company });
    let wrong = operator.send("POST", &format!("{path}/calls/send_v3"), Some(&company("3"))).await;
    let told = format!(
        "{id} is restricted to other companies than \"3\"; use the account of that company, or one that is common to all"
    );
    assert_eq!(problem(&wrong), (403, "wrong-company".to_owned(), told));
    let right = operator.send("POST", &format!("{path}/calls/send_v3"), Some(&company("2"))).await;
    assert_eq!((right.status, &right.json()["output"]), (200, &json!([])), "{}", right.text);
    assert_eq!(host.sql("SELECT count(*) FROM account"), ["1"]);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_with_a_key_is_given_once() {
    let host = TestHost::start();
    let operator = host.operator();
    operator.declare("db-a", "on_premise").await;
    let (id, _) = open(&host, "sms", "db-a").await;
    let (other, _) = open(&host, "sms", "db-a").await;
    let path = format!("/v1/accounts/{id}/grants");
    let body =
        json!({ "credits": "12.50", "reason": "Thank you", "kind": "refund", "expires_at": "2099-12-31T23:59:59Z" });
    let first = send_once(&host, "k1", "POST", &path, &body).await;
    assert_eq!(first.status, 201, "{}", first.text);
    let mut shown = first.json();
    for varies in ["id", "created_at"] {
        shown[varies] = Value::Null;
    }
    let expected = json!({
        "id": null, "account": id, "kind": "refund", "credits": "12.5", "reason": "Thank you", "expires_at": "2099-12-31T23:59:59Z",
        "created_at": null, "balance": "12.5", "available": "12.5",
    });
    assert_eq!(shown, expected);
    let same =
        json!({ "expires_at": "2099-12-31T23:59:59Z", "kind": "refund", "reason": "Thank you", "credits": "12.5" });
    let second = send_once(&host, "k1", "POST", &path, &same).await;
    assert_eq!((second.status, second.json()), (201, first.json()));
    for (member, value) in [
        ("credits", json!("13")),
        ("reason", json!("Sorry")),
        ("kind", json!("gift")),
        ("expires_at", json!("2098-12-31T23:59:59Z")),
    ] {
        let mut other = body.clone();
        other[member] = value;
        let reply = send_once(&host, "k1", "POST", &path, &other).await;
        let told =
            format!("the idempotency key was used before with another {member}; use a new key for a new request");
        assert_eq!(
            (problem(&reply), field(&reply)),
            ((409, "idempotency-key-reused".to_owned(), told), member.to_owned())
        );
    }
    assert_eq!(balance(&host, &id).await, "12.5");
    // A key belongs to the account that it was used for.
    assert_eq!(send_once(&host, "k1", "POST", &format!("/v1/accounts/{other}/grants"), &body).await.status, 201);
    let race = json!({ "credits": "1", "reason": "race" });
    let all = tokio::join!(
        send_once(&host, "k2", "POST", &path, &race),
        send_once(&host, "k2", "POST", &path, &race),
        send_once(&host, "k2", "POST", &path, &race),
    );
    assert_eq!((all.0.status, all.0.json(), all.0.json()), (201, all.1.json(), all.2.json()));
    assert_eq!(balance(&host, &id).await, "13.5");
    give(&host, &id, "0.000001").await;
    give(&host, &id, "0.000001").await;
    assert_eq!(balance(&host, &id).await, "13.500002", "without a key each is another grant");

    for (body, expected, at) in [
        (json!({ "credits": "0", "reason": "x" }), (422, "invalid", r#""credits": must be above zero"#), "credits"),
        (json!({ "credits": "-1", "reason": "x" }), (422, "invalid", r#""credits": must be above zero"#), "credits"),
        (
            json!({ "credits": "1", "reason": "x", "expires_at": "2020-01-01T00:00:00Z" }),
            (422, "invalid", r#""expires_at": must be in the future"#),
            "expires_at",
        ),
        (
            json!({ "credits": "1", "reason": "" }),
            (422, "invalid", r#""reason": must be a text in one line without blanks around it"#),
            "reason",
        ),
        (json!({ "credits": "9223372036854", "reason": "x" }), (422, "invalid", ""), "credits"),
    ] {
        let reply = operator.send("POST", &path, Some(&body)).await;
        let (status, code, detail) = problem(&reply);
        assert_eq!((status, code.as_str(), field(&reply).as_str()), (expected.0, expected.1, at), "{body}: {detail}");
        assert!(expected.2.is_empty() || expected.2 == detail, "{detail}");
    }
    for key in ["two words", ""] {
        let reply = send_once(&host, key, "POST", &path, &body).await;
        let told = "the header Idempotency-Key must be 1 to 255 visible ASCII characters, such as a UUID";
        assert_eq!(
            (problem(&reply), field(&reply)),
            ((400, "bad-request".to_owned(), told.to_owned()), "Idempotency-Key".to_owned())
        );
    }
    assert_eq!(balance(&host, &id).await, "13.500002");
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_provider_is_registered_and_its_key_rotated() {
    let host = TestHost::start();
    let operator = host.operator();
    let packs = json!([{ "name": "Starter Pack", "credits": "10", "price": { "EUR": "0.90" } }]);
    let body = json!({ "title": "Print at home", "vendor": "acme-labs", "unit": "page", "packs": packs });
    let first = operator.send("PUT", "/v1/services/print_home", Some(&body)).await;
    assert_eq!((first.status, &first.json()["service"]), (201, &json!("print_home")), "{}", first.text);
    let key = text(&first.json()["key"]);
    assert!(key.starts_with("iap_sk_") && key.len() == 7 + 48, "{key}");

    let odoo = host.database_with_credits("print_home", "5").await;
    let draw = async |key: &str| {
        let params = json!({ "key": key, "account_token": odoo.token, "credit": 2, "dbuuid": odoo.dbuuid, "description": "2 pages" });
        odoo.rpc("/iap/1/authorize", &params).await
    };
    let hold = text(&draw(&key).await["result"]);
    let rotated = operator.send("PUT", "/v1/services/print_home", Some(&body)).await;
    assert_eq!(rotated.status, 200, "{}", rotated.text);
    let new = text(&rotated.json()["key"]);
    assert_ne!(key, new);
    let told =
        "key: this is no service key of this host; ask the operator to register the service or to give it a new key";
    assert_eq!(iap_tests::odoo::error_of(&draw(&key).await), ("AccessError".to_owned(), told.to_owned()));
    assert_eq!(
        odoo.result("/iap/1/capture", &json!({ "key": new, "token": hold })).await,
        json!(true),
        "what was begun is finished with the new key"
    );
    assert_eq!(odoo.balance("print_home").await, json!(3.0));

    let account = operator.account(&odoo.dbuuid, "print_home").await;
    let call =
        operator.send("POST", &format!("/v1/accounts/{account}/calls/print"), Some(&json!({ "input": {} }))).await;
    let told = "service print_home is a remote provider: call the provider, which draws credits here";
    assert_eq!(problem(&call), (409, "remote-service".to_owned(), told.to_owned()));
    let list = operator.ok("GET", &format!("/v1/accounts/{account}/calls"), None).await;
    assert_eq!((&list["items"][0]["door"], &list["items"][0]["credits"]), (&json!("remote"), &json!("2")));

    for (name, vendor, status, code, detail, at) in [
        (
            "sms",
            "acme-labs",
            409,
            "name-taken",
            r#"service "sms" is a plugin's or belongs to another vendor than "acme-labs"; choose another name"#,
            "service",
        ),
        (
            "print_home",
            "other",
            409,
            "name-taken",
            r#"service "print_home" is a plugin's or belongs to another vendor than "other"; choose another name"#,
            "service",
        ),
        (
            "Print",
            "acme-labs",
            422,
            "invalid",
            r#""service": "Print" must be 1 to 40 of a-z, 0-9 and "_", beginning with a letter"#,
            "service",
        ),
    ] {
        let reply = operator
            .send("PUT", &format!("/v1/services/{name}"), Some(&json!({ "title": "Print", "vendor": vendor })))
            .await;
        assert_eq!(problem(&reply), (status, code.to_owned(), detail.to_owned()));
        assert_eq!(field(&reply), at);
    }
    // A service of a third party's: not for Odoo Online.
    let online = host.database("odoo_online").await;
    let params = json!({ "key": new, "account_token": hex32(), "credit": 1, "dbuuid": online.dbuuid });
    let (class, message) = iap_tests::odoo::error_of(&online.rpc("/iap/1/authorize", &params).await);
    assert_eq!(class, "AccessError");
    assert!(message.starts_with("a database on Odoo Online can use first-party services only"), "{message}");
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_eligible_database_has_its_trial_once_however_it_comes() {
    let host = with_echo();
    let operator = host.operator();
    let declaration =
        |hosting: &str| json!({ "hosting": hosting, "edition": "enterprise", "subscription_valid": true });
    for name in ["db-a", "db-b"] {
        operator
            .ok(
                "PUT",
                &format!("/v1/databases/{name}"),
                Some(&declaration(if name == "db-a" { "on_premise" } else { "odoo_sh" })),
            )
            .await;
    }
    let (first, _) = open(&host, "echo", "db-a").await;
    let (second, _) = open(&host, "echo", "db-a").await;
    assert_eq!((balance(&host, &first).await, balance(&host, &second).await), ("10".to_owned(), "0".to_owned()));
    // Where consent is needed, the trial comes after it.
    let (third, token) = open(&host, "echo", "db-b").await;
    assert_eq!(balance(&host, &third).await, "0");
    send_as(&host, &token, "PATCH", &format!("/v1/accounts/{third}"), Some(&json!({ "enabled": true }))).await;
    let said = send_as(
        &host,
        &token,
        "POST",
        &format!("/v1/accounts/{third}/calls/say"),
        Some(&json!({ "input": { "text": "hi" } })),
    )
    .await;
    assert_eq!((said.status, &said.json()["balance"]), (200, &json!("9")), "{}", said.text);
    let grants = operator.ok("GET", &format!("/v1/accounts/{third}/grants"), None).await;
    assert_eq!((&grants["items"][0]["kind"], grants["items"].as_array().map(Vec::len)), (&json!("trial"), Some(1)));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_turns_up_elsewhere_waits_for_a_decision() {
    let host = with_echo();
    let operator = host.operator();
    let odoo = host.database_with_credits("echo", "9").await;
    let account = operator.account(&odoo.dbuuid, "echo").await;
    let path = format!("/v1/accounts/{account}");
    let say = json!({ "text": "hi" });
    let told = "this account's token is at home in another database; an admin there (or the operator) must choose share, move or refuse before it can be used here";
    let mut copies = Vec::new();
    for hosting in ["on_premise", "odoo_sh", "odoo_online"] {
        let copy = odoo.copy();
        operator.declare(&copy.dbuuid, hosting).await;
        assert!(iap_tests::odoo::error_of(&copy.call("echo", "say", say.clone()).await).1.contains(told));
        copies.push(copy);
    }
    let decide = async |dbuuid: &str, decision: &str| {
        operator.send("POST", &format!("{path}/databases/{dbuuid}"), Some(&json!({ "decision": decision }))).await
    };
    let unseen = decide("never-seen", "share").await;
    let told = format!(
        "database \"never-seen\" has not shown the token of {account}; seen_elsewhere of the account lists those that have"
    );
    assert_eq!(problem(&unseen), (404, "not-found".to_owned(), told));
    assert_eq!(problem(&decide(&copies[0].dbuuid, "keep").await).0, 400);

    let shared = decide(&copies[0].dbuuid, "share").await;
    let seen = |decision: &str, n: usize| json!({ "database": copies[n].dbuuid, "decision": decision });
    assert_eq!(
        shared.json()["seen_elsewhere"],
        json!([seen("shared", 0), seen("seen_elsewhere", 1), seen("seen_elsewhere", 2)])
    );
    assert_eq!(copies[0].call("echo", "say", say.clone()).await["result"]["text"], "hi");
    assert_eq!(decide(&copies[1].dbuuid, "refuse").await.status, 200);
    let (_, message) = iap_tests::odoo::error_of(&copies[1].call("echo", "say", say.clone()).await);
    assert!(
        message.contains("this account belongs to another database, whose admin has refused its use here"),
        "{message}"
    );
    assert_eq!(balance(&host, &account).await, "8");

    // Moved to where it may not be used: suspended, its credits intact.
    let moved = decide(&copies[2].dbuuid, "move").await.json();
    assert_eq!(
        (&moved["database"], &moved["suspended"], &moved["balance"]),
        (&json!(copies[2].dbuuid), &json!("hosting-refused"), &json!("8"))
    );
    let call = operator.send("POST", &format!("{path}/calls/say"), Some(&json!({ "input": say }))).await;
    assert_eq!((problem(&call).0, problem(&call).1.as_str()), (403, "hosting-refused"));
    // The one that shared it still does, but a suspended account spends nowhere.
    let (_, message) = iap_tests::odoo::error_of(&copies[0].call("echo", "say", say.clone()).await);
    assert!(message.contains("this account is suspended: its credits are intact"), "{message}");
    assert_eq!(balance(&host, &account).await, "8");
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_gives_an_account_away_does_not_vouch_for_it_elsewhere() {
    let host = with_echo();
    let operator = host.operator();
    for by_operator in [false, true] {
        let odoo = host.database("on_premise").await;
        let (account, token) = open(&host, "echo", &odoo.dbuuid).await;
        give(&host, &account, "9").await;
        let shown = async || operator.ok("GET", &format!("/v1/accounts/{account}"), None).await["vouched"].clone();
        assert_eq!(shown().await, json!(true), "the operator opened it");
        let copy = odoo.with_token(&token).copy();
        operator.declare(&copy.dbuuid, "on_premise").await;
        let refused = copy.call("echo", "say", json!({ "text": "hi" })).await;
        assert!(iap_tests::odoo::error_of(&refused).1.contains("at home in another database"), "{refused}");
        let issued = operator.ok("POST", &format!("/v1/databases/{}/tokens", odoo.dbuuid), None).await;
        let (path, body) = (format!("/v1/accounts/{account}/databases/{}", copy.dbuuid), json!({ "decision": "move" }));
        let moved = if by_operator {
            operator.send("POST", &path, Some(&body)).await
        } else {
            send_as(&host, &text(&issued["token"]), "POST", &path, Some(&body)).await
        };
        assert_eq!((moved.status, &moved.json()["database"]), (200, &json!(copy.dbuuid)), "{}", moved.text);
        assert_eq!(shown().await, json!(by_operator), "by the operator: {by_operator}");
        assert_eq!(copy.call("echo", "say", json!({ "text": "hi" })).await["result"]["text"], "hi");
        // Whoever may vouch for it there can.
        operator.ok("PATCH", &format!("/v1/accounts/{account}"), Some(&json!({ "vouched": true }))).await;
        assert_eq!(shown().await, json!(true));
    }
}
