use proptest::prelude::*;

use super::*;
use crate::prices::{Caps, Line, price_lines};

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

/// Breaks after "! ", others after "- ".
fn shown(differences: &[Difference]) -> Vec<String> {
    let line = |one: &Difference| match one.message.strip_suffix("; only a new major may") {
        Some(message) if one.breaks => format!("! {}: {message}", one.place),
        _ if one.breaks => format!("!! {one}"),
        _ => format!("- {one}"),
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
    let rise = "prices/sms.csv: FR rises from 0.07 to 0.09 credits; only a new major may";
    assert_eq!(found.differences.iter().map(Difference::to_string).collect::<Vec<_>>(), [rise]);
    assert_eq!(found.refusals().count(), 0);
    for version in ["1.3.0", "1.2.1"] {
        let dearer = files(&edited(&[("1.2.0", version)]), "key,credits\nBE,0.07\nFR,0.09\n", INPUT, OUTPUT);
        let refusals: Vec<String> = comparison(&plain(OLD), &dearer).refusals().map(Difference::to_string).collect();
        assert_eq!(refusals, [rise], "{version}");
    }
    let other = edited(&[("1.2.0", "2.0.0"), ("vendor = \"odoo\"", "vendor = \"acme\"")]).replace("sms", "text");
    let other = files(&other.replace("prices/text", "prices/sms"), TABLE, INPUT, OUTPUT);
    let refusals: Vec<String> = comparison(&plain(OLD), &other).refusals().map(Difference::to_string).collect();
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
fn offers_keep_their_promise() {
    check(&[], &[]);
    check(
        &[("title = \"SMS\"", "title = \"Text\"\nunit = \"stamp\"")],
        &[
            "! [service]: unit changes from \"credit\" to \"stamp\"",
            "- [service]: title changes from \"SMS\" to \"Text\"",
        ],
    );
    check(&[("365 days", "30 days")], &["! [service]: credits_expire goes from 365 days to 30 days"]);
    check(
        &[("credits_expire = \"365 days\"\n", "breakage = \"vendor\"\n")],
        &[
            "! [service]: breakage goes from the host to the vendor",
            "- [service]: credits_expire goes from 365 days to never",
        ],
    );
    check(&[("[trial]\ncredits = \"10\"", "[trial]\ncredits = \"5\"")], &["- [trial]: goes from 10 to 5 credits"]);
    check(
        &[("store:sender/{account}", "x"), ("+", "more = \"y\"")],
        &["- [account_information]: \"sender\" comes from elsewhere", "- [account_information]: \"more\" is new"],
    );
}

#[test]
fn a_credit_never_gets_dearer() {
    check(
        &[("\"0.90\"", "\"0.91\"")],
        &["! [[packs]] \"Starter\": a credit gets dearer: 0.90 EUR for 10 credits becomes 0.91 EUR for 10 credits"],
    );
    check(
        &[("\"0.90\"", "\"0.80\"")],
        &["- [[packs]] \"Starter\": 0.90 EUR for 10 credits becomes 0.80 EUR for 10 credits"],
    );
    // The same price for fewer credits; as much for more credits; exactly as much a credit in a larger one.
    check(
        &[("credits = \"10\"\nprice", "credits = \"9\"\nprice")],
        &[
            "! [[packs]] \"Starter\": a credit gets dearer: 0.90 EUR for 10 credits becomes 0.90 EUR for 9 credits",
            "! [[packs]] \"Starter\": a credit gets dearer: 1.00 USD for 10 credits becomes 1.00 USD for 9 credits",
        ],
    );
    check(
        &[(
            "credits = \"10\"\nprice = { EUR = \"0.90\", USD = \"1.00\" }",
            "credits = \"20\"\nprice = { EUR = \"1.80\", USD = \"2.00\" }",
        )],
        &[
            "! [[packs]] \"Starter\": a credit costs as little only in a larger pack: 0.90 EUR for 10 credits becomes 1.80 EUR for 20 credits",
            "! [[packs]] \"Starter\": a credit costs as little only in a larger pack: 1.00 USD for 10 credits becomes 2.00 USD for 20 credits",
        ],
    );
    check(
        &[(", USD = \"1.00\"", ", GBP = \"0.80\"")],
        &[
            "! [[packs]] \"Starter\": is no longer sold in USD, and no pack as small costs as little a credit; it was 1.00 USD for 10 credits",
            "- [[packs]] \"Starter\": is now sold in GBP too, for 0.80 GBP",
        ],
    );
    // Another name alone, and a pack that a smaller one makes up for.
    check(
        &[("name = \"Starter\"", "name = \"First\"")],
        &[
            "- [[packs]] \"Starter\": is no longer sold",
            "- [[packs]] \"First\": is new: 10 credits for 0.90 EUR, 1.00 USD",
        ],
    );
    check(
        &[
            ("\"0.90\"", "\"0.80\""),
            ("[[packs]]\nname = \"Large\"\ncredits = \"100\"\nprice = { EUR = \"8.00\" }\n", ""),
        ],
        &[
            "- [[packs]] \"Starter\": 0.90 EUR for 10 credits becomes 0.80 EUR for 10 credits",
            "- [[packs]] \"Large\": is no longer sold",
        ],
    );
    let packs = of(&plain(OLD)).packs;
    let without = pack_edit(&packs, &packs[..1]);
    assert_eq!(
        shown(&without),
        [
            "- [[packs]] \"Large\": is no longer sold",
            "! [[packs]] \"Large\": is no longer sold in EUR, and no pack as small costs as little a credit; it was 8.00 EUR for 100 credits",
        ]
    );
}

fn check_table(table: &str, expected: &[&str]) {
    let new = files(&edited(&[("1.2.0", "1.2.1")]), table, INPUT, OUTPUT);
    assert_eq!(shown(&comparison(&plain(OLD), &new).differences), expected, "{table}");
}

#[test]
fn no_price_rises_goes_or_begins_to_vary() {
    check_table(
        "key,credits\nBE,0.070001\nFR,0.06\nDE,1\n",
        &[
            "! prices/sms.csv: BE rises from 0.07 to 0.070001 credits",
            "- prices/sms.csv: FR falls from 0.07 to 0.06 credits",
            "- prices/sms.csv: DE is new, at 1 credits",
        ],
    );
    check_table("key,credits\nBE,0.07\n", &["! prices/sms.csv: FR has no price any more"]);
    let look_up = |rate: &str| [("credits = \"0.5\"", rate.to_owned())];
    for (rate, expected) in [
        ("credits = \"0.6\"", "! [[operations]] \"send\", item \"look-up\": the price rises from 0.5 to 0.6 credits"),
        ("credits = \"0.4\"", "- [[operations]] \"send\", item \"look-up\": the price falls from 0.5 to 0.4 credits"),
        ("variable = true", "! [[operations]] \"send\", item \"look-up\": the price begins to vary"),
        (
            "table = \"prices/sms.csv\"",
            "- [[operations]] \"send\", item \"look-up\": was 0.5 credits for all, and is no more by prices/sms.csv",
        ),
    ] {
        let [(old, new)] = look_up(rate);
        check(&[(old, &new)], &[expected]);
    }
    let special = "item = \"special\"\nvariable = true";
    check(
        &[(special, "item = \"special\"\ncredits = \"1\"")],
        &["- [[operations]] \"send\", item \"special\": the price no longer varies"],
    );
    check(
        &[(special, "item = \"other\"\nvariable = true")],
        &[
            "! [[operations]] \"send\", item \"special\": is gone",
            "! [[operations]] \"send\", item \"other\": is new, and its price varies",
        ],
    );
    let part = "item = \"part\"\ntable = \"prices/sms.csv\"\n[[operations.prices]]";
    let fixed = |credits: &str| format!("item = \"part\"\ncredits = \"{credits}\"\n[[operations.prices]]");
    check(
        &[(part, &fixed("0.08"))],
        &[
            "! [[operations]] \"send\", item \"part\": the price of BE rises from 0.07 to 0.08 credits, which all keys cost now",
        ],
    );
    check(
        &[(part, &fixed("0.07"))],
        &["- [[operations]] \"send\", item \"part\": is 0.07 credits for all keys, and was no less for any"],
    );
    let rows = |credits: &str| (0..1_000).map(|n| format!("k{n:03},{credits}\n")).collect::<String>();
    let [old, new] = ["1", "2"].map(|credits| format!("key,credits\n{}", rows(credits)));
    let old = files(OLD, &old, INPUT, OUTPUT);
    let dearer = comparison(&old, &files(&edited(&[("1.2.0", "1.2.1")]), &new, INPUT, OUTPUT));
    assert_eq!(dearer.differences.len(), 21);
    assert_eq!(shown(&dearer.differences)[20], "! prices/sms.csv: 980 more rows rise");
}

#[test]
fn an_edit_of_prices_may_raise_with_notice_and_never_drop() {
    let edited = files(OLD, "key,credits\nBE,0.08\n", INPUT, OUTPUT);
    let found = price_edit(&of(&plain(OLD)), &of(&edited));
    assert_eq!(
        found.iter().map(|one| (one.to_string(), one.breaks, one.needs_notice())).collect::<Vec<_>>(),
        [
            ("prices/sms.csv: BE rises from 0.07 to 0.08 credits; give notice of 14 days".to_owned(), true, true),
            ("prices/sms.csv: FR has no price any more; only a new major may".to_owned(), true, false),
        ]
    );
    let cheaper = files(OLD, "key,credits\nBE,0.07\nFR,0.01\n", INPUT, OUTPUT);
    let found = price_edit(&of(&plain(OLD)), &of(&cheaper));
    assert_eq!(shown(&found), ["- prices/sms.csv: FR falls from 0.07 to 0.01 credits"]);
}

#[test]
fn operations_stay_as_they_are() {
    check(
        &[
            ("title = \"Send\"", "title = \"Dispatch\"\non_unknown = \"capture\"\nmax_body = \"2 MiB\""),
            ("natural_key = \"/uuid\"", "free = true"),
        ],
        &[
            "- [[operations]] \"send\": title changes from \"Send\" to \"Dispatch\"",
            "- [[operations]] \"send\": is free now",
            "! [[operations]] \"send\": natural_key changes, so that other repeats are answered for no credits",
            "! [[operations]] \"send\": on_unknown changes from \"release\" to \"capture\"",
            "- [[operations]] \"send\": max_body goes from 1 MiB to 2 MiB",
        ],
    );
    check(
        &[
            ("max_per_call = \"100\"\nnatural_key", "max_per_call = \"100.5\"\nnatural_key"),
            ("max_per_call = \"100\"\non", "max_per_call = \"50\"\non"),
        ],
        &[
            "! [[operations]] \"send\": max_per_call goes from 100 to 100.5 credits",
            "- [[operations]] \"bulk\": max_per_call goes from 100 to 50 credits",
        ],
    );
    check(
        &[
            ("on_unknown = \"ask\"", "on_unknown = \"release\""),
            (
                "free = true\nmax_body = \"2 MiB\"",
                "max_per_call = \"1\"\n[[operations.prices]]\nitem = \"one\"\ncredits = \"1\"",
            ),
        ],
        &[
            "- [[operations]] \"bulk\": on_unknown changes from \"ask\" to \"release\"",
            "! [[operations]] \"register\": max_per_call goes from 0 to 1 credits",
            "! [[operations]] \"register\": is no longer free",
            "! [[operations]] \"register\": max_body goes from 2 MiB to 1 MiB",
            "- [[operations]] \"register\", item \"one\": is new, at 1 credits",
        ],
    );
    check(
        &[("name = \"register\"", "name = \"sign_up\"")],
        &["! [[operations]] \"register\": is gone", "- [[operations]] \"sign_up\": is new, and free"],
    );
    check(
        &[
            ("jobs = true", "jobs = true\nblobs = \"1 MiB\""),
            ("natural_key = \"/uuid\"", "natural_key = \"/uuid\"\nblobs = [\"/pdf\"]"),
        ],
        &["! [[operations]] \"send\": \"/pdf\" must be base64 now", "! [permissions]: blobs goes from 0 B to 1 MiB"],
    );
}

#[test]
fn schemas_are_compared_once_with_their_place() {
    let manifest = edited(&[("1.2.0", "1.2.1")]);
    let stricter = r#"{"type": "object", "properties": {"text": {"type": "string"}}}"#;
    let looser = r#"{"type": "object", "properties": {"id": {"type": "string"}}}"#;
    let found = comparison(&plain(OLD), &files(&manifest, TABLE, stricter, looser));
    assert_eq!(
        shown(&found.differences),
        [
            "! schemas/send.json#/properties/text: the input: no longer takes the type null",
            "! schemas/sent.json#: the output: the member \"id\" is no longer always there",
        ]
    );
    let found = comparison(&files(OLD, TABLE, stricter, looser), &files(&manifest, TABLE, INPUT, OUTPUT));
    assert_eq!(
        shown(&found.differences),
        [
            "- [[operations]] \"send\": input changes, and takes all that it took (schemas/send.json)",
            "- [[operations]] \"send\": output changes, and gives nothing unexpected (schemas/sent.json)",
        ]
    );
    check(
        &[(
            "input = \"schemas/send.json\"\noutput = \"schemas/sent.json\"\nmax_per_call = \"100\"\nnatural",
            "max_per_call = \"100\"\nnatural",
        )],
        &[
            "- [[operations]] \"send\": input is no longer described",
            "! [[operations]] \"send\": output is no longer described",
        ],
    );
    check(
        &[("free = true", "free = true\ninput = \"schemas/send.json\"\noutput = \"schemas/sent.json\"")],
        &[
            "! [[operations]] \"register\": input is described now, where anything was taken",
            "- [[operations]] \"register\": output changes, and gives nothing unexpected (schemas/sent.json)",
        ],
    );
}

#[test]
fn a_release_reaches_no_further() {
    check(
        &[
            ("https://api.example.com/v1", "https://api.example.com:443/v2"),
            ("bearer = \"secret:token\"", "bearer = \"secret:key\""),
        ],
        &[
            "- [[http]] \"carrier\": base_url changes from https://api.example.com/v1 to https://api.example.com:443/v2",
            "- [[http]] \"carrier\": auth changes",
            "- [[secrets]] \"key\": is new; set it before this release serves",
            "- [[secrets]] \"token\": is gone",
        ],
    );
    check(
        &[("https://api.example.com/v1", "https://api.example.com:8443/v1")],
        &[
            "! [[http]] \"carrier\": reaches https://api.example.com:8443, which is new",
            "- [[http]] \"carrier\": base_url changes from https://api.example.com/v1 to https://api.example.com:8443/v1",
        ],
    );
    check(
        &[("methods = [\"POST\"]", "methods = [\"POST\", \"DELETE\"]")],
        &["! [[http]] \"carrier\": sends DELETE to https://api.example.com, which is new"],
    );
    let more = "[[http]]\nname = \"more\"\nbase_url = \"https://api.example.com\"\nmethods = [\"POST\"]\n[[http]]\nname = \"other\"\nbase_url = \"https://other.example.com\"\nmethods = [\"GET\"]\n[[config]]";
    check(
        &[("[[config]]", more), ("\"storage.example.com\"", "\"api.example.com\", \"new.example.com\"")],
        &[
            "- [[http]] \"more\": is new, to https://api.example.com, which was reached before",
            "! [[http]] \"other\": reaches https://other.example.com, which is new",
            "- [service] data_hosts: data goes to api.example.com now",
            "! [service] data_hosts: data goes to new.example.com now",
            "- [service] data_hosts: data no longer goes to storage.example.com",
        ],
    );
    check(
        &[("store = \"1 MiB\"\njobs = true", "store = \"2 MiB\"\njobs = true\ncallback = true")],
        &["! [permissions]: store goes from 1 MiB to 2 MiB", "! [permissions]: callback is new"],
    );
    check(&[("store = \"1 MiB\"", "store = \"1 KiB\"")], &["- [permissions]: store goes from 1 MiB to 1 KiB"]);
    check(
        &[("[[hooks]]", "[limits]\nmemory = \"64 MiB\"\ntime = \"5 s\"\n[[hooks]]")],
        &["- [limits]: memory goes from 32 MiB to 64 MiB", "- [limits]: time goes from 10000 ms to 5000 ms"],
    );
}

#[test]
fn what_has_to_be_set_is_told() {
    check(
        &[("default = \"IAP\"", "required = true")],
        &[
            "- [[config]] \"sender\": is required now; set it before this release serves",
            "- [[config]] \"sender\": the default changes from \"IAP\" to none",
        ],
    );
    let more = "[[config]]\nname = \"a\"\ndescription = \"A.\"\nrequired = true\n[[config]]\nname = \"b\"\ndescription = \"B.\"\n[permissions]";
    check(
        &[("[permissions]", more), ("name = \"sender\"", "name = \"from\"")],
        &[
            "- [[config]] \"from\": is new",
            "- [[config]] \"a\": is required now; set it before this release serves",
            "- [[config]] \"b\": is new",
            "- [[config]] \"sender\": is gone",
        ],
    );
}

#[test]
fn paths_stay() {
    check(
        &[("path = \"status\"", "path = \"state\"")],
        &["! [[hooks]] \"status\": is gone", "- [[hooks]] \"state\": is new"],
    );
    check(
        &[("path = \"status\"", "path = \"status\"\nonce = \"2 days\"")],
        &["- [[hooks]] \"status\": once goes from none to 2 days"],
    );
    check(&[("/{version}/send", "/{v}/send")], &[]);
    check(
        &[("/{version}/send", "/1/send")],
        &[
            "! [[routes]] \"/iap/s/sms/{version}/send\": is gone",
            "- [[routes]] \"/iap/s/sms/1/send\": is new, answered by \"send\"",
        ],
    );
    check(
        &[(
            "operation = \"send\"\naccount = \"account_token\"",
            "operation = \"bulk\"\naccount = \"none\"\ndatabase = \"dbuuid\"\nmax_body = \"1 KiB\"",
        )],
        &[
            "! [[routes]] \"/iap/s/sms/{version}/send\": is answered by \"bulk\" instead of \"send\"",
            "! [[routes]] \"/iap/s/sms/{version}/send\": account changes from \"account_token\" to none",
            "- [[routes]] \"/iap/s/sms/{version}/send\": database changes from none to \"dbuuid\"",
            "! [[routes]] \"/iap/s/sms/{version}/send\": max_body goes from 1 MiB to 1 KiB",
        ],
    );
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
        r#"{"bump":"patch","differences":[{"what":"permission","place":"[permissions]","message":"callback is new; only a new major may","breaks":true}]}"#
    );
    assert_eq!(serde_json::from_str::<Comparison>(&json).unwrap(), found);
}

fn any_prices() -> impl Strategy<Value = (String, String)> {
    let row = |key: &'static str| {
        prop::option::weighted(0.8, 1..4u8).prop_map(move |credits| credits.map(|credits| format!("{key},{credits}")))
    };
    let rows = (row("BE"), row("FR"), row("LU"))
        .prop_map(|(be, fr, lu)| [be, fr, lu].into_iter().flatten().collect::<Vec<_>>());
    let table = rows.prop_map(|rows| if rows.is_empty() { "US,1".to_owned() } else { rows.join("\n") });
    let rate = prop_oneof![
        3 => Just("table = \"prices/sms.csv\"".to_owned()),
        1 => (1..4u8).prop_map(|credits| format!("credits = \"{credits}\"")),
        1 => Just("variable = true".to_owned()),
    ];
    (rate, table)
}

