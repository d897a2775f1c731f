//! A loaded release, and how its exports are called.

use std::{
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::FutureExt as _;
use iap_core::manifest::Manifest;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep_until},
};
use wasmtime::{Store, UpdateDeadline, component::Component};

use crate::{
    Backend, Engine, Settings, SettingsError, SizeClass,
    admission::Admitted,
    backend::{BoxFuture, Line},
    bindings::{Service, ServicePre},
    call::{Call, CallGrant, CallState, Failure, HookRequest, HookResponse, Job},
    egress::Meter,
    ended::{Ended, Fault, Limit},
    holds::Holds,
    limits::{Budget, HOST_CALL_BYTES, Kind, Limiter, MAX_HANDLES},
    redact::Redact,
    release::ReleaseError,
    settings::Settled,
};

/// What a release is loaded with.
#[derive(Clone, Debug)]
pub struct PluginSpec {
    /// The manifest of the release.
    pub manifest: Manifest,
    /// What the operator and vendor set.
    pub settings: Settings,
    /// Which limits it gets.
    pub class: SizeClass,
}

/// Why a release cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The component is not what a release must be.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// A setting cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// It does not compile, or asks for more than the sandbox has.
    #[error("the component cannot be loaded: {0}")]
    Component(String),
    /// The host stopped meanwhile.
    #[error("the host is shutting down")]
    Stopped,
}

/// A release, linked and ready: each call gets a fresh instance.
pub struct Plugin {
    engine: Arc<Engine>,
    service: ServicePre<CallState>,
    manifest: Manifest,
    class: SizeClass,
    settings: RwLock<Arc<Settled>>,
    calls: Arc<Semaphore>,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let service = &self.manifest.service;
        write!(f, "Plugin({} {})", service.name, service.version)
    }
}

/// More than a guest can use in the time that it has, where fuel is counted.
const FUEL: u64 = u64::MAX >> 1;

/// What a call of an export gives, before it is classified.
type Invoked<T> = wasmtime::Result<Result<T, Failure>>;

impl Engine {
    /// Loads a release that [`crate::release::read_release`] accepted. Compiles after others and apart from calls, unless
    /// the cache has the code.
    pub async fn load(self: &Arc<Self>, component: Vec<u8>, spec: PluginSpec) -> Result<Arc<Plugin>, LoadError> {
        if component.len() > spec.class.max_component_size() {
            return Err(ReleaseError::TooLarge(component.len()).into());
        }
        let settings = Settled::new(&spec.manifest, spec.settings.clone())?;
        let engine = self.clone();
        let looking = tokio::task::spawn_blocking(move || (engine.compiled(&component), component));
        let (compiled, component) = looking.await.map_err(|_| LoadError::Stopped)?;
        let engine = self.clone();
        let link = move |component: &Component| ServicePre::new(engine.linker.instantiate_pre(component)?);
        let engine = self.clone();
        let service = match compiled {
            Some(compiled) => link(&compiled),
            None => self.compile_thread(move || link(&engine.compile(&component)?)).await?,
        };
        let service = service.map_err(|error| LoadError::Component(format!("{error:#}")))?;
        Ok(self.plugin(service, settings, spec))
    }

    pub(crate) fn plugin(
        self: &Arc<Self>,
        service: ServicePre<CallState>,
        settings: Settled,
        spec: PluginSpec,
    ) -> Arc<Plugin> {
        Arc::new(Plugin {
            service,
            class: spec.class,
            settings: RwLock::new(Arc::new(settings)),
            calls: self.gate.of_plugin(),
            manifest: spec.manifest,
            engine: self.clone(),
        })
    }
}

impl Plugin {
    /// The manifest it was loaded with.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Changes the settings for calls that begin from now on.
    pub fn configure(&self, settings: Settings) -> Result<(), SettingsError> {
        let settled = Arc::new(Settled::new(&self.manifest, settings)?);
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settled;
        Ok(())
    }

    /// Invokes an operation. The call runs to its end even if this future is dropped, but then nobody
    /// settles its holds before they expire: await it in a task of its own.
    pub async fn handle(self: &Arc<Self>, call: Call, backend: Arc<dyn Backend>, grant: CallGrant) -> Ended<Vec<u8>> {
        let most = grant.max_output;
        self.run(Kind::Operation, backend, grant, move |store, service| {
            Box::pin(async move {
                let answer = service.iap_service_plugin().call_handle(store, &call.into()).await?;
                bounded(answer.map_err(Failure::from), most, Vec::len)
            })
        })
        .await
    }

