//! `billing`: the host prices lines, sets credits aside, takes what was delivered.

use std::collections::HashSet;

use iap_core::{
    Credits,
    ids::{AccountId, HoldId},
    ledger::{Authorize, Command, HoldState, Refusal as Rule},
    manifest::Operation,
    prices::{Caps, PriceRefusal, PricedLines, capture_within, price_lines},
    publishing::protected::{Lot, Rise, choose},
};
use iap_runtime::backend::{AuthorizeOptions, Authorized, CaptureDetails, HostFault, Line, Refusal, Remembered};
use iap_store::{
    Post, PostError, Statement,
    repositories::{Accounts, Calls, HoldRow, Known, NaturalKeys, NewCall},
};

use super::{
    backend::{Ledgered, fault},
    job_context::{OfHold, at_prices_of},
};
use crate::catalog::Risen;

type Answered<T> = Result<Result<T, Refusal>, HostFault>;

/// Longest that a hold may live, in seconds: 180 days, as Odoo's own protocol allows.
const LONGEST_HOLD: u32 = 180 * 24 * 3600;
/// A hold without a TTL outlives the longest call by this many seconds, so that the call always ends first.
const CALL_HOLD: u32 = 300;
/// How long a natural key is claimed by a call whose host may have died, in seconds.
const CLAIM: i64 = 300;

