//! A few accounts with their holds, as a store would keep them.

use super::{
    super::{Account, Command, Entry, Hold, Refusal, decide, decide_refunds, decide_transfer},
    books::Books,
};
use crate::{
    Time,
    ids::{AccountId, GrantId, HoldId, ServiceId},
};

/// Accounts 1 and 2 of one service, account 3 of another.
pub struct World {
    pub accounts: Vec<Account>,
    pub holds: Vec<Hold>,
    /// Every grant there ever was, in the order they came into being.
    pub grants: Vec<GrantId>,
    pub entries: Vec<Entry>,
    pub books: Books,
    pub now: Time,
    last_id: i64,
}

impl World {
    /// Nothing has happened; ids are given from 101 on.
    pub fn new() -> Self {
        let account = |id, service| Account::new(AccountId(id), ServiceId(service));
        Self {
            accounts: vec![account(1, 1), account(2, 1), account(3, 2)],
            holds: Vec::new(),
            grants: Vec::new(),
            entries: Vec::new(),
            books: Books::default(),
            now: Time(1_000),
            last_id: 100,
        }
    }

    pub fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    pub fn hold(&self, id: HoldId) -> Option<&Hold> {
        self.holds.iter().find(|hold| hold.id == id)
    }

    /// Decides a command on an account (by its place) and applies what was decided.
    pub fn run(&mut self, on: usize, command: &Command) -> Result<Vec<Entry>, Refusal> {
        let mut last_id = self.last_id;
        let mut new_id = || {
            last_id += 1;
            last_id
        };
        let account = &self.accounts[on];
        let decided = match command {
            Command::Transfer { to, amount } => {
                let other = self.accounts.iter().find(|other| other.id == *to).expect("an account of the world");
                let (out, into) = decide_transfer(account, other, *amount, &mut new_id, self.now)?;
                vec![out, into]
            }
            Command::RefundUses { parts } => {
                let holds: Vec<&Hold> = self.holds.iter().filter(|hold| hold.account == account.id).collect();
                let done = decide_refunds(account, &holds, parts, &mut new_id, self.now)?;
                done.into_iter().map(|(entry, _)| entry).collect()
            }
            _ => {
                let named = named_hold(command).and_then(|id| self.hold(id)).filter(|hold| hold.account == account.id);
                vec![decide(account, named, command, &mut new_id, self.now)?]
            }
        };
        self.last_id = last_id;
        for entry in &decided {
            self.take(entry);
        }
        Ok(decided)
    }

    fn take(&mut self, entry: &Entry) {
        let account = self.accounts.iter_mut().find(|account| account.id == entry.account).expect("it was decided on");
        account.apply(entry).expect("a decision always applies");
        self.grants.extend(entry.grants.iter().map(|grant| grant.id));
        if let Some(hold) = &entry.hold {
            match self.holds.iter_mut().find(|other| other.id == hold.id) {
                Some(other) => other.clone_from(hold),
                None => self.holds.push(hold.clone()),
            }
        }
        for posting in &entry.postings {
            self.books.post(posting);
        }
        self.entries.push(entry.clone());
    }

    /// The accounts as they come out when all entries are applied again from nothing.
    pub fn replayed(&self) -> Vec<Account> {
        let mut again = Self::new();
        for entry in &self.entries {
            again.take(entry);
        }
        again.accounts
    }
}

fn named_hold(command: &Command) -> Option<HoldId> {
    match command {
        Command::Capture { hold, .. }
        | Command::Release { hold }
        | Command::ExpireHold { hold }
        | Command::Keep { hold, .. }
        | Command::MarkUnknown { hold, .. }
        | Command::RefundUse { hold, .. } => Some(*hold),
        _ => None,
    }
}
