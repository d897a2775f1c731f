//! The manifest as a vendor writes it; mistakes have files of their own.

use std::time::Duration;

use super::*;
use crate::Credits;

mod mistakes;
mod surfaces;

/// The example of the documentation, with everything that a manifest may say.
const FULL: &str = r#"[service]
name = "sms"
title = "SMS"
vendor = "odoo"
version = "1.2.0"
api = "1.0"
summary = "Send text messages from your database."
category = "Communication"
unit = "credit"
support = "mailto:help@example.com"
privacy = "https://example.com/privacy"
data_retention = "90 days"
data_hosts = ["api.twilio.com"]

[trial]
credits = "10"

[[packs]]
name = "Standard Pack"
credits = "100"
price = { EUR = "9" }

[[packs]]
name = "Starter Pack"
credits = "10"
price = { EUR = "0.90", USD = "1.00" }

[[operations]]
name = "send_v3"
title = "Send text messages"
input = "schemas/send_v3.json"
max_per_call = "10000"
natural_key = "/messages/*/numbers/*/uuid"
on_unknown = "capture"
[[operations.prices]]
item = "message part"
table = "prices/sms.csv"
[[operations.prices]]
item = "look-up"
credits = "0.5"
[[operations.prices]]
item = "special number"
variable = true

[[operations]]
name = "register"
title = "Register a sender"
free = true

[[http]]
name = "carrier"
base_url = "https://api.twilio.com"
methods = ["POST", "GET"]
auth = { basic = ["config:twilio-account-sid", "secret:twilio-auth-token"] }

[[http]]
name = "directory"
base_url = "https://directory.example.com:8443/v2"
methods = ["GET"]
auth = { header = { name = "X-Api-Key", value = "secret:directory" } }

[[config]]
name = "sender"
description = "Sender that receivers see."
default = "IAP"

[[secrets]]
name = "directory"
description = "Key of the directory."

[permissions]
store = "1 MiB"
blobs = "64 MiB"
jobs = true
callback = true

[limits]
memory = "16 MiB"
time = "20 s"

[[hooks]]
path = "status"

[[routes]]
path = "/api/sms/3/send"
operation = "send_v3"
account = "account_token"
database = "dbuuid"
callback = "webhook_url"
max_body = "2 MiB"
blobs = ["/documents/*/pdf"]

[[routes]]
path = "/iap/s/sms/{version}/register"
operation = "register"
account = "none"

[account_information]
registered = "registered"
sender_name = "store:sender/{account}"
"#;

const TABLE: &str = "key,credits\nBE,0.7\nFR,0.65\n";

fn release(manifest: &str, table: &str) -> ReleaseFiles {
    let file = |files: ReleaseFiles, (path, text): (&str, &str)| files.with(path, text).expect("a path");
    [(MANIFEST_FILE, manifest), ("prices/sms.csv", table), ("schemas/send_v3.json", "{}")]
        .into_iter()
        .fold(ReleaseFiles::default(), file)
}

