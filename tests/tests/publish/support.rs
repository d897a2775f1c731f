//! What the stories share: a small service and its versions.

use iap_tests::{
    Odoo, Reply, Settings, TestHost,
    host::OPERATOR_TOKEN,
    releases::{Files, edited, replace, upload},
};
use serde_json::{Value, json};

/// A host that needs nobody else.
pub fn host() -> TestHost {
    TestHost::with(&Settings { without_simulators: true, ..Settings::default() })
}

/// Wire name of the service.
pub const NAME: &str = "parrot";

/// Price of a word.
pub const PRICE: &str = "item = \"message\"\ncredits = \"1\"";

/// Another price of a word.
pub fn dearer(files: &mut Files, credits: &str) {
    let price = format!("item = \"message\"\ncredits = \"{credits}\"");
    replace(files, "plugin.toml", &[(PRICE, &price)]);
}

/// The echo service under another name and version, and whatever else is edited.
pub fn parrot(version: &str, edit: impl FnOnce(&mut Files)) -> Vec<u8> {
    edited("iap-example-echo", |files| {
        let pairs = [
            ("name = \"echo\"", "name = \"parrot\""),
            ("title = \"Echo\"", "title = \"Parrot\""),
            ("version = \"1.0.0\"", &format!("version = \"{version}\"")[..]),
        ];
        replace(files, "plugin.toml", &pairs);
        edit(files);
    })
}

/// Publishes as the operator; whatever is answered.
pub async fn publish(host: &TestHost, service: &str, component: Vec<u8>) -> Reply {
    upload(host.client(), host.url(), service, OPERATOR_TOKEN, None, component).await
}

/// Publishes and approves.
pub async fn serve(host: &TestHost, service: &str, version: &str, component: Vec<u8>, percent: u8) {
    let reply = publish(host, service, component).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let path = format!("/v1/services/{service}/releases/{version}/approve");
    host.operator().ok("POST", &path, Some(&json!({ "percent": percent }))).await;
}

/// A database on-premise with an account of the service and credits: the account's id.
pub async fn customer(host: &TestHost, service: &str, credits: &str) -> (Odoo, String) {
    let odoo = host.database("on_premise").await;
    let operator = host.operator();
    odoo.balance(service).await;
    let account = operator.account(&odoo.dbuuid, service).await;
    let grant = json!({ "credits": credits, "reason": "test" });
    operator.ok("POST", &format!("/v1/accounts/{account}/grants"), Some(&grant)).await;
    (odoo, account)
}

/// Calls an operation by REST; whatever is answered.
pub async fn call(host: &TestHost, account: &str, operation: &str, input: &Value) -> Reply {
    let path = format!("/v1/accounts/{account}/calls/{operation}");
    host.operator().send("POST", &path, Some(&json!({ "input": input }))).await
}

/// Says something; what it cost.
pub async fn say(host: &TestHost, account: &str) -> String {
    let reply = call(host, account, "say", &json!({ "text": "hi" })).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["credits"].as_str().expect("credits").to_owned()
}

/// Version that serves an account.
pub async fn version_of(host: &TestHost, account: &str) -> String {
    let account = host.operator().ok("GET", &format!("/v1/accounts/{account}"), None).await;
    account["release"].as_str().unwrap_or_else(|| panic!("no release: {account}")).to_owned()
}

/// How a release is doing.
pub async fn release(host: &TestHost, service: &str, version: &str) -> Value {
    let status = host.operator().ok("GET", &format!("/v1/services/{service}/status"), None).await;
    let releases = status["releases"].as_array().cloned().unwrap_or_default();
    releases.into_iter().find(|one| one["version"] == version).unwrap_or_else(|| panic!("no {version}: {status}"))
}

/// Wire name of a service with a table of prices.
pub const TELLER: &str = "teller";

/// The misbehaving guest as a service with one operation, which is charged by a table.
pub fn teller(version: &str) -> Vec<u8> {
    edited("iap-guest-hostile", |files| {
        let version = format!("version = \"{version}\"");
        let keyed = "name = \"keyed\"\ntitle = \"Charge by a key\"\nmax_per_call = \"100\"\n[[operations.prices]]\nitem = \"unit\"\n";
        let pairs = [
            ("name = \"hostile\"", "name = \"teller\""),
            ("version = \"1.0.0\"", &version),
            (&format!("{keyed}credits = \"1\""), &format!("{keyed}table = \"prices/units.csv\"")),
        ];
        replace(files, "plugin.toml", &pairs);
        files.insert("prices/units.csv".to_owned(), "key,credits\nBE,1\n".to_owned());
    })
}

/// Has the teller charge; what it cost.
pub async fn tell(host: &TestHost, account: &str) -> String {
    let reply = call(host, account, "keyed", &json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["credits"].as_str().expect("credits").to_owned()
}
