//! What is wrong with an account, from one look at it and what was posted since the last one.

use std::collections::BTreeMap;

use iap_core::{
    Credits,
    ids::{EntryId, GrantId},
    ledger::{Book, Tally},
};
use iap_store::repositories::{Look, Moved};

/// How an account was when it was looked at and nothing was wrong.
#[derive(Clone, Debug)]
pub struct Baseline {
    /// Its newest entry.
    pub last_entry: Option<EntryId>,
    debt: Credits,
    grants: Vec<(GrantId, Tally)>,
}

impl Baseline {
    /// An account before its first entry.
    pub fn empty() -> Self {
        Self { last_entry: None, debt: Credits::ZERO, grants: Vec::new() }
    }

    /// The account as it is looked at now.
    pub fn of(look: &Look) -> Self {
        let grants = look.grants.iter().map(|grant| (grant.id, Tally::of(grant))).collect();
        Self { last_entry: look.last_entry, debt: look.debt, grants }
    }
}

/// What does not add up within one look.
pub fn contradictions(look: &Look) -> Vec<String> {
    let mut found = Vec::new();
    let sum = |of: fn(&iap_core::ledger::Grant) -> Credits| -> i128 {
        look.grants.iter().map(|grant| i128::from(of(grant).micros())).sum()
    };
    for (name, stored, made) in
        [("available", look.available, sum(|grant| grant.available)), ("held", look.held, sum(|grant| grant.held))]
    {
        if i128::from(stored.micros()) != made {
            found.push(format!("{name} is stored as {stored}, its grants make {}", shown(made)));
        }
    }
    if [look.available, look.held, look.debt].iter().any(|credits| *credits < Credits::ZERO) {
        found.push("a balance is below zero".to_owned());
    }
    for grant in &look.grants {
        found.extend(Tally::contradictions(grant).into_iter().map(|what| format!("{}: {what}", grant.id)));
    }
    found
}

/// What the postings since a look do not explain.
pub fn unexplained(before: &Baseline, moved: &[Moved], look: &Look) -> Vec<String> {
    let mut found = Vec::new();
    let mut debt = i128::from(before.debt.micros());
    let mut grants: BTreeMap<GrantId, (Tally, bool)> =
        before.grants.iter().map(|(id, tally)| (*id, (*tally, true))).collect();
    for posting in moved {
        match (posting.debit, posting.credit) {
            (Book::Debt, _) => debt += i128::from(posting.amount),
            (_, Book::Debt) => debt -= i128::from(posting.amount),
            _ => {}
        }
        let Some(id) = posting.grant else { continue };
        // A grant that was spent at the last look and is refunded now is known from here on only.
        let begins = matches!(posting.debit, Book::Issued | Book::Transferred);
        let (tally, _) = grants.entry(id).or_insert((Tally::default(), begins || before.last_entry.is_none()));
        if let Err(wrong) = tally.add(posting.debit, posting.credit, posting.amount) {
            found.push(format!("{id}: {wrong}"));
        }
    }
    if debt != i128::from(look.debt.micros()) {
        found.push(format!("debt is stored as {}, its postings make {}", look.debt, shown(debt)));
    }
    for (id, (tally, _)) in grants.iter().filter(|(_, (_, is_known))| *is_known) {
        match look.grants.iter().find(|grant| grant.id == *id) {
            Some(grant) => {
                for (name, stored, made) in tally.differences(grant) {
                    found.push(format!("{id}: {name} is stored as {stored}, its postings make {made}"));
                }
            }
            None if (tally.available, tally.held) != (0, 0) => {
                let (available, held) = (shown(tally.available), shown(tally.held));
                found.push(format!("{id}: nothing is stored as left, its postings leave {available} and {held} held"));
            }
            None => {}
        }
    }
    for grant in look.grants.iter().filter(|grant| !grants.contains_key(&grant.id)) {
        found.push(format!("{}: it is open, and no posting made it so", grant.id));
    }
    found
}

fn shown(micros: i128) -> String {
    i64::try_from(micros)
        .map_or_else(|_| format!("{micros} micro-credits"), |micros| Credits::from_micros(micros).to_string())
}

#[cfg(test)]
mod tests {
    use iap_core::ledger::{Grant, NewGrant};

    use super::*;

    fn grant(id: i64, available: i64, consumed: i64) -> Grant {
        let mut account = iap_core::ledger::Account::new(iap_core::ids::AccountId(1), iap_core::ids::ServiceId(1));
        let command =
            iap_core::ledger::Command::Grant(NewGrant::gift(GrantId(id), Credits::from_micros(available + consumed)));
        let entry = iap_core::ledger::decide(&account, None, &command, &mut || 7, iap_core::Time(0)).expect("it fits");
        account.apply(&entry).expect("it applies");
        let mut grant = account.grants.remove(0);
        grant.available = Credits::from_micros(available);
        grant.consumed = Credits::from_micros(consumed);
        grant
    }

    fn look(grants: Vec<Grant>, entry: i64, available: i64) -> Look {
        Look {
            last_entry: Some(EntryId(entry)),
            available: Credits::from_micros(available),
            held: Credits::ZERO,
            debt: Credits::ZERO,
            stopped: None,
            grants,
        }
    }

    #[test]
    fn what_postings_explain_is_right_and_the_rest_is_named() {
        let before = Baseline::of(&look(vec![grant(1, 10, 0)], 1, 10));
        let moved = |debit, credit| Moved { grant: Some(GrantId(1)), debit, credit, amount: 4 };
        let used = [moved(Book::Available, Book::Held), moved(Book::Held, Book::Consumed)];
        let now = look(vec![grant(1, 6, 4)], 2, 6);
        assert!(contradictions(&now).is_empty());
        assert!(unexplained(&before, &used, &now).is_empty());
        let more = look(vec![grant(1, 7, 3)], 2, 7);
        assert_eq!(
            unexplained(&before, &used, &more),
            [
                "grant_1: available is stored as 7, its postings make 6",
                "grant_1: consumed is stored as 3, its postings make 4"
            ]
        );
        assert_eq!(
            contradictions(&look(vec![grant(1, 6, 4)], 2, 8)),
            ["available is stored as 0.000008, its grants make 0.000006"]
        );
    }

    #[test]
    fn an_open_grant_from_nowhere_is_named() {
        let before = Baseline::of(&look(vec![], 1, 0));
        let now = look(vec![grant(3, 5, 0)], 1, 5);
        assert_eq!(unexplained(&before, &[], &now), ["grant_3: it is open, and no posting made it so"]);
    }
}
