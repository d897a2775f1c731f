use proptest::prelude::*;

use super::*;
use crate::prices::{Caps, Line, price_lines};

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
            ("prices/sms.csv: BE rises from 0.07 to 0.08 credits".to_owned(), true, true),
            ("prices/sms.csv: FR has no price any more".to_owned(), true, false),
        ]
    );
    let cheaper = files(OLD, "key,credits\nBE,0.07\nFR,0.01\n", INPUT, OUTPUT);
    let found = price_edit(&of(&plain(OLD)), &of(&cheaper));
    assert_eq!(shown(&found), ["- prices/sms.csv: FR falls from 0.07 to 0.01 credits"]);
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
