//! What an account has done, as JSON and CSV; the catalog; the document of the API.

use iap_tests::{TestHost, host::OPERATOR_TOKEN};
use serde_json::{Value, json};

use crate::support::{give, open, problem, send_as, text, with_echo};

/// A list as CSV: its lines, and the header `Link`.
async fn csv(host: &TestHost, path: &str) -> (Vec<String>, Option<String>) {
    let request = host.client().get(format!("{}{path}", host.url())).header("Accept", "text/csv");
    let response = request.bearer_auth(OPERATOR_TOKEN).send().await.expect("the host answers");
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    let link = response.headers().get("link").map(|link| link.to_str().expect("ASCII").to_owned());
    (response.text().await.expect("text").lines().map(str::to_owned).collect(), link)
}

/// All items of a list, page by page; how many pages there were.
async fn walk(host: &TestHost, path: &str, limit: usize) -> (Vec<Value>, usize) {
    let (mut items, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let page = host.operator().ok("GET", &format!("{path}?limit={limit}{cursor}"), None).await;
        pages += 1;
        items.extend(page["items"].as_array().expect("items").clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (items, pages),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_did_is_listed_page_by_page() {
    let host = with_echo();
    let operator = host.operator();
    operator.declare("db-a", "on_premise").await;
    let (id, token) = open(&host, "echo", "db-a").await;
    for credits in ["1", "2", "3"] {
        give(&host, &id, credits).await;
    }
    let base = format!("/v1/accounts/{id}");
    for n in 0..5 {
        operator
            .ok(
                "POST",
                &format!("{base}/calls/say"),
                Some(&json!({ "input": { "text": format!("{n}") }, "company": "1" })),
            )
            .await;
    }
    let (calls, pages) = walk(&host, &format!("{base}/calls"), 2).await;
    assert_eq!((calls.len(), pages), (5, 3));
    let ids: Vec<String> = calls.iter().map(|call| text(&call["id"])).collect();
    let whole = operator.ok("GET", &format!("{base}/calls"), None).await;
    let listed: Vec<String> = whole["items"].as_array().expect("items").iter().map(|call| text(&call["id"])).collect();
    assert_eq!((ids, whole.get("next_cursor")), (listed, None));
    let mut newest = calls[0].clone();
    for varies in ["id", "started_at", "ended_at"] {
        assert!(newest[varies].is_string(), "{newest}");
        newest[varies] = Value::Null;
    }
    let line = json!({ "item": "message", "key": "", "units": 1, "unit_price": "1", "credits": "1", "note": "" });
    let expected = json!({
        "id": null, "operation": "say", "door": "rest", "company": "1", "state": "captured", "lines": [line], "credits": "1", "description": "",
        "started_at": null, "ended_at": null, "version": "1.0.0",
    });
    assert_eq!(newest, expected);

    let (postings, _) = walk(&host, &format!("{base}/postings"), 2).await;
    let whole = operator.ok("GET", &format!("{base}/postings"), None).await;
    assert_eq!(Some(&postings), whole["items"].as_array(), "pages leave nothing out and repeat nothing");
    let of_kind = |kind: &str| postings.iter().filter(|posting| posting["kind"] == kind).count();
    assert_eq!((of_kind("grant"), of_kind("authorize"), of_kind("capture")), (3, 5, 5));
    let last = &postings[postings.len() - 1];
    assert_eq!(
        (&last["debit"], &last["credit"], &last["amount"]),
        (&json!("issued"), &json!("available"), &json!("1"))
    );

    let (grants, pages) = walk(&host, &format!("{base}/grants"), 1).await;
    let left: Vec<(String, String, String)> = grants
        .iter()
        .map(|grant| (text(&grant["credits"]), text(&grant["consumed"]), text(&grant["available"])))
        .collect();
    let row = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    assert_eq!(
        (left, pages),
        (vec![row("3", "2", "1"), row("2", "2", "0"), row("1", "1", "0")], 3),
        "the oldest burn first"
    );

    let (lines, link) = csv(&host, &format!("{base}/calls?limit=2")).await;
    assert_eq!(
        lines[0],
        "id,started_at,ended_at,operation,state,credits,description,company,door,version,provider_reference,problem,lines"
    );
    assert_eq!(lines.len(), 3);
    assert!(lines[1].contains(",say,captured,1,,1,rest,1.0.0,,,\"[{\"\"item\"\":\"\"message\"\""), "{}", lines[1]);
    let link = link.expect("there is a next page");
    let next = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).expect("RFC 8288");
    let (more, _) = csv(&host, next).await;
    assert!(more[1].starts_with(&format!("{},", text(&calls[2]["id"]))), "{}", more[1]);
    let (lines, link) = csv(&host, &format!("{base}/grants")).await;
    assert_eq!((lines.len(), link), (4, None));
    assert_eq!(
        lines[0],
        "id,created_at,kind,credits,available,held,consumed,expired,refunded,voided,transferred,price,tax,earned,currency,charged_back,expires_at,reason"
    );
    assert!(lines[1].ends_with(",gift,3,1,0,2,0,0,0,0,,,,,false,,test"), "{}", lines[1]);
    let (lines, _) = csv(&host, &format!("{base}/postings")).await;
    assert_eq!(
        (lines.len(), lines[0].as_str()),
        (postings.len() + 1, "entry,at,kind,debit,credit,amount,currency,grant,hold,reason")
    );

    let own = send_as(&host, &token, "GET", &format!("{base}/calls?limit=1"), None).await;
    assert_eq!(own.json()["items"][0]["id"], calls[0]["id"]);
    for (query, detail) in [
        ("limit=0", "\"limit\": \"0\" must be a whole number from 1 to 500".to_owned()),
        ("limit=501", "\"limit\": \"501\" must be a whole number from 1 to 500".to_owned()),
        (
            "cursor=grant_1",
            "\"cursor\": \"grant_1\" is no cursor of this list; send the next_cursor of the page before, unchanged"
                .to_owned(),
        ),
        ("page=2", "\"page\" is unknown here; send only \"cursor\" or \"limit\"".to_owned()),
    ] {
        let reply = operator.send("GET", &format!("{base}/calls?{query}"), None).await;
        assert_eq!(problem(&reply), (400, "bad-request".to_owned(), detail));
    }
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_marks_what_a_database_may_use() {
    let host = with_echo();
    let operator = host.operator();
    for (name, hosting) in
        [("online", "odoo_online"), ("sh", "odoo_sh"), ("premise", "on_premise"), ("unsaid", "undeclared")]
    {
        operator.declare(name, hosting).await;
    }
    let public = operator.send_with("GET", "/v1/catalog", None, &[]).await.json();
    let names: Vec<String> =
        public["services"].as_array().expect("services").iter().map(|service| text(&service["name"])).collect();
    assert!(
        names.is_sorted() && ["echo", "sms"].iter().all(|name| names.iter().any(|known| known == name)),
        "{names:?}"
    );
    let find = |list: &Value, name: &str| {
        list["services"].as_array().and_then(|all| all.iter().find(|one| one["name"] == name)).cloned().expect("listed")
    };
    let echo = find(&public, "echo");
    assert_eq!(
        (echo.get("usable"), &echo["vendor"], &echo["kind"]),
        (None, &json!({ "name": "acme", "kind": "third_party" }), &json!("plugin"))
    );
    assert_eq!(
        echo["packs"][0],
        json!({ "name": "Starter Pack", "credits": "10", "price": { "EUR": "1.00", "USD": "1.10" } })
    );
    let say = json!({
        "name": "say", "title": "Say a text", "free": false, "max_per_call": "1",
        "prices": [{ "kind": "fixed", "item": "message", "credits": "1" }],
    });
    assert_eq!(
        (&echo["release"]["operations"], &echo["release"]["version"], &echo["release"]["trial"]),
        (&json!([say]), &json!("1.0.0"), &json!("10"))
    );
    let sms = find(&public, "sms");
    assert_eq!(sms["vendor"], json!({ "name": "odoo", "kind": "first_party" }));
    assert_eq!(sms["release"]["permissions"]["endpoints"], json!(["https://api.twilio.com"]));

    let online = "a database on Odoo Online can use first-party services only; use one of those, or move the database to Odoo.sh or on-premise";
    let unsaid = "the hosting of this database is not declared, so it can use first-party services only; ask the operator of this host to declare it";
    for (name, usable, reason) in [
        ("online", false, json!(online)),
        ("sh", true, Value::Null),
        ("premise", true, Value::Null),
        ("unsaid", false, json!(unsaid)),
        ("never-seen", false, json!(unsaid)),
    ] {
        let list = operator.ok("GET", &format!("/v1/catalog?database={name}"), None).await;
        let (echo, sms) = (find(&list, "echo"), find(&list, "sms"));
        assert_eq!((&echo["usable"], &echo["reason"]), (&json!(usable), &reason), "{name}");
        assert_eq!((&sms["usable"], &sms["reason"]), (&json!(true), &Value::Null), "{name}");
    }
    let token = text(&operator.ok("POST", "/v1/databases/online/tokens", None).await["token"]);
    let own = send_as(&host, &token, "GET", "/v1/catalog?database=online", None).await;
    assert_eq!(find(&own.json(), "echo")["usable"], false);
    let nobody = operator.send_with("GET", "/v1/catalog?database=online", None, &[]).await;
    let told = "what a database may use is told to the database and the operator; send the database's token (iap_db_…) or an operator's (iap_op_…)";
    assert_eq!(problem(&nobody), (401, "unauthenticated".to_owned(), told.to_owned()));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_that_is_served_is_the_committed_one() {
    let host = TestHost::start();
    let served = host.operator().send_with("GET", "/openapi.json", None, &[]).await;
    assert_eq!((served.status, served.content_type.as_str()), (200, "application/json"));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../host/openapi.json");
    let committed: Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("it is there")).expect("it is JSON");
    assert_eq!(served.json(), committed);
    host.verify();
}
