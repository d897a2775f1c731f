//! Runs of a plugin's jobs.

use std::sync::Arc;

use iap_core::{
    Time,
    hosting::Door,
    ids::{CallId, HoldId},
    ledger::HoldState,
    manifest::Operation,
};
use iap_runtime::{CallGrant, Context, Failure, Fault, Job};
use iap_store::{
    Statement, StoreError,
    repositories::{CallRow, CallState, JobRow},
};

use super::{Outcome, store_failed};
use crate::{
    accounts::{self, Met},
    app::App,
    calls::{Caller, JobContext, Ledgered, OfHold, end_of_job, settle_job, unknown},
    catalog::Service,
};

/// Seconds until a job of an account that is stopped is looked at again.
const STOPPED: i64 = 60;
/// Seconds until a job of a service that is suspended, or that no release serves, is looked at again.
const HELD_UP: i64 = 10;

/// Whether the host has stopped posting for the account of a job.
async fn is_stopped(app: &App, job: &JobRow) -> Result<bool, StoreError> {
    match job.account {
        Some(account) => app.store.accounts().is_stopped(account).await,
        None => Ok(false),
    }
}

pub(super) async fn run(app: &Arc<App>, job: &JobRow) -> Outcome {
    let Some(usual) = app.catalog.by_id(job.service) else {
        return Outcome::Again { why: "its service is not loaded".to_owned(), after: Some(60) };
    };
    let account = match job.account {
        Some(account) => match app.store.accounts().get(account).await {
            Ok(row) => row,
            Err(error) => return store_failed(&error),
        },
        None => None,
    };
    let service = app.catalog.serving(&usual, account.as_ref());
    let question = match question(app, job).await {
        Ok(Question::None) => None,
        Ok(Question::Open { until }) if until <= app.store.clock().now() => {
            return Outcome::Dead(super::sweep::NOBODY_KNOWS.to_owned());
        }
        Ok(Question::Open { until }) => Some(until),
        Ok(Question::Early { due }) => return Outcome::Later(due),
        Ok(Question::Answered) => return Outcome::Done(Vec::new()),
        Err(error) => return store_failed(&error),
    };
    let Some(release) = &service.release else { return Outcome::Dead("its service is a remote provider".to_owned()) };
    let now = app.store.clock().now();
    if service.status.has_ended(now) && job.hold.is_none() {
        return Outcome::Dead("its service has ended".to_owned());
    }
    if service.status.is_held_up() {
        return Outcome::Later(now.plus_seconds(HELD_UP));
    }
    match is_stopped(app, job).await {
        // It could not settle what it does. The operator looks at the account; then the job goes on.
        Ok(true) => return Outcome::Later(now.plus_seconds(STOPPED)),
        Ok(false) => {}
        Err(error) => return store_failed(&error),
    }
    let backend = match backend(app, &service, job).await {
        Ok(backend) => Arc::new(backend),
        Err(error) => return store_failed(&error),
    };
    let context = Context {
        call_id: backend.call_id().to_string(),
        account_ref: job.account.map_or_else(String::new, |account| account.to_string()),
        standing: backend.standing().to_owned(),
        properties: backend.properties().to_vec(),
    };
    let run = Job {
        context,
        id: job.id.to_string(),
        name: job.name.clone(),
        payload: job.payload.clone(),
        attempt: u32::try_from(job.attempts).unwrap_or(u32::MAX),
        hold: job.hold,
    };
    let grant = CallGrant {
        // The mark of a free operation is worth nothing where the service may not be used any more.
        free: job.free && backend.standing() == "active",
        time: release.manifest().limits.job_time,
        account: job.account,
        ..CallGrant::default()
    };
    let plugin = match release.plugin(app).await {
        Ok(plugin) => plugin,
        Err(error) => return Outcome::Again { why: error.to_string(), after: Some(60) },
    };
    let ended = plugin.run_job(run, backend.clone(), grant).await;
    if let Err(error) = settle_job(&backend, job.hold, &ended).await {
        return Outcome::Again { why: error.to_string(), after: None };
    }
    // Kept, it is known what became of it, and the job is an ordinary one.
    let is_kept = job.hold.is_some_and(|hold| ended.kept_holds.contains(&hold));
    if let Some(until) = question
        && !is_kept
        && !matches!(ended.result, Err(Fault::Busy(_)))
    {
        return answered(app, &backend, job, until, ended.result).await;
    }
    match ended.result {
        // A hold that was kept again goes to another job; the call is not over.
        Ok(Ok(())) if !ended.kept_holds.is_empty() => Outcome::Done(backend.staged()),
        Ok(Ok(())) => done(&backend, job.hold).await,
        Ok(Err(Failure::ProviderUnavailable(after))) => {
            Outcome::Again { why: "the provider is not available".to_owned(), after }
        }
        Ok(Err(Failure::Internal(why))) => Outcome::Again { why: format!("internal: {why}"), after: None },
        Ok(Err(failure)) => Outcome::Dead(format!("{failure:?}")),
        Err(fault @ Fault::Busy(_)) => Outcome::NoRoom(fault.to_string()),
        Err(fault) => Outcome::Again { why: format!("{}: {fault}", fault.class()), after: None },
    }
}

