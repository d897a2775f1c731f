//! Config values that are set by REST.

use iap_tests::TestHost;
use serde_json::{Value, json};

use crate::support::{Echo, settings};

fn item<'a>(list: &'a Value, name: &str) -> &'a Value {
    let items = list["items"].as_array().expect("a list");
    items.iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("no {name}: {list}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_what_its_type_says_and_says_where_it_comes_from() {
    let echo = Echo::start();
    let host = TestHost::with(&settings(&echo, ""));
    let operator = host.operator();
    let list = operator.ok("GET", "/v1/services/hostile/config", None).await;
    assert_eq!(
        (&item(&list, "region")["type"], &item(&list, "region")["value"], &item(&list, "region")["source"]),
        (&json!("choice"), &json!("eu"), &json!("default"))
    );
    assert_eq!((&item(&list, "retries")["source"], item(&list, "retries").get("value")), (&json!("missing"), None));
    for (name, value, wanted) in [
        ("region", "mars", "must be one of eu, us"),
        ("retries", "6", "must be from 0 to 5"),
        ("retries", "one", "must be a whole number"),
    ] {
        let path = format!("/v1/services/hostile/config/{name}");
        let reply = operator.send("PUT", &path, Some(&json!({ "value": value }))).await;
        assert!(reply.status == 422 && reply.text.contains(wanted), "{name} = {value}: {}", reply.text);
    }
    let unknown = operator.send("PUT", "/v1/services/hostile/config/colour", Some(&json!({ "value": "x" }))).await;
    assert!(unknown.status == 404 && unknown.text.contains("region, retries"), "{}", unknown.text);
    for (name, value) in [("region", "us"), ("retries", "5")] {
        let path = format!("/v1/services/hostile/config/{name}");
        let set = operator.ok("PUT", &path, Some(&json!({ "value": value }))).await;
        assert_eq!((&set["value"], &set["source"]), (&json!(value), &json!("stored")));
    }
    assert_eq!(operator.send("DELETE", "/v1/services/hostile/config/region", None).await.status, 204);
    let list = operator.ok("GET", "/v1/services/hostile/config", None).await;
    assert_eq!((&item(&list, "region")["value"], &item(&list, "retries")["value"]), (&json!("eu"), &json!("5")));
    assert_eq!(operator.send_with("GET", "/v1/services/hostile/config", None, &[]).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_file_wins() {
    let echo = Echo::start();
    let host = TestHost::with(&settings(&echo, "[services.hostile.config]\nregion = \"us\"\n"));
    let set = host.operator().ok("PUT", "/v1/services/hostile/config/region", Some(&json!({ "value": "eu" }))).await;
    assert_eq!((&set["value"], &set["source"]), (&json!("us"), &json!("settings_file")));
}
