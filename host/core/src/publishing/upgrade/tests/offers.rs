use super::*;

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
