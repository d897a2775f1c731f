//! Stories of credits that go back or elsewhere: refunds of a use, adjustments, transfers.

use super::language::{check, check_books, check_grants, check_holds};

#[test]
fn a_refund_of_a_use_goes_back_the_way_it_came() {
    let begun = "grant g1 gift 5 | grant g2 gift 5 | authorize h1 8 | capture h1 7";
    for (story, end) in [
        ("refund h1 1", "4 available, 0 held; g1:0/0/5 g2:4/0/1"),
        ("refund h1 3", "6 available, 0 held; g1:1/0/4 g2:5/0/0"),
        ("refund h1 1 | refund h1 2", "6 available, 0 held; g1:1/0/4 g2:5/0/0"),
        ("refund h1 7", "10 available, 0 held; g1:5/0/0 g2:5/0/0"),
        ("refund h1 7.000001", "refused: 7.000001 credits were asked of a hold that has 7"),
        ("refund h1 5 | refund h1 3", "refused: 3 credits were asked of a hold that has 2"),
        ("refund h1 7 | refund h1 1", "refused: 1 credits were asked of a hold that has 0"),
        ("refund h1 0", "refused: the amount must be above zero"),
        ("refund h9 1", "refused: there is no such hold"),
        ("authorize h2 2 | capture h2 1 more | refund h2 1", "refused: the hold has not ended yet: release it"),
        ("authorize h2 2 | release h2 | refund h2 1", "refused: 1 credits were asked of a hold that has 0"),
        ("refund h1 3 | authorize h2 6 | capture h2 6", "0 available, 0 held; g1:0/0/5 g2:0/0/5"),
    ] {
        check(&format!("{begun} | {story}"), end);
    }
    check_holds(&format!("{begun} | refund h1 3"), "h1 captured: 7 of 8 taken, 0 left, 3 refunded, until 2000");
    check(
        "grant g1 gift 9223372036854.775807 | authorize h1 5 | capture h1 5 | grant g2 gift 5 | refund h1 5",
        "refused: the account cannot hold that many credits",
    );
}

#[test]
fn refunds_of_several_holds_are_all_or_nothing() {
    let begun = "grant g1 purchase 4 price 400 | grant g2 purchase 4 price 400 | authorize h1 4 | capture h1 4 | authorize h2 3 | capture h2 3";
    for (story, end) in [
        ("refunds h2 3 h1 4", "8 available, 0 held; g1:4/0/0 g2:4/0/0"),
        ("refunds h2 3 h1 1 h1 2", "7 available, 0 held; g1:3/0/1 g2:4/0/0"),
        ("refunds h2 3 h1 3 h1 2", "refused: 2 credits were asked of a hold that has 1"),
        ("refunds", "refused: the amount must be above zero"),
        ("refunds h2 1 h1 0", "refused: the amount must be above zero"),
        ("refunds h2 1 h9 1", "refused: there is no such hold"),
        ("chargeback g1 | refunds h2 3 h1 4", "refused: the grant was charged back"),
        ("stop seen | refunds h2 3", "refused: posting is stopped for the account: seen"),
    ] {
        check(&format!("{begun} | {story}"), end);
    }
    check_holds(
        &format!("{begun} | refunds h2 3 h1 1 h1 2"),
        "h1 captured: 4 of 4 taken, 0 left, 3 refunded, until 2000; h2 captured: 3 of 3 taken, 0 left, 3 refunded, until 2000",
    );
}

#[test]
fn a_refund_of_an_expired_grant_lasts_for_a_while() {
    let begun = "grant g1 purchase 4 price 1001 fee 2500 until 3000 | grant g2 purchase 4 | authorize h1 5 | capture h1 5 | at 3000";
    // Three of g1 and one of g2; the three take 250.25 cents each with them, less what was rounded down.
    let back = format!("{begun} | refund h1 4");
    check(&back, "7 available, 0 held; g1:0/0/1 g2:4/0/0 n1:3/0/0");
    check_grants(
        &back,
        "g1 purchase 4 for 1001 at 2500 bps until 3000; g2 purchase 4 until 999999; \
         n1 refund 3 for 751 at 2500 bps until 2592003000 of g1",
    );
    check_books(
        &back,
        "issued 8, available 7, consumed 1; cash_received 1001, deferred_revenue 751, vendor_accrued 187, platform_fee 63",
    );
    check_books(
        &format!("{back} | authorize h2 7 | capture h2 7"),
        "issued 8, consumed 8; cash_received 1001, vendor_accrued 750, platform_fee 251",
    );
    check(&format!("{back} | at 2592003000 | authorize h2 3"), "refused: 3 credits are needed and 0 are available");
    check_books(
        &format!("{back} | at 2592003000 | expire n1"),
        "issued 8, available 4, consumed 1, expired 3; \
         cash_received 1001, vendor_accrued 187, platform_fee 63, breakage 751",
    );
    // A second refund makes a second grant.
    check_grants(
        "grant g1 gift 4 until 3000 | authorize h1 4 | capture h1 4 | at 3000 | refund h1 1 | at 3001 | refund h1 3",
        "g1 gift 4 until 3000; n1 refund 1 until 2592003000 of g1; n2 refund 3 until 2592003001 of g1",
    );
}

