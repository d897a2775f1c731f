//! How a call ends decides who pays.
//!
//! A trap runs no guest destructor, so whatever the plugin left open is settled here: released, or, if
//! a request with effects was never answered, as the operation's `on_unknown` says.

use iap_core::{
    Credits,
    ids::{AccountId, HoldId},
    ledger::{Command, Refusal},
    manifest::{OnUnknown, Operation},
};
use iap_runtime::{Ended, Failure, Fault, Limit};
use iap_store::{
    Post, PostError, Statement,
    repositories::{CallState, Calls, NaturalKeys},
};

use super::{
    Answer, CallError,
    backend::Ledgered,
    billing::begin,
    unknown::{self, Asked},
};

/// Settles a call whose plugin has ended: ends its holds and stores how it went. May be called again after an error.
pub async fn settle(on: &Ledgered, operation: &Operation, ended: &Ended<Vec<u8>>) -> Result<(), CallError> {
    on.progress().ended = true;
    if on.progress().collided {
        settle_holds(on, &ended.open_holds, OnUnknown::Release).await?;
        return Err(CallError::StillRunning);
    }
    if !on.progress().holds_settled {
        settle_all_holds(on, operation, ended).await?;
        on.progress().holds_settled = true;
    }
    let (state, problem) = verdict(on, ended);
    store_end(on, state, problem, ended).await
}

async fn settle_all_holds(on: &Ledgered, operation: &Operation, ended: &Ended<Vec<u8>>) -> Result<(), CallError> {
    if ended.unanswered && operation.on_unknown == OnUnknown::Ask {
        ask_about(on, operation, &ended.open_holds).await?;
    } else {
        let unknown = ended.unanswered && ended.result.is_err();
        settle_holds(on, &ended.open_holds, if unknown { operation.on_unknown } else { OnUnknown::Release }).await?;
    }
    if !matches!(ended.result, Ok(Ok(_))) {
        // No job takes these up, so nobody else would end them before their time.
        let forsaken = forsaken(on, ended);
        if ended.result.is_err() && operation.on_unknown == OnUnknown::Ask {
            // It was cut off between keeping a hold and enqueuing who takes it up.
            ask_about(on, operation, &forsaken).await?;
        } else {
            settle_holds(on, &forsaken, OnUnknown::Release).await?;
        }
        on.progress().kept &= ended.kept_holds.iter().any(|hold| !forsaken.contains(hold));
    }
    // What it kept it may have taken up again, and settled.
    on.progress().kept &= !ended.kept_holds.is_empty();
    give_back_lost(on).await
}

/// Releases a hold of which nobody knows whether it is stored. If it is, so is the call, and nothing was done with it; if
/// not, the ledger knows no such hold.
async fn give_back_lost(on: &Ledgered) -> Result<(), CallError> {
    let lost = on.progress().lost;
    if let Some((account, hold)) = on.account().zip(lost) {
        end_hold(on, account, hold, OnUnknown::Release).await?;
        let mut progress = on.progress();
        progress.begun = true;
        progress.unclaimed.clear();
        progress.questions.push(hold);
    }
    Ok(())
}

/// What a call that is settled answers.
pub fn answer(on: &Ledgered, ended: Ended<Vec<u8>>) -> Result<Answer, CallError> {
    let progress = on.progress();
    match ended.result {
        Ok(Err(_)) | Err(_) if progress.unknown => Err(CallError::OutcomeUnknown),
        Ok(Ok(output)) => Ok(Answer {
            id: on.call,
            output,
            lines: progress.lines.clone(),
            credits: progress.captured,
            repeated: false,
            settled: false,
        }),
        Ok(Err(Failure::InsufficientCredit)) => Err(match progress.shortage {
            Some((needed, available)) => CallError::InsufficientCredit { needed, available },
            None => CallError::Failure(Failure::InsufficientCredit),
        }),
        Ok(Err(failure)) => Err(match standing(on) {
            Some((code, message)) => CallError::Standing { code, message },
            None => match progress.barred.clone() {
                // Unless the plugin has more to say than the refusal that it met.
                Some((code, message)) if is_code(&failure, code) => CallError::Ledger { code, message },
                _ => CallError::Failure(failure),
            },
        }),
        Err(cause) => Err(fault(cause, progress.captured.is_positive())),
    }
}

