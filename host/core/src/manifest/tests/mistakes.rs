//! Mistakes in shape, in the service, and in what it sells, with the exact texts that a vendor reads.

use super::*;

#[test]
fn unknown_members_are_errors_with_a_suggestion() {
    check(
        "max_per_call",
        "max_percall",
        "plugin.toml:28: [[operations]] \"send_v3\": \"max_per_call\" is missing; add max_per_call = \"100\", the most credits that one call may hold\n\
         plugin.toml:32: [[operations]] \"send_v3\": unknown member \"max_percall\"; did you mean \"max_per_call\"?",
    );
    check("[limits]", "[limit]", "plugin.toml:77: unknown member \"limit\"; did you mean \"limits\"?");
    check(
        "jobs = true",
        "mail = true",
        "plugin.toml:74: [permissions]: unknown member \"mail\"; known are \"store\", \"blobs\", \"jobs\", \"callback\"",
    );
    check(
        "basic = [\"config:twilio-account-sid\", \"secret:twilio-auth-token\"]",
        "baisc = [\"config:a\", \"secret:b\"]",
        "plugin.toml:54: [[http]] \"carrier\": \"auth\": has 0 kinds of credentials; write exactly one of basic, bearer, header and query\n\
         plugin.toml:54: [[http]] \"carrier\": \"auth\": unknown member \"baisc\"; did you mean \"basic\"?",
    );
}

#[test]
fn every_mistake_is_told_at_once_in_order() {
    let manifest = "[service]\nname = \"my-service\"\nversion = \"1\"\napi = \"2.0\"\n\n[[operations]]\nname = \"run\"\n\n[[operations.prices]]\nitem = \"run\"\ntable = \"prices/smss.csv\"\n";
    check_text(
        manifest,
        "plugin.toml:1: [service]: \"title\" is missing; add title = \"My service\"\n\
         plugin.toml:1: [service]: \"vendor\" is missing; add vendor = \"my-company\"\n\
         plugin.toml:1: [service]: \"summary\" is missing; add summary = \"What it does for whom, in one sentence.\"\n\
         plugin.toml:1: [service]: \"category\" is missing; add category = \"Communication\"\n\
         plugin.toml:2: [service]: \"name\": \"my-service\" must be 1 to 40 of a-z, 0-9 and \"_\", beginning with a letter; write \"my_service\"\n\
         plugin.toml:3: [service]: \"version\": \"1\" is no semantic version: unexpected end of input while parsing major version number; write one as \"1.2.0\"\n\
         plugin.toml:4: [service]: \"api\": \"2.0\" is no contract version of this host; write \"1.0\"\n\
         plugin.toml:6: [[operations]] \"run\": \"title\" is missing; add title = \"Send text messages\"\n\
         plugin.toml:6: [[operations]] \"run\": \"max_per_call\" is missing; add max_per_call = \"100\", the most credits that one call may hold\n\
         plugin.toml:11: [[operations.prices]] \"run\": \"table\": \"prices/smss.csv\" is no file of the release; did you mean \"prices/sms.csv\"?",
    );
    let errors = Manifest::parse(&release(manifest, TABLE)).unwrap_err();
    let name = errors.iter().find(|error| error.line == Some(2)).expect("the name's");
    assert_eq!((name.file.as_str(), name.column), (MANIFEST_FILE, Some(8)));
}

#[test]
fn an_empty_release_says_what_to_write() {
    assert_eq!(
        Manifest::parse(&ReleaseFiles::default()).unwrap_err().to_string(),
        "plugin.toml: the release has no plugin.toml; put it at the root of the plugin"
    );
    check_text(
        "",
        "plugin.toml:1: \"service\" is missing; add a table headed [service]\n\
         plugin.toml:1: the manifest declares nothing to do; add an [[operations]] table",
    );
}

#[test]
fn tables_of_the_wrong_shape_are_named() {
    check("[service]", "[[service]]", "plugin.toml:1: \"service\": must be one table, headed [service]");
    check_text(
        "hooks = 1\n[http]\nname = \"x\"\n",
        "plugin.toml:1: \"service\" is missing; add a table headed [service]\n\
         plugin.toml:1: \"hooks\": must be any number of tables, each headed [[hooks]]\n\
         plugin.toml:2: \"http\": must be any number of tables, each headed [[http]]",
    );
    check(
        "credits = \"0.5\"",
        "credits = 0.5",
        "plugin.toml:40: [[operations.prices]] \"look-up\": \"credits\": must be in quotes",
    );
    check("jobs = true", "jobs = \"yes\"", "plugin.toml:74: [permissions]: \"jobs\": must be true or false");
    check(
        "methods = [\"GET\"]",
        "methods = \"GET\"",
        "plugin.toml:59: [[http]] \"directory\": \"methods\": must be a list of texts in quotes, in [ ]",
    );
}

