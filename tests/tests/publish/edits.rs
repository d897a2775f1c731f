//! Packs, texts, icon and price tables change without a release, within what was promised.

use iap_tests::{TestHost, http, releases::reasons};
use serde_json::{Value, json};

use crate::support::{NAME, TELLER, customer, host, parrot, serve, tell, teller, version_of};

async fn put(host: &TestHost, what: &str, body: &Value) -> iap_tests::Reply {
    host.operator().send("PUT", &format!("/v1/services/{NAME}/{what}"), Some(body)).await
}

async fn put_prices(host: &TestHost, body: &Value) -> iap_tests::Reply {
    host.operator().send("PUT", &format!("/v1/services/{TELLER}/prices"), Some(body)).await
}

async fn catalog(host: &TestHost) -> Value {
    let catalog = host.operator().ok("GET", "/v1/catalog", None).await;
    let services = catalog["services"].as_array().cloned().unwrap_or_default();
    services.into_iter().find(|service| service["name"] == NAME).expect("it is listed")
}

#[tokio::test]
async fn packs_and_texts_are_edited_with_history() {
    let host = host();
    serve(&host, NAME, "1.0.0", parrot("1.0.0", |_| {}), 100).await;
    let pack = |eur: &str| {
        json!({ "packs": [
        { "name": "Starter Pack", "credits": "10", "price": { "EUR": eur, "USD": "1.10" } },
        { "name": "Standard Pack", "credits": "100", "price": { "EUR": "9.00", "USD": "9.90" } } ] })
    };
    assert!(reasons(&put(&host, "packs", &pack("1.01")).await)[0].contains("Starter Pack"));
    assert_eq!(put(&host, "packs", &pack("0.80")).await.status, 204);
    assert_eq!(catalog(&host).await["packs"][0]["price"]["EUR"], "0.80");
    // What was promised last counts: it cannot become dearer again.
    assert!(!reasons(&put(&host, "packs", &pack("1.00")).await).is_empty());

    assert_eq!(put(&host, "texts", &json!({ "summary": "Repeats after you." })).await.status, 204);
    let shown = catalog(&host).await;
    assert_eq!((&shown["summary"], &shown["title"]), (&json!("Repeats after you."), &json!("Parrot")));
    let wrong = put(&host, "texts", &json!({ "title": "" })).await;
    assert_eq!((wrong.status, &wrong.json()["field"]), (422, &json!("title")));

    let png = [&b"\x89PNG\r\n\x1a\n"[..], &[0; 20]].concat();
    let icon = |kind: &str, bytes: &[u8]| {
        use base64::Engine as _;
        json!({ "type": kind, "base64": base64::engine::general_purpose::STANDARD.encode(bytes) })
    };
    assert_eq!(put(&host, "icon", &icon("image/png", &png)).await.status, 204);
    for wrong in [
        icon("image/png", b"<svg>"),
        icon("image/svg+xml", &png),
        icon("image/png", &[&png[..], &vec![0; 70_000]].concat()),
    ] {
        assert!(!reasons(&put(&host, "icon", &wrong).await).is_empty());
    }
    let got = http::try_send(host.client().get(format!("{}/v1/services/{NAME}/icon", host.url()))).await.unwrap();
    assert_eq!(got.status, 200);

    let history = host.operator().ok("GET", &format!("/v1/services/{NAME}/history"), None).await;
    let kinds: Vec<&str> =
        history["revisions"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["texts", "packs"]);
    assert_eq!(history["items"][0]["kind"], "icon_changed");
}

