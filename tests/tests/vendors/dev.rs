//! `iap serve --dev`: nothing to set up.

use std::process::Command;

use iap_tests::{Settings, host::binary};
use serde_json::json;

use crate::support::{World, asking};

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_approved_at_once() {
    let world = World::with(Settings { flags: vec!["--dev"], ..Settings::default() }).await;
    let signed = world.send("POST", "/v1/vendors", Some(&asking("acme", "ann@acme.example"))).await;
    assert_eq!((signed.status, &signed.json()["state"]), (201, &json!("approved")), "{}", signed.text);
    for _ in 0..2 {
        let (device, _) = world.begin(&["read", "publish", "admin"]).await;
        let granted = world.ask(&device).await.json();
        assert_eq!((&granted["vendor"], &granted["email"]), (&json!("dev"), &json!("dev@localhost")), "{granted}");
        let token = granted["token"].as_str().expect("a token");
        let seen = world.send_as(token, "GET", "/v1/vendors/dev", None).await;
        assert_eq!(seen.json()["state"], "approved", "{}", seen.text);
        let owner = json!({ "email": format!("{}@dev.example", &token[7..12]), "role": "owner" });
        let invited = world.send_as(token, "POST", "/v1/vendors/dev/members", Some(&owner)).await;
        assert_eq!(invited.status, 201, "no code is asked for: {}", invited.text);
    }
    // A page of another site, whose name was made to lead here, gets nothing.
    let body = json!({ "client": "evil", "scopes": ["publish"] });
    let request =
        world.host.client().post(format!("{}/v1/login/device", world.host.url())).header("Host", "evil.example");
    let reply = iap_tests::http::try_send(request.body(body.to_string())).await.expect("the host answers");
    let device = reply.json()["device_code"].as_str().expect("a code").to_owned();
    assert_eq!(world.ask(&device).await.json()["code"], "authorization-pending");
    assert!(world.host.log().contains("Development only"), "{}", world.host.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_for_this_machine_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(binary())
        .args(["serve", "--dev", "--listen", "0.0.0.0:0", "--data-dir"])
        .arg(folder.path())
        .current_dir(folder.path())
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("listens on this machine only"), "{text}");
}
