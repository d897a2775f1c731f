//! Where code is compiled: one component at a time, on a thread that gives way to calls.
//!
//! Compiling takes up to a minute. It uses one thread (wasmtime's parallel compilation is not built in), so that at
//! least one processor stays with the calls; once the host has served, that thread also runs at a lower priority.

use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use crate::{Engine, LoadError};

/// Stack of a compiling thread, in bytes: the same wherever a component is compiled, so that one that compiled when it was
/// checked does not overflow it when it is loaded.
const STACK: usize = 4 << 20;
/// How much a compiling thread gives way, in steps of nice: a tenth of a processor that calls want, all of an idle one.
const NICE: libc::c_int = 10;

impl Engine {
    /// Runs work that compiles on a thread of its own, after the work that came before.
    pub(crate) async fn compile_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LoadError> {
        let turn = self.compiling.clone().acquire_owned().await.map_err(|_| LoadError::Stopped)?;
        // A host that starts has nobody to give way to.
        let give_way = self.served.load(Ordering::Relaxed);
        let (done, result) = oneshot::channel();
        // Not of a pool: a thread cannot raise its priority again.
        let thread = std::thread::Builder::new().name("iap-compile".to_owned()).stack_size(STACK);
        let started = thread.spawn(move || {
            if give_way {
                lower_priority();
            }
            // Whoever waited may have gone.
            drop(done.send(work()));
            drop(turn);
        });
        started.map_err(|error| LoadError::Component(format!("no thread can be started: {error}")))?;
        result.await.map_err(|_| LoadError::Component("the compiler failed".to_owned()))
    }
}

fn lower_priority() {
    // SAFETY: plain numbers go in. On Linux 0 is the calling thread; it is no harm if the call fails.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
}