/// What is stored with the end of a job that went well: what the plugin wanted, and the end of its call.
async fn done(backend: &Ledgered, hold: Option<HoldId>) -> Outcome {
    match end_of_job(backend, hold, None).await {
        Ok(ends) => Outcome::Done(backend.staged().into_iter().chain(ends).collect()),
        Err(error) => Outcome::Again { why: error.to_string(), after: None },
    }
}

/// What a job is about an outcome that was not known.
enum Question {
    /// Nothing: an ordinary job.
    None,
    /// It asks, until then.
    Open { until: Time },
    /// Its call may still run, until then.
    Early { due: Time },
    /// The hold has ended.
    Answered,
}

async fn question(app: &App, job: &JobRow) -> Result<Question, StoreError> {
    let (unknown::JOB, Some(hold), Some(call)) = (job.name.as_str(), job.hold, job.call) else {
        return Ok(Question::None);
    };
    let (hold, call) = (app.store.grants().hold(hold).await?, app.store.calls().get(call).await?);
    let Some((hold, call)) = hold.zip(call) else { return Ok(Question::Answered) };
    Ok(match hold.state {
        HoldState::Unknown => {
            let manifest = app.catalog.by_id(job.service);
            let manifest =
                manifest.as_ref().and_then(|service| service.release.as_ref()).map(|release| release.manifest());
            let ask_for =
                manifest.and_then(|manifest| manifest.operation(&call.operation)).map(|operation| operation.ask_for);
            let millis = ask_for.and_then(|time| i64::try_from(time.as_millis()).ok());
            let until = call.ended_at.zip(millis).map(|(since, millis)| since.plus_millis(millis));
            Question::Open { until: until.unwrap_or(hold.expires_at).min(hold.expires_at) }
        }
        HoldState::Live if call.state == CallState::Running || hold.expires_at <= app.store.clock().now() => {
            Question::Early { due: hold.expires_at.plus_seconds(1) }
        }
        // It was kept: by an earlier run that was cut off, or a job of the plugin's own has this name.
        HoldState::Live => Question::None,
        HoldState::Captured | HoldState::Released | HoldState::Expired => Question::Answered,
    })
}

