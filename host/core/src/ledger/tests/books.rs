//! Balances added up from postings alone, without the rules.

use std::collections::BTreeMap;

use super::super::{Asset, Book, Grant, Posting};
use crate::ids::{AccountId, GrantId};

type Place = (AccountId, Option<GrantId>, Asset, Book);

/// For each account, grant, asset and book: what was credited less what was debited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books(BTreeMap<Place, i128>);

impl Books {
    pub fn post(&mut self, posting: &Posting) {
        let Posting { account, grant, asset, amount, .. } = *posting;
        *self.0.entry((account, grant, asset, posting.debit)).or_default() -= i128::from(amount);
        *self.0.entry((account, grant, asset, posting.credit)).or_default() += i128::from(amount);
    }

    /// Balance of a book for an account over all its grants, on the side where the book grows.
    pub fn of_account(&self, account: AccountId, book: Book) -> i128 {
        let places = self.0.iter().filter(|((of, _, _, other), _)| *of == account && *other == book);
        on_its_side(book, places.map(|(_, amount)| amount).sum())
    }

    /// Balance of a book for a grant of an account, on the side where the book grows.
    pub fn of_grant(&self, account: AccountId, grant: &Grant, book: Book) -> i128 {
        let asset = match grant.price.filter(|_| !book.is_of_credits()) {
            Some(price) => Asset::Money(price.currency),
            None => Asset::Credits,
        };
        on_its_side(book, self.0.get(&(account, Some(grant.id), asset, book)).copied().unwrap_or(0))
    }

    /// What all books of an asset add up to: credits less debits.
    pub fn sums(&self) -> BTreeMap<Asset, i128> {
        let mut sums = BTreeMap::new();
        for ((_, _, asset, _), amount) in &self.0 {
            *sums.entry(*asset).or_default() += amount;
        }
        sums
    }

    /// What a book adds up to over all accounts, for each asset.
    pub fn sums_of(&self, book: Book) -> BTreeMap<Asset, i128> {
        let mut sums = BTreeMap::new();
        for ((_, _, asset, of), amount) in &self.0 {
            if *of == book {
                *sums.entry(*asset).or_default() += amount;
            }
        }
        sums
    }
}

fn on_its_side(book: Book, credited: i128) -> i128 {
    if book.grows_by_debits() { -credited } else { credited }
}
