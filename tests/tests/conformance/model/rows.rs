//! What is stored, beside what the naive ledger has.

use iap_core::{Credits, Time, ledger::SpendingCap};
use iap_store::{Row, Store};

use super::rules::{Held, Lot, Model};

fn numbers(row: &Row, columns: std::ops::Range<usize>) -> Vec<i128> {
    columns.map(|column| i128::from(row.int(column).expect("a number"))).collect()
}

/// A word, numbers, and another word.
type Line = (String, Vec<i128>, String);

/// All rows are the naive ledger's, to the micro-credit and the cent.
pub async fn compare(store: &Store, model: &Model, now: i64) {
    grants(store, model).await;
    holds(store, model).await;
    balances(store, model).await;
    caps(store, model, now).await;
}

async fn grants(store: &Store, model: &Model) {
    let sql = "SELECT kind, id, account_id, amount, available, held, consumed, expired, refunded, voided, transferred, expires_at,
                      coalesce(price, -1), tax, recognized, earned, lapsed, returned, moved, vendor_due, tax_returned, charged_back,
                      repaid, breakage_to
               FROM credit_grant ORDER BY id";
    let rows = store.read(sql, vec![]).await.expect("it reads");
    let line = |row: &Row| (row.text(0).expect("a word"), numbers(row, 1..23), row.text(23).expect("a word"));
    let stored: Vec<Line> = rows.iter().map(line).collect();
    let mut lots: Vec<Line> = model.lots.iter().map(lot).collect();
    lots.sort_by_key(|line| line.1[0]);
    assert_eq!(stored, lots);
}

fn lot(lot: &Lot) -> Line {
    let revenue = &lot.revenue;
    let credits = [lot.amount, lot.free, lot.held, lot.used, lot.expired, lot.refunded, lot.voided, lot.moved];
    let mut numbers = vec![i128::from(lot.id), one_up(lot.owner)];
    numbers.extend(credits);
    numbers.extend([i128::from(lot.ends), lot.price.unwrap_or(-1), lot.tax]);
    numbers.extend([revenue.out(), revenue.earned, revenue.lapsed, revenue.returned, revenue.moved]);
    numbers.extend([lot.vendor(), revenue.tax_returned, i128::from(lot.disputed), lot.repaid]);
    let breakage = if lot.vendor_has_breakage { "vendor" } else { "host" };
    (lot.kind.as_str().to_owned(), numbers, breakage.to_owned())
}

/// An owner's account.
fn one_up(owner: usize) -> i128 {
    i128::try_from(owner).expect("few") + 1
}

async fn holds(store: &Store, model: &Model) {
    let sql =
        "SELECT state, id, account_id, amount, captured, refunded, created_at, expires_at, coalesce(company, ''), parts
               FROM hold ORDER BY id";
    let rows = store.read(sql, vec![]).await.expect("it reads");
    let text = |row: &Row, column| row.text(column).expect("a word");
    let line = |row: &Row| (text(row, 0), numbers(row, 1..8), format!("{} {}", text(row, 8), text(row, 9)));
    let stored: Vec<Line> = rows.iter().map(line).collect();
    let naive = |held: &Held| {
        let mut numbers = vec![i128::from(held.id), one_up(held.owner), held.amount(), held.taken(), held.given_back()];
        numbers.extend([i128::from(held.born), i128::from(held.ends)]);
        let words = format!("{} {}", held.company.as_deref().unwrap_or(""), parts(model, held));
        (held.state.as_str().to_owned(), numbers, words)
    };
    let mut holds: Vec<Line> = model.holds.iter().map(naive).collect();
    holds.sort_by_key(|line| line.1[0]);
    assert_eq!(stored, holds);
}

fn parts(model: &Model, held: &Held) -> String {
    let part = |(lot, amount, taken, back): &(usize, i128, i128, i128)| {
        format!("[{},{amount},{taken},{back}]", model.lots[*lot].id)
    };
    format!("[{}]", held.parts.iter().map(part).collect::<Vec<_>>().join(","))
}

async fn balances(store: &Store, model: &Model) {
    let sql = "SELECT coalesce(suspended, '-'), account_id, available, held, debt, coalesce(stopped, '-')
               FROM balance WHERE account_id <= 2 ORDER BY account_id";
    let rows = store.read(sql, vec![]).await.expect("it reads");
    let line = |row: &Row| (row.text(0).expect("a word"), numbers(row, 1..5), row.text(5).expect("a word"));
    let stored: Vec<Line> = rows.iter().map(line).collect();
    let reason = |given: bool| if given { "reason" } else { "-" }.to_owned();
    let naive = (0..).zip(&model.owners).map(|(on, owner)| {
        let numbers = vec![one_up(on), model.free(on), model.held(on), owner.debt];
        (reason(owner.suspended), numbers, reason(owner.stopped))
    });
    assert_eq!(stored, naive.collect::<Vec<_>>());
}

async fn caps(store: &Store, model: &Model, now: i64) {
    let sql = "SELECT account_id, company, period, credits, used, window_start FROM spending_cap ORDER BY account_id, company, period";
    let rows = store.read(sql, vec![]).await.expect("it reads");
    let line = |row: &Row| {
        let number = |column| row.int(column).expect("a number");
        let cap = SpendingCap {
            company: Some(row.text(1).expect("a word")),
            period: row.text(2).expect("a word").parse().expect("a period"),
            credits: Credits::from_micros(number(3)),
            used: Credits::from_micros(number(4)),
            window: Time(number(5)),
        };
        let numbers = [number(0), cap.credits.micros(), cap.used_at(Time(now)).micros()];
        (cap.company.clone().unwrap_or_default(), numbers.map(i128::from).to_vec(), cap.period.as_str().to_owned())
    };
    let mut stored: Vec<Line> = rows.iter().map(line).collect();
    let mut naive = Vec::new();
    for (on, owner) in model.owners.iter().enumerate() {
        for (company, period, credits) in &owner.caps {
            let used = model.usage(on, company.as_deref(), *period, now);
            let numbers = vec![one_up(on), *credits, used];
            naive.push((company.clone().unwrap_or_default(), numbers, period.as_str().to_owned()));
        }
    }
    stored.sort();
    naive.sort();
    assert_eq!(stored, naive);
}