proptest! {
    /// What could be priced at all costs no more by a release that is not refused.
    #[test]
    fn a_release_without_refusals_is_no_dearer((old_rate, old_table) in any_prices(), (rate, table) in any_prices()) {
        let release = |version: &str, rate: &str, rows: &str| {
            let part = "item = \"part\"\ntable = \"prices/sms.csv\"\n[[operations.prices]]";
            let fixed = format!("item = \"part\"\n{rate}\n[[operations.prices]]");
            // "bulk" goes by the table whatever "send" does.
            files(&edited(&[("1.2.0", version), (part, &fixed)]), &format!("key,credits\n{rows}\n"), INPUT, OUTPUT)
        };
        let (old, new) = (release("1.2.0", &old_rate, &old_table), release("1.3.0", &rate, &table));
        if comparison(&old, &new).refusals().count() > 0 {
            return Ok(());
        }
        let price = |files: &ReleaseFiles, operation: &str, key: &str| {
            let line = Line { item: "part".to_owned(), key: key.to_owned(), units: 1, note: String::new() };
            let manifest = of(files);
            let priced = price_lines(manifest.operation(operation).expect("there"), &[line], Caps::default());
            priced.ok().map(|priced| priced.total)
        };
        for operation in ["send", "bulk"] {
            let by_key = |files| ["BE", "FR", "LU", "US"].map(|key| price(files, operation, key).or_else(|| price(files, operation, "")));
            for (before, after) in by_key(&old).into_iter().zip(by_key(&new)) {
                let is_no_dearer = before.zip(after).is_none_or(|(before, after)| after <= before);
                prop_assert!(is_no_dearer, "{operation}: {before:?} becomes {after:?}");
                // A row that was there is there; a fixed price may have become a table.
                prop_assert!(before.is_none() || after.is_some() || !old_rate.starts_with("table"), "{operation}: {before:?} is gone");
            }
        }
    }
}
