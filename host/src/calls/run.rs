//! Runs a call from its request to its answer.

use std::{sync::Arc, time::Duration};

use iap_core::{
    Credits,
    ids::{AccountId, CallId},
    manifest::{OnUnknown, Operation},
    natural_keys::natural_keys,
    prices::{Caps, PricedLines, price_lines},
};
use iap_runtime::{Call, CallGrant, Context, Fault, backend::Remembered};
use iap_store::repositories::{CallRow, CallState, Calls, Known};

use super::{Answer, CallError, Request, backend::Ledgered, caller::Caller, settle, unsettled};
use crate::{
    app::App,
    blobs::{Kept, Shelf},
    catalog::{LoadReleaseError, Release, Service},
};

/// How long a repeat waits for the first call with its key: Odoo hangs up after 15 s.
const PATIENCE: Duration = Duration::from_secs(14);
/// How often a repeat looks whether a call on another host has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How often a call begins anew because another host was faster with its work.
const COLLISIONS: usize = 3;

/// Invokes an operation and settles the call. It goes on to its end even if the caller goes away.
pub async fn run(app: Arc<App>, request: Request) -> Result<Answer, CallError> {
    let task = tokio::spawn(async move {
        let (documents, store) = (request.documents.clone(), app.store.clone());
        let answer = run_here(app, request).await;
        documents.end(&store).await;
        answer
    });
    task.await.unwrap_or_else(|error| Err(CallError::Host(format!("the call's task failed: {error}"))))
}

async fn run_here(app: Arc<App>, request: Request) -> Result<Answer, CallError> {
    let request = served(&app, request)?;
    let (release, operation) = operation(&request)?;
    let account = request.met.account.as_ref().map(|account| account.id);
    if operation.free {
        let name = format!("{}/{}", request.service.name, operation.name);
        app.free_calls.count(account, &name, app.store.clock().now()).map_err(CallError::TooOften)?;
    }
    let input = parse(&request.input)?;
    let keys = match (&operation.natural_key, account) {
        (Some(pointer), Some(_)) => {
            natural_keys(pointer, &input).map_err(|error| CallError::BadInput(error.to_string()))?
        }
        _ => Vec::new(),
    };
    drop(input);
    let waited = tokio::time::Instant::now();
    let left = || PATIENCE.saturating_sub(waited.elapsed());
    let mut wanted = keys.clone();
    wanted.extend(request.idempotency.as_ref().map(|(key, _)| format!("\0{key}")));
    let _held = match account {
        Some(account) if !wanted.is_empty() => {
            Some(app.inflight.take(account, &wanted, PATIENCE).await.ok_or(CallError::StillRunning)?)
        }
        _ => None,
    };
    for _ in 0..COLLISIONS {
        if let (Some(account), Some((key, fingerprint))) = (account, &request.idempotency)
            && let Some(answer) = answered_before(&app, account, key, fingerprint, left()).await?
        {
            if answer.settled && !operation.free {
                return told_again(&app, &request, release, operation, (account, &keys, left()), answer).await;
            }
            return Ok(answer);
        }
        let repeats = match account {
            Some(account) => repeats(&app, account, &keys, left()).await?,
            None => Vec::new(),
        };
        let fresh = keys.iter().filter(|key| !repeats.iter().any(|repeat| repeat.key == **key)).cloned().collect();
        store_documents(&app, &request, release).await?;
        match attempt(&app, &request, release, operation, repeats, fresh).await {
            Err(CallError::StillRunning) if !left().is_zero() => {}
            done => return done,
        }
    }
    Err(CallError::StillRunning)
}

async fn attempt(
    app: &Arc<App>,
    request: &Request,
    release: &Release,
    operation: &Operation,
    repeats: Vec<Remembered>,
    fresh: Vec<String>,
) -> Result<Answer, CallError> {
    let id = app.store.ids().call();
    let caller = caller(request, operation);
    let context = context(id, &caller);
    let grant = grant(release, &caller);
    let backend = Arc::new(Ledgered::new(Arc::clone(app), id, caller, fresh));
    let call = Call { context, operation: operation.name.clone(), input: request.input.clone(), repeats };
    let plugin = release.plugin(app).await.map_err(|error| not_loaded(&request.service, &error))?;
    let ended = plugin.handle(call, backend.clone(), grant).await;
    app.health.count(release.id, &ended, app.store.clock().now());
    if let Err(error) = settle::settle(&backend, operation, &ended).await {
        if !matches!(error, CallError::StillRunning) {
            request.documents.are_needed();
            unsettled::end_later(&backend, operation, ended);
        }
        return Err(error);
    }
    if backend.left_work() {
        request.documents.are_needed();
    }
    if matches!(ended.result, Err(Fault::Host(_) | Fault::Limit(_) | Fault::Guest(_))) {
        unsettled::look_again(&backend);
    }
    settle::answer(&backend, ended)
}

