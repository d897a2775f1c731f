//! Whatever is changed behind the ledger's back, verification names it.

use iap_store::ledger::verify::{Options, Report, verify};

use super::world::{Engine, Ledger, keys, ledger};

/// What is changed, and words of a difference that must be among those found.
const CASES: &[(&str, &[&str])] = &[
    // Postings.
    (
        "UPDATE posting SET amount = amount + 1 WHERE kind = 3 AND currency IS NULL AND n = 0",
        &["its postings, entry_", "captured is stored as", "consumed is stored as"],
    ),
    ("UPDATE posting SET kind = 99 WHERE kind = 4", &["kind 99 is unknown", "not those that its hash was made of"]),
    ("UPDATE posting SET credit = 77 WHERE kind = 4", &["book 77 is unknown"]),
    ("UPDATE posting SET credit = 21 WHERE kind = 4", &["deferred_revenue is no book of credits"]),
    ("UPDATE posting SET debit = 4, credit = 1 WHERE kind = 4", &["nothing moves from consumed to issued"]),
    (
        "UPDATE posting SET at = 1 WHERE entry_id = (SELECT max(entry_id) FROM posting)",
        &["is before that of the entry before it"],
    ),
    ("UPDATE posting SET currency = 'USD' WHERE kind = 14", &["which was not paid in it", "total of"]),
    (
        "UPDATE posting SET previous = NULL WHERE entry_id = (SELECT last_entry FROM hold WHERE state = 'released')",
        &["its entries are no chain"],
    ),
    (
        "UPDATE posting SET account_id = (SELECT max(id) FROM account) WHERE kind = 4",
        &["and moves grant_", "and moves hold_", "available is stored as"],
    ),
    (
        "DELETE FROM posting WHERE kind = 4",
        &["so batches are missing or added", "the entry before it is stored as", "set aside"],
    ),
    ("DELETE FROM posting WHERE kind = 3 AND n = 1", &["posting 1 is missing", "postings are stored"]),
    ("DELETE FROM posting WHERE kind = 3 AND n = 0", &["its first posting is missing"]),
    (
        "INSERT INTO posting (entry_id, n, kind, account_id, grant_id, debit, credit, amount, at)
         SELECT max(entry_id) + 9, 0, 1, min(account_id), min(grant_id), 1, 2, 5, max(at) FROM posting",
        &["are in no batch", "amount is stored as", "its entries are no chain"],
    ),
    // The hash chain and its heads.
    ("DELETE FROM posting_batch WHERE number = 3", &["so batches are missing or added"]),
    (
        "DELETE FROM posting_batch WHERE number = (SELECT max(number) FROM posting_batch)",
        &["are in no batch", "its batch is missing"],
    ),
    (
        "UPDATE posting_batch SET hash = previous_hash WHERE number = 2",
        &["batch 2 of stream", "the hash before it is not that of batch 2"],
    ),
    ("UPDATE posting_batch SET postings = 9 WHERE number = 2", &["9 postings are stored"]),
    ("UPDATE posting_batch SET first_entry = first_entry - 1 WHERE number = 2", &["its first entry is stored as"]),
    (
        "INSERT INTO posting_batch SELECT stream, number + 1, last_entry + 1, last_entry + 1, 1, at, hash, hash
         FROM posting_batch WHERE number = (SELECT max(number) FROM posting_batch)",
        &["batches are stored"],
    ),
    ("UPDATE chain_head SET hash = signature", &["its batch has another hash now"]),
    ("UPDATE chain_head SET signed_at = signed_at + 1", &["its signature is wrong"]),
    // Grants.
    (
        "UPDATE credit_grant SET available = available + 1, amount = amount + 1 WHERE kind = 'gift'",
        &["available is stored as", "amount is stored as"],
    ),
    (
        "UPDATE credit_grant SET consumed = consumed - 1, voided = voided + 1 WHERE consumed > 0 AND kind = 'purchase'",
        &["consumed is stored as", "voided is stored as"],
    ),
    (
        "UPDATE credit_grant SET vendor_due = vendor_due - 1 WHERE vendor_due > 1",
        &["vendor_due is stored as", "the vendor's part is stored as"],
    ),
    (
        "UPDATE credit_grant SET recognized = recognized - 1, earned = earned - 1 WHERE earned > 1",
        &["recognized is stored as", "earned is stored as"],
    ),
    ("UPDATE credit_grant SET price = price + 100 WHERE price > 0", &["price is stored as"]),
    ("UPDATE credit_grant SET tax = tax + 1 WHERE tax > 0", &["tax is stored as"]),
    ("UPDATE credit_grant SET charged_back = 0 WHERE charged_back = 1", &["charged back is stored as false"]),
    ("UPDATE credit_grant SET repaid = repaid - 1 WHERE repaid > 0", &["repaid is stored as"]),
    (
        "UPDATE credit_grant SET repaid = voided + 1 WHERE repaid > 0",
        &["what repaid a debt is no part of what was voided"],
    ),
    ("DELETE FROM credit_grant WHERE kind = 'gift'", &["it has postings and no row"]),
    // Holds.
    ("UPDATE hold SET captured = captured - 1 WHERE refunded > 0", &["captured is stored as"]),
    ("UPDATE hold SET refunded = refunded - 1 WHERE refunded > 0", &["refunded is stored as"]),
    ("UPDATE hold SET amount = amount + 1 WHERE state = 'live'", &["amount is stored as", "set aside"]),
    ("UPDATE hold SET state = 'released' WHERE state = 'expired'", &["its state is stored as released"]),
    ("UPDATE hold SET state = 'released', ended_at = 5 WHERE state = 'unknown'", &["it is released with 0 set aside"]),
    ("UPDATE hold SET parts = '[]' WHERE state = 'captured'", &["is not what its postings make"]),
    ("UPDATE hold SET parts = 'x' WHERE state = 'live'", &["its parts cannot be read"]),
    ("UPDATE hold SET entry_id = entry_id + 1 WHERE state = 'live'", &["is stored as what authorized it"]),
    ("UPDATE hold SET last_entry = last_entry + 1 WHERE state = 'released'", &["which has no posting of it"]),
    ("DELETE FROM hold WHERE state = 'released'", &["it has postings and no row"]),
    // Balances, totals, vendors.
    ("UPDATE balance SET available = available + 1", &["available is stored as"]),
    ("UPDATE balance SET held = held + 1", &["held is stored as"]),
    ("UPDATE balance SET debt = 0 WHERE debt > 0", &["debt is stored as 0"]),
    ("UPDATE balance SET last_entry = NULL", &["its entries are no chain that ends with the stored one, none"]),
    ("DELETE FROM balance", &["it has no balance"]),
    ("UPDATE ledger_total SET debits = debits + 1 WHERE book = 3", &["total of held of svc_"]),
    ("DELETE FROM ledger_total WHERE book = 20", &["total of cash_received of svc_"]),
    (
        "UPDATE vendor_balance SET paid_out = paid_out - 1",
        &["vendor acme, EUR: 500 made payable and 199 paid out are stored"],
    ),
    ("UPDATE payout SET returned_at = 1", &["vendor acme, EUR: 200 paid out are stored, its payouts make 0"]),
    ("INSERT INTO entry_note VALUES (5, 'because')", &["entry_5: it has a note and no postings"]),
    ("DELETE FROM vendor_balance", &["vendor acme, EUR: 0 made payable and 0 paid out are stored"]),
];

