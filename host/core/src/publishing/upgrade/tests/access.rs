use super::*;

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
