//! Stories of money: what is earned, what goes back, what is lost.

use super::language::{check, check_books, check_holds};

#[test]
fn credits_earn_their_price_as_they_are_used() {
    let begun = "grant g1 purchase 3 price 1000 tax 190 fee 2500";
    for (story, end) in [
        ("resume", "issued 3, available 3; cash_received 1190, deferred_revenue 1000, tax 190"),
        ("authorize h1 1", "issued 3, available 2, held 1; cash_received 1190, deferred_revenue 1000, tax 190"),
        (
            "authorize h1 1 | capture h1 1",
            "issued 3, available 2, consumed 1; \
             cash_received 1190, deferred_revenue 667, vendor_accrued 249, platform_fee 84, tax 190",
        ),
        (
            "authorize h1 3 | capture h1 1 more | capture h1 1 more | capture h1 1",
            "issued 3, consumed 3; cash_received 1190, vendor_accrued 750, platform_fee 250, tax 190",
        ),
        (
            "authorize h1 3 | capture h1 2 | refund h1 2",
            "issued 3, available 3; cash_received 1190, deferred_revenue 1000, tax 190",
        ),
        (
            "authorize h1 3 | capture h1 2 | refund h1 1",
            "issued 3, available 2, consumed 1; \
             cash_received 1190, deferred_revenue 667, vendor_accrued 249, platform_fee 84, tax 190",
        ),
        ("fee g1 35", "issued 3, available 3; cash_received 1155, deferred_revenue 1000, processor_fees 35, tax 190"),
        ("fee g1 0", "refused: the amount must be above zero"),
        ("fee g9 1", "refused: there is no such grant"),
        ("grant g2 gift 1 | fee g2 1", "refused: the grant has no price"),
    ] {
        check_books(&format!("{begun} | {story}"), end);
    }
}

#[test]
fn trials_and_gifts_earn_nothing() {
    let end = "issued 4, consumed 3, expired 1; ";
    check_books(
        "grant g1 trial 2 fee 2500 until 5000 | grant g2 gift 2 fee 2500 breakage vendor until 5000 | authorize h1 3 | capture h1 3 | at 5000 | expire g2",
        end,
    );
}

#[test]
fn what_expires_unused_is_the_hosts_or_the_vendors() {
    let begun = |whose| format!("grant g1 purchase 3 price 1000 fee 2500 breakage {whose} until 1500 | authorize h1 2");
    let host = "cash_received 1000, vendor_accrued 249, platform_fee 84, breakage 667";
    let vendor = "cash_received 1000, vendor_accrued 750, platform_fee 84, breakage 166";
    for (whose, money) in [("host", host), ("vendor", vendor)] {
        let story = format!("{} | capture h1 1 more | at 1500 | expire g1 | release h1", begun(whose));
        check_books(&story, &format!("issued 3, consumed 1, expired 2; {money}"));
    }
}

#[test]
fn unused_credits_go_back_against_price_and_tax_to_the_cent() {
    let begun = "grant g1 purchase 3 price 1000 tax 190 fee 2500";
    for (story, end) in [
        (
            "refund g1 1",
            "issued 3, available 2, refunded 1; cash_received 1190, deferred_revenue 667, tax 127, refunds 396",
        ),
        (
            "refund g1 1 | refund g1 1",
            "issued 3, available 1, refunded 2; cash_received 1190, deferred_revenue 334, tax 64, refunds 792",
        ),
        ("refund g1 1 | refund g1 1 | refund g1 1", "issued 3, refunded 3; cash_received 1190, refunds 1190"),
        ("refund g1 3", "issued 3, refunded 3; cash_received 1190, refunds 1190"),
        (
            "authorize h1 2 | capture h1 2 | refund g1 1",
            "issued 3, consumed 2, refunded 1; \
             cash_received 1190, vendor_accrued 499, platform_fee 167, tax 127, refunds 397",
        ),
        ("authorize h1 2 | refund g1 1.5", "refused: 1.5 credits were asked of a grant that has 1 available"),
        ("refund g1 4", "refused: 4 credits were asked of a grant that has 3 available"),
        ("at 999999 | refund g1 1", "refused: 1 credits were asked of a grant that has 0 available"),
        ("refund g1 0", "refused: the amount must be above zero"),
        ("refund g9 1", "refused: there is no such grant"),
        ("grant g2 gift 3 | refund g2 1", "refused: the grant has no price"),
        ("chargeback g1 | refund g1 1", "refused: the grant was charged back"),
    ] {
        check_books(&format!("{begun} | {story}"), end);
    }
}