#[test]
fn an_adjustment_gives_a_grant_or_takes_in_burn_order() {
    let begun = "grant g1 gift 5 | grant g2 purchase 5 price 500 fee 2000";
    for (story, end) in [
        ("adjust 2.5", "12.5 available, 0 held; g1:5/0/0 g2:5/0/0 n1:2.5/0/0"),
        ("adjust -7", "3 available, 0 held; g1:0/0/0 g2:3/0/0"),
        ("authorize h1 4 | adjust -7", "refused: 7 credits are needed and 6 are available"),
        ("adjust 0", "refused: the amount must be above zero"),
        ("adjust -10.000001", "refused: 10.000001 credits are needed and 10 are available"),
        ("suspend reason | adjust -1", "9 available, 0 held; g1:4/0/0 g2:5/0/0"),
        ("adjust 9223372036854.775807", "refused: the account cannot hold that many credits"),
        ("adjust -9223372036854.775808", "refused: the account cannot hold that many credits"),
    ] {
        check(&format!("{begun} | {story}"), end);
    }
    check_grants("adjust 3", "n1 adjustment 3");
    check_books(
        &format!("{begun} | adjust -7"),
        "issued 10, available 3, voided 7; cash_received 500, deferred_revenue 300, breakage 200",
    );
}

#[test]
fn a_transfer_keeps_kind_expiry_price_and_share() {
    let begun =
        "grant g1 trial 3 until 5000 | grant g2 purchase 3 price 1000 tax 190 fee 2500 breakage vendor | transfer a2 4";
    check(begun, "2 available, 0 held; g1:0/0/0 g2:2/0/0");
    check(&format!("{begun} | on a2"), "4 available, 0 held; n1:3/0/0 n2:1/0/0");
    check_grants(
        &format!("{begun} | on a2"),
        "n1 trial 3 until 5000 of g1; n2 purchase 1 for 333 at 2500 bps until 999999 of g2",
    );
    check_books(
        begun,
        "issued 6, available 2, transferred 4; cash_received 1190, deferred_revenue 667, tax 190, transferred_revenue 333",
    );
    check_books(
        &format!("{begun} | on a2"),
        "available 4, transferred -4; deferred_revenue 333, transferred_revenue -333",
    );
    // The one credit earns as it would have, and expires to the vendor as it would have.
    check_books(
        &format!("{begun} | on a2 | authorize h1 4 | capture h1 4"),
        "consumed 4, transferred -4; vendor_accrued 249, platform_fee 84, transferred_revenue -333",
    );
    check_books(
        &format!("{begun} | on a2 | at 999999 | expire n1 | expire n2"),
        "expired 4, transferred -4; vendor_accrued 249, breakage 84, transferred_revenue -333",
    );
    // There and back again, a third of a third: not a cent is lost.
    check_books(
        &format!("{begun} | on a2 | transfer a1 3.4 | on a1 | authorize h1 5.4 | capture h1 5.4"),
        "issued 6, consumed 5.4, transferred 0.6; \
         cash_received 1190, vendor_accrued 599, platform_fee 201, tax 190, transferred_revenue 200",
    );
}

#[test]
fn transfers_stay_within_a_service_and_between_two_accounts() {
    let begun = "grant g1 purchase 5 price 100";
    for (story, end) in [
        ("transfer a3 1", "refused: credits move only between two accounts of one service"),
        ("transfer a1 1", "refused: credits move only between two accounts of one service"),
        ("transfer a2 0", "refused: the amount must be above zero"),
        ("transfer a2 6", "refused: 6 credits are needed and 5 are available"),
        ("authorize h1 3 | transfer a2 3", "refused: 3 credits are needed and 2 are available"),
        (
            "authorize h1 3 | capture h1 3 | chargeback g1 | transfer a2 1",
            "refused: the account owes 3 credits of a purchase that was charged back",
        ),
        (
            "on a2 | grant g2 gift 9223372036854.775807 | on a1 | transfer a2 1",
            "refused: the account cannot hold that many credits",
        ),
        ("at 999999 | transfer a2 1", "refused: 1 credits are needed and 0 are available"),
    ] {
        check(&format!("{begun} | {story}"), end);
    }
}