#[test]
fn what_is_no_toml_is_told_at_its_line() {
    let errors = Manifest::parse(&release("[service]\nname = sms\n", TABLE)).unwrap_err();
    let first = errors.iter().next().expect("an error");
    assert_eq!(first.line, Some(2));
    assert!(first.message.starts_with("is not TOML: "), "{first}");
}

/// A minimal manifest with `more` at its end, on lines 10 and on.
fn check_more(more: &str, expected: &str) {
    let service = "[service]\nname = \"echo\"\ntitle = \"Echo\"\nvendor = \"acme\"\nversion = \"1.0.0\"\napi = \"1.0\"\nsummary = \"Echoes.\"\ncategory = \"Other\"\n\n";
    let hooks = if more.contains("[[operations]]") { "" } else { "[[hooks]]\npath = \"x\"\n" };
    check_text(&format!("{service}{more}{hooks}"), expected);
}

#[test]
fn a_minimal_manifest_is_fine() {
    check_more("[[operations]]\nname = \"echo\"\ntitle = \"Echo\"\nfree = true\n", "fine");
    check_more("", "fine");
}

#[test]
fn service_texts_have_a_form() {
    check(
        "support = \"mailto:help@example.com\"",
        "support = \"help\"",
        "plugin.toml:10: [service]: \"support\": \"help\" must be a mailto: or https: address, as \"mailto:help@example.com\"",
    );
    check(
        "privacy = \"https:",
        "privacy = \"http:",
        "plugin.toml:11: [service]: \"privacy\": \"http://example.com/privacy\" is no https: address; write one as \"https://example.com/privacy\"",
    );
    check(
        "[\"api.twilio.com\"]",
        "[\"https://api.twilio.com\"]",
        "plugin.toml:13: [service]: \"data_hosts\": \"https://api.twilio.com\" is no host name; write one as \"api.example.com\"",
    );
    check("title = \"SMS\"", "title = \"\"", "plugin.toml:3: [service]: \"title\": the text is empty; write one");
}

#[test]
fn packs_have_a_name_credits_and_prices() {
    check(
        "name = \"Starter Pack\"",
        "name = \"Standard Pack\"",
        "plugin.toml:24: [[packs]] \"Standard Pack\": \"name\": \"Standard Pack\" is declared twice; rename or remove one",
    );
    check(
        "EUR = \"0.90\"",
        "EUR = \"0.905\"",
        "plugin.toml:26: [[packs]] \"Starter Pack\": \"price\": \"EUR\": \"0.905\" has more than the 2 decimals of EUR",
    );
    check(
        "EUR = \"0.90\"",
        "Eur = \"0.90\"",
        "plugin.toml:26: [[packs]] \"Starter Pack\": \"price\": \"Eur\": \"Eur\" is not an ISO 4217 code such as \"EUR\"",
    );
    check(
        "EUR = \"0.90\"",
        "EUR = \"0\"",
        "plugin.toml:26: [[packs]] \"Starter Pack\": \"price\": \"EUR\": \"0\" must be above zero",
    );
    check(
        "EUR = \"0.90\"",
        "EUR = 0.90",
        "plugin.toml:26: [[packs]] \"Starter Pack\": \"price\": \"EUR\": must be a text in quotes",
    );
    check(
        "{ EUR = \"9\" }",
        "{}",
        "plugin.toml:21: [[packs]] \"Standard Pack\": \"price\": has no price; add one, as EUR = \"0.90\"",
    );
    check(
        "price = { EUR = \"9\" }\n",
        "",
        "plugin.toml:18: [[packs]] \"Standard Pack\": \"price\" is missing; add price = { EUR = \"0.90\" }",
    );
    check(
        "credits = \"100\"",
        "credits = \"-1\"",
        "plugin.toml:20: [[packs]] \"Standard Pack\": \"credits\": \"-1\" must be above zero",
    );
}

