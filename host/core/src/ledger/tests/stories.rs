//! Stories of authorize, capture and release, of time, and of what stops an account.

use super::language::{check, check_holds};

#[test]
fn a_hold_sets_credits_aside_and_ends_once() {
    for (story, end) in [
        ("grant g1 gift 10 | authorize h1 4", "6 available, 4 held; g1:6/4/0"),
        ("grant g1 gift 10 | authorize h1 4 | capture h1 3", "7 available, 0 held; g1:7/0/3"),
        ("grant g1 gift 10 | authorize h1 4 | capture h1 0", "10 available, 0 held; g1:10/0/0"),
        ("grant g1 gift 10 | authorize h1 4 | release h1", "10 available, 0 held; g1:10/0/0"),
        (
            "grant g1 gift 10 | authorize h1 10 | authorize h2 0.000001",
            "refused: 0.000001 credits are needed and 0 are available",
        ),
        (
            "grant g1 gift 10 | authorize h1 4 | capture h1 4 | release h1",
            "refused: the hold has ended: it was captured",
        ),
        (
            "grant g1 gift 10 | authorize h1 4 | release h1 | capture h1 4",
            "refused: the hold has ended: it was released",
        ),
        ("grant g1 gift 10 | authorize h1 4 | capture h1 4.5", "refused: 4.5 credits were asked of a hold that has 4"),
        ("grant g1 gift 10 | capture h9 1", "refused: there is no such hold"),
        ("grant g1 gift 10 | authorize h1 4 | on a2 | release h1", "refused: there is no such hold"),
    ] {
        check(story, end);
    }
}

#[test]
fn time_is_exact_with_or_without_a_sweeper() {
    for (story, end) in [
        ("grant g1 gift 10 | authorize h1 4 for 1000 | at 1999 | capture h1 4", "6 available, 0 held; g1:6/0/4"),
        ("grant g1 gift 10 | authorize h1 4 for 1000 | at 2000 | capture h1 4", "refused: the hold expired"),
        ("grant g1 gift 10 | authorize h1 4 for 1000 | at 1999 | expire h1", "refused: the hold has not expired yet"),
        ("grant g1 gift 10 | authorize h1 4 for 1000 | at 2000 | expire h1", "10 available, 0 held; g1:10/0/0"),
        ("grant g1 gift 10 | authorize h1 4 | keep h1 9000 | at 9999 | capture h1 1", "9 available, 0 held; g1:9/0/1"),
        ("grant g1 gift 10 | authorize h1 4 | at 2000 | keep h1 9000", "refused: the hold expired"),
        ("grant g1 gift 10 | authorize h1 4 for 0", "refused: the end must be in the future"),
        ("grant g1 gift 10 | authorize h1 4 | keep h1 0", "refused: the end must be in the future"),
    ] {
        check(story, end);
    }
}

#[test]
fn grants_burn_trial_first_then_soonest_to_expire_then_oldest() {
    for (story, end) in [
        (
            "grant g1 purchase 5 | grant g2 gift 5 until 5000 | grant g3 trial 5 | grant g4 gift 5 until 4000 | authorize h1 12",
            "8 available, 12 held; g3:0/5/0 g4:0/5/0 g2:3/2/0 g1:5/0/0",
        ),
        ("grant g2 gift 5 | grant g1 gift 5 | authorize h1 6 | capture h1 6", "4 available, 0 held; g1:0/0/5 g2:4/0/1"),
        ("grant g1 gift 5 | grant g2 gift 5 | authorize h1 8 | capture h1 2", "8 available, 0 held; g1:3/0/2 g2:5/0/0"),
    ] {
        check(story, end);
    }
}

#[test]
fn expired_credits_cannot_be_spent_and_held_ones_expire_when_they_return() {
    for (story, end) in [
        ("grant g1 gift 5 until 3000 | at 3000 | authorize h1 1", "refused: 1 credits are needed and 0 are available"),
        ("grant g1 gift 5 until 3000 | expire g1", "refused: the grant has nothing to expire"),
        ("grant g1 gift 5 until 3000 | at 3000 | expire g1", "0 available, 0 held; g1:0/0/0"),
        (
            "grant g1 gift 5 until 3000 | authorize h1 2 for 9000 | at 4000 | capture h1 1",
            "3 available, 0 held; g1:3/0/1",
        ),
        (
            "grant g1 gift 5 until 3000 | authorize h1 2 for 9000 | at 4000 | expire g1 | release h1",
            "0 available, 0 held; g1:0/0/0",
        ),
        ("grant g1 gift 5 until 1000", "refused: the end must be in the future"),
    ] {
        check(story, end);
    }
}

