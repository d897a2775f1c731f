//! `examples/vat-check-js`: a plugin in JavaScript is built with npm, and served and charged as one in Rust is.

use std::path::{Path, PathBuf};

use iap_core::manifest::Manifest;
use iap_core::release::ReleaseFiles;
use iap_runtime::release::{check_imports, read_release};
use iap_tests::{Settings, Simulator, TestHost, host::OPERATOR_TOKEN, releases::upload};
use serde_json::{Value, json};

/// Builds the example, in a copy so that the sources stay clean; quick when nothing changed.
fn build() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("javascript");
    for folder in ["examples/vat-check-js", "sdk/wit"] {
        copy_folder(&root.join(folder), &copy.join(folder));
    }
    let built = iap_guest_build::build_guest(&copy.join("examples/vat-check-js"));
    built.unwrap_or_else(|error| panic!("the example does not build: {error:#}")).component_path
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the target folder is writable");
    for entry in std::fs::read_dir(from).expect("the sources are readable").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if name == "node_modules" || name == "dist" {
            continue;
        }
        if path.is_dir() {
            copy_folder(&path, &to.join(name));
        } else {
            let bytes = std::fs::read(&path).expect("the sources are readable");
            iap_guest_build::write_if_changed(&to.join(name), &bytes).expect("the target folder is writable");
        }
    }
}

/// What an answer says, without ids and times: status, code and field, or output and credits.
fn said(status: u16, body: &Value) -> Value {
    let mut output = body["output"].clone();
    if let Some(output) = output.as_object_mut() {
        output.remove("checked_at");
    }
    json!({
        "status": status, "code": body["code"], "field": body["field"], "needed": body["needed"],
        "output": output, "credits": body["credits"], "balance": body["balance"],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_in_javascript_is_a_plugin() {
    let component = tokio::task::spawn_blocking(build).await.expect("it builds");
    let bytes = std::fs::read(&component).expect("it was written");
    let release = read_release(&bytes).expect("the host takes it");
    let manifest = Manifest::parse(&ReleaseFiles::from_section(&release.files).expect("files")).expect("a manifest");
    assert_eq!(check_imports(&release.imports, &manifest), Ok(()));
    assert_eq!(release.imports.iter().collect::<Vec<_>>(), ["billing", "http"]);
    assert_eq!(format!("{:?}", release.class), "Large");

    let register = Simulator::start("vat");
    let url = format!("{}/taxation_customs/vies/rest-api", register.url);
    let tables = ["vat_check", "vat_check_js"].map(|name| format!("[services.{name}.base_urls]\nvies = {url:?}\n"));
    let host = TestHost::with(&Settings {
        plugins: vec!["iap-example-vat-check"],
        tables: tables.concat(),
        without_simulators: true,
        ..Settings::default()
    });
    let operator = host.operator();
    // It is published as any other, and compiled before it is called.
    let reply = upload(host.client(), host.url(), "vat_check_js", OPERATOR_TOKEN, None, bytes).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    assert_eq!(
        (&reply.json()["report"]["class"], &reply.json()["report"]["imports"]),
        (&json!("large"), &json!(["billing", "http"]))
    );
    operator.ok("POST", "/v1/services/vat_check_js/releases/1.0.0/approve", Some(&json!({ "percent": 100 }))).await;
    let mut accounts = Vec::new();
    for service in ["vat_check", "vat_check_js"] {
        let odoo = host.database_with_credits(service, "0.22").await;
        accounts.push((service, operator.account(&odoo.dbuuid, service).await, odoo));
    }
    let number = |country: &str, number: &str| json!({ "country": country, "number": number });
    // The first call waits until it is compiled: longer than a client usually waits.
    let quote = format!("{}/v1/accounts/{}/quotes/check", host.url(), accounts[1].1);
    let quote = host.client().post(quote).bearer_auth(OPERATOR_TOKEN).header("Content-Type", "application/json");
    let quote = quote
        .timeout(std::time::Duration::from_secs(600))
        .body(json!({ "input": { "country": "BE", "number": "1" } }).to_string());
    let quoted = iap_tests::http::try_send(quote).await.expect("it is compiled in time");
    assert_eq!(quoted.status, 200, "{}", quoted.text);
    // The same story for both: a charge each for three answers, and nothing else.
    for (faults, input, status, balance) in [
        (json!({}), number("BE", "BE 0477.472.701"), 200, "0.17"),
        (json!({}), number("BE", "0477472700"), 200, "0.12"),
        (json!({}), number("GR", "GR 094014201"), 200, "0.07"),
        (json!({}), number("BE", "301"), 503, "0.07"),
        (json!({ "status": 503 }), number("BE", "0477472701"), 503, "0.07"),
        (json!({ "garbage": true }), number("BE", "0477472701"), 503, "0.07"),
        (json!({ "drop": true }), number("BE", "0477472701"), 503, "0.07"),
        (json!({}), number("US", "0477472701"), 422, "0.07"),
        (json!({}), json!({ "country": "BE" }), 422, "0.07"),
        (json!({}), json!(null), 422, "0.07"),
        (json!({}), number("DE", "123456789"), 200, "0.02"),
        (json!({}), number("DE", "123456789"), 402, "0.02"),
    ] {
        register.faults(faults.clone()).await;
        let mut answers = Vec::new();
        for (service, account, _) in &accounts {
            let path = format!("/v1/accounts/{account}/calls/check");
            let reply = operator.send("POST", &path, Some(&json!({ "input": input }))).await;
            assert_eq!(reply.status, status, "{service} {faults} {input}: {}\n{}", reply.text, host.log());
            assert_eq!(
                operator.credits(account).await,
                (balance.to_owned(), "0".to_owned()),
                "{service} {faults} {input}"
            );
            answers.push(said(reply.status, &reply.json()));
        }
        // Where a plugin is told `null`, each says in its own way that there is no member.
        if !input.is_null() {
            assert_eq!(answers[0], answers[1], "{faults} {input}");
        }
    }
    let (_, account, odoo) = &accounts[1];
    let quote = json!({ "input": number("BE", "1") });
    let quote = operator.ok("POST", &format!("/v1/accounts/{account}/quotes/check"), Some(&quote)).await;
    assert_eq!(quote["credits"], json!("0.05"));
    // Odoo's door is the same.
    operator.grant(odoo, "vat_check_js", "1").await;
    let answer = odoo.call("vat_check_js", "check", number("FR", "12345678901")).await;
    assert_eq!(answer["result"]["name"], json!("COMPANY 12345678901"), "{answer}");
    assert_eq!(operator.credits(account).await.0, "0.97");
    host.verify();
}