/// Has the plugin asked what became of holds; releases those that it cannot be asked about.
async fn ask_about(on: &Ledgered, operation: &Operation, holds: &[HoldId]) -> Result<(), CallError> {
    let Some(account) = on.account() else { return Ok(()) };
    let asked = Asked { service: on.caller.service.id, account, call: on.call, ask_for: operation.ask_for };
    for hold in holds {
        if unknown::ask(on.store(), asked, *hold).await? {
            let mut progress = on.progress();
            progress.unknown = true;
            progress.questions.retain(|other| other != hold);
        } else {
            end_hold(on, account, *hold, OnUnknown::Release).await?;
        }
    }
    if on.progress().unknown {
        on.app.bell.notify_one();
    }
    Ok(())
}

/// Whether what the call staged since its last ledger step is dropped: it failed and delivered nothing, or it
/// never had a hold, and without one there is no effect.
fn drops_staged(on: &Ledgered, ended: &Ended<Vec<u8>>) -> bool {
    let progress = on.progress();
    let failed = !matches!(ended.result, Ok(Ok(_))) && !progress.captured.is_positive();
    failed || !(progress.begun || on.caller.free)
}

/// Kept or resumed holds of a failed call that no stored job takes up.
fn forsaken(on: &Ledgered, ended: &Ended<Vec<u8>>) -> Vec<HoldId> {
    let dropped = drops_staged(on, ended);
    let progress = on.progress();
    let awaited =
        |hold: &HoldId| progress.stored_job_holds.contains(hold) || (!dropped && progress.job_holds.contains(hold));
    ended.kept_holds.iter().chain(&ended.resumed_holds).filter(|hold| !awaited(hold)).copied().collect()
}

/// The refusal of the account, which explains the plugin's failure better than the plugin can.
fn standing(on: &Ledgered) -> Option<(&'static str, String)> {
    let (code, message) = on.caller.met.as_ref()?.standing.refusal()?;
    Some((code, message.to_owned()))
}

pub(super) fn fault(fault: Fault, charged: bool) -> CallError {
    match fault {
        Fault::Busy(busy) => CallError::Busy(busy),
        Fault::Host(why) => CallError::Host(why),
        fault @ (Fault::Guest(_) | Fault::Limit(_)) => CallError::Fault { fault, charged },
    }
}

/// Settles a job run: the hold that it was enqueued with stays for the next attempt, unless the job is over. Others that
/// it took up go back if it went well: nobody else will.
pub async fn settle_job(on: &Ledgered, own: Option<HoldId>, ended: &Ended<()>) -> Result<(), CallError> {
    on.progress().ended = true;
    give_back_lost(on).await?;
    settle_holds(on, &ended.open_holds, OnUnknown::Release).await?;
    if matches!(ended.result, Ok(Ok(()))) {
        let others: Vec<HoldId> = ended.resumed_holds.iter().filter(|hold| Some(**hold) != own).copied().collect();
        settle_holds(on, &others, OnUnknown::Release).await?;
    }
    Ok(())
}

/// Ends the call of a job that is over: its hold, provisional answers and row. While the call has another
/// live hold it is not over: the job of that one ends it, and only provisional answers of this hold's own natural key are let
/// go. Answers what is to be stored with the job's own end.
pub async fn end_of_job(
    on: &Ledgered,
    hold: Option<HoldId>,
    problem: Option<String>,
) -> Result<Vec<Statement>, CallError> {
    if let Some(account) = on.account() {
        if let Some(hold) = hold {
            end_hold(on, account, hold, OnUnknown::Release).await?;
        }
        if !on.store().grants().live_holds_of_call(account, on.call).await?.is_empty() {
            let progress = on.progress();
            let key = hold.and_then(|hold| progress.of_holds.get(&hold)?.key.as_ref());
            let let_go = key.map(|key| NaturalKeys::let_go_of(account, on.call, std::slice::from_ref(key)));
            return Ok(let_go.into_iter().collect());
        }
    }
    let row = on.store().calls().get(on.call).await?;
    let Some(row) = row else { return Ok(Vec::new()) };
    let state = match (row.credits.is_positive(), &problem) {
        (true, None) => CallState::Captured,
        (true, Some(_)) => CallState::Partial,
        (false, None) => CallState::Answered,
        (false, Some(_)) => CallState::Failed,
    };
    let end = match row.state {
        CallState::Unknown => {
            let why =
                problem.unwrap_or_else(|| "unknown: the provider had not done it; nothing was charged".to_owned());
            vec![Calls::came_to_nothing(on.call, &why, on.time())]
        }
        CallState::Queued | CallState::Running | CallState::Captured => {
            let mut ends = vec![Calls::set_state(on.call, state, problem, on.time())];
            if row.state == CallState::Queued && row.output.is_none() {
                // Nobody has heard of it: its host died, and its work came to nothing.
                ends.push(Calls::free_key(on.call));
            }
            ends
        }
        _ => Vec::new(),
    };
    Ok(end.into_iter().chain([NaturalKeys::let_go_provisional(on.call)]).collect())
}

