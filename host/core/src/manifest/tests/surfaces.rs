//! Mistakes in what a service calls and answers: endpoints, limits, hooks, routes, account information.

use super::check;

#[test]
fn endpoints_are_https_with_methods() {
    let base = |url: &str, expected: &str| {
        check(
            "\"https://api.twilio.com\"",
            &format!("{url:?}"),
            &format!("plugin.toml:52: [[http]] \"carrier\": \"base_url\": {url:?} {expected}"),
        )
    };
    base("http://api.twilio.com", "must begin with https://; the operator may override it on the host");
    base("https://api.twilio.com/", "must not end with \"/\"; write \"https://api.twilio.com\"");
    for url in [
        "https://user@api.twilio.com",
        "https://api.twilio.com?x=1",
        "https://api.twilio.com/a/../b",
        "https://",
        "https://a:0",
        "https://a:99999",
        "ftp://a",
        "https://API.example.com",
        "https://a//b",
    ] {
        base(url, "is no base address; write one as \"https://api.example.com/v2\"");
    }
    check(
        "[\"POST\", \"GET\"]",
        "[\"post\", \"GET\", \"GET\"]",
        "plugin.toml:53: [[http]] \"carrier\": \"methods\": \"post\" is no method; did you mean \"POST\"?\nplugin.toml:53: [[http]] \"carrier\": \"methods\": \"GET\" stands here twice; remove one",
    );
    check(
        "methods = [\"GET\"]\n",
        "",
        "plugin.toml:56: [[http]] \"directory\": \"methods\" is missing; add methods = [\"POST\"]",
    );
}

#[test]
fn credentials_name_values_and_never_show_what_stands_instead() {
    let auth = |new: &str, expected: &str| {
        check(
            "{ basic = [\"config:twilio-account-sid\", \"secret:twilio-auth-token\"] }",
            new,
            &format!("plugin.toml:54: [[http]] \"carrier\": \"auth\": {expected}"),
        )
    };
    auth(
        "{ bearer = \"sk_live_123\" }",
        "\"bearer\": must name a value, as \"config:account-id\" or \"secret:api-key\"; credentials never stand in plugin.toml",
    );
    auth(
        "{ basic = [\"config:a\"] }",
        "\"basic\" takes two values; write basic = [\"config:user\", \"secret:password\"]",
    );
    auth(
        "{ bearer = \"secret:A\" }",
        "\"bearer\": \"A\" must be 1 to 60 of a-z, 0-9, \"_\" and \"-\", beginning with a letter; write \"a\"",
    );
    auth(
        "{ header = { name = \"Host\", value = \"secret:a\" } }",
        "\"header\": \"name\": \"Host\" is set by the host; use another header",
    );
    auth(
        "{ query = { name = \"a b\", value = \"secret:a\" } }",
        "\"query\": \"name\": \"a b\" is no name of a query parameter; write one as \"key\"",
    );
    auth(
        "{ bearer = \"secret:a\", query = { name = \"a\", value = \"secret:a\" } }",
        "has 2 kinds of credentials; write exactly one of basic, bearer, header and query",
    );
    auth("\"secret:a\"", "must be a table in { }");
    check(
        "default = \"IAP\"",
        "default = \"IAP\"\nrequired = true",
        "plugin.toml:62: [[config]] \"sender\": has a default, so it cannot be missing; remove \"required\" or \"default\"",
    );
}

#[test]
fn limits_have_ranges() {
    for memory in ["1023 KiB", "129 MiB"] {
        check(
            "memory = \"16 MiB\"",
            &format!("memory = {memory:?}"),
            &format!("plugin.toml:78: [limits]: \"memory\": {memory:?} is out of range; write 1 MiB to 128 MiB"),
        );
    }
    for time in ["0 s", "121 s"] {
        check(
            "time = \"20 s\"",
            &format!("time = {time:?}"),
            &format!("plugin.toml:79: [limits]: \"time\": {time:?} is out of range; write 1 ms to 120 s"),
        );
    }
    check(
        "time = \"20 s\"",
        "job_time = \"11 min\"",
        "plugin.toml:79: [limits]: \"job_time\": \"11 min\" is out of range; write 1 ms to 600 s",
    );
    check(
        "store = \"1 MiB\"",
        "store = \"1MB\"",
        "plugin.toml:72: [permissions]: \"store\": \"1MB\" is no size; write a whole number and B, KiB, MiB or GiB, as \"64 KiB\"",
    );
}