#[test]
fn a_chargeback_voids_what_is_left_and_what_was_used_is_owed() {
    let begun = "grant g1 purchase 4 price 1000 tax 190 fee 2500";
    for (story, end) in [
        ("chargeback g1", "issued 4, voided 4; cash_received 1190, refunds 1190"),
        (
            "authorize h1 1 | capture h1 1 | chargeback g1",
            "issued 4, consumed 1, voided 3, debt 1, charged_back 1; \
             cash_received 1190, vendor_accrued 187, platform_fee 63, refunds 1190, chargeback_loss 250",
        ),
        (
            "refund g1 1 | authorize h1 1 | capture h1 1 | chargeback g1",
            "issued 4, consumed 1, refunded 1, voided 2, debt 1, charged_back 1; \
             cash_received 1190, vendor_accrued 187, platform_fee 63, refunds 1190, chargeback_loss 250",
        ),
        // What expired is the host's loss, but nothing that the account used.
        (
            "at 999999 | expire g1 | chargeback g1",
            "issued 4, expired 4; cash_received 1190, breakage 1000, refunds 1190, chargeback_loss 1000",
        ),
        ("chargeback g1 | chargeback g1", "refused: the grant was charged back"),
        ("grant g2 gift 1 | chargeback g2", "refused: the grant has no price"),
        ("chargeback g9", "refused: there is no such grant"),
        ("authorize h1 1 | capture h1 1 | chargeback g1 | refund h1 1", "refused: the grant was charged back"),
    ] {
        check_books(&format!("{begun} | {story}"), end);
    }
}

#[test]
fn what_is_held_of_a_chargeback_is_decided_when_it_ends() {
    let begun = "grant g1 purchase 4 price 1000 fee 2500 | authorize h1 3 | chargeback g1";
    for (story, end) in [
        (
            "resume",
            "issued 4, held 3, voided 1; cash_received 1000, deferred_revenue 750, refunds 1000, chargeback_loss 750",
        ),
        ("release h1", "issued 4, voided 4; cash_received 1000, refunds 1000"),
        ("at 2000 | expire h1", "issued 4, voided 4; cash_received 1000, refunds 1000"),
        ("at 999999 | release h1", "issued 4, voided 4; cash_received 1000, refunds 1000"),
        (
            "capture h1 3",
            "issued 4, consumed 3, voided 1, debt 3, charged_back 3; \
             cash_received 1000, vendor_accrued 562, platform_fee 188, refunds 1000, chargeback_loss 750",
        ),
        (
            "capture h1 1 more | capture h1 1",
            "issued 4, consumed 2, voided 2, debt 2, charged_back 2; \
             cash_received 1000, vendor_accrued 375, platform_fee 125, refunds 1000, chargeback_loss 500",
        ),
    ] {
        check_books(&format!("{begun} | {story}"), end);
    }
    check_holds(&format!("{begun} | capture h1 1"), "h1 captured: 1 of 3 taken, 0 left, until 2000");
}

#[test]
fn a_debt_beyond_what_can_be_counted_is_refused() {
    let all = "9223372036854.775807";
    let used = format!("grant g1 purchase {all} price 1 | authorize h1 {all} | capture h1 {all}");
    let held = format!("{used} | grant g2 purchase {all} price 1 | authorize h2 {all}");
    for story in [
        format!("{held} | capture h2 1 | chargeback g1 | chargeback g2"),
        format!("{held} | chargeback g2 | chargeback g1 | capture h2 1"),
    ] {
        check(&story, "refused: the account cannot hold that many credits");
    }
}