pub async fn authorize(on: &Ledgered, lines: Vec<Line>, options: AuthorizeOptions) -> Answered<Authorized> {
    let account = match allowed(on) {
        Ok(account) => account,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some(operation) = &on.caller.operation else {
        return Ok(Err(refusal(
            "unknown-price",
            "only an operation has prices; authorize in handle and keep the hold".to_owned(),
        )));
    };
    count(on).await?;
    let caps = Caps { max_credits: on.caller.max_credits, engaged: on.progress().engaged };
    let priced = price_lines(operation, &lines, caps);
    let current = priced.as_ref().ok().map(|priced| priced.total);
    let priced = match (at_prices_before(on, account, operation, &lines, caps, current).await?, priced) {
        (Some(priced), _) | (None, Ok(priced)) => priced,
        (None, Err(error)) => return Ok(Err(price_refusal(&error))),
    };
    let of = OfHold { lines: lines_json(&priced), key: options.natural_key };
    if let Some(key) = &of.key {
        match own_key(on, account, key.clone()).await? {
            Some(answer) => return Ok(Ok(Authorized::Answered(answer))),
            None if on.progress().collided => return collision(on),
            None => {}
        }
    }
    let hold = on.store().ids().hold();
    let ttl = i64::from(options.ttl.unwrap_or(CALL_HOLD).clamp(1, LONGEST_HOLD)) * 1000;
    let ask = Authorize { hold, amount: priced.total, ttl, company: on.caller.company.clone() };
    let due = on.time().plus_millis(ttl);
    let mut post = Post::new(account, Command::Authorize(ask));
    post.call = Some(on.call);
    let (mut riders, claim_at) =
        riders_of_authorize(on, account, of.lines.clone(), options.description.unwrap_or_default());
    let question = super::unknown::question(on, hold, &of, due);
    let asks = question.is_some();
    riders.extend(question);
    post.riders = Some(Box::new(move |_| riders.clone()));
    match on.store().post(post).await {
        Ok(_) => {
            super::late::give_back(on, account, hold);
            let mut progress = on.progress();
            progress.begun = true;
            progress.unclaimed.clear();
            progress.questions.extend(asks.then_some(hold));
            progress.of_holds.insert(hold, of);
            progress.engaged = progress.engaged.checked_add(priced.total).unwrap_or(Credits::MAX);
            progress.stored();
            Ok(Ok(Authorized::Hold { id: hold, amount: priced.total }))
        }
        Err(PostError::Refused(Rule::InsufficientCredit { needed, available })) => {
            on.progress().shortage = Some((needed, available));
            Ok(Err(insufficient(on, needed, available)))
        }
        Err(PostError::Refused(Rule::AccountIsSuspended { reason })) => Ok(Err(refusal(
            "account-suspended",
            format!("the account is suspended ({reason}); its credits are intact"),
        ))),
        Err(PostError::Refused(other)) => {
            let Some((code, message)) = bars(&other) else {
                return Ok(Err(refusal("invalid-line", other.to_string())));
            };
            on.progress().barred = Some((code, message.clone()));
            Ok(Err(refusal(code, message)))
        }
        Err(PostError::Conflict(conflict)) if claim_at == Some(conflict.statement) => {
            on.progress().collided = true;
            collision(on)
        }
        Err(error @ PostError::Ambiguous(_)) => {
            on.progress().lost = Some(hold);
            super::late::give_back(on, account, hold);
            Err(fault(error))
        }
        Err(error) => Err(fault(error)),
    }
}

/// Prices of the service before their rises of late.
fn risen(on: &Ledgered) -> &[Risen] {
    on.caller.service.release.as_ref().map_or(&[], |release| &release.risen)
}

/// The lines at the prices before a rise, where credits that were bought before it pay for them; see
/// [`iap_core::publishing::protected`]. `current`: what they cost now; none if that is more than a cap allows.
async fn at_prices_before(
    on: &Ledgered,
    account: AccountId,
    operation: &Operation,
    lines: &[Line],
    caps: Caps,
    current: Option<Credits>,
) -> Result<Option<PricedLines>, HostFault> {
    let risen = risen(on);
    if risen.is_empty() {
        return Ok(None);
    }
    let (mut rises, mut totals, mut priced) = (Vec::new(), vec![current.unwrap_or(Credits::MAX)], Vec::new());
    for before in risen {
        let Some(operation) = before.operations.iter().find(|other| other.name == operation.name) else { continue };
        let Ok(lines) = price_lines(operation, lines, caps) else { continue };
        rises.push(Rise { effective_at: before.at });
        totals.push(lines.total);
        priced.push(lines);
    }
    let lots = on.store().grants().bought_lots(account, on.time()).await.map_err(fault)?;
    let lots: Vec<Lot> = lots.into_iter().map(|(bought_at, available)| Lot { bought_at, available }).collect();
    let chosen = choose(on.time(), &rises, &lots, &totals);
    Ok(chosen.checked_sub(1).map(|index| priced.swap_remove(index)))
}

/// What the call took and has set aside before this run counts too.
async fn count(on: &Ledgered) -> Result<(), HostFault> {
    if on.progress().uncounted {
        let engaged = on.store().grants().engaged_by_call(on.call).await.map_err(fault)?;
        let mut progress = on.progress();
        (progress.engaged, progress.uncounted) = (engaged, false);
    }
    Ok(())
}

/// Another call is at the same work. A call without effects so far begins anew, with that one's answer; one
/// that has a hold already is told.
fn collision<T>(on: &Ledgered) -> Answered<T> {
    let mut progress = on.progress();
    if progress.begun {
        progress.collided = false;
        progress.unclaimed.clear();
        let message = "another call is doing the work of this natural key; answer without it, or ask again later";
        return Ok(Err(refusal("natural-key-busy", message.to_owned())));
    }
    Err(collided())
}

pub async fn capture(on: &Ledgered, hold: HoldId, lines: Vec<Line>, details: CaptureDetails) -> Answered<Credits> {
    let Some(HoldRow { account, amount: held, .. }) = held(on, hold).await? else { return Ok(Err(unknown_hold())) };
    let Some(operation) = &on.caller.operation else {
        return Ok(Err(refusal("unknown-price", "the operation that authorized this hold is gone".to_owned())));
    };
    // A hold may have been obtained at the prices before a rise, and a job's at those of an earlier release.
    let may_differ = on.caller.door == "job" || !risen(on).is_empty();
    let of = if may_differ { on.progress().of_holds.get(&hold).cloned() } else { None };
    let before = of.map(|of| at_prices_of(operation.clone(), &of.lines));
    let priced = match capture_within(before.as_ref().unwrap_or(operation), &lines, held) {
        Ok(priced) => priced,
        Err(error) => return Ok(Err(price_refusal(&error))),
    };
    let json = lines_json(&priced);
    let answered = answered_keys(on, &details.remember);
    let mut riders = vec![Calls::captured(
        on.call,
        json.clone(),
        priced.total,
        details.provider_reference,
        details.provider_cost,
        on.time(),
    )];
    riders.extend(answers(on, account, details.remember, false));
    let asks = on.progress().questions.contains(&hold);
    riders.extend(asks.then(|| super::unknown::answered(on.caller.service.id, account, hold)));
    let staged = on.progress().staged.statements(on.caller.service.id);
    riders.extend(staged);
    let post =
        Post::new(account, Command::Capture { hold, amount: priced.total, last: true }).with(move |_| riders.clone());
    match on.store().post(post).await {
        Ok(_) => {
            let mut progress = on.progress();
            progress.questions.retain(|other| *other != hold);
            progress.captured = progress.captured.checked_add(priced.total).unwrap_or(Credits::MAX);
            progress.answered.extend(answered);
            progress.took(&json);
            disengage(&mut progress, held, priced.total);
            progress.stored();
            Ok(Ok(priced.total))
        }
        Err(PostError::Refused(rule)) => Ok(Err(hold_refusal(&rule))),
        Err(error) => Err(fault(error)),
    }
}

pub async fn release(on: &Ledgered, hold: HoldId) -> Result<(), HostFault> {
    let Some(HoldRow { account, amount, .. }) = held(on, hold).await? else { return Ok(()) };
    // The work of its own natural key is not done: whoever asks for it again has it done.
    let key = on.progress().of_holds.get(&hold).and_then(|of| of.key.clone());
    let let_go: Vec<Statement> = key.map(|key| NaturalKeys::let_go_of(account, on.call, &[key])).into_iter().collect();
    match on.store().post(Post::new(account, Command::Release { hold }).with(move |_| let_go.clone())).await {
        Ok(_) => {
            disengage(&mut on.progress(), amount, Credits::ZERO);
            Ok(())
        }
        // It has ended already: there is nothing to give back.
        Err(PostError::Refused(_)) => Ok(()),
        Err(error) => Err(fault(error)),
    }
}

pub async fn keep(on: &Ledgered, hold: HoldId, ttl: u32, remember: Vec<Remembered>) -> Answered<()> {
    let Some(HoldRow { account, state, .. }) = held(on, hold).await? else { return Ok(Err(unknown_hold())) };
    let answered = answered_keys(on, &remember);
    let mut riders = answers(on, account, remember, true);
    if state == HoldState::Unknown {
        // It is known now, and followed like any other: nobody asks any more. The job that asked runs, so it stays.
        riders.extend([Calls::followed(on.call), super::unknown::answered(on.caller.service.id, account, hold)]);
    }
    riders.extend(on.progress().staged.statements(on.caller.service.id));
    let ttl = i64::from(ttl.clamp(1, LONGEST_HOLD)) * 1000;
    match on.store().post(Post::new(account, Command::Keep { hold, ttl }).with(move |_| riders.clone())).await {
        Ok(_) => {
            let mut progress = on.progress();
            progress.kept = true;
            progress.answered.extend(answered);
            progress.stored();
            Ok(Ok(()))
        }
        Err(PostError::Refused(rule)) => Ok(Err(hold_refusal(&rule))),
        Err(error) => Err(fault(error)),
    }
}

/// What a hold had and did not take counts no more.
fn disengage(progress: &mut super::progress::Progress, held: Credits, taken: Credits) {
    let back = held.checked_sub(taken).unwrap_or(Credits::ZERO);
    progress.engaged =
        progress.engaged.checked_sub(back).filter(|rest| Credits::ZERO <= *rest).unwrap_or(Credits::ZERO);
}

/// A ledger step, not a look: an expired hold is refused exactly, and a live one outlives the run that takes
/// it up, so that no sweeper ends it under the work.
pub async fn resume(on: &Ledgered, hold: HoldId) -> Answered<Credits> {
    let Some(found) = on.store().grants().hold(hold).await.map_err(fault)? else {
        return Ok(Err(unknown_hold()));
    };
    if on.account() != Some(found.account) || found.call != Some(on.call) {
        return Ok(Err(unknown_hold()));
    }
    let job_time = on.caller.service.release.as_ref().map_or(0, |release| release.manifest().limits.job_time.as_secs());
    let longest = i64::try_from(job_time).unwrap_or(0) + i64::from(CALL_HOLD);
    let remaining = found.expires_at.millis().saturating_sub(on.time().millis());
    let ttl = remaining.max(longest * 1000);
    // Taking it up does not tell what the provider did.
    let longer = match found.state {
        HoldState::Unknown => Command::MarkUnknown { hold, ttl },
        _ => Command::Keep { hold, ttl },
    };
    match on.store().post(Post::new(found.account, longer)).await {
        // It is the call's own, so it counts already.
        Ok(_) => Ok(Ok(found.amount)),
        Err(PostError::Refused(rule)) => Ok(Err(hold_refusal(&rule))),
        Err(error) => Err(fault(error)),
    }
}

fn allowed(on: &Ledgered) -> Result<AccountId, Refusal> {
    let nobody = || refusal("account-disabled", "there is no account to charge".to_owned());
    let met = on.caller.met.as_ref().ok_or_else(nobody)?;
    if let Some((code, message)) = met.standing.refusal() {
        return Err(refusal(code, message.to_owned()));
    }
    met.account.as_ref().map(|account| account.id).ok_or_else(nobody)
}

/// A hold of this very account.
async fn held(on: &Ledgered, hold: HoldId) -> Result<Option<HoldRow>, HostFault> {
    let found = on.store().grants().hold(hold).await.map_err(fault)?;
    Ok(found.filter(|hold| on.account() == Some(hold.account)))
}

/// A natural key that the plugin derived: its stored answer, or it joins those to claim.
async fn own_key(on: &Ledgered, account: AccountId, key: String) -> Result<Option<Vec<u8>>, HostFault> {
    let known = on.store().natural_keys().known(account, std::slice::from_ref(&key)).await.map_err(fault)?;
    match known.into_iter().next() {
        Some((_, Known::Answered(answer))) => return Ok(Some(answer)),
        Some((_, Known::Running(call, _))) if call != on.call => on.progress().collided = true,
        // It is not done again before it is known: the call begins anew and is told so where it may.
        Some((_, Known::Unknown)) => on.progress().collided = true,
        Some((_, Known::Running(..))) => {}
        None => {
            let mut progress = on.progress();
            if !progress.keys.contains(&key) {
                progress.keys.push(key.clone());
                progress.unclaimed.push(key);
            }
        }
    }
    Ok(None)
}

/// What is stored with a hold, and which of it claims the natural keys.
fn riders_of_authorize(
    on: &Ledgered,
    account: AccountId,
    lines: String,
    description: String,
) -> (Vec<Statement>, Option<usize>) {
    let progress = on.progress();
    let mut riders = Vec::new();
    if !progress.begun {
        riders.push(begin(on, account, lines, description));
        if let Some(origin) = on.caller.callback_url.as_deref().and_then(|url| url::Url::parse(url).ok()) {
            riders.push(Accounts::origin(account, &origin.origin().ascii_serialization(), on.time()));
        }
    } else if on.caller.door != "job" {
        // Another host may have taken this one for dead and ended the call.
        riders.push(Calls::goes_on(on.call, lines));
    }
    let mut claim_at = None;
    if !progress.unclaimed.is_empty() {
        claim_at = Some(riders.len());
        riders.push(NaturalKeys::claim(
            account,
            &progress.unclaimed,
            on.call,
            on.time(),
            on.time().plus_seconds(CLAIM),
        ));
    }
    riders.extend(progress.staged.statements(on.caller.service.id));
    (riders, claim_at)
}

/// Which of the call's own natural keys an answer is remembered under; a plugin may answer others anew.
fn answered_keys(on: &Ledgered, remember: &[Remembered]) -> Vec<String> {
    let progress = on.progress();
    let own: HashSet<&String> = progress.keys.iter().collect();
    remember.iter().map(|one| &one.key).filter(|key| own.contains(key)).cloned().collect()
}

/// The row of a call that begins.
pub(super) fn begin(on: &Ledgered, account: AccountId, lines: String, description: String) -> Statement {
    Calls::begin(NewCall {
        id: on.call,
        account,
        release: on.caller.service.release.as_ref().map(|release| release.id),
        operation: on.caller.operation.as_ref().map_or_else(String::new, |operation| operation.name.clone()),
        door: on.caller.door,
        company: on.caller.company.clone(),
        lines,
        description,
        idempotency: on.caller.idempotency.clone(),
        at: on.time(),
    })
}

fn answers(on: &Ledgered, account: AccountId, remember: Vec<Remembered>, provisional: bool) -> Vec<Statement> {
    let now = on.time();
    remember
        .into_iter()
        .map(|one| NaturalKeys::answer(account, &one.key, on.call, one.answer, provisional, now))
        .collect()
}

/// Priced lines as stored and shown; equal items, keys and notes are added up, so that a batch of ten
/// thousand messages to one country is one line.
pub(super) fn lines_json(priced: &PricedLines) -> String {
    let mut shown: Vec<(&iap_core::prices::PricedLine, u64, Credits)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for line in &priced.lines {
        match places.entry((line.item.as_str(), line.key.as_str(), line.unit_price)) {
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(shown.len());
                shown.push((line, line.units, line.amount));
            }
            std::collections::hash_map::Entry::Occupied(place) => {
                if let Some((_, units, amount)) = shown.get_mut(*place.get()) {
                    *units = units.saturating_add(line.units);
                    *amount = amount.checked_add(line.amount).unwrap_or(Credits::MAX);
                }
            }
        }
    }
    let texts = shown.into_iter().map(|(line, units, amount)| {
        serde_json::json!({ "item": line.item, "key": line.key, "units": units, "unit_price": line.unit_price, "credits": amount, "note": line.note })
    });
    serde_json::Value::from_iter(texts).to_string()
}