fn full() -> Manifest {
    Manifest::parse(&release(FULL, TABLE)).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn a_full_manifest_reads_as_written() {
    let manifest = full();
    assert_eq!((manifest.service.name.as_str(), manifest.service.version.to_string().as_str()), ("sms", "1.2.0"));
    assert_eq!(manifest.service.data_hosts, ["api.twilio.com"]);
    assert_eq!(manifest.trial, Some(Credits::whole(10)));
    let packs: Vec<String> = manifest
        .packs
        .iter()
        .map(|p| {
            format!(
                "{} {} {}",
                p.name,
                p.credits,
                p.prices.iter().map(ToString::to_string).collect::<Vec<_>>().join("/")
            )
        })
        .collect();
    assert_eq!(packs, ["Starter Pack 10 0.90 EUR/1.00 USD", "Standard Pack 100 9.00 EUR"], "by rising credits");
    assert_eq!(manifest.hooks, [Hook { path: "status".to_owned(), once: None }]);
    assert_eq!(manifest.permissions, Permissions { store: 1 << 20, blobs: 64 << 20, jobs: true, callback: true });
    assert_eq!(
        manifest.limits,
        Limits { memory: 16 << 20, time: Duration::from_secs(20), job_time: Duration::from_secs(60) }
    );
    assert_eq!(manifest.account_information["registered"], InformationSource::Text("registered".to_owned()));
    assert_eq!(manifest.account_information["sender_name"], InformationSource::Store("sender/{account}".to_owned()));
}

#[test]
fn operations_carry_their_prices() {
    let manifest = full();
    let send = manifest.operation("send_v3").expect("declared");
    assert_eq!((send.max_per_call, send.free, send.on_unknown), (Credits::whole(10_000), false, OnUnknown::Capture));
    assert_eq!(
        (send.natural_key.clone(), send.input.as_deref()),
        (Some(NaturalKey::At("/messages/*/numbers/*/uuid".to_owned())), Some("schemas/send_v3.json"))
    );
    let [table, fixed, variable] = send.prices.as_slice() else { panic!("{:?}", send.prices) };
    let Rate::Table { file, rows } = &table.rate else { panic!("{table:?}") };
    assert_eq!((file.as_str(), rows["FR"]), ("prices/sms.csv", Credits::from_micros(650_000)));
    assert_eq!((&fixed.rate, &variable.rate), (&Rate::Fixed(Credits::from_micros(500_000)), &Rate::Variable));
    let register = manifest.operation("register").expect("declared");
    assert_eq!((register.free, register.max_per_call, register.on_unknown), (true, Credits::ZERO, OnUnknown::Release));
    assert_eq!(manifest.operation("send"), None);
}

#[test]
fn credentials_declare_the_values_they_name() {
    let manifest = full();
    let carrier = manifest.endpoint("carrier").expect("declared");
    assert_eq!(carrier.methods, ["POST", "GET"]);
    assert_eq!(
        carrier.auth,
        Some(Auth::Basic(
            ValueRef::Config("twilio-account-sid".to_owned()),
            ValueRef::Secret("twilio-auth-token".to_owned())
        ))
    );
    let config: Vec<_> =
        manifest.config.iter().map(|c| (c.name.as_str(), c.description.as_str(), c.required)).collect();
    assert_eq!(
        config,
        [("sender", "Sender that receivers see.", false), ("twilio-account-sid", "For requests to \"carrier\".", true)]
    );
    let secrets: Vec<_> = manifest.secrets.iter().map(|s| (s.name.as_str(), s.description.as_str())).collect();
    assert_eq!(
        secrets,
        [("directory", "Key of the directory."), ("twilio-auth-token", "For requests to \"carrier\".")]
    );
}

#[test]
fn routes_say_where_the_account_and_the_database_stand() {
    let manifest = full();
    let [send, register] = manifest.routes.as_slice() else { panic!("{:?}", manifest.routes) };
    assert_eq!(
        (send.account.as_deref(), send.database.as_deref(), send.callback.as_deref()),
        (Some("account_token"), Some("dbuuid"), Some("webhook_url"))
    );
    assert_eq!((send.max_body, send.blobs.as_slice()), (2 << 20, &["/documents/*/pdf".to_owned()][..]));
    assert_eq!((register.account.as_deref(), register.max_body), (None, 1 << 20));
    // Every door takes out what a route names.
    let [send, register] = manifest.operations.as_slice() else { panic!("{:?}", manifest.operations) };
    assert_eq!((send.max_body, send.blobs.as_slice()), (2 << 20, &["/documents/*/pdf".to_owned()][..]));
    assert_eq!((register.max_body, register.blobs.len()), (1 << 20, 0));
}

#[test]
fn an_operation_may_name_blobs_and_keys_of_several_members() {
    let manifest = FULL
        .replace(
            "natural_key = \"/messages/*/numbers/*/uuid\"",
            "natural_key = { each = \"/documents/*\", members = [\"id\", \"pdf\"] }\nmax_body = \"8 MiB\"\nblobs = [\"/cover\", \"/documents/*/pdf\"]",
        )
        .replace("path = \"status\"", "path = \"status\"\nonce = \"24 h\"");
    let manifest = Manifest::parse(&release(&manifest, TABLE)).unwrap();
    let send = manifest.operation("send_v3").unwrap();
    let members = vec!["id".to_owned(), "pdf".to_owned()];
    assert_eq!(send.natural_key, Some(NaturalKey::Members { each: "/documents/*".to_owned(), members }));
    assert_eq!(
        (send.max_body, send.blobs.as_slice()),
        (8 << 20, &["/cover".to_owned(), "/documents/*/pdf".to_owned()][..])
    );
    assert_eq!(manifest.hooks[0].once, Some(std::time::Duration::from_secs(86_400)));
}

#[test]
fn only_first_party_services_answer_other_paths() {
    let manifest = full();
    assert_eq!(manifest.check_routes_for(VendorKind::FirstParty), Ok(()));
    assert_eq!(
        manifest.check_routes_for(VendorKind::ThirdParty).unwrap_err().to_string(),
        "plugin.toml: [[routes]] \"/api/sms/3/send\": only first-party services answer paths outside /iap/s/sms/; write a path below it"
    );
}

/// Replaces a part of the full manifest and expects exactly these errors.
fn check(old: &str, new: &str, expected: &str) {
    assert_eq!(FULL.matches(old).count(), 1, "{old:?} stands once in the manifest");
    check_text(&FULL.replace(old, new), expected);
}

fn check_text(manifest: &str, expected: &str) {
    let answer =
        Manifest::parse(&release(manifest, TABLE)).map_or_else(|errors| errors.to_string(), |_| "fine".to_owned());
    assert_eq!(answer, expected);
}

#[test]
fn config_values_have_types() {
    let with = |lines: &str| FULL.replace("default = \"IAP\"", lines);
    let parsed = |lines: &str| {
        let manifest = Manifest::parse(&release(&with(lines), TABLE));
        manifest.map(|manifest| manifest.config[0].clone()).map_err(|errors| errors.to_string())
    };
    let range = |min: &str, max: &str| Range { min: Some(min.to_owned()), max: Some(max.to_owned()) };
    for (lines, expected) in [
        ("", ConfigType::Text),
        ("type = \"text\"", ConfigType::Text),
        ("type = \"boolean\"\ndefault = \"false\"", ConfigType::Boolean),
        ("type = \"url\"", ConfigType::Url),
        ("type = \"integer\"\nmin = \"1\"\nmax = \"60\"", ConfigType::Integer(range("1", "60"))),
        ("type = \"number\"\nmin = \"-0.5\"\nmax = \"0.5\"", ConfigType::Number(range("-0.5", "0.5"))),
        (
            "type = \"choice\"\nchoices = [\"a\", \"b\"]\ndefault = \"b\"",
            ConfigType::Choice(vec!["a".to_owned(), "b".to_owned()]),
        ),
    ] {
        assert_eq!(parsed(lines).map(|config| config.ty), Ok(expected), "{lines}");
    }
    for (lines, expected) in [
        ("type = \"date\"", "\"date\" is no type"),
        ("type = \"choice\"", "\"choices\" is missing"),
        ("choices = [\"a\"]", "is only for type = \"choice\""),
        ("min = \"1\"", "is only for type = \"number\" or \"integer\""),
        ("type = \"integer\"\nmin = \"1.5\"", "must be a whole number"),
        ("type = \"integer\"\nmin = \"2\"\nmax = \"1\"", "min 2 is above max 1"),
        ("type = \"integer\"\nmin = 2", "must be in quotes"),
        ("type = \"integer\"\nmax = \"9\"\ndefault = \"10\"", "\"10\" must be at most 9"),
        ("type = \"choice\"\nchoices = [\"a\"]\ndefault = \"b\"", "\"b\" must be one of a"),
    ] {
        let errors = parsed(lines).unwrap_err();
        assert!(errors.contains("[[config]] \"sender\"") && errors.contains(expected), "{lines}: {errors}");
    }
}

#[test]
fn a_hostile_release_is_refused_in_bounded_time() {
    let long = "x".repeat(100_000);
    let many = format!("[{long}]\n{}", (0..10_000).map(|number| format!("a{number} = 1\n")).collect::<String>());
    let errors = Manifest::parse(&release(&many, TABLE)).unwrap_err();
    assert!(errors.iter().count() <= 1_000);
    let large = Manifest::parse(&release(&"#".repeat(MAX_MANIFEST + 1), TABLE)).unwrap_err();
    assert_eq!(large.to_string(), "plugin.toml: has more than 256 KiB; move prices and schemas to files of their own");
    let rows: String = (0..150_000).map(|number| format!("k{number},0\n")).collect();
    let errors = Manifest::parse(&release(FULL, &format!("key,credits\n{rows}"))).unwrap_err();
    assert_eq!(errors.iter().count(), 1_000);
}
