//! The carrier: Twilio's Messages resource.

mod answer;
mod sender;

use iap_sdk::http::{Error, Request, Response, send_many};

use crate::send::State;
pub use sender::{Sender, key as sender_key};

/// Where messages are posted; the host fills the account in, and adds the credentials.
const PATH: &str = "/2010-04-01/Accounts/{config:twilio-account-sid}/Messages.json";

/// The host sends this many requests of one batch at a time, and keeps the others waiting.
const AT_A_TIME: usize = 8;

/// No message needs longer than this.
const LONGEST_WAIT_MS: u32 = 12_000;

/// One message to send.
#[derive(Debug)]
pub struct Text<'a> {
    /// E.164.
    pub to: &'a str,
    /// ISO 3166-1 alpha-2 of the number.
    pub country: &'a str,
    /// What it says.
    pub body: &'a str,
    /// Where the carrier reports on it.
    pub status_callback: Option<String>,
}

/// What the carrier did with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It takes care of it.
    Accepted {
        /// Its reference of the message.
        sid: String,
        /// What it charges, as `0.0075 USD`, where it says so already.
        cost: Option<String>,
    },
    /// It does not take it.
    Refused {
        /// What that means for the database.
        state: State,
        /// For the user.
        reason: String,
    },
    /// The request was sent, and no answer that can be understood came back.
    Unknown,
    /// The request was not sent: the carrier cannot be reached.
    Unreachable,
    /// The request was not sent: this call or job run may send no more of them.
    OutOfRequests,
}

impl Outcome {
    /// Whether the carrier takes care of it.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }
}

/// Sends all messages within `budget_ms` milliseconds and answers in the same order.
pub fn send_all(texts: &[Text<'_>], sender: &Sender, budget_ms: u32) -> Vec<Outcome> {
    let timeout = timeout_ms(texts.len(), budget_ms);
    let requests = texts.iter().map(|text| request(text, sender).timeout_ms(timeout)).collect();
    let outcomes: Vec<Outcome> = send_many(requests).iter().map(outcome).collect();
    // A host that answers less than it was asked leaves the rest unknown, which is neither sent again nor charged.
    outcomes.into_iter().chain(std::iter::repeat(Outcome::Unknown)).take(texts.len()).collect()
}

/// Time for each request, so that all rounds of requests stay within the budget.
fn timeout_ms(requests: usize, budget_ms: u32) -> u32 {
    let rounds = u32::try_from(requests.div_ceil(AT_A_TIME)).unwrap_or(u32::MAX).max(1);
    (budget_ms / rounds).min(LONGEST_WAIT_MS)
}

fn request(text: &Text<'_>, sender: &Sender) -> Request {
    let (name, value) = sender.field(text.country);
    let mut form = vec![("To", text.to), (name, value), ("Body", text.body)];
    if let Some(url) = &text.status_callback {
        form.push(("StatusCallback", url));
    }
    Request::post("carrier", PATH).form(&form)
}

fn outcome(result: &Result<Response, Error>) -> Outcome {
    match result {
        Ok(response) => answer::read(response),
        Err(error) => {
            iap_sdk::log::warn!("no answer from the carrier: {error}");
            match error.code.as_str() {
                _ if error.sent => Outcome::Unknown,
                "too-many-requests" => Outcome::OutOfRequests,
                _ => Outcome::Unreachable,
            }
        }
    }
}

/// The carrier's references of what it accepted, short enough for a bill.
pub fn reference(outcomes: &[Outcome]) -> String {
    let mut sids = outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Accepted { sid, .. } => Some(sid.as_str()),
        _ => None,
    });
    let first = sids.next().unwrap_or_default();
    match sids.count() {
        0 => first.to_owned(),
        more => format!("{first} and {more} more"),
    }
}

/// What the carrier charges, where it is one message and says so.
pub fn cost(outcomes: &[Outcome]) -> Option<String> {
    match outcomes {
        [Outcome::Accepted { cost, .. }] => cost.clone(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rounds_stay_within_the_budget() {
        for (requests, timeout) in
            [(0, 12_000), (1, 12_000), (8, 12_000), (9, 6_000), (16, 6_000), (17, 4_000), (20, 4_000)]
        {
            assert_eq!(timeout_ms(requests, 12_000), timeout, "{requests}");
        }
        assert_eq!(timeout_ms(20, 45_000), 12_000);
    }

    #[test]
    fn a_bill_names_the_first_message_and_counts_the_others() {
        let accepted = |sid: &str| Outcome::Accepted { sid: sid.into(), cost: Some("0.01 USD".into()) };
        let one = [accepted("SM1")];
        let some = [Outcome::Unknown, accepted("SM1"), accepted("SM2"), accepted("SM3")];
        assert_eq!((reference(&one), cost(&one)), ("SM1".into(), Some("0.01 USD".into())));
        assert_eq!((reference(&some), cost(&some)), ("SM1 and 2 more".into(), None));
    }
}