#[test]
fn hooks_and_routes_have_paths_of_their_own() {
    let hook = |path: &str| {
        check(
            "path = \"status\"",
            &format!("path = {path:?}"),
            &format!(
                "plugin.toml:82: [[hooks]] {path:?}: \"path\": {path:?} is no path below the service's hooks; write one without \"/\" at either end, as \"status\""
            ),
        )
    };
    for once in ["59 s", "31 days"] {
        check(
            "path = \"status\"",
            &format!("path = \"status\"\nonce = {once:?}"),
            &format!("plugin.toml:83: [[hooks]] \"status\": \"once\": {once:?} is out of range; write 60 s to 30 days"),
        );
    }
    ["/status", "status/", "", "a/../b", "{name}"].into_iter().for_each(hook);
    let route = |path: &str, expected: &str| {
        check(
            "path = \"/api/sms/3/send\"",
            &format!("path = {path:?}"),
            &format!("plugin.toml:85: [[routes]] {path:?}: \"path\": {path:?} {expected}"),
        )
    };
    for path in ["api/sms", "/api/sms/", "/", "/{any}/send", "/api/{a}/{a}", "/api/{1}", "/api//send", "/api/../v1"] {
        route(path, "is no path; write one as \"/api/sms/{version}/send\", without \"/\" at its end");
    }
    for (path, reserved) in [
        ("/iap/1/balance", "/iap/1/**"),
        ("/iap/services", "/iap/services"),
        ("/iap/services-token", "/iap/services-token"),
        ("/iap/update-warning-odoo", "/iap/update-warning-odoo"),
        ("/v1/accounts", "/v1/**"),
        ("/hooks/sms/x", "/hooks/**"),
        ("/iap/{a}/b", "/iap/1/**"),
    ] {
        route(path, &format!("is answered by the host ({reserved}); choose another path"));
    }
    for path in ["/iap/s/snailmail/print", "/iap/s/{any}/print", "/iap/s/sms"] {
        route(path, "belongs to another service; write a path below \"/iap/s/sms/\"");
    }
    check(
        "/api/sms/3/send",
        "/iap/s/sms/{v}/register",
        "plugin.toml:94: [[routes]] \"/iap/s/sms/{version}/register\": \"path\": \"/iap/s/sms/{version}/register\" has a route already; remove one",
    );
}

#[test]
fn routes_name_members_and_bounds() {
    check(
        "operation = \"send_v3\"",
        "operation = \"send_v2\"",
        "plugin.toml:86: [[routes]] \"/api/sms/3/send\": \"operation\": \"send_v2\" is no operation of this service; did you mean \"send_v3\"?",
    );
    check(
        "account = \"account_token\"\n",
        "",
        "plugin.toml:84: [[routes]] \"/api/sms/3/send\": \"account\" is missing; add account = \"account_token\"",
    );
    check(
        "database = \"dbuuid\"",
        "database = \"params.dbuuid\"",
        "plugin.toml:88: [[routes]] \"/api/sms/3/send\": \"database\": \"params.dbuuid\" is no name of a member; write letters, digits and \"_\", as \"account_token\"",
    );
    check(
        "max_body = \"2 MiB\"",
        "max_body = \"33 MiB\"",
        "plugin.toml:90: [[routes]] \"/api/sms/3/send\": \"max_body\": \"33 MiB\" is out of range; write at most 32 MiB",
    );
    for place in ["documents[*]", "/", "/documents//pdf", "/documents/~2"] {
        check(
            "/documents/*/pdf",
            place,
            &format!(
                "plugin.toml:91: [[routes]] \"/api/sms/3/send\": \"blobs\": {place:?} is no JSON Pointer; write one with \"*\" for every element, as \"/documents/*/pdf\""
            ),
        );
    }
    check(
        "blobs = \"64 MiB\"\n",
        "",
        "plugin.toml:83: [[routes]] \"/api/sms/3/send\": \"blobs\" needs room for them; add blobs = \"64 MiB\" to [permissions]",
    );
}

#[test]
fn account_information_leaves_the_balance_to_the_host() {
    check(
        "registered = \"registered\"",
        "balance = \"1\"",
        "plugin.toml:99: [account_information]: \"balance\": is answered by the host; remove it",
    );
    check(
        "store:sender/{account}",
        "store:sender/{token}",
        "plugin.toml:100: [account_information]: \"sender_name\": \"store:sender/{token}\" names no key of the store; write one as \"store:sender/{account}\"",
    );
}