pub(super) fn refusal(code: &str, message: String) -> Refusal {
    Refusal { code: code.to_owned(), message, details: Vec::new() }
}

fn price_refusal(error: &PriceRefusal) -> Refusal {
    let details = error.line().map(|line| ("line".to_owned(), line.to_string())).into_iter().collect();
    Refusal { code: error.code().to_owned(), message: error.to_string(), details }
}

fn insufficient(on: &Ledgered, needed: Credits, available: Credits) -> Refusal {
    let details = vec![
        ("needed".to_owned(), needed.to_string()),
        ("available".to_owned(), available.to_string()),
        ("buy_url".to_owned(), format!("{}/iap/1/credit", on.app.public_url)),
    ];
    let message = format!("{needed} credits are needed and {available} are available; buy a pack");
    Refusal { code: "insufficient-credit".to_owned(), message, details }
}

/// Codes of refusals that no plugin can do anything about.
pub(super) const BARRED: [&str; 3] = ["account-in-debt", "spending-cap", "posting-stopped"];

/// Code and sentence of a refusal that no plugin can do anything about.
fn bars(rule: &Rule) -> Option<(&'static str, String)> {
    Some(match rule {
        Rule::AccountIsInDebt { .. } => {
            (BARRED[0], format!("{rule}; buy a pack, which repays it, or ask the operator of this host"))
        }
        Rule::SpendingCapReached { .. } => {
            (BARRED[1], format!("{rule}; ask an admin of the database to raise it, or wait"))
        }
        Rule::PostingIsStopped { .. } => (
            BARRED[2],
            "the host has stopped all changes of this account until its operator has looked at it".to_owned(),
        ),
        _ => return None,
    })
}

fn hold_refusal(rule: &Rule) -> Refusal {
    let code = match rule {
        Rule::HoldHasExpired => "hold-expired",
        Rule::HoldHasEnded { .. } => "hold-ended",
        Rule::ExceedsHold { .. } => "exceeds-hold",
        Rule::PostingIsStopped { .. } => BARRED[2],
        _ => "invalid-line",
    };
    refusal(code, rule.to_string())
}

fn unknown_hold() -> Refusal {
    refusal("unknown-hold", "this account has no such hold".to_owned())
}

fn collided() -> HostFault {
    HostFault(anyhow::anyhow!("another call has begun the same work"))
}