#[test]
fn a_suspended_account_spends_nothing_new_but_ends_what_lives() {
    for (story, end) in [
        (
            "grant g1 gift 5 | suspend hosting-refused | authorize h1 1",
            "refused: the account is suspended: hosting-refused",
        ),
        ("grant g1 gift 5 | authorize h1 2 | suspend hosting-refused | capture h1 1", "4 available, 0 held; g1:4/0/1"),
        ("grant g1 gift 5 | suspend hosting-refused | resume | authorize h1 1", "4 available, 1 held; g1:4/1/0"),
    ] {
        check(story, end);
    }
}

#[test]
fn impossible_amounts_are_refused() {
    for (story, end) in [
        ("grant g1 gift 0", "refused: the amount must be above zero"),
        ("grant g1 gift -1", "refused: the amount must be above zero"),
        ("grant g1 gift 5 | authorize h1 0", "refused: the amount must be above zero"),
        (
            "grant g1 gift 9223372036854.775807 | grant g2 gift 0.000001",
            "refused: the account cannot hold that many credits",
        ),
    ] {
        check(story, end);
    }
}

#[test]
fn partial_captures_go_on_until_the_last() {
    let begun = "grant g1 gift 5 | grant g2 gift 5 | authorize h1 8";
    for (story, end) in [
        ("capture h1 3 more", "2 available, 5 held; g1:0/2/3 g2:2/3/0"),
        ("capture h1 3 more | capture h1 3 more", "2 available, 2 held; g1:0/0/5 g2:2/2/1"),
        ("capture h1 3 more | capture h1 3", "4 available, 0 held; g1:0/0/5 g2:4/0/1"),
        ("capture h1 3 more | capture h1 0", "7 available, 0 held; g1:2/0/3 g2:5/0/0"),
        ("capture h1 3 more | release h1", "7 available, 0 held; g1:2/0/3 g2:5/0/0"),
        ("capture h1 3 more | at 2000 | expire h1", "7 available, 0 held; g1:2/0/3 g2:5/0/0"),
        ("capture h1 3 more | capture h1 6", "refused: 6 credits were asked of a hold that has 5"),
        ("capture h1 3 more | capture h1 0 more", "refused: the amount must be above zero"),
        ("capture h1 3 more | at 2000 | capture h1 1", "refused: the hold expired"),
    ] {
        check(&format!("{begun} | {story}"), end);
    }
    for (story, end) in [
        ("capture h1 3 more", "h1 live: 3 of 8 taken, 5 left, until 2000"),
        ("capture h1 8 more", "h1 live: 8 of 8 taken, 0 left, until 2000"),
        ("capture h1 8 more | capture h1 0", "h1 captured: 8 of 8 taken, 0 left, until 2000"),
        ("capture h1 3 more | release h1", "h1 captured: 3 of 8 taken, 0 left, until 2000"),
        ("capture h1 3 more | at 2000 | expire h1", "h1 captured: 3 of 8 taken, 0 left, until 2000"),
        ("capture h1 0", "h1 released: 0 of 8 taken, 0 left, until 2000"),
        ("at 2000 | expire h1", "h1 expired: 0 of 8 taken, 0 left, until 2000"),
    ] {
        check_holds(&format!("{begun} | {story}"), end);
    }
}

#[test]
fn what_nobody_knows_stays_held_until_its_deadline() {
    let begun = "grant g1 gift 10 | authorize h1 4 | unknown h1 9000";
    for (story, end) in [
        ("unknown h1 9000", "h1 unknown: 0 of 4 taken, 4 left, until 10000"),
        ("at 9999 | capture h1 4", "h1 captured: 4 of 4 taken, 0 left, until 10000"),
        ("capture h1 1 more", "h1 unknown: 1 of 4 taken, 3 left, until 10000"),
        ("at 5000 | release h1", "h1 released: 0 of 4 taken, 0 left, until 10000"),
        ("at 9999 | expire h1", "refused: the hold has not expired yet"),
        ("at 10000 | expire h1", "h1 expired: 0 of 4 taken, 0 left, until 10000"),
        ("at 10000 | capture h1 4", "refused: the hold expired"),
        ("keep h1 20000", "h1 live: 0 of 4 taken, 4 left, until 21000"),
        ("unknown h1 20000", "h1 unknown: 0 of 4 taken, 4 left, until 21000"),
        ("release h1 | unknown h1 9000", "refused: the hold has ended: it was released"),
        ("at 10000 | unknown h1 9000", "refused: the hold expired"),
        ("unknown h1 -1", "refused: the end must be in the future"),
    ] {
        check_holds(&format!("{begun} | {story}"), end);
    }
    check(begun, "6 available, 4 held; g1:6/4/0");
    check(&format!("{begun} | at 10000 | expire h1"), "10 available, 0 held; g1:10/0/0");
}