#[tokio::test]
async fn prices_fall_at_once_and_rise_with_notice() {
    let host = host();
    serve(&host, TELLER, "1.0.0", teller("1.0.0"), 100).await;
    let (_, account) = customer(&host, TELLER, "20").await;
    let emails = json!({ "warning_emails": [{ "email": "admin@db.example" }] });
    host.operator().ok("PATCH", &format!("/v1/accounts/{account}"), Some(&emails)).await;
    let (_, idle) = customer(&host, TELLER, "20").await;
    let emails = json!({ "warning_emails": [{ "email": "idle@db.example" }] });
    host.operator().ok("PATCH", &format!("/v1/accounts/{idle}"), Some(&emails)).await;
    let table = |credits: &str, notice: bool| json!({ "tables": { "prices/units.csv": format!("key,credits\nBE,{credits}\n") }, "notice": notice });

    assert_eq!(put_prices(&host, &table("0.5", false)).await.status, 200);
    assert_eq!(tell(&host, &account).await, "0.5");
    let refused = reasons(&put_prices(&host, &table("0.75", false)).await);
    assert!(refused[0].contains("0.5 to 0.75") && refused[1].contains("\"notice\": true"), "{refused:?}");
    let same = reasons(&put_prices(&host, &table("0.5", true)).await);
    assert!(same[0].contains("nothing would change"), "{same:?}");

    let told = put_prices(&host, &table("0.75", true)).await.json();
    assert_eq!(told["told"], 1, "only who used it is told: {told}");
    assert_eq!(tell(&host, &account).await, "0.5", "it counts in 14 days");
    let mails = host.operator().ok("GET", "/v1/mails", None).await;
    let notices: Vec<&Value> =
        mails["items"].as_array().unwrap().iter().filter(|mail| mail["kind"] == "price_notice").collect();
    assert_eq!(notices.len(), 1, "{mails}");
    assert_eq!(notices[0]["recipient"], "admin@db.example");
    let again = reasons(&put_prices(&host, &table("0.6", true)).await);
    assert!(again[0].contains("customers were told"), "{again:?}");
}

/// Only price tables change without a release: not the manifest, however it is called, nor a schema.
#[tokio::test]
async fn no_other_file_changes_without_a_release() {
    let host = host();
    serve(&host, TELLER, "1.0.0", teller("1.0.0"), 100).await;
    for path in ["plugin.toml", "schemas/none.json", "prices/other.csv"] {
        let refused =
            reasons(&put_prices(&host, &json!({ "tables": { path: "key,credits\nBE,0.1\n" }, "notice": true })).await);
        assert!(refused[0].contains("is no price table") && refused[0].contains("prices/units.csv"), "{refused:?}");
    }
}

#[tokio::test]
async fn lots_bought_before_a_rise_keep_its_price() {
    keep_their_price(&["1.0.0"]).await;
}

#[tokio::test]
async fn lots_bought_before_a_rise_keep_its_price_in_later_releases() {
    keep_their_price(&["1.0.0", "1.0.1"]).await;
}

/// What was bought before a rise of 1.0.0 keeps the old price; what was given, or bought later, does not.
async fn keep_their_price(releases: &[&str]) {
    let mut host = host();
    for version in releases {
        serve(&host, TELLER, version, teller(version), 100).await;
    }
    let (_, buyer) = customer(&host, TELLER, "1").await;
    let (_, gifted) = customer(&host, TELLER, "20").await;
    host.stop();
    // As if both had been so for a while: a lot that was bought three days ago, and a rise that took effect yesterday.
    let db = rusqlite::Connection::open(host.data_dir().join("iap.db")).unwrap();
    let (now, day) = (
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64,
        86_400_000_i64,
    );
    let id = buyer.parse::<iap_core::ids::AccountId>().unwrap().0;
    db.execute(
        "UPDATE credit_grant SET kind = 'purchase', price = 100, currency = 'EUR', created_at = ?2 WHERE account_id = ?1",
        [id, now - 3 * day],
    )
    .unwrap();
    let service: i64 = db.query_row("SELECT id FROM service WHERE name = ?1", [TELLER], |row| row.get(0)).unwrap();
    let edit = json!({ "version": "1.0.0", "tables": { "prices/units.csv": "key,credits\nBE,1\n" }, "rises": true });
    let rise = json!({ "version": "1.0.0", "tables": { "prices/units.csv": "key,credits\nBE,0.4\n" }, "rises": false });
    for (n, value, at) in [(1, rise, now - 2 * day), (2, edit, now - day)] {
        db.execute(
            "INSERT INTO service_revision VALUES (?1, ?2, 'prices', ?3, 'test', ?4, ?4)",
            rusqlite::params![n, service, value.to_string(), at],
        )
        .unwrap();
    }
    drop(db);
    host.restart();
    assert_eq!(tell(&host, &gifted).await, "1");
    assert_eq!(version_of(&host, &buyer).await, releases[releases.len() - 1]);
    assert_eq!(tell(&host, &buyer).await, "0.4");
    assert_eq!(tell(&host, &buyer).await, "0.4");
    // 0.2 credits are left: they cannot pay the old price in full, nor the new one.
    let reply = crate::support::call(&host, &buyer, "keyed", &json!({})).await;
    assert_eq!((reply.status, &reply.json()["needed"]), (402, &json!("1")), "{}", reply.text);
}
