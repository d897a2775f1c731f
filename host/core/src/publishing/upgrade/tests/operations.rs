use super::*;

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
