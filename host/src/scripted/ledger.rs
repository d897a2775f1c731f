//! Credits of a scripted host: priced by the manifest, set aside, taken and given back as the real ledger does.

use iap_core::{
    Credits,
    ids::{CallId, HoldId},
    prices::{Caps, PriceRefusal, capture_within, price_lines},
};
use iap_runtime::backend::{AuthorizeOptions, Authorized, CaptureDetails, Line, Refusal, Remembered};

use super::{
    fault::Fault,
    world::{self, Hold, HoldState, World},
};

/// Longest that a hold may live, in seconds, as on a real host.
const LONGEST_HOLD: u32 = 180 * 24 * 3600;
/// Seconds that a hold without a TTL lives.
const CALL_HOLD: u32 = 300;

type Answered<T> = Result<T, Refusal>;

impl World {
    pub fn authorize(&mut self, call: CallId, lines: &[Line], options: AuthorizeOptions) -> Answered<Authorized> {
        self.moment();
        self.moments.authorizes += 1;
        if self.standing != "active" {
            return Err(refusal(&self.standing, "the account may not use the service"));
        }
        let record = self.calls.get(&call).cloned().unwrap_or_default();
        let Some(operation) = &record.operation else {
            return Err(refusal(
                "unknown-price",
                "only an operation has prices; authorize in handle and keep the hold",
            ));
        };
        let caps = Caps { max_credits: record.max_credits, engaged: self.engaged(call) };
        let priced = price_lines(operation, lines, caps).map_err(|error| price_refusal(&error))?;
        if let Some(key) = options.natural_key {
            if let Some(known) = self.remembered.get(&key) {
                return Ok(Authorized::Answered(known.answer.clone()));
            }
            self.calls.entry(call).or_default().keys.push(key);
        }
        let available = match self.fault {
            Some(Fault::Credits(from)) if from <= self.moments.authorizes => Credits::ZERO,
            _ => self.available,
        };
        let Some(left) = available.checked_sub(priced.total).filter(|left| Credits::ZERO <= *left) else {
            return Err(insufficient(priced.total, available));
        };
        self.available = left;
        let id = HoldId(self.id());
        let ttl = i64::from(options.ttl.unwrap_or(CALL_HOLD).clamp(1, LONGEST_HOLD));
        let expires_at = self.now.plus_seconds(ttl);
        let hold = Hold { call, amount: priced.total, captured: Credits::ZERO, state: HoldState::Live, expires_at };
        self.holds.insert(id, hold);
        self.store();
        Ok(Authorized::Hold { id, amount: priced.total })
    }

    pub fn capture(&mut self, call: CallId, id: HoldId, lines: &[Line], details: CaptureDetails) -> Answered<Credits> {
        self.moment();
        self.moments.captures += 1;
        if self.fault == Some(Fault::Capture(self.moments.captures)) {
            self.end(id, HoldState::Expired);
        }
        let held = self.live(id)?.amount;
        let record = self.calls.get(&call).cloned().unwrap_or_default();
        let Some(operation) = &record.operation else {
            return Err(refusal("unknown-price", "the operation that authorized this hold is gone"));
        };
        let priced = capture_within(operation, lines, held).map_err(|error| price_refusal(&error))?;
        if let Some(hold) = self.holds.get_mut(&id) {
            hold.captured = priced.total;
        }
        self.end(id, HoldState::Captured);
        self.taken = self.taken.checked_add(priced.total).unwrap_or(Credits::MAX);
        self.captured.extend(priced.lines);
        self.remember(call, details.remember, false);
        self.store();
        Ok(priced.total)
    }

    pub fn keep(&mut self, call: CallId, id: HoldId, ttl: u32, remember: Vec<Remembered>) -> Answered<()> {
        self.moment();
        self.live(id)?;
        let until = self.now.plus_seconds(i64::from(ttl.clamp(1, LONGEST_HOLD)));
        if let Some(hold) = self.holds.get_mut(&id) {
            // Whoever keeps it knows what became of it.
            (hold.state, hold.expires_at) = (HoldState::Live, until);
        }
        self.remember(call, remember, true);
        self.store();
        Ok(())
    }

    /// `longest`: seconds that the run which takes the hold up may last.
    pub fn resume(&mut self, call: CallId, id: HoldId, longest: i64) -> Answered<Credits> {
        self.moment();
        if self.holds.get(&id).is_none_or(|hold| hold.call != call) {
            return Err(unknown_hold());
        }
        let amount = self.live(id)?.amount;
        let least = self.now.plus_seconds(longest + i64::from(CALL_HOLD));
        if let Some(hold) = self.holds.get_mut(&id) {
            hold.expires_at = hold.expires_at.max(least);
        }
        Ok(amount)
    }

    /// What a call took and has set aside: `max_per_call` and `max_credits` bound it.
    fn engaged(&self, call: CallId) -> Credits {
        let of_call = self.holds.values().filter(|hold| hold.call == call);
        Credits::checked_sum(of_call.map(|hold| if hold.is_live() { hold.amount } else { hold.captured }))
            .unwrap_or(Credits::MAX)
    }

    fn live(&self, id: HoldId) -> Answered<&Hold> {
        let hold = self.holds.get(&id).ok_or_else(unknown_hold)?;
        match hold.state {
            HoldState::Live | HoldState::Unknown => Ok(hold),
            HoldState::Expired => Err(refusal("hold-expired", "the hold has expired; its credits have gone back")),
            HoldState::Captured | HoldState::Released => {
                Err(refusal("hold-ended", "the hold was captured or released before"))
            }
        }
    }

    fn remember(&mut self, call: CallId, answers: Vec<Remembered>, provisional: bool) {
        for Remembered { key, answer } in answers {
            self.remembered.insert(key, world::Remembered { answer, call, provisional });
        }
    }
}

fn refusal(code: &str, message: &str) -> Refusal {
    Refusal { code: code.to_owned(), message: message.to_owned(), details: Vec::new() }
}

fn unknown_hold() -> Refusal {
    refusal("unknown-hold", "this account has no such hold")
}

fn price_refusal(error: &PriceRefusal) -> Refusal {
    let details = error.line().map(|line| ("line".to_owned(), line.to_string())).into_iter().collect();
    Refusal { code: error.code().to_owned(), message: error.to_string(), details }
}

fn insufficient(needed: Credits, available: Credits) -> Refusal {
    let details = vec![
        ("needed".to_owned(), needed.to_string()),
        ("available".to_owned(), available.to_string()),
        ("buy_url".to_owned(), "https://iap.test/iap/1/credit".to_owned()),
    ];
    let message = format!("{needed} credits are needed and {available} are available; buy a pack");
    Refusal { code: "insufficient-credit".to_owned(), message, details }
}
