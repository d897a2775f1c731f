//! A new major version waits for each admin's consent while the old one serves.

use iap_tests::{Odoo, TestHost, host::until, http, releases::replace};
use serde_json::{Value, json};

use crate::support::{self, NAME, customer, host, parrot, say, serve, version_of};

#[tokio::test]
async fn the_old_major_serves_until_an_admin_agrees() {
    let host = host();
    serve(&host, NAME, "1.0.0", parrot("1.0.0", |_| {}), 100).await;
    let (odoo, account) = customer(&host, NAME, "20").await;
    let emails = json!({ "warning_emails": [{ "email": "admin@db.example" }] });
    host.operator().ok("PATCH", &format!("/v1/accounts/{account}"), Some(&emails)).await;
    let dearer = |files: &mut iap_tests::releases::Files| {
        support::dearer(files, "2");
        replace(files, "plugin.toml", &[("max_per_call = \"1\"", "max_per_call = \"2\"")]);
    };
    serve(&host, NAME, "2.0.0", parrot("2.0.0", dearer), 100).await;

    // Who came before stays, and is offered the new one; who comes now has it.
    let (_, newcomer) = customer(&host, NAME, "20").await;
    assert_eq!(
        (version_of(&host, &account).await, version_of(&host, &newcomer).await),
        ("1.0.0".into(), "2.0.0".into())
    );
    assert_eq!((say(&host, &account).await, say(&host, &newcomer).await), ("1".into(), "2".into()));
    let shown = host.operator().ok("GET", &format!("/v1/accounts/{account}"), None).await;
    assert_eq!(shown["offered_major"], "2.0.0");
    let mails = host.operator().ok("GET", "/v1/mails", None).await;
    let told = mails["items"].as_array().unwrap().iter().filter(|mail| mail["kind"] == "new_major").count();
    assert_eq!(told, 1, "{mails}");

    // The page says what changes and asks.
    let link =
        format!("{}/iap/1/credit?service_name={NAME}&account_token={}&dbuuid={}", host.url(), odoo.token, odoo.dbuuid);
    let page = http::try_send(host.client().get(&link)).await.unwrap();
    assert!(page.text.contains("Parrot 2 is available") && page.text.contains("rises from 1 to 2"), "{}", page.text);
    for vendors in ["cannot be compared", "only a new major may"] {
        assert!(!page.text.contains(vendors), "{}", page.text);
    }
    let form = |version: &str| {
        let fields =
            [("service_name", NAME), ("account_token", &odoo.token), ("dbuuid", &odoo.dbuuid), ("version", version)];
        let body = fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        host.client()
            .post(format!("{}/iap/1/upgrade", host.url()))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body)
    };
    // Not to a version that was not read.
    http::try_send(form("2.0.1")).await.unwrap();
    assert_eq!(version_of(&host, &account).await, "1.0.0");
    http::try_send(form("2.0.0")).await.unwrap();
    assert_eq!((version_of(&host, &account).await, say(&host, &account).await), ("2.0.0".into(), "2".into()));

    // The next major asks again; the old one can be taken up again, as long as it serves.
    serve(&host, NAME, "3.0.0", parrot("3.0.0", |_| {}), 100).await;
    assert_eq!(
        (version_of(&host, &account).await, version_of(&host, &newcomer).await),
        ("2.0.0".into(), "2.0.0".into())
    );
    let back: Value = json!({ "major": 1 });
    host.operator().ok("PATCH", &format!("/v1/accounts/{account}"), Some(&back)).await;
    assert_eq!(say(&host, &account).await, "1");
    let unknown = host.operator().send("PATCH", &format!("/v1/accounts/{account}"), Some(&json!({ "major": 9 }))).await;
    assert_eq!((unknown.status, &unknown.json()["field"]), (422, &json!("major")));
}

