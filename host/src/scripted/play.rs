//! Plays a test: what happens, one step after another.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use iap_core::{
    Credits,
    ids::{CallId, JobId},
    manifest::Operation,
    natural_keys::natural_keys,
    prices::{Caps, PricedLine, PricedLines, price_lines},
};
use iap_runtime::{Call, CallGrant, Context, Ended, HookRequest, Job, Plugin, backend::Remembered};
use serde_json::Value;
use url::Url;

use super::{
    backend::{Run, lock},
    documents,
    fault::{Answer, Fault, Moments},
    outcome::{Outcome, Seen, Spent},
    preflight,
    providers::{Otherwise, Providers, Received},
    script::{Action, Hook, Step, Test},
    settle::JobEnd,
    subject::{HOOKS, ScriptedError, Subject},
    world::{self, ACCOUNT, CallRecord, Posted, Queued, World},
};

/// Longest time of a call where a provider never answers, so that tests end.
const TIGHT: Duration = Duration::from_secs(2);
/// Most runs of jobs of one step.
const MOST_RUNS: usize = 1_000;
/// Most times that the clock is moved to the next job, to let all of them end.
const MOST_WAITS: usize = 200;
/// How a test is played.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// What goes wrong.
    pub fault: Option<Fault>,
    /// What unexpected requests get.
    pub otherwise: Otherwise,
    /// Lets time go by at the end until no job waits.
    pub drain: bool,
}

impl Default for How {
    fn default() -> Self {
        Self { fault: None, otherwise: Otherwise::Unexpected, drain: false }
    }
}

/// How a test went.
#[derive(Clone, Debug)]
pub struct Played {
    /// Step by step.
    pub steps: Vec<Seen>,
    /// Runs of jobs that ended in a fault: the job's name, and the fault.
    pub job_faults: Vec<(String, iap_runtime::Fault)>,
    /// Most bytes of linear memory of a job's run.
    pub job_memory: u64,
    /// Jobs went on enqueueing each other without end.
    pub endless: bool,
    /// Credits taken.
    pub captured: Credits,
    /// Credits still set aside.
    pub held: Credits,
    /// Lines that were captured.
    pub lines: Vec<PricedLine>,
    /// Names of the jobs that were enqueued.
    pub jobs: Vec<String>,
    /// Jobs that failed for good, with the reason.
    pub dead: Vec<(String, String)>,
    /// Messages for the database: URL, media type, body.
    pub callbacks: Vec<(String, String, Vec<u8>)>,
    /// Lines of the log.
    pub logs: Vec<String>,
    /// Requests to providers.
    pub received: Vec<Received>,
    /// Answers given less often than the script says: line, wanted, given.
    pub missed: Vec<(usize, u32, u32)>,
    /// How often the plugin came to where a fault may be.
    pub moments: Moments,
    /// On the real clock.
    pub time: Duration,
}

impl Subject {
    /// Plays a test. One at a time: tests of one subject share its settings.
    pub async fn play(&mut self, test: &Test, how: How) -> Result<Played, ScriptedError> {
        preflight::check(test, &self.manifest)?;
        let began = Instant::now();
        let providers = Providers::start(test.providers.clone(), how.otherwise, how.fault)?;
        let plugin = if how.fault == Some(Fault::Memory) { self.halved().await? } else { Arc::clone(&self.plugin) };
        plugin.configure(self.settings(test, &providers))?;
        let mut world = World::new(test.now, test.credits, test.standing.clone(), how.fault);
        for (key, answer) in &test.repeats {
            let known = world::Remembered { answer: answer.clone(), call: CallId(0), provisional: false };
            world.remembered.insert(key.clone(), known);
        }
        let silent = matches!(how.fault, Some(Fault::Request(Answer::Silent, _)));
        let mut playing = Playing {
            subject: self,
            plugin,
            test,
            world: Arc::new(Mutex::new(world)),
            longest: silent.then_some(TIGHT),
            job_faults: Vec::new(),
            job_memory: 0,
            endless: false,
        };
        let mut steps = Vec::new();
        for step in &test.steps {
            let before = lock(&playing.world).taken;
            let (outcome, spent) = playing.step(step).await;
            let charged = lock(&playing.world).taken.checked_sub(before).unwrap_or(Credits::ZERO);
            steps.push(Seen { outcome, charged, spent });
        }
        if how.drain {
            playing.drain().await;
        }
        let Playing { world, job_faults, job_memory, endless, .. } = playing;
        let world = lock(&world);
        let received = providers.received();
        let requests = u32::try_from(received.len()).unwrap_or(u32::MAX);
        Ok(Played {
            steps,
            job_faults,
            job_memory,
            endless,
            captured: world.taken,
            held: world.held(),
            lines: world.captured.clone(),
            jobs: world.stored.enqueued.clone(),
            dead: world.dead.clone(),
            callbacks: world.stored.callbacks.iter().cloned().map(told).collect(),
            logs: world.logs.iter().map(|(_, line)| line.clone()).collect(),
            received,
            missed: providers.missed(),
            moments: Moments { requests, ..world.moments },
            time: began.elapsed(),
        })
    }
}

