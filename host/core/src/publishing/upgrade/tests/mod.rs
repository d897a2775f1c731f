mod access;
mod offers;
mod operations;
mod prices;

use super::*;

const OLD: &str = r#"[service]
name = "sms"
title = "SMS"
vendor = "odoo"
version = "1.2.0"
api = "1.0"
summary = "Send text messages."
category = "Communication"
credits_expire = "365 days"
data_hosts = ["storage.example.com"]
[trial]
credits = "10"
[[packs]]
name = "Starter"
credits = "10"
price = { EUR = "0.90", USD = "1.00" }
[[packs]]
name = "Large"
credits = "100"
price = { EUR = "8.00" }
[[operations]]
name = "send"
title = "Send"
input = "schemas/send.json"
output = "schemas/sent.json"
max_per_call = "100"
natural_key = "/uuid"
[[operations.prices]]
item = "part"
table = "prices/sms.csv"
[[operations.prices]]
item = "look-up"
credits = "0.5"
[[operations.prices]]
item = "special"
variable = true
[[operations]]
name = "bulk"
title = "Send many"
input = "schemas/send.json"
output = "schemas/sent.json"
max_per_call = "100"
on_unknown = "ask"
[[operations.prices]]
item = "part"
table = "prices/sms.csv"
[[operations]]
name = "register"
title = "Register"
free = true
max_body = "2 MiB"
[[http]]
name = "carrier"
base_url = "https://api.example.com/v1"
methods = ["POST"]
auth = { bearer = "secret:token" }
[[config]]
name = "sender"
description = "Who sends."
default = "IAP"
[permissions]
store = "1 MiB"
jobs = true
[[hooks]]
path = "status"
[[routes]]
path = "/iap/s/sms/{version}/send"
operation = "send"
account = "account_token"
[account_information]
sender = "store:sender/{account}"
"#;
const TABLE: &str = "key,credits\nBE,0.07\nFR,0.07\n";
const INPUT: &str = r#"{"type": "object", "properties": {"text": {"type": ["string", "null"]}}}"#;
const OUTPUT: &str = r#"{"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}"#;

fn files(manifest: &str, table: &str, input: &str, output: &str) -> ReleaseFiles {
    [("plugin.toml", manifest), ("prices/sms.csv", table), ("schemas/send.json", input), ("schemas/sent.json", output)]
        .into_iter()
        .fold(ReleaseFiles::default(), |files, (path, text)| files.with(path, text).expect("a path"))
}

/// The manifest with parts replaced, each of which stands there once; "+" adds a text at the end.
fn edited(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(OLD.to_owned(), |text, (old, new)| match *old {
        "+" => format!("{text}{new}\n"),
        old => {
            assert_eq!(text.matches(old).count(), 1, "{old:?} stands once in the manifest");
            text.replace(old, new)
        }
    })
}

fn of(files: &ReleaseFiles) -> Manifest {
    Manifest::parse(files).unwrap_or_else(|errors| panic!("{errors}"))
}

fn comparison(old: &ReleaseFiles, new: &ReleaseFiles) -> Comparison {
    compare(&of(old), old, &of(new), new)
}

/// Breaks after "! ", those that no release may bring after "!! ", others after "- ".
fn shown(differences: &[Difference]) -> Vec<String> {
    let line = |one: &Difference| match one.breaks {
        true if one.what.is_fixed() => format!("!! {one}"),
        true => format!("! {one}"),
        false => format!("- {one}"),
    };
    differences.iter().map(line).collect()
}

fn plain(manifest: &str) -> ReleaseFiles {
    files(manifest, TABLE, INPUT, OUTPUT)
}

/// What these changes of the manifest are, published as 1.3.0.
fn check(changes: &[(&str, &str)], expected: &[&str]) {
    let new = edited(changes).replace("version = \"1.2.0\"", "version = \"1.3.0\"");
    let found = comparison(&plain(OLD), &plain(&new));
    assert_eq!(shown(&found.differences), expected, "{changes:?}");
}

