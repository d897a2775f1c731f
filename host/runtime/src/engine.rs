//! The engine: wasmtime, its threads, and what all plugins share.

use std::{
    num::NonZeroUsize,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio::{runtime::Runtime, sync::Semaphore};
use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, ModuleVersionStrategy, OptLevel, PoolingAllocationConfig, Strategy,
    WasmBacktraceDetails, WasmFeatures,
    component::{Component, Linker},
};

use crate::{
    Admission, EgressPolicy,
    admission::Gate,
    cache::Cache,
    call::CallState,
    capabilities,
    egress::Egress,
    limits::{MAX_INSTANCE_SIZE, MAX_INSTANCES, MAX_MEMORY, MAX_TABLE_ELEMENTS},
    ticker,
};

/// The exact version, which wasmtime's own check of compiled code does not ask for, and a number to
/// raise when code generation must change.
const CODE_VERSION: &str = "wasmtime-48.0.8/iap-1";
/// Calls that the pool has room for; admission keeps below.
const MAX_CALLS: usize = 1_024;
/// A reservation that needs no bounds checks, and one that fits where address space is scarce.
const RESERVATIONS: [(u64, u64); 2] = [(4 << 30, 32 << 20), (MAX_MEMORY as u64, 64 << 10)];

/// How an engine is set up.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// Where compiled code is kept; without it every start compiles.
    pub cache_dir: Option<PathBuf>,
    /// Authenticates compiled code. Derive it from the host's master key; others who can write to the
    /// directory must not know it.
    pub cache_key: [u8; 32],
    /// Threads that run plugins; 0 for one less than there are processors.
    pub workers: usize,
    /// Private networks that plugins may reach.
    pub egress: EgressPolicy,
    /// How many calls run and wait.
    pub admission: Admission,
    /// Counts what guests compute, for [`Ended::fuel`](crate::Ended::fuel). They run more slowly; nothing that serves
    /// has it on.
    pub fuel: bool,
}

/// Why no engine could be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// wasmtime refused, most often because no address space is left.
    #[error("the sandbox cannot start: {0}; check `ulimit -v` and the container's memory limits")]
    Sandbox(String),
    /// A thread could not be started.
    #[error("the sandbox's threads cannot start: {0}")]
    Threads(std::io::Error),
    /// The directory of compiled code cannot be made.
    #[error("cache directory {0:?} cannot be created: {1}")]
    CacheDir(PathBuf, std::io::Error),
    /// The HTTP client could not be made.
    #[error("the HTTP client cannot start: {0}")]
    Http(std::io::Error),
}

/// Runs plugins. One for each process.
pub struct Engine {
    pub(crate) wasm: wasmtime::Engine,
    pub(crate) linker: Linker<CallState>,
    pub(crate) egress: Arc<Egress>,
    pub(crate) gate: Arc<Gate>,
    /// Calls that run; the ticker slows down without them.
    pub(crate) running: Arc<AtomicUsize>,
    /// Whether stores count fuel.
    pub(crate) fuel: bool,
    /// One component is compiled at a time.
    pub(crate) compiling: Arc<Semaphore>,
    /// Whether a call has run.
    pub(crate) served: AtomicBool,
    cache: Option<Cache>,
    workers: Option<Runtime>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(workers) = self.workers.take() {
            workers.shutdown_background();
        }
    }
}

impl Engine {
    /// Sets up wasmtime, its threads and the HTTP client.
    pub fn new(options: EngineOptions) -> Result<Arc<Self>, SetupError> {
        let calls = options.admission.host.clamp(1, MAX_CALLS);
        let admission = Admission { host: calls, ..options.admission };
        let sandbox = |error: wasmtime::Error| SetupError::Sandbox(format!("{error:#}"));
        // The pool reserves its address space at once, so that making it is the probe.
        let [roomy, scarce] = RESERVATIONS;
        let (wasm, reservation) = match make(calls, roomy, options.fuel) {
            Ok(engine) => (engine, roomy.0),
            Err(error) => {
                tracing::warn!("address space is scarce ({error:#}): plugins run with bounds checks, more slowly");
                (make(calls, scarce, options.fuel).map_err(sandbox)?, scarce.0)
            }
        };
        let mut linker = Linker::new(&wasm);
        capabilities::link(&mut linker).map_err(sandbox)?;
        let cache = match options.cache_dir {
            None => None,
            Some(directory) => {
                let counting = if options.fuel { "/fuel" } else { "" };
                let tag = format!("{CODE_VERSION}/{reservation}{counting}");
                let cache = Cache::open(directory.clone(), options.cache_key, &tag);
                Some(cache.map_err(|error| SetupError::CacheDir(directory, error))?)
            }
        };
        let running = Arc::new(AtomicUsize::new(0));
        ticker::start(wasm.weak(), running.clone()).map_err(SetupError::Threads)?;
        Ok(Arc::new(Self {
            linker,
            egress: Arc::new(Egress::new(options.egress).map_err(SetupError::Http)?),
            gate: Arc::new(Gate::new(admission)),
            running,
            fuel: options.fuel,
            compiling: Arc::new(Semaphore::new(1)),
            served: AtomicBool::new(false),
            cache,
            workers: Some(workers(options.workers).map_err(SetupError::Threads)?),
            wasm,
        }))
    }