/// What is sold to those who stay in an older major is what that sells.
#[tokio::test]
async fn packs_of_a_new_major_are_not_those_of_the_old_one() {
    let host = host();
    serve(&host, NAME, "1.0.0", parrot("1.0.0", |_| {}), 100).await;
    let (odoo, _) = customer(&host, NAME, "5").await;
    let dearer = |files: &mut iap_tests::releases::Files| {
        replace(files, "plugin.toml", &[("EUR = \"1.00\"", "EUR = \"2.00\"")]);
    };
    serve(&host, NAME, "2.0.0", parrot("2.0.0", dearer), 100).await;
    let packs = json!({ "packs": [
        { "name": "Starter Pack", "credits": "10", "price": { "EUR": "2.00", "USD": "1.10" } },
        { "name": "Standard Pack", "credits": "100", "price": { "EUR": "9.00", "USD": "9.90" } } ] });
    let put = host.operator().send("PUT", &format!("/v1/services/{NAME}/packs"), Some(&packs)).await;
    assert_eq!(put.status, 204, "{}", put.text);
    let (newcomer, _) = customer(&host, NAME, "5").await;
    for (odoo, price) in [(&odoo, "1.00"), (&newcomer, "2.00")] {
        let link = format!(
            "{}/iap/1/credit?service_name={NAME}&account_token={}&dbuuid={}&currency=EUR",
            host.url(),
            odoo.token,
            odoo.dbuuid
        );
        let page = http::try_send(host.client().get(&link)).await.unwrap();
        assert!(page.text.contains(&format!("{price} EUR")), "{price}: {}", page.text);
    }
}

/// Buys the smallest pack; the lot that is left of it.
async fn bought(host: &TestHost, odoo: &Odoo) -> String {
    let form = async |url: String, fields: &[(&str, &str)]| {
        let body = fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let request = host.client().post(url).header("Content-Type", "application/x-www-form-urlencoded").body(body);
        http::try_send(request).await.unwrap()
    };
    let order = [
        ("service_name", NAME),
        ("account_token", &odoo.token),
        ("dbuuid", &odoo.dbuuid),
        ("pack", "Starter+Pack"),
        ("currency", "EUR"),
    ];
    let payment = form(format!("{}/iap/1/credit", host.url()), &order).await.location.expect("a page to pay on");
    let paid = form(payment, &[("card_number", "4242424242424242"), ("action", "pay")]).await;
    assert_eq!(paid.status, 303, "{}", paid.text);
    let account = host.operator().account(&odoo.dbuuid, NAME).await;
    let id = account.parse::<iap_core::ids::AccountId>().unwrap().0;
    let query = format!(
        "SELECT breakage_to || ' ' || (expires_at = 9223372036854775807) FROM credit_grant WHERE account_id = {id} AND kind = 'purchase'"
    );
    until("the purchase is there", async || !host.sql(&query).is_empty()).await;
    host.sql(&query).remove(0)
}

#[tokio::test]
async fn what_is_bought_in_the_old_major_is_bought_on_its_terms() {
    let host = TestHost::start();
    serve(&host, NAME, "1.0.0", parrot("1.0.0", |_| {}), 100).await;
    let (loyal, _) = customer(&host, NAME, "5").await;
    let harder = |files: &mut iap_tests::releases::Files| {
        let terms = "unit = \"credit\"\nbreakage = \"vendor\"\ncredits_expire = \"730 days\"";
        replace(files, "plugin.toml", &[("unit = \"credit\"", terms)]);
    };
    serve(&host, NAME, "2.0.0", parrot("2.0.0", harder), 100).await;
    let (newcomer, _) = customer(&host, NAME, "5").await;
    assert_eq!((bought(&host, &loyal).await, bought(&host, &newcomer).await), ("host 1".into(), "vendor 0".into()));
}

#[tokio::test]
async fn a_requirement_chooses_its_release() {
    let host = host();
    for version in ["1.0.0", "1.1.0", "2.0.0", "1.1.1"] {
        serve(&host, NAME, version, parrot(version, |_| {}), 100).await;
    }
    let (_, account) = customer(&host, NAME, "5").await;
    for (requirement, version) in
        [("^current", "2.0.0"), ("~1.0", "1.0.0"), ("^1", "1.1.1"), ("=1.1.0", "1.1.0"), ("^2", "2.0.0")]
    {
        let body = json!({ "version_requirement": requirement });
        host.operator().ok("PATCH", &format!("/v1/accounts/{account}"), Some(&body)).await;
        assert_eq!(version_of(&host, &account).await, version, "{requirement}");
    }
    let body = json!({ "version_requirement": "newest" });
    let wrong = host.operator().send("PATCH", &format!("/v1/accounts/{account}"), Some(&body)).await;
    assert_eq!((wrong.status, &wrong.json()["field"]), (422, &json!("version_requirement")));
}
