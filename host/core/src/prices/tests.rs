use std::{collections::BTreeMap, sync::Arc};

use super::*;
use crate::manifest::{OnUnknown, Price};

fn credits(text: &str) -> Credits {
    text.parse().expect("credits")
}

fn operation() -> Operation {
    let rows = BTreeMap::from([("BE".to_owned(), credits("0.7")), ("FR".to_owned(), credits("0.65"))]);
    let price = |item: &str, rate| Price { item: item.to_owned(), rate };
    Operation {
        name: "send".to_owned(),
        title: "Send".to_owned(),
        input: None,
        output: None,
        max_per_call: credits("100"),
        free: false,
        natural_key: None,
        blobs: Vec::new(),
        max_body: 1 << 20,
        on_unknown: OnUnknown::Release,
        ask_for: std::time::Duration::from_secs(86_400),
        prices: vec![
            price("part", Rate::Table { file: "prices/sms.csv".to_owned(), rows: Arc::new(rows) }),
            price("letter", Rate::Fixed(credits("1.5"))),
            price("look-up", Rate::Variable),
        ],
    }
}

/// Reads `part BE 3, letter - 1` as lines.
fn lines(text: &str) -> Vec<Line> {
    let line = |text: &str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        let key = if words[1] == "-" { "" } else { words[1] };
        Line {
            item: words[0].to_owned(),
            key: key.to_owned(),
            units: words[2].parse().expect("units"),
            note: String::new(),
        }
    };
    text.split(',').filter(|text| !text.trim().is_empty()).map(line).collect()
}

fn check(text: &str, expected: &str) {
    let answer =
        match price_lines(&operation(), &lines(text), Caps { max_credits: Some(credits("50")), ..Caps::default() }) {
            Ok(priced) => {
                let each = priced.lines.iter().map(|l| format!("{} × {} = {}", l.units, l.unit_price, l.amount));
                format!("{}; {}", each.collect::<Vec<_>>().join(", "), priced.total)
            }
            Err(refusal) => format!("{} {refusal}", refusal.code()),
        };
    assert_eq!(answer, expected, "{text}");
}

#[test]
fn lines_cost_units_times_the_price_of_their_row() {
    check("part BE 3", "3 × 0.7 = 2.1; 2.1");
    check("part BE 3, part FR 2, letter - 4", "3 × 0.7 = 2.1, 2 × 0.65 = 1.3, 4 × 1.5 = 6; 9.4");
    check("look-up 2.5 2", "2 × 2.5 = 5; 5");
    check("look-up 50 1", "1 × 50 = 50; 50");
}

#[test]
fn each_refusal_says_what_is_wrong_and_what_to_do() {
    check(
        "",
        "invalid-line there are no lines; count at least one unit of a priced item, or declare the operation free",
    );
    check("part BE 1, part FR 0", "invalid-line line 1: units must be at least 1; leave the line out");
    check(
        "parts BE 1",
        "unknown-price line 0: operation \"send\" has no price for item \"parts\"; use one of \"part\", \"letter\", \"look-up\"",
    );
    check(
        "part XX 1",
        "unknown-price line 0: item \"part\" has no price for key \"XX\"; add the row to its price table, or refuse such requests",
    );
    check(
        "letter BE 1",
        "unknown-price line 0: item \"letter\" has no price for key \"BE\"; its price is fixed, so leave the key empty",
    );
    for key in ["0", "-1", "free", "0.0000001", "-"] {
        let shown = if key == "-" { "" } else { key };
        check(
            &format!("look-up {key} 1"),
            &format!(
                "unknown-price line 0: item \"look-up\" has no price for key {shown:?}; its price varies, so the key is the price of one unit, such as \"2.5\""
            ),
        );
    }
    check(
        "letter - 1, letter - 18446744073709551615",
        "invalid-line line 1: with 18446744073709551615 × 1.5 credits the sum is more than can be counted; count fewer units",
    );
    check(
        "look-up 9000000000000 1, look-up 9000000000000 1",
        "invalid-line line 1: with 1 × 9000000000000 credits the sum is more than can be counted; count fewer units",
    );
    check(
        "look-up 100.000001 1",
        "over-max-per-call the lines cost 100.000001 credits, more than the 100 that one call of operation \"send\" may hold; ask for less at once",
    );
    check(
        "look-up 50.000001 1",
        "over-max-credits the lines cost 50.000001 credits, more than the 50 that the caller set as max_credits; raise max_credits or ask for less",
    );
}

#[test]
fn refusals_come_in_the_order_documented() {
    check("parts BE 0", "invalid-line line 0: units must be at least 1; leave the line out");
    check("look-up 200 1, part FR 0", "invalid-line line 1: units must be at least 1; leave the line out");
    let both =
        price_lines(&operation(), &lines("look-up 200 1"), Caps { max_credits: Some(credits("1")), ..Caps::default() });
    assert_eq!(both.map_err(|r| r.code()), Err("over-max-per-call"));
}

#[test]
fn without_a_cap_of_the_caller_only_the_operation_limits() {
    let priced = price_lines(&operation(), &lines("look-up 100 1"), Caps::default()).expect("within");
    assert_eq!(priced.total, credits("100"));
}

#[test]
fn a_refusal_names_its_line_where_it_has_one() {
    let refusal = |text: &str| price_lines(&operation(), &lines(text), Caps::default()).unwrap_err();
    assert_eq!(refusal("part BE 1, part XX 1").line(), Some(1));
    assert_eq!(refusal("").line(), None);
}

#[test]
fn notes_are_kept_to_200_characters() {
    let mut line = lines("letter - 1").remove(0);
    line.note = "é".repeat(MAX_NOTE + 1);
    let priced = price_lines(&operation(), &[line], Caps::default()).expect("priced");
    assert_eq!(priced.lines[0].note.chars().count(), MAX_NOTE);
}

#[test]
fn a_capture_takes_what_was_delivered_up_to_the_hold() {
    let check = |text: &str, held: &str, expected: &str| {
        let answer = match capture_within(&operation(), &lines(text), credits(held)) {
            Ok(priced) => priced.total.to_string(),
            Err(refusal) => format!("{} {refusal}", refusal.code()),
        };
        assert_eq!(answer, expected, "{text}");
    };
    check("part BE 3", "2.1", "2.1");
    check("part BE 2", "2.1", "1.4");
    check("", "2.1", "0");
    check("look-up 150 1", "200", "150"); // the hold was within the limit of its own call
    check(
        "part BE 4",
        "2.1",
        "exceeds-hold the delivered lines cost 2.8 credits, more than the 2.1 that the hold has; capture at most what was authorized",
    );
    check("part BE 0", "2.1", "invalid-line line 0: units must be at least 1; leave the line out");
}

#[test]
fn the_caps_bound_all_that_a_call_engages() {
    let caps = Caps { max_credits: Some(credits("3")), engaged: credits("2.5") };
    let refused =
        price_lines(&operation(), &lines("letter - 1"), Caps { engaged: credits("1000000"), ..Caps::default() });
    assert!(matches!(refused, Err(PriceRefusal::OverMaxPerCall { .. })), "{refused:?}");
    let refused = price_lines(&operation(), &lines("letter - 1"), caps);
    assert!(matches!(refused, Err(PriceRefusal::OverMaxCredits { .. })), "{refused:?}");
}
