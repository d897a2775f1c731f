//! Who asks, and what their token opens.

use iap_tests::{TestHost, http};
use serde_json::json;

use crate::support::{field, give, open, problem, rows, send_as, text};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_that_is_known_nothing_opens() {
    let host = TestHost::start();
    let operator = host.operator();
    operator.declare("db-a", "on_premise").await;
    let (id, _) = open(&host, "sms", "db-a").await;
    let before = rows(&host);
    let tokens = "an operator's (iap_op_…), a database's (iap_db_…), or an account's (iap_ac_…, or the token of the IAP account in Odoo)";
    let account = format!("/v1/accounts/{id}");
    let doors = [
        ("GET", "/v1/databases".to_owned()),
        ("PUT", "/v1/databases/db-a".to_owned()),
        ("GET", "/v1/databases/db-a".to_owned()),
        ("POST", "/v1/databases/db-a/tokens".to_owned()),
        ("POST", "/v1/accounts".to_owned()),
        ("GET", account.clone()),
        ("PATCH", account.clone()),
        ("POST", format!("{account}/databases/db-a")),
        ("GET", format!("{account}/calls")),
        ("POST", format!("{account}/calls/send_v3")),
        ("POST", format!("{account}/quotes/send_v3")),
        ("GET", format!("{account}/postings")),
        ("GET", format!("{account}/grants")),
        ("POST", format!("{account}/grants")),
        ("PUT", "/v1/services/print".to_owned()),
    ];
    for (method, path) in &doors {
        // The body is wrong as well: who asks is looked at first.
        let body = (*method != "GET").then(|| json!({ "nonsense": true }));
        for (headers, detail, at) in [
            (vec![], format!("send the header \"Authorization: Bearer\" with a token: {tokens}"), ""),
            (
                vec![("Authorization", "Bearer iap_op_wrong")],
                format!("the bearer token is unknown or revoked; send {tokens}"),
                "",
            ),
            (
                vec![("Authorization", "Bearer iap_db_0000")],
                format!("the bearer token is unknown or revoked; send {tokens}"),
                "",
            ),
            (
                vec![("Authorization", "Basic aWFwOmlhcA==")],
                "the header Authorization must be \"Bearer\", a space and a token".to_owned(),
                "Authorization",
            ),
        ] {
            let reply = operator.send_with(method, path, body.as_ref(), &headers).await;
            assert_eq!(problem(&reply), (401, "unauthenticated".to_owned(), detail), "{method} {path}");
            assert_eq!(field(&reply), at);
        }
    }
    let response = host.client().get(format!("{}/v1/databases", host.url())).send().await.expect("the host answers");
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    let public =
        http::try_send(host.client().get(format!("{}/v1/catalog", host.url()))).await.expect("the host answers");
    assert_eq!(public.status, 200, "the catalog is public");
    assert_eq!(rows(&host), before);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_what_is_its_own() {
    let host = TestHost::start();
    let operator = host.operator();
    for name in ["db-a", "db-b"] {
        operator.declare(name, "on_premise").await;
    }
    let token_a = text(&operator.ok("POST", "/v1/databases/db-a/tokens", None).await["token"]);
    let (in_a, account_a) = open(&host, "sms", "db-a").await;
    let (in_b, account_b) = open(&host, "sms", "db-b").await;
    give(&host, &in_b, "7").await;
    let odoo = host.database_with_credits("sms", "3").await;
    let of_odoo = operator.account(&odoo.dbuuid, "sms").await;
    let before = rows(&host);

    // A database's token: itself and its accounts.
    assert_eq!(send_as(&host, &token_a, "GET", "/v1/databases/db-a", None).await.status, 200);
    assert_eq!(send_as(&host, &token_a, "GET", &format!("/v1/accounts/{in_a}"), None).await.status, 200);
    // An account's token: itself. One that Odoo made works like one that REST made.
    assert_eq!(send_as(&host, &account_b, "GET", &format!("/v1/accounts/{in_b}"), None).await.json()["balance"], "7");
    assert_eq!(
        send_as(&host, &odoo.token, "GET", &format!("/v1/accounts/{of_odoo}"), None).await.json()["balance"],
        "3"
    );
    let suffixed = format!("{}+copy", odoo.token);
    assert_eq!(send_as(&host, &suffixed, "GET", &format!("/v1/accounts/{of_odoo}"), None).await.status, 200);

    let foreign = |id: &str| {
        (
            403,
            "forbidden".to_owned(),
            format!(
                "this token does not open {id}; send the account's own token, its database's (iap_db_…) or an operator's (iap_op_…)"
            ),
        )
    };
    let message = json!({ "input": { "messages": [{ "content": "x", "numbers": [{ "number": "+32475000001", "uuid": "0".repeat(32) }] }] } });
    for (token, id) in
        [(&token_a, &in_b), (&account_a, &in_b), (&odoo.token, &in_b), (&account_a, &of_odoo), (&account_b, &in_a)]
    {
        for (method, door, body) in [
            ("GET", "", None),
            ("PATCH", "", Some(json!({ "enabled": false }))),
            ("GET", "/calls", None),
            ("GET", "/postings", None),
            ("GET", "/grants", None),
            ("POST", "/calls/send_v3", Some(message.clone())),
            ("POST", "/quotes/send_v3", Some(message.clone())),
        ] {
            let reply = send_as(&host, token, method, &format!("/v1/accounts/{id}{door}"), body.as_ref()).await;
            assert_eq!(problem(&reply), foreign(id), "{method} {door}");
        }
    }
    // Whether an account exists at all is the operator's to know.
    assert_eq!(problem(&send_as(&host, &account_a, "GET", "/v1/accounts/acc_zzzz", None).await), foreign("acc_zzzz"));
    let missing = operator.send("GET", "/v1/accounts/acc_zzzz", None).await;
    assert_eq!(
        problem(&missing),
        (
            404,
            "not-found".to_owned(),
            "there is no account acc_zzzz; GET /v1/databases/{dbuuid} lists a database's".to_owned()
        )
    );

    let for_operator = "this is for the operator of the host; send an operator's token (iap_op_…)";
    let for_database = "this is for the database itself or the operator; send the database's token (iap_db_…) or an operator's (iap_op_…)";
    let grant = json!({ "credits": "1", "reason": "for me" });
    for (token, method, path, body, detail) in [
        (&token_a, "GET", "/v1/databases".to_owned(), None, for_operator),
        (&token_a, "PUT", "/v1/databases/db-a".to_owned(), Some(json!({ "hosting": "on_premise" })), for_operator),
        (&token_a, "POST", "/v1/databases/db-a/tokens".to_owned(), None, for_operator),
        (&token_a, "POST", format!("/v1/accounts/{in_a}/grants"), Some(grant.clone()), for_operator),
        (&token_a, "PUT", "/v1/services/print".to_owned(), Some(json!({ "title": "P", "vendor": "v" })), for_operator),
        (&account_a, "POST", format!("/v1/accounts/{in_a}/grants"), Some(grant), for_operator),
        (&token_a, "GET", "/v1/databases/db-b".to_owned(), None, for_database),
        (&token_a, "GET", "/v1/databases/never-seen".to_owned(), None, for_database),
        (&account_a, "GET", "/v1/databases/db-a".to_owned(), None, for_database),
        (
            &token_a,
            "POST",
            "/v1/accounts".to_owned(),
            Some(json!({ "service": "sms", "database": "db-b" })),
            for_database,
        ),
        (
            &token_a,
            "POST",
            "/v1/accounts".to_owned(),
            Some(json!({ "service": "sms", "database": "never-seen" })),
            for_database,
        ),
        (
            &account_a,
            "POST",
            "/v1/accounts".to_owned(),
            Some(json!({ "service": "sms", "database": "db-a" })),
            for_database,
        ),
        (
            &account_a,
            "POST",
            format!("/v1/accounts/{in_a}/databases/db-b"),
            Some(json!({ "decision": "share" })),
            for_database,
        ),
        (&token_a, "GET", "/v1/catalog?database=db-b".to_owned(), None, for_database),
        (&account_a, "GET", "/v1/catalog?database=db-a".to_owned(), None, for_database),
    ] {
        let reply = send_as(&host, token, method, &path, body.as_ref()).await;
        assert_eq!(problem(&reply), (403, "forbidden".to_owned(), detail.to_owned()), "{method} {path}");
    }
    assert_eq!(rows(&host), before);
    // A database opens accounts of its own.
    let opened =
        send_as(&host, &token_a, "POST", "/v1/accounts", Some(&json!({ "service": "sms", "database": "db-a" }))).await;
    assert_eq!((opened.status, &opened.json()["database"]), (201, &json!("db-a")), "{}", opened.text);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_neutralized_copy_changes_nothing() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "3").await;
    let id = host.operator().account(&odoo.dbuuid, "sms").await;
    let disabled = format!("{}+disabled", odoo.token);
    let message = json!({ "input": { "messages": [{ "content": "x", "numbers": [{ "number": "+32475000001", "uuid": "0".repeat(32) }] }] } });
    for (method, door, body) in [
        ("POST", "/calls/send_v3", message.clone()),
        ("POST", "/quotes/send_v3", message),
        ("PATCH", "", json!({ "warn_me": false })),
    ] {
        let reply = send_as(&host, &disabled, method, &format!("/v1/accounts/{id}{door}"), Some(&body)).await;
        let (status, code, detail) = problem(&reply);
        assert_eq!((status, code.as_str()), (403, "account-disabled"), "{method} {door}");
        assert!(detail.contains("a neutralized copy of a database"), "{detail}");
    }
    assert_eq!(odoo.balance("sms").await, json!(3.0));
    assert_eq!(host.carrier_received().await["total"], 0);
    host.verify();
}