    /// Calls that run now, for a gauge.
    pub fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    /// Runs a task among the plugins.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        match &self.workers {
            Some(workers) => workers.spawn(task),
            None => unreachable!("the workers are only taken by drop"),
        }
    }

    /// Compiled code from the cache, if it is there.
    pub(crate) fn compiled(&self, bytes: &[u8]) -> Option<Component> {
        let code = self.cache.as_ref()?.get(bytes)?;
        // SAFETY: the MAC proves that this host made the code with `Component::serialize`, and
        // wasmtime checks that version and configuration are its own.
        match unsafe { Component::deserialize(&self.wasm, &code) } {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!("a compiled component is stale and is compiled again: {error:#}");
                None
            }
        }
    }

    /// Compiles, and keeps the code. Takes up to a minute: see [`Engine::compile_thread`].
    pub(crate) fn compile(&self, bytes: &[u8]) -> wasmtime::Result<Component> {
        let component = Component::from_binary(&self.wasm, bytes)?;
        if let Some(cache) = &self.cache
            && let Err(error) = cache.put(bytes, &component.serialize()?)
        {
            tracing::warn!("compiled code could not be cached: {error}");
        }
        Ok(component)
    }
}

fn workers(threads: usize) -> std::io::Result<Runtime> {
    let threads = match threads {
        0 => std::thread::available_parallelism().map_or(1, NonZeroUsize::get).saturating_sub(1).max(1),
        n => n,
    };
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("iap-plugin")
        // Every turn of a guest may be a whole tick: look for events and new calls after each.
        .event_interval(1)
        .global_queue_interval(1)
        .enable_all()
        .build()
}

fn make(calls: usize, (reservation, guard): (u64, u64), fuel: bool) -> wasmtime::Result<wasmtime::Engine> {
    let mut config = Config::new();
    config.strategy(Strategy::Cranelift).cranelift_opt_level(OptLevel::Speed);
    config.wasm_component_model(true).concurrency_support(false);
    config
        .shared_memory(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false);
    let off =
        WasmFeatures::GC | WasmFeatures::EXCEPTIONS | WasmFeatures::FUNCTION_REFERENCES | WasmFeatures::STACK_SWITCHING;
    config.wasm_features(off, false).gc_support(false);
    // Processor time is measured, and the epoch interrupts. Fuel beside it made parsing JSON take 30 %
    // longer, and nothing here is priced by it: only who measures a release asks for it.
    config.epoch_interruption(true).consume_fuel(fuel);
    // The same call gives the same bytes on every processor, so a recorded call can be repeated.
    config.cranelift_nan_canonicalization(true);
    config.max_wasm_stack(512 << 10).async_stack_size(2 << 20);
    config.wasm_backtrace_max_frames(NonZeroUsize::new(16)).wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config.memory_init_cow(true).memory_reservation(reservation).memory_guard_size(guard).memory_may_move(false);
    config.module_version(ModuleVersionStrategy::Custom(CODE_VERSION.to_owned()))?;
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(u32::try_from(calls)?)));
    wasmtime::Engine::new(&config)
}

fn pool(calls: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    let most = MAX_INSTANCES as u32;
    // wit-component makes three core instances of one module; a JavaScript runtime a few more.
    pool.total_component_instances(calls)
        .total_core_instances(calls * 8)
        .total_memories(calls)
        .total_tables(calls * 8)
        .total_stacks(calls)
        .max_core_instances_per_component(most)
        .max_memories_per_component(1)
        .max_tables_per_component(most)
        .max_memories_per_module(1)
        .max_tables_per_module(most)
        .max_component_instance_size(MAX_INSTANCE_SIZE)
        .max_core_instance_size(MAX_INSTANCE_SIZE)
        .table_elements(MAX_TABLE_ELEMENTS)
        .max_memory_size(MAX_MEMORY);
    // Pages that stay with a slot are cleared by hand instead of being given back to the system and
    // faulted in again; with the kernel's pagemap scan only those that were written.
    pool.linear_memory_keep_resident(2 << 20)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(0)
        .max_unused_warm_slots(64)
        .decommit_batch_size(1)
        .pagemap_scan(Enabled::Auto);
    pool
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_reservations_make_an_engine() {
        for reservation in RESERVATIONS {
            assert!(make(4, reservation, false).is_ok(), "{reservation:?}");
        }
    }

    #[test]
    fn the_code_version_names_the_wasmtime_in_use() {
        // The lock file is what is really built.
        let lock = include_str!("../../../Cargo.lock");
        let (_, after) = lock.split_once("name = \"wasmtime\"\nversion = \"").unwrap();
        let (version, _) = after.split_once('"').unwrap();
        assert!(CODE_VERSION.starts_with(&format!("wasmtime-{version}/")), "{version}");
    }
}