async fn verified(ledger: &Ledger, options: Options) -> Report {
    verify(&ledger.location(), options, |_, _| {}).await.expect("it reads to the end")
}

async fn everything_is_found(engine: Engine) {
    let whole = ledger(engine).await;
    let options = Options { public_key: Some(keys().public_key()) };
    let clean = verified(&whole.copy(), options).await;
    assert_eq!(clean.differences, vec![], "{engine:?}");
    assert_eq!((clean.accounts, clean.holds, clean.live_holds, clean.heads), (2, 6, 2, 1));
    assert_eq!(clean.books.iter().map(|(_, sum)| sum).sum::<i128>(), 0);
    assert_eq!(clean.money.iter().map(|(_, _, sum)| sum).sum::<i128>(), 0);
    assert_eq!(clean.keys, [hex::encode(keys().public_key())]);
    let mut missed = Vec::new();
    for (sql, words) in CASES {
        let copy = whole.copy();
        copy.tamper(sql);
        let differences = verified(&copy, options).await.differences;
        let lines: Vec<_> = differences.iter().map(|difference| difference.what.as_str()).collect();
        let missing = words.iter().filter(|words| !lines.iter().any(|line| line.contains(**words)));
        missed.extend(missing.map(|words| format!("after {sql}\n{words:?} is not among\n  {}", lines.join("\n  "))));
    }
    assert!(missed.is_empty(), "{engine:?}: {}", missed.join("\n\n"));
    let other = Options { public_key: Some([7; 32]) };
    let report = verified(&whole.copy(), other).await;
    assert!(report.differences[0].what.ends_with("it is signed by another key than the given one"));
}

#[tokio::test(flavor = "multi_thread")]
async fn verification_names_every_kind_of_tampering_on_sqlite() {
    everything_is_found(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verification_names_every_kind_of_tampering_on_postgres() {
    everything_is_found(Engine::Postgres).await;
}
