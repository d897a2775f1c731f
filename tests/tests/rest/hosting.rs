//! The hosting rule at the doors of REST and of the pages: a third party's service, by where a database runs.

use iap_tests::TestHost;
use serde_json::{Value, json};

use crate::support::{
    balance, buy_page, encoded, get, give, open, post_form, problem, rows, send_as, sha1, text, with_echo,
};

const ONLINE: &str = "a database on Odoo Online can use first-party services only; use one of those, or move the database to Odoo.sh or on-premise";
const UNDECLARED: &str = "the hosting of this database is not declared, so it can use first-party services only; ask the operator of this host to declare it";
const CONSENT: &str = "Echo is not enabled on this account; PATCH it with {\"enabled\": true} to consent";

fn said() -> Value {
    json!({ "input": { "text": "hi" } })
}

/// What the doors of an account answer: status and code of a call, a quote, a grant, and the status of an order.
async fn doors(host: &TestHost, account: &str, token: &str, dbuuid: &str) -> Vec<(u16, String, String)> {
    let operator = host.operator();
    let base = format!("/v1/accounts/{account}");
    let grant = json!({ "credits": "1", "reason": "test" });
    let mut answers = Vec::new();
    for (door, body) in [("calls/say", said()), ("quotes/say", said()), ("grants", grant)] {
        let reply = operator.send("POST", &format!("{base}/{door}"), Some(&body)).await;
        answers.push(if reply.status < 300 { (reply.status, String::new(), String::new()) } else { problem(&reply) });
    }
    let order = [
        ("service_name", "echo"),
        ("account_token", token),
        ("dbuuid", dbuuid),
        ("pack", "Starter Pack"),
        ("currency", "EUR"),
    ];
    let reply = post_form(host, "/iap/1/credit", &order).await;
    let to_pay = reply.location.as_deref().is_some_and(|location| location.starts_with(host.card_url()));
    answers.push((reply.status, if to_pay { "to pay".to_owned() } else { String::new() }, String::new()));
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_party_service_asks_where_a_database_runs() {
    let host = with_echo();
    let operator = host.operator();
    let fine = |status: u16| (status, String::new(), String::new());
    let no = |code: &str, text: &str| (403, code.to_owned(), text.to_owned());
    for (hosting, opening, expected) in [
        ("on_premise", None, [fine(200), fine(200), fine(201), (303, "to pay".to_owned(), String::new())]),
        (
            "odoo_sh",
            None,
            [
                no("consent-needed", CONSENT),
                no("consent-needed", CONSENT),
                fine(201),
                (303, String::new(), String::new()),
            ],
        ),
        (
            "odoo_online",
            Some(ONLINE),
            [
                no("hosting-refused", ONLINE),
                no("hosting-refused", ONLINE),
                no("hosting-refused", ONLINE),
                (403, String::new(), String::new()),
            ],
        ),
        (
            "undeclared",
            Some(UNDECLARED),
            [
                no("hosting-refused", UNDECLARED),
                no("hosting-refused", UNDECLARED),
                no("hosting-refused", UNDECLARED),
                (403, String::new(), String::new()),
            ],
        ),
    ] {
        let dbuuid = format!("db-{hosting}");
        operator.declare(&dbuuid, hosting).await;
        let body = json!({ "service": "echo", "database": dbuuid });
        let before = rows(&host);
        let reply = operator.send("POST", "/v1/accounts", Some(&body)).await;
        let (account, token) = match opening {
            None => {
                assert_eq!(reply.status, 201, "{hosting}: {}", reply.text);
                assert_eq!(reply.json()["enabled"], hosting == "on_premise");
                (text(&reply.json()["id"]), text(&reply.json()["account_token"]))
            }
            Some(why) => {
                assert_eq!(problem(&reply), no("hosting-refused", why));
                // Nor by what Odoo and people do: nothing is opened, nor is a page shown.
                let mut odoo = host.database("undeclared").await;
                odoo.dbuuid.clone_from(&dbuuid);
                let page = get(&host, &buy_page(&odoo, "echo", "")).await;
                assert_eq!(page.status, 403, "{}", page.text);
                assert_eq!(odoo.call("echo", "say", json!({ "text": "hi" })).await.get("result"), None);
                assert_eq!(rows(&host), before, "{hosting}");
                // An account from when the database was elsewhere.
                operator.declare(&dbuuid, "on_premise").await;
                let opened = open(&host, "echo", &dbuuid).await;
                operator.declare(&dbuuid, hosting).await;
                opened
            }
        };
        // So that a call that is let through can pay, whatever the door for grants says.
        if opening.is_none() {
            give(&host, &account, "1").await;
        }
        assert_eq!(doors(&host, &account, &token, &dbuuid).await, expected, "{hosting}");
    }
    // First-party services are for every database.
    for hosting in ["on_premise", "odoo_sh", "odoo_online", "undeclared"] {
        let (account, _) = open(&host, "sms", &format!("db-{hosting}")).await;
        give(&host, &account, "1").await;
        let quote = operator
            .send(
                "POST",
                &format!("/v1/accounts/{account}/calls/send_v3"),
                Some(&json!({ "input": { "messages": [] } })),
            )
            .await;
        assert_eq!(quote.status, 200, "{hosting}: {}", quote.text);
    }
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_moves_keeps_its_credits() {
    let host = with_echo();
    let operator = host.operator();
    operator.declare("db-a", "on_premise").await;
    let (echo, token) = open(&host, "echo", "db-a").await;
    let (sms, _) = open(&host, "sms", "db-a").await;
    give(&host, &echo, "5").await;
    let call = async |token: &str| {
        send_as(&host, token, "POST", &format!("/v1/accounts/{echo}/calls/say"), Some(&said())).await
    };
    assert_eq!(call(&token).await.json()["balance"], "4");

    operator.declare("db-a", "odoo_online").await;
    let shown = operator.ok("GET", &format!("/v1/accounts/{echo}"), None).await;
    assert_eq!(
        (&shown["suspended"], &shown["balance"], &shown["available"]),
        (&json!("hosting-refused"), &json!("4"), &json!("4"))
    );
    assert_eq!(operator.ok("GET", &format!("/v1/accounts/{sms}"), None).await.get("suspended"), None);
    let listed = operator.ok("GET", "/v1/databases/db-a", None).await;
    let suspended: Vec<&Value> = listed["accounts"]
        .as_array()
        .expect("accounts")
        .iter()
        .filter(|account| account["suspended"].is_string())
        .collect();
    assert_eq!((suspended.len(), &suspended[0]["id"]), (1, &json!(echo)));
    for token in [token.as_str(), iap_tests::host::OPERATOR_TOKEN] {
        assert_eq!(problem(&call(token).await), (403, "hosting-refused".to_owned(), ONLINE.to_owned()));
    }
    operator.ok("PATCH", &format!("/v1/accounts/{echo}"), Some(&json!({ "enabled": false }))).await;
    let enable = operator.send("PATCH", &format!("/v1/accounts/{echo}"), Some(&json!({ "enabled": true }))).await;
    assert_eq!(problem(&enable), (403, "hosting-refused".to_owned(), ONLINE.to_owned()));
    // Its owner still sees what it has, and why it cannot be used.
    let link = format!("/iap/1/credit?dbuuid=db-a&service_name=echo&account_token={}", encoded(&token));
    let page = get(&host, &link).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("4 credits"), "{}", page.text);
    assert!(page.text.contains("A database on Odoo Online can use first-party services only"), "{}", page.text);
    assert!(!page.text.contains("name=\"pack\""), "nothing is sold");

    operator.declare("db-a", "on_premise").await;
    let shown = operator.ok("GET", &format!("/v1/accounts/{echo}"), None).await;
    assert_eq!((shown.get("suspended"), &shown["balance"]), (None, &json!("4")));
    operator.ok("PATCH", &format!("/v1/accounts/{echo}"), Some(&json!({ "enabled": true }))).await;
    assert_eq!(call(&token).await.json()["balance"], "3");
    assert_eq!(balance(&host, &echo).await, "3");
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn on_odoo_sh_an_admin_consents_first() {
    let host = with_echo();
    let operator = host.operator();
    let odoo = host.database("odoo_sh").await;
    // Odoo calls: the account is there, and waits.
    let (class, message) = iap_tests::odoo::error_of(&odoo.call("echo", "say", json!({ "text": "hi" })).await);
    let enable = format!("{}/iap/1/credit?service_name=echo&account_token={}&hashed=1", host.url(), sha1(&odoo.token));
    let told =
        format!("an admin of the database has not enabled Echo yet; see what it may do and enable it at {enable}");
    assert_eq!((class.as_str(), &message), ("AccessError", &told));
    let account = operator.account(&odoo.dbuuid, "echo").await;
    let calls = format!("/v1/accounts/{account}/calls/say");
    give(&host, &account, "2").await;
    assert_eq!(
        problem(&send_as(&host, &odoo.token, "POST", &calls, Some(&said())).await),
        (403, "consent-needed".to_owned(), told)
    );
    let linked = get(&host, enable.strip_prefix(host.url()).expect("on this host")).await;
    assert!(
        linked.status == 200 && linked.text.contains("<h1>Enable Echo</h1>"),
        "the link leads to the form: {}",
        linked.text
    );
    assert_eq!(
        problem(&operator.send("POST", &calls, Some(&said())).await),
        (403, "consent-needed".to_owned(), CONSENT.to_owned())
    );

    let page = get(&host, &buy_page(&odoo, "echo", "")).await;
    assert_eq!(page.status, 200, "{}", page.text);
    for part in [
        "<h1>Enable Echo</h1>",
        "<h2>Permissions</h2>",
        "Echo comes from acme, a third party. It waits for the consent of an administrator of this database.",
        "No requests to other servers",
        "<h2>Prices</h2>",
        "Say a text",
        "<form method=\"post\" action=\"/iap/1/enable\">",
        "Enable Echo</button>",
    ] {
        assert!(page.text.contains(part), "no {part:?} in {}", page.text);
    }
    assert!(!page.text.contains("name=\"pack\""), "nothing is sold before consent");
    let form = [("service_name", "echo"), ("account_token", odoo.token.as_str()), ("dbuuid", odoo.dbuuid.as_str())];
    let enabled = post_form(&host, "/iap/1/enable", &form).await;
    let location = enabled.location.expect("a redirect");
    assert_eq!(enabled.status, 303);
    let page = get(&host, &location).await;
    assert!(
        page.text.contains("Echo is enabled.")
            && page.text.contains("Buy Credits for Echo")
            && page.text.contains("name=\"pack\""),
        "{}",
        page.text
    );
    assert_eq!(send_as(&host, &odoo.token, "POST", &calls, Some(&said())).await.json()["balance"], "1");
    assert_eq!(odoo.call("echo", "say", json!({ "text": "hi" })).await["result"], json!({ "text": "hi", "length": 2 }));
    assert_eq!(odoo.balance("echo").await, json!(0.0));
    // A stranger's consent counts for nothing.
    let other = host.database("odoo_sh").await;
    other.balance("echo").await;
    let forged = [("service_name", "echo"), ("account_token", odoo.token.as_str()), ("dbuuid", other.dbuuid.as_str())];
    assert_eq!(post_form(&host, "/iap/1/enable", &forged).await.status, 403);
    let (_, token) = open(&host, "echo", &other.dbuuid).await;
    let id = operator.account(&other.dbuuid, "echo").await;
    assert_eq!(operator.ok("GET", &format!("/v1/accounts/{id}"), None).await["enabled"], false);
    assert_ne!(token, other.token);
    host.verify();
}