/// Where an outcome stands after the plugin was asked and did not keep the hold: known if it captured or released it.
async fn answered(
    app: &App,
    backend: &Ledgered,
    job: &JobRow,
    until: Time,
    result: Result<Result<(), Failure>, Fault>,
) -> Outcome {
    let hold = match job.hold {
        Some(hold) => app.store.grants().hold(hold).await,
        None => Ok(None),
    };
    match hold {
        Ok(Some(hold)) if hold.state.is_live() => {
            let with = if matches!(result, Ok(Ok(()))) { backend.staged() } else { Vec::new() };
            let (why, after) = match result {
                Ok(Ok(())) => ("the plugin neither captured, released nor kept the hold".to_owned(), None),
                Ok(Err(Failure::ProviderUnavailable(after))) => ("the provider is not available".to_owned(), after),
                Ok(Err(failure)) => (format!("{failure:?}"), None),
                Err(fault) => (format!("{}: {fault}", fault.class()), None),
            };
            Outcome::Ask { why, after, until, with }
        }
        Ok(_) => {
            let with = if matches!(result, Ok(Ok(()))) { backend.staged() } else { Vec::new() };
            match end_of_job(backend, job.hold, None).await {
                Ok(ends) => Outcome::Done(with.into_iter().chain(ends).collect()),
                Err(error) => Outcome::Again { why: error.to_string(), after: None },
            }
        }
        Err(error) => store_failed(&error),
    }
}

/// Ends the call of a job that has failed for good: what its hold still has goes back. Answers what is stored with it.
pub(super) async fn bury(app: &Arc<App>, job: &JobRow, why: &str) -> Vec<Statement> {
    let Some(service) = app.catalog.by_id(job.service) else { return Vec::new() };
    let ended = match backend(app, &service, job).await {
        Ok(backend) => end_of_job(&backend, job.hold, Some(why.to_owned())).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    ended.unwrap_or_else(|error| {
        // The hold expires by itself at its time; the sweeper then lets go of the call's keys.
        tracing::error!(job.id = %job.id, error, "The call of a dead job was not ended");
        Vec::new()
    })
}

async fn backend(app: &Arc<App>, service: &Arc<Service>, job: &JobRow) -> Result<Ledgered, StoreError> {
    let met = met(app, service, job).await?;
    let call = job.call.unwrap_or(CallId(job.id.0));
    // The call that enqueued the job.
    let row = app.store.calls().get(call).await?;
    let JobContext { properties, hold: of } = JobContext::read(&job.context);
    let operation = row.as_ref().and_then(|row| operation(service, row));
    let of = of.or_else(|| Some(OfHold { lines: row.as_ref()?.lines.clone(), key: None }));
    let property = |wanted: &str| properties.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    let callback_url = property("callback_url");
    // What the call's own authorizations may cost, its jobs' may not pass either.
    let max_credits = property("max_credits").and_then(|credits| credits.parse().ok());
    let free = job.free && met.as_ref().is_none_or(|met| met.standing.refusal().is_none());
    let caller = Caller {
        service: Arc::clone(service),
        met,
        operation,
        door: "job",
        company: row.and_then(|row| row.company),
        max_credits,
        idempotency: None,
        callback_url,
        asks: None,
        free,
        properties,
    };
    Ok(Ledgered::resuming(Arc::clone(app), call, caller).with_hold(job.hold.zip(of)).at_depth(job.depth + 1))
}

/// The operation of the call that enqueued the job. What the job authorizes costs what it costs by now; its call's hold is
/// captured at the prices that it was obtained at.
fn operation(service: &Service, row: &CallRow) -> Option<Operation> {
    service.release.as_ref()?.manifest().operation(&row.operation).cloned()
}

async fn met(app: &App, service: &Service, job: &JobRow) -> Result<Option<Met>, StoreError> {
    let Some(account) = job.account else { return Ok(None) };
    let Some(account) = app.store.accounts().get(account).await? else { return Ok(None) };
    let database = match account.database {
        Some(id) => app.store.databases().get(id).await?,
        None => None,
    };
    // A hold that lives may still be captured or released, whatever has become of the account.
    let door = if job.hold.is_some() { Door::JobOfHold } else { Door::Job };
    let standing = accounts::ask(door, service, accounts::hosting_of(database.as_ref(), &app.config), Some(&account));
    Ok(Some(Met { account: Some(account), database, standing }))
}
