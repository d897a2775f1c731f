//! What goes wrong with a request is told as a problem, and moves nothing.

use iap_tests::{Reply, TestHost, host::OPERATOR_TOKEN, http};

use crate::support::{field, give, open, problem, rows};

async fn send(host: &TestHost, method: &str, path: &str, body: Vec<u8>) -> Reply {
    let request = host.client().request(method.parse().expect("a method"), format!("{}{path}", host.url()));
    let request = request.bearer_auth(OPERATOR_TOKEN).header("Content-Type", "application/json").body(body);
    http::try_send(request).await.expect("the host answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_request_is_told_where_it_is_wrong() {
    let host = TestHost::start();
    host.operator().declare("db-a", "on_premise").await;
    let (id, _) = open(&host, "sms", "db-a").await;
    give(&host, &id, "5").await;
    let before = rows(&host);
    let grants = format!("/v1/accounts/{id}/grants");
    let calls = format!("/v1/accounts/{id}/calls/send_v3");
    let account = format!("/v1/accounts/{id}");
    let hostings = r#""hosting": "mars" is no hosting type; write one of odoo_online, odoo_sh, on_premise, undeclared"#;
    for (method, path, body, status, code, detail, at) in [
        (
            "POST",
            &*grants,
            "",
            400,
            "bad-request",
            "the body is not JSON: EOF while parsing a value at line 1 column 0",
            "",
        ),
        (
            "POST",
            &grants,
            "{\"credits\": ",
            400,
            "bad-request",
            "the body is not JSON: EOF while parsing a value at line 1 column 12",
            "",
        ),
        (
            "POST",
            &grants,
            "credits=1",
            400,
            "bad-request",
            "the body is not JSON: expected value at line 1 column 1",
            "",
        ),
        ("POST", &grants, "\u{0}", 400, "bad-request", "the body is not JSON: expected value at line 1 column 1", ""),
        (
            "POST",
            &grants,
            r#"{"credits": "1", "reason": "x"} {}"#,
            400,
            "bad-request",
            "the body is not JSON: trailing characters at line 1 column 33",
            "",
        ),
        (
            "POST",
            &grants,
            r#"{"credits": "1", "reason": "x", "note": "y"}"#,
            400,
            "bad-request",
            r#""note" is unknown here; send only one of "credits", "reason", "kind", "expires_at""#,
            "note",
        ),
        (
            "POST",
            &grants,
            r#"{"credits": "1.0000001", "reason": "x"}"#,
            400,
            "bad-request",
            r#""credits": "1.0000001" has more than 6 decimals"#,
            "credits",
        ),
        (
            "POST",
            &grants,
            r#"{"credits": 1.5, "reason": "x"}"#,
            400,
            "bad-request",
            r#""credits": invalid type: floating point `1.5`, expected a decimal as text, such as "12.5""#,
            "credits",
        ),
        (
            "POST",
            &grants,
            r#"{"credits": "99999999999999999999", "reason": "x"}"#,
            400,
            "bad-request",
            r#""credits": "99999999999999999999" is too large"#,
            "credits",
        ),
        (
            "POST",
            &grants,
            r#"{"credits": "1", "reason": "x", "kind": "purchase"}"#,
            400,
            "bad-request",
            r#""kind": unknown variant `purchase`, expected `gift` or `refund`"#,
            "kind",
        ),
        (
            "POST",
            &grants,
            r#"{"credits": "1", "reason": "x", "expires_at": "tomorrow"}"#,
            400,
            "bad-request",
            r#""expires_at": "tomorrow" is no time such as "2030-12-31T23:59:59Z""#,
            "expires_at",
        ),
        ("PUT", "/v1/databases/db-a", r#"{"hosting": "mars"}"#, 400, "bad-request", hostings, "hosting"),
        ("PUT", "/v1/databases/db-a", "{}", 400, "bad-request", "\"hosting\" is missing; send it", "hosting"),
        (
            "POST",
            &calls,
            r#"{"input": {}, "max_credits": "0.0000001"}"#,
            400,
            "bad-request",
            r#""max_credits": "0.0000001" has more than 6 decimals"#,
            "max_credits",
        ),
        (
            "PUT",
            "/v1/services/print",
            r#"{"title": "P", "vendor": "v", "packs": [{"name": "S", "credits": "10.0000001", "price": {}}]}"#,
            400,
            "bad-request",
            "",
            "packs[0].credits",
        ),
        (
            "POST",
            &grants,
            r#"{"credits": "1", "credits": "2", "reason": "x"}"#,
            400,
            "bad-request",
            r#""credits" is there twice; send it once"#,
            "credits",
        ),
        ("POST", &grants, "[]", 400, "bad-request", "", ""),
        ("POST", &grants, "null", 400, "bad-request", "", ""),
        ("POST", &grants, r#"{"credits": "1", "reason": "a\u0000b"}"#, 422, "invalid", "", "reason"),
        (
            "POST",
            &calls,
            r#"{"input": {}, "company": ""}"#,
            422,
            "invalid",
            r#""company": must be a text in one line without blanks around it"#,
            "company",
        ),
        ("POST", &calls, r#"{"input": {}, "company": "a\u0000b"}"#, 422, "invalid", "", "company"),
        (
            "PATCH",
            &account,
            r#"{"warning_emails": [{"email": "a@b.example", "lang_code": "a\u0000b"}]}"#,
            422,
            "invalid",
            "",
            "warning_emails[0].lang_code",
        ),
        ("PUT", "/v1/databases/a%00b", r#"{"hosting": "on_premise"}"#, 422, "invalid", "", "dbuuid"),
        ("GET", "/v1/accounts/%FF", "", 404, "not-found", "", ""),
        (
            "GET",
            "/v1/databases?limit=1&limit=2",
            "",
            400,
            "bad-request",
            r#""limit" is there twice; send it once"#,
            "limit",
        ),
        ("POST", "/v1/accounts/acc_1/calls/%00", r#"{"input": {}}"#, 404, "not-found", "", ""),
        ("POST", &format!("/v1/accounts/{id}/calls/%00"), r#"{"input": {}}"#, 404, "unknown-operation", "", ""),
        (
            "PUT",
            "/v1/services/print",
            r#"{"title": "P", "vendor": "v", "packs": [{"name": "S", "name": "T", "credits": "1", "price": {}}]}"#,
            400,
            "bad-request",
            r#""packs[0].name" is there twice; send it once"#,
            "packs[0].name",
        ),
        ("GET", "/v1", "", 404, "not-found", "there is nothing at /v1; /openapi.json lists all paths", ""),
        ("GET", "/v1/", "", 404, "not-found", "there is nothing at /v1/; /openapi.json lists all paths", ""),
        (
            "GET",
            "/v1/nothing",
            "",
            404,
            "not-found",
            "there is nothing at /v1/nothing; /openapi.json lists all paths",
            "",
        ),
        (
            "POST",
            "/v1/nothing/at/all",
            "{}",
            404,
            "not-found",
            "there is nothing at /v1/nothing/at/all; /openapi.json lists all paths",
            "",
        ),
        ("GET", "/v1/accounts/nonsense", "", 404, "not-found", "", ""),
        (
            "DELETE",
            &grants,
            "",
            405,
            "wrong-method",
            &format!("{grants} does not have DELETE; the header Allow lists what it has"),
            "",
        ),
        (
            "POST",
            "/v1/databases/db-a",
            "{}",
            405,
            "wrong-method",
            "/v1/databases/db-a does not have POST; the header Allow lists what it has",
            "",
        ),
    ] {
        let reply = send(&host, method, path, body.as_bytes().to_vec()).await;
        let (found, name, text) = problem(&reply);
        assert_eq!(
            (found, name.as_str(), field(&reply).as_str()),
            (status, code, at),
            "{method} {path} {body}: {text}"
        );
        assert!(detail.is_empty() || detail == text, "{method} {path} {body}: {text}");
    }
    let allow = host.client().delete(format!("{}{grants}", host.url())).send().await.expect("the host answers");
    let mut methods: Vec<String> =
        allow.headers()["allow"].to_str().expect("ASCII").split(',').map(|method| method.trim().to_owned()).collect();
    methods.sort();
    assert_eq!(methods, ["GET", "HEAD", "POST"]);

    let padded = |size: usize| {
        let start = r#"{"credits": "1", "reason": ""#;
        format!("{start}{}\"}}", "x".repeat(size - start.len() - 2)).into_bytes()
    };
    let large = send(&host, "POST", &grants, padded((1 << 20) + 1)).await;
    assert_eq!(
        problem(&large),
        (413, "too-large".to_owned(), "the body has more than 1048576 bytes; send less at once".to_owned())
    );
    let fits = send(&host, "POST", &grants, padded(1 << 20)).await;
    let (status, code, detail) = problem(&fits);
    assert_eq!((status, code.as_str(), field(&fits).as_str()), (422, "invalid", "reason"), "{detail}");
    assert!(detail.ends_with("characters; write at most 200"), "{detail}");
    let deep = format!("{{\"input\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let deep = send(&host, "POST", &calls, deep.into_bytes()).await;
    let told = "the input is not JSON: recursion limit exceeded at line 1 column 128";
    assert_eq!((problem(&deep), field(&deep)), ((422, "invalid".to_owned(), told.to_owned()), "input".to_owned()));

    assert_eq!(rows(&host), before, "nothing moved");
    host.verify();
}
