//! The small language of the stories: commands separated by `|`.
//!
//! A grant is `g1` if the story gave it and `n1` if a rule made it, a hold is `h1`, an account `a1`. Prices, taxes and
//! fees are cents of EUR. `on a2` goes on with another account, `at 5000` at another time.

use std::fmt::Write as _;

use super::{
    super::{Authorize, Book, Breakage, Command, Grant, GrantKind, NewGrant, Refusal, Share},
    currency,
    world::World,
};
use crate::{
    Credits, Money, Time,
    ids::{AccountId, GrantId, HoldId},
};

struct Teller {
    world: World,
    on: usize,
}

fn number(text: &str) -> i64 {
    text.trim_start_matches(|c: char| c.is_alphabetic()).parse().expect("a number")
}

fn credits(text: &str) -> Credits {
    text.parse().expect("credits")
}

/// The word after another, of `price 1000 tax 190`.
fn option<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    let pairs = words.chunks(2).map(|pair| <[&str; 2]>::try_from(pair).expect("a name and a value"));
    pairs.filter(|[key, _]| *key == name).map(|[_, value]| value).next()
}

impl Teller {
    /// Grants of the story have ids below 100, those that a rule made from 101 on.
    fn made(&self) -> Vec<GrantId> {
        self.world.grants.iter().copied().filter(|id| id.0 > 100).collect()
    }

    fn grant(&self, name: &str) -> GrantId {
        match name.strip_prefix('n') {
            Some(place) => self.made()[place.parse::<usize>().expect("a place") - 1],
            None => GrantId(number(name)),
        }
    }

    fn name(&self, grant: GrantId) -> String {
        match self.made().iter().position(|id| *id == grant) {
            Some(place) => format!("n{}", place + 1),
            None => format!("g{}", grant.0),
        }
    }

    fn parse(&self, words: &[&str]) -> Command {
        let hold = |name: &str| HoldId(number(name));
        match words {
            ["grant", id, kind, amount, rest @ ..] => Command::Grant(new_grant(id, kind, amount, rest)),
            ["authorize", id, amount, rest @ ..] => Command::Authorize(Authorize {
                hold: hold(id),
                amount: credits(amount),
                ttl: option(rest, "for").map_or(1_000, number),
                company: option(rest, "company").map(str::to_owned),
            }),
            ["capture", id, amount] => Command::Capture { hold: hold(id), amount: credits(amount), last: true },
            ["capture", id, amount, "more"] => {
                Command::Capture { hold: hold(id), amount: credits(amount), last: false }
            }
            ["release", id] => Command::Release { hold: hold(id) },
            ["expire", id] if id.starts_with('h') => Command::ExpireHold { hold: hold(id) },
            ["expire", id] => Command::ExpireGrant { grant: self.grant(id) },
            ["keep", id, ttl] => Command::Keep { hold: hold(id), ttl: number(ttl) },
            ["unknown", id, ttl] => Command::MarkUnknown { hold: hold(id), ttl: number(ttl) },
            ["refund", id, amount] if id.starts_with('h') => {
                Command::RefundUse { hold: hold(id), amount: credits(amount) }
            }
            ["refund", id, amount] => Command::RefundCredits { grant: self.grant(id), amount: credits(amount) },
            ["refunds", parts @ ..] => {
                Command::RefundUses { parts: parts.chunks(2).map(|part| (hold(part[0]), credits(part[1]))).collect() }
            }
            ["adjust", amount] => Command::Adjust { amount: credits(amount) },
            ["transfer", to, amount] => Command::Transfer { to: AccountId(number(to)), amount: credits(amount) },
            ["chargeback", id] => Command::Chargeback { grant: self.grant(id) },
            ["forgive", amount] => Command::ForgiveDebt { amount: credits(amount) },
            ["fee", id, minor] => Command::ProcessorFee { grant: self.grant(id), minor: number(minor) },
            ["suspend", reason] => Command::Suspend { reason: Some((*reason).to_owned()) },
            ["resume"] => Command::Suspend { reason: None },
            ["stop", reason] => Command::Stop { reason: Some((*reason).to_owned()) },
            ["go"] => Command::Stop { reason: None },
            ["cap", limit, period, rest @ ..] => Command::Cap {
                company: option(rest, "company").map(str::to_owned),
                period: period.parse().expect("a period"),
                credits: (*limit != "none").then(|| credits(limit)),
                used: option(rest, "used").map_or(Credits::ZERO, credits),
                as_of: match option(rest, "as-of") {
                    Some(_) => None,
                    None => self.world.accounts[self.on].last_entry,
                },
            },
            other => panic!("not a command: {other:?}"),
        }
    }