#[test]
fn caps_bound_what_is_held_or_spent_in_a_period() {
    let begun = "grant g1 gift 100 until 9999999999";
    let day = 86_400_000_i64;
    for (story, end) in [
        ("cap 5 day | authorize h1 5".to_owned(), "95 available, 5 held; g1:95/5/0"),
        (
            "cap 5 day | authorize h1 3 | authorize h2 2.5".to_owned(),
            "refused: 2.5 credits would pass the cap of 5 per day: 3 are used",
        ),
        ("cap 5 day | authorize h1 3 | release h1 | authorize h2 5".to_owned(), "95 available, 5 held; g1:95/5/0"),
        (
            "cap 5 day | authorize h1 3 | capture h1 1 | authorize h2 4.000001".to_owned(),
            "refused: 4.000001 credits would pass the cap of 5 per day: 1 are used",
        ),
        (
            "cap 5 day | authorize h1 3 | capture h1 3 | refund h1 2 | authorize h2 4".to_owned(),
            "95 available, 4 held; g1:95/4/1",
        ),
        (
            format!("cap 5 day | authorize h1 5 for {day} | at {day} | authorize h2 5"),
            "90 available, 10 held; g1:90/10/0",
        ),
        (
            format!("cap 5 day | authorize h1 5 for {day} | at {day} | authorize h2 5 | release h1 | authorize h3 1"),
            "refused: 1 credits would pass the cap of 5 per day: 5 are used",
        ),
        (
            format!("cap 5 month | authorize h1 5 | release h1 | authorize h2 4 | at {} | authorize h3 2", 30 * day),
            "refused: 2 credits would pass the cap of 5 per month: 4 are used",
        ),
        (
            format!("cap 5 month | authorize h1 5 | at {} | authorize h2 5", 31 * day),
            "90 available, 10 held; g1:90/10/0",
        ),
        ("cap 5 day | authorize h1 5 | cap none day | authorize h2 5".to_owned(), "90 available, 10 held; g1:90/10/0"),
        (
            "cap 5 day used 4 | authorize h1 2".to_owned(),
            "refused: 2 credits would pass the cap of 5 per day: 4 are used",
        ),
        (
            "cap 5 day | cap 3 day | authorize h1 4".to_owned(),
            "refused: 4 credits would pass the cap of 3 per day: 0 are used",
        ),
        ("cap 5 day as-of nothing".to_owned(), "refused: the account changed meanwhile: look again"),
    ] {
        check(&format!("{begun} | {story}"), end);
    }
}

#[test]
fn a_cap_for_one_company_leaves_others_alone() {
    let begun = "grant g1 gift 100 | cap 5 day company one | cap 8 month";
    for (story, end) in [
        ("authorize h1 6 company two", "94 available, 6 held; g1:94/6/0"),
        ("authorize h1 6", "94 available, 6 held; g1:94/6/0"),
        (
            "authorize h1 6 company one",
            "refused: 6 credits would pass the cap of 5 per day for company one: 0 are used",
        ),
        (
            "authorize h1 4 company two | authorize h2 5 company one",
            "refused: 5 credits would pass the cap of 8 per month: 4 are used",
        ),
        ("authorize h1 5 company one | release h1 | authorize h2 8 company two", "92 available, 8 held; g1:92/8/0"),
        (
            "authorize h1 5 company one | authorize h2 4",
            "refused: 4 credits would pass the cap of 8 per month: 5 are used",
        ),
    ] {
        check(&format!("{begun} | {story}"), end);
    }
}

#[test]
fn a_stopped_account_refuses_everything_but_to_go_on() {
    let begun = "grant g1 purchase 10 price 100 | on a2 | grant g2 gift 10 | on a1 | authorize h1 2 | authorize h2 2 | capture h2 1 | stop sum-of-grants";
    for command in [
        "grant g9 gift 1",
        "authorize h9 1",
        "capture h1 1",
        "release h1",
        "at 9000 | expire h1",
        "keep h1 5",
        "unknown h1 5",
        "at 999999 | expire g1",
        "refund h2 1",
        "refund g1 1",
        "adjust 1",
        "adjust -1",
        "transfer a2 1",
        "on a2 | transfer a1 1",
        "chargeback g1",
        "forgive 1",
        "fee g1 1",
        "suspend reason",
        "resume",
        "cap 5 day",
    ] {
        check(&format!("{begun} | {command}"), "refused: posting is stopped for the account: sum-of-grants");
    }
    check(&format!("{begun} | stop again | go | release h1"), "9 available, 0 held; g1:9/0/1");
}