#[test]
fn operations_have_a_limit_and_a_price() {
    check_more(
        "[[operations]]\nname = \"echo\"\ntitle = \"Echo\"\n",
        "plugin.toml:10: [[operations]] \"echo\": has no price; add an [[operations.prices]] table, or write free = true\n\
         plugin.toml:10: [[operations]] \"echo\": \"max_per_call\" is missing; add max_per_call = \"100\", the most credits that one call may hold",
    );
    check(
        "name = \"register\"",
        "name = \"send_v3\"",
        "plugin.toml:46: [[operations]] \"send_v3\": \"name\": \"send_v3\" is declared twice; rename or remove one\nplugin.toml:95: [[routes]] \"/iap/s/sms/{version}/register\": \"operation\": \"register\" is no operation of this service; known are \"send_v3\"",
    );
    check(
        "on_unknown = \"capture\"",
        "on_unknown = \"captured\"",
        "plugin.toml:34: [[operations]] \"send_v3\": \"on_unknown\": \"captured\" is no answer to an unknown outcome; did you mean \"capture\"?",
    );
    check(
        "\"/messages/*/numbers/*/uuid\"",
        "\"messages/*\"",
        "plugin.toml:33: [[operations]] \"send_v3\": \"natural_key\": \"messages/*\" is no JSON Pointer; write one with \"*\" for every element, as \"/messages/*/uuid\"",
    );
    for (parts, expected) in [
        ("{ members = [\"a\"] }", "\"each\" is missing; add each = \"/documents/*\""),
        ("{ each = \"/documents/*\" }", "\"members\" is missing; add members = [\"id\", \"pdf\"]"),
        (
            "{ each = \"/documents/*\", members = [\"a b\"] }",
            "\"members\": \"a b\" is no name of a member; write letters, digits and \"_\", as \"account_token\"",
        ),
    ] {
        check(
            "\"/messages/*/numbers/*/uuid\"",
            parts,
            &format!("plugin.toml:33: [[operations]] \"send_v3\": \"natural_key\": {expected}"),
        );
    }
    check(
        "credits = \"0.5\"",
        "credits = \"10000.5\"",
        "plugin.toml:40: [[operations.prices]] \"look-up\": \"credits\": one unit costs 10000.5 credits, more than the operation's max_per_call of 10000; raise max_per_call",
    );
    check(
        "item = \"look-up\"",
        "item = \"message part\"",
        "plugin.toml:39: [[operations.prices]] \"message part\": \"item\": \"message part\" is declared twice; rename or remove one",
    );
    for (old, new, count) in
        [("variable = true", "variable = false", 0), ("credits = \"0.5\"", "credits = \"0.5\"\nvariable = true", 2)]
    {
        let (line, item) = if count == 0 { (41, "special number") } else { (38, "look-up") };
        check(
            old,
            new,
            &format!(
                "plugin.toml:{line}: [[operations.prices]] \"{item}\": has {count} prices; write exactly one of table = \"prices/….csv\", credits = \"1\" and variable = true"
            ),
        );
    }
}

#[test]
fn operations_are_counted() {
    let operation = |number| format!("[[operations]]\nname = \"o{number}\"\ntitle = \"O\"\nfree = true\n");
    check_more(&(0..200).map(operation).collect::<String>(), "fine");
    check_more(
        &(0..201).map(operation).collect::<String>(),
        "plugin.toml:810: [[operations]]: is one operation too many; a service has at most 200",
    );
}

#[test]
fn other_files_have_their_own_lines() {
    let answer = |files: ReleaseFiles| Manifest::parse(&files).unwrap_err().to_string();
    let two_prices =
        FULL.replace("item = \"look-up\"\ncredits = \"0.5\"", "item = \"look-up\"\ntable = \"prices/sms.csv\"");
    assert_eq!(
        answer(release(&two_prices, "key,credits\nBE,0.7\nBE,0.8\nFR,x\n")),
        "prices/sms.csv:3: the key \"BE\" stands on line 2 already; remove one\n\
         prices/sms.csv:4: credits of \"FR\": \"x\" is not a decimal number such as \"12.5\""
    );
    let schema = |text: &str| release(FULL, TABLE).with("schemas/send_v3.json", text).expect("a path");
    assert_eq!(answer(schema("{\n  \"type\": object\n}")), "schemas/send_v3.json:2: is not JSON: expected value");
    assert_eq!(answer(schema("[]")), "schemas/send_v3.json:1: must be a JSON Schema in { }");
    check(
        "schemas/send_v3.json",
        "schemas/send.json",
        "plugin.toml:31: [[operations]] \"send_v3\": \"input\": \"schemas/send.json\" is no file of the release; did you mean \"schemas/send_v3.json\"?",
    );
}