    /// Asks for the lines that `handle` would authorize. The backend is asked for reads only.
    pub async fn quote(self: &Arc<Self>, call: Call, backend: Arc<dyn Backend>, grant: CallGrant) -> Ended<Vec<Line>> {
        self.run(Kind::Quote, backend, grant, move |store, service| {
            Box::pin(async move {
                let answer = service.iap_service_plugin().call_quote(store, &call.into()).await?;
                Ok(answer.map(|lines| lines.into_iter().map(Line::from).collect()).map_err(Failure::from))
            })
        })
        .await
    }

    /// Runs a job. See [`Plugin::handle`].
    pub async fn run_job(self: &Arc<Self>, job: Job, backend: Arc<dyn Backend>, grant: CallGrant) -> Ended<()> {
        self.run(Kind::Job, backend, grant, move |store, service| {
            Box::pin(async move {
                let answer = service.iap_service_plugin().call_run_job(store, &job.into()).await?;
                Ok(answer.map_err(Failure::from))
            })
        })
        .await
    }

    /// Answers a request to a hook; its inner result is never a failure. See [`Plugin::handle`].
    pub async fn on_request(
        self: &Arc<Self>,
        request: HookRequest,
        backend: Arc<dyn Backend>,
        grant: CallGrant,
    ) -> Ended<HookResponse> {
        let most = grant.max_output;
        self.run(Kind::Hook, backend, grant, move |store, service| {
            Box::pin(async move {
                let answer = service.iap_service_plugin().call_on_request(store, &request.into()).await?;
                let response = HookResponse::from(answer);
                if !(200..=599).contains(&response.status) {
                    return Err(wasmtime::Error::msg(format!("answered a hook with status {}", response.status)));
                }
                bounded(Ok(response), most, |response| {
                    response.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
                        + response.body.len()
                })
            })
        })
        .await
    }

    /// Makes an instance and drops it.
    pub(crate) async fn start(self: &Arc<Self>, backend: Arc<dyn Backend>, grant: CallGrant) -> Ended<()> {
        self.run(Kind::Quote, backend, grant, |_, _| Box::pin(async { Ok(Ok(())) })).await
    }

    async fn run<T, F>(self: &Arc<Self>, kind: Kind, backend: Arc<dyn Backend>, grant: CallGrant, invoke: F) -> Ended<T>
    where
        T: Redact + Send + 'static,
        F: for<'a> FnOnce(&'a mut Store<CallState>, &'a Service) -> BoxFuture<'a, Invoked<T>> + Send + 'static,
    {
        let arrived = Instant::now();
        let admitted = match self.engine.gate.admit(&self.calls, grant.account).await {
            Ok(admitted) => admitted,
            Err(busy) => return Ended::before_start(busy.into(), arrived.elapsed()),
        };
        let waited = arrived.elapsed();
        let this = self.clone();
        let task = self.engine.spawn(async move {
            let running = Running::begin(&this.engine.running);
            this.engine.served.store(true, Ordering::Relaxed);
            let ended = this.run_admitted(kind, backend, grant, waited, invoke).await;
            drop(running);
            drop::<Admitted>(admitted);
            ended
        });
        match task.await {
            Ok(ended) => ended,
            // A panic of the guest's side is caught below; this one is of what comes after.
            Err(_) => Ended::before_start(Fault::Host("the call's task failed".to_owned()), waited),
        }
    }