fn told(posted: Posted) -> (String, String, Vec<u8>) {
    (posted.url, posted.content_type, posted.body)
}

struct Playing<'a> {
    subject: &'a Subject,
    plugin: Arc<Plugin>,
    test: &'a Test,
    world: Arc<Mutex<World>>,
    /// Longest time of a run, where it is less than the manifest's.
    longest: Option<Duration>,
    job_faults: Vec<(String, iap_runtime::Fault)>,
    job_memory: u64,
    endless: bool,
}

type Happened = (Outcome, Option<Spent>);

impl Playing<'_> {
    async fn step(&mut self, step: &Step) -> Happened {
        match &step.action {
            Action::Call { operation, input } => self.call(operation, input, false).await,
            Action::Quote { operation, input } => self.call(operation, input, true).await,
            Action::Job { name, payload } => self.job(name, payload).await,
            Action::Hook(hook) => self.hook(hook).await,
            Action::RunJobs => {
                self.run_jobs().await;
                (Outcome::Done, None)
            }
            Action::Advance(time) => {
                lock(&self.world).advance(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
                (Outcome::Done, None)
            }
        }
    }

    fn run(&self, call: CallId, free: bool) -> Run {
        let (world, manifest) = (Arc::clone(&self.world), Arc::clone(&self.subject.manifest));
        Run { world, manifest, call, has_account: true, free, depth: 0 }
    }

    fn grant(&self, time: Duration, free: bool) -> CallGrant {
        let time = self.longest.map_or(time, |longest| longest.min(time));
        CallGrant { free, time, account: Some(ACCOUNT), ..CallGrant::default() }
    }

    fn context(&self, call: CallId, properties: &[(String, String)]) -> Context {
        Context {
            call_id: call.to_string(),
            account_ref: ACCOUNT.to_string(),
            standing: self.test.standing.clone(),
            properties: properties.to_vec(),
        }
    }

    async fn call(&mut self, name: &str, input: &Value, is_quote: bool) -> Happened {
        let Some(operation) = self.subject.manifest.operation(name).cloned() else {
            return (Outcome::Refused(format!("there is no operation {name:?}")), None);
        };
        let (call, input, repeats) = match self.begin(&operation, input.clone()) {
            Ok(begun) => begun,
            Err(why) => return (Outcome::Refused(why), None),
        };
        let record = lock(&self.world).calls.get(&call).cloned().unwrap_or_default();
        let asked = Call {
            context: self.context(call, &record.properties),
            operation: operation.name.clone(),
            input: input.to_string().into_bytes(),
            repeats,
        };
        let grant = self.grant(self.subject.manifest.limits.time, record.free);
        let backend = Arc::new(self.run(call, record.free));
        if is_quote {
            let ended = self.plugin.quote(asked, backend, grant).await;
            let spent = Spent::from(&ended);
            return (quoted(&operation, self.test.max_credits, ended), Some(spent));
        }
        let ended = self.plugin.handle(asked, backend, grant).await;
        let spent = Spent::from(&ended);
        let unknown = lock(&self.world).settle_call(call, &operation, &input, &ended);
        let outcome = match ended.result {
            Ok(Ok(output)) => Outcome::Answered(output),
            Ok(Err(_)) | Err(_) if unknown => Outcome::Unknown,
            Ok(Err(failure)) => Outcome::Failed(failure),
            Err(fault) => Outcome::Fault(fault),
        };
        (outcome, Some(spent))
    }

    /// Opens a call: its documents, its natural keys and what was answered under them.
    fn begin(&self, operation: &Operation, mut input: Value) -> Result<(CallId, Value, Vec<Remembered>), String> {
        let mut world = lock(&self.world);
        let call = CallId(world.id());
        let folder = self.test.file.parent().unwrap_or(std::path::Path::new("."));
        documents::take(&mut world, &operation.blobs, &mut input, folder)?;
        let keys = match &operation.natural_key {
            Some(declared) => natural_keys(declared, &input).map_err(|error| error.to_string())?,
            None => Vec::new(),
        };
        let known = keys.iter().filter_map(|key| Some((key, world.remembered.get(key)?)));
        let repeats = known.map(|(key, known)| Remembered { key: key.clone(), answer: known.answer.clone() }).collect();
        let mut properties = self.test.properties.clone();
        properties.entry("door".to_owned()).or_insert_with(|| "rest".to_owned());
        if let Some(most) = self.test.max_credits {
            properties.insert("max_credits".to_owned(), most.to_string());
        }
        if let Some(url) = properties.get("callback_url").and_then(|url| Url::parse(url).ok()) {
            world.origins.insert(url.origin().ascii_serialization());
        }
        let record = CallRecord {
            operation: Some(operation.clone()),
            free: operation.free && self.test.standing == "active",
            max_credits: self.test.max_credits,
            properties: properties.into_iter().collect(),
            keys,
        };
        world.calls.insert(call, record);
        Ok((call, input, repeats))
    }

    /// A job that was enqueued by a free operation.
    async fn job(&mut self, name: &str, payload: &Value) -> Happened {
        let queued = {
            let mut world = lock(&self.world);
            let call = CallId(world.id());
            world.calls.insert(call, CallRecord { free: true, ..CallRecord::default() });
            Queued {
                id: JobId(world.id()),
                call: Some(call),
                name: name.to_owned(),
                payload: payload.to_string().into_bytes(),
                hold: None,
                dedupe_key: None,
                run_at: world.now,
                attempts: 0,
                free: true,
                depth: 0,
            }
        };
        let (_, ended) = self.run_job(&queued).await;
        // What comes of it is the step's to expect, not the job's to be dead of.
        lock(&self.world).dead.retain(|(dead, _)| dead != name);
        let spent = Spent::from(&ended);
        let outcome = match ended.result {
            Ok(Ok(())) => Outcome::Done,
            Ok(Err(failure)) => Outcome::Failed(failure),
            Err(fault) => Outcome::Fault(fault),
        };
        (outcome, Some(spent))
    }

    async fn run_job(&self, job: &Queued) -> (JobEnd, Ended<()>) {
        let call = job.call.unwrap_or(CallId(job.id.0));
        let record = lock(&self.world).calls.get(&call).cloned().unwrap_or_default();
        let run = Job {
            context: self.context(call, &record.properties),
            id: job.id.to_string(),
            name: job.name.clone(),
            payload: job.payload.clone(),
            attempt: job.attempts + 1,
            hold: job.hold,
        };
        let backend = Arc::new(Run { depth: job.depth, ..self.run(call, job.free) });
        let grant = self.grant(self.subject.manifest.limits.job_time, job.free);
        let ended = self.plugin.run_job(run, backend, grant).await;
        let end = lock(&self.world).settle_job(job, call, &ended);
        (end, ended)
    }

    async fn run_jobs(&mut self) {
        for _ in 0..MOST_RUNS {
            let due = {
                let world = lock(&self.world);
                let due = world.current.jobs.iter().filter(|job| job.run_at <= world.now);
                due.min_by_key(|job| (job.run_at, job.id)).cloned()
            };
            let Some(job) = due else { return };
            if lock(&self.world).forget_answered(&job) {
                continue;
            }
            let (_, ended) = self.run_job(&job).await;
            self.job_memory = self.job_memory.max(ended.peak_memory);
            if let Err(fault) = ended.result {
                self.job_faults.push((job.name, fault));
            }
        }
        self.endless = true;
    }

    /// Lets time go by until no job waits.
    async fn drain(&mut self) {
        for waits in 0..MOST_WAITS {
            self.run_jobs().await;
            let mut world = lock(&self.world);
            let Some(next) = world.current.jobs.iter().map(|job| job.run_at).min() else { return };
            if self.endless {
                return;
            }
            // What is tried again every second for a month has to end too.
            let least = match waits {
                ..20 => 0,
                20..100 => 3_600_000,
                _ => 24 * 3_600_000,
            };
            let wait = next.millis().saturating_sub(world.now.millis());
            world.advance(wait.max(least));
        }
    }

    async fn hook(&mut self, hook: &Hook) -> Happened {
        let service = &self.subject.manifest.service.name;
        let query = if hook.query.is_empty() { String::new() } else { format!("?{}", hook.query) };
        let mut headers = hook.headers.clone();
        headers.extend(hook.sign.as_ref().map(|sign| {
            let secret = self.test.secrets.get(&sign.key).cloned().unwrap_or_else(|| format!("test-{}", sign.key));
            (sign.header.clone(), sign.of(secret.as_bytes(), &hook.body))
        }));
        let request = HookRequest {
            method: hook.method.clone(),
            path: hook.path.clone(),
            url: format!("{HOOKS}/{service}/{}{query}", hook.path),
            headers: headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect(),
            body: hook.body.clone(),
            properties: Vec::new(),
        };
        let call = CallId(lock(&self.world).id());
        let backend = Arc::new(Run { has_account: false, ..self.run(call, false) });
        let grant = self.grant(Duration::from_secs(10), false);
        let ended = self.plugin.on_request(request, backend, grant).await;
        lock(&self.world).settle_hook(&ended);
        let spent = Spent::from(&ended);
        let outcome = match ended.result {
            Ok(Ok(response)) => Outcome::Hook(response),
            Ok(Err(failure)) => Outcome::Failed(failure),
            Err(fault) => Outcome::Fault(fault),
        };
        (outcome, Some(spent))
    }
}

fn quoted(operation: &Operation, max_credits: Option<Credits>, ended: Ended<Vec<iap_core::prices::Line>>) -> Outcome {
    match ended.result {
        Ok(Ok(lines)) if lines.is_empty() => Outcome::Quoted(PricedLines::default()),
        Ok(Ok(lines)) => match price_lines(operation, &lines, Caps { max_credits, ..Caps::default() }) {
            Ok(priced) => Outcome::Quoted(priced),
            Err(error) => Outcome::Refused(error.to_string()),
        },
        Ok(Err(failure)) => Outcome::Failed(failure),
        Err(fault) => Outcome::Fault(fault),
    }
}