#[test]
fn a_use_beside_breakage_rounds_to_the_cent_and_back() {
    let begun = "grant g1 purchase 3 price 100 fee 1000 breakage vendor until 5000 | authorize h1 1.5 for 9000";
    // 50 lapsed: 45 of them the vendor's. 17 more earned: 15.3; together 60.3.
    for (story, end) in [
        ("expire g1", "expired 1.5; cash_received 100, deferred_revenue 50, vendor_accrued 45, breakage 5"),
        (
            "expire g1 | capture h1 0.5 more",
            "consumed 0.5, expired 1.5; cash_received 100, deferred_revenue 34, vendor_accrued 59, platform_fee 2, breakage 5",
        ),
    ] {
        let held = if story.contains("capture") { "issued 3, held 1" } else { "issued 3, held 1.5" };
        check_books(&format!("{begun} | at 5000 | {story}"), &format!("{held}, {end}"));
    }
    // The case that once left a fee of less than nothing: 35 cents lapse, 5 are earned, 12 lapse, 3 go back.
    let shares = "grant g1 purchase 0.000045 price 95 fee 582 breakage vendor";
    check_books(
        &format!(
            "{shares} | adjust -0.000017 | authorize h1 0.000002 | capture h1 0.000002 | adjust -0.000006 | refund h1 0.000001"
        ),
        "issued 0.000045, available 0.000021, consumed 0.000001, voided 0.000023; \
         cash_received 95, deferred_revenue 46, vendor_accrued 46, platform_fee 1, breakage 2",
    );
}

#[test]
fn who_owes_cannot_spend_until_a_purchase_repays_or_it_is_forgiven() {
    let begun = "grant g1 purchase 4 price 1000 fee 2500 | authorize h1 3 | capture h1 3 | chargeback g1";
    for (story, end) in [
        ("grant g2 gift 5 | authorize h2 1", "refused: the account owes 3 credits of a purchase that was charged back"),
        ("grant g2 purchase 5 price 500 | authorize h2 2", "0 available, 2 held; g1:0/0/3 g2:0/2/0"),
        ("grant g2 purchase 5 price 500 | authorize h2 3", "refused: 3 credits are needed and 2 are available"),
        (
            "grant g2 purchase 2 price 500 | grant g3 gift 2 | authorize h2 1",
            "refused: the account owes 1 credits of a purchase that was charged back",
        ),
        ("grant g2 gift 5 | forgive 3 | authorize h2 1", "4 available, 1 held; g1:0/0/3 g2:4/1/0"),
        (
            "grant g2 gift 5 | forgive 2 | authorize h2 1",
            "refused: the account owes 1 credits of a purchase that was charged back",
        ),
        ("forgive 3.5", "refused: 3.5 credits were asked of a debt of 3"),
        ("forgive 0", "refused: the amount must be above zero"),
    ] {
        check(&format!("{begun} | {story}"), end);
    }
    // What repaid a debt is owed again if its own price is taken back, beside what was used of it.
    let repaid = format!("{begun} | grant g2 purchase 5 price 500 fee 2500");
    for (story, end) in [
        ("chargeback g2 | forgive 3.000001", "refused: 3.000001 credits were asked of a debt of 3"),
        (
            "authorize h2 1 | capture h2 1 | chargeback g2 | forgive 4.000001",
            "refused: 4.000001 credits were asked of a debt of 4",
        ),
        (
            "chargeback g2 | grant g3 purchase 5 price 500 | authorize h2 2",
            "0 available, 2 held; g1:0/0/3 g2:0/0/0 g3:0/2/0",
        ),
        (
            "chargeback g2 | grant g3 purchase 5 price 500 | chargeback g3 | grant g4 gift 5 | authorize h2 1",
            "refused: the account owes 3 credits of a purchase that was charged back",
        ),
        ("chargeback g2 | chargeback g2", "refused: the grant was charged back"),
    ] {
        check(&format!("{repaid} | {story}"), end);
    }
    check_books(
        &format!("{repaid} | chargeback g2"),
        "issued 9, consumed 3, voided 6, debt 3, charged_back 3; \
         cash_received 1500, vendor_accrued 562, platform_fee 188, refunds 1500, chargeback_loss 750",
    );
    // Nothing of a purchase without price is left, but for the debt that it repaid.
    check(
        &format!("{begun} | grant g2 purchase 3 price 0 | chargeback g2 | grant g3 gift 1 | authorize h2 1"),
        "refused: the account owes 3 credits of a purchase that was charged back",
    );
    // The new purchase's price makes good for a part of the loss of 750.
    check_books(
        &format!("{begun} | grant g2 purchase 5 price 500 tax 95 fee 2500"),
        "issued 9, available 2, consumed 3, voided 4; \
         cash_received 1595, deferred_revenue 200, vendor_accrued 562, platform_fee 188, tax 95, refunds 1000, chargeback_loss 450",
    );
    check_books(
        &format!("{begun} | forgive 1"),
        "issued 4, consumed 3, voided 1, debt 2, charged_back 2; \
         cash_received 1000, vendor_accrued 562, platform_fee 188, refunds 1000, chargeback_loss 750",
    );
}