/// Stores what the door took out of the input, before the plugin is told where it is.
async fn store_documents(app: &App, request: &Request, release: &Release) -> Result<(), CallError> {
    let account = request.met.account.as_ref().map(|account| account.id);
    let shelf = Shelf { service: request.service.id, account, quota: release.manifest().permissions.blobs };
    request.documents.store(&app.store, &app.keys, shelf).await.map_err(|error| match error {
        Kept::OverQuota(why) => CallError::NoRoom(why),
        error => CallError::Host(error.to_string()),
    })
}

/// The answer of a call that was settled after it had ended, so that nobody has it: where all of its work was answered by
/// natural key, the plugin makes it of those answers. It may not charge anything for that. Else the call is known as settled.
async fn told_again(
    app: &Arc<App>,
    request: &Request,
    release: &Release,
    operation: &Operation,
    (account, keys, patience): (AccountId, &[String], Duration),
    settled: Answer,
) -> Result<Answer, CallError> {
    let repeats = repeats(app, account, keys, patience).await?;
    if keys.is_empty() || !keys.iter().all(|key| repeats.iter().any(|repeat| repeat.key == *key)) {
        return Ok(settled);
    }
    store_documents(app, request, release).await?;
    let again = Request { idempotency: None, max_credits: Some(Credits::ZERO), ..request.clone() };
    match attempt(app, &again, release, operation, repeats, Vec::new()).await {
        Ok(answer) if answer.credits.is_zero() => {
            app.store.write(vec![Calls::answered_late(settled.id, answer.output.clone())]).await?;
            Ok(Answer { output: answer.output, settled: false, ..settled })
        }
        _ => Ok(settled),
    }
}

/// The lines that a call would authorize, priced, without effects.
pub async fn quote(app: Arc<App>, request: Request) -> Result<PricedLines, CallError> {
    let request = served(&app, request)?;
    let (release, operation) = operation(&request)?;
    parse(&request.input)?;
    let caller = caller(&request, operation);
    let id = app.store.ids().call();
    let call = Call {
        context: context(id, &caller),
        operation: operation.name.clone(),
        input: request.input.clone(),
        repeats: Vec::new(),
    };
    let grant = grant(release, &caller);
    let backend = Arc::new(Ledgered::new(Arc::clone(&app), id, caller, Vec::new()));
    let ended = match store_documents(&app, &request, release).await {
        Ok(()) => match release.plugin(&app).await {
            Ok(plugin) => Ok(plugin.quote(call, backend.clone(), grant).await),
            Err(error) => Err(not_loaded(&request.service, &error)),
        },
        Err(error) => Err(error),
    };
    request.documents.end(&app.store).await;
    let ended = ended?;
    let lines = match ended.result {
        Ok(Ok(lines)) => lines,
        Ok(Err(failure)) => return Err(CallError::Failure(failure)),
        Err(fault) => return Err(settle::fault(fault, false)),
    };
    if lines.is_empty() {
        return Ok(PricedLines::default());
    }
    price_lines(operation, &lines, Caps { max_credits: request.max_credits, ..Caps::default() })
        .map_err(|error| CallError::BadInput(error.to_string()))
}

/// The request as the release serves it that its account gets; refused where the service does nothing now.
fn served(app: &App, mut request: Request) -> Result<Request, CallError> {
    request.service = app.catalog.serving(&request.service, request.met.account.as_ref());
    let service = &request.service;
    match service.status.refusal(&service.title, app.store.clock().now()) {
        Some((code, message)) => Err(CallError::Standing { code, message }),
        None => Ok(request),
    }
}

fn not_loaded(service: &Service, error: &LoadReleaseError) -> CallError {
    tracing::error!(service = service.name, %error, "A release cannot be loaded");
    CallError::Host(format!("service {} cannot be loaded; the operator can see why", service.name))
}

fn operation(request: &Request) -> Result<(&Release, &Operation), CallError> {
    let service = &request.service;
    let release = service.release.as_ref().ok_or_else(|| CallError::Remote(service.name.clone()))?;
    let unknown =
        || CallError::UnknownOperation { service: service.name.clone(), operation: request.operation.clone() };
    let operation = release.manifest().operation(&request.operation).ok_or_else(unknown)?;
    Ok((release, operation))
}

fn parse(input: &[u8]) -> Result<serde_json::Value, CallError> {
    serde_json::from_slice(input).map_err(|error| CallError::BadInput(format!("the input is not JSON: {error}")))
}