    async fn run_admitted<T, F>(
        &self,
        kind: Kind,
        backend: Arc<dyn Backend>,
        grant: CallGrant,
        waited: Duration,
        invoke: F,
    ) -> Ended<T>
    where
        T: Redact,
        F: for<'a> FnOnce(&'a mut Store<CallState>, &'a Service) -> BoxFuture<'a, Invoked<T>> + Send,
    {
        let started = Instant::now();
        let deadline = started + grant.time;
        let mut store = self.store(kind, backend, &grant, deadline);
        let (cpu, holds) = (store.data().cpu.clone(), store.data().holds.clone());
        let invoking = async {
            let service = self.service.instantiate_async(&mut store).await?;
            invoke(&mut store, &service).await
        };
        let timed = async {
            tokio::select! {
                biased;
                outcome = Timed { work: pin!(invoking), spent: &cpu } => Some(outcome),
                () = over(&holds, deadline) => None,
            }
        };
        let outcome = AssertUnwindSafe(timed).catch_unwind().await;
        let state = store.data_mut();
        // Whatever was under way in the ledger when the guest stopped has to be known before it is settled.
        state.holds.settle().await;
        let mut result = match outcome {
            Ok(Some(Ok(answer))) => Ok(answer),
            Ok(Some(Err(error))) => Err(Fault::classify(&error, &state.limiter, state.panic.take())),
            Ok(None) => Err(Fault::Limit(Limit::WallClock)),
            Err(panic) => Err(Fault::Host(format!("a capability panicked: {}", panic_message(&panic)))),
        };
        match &mut result {
            Ok(Ok(answer)) => answer.redact(&state.settings.needles),
            Ok(Err(failure)) => failure.redact(&state.settings.needles),
            Err(_) => {}
        }
        let mut ended = state.end(result, waited);
        ended.fuel = store.get_fuel().ok().map(|left| FUEL - left);
        drop(store);
        ended.duration = started.elapsed();
        ended
    }

    fn store(&self, kind: Kind, backend: Arc<dyn Backend>, grant: &CallGrant, deadline: Instant) -> Store<CallState> {
        let budget = Budget::of(kind, self.class);
        let state = CallState {
            kind,
            free: grant.free,
            deadline,
            budget,
            limiter: Limiter::new(self.manifest.limits.memory, self.class),
            cpu: Arc::default(),
            host_calls: 0,
            jobs: 0,
            callbacks: 0,
            log_bytes: 0,
            panic: None,
            settings: self.settings.read().unwrap_or_else(PoisonError::into_inner).clone(),
            backend,
            egress: self.engine.egress.clone(),
            holds: Holds::new(grant.patience),
            meter: Arc::new(Meter::default()),
        };
        let mut store = Store::new(&self.engine.wasm, state);
        store.limiter(|state| &mut state.limiter);
        if self.engine.fuel {
            // An engine that counts takes any amount.
            drop(store.set_fuel(FUEL));
        }
        store.set_hostcall_fuel(HOST_CALL_BYTES);
        store.set_max_component_handles(MAX_HANDLES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut context| {
            let state = context.data_mut();
            if state.budget.cpu.as_nanos() < u128::from(state.cpu.load(Ordering::Relaxed)) {
                state.limiter.exceeded = Some(Limit::Cpu);
                return Ok(UpdateDeadline::Interrupt);
            }
            Ok(UpdateDeadline::Yield(1))
        });
        store
    }
}

fn bounded<T>(answer: Result<T, Failure>, most: usize, size: impl FnOnce(&T) -> usize) -> Invoked<T> {
    match answer {
        Ok(answer) if size(&answer) > most => Err(wasmtime::Error::new(Limit::Output)),
        answer => Ok(answer),
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// Counts a running call for the ticker.
struct Running<'a>(&'a AtomicUsize);

impl<'a> Running<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Shortest sleep while a ledger step is under way and the end of a guest's time moves with it.
const SHORTEST: Duration = Duration::from_millis(10);

/// Resolves when the guest's time is over. What it waits for the ledger does not count, up to a bound.
async fn over(holds: &Holds, deadline: Instant) {
    loop {
        let (end, now) = (deadline + holds.waited(), Instant::now());
        if end <= now {
            return;
        }
        sleep_until(end.max(now + SHORTEST)).await;
    }
}

/// Adds up the processor time of work, from each poll to its return. A guest that computes yields
/// every tick, so that the sum is never far behind. On a crowded machine the clock on the wall would
/// charge a guest for its neighbours.
struct Timed<'a, F> {
    work: Pin<&'a mut F>,
    spent: &'a AtomicU64,
}

impl<F: Future> Future for Timed<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let began = processor_nanos();
        let outcome = self.work.as_mut().poll(context);
        self.spent.fetch_add(processor_nanos().saturating_sub(began), Ordering::Relaxed);
        outcome
    }
}

/// Processor time of this thread, in nanoseconds.
fn processor_nanos() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the answer. A failure, which no supported system knows,
    // leaves it at zero.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    let (seconds, nanos) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_nsec).unwrap_or(0));
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}