#[test]
fn versions_say_how_far_a_release_goes() {
    for (old, new, bump) in [
        ("1.2.3", "2.0.0", Bump::Major),
        ("1.2.3", "2.0.0-rc.1", Bump::Major),
        ("1.2.3", "1.3.0", Bump::Minor),
        ("1.2.3", "1.2.4", Bump::Patch),
        ("1.2.3-rc.1", "1.2.3", Bump::Patch),
        ("0.1.0", "0.2.0", Bump::Minor),
        ("1.2.3", "1.2.3", Bump::NotNewer),
        ("1.2.3", "1.2.3+build", Bump::NotNewer),
        ("1.2.3", "1.2.3-rc.1", Bump::NotNewer),
        ("2.0.0", "1.9.0", Bump::NotNewer),
    ] {
        let [old, new] = [old, new].map(|text| Version::parse(text).expect(text));
        assert_eq!(Bump::between(&old, &new), bump, "{old} {new}");
    }
    let published = ["1.0.0", "1.2.0", "2.0.0-rc.1", "3.0.0", "3.1.0"].map(|text| Version::parse(text).expect(text));
    for (new, expected) in [
        ("1.1.5", Some("1.2.0")),
        ("1.3.0", Some("1.2.0")),
        ("2.0.0", Some("1.2.0")),
        ("4.0.0", Some("3.1.0")),
        ("0.1.0", None),
    ] {
        let found = predecessor(&published, &Version::parse(new).expect(new)).map(Version::to_string);
        assert_eq!(found.as_deref(), expected, "{new}");
    }
}

#[test]
fn a_major_may_break_but_not_become_another_service() {
    let dearer = files(&edited(&[("1.2.0", "2.0.0")]), "key,credits\nBE,0.07\nFR,0.09\n", INPUT, OUTPUT);
    let found = comparison(&plain(OLD), &dearer);
    assert_eq!(found.bump, Bump::Major);
    let rise = "prices/sms.csv: FR rises from 0.07 to 0.09 credits";
    assert_eq!(found.differences.iter().map(Difference::to_string).collect::<Vec<_>>(), [rise]);
    assert_eq!(found.refusals().count(), 0);
    for version in ["1.3.0", "1.2.1"] {
        let dearer = files(&edited(&[("1.2.0", version)]), "key,credits\nBE,0.07\nFR,0.09\n", INPUT, OUTPUT);
        let refusals: Vec<String> = comparison(&plain(OLD), &dearer).refusals().map(Difference::refusal).collect();
        assert_eq!(refusals, [format!("{rise}; only a new major may")], "{version}");
    }
    let other = edited(&[("1.2.0", "2.0.0"), ("vendor = \"odoo\"", "vendor = \"acme\"")]).replace("sms", "text");
    let other = files(&other.replace("prices/text", "prices/sms"), TABLE, INPUT, OUTPUT);
    let refusals: Vec<String> = comparison(&plain(OLD), &other).refusals().map(Difference::refusal).collect();
    assert_eq!(
        refusals,
        [
            "[service]: name changes from \"sms\" to \"text\"; publish another service",
            "[service]: vendor changes from \"odoo\" to \"acme\"; publish another service",
        ]
    );
    let same = comparison(&plain(OLD), &plain(OLD));
    assert_eq!(
        shown(&same.differences),
        ["!! [service]: version 1.2.0 is not higher than 1.2.0, which is published; raise it"]
    );
    assert_eq!(same.refusals().count(), 1);
}

#[test]
fn a_comparison_is_written_as_json() {
    let found = comparison(
        &plain(OLD),
        &plain(&edited(&[("1.2.0", "1.2.1"), ("jobs = true\n", "jobs = true\ncallback = true\n")])),
    );
    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(
        json,
        r#"{"bump":"patch","differences":[{"what":"permission","place":"[permissions]","message":"callback is new","breaks":true}]}"#
    );
    assert_eq!(serde_json::from_str::<Comparison>(&json).unwrap(), found);
}