fn caller(request: &Request, operation: &Operation) -> Caller {
    let database = request.met.database.as_ref();
    let named = [
        ("door", Some(request.door.to_owned())),
        ("database", database.map(|row| row.dbuuid.clone())),
        ("hosting", database.map(|row| row.declaration.hosting.clone())),
        ("country", database.and_then(|row| row.declaration.country.clone())),
        ("company", request.company.clone()),
        ("callback_url", request.callback_url.clone()),
        ("max_credits", request.max_credits.map(|credits| credits.to_string())),
    ];
    Caller {
        service: Arc::clone(&request.service),
        met: Some(request.met.clone()),
        operation: Some(operation.clone()),
        door: request.door,
        company: request.company.clone(),
        max_credits: request.max_credits,
        idempotency: request.idempotency.clone(),
        callback_url: request.callback_url.clone(),
        asks: (operation.on_unknown == OnUnknown::Ask).then(|| request.input.clone()),
        // The mark of a free operation is worth nothing to who may not use the service.
        free: operation.free && request.met.standing.refusal().is_none(),
        properties: named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect(),
    }
}

pub(super) fn context(id: CallId, caller: &Caller) -> Context {
    let met = caller.met.as_ref();
    Context {
        call_id: id.to_string(),
        account_ref: met
            .and_then(|met| met.account.as_ref())
            .map_or_else(String::new, |account| account.id.to_string()),
        standing: met.map_or("active", |met| met.standing.code()).to_owned(),
        properties: caller.properties.clone(),
    }
}

fn grant(release: &Release, caller: &Caller) -> CallGrant {
    let account = caller.met.as_ref().and_then(|met| met.account.as_ref()).map(|account| account.id);
    CallGrant { free: caller.free, time: release.manifest().limits.time, account, ..CallGrant::default() }
}

/// What earlier calls answered under these natural keys; waits for those that still run elsewhere.
async fn repeats(
    app: &App,
    account: AccountId,
    keys: &[String],
    patience: Duration,
) -> Result<Vec<Remembered>, CallError> {
    let until = tokio::time::Instant::now() + patience;
    loop {
        let known = app.store.natural_keys().known(account, keys).await?;
        if known.iter().any(|(_, known)| *known == Known::Unknown) {
            return Err(CallError::OutcomeUnknown);
        }
        if !known.iter().any(|(_, known)| matches!(known, Known::Running(..))) {
            let answered = known.into_iter().filter_map(|(key, known)| match known {
                Known::Answered(answer) => Some(Remembered { key, answer }),
                Known::Running(..) | Known::Unknown => None,
            });
            return Ok(answered.collect());
        }
        if until <= tokio::time::Instant::now() {
            return Err(CallError::StillRunning);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// The stored answer of an earlier call with this idempotency key; waits for one that still runs.
async fn answered_before(
    app: &App,
    account: AccountId,
    key: &str,
    fingerprint: &str,
    patience: Duration,
) -> Result<Option<Answer>, CallError> {
    let until = tokio::time::Instant::now() + patience;
    loop {
        let Some(row) = app.store.calls().by_key(account, key).await? else { return Ok(None) };
        if let Some(field) = differing_field(row.fingerprint.as_deref().unwrap_or("{}"), fingerprint) {
            return Err(CallError::KeyReused { field });
        }
        if row.state == CallState::Unknown {
            return Err(CallError::OutcomeUnknown);
        }
        if row.state != CallState::Running {
            return stored(row).map(Some);
        }
        if until <= tokio::time::Instant::now() {
            return Err(CallError::StillRunning);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// What a call that has ended answered. A partial one answered its problem, unless it had put off the rest, and so did
/// one that was refused for good.
fn stored(row: CallRow) -> Result<Answer, CallError> {
    if let (CallState::Partial | CallState::Failed, None, Some(problem)) = (row.state, &row.output, &row.problem) {
        return Err(settle::recall(problem));
    }
    Ok(Answer {
        id: row.id,
        settled: row.output.is_none(),
        output: row.output.unwrap_or_else(|| b"null".to_vec()),
        lines: row.lines,
        credits: row.credits,
        repeated: true,
    })
}

/// The first member in which two fingerprints differ.
pub fn differing_field(before: &str, now: &str) -> Option<String> {
    let read =
        |text: &str| serde_json::from_str::<std::collections::BTreeMap<String, String>>(text).unwrap_or_default();
    let (before, now) = (read(before), read(now));
    before.keys().chain(now.keys()).find(|field| before.get(*field) != now.get(*field)).cloned()
}