    fn tell(story: &str) -> Result<Self, Refusal> {
        let mut teller = Self { world: World::new(), on: 0 };
        for sentence in story.split('|') {
            let words: Vec<&str> = sentence.split_whitespace().collect();
            match words.as_slice() {
                ["at", moment] => teller.world.now = Time(number(moment)),
                ["on", account] => teller.on = usize::try_from(number(account) - 1).expect("an account"),
                words => {
                    teller.world.run(teller.on, &teller.parse(words))?;
                }
            }
        }
        Ok(teller)
    }
}

fn new_grant(id: &str, kind: &str, amount: &str, rest: &[&str]) -> NewGrant {
    NewGrant {
        id: GrantId(number(id)),
        kind: kind.parse::<GrantKind>().expect("a kind"),
        amount: credits(amount),
        expires_at: Time(option(rest, "until").map_or(999_999, number)),
        price: option(rest, "price").map(|minor| Money { minor: number(minor), currency: currency("EUR") }),
        tax: option(rest, "tax").map_or(0, number),
        share: Share {
            fee_bps: option(rest, "fee").map_or(0, |bps| bps.parse().expect("basis points")),
            breakage_to: option(rest, "breakage").map_or(Breakage::Host, |whose| whose.parse().expect("a party")),
        },
        origin: None,
    }
}

fn expect(story: &str, expected: &str, show: impl Fn(&Teller) -> String) {
    let shown = match Teller::tell(story) {
        Ok(teller) => show(&teller),
        Err(refusal) => format!("refused: {refusal}"),
    };
    assert_eq!(shown, expected, "{story}");
}

/// Runs a story and shows the last account's balances and what is available, held and consumed of its grants, or
/// the first refusal.
pub fn check(story: &str, expected: &str) {
    expect(story, expected, |teller| {
        let account = &teller.world.accounts[teller.on];
        let grant = |g: &Grant| format!(" {}:{}/{}/{}", teller.name(g.id), g.available, g.held, g.consumed);
        let grants: String = account.grants.iter().map(grant).collect();
        format!("{} available, {} held;{grants}", account.available, account.held)
    });
}

/// Runs a story and shows all books of the last account that are not empty: credits; cents.
pub fn check_books(story: &str, expected: &str) {
    expect(story, expected, |teller| {
        let account = teller.world.accounts[teller.on].id;
        let mut shown = [Vec::new(), Vec::new()];
        for book in Book::ALL {
            let balance = i64::try_from(teller.world.books.of_account(account, book)).expect("it fits");
            if balance != 0 && book.is_of_credits() {
                shown[0].push(format!("{} {}", book.as_str(), Credits::from_micros(balance)));
            } else if balance != 0 {
                shown[1].push(format!("{} {balance}", book.as_str()));
            }
        }
        shown.map(|books| books.join(", ")).join("; ")
    });
}

/// Runs a story and shows its holds: how far they have come, and until when.
pub fn check_holds(story: &str, expected: &str) {
    expect(story, expected, |teller| {
        let mut shown = String::new();
        for hold in &teller.world.holds {
            let separator = if shown.is_empty() { "" } else { "; " };
            let (state, taken, amount, left) = (hold.state, hold.captured, hold.amount, hold.remaining());
            write!(shown, "{separator}h{} {state}: {taken} of {amount} taken, {left} left", hold.id.0).expect("a text");
            if hold.refunded.is_positive() {
                write!(shown, ", {} refunded", hold.refunded).expect("a text");
            }
            write!(shown, ", until {}", hold.expires_at.millis()).expect("a text");
        }
        shown
    });
}

/// Runs a story and shows where the last account's grants come from, and what they carry.
pub fn check_grants(story: &str, expected: &str) {
    expect(story, expected, |teller| {
        let show = |grant: &Grant| {
            let mut shown = format!("{} {} {}", teller.name(grant.id), grant.kind, grant.amount);
            if let Some(price) = grant.price {
                write!(shown, " for {} at {} bps", price.minor, grant.share.fee_bps).expect("a text");
            }
            if grant.expires_at != Time::NEVER {
                write!(shown, " until {}", grant.expires_at.millis()).expect("a text");
            }
            if let Some(origin) = grant.origin {
                write!(shown, " of {}", teller.name(origin)).expect("a text");
            }
            shown
        };
        teller.world.accounts[teller.on].grants.iter().map(show).collect::<Vec<_>>().join("; ")
    });
}