async fn settle_holds(on: &Ledgered, holds: &[HoldId], how: OnUnknown) -> Result<(), CallError> {
    let Some(account) = on.account() else { return Ok(()) };
    for hold in holds {
        end_hold(on, account, *hold, how).await?;
    }
    Ok(())
}

async fn end_hold(on: &Ledgered, account: AccountId, hold: HoldId, how: OnUnknown) -> Result<(), CallError> {
    let amount = on.store().grants().hold(hold).await?.map_or(Credits::ZERO, |hold| hold.amount);
    let post = match how {
        OnUnknown::Capture => {
            let lines = on.progress().of_holds.get(&hold).map_or_else(|| "[]".to_owned(), |of| of.lines.clone());
            let (call, at) = (on.call, on.time());
            Post::new(account, Command::Capture { hold, amount, last: true })
                .with(move |_| vec![Calls::captured(call, lines.clone(), amount, None, None, at)])
        }
        OnUnknown::Release | OnUnknown::Ask => Post::new(account, Command::Release { hold }),
    };
    match on.store().post(post).await {
        Ok(_) => {
            if how == OnUnknown::Capture {
                let mut progress = on.progress();
                progress.captured = progress.captured.checked_add(amount).unwrap_or(Credits::MAX);
            }
            Ok(())
        }
        // A capture whose answer was lost had gone through.
        Err(PostError::Refused(Refusal::HoldHasEnded { captured, .. })) => {
            let mut progress = on.progress();
            if progress.captured.is_zero() {
                progress.captured = captured;
            }
            Ok(())
        }
        // It has expired by itself: nothing is left to settle.
        Err(PostError::Refused(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn verdict(on: &Ledgered, ended: &Ended<Vec<u8>>) -> (CallState, Option<String>) {
    let progress = on.progress();
    let problem = match &ended.result {
        Ok(Ok(_)) => None,
        Ok(Err(Failure::InsufficientCredit)) => Some(match progress.shortage {
            Some((needed, available)) => format!("insufficient-credit: {needed} of {available}"),
            None => describe(&Failure::InsufficientCredit),
        }),
        Ok(Err(failure)) => Some(match &progress.barred {
            Some((code, message)) if is_code(failure, code) => format!("{code}: {message}"),
            _ => describe(failure),
        }),
        Err(fault) => Some(describe_fault(fault)),
    };
    let state = match (progress.captured.is_positive(), progress.kept, &problem) {
        _ if progress.unknown => return (CallState::Unknown, Some(unknown::PROBLEM.to_owned())),
        (_, true, None) => CallState::Queued,
        (true, _, None) => CallState::Captured,
        (true, _, Some(_)) => CallState::Partial,
        (false, _, None) => CallState::Answered,
        (false, _, Some(_)) => CallState::Failed,
    };
    // The plugin answered all the same; whoever looks at the call later must see what is not known.
    (state, problem.or_else(|| ended.unanswered.then(|| unknown::PROBLEM.to_owned())))
}

/// What a partial or refused call answered, from the problem that is stored with it.
pub(super) fn recall(problem: &str) -> CallError {
    let (class, words) = problem.split_once(": ").unwrap_or((problem, ""));
    let fault = |fault| CallError::Fault { fault, charged: true };
    if let Some(limit) = LIMITS.into_iter().find(|limit| Fault::Limit(*limit).class() == class) {
        return fault(Fault::Limit(limit));
    }
    if let Some(code) = super::billing::BARRED.into_iter().find(|code| *code == class) {
        return CallError::Ledger { code, message: words.to_owned() };
    }
    CallError::Failure(match class {
        "guest-fault" => {
            return fault(Fault::Guest(words.strip_prefix("the plugin failed: ").unwrap_or(words).to_owned()));
        }
        // Not the cause, which is for the log, and not "try again": a repeat of this call would stay as it is.
        "host-fault" => return fault(Fault::Host("it could not finish the call".to_owned())),
        "bad-request" => {
            let (field, message) = words.split_once(": ").unwrap_or(("", words));
            Failure::BadRequest { field: field.to_owned(), message: message.to_owned() }
        }
        "insufficient-credit" => {
            let credits = words.split_once(" of ").map(|(needed, available)| (needed.parse(), available.parse()));
            if let Some((Ok(needed), Ok(available))) = credits {
                return CallError::InsufficientCredit { needed, available };
            }
            Failure::InsufficientCredit
        }
        "provider-unavailable" => Failure::ProviderUnavailable(None),
        "refused" => Failure::Refused(words.to_owned()),
        "internal" => Failure::Internal(words.to_owned()),
        code => Failure::Other { code: code.to_owned(), message: words.to_owned() },
    })
}

const LIMITS: [Limit; 9] = [
    Limit::Memory,
    Limit::Cpu,
    Limit::WallClock,
    Limit::Table,
    Limit::Stack,
    Limit::Handles,
    Limit::Transfer,
    Limit::HostCalls,
    Limit::Output,
];

fn describe_fault(fault: &Fault) -> String {
    format!("{}: {fault}", fault.class())
}

fn describe(failure: &Failure) -> String {
    match failure {
        Failure::BadRequest { field, message } => format!("bad-request: {field}: {message}"),
        Failure::InsufficientCredit => "insufficient-credit".to_owned(),
        Failure::ProviderUnavailable(_) => "provider-unavailable".to_owned(),
        Failure::Refused(reason) => format!("refused: {reason}"),
        Failure::Internal(details) => format!("internal: {details}"),
        Failure::Other { code, message } => format!("{code}: {message}"),
    }
}

fn is_code(failure: &Failure, code: &str) -> bool {
    matches!(failure, Failure::Other { code: other, .. } if other == code)
}

/// Whether a failure is an answer, which a repeat with the same idempotency key gets again: the service refused, or the
/// account lacks credits. What a provider, a defect or the host caused may be tried again.
fn is_definitive(result: &Result<Result<Vec<u8>, Failure>, Fault>) -> bool {
    match result {
        Ok(Ok(_)) => true,
        Ok(Err(failure)) => {
            !matches!(failure, Failure::ProviderUnavailable(_) | Failure::Internal(_))
                && !is_code(failure, "posting-stopped")
        }
        Err(_) => false,
    }
}

/// Stores how the call ended, with what the plugin staged since its last ledger step.
async fn store_end(
    on: &Ledgered,
    state: CallState,
    problem: Option<String>,
    ended: &Ended<Vec<u8>>,
) -> Result<(), CallError> {
    let dropped = drops_staged(on, ended);
    let statements = {
        let progress = on.progress();
        let output = ended.result.as_ref().ok().and_then(|result| result.as_ref().ok()).cloned();
        let tried_again = state == CallState::Failed && !is_definitive(&ended.result);
        let mut statements: Vec<Statement> = Vec::new();
        let keep_key = on.caller.idempotency.is_some() && !tried_again;
        if !progress.begun
            && keep_key
            && let Some(account) = on.account()
        {
            statements.push(begin(on, account, "[]".to_owned(), String::new()));
        }
        // A capture has recorded its call's end already, unless there is more to say.
        let said = state == CallState::Captured && problem.is_none() && on.caller.idempotency.is_none();
        if (progress.begun && !said) || !statements.is_empty() {
            statements.push(Calls::end(on.call, state, problem, output, on.time()));
        }
        if progress.begun && tried_again && on.caller.idempotency.is_some() {
            statements.push(Calls::free_key(on.call));
        }
        let failed = matches!(state, CallState::Failed | CallState::Partial) && !progress.kept;
        if progress.begun && progress.unclaimed.len() < progress.keys.len() {
            if failed {
                statements.push(NaturalKeys::let_go_provisional(on.call));
            } else if progress.answered.len() < progress.keys.len() && !progress.unknown {
                statements.push(NaturalKeys::let_go(on.call));
            }
        }
        if let Some(account) = on.account() {
            let service = on.caller.service.id;
            statements.extend(progress.questions.iter().map(|hold| unknown::answered(service, account, *hold)));
        }
        if !dropped {
            statements.extend(progress.staged.statements(on.caller.service.id));
        }
        statements
    };
    if !statements.is_empty() {
        on.store().write(statements).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_call_is_recalled_as_it_was_answered() {
        let faults = LIMITS.map(Fault::Limit).into_iter().chain([Fault::Guest("panicked: at x: y".to_owned())]);
        for fault in faults {
            let problem = describe_fault(&fault);
            assert_eq!(recall(&problem).to_string(), super::fault(fault, true).to_string(), "{problem}");
        }
        let text = |text: &str| text.to_owned();
        for failure in [
            Failure::BadRequest { field: text("text"), message: text("is: wrong") },
            Failure::BadRequest { field: String::new(), message: text("is wrong") },
            Failure::InsufficientCredit,
            Failure::ProviderUnavailable(None),
            Failure::Refused(text("closed: today")),
            Failure::Internal(text("why: why")),
            Failure::Other { code: text("no-such-register"), message: text("it: is gone") },
        ] {
            let problem = describe(&failure);
            match recall(&problem) {
                CallError::Failure(recalled) => assert_eq!(recalled, failure, "{problem}"),
                other => panic!("{problem}: {other}"),
            }
        }
    }
}
