//! What all pages have in common: strict headers, no echo of what a link says, nothing for who has no token.

use iap_tests::TestHost;

use crate::support::{buy_page, encoded, get, post_form, rows, sha1};

async fn header(host: &TestHost, path: &str, name: &str) -> String {
    let response = host.client().get(format!("{}{path}", host.url())).send().await.expect("the host answers");
    response.headers().get(name).map(|value| value.to_str().expect("ASCII").to_owned()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_has_strict_headers_and_no_script() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "7").await;
    let strict = |form: &str| {
        format!(
            "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'{form}; base-uri 'none'; frame-ancestors 'none'"
        )
    };
    let buy = buy_page(&odoo, "sms", "");
    let all =
        format!("/iap/1/all-in-app-services?db_uuid={}&account_tokens={}&hashed=1", odoo.dbuuid, sha1(&odoo.token));
    let registration = format!("/1/account?account_token={}", odoo.token);
    for (path, policy, status) in [
        ("/", strict(""), 200),
        ("/iap/services?dbuuid=x", strict(""), 200),
        (&*buy, strict(&format!(" {}", host.card_url())), 200),
        (&buy.replace("/credit?", "/my_account?"), strict(&format!(" {}", host.card_url())), 200),
        (&all, strict(""), 200),
        (&registration, strict(""), 200),
        ("/iap/1/credit/cancelled", strict(""), 200),
        ("/iap/1/credit/done", strict(""), 404),
        ("/iap/1/credit", strict(""), 400),
        ("/no/such/page", strict(""), 404),
        ("/web/login", strict(""), 404),
    ] {
        let page = get(&host, path).await;
        assert_eq!((page.status, page.content_type.as_str()), (status, "text/html; charset=utf-8"), "{path}");
        assert_eq!(header(&host, path, "content-security-policy").await, policy, "{path}");
        assert_eq!(header(&host, path, "cache-control").await, "no-store", "{path}");
        assert_eq!(header(&host, path, "x-content-type-options").await, "nosniff", "{path}");
        assert_eq!(header(&host, path, "referrer-policy").await, "no-referrer", "{path}");
        assert_eq!(header(&host, path, "set-cookie").await, "", "{path}");
        let low = page.text.to_lowercase();
        for forbidden in ["<script", "style=", " onclick", " onload", "javascript:"] {
            assert!(!low.contains(forbidden), "{forbidden} in {path}");
        }
    }
    let page = get(&host, "/").await;
    let style = page
        .text
        .split("href=\"")
        .find(|part| part.starts_with("/static/"))
        .and_then(|part| part.split('"').next())
        .expect("a stylesheet")
        .to_owned();
    assert_eq!(header(&host, &style, "content-type").await, "text/css; charset=utf-8");
    assert_eq!(header(&host, &style, "cache-control").await, "public, max-age=31536000, immutable");
    assert_eq!(header(&host, &style, "x-content-type-options").await, "nosniff");
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_escape_what_links_say_and_record_nothing() {
    let host = TestHost::start();
    let odoo = host.database("on_premise").await;
    let before = rows(&host);
    let evil = "<script>alert(1)</script>\"'><img src=x>";
    let coded = encoded(evil);
    for (path, status, words) in [
        (
            format!("/iap/1/credit?service_name={coded}&account_token={}", odoo.token),
            404,
            "“&lt;script&gt;alert(1)&lt;/script&gt;",
        ),
        ("/iap/1/credit?service_name=sms&account_token=%C3%A9%3Cscript%3E".to_owned(), 400, "This link does not work"),
        (format!("/iap/1/credit?service_name=sms&account_token={coded}&hashed=1"), 400, "40 hexadecimal digits"),
        (
            format!("/iap/1/credit?service_name=sms&account_token={}&dbuuid={coded}", odoo.token),
            400,
            "This link does not work",
        ),
        (format!("/iap/1/credit/done?order={coded}&session_id={coded}"), 404, "Unknown order"),
        (format!("/iap/1/credit/cancelled?order={coded}&key={coded}"), 200, "Nothing was bought"),
        (format!("/iap/services?dbuuid={coded}"), 200, "My Services"),
        (
            format!("/iap/1/all-in-app-services?account_tokens={coded}"),
            200,
            "No account of these has been used here yet.",
        ),
        (format!("/1/account?account_token={coded}"), 200, "This SMS account is not known here"),
        (format!("/{coded}"), 404, "Page not found"),
        ("/iap/1/credit?account_token=x".to_owned(), 400, "The link has no service_name."),
        ("/iap/1/credit?service_name=sms".to_owned(), 400, "The link has no account_token."),
    ] {
        let page = get(&host, &path).await;
        assert_eq!(page.status, status, "{path}: {}", page.text);
        assert!(page.text.contains(words), "{path}: {}", page.text);
        assert!(!page.text.contains("<script") && !page.text.contains("<img"), "{path}: {}", page.text);
    }
    assert_eq!(rows(&host), before);
    // Values that a page takes up again, into its form and links; a token may be any visible ASCII.
    let page = get(&host, &format!("/iap/1/credit?service_name=sms&account_token={coded}")).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("name=\"account_token\" value=\"&lt;script&gt;alert(1)&lt;/script&gt;&quot;'&gt;&lt;img\""),
        "{}",
        page.text
    );
    assert!(!page.text.contains("<script") && !page.text.contains("<img"), "{}", page.text);
    let page = get(&host, &buy_page(&odoo, "sms", &format!("&credit={coded}&currency={coded}&saved={coded}"))).await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("<script") && !page.text.contains("<img"), "{}", page.text);
    let form = [("service_name", "sms"), ("account_token", &*odoo.token), ("dbuuid", &*odoo.dbuuid)];
    let wrong =
        post_form(&host, "/iap/1/warnings", &[&form[..], &[("warn_me", "1"), ("warning_threshold", evil)]].concat())
            .await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text.contains("Warning Threshold: ") && !wrong.text.contains("<script"), "{}", wrong.text);
    let right = post_form(
        &host,
        "/iap/1/warnings",
        &[&form[..], &[("warn_me", "1"), ("warning_threshold", "2.5"), ("warning_email", "a@b.example")]].concat(),
    )
    .await;
    assert_eq!(right.status, 303);
    let page = get(&host, &right.location.expect("a redirect")).await;
    assert!(
        page.text.contains("Saved.")
            && page.text.contains("value=\"2.5\"")
            && page.text.contains("value=\"a@b.example\""),
        "{}",
        page.text
    );
    let large = post_form(&host, "/iap/1/warnings", &[("x", &"x".repeat(65 * 1024))]).await;
    assert_eq!(large.status, 413);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dbuuid_alone_opens_nothing() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "1234.5").await;
    let account = host.operator().account(&odoo.dbuuid, "sms").await;
    let before = rows(&host);
    let known = get(&host, &format!("/iap/services?dbuuid={}", odoo.dbuuid)).await;
    let unknown = get(&host, "/iap/services?dbuuid=never-seen").await;
    assert_eq!((known.status, known.text.as_str()), (200, unknown.text.as_str()), "the page is the same for all");
    for told in ["1234.5", odoo.dbuuid.as_str(), account.as_str(), "never-seen"] {
        assert!(!known.text.contains(told), "{told}");
    }
    // With a token there is something to see; by its fingerprint the token itself stays out of the page.
    let path = "/iap/1/all-in-app-services";
    for (query, shown) in [
        (format!("?db_uuid={}&account_tokens={}", odoo.dbuuid, odoo.token), true),
        (format!("?db_uuid={}&account_tokens={}&hashed=1", odoo.dbuuid, sha1(&odoo.token)), true),
        (format!("?db_uuid={}", odoo.dbuuid), false),
        (format!("?db_uuid={}&account_tokens={}", odoo.dbuuid, iap_tests::odoo::hex32()), false),
        (format!("?db_uuid={}&account_tokens={}&hashed=1", odoo.dbuuid, sha1("guess")), false),
    ] {
        let page = get(&host, &format!("{path}{query}")).await;
        assert_eq!((page.status, page.text.contains("1234.5 credits")), (200, shown), "{query}: {}", page.text);
        assert!(!page.text.contains(&odoo.token), "{query}");
    }
    assert_eq!(rows(&host), before);
    host.verify();
}
